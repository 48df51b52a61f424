//! The links of a room: which peer connection joins which two.

use std::collections::BTreeMap;

use allo_protocol::{LinkId, ParticipantId};

/// The current link of each two who have one.
#[derive(Debug)]
pub(crate) struct Links {
    /// By the two ends, the lesser first. At most one for each two members.
    links: BTreeMap<(ParticipantId, ParticipantId), Link>,
    last: LinkId,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    /// The end that does not need it any more. When the other one does not either, the link is over.
    dropped_by: Option<ParticipantId>,
}

impl Links {
    /// Makes a room's links, none yet. Their numbers go on from `last`.
    pub(crate) fn new(last: LinkId) -> Self {
        Self { links: BTreeMap::new(), last }
    }

    /// Returns the current link of two.
    pub(crate) fn get(&self, a: &ParticipantId, b: &ParticipantId) -> Option<LinkId> {
        self.links.get(&ends(a, b)).map(|link| link.id)
    }

    /// Gives two a fresh link.
    pub(crate) fn make(&mut self, a: &ParticipantId, b: &ParticipantId) {
        self.last = LinkId(self.last.0.wrapping_add(1));
        self.links.insert(ends(a, b), Link { id: self.last, dropped_by: None });
    }

    /// Records that one end does not need a link any more. Returns whether that ends it.
    pub(crate) fn release(&mut self, from: &ParticipantId, to: &ParticipantId, id: LinkId) -> bool {
        let ends = ends(from, to);
        let Some(link) = self.links.get_mut(&ends).filter(|link| link.id == id) else { return false };
        let is_over = link.dropped_by.as_ref().is_some_and(|other| other == to);
        if is_over {
            self.links.remove(&ends);
        } else {
            link.dropped_by = Some(from.clone());
        }
        is_over
    }

    /// Takes back every word about links that are not needed: they are needed again.
    pub(crate) fn keep_all(&mut self) {
        self.links.values_mut().for_each(|link| link.dropped_by = None);
    }

    /// Ends every link of one member. Returns the other ends.
    pub(crate) fn remove(&mut self, id: &ParticipantId) -> Vec<(ParticipantId, LinkId)> {
        let mut removed = Vec::new();
        self.links.retain(|(a, b), link| {
            let other = if a == id { Some(b) } else { (b == id).then_some(a) };
            removed.extend(other.map(|other| (other.clone(), link.id)));
            other.is_none()
        });
        removed
    }
}

fn ends(a: &ParticipantId, b: &ParticipantId) -> (ParticipantId, ParticipantId) {
    if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ParticipantId {
        ParticipantId::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_link_is_over_when_both_ends_have_said_so() {
        let (ann, bob) = (id("b-ann"), id("a-bob"));
        let mut links = Links::new(LinkId(u32::MAX));
        links.make(&ann, &bob);
        let link = links.get(&bob, &ann).unwrap();
        assert!(!links.release(&ann, &bob, link));
        assert!(!links.release(&ann, &bob, link), "one end cannot say it for both");
        assert!(links.release(&bob, &ann, link));
        assert_eq!(links.get(&ann, &bob), None);
    }

    #[test]
    fn a_word_about_an_older_link_counts_for_nothing() {
        let (ann, bob) = (id("ann"), id("bob"));
        let mut links = Links::new(LinkId(u32::MAX));
        links.make(&ann, &bob);
        let old = links.get(&ann, &bob).unwrap();
        links.make(&ann, &bob);
        let new = links.get(&ann, &bob).unwrap();
        assert!(!links.release(&ann, &bob, old) && !links.release(&bob, &ann, old));
        assert!(!links.release(&ann, &bob, new));
        links.keep_all();
        assert!(!links.release(&bob, &ann, new), "what was said before does not count any more");
    }
}

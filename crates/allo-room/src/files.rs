//! Files that are offered in a room. Nothing of what is in them ever comes here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use allo_protocol::{FileId, FileOffer, ParticipantId};

use crate::name::parse_file_name;
use crate::refusal::Refusal;

/// Files that one participant offers at a time. The next one is refused.
const OFFERS_OF_ONE: usize = 8;

/// Files that are offered in a room at a time. The next one is refused.
const OFFERS_MAX: usize = 64;

/// Files that one participant receives at a time. The next one is refused.
///
/// Higher: more at once, each of them slower. Lower: who wants several has to wait for one after the other.
const RECEIVED_BY_ONE: usize = 3;

/// Files of a room that are under way at a time, each to as many as take it. The next one is refused.
///
/// Higher: a room can hold more of the media plane's memory, up to a quarter of a megabyte for each.
const UNDER_WAY_MAX: usize = 8;

/// The longest media type. A longer one counts as none.
const MEDIA_TYPE_BYTES: usize = 100;

/// What a file is that says nothing, or nonsense, about its type.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The files on offer, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Files {
    offered: Vec<Offered>,
    last: u32,
}

/// A file, and who receives it now.
#[derive(Debug)]
pub(crate) struct Offered {
    at: Instant,
    pub(crate) offer: FileOffer,
    pub(crate) takers: BTreeSet<ParticipantId>,
}

/// A file as a client offers it.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) reference: u32,
    pub(crate) to: Option<ParticipantId>,
    pub(crate) name: String,
    pub(crate) bytes: u32,
    pub(crate) media_type: String,
}

impl Files {
    /// Records an offer, and returns it as it is told.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        from: &ParticipantId,
        display_name: &str,
        file: NewFile,
        bytes_max: u32,
    ) -> Result<&FileOffer, Refusal> {
        if file.bytes == 0 || file.bytes > bytes_max {
            return Err(Refusal::FileSize { bytes_max });
        }
        let name = parse_file_name(&file.name).ok_or(Refusal::FileName)?;
        let of_one = self.offered.iter().filter(|offered| offered.offer.from == *from).count();
        if of_one >= OFFERS_OF_ONE || self.offered.len() >= OFFERS_MAX {
            return Err(Refusal::TooManyFiles);
        }
        self.last = self.last.wrapping_add(1);
        let offer = FileOffer {
            id: FileId(self.last),
            reference: file.reference,
            from: from.clone(),
            display_name: display_name.to_owned(),
            to: file.to,
            name,
            bytes: file.bytes,
            media_type: parse_media_type(&file.media_type),
            age_s: 0,
        };
        self.offered.push(Offered { at: now, offer, takers: BTreeSet::new() });
        let newest = self.offered.last().expect("one was just pushed");
        Ok(&newest.offer)
    }

    /// Returns what is offered to somebody, or by them.
    pub(crate) fn of(&self, now: Instant, reader: &ParticipantId) -> Vec<FileOffer> {
        let told = self.offered.iter().filter(|offered| is_for(&offered.offer, reader));
        told.map(|Offered { at, offer, .. }| {
            let age = now.saturating_duration_since(*at).as_secs();
            FileOffer { age_s: u32::try_from(age).unwrap_or(u32::MAX), ..offer.clone() }
        })
        .collect()
    }

    /// Takes back an offer of one's own.
    pub(crate) fn withdraw(&mut self, own: &ParticipantId, file: FileId) -> Result<Offered, Refusal> {
        let is_it = |offered: &Offered| offered.offer.id == file && offered.offer.from == *own;
        let index = self.offered.iter().position(is_it).ok_or(Refusal::NoSuchFile)?;
        Ok(self.offered.remove(index))
    }

    /// Takes back all offers of somebody.
    pub(crate) fn withdraw_all(&mut self, of: &ParticipantId) -> Vec<Offered> {
        self.offered.extract_if(.., |offered| offered.offer.from == *of).collect()
    }

    /// Lets somebody take a file. `None`: they are taking it already.
    pub(crate) fn accept(
        &mut self,
        taker: &ParticipantId,
        file: FileId,
    ) -> Result<Option<&FileOffer>, Refusal> {
        let received = self.offered.iter().filter(|offered| offered.takers.contains(taker)).count();
        let under_way = self.offered.iter().filter(|offered| !offered.takers.is_empty()).count();
        // Of what is for somebody else it is not told that it is there.
        let is_it = |offered: &&mut Offered| offered.offer.id == file && is_for(&offered.offer, taker);
        let offered = self.offered.iter_mut().find(is_it).ok_or(Refusal::NoSuchFile)?;
        if offered.offer.from == *taker {
            return Err(Refusal::NoSuchFile);
        }
        if offered.takers.contains(taker) {
            return Ok(None);
        }
        if received >= RECEIVED_BY_ONE || (offered.takers.is_empty() && under_way >= UNDER_WAY_MAX) {
            return Err(Refusal::TooManyFiles);
        }
        offered.takers.insert(taker.clone());
        Ok(Some(&offered.offer))
    }

    /// Records that somebody receives a file no more. `None`: they did not.
    pub(crate) fn end(&mut self, taker: &ParticipantId, file: FileId) -> Option<&FileOffer> {
        let offered = self.offered.iter_mut().find(|offered| offered.offer.id == file)?;
        offered.takers.remove(taker).then_some(&offered.offer)
    }

    /// Ends all that somebody receives, and all that is received from them. Returns the senders and the takers.
    pub(crate) fn interrupt(&mut self, whom: &ParticipantId) -> BTreeMap<FileId, Offered> {
        let mut ended = BTreeMap::new();
        for offered in &mut self.offered {
            let is_theirs = |taker: &ParticipantId| taker == whom || offered.offer.from == *whom;
            let takers: BTreeSet<_> = offered.takers.extract_if(.., |taker| is_theirs(taker)).collect();
            if !takers.is_empty() {
                let offer = offered.offer.clone();
                ended.insert(offer.id, Offered { at: offered.at, offer, takers });
            }
        }
        ended
    }
}

/// Returns whether somebody is told of an offer.
pub(crate) fn is_for(offer: &FileOffer, reader: &ParticipantId) -> bool {
    offer.from == *reader || offer.to.as_ref().is_none_or(|to| to == reader)
}

/// Reads a media type without parameters (RFC 6838 §4.2).
fn parse_media_type(text: &str) -> String {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let is_good =
        text.len() <= MEDIA_TYPE_BYTES && text.split_once('/').is_some_and(|(a, b)| is_name(a) && is_name(b));
    if is_good { text.to_ascii_lowercase() } else { UNKNOWN_TYPE.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_of_two_names() {
        assert_eq!(parse_media_type("image/SVG+xml"), "image/svg+xml");
        for text in ["", "text", "text/html; charset=x", "a/b/c", "a/\"b", &"a/".repeat(60)] {
            assert_eq!(parse_media_type(text), UNKNOWN_TYPE, "{text:?}");
        }
    }
}

//! What stands in the way of somebody's media, as far as the others are told.

use std::time::{Duration, Instant};

use allo_protocol::MediaCondition;

/// Media that have not come about for so long are told to be late. Lower: the others hear of each slow start. Higher: they look
/// for longer at a place where nothing comes and nothing says why.
const LATE: Duration = Duration::from_secs(3);

/// How one participant's media fare.
///
/// ```text
///          offered, closed, refused ──────── 3 s ────────►
///  fine ◄─────────────────────────────────────────────────  told
///          connected         silent, blocked ─── at once ─►
/// ```
///
/// Of several troubles the gravest is told, so that attempts that fail in turn are one trouble and not many.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    trouble: Option<Trouble>,
    told: MediaCondition,
}

#[derive(Debug, Clone, Copy)]
struct Trouble {
    what: MediaCondition,
    tell_at: Instant,
}

impl Condition {
    /// Returns what the others were told last.
    pub(crate) fn told(&self) -> MediaCondition {
        self.told
    }

    /// Records that media flow.
    pub(crate) fn flows(&mut self) {
        self.trouble = None;
    }

    /// Records that media do not flow yet, or for now, which may be over soon.
    pub(crate) fn waits(&mut self, now: Instant, why: MediaCondition) {
        self.worsen(why, now + LATE);
    }

    /// Records a trouble that is worth a word at once.
    pub(crate) fn fails(&mut self, now: Instant, why: MediaCondition) {
        self.worsen(why, now);
    }

    /// Records that the way is not blocked, as was said; `flows`: and that media take it.
    pub(crate) fn unblocked(&mut self, now: Instant, flows: bool) {
        match &mut self.trouble {
            Some(trouble) if trouble.what == MediaCondition::Blocked && !flows => {
                *trouble = Trouble { what: MediaCondition::Late, tell_at: now };
            }
            Some(trouble) if trouble.what == MediaCondition::Blocked => self.trouble = None,
            _ => {}
        }
    }

    /// Brings what is told up to date. Returns whether it changed.
    pub(crate) fn settle(&mut self, now: Instant) -> bool {
        let is = match self.trouble {
            None => MediaCondition::Fine,
            Some(Trouble { what, tell_at }) if tell_at <= now => what,
            Some(_) => self.told,
        };
        std::mem::replace(&mut self.told, is) != is
    }

    /// Returns when there is something to tell.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.trouble.filter(|trouble| trouble.what != self.told).map(|trouble| trouble.tell_at)
    }

    fn worsen(&mut self, what: MediaCondition, tell_at: Instant) {
        let now = Trouble { what, tell_at };
        self.trouble = Some(self.trouble.map_or(now, |before| Trouble {
            what: before.what.max(what),
            tell_at: before.tell_at.min(tell_at),
        }));
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    fn told(condition: &mut Condition, now: Instant) -> Option<MediaCondition> {
        condition.settle(now).then(|| condition.told())
    }

    #[test]
    fn a_start_of_the_usual_length_is_not_worth_a_word() {
        let now = Instant::now();
        let mut condition = Condition::default();
        condition.waits(now, MediaCondition::Late);
        assert_eq!((told(&mut condition, now), condition.due()), (None, Some(now + LATE)));
        condition.flows();
        assert_eq!((told(&mut condition, now + LATE), condition.due()), (None, None));
    }

    #[test]
    fn attempts_that_fail_in_turn_are_one_trouble() {
        let now = Instant::now();
        let mut condition = Condition::default();
        condition.waits(now, MediaCondition::Late);
        condition.waits(now + LATE / 2, MediaCondition::Silent);
        assert_eq!(told(&mut condition, now + LATE), Some(MediaCondition::Silent));
        condition.waits(now + 2 * LATE, MediaCondition::Late);
        assert_eq!((told(&mut condition, now + 9 * LATE), condition.due()), (None, None));
        condition.flows();
        assert_eq!(told(&mut condition, now + 9 * LATE), Some(MediaCondition::Fine));
    }

    #[test]
    fn a_block_is_told_at_once_and_ends_with_a_word_or_with_media() {
        let now = Instant::now();
        let mut condition = Condition::default();
        for flows in [true, false] {
            condition.fails(now, MediaCondition::Blocked);
            assert_eq!(told(&mut condition, now), Some(MediaCondition::Blocked));
            condition.unblocked(now, flows);
            let left = if flows { MediaCondition::Fine } else { MediaCondition::Late };
            assert_eq!(told(&mut condition, now), Some(left));
        }
        condition.flows();
        assert_eq!(told(&mut condition, now), Some(MediaCondition::Fine));
    }
}

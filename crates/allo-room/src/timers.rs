//! Deadlines, each under a key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A set of deadlines: one for each key, the earliest found in logarithmic time.
///
/// It holds no more entries than there are connections, participants and rooms, which are bounded elsewhere.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_key: BTreeMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Clone> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Sets the deadline of `key`, in place of the one that it had.
    pub(crate) fn set(&mut self, key: K, at: Instant) {
        self.clear(&key);
        self.by_key.insert(key.clone(), at);
        self.by_time.insert((at, key));
    }

    /// Forgets the deadline of `key`.
    pub(crate) fn clear(&mut self, key: &K) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
        }
    }

    /// Returns the earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out a key whose deadline has come, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
    fn a_later_deadline_replaces_the_earlier_one() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::new();
        timers.set("a", after(1));
        timers.set("b", after(2));
        timers.set("a", after(3));
        assert_eq!(timers.next(), Some(after(2)));
        assert_eq!(timers.pop_due(after(1)), None);
        assert_eq!(timers.pop_due(after(5)), Some("b"));
        assert_eq!(timers.pop_due(after(5)), Some("a"));
        assert_eq!(timers.pop_due(after(5)), None);
    }
}

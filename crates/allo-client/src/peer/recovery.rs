//! What to do about a link that does not connect: restart ICE, and after several restarts ask for a new link.

use std::time::{Duration, Instant};

/// How long an attempt may take. Lower: a slow network never gets there; higher: people wait longer for the next attempt.
const ATTEMPT: Duration = Duration::from_secs(6);
/// How much longer the polite end waits, so that the two ends seldom restart at the same moment.
const POLITE_DELAY: Duration = Duration::from_millis(1500);
/// How long the server may take to say that whoever closed the link has left.
const GOODBYE: Duration = Duration::from_secs(2);
/// Restarts before the link is taken for one that cannot be mended.
const RESTARTS_MAX: u32 = 3;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Restart ICE; or offer, when nothing has been negotiated yet.
    Restart,
    /// Ask the server for a new link.
    Renew,
}

/// Watches over one link.
///
/// ```text
/// trying ──connected──► up ──interrupted──► trying ──6 s──► restart (3 times) ──6 s──► renew, and so on
///                        └──lost──► trying, restart at once
/// ```
#[derive(Debug)]
pub(crate) struct Recovery {
    is_polite: bool,
    restarts: u32,
    /// When to act; `None` while the link is up.
    due: Option<Instant>,
}

impl Recovery {
    /// Watches over a link that begins at `now`.
    pub(crate) fn new(now: Instant, is_polite: bool) -> Self {
        Self { is_polite, restarts: 0, due: Some(now + ATTEMPT + delay(is_polite)) }
    }

    /// The link is up.
    pub(crate) fn handle_connected(&mut self) {
        self.restarts = 0;
        self.due = None;
    }

    /// ICE is checking again; media may still go on.
    pub(crate) fn handle_checking(&mut self, now: Instant) {
        if self.due.is_none() {
            self.handle_restart(now);
        }
    }

    /// ICE has given up.
    pub(crate) fn handle_lost(&mut self, now: Instant) {
        let soon = now + delay(self.is_polite);
        // Once restarts have begun they keep their rhythm.
        if self.restarts == 0 {
            self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
        }
    }

    /// A restart began, at this end or at the other: it gets its time.
    pub(crate) fn handle_restart(&mut self, now: Instant) {
        self.due = Some(now + ATTEMPT + delay(self.is_polite));
    }

    /// The other end closed the link. Mostly it has left, which the server will say; if not, a new link is needed.
    pub(crate) fn handle_closed(&mut self, now: Instant) {
        self.restarts = RESTARTS_MAX;
        self.due = Some(now + GOODBYE);
    }

    /// Says what to do at `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Advice> {
        self.due.filter(|&due| due <= now)?;
        self.handle_restart(now);
        if self.restarts == RESTARTS_MAX {
            self.restarts = 0;
            return Some(Advice::Renew);
        }
        self.restarts += 1;
        Some(Advice::Restart)
    }

    /// Returns when to ask again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

fn delay(is_polite: bool) -> Duration {
    if is_polite { POLITE_DELAY } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::Advice::{Renew, Restart};
    use super::*;

    /// Follows the advice and returns it with the seconds at which it came.
    fn advice_within(recovery: &mut Recovery, start: Instant, seconds: u64) -> Vec<(u64, Advice)> {
        let times = (0..seconds * 10).map(|n| start + Duration::from_millis(n * 100));
        times.filter_map(|now| recovery.poll(now).map(|advice| ((now - start).as_secs(), advice))).collect()
    }

    #[test]
    fn a_link_that_never_connects_is_restarted_and_then_renewed() {
        let start = Instant::now();
        let mut recovery = Recovery::new(start, false);
        let advice = advice_within(&mut recovery, start, 31);
        assert_eq!(advice, [(6, Restart), (12, Restart), (18, Restart), (24, Renew), (30, Restart)]);
    }

    #[test]
    fn a_lost_link_is_restarted_at_once_by_the_impolite_end_and_a_little_later_by_the_polite_one() {
        let start = Instant::now();
        for (is_polite, after_ms) in [(false, 0), (true, 1500)] {
            let mut recovery = Recovery::new(start, is_polite);
            recovery.handle_connected();
            assert_eq!(recovery.poll_timeout(), None);
            recovery.handle_lost(start);
            assert_eq!(recovery.poll_timeout(), Some(start + Duration::from_millis(after_ms)));
        }
    }

    #[test]
    fn being_told_again_that_the_link_is_lost_does_not_hurry_restarts() {
        let start = Instant::now();
        let mut recovery = Recovery::new(start, false);
        recovery.handle_connected();
        recovery.handle_lost(start);
        assert_eq!(recovery.poll(start), Some(Advice::Restart));
        recovery.handle_lost(start + Duration::from_secs(1));
        assert_eq!(recovery.poll_timeout(), Some(start + ATTEMPT));
    }
}

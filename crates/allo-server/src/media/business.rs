//! How busy a worker is, so that newcomers can be refused while there is still enough for those inside.

use std::time::{Duration, Instant};

/// How long a worker is watched before it is judged.
const WINDOW: Duration = Duration::from_secs(1);

/// A window with so much work in it, in hundredths, is a busy one.
///
/// Higher: more people fit in, and a burst delays their packets more.
const BUSY_PERCENT: u32 = 90;

/// A window with less than this ends it: enough below, so that one who leaves does not let two in.
const CALM_PERCENT: u32 = 75;

/// Busy windows in a row before newcomers are refused: many who join at once make a worker busy for a moment.
const BUSY_WINDOWS: u32 = 3;

/// Measures the share of time that a worker works.
#[derive(Debug)]
pub(super) struct Business {
    began: Instant,
    /// When the work that goes on now began; `None` while the worker waits.
    working_since: Option<Instant>,
    worked: Duration,
    busy_windows: u32,
    is_overloaded: bool,
}

impl Business {
    /// Begins with a worker that works.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            working_since: Some(now),
            worked: Duration::ZERO,
            busy_windows: 0,
            is_overloaded: false,
        }
    }

    /// Records that the worker waits from now on.
    pub(super) fn rest(&mut self, now: Instant) {
        self.count(now);
        self.working_since = None;
    }

    /// Records that it works from now on. Returns whether it has too much to do for a newcomer.
    pub(super) fn work(&mut self, now: Instant) -> bool {
        self.count(now);
        self.working_since = Some(now);
        let passed = now.saturating_duration_since(self.began);
        if passed >= WINDOW {
            self.judge(passed);
            self.began = now;
            self.worked = Duration::ZERO;
        }
        self.is_overloaded
    }

    /// Returns when to look again although nothing happens: while newcomers are refused.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.is_overloaded.then(|| self.began + WINDOW)
    }

    fn count(&mut self, now: Instant) {
        if let Some(since) = self.working_since.replace(now) {
            self.worked += now.saturating_duration_since(since);
        }
    }

    fn judge(&mut self, passed: Duration) {
        let is_above = |percent: u32| self.worked * 100 >= passed * percent;
        self.busy_windows = if is_above(BUSY_PERCENT) { self.busy_windows + 1 } else { 0 };
        self.is_overloaded =
            self.busy_windows >= BUSY_WINDOWS || (self.is_overloaded && is_above(CALM_PERCENT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a worker work for so many hundredths of each second; returns after each whether it is overloaded.
    fn seconds(percents: &[u64]) -> Vec<bool> {
        let mut now = Instant::now();
        let mut business = Business::new(now);
        let mut judgements = Vec::new();
        for percent in percents {
            for _ in 0..10 {
                business.rest(now + Duration::from_millis(*percent));
                now += Duration::from_millis(100);
                judgements.push(business.work(now));
            }
        }
        judgements.into_iter().skip(9).step_by(10).collect()
    }

    #[test]
    fn a_moment_of_much_work_is_no_overload() {
        assert_eq!(seconds(&[100, 100, 50, 100, 100]), [false; 5]);
    }

    #[test]
    fn overload_ends_only_well_below_where_it_began() {
        let judgements = seconds(&[95, 95, 95, 80, 89, 76, 70, 89]);
        assert_eq!(judgements, [false, false, true, true, true, true, false, false]);
    }

    #[test]
    fn a_worker_that_has_nothing_to_do_is_looked_at_while_it_counts_as_overloaded() {
        let start = Instant::now();
        let mut business = Business::new(start);
        (1..=3).for_each(|n| {
            business.work(start + Duration::from_secs(n));
        });
        let now = start + Duration::from_secs(3);
        business.rest(now);
        assert_eq!(business.poll_timeout(), Some(now + WINDOW));
        assert!(!business.work(now + WINDOW));
        assert_eq!(business.poll_timeout(), None);
    }
}

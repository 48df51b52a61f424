//! When the next frame or packet is due, and its RTP time.

use std::time::{Duration, Instant};

/// How far sending may fall behind before it skips instead of catching up in a burst.
const BEHIND_MAX: Duration = Duration::from_millis(200);

/// A steady beat. RTP time and the clock move together, also over pauses.
#[derive(Debug)]
pub(crate) struct Pace {
    origin: Instant,
    clock_rate: u32,
    step: u32,
    ticks: u64,
}

impl Pace {
    /// Begins at `now`. There are `clock_rate` ticks in a second, and a beat every `step` of them.
    pub(crate) fn new(now: Instant, clock_rate: u32, step: u32) -> Self {
        Self { origin: now, clock_rate, step, ticks: 0 }
    }

    /// Returns when the next beat is.
    pub(crate) fn due(&self) -> Instant {
        let nanos = u128::from(self.ticks) * 1_000_000_000 / u128::from(self.clock_rate);
        self.origin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the RTP time of a beat that is due at `now`, and goes on to the next one.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<u64> {
        if now < self.due() {
            return None;
        }
        if now - self.due() > BEHIND_MAX {
            self.skip_to(now);
        }
        let ticks = self.ticks;
        self.ticks += u64::from(self.step);
        Some(ticks)
    }

    /// Leaves out the beats before `now`.
    pub(crate) fn skip_to(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin).as_nanos() * u128::from(self.clock_rate)
            / 1_000_000_000;
        let steps = u64::try_from(elapsed).unwrap_or(u64::MAX) / u64::from(self.step);
        self.ticks = self.ticks.max(steps * u64::from(self.step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_are_even_and_do_not_drift() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 90_000, 6_000);
        for n in 0..15_000 {
            let due = pace.due();
            assert_eq!(pace.poll(due), Some(n * 6_000));
        }
        assert_eq!(pace.due(), start + Duration::from_secs(1_000));
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 48_000, 960);
        assert_eq!(pace.poll(start), Some(0));
        assert_eq!(pace.poll(start + Duration::from_millis(19)), None);
        assert_eq!(pace.poll(start + Duration::from_millis(20)), Some(960));
    }

    #[test]
    fn a_long_pause_is_skipped_and_the_rtp_time_goes_on() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 48_000, 960);
        assert_eq!(pace.poll(start + Duration::from_secs(10)), Some(480_000));
        assert_eq!(pace.poll(start + Duration::from_secs(10)), None);
    }
}

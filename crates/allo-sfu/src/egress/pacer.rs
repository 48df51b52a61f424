//! How fast pictures go out.

use std::time::{Duration, Instant};

use crate::ids::Bitrate;

/// What goes out, in hundredths of what gets through.
///
/// Lower: keyframes take longer. Higher: they make longer queues on the way, which sound waits in, too.
const PACE_PERCENT: u64 = 250;
/// However narrow the link seems.
const PACE_MIN: Bitrate = Bitrate::kbps(400);

/// What goes out at once, at that pace, and in bytes at least.
///
/// Lower: frames are taken apart into trains of a few packets. Higher: a shallow queue on the way overflows.
const BURST: Duration = Duration::from_millis(20);
const BURST_MIN: u64 = 7_500;

/// How long it waits before it sends on. A shorter wait takes as much of the machine's time as a longer one, and brings less.
const WAIT: Duration = Duration::from_millis(3);

/// For how long after a hold there is no other: who shares the link with somebody greedy would see nothing any more.
const HOLD_PAUSE: Duration = Duration::from_secs(1);

/// A bucket that leaks at the pace. When it is full, pictures wait.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Bitrate,
    /// In bytes.
    level: u64,
    /// Since when the bucket has leaked, which is counted in whole bytes.
    at: Instant,
    held_until: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(now: Instant, through: Bitrate) -> Self {
        let mut pacer = Self { pace: PACE_MIN, level: 0, at: now, held_until: None };
        pacer.set_through(through);
        pacer
    }

    /// Takes what gets through.
    pub(crate) fn set_through(&mut self, through: Bitrate) {
        self.pace = through.percent(PACE_PERCENT).max(PACE_MIN);
    }

    /// Returns whether something may be sent now.
    pub(crate) fn is_free(&mut self, now: Instant) -> bool {
        self.leak(now);
        self.level < self.burst() && self.held_until.is_none_or(|until| until <= now)
    }

    /// Holds all pictures for so long, in which a queue on the way becomes shorter: what waits here does not wait there, where sound is behind
    /// it.
    pub(crate) fn hold(&mut self, now: Instant, wait: Duration) {
        if self.held_until.is_none_or(|until| now >= until + HOLD_PAUSE) {
            self.held_until = Some(now + wait);
        }
    }

    /// Records what was sent, of whatever kind.
    pub(crate) fn record(&mut self, bytes: usize) {
        self.level = self.level.saturating_add(bytes as u64);
    }

    /// Returns when to look again.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        let above = u128::from(self.level.saturating_sub(self.burst()) + 1);
        let wait = above * 8_000_000 / u128::from(self.pace.0.max(1));
        let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(u64::MAX).min(1_000_000));
        (self.at + wait).max(now + WAIT).max(self.held_until.unwrap_or(now))
    }

    fn burst(&self) -> u64 {
        (self.pace.0 * u64::try_from(BURST.as_millis()).unwrap_or(0) / 8_000).max(BURST_MIN)
    }

    fn leak(&mut self, now: Instant) {
        if self.level == 0 {
            self.at = now.max(self.at);
            return;
        }
        let passed = now.saturating_duration_since(self.at).as_micros();
        let leaked = u128::from(self.pace.0) * passed / 8_000_000;
        if let Ok(leaked @ 1..) = u64::try_from(leaked) {
            self.level = self.level.saturating_sub(leaked);
            self.at = now;
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_out_at_once_and_a_keyframe_at_the_pace() {
        let mut now = Instant::now();
        let start = now;
        let mut pacer = Pacer::new(now, Bitrate::kbps(1_000));
        let mut send = |packets: u32, now: &mut Instant| {
            for _ in 0..packets {
                while !pacer.is_free(*now) {
                    *now = pacer.due(*now);
                }
                pacer.record(1_000);
            }
        };
        send(5, &mut now);
        assert_eq!(now, start);
        send(95, &mut now);
        // 100 kB less the burst at 2.5 Mbit/s.
        let took = now - start;
        assert!((280..310).contains(&took.as_millis()), "{took:?}");
        now += Duration::from_secs(1);
        let later = now;
        send(7, &mut now);
        assert_eq!(now, later);
    }

    #[test]
    fn a_hold_ends_by_itself_and_is_not_followed_by_another_at_once() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, Bitrate::kbps(1_000));
        let after = |ms| start + Duration::from_millis(ms);
        pacer.hold(start, Duration::from_millis(200));
        assert!(
            !pacer.is_free(after(199)) && pacer.due(after(10)) == after(200) && pacer.is_free(after(200))
        );
        pacer.hold(after(1_100), Duration::from_millis(200));
        assert!(pacer.is_free(after(1_101)));
        pacer.hold(after(1_200), Duration::from_millis(200));
        assert!(!pacer.is_free(after(1_399)));
    }
}

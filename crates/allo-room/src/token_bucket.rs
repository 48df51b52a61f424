//! How often something may happen.

use std::time::{Duration, Instant};

/// Lets `burst` things happen at once and `per_second` of them for long.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    interval: Duration,
    burst: u32,
    /// When the bucket is, or was, full. Never further ahead than `burst` intervals.
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// Makes a full bucket. Both numbers count as at least one.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self::every(Duration::from_secs(1) / per_second.max(1), burst)
    }

    /// Makes a full bucket that gets one token each `interval`. It holds at least one.
    pub fn every(interval: Duration, burst: u32) -> Self {
        Self { interval, burst: burst.max(1), full_at: None }
    }

    /// Puts one token back.
    pub fn give_back(&mut self) {
        self.full_at = self.full_at.and_then(|at| at.checked_sub(self.interval));
    }

    /// Returns whether it is as full as it can be: then it is like a new one.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|at| at <= now)
    }

    /// Takes one token; returns `false`, and takes nothing, when there is none.
    pub fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.interval;
        let is_allowed = full_at.saturating_duration_since(now) <= self.interval * self.burst;
        if is_allowed {
            self.full_at = Some(full_at);
        }
        is_allowed
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_next_waits_for_its_turn() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(50, 200);
        assert_eq!((0..1000).filter(|_| bucket.take(now)).count(), 200);
        assert!(!bucket.take(now + Duration::from_millis(19)));
        assert!(bucket.take(now + Duration::from_millis(20)));
        assert!(!bucket.take(now + Duration::from_millis(20)));
    }

    #[test]
    fn a_long_rest_fills_the_bucket_and_no_more() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(1, 3);
        assert!(bucket.take(now));
        let later = now + Duration::from_hours(1);
        assert_eq!((0..10).filter(|_| bucket.take(later)).count(), 3);
    }
}

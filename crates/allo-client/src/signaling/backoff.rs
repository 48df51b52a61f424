//! How long to wait before connecting again.

use std::time::Duration;

/// The longest first wait. Lower: a lost connection is back sooner, a struggling server is asked more often.
const FIRST_MAX: Duration = Duration::from_millis(250);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Exponential backoff with full jitter: each wait is a random part of a bound that doubles, so that clients that lost their
/// server at the same moment do not come back at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: fastrand::Rng,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), attempts: 0 }
    }

    /// Begins anew after a success.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Returns how long to wait now.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let bound = (FIRST_MAX * 2_u32.saturating_pow(self.attempts.min(16))).min(WAIT_MAX);
        self.attempts = self.attempts.saturating_add(1);
        bound.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_a_bound_that_doubles_up_to_five_seconds() {
        for seed in 0..100 {
            let mut backoff = Backoff::new(seed);
            for bound_ms in [250, 500, 1000, 2000, 4000, 5000, 5000] {
                assert!(backoff.next_wait() <= Duration::from_millis(bound_ms), "seed {seed}");
            }
            backoff.reset();
            assert!(backoff.next_wait() <= FIRST_MAX, "seed {seed}");
        }
    }

    #[test]
    fn two_clients_do_not_wait_alike() {
        assert_ne!(Backoff::new(1).next_wait(), Backoff::new(2).next_wait());
    }
}

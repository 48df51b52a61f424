//! How long to wait before connecting again.

use std::time::Duration;

/// The longest first wait. Lower: a lost connection is back sooner, a struggling server is asked more often.
const FIRST_MAX: Duration = Duration::from_millis(250);
/// The longest wait. Lower: back sooner after a long blackout, whose end nobody tells; a struggling server is asked more often.
const WAIT_MAX: Duration = Duration::from_millis(1_500);
/// The shortest wait while a server restarts that said so. Lower: back sooner, and more who ask a server that is not there yet.
const RESTART_WAIT_MIN: Duration = Duration::from_millis(50);
/// How much longer such a wait may be. Lower: back sooner, and more who come in the same millisecond.
const RESTART_SPREAD: Duration = Duration::from_millis(300);
/// So often a server that restarts is awaited, some six seconds. Beyond, the waits double as after any other loss.
const RESTART_ATTEMPTS_MAX: u32 = 30;

/// Exponential backoff with full jitter: each wait is a random part of a bound that doubles, so that clients that lost their
/// server at the same moment do not come back at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: fastrand::Rng,
    attempts: u32,
    /// Attempts left for which the server is expected to be back at any moment.
    restart_attempts: u32,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), attempts: 0, restart_attempts: 0 }
    }

    /// Begins anew after a success.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
        self.restart_attempts = 0;
    }

    /// The server said that it restarts. After failures that counts for nothing: a server that says only this is not asked ever faster.
    pub(crate) fn expect_restart(&mut self) {
        if self.attempts == 0 {
            self.restart_attempts = RESTART_ATTEMPTS_MAX;
        }
    }

    /// Returns how long to wait now.
    pub(crate) fn next_wait(&mut self) -> Duration {
        if let Some(left) = self.restart_attempts.checked_sub(1) {
            self.restart_attempts = left;
            return RESTART_WAIT_MIN + RESTART_SPREAD.mul_f64(self.random.f64());
        }
        let bound = (FIRST_MAX * 2_u32.saturating_pow(self.attempts.min(16))).min(WAIT_MAX);
        self.attempts = self.attempts.saturating_add(1);
        bound.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_a_bound_that_doubles_up_to_a_second_and_a_half() {
        for seed in 0..100 {
            let mut backoff = Backoff::new(seed);
            for bound_ms in [250, 500, 1000, 1500, 1500] {
                assert!(backoff.next_wait() <= Duration::from_millis(bound_ms), "seed {seed}");
            }
            backoff.reset();
            assert!(backoff.next_wait() <= FIRST_MAX, "seed {seed}");
        }
    }

    #[test]
    fn a_server_that_restarts_is_awaited_without_patience_but_not_for_ever() {
        let mut backoff = Backoff::new(1);
        backoff.expect_restart();
        for _ in 0..RESTART_ATTEMPTS_MAX {
            let wait = backoff.next_wait();
            assert!((RESTART_WAIT_MIN..=RESTART_WAIT_MIN + RESTART_SPREAD).contains(&wait), "{wait:?}");
        }
        for bound_ms in [250, 500, 1000, 1500, 1500] {
            assert!(backoff.next_wait() <= Duration::from_millis(bound_ms));
        }
        backoff.expect_restart();
        let waits: Vec<_> = (0..10).map(|_| backoff.next_wait()).collect();
        assert!(waits.iter().any(|wait| *wait > RESTART_WAIT_MIN + RESTART_SPREAD), "{waits:?}");
    }

    #[test]
    fn a_hundred_who_await_a_restart_come_one_by_one() {
        let mut waits: Vec<_> = (0..100)
            .map(|seed| {
                let mut backoff = Backoff::new(seed);
                backoff.expect_restart();
                backoff.next_wait().as_millis()
            })
            .collect();
        waits.sort_unstable();
        let most = waits.chunk_by(|a, b| a == b).map(<[_]>::len).max();
        assert!(most.is_some_and(|most| most <= 5), "{waits:?}");
    }

    #[test]
    fn two_clients_do_not_wait_alike() {
        assert_ne!(Backoff::new(1).next_wait(), Backoff::new(2).next_wait());
    }
}

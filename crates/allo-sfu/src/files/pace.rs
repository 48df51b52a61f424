//! How much of a file is on its way at a time, so that sound and pictures do not wait behind it.

use std::time::{Duration, Instant};

/// Parts on their way at a time, at most. Beyond, the next one waits where it is.
///
/// Higher: over a fast way that is long, files come faster. Lower: a transfer holds less memory, 16 KiB for each.
pub(super) const WINDOW_MAX: usize = 16;

/// How much longer than at best a part may take before fewer are sent at a time.
///
/// Higher: files get more of a narrow way. Lower: sound that takes the same way waits less behind them.
const SLACK: Duration = Duration::from_millis(100);

/// What one way bears, by how long parts take on it: more of them while they take no longer than before, half of them as soon as they wait.
#[derive(Debug)]
pub(super) struct Pace {
    window: usize,
    /// How long a part takes at best.
    best: Option<Duration>,
    /// Parts that came in time since the window grew last.
    in_time: usize,
    /// Until then what comes was sent before the window shrank.
    calm_from: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { window: 2, best: None, in_time: 0, calm_from: None }
    }
}

impl Pace {
    /// Returns how many parts may be on their way.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Records that a whole part took so long.
    pub(super) fn handle_done(&mut self, now: Instant, took: Duration) {
        let best = self.best.map_or(took, |best| best.min(took));
        self.best = Some(best);
        if took > best + SLACK {
            if self.calm_from.is_none_or(|from| from <= now) {
                self.window = (self.window / 2).max(1);
                self.calm_from = Some(now + took);
                self.in_time = 0;
            }
            return;
        }
        self.in_time += 1;
        if self.in_time >= self.window {
            self.window = (self.window + 1).min(WINDOW_MAX);
            self.in_time = 0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn a_fast_way_is_filled_and_a_queue_on_it_lets_go_at_once() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut pace = Pace::default();
        (0..200).for_each(|n| pace.handle_done(start + ms(n), ms(40)));
        assert_eq!(pace.window(), WINDOW_MAX);
        let later = start + ms(300);
        (0..10).for_each(|_| pace.handle_done(later, ms(150)));
        assert_eq!(pace.window(), WINDOW_MAX / 2, "what was on its way by then counts once");
        pace.handle_done(later + ms(151), ms(150));
        assert_eq!(pace.window(), WINDOW_MAX / 4);
        (0..9).for_each(|n| pace.handle_done(later + ms(400 * n), ms(300)));
        assert_eq!(pace.window(), 1, "it never stops");
    }
}

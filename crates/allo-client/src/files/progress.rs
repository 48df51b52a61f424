//! How often it is said how far a file has got.

use std::time::{Duration, Instant};

/// Lower: whoever listens has more to read. Higher: a bar moves in jerks.
const INTERVAL: Duration = Duration::from_millis(250);

/// When it was said last.
#[derive(Debug, Default)]
pub(super) struct Progress {
    told_at: Option<Instant>,
}

impl Progress {
    /// Returns whether to say it now. The end is always said.
    pub(super) fn is_due(&mut self, now: Instant, is_end: bool) -> bool {
        let is_due = is_end || self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL);
        if is_due {
            self.told_at = Some(now);
        }
        is_due
    }
}

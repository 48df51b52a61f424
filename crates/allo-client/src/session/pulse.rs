//! Notices that the server is not heard any more.

use std::time::{Duration, Instant};

/// A server that says nothing for so long is taken for lost. Answers to checks alone come every two or three seconds.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// The same for a server that was heard all the time, because media or reports about them flow. Lower: a network that stutters has ICE
/// restarted for nothing; higher: a way that is blocked is left later.
const SILENCE_MAX_IN_FLOW: Duration = Duration::from_secs(2);
/// What comes at such intervals flows.
const FLOW_INTERVAL_MAX: Duration = Duration::from_millis(500);
/// So many in a row are a flow.
const FLOW: u32 = 20;

/// When the server was heard.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    heard_at: Option<Instant>,
    /// How many came in a row, without a pause.
    flowing: u32,
}

impl Pulse {
    /// Something came from the server.
    pub(crate) fn heard(&mut self, now: Instant) {
        let is_in_flow =
            self.heard_at.is_some_and(|at| now.saturating_duration_since(at) <= FLOW_INTERVAL_MAX);
        self.flowing = if is_in_flow { self.flowing.saturating_add(1) } else { 0 };
        self.heard_at = Some(now);
    }

    /// Returns from when on the server is taken for lost if nothing comes. The engine alone would wait for a quarter of a minute.
    pub(crate) fn lost_from(&self) -> Option<Instant> {
        let patience = if self.flowing >= FLOW { SILENCE_MAX_IN_FLOW } else { SILENCE_MAX };
        self.heard_at.map(|at| at + patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flowed_is_missed_sooner_than_what_came_now_and_then() {
        let mut now = Instant::now();
        let mut pulse = Pulse::default();
        assert_eq!(pulse.lost_from(), None);
        for _ in 0..FLOW * 2 {
            now += FLOW_INTERVAL_MAX;
            pulse.heard(now);
        }
        assert_eq!(pulse.lost_from(), Some(now + SILENCE_MAX_IN_FLOW));
        now += FLOW_INTERVAL_MAX * 2;
        pulse.heard(now);
        assert_eq!(pulse.lost_from(), Some(now + SILENCE_MAX));
    }
}

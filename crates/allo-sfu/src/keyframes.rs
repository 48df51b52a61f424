//! Keyframe requests, throttled per layer (PLI, RFC 4585 §6.3.1).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A keyframe is several times the size of a delta frame: ask for a layer at most this often in the long run, and for one that did
/// not come only after this.
///
/// Lower: joiners wait less, the publisher's bitrate spikes more often.
const REQUEST_INTERVAL: Duration = Duration::from_millis(500);

/// How soon after the last request another one can follow, once a keyframe came.
///
/// Lower: browsers take no notice of what is asked for within 300 ms, and it would have to be asked for again. Higher: of many who
/// join at once each waits longer.
const REQUEST_INTERVAL_MIN: Duration = Duration::from_millis(320);

/// How far requests may run ahead of what is allowed in the long run: twelve follow each other closely.
///
/// Lower: who joins last of many waits longer. Higher: who asks without need gets more keyframes made at a time.
const BURST: Duration = Duration::from_secs(2);

/// Merges the keyframe requests of all subscribers of a track into as few as will do.
///
/// `L` names a layer. A track has a handful of them, which bounds the maps.
#[derive(Debug)]
pub struct KeyframeRequests<L> {
    wanted: BTreeSet<L>,
    sent: BTreeMap<L, Sent>,
}

/// The latest request.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    is_answered: bool,
    /// Until when the requests so far would last in the long run.
    lasts_until: Instant,
}

impl<L: Ord + Copy> KeyframeRequests<L> {
    /// Makes one that nothing was asked of.
    pub fn new() -> Self {
        Self { wanted: BTreeSet::new(), sent: BTreeMap::new() }
    }

    /// Records that a subscriber cannot decode `layer` until its next keyframe.
    pub fn request(&mut self, layer: L) {
        self.wanted.insert(layer);
    }

    /// Records that a keyframe of `layer` came: whoever waited for one has it.
    pub fn handle_keyframe(&mut self, layer: L) {
        self.wanted.remove(&layer);
        if let Some(sent) = self.sent.get_mut(&layer) {
            sent.is_answered = true;
        }
    }

    /// Returns a layer to send a PLI for, or `None` when none is due at `now`.
    ///
    /// The request stays until a keyframe comes, so that one that was lost is made again.
    pub fn poll_request(&mut self, now: Instant) -> Option<L> {
        let layer =
            self.wanted.iter().copied().find(|layer| self.due_at(*layer).is_none_or(|at| at <= now))?;
        let before = self.sent.get(&layer).map_or(now, |sent| sent.lasts_until.max(now));
        let sent = Sent { at: now, is_answered: false, lasts_until: before + REQUEST_INTERVAL };
        self.sent.insert(layer, sent);
        Some(layer)
    }

    /// Returns when [`Self::poll_request`] is worth calling again, once it has returned `None`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wanted.iter().filter_map(|layer| self.due_at(*layer)).min()
    }

    fn due_at(&self, layer: L) -> Option<Instant> {
        let Sent { at, is_answered, lasts_until } = *self.sent.get(&layer)?;
        if !is_answered {
            return Some(at + REQUEST_INTERVAL);
        }
        let ahead = lasts_until.saturating_duration_since(at).saturating_sub(BURST);
        Some(at + ahead.max(REQUEST_INTERVAL_MIN))
    }
}

impl<L: Ord + Copy> Default for KeyframeRequests<L> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn many_requests_become_one() {
        let now = Instant::now();
        let mut requests = KeyframeRequests::new();
        (0..100).for_each(|_| requests.request("high"));
        assert_eq!(requests.poll_request(now), Some("high"));
        assert_eq!(requests.poll_request(now), None);
    }

    #[test]
    fn asks_again_only_after_the_interval_and_only_while_none_came() {
        let now = Instant::now();
        let mut requests = KeyframeRequests::new();
        requests.request("high");
        assert_eq!(requests.poll_request(now), Some("high"));
        assert_eq!(requests.poll_timeout(), Some(now + REQUEST_INTERVAL));
        assert_eq!(requests.poll_request(now + Duration::from_millis(499)), None);
        assert_eq!(requests.poll_request(now + REQUEST_INTERVAL), Some("high"));
        requests.handle_keyframe("high");
        assert_eq!(requests.poll_request(now + 2 * REQUEST_INTERVAL), None);
        assert_eq!(requests.poll_timeout(), None);
    }

    #[test]
    fn a_request_right_after_a_keyframe_waits_for_its_turn() {
        let now = Instant::now();
        let mut requests = KeyframeRequests::new();
        requests.request("high");
        requests.poll_request(now);
        requests.handle_keyframe("high");
        requests.request("high");
        assert_eq!(requests.poll_request(now + Duration::from_millis(100)), None);
        assert_eq!(requests.poll_timeout(), Some(now + REQUEST_INTERVAL_MIN));
        assert_eq!(requests.poll_request(now + REQUEST_INTERVAL_MIN), Some("high"));
    }

    #[test]
    fn many_in_a_row_become_as_seldom_as_is_allowed_in_the_long_run() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::new();
        let mut asked_at = Vec::new();
        for millis in (0..10_000).step_by(10) {
            requests.request("high");
            if requests.poll_request(start + Duration::from_millis(millis)).is_some() {
                asked_at.push(millis);
                requests.handle_keyframe("high");
            }
        }
        assert_eq!(asked_at[..3], [0, 320, 640]);
        assert_eq!(asked_at[10..14], [3_200, 3_520, 4_000, 4_500]);
        assert_eq!(asked_at.len(), 12 + 12);
        // After a rest a few can follow each other again.
        let later = start + Duration::from_secs(20);
        requests.request("high");
        assert_eq!(requests.poll_request(later), Some("high"));
        requests.handle_keyframe("high");
        requests.request("high");
        assert_eq!(requests.poll_request(later + REQUEST_INTERVAL_MIN), Some("high"));
    }

    #[test]
    fn one_layer_does_not_wait_for_another() {
        let now = Instant::now();
        let mut requests = KeyframeRequests::new();
        requests.request("high");
        requests.request("low");
        let both = [requests.poll_request(now), requests.poll_request(now)];
        assert_eq!(both, [Some("high"), Some("low")]);
    }
}

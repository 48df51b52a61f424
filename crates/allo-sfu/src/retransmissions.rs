//! How much a participant is sent again, so that nobody makes the server send more by asking for it.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::ids::Bitrate;

/// What may be sent again at once, in bytes: a large keyframe.
///
/// Higher: a longer outage is repaired. Lower: who asks for everything again gets less.
const BURST: u64 = 64 * 1024;

/// What is sent again for each byte of media, in hundredths. The engine stops at about 35, but measures only twenty times a second.
const SHARE_PERCENT: u64 = 40;

/// What the engine sends all the time to keep its estimate alive, and some to spare.
const PADDING: Bitrate = Bitrate::kbps(60);

/// A budget for what goes under the SSRCs of retransmissions: repairs, and the padding that finds out how much gets through.
///
/// Beyond it packets are not sent. To the participant they are lost, and its estimate falls.
#[derive(Debug)]
pub(crate) struct Retransmissions {
    ssrcs: BTreeSet<u32>,
    /// In thousandths of a byte.
    free: u64,
    filled_at: Instant,
}

impl Retransmissions {
    pub(crate) fn new(now: Instant) -> Self {
        Self { ssrcs: BTreeSet::new(), free: BURST * 1_000, filled_at: now }
    }

    /// Takes up the SSRCs of retransmissions.
    pub(crate) fn set_ssrcs(&mut self, ssrcs: BTreeSet<u32>) {
        self.ssrcs = ssrcs;
    }

    /// Returns whether a packet of media may be sent. `wanted` is what the padding is for, beyond what it always is.
    pub(crate) fn admit(&mut self, now: Instant, ssrc: u32, bytes: usize, wanted: Bitrate) -> bool {
        let thousandths = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000);
        if !self.ssrcs.contains(&ssrc) {
            self.earn(thousandths / 100 * SHARE_PERCENT);
            return true;
        }
        let micros = now.saturating_duration_since(self.filled_at).as_micros();
        let padding = u128::from(PADDING.plus(wanted).0) * micros / 8_000;
        self.filled_at = self.filled_at.max(now);
        self.earn(u64::try_from(padding).unwrap_or(u64::MAX));
        let left = self.free.checked_sub(thousandths);
        self.free = left.unwrap_or(self.free);
        left.is_some()
    }

    fn earn(&mut self, thousandths: u64) {
        self.free = self.free.saturating_add(thousandths).min(BURST * 1_000);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Sends a packet of media and asks for five again, each ten milliseconds for a minute. Returns how many are sent again.
    fn again(wanted: Bitrate) -> u64 {
        let mut now = Instant::now();
        let mut retransmissions = Retransmissions::new(now);
        retransmissions.set_ssrcs(BTreeSet::from([2]));
        let mut count = 0;
        for _ in 0..6_000 {
            now += Duration::from_millis(10);
            assert!(retransmissions.admit(now, 1, 1_000, wanted));
            count += (0..5).filter(|_| retransmissions.admit(now, 2, 1_000, wanted)).count() as u64;
        }
        count
    }

    #[test]
    fn what_is_sent_again_is_two_fifths_of_what_is_sent() {
        // And 60 kbit/s, and what may come at once.
        let expected = 6_000 * 2 / 5 + 60 * 60 / 8 + 65;
        let again = again(Bitrate::default());
        assert!((expected - 5..=expected + 5).contains(&again), "{again} packets, not {expected}");
    }

    #[test]
    fn what_is_padded_for_more_comes_on_top() {
        let more = again(Bitrate::kbps(800)) - again(Bitrate::default());
        assert!((5_980..=6_001).contains(&more), "{more} packets at 100 a second for a minute");
    }
}

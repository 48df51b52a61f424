//! How much a participant is sent again, so that nobody makes the server send more by asking for it.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::ids::Bitrate;

/// What may be sent again at once, in bytes: a large keyframe.
///
/// Higher: a longer outage is repaired. Lower: who asks for everything again gets less.
const REPAIRS_BURST: u64 = 64 * 1024;

/// What is sent again for each byte of media, in hundredths: a third, where the engine stops, which measures only twenty times a second.
///
/// Higher: who asks for everything again gets more. Lower, or the engine's bound higher: it counts as sent what is not, and takes that
/// for losses, upon which pictures are paused.
const SHARE_PERCENT: u64 = 34;

/// What may be padded at once, in bytes: a probe at several Mbit/s. Beyond it the probe finds less than there is.
const PADDING_BURST: u64 = 64 * 1024;

/// What the engine sends all the time to keep its estimate alive, and some to spare.
const PADDING: Bitrate = Bitrate::kbps(60);

/// What a packet under the SSRC of retransmissions is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The participant asked for it.
    Repair,
    /// The engine finds out how much gets through, and looks for this much beyond what it always sends.
    Padding(Bitrate),
}

/// Budgets for what goes under the SSRCs of retransmissions: one for repairs, and one for the padding that finds out how much gets
/// through. Neither pays for the other, so that who asks for repairs gets none out of what is meant for padding.
///
/// Beyond them packets are not sent. To the participant they are lost, and its estimate falls.
#[derive(Debug)]
pub(crate) struct Retransmissions {
    ssrcs: BTreeSet<u32>,
    repairs: Budget,
    padding: Budget,
    filled_at: Instant,
}

impl Retransmissions {
    pub(crate) fn new(now: Instant) -> Self {
        let (repairs, padding) = (Budget::full(REPAIRS_BURST), Budget::full(PADDING_BURST));
        Self { ssrcs: BTreeSet::new(), repairs, padding, filled_at: now }
    }

    /// Takes up the SSRCs of retransmissions.
    pub(crate) fn set_ssrcs(&mut self, ssrcs: BTreeSet<u32>) {
        self.ssrcs = ssrcs;
    }

    /// Returns whether packets with this SSRC send something again.
    pub(crate) fn are_under(&self, ssrc: u32) -> bool {
        self.ssrcs.contains(&ssrc)
    }

    /// Earns the right to repairs by a packet of media.
    pub(crate) fn earn(&mut self, bytes: usize) {
        self.repairs.earn(thousandths(bytes) / 100 * SHARE_PERCENT);
    }

    /// Returns whether a packet may be sent again.
    pub(crate) fn admit(&mut self, now: Instant, again: Again, bytes: usize) -> bool {
        let Again::Padding(wanted) = again else { return self.repairs.spend(thousandths(bytes)) };
        let micros = now.saturating_duration_since(self.filled_at).as_micros();
        let earned = u128::from(PADDING.plus(wanted).0) * micros / 8_000;
        self.filled_at = self.filled_at.max(now);
        self.padding.earn(u64::try_from(earned).unwrap_or(u64::MAX));
        self.padding.spend(thousandths(bytes))
    }
}

/// A token bucket, in thousandths of a byte. What is earned beyond `max` is lost.
#[derive(Debug)]
struct Budget {
    free: u64,
    max: u64,
}

impl Budget {
    fn full(bytes: u64) -> Self {
        Self { free: bytes * 1_000, max: bytes * 1_000 }
    }

    fn earn(&mut self, thousandths: u64) {
        self.free = self.free.saturating_add(thousandths).min(self.max);
    }

    /// Takes this much if there is as much.
    fn spend(&mut self, thousandths: u64) -> bool {
        let left = self.free.checked_sub(thousandths);
        self.free = left.unwrap_or(self.free);
        left.is_some()
    }
}

fn thousandths(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Sends a packet of media and five again, each ten milliseconds for a minute. Returns how many are sent again.
    fn sent(retransmissions: &mut Retransmissions, start: Instant, again: Again) -> u64 {
        let mut count = 0;
        for n in 1..=6_000 {
            let now = start + Duration::from_millis(10 * n);
            retransmissions.earn(1_000);
            count += (0..5).filter(|_| retransmissions.admit(now, again, 1_000)).count() as u64;
        }
        count
    }

    fn check(again: Again, expected: u64) {
        let now = Instant::now();
        let count = sent(&mut Retransmissions::new(now), now, again);
        assert!((expected - 5..=expected + 5).contains(&count), "{count} packets, not {expected}");
    }

    #[test]
    fn what_is_repaired_is_a_third_of_what_is_sent_and_what_may_come_at_once() {
        check(Again::Repair, 6_000 * 34 / 100 + 65);
    }

    #[test]
    fn what_is_padded_is_what_keeps_an_estimate_alive_and_what_is_looked_for() {
        check(Again::Padding(Bitrate::default()), 60 * 60 / 8 + 65);
        check(Again::Padding(Bitrate::kbps(800)), 60 * 860 / 8 + 65);
    }

    #[test]
    fn padding_and_repairs_do_not_pay_for_each_other() {
        let now = Instant::now();
        let mut retransmissions = Retransmissions::new(now);
        let later = now + Duration::from_mins(1);
        let padding = sent(&mut retransmissions, now, Again::Padding(Bitrate::kbps(800)));
        assert!(padding > 6_000, "{padding} packets");
        assert_eq!(sent(&mut retransmissions, later, Again::Repair), 6_000 * 34 / 100 + 65);
        // Nor was the padding of that minute spent.
        assert!(retransmissions.admit(
            later + Duration::from_mins(1),
            Again::Padding(Bitrate::default()),
            64_000
        ));
    }
}

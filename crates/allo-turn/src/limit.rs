//! How much of something there may be in a time.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// A bucket of bytes that fills up at a rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    bytes_per_second: u64,
    bytes: u64,
    at: Instant,
}

/// What may come at once after a rest, as a share of a second.
///
/// Higher: keyframes get through whole. Lower: less is sent to the media plane in one go.
const BURST_DIVISOR: u64 = 2;

impl Bucket {
    pub(crate) fn new(now: Instant, bits_per_second: u64) -> Self {
        let bytes_per_second = bits_per_second / 8;
        Self { bytes_per_second, bytes: bytes_per_second / BURST_DIVISOR, at: now }
    }

    /// Returns whether so many bytes may pass now.
    pub(crate) fn admit(&mut self, now: Instant, bytes: usize) -> bool {
        let passed = now.saturating_duration_since(self.at).min(Duration::from_secs(1));
        let gained = u128::from(self.bytes_per_second) * passed.as_micros() / 1_000_000;
        let gained = u64::try_from(gained).unwrap_or(self.bytes_per_second);
        if gained > 0 {
            // Of what is less than a byte, nothing is lost.
            self.at = now;
            self.bytes = (self.bytes + gained).min(self.bytes_per_second / BURST_DIVISOR);
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let is_there = bytes <= self.bytes;
        self.bytes -= if is_there { bytes } else { 0 };
        is_there
    }
}

/// Answers to one source in a second that has not proved anything. Beyond, there is silence.
///
/// Higher: more people behind one address begin at once. Lower: less is reflected to one whose address was forged.
const PER_SOURCE: u32 = 10;

/// Answers in a second to all such sources together. Beyond, there is silence. It bounds the sources that are counted, too.
const TOTAL: usize = 1_000;

/// Counts answers to those who have not proved anything, second by second.
#[derive(Debug)]
pub(crate) struct Answers {
    second: Instant,
    total: usize,
    /// At most [`TOTAL`]; nothing of it is left after a second.
    sources: BTreeMap<IpAddr, u32>,
}

impl Answers {
    pub(crate) fn new(now: Instant) -> Self {
        Self { second: now, total: 0, sources: BTreeMap::new() }
    }

    /// Returns whether one more answer may go to a source.
    pub(crate) fn admit(&mut self, now: Instant, source: IpAddr) -> bool {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        if self.total >= TOTAL {
            return false;
        }
        let count = self.sources.entry(network(source)).or_default();
        let is_few = *count < PER_SOURCE;
        *count += u32::from(is_few);
        self.total += usize::from(is_few);
        is_few
    }
}

/// Returns what one party is likely to hold whole: an address of IPv4, /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_rate_through() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(now, 800_000);
        let mut admitted = 0;
        for _ in 0..10_000 {
            now += Duration::from_micros(333);
            admitted += if bucket.admit(now, 1_000) { 1_000 } else { 0 };
        }
        // 3.33 s of 100 kB each, and the first burst.
        assert!((330_000..=384_000).contains(&admitted), "{admitted}");
    }

    #[test]
    fn a_source_gets_few_answers_in_a_second_and_all_together_have_a_bound() {
        let now = Instant::now();
        let mut answers = Answers::new(now);
        let admitted = (0..100).filter(|_| answers.admit(now, [192, 0, 2, 1].into())).count();
        assert_eq!(admitted, 10);
        let others =
            (0..u32::from(u16::MAX)).filter(|n| answers.admit(now, std::net::Ipv4Addr::from_bits(*n).into()));
        assert_eq!(others.count(), TOTAL - 10);
        assert!(answers.sources.len() <= TOTAL);
        assert!(answers.admit(now + Duration::from_secs(1), [192, 0, 2, 1].into()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let now = Instant::now();
        let mut answers = Answers::new(now);
        let host = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]);
        assert_eq!((0..100).filter(|n| answers.admit(now, host(*n))).count(), 10);
    }
}

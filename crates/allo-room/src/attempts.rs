//! How often somebody may try something, each on their own account.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::TokenBucket;

/// Accounts that are not full. Beyond, nobody new may try anything: someone tries from everywhere.
const ACCOUNTS_MAX: usize = 10_000;

/// Who pays for an attempt: an IPv4 address, or a /64 of IPv6, which one household has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let bits = address.to_bits() & !(u128::MAX >> 64);
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            }
        })
    }
}

impl Network {
    /// Returns it as bytes, for a hash.
    pub(crate) fn bytes(self) -> [u8; 16] {
        match self.0 {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }
    }
}

/// Lets each account have `burst` attempts at once and one each `interval` for long.
#[derive(Debug)]
pub(crate) struct Attempts<K> {
    accounts: BTreeMap<K, TokenBucket>,
    interval: Duration,
    burst: u32,
}

impl<K: Ord> Attempts<K> {
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Self { accounts: BTreeMap::new(), interval, burst }
    }

    /// Takes one attempt; returns whether there was one left.
    pub(crate) fn take(&mut self, now: Instant, account: K) -> bool {
        if self.accounts.len() >= ACCOUNTS_MAX {
            self.accounts.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.accounts.len() >= ACCOUNTS_MAX && !self.accounts.contains_key(&account) {
            return false;
        }
        let (interval, burst) = (self.interval, self.burst);
        self.accounts.entry(account).or_insert_with(|| TokenBucket::every(interval, burst)).take(now)
    }

    /// Gives back an attempt that is not to count.
    pub(crate) fn give_back(&mut self, account: &K) {
        if let Some(bucket) = self.accounts.get_mut(account) {
            bucket.give_back();
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_own_account() {
        let now = Instant::now();
        let mut attempts = Attempts::new(Duration::from_secs(6), 10);
        let mut tries = |address: &str, at| {
            let network = Network::of(address.parse().unwrap());
            (0..100).filter(|_| attempts.take(at, network)).count()
        };
        assert_eq!(tries("192.0.2.1", now), 10);
        assert_eq!(tries("::ffff:192.0.2.1", now), 0, "the same address");
        assert_eq!(tries("192.0.2.2", now), 10);
        assert_eq!(tries("2001:db8::1", now), 10);
        assert_eq!(tries("2001:db8::ffff:1", now), 0, "the same household");
        assert_eq!(tries("2001:db8:0:1::1", now), 10);
        assert_eq!(tries("192.0.2.1", now + Duration::from_secs(12)), 2);
    }

    #[test]
    fn whoever_tries_from_everywhere_gets_nowhere_until_it_is_over() {
        let now = Instant::now();
        let mut attempts = Attempts::new(Duration::from_secs(1), 2);
        let count = u32::try_from(ACCOUNTS_MAX).unwrap();
        assert_eq!((0..2 * count).filter(|n| attempts.take(now, *n)).count(), ACCOUNTS_MAX);
        assert!(attempts.take(now + Duration::from_secs(1), 2 * count));
        assert_eq!(attempts.accounts.len(), 1);
    }
}

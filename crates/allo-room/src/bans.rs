//! Where people were banned from, as long as the meeting lasts.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::attempts::Network;

/// Networks that a meeting keeps in mind. Beyond: who comes back from another one with a new key is a newcomer like others.
const NETWORKS_MAX: usize = 256;

/// The networks that people were banned from: hashes, by a secret that is made at the first ban of a meeting and gone with it. So those of
/// two meetings have nothing in common, and no address can be read from a record without its secret.
///
/// Whoever comes from there has to be admitted, and is not refused: a whole school may share one address.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Bans {
    secret: [u8; 16],
    networks: BTreeSet<u64>,
}

impl Bans {
    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Takes a network, and 16 random bytes, which are used for the first one.
    pub(crate) fn add(&mut self, network: Network, fresh: [u8; 16]) {
        if self.networks.is_empty() {
            self.secret = fresh;
        }
        if self.networks.len() < NETWORKS_MAX {
            self.networks.insert(self.hash(network));
        }
    }

    pub(crate) fn contains(&self, network: Network) -> bool {
        !self.networks.is_empty() && self.networks.contains(&self.hash(network))
    }

    fn hash(&self, network: Network) -> u64 {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let signature = hmac::sign(&key, &network.bytes());
        signature.as_ref().iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for Bans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bans(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn a_network_is_known_again_and_no_other() {
        let mut bans = Bans::default();
        assert!(!bans.contains(network("192.0.2.1")));
        bans.add(network("192.0.2.1"), [1; 16]);
        bans.add(network("2001:db8::1"), [2; 16]);
        assert!(bans.contains(network("192.0.2.1")));
        assert!(bans.contains(network("::ffff:192.0.2.1")));
        assert!(bans.contains(network("2001:db8::2")), "the same household");
        assert!(!bans.contains(network("192.0.2.2")));
    }

    #[test]
    fn two_meetings_keep_nothing_in_common() {
        let bans = |secret| {
            let mut bans = Bans::default();
            bans.add(network("192.0.2.1"), [secret; 16]);
            bans.networks
        };
        assert_ne!(bans(1), bans(2));
    }

    #[test]
    fn so_many_networks_are_kept_in_mind_and_no_more() {
        let mut bans = Bans::default();
        (0..=255).for_each(|n| bans.add(network(&format!("192.0.2.{n}")), [1; 16]));
        bans.add(network("198.51.100.1"), [1; 16]);
        assert_eq!(bans.networks.len(), NETWORKS_MAX);
        assert!(!bans.contains(network("198.51.100.1")));
    }
}

//! Which transport a datagram is for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::ParticipantId;
use crate::peer::Peer;
use crate::stun::receiver_ufrag;

/// Addresses that one transport is known under: a network change or two, and some to spare. Beyond it the one that was silent for
/// longest is forgotten.
const ADDRESSES_MAX: usize = 8;

/// How long an address belongs to the transport last heard from there, whoever else claims it.
///
/// Lower: an address that a network gives to somebody else works sooner. Higher: it takes more to forge the address of another.
const HOLD: Duration = Duration::from_secs(5);

/// Who a datagram is for, or why for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// A check of connectivity, which carries its own proof.
    Check(ParticipantId),
    /// Anything else, from an address that passed a check.
    Known(ParticipantId),
    /// STUN that nobody asked for, or that is broken.
    BadStun,
    /// From nowhere that is known.
    Stranger,
}

/// The map from addresses to transports. An address gets into it by a check whose integrity the engine has verified.
#[derive(Debug, Default)]
pub(crate) struct AddressMap {
    ufrags: BTreeMap<String, ParticipantId>,
    /// What each transport is called now. The engine refuses checks under any other name.
    names: BTreeMap<ParticipantId, String>,
    addresses: BTreeMap<Peer, Holder>,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    participant: ParticipantId,
    heard_at: Instant,
}

impl AddressMap {
    /// Lets checks with this user name through to a participant, and no longer those with the one before.
    pub(crate) fn expect(&mut self, ufrag: String, participant: ParticipantId) {
        if let Some(before) = self.names.insert(participant, ufrag.clone()) {
            self.ufrags.remove(&before);
        }
        self.ufrags.insert(ufrag, participant);
    }

    /// Forgets a participant.
    pub(crate) fn remove(&mut self, participant: ParticipantId) {
        if let Some(ufrag) = self.names.remove(&participant) {
            self.ufrags.remove(&ufrag);
        }
        self.addresses.retain(|_, holder| holder.participant != participant);
    }

    /// Returns who a datagram is for (RFC 7983).
    pub(crate) fn find(&mut self, now: Instant, source: Peer, datagram: &[u8]) -> Receiver {
        if datagram.first().is_some_and(|first| *first < 4) {
            return self.find_check(datagram);
        }
        let Some(holder) = self.addresses.get_mut(&source) else { return Receiver::Stranger };
        holder.heard_at = now;
        Receiver::Known(holder.participant)
    }

    /// Returns who a check of connectivity is for, wherever it comes from.
    pub(crate) fn find_check(&self, datagram: &[u8]) -> Receiver {
        let Some(ufrag) = receiver_ufrag(datagram) else { return Receiver::BadStun };
        self.ufrags.get(ufrag).map_or(Receiver::Stranger, |holder| Receiver::Check(*holder))
    }

    /// Returns whether an address belongs to a transport.
    pub(crate) fn knows(&self, source: Peer) -> bool {
        self.addresses.contains_key(&source)
    }

    /// Records that a check from `source` was answered.
    pub(crate) fn learn(&mut self, now: Instant, source: Peer, participant: ParticipantId) {
        let is_held = |holder: &Holder| {
            holder.participant != participant && now.saturating_duration_since(holder.heard_at) < HOLD
        };
        if self.addresses.get(&source).is_some_and(is_held) {
            return;
        }
        self.addresses.insert(source, Holder { participant, heard_at: now });
        let own = || self.addresses.iter().filter(|(_, holder)| holder.participant == participant);
        if own().count() > ADDRESSES_MAX {
            let oldest = own().min_by_key(|(_, holder)| holder.heard_at).map(|(address, _)| *address);
            oldest.map(|address| self.addresses.remove(&address));
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const ANN: ParticipantId = ParticipantId(1);
    const BOB: ParticipantId = ParticipantId(2);

    fn address(port: u16) -> Peer {
        Peer::udp(([192, 0, 2, 1], port).into())
    }

    #[test]
    fn media_is_known_by_an_address_that_passed_a_check() {
        let now = Instant::now();
        let mut map = AddressMap::default();
        assert_eq!(map.find(now, address(1), &[0x80]), Receiver::Stranger);
        map.learn(now, address(1), ANN);
        assert_eq!(map.find(now, address(1), &[0x80]), Receiver::Known(ANN));
        map.remove(ANN);
        assert_eq!(map.find(now, address(1), &[0x80]), Receiver::Stranger);
    }

    #[test]
    fn one_address_by_two_protocols_is_two_peers() {
        let now = Instant::now();
        let mut map = AddressMap::default();
        map.learn(now, address(1), ANN);
        let other = Peer::tcp(address(1).address);
        assert_eq!(map.find(now, other, &[0x80]), Receiver::Stranger);
        map.learn(now, other, BOB);
        assert_eq!(map.find(now, address(1), &[0x80]), Receiver::Known(ANN));
        assert_eq!(map.find(now, other, &[0x80]), Receiver::Known(BOB));
    }

    #[test]
    fn a_transport_has_one_name_at_a_time() {
        let mut map = AddressMap::default();
        (0..100).for_each(|n| map.expect(n.to_string(), ANN));
        assert_eq!(map.ufrags.keys().collect::<Vec<_>>(), ["99"]);
        map.remove(ANN);
        assert!(map.ufrags.is_empty() && map.names.is_empty());
    }

    #[test]
    fn an_address_in_use_cannot_be_claimed_by_another() {
        let now = Instant::now();
        let mut map = AddressMap::default();
        map.learn(now, address(1), ANN);
        map.learn(now + HOLD / 2, address(1), BOB);
        assert_eq!(map.find(now + HOLD / 2, address(1), &[0x80]), Receiver::Known(ANN));
        map.learn(now + HOLD * 2, address(1), BOB);
        assert_eq!(map.find(now + HOLD * 2, address(1), &[0x80]), Receiver::Known(BOB));
    }

    #[test]
    fn a_transport_has_few_addresses() {
        let now = Instant::now();
        let mut map = AddressMap::default();
        (0..100).for_each(|n| map.learn(now + Duration::from_millis(n.into()), address(n), ANN));
        assert_eq!(map.addresses.len(), ADDRESSES_MAX);
        assert_eq!(map.find(now, address(99), &[0x80]), Receiver::Known(ANN));
        assert_eq!(map.find(now, address(0), &[0x80]), Receiver::Stranger);
    }
}

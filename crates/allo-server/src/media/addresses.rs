//! At which addresses the media plane is reached, and from which it answers.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use crate::config::PublicAddress;

/// Addresses in an answer. Each makes a client check one more pair; beyond, addresses of this machine are left out.
const CANDIDATES_MAX: usize = 16;

/// Those of them that are said to be reached by TCP, too. A client connects to each from each of its own addresses; beyond, they
/// are left out.
const TCP_CANDIDATES_MAX: usize = 4;

/// Peers that came by an address of this machine that is not in the answer. Beyond, all are forgotten: the next datagram of each
/// brings it back.
const DETOURS_MAX: usize = 4096;

/// The addresses in the answers, and the local ones behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses {
    local: Vec<SocketAddr>,
    public: Vec<SocketAddr>,
    /// Those of both that can be connected to by TCP.
    tcp: Vec<SocketAddr>,
    /// Peers that came by an address that was not in the answer.
    detours: HashMap<SocketAddr, Detour>,
}

/// How a peer came, and what the engine was told instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Detour {
    arrived: SocketAddr,
    candidate: SocketAddr,
}

impl Addresses {
    /// Collects the addresses of this machine that the sockets serve, and those under which it is known outside. `listeners` are
    /// the addresses of the TCP sockets.
    pub(super) fn new(
        bound: &[SocketAddr],
        listeners: &[SocketAddr],
        machine: &[IpAddr],
        public: &[PublicAddress],
    ) -> Self {
        let port = bound.first().map_or(0, SocketAddr::port);
        let mut local: Vec<_> = bound.iter().flat_map(|socket| served(*socket, machine)).collect();
        if local.is_empty() {
            local = bound.iter().map(loopback).collect();
        }
        let mut public: Vec<_> =
            public.iter().map(|it| SocketAddr::new(it.address, it.port.unwrap_or(port))).collect();
        public.retain(|address| !local.contains(address));
        public.truncate(CANDIDATES_MAX);
        local.truncate(CANDIDATES_MAX - public.len().min(CANDIDATES_MAX - 1));
        let mut tcp: Vec<_> = reachable(&public, listeners).copied().collect();
        tcp.extend(local.iter().filter(|address| listeners.iter().any(|it| serves(*it, **address))));
        tcp.truncate(TCP_CANDIDATES_MAX);
        Self { local, public, tcp, detours: HashMap::new() }
    }

    /// Returns the addresses for the answers.
    pub(super) fn candidates(&self) -> Vec<SocketAddr> {
        self.public.iter().chain(&self.local).copied().collect()
    }

    /// Returns those of them that can be connected to by TCP.
    pub(super) fn tcp_candidates(&self) -> Vec<SocketAddr> {
        self.tcp.clone()
    }

    /// Returns what to tell the engine of a connection to `arrived`; `None` when nothing of its family is in the answers.
    pub(super) fn tcp_candidate(&self, arrived: SocketAddr) -> Option<SocketAddr> {
        let is_like = |candidate: &&SocketAddr| candidate.is_ipv4() == arrived.is_ipv4();
        if self.tcp.contains(&arrived) { Some(arrived) } else { self.tcp.iter().find(is_like).copied() }
    }

    /// Takes what is so now. Who came by a detour goes on as before, as long as what the engine was told is still there.
    pub(super) fn replace(&mut self, now: Self) {
        let Self { local, public, tcp, .. } = now;
        self.detours.retain(|_, detour| local.contains(&detour.candidate));
        (self.local, self.public, self.tcp) = (local, public, tcp);
    }

    /// Returns what to tell the engine for a datagram that came by `arrived`; `None` when nothing of its family is in the answers.
    pub(super) fn candidate(&self, peer: SocketAddr, arrived: SocketAddr) -> Option<SocketAddr> {
        if let Some(detour) = self.detour(peer).filter(|detour| detour.arrived == arrived) {
            return Some(detour.candidate);
        }
        if self.local.contains(&arrived) {
            return Some(arrived);
        }
        let is_like = |candidate: &&SocketAddr| candidate.is_ipv4() == arrived.is_ipv4();
        self.local.iter().chain(&self.public).find(is_like).copied()
    }

    /// Records that a peer which proved who it is came by `arrived`, and that the engine was told `candidate`.
    pub(super) fn learn(&mut self, peer: SocketAddr, arrived: SocketAddr, candidate: SocketAddr) {
        if arrived == candidate {
            self.detours.remove(&peer);
            return;
        }
        if self.detours.len() >= DETOURS_MAX {
            self.detours.clear();
        }
        self.detours.insert(peer, Detour { arrived, candidate });
    }

    /// Returns whether anybody came by a detour.
    pub(super) fn has_detours(&self) -> bool {
        !self.detours.is_empty()
    }

    /// Returns the address to send from, when the engine says `source`; `None` leaves it to the system.
    pub(super) fn source(&self, source: SocketAddr, peer: SocketAddr) -> Option<IpAddr> {
        let detour = self.detour(peer).map(|detour| detour.arrived);
        detour.or_else(|| self.local.contains(&source).then_some(source)).map(|address| address.ip())
    }

    fn detour(&self, peer: SocketAddr) -> Option<Detour> {
        // Nearly always there is none at all.
        if self.has_detours() { self.detours.get(&peer).copied() } else { None }
    }
}

/// Returns the addresses that a socket serves.
fn served(socket: SocketAddr, machine: &[IpAddr]) -> Vec<SocketAddr> {
    if !socket.ip().is_unspecified() {
        return vec![socket];
    }
    let is_like = |address: &&IpAddr| address.is_ipv4() == socket.is_ipv4();
    machine.iter().filter(is_like).map(|address| SocketAddr::new(*address, socket.port())).collect()
}

/// Returns whether a TCP socket takes connections to an address.
fn serves(listener: SocketAddr, address: SocketAddr) -> bool {
    let is_any = listener.ip().is_unspecified() && listener.is_ipv4() == address.is_ipv4();
    is_any || listener.ip() == address.ip()
}

/// Returns the addresses outside that may well lead to a TCP socket: not those of a family in which there is none, or only one
/// for a proxy on this machine.
fn reachable<'a>(public: &'a [SocketAddr], listeners: &[SocketAddr]) -> impl Iterator<Item = &'a SocketAddr> {
    let has = |is_ipv4| listeners.iter().any(|it| it.is_ipv4() == is_ipv4 && !it.ip().is_loopback());
    let (has_ipv4, has_ipv6) = (has(true), has(false));
    public.iter().filter(move |it| if it.is_ipv4() { has_ipv4 } else { has_ipv6 })
}

/// Returns how the machine itself reaches a socket. It is all that there is without a network.
fn loopback(socket: &SocketAddr) -> SocketAddr {
    let address =
        if socket.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(address, socket.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn candidates(bound: &[&str], machine: &[&str], public: &[&str]) -> Vec<String> {
        addresses(bound, machine, public).candidates().iter().map(ToString::to_string).collect()
    }

    fn addresses(bound: &[&str], machine: &[&str], public: &[&str]) -> Addresses {
        let bound: Vec<_> = bound.iter().map(|text| socket(text)).collect();
        let machine: Vec<IpAddr> = machine.iter().map(|text| text.parse().unwrap()).collect();
        let public: Vec<_> = public.iter().map(|text| text.parse().unwrap()).collect();
        Addresses::new(&bound, &bound, &machine, &public)
    }

    fn tcp_candidates(listeners: &[&str], public: &[&str]) -> Vec<String> {
        let listeners: Vec<_> = listeners.iter().map(|text| socket(text)).collect();
        let bound = ["0.0.0.0:8443", "[::]:8443"].map(socket);
        let machine = ["192.0.2.1", "198.51.100.1", "2001:db8::1"].map(|text| text.parse().unwrap());
        let public: Vec<_> = public.iter().map(|text| text.parse().unwrap()).collect();
        let addresses = Addresses::new(&bound, &listeners, &machine, &public);
        addresses.tcp_candidates().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tcp_is_offered_where_a_listener_is() {
        let all = ["192.0.2.1:8443", "198.51.100.1:8443", "[2001:db8::1]:8443"];
        assert_eq!(tcp_candidates(&["0.0.0.0:8443", "[::]:8443"], &[]), all);
        assert_eq!(tcp_candidates(&["0.0.0.0:8443"], &["2001:db8::2"]), all[..2]);
        assert_eq!(tcp_candidates(&["192.0.2.1:8443"], &["203.0.113.1"]), ["203.0.113.1:8443", all[0]]);
        let proxied: [&str; 0] = [];
        assert_eq!(tcp_candidates(&["127.0.0.1:8443"], &["203.0.113.1"]), proxied);
    }

    #[test]
    fn tcp_is_offered_at_few_addresses() {
        let public: Vec<_> = (0..9).map(|n| format!("203.0.113.{n}")).collect();
        let public: Vec<_> = public.iter().map(String::as_str).collect();
        assert_eq!(tcp_candidates(&["0.0.0.0:8443"], &public).len(), TCP_CANDIDATES_MAX);
    }

    #[test]
    fn a_connection_to_an_address_that_is_not_offered_counts_as_one_to_the_first() {
        let addresses = addresses(&["0.0.0.0:8443"], &["192.0.2.1", "198.51.100.1"], &[]);
        let candidate = |text| addresses.tcp_candidate(socket(text));
        assert_eq!(candidate("198.51.100.1:8443"), Some(socket("198.51.100.1:8443")));
        assert_eq!(candidate("203.0.113.7:8443"), Some(socket("192.0.2.1:8443")));
        assert_eq!(candidate("[2001:db8::1]:8443"), None);
    }

    #[test]
    fn every_address_of_the_machine_is_in_the_answer() {
        let bound = ["0.0.0.0:8443", "[::]:8443"];
        let machine = ["192.0.2.1", "2001:db8::1"];
        assert_eq!(candidates(&bound, &machine, &[]), ["192.0.2.1:8443", "[2001:db8::1]:8443"]);
        assert_eq!(candidates(&bound[..1], &machine, &[]), ["192.0.2.1:8443"]);
        assert_eq!(candidates(&["192.0.2.1:8443"], &machine, &[]), ["192.0.2.1:8443"]);
    }

    #[test]
    fn the_loopback_is_for_want_of_anything_better() {
        assert_eq!(candidates(&["127.0.0.1:8443"], &["192.0.2.1"], &[]), ["127.0.0.1:8443"]);
        assert_eq!(candidates(&["0.0.0.0:8443", "[::]:8443"], &[], &[]), ["127.0.0.1:8443", "[::1]:8443"]);
    }

    #[test]
    fn public_addresses_come_first_and_are_never_left_out() {
        let public = ["203.0.113.1", "203.0.113.2:443", "2001:db8::2", "192.0.2.1"];
        let all = candidates(&["0.0.0.0:8443"], &["192.0.2.1"], &public);
        assert_eq!(all, ["203.0.113.1:8443", "203.0.113.2:443", "[2001:db8::2]:8443", "192.0.2.1:8443"]);
        let machine: Vec<_> = (0..100).map(|n| format!("192.0.2.{n}")).collect();
        let machine: Vec<_> = machine.iter().map(String::as_str).collect();
        let all = candidates(&["0.0.0.0:8443"], &machine, &["203.0.113.1"]);
        assert_eq!((all.len(), all[0].as_str()), (CANDIDATES_MAX, "203.0.113.1:8443"));
    }

    #[test]
    fn who_came_by_another_address_is_answered_from_there() {
        let mut addresses = addresses(&["0.0.0.0:8443"], &["192.0.2.1"], &["203.0.113.1"]);
        let (usual, other) = (socket("192.0.2.1:8443"), socket("198.51.100.1:8443"));
        let peer = socket("198.51.100.77:5000");
        assert_eq!(addresses.candidate(peer, usual), Some(usual));
        assert_eq!(addresses.candidate(peer, other), Some(usual));
        assert_eq!(addresses.candidate(peer, socket("[2001:db8::9]:8443")), None);
        addresses.learn(peer, other, usual);
        assert_eq!(addresses.source(usual, peer), Some(other.ip()));
        assert_eq!(addresses.source(usual, socket("198.51.100.78:5000")), Some(usual.ip()));
        addresses.learn(peer, usual, usual);
        assert_eq!(addresses.source(usual, peer), Some(usual.ip()));
    }

    #[test]
    fn a_detour_goes_on_when_its_address_comes_into_the_answers() {
        let before = ["192.0.2.1"];
        let mut own = addresses(&["0.0.0.0:8443"], &before, &[]);
        let (usual, other) = (socket("192.0.2.1:8443"), socket("198.51.100.1:8443"));
        let (old, new) = (socket("198.51.100.77:5000"), socket("198.51.100.78:5000"));
        own.learn(old, other, usual);
        own.replace(addresses(&["0.0.0.0:8443"], &["192.0.2.1", "198.51.100.1"], &[]));
        assert_eq!(own.candidates(), [usual, other]);
        assert_eq!((own.candidate(old, other), own.candidate(new, other)), (Some(usual), Some(other)));
        own.replace(addresses(&["0.0.0.0:8443"], &["198.51.100.1"], &[]));
        assert_eq!(own.candidate(old, other), Some(other), "what it went by is gone");
    }

    #[test]
    fn what_is_only_known_outside_is_no_address_to_send_from() {
        let addresses = addresses(&["0.0.0.0:8443"], &["192.0.2.1"], &["203.0.113.1"]);
        assert_eq!(addresses.source(socket("203.0.113.1:8443"), socket("198.51.100.77:5000")), None);
    }

    #[test]
    fn detours_have_a_bound() {
        let mut addresses = addresses(&["0.0.0.0:8443"], &["192.0.2.1"], &[]);
        for n in 0..=u16::MAX {
            let peer = SocketAddr::from(([198, 51, 100, 1], n));
            addresses.learn(peer, socket("198.51.100.2:8443"), socket("192.0.2.1:8443"));
        }
        assert!(addresses.detours.len() <= DETOURS_MAX);
    }
}

//! Hosts, links, and the server on one of them.

use std::time::Duration;

use allo_lab::{Host, Link, Quality};

use crate::scenarios::server::ServerProcess;

/// Nothing in here takes nearly as long, unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What the links do when nothing is wrong with them.
pub(crate) const USUAL: Quality = Quality { delay: Duration::from_micros(12_500), loss: 0.01 };

/// Hosts and links:
///
/// ```text
/// alice 192.0.2.2 ══ 25 ms, 2 % ══ 192.0.2.1 hub 198.51.100.1 ══ 25 ms, 2 % ══ 198.51.100.2 bob
///  then 203.0.113.2 ══════════════ 203.0.113.1
/// ```
///
/// The hub is the router between the two, and the server runs on it.
pub(crate) struct Lab {
    pub(crate) alice: Host,
    pub(crate) bob: Host,
    pub(crate) alices_link: Link,
    _bobs_link: Link,
    server: ServerProcess,
    hub: Host,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// Makes one whose server is started with these flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let [hub, alice, bob] = ["hub", "alice", "bob"].map(|label| Host::new(label).unwrap());
        let alices_link = Link::between([&alice, &hub], "alice0", USUAL, 11).unwrap();
        let bobs_link = Link::between([&bob, &hub], "bob0", USUAL, 23).unwrap();
        hub.forward().unwrap();
        hub.ip("addr add 192.0.2.1/24 dev alice0").unwrap();
        hub.ip("addr add 203.0.113.1/24 dev alice0").unwrap();
        hub.ip("addr add 198.51.100.1/24 dev bob0").unwrap();
        alice.ip("addr add 192.0.2.2/24 dev alice0").unwrap();
        alice.ip("route add default via 192.0.2.1").unwrap();
        bob.ip("addr add 198.51.100.2/24 dev bob0").unwrap();
        bob.ip("route add default via 198.51.100.1").unwrap();
        let server = ServerProcess::start(&hub, flags);
        Self { alice, bob, alices_link, _bobs_link: bobs_link, server, hub }
    }

    /// Moves alice into another network, as when a telephone leaves the house.
    pub(crate) fn move_alice(&self) {
        self.alice.ip("addr del 192.0.2.2/24 dev alice0").unwrap();
        self.alice.ip("addr add 203.0.113.2/24 dev alice0").unwrap();
        self.alice.ip("route add default via 203.0.113.1").unwrap();
    }

    /// Cuts alice off, or no longer.
    pub(crate) fn cut_alice(&self, is_cut: bool) {
        self.alices_link.set(if is_cut { Quality { loss: 1.0, ..USUAL } } else { USUAL });
    }

    /// Stops the server as an operator does, and starts another one with the same data.
    pub(crate) fn restart_server(&mut self) {
        self.server.stop();
        self.server.start_again(&self.hub);
    }

    /// Kills the server, as when its memory is taken or a plug is pulled, and starts another one with the same data.
    pub(crate) fn kill_server(&mut self) {
        self.server.kill();
        self.server.start_again(&self.hub);
    }

    /// Stops the server.
    pub(crate) fn close(mut self) {
        self.server.stop();
    }
}

/// A runtime that stays on its thread, and so on its host.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

//! A worker's TURN server: what comes through it is for the forwarding unit of the same worker.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use allo_protocol::Relay;
use allo_room::MediaKey;
use allo_sfu::{Protocol, Sfu, Transmit, worker_of};
use allo_turn::{
    Client, Subject, TurnConfig, TurnCounters, TurnProtocol, TurnSecret, TurnServer, TurnTransmit, is_turn,
};

use super::{addresses::Addresses, socket::Datagram};

/// How often credentials are renewed: they are good for five minutes.
pub(crate) const RENEWAL: Duration = Duration::from_mins(2);

/// The bits of a subject before those of the worker.
const KEY_BITS: u32 = u64::BITS - u8::BITS;

/// Those who may come through this worker's TURN server.
#[derive(Debug)]
pub(super) struct RelayDesk {
    worker: u8,
    turn: TurnServer,
    ports: Ports,
    /// Whether connections to the page's port may begin with TLS.
    has_tls: bool,
}

/// The ports of the first addresses in the answers.
#[derive(Debug)]
struct Ports {
    udp: u16,
    tcp: Option<u16>,
}

impl Ports {
    fn of(addresses: &Addresses) -> Self {
        let port = |list: Vec<SocketAddr>| list.first().map(SocketAddr::port);
        Self { udp: port(addresses.candidates()).unwrap_or(0), tcp: port(addresses.tcp_candidates()) }
    }
}

impl RelayDesk {
    /// Makes one that leads to these addresses and nowhere else.
    pub(super) fn new(
        now: Instant,
        worker: u8,
        secret: TurnSecret,
        has_tls: bool,
        addresses: &Addresses,
    ) -> Self {
        let turn = TurnServer::new(now, TurnConfig::new(secret, addresses.candidates()));
        Self { worker, turn, ports: Ports::of(addresses), has_tls }
    }

    /// Lets somebody in, or renews that; `None` when there are too many.
    pub(super) fn admit(&mut self, now: Instant, key: MediaKey) -> Option<Relay> {
        let credentials = self.turn.issue(now, self.subject(key))?;
        let (username, credential) = (credentials.username, credentials.password);
        let Ports { udp: udp_port, tcp: tcp_port } = self.ports;
        let tls_port = tcp_port.filter(|_| self.has_tls);
        Some(Relay { username, credential, udp_port, tcp_port, tls_port })
    }

    /// Lets somebody in no more, and ends what they have.
    pub(super) fn revoke(&mut self, key: MediaKey) {
        self.turn.revoke(self.subject(key));
    }

    /// Takes the addresses that are in the answers now.
    pub(super) fn set_addresses(&mut self, addresses: &Addresses) {
        self.ports = Ports::of(addresses);
        self.turn.set_media(addresses.candidates());
    }

    /// Gives what comes through the TURN server to the forwarding unit. Returns whether the datagram was for the TURN server.
    pub(super) fn take(&mut self, now: Instant, datagram: &Datagram<'_>, sfu: &mut Sfu) -> bool {
        let client = client(datagram);
        // Only who has an allocation may ask how it is seen. A check of connectivity names its worker.
        let is_own = is_turn(datagram.bytes) || (self.has(client) && worker_of(datagram.bytes).is_none());
        if !is_own {
            return false;
        }
        self.handle(now, client, datagram.bytes, sfu);
        true
    }

    /// Gives a message or channel data of a client to the TURN server, and what comes through it to the forwarding unit.
    pub(super) fn handle(&mut self, now: Instant, client: Client, bytes: &[u8], sfu: &mut Sfu) {
        self.turn.handle_input(now, client, bytes);
        while let Some(relayed) = self.turn.poll_relayed() {
            sfu.handle_datagram(now, relayed.source, relayed.destination, &relayed.contents);
        }
    }

    /// Ends what a client has whose connection is over.
    pub(super) fn handle_closed(&mut self, client: Client) {
        self.turn.handle_closed(client);
    }

    /// Returns whether who sent a datagram has an allocation here.
    pub(super) fn knows(&self, datagram: &Datagram<'_>) -> bool {
        self.has(client(datagram))
    }

    /// Takes datagrams that are for a relayed address. Returns whether they are.
    pub(super) fn relay(&mut self, now: Instant, transmit: &Transmit) -> bool {
        // Nearly always nobody is here at all.
        let is_relayed = transmit.protocol == Protocol::Udp
            && self.turn.allocations() > 0
            && self.turn.is_relayed(transmit.destination);
        if is_relayed {
            for datagram in transmit.train.cars() {
                self.turn.handle_relayed(now, transmit.source, transmit.destination, datagram);
            }
        }
        is_relayed
    }

    /// Returns what is to be sent to a client next.
    pub(super) fn poll_transmit(&mut self) -> Option<TurnTransmit> {
        self.turn.poll_transmit()
    }

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.turn.handle_timeout(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.turn.poll_timeout()
    }

    pub(super) fn counters(&self) -> TurnCounters {
        self.turn.counters()
    }

    /// Returns whether a client has an allocation here.
    pub(super) fn has(&self, client: Client) -> bool {
        self.turn.allocations() > 0 && self.turn.has_allocation(client)
    }

    fn subject(&self, key: MediaKey) -> Subject {
        Subject(u64::from(self.worker) << KEY_BITS | key.0)
    }
}

/// Returns the worker that a TURN request says to be for. Whether it may, only that worker can tell.
pub(super) fn relay_worker_of(datagram: &[u8]) -> Option<u8> {
    worker_of_subject(allo_turn::subject_of(datagram)?)
}

/// Returns the worker that gave a participant credentials.
pub(super) fn worker_of_subject(Subject(subject): Subject) -> Option<u8> {
    u8::try_from(subject >> KEY_BITS).ok()
}

fn client(datagram: &Datagram<'_>) -> Client {
    Client { protocol: TurnProtocol::Udp, address: datagram.source, local: datagram.destination }
}

//! A server, and clients that do what a test wants done.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allo_turn::{Client, Credentials, Relayed, Subject, TurnConfig, TurnProtocol, TurnSecret, TurnServer};

use crate::wire::{
    ALLOCATE, CHANNEL, CHANNEL_BIND, CREATE_PERMISSION, DATA, ERROR, LIFETIME, Message, NONCE, PEER, REALM,
    REFRESH, SEND_INDICATION, SUCCESS, TRANSPORT, USERNAME,
};

pub(crate) const ADA: Subject = Subject(0xada);
pub(crate) const BOB: Subject = Subject(0xb0b);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
/// REQUESTED-TRANSPORT: UDP.
pub(crate) const UDP: [u8; 4] = [17, 0, 0, 0];

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The address of the media plane.
pub(crate) fn media() -> SocketAddr {
    address("192.0.2.1:8443")
}

pub(crate) fn media_ipv6() -> SocketAddr {
    address("[2001:db8::1]:8443")
}

pub(crate) fn client(n: u16) -> Client {
    let address = SocketAddr::from(([198, 51, 100, 7], 1_000 + n));
    Client { protocol: TurnProtocol::Udp, address, local: media() }
}

pub(crate) struct Lab {
    pub(crate) now: Instant,
    pub(crate) server: TurnServer,
    transaction: u8,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut TurnConfig)) -> Self {
        #[allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
        let now = Instant::now();
        let secret = TurnSecret::new([7; 32], now);
        let mut config = TurnConfig::new(secret, vec![media(), media_ipv6()]);
        change(&mut config);
        Self { now, server: TurnServer::new(now, config), transaction: 0 }
    }

    pub(crate) fn issue(&mut self, subject: Subject) -> Credentials {
        self.server.issue(self.now, subject).unwrap()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
    }

    pub(crate) fn message(&mut self, kind: u16) -> Message {
        self.transaction = self.transaction.wrapping_add(1);
        Message::new(kind, self.transaction)
    }

    /// Sends bytes; returns what comes back to the same client. Nothing goes to anybody else.
    pub(crate) fn send(&mut self, client: Client, bytes: &[u8]) -> Option<Vec<u8>> {
        self.server.handle_input(self.now, client, bytes);
        let transmit = self.server.poll_transmit()?;
        assert_eq!(transmit.client, client);
        assert_eq!(self.server.poll_transmit(), None, "one answer to one request");
        Some(transmit.contents)
    }

    /// Returns the nonce that a client gets for asking.
    pub(crate) fn nonce(&mut self, client: Client) -> String {
        let request = self.message(ALLOCATE).with(TRANSPORT, &UDP).bytes();
        let answer = Message::parse(&self.send(client, &request).unwrap());
        assert_eq!((answer.kind, answer.error()), (ALLOCATE | ERROR, Some(401)));
        answer.text(NONCE)
    }

    /// Sends a request with credentials, as a client does: with a nonce that it asks for first.
    pub(crate) fn ask(&mut self, client: Client, own: &Credentials, request: &Message) -> Message {
        let nonce = self.nonce(client);
        self.ask_with(client, own, &nonce, request)
    }

    pub(crate) fn ask_with(
        &mut self,
        client: Client,
        Credentials { username, password }: &Credentials,
        nonce: &str,
        request: &Message,
    ) -> Message {
        let request = request.clone().with(USERNAME, username.as_bytes()).with(REALM, b"allo");
        let bytes = request.with(NONCE, nonce.as_bytes()).proved(username, "allo", password);
        // A test may ask more often than the network lets strangers do.
        self.now += SECOND / 4;
        Message::parse(&self.send(client, &bytes).unwrap())
    }

    /// Makes an allocation; returns the answer.
    pub(crate) fn allocate(&mut self, client: Client, own: &Credentials) -> Message {
        let request = self.message(ALLOCATE).with(TRANSPORT, &UDP);
        self.ask(client, own, &request)
    }

    pub(crate) fn refresh(&mut self, client: Client, own: &Credentials, seconds: u32) -> Message {
        let request = self.message(REFRESH).with(LIFETIME, &seconds.to_be_bytes());
        self.ask(client, own, &request)
    }

    pub(crate) fn permit(&mut self, client: Client, own: &Credentials, peer: SocketAddr) -> Message {
        let request = self.message(CREATE_PERMISSION).with_address(PEER, peer);
        self.ask(client, own, &request)
    }

    pub(crate) fn bind(
        &mut self,
        client: Client,
        own: &Credentials,
        number: u16,
        peer: SocketAddr,
    ) -> Message {
        let [high, low] = number.to_be_bytes();
        let request = self.message(CHANNEL_BIND).with(CHANNEL, &[high, low, 0, 0]).with_address(PEER, peer);
        self.ask(client, own, &request)
    }

    /// Sends data by an indication; returns what comes out for the media plane.
    pub(crate) fn send_data(&mut self, client: Client, peer: SocketAddr, data: &[u8]) -> Option<Relayed> {
        let indication = self.message(SEND_INDICATION).with_address(PEER, peer).with(DATA, data).bytes();
        assert_eq!(self.send(client, &indication), None, "an indication has no answer");
        self.server.poll_relayed()
    }

    pub(crate) fn send_channel(&mut self, client: Client, bytes: &[u8]) -> Option<Relayed> {
        assert_eq!(self.send(client, bytes), None, "channel data has no answer");
        self.server.poll_relayed()
    }

    /// Lets the media plane send something; returns what comes to the client.
    pub(crate) fn receive(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
        self.server.handle_relayed(self.now, from, to, data);
        self.server.poll_transmit().map(|transmit| transmit.contents)
    }
}

#[track_caller]
pub(crate) fn assert_success(answer: &Message) {
    assert_eq!((answer.kind & ERROR, answer.error()), (SUCCESS, None));
}

#[track_caller]
pub(crate) fn assert_error(answer: &Message, code: u16) {
    assert_eq!((answer.kind & ERROR, answer.error()), (ERROR, Some(code)));
}

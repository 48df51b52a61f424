//! The TURN server by TCP and TLS, on the port of the page: who gets through, and what becomes of the rest.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use allo_server::config::TlsMode;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::interval,
};
use tokio_rustls::TlsConnector;

use crate::{
    media::{Peer, join, server},
    relay::{Pass, UDP, assert_success, offer},
    stun::{BINDING_SUCCESS, kind},
    support::{Stream, TestServer, exchange, raw_exchange, soon},
    turn_client::{Ask, Turns},
    turn_wire::{
        ALLOCATE, BINDING, DATA, DATA_INDICATION, Message, PEER, REFRESH, SEND_INDICATION, TRANSPORT,
        USERNAME,
    },
};

/// Short enough for tests, long enough for a slow machine to connect in.
const SHORT: Duration = Duration::from_millis(500);

/// How a client connects.
#[derive(Debug, Clone, Copy)]
enum Way {
    Tcp,
    Tls,
    /// With the name that RFC 7443 has for it.
    NamedTls,
}

const WAYS: [Way; 3] = [Way::Tcp, Way::Tls, Way::NamedTls];

impl Way {
    async fn to(self, server: &TestServer) -> Box<dyn Stream> {
        match self {
            Self::Tcp => Box::new(server.plain().await),
            Self::Tls => Box::new(server.tls().await),
            Self::NamedTls => {
                let mut roots = RootCertStore::empty();
                let authority = server.data.path().join("tls/authority.crt");
                roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
                let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
                config.alpn_protocols = vec![b"stun.turn".to_vec()];
                let connector = TlsConnector::from(Arc::new(config));
                let name = ServerName::try_from("localhost").unwrap();
                Box::new(soon("TLS", connector.connect(name, server.plain().await)).await.unwrap())
            }
        }
    }
}

/// A TURN client, which says what a test wants said.
struct TurnClient {
    stream: Box<dyn Stream>,
    turns: Turns,
}

impl Ask for TurnClient {
    fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    async fn exchange(&mut self, bytes: &[u8]) -> Message {
        self.send(bytes).await;
        Message::parse(&self.receive().await)
    }
}

impl TurnClient {
    /// Asks for a nonce.
    async fn to(server: &TestServer, way: Way) -> Self {
        let mut client = Self { stream: way.to(server).await, turns: Turns::default() };
        client.challenge().await;
        client
    }

    /// Asks for an allocation, and for leave to send to `media`.
    async fn settle(server: &TestServer, way: Way, pass: &Pass, media: SocketAddr) -> Self {
        let mut client = Self::to(server, way).await;
        assert_success(&client.allocate(pass).await);
        assert_success(&client.permit(pass, media).await);
        client
    }

    async fn send(&mut self, bytes: &[u8]) {
        soon("sending", self.stream.write_all(bytes)).await.unwrap();
        soon("sending", self.stream.flush()).await.unwrap();
    }

    /// Returns the next message or channel data, with its padding.
    async fn receive(&mut self) -> Vec<u8> {
        let mut piece = vec![0; 4];
        soon("an answer", self.stream.read_exact(&mut piece)).await.unwrap();
        let length = usize::from(u16::from_be_bytes([piece[2], piece[3]]));
        let whole = if piece[0] < 4 { 20 + length } else { 4 + length.next_multiple_of(4) };
        piece.resize(whole, 0);
        soon("the rest of it", self.stream.read_exact(&mut piece[4..])).await.unwrap();
        piece
    }

    /// Sends a check by a channel, and returns what is answered to it there.
    async fn check_by_channel(&mut self, check: &[u8]) -> (u16, u8) {
        self.send(&channel_data(check)).await;
        let answer = self.receive().await;
        assert_eq!(answer[..2], [0x40, 0]);
        kind(&answer[4..])
    }

    async fn assert_closed(mut self) {
        // A reset is as good as a close.
        let _end = soon("the server's close", self.stream.read_to_end(&mut Vec::new())).await;
    }
}

/// Channel data, padded as on a connection (RFC 8656 §12.5).
fn channel_data(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    let mut bytes = [&[0x40, 0], length.as_slice(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[tokio::test]
async fn a_participant_is_told_the_ports_that_there_are() {
    for (tls, tls_port) in [(TlsMode::Auto, true), (TlsMode::Off, false)] {
        let server = server(1, |config| config.tls = tls);
        let mut socket = server.websocket().await;
        socket.join("hall", "Ada", 1).await;
        let relay = &socket.hear_type("relay").await["relay"];
        assert_eq!((&relay["udpPort"], &relay["tcpPort"]), (&json!(server.port()), &json!(server.port())));
        assert_eq!(relay["tlsPort"], if tls_port { json!(server.port()) } else { json!(null) });
    }
}

/// Rooms are on either of the two workers.
#[tokio::test]
async fn a_check_goes_through_a_connection_whichever_worker_it_is_for() {
    let server = server(2, |_| {});
    for key in 0..4 {
        let mut socket = server.websocket().await;
        let pass = Pass::of(&mut socket, &format!("hall {key}"), key).await;
        let answer = offer(&mut socket).await;
        let media = answer.candidates[0];
        for (way, transaction) in WAYS.into_iter().zip(0..) {
            let mut client = TurnClient::settle(&server, way, &pass, media).await;
            let check = answer.check(transaction);
            let sent = client.message(SEND_INDICATION).with_address(PEER, media).with(DATA, &check);
            let received = client.exchange(&sent.bytes()).await;
            assert_eq!((received.kind, received.address(PEER)), (DATA_INDICATION, media), "{way:?}");
            assert_eq!(kind(received.get(DATA).unwrap()), (BINDING_SUCCESS, transaction));
            assert_success(&client.bind(&pass, media).await);
            assert_eq!(client.check_by_channel(&check).await, (BINDING_SUCCESS, transaction));
            assert_success(&client.refresh(&pass).await);
        }
    }
}

/// D6: data of every length is padded, and what is in the padding is nobody's.
#[tokio::test]
async fn channel_data_are_told_apart_by_their_padding_however_they_are_cut() {
    let server = server(1, |_| {});
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    let answer = offer(&mut socket).await;
    for way in WAYS {
        let mut client = TurnClient::settle(&server, way, &pass, answer.candidates[0]).await;
        assert_success(&client.bind(&pass, answer.candidates[0]).await);
        for length in 1..9 {
            // Something that the media plane makes nothing of, then a check.
            let mut bytes = channel_data(&vec![0xff; length]);
            bytes.extend(channel_data(&answer.check(u8::try_from(length).unwrap())));
            for part in bytes.chunks(7) {
                client.send(part).await;
            }
            let received = client.receive().await;
            assert_eq!(kind(&received[4..]), (BINDING_SUCCESS, u8::try_from(length).unwrap()));
        }
        // Of a channel that is bound to nobody, and without data: silence.
        client.send(&[0x40, 1, 0, 1, 7, 0, 0, 0, 0x40, 0, 0, 0]).await;
        assert_eq!(client.check_by_channel(&answer.check(99)).await, (BINDING_SUCCESS, 99));
    }
}

/// D1, D3: as by UDP.
#[tokio::test]
async fn nothing_but_the_media_plane_is_a_peer_and_nothing_opens_without_credentials() {
    let server = server(1, |_| {});
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    for way in WAYS {
        let mut client = TurnClient::to(&server, way).await;
        let guessed = Pass { username: pass.username.clone(), credential: "guess".to_owned() };
        assert_eq!(client.allocate(&guessed).await.error(), Some(401));
        assert_success(&client.allocate(&pass).await);
        for peer in
            ["127.0.0.2:8443", "10.0.0.1:80", "169.254.169.254:80", "[::1]:8443", "[::ffff:127.0.0.1]:1"]
        {
            let peer: SocketAddr = peer.parse().unwrap();
            assert_eq!(client.permit(&pass, peer).await.error(), Some(403), "{peer}");
            assert_eq!(client.bind(&pass, peer).await.error(), Some(403), "{peer}");
        }
        let other = SocketAddr::new(server.address.ip(), server.port() ^ 1);
        assert_eq!(client.bind(&pass, other).await.error(), Some(403));
    }
}

/// D2, D4: allocations of all ways count together, end with their connection, and end with the participant.
#[tokio::test]
async fn a_participant_has_so_many_allocations_whichever_way_and_none_afterwards() {
    let server = server(1, |_| {});
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    let mut held = Vec::new();
    for way in WAYS.into_iter().cycle().take(6) {
        let mut client = TurnClient::to(&server, way).await;
        assert_success(&client.allocate(&pass).await);
        held.push(client);
    }
    let mut one_more = TurnClient::to(&server, Way::Tcp).await;
    assert_eq!(one_more.allocate(&pass).await.error(), Some(486));
    held.pop();
    let again = async { while one_more.allocate(&pass).await.error().is_some() {} };
    soon("the end of an allocation whose connection is over", again).await;
    socket.say(serde_json::json!({ "type": "leave" })).await;
    socket.closed().await;
    let refused = async { while one_more.refresh(&pass).await.error() != Some(401) {} };
    soon("the end of the allocations of who left", refused).await;
    // Nobody there has an allocation any more.
    one_more.assert_closed().await;
}

/// A16, D11: whatever else begins a connection is closed without a word.
#[tokio::test]
async fn what_is_no_request_for_an_allocation_ends_a_connection_without_a_word() {
    let server = server(1, |config| config.bounds.request_timeout = SHORT);
    let mut socket = server.websocket().await;
    let _pass = Pass::of(&mut socket, "hall", 1).await;
    let allocate = Message::new(ALLOCATE, 1).with(TRANSPORT, &UDP);
    let named = |username: &str| allocate.clone().with(USERNAME, username.as_bytes()).bytes();
    for bytes in [
        Message::new(BINDING, 1).bytes(),
        Message::new(REFRESH, 1).bytes(),
        Message::new(SEND_INDICATION, 1).with(DATA, b"x").bytes(),
        // A worker that is not there.
        named("12c.ff00000000000001"),
        // Without the magic cookie; said to be too long; half of it, and then silence.
        [vec![0, 3, 0, 0], vec![9; 16]].concat(),
        vec![0, 3, 0xff, 0xff],
        allocate.bytes()[..19].to_vec(),
        vec![0],
        vec![0, 3],
    ] {
        for way in WAYS {
            let answer = raw_exchange(way.to(&server).await, &bytes).await;
            assert!(answer.is_empty(), "{way:?}: {} bytes in answer to {bytes:?}", answer.len());
        }
    }
    for way in [Way::Tls, Way::NamedTls] {
        // Channel data, a frame of RFC 4571, rubbish: inside TLS those are no request of any kind.
        for bytes in [&[0x40, 0, 0, 0][..], &[0, 200, 0, 1], &[0xff; 100]] {
            let answer = raw_exchange(way.to(&server).await, bytes).await;
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
        }
        let page = exchange(
            way.to(&server).await,
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await;
        assert_eq!(page.status, 200, "{page:?}");
    }
}

/// Without credentials there are a few answers, and then a close.
#[tokio::test]
async fn who_never_says_who_they_are_is_answered_three_times() {
    let server = server(1, |_| {});
    let mut socket = server.websocket().await;
    let _pass = Pass::of(&mut socket, "hall", 1).await;
    for way in WAYS {
        let request = Message::new(ALLOCATE, 1).with(TRANSPORT, &UDP).bytes();
        let answer = raw_exchange(way.to(&server).await, &request.repeat(20)).await;
        assert_eq!(answer.windows(4).filter(|bytes| *bytes == b"allo").count(), 3, "{way:?}");
        assert!(answer.len() < 300, "{} bytes", answer.len());
    }
}

/// A message has its time as a whole, and not each byte of it; before there is an allocation and after.
#[tokio::test]
async fn what_comes_byte_by_byte_or_only_in_part_ends_a_connection() {
    let server = server(1, |config| config.bounds.request_timeout = SHORT);
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    let media = offer(&mut socket).await.candidates[0];
    for way in WAYS {
        for is_settled in [false, true] {
            for is_dripping in [false, true] {
                let stream = if is_settled {
                    TurnClient::settle(&server, way, &pass, media).await.stream
                } else {
                    way.to(&server).await
                };
                let (mut read, mut write) = tokio::io::split(stream);
                let message = Message::new(ALLOCATE, 1).with(0x8022, &[b'x'; 1_000]).bytes();
                let talk = async {
                    let mut pace = interval(SHORT / 20);
                    for byte in &message[..if is_dripping { 1_000 } else { 30 }] {
                        if is_dripping {
                            pace.tick().await;
                        }
                        if write.write_all(&[*byte]).await.is_err() || write.flush().await.is_err() {
                            return;
                        }
                    }
                    assert!(!is_dripping, "{way:?}: all of it was taken");
                    std::future::pending::<()>().await;
                };
                let mut answer = Vec::new();
                tokio::select! {
                    _end = soon("the server's close", read.read_to_end(&mut answer)) => {}
                    () = talk => {}
                }
                assert!(answer.is_empty(), "{way:?}: {answer:?}");
            }
        }
    }
}

/// Nonsense ends the connection of who sends it, and no other. HTTP begins like channel data that are too long.
#[tokio::test]
async fn nonsense_after_an_allocation_ends_one_connection_and_no_other() {
    let server = server(1, |_| {});
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    let answer = offer(&mut socket).await;
    let media = answer.candidates[0];
    let mut other = TurnClient::settle(&server, Way::Tcp, &pass, media).await;
    assert_success(&other.bind(&pass, media).await);
    for way in WAYS {
        for nonsense in [&[0x80, 0, 0, 0][..], &[0xff; 20], &[0x40, 0, 0xff, 0xff], b"GET / HTTP/1.1\r\n\r\n"]
        {
            let mut client = TurnClient::settle(&server, way, &pass, media).await;
            client.send(nonsense).await;
            client.assert_closed().await;
        }
    }
    assert_eq!(other.check_by_channel(&answer.check(1)).await, (BINDING_SUCCESS, 1));
}

/// Who is answered and never reads is sent what fits, and costs nobody else anything.
#[tokio::test]
async fn a_flood_from_one_that_does_not_read_delays_nobody() {
    let server = server(1, |_| {});
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    let answer = offer(&mut socket).await;
    let media = answer.candidates[0];
    let (_bob, other_answer) = join(&server, "hall", 2).await;
    for way in [Way::Tcp, Way::Tls] {
        let mut flood = TurnClient::settle(&server, way, &pass, media).await;
        assert_success(&flood.bind(&pass, media).await);
        let mut other = TurnClient::settle(&server, way, &pass, media).await;
        assert_success(&other.bind(&pass, media).await);
        let many: Vec<u8> = (0..=u8::MAX).flat_map(|n| channel_data(&answer.check(n))).collect();
        for transaction in 0..40 {
            flood.send(&many).await;
            Peer::to(server.address).await.assert_answered(&other_answer, transaction).await;
            let check = answer.check(transaction);
            assert_eq!(other.check_by_channel(&check).await, (BINDING_SUCCESS, transaction));
        }
        // What is left of the answers to it is whole.
        let first = flood.receive().await;
        assert_eq!((&first[..2], kind(&first[4..]).0), (&[0x40, 0][..], BINDING_SUCCESS));
    }
}

/// E1, E13: they are connections like others.
#[tokio::test]
async fn an_address_has_so_many_connections_to_the_turn_server_and_no_more() {
    let server = server(1, |config| {
        config.trusted_proxies.clear();
        config.bounds.connections_per_address = 1;
    });
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(TurnClient::to(&server, Way::Tcp).await);
    }
    let request = Message::new(ALLOCATE, 1).with(TRANSPORT, &UDP).bytes();
    assert!(raw_exchange(server.plain().await, &request).await.is_empty());
}

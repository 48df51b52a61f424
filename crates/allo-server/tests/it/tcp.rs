//! Media over TCP (RFC 4571, RFC 6544) on the port of everything else, and what strangers send there.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::interval,
};

use crate::{
    media::{Answer, Peer, join, nonsense, server},
    stun::{BINDING_SUCCESS, check, kind},
    support::{TestServer, raw_exchange, soon},
};

/// Short enough for tests, long enough for a slow machine to connect in.
const SHORT: Duration = Duration::from_millis(500);

fn frame(datagram: &[u8]) -> Vec<u8> {
    [&u16::try_from(datagram.len()).unwrap().to_be_bytes(), datagram].concat()
}

/// A connection of somebody who may be a client, or anyone.
struct Connection {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Connection {
    async fn to(server: &TestServer) -> Self {
        let stream = server.plain().await;
        stream.set_nodelay(true).unwrap();
        let (read, write) = stream.into_split();
        Self { read, write }
    }

    async fn send(&mut self, datagram: &[u8]) {
        soon("sending", self.write.write_all(&frame(datagram))).await.unwrap();
    }

    async fn receive(&mut self) -> Vec<u8> {
        let length = soon("a frame", self.read.read_u16()).await.unwrap();
        let mut datagram = vec![0; length.into()];
        soon("the rest of a frame", self.read.read_exact(&mut datagram)).await.unwrap();
        datagram
    }

    /// Makes sure that nothing else came before the answer to a check.
    async fn assert_answered(&mut self, answer: &Answer, transaction: u8) {
        self.send(&answer.check(transaction)).await;
        assert_eq!(kind(&self.receive().await), (BINDING_SUCCESS, transaction));
    }

    /// Waits until the server closes; whatever it said before is passed over.
    async fn assert_closed(mut self) {
        // A reset is as good as a close.
        let _end = soon("the server's close", self.read.read_to_end(&mut Vec::new())).await;
    }
}

/// Sends these bytes on a connection of their own, and makes sure that it is closed without an answer.
async fn assert_closed_without_a_word(server: &TestServer, bytes: &[u8]) {
    let answer = raw_exchange(server.plain().await, bytes).await;
    assert!(answer.is_empty(), "{} bytes in answer to {bytes:?}", answer.len());
}

#[tokio::test]
async fn the_answer_says_that_its_address_can_be_connected_to() {
    let server = server(1, |config| {
        config.media.public_addresses = vec!["203.0.113.9".parse().unwrap()];
    });
    let (_ada, answer) = join(&server, "hall", 1).await;
    // What is outside cannot lead to a listener on the loopback.
    assert_eq!(answer.tcp_candidates, [server.address]);
    Connection::to(&server).await.assert_answered(&answer, 1).await;
}

#[tokio::test]
async fn where_the_page_is_behind_a_proxy_nobody_is_told_to_connect_to_it() {
    let server = server(1, |config| config.media.listen = vec!["0.0.0.0".parse().unwrap()]);
    let (_ada, answer) = join(&server, "hall", 1).await;
    assert!(
        answer.tcp_candidates.iter().all(|address| *address == server.address),
        "{:?}",
        answer.tcp_candidates
    );
}

#[tokio::test]
async fn a_connection_reaches_whichever_worker_it_is_for() {
    let server = server(2, |_| {});
    for key in 0..8 {
        let (_ada, answer) = join(&server, &format!("hall {key}"), key).await;
        Connection::to(&server).await.assert_answered(&answer, 1).await;
    }
}

/// A1, A2, A3, A5, A6, A7, A9, A16: whatever begins a connection and is no check for somebody here, it is closed.
#[tokio::test]
async fn nothing_is_said_to_a_connection_that_begins_with_nonsense() {
    let server = server(1, |config| config.bounds.request_timeout = SHORT);
    let (_ada, answer) = join(&server, "hall", 1).await;
    let Answer { ufrag, password, .. } = &answer;
    for first in [
        &b""[..],
        &[0],
        &[22, 254, 253, 0],
        &[0x80; 200],
        &check("00AAAAAAAAAAAAAA", password, 0),
        &check("ffAAAAAAAAAAAAAA", password, 0),
        &check(ufrag, "wrongwrongwrongwrongwrong", 0),
    ] {
        assert_closed_without_a_word(&server, &frame(first)).await;
    }
    let good = answer.check(0);
    let mut broken = good.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert_closed_without_a_word(&server, &frame(&broken)).await;
    for bytes in [
        // Too long by a byte; and with all of it.
        &[0x05, 0xdd][..],
        &[vec![0x05, 0xdd], vec![0; 1_501]].concat(),
        // A null packet, whatever follows it.
        &[frame(&[]), frame(&good)].concat(),
        // Without a frame.
        &good,
    ] {
        assert_closed_without_a_word(&server, bytes).await;
    }
    let whole = frame(&good);
    for length in [1, 2, 3, 22, whole.len() - 1] {
        assert_closed_without_a_word(&server, &whole[..length]).await;
    }
    Connection::to(&server).await.assert_answered(&answer, 1).await;
    assert_eq!(server.get("/health").await.status, 200);
}

#[tokio::test]
async fn without_a_media_plane_a_connection_with_media_is_closed() {
    let server = TestServer::with(|config| {
        config.media.workers = allo_server::config::MediaWorkers::Number(0);
    });
    assert_closed_without_a_word(&server, &frame(&check("00AAAAAAAAAAAAAA", "x", 0))).await;
}

/// Nonsense from somebody who proved to be a client is as good as lost.
#[tokio::test]
async fn nonsense_between_checks_is_ignored() {
    let server = server(1, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    let mut ada = Connection::to(&server).await;
    ada.assert_answered(&answer, 1).await;
    for (datagram, transaction) in nonsense(&answer).iter().zip((0..=u8::MAX).cycle()) {
        if datagram.len() <= 1_500 {
            ada.send(datagram).await;
        }
        ada.assert_answered(&answer, transaction).await;
    }
}

#[tokio::test]
async fn a_frame_that_is_too_long_ends_a_connection_and_no_other() {
    let server = server(1, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    let mut other = Connection::to(&server).await;
    other.assert_answered(&answer, 1).await;
    let mut ada = Connection::to(&server).await;
    ada.assert_answered(&answer, 1).await;
    ada.write.write_all(&[0xff, 0xff]).await.unwrap();
    ada.assert_closed().await;
    other.assert_answered(&answer, 2).await;
}

#[tokio::test]
async fn half_a_frame_and_then_silence_ends_a_connection() {
    let server = server(1, |config| config.bounds.request_timeout = SHORT);
    let (_ada, answer) = join(&server, "hall", 1).await;
    for length in [1, 2, 30] {
        let mut ada = Connection::to(&server).await;
        ada.assert_answered(&answer, 1).await;
        ada.write.write_all(&frame(&answer.check(2))[..length]).await.unwrap();
        ada.assert_closed().await;
    }
}

/// A frame has its time as a whole, and not each byte of it; before the first check and after.
#[tokio::test]
async fn a_frame_that_comes_byte_by_byte_ends_a_connection() {
    let server = server(1, |config| config.bounds.request_timeout = SHORT);
    let (_ada, answer) = join(&server, "hall", 1).await;
    for has_proof in [false, true] {
        let mut ada = Connection::to(&server).await;
        if has_proof {
            ada.assert_answered(&answer, 1).await;
        }
        let Connection { mut read, mut write } = ada;
        let drip = async {
            let mut pace = interval(SHORT / 20);
            for byte in frame(&[0x80; 1_500]) {
                pace.tick().await;
                if write.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
            panic!("all of it was taken");
        };
        let mut answer = Vec::new();
        let closed = read.read_to_end(&mut answer);
        tokio::select! {
            _end = soon("the server's close", closed) => {}
            () = drip => {}
        }
        assert!(answer.is_empty());
    }
}

/// Who is answered and never reads is sent what fits, and costs nobody else anything.
#[tokio::test]
async fn a_flood_from_one_that_does_not_read_delays_nobody() {
    let server = server(1, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    let mut flood = Connection::to(&server).await;
    let many: Vec<u8> = (0..=u8::MAX).flat_map(|n| [frame(&answer.check(n)), vec![0, 0]].concat()).collect();
    let mut other = Connection::to(&server).await;
    for transaction in 0..60 {
        flood.write.write_all(&many).await.unwrap();
        Peer::to(server.address).await.assert_answered(&answer, transaction).await;
        other.assert_answered(&answer, transaction).await;
    }
    // What is left of the answers to it is whole.
    let transaction = kind(&flood.receive().await).1;
    assert_eq!(transaction, 0, "the first answer was on its way");
}

#[tokio::test]
async fn a_connection_ends_with_its_participant() {
    let server = server(1, |_| {});
    let (mut ada, answer) = join(&server, "hall", 1).await;
    let mut connection = Connection::to(&server).await;
    connection.assert_answered(&answer, 1).await;
    ada.say(serde_json::json!({ "type": "leave" })).await;
    connection.assert_closed().await;
}

/// E1, E13: media are connections like others.
#[tokio::test]
async fn an_address_has_so_many_connections_with_media_and_no_more() {
    let server = server(1, |config| {
        config.trusted_proxies.clear();
        config.bounds.connections_per_address = 2;
    });
    let (_ada, answer) = join(&server, "hall", 1).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut connection = Connection::to(&server).await;
        connection.assert_answered(&answer, 1).await;
        held.push(connection);
    }
    assert_closed_without_a_word(&server, &frame(&answer.check(1))).await;
    held[0].assert_answered(&answer, 2).await;
}

/// Closes as a peer that is gone does, and comes again from elsewhere.
#[tokio::test]
async fn who_comes_by_a_new_connection_is_answered_there() {
    let server = server(1, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    for _ in 0..40 {
        let mut connection = Connection::to(&server).await;
        connection.assert_answered(&answer, 1).await;
    }
    let _stream: TcpStream = server.plain().await;
    Connection::to(&server).await.assert_answered(&answer, 2).await;
}

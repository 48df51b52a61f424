//! The TURN server: what strangers send, and what somebody with credentials does.

use std::net::SocketAddr;
use std::time::Duration;

use allo_turn::{
    Client, Credentials, Splitter, Subject, TurnConfig, TurnProtocol, TurnSecret, TurnServer, is_turn,
    subject_of,
};
use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};

use crate::{SERVER, start};

const REALM: &str = "allo";
/// The transaction of every request that is signed here: addresses in it are masked with it.
const TRANSACTION: [u8; 12] = [1; 12];
/// What a challenge may be longer than what it answers.
const CHALLENGE: usize = 60;

/// Messages, each with a byte about who sends it and a length of two bytes before it. With the highest bit of the first set, the
/// message is only a type and attributes, and is signed as one of a participant. Whatever comes, what is relayed is for the media
/// plane, and little is said to what proves nothing.
pub fn turn(bytes: &[u8]) {
    let mut splitter = Splitter::default();
    splitter.bytes.extend_from_slice(bytes);
    while let Ok(Some(piece)) = splitter.next() {
        assert!(!piece.is_empty());
    }
    let mut now = start();
    let mut server = TurnServer::new(now, TurnConfig::new(TurnSecret::new([7; 32], now), vec![SERVER]));
    let credentials = server.issue(now, Subject(1)).expect("there is room for one");
    let nonces = (0..4).map(|n| nonce(&mut server, client(n))).collect::<Vec<_>>();
    let mut rest = bytes;
    for _ in 0..64 {
        let Some(([who, high, low], after)) = rest.split_first_chunk::<3>() else { break };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (message, after) = after.split_at(length);
        rest = after;
        let n = who % 4;
        let is_signed = who & 0x80 != 0;
        now += Duration::from_secs(u64::from(who & 0x70));
        server.handle_timeout(now);
        if is_signed {
            server.handle_input(now, client(n), &sign(message, &credentials, &nonces[usize::from(n)]));
        } else {
            server.handle_input(now, client(n), message);
        }
        let said: usize = std::iter::from_fn(|| server.poll_transmit()).map(|it| it.contents.len()).sum();
        assert!(is_signed || said <= message.len() + CHALLENGE, "{said} bytes to {}", message.len());
        while let Some(relayed) = server.poll_relayed() {
            assert!(relayed.destination == SERVER && server.is_relayed(relayed.source));
            server.handle_relayed(now, SERVER, relayed.source, &relayed.contents);
            while server.poll_transmit().is_some() {}
        }
    }
    server.revoke(Subject(1));
    assert_eq!((server.allocations(), server.poll_timeout()), (0, None), "nothing is left");
}

/// A datagram as it comes to the one port. Whatever it is, whoever's request it says to be is for the TURN server, and
/// what the first bits give to others (RFC 7983) never is.
pub fn routes(bytes: &[u8]) {
    let is_turn = is_turn(bytes);
    if let Some(Subject(_)) = subject_of(bytes) {
        assert!(is_turn, "a request of somebody's is for the TURN server");
    }
    match bytes.first() {
        None | Some(0x80..) => assert!(!is_turn, "media are not for the TURN server"),
        Some(0x40..0x80) => assert!(is_turn, "channel data are for the TURN server"),
        Some(..0x40) => assert!(!is_turn || bytes.len() >= 20, "a message has a header"),
    }
}

fn client(n: u8) -> Client {
    let protocol = if n < 2 { TurnProtocol::Udp } else { TurnProtocol::Tcp };
    Client { protocol, address: SocketAddr::from(([198, 51, 100, n], 1_000)), local: SERVER }
}

/// Asks for a nonce, as a client does.
fn nonce(server: &mut TurnServer, client: Client) -> Vec<u8> {
    let request = message(&[0, 3], &attribute(0x19, &[17, 0, 0, 0]));
    server.handle_input(start(), client, &request);
    let challenge = server.poll_transmit().expect("the first request is answered").contents;
    challenge[challenge.len() - 16..].to_vec()
}

/// Makes a request of a type and attributes, with the proof that a participant sent it.
fn sign(request: &[u8], credentials: &Credentials, nonce: &[u8]) -> Vec<u8> {
    let (kind, attributes) = request.split_at(request.len().min(2));
    let whole = attributes.len() / 4 * 4;
    let Credentials { username, password } = credentials;
    let mut all = attributes[..whole].to_vec();
    all.extend(attribute(0x06, username.as_bytes()));
    all.extend(attribute(0x14, REALM.as_bytes()));
    all.extend(attribute(0x15, nonce));
    // The proof covers a length that counts it.
    let covered = message(kind, &[all.as_slice(), &[0; 24]].concat());
    let key = Md5::digest(format!("{username}:{REALM}:{password}"));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &covered[..covered.len() - 24]);
    all.extend(attribute(0x08, tag.as_ref()));
    message(kind, &all)
}

fn message(kind: &[u8], attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).unwrap_or(u16::MAX).to_be_bytes();
    let kind = [kind.first().copied().unwrap_or(0), kind.get(1).copied().unwrap_or(3)];
    [kind.as_slice(), &length, &[0x21, 0x12, 0xa4, 0x42], &TRANSACTION, attributes].concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let mut bytes = [kind.to_be_bytes(), length.to_be_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

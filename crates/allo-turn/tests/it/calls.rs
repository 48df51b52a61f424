//! What clients do.

use allo_turn::{Client, Credentials, TurnProtocol};

use crate::lab::{
    ADA, BOB, Lab, MINUTE, UDP, address, assert_error, assert_success, client, media, media_ipv6,
};
use crate::wire::{
    ALLOCATE, BINDING, CHANNEL, CHANNEL_BIND, DATA, DATA_INDICATION, ERROR, EVEN_PORT, FAMILY, INTEGRITY,
    LIFETIME, MAPPED, Message, NONCE, PEER, REALM, RELAYED, SUCCESS, TRANSPORT, UNKNOWN,
};

/// Somebody with an allocation.
fn settled() -> (Lab, Credentials, std::net::SocketAddr) {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let answer = lab.allocate(client(1), &ada);
    assert_success(&answer);
    (lab, ada, answer.address(RELAYED))
}

#[test]
fn a_client_asks_for_a_nonce_and_then_gets_an_allocation() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP);
    let challenge = Message::parse(&lab.send(client(1), &request.bytes()).unwrap());
    assert_eq!((challenge.kind, challenge.error()), (ALLOCATE | ERROR, Some(401)));
    assert_eq!((challenge.transaction, challenge.text(REALM).as_str()), (request.transaction, "allo"));
    let answer = lab.ask_with(client(1), &ada, &challenge.text(NONCE), &request);
    assert_eq!(answer.kind, ALLOCATE | SUCCESS);
    assert_eq!(answer.address(MAPPED), client(1).address);
    assert_eq!(answer.address(RELAYED).ip(), media().ip());
    assert_eq!(answer.get(LIFETIME), Some(600_u32.to_be_bytes().as_slice()));
    assert!(answer.get(INTEGRITY).is_some(), "the answer is proved, too");
    assert!(lab.server.is_relayed(answer.address(RELAYED)) && lab.server.has_allocation(client(1)));
}

#[test]
fn who_asks_for_an_even_port_gets_one() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    for n in 1..=5 {
        let even = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(EVEN_PORT, &[0]);
        let answer = lab.ask(client(n), &ada, &even);
        assert_success(&answer);
        assert!(answer.address(RELAYED).port().is_multiple_of(2));
    }
}

#[test]
fn data_go_to_the_media_plane_and_come_back() {
    let (mut lab, ada, relayed) = settled();
    assert_eq!(lab.send_data(client(1), media(), b"early"), None, "there is no permission yet");
    assert_success(&lab.permit(client(1), &ada, media()));
    let sent = lab.send_data(client(1), media(), b"hello").unwrap();
    assert_eq!((sent.source, sent.destination, sent.contents.as_slice()), (relayed, media(), &b"hello"[..]));
    let received = Message::parse(&lab.receive(media(), relayed, b"welcome").unwrap());
    assert_eq!((received.kind, received.address(PEER)), (DATA_INDICATION, media()));
    assert_eq!(received.get(DATA), Some(&b"welcome"[..]));
}

#[test]
fn a_channel_is_shorter() {
    let (mut lab, ada, relayed) = settled();
    assert_success(&lab.bind(client(1), &ada, 0x4001, media()));
    let sent = lab.send_channel(client(1), b"\x40\x01\x00\x05hello").unwrap();
    assert_eq!((sent.source, sent.destination, sent.contents.as_slice()), (relayed, media(), &b"hello"[..]));
    assert_eq!(lab.receive(media(), relayed, b"hi").unwrap(), b"\x40\x01\x00\x02hi");
}

#[test]
fn over_a_connection_channel_data_are_padded() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let by_tcp = Client { protocol: TurnProtocol::Tcp, ..client(1) };
    let relayed = lab.allocate(by_tcp, &ada).address(RELAYED);
    assert_success(&lab.bind(by_tcp, &ada, 0x4001, media()));
    assert_eq!(lab.receive(media(), relayed, b"hi").unwrap(), b"\x40\x01\x00\x02hi\0\0");
    assert_eq!(lab.send_channel(by_tcp, b"\x40\x01\x00\x02hi\0\0").unwrap().contents, b"hi");
    lab.server.handle_closed(by_tcp);
    assert_eq!((lab.server.allocations(), lab.server.poll_timeout()), (0, None));
}

#[test]
fn an_allocation_lives_as_long_as_it_is_refreshed() {
    let (mut lab, ada, relayed) = settled();
    for _ in 0..5 {
        lab.pass(9 * MINUTE);
        assert_success(&lab.refresh(client(1), &ada, 600));
    }
    lab.pass(11 * MINUTE);
    assert!(!lab.server.is_relayed(relayed) && !lab.server.has_allocation(client(1)));
    assert_eq!(lab.server.poll_timeout(), None);
}

#[test]
fn a_refresh_for_no_time_ends_it() {
    let (mut lab, ada, relayed) = settled();
    let answer = lab.refresh(client(1), &ada, 0);
    assert_success(&answer);
    assert_eq!(answer.get(LIFETIME), Some([0; 4].as_slice()));
    assert!(!lab.server.is_relayed(relayed));
    assert_error(&lab.refresh(client(1), &ada, 600), 437);
}

#[test]
fn permissions_and_channels_end_unless_they_are_renewed() {
    let (mut lab, ada, relayed) = settled();
    assert_success(&lab.bind(client(1), &ada, 0x4001, media()));
    lab.pass(4 * MINUTE);
    assert!(lab.receive(media(), relayed, b"x").is_some());
    lab.pass(2 * MINUTE);
    assert_eq!(lab.receive(media(), relayed, b"x"), None, "the permission is over, and the channel is not");
    assert!(lab.send_channel(client(1), b"\x40\x01\x00\x01x").is_some());
    assert_success(&lab.permit(client(1), &ada, media()));
    assert!(lab.receive(media(), relayed, b"x").is_some());
    assert_success(&lab.refresh(client(1), &ada, 600));
    lab.pass(5 * MINUTE);
    assert_eq!(lab.send_channel(client(1), b"\x40\x01\x00\x01x"), None, "the channel is over");
}

#[test]
fn a_request_that_comes_twice_is_answered_twice() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP);
    let nonce = lab.nonce(client(1));
    let [first, second] = [(); 2].map(|()| lab.ask_with(client(1), &ada, &nonce, &request));
    assert_eq!(first, second);
    assert_eq!(lab.server.allocations(), 1);
    assert_error(&lab.allocate(client(1), &ada), 437);
}

#[test]
fn both_families_have_relayed_addresses() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(FAMILY, &[2, 0, 0, 0]);
    let relayed = lab.ask(client(1), &ada, &request).address(RELAYED);
    assert_eq!(relayed.ip(), media_ipv6().ip());
    assert_success(&lab.permit(client(1), &ada, media_ipv6()));
    assert_eq!(lab.send_data(client(1), media_ipv6(), b"x").unwrap().source, relayed);
    assert_error(&lab.permit(client(1), &ada, media()), 443);
    assert_error(&lab.bind(client(1), &ada, 0x4000, media()), 443);
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(FAMILY, &[3, 0, 0, 0]);
    assert_error(&lab.ask(client(2), &ada, &request), 440);
}

#[test]
fn without_an_address_of_a_family_there_is_no_allocation_in_it() {
    let mut lab = Lab::with(|config| config.media = vec![media()]);
    let ada = lab.issue(ADA);
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(FAMILY, &[2, 0, 0, 0]);
    assert_error(&lab.ask(client(1), &ada, &request), 440);
}

#[test]
fn a_channel_has_one_peer_and_a_peer_one_channel() {
    let mut lab = Lab::with(|config| config.media.push(address("192.0.2.2:8443")));
    let ada = lab.issue(ADA);
    lab.allocate(client(1), &ada);
    assert_success(&lab.bind(client(1), &ada, 0x4001, media()));
    assert_success(&lab.bind(client(1), &ada, 0x4001, media()));
    assert_error(&lab.bind(client(1), &ada, 0x4002, media()), 400);
    assert_error(&lab.bind(client(1), &ada, 0x4001, address("192.0.2.2:8443")), 400);
    assert_success(&lab.bind(client(1), &ada, 0x4002, address("192.0.2.2:8443")));
    for number in [0, 0x3fff, 0x5000, 0x8000, 0xffff] {
        assert_error(&lab.bind(client(1), &ada, number, media()), 400);
    }
    let request = lab.message(CHANNEL_BIND).with(CHANNEL, &[0x40, 0, 0, 0]);
    assert_error(&lab.ask(client(1), &ada, &request), 400);
}

#[test]
fn what_must_be_understood_and_is_not_is_said() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(0x7ff1, b"x").with(0x8ff1, b"x");
    let answer = lab.ask(client(1), &ada, &request);
    assert_error(&answer, 420);
    assert_eq!(answer.get(UNKNOWN), Some([0x7f, 0xf1].as_slice()));
}

#[test]
fn credentials_are_renewed_and_those_before_stay_good_for_their_time() {
    let mut lab = Lab::new();
    let first = lab.issue(ADA);
    lab.pass(3 * MINUTE);
    let second = lab.issue(ADA);
    assert_success(&lab.allocate(client(1), &first));
    lab.pass(3 * MINUTE);
    assert_error(&lab.allocate(client(2), &first), 401);
    assert_success(&lab.allocate(client(2), &second));
    // What is open stays open.
    assert_success(&lab.refresh(client(1), &first, 600));
}

#[test]
fn everything_ends_with_the_participant_and_others_go_on() {
    let mut lab = Lab::new();
    let (ada, bob) = (lab.issue(ADA), lab.issue(BOB));
    let of_ada = lab.allocate(client(1), &ada).address(RELAYED);
    let of_bob = lab.allocate(client(2), &bob).address(RELAYED);
    assert_ne!(of_ada, of_bob);
    for (n, own) in [(1, &ada), (2, &bob)] {
        assert_success(&lab.permit(client(n), own, media()));
    }
    lab.server.revoke(ADA);
    assert_eq!(lab.receive(media(), of_ada, b"x"), None);
    assert_eq!(lab.send_data(client(1), media(), b"x"), None);
    assert_error(&lab.allocate(client(1), &ada), 401);
    assert!(lab.receive(media(), of_bob, b"x").is_some());
}

#[test]
fn who_has_an_allocation_may_ask_how_it_is_seen_as_often_as_it_likes() {
    let (mut lab, ..) = settled();
    for _ in 0..100 {
        let request = lab.message(BINDING).bytes();
        let answer = Message::parse(&lab.send(client(1), &request).unwrap());
        assert_eq!((answer.kind, answer.address(MAPPED)), (BINDING | SUCCESS, client(1).address));
    }
}

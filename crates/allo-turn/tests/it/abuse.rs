//! Hostile input: sections A16 and D of the list that a penetration tester would work through.

use std::net::SocketAddr;

use allo_turn::{Client, Credentials, Subject, TurnProtocol};

use crate::lab::{
    ADA, BOB, Lab, MINUTE, SECOND, UDP, address, assert_error, assert_success, client, media, media_ipv6,
};
use crate::wire::{
    ALLOCATE, BINDING, CHANNEL_BIND, CREATE_PERMISSION, EVEN_PORT, LIFETIME, MAPPED, Message, NONCE, PEER,
    REALM, REFRESH, RELAYED, RESERVATION, SUCCESS, TRANSPORT, USERNAME,
};

/// What IPv4 and UDP put around each datagram.
const AROUND: usize = 28;

fn client_at(address: SocketAddr) -> Client {
    Client { protocol: TurnProtocol::Udp, address, local: media() }
}

/// A16: whoever has no allocation can make the server send little to where it says it is, and hardly more than it sends itself.
#[test]
fn who_asks_how_it_is_seen_gets_ten_short_answers_in_a_second() {
    let mut lab = Lab::new();
    let mut answers = Vec::new();
    for n in 0..10_000_u16 {
        let request = lab.message(BINDING).bytes();
        if let Some(answer) = lab.send(client(n % 100), &request) {
            assert!((answer.len() + AROUND) * 10 <= (request.len() + AROUND) * 13, "{} bytes", answer.len());
            answers.push((n % 100, Message::parse(&answer)));
        }
    }
    assert_eq!((answers.len(), lab.server.counters().silenced), (10, 9_990));
    assert!(
        answers
            .iter()
            .all(|(n, answer)| answer.kind == BINDING | SUCCESS
                && answer.address(MAPPED) == client(*n).address)
    );
    let others = (0..20_000_u32).filter(|n| {
        let client = client_at(SocketAddr::from((std::net::Ipv4Addr::from_bits(*n), 1)));
        let request = lab.message(BINDING).bytes();
        lab.send(client, &request).is_some()
    });
    assert_eq!(others.count(), 990, "so many get all together");
    // Those who want an allocation are challenged all the same.
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).bytes();
    assert!(lab.send(client(1), &request).is_some());
}

/// D1: the shortest request that there is, as a browser sends it.
#[test]
fn a_challenge_is_hardly_longer_than_what_it_answers() {
    let mut lab = Lab::new();
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).bytes();
    let answer = lab.send(client(1), &request).unwrap();
    let (asked, answered) = (request.len() + AROUND, answer.len() + AROUND);
    assert!(answered * 10 <= asked * 16, "{answered} bytes to {asked}");
}

/// D1
#[test]
fn a_source_gets_ten_challenges_in_a_second_and_nothing_is_kept_of_it() {
    let mut lab = Lab::new();
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).bytes();
    let answers = (0..1_000).filter_map(|n| lab.send(client(n), &request)).count();
    assert_eq!(answers, 10);
    lab.pass(SECOND);
    assert!(lab.send(client(1), &request).is_some());
    assert_eq!((lab.server.allocations(), lab.server.poll_timeout()), (0, None));
}

/// D1
#[test]
fn all_sources_together_get_so_many_challenges_and_no_more() {
    let mut lab = Lab::new();
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP).bytes();
    let mut from = |n: u32| lab.send(client_at((std::net::Ipv4Addr::from_bits(n), 1).into()), &request);
    assert_eq!((0..20_000).filter_map(&mut from).count(), 1_000);
}

/// D2
#[test]
fn credentials_that_are_none_or_no_more_are_refused() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let of_nobody = Credentials { username: "nobody".to_owned(), ..ada.clone() };
    let of_another = Credentials { username: ada.username.replace("ada", "b0b"), ..ada.clone() };
    let longer = Credentials { username: format!("f{}", ada.username), ..ada.clone() };
    let wrong = Credentials { password: "wrong".to_owned(), ..ada.clone() };
    lab.issue(BOB);
    for own in [of_nobody, of_another, longer, wrong] {
        assert_error(&lab.allocate(client(1), &own), 401);
    }
    let kicked = lab.issue(Subject(3));
    lab.server.revoke(Subject(3));
    assert_error(&lab.allocate(client(1), &kicked), 401);
    lab.pass(5 * MINUTE);
    assert_error(&lab.allocate(client(1), &ada), 401);
    assert_eq!(lab.server.allocations(), 0);
}

#[test]
fn a_request_without_all_that_belongs_to_a_proof_is_refused() {
    let mut lab = Lab::new();
    let Credentials { username, password } = lab.issue(ADA);
    let nonce = lab.nonce(client(1));
    let all = [(USERNAME, username.as_bytes()), (REALM, b"allo"), (NONCE, nonce.as_bytes())];
    for left_out in 0..3 {
        let mut request = lab.message(ALLOCATE).with(TRANSPORT, &UDP);
        for (_, (kind, value)) in all.iter().enumerate().filter(|(n, _)| *n != left_out) {
            request = request.with(*kind, value);
        }
        let bytes = request.proved(&username, "allo", &password);
        assert_error(&Message::parse(&lab.send(client(1), &bytes).unwrap()), 400);
    }
    let other_realm = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(USERNAME, username.as_bytes());
    let other_realm = other_realm.with(REALM, b"else").with(NONCE, nonce.as_bytes());
    let bytes = other_realm.proved(&username, "else", &password);
    assert_error(&Message::parse(&lab.send(client(1), &bytes).unwrap()), 401);
}

/// Every kind of address that leads somewhere else (D3), and relayed addresses themselves (D9).
fn elsewhere() -> Vec<SocketAddr> {
    let ipv4 = [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.2",
        "8.8.8.8",
    ];
    let ipv6 = [
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:192.0.2.1",
        "::ffff:8.8.8.8",
        "::192.0.2.1",
        "::127.0.0.1",
        "64:ff9b::192.0.2.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::1",
        "2002:c000:201::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:0:c000:201::",
        "fc00::1",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::2",
        "2606:4700::1111",
    ];
    let mut all: Vec<SocketAddr> = Vec::new();
    for port in [8443, 0, 22, 443] {
        all.extend(ipv4.iter().map(|ip| address(&format!("{ip}:{port}"))));
        all.extend(ipv6.iter().map(|ip| address(&format!("[{ip}]:{port}"))));
    }
    all
}

/// D3, D9
#[test]
fn nothing_but_the_media_plane_is_a_peer() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let relayed = lab.allocate(client(1), &ada).address(RELAYED);
    let other = lab.allocate(client(2), &ada).address(RELAYED);
    assert_success(&lab.permit(client(1), &ada, media()));
    for peer in elsewhere() {
        assert_error(&lab.permit(client(1), &ada, peer), 403);
        assert_error(&lab.bind(client(1), &ada, 0x4001, peer), 403);
        assert_eq!(lab.send_data(client(1), peer, b"x"), None, "{peer}");
        assert_eq!(lab.receive(peer, relayed, b"x"), None, "{peer}");
    }
    // Other ports of this machine, and relayed addresses among them.
    for port in [0, 1, 22, 8442, other.port(), u16::MAX] {
        let peer = SocketAddr::new(media().ip(), port);
        assert_error(&lab.bind(client(1), &ada, 0x4001, peer), 403);
        assert_eq!(lab.send_data(client(1), peer, b"x"), None, "{peer}");
    }
    assert!(lab.send_data(client(1), media(), b"x").is_some());
}

/// D3: one bad peer is enough.
#[test]
fn a_permission_for_two_of_whom_one_is_elsewhere_is_none() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    lab.allocate(client(1), &ada);
    let request = lab.message(CREATE_PERMISSION).with_address(PEER, media());
    let request = request.with_address(PEER, address("10.0.0.1:8443"));
    assert_error(&lab.ask(client(1), &ada, &request), 403);
    assert_eq!(lab.send_data(client(1), media(), b"x"), None);
    let none = lab.message(CREATE_PERMISSION);
    assert_error(&lab.ask(client(1), &ada, &none), 400);
    let broken = lab.message(CREATE_PERMISSION).with(PEER, &[0, 3, 1, 2, 3, 4, 5, 6]);
    assert_error(&lab.ask(client(1), &ada, &broken), 400);
}

/// D4
#[test]
fn a_participant_has_so_many_allocations_and_no_more() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    for n in 0..6 {
        assert_success(&lab.allocate(client(n), &ada));
    }
    assert_error(&lab.allocate(client(6), &ada), 486);
    let renewed = lab.issue(ADA);
    assert_error(&lab.allocate(client_at(address("203.0.113.1:1")), &renewed), 486);
    assert_success(&lab.refresh(client(0), &ada, 0));
    assert_success(&lab.allocate(client(6), &ada));
}

#[test]
fn all_together_have_so_many_allocations_and_no_more() {
    let mut lab = Lab::with(|config| config.allocations_max = 10);
    for n in 0..11 {
        let own = lab.issue(Subject(n.into()));
        let answer = lab.allocate(client(n), &own);
        if n < 10 { assert_success(&answer) } else { assert_error(&answer, 508) }
    }
}

#[test]
fn so_many_participants_have_credentials_and_no_more() {
    let mut lab = Lab::with(|config| config.subjects_max = 2);
    let (ada, _bob) = (lab.issue(ADA), lab.issue(BOB));
    assert_success(&lab.allocate(client(1), &ada));
    assert!(lab.server.issue(lab.now, Subject(3)).is_none());
    assert!(lab.server.issue(lab.now, BOB).is_some(), "who has some gets more");
    lab.pass(6 * MINUTE);
    assert!(lab.server.issue(lab.now, Subject(3)).is_some(), "Bob's are over");
    assert!(lab.server.issue(lab.now, Subject(4)).is_none(), "Ada has an allocation");
}

/// D5
#[test]
fn what_there_is_not_is_refused_and_a_lifetime_is_what_it_is() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let tcp = lab.message(ALLOCATE).with(TRANSPORT, &[6, 0, 0, 0]);
    assert_error(&lab.ask(client(1), &ada, &tcp), 442);
    let none = lab.message(ALLOCATE);
    assert_error(&lab.ask(client(1), &ada, &none), 400);
    let pair = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(EVEN_PORT, &[0x80]);
    assert_error(&lab.ask(client(1), &ada, &pair), 508);
    assert_error(&lab.ask(client(1), &ada, &pair.with(RESERVATION, &[7; 8])), 400);
    let long = lab.message(ALLOCATE).with(TRANSPORT, &UDP).with(LIFETIME, &[0xff; 4]);
    let answer = lab.ask(client(1), &ada, &long);
    assert_eq!(answer.get(LIFETIME), Some(600_u32.to_be_bytes().as_slice()));
    let answer = lab.refresh(client(1), &ada, u32::MAX);
    assert_eq!(answer.get(LIFETIME), Some(600_u32.to_be_bytes().as_slice()));
    lab.pass(10 * MINUTE);
    assert_eq!(lab.server.allocations(), 0);
}

/// D6
#[test]
fn channel_data_that_make_no_sense_are_dropped_in_silence() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    lab.allocate(client(1), &ada);
    assert_success(&lab.bind(client(1), &ada, 0x4001, media()));
    for bytes in [
        &b"\x40\x01\x00\x05hell"[..],
        b"\x40\x01\x00\x00hello",
        b"\x40\x01\x00\x00",
        b"\x3f\xff\x00\x01x",
        b"\x80\x00\x00\x01x",
        b"\x40\x02\x00\x01x",
        b"\x40",
        b"",
        &[b"\x40\x01\x05\xdd".as_slice(), &[7; 1_501]].concat(),
    ] {
        assert_eq!(lab.send_channel(client(1), bytes), None, "{bytes:?}");
    }
    assert_eq!(lab.send_channel(client(2), b"\x40\x01\x00\x01x"), None, "another client's channel");
    assert!(lab.send_channel(client(1), b"\x40\x01\x00\x01x").is_some());
}

/// D7
#[test]
fn an_allocation_belongs_to_the_way_that_made_it() {
    let mut lab = Lab::new();
    let (ada, bob) = (lab.issue(ADA), lab.issue(BOB));
    lab.allocate(client(1), &ada);
    assert_error(&lab.refresh(client(2), &ada, 0), 437);
    assert_error(&lab.bind(client(2), &ada, 0x4001, media()), 437);
    assert_error(&lab.permit(client(2), &ada, media()), 437);
    // Somebody else's good credentials on the way of another.
    assert_error(&lab.refresh(client(1), &bob, 0), 441);
    let by_tcp = Client { protocol: TurnProtocol::Tcp, ..client(1) };
    assert_error(&lab.refresh(by_tcp, &ada, 0), 437);
    assert_eq!(lab.server.allocations(), 1);
}

/// D8
#[test]
fn a_nonce_is_for_one_client_and_ten_minutes() {
    let mut lab = Lab::with(|config| config.credentials_life = 60 * MINUTE);
    let ada = lab.issue(ADA);
    let nonce = lab.nonce(client(1));
    let request = lab.message(ALLOCATE).with(TRANSPORT, &UDP);
    for bad in ["", "0000000000000000", "00000000AAAAAAAA", nonce.to_uppercase().as_str()] {
        assert_error(&lab.ask_with(client(1), &ada, bad, &request), 438);
    }
    assert_error(&lab.ask_with(client(2), &ada, &nonce, &request), 438);
    lab.pass(10 * MINUTE);
    let answer = lab.ask_with(client(1), &ada, &nonce, &request);
    assert_error(&answer, 438);
    assert_success(&lab.ask_with(client(1), &ada, &answer.text(NONCE), &request));
}

/// D10
#[test]
fn an_allocation_has_so_much_bandwidth_each_way_and_no_more() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    let relayed = lab.allocate(client(1), &ada).address(RELAYED);
    assert_success(&lab.bind(client(1), &ada, 0x4001, media()));
    let data = [b"\x40\x01\x04\xb0".as_slice(), &[7; 1_200]].concat();
    let (mut up, mut down) = (0, 0);
    // A hundred megabits a second for two seconds.
    for _ in 0..20_000 {
        lab.now += SECOND / 10_000;
        up += lab.send_channel(client(1), &data).map_or(0, |it| it.contents.len());
        down += lab.receive(media(), relayed, &data[4..]).map_or(0, |it| it.len() - 4);
    }
    for bytes in [up, down] {
        // Twelve megabits a second, and half a second of them at first.
        assert!((2_900_000..=3_751_200).contains(&bytes), "{bytes} bytes");
    }
}

/// D10
#[test]
fn all_together_have_so_much_bandwidth_and_no_more() {
    let mut lab = Lab::with(|config| config.bitrate_max = 1_000_000);
    let mut sent = 0;
    for n in 0..10 {
        let own = lab.issue(Subject(n.into()));
        lab.allocate(client(n), &own);
        assert_success(&lab.bind(client(n), &own, 0x4001, media()));
    }
    let began = lab.now;
    for turn in 0..2_000_u16 {
        lab.now = began + SECOND / 2_000 * turn.into();
        let data = [b"\x40\x01\x03\xe8".as_slice(), &[7; 1_000]].concat();
        sent += lab.send_channel(client(turn % 10), &data).map_or(0, |it| it.contents.len());
    }
    assert!((120_000..=188_500).contains(&sent), "{sent} bytes");
}

/// Whatever comes, from whomever, nothing panics, and to what proves nothing there is nothing said but a few challenges.
#[test]
fn nonsense_is_dropped() {
    let mut lab = Lab::new();
    let ada = lab.issue(ADA);
    lab.allocate(client(1), &ada);
    assert_success(&lab.bind(client(1), &ada, 0x4001, media()));
    let requests = [ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND].map(|kind| {
        let request = lab.message(kind).with(TRANSPORT, &UDP).with_address(PEER, media_ipv6());
        request.with(USERNAME, ada.username.as_bytes()).proved(&ada.username, "allo", &ada.password)
    });
    let mut random = fastrand::Rng::with_seed(1);
    for n in 0..40_000_usize {
        let mut bytes = requests[n % 4].clone();
        match n % 3 {
            0 => bytes.truncate(random.usize(..bytes.len())),
            1 => {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            _ => {
                bytes.resize(random.usize(..200), 0);
                random.fill(&mut bytes);
            }
        }
        if let Some(answer) = lab.send(client(u16::from(n % 2 == 0)), &bytes) {
            assert_ne!(Message::parse(&answer).kind & SUCCESS, 0);
            assert!(answer.len() <= 60, "{} bytes", answer.len());
        }
        let _data = lab.server.poll_relayed();
        lab.now += SECOND / 1_000;
    }
    assert_eq!(lab.server.allocations(), 1);
}

//! Two homes, each behind a router that translates addresses, and the server outside.

use allo_client::client::ClientOptions;
use allo_client::peer::LinkState;
use allo_lab::{Host, Link, Ports};
use allo_protocol::TopologyChoice;

use crate::is_skipped;
use crate::scenarios::lab::USUAL;
use crate::scenarios::participant::{Participant, View, options};
use crate::scenarios::server::ServerProcess;
use crate::scenarios::{ALICES_URL, BOBS_URL, LOOKS_MAX};

#[test]
fn two_homes_are_joined_directly_by_the_servers_word_about_their_routers() {
    let Some([alice, bob]) =
        between_homes(Ports::Steady, |view| view.other.state == Some(LinkState::Connected))
    else {
        return;
    };
    assert!(alice.other.audio.packets > 0 && bob.other.audio.packets > 0);
}

#[test]
fn two_homes_whose_routers_give_random_ports_meet_at_the_server() {
    let Some(views) = between_homes(Ports::Random, |view| view.other.by_session.mic.packets > 0) else {
        return;
    };
    for view in views {
        assert_ne!(view.other.state, Some(LinkState::Connected), "there is no direct way");
        assert!(view.report.session.is_some_and(|session| session.state == LinkState::Connected));
    }
}

/// Lets two meet who are at home, and returns what they have as soon as that is as wanted.
fn between_homes(ports: Ports, is_as_wanted: fn(&View) -> bool) -> Option<[View; 2]> {
    if is_skipped() {
        return None;
    }
    let homes = Homes::new(ports);
    let alice = Participant::start(&homes.alice, options("Alice", ALICES_URL), "Bob");
    let bob = Participant::start(&homes.bob, options("Bob", BOBS_URL), "Alice");
    let views = [&alice, &bob].map(|one| {
        let mut looks = (0..LOOKS_MAX).map(|_| one.wait_for_media());
        looks.find(is_as_wanted).expect("media come by the way that there is")
    });
    for one in [alice, bob] {
        one.leave();
    }
    homes.close();
    Some(views)
}

/// The server is at home, behind the router and the firewall that docs/operating.md has:
///
/// ```text
/// alice 192.168.2.2 ── .2.1 router 203.0.113.7 ══ 203.0.113.1 bob
/// server 192.168.1.2 ── .1.1 ┘
/// ```
#[test]
fn a_server_at_home_is_reached_from_within_and_by_one_forwarded_port() {
    if is_skipped() {
        return;
    }
    let [home, router, alice, bob] =
        ["home", "router", "alice", "bob"].map(|label| Host::new(label).unwrap());
    let _links = [
        Link::between([&home, &router], "lan1", USUAL, 53).unwrap(),
        Link::between([&alice, &router], "lan2", USUAL, 59).unwrap(),
        Link::between([&router, &bob], "wan", USUAL, 61).unwrap(),
    ];
    for (host, number) in [(&home, 1), (&alice, 2)] {
        host.ip(&format!("addr add 192.168.{number}.2/24 dev lan{number}")).unwrap();
        host.ip(&format!("route add default via 192.168.{number}.1")).unwrap();
        router.ip(&format!("addr add 192.168.{number}.1/24 dev lan{number}")).unwrap();
    }
    router.ip("addr add 203.0.113.7/24 dev wan").unwrap();
    bob.ip("addr add 203.0.113.1/24 dev wan").unwrap();
    router.forward().unwrap();
    let [firewall, forwarding] = documented_rules();
    home.nft(&firewall).unwrap();
    router.nft(&forwarding).unwrap();

    let mut server = ServerProcess::start(&home, &["--port", "443", "--public-address", "203.0.113.7"]);
    let topology = Some(TopologyChoice::Sfu);
    let alices = ClientOptions { topology, ..options("Alice", "https://192.168.1.2/lab") };
    let alice = Participant::start(&alice, alices, "Bob");
    let bob = Participant::start(&bob, options("Bob", "https://203.0.113.7/lab"), "Alice");
    for one in [&alice, &bob] {
        let session = one.wait_for_media().report.session.expect("media come through the server");
        assert!(!session.is_by_tcp, "UDP is forwarded");
    }
    for one in [alice, bob] {
        one.leave();
    }
    server.stop();
}

/// Returns the two sets of rules that docs/operating.md has: for the server's firewall, and for a home's router.
fn documented_rules() -> [String; 2] {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let document = std::fs::read_to_string(document).unwrap();
    let blocks = document.split("```nft\n").skip(1);
    let blocks: Vec<_> = blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
    blocks.try_into().expect("there are two")
}

/// Hosts and links:
///
/// ```text
/// alice 192.168.1.2 ── .1 router 192.0.2.2 ══ 192.0.2.1 hub 198.51.100.1 ══ 198.51.100.2 router .1 ── 192.168.2.2 bob
/// ```
///
/// The server runs on the hub, which passes on between the routers, too.
struct Homes {
    alice: Host,
    bob: Host,
    server: ServerProcess,
    _links: [Link; 4],
    _between: [Host; 3],
}

impl Homes {
    fn new(ports: Ports) -> Self {
        let [hub, near_alice, near_bob] = ["hub", "a", "b"].map(|label| Host::new(label).unwrap());
        let [alice, bob] = ["alice", "bob"].map(|label| Host::new(label).unwrap());
        let links = [
            Link::between([&alice, &near_alice], "home", USUAL, 31).unwrap(),
            Link::between([&bob, &near_bob], "home", USUAL, 37).unwrap(),
            Link::between([&near_alice, &hub], "wan1", USUAL, 41).unwrap(),
            Link::between([&near_bob, &hub], "wan2", USUAL, 43).unwrap(),
        ];
        let homes = [(&alice, &near_alice, 1, "192.0.2"), (&bob, &near_bob, 2, "198.51.100")];
        for (host, router, number, outside) in homes {
            host.ip(&format!("addr add 192.168.{number}.2/24 dev home")).unwrap();
            host.ip(&format!("route add default via 192.168.{number}.1")).unwrap();
            router.ip(&format!("addr add 192.168.{number}.1/24 dev home")).unwrap();
            router.ip(&format!("addr add {outside}.2/24 dev wan{number}")).unwrap();
            router.ip(&format!("route add default via {outside}.1")).unwrap();
            router.forward().unwrap();
            router.translate(&format!("wan{number}"), ports).unwrap();
            hub.ip(&format!("addr add {outside}.1/24 dev wan{number}")).unwrap();
        }
        hub.forward().unwrap();
        let server = ServerProcess::start(&hub, &[]);
        Self { alice, bob, server, _links: links, _between: [hub, near_alice, near_bob] }
    }

    /// Stops the server.
    fn close(mut self) {
        self.server.stop();
    }
}

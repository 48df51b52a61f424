//! Credentials for the TURN server, each a short transcript.

use std::time::Duration;

use allo_protocol::{ClientMessage, Relay, ServerMessage, TopologyChoice};
use allo_room::{MediaCommand, MediaEvent, MediaKey, MediaRoom, RoomsConfig};

use crate::world::{World, join};

const RENEWAL: Duration = Duration::from_mins(2);

fn world(topology: TopologyChoice) -> World {
    World::with(RoomsConfig {
        has_media: true,
        relay_renewal: Some(RENEWAL),
        topology,
        ..RoomsConfig::default()
    })
}

/// Returns who is to be let in.
fn asked(commands: &[MediaCommand]) -> Vec<(MediaRoom, MediaKey)> {
    let asked = |command: &MediaCommand| match command {
        MediaCommand::Relay { room, key } => Some((*room, *key)),
        _ => None,
    };
    commands.iter().filter_map(asked).collect()
}

fn relay() -> Relay {
    Relay {
        username: "12c.1".to_owned(),
        credential: "secret".to_owned(),
        udp_port: 8443,
        tcp_port: Some(8443),
        tls_port: None,
    }
}

#[test]
fn a_newcomer_is_let_in_and_told_how() {
    let mut world = world(TopologyChoice::Auto);
    let (ada, _) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let commands = world.commands();
    let [(_, key), (_, other)] = asked(&commands)[..] else { panic!("{commands:?}") };
    assert_ne!(key, other);
    world.heard(ada);
    world.heard(grace);
    world.media(vec![MediaEvent::Relayed { key, relay: Some(relay()) }]);
    assert_eq!(world.heard(ada), [ServerMessage::Relay { relay: Some(relay()) }]);
    assert!(world.heard(grace).is_empty());
}

#[test]
fn credentials_are_renewed_while_somebody_is_there() {
    let mut world = world(TopologyChoice::Sfu);
    world.join("family", 1);
    let first = asked(&world.commands());
    world.pass(RENEWAL / 2);
    assert!(world.commands().is_empty());
    for _ in 0..3 {
        world.pass(RENEWAL);
        assert_eq!(asked(&world.commands()), first);
    }
}

#[test]
fn who_comes_back_is_told_again_with_the_same_name() {
    let mut world = world(TopologyChoice::Sfu);
    let (ada, _) = world.join("family", 1);
    let first = asked(&world.commands());
    world.hang_up(ada, None);
    world.join("family", 1);
    assert_eq!(asked(&world.commands()), first);
}

#[test]
fn who_leaves_is_let_in_no_more() {
    let mut world = world(TopologyChoice::Sfu);
    let (ada, _) = world.join("family", 1);
    let (_, key) = asked(&world.commands())[0];
    world.say(ada, ClientMessage::Leave {});
    assert_eq!(world.commands(), [MediaCommand::Unrelay { key }]);
    world.media(vec![MediaEvent::Relayed { key, relay: Some(relay()) }]);
    world.pass(2 * RENEWAL);
    assert!(world.commands().is_empty());
}

#[test]
fn nobody_is_let_in_where_the_server_carries_no_media() {
    let mut world = world(TopologyChoice::Mesh);
    world.join("family", 1);
    assert!(world.commands().is_empty());

    let mut world = World::with(RoomsConfig { has_media: true, ..RoomsConfig::default() });
    let connection = world.connect();
    world.say(connection, crate::world::hello());
    world.say(connection, join("family", 1, 0));
    assert!(world.commands().is_empty());
}

//! Conversations with the server, each a short transcript.

use std::time::Duration;

use allo_protocol::{
    ClientMessage, CloseCode, Connection, ErrorCode, IceCandidate, LeaveReason, LinkId, MediaSession,
    ParticipantId, PictureLimits, SdpType, ServerMessage, SessionDescription,
};
use allo_room::{Counts, Fault, RoomsConfig};

use crate::world::{World, errors, greetings, hello, join, link, snapshot};

const SECOND: Duration = Duration::from_secs(1);

fn offer(to: &ParticipantId, link: LinkId) -> ClientMessage {
    let description = SessionDescription { sdp_type: SdpType::Offer, sdp: "v=0".to_owned() };
    ClientMessage::SessionDescription { to: to.clone(), link, description }
}

fn every_message(peer: &ParticipantId) -> Vec<ClientMessage> {
    let candidate = IceCandidate {
        candidate: String::new(),
        sdp_mid: None,
        sdp_m_line_index: None,
        username_fragment: None,
    };
    vec![
        hello(),
        join("other", 99, 0),
        ClientMessage::UpdateSelf { display_name: None, mic: Some(false), cam: None, screen: None },
        offer(peer, link(1)),
        ClientMessage::IceCandidate { to: peer.clone(), link: link(1), candidate },
        ClientMessage::PictureLimits { to: peer.clone(), link: link(1), limits: PictureLimits::default() },
        ClientMessage::RenewLink { to: peer.clone(), link: link(1) },
        ClientMessage::Vouch { peer: peer.clone() },
        ClientMessage::DropLink { to: peer.clone(), link: link(1) },
        ClientMessage::MediaOffer { session: MediaSession(1), sdp: "v=0".to_owned(), tracks: Vec::new() },
        ClientMessage::Subscribe { tiles: Vec::new(), audio: true },
        ClientMessage::RequestSnapshot {},
        ClientMessage::Leave {},
    ]
}

#[test]
fn two_people_meet_and_are_greeted() {
    let mut world = World::new();
    let (ada, ada_id) = world.join("family", 1);
    world.heard(ada);
    let (grace, grace_id) = world.join("Family", 2);

    let heard = world.heard(ada);
    assert!(
        matches!(&heard[0], ServerMessage::ParticipantJoined { participant, .. } if participant.id == grace_id)
    );
    assert_eq!(greetings(&heard), [(grace_id.clone(), link(1), false)]);

    let heard = world.heard(grace);
    let (_, participants) = snapshot(&heard).unwrap();
    assert_eq!(participants.iter().map(|p| &p.id).collect::<Vec<_>>(), [&ada_id, &grace_id]);
    assert_eq!(greetings(&heard), [(ada_id.clone(), link(1), true)]);

    world.say(ada, offer(&grace_id, link(1)));
    let heard = world.heard(grace);
    assert!(matches!(&heard[..], [ServerMessage::SessionDescription { from, .. }] if *from == ada_id));

    let limits = PictureLimits { cam: Some(180), screen: None };
    world.say(ada, ClientMessage::PictureLimits { to: grace_id, link: link(1), limits });
    assert_eq!(world.heard(grace), [ServerMessage::PictureLimits { from: ada_id, link: link(1), limits }]);
}

#[test]
fn messages_out_of_order_are_answered_and_change_nothing() {
    let mut world = World::new();
    let (_, peer) = world.join("family", 1);
    for message in every_message(&peer).into_iter().skip(1) {
        let connection = world.connect();
        world.say(connection, message.clone());
        assert_eq!(
            errors(&world.heard(connection)),
            [(ErrorCode::OutOfOrder, false)],
            "{message:?} before hello"
        );
    }
    let connection = world.connect();
    world.say(connection, hello());
    world.heard(connection);
    for message in every_message(&peer) {
        if !matches!(message, ClientMessage::Join { .. }) {
            world.say(connection, message.clone());
            let heard = errors(&world.heard(connection));
            assert_eq!(heard, [(ErrorCode::OutOfOrder, false)], "{message:?} before join");
        }
    }
    assert_eq!(world.rooms.counts().participants, 1);
}

#[test]
fn nothing_is_heard_from_a_connection_that_has_left() {
    let mut world = World::new();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    world.heard(grace);
    world.say(ada, ClientMessage::Leave {});
    assert_eq!(world.close_code(ada), Some(CloseCode::Normal));
    let heard = world.heard(grace);
    assert!(matches!(
        &heard[..],
        [ServerMessage::ParticipantLeft { participant, reason: LeaveReason::Left, .. }] if *participant == ada_id
    ));
    world.heard(ada);
    for message in every_message(&ada_id) {
        world.say(ada, message);
    }
    world.hang_up(ada, Some(1000));
    assert!(world.heard(grace).is_empty());
    assert!(world.heard(ada).is_empty());
    assert_eq!(world.rooms.counts(), Counts { rooms: 1, participants: 1, connections: 1, sessions: 0 });
}

#[test]
fn a_second_join_brings_the_snapshot_and_another_room_is_refused() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    world.heard(ada);
    world.say(ada, join("family", 1, 0));
    let heard = world.heard(ada);
    assert_eq!(snapshot(&heard).unwrap().1.len(), 1);
    world.say(ada, join("office", 1, 0));
    world.say(ada, join("family", 2, 0));
    let refused = (ErrorCode::AlreadyJoined, false);
    assert_eq!(errors(&world.heard(ada)), [refused, refused]);
}

#[test]
fn names_are_normalised_and_made_unique() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    let (grace, grace_id) = world.join("family", 2);
    world.heard(ada);
    let name = Some(" Person\u{202e} 1 ".to_owned());
    world.say(grace, ClientMessage::UpdateSelf { display_name: name, mic: None, cam: None, screen: None });
    let heard = world.heard(ada);
    assert!(matches!(
        &heard[..],
        [ServerMessage::ParticipantUpdated { participant, .. }]
            if participant.id == grace_id && participant.display_name == "Person 1 (2)"
    ));
    world.heard(grace);
    let name = Some("\u{200b}".to_owned());
    world.say(grace, ClientMessage::UpdateSelf { display_name: name, mic: None, cam: None, screen: None });
    assert_eq!(errors(&world.heard(grace)), [(ErrorCode::BadDisplayName, false)]);
}

#[test]
fn the_ninth_is_refused_with_a_sentence_and_may_try_elsewhere() {
    let mut world = World::new();
    for n in 0..8 {
        world.join("family", n);
    }
    let ninth = world.connect();
    world.say(ninth, hello());
    world.heard(ninth);
    world.say(ninth, join("family", 9, 0));
    let heard = world.heard(ninth);
    assert!(matches!(
        &heard[..],
        [ServerMessage::Error { code: ErrorCode::RoomFull, text, fatal: false }] if text.contains('8')
    ));
    world.say(ninth, join("office", 9, 0));
    assert!(snapshot(&world.heard(ninth)).is_some());
}

#[test]
fn fifty_too_many_at_the_same_instant_are_fifty_too_many() {
    let mut world = World::new();
    let mut refused = 0;
    for n in 0..58 {
        let connection = world.connect();
        world.say(connection, hello());
        world.heard(connection);
        world.say(connection, join("family", n, 0));
        refused +=
            errors(&world.heard(connection)).iter().filter(|e| **e == (ErrorCode::RoomFull, false)).count();
    }
    assert_eq!((world.rooms.counts().participants, refused), (8, 50));
}

#[test]
fn two_joins_of_one_person_at_the_same_instant_are_one_participant() {
    let mut world = World::new();
    let [first, second] = [1, 2].map(|_| {
        let connection = world.connect();
        world.say(connection, hello());
        connection
    });
    world.say(first, join("family", 1, 1));
    world.say(second, join("family", 1, 2));
    assert_eq!(world.rooms.counts().participants, 1);
    assert_eq!(world.close_code(first), Some(CloseCode::Superseded));
    assert_eq!(world.close_code(second), None);
}

#[test]
fn rooms_do_not_hear_of_each_other() {
    let mut world = World::new();
    let (ada, ada_id) = world.join("family", 1);
    world.heard(ada);
    let (eve, _) = world.join("office", 2);
    world.heard(eve);
    for message in [offer(&ada_id, link(1)), ClientMessage::Vouch { peer: ada_id.clone() }] {
        world.say(eve, message);
    }
    let no_such_peer = (ErrorCode::NoSuchPeer, false);
    assert_eq!(errors(&world.heard(eve)), [no_such_peer, no_such_peer]);
    assert!(world.heard(ada).is_empty());
}

#[test]
fn one_address_opens_so_many_rooms_and_gets_them_back() {
    let mut world = World::with(RoomsConfig { rooms_per_address: 2, ..RoomsConfig::default() });
    let (first, _) = world.join("one", 1);
    world.join("two", 1);
    let third = world.connect();
    world.say(third, hello());
    world.heard(third);
    world.say(third, join("three", 1, 0));
    assert_eq!(errors(&world.heard(third)), [(ErrorCode::TooManyRooms, false)]);
    world.say(first, ClientMessage::Leave {});
    world.say(third, join("three", 1, 0));
    assert!(snapshot(&world.heard(third)).is_some());
}

#[test]
fn the_same_person_from_a_second_tab_supersedes_the_first() {
    let mut world = World::new();
    let (first, id) = world.join_as("family", 1, 0);
    let (grace, _) = world.join("family", 2);
    let before = greetings(&world.heard(grace));
    world.heard(first);

    let (second, same_id) = world.join_as("family", 1, 1);
    assert_eq!(id, same_id);
    assert_eq!(errors(&world.heard(first)), [(ErrorCode::Superseded, true)]);
    assert_eq!(world.close_code(first), Some(CloseCode::Superseded));
    let (_, participants) = snapshot(&world.heard(second)).unwrap();
    assert_eq!(participants.len(), 2);
    let heard = world.heard(grace);
    assert!(!heard.iter().any(|m| matches!(m, ServerMessage::ParticipantLeft { .. })));
    let after = greetings(&heard);
    assert_ne!(after[0].1, before[0].1, "another run of the page has no peer connection to go on with");
    world.pass(60 * SECOND);
    assert_eq!(world.rooms.counts().participants, 2);
}

#[test]
fn a_join_that_arrives_after_a_later_one_is_turned_away() {
    let mut world = World::new();
    let numbered = |number| {
        let mut join = join("family", 1, 0);
        if let ClientMessage::Join { attempt, .. } = &mut join {
            *attempt = number;
        }
        join
    };
    let [old, new] = [1, 2].map(|_| {
        let connection = world.connect();
        world.say(connection, hello());
        connection
    });
    world.say(new, numbered(2));
    world.heard(new);
    world.say(old, numbered(1));
    assert_eq!(errors(&world.heard(old)), [(ErrorCode::Superseded, true)]);
    assert_eq!(world.close_code(old), Some(CloseCode::Superseded));
    assert!(world.heard(new).is_empty(), "the later one is not disturbed");
}

#[test]
fn a_reconnection_keeps_the_links_and_greets_again() {
    let mut world = World::new();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, grace_id) = world.join("family", 2);
    let before = greetings(&world.heard(grace));
    world.hang_up(ada, None);
    let heard = world.heard(grace);
    assert!(matches!(
        &heard[..],
        [ServerMessage::ParticipantUpdated { participant, .. }] if participant.connection == Connection::Reconnecting
    ));
    world.pass(5 * SECOND);
    let (ada, same_id) = world.join("family", 1);
    assert_eq!(ada_id, same_id);
    let heard = world.heard(grace);
    assert_eq!(greetings(&heard), before);
    assert_eq!(greetings(&world.heard(ada)), [(grace_id, before[0].1, false)]);
}

#[test]
fn messages_about_an_older_link_are_dropped() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    let (grace, grace_id) = world.join("family", 2);
    world.heard(grace);
    world.say(ada, ClientMessage::RenewLink { to: grace_id.clone(), link: link(1) });
    world.say(ada, ClientMessage::RenewLink { to: grace_id.clone(), link: link(1) });
    world.say(ada, offer(&grace_id, link(1)));
    let heard = world.heard(grace);
    assert_eq!(heard.len(), 1, "one renewal, and no offer about the old link: {heard:?}");
    assert_eq!(greetings(&heard)[0].1, link(2));
}

#[test]
fn a_closed_tab_is_gone_within_two_seconds_whoever_vouches() {
    for code in [1000, 1001, 4001] {
        let mut world = World::new();
        let (ada, ada_id) = world.join("family", 1);
        let (grace, _) = world.join("family", 2);
        world.heard(grace);
        world.hang_up(ada, Some(code));
        world.say(grace, ClientMessage::Vouch { peer: ada_id.clone() });
        world.pass(2 * SECOND);
        let heard = world.heard(grace);
        assert!(matches!(
            heard.last(),
            Some(ServerMessage::ParticipantLeft { reason: LeaveReason::Left, .. })
        ));
    }
}

#[test]
fn a_silent_participant_is_marked_within_6_s_and_gone_within_25_s() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    world.heard(grace);
    world.silence(ada);
    world.pass(6 * SECOND);
    let heard = world.heard(grace);
    assert!(matches!(
        &heard[..],
        [ServerMessage::ParticipantUpdated { participant, .. }] if participant.connection == Connection::Reconnecting
    ));
    assert_eq!(world.close_code(ada), Some(CloseCode::TimedOut));
    world.pass(19 * SECOND);
    let heard = world.heard(grace);
    assert!(matches!(&heard[..], [ServerMessage::ParticipantLeft { reason: LeaveReason::Lost, .. }]));
}

#[test]
fn vouching_keeps_a_participant_for_half_a_minute_and_not_for_ever() {
    let mut world = World::new();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    world.heard(grace);
    world.hang_up(ada, None);
    let mut left_after = None;
    while left_after.is_none() {
        assert!(world.elapsed() < 300 * SECOND);
        world.say(grace, ClientMessage::Vouch { peer: ada_id.clone() });
        world.pass(4 * SECOND);
        let heard = world.heard(grace);
        if heard.iter().any(|m| matches!(m, ServerMessage::ParticipantLeft { .. })) {
            left_after = Some(world.elapsed());
        }
    }
    assert!(left_after > Some(30 * SECOND));
    assert!(left_after <= Some(130 * SECOND));
}

#[test]
fn whoever_does_not_join_in_time_is_closed() {
    let mut world = World::new();
    let silent = world.connect();
    let hesitant = world.connect();
    world.say(hesitant, hello());
    world.pass(10 * SECOND);
    assert_eq!(world.close_code(silent), Some(CloseCode::TimedOut));
    assert_eq!(world.close_code(hesitant), Some(CloseCode::TimedOut));
    assert_eq!(world.rooms.counts(), Counts::default());
    assert_eq!(world.rooms.poll_timeout(), None);
}

#[test]
fn a_fault_costs_the_offender_alone() {
    let faults = [
        (Fault::BadMessage("no".to_owned()), CloseCode::BadMessage, vec![(ErrorCode::BadMessage, true)]),
        (Fault::TooManyMessages, CloseCode::TooManyMessages, vec![(ErrorCode::TooManyMessages, true)]),
        (Fault::TooSlow, CloseCode::TooSlow, vec![]),
        (Fault::Binary, CloseCode::Unsupported, vec![]),
        (Fault::TooBig, CloseCode::TooBig, vec![]),
    ];
    for (fault, code, told) in faults {
        let mut world = World::new();
        let (ada, _) = world.join("family", 1);
        let (grace, _) = world.join("family", 2);
        world.heard(ada);
        world.fault(ada, fault);
        assert_eq!(world.close_code(ada), Some(code));
        assert_eq!(errors(&world.heard(ada)), told);
        assert_eq!(world.close_code(grace), None);
    }
}

#[test]
fn another_version_of_the_protocol_is_refused_with_a_sentence() {
    let mut world = World::new();
    let connection = world.connect();
    world.say(connection, ClientMessage::Hello { protocol_version: 2, client: "test".to_owned() });
    assert_eq!(errors(&world.heard(connection)), [(ErrorCode::UnsupportedVersion, true)]);
    assert_eq!(world.close_code(connection), Some(CloseCode::UnsupportedVersion));
}

#[test]
fn a_stopping_server_tells_everyone() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    let waiting = world.connect();
    world.stop();
    for connection in [ada, waiting] {
        assert_eq!(world.close_code(connection), Some(CloseCode::ServiceRestart));
        assert!(errors(&world.heard(connection)).contains(&(ErrorCode::ServerStopping, true)));
    }
}

#[test]
fn an_empty_room_leaves_nothing_behind() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    world.hang_up(ada, None);
    world.pass(25 * SECOND);
    assert_eq!(world.rooms.counts(), Counts::default());
    assert_eq!(world.rooms.poll_timeout(), None);
}

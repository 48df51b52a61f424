//! Media sessions and the way that media take, each a short transcript.

use std::time::Duration;

use allo_protocol::{
    ClientMessage, Demand, ErrorCode, MediaCondition, MediaSession, MediaTrack, ParticipantId, ServerMessage,
    Slot, Source, Tile, Topology, TopologyChoice, VideoCodec,
};
use allo_room::{ConnectionId, MediaCommand, MediaEvent, MediaKey, MediaTrackId, RoomsConfig};

use crate::world::{World, greetings, hello, join, link, snapshot};

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::with(RoomsConfig { has_media: true, ..RoomsConfig::default() })
}

fn offer(session: u32) -> ClientMessage {
    let track = |mid: &str, source| MediaTrack { mid: mid.to_owned(), source };
    ClientMessage::MediaOffer {
        session: MediaSession(session),
        sdp: "v=0".to_owned(),
        tracks: vec![track("0", Source::Mic), track("1", Source::Cam)],
    }
}

fn see(whom: &ParticipantId, height: u16) -> ClientMessage {
    let tile = Tile { participant: whom.clone(), source: Source::Cam, height };
    ClientMessage::Subscribe { tiles: vec![tile], audio: true }
}

fn update_mic(is_on: bool) -> ClientMessage {
    ClientMessage::UpdateSelf { display_name: None, mic: Some(is_on), cam: None, screen: None }
}

fn track(publisher: MediaKey, mid: &str) -> MediaTrackId {
    MediaTrackId { publisher, mid: mid.to_owned() }
}

fn topologies(messages: &[ServerMessage]) -> Vec<Topology> {
    let topology = |message: &ServerMessage| match message {
        ServerMessage::TopologyChanged { topology, .. } => Some(*topology),
        _ => None,
    };
    messages.iter().filter_map(topology).collect()
}

fn closed(messages: &[ServerMessage]) -> Vec<(MediaSession, ErrorCode)> {
    let closed = |message: &ServerMessage| match message {
        ServerMessage::MediaClosed { session, code, .. } => Some((*session, *code)),
        _ => None,
    };
    messages.iter().filter_map(closed).collect()
}

/// Offers a session and has it accepted. Returns its key.
pub(crate) fn connect(world: &mut World, from: ConnectionId, session: u32) -> MediaKey {
    world.commands();
    world.say(from, offer(session));
    let key = world.commands().into_iter().find_map(|command| match command {
        MediaCommand::Connect { key, .. } => Some(key),
        _ => None,
    });
    let key = key.expect("an offer is passed on");
    world.media(vec![MediaEvent::Answered { key, sdp: "v=0 answer".to_owned() }, MediaEvent::Connected(key)]);
    world.heard(from);
    key
}

#[test]
fn the_third_brings_the_server_in_and_leaving_takes_it_out() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    world.heard(ada);
    let (alan, _) = world.join("family", 3);
    assert_eq!(topologies(&world.heard(ada)), [Topology::Sfu]);
    let heard = world.heard(alan);
    assert!(topologies(&heard).is_empty(), "it stands in the snapshot");
    assert!(matches!(&heard[1], ServerMessage::Snapshot { topology: Topology::Sfu, .. }), "{heard:?}");
    assert!(greetings(&heard).is_empty(), "nobody connects directly to the third");

    world.heard(grace);
    world.say(alan, ClientMessage::Leave {});
    world.pass(9 * SECOND);
    assert!(topologies(&world.heard(grace)).is_empty());
    world.pass(2 * SECOND);
    let heard = world.heard(grace);
    assert_eq!(topologies(&heard), [Topology::Mesh]);
    assert_eq!(greetings(&heard), [(ada_id, link(1), true)], "the link that nobody dropped is still there");
}

#[test]
fn a_link_ends_when_both_ends_do_not_need_it_and_comes_back_with_the_mesh() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, grace_id) = world.join("family", 2);
    let drop = |to: &ParticipantId| ClientMessage::DropLink { to: to.clone(), link: link(1) };
    world.say(ada, drop(&grace_id));
    world.say(grace, drop(&ada_id));
    let (alan, _) = world.join("family", 3);
    world.heard(ada);
    world.heard(grace);
    world.say(ada, drop(&grace_id));
    assert!(world.heard(grace).is_empty(), "what was said while it was needed does not count");
    world.say(grace, drop(&ada_id));
    let over = |peer: &ParticipantId| ServerMessage::LinkClosed { peer: peer.clone(), link: link(1) };
    assert_eq!(world.heard(ada), [over(&grace_id)]);
    assert_eq!(world.heard(grace), [over(&ada_id)]);
    world.say(alan, ClientMessage::Leave {});
    world.pass(11 * SECOND);
    assert_eq!(greetings(&world.heard(ada)), [(grace_id, link(2), false)]);
}

#[test]
fn who_comes_back_as_a_new_instance_has_no_link_where_the_server_stands_between() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (_, grace_id) = world.join("family", 2);
    world.join("family", 3);
    world.heard(ada);
    world.join_as("family", 2, 9);
    let heard = world.heard(ada);
    let over = ServerMessage::LinkClosed { peer: grace_id, link: link(1) };
    assert!(heard.contains(&over) && greetings(&heard).is_empty(), "{heard:?}");
}

#[test]
fn whoever_opens_a_room_chooses_its_way() {
    let mut world = world();
    let chosen = |n, asked| {
        let mut join = join("family", n, 0);
        if let ClientMessage::Join { topology, .. } = &mut join {
            *topology = Some(asked);
        }
        join
    };
    for (n, asked) in [(1, TopologyChoice::Sfu), (2, TopologyChoice::Mesh)] {
        let connection = world.connect();
        world.say(connection, hello());
        world.say(connection, chosen(n, asked));
        let heard = world.heard(connection);
        let is_sfu = |message: &ServerMessage| match message {
            ServerMessage::Snapshot { topology, topology_choice, .. } => {
                Some((*topology, *topology_choice) == (Topology::Sfu, TopologyChoice::Sfu))
            }
            _ => None,
        };
        assert_eq!(heard.iter().find_map(is_sfu), Some(true));
        assert!(greetings(&heard).is_empty());
    }
}

#[test]
fn without_a_media_plane_an_offer_is_refused() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    world.heard(ada);
    world.say(ada, offer(1));
    assert_eq!(closed(&world.heard(ada)), [(MediaSession(1), ErrorCode::MediaUnavailable)]);
    assert!(world.commands().is_empty());
}

#[test]
fn an_offer_is_passed_on_with_what_was_subscribed_before() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let ada_key = connect(&mut world, ada, 1);
    world.say(grace, see(&ada_id, 360));
    assert!(world.commands().is_empty(), "there is no session yet");
    world.say(grace, offer(1));
    let commands = world.commands();
    let [MediaCommand::Connect { key, .. }, subscribe] = &commands[..] else { panic!("{commands:?}") };
    let picture = allo_room::Picture { track: track(ada_key, "1"), height: 360 };
    let expected = MediaCommand::Subscribe { key: *key, pictures: Some(vec![picture]), audio: true };
    assert_eq!(subscribe, &expected);
}

#[test]
fn nothing_is_forwarded_of_a_microphone_that_is_shown_as_off() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    world.say(ada, update_mic(false));
    let key = connect(&mut world, ada, 1);
    let muted = |is_muted| MediaCommand::Mute { track: track(key, "0"), is_muted };
    world.say(ada, update_mic(true));
    assert_eq!(world.commands(), [muted(false)]);
    world.say(ada, update_mic(true));
    assert!(world.commands().is_empty());
    world.say(ada, update_mic(false));
    assert_eq!(world.commands(), [muted(true)]);
    // Each further offer says it again; a new session does not forget it.
    world.say(ada, offer(1));
    assert!(world.commands().contains(&muted(true)));
    world.say(ada, offer(2));
    let commands = world.commands();
    let fresh = commands.iter().find_map(|command| match command {
        MediaCommand::Connect { key, .. } => Some(*key),
        _ => None,
    });
    let again = MediaCommand::Mute { track: track(fresh.unwrap(), "0"), is_muted: true };
    assert!(fresh != Some(key) && commands.contains(&again));
}

#[test]
fn who_has_no_connection_may_turn_the_microphone_on() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    world.join("family", 2);
    let key = connect(&mut world, ada, 1);
    world.say(ada, update_mic(false));
    world.commands();
    world.silence(ada);
    world.pass(6 * SECOND);
    assert_eq!(world.commands(), [MediaCommand::Mute { track: track(key, "0"), is_muted: false }]);
}

#[test]
fn who_wished_for_somebody_gets_their_next_session_too() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let grace_key = connect(&mut world, grace, 1);
    world.say(grace, see(&ada_id, 180));
    let first = connect(&mut world, ada, 1);
    world.say(ada, offer(2));
    let commands = world.commands();
    let second = MediaKey(first.0 + 1);
    let picture = allo_room::Picture { track: track(second, "1"), height: 180 };
    assert!(commands.contains(&MediaCommand::Disconnect { key: first }), "{commands:?}");
    let again = MediaCommand::Subscribe { key: grace_key, pictures: Some(vec![picture]), audio: true };
    assert!(commands.contains(&again), "{commands:?}");
    assert_eq!(world.rooms.counts().sessions, 2);
}

#[test]
fn an_older_session_than_the_current_one_is_ignored() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    connect(&mut world, ada, 5);
    world.say(ada, offer(4));
    assert!(world.commands().is_empty());
    assert!(world.heard(ada).is_empty());
}

#[test]
fn offers_and_their_tracks_are_bounded() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    for (n, mids) in
        [&["0", "0"][..], &["", "1"], &["é", "1"], &["12345678901234567", "1"]].iter().enumerate()
    {
        let tracks = mids.iter().zip([Source::Mic, Source::Cam]);
        let tracks = tracks.map(|(mid, source)| MediaTrack { mid: (*mid).to_owned(), source }).collect();
        let session = MediaSession(u32::try_from(n).unwrap());
        world.heard(ada);
        world.say(ada, ClientMessage::MediaOffer { session, sdp: String::new(), tracks });
        assert_eq!(closed(&world.heard(ada)), [(session, ErrorCode::BadOffer)], "{mids:?}");
    }
    for n in 0..30 {
        world.say(ada, offer(n));
    }
    let refused = closed(&world.heard(ada));
    assert_eq!(refused.len(), 20);
    assert!(refused.iter().all(|(_, code)| *code == ErrorCode::ServerBusy));
    assert_eq!(world.rooms.counts().sessions, 1, "each new session replaces the one before");
}

#[test]
fn slots_and_demand_are_told_whole_and_once_for_what_happened_together() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let ada_key = connect(&mut world, ada, 1);
    let grace_key = connect(&mut world, grace, 3);
    let (cam, mic) = (track(ada_key, "1"), track(ada_key, "0"));
    world.media(vec![
        MediaEvent::SlotAssigned { key: grace_key, mid: "4".to_owned(), track: mic },
        MediaEvent::SlotAssigned { key: grace_key, mid: "7".to_owned(), track: cam.clone() },
        MediaEvent::LayerSwitched { key: grace_key, track: cam.clone(), layer: 2 },
        MediaEvent::Paused { key: grace_key, track: cam.clone(), is_paused: true },
        MediaEvent::Demand { track: cam, layers: 3 },
    ]);
    let slot = |mid: &str, source, layer, paused| Slot {
        mid: mid.to_owned(),
        participant: ada_id.clone(),
        source,
        layer,
        paused,
        undecodable: None,
    };
    let slots = vec![slot("4", Source::Mic, None, false), slot("7", Source::Cam, Some(2), true)];
    assert_eq!(world.heard(grace), [ServerMessage::Slots { session: MediaSession(3), slots }]);
    let demand = ServerMessage::Demand {
        session: MediaSession(1),
        tracks: vec![Demand { mid: "1".to_owned(), layers: 3, undecodable: false }],
    };
    assert_eq!(world.heard(ada), std::slice::from_ref(&demand));
    world.media(vec![MediaEvent::SlotEmptied { key: grace_key, mid: "4".to_owned() }]);
    assert!(matches!(&world.heard(grace)[..], [ServerMessage::Slots { slots, .. }] if slots.len() == 1));

    let (again, _) = world.join("family", 1);
    let heard = world.heard(again);
    assert!(snapshot(&heard).is_some() && heard.contains(&demand), "who comes back is told again: {heard:?}");
}

#[test]
fn a_picture_that_somebody_cannot_decode_is_told_to_them_and_to_who_sends_it() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let ada_key = connect(&mut world, ada, 1);
    let grace_key = connect(&mut world, grace, 3);
    let cam = track(ada_key, "1");
    let undecodable = |codec| MediaEvent::Undecodable { key: grace_key, track: cam.clone(), codec };
    let demand = |undecodable| ServerMessage::Demand {
        session: MediaSession(1),
        tracks: vec![Demand { mid: "1".to_owned(), layers: 3, undecodable }],
    };
    let slots = |undecodable| ServerMessage::Slots {
        session: MediaSession(3),
        slots: vec![Slot {
            mid: "7".to_owned(),
            participant: ada_id.clone(),
            source: Source::Cam,
            layer: None,
            paused: false,
            undecodable,
        }],
    };
    world.media(vec![
        MediaEvent::Demand { track: cam.clone(), layers: 3 },
        MediaEvent::SlotAssigned { key: grace_key, mid: "7".to_owned(), track: cam.clone() },
    ]);
    assert_eq!(world.heard(ada), [demand(false)]);
    assert_eq!(world.heard(grace), [slots(None)]);
    world.media(vec![undecodable(Some(VideoCodec::H264))]);
    assert_eq!(world.heard(ada), [demand(true)]);
    assert_eq!(world.heard(grace), [slots(Some(VideoCodec::H264))]);
    world.media(vec![undecodable(None)]);
    assert_eq!(world.heard(ada), [demand(false)]);
    assert_eq!(world.heard(grace), [slots(None)]);
    // It is over as well when they do not want to see it any more.
    world.media(vec![undecodable(Some(VideoCodec::H264))]);
    world.heard(ada);
    world.media(vec![MediaEvent::SlotEmptied { key: grace_key, mid: "7".to_owned() }]);
    assert_eq!(world.heard(ada), [demand(false)]);
}

#[test]
fn who_speaks_is_told_to_all_at_most_five_times_a_second() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let key = connect(&mut world, ada, 1);
    world.heard(grace);
    let speaks = |is_speaking| MediaEvent::Speaking { track: track(key, "0"), is_speaking };
    world.media(vec![speaks(true), MediaEvent::ActiveSpeaker(track(key, "0"))]);
    let active = Some(ada_id.clone());
    let speaking = ServerMessage::Speakers { active: active.clone(), speaking: vec![ada_id] };
    assert_eq!(world.heard(grace), [speaking]);
    for n in 0..100 {
        world.media(vec![speaks(n % 2 == 0)]);
        world.pass(SECOND / 100);
    }
    let told = world.heard(grace);
    assert!((4..=6).contains(&told.len()), "{}", told.len());
    world.pass(SECOND);
    world.heard(grace);
    world.media(vec![speaks(true)]);
    world.heard(grace);
    world.media(vec![MediaEvent::Closed { key, code: ErrorCode::MediaLost }]);
    world.pass(SECOND);
    let silence = ServerMessage::Speakers { active, speaking: Vec::new() };
    assert_eq!(world.heard(grace), [silence], "who is gone does not speak");
}

#[test]
fn the_sound_of_a_shared_screen_is_nobodys_voice() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let key = connect(&mut world, ada, 1);
    let ClientMessage::MediaOffer { session, sdp, mut tracks } = offer(1) else { unreachable!() };
    tracks.push(MediaTrack { mid: "8".to_owned(), source: Source::ScreenAudio });
    world.say(ada, ClientMessage::MediaOffer { session, sdp, tracks });
    world.heard(grace);
    let sounds = |mid, is_speaking| MediaEvent::Speaking { track: track(key, mid), is_speaking };
    world.media(vec![sounds("8", true), MediaEvent::ActiveSpeaker(track(key, "8"))]);
    world.pass(SECOND);
    assert!(world.heard(grace).is_empty());
    world.media(vec![sounds("0", true)]);
    let told = ServerMessage::Speakers { active: None, speaking: vec![ada_id] };
    assert_eq!(world.heard(grace), [told]);
    // The film is over, and she still speaks.
    world.media(vec![sounds("8", false)]);
    world.pass(SECOND);
    assert!(world.heard(grace).is_empty());
}

#[test]
fn a_session_that_ends_is_told_and_another_one_may_follow() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let key = connect(&mut world, ada, 1);
    world.media(vec![MediaEvent::Closed { key, code: ErrorCode::MediaLost }]);
    assert_eq!(closed(&world.heard(ada)), [(MediaSession(1), ErrorCode::MediaLost)]);
    assert_eq!(world.rooms.counts().sessions, 0);
    world.media(vec![MediaEvent::Connected(key)]);
    let next = connect(&mut world, ada, 2);
    let text = "the offer is not SDP".to_owned();
    world.media(vec![MediaEvent::Refused { key: next, code: ErrorCode::BadOffer, text }]);
    assert_eq!(closed(&world.heard(ada)), [(MediaSession(2), ErrorCode::BadOffer)]);
    assert_eq!(world.rooms.counts().sessions, 0);
}

#[test]
fn whoever_goes_takes_their_session_along() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let key = connect(&mut world, ada, 1);
    let other = connect(&mut world, grace, 1);
    world.say(ada, ClientMessage::Leave {});
    assert!(world.commands().contains(&MediaCommand::Disconnect { key }));
    world.join_as("family", 2, 7);
    assert!(world.commands().contains(&MediaCommand::Disconnect { key: other }), "a reloaded page has none");
    assert_eq!(world.rooms.counts().sessions, 0);
}

#[test]
fn media_keep_a_participant_whose_signaling_is_away() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (grace, grace_id) = world.join("family", 2);
    let key = connect(&mut world, grace, 1);
    world.heard(ada);
    world.hang_up(grace, None);
    world.pass(60 * SECOND);
    assert_eq!(world.rooms.counts().participants, 2);
    world.media(vec![MediaEvent::Silent(key)]);
    world.pass(SECOND);
    let heard = world.heard(ada);
    let is_gone = |message: &ServerMessage| matches!(message, ServerMessage::ParticipantLeft { participant, .. } if *participant == grace_id);
    assert!(heard.iter().any(is_gone), "{heard:?}");
    assert!(world.commands().contains(&MediaCommand::Disconnect { key }));
}

#[test]
fn media_keep_nobody_for_ever_and_no_one_whose_page_was_closed() {
    let mut world = world();
    let (grace, _) = world.join("family", 2);
    connect(&mut world, grace, 1);
    world.hang_up(grace, None);
    world.pass(3 * 60 * SECOND);
    assert_eq!(world.rooms.counts().participants, 0);
    let (ada, _) = world.join("family", 1);
    connect(&mut world, ada, 1);
    world.hang_up(ada, Some(1001));
    world.pass(2 * SECOND);
    assert_eq!(world.rooms.counts().participants, 0);
}

fn conditions(messages: &[ServerMessage]) -> Vec<MediaCondition> {
    let condition = |message: &ServerMessage| match message {
        ServerMessage::ParticipantUpdated { participant, .. } => Some(participant.media),
        _ => None,
    };
    messages.iter().filter_map(condition).collect()
}

fn blocked(session: u32, blocked: bool) -> ClientMessage {
    ClientMessage::MediaBlocked { session: MediaSession(session), blocked }
}

#[test]
fn the_others_are_told_when_media_are_late_and_when_they_come() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    world.say(ada, offer(1));
    let key = world.commands().into_iter().find_map(|command| match command {
        MediaCommand::Connect { key, .. } => Some(key),
        _ => None,
    });
    let key = key.unwrap();
    world.heard(grace);
    world.pass(2 * SECOND);
    assert_eq!(conditions(&world.heard(grace)), []);
    world.pass(2 * SECOND);
    assert_eq!(conditions(&world.heard(grace)), [MediaCondition::Late]);
    world.media(vec![MediaEvent::Connected(key)]);
    assert_eq!(conditions(&world.heard(grace)), [MediaCondition::Fine]);
}

#[test]
fn who_is_not_offered_anything_waits_for_nothing() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    world.join("family", 2);
    world.heard(ada);
    world.pass(30 * SECOND);
    assert_eq!(conditions(&world.heard(ada)), []);
}

#[test]
fn the_others_are_told_of_a_block_and_it_ends_with_the_session_that_stands() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let key = connect(&mut world, ada, 4);
    world.heard(grace);
    world.say(ada, blocked(3, true));
    assert_eq!(conditions(&world.heard(grace)), [], "it is about a session that was replaced");
    world.say(ada, blocked(4, true));
    world.say(ada, blocked(4, true));
    assert_eq!(conditions(&world.heard(grace)), [MediaCondition::Blocked], "said twice is told once");
    let (alan, _) = world.join("family", 3);
    let heard = world.heard(alan);
    let snapshot = heard.iter().find_map(|message| match message {
        ServerMessage::Snapshot { participants, .. } => Some(participants),
        _ => None,
    });
    assert_eq!(snapshot.unwrap()[0].media, MediaCondition::Blocked, "newcomers are told, too");
    world.say(ada, blocked(4, false));
    assert_eq!(conditions(&world.heard(grace)), [MediaCondition::Fine]);
    world.media(vec![MediaEvent::Silent(key)]);
    world.say(ada, blocked(4, true));
    world.media(vec![MediaEvent::Connected(key)]);
    let told = conditions(&world.heard(grace));
    assert_eq!(told, [MediaCondition::Silent, MediaCondition::Blocked, MediaCondition::Fine]);
}

#[test]
fn a_new_run_of_the_page_begins_without_the_trouble_of_the_one_before() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    connect(&mut world, ada, 1);
    world.say(ada, blocked(1, true));
    world.heard(grace);
    world.join_as("family", 1, 9);
    assert_eq!(conditions(&world.heard(grace)), [MediaCondition::Fine]);
}

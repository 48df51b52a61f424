//! Meetings as transcripts: who owns a room, who is let in and put out, and what people do there.

use std::time::Duration;

use allo_protocol::{
    AccessToken, ClientMessage, CloseCode, Device, ErrorCode, Knocker, LeaveReason, MayPublish, MediaSession,
    MediaTrack, OwnerSecret, Participant, ParticipantId, Password, Reaction, Recorders, Role, RoomSettings,
    ServerMessage, Source, Topology,
};
use allo_room::{
    BadPass, ConnectionId, Credential, DisplayName, LoginId, MediaCommand, Opening, Pass, RoomName,
    RoomsConfig,
};

use crate::world::{World, errors, hello, join, snapshot};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// A join that shows an owner's secret.
pub(crate) fn owner_join(room: &str, n: u8, secret: u8) -> ClientMessage {
    let mut join = join(room, n, 0);
    if let ClientMessage::Join { owner_secret, .. } = &mut join {
        *owner_secret = Some(OwnerSecret::from_bytes([secret; 16]));
    }
    join
}

fn join_with_password(room: &str, n: u8, text: &str) -> ClientMessage {
    let mut join = join(room, n, 0);
    if let ClientMessage::Join { password, .. } = &mut join {
        *password = Some(Password(text.to_owned()));
    }
    join
}

/// Connects, says hello and this.
fn come(world: &mut World, join: ClientMessage) -> ConnectionId {
    let connection = world.connect();
    world.say(connection, hello());
    world.heard(connection);
    world.say(connection, join);
    connection
}

/// Opens a room as its owner, with the secret 7.
pub(crate) fn opened(world: &mut World, room: &str, n: u8) -> (ConnectionId, ParticipantId) {
    let connection = come(world, owner_join(room, n, 7));
    let id = you(&world.heard(connection)).expect("who opens a room is in it");
    (connection, id)
}

fn you(messages: &[ServerMessage]) -> Option<ParticipantId> {
    messages.iter().rev().find_map(|message| match message {
        ServerMessage::Snapshot { you, .. } => Some(you.clone()),
        _ => None,
    })
}

/// Returns the role that the receiver of a snapshot has.
pub(crate) fn role_of(messages: &[ServerMessage]) -> Role {
    let you = you(messages);
    let participants = snapshot(messages).map(|(_, participants)| participants);
    let own = participants.and_then(|all| all.into_iter().find(|it| Some(&it.id) == you.as_ref()));
    own.map(|own| own.role).unwrap_or_default()
}

pub(crate) fn set_role(whom: &ParticipantId, role: Role) -> ClientMessage {
    ClientMessage::SetRole { participant: whom.clone(), role }
}

/// Turns the lobby or the lock on or off.
pub(crate) fn settled(lobby: Option<bool>, locked: Option<bool>) -> ClientMessage {
    ClientMessage::SetRoom { lobby, locked, participants_max: None, recorders: None, one_screen: None }
}

/// Returns who waits, by the last word about it.
pub(crate) fn knockers(messages: &[ServerMessage]) -> Vec<Knocker> {
    let people = messages.iter().rev().find_map(|message| match message {
        ServerMessage::Knocking { people } => Some(people.clone()),
        _ => None,
    });
    people.unwrap_or_default()
}

fn settings(messages: &[ServerMessage]) -> Option<RoomSettings> {
    messages.iter().rev().find_map(|message| match message {
        ServerMessage::Snapshot { settings, .. } | ServerMessage::RoomUpdated { settings, .. } => {
            Some(settings.clone())
        }
        _ => None,
    })
}

fn updated(messages: &[ServerMessage]) -> Option<Participant> {
    messages.iter().rev().find_map(|message| match message {
        ServerMessage::ParticipantUpdated { participant, .. } => Some(participant.clone()),
        _ => None,
    })
}

fn texts(messages: &[ServerMessage]) -> Vec<String> {
    let text = |message: &ServerMessage| match message {
        ServerMessage::Chat { message } => Some(message.text.clone()),
        _ => None,
    };
    messages.iter().filter_map(text).collect()
}

fn history(messages: &[ServerMessage]) -> Vec<String> {
    let texts = messages.iter().find_map(|message| match message {
        ServerMessage::ChatHistory { messages } => Some(messages.iter().map(|m| m.text.clone()).collect()),
        _ => None,
    });
    texts.unwrap_or_default()
}

fn chat(text: &str, to: Option<&ParticipantId>) -> ClientMessage {
    ClientMessage::Chat { to: to.cloned(), text: text.to_owned() }
}

fn is_waiting(messages: &[ServerMessage]) -> bool {
    matches!(messages, [ServerMessage::Waiting { room }] if room == "family")
}

#[test]
fn whoever_opens_a_room_with_a_secret_owns_it_on_any_device() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, _) = world.join("family", 2);
    assert_eq!(role_of(&world.heard(grace)), Role::Participant);
    let phone = come(&mut world, owner_join("family", 3, 7));
    assert_eq!(role_of(&world.heard(phone)), Role::Owner);
    // The owner's own page comes back without the secret: the key is enough.
    world.hang_up(ada, None);
    let (ada, _) = world.join_as("family", 1, 1);
    assert_eq!(role_of(&world.heard(ada)), Role::Owner);
}

#[test]
fn nobody_becomes_more_by_being_first_or_by_others_leaving() {
    let mut world = World::new();
    let (first, _) = world.join("family", 1);
    let heard = world.heard(first);
    assert_eq!((role_of(&heard), settings(&heard).unwrap().owned), (Role::Participant, false));
    let late = come(&mut world, owner_join("family", 2, 7));
    assert_eq!(role_of(&world.heard(late)), Role::Participant, "the room has no owner and gets none");
    world.say(first, ClientMessage::Leave {});
    assert!(world.snapshot_of(late).iter().all(|it| it.role == Role::Participant));

    let (owner, _) = opened(&mut world, "school", 3);
    let (pupil, _) = world.join("school", 4);
    world.say(owner, ClientMessage::Leave {});
    assert!(world.snapshot_of(pupil).iter().all(|it| it.role == Role::Participant));
}

#[test]
fn a_room_keeps_its_owner_while_it_is_empty_and_over_a_restart() {
    let mut world = World::new();
    let (owner, _) = opened(&mut world, "family", 1);
    world.say(owner, ClientMessage::Leave {});
    let thief = come(&mut world, owner_join("family", 2, 66));
    assert_eq!(role_of(&world.heard(thief)), Role::Participant);
    world.say(thief, ClientMessage::Leave {});
    world.restart(RoomsConfig::default());
    let thief = come(&mut world, owner_join("family", 2, 66));
    assert_eq!(role_of(&world.heard(thief)), Role::Participant);
    let phone = come(&mut world, owner_join("family", 3, 7));
    assert_eq!(role_of(&world.heard(phone)), Role::Owner);
    world.say(thief, ClientMessage::Leave {});
    world.say(phone, ClientMessage::Leave {});
    world.pass(91 * 24 * HOUR);
    let next = come(&mut world, owner_join("family", 4, 66));
    assert_eq!(role_of(&world.heard(next)), Role::Owner, "after so long, anyone may have it");
}

#[test]
fn a_room_is_handed_over_for_good() {
    let mut world = World::new();
    let (ada, ada_id) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    world.say(ada, set_role(&ada_id, Role::Participant));
    assert_eq!(errors(&world.heard(ada)), [(ErrorCode::NotAllowed, false)], "there must be an owner");
    world.say(ada, set_role(&grace_id, Role::Owner));
    assert_eq!(updated(&world.heard(ada)).unwrap().role, Role::Owner);
    let owner_secret = OwnerSecret::from_bytes([8; 16]);
    world.say(grace, ClientMessage::SetOwnerSecret { owner_secret });
    world.say(grace, set_role(&ada_id, Role::Participant));
    world.heard(ada);
    world.say(ada, settled(Some(true), None));
    assert_eq!(errors(&world.heard(ada)), [(ErrorCode::NotAllowed, false)]);
    for (n, secret, role) in [(3, 7, Role::Participant), (4, 8, Role::Owner)] {
        let connection = come(&mut world, owner_join("family", n, secret));
        assert_eq!(role_of(&world.heard(connection)), role);
    }
}

#[test]
fn a_moderator_has_no_power_over_an_owner() {
    let mut world = World::new();
    let (ada, ada_id) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    world.say(ada, set_role(&grace_id, Role::Moderator));
    world.heard(ada);
    world.heard(grace);
    let deeds = [
        ClientMessage::Remove { participant: ada_id.clone() },
        ClientMessage::Ban { participant: ada_id.clone() },
        ClientMessage::Rename { participant: ada_id.clone(), display_name: "Eve".to_owned() },
        ClientMessage::TurnOff { participant: Some(ada_id.clone()), device: Device::Mic },
        ClientMessage::SetMayPublish { participant: ada_id.clone(), may_publish: MayPublish::EVERYTHING },
        ClientMessage::LowerHand { participant: Some(ada_id.clone()) },
        set_role(&grace_id, Role::Owner),
    ];
    for deed in deeds {
        world.say(grace, deed.clone());
        assert_eq!(errors(&world.heard(grace)), [(ErrorCode::NotAllowed, false)], "{deed:?}");
        assert!(world.heard(ada).is_empty(), "{deed:?}");
    }
    world.say(ada, ClientMessage::Remove { participant: grace_id });
    assert_eq!(world.close_code(grace), Some(CloseCode::PutOut));
}

#[test]
fn whoever_knocks_learns_nothing_until_a_moderator_admits_them() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(Some(true), None));
    assert!(settings(&world.heard(ada)).unwrap().lobby);
    let alan = come(&mut world, join("Family", 3, 0));
    assert!(is_waiting(&world.heard(alan)));
    let waiting = knockers(&world.heard(ada));
    assert_eq!(waiting[0].display_name, "Person 3");

    world.say(ada, chat("about Alan", None));
    world.say(ada, ClientMessage::RaiseHand {});
    world.say(ada, settled(None, Some(true)));
    world.say(ada, settled(None, Some(false)));
    world.pass(60 * SECOND);
    assert!(world.heard(alan).is_empty());
    assert_eq!(world.close_code(alan), None, "one may wait for long");

    world.say(ada, ClientMessage::Admit { participant: waiting[0].id.clone() });
    let heard = world.heard(alan);
    assert_eq!(you(&heard), Some(waiting[0].id.clone()));
    assert!(knockers(&world.heard(ada)).is_empty());
    // Let in once, let in again, by whatever connection.
    world.say(alan, ClientMessage::Leave {});
    let again = come(&mut world, join("family", 3, 1));
    assert!(you(&world.heard(again)).is_some());
}

#[test]
fn whoever_is_denied_is_told_so() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(Some(true), None));
    let alan = come(&mut world, join("family", 3, 0));
    let waiting = knockers(&world.heard(ada));
    world.say(ada, ClientMessage::Deny { participant: waiting[0].id.clone() });
    assert!(errors(&world.heard(alan)).contains(&(ErrorCode::Denied, true)));
    assert_eq!(world.close_code(alan), Some(CloseCode::PutOut));
    world.heard(ada);
    world.say(ada, ClientMessage::Admit { participant: waiting[0].id.clone() });
    assert_eq!(errors(&world.heard(ada)), [(ErrorCode::NoSuchPeer, false)]);
}

#[test]
fn when_the_lobby_goes_everyone_comes_in_and_those_who_gave_up_do_not() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(Some(true), None));
    let waiting: Vec<_> = (2..6).map(|n| come(&mut world, join("family", n, 0))).collect();
    world.hang_up(waiting[0], None);
    world.say(ada, settled(Some(false), None));
    assert_eq!(world.snapshot_of(ada).len(), 4);
    assert!(waiting[1..].iter().all(|connection| you(&world.heard(*connection)).is_some()));
}

#[test]
fn one_person_knocks_once_however_often_they_come() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(Some(true), None));
    let first = come(&mut world, join("family", 2, 0));
    let second = come(&mut world, join("family", 2, 1));
    world.say(second, join("family", 2, 1));
    assert_eq!(world.close_code(first), Some(CloseCode::Superseded));
    assert_eq!(world.close_code(second), None);
    assert_eq!(knockers(&world.heard(ada)).len(), 1);
    world.say(ada, ClientMessage::AdmitAll {});
    assert!(you(&world.heard(second)).is_some());
    assert_eq!(world.rooms.counts().participants, 2);
}

#[test]
fn a_locked_room_lets_back_in_who_was_there_and_nobody_else() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.join("family", 2);
    world.say(ada, settled(None, Some(true)));
    for start in 0..2 {
        let stranger = come(&mut world, join("family", 3, 0));
        assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::RoomLocked, false)], "start {start}");
        let grace = come(&mut world, join("family", 2, 1));
        assert!(you(&world.heard(grace)).is_some(), "start {start}");
        world.restart(RoomsConfig::default());
    }
}

#[test]
fn a_password_lets_in_who_has_it() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let password = Some(Password("cafe\u{301}".to_owned()));
    world.say(ada, ClientMessage::SetPassword { password: password.clone() });
    world.say(ada, ClientMessage::SetPassword { password });
    assert_eq!(errors(&world.heard(ada)), [(ErrorCode::TooFast, false)], "one at a time");
    assert_eq!(world.look_at_passwords(), 1);
    assert!(settings(&world.heard(ada)).unwrap().password);
    let without = come(&mut world, join("family", 2, 0));
    assert_eq!(errors(&world.heard(without)), [(ErrorCode::PasswordRequired, false)]);
    world.say(without, join_with_password("family", 2, "cake"));
    assert!(world.heard(without).is_empty(), "nobody waits for the answer here");
    world.say(without, join_with_password("family", 2, "caf\u{e9}"));
    assert_eq!(errors(&world.heard(without)), [(ErrorCode::OutOfOrder, false)]);
    assert_eq!(world.look_at_passwords(), 1);
    assert_eq!(errors(&world.heard(without)), [(ErrorCode::WrongPassword, false)]);
    world.say(without, join_with_password("family", 2, "caf\u{e9}"));
    world.look_at_passwords();
    assert!(you(&world.heard(without)).is_some());
    // Who was in comes back without being asked.
    let again = come(&mut world, join("family", 2, 1));
    assert!(you(&world.heard(again)).is_some());
    world.say(ada, ClientMessage::SetPassword { password: None });
    let free = come(&mut world, join("family", 3, 0));
    assert!(you(&world.heard(free)).is_some());
}

#[test]
fn passwords_are_tried_so_often_and_no_more() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, ClientMessage::SetPassword { password: Some(Password("sesame".to_owned())) });
    world.look_at_passwords();
    let mut looked_at = 0;
    for n in 0..200 {
        let guess = come(&mut world, join_with_password("family", 2, &format!("guess {n}")));
        looked_at += world.look_at_passwords();
        world.hang_up(guess, None);
    }
    assert_eq!(looked_at, 30);
    let honest = world.connect_from("192.0.2.99".parse().unwrap());
    world.say(honest, hello());
    world.say(honest, join_with_password("family", 3, "sesame"));
    world.look_at_passwords();
    assert!(you(&world.heard(honest)).is_some(), "others may still come in");
    world.pass(6 * SECOND);
    let guess = come(&mut world, join_with_password("family", 2, "sesame"));
    assert_eq!(world.look_at_passwords(), 1);
    assert!(you(&world.heard(guess)).is_some());
}

#[test]
fn a_password_that_is_no_password_is_refused() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    for text in [String::new(), "a".repeat(257)] {
        world.say(ada, ClientMessage::SetPassword { password: Some(Password(text.clone())) });
        assert_eq!(errors(&world.heard(ada)), [(ErrorCode::BadPassword, false)]);
        let other = come(&mut world, join_with_password("family", 2, &text));
        assert_eq!(errors(&world.heard(other)), [(ErrorCode::BadPassword, false)]);
    }
    assert_eq!(world.look_at_passwords(), 0);
}

#[test]
fn who_is_removed_has_to_knock_and_who_is_banned_does_not_come_in() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    let (alan, alan_id) = world.join("family", 3);
    let (_, witness) = world.join("family", 4);
    world.heard(ada);
    world.say(ada, ClientMessage::Remove { participant: grace_id.clone() });
    assert!(errors(&world.heard(grace)).contains(&(ErrorCode::Removed, true)));
    assert!(world.heard(ada).iter().any(|message| matches!(message,
        ServerMessage::ParticipantLeft { participant, reason: LeaveReason::Removed, .. } if *participant == grace_id)));
    world.say(ada, ClientMessage::Ban { participant: alan_id });
    assert!(errors(&world.heard(alan)).contains(&(ErrorCode::Banned, true)));
    assert_eq!(world.close_code(alan), Some(CloseCode::PutOut));
    assert!(world.snapshot_of(ada).iter().any(|it| it.id == witness));
    // A new socket, a second tab, and a restart of the server.
    for instance in [0, 1, 2] {
        if instance == 2 {
            world.restart(RoomsConfig::default());
            come(&mut world, owner_join("family", 1, 7));
        }
        let grace = come(&mut world, join("family", 2, instance));
        assert!(is_waiting(&world.heard(grace)), "run {instance}");
        world.hang_up(grace, None);
        let alan = come(&mut world, join("family", 3, instance));
        assert_eq!(errors(&world.heard(alan)), [(ErrorCode::Banned, true)], "run {instance}");
    }
    let ada = come(&mut world, owner_join("family", 1, 7));
    let grace = come(&mut world, join("family", 2, 3));
    world.say(ada, settled(Some(false), None));
    assert!(is_waiting(&world.heard(grace)), "no lobby, and yet");
    world.say(ada, ClientMessage::Admit { participant: grace_id });
    assert!(you(&world.heard(grace)).is_some());
}

#[test]
fn the_end_of_a_meeting_is_the_end_for_everyone_and_of_its_bans() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    world.say(ada, set_role(&grace_id, Role::Moderator));
    let (_, alan_id) = world.join("family", 3);
    world.say(ada, ClientMessage::Ban { participant: alan_id });
    world.say(ada, settled(Some(true), None));
    let waiting = come(&mut world, join("family", 4, 0));
    world.say(grace, chat("to be forgotten", None));
    world.say(grace, ClientMessage::EndMeeting {});
    for connection in [ada, grace, waiting] {
        assert!(errors(&world.heard(connection)).contains(&(ErrorCode::MeetingEnded, true)));
        assert_eq!(world.close_code(connection), Some(CloseCode::Ended));
    }
    assert_eq!((world.rooms.counts().rooms, world.rooms.counts().participants), (0, 0));
    let ada = come(&mut world, owner_join("family", 1, 7));
    let heard = world.heard(ada);
    assert_eq!((role_of(&heard), history(&heard).len()), (Role::Owner, 0));
    world.say(ada, settled(Some(false), None));
    let alan = come(&mut world, join("family", 3, 0));
    assert!(you(&world.heard(alan)).is_some());
    let grace = come(&mut world, join("family", 2, 0));
    assert_eq!(role_of(&world.heard(grace)), Role::Participant);
}

#[test]
fn a_meeting_that_nobody_is_in_is_over_after_some_hours() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(Some(true), Some(true)));
    world.say(ada, ClientMessage::Leave {});
    world.pass(5 * HOUR);
    let stranger = come(&mut world, join("family", 2, 0));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::RoomLocked, false)]);
    world.hang_up(stranger, None);
    world.pass(6 * HOUR);
    let stranger = come(&mut world, join("family", 2, 0));
    assert!(is_waiting(&world.heard(stranger)), "the lock is gone, the lobby is the room's");
}

#[test]
fn a_room_holds_as_many_as_its_moderators_say() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let ask = |participants_max| ClientMessage::SetRoom {
        lobby: None,
        locked: None,
        participants_max: Some(participants_max),
        recorders: None,
        one_screen: None,
    };
    world.say(ada, ask(1_000_000));
    assert_eq!(settings(&world.heard(ada)), None, "the server has its own limit");
    world.say(ada, ask(2));
    assert_eq!(settings(&world.heard(ada)).unwrap().participants_max, 2);
    world.join("family", 2);
    let third = come(&mut world, join("family", 3, 0));
    assert_eq!(errors(&world.heard(third)), [(ErrorCode::RoomFull, false)]);
    world.say(ada, settled(Some(true), None));
    world.say(third, join("family", 3, 0));
    let waiting = knockers(&world.heard(ada));
    world.say(ada, ClientMessage::Admit { participant: waiting[0].id.clone() });
    assert_eq!(errors(&world.heard(ada)), [(ErrorCode::RoomFull, false)]);
    world.say(ada, ask(0));
    assert_eq!(settings(&world.heard(ada)).unwrap().participants_max, 1, "whoever is there stays");
    assert_eq!(world.rooms.counts().participants, 2);
}

#[test]
fn a_device_that_is_turned_off_stays_off_until_its_owner_turns_it_on() {
    let mut world = World::new();
    let (ada, ada_id) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    world.heard(grace);
    world.say(ada, ClientMessage::TurnOff { participant: None, device: Device::Mic });
    let told = ServerMessage::TurnedOff { device: Device::Mic, by: ada_id.clone() };
    assert!(world.heard(grace).contains(&told));
    let people = world.snapshot_of(ada);
    assert_eq!(people.iter().map(|it| it.mic).collect::<Vec<_>>(), [true, false], "moderators are spared");
    // The word was lost, and the page comes back as it was.
    world.hang_up(grace, None);
    let (grace, _) = world.join("family", 2);
    assert!(world.heard(grace).contains(&told));
    world.say(ada, ClientMessage::AskToTurnOn { participant: grace_id, device: Device::Mic });
    assert!(world.heard(grace).contains(&ServerMessage::AskedToTurnOn { device: Device::Mic, by: ada_id }));
    assert!(!world.snapshot_of(ada)[1].mic, "nobody is forced");
    world.say(
        grace,
        ClientMessage::UpdateSelf { display_name: None, mic: Some(true), cam: None, screen: None },
    );
    assert!(world.snapshot_of(ada)[1].mic);
}

#[test]
fn where_one_screen_may_be_shared_a_second_one_is_turned_off() {
    let mut world = World::with(RoomsConfig { has_media: true, ..RoomsConfig::default() });
    let (ada, ada_id) = opened(&mut world, "family", 1);
    let [(grace, grace_id), (alan, _)] = [2, 3].map(|n| world.join("family", n));
    let share =
        |is_on| ClientMessage::UpdateSelf { display_name: None, mic: None, cam: None, screen: Some(is_on) };
    let screens = |world: &mut World| -> Vec<bool> {
        world.snapshot_of(ada).iter().map(|participant| participant.screen).collect()
    };
    let one = |one_screen| ClientMessage::SetRoom {
        lobby: None,
        locked: None,
        participants_max: None,
        recorders: None,
        one_screen: Some(one_screen),
    };
    for whose in [ada, grace] {
        world.say(whose, share(true));
    }
    world.say(ada, one(true));
    assert!(settings(&world.heard(grace)).unwrap().one_screen);
    assert_eq!(screens(&mut world), [true, true, false], "what is shared already goes on");

    world.say(grace, share(false));
    world.say(grace, share(true));
    let told = ServerMessage::TurnedOff { device: Device::Screen, by: ada_id.clone() };
    assert!(world.heard(grace).contains(&told));
    world.say(alan, share(true));
    assert!(world.heard(alan).contains(&told));
    assert_eq!(screens(&mut world), [true, false, false]);
    world.commands();
    let tracks = [("0", Source::Screen), ("1", Source::Mic)]
        .map(|(mid, source)| MediaTrack { mid: mid.to_owned(), source });
    world.say(
        grace,
        ClientMessage::MediaOffer { session: MediaSession(1), sdp: "v=0".to_owned(), tracks: tracks.into() },
    );
    let is_withheld = |command: &MediaCommand| matches!(command, MediaCommand::Mute { track, is_muted: true } if track.mid == "0");
    assert!(world.commands().iter().any(is_withheld), "whatever the client sends");

    world.hang_up(ada, None);
    world.join_sharing("family", 1);
    world.say(grace, share(true));
    assert!(world.heard(grace).contains(&told), "whoever shares and comes back shares on");
    world.restart(RoomsConfig::default());
    let (grace, _) = world.join_sharing("family", 2);
    let (ada_again, _) = world.join_sharing("family", 1);
    let told = ServerMessage::TurnedOff { device: Device::Screen, by: grace_id };
    assert!(world.heard(ada_again).contains(&told), "after a restart it is whoever comes first");
    world.say(grace, share(false));
    world.say(ada_again, share(true));
    let shared: Vec<bool> = world.snapshot_of(grace).iter().map(|it| it.screen).collect();
    assert_eq!(shared, [false, true]);
}

fn may_not_speak(whom: &ParticipantId) -> ClientMessage {
    let may_publish = MayPublish { mic: false, cam: true, screen: false };
    ClientMessage::SetMayPublish { participant: whom.clone(), may_publish }
}

#[test]
fn what_one_may_not_send_is_withheld_at_once_and_over_reconnections() {
    let mut world = World::with(RoomsConfig { has_media: true, ..RoomsConfig::default() });
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    let offer = || ClientMessage::MediaOffer {
        session: MediaSession(1),
        sdp: "v=0".to_owned(),
        tracks: [("0", Source::Mic), ("1", Source::Cam), ("2", Source::ScreenAudio)]
            .map(|(mid, source)| MediaTrack { mid: mid.to_owned(), source })
            .into(),
    };
    world.say(grace, offer());
    world.commands();
    world.heard(grace);
    world.say(ada, may_not_speak(&grace_id));
    let muted = |commands: Vec<MediaCommand>| -> Vec<String> {
        let mid = |command| match command {
            MediaCommand::Mute { track, is_muted: true } => Some(track.mid),
            _ => None,
        };
        commands.into_iter().filter_map(mid).collect()
    };
    assert_eq!(muted(world.commands()), ["0", "2"]);
    let heard = world.heard(grace);
    let own = updated(&heard).unwrap();
    assert!(!own.mic && !own.may_publish.mic && own.may_publish.cam);
    let to_server =
        |m: &ServerMessage| matches!(m, ServerMessage::TopologyChanged { topology: Topology::Sfu, .. });
    assert!(heard.iter().any(to_server), "what goes directly nobody can withhold");
    assert!(heard.iter().any(|m| matches!(m, ServerMessage::LinkClosed { .. })));

    let turn_on = ClientMessage::UpdateSelf { display_name: None, mic: Some(true), cam: None, screen: None };
    world.say(grace, turn_on.clone());
    assert_eq!(errors(&world.heard(grace)), [(ErrorCode::NotAllowed, false)]);
    world.hang_up(grace, None);
    let (grace, _) = world.join_as("family", 2, 9);
    world.say(grace, offer());
    assert_eq!(muted(world.commands()), ["0", "2"], "another run of the page, the same person");
    assert!(!world.snapshot_of(ada)[1].mic);

    let may_publish = MayPublish::EVERYTHING;
    world.say(ada, ClientMessage::SetMayPublish { participant: grace_id, may_publish });
    world.heard(grace);
    world.say(grace, turn_on);
    assert!(errors(&world.heard(grace)).is_empty());
    assert!(
        world.commands().iter().any(|command| matches!(command, MediaCommand::Mute { is_muted: false, .. }))
    );
}

#[test]
fn a_name_that_a_moderator_gave_stays() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    let display_name = "Grace \u{202e}H.".to_owned();
    world.say(ada, ClientMessage::Rename { participant: grace_id, display_name });
    assert_eq!(updated(&world.heard(grace)).unwrap().display_name, "Grace H.");
    let display_name = Some("Eve".to_owned());
    world.say(grace, ClientMessage::UpdateSelf { display_name, mic: None, cam: None, screen: None });
    assert_eq!(errors(&world.heard(grace)), [(ErrorCode::NotAllowed, false)]);
    world.say(grace, ClientMessage::Leave {});
    world.join("family", 2);
    assert_eq!(world.snapshot_of(ada)[1].display_name, "Grace H.");
}

#[test]
fn a_text_goes_to_everyone_or_to_one() {
    let mut world = World::new();
    let [(ada, ada_id), (grace, grace_id), (alan, _)] = [1, 2, 3].map(|n| world.join("family", n));
    for connection in [ada, grace, alan] {
        world.heard(connection);
    }
    world.say(ada, chat("hello", None));
    world.say(ada, chat("psst", Some(&grace_id)));
    assert_eq!(texts(&world.heard(ada)), ["hello", "psst"]);
    assert_eq!(texts(&world.heard(grace)), ["hello", "psst"]);
    assert_eq!(texts(&world.heard(alan)), ["hello"]);
    world.say(alan, ClientMessage::Leave {});
    let (late, _) = world.join("family", 4);
    assert_eq!(history(&world.heard(late)), ["hello"]);
    world.hang_up(grace, None);
    let (grace, _) = world.join("family", 2);
    assert_eq!(history(&world.heard(grace)), ["hello", "psst"]);
    world.say(ada, chat("to myself", Some(&ada_id)));
    assert_eq!(errors(&world.heard(ada)), [(ErrorCode::NoSuchPeer, false)]);
}

#[test]
fn texts_are_bounded_in_length_and_number() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    world.heard(ada);
    for text in ["a".repeat(4001), " \n".to_owned()] {
        world.say(ada, chat(&text, None));
        assert_eq!(errors(&world.heard(ada)), [(ErrorCode::BadText, false)]);
    }
    world.pass(10 * SECOND);
    (0..100).for_each(|_| world.say(ada, chat("<script>alert(1)</script>", None)));
    let heard = world.heard(ada);
    assert_eq!((texts(&heard).len(), errors(&heard).len()), (10, 90));
    assert!(texts(&heard).iter().all(|text| text == "<script>alert(1)</script>"), "it is text, as it was");
    assert_eq!(world.close_code(ada), None);
}

#[test]
fn the_operator_may_have_nothing_kept_of_what_is_said() {
    let mut world = World::with(RoomsConfig { chat_history: false, ..RoomsConfig::default() });
    let (ada, _) = world.join("family", 1);
    world.say(ada, chat("hello", None));
    let (late, _) = world.join("family", 2);
    assert!(history(&world.heard(late)).is_empty());
}

#[test]
fn hands_are_in_the_order_in_which_they_were_raised() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let [(grace, grace_id), (alan, _)] = [2, 3].map(|n| world.join("family", n));
    let hands = |world: &mut World| world.snapshot_of(ada).iter().map(|it| it.hand).collect::<Vec<_>>();
    for connection in [alan, grace, alan] {
        world.say(connection, ClientMessage::RaiseHand {});
    }
    assert_eq!(hands(&mut world), [None, Some(2), Some(1)]);
    world.hang_up(alan, None);
    world.join("family", 3);
    assert_eq!(hands(&mut world), [None, Some(2), Some(1)], "a reconnection keeps the place");
    world.say(ada, ClientMessage::LowerHand { participant: Some(grace_id.clone()) });
    assert_eq!(hands(&mut world), [None, None, Some(1)]);
    world.say(grace, ClientMessage::RaiseHand {});
    world.say(grace, ClientMessage::LowerHand { participant: Some(grace_id) });
    assert_eq!(hands(&mut world), [None, None, Some(1)], "one's own, by name");
}

#[test]
fn reactions_go_to_everyone_and_not_too_fast() {
    let mut world = World::new();
    let [(ada, _), (grace, grace_id)] = [1, 2].map(|n| world.join("family", n));
    world.heard(ada);
    let react = ClientMessage::React { reaction: Reaction::Heart };
    (0..20).for_each(|_| world.say(grace, react.clone()));
    let reacted = ServerMessage::Reacted { participant: grace_id, reaction: Reaction::Heart };
    assert_eq!(world.heard(ada), vec![reacted; 10]);
    assert_eq!(errors(&world.heard(grace)).len(), 10);
}

#[test]
fn who_records_says_so_to_everyone() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, _) = world.join("family", 2);
    world.heard(grace);
    let record = ClientMessage::SetRecording { recording: true };
    world.say(grace, record.clone());
    assert_eq!(errors(&world.heard(grace)), [(ErrorCode::NotAllowed, false)]);
    let recorders = Some(Recorders::Everyone);
    world.say(
        ada,
        ClientMessage::SetRoom {
            lobby: None,
            locked: None,
            participants_max: None,
            recorders,
            one_screen: None,
        },
    );
    world.say(grace, record.clone());
    assert!(updated(&world.heard(ada)).unwrap().recording);
    world.hang_up(grace, Some(4001));
    world.join_as("family", 2, 1);
    assert!(!world.snapshot_of(ada)[1].recording, "a page that was loaded anew does not record");
    let (alone, _) = world.join("free", 3);
    world.say(alone, record);
    assert!(world.snapshot_of(alone)[0].recording, "in a room without an owner everyone may");
}

#[test]
fn the_spotlight_is_on_someone_who_is_there() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    world.say(ada, ClientMessage::Spotlight { participant: Some(grace_id.clone()) });
    assert_eq!(settings(&world.heard(ada)).unwrap().spotlight, Some(grace_id.clone()));
    world.say(grace, ClientMessage::Leave {});
    assert_eq!(settings(&world.heard(ada)).unwrap().spotlight, None);
    world.say(ada, ClientMessage::Spotlight { participant: Some(grace_id) });
    assert_eq!(errors(&world.heard(ada)), [(ErrorCode::NoSuchPeer, false)]);
}

fn closed_house() -> RoomsConfig {
    let password = Some(Password("battery staple".to_owned()));
    let opening = Opening { password, ..Opening::default() };
    RoomsConfig { opening, ..RoomsConfig::default() }
}

#[test]
fn where_not_everyone_opens_rooms_a_password_does_and_those_who_were_in_may_come_back() {
    let mut world = World::with(closed_house());
    let stranger = come(&mut world, owner_join("family", 2, 9));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::MayNotOpen, false)]);
    let with = |n, secret, text: &str| {
        let mut join = owner_join("family", n, secret);
        if let ClientMessage::Join { opening_password, .. } = &mut join {
            *opening_password = Some(Password(text.to_owned()));
        }
        join
    };
    world.say(stranger, with(2, 9, "battery"));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::MayNotOpen, false)]);
    let ada = come(&mut world, with(1, 7, "battery staple"));
    assert_eq!(role_of(&world.heard(ada)), Role::Owner);
    world.join("family", 3);
    world.restart(closed_house());
    let stranger = come(&mut world, owner_join("family", 2, 9));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::MayNotOpen, false)]);
    let grace = come(&mut world, join("family", 3, 0));
    assert!(you(&world.heard(grace)).is_some(), "the call goes on");
    world.say(stranger, owner_join("family", 2, 9));
    assert_eq!(role_of(&world.heard(stranger)), Role::Participant);
}

#[test]
fn opening_passwords_are_tried_so_often_and_no_more() {
    let mut world = World::with(closed_house());
    let mut codes = Vec::new();
    for _ in 0..40 {
        let mut guess = join("family", 2, 0);
        if let ClientMessage::Join { opening_password, .. } = &mut guess {
            *opening_password = Some(Password("guess".to_owned()));
        }
        let connection = come(&mut world, guess);
        codes.extend(errors(&world.heard(connection)));
        world.hang_up(connection, None);
    }
    assert_eq!(codes.iter().filter(|(code, _)| *code == ErrorCode::MayNotOpen).count(), 30);
    assert_eq!(codes.iter().filter(|(code, _)| *code == ErrorCode::TooManyAttempts).count(), 10);
}

#[test]
fn a_room_begins_with_a_lobby_where_the_operator_wants_it() {
    let mut world = World::with(RoomsConfig { lobby: true, ..RoomsConfig::default() });
    opened(&mut world, "family", 1);
    let stranger = come(&mut world, join("family", 2, 0));
    assert!(is_waiting(&world.heard(stranger)));
    let (free, _) = world.join("free", 3);
    assert!(!settings(&world.heard(free)).unwrap().lobby, "nobody could open the door there");
}

#[test]
fn one_network_becomes_the_owner_of_so_many_rooms_and_no_more() {
    let mut world = World::new();
    let mut owned = 0;
    for n in 0..200 {
        let connection = come(&mut world, owner_join(&format!("room-{n}"), 1, 7));
        match errors(&world.heard(connection)).as_slice() {
            [] => owned += 1,
            [(ErrorCode::TooManyRooms, false)] => {}
            other => panic!("{other:?}"),
        }
        world.say(connection, ClientMessage::Leave {});
    }
    assert_eq!(owned, 64);
    let known = come(&mut world, owner_join("room-0", 1, 7));
    assert_eq!(role_of(&world.heard(known)), Role::Owner, "what one has one keeps");
    let free = come(&mut world, join("free", 1, 0));
    assert!(you(&world.heard(free)).is_some(), "and rooms without an owner cost nothing");
}

#[test]
fn of_rooms_that_nobody_is_in_so_many_are_known_and_no_more() {
    let mut world = World::with(RoomsConfig { records: 2, ..RoomsConfig::default() });
    for n in 0..4 {
        let connection = come(&mut world, owner_join(&format!("room-{n}"), 1, 7));
        world.say(connection, ClientMessage::Leave {});
        world.pass(SECOND);
    }
    for (n, role) in [(0, Role::Owner), (3, Role::Participant)] {
        let thief = come(&mut world, owner_join(&format!("room-{n}"), 2, 66));
        assert_eq!(role_of(&world.heard(thief)), role, "room {n}");
    }
}

#[test]
fn who_is_put_out_has_no_session_and_no_way_in_any_more() {
    let config = RoomsConfig { has_media: true, relay_renewal: Some(120 * SECOND), ..RoomsConfig::default() };
    let mut world = World::with(config);
    let (ada, _) = opened(&mut world, "family", 1);
    let (grace, grace_id) = world.join("family", 2);
    let offer =
        ClientMessage::MediaOffer { session: MediaSession(1), sdp: "v=0".to_owned(), tracks: Vec::new() };
    world.say(grace, offer);
    world.commands();
    world.say(ada, ClientMessage::Ban { participant: grace_id });
    let ends = |commands: &[MediaCommand]| {
        let is_end =
            |it: &&MediaCommand| matches!(it, MediaCommand::Disconnect { .. } | MediaCommand::Unrelay { .. });
        commands.iter().filter(is_end).count()
    };
    assert_eq!(ends(&world.commands()), 2);
    assert_eq!(world.rooms.counts().sessions, 0);
    world.say(ada, ClientMessage::EndMeeting {});
    assert_eq!(ends(&world.commands()), 1, "the owner had no session yet");
}

#[test]
fn so_many_wait_and_no_more() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(Some(true), None));
    for n in 0..100 {
        come(&mut world, join("family", 100 + n, 0));
    }
    let late = come(&mut world, join("family", 2, 0));
    assert_eq!(errors(&world.heard(late)), [(ErrorCode::LobbyFull, false)]);
}

#[test]
fn a_room_at_whose_door_somebody_waits_is_open() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(Some(true), None));
    let waiting = come(&mut world, join("family", 2, 0));
    world.say(ada, ClientMessage::Leave {});
    assert_eq!(world.rooms.counts().rooms, 1);
    world.pass(HOUR);
    assert_eq!(world.close_code(waiting), None);
    let ada = come(&mut world, owner_join("family", 1, 7));
    assert_eq!(knockers(&world.heard(ada)).len(), 1);
    world.say(ada, ClientMessage::AdmitAll {});
    assert!(you(&world.heard(waiting)).is_some());
}

/// Joins with an access token that the shell has found good, for this room and with this role.
fn come_with_pass(world: &mut World, room: &str, n: u8, pass: Result<(&str, Role), &str>) -> ConnectionId {
    let connection = world.connect();
    world.say(connection, hello());
    world.heard(connection);
    let pass = pass.map_err(|why| BadPass(why.to_owned())).map(|(room, role)| {
        let name = DisplayName::parse(&format!("Vouched {n}"), 64).ok();
        Pass { room: RoomName::parse(room, 64).unwrap(), name, role }
    });
    world.rooms.handle_pass(connection, pass);
    world.say(connection, join_with_token(room, n));
    connection
}

fn join_with_token(room: &str, n: u8) -> ClientMessage {
    let mut join = owner_join(room, n, n);
    if let ClientMessage::Join { token, .. } = &mut join {
        *token = Some(AccessToken("as the shell has read it".to_owned()));
    }
    join
}

fn is_in(messages: &[ServerMessage]) -> bool {
    you(messages).is_some()
}

#[test]
fn a_token_says_who_somebody_is_and_what_they_may_do() {
    let mut world = World::new();
    let grace = come_with_pass(&mut world, "family", 2, Ok(("family", Role::Participant)));
    let heard = world.heard(grace);
    assert_eq!(role_of(&heard), Role::Participant, "nobody owns a room for being first with a token");
    assert_eq!(snapshot(&heard).unwrap().1[0].display_name, "Vouched 2");
    let ada = come_with_pass(&mut world, "family", 1, Ok(("family", Role::Owner)));
    assert_eq!(role_of(&world.heard(ada)), Role::Owner);
    let alan = come_with_pass(&mut world, "family", 3, Ok(("family", Role::Moderator)));
    assert_eq!(role_of(&world.heard(alan)), Role::Moderator);
    let rename = ClientMessage::UpdateSelf {
        display_name: Some("Ada".to_owned()),
        mic: None,
        cam: None,
        screen: None,
    };
    world.heard(grace);
    world.say(grace, rename);
    assert_eq!(errors(&world.heard(grace)), [(ErrorCode::NotAllowed, false)], "the name is vouched for");
}

#[test]
fn a_token_that_is_not_good_is_answered_with_why() {
    let mut world = World::new();
    for pass in [Err("It has expired."), Ok(("school", Role::Owner))] {
        let connection = come_with_pass(&mut world, "family", 2, pass);
        assert_eq!(errors(&world.heard(connection)), [(ErrorCode::BadToken, false)]);
    }
    let unread = come(&mut world, join_with_token("family", 2));
    assert_eq!(errors(&world.heard(unread)), [(ErrorCode::BadToken, false)], "the shell reads none");
    assert_eq!(world.rooms.counts().rooms, 0);
}

#[test]
fn a_token_of_before_is_not_used_by_a_later_join() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    world.say(ada, settled(None, Some(true)));
    let connection = come_with_pass(&mut world, "school", 2, Ok(("family", Role::Owner)));
    assert_eq!(errors(&world.heard(connection)), [(ErrorCode::BadToken, false)]);
    world.say(connection, join_with_token("family", 2));
    assert_eq!(errors(&world.heard(connection)), [(ErrorCode::BadToken, false)]);
}

#[test]
fn where_tokens_are_required_nobody_else_opens_a_room_or_comes_in() {
    let config = RoomsConfig { token_required: true, ..RoomsConfig::default() };
    let mut world = World::with(config.clone());
    let stranger = come(&mut world, owner_join("family", 3, 3));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::TokenRequired, false)]);
    let ada = come_with_pass(&mut world, "family", 1, Ok(("family", Role::Owner)));
    let grace = come_with_pass(&mut world, "family", 2, Ok(("family", Role::Participant)));
    assert!(is_in(&world.heard(ada)) && is_in(&world.heard(grace)));
    world.say(stranger, owner_join("family", 3, 3));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::TokenRequired, false)]);
    // A call outlives the token that it was begun with.
    world.hang_up(grace, None);
    let again = come_with_pass(&mut world, "family", 2, Err("It has expired."));
    assert!(is_in(&world.heard(again)));
    world.restart(config);
    let again = come(&mut world, join("family", 2, 0));
    assert!(is_in(&world.heard(again)), "and a restart");
}

#[test]
fn where_rooms_are_opened_by_token_others_come_when_they_are_open() {
    let opening = Opening { credentials: vec![Credential::Token], ..Opening::default() };
    let mut world = World::with(RoomsConfig { opening, ..RoomsConfig::default() });
    let stranger = come(&mut world, owner_join("family", 3, 3));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::TokenRequired, false)]);
    come_with_pass(&mut world, "family", 1, Ok(("family", Role::Participant)));
    world.say(stranger, owner_join("family", 3, 3));
    assert_eq!(role_of(&world.heard(stranger)), Role::Participant);
}

#[test]
fn a_token_does_not_undo_what_moderators_say() {
    let mut world = World::new();
    let ada = come_with_pass(&mut world, "family", 1, Ok(("family", Role::Owner)));
    world.say(ada, ClientMessage::SetPassword { password: Some(Password("sesame".to_owned())) });
    world.look_at_passwords();
    let grace = come_with_pass(&mut world, "family", 2, Ok(("family", Role::Participant)));
    let id = you(&world.heard(grace)).expect("who is vouched for needs no password");
    world.say(ada, ClientMessage::Ban { participant: id });
    let again = come_with_pass(&mut world, "family", 2, Ok(("family", Role::Owner)));
    assert_eq!(errors(&world.heard(again)), [(ErrorCode::Banned, true)]);
    world.say(ada, settled(None, Some(true)));
    let late = come_with_pass(&mut world, "family", 3, Ok(("family", Role::Participant)));
    assert_eq!(errors(&world.heard(late)), [(ErrorCode::RoomLocked, false)]);
    let alan = come_with_pass(&mut world, "family", 4, Ok(("family", Role::Moderator)));
    assert_eq!(role_of(&world.heard(alan)), Role::Moderator);
}

/// Joins as somebody who has signed in.
fn come_signed_in(world: &mut World, login: u8, join: ClientMessage) -> ConnectionId {
    let connection = world.connect();
    world.rooms.handle_login(connection, LoginId::new([login; 32]));
    world.say(connection, hello());
    world.heard(connection);
    world.say(connection, join);
    connection
}

fn house_of_logins() -> RoomsConfig {
    let opening = Opening { credentials: vec![Credential::Login], ..Opening::default() };
    RoomsConfig { opening, ..RoomsConfig::default() }
}

#[test]
fn where_rooms_are_opened_with_a_login_strangers_come_when_they_are_open() {
    let mut world = World::with(house_of_logins());
    let stranger = come(&mut world, owner_join("family", 2, 2));
    assert_eq!(errors(&world.heard(stranger)), [(ErrorCode::LoginRequired, false)]);
    let ada = come_signed_in(&mut world, 1, join("family", 1, 0));
    assert_eq!(role_of(&world.heard(ada)), Role::Owner);
    world.say(stranger, owner_join("family", 2, 2));
    assert_eq!(role_of(&world.heard(stranger)), Role::Participant);
}

#[test]
fn who_has_signed_in_owns_what_they_opened_wherever_they_sign_in() {
    let mut world = World::with(house_of_logins());
    let ada = come_signed_in(&mut world, 1, owner_join("family", 1, 7));
    world.say(ada, ClientMessage::Leave {});
    world.restart(house_of_logins());
    let elsewhere = come_signed_in(&mut world, 1, join("family", 3, 0));
    assert_eq!(role_of(&world.heard(elsewhere)), Role::Owner);
    let by_link = come(&mut world, owner_join("family", 4, 7));
    assert_eq!(role_of(&world.heard(by_link)), Role::Owner, "the owner link is good as well");
    let grace = come_signed_in(&mut world, 2, owner_join("family", 2, 2));
    assert_eq!(role_of(&world.heard(grace)), Role::Participant, "who has signed in is a guest elsewhere");
}

/// Comes from an address of its own.
fn come_from(world: &mut World, address: &str, join: ClientMessage) -> ConnectionId {
    let connection = world.connect_from(address.parse().unwrap());
    world.say(connection, hello());
    world.heard(connection);
    world.say(connection, join);
    connection
}

#[test]
fn who_was_banned_and_comes_with_a_new_key_has_to_be_let_in() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let classmate = come_from(&mut world, "198.51.100.7", join("family", 2, 0));
    assert!(is_in(&world.heard(classmate)));
    let eve = come_from(&mut world, "198.51.100.7", join("family", 3, 0));
    let eve = you(&world.heard(eve)).unwrap();
    world.say(ada, ClientMessage::Ban { participant: eve });

    let banned = come_from(&mut world, "203.0.113.5", join("family", 3, 0));
    assert_eq!(errors(&world.heard(banned)), [(ErrorCode::Banned, true)], "the key is known everywhere");
    let again = come_from(&mut world, "198.51.100.7", join("family", 4, 0));
    assert!(is_waiting(&world.heard(again)), "a new key from the same address");
    let elsewhere = come_from(&mut world, "198.51.100.8", join("family", 5, 0));
    assert!(is_in(&world.heard(elsewhere)), "an address that nobody was banned from");
    // Whoever was here and shares the address comes back as before.
    world.say(classmate, ClientMessage::Leave {});
    let classmate = come_from(&mut world, "198.51.100.7", join("family", 2, 0));
    assert!(is_in(&world.heard(classmate)));

    // It is not because of the lobby that they wait.
    world.say(ada, settled(Some(true), None));
    world.say(ada, settled(Some(false), None));
    assert!(world.heard(again).is_empty());
    world.say(ada, ClientMessage::AdmitAll {});
    assert!(is_in(&world.heard(again)), "a person decides");
}

#[test]
fn a_ban_outlives_reconnection_second_tab_and_restart_and_ends_with_the_meeting() {
    let mut world = World::new();
    let (ada, _) = opened(&mut world, "family", 1);
    let eve = come_from(&mut world, "198.51.100.7", join("family", 3, 0));
    let eve = you(&world.heard(eve)).unwrap();
    world.say(ada, ClientMessage::Ban { participant: eve });
    world.restart(RoomsConfig::default());
    let (ada, _) = opened(&mut world, "family", 1);
    for instance in [0, 1] {
        let banned = come_from(&mut world, "198.51.100.7", join("family", 3, instance));
        assert_eq!(errors(&world.heard(banned)), [(ErrorCode::Banned, true)]);
    }
    let again = come_from(&mut world, "198.51.100.7", join("family", 4, 0));
    assert!(is_waiting(&world.heard(again)));
    world.say(ada, ClientMessage::EndMeeting {});
    opened(&mut world, "family", 1);
    for key in [3, 4] {
        let free = come_from(&mut world, "198.51.100.7", join("family", key, 0));
        assert!(is_in(&world.heard(free)), "another meeting");
    }
}

/// Tries to come in with this password, which is shown to both the room and the server. Returns the answer, and how many passwords had to be
/// compared for it.
fn guess(
    world: &mut World,
    room: &str,
    n: u8,
    text: Option<&str>,
) -> (Vec<(ErrorCode, bool, String)>, usize) {
    let mut join = owner_join(room, n, n);
    if let ClientMessage::Join { password, opening_password, .. } = &mut join {
        *password = text.map(|text| Password(text.to_owned()));
        password.clone_into(opening_password);
    }
    let connection = come(world, join);
    let compared = world.look_at_passwords();
    let answers = world.heard(connection).into_iter().filter_map(|message| match message {
        ServerMessage::Error { code, fatal, text } => Some((code, fatal, text)),
        _ => None,
    });
    (answers.collect(), compared)
}

#[test]
fn where_not_everyone_opens_rooms_strangers_cannot_tell_them_apart() {
    let mut world = World::with(closed_house());
    for (n, room) in [(1, "locked"), (2, "secret")] {
        let mut join = owner_join(room, n, n);
        if let ClientMessage::Join { opening_password, .. } = &mut join {
            *opening_password = Some(Password("battery staple".to_owned()));
        }
        let owner = come(&mut world, join);
        if room == "locked" {
            world.say(owner, settled(None, Some(true)));
        } else {
            world.say(owner, ClientMessage::SetPassword { password: Some(Password("sesame".to_owned())) });
            world.look_at_passwords();
        }
    }
    for text in [None, Some("guess")] {
        let absent = guess(&mut world, "absent", 9, text);
        assert_eq!(absent.0.len(), 1);
        assert_eq!(absent.0[0].0, ErrorCode::MayNotOpen);
        for room in ["locked", "secret"] {
            assert_eq!(guess(&mut world, room, 9, text), absent, "{room} with {text:?}");
        }
    }
    assert_eq!(
        guess(&mut world, "secret", 9, Some("sesame")),
        (Vec::new(), 1),
        "who knows the word comes in"
    );
}

#[test]
fn where_not_everyone_opens_rooms_one_address_tries_so_many_names_and_no_more() {
    let mut world = World::with(closed_house());
    let tries = |world: &mut World, at: Duration| {
        world.pass(at);
        let codes = (0..40).flat_map(|n| guess(world, &format!("room-{n}"), 9, None).0);
        codes.filter(|(code, ..)| *code == ErrorCode::MayNotOpen).count()
    };
    assert_eq!(tries(&mut world, Duration::ZERO), 30);
    assert_eq!(tries(&mut world, 60 * SECOND), 10, "ten a minute for long");
    // Whoever was let in before comes back all the same.
    let neighbour = come_from(&mut world, "198.51.100.7", {
        let mut join = owner_join("family", 1, 1);
        if let ClientMessage::Join { opening_password, .. } = &mut join {
            *opening_password = Some(Password("battery staple".to_owned()));
        }
        join
    });
    assert!(is_in(&world.heard(neighbour)));
    world.say(neighbour, ClientMessage::Leave {});
    let back = come(&mut world, owner_join("family", 1, 1));
    assert!(is_in(&world.heard(back)));
}

//! Everyone who can be in or at a room says everything that the protocol has, by the examples of `docs/protocol.md`.

use std::collections::BTreeMap;

use allo_protocol::{ClientMessage, ErrorCode, ParticipantId, Role};
use allo_room::ConnectionId;

use crate::meeting::{opened, owner_join, role_of, set_role, settled};
use crate::world::{World, errors, hello, join};

/// Who has to say it at the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Least {
    Participant,
    Moderator,
    Owner,
    /// It is not about the room, or answered before rights are looked at.
    Anyone,
}

/// What the protocol says about each message. A new one does not compile until it stands here.
fn least(message: &ClientMessage) -> Least {
    match message {
        ClientMessage::Hello { .. }
        | ClientMessage::Join { .. }
        | ClientMessage::Leave {}
        | ClientMessage::Ping {}
        | ClientMessage::Pong {} => Least::Anyone,
        ClientMessage::UpdateSelf { .. }
        | ClientMessage::SessionDescription { .. }
        | ClientMessage::IceCandidate { .. }
        | ClientMessage::PictureLimits { .. }
        | ClientMessage::RenewLink { .. }
        | ClientMessage::DropLink { .. }
        | ClientMessage::MediaOffer { .. }
        | ClientMessage::MediaBlocked { .. }
        | ClientMessage::Subscribe { .. }
        | ClientMessage::Vouch { .. }
        | ClientMessage::RequestSnapshot {}
        | ClientMessage::Chat { .. }
        | ClientMessage::OfferFile { .. }
        | ClientMessage::WithdrawFile { .. }
        | ClientMessage::AcceptFile { .. }
        | ClientMessage::EndFile { .. }
        | ClientMessage::RaiseHand {}
        | ClientMessage::LowerHand { participant: None }
        | ClientMessage::React { .. } => Least::Participant,
        // In a room with an owner, until a moderator says otherwise.
        ClientMessage::SetRecording { .. }
        | ClientMessage::LowerHand { participant: Some(_) }
        | ClientMessage::SetRoom { .. }
        | ClientMessage::SetPassword { .. }
        | ClientMessage::Spotlight { .. }
        | ClientMessage::Admit { .. }
        | ClientMessage::AdmitAll {}
        | ClientMessage::Deny { .. }
        | ClientMessage::TurnOff { .. }
        | ClientMessage::AskToTurnOn { .. }
        | ClientMessage::SetMayPublish { .. }
        | ClientMessage::Rename { .. }
        | ClientMessage::Remove { .. }
        | ClientMessage::Ban { .. }
        | ClientMessage::EndMeeting {} => Least::Moderator,
        ClientMessage::SetRole { .. } | ClientMessage::SetOwnerSecret { .. } => Least::Owner,
    }
}

/// A room with an owner, a moderator, two participants and someone who waits.
struct Scene {
    world: World,
    connections: BTreeMap<&'static str, ConnectionId>,
    /// The second participant, whom things are done to.
    target: ParticipantId,
    waiter: ParticipantId,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let (owner, _) = opened(&mut world, "family", 1);
        let (moderator, moderator_id) = world.join("family", 2);
        world.say(owner, set_role(&moderator_id, Role::Moderator));
        let (participant, _) = world.join("family", 3);
        let (_, target) = world.join("family", 4);
        world.say(owner, settled(Some(true), None));
        let waiting = world.connect();
        world.say(waiting, hello());
        world.say(waiting, join("family", 5, 0));
        let waiter = crate::meeting::knockers(&world.heard(owner))[0].id.clone();
        let stranger = world.connect();
        world.say(stranger, hello());
        let connections = [
            ("owner", owner),
            ("moderator", moderator),
            ("participant", participant),
            ("waiting", waiting),
            ("stranger", stranger),
        ];
        for (_, connection) in &connections {
            world.heard(*connection);
        }
        Self { world, connections: connections.into(), target, waiter }
    }

    /// Returns the examples of the protocol, about people who are here.
    fn messages(&self) -> Vec<ClientMessage> {
        let document = include_str!("../../../../docs/protocol.md");
        let (_, rest) = document.split_once("\n## Messages from the client\n").unwrap();
        let section = rest.split("\n## ").next().unwrap();
        let blocks = section.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap());
        let named = blocks.map(|block| {
            let here = block.replace("p2Xc9A", self.target.as_str());
            here.replace("pW41ts", self.waiter.as_str())
        });
        named
            .map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}")))
            .collect()
    }
}

#[test]
fn everyone_may_say_what_the_protocol_lets_them_and_nothing_more() {
    let count = Scene::new().messages().len();
    assert!(count > 30, "the examples are found");
    for n in 0..count {
        for (who, rank) in
            [("participant", Least::Participant), ("moderator", Least::Moderator), ("owner", Least::Owner)]
        {
            let mut scene = Scene::new();
            let message = scene.messages().swap_remove(n);
            let (speaker, other) = (scene.connections[who], scene.connections["owner"]);
            let least = least(&message);
            scene.world.say(speaker, message.clone());
            scene.world.look_at_passwords();
            let heard = errors(&scene.world.heard(speaker));
            let is_refused = heard.contains(&(ErrorCode::NotAllowed, false));
            let is_allowed = least == Least::Anyone || rank >= least;
            assert_eq!(is_refused, !is_allowed, "{message:?} of the {who}: {heard:?}");
            if !is_allowed {
                assert!(scene.world.heard(other).is_empty(), "{message:?} changed something");
                assert_eq!(scene.world.close_code(speaker), None);
            }
        }
    }
}

#[test]
fn who_waits_says_nothing_and_hears_nothing_of_the_room() {
    let count = Scene::new().messages().len();
    for n in 0..count {
        let mut scene = Scene::new();
        let message = scene.messages().swap_remove(n);
        let [waiting, owner] = ["waiting", "owner"].map(|who| scene.connections[who]);
        scene.world.say(waiting, message.clone());
        let heard = scene.world.heard(waiting);
        match &message {
            ClientMessage::Ping {} => assert_eq!(heard, [allo_protocol::ServerMessage::Pong {}]),
            ClientMessage::Pong {} => assert!(heard.is_empty()),
            ClientMessage::Leave {} => {
                assert!(heard.is_empty());
                assert!(crate::meeting::knockers(&scene.world.heard(owner)).is_empty());
                continue;
            }
            ClientMessage::Join { .. } => assert_eq!(errors(&heard), [(ErrorCode::AlreadyJoined, false)]),
            _ => assert_eq!(errors(&heard), [(ErrorCode::OutOfOrder, false)], "{message:?}"),
        }
        assert_eq!(
            heard.len(),
            usize::from(!matches!(message, ClientMessage::Pong {})),
            "{message:?}: {heard:?}"
        );
        assert!(scene.world.heard(owner).is_empty(), "{message:?} changed something");
    }
}

#[test]
fn a_stranger_says_nothing_but_join() {
    let count = Scene::new().messages().len();
    for n in 0..count {
        let mut scene = Scene::new();
        let message = scene.messages().swap_remove(n);
        let [stranger, owner] = ["stranger", "owner"].map(|who| scene.connections[who]);
        scene.world.say(stranger, message.clone());
        let heard = errors(&scene.world.heard(stranger));
        let expected = match &message {
            ClientMessage::Ping {} | ClientMessage::Pong {} => vec![],
            // The example has a room's name, and a newcomer has to wait there.
            ClientMessage::Join { .. } => continue,
            _ => vec![(ErrorCode::OutOfOrder, false)],
        };
        assert_eq!(heard, expected, "{message:?}");
        assert!(scene.world.heard(owner).is_empty(), "{message:?} changed something");
    }
}

#[test]
fn who_was_put_out_changes_nothing_whatever_they_say() {
    let count = Scene::new().messages().len();
    for n in 0..count {
        let mut scene = Scene::new();
        let message = scene.messages().swap_remove(n);
        let [moderator, owner] = ["moderator", "owner"].map(|who| scene.connections[who]);
        let snapshot = scene.world.snapshot_of(owner);
        let id = snapshot.iter().find(|it| it.role == Role::Moderator).unwrap().id.clone();
        scene.world.say(owner, ClientMessage::Remove { participant: id });
        scene.world.heard(owner);
        scene.world.heard(moderator);
        scene.world.say(moderator, message.clone());
        assert!(
            scene.world.heard(moderator).is_empty() && scene.world.heard(owner).is_empty(),
            "{message:?}"
        );
    }
}

#[test]
fn a_secret_that_is_not_the_rooms_gives_no_right() {
    let mut world = World::new();
    opened(&mut world, "family", 1);
    let other = world.connect();
    world.say(other, hello());
    world.say(other, owner_join("family", 2, 99));
    assert_eq!(role_of(&world.heard(other)), Role::Participant);
}

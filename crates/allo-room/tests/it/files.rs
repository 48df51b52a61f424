//! Files from one to others, each a short transcript.

use allo_protocol::{ClientMessage, ErrorCode, FileId, FileOffer, FileOutcome, ParticipantId, ServerMessage};
use allo_room::{ConnectionId, MediaCommand, MediaEvent, MediaKey, RoomsConfig};

use crate::media::connect;
use crate::world::{World, errors, hello, join};

fn world() -> World {
    World::with(RoomsConfig { has_media: true, ..RoomsConfig::default() })
}

fn offer(name: &str, to: Option<&ParticipantId>) -> ClientMessage {
    let (name, media_type) = (name.to_owned(), "text/plain".to_owned());
    ClientMessage::OfferFile { reference: 7, to: to.cloned(), name, bytes: 1_000, media_type }
}

/// Says something, and returns what `of` hears then.
fn heard_after(
    world: &mut World,
    of: ConnectionId,
    from: ConnectionId,
    message: ClientMessage,
) -> Vec<ServerMessage> {
    world.heard(of);
    world.say(from, message);
    world.heard(of)
}

fn offered(messages: &[ServerMessage]) -> Vec<FileOffer> {
    let offers = messages.iter().flat_map(|message| match message {
        ServerMessage::FileOffered { file } => vec![file.clone()],
        ServerMessage::FilesOffered { files } => files.clone(),
        _ => Vec::new(),
    });
    offers.collect()
}

fn ended(file: FileId, participant: &ParticipantId, outcome: FileOutcome) -> ServerMessage {
    ServerMessage::FileEnded { file, participant: participant.clone(), outcome }
}

/// Ada and Grace, who have sessions; and a file of Ada's.
struct Scene {
    world: World,
    ada: ConnectionId,
    grace: ConnectionId,
    ada_id: ParticipantId,
    grace_id: ParticipantId,
    keys: [MediaKey; 2],
    file: FileId,
}

impl Scene {
    fn new() -> Self {
        let mut world = world();
        let (ada, ada_id) = world.join("family", 1);
        let (grace, grace_id) = world.join("family", 2);
        let keys = [connect(&mut world, ada, 1), connect(&mut world, grace, 1)];
        let file = offered(&heard_after(&mut world, grace, ada, offer("a.txt", None)))[0].id;
        world.heard(ada);
        world.commands();
        Self { world, ada, grace, ada_id, grace_id, keys, file }
    }

    fn accept(&mut self) {
        let (grace, file) = (self.grace, self.file);
        self.world.say(grace, ClientMessage::AcceptFile { file });
    }

    fn begun() -> Self {
        let mut scene = Self::new();
        scene.accept();
        scene.world.heard(scene.ada);
        scene.world.heard(scene.grace);
        scene.world.commands();
        scene
    }
}

#[test]
fn a_file_is_offered_taken_and_passed_on() {
    let mut scene = Scene::new();
    let Scene { file, keys: [from, to], .. } = scene;
    scene.accept();
    let accepted = ServerMessage::FileAccepted { file, participant: scene.grace_id.clone() };
    for told in [scene.ada, scene.grace] {
        assert_eq!(scene.world.heard(told), std::slice::from_ref(&accepted));
    }
    assert_eq!(scene.world.commands(), [MediaCommand::SendFile { file, bytes: 1_000, from, to }]);
    scene.accept();
    assert!(scene.world.heard(scene.ada).is_empty(), "to say it again changes nothing");
    assert!(scene.world.commands().is_empty());
    scene.world.say(scene.grace, ClientMessage::EndFile { file, received: true });
    let over = ended(file, &scene.grace_id, FileOutcome::Received);
    assert_eq!(scene.world.heard(scene.ada), std::slice::from_ref(&over));
    assert_eq!(scene.world.heard(scene.grace), [over]);
    assert_eq!(scene.world.commands(), [MediaCommand::StopFile { file, from, to }]);
    scene.world.say(scene.grace, ClientMessage::EndFile { file, received: true });
    assert!(scene.world.heard(scene.grace).is_empty());
}

#[test]
fn an_offer_is_cleaned_and_tells_who_made_it() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    let file = offered(&heard_after(&mut world, grace, ada, offer("../\u{202e}x.txt", None))).remove(0);
    assert_eq!((file.name.as_str(), &file.from, file.reference, file.age_s), ("x.txt", &ada_id, 7, 0));
    assert_eq!(offered(&world.heard(ada)), [file]);
}

#[test]
fn what_is_no_file_is_refused() {
    let mut world = world();
    let (ada, ada_id) = world.join("family", 1);
    let mut refused = |message: ClientMessage| errors(&heard_after(&mut world, ada, ada, message));
    assert_eq!(refused(offer("..", None)), [(ErrorCode::BadFile, false)]);
    assert_eq!(refused(offer("a", Some(&ada_id))), [(ErrorCode::NoSuchPeer, false)]);
    for bytes in [0, 200_000_001, u32::MAX] {
        let ClientMessage::OfferFile { reference, to, name, media_type, .. } = offer("a", None) else {
            unreachable!()
        };
        let message = ClientMessage::OfferFile { reference, to, name, bytes, media_type };
        assert_eq!(refused(message), [(ErrorCode::BadFile, false)]);
    }
    let nothing = FileId(99);
    for message in
        [ClientMessage::WithdrawFile { file: nothing }, ClientMessage::AcceptFile { file: nothing }]
    {
        assert_eq!(refused(message), [(ErrorCode::NoSuchFile, false)]);
    }
}

#[test]
fn without_a_media_plane_there_are_no_files() {
    let mut world = World::new();
    let (ada, _) = world.join("family", 1);
    let heard = heard_after(&mut world, ada, ada, offer("a", None));
    assert_eq!(errors(&heard), [(ErrorCode::FilesUnavailable, false)]);
}

#[test]
fn one_offers_so_many_files_and_receives_so_many() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (grace, _) = world.join("family", 2);
    connect(&mut world, ada, 1);
    connect(&mut world, grace, 1);
    let mut files = Vec::new();
    for _ in 0..8 {
        files.extend(offered(&heard_after(&mut world, grace, ada, offer("a", None))));
    }
    assert_eq!(files.len(), 8);
    assert_eq!(
        errors(&heard_after(&mut world, ada, ada, offer("a", None))),
        [(ErrorCode::TooManyFiles, false)]
    );
    let mut take = |n: usize| {
        errors(&heard_after(&mut world, grace, grace, ClientMessage::AcceptFile { file: files[n].id }))
    };
    assert!((0..3).all(|n| take(n).is_empty()));
    assert_eq!(take(3), [(ErrorCode::TooManyFiles, false)]);
}

#[test]
fn what_is_for_one_is_not_there_for_others() {
    let mut world = world();
    let (ada, _) = world.join("family", 1);
    let (_, grace_id) = world.join("family", 2);
    let (alan, _) = world.join("family", 3);
    let heard = heard_after(&mut world, alan, ada, offer("a", Some(&grace_id)));
    assert!(heard.is_empty());
    let file = offered(&world.heard(ada))[0].id;
    for message in [ClientMessage::AcceptFile { file }, ClientMessage::WithdrawFile { file }] {
        let heard = heard_after(&mut world, alan, alan, message);
        assert_eq!(errors(&heard), [(ErrorCode::NoSuchFile, false)]);
    }
    world.say(ada, ClientMessage::WithdrawFile { file });
    assert!(world.heard(alan).is_empty());
}

#[test]
fn whoever_comes_later_is_told_what_is_on_offer() {
    let mut scene = Scene::new();
    let (alan, _) = scene.world.join("family", 3);
    assert_eq!(offered(&scene.world.heard(alan))[0].id, scene.file);
}

#[test]
fn a_withdrawn_file_is_passed_on_no_more() {
    let mut scene = Scene::begun();
    let Scene { file, keys: [from, to], .. } = scene;
    scene.world.say(scene.ada, ClientMessage::WithdrawFile { file });
    assert_eq!(scene.world.heard(scene.grace), [ServerMessage::FileWithdrawn { file }]);
    assert_eq!(scene.world.heard(scene.ada), [ServerMessage::FileWithdrawn { file }]);
    assert_eq!(scene.world.commands(), [MediaCommand::StopFile { file, from, to }]);
}

#[test]
fn a_file_goes_with_the_one_who_offers_it() {
    let mut scene = Scene::begun();
    let file = scene.file;
    scene.world.say(scene.ada, ClientMessage::Leave {});
    assert!(scene.world.heard(scene.grace).contains(&ServerMessage::FileWithdrawn { file }));

    let mut scene = Scene::begun();
    let again = scene.world.connect();
    scene.world.say(again, hello());
    let ClientMessage::Join { room, display_name, participant_key, mic, cam, .. } = join("family", 1, 5)
    else {
        unreachable!()
    };
    let instance = allo_protocol::InstanceId::from_bytes([9; 16]);
    let reload = ClientMessage::Join {
        room,
        display_name,
        participant_key,
        instance,
        attempt: 5,
        mic,
        cam,
        screen: false,
        topology: None,
        owner_secret: None,
        password: None,
        token: None,
        opening_password: None,
    };
    scene.world.say(again, reload);
    assert!(scene.world.heard(scene.grace).contains(&ServerMessage::FileWithdrawn { file }), "a reload");
    assert!(offered(&scene.world.heard(again)).is_empty());
}

#[test]
fn whoever_takes_a_file_and_leaves_ends_that_for_themselves() {
    let mut scene = Scene::begun();
    scene.world.say(scene.grace, ClientMessage::Leave {});
    let over = ended(scene.file, &scene.grace_id, FileOutcome::Cancelled);
    assert!(scene.world.heard(scene.ada).contains(&over));
}

#[test]
fn both_are_told_when_a_file_does_not_get_on() {
    let mut scene = Scene::begun();
    let Scene { file, keys: [_, to], .. } = scene;
    scene.world.media(vec![MediaEvent::FileStopped { key: to, file }]);
    let over = ended(file, &scene.grace_id, FileOutcome::Stalled);
    assert_eq!(scene.world.heard(scene.ada), std::slice::from_ref(&over));
    assert_eq!(scene.world.heard(scene.grace), [over]);
}

#[test]
fn a_session_that_is_replaced_ends_what_was_under_way() {
    for is_sender in [true, false] {
        let mut scene = Scene::begun();
        let over = ended(scene.file, &scene.grace_id, FileOutcome::Interrupted);
        let other = if is_sender { scene.grace } else { scene.ada };
        connect(&mut scene.world, if is_sender { scene.ada } else { scene.grace }, 2);
        assert_eq!(scene.world.heard(other), [over]);
        scene.accept();
        let sent = scene.world.commands().iter().any(|it| matches!(it, MediaCommand::SendFile { .. }));
        assert!(sent, "it can be taken anew from {}", scene.ada_id);
    }
}

//! Whole participants in a meeting, through the real server.

use allo_client::client::{ClientOptions, Event, WebRtcClient, new_owner_secret};
use allo_client::signaling::EndReason;
use allo_protocol::{
    ClientMessage, Device, ErrorCode, MayPublish, Participant, ParticipantId, Password, Role, RoomSettings,
    TopologyChoice,
};

use crate::robots::{Robot, TestServer, soon};

/// Opens the room as its owner.
async fn owner(server: &TestServer) -> Robot {
    Robot::join(owner_options(server)).await
}

fn owner_options(server: &TestServer) -> ClientOptions {
    ClientOptions {
        owner_secret: Some(new_owner_secret().unwrap()),
        topology: Some(TopologyChoice::Sfu),
        ..server.options("family", "Ada")
    }
}

async fn knock(options: ClientOptions) -> Robot {
    let name = options.display_name.clone();
    let mut robot = Robot { client: WebRtcClient::join(options).await.unwrap(), name };
    robot.event("waiting", |event| matches!(event, Event::Waiting { room } if room == "family")).await;
    robot
}

async fn settings(robot: &mut Robot, what: &str, is_so: impl Fn(&RoomSettings) -> bool) {
    robot.event(what, |event| matches!(event, Event::RoomUpdated { settings } if is_so(settings))).await;
}

async fn updated(robot: &mut Robot, what: &str, is_so: impl Fn(&Participant) -> bool) {
    let is_wanted =
        |event: &Event| matches!(event, Event::ParticipantUpdated { participant } if is_so(participant));
    robot.event(what, is_wanted).await;
}

async fn knocker(robot: &mut Robot) -> ParticipantId {
    let is_knock = |event: &Event| matches!(event, Event::Knocking { people } if !people.is_empty());
    match robot.event("a knock", is_knock).await {
        Event::Knocking { people } => people[0].id.clone(),
        other => panic!("{other:?} is no knock"),
    }
}

async fn ended(robot: &mut Robot) -> EndReason {
    match robot.event("the end", |event| matches!(event, Event::Ended { .. })).await {
        Event::Ended { reason } => reason,
        other => panic!("{other:?} is no end"),
    }
}

const LOBBY: ClientMessage = ClientMessage::SetRoom {
    lobby: Some(true),
    locked: None,
    participants_max: None,
    recorders: None,
    one_screen: None,
};

const LOCK: ClientMessage = ClientMessage::SetRoom {
    lobby: None,
    locked: Some(true),
    participants_max: None,
    recorders: None,
    one_screen: None,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read_by_those_it_is_for_and_by_latecomers() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    let text_is = |wanted: &'static str| move |event: &Event| matches!(event, Event::Chat { message } if message.text == wanted);
    ada.client.chat(None, "hello, https://example.org <b>").await;
    bob.event("a text", text_is("hello, https://example.org <b>")).await;
    ada.client.chat(Some(bob.id().await), "psst").await;
    let Event::Chat { message } = bob.event("a text", text_is("psst")).await else { panic!("it is a text") };
    assert_eq!((message.display_name.as_str(), message.to), ("Ada", Some(bob.id().await)));
    ada.event("the echo", text_is("psst")).await;
    let mut cleo = server.join("family", "Cleo").await;
    let history = cleo.event("the history", |event| matches!(event, Event::ChatHistory { .. })).await;
    let Event::ChatHistory { messages } = history else { panic!("it is a history") };
    assert_eq!(
        messages.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(),
        ["hello, https://example.org <b>"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_goes_up_and_down() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let bob = server.join("family", "Bob").await;
    bob.client.set_hand(true).await;
    updated(&mut ada, "a hand", |it| it.display_name == "Bob" && it.hand == Some(1)).await;
    bob.client.set_hand(false).await;
    updated(&mut ada, "no hand", |it| it.display_name == "Bob" && it.hand.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knocks_is_let_in_and_whoever_is_removed_is_out() {
    let server = TestServer::start();
    let mut ada = owner(&server).await;
    ada.client.say(LOBBY).await;
    settings(&mut ada, "a lobby", |it| it.lobby && it.owned).await;
    let options = server.options("family", "Bob");
    let mut bob = knock(options.clone()).await;
    let id = knocker(&mut ada).await;
    ada.client.admit(id.clone()).await;
    bob.event("joining", |event| matches!(event, Event::Joined { .. })).await;
    ada.client.remove(id).await;
    assert!(matches!(ended(&mut bob).await, EndReason::PutOut(_)));
    // Whoever was put out has to knock again, and may be turned away.
    ada.event("leaving", |event| matches!(event, Event::ParticipantLeft { .. })).await;
    let mut bob = knock(options).await;
    let participant = knocker(&mut ada).await;
    ada.client.say(ClientMessage::Deny { participant }).await;
    assert!(matches!(ended(&mut bob).await, EndReason::PutOut(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_lets_in_who_has_it() {
    let server = TestServer::start();
    let mut ada = owner(&server).await;
    let password = Some(Password("correct horse".to_owned()));
    ada.client.say(ClientMessage::SetPassword { password: password.clone() }).await;
    settings(&mut ada, "a password", |it| it.password).await;
    for (given, code) in [
        (None, ErrorCode::PasswordRequired),
        (Some(Password("battery".to_owned())), ErrorCode::WrongPassword),
    ] {
        let options = ClientOptions { password: given, ..server.options("family", "Eve") };
        let mut eve = Robot { client: WebRtcClient::join(options).await.unwrap(), name: "Eve".to_owned() };
        eve.event("a refusal", |event| matches!(event, Event::Error { code: told, .. } if *told == code))
            .await;
        assert!(matches!(ended(&mut eve).await, EndReason::Refused(_)));
    }
    let bob = Robot::join(ClientOptions { password, ..server.options("family", "Bob") }).await;
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_comes_back_locked_and_with_its_owner_after_a_restart() {
    let server = TestServer::start();
    let options = owner_options(&server);
    let mut ada = Robot::join(options.clone()).await;
    let mut bob = server.join("family", "Bob").await;
    ada.client.say(LOCK).await;
    settings(&mut bob, "a lock", |it| it.locked).await;
    let server = server.restart().await;
    let mut eve = Robot {
        client: WebRtcClient::join(ClientOptions {
            owner_secret: Some(new_owner_secret().unwrap()),
            ..server.options("family", "Eve")
        })
        .await
        .unwrap(),
        name: "Eve".to_owned(),
    };
    eve.event("a refusal", |event| matches!(event, Event::Error { code: ErrorCode::RoomLocked, .. })).await;
    bob.event("being back", |event| matches!(event, Event::Joined { .. })).await;
    let is_owner = |event: &Event| match event {
        Event::Joined { you, participants, .. } => {
            participants.iter().any(|it| it.id == *you && it.role == Role::Owner)
        }
        _ => false,
    };
    ada.event("being the owner again", is_owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_microphone_is_turned_off_by_a_moderator_and_on_by_its_owner() {
    let server = TestServer::start();
    let mut ada = owner(&server).await;
    let mut bob = server.join("family", "Bob").await;
    let id = bob.id().await;
    ada.client.say(ClientMessage::TurnOff { participant: Some(id.clone()), device: Device::Mic }).await;
    bob.event("the word", |event| matches!(event, Event::TurnedOff { device: Device::Mic, .. })).await;
    updated(&mut ada, "silence", |it| it.id == id && !it.mic).await;
    ada.client.say(ClientMessage::AskToTurnOn { participant: id.clone(), device: Device::Mic }).await;
    bob.event("the question", |event| matches!(event, Event::AskedToTurnOn { .. })).await;
    bob.client.set_mic(true).await;
    updated(&mut ada, "a voice", |it| it.id == id && it.mic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_send_does_not_arrive_though_it_is_sent_on() {
    let server = TestServer::start();
    let mut ada = owner(&server).await;
    let bob = server.join("family", "Bob").await;
    let cleo = server.join("family", "Cleo").await;
    cleo.until_media_from(&["Ada", "Bob"]).await;
    let participant = bob.id().await;
    let may_publish = MayPublish { mic: false, cam: false, screen: true };
    ada.client.say(ClientMessage::SetMayPublish { participant: participant.clone(), may_publish }).await;
    updated(&mut ada, "the word", |it| it.id == participant && it.may_publish == may_publish).await;
    // This client knows nothing of the right and sends on: the server has to see to it.
    let count = |report: &allo_client::client::PeerReport| (report.audio.packets, report.video.frames);
    let mut last = count(&cleo.from("Bob").await);
    soon("silence", async {
        loop {
            let ada_before = cleo.from("Ada").await.audio.packets;
            cleo.until("more of Ada", |report| {
                let ada = report.peers.iter().find(|peer| peer.display_name == "Ada");
                ada.is_some_and(|ada| ada.audio.packets >= ada_before + 25)
            })
            .await;
            let now = count(&cleo.from("Bob").await);
            if now == last {
                break;
            }
            last = now;
        }
    })
    .await;
    assert!(bob.report().await.session.is_some(), "the session stands");
}

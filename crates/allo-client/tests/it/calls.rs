//! Whole participants in rooms of the real server, with media over real UDP.

use std::time::Duration;

use allo_client::client::{ClientOptions, Event, WebRtcClient};
use allo_client::media::FrameSize;
use allo_client::peer::Negotiation;
use allo_client::signaling::{EndReason, Trust};
use allo_protocol::{Connection, LeaveReason};

use crate::robots::{Robot, TestServer, soon};

#[tokio::test(flavor = "multi_thread")]
async fn two_participants_hear_and_see_each_other() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
    let from_ada = bob.from("Ada").await;
    assert_eq!(from_ada.video.size, Some(FrameSize { width: 320, height: 240 }));
    assert!(from_ada.video.keyframes >= 1);
    assert_eq!(from_ada.audio.lost, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simple_negotiation_holds_a_call_too() {
    let server = TestServer::start();
    let simple = |name| ClientOptions { negotiation: Negotiation::Simple, ..server.options("family", name) };
    let ada = Robot::join(simple("Ada")).await;
    let bob = Robot::join(simple("Bob")).await;
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_participants_all_hear_and_see_each_other() {
    let server = TestServer::start();
    let names = ["Ada", "Bob", "Cleo", "Dan"];
    let mut robots = Vec::new();
    for name in names {
        robots.push(server.join("family", name).await);
    }
    for robot in &robots {
        let others: Vec<_> = names.into_iter().filter(|name| *name != robot.name).collect();
        robot.until_media_from(&others).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_sees_those_who_are_there() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let bob = server.join("family", "Bob").await;
    bob.until_media_from(&["Ada"]).await;
    let late = server.join("family", "Late").await;
    late.until_media_from(&["Ada", "Bob"]).await;
    ada.until_media_from(&["Bob", "Late"]).await;
    assert!(late.from("Ada").await.video.keyframes >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_gone_and_may_come_back() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    let bobs_id = bob.id().await;
    soon("leaving", bob.client.leave()).await;
    ada.event("the goodbye", |event| {
        matches!(event, Event::ParticipantLeft { participant, reason: Some(LeaveReason::Left) } if *participant == bobs_id)
    })
    .await;
    assert!(ada.report().await.peers.is_empty());
    let bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_goes_on_while_the_server_cannot_be_reached() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
    let before = (ada.from("Bob").await, bob.from("Ada").await);
    bob.client.cut(Duration::from_secs(4)).await;
    let bob_is = |connection| move |event: &Event| matches!(event, Event::ParticipantUpdated { participant } if participant.connection == connection);
    bob.event("the loss", |event| *event == Event::Signaling { is_open: false }).await;
    ada.event("the sign of it", bob_is(Connection::Reconnecting)).await;
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
    bob.event("the reconnection", |event| *event == Event::Signaling { is_open: true }).await;
    let back = ada.event("the return", |event| {
        assert!(
            !matches!(event, Event::ParticipantLeft { .. } | Event::RemoteDisconnected { .. }),
            "{event:?}"
        );
        bob_is(Connection::Online)(event)
    });
    back.await;
    ada.until_media_from(&["Bob"]).await;
    let after = (ada.from("Bob").await, bob.from("Ada").await);
    assert_eq!((after.0.link, after.1.link), (before.0.link, before.1.link), "the link is the same");
    assert_eq!((after.0.audio.lost, after.1.audio.lost), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_elsewhere_takes_over() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let options = server.options("family", "Bob");
    let mut first = Robot::join(options.clone()).await;
    ada.until_media_from(&["Bob"]).await;
    let second = Robot::join(ClientOptions { attempts_before: 1, ..options }).await;
    let ended = first.event("the end", |event| matches!(event, Event::Ended { .. })).await;
    assert_eq!(ended, Event::Ended { reason: EndReason::Superseded });
    assert!(first.client.event().await.is_none(), "it does not come back by itself");
    ada.until_media_from(&["Bob"]).await;
    second.until_media_from(&["Ada"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rooms_do_not_mix() {
    let server = TestServer::start();
    let ada = server.join("one", "Ada").await;
    let bob = server.join("one", "Bob").await;
    let eve = server.join("two", "Eve").await;
    let mallory = server.join("two", "Mallory").await;
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
    eve.until_media_from(&["Mallory"]).await;
    mallory.until_media_from(&["Eve"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mute_and_camera_off_stop_the_media_and_are_seen_by_the_others() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    let bob_is = |mic, cam| move |event: &Event| matches!(event, Event::ParticipantUpdated { participant } if participant.mic == mic && participant.cam == cam);
    bob.client.set_mic(false).await;
    ada.event("the mute", bob_is(false, true)).await;
    let silent = |report: &allo_client::client::Report| report.peers[0].audio.since_last_ms > Some(500);
    let report = ada.until("silence", silent).await;
    assert!(report.peers[0].video.since_last_ms < Some(500), "pictures go on");
    bob.client.set_cam(false).await;
    ada.event("the camera", bob_is(false, false)).await;
    ada.until("darkness", |report| report.peers[0].video.since_last_ms > Some(500)).await;
    bob.client.set_mic(true).await;
    bob.client.set_cam(true).await;
    ada.event("both", bob_is(true, true)).await;
    ada.until_media_from(&["Bob"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_video_still_receives_it() {
    let server = TestServer::start();
    let options = server.options("family", "Ada");
    let ada = Robot::join(ClientOptions { sends_video: false, cam: false, ..options }).await;
    let bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    let report = bob.until("sound", |report| report.peers[0].audio.loud_packets > 20).await;
    assert_eq!(report.peers[0].video.frames, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_network_is_survived() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let bob = server.join("family", "Bob").await;
    for robot in [&ada, &bob] {
        ada.until_media_from(&["Bob"]).await;
        bob.until_media_from(&["Ada"]).await;
        robot.client.network_changed().await;
    }
    ada.until_media_from(&["Bob"]).await;
    bob.until_media_from(&["Ada"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_ends_with_its_words() {
    let server = TestServer::start();
    let client = WebRtcClient::join(server.options("%E2%80%AE", "Ada")).await.unwrap();
    let mut robot = Robot { client, name: "Ada".to_owned() };
    let ended = robot.event("the end", |event| matches!(event, Event::Ended { .. })).await;
    assert!(matches!(ended, Event::Ended { reason: EndReason::Refused(_) }), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_believed_is_not_joined() {
    let server = TestServer::start();
    let options = ClientOptions { trust: Trust::System, ..server.options("family", "Ada") };
    let mut client = WebRtcClient::join(options.clone()).await.unwrap();
    let unheard = tokio::time::timeout(Duration::from_secs(2), client.event()).await;
    assert!(unheard.is_err(), "{unheard:?}");
    Robot::join(ClientOptions { trust: Trust::DangerAcceptAnyCertificate, ..options }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_vanishes_without_a_goodbye_is_missed_and_then_gone() {
    let server = TestServer::with(|config| {
        config.rooms.lease = Duration::from_secs(3);
        config.rooms.vouch_lease = Duration::from_secs(3);
    });
    let mut ada = server.join("family", "Ada").await;
    let bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    drop(bob);
    let is_away = |event: &Event| matches!(event, Event::ParticipantUpdated { participant } if participant.connection == Connection::Reconnecting);
    ada.event("the sign of it", is_away).await;
    ada.event("the end of it", |event| {
        matches!(event, Event::ParticipantLeft { reason: Some(LeaveReason::Lost), .. })
    })
    .await;
    assert!(ada.report().await.peers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_does_not_wait_for_a_server_that_never_answers() {
    // It takes connections, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/family", silent.local_addr().unwrap()).parse().unwrap();
    let client = WebRtcClient::join(ClientOptions::new(url, "Ada").unwrap()).await.unwrap();
    let (_connection, _) = soon("connecting", silent.accept()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(3), client.leave()).await.unwrap();
}

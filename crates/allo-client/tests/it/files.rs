//! Files from one participant to others, through the real server.

use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use allo_client::client::{ClientOptions, Event};
use allo_client::{FileError, NewFile};
use allo_protocol::{FileId, FileOffer, FileOutcome, TopologyChoice};
use tempfile::TempDir;

use crate::robots::{Robot, TestServer};

/// Bytes that are not the same everywhere.
pub(crate) fn content(length: usize) -> Vec<u8> {
    let byte = |at: usize| (at * 31 + (at >> 8) * 17 + (at >> 16)).to_le_bytes()[0];
    (0..length).map(byte).collect()
}

fn file(name: &str, content: &[u8]) -> NewFile {
    let bytes = u64::try_from(content.len()).unwrap();
    NewFile { to: None, name: name.to_owned(), bytes, media_type: "application/pdf".to_owned() }
}

async fn offer(robot: &Robot, content: &[u8]) -> FileId {
    robot.client.offer_file(file("plan.pdf", content), Cursor::new(content.to_vec())).await.unwrap()
}

/// Waits until a file is offered to a participant.
async fn offered(robot: &mut Robot) -> FileOffer {
    let event = robot.event("an offer", |event| matches!(event, Event::FilesOffered { .. })).await;
    let Event::FilesOffered { mut files } = event else { panic!("{event:?}") };
    files.remove(0)
}

/// Where the files of a test are written to.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Lets a participant take a file.
    async fn take(&self, robot: &Robot, offer: FileOffer) -> PathBuf {
        let path = self.0.path().join(&robot.name);
        let content = tokio::fs::File::create(&path).await.unwrap();
        robot.client.accept_file(offer, content).await.unwrap();
        path
    }
}

async fn moves(robot: &mut Robot) {
    robot.event("progress", |event| matches!(event, Event::FileProgressed { .. })).await;
}

async fn saved(robot: &mut Robot, file: FileId) {
    robot.event("the end of the file", |event| *event == Event::FileSaved { file }).await;
}

/// Waits until the offering end knows that a file has ended for somebody.
async fn ended(robot: &mut Robot, whose: &Robot, file: FileId, outcome: FileOutcome) {
    let participant = whose.id().await;
    let event = Event::FileEnded { file, participant, outcome };
    robot.event("the word that it ended", |it| *it == event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_byte_for_byte_to_two_who_take_it_at_different_times() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    let mut cleo = server.join("family", "Cleo").await;
    let folder = Folder::new();
    let bytes = content(3_000_001);
    let file = offer(&ada, &bytes).await;

    let to_bob = offered(&mut bob).await;
    assert_eq!((to_bob.id, to_bob.bytes, to_bob.name.as_str()), (file, 3_000_001, "plan.pdf"));
    let for_bob = folder.take(&bob, to_bob).await;
    moves(&mut bob).await;
    let to_cleo = offered(&mut cleo).await;
    let for_cleo = folder.take(&cleo, to_cleo).await;
    for (robot, path) in [(&mut bob, for_bob), (&mut cleo, for_cleo)] {
        saved(robot, file).await;
        assert!(std::fs::read(path).unwrap() == bytes, "{}", robot.name);
    }
    moves(&mut ada).await;
    ended(&mut ada, &cleo, file, FileOutcome::Received).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_through_the_server_while_two_are_directly_connected_and_again() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    let folder = Folder::new();
    let bytes = content(200_000);
    let file = offer(&ada, &bytes).await;
    let to_bob = offered(&mut bob).await;
    for _ in 0..2 {
        let path = folder.take(&bob, to_bob.clone()).await;
        saved(&mut bob, file).await;
        assert!(std::fs::read(path).unwrap() == bytes);
        ended(&mut ada, &bob, file, FileOutcome::Received).await;
    }
    ada.until_media_from(&["Bob"]).await;
    let report = bob.report().await;
    assert_eq!(report.peers[0].by_session.mic.packets, 0, "media go directly all the while");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_taken_a_file_sends_one_back() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    ada.until_media_from(&["Bob"]).await;
    let folder = Folder::new();
    let bytes = content(300_000);
    let file = offer(&ada, &bytes).await;
    let to_bob = offered(&mut bob).await;
    folder.take(&bob, to_bob).await;
    saved(&mut bob, file).await;
    let answer = offer(&bob, &bytes).await;
    let to_ada = offered(&mut ada).await;
    let to_ada = if to_ada.id == answer { to_ada } else { offered(&mut ada).await };
    let path = folder.take(&ada, to_ada).await;
    saved(&mut ada, answer).await;
    assert!(std::fs::read(path).unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_later_takes_what_is_on_offer_at_once() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let bytes = content(50_000);
    let file = offer(&ada, &bytes).await;
    let folder = Folder::new();
    let mut bob = server.join("family", "Bob").await;
    let to_bob = offered(&mut bob).await;
    let path = folder.take(&bob, to_bob).await;
    saved(&mut bob, file).await;
    assert!(std::fs::read(path).unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_by_tcp_where_udp_is_blocked() {
    let server = TestServer::start();
    let only_tcp = |name| ClientOptions { only_tcp: true, ..server.options("family", name) };
    let ada = Robot::join(only_tcp("Ada")).await;
    let mut bob = Robot::join(only_tcp("Bob")).await;
    let bytes = content(500_000);
    let file = offer(&ada, &bytes).await;
    let folder = Folder::new();
    let to_bob = offered(&mut bob).await;
    let path = folder.take(&bob, to_bob).await;
    saved(&mut bob, file).await;
    assert!(std::fs::read(path).unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_knows_of_no_file() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    let folder = Folder::new();
    let file = offer(&ada, &content(20_000_000)).await;
    let to_bob = offered(&mut bob).await;
    folder.take(&bob, to_bob).await;
    moves(&mut bob).await;
    let _server = server.restart().await;
    for robot in [&mut ada, &mut bob] {
        robot.event("the loss", |event| *event == Event::FileWithdrawn { file }).await;
    }
    let bytes = content(50_000);
    let file = offer(&ada, &bytes).await;
    let to_bob = offered(&mut bob).await;
    let path = folder.take(&bob, to_bob).await;
    saved(&mut bob, file).await;
    assert!(std::fs::read(path).unwrap() == bytes, "files go through the new session");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_offers_a_file_takes_it_back_while_it_comes() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    let folder = Folder::new();
    let file = offer(&ada, &content(20_000_000)).await;
    let to_bob = offered(&mut bob).await;
    folder.take(&bob, to_bob).await;
    moves(&mut bob).await;
    ada.client.withdraw_file(file).await;
    bob.event("the withdrawal", |event| *event == Event::FileWithdrawn { file }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_a_file_does_not_hold_up_the_other() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    let mut cleo = server.join("family", "Cleo").await;
    let folder = Folder::new();
    let bytes = content(8_000_000);
    let file = offer(&ada, &bytes).await;
    let to_bob = offered(&mut bob).await;
    let to_cleo = offered(&mut cleo).await;
    let for_bob = folder.take(&bob, to_bob.clone()).await;
    let for_cleo = folder.take(&cleo, to_cleo).await;
    moves(&mut bob).await;
    bob.client.cancel_file(file).await;
    ended(&mut ada, &bob, file, FileOutcome::Cancelled).await;
    saved(&mut cleo, file).await;
    assert!(std::fs::read(for_cleo).unwrap() == bytes);

    folder.take(&bob, to_bob).await;
    saved(&mut bob, file).await;
    assert!(std::fs::read(for_bob).unwrap() == bytes, "it can be taken anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_on_while_signaling_is_away() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut bob = server.join("family", "Bob").await;
    let folder = Folder::new();
    let bytes = content(5_000_000);
    let file = offer(&ada, &bytes).await;
    let to_bob = offered(&mut bob).await;
    let path = folder.take(&bob, to_bob).await;
    moves(&mut bob).await;
    bob.client.cut(Duration::from_secs(4)).await;
    saved(&mut bob, file).await;
    assert!(std::fs::read(path).unwrap() == bytes);
    ended(&mut ada, &bob, file, FileOutcome::Received).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_the_server_takes_is_refused_in_a_sentence() {
    let server = TestServer::with(|config| config.rooms.file_bytes = 1_000);
    let ada = server.join("family", "Ada").await;
    let bytes = content(1_001);
    let refused = ada.client.offer_file(file("plan.pdf", &bytes), Cursor::new(bytes)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the file has 1001 bytes, and the server takes 1000 at most");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_told_in_its_own_words() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let refused = ada.client.offer_file(file("../..", b"abc"), Cursor::new(b"abc")).await.unwrap_err();
    assert!(matches!(&refused, FileError::Refused(text) if !text.is_empty()), "{refused}");
    let mesh = ClientOptions { topology: Some(TopologyChoice::Mesh), ..server.options("others", "Bob") };
    let bob = Robot::join(mesh).await;
    let refused = bob.client.offer_file(file("a.txt", b"abc"), Cursor::new(b"abc")).await;
    assert_eq!(refused, Err(FileError::Unavailable));
}

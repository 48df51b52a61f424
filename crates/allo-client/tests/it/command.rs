//! The command `allo-client`, as another program sees it.

use std::io::Cursor;
use std::path::Path;
use std::process::Stdio;

use allo_client::NewFile;
use allo_client::client::Event;
use allo_protocol::{FileId, FileOutcome, LeaveReason};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::files::content;
use crate::robots::{Robot, TestServer, soon};

/// A running command. It dies with the test.
struct Running {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    sentences: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(server: &TestServer, room: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_allo-client"))
            .arg(server.url(room).as_str())
            .args(["--loopback", "--ca"])
            .arg(server.authority())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let sentences = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, input, lines: BufReader::new(output).lines(), sentences }
    }

    async fn say(&mut self, command: &str) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// Reads lines until one of them will do.
    async fn until(&mut self, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let line =
                    self.lines.next_line().await.unwrap().unwrap_or_else(|| panic!("ended before {what}"));
                let line: Value = serde_json::from_str(&line).unwrap();
                if is_wanted(&line) {
                    return line;
                }
            }
        };
        soon(what, found).await
    }

    /// Reads sentences until one of them has this in it.
    async fn says(&mut self, part: &str) {
        let found = async {
            loop {
                let line = self.sentences.next_line().await.unwrap();
                if line.unwrap_or_else(|| panic!("ended before it said {part:?}")).contains(part) {
                    return;
                }
            }
        };
        soon(part, found).await;
    }

    /// Waits for the end, with standard input still open, and returns whether it was a good one.
    async fn ended_well(&mut self) -> bool {
        soon("the end", self.child.wait()).await.unwrap().success()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_joins_reports_obeys_and_leaves_when_its_time_is_over() {
    let server = TestServer::start();
    let ada = server.join("family", "Ada").await;
    let mut command = Running::start(&server, "family", &["--name", "Robot", "--count", "2", "--for", "8s"]);
    let hears_both = |line: &Value| {
        let peers = line["report"]["peers"].as_array().map_or(&[][..], Vec::as_slice);
        peers.len() == 2 && peers.iter().all(|peer| peer["audio"]["loudPackets"].as_u64() > Some(10))
    };
    command.until("a report with media", hears_both).await;
    ada.until_media_from(&["Robot 1", "Robot 2"]).await;
    command.say("nonsense").await;
    command.say("mute").await;
    command.until("the mute", |line| line["participant"]["mic"] == false).await;
    command.until("the end", |line| line["event"] == "ended" && line["reason"] == "left").await;
    assert!(command.ended_well().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leaves_when_terminated() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let mut command = Running::start(&server, "family", &["--quiet"]);
    command.until("joining", |line| line["event"] == "joined").await;
    let pid = command.child.id().unwrap().to_string();
    assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
    assert!(command.ended_well().await);
    let has_left =
        |event: &Event| matches!(event, Event::ParticipantLeft { reason: Some(LeaveReason::Left), .. });
    ada.event("the goodbye", has_left).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fails_when_it_was_refused() {
    let server = TestServer::with(|config| config.rooms.participants_per_room = 1);
    let _ada = server.join("family", "Ada").await;
    let mut command = Running::start(&server, "family", &[]);
    command.until("the refusal", |line| line["event"] == "error" && line["code"] == "roomFull").await;
    assert!(!command.ended_well().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_chooses_the_way_of_media_for_a_room_that_it_opens() {
    let server = TestServer::start();
    let mut command = Running::start(&server, "family", &["--topology", "sfu", "--tile-height", "120"]);
    command.until("joining", |line| line["event"] == "joined").await;
    let ada = server.join("family", "Ada").await;
    let is_small = |line: &Value| {
        let report = &line["report"];
        report["topology"] == "sfu"
            && report["peers"][0]["bySession"]["cam"]["size"]["height"] == 120
            && report["peers"][0]["link"].is_null()
    };
    command.until("the low layer through the server", is_small).await;
    ada.until_media_from(&["Robot"]).await;
    command.say("leave").await;
    assert!(command.ended_well().await);
}

async fn offer(robot: &Robot, name: &str, bytes: &[u8]) -> FileId {
    let length = u64::try_from(bytes.len()).unwrap();
    let file = NewFile { to: None, name: name.to_owned(), bytes: length, media_type: String::new() };
    robot.client.offer_file(file, Cursor::new(bytes.to_vec())).await.unwrap()
}

/// Returns the names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sends_files_that_another_saves_under_names_of_their_own() {
    let server = TestServer::start();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [from, to] = folders.each_ref().map(tempfile::TempDir::path);
    let bytes = content(300_000);
    std::fs::write(from.join("plan.pdf"), &bytes).unwrap();
    std::fs::write(to.join("plan.pdf"), b"mine").unwrap();

    let mut ada = Running::start(
        &server,
        "family",
        &["--quiet", "--send-file", from.join("plan.pdf").to_str().unwrap()],
    );
    ada.until("joining", |line| line["event"] == "joined").await;
    let mut bob = Running::start(&server, "family", &["--quiet", "--save-files", to.to_str().unwrap()]);
    ada.says("plan.pdf is on offer to everyone").await;
    bob.says("saved").await;
    ada.says("plan.pdf was received by one").await;
    assert_eq!(names(to), ["plan (1).pdf", "plan.pdf"]);
    assert!(std::fs::read(to.join("plan (1).pdf")).unwrap() == bytes);
    assert_eq!(std::fs::read(to.join("plan.pdf")).unwrap(), b"mine");

    // Some that the server passes on as they are, and one that it makes better.
    let cleo = server.join("family", "Cleo").await;
    for name in ["../../.bashrc", "a:b|c.txt", &"long ".repeat(100)] {
        offer(&cleo, name, b"abc").await;
        bob.says("saved").await;
    }
    let saved = names(to);
    assert_eq!(saved.len(), 5);
    assert!(saved.contains(&"bashrc".to_owned()) && saved.contains(&"abc.txt".to_owned()), "{saved:?}");
    for mut command in [ada, bob] {
        command.say("leave").await;
        assert!(command.ended_well().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_file_that_is_cancelled_at_either_end_or_by_leaving() {
    let server = TestServer::start();
    let mut ada = server.join("family", "Ada").await;
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        Running::start(&server, "family", &["--quiet", "--save-files", folder.path().to_str().unwrap()]);
    command.until("joining", |line| line["event"] == "joined").await;
    let bytes = content(40_000_000);
    let moves = |of: FileId| move |line: &Value| line["event"] == "fileProgressed" && line["file"] == of.0;

    let first = offer(&ada, "film.bin", &bytes).await;
    command.until("progress", moves(first)).await;
    assert_eq!(names(folder.path()), ["film.bin"]);
    command.say(&format!("cancel {}", first.0)).await;
    command.says("film.bin was not saved: it was cancelled").await;
    let is_cancelled = |event: &Event| matches!(event, Event::FileEnded { file, outcome: FileOutcome::Cancelled, .. } if *file == first);
    ada.event("the cancelling", is_cancelled).await;

    let second = offer(&ada, "film.bin", &bytes).await;
    command.until("progress", moves(second)).await;
    ada.client.withdraw_file(second).await;
    command.says("film.bin was not saved: it is not offered any more").await;
    assert_eq!(names(folder.path()), [""; 0]);

    let third = offer(&ada, "film.bin", &bytes).await;
    command.until("progress", moves(third)).await;
    command.say("leave").await;
    assert!(command.ended_well().await);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_or_saved_is_said_in_a_sentence() {
    let server = TestServer::with(|config| config.rooms.file_bytes = 1_000);
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    for option in ["--send-file", "--save-files"] {
        let mut command = Running::start(&server, "family", &[option, none.to_str().unwrap()]);
        command.says("none: No such file or directory").await;
        assert!(!command.ended_well().await);
    }
    let large = folder.path().join("large.bin");
    std::fs::write(&large, content(1_001)).unwrap();
    let mut command =
        Running::start(&server, "family", &["--quiet", "--save-files", large.to_str().unwrap()]);
    command.says("it is no folder").await;
    assert!(!command.ended_well().await);
    let mut command = Running::start(&server, "family", &["--quiet"]);
    command.until("joining", |line| line["event"] == "joined").await;
    command.say(&format!("send {}", large.display())).await;
    command.says("large.bin: the file has 1001 bytes, and the server takes 1000 at most").await;
    command.say("leave").await;
    assert!(command.ended_well().await);
}

//! The command `allo-client`, as another program sees it.

use std::process::Stdio;

use allo_client::client::Event;
use allo_protocol::LeaveReason;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::robots::{TestServer, soon};

/// A running command. It dies with the test.
struct Running {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
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
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, lines: BufReader::new(output).lines() }
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

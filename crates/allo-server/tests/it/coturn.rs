//! The TURN server as the client tools of coturn see it, which somebody else wrote.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::{
    media::server,
    relay::Pass,
    support::{TestServer, soon},
};

/// Lets somebody join, and lets the tool be their client, until it says what is waited for.
async fn run(server: &TestServer, key: u128, more: &[&str], peer: (&str, u16), awaited: [&str; 2]) {
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", key).await;
    // By itself it says nothing before it ends, and it takes its time for that.
    let mut command = Command::new("stdbuf");
    command.args(["-oL", "turnutils_uclient", "-v", "-c", "-s", "-n", "1", "-p", &server.port().to_string()]);
    command.args(["-u", &pass.username, "-w", &pass.credential, "-e", peer.0, "-r", &peer.1.to_string()]);
    command.args(more).arg("127.0.0.1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut client = command.spawn().unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let (mut said, mut awaited) = (String::new(), awaited.into_iter().peekable());
    while let Some(wanted) = awaited.peek() {
        let line = soon("a line of the tool", lines.next_line()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("it ended before {wanted:?}:\n{said}"));
        if line.contains(wanted) {
            awaited.next();
        }
        said.extend([line.as_str(), "\n"]);
    }
    let has = |what: &str| said.contains(what);
    assert!(has("Received relay addr") && has("refresh sent") && has("success"), "{said}");
}

const WAYS: [&[&str]; 3] = [&[], &["-t"], &["-t", "-S"]];

#[tokio::test]
async fn its_client_allocates_refreshes_and_may_send_to_the_media_plane() {
    let server = server(2, |_| {});
    for (way, key) in WAYS.into_iter().zip(0..) {
        let permitted = format!("create perm sent: 127.0.0.1:{}", server.port());
        run(&server, key, way, ("127.0.0.1", server.port()), [&permitted, "success"]).await;
    }
}

#[tokio::test]
async fn its_client_may_send_to_nothing_else() {
    let server = server(2, |_| {});
    for (way, key) in WAYS.into_iter().zip(0..) {
        run(&server, key, way, ("127.0.0.2", 9), ["create perm sent", "error 403"]).await;
    }
}

#[tokio::test]
async fn its_stun_client_is_told_how_it_is_seen() {
    let server = server(2, |_| {});
    let mut command = Command::new("turnutils_stunclient");
    command.args(["-p", &server.port().to_string(), "127.0.0.1"]).stdin(Stdio::null()).kill_on_drop(true);
    let output = soon("the tool", command.output()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("UDP reflexive addr: 127.0.0.1:"), "{said}");
}

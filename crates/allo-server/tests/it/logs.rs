//! What must never stand in a log (abuse list, section K).

#![cfg(unix)]

use rustix::process::Signal;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    process::Program,
    support::{exchange, open_websocket},
};

const ROOM: &str = "secret-room-4711";
const NAME: &str = "Mallory \u{1b}[31m\r\nINFO forged line";
const KEY: u128 = 0x00de_adbe_ef00_c0ff_ee00_dead_beef_c0ff;
const AGENT: &str = "agent-4712\u{1b}[2J";
const SDP: &str = "v=0 sdp-4713 192.0.2.77";
const TICKET: &str = "ticket-4716";

/// Does what visitors do, well and badly; returns the log.
async fn log_of_a_busy_day(level: &str) -> String {
    let program = Program::start(&["--log", level]).await;
    let mut ada = program.websocket(&[]).await;
    let ada_id = ada.join(ROOM, "Ada Unheard", 1).await["you"].clone();
    let mut mallory = program.websocket(&[]).await;
    mallory.join(ROOM, NAME, KEY).await;
    let link = mallory.hear_type("greet").await["link"].clone();
    let description = json!({ "type": "offer", "sdp": SDP });
    mallory
        .say(json!({ "type": "sessionDescription", "to": ada_id, "link": link, "description": description }))
        .await;
    ada.hear_type("sessionDescription").await;
    mallory.say(json!({ "type": "join", "room": ROOM, "nonsense": NAME })).await;
    assert_eq!(mallory.closed().await.0, 4400);

    let mut broken = program.websocket(&[]).await;
    broken.send(Message::binary(ROOM.as_bytes().to_vec())).await;
    assert_eq!(broken.closed().await.0, 1003);
    let url = format!("ws://localhost:{}/ws", program.port);
    let with_ticket = format!("{url}?ticket={TICKET}");
    let foreign = [("origin", "https://origin-4714.example")];
    for url in [&url, &with_ticket] {
        let refused = open_websocket(program.connect().await, url, &foreign).await;
        assert_eq!(refused.err(), Some(403));
    }
    let mut eve = open_websocket(program.connect().await, &with_ticket, &[]).await.unwrap();
    eve.join(ROOM, "Eve", 3).await;
    eve.say(json!({ "type": "leave" })).await;
    eve.closed().await;
    let request = format!(
        "GET /{ROOM}?q=query-4715 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n\r\n"
    );
    exchange(program.connect().await, request.as_bytes()).await;

    program.signal(Signal::TERM);
    let (status, log) = program.ended().await;
    assert!(status.success());
    log
}

/// E8, K2, and the project's own rule: no address, name, room or SDP above DEBUG.
#[tokio::test]
async fn nobody_can_be_recognised_in_the_log() {
    let log = log_of_a_busy_day("info").await;
    for secret in [
        ROOM,
        "Mallory",
        "forged",
        "Unheard",
        "agent-4712",
        "sdp-4713",
        "origin-4714",
        "query-4715",
        TICKET,
        "127.0.0.1",
        "::1",
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// E8, K1 and K2 at the most talkative level. No ticket is asked for in a URL, and one that is there is not repeated.
#[tokio::test]
async fn the_log_can_neither_be_forged_nor_give_a_key_away() {
    let log = log_of_a_busy_day("trace").await;
    assert!(log.contains("DEBUG"), "nothing was logged at all: {log}");
    let key = format!("{KEY:032x}");
    for secret in [key.as_str(), "sdp-4713", TICKET] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert!(!log.contains('\u{1b}') && !log.contains('\r'), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("INFO")), "{log}");
}

//! WebSockets: who may open one, what is relayed, and what happens to those who break a rule.

use std::time::Duration;

use futures_util::SinkExt as _;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::support::{PATIENCE, TestServer, join, soon, until};

#[tokio::test]
async fn two_people_meet_and_their_messages_are_relayed() {
    let server = TestServer::start();
    let (mut ada, mut grace) = (server.websocket().await, server.websocket().await);
    let ada_id = ada.join("family", "Ada", 1).await["you"].clone();
    let snapshot = grace.join("Family", "Grace", 2).await;
    assert_eq!(snapshot["participants"].as_array().unwrap().len(), 2);
    let greet = grace.hear_type("greet").await;
    assert_eq!(greet["peer"], ada_id);
    ada.hear_type("greet").await;
    grace
        .say(json!({
            "type": "sessionDescription", "to": ada_id, "link": greet["link"],
            "description": { "type": "offer", "sdp": "v=0\r\n" },
        }))
        .await;
    let offer = ada.hear_type("sessionDescription").await;
    assert_eq!((&offer["from"], &offer["description"]["sdp"]), (&snapshot["you"], &"v=0\r\n".into()));
}

#[tokio::test]
async fn leaving_closes_the_websocket() {
    let server = TestServer::start();
    let mut ada = server.websocket().await;
    ada.join("family", "Ada", 1).await;
    ada.say(json!({ "type": "leave" })).await;
    assert_eq!(ada.closed().await, (1000, None));
}

#[tokio::test]
async fn a_page_that_closes_is_gone_soon_and_one_that_is_cut_off_is_reconnecting() {
    let server = TestServer::with(|config| config.rooms.reload_lease = Duration::from_millis(50));
    let mut ada = server.websocket().await;
    ada.join("family", "Ada", 1).await;
    let (mut closing, mut cut) = (server.websocket().await, server.websocket().await);
    let closing_id = closing.join("family", "Grace", 2).await["you"].clone();
    let cut_id = cut.join("family", "Alan", 3).await["you"].clone();

    drop(cut);
    let updated = ada.hear_type("participantUpdated").await;
    assert_eq!(
        (&updated["participant"]["id"], &updated["participant"]["connection"]),
        (&cut_id, &"reconnecting".into())
    );

    let frame = CloseFrame { code: 4001.into(), reason: "".into() };
    closing.0.close(Some(frame)).await.unwrap();
    let left = ada.hear_type("participantLeft").await;
    assert_eq!((&left["participant"], &left["reason"]), (&closing_id, &"left".into()));
}

#[tokio::test]
async fn the_same_person_elsewhere_supersedes() {
    let server = TestServer::start();
    let (mut first, mut second) = (server.websocket().await, server.websocket().await);
    first.join("family", "Ada", 1).await;
    let mut elsewhere = join("family", "Ada", 1);
    elsewhere["instance"] = json!("f".repeat(32));
    second.say(json!({ "type": "hello", "protocolVersion": 1, "client": "test" })).await;
    second.say(elsewhere).await;
    let snapshot = second.hear_type("snapshot").await;
    assert_eq!(snapshot["participants"].as_array().unwrap().len(), 1);
    assert_eq!(first.closed().await, (4409, Some("superseded".to_owned())));
}

#[tokio::test]
async fn everyone_is_told_when_the_server_stops() {
    let server = TestServer::start();
    let mut ada = server.websocket().await;
    ada.join("family", "Ada", 1).await;
    let mut visitor = server.websocket().await;
    let stopping = tokio::spawn(server.server.stop());
    assert_eq!(ada.closed().await, (1012, Some("serverStopping".to_owned())));
    assert_eq!(visitor.closed().await, (1012, Some("serverStopping".to_owned())));
    soon("stopping", stopping).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// Abuse list E7.
#[tokio::test]
async fn pages_of_other_sites_may_not_connect() {
    let server = TestServer::with(|config| {
        config.allowed_origins =
            vec![allo_server::config::Origin::parse("https://intranet.example.org").unwrap()];
    });
    let ours = format!("http://localhost:{}", server.port());
    for origin in [&ours, "https://intranet.example.org"] {
        assert!(server.try_websocket(&[("origin", origin)]).await.is_ok(), "{origin}");
    }
    let (by_tls, other_port) =
        (format!("https://localhost:{}", server.port()), "http://localhost:1".to_owned());
    let foreign = [
        &by_tls,
        &other_port,
        "null",
        "http://localhost",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://xn--loclhost-0ya.example",
        "file://",
        "",
    ];
    for origin in foreign {
        assert_eq!(server.try_websocket(&[("origin", origin)]).await.err(), Some(403), "{origin:?}");
    }
    let both = [("origin", ours.as_str()), ("origin", "https://evil.example")];
    assert_eq!(server.try_websocket(&both).await.err(), Some(403));
    assert!(server.try_websocket(&[]).await.is_ok());
}

#[tokio::test]
async fn what_is_no_websocket_is_told_so() {
    let server = TestServer::start();
    assert_eq!(server.get("/ws").await.status, 400);
}

/// Abuse list E13; behind a proxy: `proxy.rs`.
#[tokio::test]
async fn an_address_has_so_many_websockets() {
    let server = TestServer::with(|config| config.bounds.connections_per_address = 2);
    let held = [server.websocket().await, server.websocket().await];
    assert_eq!(server.try_websocket(&[]).await.err(), Some(429));
    drop(held);
    until("room for another", async || server.try_websocket(&[]).await.ok()).await;
}

/// Abuse list F1.
#[tokio::test]
async fn what_is_no_message_closes_the_senders_connection_alone() {
    let server = TestServer::start();
    let mut other = server.websocket().await;
    other.join("family", "Ada", 1).await;
    let nested = "[".repeat(10_000);
    let deep = format!(r#"{{"type":"hello","protocolVersion":1,"client":{}"#, "{\"a\":".repeat(10_000));
    let huge = format!(r#"{{"type":"hello","protocolVersion":{},"client":""}}"#, "9".repeat(400));
    for text in [
        "",
        "null",
        "hello",
        &nested,
        &deep,
        &huge,
        "{}",
        r#"{"type":"fly"}"#,
        r#"{"type":"leave","from":"p1"}"#,
        r#"{"type":"ping","type":"leave"}"#,
        r#"{"type":"hello","protocolVersion":NaN,"client":""}"#,
        r#"{"type":"hello","protocolVersion":"1","client":""}"#,
        r#"{"type":"hello","protocolVersion":1,"client":"\ud800"}"#,
    ] {
        let mut sender = server.websocket().await;
        sender.send(Message::text(text)).await;
        assert_eq!(sender.closed().await, (4400, Some("badMessage".to_owned())), "{text:.80}");
    }
    other.say(json!({ "type": "ping" })).await;
    other.hear_type("pong").await;
}

/// Abuse list E9, in whole messages.
#[tokio::test]
async fn a_message_too_long_or_not_text_has_its_close_code() {
    let server = TestServer::start();
    let close_code = async |message: Message| {
        let mut sender = server.websocket().await;
        // The server may close before it has read all: what it says is what counts.
        let _sent = sender.0.send(message).await;
        sender.closed().await.0
    };
    assert_eq!(close_code(Message::text("x".repeat(64 * 1024 + 1))).await, 1009);
    assert_eq!(close_code(Message::text("x".repeat(1024 * 1024))).await, 1009);
    assert_eq!(close_code(Message::binary(vec![0; 3])).await, 1003);
    // As long as allowed, and no message: it was read.
    assert_eq!(close_code(Message::text("x".repeat(64 * 1024))).await, 4400);
}

/// A socket closed with bytes unread is reset, and on some systems what it said is lost with it.
#[tokio::test]
async fn who_is_still_sending_when_the_server_closes_is_heard_out() {
    const LENGTH: u32 = 8 * 1024 * 1024;
    let server = TestServer::start();
    let (mut stream, _) = raw_websocket(&server, "").await;
    let mut message = vec![0x81, 0xff, 0, 0, 0, 0];
    message.extend(LENGTH.to_be_bytes());
    message.extend([0; 4]);
    message.resize(message.len() + LENGTH as usize, b'x');
    soon("sending", stream.write_all(&message)).await.unwrap();
    assert_eq!(close_code(&mut stream).await, 1009);
}

/// Opens a WebSocket by hand, to break its rules.
async fn raw_websocket(server: &TestServer, fields: &str) -> (TcpStream, String) {
    let mut stream = server.plain().await;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{fields}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("the upgrade", stream.read_u8()).await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

/// Makes a frame (RFC 6455 §5.2) masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

/// Reads frames until one closes; returns its code.
async fn close_code(stream: &mut TcpStream) -> u16 {
    loop {
        let first = soon("a frame", stream.read_u8()).await.unwrap();
        let length = match stream.read_u8().await.unwrap() {
            126 => stream.read_u16().await.unwrap(),
            length => length.into(),
        };
        let mut payload = vec![0; length.into()];
        stream.read_exact(&mut payload).await.unwrap();
        if first == 0x88 {
            return u16::from_be_bytes([payload[0], payload[1]]);
        }
    }
}

/// Abuse list E9, frame by frame.
#[tokio::test]
async fn broken_frames_have_their_close_code() {
    const TEXT: u8 = 0x81;
    const TEXT_TO_BE_CONTINUED: u8 = 0x01;
    const LAST: u8 = 0x80;
    let server = TestServer::start();
    let unmasked = vec![TEXT, 2, b'{', b'}'];
    let endless = [TEXT, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0].to_vec();
    let split_character = [frame(TEXT_TO_BE_CONTINUED, &[0xe2, 0x82]), frame(LAST, &[0x28])].concat();
    let mut pieces = frame(TEXT_TO_BE_CONTINUED, b"x");
    for _ in 0..600 {
        pieces.extend(frame(0, &[b'x'; 125]));
    }
    for (name, bytes, code) in [
        ("unmasked", unmasked, 1002),
        ("reserved bit: compressed", frame(TEXT | 0x40, b"{}"), 1002),
        ("reserved opcode", frame(0x83, b"{}"), 1002),
        ("continues nothing", frame(LAST, b"{}"), 1002),
        ("control frame in pieces", frame(0x09, b""), 1002),
        ("not UTF-8", frame(TEXT, &[0xff, 0xfe]), 1007),
        ("not UTF-8 across pieces", split_character, 1007),
        ("overlong UTF-8", frame(TEXT, &[0xc0, 0xaf]), 1007),
        ("a length of 2^63", endless, 1009),
        ("too long in pieces", pieces, 1009),
    ] {
        let (mut stream, _) = raw_websocket(&server, "").await;
        let _sent = stream.write_all(&bytes).await;
        assert_eq!(close_code(&mut stream).await, code, "{name}");
    }
    assert_eq!(server.get("/health").await.status, 200);
}

/// Abuse list E9: no compression, so no bomb.
#[tokio::test]
async fn compression_is_not_agreed_to() {
    let server = TestServer::start();
    let (_, head) = raw_websocket(&server, "Sec-WebSocket-Extensions: permessage-deflate\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 101 ") && !head.to_lowercase().contains("sec-websocket-extensions"),
        "{head}"
    );
}

/// Abuse list E10.
#[tokio::test]
async fn who_does_not_join_in_time_is_closed() {
    let server = TestServer::with(|config| config.rooms.join_timeout = Duration::from_millis(200));
    assert_eq!(server.websocket().await.closed().await, (4408, Some("timedOut".to_owned())));
}

/// Abuse list E10.
#[tokio::test]
async fn who_does_not_answer_pings_is_closed() {
    let server = TestServer::with(|config| config.rooms.ping_interval = Duration::from_millis(50));
    let (mut silent, mut lively) = (server.websocket().await, server.websocket().await);
    lively.join("family", "Ada", 1).await;
    silent.join("family", "Grace", 2).await;
    let answering = async {
        loop {
            let message = lively.hear().await;
            if message["type"] == "ping" {
                lively.say(json!({ "type": "pong" })).await;
            } else if message["participant"]["connection"] == "reconnecting" {
                return message["participant"]["displayName"].clone();
            }
        }
    };
    let (closed, lost) = tokio::join!(silent.closed(), answering);
    assert_eq!(closed, (4408, Some("timedOut".to_owned())));
    assert_eq!(lost, "Grace");
}

/// Abuse list E11.
#[tokio::test]
async fn who_talks_too_much_is_closed_and_nobody_else() {
    let server = TestServer::start();
    let (mut flood, mut other) = (server.websocket().await, server.websocket().await);
    other.join("family", "Ada", 1).await;
    for _ in 0..1000 {
        if flood.0.send(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
            break;
        }
    }
    assert_eq!(flood.closed().await, (4429, Some("tooManyMessages".to_owned())));
    other.say(json!({ "type": "ping" })).await;
    other.hear_type("pong").await;

    // Pings of the WebSocket protocol itself are answered too: they count as well.
    let mut flood = server.websocket().await;
    for _ in 0..1000 {
        if flood.0.send(Message::Ping("".into())).await.is_err() {
            break;
        }
    }
    assert_eq!(flood.closed().await, (4429, Some("tooManyMessages".to_owned())));
}

/// Abuse list E12.
#[tokio::test]
async fn who_does_not_read_is_dropped_and_the_room_goes_on() {
    let server = TestServer::with(|config| {
        config.rooms.messages_per_second = 100_000;
        config.rooms.message_burst = 100_000;
        config.bounds.connections_per_address = 2;
        // Nobody is closed for leaving pings unanswered before this test is over.
        config.rooms.ping_interval = 10 * PATIENCE;
    });
    let (mut talker, mut deaf) = (server.websocket().await, server.websocket().await);
    talker.join("family", "Ada", 1).await;
    let deaf_id = deaf.join("family", "Grace", 2).await["you"].clone();
    let link = talker.hear_type("greet").await["link"].clone();
    let offer = json!({
        "type": "sessionDescription", "to": deaf_id, "link": link,
        "description": { "type": "offer", "sdp": "x".repeat(60_000) },
    });
    // One by one, so that it is the sockets that fill up, and then the outbox.
    let updated = loop {
        talker.say(offer.clone()).await;
        talker.say(json!({ "type": "ping" })).await;
        let message = talker.hear().await;
        if message["type"] == "participantUpdated" {
            break message;
        }
    };
    assert_eq!(
        (&updated["participant"]["id"], &updated["participant"]["connection"]),
        (&deaf_id, &"reconnecting".into())
    );
    // Its place is free for another, though it never reads.
    until("the deaf one is dropped", async || server.try_websocket(&[]).await.ok()).await;
    talker.say(json!({ "type": "ping" })).await;
    talker.hear_type("pong").await;
}

//! Hostile HTTP and TLS (abuse list, section E). After each, the server serves others as before.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{PATIENCE, TestServer, WebSocket, join, raw_exchange, soon, until};

/// Short enough for tests, long enough for a slow machine to connect in.
const SHORT: Duration = Duration::from_millis(300);

fn impatient() -> TestServer {
    TestServer::with(|config| config.bounds.request_timeout = SHORT)
}

async fn assert_well(server: &TestServer) {
    assert_eq!(server.get("/health").await.status, 200);
}

/// As [`assert_well`], asked from another address of this machine.
#[cfg(target_os = "linux")]
async fn assert_well_from(server: &TestServer, address: &str) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    let stream = soon("connecting", socket.connect(server.address)).await.unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(raw_exchange(stream, request).await.starts_with(b"HTTP/1.1 200"));
}

/// Waits until the server closes, without saying anything.
async fn assert_closed(mut stream: TcpStream) {
    // A reset is as good as a close.
    let _end = soon("the server's close", stream.read_to_end(&mut Vec::new())).await;
}

/// E1
#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_in_time() {
    let server = impatient();
    assert_closed(server.plain().await).await;
    assert_well(&server).await;
}

/// E1, E13
#[tokio::test]
async fn an_address_has_so_many_connections_and_no_more() {
    let server = TestServer::with(|config| {
        config.trusted_proxies.clear();
        config.bounds.connections_per_address = 2;
        // Nobody is closed for being slow before this test is over.
        config.bounds.request_timeout = 10 * PATIENCE;
    });
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(server.plain().await);
    }
    assert_closed(server.plain().await).await;
    held.clear();
    until("room for another", async || {
        let answer = raw_exchange(
            server.plain().await,
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        answer.await.starts_with(b"HTTP/1.1 200").then_some(())
    })
    .await;
}

/// Starts a server with the bounds for addresses as they are, and so patient that nobody is closed for being slow.
fn patient() -> TestServer {
    TestServer::with(|config| {
        config.trusted_proxies.clear();
        config.bounds.request_timeout = 100 * PATIENCE;
        config.rooms.join_timeout = 100 * PATIENCE;
    })
}

/// E1, E13: by default.
#[tokio::test]
async fn an_address_has_64_calls() {
    let server = patient();
    let mut calls = Vec::new();
    for _ in 0..64 {
        calls.push(server.websocket().await);
    }
    assert_eq!(server.try_websocket(&[]).await.err(), Some(429));
    calls[0].join("family", "Ada", 1).await;
}

/// E1: by default an address may have 256 connections that are no call.
#[tokio::test]
async fn five_thousand_connections_that_say_nothing_keep_nobody_out() {
    let server = patient();
    let mut ada = server.websocket().await;
    ada.join("family", "Ada", 1).await;
    let mut silent = Vec::new();
    for _ in 0..256 {
        silent.push(server.plain().await);
    }
    for _ in 0..5000 {
        assert_closed(server.plain().await).await;
    }
    ada.say(json!({ "type": "ping" })).await;
    ada.hear_type("pong").await;
    // All of 127.0.0.0/8 is this machine on Linux only.
    #[cfg(target_os = "linux")]
    assert_well_from(&server, "127.0.0.2:0").await;
}

/// E2
#[tokio::test]
async fn a_slow_or_broken_handshake_is_closed_in_time() {
    let server = impatient();
    let starts: [&[u8]; 5] = [
        &[0x16],
        &[0x16, 3, 1],
        &[0x16, 3, 1, 0xff, 0xff],
        &[0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff],
        &[0x16; 4096],
    ];
    for start in starts {
        let mut stream = server.plain().await;
        stream.write_all(start).await.unwrap();
        assert_closed(stream).await;
    }
    assert_well(&server).await;
}

/// E2: one `ClientHello` in many records (RFC 8446 §5.1) is as good as in one.
#[tokio::test]
async fn a_hello_in_fragments_is_understood() {
    const ECDHE_ECDSA_AES_128_GCM_SHA256: [u8; 2] = [0xc0, 0x2b];
    let server = impatient();
    let whole = client_hello(3, ECDHE_ECDSA_AES_128_GCM_SHA256);
    for size in [1, 3, 50] {
        let record = |part: &[u8]| [&[0x16, 3, 1, 0, u8::try_from(part.len()).unwrap()], part].concat();
        let fragments: Vec<u8> = whole[5..].chunks(size).flat_map(record).collect();
        let answer = raw_exchange(server.plain().await, &fragments).await;
        assert_eq!(answer.first(), Some(&0x16), "a handshake goes on from parts of {size}: {answer:?}");
    }
    assert_well(&server).await;
}

/// E3
#[tokio::test]
async fn a_slow_head_is_closed_in_time() {
    let server = impatient();
    for start in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "\r\n"] {
        let mut stream = server.plain().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        assert_closed(stream).await;
    }
    // A connection that has been answered, and says nothing more.
    let mut stream = server.plain().await;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_closed(stream).await;
    assert_well(&server).await;
}

/// E3: no request here has a body, so none is waited for.
#[tokio::test]
async fn a_slow_body_is_not_waited_for() {
    let server = impatient();
    for start in
        ["POST / HTTP/1.1\r\nContent-Length: 5\r\n", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"]
    {
        let request = format!("{start}Host: localhost\r\n\r\n");
        let answer = raw_exchange(server.plain().await, request.as_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{start}: {}", String::from_utf8_lossy(&answer));
    }
    assert_well(&server).await;
}

/// E4
#[tokio::test]
async fn too_long_a_head_is_refused() {
    let server = TestServer::start();
    let long_field = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    let many_fields = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(1024 * 1024));
    for request in [long_field, many_fields, long_path] {
        let answer = raw_exchange(server.plain().await, request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        // The answer can be lost to a reset when the rest of the request arrives at a closed socket.
        let is_refused =
            answer.is_empty() || answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414");
        assert!(is_refused, "{answer}");
    }
    let forty = format!(
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
        "X: y\r\n".repeat(40)
    );
    assert_eq!(server.ask(&forty).await.status, 200);
    let seventy = format!(
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
        "X: y\r\n".repeat(70)
    );
    assert_eq!(server.ask(&seventy).await.status, 431);
}

/// E5: whatever a proxy takes for the end of a request, no second one is found in it.
#[tokio::test]
async fn no_request_hides_in_another() {
    let server = TestServer::start();
    let hidden = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (method, fields) in [
        ("POST", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
        ("POST", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"),
        ("POST", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        ("GET", "Transfer-Encoding: chunked\r\n"),
        ("GET", "Content-Length: 5\r\n"),
        ("POST", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("POST", "Content-Length: +5\r\n"),
        ("POST", "Transfer-Encoding: xchunked\r\n"),
        ("GET", "X: a\r\n folded: b\r\nConnection: close\r\n"),
        ("GET", "Content-Length : 5\r\n"),
    ] {
        let request = format!("{method} / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n0\r\n\r\n{hidden}");
        let answer = raw_exchange(server.plain().await, request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{fields:?}: {answer}");
        assert!(!answer.contains("participants"), "{fields:?}: {answer}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{fields:?}: {answer}");
    }
    assert_well(&server).await;
}

/// E5: HTTP/2 is not spoken, so its floods are not understood.
#[tokio::test]
async fn http_2_is_refused() {
    let server = TestServer::start();
    let answer = raw_exchange(server.plain().await, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{:?}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = TestServer::start();
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET / HTTP/1.1\r\nHost: user@localhost\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example/x\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n",
    ] {
        assert_eq!(server.ask(&format!("{head}Connection: close\r\n\r\n")).await.status, 400, "{head}");
    }
}

/// E15: a TLS 1.1 hello, and a TLS 1.2 one that offers RC4 only, are answered with a fatal alert.
#[tokio::test]
async fn old_cryptography_is_refused() {
    const PROTOCOL_VERSION: u8 = 70;
    const HANDSHAKE_FAILURE: u8 = 40;
    const AES_128_CBC_SHA: [u8; 2] = [0x00, 0x2f];
    const RC4_128_SHA: [u8; 2] = [0x00, 0x05];
    let server = TestServer::start();
    let alert = async |version: u8, cipher: [u8; 2]| {
        let answer = raw_exchange(server.plain().await, &client_hello(version, cipher)).await;
        assert_eq!((answer[0], answer[5]), (0x15, 2), "expected a fatal alert, got {answer:?}");
        answer[6]
    };
    assert_eq!(alert(1, AES_128_CBC_SHA).await, PROTOCOL_VERSION);
    assert_eq!(alert(2, AES_128_CBC_SHA).await, PROTOCOL_VERSION);
    assert_eq!(alert(3, RC4_128_SHA).await, HANDSHAKE_FAILURE);
}

/// Returns a `ClientHello` (RFC 5246 §7.4.1.2) of one cipher suite, with the extensions that TLS 1.2 asks for.
fn client_hello(minor_version: u8, cipher: [u8; 2]) -> Vec<u8> {
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let mut body = vec![3, minor_version];
    body.extend([7; 32]);
    body.extend([0, 0, 2]);
    body.extend(cipher);
    body.extend([1, 0, 0, 16]);
    body.extend(groups);
    body.extend(signatures);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

/// Says hello and asks for a room; returns the snapshot or the refusal.
async fn ask_for_room(socket: &mut WebSocket, room: &str, key: u128) -> Value {
    socket.say(json!({ "type": "hello", "protocolVersion": 1, "client": "test" })).await;
    socket.hear_type("welcome").await;
    socket.say(join(room, "Mallory", key)).await;
    loop {
        let answer = socket.hear().await;
        if answer["type"] == "snapshot" || answer["type"] == "error" {
            return answer;
        }
    }
}

/// F8: whoever hangs up without leaving still has the room until the lease is over.
#[tokio::test]
async fn an_address_gets_no_more_rooms_by_hanging_up() {
    let server = TestServer::with(|config| {
        config.rooms.rooms_per_address = 3;
        config.rooms.lease = Duration::from_millis(1500);
    });
    for room in 0..3 {
        let mut socket = server.websocket().await;
        assert_eq!(ask_for_room(&mut socket, &format!("room-{room}"), room).await["type"], "snapshot");
    }
    let mut fourth = server.websocket().await;
    let refusal = ask_for_room(&mut fourth, "room-3", 3).await;
    assert_eq!((&refusal["code"], &refusal["fatal"]), (&"tooManyRooms".into(), &false.into()));
    until("the first rooms close", async || (server.health().await["rooms"] == 0).then_some(())).await;
    fourth.say(join("room-3", "Mallory", 3)).await;
    fourth.hear_type("snapshot").await;
}

/// F8: a server that is full of rooms goes on serving those that it has.
#[tokio::test]
async fn a_server_full_of_rooms_lets_people_into_those_it_has() {
    let server = TestServer::with(|config| config.rooms.rooms = 2);
    let (mut ada, mut grace) = (server.websocket().await, server.websocket().await);
    ada.join("one", "Ada", 1).await;
    grace.join("two", "Grace", 2).await;
    let mut mallory = server.websocket().await;
    assert_eq!(ask_for_room(&mut mallory, "three", 3).await["code"], "tooManyRooms");
    let mut alan = server.websocket().await;
    assert_eq!(ask_for_room(&mut alan, "one", 4).await["participants"].as_array().unwrap().len(), 2);

    grace.say(json!({ "type": "leave" })).await;
    grace.closed().await;
    until("the empty room is closed", async || (server.health().await["rooms"] == 1).then_some(())).await;
    mallory.say(join("three", "Mallory", 3)).await;
    mallory.hear_type("snapshot").await;
}

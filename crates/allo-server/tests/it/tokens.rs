//! Access tokens over a WebSocket: read by the shell, obeyed by the rooms.

use std::time::{SystemTime, UNIX_EPOCH};

use allo_server::config::{TokenAlgorithm, TokenKey};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::{TestServer, WebSocket, join};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Starts a server into whose rooms nobody comes without a token.
fn start(secret: &NamedTempFile) -> TestServer {
    std::fs::write(secret.path(), SECRET).unwrap();
    TestServer::with(|config| {
        config.token_keys =
            vec![TokenKey { algorithm: TokenAlgorithm::Hs256, file: secret.path().to_owned() }];
        config.token_audience = Some("meet.example.org".to_owned());
        config.rooms.token_required = true;
    })
}

/// Returns a token that is good for an hour from now, or ended an hour ago.
fn token(room: &str, hours: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let exp = now.saturating_add_signed(hours * 3600);
    let claims =
        json!({ "room": room, "name": "Ada", "role": "owner", "aud": "meet.example.org", "exp": exp });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn join_with(room: &str, token: &str) -> Value {
    let mut join = join(room, "Somebody", 1);
    join["token"] = json!(token);
    join
}

async fn greeted(server: &TestServer) -> WebSocket {
    let mut socket = server.websocket().await;
    socket.say(json!({ "type": "hello", "protocolVersion": 1, "client": "test" })).await;
    socket.hear_type("welcome").await;
    socket
}

#[tokio::test]
async fn a_token_lets_its_bearer_in_as_what_it_says() {
    let secret = NamedTempFile::new().unwrap();
    let server = start(&secret);
    let mut socket = greeted(&server).await;
    socket.say(join_with("family", &token("family", 1))).await;
    let snapshot = socket.hear_type("snapshot").await;
    let own = &snapshot["participants"][0];
    assert_eq!((own["displayName"].as_str(), own["role"].as_str()), (Some("Ada"), Some("owner")));
}

#[tokio::test]
async fn without_a_good_token_nobody_comes_in() {
    let secret = NamedTempFile::new().unwrap();
    let server = start(&secret);
    let mut socket = greeted(&server).await;
    for (join, code) in [
        (join("family", "Somebody", 1), "tokenRequired"),
        (join_with("family", &token("school", 1)), "badToken"),
        (join_with("family", &token("family", -1)), "badToken"),
        (join_with("family", "a.b.c"), "badToken"),
    ] {
        socket.say(join).await;
        assert_eq!(socket.hear_type("error").await["code"], code);
    }
    socket.say(join_with("family", &token("family", 1))).await;
    socket.hear_type("snapshot").await;
}

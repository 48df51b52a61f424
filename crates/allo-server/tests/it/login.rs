//! Signing in, as far as no provider is needed for it. `web/e2e/login.spec.ts` has a real one.

use allo_room::{Credential, Opening};
use allo_server::config::{Issuer, OidcClientId};
use serde_json::{Value, json};

use crate::support::{Response, TestServer, join};

/// Starts a server whose provider is at a port where nothing listens.
fn with_absent_provider() -> TestServer {
    TestServer::with(|config| {
        // A port that is taken and does not answer with HTTP would be asked in vain just as well.
        config.oidc.issuer = Issuer::new("http://127.0.0.1:9");
        config.oidc.client_id = OidcClientId("allo".to_owned());
        config.rooms.opening = Opening { credentials: vec![Credential::Login], ..Opening::default() };
    })
}

async fn get(server: &TestServer, path: &str, cookie: &str) -> Response {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
        server.port()
    );
    server.ask(&request).await
}

#[tokio::test]
async fn without_a_provider_nobody_signs_in() {
    let server = TestServer::start();
    for path in ["/login", "/login/done?code=a&state=b", "/login/end"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    let configuration: Value = serde_json::from_str(&server.get("/config.json").await.body).unwrap();
    assert_eq!(configuration.get("login"), None);
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_nobody_from_calls() {
    let server = TestServer::with(|config| {
        config.oidc.issuer = Issuer::new("http://127.0.0.1:9");
        config.oidc.client_id = OidcClientId("allo".to_owned());
    });
    let answer = server.get("/login?room=Family").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/family#login-failed")));
    assert_eq!(answer.header("set-cookie"), None);
    server.websocket().await.join("family", "Ada", 1).await;
}

#[tokio::test]
async fn nobody_signs_in_by_what_they_make_up() {
    let server = with_absent_provider();
    let made_up = "ab".repeat(60);
    let cookie = format!("allo-login={made_up}; allo-session={made_up}");
    let answer = get(&server, "/login/done?code=a&state=b", &cookie).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/#login-failed")));
    let configuration: Value =
        serde_json::from_str(&get(&server, "/config.json", &cookie).await.body).unwrap();
    assert_eq!(configuration["login"], json!({ "signedIn": false, "name": null }));
    let mut socket = server.try_websocket(&[("cookie", &cookie)]).await.unwrap();
    socket.say(json!({ "type": "hello", "protocolVersion": 1, "client": "test" })).await;
    socket.hear_type("welcome").await;
    socket.say(join("family", "Eve", 1)).await;
    assert_eq!(socket.hear_type("error").await["code"], "loginRequired");
}

#[tokio::test]
async fn who_signs_out_keeps_no_cookie_and_is_sent_nowhere_else() {
    let server = with_absent_provider();
    let answer = server.get("/login/end?room=Family").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/family")));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("allo-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"),
        "{cookie}"
    );
    for elsewhere in ["//evil.example", "https://evil.example", "a%0d%0aLocation:%20b", "%2e%2e"] {
        let answer = server.get(&format!("/login/end?room={elsewhere}")).await;
        assert_eq!(answer.header("location"), Some("/"), "{elsewhere}");
    }
    let request = format!(
        "GET /login/end HTTP/1.1\r\nHost: localhost:{}\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n",
        server.port()
    );
    assert_eq!(server.ask(&request).await.status, 404, "another site signs nobody out");
}

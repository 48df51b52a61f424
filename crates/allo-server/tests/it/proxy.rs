//! What is believed of proxies, and what is not. That a real one works is in `nginx.rs`.

use allo_server::config::TlsMode;

use crate::support::{Response, TestServer, open_websocket};

fn behind_proxy() -> TestServer {
    TestServer::with(|config| config.tls = TlsMode::Off)
}

async fn ask(server: &TestServer, method: &str, fields: &str) -> Response {
    let request =
        format!("{method} /family HTTP/1.1\r\nHost: allo.example.org\r\n{fields}Connection: close\r\n\r\n");
    server.ask(&request).await
}

#[tokio::test]
async fn a_trusted_proxy_says_whether_it_was_https() {
    for server in [behind_proxy(), TestServer::start()] {
        for fields in ["X-Forwarded-Proto: https\r\n", "Forwarded: for=192.0.2.1;proto=https\r\n"] {
            let answer = ask(&server, "GET", fields).await;
            assert_eq!(answer.status, 200, "{fields}");
            assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000"));
        }
        let answer = ask(&server, "GET", "X-Forwarded-Proto: http\r\n").await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (301, Some("https://allo.example.org/family"))
        );
        let answer = ask(&server, "POST", "X-Forwarded-Proto: http\r\n").await;
        assert_eq!((answer.status, answer.body.as_str()), (403, "Server requires HTTPS.\n"));
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_say_gets_a_hint_and_no_loop() {
    let answer = ask(&behind_proxy(), "GET", "").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("X-Forwarded-Proto"), "{}", answer.body);
}

#[tokio::test]
async fn what_others_say_is_not_believed() {
    let server = TestServer::with(|config| {
        config.tls = TlsMode::Off;
        config.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    });
    for fields in ["X-Forwarded-Proto: https\r\n", "Forwarded: proto=https\r\n", ""] {
        let answer = ask(&server, "GET", fields).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (301, Some("https://allo.example.org/family")),
            "{fields}"
        );
    }
}

#[tokio::test]
async fn a_page_behind_a_proxy_may_connect() {
    let server = behind_proxy();
    let open = async |origin: &str| {
        let fields = [("x-forwarded-proto", "https"), ("origin", origin)];
        open_websocket(server.plain().await, "ws://allo.example.org/ws", &fields).await
    };
    let mut ada = open("https://allo.example.org").await.unwrap();
    ada.join("family", "Ada", 1).await;
    for origin in ["http://allo.example.org", "https://evil.example", "null"] {
        assert_eq!(open(origin).await.err(), Some(403), "{origin}");
    }
}

/// Abuse list E13: behind a proxy, each client has its own share, and cannot choose another's.
#[tokio::test]
async fn clients_behind_a_proxy_are_counted_one_by_one() {
    let server = TestServer::with(|config| {
        config.tls = TlsMode::Off;
        config.bounds.connections_per_address = 1;
        config.bounds.connections_per_network = 2;
        config.bounds.connections = 4;
    });
    let open = async |from: &str| {
        let fields = [("x-forwarded-proto", "https"), ("x-forwarded-for", from)];
        open_websocket(server.plain().await, "ws://allo.example.org/ws", &fields).await
    };
    let mut held = vec![open("203.0.113.1").await.unwrap()];
    assert_eq!(open("203.0.113.1").await.err(), Some(429));
    assert_eq!(open("198.51.100.99, 203.0.113.1").await.err(), Some(429));
    held.push(open("203.0.113.2").await.unwrap());
    assert_eq!(open("203.0.113.3").await.err(), Some(429));
    held.push(open("198.51.100.1").await.unwrap());
    held.push(open("192.0.2.1").await.unwrap());
    assert_eq!(open("192.0.2.200").await.err(), Some(503));
    assert_eq!(held.len(), 4);
}

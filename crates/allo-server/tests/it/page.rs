//! What browsers are given.

use crate::support::TestServer;

#[tokio::test]
async fn the_page_is_served_at_the_root_and_under_the_name_of_every_room() {
    let server = TestServer::start();
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    for path in ["/family", "/Family%20meeting", "/caf%C3%A9?x=1"] {
        let room = server.get(path).await;
        assert_eq!((room.status, room.body), (200, page.body.clone()), "{path}");
    }
}

#[tokio::test]
async fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let server = TestServer::start();
    let tag = server.get("/").await.header("etag").unwrap().to_owned();
    let again = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: W/\"x\", {tag}\r\nConnection: close\r\n\r\n"
    );
    let answer = server.ask(&again).await;
    assert_eq!((answer.status, answer.body.as_str()), (304, ""));
}

#[tokio::test]
async fn files_with_a_hash_in_their_name_are_kept_for_good_and_sent_compressed() {
    let server = TestServer::start();
    let asset = allo_web::ASSETS
        .iter()
        .find(|a| a.is_immutable && a.brotli.is_some() && a.identity.is_some())
        .expect("the page has a script");
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n",
        asset.path
    );
    let answer = server.ask(&request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(answer.header("content-encoding"), Some("br"));
    assert_eq!(answer.header("content-length"), Some(asset.brotli.unwrap().len().to_string().as_str()));
    assert_eq!(server.get(asset.path).await.header("content-encoding"), None);
}

#[tokio::test]
async fn what_is_embedded_compressed_only_is_refused_to_those_who_cannot_read_it() {
    let server = TestServer::start();
    let large =
        allo_web::ASSETS.iter().find(|a| a.identity.is_none()).expect("the background's program is large");
    let head = |coding: &str| {
        format!("HEAD {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{coding}\r\n", large.path)
    };
    assert_eq!(server.ask(&head("")).await.status, 406);
    let answer = server.ask(&head("Accept-Encoding: br\r\n")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), Some(large.brotli.unwrap().len().to_string().as_str()));
}

#[tokio::test]
async fn head_tells_the_length_and_sends_nothing() {
    let server = TestServer::start();
    let length = server.get("/").await.body.len().to_string();
    let head = server.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some(length.as_str()));
}

#[tokio::test]
async fn other_methods_are_refused() {
    let server = TestServer::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        let answer =
            server.ask(&format!("{method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

/// Abuse list E6: paths that lead out of a folder, if there were one.
#[tokio::test]
async fn there_is_no_way_out_of_the_table_of_files() {
    let server = TestServer::start();
    for path in [
        "/../Cargo.toml",
        "/..",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cwindows",
        "/a%00.html",
        "/assets/../index.html",
        "/assets/",
        "/assets",
        "//etc/passwd",
        "/.git/config",
        "/index.html/x",
        "/a/b",
        "/%",
        "/favicon.php",
        "/metrics",
        "/debug/pprof",
        "/api",
    ] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = TestServer::start();
    for path in ["/", "/family", "/health", "/config.json", "/nothing/here", "/ws"] {
        let answer = server.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|directive| directive == part), "{path}: {part} in {policy}");
        }
        assert!(!policy.replace("'wasm-unsafe-eval'", "").contains("unsafe"), "{policy}");
        for (name, value) in [
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
            ("origin-agent-cluster", "?1"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let permissions = answer.header("permissions-policy").unwrap();
        assert!(
            permissions.contains("camera=(self)") && permissions.contains("geolocation=()"),
            "{permissions}"
        );
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
    }
}

#[tokio::test]
async fn the_page_asks_for_nothing_of_others() {
    let page = TestServer::start().get("/").await.body;
    for outside in ["http://", "https://", "src=\"//", "href=\"//"] {
        assert!(!page.contains(outside), "{outside} in {page}");
    }
}

#[tokio::test]
async fn health_counts_who_is_there() {
    let server = TestServer::start();
    let empty = server.health().await;
    assert_eq!((&empty["status"], &empty["version"]), (&"ok".into(), &env!("CARGO_PKG_VERSION").into()));
    assert_eq!(
        (&empty["rooms"], &empty["participants"], &empty["connections"]),
        (&0.into(), &0.into(), &0.into())
    );
    let mut ada = server.websocket().await;
    ada.join("family", "Ada", 1).await;
    let mut visitor = server.websocket().await;
    visitor.say(serde_json::json!({ "type": "hello", "protocolVersion": 1, "client": "test" })).await;
    visitor.hear_type("welcome").await;
    let counts = server.health().await;
    assert_eq!(
        (&counts["rooms"], &counts["participants"], &counts["connections"]),
        (&1.into(), &1.into(), &2.into())
    );
}

#[tokio::test]
async fn the_page_learns_its_configuration() {
    let server = TestServer::start();
    assert_eq!(server.get("/config.json").await.body, r#"{"negotiation":"perfect"}"#);
    let server = TestServer::with(|config| config.negotiation = allo_server::config::Negotiation::Simple);
    assert_eq!(server.get("/config.json").await.body, r#"{"negotiation":"simple"}"#);
}

//! HTTPS is required, and the certificates that it takes.

use std::{fs, path::Path};

use allo_server::{Server, config::Config};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{TestServer, exchange, open_websocket, tls, until};

fn request(method: &str, host: &str) -> String {
    format!("{method} /family?x=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Abuse list E14.
#[tokio::test]
async fn plain_http_is_redirected_or_refused() {
    let server = TestServer::start();
    for method in ["GET", "HEAD"] {
        let answer = server.ask(&request(method, "allo.example.org:8443")).await;
        assert_eq!(answer.status, 301, "{method}");
        assert_eq!(answer.header("location"), Some("https://allo.example.org:8443/family?x=1"));
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = server.ask(&request(method, "allo.example.org")).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, "Server requires HTTPS.\n"), "{method}");
    }
    let url = format!("ws://allo.example.org:{}/ws", server.port());
    assert_eq!(open_websocket(server.plain().await, &url, &[]).await.err(), Some(403));
}

#[tokio::test]
async fn localhost_is_served_without_tls() {
    let server = TestServer::start();
    for host in ["localhost", "127.0.0.1:8443", "[::1]:8443", "LOCALHOST"] {
        assert_eq!(server.ask(&request("GET", host)).await.status, 200, "{host}");
    }
    for host in ["localhost.evil.example", "127.0.0.2", "evil.example"] {
        assert_eq!(server.ask(&request("GET", host)).await.status, 301, "{host}");
    }
}

#[tokio::test]
async fn the_authority_that_is_handed_out_signed_the_certificate() {
    let server = TestServer::start();
    let answer =
        server.ask("GET /ca.crt HTTP/1.1\r\nHost: allo.example.org\r\nConnection: close\r\n\r\n").await;
    assert_eq!(answer.status, 301);

    let mut stream = server.tls().await;
    let request = b"GET /ca.crt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let bytes = crate::support::raw_exchange(&mut stream, request).await;
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    assert!(String::from_utf8_lossy(&bytes[..head]).contains("content-type: application/x-x509-ca-cert"));
    let authority = CertificateDer::from(bytes[head + 4..].to_vec());
    let local = ["localhost", "127.0.0.1", "::1"];
    for name in local {
        tls(server.plain().await, authority.clone(), name).await.unwrap();
    }
    assert!(tls(server.plain().await, authority, "evil.example").await.is_err());
}

#[tokio::test]
async fn whoever_does_not_trust_the_certificate_is_counted_for_the_doctor_alone() {
    let server = TestServer::start();
    let other = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let other = other.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert!(tls(server.plain().await, other.der().clone(), "localhost").await.is_err());
    let told = until("the count", || async {
        let told: serde_json::Value = serde_json::from_str(&server.get("/doctor.json").await.body).unwrap();
        Some(told["counts"]["certificate"].clone()).filter(|count| !count.is_null())
    });
    assert_eq!(told.await, 1);
    let request = b"GET /doctor.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(server.tls().await, request).await.status, 404, "it is for this machine alone");
}

#[tokio::test]
async fn a_page_and_a_call_go_through_tls() {
    let server = TestServer::start();
    let answer = exchange(server.tls().await, request("GET", "localhost").as_bytes()).await;
    assert_eq!(answer.status, 200);
    // With a certificate that browsers ask about, the way to go on must stay open.
    assert_eq!(answer.header("strict-transport-security"), None);
    let origin = format!("https://localhost:{}", server.port());
    let url = format!("wss://localhost:{}/ws", server.port());
    let mut ada = open_websocket(server.tls().await, &url, &[("origin", &origin)]).await.unwrap();
    ada.join("family", "Ada", 1).await;
}

/// Writes a certificate that signs itself, and its key; returns the certificate.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    write_private(&folder.join("key.pem"), &key.serialize_pem());
    certificate.der().clone()
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

fn with_files(folder: &Path) -> TestServer {
    TestServer::with(|config| {
        config.tls_cert = Some(folder.join("cert.pem"));
        config.tls_key = Some(folder.join("key.pem"));
    })
}

async fn is_served_with(server: &TestServer, certificate: &CertificateDer<'static>) -> bool {
    tls(server.plain().await, certificate.clone(), "localhost").await.is_ok()
}

/// Abuse list E16.
#[tokio::test]
async fn certificate_files_are_replaced_without_a_connection_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_certificate(folder.path());
    let server = with_files(folder.path());
    let url = format!("wss://localhost:{}/ws", server.port());
    let stream = tls(server.plain().await, first.clone(), "localhost").await.unwrap();
    let mut ada = open_websocket(stream, &url, &[]).await.unwrap();
    ada.join("family", "Ada", 1).await;

    let second = write_certificate(folder.path());
    until("the new certificate", async || is_served_with(&server, &second).await.then_some(())).await;
    assert!(!is_served_with(&server, &first).await);
    ada.say(json!({ "type": "ping" })).await;
    ada.hear_type("pong").await;

    // A bad file changes nothing: at every moment, the second certificate is served until the third one is.
    fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
    for _ in 0..3 {
        assert!(is_served_with(&server, &second).await);
    }
    let third = write_certificate(folder.path());
    until("the third certificate", async || {
        let is_third = is_served_with(&server, &third).await;
        assert!(is_third || is_served_with(&server, &second).await || is_served_with(&server, &third).await);
        is_third.then_some(())
    })
    .await;
    ada.say(json!({ "type": "ping" })).await;
    ada.hear_type("pong").await;
}

/// Abuse list K4.
#[cfg(unix)]
#[tokio::test]
async fn a_key_that_everyone_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let key = folder.path().join("key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let config = Config {
        listen: vec!["127.0.0.1".parse().unwrap()],
        port: 0,
        tls_cert: Some(folder.path().join("cert.pem")),
        tls_key: Some(key.clone()),
        ..Config::default()
    };
    let error = Server::start(config).unwrap_err().to_string();
    assert!(error.contains(&format!("chmod 600 {}", key.display())), "{error}");
}

#[tokio::test]
async fn a_trusted_certificate_makes_https_stick() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = write_certificate(folder.path());
    let server = with_files(folder.path());
    let stream: tokio_rustls::client::TlsStream<TcpStream> =
        tls(server.plain().await, certificate, "localhost").await.unwrap();
    let answer = exchange(stream, request("GET", "localhost").as_bytes()).await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000"));
    let plain = server.ask(&request("GET", "allo.example.org")).await;
    assert_eq!((plain.status, plain.header("strict-transport-security")), (301, None));
    let url = format!("https://localhost:{}\n", server.port());
    assert!(allo_server::banner(&server.server, false).contains(&url));
    // There is no local authority to hand out.
    assert_eq!(server.get("/ca.crt").await.status, 404);
}

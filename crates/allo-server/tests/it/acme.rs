//! A public authority: Pebble, the ACME server that the makers of Let's Encrypt test clients with. It takes one nonce in twenty
//! for a bad one, as it does by itself.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
};

use allo_server::config::{DirectoryUrl, Domain};
use futures_util::StreamExt as _;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    net::{TcpStream, UdpSocket},
    process::{Child, Command},
    task::JoinHandle,
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{TestServer, WebSocket, exchange, free_port, open_websocket, soon, tls, until};

const NAME: &str = "meet.example.org";

/// An authority whose idea of the DNS is that every name is this machine's.
struct Authority {
    pebble: Child,
    port: u16,
    management: u16,
    dns: JoinHandle<()>,
    folder: TempDir,
}

impl Authority {
    /// Starts one that looks for proofs at port `proofs`, and gives certificates for so many seconds.
    async fn start(proofs: u16, life: u64) -> Self {
        // Nobody is there to be asked by plain HTTP.
        Self::start_at(9, proofs, life).await
    }

    /// Starts one that looks for proofs at these ports, by plain HTTP and by TLS.
    async fn start_at(plain: u16, proofs: u16, life: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, management) = (free_port(), free_port());
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("own.pem"), own.pem()).unwrap();
        fs::write(file("own.key"), key.serialize_pem()).unwrap();
        // Pebble of before and after 2.7 is told the life in different places.
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": file("own.pem"), "privateKey": file("own.key"),
            "httpPort": plain, "tlsPort": proofs, "ocspResponderURL": "",
            "certificateValidityPeriod": life,
            "profiles": { "default": { "description": "short", "validityPeriod": life } },
        }});
        fs::write(file("config.json"), config.to_string()).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let resolver = socket.local_addr().unwrap();
        let dns = tokio::spawn(resolve(socket));
        let pebble = Command::new("pebble")
            .arg("-config")
            .arg(file("config.json"))
            .args(["-dnsserver", &resolver.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("`pebble` is needed: `cargo xtask test` installs it");
        let authority = Self { pebble, port, management, dns, folder };
        for port in [port, management] {
            until("Pebble", async || TcpStream::connect(local(port)).await.ok()).await;
        }
        authority
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("own.pem")
    }

    fn directory(&self) -> DirectoryUrl {
        DirectoryUrl::new(&format!("https://localhost:{}/dir", self.port)).unwrap()
    }

    /// Returns the certificate that all of its own lead to.
    async fn root(&self) -> CertificateDer<'static> {
        let own = CertificateDer::from_pem_file(self.ca()).unwrap();
        let stream = TcpStream::connect(local(self.management)).await.unwrap();
        let stream = tls(stream, own, "localhost").await.unwrap();
        let request = b"GET /roots/0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        CertificateDer::from_pem_slice(exchange(stream, request).await.body.as_bytes()).unwrap()
    }

    async fn stop(mut self) {
        self.pebble.kill().await.unwrap();
        self.dns.abort();
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Answers every question for an address with 127.0.0.1 and any other with nothing (RFC 1035 §4.1).
async fn resolve(socket: UdpSocket) {
    let mut question = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut question).await {
        let Some(name) = question[..length].get(12..) else { continue };
        let Some(end) = name.iter().position(|byte| *byte == 0) else { continue };
        let Some(asked) = question.get(12..12 + end + 5) else { continue };
        let is_address = asked[end + 1..end + 3] == [0, 1];
        let answers = u8::from(is_address);
        let mut answer = question[..2].to_vec();
        answer.extend([0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
        answer.extend(asked);
        if answers == 1 {
            // The name of the question, an address, of the internet, for no time, of four bytes.
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
        }
        let _sent = socket.send_to(&answer, from).await;
    }
}

/// Starts a server that asks `authority`, with what it kept in `data`.
fn server(port: u16, authority: &Authority, data: Option<&Path>) -> TestServer {
    TestServer::with(|config| {
        config.port = port;
        config.acme.domains = vec![Domain::new(NAME).unwrap()];
        config.acme.directory = authority.directory();
        config.acme.ca = Some(authority.ca());
        if let Some(data) = data {
            config.data = Some(data.to_owned());
        }
    })
}

/// Returns the certificate that is served, if it is one of the authority's.
async fn served(server: &TestServer, root: &CertificateDer<'static>) -> Option<CertificateDer<'static>> {
    let stream = tls(server.plain().await, root.clone(), NAME).await.ok()?;
    let chain = stream.get_ref().1.peer_certificates()?;
    Some(chain.first()?.clone().into_owned())
}

async fn websocket(server: &TestServer, root: &CertificateDer<'static>) -> WebSocket {
    let stream = tls(server.plain().await, root.clone(), NAME).await.unwrap();
    let url = format!("wss://{NAME}:{}/ws", server.port());
    open_websocket(stream, &url, &[]).await.unwrap()
}

/// Waits for `event`, and answers the server's pings meanwhile, as only a client that reads does.
async fn while_connected<T>(client: &mut WebSocket, event: impl Future<Output = T>) -> T {
    tokio::pin!(event);
    loop {
        tokio::select! {
            happened = &mut event => return happened,
            message = client.0.next() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => panic!("disconnected: {message:?}"),
                Some(Ok(Message::Text(text))) if text.contains(r#""type":"ping""#) => {
                    client.say(json!({ "type": "pong" })).await;
                }
                Some(Ok(_)) => {}
            },
        }
    }
}

#[tokio::test]
async fn a_certificate_is_got_and_renewed_without_a_connection_dropped() {
    let port = free_port();
    // Renewed after two thirds of it.
    let authority = Authority::start(port, 12).await;
    let root = authority.root().await;
    let server = server(port, &authority, None);
    let first = until("the first certificate", async || served(&server, &root).await).await;
    let mut ada = websocket(&server, &root).await;
    ada.join("family", "Ada", 1).await;
    assert_eq!(server.server.certificate_trouble(), None);
    let url = format!("https://{NAME}:{port}\n");
    assert!(allo_server::banner(&server.server, false).contains(&url));

    let second = async || served(&server, &root).await.filter(|second| *second != first);
    while_connected(&mut ada, until("the second certificate", second)).await;

    // Without the authority it goes on, and says why it has no other.
    authority.stop().await;
    let failed = until("the failed attempt", async || server.server.certificate_trouble());
    let trouble = while_connected(&mut ada, failed).await;
    assert!(trouble.contains("cannot be reached"), "{trouble}");
    ada.say(json!({ "type": "ping" })).await;
    ada.hear_type("pong").await;
    assert!(server.server.has_public_certificate());
}

#[tokio::test]
async fn a_kept_certificate_is_served_at_the_next_start_though_nobody_can_be_asked() {
    let port = free_port();
    let authority = Authority::start(port, 1_000_000).await;
    let root = authority.root().await;
    let first = server(port, &authority, None);
    let certificate = until("the certificate", async || served(&first, &root).await).await;
    only_the_owner_can_read(first.data.path());
    let TestServer { server: running, data, .. } = first;
    soon("the stop", running.stop()).await;

    let second = server(port, &authority, Some(data.path()));
    authority.stop().await;
    assert_eq!(served(&second, &root).await, Some(certificate));
    assert_eq!(second.server.certificate_trouble(), None);
}

fn only_the_owner_can_read(data: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folders = fs::read_dir(data.join("tls")).unwrap().map(|entry| entry.unwrap().path());
        let folder = folders.into_iter().find(|path| path.is_dir()).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for file in ["certificate.pem", "account.json"] {
            assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
        }
    }
}

/// Returns what is said of an authority that gives nothing; meanwhile the server's own certificate is there.
async fn trouble_with(server: &TestServer) -> String {
    let trouble = until("the failed attempt", async || server.server.certificate_trouble()).await;
    server.tls().await;
    assert!(!server.server.has_public_certificate());
    assert!(!trouble.contains(NAME) && !trouble.contains("127.0.0.1"), "{trouble}");
    trouble
}

#[tokio::test]
async fn each_failure_is_told_and_the_own_certificate_serves_meanwhile() {
    let (port, closed) = (free_port(), free_port());

    // Whether nobody answers or somebody else, Pebble has one word for both.
    let elsewhere = Authority::start(closed, 1_000_000).await;
    let trouble = trouble_with(&server(port, &elsewhere, None)).await;
    assert!(trouble.contains("does not find this server"), "{trouble}");

    let trouble = trouble_with(&TestServer::with(|config| {
        config.acme.domains = vec![Domain::new(NAME).unwrap()];
        config.acme.directory = elsewhere.directory();
    }))
    .await;
    assert!(trouble.contains("not trusted"), "{trouble}");

    let ca = elsewhere.ca();
    let foreign = TestServer::start();
    let stranger = Authority::start(foreign.port(), 1_000_000).await;
    let trouble = trouble_with(&server(free_port(), &stranger, None)).await;
    assert!(trouble.contains("does not find this server"), "{trouble}");

    let trouble = trouble_with(&TestServer::with(|config| {
        config.acme.domains = vec![Domain::new(NAME).unwrap()];
        config.acme.directory = DirectoryUrl::new(&format!("https://127.0.0.1:{closed}/dir")).unwrap();
        config.acme.ca = Some(ca);
    }))
    .await;
    assert!(trouble.contains("cannot be reached"), "{trouble}");
}

#[tokio::test]
async fn where_plain_http_has_a_port_the_proof_is_given_there() {
    let (port, plain, closed) = (free_port(), free_port(), free_port());
    let authority = Authority::start_at(plain, closed, 1_000_000).await;
    let root = authority.root().await;
    let server = TestServer::with(|config| {
        config.port = port;
        config.http_port = Some(plain);
        config.acme.domains = vec![Domain::new(NAME).unwrap()];
        config.acme.directory = authority.directory();
        config.acme.ca = Some(authority.ca());
    });
    until("the certificate", async || served(&server, &root).await).await;

    let ask = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {NAME}:{plain}\r\nConnection: close\r\n\r\n");
        exchange(TcpStream::connect(local(plain)).await.unwrap(), request.as_bytes()).await
    };
    assert_eq!(ask("/.well-known/acme-challenge/none").await.status, 404);
    let answer = ask("/family?x=1").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, Some(&*format!("https://{NAME}:{port}/family?x=1")))
    );
    let request = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n";
    let answer = exchange(TcpStream::connect(local(plain)).await.unwrap(), request).await;
    assert_eq!(answer.status, 403, "nothing but the way to HTTPS is there");
}

#[tokio::test]
async fn a_forgotten_account_is_made_anew() {
    let port = free_port();
    let authority = Authority::start(port, 1_000_000).await;
    let root = authority.root().await;
    let first = server(port, &authority, None);
    until("the certificate", async || served(&first, &root).await).await;
    let TestServer { server: running, data, .. } = first;
    soon("the stop", running.stop()).await;
    let folder = fs::read_dir(data.path().join("tls")).unwrap().map(|entry| entry.unwrap().path());
    let folder = folder.into_iter().find(|path| path.is_dir()).unwrap();
    let account = folder.join("account.json");
    // A certificate is due, for an account of which the authority knows nothing.
    fs::remove_file(folder.join("certificate.pem")).unwrap();
    let text = fs::read_to_string(&account).unwrap();
    let mut unknown: serde_json::Value = serde_json::from_str(&text).unwrap();
    unknown["id"] = format!("https://localhost:{}/my-account/4711", authority.port).into();
    fs::write(&account, unknown.to_string()).unwrap();

    let second = server(port, &authority, Some(data.path()));
    until("the certificate of another account", async || served(&second, &root).await).await;
    assert_ne!(fs::read_to_string(&account).unwrap(), unknown.to_string());
}

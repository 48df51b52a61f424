//! The real Nginx in front, with exactly the configuration of `docs/operating.md`.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
};

use allo_server::config::TlsMode;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::{TcpSocket, TcpStream},
    process::{Child, Command},
};

use crate::support::{TestServer, WebSocket, exchange, free_port, open_websocket, soon, tls, until};

const HOST: &str = "allo.example.org";

/// Nginx in front of a server.
struct Proxied {
    nginx: Child,
    http: u16,
    https: u16,
    certificate: CertificateDer<'static>,
    _folder: TempDir,
    _server: TestServer,
}

/// Returns the one Nginx configuration in the document.
fn documented() -> String {
    let document = include_str!("../../../../docs/operating.md");
    let mut blocks = document.split("```nginx\n").skip(1);
    let (Some(block), None) = (blocks.next(), blocks.next()) else { panic!("expected one nginx block") };
    block.split("```").next().unwrap().to_owned()
}

/// Replaces `from`, which must be there.
fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in the documented configuration");
    text.replace(from, to)
}

/// Returns the documented configuration for this test's ports and files; everything else stays as it is.
fn configuration(folder: &Path, server: u16, http: u16, https: u16) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut text = documented();
    for (from, to) in [
        ("listen 80;", format!("listen {http};")),
        ("listen [::]:80;", format!("listen [::]:{http};")),
        ("listen 443 ssl;", format!("listen {https} ssl;")),
        ("listen [::]:443 ssl;", format!("listen [::]:{https} ssl;")),
        ("127.0.0.1:8443", format!("127.0.0.1:{server}")),
        ("/etc/letsencrypt/live/allo.example.org/fullchain.pem", file("fullchain.pem")),
        ("/etc/letsencrypt/live/allo.example.org/privkey.pem", file("privkey.pem")),
    ] {
        text = replace(&text, from, &to);
    }
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", file(kind)))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {};\nerror_log stderr notice;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n",
        file("nginx.pid")
    )
}

impl Proxied {
    async fn start() -> Self {
        let server = TestServer::with(|config| {
            config.tls = TlsMode::Off;
            // Nginx alone: the other addresses of this machine stand for clients from elsewhere.
            config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            config.bounds.connections_per_address = 1;
        });
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![HOST.to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(folder.path().join("fullchain.pem"), certificate.pem()).unwrap();
        fs::write(folder.path().join("privkey.pem"), key.serialize_pem()).unwrap();
        let (http, https) = (free_port(), free_port());
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(folder.path(), server.port(), http, https)).unwrap();
        let nginx = start_nginx(folder.path(), &file);
        let mut proxied = Self {
            nginx,
            http,
            https,
            certificate: certificate.der().clone(),
            _folder: folder,
            _server: server,
        };
        proxied.is_ready().await;
        proxied
    }

    /// Waits until Nginx listens; what it complains of is the failure's text.
    async fn is_ready(&mut self) {
        let mut log = BufReader::new(self.nginx.stderr.take().unwrap()).lines();
        let complaints = async {
            let mut lines = Vec::new();
            while let Some(line) = log.next_line().await.unwrap() {
                lines.push(line);
            }
            lines.join("\n")
        };
        let listening =
            until("nginx listens", async || TcpStream::connect((Ipv4Addr::LOCALHOST, self.https)).await.ok());
        tokio::select! {
            lines = complaints => panic!("nginx did not start: {lines}"),
            _ = listening => {}
        }
        // Its log goes on being read, so that it is never kept waiting.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    }

    /// Connects from one of this machine's addresses: `127.0.0.LAST`.
    async fn connect(&self, last: u8, port: u16) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        let nginx = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        soon("connecting to nginx", socket.connect(nginx)).await.unwrap()
    }

    async fn websocket(&self, last: u8, fields: &[(&'static str, &str)]) -> Result<WebSocket, u16> {
        let stream = self.connect(last, self.https).await;
        let stream = tls(stream, self.certificate.clone(), HOST).await.unwrap();
        open_websocket(stream, &format!("wss://{HOST}:{}/ws", self.https), fields).await
    }
}

fn start_nginx(folder: &Path, file: &Path) -> Child {
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"];
    let program = program.iter().find(|path| Path::new(path).exists());
    let program =
        program.expect("this test runs Nginx: install it, on Debian with `apt-get install nginx-light`");
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(file).arg("-e").arg("stderr");
    command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

#[tokio::test]
async fn a_call_comes_about_through_the_documented_nginx() {
    let proxied = Proxied::start().await;
    let origin = format!("https://{HOST}:{}", proxied.https);
    let mut ada = proxied.websocket(8, &[("origin", &origin)]).await.unwrap();
    let mut grace = proxied.websocket(9, &[("origin", &origin)]).await.unwrap();
    let ada_id = ada.join("family", "Ada", 1).await["you"].clone();
    grace.join("family", "Grace", 2).await;
    let link = grace.hear_type("greet").await["link"].clone();
    let description = json!({ "type": "offer", "sdp": "v=0\r\n" });
    grace
        .say(json!({ "type": "sessionDescription", "to": ada_id, "link": link, "description": description }))
        .await;
    assert_eq!(ada.hear_type("sessionDescription").await["description"], description);

    assert_eq!(proxied.websocket(10, &[("origin", "https://evil.example")]).await.err(), Some(403));
    let without_tls = format!("http://{HOST}:{}", proxied.https);
    assert_eq!(proxied.websocket(10, &[("origin", &without_tls)]).await.err(), Some(403));
}

#[tokio::test]
async fn clients_are_told_apart_through_the_documented_nginx() {
    let proxied = Proxied::start().await;
    let _held = proxied.websocket(8, &[]).await.unwrap();
    assert_eq!(proxied.websocket(8, &[]).await.err(), Some(429));
    for forged in
        [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("x-real-ip", "203.0.113.9")]
    {
        assert_eq!(proxied.websocket(8, &[forged]).await.err(), Some(429), "{forged:?}");
    }
    assert!(proxied.websocket(9, &[]).await.is_ok());
}

#[tokio::test]
async fn https_is_required_through_the_documented_nginx() {
    let proxied = Proxied::start().await;
    let ask = async |method: &str, fields: &str| {
        let request = format!(
            "{method} /family HTTP/1.1\r\nHost: {HOST}:{}\r\n{fields}Connection: close\r\n\r\n",
            proxied.http
        );
        exchange(proxied.connect(8, proxied.http).await, request.as_bytes()).await
    };
    for fields in ["", "X-Forwarded-Proto: https\r\n", "Forwarded: proto=https\r\n"] {
        let answer = ask("GET", fields).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (301, Some("https://allo.example.org/family")),
            "{fields}"
        );
        let answer = ask("DELETE", fields).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, "Server requires HTTPS.\n"), "{fields}");
    }
    let stream = proxied.connect(8, proxied.https).await;
    let stream = tls(stream, proxied.certificate.clone(), HOST).await.unwrap();
    let request =
        format!("GET /family HTTP/1.1\r\nHost: {HOST}:{}\r\nConnection: close\r\n\r\n", proxied.https);
    let page = exchange(stream, request.as_bytes()).await;
    assert_eq!((page.status, page.header("strict-transport-security")), (200, Some("max-age=63072000")));
}

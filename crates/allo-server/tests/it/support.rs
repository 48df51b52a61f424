//! A server on a port of its own, and clients that say exactly what a test wants said.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use allo_server::{Server, config::Config};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// Far longer than anything here takes: reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `future`, and fails when it takes too long.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} took longer than {PATIENCE:?}"))
}

/// Waits until `check` returns something. Only for what cannot tell of itself, such as another process.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not happen within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns a port for a program that must be told one, or for nobody to listen at: no other test is given it, neither by this function
/// nor, since it is below the ports that the system gives to whoever asks for any, by the system.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    (0..1_000)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed))
        .find(is_free)
        .expect("a thousand ports are not all taken")
}

/// A server, with a data folder of its own.
pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) data: TempDir,
}

impl TestServer {
    /// Starts one with the defaults.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// Starts one with some other settings.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: vec!["127.0.0.1".parse().unwrap()],
            port: 0,
            data: Some(data.path().to_owned()),
            ..Config::default()
        };
        change(&mut config);
        let server = Server::start(config).unwrap();
        let address = server.addresses()[0];
        Self { server, address, data }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Connects without TLS.
    pub(crate) async fn plain(&self) -> TcpStream {
        soon("connecting", TcpStream::connect(self.address)).await.unwrap()
    }

    /// Connects by TLS, trusting the local authority and nobody else.
    pub(crate) async fn tls(&self) -> TlsStream<TcpStream> {
        let authority = CertificateDer::from_pem_file(self.data.path().join("tls/authority.crt")).unwrap();
        tls(self.plain().await, authority, "localhost").await.unwrap()
    }

    /// Asks for `path` at `http://localhost`.
    pub(crate) async fn get(&self, path: &str) -> Response {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", self.port());
        self.ask(&request).await
    }

    /// Sends a request without TLS, and reads until the server closes.
    pub(crate) async fn ask(&self, request: &str) -> Response {
        exchange(self.plain().await, request.as_bytes()).await
    }

    /// Opens a WebSocket as a program does.
    pub(crate) async fn websocket(&self) -> WebSocket {
        self.try_websocket(&[]).await.unwrap()
    }

    /// Opens a WebSocket with more header fields; the error is the status.
    pub(crate) async fn try_websocket(&self, fields: &[(&'static str, &str)]) -> Result<WebSocket, u16> {
        let url = format!("ws://localhost:{}/ws", self.port());
        open_websocket(self.plain().await, &url, fields).await
    }

    /// Returns what `/health` says.
    pub(crate) async fn health(&self) -> Value {
        serde_json::from_str(&self.get("/health").await.body).unwrap()
    }
}

/// Does a TLS handshake, trusting `authority` and nobody else.
pub(crate) async fn tls(
    stream: TcpStream,
    authority: CertificateDer<'static>,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    soon("the TLS handshake", connector.connect(ServerName::try_from(name).unwrap(), stream)).await
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// Returns a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Sends `request`, and reads until the server closes.
pub(crate) async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Response {
    let bytes = raw_exchange(stream, request).await;
    Response::parse(&bytes).unwrap_or_else(|| panic!("no HTTP answer: {:?}", String::from_utf8_lossy(&bytes)))
}

/// Sends `bytes`, and returns all that comes until the server closes.
pub(crate) async fn raw_exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Vec<u8> {
    // The server may close before it has all: what it said is what counts.
    let _sent = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _closed = soon("the answer", stream.read_to_end(&mut answer)).await;
    answer
}

/// Opens a WebSocket over `stream`; the error is the status.
pub(crate) async fn open_websocket<S>(
    stream: S,
    url: &str,
    fields: &[(&'static str, &str)],
) -> Result<WebSocket, u16>
where
    S: Stream + 'static,
{
    let mut request = url.into_client_request().unwrap();
    for (name, value) in fields {
        request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    let stream: Box<dyn Stream> = Box::new(stream);
    match soon("the upgrade", tokio_tungstenite::client_async(request, stream)).await {
        Ok((socket, _)) => Ok(WebSocket(socket)),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A client's end of a WebSocket.
pub(crate) struct WebSocket(pub(crate) WebSocketStream<Box<dyn Stream>>);

impl WebSocket {
    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Returns the next message, whatever it is.
    pub(crate) async fn hear(&mut self) -> Value {
        match soon("a message", self.0.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a text, got {other:?}"),
        }
    }

    /// Returns the next message of a type, past others.
    pub(crate) async fn hear_type(&mut self, wanted: &str) -> Value {
        loop {
            let message = self.hear().await;
            if message["type"] == wanted {
                return message;
            }
        }
    }

    /// Reads until the server closes; returns its code, and the last `error` before it.
    pub(crate) async fn closed(&mut self) -> (u16, Option<String>) {
        let mut error = None;
        loop {
            match soon("the close", self.0.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), error),
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    error = message["code"].as_str().map(str::to_owned).or(error);
                }
                Some(Ok(_)) => {}
                other => panic!("expected a close frame, got {other:?}"),
            }
        }
    }

    /// Says hello and joins; returns the snapshot.
    pub(crate) async fn join(&mut self, room: &str, name: &str, key: u128) -> Value {
        self.say(json!({ "type": "hello", "protocolVersion": 1, "client": "test" })).await;
        self.hear_type("welcome").await;
        self.say(join(room, name, key)).await;
        self.hear_type("snapshot").await
    }
}

/// Returns a `join`; people are told apart by `key`.
pub(crate) fn join(room: &str, name: &str, key: u128) -> Value {
    let key = format!("{key:032x}");
    json!({
        "type": "join", "room": room, "displayName": name, "participantKey": key, "instance": key,
        "mic": true, "cam": true,
    })
}

//! One WebSocket: TCP, TLS where the address says https, and the upgrade.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

/// How long TCP, TLS and the upgrade may take together.
///
/// Lower: slow networks never get in. Higher: TCP asks ever more seldom, so that the end of a blackout is noticed late.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest message of the server that is believed; a snapshot of a full room is far below. A larger one ends the
/// connection.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes both ways, encrypted or not.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A WebSocket over whatever the address asked for.
pub(crate) type WebSocket = WebSocketStream<Box<dyn Duplex>>;

/// Why there is no WebSocket.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address is not one of a server.
    #[error("not the address of a server: it must begin with https:// or http:// and name a host")]
    BadAddress,
    /// Nothing answers.
    #[error("cannot reach the server")]
    Tcp(#[source] io::Error),
    /// The server is not the one expected, or does not speak TLS.
    #[error("cannot agree on TLS with the server")]
    Tls(#[source] io::Error),
    /// The server does not take the WebSocket.
    #[error("the server refused the WebSocket with HTTP status {0}")]
    Refused(u16),
    /// What answers does not speak WebSocket.
    #[error("cannot open the WebSocket")]
    Upgrade(#[source] Box<WebSocketError>),
    /// It took too long.
    #[error("the server did not answer in time")]
    TimedOut,
}

/// Opens a WebSocket to `/ws` of the server at `url`; returns the address of the server, too.
pub(crate) async fn connect(url: &Url, tls: &Arc<ClientConfig>) -> Result<(WebSocket, IpAddr), ConnectError> {
    tokio::time::timeout(CONNECT_TIMEOUT, open(url, tls)).await.unwrap_or(Err(ConnectError::TimedOut))
}

async fn open(url: &Url, tls: &Arc<ClientConfig>) -> Result<(WebSocket, IpAddr), ConnectError> {
    let is_secure = url.scheme() == "https";
    let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or(ConnectError::BadAddress)?;
    // A literal IPv6 address stands in brackets in a URL only.
    let name = host.trim_matches(['[', ']']).to_owned();
    let tcp = TcpStream::connect((name.as_str(), port)).await.map_err(ConnectError::Tcp)?;
    tcp.set_nodelay(true).map_err(ConnectError::Tcp)?;
    let server = tcp.peer_addr().map_err(ConnectError::Tcp)?.ip();
    let stream: Box<dyn Duplex> = if is_secure {
        let name = ServerName::try_from(name).map_err(|_| ConnectError::BadAddress)?;
        Box::new(TlsConnector::from(tls.clone()).connect(name, tcp).await.map_err(ConnectError::Tls)?)
    } else {
        Box::new(tcp)
    };
    let request = format!("{}://{host}:{port}/ws", if is_secure { "wss" } else { "ws" });
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok((socket, server)),
        Err(WebSocketError::Http(response)) => Err(ConnectError::Refused(response.status().as_u16())),
        Err(error) => Err(ConnectError::Upgrade(Box::new(error))),
    }
}

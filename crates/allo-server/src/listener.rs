//! Sockets: each connection is TLS, media, TURN or plain HTTP by its first bytes, and has so much time for each step.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{debug, warn};

use crate::{
    admission::Admitted,
    begun::Begun,
    failures::Failure,
    http,
    media::{FRAME_MAX, Newcomer, Visit, begins_frame, limit_unsent},
    server::Shared,
    tls::CHALLENGE_PROTOCOL,
};

/// The first byte of a TLS connection: a handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// The first byte of what a TURN client says first: its request is a small number of two bytes (RFC 8656 §17).
const TURN_REQUEST: u8 = 0x00;

/// The length of a STUN message without attributes. A frame with a check is longer, and the number of a TURN request is less.
const CHECK_MIN: u16 = 20;

/// What TURN over TLS is called in a handshake (RFC 7443). Clients that say so and those that do not are told apart by what they send.
pub(crate) const TURN_PROTOCOL: &[u8] = b"stun.turn";

/// What TLS keeps of what it is to send, beside what waits before it.
const TLS_BUFFER_BYTES: usize = 16 * 1024;

/// The longest head of a request, in bytes. Beyond: 431.
const HEAD_BYTES: usize = 16 * 1024;

/// Header fields in a request. Beyond: 431.
const HEADERS: usize = 64;

/// How long a connection may go on asking for pages. A WebSocket has left this stage.
///
/// It bounds a client that does not read its answer. Higher: pages load over slower networks.
const HTTP_LIFE: Duration = Duration::from_mins(2);

/// The rest after a failure to accept, which mostly is that the system has no more open files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that the system holds until they are accepted. Beyond, it lets newcomers try again.
const BACKLOG: i32 = 1024;

/// Starts to listen. IPv4 and IPv6 have a socket each, so that no address is ever one within the other.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restarted server gets its port back at once. On Windows the option means something else.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What is served at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Everything.
    Main,
    /// Plain HTTP, which leads to the other one.
    PlainHttp,
}

/// By what way requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Tls,
    Plain,
    /// By the port that is for nothing else.
    PlainPort,
}

/// Accepts connections until the server stops.
pub(crate) async fn accept(listener: TcpListener, port: Port, shared: Arc<Shared>) {
    let mut is_failing = false;
    while let Some(accepted) = shared.stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                is_failing = false;
                admit(stream, peer, port, &shared);
            }
            Err(error) => {
                // Said once: it may well go on for as long as an attack does.
                if !is_failing {
                    warn!(%error, "cannot accept connections");
                }
                is_failing = true;
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection, or drops it when its address has too many.
fn admit(stream: TcpStream, peer: SocketAddr, port: Port, shared: &Arc<Shared>) {
    let is_proxy =
        |address: IpAddr| shared.config.trusted_proxies.iter().any(|network| network.contains(&address));
    let from = Some(peer.ip()).filter(|address| !is_proxy(*address));
    let admitted = match shared.sockets.admit(from) {
        Ok(admitted) => admitted,
        Err(refused) => return debug!(?refused, "connection refused"),
    };
    let shared = shared.clone();
    shared.tasks.clone().spawn(async move {
        let served = match port {
            Port::Main => serve(stream, peer, admitted, &shared).await,
            Port::PlainHttp => {
                let _admitted = admitted;
                serve_http(stream, peer, Way::PlainPort, &shared).await
            }
        };
        if let Err(error) = served {
            debug!(%error, "connection lost");
        }
    });
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let deadline = Instant::now() + shared.config.bounds.request_timeout;
    let mut first = [0];
    let arrived = shared.stop.run_until_cancelled(timeout_at(deadline, stream.peek(&mut first))).await;
    let Some(length) = arrived else { return Ok(()) };
    if length?? == 0 {
        return Ok(());
    }
    match (&shared.tls, first[0]) {
        (Some(tls), TLS_HANDSHAKE) => {
            let shaken = timeout_at(deadline, TlsAcceptor::from(tls.server_config()).accept(stream)).await?;
            let stream = shaken.inspect_err(|error| {
                if let Some(failure) = Failure::of_handshake(error) {
                    shared.failures.note(Instant::now().into_std(), failure);
                }
            })?;
            // The handshake was the proof that a public authority asked for: there is nothing more to say (RFC 8737 §3).
            if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE_PROTOCOL) {
                return Ok(());
            }
            serve_tls(stream, peer, shared).await
        }
        // There is no certificate to answer with.
        (None, TLS_HANDSHAKE) => Ok(()),
        (_, first) if begins_frame(first) => {
            let handed_over = hand_over(stream, peer, admitted, deadline, shared);
            shared.stop.run_until_cancelled(handed_over).await.unwrap_or(Ok(()))
        }
        (_, _) => serve_http(stream, peer, Way::Plain, shared).await,
    }
}

/// Serves what is inside TLS: a TURN client's messages, or requests.
async fn serve_tls(
    mut stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let deadline = Instant::now() + shared.config.bounds.request_timeout;
    let first = shared.stop.run_until_cancelled(timeout_at(deadline, stream.read_u8())).await;
    let Some(first) = first else { return Ok(()) };
    let first = first??;
    if first != TURN_REQUEST {
        return serve_http(Begun::new(first, stream), peer, Way::Tls, shared).await;
    }
    let (socket, tls) = stream.get_mut();
    limit_unsent(&*socket);
    let local = socket.local_addr()?;
    tls.set_buffer_limit(Some(TLS_BUFFER_BYTES));
    relay(stream, &[first], visit(peer, local, deadline, shared), shared).await
}

/// Brings a connection to the media plane once its first datagram is there (RFC 4571, RFC 6544), or serves a TURN client.
async fn hand_over(
    mut stream: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
    deadline: Instant,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let Some(door) = &shared.media else { return Ok(()) };
    let length = timeout_at(deadline, stream.read_u16()).await??;
    let local = stream.local_addr()?;
    if (1..CHECK_MIN).contains(&length) {
        limit_unsent(&stream);
        return relay(stream, &length.to_be_bytes(), visit(peer, local, deadline, shared), shared).await;
    }
    let length = usize::from(length);
    if !(1..=FRAME_MAX).contains(&length) {
        return Ok(());
    }
    let mut first = vec![0; length];
    timeout_at(deadline, stream.read_exact(&mut first)).await??;
    let patience = shared.config.bounds.request_timeout;
    let stream = stream.into_std()?;
    door.admit(Newcomer { stream, peer, local, first, patience, admitted });
    Ok(())
}

fn visit(peer: SocketAddr, local: SocketAddr, deadline: Instant, shared: &Shared) -> Visit {
    Visit { peer, local, deadline, patience: shared.config.bounds.request_timeout }
}

/// Serves a TURN client, until either end is done or the server stops.
async fn relay<S>(stream: S, begun: &[u8], visit: Visit, shared: &Arc<Shared>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(door) = &shared.media else { return Ok(()) };
    shared.stop.run_until_cancelled(door.relay(stream, begun, visit)).await.unwrap_or(Ok(()))
}

/// Answers requests, until the client goes, a WebSocket is opened, or the server stops.
async fn serve_http<S>(stream: S, peer: SocketAddr, way: Way, shared: &Arc<Shared>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(async |request| {
        Ok::<_, Infallible>(match way {
            Way::PlainPort => http::plain::answer(shared, &request),
            Way::Tls | Way::Plain => http::answer(shared, peer, way == Way::Tls, request).await,
        })
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.bounds.request_timeout)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let served = tokio::select! {
        served = timeout(HTTP_LIFE, connection.as_mut()) => served?,
        () = shared.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    served.map_err(io::Error::other)
}

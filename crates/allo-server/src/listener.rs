//! Sockets: each connection is TLS, media or plain HTTP by its first byte, and has so much time for each step.

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
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::{
    admission::Admitted,
    http,
    media::{FRAME_MAX, Newcomer, begins_frame},
    server::Shared,
    tls::CHALLENGE_PROTOCOL,
};

/// The first byte of a TLS connection: a handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

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

/// Accepts connections until the server stops.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut is_failing = false;
    while let Some(accepted) = shared.stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                is_failing = false;
                admit(stream, peer, &shared);
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
fn admit(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
    let is_proxy =
        |address: IpAddr| shared.config.trusted_proxies.iter().any(|network| network.contains(&address));
    let from = Some(peer.ip()).filter(|address| !is_proxy(*address));
    let admitted = match shared.sockets.admit(from) {
        Ok(admitted) => admitted,
        Err(refused) => return debug!(?refused, "connection refused"),
    };
    let shared = shared.clone();
    shared.tasks.clone().spawn(async move {
        if let Err(error) = serve(stream, peer, admitted, &shared).await {
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
            let stream =
                timeout_at(deadline, TlsAcceptor::from(tls.server_config()).accept(stream)).await??;
            // The handshake was the proof that a public authority asked for: there is nothing more to say (RFC 8737 §3).
            if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE_PROTOCOL) {
                return Ok(());
            }
            serve_http(stream, peer, true, shared).await
        }
        // There is no certificate to answer with.
        (None, TLS_HANDSHAKE) => Ok(()),
        (_, first) if begins_frame(first) => {
            let handed_over = hand_over(stream, peer, admitted, deadline, shared);
            shared.stop.run_until_cancelled(handed_over).await.unwrap_or(Ok(()))
        }
        (_, _) => serve_http(stream, peer, false, shared).await,
    }
}

/// Brings a connection to the media plane once its first datagram is there (RFC 4571, RFC 6544).
async fn hand_over(
    mut stream: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
    deadline: Instant,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let Some(door) = &shared.media else { return Ok(()) };
    let length = usize::from(timeout_at(deadline, stream.read_u16()).await??);
    if !(1..=FRAME_MAX).contains(&length) {
        return Ok(());
    }
    let mut first = vec![0; length];
    timeout_at(deadline, stream.read_exact(&mut first)).await??;
    let (local, patience) = (stream.local_addr()?, shared.config.bounds.request_timeout);
    let stream = stream.into_std()?;
    door.admit(Newcomer { stream, peer, local, first, patience, admitted });
    Ok(())
}

/// Answers requests, until the client goes, a WebSocket is opened, or the server stops.
async fn serve_http<S>(stream: S, peer: SocketAddr, is_tls: bool, shared: &Arc<Shared>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        service_fn(async |request| Ok::<_, Infallible>(http::answer(shared, peer, is_tls, request).await));
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

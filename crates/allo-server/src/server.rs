//! The server as a whole: started, running, stopped.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use allo_room::{ConnectionId, Counts, IdentitySecret, Rooms};
use thiserror::Error;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    admission::{Admission, AdmissionBounds},
    config::{Config, MediaConfig},
    failures::Failures,
    identity,
    listener::{self, Port},
    login::{LoginError, Logins},
    media::{self, Door, MediaError, MediaPlane, RELAY_RENEWAL},
    records::Records,
    rooms_task::{Events, Questions, RoomsTask},
    tls::{Tls, TlsError},
    tokens::{TokenKeyError, Tokens},
};

/// What each connection needs of the server.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Lets people sign in, where there is a provider.
    pub(crate) logins: Option<Arc<Logins>>,
    /// Reads access tokens, where they are taken.
    pub(crate) tokens: Option<Arc<Tokens>>,
    /// Where TCP connections with media go, if there is a media plane.
    pub(crate) media: Option<Door>,
    /// TCP connections, by the address they come from.
    pub(crate) sockets: Admission,
    /// WebSockets, by the address of the client.
    pub(crate) websockets: Admission,
    connections: AtomicU64,
    pub(crate) events: Events,
    pub(crate) questions: Questions,
    pub(crate) failures: Arc<Failures>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    /// Returns whether the certificate is one that browsers may be expected to trust by themselves.
    pub(crate) fn has_public_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_public())
    }

    /// Returns a number that no connection had before.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks the rooms how much is there; `None` when they do not answer.
    pub(crate) async fn counts(&self) -> Option<Counts> {
        let asked = async {
            let (question, answer) = oneshot::channel();
            self.questions.send(question).await.ok()?;
            answer.await.ok()
        };
        timeout(HEALTH_TIMEOUT, asked).await.ok().flatten()
    }
}

/// The server cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is taken.
    #[error("port {0} is in use by another program: choose another one with --port")]
    PortInUse(u16),
    /// The port is one of those for which a program needs permission.
    #[error("this user may not listen on port {0}: choose one from 1024 on with --port")]
    PortForbidden(u16),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: check --listen")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// There is no certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Signing in cannot be offered.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A key for access tokens is of no use.
    #[error(transparent)]
    Tokens(#[from] TokenKeyError),
    /// There is no media plane.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    Random,
}

/// The time for the rooms to say that they are well. They answer within milliseconds, or something is wrong.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// The time for everything to end by itself. Beyond, it is cut off.
    pub const STOP_TIMEOUT: Duration = Duration::from_millis(1700);

    /// Starts a server. It runs in the background, on the tokio runtime that this is called in.
    pub fn start(mut config: Config) -> Result<Self, StartError> {
        let (listeners, sockets) = bind_all(&config)?;
        let plain = config.http_port.map_or(Ok(Vec::new()), |port| listen_all(&config.listen, port))?;
        config.rooms.has_media = !sockets.is_empty();
        let tls = Tls::open(&config)?.map(Arc::new);
        let tokens = Tokens::open(&config)?.map(Arc::new);
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| StartError::Random)?;
        let secret = identity::secret(config.data_folder().as_deref()).map_err(|_| StartError::Random)?;
        let logins = Logins::open(&config, &secret)?.map(Arc::new);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        config.rooms.relay_renewal = config.rooms.has_media.then_some(RELAY_RENEWAL);
        config.rooms.stun_port = sockets.first().and_then(|sockets| udp_port(&config.media, sockets));
        let has_media = config.rooms.has_media;
        let media = has_media
            .then(|| MediaPlane::start(&config.media, sockets, &addresses, tls.is_some(), &tasks, &stop));
        let media = media.transpose()?;
        let door = media.as_ref().map(MediaPlane::door);
        let mut rooms = Rooms::new(config.rooms.clone(), &secret, seed);
        let records = config.data_folder().and_then(|data| open_records(&data, &secret, &config, &mut rooms));
        let failures = Arc::new(Failures::default());
        let (rooms, events, questions) = RoomsTask::new(rooms, media, records, failures.clone());
        tasks.spawn(rooms.run(stop.clone()));
        if let Some(tls) = &tls {
            tasks.spawn(tls.clone().renew(stop.clone()));
        }
        let sockets = Admission::new(bounds(&config, 4));
        let websockets = Admission::new(bounds(&config, 1));
        let connections = AtomicU64::new(0);
        let shared = Arc::new(Shared {
            config,
            tls,
            logins,
            tokens,
            media: door,
            sockets,
            websockets,
            connections,
            events,
            questions,
            failures,
            tasks,
            stop,
        });
        for listener in listeners {
            shared.tasks.spawn(listener::accept(listener, Port::Main, shared.clone()));
        }
        for listener in plain {
            shared.tasks.spawn(listener::accept(listener, Port::PlainHttp, shared.clone()));
        }
        Ok(Self { shared, addresses })
    }

    /// Returns the addresses that the server listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns the configuration that the server runs with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Returns the SHA-256 fingerprint of the certificate, if the server has one.
    pub fn fingerprint(&self) -> Option<String> {
        self.shared.tls.as_ref().map(|tls| tls.fingerprint())
    }

    /// Returns whether the certificate is one that browsers may be expected to trust by themselves.
    pub fn has_public_certificate(&self) -> bool {
        self.shared.has_public_certificate()
    }

    /// Returns why a public authority gave no certificate when it was last asked, and what to do, if so.
    pub fn certificate_trouble(&self) -> Option<String> {
        self.shared.tls.as_ref()?.trouble().map(|failure| crate::chain(&*failure))
    }

    /// Returns the names in a public certificate.
    pub(crate) fn public_names(&self) -> Vec<String> {
        self.shared.tls.as_ref().map(|tls| tls.public_names()).unwrap_or_default()
    }

    /// Returns whether the certificate is of this server's own authority.
    pub(crate) fn is_own_authority(&self) -> bool {
        self.shared.tls.as_ref().is_some_and(|tls| tls.authority().is_some())
    }

    /// Waits until the server cannot go on. Only a fault in it brings that about.
    pub async fn failed(&self) {
        self.shared.stop.cancelled().await;
    }

    /// Stops: nobody is let in any more, everyone is told, every connection is closed.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        // What has not ended by then is cut off with the runtime.
        let _ended = timeout(Self::STOP_TIMEOUT, self.shared.tasks.wait()).await;
    }
}

/// Tells the rooms what is known of them, and returns where it is kept. Where it cannot be, the server works all the same.
fn open_records(data: &Path, secret: &IdentitySecret, config: &Config, rooms: &mut Rooms) -> Option<Records> {
    match Records::open(data, secret, &config.rooms) {
        Ok((records, known)) => {
            let now = Instant::now();
            for (room, record) in known {
                rooms.handle_record(now, room, record);
            }
            Some(records)
        }
        Err(error) => {
            let path = data.display();
            warn!(%path, %error, "cannot keep what is known of rooms: after a restart, they have no owner");
            None
        }
    }
}

/// Returns the bounds for connections. A page needs a few TCP connections beside its WebSocket, and where UDP is blocked one for
/// media and a few that try other ways: `share` is 4 for all those.
fn bounds(config: &Config, share: usize) -> AdmissionBounds {
    AdmissionBounds {
        per_address: config.bounds.connections_per_address.saturating_mul(share),
        per_network: config.bounds.connections_per_network.saturating_mul(share),
        total: config.bounds.connections.saturating_mul(share),
    }
}

/// Attempts to find a port that is free for TCP and UDP alike, where the system chooses it.
const PORT_ATTEMPTS: usize = 16;

/// Binds everything: for TCP one socket for each address, for UDP as many for each media worker.
fn bind_all(config: &Config) -> Result<(Vec<TcpListener>, Vec<Vec<UdpSocket>>), StartError> {
    let mut attempts = if config.port == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        let listeners = listen_all(&config.listen, config.port)?;
        attempts -= 1;
        match media::bind(&media_addresses(config, &listeners), config.media.workers.count()) {
            Ok(sockets) => return Ok((listeners, sockets)),
            Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            Err((address, error)) => return Err(listen_error(address, error)),
        }
    }
}

/// Returns the port at which the media plane is reached from outside.
fn udp_port(config: &MediaConfig, sockets: &[UdpSocket]) -> Option<u16> {
    let public = config.public_addresses.iter().find_map(|address| address.port);
    public.or_else(|| Some(sockets.first()?.local_addr().ok()?.port()))
}

/// Returns the addresses for UDP: those of TCP, or others at the same port.
fn media_addresses(config: &Config, listeners: &[TcpListener]) -> Vec<SocketAddr> {
    let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    if config.media.listen.is_empty() {
        return addresses;
    }
    let port = addresses.first().map_or(config.port, SocketAddr::port);
    config.media.listen.iter().map(|address| SocketAddr::new(*address, port)).collect()
}

fn listen_all(addresses: &[IpAddr], mut port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for address in addresses {
        match listener::listen((*address, port).into()) {
            Ok(listener) => {
                port = listener.local_addr().map_or(port, |address| address.port());
                listeners.push(listener);
            }
            // A system without IPv6 is served by IPv4 alone.
            Err(error) if is_any_ipv6(*address) && !listeners.is_empty() && is_unavailable(&error) => {
                debug!(%error, "IPv6 is not there");
            }
            Err(error) => return Err(listen_error((*address, port).into(), error)),
        }
    }
    Ok(listeners)
}

pub(crate) fn is_any_ipv6(address: IpAddr) -> bool {
    address.is_ipv6() && address.is_unspecified()
}

/// Returns whether it is the address that is missing. Systems say so in many ways.
pub(crate) fn is_unavailable(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

fn listen_error(address: SocketAddr, source: io::Error) -> StartError {
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(address.port()),
        io::ErrorKind::PermissionDenied => StartError::PortForbidden(address.port()),
        _ => StartError::Listen { address, source },
    }
}

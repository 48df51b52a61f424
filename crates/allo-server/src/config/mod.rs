//! What the operator decides. Everything has a default; `settings.rs` is the table of all of it.

mod acme;
mod example;
mod load;
mod oidc;
mod settings;
mod tokens;
mod value;

use std::{
    env,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    thread,
    time::Duration,
};

use allo_room::RoomsConfig;
use ipnet::IpNet;

pub use acme::{DirectoryUrl, Domain, Email};
pub use example::example;
pub use load::{LoadError, Sources, Task};
pub use oidc::{Issuer, OidcClientId, OidcConfig};
pub use tokens::{TokenAlgorithm, TokenKey};
pub use value::{LogFilter, Origin, PublicAddress};

/// The configuration of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The addresses to listen on.
    pub listen: Vec<IpAddr>,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// Where certificates are kept; `None` for the usual place.
    pub data: Option<PathBuf>,
    /// Where the certificate comes from.
    pub tls: TlsMode,
    /// The certificate chain, in PEM.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    pub tls_key: Option<PathBuf>,
    /// More names for the local certificate.
    pub host_names: Vec<String>,
    /// The port for plain HTTP, which leads to HTTPS, and where an authority may ask for its proofs; `None` for no such port.
    pub http_port: Option<u16>,
    /// How a public authority is asked for the certificate.
    pub acme: AcmeConfig,
    /// Keys by which access tokens are believed. Without any, none are taken.
    pub token_keys: Vec<TokenKey>,
    /// The name of this server in access tokens; `None` for the first of the domains.
    pub token_audience: Option<String>,
    /// Where people sign in.
    pub oidc: OidcConfig,
    /// Whose `X-Forwarded-*` and `Forwarded` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Pages of other hosts that may open a WebSocket.
    pub allowed_origins: Vec<Origin>,
    /// How two browsers agree on a connection.
    pub negotiation: Negotiation,
    /// What is logged.
    pub log: LogFilter,
    /// What one visitor, and all together, may use.
    pub bounds: Bounds,
    /// The rooms.
    pub rooms: RoomsConfig,
    /// The media plane.
    pub media: MediaConfig,
}

/// How a public authority is asked for the certificate (ACME, RFC 8555).
#[derive(Debug, Clone)]
pub struct AcmeConfig {
    /// The names to get a certificate for. Without any, nobody is asked.
    pub domains: Vec<Domain>,
    /// Where the authority can write to.
    pub email: Option<Email>,
    /// Where the authority is.
    pub directory: DirectoryUrl,
    /// Whom to trust as the directory, in PEM; `None` for the authorities that browsers know.
    pub ca: Option<PathBuf>,
}

/// What carries media for rooms of more than two.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// How many threads. Without any, browsers can only connect to each other.
    pub workers: MediaWorkers,
    /// The addresses to receive media at; none for those that everything else is listened on.
    pub listen: Vec<IpAddr>,
    /// Under which addresses this machine is known outside, besides its own.
    pub public_addresses: Vec<PublicAddress>,
    /// Media sessions at a time. Beyond: refused.
    pub participants: usize,
    /// What one participant may send, in thousands of bits a second. What is beyond it is dropped.
    pub bitrate_per_publisher: u32,
    /// What a file on its way may take, from its sender and to each who takes it, in thousands of bits a second. It waits for more.
    pub bitrate_per_file: u32,
}

/// Threads that carry media: as many as the largest machines have cores.
pub(crate) const MEDIA_WORKERS_MAX: u8 = 128;

/// How many threads carry media. There is one at most where the system does not spread datagrams over several sockets, which
/// is everywhere but on Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaWorkers {
    /// One for each core.
    Auto,
    /// So many; none for no media plane.
    Number(u8),
}

/// Where the certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// From files when there are some, else from the local authority.
    Auto,
    /// From files.
    Files,
    /// There is none: a proxy in front speaks HTTPS.
    Off,
}

/// The algorithm by which two browsers agree on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Negotiation {
    /// Either side offers whenever it needs to (W3C WebRTC §10.7).
    Perfect,
    /// One side offers, the other answers.
    Simple,
}

/// What one visitor, and all together, may use of the server.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Open WebSocket connections of one address, and a quarter of its other TCP connections. Beyond: 429, or closed at once.
    pub connections_per_address: usize,
    /// The same of one network: /24 for IPv4, /64 for IPv6.
    pub connections_per_network: usize,
    /// The same of all. Beyond: 503, or closed at once.
    pub connections: usize,
    /// The time for a TLS handshake, and again for the head of a request. Beyond: closed.
    pub request_timeout: Duration,
    /// Messages that wait for a client that does not read. Beyond: the client is dropped.
    pub outbox_messages: usize,
    /// The same in bytes.
    pub outbox_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            port: 8443,
            data: None,
            tls: TlsMode::Auto,
            tls_cert: None,
            tls_key: None,
            host_names: Vec::new(),
            http_port: None,
            acme: AcmeConfig {
                domains: Vec::new(),
                email: None,
                directory: DirectoryUrl::default(),
                ca: None,
            },
            token_keys: Vec::new(),
            token_audience: None,
            oidc: OidcConfig::default(),
            trusted_proxies: vec![
                IpNet::new_assert(Ipv4Addr::new(127, 0, 0, 0).into(), 8),
                IpNet::new_assert(Ipv6Addr::LOCALHOST.into(), 128),
            ],
            allowed_origins: Vec::new(),
            negotiation: Negotiation::Perfect,
            log: LogFilter::default(),
            bounds: Bounds {
                connections_per_address: 64,
                connections_per_network: 512,
                connections: 10_000,
                request_timeout: Duration::from_secs(10),
                outbox_messages: 256,
                outbox_bytes: 1024 * 1024,
            },
            rooms: RoomsConfig::default(),
            media: MediaConfig {
                workers: MediaWorkers::Auto,
                listen: Vec::new(),
                public_addresses: Vec::new(),
                participants: 1_000,
                bitrate_per_publisher: 12_000,
                bitrate_per_file: 20_000,
            },
        }
    }
}

impl MediaWorkers {
    /// Returns how many threads there are on this machine.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Auto | Self::Number(1..) if !cfg!(target_os = "linux") => 1,
            Self::Auto => {
                thread::available_parallelism().map_or(1, usize::from).min(MEDIA_WORKERS_MAX.into())
            }
            Self::Number(number) => number.into(),
        }
    }
}

impl Config {
    /// Returns the certificate files, when the certificate comes from files.
    pub(crate) fn tls_files(&self) -> Option<(PathBuf, PathBuf)> {
        match self.tls {
            TlsMode::Off => None,
            TlsMode::Auto | TlsMode::Files => self.tls_cert.clone().zip(self.tls_key.clone()),
        }
    }

    /// Returns the name that access tokens for this server have to be for.
    pub(crate) fn audience(&self) -> Option<String> {
        let domain = || self.acme.domains.first().map(|domain| domain.as_str().to_owned());
        self.token_audience.clone().or_else(domain)
    }

    /// Returns whether a public authority is asked for the certificate.
    pub(crate) fn has_acme(&self) -> bool {
        self.tls == TlsMode::Auto && self.tls_files().is_none() && !self.acme.domains.is_empty()
    }

    /// Returns the folder for what must outlive the program: what was asked for, or where the system keeps such things.
    pub(crate) fn data_folder(&self) -> Option<PathBuf> {
        let from = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let below = |name: &str, path: &str| from(name).map(|folder| PathBuf::from(folder).join(path));
        // systemd may name several, with colons between; its StateDirectory= comes first.
        let state = || from("STATE_DIRECTORY").and_then(|folders| env::split_paths(&folders).next());
        self.data
            .clone()
            .or_else(state)
            .or_else(|| below("XDG_DATA_HOME", "allo"))
            .or_else(|| below("LOCALAPPDATA", "allo"))
            .or_else(|| below("HOME", ".local/share/allo"))
    }
}

//! The server's certificate: its own authority's, a public one's, or from files. It is replaced under running connections.

mod acme;
mod authority;
mod certificate;
mod file;
mod files;
mod names;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::CertificateDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use thiserror::Error;
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{
    acme::{Acme, Challenges},
    authority::LocalAuthority,
    files::CertificateFiles,
};
use crate::{
    config::{Config, TlsMode},
    listener::TURN_PROTOCOL,
};

pub(crate) use acme::{Failure, PROTOCOL as CHALLENGE_PROTOCOL, client};
pub(crate) use names::local_addresses;

/// How often the names of this machine are compared with those of the certificate.
///
/// Lower: the certificate is right sooner after a change of network. Higher: less work.
const NAMES_INTERVAL: Duration = Duration::from_secs(30);

/// How often certificate files are looked at. They are read when they changed and have stayed so for one more look,
/// because there are two of them.
const FILES_INTERVAL: Duration = Duration::from_secs(1);

/// There is no certificate to serve with.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}", path = .path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: choose another folder with --data", path = .path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing says where to keep certificates.
    #[error("there is no folder for certificates: name one with --data")]
    NoFolder,
    /// A private key can be read by other users of this machine.
    #[error("other users of this machine can read {path}: run `chmod 600 {path}`", path = .0.display())]
    Exposed(PathBuf),
    /// A file has no certificate, or no key.
    #[error("{path} has no {what} in PEM format", path = .path.display())]
    Empty {
        /// Which one.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
    },
    /// A file is not PEM.
    #[error("{path} is not in PEM format", path = .path.display())]
    Pem {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate and its key do not belong together, or are of an unknown kind.
    #[error("the certificate {path} cannot be used", path = .path.display())]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The local authority cannot sign.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// The cryptography has no version of TLS that can be used.
    #[error("cannot set TLS up")]
    Setup(#[from] rustls::Error),
}

/// From when until when a certificate is good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
}

/// Reads certificate files as the server would; `None` when the certificate is not from files.
pub(crate) fn validity(config: &Config) -> Result<Option<Validity>, TlsError> {
    let Some((path, key)) = config.tls_files() else { return Ok(None) };
    let (_, key) = CertificateFiles::open(path.clone(), key)?;
    let validity = key.cert.first().and_then(certificate::validity);
    validity.map(Some).ok_or(TlsError::Empty { path, what: "certificate" })
}

/// Where the certificate comes from.
#[derive(Debug)]
enum Source {
    Local(LocalAuthority),
    /// A public authority. Until it has given one, the local one does.
    Acme(Acme),
    Files(CertificateFiles),
}

/// The server's certificate.
#[derive(Debug)]
pub(crate) struct Tls {
    source: Source,
    host_names: Vec<String>,
    current: Arc<Current>,
    server_config: Arc<ServerConfig>,
}

impl Tls {
    /// Opens the certificate that `config` asks for; `None` when a proxy speaks HTTPS.
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, TlsError> {
        if config.tls == TlsMode::Off {
            return Ok(None);
        }
        let (source, key) = if let Some((certificate, key)) = config.tls_files() {
            let (files, key) = CertificateFiles::open(certificate, key)?;
            (Source::Files(files), key)
        } else if config.has_acme() {
            let folder = config.data_folder().ok_or(TlsError::NoFolder)?;
            let (acme, kept) = Acme::open(&folder, &config.acme, config.http_port.is_some())?;
            (Source::Acme(acme), kept.map_or_else(|| meanwhile(&folder, config), Ok)?)
        } else {
            let folder = config.data_folder().ok_or(TlsError::NoFolder)?;
            let authority = LocalAuthority::open(&folder)?;
            let leaf = authority.leaf(&names::names(&config.host_names))?;
            (Source::Local(authority), leaf)
        };
        let current =
            Arc::new(Current { key: ArcSwap::from_pointee(key), challenges: Challenges::default() });
        let mut server_config = server_config(current.clone())?;
        if matches!(source, Source::Acme(_)) {
            server_config.alpn_protocols.push(CHALLENGE_PROTOCOL.to_vec());
        }
        let server_config = Arc::new(server_config);
        Ok(Some(Self { source, host_names: config.host_names.clone(), current, server_config }))
    }

    /// Returns what a TLS handshake needs.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.server_config.clone()
    }

    /// Returns the proof that a public authority asks for by plain HTTP.
    pub(crate) fn proof(&self, token: &str) -> Option<String> {
        self.current.challenges.proof(token)
    }

    /// Returns the authority's certificate, when this server is its own authority.
    pub(crate) fn authority(&self) -> Option<&CertificateDer<'static>> {
        match &self.source {
            Source::Local(authority) => Some(authority.certificate()),
            Source::Acme(_) | Source::Files(_) => None,
        }
    }

    /// Returns whether the certificate is one that browsers may be expected to trust by themselves.
    pub(crate) fn is_public(&self) -> bool {
        match &self.source {
            Source::Local(_) => false,
            Source::Acme(acme) => acme.is_served(),
            Source::Files(_) => true,
        }
    }

    /// Returns why the public authority gave no certificate when it was last asked, if so.
    pub(crate) fn trouble(&self) -> Option<Arc<Failure>> {
        match &self.source {
            Source::Acme(acme) => acme.trouble(),
            Source::Local(_) | Source::Files(_) => None,
        }
    }

    /// Returns the names in a public certificate under which people can reach this server.
    pub(crate) fn public_names(&self) -> Vec<String> {
        let key = self.current.key.load();
        let names =
            certificate::parse(&key.cert[0]).map(|parsed| certificate::names_of(&parsed)).unwrap_or_default();
        let is_usable = |name: &String| !name.starts_with("*.") && self.is_public();
        names.into_iter().filter(is_usable).collect()
    }

    /// Returns the SHA-256 fingerprint of the certificate, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
        let key = self.current.key.load();
        let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, &key.cert[0]);
        digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// Replaces the certificate whenever there is a better one, until `stop`.
    pub(crate) async fn renew(self: Arc<Self>, stop: CancellationToken) {
        let period = match &self.source {
            Source::Acme(acme) => return acme.keep(&self.current, &stop).await,
            Source::Local(_) => NAMES_INTERVAL,
            Source::Files(_) => FILES_INTERVAL,
        };
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let tls = self.clone();
            // Files are read and keys are made: not on a thread that serves sockets.
            let renewed = tokio::task::spawn_blocking(move || tls.renewed()).await;
            match renewed {
                Ok(Ok(Some(key))) => {
                    self.current.key.store(Arc::new(key));
                    info!("the certificate was replaced");
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => warn!(error = %crate::chain(&error), "the certificate stays as it was"),
                Err(error) => warn!(%error, "the certificate could not be renewed"),
            }
        }
    }

    /// Returns a certificate to replace the current one with, when there is cause to.
    fn renewed(&self) -> Result<Option<CertifiedKey>, TlsError> {
        match &self.source {
            Source::Local(authority) => {
                let key = authority.leaf(&names::names(&self.host_names))?;
                Ok((key.cert != self.current.key.load().cert).then_some(key))
            }
            Source::Acme(_) => Ok(None),
            Source::Files(files) => files.changed(),
        }
    }
}

/// Returns a certificate of the local authority, for until a public one gives its own.
fn meanwhile(folder: &Path, config: &Config) -> Result<CertifiedKey, TlsError> {
    let domains = config.acme.domains.iter().map(|domain| domain.as_str().to_owned());
    let names: Vec<_> = config.host_names.iter().cloned().chain(domains).collect();
    LocalAuthority::open(folder)?.leaf(&names::names(&names))
}

/// The certificate in use: each new handshake takes it, each running connection keeps its own.
#[derive(Debug)]
struct Current {
    key: ArcSwap<CertifiedKey>,
    challenges: Challenges,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if Challenges::is_asked_for(&hello) {
            return self.challenges.answer(&hello);
        }
        Some(self.key.load_full())
    }
}

/// TLS 1.2 and 1.3, both with authenticated encryption only: rustls knows nothing older.
fn server_config(current: Arc<Current>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"http/1.1".to_vec(), TURN_PROTOCOL.to_vec()];
    Ok(config)
}

/// Makes what rustls signs with from a chain and its key.
fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
) -> Result<CertifiedKey, rustls::Error> {
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
}

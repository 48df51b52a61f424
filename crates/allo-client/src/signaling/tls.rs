//! Whom to believe that it is the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
};

/// Which server certificates to accept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Those that this machine trusts.
    #[default]
    System,
    /// Those that this machine trusts, and those of the authorities in this PEM file.
    SystemAnd(PathBuf),
    /// Any at all, so that anyone on the way can read and change everything. For tests.
    DangerAcceptAnyCertificate,
}

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file with the authorities cannot be read.
    #[error("cannot read the certificate authorities in {}", path.display())]
    ReadRoots {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        error: tokio_rustls::rustls::pki_types::pem::Error,
    },
    /// The file with the authorities holds none, or one that is not a certificate.
    #[error("no usable certificate authority in {}", .0.display())]
    NoRoots(PathBuf),
    /// The cryptography cannot do what TLS needs.
    #[error("TLS cannot be set up")]
    Setup(#[source] RustlsError),
}

/// Makes the configuration of TLS.
pub(crate) fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?;
    let config = match trust {
        Trust::System => builder.with_root_certificates(system_roots()).with_no_client_auth(),
        Trust::SystemAnd(path) => {
            let mut roots = system_roots();
            add_roots(&mut roots, path)?;
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Trust::DangerAcceptAnyCertificate => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny { provider }))
            .with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A machine may hold certificates that cannot be read; the others still count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let read_error = |error| TlsError::ReadRoots { path: path.to_owned(), error };
    let mut added = 0;
    for certificate in CertificateDer::pem_file_iter(path).map_err(read_error)? {
        roots.add(certificate.map_err(read_error)?).map_err(|_| TlsError::NoRoots(path.to_owned()))?;
        added += 1;
    }
    if added == 0 { Err(TlsError::NoRoots(path.to_owned())) } else { Ok(()) }
}

/// Accepts any certificate. The signatures of the handshake are still checked, so that both ends agree on it.
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

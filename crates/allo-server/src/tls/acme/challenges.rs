//! Proof that a domain leads here: a certificate that only its tester asks for (TLS-ALPN-01, RFC 8737), or a text that it asks for
//! by plain HTTP (HTTP-01, RFC 8555 §8.3).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::{
    crypto::aws_lc_rs::default_provider, pki_types::PrivateKeyDer, server::ClientHello, sign::CertifiedKey,
};

use crate::{config::Domain, tls::TlsError};

/// The protocol in which the authority asks for the proof.
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The proofs that are asked for at the moment: one for each domain at most, and none between orders.
#[derive(Debug, Default)]
pub(in crate::tls) struct Challenges(Mutex<Proofs>);

#[derive(Debug, Default)]
struct Proofs {
    /// By domain.
    certificates: BTreeMap<String, Arc<CertifiedKey>>,
    /// By token.
    texts: BTreeMap<String, String>,
}

impl Challenges {
    /// Returns whether a client wants the proof and nothing else. One that offers HTTP as well is a browser gone astray.
    pub(in crate::tls) fn is_asked_for(hello: &ClientHello<'_>) -> bool {
        let mut protocols = hello.alpn().into_iter().flatten();
        protocols.next() == Some(PROTOCOL) && protocols.next().is_none()
    }

    /// Returns the proof for the domain that a client asks about.
    pub(in crate::tls) fn answer(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.lock().certificates.get(hello.server_name()?).cloned()
    }

    /// Returns the proof with this token.
    pub(in crate::tls) fn proof(&self, token: &str) -> Option<String> {
        self.lock().texts.get(token).cloned()
    }

    /// Prepares the proof with this token, for plain HTTP.
    pub(super) fn offer_text(&self, token: &str, proof: &str) {
        self.lock().texts.insert(token.to_owned(), proof.to_owned());
    }

    /// Prepares the proof for `domain`.
    pub(super) fn offer(&self, domain: &Domain, digest: &[u8]) -> Result<(), TlsError> {
        let key = proof(domain, digest)?;
        self.lock().certificates.insert(domain.as_str().to_owned(), Arc::new(key));
        Ok(())
    }

    /// Forgets all proofs.
    pub(super) fn clear(&self) {
        *self.lock() = Proofs::default();
    }

    fn lock(&self) -> MutexGuard<'_, Proofs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn proof(domain: &Domain, digest: &[u8]) -> Result<CertifiedKey, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![domain.as_str().to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let key =
        PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| rustls::Error::General(error.into()))?;
    // Not by `certified_key`, which reads the certificate: this one has an extension that only its tester understands.
    let key = default_provider().key_provider.load_private_key(key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

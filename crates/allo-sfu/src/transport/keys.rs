//! The keys of media, which the engine's handshake makes and keeps to itself.
//!
//! The engine takes its DTLS from a provider, and reads the keys from what that one puts out. So the provider here is `allo-dtls`, with an
//! ear at that place, and a gate for what comes by data channels.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use allo_dtls::Tap;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, SrtpProfile};

use super::gate::Gate;
use crate::egress::{Profile, Srtp};

thread_local! {
    /// The keys of the handshake that ended in the present call of the engine. They are taken right after it.
    static HEARD: Cell<Option<Srtp>> = const { Cell::new(None) };
}

/// Returns the keys of a handshake that ended since this was called last on this thread.
pub(super) fn take() -> Option<Srtp> {
    HEARD.take()
}

/// Returns the engine's cryptography with the ear in it.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(CryptoProvider { dtls_provider: &Listening, ..allo_dtls::cryptography() }));
    PROVIDER.clone()
}

/// The usual DTLS, listened to.
#[derive(Debug)]
struct Listening;

impl DtlsProvider for Listening {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        allo_dtls::cryptography().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        allo_dtls::connect(certificate, now, version, mtu, Ear(Gate::default()))
    }
}

#[derive(Debug)]
struct Ear(Gate);

impl Tap for Ear {
    fn pass<'a>(&mut self, output: DtlsOutput<'a>, is_active: bool) -> DtlsOutput<'a> {
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let profile = match *profile {
                SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1),
                SrtpProfile::AEAD_AES_128_GCM => Some(Profile::Aes128Gcm),
                SrtpProfile::AEAD_AES_256_GCM => Some(Profile::Aes256Gcm),
                // The engine offers no other.
                _ => None,
            };
            HEARD.set(profile.and_then(|profile| Srtp::new(profile, material, is_active)));
        }
        match output {
            // The engine makes nothing of a packet without anything in it.
            DtlsOutput::ApplicationData(packet) if !self.0.admits(packet) => DtlsOutput::ApplicationData(&[]),
            output => output,
        }
    }
}

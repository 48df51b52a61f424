//! The keys of media, which the engine's handshake makes and keeps to itself.
//!
//! The engine takes its DTLS from a provider, and reads the keys from what that one puts out. So the provider here is `allo-dtls`, with an
//! ear at that place, and a gate for what comes by data channels.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use str0m::config::{CryptoProvider, DtlsCert};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion, SrtpProfile,
};

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

fn usual() -> &'static dyn DtlsProvider {
    allo_dtls::cryptography().dtls_provider
}

impl DtlsProvider for Listening {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        usual().generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(Ear(usual().new_dtls(certificate, now, version, mtu)?, Gate::default())))
    }
}

#[derive(Debug)]
struct Ear(Box<dyn DtlsInstance>, Gate);

impl DtlsInstance for Ear {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let is_client = self.0.is_active();
        let output = self.0.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let profile = match *profile {
                SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1),
                SrtpProfile::AEAD_AES_128_GCM => Some(Profile::Aes128Gcm),
                SrtpProfile::AEAD_AES_256_GCM => Some(Profile::Aes256Gcm),
                // The engine offers no other.
                _ => None,
            };
            HEARD.set(profile.and_then(|profile| Srtp::new(profile, material, is_client)));
        }
        match output {
            // The engine makes nothing of a packet without anything in it.
            DtlsOutput::ApplicationData(packet) if !self.1.admits(packet) => DtlsOutput::ApplicationData(&[]),
            output => output,
        }
    }

    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

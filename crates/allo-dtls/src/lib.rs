//! The engine's cryptography, with handshakes that mend a loss as soon as a call needs it.
//!
//! A flight of a DTLS handshake that is not answered is sent again: after a second at first, unless it is known how far away the other end is
//! (RFC 6347 §4.2.4.1, RFC 9147 §5.8.2). It is known: the two have checked their connectivity just before, and a call is no call over a round trip
//! much longer than [`FIRST_WAIT`]. Over a longer one everything is sent twice, which both ends see through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, certificate::generate_self_signed_certificate};
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

/// How long a flight waits for its answer before it is sent again; after that twice as long, and so on, a quarter more or less by chance.
///
/// Lower: those who are far away are sent everything twice. Higher: what is lost is missed for longer.
pub const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How often a flight is sent again, for whatever reason. Beyond that the handshake has failed, after half a minute.
const RETRIES: usize = 6;

/// Returns the engine's cryptography, of which only the handshakes are others.
pub fn cryptography() -> CryptoProvider {
    CryptoProvider { dtls_provider: &Provider, ..from_feature_flags() }
}

#[derive(Debug)]
struct Provider;

impl DtlsProvider for Provider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        generate_self_signed_certificate().ok()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        // Only who has passed a check of connectivity, with a password, gets to speak: a cookie would prove nothing more.
        let mut config =
            Config::builder().flight_start_rto(FIRST_WAIT).flight_retries(RETRIES).use_server_cookie(false);
        if let Some(mtu) = mtu {
            config = config.mtu(mtu);
        }
        let config = config.build().map_err(|error| CryptoError::Other(error.to_string()))?;
        let (config, certificate) = (Arc::new(config), certificate.clone());
        let dtls = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto => Dtls::new_auto(config, certificate, now),
            _ => return Err(CryptoError::Other(format!("unknown version of DTLS: {version}"))),
        };
        Ok(Box::new(End(dtls)))
    }
}

/// One end of a connection, in the shape that the engine knows.
#[derive(Debug)]
struct End(Dtls);

impl DtlsInstance for End {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
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

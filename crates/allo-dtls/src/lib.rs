//! The engine's cryptography, with handshakes that mend a loss as soon as a call needs it.
//!
//! A flight of a DTLS handshake that is not answered is sent again: after a second at first, unless it is known how far away the other end is
//! (RFC 6347 §4.2.4.1, RFC 9147 §5.8.2). It is known: the two have checked their connectivity just before, and a call is no call over a round trip
//! much longer than [`FIRST_WAIT`]. Over a longer one everything is sent twice, which both ends see through.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
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
        connect(certificate, now, version, mtu, ())
    }
}

/// What comes out of an end, for whoever has to know of it before the engine does.
pub trait Tap: fmt::Debug + Send + Sync + UnwindSafe + RefUnwindSafe + 'static {
    /// Takes note of an output, and returns what the engine gets in its place. `is_active`: this end began the handshake.
    fn pass<'a>(&mut self, output: DtlsOutput<'a>, is_active: bool) -> DtlsOutput<'a>;
}

impl Tap for () {
    fn pass<'a>(&mut self, output: DtlsOutput<'a>, _is_active: bool) -> DtlsOutput<'a> {
        output
    }
}

/// Makes an end as [`cryptography`] does, whose output goes by a tap.
///
/// # Errors
///
/// Fails if the version is none that is known, or `mtu` none that is possible.
pub fn connect(
    certificate: &DtlsCert,
    now: Instant,
    version: DtlsVersion,
    mtu: Option<usize>,
    tap: impl Tap,
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
    Ok(Box::new(End { dtls, tap }))
}

/// One end of a connection, in the shape that the engine knows.
#[derive(Debug)]
struct End<T> {
    dtls: Dtls,
    tap: T,
}

impl<T: Tap> DtlsInstance for End<T> {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let is_active = self.dtls.is_active();
        let output = self.dtls.poll_output(buffer);
        self.tap.pass(output, is_active)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}

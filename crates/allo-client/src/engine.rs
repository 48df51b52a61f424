//! The WebRTC engine of one connection, as links and sessions both drive it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allo_dtls::cryptography;
use str0m::config::DtlsCert;
use str0m::format::{Codec, PayloadParams};
use str0m::media::{KeyframeRequestKind, Mid, Rid};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Event, Input, Output, Rtc, RtcConfig, RtcError};
use tracing::debug;

use crate::sending::Outgoing;

/// Checks that may stay unanswered, a second apart at most, before a path counts as lost. Lower: a lost path is noticed
/// sooner; higher: a bad network is forgiven longer. Six are about five seconds, as in browsers.
const UNANSWERED_CHECKS_MAX: usize = 6;
const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// When to look again at an engine that reported a fault. It is about to be replaced.
const RETRY: Duration = Duration::from_secs(1);
/// Sound above this level is said to be a voice (RFC 6464). Lower: noise is, too.
const VOICE_DBOV: i8 = -50;

/// How long sound waits for what was lost before it, which comes with one of the next packets or not at all.
///
/// Lower: what was only overtaken is left out. Higher: a loss is a longer silence.
const SOUND_WAITS_MAX: Duration = Duration::from_millis(100);

/// An engine, when it is due, and what it has to send.
///
/// After each call, [`Self::poll_event`] is to be asked until it has nothing more.
#[derive(Debug)]
pub(crate) struct Engine {
    /// For what belongs to one kind of connection alone: descriptions and candidates.
    pub(crate) rtc: Rtc,
    due: Instant,
    /// Emptied by the caller after each call, so it holds what one call brought about.
    transmits: VecDeque<Transmit>,
}

impl Engine {
    pub(crate) fn new(now: Instant, certificate: DtlsCert) -> Self {
        let mut config = RtcConfig::new()
            .set_crypto_provider(Arc::new(cryptography()))
            .clear_codecs()
            .enable_opus(true, true)
            .enable_vp8(true)
            .set_reordering_timeout_audio(Some(SOUND_WAITS_MAX))
            .set_dtls_cert(certificate);
        config.set_max_stun_rto(CHECK_INTERVAL_MAX);
        config.set_max_stun_retransmits(UNANSWERED_CHECKS_MAX);
        Self { rtc: config.build(now), due: now, transmits: VecDeque::new() }
    }

    /// Returns whether a datagram from `source` is for this engine.
    pub(crate) fn accepts(
        &self,
        now: Instant,
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        Receive::new(protocol, source, destination, datagram)
            .is_ok_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Takes a datagram that this engine accepts. Returns whether it may be one for it at all.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        let Ok(receive) = Receive::new(protocol, source, destination, datagram) else { return false };
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, receive)) {
            // What comes from the network may be anything: it is dropped, and the connection goes on.
            debug!(error = %error, "dropped a datagram");
        }
        true
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), RtcError> {
        if self.due <= now { self.rtc.handle_input(Input::Timeout(now)) } else { Ok(()) }
    }

    /// Returns what happened next, or nothing once the engine has come to rest. After an error it has, too.
    pub(crate) fn poll_event(&mut self, now: Instant) -> Result<Option<Event>, RtcError> {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) => {
                    self.due = due;
                    return Ok(None);
                }
                Ok(Output::Transmit(transmit)) => self.transmits.push_back(transmit),
                Ok(Output::Event(event)) => return Ok(Some(event)),
                Err(error) => {
                    self.due = now + RETRY;
                    return Err(error);
                }
            }
        }
    }

    /// Returns the next datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// Returns when to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// Sends a frame or a packet on a line; `rid` names its layer, where there are several.
    pub(crate) fn write(&mut self, now: Instant, mid: Mid, rid: Option<Rid>, outgoing: Outgoing) {
        let codec = if outgoing.kind.is_audio() { Codec::Opus } else { Codec::Vp8 };
        let Some(mut writer) = self.rtc.writer(mid) else { return };
        let payload_type =
            writer.payload_params().find(|params| params.spec().codec == codec).map(PayloadParams::pt);
        let Some(payload_type) = payload_type else { return };
        if let Some(rid) = rid {
            writer = writer.rid(rid);
        }
        if let Some(level) = outgoing.level {
            writer = writer.audio_level(level, level > VOICE_DBOV);
        }
        if let Err(error) = writer.write(payload_type, now, outgoing.time, outgoing.data) {
            debug!(error = %error, "could not send media");
        }
    }

    /// Asks the other end for a picture that needs none before it.
    pub(crate) fn request_keyframe(&mut self, mid: Mid) {
        let Some(mut writer) = self.rtc.writer(mid) else { return };
        if let Err(error) = writer.request_keyframe(None, KeyframeRequestKind::Pli) {
            debug!(error = %error, "could not ask for a keyframe");
        }
    }
}

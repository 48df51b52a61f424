//! How a session is made, and what it has to say.

use std::net::SocketAddr;

use allo_protocol::{Demand, MediaSession, MediaTrack, ParticipantId, Source};
use serde::Serialize;
use str0m::RtcError;
use str0m::config::DtlsCert;
use thiserror::Error;

use crate::peer::LinkState;
use crate::sending::SentReport;

/// What a session is made with.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Its number: higher than that of the one before.
    pub number: MediaSession,
    /// Whether there is a line for a camera at all.
    pub sends_video: bool,
    /// Whether the microphone is on.
    pub mic: bool,
    /// Whether the camera is on.
    pub cam: bool,
    /// How many voices can be received at a time.
    pub audio_slots: usize,
    /// How many pictures can be received at a time.
    pub video_slots: usize,
    /// The local addresses to send from.
    pub addresses: Vec<SocketAddr>,
    /// Whether to reach the server by TCP (RFC 6544) instead of UDP.
    pub is_by_tcp: bool,
    /// The certificate of this end.
    pub certificate: DtlsCert,
}

/// What a session has to say.
#[derive(Debug)]
pub enum SessionEvent {
    /// The state changed.
    StateChanged(LinkState),
    /// Give this to the server.
    Offer {
        /// The offer.
        sdp: String,
        /// What its sending lines carry.
        tracks: Vec<MediaTrack>,
    },
    /// This came by the data channel.
    Data(Vec<u8>),
    /// The session cannot be mended: another one is needed.
    RenewalNeeded,
}

/// What a session carries now, and has sent so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionReport {
    /// Its number.
    pub session: MediaSession,
    /// Its state.
    pub state: LinkState,
    /// Whether what came last came by TCP.
    pub is_by_tcp: bool,
    /// What it has sent.
    pub sent: SentReport,
    /// How much of the own tracks anybody receives.
    pub demand: Vec<Demand>,
    /// What its slots carry.
    pub slots: Vec<SlotReport>,
}

/// What a slot carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotReport {
    /// Whose track it is.
    pub participant: ParticipantId,
    /// Where it comes from.
    pub source: Source,
    /// Which simulcast layer comes.
    pub layer: Option<u8>,
    /// Whether the server leaves it out because it does not fit.
    pub is_paused: bool,
}

/// Why an answer of the server could not be used.
#[derive(Debug, Error)]
pub enum SessionError {
    /// It is not SDP.
    #[error("the answer is not SDP")]
    BadAnswer,
    /// The engine refused it.
    #[error("the answer cannot be accepted")]
    Answer(#[source] RtcError),
}

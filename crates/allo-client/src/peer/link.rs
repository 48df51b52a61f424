//! How a link is made, and what it has to say.

use std::net::SocketAddr;

use allo_protocol::{IceCandidate, SessionDescription};
use serde::Serialize;
use str0m::RtcError;
use str0m::config::DtlsCert;
use thiserror::Error;

use super::negotiation::Negotiation;

/// What a link is made with.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// How to negotiate.
    pub negotiation: Negotiation,
    /// Whether this end gives way when offers cross. The impolite end makes the first offer.
    pub is_polite: bool,
    /// Whether video is sent at all.
    pub sends_video: bool,
    /// Whether the microphone is on.
    pub mic: bool,
    /// Whether the camera is on.
    pub cam: bool,
    /// The local addresses to be reached at.
    pub addresses: Vec<SocketAddr>,
    /// The certificate of this end; one for all links saves making another.
    pub certificate: DtlsCert,
}

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    /// Not connected yet.
    Connecting,
    /// Media can flow both ways.
    Connected,
    /// It was connected and will be again.
    Reconnecting,
    /// It cannot be mended, and a new link has been asked for.
    Failed,
}

/// What a link has to say.
#[derive(Debug)]
pub enum PeerEvent {
    /// The state changed.
    StateChanged(LinkState),
    /// Give this to the peer.
    Description(SessionDescription),
    /// Give this to the peer.
    Candidate(IceCandidate),
    /// Ask the server for a new link.
    RenewalNeeded,
}

/// Why a message of the peer could not be used.
#[derive(Debug, Error)]
pub enum PeerError {
    /// It is not SDP.
    #[error("the description is not SDP")]
    BadDescription,
    /// There are more media lines than a link may have.
    #[error("the description has too many media lines")]
    TooManyLines,
    /// The engine refused the offer.
    #[error("the offer cannot be accepted")]
    Offer(#[source] RtcError),
    /// The engine refused the answer.
    #[error("the answer cannot be accepted")]
    Answer(#[source] RtcError),
    /// The engine failed.
    #[error("the link broke")]
    Engine(#[source] RtcError),
}

//! What a participant tells whoever runs it.

use allo_protocol::{ErrorCode, LeaveReason, LinkId, Participant, ParticipantId};
use serde::Serialize;

use crate::peer::{AudioReport, LinkState, SentReport, VideoReport};
use crate::signaling::EndReason;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// This participant is in the room, for the first time or again.
    Joined {
        /// The name of the room, as the server writes it.
        room: String,
        /// This participant's id.
        you: ParticipantId,
        /// Everyone in the room, this participant among them.
        participants: Vec<Participant>,
    },
    /// Someone came in.
    ParticipantJoined {
        /// The newcomer.
        participant: Participant,
    },
    /// Something about someone changed.
    ParticipantUpdated {
        /// The participant, whole.
        participant: Participant,
    },
    /// Someone is gone.
    ParticipantLeft {
        /// Who it was.
        participant: ParticipantId,
        /// Why they are gone; unknown when they went while the connection was away.
        reason: Option<LeaveReason>,
    },
    /// The connection to the server came or went.
    Signaling {
        /// Whether it is there.
        is_open: bool,
    },
    /// Media can flow to and from someone, for the first time over this link.
    RemoteConnected {
        /// Who it is.
        participant: ParticipantId,
    },
    /// The link to someone is gone.
    RemoteDisconnected {
        /// Who it is.
        participant: ParticipantId,
    },
    /// The link to someone changed its state.
    LinkState {
        /// Who it is.
        participant: ParticipantId,
        /// The link.
        link: LinkId,
        /// Its state.
        state: LinkState,
    },
    /// The server refused something.
    Error {
        /// What it was, for programs.
        code: ErrorCode,
        /// What it was, for people.
        text: String,
    },
    /// It is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// What was received and sent so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// This participant's id, once it has joined.
    pub you: Option<ParticipantId>,
    /// Everyone in the room but this participant.
    pub peers: Vec<PeerReport>,
    /// Events that nobody read in time, and that were left out.
    pub events_dropped: u64,
}

/// What was received from one peer, and sent to it, over the present link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerReport {
    /// Who it is.
    pub participant: ParticipantId,
    /// The name that they go by.
    pub display_name: String,
    /// The link, once the server has named one.
    pub link: Option<LinkId>,
    /// Its state.
    pub state: Option<LinkState>,
    /// The sound that came.
    pub audio: AudioReport,
    /// The pictures that came.
    pub video: VideoReport,
    /// What was sent.
    pub sent: SentReport,
}

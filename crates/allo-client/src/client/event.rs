//! What a participant tells whoever runs it.

use allo_protocol::{
    ChatMessage, Device, ErrorCode, FileId, FileOffer, FileOutcome, Knocker, LeaveReason, LinkId,
    MediaSession, Participant, ParticipantId, Reaction, RoomSettings, Topology,
};
use serde::Serialize;

use crate::peer::LinkState;
use crate::session::SessionReport;
use crate::signaling::EndReason;
use crate::{AudioReport, SentReport, VideoReport};

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
    /// Media take another way from now on.
    TopologyChanged {
        /// The new way.
        topology: Topology,
    },
    /// The room is kept in another way from now on.
    RoomUpdated {
        /// How it is kept, whole.
        settings: RoomSettings,
    },
    /// This participant has to be admitted to the room first.
    Waiting {
        /// The name of the room, as the server writes it.
        room: String,
    },
    /// This participant is a moderator, and these wait to be admitted: all of them.
    Knocking {
        /// Those who wait.
        people: Vec<Knocker>,
    },
    /// A moderator turned off a device of this participant, which is off by now. A screen there is none.
    TurnedOff {
        /// Which.
        device: Device,
        /// Who it was.
        by: ParticipantId,
    },
    /// A moderator asks this participant to turn on a device. Nothing is done by itself.
    AskedToTurnOn {
        /// Which.
        device: Device,
        /// Who it was.
        by: ParticipantId,
    },
    /// Something was said in writing, by this participant or another.
    Chat {
        /// It.
        message: ChatMessage,
    },
    /// What was said in writing before. After a reconnection, some of it is known: the same number is the same message.
    ChatHistory {
        /// It, the oldest first.
        messages: Vec<ChatMessage>,
    },
    /// Files are offered to this participant, or by it. After [`Event::Joined`], what is not told again is not on offer any more.
    FilesOffered {
        /// Them, the oldest first. Some may be known.
        files: Vec<FileOffer>,
    },
    /// A file is not offered any more.
    FileWithdrawn {
        /// Which.
        file: FileId,
    },
    /// Somebody takes a file that this participant offers, or this participant does so.
    FileAccepted {
        /// Which.
        file: FileId,
        /// Who takes it.
        participant: ParticipantId,
    },
    /// A file has got on, as is told four times a second at most.
    FileProgressed {
        /// Which.
        file: FileId,
        /// How many bytes of it were written here, or sent since the first of those took it who do.
        done: u32,
        /// How many it has.
        bytes: u32,
    },
    /// All of a file that this participant takes is written.
    FileSaved {
        /// Which.
        file: FileId,
    },
    /// It is over that somebody takes a file. Of what this participant takes, only a bad end is told: the good one is
    /// [`Event::FileSaved`].
    FileEnded {
        /// Which.
        file: FileId,
        /// Who took it.
        participant: ParticipantId,
        /// How it ended.
        outcome: FileOutcome,
    },
    /// A file could not be read, written or taken, and was given up.
    FileFailed {
        /// Which.
        file: FileId,
        /// Why, for people.
        text: String,
    },
    /// Somebody gives a sign.
    Reacted {
        /// Who.
        participant: ParticipantId,
        /// Which.
        reaction: Reaction,
    },
    /// The session with the server's media plane changed its state.
    SessionState {
        /// The session.
        session: MediaSession,
        /// Its state.
        state: LinkState,
    },
    /// The server ended a session, or refused it.
    SessionClosed {
        /// The session.
        session: MediaSession,
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        text: String,
    },
    /// Other people make sound, by the server's measure.
    Speakers {
        /// Who speaks most, or did last.
        active: Option<ParticipantId>,
        /// Everyone who makes sound.
        speaking: Vec<ParticipantId>,
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
    /// Which way media take in the room.
    pub topology: Topology,
    /// The session with the server's media plane, if there is one.
    pub session: Option<SessionReport>,
    /// Everyone in the room but this participant.
    pub peers: Vec<PeerReport>,
    /// Events that nobody read in time, and that were left out.
    pub events_dropped: u64,
}

/// What was received from one peer, and sent to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerReport {
    /// Who it is.
    pub participant: ParticipantId,
    /// The name that they go by.
    pub display_name: String,
    /// The link, while there is one.
    pub link: Option<LinkId>,
    /// Its state.
    pub state: Option<LinkState>,
    /// The sound of the microphone, by whichever way it came.
    pub audio: AudioReport,
    /// The pictures of the camera, by whichever way they came.
    pub video: VideoReport,
    /// What came through the present session with the server: a part of the above, and what is shared.
    pub by_session: BySession,
    /// What was sent over the present link.
    pub sent: SentReport,
}

/// What came through the session with the server, by source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BySession {
    /// The microphone.
    pub mic: AudioReport,
    /// The camera.
    pub cam: VideoReport,
    /// The shared screen.
    pub screen: VideoReport,
    /// The sound of what is shared.
    pub screen_audio: AudioReport,
}

//! What the server says.

use serde::{Deserialize, Serialize};

use crate::{
    ChatMessage, Device, ErrorCode, FileId, FileOffer, FileOutcome, IceCandidate, IceServer, Knocker, LinkId,
    MayPublish, MediaCondition, MediaSession, ParticipantId, PictureLimits, Reaction, Relay, Role,
    RoomSettings, SessionDescription, Source, Topology, TopologyChoice, VideoCodec,
};

/// A message from the server to a client.
///
/// Clients ignore types and fields that they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// Answers `hello`.
    Welcome {
        /// The version of the protocol that the server speaks.
        protocol_version: u32,
        /// The server's name and version.
        server: String,
        /// What the server allows.
        limits: Limits,
        /// The ICE servers to use, from the operator's configuration.
        ice_servers: Vec<IceServer>,
        /// The port of the STUN server at the host of this connection's own address, by UDP; absent when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stun_port: Option<u16>,
        /// What the server can do beyond this version of the protocol.
        features: Features,
    },
    /// Tells the whole state of the room: the answer to `join` and to `requestSnapshot`.
    Snapshot {
        /// The version of the room that this is.
        version: u32,
        /// The room's name, as the server writes it.
        room: String,
        /// Which of the participants the receiver is.
        you: ParticipantId,
        /// Everyone in the room, the receiver among them, in the order of their arrival.
        participants: Vec<Participant>,
        /// Which way media take now.
        topology: Topology,
        /// What was chosen for the room.
        topology_choice: TopologyChoice,
        /// Whether the server still knew the receiver. If not, the links and the media session of before are over.
        resumed: bool,
        /// How the room is kept.
        #[serde(default)]
        settings: RoomSettings,
    },
    /// Tells, in place of a snapshot, that a moderator has to admit the receiver first. Nothing of the room is told until then.
    Waiting {
        /// The room's name, as the server writes it.
        room: String,
    },
    /// Tells a moderator who waits to be let in: all of them, in the order in which they came.
    Knocking {
        /// Those who wait.
        people: Vec<Knocker>,
    },
    /// Tells that the room is kept in another way.
    RoomUpdated {
        /// The version of the room after this change.
        version: u32,
        /// How it is kept, whole.
        settings: RoomSettings,
    },
    /// Tells that a moderator turned off a device of the receiver. The receiver may turn it on again.
    TurnedOff {
        /// Which.
        device: Device,
        /// Who it was.
        by: ParticipantId,
    },
    /// Tells that a moderator asks the receiver to turn on a device.
    AskedToTurnOn {
        /// Which.
        device: Device,
        /// Who it was.
        by: ParticipantId,
    },
    /// Brings something that was said in writing.
    Chat {
        /// It.
        message: ChatMessage,
    },
    /// Tells of a file that somebody offers to the receiver, or that the receiver offers.
    FileOffered {
        /// It.
        file: FileOffer,
    },
    /// Tells of all files that are offered to the receiver, or by the receiver: after a snapshot, if there are any.
    FilesOffered {
        /// Them, the oldest first.
        files: Vec<FileOffer>,
    },
    /// Tells that a file is not offered any more. Nothing more comes of it.
    FileWithdrawn {
        /// Which.
        file: FileId,
    },
    /// Tells whoever offers a file, and who takes it, that it will come. The server asks for its parts by the data channel.
    FileAccepted {
        /// Which.
        file: FileId,
        /// Who takes it.
        participant: ParticipantId,
    },
    /// Tells both, whoever offers a file and who took it, that this is over.
    FileEnded {
        /// Which.
        file: FileId,
        /// Who took it.
        participant: ParticipantId,
        /// How it ended.
        outcome: FileOutcome,
    },
    /// Brings what was said in writing before, the oldest first: after a snapshot, if there is any. Some may be known.
    ChatHistory {
        /// It, as far as the server keeps it and it was meant for the receiver.
        messages: Vec<ChatMessage>,
    },
    /// Tells that somebody gives a sign.
    Reacted {
        /// Who.
        participant: ParticipantId,
        /// Which.
        reaction: Reaction,
    },
    /// Tells that someone came in.
    ParticipantJoined {
        /// The version of the room after this change.
        version: u32,
        /// The newcomer.
        participant: Participant,
    },
    /// Tells that something about someone changed.
    ParticipantUpdated {
        /// The version of the room after this change.
        version: u32,
        /// The participant, whole.
        participant: Participant,
    },
    /// Tells that someone is gone.
    ParticipantLeft {
        /// The version of the room after this change.
        version: u32,
        /// Who it was.
        participant: ParticipantId,
        /// Why they are gone.
        reason: LeaveReason,
    },
    /// Tells that media are to take another way from now on. Each client changes over when the new way brings what the old one did.
    TopologyChanged {
        /// The version of the room after this change.
        version: u32,
        /// The new way.
        topology: Topology,
    },
    /// Tells of the link to a peer: to make it when it is new, to mend it when it is known.
    ///
    /// It is said again when messages about the link may have been lost; then whatever is still unanswered is to be
    /// sent again.
    Greet {
        /// The other end.
        peer: ParticipantId,
        /// The link's number. A number not seen before replaces the link to that peer.
        link: LinkId,
        /// Whether the receiver is the polite side: the one that gives way when two offers cross.
        polite: bool,
    },
    /// Brings an offer or an answer from a peer.
    SessionDescription {
        /// Who sent it; the server vouches for that.
        from: ParticipantId,
        /// The link it is about.
        link: LinkId,
        /// The description.
        description: SessionDescription,
    },
    /// Brings an ICE candidate from a peer.
    IceCandidate {
        /// Who sent it; the server vouches for that.
        from: ParticipantId,
        /// The link it is about.
        link: LinkId,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// Brings how high the pictures are to be at most that one sends to a peer over a link.
    PictureLimits {
        /// Who sent it; the server vouches for that.
        from: ParticipantId,
        /// The link it is about.
        link: LinkId,
        /// The limits. They replace those said before.
        limits: PictureLimits,
    },
    /// Tells that a link is over, because it is not needed any more.
    LinkClosed {
        /// The other end.
        peer: ParticipantId,
        /// The link. An older number than the current one is ignored.
        link: LinkId,
    },
    /// Tells how sessions may go through the server's TURN server: after each snapshot, and again before it is out of date.
    Relay {
        /// The way; absent when none can be given now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relay: Option<Relay>,
    },
    /// Answers `mediaOffer`.
    MediaAnswer {
        /// The session of the offer.
        session: MediaSession,
        /// The answer (RFC 8866). The server's candidates are in it; there are no others.
        sdp: String,
    },
    /// Tells that a session is over, or did not come about.
    MediaClosed {
        /// Which one.
        session: MediaSession,
        /// Why: `badOffer` and `mediaUnavailable` would happen again; otherwise a new session is worth an offer.
        code: ErrorCode,
        /// Why, in English, for people.
        text: String,
    },
    /// Tells what the receiving lines of a session carry from now on: all of them. A line that is not named carries nothing.
    Slots {
        /// The session.
        session: MediaSession,
        /// Those that carry something.
        slots: Vec<Slot>,
    },
    /// Tells how much of the own tracks anybody receives: all of them. What nobody receives need not be sent.
    Demand {
        /// The session.
        session: MediaSession,
        /// Those of which something is received.
        tracks: Vec<Demand>,
    },
    /// Tells who makes sound, as measured by the server where media go through it.
    Speakers {
        /// Who speaks most; absent until somebody has spoken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        active: Option<ParticipantId>,
        /// Everyone who makes sound now, heard by the receiver or not.
        speaking: Vec<ParticipantId>,
    },
    /// Tells what went wrong.
    Error {
        /// What it was, for programs. Codes keep their names for ever.
        code: ErrorCode,
        /// What it was, in English, for people.
        text: String,
        /// Whether the server closes the connection now.
        fatal: bool,
    },
    /// Asks the client whether it is there; to be answered with `pong`.
    Ping {},
    /// Answers the client's `ping`.
    Pong {},
}

/// A participant, as the others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Their identifier in this room.
    pub id: ParticipantId,
    /// The name to show; unique in the room.
    pub display_name: String,
    /// Whether their microphone is on.
    pub mic: bool,
    /// Whether their camera is on.
    pub cam: bool,
    /// Whether they share a screen.
    pub screen: bool,
    /// Whether their signaling is there.
    pub connection: Connection,
    /// What they are; absent for `participant`.
    #[serde(default, skip_serializing_if = "Role::is_default")]
    pub role: Role,
    /// What they may send; absent for everything.
    #[serde(default, skip_serializing_if = "MayPublish::is_everything")]
    pub may_publish: MayPublish,
    /// The place of their raised hand: lower numbers were raised earlier. Absent while it is not raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand: Option<u32>,
    /// Whether they record; absent if not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recording: bool,
    /// What stands in the way of their media; absent for nothing.
    #[serde(default, skip_serializing_if = "MediaCondition::is_fine")]
    pub media: MediaCondition,
}

/// What a receiving line carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// The `mid` of the line.
    pub mid: String,
    /// Whose track it is.
    pub participant: ParticipantId,
    /// Where it comes from.
    pub source: Source,
    /// The highest layer that comes, 0 for the lowest; absent until one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u8>,
    /// Whether it is left out for now because the receiver's connection is too slow for it.
    pub paused: bool,
    /// How it is encoded, if the receiver's line does not have that, so that nothing comes; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecodable: Option<VideoCodec>,
}

/// How much of a track is received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Demand {
    /// The `mid` of the track's line.
    pub mid: String,
    /// How many of its layers, from the lowest; 1 for a track that has none.
    pub layers: u8,
    /// Whether somebody would see it if it were encoded otherwise; absent if not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub undecodable: bool,
}

/// The state of a participant's signaling connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Connection {
    /// It is there.
    Online,
    /// It is away. Media may well go on; the participant is kept for a while.
    Reconnecting,
}

/// Why a participant is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum LeaveReason {
    /// They left, or closed the page.
    Left,
    /// They were not heard of for too long.
    Lost,
    /// A moderator put them out.
    Removed,
}

/// What the server allows. Beyond each, the answer is in `docs/protocol.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The longest message, in bytes.
    pub message_bytes: u32,
    /// Messages a second that a connection may send for long.
    pub messages_per_second: u32,
    /// Messages that it may send at once.
    pub message_burst: u32,
    /// The longest display name, in grapheme clusters.
    pub display_name_graphemes: u32,
    /// The longest room name, in bytes of UTF-8.
    pub room_name_bytes: u32,
    /// Participants in one room.
    pub participants_per_room: u32,
    /// Participants in a room whose topology is `mesh` by choice.
    pub participants_per_mesh: u32,
    /// Lines of a session that send.
    pub tracks_per_participant: u32,
    /// Lines of a session, those that receive included.
    pub lines_per_session: u32,
    /// The time to say `hello` and `join` in, in milliseconds.
    pub join_timeout_ms: u32,
    /// The time between two pings of the server, in milliseconds.
    pub ping_interval_ms: u32,
    /// Pings left unanswered before the connection is closed.
    pub missed_pongs: u32,
    /// How long a participant without signaling is kept, in milliseconds, counted from the last sign of life.
    pub lease_ms: u32,
    /// The longest text of `chat`, in bytes of UTF-8.
    #[serde(default)]
    pub chat_bytes: u32,
    /// The longest password, in bytes of UTF-8.
    #[serde(default)]
    pub password_bytes: u32,
    /// The largest file that may be offered, in bytes; 0 when none may.
    #[serde(default)]
    pub file_bytes: u32,
}

/// What the server can do beyond the base protocol. All are off when absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Features {
    /// Participants connect to each other directly.
    pub mesh: bool,
    /// Media can go through the server: `mediaOffer` is understood.
    pub sfu: bool,
    /// The server is a TURN server for its own media: `relay` follows each snapshot.
    pub relay: bool,
    /// Rooms have roles, a lobby, chat and all that belongs to a meeting.
    pub meeting: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

//! What a client says.

use serde::{Deserialize, Serialize};

use crate::{
    AccessToken, Device, FileId, IceCandidate, InstanceId, LinkId, MayPublish, MediaSession, OwnerSecret,
    ParticipantId, ParticipantKey, Password, PictureLimits, Reaction, Recorders, Role, SessionDescription,
    Source, TopologyChoice,
};

/// A message from a client to the server.
///
/// None says who it is from: the server knows that from the connection. Unknown types and unknown fields are
/// refused, so that a misspelt field is noticed by whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientMessage {
    /// Opens the conversation. Always the first message; answered with `welcome`.
    Hello {
        /// The version of the protocol that the client speaks.
        protocol_version: u32,
        /// The client's own name and version, for the operator's eyes: at most 64 bytes.
        client: String,
    },
    /// Enters a room, or comes back to it. Answered with `snapshot`, or with `waiting` in a room that has a lobby.
    /// Saying it again changes nothing.
    Join {
        /// The room. The server normalises it; the snapshot says the name in use.
        room: String,
        /// The name to show to the others. The server normalises it.
        display_name: String,
        /// Who this is, for the server alone.
        participant_key: ParticipantKey,
        /// Which run of the client program this is.
        instance: InstanceId,
        /// Counts the joins made with this key, over all instances: each has a higher number than the one before.
        ///
        /// A join that was under way for long may arrive after a later one; the number tells which is which.
        #[serde(default)]
        attempt: u32,
        /// Whether a microphone is being sent and is not muted.
        mic: bool,
        /// Whether a camera is being sent.
        cam: bool,
        /// Whether a screen is being shared.
        #[serde(default, skip_serializing_if = "is_false")]
        screen: bool,
        /// Which way media are to take in this room. It counts when this join opens the room; otherwise the server chooses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topology: Option<TopologyChoice>,
        /// Makes whoever opens the room its owner, and so whoever shows it again. Another one than the room's gives no right.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner_secret: Option<OwnerSecret>,
        /// The room's password, for newcomers to a room that has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Password>,
        /// The operator's password, for whoever opens a room on a server where not everyone may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opening_password: Option<Password>,
        /// Who somebody is and what they may do in this room, signed by a service that the operator trusts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<AccessToken>,
    },
    /// Says what changed about oneself. A field left out stays as it was.
    UpdateSelf {
        /// The new name to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
        /// Whether a microphone is being sent and is not muted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mic: Option<bool>,
        /// Whether a camera is being sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cam: Option<bool>,
        /// Whether a screen is being shared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        screen: Option<bool>,
    },
    /// Gives an offer or an answer to one peer.
    SessionDescription {
        /// The peer it is for.
        to: ParticipantId,
        /// The link it is about.
        link: LinkId,
        /// The description.
        description: SessionDescription,
    },
    /// Gives an ICE candidate to one peer.
    IceCandidate {
        /// The peer it is for.
        to: ParticipantId,
        /// The link it is about.
        link: LinkId,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// Tells one peer how high the pictures are to be at most that it sends over a link. Without it they may be as high as they are.
    PictureLimits {
        /// The peer it is for.
        to: ParticipantId,
        /// The link it is about.
        link: LinkId,
        /// The limits. They replace those said before.
        limits: PictureLimits,
    },
    /// Asks for a fresh link because this one cannot be mended. Both ends are greeted with the new one.
    RenewLink {
        /// The peer at the other end.
        to: ParticipantId,
        /// The link to replace. Nothing happens when it is no longer the current one.
        link: LinkId,
    },
    /// Says that the link to a peer is not needed any more, because what it carried arrives through the server.
    ///
    /// The link ends when both ends have said so; both are told `linkClosed`.
    DropLink {
        /// The peer at the other end.
        to: ParticipantId,
        /// The link. Nothing happens when it is no longer the current one.
        link: LinkId,
    },
    /// Offers a peer connection to the server's media plane. Answered with `mediaAnswer` or `mediaClosed`.
    MediaOffer {
        /// Which peer connection: a new one has a higher number than those before, and replaces them.
        session: MediaSession,
        /// The offer (RFC 8866). The server reads this one.
        sdp: String,
        /// What the sendonly lines of the offer carry.
        tracks: Vec<MediaTrack>,
    },
    /// Says whether nothing gets through by UDP on a session, so that another way is tried. The others are told; the end of it, too, is to be
    /// said.
    MediaBlocked {
        /// The session. Nothing happens when it is no longer the current one.
        session: MediaSession,
        /// Whether it is so.
        blocked: bool,
    },
    /// Says what to receive through the server. It replaces what was said before, and counts for later sessions, too.
    Subscribe {
        /// The pictures to receive, the most important first. Others are not sent. More than 64 are not looked at.
        tiles: Vec<Tile>,
        /// Whether to receive sound.
        audio: bool,
    },
    /// Says something in writing, to everyone or to one. It comes back as `chat` to whoever said it, too.
    Chat {
        /// To whom alone; to everyone if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<ParticipantId>,
        /// Plain text.
        text: String,
    },
    /// Offers a file, to everyone or to one. It comes back as `fileOffered` to whoever offers it, too. The offer stands until it is
    /// withdrawn, or who made it leaves or has their page loaded anew.
    OfferFile {
        /// A number of the sender's own, by which they know it again.
        reference: u32,
        /// To whom alone; to everyone if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<ParticipantId>,
        /// Its name. The server cleans it.
        name: String,
        /// How many bytes it has.
        bytes: u32,
        /// Its media type (RFC 6838); empty if it is not known.
        media_type: String,
    },
    /// Withdraws a file that one offered. Who receives it gets no more of it.
    WithdrawFile {
        /// Which.
        file: FileId,
    },
    /// Asks for a file that somebody offers. It comes by the data channel of one's media session, which has to be there by then.
    AcceptFile {
        /// Which.
        file: FileId,
    },
    /// Says that one receives a file no more.
    EndFile {
        /// Which.
        file: FileId,
        /// Whether all of it came.
        received: bool,
    },
    /// Raises one's hand.
    RaiseHand {},
    /// Lowers a hand.
    LowerHand {
        /// Whose; one's own if left out. Another's, as a moderator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
    },
    /// Gives a sign to everyone.
    React {
        /// Which.
        reaction: Reaction,
    },
    /// Says whether one records. Everyone is told; the recording should begin only when they have been.
    SetRecording {
        /// Whether a recording begins, or ends.
        recording: bool,
    },
    /// Changes how the room is kept, as a moderator. A field left out stays as it was.
    SetRoom {
        /// Whether newcomers wait until a moderator admits them. Turned off, those who wait are admitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lobby: Option<bool>,
        /// Whether newcomers are refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locked: Option<bool>,
        /// How many may be in the room; whoever is there stays. It counts as far as the server's own limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participants_max: Option<u32>,
        /// Who may record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recorders: Option<Recorders>,
        /// Whether one screen at a time may be shared. What is shared already goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        one_screen: Option<bool>,
    },
    /// Sets the password that newcomers need, as a moderator.
    SetPassword {
        /// The new one; none is needed any more if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Password>,
    },
    /// Shows somebody large to everyone, as a moderator.
    Spotlight {
        /// Whom; nobody if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
    },
    /// Lets somebody in who waits, as a moderator.
    Admit {
        /// Who.
        participant: ParticipantId,
    },
    /// Lets everyone in who waits, as a moderator.
    AdmitAll {},
    /// Turns somebody away who waits, as a moderator.
    Deny {
        /// Who.
        participant: ParticipantId,
    },
    /// Turns off a device of somebody, or of everybody who is not a moderator, as a moderator. They may turn it on again.
    TurnOff {
        /// Whose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        /// Which.
        device: Device,
    },
    /// Asks somebody to turn on a device, as a moderator. Nobody but they can do it.
    AskToTurnOn {
        /// Whom.
        participant: ParticipantId,
        /// Which.
        device: Device,
    },
    /// Says what somebody may send, as a moderator. The server forwards nothing else of theirs.
    SetMayPublish {
        /// Who.
        participant: ParticipantId,
        /// What.
        may_publish: MayPublish,
    },
    /// Gives somebody another name, as a moderator. They keep it.
    Rename {
        /// Whom.
        participant: ParticipantId,
        /// The name. The server normalises it.
        display_name: String,
    },
    /// Puts somebody out of the room, as a moderator. They may knock to come in again.
    Remove {
        /// Whom.
        participant: ParticipantId,
    },
    /// Puts somebody out, or turns them away who wait, for the whole meeting, as a moderator.
    Ban {
        /// Whom.
        participant: ParticipantId,
    },
    /// Ends the meeting for everyone, as a moderator.
    EndMeeting {},
    /// Makes somebody something, as an owner.
    SetRole {
        /// Whom; oneself, too, while there is another owner.
        participant: ParticipantId,
        /// What.
        role: Role,
    },
    /// Replaces the secret that makes whoever shows it an owner, as an owner. Who is an owner stays one.
    SetOwnerSecret {
        /// The new secret.
        owner_secret: OwnerSecret,
    },
    /// Says that the link to a participant who is `reconnecting` is alive, so that they are not taken for lost.
    Vouch {
        /// The participant at the other end of that link.
        peer: ParticipantId,
    },
    /// Asks for the whole state again, after a gap in the versions.
    RequestSnapshot {},
    /// Leaves the room at once. The server closes the connection with code 1000.
    Leave {},
    /// Asks the server whether it is there; answered with `pong`.
    Ping {},
    /// Answers the server's `ping`.
    Pong {},
}

/// A track that a participant sends to the media plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MediaTrack {
    /// The `mid` of its line in the offer (RFC 8843).
    pub mid: String,
    /// Where it comes from. Each source has at most one track.
    pub source: Source,
}

/// A picture to receive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tile {
    /// Whose it is.
    pub participant: ParticipantId,
    /// Where it comes from: `cam` or `screen`.
    pub source: Source,
    /// How high it is shown, in device pixels. Nothing is sent for a height of 0.
    pub height: u16,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

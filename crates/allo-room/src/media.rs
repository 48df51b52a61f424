//! What the rooms and the media plane say to each other.

use allo_protocol::{ErrorCode, FileId, Relay, VideoCodec};

/// Names a room for the media plane. A number is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaRoom(pub u64);

/// Names one media session of one participant for the media plane. A number is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaKey(pub u64);

/// A track of a session, by the `mid` of its line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MediaTrackId {
    /// The session that sends it.
    pub publisher: MediaKey,
    /// The line that it is sent on.
    pub mid: String,
}

/// A picture that a subscriber wants, and how high it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The track.
    pub track: MediaTrackId,
    /// The height in pixels; 0 when it is hidden.
    pub height: u16,
}

/// What the media plane is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaCommand {
    /// Connect a session, or change it by a further offer. Answered with `Answered` or `Refused`.
    Connect {
        /// The room it is in: the same for the whole life of a session.
        room: MediaRoom,
        /// The session.
        key: MediaKey,
        /// The offer.
        sdp: String,
    },
    /// Change what a session receives. For a session that is not there any more, nothing is to be done.
    Subscribe {
        /// The session.
        key: MediaKey,
        /// The most important first; `None` for whatever there is.
        pictures: Option<Vec<Picture>>,
        /// Whether to send it sound.
        audio: bool,
    },
    /// Forward a track, or not. At first every track is forwarded.
    Mute {
        /// The track of a session that is there.
        track: MediaTrackId,
        /// Whether nothing of it is to be forwarded, or counted as speech.
        is_muted: bool,
    },
    /// Pass a file on from one session to another, by their data channels, once both are there.
    SendFile {
        /// The file.
        file: FileId,
        /// How many bytes it has.
        bytes: u32,
        /// Whose it is.
        from: MediaKey,
        /// Who takes it.
        to: MediaKey,
    },
    /// Pass it on to that one no more.
    StopFile {
        /// The file.
        file: FileId,
        /// Whose it is.
        from: MediaKey,
        /// Who took it.
        to: MediaKey,
    },
    /// Let somebody in through the TURN server, or renew that. Answered with `Relayed`.
    Relay {
        /// The room that their session is or will be in.
        room: MediaRoom,
        /// Who. It is no session, but numbered among them.
        key: MediaKey,
    },
    /// Let them in no more, and end what they have. They are not mentioned again.
    Unrelay {
        /// Who.
        key: MediaKey,
    },
    /// End a session. It is not mentioned again.
    Disconnect {
        /// The session.
        key: MediaKey,
    },
}

/// What happened in the media plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// An offer was accepted.
    Answered {
        /// Whose.
        key: MediaKey,
        /// The answer.
        sdp: String,
    },
    /// An offer was not accepted. If it was a session's first, there is no session.
    Refused {
        /// Whose.
        key: MediaKey,
        /// `BadOffer` or `ServerBusy`.
        code: ErrorCode,
        /// Why, for people.
        text: String,
    },
    /// Somebody may come through the TURN server.
    Relayed {
        /// Who.
        key: MediaKey,
        /// How; `None` when they may not, for want of room.
        relay: Option<Relay>,
    },
    /// Media can flow on a session, for the first time or again.
    Connected(MediaKey),
    /// Nothing is heard on a session.
    Silent(MediaKey),
    /// A session is over by itself. It is not mentioned again.
    Closed {
        /// Which one.
        key: MediaKey,
        /// `MediaLost` or `MediaFault`.
        code: ErrorCode,
    },
    /// A slot carries a track from now on.
    SlotAssigned {
        /// The subscriber.
        key: MediaKey,
        /// The slot.
        mid: String,
        /// The track.
        track: MediaTrackId,
    },
    /// A slot carries nothing any more.
    SlotEmptied {
        /// The subscriber.
        key: MediaKey,
        /// The slot.
        mid: String,
    },
    /// A subscriber gets another layer of a track, or its first.
    LayerSwitched {
        /// The subscriber.
        key: MediaKey,
        /// The track.
        track: MediaTrackId,
        /// The layer, 0 for the lowest.
        layer: u8,
    },
    /// A picture does not fit into a subscriber's bandwidth, or fits again.
    Paused {
        /// The subscriber.
        key: MediaKey,
        /// The track.
        track: MediaTrackId,
        /// Whether it is left out now.
        is_paused: bool,
    },
    /// A picture is encoded so that a subscriber's slot cannot carry it, or is no more.
    Undecodable {
        /// The subscriber.
        key: MediaKey,
        /// The track.
        track: MediaTrackId,
        /// How it is encoded; `None` when the slot can carry it.
        codec: Option<VideoCodec>,
    },
    /// So many layers of a track are received by anybody.
    Demand {
        /// The track.
        track: MediaTrackId,
        /// How many, from the lowest.
        layers: u8,
    },
    /// A track of sound began or ceased to be loud.
    Speaking {
        /// The track.
        track: MediaTrackId,
        /// Whether there is sound now.
        is_speaking: bool,
    },
    /// A track of sound is the loudest of its room.
    ActiveSpeaker(MediaTrackId),
    /// A file is not passed on to a session any more: for too long it did not get on, or its sender did not keep to what was asked.
    FileStopped {
        /// Who took it.
        key: MediaKey,
        /// The file.
        file: FileId,
    },
}

impl MediaEvent {
    /// Returns the session that it is about, or who it is about.
    pub fn key(&self) -> MediaKey {
        match self {
            Self::Answered { key, .. }
            | Self::Refused { key, .. }
            | Self::Relayed { key, .. }
            | Self::Connected(key)
            | Self::Silent(key)
            | Self::Closed { key, .. }
            | Self::SlotAssigned { key, .. }
            | Self::SlotEmptied { key, .. }
            | Self::LayerSwitched { key, .. }
            | Self::Paused { key, .. }
            | Self::Undecodable { key, .. }
            | Self::FileStopped { key, .. } => *key,
            Self::Demand { track, .. } | Self::Speaking { track, .. } | Self::ActiveSpeaker(track) => {
                track.publisher
            }
        }
    }
}

//! What the media plane has to say, and what it counts.

use std::collections::{BTreeSet, VecDeque};

use crate::ids::{FileId, LayerId, ParticipantId, RoomId, TrackId, TrackKind};
use crate::packet::Codec;
use crate::transport::{CloseReason, Transmit};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SfuEvent {
    /// Media can flow to and from a participant.
    TransportConnected(ParticipantId),
    /// A participant was not heard for a while, and is sent nothing. It may come back by itself or by an ICE restart.
    TransportSilent(ParticipantId),
    /// A transport is over. The participant needs a new one.
    TransportClosed(ParticipantId, Closed),
    /// The first packet of a track came.
    TrackPublished(TrackId, TrackKind),
    /// A track is gone.
    TrackUnpublished(TrackId),
    /// Another number of a track's layers is received by anybody. At first it is none.
    ///
    /// It is said of a track that is declared, whether it is sent yet or not, and again after a new connection.
    LayersWanted {
        /// The track.
        track: TrackId,
        /// How many layers from the lowest. At 0 the publisher can pause the track; a track without layers has one.
        layers: u8,
    },
    /// A subscriber's slot carries a track from now on.
    SlotAssigned {
        /// Who receives it.
        subscriber: ParticipantId,
        /// The mid of the slot's line.
        mid: String,
        /// What it receives.
        track: TrackId,
    },
    /// A subscriber's slot carries nothing any more.
    SlotEmptied {
        /// Whose slot it is.
        subscriber: ParticipantId,
        /// The mid of the slot's line.
        mid: String,
    },
    /// Somebody else is the active speaker of a room.
    ActiveSpeakerChanged(RoomId, TrackId),
    /// Someone began or ceased to make sound, heard or not.
    SpeakingChanged {
        /// The track of the sound.
        track: TrackId,
        /// Whether there is sound now.
        is_speaking: bool,
    },
    /// A subscriber gets another layer of a track, or its first.
    LayerSwitched {
        /// Who receives it.
        subscriber: ParticipantId,
        /// The track.
        track: TrackId,
        /// The layer from now on.
        layer: LayerId,
    },
    /// A video does not fit into a subscriber's bandwidth any more.
    VideoPaused {
        /// Who does not receive it.
        subscriber: ParticipantId,
        /// The track.
        track: TrackId,
    },
    /// A video is encoded so that a subscriber's slot cannot carry it, or can be carried again.
    VideoUndecodable {
        /// Who does not receive it.
        subscriber: ParticipantId,
        /// The track.
        track: TrackId,
        /// How it is encoded; `None` when the slot can carry it.
        codec: Option<Codec>,
    },
    /// It fits again.
    VideoResumed {
        /// Who receives it.
        subscriber: ParticipantId,
        /// The track.
        track: TrackId,
    },
    /// A file does not go to somebody any more, though they did not have all of it.
    FileStopped {
        /// Which.
        file: FileId,
        /// Who took it.
        taker: ParticipantId,
    },
}

/// Why a transport is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The other end closed it, failed to prove who it is, or has no profile of SRTP in common with this one.
    ByParticipant,
    /// Two ends spoke in its handshake, and one of them was forged. A new transport has another address, which has to be guessed.
    ByContest,
    /// The engine had a fault in this transport.
    ByFault,
    /// It did not connect in time, or was silent for too long.
    BySilence,
}

impl From<CloseReason> for Closed {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Remote => Self::ByParticipant,
            CloseReason::Contested => Self::ByContest,
            CloseReason::Fault => Self::ByFault,
        }
    }
}

/// What was counted since the start. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams that were empty or larger than any that is expected.
    pub bad_size: u64,
    /// STUN that was broken or never asked for.
    pub bad_stun: u64,
    /// Datagrams from nowhere that is known.
    pub strangers: u64,
    /// Packets under SSRCs that nothing proved, and of which there were too many; and checks that were said before, elsewhere.
    pub unproven: u64,
    /// Packets over the rate that a publisher may send.
    pub policed: u64,
    /// Packets of tracks that are muted.
    pub muted: u64,
    /// Packets that came while too many waited to be forwarded.
    pub overrun: u64,
    /// Packets that were left out for a subscriber who takes less than it is sent.
    pub congested: u64,
    /// Packets of sound that were lost on the way here, and were in the packet after them.
    pub repaired: u64,
    /// Packets that were forwarded, each copy counted.
    pub forwarded: u64,
}

/// Where the parts of the media plane put what is for outside.
///
/// The caller empties it after each call, so that it holds what one call makes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) transmits: VecDeque<Transmit>,
    pub(crate) events: VecDeque<SfuEvent>,
    pub(crate) counters: Counters,
    /// Participants whose transports may have something to say.
    pub(crate) talkative: BTreeSet<ParticipantId>,
    /// Participants whose timeout may have changed.
    pub(crate) touched: BTreeSet<ParticipantId>,
    /// Participants whose transports are over.
    pub(crate) left: Vec<ParticipantId>,
}

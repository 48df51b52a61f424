//! What is refused without harm: the connection stays, and may try something else.

use allo_protocol::ErrorCode;
use thiserror::Error;

use crate::{BadDisplayName, BadRoomName};

/// Why something is refused, in a sentence for the person who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("The first message must be hello.")]
    HelloMissing,
    #[error("There was a hello already.")]
    HelloRepeated,
    #[error("A room must be joined first.")]
    JoinMissing,
    #[error("Another room was joined already.")]
    AlreadyJoined,
    #[error(transparent)]
    BadRoomName(#[from] BadRoomName),
    #[error(transparent)]
    BadDisplayName(#[from] BadDisplayName),
    #[error("This room is full: it holds {places} participants.")]
    RoomFull { places: u32 },
    #[error("This server has as many rooms as it can hold. Please try again later.")]
    ServerFull,
    #[error("Too many rooms were opened from your network. Please try again later.")]
    AddressFull,
    /// Someone elsewhere and someone who does not exist are told apart by nothing.
    #[error("There is no such participant in this room.")]
    NoSuchPeer,
    #[error("Media do not go through the server in this room.")]
    MediaUnavailable,
    #[error("Too many offers in too short a time. Please wait a little.")]
    TooManyOffers,
    #[error("Each source has one track, with a mid of 1 to 16 letters and digits, and there are at most 6.")]
    BadTracks,
    #[error("This server cannot do that yet.")]
    NotBuilt,
    #[error("This call was opened elsewhere.")]
    Superseded,
}

impl Refusal {
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::HelloMissing | Self::HelloRepeated | Self::JoinMissing => ErrorCode::OutOfOrder,
            Self::AlreadyJoined => ErrorCode::AlreadyJoined,
            Self::BadRoomName(_) => ErrorCode::BadRoomName,
            Self::BadDisplayName(_) => ErrorCode::BadDisplayName,
            Self::RoomFull { .. } => ErrorCode::RoomFull,
            Self::ServerFull | Self::AddressFull => ErrorCode::TooManyRooms,
            Self::NoSuchPeer => ErrorCode::NoSuchPeer,
            Self::MediaUnavailable => ErrorCode::MediaUnavailable,
            Self::TooManyOffers => ErrorCode::ServerBusy,
            Self::BadTracks => ErrorCode::BadOffer,
            Self::NotBuilt => ErrorCode::NotAllowed,
            Self::Superseded => ErrorCode::Superseded,
        }
    }
}

//! What is refused: mostly without harm, so that the connection stays and may try something else.

use allo_protocol::{CloseCode, ErrorCode};
use thiserror::Error;

use crate::rights::Rule;
use crate::{BadDisplayName, BadPass, BadRoomName};

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
    #[error("Only {} may do that in this room.", whom(*.rule))]
    NotAllowed { rule: Rule },
    #[error("You cannot do that to an owner of this room.")]
    NoPower,
    #[error("There must be another owner first.")]
    LastOwner,
    #[error("A moderator does not let you turn that on.")]
    MayNotPublish,
    #[error("A moderator chose the name that you have here.")]
    NameGiven,
    #[error("Nobody new comes into this room: it is locked.")]
    RoomLocked,
    #[error("This room has a password.")]
    PasswordRequired,
    #[error("This is not the password.")]
    WrongPassword,
    #[error("A password has 1 to {bytes_max} bytes.")]
    BadPassword { bytes_max: usize },
    #[error("A password is being checked already.")]
    PasswordPending,
    #[error("The password could not be checked. Please try again.")]
    PasswordUnchecked,
    #[error("Too many passwords were tried. Please wait a minute.")]
    TooManyAttempts,
    #[error("This room is not open, or not to you. Who has this server's password may open one.")]
    MayNotOpen,
    #[error("{}", why.0)]
    BadToken { why: BadPass },
    #[error("This access token is for another room.")]
    TokenElsewhere,
    #[error("This server takes no access tokens.")]
    NoTokens,
    #[error("It takes an access token to come in here: follow the link that you were given once more.")]
    TokenRequired,
    #[error("This room is not open, or not to you. Who has signed in may open one.")]
    LoginRequired,
    #[error("Too many people wait to be let in. Please try again later.")]
    LobbyFull,
    #[error("There is nothing in this text.")]
    TextEmpty,
    #[error("This text is longer than {bytes_max} bytes.")]
    TextTooLong { bytes_max: usize },
    #[error("That was too much in too short a time. Please wait a moment.")]
    TooFast,
    #[error("Files cannot be sent in this room.")]
    FilesUnavailable,
    #[error("A file has 1 to {bytes_max} bytes.")]
    FileSize { bytes_max: u32 },
    #[error("This file has no name that others could read.")]
    FileName,
    #[error("There is no such file.")]
    NoSuchFile,
    #[error("Too many files at once. Please wait until some are done.")]
    TooManyFiles,
    #[error("This room cannot keep more people in mind.")]
    TooManyPeople,
    #[error("You wait to be let in.")]
    StillWaiting,
    #[error("You were not let in.")]
    Denied,
    #[error("You were put out of this room.")]
    Removed,
    #[error("You were put out of this room, for as long as the meeting lasts.")]
    Banned,
    #[error("The meeting was ended for everyone.")]
    MeetingEnded,
    #[error("This call was opened elsewhere.")]
    Superseded,
}

impl Refusal {
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::HelloMissing | Self::HelloRepeated | Self::JoinMissing | Self::StillWaiting => {
                ErrorCode::OutOfOrder
            }
            Self::AlreadyJoined => ErrorCode::AlreadyJoined,
            Self::BadRoomName(_) => ErrorCode::BadRoomName,
            Self::BadDisplayName(_) => ErrorCode::BadDisplayName,
            Self::RoomFull { .. } => ErrorCode::RoomFull,
            Self::ServerFull | Self::AddressFull => ErrorCode::TooManyRooms,
            Self::NoSuchPeer => ErrorCode::NoSuchPeer,
            Self::MediaUnavailable => ErrorCode::MediaUnavailable,
            Self::TooManyOffers | Self::PasswordUnchecked => ErrorCode::ServerBusy,
            Self::BadTracks => ErrorCode::BadOffer,
            Self::NotAllowed { .. }
            | Self::NoPower
            | Self::LastOwner
            | Self::MayNotPublish
            | Self::NameGiven => ErrorCode::NotAllowed,
            Self::RoomLocked => ErrorCode::RoomLocked,
            Self::PasswordRequired => ErrorCode::PasswordRequired,
            Self::WrongPassword => ErrorCode::WrongPassword,
            Self::BadPassword { .. } => ErrorCode::BadPassword,
            Self::PasswordPending | Self::TooFast => ErrorCode::TooFast,
            Self::TooManyAttempts => ErrorCode::TooManyAttempts,
            Self::MayNotOpen => ErrorCode::MayNotOpen,
            Self::BadToken { .. } | Self::TokenElsewhere | Self::NoTokens => ErrorCode::BadToken,
            Self::TokenRequired => ErrorCode::TokenRequired,
            Self::LoginRequired => ErrorCode::LoginRequired,
            Self::LobbyFull => ErrorCode::LobbyFull,
            Self::TextEmpty | Self::TextTooLong { .. } => ErrorCode::BadText,
            Self::FilesUnavailable => ErrorCode::FilesUnavailable,
            Self::FileSize { .. } | Self::FileName => ErrorCode::BadFile,
            Self::NoSuchFile => ErrorCode::NoSuchFile,
            Self::TooManyFiles => ErrorCode::TooManyFiles,
            Self::TooManyPeople => ErrorCode::TooManyPeople,
            Self::Denied => ErrorCode::Denied,
            Self::Removed => ErrorCode::Removed,
            Self::Banned => ErrorCode::Banned,
            Self::MeetingEnded => ErrorCode::MeetingEnded,
            Self::Superseded => ErrorCode::Superseded,
        }
    }

    /// Returns whether it tells a stranger that there is such a room, or that there is none.
    pub(crate) fn is_telling(&self) -> bool {
        matches!(
            self,
            Self::MayNotOpen
                | Self::LoginRequired
                | Self::TokenRequired
                | Self::RoomLocked
                | Self::PasswordRequired
                | Self::WrongPassword
        )
    }

    /// Returns the code to close the connection with, if this is its end.
    pub(crate) fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Superseded => Some(CloseCode::Superseded),
            Self::Denied | Self::Removed | Self::Banned => Some(CloseCode::PutOut),
            Self::MeetingEnded => Some(CloseCode::Ended),
            _ => None,
        }
    }
}

fn whom(rule: Rule) -> &'static str {
    match rule {
        Rule::Anyone | Rule::Participant => "participants",
        Rule::Recorder | Rule::Moderator => "moderators",
        Rule::Owner => "owners",
    }
}

//! Codes: what went wrong, and why a connection was closed. Their names are part of the protocol and never change.

use serde::{Deserialize, Serialize};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// The message was not JSON, or not a message of this protocol. Fatal.
    BadMessage,
    /// The client speaks a version that the server does not. Fatal.
    UnsupportedVersion,
    /// The message came too early: `hello` is first, `join` is second.
    OutOfOrder,
    /// The connection is already in another room, or there as someone else.
    AlreadyJoined,
    /// The room's name cannot be one.
    BadRoomName,
    /// The display name has nothing in it that can be shown.
    BadDisplayName,
    /// The room holds as many participants as it may.
    RoomFull,
    /// The server holds as many rooms as it may, or this address has opened too many.
    TooManyRooms,
    /// There is no such participant in the room.
    NoSuchPeer,
    /// The offer to the media plane cannot be accepted; the text says why.
    BadOffer,
    /// Media cannot go through the server: not in this room, or not on this server.
    MediaUnavailable,
    /// The server carries as much media as it can.
    ServerBusy,
    /// Nothing was heard on a media session for too long.
    MediaLost,
    /// A fault of the server ended a media session.
    MediaFault,
    /// It needs a right that the sender does not have.
    NotAllowed,
    /// Nobody new comes into the room.
    RoomLocked,
    /// The room has a password, and none was given.
    PasswordRequired,
    /// The password is not that of the room, or not the operator's.
    WrongPassword,
    /// The password is empty or too long.
    BadPassword,
    /// Too many passwords were tried in too short a time.
    TooManyAttempts,
    /// Only who has the operator's password may open a room on this server.
    MayNotOpen,
    /// The access token is not one for this room and this moment; the text says why.
    BadToken,
    /// Nobody comes in without an access token: into this room, or on this server.
    TokenRequired,
    /// Only who has signed in may open a room on this server.
    LoginRequired,
    /// As many wait to be let in as may.
    LobbyFull,
    /// The text is empty or too long.
    BadText,
    /// Too much of this in too short a time.
    TooFast,
    /// The room keeps in mind as many people as it can.
    TooManyPeople,
    /// Files cannot be sent: not in this room, or not on this server.
    FilesUnavailable,
    /// The file is larger than may be, has nothing in it, or no name that can be shown.
    BadFile,
    /// There is no such file on offer.
    NoSuchFile,
    /// As many files are offered, or under way, as may be.
    TooManyFiles,
    /// A moderator turned the sender away. Fatal.
    Denied,
    /// A moderator put the sender out. Fatal.
    Removed,
    /// A moderator put the sender out for the whole meeting. Fatal.
    Banned,
    /// A moderator ended the meeting. Fatal.
    MeetingEnded,
    /// The same participant came in by another connection. Fatal.
    Superseded,
    /// Too many messages in too short a time. Fatal.
    TooManyMessages,
    /// No `join`, or no `pong`, for too long. Fatal.
    TimedOut,
    /// The client does not read what it is sent. Fatal.
    TooSlow,
    /// The server is going down. Fatal; another one may answer soon.
    ServerStopping,
}

/// Why the server closed a WebSocket (RFC 6455 §7.4). Standard codes are used where they say enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client left.
    Normal = 1000,
    /// A binary message.
    Unsupported = 1003,
    /// A message too long.
    TooBig = 1009,
    /// The server is going down; to be tried again soon.
    ServiceRestart = 1012,
    /// Follows [`ErrorCode::BadMessage`].
    BadMessage = 4400,
    /// Follows [`ErrorCode::Denied`], [`ErrorCode::Removed`] and [`ErrorCode::Banned`]. Not to be tried again but by a person's wish.
    PutOut = 4403,
    /// Follows [`ErrorCode::UnsupportedVersion`].
    UnsupportedVersion = 4406,
    /// Follows [`ErrorCode::TimedOut`].
    TimedOut = 4408,
    /// Follows [`ErrorCode::Superseded`]. To come back at once would only take turns with the other.
    Superseded = 4409,
    /// Follows [`ErrorCode::MeetingEnded`]. Not to be tried again but by a person's wish.
    Ended = 4410,
    /// Stands for [`ErrorCode::TooSlow`], which would not be read.
    TooSlow = 4413,
    /// Follows [`ErrorCode::TooManyMessages`].
    TooManyMessages = 4429,
    /// What a *client* says when its page is being closed or loaded anew.
    PageClosed = 4001,
}

impl CloseCode {
    /// Returns the number that stands in the close frame.
    pub const fn as_u16(self) -> u16 {
        self as u16
    }
}

//! Why a file is not offered, or not taken.

use thiserror::Error;

/// Why a file is not offered, or not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileError {
    /// This participant is not in the room.
    #[error("files need a connection to the room, and there is none now")]
    NotInRoom,
    /// Files go through the server alone.
    #[error("files cannot be sent in this room, as they go through the media server")]
    Unavailable,
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The server has a bound.
    #[error("the file has {bytes} bytes, and the server takes {bytes_max} at most")]
    TooLarge {
        /// What it has.
        bytes: u64,
        /// What it may have.
        bytes_max: u32,
    },
    /// As many are offered as may be, or come.
    #[error("no more than {max} files can be on their way at a time")]
    TooMany {
        /// How many may be.
        max: usize,
    },
    /// It is being taken.
    #[error("this file is coming already")]
    Coming,
    /// It cannot be read or written.
    #[error("{0}")]
    Content(String),
    /// The server says no.
    #[error("the server refuses it: {0}")]
    Refused(String),
    /// Nobody knows whether the server heard of it.
    #[error("the connection was lost meanwhile")]
    Lost,
}

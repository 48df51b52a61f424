//! What the shell is to do.

use std::collections::{BTreeMap, VecDeque};

use allo_protocol::{CloseCode, ErrorCode, Password, ServerMessage};

use crate::connection::{ConnectionId, Seat};
use crate::media::{MediaCommand, MediaKey, MediaRoom};
use crate::{PasswordHash, RoomName, RoomRecord};

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a message.
    Message {
        /// To which connection.
        to: ConnectionId,
        /// What to send.
        message: ServerMessage,
    },
    /// Close a connection, after what was to be sent on it. It is not mentioned again.
    Close {
        /// Which one.
        connection: ConnectionId,
        /// With which code.
        code: CloseCode,
    },
    /// Tell the media plane.
    Media(MediaCommand),
    /// Hash a password, and tell [`Rooms::handle_hash`](crate::Rooms::handle_hash). It takes long, on purpose: nobody waits for it here.
    HashPassword {
        /// To be named in the answer.
        check: CheckId,
        /// What to hash.
        password: Password,
    },
    /// Compare a password with a hash, and tell [`Rooms::handle_verdict`](crate::Rooms::handle_verdict). Without a hash it does not fit, and it
    /// takes as long to find that out.
    CheckPassword {
        /// To be named in the answer.
        check: CheckId,
        /// What somebody gave.
        password: Password,
        /// What it is to be.
        hash: Option<PasswordHash>,
    },
    /// Keep what there is to be known of a room, in place of what was kept before; nothing any more if `None`.
    Keep {
        /// Which room.
        room: RoomName,
        /// What is to be known, for [`Rooms::handle_record`](crate::Rooms::handle_record) at the next start.
        record: Option<RoomRecord>,
    },
}

/// A password that is being hashed or compared. A number is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckId(pub u64);

/// Outputs not yet taken.
///
/// Its bound is the contract of [`Rooms::poll_output`]: it is drained after each call, and one call makes at most a few
/// messages for each participant of one room ([`Rooms::handle_stop`]: of the server).
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    queue: VecDeque<Output>,
    /// What is to be kept of rooms, the latest word about each. It is drained with the rest.
    kept: BTreeMap<RoomName, Option<RoomRecord>>,
    /// Whose each media session is, from the command that begins it to the one that ends it. At most one for each participant.
    seats: BTreeMap<MediaKey, Seat>,
    /// Who may come through the TURN server. At most as many.
    relayed: BTreeMap<MediaKey, Seat>,
}

impl Outputs {
    pub(crate) fn message(&mut self, to: ConnectionId, message: ServerMessage) {
        self.queue.push_back(Output::Message { to, message });
    }

    pub(crate) fn media(&mut self, command: MediaCommand) {
        self.queue.push_back(Output::Media(command));
    }

    pub(crate) fn hash_password(&mut self, check: CheckId, password: Password) {
        self.queue.push_back(Output::HashPassword { check, password });
    }

    pub(crate) fn check_password(&mut self, check: CheckId, password: Password, hash: Option<PasswordHash>) {
        self.queue.push_back(Output::CheckPassword { check, password, hash });
    }

    /// Has something kept of a room. Of several words about the same room, the last one counts.
    pub(crate) fn keep(&mut self, room: RoomName, record: Option<RoomRecord>) {
        self.kept.insert(room, record);
    }

    /// Begins a media session, or changes it.
    pub(crate) fn connect(&mut self, key: MediaKey, seat: Seat, commands: Vec<MediaCommand>) {
        self.seats.insert(key, seat);
        self.queue.extend(commands.into_iter().map(Output::Media));
    }

    /// Lets somebody in through the TURN server.
    pub(crate) fn relay(&mut self, room: MediaRoom, key: MediaKey, seat: Seat) {
        self.relayed.insert(key, seat);
        self.media(MediaCommand::Relay { room, key });
    }

    /// Lets somebody in through it no more.
    pub(crate) fn unrelay(&mut self, key: MediaKey) {
        self.relayed.remove(&key);
        self.media(MediaCommand::Unrelay { key });
    }

    /// Ends a media session.
    pub(crate) fn disconnect(&mut self, key: MediaKey) {
        self.seats.remove(&key);
        self.media(MediaCommand::Disconnect { key });
    }

    pub(crate) fn close(&mut self, connection: ConnectionId, code: CloseCode) {
        self.queue.push_back(Output::Close { connection, code });
    }

    pub(crate) fn error(&mut self, to: ConnectionId, code: ErrorCode, text: impl Into<String>, fatal: bool) {
        self.message(to, ServerMessage::Error { code, text: text.into(), fatal });
    }

    /// Returns whose a media session is, or who may come through the TURN server.
    pub(crate) fn seat(&self, key: MediaKey) -> Option<Seat> {
        self.seats.get(&key).or_else(|| self.relayed.get(&key)).cloned()
    }

    /// Returns how many media sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front().or_else(|| {
            let (room, record) = self.kept.pop_first()?;
            Some(Output::Keep { room, record })
        })
    }
}

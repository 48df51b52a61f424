//! One WebSocket, as the rooms see it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use allo_protocol::{CloseCode, ErrorCode, ParticipantId};

use crate::{BadPass, CheckId, LoginId, Pass, RoomName, RoomsConfig};

/// A connection. The shell numbers them and never uses a number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What the shell found wrong with a connection, before there was a message to handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The text was not a message; why not, in a few words.
    BadMessage(String),
    /// More messages than the token bucket lets through.
    TooManyMessages,
    /// The outbox is full.
    TooSlow,
    /// A binary message.
    Binary,
    /// A message longer than allowed.
    TooBig,
}

impl Fault {
    /// Returns the error to tell, if it can be told, and the code to close with.
    pub(crate) fn answer(self) -> (Option<(ErrorCode, String)>, CloseCode) {
        match self {
            Self::BadMessage(why) => {
                let text = format!("This message was not understood: {why}");
                (Some((ErrorCode::BadMessage, text)), CloseCode::BadMessage)
            }
            Self::TooManyMessages => {
                let text = "Too many messages in too short a time.".to_owned();
                (Some((ErrorCode::TooManyMessages, text)), CloseCode::TooManyMessages)
            }
            Self::TooSlow => (None, CloseCode::TooSlow),
            Self::Binary => (None, CloseCode::Unsupported),
            Self::TooBig => (None, CloseCode::TooBig),
        }
    }
}

/// How far a connection has come.
///
/// ```text
///                      the password is wrong
///                     ┌───────────────────────┐
///                     ▼                       │
/// Opened ── hello ──► Welcomed ── join ──► Checking ── it is right ──┐
///                     │                                              ▼
///                     ├── join ─────────────────────────────────► Joined
///                     └── join ──► Waiting ── a moderator admits ────┘
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    Opened,
    Welcomed,
    /// A password that came with `join` is being compared.
    Checking(CheckId),
    /// The seat is the one that they will have.
    Waiting(Seat),
    Joined(Seat),
}

/// Where a connection has its participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) room: RoomName,
    pub(crate) participant: ParticipantId,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) from: IpAddr,
    pub(crate) stage: Stage,
    /// Who has signed in there, as the shell says.
    pub(crate) login: Option<LoginId>,
    /// What the token in the `join` that follows comes to, as the shell says.
    pub(crate) pass: Option<Result<Pass, BadPass>>,
    join_by: Instant,
    ping_at: Instant,
    unanswered: u32,
    heard_at: Instant,
}

/// What is due on a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    TimedOut(&'static str),
}

impl Connection {
    pub(crate) fn new(now: Instant, from: IpAddr, config: &RoomsConfig) -> Self {
        Self {
            from,
            stage: Stage::Opened,
            login: None,
            pass: None,
            join_by: now + config.join_timeout,
            ping_at: now + config.ping_interval,
            unanswered: 0,
            heard_at: now,
        }
    }

    /// Records a sign of life: any message is as good as a `pong`.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.unanswered = 0;
    }

    /// Gives the time for another `join`, as at the beginning.
    pub(crate) fn may_join_again(&mut self, now: Instant, config: &RoomsConfig) {
        self.stage = Stage::Welcomed;
        self.join_by = now + config.join_timeout;
    }

    pub(crate) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Returns when [`Self::poll_due`] is worth calling.
    pub(crate) fn wake_at(&self) -> Instant {
        match self.stage {
            // A client that has not said hello need not know what a ping is.
            Stage::Opened => self.join_by,
            Stage::Welcomed => self.join_by.min(self.ping_at),
            Stage::Checking(_) | Stage::Waiting(_) | Stage::Joined(_) => self.ping_at,
        }
    }

    /// Returns what is due at `now`. A ping that is due counts as sent.
    pub(crate) fn poll_due(&mut self, now: Instant, interval: Duration, missed_pongs: u32) -> Due {
        if matches!(self.stage, Stage::Opened | Stage::Welcomed) && self.join_by <= now {
            return Due::TimedOut("No room was joined in time.");
        }
        if matches!(self.stage, Stage::Opened) || self.ping_at > now {
            return Due::Nothing;
        }
        if self.unanswered >= missed_pongs {
            return Due::TimedOut("Pings were left unanswered.");
        }
        self.unanswered += 1;
        self.ping_at = now + interval;
        Due::Ping
    }
}

//! Someone in a room.

use std::time::{Duration, Instant};

use allo_protocol::{
    Connection, InstanceId, LeaveReason, MayPublish, Participant, ParticipantId, ParticipantKey, Role,
};

use crate::{ConnectionId, DisplayName, RoomsConfig};

/// A participant as the server knows them.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: ParticipantId,
    pub(crate) key: ParticipantKey,
    pub(crate) instance: InstanceId,
    /// The number of the join that brought them here; an older one that arrives late has a lower number.
    pub(crate) attempt: u32,
    pub(crate) name: DisplayName,
    pub(crate) devices: Devices,
    pub(crate) presence: Presence,
}

/// What somebody has turned on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Devices {
    pub(crate) mic: bool,
    pub(crate) cam: bool,
    pub(crate) screen: bool,
}

/// What changes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceChange {
    pub(crate) mic: Option<bool>,
    pub(crate) cam: Option<bool>,
    pub(crate) screen: Option<bool>,
}

impl Devices {
    pub(crate) fn apply(&mut self, change: DeviceChange) {
        self.mic = change.mic.unwrap_or(self.mic);
        self.cam = change.cam.unwrap_or(self.cam);
        self.screen = change.screen.unwrap_or(self.screen);
    }
}

/// Whether a participant has a connection, and for how long they are kept without.
///
/// ```text
///          connection lost                lease over
/// Online ──────────────────► Away ──────────────────► gone
///    ▲                        │ ▲ │
///    └──────── join ──────────┘ └─┘ vouch
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Online(ConnectionId),
    Away(Lease),
}

/// The time for which a participant is kept without connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) until: Instant,
    /// Vouching can take the lease as far as this and no further.
    vouched_until_max: Instant,
    is_goodbye: bool,
}

/// How often it is looked whether media still come from somebody whose lease would be over.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Lease {
    /// Starts a lease for someone whose last sign of life was at `heard_at`.
    pub(crate) fn lost(now: Instant, heard_at: Instant, config: &RoomsConfig) -> Self {
        Self {
            until: (heard_at + config.lease).max(now),
            vouched_until_max: now + config.vouch_lease_max,
            is_goodbye: false,
        }
    }

    /// Starts a lease for someone whose page said that it was being closed. Nobody can vouch for a closed page.
    pub(crate) fn closing(now: Instant, config: &RoomsConfig) -> Self {
        let until = now + config.reload_lease;
        Self { until, vouched_until_max: until, is_goodbye: true }
    }

    /// Returns what to say when the lease is over.
    pub(crate) fn reason(&self) -> LeaveReason {
        if self.is_goodbye { LeaveReason::Left } else { LeaveReason::Lost }
    }

    /// Records that media came from them lately; returns when to look again, unless they were kept for long enough.
    pub(crate) fn keep(&mut self, now: Instant) -> Option<Instant> {
        self.until = self.until.max(now + LOOK_AGAIN).min(self.vouched_until_max);
        Some(self.until).filter(|until| *until > now)
    }

    /// Records that a peer still hears from them.
    pub(crate) fn vouch(&mut self, now: Instant, config: &RoomsConfig) {
        let vouched_until = (now + config.vouch_lease).min(self.vouched_until_max);
        self.until = self.until.max(vouched_until);
    }
}

impl Member {
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self.presence {
            Presence::Online(connection) => Some(connection),
            Presence::Away(_) => None,
        }
    }

    /// Returns what the others are told.
    pub(crate) fn describe(&self) -> Participant {
        Participant {
            id: self.id.clone(),
            display_name: self.name.as_str().to_owned(),
            mic: self.devices.mic,
            cam: self.devices.cam,
            screen: self.devices.screen,
            connection: match self.presence {
                Presence::Online(_) => Connection::Online,
                Presence::Away(_) => Connection::Reconnecting,
            },
            role: Role::Participant,
            may_publish: MayPublish::EVERYTHING,
            hand: None,
            recording: false,
        }
    }
}

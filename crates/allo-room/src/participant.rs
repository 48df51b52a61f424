//! Someone in a room.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use allo_protocol::{
    Connection, Device, InstanceId, LeaveReason, MayPublish, MediaCondition, Participant, ParticipantId,
    ParticipantKey, Role, Source,
};

use crate::room::Arrival;
use crate::{ConnectionId, DisplayName, RoomsConfig, TokenBucket};

/// A participant as the server knows them.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: ParticipantId,
    pub(crate) key: ParticipantKey,
    pub(crate) instance: InstanceId,
    /// Where they come from.
    pub(crate) from: IpAddr,
    /// The number of the join that brought them here; an older one that arrives late has a lower number.
    pub(crate) attempt: u32,
    pub(crate) name: DisplayName,
    pub(crate) devices: Devices,
    pub(crate) presence: Presence,
    /// What somebody else turned off, and who, until it is turned on again.
    pub(crate) turned_off: BTreeMap<Device, ParticipantId>,
    /// The place of their raised hand.
    pub(crate) hand: Option<u32>,
    pub(crate) is_recording: bool,
    pub(crate) texts: TokenBucket,
    pub(crate) signs: TokenBucket,
}

/// Texts of one participant: so many a second for long, and so many at once. Beyond: refused.
const TEXTS: (u32, u32) = (5, 10);

/// Reactions of one participant: so many a second for long, and so many at once. Beyond: refused.
const SIGNS: (u32, u32) = (3, 10);

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

    /// Turns off what may not be on.
    pub(crate) fn limit(&mut self, may: MayPublish) {
        self.mic &= may.mic;
        self.cam &= may.cam;
        self.screen &= may.screen;
    }

    pub(crate) fn turn_off(&mut self, device: Device) {
        match device {
            Device::Mic => self.mic = false,
            Device::Cam => self.cam = false,
            Device::Screen => self.screen = false,
        }
    }
}

impl DeviceChange {
    /// Returns whether it turns nothing on that may not be on.
    pub(crate) fn is_allowed(self, may: MayPublish) -> bool {
        let is_on = |device: Option<bool>| device == Some(true);
        (may.mic || !is_on(self.mic)) && (may.cam || !is_on(self.cam)) && (may.screen || !is_on(self.screen))
    }

    /// Returns what it turns on.
    fn turned_on(self) -> impl Iterator<Item = Device> {
        let devices = [(Device::Mic, self.mic), (Device::Cam, self.cam), (Device::Screen, self.screen)];
        devices.into_iter().filter_map(|(device, is_on)| (is_on == Some(true)).then_some(device))
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
    pub(crate) fn new(id: ParticipantId, name: DisplayName, arrival: &Arrival) -> Self {
        let Arrival { connection, key, instance, from, attempt, devices, .. } = *arrival;
        Self {
            id,
            key,
            instance,
            from,
            attempt,
            name,
            devices,
            presence: Presence::Online(connection),
            turned_off: BTreeMap::new(),
            hand: None,
            is_recording: false,
            texts: TokenBucket::new(TEXTS.0, TEXTS.1),
            signs: TokenBucket::new(SIGNS.0, SIGNS.1),
        }
    }

    /// Gives them another connection. Another run of the page knows nothing of what the one before was doing.
    pub(crate) fn attach(&mut self, name: DisplayName, arrival: &Arrival) {
        if self.instance != arrival.instance {
            self.turned_off.clear();
            self.is_recording = false;
        }
        self.instance = arrival.instance;
        self.from = arrival.from;
        self.attempt = arrival.attempt;
        self.name = name;
        self.devices = arrival.devices;
        // The word that it was turned off may have been lost with the connection.
        self.turned_off.keys().for_each(|device| self.devices.turn_off(*device));
        self.presence = Presence::Online(arrival.connection);
    }

    /// Turns off a device for somebody who wishes it, until they turn it on again.
    pub(crate) fn turn_off(&mut self, device: Device, by: &ParticipantId) {
        self.devices.turn_off(device);
        self.turned_off.insert(device, by.clone());
    }

    /// Takes what they say about their devices.
    pub(crate) fn change_devices(&mut self, change: DeviceChange) {
        self.devices.apply(change);
        change.turned_on().for_each(|device| drop(self.turned_off.remove(&device)));
    }

    /// Returns what is not to be forwarded of them.
    pub(crate) fn withheld(&self, may: MayPublish) -> BTreeSet<Source> {
        let is_off = |device| self.turned_off.contains_key(&device);
        // Who is away may turn their microphone on and cannot say so.
        let is_muted = !self.devices.mic && self.connection().is_some();
        let is_screen_off = !may.screen || is_off(Device::Screen);
        let withheld = [
            (Source::Mic, !may.mic || is_off(Device::Mic) || is_muted),
            (Source::Cam, !may.cam || is_off(Device::Cam)),
            (Source::Screen, is_screen_off),
            (Source::ScreenAudio, is_screen_off),
        ];
        withheld.into_iter().filter_map(|(source, is_withheld)| is_withheld.then_some(source)).collect()
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self.presence {
            Presence::Online(connection) => Some(connection),
            Presence::Away(_) => None,
        }
    }

    /// Returns what the others are told.
    pub(crate) fn describe(&self, role: Role, may_publish: MayPublish, media: MediaCondition) -> Participant {
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
            role,
            may_publish,
            hand: self.hand,
            recording: self.is_recording,
            media,
        }
    }
}

//! Every room of a server, and every connection to them.

mod entry;
mod moderation;
mod passwords;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use allo_protocol::{
    ClientMessage, CloseCode, ErrorCode, LeaveReason, PROTOCOL_VERSION, ParticipantId, ServerMessage,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tracing::debug;

use crate::attempts::{Attempts, Network};
use crate::connection::{Connection, ConnectionId, Due, Fault, Seat, Stage};
use crate::directory::Directory;
use crate::identity::Identities;
use crate::media::{MediaEvent, MediaKey};
use crate::output::{Output, Outputs};
use crate::participant::{DeviceChange, Lease, Presence};
use crate::refusal::Refusal;
use crate::rights::Rule;
use crate::room::Room;
use crate::sessions::MediaOffer;
use crate::timers::Timers;
use crate::{
    BadPass, CheckId, DisplayName, IdentitySecret, LoginId, Pass, RoomName, RoomRecord, RoomsConfig,
};

use passwords::Check;
pub(crate) use passwords::PASSWORD_BYTES_MAX;

/// The longest client name in `hello`, in bytes. A longer one makes the message a bad one.
const CLIENT_NAME_BYTES: usize = 64;

/// RFC 6455 §7.4.1: what browsers say when a page is closed.
const GOING_AWAY: u16 = 1001;

/// Passwords that one network may try at once, and how long until it may try another. Beyond: refused. The right one costs nothing.
///
/// Higher: a whole class behind one address may mistype. Lower: guessing takes longer.
const ATTEMPTS_OF_NETWORK: (Duration, u32) = (Duration::from_secs(6), 30);

/// The same for all that are tried in one room, from wherever.
const ATTEMPTS_IN_ROOM: (Duration, u32) = (Duration::from_secs(1), 100);

/// What is there, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rooms with someone in them.
    pub rooms: usize,
    /// Participants in all rooms.
    pub participants: usize,
    /// Connections, joined or not.
    pub connections: usize,
    /// Media sessions.
    pub sessions: usize,
}

/// What a deadline is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Connection(ConnectionId),
    Lease(RoomName, ParticipantId),
    Room(RoomName),
    Record(RoomName),
}

/// Every room of a server, and every connection to them.
///
/// Four kinds of methods: `handle_*` tell it what happened; `poll_output` says what to do; `poll_timeout` says when to call
/// `handle_timeout`; the rest only look. After each `handle_*`, drain `poll_output`.
#[derive(Debug)]
pub struct Rooms {
    config: RoomsConfig,
    identities: Identities,
    rng: ChaCha8Rng,
    /// Bounded by the shell, which admits connections.
    connections: BTreeMap<ConnectionId, Connection>,
    directory: Directory,
    participants: usize,
    timers: Timers<Timer>,
    last_media_key: u64,
    /// Passwords that the shell looks at: at most one for each connection and one for each room.
    checks: BTreeMap<CheckId, Check>,
    last_check: CheckId,
    attempts_of_network: Attempts<Network>,
    attempts_in_room: Attempts<RoomName>,
    out: Outputs,
}

impl Rooms {
    /// Makes a server without rooms. `secret` is the same at each start; `seed` should be random: links are numbered from it.
    pub fn new(config: RoomsConfig, secret: &IdentitySecret, seed: [u8; 32]) -> Self {
        Self {
            config,
            identities: Identities::new(secret),
            rng: ChaCha8Rng::from_seed(seed),
            connections: BTreeMap::new(),
            directory: Directory::new(),
            participants: 0,
            timers: Timers::new(),
            last_media_key: 0,
            checks: BTreeMap::new(),
            last_check: CheckId(0),
            attempts_of_network: Attempts::new(ATTEMPTS_OF_NETWORK.0, ATTEMPTS_OF_NETWORK.1),
            attempts_in_room: Attempts::new(ATTEMPTS_IN_ROOM.0, ATTEMPTS_IN_ROOM.1),
            out: Outputs::default(),
        }
    }

    /// Returns how much is there.
    pub fn counts(&self) -> Counts {
        Counts {
            rooms: self.directory.len(),
            participants: self.participants,
            connections: self.connections.len(),
            sessions: self.out.sessions(),
        }
    }

    /// Records a new connection, which comes from `from`.
    pub fn handle_open(&mut self, now: Instant, connection: ConnectionId, from: IpAddr) {
        self.connections.insert(connection, Connection::new(now, from, &self.config));
        self.set_timer(connection);
    }

    /// Takes who has signed in at a new connection.
    pub fn handle_login(&mut self, from: ConnectionId, login: LoginId) {
        if let Some(connection) = self.connections.get_mut(&from) {
            connection.login = Some(login);
        }
    }

    /// Takes what the token in the `join` that comes next from this connection was found to be.
    pub fn handle_pass(&mut self, from: ConnectionId, pass: Result<Pass, BadPass>) {
        if let Some(connection) = self.connections.get_mut(&from) {
            connection.pass = Some(pass);
        }
    }

    /// Handles a message. One from a connection that is closed, or was never opened, is ignored.
    pub fn handle_message(&mut self, now: Instant, from: ConnectionId, message: ClientMessage) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        connection.heard(now);
        match (connection.stage.clone(), message) {
            (_, ClientMessage::Ping {}) => self.out.message(from, ServerMessage::Pong {}),
            (_, ClientMessage::Pong {}) => {}
            (Stage::Opened, ClientMessage::Hello { protocol_version, client }) => {
                self.hello(now, from, protocol_version, &client);
            }
            (Stage::Opened, _) => {
                self.refuse(from, &Refusal::HelloMissing);
            }
            (_, ClientMessage::Hello { .. }) => {
                self.refuse(from, &Refusal::HelloRepeated);
            }
            (Stage::Welcomed, message @ ClientMessage::Join { .. }) => self.join(now, from, message),
            (Stage::Welcomed, _) => {
                self.refuse(from, &Refusal::JoinMissing);
            }
            (stage @ (Stage::Checking(_) | Stage::Waiting(_)), ClientMessage::Leave {}) => {
                self.forget(from);
                self.out.close(from, CloseCode::Normal);
                self.detach(now, stage, Lease::closing(now, &self.config));
            }
            (Stage::Waiting(seat), message @ ClientMessage::Join { .. }) => {
                self.wait_again(now, from, &seat, message);
            }
            (Stage::Checking(_) | Stage::Waiting(_), _) => {
                self.refuse(from, &Refusal::StillWaiting);
            }
            (Stage::Joined(seat), message @ ClientMessage::Join { .. }) => {
                self.join_again(now, from, &seat, message);
            }
            (Stage::Joined(seat), message) => self.handle_joined(now, from, &seat, message),
        }
    }

    /// Handles what the shell found wrong with a connection, which is closed for it.
    pub fn handle_fault(&mut self, now: Instant, connection: ConnectionId, fault: Fault) {
        if self.connections.contains_key(&connection) {
            let (error, code) = fault.answer();
            if let Some((error, text)) = error {
                self.out.error(connection, error, text, true);
            }
            self.close(now, connection, code);
        }
    }

    /// Records that a WebSocket is gone, with the close code that the client said, if it said one.
    pub fn handle_close(&mut self, now: Instant, connection: ConnectionId, code: Option<u16>) {
        let is_goodbye = code.is_some_and(|code| {
            code == CloseCode::Normal.as_u16() || code == GOING_AWAY || code == CloseCode::PageClosed.as_u16()
        });
        if let Some(connection) = self.forget(connection) {
            let lease = if is_goodbye {
                Lease::closing(now, &self.config)
            } else {
                Lease::lost(now, connection.heard_at(), &self.config)
            };
            self.detach(now, connection.stage, lease);
        }
    }

    /// Takes what was kept of a room, at the start of the server.
    pub fn handle_record(&mut self, now: Instant, room: RoomName, record: RoomRecord) {
        if self.directory.get(&room).is_none() {
            let at = self.directory.put(now, room.clone(), record, &self.config);
            self.timers.set(Timer::Record(room), at);
            self.forget_beyond();
        }
    }

    /// Takes what happened in the media plane. What is about a session that is over has no effect.
    pub fn handle_media(&mut self, now: Instant, events: Vec<MediaEvent>) {
        let mut concerned = BTreeSet::new();
        for event in events {
            let Some(seat) = self.out.seat(event.key()) else { continue };
            self.in_room(&seat, |room, id, out| room.handle_media(now, id, event, out));
            concerned.insert(seat.room);
        }
        for name in concerned {
            if let Some(room) = self.directory.get_mut(&name) {
                room.tell_media(now, &mut self.out);
            }
            self.set_room_timer(&name);
        }
    }

    /// Does what has become due: pings, connections that are dead, participants who are gone.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Connection(id) => self.connection_due(now, id),
                Timer::Lease(room, participant) => self.lease_over(now, &room, &participant),
                Timer::Room(room) => self.room_due(now, &room),
                Timer::Record(room) => self.record_due(now, &room),
            }
        }
    }

    /// Closes every connection, because the server is going down.
    pub fn handle_stop(&mut self, now: Instant) {
        let connections: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for connection in connections {
            let text = "The server is being restarted.";
            self.out.error(connection, ErrorCode::ServerStopping, text, true);
            self.close(now, connection, CloseCode::ServiceRestart);
        }
    }

    /// Returns the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop()
    }

    /// Returns when to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn hello(&mut self, now: Instant, from: ConnectionId, version: u32, client: &str) {
        if client.len() > CLIENT_NAME_BYTES {
            let fault = Fault::BadMessage(format!("client is longer than {CLIENT_NAME_BYTES} bytes"));
            return self.handle_fault(now, from, fault);
        }
        if version != PROTOCOL_VERSION {
            let text = format!(
                "This server speaks version {PROTOCOL_VERSION} of the protocol, not {version}. Please reload the page."
            );
            self.out.error(from, ErrorCode::UnsupportedVersion, text, true);
            return self.close(now, from, CloseCode::UnsupportedVersion);
        }
        self.set_stage(from, Stage::Welcomed);
        let message = ServerMessage::Welcome {
            protocol_version: PROTOCOL_VERSION,
            server: self.config.server.clone(),
            limits: self.config.limits(),
            ice_servers: self.config.ice_servers.clone(),
            stun_port: self.config.stun_port,
            features: self.config.features(),
        };
        self.out.message(from, message);
    }

    /// Handles what a participant says in a room.
    fn handle_joined(&mut self, now: Instant, from: ConnectionId, seat: &Seat, message: ClientMessage) {
        let rule = Rule::of(&message, &seat.participant);
        if !self.directory.get(&seat.room).is_some_and(|room| room.allows(&seat.participant, rule)) {
            return self.refuse(from, &Refusal::NotAllowed { rule });
        }
        match message {
            ClientMessage::UpdateSelf { display_name, mic, cam, screen } => {
                let change = DeviceChange { mic, cam, screen };
                let name = display_name.map(|name| self.display_name(&name)).transpose();
                let updated = name.and_then(|name| {
                    self.try_in_room(seat, |room, id, out| room.update(id, name, change, out))
                });
                if let Err(refusal) = updated {
                    self.refuse(from, &refusal);
                }
            }
            ClientMessage::SessionDescription { to, link, description } => {
                let sender = seat.participant.clone();
                let relayed = ServerMessage::SessionDescription { from: sender, link, description };
                self.with_peer(from, seat, &to, |room, id, out| room.relay(id, &to, link, relayed, out));
            }
            ClientMessage::IceCandidate { to, link, candidate } => {
                let sender = seat.participant.clone();
                let relayed = ServerMessage::IceCandidate { from: sender, link, candidate };
                self.with_peer(from, seat, &to, |room, id, out| room.relay(id, &to, link, relayed, out));
            }
            ClientMessage::PictureLimits { to, link, limits } => {
                let sender = seat.participant.clone();
                let relayed = ServerMessage::PictureLimits { from: sender, link, limits };
                self.with_peer(from, seat, &to, |room, id, out| room.relay(id, &to, link, relayed, out));
            }
            ClientMessage::RenewLink { to, link } => {
                self.with_peer(from, seat, &to, |room, id, out| room.renew_link(id, &to, link, out));
            }
            ClientMessage::Vouch { peer } => self.vouch(now, from, seat, &peer),
            ClientMessage::DropLink { to, link } => {
                self.with_peer(from, seat, &to, |room, id, out| room.drop_link(id, &to, link, out));
            }
            ClientMessage::MediaOffer { session, sdp, tracks } => {
                self.last_media_key += 1;
                let fresh = MediaKey(self.last_media_key);
                let offer = MediaOffer { session, sdp, tracks };
                self.in_room(seat, |room, id, out| room.offer(now, id, offer, fresh, out));
                self.set_room_timer(&seat.room);
            }
            ClientMessage::MediaBlocked { session, blocked } => {
                self.in_room(seat, |room, id, out| room.set_blocked(now, id, session, blocked, out));
                self.set_room_timer(&seat.room);
            }
            ClientMessage::Subscribe { tiles, audio } => {
                self.in_room(seat, |room, id, out| room.subscribe(id, tiles, audio, out));
            }
            ClientMessage::RequestSnapshot {} => self.tell_everything(now, seat),
            ClientMessage::Leave {} => {
                self.forget(from);
                self.out.close(from, CloseCode::Normal);
                self.remove(now, &seat.room, &seat.participant, LeaveReason::Left);
            }
            message => {
                if let Err(refusal) = self.handle_meeting(now, from, seat, message) {
                    self.refuse(from, &refusal);
                }
            }
        }
    }

    fn display_name(&self, text: &str) -> Result<DisplayName, Refusal> {
        Ok(DisplayName::parse(text, self.config.display_name_graphemes)?)
    }

    fn vouch(&mut self, now: Instant, from: ConnectionId, seat: &Seat, peer: &ParticipantId) {
        if !self.is_peer(seat, peer) {
            return self.refuse(from, &Refusal::NoSuchPeer);
        }
        let room = self.directory.get_mut(&seat.room);
        if let Some(until) = room.and_then(|room| room.vouch(peer, now, &self.config)) {
            self.timers.set(Timer::Lease(seat.room.clone(), peer.clone()), until);
        }
    }

    fn in_room(&mut self, seat: &Seat, act: impl FnOnce(&mut Room, &ParticipantId, &mut Outputs)) {
        if let Some(room) = self.directory.get_mut(&seat.room) {
            act(room, &seat.participant, &mut self.out);
        }
    }

    /// Does the same with something that may be refused.
    fn try_in_room(
        &mut self,
        seat: &Seat,
        act: impl FnOnce(&mut Room, &ParticipantId, &mut Outputs) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let room = self.directory.get_mut(&seat.room).ok_or(Refusal::JoinMissing)?;
        act(room, &seat.participant, &mut self.out)
    }

    /// Acts on a peer in the same room.
    fn with_peer(
        &mut self,
        from: ConnectionId,
        seat: &Seat,
        peer: &ParticipantId,
        act: impl FnOnce(&mut Room, &ParticipantId, &mut Outputs),
    ) {
        if self.is_peer(seat, peer) {
            self.in_room(seat, act);
        } else {
            self.refuse(from, &Refusal::NoSuchPeer);
        }
    }

    /// Returns whether there is such a participant in the same room, other than oneself.
    fn is_peer(&self, seat: &Seat, peer: &ParticipantId) -> bool {
        *peer != seat.participant && self.directory.get(&seat.room).is_some_and(|room| room.contains(peer))
    }

    fn tell_everything(&mut self, now: Instant, seat: &Seat) {
        self.in_room(seat, |room, id, out| room.tell_everything(now, id, true, out));
    }

    fn connection_due(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.poll_due(now, self.config.ping_interval, self.config.missed_pongs) {
            Due::Nothing => self.set_timer(id),
            Due::Ping => {
                self.out.message(id, ServerMessage::Ping {});
                self.set_timer(id);
            }
            Due::TimedOut(text) => {
                self.out.error(id, ErrorCode::TimedOut, text, true);
                self.close(now, id, CloseCode::TimedOut);
            }
        }
    }

    fn lease_over(&mut self, now: Instant, room: &RoomName, participant: &ParticipantId) {
        let member = self.directory.get(room).and_then(|room| room.find(participant));
        match member.map(|member| member.presence) {
            Some(Presence::Away(lease)) if lease.until <= now => {
                if self.keep_who_is_heard(now, room, participant) {
                    return;
                }
                self.remove(now, room, participant, lease.reason());
            }
            _ => {}
        }
    }

    /// Lets media count as a sign of life. Returns whether the lease goes on.
    fn keep_who_is_heard(&mut self, now: Instant, name: &RoomName, id: &ParticipantId) -> bool {
        let heard = self.directory.get_mut(name).filter(|room| room.is_heard(id));
        let until = heard.and_then(|room| room.keep(id, now));
        until.map(|until| self.timers.set(Timer::Lease(name.clone(), id.clone()), until)).is_some()
    }

    fn room_due(&mut self, now: Instant, name: &RoomName) {
        if let Some(room) = self.directory.get_mut(name) {
            room.settle_way(now, None, &self.config, &mut self.out);
            room.renew_relays(now, &self.config, &mut self.out);
            room.tell_media(now, &mut self.out);
            self.set_room_timer(name);
        }
    }

    /// Lets the meeting of a room be over that nobody is in, or forgets whose it is.
    fn record_due(&mut self, now: Instant, name: &RoomName) {
        if let Some((record, again_at)) = self.directory.remind(now, name, &self.config) {
            self.out.keep(name.clone(), record);
            if let Some(at) = again_at {
                self.timers.set(Timer::Record(name.clone()), at);
            }
        }
    }

    /// Closes a room if nobody is in it any more.
    fn close_if_empty(&mut self, now: Instant, name: &RoomName) {
        if let Some(at) = self.directory.close_if_empty(now, name, &self.config) {
            self.timers.set(Timer::Record(name.clone()), at);
            self.forget_beyond();
        }
        self.set_room_timer(name);
    }

    fn forget_beyond(&mut self) {
        while let Some(name) = self.directory.pop_beyond(&self.config) {
            self.timers.clear(&Timer::Record(name.clone()));
            self.out.keep(name, None);
        }
    }

    fn set_room_timer(&mut self, name: &RoomName) {
        match self.directory.get(name).and_then(Room::wake_at) {
            Some(at) => self.timers.set(Timer::Room(name.clone()), at),
            None => self.timers.clear(&Timer::Room(name.clone())),
        }
    }

    /// Closes a connection; its participant is kept for a while.
    fn close(&mut self, now: Instant, id: ConnectionId, code: CloseCode) {
        self.out.close(id, code);
        if let Some(connection) = self.forget(id) {
            let lease = Lease::lost(now, connection.heard_at(), &self.config);
            self.detach(now, connection.stage, lease);
        }
    }

    fn forget(&mut self, id: ConnectionId) -> Option<Connection> {
        self.timers.clear(&Timer::Connection(id));
        self.connections.remove(&id)
    }

    fn detach(&mut self, now: Instant, stage: Stage, lease: Lease) {
        let seat = match stage {
            Stage::Opened | Stage::Welcomed => return,
            Stage::Checking(check) => return drop(self.checks.remove(&check)),
            Stage::Waiting(seat) => {
                self.in_room(&seat, |room, id, out| drop(room.stop_waiting(id, out)));
                return self.close_if_empty(now, &seat.room);
            }
            Stage::Joined(seat) => seat,
        };
        self.timers.set(Timer::Lease(seat.room.clone(), seat.participant.clone()), lease.until);
        debug!(participant = %seat.participant, "participant lost the connection");
        self.in_room(&seat, |room, id, out| room.detach(id, lease, out));
    }

    fn remove(&mut self, now: Instant, name: &RoomName, participant: &ParticipantId, reason: LeaveReason) {
        self.timers.clear(&Timer::Lease(name.clone(), participant.clone()));
        let Some(room) = self.directory.get_mut(name) else { return };
        if room.remove(now, participant, reason, &self.config, &mut self.out) {
            self.participants -= 1;
            debug!(%participant, ?reason, "participant gone");
            self.close_if_empty(now, name);
        }
    }

    /// Closes a connection for good, whose participant goes on with another one, or not at all.
    fn turn_away(&mut self, connection: ConnectionId, refusal: &Refusal, code: CloseCode) {
        // Forgotten first, so that its end is not taken for the participant's.
        self.forget(connection);
        self.out.error(connection, refusal.code(), refusal.to_string(), true);
        self.out.close(connection, code);
    }

    fn refuse(&mut self, connection: ConnectionId, refusal: &Refusal) {
        self.out.error(connection, refusal.code(), refusal.to_string(), false);
    }

    fn set_stage(&mut self, id: ConnectionId, stage: Stage) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.stage = stage;
            self.set_timer(id);
        }
    }

    fn set_timer(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(&id) {
            self.timers.set(Timer::Connection(id), connection.wake_at());
        }
    }
}

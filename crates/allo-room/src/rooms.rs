//! Every room of a server, and every connection to them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use allo_protocol::{
    ClientMessage, CloseCode, ErrorCode, LeaveReason, PROTOCOL_VERSION, ParticipantId, ServerMessage,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tracing::debug;

use crate::connection::{Connection, ConnectionId, Due, Fault, Seat, Stage};
use crate::directory::Directory;
use crate::identity::Identities;
use crate::media::{MediaEvent, MediaKey};
use crate::output::{Output, Outputs};
use crate::participant::{DeviceChange, Devices, Lease, Presence};
use crate::refusal::Refusal;
use crate::room::{Arrival, Room};
use crate::sessions::MediaOffer;
use crate::timers::Timers;
use crate::{DisplayName, IdentitySecret, RoomName, RoomsConfig};

/// The longest client name in `hello`, in bytes. A longer one makes the message a bad one.
const CLIENT_NAME_BYTES: usize = 64;

/// RFC 6455 §7.4.1: what browsers say when a page is closed.
const GOING_AWAY: u16 = 1001;

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
            directory: Directory::default(),
            participants: 0,
            timers: Timers::new(),
            last_media_key: 0,
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
            (Stage::Joined(seat), message @ ClientMessage::Join { .. }) => {
                self.join_again(from, &seat, message);
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
            self.detach(connection.stage, lease);
        }
    }

    /// Takes what happened in the media plane. What is about a session that is over has no effect.
    pub fn handle_media(&mut self, now: Instant, events: Vec<MediaEvent>) {
        let mut concerned = BTreeSet::new();
        for event in events {
            let Some(seat) = self.out.seat(event.key()) else { continue };
            self.in_room(&seat, |room, id, out| room.handle_media(id, event, out));
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
            features: self.config.features(),
        };
        self.out.message(from, message);
    }

    fn join(&mut self, now: Instant, from: ConnectionId, message: ClientMessage) {
        let joined =
            self.parse_join(from, message).and_then(|(room, arrival)| self.admit(now, from, room, arrival));
        match joined {
            Ok(seat) => self.set_stage(from, Stage::Joined(seat)),
            Err(Refusal::Superseded) => self.supersede(from),
            Err(refusal) => self.refuse(from, &refusal),
        }
    }

    /// Reads the names in a `join`.
    fn parse_join(
        &self,
        connection: ConnectionId,
        message: ClientMessage,
    ) -> Result<(RoomName, Arrival), Refusal> {
        let ClientMessage::Join {
            room,
            display_name,
            participant_key: key,
            instance,
            attempt,
            mic,
            cam,
            screen,
            topology,
            owner_secret: _,
            password: _,
            opening_password: _,
        } = message
        else {
            return Err(Refusal::JoinMissing);
        };
        let room = RoomName::parse(&room, self.config.room_name_bytes)?;
        let name = self.display_name(&display_name)?;
        Ok((
            room,
            Arrival {
                connection,
                key,
                instance,
                attempt,
                name,
                devices: Devices { mic, cam, screen },
                topology,
            },
        ))
    }

    fn display_name(&self, text: &str) -> Result<DisplayName, Refusal> {
        Ok(DisplayName::parse(text, self.config.display_name_graphemes)?)
    }

    /// Lets someone into a room: someone who is known there by their key, or a newcomer.
    fn admit(
        &mut self,
        now: Instant,
        from: ConnectionId,
        name: RoomName,
        arrival: Arrival,
    ) -> Result<Seat, Refusal> {
        if let Some(member) = self.directory.get(&name).and_then(|room| room.find_by_key(&arrival.key)) {
            if arrival.attempt < member.attempt {
                return Err(Refusal::Superseded);
            }
            let (participant, presence) = (member.id.clone(), member.presence);
            self.attach(&name, &participant, presence, arrival);
            return Ok(Seat { room: name, participant });
        }
        let address = self.connections.get(&from).expect("a message comes from an open connection").from;
        let (asked, rng) = (arrival.topology, &mut self.rng);
        let room = self.directory.find_or_open(now, &name, address, asked, &self.config, rng)?;
        let mut ids = self.identities.of(&name, &arrival.key);
        let id = ids.find(|id| !room.contains(id)).expect("a room is smaller than the choice of identifiers");
        drop(ids);
        room.enter(now, &id, arrival, &self.config, &mut self.out);
        if let Some(renewal) = self.config.relay_renewal {
            self.last_media_key += 1;
            room.open_relay(now, &id, MediaKey(self.last_media_key), renewal, &mut self.out);
        }
        self.set_room_timer(&name);
        self.participants += 1;
        debug!(participant = %id, "participant joined");
        Ok(Seat { room: name, participant: id })
    }

    /// Gives a known participant a new connection; the old one, if it is there, is closed.
    fn attach(&mut self, room: &RoomName, id: &ParticipantId, presence: Presence, arrival: Arrival) {
        match presence {
            Presence::Online(old) => self.supersede(old),
            Presence::Away(_) => self.timers.clear(&Timer::Lease(room.clone(), id.clone())),
        }
        debug!(participant = %id, "participant attached");
        if let Some(room) = self.directory.get_mut(room) {
            room.attach(id, arrival, &mut self.out);
        }
    }

    /// Closes a connection whose participant goes on with another one.
    fn supersede(&mut self, connection: ConnectionId) {
        // Forgotten first, so that its end is not taken for the participant's.
        self.forget(connection);
        self.out.error(connection, ErrorCode::Superseded, Refusal::Superseded.to_string(), true);
        self.out.close(connection, CloseCode::Superseded);
    }

    /// Answers a `join` on a connection that has joined.
    fn join_again(&mut self, from: ConnectionId, seat: &Seat, message: ClientMessage) {
        match self.parse_join(from, message) {
            Ok((room, arrival)) => {
                let member = self.directory.get(&room).and_then(|room| room.find_by_key(&arrival.key));
                if room == seat.room && member.is_some_and(|member| member.id == seat.participant) {
                    self.tell_snapshot(seat);
                } else {
                    self.refuse(from, &Refusal::AlreadyJoined);
                }
            }
            Err(refusal) => self.refuse(from, &refusal),
        }
    }

    /// Handles what a participant says in a room.
    fn handle_joined(&mut self, now: Instant, from: ConnectionId, seat: &Seat, message: ClientMessage) {
        match message {
            ClientMessage::UpdateSelf { display_name, mic, cam, screen } => {
                let change = DeviceChange { mic, cam, screen };
                match display_name.map(|name| self.display_name(&name)).transpose() {
                    Ok(name) => self.in_room(seat, |room, id, out| room.update(id, name, change, out)),
                    Err(refusal) => self.refuse(from, &refusal),
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
            ClientMessage::Subscribe { tiles, audio } => {
                self.in_room(seat, |room, id, out| room.subscribe(id, tiles, audio, out));
            }
            ClientMessage::RequestSnapshot {} => self.tell_snapshot(seat),
            ClientMessage::Leave {} => {
                self.forget(from);
                self.out.close(from, CloseCode::Normal);
                self.remove(now, &seat.room, &seat.participant, LeaveReason::Left);
            }
            ClientMessage::Chat { .. }
            | ClientMessage::RaiseHand {}
            | ClientMessage::LowerHand { .. }
            | ClientMessage::React { .. }
            | ClientMessage::SetRecording { .. }
            | ClientMessage::SetRoom { .. }
            | ClientMessage::SetPassword { .. }
            | ClientMessage::Spotlight { .. }
            | ClientMessage::Admit { .. }
            | ClientMessage::AdmitAll {}
            | ClientMessage::Deny { .. }
            | ClientMessage::TurnOff { .. }
            | ClientMessage::AskToTurnOn { .. }
            | ClientMessage::SetMayPublish { .. }
            | ClientMessage::Rename { .. }
            | ClientMessage::Remove { .. }
            | ClientMessage::Ban { .. }
            | ClientMessage::EndMeeting {}
            | ClientMessage::SetRole { .. }
            | ClientMessage::SetOwnerSecret { .. } => self.refuse(from, &Refusal::NotBuilt),
            // The caller has handled these; to name them keeps a new message from being forgotten here.
            ClientMessage::Hello { .. }
            | ClientMessage::Join { .. }
            | ClientMessage::Ping {}
            | ClientMessage::Pong {} => {}
        }
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

    fn tell_snapshot(&mut self, seat: &Seat) {
        self.in_room(seat, |room, id, out| room.tell_snapshot(id, true, out));
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
            self.detach(connection.stage, lease);
        }
    }

    fn forget(&mut self, id: ConnectionId) -> Option<Connection> {
        self.timers.clear(&Timer::Connection(id));
        self.connections.remove(&id)
    }

    fn detach(&mut self, stage: Stage, lease: Lease) {
        let Stage::Joined(seat) = stage else { return };
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
            self.directory.close_if_empty(name);
            self.set_room_timer(name);
        }
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

//! A server in virtual time, with connections driven by hand.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use allo_protocol::{
    ClientMessage, CloseCode, ErrorCode, InstanceId, LinkId, Participant, ParticipantId, ParticipantKey,
    Password, ServerMessage,
};
use allo_room::{
    CheckId, ConnectionId, Fault, IdentitySecret, MediaCommand, MediaEvent, Output, PasswordHash, RoomName,
    RoomRecord, Rooms, RoomsConfig,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

pub(crate) struct World {
    pub(crate) rooms: Rooms,
    pub(crate) now: Instant,
    start: Instant,
    last_connection: u64,
    inboxes: BTreeMap<ConnectionId, VecDeque<ServerMessage>>,
    closed: BTreeMap<ConnectionId, CloseCode>,
    /// What the media plane was told, and not yet looked at.
    commands: Vec<MediaCommand>,
    /// Passwords to be hashed, or compared with a hash.
    passwords: Vec<(CheckId, Password, Work)>,
    /// What is kept of rooms.
    kept: BTreeMap<RoomName, Option<RoomRecord>>,
    /// Whether connections answer the server's pings by themselves.
    answers_pings: BTreeMap<ConnectionId, bool>,
}

/// What is to be done with a password.
enum Work {
    Hash,
    Compare(Option<PasswordHash>),
}

const SEED: [u8; 32] = [7; 32];

impl World {
    pub(crate) fn new() -> Self {
        Self::with(RoomsConfig::default())
    }

    #[allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    pub(crate) fn with(config: RoomsConfig) -> Self {
        let start = Instant::now();
        Self {
            rooms: Rooms::new(config, &IdentitySecret::new([1; 32]), SEED),
            now: start,
            start,
            last_connection: 0,
            inboxes: BTreeMap::new(),
            closed: BTreeMap::new(),
            commands: Vec::new(),
            passwords: Vec::new(),
            kept: BTreeMap::new(),
            answers_pings: BTreeMap::new(),
        }
    }

    /// Returns the time since the world began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn connect(&mut self) -> ConnectionId {
        self.connect_from(Ipv4Addr::new(192, 0, 2, 1).into())
    }

    pub(crate) fn connect_from(&mut self, address: IpAddr) -> ConnectionId {
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        self.inboxes.insert(id, VecDeque::new());
        self.answers_pings.insert(id, true);
        self.rooms.handle_open(self.now, id, address);
        self.drain();
        id
    }

    pub(crate) fn say(&mut self, from: ConnectionId, message: ClientMessage) {
        self.rooms.handle_message(self.now, from, message);
        self.drain();
    }

    /// Takes what the media plane was told.
    pub(crate) fn commands(&mut self) -> Vec<MediaCommand> {
        std::mem::take(&mut self.commands)
    }

    /// Looks at the passwords that were given, as the shell does: here a hash is the password itself.
    pub(crate) fn look_at_passwords(&mut self) -> usize {
        let passwords = std::mem::take(&mut self.passwords);
        let count = passwords.len();
        for (check, password, work) in passwords {
            match work {
                Work::Compare(hash) => {
                    let fits = hash.is_some_and(|hash| hash.0 == password.0);
                    self.rooms.handle_verdict(self.now, check, Some(fits));
                }
                Work::Hash => self.rooms.handle_hash(check, Some(PasswordHash(password.0))),
            }
            self.drain();
        }
        count
    }

    /// Starts the server again: it knows what was kept, and nobody's connection.
    pub(crate) fn restart(&mut self, config: RoomsConfig) {
        self.rooms = Rooms::new(config, &IdentitySecret::new([1; 32]), SEED);
        for (room, record) in self.kept.clone() {
            if let Some(record) = record {
                self.rooms.handle_record(self.now, room, record);
            }
        }
        self.inboxes.clear();
    }

    pub(crate) fn media(&mut self, events: Vec<MediaEvent>) {
        self.rooms.handle_media(self.now, events);
        self.drain();
    }

    pub(crate) fn fault(&mut self, connection: ConnectionId, fault: Fault) {
        self.rooms.handle_fault(self.now, connection, fault);
        self.drain();
    }

    /// Ends a connection from the client's side, with a close code if it says one.
    pub(crate) fn hang_up(&mut self, connection: ConnectionId, code: Option<u16>) {
        self.inboxes.remove(&connection);
        self.rooms.handle_close(self.now, connection, code);
        self.drain();
    }

    /// Makes a connection fall silent, as when its network is gone.
    pub(crate) fn silence(&mut self, connection: ConnectionId) {
        self.answers_pings.insert(connection, false);
    }

    pub(crate) fn stop(&mut self) {
        self.rooms.handle_stop(self.now);
        self.drain();
    }

    /// Lets time pass, doing what becomes due on the way.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.rooms.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.rooms.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Takes what a connection was sent, without pings.
    pub(crate) fn heard(&mut self, connection: ConnectionId) -> Vec<ServerMessage> {
        self.inboxes.get_mut(&connection).map(std::mem::take).unwrap_or_default().into()
    }

    /// Asks for the state of the room, and returns who is in it.
    pub(crate) fn snapshot_of(&mut self, connection: ConnectionId) -> Vec<Participant> {
        self.say(connection, ClientMessage::RequestSnapshot {});
        snapshot(&self.heard(connection)).expect("who is in a room is told its state").1
    }

    /// Returns the code that the server closed a connection with.
    pub(crate) fn close_code(&self, connection: ConnectionId) -> Option<CloseCode> {
        self.closed.get(&connection).copied()
    }

    /// Connects, says hello and joins `room` as the person with this key, in their first instance.
    pub(crate) fn join(&mut self, room: &str, key: u8) -> (ConnectionId, ParticipantId) {
        self.join_as(room, key, 0)
    }

    pub(crate) fn join_as(&mut self, room: &str, key: u8, instance: u8) -> (ConnectionId, ParticipantId) {
        self.join_by(join(room, key, instance))
    }

    /// Joins with a screen that is shared.
    pub(crate) fn join_sharing(&mut self, room: &str, key: u8) -> (ConnectionId, ParticipantId) {
        let mut message = join(room, key, 0);
        if let ClientMessage::Join { screen, .. } = &mut message {
            *screen = true;
        }
        self.join_by(message)
    }

    fn join_by(&mut self, message: ClientMessage) -> (ConnectionId, ParticipantId) {
        let connection = self.connect();
        self.say(connection, hello());
        self.say(connection, message);
        let you = self.inboxes[&connection].iter().find_map(|message| match message {
            ServerMessage::Snapshot { you, .. } => Some(you.clone()),
            _ => None,
        });
        (connection, you.expect("a join is answered by a snapshot"))
    }

    fn drain(&mut self) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Message { to, message: ServerMessage::Ping {} } => {
                    if self.answers_pings.get(&to) == Some(&true) {
                        self.rooms.handle_message(self.now, to, ClientMessage::Pong {});
                    }
                }
                Output::Message { to, message } => {
                    if let Some(inbox) = self.inboxes.get_mut(&to) {
                        inbox.push_back(message);
                    }
                }
                Output::Media(command) => self.commands.push(command),
                Output::HashPassword { check, password } => {
                    self.passwords.push((check, password, Work::Hash));
                }
                Output::CheckPassword { check, password, hash } => {
                    self.passwords.push((check, password, Work::Compare(hash)));
                }
                Output::Keep { room, record } => {
                    self.kept.insert(room, record);
                }
                Output::Close { connection, code } => {
                    let is_first = self.closed.insert(connection, code).is_none();
                    assert!(is_first, "a connection is closed once");
                }
            }
        }
    }
}

pub(crate) fn hello() -> ClientMessage {
    ClientMessage::Hello { protocol_version: 1, client: "test".to_owned() }
}

pub(crate) fn key(n: u8) -> ParticipantKey {
    ParticipantKey::from_bytes([n; 16])
}

/// A join as `Person n`, microphone on, camera off.
pub(crate) fn join(room: &str, n: u8, instance: u8) -> ClientMessage {
    ClientMessage::Join {
        room: room.to_owned(),
        display_name: format!("Person {n}"),
        participant_key: key(n),
        instance: InstanceId::from_bytes([instance; 16]),
        attempt: 0,
        mic: true,
        cam: false,
        screen: false,
        topology: None,
        owner_secret: None,
        password: None,
        opening_password: None,
        token: None,
    }
}

/// Returns the participants of the last snapshot heard.
pub(crate) fn snapshot(messages: &[ServerMessage]) -> Option<(u32, Vec<Participant>)> {
    messages.iter().rev().find_map(|message| match message {
        ServerMessage::Snapshot { version, participants, .. } => Some((*version, participants.clone())),
        _ => None,
    })
}

/// Returns the number of the `n`th link of the first room. Where numbers begin is drawn from the seed.
pub(crate) fn link(n: u32) -> LinkId {
    LinkId(ChaCha8Rng::from_seed(SEED).next_u32().wrapping_add(n))
}

/// Returns the greetings heard, as (peer, link, polite).
pub(crate) fn greetings(messages: &[ServerMessage]) -> Vec<(ParticipantId, LinkId, bool)> {
    let greeting = |message: &ServerMessage| match message {
        ServerMessage::Greet { peer, link, polite } => Some((peer.clone(), *link, *polite)),
        _ => None,
    };
    messages.iter().filter_map(greeting).collect()
}

/// Returns the codes of the errors heard.
pub(crate) fn errors(messages: &[ServerMessage]) -> Vec<(ErrorCode, bool)> {
    let error = |message: &ServerMessage| match message {
        ServerMessage::Error { code, fatal, .. } => Some((*code, *fatal)),
        _ => None,
    };
    messages.iter().filter_map(error).collect()
}

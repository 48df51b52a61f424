//! What the operator may set about rooms.

use std::time::Duration;

use allo_protocol::{Features, IceServer, Limits, Password, TopologyChoice};

use crate::chat::TEXT_BYTES_MAX;
use crate::refusal::Refusal;
use crate::rooms::PASSWORD_BYTES_MAX;
use crate::sessions::{LINES_MAX, TRACKS_MAX};

/// Who may open a room: everyone, unless something is named here; then who has any of it, and those who were in the meeting before, should
/// the server be restarted. Into a room that is open, everyone may come whom its own moderators let in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// The operator's password.
    pub password: Option<Password>,
    /// What else will do.
    pub credentials: Vec<Credential>,
}

/// What somebody may show that was given to them elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// An access token for the room.
    Token,
    /// That they have signed in.
    Login,
}

impl Opening {
    /// Returns what a stranger is told of every room that they may not come into, so that the names of rooms cannot be guessed.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.password.is_some() {
            Refusal::MayNotOpen
        } else if self.credentials.contains(&Credential::Login) {
            Refusal::LoginRequired
        } else {
            Refusal::TokenRequired
        }
    }

    pub(crate) fn is_for_anyone(&self) -> bool {
        self.password.is_none() && self.credentials.is_empty()
    }
}

/// The bounds and times of [`Rooms`](crate::Rooms). Beyond each bound, the one who went beyond it gets an error.
#[derive(Debug, Clone)]
pub struct RoomsConfig {
    /// The server's name and version, for `welcome`.
    pub server: String,
    /// ICE servers for the clients. None by default: no third party is asked for anything.
    pub ice_servers: Vec<IceServer>,
    /// The longest message in bytes. The shell enforces it; it is here to be told in `welcome`.
    pub message_bytes: u32,
    /// Messages a second, for long, on one connection. The shell enforces it, with a [`TokenBucket`](crate::TokenBucket).
    pub messages_per_second: u32,
    /// Messages at once on one connection.
    pub message_burst: u32,
    /// Grapheme clusters in a display name. A longer one is cut.
    pub display_name_graphemes: u32,
    /// Bytes in a room name. A longer one is refused.
    pub room_name_bytes: u32,
    /// Participants in one room, those who are reconnecting included. The next one is refused.
    pub participants_per_room: u32,
    /// The same in a room without the media plane, where everyone sends to everyone.
    pub participants_per_mesh: u32,
    /// Which way media take in a room that says nothing about it.
    pub topology: TopologyChoice,
    /// Whether there is a media plane. Without it every room is a mesh.
    pub has_media: bool,
    /// How often the credentials for the TURN server are renewed; `None` without one. It needs a media plane.
    ///
    /// Lower than their life, so that there are always good ones. Higher: less is said.
    pub relay_renewal: Option<Duration>,
    /// The port at which the server tells whoever asks how they are seen; `None` when it does not.
    pub stun_port: Option<u16>,
    /// How long two have to be alone before they are connected directly again.
    ///
    /// Lower: the server is relieved sooner. Higher: who comes and goes changes the way of media less often.
    pub mesh_again: Duration,
    /// Who may open a room.
    pub opening: Opening,
    /// Whether it takes an access token to come into a room. Whoever was let in before needs none.
    pub token_required: bool,
    /// Whether a room that has an owner begins with a lobby.
    pub lobby: bool,
    /// Whether what is said in writing is kept for those who come later, as long as the room is there.
    pub chat_history: bool,
    /// The largest file that may be offered, in bytes; 0 where none may. A larger one is refused.
    pub file_bytes: u32,
    /// How long a meeting goes on that nobody is in: its lock, its bans, and who was let in.
    ///
    /// Higher: everyone may be away for longer. Lower: the next meeting begins afresh sooner.
    pub meeting_memory: Duration,
    /// How long a room keeps its owner that nobody is in. After that anyone may have it.
    pub owner_memory: Duration,
    /// Rooms with an owner that are kept in mind while nobody is in them. Beyond, the one that was left first is forgotten.
    pub records: usize,
    /// Rooms on this server. The next one is refused.
    pub rooms: usize,
    /// Rooms that exist at a time and were opened from one address. The next one is refused.
    pub rooms_per_address: usize,
    /// The time to say `hello` and `join` in.
    pub join_timeout: Duration,
    /// The time between two pings.
    ///
    /// Lower: a dead connection is noticed sooner. Higher: less traffic, and slow networks are given more time.
    pub ping_interval: Duration,
    /// Pings left unanswered before a connection counts as dead.
    pub missed_pongs: u32,
    /// How long a participant without connection is kept, from the last sign of life.
    ///
    /// Lower: people who are gone disappear sooner. Higher: longer outages go unnoticed.
    pub lease: Duration,
    /// How long a participant is kept whose page said that it was being closed: enough for a reload.
    pub reload_lease: Duration,
    /// How long one peer's vouching keeps a participant without connection. A few times the interval of vouching, 4 s.
    pub vouch_lease: Duration,
    /// How long vouching can go on: beyond that, a participant without connection is gone whatever the peers say.
    pub vouch_lease_max: Duration,
}

impl Default for RoomsConfig {
    fn default() -> Self {
        Self {
            server: concat!("allo/", env!("CARGO_PKG_VERSION")).to_owned(),
            ice_servers: Vec::new(),
            message_bytes: 64 * 1024,
            messages_per_second: 50,
            message_burst: 200,
            display_name_graphemes: 64,
            room_name_bytes: 128,
            participants_per_room: 100,
            participants_per_mesh: 8,
            topology: TopologyChoice::Auto,
            has_media: false,
            relay_renewal: None,
            stun_port: None,
            mesh_again: Duration::from_secs(10),
            opening: Opening::default(),
            token_required: false,
            lobby: false,
            chat_history: true,
            file_bytes: 200_000_000,
            meeting_memory: Duration::from_hours(6),
            owner_memory: Duration::from_hours(90 * 24),
            records: 20_000,
            rooms: 10_000,
            rooms_per_address: 64,
            join_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_millis(1250),
            missed_pongs: 3,
            lease: Duration::from_secs(18),
            reload_lease: Duration::from_millis(1500),
            vouch_lease: Duration::from_secs(10),
            vouch_lease_max: Duration::from_mins(2),
        }
    }
}

impl RoomsConfig {
    /// Returns what a client is told of the limits.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            message_bytes: self.message_bytes,
            messages_per_second: self.messages_per_second,
            message_burst: self.message_burst,
            display_name_graphemes: self.display_name_graphemes,
            room_name_bytes: self.room_name_bytes,
            participants_per_room: self.participants_per_room,
            participants_per_mesh: self.participants_per_mesh,
            tracks_per_participant: u32::try_from(TRACKS_MAX).unwrap_or(u32::MAX),
            lines_per_session: u32::try_from(LINES_MAX).unwrap_or(u32::MAX),
            join_timeout_ms: milliseconds(self.join_timeout),
            ping_interval_ms: milliseconds(self.ping_interval),
            missed_pongs: self.missed_pongs,
            lease_ms: milliseconds(self.lease),
            chat_bytes: u32::try_from(TEXT_BYTES_MAX).unwrap_or(u32::MAX),
            password_bytes: u32::try_from(PASSWORD_BYTES_MAX).unwrap_or(u32::MAX),
            file_bytes: if self.has_media { self.file_bytes } else { 0 },
        }
    }

    /// Returns the way that media take in a room for which `asked` was asked.
    pub(crate) fn choice(&self, asked: Option<TopologyChoice>) -> TopologyChoice {
        if self.has_media { asked.unwrap_or(self.topology) } else { TopologyChoice::Mesh }
    }

    /// Returns how many a room with this choice holds.
    pub(crate) fn places(&self, choice: TopologyChoice) -> u32 {
        match choice {
            TopologyChoice::Mesh => self.participants_per_mesh.min(self.participants_per_room),
            TopologyChoice::Auto | TopologyChoice::Sfu => self.participants_per_room,
        }
    }

    /// Returns what this server can do.
    pub(crate) fn features(&self) -> Features {
        Features { mesh: true, sfu: self.has_media, relay: self.relay_renewal.is_some(), meeting: true }
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

//! A participant's part in a call, without input or output: what the server says, the links to the others, and time.

mod files;
mod links;
mod report;
mod session;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allo_protocol::{
    AccessToken, ClientMessage, Device, ErrorCode, Features, InstanceId, Limits, LinkId, OwnerSecret,
    Participant, ParticipantId, ParticipantKey, Password, ServerMessage, TopologyChoice,
};
use str0m::config::DtlsCert;
use str0m::net::Transmit;
use tracing::{debug, warn};

use self::links::link_addresses;
use self::session::session_options;
use crate::client::event::Event;
use crate::client::keeper::Keeper;
use crate::client::reflexive::Mapping;
use crate::client::roster::{Change, Outcome, Roster};
use crate::client::routing::{Routing, Wishes};
use crate::files::Files;
use crate::peer::{Negotiation, PeerConnection};
use crate::session::Session;
use crate::signaling::EndReason;
use crate::{AudioReport, VideoReport};

/// How often to vouch for a peer who is reconnecting. Each vouch keeps them for ten seconds: one may be lost.
const VOUCH_INTERVAL: Duration = Duration::from_secs(4);
/// A link over which nothing came for so long is not vouched for. ICE alone says something every two or three seconds.
const FRESH: Duration = Duration::from_secs(4);

/// How often to look which way media come. Lower: a switch is over sooner; higher: less work.
const ROUTE_INTERVAL: Duration = Duration::from_millis(100);

/// Who joins, and how.
#[derive(Debug, Clone)]
pub(crate) struct CallOptions {
    pub(crate) room: String,
    pub(crate) display_name: String,
    pub(crate) key: ParticipantKey,
    pub(crate) instance: InstanceId,
    /// The number of the last join with this key.
    pub(crate) attempt: u32,
    pub(crate) negotiation: Negotiation,
    pub(crate) sends_video: bool,
    pub(crate) mic: bool,
    pub(crate) cam: bool,
    pub(crate) topology: Option<TopologyChoice>,
    pub(crate) owner_secret: Option<OwnerSecret>,
    pub(crate) password: Option<Password>,
    pub(crate) opening_password: Option<Password>,
    pub(crate) token: Option<AccessToken>,
    pub(crate) audio_slots: usize,
    pub(crate) video_slots: usize,
    pub(crate) tile_height: u16,
    /// Whether only the server can be reached, and that by TCP.
    pub(crate) only_tcp: bool,
    pub(crate) certificate: DtlsCert,
}

/// The call as one participant has it.
#[derive(Debug)]
pub(crate) struct Call {
    options: CallOptions,
    addresses: Vec<SocketAddr>,
    /// Where they are seen from outside; one for each at most.
    mappings: BTreeMap<SocketAddr, Mapping>,
    roster: Roster,
    /// One for each peer at most; the server bounds how many there are.
    links: BTreeMap<ParticipantId, Link>,
    /// What came over links and sessions that are over, from those who are in the room.
    past: BTreeMap<ParticipantId, (AudioReport, VideoReport)>,
    keeper: Keeper,
    files: Files,
    /// The largest file that the server passes on.
    file_bytes: u32,
    routing: Routing,
    /// Whether the server has a media plane.
    has_media_plane: bool,
    /// Whether the server has answered the last join by a snapshot.
    is_in: bool,
    /// What was said last over this connection about what to receive.
    said: Option<Wishes>,
    route_due: Instant,
    vouch_due: Instant,
    /// Emptied by the caller after each call, as the two below.
    messages: VecDeque<ClientMessage>,
    events: VecDeque<Event>,
    transmits: VecDeque<Transmit>,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    connection: PeerConnection,
    was_connected: bool,
    /// Since when it is not up.
    down_since: Option<Instant>,
    /// Whether the server was told that it is not needed.
    is_dropped: bool,
}

impl Call {
    pub(crate) fn new(now: Instant, options: CallOptions, addresses: Vec<SocketAddr>) -> Self {
        Self {
            routing: Routing::new(options.video_slots, options.tile_height),
            options,
            addresses,
            mappings: BTreeMap::new(),
            roster: Roster::default(),
            links: BTreeMap::new(),
            past: BTreeMap::new(),
            keeper: Keeper::default(),
            files: Files::default(),
            file_bytes: 0,
            has_media_plane: false,
            is_in: false,
            said: None,
            route_due: now + ROUTE_INTERVAL,
            vouch_due: now + VOUCH_INTERVAL,
            messages: VecDeque::new(),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        }
    }

    /// The server is there, for the first time or again.
    pub(crate) fn handle_opened(&mut self, features: &Features, limits: &Limits) {
        self.has_media_plane = features.sfu;
        self.file_bytes = limits.file_bytes;
        self.is_in = false;
        self.files.handle_opened();
        // What was said over the connection before may have been lost.
        self.said = None;
        self.links.values_mut().for_each(|link| link.is_dropped = false);
        self.options.attempt = self.options.attempt.saturating_add(1);
        let options = self.options.clone();
        self.messages.push_back(ClientMessage::Join {
            room: options.room,
            display_name: options.display_name,
            participant_key: options.key,
            instance: options.instance,
            attempt: options.attempt,
            mic: options.mic,
            cam: options.cam,
            screen: false,
            topology: options.topology,
            owner_secret: options.owner_secret,
            password: options.password,
            opening_password: options.opening_password,
            token: options.token,
        });
        self.events.push_back(Event::Signaling { is_open: true });
    }

    /// The server is away. Links and media go on.
    pub(crate) fn handle_lost(&mut self) {
        self.messages.clear();
        self.is_in = false;
        self.events.push_back(Event::Signaling { is_open: false });
    }

    /// Takes a message of the server. Returns why to leave, when the server will not have this participant.
    pub(crate) fn handle_message(&mut self, now: Instant, message: ServerMessage) -> Option<EndReason> {
        match message {
            ServerMessage::Snapshot {
                version,
                room,
                you,
                participants,
                topology,
                topology_choice,
                resumed,
                settings,
            } => {
                self.is_in = true;
                self.handle_snapshot(now, version, room, you.clone(), participants);
                self.files.handle_snapshot(you, resumed, self.file_bytes_in(topology_choice));
                self.events.push_back(Event::RoomUpdated { settings });
                self.routing.set_topology(topology);
                if !resumed {
                    let session = self.keeper.stop();
                    self.end_session(now, session);
                }
                self.keep_session(now, topology_choice);
            }
            ServerMessage::ParticipantJoined { version, participant } => {
                self.handle_change(now, version, Change::Joined(participant));
            }
            ServerMessage::ParticipantUpdated { version, participant } => {
                self.handle_change(now, version, Change::Updated(participant));
            }
            ServerMessage::ParticipantLeft { version, participant, reason } => {
                self.handle_change(now, version, Change::Left(participant, reason));
            }
            ServerMessage::Greet { peer, link, polite } => self.handle_greet(now, &peer, link, polite),
            ServerMessage::SessionDescription { from, link, description } => {
                self.on_link(now, &from, link, |connection| {
                    if let Err(error) = connection.handle_description(now, &description) {
                        // The cause may quote the description.
                        debug!(error = &error as &dyn std::error::Error, "cannot use a description");
                        warn!("a peer sent a description that cannot be used: {error}");
                    }
                });
            }
            ServerMessage::IceCandidate { from, link, candidate } => {
                self.on_link(now, &from, link, |connection| connection.handle_candidate(now, candidate));
            }
            ServerMessage::PictureLimits { from, link, limits } => {
                self.on_link(now, &from, link, |connection| connection.limit_pictures(now, limits));
            }
            ServerMessage::Error { code, text, .. } => {
                self.files.handle_error(code, &text);
                return self.handle_error(code, text);
            }
            ServerMessage::TopologyChanged { version, topology } => {
                self.handle_change(now, version, Change::Topology(topology));
            }
            ServerMessage::LinkClosed { peer, link } => {
                if self.links.get(&peer).is_some_and(|own| own.id == link) {
                    self.drop_link(now, &peer);
                }
            }
            ServerMessage::MediaAnswer { session, sdp } => self.on_session(now, session, |session| {
                if let Err(error) = session.handle_answer(now, &sdp) {
                    // The cause may quote the answer.
                    debug!(error = &error as &dyn std::error::Error, "cannot use an answer");
                    warn!("the server sent an answer that cannot be used: {error}");
                }
            }),
            ServerMessage::MediaClosed { session, code, text } => {
                self.handle_closed(now, session, code, text);
            }
            ServerMessage::Slots { session, slots } => {
                self.on_session(now, session, |session| session.handle_slots(slots));
            }
            ServerMessage::Demand { session, tracks } => {
                self.on_session(now, session, |session| session.handle_demand(now, tracks));
            }
            ServerMessage::Speakers { active, speaking } => {
                self.events.push_back(Event::Speakers { active, speaking });
            }
            ServerMessage::RoomUpdated { version, settings } => {
                self.handle_change(now, version, Change::Settings(settings));
            }
            ServerMessage::Waiting { room } => self.events.push_back(Event::Waiting { room }),
            ServerMessage::Knocking { people } => self.events.push_back(Event::Knocking { people }),
            ServerMessage::TurnedOff { device, by } => self.handle_turned_off(now, device, by),
            ServerMessage::AskedToTurnOn { device, by } => {
                self.events.push_back(Event::AskedToTurnOn { device, by });
            }
            ServerMessage::Chat { message } => self.events.push_back(Event::Chat { message }),
            ServerMessage::ChatHistory { messages } => {
                self.events.push_back(Event::ChatHistory { messages });
            }
            ServerMessage::Reacted { participant, reaction } => {
                self.events.push_back(Event::Reacted { participant, reaction });
            }
            ServerMessage::FileOffered { file } => self.handle_files_offered(vec![file]),
            ServerMessage::FilesOffered { files } => self.handle_files_offered(files),
            ServerMessage::FileWithdrawn { file } => {
                self.files.handle_withdrawn(file);
                self.events.push_back(Event::FileWithdrawn { file });
            }
            ServerMessage::FileAccepted { file, participant } => {
                self.files.handle_accepted(file, participant);
                self.collect(now);
            }
            ServerMessage::FileEnded { file, participant, outcome } => {
                self.files.handle_ended(file, participant, outcome);
            }
            // This client has no TURN: it goes by UDP, or by TCP as ICE itself has it.
            ServerMessage::Relay { .. }
            | ServerMessage::Welcome { .. }
            | ServerMessage::Ping {}
            | ServerMessage::Pong {} => {}
        }
        None
    }

    /// Takes a datagram that came to `destination`.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) {
        let session = self.keeper.session_mut();
        if let Some(session) = session.filter(|it| it.accepts(now, source, destination, datagram)) {
            session.handle_datagram(now, source, destination, datagram);
            return self.collect(now);
        }
        let is_for = |link: &&mut Link| link.connection.accepts(now, source, destination, datagram);
        let Some(link) = self.links.values_mut().find(is_for) else { return };
        link.connection.handle_datagram(now, source, destination, datagram);
        self.collect(now);
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for link in self.links.values_mut().filter(|link| link.connection.poll_timeout() <= now) {
            link.connection.handle_timeout(now);
        }
        if let Some(session) = self.keeper.session_mut().filter(|session| session.poll_timeout() <= now) {
            session.handle_timeout(now);
        }
        let options = session_options(&self.options, &self.addresses);
        self.keeper.handle_timeout(now, options);
        self.files.handle_timeout(now);
        if self.vouch_due <= now {
            self.vouch(now);
            self.vouch_due = now + VOUCH_INTERVAL;
        }
        self.collect(now);
        if self.route_due <= now {
            self.route(now);
        }
    }

    /// The addresses of this machine changed, or may have.
    pub(crate) fn handle_addresses(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        self.addresses = addresses;
        self.mappings.retain(|base, _| self.addresses.contains(base));
        for link in self.links.values_mut() {
            link.connection.handle_addresses(now, link_addresses(&self.options, &self.addresses));
        }
        if let Some(session) = self.keeper.session_mut() {
            session.handle_addresses(now, self.addresses.clone());
        }
        self.collect(now);
    }

    /// The server said where a socket is seen from outside: tells the peers.
    pub(crate) fn handle_mapping(&mut self, now: Instant, mapping: Mapping) {
        self.mappings.insert(mapping.base, mapping);
        for link in self.links.values_mut() {
            link.connection.add_reflexive(now, mapping.address, mapping.base);
        }
        self.collect(now);
    }

    pub(crate) fn set_mic(&mut self, now: Instant, is_on: bool) {
        self.options.mic = is_on;
        self.links.values_mut().for_each(|link| link.connection.set_mic(now, is_on));
        if let Some(session) = self.keeper.session_mut() {
            session.set_mic(now, is_on);
        }
        self.messages.push_back(ClientMessage::UpdateSelf {
            display_name: None,
            mic: Some(is_on),
            cam: None,
            screen: None,
        });
    }

    pub(crate) fn set_cam(&mut self, now: Instant, is_on: bool) {
        let is_on = is_on && self.options.sends_video;
        self.options.cam = is_on;
        self.links.values_mut().for_each(|link| link.connection.set_cam(now, is_on));
        if let Some(session) = self.keeper.session_mut() {
            session.set_cam(now, is_on);
        }
        self.messages.push_back(ClientMessage::UpdateSelf {
            display_name: None,
            mic: None,
            cam: Some(is_on),
            screen: None,
        });
    }

    /// Says goodbye on every link and on the session.
    pub(crate) fn close(&mut self, now: Instant) {
        let session = self.keeper.stop();
        self.end_session(now, session);
        for peer in self.links.keys().cloned().collect::<Vec<_>>() {
            self.drop_link(now, &peer);
        }
    }

    pub(crate) fn poll_message(&mut self) -> Option<ClientMessage> {
        let said = self.messages.pop_front();
        // What is said of files is not lost while the server is away.
        said.or_else(|| if self.is_in { self.files.poll_message() } else { None })
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front().or_else(|| self.files.poll_event())
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let links = self.links.values().map(|link| link.connection.poll_timeout());
        let session = self.keeper.session().map(Session::poll_timeout);
        links
            .chain(session)
            .chain(self.keeper.poll_timeout())
            .chain(self.files.poll_timeout())
            .fold(self.vouch_due.min(self.route_due), Instant::min)
    }

    fn handle_snapshot(
        &mut self,
        now: Instant,
        version: u32,
        room: String,
        you: ParticipantId,
        participants: Vec<Participant>,
    ) {
        let gone = self.roster.handle_snapshot(version, you.clone(), participants.clone());
        for peer in gone {
            self.forget(now, &peer);
            self.events.push_back(Event::ParticipantLeft { participant: peer, reason: None });
        }
        self.events.push_back(Event::Joined { room, you, participants });
    }

    fn handle_change(&mut self, now: Instant, version: u32, change: Change) {
        match self.roster.handle_change(version, change.clone()) {
            Outcome::Applied => {}
            Outcome::Gap => return self.messages.push_back(ClientMessage::RequestSnapshot {}),
            Outcome::Ignored => return,
        }
        let event = match change {
            Change::Joined(participant) => Event::ParticipantJoined { participant },
            Change::Updated(participant) => Event::ParticipantUpdated { participant },
            Change::Left(participant, reason) => {
                self.forget(now, &participant);
                Event::ParticipantLeft { participant, reason: Some(reason) }
            }
            Change::Topology(topology) => {
                self.routing.set_topology(topology);
                Event::TopologyChanged { topology }
            }
            Change::Settings(settings) => Event::RoomUpdated { settings },
        };
        self.events.push_back(event);
        self.route(now);
    }

    /// Turns off what a moderator turned off. There is no screen to turn off.
    fn handle_turned_off(&mut self, now: Instant, device: Device, by: ParticipantId) {
        match device {
            Device::Mic => self.set_mic(now, false),
            Device::Cam => self.set_cam(now, false),
            Device::Screen => {}
        }
        self.events.push_back(Event::TurnedOff { device, by });
    }

    /// Has something said to the server, if this participant is in the room.
    pub(crate) fn say(&mut self, message: ClientMessage) {
        if self.is_in {
            self.messages.push_back(message);
        }
    }

    fn handle_error(&mut self, code: ErrorCode, text: String) -> Option<EndReason> {
        let is_refusal = matches!(
            code,
            ErrorCode::BadRoomName
                | ErrorCode::BadDisplayName
                | ErrorCode::RoomFull
                | ErrorCode::TooManyRooms
                | ErrorCode::RoomLocked
                | ErrorCode::PasswordRequired
                | ErrorCode::WrongPassword
                | ErrorCode::BadPassword
                | ErrorCode::TooManyAttempts
                | ErrorCode::MayNotOpen
                | ErrorCode::LobbyFull
        );
        // Inside, the same codes answer what a moderator asks for.
        let reason = (is_refusal && !self.is_in).then(|| EndReason::Refused(text.clone()));
        self.events.push_back(Event::Error { code, text });
        reason
    }

    /// Forgets a peer who is gone.
    fn forget(&mut self, now: Instant, peer: &ParticipantId) {
        self.drop_link(now, peer);
        self.past.remove(peer);
        if let Some(session) = self.keeper.session_mut() {
            session.retain_participants(|participant| participant != peer);
        }
    }
}

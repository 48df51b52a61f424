//! A participant's part in a call, without input or output: what the server says, the links to the others, and time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allo_protocol::{
    ClientMessage, Connection, ErrorCode, InstanceId, LinkId, Participant, ParticipantId, ParticipantKey,
    ServerMessage,
};
use str0m::config::DtlsCert;
use str0m::net::Transmit;
use tracing::{debug, warn};

use super::event::{Event, PeerReport, Report};
use super::roster::{Change, Outcome, Roster};
use crate::peer::{LinkState, Negotiation, PeerConnection, PeerEvent, PeerOptions};
use crate::signaling::EndReason;

/// How often to vouch for a peer who is reconnecting. Each vouch keeps them for ten seconds: one may be lost.
const VOUCH_INTERVAL: Duration = Duration::from_secs(4);
/// A link over which nothing came for so long is not vouched for. ICE alone says something every two or three seconds.
const FRESH: Duration = Duration::from_secs(4);

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
    pub(crate) certificate: DtlsCert,
}

/// The call as one participant has it.
#[derive(Debug)]
pub(crate) struct Call {
    options: CallOptions,
    addresses: Vec<SocketAddr>,
    roster: Roster,
    /// One for each peer at most; the server bounds how many there are.
    links: BTreeMap<ParticipantId, Link>,
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
}

impl Call {
    pub(crate) fn new(now: Instant, options: CallOptions, addresses: Vec<SocketAddr>) -> Self {
        Self {
            options,
            addresses,
            roster: Roster::default(),
            links: BTreeMap::new(),
            vouch_due: now + VOUCH_INTERVAL,
            messages: VecDeque::new(),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        }
    }

    /// The server is there, for the first time or again.
    pub(crate) fn handle_opened(&mut self) {
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
        });
        self.events.push_back(Event::Signaling { is_open: true });
    }

    /// The server is away. Links and media go on.
    pub(crate) fn handle_lost(&mut self) {
        self.messages.clear();
        self.events.push_back(Event::Signaling { is_open: false });
    }

    /// Takes a message of the server. Returns why to leave, when the server will not have this participant.
    pub(crate) fn handle_message(&mut self, now: Instant, message: ServerMessage) -> Option<EndReason> {
        match message {
            ServerMessage::Snapshot { version, room, you, participants } => {
                self.handle_snapshot(now, version, room, you, participants);
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
                self.on_link(&from, link, |connection| {
                    if let Err(error) = connection.handle_description(now, &description) {
                        // The cause may quote the description.
                        debug!(error = &error as &dyn std::error::Error, "cannot use a description");
                        warn!("a peer sent a description that cannot be used: {error}");
                    }
                });
            }
            ServerMessage::IceCandidate { from, link, candidate } => {
                self.on_link(&from, link, |connection| connection.handle_candidate(now, candidate));
            }
            ServerMessage::Error { code, text, .. } => return self.handle_error(code, text),
            ServerMessage::Welcome { .. } | ServerMessage::Ping {} | ServerMessage::Pong {} => {}
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
        let is_for = |link: &&mut Link| link.connection.accepts(now, source, destination, datagram);
        let Some(link) = self.links.values_mut().find(is_for) else { return };
        link.connection.handle_datagram(now, source, destination, datagram);
        self.collect();
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for link in self.links.values_mut().filter(|link| link.connection.poll_timeout() <= now) {
            link.connection.handle_timeout(now);
        }
        if self.vouch_due <= now {
            self.vouch(now);
            self.vouch_due = now + VOUCH_INTERVAL;
        }
        self.collect();
    }

    /// The addresses of this machine changed, or may have.
    pub(crate) fn handle_addresses(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        self.addresses = addresses;
        for link in self.links.values_mut() {
            link.connection.handle_addresses(now, self.addresses.clone());
        }
        self.collect();
    }

    pub(crate) fn set_mic(&mut self, now: Instant, is_on: bool) {
        self.options.mic = is_on;
        self.links.values_mut().for_each(|link| link.connection.set_mic(now, is_on));
        self.messages.push_back(ClientMessage::UpdateSelf {
            display_name: None,
            mic: Some(is_on),
            cam: None,
        });
    }

    pub(crate) fn set_cam(&mut self, now: Instant, is_on: bool) {
        let is_on = is_on && self.options.sends_video;
        self.options.cam = is_on;
        self.links.values_mut().for_each(|link| link.connection.set_cam(now, is_on));
        self.messages.push_back(ClientMessage::UpdateSelf {
            display_name: None,
            mic: None,
            cam: Some(is_on),
        });
    }

    /// Says goodbye on every link.
    pub(crate) fn close(&mut self, now: Instant) {
        for peer in self.links.keys().cloned().collect::<Vec<_>>() {
            self.drop_link(now, &peer);
        }
    }

    pub(crate) fn report(&self, now: Instant, events_dropped: u64) -> Report {
        let peers = self.roster.peers().map(|peer| self.peer_report(now, peer)).collect();
        Report { you: self.roster.you().cloned(), peers, events_dropped }
    }

    pub(crate) fn poll_message(&mut self) -> Option<ClientMessage> {
        self.messages.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.links.values().map(|link| link.connection.poll_timeout()).fold(self.vouch_due, Instant::min)
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
            self.drop_link(now, &peer);
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
                self.drop_link(now, &participant);
                Event::ParticipantLeft { participant, reason: Some(reason) }
            }
        };
        self.events.push_back(event);
    }

    fn handle_greet(&mut self, now: Instant, peer: &ParticipantId, id: LinkId, is_polite: bool) {
        match self.links.get_mut(peer) {
            Some(link) if link.id == id => link.connection.handle_greet(now),
            _ => {
                self.drop_link(now, peer);
                let connection = PeerConnection::new(now, self.peer_options(is_polite));
                self.links.insert(peer.clone(), Link { id, connection, was_connected: false });
            }
        }
        self.collect();
    }

    fn handle_error(&mut self, code: ErrorCode, text: String) -> Option<EndReason> {
        let is_refusal = matches!(
            code,
            ErrorCode::BadRoomName
                | ErrorCode::BadDisplayName
                | ErrorCode::RoomFull
                | ErrorCode::TooManyRooms
        );
        let reason = is_refusal.then(|| EndReason::Refused(text.clone()));
        self.events.push_back(Event::Error { code, text });
        reason
    }

    /// Applies `f` to the link to `peer`, unless it is not about the current one.
    fn on_link(&mut self, peer: &ParticipantId, id: LinkId, f: impl FnOnce(&mut PeerConnection)) {
        match self.links.get_mut(peer) {
            Some(link) if link.id == id => f(&mut link.connection),
            _ => debug!(%id, "ignored what is about another link"),
        }
        self.collect();
    }

    fn drop_link(&mut self, now: Instant, peer: &ParticipantId) {
        let Some(mut link) = self.links.remove(peer) else { return };
        link.connection.close(now);
        self.transmits.extend(std::iter::from_fn(|| link.connection.poll_transmit()));
        if link.was_connected {
            self.events.push_back(Event::RemoteDisconnected { participant: peer.clone() });
        }
    }

    fn vouch(&mut self, now: Instant) {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        for peer in self.roster.peers().filter(|peer| peer.connection == Connection::Reconnecting) {
            let heard_at = self.links.get(&peer.id).and_then(|link| link.connection.heard_at());
            if heard_at.is_some_and(is_fresh) {
                self.messages.push_back(ClientMessage::Vouch { peer: peer.id.clone() });
            }
        }
    }

    /// Takes what the links have to say and to send.
    fn collect(&mut self) {
        for (peer, link) in &mut self.links {
            self.transmits.extend(std::iter::from_fn(|| link.connection.poll_transmit()));
            while let Some(event) = link.connection.poll_event() {
                let (to, id) = (peer.clone(), link.id);
                match event {
                    PeerEvent::Description(description) => {
                        self.messages.push_back(ClientMessage::SessionDescription {
                            to,
                            link: id,
                            description,
                        });
                    }
                    PeerEvent::Candidate(candidate) => {
                        self.messages.push_back(ClientMessage::IceCandidate { to, link: id, candidate });
                    }
                    PeerEvent::RenewalNeeded => {
                        self.messages.push_back(ClientMessage::RenewLink { to, link: id });
                    }
                    PeerEvent::StateChanged(state) => {
                        if state == LinkState::Connected && !link.was_connected {
                            link.was_connected = true;
                            self.events.push_back(Event::RemoteConnected { participant: to.clone() });
                        }
                        self.events.push_back(Event::LinkState { participant: to, link: id, state });
                    }
                }
            }
        }
    }

    fn peer_options(&self, is_polite: bool) -> PeerOptions {
        let options = &self.options;
        PeerOptions {
            negotiation: options.negotiation,
            is_polite,
            sends_video: options.sends_video,
            mic: options.mic,
            cam: options.cam,
            addresses: self.addresses.clone(),
            certificate: options.certificate.clone(),
        }
    }

    fn peer_report(&self, now: Instant, peer: &Participant) -> PeerReport {
        let link = self.links.get(&peer.id);
        let (audio, video, sent) = link.map(|link| link.connection.report(now)).unwrap_or_default();
        PeerReport {
            participant: peer.id.clone(),
            display_name: peer.display_name.clone(),
            link: link.map(|link| link.id),
            state: link.map(|link| link.connection.state()),
            audio,
            video,
            sent,
        }
    }
}

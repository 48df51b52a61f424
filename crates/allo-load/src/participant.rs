//! One synthetic participant: its signaling, its socket, and what it does in its role.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allo_client::signaling::{SignalingEvent, SignalingOptions, SignalingSocket};
use allo_protocol::{
    ClientMessage, Demand, ErrorCode, InstanceId, MediaSession, ParticipantId, ParticipantKey, ServerMessage,
    Slot, TopologyChoice,
};
use str0m::net::Transmit;
use tokio::time::{sleep_until, timeout};
use tracing::debug;

use crate::events::{Context, Outlet, origins};
use crate::link::Line;
use crate::receiving::{Naming, Receiving};
use crate::record::Record;
use crate::roster::{Roster, display_name};
use crate::run::{Phase, Shared};
use crate::scenario::{Coming, Picture, Role, Speech};
use crate::sending::Sending;
use crate::socket::Socket;
use crate::transport::{Transport, TransportEvent};
use crate::wall::Wall;

/// How often to look whether a keyframe is missing or a link has changed.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Changes to the room within so long make one new `subscribe`.
const SUBSCRIBE_DELAY: Duration = Duration::from_millis(100);
/// How long to wait before offering another session in place of one that ended.
const SESSION_PAUSE: Duration = Duration::from_secs(1);
/// How long the server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A participant, from its coming to its going.
pub(crate) struct Participant {
    shared: Arc<Shared>,
    own: u32,
    key: ParticipantKey,
    signaling: SignalingSocket,
    socket: Socket,
    up: Option<Line<Transmit>>,
    down: Option<Line<(SocketAddr, Vec<u8>)>>,
    transport: Transport,
    session: u32,
    session_due: Option<Instant>,
    sending: Sending,
    receiving: Receiving,
    roster: Roster,
    subscribe_due: Option<Instant>,
    look_due: Instant,
    leave_due: Option<Instant>,
    started_at: Instant,
    joined_at: Option<Instant>,
    attempt: u32,
    is_draining: bool,
    record: Record,
    events: Vec<TransportEvent>,
}

/// What to do next.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Leave,
    Stop,
}

/// Waits for its time, takes part, and returns what was counted; nothing, when the run was over before.
pub(crate) async fn run(shared: Arc<Shared>, own: u32) -> Option<Record> {
    let role = &shared.roles[own as usize];
    let began_at = match role.coming {
        Coming::Before(after) => {
            sleep_until((shared.started_at + after).into()).await;
            None
        }
        Coming::During(after) => {
            let began_at = shared.measuring().await?;
            sleep_until((began_at.0 + after).into()).await;
            Some(began_at)
        }
    };
    let mut participant = match Participant::new(shared.clone(), own) {
        Ok(participant) => participant,
        Err(error) => {
            debug!(%error, "a participant could not begin");
            return Some(Record { is_special: role.is_special, ..Record::default() });
        }
    };
    if let Some((_, at)) = began_at {
        participant.receiving.begin(at);
        participant.leave_due = role.stays.map(|stays| Instant::now() + stays);
    }
    Some(Box::pin(participant.take_part()).await)
}

impl Participant {
    fn new(shared: Arc<Shared>, own: u32) -> io::Result<Self> {
        let now = Instant::now();
        let role = &shared.roles[own as usize];
        let seed = shared.seed ^ u64::from(own) << 32;
        let mut random = fastrand::Rng::with_seed(seed);
        let socket = Socket::open(shared.local_ip)?;
        let transport =
            Transport::new(now, shared.certificate.clone(), socket.address(), role.lines(shared.has_red));
        let sending = Sending::new(now, shared.run, own, role, &mut random);
        let signaling = SignalingSocket::open(SignalingOptions {
            url: shared.url.clone(),
            trust: shared.trust.clone(),
            client: concat!("allo-load/", env!("CARGO_PKG_VERSION")).to_owned(),
            seed,
        })
        .map_err(io::Error::other)?;
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let mut receiving = Receiving::default();
        receiving.reset(transport.slots());
        let line = |salt| role.link.as_ref().map(|link| Line::new(link, seed ^ salt));
        let record = Record { is_special: role.is_special, ..Record::default() };
        Ok(Self {
            own,
            key: ParticipantKey::from_bytes(key),
            signaling,
            socket,
            up: line(1),
            down: role.link.as_ref().map(|link| Line::new(link, seed ^ 2)),
            transport,
            session: 1,
            session_due: None,
            sending,
            receiving,
            roster: Roster::default(),
            subscribe_due: None,
            look_due: now + LOOK_INTERVAL,
            leave_due: None,
            started_at: now,
            joined_at: None,
            attempt: 0,
            is_draining: false,
            record,
            events: Vec::new(),
            shared,
        })
    }

    fn role(&self) -> &Role {
        &self.shared.roles[self.own as usize]
    }

    async fn take_part(mut self) -> Record {
        let mut phase = self.shared.phase.clone();
        phase.mark_changed();
        let timer = sleep_until(self.started_at.into());
        tokio::pin!(timer);
        loop {
            let due = tokio::time::Instant::from(self.poll_timeout());
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            let next = tokio::select! {
                ready = self.socket.readable() => {
                    if ready.is_ok() {
                        self.receive();
                    }
                    Next::GoOn
                }
                event = self.signaling.recv() => match event {
                    Some(event) => self.handle_signaling(event).await,
                    None => Next::Stop,
                },
                () = &mut timer => self.handle_timeout().await,
                changed = phase.changed() => {
                    let phase = *phase.borrow_and_update();
                    if changed.is_err() { Next::Stop } else { self.handle_phase(phase) }
                }
            };
            if next != Next::GoOn {
                self.finish(next == Next::Leave).await;
                return self.record;
            }
        }
    }

    async fn finish(&mut self, says_goodbye: bool) {
        self.receiving.finish(&mut self.record);
        self.transport.close();
        self.drain(Instant::now());
        if says_goodbye {
            self.signaling.leave().await;
            let ended = async { while self.signaling.recv().await.is_some() {} };
            // Whoever is not heard is gone all the same.
            let _ = timeout(GOODBYE, ended).await;
        }
    }

    fn handle_phase(&mut self, phase: Phase) -> Next {
        match phase {
            Phase::Joining => {}
            Phase::Measuring(began_at, at) => {
                if matches!(self.role().coming, Coming::Before(_)) {
                    self.record.begin();
                    self.receiving.begin(at);
                    self.leave_due = self.role().stays.map(|stays| began_at + stays);
                }
            }
            Phase::Draining => {
                self.is_draining = true;
                self.leave_due = None;
                self.sending.set_demand(Instant::now(), false, 0);
            }
            Phase::Over => return Next::Leave,
        }
        Next::GoOn
    }

    async fn handle_signaling(&mut self, event: SignalingEvent) -> Next {
        match event {
            SignalingEvent::Opened { .. } => self.join().await,
            SignalingEvent::Message(message) => self.handle_message(message).await,
            SignalingEvent::Lost => self.count_error(ErrorCode::TimedOut),
            SignalingEvent::Ended(_) => return Next::Stop,
        }
        Next::GoOn
    }

    async fn join(&mut self) {
        self.attempt += 1;
        self.joined_at.get_or_insert_with(Instant::now);
        let role = self.role();
        let message = ClientMessage::Join {
            room: format!("{}-{}", self.shared.room, role.room),
            display_name: display_name(self.own),
            participant_key: self.key,
            instance: InstanceId::from_bytes(self.own.to_be_bytes().repeat(4).try_into().unwrap_or_default()),
            attempt: self.attempt,
            mic: role.speech != Speech::Nothing,
            cam: role.picture != Picture::Nothing,
            screen: false,
            topology: Some(TopologyChoice::Sfu),
            owner_secret: None,
            password: None,
            opening_password: None,
            token: None,
        };
        self.signaling.send(message).await;
    }

    async fn handle_message(&mut self, message: ServerMessage) {
        let now = Instant::now();
        match message {
            ServerMessage::Snapshot { you, participants, .. } => {
                self.roster.replace(you, participants);
                self.subscribe().await;
                self.offer().await;
            }
            ServerMessage::ParticipantJoined { participant, .. }
            | ServerMessage::ParticipantUpdated { participant, .. } => {
                self.roster.put(participant);
                self.subscribe_due.get_or_insert(now + SUBSCRIBE_DELAY);
            }
            ServerMessage::ParticipantLeft { participant, .. } => {
                self.roster.remove(&participant);
                self.subscribe_due.get_or_insert(now + SUBSCRIBE_DELAY);
            }
            ServerMessage::MediaAnswer { session, sdp } if self.is_current(session) => {
                self.transport.handle_answer(&sdp);
                self.transport.handle_timeout(now);
                self.drain(now);
            }
            ServerMessage::MediaClosed { session, code, .. } if self.is_current(session) => {
                self.count_error(code);
                self.end_session(now);
            }
            ServerMessage::Slots { session, slots } if self.is_current(session) => self.name_slots(&slots),
            ServerMessage::Demand { session, tracks } if self.is_current(session) => {
                self.handle_demand(now, &tracks);
            }
            ServerMessage::Speakers { active: Some(active), .. } => self.handle_word(&active),
            ServerMessage::Error { code, .. } => self.count_error(code),
            _ => {}
        }
    }

    fn is_current(&self, session: MediaSession) -> bool {
        session == MediaSession(self.session) && self.session_due.is_none()
    }

    async fn subscribe(&mut self) {
        self.subscribe_due = None;
        let role = self.role();
        let (slots, height, audio) = (role.video_slots, role.tile_height, role.audio_slots > 0);
        let tiles = self.roster.tiles(self.own, slots, height);
        self.signaling.send(ClientMessage::Subscribe { tiles, audio }).await;
    }

    async fn offer(&self) {
        if let Some((sdp, tracks)) = self.transport.unanswered() {
            let session = MediaSession(self.session);
            self.signaling.send(ClientMessage::MediaOffer { session, sdp, tracks }).await;
        }
    }

    fn name_slots(&mut self, slots: &[Slot]) {
        let naming = |mid: String| {
            let slot = slots.iter().find(|slot| slot.mid == mid)?;
            Some(Naming { sender: self.roster.number(&slot.participant)?, is_paused: slot.paused })
        };
        let all: Vec<_> = self.transport.slots().iter().map(|slot| naming(slot.mid.to_string())).collect();
        self.receiving.name(Wall::now(), all, &mut self.record);
    }

    fn handle_demand(&mut self, now: Instant, tracks: &[Demand]) {
        if self.is_draining {
            return;
        }
        let [mic, cam] = self.transport.sending_mids();
        let layers = |mid: Option<String>| {
            let track = tracks.iter().find(|track| Some(&track.mid) == mid.as_ref());
            track.map_or(0, |track| usize::from(track.layers))
        };
        self.sending.set_demand(now, layers(mic) > 0, layers(cam));
    }

    fn handle_word(&mut self, active: &ParticipantId) {
        let Some(active) = self.roster.number(active) else { return };
        let Self { shared, own, receiving, record, .. } = self;
        receiving.handle_word(Wall::now(), active, origins(shared, *own), record);
    }

    /// The session is over: says goodbye, and makes another one after a while.
    fn end_session(&mut self, now: Instant) {
        self.record.sessions_lost += 1;
        self.session_due = Some(now + SESSION_PAUSE);
        self.sending.set_demand(now, false, 0);
    }

    async fn begin_session(&mut self, now: Instant) {
        self.session += 1;
        self.session_due = None;
        let (certificate, address) = (self.shared.certificate.clone(), self.socket.address());
        self.receiving.finish(&mut self.record);
        self.transport = Transport::new(now, certificate, address, self.role().lines(self.shared.has_red));
        self.receiving.reset(self.transport.slots());
        self.offer().await;
    }

    /// Takes all datagrams that wait in the socket.
    fn receive(&mut self) {
        let now = Instant::now();
        let Self { socket, down, transport, events, shared, own, receiving, record, .. } = self;
        let outgoing = &mut Outlet { socket, line: self.up.as_mut(), now };
        let (started_at, joined_at) = (self.started_at, self.joined_at);
        let sending = &mut self.sending;
        let mut context = Context { shared, own: *own, started_at, joined_at, sending, receiving, record };
        let mut is_closed = false;
        socket.receive(|at, source, datagram| {
            if let Some(line) = down.as_mut() {
                line.push(now, datagram.len(), (source, datagram.to_vec()));
                return;
            }
            transport.handle_datagram(now, source, datagram);
            transport.drain(now, |transmit| outgoing.send(transmit), events);
            is_closed |= context.handle_events(now, at, events);
        });
        self.after_events(now, is_closed);
    }

    async fn handle_timeout(&mut self) -> Next {
        let now = Instant::now();
        if self.leave_due.is_some_and(|due| due <= now) {
            return Next::Leave;
        }
        self.move_links(now);
        if self.session_due.is_some_and(|due| due <= now) {
            self.begin_session(now).await;
        }
        if self.subscribe_due.is_some_and(|due| due <= now) {
            self.subscribe().await;
        }
        let has_written = self.sending.poll(now, &mut self.transport, &mut self.record);
        if self.look_due <= now {
            self.look(now);
        }
        if has_written || self.transport.poll_timeout() <= now {
            self.transport.handle_timeout(now);
        }
        self.drain(now);
        Next::GoOn
    }

    fn look(&mut self, now: Instant) {
        self.look_due = now + LOOK_INTERVAL;
        for slot in self.receiving.poll_keyframes(Wall::now(), &mut self.record) {
            self.transport.request_keyframe(slot);
            self.transport.handle_timeout(now);
        }
        if let (Some(line), Some(began_at)) = (self.down.as_mut(), self.shared.began_at()) {
            let steps = self.shared.roles[self.own as usize].link.iter().flat_map(|link| &link.down);
            let passed = steps.rev().find(|(from, _)| began_at + *from <= now);
            line.set_rate(passed.map(|(_, rate)| *rate));
        }
    }

    /// Carries over what has come to the end of an emulated link.
    fn move_links(&mut self, now: Instant) {
        while let Some(transmit) = self.up.as_mut().and_then(|line| line.poll(now)) {
            self.socket.send(&transmit);
        }
        while let Some((source, datagram)) = self.down.as_mut().and_then(|line| line.poll(now)) {
            self.transport.handle_datagram(now, source, &datagram);
            self.drain(now);
        }
    }

    fn drain(&mut self, now: Instant) {
        let mut outlet = Outlet { socket: &self.socket, line: self.up.as_mut(), now };
        self.transport.drain(now, |transmit| outlet.send(transmit), &mut self.events);
        let mut context = Context {
            shared: &self.shared,
            own: self.own,
            started_at: self.started_at,
            joined_at: self.joined_at,
            sending: &mut self.sending,
            receiving: &mut self.receiving,
            record: &mut self.record,
        };
        let is_closed = context.handle_events(now, Wall::now(), &mut self.events);
        self.after_events(now, is_closed);
    }

    fn after_events(&mut self, now: Instant, is_closed: bool) {
        if is_closed && self.session_due.is_none() && !self.is_draining {
            self.end_session(now);
        }
    }

    fn poll_timeout(&self) -> Instant {
        let others = [
            self.sending.poll_timeout(),
            self.up.as_ref().and_then(Line::poll_timeout),
            self.down.as_ref().and_then(Line::poll_timeout),
            self.session_due,
            self.subscribe_due,
            self.leave_due,
        ];
        // A transport that is closed has nothing more to do.
        let transport = if self.session_due.is_none() { Some(self.transport.poll_timeout()) } else { None };
        others.into_iter().chain([transport]).flatten().fold(self.look_due, Instant::min)
    }

    fn count_error(&mut self, code: ErrorCode) {
        *self.record.errors.entry(code).or_default() += 1;
    }
}

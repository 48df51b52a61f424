//! One media worker: rooms, and the datagrams of those who are in them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use thiserror::Error;

use crate::addresses::{AddressMap, Receiver};
use crate::credentials::{CredentialSeed, CredentialSource};
use crate::event::{Counters, Outbox, SfuEvent};
use crate::ids::{Bitrate, FileId, ParticipantId, RoomId, TrackId};
use crate::offer::{Offer, OfferError};
use crate::participant::Participant;
use crate::peer::Peer;
use crate::room::Room;
use crate::speakers::SpeakersConfig;
use crate::subscription::Subscription;
use crate::transport::{Certificate, DATAGRAM_MAX, Transmit, Transport};

/// How a media worker is set up.
#[derive(Debug, Clone)]
pub struct SfuConfig {
    /// The number of this worker among those that share its addresses.
    pub worker: u8,
    /// What the ICE credentials of the server's ends are made from.
    pub seed: CredentialSeed,
    /// The certificate of the server's end of every transport.
    pub certificate: Certificate,
    /// The addresses at which participants reach this worker by UDP.
    pub addresses: Vec<SocketAddr>,
    /// Those to which they can connect by TCP.
    pub tcp_addresses: Vec<SocketAddr>,
    /// How the speakers of a room are elected, and how many are heard.
    pub speakers: SpeakersConfig,
    /// What gets through to a participant, until it is known better.
    ///
    /// Lower: on a narrow link less is lost at first. Higher: the second and further pictures are seen sooner, and larger.
    pub initial_bitrate: Bitrate,
    /// What a participant may send. What is beyond it is dropped.
    pub ingress_max: Bitrate,
    /// What a file on its way may take, from its sender and to each who takes it.
    pub file_bitrate: Bitrate,
}

impl SfuConfig {
    /// Returns what suits most calls, for the only worker at its addresses, without TCP.
    pub fn new(certificate: Certificate, addresses: Vec<SocketAddr>, seed: CredentialSeed) -> Self {
        Self {
            worker: 0,
            seed,
            certificate,
            addresses,
            tcp_addresses: Vec::new(),
            speakers: SpeakersConfig::default(),
            initial_bitrate: Bitrate::kbps(2_500),
            ingress_max: Bitrate::kbps(12_000),
            file_bitrate: Bitrate::kbps(20_000),
        }
    }
}

/// Why a participant was not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// Its offer was not accepted. Nothing changed.
    #[error("the offer was not accepted")]
    Offer(#[from] OfferError),
    /// It is in another room of this worker.
    #[error("the participant is in another room")]
    OtherRoom,
}

/// A selective forwarding unit without sockets, threads or clock.
///
/// Methods are of four kinds. `handle_*` take what came from outside: datagrams, and the time. The commands of the control plane
/// are [`Self::connect`], [`Self::subscribe`] and [`Self::disconnect`]. `poll_*` say what is to be done outside. The rest are
/// getters.
///
/// After one call, or after a batch of datagrams, the caller asks [`Self::poll_transmit`] until there is nothing more, then
/// [`Self::poll_event`] likewise, and waits for the next datagram until [`Self::poll_timeout`]. Packets of media are forwarded
/// while it asks, all that came since it asked last to one subscriber after the other: so what is sent to one address comes in
/// one train.
#[derive(Debug)]
pub struct Sfu {
    config: SfuConfig,
    credentials: CredentialSource,
    rooms: BTreeMap<RoomId, Room>,
    whereabouts: BTreeMap<ParticipantId, RoomId>,
    addresses: AddressMap,
    timers: Timers,
    outbox: Outbox,
    /// Rooms in which something may wait to be forwarded.
    busy: VecDeque<RoomId>,
    /// The latest time that was told.
    now: Instant,
}

impl Sfu {
    /// Makes a worker without rooms.
    pub fn new(now: Instant, config: SfuConfig) -> Self {
        Self {
            credentials: CredentialSource::new(&config.seed, config.worker),
            config,
            rooms: BTreeMap::new(),
            whereabouts: BTreeMap::new(),
            addresses: AddressMap::default(),
            timers: Timers::default(),
            outbox: Outbox::default(),
            busy: VecDeque::new(),
            now,
        }
    }

    /// Connects a participant to a room by its offer, and returns the answer.
    ///
    /// For a participant of the room it is a further offer: with new lines at the end, or an ICE restart.
    pub fn connect(
        &mut self,
        now: Instant,
        participant: ParticipantId,
        room: RoomId,
        offer: &str,
    ) -> Result<String, ConnectError> {
        self.now = self.now.max(now);
        let offer = Offer::parse(offer)?;
        let answer = match self.whereabouts.get(&participant) {
            Some(present) if *present != room => return Err(ConnectError::OtherRoom),
            Some(_) => self.renegotiate(participant, room, offer),
            None => self.admit(participant, room, offer),
        };
        self.settle(room);
        Ok(answer?)
    }

    /// Takes a participant out of its room.
    pub fn disconnect(&mut self, now: Instant, participant: ParticipantId) {
        self.now = self.now.max(now);
        self.with_room_of(participant, |room, now, outbox| room.leave(now, participant, outbox));
    }

    /// Takes what a participant would like to receive. Until it says so, it hears the loudest and sees the first that there are.
    ///
    /// More than 64 wishes are not looked at: no one has that many slots.
    pub fn subscribe(&mut self, now: Instant, participant: ParticipantId, subscription: Subscription) {
        self.now = self.now.max(now);
        let subscription = subscription.bounded();
        self.with_room_of(participant, |room, now, outbox| {
            room.subscribe(now, participant, subscription, outbox);
        });
    }

    /// Forwards nothing of a track, and takes no notice of its loudness, or forwards it again. At first every track is forwarded.
    pub fn mute(&mut self, now: Instant, track: TrackId, is_muted: bool) {
        self.now = self.now.max(now);
        self.with_room_of(track.publisher, |room, _, outbox| room.mute(track, is_muted, outbox));
    }

    /// Passes a file on from one participant to another of the same room, by their data channels, as soon as these are there.
    pub fn send_file(
        &mut self,
        now: Instant,
        file: FileId,
        bytes: u32,
        from: ParticipantId,
        to: ParticipantId,
    ) {
        self.now = self.now.max(now);
        self.with_room_of(to, |room, now, outbox| room.send_file(now, file, bytes, from, to, outbox));
    }

    /// Passes it on to that one no more.
    pub fn stop_file(&mut self, now: Instant, file: FileId, to: ParticipantId) {
        self.now = self.now.max(now);
        self.with_room_of(to, |room, _, _| room.stop_file(file, to));
    }

    /// Takes a datagram that came by UDP. What is for nobody, or makes no sense, is counted and otherwise of no effect.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) {
        self.handle_from(now, Peer::udp(source), destination, datagram);
    }

    /// As [`Self::handle_datagram`], whichever way it came.
    pub fn handle_from(&mut self, now: Instant, source: Peer, destination: SocketAddr, datagram: &[u8]) {
        self.now = self.now.max(now);
        if datagram.is_empty() || datagram.len() > DATAGRAM_MAX {
            self.outbox.counters.bad_size += 1;
            return;
        }
        let (participant, is_check) = match self.addresses.find(self.now, source, datagram) {
            Receiver::Check(participant) => (participant, true),
            Receiver::Known(participant) => (participant, false),
            Receiver::BadStun => return self.outbox.counters.bad_stun += 1,
            Receiver::Stranger => return self.outbox.counters.strangers += 1,
        };
        let mut is_answered = false;
        self.with_room_of(participant, |room, now, outbox| {
            let before = outbox.transmits.len();
            if let Some(it) = room.participant(participant) {
                let is_taken = it.transport.handle_datagram(now, source, destination, datagram);
                outbox.counters.unproven += u64::from(!is_taken);
            }
            room.service(now, participant, outbox);
            is_answered = outbox.transmits.iter().skip(before).any(|transmit| transmit.is_to(source));
        });
        // The engine answers only a check whose integrity it has verified.
        if is_check && is_answered {
            self.addresses.learn(self.now, source, participant);
            self.with_room_of(participant, |room, now, outbox| {
                room.handle_consent(now, participant, outbox);
            });
        }
    }

    /// Changes the addresses in the answers from now on. Transports that are there keep theirs.
    pub fn set_addresses(&mut self, addresses: Vec<SocketAddr>, tcp_addresses: Vec<SocketAddr>) {
        (self.config.addresses, self.config.tcp_addresses) = (addresses, tcp_addresses);
    }

    /// Returns whether a datagram other than STUN that comes from there by UDP would be for a participant of this worker.
    pub fn knows(&self, source: SocketAddr) -> bool {
        self.knows_peer(Peer::udp(source))
    }

    /// As [`Self::knows`], by any way.
    pub fn knows_peer(&self, source: Peer) -> bool {
        self.addresses.knows(source)
    }

    /// Returns whether a datagram is a check of connectivity for a participant of this worker. Whether it is genuine is seen
    /// once it is taken.
    pub fn expects(&self, datagram: &[u8]) -> bool {
        matches!(self.addresses.find_check(datagram), Receiver::Check(_))
    }

    /// Lets time pass: serves the transports and rooms that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some(timer) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Transport(participant) => self.with_room_of(participant, |room, now, outbox| {
                    if let Some(it) = room.participant(participant) {
                        it.transport.handle_timeout(now);
                    }
                    room.service(now, participant, outbox);
                }),
                Timer::Room(id) => {
                    if let Some(room) = self.rooms.get_mut(&id) {
                        room.handle_timeout(self.now, &mut self.outbox);
                        self.settle(id);
                    }
                }
            }
        }
    }

    /// Returns the next datagrams to send: what goes to one address at once, as far as it can be sent in one call of the system.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        loop {
            if let Some(transmit) = self.outbox.transmits.pop_front() {
                return Some(transmit);
            }
            let id = *self.busy.front()?;
            let is_done = match self.rooms.get_mut(&id) {
                Some(room) => !room.forward(self.now, &mut self.outbox),
                None => true,
            };
            self.settle(id);
            if is_done {
                self.busy.pop_front();
            }
        }
    }

    /// Returns what happened next.
    pub fn poll_event(&mut self) -> Option<SfuEvent> {
        self.outbox.events.pop_front()
    }

    /// Returns when [`Self::handle_timeout`] is to be called at the latest; `None` while nobody is here.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Returns the track that a participant declared on the line with this mid, sent or not.
    pub fn track(&self, participant: ParticipantId, mid: &str) -> Option<TrackId> {
        let publisher = self.participant(participant)?;
        let line = publisher.transport.lines().find(|line| line.mid == mid)?.line;
        publisher.tracks.contains_key(&line).then_some(TrackId { publisher: participant, line })
    }

    /// Returns the mid of a track in the offer of its publisher, as long as that one is here.
    pub fn mid(&self, track: TrackId) -> Option<&str> {
        let publisher = self.participant(track.publisher)?;
        let line = publisher.transport.lines().find(|line| line.line == track.line)?;
        Some(&line.mid)
    }

    /// Returns what was counted.
    pub fn counters(&self) -> Counters {
        self.outbox.counters
    }

    fn participant(&self, own: ParticipantId) -> Option<&Participant> {
        self.rooms.get(self.whereabouts.get(&own)?)?.participants.get(&own)
    }

    fn admit(&mut self, own: ParticipantId, room: RoomId, offer: Offer) -> Result<String, OfferError> {
        let SfuConfig { initial_bitrate, ingress_max, speakers, file_bitrate, .. } = &self.config;
        let credentials = self.credentials.draw();
        let (mut transport, answer) = Transport::accept(self.now, &self.config, &credentials, offer)?;
        let ufrag = transport.ufrag().ok_or(OfferError::Refused)?;
        self.addresses.expect(ufrag, own);
        self.whereabouts.insert(own, room);
        let participant = Participant::new(self.now, transport, *initial_bitrate, *ingress_max);
        let now = self.now;
        let room =
            self.rooms.entry(room).or_insert_with(|| Room::new(now, room, speakers.clone(), *file_bitrate));
        room.join(now, own, participant, &mut self.outbox);
        Ok(answer)
    }

    fn renegotiate(&mut self, own: ParticipantId, room: RoomId, offer: Offer) -> Result<String, OfferError> {
        let room = self.rooms.get_mut(&room).ok_or(OfferError::Refused)?;
        let participant = room.participant(own).ok_or(OfferError::Refused)?;
        let answer = participant.transport.negotiate(self.now, offer, &self.credentials.draw());
        // An ICE restart renames this end.
        if let Some(ufrag) = participant.transport.ufrag() {
            self.addresses.expect(ufrag, own);
        }
        room.handle_lines(self.now, own, &mut self.outbox);
        answer
    }

    fn with_room_of(&mut self, own: ParticipantId, act: impl FnOnce(&mut Room, Instant, &mut Outbox)) {
        let Some(id) = self.whereabouts.get(&own).copied() else { return };
        if let Some(room) = self.rooms.get_mut(&id) {
            act(room, self.now, &mut self.outbox);
            self.settle(id);
        }
    }

    /// Brings the timers and maps up to date with what happened in a room.
    fn settle(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        while let Some(own) = self.outbox.talkative.pop_first() {
            room.service(self.now, own, &mut self.outbox);
        }
        while let Some(own) = self.outbox.touched.pop_first() {
            let due = room.participant(own).and_then(|it| it.transport.poll_timeout(self.now));
            self.timers.set(Timer::Transport(own), due);
        }
        for own in self.outbox.left.drain(..) {
            self.addresses.remove(own);
            self.whereabouts.remove(&own);
            self.timers.set(Timer::Transport(own), None);
        }
        if room.is_empty() {
            self.rooms.remove(&id);
            self.timers.set(Timer::Room(id), None);
            return;
        }
        self.timers.set(Timer::Room(id), Some(room.poll_timeout(self.now)));
        if room.is_waiting(self.now) && !self.busy.contains(&id) {
            self.busy.push_back(id);
        }
    }
}

/// What is due at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Transport(ParticipantId),
    Room(RoomId),
}

/// One timer for each transport and room, so that none is touched before it is due.
#[derive(Debug, Default)]
struct Timers {
    queue: BTreeSet<(Instant, Timer)>,
    set: BTreeMap<Timer, Instant>,
}

impl Timers {
    fn set(&mut self, timer: Timer, due: Option<Instant>) {
        let before = match due {
            Some(due) => self.set.insert(timer, due),
            None => self.set.remove(&timer),
        };
        if before == due {
            return;
        }
        before.map(|before| self.queue.remove(&(before, timer)));
        due.map(|due| self.queue.insert((due, timer)));
    }

    fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(due, _)| *due)
    }

    fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (_, timer) = *self.queue.first().filter(|(due, _)| *due <= now)?;
        self.set(timer, None);
        Some(timer)
    }
}

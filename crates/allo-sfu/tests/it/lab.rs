//! A worker and its participants, joined by a made-up network in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use allo_sfu::{
    Certificate, CredentialSeed, FileId, LineId, ParticipantId, Peer, RoomId, Sfu, SfuConfig, SfuEvent,
    Subscription, TrackId, Wish,
};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use str0m::channel::ChannelConfig;
use str0m::net::Transmit;

use crate::client::{Client, Habits};

/// The number of the worker in all tests.
pub(crate) const WORKER: u8 = 0xa7;

pub(crate) const ROOM: RoomId = RoomId(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What the network does to the datagrams of one participant, each way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    /// Lost, in a thousand.
    pub(crate) loss_per_mille: u32,
    pub(crate) delay: Duration,
    /// Added to the delay, at random; so later datagrams overtake earlier ones.
    pub(crate) jitter: Duration,
    /// How many bits a second get through to the participant.
    pub(crate) down_max: Option<u64>,
    /// How long a datagram may wait for that. What would wait longer is lost.
    pub(crate) queue_max: Duration,
}

impl Network {
    pub(crate) const GOOD: Self = Self {
        loss_per_mille: 0,
        delay: Duration::from_millis(5),
        jitter: Duration::ZERO,
        down_max: None,
        queue_max: Duration::from_millis(200),
    };
    /// 5 % loss and a round trip of 40 ms, with datagrams out of order.
    pub(crate) const BAD: Self = Self {
        loss_per_mille: 50,
        delay: Duration::from_millis(16),
        jitter: Duration::from_millis(8),
        ..Self::GOOD
    };
}

pub(crate) struct Lab {
    pub(crate) now: Instant,
    /// Time goes in steps of at least this, as a runtime's does.
    pub(crate) grain: Duration,
    pub(crate) sfu: Sfu,
    pub(crate) clients: BTreeMap<ParticipantId, Client>,
    pub(crate) networks: BTreeMap<ParticipantId, Network>,
    /// The address that a router gives a participant now, if it has one that gives others than at first.
    mapped: BTreeMap<ParticipantId, SocketAddr>,
    pub(crate) events: Vec<(Instant, SfuEvent)>,
    /// How often the worker asked to be told the time.
    pub(crate) timeouts: u64,
    /// Datagrams that were sent to each participant.
    pub(crate) sent: BTreeMap<ParticipantId, u64>,
    /// The streams to each participant by their SSRC: the latest sequence number, and how many bytes there were.
    pub(crate) streams_to: BTreeMap<(ParticipantId, u32), (u16, u64)>,
    /// How many of them answered a check of connectivity.
    pub(crate) answers: BTreeMap<ParticipantId, u64>,
    /// How many datagrams went to one address in a row, each time.
    pub(crate) trains: Vec<usize>,
    /// Datagrams that were sent to nobody who takes part.
    pub(crate) astray: Vec<(SocketAddr, Vec<u8>)>,
    /// The latest check of connectivity, and the latest of anything else, that each participant sent.
    pub(crate) latest_up: BTreeMap<(ParticipantId, bool), Vec<u8>>,
    /// Until when the way to a participant is taken.
    taken_until: BTreeMap<ParticipantId, Instant>,
    random: fastrand::Rng,
    flying: BTreeMap<(Instant, u64), Flying>,
    count: u64,
}

struct Flying {
    /// To this participant, or to the worker.
    to: Option<ParticipantId>,
    source: SocketAddr,
    destination: SocketAddr,
    bytes: Vec<u8>,
}

impl Lab {
    pub(crate) fn new(seed: u64) -> Self {
        println!("seed {seed}");
        #[allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
        let now = Instant::now();
        Self {
            now,
            grain: Duration::ZERO,
            sfu: Sfu::new(now, config(WORKER)),
            clients: BTreeMap::new(),
            networks: BTreeMap::new(),
            mapped: BTreeMap::new(),
            events: Vec::new(),
            timeouts: 0,
            sent: BTreeMap::new(),
            streams_to: BTreeMap::new(),
            answers: BTreeMap::new(),
            trains: Vec::new(),
            astray: Vec::new(),
            latest_up: BTreeMap::new(),
            taken_until: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
            flying: BTreeMap::new(),
            count: 0,
        }
    }

    /// Lets a participant with usual habits join the usual room.
    pub(crate) fn join(&mut self, n: u64) -> ParticipantId {
        self.join_with(n, ROOM, Habits::default(), Network::GOOD)
    }

    pub(crate) fn join_with(
        &mut self,
        n: u64,
        room: RoomId,
        habits: Habits,
        network: Network,
    ) -> ParticipantId {
        let own = ParticipantId(n);
        let mut client = Client::new(self.now, own, address(n), habits);
        let offer = client.offer();
        let answer = self.sfu.connect(self.now, own, room, &offer).expect("a good offer");
        let transmits = client.handle_answer(self.now, &answer);
        self.clients.insert(own, client);
        self.networks.insert(own, network);
        self.send_all_up(own, transmits);
        self.collect();
        own
    }

    /// Gives a participant the data channel.
    pub(crate) fn open_channel(&mut self, own: ParticipantId) {
        self.open_channels(own, &[]);
    }

    /// The same, with others that nobody asked for.
    pub(crate) fn open_channels(&mut self, own: ParticipantId, others: &[ChannelConfig]) {
        let offer = self.clients.get_mut(&own).unwrap().offer_channel(others);
        let answer = self.sfu.connect(self.now, own, ROOM, &offer).expect("a good offer");
        self.act(own, |client, now| client.handle_answer(now, &answer));
        self.collect();
    }

    /// Lets one of the usual room take a file of another's.
    pub(crate) fn send_file(&mut self, file: u32, from: ParticipantId, to: ParticipantId) {
        let bytes = u32::try_from(self.clients[&from].files.own[&file].len()).unwrap();
        self.sfu.send_file(self.now, FileId(file), bytes, from, to);
        self.collect();
    }

    /// Makes as many participants join, and waits until all are connected.
    pub(crate) fn meeting(seed: u64, count: u64) -> (Self, Vec<ParticipantId>) {
        let mut lab = Self::new(seed);
        let all: Vec<_> = (1..=count).map(|n| lab.join(n)).collect();
        lab.run_until_connected();
        (lab, all)
    }

    pub(crate) fn run_until_connected(&mut self) {
        let is_done = |lab: &Self| lab.clients.values().all(|client| client.is_connected);
        assert!(self.run_until(self.now + 5 * SECOND, is_done), "not all connected within five seconds");
    }

    /// Lets the router of a participant give it another address, of which its own end knows nothing.
    pub(crate) fn rebind(&mut self, own: ParticipantId, address: SocketAddr) {
        self.mapped.insert(own, address);
    }

    /// Returns where the worker sees a participant.
    fn peer(&self, own: ParticipantId) -> Peer {
        let peer = self.clients[&own].peer();
        Peer { address: self.mapped.get(&own).copied().unwrap_or(peer.address), ..peer }
    }

    /// Lets a participant leave, without a word from its own end.
    pub(crate) fn leave(&mut self, own: ParticipantId) {
        self.clients.remove(&own);
        self.sfu.disconnect(self.now, own);
        self.collect();
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.run_until(until, |_| false);
    }

    /// Runs until `is_done`, at most until then. Returns whether it was done.
    pub(crate) fn run_until(&mut self, until: Instant, is_done: impl Fn(&Self) -> bool) -> bool {
        while !is_done(self) {
            let next = self.next_event();
            if next > until {
                self.now = until;
                return false;
            }
            let is_later = next > self.now;
            self.now = self.now.max(if is_later { next.max(self.now + self.grain) } else { next });
            self.step();
        }
        true
    }

    /// Takes the latest events that match.
    pub(crate) fn events_since(&self, since: Instant) -> Vec<SfuEvent> {
        self.events.iter().filter(|(at, _)| *at >= since).map(|(_, event)| event.clone()).collect()
    }

    /// Lets `f` do something to one participant, and sends what it makes of it.
    pub(crate) fn act(&mut self, own: ParticipantId, f: impl FnOnce(&mut Client, Instant) -> Vec<Transmit>) {
        let now = self.now;
        let transmits = self.clients.get_mut(&own).map(|client| f(client, now)).unwrap_or_default();
        self.send_all_up(own, transmits);
    }

    /// Lets a participant say what it would like to see.
    pub(crate) fn wish(&mut self, own: ParticipantId, wishes: &[(TrackId, u16)]) {
        let wish = |(track, height_max): &(TrackId, u16)| Wish { track: *track, height_max: *height_max };
        let wishes = Some(wishes.iter().map(wish).collect());
        self.subscribe(own, Subscription { wishes, hears: true });
    }

    pub(crate) fn subscribe(&mut self, own: ParticipantId, subscription: Subscription) {
        self.sfu.subscribe(self.now, own, subscription);
        self.collect();
    }

    /// Hands a datagram to the worker at once, from anywhere.
    pub(crate) fn inject(&mut self, source: SocketAddr, bytes: &[u8]) {
        self.sfu.handle_datagram(self.now, source, server(), bytes);
        self.collect();
    }

    /// Returns the SSRCs of the streams that were sent to a participant.
    pub(crate) fn ssrcs_to(&self, own: ParticipantId) -> Vec<u32> {
        self.streams_to.keys().filter(|(to, _)| *to == own).map(|(_, ssrc)| *ssrc).collect()
    }

    fn next_event(&self) -> Instant {
        let clients = self.clients.values().filter(|client| !client.is_deaf).map(Client::poll_timeout);
        let flying = self.flying.keys().next().map(|(at, _)| *at);
        let all = clients.chain(flying).chain(self.sfu.poll_timeout());
        all.min().unwrap_or(self.now + SECOND)
    }

    fn step(&mut self) {
        while self.flying.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            let (_, flying) = self.flying.pop_first().expect("there is a first");
            self.deliver(&flying);
        }
        let now = self.now;
        let due: Vec<_> =
            self.clients.iter().filter(|(_, it)| it.poll_timeout() <= now && !it.is_deaf).collect();
        for own in due.into_iter().map(|(own, _)| *own).collect::<VecDeque<_>>() {
            let transmits =
                self.clients.get_mut(&own).map(|client| client.handle_timeout(now)).unwrap_or_default();
            self.send_all_up(own, transmits);
        }
        if self.sfu.poll_timeout().is_some_and(|due| due <= now) {
            self.timeouts += 1;
            self.sfu.handle_timeout(now);
        }
        self.collect();
    }

    fn deliver(&mut self, flying: &Flying) {
        let Flying { to, source, destination, bytes } = flying;
        let Some(own) = to else {
            let client = self.clients.keys().map(|own| self.peer(*own)).find(|peer| peer.address == *source);
            let peer = client.unwrap_or(Peer::udp(*source));
            return self.sfu.handle_from(self.now, peer, *destination, bytes);
        };
        let client = self.clients.get_mut(own).filter(|client| !client.is_deaf);
        let transmits = client.map(|client| client.handle_datagram(self.now, *source, bytes));
        self.send_all_up(*own, transmits.unwrap_or_default());
    }

    /// Takes what the worker has to say.
    fn collect(&mut self) {
        while let Some(transmit) = self.sfu.poll_transmit() {
            self.trains.push(transmit.train.cars().len());
            let to = self.clients.keys().find(|own| transmit.is_to(self.peer(**own))).copied();
            for datagram in transmit.train.cars() {
                self.take_down(to, transmit.source, transmit.destination, datagram.to_vec());
            }
        }
        while let Some(event) = self.sfu.poll_event() {
            self.events.push((self.now, event));
        }
    }

    /// Takes a datagram on the way to a client.
    fn take_down(
        &mut self,
        to: Option<ParticipantId>,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: Vec<u8>,
    ) {
        let Some(own) = to else { return self.astray.push((destination, datagram)) };
        *self.sent.entry(own).or_default() += 1;
        if let Some((ssrc, sequence)) = stream_of(&datagram) {
            let stream = self.streams_to.entry((own, ssrc)).or_default();
            *stream = (sequence, stream.1 + datagram.len() as u64);
        }
        if datagram[0] < 4 {
            *self.answers.entry(own).or_default() += 1;
        }
        let network = self.networks[&own];
        let Some(start) = self.pass(own, network, datagram.len()) else { return };
        self.fly(start, network, Some(own), source, destination, datagram);
    }

    /// Returns when a datagram has passed the narrowest place on the way down, or `None` if the queue there is full.
    fn pass(&mut self, own: ParticipantId, network: Network, bytes: usize) -> Option<Instant> {
        let Some(rate) = network.down_max else { return Some(self.now) };
        let free = self.taken_until.get(&own).copied().unwrap_or(self.now).max(self.now);
        if free - self.now > network.queue_max {
            return None;
        }
        let micros = u64::try_from(bytes).expect("datagrams are small") * 8_000_000 / rate;
        let done = free + Duration::from_micros(micros);
        self.taken_until.insert(own, done);
        Some(done)
    }

    fn send_all_up(&mut self, own: ParticipantId, transmits: Vec<Transmit>) {
        for transmit in transmits {
            self.send_up(own, &transmit);
        }
    }

    fn send_up(&mut self, own: ParticipantId, transmit: &Transmit) {
        let is_check = transmit.contents[0] < 4;
        self.latest_up.insert((own, is_check), transmit.contents.to_vec());
        let network = self.networks[&own];
        let source = self.mapped.get(&own).copied().unwrap_or(transmit.source);
        let destination = transmit.destination;
        self.fly(self.now, network, None, source, destination, transmit.contents.to_vec());
    }

    fn fly(
        &mut self,
        start: Instant,
        network: Network,
        to: Option<ParticipantId>,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: Vec<u8>,
    ) {
        let is_lost = self.random.u32(0..1_000) < network.loss_per_mille;
        let at = start + network.delay + network.jitter.mul_f64(self.random.f64());
        self.count += 1;
        if !is_lost {
            self.flying.insert((at, self.count), Flying { to, source, destination, bytes });
        }
    }
}

/// Returns the SSRC and the sequence number of a packet of media.
fn stream_of(datagram: &[u8]) -> Option<(u32, u16)> {
    let [128..=191, kind, high, low, _, _, _, _, a, b, c, d, ..] = *datagram else { return None };
    let is_report = (192..=223).contains(&kind);
    (!is_report).then(|| (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([high, low])))
}

/// Returns the track of a participant's microphone. It is on the first line of its offer.
pub(crate) fn mic(publisher: ParticipantId) -> TrackId {
    TrackId { publisher, line: LineId(0) }
}

/// Returns the track of a participant's camera. It is on the second line of its offer.
pub(crate) fn cam(publisher: ParticipantId) -> TrackId {
    TrackId { publisher, line: LineId(1) }
}

/// Tries random inputs, of which a failing one is reduced to the shortest. A case plays a whole call, so there are few of them.
pub(crate) fn explore<S: Strategy>(cases: u32, inputs: &S, test: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(inputs, |input| {
        test(input);
        Ok(())
    });
    result.unwrap();
}

pub(crate) fn server() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 8443))
}

pub(crate) fn address(n: u64) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, u8::try_from(n).expect("there are few")], 5_000))
}

pub(crate) fn config(worker: u8) -> SfuConfig {
    let seed = CredentialSeed::new([worker; 32]);
    SfuConfig { worker, tcp_addresses: vec![server()], ..SfuConfig::new(certificate(), vec![server()], seed) }
}

fn certificate() -> Certificate {
    static CERTIFICATE: LazyLock<Certificate> =
        LazyLock::new(|| Certificate::generate().expect("certificates can be made"));
    CERTIFICATE.clone()
}

//! Random schedules of joins, cuts, delays, reloads and ends of clients, and restarts of the server, against what users are promised.
//!
//! The clients here are written after `docs/protocol.md`, not after the server. Each has its own delay in both
//! directions, so that what is said on an old connection arrives after what is said on the new one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use allo_protocol::{
    ClientMessage, CloseCode, Connection, LinkId, Participant, ParticipantId, ServerMessage,
};
use allo_room::{ConnectionId, IdentitySecret, Output, Rooms, RoomsConfig};
use proptest::prelude::*;

use crate::world::{hello, join};

const PEOPLE: usize = 5;
const ROOM: &str = "family";
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);
const VOUCH_INTERVAL: Duration = Duration::from_secs(4);

/// What happens next. The number says to whom; person 0 watches and nothing happens to them.
#[derive(Debug, Clone)]
enum Step {
    /// The page is opened, or opened once more in a second tab.
    Open(usize),
    /// The page is loaded anew.
    Reload(usize),
    CloseTab(usize),
    Leave(usize),
    /// The browser is killed: its sockets are reset.
    Kill(usize),
    /// The signaling is reset at both ends; the client comes back by itself.
    Reset(usize),
    /// Nothing passes for so many milliseconds, and neither end is told. The media goes on.
    Cut(usize, u64),
    Delay(usize, u64),
    Mute(usize, bool),
    RenewLink(usize, usize),
    /// The server is killed and started again: it knows nobody, and every connection is reset.
    Restart,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let someone = 1..PEOPLE;
    prop_oneof![
        4 => someone.clone().prop_map(Step::Open),
        2 => someone.clone().prop_map(Step::Reload),
        1 => someone.clone().prop_map(Step::CloseTab),
        1 => someone.clone().prop_map(Step::Leave),
        1 => someone.clone().prop_map(Step::Kill),
        2 => someone.clone().prop_map(Step::Reset),
        2 => (someone.clone(), 100..30_000u64).prop_map(|(who, ms)| Step::Cut(who, ms)),
        1 => (someone.clone(), 0..800u64).prop_map(|(who, ms)| Step::Delay(who, ms)),
        1 => (someone.clone(), any::<bool>()).prop_map(|(who, on)| Step::Mute(who, on)),
        1 => (0..PEOPLE, 0..PEOPLE).prop_map(|(a, b)| Step::RenewLink(a, b)),
        1 => Just(Step::Restart),
        6 => (50..5_000u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_is_never_a_ghost_nor_a_double(steps in proptest::collection::vec(step(), 1..40)) {
        let mut simulation = Simulation::new();
        for step in steps {
            simulation.step(&step);
        }
        simulation.settle();
    }

    #[test]
    fn a_cut_of_thirty_seconds_is_not_a_leave(cuts in proptest::collection::vec((1..PEOPLE, 100..30_000u64), 1..6)) {
        let mut simulation = Simulation::new();
        for person in 1..PEOPLE {
            simulation.step(&Step::Open(person));
        }
        simulation.pass(5 * SECOND);
        for (who, ms) in cuts {
            simulation.step(&Step::Cut(who, ms));
            simulation.pass(Duration::from_millis(ms) + 10 * SECOND);
        }
        prop_assert_eq!(simulation.watcher().left, 0);
        simulation.settle();
    }
}

/// What travels between a client and the server, on one connection.
#[derive(Debug)]
enum Packet {
    Open,
    Message(ClientMessage),
    Close(Option<u16>),
}

/// A connection and what is under way on it.
#[derive(Debug, Default)]
struct Wire {
    owner: (usize, u64),
    delay: Duration,
    /// Until then nothing passes; what is under way by then is lost if the connection dies first.
    stalled_until: Option<Instant>,
    up: VecDeque<(Instant, Packet)>,
    down: VecDeque<(Instant, Option<ServerMessage>, Option<CloseCode>)>,
}

/// A running page.
#[derive(Debug)]
struct Client {
    run: u64,
    wire: Option<ConnectionId>,
    reconnect_at: Option<Instant>,
    heard_at: Instant,
    vouched_at: Option<Instant>,
    mic: bool,
    you: Option<ParticipantId>,
    version: u32,
    roster: BTreeMap<ParticipantId, Participant>,
    links: BTreeMap<ParticipantId, (LinkId, bool)>,
    left: usize,
}

#[derive(Debug, Default)]
struct Person {
    client: Option<Client>,
    ended_at: Option<Instant>,
    delay: Duration,
    stalled_until: Option<Instant>,
}

struct Simulation {
    rooms: Rooms,
    /// How many times the server was started again.
    starts: u8,
    config: RoomsConfig,
    now: Instant,
    people: Vec<Person>,
    wires: BTreeMap<ConnectionId, Wire>,
    last_connection: u64,
    last_run: u64,
}

/// A server that has just been started, with the secret that it had before.
fn rooms(config: RoomsConfig, start: u8) -> Rooms {
    Rooms::new(config, &IdentitySecret::new([3; 32]), [start; 32])
}

impl Simulation {
    #[allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    fn new() -> Self {
        let config = RoomsConfig::default();
        let mut simulation = Self {
            rooms: rooms(config.clone(), 0),
            starts: 0,
            config,
            now: Instant::now(),
            people: (0..PEOPLE).map(|_| Person::default()).collect(),
            wires: BTreeMap::new(),
            last_connection: 0,
            last_run: 0,
        };
        simulation.open(0);
        simulation.pass(SECOND);
        simulation
    }

    fn watcher(&self) -> &Client {
        self.people[0].client.as_ref().expect("nothing happens to the watcher")
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open(who) => self.open(who),
            Step::Reload(who) => {
                self.end(who, Some(Packet::Close(Some(4001))));
                self.open(who);
            }
            Step::CloseTab(who) => self.end(who, Some(Packet::Close(Some(1001)))),
            Step::Leave(who) => self.end(who, Some(Packet::Message(ClientMessage::Leave {}))),
            Step::Kill(who) => self.end(who, Some(Packet::Close(None))),
            Step::Reset(who) => self.reset(who),
            Step::Cut(who, ms) => self.cut(who, Duration::from_millis(ms)),
            Step::Delay(who, ms) => self.people[who].delay = Duration::from_millis(ms),
            Step::Mute(who, on) => {
                if let Some(client) = &mut self.people[who].client {
                    client.mic = on;
                    let message = ClientMessage::UpdateSelf {
                        display_name: None,
                        mic: Some(on),
                        cam: None,
                        screen: None,
                    };
                    self.say(who, message);
                }
            }
            Step::RenewLink(a, b) => self.renew_link(a, b),
            Step::Restart => self.restart(),
            Step::Pass(ms) => self.pass(Duration::from_millis(ms)),
        }
        self.pass(TICK);
    }

    /// Mends every network, waits, and checks that everyone who is there sees everyone who is there.
    fn settle(&mut self) {
        for person in &mut self.people {
            person.stalled_until = None;
        }
        for wire in self.wires.values_mut() {
            wire.stalled_until = None;
        }
        self.pass(40 * SECOND);
        let names =
            |client: &Client| client.roster.values().map(|p| p.display_name.clone()).collect::<BTreeSet<_>>();
        let is_there = |(n, person): (usize, &Person)| person.client.as_ref().map(|_| format!("Person {n}"));
        let expected: BTreeSet<String> = self.people.iter().enumerate().filter_map(is_there).collect();
        assert_eq!(self.rooms.counts().participants, expected.len());
        let clients: Vec<&Client> = self.people.iter().filter_map(|person| person.client.as_ref()).collect();
        for client in &clients {
            assert_eq!(names(client), expected);
            assert_eq!(client.roster, self.watcher().roster, "everyone sees the same");
            assert!(client.roster.values().all(|p| p.connection == Connection::Online));
        }
        for (a, b) in
            clients.iter().flat_map(|a| clients.iter().map(move |b| (a, b))).filter(|(a, b)| a.run != b.run)
        {
            let (a_id, b_id) = (a.you.as_ref().unwrap(), b.you.as_ref().unwrap());
            let ((a_link, a_polite), (b_link, b_polite)) = (a.links[b_id], b.links[a_id]);
            assert_eq!(a_link, b_link, "both ends are on the same link");
            assert_ne!(a_polite, b_polite, "one end is polite");
        }
    }

    fn open(&mut self, who: usize) {
        self.last_run += 1;
        self.people[who].ended_at = None;
        self.people[who].client = Some(Client {
            run: self.last_run,
            wire: None,
            reconnect_at: Some(self.now),
            heard_at: self.now,
            vouched_at: None,
            mic: true,
            you: None,
            version: 0,
            roster: BTreeMap::new(),
            links: BTreeMap::new(),
            left: 0,
        });
    }

    /// Ends a page, whose last word on its connection is given.
    fn end(&mut self, who: usize, last_word: Option<Packet>) {
        let Some(client) = self.people[who].client.take() else { return };
        // What was sent before the end may be under way until then.
        let stalled_until = self.people[who].stalled_until.unwrap_or(self.now);
        self.people[who].ended_at = Some(self.now.max(stalled_until));
        if let (Some(wire), Some(packet)) = (client.wire.and_then(|id| self.wires.get_mut(&id)), last_word) {
            wire.up.push_back((self.now + wire.delay, packet));
        }
    }

    fn reset(&mut self, who: usize) {
        let Some(client) = &mut self.people[who].client else { return };
        let Some(id) = client.wire.take() else { return };
        client.reconnect_at = Some(self.now + SECOND / 4);
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.up.clear();
            wire.up.push_back((self.now + wire.delay, Packet::Close(None)));
            wire.down.clear();
        }
    }

    fn restart(&mut self) {
        self.starts = self.starts.wrapping_add(1);
        self.rooms = rooms(self.config.clone(), self.starts);
        for (id, wire) in std::mem::take(&mut self.wires) {
            let (who, run) = wire.owner;
            let client = self.people[who].client.as_mut().filter(|it| it.run == run && it.wire == Some(id));
            // Whoever is cut off notices by the silence.
            if let Some(client) = client.filter(|_| wire.stalled_until.is_none_or(|at| at <= self.now)) {
                client.wire = None;
                client.reconnect_at = Some(self.now + SECOND / 4);
            }
        }
    }

    fn cut(&mut self, who: usize, duration: Duration) {
        let until = self.now + duration;
        let person = &mut self.people[who];
        person.stalled_until = Some(until);
        person.ended_at = person.ended_at.map(|at| at.max(until));
        for wire in self.wires.values_mut().filter(|wire| wire.owner.0 == who) {
            wire.stalled_until = Some(until);
        }
    }

    fn renew_link(&mut self, a: usize, b: usize) {
        let peer = self.people[b].client.as_ref().and_then(|client| client.you.clone());
        let link = self.people[a].client.as_ref().zip(peer).and_then(|(client, peer)| {
            let (link, _) = client.links.get(&peer)?;
            Some((peer, *link))
        });
        if let Some((to, link)) = link {
            self.say(a, ClientMessage::RenewLink { to, link });
        }
    }

    fn say(&mut self, who: usize, message: ClientMessage) {
        let wire = self.people[who].client.as_ref().and_then(|client| client.wire);
        if let Some(wire) = wire.and_then(|id| self.wires.get_mut(&id)) {
            wire.up.push_back((self.now + wire.delay, Packet::Message(message)));
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now = (self.now + TICK).max(self.next_event().unwrap_or(end).min(end));
            self.move_packets();
            self.rooms.handle_timeout(self.now);
            self.drain();
            (0..PEOPLE).for_each(|who| self.run_client(who));
            self.check();
        }
    }

    /// Returns when something happens next; in between there is nothing to look at.
    fn next_event(&self) -> Option<Instant> {
        let packets = self.wires.values().flat_map(|wire| {
            let fronts = [wire.up.front().map(|(at, _)| *at), wire.down.front().map(|(at, ..)| *at)];
            fronts.into_iter().flatten().map(|at| at.max(wire.stalled_until.unwrap_or(at)))
        });
        let clients = self.people.iter().filter_map(|person| person.client.as_ref()).flat_map(|client| {
            let silent_at = client.wire.map(|_| client.heard_at + self.silence());
            let is_anyone_away = client.roster.values().any(|p| p.connection == Connection::Reconnecting);
            let vouch_at = client.vouched_at.filter(|_| is_anyone_away).map(|at| at + VOUCH_INTERVAL);
            [silent_at, client.reconnect_at, vouch_at].into_iter().flatten()
        });
        packets.chain(clients).chain(self.rooms.poll_timeout()).min()
    }

    /// Returns for how long a client hears nothing before it gives up a connection.
    fn silence(&self) -> Duration {
        self.config.ping_interval * (self.config.missed_pongs + 1) + SECOND
    }

    /// Delivers what is due, in both directions.
    fn move_packets(&mut self) {
        let ids: Vec<ConnectionId> = self.wires.keys().copied().collect();
        for id in ids {
            while let Some(packet) = self.next_up(id) {
                match packet {
                    Packet::Open => self.rooms.handle_open(self.now, id, Ipv4Addr::LOCALHOST.into()),
                    Packet::Message(message) => self.rooms.handle_message(self.now, id, message),
                    Packet::Close(code) => {
                        self.rooms.handle_close(self.now, id, code);
                        self.wires.remove(&id);
                    }
                }
                self.drain();
            }
            while let Some((message, code)) = self.next_down(id) {
                self.hear(id, message, code);
            }
        }
    }

    fn next_up(&mut self, id: ConnectionId) -> Option<Packet> {
        let wire =
            self.wires.get_mut(&id).filter(|wire| wire.stalled_until.is_none_or(|at| at <= self.now))?;
        wire.up.front().filter(|(at, _)| *at <= self.now)?;
        wire.up.pop_front().map(|(_, packet)| packet)
    }

    fn next_down(&mut self, id: ConnectionId) -> Option<(Option<ServerMessage>, Option<CloseCode>)> {
        let wire =
            self.wires.get_mut(&id).filter(|wire| wire.stalled_until.is_none_or(|at| at <= self.now))?;
        wire.down.front().filter(|(at, ..)| *at <= self.now)?;
        wire.down.pop_front().map(|(_, message, code)| (message, code))
    }

    fn drain(&mut self) {
        while let Some(output) = self.rooms.poll_output() {
            let (id, message, code) = match output {
                Output::Message { to, message } => (to, Some(message), None),
                Output::Close { connection, code } => (connection, None, Some(code)),
                Output::Keep { .. } => continue,
                other => unreachable!("there is no media plane here, and no password: {other:?}"),
            };
            if let Some(wire) = self.wires.get_mut(&id) {
                wire.down.push_back((self.now + wire.delay, message, code));
            }
        }
    }

    /// Hands a client what came on a connection, if that is still its connection.
    fn hear(&mut self, id: ConnectionId, message: Option<ServerMessage>, code: Option<CloseCode>) {
        let (who, run) = self.wires[&id].owner;
        let now = self.now;
        let is_current = |client: &&mut Client| client.run == run && client.wire == Some(id);
        let Some(client) = self.people[who].client.as_mut().filter(is_current) else { return };
        client.heard_at = now;
        if let Some(message) = message {
            let answer = client.hear(message);
            if let Some(message) = answer {
                self.say(who, message);
            }
        } else if code == Some(CloseCode::Superseded) {
            // Another tab is this person now; there is no client here to come back.
            client.wire = None;
            client.reconnect_at = None;
        } else {
            client.wire = None;
            client.reconnect_at = Some(now + SECOND / 4);
        }
        if code.is_some() {
            self.wires.remove(&id);
        }
    }

    /// Lets a client do what time makes it do: reconnect, give up a silent connection, vouch.
    fn run_client(&mut self, who: usize) {
        let now = self.now;
        let delay = self.people[who].delay;
        let stalled_until = self.people[who].stalled_until.filter(|at| *at > now);
        let silence = self.silence();
        let Some(client) = &mut self.people[who].client else { return };
        if client.wire.is_some() && now - client.heard_at > silence {
            let wire = client.wire.take().and_then(|id| self.wires.get_mut(&id));
            if let Some(wire) = wire {
                wire.up.push_back((now + wire.delay, Packet::Close(None)));
            }
            client.reconnect_at = Some(now + SECOND / 4);
        }
        if client.reconnect_at.is_some_and(|at| at <= now) {
            client.reconnect_at = None;
            client.heard_at = now;
            self.last_connection += 1;
            let id = ConnectionId(self.last_connection);
            client.wire = Some(id);
            let instance = u8::try_from(client.run % 251).unwrap();
            let n = u8::try_from(who).unwrap();
            let mut join = join(ROOM, n, instance);
            if let ClientMessage::Join { mic, attempt, .. } = &mut join {
                *mic = client.mic;
                *attempt = u32::try_from(self.last_connection).unwrap();
            }
            let packets = [Packet::Open, Packet::Message(hello()), Packet::Message(join)];
            let up = packets.into_iter().map(|packet| (now + delay, packet)).collect();
            let wire = Wire { owner: (who, client.run), delay, stalled_until, up, down: VecDeque::new() };
            self.wires.insert(id, wire);
        }
        self.vouch(who);
    }

    /// Vouches for those whose page runs: their media goes on, whatever their signaling does.
    fn vouch(&mut self, who: usize) {
        let now = self.now;
        let is_running = |name: &str| {
            self.people
                .iter()
                .enumerate()
                .any(|(n, person)| person.client.is_some() && name == format!("Person {n}"))
        };
        let Some(client) = &self.people[who].client else { return };
        if client.vouched_at.is_some_and(|at| now - at < VOUCH_INTERVAL) {
            return;
        }
        let away = client.roster.values().filter(|p| p.connection == Connection::Reconnecting);
        let peers: Vec<_> = away.filter(|p| is_running(&p.display_name)).map(|p| p.id.clone()).collect();
        if let Some(client) = self.people[who].client.as_mut().filter(|_| !peers.is_empty()) {
            client.vouched_at = Some(now);
            for peer in peers {
                self.say(who, ClientMessage::Vouch { peer });
            }
        }
    }

    /// Checks what is true at every moment, through the eyes of the watcher.
    fn check(&self) {
        let mut seen = BTreeSet::new();
        for participant in self.watcher().roster.values() {
            let name = &participant.display_name;
            assert!(seen.insert(name), "{name} is there twice");
            let number: usize =
                name.strip_prefix("Person ").and_then(|n| n.parse().ok()).expect("no name is doubled");
            let ended_at = self.people[number].ended_at;
            let ended_for = ended_at.map_or(Duration::ZERO, |at| self.now.saturating_duration_since(at));
            let under_way = 2 * (self.people[number].delay + TICK);
            assert!(ended_for <= 25 * SECOND + under_way, "{name} is a ghost after {ended_for:?}");
        }
    }
}

impl Client {
    /// Follows the protocol; returns the answer, if one is due.
    fn hear(&mut self, message: ServerMessage) -> Option<ClientMessage> {
        match message {
            ServerMessage::Ping {} => return Some(ClientMessage::Pong {}),
            ServerMessage::Snapshot { version, you, participants, resumed, .. } => {
                self.version = version;
                self.you = Some(you);
                self.roster = participants.into_iter().map(|p| (p.id.clone(), p)).collect();
                if !resumed {
                    self.links.clear();
                }
                let roster = &self.roster;
                self.links.retain(|peer, _| roster.contains_key(peer));
            }
            ServerMessage::ParticipantJoined { version, participant } => {
                self.follow(version);
                let known = self.roster.insert(participant.id.clone(), participant);
                assert_eq!(known, None, "a newcomer is new");
            }
            ServerMessage::ParticipantUpdated { version, participant } => {
                self.follow(version);
                let known = self.roster.insert(participant.id.clone(), participant);
                assert!(known.is_some(), "an update is about someone who is there");
            }
            ServerMessage::ParticipantLeft { version, participant, .. } => {
                self.follow(version);
                assert!(self.roster.remove(&participant).is_some());
                self.links.remove(&participant);
                self.left += 1;
            }
            ServerMessage::Greet { peer, link, polite } => {
                assert!(self.roster.contains_key(&peer), "one is greeted with someone who is there");
                self.links.insert(peer, (link, polite));
            }
            ServerMessage::Error { .. }
            | ServerMessage::Welcome { .. }
            | ServerMessage::SessionDescription { .. }
            | ServerMessage::IceCandidate { .. }
            | ServerMessage::PictureLimits { .. }
            | ServerMessage::TopologyChanged { .. }
            | ServerMessage::LinkClosed { .. }
            | ServerMessage::MediaAnswer { .. }
            | ServerMessage::MediaClosed { .. }
            | ServerMessage::Slots { .. }
            | ServerMessage::Demand { .. }
            | ServerMessage::Speakers { .. }
            | ServerMessage::Relay { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::Knocking { .. }
            | ServerMessage::RoomUpdated { .. }
            | ServerMessage::TurnedOff { .. }
            | ServerMessage::AskedToTurnOn { .. }
            | ServerMessage::Chat { .. }
            | ServerMessage::ChatHistory { .. }
            | ServerMessage::FileOffered { .. }
            | ServerMessage::FilesOffered { .. }
            | ServerMessage::FileWithdrawn { .. }
            | ServerMessage::FileAccepted { .. }
            | ServerMessage::FileEnded { .. }
            | ServerMessage::Reacted { .. }
            | ServerMessage::Pong {} => {}
        }
        None
    }

    /// Takes the next version. On one connection there is no gap: nothing is dropped in between.
    fn follow(&mut self, version: u32) {
        assert_eq!(version, self.version + 1);
        self.version = version;
    }
}

//! Random schedules of people who come, go, reload, offer sessions and drop links, and of a media plane that answers, is
//! silent, and ends sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use allo_protocol::{
    ClientMessage, ErrorCode, LinkId, MediaSession, MediaTrack, ParticipantId, ServerMessage, Source, Tile,
    Topology,
};
use allo_room::{ConnectionId, MediaCommand, MediaEvent, MediaKey, MediaTrackId, RoomsConfig};
use proptest::prelude::*;

use crate::world::World;

const PEOPLE: u8 = 5;
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
enum Step {
    /// Comes, comes back, or opens a second tab; as the same run of the page or as a new one.
    Join(u8, bool),
    Leave(u8),
    Lose(u8),
    Offer(u8),
    Subscribe(u8),
    DropLinks(u8),
    /// What the media plane says of the newest session of someone.
    Media(u8, Word),
    Pass(u64),
}

#[derive(Debug, Clone, Copy)]
enum Word {
    Answered,
    Refused,
    Connected,
    Silent,
    Closed,
    Slot,
    Emptied,
    Demand,
    Speaking(bool),
    Active,
}

fn track(publisher: MediaKey, mid: &str) -> MediaTrackId {
    MediaTrackId { publisher, mid: mid.to_owned() }
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE;
    let word = prop_oneof![
        4 => Just(Word::Answered),
        1 => Just(Word::Refused),
        4 => Just(Word::Connected),
        1 => Just(Word::Silent),
        1 => Just(Word::Closed),
        2 => Just(Word::Slot),
        1 => Just(Word::Emptied),
        2 => Just(Word::Demand),
        2 => any::<bool>().prop_map(Word::Speaking),
        1 => Just(Word::Active),
    ];
    prop_oneof![
        4 => (who.clone(), any::<bool>()).prop_map(|(who, is_new)| Step::Join(who, is_new)),
        1 => who.clone().prop_map(Step::Leave),
        1 => who.clone().prop_map(Step::Lose),
        3 => who.clone().prop_map(Step::Offer),
        2 => who.clone().prop_map(Step::Subscribe),
        2 => who.clone().prop_map(Step::DropLinks),
        6 => (who, word).prop_map(|(who, word)| Step::Media(who, word)),
        2 => (1_u64..15_000).prop_map(Step::Pass),
    ]
}

/// Someone, through their own eyes.
#[derive(Debug, Default)]
struct Person {
    connection: Option<ConnectionId>,
    instance: u8,
    attempt: u32,
    session: u32,
    you: Option<ParticipantId>,
    version: u32,
    topology: Option<Topology>,
    roster: BTreeSet<ParticipantId>,
    links: BTreeMap<ParticipantId, LinkId>,
}

struct Simulation {
    world: World,
    people: Vec<Person>,
    /// Sessions that the media plane has, and the participant's newest.
    live: BTreeSet<MediaKey>,
    over: BTreeSet<MediaKey>,
    newest: BTreeMap<u8, MediaKey>,
    /// Since when there are no more than two in the room.
    few_since: Duration,
}

impl Simulation {
    fn new() -> Self {
        let config = RoomsConfig { has_media: true, ..RoomsConfig::default() };
        Self {
            world: World::with(config),
            people: (0..PEOPLE).map(|_| Person::default()).collect(),
            live: BTreeSet::new(),
            over: BTreeSet::new(),
            newest: BTreeMap::new(),
            few_since: Duration::ZERO,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Join(who, is_new) => self.join(who, is_new),
            Step::Leave(who) => self.say(who, ClientMessage::Leave {}),
            Step::Lose(who) => {
                if let Some(connection) = self.people[usize::from(who)].connection.take() {
                    self.world.hang_up(connection, None);
                }
            }
            Step::Offer(who) => {
                let person = &mut self.people[usize::from(who)];
                person.session += 1;
                let session = MediaSession(person.session);
                let tracks = vec![MediaTrack { mid: "1".to_owned(), source: Source::Cam }];
                self.say(who, ClientMessage::MediaOffer { session, sdp: "v=0".to_owned(), tracks });
                self.listen(Some(who));
            }
            Step::Subscribe(who) => {
                let tiles = self.people[usize::from(who)].roster.iter().map(|participant| Tile {
                    participant: participant.clone(),
                    source: Source::Cam,
                    height: 180,
                });
                let tiles = tiles.collect();
                self.say(who, ClientMessage::Subscribe { tiles, audio: true });
            }
            Step::DropLinks(who) => {
                for (to, link) in self.people[usize::from(who)].links.clone() {
                    self.say(who, ClientMessage::DropLink { to, link });
                }
            }
            Step::Media(who, word) => self.media(who, word),
            Step::Pass(ms) => {
                for _ in 0..ms / 1_000 {
                    self.world.pass(SECOND);
                    self.listen(None);
                    self.check();
                }
                self.world.pass(Duration::from_millis(ms % 1_000));
            }
        }
        self.listen(None);
        self.check();
    }

    fn join(&mut self, who: u8, is_new: bool) {
        let person = &mut self.people[usize::from(who)];
        person.attempt += 1;
        if is_new {
            person.instance += 1;
            person.links.clear();
            person.session = 0;
        }
        let (instance, attempt) = (person.instance, person.attempt);
        let connection = self.world.connect();
        self.people[usize::from(who)].connection = Some(connection);
        self.world.say(connection, crate::world::hello());
        let mut join = crate::world::join("family", who, instance);
        if let ClientMessage::Join { attempt: number, .. } = &mut join {
            *number = attempt;
        }
        self.world.say(connection, join);
    }

    fn say(&mut self, who: u8, message: ClientMessage) {
        if let Some(connection) = self.people[usize::from(who)].connection {
            self.world.say(connection, message);
        }
    }

    fn media(&mut self, who: u8, word: Word) {
        let Some(key) = self.newest.get(&who).copied() else { return };
        let mid = "4".to_owned();
        let publisher = self.newest.values().next().copied().unwrap_or(key);
        let event = match word {
            Word::Answered => MediaEvent::Answered { key, sdp: "v=0".to_owned() },
            Word::Refused => MediaEvent::Refused { key, code: ErrorCode::BadOffer, text: "no".to_owned() },
            Word::Connected => MediaEvent::Connected(key),
            Word::Silent => MediaEvent::Silent(key),
            Word::Closed => MediaEvent::Closed { key, code: ErrorCode::MediaLost },
            Word::Slot => MediaEvent::SlotAssigned { key, mid, track: track(publisher, "1") },
            Word::Emptied => MediaEvent::SlotEmptied { key, mid },
            Word::Demand => MediaEvent::Demand { track: track(key, "1"), layers: 2 },
            Word::Speaking(is_speaking) => MediaEvent::Speaking { track: track(key, "0"), is_speaking },
            Word::Active => MediaEvent::ActiveSpeaker(track(key, "0")),
        };
        self.world.media(vec![event]);
    }

    /// Lets everyone hear, and the media plane too. `offering` is whose offer went out.
    fn listen(&mut self, offering: Option<u8>) {
        for command in self.world.commands() {
            match command {
                MediaCommand::Connect { key, .. } => {
                    assert!(!self.over.contains(&key), "{key:?} is connected after its end");
                    self.live.insert(key);
                    if let Some(who) = offering {
                        self.newest.insert(who, key);
                    }
                }
                MediaCommand::Subscribe { key, .. } => {
                    assert!(self.live.contains(&key), "{key:?} is not there");
                }
                MediaCommand::Mute { track, .. } => {
                    assert!(self.live.contains(&track.publisher), "{track:?} is not there");
                }
                MediaCommand::SendFile { .. } | MediaCommand::StopFile { .. } => {
                    panic!("nobody offers a file here")
                }
                MediaCommand::Relay { .. } | MediaCommand::Unrelay { .. } => {
                    panic!("there is no TURN server here")
                }
                MediaCommand::Disconnect { key } => {
                    assert!(self.live.remove(&key), "{key:?} is ended once");
                    self.over.insert(key);
                }
            }
        }
        for who in 0..self.people.len() {
            let Some(connection) = self.people[who].connection else { continue };
            for message in self.world.heard(connection) {
                self.people[who].hear(message);
            }
            if self.world.close_code(connection).is_some() {
                self.people[who].connection = None;
            }
        }
    }

    /// Checks what is true at every moment.
    fn check(&mut self) {
        let counts = self.world.rooms.counts();
        assert_eq!(counts.sessions, self.live.len());
        assert!(counts.sessions <= counts.participants);
        if counts.participants > 2 {
            self.few_since = self.world.elapsed();
        }
        let few_for = self.world.elapsed().saturating_sub(self.few_since);
        let present = self.people.iter().filter(|person| person.connection.is_some());
        for person in present {
            assert_eq!(person.roster.len(), counts.participants);
            if counts.participants > 2 {
                assert_eq!(person.topology, Some(Topology::Sfu));
            } else if few_for > 11 * SECOND {
                assert_eq!(person.topology, Some(Topology::Mesh));
            }
        }
    }

    /// Everyone comes back; then each two of them know the same link, exactly while they are a mesh. Then all go.
    fn finish(&mut self) {
        for people in [2, PEOPLE] {
            for who in 0..PEOPLE {
                self.step(&Step::Join(who, false));
                if who >= people {
                    self.step(&Step::Leave(who));
                }
            }
            self.step(&Step::Pass(20_000));
            let here: Vec<&Person> =
                self.people.iter().filter(|person| person.connection.is_some()).collect();
            for (a, b) in here.iter().flat_map(|a| here.iter().map(move |b| (a, b))) {
                let link = |from: &Person, to: &Person| from.links.get(to.you.as_ref()?).copied();
                assert_eq!(link(a, b), link(b, a), "both ends know the same link");
                let is_mesh = a.topology == Some(Topology::Mesh) && a.you != b.you;
                assert!(!is_mesh || link(a, b).is_some(), "those who are a mesh are linked");
            }
        }
        for who in 0..PEOPLE {
            self.step(&Step::Leave(who));
        }
        self.step(&Step::Pass(150_000));
        let counts = self.world.rooms.counts();
        assert_eq!((counts.participants, counts.rooms, counts.sessions), (0, 0, 0));
        assert_eq!(self.world.rooms.poll_timeout(), None, "nothing is left to be done");
    }
}

impl Person {
    fn hear(&mut self, message: ServerMessage) {
        let roster_change = match &message {
            ServerMessage::ParticipantJoined { version, .. }
            | ServerMessage::ParticipantUpdated { version, .. }
            | ServerMessage::ParticipantLeft { version, .. }
            | ServerMessage::TopologyChanged { version, .. } => Some(*version),
            _ => None,
        };
        if let Some(version) = roster_change {
            assert_eq!(version, self.version + 1, "there is no gap on one connection");
            self.version = version;
        }
        match message {
            ServerMessage::Snapshot { version, you, participants, topology, resumed, .. } => {
                let before = self.you.replace(you.clone());
                assert!(before.is_none_or(|before| before == you), "a key is always the same participant");
                if !resumed {
                    self.links.clear();
                }
                self.version = version;
                self.topology = Some(topology);
                self.roster = participants.into_iter().map(|participant| participant.id).collect();
                self.links.retain(|peer, _| self.roster.contains(peer));
            }
            ServerMessage::ParticipantJoined { participant, .. } => {
                assert!(self.roster.insert(participant.id), "a newcomer is new");
            }
            ServerMessage::ParticipantLeft { participant, .. } => {
                assert!(self.roster.remove(&participant));
                self.links.remove(&participant);
            }
            ServerMessage::TopologyChanged { topology, .. } => {
                assert_ne!(self.topology.replace(topology), Some(topology), "a change is one");
            }
            ServerMessage::Greet { peer, link, .. } => {
                self.links.insert(peer, link);
            }
            ServerMessage::LinkClosed { peer, link } => {
                assert!(self.links.remove(&peer).is_none_or(|own| own == link), "it is the current one");
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn sessions_and_links_are_never_lost_nor_left_behind(steps in prop::collection::vec(step(), 1..80)) {
        let mut simulation = Simulation::new();
        for step in &steps {
            simulation.step(step);
        }
        simulation.finish();
    }
}

//! Every room, by its name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use allo_protocol::{LinkId, TopologyChoice};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use crate::attempts::{Attempts, Network};
use crate::links::Links;
use crate::media::MediaRoom;
use crate::refusal::Refusal;
use crate::room::Room;
use crate::sessions::Sessions;
use crate::topology::Way;
use crate::{OwnerProof, RoomName, RoomRecord, RoomsConfig};

/// Rooms that one network may become the owner of at once, and how long until it may have another one. Beyond: refused. Each stays in
/// mind for long after, and the number of those is bounded for all.
const CLAIMS: (Duration, u32) = (Duration::from_mins(1), 64);

/// Every room that has someone in it, or at its door. Rooms open with the first who comes, and close with the last who goes.
#[derive(Debug)]
pub(crate) struct Directory {
    /// At most `config.rooms`; the next one is refused.
    rooms: BTreeMap<RoomName, Room>,
    /// What is known of rooms with an owner that nobody is in: at most `config.records`; beyond, the one left first is forgotten.
    closed: BTreeMap<RoomName, Closed>,
    /// Rooms by the address that opened them: at most `config.rooms_per_address` each; the next one is refused.
    opened: BTreeMap<IpAddr, usize>,
    claims: Attempts<Network>,
    last_media_room: u64,
}

/// What is known of a room that nobody is in.
#[derive(Debug)]
struct Closed {
    record: RoomRecord,
    since: Instant,
    is_meeting_over: bool,
}

/// Who opens a room, and how.
#[derive(Debug)]
pub(crate) struct Opener<'a> {
    pub(crate) from: IpAddr,
    pub(crate) asked: Option<TopologyChoice>,
    /// Makes the room theirs, unless it is somebody's.
    pub(crate) proof: Option<&'a OwnerProof>,
    /// Makes it theirs wherever they sign in.
    pub(crate) login: Option<&'a OwnerProof>,
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self {
            rooms: BTreeMap::new(),
            closed: BTreeMap::new(),
            opened: BTreeMap::new(),
            claims: Attempts::new(CLAIMS.0, CLAIMS.1),
            last_media_room: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn get(&self, name: &RoomName) -> Option<&Room> {
        self.rooms.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.rooms.get_mut(name)
    }

    /// Returns what is known of a room that nobody is in.
    pub(crate) fn record(&self, name: &RoomName) -> Option<&RoomRecord> {
        self.closed.get(name).map(|closed| &closed.record)
    }

    /// Returns a room, which is opened if it is not open.
    pub(crate) fn find_or_open(
        &mut self,
        now: Instant,
        name: &RoomName,
        opener: &Opener<'_>,
        config: &RoomsConfig,
        rng: &mut ChaCha8Rng,
    ) -> Result<&mut Room, Refusal> {
        if !self.rooms.contains_key(name) {
            // Numbers begin anywhere: what is said of a link of before a restart is not taken for one of now.
            let links = Links::new(LinkId(rng.next_u32()));
            self.open(now, name, opener, links, config)?;
        }
        Ok(self.rooms.get_mut(name).expect("the room was found or opened"))
    }

    fn open(
        &mut self,
        now: Instant,
        name: &RoomName,
        opener: &Opener<'_>,
        links: Links,
        config: &RoomsConfig,
    ) -> Result<(), Refusal> {
        let from = opener.from;
        if self.rooms.len() >= config.rooms {
            return Err(Refusal::ServerFull);
        }
        if self.opened.get(&from).is_some_and(|opened| *opened >= config.rooms_per_address) {
            return Err(Refusal::AddressFull);
        }
        let is_claim = opener.proof.is_some() && !self.closed.contains_key(name);
        if is_claim && !self.claims.take(now, Network::of(from)) {
            return Err(Refusal::AddressFull);
        }
        let known = self.closed.remove(name).map(|closed| closed.record);
        let record = known.or_else(|| {
            let mut record = RoomRecord::new(opener.proof?.clone(), config.lobby);
            record.login = opener.login.cloned();
            Some(record)
        });
        *self.opened.entry(from).or_default() += 1;
        self.last_media_room += 1;
        let media = Sessions::new(now, MediaRoom(self.last_media_room));
        let choice = config.choice(opener.asked);
        let (way, places) = (Way::new(choice), config.places(choice));
        let room = Room::new(name.clone(), from, way, links, media, record, places);
        self.rooms.insert(name.clone(), room);
        Ok(())
    }

    /// Closes a room if nobody is in it or at its door any more. Returns when [`Self::remind`] is worth calling, if something is kept of it.
    pub(crate) fn close_if_empty(
        &mut self,
        now: Instant,
        name: &RoomName,
        config: &RoomsConfig,
    ) -> Option<Instant> {
        let room = self.rooms.get(name).filter(|room| room.is_empty())?;
        let from = room.opened_from;
        let record = self.rooms.remove(name).and_then(Room::into_record);
        if let Some(opened) = self.opened.get_mut(&from) {
            *opened -= 1;
            if *opened == 0 {
                self.opened.remove(&from);
            }
        }
        record.map(|record| self.put(now, name.clone(), record, config))
    }

    /// Takes what is known of a room that nobody is in. Returns when [`Self::remind`] is worth calling.
    pub(crate) fn put(
        &mut self,
        now: Instant,
        name: RoomName,
        record: RoomRecord,
        config: &RoomsConfig,
    ) -> Instant {
        let closed = Closed { record, since: now, is_meeting_over: false };
        self.closed.insert(name, closed);
        now + config.meeting_memory
    }

    /// Takes out the name of a room that was left first, if more are known than may be.
    pub(crate) fn pop_beyond(&mut self, config: &RoomsConfig) -> Option<RoomName> {
        if self.closed.len() <= config.records {
            return None;
        }
        let (name, _) = self.closed.iter().min_by_key(|(_, closed)| closed.since)?;
        let name = name.clone();
        self.closed.remove(&name);
        Some(name)
    }

    /// Lets the meeting of a room be over that nobody is in, or forgets the room. Returns what is known now, and when to call this again.
    pub(crate) fn remind(
        &mut self,
        now: Instant,
        name: &RoomName,
        config: &RoomsConfig,
    ) -> Option<(Option<RoomRecord>, Option<Instant>)> {
        let closed = self.closed.get_mut(name)?;
        let forget_at = closed.since + config.owner_memory;
        if forget_at <= now {
            self.closed.remove(name);
            return Some((None, None));
        }
        if closed.is_meeting_over || closed.since + config.meeting_memory > now {
            return None;
        }
        closed.is_meeting_over = true;
        closed.record.end_meeting();
        Some((Some(closed.record.clone()), Some(forget_at)))
    }
}

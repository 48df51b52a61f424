//! Which worker each room is on, and who is in.

use std::collections::HashMap;

use allo_protocol::ErrorCode;
use allo_room::{MediaEvent, MediaKey, MediaRoom};

/// Offers that wait for one worker. Beyond, newcomers are refused: they would wait for longer than people do.
///
/// Higher: a larger crowd can come in at once. Lower: whoever is refused knows it sooner.
const CONNECTING_MAX: usize = 256;

/// The sessions of all workers, as far as the rooms have heard.
///
/// A room is given to the worker with the fewest sessions that is not overloaded when it opens, and stays there for its whole life.
#[derive(Debug)]
pub(super) struct Placement {
    /// A room without a session, and without anybody who may come through the TURN server, has no entry.
    rooms: HashMap<MediaRoom, Place>,
    /// Bounded by `sessions_max`.
    sessions: HashMap<MediaKey, Session>,
    /// Who may come through the TURN server, and of which room. Bounded by the places in the rooms.
    relayed: HashMap<MediaKey, MediaRoom>,
    workers: Vec<Load>,
    sessions_max: usize,
}

#[derive(Debug)]
struct Place {
    worker: usize,
    sessions: usize,
    relayed: usize,
}

#[derive(Debug)]
struct Session {
    room: MediaRoom,
    worker: usize,
    is_answered: bool,
}

#[derive(Debug, Default, Clone)]
struct Load {
    sessions: usize,
    /// Most of whom have a session soon.
    relayed: usize,
    connecting: usize,
}

/// Why there is no place for a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There are as many sessions as there may be.
    Full,
    /// The worker of the room has too much to do.
    Busy,
}

impl Placement {
    pub(super) fn new(workers: usize, sessions_max: usize) -> Self {
        Self {
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            relayed: HashMap::new(),
            workers: vec![Load::default(); workers],
            sessions_max,
        }
    }

    /// Returns the worker for an offer. A session that is in already is never refused.
    pub(super) fn connect(
        &mut self,
        room: MediaRoom,
        key: MediaKey,
        is_overloaded: impl Fn(usize) -> bool,
    ) -> Result<usize, Refusal> {
        if let Some(session) = self.sessions.get(&key) {
            return Ok(session.worker);
        }
        if self.sessions.len() >= self.sessions_max {
            return Err(Refusal::Full);
        }
        let worker = self.place(room, &is_overloaded).ok_or(Refusal::Busy)?;
        if self.workers[worker].connecting >= CONNECTING_MAX || is_overloaded(worker) {
            return Err(Refusal::Busy);
        }
        self.rooms.entry(room).or_insert(Place { worker, sessions: 0, relayed: 0 }).sessions += 1;
        self.workers[worker].sessions += 1;
        self.workers[worker].connecting += 1;
        self.sessions.insert(key, Session { room, worker, is_answered: false });
        Ok(worker)
    }

    /// Returns the worker of a session.
    pub(super) fn worker(&self, key: MediaKey) -> Option<usize> {
        self.sessions.get(&key).map(|session| session.worker)
    }

    /// Returns every session.
    pub(super) fn keys(&self) -> Vec<MediaKey> {
        self.sessions.keys().copied().collect()
    }

    /// Takes a session out. Returns the worker that it was on.
    pub(super) fn disconnect(&mut self, key: MediaKey) -> Option<usize> {
        let Session { room, worker, is_answered } = self.sessions.remove(&key)?;
        let load = &mut self.workers[worker];
        load.sessions -= 1;
        load.connecting -= usize::from(!is_answered);
        if let Some(place) = self.rooms.get_mut(&room) {
            place.sessions -= 1;
        }
        self.forget_if_empty(room);
        Some(worker)
    }

    /// Returns the worker through whose TURN server somebody may come: that of the room, which is given to one if need be.
    pub(super) fn relay(
        &mut self,
        room: MediaRoom,
        key: MediaKey,
        is_overloaded: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let worker = self.place(room, &is_overloaded)?;
        if self.relayed.insert(key, room).is_none() {
            self.rooms.entry(room).or_insert(Place { worker, sessions: 0, relayed: 0 }).relayed += 1;
            self.workers[worker].relayed += 1;
        }
        Some(worker)
    }

    /// Takes somebody out who might come through a TURN server. Returns whose it was.
    pub(super) fn unrelay(&mut self, key: MediaKey) -> Option<usize> {
        let room = self.relayed.remove(&key)?;
        let place = self.rooms.get_mut(&room)?;
        place.relayed -= 1;
        let worker = place.worker;
        self.workers[worker].relayed -= 1;
        self.forget_if_empty(room);
        Some(worker)
    }

    /// Returns the worker of a room, or that for a new one.
    fn place(&self, room: MediaRoom, is_overloaded: &impl Fn(usize) -> bool) -> Option<usize> {
        let load = |worker: &usize| {
            let Load { sessions, relayed, .. } = self.workers[*worker];
            (is_overloaded(*worker), sessions.max(relayed))
        };
        let least_loaded = || (0..self.workers.len()).min_by_key(load);
        self.rooms.get(&room).map(|place| place.worker).or_else(least_loaded)
    }

    fn forget_if_empty(&mut self, room: MediaRoom) {
        if self.rooms.get(&room).is_some_and(|place| place.sessions == 0 && place.relayed == 0) {
            self.rooms.remove(&room);
        }
    }

    /// Takes note of an event. Returns whether it is about somebody who is in; the rest is of no interest any more.
    pub(super) fn handle(&mut self, event: &MediaEvent) -> bool {
        let key = event.key();
        if matches!(event, MediaEvent::Relayed { .. }) {
            return self.relayed.contains_key(&key);
        }
        let Some(session) = self.sessions.get_mut(&key) else { return false };
        match event {
            MediaEvent::Answered { .. } if !session.is_answered => {
                session.is_answered = true;
                self.workers[session.worker].connecting -= 1;
            }
            MediaEvent::Refused { .. } if !session.is_answered => {
                self.disconnect(key);
            }
            MediaEvent::Closed { .. } => {
                self.disconnect(key);
            }
            _ => {}
        }
        true
    }
}

impl Refusal {
    /// Returns what the rooms are told.
    pub(super) fn event(self, key: MediaKey) -> MediaEvent {
        let text = match self {
            Self::Full => {
                "This server carries as many people's sound and pictures as it may. Try again later."
            }
            Self::Busy => "This server has too much to do just now. Try again in a moment.",
        };
        MediaEvent::Refused { key, code: ErrorCode::ServerBusy, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: fn(usize) -> bool = |_| false;
    const HALL: MediaRoom = MediaRoom(1);

    fn answer(key: u64) -> MediaEvent {
        MediaEvent::Answered { key: MediaKey(key), sdp: String::new() }
    }

    fn refusal(key: u64) -> MediaEvent {
        Refusal::Busy.event(MediaKey(key))
    }

    #[test]
    fn a_room_stays_on_one_worker_and_rooms_are_spread() {
        let mut placement = Placement::new(2, 100);
        let mut place = |room, key| placement.connect(MediaRoom(room), MediaKey(key), CALM).unwrap();
        let hall = place(1, 1);
        assert_eq!([place(1, 2), place(1, 3)], [hall; 2]);
        assert_ne!(place(2, 4), hall);
        assert_ne!(place(3, 5), hall, "one session is less than three");
    }

    #[test]
    fn a_new_room_avoids_a_worker_that_is_overloaded() {
        let mut placement = Placement::new(2, 100);
        let hall = placement.connect(HALL, MediaKey(1), CALM).unwrap();
        let other = 1 - hall;
        let is_other = |worker| worker == other;
        assert_eq!(placement.connect(MediaRoom(2), MediaKey(2), is_other), Ok(hall));
        assert_eq!(placement.connect(MediaRoom(3), MediaKey(3), |_| true), Err(Refusal::Busy));
    }

    #[test]
    fn a_room_that_everybody_left_may_be_placed_anew() {
        let mut placement = Placement::new(2, 100);
        let first = placement.connect(HALL, MediaKey(1), CALM).unwrap();
        assert_eq!(placement.disconnect(MediaKey(1)), Some(first));
        assert!(placement.rooms.is_empty() && placement.sessions.is_empty());
        assert_eq!(placement.workers.iter().map(|load| load.sessions + load.connecting).sum::<usize>(), 0);
        assert_eq!(placement.disconnect(MediaKey(1)), None);
    }

    #[test]
    fn beyond_the_bound_newcomers_are_refused_and_those_inside_are_not() {
        let mut placement = Placement::new(1, 2);
        for key in [1, 2] {
            placement.connect(HALL, MediaKey(key), CALM).unwrap();
        }
        assert_eq!(placement.connect(HALL, MediaKey(3), CALM), Err(Refusal::Full));
        assert_eq!(placement.connect(HALL, MediaKey(2), CALM), Ok(0));
        placement.disconnect(MediaKey(1));
        assert_eq!(placement.connect(HALL, MediaKey(3), |_| true), Err(Refusal::Busy));
        assert_eq!(placement.connect(HALL, MediaKey(2), |_| true), Ok(0));
        assert_eq!(placement.connect(HALL, MediaKey(3), CALM), Ok(0));
    }

    #[test]
    fn a_crowd_beyond_what_can_be_answered_soon_is_refused() {
        let mut placement = Placement::new(1, 10_000);
        for key in 0..CONNECTING_MAX as u64 {
            placement.connect(HALL, MediaKey(key), CALM).unwrap();
        }
        assert_eq!(placement.connect(HALL, MediaKey(9_999), CALM), Err(Refusal::Busy));
        assert!(placement.handle(&answer(0)));
        assert_eq!(placement.connect(HALL, MediaKey(9_999), CALM), Ok(0));
    }

    #[test]
    fn a_first_offer_that_was_refused_leaves_nothing_and_a_later_one_does() {
        let mut placement = Placement::new(1, 10);
        placement.connect(HALL, MediaKey(1), CALM).unwrap();
        assert!(placement.handle(&refusal(1)));
        assert_eq!(placement.worker(MediaKey(1)), None);
        placement.connect(HALL, MediaKey(1), CALM).unwrap();
        assert!(placement.handle(&answer(1)) && placement.handle(&refusal(1)));
        assert_eq!(placement.worker(MediaKey(1)), Some(0));
        assert!(placement.handle(&MediaEvent::Closed { key: MediaKey(1), code: ErrorCode::MediaLost }));
        assert_eq!(placement.worker(MediaKey(1)), None);
        assert!(placement.rooms.is_empty());
    }

    #[test]
    fn nothing_is_said_of_somebody_who_is_gone() {
        let mut placement = Placement::new(1, 10);
        placement.connect(HALL, MediaKey(1), CALM).unwrap();
        placement.disconnect(MediaKey(1));
        assert!(!placement.handle(&answer(1)));
        assert!(!placement.handle(&MediaEvent::Connected(MediaKey(1))));
    }
}

//! One file on its way from one to others.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::message::PART;
use super::pace::{Pace, WINDOW_MAX};
use crate::ids::{Bitrate, ParticipantId};

/// How long somebody is waited for who takes nothing.
///
/// Lower: whoever lost the connection for a moment has to begin anew. Higher: the others wait for who is not there.
const STALL: Duration = Duration::from_secs(20);

/// A file, of which the sender is asked for one part after the other, round and round, as long as somebody lacks any.
///
/// Parts are counted from the first that was asked for, over all rounds. Each taker needs as many in a row as the file has, from wherever
/// the others are when they come.
///
/// ```text
///   held: came, and somebody has not taken them    asked: on the way here
///   ├───────────────────────────────────────────┼──────────────────────┤
///  first                                                              next
/// ```
///
/// Its bound: `held` and `asked` together are [`WINDOW_MAX`] parts. Beyond, the sender is asked for nothing: it goes on as the slowest taker does.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) sender: ParticipantId,
    bytes: u32,
    first: u64,
    held: VecDeque<Vec<u8>>,
    asked: VecDeque<Instant>,
    takers: BTreeMap<ParticipantId, Taker>,
    pace: Pace,
    /// Before that nothing is asked for, so that it keeps to its rate.
    ask_from: Instant,
}

/// Somebody who takes the file.
#[derive(Debug)]
struct Taker {
    /// The next part for them.
    next: u64,
    /// The first that they do not need.
    end: u64,
    moved_at: Instant,
    pace: Pace,
    /// What was written to their channel up to each part, and when, until it is there.
    pending: VecDeque<(u64, Instant)>,
}

/// The sender sent what was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAsked;

impl Flow {
    pub(super) fn new(now: Instant, sender: ParticipantId, bytes: u32) -> Self {
        Self {
            sender,
            bytes,
            first: 0,
            held: VecDeque::new(),
            asked: VecDeque::new(),
            takers: BTreeMap::new(),
            pace: Pace::default(),
            ask_from: now,
        }
    }

    /// Lets somebody take the file from here on.
    pub(super) fn join(&mut self, now: Instant, taker: ParticipantId) {
        let next = self.next();
        let fresh = Taker {
            next,
            end: next + self.parts(),
            moved_at: now,
            pace: Pace::default(),
            pending: VecDeque::new(),
        };
        self.takers.entry(taker).or_insert(fresh);
    }

    /// Returns whether they took it.
    pub(super) fn leave(&mut self, taker: ParticipantId) -> bool {
        self.takers.remove(&taker).is_some()
    }

    pub(super) fn takers(&self) -> impl Iterator<Item = ParticipantId> {
        self.takers.keys().copied()
    }

    pub(super) fn is_over(&self) -> bool {
        self.takers.is_empty()
    }

    /// Returns how many parts were asked for that did not come.
    pub(super) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// Returns the place to ask for, if it is time to ask for more.
    pub(super) fn poll_want(&mut self, now: Instant, rate: Bitrate) -> Option<u32> {
        let next = self.next();
        let is_wanted = self.takers.values().any(|taker| taker.end > next);
        let has_room =
            self.asked.len() < self.pace.window() && self.asked.len() + self.held.len() < WINDOW_MAX;
        if !is_wanted || !has_room || now < self.ask_from {
            return None;
        }
        self.asked.push_back(now);
        self.ask_from = self.ask_from.max(now) + rate.time_of(u64::from(PART));
        Some(self.place(next))
    }

    /// Returns when it is time to ask for more, if only the rate is in the way.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        (self.ask_from > now).then_some(self.ask_from)
    }

    /// Takes a part, which is to be what was asked for next.
    pub(super) fn handle_part(
        &mut self,
        now: Instant,
        place: u32,
        length: u32,
        message: Vec<u8>,
    ) -> Result<(), NotAsked> {
        let index = self.first + count(self.held.len());
        let is_it = place == self.place(index) && length == self.length(place);
        let at = *self.asked.front().filter(|_| is_it).ok_or(NotAsked)?;
        self.asked.pop_front();
        if length == PART {
            self.pace.handle_done(now, now.saturating_duration_since(at));
        }
        self.held.push_back(message);
        Ok(())
    }

    /// Records how much of what was written to a taker's channel is there.
    pub(super) fn handle_arrived(&mut self, now: Instant, taker: ParticipantId, arrived: u64) {
        let Some(taker) = self.takers.get_mut(&taker) else { return };
        while let Some((_, at)) = taker.pending.front().copied().filter(|(mark, _)| *mark <= arrived) {
            taker.pending.pop_front();
            taker.moved_at = now;
            taker.pace.handle_done(now, now.saturating_duration_since(at));
        }
    }

    /// Returns the next message for a taker, if it is here and it is time for it. While media to them are held up, one is on its way at a time.
    pub(super) fn next_for(&self, taker: ParticipantId, is_congested: bool) -> Option<&[u8]> {
        let taker = self.takers.get(&taker)?;
        let window = if is_congested { 1 } else { taker.pace.window() };
        let index = usize::try_from(taker.next.checked_sub(self.first)?).ok()?;
        let is_due = taker.next < taker.end && taker.pending.len() < window;
        self.held.get(index).filter(|_| is_due).map(Vec::as_slice)
    }

    /// Records that a taker was sent that message; `mark` is what has been written to their channel with it.
    pub(super) fn advance(&mut self, now: Instant, taker: ParticipantId, mark: u64) {
        if let Some(taker) = self.takers.get_mut(&taker) {
            taker.next += 1;
            taker.pending.push_back((mark, now));
        }
    }

    /// Lets go of what everybody has, and of those who have everything.
    pub(super) fn release(&mut self) {
        self.takers.retain(|_, taker| taker.next < taker.end || !taker.pending.is_empty());
        let needed = self.takers.values().map(|taker| taker.next).min();
        while needed.is_none_or(|needed| self.first < needed) && self.held.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Takes out somebody for whom nothing has got on for too long.
    pub(super) fn pop_stalled(&mut self, now: Instant) -> Option<ParticipantId> {
        let here = self.first + count(self.held.len());
        if !self.held.is_empty() {
            // Who has all that is here waits for the others, not the others for them.
            let waiting = self.takers.values_mut().filter(|it| it.next == here && it.pending.is_empty());
            waiting.for_each(|taker| taker.moved_at = now);
        }
        let is_stalled = |taker: &Taker| now.saturating_duration_since(taker.moved_at) > STALL;
        let stalled = self.takers.iter().find(|(_, taker)| is_stalled(taker)).map(|(id, _)| *id)?;
        self.takers.remove(&stalled);
        Some(stalled)
    }

    fn next(&self) -> u64 {
        self.first + count(self.held.len()) + count(self.asked.len())
    }

    fn parts(&self) -> u64 {
        u64::from(self.bytes.div_ceil(PART))
    }

    fn place(&self, index: u64) -> u32 {
        // Less than the file's length, which has 32 bits.
        u32::try_from(index % self.parts().max(1) * u64::from(PART)).unwrap_or_default()
    }

    fn length(&self, place: u32) -> u32 {
        (self.bytes - place).min(PART)
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const ADA: ParticipantId = ParticipantId(1);
    const GRACE: ParticipantId = ParticipantId(2);
    const ALAN: ParticipantId = ParticipantId(3);
    const RATE: Bitrate = Bitrate::kbps(1_000_000);

    /// Lets the sender answer what is asked, and whoever is named take what there is. Returns what each got.
    fn run(flow: &mut Flow, now: &mut Instant, taking: &[ParticipantId]) -> Vec<(ParticipantId, u32)> {
        let mut taken = Vec::new();
        for _ in 0..200 {
            *now += Duration::from_millis(10);
            let mut wants = Vec::new();
            while let Some(place) = flow.poll_want(*now, RATE) {
                wants.push(place);
                *now += Duration::from_millis(1);
            }
            for place in wants {
                let message = place.to_be_bytes().to_vec();
                flow.handle_part(*now, place, flow.length(place), message).unwrap();
            }
            for taker in taking {
                while let Some(message) = flow.next_for(*taker, false) {
                    taken.push((*taker, u32::from_be_bytes(message.try_into().unwrap())));
                    flow.advance(*now, *taker, 1);
                }
                flow.handle_arrived(*now, *taker, 1);
            }
            flow.release();
            assert!(flow.held.len() + flow.asked.len() <= WINDOW_MAX);
        }
        taken
    }

    #[test]
    fn whoever_comes_later_joins_in_and_gets_each_part_once() {
        let mut now = Instant::now();
        let mut flow = Flow::new(now, ADA, 5 * PART + 1);
        flow.join(now, GRACE);
        let place = flow.poll_want(now, RATE).unwrap();
        flow.handle_part(now, place, PART, vec![0; 4]).unwrap();
        flow.join(now, ALAN);
        let taken = run(&mut flow, &mut now, &[GRACE, ALAN]);
        for taker in [GRACE, ALAN] {
            let mut places: Vec<u32> = taken.iter().filter(|it| it.0 == taker).map(|it| it.1).collect();
            assert_eq!(places[0], if taker == GRACE { 0 } else { PART });
            places.sort_unstable();
            assert_eq!(places, [0, 1, 2, 3, 4, 5].map(|n| n * PART), "{taker:?}");
        }
        assert!(flow.is_over());
        assert_eq!(flow.poll_want(now, RATE), None);
    }

    #[test]
    fn a_taker_who_takes_nothing_holds_the_file_up_and_is_left_out_at_last() {
        let mut now = Instant::now();
        let mut flow = Flow::new(now, ADA, 100 * PART);
        flow.join(now, GRACE);
        flow.join(now, ALAN);
        let taken = run(&mut flow, &mut now, &[GRACE]);
        assert_eq!(taken.len(), WINDOW_MAX, "no more than is held");
        now += Duration::from_secs(18);
        let stalled: Vec<_> = std::iter::from_fn(|| flow.pop_stalled(now)).collect();
        assert_eq!(stalled, [ALAN], "the others wait in vain for less long");
        flow.release();
        assert_eq!(run(&mut flow, &mut now, &[GRACE]).len(), 100 - WINDOW_MAX);
        assert!(flow.is_over());
    }

    #[test]
    fn what_was_not_asked_for_is_not_taken() {
        let now = Instant::now();
        let mut flow = Flow::new(now, ADA, PART + 10);
        assert_eq!(flow.handle_part(now, 0, PART, Vec::new()), Err(NotAsked), "nothing is asked for yet");
        flow.join(now, GRACE);
        assert_eq!(flow.poll_want(now, RATE), Some(0));
        for (place, length) in [(PART, 10), (1, PART), (0, PART - 1), (0, PART + 1), (u32::MAX, 1)] {
            assert_eq!(flow.handle_part(now, place, length, Vec::new()), Err(NotAsked), "{place} {length}");
        }
        assert_eq!(flow.handle_part(now, 0, PART, Vec::new()), Ok(()));
        assert_eq!(flow.handle_part(now, 0, PART, Vec::new()), Err(NotAsked), "it came already");
    }

    #[test]
    fn a_file_keeps_to_its_rate() {
        let start = Instant::now();
        let rate = Bitrate::kbps(1_310);
        let mut flow = Flow::new(start, ADA, 100 * PART);
        flow.join(start, GRACE);
        assert_eq!(flow.poll_want(start, rate), Some(0));
        let due = flow.poll_timeout(start).unwrap();
        assert!((99..=101).contains(&(due - start).as_millis()), "{:?}", due - start);
        assert_eq!(flow.poll_want(start, rate), None);
        assert_eq!(flow.poll_want(due, rate), Some(PART));
    }

    #[test]
    fn one_part_is_on_its_way_while_media_are_held_up() {
        let now = Instant::now();
        let mut flow = Flow::new(now, ADA, 100 * PART);
        flow.join(now, GRACE);
        for place in [0, PART] {
            assert_eq!(flow.poll_want(now + Duration::from_millis(place.into()), RATE), Some(place));
            flow.handle_part(now, place, PART, vec![1]).unwrap();
        }
        assert!(flow.next_for(GRACE, true).is_some());
        flow.advance(now, GRACE, 1);
        assert!(flow.next_for(GRACE, true).is_none() && flow.next_for(GRACE, false).is_some());
        flow.handle_arrived(now, GRACE, 1);
        assert!(flow.next_for(GRACE, true).is_some());
    }
}

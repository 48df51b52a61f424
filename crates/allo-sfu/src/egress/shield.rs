//! Pictures sent twice while the way loses packets and has room: a loss then costs no round trip, and no picture waits for one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ids::Bitrate;

/// From which share of losses on it is worth it, and below which it is not any more.
///
/// Lower: more is sent that was not needed. Higher: more pictures wait for what was lost.
const LOSS_MIN: f32 = 0.02;
const LOSS_OVER: f32 = 0.01;
/// Above this share the way may be too narrow, whatever else is seen.
const LOSS_MAX: f32 = 0.15;

/// How much the losses may grow by it: more than twice as many, and so many more, come of it.
const GROWTH: f32 = 2.0;
const GROWTH_MORE: f32 = 0.06;

/// How long packets wait on a way that has room, and on one that has not.
const QUEUE_SHORT: Duration = Duration::from_millis(40);
const QUEUE_LONG: Duration = Duration::from_millis(70);

/// How long after a packet it comes again.
///
/// Lower: one burst of losses takes both. Higher: what was lost is there later.
const AFTER: Duration = Duration::from_millis(15);

/// How long it rests after it did harm, at first and at most: each time twice as long.
const REST_MIN: Duration = Duration::from_secs(10);
const REST_MAX: Duration = Duration::from_secs(160);
/// After so long without harm, the next rest is a short one again.
const PROVEN: Duration = Duration::from_secs(30);

/// What may be sent again at once, in bytes.
const BURST: u64 = 32 * 1024;

/// Packets that wait to be sent again. Beyond it they are sent only once.
const WAITING_MAX: usize = 256;

/// Decides what is sent twice.
///
/// ```text
///   down ── losses, no queue, and a rest is over ──► up
///     ▲                                              │ no losses; or a queue, or more losses than before: then it rests first
///     └──────────────────────────────────────────────┘
/// ```
#[derive(Debug)]
pub(crate) struct Shield {
    state: State,
    rest: Duration,
    room: Bitrate,
    /// In bytes.
    free: u64,
    filled_at: Instant,
    waiting: VecDeque<Second>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Down { until: Instant },
    Up { since: Instant, loss: f32 },
}

/// A packet that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Second {
    due: Instant,
    pub(crate) stream: usize,
    pub(crate) sequence: u64,
    /// How often it comes after that.
    more: u8,
}

/// How much depends on a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// If it is lost, that is seen at once from the packet behind it.
    Usual,
    /// It is late already, or nothing comes behind it for a while: it comes three times.
    High,
}

impl Shield {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            state: State::Down { until: now },
            rest: REST_MIN,
            room: Bitrate::default(),
            free: 0,
            filled_at: now,
            waiting: VecDeque::new(),
        }
    }

    /// Takes the share that was lost lately, how long packets wait, and how much more than the media gets through.
    pub(crate) fn look(&mut self, now: Instant, loss: f32, queue: Duration, room: Bitrate) {
        self.room = room;
        match self.state {
            State::Down { until } => {
                if until <= now && (LOSS_MIN..LOSS_MAX).contains(&loss) && queue < QUEUE_SHORT {
                    self.state = State::Up { since: now, loss };
                    (self.free, self.filled_at) = (0, now);
                }
            }
            State::Up { since, loss: before } => {
                if now.saturating_duration_since(since) >= PROVEN {
                    self.rest = REST_MIN;
                }
                let does_harm = loss > LOSS_MAX || loss > GROWTH * before + GROWTH_MORE || queue > QUEUE_LONG;
                if does_harm {
                    self.state = State::Down { until: now + self.rest };
                    self.rest = (self.rest * 2).min(REST_MAX);
                } else if loss < LOSS_OVER {
                    self.state = State::Down { until: now };
                }
            }
        }
    }

    /// Takes note of a packet that was sent for the first time, or because it was asked for.
    pub(crate) fn note(&mut self, now: Instant, stream: usize, sequence: u64, bytes: usize, weight: Weight) {
        if !matches!(self.state, State::Up { .. }) || self.waiting.len() >= WAITING_MAX {
            return;
        }
        let passed = now.saturating_duration_since(self.filled_at).as_micros();
        let gained = u64::try_from(u128::from(self.room.0) * passed / 8_000_000).unwrap_or(u64::MAX);
        self.free = self.free.saturating_add(gained).min(BURST);
        self.filled_at = now;
        let more = u8::from(weight == Weight::High);
        if let Some(left) = self.free.checked_sub(bytes as u64 * (1 + u64::from(more))) {
            self.free = left;
            self.waiting.push_back(Second { due: now + AFTER, stream, sequence, more });
        }
    }

    /// Returns what is to be sent again now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Second> {
        self.waiting.front().filter(|second| second.due <= now)?;
        let second = self.waiting.pop_front()?;
        if let Some(more) = second.more.checked_sub(1) {
            self.waiting.push_back(Second { due: now + AFTER, more, ..second });
        }
        Some(second)
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|second| second.due)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const ROOM: Bitrate = Bitrate::kbps(800);
    const NO_QUEUE: Duration = Duration::from_millis(5);

    /// Sends a packet of 1,000 bytes each 10 ms for so long. Returns how many came again.
    fn seconds(shield: &mut Shield, now: &mut Instant, seconds: u64) -> usize {
        let mut again = 0;
        for n in 0..seconds * 100 {
            *now += Duration::from_millis(10);
            shield.note(*now, 0, n, 1_000, Weight::Usual);
            again += std::iter::from_fn(|| shield.poll(*now)).count();
        }
        again
    }

    #[test]
    fn everything_comes_twice_while_there_are_losses_and_room() {
        let mut now = Instant::now();
        let mut shield = Shield::new(now);
        shield.look(now, 0.005, NO_QUEUE, ROOM);
        assert_eq!(seconds(&mut shield, &mut now, 1), 0);
        shield.look(now, 0.05, NO_QUEUE, ROOM);
        let again = seconds(&mut shield, &mut now, 10);
        assert!((990..=1_000).contains(&again), "{again} of 1,000");
        shield.look(now, 0.05, NO_QUEUE, Bitrate::kbps(200));
        let again = seconds(&mut shield, &mut now, 10);
        assert!((240..300).contains(&again), "{again} of 1,000, as there is room for a quarter");
        shield.look(now, 0.005, NO_QUEUE, ROOM);
        assert!(seconds(&mut shield, &mut now, 1) <= 2);
    }

    #[test]
    fn what_much_depends_on_comes_three_times() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut shield = Shield::new(start);
        shield.look(start, 0.05, NO_QUEUE, ROOM);
        shield.note(after(100), 0, 7, 1_000, Weight::High);
        shield.note(after(105), 0, 8, 1_000, Weight::Usual);
        let mut came = Vec::new();
        for ms in 100..200 {
            came.extend(std::iter::from_fn(|| shield.poll(after(ms))).map(|second| (ms, second.sequence)));
        }
        assert_eq!(came, [(115, 7), (120, 8), (130, 7)]);
    }

    #[test]
    fn it_rests_longer_and_longer_when_it_does_harm() {
        let mut now = Instant::now();
        let start = now;
        let mut shield = Shield::new(now);
        let mut raised = Vec::new();
        for _ in 0..1_200 {
            // A link that drops what is too much, without a queue.
            let is_up = matches!(shield.state, State::Up { .. });
            shield.look(now, if is_up { 0.3 } else { 0.04 }, NO_QUEUE, ROOM);
            if matches!(shield.state, State::Up { .. }) {
                raised.push((now - start).as_secs());
            }
            now += Duration::from_millis(250);
        }
        assert_eq!(raised, [0, 10, 30, 70, 151]);
    }

    #[test]
    fn it_is_not_raised_where_there_is_a_queue_and_falls_when_there_comes_one() {
        let now = Instant::now();
        let mut shield = Shield::new(now);
        shield.look(now, 0.05, QUEUE_SHORT, ROOM);
        assert!(matches!(shield.state, State::Down { .. }));
        shield.look(now, 0.05, NO_QUEUE, ROOM);
        shield.look(now, 0.05, QUEUE_LONG, ROOM);
        assert!(matches!(shield.state, State::Up { .. }));
        shield.look(now, 0.05, QUEUE_LONG + NO_QUEUE, ROOM);
        assert!(matches!(shield.state, State::Down { .. }));
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let now = Instant::now();
        let mut shield = Shield::new(now);
        shield.look(now, 0.05, NO_QUEUE, Bitrate::kbps(1_000_000));
        let later = now + Duration::from_secs(1);
        (0..1_000).for_each(|n| shield.note(later, 0, n, 10, Weight::High));
        assert_eq!(shield.waiting.len(), WAITING_MAX);
    }
}

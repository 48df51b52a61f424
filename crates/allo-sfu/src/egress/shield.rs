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

/// Of how many that were sent again it is known under which number. Those before do not come once more, whatever is lost.
const FLYING_MAX: usize = 512;
/// For how long. Later it is of no use, and long before the numbers begin anew.
const FLYING_FOR: Duration = Duration::from_millis(500);

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
    flying: VecDeque<Flying>,
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
    pub(crate) sent: Sent,
    /// How often it comes after that.
    more: u8,
}

/// A packet that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The transport-wide number that it went out under last.
    pub(crate) number: u16,
    pub(crate) stream: usize,
    pub(crate) sequence: u64,
    pub(crate) bytes: usize,
}

/// A packet that was sent again lately.
#[derive(Debug, Clone, Copy)]
struct Flying {
    since: Instant,
    /// The number that it went out under the time before.
    before: u16,
    sent: Sent,
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
            flying: VecDeque::new(),
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
    pub(crate) fn note(&mut self, now: Instant, sent: Sent, weight: Weight) {
        let more = u8::from(weight == Weight::High);
        if self.pays(now, sent.bytes * (1 + usize::from(more))) {
            self.waiting.push_back(Second { due: now + AFTER, sent, more });
        }
    }

    /// Takes note of one that was sent again, under this number.
    pub(crate) fn note_again(&mut self, now: Instant, number: u16, second: Second) {
        let is_old = |flying: &Flying| now.saturating_duration_since(flying.since) > FLYING_FOR;
        while self.flying.front().is_some_and(is_old) || self.flying.len() >= FLYING_MAX {
            self.flying.pop_front();
        }
        let Second { sent, .. } = second;
        self.flying.push_back(Flying { since: now, before: sent.number, sent: Sent { number, ..sent } });
    }

    /// Takes which numbers were lost, and how to tell that of any other. What was lost twice comes once more at once: to be asked for it
    /// may take longer than a picture can wait.
    pub(crate) fn handle_lost(&mut self, now: Instant, numbers: &[u16], is_lost: impl Fn(u16) -> bool) {
        for number in numbers {
            let is_it = |flying: &Flying| flying.sent.number == *number;
            let found = self.flying.iter().position(is_it).and_then(|at| self.flying.remove(at));
            if let Some(Flying { sent, .. }) = found.filter(|found| is_lost(found.before))
                && self.pays(now, sent.bytes)
            {
                self.waiting.push_front(Second { due: now, sent, more: 0 });
            }
        }
    }

    /// Returns whether there is room to send so much again.
    fn pays(&mut self, now: Instant, bytes: usize) -> bool {
        if !matches!(self.state, State::Up { .. }) || self.waiting.len() >= WAITING_MAX {
            return false;
        }
        let passed = now.saturating_duration_since(self.filled_at).as_micros();
        let gained = u64::try_from(u128::from(self.room.0) * passed / 8_000_000).unwrap_or(u64::MAX);
        self.free = self.free.saturating_add(gained).min(BURST);
        self.filled_at = now;
        let left = self.free.checked_sub(bytes as u64);
        self.free = left.unwrap_or(self.free);
        left.is_some()
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

    fn sent(sequence: u64, bytes: usize) -> Sent {
        Sent { number: u16::try_from(sequence & 0xffff).unwrap(), stream: 0, sequence, bytes }
    }

    /// Sends a packet of 1,000 bytes each 10 ms for so long. Returns how many came again.
    fn seconds(shield: &mut Shield, now: &mut Instant, seconds: u64) -> usize {
        let mut again = 0;
        for n in 0..seconds * 100 {
            *now += Duration::from_millis(10);
            shield.note(*now, sent(n, 1_000), Weight::Usual);
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
        shield.note(after(100), sent(7, 1_000), Weight::High);
        shield.note(after(105), sent(8, 1_000), Weight::Usual);
        let mut came = Vec::new();
        for ms in 100..200 {
            came.extend(
                std::iter::from_fn(|| shield.poll(after(ms))).map(|second| (ms, second.sent.sequence)),
            );
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
    fn what_is_lost_twice_comes_once_more_as_soon_as_that_is_known() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut shield = Shield::new(start);
        shield.look(start, 0.05, NO_QUEUE, ROOM);
        (1..=3).for_each(|n| shield.note(after(100), sent(n, 1_000), Weight::Usual));
        for number in 41..=43 {
            let second = shield.poll(after(115)).unwrap();
            shield.note_again(after(115), number, second);
        }
        shield.note(after(160), sent(9, 1_000), Weight::Usual);
        let is_lost = |number| [2, 42, 43].contains(&number);
        shield.handle_lost(after(165), &[2, 42, 43], is_lost);
        assert_eq!(shield.due(), Some(after(165)));
        let third = shield.poll(after(165)).unwrap();
        assert_eq!((third.sent.sequence, shield.poll(after(165))), (2, None), "the first 3 arrived");
        shield.note_again(after(165), 50, third);
        shield.handle_lost(after(170), &[42], is_lost);
        assert_eq!(shield.poll(after(170)), None, "once for each that is lost");
        shield.handle_lost(after(220), &[50], is_lost);
        let came = std::iter::from_fn(|| shield.poll(after(220))).map(|second| second.sent.sequence);
        assert_eq!(came.collect::<Vec<_>>(), [2, 9]);
    }

    #[test]
    fn so_many_are_flying_and_no_more_and_not_for_long() {
        let now = Instant::now();
        let mut shield = Shield::new(now);
        let second = Second { due: now, sent: sent(1, 10), more: 0 };
        (0..1_000).for_each(|number| shield.note_again(now, number, second));
        assert_eq!(shield.flying.len(), FLYING_MAX);
        shield.note_again(now + FLYING_FOR * 2, 1_000, second);
        assert_eq!(shield.flying.len(), 1);
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let now = Instant::now();
        let mut shield = Shield::new(now);
        shield.look(now, 0.05, NO_QUEUE, Bitrate::kbps(1_000_000));
        let later = now + Duration::from_secs(1);
        (0..1_000).for_each(|n| shield.note(later, sent(n, 10), Weight::High));
        assert_eq!(shield.waiting.len(), WAITING_MAX);
    }
}

//! What was sent lately, and when it arrived.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::rtcp::Arrivals;

/// Packets that are remembered. Beyond, the oldest are forgotten, as if no word ever came of them.
///
/// Higher: what gets through is measured at higher bitrates. Lower: less memory.
const PACKETS_MAX: usize = 2_048;

/// How long a packet is remembered of which no word came.
const REMEMBERED: Duration = Duration::from_secs(2);

/// How many intervals make up what losses are counted over.
const INTERVALS: usize = 4;

/// The unit in which arrivals are said.
const TICK: Duration = Duration::from_micros(250);
/// So many make up the unit of the reference time.
const REFERENCE_TICKS: i64 = 256;

/// A packet that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) sent_at: Instant,
    /// In microseconds of the receiver's clock, which began anywhere.
    pub(crate) arrived: i64,
    pub(crate) bytes: u32,
    /// The probe that it was part of.
    pub(crate) probe: Option<u8>,
}

/// What is new in what a receiver says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// In the order in which it was sent.
    pub(crate) arrived: Vec<Arrival>,
    /// The numbers of what did not arrive. It may be late.
    pub(crate) lost: Vec<u16>,
}

/// The packets of a transport by their transport-wide sequence numbers.
#[derive(Debug)]
pub(crate) struct History {
    /// The number of the first that is remembered.
    first: u64,
    packets: VecDeque<Sent>,
    /// The latest reference time, counted on where it wraps.
    reference: Option<i64>,
    /// What was lost and what arrived of what word came of in each of the last intervals, the latest first.
    counts: [Counts; INTERVALS],
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    bytes: u32,
    probe: Option<u8>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unknown,
    Lost,
    Arrived,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    lost: u32,
    arrived: u32,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { first: 0, packets: VecDeque::new(), reference: None, counts: [Counts::default(); INTERVALS] }
    }

    /// Returns the number of the next packet.
    pub(crate) fn next(&self) -> u16 {
        (self.end() & 0xffff) as u16
    }

    /// Remembers the next packet.
    pub(crate) fn record(&mut self, now: Instant, bytes: usize, probe: Option<u8>) {
        let is_old = |sent: &Sent| now.saturating_duration_since(sent.at) > REMEMBERED;
        while self.packets.front().is_some_and(is_old) || self.packets.len() >= PACKETS_MAX {
            self.forget();
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.packets.push_back(Sent { at: now, bytes, probe, fate: Fate::Unknown });
    }

    /// Takes what the receiver says, and returns what is new in it.
    pub(crate) fn handle(&mut self, arrivals: &Arrivals<'_>) -> News {
        let reference = self.unwrap(arrivals.reference);
        // The first is not after the next one: it was sent.
        let behind = self.next().wrapping_sub(arrivals.first);
        let Some(first) = self.end().checked_sub(behind.into()) else { return News::default() };
        let mut news = News::default();
        for (number, time) in (first..).zip(arrivals.times()) {
            let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
            let Some(sent) = at.and_then(|at| self.packets.get_mut(at)) else { continue };
            let counts = &mut self.counts[0];
            match (sent.fate, time) {
                (Fate::Unknown, None) => {
                    sent.fate = Fate::Lost;
                    counts.lost += 1;
                    news.lost.push((number & 0xffff) as u16);
                }
                (Fate::Unknown | Fate::Lost, Some(time)) => {
                    // It was only late.
                    counts.lost = counts.lost.saturating_sub(u32::from(sent.fate == Fate::Lost));
                    counts.arrived += 1;
                    sent.fate = Fate::Arrived;
                    let ticks = reference * REFERENCE_TICKS + i64::from(time);
                    let arrived = ticks * i64::try_from(TICK.as_micros()).unwrap_or(0);
                    news.arrived.push(Arrival {
                        sent_at: sent.at,
                        arrived,
                        bytes: sent.bytes,
                        probe: sent.probe,
                    });
                }
                (Fate::Lost, None) | (Fate::Arrived, _) => {}
            }
        }
        while self.packets.front().is_some_and(|sent| sent.fate == Fate::Arrived) {
            self.forget();
        }
        news
    }

    /// Returns whether it is known that this packet was lost.
    pub(crate) fn is_lost(&self, number: u16) -> bool {
        let behind = usize::from(self.next().wrapping_sub(number));
        let at = self.packets.len().checked_sub(behind);
        at.and_then(|at| self.packets.get(at)).is_some_and(|sent| sent.fate == Fate::Lost)
    }

    /// Begins a new interval.
    pub(crate) fn turn_interval(&mut self) {
        self.counts.rotate_right(1);
        self.counts[0] = Counts::default();
    }

    /// Returns the share of what was lost in the last intervals.
    pub(crate) fn loss(&self) -> Option<f32> {
        let (lost, arrived) =
            self.counts.iter().fold((0, 0), |sum, it| (sum.0 + it.lost, sum.1 + it.arrived));
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let share = lost as f32 / (lost + arrived) as f32;
        (lost + arrived > 0).then_some(share)
    }

    fn end(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    fn forget(&mut self) {
        self.packets.pop_front();
        self.first += 1;
    }

    /// Counts a reference time on from the latest one.
    fn unwrap(&mut self, reference: u32) -> i64 {
        let reference = i64::from(reference);
        let unwrapped = match self.reference {
            None => reference,
            Some(before) => {
                let ahead = (reference - before).rem_euclid(1 << 24);
                before + if ahead < 1 << 23 { ahead } else { ahead - (1 << 24) }
            }
        };
        self.reference = Some(unwrapped);
        unwrapped
    }
}

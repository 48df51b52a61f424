//! Packets of pictures that did not come, and when to ask for them (RFC 4585 §6.2.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ids::{LayerId, LineId};

/// How long after the packet behind it a packet is asked for.
///
/// Lower: what was only overtaken is sent twice. Higher: what is lost is repaired later.
const PATIENCE: Duration = Duration::from_millis(5);

/// How long a packet is asked for. Later it is of no use: by then the receivers have asked for a keyframe.
const AGE_MAX: Duration = Duration::from_secs(1);

/// How often a packet is asked for at most.
const ASKS_MAX: u8 = 12;

/// Packets of one stream that are asked for. Beyond it the oldest is given up.
const HOLES_MAX: usize = 256;

/// Packets that may be missing in a row. What is further apart was an outage, which only a keyframe mends.
const JUMP_MAX: u64 = 128;

/// What is missing of the pictures that one participant sends.
///
/// Each is asked for soon, and again and again until it comes: a request may be lost as easily as a packet.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// One for each layer, which the offer bounds.
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    key: (LineId, LayerId),
    ssrc: u32,
    /// One more than the highest number that came.
    end: u64,
    holes: VecDeque<Hole>,
}

#[derive(Debug)]
struct Hole {
    sequence: u64,
    since: Instant,
    ask_at: Instant,
    asks: u8,
}

impl Losses {
    /// Takes note of a packet that came, for the first time or again.
    pub(crate) fn handle(&mut self, now: Instant, key: (LineId, LayerId), ssrc: u32, sequence: u64) {
        let fresh = || Stream { key, ssrc, end: sequence + 1, holes: VecDeque::new() };
        match self.streams.iter_mut().find(|stream| stream.key == key) {
            None => self.streams.push(fresh()),
            Some(stream) if stream.ssrc != ssrc => *stream = fresh(),
            Some(stream) => stream.handle(now, sequence),
        }
    }

    /// Returns what is to be asked for now, by SSRC, if anything is. It will be again after `pause`, unless it comes.
    pub(crate) fn poll(&mut self, now: Instant, pause: Duration) -> Vec<(u32, Vec<u16>)> {
        let streams = self.streams.iter_mut().filter(|stream| !stream.holes.is_empty());
        let wanted = streams.map(|stream| (stream.ssrc, stream.poll(now, pause)));
        wanted.filter(|(_, sequences)| !sequences.is_empty()).collect()
    }

    /// Returns when [`Self::poll`] is worth calling.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.streams.iter().flat_map(|stream| &stream.holes).map(|hole| hole.ask_at).min()
    }
}

impl Stream {
    fn handle(&mut self, now: Instant, sequence: u64) {
        let Some(missing) = sequence.checked_sub(self.end) else {
            if let Ok(at) = self.holes.binary_search_by_key(&sequence, |hole| hole.sequence) {
                self.holes.remove(at);
            }
            return;
        };
        if missing > JUMP_MAX {
            self.holes.clear();
        } else {
            let hole = |sequence| Hole { sequence, since: now, ask_at: now + PATIENCE, asks: 0 };
            self.holes.extend((self.end..sequence).map(hole));
            let above = self.holes.len().saturating_sub(HOLES_MAX);
            self.holes.drain(..above);
        }
        self.end = sequence + 1;
    }

    fn poll(&mut self, now: Instant, pause: Duration) -> Vec<u16> {
        let is_of_use =
            |hole: &Hole| hole.asks < ASKS_MAX && now.saturating_duration_since(hole.since) <= AGE_MAX;
        self.holes.retain(is_of_use);
        let due = self.holes.iter_mut().filter(|hole| hole.ask_at <= now);
        due.map(|hole| {
            hole.asks += 1;
            hole.ask_at = now + pause;
            (hole.sequence & 0xffff) as u16
        })
        .collect()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const KEY: (LineId, LayerId) = (LineId(1), LayerId(0));
    const PAUSE: Duration = Duration::from_millis(20);

    /// A stream of which these numbers came at once.
    fn losses(start: Instant, came: impl IntoIterator<Item = u64>) -> Losses {
        let mut losses = Losses::default();
        came.into_iter().for_each(|sequence| losses.handle(start, KEY, 7, sequence));
        losses
    }

    fn asked(losses: &mut Losses, start: Instant, ms: u64) -> Vec<u16> {
        let wanted = losses.poll(start + Duration::from_millis(ms), PAUSE);
        wanted
            .into_iter()
            .flat_map(|(ssrc, sequences)| {
                assert_eq!(ssrc, 7);
                sequences
            })
            .collect()
    }

    #[test]
    fn what_is_missing_is_asked_for_until_it_comes() {
        let start = Instant::now();
        let mut losses = losses(start, [65_534, 65_537, 65_538]);
        assert_eq!(losses.poll_timeout(), Some(start + PATIENCE));
        assert_eq!(asked(&mut losses, start, 4), []);
        assert_eq!(asked(&mut losses, start, 5), [65_535, 0]);
        assert_eq!(asked(&mut losses, start, 24), []);
        losses.handle(start, KEY, 7, 65_535);
        assert_eq!(asked(&mut losses, start, 25), [0]);
        losses.handle(start, KEY, 7, 65_536);
        assert_eq!(asked(&mut losses, start, 100), []);
        assert_eq!(losses.poll_timeout(), None);
    }

    #[test]
    fn what_was_only_overtaken_is_not_asked_for() {
        let start = Instant::now();
        let mut losses = losses(start, [1, 3, 2, 4]);
        assert_eq!(losses.poll_timeout(), None);
        assert_eq!(asked(&mut losses, start, 50), []);
    }

    #[test]
    fn it_is_given_up_after_a_while() {
        let start = Instant::now();
        let mut losses = losses(start, [1, 3]);
        let asks = (0..2_000).filter(|ms| !asked(&mut losses, start, *ms).is_empty()).count();
        assert_eq!(asks, usize::from(ASKS_MAX));
        assert_eq!(losses.poll_timeout(), None);
    }

    #[test]
    fn an_outage_and_another_source_are_not_asked_for() {
        let start = Instant::now();
        let mut losses = losses(start, [1, 3, 4 + JUMP_MAX + 1]);
        assert_eq!(asked(&mut losses, start, 50), []);
        losses.handle(start, KEY, 7, 1_000);
        losses.handle(start, KEY, 8, 5);
        assert_eq!(asked(&mut losses, start, 50), []);
    }

    #[test]
    fn so_many_are_asked_for_and_no_more() {
        let start = Instant::now();
        let mut losses = losses(start, (0..10_000).step_by(100));
        assert_eq!(asked(&mut losses, start, 50).len(), HOLES_MAX);
    }
}

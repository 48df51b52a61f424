//! Numbers that go on without a break while the source behind them changes (RFC 3550 §5.1, RFC 7741 §4.2, RFC 9628 §4.2, AV1 RTP
//! specification §A.4).

use std::collections::VecDeque;
use std::time::Instant;

/// Changes of the offset that are remembered, for packets that arrive out of order. What is older is too late to be of use.
const INTERVALS_MAX: usize = 64;

/// A packet's numbers, on either side of the forwarding unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The sequence number, extended so that it never wraps.
    pub sequence: u64,
    /// The RTP timestamp, in units of the clock rate.
    pub time: u32,
    /// The numbers in the descriptor of VP8, VP9 or AV1, where there is one.
    pub picture: Option<PictureNumbers>,
}

/// The numbers in a descriptor of VP8, VP9 or AV1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureNumbers {
    /// The picture id: one more for each frame. Packets of VP8 and VP9 have the lower 15 bits of it. Of AV1 it is the number of the frame, of
    /// 16 bits: receivers take no keyframe whose number is lower than that of the one before.
    pub picture_id: u16,
    /// The index of the base layer's frame, which AV1 has not: one more for each frame of temporal layer 0.
    pub tl0_pic_idx: u8,
}

/// Renumbers the packets that one subscriber gets in one slot.
///
/// The sources behind a slot change: another layer of the same track, another track, another publisher. For the subscriber it is
/// one stream, in which each packet that was left out on purpose leaves no gap, and each that was lost does, so that it can be
/// asked for again.
#[derive(Debug)]
pub struct Continuity {
    clock_rate: u32,
    source: Option<Source>,
    last: Option<Last>,
    next_sequence: u64,
}

/// What is added to the numbers of the present source.
#[derive(Debug)]
struct Source {
    /// The earliest first. Before it, nothing is forwarded.
    intervals: VecDeque<Interval>,
    time_offset: u32,
    picture_offset: Option<(u16, u8)>,
    /// One more than the highest sequence number of the source that was seen.
    end: u64,
}

/// From a sequence number on, what is added.
#[derive(Debug, Clone, Copy)]
struct Interval {
    first: u64,
    offset: i64,
    /// How many packets right before it were left out.
    left_out: u64,
}

/// The latest packet as the subscriber saw it.
#[derive(Debug, Clone, Copy)]
struct Last {
    numbers: Numbers,
    at: Instant,
}

impl Continuity {
    /// Makes one for a stream with the given clock rate in Hz, whose first packet gets `first_sequence`.
    ///
    /// A receiver learns the first number from the packet itself, so it must be below 2^16.
    pub fn new(clock_rate: u32, first_sequence: u16) -> Self {
        Self { clock_rate, source: None, last: None, next_sequence: first_sequence.into() }
    }

    /// Makes `first` the first packet of a new source. For video it begins a keyframe.
    ///
    /// Packets of the new source that are older than it are not forwarded.
    pub fn switch(&mut self, now: Instant, first: Numbers) {
        let time = match self.last {
            // At least one unit, so that two pictures never share a time.
            Some(last) => last.numbers.time.wrapping_add(self.elapsed(now, last.at).max(1)),
            None => first.time,
        };
        let next_picture = self.last.and_then(|last| last.numbers.picture).map(|picture| PictureNumbers {
            picture_id: picture.picture_id.wrapping_add(1),
            tl0_pic_idx: picture.tl0_pic_idx.wrapping_add(1),
        });
        let picture_offset = first.picture.map(|from| {
            let to = next_picture.unwrap_or(from);
            (to.picture_id.wrapping_sub(from.picture_id), to.tl0_pic_idx.wrapping_sub(from.tl0_pic_idx))
        });
        self.source = Some(Source {
            intervals: VecDeque::from([Interval {
                first: first.sequence,
                offset: difference(self.next_sequence, first.sequence),
                left_out: 0,
            }]),
            time_offset: time.wrapping_sub(first.time),
            picture_offset,
            end: first.sequence,
        });
    }

    /// Returns the numbers under which a packet of the present source is forwarded, or `None` if it comes too late.
    pub fn forward(&mut self, now: Instant, packet: Numbers) -> Option<Numbers> {
        let source = self.source.as_mut()?;
        let offset = source.offset(packet.sequence)?;
        source.end = source.end.max(packet.sequence + 1);
        let sequence = packet.sequence.checked_add_signed(offset)?;
        let numbers = Numbers {
            sequence,
            time: packet.time.wrapping_add(source.time_offset),
            picture: packet.picture.map(|picture| source.renumber(picture)),
        };
        if sequence >= self.next_sequence {
            self.next_sequence = sequence + 1;
            self.last = Some(Last { numbers, at: now });
        }
        Some(numbers)
    }

    /// Returns when the latest packet was forwarded.
    pub(crate) fn last_at(&self) -> Option<Instant> {
        self.last.map(|last| last.at)
    }

    /// Leaves a packet of the present source out on purpose: what follows closes up behind it. Returns whether it does.
    ///
    /// One that arrives out of order cannot be closed up any more, because its successors have their numbers: it stays a gap, unless
    /// something is forwarded in its place.
    pub fn skip(&mut self, sequence: u64) -> bool {
        let Some(source) = &mut self.source else { return true };
        if sequence < source.end {
            return source.offset(sequence).is_none();
        }
        let Some(offset) = source.offset(sequence) else { return true };
        source.end = sequence + 1;
        let next = Interval { first: sequence + 1, offset: offset - 1, left_out: 1 };
        match source.intervals.back_mut().filter(|it| it.left_out > 0 && it.first == sequence) {
            Some(last) => *last = Interval { left_out: last.left_out + 1, ..next },
            None => source.intervals.push_back(next),
        }
        if source.intervals.len() > INTERVALS_MAX {
            source.intervals.pop_front();
        }
        true
    }

    /// Returns how many units of the clock have passed. It saturates after half a wrap, which no receiver can tell apart anyway.
    fn elapsed(&self, now: Instant, since: Instant) -> u32 {
        let units =
            now.saturating_duration_since(since).as_micros() * u128::from(self.clock_rate) / 1_000_000;
        u32::try_from(units).unwrap_or(u32::MAX).min(u32::MAX / 2)
    }
}

impl Source {
    /// Returns what to add to a sequence number of the source.
    fn offset(&self, sequence: u64) -> Option<i64> {
        let is_left_out = |it: &Interval| (it.first - it.left_out..it.first).contains(&sequence);
        // A packet that was left out has no number: what would be its number is its successor's.
        if self.intervals.iter().any(is_left_out) {
            return None;
        }
        self.intervals.iter().rev().find(|it| it.first <= sequence).map(|it| it.offset)
    }

    fn renumber(&self, picture: PictureNumbers) -> PictureNumbers {
        let (picture_id, tl0_pic_idx) = self.picture_offset.unwrap_or_default();
        PictureNumbers {
            picture_id: picture.picture_id.wrapping_add(picture_id),
            tl0_pic_idx: picture.tl0_pic_idx.wrapping_add(tl0_pic_idx),
        }
    }
}

/// Returns `to - from`. Sequence numbers stay far below 2^63: at a million packets a second for a hundred thousand years.
fn difference(to: u64, from: u64) -> i64 {
    to.cast_signed().wrapping_sub(from.cast_signed())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(sequence: u64, time: u32) -> Numbers {
        Numbers { sequence, time, picture: None }
    }

    fn picture(sequence: u64, picture_id: u16, tl0_pic_idx: u8) -> Numbers {
        Numbers { sequence, time: 0, picture: Some(PictureNumbers { picture_id, tl0_pic_idx }) }
    }

    #[test]
    fn the_numbers_go_on_over_a_switch() {
        let now = Instant::now();
        let mut slot = Continuity::new(90_000, 500);
        slot.switch(now, packet(7, 1_000));
        assert_eq!(slot.forward(now, packet(7, 1_000)), Some(packet(500, 1_000)));
        assert_eq!(slot.forward(now, packet(8, 4_000)), Some(packet(501, 4_000)));
        let later = now + Duration::from_millis(100);
        slot.switch(later, packet(90_000, 5));
        assert_eq!(slot.forward(later, packet(90_000, 5)), Some(packet(502, 13_000)));
        assert_eq!(slot.forward(later, packet(90_001, 3_005)), Some(packet(503, 16_000)));
    }

    #[test]
    fn two_pictures_never_share_a_time() {
        let now = Instant::now();
        let mut slot = Continuity::new(90_000, 0);
        slot.switch(now, packet(1, 1_000));
        let first = slot.forward(now, packet(1, 1_000)).unwrap();
        slot.switch(now, packet(70, 1_000));
        let second = slot.forward(now, packet(70, 1_000)).unwrap();
        assert_eq!(second.time, first.time + 1);
    }

    #[test]
    fn a_lost_packet_leaves_a_gap_that_it_can_still_fill() {
        let now = Instant::now();
        let mut slot = Continuity::new(90_000, 0);
        slot.switch(now, packet(10, 0));
        slot.forward(now, packet(10, 0));
        assert_eq!(slot.forward(now, packet(12, 0)).map(|p| p.sequence), Some(2));
        assert_eq!(slot.forward(now, packet(11, 0)).map(|p| p.sequence), Some(1));
    }

    #[test]
    fn a_packet_left_out_leaves_no_gap() {
        let now = Instant::now();
        let mut slot = Continuity::new(90_000, 0);
        slot.switch(now, packet(10, 0));
        slot.forward(now, packet(10, 0));
        slot.skip(11);
        slot.skip(12);
        assert_eq!(slot.forward(now, packet(13, 0)).map(|p| p.sequence), Some(1));
        assert_eq!(slot.forward(now, packet(11, 0)), None);
    }

    #[test]
    fn what_is_older_than_the_switch_is_not_forwarded() {
        let now = Instant::now();
        let mut slot = Continuity::new(90_000, 0);
        assert_eq!(slot.forward(now, packet(1, 0)), None);
        slot.switch(now, packet(10, 0));
        assert_eq!(slot.forward(now, packet(9, 0)), None);
    }

    #[test]
    fn picture_ids_go_on_and_wrap_at_16_bits() {
        let now = Instant::now();
        let mut slot = Continuity::new(90_000, 0);
        slot.switch(now, picture(1, 0xffff, 255));
        assert_eq!(
            slot.forward(now, picture(1, 0xffff, 255)).unwrap().picture,
            picture(0, 0xffff, 255).picture
        );
        slot.switch(now, picture(40, 900, 3));
        assert_eq!(slot.forward(now, picture(40, 900, 3)).unwrap().picture, picture(0, 0, 0).picture);
        assert_eq!(slot.forward(now, picture(41, 901, 4)).unwrap().picture, picture(0, 1, 1).picture);
    }
}

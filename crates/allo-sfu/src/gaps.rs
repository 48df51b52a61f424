//! Lost packets of sound, made up for from the packets after them.

use std::ops::Range;
use std::sync::Arc;

use crate::continuity::Numbers;
use crate::packet::{MediaPacket, Redundancy};
use crate::red::{Previous, Red};
use crate::transport::PAYLOAD_MAX;

/// Which packets of a track of sound came, as far as it matters: the latest 64.
///
/// What is lost on the way here is in the packet after it, if that is redundant. Made up for here, it goes out as a packet of its own:
/// so those who get it can lose it once more and still have it, and those who know no redundancy have it at all.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    latest: Frame,
    /// Of the latest number and those before it, which came or were made up for; the latest is the lowest bit.
    seen: u64,
}

/// A frame, in the payload that it came in.
#[derive(Debug)]
struct Frame {
    sequence: u64,
    time: u32,
    payload: Arc<[u8]>,
    block: Range<usize>,
}

impl Gaps {
    /// Takes a packet, and returns what to forward in its place, in this order: what was missing before it, and itself.
    ///
    /// What was made up for is not forwarded when it comes after all, nor what is older than all that is known: two packets under
    /// one number would be encrypted with the same key stream.
    pub(crate) fn fill<D: Clone>(&mut self, packet: MediaPacket<D>) -> [Option<MediaPacket<D>>; 2] {
        let Some(source) = self.source.as_mut().filter(|source| source.ssrc == packet.ssrc) else {
            self.source = Some(Source { ssrc: packet.ssrc, latest: Frame::of(&packet), seen: 1 });
            return [None, Some(packet)];
        };
        let missing = source.missing_before(&packet);
        let is_new = source.note(&packet);
        if let Some(missing) = &missing {
            source.note(missing);
        }
        [missing, is_new.then_some(packet)]
    }
}

impl Source {
    /// Records a packet. Returns whether it was missing until now.
    fn note<D>(&mut self, packet: &MediaPacket<D>) -> bool {
        let sequence = packet.numbers.sequence;
        if sequence > self.latest.sequence {
            let step = u32::try_from(sequence - self.latest.sequence).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.latest = Frame::of(packet);
            return true;
        }
        let is_missing = self.is_missing(sequence);
        if is_missing {
            self.seen |= 1 << (self.latest.sequence - sequence);
        }
        is_missing
    }

    /// Returns whether a number is not there and may still be of use.
    fn is_missing(&self, sequence: u64) -> bool {
        match self.latest.sequence.checked_sub(sequence) {
            Some(age) => age < u64::from(u64::BITS) && self.seen & (1 << age) == 0,
            None => true,
        }
    }

    /// Returns the packet before this one, out of this one, if it is not there. It is redundant in its turn, if the one before it is
    /// there: who loses that on the way from here has it all the same.
    fn missing_before<D: Clone>(&self, packet: &MediaPacket<D>) -> Option<MediaPacket<D>> {
        let Red { pt, previous, .. } = &packet.redundancy.as_ref()?.red;
        let Previous { age, block } = previous.clone()?;
        let before = packet.numbers.sequence.checked_sub(1);
        let sequence = before.filter(|sequence| self.is_missing(*sequence))?;
        let time = packet.numbers.time.wrapping_sub(age.into());
        // A sender that left out a frame repeats an older one, which is here already.
        let is_later = time.wrapping_sub(self.latest.time).wrapping_sub(1) < u32::MAX / 2;
        if sequence > self.latest.sequence && !is_later {
            return None;
        }
        let frame = packet.payload.get(block)?;
        let redundant = self.with_latest(*pt, frame, sequence, time);
        let redundancy = redundant.as_deref().and_then(Redundancy::of);
        Some(MediaPacket {
            numbers: Numbers { sequence, time, picture: None },
            is_last_of_frame: false,
            // It stands in the header of the packet that is lost.
            level: None,
            payload: redundant.map_or_else(|| Arc::from(frame), Arc::from),
            redundancy,
            ..packet.clone()
        })
    }

    /// Makes a payload of this frame and the latest, if that is the one before it.
    fn with_latest(&self, pt: u8, frame: &[u8], sequence: u64, time: u32) -> Option<Vec<u8>> {
        let Frame { payload, block, .. } = &self.latest;
        let latest = payload.get(block.clone()).filter(|_| self.latest.sequence + 1 == sequence)?;
        let payload = Red::compose(pt, frame, latest, time.wrapping_sub(self.latest.time))?;
        (payload.len() <= PAYLOAD_MAX).then_some(payload)
    }
}

impl Frame {
    fn of<D>(packet: &MediaPacket<D>) -> Self {
        let primary = packet.redundancy.as_ref().map(|redundancy| redundancy.red.primary.clone());
        Self {
            sequence: packet.numbers.sequence,
            time: packet.numbers.time,
            payload: packet.payload.clone(),
            block: primary.unwrap_or(0..packet.payload.len()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::ids::{LayerId, LineId};
    use crate::packet::Codec;

    /// A frame of one byte, with the one before it `age` frames ago, if any.
    fn packet(sequence: u64, age: Option<u8>) -> MediaPacket<()> {
        let frame = |sequence: u64| u8::try_from(sequence).unwrap();
        let older = |age: u8| [frame(sequence - u64::from(age))];
        let payload = match age {
            Some(age) => Red::compose(111, &[frame(sequence)], &older(age), u32::from(age) * 960).unwrap(),
            None => vec![frame(sequence)],
        };
        MediaPacket {
            line: LineId(0),
            layer: LayerId(0),
            stream: LayerId(0),
            scalable: None,
            ssrc: 7,
            numbers: Numbers { sequence, time: u32::try_from(sequence).unwrap() * 960, picture: None },
            codec: Codec::Opus,
            is_last_of_frame: true,
            begins_keyframe: true,
            height: None,
            level: Some(-30),
            received_at: Instant::now(),
            is_for_beginners_at: None,
            redundancy: age.and_then(|_| Redundancy::of(&payload)),
            payload: payload.into(),
            details: (),
        }
    }

    /// Returns the numbers of what is forwarded, and whether each has the frame before it in it.
    fn forward(gaps: &mut Gaps, packet: MediaPacket<()>) -> Vec<(u64, bool)> {
        let forwarded = gaps.fill(packet).into_iter().flatten();
        forwarded
            .map(|it| {
                assert_eq!(u64::from(it.numbers.time), it.numbers.sequence * 960);
                let frame = u8::try_from(it.numbers.sequence).unwrap();
                assert_eq!(*it.bare(), [frame]);
                let previous = it.redundancy.as_ref().and_then(|redundancy| redundancy.red.previous.clone());
                let previous = previous.map(|previous| (previous.age, it.payload[previous.block].to_vec()));
                assert!(previous.iter().all(|it| *it == (960, vec![frame - 1])), "{previous:?}");
                (it.numbers.sequence, previous.is_some())
            })
            .collect()
    }

    fn numbers(forwarded: &[Option<MediaPacket<()>>]) -> Vec<u64> {
        forwarded.iter().flatten().map(|packet| packet.numbers.sequence).collect()
    }

    #[test]
    fn what_is_missing_comes_before_what_it_is_in() {
        let mut gaps = Gaps::default();
        assert_eq!(forward(&mut gaps, packet(10, Some(1))), [(10, true)], "nothing came before it");
        assert_eq!(forward(&mut gaps, packet(11, Some(1))), [(11, true)]);
        assert_eq!(forward(&mut gaps, packet(13, Some(1))), [(12, true), (13, true)]);
        assert_eq!(forward(&mut gaps, packet(16, Some(1))), [(15, false), (16, true)], "14 is not there");
        assert_eq!(forward(&mut gaps, packet(17, Some(1))), [(17, true)]);
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let mut gaps = Gaps::default();
        forward(&mut gaps, packet(10, Some(1)));
        assert_eq!(forward(&mut gaps, packet(12, Some(1))), [(11, true), (12, true)]);
        assert_eq!(forward(&mut gaps, packet(11, Some(1))), [], "it was only late");
        forward(&mut gaps, packet(200, Some(1)));
        assert_eq!(forward(&mut gaps, packet(100, Some(1))), [], "nobody knows any more");
    }

    #[test]
    fn what_is_only_late_is_forwarded_with_what_it_brings() {
        let mut gaps = Gaps::default();
        forward(&mut gaps, packet(10, Some(1)));
        forward(&mut gaps, packet(13, None));
        assert_eq!(forward(&mut gaps, packet(12, Some(1))), [(11, false), (12, true)]);
    }

    #[test]
    fn an_older_frame_is_not_taken_for_the_one_before() {
        let mut gaps = Gaps::default();
        forward(&mut gaps, packet(10, Some(1)));
        assert_eq!(numbers(&gaps.fill(packet(12, Some(2)))), [12]);
    }

    #[test]
    fn sound_without_redundancy_passes_and_another_source_begins_anew() {
        let mut gaps = Gaps::default();
        for sequence in [10, 12, 11, 14] {
            assert_eq!(forward(&mut gaps, packet(sequence, None)).len(), 1);
        }
        assert_eq!(forward(&mut gaps, MediaPacket { ssrc: 8, ..packet(3, Some(1)) }), [(3, true)]);
    }
}

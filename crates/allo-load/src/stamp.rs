//! What stands at the end of each payload, so that a receiver can check where it comes from.

use crate::wall::Wall;

/// Tells stamps from other bytes, and one run from another.
pub(crate) const LENGTH: usize = 32;
const MAGIC: u32 = 0xA110_10AD;
const VIDEO: u8 = 1;
const KEYFRAME: u8 = 2;

/// Where a packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The run of the tester.
    pub(crate) run: u32,
    /// The participant that sent it.
    pub(crate) sender: u32,
    pub(crate) is_video: bool,
    pub(crate) is_keyframe: bool,
    pub(crate) layer: u8,
    /// Which packet of its frame it is, of how many.
    pub(crate) part: u8,
    pub(crate) parts: u8,
    /// The beat, counted for all layers together; of sound, the packet.
    pub(crate) frame: u32,
    pub(crate) sent_at: Wall,
}

impl Stamp {
    pub(crate) fn to_bytes(self) -> [u8; LENGTH] {
        let flags = if self.is_video { VIDEO } else { 0 } | if self.is_keyframe { KEYFRAME } else { 0 };
        let mut bytes = [0; LENGTH];
        bytes[..4].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.run.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.sender.to_be_bytes());
        bytes[12..16].copy_from_slice(&[flags, self.layer, self.part, self.parts]);
        bytes[16..20].copy_from_slice(&self.frame.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.sent_at.0.to_be_bytes());
        let sum = checksum(&bytes[..28]);
        bytes[28..].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// Reads the stamp at the end of a payload. `None` when there is none, or when a single byte of it is another.
    pub(crate) fn of(payload: &[u8]) -> Option<Self> {
        let bytes = payload.last_chunk::<LENGTH>()?;
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if word(0) != MAGIC || word(28) != checksum(&bytes[..28]) {
            return None;
        }
        let [flags, layer, part, parts] = [bytes[12], bytes[13], bytes[14], bytes[15]];
        Some(Self {
            run: word(4),
            sender: word(8),
            is_video: flags & VIDEO != 0,
            is_keyframe: flags & KEYFRAME != 0,
            layer,
            part,
            parts,
            frame: word(16),
            sent_at: Wall(u64::from(word(20)) << 32 | u64::from(word(24))),
        })
    }
}

/// FNV-1a, which notices any single changed byte.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            run: 7,
            sender: 300,
            is_video: true,
            is_keyframe: true,
            layer: 2,
            part: 3,
            parts: 16,
            frame: 70_000,
            sent_at: Wall(0x0123_4567_89ab_cdef),
        }
    }

    #[test]
    fn a_stamp_is_read_back_from_the_end_of_a_payload() {
        let payload = [vec![1, 2, 3], stamp().to_bytes().to_vec()].concat();
        assert_eq!(Stamp::of(&payload), Some(stamp()));
    }

    #[test]
    fn a_changed_byte_or_a_missing_one_is_noticed() {
        let bytes = stamp().to_bytes();
        for n in 0..LENGTH {
            let mut changed = bytes;
            changed[n] ^= 1;
            assert_eq!(Stamp::of(&changed), None, "byte {n}");
        }
        assert_eq!(Stamp::of(&bytes[1..]), None);
        assert_eq!(Stamp::of(&[]), None);
    }
}

//! Sound that is sent twice (RFC 2198): each packet has the frame before it in it, too, so that one that is lost is made up for.

use std::ops::Range;

/// Frames besides the newest in one packet. A packet with more is taken for malformed; browsers send one.
const REDUNDANT_MAX: usize = 8;

/// That another header follows this one.
const FOLLOWS: u8 = 0x80;

/// The header of an older frame has 14 bits for its age, and 10 for its length.
const AGE_MAX: u32 = 0x3fff;
const LENGTH_MAX: usize = 0x3ff;

/// Where the frames stand in a redundant payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Red {
    /// The payload type of the newest frame.
    pub pt: u8,
    /// The newest frame. It ends where the payload does.
    pub primary: Range<usize>,
    /// The frame before it, if it is there and of the same payload type.
    pub previous: Option<Previous>,
}

/// The frame before the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// By how many units of the clock it is older than the newest, at least one.
    pub age: u16,
    /// The frame.
    pub block: Range<usize>,
}

impl Red {
    /// Takes a payload apart, or returns `None` if it is malformed, or has no newest frame.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut headers = payload;
        let mut last = None;
        let mut length = 0;
        for n in 0.. {
            let (first, rest) = headers.split_first()?;
            if first & FOLLOWS == 0 {
                headers = rest;
                break;
            }
            let ([high, middle, low], rest) = rest.split_first_chunk::<3>()?;
            if n == REDUNDANT_MAX {
                return None;
            }
            let size = usize::from(u16::from_be_bytes([middle & 3, *low]));
            last = Some((first & !FOLLOWS, u16::from_be_bytes([*high, *middle]) >> 2, size));
            length += size;
            headers = rest;
        }
        let first_block = payload.len() - headers.len();
        let pt = *payload.get(first_block - 1)?;
        let start = first_block + length;
        let previous = last.and_then(|(of, age, size)| {
            let is_frame = of == pt && age > 0 && size > 0;
            is_frame.then_some(Previous { age, block: start - size..start })
        });
        let primary = start..payload.len();
        (start < payload.len()).then_some(Self { pt, primary, previous })
    }

    /// Makes a payload of a frame and the one before it, which is so many units of the clock older. Returns `None` where the header
    /// has no room for that.
    pub fn compose(pt: u8, primary: &[u8], previous: &[u8], age: u32) -> Option<Vec<u8>> {
        let is_possible = (1..=AGE_MAX).contains(&age) && (1..=LENGTH_MAX).contains(&previous.len());
        if !is_possible || primary.is_empty() || pt >= FOLLOWS {
            return None;
        }
        let length = u32::try_from(previous.len()).ok()?;
        let [_, high, middle, low] = (age << 10 | length).to_be_bytes();
        Some([&[FOLLOWS | pt, high, middle, low, pt], previous, primary].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first byte of the header of an older frame of payload type 111.
    const OLDER: u8 = FOLLOWS | 0x6f;

    /// A frame of 3 bytes that is 960 older, and the newest of 2.
    const TWO: [u8; 10] = [OLDER, 0x0f, 0x00, 3, 111, 1, 2, 3, 4, 5];

    #[test]
    fn two_frames_are_found() {
        let red = Red::parse(&TWO).unwrap();
        assert_eq!(red, Red { pt: 111, primary: 8..10, previous: Some(Previous { age: 960, block: 5..8 }) });
    }

    #[test]
    fn a_frame_alone_is_found() {
        assert_eq!(Red::parse(&[111, 7]), Some(Red { pt: 111, primary: 1..2, previous: None }));
    }

    #[test]
    fn of_several_older_frames_the_last_is_the_previous() {
        let payload = [OLDER, 0x1e, 0x00, 2, OLDER, 0x0f, 0x00, 1, 111, 1, 2, 3, 4];
        let red = Red::parse(&payload).unwrap();
        assert_eq!((red.primary, red.previous.unwrap().block), (12..13, 11..12));
    }

    #[test]
    fn a_previous_frame_of_another_kind_or_of_the_same_time_is_not_one() {
        for (at, value) in [(0, FOLLOWS | 0x60), (1, 0)] {
            let mut payload = TWO;
            payload[at] = value;
            assert_eq!(Red::parse(&payload).unwrap().previous, None);
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_before_the_newest_frame_is_refused() {
        for length in 0..=8 {
            assert_eq!(Red::parse(&TWO[..length]), None, "of {length} bytes");
        }
        assert!(Red::parse(&TWO[..9]).is_some(), "the newest frame ends where the payload does");
    }

    #[test]
    fn what_is_made_reads_back_and_what_has_no_room_is_not_made() {
        assert_eq!(Red::compose(111, &[4, 5], &[1, 2, 3], 960).as_deref(), Some(&TWO[..]));
        let whole = Red::compose(0, &[9; 300], &[8; LENGTH_MAX], AGE_MAX).unwrap();
        let Red { pt, primary, previous } = Red::parse(&whole).unwrap();
        let previous = previous.unwrap();
        assert_eq!((pt, primary.len(), previous.age, previous.block.len()), (0, 300, 0x3fff, LENGTH_MAX));
        assert!(whole[previous.block].iter().all(|byte| *byte == 8));
        for (previous, age) in [(LENGTH_MAX + 1, 960), (0, 960), (3, 0), (3, AGE_MAX + 1)] {
            assert_eq!(
                Red::compose(111, &[1], &vec![1; previous], age),
                None,
                "{previous} bytes, {age} older"
            );
        }
        assert_eq!(Red::compose(111, &[], &[1], 960), None);
        assert_eq!(Red::compose(0x80, &[1], &[1], 960), None);
    }

    #[test]
    fn too_many_frames_and_lengths_beyond_the_end_are_refused() {
        let header = [OLDER, 0x0f, 0x00, 0];
        let with = |count: usize| [header.repeat(count), vec![111, 1]].concat();
        assert!(Red::parse(&with(REDUNDANT_MAX)).is_some());
        assert_eq!(Red::parse(&with(REDUNDANT_MAX + 1)), None);
        assert_eq!(Red::parse(&[OLDER, 0x0f, 0x03, 0xff, 111, 1, 2]), None);
        assert_eq!(Red::parse(&[0xff; 1_400]), None);
    }
}

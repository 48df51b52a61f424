//! The descriptor before each VP9 payload (RFC 9628 §4.2): all of VP9 that is ever read. What follows it may be encrypted.

use crate::continuity::PictureNumbers;
use crate::structure::Structure;

/// What a descriptor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// The number of the picture, of 15 bits or 7. All layers of a picture have the same.
    pub picture_id: Option<u16>,
    /// The index of the base layer's picture; absent where each says which pictures it refers to.
    pub tl0_pic_idx: Option<u8>,
    /// The spatial layer, 0 for the lowest.
    pub spatial: u8,
    /// Whether it can be decoded without the pictures before it, given the layers below it.
    pub is_independent: bool,
    /// Whether it is the first packet of its layer's part of a picture.
    pub begins_layer: bool,
    /// Whether it is the last packet of that.
    pub ends_layer: bool,
    /// Which layers there are, if it says so. Keyframes do.
    pub structure: Option<Structure>,
}

/// Where things stand in a descriptor.
#[derive(Debug, Default)]
struct Places {
    picture_id: Option<usize>,
    tl0_pic_idx: Option<usize>,
}

impl Vp9Descriptor {
    /// Reads the descriptor at the beginning of a payload, or nothing from one that is cut off.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        read(payload).map(|(descriptor, _)| descriptor)
    }

    /// Returns whether a decoder can begin here.
    pub fn begins_keyframe(&self) -> bool {
        self.is_independent && self.spatial == 0 && self.begins_layer
    }
}

/// Puts other numbers into a descriptor. A short picture id stays a short one. What is not there, or cut off, is left.
pub fn renumber(payload: &mut [u8], numbers: PictureNumbers) {
    let Some((_, places)) = read(payload) else { return };
    if let Some(at) = places.picture_id {
        let [high, low] = numbers.picture_id.to_be_bytes();
        if payload[at] & 0x80 != 0 {
            (payload[at], payload[at + 1]) = (0x80 | (high & 0x7f), low);
        } else {
            payload[at] = low & 0x7f;
        }
    }
    if let Some(at) = places.tl0_pic_idx {
        payload[at] = numbers.tl0_pic_idx;
    }
}

fn read(payload: &[u8]) -> Option<(Vp9Descriptor, Places)> {
    let mut at = 0;
    let mut next = || {
        at += 1;
        Some((at - 1, *payload.get(at - 1)?))
    };
    let (_, first) = next()?;
    let has = |bit: u8| first & bit != 0;
    let (is_predicted, is_flexible) = (has(0x40), has(0x10));
    let mut descriptor = Vp9Descriptor {
        picture_id: None,
        tl0_pic_idx: None,
        spatial: 0,
        is_independent: !is_predicted,
        begins_layer: has(0x08),
        ends_layer: has(0x04),
        structure: None,
    };
    let mut places = Places::default();
    if has(0x80) {
        let (place, high) = next()?;
        places.picture_id = Some(place);
        let id = u16::from(high & 0x7f);
        descriptor.picture_id = Some(if high & 0x80 == 0 { id } else { id << 8 | u16::from(next()?.1) });
    }
    if has(0x20) {
        descriptor.spatial = next()?.1 >> 1 & 0x07;
        if !is_flexible {
            let (place, index) = next()?;
            (places.tl0_pic_idx, descriptor.tl0_pic_idx) = (Some(place), Some(index));
        }
    }
    if is_flexible && is_predicted {
        // At most three pictures are referred to, the last of which says that it is.
        for _ in 0..3 {
            if next()?.1 & 0x01 == 0 {
                break;
            }
        }
    }
    if has(0x02) {
        descriptor.structure = Some(read_structure(|| Some(next()?.1))?);
    }
    Some((descriptor, places))
}

fn read_structure(mut next: impl FnMut() -> Option<u8>) -> Option<Structure> {
    let first = next()?;
    let mut structure = Structure::new(usize::from(first >> 5) + 1);
    if first & 0x10 != 0 {
        for height in structure.heights_mut() {
            let _width = [next()?, next()?];
            *height = u16::from_be_bytes([next()?, next()?]);
        }
    }
    if first & 0x08 != 0 {
        for _ in 0..next()? {
            for _ in 0..next()? >> 2 & 0x03 {
                next()?;
            }
        }
    }
    Some(structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first packet of a keyframe of three layers, as Chromium sends it.
    const KEYFRAME: &[u8] = &[
        0xaa, 0x81, 0x02, 0x00, 0x07, 0x58, 0x01, 0x40, 0, 180, 0x02, 0x80, 0x01, 0x68, 0x05, 0, 0x02, 0xd0,
        4, 0x04, 1, 0x44, 1, 0x34, 1, 0x54, 1, 9,
    ];
    /// Of the highest layer of a later picture, which refers to two pictures before it.
    const FLEXIBLE: &[u8] = &[0xf4, 0x81, 0x03, 0x44, 0x03, 0x04, 9];

    #[test]
    fn a_keyframe_says_how_high_its_layers_are() {
        let read = Vp9Descriptor::parse(KEYFRAME).unwrap();
        assert_eq!((read.picture_id, read.tl0_pic_idx, read.spatial), (Some(0x102), Some(7), 0));
        assert!(read.begins_keyframe() && !read.ends_layer);
        assert_eq!(read.structure.unwrap().heights(), [180, 360, 720]);
    }

    #[test]
    fn a_picture_may_name_those_that_it_refers_to() {
        let read = Vp9Descriptor::parse(FLEXIBLE).unwrap();
        assert_eq!((read.picture_id, read.tl0_pic_idx, read.spatial), (Some(0x103), None, 2));
        assert!(read.ends_layer && !read.is_independent && !read.begins_layer);
    }

    #[test]
    fn one_that_is_cut_off_is_none_and_is_left_as_it_is() {
        for (whole, length) in [(KEYFRAME, KEYFRAME.len() - 1), (FLEXIBLE, FLEXIBLE.len() - 1)] {
            for end in 0..whole.len() {
                assert_eq!(Vp9Descriptor::parse(&whole[..end]).is_some(), end >= length, "{end}");
                let mut cut = whole[..end].to_vec();
                renumber(&mut cut, PictureNumbers { picture_id: 1, tl0_pic_idx: 1 });
                assert_eq!(cut == whole[..end], end < length);
            }
        }
    }

    #[test]
    fn numbers_are_put_where_they_stand() {
        let numbers = PictureNumbers { picture_id: 0x1234, tl0_pic_idx: 0x56 };
        let check = |before: &[u8], start: &[u8]| {
            let mut payload = before.to_vec();
            renumber(&mut payload, numbers);
            assert_eq!(payload, [start, &before[start.len()..]].concat());
        };
        check(KEYFRAME, &[0xaa, 0x92, 0x34, 0x00, 0x56]);
        check(FLEXIBLE, &[0xf4, 0x92, 0x34, 0x44]);
        check(&[0x88, 0x05, 9], &[0x88, 0x34]);
        check(&[0x08, 9], &[0x08]);
    }
}

//! Payloads that a decoder would take, and whose end tells whoever receives them what they are.

use allo_sfu::ParticipantId;

use super::LAYERS;

const PACKET: usize = 1_000;

/// What stands at the end of each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) publisher: ParticipantId,
    pub(crate) layer: u8,
    pub(crate) frame: u32,
    pub(crate) is_keyframe: bool,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
}

impl Tag {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let [a, b, c, d] = self.frame.to_be_bytes();
        let publisher = u8::try_from(self.publisher.0).unwrap();
        vec![publisher, self.layer, a, b, c, d, self.is_keyframe.into(), self.begins.into(), self.ends.into()]
    }
}

pub(super) fn tag_of(payload: &[u8]) -> Option<Tag> {
    let [publisher, layer, a, b, c, d, is_keyframe, begins, ends] = *payload.last_chunk::<9>()?;
    Some(Tag {
        publisher: ParticipantId(publisher.into()),
        layer,
        frame: u32::from_be_bytes([a, b, c, d]),
        is_keyframe: is_keyframe == 1,
        begins: begins == 1,
        ends: ends == 1,
    })
}

/// Makes a payload of H.264: part of a picture, or what is needed to decode all that follow and the beginning of a keyframe.
pub(super) fn h264_payload(tag: Tag) -> Vec<u8> {
    const AGGREGATE: u8 = 24;
    const FRAGMENT: u8 = 28;
    let (picture, start) = (if tag.is_keyframe { 5 } else { 1 }, if tag.begins { 0x80 } else { 0 });
    let mut payload = match (tag.is_keyframe, tag.begins) {
        (true, true) => vec![AGGREGATE, 0, 4, 7, 0x42, 0xe0, 0x1f, 0, 2, 8, 0xce],
        _ => vec![FRAGMENT, start | picture],
    };
    payload.resize(PACKET - 9, 0);
    payload.extend(tag.to_bytes());
    payload
}

/// Makes a payload with a VP8 descriptor that has all numbers, and in a keyframe the header that says the height.
pub(super) fn vp8_payload(tag: Tag, height: u16) -> Vec<u8> {
    let [high, low] = u16::try_from(tag.frame & 0x7fff).unwrap().to_be_bytes();
    let start = if tag.begins { 0x90 } else { 0x80 };
    let tl0_pic_idx = u8::try_from(tag.frame & 0xff).unwrap();
    let mut payload = vec![start, 0xe0, 0x80 | high, low, tl0_pic_idx, 0x20];
    if tag.is_keyframe && tag.begins {
        payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 1]);
        payload.extend(height.to_le_bytes());
    } else {
        payload.push(1);
    }
    // Encoders make packets that are a byte apart, the smaller ones first.
    payload.resize(PACKET - 9 + usize::from(tag.ends), 0);
    payload.extend(tag.to_bytes());
    payload
}

/// Makes a payload as Chromium does with three spatial layers that build on each other in keyframes alone (`L3T1_KEY`).
pub(super) fn vp9_payload(tag: Tag, ends_layer: bool) -> Vec<u8> {
    let [high, low] = u16::try_from(tag.frame & 0x7fff).unwrap().to_be_bytes();
    let has_structure = tag.is_keyframe && tag.layer == 0 && tag.begins;
    let bits = [(!tag.is_keyframe, 0x40), (tag.begins, 0x08), (ends_layer, 0x04), (has_structure, 0x02)];
    let first = bits.iter().filter(|(is_set, _)| *is_set).fold(0xa0, |byte, (_, bit)| byte | bit);
    let builds = u8::from(tag.is_keyframe && tag.layer > 0);
    let mut payload =
        vec![first, 0x80 | high, low, (tag.layer << 1) | builds, u8::try_from(tag.frame & 0xff).unwrap()];
    if has_structure {
        payload.push(0x58);
        for (_, height, _) in LAYERS {
            payload.extend((height * 16 / 9).to_be_bytes());
            payload.extend(height.to_be_bytes());
        }
        payload.extend([1, 0x04, 1]);
    }
    payload.resize(PACKET - 9, 0);
    payload.extend(tag.to_bytes());
    payload
}

/// Makes a payload that nobody looks into.
pub(super) fn av1_payload(tag: Tag) -> Vec<u8> {
    let mut payload = vec![0x10; PACKET - 9];
    payload.extend(tag.to_bytes());
    payload
}

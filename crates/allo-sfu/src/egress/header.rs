//! The headers of packets of media (RFC 3550 §5.1, RFC 8285), and what in a payload is numbered anew.

use std::sync::Arc;

use crate::continuity::PictureNumbers;
use crate::packet::Codec;
use crate::{dependency, vp9};

/// The fixed part of the header.
const FIXED: usize = 12;
/// How far the one-byte form of the extensions goes (RFC 8285 §4.2).
const SHORT_ID_MAX: u8 = 14;
const SHORT_LENGTH_MAX: usize = 16;

/// What a packet's header says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    pub(crate) pt: u8,
    pub(crate) is_marked: bool,
    pub(crate) has_padding: bool,
    pub(crate) sequence: u16,
    pub(crate) time: u32,
    pub(crate) ssrc: u32,
    /// The sequence number over all streams of the transport, where it is agreed upon.
    pub(crate) transport_sequence: u16,
    pub(crate) notes: &'a Notes,
    /// The number to put into the dependency descriptor, if it is not to keep its own.
    pub(crate) frame: Option<u16>,
}

/// What the publisher says of a packet, and is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Notes {
    /// The loudness, as it stands in the packet (RFC 6464).
    pub(crate) level: Option<u8>,
    /// Which way up the picture is, as it stands in the packet (3GPP TS 26.114).
    pub(crate) orientation: Option<u8>,
    /// The dependency descriptor of a packet of AV1. It is the same for all who get it.
    pub(crate) descriptor: Option<Arc<[u8]>>,
}

/// Under which numbers a line's extensions were agreed upon. `None` is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Extensions {
    pub(crate) mid: Option<(u8, Box<[u8]>)>,
    pub(crate) transport_sequence: Option<u8>,
    pub(crate) level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) descriptor: Option<u8>,
}

impl Extensions {
    /// Returns whether the shorter form does for all that may be in every packet.
    fn are_short(&self) -> bool {
        let mid = self.mid.as_ref().map(|(id, _)| *id);
        let ids = [mid, self.transport_sequence, self.level, self.orientation, self.descriptor];
        let is_mid_short = self.mid.as_ref().is_none_or(|(_, mid)| mid.len() <= SHORT_LENGTH_MAX);
        is_mid_short && ids.into_iter().flatten().all(|id| id <= SHORT_ID_MAX)
    }
}

impl Header<'_> {
    /// Writes the header, and returns its length.
    pub(crate) fn write(&self, extensions: &Extensions, packet: &mut Vec<u8>) -> usize {
        let start = packet.len();
        packet.push(0x90 | (u8::from(self.has_padding) << 5));
        packet.push((u8::from(self.is_marked) << 7) | self.pt);
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.time.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        let descriptor = extensions.descriptor.zip(self.notes.descriptor.as_deref());
        let is_short =
            extensions.are_short() && descriptor.is_none_or(|(_, it)| it.len() <= SHORT_LENGTH_MAX);
        let profile: u16 = if is_short { 0xbede } else { 0x1000 };
        packet.extend_from_slice(&profile.to_be_bytes());
        packet.extend_from_slice(&[0, 0]);
        let body = packet.len();
        let mut put = |id: u8, value: &[u8]| {
            let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
            if is_short {
                packet.push((id << 4) | length.saturating_sub(1));
            } else {
                packet.extend_from_slice(&[id, length]);
            }
            packet.extend_from_slice(&value[..length.into()]);
        };
        if let Some(id) = extensions.transport_sequence {
            put(id, &self.transport_sequence.to_be_bytes());
        }
        // Nothing cannot be said in the shorter form.
        if let Some((id, mid)) = extensions.mid.as_ref().filter(|(_, mid)| !mid.is_empty()) {
            put(*id, mid);
        }
        if let Some((id, level)) = extensions.level.zip(self.notes.level) {
            put(id, &[level]);
        }
        if let Some((id, orientation)) = extensions.orientation.zip(self.notes.orientation) {
            put(id, &[orientation]);
        }
        if let Some((id, descriptor)) = descriptor {
            put(id, descriptor);
            let at = packet.len().saturating_sub(descriptor.len());
            if let Some(frame) = self.frame {
                dependency::renumber(&mut packet[at..], frame);
            }
        }
        let length = (packet.len() - body).div_ceil(4);
        if length == 0 {
            packet.truncate(start + FIXED);
            packet[start] &= !0x10;
            return FIXED;
        }
        packet.resize(body + 4 * length, 0);
        let words = u16::try_from(length).unwrap_or(u16::MAX);
        packet[body - 2..body].copy_from_slice(&words.to_be_bytes());
        packet.len() - start
    }
}

/// Puts other numbers into a descriptor.
pub(crate) fn renumber(payload: &mut [u8], (codec, numbers): (Codec, PictureNumbers)) {
    match codec {
        Codec::Vp8 => renumber_vp8(payload, numbers),
        Codec::Vp9 => vp9::renumber(payload, numbers),
        // What AV1 numbers stands in the header.
        Codec::Opus | Codec::H264 | Codec::Av1 => {}
    }
}

/// Puts other numbers into a VP8 descriptor (RFC 7741 §4.2). A short picture id stays a short one. What is not there, or cut off, is left.
fn renumber_vp8(payload: &mut [u8], numbers: PictureNumbers) {
    let [first, second, ..] = *payload else { return };
    let (has_more, has_id, has_index) = (first & 0x80 != 0, second & 0x80 != 0, second & 0x40 != 0);
    if !has_more {
        return;
    }
    let mut at = 2;
    if has_id {
        let [high, low] = numbers.picture_id.to_be_bytes();
        match payload.get_mut(at..) {
            Some([byte, next, ..]) if *byte & 0x80 != 0 => {
                (*byte, *next) = (0x80 | (high & 0x7f), low);
                at += 2;
            }
            Some([byte, ..]) if *byte & 0x80 == 0 => {
                *byte = low & 0x7f;
                at += 1;
            }
            _ => return,
        }
    }
    if let Some(byte) = payload.get_mut(at).filter(|_| has_index) {
        *byte = numbers.tl0_pic_idx;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: Notes = Notes { level: Some(0x9e), orientation: None, descriptor: None };
    const HEADER: Header<'_> = Header {
        pt: 96,
        is_marked: true,
        has_padding: false,
        sequence: 0x0102,
        time: 0x0304_0506,
        ssrc: 0x0708_090a,
        transport_sequence: 0x0b0c,
        notes: &NOTES,
        frame: None,
    };

    fn write(extensions: &Extensions) -> Vec<u8> {
        let mut packet = Vec::new();
        let length = HEADER.write(extensions, &mut packet);
        assert_eq!(length, packet.len());
        packet
    }

    #[test]
    fn a_header_without_extensions_has_twelve_bytes() {
        assert_eq!(write(&Extensions::default()), [0x80, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn extensions_are_filled_up_to_whole_words() {
        let extensions = Extensions {
            mid: Some((4, (*b"12").into())),
            transport_sequence: Some(3),
            level: Some(1),
            orientation: Some(2),
            descriptor: Some(5),
        };
        let packet = write(&extensions);
        assert_eq!(packet[0], 0x90);
        let body = [0x31, 0x0b, 0x0c, 0x41, b'1', b'2', 0x10, 0x9e];
        assert_eq!(packet[12..], [&[0xbe, 0xde, 0, 2][..], &body].concat());
    }

    #[test]
    fn numbers_beyond_fourteen_take_the_longer_form() {
        let extensions = Extensions {
            mid: Some((15, (*b"a").into())),
            transport_sequence: Some(3),
            ..Extensions::default()
        };
        let body = [3, 2, 0x0b, 0x0c, 15, 1, b'a', 0];
        assert_eq!(write(&extensions)[12..], [&[0x10, 0, 0, 2][..], &body].concat());
    }

    #[test]
    fn a_dependency_descriptor_has_another_number_and_takes_the_longer_form_where_it_is_long() {
        let extensions = Extensions { descriptor: Some(5), ..Extensions::default() };
        let write = |length: usize, frame: Option<u16>| {
            let descriptor = Some([7u8].repeat(length).into());
            let notes = Notes { descriptor, ..Notes::default() };
            let mut packet = Vec::new();
            Header { notes: &notes, frame, ..HEADER }.write(&extensions, &mut packet);
            packet.split_off(12)
        };
        assert_eq!(write(3, Some(0x0102)), [0xbe, 0xde, 0, 1, 0x52, 7, 1, 2]);
        assert_eq!(write(3, None), [0xbe, 0xde, 0, 1, 0x52, 7, 7, 7]);
        assert_eq!(write(16, None)[..5], [0xbe, 0xde, 0, 5, 0x5f]);
        assert_eq!(write(17, Some(0x0102))[..10], [0x10, 0, 0, 5, 5, 17, 7, 1, 2, 7]);
        assert_eq!(write(255, None).len(), 4 + 260);
    }

    #[test]
    fn descriptors_of_all_kinds_are_numbered_anew_and_broken_ones_left() {
        let numbers = PictureNumbers { picture_id: 0x1234, tl0_pic_idx: 0x56 };
        let check = |before: &[u8], after: &[u8]| {
            let mut payload = before.to_vec();
            renumber_vp8(&mut payload, numbers);
            assert_eq!(payload, after);
        };
        check(&[0x90, 0xe0, 0x80, 0x01, 0x02, 0x20, 9], &[0x90, 0xe0, 0x92, 0x34, 0x56, 0x20, 9]);
        check(&[0x90, 0xc0, 0x01, 0x02, 9], &[0x90, 0xc0, 0x34, 0x56, 9]);
        check(&[0x90, 0x80, 0x80, 0x01, 9], &[0x90, 0x80, 0x92, 0x34, 9]);
        check(&[0x90, 0x40, 0x01, 9], &[0x90, 0x40, 0x56, 9]);
        check(&[0x10, 0xe0, 0x80, 1], &[0x10, 0xe0, 0x80, 1]);
        for cut in [&[0x90][..], &[0x90, 0xe0], &[], &[0x90, 0x40]] {
            check(cut, cut);
        }
        check(&[0x90, 0xe0, 0x80, 0x01], &[0x90, 0xe0, 0x92, 0x34]);
        check(&[0x90, 0xe0, 0x80], &[0x90, 0xe0, 0x80]);
    }
}

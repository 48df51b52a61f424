//! A packet of media, as the forwarding sees it.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Instant;

use crate::continuity::Numbers;
use crate::ids::{LayerId, LineId};
use crate::layers::Piece;
use crate::red::Red;
use crate::structure::Structure;

/// How a payload is to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Sound (RFC 6716).
    Opus,
    /// Pictures (RFC 6386).
    Vp8,
    /// Pictures (ITU-T H.264).
    H264,
    /// Pictures, whose layers may come in one stream (RFC 9628).
    Vp9,
    /// Pictures, whose layers may come in one stream (AV1 RTP specification).
    Av1,
}

/// A packet that a participant sent, decrypted and parsed once for all who get it.
#[derive(Debug, Clone)]
pub(crate) struct MediaPacket<D> {
    pub(crate) line: LineId,
    pub(crate) layer: LayerId,
    /// The lowest layer of its stream: the same, unless it builds on those below it.
    pub(crate) stream: LayerId,
    /// What it says besides, if it may be of one of several layers in a stream.
    pub(crate) scalable: Option<Scalable>,
    /// The SSRC: another one means that the source began anew.
    pub(crate) ssrc: u32,
    pub(crate) numbers: Numbers,
    pub(crate) codec: Codec,
    pub(crate) is_last_of_frame: bool,
    /// Whether a decoder can begin here. Sound can begin anywhere.
    pub(crate) begins_keyframe: bool,
    /// The height of the picture in pixels, where a keyframe says it.
    pub(crate) height: Option<u16>,
    /// The loudness in dBov, where the sender says it.
    pub(crate) level: Option<i8>,
    /// When it came.
    pub(crate) received_at: Instant,
    /// That it is repeated for those who began at the keyframe with this sequence number: it came before it, or before them.
    pub(crate) is_for_beginners_at: Option<u64>,
    /// What else is in the payload, if it is sound with redundancy.
    pub(crate) redundancy: Option<Redundancy>,
    pub(crate) payload: Arc<[u8]>,
    /// What the engine knows of it besides, for when it sends the packet on.
    pub(crate) details: D,
}

/// What a packet says whose stream may have several layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalable {
    /// Whether it needs no picture before it, given the layers below it.
    pub(crate) is_independent: bool,
    /// Whether it is the last packet that its layer has of the picture.
    pub(crate) ends_layer: bool,
    /// The layers of the stream, where it says so.
    pub(crate) structure: Option<Structure>,
}

/// A payload of several frames, and its newest frame alone, which is copied for the first who knows no redundancy.
#[derive(Debug, Clone)]
pub(crate) struct Redundancy {
    pub(crate) red: Red,
    bare: OnceCell<Arc<[u8]>>,
}

impl Redundancy {
    /// Takes a payload apart, unless it is malformed.
    pub(crate) fn of(payload: &[u8]) -> Option<Self> {
        Some(Self { red: Red::parse(payload)?, bare: OnceCell::new() })
    }
}

impl<D> MediaPacket<D> {
    /// Returns the payload without redundancy. It is the same for all who get it.
    pub(crate) fn bare(&self) -> Arc<[u8]> {
        let Some(Redundancy { red, bare }) = &self.redundancy else { return self.payload.clone() };
        bare.get_or_init(|| Arc::from(self.payload.get(red.primary.clone()).unwrap_or_default())).clone()
    }

    /// Returns it once more, for those who begin at the keyframe with this sequence number.
    pub(crate) fn again_for(&self, began_at: u64) -> Self
    where
        D: Clone,
    {
        Self { is_for_beginners_at: Some(began_at), ..self.clone() }
    }

    /// Returns what has to be known to choose whether it is forwarded.
    pub(crate) fn piece(&self) -> Piece {
        let structure = self.scalable.and_then(|it| it.structure);
        let above = structure.map(|it| u8::try_from(it.heights().len() - 1).unwrap_or(0));
        Piece {
            layer: self.layer,
            lowest: self.stream,
            highest: above.map(|above| LayerId(self.stream.0.saturating_add(above))),
            begins_keyframe: self.begins_keyframe,
            is_independent: self.scalable.map_or(self.begins_keyframe, |it| it.is_independent),
            time: self.numbers.time,
        }
    }

    /// Returns whether it is there for the sake of its size only.
    pub(crate) fn is_padding(&self) -> bool {
        self.payload.is_empty()
    }
}

/// Returns the height that the header of a VP8 keyframe says (RFC 6386 §9.1).
pub(crate) fn vp8_height(payload: &[u8]) -> Option<u16> {
    /// The descriptor has at most 6 bytes, and the start code comes after 3 more.
    const SEARCHED: usize = 12;
    let start = payload.windows(3).take(SEARCHED).position(|code| code == [0x9d, 0x01, 0x2a])?;
    let bytes = payload.get(start + 5..start + 7)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]) & 0x3fff)
}

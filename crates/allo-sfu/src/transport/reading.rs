//! What a packet from the network is to the forwarding unit.

use str0m::format::detect_h264_nalu;
use str0m::rtp::{RtpPacket, Vp8Descriptor};

use super::descriptors::{Place, descriptor_of};
use super::{Details, Packet, Transport, TransportEvent};
use crate::continuity::{Numbers, PictureNumbers};
use crate::dependency::{DependencyDescriptor, Unread};
use crate::egress::Notes;
use crate::ids::{LayerId, TrackKind};
use crate::offer::Purpose;
use crate::packet::{Codec, MediaPacket, Redundancy, Scalable, vp8_height};
use crate::vp9::Vp9Descriptor;

/// A sequence parameter set (ITU-T H.264 §7.4.1): no decoder can begin without one, and senders put one before each keyframe.
const H264_PARAMETERS: u8 = 7;

/// What a payload says of itself.
#[derive(Debug, Default)]
struct Described {
    begins_keyframe: bool,
    height: Option<u16>,
    picture: Option<PictureNumbers>,
    /// Which layer of its stream it is of.
    spatial: u8,
    scalable: Option<Scalable>,
}

impl Transport {
    /// Takes a packet, and those that had come before it and could not be made sense of.
    pub(super) fn handle_packet(&mut self, packet: RtpPacket) {
        let mut next = Some(packet);
        while let Some(packet) = next {
            let read = self.read(packet).map(TransportEvent::Packet);
            self.events.extend(read);
            next = self.descriptors.poll();
        }
    }

    /// Makes sense of a packet, or of none that belongs to no line that sends.
    fn read(&mut self, packet: RtpPacket) -> Option<Packet> {
        let pt = packet.header.payload_type;
        let ssrc = *packet.header.ssrc;
        let (mid, rid, repair) = self
            .contain(|rtc| {
                let mut api = rtc.direct_api();
                let stream = api.stream_rx(&packet.header.ssrc);
                Ok(stream.map(|stream| {
                    // The engine would look for losses every 33 ms; `losses` asks at once.
                    stream.suppress_nack(true);
                    (stream.mid(), stream.rid(), stream.rtx())
                }))
            })
            .flatten()?;
        let line = self.lines.iter().find(|line| line.mid == mid)?;
        let Purpose::Track(_) = &line.offered.purpose else { return None };
        let layer = match rid {
            Some(rid) => line.rids.iter().position(|known| *known == rid)?,
            None => 0,
        };
        let stream = LayerId(u8::try_from(layer).ok()?);
        let codec = line.codec_of(pt)?;
        // What is malformed could not be decoded by anybody.
        let is_well = |it: &Redundancy| line.pt.is_some_and(|of| it.red.pt == *of);
        let redundancy = match line.red {
            Some(red) if red == pt => Some(Redundancy::of(&packet.payload).filter(is_well)?),
            _ => None,
        };
        let (line, kind) = (line.offered.line, line.offered.kind);
        self.ssrcs.prove((line, stream), ssrc, self.incoming.unwrap_or(ssrc), repair.map(|repair| *repair));
        self.media_at = Some(self.clock);
        if kind == TrackKind::Video {
            self.losses.handle(self.clock, (line, stream), ssrc, *packet.seq_no);
        }
        let sent = &packet.header.ext_vals;
        let is_described = codec == Codec::Av1 && !packet.payload.is_empty();
        let descriptor = is_described.then(|| descriptor_of(sent)).flatten();
        let place = Place { ssrc, sequence: *packet.seq_no };
        let described = match &descriptor {
            Some(descriptor) => match self.descriptors.read((line, stream), place, descriptor) {
                Ok(read) => of_av1(&read),
                Err(Unread::Malformed) => return None,
                Err(Unread::Unknown) => {
                    let is_lost = self.descriptors.keep((line, stream), place, packet);
                    self.events.extend(is_lost.then_some(TransportEvent::KeyframeMissed(line, stream)));
                    return None;
                }
            },
            None => describe(codec, &packet.payload)?,
        };
        let Described { begins_keyframe, height, picture, spatial, scalable } = described;
        let voice = u8::from(sent.voice_activity == Some(true)) << 7;
        let notes = Notes {
            level: sent.audio_level.map(|level| voice | level.unsigned_abs().min(127)),
            orientation: sent.video_orientation.map(|orientation| orientation as u8),
            descriptor,
        };
        Some(MediaPacket {
            line,
            layer: LayerId(stream.0.saturating_add(spatial)),
            stream,
            scalable,
            ssrc,
            numbers: Numbers { sequence: *packet.seq_no, time: packet.header.timestamp, picture },
            codec,
            is_last_of_frame: packet.header.marker,
            begins_keyframe,
            height,
            level: sent.audio_level,
            received_at: packet.timestamp,
            is_for_beginners_at: None,
            redundancy,
            details: Details { notes },
            payload: packet.payload,
        })
    }
}

/// Returns what a payload says of itself; `None` for one that is malformed, so that nobody could decode it.
fn describe(codec: Codec, payload: &[u8]) -> Option<Described> {
    Some(match codec {
        Codec::Opus => Described { begins_keyframe: true, ..Described::default() },
        Codec::H264 => {
            Described { begins_keyframe: detect_h264_nalu(payload, H264_PARAMETERS), ..Described::default() }
        }
        Codec::Vp8 => Vp8Descriptor::parse(payload).map(|it| of_vp8(it, payload)).unwrap_or_default(),
        // Padding has no descriptor.
        Codec::Vp9 if payload.is_empty() => Described::default(),
        Codec::Vp9 => of_vp9(&Vp9Descriptor::parse(payload)?),
        Codec::Av1 => Described { begins_keyframe: begins_av1_sequence(payload), ..Described::default() },
    })
}

/// Returns whether the header before a payload of AV1 says that a decoder can begin there (AV1 RTP specification §4.4): all that is read of it,
/// and only of who sends no dependency descriptor, and so has one layer.
fn begins_av1_sequence(payload: &[u8]) -> bool {
    const CONTINUES: u8 = 0x80;
    const NEW_SEQUENCE: u8 = 0x08;
    payload.first().is_some_and(|first| first & (CONTINUES | NEW_SEQUENCE) == NEW_SEQUENCE)
}

fn of_av1(descriptor: &DependencyDescriptor) -> Described {
    let DependencyDescriptor { frame, spatial, is_independent, ends_layer, .. } = *descriptor;
    let structure = descriptor.templates.as_ref().map(|it| it.structure);
    Described {
        begins_keyframe: descriptor.begins_keyframe(),
        height: None,
        picture: Some(PictureNumbers { picture_id: frame, tl0_pic_idx: 0 }),
        spatial,
        scalable: Some(Scalable { is_independent, ends_layer, structure }),
    }
}

fn of_vp8(descriptor: Vp8Descriptor, payload: &[u8]) -> Described {
    let begins_keyframe = descriptor.starts_keyframe(payload);
    let numbers =
        |picture_id| PictureNumbers { picture_id, tl0_pic_idx: descriptor.tl0_pic_idx().unwrap_or(0) };
    Described {
        begins_keyframe,
        height: if begins_keyframe { vp8_height(payload) } else { None },
        picture: descriptor.picture_id().map(numbers),
        ..Described::default()
    }
}

fn of_vp9(descriptor: &Vp9Descriptor) -> Described {
    let Vp9Descriptor { picture_id, tl0_pic_idx, spatial, is_independent, ends_layer, structure, .. } =
        *descriptor;
    let numbers = |picture_id| PictureNumbers { picture_id, tl0_pic_idx: tl0_pic_idx.unwrap_or(0) };
    Described {
        begins_keyframe: descriptor.begins_keyframe(),
        height: None,
        picture: picture_id.map(numbers),
        spatial,
        scalable: Some(Scalable { is_independent, ends_layer, structure }),
    }
}

//! What a packet from the network is to the forwarding unit.

use str0m::format::detect_h264_nalu;
use str0m::rtp::{RtpPacket, Vp8Descriptor};

use super::{Details, Packet, Transport};
use crate::continuity::{Numbers, Vp8Numbers};
use crate::egress::Notes;
use crate::ids::{LayerId, TrackKind};
use crate::offer::Purpose;
use crate::packet::{Codec, MediaPacket, Redundancy, vp8_height};

/// A sequence parameter set (ITU-T H.264 §7.4.1): no decoder can begin without one, and senders put one before each keyframe.
const H264_PARAMETERS: u8 = 7;

impl Transport {
    /// Makes sense of a packet, or of none that belongs to no line that sends.
    pub(super) fn read(&mut self, packet: RtpPacket) -> Option<Packet> {
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
        let layer = LayerId(u8::try_from(layer).ok()?);
        let codec = line.codec_of(pt)?;
        // What is malformed could not be decoded by anybody.
        let is_well = |it: &Redundancy| line.pt.is_some_and(|of| it.red.pt == *of);
        let redundancy = match line.red {
            Some(red) if red == pt => Some(Redundancy::of(&packet.payload).filter(is_well)?),
            _ => None,
        };
        let (line, kind) = (line.offered.line, line.offered.kind);
        self.ssrcs.prove((line, layer), ssrc, self.incoming.unwrap_or(ssrc), repair.map(|repair| *repair));
        self.media_at = Some(self.clock);
        if kind == TrackKind::Video {
            self.losses.handle(self.clock, (line, layer), ssrc, *packet.seq_no);
        }
        let descriptor = (codec == Codec::Vp8).then(|| Vp8Descriptor::parse(&packet.payload).ok()).flatten();
        let begins_keyframe = match codec {
            Codec::Opus => true,
            Codec::Vp8 => descriptor.is_some_and(|it| it.starts_keyframe(&packet.payload)),
            Codec::H264 => detect_h264_nalu(&packet.payload, H264_PARAMETERS),
        };
        let vp8 = descriptor.and_then(|it| {
            Some(Vp8Numbers { picture_id: it.picture_id()?, tl0_pic_idx: it.tl0_pic_idx().unwrap_or(0) })
        });
        let sent = &packet.header.ext_vals;
        let voice = u8::from(sent.voice_activity == Some(true)) << 7;
        let notes = Notes {
            level: sent.audio_level.map(|level| voice | level.unsigned_abs().min(127)),
            orientation: sent.video_orientation.map(|orientation| orientation as u8),
        };
        Some(MediaPacket {
            line,
            layer,
            ssrc,
            numbers: Numbers { sequence: *packet.seq_no, time: packet.header.timestamp, vp8 },
            codec,
            is_last_of_frame: packet.header.marker,
            begins_keyframe,
            height: descriptor.filter(|_| begins_keyframe).and_then(|_| vp8_height(&packet.payload)),
            level: sent.audio_level,
            received_at: packet.timestamp,
            is_for_beginners_at: None,
            redundancy,
            details: Details { notes },
            payload: packet.payload,
        })
    }
}

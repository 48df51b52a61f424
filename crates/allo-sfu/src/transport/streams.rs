//! The lines of a transport, and the streams that the engine has for them.

use std::time::Instant;

use str0m::Rtc;
use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::{Extension, Ssrc};

use super::Transport;
use super::descriptors::extension;
use super::engine::{payload_type, redundant_type};
use crate::egress::{Extensions, Setup};
use crate::ids::TrackKind;
use crate::offer::{OfferedLine, Purpose};
use crate::packet::Codec;

/// A line, with what the engine calls things.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) offered: OfferedLine,
    pub(super) mid: Mid,
    pub(super) rids: Vec<Rid>,
    /// The payload type of Opus or VP8, if both ends have it.
    pub(super) pt: Option<Pt>,
    /// The payload types of the further codecs that the participant has.
    pub(super) others: Vec<(Codec, Pt)>,
    /// The payload type of that with redundancy (RFC 2198), if the participant has it at all.
    pub(super) red: Option<Pt>,
    /// What a slot is sent under: its own SSRC, and that of its retransmissions.
    pub(super) ssrcs: Option<(Ssrc, Option<Ssrc>)>,
}

impl Line {
    pub(super) fn new(offered: OfferedLine) -> Self {
        let mid = Mid::from(offered.mid.as_str());
        let rids = match &offered.purpose {
            Purpose::Track(layers) => layers.iter().map(|layer| Rid::from(layer.as_str())).collect(),
            Purpose::Slot | Purpose::Unused => Vec::new(),
        };
        Self { offered, mid, rids, pt: None, others: Vec::new(), red: None, ssrcs: None }
    }

    /// The codec that its kind comes in unless it is said otherwise.
    fn usual_codec(&self) -> Codec {
        match self.offered.kind {
            TrackKind::Audio => Codec::Opus,
            TrackKind::Video => Codec::Vp8,
        }
    }

    /// Returns the codec with this payload type; for redundancy, of which frames it is made up.
    pub(super) fn codec_of(&self, pt: Pt) -> Option<Codec> {
        let other = self.others.iter().find(|(_, known)| *known == pt).map(|(codec, _)| *codec);
        other.or_else(|| (self.pt == Some(pt) || self.red == Some(pt)).then(|| self.usual_codec()))
    }

    /// Returns the payload type of a codec.
    pub(super) fn pt_of(&self, codec: Codec) -> Option<Pt> {
        let other = self.others.iter().find(|(known, _)| *known == codec).map(|(_, pt)| *pt);
        other.or_else(|| self.pt.filter(|_| codec == self.usual_codec()))
    }
}

impl Transport {
    /// Gives the engine the streams of the slots, so that its next answer names them as the one before did.
    pub(super) fn unpark(&mut self) {
        let streams: Vec<_> = self.lines.iter().filter_map(|line| Some((line.mid, line.ssrcs?))).collect();
        self.contain(|rtc| {
            for (mid, (ssrc, rtx)) in streams {
                if rtc.media(mid).is_some() {
                    rtc.direct_api().declare_stream_tx(ssrc, rtx, mid, None);
                }
            }
            Ok(())
        });
    }

    /// Learns what the engine agreed upon, and takes the streams away: it sends nothing in them, and looks at all that it has.
    pub(super) fn park(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        let agreed = self.contain(|rtc| {
            let (mut name, mut setups) = (String::new(), Vec::new());
            for line in &mut lines {
                line.pt = payload_type(rtc, line.mid, line.usual_codec());
                let other = |codec| Some((codec, payload_type(rtc, line.mid, codec)?));
                line.others = [Codec::H264, Codec::Vp9, Codec::Av1].into_iter().filter_map(other).collect();
                line.red = line.pt.and_then(|pt| redundant_type(rtc, pt));
                let mut api = rtc.direct_api();
                let stream = api.stream_tx_by_mid(line.mid, None);
                line.ssrcs = stream.map(|stream| (stream.ssrc(), stream.rtx()));
                if let Some((ssrc, repair)) = line.ssrcs {
                    api.remove_stream_tx(ssrc);
                    setups.extend(setup(rtc, line, ssrc, repair));
                    if let Some(media) = rtc.media(line.mid) {
                        media.cname().clone_into(&mut name);
                    }
                }
            }
            Ok((name, setups))
        });
        self.lines = lines;
        if let Some((name, setups)) = agreed {
            self.egress.set_streams(name, setups);
        }
    }

    /// Gives each layer back to the SSRC that proved itself, if a packet under another led the engine astray.
    pub(super) fn restore_owners(&mut self, now: Instant, suspect: u32) {
        let owners: Vec<_> = self.ssrcs.owners().collect();
        for ((line, layer), owner) in owners {
            let Some(own) = self.lines.get(usize::from(line.0)) else { continue };
            let (mid, rid, kind) = (own.mid, own.rids.get(usize::from(layer.0)).copied(), own.offered.kind);
            let repair = owner.repair.map(Ssrc::from);
            let was_astray = self.contain(|rtc| {
                let mut api = rtc.direct_api();
                let mut present = 0;
                let mut is_right = true;
                // Each is removed but the right one, of which there may be none.
                while let Some(stream) = api.stream_rx_by_mid(mid, rid) {
                    let ssrc = stream.ssrc();
                    is_right &= *ssrc == owner.main && (repair.is_none() || stream.rtx() == repair);
                    present += 1;
                    if is_right && present == 1 {
                        return Ok(false);
                    }
                    api.remove_stream_rx(ssrc);
                }
                api.expect_stream_rx(owner.main.into(), repair, mid, rid)
                    .suppress_nack(kind == TrackKind::Audio);
                Ok(true)
            });
            if was_astray == Some(true) {
                self.ssrcs.suspect(now, suspect);
            }
        }
    }
}

/// Returns what was agreed upon about the stream to a slot.
fn setup(rtc: &Rtc, line: &Line, ssrc: Ssrc, repair: Option<Ssrc>) -> Option<Setup> {
    let agreed = rtc.media(line.mid)?.remote_extmap();
    let repair_types = rtc.codec_config().params().iter().filter_map(|it| Some((*it.pt(), *it.resend()?)));
    Some(Setup {
        line: line.offered.line,
        kind: line.offered.kind,
        ssrc: *ssrc,
        repair: repair.map(|repair| *repair),
        repair_types: repair_types.collect(),
        extensions: Extensions {
            mid: agreed.id_of(Extension::RtpMid).map(|id| (id, line.offered.mid.as_bytes().into())),
            transport_sequence: agreed.id_of(Extension::TransportSequenceNumber),
            level: agreed.id_of(Extension::AudioLevel),
            orientation: agreed.id_of(Extension::VideoOrientation),
            descriptor: agreed.id_of(extension()),
        },
    })
}

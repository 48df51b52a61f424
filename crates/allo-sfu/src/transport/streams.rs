//! The lines of a transport, and the streams that the engine has for them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::Ssrc;

use super::Transport;
use super::engine::{payload_type, redundant_type};
use crate::ids::{LineId, TrackKind};
use crate::offer::{OfferedLine, Purpose};
use crate::packet::Codec;

/// Packets kept for retransmission, of each slot: a second at 3 Mbit/s. Beyond, the oldest are forgotten.
///
/// Higher: losses are repaired at higher bitrates. Lower: less memory per subscriber, 450 bytes a packet.
const RTX_CACHE: usize = 384;

/// How long they are kept.
///
/// Higher: losses are repaired over longer round trips. Lower: less memory, where a slot carries little.
const RTX_AGE: Duration = Duration::from_secs(1);

/// The share of retransmissions in what is sent in a slot. Beyond it none is made for a while.
///
/// Lower: where packets are lost and shuffled, pictures stand still until the next keyframe, for what was only overtaken is asked
/// for, too. Higher: a link that loses because it is narrow is made narrower.
const RTX_SHARE: f32 = 0.35;

/// A line, with what the engine calls things.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) offered: OfferedLine,
    pub(super) mid: Mid,
    pub(super) rids: Vec<Rid>,
    /// The payload type of Opus or VP8, if both ends have it.
    pub(super) pt: Option<Pt>,
    /// The payload type of H.264, if the participant has it at all.
    pub(super) h264: Option<Pt>,
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
        Self { offered, mid, rids, pt: None, h264: None, red: None, ssrcs: None }
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
        if self.h264 == Some(pt) {
            return Some(Codec::H264);
        }
        (self.pt == Some(pt) || self.red == Some(pt)).then(|| self.usual_codec())
    }

    /// Returns the payload type of a codec.
    pub(super) fn pt_of(&self, codec: Codec) -> Option<Pt> {
        if codec == Codec::H264 { self.h264 } else { self.pt }
    }
}

impl Transport {
    /// Returns the SSRC of a slot, whose stream is open from now on.
    pub(super) fn open(&mut self, line: LineId) -> Option<Ssrc> {
        let Line { mid, ssrcs, .. } = self.lines.get(usize::from(line.0))?;
        let (mid, (ssrc, rtx)) = (*mid, (*ssrcs)?);
        if !self.open.contains(&ssrc) {
            self.open.push(ssrc);
            let is_paced = self.is_paced.unwrap_or(true);
            self.contain(|rtc| {
                let mut api = rtc.direct_api();
                let stream = api.declare_stream_tx(ssrc, rtx, mid, None);
                if rtx.is_some() {
                    stream.set_rtx_cache(RTX_CACHE, RTX_AGE, Some(RTX_SHARE));
                    stream.set_unpaced(!is_paced);
                }
                Ok(())
            });
        }
        Some(ssrc)
    }

    /// Gives the engine the parked streams, so that its next answer names them as the one before did.
    pub(super) fn unpark(&mut self) {
        let is_parked = |(ssrc, _): &(Ssrc, _)| !self.open.contains(ssrc);
        let of_line = |line: &Line| Some((line.mid, line.ssrcs.filter(is_parked)?));
        let parked: Vec<_> = self.lines.iter().filter_map(of_line).collect();
        self.contain(|rtc| {
            for (mid, (ssrc, rtx)) in parked {
                if rtc.media(mid).is_some() {
                    rtc.direct_api().declare_stream_tx(ssrc, rtx, mid, None);
                }
            }
            Ok(())
        });
    }

    /// Learns what the engine agreed upon, and takes the streams away that nothing was sent in.
    pub(super) fn park(&mut self) {
        let (mut lines, open) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.open));
        self.contain(|rtc| {
            for line in &mut lines {
                line.pt = payload_type(rtc, line.mid, line.usual_codec());
                line.h264 = payload_type(rtc, line.mid, Codec::H264);
                line.red = line.pt.and_then(|pt| redundant_type(rtc, pt));
                let mut api = rtc.direct_api();
                let stream = api.stream_tx_by_mid(line.mid, None);
                line.ssrcs = stream.map(|stream| (stream.ssrc(), stream.rtx()));
                if let Some((ssrc, _)) = line.ssrcs.filter(|(ssrc, _)| !open.contains(ssrc)) {
                    api.remove_stream_tx(ssrc);
                }
            }
            Ok(())
        });
        (self.lines, self.open) = (lines, open);
        self.open_for_padding();
    }

    /// Opens the first slot that has retransmissions: the engine pads under their SSRC to find out what gets through. With nothing to
    /// pad under it would invent a stream.
    fn open_for_padding(&mut self) {
        let has_rtx = |line: &&Line| line.ssrcs.is_some_and(|(_, rtx)| rtx.is_some());
        if let Some(line) = self.lines.iter().find(has_rtx).map(|line| line.offered.line) {
            self.open(line);
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

    pub(super) fn rtx_ssrcs(&self) -> BTreeSet<u32> {
        self.lines.iter().filter_map(|line| line.ssrcs?.1).map(|ssrc| *ssrc).collect()
    }
}

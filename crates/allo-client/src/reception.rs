//! What has been received on the lines of a peer connection.

use std::time::{Duration, Instant};

use serde::Serialize;
use str0m::media::MediaData;

use crate::media::{FrameSize, keyframe_size};

/// Sound above this level is taken for something that can be heard. Speech is around -30 dBov, a quiet room below -60.
const LOUD_DBOV: i8 = -50;
/// How often a keyframe is asked for while none can be decoded.
const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(500);

/// The sound received from a participant. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioReport {
    /// Packets of Opus.
    pub packets: u64,
    /// Bytes of Opus.
    pub bytes: u64,
    /// Packets that never came, by the gaps in the sequence numbers.
    pub lost: u64,
    /// Packets that came once more, or after later ones, in spite of all that the engine does about it.
    pub duplicates: u64,
    /// Packets louder than -50 dBov, by what the sender says of them (RFC 6464): while it grows, there is sound.
    pub loud_packets: u64,
    /// The loudness of the last packet in dBov.
    pub level: Option<i8>,
    /// Milliseconds since the last packet.
    pub since_last_ms: Option<u32>,
    /// The longest time between two packets in milliseconds. Silence that is not sent counts, too.
    pub gap_ms_max: u32,
}

impl AudioReport {
    /// Returns what came by this way and by another one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let latest = if is_later(other.since_last_ms, self.since_last_ms) { other } else { self };
        Self {
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            lost: self.lost + other.lost,
            duplicates: self.duplicates + other.duplicates,
            loud_packets: self.loud_packets + other.loud_packets,
            level: latest.level,
            since_last_ms: latest.since_last_ms,
            gap_ms_max: self.gap_ms_max.max(other.gap_ms_max),
        }
    }
}

/// The pictures received from a participant. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoReport {
    /// Frames of VP8, complete.
    pub frames: u64,
    /// Frames with an unbroken chain back to a keyframe: those that a decoder could show.
    pub decodable_frames: u64,
    /// Keyframes with a valid header.
    pub keyframes: u64,
    /// Packets that the frames came in.
    pub packets: u64,
    /// Bytes of VP8.
    pub bytes: u64,
    /// Packets that never came, by the gaps in the sequence numbers.
    pub lost: u64,
    /// Frames that came once more, or after later ones, in spite of all that the engine does about it.
    pub duplicates: u64,
    /// The size of the picture, from the last keyframe.
    pub size: Option<FrameSize>,
    /// Milliseconds since the last frame.
    pub since_last_ms: Option<u32>,
    /// The longest time between two frames that could be shown, in milliseconds. A camera that is off counts, too.
    pub gap_ms_max: u32,
}

impl VideoReport {
    /// Returns what came by this way and by another one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let latest = if is_later(other.since_last_ms, self.since_last_ms) { other } else { self };
        Self {
            frames: self.frames + other.frames,
            decodable_frames: self.decodable_frames + other.decodable_frames,
            keyframes: self.keyframes + other.keyframes,
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            lost: self.lost + other.lost,
            duplicates: self.duplicates + other.duplicates,
            size: latest.size,
            since_last_ms: latest.since_last_ms,
            gap_ms_max: self.gap_ms_max.max(other.gap_ms_max),
        }
    }
}

/// The sequence numbers of one line.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    expected: Option<u64>,
}

/// What the sequence numbers say of a frame or a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    packets: u64,
    lost: u64,
    is_late: bool,
}

impl Numbers {
    /// Takes note of what came on this line.
    pub(crate) fn handle(&mut self, data: &MediaData) -> Arrival {
        let (first, last) = (**data.seq_range.start(), **data.seq_range.end());
        // A sender that begins anew may go back.
        let expected = self.expected.replace(last + 1).unwrap_or(first);
        Arrival {
            packets: last.saturating_sub(first) + 1,
            lost: first.saturating_sub(expected),
            is_late: last < expected,
        }
    }
}

/// Counts the sound of one participant.
#[derive(Debug, Default)]
pub(crate) struct AudioReception {
    counts: AudioReport,
    last_at: Option<Instant>,
}

impl AudioReception {
    /// Counts a packet.
    pub(crate) fn handle(&mut self, now: Instant, arrival: Arrival, data: &MediaData) {
        let (counts, level) = (&mut self.counts, data.ext_vals.audio_level);
        counts.packets += arrival.packets;
        counts.lost += arrival.lost;
        counts.duplicates += u64::from(arrival.is_late);
        counts.bytes += data.data.len() as u64;
        counts.loud_packets += u64::from(level.is_some_and(|level| level > LOUD_DBOV));
        counts.level = level;
        counts.gap_ms_max = counts.gap_ms_max.max(gap(self.last_at.replace(now), now));
    }

    /// Returns the counts at `now`.
    pub(crate) fn report(&self, now: Instant) -> AudioReport {
        AudioReport { since_last_ms: since(self.last_at, now), ..self.counts }
    }
}

/// Counts the pictures of one track.
#[derive(Debug, Default)]
pub(crate) struct VideoReception {
    counts: VideoReport,
    last_at: Option<Instant>,
    shown_at: Option<Instant>,
    /// Whether the frames so far can be decoded.
    is_decodable: bool,
    keyframe_requested_at: Option<Instant>,
}

impl VideoReception {
    /// Counts a frame. Returns whether a keyframe should be asked for.
    pub(crate) fn handle(&mut self, now: Instant, arrival: Arrival, data: &MediaData) -> bool {
        let keyframe = keyframe_size(&data.data);
        self.is_decodable = keyframe.is_some() || (self.is_decodable && data.contiguous);
        let counts = &mut self.counts;
        counts.packets += arrival.packets;
        counts.lost += arrival.lost;
        counts.duplicates += u64::from(arrival.is_late);
        counts.frames += 1;
        counts.bytes += data.data.len() as u64;
        counts.keyframes += u64::from(keyframe.is_some());
        counts.size = keyframe.or(counts.size);
        if self.is_decodable {
            counts.decodable_frames += 1;
            counts.gap_ms_max = counts.gap_ms_max.max(gap(self.shown_at.replace(now), now));
        }
        self.last_at = Some(now);
        !self.is_decodable && self.is_keyframe_request_due(now)
    }

    /// What follows comes by another line, or from the beginning: a keyframe has to come first.
    pub(crate) fn restart(&mut self) {
        self.is_decodable = false;
    }

    /// Returns the counts at `now`.
    pub(crate) fn report(&self, now: Instant) -> VideoReport {
        VideoReport { since_last_ms: since(self.last_at, now), ..self.counts }
    }

    fn is_keyframe_request_due(&mut self, now: Instant) -> bool {
        let is_due = self.keyframe_requested_at.is_none_or(|at| now - at >= KEYFRAME_REQUEST_INTERVAL);
        if is_due {
            self.keyframe_requested_at = Some(now);
        }
        is_due
    }
}

fn is_later(one: Option<u32>, other: Option<u32>) -> bool {
    one.unwrap_or(u32::MAX) < other.unwrap_or(u32::MAX)
}

fn since(at: Option<Instant>, now: Instant) -> Option<u32> {
    at.map(|at| gap(Some(at), now))
}

fn gap(before: Option<Instant>, now: Instant) -> u32 {
    let gap = before.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
    u32::try_from(gap.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_add_up_and_the_later_one_says_how_it_is_now() {
        let by_link = AudioReport {
            packets: 10,
            level: Some(-90),
            since_last_ms: Some(900),
            gap_ms_max: 30,
            ..AudioReport::default()
        };
        let by_server = AudioReport {
            packets: 5,
            level: Some(-30),
            since_last_ms: Some(5),
            gap_ms_max: 20,
            ..AudioReport::default()
        };
        for both in [by_link.plus(&by_server), by_server.plus(&by_link)] {
            let seen = (both.packets, both.level, both.since_last_ms, both.gap_ms_max);
            assert_eq!(seen, (15, Some(-30), Some(5), 30));
        }
        assert_eq!(by_link.plus(&AudioReport::default()), by_link);
    }
}

//! What has been received from a peer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use str0m::media::{MediaData, Mid};

use crate::media::{FrameSize, keyframe_size};

/// Sound above this level is taken for something that can be heard. Speech is around -30 dBov, a quiet room below -60.
const LOUD_DBOV: i8 = -50;
/// How often a keyframe is asked for while none can be decoded.
const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(500);

/// The sound received from a peer. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioReport {
    /// Packets of Opus.
    pub packets: u64,
    /// Bytes of Opus.
    pub bytes: u64,
    /// Packets that never came, by the gaps in the sequence numbers.
    pub lost: u64,
    /// Packets louder than -50 dBov, by what the sender says of them (RFC 6464): while it grows, there is sound.
    pub loud_packets: u64,
    /// The loudness of the last packet in dBov.
    pub level: Option<i8>,
    /// Milliseconds since the last packet.
    pub since_last_ms: Option<u32>,
}

/// The pictures received from a peer. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoReport {
    /// Frames of VP8.
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
    /// The size of the picture, from the last keyframe.
    pub size: Option<FrameSize>,
    /// Milliseconds since the last frame.
    pub since_last_ms: Option<u32>,
}

/// Counts what comes from one peer.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    audio: AudioReport,
    video: VideoReport,
    last_audio_at: Option<Instant>,
    last_video_at: Option<Instant>,
    /// The sequence number expected next on each media line; there are no more lines than a description may have.
    expected: BTreeMap<Mid, u64>,
    /// Whether the frames so far can be decoded.
    is_decodable: bool,
    keyframe_requested_at: Option<Instant>,
}

impl Reception {
    /// Counts sound.
    pub(crate) fn handle_audio(&mut self, now: Instant, data: &MediaData) {
        let (packets, lost) = self.count(data);
        let level = data.ext_vals.audio_level;
        self.audio.packets += packets;
        self.audio.lost += lost;
        self.audio.bytes += data.data.len() as u64;
        self.audio.loud_packets += u64::from(level.is_some_and(|level| level > LOUD_DBOV));
        self.audio.level = level;
        self.last_audio_at = Some(now);
    }

    /// Counts a frame. Returns whether a keyframe should be asked for.
    pub(crate) fn handle_video(&mut self, now: Instant, data: &MediaData) -> bool {
        let (packets, lost) = self.count(data);
        let keyframe = keyframe_size(&data.data);
        self.is_decodable = keyframe.is_some() || (self.is_decodable && data.contiguous);
        self.video.packets += packets;
        self.video.lost += lost;
        self.video.frames += 1;
        self.video.bytes += data.data.len() as u64;
        self.video.keyframes += u64::from(keyframe.is_some());
        self.video.decodable_frames += u64::from(self.is_decodable);
        self.video.size = keyframe.or(self.video.size);
        self.last_video_at = Some(now);
        !self.is_decodable && self.is_keyframe_request_due(now)
    }

    /// Returns the counts at `now`.
    pub(crate) fn report(&self, now: Instant) -> (AudioReport, VideoReport) {
        let since = |at: Option<Instant>| at.map(|at| millis(now.saturating_duration_since(at)));
        let audio = AudioReport { since_last_ms: since(self.last_audio_at), ..self.audio };
        let video = VideoReport { since_last_ms: since(self.last_video_at), ..self.video };
        (audio, video)
    }

    /// Returns how many packets `data` came in, and how many before it did not come.
    fn count(&mut self, data: &MediaData) -> (u64, u64) {
        let (first, last) = (**data.seq_range.start(), **data.seq_range.end());
        let expected = self.expected.insert(data.mid, last + 1).unwrap_or(first);
        // A sender that begins anew may go back.
        (last.saturating_sub(first) + 1, first.saturating_sub(expected))
    }

    fn is_keyframe_request_due(&mut self, now: Instant) -> bool {
        let is_due = self.keyframe_requested_at.is_none_or(|at| now - at >= KEYFRAME_REQUEST_INTERVAL);
        if is_due {
            self.keyframe_requested_at = Some(now);
        }
        is_due
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

//! What is sent to a peer: the two clips, each at its own beat.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use str0m::media::{Frequency, MediaKind, MediaTime};

use crate::media::{AudioClip, Pace, VideoClip};

const VIDEO_CLOCK: u32 = 90_000;
const AUDIO_CLOCK: u32 = 48_000;
const SAMPLES_PER_PACKET: u32 = 960;
/// A keyframe that was asked for is sent at most this often. Lower: a peer on a bad network recovers sooner and gets more to
/// carry.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);

/// What has been sent to a peer. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentReport {
    /// Packets of Opus.
    pub audio_packets: u64,
    /// Frames of VP8.
    pub video_frames: u64,
    /// Keyframes that the peer asked for.
    pub keyframe_requests: u64,
}

/// A frame or a packet that is due.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) kind: MediaKind,
    pub(crate) data: Arc<[u8]>,
    pub(crate) time: MediaTime,
    /// The loudness in dBov, of sound.
    pub(crate) level: Option<i8>,
}

/// Plays the clips to one peer, from the beginning, so that the first picture is a keyframe.
#[derive(Debug)]
pub(crate) struct Sending {
    mic: bool,
    cam: bool,
    audio_pace: Pace,
    video_pace: Pace,
    next_packet: usize,
    next_frame: usize,
    keyframe_sent_at: Option<Instant>,
    sent: SentReport,
}

impl Sending {
    /// Begins to play at `now`.
    pub(crate) fn new(now: Instant, mic: bool, cam: bool) -> Self {
        let step = VIDEO_CLOCK / VideoClip::built_in().frames_per_second;
        Self {
            mic,
            cam,
            audio_pace: Pace::new(now, AUDIO_CLOCK, SAMPLES_PER_PACKET),
            video_pace: Pace::new(now, VIDEO_CLOCK, step),
            next_packet: 0,
            next_frame: 0,
            keyframe_sent_at: None,
            sent: SentReport::default(),
        }
    }

    /// Switches the microphone; while it is off nothing is sent.
    pub(crate) fn set_mic(&mut self, now: Instant, is_on: bool) {
        if is_on && !self.mic {
            self.audio_pace.skip_to(now);
        }
        self.mic = is_on;
    }

    /// Switches the camera; it comes back with a keyframe.
    pub(crate) fn set_cam(&mut self, now: Instant, is_on: bool) {
        if is_on && !self.cam {
            self.video_pace.skip_to(now);
            self.jump_to_keyframe();
        }
        self.cam = is_on;
    }

    /// Answers a keyframe request of the peer.
    pub(crate) fn handle_keyframe_request(&mut self, now: Instant) {
        self.sent.keyframe_requests += 1;
        if self.keyframe_sent_at.is_none_or(|at| now - at >= KEYFRAME_INTERVAL) {
            self.jump_to_keyframe();
        }
    }

    /// Goes to the next keyframe at once: each begins a picture of its own.
    pub(crate) fn jump_to_keyframe(&mut self) {
        self.next_frame = VideoClip::built_in().next_keyframe(self.next_frame);
    }

    /// Returns the next frame or packet that is due at `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Outgoing> {
        self.poll_audio(now).or_else(|| self.poll_video(now))
    }

    /// Returns when the next is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let audio = self.mic.then(|| self.audio_pace.due());
        let video = self.cam.then(|| self.video_pace.due());
        audio.into_iter().chain(video).min()
    }

    /// Returns the counts.
    pub(crate) fn report(&self) -> SentReport {
        self.sent
    }

    fn poll_audio(&mut self, now: Instant) -> Option<Outgoing> {
        let ticks = if self.mic { self.audio_pace.poll(now)? } else { return None };
        let packets = &AudioClip::built_in().packets;
        let packet = &packets[self.next_packet];
        self.next_packet = (self.next_packet + 1) % packets.len();
        self.sent.audio_packets += 1;
        let time = MediaTime::new(ticks, Frequency::FORTY_EIGHT_KHZ);
        Some(Outgoing { kind: MediaKind::Audio, data: packet.data.clone(), time, level: Some(packet.level) })
    }

    fn poll_video(&mut self, now: Instant) -> Option<Outgoing> {
        let ticks = if self.cam { self.video_pace.poll(now)? } else { return None };
        let clip = VideoClip::built_in();
        let frame = self.next_frame;
        if clip.next_keyframe(frame) == frame {
            self.keyframe_sent_at = Some(now);
        }
        self.next_frame = (frame + 1) % clip.frames.len();
        self.sent.video_frames += 1;
        let time = MediaTime::new(ticks, Frequency::NINETY_KHZ);
        Some(Outgoing { kind: MediaKind::Video, data: clip.frames[frame].clone(), time, level: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::keyframe_size;

    /// Plays for some time and returns what came: the kind and whether it was a keyframe.
    fn play(sending: &mut Sending, start: Instant, duration: Duration) -> Vec<(MediaKind, bool)> {
        let mut played = Vec::new();
        while let Some(due) = sending.poll_timeout().filter(|&due| due < start + duration) {
            let outgoing = sending.poll(due).expect("something is due");
            played.push((outgoing.kind, keyframe_size(&outgoing.data).is_some()));
        }
        played
    }

    #[test]
    fn sound_and_picture_go_on_for_longer_than_the_clips() {
        let start = Instant::now();
        let played = play(&mut Sending::new(start, true, true), start, Duration::from_secs(10));
        assert_eq!(played.iter().filter(|(kind, _)| kind.is_audio()).count(), 500);
        assert_eq!(played.iter().filter(|(kind, _)| kind.is_video()).count(), 150);
        assert_eq!(played.iter().filter(|(_, is_keyframe)| *is_keyframe).count(), 10);
    }

    #[test]
    fn what_is_off_is_not_sent_and_the_camera_comes_back_with_a_keyframe() {
        let start = Instant::now();
        let mut sending = Sending::new(start, false, true);
        assert_eq!(play(&mut sending, start, Duration::from_millis(100)).len(), 2);
        sending.set_cam(start, false);
        assert_eq!(sending.poll_timeout(), None);
        let later = start + Duration::from_secs(5);
        sending.set_cam(later, true);
        assert!(play(&mut sending, later, Duration::from_millis(50))[0].1);
    }

    #[test]
    fn a_keyframe_request_is_answered_at_once_but_not_every_time() {
        let start = Instant::now();
        let mut sending = Sending::new(start, false, true);
        play(&mut sending, start, Duration::from_millis(100));
        sending.handle_keyframe_request(start + Duration::from_millis(100));
        let soon = play(&mut sending, start, Duration::from_millis(200));
        assert!(!soon[0].1, "the first keyframe is not old enough");
        sending.handle_keyframe_request(start + Duration::from_millis(400));
        let later = play(&mut sending, start, Duration::from_millis(300));
        assert!(later[0].1);
    }
}

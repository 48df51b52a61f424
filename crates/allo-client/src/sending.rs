//! What is sent: the clips of sound and picture, each at its own beat.

use std::collections::VecDeque;
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

/// The most layers that a picture is sent in.
pub(crate) const LAYERS_MAX: usize = 3;

/// What has been sent over one peer connection. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentReport {
    /// Packets of Opus.
    pub audio_packets: u64,
    /// Frames of VP8, of all layers.
    pub video_frames: u64,
    /// Frames of each simulcast layer, the lowest first; over a link there is one layer.
    pub layer_frames: [u64; LAYERS_MAX],
    /// Keyframes that the other end asked for.
    pub keyframe_requests: u64,
}

/// A frame or a packet that is due.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) kind: MediaKind,
    /// Which of the layers, of pictures.
    pub(crate) layer: usize,
    pub(crate) data: Arc<[u8]>,
    pub(crate) time: MediaTime,
    /// The loudness in dBov, of sound.
    pub(crate) level: Option<i8>,
}

/// Plays the clips over one peer connection, from the beginning, so that the first picture is a keyframe.
#[derive(Debug)]
pub(crate) struct Sending {
    mic: bool,
    cam: bool,
    audio_pace: Pace,
    video_pace: Pace,
    next_packet: usize,
    /// The layers that there are, the lowest first. They show the same pictures in different sizes.
    layers: Vec<Layer>,
    /// How many of them are sent.
    sent_layers: usize,
    /// Frames of the present beat; at most one of each layer.
    due: VecDeque<Outgoing>,
    sent: SentReport,
}

#[derive(Debug)]
struct Layer {
    clip: &'static VideoClip,
    next_frame: usize,
    keyframe_sent_at: Option<Instant>,
}

impl Sending {
    /// Begins to play at `now`: one clip for each layer, the lowest first, and all of them.
    pub(crate) fn new(now: Instant, clips: &[&'static VideoClip]) -> Self {
        let step = VIDEO_CLOCK / clips[0].frames_per_second;
        let layer = |clip: &&'static VideoClip| Layer { clip, next_frame: 0, keyframe_sent_at: None };
        Self {
            mic: false,
            cam: false,
            audio_pace: Pace::new(now, AUDIO_CLOCK, SAMPLES_PER_PACKET),
            video_pace: Pace::new(now, VIDEO_CLOCK, step),
            next_packet: 0,
            layers: clips.iter().take(LAYERS_MAX).map(layer).collect(),
            sent_layers: clips.len().min(LAYERS_MAX),
            due: VecDeque::new(),
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

    /// Sends so many layers from now on, from the lowest. A layer begins with a keyframe.
    pub(crate) fn set_layers(&mut self, count: usize) {
        let count = count.min(self.layers.len());
        self.layers.iter_mut().take(count).skip(self.sent_layers).for_each(Layer::jump_to_keyframe);
        self.sent_layers = count;
    }

    /// Answers a keyframe request of the other end.
    pub(crate) fn handle_keyframe_request(&mut self, now: Instant, layer: usize) {
        self.sent.keyframe_requests += 1;
        let Some(layer) = self.layers.get_mut(layer) else { return };
        if layer.keyframe_sent_at.is_none_or(|at| now - at >= KEYFRAME_INTERVAL) {
            layer.jump_to_keyframe();
        }
    }

    /// Goes to the next keyframe at once: each begins a picture of its own.
    pub(crate) fn jump_to_keyframe(&mut self) {
        self.layers.iter_mut().for_each(Layer::jump_to_keyframe);
    }

    /// Returns the next frame or packet that is due at `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Outgoing> {
        self.poll_audio(now).or_else(|| self.poll_video(now))
    }

    /// Returns when the next is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let audio = self.mic.then(|| self.audio_pace.due());
        let video = self.sends_video().then(|| self.video_pace.due());
        audio.into_iter().chain(video).min()
    }

    /// Returns the counts.
    pub(crate) fn report(&self) -> SentReport {
        self.sent
    }

    fn sends_video(&self) -> bool {
        self.cam && self.sent_layers > 0
    }

    fn poll_audio(&mut self, now: Instant) -> Option<Outgoing> {
        let ticks = if self.mic { self.audio_pace.poll(now)? } else { return None };
        let packets = &AudioClip::built_in().packets;
        let packet = &packets[self.next_packet];
        self.next_packet = (self.next_packet + 1) % packets.len();
        self.sent.audio_packets += 1;
        let time = MediaTime::new(ticks, Frequency::FORTY_EIGHT_KHZ);
        let (data, level) = (packet.data.clone(), Some(packet.level));
        Some(Outgoing { kind: MediaKind::Audio, layer: 0, data, time, level })
    }

    fn poll_video(&mut self, now: Instant) -> Option<Outgoing> {
        if self.due.is_empty() && self.sends_video() {
            let time = MediaTime::new(self.video_pace.poll(now)?, Frequency::NINETY_KHZ);
            let layers = self.layers.iter_mut().take(self.sent_layers).enumerate();
            self.due.extend(layers.map(|(n, layer)| layer.play(now, n, time)));
        }
        let outgoing = self.due.pop_front()?;
        self.sent.video_frames += 1;
        self.sent.layer_frames[outgoing.layer] += 1;
        Some(outgoing)
    }
}

impl Layer {
    fn jump_to_keyframe(&mut self) {
        self.next_frame = self.clip.next_keyframe(self.next_frame);
    }

    fn play(&mut self, now: Instant, layer: usize, time: MediaTime) -> Outgoing {
        let frame = self.next_frame;
        if self.clip.next_keyframe(frame) == frame {
            self.keyframe_sent_at = Some(now);
        }
        self.next_frame = (frame + 1) % self.clip.frames.len();
        Outgoing { kind: MediaKind::Video, layer, data: self.clip.frames[frame].clone(), time, level: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::keyframe_size;

    fn sending(now: Instant, mic: bool, cam: bool) -> Sending {
        let mut sending = Sending::new(now, &[VideoClip::built_in()]);
        sending.set_mic(now, mic);
        sending.set_cam(now, cam);
        sending
    }

    /// Plays for some time and returns what came: the kind and whether it was a keyframe.
    fn play(sending: &mut Sending, start: Instant, duration: Duration) -> Vec<(MediaKind, bool)> {
        let mut played = Vec::new();
        while let Some(due) = sending.poll_timeout().filter(|&due| due < start + duration) {
            while let Some(outgoing) = sending.poll(due) {
                played.push((outgoing.kind, keyframe_size(&outgoing.data).is_some()));
            }
        }
        played
    }

    #[test]
    fn sound_and_picture_go_on_for_longer_than_the_clips() {
        let start = Instant::now();
        let played = play(&mut sending(start, true, true), start, Duration::from_secs(10));
        assert_eq!(played.iter().filter(|(kind, _)| kind.is_audio()).count(), 500);
        assert_eq!(played.iter().filter(|(kind, _)| kind.is_video()).count(), 150);
        assert_eq!(played.iter().filter(|(_, is_keyframe)| *is_keyframe).count(), 10);
    }

    #[test]
    fn what_is_off_is_not_sent_and_the_camera_comes_back_with_a_keyframe() {
        let start = Instant::now();
        let mut sending = sending(start, false, true);
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
        let mut sending = sending(start, false, true);
        play(&mut sending, start, Duration::from_millis(100));
        sending.handle_keyframe_request(start + Duration::from_millis(100), 0);
        let soon = play(&mut sending, start, Duration::from_millis(200));
        assert!(!soon[0].1, "the first keyframe is not old enough");
        sending.handle_keyframe_request(start + Duration::from_millis(400), 0);
        let later = play(&mut sending, start, Duration::from_millis(300));
        assert!(later[0].1);
    }

    #[test]
    fn layers_go_in_step_and_each_begins_with_a_keyframe() {
        let start = Instant::now();
        let mut sending = Sending::new(start, &VideoClip::layers());
        sending.set_cam(start, true);
        sending.set_layers(1);
        assert_eq!(play(&mut sending, start, Duration::from_millis(190)).len(), 3);
        sending.set_layers(3);
        let next = sending.poll_timeout().unwrap();
        let beat: Vec<_> = std::iter::from_fn(|| sending.poll(next)).collect();
        assert_eq!(beat.iter().map(|it| it.layer).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(beat.iter().all(|it| it.time == beat[0].time));
        let keyframes: Vec<_> = beat.iter().map(|it| keyframe_size(&it.data).is_some()).collect();
        assert_eq!(keyframes, [false, true, true]);
        sending.set_layers(0);
        assert_eq!(sending.poll_timeout(), None, "nobody receives it");
        assert_eq!(sending.report().layer_frames, [4, 1, 1]);
    }
}

//! What a camera and a microphone send, by the recorded sizes of real frames.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The most payload of one packet, with its VP8 descriptor and stamp, so that all of it fits any path.
const PART_MAX: usize = 1_100;
/// A keyframe that was asked for is sent at most this often, as real encoders do.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);

/// The time between two frames of a camera.
pub(crate) const FRAME_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// The time between two packets of a microphone.
pub(crate) const VOICE_INTERVAL: Duration = Duration::from_millis(20);

/// The recorded frames of one encoder.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) height: u16,
    keyframes: Vec<usize>,
    others: Vec<usize>,
    kilobits_per_second: f64,
}

impl Recording {
    /// Returns the three layers of a simulcast, the lowest first.
    pub(crate) fn layers() -> &'static [Self; 3] {
        static LAYERS: LazyLock<[Recording; 3]> = LazyLock::new(|| {
            [
                Recording::parse(180, include_str!("../recordings/180.sizes")),
                Recording::parse(360, include_str!("../recordings/360.sizes")),
                Recording::parse(720, include_str!("../recordings/720.sizes")),
            ]
        });
        &LAYERS
    }

    fn parse(height: u16, text: &str) -> Self {
        let size = |text: &str| text.parse().expect("a test reads this file");
        let keyframes: Vec<usize> =
            text.lines().filter_map(|line| line.strip_prefix('K')).map(size).collect();
        let others: Vec<usize> = text.lines().filter(|line| !line.starts_with('K')).map(size).collect();
        let bytes: usize = keyframes.iter().chain(&others).sum();
        let frames = (keyframes.len() + others.len()) as f64;
        let kilobits_per_second = bytes as f64 * 8.0 / 1_000.0 / (frames * FRAME_INTERVAL.as_secs_f64());
        Self { height, keyframes, others, kilobits_per_second }
    }
}

/// One layer of a camera.
#[derive(Debug)]
pub(crate) struct Layer {
    recording: &'static Recording,
    scale: f64,
    next_keyframe: usize,
    next_other: usize,
    is_keyframe_wanted: bool,
    keyframe_sent_at: Option<Instant>,
}

/// A frame to send: how much payload each of its packets has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) is_keyframe: bool,
    pub(crate) parts: Vec<usize>,
}

impl Layer {
    /// Makes a layer of this bitrate, which begins somewhere in the recording.
    pub(crate) fn new(recording: &'static Recording, kilobits_per_second: Option<u32>, start: usize) -> Self {
        let scale =
            kilobits_per_second.map_or(1.0, |wanted| f64::from(wanted) / recording.kilobits_per_second);
        Self {
            recording,
            scale,
            next_keyframe: start % recording.keyframes.len(),
            next_other: start % recording.others.len(),
            is_keyframe_wanted: true,
            keyframe_sent_at: None,
        }
    }

    pub(crate) fn height(&self) -> u16 {
        self.recording.height
    }

    /// The next frame is to be a keyframe, unless the last one is not old enough.
    pub(crate) fn request_keyframe(&mut self, now: Instant) {
        let is_recent = self.keyframe_sent_at.is_some_and(|at| now - at < KEYFRAME_INTERVAL);
        self.is_keyframe_wanted |= !is_recent;
    }

    /// The layer begins anew, with a keyframe.
    pub(crate) fn restart(&mut self) {
        self.is_keyframe_wanted = true;
    }

    /// Returns the next frame.
    pub(crate) fn next(&mut self, now: Instant) -> Frame {
        let is_keyframe = std::mem::take(&mut self.is_keyframe_wanted);
        let (sizes, next) = if is_keyframe {
            self.keyframe_sent_at = Some(now);
            (&self.recording.keyframes, &mut self.next_keyframe)
        } else {
            (&self.recording.others, &mut self.next_other)
        };
        let recorded = sizes[*next];
        *next = (*next + 1) % sizes.len();
        Frame { is_keyframe, parts: split(scaled(recorded, self.scale)) }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a frame is small and not negative"
)]
fn scaled(bytes: usize, scale: f64) -> usize {
    (bytes as f64 * scale) as usize
}

/// Divides a frame into packets as browsers do: of nearly the same size, with those that are a byte larger at the end.
fn split(bytes: usize) -> Vec<usize> {
    // A frame of the highest bitrate that can be asked for has fewer than 255 packets.
    let count = bytes.div_ceil(PART_MAX).clamp(1, usize::from(u8::MAX));
    let larger_from = count - bytes % count;
    (0..count).map(|n| (bytes / count + usize::from(n >= larger_from)).min(PART_MAX)).collect()
}

/// How loud a microphone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loudness {
    /// As the recorded voice, with its pauses.
    Recorded,
    /// Always the same, in dBov.
    Fixed(i8),
}

/// A microphone.
#[derive(Debug)]
pub(crate) struct Voice {
    next: usize,
}

impl Voice {
    pub(crate) fn new(start: usize) -> Self {
        Self { next: start % recorded_voice().len() }
    }

    /// Returns the bytes and the level of the next 20 ms.
    pub(crate) fn next(&mut self, loudness: Loudness) -> (usize, i8) {
        let (bytes, level) = recorded_voice()[self.next];
        self.next = (self.next + 1) % recorded_voice().len();
        match loudness {
            Loudness::Recorded => (bytes, level),
            Loudness::Fixed(level) => (bytes, level),
        }
    }
}

fn recorded_voice() -> &'static [(usize, i8)] {
    static VOICE: LazyLock<Vec<(usize, i8)>> = LazyLock::new(|| {
        let line = |line: &str| {
            let (bytes, level) = line.split_once(' ')?;
            Some((bytes.parse().ok()?, level.parse().ok()?))
        };
        let lines = include_str!("../recordings/voice.sizes").lines();
        lines.map(|text| line(text).expect("a test reads this file")).collect()
    });
    &VOICE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns kilobits a second over ten seconds.
    fn rate(layer: &mut Layer) -> f64 {
        let bytes: usize = (0..300).map(|_| layer.next(Instant::now()).parts.iter().sum::<usize>()).sum();
        bytes as f64 * 8.0 / 1_000.0 / 10.0
    }

    #[test]
    fn the_layers_have_the_bitrates_of_a_simulcast() {
        for (recording, wanted) in Recording::layers().iter().zip([150.0, 500.0, 1_500.0]) {
            let got = rate(&mut Layer::new(recording, None, 5));
            assert!((wanted * 0.85..wanted * 1.1).contains(&got), "{got} instead of {wanted}");
        }
    }

    #[test]
    fn a_bitrate_that_is_asked_for_is_kept() {
        let got = rate(&mut Layer::new(&Recording::layers()[2], Some(3_000), 0));
        assert!((2_600.0..3_200.0).contains(&got), "{got}");
    }

    #[test]
    fn a_frame_is_split_evenly_and_nothing_is_lost() {
        for bytes in [1, 40, 1_100, 1_101, 16_470, 100_000] {
            let parts = split(bytes);
            assert_eq!(parts.iter().sum::<usize>(), bytes);
            assert_eq!(parts.len(), bytes.div_ceil(PART_MAX));
            assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1);
            assert!(parts.is_sorted(), "the larger ones are at the end");
        }
    }

    #[test]
    fn a_layer_begins_with_a_keyframe_and_sends_another_when_asked_but_not_too_often() {
        let start = Instant::now();
        let mut layer = Layer::new(&Recording::layers()[0], None, 0);
        assert!(layer.next(start).is_keyframe);
        layer.request_keyframe(start + Duration::from_millis(100));
        assert!(!layer.next(start).is_keyframe);
        layer.request_keyframe(start + Duration::from_millis(300));
        assert!(layer.next(start).is_keyframe);
        assert!(!layer.next(start).is_keyframe);
    }

    #[test]
    fn the_voice_is_recorded_or_as_loud_as_told() {
        let mut voice = Voice::new(0);
        let levels: Vec<_> = (0..200).map(|_| voice.next(Loudness::Recorded).1).collect();
        assert!(levels.iter().any(|level| *level > -20) && levels.contains(&-127));
        assert_eq!(voice.next(Loudness::Fixed(-33)).1, -33);
    }
}

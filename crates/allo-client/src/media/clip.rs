//! The two clips, ready to be sent.

use std::sync::{Arc, LazyLock};

use thiserror::Error;

use super::{IvfError, OggError, ivf, keyframe_size, ogg, opus};

/// Every packet of the sound clip lasts 20 ms.
const SAMPLES_PER_PACKET: u32 = 960;

/// Why a clip cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClipError {
    /// The video file cannot be read.
    #[error("the video file cannot be read")]
    Ivf(#[from] IvfError),
    /// The sound file cannot be read.
    #[error("the sound file cannot be read")]
    Ogg(#[from] OggError),
    /// The video does not begin with a keyframe.
    #[error("the video does not begin with a keyframe")]
    NoKeyframe,
    /// A packet of sound does not last 20 ms.
    #[error("a packet of sound does not last 20 ms")]
    BadDuration,
    /// The list of levels is not one whole number from -127 to 0 for each packet.
    #[error("the list of levels is wrong")]
    BadLevels,
}

/// Frames of VP8, to be repeated for ever.
#[derive(Debug)]
pub struct VideoClip {
    pub(crate) frames_per_second: u32,
    pub(crate) frames: Vec<Arc<[u8]>>,
    keyframes: Vec<bool>,
}

impl VideoClip {
    /// Reads an IVF file.
    pub fn parse(file: &[u8]) -> Result<Self, ClipError> {
        let ivf = ivf::parse(file)?;
        let keyframes: Vec<_> = ivf.frames.iter().map(|frame| keyframe_size(frame).is_some()).collect();
        if !keyframes[0] {
            return Err(ClipError::NoKeyframe);
        }
        let frames = ivf.frames.into_iter().map(Arc::from).collect();
        Ok(Self { frames_per_second: ivf.frames_per_second, frames, keyframes })
    }

    /// Returns the clip that is part of the program: a moving test pattern.
    pub fn built_in() -> &'static Self {
        static CLIP: LazyLock<VideoClip> = LazyLock::new(|| {
            VideoClip::parse(include_bytes!("../../media/clip.ivf")).expect("a test reads this file")
        });
        &CLIP
    }

    /// Returns the same pictures in three sizes, the smallest first: the layers of a simulcast.
    pub fn layers() -> [&'static Self; 3] {
        static LOW: LazyLock<VideoClip> = LazyLock::new(|| {
            VideoClip::parse(include_bytes!("../../media/clip-low.ivf")).expect("a test reads this file")
        });
        static HIGH: LazyLock<VideoClip> = LazyLock::new(|| {
            VideoClip::parse(include_bytes!("../../media/clip-high.ivf")).expect("a test reads this file")
        });
        [&LOW, Self::built_in(), &HIGH]
    }

    /// Returns where the next keyframe is, counting from frame `from` itself and beginning again at the end.
    pub(crate) fn next_keyframe(&self, from: usize) -> usize {
        (from..self.frames.len()).find(|&n| self.keyframes[n]).unwrap_or(0)
    }
}

/// Packets of Opus, to be repeated for ever.
#[derive(Debug)]
pub struct AudioClip {
    pub(crate) packets: Vec<AudioPacket>,
}

/// A packet of Opus and how loud it is.
#[derive(Debug, Clone)]
pub struct AudioPacket {
    pub(crate) data: Arc<[u8]>,
    /// In dBov, from -127 (silence) to 0 (RFC 6464).
    pub(crate) level: i8,
}

impl AudioClip {
    /// Reads an Ogg file of Opus, and the text with one level for each packet. Packets without a level come from the
    /// end of the encoder's delay and are left out, so that the clip repeats in step.
    pub fn parse(file: &[u8], levels: &str) -> Result<Self, ClipError> {
        let packets = ogg::parse_opus(file)?;
        if packets.iter().any(|packet| opus::samples(packet) != Some(SAMPLES_PER_PACKET)) {
            return Err(ClipError::BadDuration);
        }
        let levels = levels.lines().map(|line| line.parse().ok().filter(|level| (-127..=0).contains(level)));
        let levels: Vec<i8> = levels.collect::<Option<_>>().ok_or(ClipError::BadLevels)?;
        if levels.is_empty() || levels.len() > packets.len() {
            return Err(ClipError::BadLevels);
        }
        let packet = |(data, level): (Vec<u8>, i8)| AudioPacket { data: data.into(), level };
        Ok(Self { packets: packets.into_iter().zip(levels).map(packet).collect() })
    }

    /// Returns the clip that is part of the program: a voice-like sound with pauses.
    pub fn built_in() -> &'static Self {
        static CLIP: LazyLock<AudioClip> = LazyLock::new(|| {
            let file = include_bytes!("../../media/clip.ogg");
            AudioClip::parse(file, include_str!("../../media/clip.levels")).expect("a test reads this file")
        });
        &CLIP
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{CLIP_OGG, FrameSize};

    #[test]
    fn the_built_in_video_has_a_keyframe_each_second() {
        let clip = VideoClip::built_in();
        let keyframes: Vec<_> = (0..clip.frames.len()).filter(|&n| clip.keyframes[n]).collect();
        assert_eq!(keyframes, [0, 15, 30, 45]);
        assert_eq!(keyframe_size(&clip.frames[0]), Some(FrameSize { width: 320, height: 240 }));
        assert_eq!((clip.next_keyframe(0), clip.next_keyframe(1), clip.next_keyframe(46)), (0, 15, 0));
    }

    #[test]
    fn the_layers_have_the_same_beat_and_keyframes_and_grow() {
        let layers = VideoClip::layers();
        for layer in layers {
            assert_eq!((layer.frames_per_second, layer.frames.len()), (15, 60));
            assert_eq!(layer.keyframes, layers[0].keyframes);
        }
        let heights = layers.map(|layer| keyframe_size(&layer.frames[0]).map(|size| size.height));
        assert_eq!(heights, [Some(120), Some(240), Some(480)]);
    }

    #[test]
    fn the_built_in_sound_lasts_four_seconds_and_is_loud_and_silent() {
        let levels: Vec<_> = AudioClip::built_in().packets.iter().map(|packet| packet.level).collect();
        assert_eq!(levels.len(), 200);
        assert!(levels.iter().any(|&level| level > -20));
        assert!(levels.contains(&-127));
    }

    #[test]
    fn levels_that_do_not_fit_are_refused() {
        let too_many = "-20\n".repeat(202);
        for levels in ["", "loud", "1", "-128", &too_many] {
            assert_eq!(AudioClip::parse(CLIP_OGG, levels).unwrap_err(), ClipError::BadLevels);
        }
    }
}

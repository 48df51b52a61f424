//! The media that a headless participant sends: two short clips, encoded beforehand and repeated for ever.
//!
//! `media/make.sh` makes the files; they are part of the program.

mod clip;
mod ivf;
mod ogg;
mod opus;
mod pace;
mod vp8;

pub use clip::{AudioClip, AudioPacket, ClipError, VideoClip};
pub use ivf::IvfError;
pub use ogg::OggError;
pub(crate) use pace::Pace;
pub use vp8::{FrameSize, keyframe_size};

#[cfg(test)]
pub(crate) const CLIP_IVF: &[u8] = include_bytes!("../../media/clip.ivf");
#[cfg(test)]
pub(crate) const CLIP_OGG: &[u8] = include_bytes!("../../media/clip.ogg");

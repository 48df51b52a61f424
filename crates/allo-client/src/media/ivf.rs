//! IVF, the container of VP8 files: a header of 32 bytes, then each frame behind its length and its time.

use thiserror::Error;

/// A clip is a few seconds long. A file with more frames is refused.
const FRAMES_MAX: usize = 10_000;
/// The largest frame that is believed. A file that names a larger one is refused.
const FRAME_BYTES_MAX: usize = 1 << 20;
const FRAME_HEADER_BYTES: usize = 12;

/// Why a file is not an IVF file that can be played.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IvfError {
    /// The file does not begin as IVF does.
    #[error("not an IVF file")]
    NotIvf,
    /// The file holds another codec.
    #[error("not VP8")]
    NotVp8,
    /// The time base is zero, or no whole number of frames a second.
    #[error("the frame rate is not usable")]
    BadFrameRate,
    /// The file ends in the middle of a frame.
    #[error("cut off in the middle of a frame")]
    CutOff,
    /// There are no frames, too many frames, or a frame too large.
    #[error("no frames, or more than can be played")]
    BadFrames,
}

/// What an IVF file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ivf<'a> {
    pub(crate) frames_per_second: u32,
    pub(crate) frames: Vec<&'a [u8]>,
}

/// Reads a whole file. The times of the frames are not used: a clip has a constant frame rate.
pub(crate) fn parse(file: &[u8]) -> Result<Ivf<'_>, IvfError> {
    let header = file.get(..32).filter(|h| h.starts_with(b"DKIF")).ok_or(IvfError::NotIvf)?;
    if &header[8..12] != b"VP80" {
        return Err(IvfError::NotVp8);
    }
    let header_bytes = usize::from(u16::from_le_bytes([header[6], header[7]]));
    let (rate, scale) = (u32_at(header, 16), u32_at(header, 20));
    if scale == 0 || rate == 0 || rate % scale != 0 {
        return Err(IvfError::BadFrameRate);
    }
    let frames = frames(file.get(header_bytes.max(32)..).ok_or(IvfError::CutOff)?)?;
    Ok(Ivf { frames_per_second: rate / scale, frames })
}

fn frames(mut rest: &[u8]) -> Result<Vec<&[u8]>, IvfError> {
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let header = rest.get(..FRAME_HEADER_BYTES).ok_or(IvfError::CutOff)?;
        let size = u32_at(header, 0) as usize;
        if size == 0 || size > FRAME_BYTES_MAX || frames.len() == FRAMES_MAX {
            return Err(IvfError::BadFrames);
        }
        let frame = rest.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + size).ok_or(IvfError::CutOff)?;
        frames.push(frame);
        rest = &rest[FRAME_HEADER_BYTES + size..];
    }
    if frames.is_empty() { Err(IvfError::BadFrames) } else { Ok(frames) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::CLIP_IVF;

    fn file(frames: &[&[u8]]) -> Vec<u8> {
        let mut file = b"DKIF\0\0\x20\0VP80\x40\x01\xf0\0".to_vec();
        file.extend([15, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for frame in frames {
            file.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
            file.extend([0; 8]);
            file.extend(*frame);
        }
        file
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let ivf = file(&[b"one", b"three"]);
        let parsed = parse(&ivf).unwrap();
        assert_eq!(parsed, Ivf { frames_per_second: 15, frames: vec![b"one", b"three"] });
    }

    #[test]
    fn the_clip_is_four_seconds() {
        let ivf = parse(CLIP_IVF).unwrap();
        assert_eq!((ivf.frames_per_second, ivf.frames.len()), (15, 60));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_and_does_not_panic() {
        let ivf = file(&[b"one", b"three"]);
        let whole_frames = [ivf.len() - 17, ivf.len()];
        for end in 0..ivf.len() {
            assert_eq!(parse(&ivf[..end]).is_ok(), whole_frames.contains(&end), "cut at {end}");
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(parse(&file(&[])), Err(IvfError::BadFrames));
        assert_eq!(parse(&file(&[b""])), Err(IvfError::BadFrames));
        let mut h264 = file(&[b"one"]);
        h264[8..12].copy_from_slice(b"H264");
        assert_eq!(parse(&h264), Err(IvfError::NotVp8));
        let mut no_rate = file(&[b"one"]);
        no_rate[20] = 0;
        assert_eq!(parse(&no_rate), Err(IvfError::BadFrameRate));
    }

    #[test]
    fn a_frame_that_claims_to_be_huge_is_refused() {
        let mut huge = file(&[b"one"]);
        huge[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(parse(&huge), Err(IvfError::BadFrames));
    }
}

//! The uncompressed header of a VP8 frame (RFC 6386 §9.1).

use serde::Serialize;

/// The size of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FrameSize {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
}

/// Returns the size of the picture when `frame` is a keyframe that a decoder can start from.
pub fn keyframe_size(frame: &[u8]) -> Option<FrameSize> {
    let header = frame.get(..10)?;
    let is_keyframe = header[0] & 1 == 0;
    if !is_keyframe || header[3..6] != [0x9d, 0x01, 0x2a] {
        return None;
    }
    // The upper two bits of each are a hint for scaling.
    let pixels = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]) & 0x3fff;
    let size = FrameSize { width: pixels(6), height: pixels(8) };
    (size.width > 0 && size.height > 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_tells_its_size() {
        let keyframe = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x41, 0xf0, 0x00, 0xff];
        assert_eq!(keyframe_size(&keyframe), Some(FrameSize { width: 320, height: 240 }));
    }

    #[test]
    fn what_cannot_be_decoded_alone_is_no_keyframe() {
        let delta = [0x11, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00];
        let wrong_start_code = [0x10, 0, 0, 0x9d, 0x01, 0x2b, 0x40, 0x01, 0xf0, 0x00];
        let empty_picture = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 0xf0, 0x00];
        for frame in [&delta[..], &wrong_start_code, &empty_picture, &delta[..3], &[]] {
            assert_eq!(keyframe_size(frame), None);
        }
    }
}

//! Datagrams over a connection: each in a frame, which is its length in two bytes, and its bytes (RFC 4571 §2).

/// The longest datagram in a frame. Beyond it, the connection is closed: no larger datagram is of any use to a worker.
pub(crate) const FRAME_MAX: usize = 1_500;

/// The bytes before each datagram.
const LENGTH: usize = 2;

/// Returns whether a connection that begins like this carries frames: a length whose first byte is greater is too large for one,
/// and no TLS record (0x16) and no name of an HTTP method (a letter) begins with such a byte.
pub(crate) const fn begins_frame(first: u8) -> bool {
    (first as usize) << 8 <= FRAME_MAX
}

/// Appends a datagram in a frame. One that is too large for any frame is left out.
pub(super) fn push_frame(frames: &mut Vec<u8>, datagram: &[u8]) {
    if let Ok(length) = u16::try_from(datagram.len()) {
        frames.extend_from_slice(&length.to_be_bytes());
        frames.extend_from_slice(datagram);
    }
}

/// A frame longer than any may be. What follows it makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oversize;

/// Takes what is read from a connection apart.
///
/// It holds one part of a frame, and what the caller put in since it asked last.
#[derive(Debug, Default)]
pub(super) struct Deframer {
    pub(super) bytes: Vec<u8>,
    /// How much of it was returned already.
    taken: usize,
}

impl Deframer {
    /// Returns the next datagram that came whole; `None` when there is none. Empty ones only keep a connection open, and are
    /// passed over.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Oversize> {
        loop {
            let rest = &self.bytes[self.taken..];
            let Some((length, rest)) = rest.split_first_chunk::<LENGTH>() else { break };
            let length = usize::from(u16::from_be_bytes(*length));
            if length > FRAME_MAX {
                return Err(Oversize);
            }
            if rest.len() < length {
                break;
            }
            let start = self.taken + LENGTH;
            self.taken = start + length;
            if length > 0 {
                return Ok(Some(&self.bytes[start..self.taken]));
            }
        }
        self.bytes.drain(..self.taken);
        self.taken = 0;
        Ok(None)
    }

    /// Returns whether a part of a frame came, once [`Self::next`] has returned `None`.
    pub(super) fn has_part(&self) -> bool {
        !self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(datagrams: &[&[u8]]) -> Vec<u8> {
        let mut frames = Vec::new();
        for datagram in datagrams {
            push_frame(&mut frames, datagram);
        }
        frames
    }

    /// Puts the bytes in, so many at a time; returns the sizes of what comes out.
    fn sizes(bytes: &[u8], at_once: usize) -> Result<Vec<usize>, Oversize> {
        let mut deframer = Deframer::default();
        let mut sizes = Vec::new();
        for part in bytes.chunks(at_once) {
            deframer.bytes.extend_from_slice(part);
            while let Some(datagram) = deframer.next()? {
                sizes.push(datagram.len());
            }
        }
        assert!(deframer.bytes.len() < FRAME_MAX + LENGTH + at_once);
        Ok(sizes)
    }

    #[test]
    fn datagrams_come_out_as_they_went_in_however_the_connection_cuts_them() {
        let bytes = frames(&[&[1; 20], &[2; FRAME_MAX], &[3; 1], &[4; 300]]);
        for at_once in [1, 2, 3, 7, 21, 22, 23, 1_000, bytes.len()] {
            assert_eq!(sizes(&bytes, at_once), Ok(vec![20, FRAME_MAX, 1, 300]), "{at_once} at a time");
        }
        let mut deframer = Deframer { bytes: frames(&[b"one", b"two"]), taken: 0 };
        assert_eq!(deframer.next(), Ok(Some(b"one".as_slice())));
        assert_eq!(deframer.next(), Ok(Some(b"two".as_slice())));
        assert_eq!(deframer.next(), Ok(None));
        assert!(!deframer.has_part());
    }

    #[test]
    fn an_empty_frame_is_passed_over() {
        assert_eq!(sizes(&frames(&[&[], &[], &[1], &[]]), 1), Ok(vec![1]));
        assert_eq!(sizes(&[0; 10_000], 4_096), Ok(vec![]));
    }

    #[test]
    fn a_frame_that_is_too_long_is_found_out_by_its_length_alone() {
        let length = u16::try_from(FRAME_MAX + 1).unwrap().to_be_bytes();
        assert_eq!(sizes(&length, 2), Err(Oversize));
        assert_eq!(sizes(&[0xff, 0xff], 1), Err(Oversize));
    }

    #[test]
    fn half_a_frame_is_a_part() {
        let bytes = frames(&[&[1; 20]]);
        for length in 1..bytes.len() {
            let mut deframer = Deframer { bytes: bytes[..length].to_vec(), taken: 0 };
            assert_eq!(deframer.next(), Ok(None));
            assert!(deframer.has_part(), "{length} bytes");
        }
    }

    #[test]
    fn neither_tls_nor_http_begins_like_a_frame() {
        assert!((0..=5).all(begins_frame));
        assert!((6..=u8::MAX).all(|first| !begins_frame(first)));
    }
}

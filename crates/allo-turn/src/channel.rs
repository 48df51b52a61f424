//! Channel data (RFC 8656 §12.4), and the pieces of a connection that carries it beside messages.

/// The numbers of channels (RFC 8656 §12).
pub(crate) const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4fff;

/// The most data in one piece: no larger datagram is of any use to the media plane.
pub(crate) const DATA_MAX: usize = 1_500;

/// The longest piece: a message with as much data, and room for its attributes. Beyond, the connection is to be closed.
const PIECE_MAX: usize = DATA_MAX + 500;

const HEADER: usize = 4;

/// Reads channel data. Behind it there may be padding.
pub(crate) fn read(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let ([a, b, c, d], rest) = bytes.split_first_chunk::<HEADER>()?;
    let (number, length) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
    let is_sound = CHANNELS.contains(&number) && rest.len() - rest.len().min(length) < 4;
    rest.get(..length).filter(|_| is_sound).map(|data| (number, data))
}

/// Makes channel data; over a connection it is padded.
pub(crate) fn write(number: u16, data: &[u8], is_padded: bool) -> Option<Vec<u8>> {
    let length = u16::try_from(data.len()).ok()?;
    let mut bytes = [number.to_be_bytes(), length.to_be_bytes()].concat();
    bytes.extend_from_slice(data);
    if is_padded {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    Some(bytes)
}

/// What came over a connection is neither a message nor channel data. What follows it makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadStream;

/// Takes what is read from a connection apart, into messages and channel data (RFC 8656 §3.1).
///
/// It holds one part of a piece, and what was put in since it was asked last.
#[derive(Debug, Default)]
pub struct Splitter {
    /// What was read, and not taken yet.
    pub bytes: Vec<u8>,
    /// How much of it was returned already.
    taken: usize,
}

impl Splitter {
    /// Returns the next piece that came whole; `None` when there is none.
    #[allow(clippy::should_implement_trait, reason = "what it returns is borrowed from it")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, BadStream> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        if let Some([first, _, high, low]) = rest.first_chunk::<HEADER>() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let length = match first >> 6 {
                0 => 20 + length,
                1 => HEADER + length.next_multiple_of(4),
                _ => return Err(BadStream),
            };
            if length > PIECE_MAX {
                return Err(BadStream);
            }
            if rest.len() >= length {
                let start = self.taken;
                self.taken += length;
                return Ok(self.bytes.get(start..start + length));
            }
        }
        self.bytes.drain(..self.taken);
        self.taken = 0;
        Ok(None)
    }

    /// Returns whether a part of a piece came, once [`Self::next`] has returned `None`.
    pub fn has_part(&self) -> bool {
        !self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in 0..10 {
            let data = vec![7; length];
            for is_padded in [false, true] {
                let bytes = write(0x4001, &data, is_padded).unwrap();
                assert_eq!(read(&bytes), Some((0x4001, data.as_slice())));
            }
        }
    }

    /// D6
    #[test]
    fn what_is_no_channel_data_is_not_read() {
        for bytes in [
            &[][..],
            &[0x40, 0, 0],
            &[0x40, 0, 0, 1],
            &[0x3f, 0xff, 0, 0],
            &[0x50, 0, 0, 0],
            &[0x80, 0, 0, 0],
            &[0x40, 0, 0, 0, 1, 2, 3, 4],
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_connection_is_taken_apart_however_it_is_cut() {
        let message = [[0, 3, 0, 8].as_slice(), &[9; 24]].concat();
        let pieces = [message.clone(), write(0x4000, &[1; 5], true).unwrap(), message];
        let whole = pieces.concat();
        for at_once in 1..whole.len() {
            let mut splitter = Splitter::default();
            let mut seen = Vec::new();
            for part in whole.chunks(at_once) {
                splitter.bytes.extend_from_slice(part);
                while let Some(piece) = splitter.next().unwrap() {
                    seen.push(piece.to_vec());
                }
            }
            assert_eq!((seen.as_slice(), splitter.has_part()), (pieces.as_slice(), false));
        }
    }

    #[test]
    fn a_piece_that_is_too_long_or_none_is_found_out_by_its_beginning() {
        for bytes in [[0, 3, 0xff, 0xff], [0x40, 0, 0xff, 0xff], [0x80, 0, 0, 0], [0xff; 4]] {
            assert_eq!(Splitter { bytes: bytes.to_vec(), taken: 0 }.next(), Err(BadStream), "{bytes:?}");
        }
    }
}

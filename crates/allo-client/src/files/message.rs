//! What is said on the data channel.

use allo_protocol::FileId;

/// Bytes of a part of a file. The last part may have fewer.
pub(super) const PART: u32 = 16_384;

/// What is before the bytes: what it is, the file, and the place in it, each of four bytes.
const HEAD: usize = 12;

const WANT: u32 = 1;
const PART_OF: u32 = 2;

/// A message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// It asks for a part of a file that is offered here.
    Want { file: FileId, place: u32 },
    /// A part of a file that is taken here.
    Part { file: FileId, place: u32, bytes: &'a [u8] },
}

impl<'a> Message<'a> {
    /// Reads a message. `None`: it is neither of the two.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_be_bytes(message.get(at..at + 4)?.try_into().ok()?));
        let (kind, file, place) = (number(0)?, FileId(number(4)?), number(8)?);
        match kind {
            WANT => Some(Self::Want { file, place }),
            PART_OF => Some(Self::Part { file, place, bytes: &message[HEAD..] }),
            _ => None,
        }
    }
}

/// Returns a part as it is sent.
pub(super) fn part(file: FileId, place: u32, bytes: &[u8]) -> Vec<u8> {
    [&PART_OF.to_be_bytes(), &file.0.to_be_bytes(), &place.to_be_bytes(), bytes].concat()
}

/// Returns how many bytes the part at `place` of a file has. `None`: no part begins there.
pub(super) fn length_at(place: u32, bytes: u32) -> Option<u32> {
    (place.is_multiple_of(PART) && place < bytes).then(|| PART.min(bytes - place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_and_parts_are_read_and_nothing_else() {
        let whole = part(FileId(5), 32_768, b"abc");
        let read = Message::Part { file: FileId(5), place: 32_768, bytes: b"abc" };
        assert_eq!(Message::read(&whole), Some(read));
        let mut want = whole[..HEAD].to_vec();
        want[3] = 1;
        assert_eq!(Message::read(&want), Some(Message::Want { file: FileId(5), place: 32_768 }));
        for length in 0..HEAD {
            assert_eq!(Message::read(&whole[..length]), None, "{length} bytes");
        }
        for kind in [0, 3, 255] {
            want[3] = kind;
            assert_eq!(Message::read(&want), None, "kind {kind}");
        }
    }

    #[test]
    fn parts_begin_where_the_ones_before_them_end() {
        assert_eq!(length_at(0, 10), Some(10));
        assert_eq!(length_at(0, PART), Some(PART));
        assert_eq!(length_at(PART, PART + 1), Some(1));
        for (place, bytes) in [(PART, PART), (1, PART), (u32::MAX, u32::MAX), (0, 0)] {
            assert_eq!(length_at(place, bytes), None, "{place} of {bytes}");
        }
    }
}

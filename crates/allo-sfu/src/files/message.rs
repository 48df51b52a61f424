//! What is said on a data channel.

use crate::ids::FileId;

/// Bytes of a part of a file. The last part may have fewer.
///
/// Higher: less is said about each. Lower: sound waits less behind a part that is on its way.
pub(super) const PART: u32 = 16 * 1024;

/// What is before the bytes: what it is, the file, and the place in it, each of four bytes.
const HEAD: usize = 12;

/// The longest message. The engine gives up a channel with a longer one.
pub(crate) const MESSAGE_MAX: u32 = PART + 12;

const WANT: u32 = 1;
const PART_OF: u32 = 2;

/// A part, as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) file: FileId,
    pub(super) place: u32,
    /// How many bytes of the file are in it.
    pub(super) length: u32,
}

impl Part {
    /// Reads the head of a message. `None`: it is no part.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_be_bytes(message.get(at..at + 4)?.try_into().ok()?));
        if number(0)? != PART_OF {
            return None;
        }
        let length = u32::try_from(message.len() - HEAD.min(message.len())).ok()?;
        Some(Self { file: FileId(number(4)?), place: number(8)?, length })
    }
}

/// Returns the message that asks for a part.
pub(super) fn want(file: FileId, place: u32) -> [u8; HEAD] {
    let mut message = [0; HEAD];
    for (field, number) in message.chunks_exact_mut(4).zip([WANT, file.0, place]) {
        field.copy_from_slice(&number.to_be_bytes());
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_and_nothing_else() {
        let mut message = want(FileId(5), 32_768).to_vec();
        assert_eq!(Part::read(&message), None, "this is no part");
        message[3] = 2;
        message.extend([7; 3]);
        assert_eq!(Part::read(&message), Some(Part { file: FileId(5), place: 32_768, length: 3 }));
        for length in 0..HEAD {
            assert_eq!(Part::read(&message[..length]), None, "{length} bytes");
        }
    }
}

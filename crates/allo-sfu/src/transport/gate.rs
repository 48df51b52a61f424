//! What of SCTP gets to the engine (RFC 9260): one association with one stream, and no more.
//!
//! The engine makes a stream for each number that it hears of, looks at all of them whenever anything comes, and never forgets an attempt to
//! begin. So it hears of none but the first, and of few attempts.

/// The common header, and the head of a chunk.
const HEADER: usize = 12;
const CHUNK_HEAD: usize = 4;

/// Attempts to begin an association that are let through. A client repeats its own while it is not answered.
const INITS_MAX: u8 = 16;

/// Binary data (RFC 8831 §8).
const BINARY: u32 = 53;

/// The gate of one transport.
#[derive(Debug, Default)]
pub(super) struct Gate {
    inits: u8,
}

impl Gate {
    /// Returns whether a packet is let through. Who speaks otherwise than agreed upon is not answered.
    pub(super) fn admits(&mut self, packet: &[u8]) -> bool {
        let Some(mut rest) = packet.get(HEADER..).filter(|rest| !rest.is_empty()) else { return false };
        while let Some((kind, length)) = head(rest) {
            if length < CHUNK_HEAD || length > rest.len() || !self.admits_chunk(kind, &rest[..length]) {
                return false;
            }
            // Chunks are filled up to four bytes; after the last one that may be missing.
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        }
        rest.is_empty()
    }

    fn admits_chunk(&mut self, kind: u8, chunk: &[u8]) -> bool {
        match kind {
            0 => is_of_the_stream(chunk),
            1 => {
                self.inits = self.inits.saturating_add(1);
                self.inits <= INITS_MAX
            }
            // INIT ACK, SACK, HEARTBEAT and its answer, ABORT, SHUTDOWN and its answer, ERROR, COOKIE ECHO and its answer, SHUTDOWN
            // COMPLETE, PAD (RFC 4820). To reset streams, or to leave something out, is of no use here.
            2..=11 | 14 | 132 => true,
            _ => false,
        }
    }
}

fn head(rest: &[u8]) -> Option<(u8, usize)> {
    let [kind, _flags, high, low, ..] = *rest else { return None };
    Some((kind, u16::from_be_bytes([high, low]).into()))
}

/// Returns whether data are binary, and of the first stream.
fn is_of_the_stream(chunk: &[u8]) -> bool {
    let Some([high, low]) = chunk.get(8..10) else { return false };
    let Some(kind) = chunk.get(12..16).and_then(|bytes| bytes.try_into().ok()) else { return false };
    [*high, *low] == [0, 0] && u32::from_be_bytes(kind) == BINARY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0; HEADER];
        for chunk in chunks {
            packet.extend_from_slice(chunk);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        packet
    }

    fn data(stream: u16, kind: u32, bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(16 + bytes.len()).unwrap();
        let mut chunk = vec![0, 3];
        chunk.extend(length.to_be_bytes());
        chunk.extend([0; 4]);
        chunk.extend(stream.to_be_bytes());
        chunk.extend([0; 2]);
        chunk.extend(kind.to_be_bytes());
        chunk.extend(bytes);
        chunk
    }

    #[test]
    fn binary_data_of_the_first_stream_pass_with_what_belongs_to_them() {
        let sack = [3, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut gate = Gate::default();
        assert!(gate.admits(&packet(&[&sack, &data(0, BINARY, b"abc"), &data(0, BINARY, b"d")])));
        let mut unpadded = packet(&[&data(0, BINARY, b"a")]);
        unpadded.truncate(HEADER + 17);
        assert!(gate.admits(&unpadded));
    }

    #[test]
    fn other_streams_are_never_heard_of() {
        let mut gate = Gate::default();
        for stream in 1..=u16::MAX {
            assert!(!gate.admits(&packet(&[&data(stream, BINARY, b"a")])));
        }
        for kind in [50, 51, 54, 56, 57, 0, u32::MAX] {
            assert!(!gate.admits(&packet(&[&data(0, kind, b"a")])), "kind {kind}");
        }
        let hidden = packet(&[&data(0, BINARY, b"a"), &data(7, BINARY, b"a")]);
        assert!(!gate.admits(&hidden), "the second counts as the first does");
    }

    #[test]
    fn resets_and_unknown_chunks_are_not_heard_of() {
        let mut gate = Gate::default();
        for kind in (12..=u8::MAX).filter(|kind| ![14, 132].contains(kind)) {
            assert!(!gate.admits(&packet(&[&[kind, 0, 0, 4]])), "chunk {kind}");
        }
    }

    #[test]
    fn an_association_begins_so_often() {
        let mut gate = Gate::default();
        let init = packet(&[&[1, 0, 0, 20, 1, 2, 3, 4, 0, 0, 0, 9, 0, 1, 0, 1, 0, 0, 0, 1]]);
        let admitted = (0..10_000).filter(|_| gate.admits(&init)).count();
        assert_eq!(admitted, usize::from(INITS_MAX));
    }

    #[test]
    fn what_is_cut_short_does_not_pass() {
        let mut gate = Gate::default();
        let whole = packet(&[&data(0, BINARY, b"abcd")]);
        for length in 0..whole.len() {
            assert!(!gate.admits(&whole[..length]), "{length} bytes");
        }
        assert!(!gate.admits(&packet(&[&[0, 3, 0, 0], &[0; 12]])), "a chunk without length");
    }
}

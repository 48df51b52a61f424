//! What a participant says in clear while its handshake goes on (DTLS 1.2, RFC 6347 §4), before it can prove anything.

use std::collections::BTreeMap;

/// Messages that one end says in clear: four, and some to spare. What counts higher never reaches the engine.
const MESSAGES_MAX: u16 = 8;

/// The longest message: browsers have certificates of less than 1 KiB. What is longer never reaches the engine.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// What is to be done with a datagram of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The engine may see it.
    Fine,
    /// Nobody honest sends this.
    Nonsense,
    /// It contradicts what was said before under the same number: one of the two was forged.
    Contradiction,
}

/// What one end has said so far in clear. Whoever repeats a message repeats it to the letter (RFC 6347 §4.2.4).
///
/// Without it, whoever forges the address of a participant and is first with a `ClientHello` keeps the handshake from ever ending.
/// Nobody can tell which of two is true; but that there are two can be told, and then a new transport helps, which has another
/// address.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    messages: BTreeMap<u16, Message>,
}

#[derive(Debug)]
struct Message {
    kind: u8,
    bytes: Vec<Option<u8>>,
}

impl Handshake {
    /// Takes note of a datagram.
    pub(crate) fn handle(&mut self, datagram: &[u8]) -> Verdict {
        let mut rest = datagram;
        while let Some((header, body)) = rest.split_first_chunk::<13>() {
            let [kind, _, _, epoch @ ..] = *header;
            let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let Some((record, after)) = body.split_at_checked(length) else { return Verdict::Nonsense };
            rest = after;
            if kind == 22 && epoch[..2] == [0, 0] {
                match self.handle_record(record) {
                    Verdict::Fine => {}
                    verdict => return verdict,
                }
            }
        }
        Verdict::Fine
    }

    fn handle_record(&mut self, mut rest: &[u8]) -> Verdict {
        while let Some((header, body)) = rest.split_first_chunk::<12>() {
            let three = |at: usize| {
                usize::from(header[at]) << 16 | usize::from(header[at + 1]) << 8 | usize::from(header[at + 2])
            };
            let (whole, offset, length) = (three(1), three(6), three(9));
            let number = u16::from_be_bytes([header[4], header[5]]);
            let is_possible = number < MESSAGES_MAX && whole <= MESSAGE_BYTES_MAX && offset + length <= whole;
            let Some((part, after)) = body.split_at_checked(length).filter(|_| is_possible) else {
                return Verdict::Nonsense;
            };
            rest = after;
            let message = self
                .messages
                .entry(number)
                .or_insert_with(|| Message { kind: header[0], bytes: vec![None; whole] });
            if !message.agrees(header[0], whole, offset, part) {
                return Verdict::Contradiction;
            }
        }
        if rest.is_empty() { Verdict::Fine } else { Verdict::Nonsense }
    }
}

impl Message {
    /// Takes a part of the message. Returns whether it is what was said before.
    fn agrees(&mut self, kind: u8, whole: usize, offset: usize, part: &[u8]) -> bool {
        if kind != self.kind || whole != self.bytes.len() {
            return false;
        }
        let known = self.bytes.iter_mut().skip(offset);
        known.zip(part).all(|(known, byte)| *known.get_or_insert(*byte) == *byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u8, whole: u8, offset: u8, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len()).unwrap();
        let header = [1, 0, 0, whole, 0, number, 0, 0, offset, 0, 0, length];
        let record = [header.to_vec(), body.to_vec()].concat();
        let size = u8::try_from(record.len()).unwrap();
        [vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, size], record].concat()
    }

    #[test]
    fn a_message_may_be_repeated_and_cut_in_other_places() {
        let mut handshake = Handshake::default();
        for datagram in
            [part(0, 6, 0, b"abcdef"), part(0, 6, 0, b"abc"), part(0, 6, 2, b"cdef"), part(1, 3, 0, b"xyz")]
        {
            assert_eq!(handshake.handle(&datagram), Verdict::Fine);
        }
        let both = [part(0, 6, 0, b"abcdef"), part(1, 3, 0, b"xyz")].concat();
        assert_eq!(handshake.handle(&both), Verdict::Fine);
    }

    #[test]
    fn another_message_under_the_same_number_is_a_contradiction() {
        for other in [part(0, 6, 0, b"abcdeX"), part(0, 7, 0, b"abc"), part(0, 6, 5, b"X")] {
            let mut handshake = Handshake::default();
            assert_eq!(handshake.handle(&part(0, 6, 0, b"abcdef")), Verdict::Fine);
            assert_eq!(handshake.handle(&other), Verdict::Contradiction);
        }
    }

    #[test]
    fn what_is_too_long_or_ends_early_is_nonsense() {
        let mut long = part(0, 6, 0, b"abcdef");
        long[14] = 0xff;
        let mut early = part(0, 6, 0, b"abcdef");
        early.pop();
        for datagram in [long, early, part(200, 6, 0, b"abcdef"), part(0, 6, 5, b"abc")] {
            assert_eq!(Handshake::default().handle(&datagram), Verdict::Nonsense);
        }
    }

    #[test]
    fn what_is_encrypted_is_not_looked_at() {
        let mut datagram = part(0, 6, 0, b"abcdef");
        datagram[4] = 1;
        datagram[14] = 0xff;
        assert_eq!(Handshake::default().handle(&datagram), Verdict::Fine);
    }
}

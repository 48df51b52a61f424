//! For whom a STUN message is, before anything is spent on it (RFC 8489 §6, RFC 8445 §7.3).

const HEADER_LENGTH: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;
/// The last attribute of a check: its kind and its length, before a checksum of all that stands before it (RFC 8489 §14.7).
const FINGERPRINT: [u8; 4] = [0x80, 0x28, 0, 4];
/// What the checksum is masked with, so that it differs from one of another protocol.
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Attributes that are looked at. ICE checks have fewer than ten, with the user name among the first.
const ATTRIBUTES_MAX: usize = 16;
/// The longest part of a user name (RFC 8839 §5.4).
const UFRAG_MAX: usize = 256;

/// What names a request among all others, and its answer too (RFC 8489 §5).
pub(crate) type TransactionId = [u8; 12];

/// Returns the receiver's part of the user name of a well-formed Binding request, which is all that an ICE-lite end is ever sent.
pub(crate) fn receiver_ufrag(datagram: &[u8]) -> Option<&str> {
    let (header, mut attributes) = datagram.split_at_checked(HEADER_LENGTH)?;
    let is_request = read_u16(header, 0)? == BINDING_REQUEST;
    let is_whole =
        usize::from(read_u16(header, 2)?) == attributes.len() && attributes.len().is_multiple_of(4);
    if !is_request || !is_whole || header[4..8] != MAGIC_COOKIE || has_wrong_fingerprint(datagram) {
        return None;
    }
    for _ in 0..ATTRIBUTES_MAX {
        let (kind, length) = (read_u16(attributes, 0)?, usize::from(read_u16(attributes, 2)?));
        let (value, padded) = (attributes.get(4..4 + length)?, 4 + length.next_multiple_of(4));
        if kind == USERNAME {
            let (receiver, _sender) = str::from_utf8(value).ok()?.split_once(':')?;
            return Some(receiver).filter(|ufrag| (1..=UFRAG_MAX).contains(&ufrag.len()));
        }
        attributes = attributes.get(padded..)?;
    }
    None
}

/// Returns what names a request among all others, if a datagram is a Binding request.
pub(crate) fn transaction_of_request(datagram: &[u8]) -> Option<TransactionId> {
    transaction_of(datagram, BINDING_REQUEST)
}

/// Returns which request a datagram answers with success, if it does.
pub(crate) fn transaction_of_success(datagram: &[u8]) -> Option<TransactionId> {
    transaction_of(datagram, BINDING_SUCCESS)
}

fn transaction_of(datagram: &[u8], kind: u16) -> Option<TransactionId> {
    (read_u16(datagram, 0)? == kind).then_some(datagram.get(8..HEADER_LENGTH)?.try_into().ok()?)
}

/// RFC 7983 §7.
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

fn has_wrong_fingerprint(datagram: &[u8]) -> bool {
    let Some((covered, [kind_and_length @ .., a, b, c, d])) = datagram.split_last_chunk::<8>() else {
        return false;
    };
    let said = u32::from_be_bytes([*a, *b, *c, *d]);
    *kind_and_length == FINGERPRINT && crc32(covered) ^ FINGERPRINT_MASK != said
}

/// The checksum of ITU-T V.42. A check is short and comes every few seconds: a table would not pay.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a message with these attributes.
    fn message(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [kind.to_be_bytes().as_slice(), &length, &MAGIC_COOKIE, &[7; 12], &body].concat()
    }

    #[test]
    fn the_receiver_is_the_first_half_of_the_user_name() {
        let request = message(BINDING_REQUEST, &[(0x8022, b"x"), (USERNAME, b"serv:cli")]);
        assert_eq!(receiver_ufrag(&request), Some("serv"));
    }

    #[test]
    fn a_fingerprint_is_right_or_not_there() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut request = message(BINDING_REQUEST, &[(USERNAME, b"serv:cli"), (0x8028, &[0; 4])]);
        assert_eq!(receiver_ufrag(&request), None);
        let end = request.len() - 4;
        let sum = crc32(&request[..end - 4]) ^ FINGERPRINT_MASK;
        request[end..].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(receiver_ufrag(&request), Some("serv"));
    }

    #[test]
    fn what_is_no_sound_request_is_for_nobody() {
        let good = message(BINDING_REQUEST, &[(USERNAME, b"serv:cli")]);
        let change = |at: usize, to: u8| {
            let mut bad = good.clone();
            bad[at] = to;
            bad
        };
        for kind in [0x0011, 0x0101, 0x0111, 0x0003] {
            assert_eq!(receiver_ufrag(&message(kind, &[(USERNAME, b"serv:cli")])), None, "{kind:#x}");
        }
        assert_eq!(receiver_ufrag(&change(4, 0)), None, "the magic cookie");
        assert_eq!(receiver_ufrag(&change(3, 8)), None, "the length is too small");
        assert_eq!(receiver_ufrag(&change(3, 16)), None, "the length is too large");
        assert_eq!(receiver_ufrag(&change(23, 200)), None, "the attribute overruns the message");
        let mut odd = change(3, 18);
        odd.extend([0, 0]);
        assert_eq!(receiver_ufrag(&odd), None, "the length is no multiple of four");
        assert_eq!(receiver_ufrag(&message(BINDING_REQUEST, &[(USERNAME, b"")])), None);
        assert_eq!(receiver_ufrag(&message(BINDING_REQUEST, &[(USERNAME, &[0xff, b':'])])), None);
        let mut many = vec![(0x8022, b"x".as_slice()); 200];
        many.push((USERNAME, b"serv:cli"));
        assert_eq!(receiver_ufrag(&message(BINDING_REQUEST, &many)), None);
        (0..good.len()).for_each(|end| assert_eq!(receiver_ufrag(&good[..end]), None, "{end} bytes"));
    }
}

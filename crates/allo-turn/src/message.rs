//! STUN messages (RFC 8489 §5, §14), as far as TURN needs them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use aws_lc_rs::hmac;

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// What the checksum is masked with, so that it differs from one of another protocol.
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Attributes that are looked at. TURN's requests have about ten; a message with more is no message.
const ATTRIBUTES_MAX: usize = 32;

/// Kinds of attributes.
pub(crate) mod kind {
    pub(crate) const USERNAME: u16 = 0x0006;
    pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(crate) const ERROR_CODE: u16 = 0x0009;
    pub(crate) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(crate) const CHANNEL_NUMBER: u16 = 0x000c;
    pub(crate) const LIFETIME: u16 = 0x000d;
    pub(crate) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(crate) const DATA: u16 = 0x0013;
    pub(crate) const REALM: u16 = 0x0014;
    pub(crate) const NONCE: u16 = 0x0015;
    pub(crate) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(crate) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(crate) const EVEN_PORT: u16 = 0x0018;
    pub(crate) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(crate) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(crate) const RESERVATION_TOKEN: u16 = 0x0022;
    pub(crate) const FINGERPRINT: u16 = 0x8028;

    /// Those below must be understood, or the request is refused (RFC 8489 §14).
    pub(crate) const OPTIONAL: u16 = 0x8000;
}

/// What a message is about (RFC 8656 §17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Binding,
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
}

impl Method {
    const ALL: [(Self, u16); 7] = [
        (Self::Binding, 0x001),
        (Self::Allocate, 0x003),
        (Self::Refresh, 0x004),
        (Self::Send, 0x006),
        (Self::Data, 0x007),
        (Self::CreatePermission, 0x008),
        (Self::ChannelBind, 0x009),
    ];

    fn number(self) -> u16 {
        Self::ALL.iter().find(|(method, _)| *method == self).map_or(0, |(_, number)| *number)
    }
}

/// Whether a message asks, tells, or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// The bits of each class in the type of a message, whose method goes around them.
const CLASSES: [(Class, u16); 4] =
    [(Class::Request, 0), (Class::Indication, 0x010), (Class::Success, 0x100), (Class::Error, 0x110)];
const CLASS_BITS: u16 = 0x110;

/// Names a request; its answer has the same.
pub(crate) type TransactionId = [u8; 12];

/// A message that is well formed. Whether it is genuine, [`Self::proves`] says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) class: Class,
    pub(crate) method: Method,
    pub(crate) transaction: TransactionId,
    /// Those before the proof. What stands behind it, nobody vouches for.
    attributes: &'a [u8],
    proof: Option<Proof<'a>>,
}

/// The proof that whoever sent a message knows a password (MESSAGE-INTEGRITY, RFC 8489 §14.5).
#[derive(Debug, Clone, Copy)]
struct Proof<'a> {
    covered: &'a [u8],
    tag: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message. Whatever is wrong with it, there is none.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, attributes) = bytes.split_at_checked(HEADER)?;
        let (number, length) = (read_u16(header, 0)?, usize::from(read_u16(header, 2)?));
        let is_whole = length == attributes.len() && length.is_multiple_of(4);
        if !is_whole || header[4..8] != MAGIC_COOKIE {
            return None;
        }
        let (class, _) = *CLASSES.iter().find(|(_, bits)| number & CLASS_BITS == *bits)?;
        // No method here has a bit above those of the class.
        let (method, _) = *Method::ALL.iter().find(|(_, method)| number & !CLASS_BITS == *method)?;
        let mut message =
            Self { class, method, transaction: header[8..].try_into().ok()?, attributes, proof: None };
        let mut at = 0;
        for _ in 0..ATTRIBUTES_MAX {
            let Some((kind, value, next)) = attribute(attributes, at)? else { return Some(message) };
            let before = bytes.get(..HEADER + at)?;
            match kind {
                kind::MESSAGE_INTEGRITY if message.proof.is_none() => {
                    message.proof = Some(Proof { covered: before, tag: value });
                    message.attributes = attributes.get(..at)?;
                }
                kind::FINGERPRINT => {
                    let is_right = next == attributes.len() && value == checksum(before).as_slice();
                    return is_right.then_some(message);
                }
                _ => {}
            }
            at = next;
        }
        None
    }

    /// Returns the value of the first attribute of a kind.
    pub(crate) fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.all().find(|(it, _)| *it == kind).map(|(_, value)| value)
    }

    /// Returns every attribute.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let (attributes, mut at) = (self.attributes, 0);
        std::iter::from_fn(move || {
            let (kind, value, next) = attribute(attributes, at)??;
            at = next;
            Some((kind, value))
        })
    }

    /// Returns a text.
    pub(crate) fn text(&self, kind: u16) -> Option<&'a str> {
        str::from_utf8(self.get(kind)?).ok()
    }

    /// Returns a number of four bytes.
    pub(crate) fn number(&self, kind: u16) -> Option<u32> {
        self.get(kind)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Returns every address of a kind; `None` for one that is none.
    pub(crate) fn addresses(&self, kind: u16) -> impl Iterator<Item = Option<SocketAddr>> {
        let transaction = self.transaction;
        self.all().filter(move |(it, _)| *it == kind).map(move |(_, value)| unmask(value, &transaction))
    }

    /// Returns whether there is a proof at all.
    pub(crate) fn has_proof(&self) -> bool {
        self.proof.is_some()
    }

    /// Returns whether the proof was made with this key. It takes as long whichever byte is wrong.
    pub(crate) fn proves(&self, key: &[u8]) -> bool {
        let Some(Proof { covered, tag }) = self.proof else { return false };
        hmac::verify(&sha1_key(key), &covering(covered, PROOF), tag).is_ok()
    }
}

/// Returns an attribute that begins there, and where the next one does; `Some(None)` at the end, `None` when it is broken.
#[allow(clippy::type_complexity, reason = "it is taken apart at once")]
#[allow(clippy::option_option, reason = "an end is no fault")]
fn attribute(attributes: &[u8], at: usize) -> Option<Option<(u16, &[u8], usize)>> {
    if at == attributes.len() {
        return Some(None);
    }
    let (kind, length) = (read_u16(attributes, at)?, usize::from(read_u16(attributes, at + 2)?));
    let value = attributes.get(at + 4..at + 4 + length)?;
    let next = at + 4 + length.next_multiple_of(4);
    (next <= attributes.len()).then_some(Some((kind, value, next)))
}

/// The length of a proof, and of a checksum, as attributes.
const PROOF: usize = 24;
const CHECKSUM: usize = 8;

/// Returns the bytes with the length that the message has once an attribute of `more` bytes is added: that is what is covered.
fn covering(bytes: &[u8], more: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = u16::try_from(bytes.len() - HEADER + more).unwrap_or(u16::MAX);
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    (crc32(&covering(bytes, CHECKSUM)) ^ FINGERPRINT_MASK).to_be_bytes()
}

fn sha1_key(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key)
}

/// The checksum of ITU-T V.42.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// Returns what addresses are masked with (RFC 8489 §14.2).
fn mask(transaction: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE);
    mask[4..].copy_from_slice(transaction);
    mask
}

fn xor<const N: usize>(bytes: [u8; N], mask: &[u8; 16]) -> [u8; N] {
    std::array::from_fn(|n| bytes[n] ^ mask[n])
}

fn unmask(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let ([_, family, high, low], address) = value.split_first_chunk::<4>()?;
    let mask = mask(transaction);
    let port = u16::from_be_bytes(xor([*high, *low], &mask));
    let ip = match family {
        1 => IpAddr::from(xor::<4>(address.try_into().ok()?, &mask)),
        2 => IpAddr::from(xor::<16>(address.try_into().ok()?, &mask)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes a message.
#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    transaction: TransactionId,
}

impl Writer {
    pub(crate) fn new(class: Class, method: Method, transaction: TransactionId) -> Self {
        let bits = CLASSES.iter().find(|(it, _)| *it == class).map_or(0, |(_, bits)| *bits);
        let mut bytes = (method.number() | bits).to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(transaction);
        Self { bytes, transaction }
    }

    /// Appends an attribute. One that is too long for any message is left out.
    #[must_use]
    pub(crate) fn push(mut self, kind: u16, value: &[u8]) -> Self {
        if let Ok(length) = u16::try_from(value.len()) {
            self.bytes.extend(kind.to_be_bytes());
            self.bytes.extend(length.to_be_bytes());
            self.bytes.extend(value);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        }
        self
    }

    #[must_use]
    pub(crate) fn push_number(self, kind: u16, number: u32) -> Self {
        self.push(kind, &number.to_be_bytes())
    }

    #[must_use]
    pub(crate) fn push_address(self, kind: u16, address: SocketAddr) -> Self {
        let mask = mask(&self.transaction);
        let port = xor(address.port().to_be_bytes(), &mask);
        let (family, bytes) = match address.ip() {
            IpAddr::V4(ip) => (1, xor(ip.octets(), &mask).to_vec()),
            IpAddr::V6(ip) => (2, xor(Ipv6Addr::octets(&ip), &mask).to_vec()),
        };
        self.push(kind, &[&[0, family], port.as_slice(), &bytes].concat())
    }

    /// Appends an error, without a sentence: it would only make the answer longer.
    #[must_use]
    pub(crate) fn push_error(self, code: u16) -> Self {
        let [class, number] = [code / 100, code % 100].map(|part| u8::try_from(part).unwrap_or(0));
        self.push(kind::ERROR_CODE, &[0, 0, class, number])
    }

    /// Ends the message without a proof.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let length = u16::try_from(self.bytes.len() - HEADER).unwrap_or(u16::MAX);
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
        self.bytes
    }

    /// Ends the message with a proof that it was made by who has this key.
    pub(crate) fn finish_with(self, key: &[u8]) -> Vec<u8> {
        let tag = hmac::sign(&sha1_key(key), &covering(&self.bytes, PROOF));
        self.push(kind::MESSAGE_INTEGRITY, tag.as_ref()).finish()
    }

    /// Appends a checksum to a message that is otherwise complete.
    #[cfg(test)]
    pub(crate) fn seal(message: &[u8]) -> Vec<u8> {
        let sum = checksum(message);
        let mut bytes = covering(message, CHECKSUM);
        bytes.extend(kind::FINGERPRINT.to_be_bytes());
        bytes.extend([0, 4]);
        bytes.extend(sum);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSACTION: TransactionId = *b"transaction!";

    fn request() -> Writer {
        Writer::new(Class::Request, Method::Allocate, TRANSACTION)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let addresses =
            ["192.0.2.1:8443", "[2001:db8::1]:443"].map(|text| text.parse::<SocketAddr>().unwrap());
        let mut writer = request().push(kind::USERNAME, b"ada").push_number(kind::LIFETIME, 600);
        for address in addresses {
            writer = writer.push_address(kind::XOR_PEER_ADDRESS, address);
        }
        let bytes = Writer::seal(&writer.finish_with(b"key"));
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.class, message.method), (Class::Request, Method::Allocate));
        assert_eq!((message.text(kind::USERNAME), message.number(kind::LIFETIME)), (Some("ada"), Some(600)));
        let read: Vec<_> = message.addresses(kind::XOR_PEER_ADDRESS).map(Option::unwrap).collect();
        assert_eq!(read, addresses);
        assert!(message.proves(b"key") && !message.proves(b"kex"));
    }

    /// RFC 5769 §2.1: a request by somebody else's program, with SHA-1 and a fingerprint.
    #[test]
    fn the_sample_of_the_standard_is_understood() {
        let bytes = [
            "000100582112a442b7e7a701bc34d686fa87dfae",
            "80220010",
            "5354554e207465737420636c69656e74",
            "00240004",
            "6e0001ff",
            "80290008",
            "932ff9b151263b36",
            "00060009",
            "6576746a3a683676592020200008001",
            "49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf",
        ]
        .concat();
        let bytes: Vec<u8> = (0..bytes.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap())
            .collect();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.text(kind::USERNAME), Some("evtj:h6vY"));
        assert!(message.proves(b"VOkJxbRl1RmTxUk/WvJxBt"));
    }

    #[test]
    fn nobody_vouches_for_what_stands_behind_the_proof() {
        let mut bytes = request().finish_with(b"key");
        bytes.extend([0, 6, 0, 4]);
        bytes.extend(b"evil");
        let length = bytes.len() - HEADER;
        bytes[3] = u8::try_from(length).unwrap();
        let message = Message::parse(&bytes).unwrap();
        assert!(message.proves(b"key"));
        assert_eq!(message.get(kind::USERNAME), None);
    }

    #[test]
    fn what_is_broken_is_no_message() {
        let good = Writer::seal(&request().push(kind::USERNAME, b"ada").finish_with(b"key"));
        (0..good.len())
            .for_each(|length| assert!(Message::parse(&good[..length]).is_none(), "{length} bytes"));
        // All but the kind of the checksum, which covers all else: without it, it is another message.
        let checksum = good.len() - CHECKSUM;
        for at in (0..checksum).chain(checksum + 2..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(Message::parse(&bad).is_none(), "byte {at}");
        }
        let mut many = request();
        for _ in 0..=ATTRIBUTES_MAX {
            many = many.push(0x8022, b"");
        }
        assert!(Message::parse(&many.finish()).is_none());
    }

    #[test]
    fn an_address_of_no_family_is_none() {
        for value in [
            &[][..],
            &[0, 1, 0, 0],
            &[0, 0, 0, 0, 1, 2, 3, 4],
            &[0, 1, 0, 0, 1, 2, 3],
            &[0, 2, 0, 0, 1, 2, 3, 4],
        ] {
            let bytes = request().push(kind::XOR_PEER_ADDRESS, value).finish();
            let message = Message::parse(&bytes).unwrap();
            assert_eq!(message.addresses(kind::XOR_PEER_ADDRESS).collect::<Vec<_>>(), [None], "{value:?}");
        }
    }
}

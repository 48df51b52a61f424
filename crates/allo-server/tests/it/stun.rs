//! Checks of connectivity as a client makes them (RFC 8445 §7.2), by hand: what is wrong with one is for a test to decide.

use aws_lc_rs::hmac;

const BINDING_REQUEST: u16 = 0x0001;
pub(crate) const BINDING_SUCCESS: u16 = 0x0101;
const MAGIC_COOKIE: u32 = 0x2112_a442;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const ICE_CONTROLLING: u16 = 0x802a;
const FINGERPRINT: u16 = 0x8028;

/// Makes a check for the end with this name and password. Each has a name of its own, of which `transaction` is the first byte.
pub(crate) fn check(ufrag: &str, password: &str, transaction: u8) -> Vec<u8> {
    let mut message = vec![0; 20];
    message[..2].copy_from_slice(&BINDING_REQUEST.to_be_bytes());
    message[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    aws_lc_rs::rand::fill(&mut message[9..]).unwrap();
    message[8] = transaction;
    push(&mut message, USERNAME, format!("{ufrag}:clie").as_bytes());
    push(&mut message, PRIORITY, &[0x6e, 0, 1, 0xff]);
    push(&mut message, ICE_CONTROLLING, &[7; 8]);
    push(&mut message, USE_CANDIDATE, &[]);
    // Each of the two proofs covers what stands before it, and a length that counts it.
    set_length(&mut message, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let proof = hmac::sign(&key, &message);
    push(&mut message, MESSAGE_INTEGRITY, proof.as_ref());
    set_length(&mut message, 8);
    let sum = crc32(&message) ^ 0x5354_554e;
    push(&mut message, FINGERPRINT, &sum.to_be_bytes());
    message
}

/// Returns the kind of a message, and its transaction.
pub(crate) fn kind(message: &[u8]) -> (u16, u8) {
    (u16::from_be_bytes([message[0], message[1]]), message[8])
}

fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    set_length(message, 0);
}

fn set_length(message: &mut [u8], more: usize) {
    let length = u16::try_from(message.len() - 20 + more).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

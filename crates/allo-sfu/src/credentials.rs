//! The ICE credentials of the server's ends (RFC 8839 §5.4), which say at first sight which worker a check is for.

use std::fmt;

use aws_lc_rs::hmac;

use crate::stun::receiver_ufrag;

/// A user name begins with the number of its worker, in so many hexadecimal digits.
const WORKER_DIGITS: usize = 2;
/// Unguessable characters in a user name, of 6 bits each. RFC 8445 §5.3 asks for 24 bits.
const UFRAG_LENGTH: usize = 14;
/// The characters of ICE, one for each value of 6 bits.
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a worker's ICE credentials are made from. Who knows it can read along who connects, and answer checks in its place.
///
/// It comes from the system's randomness, once for each worker and start. The engine's own credentials can be guessed.
#[derive(Clone)]
pub struct CredentialSeed([u8; 32]);

impl CredentialSeed {
    /// Takes 32 random bytes.
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }
}

impl fmt::Debug for CredentialSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialSeed(..)")
    }
}

/// Returns the number of the worker that a datagram is for, if it is a check of connectivity that a worker can have asked for.
///
/// Whether the check is genuine, only that worker can tell.
pub fn worker_of(datagram: &[u8]) -> Option<u8> {
    let digits = receiver_ufrag(datagram)?.get(..WORKER_DIGITS)?;
    let is_number = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    u8::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

/// The name and password of one end.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) password: String,
}

/// Makes credentials that nobody can guess and no two ends share.
pub(crate) struct CredentialSource {
    key: hmac::Key,
    worker: u8,
    count: u64,
}

impl CredentialSource {
    pub(crate) fn new(seed: &CredentialSeed, worker: u8) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed.0), worker, count: 0 }
    }

    pub(crate) fn draw(&mut self) -> Credentials {
        self.count += 1;
        let name = self.characters(b"name");
        let ufrag = format!("{:0width$x}{}", self.worker, &name[..UFRAG_LENGTH], width = WORKER_DIGITS);
        Credentials { ufrag, password: self.characters(b"password") }
    }

    /// Returns 32 characters, which are 192 bits.
    fn characters(&self, purpose: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[self.worker]);
        context.update(&self.count.to_be_bytes());
        context.update(purpose);
        let tag = context.sign();
        tag.as_ref().iter().map(|byte| char::from(CHARACTERS[usize::from(byte & 63)])).collect()
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialSource").field("worker", &self.worker).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_ends_share_credentials() {
        let mut parts = BTreeSet::new();
        for (seed, worker) in [(1, 0), (1, 1), (2, 0)] {
            let mut source = CredentialSource::new(&CredentialSeed::new([seed; 32]), worker);
            for _ in 0..100 {
                let Credentials { ufrag, password } = source.draw();
                parts.insert(ufrag[WORKER_DIGITS..].to_owned());
                parts.insert(password);
            }
        }
        assert_eq!(parts.len(), 600);
    }

    #[test]
    fn they_are_as_long_as_ice_demands_and_of_its_characters() {
        let Credentials { ufrag, password } =
            CredentialSource::new(&CredentialSeed::new([7; 32]), 255).draw();
        assert_eq!((ufrag.len(), password.len()), (16, 32));
        assert!(ufrag.bytes().chain(password.bytes()).all(|byte| CHARACTERS.contains(&byte)));
        assert!(ufrag.starts_with("ff"));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let seed = CredentialSeed::new([0xab; 32]);
        assert_eq!(format!("{seed:?}"), "CredentialSeed(..)");
        assert_eq!(format!("{:?}", CredentialSource::new(&seed, 3)), "CredentialSource { worker: 3, .. }");
    }
}

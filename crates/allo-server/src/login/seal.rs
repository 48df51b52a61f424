//! Cookies that nobody else can read or make, each for one purpose and for some time.

use std::time::Duration;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    constant_time::verify_slices_are_equal,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::passwords::{hex, unhex};

pub(super) struct Seal(RandomizedNonceKey);

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Content<T> {
    value: T,
    /// In seconds since 1970.
    until: u64,
}

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Option<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, key).ok().map(Self)
    }

    /// Seals a value for a purpose, until a time since 1970. `None` if the system has no randomness.
    pub(super) fn close<T: Serialize>(&self, purpose: &str, value: &T, until: Duration) -> Option<String> {
        let mut bytes = serde_json::to_vec(&Content { value, until: until.as_secs() }).ok()?;
        let nonce = self.0.seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut bytes).ok()?;
        Some(format!("{}{}", hex(nonce.as_ref()), hex(&bytes)))
    }

    /// Returns what was sealed for this purpose, if it was, and if its time is not over.
    pub(super) fn open<T: DeserializeOwned>(&self, purpose: &str, sealed: &str, now: Duration) -> Option<T> {
        let (nonce, bytes) = sealed.split_at_checked(2 * NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(&unhex(nonce)?).ok()?;
        let mut bytes = unhex(bytes)?;
        let content = self.0.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut bytes).ok()?;
        let Content { value, until } = serde_json::from_slice(content).ok()?;
        (now.as_secs() < until).then_some(value)
    }
}

/// Returns whether two texts are the same, in a time that does not tell where they differ.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_secs(1_800_000_001);
    const BEFORE: Duration = Duration::from_secs(1_799_999_999);

    #[test]
    fn what_was_sealed_is_read_by_the_same_server_for_the_same_purpose_in_time() {
        let seal = Seal::new(&[1; 32]).unwrap();
        let sealed = seal.close("login", &"Ada", NOON).unwrap();
        let open = |seal: &Seal, purpose, sealed: &str, now| seal.open::<String>(purpose, sealed, now);
        assert_eq!(open(&seal, "login", &sealed, BEFORE).as_deref(), Some("Ada"));
        assert_eq!(open(&seal, "login", &sealed, NOON), None, "its time is over");
        assert_eq!(open(&seal, "session", &sealed, BEFORE), None, "another purpose");
        let other = Seal::new(&[2; 32]).unwrap();
        assert_eq!(open(&other, "login", &sealed, BEFORE), None, "another server");
    }

    #[test]
    fn what_was_changed_or_made_up_is_nothing() {
        let seal = Seal::new(&[1; 32]).unwrap();
        let sealed = seal.close("login", &"Ada", NOON).unwrap();
        for n in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[n] = if changed[n] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(seal.open::<String>("login", &changed, BEFORE), None);
        }
        for odd in [
            "",
            "00",
            "zz",
            &"0".repeat(24),
            &"0".repeat(80),
            "é".repeat(40).as_str(),
            "+".repeat(60).as_str(),
        ] {
            assert_eq!(seal.open::<String>("login", odd, BEFORE), None, "{odd}");
        }
    }
}

//! Which public identifier a participant has.

use std::fmt;

use allo_protocol::{OwnerSecret, ParticipantId, ParticipantKey};
use aws_lc_rs::hmac;

use crate::{LoginId, OwnerProof, RoomName};

/// Letters and digits that are not mistaken for each other.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Letters of an identifier, of 5 bits each.
const LENGTH: usize = 12;

/// What public identifiers are made from, so that whoever comes back is the same participant, even to a server that was
/// restarted and has forgotten everyone.
///
/// Who knows it can tell which identifier a key will have, and no more.
#[derive(Clone)]
pub struct IdentitySecret([u8; 32]);

impl IdentitySecret {
    /// Takes 32 random bytes, which are to be kept for as long as participants are to be recognised.
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Returns a secret for another purpose, from which this one cannot be told.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut derived = [0; 32];
        derived.copy_from_slice(hmac::sign(&key, purpose.as_bytes()).as_ref());
        derived
    }
}

impl fmt::Debug for IdentitySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentitySecret(..)")
    }
}

/// Gives participants their identifiers, and tells owners by their secrets.
pub(crate) struct Identities {
    people: hmac::Key,
    owners: hmac::Key,
    logins: hmac::Key,
}

impl Identities {
    pub(crate) fn new(secret: &IdentitySecret) -> Self {
        let people = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
        let owners = hmac::Key::new(hmac::HMAC_SHA256, &secret.derive("owners"));
        let logins = hmac::Key::new(hmac::HMAC_SHA256, &secret.derive("logins of owners"));
        Self { people, owners, logins }
    }

    /// Returns what a room keeps of an owner's secret.
    pub(crate) fn proof(&self, room: &RoomName, secret: &OwnerSecret) -> OwnerProof {
        let mut context = hmac::Context::with_key(&self.owners);
        context.update(secret.as_bytes());
        context.update(room.as_str().as_bytes());
        OwnerProof::new(context.sign().as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Returns what a room keeps of somebody who owns it by having signed in.
    pub(crate) fn login_proof(&self, room: &RoomName, login: &LoginId) -> OwnerProof {
        let mut context = hmac::Context::with_key(&self.logins);
        context.update(login.as_bytes());
        context.update(room.as_str().as_bytes());
        OwnerProof::new(context.sign().as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Returns whether two texts are the same, in a time that does not tell where they differ.
    pub(crate) fn is_same(&self, a: &str, b: &str) -> bool {
        hmac::verify(&self.owners, a.as_bytes(), hmac::sign(&self.owners, b.as_bytes()).as_ref()).is_ok()
    }

    /// Returns the identifiers that a key may have in a room, the usual one first: 60 bits may be taken by somebody else.
    pub(crate) fn of(&self, room: &RoomName, key: &ParticipantKey) -> impl Iterator<Item = ParticipantId> {
        (0..=u32::MAX).map(move |attempt| {
            let mut context = hmac::Context::with_key(&self.people);
            context.update(key.as_bytes());
            context.update(&attempt.to_be_bytes());
            context.update(room.as_str().as_bytes());
            write(context.sign().as_ref())
        })
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities(..)")
    }
}

/// Writes the lowest bits of the first bytes as letters.
fn write(bytes: &[u8]) -> ParticipantId {
    let letters = bytes.iter().take(LENGTH).map(|byte| char::from(LETTERS[usize::from(byte & 31)]));
    let text = std::iter::once('p').chain(letters).collect::<String>();
    ParticipantId::try_from(text).expect("it is made of allowed letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(secret: u8, room: &str, key: u8) -> ParticipantId {
        let identities = Identities::new(&IdentitySecret::new([secret; 32]));
        let room = RoomName::parse(room, 64).unwrap();
        identities.of(&room, &ParticipantKey::from_bytes([key; 16])).next().unwrap()
    }

    #[test]
    fn a_key_has_one_identifier_in_a_room_and_another_in_another() {
        assert_eq!(id(1, "family", 7), id(1, "Family", 7));
        assert_ne!(id(1, "family", 7), id(1, "family", 8));
        assert_ne!(id(1, "family", 7), id(1, "school", 7));
        assert_ne!(id(1, "family", 7), id(2, "family", 7));
    }

    #[test]
    fn a_proof_is_of_one_secret_one_room_and_one_server() {
        let proof = |server: u8, room: &str, secret| {
            let identities = Identities::new(&IdentitySecret::new([server; 32]));
            identities.proof(&RoomName::parse(room, 64).unwrap(), &OwnerSecret::from_bytes([secret; 16]))
        };
        assert_eq!(proof(1, "family", 7), proof(1, "Family", 7));
        for other in [proof(1, "family", 8), proof(1, "school", 7), proof(2, "family", 7)] {
            assert_ne!(proof(1, "family", 7), other);
        }
    }

    #[test]
    fn there_is_another_one_when_the_first_is_taken() {
        let identities = Identities::new(&IdentitySecret::new([1; 32]));
        let room = RoomName::parse("family", 64).unwrap();
        let key = ParticipantKey::from_bytes([7; 16]);
        let mut all = identities.of(&room, &key);
        assert_ne!(all.next(), all.next());
    }
}

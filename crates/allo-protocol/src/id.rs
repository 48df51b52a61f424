//! Identifiers. Each is checked once, where it is parsed, and is never a bare `String` afterwards.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The text was not an identifier of the kind expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadId {
    expected: &'static str,
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for BadId {}

/// The public name of a participant in a room: 1 to 32 of `A-Z a-z 0-9 _ -`, chosen by the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,32}$")))]
#[serde(try_from = "String", into = "String")]
pub struct ParticipantId(String);

impl ParticipantId {
    /// Returns the identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ParticipantId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text))
        } else {
            Err(BadId { expected: "1 to 32 characters of A-Z a-z 0-9 _ -" })
        }
    }
}

impl From<ParticipantId> for String {
    fn from(id: ParticipantId) -> Self {
        id.0
    }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 128 bits written as 32 lower-case hexadecimal digits.
fn parse_hex128(text: &str) -> Result<[u8; 16], BadId> {
    let bad = BadId { expected: "32 lower-case hexadecimal digits" };
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return Err(bad);
    }
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => return Err(bad),
        }
    }
    Ok(bytes)
}

fn write_hex128(bytes: [u8; 16]) -> String {
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .map(|d| char::from(b"0123456789abcdef"[usize::from(d)]))
        .collect()
}

macro_rules! hex128 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{32}$")))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes one from 128 bits, which should be random.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the 128 bits.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                parse_hex128(&text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                write_hex128(id.0)
            }
        }
    };
}

hex128! {
    /// A participant's secret: whoever holds it *is* that participant, whatever connection they come by.
    ///
    /// Made by the client at its first join, kept by it, shown to nobody. `Debug` hides it.
    ParticipantKey
}

hex128! {
    /// One run of a client program, such as one load of the page.
    ///
    /// Peer connections live in the memory of one run. The same [`ParticipantKey`] with the same instance is a
    /// reconnection, and its links go on; with another instance it is a reload or a second tab, and they do not.
    InstanceId
}

hex128! {
    /// What makes whoever shows it the owner of a room. `Debug` hides it.
    ///
    /// Made by the client that opens the room. A link with it can be kept, used on other devices, and handed on.
    OwnerSecret
}

/// A password, as somebody typed it. `Debug` hides it.
///
/// Longer than the limits say, it is refused by the rooms with a sentence, not here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// An access token: a JSON Web Token (RFC 7519) that lets whoever shows it into one room. `Debug` hides it.
///
/// What it says is looked at by the server before the rooms hear of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct AccessToken(pub String);

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

impl fmt::Debug for OwnerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerSecret(..)")
    }
}

impl fmt::Debug for ParticipantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParticipantKey(..)")
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({})", write_hex128(self.0))
    }
}

/// A peer-to-peer link between two participants; both ends are told the same number.
///
/// A link lasts as long as both instances do. What is said about an older link is out of date and is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct LinkId(pub u32);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link-{}", self.0)
    }
}

/// A peer connection of a participant to the server's media plane. The client counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct MediaSession(pub u32);

impl fmt::Display for MediaSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        let text = "00112233445566778899aabbccddeeff".to_owned();
        let key = ParticipantKey::try_from(text.clone()).unwrap();
        assert_eq!(String::from(key), text);
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in ["", "0", "00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeeff0", "é"] {
            assert!(ParticipantKey::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        assert!(ParticipantKey::try_from("zz".repeat(16)).is_err());
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        let key = ParticipantKey::from_bytes([0xab; 16]);
        assert_eq!(format!("{key:?}"), "ParticipantKey(..)");
        let secret = OwnerSecret::from_bytes([0xab; 16]);
        assert_eq!(format!("{secret:?}"), "OwnerSecret(..)");
        let password = Password("sesame".to_owned());
        assert_eq!(format!("{password:?}"), "Password(..)");
        let token = AccessToken("a.b.c".to_owned());
        assert_eq!(format!("{token:?}"), "AccessToken(..)");
    }

    #[test]
    fn what_is_not_a_participant_id_is_refused() {
        for text in ["", "a b", "é", "\u{202e}", "123456789012345678901234567890123"] {
            assert!(ParticipantId::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}

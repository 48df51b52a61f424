//! What the shell finds out about somebody: what an access token comes to, and who has signed in.

use std::fmt;

use allo_protocol::Role;

use crate::{DisplayName, RoomName};

/// What stands in an access token that the shell has verified: who may come into which room, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The one room that it is for.
    pub room: RoomName,
    /// The name that they have there; the one they give themselves if there is none.
    pub name: Option<DisplayName>,
    /// What they are there, at least.
    pub role: Role,
}

/// Somebody who has signed in: the same for the same person, and nothing else about them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LoginId([u8; 32]);

impl LoginId {
    /// Takes a hash of who it is at the provider.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginId(..)")
    }
}

/// Why an access token is not one, in a sentence for the person who showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPass(pub String);

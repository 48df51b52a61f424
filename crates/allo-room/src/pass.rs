//! What an access token comes to.

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

/// Why an access token is not one, in a sentence for the person who showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPass(pub String);

//! Files that go from one to others.

use serde::{Deserialize, Serialize};

use crate::ParticipantId;

/// Names a file that is offered in a room. The server counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct FileId(pub u32);

/// A file that somebody offers. Its bytes stay with them until somebody takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileOffer {
    /// Its number in this room.
    pub id: FileId,
    /// The number that the sender gave it, by which the sender knows it again.
    pub reference: u32,
    /// Who offers it.
    pub from: ParticipantId,
    /// What they were called then.
    pub display_name: String,
    /// To whom alone; absent when it is for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ParticipantId>,
    /// Its name: plain text without a path, fit to be shown.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u32,
    /// Its media type (RFC 6838), as the sender has it: nothing that could be relied on.
    pub media_type: String,
    /// How many seconds ago it was offered.
    pub age_s: u32,
}

/// How it ended that somebody took a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum FileOutcome {
    /// They say that they have all of it.
    Received,
    /// They do not want it any more, or have gone.
    Cancelled,
    /// It did not get on for too long, or what came was not what was asked for.
    Stalled,
    /// The session of one of the two is over. It can be taken anew.
    Interrupted,
}

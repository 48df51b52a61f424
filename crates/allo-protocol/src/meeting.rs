//! Who may do what in a room, and what people do there besides being seen and heard.

use serde::{Deserialize, Serialize};

use crate::ParticipantId;

/// What somebody is in a room, from the most rights to the least. Who waits to be let in is not in the room, and has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Whoever opened the room, and whom they made owners. They may do everything, and say who is what.
    Owner,
    /// May do everything but say who is what.
    Moderator,
    /// May speak for themselves.
    #[default]
    Participant,
}

impl Role {
    /// Returns whether it is the one that everybody has.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What somebody may send. Everything, unless a moderator says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MayPublish {
    /// The sound of a microphone.
    pub mic: bool,
    /// The picture of a camera.
    pub cam: bool,
    /// A screen, and its sound.
    pub screen: bool,
}

impl MayPublish {
    /// All of it.
    pub const EVERYTHING: Self = Self { mic: true, cam: true, screen: true };

    /// Returns whether it is all of it.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_everything(&self) -> bool {
        *self == Self::EVERYTHING
    }
}

impl Default for MayPublish {
    fn default() -> Self {
        Self::EVERYTHING
    }
}

/// A device that somebody else may ask for, or turn off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Device {
    /// The microphone.
    Mic,
    /// The camera.
    Cam,
    /// The screen that is shared, and its sound.
    Screen,
}

/// Who may record. The server cannot keep anybody from recording what they see; this is about doing so openly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Recorders {
    /// Owners and moderators.
    Moderators,
    /// Everyone. So it is in a room that has no owner.
    #[default]
    Everyone,
}

/// How a room is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RoomSettings {
    /// Whether the room has an owner. In one without, nobody can be more than a participant.
    pub owned: bool,
    /// Whether newcomers wait until a moderator admits them.
    pub lobby: bool,
    /// Whether newcomers are refused.
    pub locked: bool,
    /// Whether newcomers need a password.
    pub password: bool,
    /// How many may be in the room at most.
    pub participants_max: u32,
    /// Who may record.
    pub recorders: Recorders,
    /// Whether one screen at a time may be shared.
    pub one_screen: bool,
    /// Who is to be shown large to everyone; absent for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spotlight: Option<ParticipantId>,
}

/// Somebody who waits to be let in, as moderators see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Knocker {
    /// The identifier that they will have.
    pub id: ParticipantId,
    /// The name that they gave.
    pub display_name: String,
}

/// Something that was said in writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// A number that no other one in this room has; they are in no order.
    pub id: u32,
    /// Who wrote it; they may have gone since.
    pub from: ParticipantId,
    /// What they were called then.
    pub display_name: String,
    /// To whom alone; absent when it is for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ParticipantId>,
    /// Plain text: never markup.
    pub text: String,
    /// How many seconds ago it was written.
    pub age_s: u32,
}

/// A sign that somebody gives, for a few seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Reaction {
    /// 👍
    ThumbsUp,
    /// 👎
    ThumbsDown,
    /// 👏
    Applause,
    /// ❤️
    Heart,
    /// 😂
    Laughter,
    /// 😮
    Surprise,
    /// 🎉
    Celebration,
    /// 🤔
    Doubt,
}

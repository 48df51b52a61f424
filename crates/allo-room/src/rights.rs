//! Who may say what.

use allo_protocol::{ClientMessage, ParticipantId, Recorders, Role};

/// What it takes to say something in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing: it is not about the room.
    Anyone,
    /// To be in the room.
    Participant,
    /// To be one of those who may record.
    Recorder,
    /// To be a moderator, or an owner.
    Moderator,
    /// To be an owner.
    Owner,
}

impl Rule {
    /// Returns the rule for a message of the participant `own`. A new message does not compile until it has one.
    pub(crate) fn of(message: &ClientMessage, own: &ParticipantId) -> Self {
        match message {
            ClientMessage::Hello { .. }
            | ClientMessage::Join { .. }
            | ClientMessage::Leave {}
            | ClientMessage::Ping {}
            | ClientMessage::Pong {} => Self::Anyone,
            ClientMessage::UpdateSelf { .. }
            | ClientMessage::SessionDescription { .. }
            | ClientMessage::IceCandidate { .. }
            | ClientMessage::PictureLimits { .. }
            | ClientMessage::RenewLink { .. }
            | ClientMessage::DropLink { .. }
            | ClientMessage::MediaOffer { .. }
            | ClientMessage::MediaBlocked { .. }
            | ClientMessage::Subscribe { .. }
            | ClientMessage::Vouch { .. }
            | ClientMessage::RequestSnapshot {}
            | ClientMessage::Chat { .. }
            | ClientMessage::OfferFile { .. }
            | ClientMessage::WithdrawFile { .. }
            | ClientMessage::AcceptFile { .. }
            | ClientMessage::EndFile { .. }
            | ClientMessage::RaiseHand {}
            | ClientMessage::LowerHand { participant: None }
            | ClientMessage::React { .. }
            // Nobody is kept from saying that they record no more.
            | ClientMessage::SetRecording { recording: false } => Self::Participant,
            ClientMessage::LowerHand { participant: Some(whose) } if whose == own => Self::Participant,
            ClientMessage::SetRecording { recording: true } => Self::Recorder,
            ClientMessage::LowerHand { participant: Some(_) }
            | ClientMessage::SetRoom { .. }
            | ClientMessage::SetPassword { .. }
            | ClientMessage::Spotlight { .. }
            | ClientMessage::Admit { .. }
            | ClientMessage::AdmitAll {}
            | ClientMessage::Deny { .. }
            | ClientMessage::TurnOff { .. }
            | ClientMessage::AskToTurnOn { .. }
            | ClientMessage::SetMayPublish { .. }
            | ClientMessage::Rename { .. }
            | ClientMessage::Remove { .. }
            | ClientMessage::Ban { .. }
            | ClientMessage::EndMeeting {} => Self::Moderator,
            ClientMessage::SetRole { .. } | ClientMessage::SetOwnerSecret { .. } => Self::Owner,
        }
    }

    /// Returns whether someone with this role meets the rule, in a room where so many may record.
    pub(crate) fn is_met(self, role: Role, recorders: Recorders) -> bool {
        match self {
            Self::Anyone | Self::Participant => true,
            Self::Recorder => recorders == Recorders::Everyone || is_moderator(role),
            Self::Moderator => is_moderator(role),
            Self::Owner => role == Role::Owner,
        }
    }
}

/// Returns whether a role has the rights of a moderator.
pub(crate) fn is_moderator(role: Role) -> bool {
    match role {
        Role::Owner | Role::Moderator => true,
        Role::Participant => false,
    }
}

/// Returns whether someone with the role `own`, a moderator at least, has power over someone with the role `other`.
pub(crate) fn has_power(own: Role, other: Role) -> bool {
    own == Role::Owner || other != Role::Owner
}

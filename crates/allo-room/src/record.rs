//! What of a room with an owner outlives its being empty, and a restart of the server.

use std::collections::BTreeMap;
use std::fmt;

use allo_protocol::{MayPublish, ParticipantId, Recorders, Role};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};

use crate::DisplayName;
use crate::bans::Bans;

/// People whom a room keeps in mind beside their being there. Beyond: nobody more is banned or given a role; and whoever is admitted
/// has to be admitted again when they come back.
const PEOPLE_MAX: usize = 1000;

/// What a room keeps of its owner's secret: nothing that one could come in with.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerProof([u8; 32]);

impl OwnerProof {
    pub(crate) fn new(keyed_hash: [u8; 32]) -> Self {
        Self(keyed_hash)
    }
}

impl PartialEq for OwnerProof {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for OwnerProof {}

impl fmt::Debug for OwnerProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerProof(..)")
    }
}

/// By what somebody may turn out to be an owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proofs {
    /// What the secret that they gave comes to.
    pub(crate) secret: Option<OwnerProof>,
    /// What their having signed in comes to.
    pub(crate) login: Option<OwnerProof>,
}

/// A password, hashed by the shell, in a form that the shell alone understands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// What is kept of a room that has an owner. One without has nothing to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRecord {
    pub(crate) owner: OwnerProof,
    /// What is kept of whoever opened it when they had signed in: they own it, wherever they sign in.
    #[serde(default)]
    pub(crate) login: Option<OwnerProof>,
    pub(crate) lobby: bool,
    pub(crate) locked: bool,
    pub(crate) password: Option<PasswordHash>,
    pub(crate) participants_max: Option<u32>,
    pub(crate) recorders: Recorders,
    #[serde(default)]
    pub(crate) one_screen: bool,
    /// Where people were banned from.
    #[serde(default)]
    pub(crate) bans: Bans,
    /// Those of whom there is something to know, at most [`PEOPLE_MAX`].
    people: BTreeMap<ParticipantId, Known>,
}

/// What a room knows about somebody, by their key: whatever connection they come by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) standing: Standing,
    pub(crate) may_publish: MayPublish,
    /// The name that a moderator gave them.
    pub(crate) name: Option<DisplayName>,
}

/// How somebody stands with a room.
///
/// ```text
/// Newcomer ── let in, where not everyone is ──► Admitted ◄── setRole ──► Moderator, Owner
///     ▲                                          │
///     └──── the meeting is over ── Removed, Banned ◄── remove, ban
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Standing {
    #[default]
    Newcomer,
    /// Comes in without being asked again.
    Admitted,
    Moderator,
    Owner,
    /// Has to be admitted, lobby or not.
    Removed,
    Banned,
}

impl RoomRecord {
    pub(crate) fn new(owner: OwnerProof, lobby: bool) -> Self {
        Self {
            owner,
            login: None,
            lobby,
            locked: false,
            password: None,
            participants_max: None,
            recorders: Recorders::Moderators,
            one_screen: false,
            bans: Bans::default(),
            people: BTreeMap::new(),
        }
    }

    /// Returns whether somebody who comes with these is an owner.
    pub(crate) fn is_owned_by(&self, proofs: &Proofs) -> bool {
        let has_secret = proofs.secret.as_ref() == Some(&self.owner);
        has_secret || (proofs.login.is_some() && proofs.login == self.login)
    }

    /// Returns whether newcomers are looked at: those who are in are then remembered.
    pub(crate) fn is_guarded(&self) -> bool {
        self.lobby || self.locked || self.password.is_some() || !self.bans.is_empty()
    }

    pub(crate) fn standing(&self, id: &ParticipantId) -> Standing {
        self.people.get(id).map(|known| known.standing).unwrap_or_default()
    }

    pub(crate) fn role(&self, id: &ParticipantId) -> Role {
        match self.standing(id) {
            Standing::Owner => Role::Owner,
            Standing::Moderator => Role::Moderator,
            Standing::Newcomer | Standing::Admitted | Standing::Removed | Standing::Banned => {
                Role::Participant
            }
        }
    }

    pub(crate) fn may_publish(&self, id: &ParticipantId) -> MayPublish {
        self.people.get(id).map(|known| known.may_publish).unwrap_or_default()
    }

    /// Returns whether somebody may open the room again, where not everyone may open rooms: who was let in before, or shows the secret.
    pub(crate) fn may_open(&self, id: &ParticipantId, proofs: &Proofs) -> bool {
        match self.standing(id) {
            Standing::Owner | Standing::Moderator | Standing::Admitted => true,
            Standing::Newcomer | Standing::Removed | Standing::Banned => self.is_owned_by(proofs),
        }
    }

    /// Returns the name that a moderator gave somebody.
    pub(crate) fn name(&self, id: &ParticipantId) -> Option<&DisplayName> {
        self.people.get(id)?.name.as_ref()
    }

    /// Returns whether there is an owner other than this one. They need not be here.
    pub(crate) fn has_other_owner(&self, id: &ParticipantId) -> bool {
        self.people.iter().any(|(other, known)| other != id && known.standing == Standing::Owner)
    }

    /// Changes what is known about somebody. Returns `false`, and changes nothing, when nobody more can be kept in mind.
    pub(crate) fn change(&mut self, id: &ParticipantId, change: impl FnOnce(&mut Known)) -> bool {
        let mut known = self.people.get(id).cloned().unwrap_or_default();
        change(&mut known);
        if known == Known::default() {
            self.people.remove(id);
            return true;
        }
        if self.people.len() >= PEOPLE_MAX && !self.people.contains_key(id) && !self.make_place(&known) {
            return false;
        }
        self.people.insert(id.clone(), known);
        true
    }

    /// Forgets that somebody was let in, for something that matters more. Otherwise a crowd could keep others from being banned.
    fn make_place(&mut self, known: &Known) -> bool {
        let least = Known { standing: Standing::Admitted, ..Known::default() };
        let forgotten = self.people.iter().find(|(_, other)| **other == least && *known != least);
        let Some(id) = forgotten.map(|(id, _)| id.clone()) else { return false };
        self.people.remove(&id).is_some()
    }

    /// Remembers that somebody was let in, unless there is more to be known about them.
    pub(crate) fn admit(&mut self, id: &ParticipantId) {
        match self.standing(id) {
            Standing::Newcomer | Standing::Removed => {
                // Beyond the bound they are in, and have to be admitted again when they come back.
                let _is_kept = self.change(id, |known| known.standing = Standing::Admitted);
            }
            Standing::Admitted | Standing::Moderator | Standing::Owner | Standing::Banned => {}
        }
    }

    /// Forgets what counts for one meeting: who was let in, put out, silenced or a moderator, and the lock.
    pub(crate) fn end_meeting(&mut self) {
        self.locked = false;
        self.bans = Bans::default();
        self.people.retain(|_, known| known.standing == Standing::Owner);
        for known in self.people.values_mut() {
            *known = Known { standing: Standing::Owner, ..Known::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> ParticipantId {
        ParticipantId::try_from(format!("p{n}")).unwrap()
    }

    fn record() -> RoomRecord {
        RoomRecord::new(OwnerProof::new([1; 32]), false)
    }

    #[test]
    fn so_many_people_are_kept_in_mind_and_no_more() {
        let mut record = record();
        let ban = |known: &mut Known| known.standing = Standing::Banned;
        assert!((0..PEOPLE_MAX).all(|n| record.change(&id(n), ban)));
        assert!(!record.change(&id(PEOPLE_MAX), ban));
        assert_eq!(record.standing(&id(PEOPLE_MAX)), Standing::Newcomer);
        assert!(record.change(&id(0), |known| known.standing = Standing::Newcomer), "one is forgotten");
        assert!(record.change(&id(PEOPLE_MAX), ban));
    }

    #[test]
    fn a_crowd_that_was_let_in_keeps_nobody_from_being_banned() {
        let mut record = record();
        (0..2 * PEOPLE_MAX).for_each(|n| record.admit(&id(n)));
        assert_eq!(record.people.len(), PEOPLE_MAX);
        assert!(record.change(&id(2 * PEOPLE_MAX), |known| known.standing = Standing::Banned));
        assert_eq!(record.people.len(), PEOPLE_MAX);
    }

    #[test]
    fn a_meeting_that_is_over_leaves_the_room_its_owner_and_its_door() {
        let mut record = record();
        (record.locked, record.lobby) = (true, true);
        for (n, standing) in
            [Standing::Owner, Standing::Moderator, Standing::Admitted, Standing::Removed, Standing::Banned]
                .into_iter()
                .enumerate()
        {
            assert!(record.change(&id(n), |known| known.standing = standing));
        }
        record.end_meeting();
        assert!((record.lobby, record.locked) == (true, false));
        assert_eq!((0..5).map(|n| record.role(&id(n))).filter(|role| *role == Role::Owner).count(), 1);
        assert_eq!(record.people.len(), 1);
    }

    #[test]
    fn letting_in_gives_no_right_and_takes_none() {
        let mut record = record();
        assert!(record.change(&id(1), |known| known.standing = Standing::Moderator));
        assert!(record.change(&id(2), |known| known.standing = Standing::Banned));
        for n in [1, 2, 3] {
            record.admit(&id(n));
        }
        let standings = [1, 2, 3].map(|n| record.standing(&id(n)));
        assert_eq!(standings, [Standing::Moderator, Standing::Banned, Standing::Admitted]);
    }
}

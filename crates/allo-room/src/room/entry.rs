//! The door of a room: who comes in, who waits, who does not.

use allo_protocol::{ParticipantId, ParticipantKey, Role, ServerMessage};

use super::{Arrival, Grant, Room};
use crate::attempts::Network;
use crate::connection::Seat;
use crate::output::Outputs;
use crate::record::{PasswordHash, Proofs, RoomRecord, Standing};
use crate::refusal::Refusal;
use crate::rights::is_moderator;
use crate::waiting::Waiter;
use crate::{ConnectionId, RoomsConfig};

/// What is to happen with somebody at the door who is not refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// They come in.
    In,
    /// A moderator has to admit them.
    Wait,
    /// Their password has to be compared with this first.
    Check(PasswordHash),
}

impl Room {
    /// Decides about somebody who is not in the room.
    pub(crate) fn entry(
        &self,
        id: &ParticipantId,
        arrival: &Arrival,
        config: &RoomsConfig,
    ) -> Result<Entry, Refusal> {
        let grant = arrival.granted();
        let lacks_token = config.token_required && grant.is_none();
        let Some(record) = &self.record else {
            return if lacks_token {
                Err(Refusal::TokenRequired)
            } else {
                self.check_place().map(|()| Entry::In)
            };
        };
        let standing = record.standing(id);
        if standing == Standing::Banned {
            return Err(Refusal::Banned);
        }
        let is_owner =
            record.is_owned_by(&arrival.proofs) || grant.is_some_and(|grant| is_moderator(grant.role));
        let is_known = matches!(standing, Standing::Owner | Standing::Moderator | Standing::Admitted);
        if is_owner || is_known {
            return self.check_place().map(|()| Entry::In);
        }
        if lacks_token {
            return Err(Refusal::TokenRequired);
        }
        if record.locked {
            return Err(Refusal::RoomLocked);
        }
        // Who was vouched for need not know the word.
        if grant.is_none() && record.password.is_some() && arrival.fits != record.password {
            let hash = record.password.clone().filter(|_| arrival.password.is_some());
            return hash.map(Entry::Check).ok_or(Refusal::PasswordRequired);
        }
        let is_suspect = record.bans.contains(Network::of(arrival.from));
        if record.lobby || standing == Standing::Removed || is_suspect {
            return Ok(Entry::Wait);
        }
        self.check_place().map(|()| Entry::In)
    }

    /// Says why there is no place for another member, if there is none.
    pub(crate) fn check_place(&self) -> Result<(), Refusal> {
        let places = self.places();
        let is_full = self.members.len() >= usize::try_from(places).unwrap_or(usize::MAX);
        if is_full { Err(Refusal::RoomFull { places }) } else { Ok(()) }
    }

    /// Returns how many the room holds.
    pub(super) fn places(&self) -> u32 {
        let asked = self.record.as_ref().and_then(|record| record.participants_max);
        asked.unwrap_or(self.places).min(self.places)
    }

    /// Makes somebody an owner who has shown the secret, or has signed in as one. Another one gives no right, and takes none.
    pub(crate) fn prove_owner(&mut self, id: &ParticipantId, proofs: &Proofs, out: &mut Outputs) {
        let Some(record) = self.record.as_mut().filter(|record| record.is_owned_by(proofs)) else { return };
        if record.standing(id) != Standing::Owner
            && record.standing(id) != Standing::Banned
            && record.change(id, |known| known.standing = Standing::Owner)
        {
            self.keep_record(out);
        }
    }

    /// Gives somebody what their token says. More than that they keep, and a name that a moderator gave them, too.
    pub(crate) fn use_grant(&mut self, id: &ParticipantId, grant: Option<&Grant>, out: &mut Outputs) {
        let Some(grant) = grant else { return };
        let was_owned = self.record.is_some();
        let record = self.record.get_or_insert_with(|| RoomRecord::new(grant.unowned.clone(), false));
        let standing = match (grant.role, record.standing(id)) {
            (_, Standing::Banned | Standing::Owner)
            | (Role::Participant, _)
            | (Role::Moderator, Standing::Moderator) => None,
            (Role::Moderator, _) => Some(Standing::Moderator),
            (Role::Owner, _) => Some(Standing::Owner),
        };
        // Beyond the bound they are in, as anyone else is.
        let _is_kept = record.change(id, |known| {
            known.standing = standing.unwrap_or(known.standing);
            known.name = known.name.take().or_else(|| grant.name.clone());
        });
        self.keep_record(out);
        if !was_owned {
            self.tell_settings(out);
        }
    }

    /// Remembers that somebody came in, where not everyone does: so they need not be let in again.
    pub(crate) fn remember(&mut self, id: &ParticipantId, is_guarded: bool, out: &mut Outputs) {
        let Some(record) = &mut self.record else { return };
        let is_new = matches!(record.standing(id), Standing::Newcomer | Standing::Removed);
        if is_new && (is_guarded || record.is_guarded() || record.standing(id) == Standing::Removed) {
            record.admit(id);
            self.keep_record(out);
        }
    }

    /// Remembers that a moderator let somebody in, who need not be let in again.
    pub(crate) fn remember_admitted(&mut self, id: &ParticipantId, out: &mut Outputs) {
        self.remember(id, true, out);
    }

    /// Remembers everyone who is here, because from now on not everyone comes in.
    pub(super) fn remember_all(&mut self) {
        let ids: Vec<ParticipantId> = self.members.iter().map(|member| member.id.clone()).collect();
        if let Some(record) = self.record.as_mut().filter(|record| record.is_guarded()) {
            for id in &ids {
                record.admit(id);
            }
        }
    }

    /// Returns the number of the `join` by which somebody with this key waits.
    pub(crate) fn find_waiting(&self, key: &ParticipantKey) -> Option<u32> {
        self.waiting.find_by_key(key).map(|waiter| waiter.arrival.attempt)
    }

    /// Returns whether somebody waits to be let in.
    pub(crate) fn is_waiting(&self, id: &ParticipantId) -> bool {
        self.waiting.contains(id)
    }

    /// Lets somebody wait. Returns the connection by which they waited before.
    pub(crate) fn wait(
        &mut self,
        id: ParticipantId,
        arrival: Arrival,
        out: &mut Outputs,
    ) -> Result<Option<ConnectionId>, Refusal> {
        let connection = arrival.connection;
        let replaced = self.waiting.put(Waiter { id, arrival })?;
        out.message(connection, ServerMessage::Waiting { room: self.name.as_str().to_owned() });
        self.tell_knocking(out);
        Ok(replaced)
    }

    /// Takes somebody out who waits, and what they came with.
    pub(crate) fn stop_waiting(&mut self, id: &ParticipantId, out: &mut Outputs) -> Option<Arrival> {
        let waiter = self.waiting.take(id)?;
        self.tell_knocking(out);
        Some(waiter.arrival)
    }

    /// Returns those who wait, the first first.
    pub(crate) fn waiting(&self) -> Vec<ParticipantId> {
        self.waiting.ids()
    }

    /// Returns those of them who wait because of the lobby alone.
    pub(crate) fn newcomers(&self) -> Vec<ParticipantId> {
        let Some(record) = &self.record else { return Vec::new() };
        let waits_for_more = |waiter: &&Waiter| {
            record.standing(&waiter.id) == Standing::Removed
                || record.bans.contains(Network::of(waiter.arrival.from))
        };
        let newcomers = self.waiting.iter().filter(|waiter| !waits_for_more(waiter));
        newcomers.map(|waiter| waiter.id.clone()).collect()
    }

    /// Returns where somebody has, or will have, their place.
    pub(crate) fn seat(&self, id: &ParticipantId) -> Seat {
        Seat { room: self.name.clone(), participant: id.clone() }
    }

    /// Tells all moderators who waits.
    pub(super) fn tell_knocking(&self, out: &mut Outputs) {
        self.members.iter().for_each(|member| self.tell_knocking_to(&member.id, out));
    }

    /// Tells somebody who waits, if they are a moderator.
    pub(super) fn tell_knocking_to(&self, id: &ParticipantId, out: &mut Outputs) {
        if is_moderator(self.role(id))
            && let Some(connection) = self.find(id).and_then(super::Member::connection)
        {
            out.message(connection, ServerMessage::Knocking { people: self.waiting.describe() });
        }
    }
}

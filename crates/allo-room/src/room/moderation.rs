//! What owners and moderators do. The rule for each message has been looked at before; here it is about whom it may be done to.

use std::time::Instant;

use allo_protocol::{Device, MayPublish, ParticipantId, Recorders, Role, RoomSettings, ServerMessage};

use super::{Member, Room};
use crate::attempts::Network;
use crate::output::Outputs;
use crate::record::{Known, OwnerProof, PasswordHash, Standing};
use crate::refusal::Refusal;
use crate::rights::{Rule, has_power, is_moderator};
use crate::{CheckId, ConnectionId, DisplayName, RoomsConfig};

/// What changes of how a room is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomChange {
    pub(crate) lobby: Option<bool>,
    pub(crate) locked: Option<bool>,
    pub(crate) participants_max: Option<u32>,
    pub(crate) recorders: Option<Recorders>,
    pub(crate) one_screen: Option<bool>,
}

/// How somebody is put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutOut {
    /// They have to be admitted to come in again.
    Removed,
    /// They do not come in again as long as the meeting lasts.
    Banned,
}

impl Room {
    pub(crate) fn role(&self, id: &ParticipantId) -> Role {
        self.record.as_ref().map(|record| record.role(id)).unwrap_or_default()
    }

    pub(crate) fn may_publish(&self, id: &ParticipantId) -> MayPublish {
        self.record.as_ref().map(|record| record.may_publish(id)).unwrap_or_default()
    }

    /// Returns whether somebody meets a rule.
    pub(crate) fn allows(&self, id: &ParticipantId, rule: Rule) -> bool {
        let recorders = self.record.as_ref().map(|record| record.recorders).unwrap_or_default();
        rule.is_met(self.role(id), recorders)
    }

    /// Returns the name that a moderator gave somebody.
    pub(super) fn given_name(&self, id: &ParticipantId) -> Option<&DisplayName> {
        self.record.as_ref()?.name(id)
    }

    /// Returns how the room is kept, for everyone to know.
    pub(super) fn settings(&self) -> RoomSettings {
        let record = self.record.as_ref();
        RoomSettings {
            owned: record.is_some(),
            lobby: record.is_some_and(|record| record.lobby),
            locked: record.is_some_and(|record| record.locked),
            password: record.is_some_and(|record| record.password.is_some()),
            participants_max: self.places(),
            recorders: record.map(|record| record.recorders).unwrap_or_default(),
            one_screen: record.is_some_and(|record| record.one_screen),
            spotlight: self.spotlight.clone(),
        }
    }

    pub(super) fn tell_settings(&mut self, out: &mut Outputs) {
        self.version += 1;
        let (version, settings) = (self.version, self.settings());
        self.broadcast(None, out, || ServerMessage::RoomUpdated { version, settings: settings.clone() });
    }

    /// Changes how the room is kept.
    pub(crate) fn change(&mut self, change: RoomChange, out: &mut Outputs) {
        let before = self.settings();
        let places = self.places;
        if let Some(record) = &mut self.record {
            record.lobby = change.lobby.unwrap_or(record.lobby);
            record.locked = change.locked.unwrap_or(record.locked);
            record.recorders = change.recorders.unwrap_or(record.recorders);
            record.one_screen = change.one_screen.unwrap_or(record.one_screen);
            let asked = change.participants_max.map(|places_asked| places_asked.clamp(1, places));
            record.participants_max = asked.or(record.participants_max);
        }
        self.remember_all();
        if self.settings() != before {
            self.tell_settings(out);
        }
        self.keep_record(out);
    }

    /// Records that a new password is being hashed, unless one is.
    pub(crate) fn begin_hashing(&mut self, check: CheckId) -> Result<(), Refusal> {
        if self.hashing.is_some() {
            return Err(Refusal::PasswordPending);
        }
        self.hashing = Some(check);
        Ok(())
    }

    /// Takes the password that was hashed, if there is one; without, it stays what it was.
    pub(crate) fn end_hashing(&mut self, check: CheckId, hash: Option<PasswordHash>, out: &mut Outputs) {
        if self.hashing == Some(check) {
            self.hashing = None;
            if hash.is_some() {
                self.set_password(hash, out);
            }
        }
    }

    pub(crate) fn set_password(&mut self, hash: Option<PasswordHash>, out: &mut Outputs) {
        let before = self.settings();
        if let Some(record) = &mut self.record {
            record.password = hash;
        }
        self.remember_all();
        if self.settings() != before {
            self.tell_settings(out);
        }
        self.keep_record(out);
    }

    /// Shows somebody large to everyone, or nobody.
    pub(crate) fn set_spotlight(
        &mut self,
        whom: Option<ParticipantId>,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        if whom.as_ref().is_some_and(|whom| !self.contains(whom)) {
            return Err(Refusal::NoSuchPeer);
        }
        if std::mem::replace(&mut self.spotlight, whom) != self.spotlight {
            self.tell_settings(out);
        }
        Ok(())
    }

    /// Says whether somebody may act on somebody else, who is here or waits.
    pub(crate) fn check_power(&self, own: &ParticipantId, other: &ParticipantId) -> Result<(), Refusal> {
        if own == other || !(self.contains(other) || self.is_waiting(other)) {
            return Err(Refusal::NoSuchPeer);
        }
        if has_power(self.role(own), self.role(other)) { Ok(()) } else { Err(Refusal::NoPower) }
    }

    /// Turns off a device of somebody, or of everybody who is not a moderator.
    pub(crate) fn turn_off(
        &mut self,
        by: &ParticipantId,
        whose: Option<&ParticipantId>,
        device: Device,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        let concerned: Vec<ParticipantId> = if let Some(id) = whose {
            self.check_member(by, id)?;
            vec![id.clone()]
        } else {
            let ids = self.members.iter().map(|member| member.id.clone());
            ids.filter(|id| !is_moderator(self.role(id))).collect()
        };
        for id in concerned {
            let before = self.describe(&id);
            let Some(member) = self.find_mut(&id) else { continue };
            member.turn_off(device, by);
            if let Some(connection) = member.connection() {
                out.message(connection, ServerMessage::TurnedOff { device, by: by.clone() });
            }
            self.tell_change(&id, before.as_ref(), out);
        }
        Ok(())
    }

    /// Where one screen at a time may be shared, turns off that of somebody who has just turned it on while another one is shared, as if whoever
    /// shares that had done it. They are still to be told.
    pub(super) fn yield_screen(&mut self, id: &ParticipantId) {
        if !self.record.as_ref().is_some_and(|record| record.one_screen) {
            return;
        }
        let shares = |member: &&Member| member.devices.screen && member.id != *id;
        let Some(by) = self.members.iter().find(shares).map(|member| member.id.clone()) else { return };
        if let Some(member) = self.find_mut(id).filter(|member| member.devices.screen) {
            member.turn_off(Device::Screen, &by);
        }
    }

    /// Tells somebody again what was turned off: the word may have been lost.
    pub(super) fn tell_turned_off(&self, id: &ParticipantId, out: &mut Outputs) {
        let Some(member) = self.find(id) else { return };
        let Some(connection) = member.connection() else { return };
        for (device, by) in &member.turned_off {
            out.message(connection, ServerMessage::TurnedOff { device: *device, by: by.clone() });
        }
    }

    /// Asks somebody to turn on a device. Who is away is not asked.
    pub(crate) fn ask_to_turn_on(
        &self,
        by: &ParticipantId,
        whom: &ParticipantId,
        device: Device,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        self.check_member(by, whom)?;
        if let Some(connection) = self.find(whom).and_then(Member::connection) {
            out.message(connection, ServerMessage::AskedToTurnOn { device, by: by.clone() });
        }
        Ok(())
    }

    /// Says what somebody may send.
    pub(crate) fn set_may_publish(
        &mut self,
        now: Instant,
        by: &ParticipantId,
        whom: &ParticipantId,
        may: MayPublish,
        config: &RoomsConfig,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        self.check_member(by, whom)?;
        let before = self.describe(whom);
        self.change_known(whom, |known| known.may_publish = may, out)?;
        if let Some(member) = self.find_mut(whom) {
            member.devices.limit(may);
        }
        self.tell_change(whom, before.as_ref(), out);
        self.settle_way(now, None, config, out);
        Ok(())
    }

    /// Gives somebody a name, which they keep.
    pub(crate) fn rename(
        &mut self,
        by: &ParticipantId,
        whom: &ParticipantId,
        name: &DisplayName,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        self.check_member(by, whom)?;
        let before = self.describe(whom);
        self.change_known(whom, |known| known.name = Some(name.clone()), out)?;
        let name = self.name_of(whom, name.clone());
        if let Some(member) = self.find_mut(whom) {
            member.name = name;
        }
        self.tell_change(whom, before.as_ref(), out);
        Ok(())
    }

    /// Makes somebody something. An owner says so.
    pub(crate) fn set_role(
        &mut self,
        by: &ParticipantId,
        whom: &ParticipantId,
        role: Role,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        if !self.contains(whom) {
            return Err(Refusal::NoSuchPeer);
        }
        let has_other = self.record.as_ref().is_some_and(|record| record.has_other_owner(whom));
        if by == whom && role != Role::Owner && !has_other {
            return Err(Refusal::LastOwner);
        }
        let before = self.describe(whom);
        let was_moderator = is_moderator(self.role(whom));
        let standing = match role {
            Role::Owner => Standing::Owner,
            Role::Moderator => Standing::Moderator,
            // Who was something is not a stranger afterwards.
            Role::Participant => Standing::Admitted,
        };
        self.change_known(whom, |known| known.standing = standing, out)?;
        self.tell_change(whom, before.as_ref(), out);
        match (was_moderator, is_moderator(role)) {
            (false, true) if !self.waiting.is_empty() => self.tell_knocking_to(whom, out),
            (true, false) => {
                // It is no business of theirs any more who waits.
                if let Some(connection) = self.find(whom).and_then(Member::connection) {
                    out.message(connection, ServerMessage::Knocking { people: Vec::new() });
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn set_owner(&mut self, proof: OwnerProof, out: &mut Outputs) {
        if let Some(record) = &mut self.record {
            record.owner = proof;
            self.keep_record(out);
        }
    }

    /// Remembers that somebody is put out, and how. Of 16 random bytes a secret is made, if this is the first ban of the meeting.
    pub(crate) fn put_out(
        &mut self,
        whom: &ParticipantId,
        how: PutOut,
        fresh: [u8; 16],
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        let standing = match how {
            PutOut::Removed => Standing::Removed,
            PutOut::Banned => Standing::Banned,
        };
        self.change_known(whom, |known| known.standing = standing, out)?;
        if how == PutOut::Banned {
            self.ban_network_of(whom, fresh, out);
        }
        Ok(())
    }

    /// Has whoever comes from where somebody is looked at. Those who are here and share an address with them need not be.
    fn ban_network_of(&mut self, whom: &ParticipantId, fresh: [u8; 16], out: &mut Outputs) {
        let waiter = self.waiting.find(whom).map(|waiter| waiter.arrival.from);
        let Some(from) = self.find(whom).map(|member| member.from).or(waiter) else { return };
        if let Some(record) = &mut self.record {
            record.bans.add(Network::of(from), fresh);
        }
        self.remember_all();
        self.keep_record(out);
    }

    /// Ends the meeting: nobody is here any more, nor at the door. Returns whose connections are to be closed.
    pub(crate) fn end_meeting(&mut self, out: &mut Outputs) -> Vec<ConnectionId> {
        let members = std::mem::take(&mut self.members);
        let waiters = self.waiting.take_all();
        for Member { id, .. } in &members {
            self.links.remove(id);
            self.media.remove(id).into_iter().for_each(|key| out.disconnect(key));
            self.relayed.remove(id).into_iter().for_each(|key| out.unrelay(key));
        }
        if let Some(record) = &mut self.record {
            record.end_meeting();
        }
        self.keep_record(out);
        let connected = members.iter().filter_map(Member::connection);
        connected.chain(waiters.iter().map(|waiter| waiter.arrival.connection)).collect()
    }

    /// Returns those who are in the room.
    pub(crate) fn ids(&self) -> Vec<ParticipantId> {
        self.members.iter().map(|member| member.id.clone()).collect()
    }

    fn check_member(&self, by: &ParticipantId, whom: &ParticipantId) -> Result<(), Refusal> {
        if !self.contains(whom) {
            return Err(Refusal::NoSuchPeer);
        }
        self.check_power(by, whom)
    }

    fn change_known(
        &mut self,
        id: &ParticipantId,
        change: impl FnOnce(&mut Known),
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        let is_kept = self.record.as_mut().is_some_and(|record| record.change(id, change));
        if !is_kept {
            return Err(Refusal::TooManyPeople);
        }
        self.keep_record(out);
        Ok(())
    }
}

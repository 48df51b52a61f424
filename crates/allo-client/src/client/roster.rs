//! Who is in the room, by the server's versions.

use allo_protocol::{LeaveReason, Participant, ParticipantId, RoomSettings, Topology};

/// The room as the last message told it.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    version: u32,
    you: Option<ParticipantId>,
    /// In the order of arrival. The server bounds how many there are.
    participants: Vec<Participant>,
    /// Set by a gap in the versions until the next snapshot.
    is_out_of_date: bool,
}

/// One change, as the server tells it.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Joined(Participant),
    Updated(Participant),
    Left(ParticipantId, LeaveReason),
    Topology(Topology),
    Settings(RoomSettings),
}

/// What became of a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The roster is up to date.
    Applied,
    /// Changes before this one were missed: ask for a snapshot.
    Gap,
    /// It is older than the snapshot, or a snapshot has been asked for.
    Ignored,
}

impl Roster {
    pub(crate) fn you(&self) -> Option<&ParticipantId> {
        self.you.as_ref()
    }

    /// Returns everyone but this participant.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(|participant| Some(&participant.id) != self.you.as_ref())
    }

    /// Replaces everything. Returns the peers that are no longer there.
    pub(crate) fn handle_snapshot(
        &mut self,
        version: u32,
        you: ParticipantId,
        participants: Vec<Participant>,
    ) -> Vec<ParticipantId> {
        let is_there = |id: &ParticipantId| participants.iter().any(|participant| &participant.id == id);
        let gone = self.peers().map(|peer| peer.id.clone()).filter(|id| !is_there(id)).collect();
        *self = Self { version, you: Some(you), participants, is_out_of_date: false };
        gone
    }

    /// Applies one change if it is the next.
    pub(crate) fn handle_change(&mut self, version: u32, change: Change) -> Outcome {
        // Versions may wrap after four thousand million changes.
        let ahead = version.wrapping_sub(self.version);
        if self.is_out_of_date || self.you.is_none() || ahead == 0 || ahead > u32::MAX / 2 {
            return Outcome::Ignored;
        }
        if ahead != 1 {
            self.is_out_of_date = true;
            return Outcome::Gap;
        }
        self.version = version;
        match change {
            Change::Joined(participant) | Change::Updated(participant) => self.put(participant),
            Change::Left(id, _) => self.participants.retain(|participant| participant.id != id),
            Change::Topology(_) | Change::Settings(_) => {}
        }
        Outcome::Applied
    }

    fn put(&mut self, participant: Participant) {
        match self.participants.iter_mut().find(|known| known.id == participant.id) {
            Some(known) => *known = participant,
            None => self.participants.push(participant),
        }
    }
}

#[cfg(test)]
mod tests {
    use allo_protocol::{Connection, MayPublish, MediaCondition, Role};

    use super::*;

    fn id(text: &str) -> ParticipantId {
        ParticipantId::try_from(text.to_owned()).unwrap()
    }

    fn participant(name: &str) -> Participant {
        let connection = Connection::Online;
        Participant {
            id: id(name),
            display_name: name.to_owned(),
            mic: true,
            cam: true,
            screen: false,
            connection,
            role: Role::Participant,
            may_publish: MayPublish::EVERYTHING,
            hand: None,
            recording: false,
            media: MediaCondition::Fine,
        }
    }

    fn roster() -> Roster {
        let mut roster = Roster::default();
        roster.handle_snapshot(7, id("me"), vec![participant("ada"), participant("me")]);
        roster
    }

    fn peers(roster: &Roster) -> Vec<&str> {
        roster.peers().map(|peer| peer.id.as_str()).collect()
    }

    #[test]
    fn changes_in_order_are_applied() {
        let mut roster = roster();
        assert_eq!(roster.handle_change(8, Change::Joined(participant("bob"))), Outcome::Applied);
        assert_eq!(roster.handle_change(9, Change::Left(id("ada"), LeaveReason::Left)), Outcome::Applied);
        assert_eq!(peers(&roster), ["bob"]);
    }

    #[test]
    fn a_gap_is_noticed_once_and_mended_by_a_snapshot() {
        let mut roster = roster();
        assert_eq!(roster.handle_change(9, Change::Joined(participant("bob"))), Outcome::Gap);
        assert_eq!(roster.handle_change(10, Change::Joined(participant("eve"))), Outcome::Ignored);
        assert_eq!(peers(&roster), ["ada"]);
        let gone = roster.handle_snapshot(10, id("me"), vec![participant("me"), participant("eve")]);
        assert_eq!(gone, [id("ada")]);
        assert_eq!(roster.handle_change(11, Change::Joined(participant("bob"))), Outcome::Applied);
        assert_eq!(peers(&roster), ["eve", "bob"]);
    }

    #[test]
    fn changes_that_the_snapshot_has_already_are_ignored() {
        let mut roster = roster();
        assert_eq!(roster.handle_change(7, Change::Left(id("ada"), LeaveReason::Left)), Outcome::Ignored);
        assert_eq!(peers(&roster), ["ada"]);
    }

    #[test]
    fn versions_may_wrap() {
        let mut roster = Roster::default();
        roster.handle_snapshot(u32::MAX, id("me"), vec![participant("me")]);
        assert_eq!(roster.handle_change(0, Change::Joined(participant("bob"))), Outcome::Applied);
    }
}

//! Who is in the room, as far as a synthetic participant needs it.

use std::collections::BTreeMap;

use allo_protocol::{Participant, ParticipantId, Source, Tile};

/// What the display names of the tester's participants begin with. Their number follows.
const PREFIX: &str = "load ";

/// The participants of the tester that are in the room, by the ids that the server gave them.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    you: Option<ParticipantId>,
    /// The number of each, and whether it has a camera.
    others: BTreeMap<ParticipantId, (u32, bool)>,
}

/// Returns the display name of a participant.
pub(crate) fn display_name(number: u32) -> String {
    format!("{PREFIX}{number}")
}

impl Roster {
    /// Replaces everything.
    pub(crate) fn replace(&mut self, you: ParticipantId, participants: Vec<Participant>) {
        *self = Self { you: Some(you), others: BTreeMap::new() };
        for participant in participants {
            self.put(participant);
        }
    }

    /// Takes a newcomer, or a change.
    pub(crate) fn put(&mut self, participant: Participant) {
        let number = participant.display_name.strip_prefix(PREFIX).and_then(|text| text.parse().ok());
        if let Some(number) = number.filter(|_| self.you.as_ref() != Some(&participant.id)) {
            self.others.insert(participant.id, (number, participant.cam));
        }
    }

    pub(crate) fn remove(&mut self, participant: &ParticipantId) {
        self.others.remove(participant);
    }

    /// Returns the number of a participant.
    pub(crate) fn number(&self, participant: &ParticipantId) -> Option<u32> {
        self.others.get(participant).map(|(number, _)| *number)
    }

    /// Returns so many pictures to receive: of those who come after oneself, going round, so that everybody is received by some.
    pub(crate) fn tiles(&self, own: u32, count: usize, height: u16) -> Vec<Tile> {
        let mut cams: Vec<_> = self.others.iter().filter(|(_, (_, has_cam))| *has_cam).collect();
        cams.sort_by_key(|(_, (number, _))| (*number < own, *number));
        let tile = |(id, _): &(&ParticipantId, &(u32, bool))| Tile {
            participant: (*id).clone(),
            source: Source::Cam,
            height,
        };
        cams.iter().take(count).map(tile).collect()
    }
}

#[cfg(test)]
mod tests {
    use allo_protocol::{Connection, MayPublish, MediaCondition, Role};

    use super::*;

    fn participant(number: u32, cam: bool) -> Participant {
        Participant {
            id: ParticipantId::try_from(format!("p{number}")).unwrap(),
            display_name: display_name(number),
            mic: true,
            cam,
            screen: false,
            connection: Connection::Online,
            role: Role::Participant,
            may_publish: MayPublish::EVERYTHING,
            hand: None,
            recording: false,
            media: MediaCondition::Fine,
        }
    }

    #[test]
    fn tiles_go_round_and_leave_out_oneself_and_those_without_a_camera() {
        let mut roster = Roster::default();
        let you = participant(3, true).id;
        roster.replace(you, (1..=6).map(|n| participant(n, n != 5)).collect());
        let names = |roster: &Roster, count| -> Vec<_> {
            roster.tiles(3, count, 180).into_iter().map(|tile| tile.participant.to_string()).collect()
        };
        assert_eq!(names(&roster, 9), ["p4", "p6", "p1", "p2"]);
        assert_eq!(names(&roster, 2), ["p4", "p6"]);
        roster.remove(&participant(4, true).id);
        assert_eq!(names(&roster, 2), ["p6", "p1"]);
    }
}

//! Which way media take in a room, and when that changes.

use std::time::{Duration, Instant};

use allo_protocol::{Topology, TopologyChoice};

/// So many are connected directly in a room that chooses by itself. With one more, each would have to send twice.
const DIRECT_MAX: usize = 2;

/// The way that media take in a room.
///
/// ```text
///        a third comes
/// Mesh ─────────────────► Sfu ──┐ two are alone: a pause begins
///   ▲                      ▲    ▼
///   └── the pause is over ─┼── Sfu, waiting
///                          └────┘ a third comes
/// ```
#[derive(Debug)]
pub(crate) struct Way {
    choice: TopologyChoice,
    topology: Topology,
    mesh_again_at: Option<Instant>,
}

impl Way {
    pub(crate) fn new(choice: TopologyChoice) -> Self {
        let topology = match choice {
            TopologyChoice::Sfu => Topology::Sfu,
            TopologyChoice::Auto | TopologyChoice::Mesh => Topology::Mesh,
        };
        Self { choice, topology, mesh_again_at: None }
    }

    pub(crate) fn choice(&self) -> TopologyChoice {
        self.choice
    }

    pub(crate) fn topology(&self) -> Topology {
        self.topology
    }

    /// Returns when [`Self::settle`] is worth calling although nobody came or went.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.mesh_again_at
    }

    /// Takes how many are in the room now, and whether one of them may not send everything, which only the server can see to.
    /// Returns whether the topology changes.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        members: usize,
        is_anyone_silenced: bool,
        pause: Duration,
    ) -> bool {
        if self.choice != TopologyChoice::Auto {
            return false;
        }
        let before = self.topology;
        if members > DIRECT_MAX || is_anyone_silenced {
            self.topology = Topology::Sfu;
            self.mesh_again_at = None;
        } else if self.topology == Topology::Sfu {
            // Someone alone has nobody to be disturbed by a change.
            let due = if members < DIRECT_MAX { now } else { now + pause };
            let at = *self.mesh_again_at.insert(self.mesh_again_at.map_or(due, |at| at.min(due)));
            if at <= now {
                self.topology = Topology::Mesh;
                self.mesh_again_at = None;
            }
        }
        self.topology != before
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    #[test]
    fn the_third_brings_the_server_in_and_two_who_stay_are_direct_again() {
        let start = Instant::now();
        let mut way = Way::new(TopologyChoice::Auto);
        assert!(!way.settle(start, 2, false, PAUSE));
        assert!(way.settle(start, 3, false, PAUSE));
        assert_eq!(way.topology(), Topology::Sfu);
        assert!(!way.settle(start, 2, false, PAUSE));
        assert_eq!(way.wake_at(), Some(start + PAUSE));
        assert!(
            !way.settle(start + PAUSE / 2, 2, false, PAUSE),
            "asking again does not begin the pause again"
        );
        assert!(way.settle(start + PAUSE, 2, false, PAUSE));
        assert_eq!((way.topology(), way.wake_at()), (Topology::Mesh, None));
    }

    #[test]
    fn a_third_who_comes_in_the_pause_ends_it() {
        let start = Instant::now();
        let mut way = Way::new(TopologyChoice::Auto);
        way.settle(start, 3, false, PAUSE);
        way.settle(start, 2, false, PAUSE);
        assert!(!way.settle(start + PAUSE / 2, 3, false, PAUSE));
        assert!(!way.settle(start + PAUSE, 3, false, PAUSE));
        assert!(!way.settle(start + PAUSE, 2, false, PAUSE));
        assert_eq!(way.wake_at(), Some(start + 2 * PAUSE));
    }

    #[test]
    fn someone_left_alone_starts_anew() {
        let start = Instant::now();
        let mut way = Way::new(TopologyChoice::Auto);
        way.settle(start, 3, false, PAUSE);
        way.settle(start, 2, false, PAUSE);
        assert!(way.settle(start, 1, false, PAUSE));
        assert_eq!(way.topology(), Topology::Mesh);
    }

    #[test]
    fn two_of_whom_one_may_not_send_everything_are_not_direct() {
        let start = Instant::now();
        let mut way = Way::new(TopologyChoice::Auto);
        assert!(way.settle(start, 2, true, PAUSE));
        assert_eq!(way.topology(), Topology::Sfu);
        assert!(!way.settle(start + 2 * PAUSE, 2, true, PAUSE));
        assert!(!way.settle(start + 2 * PAUSE, 2, false, PAUSE));
        assert!(way.settle(start + 3 * PAUSE, 2, false, PAUSE));
    }

    #[test]
    fn what_was_chosen_stays() {
        let start = Instant::now();
        for (choice, topology) in
            [(TopologyChoice::Mesh, Topology::Mesh), (TopologyChoice::Sfu, Topology::Sfu)]
        {
            let mut way = Way::new(choice);
            assert!((0..9).all(|members| !way.settle(
                start + PAUSE * members,
                members as usize,
                false,
                PAUSE
            )));
            assert_eq!(way.topology(), topology);
        }
    }
}

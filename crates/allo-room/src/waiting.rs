//! Those who wait to be let in.

use allo_protocol::{Knocker, ParticipantId, ParticipantKey};

use crate::ConnectionId;
use crate::refusal::Refusal;
use crate::room::Arrival;

/// Those who may wait for one room at a time. The next one is refused.
///
/// Higher: bigger audiences can gather at the door. Lower: the list that moderators are told when it changes is shorter.
const WAITING_MAX: usize = 100;

/// Someone who waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) id: ParticipantId,
    pub(crate) arrival: Arrival,
}

/// Those who wait for one room, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Vec<Waiter>);

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn find_by_key(&self, key: &ParticipantKey) -> Option<&Waiter> {
        self.0.iter().find(|waiter| waiter.arrival.key == *key)
    }

    pub(crate) fn find(&self, id: &ParticipantId) -> Option<&Waiter> {
        self.0.iter().find(|waiter| waiter.id == *id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waiter> {
        self.0.iter()
    }

    pub(crate) fn contains(&self, id: &ParticipantId) -> bool {
        self.0.iter().any(|waiter| waiter.id == *id)
    }

    pub(crate) fn ids(&self) -> Vec<ParticipantId> {
        self.0.iter().map(|waiter| waiter.id.clone()).collect()
    }

    /// Lets somebody wait, in the place that they had if they did so before. Returns the connection that is replaced.
    pub(crate) fn put(&mut self, waiter: Waiter) -> Result<Option<ConnectionId>, Refusal> {
        if let Some(known) = self.0.iter_mut().find(|known| known.id == waiter.id) {
            let before = std::mem::replace(known, waiter);
            return Ok(Some(before.arrival.connection));
        }
        if self.0.len() >= WAITING_MAX {
            return Err(Refusal::LobbyFull);
        }
        self.0.push(waiter);
        Ok(None)
    }

    /// Takes somebody out.
    pub(crate) fn take(&mut self, id: &ParticipantId) -> Option<Waiter> {
        let index = self.0.iter().position(|waiter| waiter.id == *id)?;
        Some(self.0.remove(index))
    }

    /// Takes everyone out.
    pub(crate) fn take_all(&mut self) -> Vec<Waiter> {
        std::mem::take(&mut self.0)
    }

    /// Returns what moderators are told.
    pub(crate) fn describe(&self) -> Vec<Knocker> {
        let knocker = |waiter: &Waiter| Knocker {
            id: waiter.id.clone(),
            display_name: waiter.arrival.name.as_str().to_owned(),
        };
        self.0.iter().map(knocker).collect()
    }
}

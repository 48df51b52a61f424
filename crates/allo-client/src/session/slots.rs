//! What comes in the slots of a session, and from whom.

use std::collections::BTreeMap;
use std::time::Instant;

use allo_protocol::{ParticipantId, Slot, Source};
use str0m::media::{MediaData, MediaKind};

use super::options::SlotReport;
use crate::reception::{AudioReception, AudioReport, Numbers, VideoReception, VideoReport};

/// Whose track it is, and where it comes from.
type TrackName = (ParticipantId, Source);

/// Counts what comes, by participant and source.
///
/// A slot goes on under the same numbers when it changes its track, so that a loss at the change is counted for the new track. What
/// comes before the server has said whose it is, is not counted.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// By `mid`; no more than there are lines.
    carried: BTreeMap<String, Slot>,
    numbers: BTreeMap<String, Numbers>,
    /// Of participants who are in the room: the others are forgotten.
    audio: BTreeMap<TrackName, AudioReception>,
    video: BTreeMap<TrackName, VideoReception>,
}

impl Slots {
    /// Takes what the slots carry from now on. Those that are no line of this session must have been left out.
    pub(crate) fn assign(&mut self, slots: Vec<Slot>) {
        let before = std::mem::take(&mut self.carried);
        for slot in slots {
            let name = (slot.participant.clone(), slot.source);
            let is_new = before
                .get(&slot.mid)
                .is_none_or(|before| name != (before.participant.clone(), before.source));
            if let Some(reception) = self.video.get_mut(&name).filter(|_| is_new) {
                reception.restart();
            }
            self.carried.insert(slot.mid.clone(), slot);
        }
    }

    /// Counts what came in a slot. Returns whether a keyframe should be asked for.
    pub(crate) fn handle(&mut self, now: Instant, kind: MediaKind, data: &MediaData) -> bool {
        let mid = data.mid.to_string();
        let arrival = self.numbers.entry(mid.clone()).or_default().handle(data);
        let Some(slot) = self.carried.get(&mid) else { return false };
        let name = (slot.participant.clone(), slot.source);
        if kind.is_audio() {
            self.audio.entry(name).or_default().handle(now, arrival, data);
            return false;
        }
        self.video.entry(name).or_default().handle(now, arrival, data)
    }

    /// Forgets everybody of whom `is_there` says that they are gone.
    pub(crate) fn retain(&mut self, is_there: impl Fn(&ParticipantId) -> bool) {
        self.audio.retain(|(participant, _), _| is_there(participant));
        self.video.retain(|(participant, _), _| is_there(participant));
    }

    /// Returns the sound that came from a source.
    pub(crate) fn audio(&self, now: Instant, participant: &ParticipantId, source: Source) -> AudioReport {
        let reception = self.audio.get(&(participant.clone(), source));
        reception.map(|reception| reception.report(now)).unwrap_or_default()
    }

    /// Returns the pictures that came from a source.
    pub(crate) fn video(&self, now: Instant, participant: &ParticipantId, source: Source) -> VideoReport {
        let reception = self.video.get(&(participant.clone(), source));
        reception.map(|reception| reception.report(now)).unwrap_or_default()
    }

    /// Returns what the slots carry.
    pub(crate) fn report(&self) -> Vec<SlotReport> {
        let report = |slot: &Slot| SlotReport {
            participant: slot.participant.clone(),
            source: slot.source,
            layer: slot.layer,
            is_paused: slot.paused,
        };
        self.carried.values().map(report).collect()
    }
}

//! Events that wait for the rooms. A worker never waits for them itself.

use std::collections::BTreeSet;

use allo_protocol::FileId;
use allo_room::{MediaEvent, MediaKey, MediaTrackId};

/// So few are not looked at one by one.
const COMPACT_MIN: usize = 1024;

/// Events in the order in which they happened.
///
/// Its bound: when there are many, what is out of date is left out, so that of each slot, track and session the latest remains.
/// An answer and an end are never left out; there is one for each command and each session.
#[derive(Debug)]
pub(super) struct Backlog {
    events: Vec<MediaEvent>,
    compact_at: usize,
}

/// What an event is the latest word about.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject<'a> {
    Connection(MediaKey),
    Relay(MediaKey),
    Slot(MediaKey, &'a str),
    Layer(MediaKey, &'a MediaTrackId),
    Paused(MediaKey, &'a MediaTrackId),
    Undecodable(MediaKey, &'a MediaTrackId),
    Demand(&'a MediaTrackId),
    Speaking(&'a MediaTrackId),
    File(MediaKey, FileId),
    ActiveSpeaker(&'a MediaTrackId),
}

impl Backlog {
    pub(super) fn new() -> Self {
        Self { events: Vec::new(), compact_at: COMPACT_MIN }
    }

    pub(super) fn push(&mut self, event: MediaEvent) {
        self.events.push(event);
        if self.events.len() >= self.compact_at {
            self.compact();
            self.compact_at = (self.events.len() * 2).max(COMPACT_MIN);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes all.
    pub(super) fn take(&mut self) -> Vec<MediaEvent> {
        self.compact_at = COMPACT_MIN;
        std::mem::take(&mut self.events)
    }

    /// Leaves out what a later event has made out of date.
    fn compact(&mut self) {
        let mut seen = BTreeSet::new();
        let is_latest: Vec<bool> = self
            .events
            .iter()
            .rev()
            .map(|event| subject(event).is_none_or(|subject| seen.insert(subject)))
            .collect();
        let mut is_latest = is_latest.into_iter().rev();
        self.events.retain(|_| is_latest.next().unwrap_or(true));
    }
}

fn subject(event: &MediaEvent) -> Option<Subject<'_>> {
    Some(match event {
        MediaEvent::Answered { .. } | MediaEvent::Refused { .. } | MediaEvent::Closed { .. } => return None,
        MediaEvent::FileStopped { key, file } => Subject::File(*key, *file),
        MediaEvent::Relayed { key, .. } => Subject::Relay(*key),
        MediaEvent::Connected(key) | MediaEvent::Silent(key) => Subject::Connection(*key),
        MediaEvent::SlotAssigned { key, mid, .. } | MediaEvent::SlotEmptied { key, mid } => {
            Subject::Slot(*key, mid)
        }
        MediaEvent::LayerSwitched { key, track, .. } => Subject::Layer(*key, track),
        MediaEvent::Paused { key, track, .. } => Subject::Paused(*key, track),
        MediaEvent::Undecodable { key, track, .. } => Subject::Undecodable(*key, track),
        MediaEvent::Demand { track, .. } => Subject::Demand(track),
        MediaEvent::Speaking { track, .. } => Subject::Speaking(track),
        MediaEvent::ActiveSpeaker(track) => Subject::ActiveSpeaker(track),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: MediaKey = MediaKey(1);
    const BOB: MediaKey = MediaKey(2);

    fn speaking(publisher: MediaKey, is_speaking: bool) -> MediaEvent {
        MediaEvent::Speaking { track: MediaTrackId { publisher, mid: "0".to_owned() }, is_speaking }
    }

    fn answered(n: usize) -> MediaEvent {
        MediaEvent::Answered { key: ANN, sdp: n.to_string() }
    }

    #[test]
    fn only_the_latest_word_about_each_thing_is_kept() {
        let mut backlog = Backlog::new();
        for n in 0..100_000 {
            backlog.push(speaking(ANN, n % 2 == 0));
            backlog.push(speaking(BOB, n % 2 == 1));
            backlog.push(MediaEvent::Silent(ANN));
        }
        assert!(backlog.events.len() < COMPACT_MIN);
        backlog.push(MediaEvent::Connected(ANN));
        backlog.compact();
        let latest = [speaking(ANN, false), speaking(BOB, true), MediaEvent::Connected(ANN)];
        assert_eq!(backlog.take(), latest);
        assert!(backlog.is_empty());
    }

    #[test]
    fn every_answer_is_kept_in_order() {
        let mut backlog = Backlog::new();
        let all: Vec<_> = (0..COMPACT_MIN * 3).map(answered).collect();
        for event in &all {
            backlog.push(event.clone());
        }
        assert_eq!(backlog.take(), all);
    }
}

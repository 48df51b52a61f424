//! A file that is offered here.

use std::collections::BTreeSet;
use std::time::Instant;

use allo_protocol::{FileId, ParticipantId};

use super::message::length_at;
use super::progress::Progress;

/// Parts of one file that the server asked for and that were not sent yet. It asks for no more; beyond it, what is asked for is dropped, and the
/// server gives the file up.
pub(super) const WANTS_MAX: usize = 16;

/// A file that is offered here, and who takes it.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The server's number, once it has said one.
    pub(super) file: Option<FileId>,
    pub(super) bytes: u32,
    /// No more than are in the room.
    pub(super) takers: BTreeSet<ParticipantId>,
    /// Parts that were asked for and not sent yet.
    pub(super) wanted: usize,
    done: u64,
    progress: Progress,
}

impl Outgoing {
    pub(super) fn new(bytes: u32) -> Self {
        Self { file: None, bytes, takers: BTreeSet::new(), wanted: 0, done: 0, progress: Progress::default() }
    }

    /// Somebody takes it. Whoever comes later joins in where the others are: what is done is counted from the first.
    pub(super) fn join(&mut self, taker: ParticipantId) {
        if self.takers.is_empty() {
            self.done = 0;
        }
        self.takers.insert(taker);
    }

    /// The server asks for a part. Returns how long it is, if it is one and there is room for it.
    pub(super) fn want(&mut self, place: u32) -> Option<u32> {
        let length = length_at(place, self.bytes).filter(|_| self.wanted < WANTS_MAX)?;
        self.wanted += 1;
        Some(length)
    }

    /// A part was sent. Returns how many bytes were by now, if it is time to say so.
    pub(super) fn sent(&mut self, now: Instant, length: usize) -> Option<u32> {
        self.wanted = self.wanted.saturating_sub(1);
        self.done += u64::try_from(length).unwrap_or_default();
        let done = u32::try_from(self.done).unwrap_or(u32::MAX).min(self.bytes);
        self.progress.is_due(now, done == self.bytes).then_some(done)
    }
}

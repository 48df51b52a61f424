//! What is in the files that are offered and taken: who reads and writes it.

use std::collections::BTreeMap;

use allo_protocol::FileId;
use tokio::sync::{mpsc, oneshot};

use crate::files::{Done, FileError, Outcome, Step, Work};

/// Work that was done and waits to be looked at. Beyond it, those who read and write wait.
pub(crate) const DONE_MAX: usize = 64;

/// Who offers a file waits for this.
pub(crate) type Answer = oneshot::Sender<Result<FileId, FileError>>;

/// The tasks that read and write, by the numbers that the call gave to the contents. A task ends when it is let go of here.
#[derive(Debug)]
pub(crate) struct Contents {
    /// As many as there are files on offer or on their way.
    open: BTreeMap<u32, mpsc::Sender<Work>>,
    answers: BTreeMap<u32, Answer>,
    done: mpsc::Receiver<Done>,
}

impl Contents {
    pub(crate) fn new(done: mpsc::Receiver<Done>) -> Self {
        Self { open: BTreeMap::new(), answers: BTreeMap::new(), done }
    }

    /// Takes a content that the call has a number for.
    pub(crate) fn add(&mut self, content: u32, work: mpsc::Sender<Work>) {
        self.open.insert(content, work);
    }

    /// Keeps who waits for the answer to an offer.
    pub(crate) fn await_answer(&mut self, content: u32, answer: Answer) {
        self.answers.insert(content, answer);
    }

    /// Gives the answer to an offer.
    pub(crate) fn answer(&mut self, content: u32, result: Result<FileId, FileError>) {
        if let Some(answer) = self.answers.remove(&content) {
            // Whoever asked may be gone.
            let _ = answer.send(result);
        }
    }

    /// Has something done. Returns what came of it, if that is known already: nothing can.
    pub(crate) fn perform(&mut self, work: Work) -> Option<Done> {
        let content = work.content;
        if work.step == Step::Close {
            self.open.remove(&content);
            return None;
        }
        let is_taken = self.open.get(&content).is_some_and(|open| open.try_send(work).is_ok());
        let failed =
            || Done { content, outcome: Outcome::Failed("nobody reads or writes the file".to_owned()) };
        (!is_taken).then(failed)
    }

    /// Waits for what comes of it.
    pub(crate) async fn recv(&mut self) -> Option<Done> {
        self.done.recv().await
    }
}

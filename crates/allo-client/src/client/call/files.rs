//! The files of a call, which go through its session.

use std::time::Instant;

use allo_protocol::{FileId, FileOffer, TopologyChoice};

use super::Call;
use crate::client::event::Event;
use crate::files::{Done, FileError, NewFile, Work};

impl Call {
    /// Offers a file. Returns the number under which it is read, and under which the answer comes.
    pub(crate) fn offer_file(&mut self, file: NewFile) -> Result<u32, FileError> {
        self.check_files()?;
        self.files.offer(file)
    }

    pub(crate) fn withdraw_file(&mut self, file: FileId) {
        self.files.withdraw(file);
    }

    /// Takes a file. Returns the number under which it is written.
    pub(crate) fn accept_file(&mut self, now: Instant, offer: &FileOffer) -> Result<u32, FileError> {
        self.check_files()?;
        let content = self.files.accept(now, offer);
        // The channel is asked for first.
        self.collect(now);
        content
    }

    pub(crate) fn cancel_file(&mut self, file: FileId) {
        self.files.cancel(file);
    }

    /// Takes what has come of work on a file.
    pub(crate) fn handle_file_done(&mut self, now: Instant, done: Done) {
        self.files.handle_done(now, done);
        self.collect(now);
    }

    pub(crate) fn poll_file_work(&mut self) -> Option<Work> {
        self.files.poll_work()
    }

    /// Returns the next answer to an offer.
    pub(crate) fn poll_file_answer(&mut self) -> Option<(u32, Result<FileId, FileError>)> {
        self.files.poll_answer()
    }

    pub(super) fn handle_files_offered(&mut self, files: Vec<FileOffer>) {
        for offer in &files {
            self.files.handle_offered(offer);
        }
        self.events.push_back(Event::FilesOffered { files });
    }

    /// Returns how large a file may be in a room of this kind: there are none where no media go through the server.
    pub(super) fn file_bytes_in(&self, choice: TopologyChoice) -> u32 {
        if self.has_media_plane && choice != TopologyChoice::Mesh { self.file_bytes } else { 0 }
    }

    fn check_files(&self) -> Result<(), FileError> {
        if self.is_in { Ok(()) } else { Err(FileError::NotInRoom) }
    }
}

//! How the files of a participant get on.

use std::time::Instant;

use allo_protocol::{ClientMessage, FileId, FileOutcome};

use super::incoming::{Incoming, Kept};
use super::message::part;
use super::work::{Step, Work};
use super::{Asked, FileError, Files};
use crate::client::Event;

impl Files {
    pub(super) fn next(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    pub(super) fn ask(&mut self, asked: Asked, message: ClientMessage) {
        self.asked.push_back(asked);
        self.messages.push_back(message);
    }

    /// The server answered this. What it was asked before, it has refused for a reason that was not taken for one about files.
    pub(super) fn answered(&mut self, asked: Asked) {
        let Some(index) = self.asked.iter().position(|it| *it == asked) else { return };
        for before in self.asked.drain(..=index).take(index).collect::<Vec<_>>() {
            self.refuse(before, "it did not say why");
        }
    }

    pub(super) fn refuse(&mut self, asked: Asked, text: &str) {
        let error = FileError::Refused(text.to_owned());
        match asked {
            Asked::Offer(reference) => self.refuse_offer(reference, error),
            Asked::Accept(file) => {
                if self.drop_incoming(file) {
                    self.events.push_back(Event::FileFailed { file, text: error.to_string() });
                }
            }
        }
    }

    pub(super) fn refuse_offer(&mut self, reference: u32, error: FileError) {
        if self.outgoing.contains_key(&reference) {
            self.drop_outgoing(reference);
            self.answers.push_back((reference, Err(error)));
        }
    }

    pub(super) fn drop_outgoing(&mut self, reference: u32) {
        self.outgoing.remove(&reference);
        self.parts.retain(|(of, _)| *of != reference);
        self.close(reference);
    }

    /// Returns whether it was there.
    pub(super) fn drop_incoming(&mut self, file: FileId) -> bool {
        let Some(it) = self.incoming.remove(&file) else { return false };
        self.close(it.content);
        true
    }

    /// Ends it here that a file is taken, and says so.
    pub(super) fn end_incoming(&mut self, file: FileId, outcome: FileOutcome) {
        if !self.drop_incoming(file) {
            return;
        }
        self.messages.push_back(ClientMessage::EndFile { file, received: false });
        if let Some(participant) = self.you.clone() {
            self.events.push_back(Event::FileEnded { file, participant, outcome });
        }
    }

    /// Has a part read that the server asks for. It may ask before it has said who takes the file.
    pub(super) fn read(&mut self, file: FileId, place: u32) {
        let own = self.outgoing.iter_mut().find(|(_, own)| own.file == Some(file));
        let Some((&content, length)) = own.and_then(|(number, own)| Some((number, own.want(place)?))) else {
            return;
        };
        let step = Step::Read { session: self.sessions, place, length };
        self.work.push_back(Work { content, step });
    }

    /// Has a part sent that was read, unless the channel by which it was asked for is no more.
    pub(super) fn send(&mut self, reference: u32, session: u32, place: u32, bytes: &[u8]) {
        let file = self.outgoing.get(&reference).and_then(|own| own.file);
        if let Some(file) = file.filter(|_| session == self.sessions) {
            self.parts.push_back((reference, part(file, place, bytes)));
        }
    }

    /// Has a part written that came.
    pub(super) fn keep(&mut self, now: Instant, file: FileId, place: u32, bytes: &[u8]) {
        let Some(it) = self.incoming.get_mut(&file) else { return };
        let content = it.content;
        match it.keep(now, place, bytes) {
            Kept::New => {
                let step = Step::Write { place, bytes: bytes.to_vec() };
                self.work.push_back(Work { content, step });
            }
            Kept::Dropped => {}
            Kept::TooMuch => self.fail(content, "it comes faster than it can be written".to_owned()),
        }
    }

    pub(super) fn wrote(&mut self, now: Instant, content: u32, length: u32) {
        let Some((file, it)) = self.find_incoming(content) else { return };
        let (done, bytes, is_written) = (it.wrote(now, length), it.bytes, it.is_written());
        if let Some(done) = done {
            self.events.push_back(Event::FileProgressed { file, done, bytes });
        }
        if is_written {
            self.work.push_back(Work { content, step: Step::Finish });
        }
    }

    pub(super) fn finished(&mut self, content: u32) {
        let Some((file, _)) = self.find_incoming(content) else { return };
        self.drop_incoming(file);
        self.messages.push_back(ClientMessage::EndFile { file, received: true });
        self.events.push_back(Event::FileSaved { file });
    }

    /// A content cannot be read or written.
    pub(super) fn fail(&mut self, content: u32, text: String) {
        let failed = if let Some((file, _)) = self.find_incoming(content) {
            self.drop_incoming(file);
            self.messages.push_back(ClientMessage::EndFile { file, received: false });
            Some(file)
        } else {
            let file = self.outgoing.get(&content).and_then(|own| own.file);
            match file {
                Some(file) => self.withdraw(file),
                None => self.refuse_offer(content, FileError::Content(text.clone())),
            }
            file
        };
        if let Some(file) = failed {
            self.events.push_back(Event::FileFailed { file, text });
        }
    }

    fn find_incoming(&mut self, content: u32) -> Option<(FileId, &mut Incoming)> {
        self.incoming.iter_mut().find(|(_, it)| it.content == content).map(|(file, it)| (*file, it))
    }

    fn close(&mut self, content: u32) {
        self.work.push_back(Work { content, step: Step::Close });
    }
}

//! Files that are offered and taken, without input or output: what the server says of them, and their bytes on the data channel.
//!
//! The server pulls: it asks for one part after the other, and passes each on. So what is read here is what was asked for, and no more. See
//! docs/protocol.md.

mod error;
mod incoming;
mod message;
mod outgoing;
mod progress;
mod steps;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use allo_protocol::{ClientMessage, ErrorCode, FileId, FileOffer, FileOutcome, ParticipantId};

pub use self::error::FileError;
use self::incoming::Incoming;
use self::message::{Message, part};
use self::outgoing::Outgoing;
pub(crate) use self::work::{Done, Outcome, Step, WORK_MAX, Work, read_parts, write_parts};
use crate::client::Event;

/// Files that are offered at a time; the server refuses the next one, too.
const OUTGOING_MAX: usize = 8;
/// Files that are taken at a time; the server refuses the next one, too.
const INCOMING_MAX: usize = 3;

/// A file to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// To whom alone; to everyone if there is nobody.
    pub to: Option<ParticipantId>,
    /// Its name. The server cleans it.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its media type (RFC 6838); empty if it is not known.
    pub media_type: String,
}

/// The files of one participant.
///
/// Hand it what the server says with `handle_*`, what comes by the channel with [`Self::handle_data`], and what was read and written with
/// [`Self::handle_done`]. Take from it what to say, to tell, to read and write (`poll_*`), and what to send ([`Self::part`]).
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// This participant, once there was a snapshot.
    you: Option<ParticipantId>,
    /// The largest file; 0 while none can be sent.
    bytes_max: u32,
    /// The number of the latest that was offered or taken. Of what is offered here, it is the reference.
    last: u32,
    /// How many sessions are over. What was asked for by their channels is not to be sent by another.
    sessions: u32,
    /// By reference; [`OUTGOING_MAX`] at most.
    outgoing: BTreeMap<u32, Outgoing>,
    /// [`INCOMING_MAX`] at most.
    incoming: BTreeMap<FileId, Incoming>,
    /// What the server has not answered: no more than the files above, and those that were given up meanwhile.
    asked: VecDeque<Asked>,
    /// Parts that wait for the channel, with the reference: no more than were asked for.
    parts: VecDeque<(u32, Vec<u8>)>,
    /// Said once the server can hear it: one for each file, as each ends once.
    messages: VecDeque<ClientMessage>,
    /// Emptied by the caller after each call, as the two below.
    events: VecDeque<Event>,
    work: VecDeque<Work>,
    answers: VecDeque<(u32, Result<FileId, FileError>)>,
}

/// What the server was asked, and answers in this order. An error does not say which it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Offer(u32),
    Accept(FileId),
}

impl Files {
    /// Offers a file. The answer to the number that is returned comes from [`Self::poll_answer`].
    pub(crate) fn offer(&mut self, file: NewFile) -> Result<u32, FileError> {
        let NewFile { to, name, bytes, media_type } = file;
        let bytes_max = self.bytes_max;
        let bytes = match u32::try_from(bytes) {
            _ if bytes_max == 0 => return Err(FileError::Unavailable),
            Ok(0) => return Err(FileError::Empty),
            Ok(bytes) if bytes <= bytes_max => bytes,
            _ => return Err(FileError::TooLarge { bytes, bytes_max }),
        };
        if self.outgoing.len() >= OUTGOING_MAX {
            return Err(FileError::TooMany { max: OUTGOING_MAX });
        }
        let reference = self.next();
        self.outgoing.insert(reference, Outgoing::new(bytes));
        self.ask(
            Asked::Offer(reference),
            ClientMessage::OfferFile { reference, to, name, bytes, media_type },
        );
        Ok(reference)
    }

    /// Takes back a file that is offered here.
    pub(crate) fn withdraw(&mut self, file: FileId) {
        let is_it = |(_, own): &(&u32, &Outgoing)| own.file == Some(file);
        let Some(reference) = self.outgoing.iter().find(is_it).map(|(reference, _)| *reference) else {
            return;
        };
        self.drop_outgoing(reference);
        self.messages.push_back(ClientMessage::WithdrawFile { file });
    }

    /// Takes a file that somebody offers. Returns the number of where it is to be written to.
    pub(crate) fn accept(&mut self, now: Instant, offer: &FileOffer) -> Result<u32, FileError> {
        match self.incoming.len() {
            _ if self.bytes_max == 0 => return Err(FileError::Unavailable),
            _ if self.incoming.contains_key(&offer.id) => return Err(FileError::Coming),
            INCOMING_MAX.. => return Err(FileError::TooMany { max: INCOMING_MAX }),
            _ => {}
        }
        let content = self.next();
        self.incoming.insert(offer.id, Incoming::new(now, content, offer.bytes));
        self.ask(Asked::Accept(offer.id), ClientMessage::AcceptFile { file: offer.id });
        Ok(content)
    }

    /// Takes a file no more.
    pub(crate) fn cancel(&mut self, file: FileId) {
        self.end_incoming(file, FileOutcome::Cancelled);
    }

    /// The server is there, perhaps again: what it was asked before may have been lost.
    pub(crate) fn handle_opened(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            // Of what is taken, parts come or do not.
            if let Asked::Offer(reference) = asked {
                self.refuse_offer(reference, FileError::Lost);
            }
        }
    }

    /// This participant is in the room. A server that did not know it knows of no file either.
    pub(crate) fn handle_snapshot(&mut self, you: ParticipantId, is_known: bool, bytes_max: u32) {
        self.you = Some(you);
        self.bytes_max = bytes_max;
        if is_known {
            return;
        }
        self.messages.clear();
        let offered = self.outgoing.values().filter_map(|own| own.file);
        let all: Vec<_> = offered.chain(self.incoming.keys().copied()).collect();
        for file in all {
            self.handle_withdrawn(file);
            self.events.push_back(Event::FileWithdrawn { file });
        }
    }

    /// The session is over, and its channel with it. The server says what was interrupted.
    pub(crate) fn handle_session_over(&mut self) {
        self.sessions = self.sessions.wrapping_add(1);
        self.parts.clear();
        self.outgoing.values_mut().for_each(|own| own.wanted = 0);
    }

    /// A file is offered, perhaps by this participant.
    pub(crate) fn handle_offered(&mut self, offer: &FileOffer) {
        if self.you.as_ref() != Some(&offer.from) {
            return;
        }
        self.answered(Asked::Offer(offer.reference));
        match self.outgoing.get_mut(&offer.reference) {
            Some(own) if own.file.is_none() => {
                own.file = Some(offer.id);
                self.answers.push_back((offer.reference, Ok(offer.id)));
            }
            Some(_) => {}
            // It was given up before the server said its number.
            None => self.messages.push_back(ClientMessage::WithdrawFile { file: offer.id }),
        }
    }

    pub(crate) fn handle_withdrawn(&mut self, file: FileId) {
        let own =
            self.outgoing.iter().find(|(_, own)| own.file == Some(file)).map(|(reference, _)| *reference);
        if let Some(reference) = own {
            self.drop_outgoing(reference);
        }
        self.drop_incoming(file);
    }

    pub(crate) fn handle_accepted(&mut self, file: FileId, participant: ParticipantId) {
        if let Some(own) = self.outgoing.values_mut().find(|own| own.file == Some(file)) {
            own.join(participant.clone());
        } else {
            self.answered(Asked::Accept(file));
            // It may have been given up and taken anew: then this is about the time before.
            let is_latest = !self.asked.contains(&Asked::Accept(file));
            let Some(it) = self.incoming.get_mut(&file).filter(|_| is_latest) else { return };
            it.is_accepted = true;
        }
        self.events.push_back(Event::FileAccepted { file, participant });
    }

    pub(crate) fn handle_ended(&mut self, file: FileId, participant: ParticipantId, outcome: FileOutcome) {
        if let Some(own) = self.outgoing.values_mut().find(|own| own.file == Some(file)) {
            own.takers.remove(&participant);
        } else if self.incoming.get(&file).is_some_and(|it| it.is_accepted) {
            self.drop_incoming(file);
        } else {
            // What ended here was told when it did.
            return;
        }
        self.events.push_back(Event::FileEnded { file, participant, outcome });
    }

    /// The server refuses something, perhaps what it was asked about a file.
    pub(crate) fn handle_error(&mut self, code: ErrorCode, text: &str) {
        use ErrorCode::{BadFile, FilesUnavailable, NoSuchFile, NoSuchPeer, TooFast, TooManyFiles};
        let is_about = match self.asked.front() {
            Some(Asked::Offer(_)) if matches!(code, NoSuchPeer | TooFast) => true,
            asked => {
                asked.is_some() && matches!(code, FilesUnavailable | BadFile | NoSuchFile | TooManyFiles)
            }
        };
        if is_about && let Some(asked) = self.asked.pop_front() {
            self.refuse(asked, text);
        }
    }

    /// Takes a message that came by the channel. What is not to be understood, or about no file of these, is dropped.
    pub(crate) fn handle_data(&mut self, now: Instant, data: &[u8]) {
        match Message::read(data) {
            Some(Message::Want { file, place }) => self.read(file, place),
            Some(Message::Part { file, place, bytes }) => self.keep(now, file, place, bytes),
            None => {}
        }
    }

    /// Takes what has come of work on a content.
    pub(crate) fn handle_done(&mut self, now: Instant, done: Done) {
        let Done { content, outcome } = done;
        match outcome {
            Outcome::Read { session, place, bytes } => self.send(content, session, place, &bytes),
            Outcome::Written { length } => self.wrote(now, content, length),
            Outcome::Finished => self.finished(content),
            Outcome::Failed(text) => self.fail(content, text),
        }
    }

    /// Gives up what does not get on.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let is_stalled = |it: &Incoming| it.stalls_at().is_some_and(|at| at <= now);
        let stalled: Vec<_> =
            self.incoming.iter().filter(|(_, it)| is_stalled(it)).map(|(id, _)| *id).collect();
        for file in stalled {
            self.end_incoming(file, FileOutcome::Stalled);
        }
    }

    /// Returns whether the session is to have a data channel: it is not asked for before a file is taken.
    pub(crate) fn needs_channel(&self) -> bool {
        !self.incoming.is_empty() || self.outgoing.values().any(|own| !own.takers.is_empty())
    }

    /// Returns the next message for the channel, which says whether there is room for it.
    pub(crate) fn part(&self) -> Option<&[u8]> {
        self.parts.front().map(|(_, message)| message.as_slice())
    }

    /// That message was sent.
    pub(crate) fn handle_sent(&mut self, now: Instant) {
        let Some((reference, message)) = self.parts.pop_front() else { return };
        let Some(own) = self.outgoing.get_mut(&reference) else { return };
        let length = message.len() - part(FileId(0), 0, &[]).len();
        if let Some((file, done)) = own.file.zip(own.sent(now, length)) {
            self.events.push_back(Event::FileProgressed { file, done, bytes: own.bytes });
        }
    }

    /// Returns the next thing to say, which is to be asked for only while the server can hear it.
    pub(crate) fn poll_message(&mut self) -> Option<ClientMessage> {
        self.messages.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the next thing to read or to write.
    pub(crate) fn poll_work(&mut self) -> Option<Work> {
        self.work.pop_front()
    }

    /// Returns the next answer to an offer: the server's number of the file.
    pub(crate) fn poll_answer(&mut self) -> Option<(u32, Result<FileId, FileError>)> {
        self.answers.pop_front()
    }

    /// Returns when to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.incoming.values().filter_map(Incoming::stalls_at).min()
    }
}

#[cfg(test)]
mod tests;

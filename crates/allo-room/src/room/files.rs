//! Files: who offers which, and who takes it. The bytes go by the media plane.

use std::time::Instant;

use allo_protocol::{FileId, FileOutcome, ParticipantId, ServerMessage, TopologyChoice};

use super::{Member, Room};
use crate::files::{NewFile, Offered, is_for};
use crate::media::MediaCommand;
use crate::output::Outputs;
use crate::refusal::Refusal;

impl Room {
    /// Tells those for whom it is that somebody offers a file.
    pub(crate) fn offer_file(
        &mut self,
        now: Instant,
        from: &ParticipantId,
        file: NewFile,
        bytes_max: u32,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        if bytes_max == 0 || self.way.choice() == TopologyChoice::Mesh {
            return Err(Refusal::FilesUnavailable);
        }
        if file.to.as_ref().is_some_and(|to| to == from || !self.contains(to)) {
            return Err(Refusal::NoSuchPeer);
        }
        let sender = self.find_mut(from).ok_or(Refusal::NoSuchPeer)?;
        if !sender.texts.take(now) {
            return Err(Refusal::TooFast);
        }
        let name = sender.name.as_str().to_owned();
        let offer = self.files.offer(now, from, &name, file, bytes_max)?.clone();
        for connection in
            self.members.iter().filter(|member| is_for(&offer, &member.id)).filter_map(Member::connection)
        {
            out.message(connection, ServerMessage::FileOffered { file: offer.clone() });
        }
        Ok(())
    }

    pub(crate) fn withdraw_file(
        &mut self,
        own: &ParticipantId,
        file: FileId,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        let offered = self.files.withdraw(own, file)?;
        self.tell_withdrawn(&offered, out);
        if let Some(connection) = self.find(own).and_then(Member::connection) {
            out.message(connection, ServerMessage::FileWithdrawn { file });
        }
        Ok(())
    }

    /// Has a file sent to somebody who asks for it.
    pub(crate) fn accept_file(
        &mut self,
        own: &ParticipantId,
        file: FileId,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        let Some(offer) = self.files.accept(own, file)?.cloned() else { return Ok(()) };
        let Some((from, to)) = self.media.key(&offer.from).zip(self.media.key(own)) else {
            self.files.end(own, file);
            return Err(Refusal::FilesUnavailable);
        };
        for told in [&offer.from, own] {
            if let Some(connection) = self.find(told).and_then(Member::connection) {
                out.message(connection, ServerMessage::FileAccepted { file, participant: own.clone() });
            }
        }
        out.media(MediaCommand::SendFile { file, bytes: offer.bytes, from, to });
        Ok(())
    }

    /// Ends it that somebody receives a file. That they do not has no effect: it may have ended just now.
    pub(crate) fn end_file(
        &mut self,
        taker: &ParticipantId,
        file: FileId,
        outcome: FileOutcome,
        out: &mut Outputs,
    ) {
        let Some(sender) = self.files.end(taker, file).map(|offer| offer.from.clone()) else { return };
        if let Some((from, to)) = self.media.key(&sender).zip(self.media.key(taker)) {
            out.media(MediaCommand::StopFile { file, from, to });
        }
        self.tell_file_ended(file, &sender, taker, outcome, out);
    }

    /// Ends all that somebody receives and that is received from them: their session is over.
    pub(super) fn interrupt_files(&mut self, whom: &ParticipantId, out: &mut Outputs) {
        for (file, Offered { offer, takers, .. }) in self.files.interrupt(whom) {
            for taker in takers {
                self.tell_file_ended(file, &offer.from, &taker, FileOutcome::Interrupted, out);
            }
        }
    }

    /// Forgets all files of somebody whose page is gone, and with it the bytes. They are told nothing: what they had is forgotten there, too.
    pub(super) fn forget_files(&mut self, whom: &ParticipantId, out: &mut Outputs) {
        for offered in self.files.withdraw_all(whom) {
            self.tell_withdrawn(&offered, out);
        }
        for (file, Offered { offer, .. }) in self.files.interrupt(whom) {
            if let Some(connection) = self.find(&offer.from).and_then(Member::connection) {
                let (participant, outcome) = (whom.clone(), FileOutcome::Cancelled);
                out.message(connection, ServerMessage::FileEnded { file, participant, outcome });
            }
        }
    }

    /// Tells somebody what is on offer for them.
    pub(super) fn tell_files(&self, now: Instant, id: &ParticipantId, out: &mut Outputs) {
        let Some(connection) = self.find(id).and_then(Member::connection) else { return };
        let files = self.files.of(now, id);
        if !files.is_empty() {
            out.message(connection, ServerMessage::FilesOffered { files });
        }
    }

    /// Tells all but the sender that a file is not offered any more, and has no more of it passed on.
    fn tell_withdrawn(&self, offered: &Offered, out: &mut Outputs) {
        let Offered { offer, takers, .. } = offered;
        let is_told = |member: &&Member| member.id != offer.from && is_for(offer, &member.id);
        for member in self.members.iter().filter(is_told) {
            if let Some(connection) = member.connection() {
                out.message(connection, ServerMessage::FileWithdrawn { file: offer.id });
            }
        }
        let from = self.media.key(&offer.from);
        for to in takers.iter().filter_map(|taker| self.media.key(taker)) {
            if let Some(from) = from {
                out.media(MediaCommand::StopFile { file: offer.id, from, to });
            }
        }
    }

    fn tell_file_ended(
        &self,
        file: FileId,
        sender: &ParticipantId,
        taker: &ParticipantId,
        outcome: FileOutcome,
        out: &mut Outputs,
    ) {
        for connection in [sender, taker].into_iter().filter_map(|id| self.find(id)?.connection()) {
            let participant = taker.clone();
            out.message(connection, ServerMessage::FileEnded { file, participant, outcome });
        }
    }
}

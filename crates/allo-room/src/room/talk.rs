//! What people do in a room besides being seen and heard: chat, hands, reactions, recording.

use std::time::Instant;

use allo_protocol::{ChatMessage, ParticipantId, Reaction, ServerMessage};

use super::{Member, Room};
use crate::chat;
use crate::output::Outputs;
use crate::refusal::Refusal;
use crate::rights::has_power;

impl Room {
    /// Passes a text on, to everyone or to one, the writer included. `numbers` gives it its number. Returns what was said.
    pub(crate) fn chat(
        &mut self,
        now: Instant,
        from: &ParticipantId,
        to: Option<ParticipantId>,
        text: &str,
        numbers: impl Iterator<Item = u32>,
        out: &mut Outputs,
    ) -> Result<ChatMessage, Refusal> {
        if to.as_ref().is_some_and(|to| to == from || !self.contains(to)) {
            return Err(Refusal::NoSuchPeer);
        }
        let writer = self.find_mut(from).ok_or(Refusal::NoSuchPeer)?;
        if !writer.texts.take(now) {
            return Err(Refusal::TooFast);
        }
        let text = chat::parse(text)?;
        let display_name = writer.name.as_str().to_owned();
        let id = numbers.into_iter().find(|id| !self.history.has(*id)).unwrap_or_default();
        let message = ChatMessage { id, from: from.clone(), display_name, to, text, age_s: 0 };
        let is_for = |member: &&Member| {
            message.to.as_ref().is_none_or(|to| member.id == *to || member.id == message.from)
        };
        for connection in self.members.iter().filter(is_for).filter_map(Member::connection) {
            out.message(connection, ServerMessage::Chat { message: message.clone() });
        }
        Ok(message)
    }

    /// Keeps what was said for those who come later.
    pub(crate) fn keep_text(&mut self, now: Instant, message: ChatMessage) {
        self.history.push(now, message);
    }

    /// Tells somebody what was said before they came.
    pub(super) fn tell_history(&self, now: Instant, id: &ParticipantId, out: &mut Outputs) {
        let Some(connection) = self.find(id).and_then(Member::connection) else { return };
        let messages = self.history.of(now, id);
        if !messages.is_empty() {
            out.message(connection, ServerMessage::ChatHistory { messages });
        }
    }

    pub(crate) fn raise_hand(&mut self, id: &ParticipantId, out: &mut Outputs) {
        let Some(number) = self.last_hand.checked_add(1) else { return };
        let Some(member) = self.find_mut(id).filter(|member| member.hand.is_none()) else { return };
        member.hand = Some(number);
        self.last_hand = number;
        self.tell_updated(id, None, out);
    }

    /// Lowers a hand, one's own or that of somebody over whom one has power.
    pub(crate) fn lower_hand(
        &mut self,
        own: &ParticipantId,
        whose: &ParticipantId,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        if own != whose && !has_power(self.role(own), self.role(whose)) {
            return Err(Refusal::NoPower);
        }
        let member = self.find_mut(whose).ok_or(Refusal::NoSuchPeer)?;
        if member.hand.take().is_some() {
            self.tell_updated(whose, None, out);
        }
        Ok(())
    }

    pub(crate) fn react(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        reaction: Reaction,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        let member = self.find_mut(id).ok_or(Refusal::NoSuchPeer)?;
        if !member.signs.take(now) {
            return Err(Refusal::TooFast);
        }
        self.broadcast(None, out, || ServerMessage::Reacted { participant: id.clone(), reaction });
        Ok(())
    }

    /// Records whether somebody records.
    pub(crate) fn set_recording(&mut self, id: &ParticipantId, is_recording: bool, out: &mut Outputs) {
        let Some(member) = self.find_mut(id) else { return };
        if std::mem::replace(&mut member.is_recording, is_recording) != is_recording {
            self.tell_updated(id, None, out);
        }
    }
}

//! Files that go through a room by data channels. Nothing of them is kept but what is on its way.

mod flow;
mod message;
mod pace;

use std::collections::BTreeMap;
use std::time::Instant;

use self::flow::Flow;
pub(crate) use self::message::MESSAGE_MAX;
use self::message::{Part, want};
use crate::event::{Outbox, SfuEvent};
use crate::ids::{Bitrate, FileId, ParticipantId};
use crate::participant::Participant;

/// The files of a room that somebody takes. The rooms say how many there are.
#[derive(Debug)]
pub(crate) struct Files {
    flows: BTreeMap<FileId, Flow>,
    /// What each may take.
    rate: Bitrate,
}

type Participants = BTreeMap<ParticipantId, Participant>;

/// Somebody sent what they were not asked for, and more of it than could have been on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abuse;

impl Files {
    pub(crate) fn new(rate: Bitrate) -> Self {
        Self { flows: BTreeMap::new(), rate }
    }

    /// Lets somebody take a file.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        file: FileId,
        bytes: u32,
        from: ParticipantId,
        to: ParticipantId,
    ) {
        let flow = self.flows.entry(file).or_insert_with(|| Flow::new(now, from, bytes));
        flow.join(now, to);
    }

    /// Lets somebody take a file no more.
    pub(crate) fn stop(&mut self, file: FileId, to: ParticipantId, participants: &mut Participants) {
        if let Some(flow) = self.flows.get_mut(&file) {
            flow.leave(to);
            flow.release();
        }
        self.sweep(participants);
    }

    /// Takes somebody out: what they take, and what is taken from them.
    pub(crate) fn remove(
        &mut self,
        whom: ParticipantId,
        participants: &mut Participants,
        outbox: &mut Outbox,
    ) {
        for (file, flow) in &mut self.flows {
            if flow.sender == whom {
                stop_all(*file, flow, outbox);
            } else {
                flow.leave(whom);
            }
            flow.release();
        }
        self.sweep(participants);
    }

    /// Takes a message that came by somebody's channel.
    pub(crate) fn handle_message(
        &mut self,
        now: Instant,
        from: ParticipantId,
        message: Vec<u8>,
        participants: &mut Participants,
        outbox: &mut Outbox,
    ) -> Result<(), Abuse> {
        let part = Part::read(&message);
        let flow = part.and_then(|part| Some((part, self.flows.get_mut(&part.file)?)));
        let Some((part, flow)) = flow.filter(|(_, flow)| flow.sender == from) else {
            return forgive(from, participants);
        };
        if flow.handle_part(now, part.place, part.length, message).is_err() {
            // It may have been asked for before they took it anew.
            if forgive(from, participants).is_err() {
                stop_all(part.file, flow, outbox);
                self.sweep(participants);
            }
            return Ok(());
        }
        for taker in flow.takers().collect::<Vec<_>>() {
            pass_on(now, flow, taker, participants, outbox);
        }
        self.ask(now, part.file, participants, outbox);
        self.sweep(participants);
        Ok(())
    }

    /// Goes on with what concerns somebody, of whom something was heard.
    pub(crate) fn pump(
        &mut self,
        now: Instant,
        whom: ParticipantId,
        participants: &mut Participants,
        outbox: &mut Outbox,
    ) {
        let mut concerned = Vec::new();
        for (file, flow) in &mut self.flows {
            let is_taker = flow.takers().any(|taker| taker == whom);
            if is_taker {
                pass_on(now, flow, whom, participants, outbox);
            }
            concerned.extend((is_taker || flow.sender == whom).then_some(*file));
        }
        for file in concerned {
            self.ask(now, file, participants, outbox);
        }
        self.sweep(participants);
    }

    /// Goes on with all, and gives up those for whom nothing gets on.
    pub(crate) fn look_around(&mut self, now: Instant, participants: &mut Participants, outbox: &mut Outbox) {
        let all: Vec<FileId> = self.flows.keys().copied().collect();
        for file in all {
            let Some(flow) = self.flows.get_mut(&file) else { continue };
            while let Some(taker) = flow.pop_stalled(now) {
                outbox.events.push_back(SfuEvent::FileStopped { file, taker });
            }
            for taker in flow.takers().collect::<Vec<_>>() {
                pass_on(now, flow, taker, participants, outbox);
            }
            flow.release();
            self.ask(now, file, participants, outbox);
        }
        self.sweep(participants);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Returns when to look around, if that is not soon anyway.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.flows.values().filter_map(|flow| flow.poll_timeout(now)).min()
    }

    /// Asks the sender of a file for as much as there is room for.
    fn ask(&mut self, now: Instant, file: FileId, participants: &mut Participants, outbox: &mut Outbox) {
        let Some(flow) = self.flows.get_mut(&file) else { return };
        let Some(sender) = participants.get_mut(&flow.sender) else { return };
        while sender.transport.has_channel()
            && let Some(place) = flow.poll_want(now, self.rate)
        {
            // What is not written is as if it were lost on the way: the file stalls.
            sender.transport.send_message(now, &want(file, place));
            outbox.talkative.insert(flow.sender);
        }
    }

    /// Forgets files that nobody takes. What was asked for may still come, and is no abuse then.
    fn sweep(&mut self, participants: &mut Participants) {
        self.flows.retain(|_, flow| {
            if flow.is_over()
                && let Some(sender) = participants.get_mut(&flow.sender)
            {
                sender.strays += flow.asked();
            }
            !flow.is_over()
        });
    }
}

/// Sends a taker what is here for them, as far as their channel takes it.
fn pass_on(
    now: Instant,
    flow: &mut Flow,
    taker: ParticipantId,
    participants: &mut Participants,
    outbox: &mut Outbox,
) {
    let Some(participant) = participants.get_mut(&taker) else { return };
    if !participant.transport.has_channel() {
        return;
    }
    flow.handle_arrived(now, taker, participant.transport.arrived());
    let is_congested = participant.bandwidth.is_congested(now);
    while let Some(message) = flow.next_for(taker, is_congested) {
        let Some(mark) = participant.transport.send_message(now, message) else { break };
        flow.advance(now, taker, mark);
        outbox.talkative.insert(taker);
    }
    flow.release();
}

fn stop_all(file: FileId, flow: &mut Flow, outbox: &mut Outbox) {
    for taker in flow.takers().collect::<Vec<_>>() {
        flow.leave(taker);
        outbox.events.push_back(SfuEvent::FileStopped { file, taker });
    }
}

/// Lets a message pass that was asked for before nobody wanted it any more.
fn forgive(from: ParticipantId, participants: &mut Participants) -> Result<(), Abuse> {
    let sender = participants.get_mut(&from).ok_or(Abuse)?;
    sender.strays = sender.strays.checked_sub(1).ok_or(Abuse)?;
    Ok(())
}

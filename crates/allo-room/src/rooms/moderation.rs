//! What is said about a meeting: who may do what, who is put out, and what people write to each other.

use std::time::Instant;

use allo_protocol::{ClientMessage, CloseCode, FileOutcome, LeaveReason, ParticipantId};
use rand_chacha::rand_core::Rng as _;

use super::{Rooms, Timer};
use crate::connection::{ConnectionId, Seat};
use crate::files::NewFile;
use crate::participant::Member;
use crate::refusal::Refusal;
use crate::room::{PutOut, Room, RoomChange};

impl Rooms {
    /// Handles what a participant says about the meeting. The rule for the message is met.
    pub(super) fn handle_meeting(
        &mut self,
        now: Instant,
        from: ConnectionId,
        seat: &Seat,
        message: ClientMessage,
    ) -> Result<(), Refusal> {
        match message {
            ClientMessage::Chat { to, text } => {
                let numbers = std::iter::repeat_with(|| self.rng.next_u32());
                let room = self.directory.get_mut(&seat.room).ok_or(Refusal::JoinMissing)?;
                let said = room.chat(now, &seat.participant, to, &text, numbers, &mut self.out)?;
                if self.config.chat_history {
                    room.keep_text(now, said);
                }
                Ok(())
            }
            ClientMessage::OfferFile { reference, to, name, bytes, media_type } => {
                let file = NewFile { reference, to, name, bytes, media_type };
                let bytes_max = self.config.file_bytes;
                self.try_in_room(seat, |room, id, out| room.offer_file(now, id, file, bytes_max, out))
            }
            ClientMessage::WithdrawFile { file } => {
                self.try_in_room(seat, |room, id, out| room.withdraw_file(id, file, out))
            }
            ClientMessage::AcceptFile { file } => {
                self.try_in_room(seat, |room, id, out| room.accept_file(id, file, out))
            }
            ClientMessage::EndFile { file, received } => {
                let outcome = if received { FileOutcome::Received } else { FileOutcome::Cancelled };
                self.in_room(seat, |room, id, out| room.end_file(id, file, outcome, out));
                Ok(())
            }
            ClientMessage::RaiseHand {} => {
                self.in_room(seat, Room::raise_hand);
                Ok(())
            }
            ClientMessage::LowerHand { participant } => self.try_in_room(seat, |room, id, out| {
                room.lower_hand(id, participant.as_ref().unwrap_or(id), out)
            }),
            ClientMessage::React { reaction } => {
                self.try_in_room(seat, |room, id, out| room.react(now, id, reaction, out))
            }
            ClientMessage::SetRecording { recording } => {
                self.in_room(seat, |room, id, out| room.set_recording(id, recording, out));
                Ok(())
            }
            ClientMessage::SetRoom { lobby, locked, participants_max, recorders, one_screen } => {
                let change = RoomChange { lobby, locked, participants_max, recorders, one_screen };
                self.in_room(seat, |room, _, out| room.change(change, out));
                if lobby == Some(false) {
                    self.admit_newcomers(now, seat);
                }
                Ok(())
            }
            ClientMessage::SetPassword { password } => self.set_password(from, seat, password.as_ref()),
            ClientMessage::Spotlight { participant } => {
                self.try_in_room(seat, |room, _, out| room.set_spotlight(participant, out))
            }
            ClientMessage::Admit { participant } => self.admit_waiting(now, &seat.room, &participant),
            ClientMessage::AdmitAll {} => self.admit_all(now, seat),
            ClientMessage::Deny { participant } => {
                self.turn_away_waiting(&seat.room, &participant, &Refusal::Denied)
            }
            ClientMessage::TurnOff { participant, device } => {
                self.try_in_room(seat, |room, id, out| room.turn_off(id, participant.as_ref(), device, out))
            }
            ClientMessage::AskToTurnOn { participant, device } => {
                self.try_in_room(seat, |room, id, out| room.ask_to_turn_on(id, &participant, device, out))
            }
            ClientMessage::SetMayPublish { participant, may_publish } => {
                let config = self.config.clone();
                let changed = self.try_in_room(seat, |room, id, out| {
                    room.set_may_publish(now, id, &participant, may_publish, &config, out)
                });
                self.set_room_timer(&seat.room);
                changed
            }
            ClientMessage::Rename { participant, display_name } => {
                let name = self.display_name(&display_name)?;
                self.try_in_room(seat, |room, id, out| room.rename(id, &participant, &name, out))
            }
            ClientMessage::Remove { participant } => self.put_out(now, seat, &participant, PutOut::Removed),
            ClientMessage::Ban { participant } => self.put_out(now, seat, &participant, PutOut::Banned),
            ClientMessage::EndMeeting {} => {
                self.end_meeting(now, seat);
                Ok(())
            }
            ClientMessage::SetRole { participant, role } => {
                self.try_in_room(seat, |room, id, out| room.set_role(id, &participant, role, out))
            }
            ClientMessage::SetOwnerSecret { owner_secret } => {
                let proof = self.identities.proof(&seat.room, &owner_secret);
                self.in_room(seat, |room, _, out| room.set_owner(proof, out));
                Ok(())
            }
            // The callers have handled these; to name them keeps a new message from being forgotten here.
            ClientMessage::Hello { .. }
            | ClientMessage::Join { .. }
            | ClientMessage::Ping {}
            | ClientMessage::Pong {}
            | ClientMessage::UpdateSelf { .. }
            | ClientMessage::SessionDescription { .. }
            | ClientMessage::IceCandidate { .. }
            | ClientMessage::PictureLimits { .. }
            | ClientMessage::RenewLink { .. }
            | ClientMessage::DropLink { .. }
            | ClientMessage::MediaOffer { .. }
            | ClientMessage::MediaBlocked { .. }
            | ClientMessage::Subscribe { .. }
            | ClientMessage::Vouch { .. }
            | ClientMessage::RequestSnapshot {}
            | ClientMessage::Leave {} => Ok(()),
        }
    }

    /// Lets in all who wait, as far as there is room for them.
    fn admit_all(&mut self, now: Instant, seat: &Seat) -> Result<(), Refusal> {
        let waiting = self.directory.get(&seat.room).map(Room::waiting).unwrap_or_default();
        waiting.iter().try_for_each(|id| self.admit_waiting(now, &seat.room, id))
    }

    /// Lets in those who wait because of the lobby alone, as far as there is room for them.
    fn admit_newcomers(&mut self, now: Instant, seat: &Seat) {
        let waiting = self.directory.get(&seat.room).map(Room::newcomers).unwrap_or_default();
        for id in waiting {
            if self.admit_waiting(now, &seat.room, &id).is_err() {
                break;
            }
        }
    }

    /// Puts somebody out who is in the room, or turns them away who waits.
    fn put_out(
        &mut self,
        now: Instant,
        seat: &Seat,
        whom: &ParticipantId,
        how: PutOut,
    ) -> Result<(), Refusal> {
        let mut fresh = [0; 16];
        self.rng.fill_bytes(&mut fresh);
        self.try_in_room(seat, |room, id, out| {
            room.check_power(id, whom)?;
            room.put_out(whom, how, fresh, out)
        })?;
        let refusal = match how {
            PutOut::Removed => Refusal::Removed,
            PutOut::Banned => Refusal::Banned,
        };
        let room = self.directory.get(&seat.room);
        let Some(member) = room.and_then(|room| room.find(whom)) else {
            return self.turn_away_waiting(&seat.room, whom, &refusal);
        };
        if let Some(connection) = Member::connection(member) {
            self.turn_away(connection, &refusal, CloseCode::PutOut);
        }
        self.remove(now, &seat.room, whom, LeaveReason::Removed);
        Ok(())
    }

    fn end_meeting(&mut self, now: Instant, seat: &Seat) {
        let Some(room) = self.directory.get_mut(&seat.room) else { return };
        let ids = room.ids();
        let connections = room.end_meeting(&mut self.out);
        for connection in connections {
            self.turn_away(connection, &Refusal::MeetingEnded, CloseCode::Ended);
        }
        self.participants -= ids.len();
        for id in ids {
            self.timers.clear(&Timer::Lease(seat.room.clone(), id));
        }
        self.close_if_empty(now, &seat.room);
    }
}

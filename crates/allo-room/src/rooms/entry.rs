//! How somebody comes into a room.

use std::time::Instant;

use allo_protocol::{ClientMessage, CloseCode, OwnerSecret, ParticipantId, Password};
use rand_chacha::rand_core::Rng as _;
use tracing::debug;

use super::{Rooms, Timer};
use crate::attempts::Network;
use crate::connection::{ConnectionId, Seat, Stage};
use crate::directory::Opener;
use crate::media::MediaKey;
use crate::participant::{Devices, Presence};
use crate::record::Proofs;
use crate::refusal::Refusal;
use crate::room::{Arrival, Entry, Grant, Room};
use crate::{BadPass, Credential, LoginId, OwnerProof, Pass, RoomName};

impl Rooms {
    pub(super) fn join(&mut self, now: Instant, from: ConnectionId, message: ClientMessage) {
        let decided =
            self.parse_join(from, message).and_then(|(room, arrival)| self.admit(now, room, arrival));
        self.settle_join(from, decided);
    }

    /// Takes what a `join` came to.
    pub(super) fn settle_join(&mut self, from: ConnectionId, decided: Result<Stage, Refusal>) {
        match decided {
            Ok(stage) => self.set_stage(from, stage),
            Err(refusal) => match refusal.close_code() {
                Some(code) => self.turn_away(from, &refusal, code),
                None => self.refuse(from, &refusal),
            },
        }
    }

    /// Reads the names in a `join`.
    fn parse_join(
        &mut self,
        connection: ConnectionId,
        message: ClientMessage,
    ) -> Result<(RoomName, Arrival), Refusal> {
        let ClientMessage::Join {
            room,
            display_name,
            participant_key: key,
            instance,
            attempt,
            mic,
            cam,
            screen,
            topology,
            owner_secret,
            password,
            opening_password,
            token,
        } = message
        else {
            return Err(Refusal::JoinMissing);
        };
        let known = self.connections.get_mut(&connection).ok_or(Refusal::JoinMissing)?;
        let (from, login, pass) = (known.from, known.login, known.pass.take());
        let room = RoomName::parse(&room, self.config.room_name_bytes)?;
        // Whoever shows a token is what it says, and no owner for being the first.
        let proofs =
            if token.is_some() { Proofs::default() } else { self.proofs(&room, owner_secret, login) };
        let grant = token.map(|_| self.grant(&room, pass));
        let vouched = grant.iter().flatten().find_map(|grant| grant.name.clone());
        let name = vouched.map_or_else(|| self.display_name(&display_name), Ok)?;
        let parse = |password: Option<Password>| password.map(|it| super::passwords::parse(&it)).transpose();
        let (password, opening_password) = (parse(password)?, parse(opening_password)?);
        let devices = Devices { mic, cam, screen };
        let arrival = Arrival {
            connection,
            key,
            instance,
            attempt,
            name,
            devices,
            topology,
            from,
            proofs,
            has_signed_in: login.is_some(),
            password,
            opening_password,
            grant,
            is_counted: false,
            fits: None,
        };
        Ok((room, arrival))
    }

    fn proofs(&self, room: &RoomName, secret: Option<OwnerSecret>, login: Option<LoginId>) -> Proofs {
        Proofs {
            secret: secret.map(|secret| self.identities.proof(room, &secret)),
            login: login.map(|login| self.identities.login_proof(room, &login)),
        }
    }

    /// Returns what an access token for this room gives, by what the shell has said of it.
    fn grant(&mut self, room: &RoomName, pass: Option<Result<Pass, BadPass>>) -> Result<Grant, Refusal> {
        let pass = pass.ok_or(Refusal::NoTokens)?.map_err(|why| Refusal::BadToken { why })?;
        if pass.room != *room {
            return Err(Refusal::TokenElsewhere);
        }
        let mut unowned = [0; 32];
        self.rng.fill_bytes(&mut unowned);
        Ok(Grant { name: pass.name, role: pass.role, unowned: OwnerProof::new(unowned) })
    }

    /// Lets someone into a room, or to its door: someone who is known there by their key, or a newcomer.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        name: RoomName,
        mut arrival: Arrival,
    ) -> Result<Stage, Refusal> {
        let room = self.directory.get(&name);
        if let Some(member) = room.and_then(|room| room.find_by_key(&arrival.key)) {
            if arrival.attempt < member.attempt {
                return Err(Refusal::Superseded);
            }
            let (participant, presence) = (member.id.clone(), member.presence);
            self.attach(now, &name, &participant, presence, &arrival);
            return Ok(Stage::Joined(Seat { room: name, participant }));
        }
        let waits_since = room.and_then(|room| room.find_waiting(&arrival.key));
        if waits_since.is_some_and(|attempt| arrival.attempt < attempt) {
            return Err(Refusal::Superseded);
        }
        let mut ids = self.identities.of(&name, &arrival.key);
        let id = ids.find(|id| room.is_none_or(|room| !room.contains(id)));
        let id = id.expect("a room is smaller than the choice of identifiers");
        drop(ids);
        if let Some(Err(refusal)) = arrival.grant {
            return Err(refusal);
        }
        arrival.is_counted = self.count(now, &name, &id, &arrival)?;
        if self.directory.get(&name).is_none()
            && let Err(refusal) = self.check_opening(&name, &id, &arrival)
        {
            return self.refuse_alike(now, &name, arrival, refusal);
        }
        let unowned = arrival.granted().map(|grant| &grant.unowned);
        let Proofs { secret, login } = &arrival.proofs;
        let (proof, login) = (secret.as_ref().or(login.as_ref()).or(unowned), login.as_ref());
        let opener = Opener { from: arrival.from, asked: arrival.topology, proof, login };
        let room = self.directory.find_or_open(now, &name, &opener, &self.config, &mut self.rng)?;
        let decided = match room.entry(&id, &arrival, &self.config) {
            Ok(Entry::In) => {
                if arrival.is_counted {
                    self.attempts_of_network.give_back(&Network::of(arrival.from));
                }
                Ok(Stage::Joined(self.enter(now, &name, &id, &arrival)))
            }
            Ok(Entry::Wait) => self.wait(&name, id, arrival),
            Ok(Entry::Check(hash)) => self.begin_check(now, &name, arrival, Some(hash)),
            Err(refusal) => self.refuse_alike(now, &name, arrival, refusal),
        };
        // It may have been opened for somebody who does not come in.
        self.close_if_empty(now, &name);
        decided
    }

    /// Lets a stranger pay for an attempt, where not everyone may open rooms: whether there is a room of that name, and how it is kept, could be
    /// found out by trying. Who comes in gets it back. Returns whether they paid.
    fn count(
        &mut self,
        now: Instant,
        name: &RoomName,
        id: &ParticipantId,
        arrival: &Arrival,
    ) -> Result<bool, Refusal> {
        if self.config.opening.is_for_anyone() || arrival.is_counted {
            return Ok(arrival.is_counted);
        }
        let room = self.directory.get(name).and_then(Room::record);
        let record = room.or_else(|| self.directory.record(name));
        if record.is_some_and(|record| record.may_open(id, &arrival.proofs)) {
            return Ok(false);
        }
        if self.attempts_of_network.take(now, Network::of(arrival.from)) {
            Ok(true)
        } else {
            Err(Refusal::TooManyAttempts)
        }
    }

    /// Refuses somebody; a stranger with the same word, and after the same time, whether the room is locked, has a password or is not there.
    fn refuse_alike(
        &mut self,
        now: Instant,
        name: &RoomName,
        arrival: Arrival,
        refusal: Refusal,
    ) -> Result<Stage, Refusal> {
        if !(arrival.is_counted && refusal.is_telling()) {
            return Err(refusal);
        }
        if arrival.password.is_some() && arrival.fits.is_none() {
            return self.begin_check(now, name, arrival, None);
        }
        Err(self.alike(refusal))
    }

    /// Returns what a stranger is told in place of what would tell them something.
    pub(super) fn alike(&self, refusal: Refusal) -> Refusal {
        let is_told = self.config.opening.is_for_anyone() || !refusal.is_telling();
        if is_told { refusal } else { self.config.opening.refusal() }
    }

    /// Says why somebody may not open a room, if so.
    fn check_opening(&self, name: &RoomName, id: &ParticipantId, arrival: &Arrival) -> Result<(), Refusal> {
        let opening = &self.config.opening;
        let record = self.directory.record(name);
        if record.is_some_and(|record| record.may_open(id, &arrival.proofs)) {
            return Ok(());
        }
        let has_token = arrival.granted().is_some();
        if self.config.token_required && !has_token {
            return Err(Refusal::TokenRequired);
        }
        let has = |credential: &Credential| match credential {
            Credential::Token => has_token,
            Credential::Login => arrival.has_signed_in,
        };
        if opening.is_for_anyone() || opening.credentials.iter().any(has) {
            return Ok(());
        }
        let both = opening.password.as_ref().zip(arrival.opening_password.as_ref());
        let is_right = both.is_some_and(|(password, given)| self.identities.is_same(&password.0, &given.0));
        if is_right { Ok(()) } else { Err(opening.refusal()) }
    }

    /// Lets somebody come in who may.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        name: &RoomName,
        id: &ParticipantId,
        arrival: &Arrival,
    ) -> Seat {
        let is_guarded = self.config.token_required || !self.config.opening.is_for_anyone();
        let room = self.directory.get_mut(name).expect("a room is open while somebody comes in");
        let seat = room.seat(id);
        let connection = arrival.connection;
        let waited = room.stop_waiting(id, &mut self.out).map(|before| before.connection);
        room.prove_owner(id, &arrival.proofs, &mut self.out);
        room.use_grant(id, arrival.granted(), &mut self.out);
        room.remember(id, is_guarded, &mut self.out);
        room.enter(now, id, arrival, &self.config, &mut self.out);
        if let Some(renewal) = self.config.relay_renewal {
            self.last_media_key += 1;
            room.open_relay(now, id, MediaKey(self.last_media_key), renewal, &mut self.out);
        }
        if let Some(before) = waited.filter(|before| *before != connection) {
            self.supersede(before);
        }
        self.set_room_timer(name);
        self.participants += 1;
        debug!(participant = %id, "participant joined");
        seat
    }

    /// Lets somebody wait at the door.
    fn wait(&mut self, name: &RoomName, id: ParticipantId, arrival: Arrival) -> Result<Stage, Refusal> {
        let room = self.directory.get_mut(name).expect("a room is open while somebody knocks");
        let (seat, connection) = (room.seat(&id), arrival.connection);
        let replaced = room.wait(id, arrival, &mut self.out)?;
        if let Some(before) = replaced.filter(|before| *before != connection) {
            self.supersede(before);
        }
        Ok(Stage::Waiting(seat))
    }

    /// Gives a known participant a new connection; the old one, if it is there, is closed.
    fn attach(
        &mut self,
        now: Instant,
        room: &RoomName,
        id: &ParticipantId,
        presence: Presence,
        arrival: &Arrival,
    ) {
        match presence {
            Presence::Online(old) => self.supersede(old),
            Presence::Away(_) => self.timers.clear(&Timer::Lease(room.clone(), id.clone())),
        }
        debug!(participant = %id, "participant attached");
        if let Some(room) = self.directory.get_mut(room) {
            room.attach(now, id, arrival, &mut self.out);
        }
    }

    /// Closes a connection whose participant goes on with another one.
    fn supersede(&mut self, connection: ConnectionId) {
        self.turn_away(connection, &Refusal::Superseded, CloseCode::Superseded);
    }

    /// Answers a `join` on a connection that has joined.
    pub(super) fn join_again(
        &mut self,
        now: Instant,
        from: ConnectionId,
        seat: &Seat,
        message: ClientMessage,
    ) {
        match self.parse_join(from, message) {
            Ok((room, arrival)) => {
                let member = self.directory.get(&room).and_then(|room| room.find_by_key(&arrival.key));
                if room == seat.room && member.is_some_and(|member| member.id == seat.participant) {
                    self.tell_everything(now, seat);
                } else {
                    self.refuse(from, &Refusal::AlreadyJoined);
                }
            }
            Err(refusal) => self.refuse(from, &refusal),
        }
    }

    /// Answers a `join` on a connection that waits: it is told so again, unless it waits no more for what it says now.
    pub(super) fn wait_again(
        &mut self,
        now: Instant,
        from: ConnectionId,
        seat: &Seat,
        message: ClientMessage,
    ) {
        let decided = self.parse_join(from, message).and_then(|(name, arrival)| {
            let room = self.directory.get(&name);
            let waits = room.and_then(|room| room.find_waiting(&arrival.key));
            if name == seat.room && waits.is_some() {
                self.admit(now, name, arrival)
            } else {
                Err(Refusal::AlreadyJoined)
            }
        });
        self.settle_join(from, decided);
    }

    /// Lets somebody in who waits. The one who asks for it is told why not, if not.
    pub(super) fn admit_waiting(
        &mut self,
        now: Instant,
        name: &RoomName,
        id: &ParticipantId,
    ) -> Result<(), Refusal> {
        let room = self.directory.get_mut(name).ok_or(Refusal::NoSuchPeer)?;
        if !room.is_waiting(id) {
            return Err(Refusal::NoSuchPeer);
        }
        room.check_place()?;
        let arrival = room.stop_waiting(id, &mut self.out).ok_or(Refusal::NoSuchPeer)?;
        room.remember_admitted(id, &mut self.out);
        let connection = arrival.connection;
        let seat = self.enter(now, name, id, &arrival);
        self.set_stage(connection, Stage::Joined(seat));
        Ok(())
    }

    /// Turns somebody away who waits.
    pub(super) fn turn_away_waiting(
        &mut self,
        name: &RoomName,
        id: &ParticipantId,
        refusal: &Refusal,
    ) -> Result<(), Refusal> {
        let room = self.directory.get_mut(name).ok_or(Refusal::NoSuchPeer)?;
        let arrival = room.stop_waiting(id, &mut self.out).ok_or(Refusal::NoSuchPeer)?;
        self.turn_away(arrival.connection, refusal, CloseCode::PutOut);
        Ok(())
    }
}

//! Passwords of rooms. The shell hashes and compares them, which takes long on purpose; what waits for it is here.

use std::time::Instant;

use allo_protocol::Password;
use unicode_normalization::UnicodeNormalization as _;

use super::Rooms;
use crate::attempts::Network;
use crate::connection::{ConnectionId, Seat, Stage};
use crate::record::PasswordHash;
use crate::refusal::Refusal;
use crate::room::Arrival;
use crate::{CheckId, RoomName};

/// The longest password, in bytes. A longer one is refused.
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;

/// What waits for the shell.
#[derive(Debug)]
pub(super) enum Check {
    /// Somebody who wants to come in, and the hash that their password is compared with; `None` if only the time is to pass.
    Join { room: RoomName, arrival: Box<Arrival>, hash: Option<PasswordHash> },
    /// A moderator who sets a new password.
    Set { by: ConnectionId, seat: Seat },
}

impl Rooms {
    /// Takes what a password was hashed to; `None` if that was not possible.
    pub fn handle_hash(&mut self, check: CheckId, hash: Option<PasswordHash>) {
        let Some(Check::Set { by, seat }) = self.checks.remove(&check) else { return };
        let is_hashed = hash.is_some();
        self.in_room(&seat, |room, _, out| room.end_hashing(check, hash, out));
        if !is_hashed && self.connections.contains_key(&by) {
            self.refuse(by, &Refusal::PasswordUnchecked);
        }
    }

    /// Takes whether a password fits; `None` if that could not be found out.
    pub fn handle_verdict(&mut self, now: Instant, check: CheckId, fits: Option<bool>) {
        let Some(Check::Join { room, mut arrival, hash }) = self.checks.remove(&check) else { return };
        let from = arrival.connection;
        let Some(connection) = self.connections.get_mut(&from) else { return };
        // Who typed a wrong one has the time to type another.
        connection.may_join_again(now, &self.config);
        self.set_timer(from);
        let decided = match fits {
            Some(true) => {
                self.attempts_of_network.give_back(&Network::of(arrival.from));
                self.attempts_in_room.give_back(&room);
                (arrival.fits, arrival.is_counted) = (hash, false);
                self.admit(now, room, *arrival)
            }
            Some(false) if arrival.is_counted => Err(self.alike(Refusal::WrongPassword)),
            Some(false) => Err(Refusal::WrongPassword),
            None => Err(Refusal::PasswordUnchecked),
        };
        self.settle_join(from, decided);
    }

    /// Has the password of somebody compared with that of the room.
    pub(super) fn begin_check(
        &mut self,
        now: Instant,
        room: &RoomName,
        arrival: Arrival,
        hash: Option<PasswordHash>,
    ) -> Result<Stage, Refusal> {
        let password = arrival.password.clone().ok_or(Refusal::PasswordRequired)?;
        // In this order: who may try no more themselves takes nothing from the others.
        let may_try = (arrival.is_counted || self.attempts_of_network.take(now, Network::of(arrival.from)))
            && self.attempts_in_room.take(now, room.clone());
        if !may_try {
            return Err(Refusal::TooManyAttempts);
        }
        let check = self.next_check();
        self.out.check_password(check, password, hash.clone());
        let arrival = Box::new(arrival);
        self.checks.insert(check, Check::Join { room: room.clone(), arrival, hash });
        Ok(Stage::Checking(check))
    }

    /// Sets the password of a room, or takes it away.
    pub(super) fn set_password(
        &mut self,
        by: ConnectionId,
        seat: &Seat,
        password: Option<&Password>,
    ) -> Result<(), Refusal> {
        let Some(password) = password else {
            self.in_room(seat, |room, _, out| room.set_password(None, out));
            return Ok(());
        };
        let password = parse(password)?;
        let check = self.next_check();
        self.try_in_room(seat, |room, _, _| room.begin_hashing(check))?;
        self.out.hash_password(check, password);
        self.checks.insert(check, Check::Set { by, seat: seat.clone() });
        Ok(())
    }

    fn next_check(&mut self) -> CheckId {
        self.last_check = CheckId(self.last_check.0 + 1);
        self.last_check
    }
}

/// Reads a password: however it was typed, it is written in one way (NFC, RFC 8265 §4.2).
pub(super) fn parse(password: &Password) -> Result<Password, Refusal> {
    let bad = Refusal::BadPassword { bytes_max: PASSWORD_BYTES_MAX };
    // To compose characters hardly ever makes a text longer; what is far too long need not be looked at.
    if password.0.is_empty() || password.0.len() > 4 * PASSWORD_BYTES_MAX {
        return Err(bad);
    }
    let text: String = password.0.nfc().collect();
    if text.len() > PASSWORD_BYTES_MAX { Err(bad) } else { Ok(Password(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_same_however_it_is_typed() {
        let text = |password: &str| parse(&Password(password.to_owned())).ok().map(|it| it.0);
        assert_eq!(text("caf\u{e9}"), text("cafe\u{301}"));
        assert_eq!(text(" a\tb "), Some(" a\tb ".to_owned()), "nothing else is changed");
        assert_eq!(text(&"a".repeat(PASSWORD_BYTES_MAX)).map(|text| text.len()), Some(PASSWORD_BYTES_MAX));
        assert_eq!(text(""), None);
        assert_eq!(text(&"a".repeat(PASSWORD_BYTES_MAX + 1)), None);
        assert_eq!(text(&"a".repeat(60_000)), None);
    }
}

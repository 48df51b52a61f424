//! Passwords of rooms: hashed and compared on threads of their own, a few at a time.

use std::sync::Arc;

use allo_protocol::Password;
use allo_room::{CheckId, PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{constant_time::verify_slices_are_equal, rand};
use tokio::{
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
};

/// Passwords looked at at a time. Each takes [`MEMORY_KIB`] and a core for some twenty milliseconds; the others wait.
///
/// Higher: a crowd gets in sooner. Lower: calls feel less of it.
const AT_A_TIME: usize = 2;

/// What Argon2id takes, after the recommendation of OWASP. A hash says with which of these it was made: [`VERSION`].
///
/// Higher: guessing costs more, for whoever has the data folder. Lower: coming in costs less.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const VERSION: &str = "1";

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Answers that wait for the rooms. Beyond, the next password waits.
const ANSWERS_MAX: usize = 16;

/// What came of a password.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It was hashed, unless that was not possible.
    Hash(CheckId, Option<PasswordHash>),
    /// It fits, or not, unless that could not be found out.
    Verdict(CheckId, Option<bool>),
}

/// Looks at passwords beside the rooms. How many wait is bounded by the rooms: one for each connection, and one for each room.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    to_answers: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let (to_answers, answers) = mpsc::channel(ANSWERS_MAX);
        Self { turns: Arc::new(Semaphore::new(AT_A_TIME)), to_answers, answers }
    }

    pub(crate) fn hash(&self, check: CheckId, password: Password) {
        self.look(move || Answer::Hash(check, hash(&password)), Answer::Hash(check, None));
    }

    /// Compares a password with a hash. Without one it does not fit, after the same time.
    pub(crate) fn compare(&self, check: CheckId, password: Password, hash: Option<PasswordHash>) {
        let verdict = move || match hash {
            Some(hash) => fits(&password, &hash),
            None => argon2id(&password, &[0; SALT_BYTES]).map(|_| false),
        };
        self.look(move || Answer::Verdict(check, verdict()), Answer::Verdict(check, None));
    }

    /// Returns what came of one of them.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answers.recv().await.expect("this end keeps the other one")
    }

    fn look(&self, look: impl FnOnce() -> Answer + Send + 'static, failed: Answer) {
        let (turns, to_answers) = (self.turns.clone(), self.to_answers.clone());
        tokio::spawn(async move {
            let answer = match turns.acquire().await {
                Ok(_turn) => spawn_blocking(look).await.unwrap_or(failed),
                Err(_) => failed,
            };
            // The rooms may be gone.
            let _stopped = to_answers.send(answer).await;
        });
    }
}

/// Returns version, salt and hash of a password, as text.
fn hash(password: &Password) -> Option<PasswordHash> {
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).ok()?;
    let hash = argon2id(password, &salt)?;
    Some(PasswordHash(format!("{VERSION}:{}:{}", hex(&salt), hex(&hash))))
}

fn fits(password: &Password, hash: &PasswordHash) -> Option<bool> {
    let mut parts = hash.0.split(':');
    let (VERSION, salt, expected) = (parts.next()?, unhex(parts.next()?)?, unhex(parts.next()?)?) else {
        return None;
    };
    let hash = argon2id(password, &salt)?;
    Some(verify_slices_are_equal(&hash, &expected).is_ok())
}

fn argon2id(password: &Password, salt: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0; HASH_BYTES];
    argon2.hash_password_into(password.0.as_bytes(), salt, &mut hash).ok()?;
    Some(hash)
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Reads what [`hex`] has written; `None` for what is something else.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password(text.to_owned())
    }

    #[test]
    fn the_right_password_fits_and_no_other() {
        let made = hash(&password("correct horse")).unwrap();
        assert_eq!(fits(&password("correct horse"), &made), Some(true));
        for wrong in ["", "correct hors", "Correct horse", "correct horse "] {
            assert_eq!(fits(&password(wrong), &made), Some(false), "{wrong:?}");
        }
        assert_ne!(hash(&password("correct horse")), Some(made), "each has its own salt");
    }

    #[test]
    fn what_is_no_hash_fits_nothing() {
        for text in ["", "1", "1:00", "2:00:00", "1:zz:zz", "1::", "argon2", "1:é:é"] {
            let fits = fits(&password("a"), &PasswordHash(text.to_owned()));
            assert_ne!(fits, Some(true), "{text:?}");
        }
    }

    #[tokio::test]
    async fn answers_come_from_beside() {
        let mut passwords = Passwords::new();
        passwords.hash(CheckId(1), password("sesame"));
        let Answer::Hash(CheckId(1), Some(hash)) = passwords.answer().await else { panic!("it is hashed") };
        passwords.compare(CheckId(2), password("sesame"), Some(hash));
        assert!(matches!(passwords.answer().await, Answer::Verdict(CheckId(2), Some(true))));
        passwords.compare(CheckId(3), password("sesame"), None);
        assert!(matches!(passwords.answer().await, Answer::Verdict(CheckId(3), Some(false))));
    }
}

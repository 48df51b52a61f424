//! Credentials that last for minutes, and nonces that nobody keeps.

use std::{
    fmt,
    time::{Duration, Instant},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use md5::{Digest as _, Md5};

use crate::Client;

/// The characters of passwords and nonces, one for each value of 6 bits.
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Hexadecimal digits that say when a nonce was made.
const TIME_DIGITS: usize = 8;
/// Characters that prove it, of 6 bits each: enough to outlast guessing for as long as it is good.
const NONCE_PROOF: usize = 8;
/// Higher: fewer requests are sent twice. Lower: one that was read along on its way can be sent again for less time.
const NONCE_LIFE: Duration = Duration::from_mins(10);

/// What credentials and nonces are made from: 32 random bytes. All servers that share an address share it, and the time that they
/// count from.
#[derive(Clone)]
pub struct TurnSecret {
    key: hmac::Key,
    epoch: Instant,
}

impl TurnSecret {
    /// Takes random bytes, and the beginning of time.
    pub fn new(random: [u8; 32], epoch: Instant) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &random), epoch }
    }

    /// Returns credentials for somebody, that open allocations for so long.
    pub fn credentials(&self, now: Instant, subject: Subject, life: Duration) -> Credentials {
        let username = format!("{:x}.{:x}", self.seconds(now + life), subject.0);
        let password = self.password(&username);
        Credentials { username, password }
    }

    fn seconds(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.epoch).as_secs()
    }

    fn password(&self, username: &str) -> String {
        self.characters(&[b"password", username.as_bytes()])
    }

    /// Returns 32 characters, which are 192 bits.
    fn characters(&self, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(part);
        }
        let tag = context.sign();
        tag.as_ref().iter().map(|byte| char::from(CHARACTERS[usize::from(byte & 63)])).collect()
    }

    /// Reads a user name that these credentials may have. Whether they have, a proof must say.
    pub(crate) fn read(&self, now: Instant, username: &str, realm: &str) -> Option<Claim> {
        let (until, subject) = parts(username)?;
        let password = self.password(username);
        let key = Md5::digest(format!("{username}:{realm}:{password}")).into();
        Some(Claim { subject, is_current: self.seconds(now) < until, key })
    }

    /// Makes a nonce for a client. It is remembered by nobody.
    pub(crate) fn nonce(&self, now: Instant, client: Client) -> String {
        let time = self.seconds(now);
        let time = format!("{time:0TIME_DIGITS$x}");
        let proof = self.nonce_proof(&time, client);
        time + &proof
    }

    /// Returns whether a nonce was made for this client, and not long ago.
    pub(crate) fn is_good_nonce(&self, now: Instant, nonce: &str, client: Client) -> bool {
        let Some((time, proof)) = nonce.split_at_checked(TIME_DIGITS) else { return false };
        let right = self.nonce_proof(time, client);
        let is_ours = verify_slices_are_equal(right.as_bytes(), proof.as_bytes()).is_ok();
        let made = u64::from_str_radix(time, 16).unwrap_or(0);
        is_ours && self.seconds(now).saturating_sub(made) < NONCE_LIFE.as_secs()
    }

    fn nonce_proof(&self, time: &str, client: Client) -> String {
        let Client { protocol, address, .. } = client;
        let who = format!("{protocol:?} {address}");
        let mut proof = self.characters(&[b"nonce", time.as_bytes(), who.as_bytes()]);
        proof.truncate(NONCE_PROOF);
        proof
    }
}

impl fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnSecret(..)")
    }
}

/// Whose credentials: a participant, by the number that the caller gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject(pub u64);

/// A name and password for one participant and a few minutes.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Says whose it is and until when it opens allocations.
    pub username: String,
    /// Follows from the name, for who knows the secret.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Returns whose a user name is.
pub(crate) fn subject(username: &str) -> Option<Subject> {
    parts(username).map(|(_, subject)| subject)
}

/// Reads until when and whose a user name is.
fn parts(username: &str) -> Option<(u64, Subject)> {
    let (until, subject) = username.split_once('.')?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok().filter(|n| format!("{n:x}") == text);
    Some((number(until)?, Subject(number(subject)?)))
}

/// What a user name claims.
pub(crate) struct Claim {
    pub(crate) subject: Subject,
    /// Whether it opens allocations still.
    pub(crate) is_current: bool,
    /// The key that messages are proved with (RFC 8489 §9.2.2).
    pub(crate) key: [u8; 16],
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use crate::TurnProtocol;

    use super::*;

    const ADA: Subject = Subject(0xada);
    const LIFE: Duration = Duration::from_mins(5);

    fn secret(n: u8) -> TurnSecret {
        TurnSecret::new([n; 32], Instant::now())
    }

    fn client(port: u16) -> Client {
        let address = |port| ([192, 0, 2, 1], port).into();
        Client { protocol: TurnProtocol::Udp, address: address(port), local: address(8443) }
    }

    #[test]
    fn credentials_say_whose_they_are_and_until_when() {
        let secret = secret(1);
        let now = secret.epoch + Duration::from_hours(1);
        let Credentials { username, password } = secret.credentials(now, ADA, LIFE);
        let claim = secret.read(now, &username, "allo").unwrap();
        assert_eq!((claim.subject, claim.is_current), (ADA, true));
        assert_eq!(claim.key.as_slice(), Md5::digest(format!("{username}:allo:{password}")).as_slice());
        assert!(!secret.read(now + LIFE, &username, "allo").unwrap().is_current);
        assert_eq!(password.len(), 32);
    }

    #[test]
    fn no_two_have_the_same_password() {
        let (one, two) = (secret(1), secret(2));
        let now = one.epoch;
        let passwords = [
            one.credentials(now, ADA, LIFE),
            one.credentials(now, Subject(2), LIFE),
            one.credentials(now, ADA, 2 * LIFE),
            two.credentials(now, ADA, LIFE),
        ]
        .map(|it| it.password);
        for (n, password) in passwords.iter().enumerate() {
            assert!(!passwords[..n].contains(password));
        }
    }

    #[test]
    fn a_name_has_one_form() {
        let secret = secret(1);
        for name in
            ["", ".", "12c", "12c.", ".ada", "12C.ada", "012c.ada", "+12c.ada", "12c.ada.", "12c.ada\0"]
        {
            assert!(secret.read(secret.epoch, name, "allo").is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_nonce_is_good_for_its_client_and_ten_minutes() {
        let secret = secret(1);
        let now = secret.epoch + Duration::from_hours(1);
        let nonce = secret.nonce(now, client(1));
        assert_eq!(nonce.len(), TIME_DIGITS + NONCE_PROOF);
        assert!(secret.is_good_nonce(now + NONCE_LIFE / 2, &nonce, client(1)));
        assert!(!secret.is_good_nonce(now + NONCE_LIFE, &nonce, client(1)));
        assert!(!secret.is_good_nonce(now, &nonce, client(2)));
        let by_tcp = Client { protocol: TurnProtocol::Tcp, ..client(1) };
        assert!(!secret.is_good_nonce(now, &nonce, by_tcp));
        for forged in
            ["", "é", "00000000", &nonce[1..], &format!("{nonce}A"), &format!("0000ffff{}", &nonce[8..])]
        {
            assert!(!secret.is_good_nonce(now, forged, client(1)), "{forged:?}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let secret = secret(1);
        let credentials = secret.credentials(secret.epoch, ADA, LIFE);
        assert_eq!(format!("{secret:?} {credentials:?}"), "TurnSecret(..) Credentials(..)");
    }
}

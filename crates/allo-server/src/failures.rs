//! Why the last who tried did not get in, for `allo doctor`. It holds reasons and times: no address, no name, no room.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use allo_protocol::{ErrorCode, ServerMessage};
use allo_room::{MediaCommand, MediaEvent, MediaKey};
use rustls::AlertDescription;
use serde_json::{Value, json};

/// Failures that are told one by one. Beyond, the oldest is only counted any more.
const LAST_MAX: usize = 20;

/// A media session that did not stand after so long has failed, even if it is given up for another one.
///
/// Lower: who leaves at once is taken for one who could not connect. Higher than six seconds: pages have tried another way before.
const MEDIA_PATIENCE: Duration = Duration::from_secs(5);

/// Why somebody did not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// The client did not trust the certificate.
    Certificate,
    /// The page was of another site.
    Origin,
    /// Too many connections from one address, one network, or in all.
    Connections,
    /// The server, or a moderator's choice, did not let them in.
    Refused(ErrorCode),
    /// No way was found for media, neither UDP nor TCP.
    Media,
}

impl Failure {
    /// Returns its name for programs.
    fn name(self) -> String {
        match self {
            Self::Certificate => "certificate".to_owned(),
            Self::Origin => "origin".to_owned(),
            Self::Connections => "connections".to_owned(),
            Self::Media => "media".to_owned(),
            Self::Refused(code) => serde_json::to_value(code)
                .ok()
                .and_then(|it| it.as_str().map(str::to_owned))
                .unwrap_or_default(),
        }
    }

    /// Returns what a message to somebody says about their getting in. A room that asks for its password has not refused anybody yet.
    fn of(message: &ServerMessage) -> Option<Self> {
        let (ServerMessage::Error { code, .. } | ServerMessage::MediaClosed { code, .. }) = message else {
            return None;
        };
        let is_refusal = matches!(
            code,
            ErrorCode::UnsupportedVersion
                | ErrorCode::BadRoomName
                | ErrorCode::RoomFull
                | ErrorCode::TooManyRooms
                | ErrorCode::RoomLocked
                | ErrorCode::WrongPassword
                | ErrorCode::TooManyAttempts
                | ErrorCode::MayNotOpen
                | ErrorCode::LobbyFull
                | ErrorCode::BadOffer
                | ErrorCode::ServerBusy
                | ErrorCode::MediaUnavailable
        );
        is_refusal.then_some(Self::Refused(*code))
    }

    /// Returns what a failed handshake says, if it is about the certificate. Most that fail are of programs that look for open ports.
    pub(crate) fn of_handshake(error: &std::io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        let rustls::Error::AlertReceived(alert) = error else { return None };
        let is_distrust = matches!(
            alert,
            AlertDescription::BadCertificate
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
        );
        is_distrust.then_some(Self::Certificate)
    }
}

/// The last failures, and how many of each kind there were since the start.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    last: VecDeque<(Failure, Instant)>,
    /// One for each kind.
    counts: BTreeMap<Failure, u64>,
}

impl Failures {
    pub(crate) fn note(&self, now: Instant, failure: Failure) {
        let mut noted = self.noted();
        if noted.last.len() == LAST_MAX {
            noted.last.pop_front();
        }
        noted.last.push_back((failure, now));
        *noted.counts.entry(failure).or_default() += 1;
    }

    /// Takes note of a message to somebody, if it says that they do not get in.
    pub(crate) fn note_message(&self, now: Instant, message: &ServerMessage) {
        if let Some(failure) = Failure::of(message) {
            self.note(now, failure);
        }
    }

    /// Returns all of it: the latest first.
    pub(crate) fn json(&self, now: Instant) -> Value {
        let noted = self.noted();
        let entry = |(failure, at): &(Failure, Instant)| json!({ "why": failure.name(), "secondsAgo": now.saturating_duration_since(*at).as_secs() });
        let last: Vec<_> = noted.last.iter().rev().map(entry).collect();
        let counts: serde_json::Map<_, _> =
            noted.counts.iter().map(|(failure, count)| (failure.name(), json!(count))).collect();
        json!({ "last": last, "counts": counts })
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The media sessions that do not stand yet, since when. There are no more than sessions.
#[derive(Debug, Default)]
pub(crate) struct Attempts(BTreeMap<MediaKey, Instant>);

impl Attempts {
    /// Takes note of what happened; returns whether a session is over that never stood.
    pub(crate) fn handle_event(&mut self, now: Instant, event: &MediaEvent) -> bool {
        match event {
            // A refusal is told by a message.
            MediaEvent::Connected(key) | MediaEvent::Refused { key, .. } => {
                self.0.remove(key);
                false
            }
            MediaEvent::Closed { key, code } => {
                let has_waited = self.0.remove(key).is_some_and(|since| now - since >= MEDIA_PATIENCE);
                has_waited && *code == ErrorCode::MediaLost
            }
            _ => false,
        }
    }

    /// Takes note of what is to be done; returns whether a session is given up that never stood.
    pub(crate) fn handle_command(&mut self, now: Instant, command: &MediaCommand) -> bool {
        match command {
            MediaCommand::Connect { key, .. } => {
                self.0.entry(*key).or_insert(now);
                false
            }
            MediaCommand::Disconnect { key } => {
                self.0.remove(key).is_some_and(|since| now - since >= MEDIA_PATIENCE)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use allo_room::MediaRoom;

    use super::*;

    const ANN: MediaKey = MediaKey(1);

    #[test]
    fn the_last_are_told_and_all_are_counted() {
        let now = Instant::now();
        let failures = Failures::default();
        for n in 0..25 {
            failures.note(now + Duration::from_secs(n), Failure::Media);
        }
        let text = |code| ServerMessage::Error { code, text: "Ada at 192.0.2.1".to_owned(), fatal: true };
        failures.note_message(now, &text(ErrorCode::RoomLocked));
        failures.note_message(now, &text(ErrorCode::PasswordRequired));
        let told = failures.json(now + Duration::from_secs(30));
        assert_eq!(told["last"].as_array().unwrap().len(), LAST_MAX);
        assert_eq!(told["last"][0], json!({ "why": "roomLocked", "secondsAgo": 30 }));
        assert_eq!(told["last"][1], json!({ "why": "media", "secondsAgo": 6 }));
        assert_eq!(told["counts"], json!({ "media": 25, "roomLocked": 1 }));
        assert!(!told.to_string().contains("Ada"));
    }

    #[test]
    fn a_session_has_failed_that_never_stood_in_all_the_time_it_had() {
        let start = Instant::now();
        let late = start + MEDIA_PATIENCE;
        let connect = MediaCommand::Connect { room: MediaRoom(1), key: ANN, sdp: String::new() };
        let disconnect = MediaCommand::Disconnect { key: ANN };
        let closed = MediaEvent::Closed { key: ANN, code: ErrorCode::MediaLost };
        let begun = || {
            let mut attempts = Attempts::default();
            assert!(!attempts.handle_command(start, &connect));
            attempts
        };
        assert!(begun().handle_command(late, &disconnect));
        assert!(begun().handle_event(late, &closed));
        assert!(!begun().handle_command(start, &disconnect), "who leaves at once has not failed");
        let mut attempts = begun();
        attempts.handle_event(start, &MediaEvent::Connected(ANN));
        assert!(!attempts.handle_event(late, &closed), "it stood");
    }

    #[test]
    fn a_handshake_fails_for_want_of_trust_or_for_other_reasons() {
        let of = |error: rustls::Error| Failure::of_handshake(&std::io::Error::other(error));
        let distrust = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        assert_eq!(of(distrust), Some(Failure::Certificate));
        assert_eq!(of(rustls::Error::HandshakeNotComplete), None);
    }
}

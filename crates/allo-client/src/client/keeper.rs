//! Keeps a session with the server's media plane.

use std::time::{Duration, Instant};

use allo_protocol::{ErrorCode, MediaSession};

use crate::session::{Session, SessionOptions};

/// The pause before the second session in a row. Each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause. Lower: a busy server is asked more often; higher: media come back later.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A session that stood so long was a success: the next pause is short again.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// Makes a session, and another one when it is over.
///
/// ```text
/// off ──start──► up ──lost, busy, broken──► waiting ──a pause that grows──► up
///                └──the same would be refused again──► refused
/// ```
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    state: State,
    /// The number of the last session.
    number: u32,
    /// Sessions in a row that did not last.
    failures: u32,
    began_at: Option<Instant>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Off,
    Up(Box<Session>),
    Waiting(Instant),
    Refused,
}

impl Keeper {
    /// Returns the session, if there is one.
    pub(crate) fn session(&self) -> Option<&Session> {
        if let State::Up(session) = &self.state { Some(session) } else { None }
    }

    /// Returns the session, if there is one.
    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        if let State::Up(session) = &mut self.state { Some(session) } else { None }
    }

    /// Makes a session if none has been made yet.
    pub(crate) fn start(&mut self, now: Instant, options: impl FnOnce(MediaSession) -> SessionOptions) {
        if matches!(self.state, State::Off) {
            self.open(now, options);
        }
    }

    /// Makes the next session if its time has come.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        options: impl FnOnce(MediaSession) -> SessionOptions,
    ) {
        if matches!(self.state, State::Waiting(due) if due <= now) {
            self.open(now, options);
        }
    }

    /// The session is over. Returns it.
    pub(crate) fn handle_end(&mut self, now: Instant, code: Option<ErrorCode>) -> Option<Session> {
        let is_final = matches!(code, Some(ErrorCode::BadOffer | ErrorCode::MediaUnavailable));
        let next = if is_final { State::Refused } else { State::Waiting(now + self.pause(now)) };
        self.replace(next)
    }

    /// Ends it all. Returns the session.
    pub(crate) fn stop(&mut self) -> Option<Session> {
        self.replace(State::Off)
    }

    /// Returns when to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if let State::Waiting(due) = self.state { Some(due) } else { None }
    }

    fn open(&mut self, now: Instant, options: impl FnOnce(MediaSession) -> SessionOptions) {
        self.number += 1;
        self.began_at = Some(now);
        self.state = State::Up(Box::new(Session::new(now, options(MediaSession(self.number)))));
    }

    fn pause(&mut self, now: Instant) -> Duration {
        if self.began_at.is_some_and(|at| now.saturating_duration_since(at) >= STABLE_AFTER) {
            self.failures = 0;
        }
        let pause = PAUSE * 2_u32.saturating_pow(self.failures.min(16));
        self.failures += 1;
        pause.min(PAUSE_MAX)
    }

    fn replace(&mut self, next: State) -> Option<Session> {
        if let State::Up(session) = std::mem::replace(&mut self.state, next) { Some(*session) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_begin_small_again_after_a_success() {
        let start = Instant::now();
        let mut keeper = Keeper { began_at: Some(start), ..Keeper::default() };
        let pauses: Vec<_> = (0..7).map(|_| keeper.pause(start).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert_eq!(keeper.pause(start + STABLE_AFTER), PAUSE);
    }

    #[test]
    fn what_would_be_refused_again_is_not_tried_again() {
        let now = Instant::now();
        let mut keeper = Keeper::default();
        keeper.handle_end(now, Some(ErrorCode::MediaLost));
        assert_eq!(keeper.poll_timeout(), Some(now + PAUSE));
        keeper.handle_end(now, Some(ErrorCode::BadOffer));
        assert_eq!(keeper.poll_timeout(), None);
    }
}

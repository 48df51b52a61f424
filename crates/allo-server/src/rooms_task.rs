//! The one task that owns the rooms: it tells them what happens on WebSockets, and does what they say.

use std::{collections::HashMap, future::pending, net::IpAddr, sync::Arc, time::Instant};

use allo_protocol::{ClientMessage, CloseCode, ServerMessage};
use allo_room::{BadPass, ConnectionId, Counts, Fault, LoginId, MediaEvent, Output, Pass, Rooms};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep_until,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use crate::{
    failures::{Attempts, Failure, Failures},
    media::MediaPlane,
    outbox::{Full, Outbox},
    passwords::{Answer, Passwords},
    records::Records,
};

/// Events that wait for the rooms. Beyond, WebSockets are read more slowly.
const EVENTS_MAX: usize = 1024;

/// What happened on a WebSocket.
#[derive(Debug)]
pub(crate) enum Event {
    /// It was opened.
    Open {
        /// The client's address.
        from: IpAddr,
        /// Who has signed in there, if anybody.
        login: Option<LoginId>,
        /// Where to leave messages for it.
        outbox: Outbox,
    },
    /// What the token in the message that follows was found to be.
    Pass(Result<Pass, BadPass>),
    /// A message came.
    Message(ClientMessage),
    /// Something came that is no message, or too much.
    Fault(Fault),
    /// It is gone; with the code that the client said, if it said one.
    Close(Option<u16>),
}

/// Where WebSockets tell the rooms what happens.
pub(crate) type Events = mpsc::Sender<(ConnectionId, Event)>;

/// Where the rooms are asked how much is there. Bounded; beyond, who asks waits.
pub(crate) type Questions = mpsc::Sender<oneshot::Sender<Counts>>;

/// Runs the rooms until `stop`, or until nobody can tell them anything any more.
pub(crate) struct RoomsTask {
    rooms: Rooms,
    outboxes: HashMap<ConnectionId, Outbox>,
    events: mpsc::Receiver<(ConnectionId, Event)>,
    questions: mpsc::Receiver<oneshot::Sender<Counts>>,
    media: Option<MediaPlane>,
    passwords: Passwords,
    /// Where what is known of rooms is kept, if anywhere.
    records: Option<Records>,
    attempts: Attempts,
    failures: Arc<Failures>,
}

impl RoomsTask {
    /// Makes the task, and the two ways to it.
    pub(crate) fn new(
        rooms: Rooms,
        media: Option<MediaPlane>,
        records: Option<Records>,
        failures: Arc<Failures>,
    ) -> (Self, Events, Questions) {
        let (to_events, events) = mpsc::channel(EVENTS_MAX);
        let (to_questions, questions) = mpsc::channel(1);
        let (outboxes, passwords, attempts) = (HashMap::new(), Passwords::new(), Attempts::default());
        let task = Self { rooms, outboxes, events, questions, media, passwords, records, attempts, failures };
        (task, to_events, to_questions)
    }

    /// Runs until `stop`; then everyone is told, and every WebSocket closed.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // Without the rooms nothing goes on: a fault in them stops the server, for its supervisor to start it anew.
        let _whole = stop.clone().drop_guard();
        loop {
            let due = self.rooms.poll_timeout();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    self.rooms.handle_timeout(Instant::now());
                }
                events = media_events(&mut self.media) => self.handle_media(events),
                answer = self.passwords.answer() => match answer {
                    Answer::Hash(check, hash) => self.rooms.handle_hash(check, hash),
                    Answer::Verdict(check, fits) => self.rooms.handle_verdict(Instant::now(), check, fits),
                },
                Some(answer) = self.questions.recv() => {
                    // Who asked may have gone.
                    let _gone = answer.send(self.rooms.counts());
                }
                event = self.events.recv() => match event {
                    Some((connection, event)) => self.handle(connection, event),
                    None => break,
                }
            }
            self.drain().await;
        }
        self.rooms.handle_stop(Instant::now());
        self.drain().await;
        // First what would be lost: there is an end to waiting.
        if let Some(records) = self.records.take() {
            records.finish().await;
        }
        if let Some(media) = self.media.take() {
            media.stop().await;
        }
    }

    fn handle_media(&mut self, events: Vec<MediaEvent>) {
        let now = Instant::now();
        for event in &events {
            if self.attempts.handle_event(now, event) {
                self.failures.note(now, Failure::Media);
            }
        }
        self.rooms.handle_media(now, events);
    }

    fn handle(&mut self, connection: ConnectionId, event: Event) {
        let now = Instant::now();
        match event {
            Event::Open { from, login, outbox } => {
                self.outboxes.insert(connection, outbox);
                self.rooms.handle_open(now, connection, from);
                if let Some(login) = login {
                    self.rooms.handle_login(connection, login);
                }
            }
            Event::Pass(pass) => self.rooms.handle_pass(connection, pass),
            Event::Message(message) => self.rooms.handle_message(now, connection, message),
            Event::Fault(fault) => self.rooms.handle_fault(now, connection, fault),
            Event::Close(code) => {
                self.outboxes.remove(&connection);
                self.rooms.handle_close(now, connection, code);
            }
        }
    }

    /// Does all that the rooms say.
    async fn drain(&mut self) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Message { to, message } => self.send(to, &message),
                Output::Close { connection, code } => self.close(connection, code),
                Output::HashPassword { check, password } => self.passwords.hash(check, password),
                Output::CheckPassword { check, password, hash } => {
                    self.passwords.compare(check, password, hash);
                }
                Output::Keep { room, record } => {
                    if let Some(records) = &self.records {
                        records.keep(room, record);
                    }
                }
                Output::Media(command) => {
                    let now = Instant::now();
                    if self.attempts.handle_command(now, &command) {
                        self.failures.note(now, Failure::Media);
                    }
                    if let Some(media) = &mut self.media {
                        media.handle(command).await;
                    }
                }
            }
        }
    }

    fn send(&mut self, to: ConnectionId, message: &ServerMessage) {
        self.failures.note_message(Instant::now(), message);
        let Some(outbox) = self.outboxes.get(&to) else { return };
        let text = serde_json::to_string(message).expect("a message has text keys only");
        if outbox.push(Utf8Bytes::from(text)) == Err(Full) {
            self.rooms.handle_fault(Instant::now(), to, Fault::TooSlow);
        }
    }

    fn close(&mut self, connection: ConnectionId, code: CloseCode) {
        let Some(outbox) = self.outboxes.remove(&connection) else { return };
        match code {
            CloseCode::TooSlow => outbox.cut(),
            code => outbox.close(code.as_u16()),
        }
    }
}

/// Waits for what happens in the media plane, if there is one.
async fn media_events(media: &mut Option<MediaPlane>) -> Vec<MediaEvent> {
    match media {
        Some(media) => media.events().await,
        None => pending().await,
    }
}

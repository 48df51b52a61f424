//! WebSockets: text to messages and back, one task each.
//!
//! ```text
//! Open ── a close frame, an error, the end ──► gone
//!   │
//!   └── the rooms say so, or a rule is broken ──► Closing ── the client agrees, or 1 s ──► gone
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use allo_protocol::{AccessToken, ClientMessage, CloseCode};
use allo_room::{ConnectionId, Fault, TokenBucket};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use http_body_util::Full;
use hyper::{Request, StatusCode, body::Incoming, header, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt as _, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::server::create_response_with_body,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};
use tracing::debug;

use crate::{
    admission::{Admitted, Refused},
    failures::Failure,
    http::{Answer, Visitor, text},
    outbox::{OutboxReader, Outgoing, outbox},
    rooms_task::{Event, Events},
    server::Shared,
    tokens::Tokens,
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The time for a client to agree to a close. Beyond, the connection is dropped.
///
/// Higher: clients on slow networks still learn the code. Lower: the server stops sooner; it has 2 s.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The buffer that each WebSocket keeps for what it reads: more than most messages have. It grows for larger ones.
///
/// Higher: large messages take fewer calls of the system. Lower: a participant who is only connected takes less memory.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Close codes that the rooms never use, because the rules behind them are the WebSocket's own (RFC 6455 §7.4.1).
const PROTOCOL_ERROR: u16 = 1002;
const NOT_UTF8: u16 = 1007;

/// Answers a request to open a WebSocket.
pub(crate) fn upgrade(shared: &Arc<Shared>, visitor: &Visitor, mut request: Request<Incoming>) -> Answer {
    let mut origins = request.headers().get_all(header::ORIGIN).into_iter();
    let is_ours = match (origins.next(), origins.next()) {
        // Browsers always say where a page is from. A program can say what it likes, so it need not say anything.
        (None, _) => true,
        (Some(origin), None) => visitor.is_allowed(origin, &shared.config.allowed_origins),
        (Some(_), Some(_)) => false,
    };
    if !is_ours {
        shared.failures.note(Instant::now(), Failure::Origin);
        return text(StatusCode::FORBIDDEN, "Pages of other sites may not connect here.");
    }
    let Ok(answer) = create_response_with_body(&request, Full::default) else {
        return text(StatusCode::BAD_REQUEST, "A WebSocket connects here.");
    };
    let admitted = match shared.websockets.admit(Some(visitor.address)) {
        Ok(admitted) => admitted,
        Err(refused) => {
            shared.failures.note(Instant::now(), Failure::Connections);
            return turned_away(refused);
        }
    };
    let (writer, reader) = outbox(shared.config.bounds.outbox_messages, shared.config.bounds.outbox_bytes);
    let connection = Connection::new(shared, admitted, reader);
    let session = shared.logins.as_ref().and_then(|logins| logins.session(request.headers()));
    let login = session.map(|session| session.id());
    let opened = Event::Open { from: visitor.address, login, outbox: writer };
    let upgrade = hyper::upgrade::on(&mut request);
    shared.tasks.spawn(async move {
        // It fails when the client went away before the answer reached it.
        if let Ok(upgraded) = upgrade.await {
            connection.run(TokioIo::new(upgraded), opened).await;
        }
    });
    answer
}

fn turned_away(refused: Refused) -> Answer {
    match refused {
        Refused::Visitor => {
            text(StatusCode::TOO_MANY_REQUESTS, "There are too many connections from your address.")
        }
        Refused::Full => text(StatusCode::SERVICE_UNAVAILABLE, "This server has too many connections."),
    }
}

/// One WebSocket.
struct Connection {
    id: ConnectionId,
    events: Events,
    outbox: OutboxReader,
    bucket: TokenBucket,
    message_bytes: usize,
    tokens: Option<Arc<Tokens>>,
    /// Makes room for another when this one ends.
    _admitted: Admitted,
}

/// How the open state ended.
enum Ending {
    /// The client closed it, or is gone; with the code it said.
    Gone(Option<u16>),
    /// This end closes it.
    Close(u16),
}

impl Connection {
    fn new(shared: &Shared, admitted: Admitted, outbox: OutboxReader) -> Self {
        let rooms = &shared.config.rooms;
        Self {
            id: shared.next_connection(),
            events: shared.events.clone(),
            outbox,
            bucket: TokenBucket::new(rooms.messages_per_second, rooms.message_burst),
            message_bytes: usize::try_from(rooms.message_bytes).unwrap_or(usize::MAX),
            tokens: shared.tokens.clone(),
            _admitted: admitted,
        }
    }

    async fn run(mut self, upgraded: TokioIo<Upgraded>, opened: Event) {
        let (id, events) = (self.id, self.events.clone());
        if events.send((id, opened)).await.is_err() {
            return;
        }
        // Each message is flushed as it is written: the outbox is the only place where they wait.
        let config = WebSocketConfig::default()
            .max_message_size(Some(self.message_bytes))
            .max_frame_size(Some(self.message_bytes))
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0);
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
        let (mut sink, mut stream) = socket.split();
        let cut = self.outbox.cut.clone();
        let ending = tokio::select! {
            ending = read(&mut stream, id, &events, &mut self.bucket, self.tokens.as_deref()) => ending,
            ending = write(&mut sink, &mut self.outbox) => ending,
            () = cut.cancelled() => Ending::Close(CloseCode::TooSlow.as_u16()),
        };
        let (code, socket) = (ending.code(), sink.reunite(stream).expect("both halves are of one socket"));
        debug!(connection = id.0, ?code, "closing");
        // The rooms first: what they hear must not wait for a client that does not answer.
        let _stopped = events.send((id, Event::Close(ending.client_code()))).await;
        if timeout(CLOSE_TIMEOUT, finish(socket, code)).await.is_err() {
            debug!(connection = id.0, "dropped: the client did not agree to the close in time");
        }
    }
}

impl Ending {
    /// Returns the code to close with, if this end closes.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Gone(_) => None,
            Self::Close(code) => Some(*code),
        }
    }

    /// Returns the code that the client said.
    fn client_code(&self) -> Option<u16> {
        match self {
            Self::Gone(code) => *code,
            Self::Close(_) => None,
        }
    }
}

/// Tells the rooms what comes, until there is cause to end.
async fn read(
    stream: &mut SplitStream<Socket>,
    id: ConnectionId,
    events: &Events,
    bucket: &mut TokenBucket,
    tokens: Option<&Tokens>,
) -> Ending {
    loop {
        let event = match stream.next().await {
            Some(Ok(Message::Close(frame))) => return Ending::Gone(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) if !bucket.take(Instant::now()) => Event::Fault(Fault::TooManyMessages),
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<ClientMessage>(&text) {
                Ok(message) => Event::Message(message),
                Err(error) => Event::Fault(Fault::BadMessage(error.to_string())),
            },
            Some(Ok(Message::Binary(_))) => Event::Fault(Fault::Binary),
            // tungstenite answers a ping by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(Error::Capacity(_))) => Event::Fault(Fault::TooBig),
            Some(Err(Error::Utf8(_))) => return Ending::Close(NOT_UTF8),
            Some(Err(Error::Protocol(error))) => {
                debug!(connection = id.0, %error, "a rule of the WebSocket protocol was broken");
                return Ending::Close(PROTOCOL_ERROR);
            }
            Some(Err(_)) | None => return Ending::Gone(None),
        };
        let is_fault = matches!(event, Event::Fault(_));
        let pass = tokens.zip(token_in(&event)).map(|(tokens, token)| tokens.pass(token, SystemTime::now()));
        if let Some(pass) = pass
            && events.send((id, Event::Pass(pass))).await.is_err()
        {
            return Ending::Close(CloseCode::ServiceRestart.as_u16());
        }
        if events.send((id, event)).await.is_err() {
            return Ending::Close(CloseCode::ServiceRestart.as_u16());
        }
        if is_fault {
            // The rooms close the connection. Nothing that this client says matters any more.
            return std::future::pending().await;
        }
    }
}

/// Returns the access token that somebody wants to come in with.
fn token_in(event: &Event) -> Option<&AccessToken> {
    match event {
        Event::Message(ClientMessage::Join { token, .. }) => token.as_ref(),
        _ => None,
    }
}

/// Sends what the rooms leave in the outbox.
async fn write(sink: &mut SplitSink<Socket, Message>, outbox: &mut OutboxReader) -> Ending {
    while let Some(outgoing) = outbox.next().await {
        match outgoing {
            Outgoing::Text(text) => {
                let bytes = text.len();
                if sink.send(Message::Text(text)).await.is_err() {
                    return Ending::Gone(None);
                }
                outbox.sent(bytes);
            }
            Outgoing::Close(code) => return Ending::Close(code),
        }
    }
    // The rooms are gone without a word.
    Ending::Close(CloseCode::ServiceRestart.as_u16())
}

/// Says goodbye, and reads on until the client has understood: closing a socket with bytes unread would reset it, and the
/// client might never see the code.
async fn finish(mut socket: Socket, code: Option<u16>) {
    let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
    // A client that closed has its answer with this, and waits for nothing but the end of the connection.
    if socket.close(frame).await.is_err() || code.is_none() {
        return;
    }
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            return;
        }
    }
    // A broken rule has put it out of step: the rest is bytes.
    let mut rest = socket.into_inner();
    let mut bytes = [0; 4096];
    while matches!(rest.read(&mut bytes).await, Ok(1..)) {}
}

//! A connection to the server that is made again whenever it is lost.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use allo_protocol::{
    ClientMessage, CloseCode, ErrorCode, Features, IceServer, Limits, PROTOCOL_VERSION, ServerMessage,
};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tracing::{debug, info, warn};
use url::Url;

use super::backoff::Backoff;
use super::tls::{self, TlsError, Trust};
use super::transport::{ConnectError, WebSocket, connect};

/// Messages and orders that wait to be sent. Beyond it the sender waits. One event brings about a few messages for each peer at
/// most, so that the sender, who reads the events too, never waits for long.
const ORDERS_MAX: usize = 1024;
/// Events that wait to be read. Beyond it the server's messages wait in the socket.
const EVENTS_MAX: usize = 256;
/// How long the server may take to answer `hello`, and to close after `leave`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that lasted so long was a success: the next waits begin small again.
const STABLE_AFTER: Duration = Duration::from_secs(5);
/// The shortest silence that is taken for a lost connection, whatever the server's limits say.
const SILENCE_MIN: Duration = Duration::from_secs(2);

/// Where to connect to.
#[derive(Debug, Clone)]
pub struct SignalingOptions {
    /// The address of the server, `https://` or `http://`; its path does not matter.
    pub url: Url,
    /// Which certificates to accept.
    pub trust: Trust,
    /// The name and version of this program, for the server's operator.
    pub client: String,
    /// Decides how long the waits before connecting again are.
    pub seed: u64,
}

/// What happened to the connection.
#[derive(Debug)]
pub enum SignalingEvent {
    /// The server answered `hello`. Whatever was said before is lost: say `join` now.
    Opened {
        /// What the server allows.
        limits: Limits,
        /// The ICE servers to use.
        ice_servers: Vec<IceServer>,
        /// Where the server says how this machine is seen from outside (STUN), if anywhere.
        stun: Option<SocketAddr>,
        /// What the server can do.
        features: Features,
    },
    /// The server said something.
    Message(ServerMessage),
    /// The connection is lost; another is being made.
    Lost,
    /// It is over, and will not be made again.
    Ended(EndReason),
}

/// Why no connection will be made again.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndReason {
    /// This end left.
    #[error("left")]
    Left,
    /// The same participant came in from elsewhere.
    #[error("this call was opened elsewhere")]
    Superseded,
    /// A moderator put this participant out, did not let them in, or ended the meeting.
    #[error("put out: {0}")]
    PutOut(String),
    /// The server does not want this client.
    #[error("refused: {0}")]
    Refused(String),
}

/// A handle to the connection. Dropping it ends the connection without a `leave`.
#[derive(Debug)]
pub struct SignalingSocket {
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<(u32, SignalingEvent)>,
    /// The connection that the last event came from.
    connection: u32,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    /// Send this, if this connection is still the one.
    Send(u32, ClientMessage),
    Cut(Duration),
    Leave,
}

impl SignalingSocket {
    /// Begins to connect.
    pub fn open(options: SignalingOptions) -> Result<Self, SignalingError> {
        if !matches!(options.url.scheme(), "https" | "http") || !options.url.has_host() {
            return Err(SignalingError::Address(ConnectError::BadAddress));
        }
        let tls = tls::client_config(&options.trust)?;
        let (orders, orders_out) = mpsc::channel(ORDERS_MAX);
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let backoff = Backoff::new(options.seed);
        let runner = Runner {
            options,
            tls,
            backoff,
            has_complained: false,
            connection: 0,
            orders: orders_out,
            events: events_in,
        };
        let task = tokio::spawn(async move {
            // Ending is the only way out; a reader that is gone needs no more events.
            let Err(Stop) = runner.run().await;
        });
        Ok(Self { orders, events, connection: 0, task })
    }

    /// Returns the next event, or `None` after the end.
    pub async fn recv(&mut self) -> Option<SignalingEvent> {
        let (connection, event) = self.events.recv().await?;
        self.connection = connection;
        Some(event)
    }

    /// Sends a message over the connection that the last event came from. If that is lost, so is the message.
    pub async fn send(&self, message: ClientMessage) {
        self.order(Order::Send(self.connection, message)).await;
    }

    /// Drops the connection as a failing network would, and stays away for a while.
    pub async fn cut(&self, duration: Duration) {
        self.order(Order::Cut(duration)).await;
    }

    /// Says `leave` if there is a connection, and ends.
    pub async fn leave(&self) {
        self.order(Order::Leave).await;
    }

    async fn order(&self, order: Order) {
        if self.orders.send(order).await.is_err() {
            debug!("the connection has ended");
        }
    }
}

impl Drop for SignalingSocket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why there can be no connection at all.
#[derive(Debug, Error)]
pub enum SignalingError {
    /// The address is wrong.
    #[error(transparent)]
    Address(ConnectError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The end was told, or nobody listens any more.
struct Stop;

enum Never {}

/// How a connection came to its end.
enum Close {
    Lost,
    /// The server said that it is going down, and another one will answer.
    Restarting,
    Cut(Duration),
    Ended(EndReason),
}

struct Runner {
    options: SignalingOptions,
    tls: Arc<ClientConfig>,
    backoff: Backoff,
    has_complained: bool,
    connection: u32,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<(u32, SignalingEvent)>,
}

impl Runner {
    async fn run(mut self) -> Result<Never, Stop> {
        loop {
            let close = match self.connect().await? {
                Ok((socket, server)) => self.converse(socket, server).await?,
                Err(close) => close,
            };
            let wait = match close {
                Close::Lost => self.backoff.next_wait(),
                Close::Restarting => {
                    self.backoff.expect_restart();
                    self.backoff.next_wait()
                }
                Close::Cut(duration) => duration,
                Close::Ended(reason) => {
                    self.emit(SignalingEvent::Ended(reason)).await?;
                    return Err(Stop);
                }
            };
            self.wait(wait).await?;
        }
    }

    /// Connects, unless something else is ordered before that is done.
    async fn connect(&mut self) -> Result<Result<(WebSocket, IpAddr), Close>, Stop> {
        let (url, tls) = (self.options.url.clone(), self.tls.clone());
        let connecting = connect(&url, &tls);
        tokio::pin!(connecting);
        let connected = loop {
            tokio::select! {
                connected = &mut connecting => break connected,
                order = self.orders.recv() => match order.ok_or(Stop)? {
                    Order::Send(..) => {}
                    Order::Cut(duration) => return Ok(Err(Close::Cut(duration))),
                    Order::Leave => return Ok(Err(Close::Ended(EndReason::Left))),
                },
            }
        };
        Ok(connected.map_err(|error| {
            self.complain(&error);
            match error {
                // Too many connections is a matter of time; the other refusals are of this client.
                ConnectError::Refused(status @ (400..=428 | 430..=499)) => {
                    Close::Ended(EndReason::Refused(format!("HTTP status {status}")))
                }
                _ => Close::Lost,
            }
        }))
    }

    /// Says why there is no connection, aloud only when it is the first time in a row. Causes may name addresses.
    fn complain(&mut self, error: &ConnectError) {
        debug!(error = error as &dyn std::error::Error, "cannot connect");
        if !std::mem::replace(&mut self.has_complained, true) {
            warn!("{error}");
        }
    }

    /// Waits to connect again. What is to be sent meanwhile is lost, as the caller knows.
    async fn wait(&mut self, duration: Duration) -> Result<(), Stop> {
        let mut until = Instant::now() + duration;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                order = self.orders.recv() => match order.ok_or(Stop)? {
                    Order::Send(..) => {}
                    Order::Cut(duration) => until = Instant::now() + duration,
                    Order::Leave => {
                        self.emit(SignalingEvent::Ended(EndReason::Left)).await?;
                        return Err(Stop);
                    }
                },
            }
        }
    }

    /// Says `hello` and carries messages until the connection ends.
    async fn converse(&mut self, mut socket: WebSocket, server: IpAddr) -> Result<Close, Stop> {
        let limits = match self.greet(&mut socket, server).await? {
            Ok(limits) => limits,
            Err(close) => return Ok(close),
        };
        self.has_complained = false;
        info!("connected to the server");
        let opened_at = Instant::now();
        let close = self.carry(&mut socket, silence(&limits)).await?;
        if opened_at.elapsed() >= STABLE_AFTER {
            self.backoff.reset();
        }
        if !matches!(close, Close::Ended(_)) {
            info!("the connection to the server is lost");
            self.emit(SignalingEvent::Lost).await?;
        }
        Ok(close)
    }

    async fn greet(&mut self, socket: &mut WebSocket, server: IpAddr) -> Result<Result<Limits, Close>, Stop> {
        let hello =
            ClientMessage::Hello { protocol_version: PROTOCOL_VERSION, client: self.options.client.clone() };
        if send(socket, &hello).await.is_err() {
            return Ok(Err(Close::Lost));
        }
        let welcome = timeout(ANSWER_TIMEOUT, welcome(socket)).await;
        let Welcome { limits, ice_servers, stun_port, features } = match welcome.unwrap_or(Err(Close::Lost)) {
            Ok(welcome) => welcome,
            Err(close) => return Ok(Err(close)),
        };
        self.connection += 1;
        let stun = stun_port.map(|port| SocketAddr::new(server, port));
        self.emit(SignalingEvent::Opened { limits: limits.clone(), ice_servers, stun, features }).await?;
        Ok(Ok(limits))
    }

    async fn carry(&mut self, socket: &mut WebSocket, silence: Duration) -> Result<Close, Stop> {
        let mut said = None;
        loop {
            tokio::select! {
                received = timeout(silence, socket.next()) => {
                    let Ok(Some(Ok(message))) = received else { return Ok(ended(None, said)) };
                    if let Message::Close(frame) = &message {
                        return Ok(ended(frame.as_ref(), said));
                    }
                    let Some(message) = parse(&message) else { continue };
                    if let ServerMessage::Error { code, text, fatal: true } = &message {
                        said = Some(after(*code, text));
                    }
                    match message {
                        ServerMessage::Ping {} => {
                            if send(socket, &ClientMessage::Pong {}).await.is_err() {
                                return Ok(Close::Lost);
                            }
                        }
                        message => self.emit(SignalingEvent::Message(message)).await?,
                    }
                }
                order = self.orders.recv() => match order.ok_or(Stop)? {
                    Order::Send(connection, message) if connection == self.connection => {
                        if send(socket, &message).await.is_err() {
                            return Ok(Close::Lost);
                        }
                    }
                    Order::Send(..) => {}
                    Order::Cut(duration) => return Ok(Close::Cut(duration)),
                    Order::Leave => return Ok(leave(socket).await),
                },
            }
        }
    }

    async fn emit(&self, event: SignalingEvent) -> Result<(), Stop> {
        self.events.send((self.connection, event)).await.map_err(|_| Stop)
    }
}

/// What the server says first.
struct Welcome {
    limits: Limits,
    ice_servers: Vec<IceServer>,
    stun_port: Option<u16>,
    features: Features,
}

async fn welcome(socket: &mut WebSocket) -> Result<Welcome, Close> {
    while let Some(Ok(message)) = socket.next().await {
        match parse(&message) {
            Some(ServerMessage::Welcome { limits, ice_servers, stun_port, features, .. }) => {
                return Ok(Welcome { limits, ice_servers, stun_port, features });
            }
            Some(ServerMessage::Error { code, text, .. }) => {
                return Err(after(code, &text));
            }
            _ => {}
        }
    }
    Err(Close::Lost)
}

/// A server that pings says something at least so often.
fn silence(limits: &Limits) -> Duration {
    let missed = Duration::from_millis(limits.ping_interval_ms.into()) * (limits.missed_pongs.min(100) + 1);
    missed.max(SILENCE_MIN)
}

/// Returns what a fatal error makes of the connection. After most of them, coming back may help.
fn after(code: ErrorCode, text: &str) -> Close {
    match code {
        ErrorCode::Superseded => Close::Ended(EndReason::Superseded),
        ErrorCode::Denied | ErrorCode::Removed | ErrorCode::Banned | ErrorCode::MeetingEnded => {
            Close::Ended(EndReason::PutOut(text.to_owned()))
        }
        ErrorCode::BadMessage | ErrorCode::UnsupportedVersion => {
            Close::Ended(EndReason::Refused(text.to_owned()))
        }
        ErrorCode::ServerStopping => Close::Restarting,
        _ => Close::Lost,
    }
}

/// Returns how a connection ended that the server closed with `frame`, or that broke, after it `said` what makes of it.
fn ended(frame: Option<&CloseFrame>, said: Option<Close>) -> Close {
    let code = frame.map(|frame| u16::from(frame.code));
    debug!(code, "the connection was closed");
    // The error message may have been lost; the code says the same.
    said.unwrap_or(match code {
        Some(code) if code == CloseCode::Superseded.as_u16() => Close::Ended(EndReason::Superseded),
        Some(code) if code == CloseCode::PutOut.as_u16() || code == CloseCode::Ended.as_u16() => {
            Close::Ended(EndReason::PutOut("put out of the room, or the meeting is over".to_owned()))
        }
        Some(code) if code == CloseCode::ServiceRestart.as_u16() => Close::Restarting,
        _ => Close::Lost,
    })
}

/// Says `leave` and waits for the server to close, so that the message is not lost with the connection.
async fn leave(socket: &mut WebSocket) -> Close {
    if send(socket, &ClientMessage::Leave {}).await.is_ok() {
        // Who was never let in is told that leaving is out of order.
        let is_out = |message: &Message| {
            matches!(parse(message), Some(ServerMessage::Error { code: ErrorCode::OutOfOrder, .. }))
        };
        let closed = async {
            while let Some(Ok(message)) = socket.next().await {
                if is_out(&message) {
                    break;
                }
            }
        };
        if timeout(ANSWER_TIMEOUT, closed).await.is_err() {
            debug!("the server did not close after leave");
        }
    }
    Close::Ended(EndReason::Left)
}

async fn send(socket: &mut WebSocket, message: &ClientMessage) -> Result<(), ()> {
    let text = serde_json::to_string(message).expect("messages have no maps and no failing parts");
    socket.send(Message::text(text)).await.map_err(|error| debug!(%error, "cannot send"))
}

/// Reads a message; what this client does not know is ignored, as the protocol asks.
fn parse(message: &Message) -> Option<ServerMessage> {
    let text = message.to_text().ok().filter(|text| !text.is_empty())?;
    serde_json::from_str(text).map_err(|error| debug!(%error, "ignored a message")).ok()
}

//! A TURN client's connection, TCP or TLS: read and written by a task of its own, on behalf of the worker of its room.
//!
//! ```text
//!   begun ── a request without credentials: answered, a few times ──► begun
//!     │
//!     └── a request that names a worker ──► relayed: what comes goes to that worker, what it says is written
//!                                             │
//!                                             └── either end, or the worker, is done with it ──► closed
//! ```

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use allo_turn::{Client, Greeter, Greeting, Splitter};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split},
    sync::mpsc,
    time::{Instant as Deadline, sleep, timeout_at},
};
use tracing::{debug, trace};

use super::{
    queue::Queue,
    relay::worker_of_subject,
    turn_clients::{News, Pieces, What},
};

/// Requests that do not say whose they are and are answered on one connection. A client needs one, or a second one if it guessed at
/// first. Beyond, the connection is closed.
const CHALLENGES_MAX: usize = 3;

/// What is read of a connection at once.
///
/// Higher: fewer calls of the system. Lower: less memory for each connection.
const READ_BYTES: usize = 4096;

/// What a worker says that waits for the connection's task. Beyond, it is dropped: the task takes it at once, and keeps no more than
/// [`Queue`] may.
const SAID_MAX: usize = 64;

/// A connection on which nothing came for so long is closed. Its allocation has to be refreshed every ten minutes (RFC 8656 §3.2).
const IDLE_MAX: Duration = Duration::from_mins(11);

/// How often it is looked whether a connection takes anything.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The way of TURN clients' connections to the workers.
#[derive(Debug, Clone)]
pub(super) struct TurnDoor {
    greeter: Greeter,
    workers: Vec<mpsc::Sender<News>>,
}

impl TurnDoor {
    pub(super) fn new(greeter: Greeter, workers: Vec<mpsc::Sender<News>>) -> Self {
        Self { greeter, workers }
    }

    /// Serves a connection, of which `begun` was read already, until it is over. Until `deadline` it has to say whose it is; after that
    /// each message may take `patience` from its first byte to its last.
    pub(super) async fn serve<S>(
        &self,
        mut stream: S,
        begun: &[u8],
        client: Client,
        deadline: Deadline,
        patience: Duration,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut splitter = Splitter::default();
        splitter.bytes.extend_from_slice(begun);
        let named = timeout_at(deadline, self.greet(&mut stream, &mut splitter, client)).await??;
        let Some((worker, first)) = named else { return Ok(()) };
        let (said, to_write) = mpsc::channel(SAID_MAX);
        tell(worker, client, What::Begun(said)).await?;
        let pieces = Pieces { ends: vec![first.len()], bytes: first };
        tell(worker, client, What::Pieces(pieces)).await?;
        let (read, write) = split(stream);
        let reader = Reader { read, splitter, client, patience, worker: worker.clone() };
        let ended = tokio::select! {
            ended = reader.run() => ended,
            ended = Writer { write, queue: Queue::default(), is_flushed: true }.run(to_write) => ended,
        };
        // The connection is still there: nobody has another one from that address before the worker knows that this one is over.
        tell(worker, client, What::Ended).await?;
        ended
    }

    /// Answers requests until one names a worker; `None` when there is no use in going on.
    async fn greet<S>(
        &self,
        stream: &mut S,
        splitter: &mut Splitter,
        client: Client,
    ) -> io::Result<Option<(&mpsc::Sender<News>, Vec<u8>)>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut challenges = 0;
        loop {
            while let Some(piece) = splitter.next().map_err(|_| io::ErrorKind::InvalidData)? {
                match self.greeter.greet(Instant::now(), client, piece) {
                    Greeting::Hand(subject) => {
                        let worker =
                            worker_of_subject(subject).and_then(|it| self.workers.get(usize::from(it)));
                        return Ok(worker.map(|worker| (worker, piece.to_vec())));
                    }
                    Greeting::Challenge(answer) if challenges < CHALLENGES_MAX => {
                        challenges += 1;
                        stream.write_all(&answer).await?;
                        stream.flush().await?;
                    }
                    Greeting::Challenge(_) | Greeting::Refuse => return Ok(None),
                }
            }
            splitter.bytes.reserve(READ_BYTES);
            if stream.read_buf(&mut splitter.bytes).await? == 0 {
                return Ok(None);
            }
        }
    }
}

async fn tell(worker: &mpsc::Sender<News>, client: Client, what: What) -> io::Result<()> {
    worker.send(News { client, what }).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// Reads a connection, as fast as the worker takes it.
struct Reader<S> {
    read: ReadHalf<S>,
    splitter: Splitter,
    client: Client,
    patience: Duration,
    worker: mpsc::Sender<News>,
}

impl<S: AsyncRead> Reader<S> {
    async fn run(mut self) -> io::Result<()> {
        let mut deadline = Deadline::now() + IDLE_MAX;
        let mut was_within = false;
        loop {
            let pieces = self.take_all()?;
            // A message has so long from its first byte, however slowly the others come.
            let (is_within, has_some) = (self.splitter.has_part(), pieces.is_some());
            if has_some || is_within != was_within {
                deadline = Deadline::now() + if is_within { self.patience } else { IDLE_MAX };
            }
            was_within = is_within;
            if let Some(pieces) = pieces {
                tell(&self.worker, self.client, What::Pieces(pieces)).await?;
            }
            self.splitter.bytes.reserve(READ_BYTES);
            if timeout_at(deadline, self.read.read_buf(&mut self.splitter.bytes)).await?? == 0 {
                return Ok(());
            }
        }
    }

    /// Takes the messages and channel data that came whole.
    fn take_all(&mut self) -> io::Result<Option<Pieces>> {
        let mut pieces = Pieces::default();
        while let Some(piece) = self.splitter.next().map_err(|_| io::ErrorKind::InvalidData)? {
            pieces.bytes.extend_from_slice(piece);
            pieces.ends.push(pieces.bytes.len());
        }
        Ok((!pieces.ends.is_empty()).then_some(pieces))
    }
}

/// Writes what the worker says, and keeps what there is no room for.
struct Writer<S> {
    write: WriteHalf<S>,
    queue: Queue,
    is_flushed: bool,
}

impl<S: AsyncWrite> Writer<S> {
    /// Writes until the worker is done with the connection, or it takes nothing for long.
    async fn run(mut self, mut said: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
        while !self.queue.is_stalled(Instant::now()) {
            let waits = !self.is_flushed;
            tokio::select! {
                biased;
                bytes = said.recv() => match bytes {
                    Some(bytes) => {
                        let dropped = self.queue.push(bytes);
                        if dropped > 0 {
                            trace!(dropped, "a TURN client takes less than it is sent");
                        }
                        self.is_flushed = false;
                    }
                    None => return Ok(()),
                },
                written = poll_fn(|context| self.poll_write(context)), if waits => written?,
                () = sleep(LOOK_INTERVAL), if waits => {}
            }
        }
        debug!("a TURN client takes nothing");
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Writes all that waits.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { write, queue, is_flushed } = self;
        let waits =
            queue.write(Instant::now(), |bytes| match Pin::new(&mut *write).poll_write(context, bytes) {
                Poll::Ready(count) => count,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            });
        match waits {
            Ok(true) => Poll::Pending,
            Ok(false) => Pin::new(write).poll_flush(context).map_ok(|()| *is_flushed = true),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

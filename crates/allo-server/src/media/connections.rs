//! TCP connections that carry media (RFC 6544): each belongs to the thread of one worker.
//!
//! ```text
//!  listener ── the first frame is a check ──► Door ──► worker: is it for somebody here?  no ──► closed, without a word
//!                                                        │ yes, and the engine says it is genuine
//!                                                        ▼
//!                            a task reads it ──Arrival──► worker ──train──► queue ──► the connection
//! ```

use std::{
    collections::{BTreeSet, HashMap},
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use allo_sfu::Train;
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::{Instant as Deadline, timeout_at},
};
use tracing::debug;

use super::{
    framing::{Deframer, push_frame},
    queue::Queue,
};
use crate::admission::Admitted;

/// Bundles of datagrams that wait for a worker, of all connections together. Beyond, the connections are not read.
const ARRIVALS_MAX: usize = 64;

/// What is read of a connection at once.
///
/// Higher: fewer calls of the system. Lower: less memory for each connection.
const READ_BYTES: usize = 4096;

/// What the system may hold of what it has not sent yet: the rest is better kept here, where it can grow old and be dropped.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 16 * 1024;

/// Where that cannot be said: what the system may hold in all.
#[cfg(not(target_os = "linux"))]
const BUFFER_BYTES: usize = 128 * 1024;

/// A connection on which no datagram came for so long is closed. Consent alone is asked for every few seconds (RFC 7675).
const IDLE_MAX: Duration = Duration::from_mins(1);

/// How often connections are looked for that are of no use any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A connection with its first datagram, which may be a check for somebody here.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) peer: SocketAddr,
    /// The address of this machine that it connected to.
    pub(crate) local: SocketAddr,
    pub(crate) first: Vec<u8>,
    /// How long a frame may take from its first byte to its last.
    pub(crate) patience: Duration,
    pub(crate) admitted: Admitted,
}

/// What comes of connections.
#[derive(Debug)]
pub(super) struct Arrival {
    key: Key,
    datagrams: Datagrams,
}

/// Which connection. An address may have another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    peer: SocketAddr,
    number: u64,
}

#[derive(Debug)]
enum Datagrams {
    /// One after the other; each ends at one of the numbers.
    Some { bytes: Vec<u8>, ends: Vec<usize> },
    /// The connection is over.
    End,
}

/// What was counted. Counts only grow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConnectionCounters {
    /// Connections that were taken over.
    opened: u64,
    /// Trains that were dropped, because the connection took less than it was sent, or was gone.
    dropped: u64,
    /// Connections that were closed because they took nothing.
    stalled: u64,
}

/// The connections of one worker.
#[derive(Debug)]
pub(super) struct Connections {
    /// One for each address that somebody connects from; the listener bounds them.
    open: HashMap<SocketAddr, Connection>,
    /// Those with something that waits.
    waiting: BTreeSet<SocketAddr>,
    arrivals_in: mpsc::Sender<Arrival>,
    arrivals: mpsc::Receiver<Arrival>,
    count: u64,
    sweep_at: Instant,
    pub(super) counters: ConnectionCounters,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    stream: Arc<TcpStream>,
    /// What the engine was told that it connected to.
    candidate: SocketAddr,
    queue: Queue,
    reader: JoinHandle<()>,
    _admitted: Admitted,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Connections {
    pub(super) fn new(now: Instant) -> Self {
        let (arrivals_in, arrivals) = mpsc::channel(ARRIVALS_MAX);
        Self {
            open: HashMap::new(),
            waiting: BTreeSet::new(),
            arrivals_in,
            arrivals,
            count: 0,
            sweep_at: now + SWEEP_INTERVAL,
            counters: ConnectionCounters::default(),
        }
    }

    /// Takes a connection over, within the runtime of the worker, and returns its first datagram. An address that has one already
    /// gets no second.
    pub(super) fn open(&mut self, newcomer: Newcomer, candidate: SocketAddr) -> io::Result<Option<Vec<u8>>> {
        let Newcomer { stream, peer, first, patience, admitted, .. } = newcomer;
        if self.open.contains_key(&peer) {
            return Ok(None);
        }
        limit_unsent(&stream);
        let stream = Arc::new(TcpStream::from_std(stream)?);
        self.count += 1;
        let number = self.count;
        let reader = Reader {
            stream: stream.clone(),
            key: Key { peer, number },
            patience,
            arrivals: self.arrivals_in.clone(),
        };
        let reader = tokio::spawn(reader.run());
        let queue = Queue::default();
        let connection = Connection { number, stream, candidate, queue, reader, _admitted: admitted };
        self.open.insert(peer, connection);
        self.counters.opened += 1;
        Ok(Some(first))
    }

    /// Waits for the next datagrams of any connection, or, with `None`, for room in one for which something waits.
    pub(super) async fn next(&mut self) -> Option<Arrival> {
        let Self { open, waiting, arrivals, .. } = self;
        poll_fn(|context| {
            if let Poll::Ready(arrival) = arrivals.poll_recv(context) {
                return Poll::Ready(arrival);
            }
            let streams = waiting.iter().filter_map(|peer| open.get(peer));
            // Each is asked, so that each wakes the worker.
            let ready = streams.filter(|it| it.stream.poll_write_ready(context).is_ready()).count();
            if ready > 0 { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// Returns the next datagrams, if there are any now.
    pub(super) fn try_recv(&mut self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }

    /// Hands the datagrams of an arrival to `take`, with where they come from and what the engine is told that they came to.
    pub(super) fn handle(&mut self, arrival: &Arrival, mut take: impl FnMut(SocketAddr, SocketAddr, &[u8])) {
        let Key { peer, number } = arrival.key;
        let Some(connection) = self.open.get(&peer).filter(|it| it.number == number) else { return };
        let Datagrams::Some { bytes, ends } = &arrival.datagrams else { return self.close(peer) };
        let mut start = 0;
        for end in ends {
            take(peer, connection.candidate, bytes.get(start..*end).unwrap_or_default());
            start = *end;
        }
    }

    /// Sends a train to who is connected from there, or keeps it until there is room.
    pub(super) fn send(&mut self, now: Instant, destination: SocketAddr, train: &Train) {
        let Some(connection) = self.open.get_mut(&destination) else {
            self.counters.dropped += 1;
            return;
        };
        let mut frames = Vec::with_capacity(train.contents().len() + 2 * train.cars().len());
        train.cars().for_each(|car| push_frame(&mut frames, car));
        self.counters.dropped += connection.queue.push(frames);
        self.write(now, destination);
    }

    /// Writes what waits, as far as there is room now.
    pub(super) fn flush(&mut self, now: Instant) {
        for peer in self.waiting.clone() {
            self.write(now, peer);
        }
    }

    /// Closes the connections of which `is_known` says that they are nobody's, and those that take nothing.
    pub(super) fn sweep(&mut self, now: Instant, is_known: impl Fn(SocketAddr) -> bool) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + SWEEP_INTERVAL;
        let stalled = &mut self.counters.stalled;
        self.open.retain(|peer, connection| {
            let is_stalled = connection.queue.is_stalled(now);
            *stalled += u64::from(is_stalled);
            !is_stalled && is_known(*peer)
        });
        self.waiting.retain(|peer| self.open.contains_key(peer));
    }

    /// Returns when [`Self::sweep`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.open.is_empty()).then_some(self.sweep_at)
    }

    /// Closes a connection, with all that waits.
    pub(super) fn close(&mut self, peer: SocketAddr) {
        self.open.remove(&peer);
        self.waiting.remove(&peer);
    }

    fn write(&mut self, now: Instant, peer: SocketAddr) {
        let Some(Connection { queue, stream, .. }) = self.open.get_mut(&peer) else { return };
        match queue.write(now, |bytes| stream.try_write(bytes)) {
            Ok(true) => drop(self.waiting.insert(peer)),
            Ok(false) => drop(self.waiting.remove(&peer)),
            Err(error) => {
                debug!(%error, "a connection for media was lost");
                self.close(peer);
            }
        }
    }
}

/// Reads one connection, as fast as the worker takes it.
struct Reader {
    stream: Arc<TcpStream>,
    key: Key,
    patience: Duration,
    arrivals: mpsc::Sender<Arrival>,
}

impl Reader {
    async fn run(self) {
        if let Err(error) = self.read().await {
            debug!(%error, "a connection for media is over");
        }
        // Without the worker nobody needs to be told.
        let _gone = self.arrivals.send(Arrival { key: self.key, datagrams: Datagrams::End }).await;
    }

    async fn read(&self) -> io::Result<()> {
        let mut deframer = Deframer::default();
        let mut deadline = Deadline::now() + IDLE_MAX;
        let mut was_within = false;
        loop {
            deframer.bytes.reserve(READ_BYTES);
            timeout_at(deadline, self.stream.readable()).await??;
            match self.stream.try_read_buf(&mut deframer.bytes) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            let datagrams = take_all(&mut deframer)?;
            // A frame has so long from its first byte, however slowly the others come.
            let (is_within, has_some) = (deframer.has_part(), datagrams.is_some());
            if has_some || is_within != was_within {
                deadline = Deadline::now() + if is_within { self.patience } else { IDLE_MAX };
            }
            was_within = is_within;
            if let Some(datagrams) = datagrams {
                let arrival = Arrival { key: self.key, datagrams };
                self.arrivals.send(arrival).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
            }
        }
    }
}

/// Takes the datagrams that came whole.
fn take_all(deframer: &mut Deframer) -> io::Result<Option<Datagrams>> {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    while let Some(datagram) = deframer.next().map_err(|_| io::ErrorKind::InvalidData)? {
        bytes.extend_from_slice(datagram);
        ends.push(bytes.len());
    }
    Ok((!ends.is_empty()).then_some(Datagrams::Some { bytes, ends }))
}

/// Keeps what the system holds of what it has not sent short.
pub(crate) fn limit_unsent<'a>(socket: impl Into<SockRef<'a>>) {
    let socket = socket.into();
    #[cfg(target_os = "linux")]
    let limited = socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    #[cfg(not(target_os = "linux"))]
    let limited = socket.set_send_buffer_size(BUFFER_BYTES);
    if let Err(error) = limited {
        debug!(%error, "the buffer of a connection stayed as it was");
    }
}

//! TCP connections that carry media (RFC 6544): each belongs to the thread of one worker.
//!
//! ```text
//!  listener ── the first frame is a check ──► Door ──► worker: is it for somebody here?  no ──► closed, without a word
//!                                                        │ yes, and the engine says it is genuine
//!                                                        ▼
//!                            a task reads it ──Arrival──► worker ──train──► queue ──► the connection
//! ```

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use allo_sfu::worker_of;
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
    train::Train,
};
use crate::admission::Admitted;

/// Connections that wait for a worker to look at them. Beyond, they are closed: a client tries again.
const NEWCOMERS_MAX: usize = 64;

/// Bundles of datagrams that wait for a worker, of all connections together. Beyond, the connections are not read.
const ARRIVALS_MAX: usize = 64;

/// What is read of a connection at once.
///
/// Higher: fewer calls of the system. Lower: less memory for each connection.
const READ_BYTES: usize = 4096;

/// What waits for a connection that takes less than it is sent. Beyond, the oldest of it is dropped, like in any queue of a
/// network: what is this old is of no use to a call.
///
/// Higher: bursts, such as a keyframe, get through whole. Lower: what gets through is younger.
const QUEUE_BYTES_MAX: usize = 64 * 1024;

/// What the system may hold of what it has not sent yet: the rest is better kept here, where it can grow old and be dropped.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 16 * 1024;

/// Where that cannot be said: what the system may hold in all.
#[cfg(not(target_os = "linux"))]
const BUFFER_BYTES: usize = 128 * 1024;

/// A connection that has taken nothing for so long while something waited is closed.
const STALL_MAX: Duration = Duration::from_secs(10);

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

/// The way of connections to the workers.
#[derive(Debug, Clone)]
pub(crate) struct Door(Vec<mpsc::Sender<Newcomer>>);

impl Door {
    /// Makes a door, and each worker's end of it.
    pub(super) fn new(workers: usize) -> (Self, Vec<mpsc::Receiver<Newcomer>>) {
        let (senders, receivers) = (0..workers).map(|_| mpsc::channel(NEWCOMERS_MAX)).unzip();
        (Self(senders), receivers)
    }

    /// Hands a connection to the worker that its first datagram names. Without one, or when that has no time, it is closed.
    pub(crate) fn admit(&self, newcomer: Newcomer) {
        let worker = worker_of(&newcomer.first).and_then(|worker| self.0.get(usize::from(worker)));
        let admitted = worker.is_some_and(|worker| worker.try_send(newcomer).is_ok());
        if !admitted {
            debug!("a connection for media is for nobody");
        }
    }
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

/// What waits for a connection: trains of frames. Of the first, a part may have been written.
#[derive(Debug, Default)]
struct Queue {
    trains: VecDeque<Vec<u8>>,
    /// How much of the first was written.
    written: usize,
    bytes: usize,
    /// Since when nothing could be written, while something waited.
    stalled_at: Option<Instant>,
}

impl Queue {
    /// Appends a train. Returns how many others were dropped for it: the oldest of which nothing is written.
    fn push(&mut self, frames: Vec<u8>) -> u64 {
        self.bytes += frames.len();
        self.trains.push_back(frames);
        let oldest = usize::from(self.written > 0);
        let mut dropped = 0;
        while self.bytes > QUEUE_BYTES_MAX && self.trains.len() > oldest + 1 {
            self.bytes -= self.trains.remove(oldest).map_or(0, |train| train.len());
            dropped += 1;
        }
        dropped
    }

    /// Writes as much as `write` takes. Returns whether anything waits still.
    fn write(&mut self, now: Instant, write: impl Fn(&[u8]) -> io::Result<usize>) -> io::Result<bool> {
        while let Some(train) = self.trains.front() {
            match write(&train[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.stalled_at = None;
                    self.written += count;
                    if self.written >= train.len() {
                        self.bytes -= train.len();
                        self.written = 0;
                        self.trains.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled_at.get_or_insert(now);
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn is_stalled(&self, now: Instant) -> bool {
        self.stalled_at.is_some_and(|at| now.saturating_duration_since(at) > STALL_MAX)
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

fn limit_unsent(stream: &std::net::TcpStream) {
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    let limited = socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    #[cfg(not(target_os = "linux"))]
    let limited = socket.set_send_buffer_size(BUFFER_BYTES);
    if let Err(error) = limited {
        debug!(%error, "the buffer of a connection stayed as it was");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const FULL: io::ErrorKind = io::ErrorKind::WouldBlock;

    /// Writes at most so much in all.
    fn write(queue: &mut Queue, now: Instant, room: usize) -> (bool, Vec<u8>) {
        let (room, written) = (Cell::new(room), RefCell::new(Vec::new()));
        let waits = queue.write(now, |bytes| {
            let count = bytes.len().min(room.get());
            room.set(room.get() - count);
            written.borrow_mut().extend_from_slice(&bytes[..count]);
            if count == 0 { Err(FULL.into()) } else { Ok(count) }
        });
        (waits.unwrap(), written.into_inner())
    }

    #[test]
    fn what_does_not_fit_waits_and_goes_out_in_order() {
        let now = Instant::now();
        let mut queue = Queue::default();
        assert_eq!(queue.push(vec![1; 10]) + queue.push(vec![2; 10]), 0);
        assert_eq!(write(&mut queue, now, 15), (true, [[1; 10].as_slice(), &[2; 5]].concat()));
        assert_eq!(queue.push(vec![3; 10]), 0);
        assert_eq!(write(&mut queue, now, 100), (false, [[2; 5].as_slice(), &[3; 10]].concat()));
        assert_eq!((queue.bytes, queue.written), (0, 0));
    }

    #[test]
    fn the_oldest_is_dropped_but_never_the_rest_of_what_was_begun() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.push(vec![0; 1_000]);
        assert_eq!(write(&mut queue, now, 300), (true, vec![0; 300]));
        let dropped: u64 = (1..=200_u8).map(|n| queue.push(vec![n; 1_000])).sum();
        assert_eq!(dropped, 200 - 64);
        assert!(queue.bytes <= QUEUE_BYTES_MAX, "{}", queue.bytes);
        let (waits, written) = write(&mut queue, now, usize::MAX);
        assert_eq!((waits, &written[..700]), (false, vec![0; 700].as_slice()));
        let kept: Vec<_> = written[700..].chunks(1_000).map(|train| train[0]).collect();
        assert_eq!(kept, (137..=200).collect::<Vec<u8>>());
    }

    #[test]
    fn a_train_larger_than_the_bound_goes_alone() {
        let mut queue = Queue::default();
        queue.push(vec![1; 10]);
        assert_eq!(queue.push(vec![2; QUEUE_BYTES_MAX + 1]), 1);
        assert_eq!(queue.trains.len(), 1);
    }

    #[test]
    fn who_takes_nothing_for_long_is_stalled_and_who_takes_a_little_is_not() {
        let now = Instant::now();
        let mut queue = Queue::default();
        assert!(!queue.is_stalled(now + 2 * STALL_MAX), "nothing waits");
        queue.push(vec![0; 1_000]);
        write(&mut queue, now, 0);
        write(&mut queue, now + STALL_MAX, 1);
        assert!(!queue.is_stalled(now + STALL_MAX + STALL_MAX / 2));
        assert!(queue.is_stalled(now + 3 * STALL_MAX));
    }

    #[test]
    fn the_end_of_a_connection_is_an_error() {
        let mut queue = Queue::default();
        queue.push(vec![0; 10]);
        assert!(queue.write(Instant::now(), |_| Ok(0)).is_err());
        assert!(queue.write(Instant::now(), |_| Err(io::ErrorKind::BrokenPipe.into())).is_err());
    }
}

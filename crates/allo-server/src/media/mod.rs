//! The shell of the media plane: UDP sockets, threads and clocks around `allo-sfu`.
//!
//! ```text
//!  rooms task ── MediaCommand ──► MediaPlane ──► worker 0: sockets ⇄ Sfu        one thread each,
//!      ▲                          which worker?  worker 1: sockets ⇄ Sfu        all at one address and port
//!      └─────── MediaEvent ◄─────────────────────┘   ▲
//!  listener ── TCP connections that begin with a check, or a TURN client's ─► Door ─┤
//!                                                    └── parcels: datagrams that came to the wrong worker
//! ```
//!
//! The rooms may wait for a worker; a worker waits for nobody.

mod addresses;
mod backlog;
mod business;
mod connections;
mod door;
mod framing;
mod handover;
mod placement;
mod queue;
mod relay;
mod socket;
mod sockets;
mod translate;
mod turn_clients;
mod turn_stream;
mod watch;
mod worker;

use std::{
    collections::VecDeque,
    future::pending,
    io, iter, mem,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use allo_room::{MediaCommand, MediaEvent};
use allo_sfu::{Bitrate, Certificate, CredentialSeed, NoCertificate, SfuConfig};
use allo_turn::{Greeter, REALM, TurnSecret};
use thiserror::Error;
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

use self::{
    door::Doorway,
    handover::POST_MAX,
    placement::Placement,
    watch::Watch,
    worker::{Order, Parts, Worker},
};
use crate::config::MediaConfig;

pub(crate) use connections::{Newcomer, limit_unsent};
pub(crate) use door::{Door, Visit};
pub(crate) use framing::{FRAME_MAX, begins_frame};
pub(crate) use relay::RENEWAL as RELAY_RENEWAL;
pub(crate) use socket::bind;

/// Orders that wait for a worker. Beyond, the rooms wait, too: a worker takes orders before anything else.
const ORDERS_MAX: usize = 1024;

/// Bundles of events that wait for the rooms. Beyond, each worker keeps the latest ones itself.
const EVENTS_MAX: usize = 64;

/// The media plane cannot start.
#[derive(Debug, Error)]
pub enum MediaError {
    /// There are no keys for DTLS.
    #[error(transparent)]
    Certificate(#[from] NoCertificate),
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    Random,
    /// A thread cannot run, or its sockets are of no use.
    #[error("no media worker can start: --media-workers 0 does without")]
    Worker(#[source] io::Error),
}

/// The rooms' end of the media plane.
#[derive(Debug)]
pub(crate) struct MediaPlane {
    workers: Vec<Handle>,
    door: Door,
    placement: Placement,
    events: mpsc::Receiver<Vec<MediaEvent>>,
    /// Offers, and asking for the TURN server, that were refused on the spot. At most one for each command since [`Self::events`] was asked.
    refused: VecDeque<MediaEvent>,
}

/// The way to one worker.
#[derive(Debug)]
struct Handle {
    orders: mpsc::Sender<Order>,
    is_overloaded: Arc<AtomicBool>,
}

impl MediaPlane {
    /// Starts one worker for each set of sockets. They end when this is dropped; if one ends before, `stop` is cancelled.
    /// `listeners` are the addresses at which connections come that are brought to [`Self::door`], and `has_tls` says whether they may begin with TLS.
    pub(crate) fn start(
        config: &MediaConfig,
        sockets: Vec<Vec<UdpSocket>>,
        listeners: &[SocketAddr],
        has_tls: bool,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, MediaError> {
        let certificate = Certificate::generate()?;
        let bound: Vec<SocketAddr> =
            sockets.iter().take(1).flatten().filter_map(|it| it.local_addr().ok()).collect();
        let watch = Watch::new(bound, listeners.to_vec(), config.public_addresses.clone());
        let (to_rooms, events) = mpsc::channel(EVENTS_MAX);
        let (others, posts): (Vec<_>, Vec<_>) = sockets.iter().map(|_| mpsc::channel(POST_MAX)).unzip();
        let secret = TurnSecret::new(random()?, Instant::now());
        let (door, doorways) = Door::new(sockets.len(), Greeter::new(secret.clone(), REALM.to_owned()));
        let mut workers = Vec::new();
        let mut lent = sockets::lend(&sockets).map_err(MediaError::Worker)?;
        let are_lent: Vec<_> = iter::once(None).chain(lent.iter().map(|it| Some(it.is_lent()))).collect();
        for ((((number, sockets), is_lent), post), doorway) in
            (0..=u8::MAX).zip(sockets).zip(are_lent).zip(posts).zip(doorways)
        {
            let Doorway { newcomers, turn_news } = doorway;
            let mut sfu = SfuConfig::new(
                certificate.clone(),
                watch.known().candidates(),
                CredentialSeed::new(random()?),
            );
            sfu.worker = number;
            sfu.tcp_addresses = watch.known().tcp_candidates();
            sfu.file_bitrate = Bitrate::kbps(config.bitrate_per_file.into());
            sfu.ingress_max = Bitrate::kbps(config.bitrate_per_publisher.into());
            let (to_worker, orders) = mpsc::channel(ORDERS_MAX);
            let is_overloaded = Arc::<AtomicBool>::default();
            workers.push(Handle { orders: to_worker, is_overloaded: is_overloaded.clone() });
            let (addresses, events, others) = (watch.known().clone(), to_rooms.clone(), others.clone());
            let turn = secret.clone();
            let parts = Parts {
                sfu,
                turn,
                has_tls,
                addresses,
                sockets,
                is_lent,
                lent: mem::take(&mut lent),
                orders,
                events,
                newcomers,
                turn_news,
                post,
                others,
                is_overloaded,
            };
            spawn(parts, tasks, stop.clone()).map_err(MediaError::Worker)?;
        }
        let addresses = watch.known().candidates().len();
        info!(workers = workers.len(), addresses, "media go through this server");
        let orders = workers.iter().map(|worker: &Handle| worker.orders.downgrade()).collect();
        tasks.spawn(stop.clone().run_until_cancelled_owned(watch.run(orders)));
        let placement = Placement::new(workers.len(), config.participants);
        Ok(Self { workers, door, placement, events, refused: VecDeque::new() })
    }

    /// Returns the way of TCP connections to the workers.
    pub(crate) fn door(&self) -> Door {
        self.door.clone()
    }

    /// Passes a command on. It waits while the worker has too many already.
    pub(crate) async fn handle(&mut self, command: MediaCommand) {
        let worker = match &command {
            MediaCommand::Connect { room, key, .. } => {
                let is_overloaded =
                    |worker: usize| self.workers[worker].is_overloaded.load(Ordering::Relaxed);
                match self.placement.connect(*room, *key, is_overloaded) {
                    Ok(worker) => Some(worker),
                    Err(refusal) => return self.refused.push_back(refusal.event(*key)),
                }
            }
            MediaCommand::Relay { room, key } => {
                let is_overloaded =
                    |worker: usize| self.workers[worker].is_overloaded.load(Ordering::Relaxed);
                match self.placement.relay(*room, *key, is_overloaded) {
                    Some(worker) => Some(worker),
                    None => return self.refused.push_back(MediaEvent::Relayed { key: *key, relay: None }),
                }
            }
            MediaCommand::Unrelay { key } => self.placement.unrelay(*key),
            MediaCommand::Subscribe { key, .. } => self.placement.worker(*key),
            MediaCommand::Mute { track, .. } => self.placement.worker(track.publisher),
            // Both are in one room, and so on one worker.
            MediaCommand::SendFile { to, .. } | MediaCommand::StopFile { to, .. } => {
                self.placement.worker(*to)
            }
            MediaCommand::Disconnect { key } => self.placement.disconnect(*key),
        };
        if let Some(worker) = worker {
            // Without it the server is about to stop.
            let _gone = self.workers[worker].orders.send(Order::Command(command)).await;
        }
    }

    /// Ends every session, so that the other ends know at once.
    pub(crate) async fn stop(mut self) {
        for key in self.placement.keys() {
            self.handle(MediaCommand::Disconnect { key }).await;
        }
    }

    /// Waits for something to happen, and returns it.
    pub(crate) async fn events(&mut self) -> Vec<MediaEvent> {
        if !self.refused.is_empty() {
            return self.refused.drain(..).collect();
        }
        match self.events.recv().await {
            Some(mut events) => {
                events.retain(|event| self.placement.handle(event));
                events
            }
            // Without workers the server is about to stop.
            None => pending().await,
        }
    }
}

fn random() -> Result<[u8; 32], MediaError> {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| MediaError::Random)?;
    Ok(random)
}

/// Starts the thread of a worker, and waits until it can work.
fn spawn(parts: Parts, tasks: &TaskTracker, stop: CancellationToken) -> io::Result<()> {
    let name = format!("media-{}", parts.sfu.worker);
    spawn_thread(name, tasks, stop, || Worker::new(parts).map(Worker::run))
}

/// Starts a thread that makes something within a runtime of its own, and runs it. Returns when it is made.
fn spawn_thread<F: Future<Output = ()>>(
    name: String,
    tasks: &TaskTracker,
    stop: CancellationToken,
    make: impl FnOnce() -> io::Result<F> + Send + 'static,
) -> io::Result<()> {
    let (started, is_started) = std::sync::mpsc::sync_channel(1);
    let (ended, is_ended) = oneshot::channel::<()>();
    thread::Builder::new().name(name).spawn(move || {
        // Without a worker its rooms have no media: a fault in it stops the server, for its supervisor to start it anew.
        let _whole = stop.drop_guard();
        let _ended = ended;
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let begun = runtime.and_then(|runtime| {
            let within = runtime.enter();
            let work = make()?;
            drop(within);
            Ok((runtime, work))
        });
        // Who started it waits for this.
        match begun {
            Ok((runtime, work)) => {
                let _told = started.send(Ok(()));
                runtime.block_on(work);
            }
            Err(error) => {
                let _told = started.send(Err(error));
            }
        }
    })?;
    is_started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended")))?;
    // Its end is waited for like that of any task.
    tasks.spawn(is_ended);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_worker_stops_the_server() {
        for has_fault in [false, true] {
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            let work = move || Ok(async move { assert!(!has_fault, "this is what the test is about") });
            spawn_thread("media-test".to_owned(), &tasks, stop.clone(), work).unwrap();
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        }
    }

    #[tokio::test]
    async fn a_worker_that_cannot_start_says_why() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let make = || Err::<std::future::Pending<()>, _>(io::Error::other("no sockets"));
        let error = spawn_thread("media-test".to_owned(), &tasks, stop, make).unwrap_err();
        assert_eq!(error.to_string(), "no sockets");
    }
}

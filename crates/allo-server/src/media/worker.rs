//! A media worker: one thread with its sockets, its clock, and one forwarding unit. It shares nothing and waits for nobody.

use std::{
    future::poll_fn,
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use allo_room::{MediaCommand, MediaEvent};
use allo_sfu::{Peer, Protocol, Sfu, SfuConfig, Train, Transmit};
use allo_turn::{TurnProtocol, TurnSecret, TurnTransmit};
use tokio::{sync::mpsc, task::yield_now, time::sleep_until};
use tracing::debug;

use super::{
    addresses::Addresses,
    backlog::Backlog,
    business::Business,
    connections::{Arrival, Connections, Newcomer},
    handover::{Handover, Parcel, Post, Verdict},
    relay::RelayDesk,
    socket::{Batch, Datagram},
    sockets::{Lent, Sockets},
    translate,
    turn_clients::{News, TurnClients},
};

/// Further orders that are obeyed before sockets are read again. An offer takes about a millisecond.
///
/// Higher: a crowd comes in sooner. Lower: those inside notice it less.
const ORDERS_AT_ONCE: usize = 2;

/// Parcels of other workers that are taken before the own sockets are read again.
const PARCELS_AT_ONCE: usize = 16;

/// Further bundles of TCP connections that are taken before sockets are read again.
const ARRIVALS_AT_ONCE: usize = 16;

/// Further news of TURN clients' connections that are taken before sockets are read again.
const NEWS_AT_ONCE: usize = 16;

/// Further TCP connections that are looked at before sockets are read again. Most of them are worth nothing.
const NEWCOMERS_AT_ONCE: usize = 8;

/// Turns before the runtime may look after all sockets and timers.
///
/// Higher: less work under load. Lower: no socket waits long while another is never empty.
const TURNS_AT_ONCE: u64 = 8;

/// How often what was counted is logged, at DEBUG.
const COUNTERS_INTERVAL: Duration = Duration::from_mins(1);

/// What a worker is told to do.
pub(super) enum Order {
    /// By the rooms.
    Command(MediaCommand),
    /// By the system: these are the addresses of this machine from now on.
    Addresses(Addresses),
}

/// What a worker is made of.
pub(super) struct Parts {
    pub(super) sfu: SfuConfig,
    /// The same for all workers.
    pub(super) turn: TurnSecret,
    /// Whether the listener speaks TLS.
    pub(super) has_tls: bool,
    pub(super) addresses: Addresses,
    pub(super) sockets: Vec<std::net::UdpSocket>,
    /// Whether they are lent, by a worker that may lend them.
    pub(super) is_lent: Option<Arc<AtomicBool>>,
    /// What others lend this one.
    pub(super) lent: Vec<Lent>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) events: mpsc::Sender<Vec<MediaEvent>>,
    pub(super) newcomers: mpsc::Receiver<Newcomer>,
    pub(super) turn_news: mpsc::Receiver<News>,
    pub(super) post: mpsc::Receiver<Post>,
    /// The post of every worker, this one included.
    pub(super) others: Vec<mpsc::Sender<Post>>,
    pub(super) is_overloaded: Arc<AtomicBool>,
}

/// A worker within its thread.
pub(super) struct Worker {
    number: u8,
    sfu: Sfu,
    relay: RelayDesk,
    turn_clients: TurnClients,
    addresses: Addresses,
    sockets: Sockets,
    newcomers: mpsc::Receiver<Newcomer>,
    connections: Connections,
    batch: Batch,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Vec<MediaEvent>>,
    backlog: Backlog,
    post: mpsc::Receiver<Post>,
    handover: Handover,
    business: Business,
    is_overloaded: Arc<AtomicBool>,
    counters: Counters,
    counters_at: Instant,
}

/// What was counted outside the forwarding unit. Counts only grow.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    /// Datagrams that were to be sent.
    datagrams: u64,
    /// Trains that they were sent in, each by one call of the system.
    trains: u64,
    /// Those of them that it did not take, or not wholly.
    not_sent: u64,
    /// Reads that failed.
    not_read: u64,
    /// TCP connections that began with nothing that anybody here asked for.
    strangers: u64,
    /// Datagrams to an address of this machine of a family that is not in the answers.
    unexpected: u64,
}

impl Worker {
    /// Makes a worker, within the runtime of its thread.
    pub(super) fn new(parts: Parts) -> io::Result<Self> {
        let now = Instant::now();
        let number = parts.sfu.worker;
        Ok(Self {
            number,
            sfu: Sfu::new(now, parts.sfu),
            relay: RelayDesk::new(now, number, parts.turn, parts.has_tls, &parts.addresses),
            turn_clients: TurnClients::new(now, parts.turn_news),
            addresses: parts.addresses,
            sockets: Sockets::new(parts.sockets, parts.is_lent, parts.lent)?,
            newcomers: parts.newcomers,
            connections: Connections::new(now),
            batch: Batch::new(),
            orders: parts.orders,
            events: parts.events,
            backlog: Backlog::new(),
            post: parts.post,
            handover: Handover::new(number, parts.others),
            business: Business::new(now),
            is_overloaded: parts.is_overloaded,
            counters: Counters::default(),
            counters_at: now + COUNTERS_INTERVAL,
        })
    }

    /// Works until nobody gives orders any more.
    pub(super) async fn run(mut self) {
        for turn in 1_u64.. {
            let reason = self.wait().await;
            let now = Instant::now();
            self.is_overloaded.store(self.business.work(now), Ordering::Relaxed);
            match reason {
                Reason::End => break,
                Reason::Order(order) => self.obey(now, order),
                Reason::Post(post) => self.handle_post(now, post),
                Reason::Newcomer(newcomer) => self.handle_newcomer(now, newcomer),
                Reason::Arrival(arrival) => self.handle_arrival(now, &arrival),
                Reason::News(news) => self.handle_news(now, news),
                Reason::Look => {}
            }
            self.turn(now);
            self.business.rest(Instant::now());
            if turn.is_multiple_of(TURNS_AT_ONCE) {
                // Where there is always something to do, the runtime learns only now what else became readable.
                yield_now().await;
            }
        }
        self.log_counters();
    }

    /// Waits for something to do.
    async fn wait(&mut self) -> Reason {
        let timers = [
            self.sfu.poll_timeout(),
            self.relay.poll_timeout(),
            self.business.poll_timeout(),
            self.connections.poll_timeout(),
            self.turn_clients.poll_timeout(),
        ];
        let due = timers.into_iter().flatten().min();
        let (sockets, connections) = (&self.sockets, &mut self.connections);
        tokio::select! {
            biased;
            order = self.orders.recv() => order.map_or(Reason::End, Reason::Order),
            Some(post) = self.post.recv() => Reason::Post(post),
            () = poll_fn(|context| sockets.poll_readable(context)) => Reason::Look,
            arrival = connections.next() => arrival.map_or(Reason::Look, Reason::Arrival),
            Some(news) = self.turn_clients.next() => Reason::News(news),
            Some(newcomer) = self.newcomers.recv() => Reason::Newcomer(newcomer),
            () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => Reason::Look,
            // The rooms have taken what they had: there is room for what waits here.
            _ = self.events.reserve(), if !self.backlog.is_empty() => Reason::Look,
        }
    }

    /// Does what there is to do now, of each kind a bounded part.
    fn turn(&mut self, now: Instant) {
        for _ in 0..ORDERS_AT_ONCE {
            let Ok(order) = self.orders.try_recv() else { break };
            self.obey(now, order);
        }
        for _ in 0..PARCELS_AT_ONCE {
            let Ok(post) = self.post.try_recv() else { break };
            self.handle_post(now, post);
        }
        for _ in 0..ARRIVALS_AT_ONCE {
            let Some(arrival) = self.connections.try_recv() else { break };
            self.handle_arrival(now, &arrival);
        }
        for _ in 0..NEWS_AT_ONCE {
            let Some(news) = self.turn_clients.try_recv() else { break };
            self.handle_news(now, news);
        }
        for _ in 0..NEWCOMERS_AT_ONCE {
            let Ok(newcomer) = self.newcomers.try_recv() else { break };
            self.handle_newcomer(now, newcomer);
        }
        self.read(now);
        if self.sfu.poll_timeout().is_some_and(|due| due <= now) {
            self.sfu.handle_timeout(now);
        }
        self.relay.handle_timeout(now);
        self.send(now);
        self.connections.flush(now);
        self.connections.sweep(now, |peer| self.sfu.knows_peer(Peer::tcp(peer)));
        self.turn_clients.sweep(now, &self.relay);
        self.handover.flush();
        if self.sockets.settle(self.sfu.poll_timeout().is_none()) {
            self.handover.tell_lent();
        }
        self.tell();
        if now >= self.counters_at {
            self.counters_at = now + COUNTERS_INTERVAL;
            self.log_counters();
        }
    }

    fn obey(&mut self, now: Instant, order: Order) {
        match order {
            Order::Command(MediaCommand::Relay { key, .. }) => {
                let relay = self.relay.admit(now, key);
                self.backlog.push(MediaEvent::Relayed { key, relay });
            }
            Order::Command(MediaCommand::Unrelay { key }) => self.relay.revoke(key),
            Order::Command(command) => {
                if let Some(answer) = translate::obey(&mut self.sfu, now, command) {
                    self.backlog.push(answer);
                }
            }
            Order::Addresses(addresses) => {
                self.sfu.set_addresses(addresses.candidates(), addresses.tcp_candidates());
                self.relay.set_addresses(&addresses);
                self.addresses.replace(addresses);
            }
        }
    }

    fn handle_post(&mut self, now: Instant, post: Post) {
        match post {
            Post::Parcel { from, parcel } => self.handle_parcel(now, from, &parcel),
            Post::Verdict { from, verdict } => {
                self.handover.handle_verdict(now, from, verdict, |source| self.sfu.knows(source));
            }
            // It is seen in the end of the turn.
            Post::Lent => {}
        }
    }

    /// Takes what came to another worker.
    fn handle_parcel(&mut self, now: Instant, from: u8, parcel: &Parcel) {
        let mut verdict = Verdict::default();
        for datagram in parcel.datagrams() {
            if !self.relay.take(now, &datagram, &mut self.sfu) {
                take(&mut self.sfu, &mut self.addresses, &mut self.counters, now, datagram);
            }
            let is_known = self.sfu.knows(datagram.source) || self.relay.knows(&datagram);
            verdict.note(&datagram, is_known);
        }
        self.handover.answer(from, verdict);
    }

    /// Takes a connection over if it begins with a check that somebody here asked for. Otherwise it is closed, without a word.
    fn handle_newcomer(&mut self, now: Instant, newcomer: Newcomer) {
        let peer = newcomer.peer;
        let Some(candidate) = self.addresses.tcp_candidate(newcomer.local) else { return };
        if !self.sfu.expects(&newcomer.first) {
            self.counters.strangers += 1;
            return;
        }
        match self.connections.open(newcomer, candidate) {
            Ok(Some(first)) => self.sfu.handle_from(now, Peer::tcp(peer), candidate, &first),
            Ok(None) => return,
            Err(error) => return debug!(%error, "a connection was of no use"),
        }
        if !self.sfu.knows_peer(Peer::tcp(peer)) {
            self.counters.strangers += 1;
            self.connections.close(peer);
        }
    }

    fn handle_arrival(&mut self, now: Instant, arrival: &Arrival) {
        let sfu = &mut self.sfu;
        self.connections.handle(arrival, |peer, candidate, datagram| {
            sfu.handle_from(now, Peer::tcp(peer), candidate, datagram);
        });
    }

    fn handle_news(&mut self, now: Instant, news: News) {
        self.turn_clients.handle(now, news, &mut self.relay, &mut self.sfu);
    }

    /// Reads one batch of each socket. If there is more, the next turn comes at once.
    fn read(&mut self, now: Instant) {
        for socket in self.sockets.all() {
            match socket.read(&mut self.batch) {
                Ok(datagrams) => {
                    for datagram in datagrams {
                        if !self.handover.take(now, &datagram)
                            && !self.relay.take(now, &datagram, &mut self.sfu)
                        {
                            take(&mut self.sfu, &mut self.addresses, &mut self.counters, now, datagram);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.counters.not_read += 1;
                    debug!(%error, "cannot read");
                }
            }
        }
    }

    /// Sends all that is to be sent.
    fn send(&mut self, now: Instant) {
        while let Some(transmit) = self.sfu.poll_transmit() {
            if !self.relay.relay(now, &transmit) {
                let own = self.addresses.source(transmit.source, transmit.destination);
                self.send_from(now, own, &transmit);
            }
        }
        let mut last: Option<Transmit> = None;
        while let Some(transmit) = self.relay.poll_transmit() {
            match transmit.client.protocol {
                TurnProtocol::Udp if last.as_mut().is_some_and(|last| couple(last, &transmit)) => {}
                TurnProtocol::Udp => {
                    let before = last.replace(to_client(transmit));
                    self.send_to_client(now, before);
                }
                TurnProtocol::Tcp => self.turn_clients.send(transmit),
            }
        }
        self.send_to_client(now, last);
    }

    /// Sends from where the receiver sent to: a TURN client takes nothing else, whether that is in the answers or not.
    fn send_to_client(&mut self, now: Instant, transmit: Option<Transmit>) {
        if let Some(transmit) = transmit {
            self.send_from(now, Some(transmit.source.ip()), &transmit);
        }
    }

    /// Sends from this address, or from one that the system chooses.
    fn send_from(&mut self, now: Instant, own: Option<IpAddr>, transmit: &Transmit) {
        let Transmit { protocol, source, destination, ref train } = *transmit;
        self.counters.datagrams += u64::try_from(train.cars().len()).unwrap_or(u64::MAX);
        self.counters.trains += 1;
        if protocol == Protocol::Tcp {
            return self.connections.send(now, destination, train);
        }
        let socket = self.sockets.sender(own.unwrap_or(source.ip()), destination);
        let sent = socket.is_some_and(|socket| socket.send(now, destination, train, own).is_ok());
        self.counters.not_sent += u64::from(!sent);
    }

    /// Tells the rooms what happened, or keeps it until they have time.
    fn tell(&mut self) {
        while let Some(event) = self.sfu.poll_event() {
            if let Some(event) = translate::tell(&self.sfu, event) {
                self.backlog.push(event);
            }
        }
        if !self.backlog.is_empty()
            && let Ok(permit) = self.events.try_reserve()
        {
            permit.send(self.backlog.take());
        }
    }

    fn log_counters(&self) {
        debug!(
            worker = self.number,
            forwarding = ?self.sfu.counters(),
            sockets = ?self.counters,
            connections = ?self.connections.counters,
            handover = ?self.handover.counters,
            relay = ?self.relay.counters(),
            turn_clients = ?self.turn_clients.counters,
            "counted since the start",
        );
    }
}

/// Why a worker works.
enum Reason {
    Order(Order),
    Post(Post),
    Newcomer(Newcomer),
    Arrival(Arrival),
    News(News),
    /// There is something to read, a timeout, or room for events.
    Look,
    /// Nobody gives orders any more.
    End,
}

/// Gives a datagram to the forwarding unit.
fn take(
    sfu: &mut Sfu,
    addresses: &mut Addresses,
    counters: &mut Counters,
    now: Instant,
    datagram: Datagram<'_>,
) {
    let Datagram { source, destination, bytes } = datagram;
    let Some(candidate) = addresses.candidate(source, destination) else {
        counters.unexpected += 1;
        return;
    };
    sfu.handle_datagram(now, source, candidate, bytes);
    if (candidate != destination || addresses.has_detours()) && sfu.knows(source) {
        addresses.learn(source, destination, candidate);
    }
}

/// Returns what to send to a TURN client that comes by UDP.
fn to_client(TurnTransmit { client, contents }: TurnTransmit) -> Transmit {
    let (source, destination) = (client.local, client.address);
    Transmit { protocol: Protocol::Udp, source, destination, train: Train::new(contents) }
}

/// Appends what is for the same client. Returns whether it belongs there.
fn couple(last: &mut Transmit, next: &TurnTransmit) -> bool {
    (last.source, last.destination) == (next.client.local, next.client.address)
        && last.train.couple(&next.contents)
}

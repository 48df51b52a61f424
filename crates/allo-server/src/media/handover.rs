//! Datagrams that came to the wrong worker: the system spreads them by addresses, and knows nothing of rooms.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    time::{Duration, Instant},
};

use allo_sfu::worker_of;
use tokio::sync::mpsc;

use super::{relay::relay_worker_of, socket::Datagram};

/// Parcels that wait for a worker. Beyond, they are dropped and counted, like anything that an overloaded network drops.
pub(super) const POST_MAX: usize = 64;

/// Datagrams in a parcel. Beyond, a second one is made.
const PARCEL_MAX: usize = 256;

/// The largest datagram that is handed over: no larger one is of any use to a worker.
const DATAGRAM_MAX: usize = 1_500;

/// Addresses whose worker is remembered. Beyond, what comes from others is lost until there is room.
const WAYS_MAX: usize = 65_536;

/// How long an address belongs to a worker after it was last heard there, whoever else claims it.
///
/// Lower: an address that a network gives to somebody else works sooner. Higher: it takes more to forge the address of another.
const HOLD: Duration = Duration::from_secs(5);

/// What workers send each other.
#[derive(Debug)]
pub(super) enum Post {
    /// Datagrams that came to `from` and are for the receiver.
    Parcel { from: u8, parcel: Parcel },
    /// What became of them.
    Verdict { from: u8, verdict: Verdict },
    /// A worker has lent its sockets to the first one.
    Lent,
}

/// Where the datagrams of a parcel came from: whether somebody there is known to the worker that took them.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    known: Vec<SocketAddr>,
    unknown: Vec<SocketAddr>,
}

impl Verdict {
    /// Records what was found out by one datagram.
    pub(super) fn note(&mut self, datagram: &Datagram<'_>, is_known: bool) {
        // A check is what proves that an address is somebody's.
        if is_known != is_stun(datagram.bytes) {
            return;
        }
        let list = if is_known { &mut self.known } else { &mut self.unknown };
        if list.last() != Some(&datagram.source) {
            list.push(datagram.source);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }
}

/// Datagrams that are handed over together.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    bytes: Vec<u8>,
    labels: Vec<Label>,
}

#[derive(Debug)]
struct Label {
    source: SocketAddr,
    destination: SocketAddr,
    length: usize,
}

impl Parcel {
    fn push(&mut self, datagram: &Datagram<'_>) {
        let Datagram { source, destination, bytes } = *datagram;
        self.labels.push(Label { source, destination, length: bytes.len() });
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the datagrams in the order in which they came.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        let mut rest = self.bytes.as_slice();
        self.labels.iter().map_while(move |Label { source, destination, length }| {
            let (bytes, others) = rest.split_at_checked(*length)?;
            rest = others;
            Some(Datagram { source: *source, destination: *destination, bytes })
        })
    }
}

/// What was counted. Counts only grow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HandoverCounters {
    /// Datagrams that were handed over.
    handed_over: u64,
    /// Those of them that were dropped, because the other worker had too many already.
    dropped: u64,
}

/// A worker's ways to the others.
#[derive(Debug)]
pub(super) struct Handover {
    own: u8,
    /// One for each worker, this one included.
    others: Vec<mpsc::Sender<Post>>,
    ways: Ways,
    parcels: Vec<Parcel>,
    pub(super) counters: HandoverCounters,
}

impl Handover {
    pub(super) fn new(own: u8, others: Vec<mpsc::Sender<Post>>) -> Self {
        let parcels = others.iter().map(|_| Parcel::default()).collect();
        Self { own, others, ways: Ways::default(), parcels, counters: HandoverCounters::default() }
    }

    /// Puts a datagram that is for another worker into a parcel. Returns whether it did.
    pub(super) fn take(&mut self, now: Instant, datagram: &Datagram<'_>) -> bool {
        if self.others.len() < 2 || datagram.bytes.len() > DATAGRAM_MAX {
            return false;
        }
        let worker = if is_stun(datagram.bytes) {
            // What names no worker may still be of somebody who named one before: a TURN client that sends data, or asks how it is seen.
            let named = worker_of(datagram.bytes).or_else(|| relay_worker_of(datagram.bytes));
            named.or_else(|| self.ways.find(now, datagram.source))
        } else {
            self.ways.find(now, datagram.source)
        };
        let Some(worker) = worker.filter(|worker| *worker != self.own) else { return false };
        let Some(parcel) = self.parcels.get_mut(usize::from(worker)) else { return false };
        parcel.push(datagram);
        if parcel.labels.len() >= PARCEL_MAX {
            self.ship(worker);
        }
        true
    }

    /// Sends the parcels.
    pub(super) fn flush(&mut self) {
        (0..=u8::MAX).take(self.others.len()).for_each(|worker| self.ship(worker));
    }

    /// Tells the first worker that sockets were lent to it.
    pub(super) fn tell_lent(&self) {
        if let Some(first) = self.others.first() {
            // Whose post is full looks at all before it sleeps.
            let _full = first.try_send(Post::Lent);
        }
    }

    /// Answers a parcel.
    pub(super) fn answer(&self, to: u8, verdict: Verdict) {
        if let Some(other) = self.others.get(usize::from(to)).filter(|_| !verdict.is_empty()) {
            // What is not said now is said after the next check.
            let _full = other.try_send(Post::Verdict { from: self.own, verdict });
        }
    }

    /// Learns from the answer of another worker. `is_own` says who is known here.
    pub(super) fn handle_verdict(
        &mut self,
        now: Instant,
        from: u8,
        verdict: Verdict,
        is_own: impl Fn(SocketAddr) -> bool,
    ) {
        for source in verdict.unknown {
            self.ways.forget(source, from);
        }
        for source in verdict.known.into_iter().filter(|source| !is_own(*source)) {
            self.ways.learn(now, source, from);
        }
    }

    fn ship(&mut self, worker: u8) {
        let at = usize::from(worker);
        let (Some(parcel), Some(other)) = (self.parcels.get_mut(at), self.others.get(at)) else { return };
        let parcel = std::mem::take(parcel);
        let count = u64::try_from(parcel.labels.len()).unwrap_or(u64::MAX);
        if count > 0 {
            self.counters.handed_over += count;
            if other.try_send(Post::Parcel { from: self.own, parcel }).is_err() {
                self.counters.dropped += count;
            }
        }
    }
}

/// RFC 7983 §7.
fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first < 4)
}

/// Which other worker an address belongs to. It got there by a check whose integrity that worker has verified.
#[derive(Debug, Default)]
struct Ways(HashMap<SocketAddr, Way>);

#[derive(Debug)]
struct Way {
    worker: u8,
    heard_at: Instant,
}

impl Ways {
    fn find(&mut self, now: Instant, source: SocketAddr) -> Option<u8> {
        let way = self.0.get_mut(&source)?;
        way.heard_at = now;
        Some(way.worker)
    }

    fn learn(&mut self, now: Instant, source: SocketAddr, worker: u8) {
        let is_held = |way: &Way| now.saturating_duration_since(way.heard_at) < HOLD;
        if self.0.len() >= WAYS_MAX {
            self.0.retain(|_, way| is_held(way));
        }
        let is_full = self.0.len() >= WAYS_MAX;
        match self.0.entry(source) {
            Entry::Occupied(entry) if entry.get().worker != worker && is_held(entry.get()) => {}
            Entry::Vacant(_) if is_full => {}
            entry => {
                entry.insert_entry(Way { worker, heard_at: now });
            }
        }
    }

    fn forget(&mut self, source: SocketAddr, worker: u8) {
        if self.0.get(&source).is_some_and(|way| way.worker == worker) {
            self.0.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: &[u8] = &[0x80, 1, 2, 3];
    /// Enough of a check for this: whose it is has been decided elsewhere.
    const CHECK: &[u8] = &[0, 1, 2, 3];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn datagram(port: u16, bytes: &[u8]) -> Datagram<'_> {
        Datagram { source: address(port), destination: address(8443), bytes }
    }

    fn pair() -> (Handover, mpsc::Receiver<Post>) {
        let (to_own, _) = mpsc::channel(1);
        let (to_other, other) = mpsc::channel(2);
        (Handover::new(0, vec![to_own, to_other]), other)
    }

    fn known(port: u16) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.note(&datagram(port, CHECK), true);
        verdict
    }

    #[test]
    fn media_follow_a_check_that_the_other_worker_has_verified() {
        let now = Instant::now();
        let (mut handover, mut other) = pair();
        assert!(!handover.take(now, &datagram(1, MEDIA)));
        handover.handle_verdict(now, 1, known(1), |_| false);
        assert!(handover.take(now, &datagram(1, MEDIA)));
        assert!(handover.take(now, &datagram(1, &[0x80; 1_400])));
        assert!(!handover.take(now, &datagram(2, MEDIA)));
        handover.flush();
        let Ok(Post::Parcel { from: 0, parcel }) = other.try_recv() else { panic!("no parcel") };
        let sizes: Vec<_> = parcel.datagrams().map(|it| (it.source.port(), it.bytes.len())).collect();
        assert_eq!(sizes, [(1, 4), (1, 1_400)]);
        assert!(other.try_recv().is_err(), "there is one parcel");
    }

    #[test]
    fn an_address_that_the_other_does_not_know_is_handed_over_no_more() {
        let now = Instant::now();
        let (mut handover, _other) = pair();
        handover.handle_verdict(now, 1, known(1), |_| false);
        let mut verdict = Verdict::default();
        verdict.note(&datagram(1, MEDIA), false);
        handover.handle_verdict(now, 1, verdict, |_| false);
        assert!(!handover.take(now, &datagram(1, MEDIA)));
    }

    #[test]
    fn an_address_of_somebody_here_cannot_be_claimed_by_another_worker() {
        let now = Instant::now();
        let (mut handover, _other) = pair();
        handover.handle_verdict(now, 1, known(1), |_| true);
        assert!(!handover.take(now, &datagram(1, MEDIA)));
    }

    #[test]
    fn an_address_in_use_cannot_be_claimed_by_a_third() {
        let now = Instant::now();
        let mut ways = Ways::default();
        ways.learn(now, address(1), 1);
        ways.learn(now + HOLD / 2, address(1), 2);
        assert_eq!(ways.find(now + HOLD / 2, address(1)), Some(1));
        ways.learn(now + HOLD * 2, address(1), 2);
        assert_eq!(ways.find(now, address(1)), Some(2));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let now = Instant::now();
        let mut ways = Ways::default();
        let many = |n: usize| SocketAddr::from((std::net::Ipv4Addr::from_bits(u32::try_from(n).unwrap()), 1));
        (0..WAYS_MAX + 10).for_each(|n| ways.learn(now, many(n), 1));
        assert_eq!(ways.0.len(), WAYS_MAX);
        ways.learn(now + HOLD, many(WAYS_MAX + 10), 1);
        assert_eq!(ways.0.len(), 1, "those not heard of any more made room");
    }

    #[test]
    fn what_the_other_worker_has_no_room_for_is_counted() {
        let now = Instant::now();
        let (mut handover, _other) = pair();
        handover.handle_verdict(now, 1, known(1), |_| false);
        for _ in 0..PARCEL_MAX * 3 {
            assert!(handover.take(now, &datagram(1, MEDIA)));
        }
        let HandoverCounters { handed_over, dropped } = handover.counters;
        assert_eq!((handed_over, dropped), (PARCEL_MAX as u64 * 3, PARCEL_MAX as u64));
    }
}

//! The TURN clients of one worker that come by TCP or TLS. Their connections are read and written elsewhere: see `turn_stream`.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use allo_sfu::Sfu;
use allo_turn::{Client, TurnTransmit};
use tokio::sync::mpsc;

use super::relay::RelayDesk;

/// What is told of connections and waits for a worker, of all of them together. Beyond, they are not read.
pub(super) const NEWS_MAX: usize = 64;

/// How long a connection may be without an allocation. Beyond, it is closed.
///
/// Lower: who has wrong credentials holds a connection for less time. Higher: it takes a slower network to need more connections.
const ALLOCATION_DELAY_MAX: Duration = Duration::from_secs(10);

/// How often connections are looked for that are of no use any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What is told of a client's connection.
#[derive(Debug)]
pub(super) struct News {
    pub(super) client: Client,
    pub(super) what: What,
}

/// See [`News`].
#[derive(Debug)]
pub(super) enum What {
    /// It is there; what is to be said to it goes here. It is closed when that is dropped.
    Begun(mpsc::Sender<Vec<u8>>),
    /// Something came.
    Pieces(Pieces),
    /// It is over.
    Ended,
}

/// Messages and channel data, one after the other; each ends at one of the numbers.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

/// What was counted. Counts only grow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TurnClientCounters {
    /// Connections that were begun.
    begun: u64,
    /// Those that were closed because they were without an allocation for too long.
    useless: u64,
    /// Messages that were dropped, because the connection took less than it was sent, or was gone.
    dropped: u64,
}

/// Those who are connected to one worker.
#[derive(Debug)]
pub(super) struct TurnClients {
    /// The listener bounds them.
    open: HashMap<Client, Open>,
    news: mpsc::Receiver<News>,
    sweep_at: Instant,
    pub(super) counters: TurnClientCounters,
}

#[derive(Debug)]
struct Open {
    to: mpsc::Sender<Vec<u8>>,
    /// Since when it has had no allocation, if it has none.
    useless_since: Option<Instant>,
}

impl TurnClients {
    pub(super) fn new(now: Instant, news: mpsc::Receiver<News>) -> Self {
        let sweep_at = now + SWEEP_INTERVAL;
        Self { open: HashMap::new(), news, sweep_at, counters: TurnClientCounters::default() }
    }

    /// Waits for news of any connection.
    pub(super) async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// Returns the next news, if there are any now.
    pub(super) fn try_recv(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// Takes news, and what is in them to the TURN server.
    pub(super) fn handle(&mut self, now: Instant, news: News, relay: &mut RelayDesk, sfu: &mut Sfu) {
        let News { client, what } = news;
        match what {
            What::Begun(to) => {
                self.open.insert(client, Open { to, useless_since: Some(now) });
                self.counters.begun += 1;
            }
            What::Pieces(Pieces { bytes, ends }) if self.open.contains_key(&client) => {
                let mut start = 0;
                for end in ends {
                    relay.handle(now, client, bytes.get(start..end).unwrap_or_default(), sfu);
                    start = end;
                }
            }
            What::Pieces(_) => {}
            What::Ended => {
                self.open.remove(&client);
                relay.handle_closed(client);
            }
        }
    }

    /// Says something to a client.
    pub(super) fn send(&mut self, transmit: TurnTransmit) {
        let to = self.open.get(&transmit.client).map(|open| &open.to);
        let is_sent = to.is_some_and(|to| to.try_send(transmit.contents).is_ok());
        self.counters.dropped += u64::from(!is_sent);
    }

    /// Closes the connections of those who have no allocation.
    pub(super) fn sweep(&mut self, now: Instant, relay: &RelayDesk) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + SWEEP_INTERVAL;
        let useless = &mut self.counters.useless;
        self.open.retain(|client, open| {
            open.useless_since = match open.useless_since {
                _ if relay.has(*client) => None,
                since => since.or(Some(now)),
            };
            let is_useless = open
                .useless_since
                .is_some_and(|since| now.saturating_duration_since(since) > ALLOCATION_DELAY_MAX);
            *useless += u64::from(is_useless);
            !is_useless
        });
    }

    /// Returns when [`Self::sweep`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.open.is_empty()).then_some(self.sweep_at)
    }
}

//! The way of TCP connections to the workers: by what stands in their beginning.

use std::{io, net::SocketAddr, time::Duration};

use allo_sfu::worker_of;
use allo_turn::{Client, Greeter, TurnProtocol};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::Instant as Deadline,
};
use tracing::debug;

use super::{
    connections::Newcomer,
    turn_clients::{NEWS_MAX, News},
    turn_stream::TurnDoor,
};

/// Connections with media that wait for a worker to look at them. Beyond, they are closed: a client tries again.
const NEWCOMERS_MAX: usize = 64;

/// The way of connections to the workers.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    media: Vec<mpsc::Sender<Newcomer>>,
    turn: TurnDoor,
}

/// A worker's end of the door.
#[derive(Debug)]
pub(super) struct Doorway {
    pub(super) newcomers: mpsc::Receiver<Newcomer>,
    pub(super) turn_news: mpsc::Receiver<News>,
}

/// The ends of a TURN client's connection, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// Until when it has to say whose it is.
    pub(crate) deadline: Deadline,
    /// How long each message may take from its first byte to its last.
    pub(crate) patience: Duration,
}

impl Door {
    /// Makes a door, and each worker's end of it.
    pub(super) fn new(workers: usize, greeter: Greeter) -> (Self, Vec<Doorway>) {
        let (mut media, mut turn, mut doorways) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..workers {
            let (to_media, newcomers) = mpsc::channel(NEWCOMERS_MAX);
            let (to_turn, turn_news) = mpsc::channel(NEWS_MAX);
            media.push(to_media);
            turn.push(to_turn);
            doorways.push(Doorway { newcomers, turn_news });
        }
        (Self { media, turn: TurnDoor::new(greeter, turn) }, doorways)
    }

    /// Hands a connection to the worker that its first datagram names. Without one, or when that has no time, it is closed.
    pub(crate) fn admit(&self, newcomer: Newcomer) {
        let worker = worker_of(&newcomer.first).and_then(|worker| self.media.get(usize::from(worker)));
        let admitted = worker.is_some_and(|worker| worker.try_send(newcomer).is_ok());
        if !admitted {
            debug!("a connection for media is for nobody");
        }
    }

    /// Serves the connection of a TURN client, of which `begun` was read already, until it is over.
    pub(crate) async fn relay<S>(&self, stream: S, begun: &[u8], visit: Visit) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Visit { peer, local, deadline, patience } = visit;
        let client = Client { protocol: TurnProtocol::Tcp, address: peer, local };
        self.turn.serve(stream, begun, client, deadline, patience).await
    }
}

//! Headless participants on hosts of their own, who note when they did not hear the other one.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use allo_client::client::{ClientOptions, Event, PeerReport, Report, WebRtcClient};
use allo_client::peer::LinkState;
use allo_client::signaling::Trust;
use allo_lab::Host;
use allo_protocol::TopologyChoice;
use tokio::sync::mpsc as async_mpsc;

use crate::scenarios::lab::{PATIENCE, runtime};

/// How often to look at what came. Lower: finer figures, more work.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A pause in the sound that a person would notice. Packets are 20 ms apart, and losses are repaired.
const SILENCE_MIN: Duration = Duration::from_millis(300);

/// What a participant saw from beginning to end.
#[derive(Debug)]
pub(crate) struct Memory {
    /// When the other one was heard again after a pause.
    pub(crate) heard_again: Vec<Instant>,
    pub(crate) events: Vec<Event>,
    /// The most others who were in the room at a time.
    pub(crate) peers_max: usize,
}

enum Order {
    NetworkChanged,
    Cut(Duration),
    /// Report as soon as sound and pictures have come since now.
    WaitForMedia(mpsc::Sender<(Report, PeerReport)>),
}

/// A headless participant on a host.
pub(crate) struct Participant {
    orders: async_mpsc::UnboundedSender<Order>,
    thread: JoinHandle<Memory>,
}

impl Participant {
    pub(crate) fn start(
        host: &Host,
        name: &'static str,
        url: &str,
        topology: Option<TopologyChoice>,
    ) -> Self {
        let url = url.parse().unwrap();
        let (orders, orders_in) = async_mpsc::unbounded_channel();
        let run = move || {
            let options = ClientOptions {
                topology,
                trust: Trust::DangerAcceptAnyCertificate,
                ..ClientOptions::new(url, name).unwrap()
            };
            runtime().block_on(async {
                let client = WebRtcClient::join(options).await.unwrap();
                TakingPart::new(client).run(orders_in).await
            })
        };
        Self { orders, thread: host.spawn(run).unwrap() }
    }

    pub(crate) fn network_changed(&self) {
        self.order(Order::NetworkChanged);
    }

    /// Loses the signaling, and stays without it for a while.
    pub(crate) fn cut_signaling(&self, duration: Duration) {
        self.order(Order::Cut(duration));
    }

    /// Waits for a second's worth of sound and pictures; returns what is known then of everything, and of the other one.
    pub(crate) fn wait_for_media(&self) -> (Report, PeerReport) {
        let (answer, report) = mpsc::channel();
        self.order(Order::WaitForMedia(answer));
        report.recv_timeout(PATIENCE).unwrap()
    }

    /// Leaves; returns all that happened.
    pub(crate) fn leave(self) -> Memory {
        drop(self.orders);
        self.thread.join().unwrap()
    }

    fn order(&self, order: Order) {
        assert!(self.orders.send(order).is_ok(), "the participant still runs");
    }
}

struct TakingPart {
    client: WebRtcClient,
    memory: Memory,
    /// How much sound had come, and since when nothing has been added.
    sound: Option<(u64, Instant)>,
    waiting: Option<Waiting>,
}

/// Somebody who wants to know when media come.
struct Waiting {
    answer: mpsc::Sender<(Report, PeerReport)>,
    /// What had come at the first look since they asked.
    start: Option<PeerReport>,
}

impl TakingPart {
    fn new(client: WebRtcClient) -> Self {
        let memory = Memory { heard_again: Vec::new(), events: Vec::new(), peers_max: 0 };
        Self { client, memory, sound: None, waiting: None }
    }

    /// Takes part in a call until there are no more orders.
    async fn run(mut self, mut orders: async_mpsc::UnboundedReceiver<Order>) -> Memory {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                event = self.client.event() => self.memory.events.push(event.expect("the call goes on")),
                order = orders.recv() => match order {
                    None => break,
                    Some(Order::NetworkChanged) => self.client.network_changed().await,
                    Some(Order::Cut(duration)) => self.client.cut(duration).await,
                    Some(Order::WaitForMedia(answer)) => self.waiting = Some(Waiting { answer, start: None }),
                },
                _ = look.tick() => self.look().await,
            }
        }
        self.client.leave().await;
        self.memory
    }

    async fn look(&mut self) {
        let report = self.client.report().await.expect("the call goes on");
        self.memory.peers_max = self.memory.peers_max.max(report.peers.len());
        let Some(peer) = report.peers.first().cloned() else { return };
        self.note_sound(peer.audio.packets);
        let Some(Waiting { answer, start }) = &mut self.waiting else { return };
        let start = start.get_or_insert_with(|| peer.clone());
        let is_fresh = peer.audio.loud_packets >= start.audio.loud_packets + 20
            && peer.video.decodable_frames >= start.video.decodable_frames + 15;
        let session = report.session.as_ref().map(|session| session.state);
        if is_fresh && [peer.state, session].contains(&Some(LinkState::Connected)) {
            // Who asked may have given up.
            let _gone = answer.send((report, peer));
            self.waiting = None;
        }
    }

    fn note_sound(&mut self, packets: u64) {
        let now = Instant::now();
        match self.sound {
            Some((before, _)) if packets == before => return,
            Some((_, from)) if now - from >= SILENCE_MIN => {
                self.memory.heard_again.push(now);
            }
            _ => {}
        }
        self.sound = Some((packets, now));
    }
}

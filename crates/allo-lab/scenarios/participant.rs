//! Headless participants on hosts of their own, who note when they did not hear the other one.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use allo_client::client::{ClientOptions, Event, PeerReport, Report, WebRtcClient};
use allo_client::peer::LinkState;
use allo_client::signaling::Trust;
use allo_lab::Host;
use allo_protocol::{ClientMessage, ErrorCode, ParticipantId, Role};
use tokio::sync::mpsc as async_mpsc;

use crate::scenarios::lab::{PATIENCE, runtime};

/// How often to look at what came. Lower: finer figures, more work.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A pause in the sound that a person would notice. Packets are 20 ms apart, and losses are repaired.
const SILENCE_MIN: Duration = Duration::from_millis(300);

/// What the room is, as one of its participants was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Room {
    /// Who is in it, by what name, and what they are.
    pub(crate) people: BTreeMap<ParticipantId, (String, Role)>,
    pub(crate) is_locked: bool,
}

/// What a participant has at one time.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) room: Room,
    /// Everything that came and went.
    pub(crate) report: Report,
    /// What came from the other one.
    pub(crate) other: PeerReport,
}

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
    Sleep(Duration),
    Say(Box<ClientMessage>),
    /// Report as soon as sound and pictures have come since now.
    WaitForMedia(mpsc::Sender<View>),
}

/// A headless participant on a host.
pub(crate) struct Participant {
    orders: async_mpsc::UnboundedSender<Order>,
    thread: JoinHandle<Memory>,
}

impl Participant {
    /// Starts one who listens to `other`, and waits until they are in the room.
    pub(crate) fn start(host: &Host, options: ClientOptions, other: &'static str) -> Self {
        let (orders, orders_in) = async_mpsc::unbounded_channel();
        let (in_room, is_in_room) = mpsc::channel();
        let run = move || {
            runtime().block_on(async {
                let client = WebRtcClient::join(options).await.unwrap();
                let mut part = TakingPart::new(client, other);
                part.come_in().await;
                in_room.send(()).expect("somebody waits for it");
                part.run(orders_in).await
            })
        };
        let thread = host.spawn(run).unwrap();
        is_in_room.recv_timeout(PATIENCE).unwrap();
        Self { orders, thread }
    }

    pub(crate) fn network_changed(&self) {
        self.order(Order::NetworkChanged);
    }

    /// Loses the signaling, and stays without it for a while.
    pub(crate) fn cut_signaling(&self, duration: Duration) {
        self.order(Order::Cut(duration));
    }

    /// Does nothing at all for a while, as a computer that is asleep.
    pub(crate) fn sleep(&self, duration: Duration) {
        self.order(Order::Sleep(duration));
    }

    pub(crate) fn say(&self, message: ClientMessage) {
        self.order(Order::Say(Box::new(message)));
    }

    /// Waits for a second's worth of sound and pictures; returns what there is then.
    pub(crate) fn wait_for_media(&self) -> View {
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
    /// The name of whom to listen to.
    other: &'static str,
    room: Room,
    memory: Memory,
    /// How much sound had come, and since when nothing has been added.
    sound: Option<(u64, Instant)>,
    waiting: Option<Waiting>,
}

/// Somebody who wants to know when media come.
struct Waiting {
    answer: mpsc::Sender<View>,
    /// What had come at the first look since they asked.
    start: Option<PeerReport>,
}

impl TakingPart {
    fn new(client: WebRtcClient, other: &'static str) -> Self {
        let memory = Memory { heard_again: Vec::new(), events: Vec::new(), peers_max: 0 };
        Self { client, other, room: Room::default(), memory, sound: None, waiting: None }
    }

    async fn come_in(&mut self) {
        while self.room.people.is_empty() {
            let event = self.client.event().await.expect("the room is open");
            self.note(event);
        }
    }

    /// Takes part in a call until there are no more orders.
    async fn run(mut self, mut orders: async_mpsc::UnboundedReceiver<Order>) -> Memory {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                event = self.client.event() => self.note(event.expect("the call goes on")),
                order = orders.recv() => match order {
                    None => break,
                    Some(Order::NetworkChanged) => self.client.network_changed().await,
                    Some(Order::Cut(duration)) => self.client.cut(duration).await,
                    // Nothing else of this participant runs meanwhile: its runtime has this thread alone.
                    Some(Order::Sleep(duration)) => sleep(duration),
                    Some(Order::Say(message)) => self.client.say(*message).await,
                    Some(Order::WaitForMedia(answer)) => self.waiting = Some(Waiting { answer, start: None }),
                },
                _ = look.tick() => self.look().await,
            }
        }
        self.client.leave().await;
        self.memory
    }

    fn note(&mut self, event: Event) {
        match &event {
            Event::Joined { participants, .. } => {
                self.room.people = participants.iter().map(entry).collect();
            }
            Event::ParticipantJoined { participant } | Event::ParticipantUpdated { participant } => {
                self.room.people.extend([entry(participant)]);
            }
            Event::ParticipantLeft { participant, .. } => drop(self.room.people.remove(participant)),
            Event::RoomUpdated { settings } => self.room.is_locked = settings.locked,
            _ => {}
        }
        self.memory.events.push(event);
    }

    async fn look(&mut self) {
        let report = self.client.report().await.expect("the call goes on");
        self.memory.peers_max = self.memory.peers_max.max(report.peers.len());
        let is_other = |peer: &&PeerReport| peer.display_name == self.other;
        let Some(peer) = report.peers.iter().find(is_other).cloned() else { return };
        self.note_sound(peer.audio.packets);
        let Some(Waiting { answer, start }) = &mut self.waiting else { return };
        let start = start.get_or_insert_with(|| peer.clone());
        let is_fresh = peer.audio.loud_packets >= start.audio.loud_packets + 20
            && peer.video.decodable_frames >= start.video.decodable_frames + 15;
        let session = report.session.as_ref().map(|session| session.state);
        if is_fresh && [peer.state, session].contains(&Some(LinkState::Connected)) {
            // Who asked may have given up.
            let _gone = answer.send(View { room: self.room.clone(), report, other: peer });
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

fn entry(participant: &allo_protocol::Participant) -> (ParticipantId, (String, Role)) {
    (participant.id.clone(), (participant.display_name.clone(), participant.role))
}

/// Returns how to join the room of the laboratory.
pub(crate) fn options(name: &str, url: &str) -> ClientOptions {
    let trust = Trust::DangerAcceptAnyCertificate;
    ClientOptions { trust, ..ClientOptions::new(url.parse().unwrap(), name).unwrap() }
}

/// Tries to join, and returns why that is refused.
pub(crate) fn refusal(host: &Host, options: ClientOptions) -> ErrorCode {
    let knock = move || {
        runtime().block_on(async {
            let mut client = WebRtcClient::join(options).await.unwrap();
            loop {
                match client.event().await.expect("there is an answer") {
                    Event::Error { code, .. } => return code,
                    Event::Joined { .. } => panic!("a stranger came in"),
                    _ => {}
                }
            }
        })
    };
    host.spawn(knock).unwrap().join().unwrap()
}

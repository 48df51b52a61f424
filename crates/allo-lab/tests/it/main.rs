//! A call through a bad network, with headless participants on hosts of their own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::mpsc;
use std::time::Duration;

use allo_client::client::{ClientOptions, Event, PeerReport, WebRtcClient};
use allo_client::peer::LinkState;
use allo_client::signaling::Trust;
use allo_lab::{Host, Link, Quality, is_possible};
use allo_server::{Server, config::Config};
use tokio::sync::{mpsc as async_mpsc, oneshot};
use tokio::time::timeout;

/// Nothing in here takes nearly as long, unless it never comes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Hosts and links:
///
/// ```text
/// alice 192.0.2.2 ══ 25 ms, 2 % ══ 192.0.2.1 hub 198.51.100.1 ══ 25 ms, 2 % ══ 198.51.100.2 bob
///  then 203.0.113.2 ══════════════ 203.0.113.1
/// ```
///
/// The hub is the router between the two, and the server runs on it.
struct Lab {
    hub: Host,
    alice: Host,
    bob: Host,
    _links: [Link; 2],
}

impl Lab {
    fn new() -> Self {
        let [hub, alice, bob] = ["hub", "alice", "bob"].map(|label| Host::new(label).unwrap());
        let quality = Quality { delay: Duration::from_micros(12_500), loss: 0.01 };
        let links = [
            Link::between([&alice, &hub], "alice0", quality, 11).unwrap(),
            Link::between([&bob, &hub], "bob0", quality, 23).unwrap(),
        ];
        hub.forward().unwrap();
        hub.ip("addr add 192.0.2.1/24 dev alice0").unwrap();
        hub.ip("addr add 203.0.113.1/24 dev alice0").unwrap();
        hub.ip("addr add 198.51.100.1/24 dev bob0").unwrap();
        alice.ip("addr add 192.0.2.2/24 dev alice0").unwrap();
        alice.ip("route add default via 192.0.2.1").unwrap();
        bob.ip("addr add 198.51.100.2/24 dev bob0").unwrap();
        bob.ip("route add default via 198.51.100.1").unwrap();
        Self { hub, alice, bob, _links: links }
    }

    /// Moves alice into another network, as when a telephone leaves the house.
    fn move_alice(&self) {
        self.alice.ip("addr del 192.0.2.2/24 dev alice0").unwrap();
        self.alice.ip("addr add 203.0.113.2/24 dev alice0").unwrap();
        self.alice.ip("route add default via 203.0.113.1").unwrap();
    }
}

#[test]
fn a_call_survives_loss_delay_and_a_change_of_address() {
    if let Err(why) = is_possible() {
        println!("skipped: {why}");
        return;
    }
    let lab = Lab::new();
    let server = start_server(&lab.hub);
    let alice = Participant::start(&lab.alice, "Alice", "https://192.0.2.1:8443/lab");
    let bob = Participant::start(&lab.bob, "Bob", "https://198.51.100.1:8443/lab");

    let before = [alice.wait_for_media(), bob.wait_for_media()];
    assert!(before.iter().all(|peer| peer.state == Some(LinkState::Connected)));

    lab.move_alice();
    alice.order(Order::NetworkChanged);
    let after = [alice.wait_for_media(), bob.wait_for_media()];

    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.participant, after.participant, "the same participant");
        assert_eq!(before.link, after.link, "the same link, mended by an ICE restart");
    }
    for participant in [alice, bob] {
        let events = participant.leave();
        let is_leave = |event: &Event| matches!(event, Event::ParticipantLeft { .. });
        let left_early = events.iter().filter(|event| is_leave(event)).count();
        // The second to leave may see the first one go.
        assert!(left_early <= 1, "{events:?}");
    }
    server.stop();
}

/// A server on a host.
struct RunningServer {
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl RunningServer {
    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

fn start_server(host: &Host) -> RunningServer {
    let (ready, is_ready) = mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let run = move || {
        let data = tempfile::tempdir().unwrap();
        let config = Config { data: Some(data.path().to_owned()), ..Config::default() };
        runtime().block_on(async {
            let server = Server::start(config).unwrap();
            ready.send(()).unwrap();
            stopped.await.unwrap();
            server.stop().await;
        });
    };
    let thread = host.spawn(run).unwrap();
    is_ready.recv_timeout(PATIENCE).unwrap();
    RunningServer { stop, thread }
}

enum Order {
    NetworkChanged,
    /// Report as soon as sound and pictures have come since now.
    WaitForMedia(mpsc::Sender<PeerReport>),
}

/// A headless participant on a host.
struct Participant {
    orders: async_mpsc::UnboundedSender<Order>,
    thread: std::thread::JoinHandle<Vec<Event>>,
}

impl Participant {
    fn start(host: &Host, name: &'static str, url: &str) -> Self {
        let url = url.parse().unwrap();
        let (orders, orders_in) = async_mpsc::unbounded_channel();
        let run = move || {
            let mut options = ClientOptions::new(url, name).unwrap();
            options.trust = Trust::DangerAcceptAnyCertificate;
            runtime().block_on(take_part(options, orders_in))
        };
        Self { orders, thread: host.spawn(run).unwrap() }
    }

    fn order(&self, order: Order) {
        assert!(self.orders.send(order).is_ok(), "the participant still runs");
    }

    fn wait_for_media(&self) -> PeerReport {
        let (answer, report) = mpsc::channel();
        self.order(Order::WaitForMedia(answer));
        report.recv_timeout(PATIENCE).unwrap()
    }

    /// Leaves; returns all that happened.
    fn leave(self) -> Vec<Event> {
        drop(self.orders);
        self.thread.join().unwrap()
    }
}

/// Takes part in a call until there are no more orders; returns all that happened.
async fn take_part(options: ClientOptions, mut orders: async_mpsc::UnboundedReceiver<Order>) -> Vec<Event> {
    let mut client = WebRtcClient::join(options).await.unwrap();
    let mut events = Vec::new();
    loop {
        tokio::select! {
            event = client.event() => events.push(event.expect("the call goes on")),
            order = orders.recv() => match order {
                None => break,
                Some(Order::NetworkChanged) => client.network_changed().await,
                Some(Order::WaitForMedia(answer)) => {
                    let report = timeout(PATIENCE, media(&client)).await.expect("media comes");
                    answer.send(report).unwrap();
                }
            },
        }
    }
    client.leave().await;
    events
}

/// Waits until a second's worth of sound and pictures has come over the present path.
async fn media(client: &WebRtcClient) -> PeerReport {
    let mut start: Option<PeerReport> = None;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        tick.tick().await;
        let report = client.report().await.expect("the call goes on");
        let Some(peer) = report.peers.into_iter().next() else { continue };
        let is_fresh = |start: &PeerReport| {
            peer.state == Some(LinkState::Connected)
                && peer.audio.loud_packets >= start.audio.loud_packets + 20
                && peer.video.decodable_frames >= start.video.decodable_frames + 15
        };
        match &start {
            Some(start) if is_fresh(start) => return peer,
            Some(_) => {}
            None => start = Some(peer),
        }
    }
}

/// A runtime that stays on its thread, and so on its host.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

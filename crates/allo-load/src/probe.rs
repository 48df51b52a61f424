//! A direct way over loopback, beside the one through the server: what the machine alone adds to a delay.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use str0m::net::{DatagramSend, Protocol, Transmit};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::histogram::Times;
use crate::run::Phase;
use crate::socket::Socket;
use crate::stamp::Stamp;
use crate::wall::Wall;

/// As often as a voice.
const INTERVAL: Duration = Duration::from_millis(20);
/// As large as a packet of video.
const BYTES: usize = 1_100;

/// What the probe found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe {
    /// From hand to socket.
    pub(crate) delay: Times,
    /// From socket to hand: how long the tester leaves a datagram lying.
    pub(crate) reading: Times,
}

/// Sends stamped datagrams from one socket to another while the measurement lasts.
pub(crate) async fn run(ip: IpAddr, mut phase: watch::Receiver<Phase>) -> io::Result<Probe> {
    let (from, to) = (Socket::open(ip)?, Socket::open(ip)?);
    let mut probe = Probe::default();
    if phase.wait_for(|phase| matches!(phase, Phase::Measuring(..))).await.is_err() {
        return Ok(probe);
    }
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => from.send(&datagram(from.address(), to.address())),
            ready = to.readable() => {
                ready?;
                to.receive(|at, _, bytes| if let Some(stamp) = Stamp::of(bytes) {
                    probe.delay.record(at.since(stamp.sent_at));
                    probe.reading.record(Wall::now().since(at));
                });
            }
            _ = phase.changed() => return Ok(probe),
        }
    }
}

fn datagram(source: SocketAddr, destination: SocketAddr) -> Transmit {
    let stamp = Stamp {
        run: 0,
        sender: 0,
        is_video: false,
        is_keyframe: false,
        layer: 0,
        part: 0,
        parts: 1,
        frame: 0,
        sent_at: Wall::now(),
    };
    let bytes = [vec![0; BYTES], stamp.to_bytes().to_vec()].concat();
    Transmit { proto: Protocol::Udp, source, destination, contents: DatagramSend::from(bytes) }
}

//! What forwarding one packet costs, beside what the machine itself takes to encrypt and send one.
//!
//! One publisher sends 1.4 Mbit/s of video to N subscribers, over DTLS-SRTP and loopback UDP. The clients are real: they send
//! feedback, and the worker estimates their bandwidth. Only the worker's time is counted, with all that it reads, forwards and
//! sends, feedback and timers included; and that of the processor, so that others on the machine disturb little. The floors are
//! measured between the slices of the same run.
//!
//! `cargo bench -p allo-sfu` runs all sizes; sizes as arguments (`-- 10 200`) run those. A subscriber has a slot for sound and
//! one for pictures; `3+9` as an argument gives it so many.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark has sockets and a clock, and says what it saw"
)]

mod client;
mod clock;
mod floor;
mod server;

use std::time::{Duration, Instant};

use allo_sfu::{ParticipantId, RoomId};

use crate::client::{Client, Slots};
use crate::floor::Floor;
use crate::server::Server;

const SIZES: [usize; 4] = [10, 50, 200, 500];
const ROOM: RoomId = RoomId(1);
/// The time of the run is made up, and advances by so much; a runtime's timers are no finer.
const TICK: Duration = Duration::from_millis(1);
/// The clients that speak before the worker reads again: its socket takes no more at once.
const CLIENTS_AT_ONCE: usize = 32;
/// Slices of a run, of which the median counts.
const SLICES: usize = 15;
/// Forwarded packets in a slice, at least.
const SLICE_PACKETS: u64 = 12_000;

fn main() {
    // The bench runner passes `--bench`.
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    let slots = std::env::args().skip(1).find_map(|argument| {
        let (audio, video) = argument.split_once('+')?;
        Some(Slots { audio: audio.parse().ok()?, video: video.parse().ok()? })
    });
    for size in sizes {
        let result = Run::new(size, slots.unwrap_or(Slots { audio: 1, video: 1 })).measure();
        println!("{result}");
    }
}

/// One size.
struct Run {
    now: Instant,
    server: Server,
    /// The publisher is the first.
    clients: Vec<Client>,
}

impl Run {
    fn new(subscribers: usize, slots: Slots) -> Self {
        let now = Instant::now();
        let mut server = Server::new(now);
        let mut clients = Vec::new();
        for n in 0..=subscribers {
            let mut client = Client::new(now, n == 0, server.address());
            let offer = client.offer(slots);
            let own = ParticipantId(u64::try_from(n).unwrap());
            let answer = server.sfu.connect(now, own, ROOM, &offer).unwrap();
            client.accept(now, &answer);
            clients.push(client);
        }
        let mut run = Self { now, server, clients };
        run.warm_up();
        run
    }

    /// Runs until everybody has seen pictures for a while.
    fn warm_up(&mut self) {
        let until = self.now + Duration::from_secs(30);
        while self.clients.iter().skip(1).any(|client| client.received < 100) {
            assert!(self.now < until, "not everybody sees the picture");
            self.tick();
        }
        (0..2_000).for_each(|_| self.tick());
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.server.turn(self.now);
        for group in self.clients.chunks_mut(CLIENTS_AT_ONCE) {
            let spoke = group.iter_mut().filter_map(|client| client.turn(self.now).then_some(())).count();
            if spoke > 0 {
                self.server.turn(self.now);
            }
        }
    }

    fn measure(mut self) -> String {
        let addresses: Vec<_> = self.clients.iter().skip(1).map(Client::address).collect();
        let mut floor = Floor::new(addresses);
        let mut slices: Vec<Slice> = Vec::new();
        for _ in 0..SLICES {
            let [sendto, gso] = floor.measure(&mut self.clients[1..]);
            slices.push(Slice { sendto, gso, ..self.slice() });
        }
        let median = |of: fn(&Slice) -> f64| {
            let mut values: Vec<f64> = slices.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (cost, sendto, gso) = (median(|it| it.cost), median(|it| it.sendto), median(|it| it.gso));
        let (to_sendto, to_gso) = (median(|it| it.cost / it.sendto), median(|it| it.cost / it.gso));
        let train = median(|it| it.train);
        let size = self.clients.len() - 1;
        format!(
            "fanout {size}: {cost:.0} ns/packet, {to_sendto:.2} x sendto floor, {to_gso:.2} x GSO floor \
             (floors {sendto:.0} and {gso:.0} ns; {train:.1} datagrams a train)"
        )
    }

    /// Runs for a while, and returns what a forwarded packet cost.
    fn slice(&mut self) -> Slice {
        let before = self.server.counts();
        while self.server.counts().forwarded - before.forwarded < SLICE_PACKETS {
            // Whole frames, so that no slice has more beginnings than ends.
            (0..100).for_each(|_| self.tick());
        }
        let after = self.server.counts();
        let ratio = |a: u64, b: u64| {
            #[allow(clippy::cast_precision_loss, reason = "counts are small")]
            let ratio = a as f64 / b as f64;
            ratio
        };
        Slice {
            cost: ratio(after.nanoseconds - before.nanoseconds, after.forwarded - before.forwarded),
            train: ratio(after.datagrams - before.datagrams, after.trains - before.trains),
            ..Slice::default()
        }
    }
}

/// What was seen in a part of a run, in nanoseconds for each packet.
#[derive(Default)]
struct Slice {
    /// Forwarded.
    cost: f64,
    /// Encrypted and sent by itself.
    sendto: f64,
    /// Encrypted and sent in a train.
    gso: f64,
    /// Datagrams in each train.
    train: f64,
}

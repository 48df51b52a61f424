//! What the forwarding unit holds for one participant: its heap, without signaling and without the system's buffers.
//!
//! Participants as the page has them, with four slots for sound and nine for pictures, are connected and receive nothing; then nine
//! others send 1.4 Mbit/s each. Payloads are shared by all who get them.
//!
//! `cargo bench -p allo-sfu --bench memory`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark has sockets and a clock, and says what it saw"
)]
#![allow(dead_code, reason = "what it shares with the other benchmark is more than it needs")]

#[path = "../fanout/client.rs"]
mod client;
#[path = "../fanout/clock.rs"]
mod clock;
mod counting;
#[path = "../fanout/server.rs"]
mod server;

use std::time::{Duration, Instant};

use allo_sfu::{ParticipantId, RoomId};

use crate::client::{Client, Slots};
use crate::counting::{Counting, bytes, counted};
use crate::server::Server;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROOM: RoomId = RoomId(1);
const TICK: Duration = Duration::from_millis(1);
const SLOTS: Slots = Slots { audio: 4, video: 9 };
const SUBSCRIBERS: usize = 30;
const PUBLISHERS: usize = 9;
/// Until the buffers for repairs are as large as they become.
const TICKS: usize = 6_000;

fn main() {
    let mut room = Room::new();
    let before = bytes();
    (0..SUBSCRIBERS).for_each(|_| room.join(false));
    room.run();
    let connected = bytes() - before;
    println!("connected, receiving nothing: {} KiB each", kib(connected / SUBSCRIBERS));
    (0..PUBLISHERS).for_each(|_| room.join(true));
    room.run();
    let grown = bytes() - before - connected;
    assert!(room.clients.iter().take(SUBSCRIBERS).all(|client| client.received > 0));
    println!(
        "receiving {PUBLISHERS} pictures: {} KiB more each, with {PUBLISHERS} who send",
        kib(grown / SUBSCRIBERS)
    );
}

fn kib(bytes: usize) -> usize {
    bytes / 1_024
}

struct Room {
    now: Instant,
    server: Server,
    clients: Vec<Client>,
}

impl Room {
    fn new() -> Self {
        let now = Instant::now();
        Self { now, server: counted(|| Server::new(now)), clients: Vec::new() }
    }

    fn join(&mut self, is_publisher: bool) {
        let mut client = Client::new(self.now, is_publisher, self.server.address());
        let offer = client.offer(SLOTS);
        let own = ParticipantId(u64::try_from(self.clients.len()).unwrap());
        let answer = counted(|| self.server.sfu.connect(self.now, own, ROOM, &offer).unwrap());
        client.accept(self.now, &answer);
        self.clients.push(client);
    }

    fn run(&mut self) {
        for _ in 0..TICKS {
            self.now += TICK;
            counted(|| self.server.turn(self.now));
            for client in &mut self.clients {
                if client.turn(self.now) {
                    counted(|| self.server.turn(self.now));
                }
            }
        }
    }
}

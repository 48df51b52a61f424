//! Links: what joins two hosts, and what it does to packets.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::Host;
use crate::middlebox::{Middlebox, Side};

/// Packets under way in one direction. More are dropped, as a router does when its queue is full.
const QUEUE_PACKETS: usize = 2_000;

/// The largest packet: that of Ethernet.
const MTU: u16 = 1_500;

/// What a link does to the packets of one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// How long each packet is under way.
    pub delay: Duration,
    /// The share of packets that are lost, from 0 to 1.
    pub loss: f64,
}

impl Quality {
    /// Neither delay nor loss.
    pub const PERFECT: Self = Self { delay: Duration::ZERO, loss: 0.0 };
}

/// A link between two hosts. It ends when one of them is dropped.
#[derive(Debug)]
pub struct Link {
    quality: Arc<Mutex<Quality>>,
    middlebox: Arc<Middlebox>,
}

impl Link {
    /// Joins two hosts by a device named `device` on each. The hosts still need addresses: `ip addr add .. dev ..`.
    ///
    /// Both directions have the same quality. The losses are drawn from `seed`.
    pub fn between(hosts: [&Host; 2], device: &str, quality: Quality, seed: u64) -> io::Result<Self> {
        let quality = Arc::new(Mutex::new(quality));
        let [a, b] = [open(hosts[0], device)?, open(hosts[1], device)?];
        let middlebox = Arc::new(Middlebox::default());
        let ends = [(&a, &b, Side::Inner), (&b, &a, Side::Outer)];
        for ((from, to, side), seed) in ends.into_iter().zip([seed, seed.wrapping_add(1)]) {
            let treatment =
                Treatment { quality: Arc::clone(&quality), middlebox: Arc::clone(&middlebox), side };
            carry(Arc::clone(from), Arc::clone(to), treatment, seed)?;
        }
        Ok(Self { quality, middlebox })
    }

    /// Changes what the link does from now on.
    pub fn set(&self, quality: Quality) {
        *lock(&self.quality) = quality;
    }

    /// Lets UDP through from now on, or not.
    pub fn block_udp(&self, is_blocked: bool) {
        self.middlebox.block_udp(is_blocked);
    }

    /// Gives the first host other ports from now on, as a router does that has forgotten which it gave before.
    pub fn rebind(&self) {
        self.middlebox.rebind();
    }
}

/// Makes a device on a host. It belongs to the host even though this process holds it.
fn open(host: &Host, device: &str) -> io::Result<Arc<SyncDevice>> {
    let name = device.to_owned();
    let made = host.on(move || DeviceBuilder::new().name(name).mtu(MTU).build_sync())??;
    host.ip(&format!("link set {device} up"))?;
    Ok(Arc::new(made))
}

/// What happens to the packets of one direction.
#[derive(Debug)]
struct Treatment {
    quality: Arc<Mutex<Quality>>,
    middlebox: Arc<Middlebox>,
    side: Side,
}

/// Packets of one direction and when each arrives, in the order of their departure.
#[derive(Debug, Default)]
struct Line {
    packets: Mutex<VecDeque<(Instant, Vec<u8>)>>,
    changed: Condvar,
}

/// Carries packets one way, for as long as both devices are there.
fn carry(from: Arc<SyncDevice>, to: Arc<SyncDevice>, treatment: Treatment, seed: u64) -> io::Result<()> {
    let line = Arc::new(Line::default());
    let arriving = Arc::clone(&line);
    thread::Builder::new().name("link-out".to_owned()).spawn(move || arriving.deliver(&to))?;
    let rng = ChaCha8Rng::seed_from_u64(seed);
    thread::Builder::new().name("link-in".to_owned()).spawn(move || line.accept(&from, &treatment, rng))?;
    Ok(())
}

impl Line {
    fn accept(&self, from: &SyncDevice, treatment: &Treatment, mut rng: ChaCha8Rng) {
        let mut buffer = [0; MTU as usize];
        // Reading fails once the host is gone, and with it the device.
        while let Ok(length) = from.recv(&mut buffer) {
            let Quality { delay, loss } = *lock(&treatment.quality);
            let passes = treatment.middlebox.pass(treatment.side, &mut buffer[..length]);
            let is_lost = !passes || f64::from(rng.next_u32()) / f64::from(u32::MAX) < loss;
            let mut packets = lock(&self.packets);
            if !is_lost && packets.len() < QUEUE_PACKETS {
                packets.push_back((Instant::now() + delay, buffer[..length].to_vec()));
                self.changed.notify_one();
            }
        }
        lock(&self.packets).push_back((Instant::now(), Vec::new()));
        self.changed.notify_one();
    }

    fn deliver(&self, to: &SyncDevice) {
        loop {
            let packet = self.next();
            if packet.is_empty() {
                return;
            }
            // A device that takes no packet is down or gone: the packet is lost, as on a cable pulled out.
            let _ = to.send(&packet);
        }
    }

    /// Waits for the next packet to arrive. An empty one says that there will be no more.
    fn next(&self) -> Vec<u8> {
        let mut packets = lock(&self.packets);
        loop {
            let wait = packets.front().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            packets = match wait {
                Some(Duration::ZERO) => {
                    return packets.pop_front().map(|(_, packet)| packet).unwrap_or_default();
                }
                Some(wait) => {
                    self.changed.wait_timeout(packets, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(packets).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

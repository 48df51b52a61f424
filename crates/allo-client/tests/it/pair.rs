//! Two ends of a link, joined by a made-up network in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use allo_client::peer::{LinkState, Negotiation, PeerConnection, PeerEvent, PeerOptions};
use allo_protocol::{IceCandidate, SdpType, SessionDescription};
use str0m::config::DtlsCert;

/// What the network does to datagrams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    /// Lost, in a thousand.
    pub(crate) loss_per_mille: u32,
    pub(crate) delay: Duration,
    /// Added to the delay, at random; so later datagrams overtake earlier ones.
    pub(crate) jitter: Duration,
}

impl Network {
    pub(crate) const GOOD: Self =
        Self { loss_per_mille: 0, delay: Duration::from_millis(5), jitter: Duration::ZERO };
    pub(crate) const BAD: Self =
        Self { loss_per_mille: 50, delay: Duration::from_millis(25), jitter: Duration::from_millis(15) };
}

enum Signal {
    Description(SessionDescription),
    Candidate(IceCandidate),
}

pub(crate) struct End {
    pub(crate) connection: PeerConnection,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) renewals: u32,
    /// Whether it says that it takes no pictures, as a browser does that is to bring sound alone.
    pub(crate) refuses_pictures: bool,
    /// The offers and answers that this end has sent.
    pub(crate) said: Vec<SessionDescription>,
    /// Messages on their way to this end, in order.
    signals: VecDeque<(Instant, Signal)>,
}

struct Datagram {
    to: usize,
    source: SocketAddr,
    destination: SocketAddr,
    bytes: Vec<u8>,
}

/// End 0 is polite, end 1 is not.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) ends: Vec<End>,
    pub(crate) random: fastrand::Rng,
    pub(crate) network: Network,
    /// Whether messages between the ends get lost.
    pub(crate) is_signaling_cut: bool,
    pub(crate) crossed_offers: u32,
    datagrams: BTreeMap<(Instant, u64), Datagram>,
    sequence: u64,
}

impl Pair {
    pub(crate) fn new(seed: u64, network: Network, negotiation: [Negotiation; 2]) -> Self {
        let now = Instant::now();
        let end = |n: usize| {
            let addresses = vec![address(n, 1000)];
            let connection = PeerConnection::new(
                now,
                PeerOptions {
                    negotiation: negotiation[n],
                    is_polite: n == 0,
                    sends_video: true,
                    mic: true,
                    cam: true,
                    addresses: addresses.clone(),
                    certificate: certificate(),
                },
            );
            let (renewals, refuses_pictures) = (0, false);
            End {
                connection,
                addresses,
                renewals,
                refuses_pictures,
                said: Vec::new(),
                signals: VecDeque::new(),
            }
        };
        Self {
            now,
            ends: vec![end(0), end(1)],
            random: fastrand::Rng::with_seed(seed),
            network,
            is_signaling_cut: false,
            crossed_offers: 0,
            datagrams: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// Lets `f` do something to one end.
    pub(crate) fn act(&mut self, n: usize, f: impl FnOnce(&mut PeerConnection, Instant)) {
        f(&mut self.ends[n].connection, self.now);
        self.collect(n);
    }

    /// Moves one end to a new address; nothing reaches the old one from now on.
    pub(crate) fn move_end(&mut self, n: usize, port: u16) {
        self.ends[n].addresses = vec![address(n, port)];
        let addresses = self.ends[n].addresses.clone();
        self.act(n, |connection, now| connection.handle_addresses(now, addresses));
    }

    /// Both ends are greeted again, as after a reconnection.
    pub(crate) fn greet(&mut self) {
        for n in 0..2 {
            self.act(n, PeerConnection::handle_greet);
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.run_until(until, |_| false);
    }

    /// Runs until `is_done`, at most until `until`. Returns whether it was done.
    pub(crate) fn run_until(&mut self, until: Instant, is_done: impl Fn(&Self) -> bool) -> bool {
        (0..2).for_each(|n| self.collect(n));
        while !is_done(self) {
            let next = self.next_event();
            if next > until {
                self.now = until;
                return false;
            }
            self.now = self.now.max(next);
            self.step();
        }
        true
    }

    pub(crate) fn is_settled(&self) -> bool {
        let is_quiet = |end: &End| end.connection.is_stable() && end.signals.is_empty();
        self.ends.iter().all(|end| is_quiet(end) && end.connection.state() == LinkState::Connected)
    }

    /// Returns whether a message is on its way to this end.
    pub(crate) fn is_awaited(&self, n: usize) -> bool {
        !self.ends[n].signals.is_empty()
    }

    /// Returns the audio packets and decodable frames that each end has received.
    pub(crate) fn received(&self) -> [(u64, u64); 2] {
        [0, 1].map(|n| {
            let (audio, video, _) = self.ends[n].connection.report(self.now);
            (audio.packets, video.decodable_frames)
        })
    }

    fn next_event(&self) -> Instant {
        let timeouts = self.ends.iter().map(|end| end.connection.poll_timeout());
        let signals = self.ends.iter().filter_map(|end| end.signals.front().map(|(at, _)| *at));
        let datagrams = self.datagrams.keys().next().map(|(at, _)| *at);
        timeouts.chain(signals).chain(datagrams).min().expect("an end always waits for something")
    }

    fn step(&mut self) {
        while self.datagrams.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            let (_, datagram) = self.datagrams.pop_first().expect("there is a first");
            self.deliver(&datagram);
        }
        for n in 0..2 {
            while self.ends[n].signals.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, signal) = self.ends[n].signals.pop_front().expect("there is a first");
                self.deliver_signal(n, signal);
            }
            if self.ends[n].connection.poll_timeout() <= self.now {
                self.act(n, PeerConnection::handle_timeout);
            }
        }
    }

    fn deliver(&mut self, datagram: &Datagram) {
        let Datagram { to, source, destination, bytes } = datagram;
        // An address that was left is not reached any more.
        if self.ends[*to].addresses.contains(destination) && self.ends[1 - to].addresses.contains(source) {
            self.act(*to, |connection, now| {
                if connection.accepts(now, *source, *destination, bytes) {
                    connection.handle_datagram(now, *source, *destination, bytes);
                }
            });
        }
    }

    fn deliver_signal(&mut self, n: usize, signal: Signal) {
        match signal {
            Signal::Candidate(candidate) => self.act(n, |end, now| end.handle_candidate(now, candidate)),
            Signal::Description(description) => {
                let is_offer = description.sdp_type == SdpType::Offer;
                self.crossed_offers += u32::from(is_offer && !self.ends[n].connection.is_stable());
                self.act(n, |end, now| {
                    end.handle_description(now, &description).expect("a good description");
                });
            }
        }
    }

    fn collect(&mut self, n: usize) {
        while let Some(transmit) = self.ends[n].connection.poll_transmit() {
            let is_lost = self.random.u32(0..1000) < self.network.loss_per_mille;
            let at = self.now + self.network.delay + self.network.jitter.mul_f64(self.random.f64());
            self.sequence += 1;
            if !is_lost {
                let (source, destination) = (transmit.source, transmit.destination);
                let datagram = Datagram { to: 1 - n, source, destination, bytes: transmit.contents.to_vec() };
                self.datagrams.insert((at, self.sequence), datagram);
            }
        }
        while let Some(event) = self.ends[n].connection.poll_event() {
            let signal = match event {
                PeerEvent::Description(mut description) => {
                    if self.ends[n].refuses_pictures {
                        description.sdp = without_pictures(&description.sdp);
                    }
                    self.ends[n].said.push(description.clone());
                    Signal::Description(description)
                }
                PeerEvent::Candidate(candidate) => Signal::Candidate(candidate),
                PeerEvent::RenewalNeeded => {
                    self.ends[n].renewals += 1;
                    continue;
                }
                PeerEvent::StateChanged(_) => continue,
            };
            if !self.is_signaling_cut {
                self.send_signal(1 - n, signal);
            }
        }
    }

    /// Messages take their time, but keep their order.
    fn send_signal(&mut self, to: usize, signal: Signal) {
        let signals = &mut self.ends[to].signals;
        let earliest = signals.back().map_or(self.now, |(at, _)| *at);
        let at = earliest.max(self.now + Duration::from_millis(self.random.u64(1..60)));
        signals.push_back((at, signal));
    }
}

/// Returns a description whose lines of pictures send only (RFC 8866 §6.7).
fn without_pictures(sdp: &str) -> String {
    let sections = sdp.split_inclusive("\r\n").scan(false, |is_video, line| {
        *is_video = if line.starts_with("m=") { line.starts_with("m=video") } else { *is_video };
        Some(if *is_video { line.replace("a=sendrecv", "a=sendonly") } else { line.to_owned() })
    });
    sections.collect()
}

pub(crate) fn address(n: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, u8::try_from(n + 1).expect("there are two ends")], port))
}

/// Making a certificate takes longer than most tests.
pub(crate) fn certificate() -> DtlsCert {
    static CERTIFICATE: LazyLock<DtlsCert> = LazyLock::new(|| {
        str0m::crypto::from_feature_flags()
            .dtls_provider
            .generate_certificate()
            .expect("certificates can be made")
    });
    CERTIFICATE.clone()
}

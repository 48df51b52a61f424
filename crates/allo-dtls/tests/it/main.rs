//! Handshakes between two ends, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use allo_dtls::{FIRST_WAIT, cryptography};
use str0m::crypto::dtls::{DtlsInstance, DtlsOutput, DtlsVersion};

/// What a datagram takes from the one to the other.
const DELAY: Duration = Duration::from_millis(10);

struct End {
    dtls: Box<dyn DtlsInstance>,
    due: Option<Instant>,
    is_connected: bool,
    /// How many datagrams it sent.
    sent: usize,
}

impl End {
    fn new(now: Instant, version: DtlsVersion, is_active: bool) -> Self {
        let provider = cryptography().dtls_provider;
        let certificate = provider.generate_certificate().unwrap();
        let mut dtls = provider.new_dtls(&certificate, now, version, Some(1_200)).unwrap();
        dtls.set_active(is_active);
        Self { dtls, due: None, is_connected: false, sent: 0 }
    }

    /// Lets time pass, and returns what is to be sent.
    fn at(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.dtls.handle_timeout(now).unwrap();
        let mut buffer = [0; 2_048];
        let mut packets = Vec::new();
        loop {
            match self.dtls.poll_output(&mut buffer) {
                DtlsOutput::Packet(packet) => packets.push(packet.to_vec()),
                DtlsOutput::Connected => self.is_connected = true,
                DtlsOutput::Timeout(due) => {
                    self.due = Some(due);
                    break;
                }
                _ => {}
            }
        }
        self.sent += packets.len();
        packets
    }
}

/// Returns how long a handshake takes of which the network loses these datagrams: who sent it, and which one of theirs it was.
fn handshake(version: DtlsVersion, lost: &[(usize, usize)]) -> Duration {
    #[allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    let start = Instant::now();
    let mut now = start;
    let mut ends = [End::new(now, version, true), End::new(now, version, false)];
    let mut flying: VecDeque<(Instant, usize, Vec<u8>)> = VecDeque::new();
    loop {
        for (own, end) in ends.iter_mut().enumerate() {
            let first = end.sent;
            for (n, packet) in end.at(now).into_iter().enumerate() {
                if !lost.contains(&(own, first + n)) {
                    flying.push_back((now + DELAY, 1 - own, packet));
                }
            }
        }
        if ends.iter().all(|end| end.is_connected) {
            return now - start;
        }
        let dues = ends.iter().filter_map(|end| end.due);
        now = flying.iter().map(|(due, ..)| *due).chain(dues).min().expect("something is to come").max(now);
        assert!(now - start < Duration::from_secs(20), "{:?} after {:?}", version, now - start);
        while flying.front().is_some_and(|(due, ..)| *due <= now) {
            let (_, to, packet) = flying.pop_front().unwrap();
            ends[to].dtls.handle_timeout(now).unwrap();
            ends[to].dtls.handle_packet(&packet).unwrap();
        }
    }
}

/// The longest first wait, with what chance adds to it.
const LONGEST: Duration = Duration::from_nanos(FIRST_WAIT.subsec_nanos() as u64 * 5 / 4);

#[test]
fn a_handshake_without_a_loss_takes_as_many_round_trips_as_it_has() {
    assert_eq!(handshake(DtlsVersion::Dtls12, &[]), 4 * DELAY);
    assert!(handshake(DtlsVersion::Auto, &[]) <= 4 * DELAY);
}

#[test]
fn the_first_flight_of_either_end_is_sent_again_before_anybody_notices() {
    for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13, DtlsVersion::Auto] {
        for lost in [(0, 0), (1, 0)] {
            let took = handshake(version, &[lost]);
            assert!(took <= LONGEST + 4 * DELAY, "{version:?}: {took:?} with {lost:?} lost");
        }
    }
}

#[test]
fn a_flight_that_is_lost_four_times_comes_the_fifth_time() {
    let took = handshake(DtlsVersion::Dtls12, &[(0, 0), (0, 1), (0, 2), (0, 3)]);
    assert!(took > FIRST_WAIT && took <= LONGEST * 15 + 4 * DELAY, "{took:?}");
}

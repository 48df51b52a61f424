//! What no forwarding can do without: each subscriber has keys of its own, and a datagram is sent by the system.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};

use crate::client::{Client, PAYLOAD};
use crate::clock;

/// The header of a packet with its extensions, and the tag at its end.
const HEADER: usize = 28;
const TAG: usize = 16;
const PACKET: usize = HEADER + PAYLOAD + TAG;
/// Packets in a train: a frame.
const TRAIN: usize = 5;
/// Frames that are measured at once. The subscribers' sockets take them all.
const FRAMES: usize = 4;
/// Packets that are measured, at least.
const PACKETS_MIN: usize = 4_000;

pub(crate) struct Floor {
    socket: UdpSocket,
    state: UdpSocketState,
    /// The subscribers, each with its key.
    subscribers: Vec<(SocketAddr, LessSafeKey)>,
    plain: Vec<u8>,
    train: Vec<u8>,
    count: u32,
}

impl Floor {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).unwrap();
        let key = |n: usize| {
            let bytes = [u8::try_from(n % 256).unwrap(); 32];
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).unwrap())
        };
        let subscribers = addresses.into_iter().enumerate().map(|(n, address)| (address, key(n))).collect();
        Self {
            socket,
            state,
            subscribers,
            plain: vec![0x5a; PACKET],
            train: vec![0; TRAIN * PACKET],
            count: 0,
        }
    }

    /// Returns the nanoseconds for one packet, encrypted and sent by itself, and as one of a train.
    pub(crate) fn measure(&mut self, subscribers: &mut [Client]) -> [f64; 2] {
        [false, true].map(|in_trains| {
            let (mut nanoseconds, mut packets) = (0, 0);
            while packets < PACKETS_MIN {
                let start = clock::spent();
                (0..FRAMES).for_each(|_| self.send_frame(in_trains));
                nanoseconds += clock::spent() - start;
                packets += FRAMES * TRAIN * self.subscribers.len();
                subscribers.iter_mut().for_each(Client::discard);
            }
            #[allow(clippy::cast_precision_loss, reason = "counts are small")]
            let cost = nanoseconds as f64 / packets as f64;
            cost
        })
    }

    /// Sends a frame to each subscriber.
    fn send_frame(&mut self, in_trains: bool) {
        for (destination, key) in &self.subscribers {
            for packet in self.train.chunks_exact_mut(PACKET) {
                packet.copy_from_slice(&self.plain);
                let mut nonce = [0; 12];
                nonce[8..].copy_from_slice(&self.count.to_be_bytes());
                self.count = self.count.wrapping_add(1);
                let (header, sealed) = packet.split_at_mut(HEADER);
                let (payload, tag) = sealed.split_at_mut(PAYLOAD);
                let nonce = Nonce::assume_unique_for_key(nonce);
                let seal = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload).unwrap();
                tag.copy_from_slice(seal.as_ref());
                if !in_trains {
                    self.socket.send_to(packet, destination).unwrap();
                }
            }
            if in_trains {
                let transmit = Transmit {
                    destination: *destination,
                    ecn: None,
                    contents: &self.train,
                    segment_size: Some(PACKET),
                    src_ip: None,
                };
                self.state.try_send(UdpSockRef::from(&self.socket), &transmit).unwrap();
            }
        }
    }
}

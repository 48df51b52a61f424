//! The worker with a socket, read in batches and written in trains, as the server does it.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use allo_sfu::{Bitrate, Certificate, CredentialSeed, Sfu, SfuConfig, Transmit};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};

use crate::clock;

const READ_BYTES: usize = 64 * 1024;

pub(crate) struct Server {
    pub(crate) sfu: Sfu,
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
    buffers: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
    nanoseconds: u64,
    trains: u64,
    datagrams: u64,
}

/// What was counted since the start.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) nanoseconds: u64,
    pub(crate) forwarded: u64,
    pub(crate) trains: u64,
    pub(crate) datagrams: u64,
}

impl Server {
    pub(crate) fn new(now: Instant) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).unwrap();
        assert!(state.max_gso_segments() > 1, "this system sends no trains");
        let address = socket.local_addr().unwrap();
        let seed = CredentialSeed::new([7; 32]);
        let mut config = SfuConfig::new(Certificate::generate().unwrap(), vec![address], seed);
        // Nobody has to wait until the estimate has risen.
        config.initial_bitrate = Bitrate::kbps(3_000);
        Self {
            sfu: Sfu::new(now, config),
            socket,
            state,
            address,
            buffers: vec![0; BATCH_SIZE * READ_BYTES],
            metas: [RecvMeta::default(); BATCH_SIZE],
            nanoseconds: 0,
            trains: 0,
            datagrams: 0,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn counts(&self) -> Counts {
        let Self { nanoseconds, trains, datagrams, .. } = *self;
        Counts { nanoseconds, forwarded: self.sfu.counters().forwarded, trains, datagrams }
    }

    /// Does all that there is to do, on the clock.
    pub(crate) fn turn(&mut self, now: Instant) {
        let start = clock::spent();
        while self.read(now) {}
        if self.sfu.poll_timeout().is_some_and(|due| due <= now) {
            self.sfu.handle_timeout(now);
        }
        self.send();
        while self.sfu.poll_event().is_some() {}
        self.nanoseconds += clock::spent() - start;
    }

    /// Reads what is there, as much as fits. Returns whether there may be more.
    fn read(&mut self, now: Instant) -> bool {
        let mut parts = self.buffers.chunks_exact_mut(READ_BYTES);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap()));
        let result = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut self.metas);
        let count = result.unwrap_or(0);
        for (meta, bytes) in self.metas.iter().zip(self.buffers.chunks_exact(READ_BYTES)).take(count) {
            for datagram in bytes[..meta.len].chunks(meta.stride.max(1)) {
                self.sfu.handle_datagram(now, meta.addr, self.address, datagram);
            }
        }
        count == BATCH_SIZE
    }

    fn send(&mut self) {
        while let Some(Transmit { destination, train, .. }) = self.sfu.poll_transmit() {
            self.trains += 1;
            self.datagrams += train.cars().len() as u64;
            let (contents, segment_size) = (train.contents(), train.segment_size());
            let transmit =
                quinn_udp::Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
            // What the system does not take is lost, as on any network.
            let _ = self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
        }
    }
}

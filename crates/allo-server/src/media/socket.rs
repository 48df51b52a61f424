//! UDP sockets of the media plane: read in batches, written in trains.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use allo_sfu::Train;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::Interest, net::UdpSocket};
use tracing::debug;

use crate::server::{is_any_ipv6, is_unavailable};

/// What the system is asked to hold for a socket, each way: a tenth of a second at 320 Mbit/s. Systems give less unless told otherwise.
///
/// Higher: bursts are lost less often. Lower: less memory of the system's.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The most that the system puts into one buffer: a datagram of the largest size, or several smaller ones in a row.
const READ_BYTES: usize = 64 * 1024;

/// The rest before trains are tried again, after the system refused one.
const TRAINS_PAUSE: Duration = Duration::from_mins(1);

/// Binds one socket for each address, for each of so many workers. The error is about one address.
pub(crate) fn bind(
    addresses: &[SocketAddr],
    workers: usize,
) -> Result<Vec<Vec<std::net::UdpSocket>>, (SocketAddr, io::Error)> {
    if workers == 0 {
        return Ok(Vec::new());
    }
    let mut there = Vec::new();
    for address in addresses {
        // Sockets that share a port would share it with another program of the same user, too: this one does not.
        match bind_one(*address, false) {
            Ok(_) => there.push(*address),
            // A system without IPv6 is served by IPv4 alone.
            Err(error) if is_any_ipv6(address.ip()) && !there.is_empty() && is_unavailable(&error) => {
                debug!(%error, "IPv6 is not there");
            }
            Err(error) => return Err((*address, error)),
        }
    }
    let bind = |address: &SocketAddr| bind_one(*address, workers > 1).map_err(|error| (*address, error));
    (0..workers).map(|_| there.iter().map(bind).collect()).collect()
}

fn bind_one(address: SocketAddr, is_shared: bool) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Only there are several workers.
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(is_shared)?;
    #[cfg(not(target_os = "linux"))]
    debug_assert!(!is_shared, "there is one worker");
    socket.set_nonblocking(true)?;
    for given in [socket.set_recv_buffer_size(BUFFER_BYTES), socket.set_send_buffer_size(BUFFER_BYTES)] {
        if let Err(error) = given {
            debug!(%error, "the buffers of a socket stayed as they were");
        }
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub(super) source: SocketAddr,
    /// The address of this machine that it was sent to.
    pub(super) destination: SocketAddr,
    pub(super) bytes: &'a [u8],
}

/// One socket of one worker.
#[derive(Debug)]
pub(super) struct MediaSocket {
    socket: std::net::UdpSocket,
    /// The same, as long as it is read here.
    watched: Option<UdpSocket>,
    state: UdpSocketState,
    local: SocketAddr,
    /// Since when the system takes no trains, if it took them before.
    refused_at: Option<Instant>,
}

/// A train was not sent, or not wholly. UDP may lose anything: whoever minds finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSent;

impl MediaSocket {
    /// Takes a socket over.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let local = socket.local_addr()?;
        Ok(Self { socket, watched: None, state, local, refused_at: None })
    }

    /// Has it watched by the runtime that calls, for it to be read.
    pub(super) fn watch(&mut self) -> io::Result<()> {
        if self.watched.is_none() {
            self.watched = Some(UdpSocket::from_std(self.socket.try_clone()?)?);
        }
        Ok(())
    }

    /// Has it read no more: it wakes nobody here.
    pub(super) fn unwatch(&mut self) {
        self.watched = None;
    }

    /// Returns whether it sends from this address.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let own = self.local.ip();
        own == address || (own.is_unspecified() && own.is_ipv4() == address.is_ipv4())
    }

    /// Returns whether it reaches addresses of this family.
    pub(super) fn is_like(&self, address: SocketAddr) -> bool {
        self.local.is_ipv4() == address.is_ipv4()
    }

    /// Waits until there is something to read here.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(watched) = &self.watched else { return Poll::Pending };
        // An error is found by whoever reads.
        watched.poll_recv_ready(context).map(|_| ())
    }

    /// Reads what is there, as much as fits.
    pub(super) fn read<'a>(&self, batch: &'a mut Batch) -> io::Result<impl Iterator<Item = Datagram<'a>>> {
        let watched = self.watched.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
        let Batch { bytes, metas } = batch;
        let mut parts = bytes.chunks_exact_mut(READ_BYTES);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
        let read = || self.state.recv(UdpSockRef::from(watched), &mut buffers, metas);
        let count = watched.try_io(Interest::READABLE, read)?;
        let local = self.local;
        let filled = bytes.chunks_exact(READ_BYTES).zip(metas.iter()).take(count);
        Ok(filled.flat_map(move |(bytes, meta)| datagrams(local, bytes, meta)))
    }

    /// Sends a train, from this address if one is given. What the system does not take now is lost.
    pub(super) fn send(
        &mut self,
        now: Instant,
        destination: SocketAddr,
        train: &Train,
        src_ip: Option<IpAddr>,
    ) -> Result<(), NotSent> {
        self.recover(now);
        if train.segment_size().is_none() || self.state.max_gso_segments() > 1 {
            let sent = self.send_one(destination, train.contents(), train.segment_size(), src_ip);
            match sent {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(NotSent),
                Err(error) => debug!(%error, "not sent"),
            }
            if self.state.max_gso_segments() == 1 {
                self.refused_at.get_or_insert(now);
            }
            if train.segment_size().is_none() {
                return Err(NotSent);
            }
        }
        let mut is_sent = true;
        for car in train.cars() {
            is_sent &= self.send_one(destination, car, None, src_ip).is_ok();
        }
        if is_sent { Ok(()) } else { Err(NotSent) }
    }

    fn send_one(
        &self,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
        src_ip: Option<IpAddr>,
    ) -> io::Result<()> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
    }

    /// Tries trains again: one address that cannot be reached is enough for the system's end of it to give them up.
    fn recover(&mut self, now: Instant) {
        let is_due = self.refused_at.is_some_and(|at| now.saturating_duration_since(at) >= TRAINS_PAUSE);
        if is_due && let Ok(state) = UdpSocketState::new(UdpSockRef::from(&self.socket)) {
            self.state = state;
            self.refused_at = None;
        }
    }
}

/// Splits what the system put into one buffer.
fn datagrams<'a>(
    local: SocketAddr,
    bytes: &'a [u8],
    meta: &RecvMeta,
) -> impl Iterator<Item = Datagram<'a>> + use<'a> {
    let source = meta.addr;
    let destination = SocketAddr::new(meta.dst_ip.unwrap_or(local.ip()), local.port());
    let bytes = bytes.get(..meta.len).unwrap_or_default();
    // An empty datagram is one, too: it is counted with those that make no sense.
    let empty = bytes.is_empty().then_some(bytes);
    let each = bytes.chunks(meta.stride.max(1)).chain(empty);
    each.map(move |bytes| Datagram { source, destination, bytes })
}

/// Room for what is read at once.
pub(super) struct Batch {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; BATCH_SIZE * READ_BYTES], metas: [RecvMeta::default(); BATCH_SIZE] }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn pair() -> (MediaSocket, UdpSocket) {
        let own = bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap().remove(0).remove(0);
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut own = MediaSocket::new(own).unwrap();
        own.watch().unwrap();
        (own, other)
    }

    fn train() -> Train {
        let mut train = Train::new(vec![7; 1_000]);
        assert!([1_000, 300].iter().all(|size| train.couple(&vec![7; *size])));
        train
    }

    async fn sizes(socket: &UdpSocket, count: usize) -> Vec<usize> {
        let (mut sizes, mut buffer) = (Vec::new(), [0; 2048]);
        for _ in 0..count {
            let received = socket.recv(&mut buffer);
            sizes.push(tokio::time::timeout(Duration::from_secs(10), received).await.unwrap().unwrap());
        }
        sizes
    }

    #[tokio::test]
    async fn the_datagrams_of_a_train_arrive_one_by_one() {
        let (mut own, other) = pair().await;
        own.send(Instant::now(), other.local_addr().unwrap(), &train(), None).unwrap();
        assert_eq!(sizes(&other, 3).await, [1_000, 1_000, 300]);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_refusal_by_the_system_costs_no_train_and_is_forgotten_after_a_while() {
        let (mut own, other) = pair().await;
        let now = Instant::now();
        let could = own.state.max_gso_segments();
        // There is no port 0, and the system says so as it says that it has no trains.
        assert_eq!(own.send(now, "127.0.0.1:0".parse().unwrap(), &train(), None), Err(NotSent));
        let address = other.local_addr().unwrap();
        assert_eq!(own.state.max_gso_segments(), 1);
        own.send(now, address, &train(), None).unwrap();
        assert_eq!(sizes(&other, 3).await, [1_000, 1_000, 300]);
        own.send(now + TRAINS_PAUSE, address, &train(), None).unwrap();
        assert_eq!(own.state.max_gso_segments(), could);
        assert_eq!(sizes(&other, 3).await, [1_000, 1_000, 300]);
    }

    #[tokio::test]
    async fn what_comes_is_read_with_both_addresses_however_small_or_large() {
        let (own, other) = pair().await;
        let mut batch = Batch::new();
        for size in [0, 1, 1_500, 65_507] {
            other.send_to(&vec![7; size], own.local).await.unwrap();
            poll_fn(|context| own.poll_readable(context)).await;
            let datagrams: Vec<_> = own.read(&mut batch).unwrap().collect();
            let [Datagram { source, destination, bytes }] = datagrams[..] else { panic!("{datagrams:?}") };
            assert_eq!((source, destination), (other.local_addr().unwrap(), own.local));
            assert_eq!(bytes.len(), size);
        }
    }

    #[test]
    fn a_port_of_another_program_is_not_shared() {
        let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let (of, error) = bind(&[address], 2).unwrap_err();
        assert_eq!((of, error.kind()), (address, io::ErrorKind::AddrInUse));
    }
}

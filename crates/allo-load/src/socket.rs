//! The UDP socket of one participant. Many datagrams are read by one system call, with the time at which the kernel got them.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{RecvMeta, UdpSocketState};
use str0m::net::Transmit;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tracing::debug;

use crate::wall::Wall;

/// Messages that are read by one system call; each may be several datagrams of one size that the kernel put together.
const MESSAGES: usize = 8;
const MESSAGE_BYTES: usize = 1 << 16;
/// What the kernel may keep for this socket, so that a burst is not lost while another participant has its turn.
const BUFFER_BYTES: usize = 1 << 20;
/// Larger datagrams are no media.
const DATAGRAM_MAX: usize = 1_500;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; MESSAGES * MESSAGE_BYTES]);
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

impl Socket {
    /// Opens a socket at a free port.
    pub(crate) fn open(ip: IpAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind((ip, 0))?;
        let address = socket.local_addr()?;
        let state = UdpSocketState::new((&socket).into())?;
        // The kernel may give less.
        let _ = state.set_recv_buffer_size((&socket).into(), BUFFER_BYTES);
        Ok(Self { io: UdpSocket::from_std(socket)?, state, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until there is something to read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.io.readable().await
    }

    /// Gives all that can be read to `handle`: when it came, where from, and what it is.
    pub(crate) fn receive(&self, mut handle: impl FnMut(Wall, SocketAddr, &[u8])) {
        BUFFER.with_borrow_mut(|buffer| {
            let mut meta = [RecvMeta::default(); MESSAGES];
            loop {
                let mut slices: Vec<_> = buffer.chunks_mut(MESSAGE_BYTES).map(IoSliceMut::new).collect();
                let read = || self.state.recv((&self.io).into(), &mut slices, &mut meta);
                let count = match self.io.try_io(Interest::READABLE, read) {
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                    // An ICMP error about something sent before; the socket is still good.
                    Err(error) => return debug!(%error, "an error came back"),
                };
                for (meta, message) in meta[..count].iter().zip(buffer.chunks(MESSAGE_BYTES)) {
                    let at = meta.timestamp.map_or_else(Wall::now, Wall::from);
                    let datagrams = message[..meta.len].chunks(meta.stride.max(1));
                    for datagram in datagrams.filter(|datagram| datagram.len() <= DATAGRAM_MAX) {
                        handle(at, meta.addr, datagram);
                    }
                }
            }
        });
    }

    /// Sends a datagram. What cannot be sent is lost, as anything sent over UDP may be.
    pub(crate) fn send(&self, transmit: &Transmit) {
        if let Err(error) = self.io.try_send_to(&transmit.contents, transmit.destination) {
            debug!(%error, "lost a datagram");
        }
    }
}

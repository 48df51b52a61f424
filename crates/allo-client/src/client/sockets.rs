//! The sockets of one participant: for UDP one for each address of this machine, for TCP one for each way that is tried.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use str0m::net::{Protocol, Transmit};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;

use super::stream;
use crate::session::TCP_PORT;

/// The largest datagram that is read; a larger one is no media and is dropped.
pub(super) const DATAGRAM_BYTES_MAX: usize = 1500;
/// Datagrams that wait to be handled. Beyond it they wait in the kernel, which drops them when it has enough.
const WAITING_MAX: usize = 256;

/// A datagram that came in.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// The sockets, each with a task that reads it.
#[derive(Debug)]
pub(crate) struct Sockets {
    open: BTreeMap<SocketAddr, Open>,
    /// Connections by both their ends. An end of one that broke stays until something is to be sent on it again.
    streams: BTreeMap<(SocketAddr, SocketAddr), mpsc::Sender<Vec<u8>>>,
    /// Without UDP: the addresses of this machine.
    only_tcp: Option<Vec<IpAddr>>,
    with_loopback: bool,
    received_in: mpsc::Sender<Datagram>,
    received: mpsc::Receiver<Datagram>,
}

#[derive(Debug)]
struct Open {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Sockets {
    /// Opens a socket at each address; or, with `only_tcp`, none until something is to be sent.
    pub(crate) async fn open(with_loopback: bool, only_tcp: bool) -> io::Result<Self> {
        let (received_in, received) = mpsc::channel(WAITING_MAX);
        let mut sockets = Self {
            open: BTreeMap::new(),
            streams: BTreeMap::new(),
            only_tcp: only_tcp.then(Vec::new),
            with_loopback,
            received_in,
            received,
        };
        sockets.refresh().await?;
        Ok(sockets)
    }

    /// Looks at the addresses of this machine again: sockets of addresses that are gone are closed, new ones opened.
    /// Returns whether any is gone.
    pub(crate) async fn refresh(&mut self) -> io::Result<bool> {
        let addresses = local_addresses(self.with_loopback)?;
        if let Some(known) = &mut self.only_tcp {
            let is_any_gone = known.iter().any(|address| !addresses.contains(address));
            self.streams.retain(|(source, _), _| addresses.contains(&source.ip()));
            *known = addresses;
            return Ok(is_any_gone);
        }
        self.streams.retain(|(source, _), _| addresses.contains(&source.ip()));
        let before = self.open.len();
        self.open.retain(|bound, _| addresses.contains(&bound.ip()));
        let is_any_gone = self.open.len() < before;
        for address in addresses {
            if self.open.keys().any(|bound| bound.ip() == address) {
                continue;
            }
            match self.bind(address).await {
                Ok((bound, open)) => drop(self.open.insert(bound, open)),
                // An address may be unusable for a moment, as when IPv6 is still looking for duplicates.
                Err(error) => debug!(%error, "cannot use a local address"),
            }
        }
        Ok(is_any_gone)
    }

    /// Returns whether this machine has other addresses than those with sockets.
    pub(crate) fn is_out_of_date(&self) -> io::Result<bool> {
        let addresses = local_addresses(self.with_loopback)?;
        Ok(match &self.only_tcp {
            Some(known) => addresses != *known,
            None => addresses != self.open.keys().map(SocketAddr::ip).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        match &self.only_tcp {
            Some(known) => known.iter().map(|address| SocketAddr::new(*address, TCP_PORT)).collect(),
            None => self.open.keys().copied().collect(),
        }
    }

    /// Returns the addresses with a socket for UDP.
    pub(crate) fn udp_addresses(&self) -> Vec<SocketAddr> {
        self.open.keys().copied().collect()
    }

    /// Returns the next datagram.
    pub(crate) async fn recv(&mut self) -> Option<Datagram> {
        self.received.recv().await
    }

    /// Sends a datagram. What cannot be sent is lost, as anything sent over UDP may be.
    pub(crate) fn send(&mut self, transmit: &Transmit) {
        if transmit.proto != Protocol::Udp {
            return self.send_by_tcp(transmit);
        }
        self.send_by_udp(transmit.source, transmit.destination, &transmit.contents);
    }

    /// Sends a datagram from a socket, if it is still there.
    pub(crate) fn send_by_udp(&self, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        let Some(open) = self.open.get(&source) else { return };
        if let Err(error) = open.socket.try_send_to(bytes, destination) {
            debug!(%error, "lost a datagram");
        }
    }

    fn send_by_tcp(&mut self, transmit: &Transmit) {
        let ends = (transmit.source, transmit.destination);
        let sender = self.streams.entry(ends).or_insert_with(|| stream::open(ends, self.received_in.clone()));
        if sender.is_closed() {
            *sender = stream::open(ends, self.received_in.clone());
        }
        if sender.try_send(transmit.contents.to_vec()).is_err() {
            debug!("lost a datagram");
        }
    }

    async fn bind(&self, address: IpAddr) -> io::Result<(SocketAddr, Open)> {
        let socket = Arc::new(UdpSocket::bind((address, 0)).await?);
        let bound = socket.local_addr()?;
        let reader = tokio::spawn(read(socket.clone(), bound, self.received_in.clone()));
        Ok((bound, Open { socket, reader }))
    }
}

async fn read(socket: Arc<UdpSocket>, destination: SocketAddr, received: mpsc::Sender<Datagram>) {
    // One byte more, to tell what was too large.
    let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((bytes, _)) if bytes > DATAGRAM_BYTES_MAX => {}
            Ok((bytes, source)) => {
                let datagram = Datagram { source, destination, bytes: buffer[..bytes].to_vec() };
                if received.send(datagram).await.is_err() {
                    return;
                }
            }
            // An ICMP error about something sent before; the socket is still good.
            Err(error) => {
                debug!(%error, "an error came back");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Returns the addresses of this machine's interfaces that a peer may reach. Those of one link only (`fe80::`, `169.254.`)
/// say nothing without the name of an interface.
fn local_addresses(with_loopback: bool) -> io::Result<Vec<IpAddr>> {
    let is_link_local = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let mut addresses: Vec<_> = if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| !is_link_local(ip) && (with_loopback || !ip.is_loopback()))
        .collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

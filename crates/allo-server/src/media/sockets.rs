//! Which worker reads which sockets.
//!
//! The system spreads datagrams over the sockets of all workers. While nobody is at a worker, all that comes there is for others, and would be
//! handed over; so the first worker reads its sockets, too. Any worker may read any datagram: at worst it is handed over.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tracing::debug;

use super::socket::MediaSocket;

/// Sockets that another worker has lent, or may lend.
#[derive(Debug)]
pub(super) struct Lent {
    is_lent: Arc<AtomicBool>,
    sockets: Vec<UdpSocket>,
}

/// The sockets of a worker, and those that others have lent it.
#[derive(Debug)]
pub(super) struct Sockets {
    own: Vec<MediaSocket>,
    /// Whether the first worker reads them. `None`: they are not lent.
    is_lent: Option<Arc<AtomicBool>>,
    others: Vec<(Arc<AtomicBool>, Vec<MediaSocket>)>,
}

/// Says of each worker's sockets who has lent them to whom: nobody is anywhere yet.
pub(super) fn lend(sockets: &[Vec<UdpSocket>]) -> io::Result<Vec<Lent>> {
    let copies = |own: &Vec<UdpSocket>| own.iter().map(UdpSocket::try_clone).collect::<io::Result<_>>();
    let lend = |own| Ok(Lent { is_lent: Arc::new(AtomicBool::new(true)), sockets: copies(own)? });
    sockets.iter().skip(1).map(lend).collect()
}

impl Lent {
    /// Returns what its worker says by whether they are lent.
    pub(super) fn is_lent(&self) -> Arc<AtomicBool> {
        self.is_lent.clone()
    }
}

impl Sockets {
    /// Takes sockets over, within the runtime that is to watch them.
    pub(super) fn new(
        own: Vec<UdpSocket>,
        is_lent: Option<Arc<AtomicBool>>,
        others: Vec<Lent>,
    ) -> io::Result<Self> {
        let take = |sockets: Vec<UdpSocket>| {
            sockets.into_iter().map(MediaSocket::new).collect::<io::Result<Vec<_>>>()
        };
        let mut own: Vec<MediaSocket> = take(own)?;
        if is_lent.is_none() {
            own.iter_mut().try_for_each(MediaSocket::watch)?;
        }
        let others = others.into_iter().map(|lent| Ok((lent.is_lent, take(lent.sockets)?)));
        let mut sockets = Self { own, is_lent, others: others.collect::<io::Result<_>>()? };
        sockets.borrow();
        Ok(sockets)
    }

    /// Lends the own sockets while nobody is here, takes them back, and reads those that are lent. Returns whether the first worker has to be
    /// told.
    pub(super) fn settle(&mut self, is_idle: bool) -> bool {
        self.borrow();
        let Some(is_lent) = &self.is_lent else { return false };
        if is_lent.load(Ordering::Relaxed) == is_idle {
            return false;
        }
        // Who cannot read them now has their datagrams from the first worker, as before.
        let is_lent_now = is_idle || !watch(&mut self.own);
        if is_lent_now {
            self.own.iter_mut().for_each(MediaSocket::unwatch);
        }
        is_lent.store(is_lent_now, Ordering::Release);
        is_idle
    }

    /// Returns those to read, which may be others' and not lent: then there is nothing to read.
    pub(super) fn all(&self) -> impl Iterator<Item = &MediaSocket> {
        self.own.iter().chain(self.others.iter().flat_map(|(_, sockets)| sockets))
    }

    /// Returns the one by which to send.
    pub(super) fn sender(&mut self, from: IpAddr, destination: SocketAddr) -> Option<&mut MediaSocket> {
        let own = &mut self.own;
        let has = own.iter().position(|socket| socket.has(from));
        let at = has.or_else(|| own.iter().position(|socket| socket.is_like(destination)))?;
        own.get_mut(at)
    }

    /// Returns when one of the sockets has something to read.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        // Each is asked, so that each wakes the worker.
        let ready = self.all().filter(|socket| socket.poll_readable(context).is_ready()).count();
        if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    fn borrow(&mut self) {
        for (is_lent, sockets) in &mut self.others {
            // If it does not go now, it is tried again after the next turn.
            if !is_lent.load(Ordering::Acquire) || !watch(sockets) {
                sockets.iter_mut().for_each(MediaSocket::unwatch);
            }
        }
    }
}

/// Watches all of them. Returns whether that goes.
fn watch(sockets: &mut [MediaSocket]) -> bool {
    let watched = sockets.iter_mut().try_for_each(MediaSocket::watch);
    if let Err(error) = &watched {
        debug!(%error, "sockets cannot be watched");
    }
    watched.is_ok()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::media::socket::{Batch, bind};

    /// Reads what there is as soon as there is something.
    async fn read(sockets: &Sockets) -> Vec<u8> {
        poll_fn(|context| sockets.poll_readable(context)).await;
        let mut batch = Batch::new();
        let mut read = Vec::new();
        for socket in sockets.all() {
            if let Ok(datagrams) = socket.read(&mut batch) {
                read.extend(datagrams.flat_map(|datagram| datagram.bytes.to_vec()));
            }
        }
        read
    }

    async fn is_readable(sockets: &Sockets) -> bool {
        poll_fn(|context| Poll::Ready(sockets.poll_readable(context).is_ready())).await
    }

    #[tokio::test]
    async fn what_comes_to_a_worker_with_nobody_is_read_by_the_first_until_somebody_is_there() {
        let bind = || bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap().remove(0);
        let own = [bind(), bind()];
        let to = own[1][0].local_addr().unwrap();
        let [lent] = <[Lent; 1]>::try_from(lend(&own).unwrap()).unwrap();
        let is_lent = Some(lent.is_lent());
        let [first, second] = own;
        let mut first = Sockets::new(first, None, vec![lent]).unwrap();
        let mut second = Sockets::new(second, is_lent, Vec::new()).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();

        peer.send_to(b"nobody", to).unwrap();
        assert_eq!(read(&first).await, b"nobody");

        assert!(!second.settle(false), "the first finds out by itself");
        first.settle(false);
        peer.send_to(b"somebody", to).unwrap();
        assert_eq!(read(&second).await, b"somebody");
        assert!(!is_readable(&first).await);

        peer.send_to(b"left", to).unwrap();
        assert!(second.settle(true), "nobody reads them until the first is told");
        first.settle(false);
        assert_eq!(read(&first).await, b"left");
        assert!(!is_readable(&second).await);
    }
}

//! An allocation: what a client may send to and receive from.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use crate::{credentials::Subject, limit::Bucket, message::TransactionId};

/// How long an allocation lives after it was made or refreshed, whatever is asked for (RFC 8656 §3.2).
pub(crate) const ALLOCATION_LIFE: Duration = Duration::from_mins(10);
/// RFC 8656 §9.
const PERMISSION_LIFE: Duration = Duration::from_mins(5);
/// RFC 8656 §12.
const CHANNEL_LIFE: Duration = Duration::from_mins(10);

/// A permission, a channel, or both for each address of the media plane: there are no others, which is what bounds them.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) subject: Subject,
    pub(crate) username: String,
    pub(crate) relayed: SocketAddr,
    /// What made it: the same again is answered by the same.
    pub(crate) transaction: TransactionId,
    pub(crate) expires_at: Instant,
    permissions: BTreeMap<IpAddr, Instant>,
    channels: BTreeMap<u16, (SocketAddr, Instant)>,
    /// What it may send, and what it may be sent.
    pub(crate) upwards: Bucket,
    pub(crate) downwards: Bucket,
}

/// The number or the peer of a channel has another partner already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken;

impl Allocation {
    pub(crate) fn new(
        now: Instant,
        (subject, username): (Subject, &str),
        relayed: SocketAddr,
        transaction: TransactionId,
        bits_per_second: u64,
    ) -> Self {
        Self {
            subject,
            username: username.to_owned(),
            relayed,
            transaction,
            expires_at: now + ALLOCATION_LIFE,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            upwards: Bucket::new(now, bits_per_second),
            downwards: Bucket::new(now, bits_per_second),
        }
    }

    /// Permits the address of a peer, or permits it for longer.
    pub(crate) fn permit(&mut self, now: Instant, peer: IpAddr) {
        self.permissions.insert(peer, now + PERMISSION_LIFE);
    }

    pub(crate) fn permits(&self, now: Instant, peer: IpAddr) -> bool {
        self.permissions.get(&peer).is_some_and(|until| now < *until)
    }

    /// Binds a channel to a peer, or for longer, and permits the peer.
    pub(crate) fn bind(&mut self, now: Instant, number: u16, peer: SocketAddr) -> Result<(), Taken> {
        self.channels.retain(|_, (_, until)| now < *until);
        if self.channels.iter().any(|(it, (of, _))| (*it == number) != (*of == peer)) {
            return Err(Taken);
        }
        self.channels.insert(number, (peer, now + CHANNEL_LIFE));
        self.permit(now, peer.ip());
        Ok(())
    }

    /// Returns the peer of a channel.
    pub(crate) fn peer(&self, now: Instant, number: u16) -> Option<SocketAddr> {
        self.channels.get(&number).filter(|(_, until)| now < *until).map(|(peer, _)| *peer)
    }

    /// Returns the channel of a peer.
    pub(crate) fn channel(&self, now: Instant, peer: SocketAddr) -> Option<u16> {
        let mut channels = self.channels.iter();
        channels.find(|(_, (of, until))| *of == peer && now < *until).map(|(number, _)| *number)
    }
}

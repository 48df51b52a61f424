//! Looks at the addresses of this machine from time to time, and tells the workers.

use std::{net::SocketAddr, time::Duration};

use tokio::{sync::mpsc, time::sleep};
use tracing::debug;

use super::{addresses::Addresses, worker::Order};
use crate::{config::PublicAddress, tls::local_addresses};

/// How often the addresses are looked at.
///
/// Lower: who comes after a change of network can join sooner. Higher: less work.
const INTERVAL: Duration = Duration::from_secs(30);

/// What the addresses in the answers are made from, and which they were last.
pub(super) struct Watch {
    bound: Vec<SocketAddr>,
    listeners: Vec<SocketAddr>,
    public: Vec<PublicAddress>,
    known: Addresses,
}

impl Watch {
    /// Looks for the first time. `bound` are the addresses of the UDP sockets, `listeners` those of TCP.
    pub(super) fn new(
        bound: Vec<SocketAddr>,
        listeners: Vec<SocketAddr>,
        public: Vec<PublicAddress>,
    ) -> Self {
        let known = Addresses::new(&bound, &listeners, &local_addresses(), &public);
        Self { bound, listeners, public, known }
    }

    /// Returns the addresses as they were last.
    pub(super) fn known(&self) -> &Addresses {
        &self.known
    }

    /// Looks until the workers are gone.
    pub(super) async fn run(mut self, workers: Vec<mpsc::WeakSender<Order>>) {
        loop {
            sleep(INTERVAL).await;
            let now = Addresses::new(&self.bound, &self.listeners, &local_addresses(), &self.public);
            if now == self.known {
                continue;
            }
            debug!("the addresses of this machine changed");
            for worker in &workers {
                let Some(worker) = worker.upgrade() else { return };
                // One that is gone stops the server by itself.
                let _gone = worker.send(Order::Addresses(now.clone())).await;
            }
            self.known = now;
        }
    }
}

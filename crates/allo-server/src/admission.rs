//! How many connections one address, one network, and all together may have.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Counts connections and refuses those beyond the bounds.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    bounds: AdmissionBounds,
    counts: Arc<Mutex<Counts>>,
}

/// The bounds. Beyond each, a connection is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmissionBounds {
    pub(crate) per_address: usize,
    pub(crate) per_network: usize,
    pub(crate) total: usize,
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// This address, or its network, has as many as it may.
    Visitor,
    /// The server has as many as it may.
    Full,
}

/// A connection that was let in; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Admitted {
    from: Option<IpAddr>,
    counts: Arc<Mutex<Counts>>,
}

/// Bounded by `total`: an address or a network without a connection has no entry.
#[derive(Debug, Default)]
struct Counts {
    total: usize,
    addresses: HashMap<IpAddr, usize>,
    networks: HashMap<IpAddr, usize>,
}

impl Admission {
    /// Starts with nobody in.
    pub(crate) fn new(bounds: AdmissionBounds) -> Self {
        Self { bounds, counts: Arc::default() }
    }

    /// Lets a connection in, or refuses it. `None` stands for a proxy, of which only the total is counted.
    pub(crate) fn admit(&self, from: Option<IpAddr>) -> Result<Admitted, Refused> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.bounds.total {
            return Err(Refused::Full);
        }
        if let Some(address) = from {
            let has_room =
                counts.addresses.get(&address).is_none_or(|count| *count < self.bounds.per_address)
                    && counts
                        .networks
                        .get(&network(address))
                        .is_none_or(|count| *count < self.bounds.per_network);
            if !has_room {
                return Err(Refused::Visitor);
            }
            *counts.addresses.entry(address).or_default() += 1;
            *counts.networks.entry(network(address)).or_default() += 1;
        }
        counts.total += 1;
        Ok(Admitted { from, counts: self.counts.clone() })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(address) = self.from {
            decrement(&mut counts.addresses, &address);
            decrement(&mut counts.networks, &network(address));
        }
    }
}

fn decrement(counts: &mut HashMap<IpAddr, usize>, key: &IpAddr) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Returns the network that one party is likely to hold whole: /24 of IPv4, /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(per_address: usize, per_network: usize, total: usize) -> Admission {
        Admission::new(AdmissionBounds { per_address, per_network, total })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_share_until_it_leaves() {
        let admission = admission(2, 10, 10);
        let first = admission.admit(Some(address("192.0.2.1"))).unwrap();
        let _second = admission.admit(Some(address("192.0.2.1"))).unwrap();
        assert_eq!(admission.admit(Some(address("192.0.2.1"))).unwrap_err(), Refused::Visitor);
        let _other = admission.admit(Some(address("192.0.2.2"))).unwrap();
        drop(first);
        admission.admit(Some(address("192.0.2.1"))).unwrap();
    }

    #[test]
    fn a_network_has_its_share() {
        for (inside, outside) in [("192.0.2.", "198.51.100.1"), ("2001:db8::", "2001:db8:0:1::1")] {
            let admission = admission(1, 3, 10);
            let _held: Vec<_> =
                (1..=3).map(|n| admission.admit(Some(address(&format!("{inside}{n}")))).unwrap()).collect();
            assert_eq!(admission.admit(Some(address(&format!("{inside}4")))).unwrap_err(), Refused::Visitor);
            admission.admit(Some(address(outside))).unwrap();
        }
    }

    #[test]
    fn all_together_have_a_bound_and_leave_nothing_behind() {
        let admission = admission(10, 10, 2);
        let held = [admission.admit(None).unwrap(), admission.admit(Some(address("192.0.2.1"))).unwrap()];
        assert_eq!(admission.admit(None).unwrap_err(), Refused::Full);
        assert_eq!(admission.admit(Some(address("192.0.2.9"))).unwrap_err(), Refused::Full);
        drop(held);
        let counts = admission.counts.lock().unwrap();
        assert_eq!(counts.total + counts.addresses.len() + counts.networks.len(), 0);
    }
}

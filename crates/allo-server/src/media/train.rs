//! Trains of datagrams: what goes to one address in one call of the system (UDP generic segmentation offload).

use std::net::SocketAddr;

use allo_sfu::{Protocol, Transmit};

/// Datagrams in one train: two frames of a good picture.
///
/// Higher: fewer calls of the system. Lower: a train does not overrun the buffers of what is on its way.
const CARS_MAX: usize = 10;

/// A datagram that is larger goes alone: a system refuses a whole train when a car is larger than the interface takes, and the
/// smallest that IPv6 allows takes this.
const CAR_BYTES_MAX: usize = 1_232;

/// Datagrams from one address to another, of one size but for the last, which may be smaller.
///
/// It is used again and again, so that nothing is allocated for it.
#[derive(Debug)]
pub(super) struct Train {
    way: Option<Way>,
    contents: Vec<u8>,
}

/// Where a train goes.
#[derive(Debug, Clone, Copy)]
struct Way {
    protocol: Protocol,
    source: SocketAddr,
    destination: SocketAddr,
    car: usize,
    /// Whether nothing may follow.
    is_closed: bool,
}

impl Train {
    /// Makes an empty train.
    pub(super) fn new() -> Self {
        Self { way: None, contents: Vec::with_capacity(CARS_MAX * CAR_BYTES_MAX) }
    }

    /// Appends a datagram. Returns whether it belongs to this train; the first always does.
    pub(super) fn couple(&mut self, next: &Transmit) -> bool {
        let is_first = self.way.is_none();
        let way = self.way.get_or_insert_with(|| Way::of(next));
        if !is_first && !way.takes(next, self.contents.len()) {
            return false;
        }
        way.is_closed |= next.contents.len() < way.car;
        self.contents.extend_from_slice(&next.contents);
        true
    }

    /// Returns from where to where it goes; `None` while it is empty.
    pub(super) fn way(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.way.map(|way| (way.source, way.destination))
    }

    /// Returns how it travels; `None` while it is empty.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        self.way.map(|way| way.protocol)
    }

    /// Returns all datagrams in a row.
    pub(super) fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// Returns the size of each, when there are several.
    pub(super) fn segment_size(&self) -> Option<usize> {
        self.way.map(|way| way.car).filter(|car| self.contents.len() > *car)
    }

    /// Returns the datagrams one by one.
    pub(super) fn cars(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.contents.chunks(self.way.map_or(1, |way| way.car.max(1)))
    }

    /// Makes it empty again.
    pub(super) fn clear(&mut self) {
        self.way = None;
        self.contents.clear();
    }
}

impl Way {
    /// Returns the way of a train that begins like this.
    fn of(first: &Transmit) -> Self {
        let Transmit { protocol, source, destination, ref contents } = *first;
        let is_closed = contents.len() > CAR_BYTES_MAX;
        Self { protocol, source, destination, car: contents.len(), is_closed }
    }

    /// Returns whether a datagram may follow `length` bytes on this way.
    fn takes(&self, next: &Transmit, length: usize) -> bool {
        !self.is_closed
            && (next.protocol, next.source, next.destination)
                == (self.protocol, self.source, self.destination)
            && (1..=self.car).contains(&next.contents.len())
            && length < self.car * CARS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transmit(port: u16, size: usize) -> Transmit {
        let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let (source, destination) = (address(8443), address(port));
        Transmit { protocol: Protocol::Udp, source, destination, contents: vec![7; size] }
    }

    /// Makes trains of datagrams of these sizes to one address; returns the sizes in each.
    fn trains(sizes: &[usize]) -> Vec<Vec<usize>> {
        let mut train = Train::new();
        let mut trains = Vec::new();
        let sizes_of = |train: &Train| train.cars().map(<[u8]>::len).collect();
        for size in sizes {
            if !train.couple(&transmit(1, *size)) {
                trains.push(sizes_of(&train));
                train.clear();
                assert!(train.couple(&transmit(1, *size)), "the first always fits");
            }
        }
        trains.push(sizes_of(&train));
        trains
    }

    #[test]
    fn a_frame_is_one_train_and_its_last_datagram_may_be_smaller() {
        assert_eq!(trains(&[1_000, 1_000, 1_000, 400]), [vec![1_000, 1_000, 1_000, 400]]);
        assert_eq!(trains(&[400, 1_000]), [vec![400], vec![1_000]]);
        assert_eq!(trains(&[1_000, 400, 400, 1_000]), [vec![1_000, 400], vec![400], vec![1_000]]);
    }

    #[test]
    fn a_train_has_so_many_datagrams_and_no_more() {
        assert_eq!(trains(&[100; 25]).iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    }

    #[test]
    fn what_may_be_too_large_for_an_interface_goes_alone() {
        assert_eq!(trains(&[1_400, 1_400, 100]), [vec![1_400], vec![1_400], vec![100]]);
    }

    #[test]
    fn what_is_for_another_does_not_belong() {
        let mut train = Train::new();
        assert_eq!(train.way(), None);
        assert!(train.couple(&transmit(1, 100)) && !train.couple(&transmit(2, 100)));
        let by_tcp = Transmit { protocol: Protocol::Tcp, ..transmit(1, 100) };
        assert!(!train.couple(&by_tcp), "one address by two protocols is two ways");
        assert_eq!(train.way(), Some((transmit(1, 0).source, transmit(1, 0).destination)));
        assert_eq!((train.segment_size(), train.contents().len()), (None, 100));
    }
}

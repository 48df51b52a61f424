//! Trains of datagrams: what goes to one address in a row, and can be sent in one call of the system (UDP generic segmentation offload).

use std::collections::VecDeque;

/// Datagrams in one train: two frames of a good picture.
///
/// Higher: fewer calls of the system. Lower: a train does not overrun the buffers of what is on its way.
const CARS_MAX: usize = 10;

/// A datagram that is larger goes alone: a system refuses a whole train when a car is larger than the interface takes, and the
/// smallest that IPv6 allows takes this.
const CAR_BYTES_MAX: usize = 1_232;

/// Datagrams of one size but for the last, which may be smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Train {
    contents: Vec<u8>,
    car: usize,
    /// Whether nothing may follow.
    is_closed: bool,
}

impl Train {
    /// Makes a train of one datagram.
    pub fn new(first: Vec<u8>) -> Self {
        Self { car: first.len(), is_closed: first.is_empty() || first.len() > CAR_BYTES_MAX, contents: first }
    }

    /// Appends a datagram. Returns whether it belongs to this train.
    pub fn couple(&mut self, next: &[u8]) -> bool {
        let is_taken = self.takes(next.len());
        if is_taken {
            self.contents.extend_from_slice(next);
            self.is_closed = next.len() < self.car;
        }
        is_taken
    }

    /// Returns all datagrams in a row.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// Returns the size of each, when there are several.
    pub fn segment_size(&self) -> Option<usize> {
        (self.contents.len() > self.car).then_some(self.car)
    }

    /// Returns the datagrams one by one.
    pub fn cars(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.contents.chunks(self.car.max(1))
    }

    /// Returns whether a datagram of this size may follow.
    fn takes(&self, bytes: usize) -> bool {
        !self.is_closed && (1..=self.car).contains(&bytes) && self.contents.len() < self.car * CARS_MAX
    }

    /// Has a datagram written behind the others. Returns its size; where it does not belong here, it comes back as a train of its own.
    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<(usize, Option<Self>)> {
        let before = self.contents.len();
        if write(&mut self.contents).is_none() {
            self.contents.truncate(before);
            return None;
        }
        let bytes = self.contents.len() - before;
        // Whether there is room was seen before it was written.
        if (1..=self.car).contains(&bytes) {
            self.is_closed = bytes < self.car;
            return Some((bytes, None));
        }
        Some((bytes, Some(Self::new(self.contents.split_off(before)))))
    }
}

/// Trains to one address, the newest of which may grow.
#[derive(Debug, Default)]
pub(crate) struct Trains {
    /// Emptied after each call, so bounded by what one call makes.
    made: VecDeque<Train>,
}

impl Trains {
    /// Has a datagram written at its place, and returns its size, or nothing if it was not written. Where it begins a train, there is `room`
    /// for what is expected of that.
    pub(crate) fn write(
        &mut self,
        room: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
    ) -> Option<usize> {
        if let Some(last) = self.made.back_mut().filter(|last| last.takes(last.car)) {
            let (bytes, other) = last.write(write)?;
            self.made.extend(other);
            return Some(bytes);
        }
        let mut contents = Vec::with_capacity(room);
        write(&mut contents)?;
        let bytes = contents.len();
        self.made.push_back(Train::new(contents));
        Some(bytes)
    }

    /// Appends a datagram that is there already.
    pub(crate) fn push(&mut self, datagram: Vec<u8>) {
        if !self.made.back_mut().is_some_and(|last| last.couple(&datagram)) {
            self.made.push_back(Train::new(datagram));
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Train> {
        self.made.pop_front()
    }
}

/// Returns how much room a train may take whose datagrams are of this size, when so many are to come.
pub(crate) fn room(cars: usize, bytes: usize) -> usize {
    if bytes > CAR_BYTES_MAX { bytes } else { bytes * cars.clamp(1, CARS_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes trains of datagrams of these sizes; returns the sizes in each.
    fn trains(sizes: &[usize]) -> Vec<Vec<usize>> {
        let mut coupled: Vec<Train> = Vec::new();
        let (mut written, mut pushed) = (Trains::default(), Trains::default());
        for (n, size) in sizes.iter().enumerate() {
            let datagram = vec![n.to_le_bytes()[0]; *size];
            if !coupled.last_mut().is_some_and(|last| last.couple(&datagram)) {
                coupled.push(Train::new(datagram.clone()));
            }
            let append = |contents: &mut Vec<u8>| {
                contents.extend(&datagram);
                Some(())
            };
            assert_eq!(written.write(0, append), Some(*size));
            pushed.push(datagram);
        }
        for mut trains in [written, pushed] {
            assert_eq!(std::iter::from_fn(|| trains.pop()).collect::<Vec<_>>(), coupled, "either way");
        }
        coupled.iter().map(|train| train.cars().map(<[u8]>::len).collect()).collect()
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
    fn what_is_not_written_in_the_end_leaves_nothing_behind() {
        let mut trains = Trains::default();
        let fail = |contents: &mut Vec<u8>| {
            contents.push(1);
            None
        };
        assert_eq!(trains.write(0, fail), None);
        trains.push(vec![2; 100]);
        assert_eq!(trains.write(0, fail), None);
        assert_eq!(trains.pop(), Some(Train::new(vec![2; 100])));
        assert_eq!(trains.pop(), None);
    }

    #[test]
    fn one_datagram_is_sent_as_such() {
        let mut train = Train::new(vec![1; 100]);
        assert_eq!((train.segment_size(), train.cars().len()), (None, 1));
        assert!(train.couple(&[1; 100]));
        assert_eq!((train.segment_size(), train.contents().len()), (Some(100), 200));
        assert!(!Train::new(Vec::new()).couple(&[1]));
    }
}

//! What waits for a TCP connection that takes less than it is sent.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

/// What waits for a connection that takes less than it is sent. Beyond, the oldest of it is dropped, like in any queue of a
/// network: what is this old is of no use to a call.
///
/// Higher: bursts, such as a keyframe, get through whole. Lower: what gets through is younger.
const QUEUE_BYTES_MAX: usize = 64 * 1024;

/// A connection that has taken nothing for so long while something waited is closed.
const STALL_MAX: Duration = Duration::from_secs(10);

/// What waits for a connection: trains of frames. Of the first, a part may have been written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    trains: VecDeque<Vec<u8>>,
    /// How much of the first was written.
    written: usize,
    bytes: usize,
    /// Since when nothing could be written, while something waited.
    stalled_at: Option<Instant>,
}

impl Queue {
    /// Appends a train. Returns how many others were dropped for it: the oldest of which nothing is written.
    pub(super) fn push(&mut self, frames: Vec<u8>) -> u64 {
        self.bytes += frames.len();
        self.trains.push_back(frames);
        let oldest = usize::from(self.written > 0);
        let mut dropped = 0;
        while self.bytes > QUEUE_BYTES_MAX && self.trains.len() > oldest + 1 {
            self.bytes -= self.trains.remove(oldest).map_or(0, |train| train.len());
            dropped += 1;
        }
        dropped
    }

    /// Writes as much as `write` takes. Returns whether anything waits still.
    pub(super) fn write(
        &mut self,
        now: Instant,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        while let Some(train) = self.trains.front() {
            match write(&train[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.stalled_at = None;
                    self.written += count;
                    if self.written >= train.len() {
                        self.bytes -= train.len();
                        self.written = 0;
                        self.trains.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled_at.get_or_insert(now);
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        self.stalled_at.is_some_and(|at| now.saturating_duration_since(at) > STALL_MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const FULL: io::ErrorKind = io::ErrorKind::WouldBlock;

    /// Writes at most so much in all.
    fn write(queue: &mut Queue, now: Instant, room: usize) -> (bool, Vec<u8>) {
        let (room, written) = (Cell::new(room), RefCell::new(Vec::new()));
        let waits = queue.write(now, |bytes| {
            let count = bytes.len().min(room.get());
            room.set(room.get() - count);
            written.borrow_mut().extend_from_slice(&bytes[..count]);
            if count == 0 { Err(FULL.into()) } else { Ok(count) }
        });
        (waits.unwrap(), written.into_inner())
    }

    #[test]
    fn what_does_not_fit_waits_and_goes_out_in_order() {
        let now = Instant::now();
        let mut queue = Queue::default();
        assert_eq!(queue.push(vec![1; 10]) + queue.push(vec![2; 10]), 0);
        assert_eq!(write(&mut queue, now, 15), (true, [[1; 10].as_slice(), &[2; 5]].concat()));
        assert_eq!(queue.push(vec![3; 10]), 0);
        assert_eq!(write(&mut queue, now, 100), (false, [[2; 5].as_slice(), &[3; 10]].concat()));
        assert_eq!((queue.bytes, queue.written), (0, 0));
    }

    #[test]
    fn the_oldest_is_dropped_but_never_the_rest_of_what_was_begun() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.push(vec![0; 1_000]);
        assert_eq!(write(&mut queue, now, 300), (true, vec![0; 300]));
        let dropped: u64 = (1..=200_u8).map(|n| queue.push(vec![n; 1_000])).sum();
        assert_eq!(dropped, 200 - 64);
        assert!(queue.bytes <= QUEUE_BYTES_MAX, "{}", queue.bytes);
        let (waits, written) = write(&mut queue, now, usize::MAX);
        assert_eq!((waits, &written[..700]), (false, vec![0; 700].as_slice()));
        let kept: Vec<_> = written[700..].chunks(1_000).map(|train| train[0]).collect();
        assert_eq!(kept, (137..=200).collect::<Vec<u8>>());
    }

    #[test]
    fn a_train_larger_than_the_bound_goes_alone() {
        let mut queue = Queue::default();
        queue.push(vec![1; 10]);
        assert_eq!(queue.push(vec![2; QUEUE_BYTES_MAX + 1]), 1);
        assert_eq!(queue.trains.len(), 1);
    }

    #[test]
    fn who_takes_nothing_for_long_is_stalled_and_who_takes_a_little_is_not() {
        let now = Instant::now();
        let mut queue = Queue::default();
        assert!(!queue.is_stalled(now + 2 * STALL_MAX), "nothing waits");
        queue.push(vec![0; 1_000]);
        write(&mut queue, now, 0);
        write(&mut queue, now + STALL_MAX, 1);
        assert!(!queue.is_stalled(now + STALL_MAX + STALL_MAX / 2));
        assert!(queue.is_stalled(now + 3 * STALL_MAX));
    }

    #[test]
    fn the_end_of_a_connection_is_an_error() {
        let mut queue = Queue::default();
        queue.push(vec![0; 10]);
        assert!(queue.write(Instant::now(), |_| Ok(0)).is_err());
        assert!(queue.write(Instant::now(), |_| Err(io::ErrorKind::BrokenPipe.into())).is_err());
    }
}

//! A network link, emulated between a participant and its socket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a datagram may wait at the narrowest place. What would wait longer is dropped, as by a router with a shallow queue.
const QUEUE_MAX: Duration = Duration::from_millis(200);

/// What a link does, each way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quality {
    /// The share of datagrams that are lost, from 0 to 1.
    pub(crate) loss: f64,
    /// How long a datagram is under way.
    pub(crate) delay: Duration,
    /// From when on after the beginning of the measurement how many bits a second get through to the participant. Before the
    /// first of them there is no limit.
    pub(crate) down: Vec<(Duration, u64)>,
}

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Line<T> {
    loss: f64,
    delay: Duration,
    random: fastrand::Rng,
    rate: Option<u64>,
    taken_until: Option<Instant>,
    /// In order of arrival. Bounded by what arrives within the delay and the longest wait.
    flying: VecDeque<(Instant, T)>,
}

impl<T> Line<T> {
    pub(crate) fn new(quality: &Quality, seed: u64) -> Self {
        Self {
            loss: quality.loss,
            delay: quality.delay,
            random: fastrand::Rng::with_seed(seed),
            rate: None,
            taken_until: None,
            flying: VecDeque::new(),
        }
    }

    /// Lets so many bits a second through from now on.
    pub(crate) fn set_rate(&mut self, rate: Option<u64>) {
        self.rate = rate;
    }

    /// Takes a datagram of so many bytes.
    pub(crate) fn push(&mut self, now: Instant, bytes: usize, datagram: T) {
        if self.random.f64() < self.loss {
            return;
        }
        let Some(passed) = self.pass(now, bytes) else { return };
        self.flying.push_back((passed + self.delay, datagram));
    }

    /// Returns the next datagram that has arrived.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<T> {
        self.flying.front().filter(|(at, _)| *at <= now)?;
        self.flying.pop_front().map(|(_, datagram)| datagram)
    }

    /// Returns when the next one arrives.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.flying.front().map(|(at, _)| *at)
    }

    /// Returns when a datagram has passed the narrowest place, or `None` if the queue there is full.
    fn pass(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let free = self.taken_until.map_or(now, |until| until.max(now));
        let Some(rate) = self.rate else { return Some(free) };
        if free - now > QUEUE_MAX {
            return None;
        }
        let passed = free + Duration::from_nanos(bytes as u64 * 8_000_000_000 / rate.max(1));
        self.taken_until = Some(passed);
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(loss: f64, delay_ms: u64) -> Line<u32> {
        Line::new(&Quality { loss, delay: Duration::from_millis(delay_ms), down: Vec::new() }, 1)
    }

    #[test]
    fn datagrams_arrive_after_the_delay_in_order() {
        let start = Instant::now();
        let mut line = line(0.0, 20);
        line.push(start, 100, 1);
        line.push(start + Duration::from_millis(1), 100, 2);
        assert_eq!(line.poll(start + Duration::from_millis(19)), None);
        assert_eq!(line.poll_timeout(), Some(start + Duration::from_millis(20)));
        assert_eq!(line.poll(start + Duration::from_millis(30)), Some(1));
        assert_eq!(line.poll(start + Duration::from_millis(30)), Some(2));
    }

    #[test]
    fn as_many_are_lost_as_told() {
        let start = Instant::now();
        let mut line = line(0.05, 0);
        (0..10_000).for_each(|n| line.push(start, 100, n));
        let arrived = std::iter::from_fn(|| line.poll(start)).count();
        assert!((9_400..9_600).contains(&arrived), "{arrived}");
    }

    #[test]
    fn a_narrow_place_lets_its_rate_through_and_drops_what_waits_too_long() {
        let start = Instant::now();
        let mut line = line(0.0, 0);
        line.set_rate(Some(500_000));
        // Four times too much for ten seconds.
        for n in 0..2_500 {
            line.push(start + Duration::from_millis(u64::from(n) * 4), 1_000, n);
        }
        let end = start + Duration::from_secs(10);
        let arrived = std::iter::from_fn(|| line.poll(end)).count();
        assert!((620..640).contains(&arrived), "{arrived} of 62.5 a second");
    }
}

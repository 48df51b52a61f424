//! How long packets wait on the way.

use std::time::{Duration, Instant};

use super::history::Arrival;

/// How long the shortest time is remembered, at least; at most twice as long. A way that became longer looks like a queue so long.
const BEST_FOR: Duration = Duration::from_secs(10);

/// How much longer than at best packets take, whatever the clocks of both ends say.
#[derive(Debug)]
pub(crate) struct Queue {
    start: Instant,
    since: Instant,
    /// The least difference of the clocks, of now and of the time before, in microseconds.
    best: [Option<i64>; 2],
}

impl Queue {
    pub(crate) fn new(now: Instant) -> Self {
        Self { start: now, since: now, best: [None; 2] }
    }

    /// Takes what arrived, and returns how much longer than at best the fastest of it took.
    ///
    /// Jitter delays some packets, a queue all of them.
    pub(crate) fn handle(&mut self, now: Instant, arrivals: &[Arrival]) -> Option<Duration> {
        let took = |arrival: &Arrival| {
            let sent = arrival.sent_at.saturating_duration_since(self.start).as_micros();
            Some(arrival.arrived - i64::try_from(sent).ok()?)
        };
        let least = arrivals.iter().filter_map(took).min()?;
        if now.saturating_duration_since(self.since) > BEST_FOR {
            (self.since, self.best) = (now, [None, self.best[0]]);
        }
        self.best[0] = Some(self.best[0].map_or(least, |best| best.min(least)));
        let best = self.best.into_iter().flatten().min()?;
        u64::try_from(least - best).ok().map(Duration::from_micros)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    /// A receiver whose clock is far behind reports ten packets a second, of which the fastest took so many milliseconds.
    struct Way {
        now: Instant,
        start: Instant,
        queue: Queue,
    }

    impl Way {
        fn take(&mut self, ms: i64) -> u128 {
            self.now += Duration::from_millis(100);
            let sent = i64::try_from(self.now.duration_since(self.start).as_micros()).unwrap();
            let arrival = |more: i64| Arrival {
                sent_at: self.now,
                arrived: sent - 7_000_000 + 1_000 * (ms + more),
                bytes: 100,
                probe: None,
            };
            self.queue.handle(self.now, &[arrival(50), arrival(0), arrival(90)]).unwrap().as_millis()
        }
    }

    #[test]
    fn what_waits_longer_than_at_best_is_a_queue_until_the_way_is_known_to_be_longer() {
        let now = Instant::now();
        let mut way = Way { now, start: now, queue: Queue::new(now) };
        assert_eq!([30, 30, 130, 20, 120].map(|ms| way.take(ms)), [0, 0, 100, 0, 100]);
        let waits: Vec<_> = (0..250).map(|_| way.take(120)).collect();
        assert!(waits[..90].iter().all(|wait| *wait == 100) && waits[220..].iter().all(|wait| *wait == 0));
        assert_eq!(way.queue.handle(way.now, &[]), None);
    }
}

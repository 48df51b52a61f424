//! What gets through, from when packets arrive (draft-ietf-rmcat-gcc-02).
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are far below 2^52"
)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::history::Arrival;
use super::trend::{Trend, Usage};
use crate::ids::Bitrate;

/// The least and the most that is ever believed in.
const RANGE: (f64, f64) = (50_000.0, 200_000_000.0);

/// What arrived is measured over so long, in microseconds; and while a queue grows, when it arrives as evenly as the link lets it.
///
/// Lower: each burst looks like the whole. Higher: what a fall is measured by is older than the congestion.
const MEASURED: i64 = 500_000;
const MEASURED_CONGESTED: i64 = 120_000;

/// Packets that all wait longer than this wait in a queue, however slowly it grows.
///
/// Lower: a way whose delay changes looks congested. Higher: a link that became much narrower is seen later.
const WAIT_MAX: Duration = Duration::from_millis(80);

/// What is left of what arrived when queues grow.
const DECREASE: f64 = 0.85;
/// What the estimate becomes in a second in which they do not.
const INCREASE: f64 = 1.08;
/// As long as it is below what arrives, times this and so much more.
const AHEAD: f64 = 1.5;
const AHEAD_BITS: f64 = 10_000.0;
/// Where queues grew at about this rate lately, it grows by one packet in the time until the other end has answered.
const PACKET_BITS: f64 = 9_600.0;
const ANSWER_TIME: Duration = Duration::from_millis(100);

/// Losses above this lower the estimate, by what is lost, once in so long and a round trip.
const LOSS_MAX: f32 = 0.1;
const LOSS_INTERVAL: Duration = Duration::from_millis(300);

/// The share of a difference that is taken up by the average with each report: two seconds until most of it is.
const AVERAGING: f64 = 0.125;

/// What gets through to one participant.
#[derive(Debug)]
pub(crate) struct Estimator {
    bits: f64,
    average: f64,
    trend: Trend,
    arrived: VecDeque<(i64, u32)>,
    arrived_bytes: u64,
    /// What arrived when queues grew the last times.
    limit: Option<f64>,
    changed_at: Instant,
    fell_at: Option<Instant>,
    lost_at: Option<Instant>,
}

impl Estimator {
    pub(crate) fn new(now: Instant, guess: Bitrate) -> Self {
        Self {
            bits: guess.0 as f64,
            average: guess.0 as f64,
            trend: Trend::new(),
            arrived: VecDeque::new(),
            arrived_bytes: 0,
            limit: None,
            changed_at: now,
            fell_at: None,
            lost_at: None,
        }
    }

    /// Returns what gets through.
    pub(crate) fn estimate(&self) -> Bitrate {
        Bitrate(self.bits as u64)
    }

    /// Returns the average of some seconds, and takes what it is now into it.
    pub(crate) fn turn_average(&mut self) -> Bitrate {
        self.average += AVERAGING * (self.bits - self.average);
        Bitrate(self.average as u64)
    }

    /// Takes what arrived, in the order in which it was sent, and how much longer than at best each of it took.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        arrivals: &[Arrival],
        waited: Duration,
        round_trip: Duration,
    ) {
        if arrivals.is_empty() {
            return;
        }
        for arrival in arrivals {
            self.trend.handle(arrival);
            self.arrived.push_back((arrival.arrived, arrival.bytes));
            self.arrived_bytes += u64::from(arrival.bytes);
        }
        let last = self.arrived.iter().map(|(at, _)| *at).max().unwrap_or_default();
        while let Some((_, bytes)) = self.arrived.front().copied().filter(|(at, _)| last - at > MEASURED) {
            self.arrived.pop_front();
            self.arrived_bytes -= u64::from(bytes);
        }
        let arrives = self.arrived_bytes as f64 * 8e6 / MEASURED as f64;
        let lately = self.arrived.iter().filter(|(at, _)| last - at < MEASURED_CONGESTED);
        let lately =
            lately.map(|(_, bytes)| f64::from(*bytes)).sum::<f64>() * 8e6 / MEASURED_CONGESTED as f64;
        let passed = now.saturating_duration_since(self.changed_at).min(Duration::from_secs(1));
        self.changed_at = now;
        match self.trend.usage() {
            Usage::Over => self.decrease(now, arrives.min(lately), round_trip),
            _ if waited > WAIT_MAX => self.decrease(now, arrives.min(lately), round_trip),
            Usage::Under => {}
            Usage::Normal => self.increase(arrives, passed, round_trip),
        }
    }

    /// Takes the share that was lost lately.
    pub(crate) fn handle_loss(&mut self, now: Instant, loss: f32, round_trip: Duration) {
        let since = self.lost_at.map(|at| now.saturating_duration_since(at));
        if loss > LOSS_MAX && since.is_none_or(|since| since > LOSS_INTERVAL + round_trip) {
            self.lost_at = Some(now);
            self.set(self.bits * (1.0 - f64::from(loss)));
        }
    }

    /// Takes what a probe found out. What is less than the estimate says nothing: others may have been in its way.
    pub(crate) fn handle_probe(&mut self, found: Bitrate) {
        self.set(self.bits.max(found.0 as f64));
    }

    fn increase(&mut self, arrives: f64, passed: Duration, round_trip: Duration) {
        let max = AHEAD * arrives + AHEAD_BITS;
        if self.bits >= max {
            return;
        }
        self.limit = self.limit.filter(|limit| (0.7..1.3).contains(&(arrives / limit)));
        let bits = match self.limit {
            Some(_) => {
                let answer = (round_trip + ANSWER_TIME).as_secs_f64();
                self.bits + PACKET_BITS / answer * passed.as_secs_f64()
            }
            None => self.bits * INCREASE.powf(passed.as_secs_f64()),
        };
        self.set(bits.min(max));
    }

    fn decrease(&mut self, now: Instant, arrives: f64, round_trip: Duration) {
        let pause = round_trip.clamp(Duration::from_millis(10), Duration::from_millis(200));
        let is_due = self.fell_at.is_none_or(|at| now.saturating_duration_since(at) >= pause);
        if !is_due && arrives > self.bits / 2.0 {
            return;
        }
        self.fell_at = Some(now);
        self.limit = Some(self.limit.map_or(arrives, |limit| limit + 0.3 * (arrives - limit)));
        self.set(self.bits.min(DECREASE * arrives));
    }

    fn set(&mut self, bits: f64) {
        self.bits = bits.clamp(RANGE.0, RANGE.1);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(20);

    /// A link with a queue before it, on which a packet of 1,000 bytes is sent ever again.
    struct Link {
        now: Instant,
        start: Instant,
        estimator: Estimator,
        free_at: Instant,
        waiting: Vec<Arrival>,
    }

    impl Link {
        fn new(guess: Bitrate) -> Self {
            let now = Instant::now();
            let estimator = Estimator::new(now, guess);
            Self { now, start: now, estimator, free_at: now, waiting: Vec::new() }
        }

        /// Sends as much as is believed to get through, up to `sent`, over a link that takes `capacity`, for so many tenths of a second.
        fn run(&mut self, capacity: u64, sent: u64, tenths: u32) {
            let until = self.now + Duration::from_millis(100) * tenths;
            let mut report_at = self.now + Duration::from_millis(100);
            while self.now < until {
                let rate = self.estimator.estimate().0.min(sent);
                self.now += Duration::from_nanos(8_000 * 1_000_000_000 / rate);
                self.free_at =
                    self.free_at.max(self.now) + Duration::from_nanos(8_000 * 1_000_000_000 / capacity);
                let arrived = i64::try_from(self.free_at.duration_since(self.start).as_micros()).unwrap();
                self.waiting.push(Arrival { sent_at: self.now, arrived, bytes: 1_000, probe: None });
                if self.now >= report_at {
                    report_at += Duration::from_millis(100);
                    let arrivals = std::mem::take(&mut self.waiting);
                    self.estimator.handle(self.now, &arrivals, Duration::ZERO, ROUND_TRIP);
                }
            }
        }
    }

    #[test]
    fn it_falls_below_what_gets_through_and_stays_near_it() {
        let mut link = Link::new(Bitrate::kbps(2_500));
        link.run(1_000_000, u64::MAX, 50);
        for _ in 0..30 {
            link.run(1_000_000, u64::MAX, 10);
            let kilobits = link.estimator.estimate().0 / 1_000;
            assert!((600..1_150).contains(&kilobits), "{kilobits} kbit/s");
        }
    }

    #[test]
    fn it_grows_while_as_much_is_sent_and_no_further_than_half_beyond() {
        let mut link = Link::new(Bitrate::kbps(500));
        link.run(50_000_000, u64::MAX, 300);
        assert!(link.estimator.estimate() > Bitrate::kbps(3_000), "{:?}", link.estimator.estimate());
        let mut link = Link::new(Bitrate::kbps(500));
        link.run(50_000_000, 1_000_000, 300);
        let kilobits = link.estimator.estimate().0 / 1_000;
        assert!((1_300..1_560).contains(&kilobits), "{kilobits} kbit/s");
    }

    #[test]
    fn losses_lower_it_and_a_probe_raises_it() {
        let mut link = Link::new(Bitrate::kbps(1_000));
        let mut lose = |estimator: &mut Estimator, ms: u64, loss: f32| {
            link.now += Duration::from_millis(ms);
            estimator.handle_loss(link.now, loss, ROUND_TRIP);
            estimator.estimate()
        };
        let estimator = &mut link.estimator;
        assert_eq!(lose(estimator, 0, 0.05), Bitrate::kbps(1_000));
        assert_eq!(lose(estimator, 0, 0.25), Bitrate::kbps(750));
        assert_eq!(lose(estimator, 100, 0.25), Bitrate::kbps(750), "it is the same loss");
        assert_eq!(lose(estimator, 300, 0.25), Bitrate(562_500));
        estimator.handle_probe(Bitrate::kbps(500));
        assert_eq!(estimator.estimate(), Bitrate(562_500));
        estimator.handle_probe(Bitrate::kbps(2_000));
        assert_eq!(estimator.estimate(), Bitrate::kbps(2_000));
        assert!(estimator.turn_average() < Bitrate::kbps(1_200));
    }
}

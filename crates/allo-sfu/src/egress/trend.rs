//! Whether packets come ever later after they were sent (draft-ietf-rmcat-gcc-02 §5, with a line through the delays instead of a filter).
#![allow(clippy::cast_precision_loss, reason = "delays are small")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::history::Arrival;

/// What is sent within so long counts as one group.
const GROUP: Duration = Duration::from_millis(5);
/// What arrives within so long of a group that was held up somewhere belongs to it, up to so long after its first packet, in microseconds.
const BURST: i64 = 5_000;
const BURST_MAX: i64 = 100_000;

/// Groups that the line is drawn through.
///
/// Lower: congestion is seen sooner, and where there is none, too. Higher: later and more surely.
const WINDOW: usize = 20;
/// How much of the delay before is in the smoothed one.
const SMOOTHING: f64 = 0.9;
/// What the slope is multiplied by, and up to how many groups weigh more than fewer.
const GAIN: f64 = 4.0;
const WEIGHT_MAX: u32 = 60;

/// The threshold at first, its bounds, and how fast it follows down and up, a millisecond.
const THRESHOLD: f64 = 12.5;
const THRESHOLD_RANGE: (f64, f64) = (6.0, 600.0);
const FOLLOWS_DOWN: f64 = 0.039;
const FOLLOWS_UP: f64 = 0.0087;
/// What is so far above the threshold is a jump, which it does not follow.
const JUMP: f64 = 15.0;

/// How long the trend must be above it, in milliseconds.
const OVERUSE_TIME: f64 = 10.0;

/// How the queues on the way develop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// They become shorter.
    Under,
    Normal,
    /// They become longer.
    Over,
}

/// See [`Usage`].
#[derive(Debug)]
pub(crate) struct Trend {
    before: Option<Group>,
    group: Option<Group>,
    points: VecDeque<(f64, f64)>,
    began: i64,
    groups: u32,
    sum: f64,
    smooth: f64,
    slope: f64,
    threshold: f64,
    compared: Option<i64>,
    above_for: Option<(f64, u32)>,
    usage: Usage,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: Instant,
    last_sent: Instant,
    first_arrived: i64,
    last_arrived: i64,
}

impl Group {
    fn of(arrival: &Arrival) -> Self {
        let Arrival { sent_at, arrived, .. } = *arrival;
        Self { first_sent: sent_at, last_sent: sent_at, first_arrived: arrived, last_arrived: arrived }
    }

    fn takes(&self, arrival: &Arrival) -> bool {
        let sent_after = arrival.sent_at.saturating_duration_since(self.first_sent);
        let gap = arrival.arrived - self.last_arrived;
        let sent_gap = micros(arrival.sent_at.saturating_duration_since(self.last_sent));
        let is_burst = gap < sent_gap && gap <= BURST && arrival.arrived - self.first_arrived < BURST_MAX;
        sent_after <= GROUP || is_burst
    }
}

impl Trend {
    pub(crate) fn new() -> Self {
        Self {
            before: None,
            group: None,
            points: VecDeque::with_capacity(WINDOW),
            began: 0,
            groups: 0,
            sum: 0.0,
            smooth: 0.0,
            slope: 0.0,
            threshold: THRESHOLD,
            compared: None,
            above_for: None,
            usage: Usage::Normal,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes what arrived, in the order in which it was sent.
    pub(crate) fn handle(&mut self, arrival: &Arrival) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group::of(arrival));
            return;
        };
        if arrival.sent_at < group.first_sent {
            return;
        }
        if group.takes(arrival) {
            group.last_sent = group.last_sent.max(arrival.sent_at);
            group.last_arrived = group.last_arrived.max(arrival.arrived);
            return;
        }
        let whole = *group;
        *group = Group::of(arrival);
        if let Some(before) = self.before.replace(whole) {
            let sent = micros(whole.last_sent.saturating_duration_since(before.last_sent));
            let arrived = whole.last_arrived - before.last_arrived;
            self.add((arrived - sent) as f64 / 1_000.0, whole.last_arrived);
        }
    }

    /// Takes how much longer, in milliseconds, a group took than the one before.
    fn add(&mut self, longer: f64, arrived: i64) {
        if self.groups == 0 {
            self.began = arrived;
        }
        self.groups = self.groups.saturating_add(1);
        self.sum += longer;
        self.smooth = SMOOTHING * self.smooth + (1.0 - SMOOTHING) * self.sum;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back(((arrived - self.began) as f64 / 1_000.0, self.smooth));
        let slope = if self.points.len() == WINDOW { slope(&self.points) } else { None };
        self.compare(slope.unwrap_or(self.slope), longer, arrived);
    }

    fn compare(&mut self, slope: f64, longer: f64, arrived: i64) {
        let trend = slope * f64::from(self.groups.min(WEIGHT_MAX)) * GAIN;
        let passed = self.compared.map_or(0, |compared| (arrived - compared).clamp(0, 100_000));
        let passed = passed as f64 / 1_000.0;
        self.compared = Some(arrived);
        if trend > self.threshold {
            // The first time nobody knows since when.
            let (time, count) =
                self.above_for.map_or((passed / 2.0, 1), |(time, count)| (time + passed, count + 1));
            self.above_for = Some((time, count));
            if time > OVERUSE_TIME && count > 1 && slope >= self.slope && longer > 0.0 {
                self.above_for = Some((0.0, 0));
                self.usage = Usage::Over;
            }
        } else {
            self.above_for = None;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.slope = slope;
        let size = trend.abs();
        if size <= self.threshold + JUMP {
            let follows = if size < self.threshold { FOLLOWS_DOWN } else { FOLLOWS_UP };
            let (min, max) = THRESHOLD_RANGE;
            self.threshold = (self.threshold + follows * (size - self.threshold) * passed).clamp(min, max);
        }
    }
}

/// Returns the slope of the line with the least squares, if the points are not all at one time.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (x, y) = (x / count, y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |sum, point| {
        (sum.0 + (point.0 - x) * (point.1 - y), sum.1 + (point.0 - x).powi(2))
    });
    (below > 0.0).then(|| above / below)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    /// Sends a group each 20 ms, of which each takes so many microseconds longer than the one before, and a little more or less.
    fn usages(longer: impl Fn(i64) -> i64, groups: i64) -> Vec<Usage> {
        let (start, mut trend, mut delay) = (Instant::now(), Trend::new(), 0);
        let mut usages = Vec::new();
        for n in 0..groups {
            delay += longer(n);
            let sent_at = start + Duration::from_millis(20) * u32::try_from(n).unwrap();
            let arrived = 20_000 * n + delay + (n * 7_919) % 500;
            trend.handle(&Arrival { sent_at, arrived, bytes: 1_000, probe: None });
            usages.push(trend.usage());
        }
        usages
    }

    #[test]
    fn an_even_way_is_used_as_it_should() {
        assert!(usages(|_| 0, 500).iter().all(|usage| *usage == Usage::Normal));
    }

    #[test]
    fn a_queue_that_grows_is_seen_within_a_second_and_one_that_empties_too() {
        let grows = usages(|_| 2_000, 100);
        assert!(grows[..50].contains(&Usage::Over));
        let empties = usages(|n| if n < 60 { 2_000 } else { -2_000 }, 120);
        assert!(empties[61..].contains(&Usage::Under));
    }

    #[test]
    fn times_that_make_no_sense_do_no_harm() {
        usages(|n| if n % 2 == 0 { i64::from(i32::MAX) } else { -i64::from(i32::MAX) }, 200);
    }
}

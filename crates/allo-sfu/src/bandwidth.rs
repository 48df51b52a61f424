//! What gets through to one subscriber.

use std::time::{Duration, Instant};

use crate::ids::Bitrate;

/// How much longer than at best packets take when a queue stands on the way.
///
/// Lower: a link whose delay wavers looks congested. Higher: sound is late for longer before pictures give way.
const QUEUE_MIN: Duration = Duration::from_millis(60);

/// What is lost when a link is congested, as a share of 1. A bad radio link loses half of it by itself.
///
/// Lower: pictures are given up on links that only lose. Higher: on a link that drops instead of queuing, more is lost.
const LOSS_MIN: f32 = 0.12;

/// How many points make a sign: three for each report of a queue, twice as many if it is twice as long, and one for each of losses, and
/// there are four reports in a second. Losses weigh less because each report tells of a whole second, in which what was overtaken once counts as lost.
///
/// Lower: a burst that arrives in disorder looks like congestion. Higher: when a link becomes narrow more sound is lost.
const POINTS_MIN: u32 = 6;

/// How many reports must agree on a rise.
///
/// Lower: what one packet train pretends is believed. Higher: pictures come back later.
const STEADY: usize = 4;

/// What the level becomes with each report by which the estimate is wrong, in hundredths of what it was: 8 % a second, as the estimate grows.
///
/// Lower: on links that only lose, pictures become larger later. Higher: a link that becomes full shows it by more at once.
const GROWTH_PERCENT: u64 = 102;

/// How long after a sign of congestion the estimator's falls count, to a half each: two reports. The first fall is rarely far enough, and
/// when it has followed there may be no sign any more.
///
/// Lower: on a link that became narrow more sound is lost. Higher: pictures step down further than they have to.
const SIGNS_FOR: Duration = Duration::from_millis(600);

/// How long after signs of congestion nothing is sent on mere hope. It doubles each time hope was wrong.
///
/// Lower: who has a narrow link is soon sent too much again. Higher: after a disturbance the first picture comes back later.
const CAUTION: Duration = Duration::from_secs(2);

/// What it doubles to at most.
const CAUTION_MAX: Duration = Duration::from_secs(32);

/// What was measured of a way, and what that makes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// What gets through, as it seems at this moment.
    pub estimate: Bitrate,
    /// The share of what was sent in the last second that did not arrive.
    pub loss: Option<f32>,
    /// How much longer than at best each of the latest packets took.
    pub queue: Option<Duration>,
}

/// What gets through to one subscriber: the estimate from arrivals, without what it falls by for no reason.
///
/// It falls when delays or losses change, and cannot tell a link that is congested from one that loses and
/// shuffles packets; and when little is sent it falls further than it has to. So a fall counts only while there are plain signs of
/// congestion: a queue that stands, or losses beyond those of a bad link. A rise always counts.
#[derive(Debug, Clone, Copy)]
pub struct Bandwidth {
    level: Bitrate,
    /// The estimates of the latest reports, the last one first, and what they are on the average of some seconds.
    estimates: [Bitrate; STEADY],
    smooth: Bitrate,
    /// What is sent, and what is wanted.
    sent: Bitrate,
    wanted: Bitrate,
    /// How many reports in a row tell of losses, and of a queue.
    lossy: u32,
    queued: u32,
    signs_at: Option<Instant>,
    caution: Duration,
}

impl Bandwidth {
    /// Makes one from a guess.
    pub fn new(guess: Bitrate) -> Self {
        Self {
            level: guess,
            estimates: [guess; STEADY],
            smooth: guess,
            sent: Bitrate::default(),
            wanted: Bitrate::default(),
            lossy: 0,
            queued: 0,
            signs_at: None,
            caution: CAUTION,
        }
    }

    /// Takes the estimate, averaged over some seconds.
    pub fn handle_estimate(&mut self, smooth: Bitrate) {
        self.smooth = smooth;
        self.rise();
    }

    /// Takes what was measured.
    pub fn handle_report(&mut self, now: Instant, report: Report) {
        self.estimates.rotate_right(1);
        self.estimates[0] = report.estimate;
        let is_lossy = report.loss.is_some_and(|loss| loss > LOSS_MIN);
        self.lossy = if is_lossy { self.lossy.saturating_add(1) } else { 0 };
        let queue = report.queue.unwrap_or_default();
        let is_queued = queue > QUEUE_MIN;
        let weight = if queue > QUEUE_MIN * 2 { 2 } else { 1 };
        self.queued = if is_queued { self.queued.saturating_add(weight) } else { 0 };
        if self.queued.saturating_mul(3).saturating_add(self.lossy) >= POINTS_MIN {
            self.beware(now);
            self.fall(self.estimates[0]);
        } else if self.is_congested(now) {
            self.fall(self.estimates[0].max(self.level.percent(50)));
        }
        self.rise();
        // More is sent than is estimated, and nothing shows that it is too much: so there may be room for more yet.
        let is_wrong = self.estimates.iter().all(|it| *it < self.sent);
        if is_wrong && !is_queued && self.is_hopeful(now) && self.level < self.wanted {
            self.level = self.level.percent(GROWTH_PERCENT);
        }
    }

    /// Takes what is sent, and what is wanted.
    pub fn set_load(&mut self, sent: Bitrate, wanted: Bitrate) {
        (self.sent, self.wanted) = (sent, wanted);
    }

    /// Returns what gets through.
    pub fn level(&self) -> Bitrate {
        self.level
    }

    /// Returns whether there are signs of congestion.
    pub fn is_congested(&self, now: Instant) -> bool {
        self.signs_at.is_some_and(|at| now.saturating_duration_since(at) < SIGNS_FOR)
    }

    /// Returns whether what does not fit may be tried: there were no signs of congestion for a while.
    pub fn is_hopeful(&self, now: Instant) -> bool {
        self.signs_at.is_none_or(|at| now.saturating_duration_since(at) >= self.caution)
    }

    /// Records signs of congestion.
    fn beware(&mut self, now: Instant) {
        let since = self.signs_at.map(|at| now.saturating_duration_since(at));
        self.caution = match since {
            Some(since) if since < self.caution => self.caution,
            Some(since) if since < self.caution * 3 => (self.caution * 2).min(CAUTION_MAX),
            _ => CAUTION,
        };
        self.signs_at = Some(now);
    }

    fn fall(&mut self, level: Bitrate) {
        if level < self.level {
            self.level = level;
            // What was lost before the fall says nothing of what comes after it.
            self.lossy = 0;
        }
    }

    /// The average is too low for a while after a rise, and too high after a fall.
    fn rise(&mut self) {
        let [latest, ..] = self.estimates;
        let steady = self.estimates.into_iter().min().unwrap_or(latest);
        self.level = self.level.max(self.smooth.min(latest)).max(steady);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    struct Link {
        now: Instant,
        bandwidth: Bandwidth,
    }

    impl Link {
        fn new() -> Self {
            let now = Instant::now();
            let mut link = Self { now, bandwidth: Bandwidth::new(Bitrate::kbps(2_500)) };
            link.report(8, 2_500, 0.0, 0);
            link
        }

        /// Reports the same so many times.
        fn report(&mut self, times: u32, kilobits: u64, loss: f32, queue_ms: u64) {
            for _ in 0..times {
                self.now += Duration::from_millis(250);
                self.bandwidth.handle_estimate(Bitrate::kbps(kilobits));
                let report = Report {
                    estimate: Bitrate::kbps(kilobits),
                    loss: Some(loss),
                    queue: Some(Duration::from_millis(queue_ms)),
                };
                self.bandwidth.handle_report(self.now, report);
            }
        }

        fn check(&self, kilobits: u64, is_hopeful: bool) {
            assert_eq!(self.bandwidth.level(), Bitrate::kbps(kilobits));
            assert_eq!(self.bandwidth.is_hopeful(self.now), is_hopeful);
        }
    }

    #[test]
    fn a_fall_counts_only_with_signs_of_congestion() {
        let mut link = Link::new();
        link.report(40, 300, 0.1, 60);
        link.check(2_500, true);
        link.report(1, 300, 0.1, 110);
        link.check(2_500, true);
        link.report(1, 300, 0.1, 110);
        link.check(300, false);
    }

    #[test]
    fn the_level_grows_to_what_is_wanted_while_the_estimate_is_wrong() {
        let mut link = Link::new();
        link.bandwidth.set_load(Bitrate::kbps(2_000), Bitrate::kbps(3_000));
        link.report(3, 1_000, 0.1, 0);
        link.check(2_500, true);
        link.report(2, 1_000, 0.1, 0);
        link.check(2_601, true);
        link.report(40, 1_000, 0.1, 0);
        assert!((3_000..3_060).contains(&(link.bandwidth.level().0 / 1_000)), "{:?}", link.bandwidth);
        let before = link.bandwidth.level();
        link.bandwidth.set_load(Bitrate::kbps(500), Bitrate::kbps(9_000));
        link.report(40, 1_000, 0.1, 0);
        assert_eq!(link.bandwidth.level(), before, "the estimate may be right");
    }

    #[test]
    fn losses_alone_are_a_sign_when_they_go_on() {
        let mut link = Link::new();
        // One burst in disorder is in four reports.
        link.report(4, 300, 0.3, 0);
        link.report(1, 300, 0.05, 0);
        link.check(2_500, true);
        link.report(6, 900, 0.3, 0);
        link.check(900, false);
        // What was lost before is still in the next reports.
        link.report(4, 900, 0.3, 0);
        link.report(2, 300, 0.0, 0);
        link.check(900, false);
    }

    #[test]
    fn a_fall_that_was_not_far_enough_is_followed_by_halves_for_a_moment() {
        let mut link = Link::new();
        link.report(2, 1_200, 0.5, 200);
        link.check(1_200, false);
        link.report(1, 300, 0.0, 0);
        link.check(600, false);
        link.report(1, 300, 0.0, 0);
        link.check(300, false);
        link.report(8, 100, 0.0, 0);
        link.check(300, true);
    }

    #[test]
    fn losses_and_a_queue_together_are_a_sign_at_once() {
        let mut link = Link::new();
        link.report(2, 400, 0.5, 200);
        link.check(400, false);
    }

    #[test]
    fn a_rise_counts_always_but_not_an_average_from_before_a_fall() {
        let mut link = Link::new();
        link.report(3, 400, 0.0, 200);
        link.bandwidth.handle_estimate(Bitrate::kbps(1_500));
        link.check(400, false);
        link.report(1, 700, 0.0, 0);
        link.check(700, false);
    }

    #[test]
    fn hope_comes_back_after_a_while_and_later_each_time_that_it_was_wrong() {
        let mut link = Link::new();
        for wait in [2, 4, 8, 16, 32, 32] {
            link.report(3, 400, 0.0, 200);
            link.report(wait * 4 - 1, 400, 0.0, 0);
            link.check(400, false);
            link.report(1, 400, 0.0, 0);
            link.check(400, true);
        }
        link.report(32 * 4 * 3, 400, 0.0, 0);
        link.report(3, 400, 0.0, 200);
        link.report(8, 400, 0.0, 0);
        link.check(400, true);
    }

    #[test]
    fn reports_that_say_nothing_change_nothing() {
        let mut link = Link::new();
        let report = Report { estimate: Bitrate::kbps(100), loss: None, queue: None };
        link.bandwidth.handle_report(link.now, report);
        link.check(2_500, true);
        link.bandwidth.handle_report(link.now, Report { loss: Some(f32::NAN), ..report });
        link.check(2_500, true);
    }
}

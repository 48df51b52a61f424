//! Trying for a moment whether more gets through (draft-ietf-rmcat-gcc-02 has none; the idea is that of libwebrtc's probe clusters).

use std::time::{Duration, Instant};

use super::history::Arrival;
use crate::ids::Bitrate;

/// How long a probe takes, and of how many packets it is at least.
///
/// Lower: it says less. Higher: where there is no room for it, more is lost or late.
const LENGTH: Duration = Duration::from_millis(15);
const PACKETS_MIN: u32 = 5;

/// How much more than the estimate is tried, in hundredths of it.
const STEP_PERCENT: u64 = 200;
/// What must have come of it, in hundredths, for more to be tried at once.
const GOOD_PERCENT: u64 = 70;
/// What must have arrived of its packets, in hundredths, for it to say anything.
const ARRIVED_PERCENT: u64 = 80;
/// If it arrived slower than this share of how fast it was sent, the link was full; so much of that is believed.
const FULL_PERCENT: u64 = 90;
const FULL_BELIEVED_PERCENT: u64 = 95;

/// How long word of it is waited for.
const WORD_MAX: Duration = Duration::from_secs(1);

/// Tries whether more gets through, one probe after the other.
#[derive(Debug)]
pub(crate) struct Prober {
    /// Up to where it is tried.
    goal: Bitrate,
    number: u8,
    state: State,
}

/// ```text
///   idle ── more is wanted ──► sending ── all is sent ──► waiting ── word came, or none in time ──► idle, or the next one
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Sending(Probe),
    Waiting(Probe),
}

#[derive(Debug)]
struct Probe {
    rate: Bitrate,
    began: Instant,
    bytes: u64,
    packets: u32,
    heard: Heard,
}

/// What word came of.
#[derive(Debug, Default)]
struct Heard {
    bytes: u64,
    packets: u32,
    sent: Option<(Instant, Instant)>,
    arrived: Option<(i64, i64)>,
    /// The bytes of the first and of the last that was sent.
    ends: (u32, u32),
}

impl Prober {
    pub(crate) fn new() -> Self {
        Self { goal: Bitrate::default(), number: 0, state: State::Idle }
    }

    /// Tries whether this gets through.
    pub(crate) fn aim(&mut self, now: Instant, estimate: Bitrate, goal: Bitrate) {
        self.goal = goal;
        if matches!(self.state, State::Idle) {
            self.begin(now, estimate);
        }
    }

    fn begin(&mut self, now: Instant, estimate: Bitrate) {
        self.state = State::Idle;
        if estimate < self.goal {
            self.number = self.number.wrapping_add(1);
            let rate = estimate.percent(STEP_PERCENT).min(self.goal);
            self.state =
                State::Sending(Probe { rate, began: now, bytes: 0, packets: 0, heard: Heard::default() });
        }
    }

    /// Returns the number of the probe that is being sent: each packet is part of it.
    pub(crate) fn number(&self) -> Option<u8> {
        matches!(self.state, State::Sending(_)).then_some(self.number)
    }

    /// Returns how many bytes are to be sent now to keep up with the probe.
    pub(crate) fn missing(&self, now: Instant) -> u64 {
        let State::Sending(probe) = &self.state else { return 0 };
        let passed = now.saturating_duration_since(probe.began).as_micros() + 1_000;
        let due = u128::from(probe.rate.0) * passed / 8_000_000;
        u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(probe.bytes)
    }

    /// Records a packet that was sent.
    pub(crate) fn record(&mut self, now: Instant, bytes: usize) {
        if let State::Sending(probe) = &mut self.state {
            probe.bytes += bytes as u64;
            probe.packets += 1;
            if probe.packets >= PACKETS_MIN && now.saturating_duration_since(probe.began) >= LENGTH {
                self.end();
            }
        }
    }

    /// Gives up a probe that nothing can be sent for.
    pub(crate) fn abandon(&mut self) {
        self.state = State::Idle;
    }

    fn end(&mut self) {
        if let State::Sending(probe) = std::mem::replace(&mut self.state, State::Idle) {
            self.state = State::Waiting(probe);
        }
    }

    /// Takes word of a packet.
    pub(crate) fn handle(&mut self, arrival: &Arrival) {
        let (State::Sending(probe) | State::Waiting(probe)) = &mut self.state else { return };
        if arrival.probe == Some(self.number) {
            probe.heard.add(arrival);
        }
    }

    /// Returns what a probe found out, if there is enough word of it, and begins the next one if that is worth it.
    pub(crate) fn poll(&mut self, now: Instant, estimate: Bitrate) -> Option<Bitrate> {
        let State::Waiting(probe) = &self.state else { return None };
        let is_enough = u64::from(probe.heard.packets) * 100 >= u64::from(probe.packets) * ARRIVED_PERCENT
            && probe.heard.packets >= 2;
        let found = if is_enough { probe.heard.rate() } else { None };
        let is_late = now.saturating_duration_since(probe.began) > WORD_MAX;
        if found.is_none() && !is_late {
            return None;
        }
        let is_good = found.is_some_and(|found| found >= probe.rate.percent(GOOD_PERCENT));
        self.state = State::Idle;
        if is_good {
            self.begin(now, found.map_or(estimate, |found| found.max(estimate)));
        }
        found
    }

    /// Returns when something is to be sent, or given up.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Sending(_) => Some(now + Duration::from_millis(1)),
            State::Waiting(probe) => Some(probe.began + WORD_MAX + Duration::from_millis(1)),
        }
    }
}

impl Heard {
    fn add(&mut self, arrival: &Arrival) {
        self.bytes += u64::from(arrival.bytes);
        self.packets += 1;
        match &mut self.sent {
            None => (self.sent, self.ends.0) = (Some((arrival.sent_at, arrival.sent_at)), arrival.bytes),
            Some((_, last)) => *last = arrival.sent_at.max(*last),
        }
        self.ends.1 = arrival.bytes;
        let (first, last) = self.arrived.unwrap_or((arrival.arrived, arrival.arrived));
        self.arrived = Some((first.min(arrival.arrived), last.max(arrival.arrived)));
    }

    /// Returns the rate at which it arrived, or was sent if that is less.
    fn rate(&self) -> Option<Bitrate> {
        let ((began, ended), (first, last)) = self.sent.zip(self.arrived)?;
        let sent = rate(self.bytes - u64::from(self.ends.1), ended.duration_since(began).as_micros())?;
        let arrived = rate(self.bytes - u64::from(self.ends.0), u128::try_from(last - first).ok()?)?;
        if arrived < sent.percent(FULL_PERCENT) {
            return Some(arrived.percent(FULL_BELIEVED_PERCENT));
        }
        // What arrives much faster than it was sent waited somewhere.
        (arrived <= sent.percent(STEP_PERCENT)).then_some(sent.min(arrived))
    }
}

fn rate(bytes: u64, micros: u128) -> Option<Bitrate> {
    let bits = (u128::from(bytes) * 8_000_000).checked_div(micros)?;
    u64::try_from(bits).ok().map(Bitrate)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    /// Sends probes over a link that takes `capacity`, and returns what they find out.
    fn probe(estimate: Bitrate, goal: Bitrate, capacity: u64) -> Vec<Bitrate> {
        let start = Instant::now();
        let (mut now, mut prober, mut found) = (start, Prober::new(), Vec::new());
        let (mut free_at, mut flying) = (start, Vec::new());
        prober.aim(now, estimate, goal);
        for _ in 0..2_000 {
            while prober.missing(now) > 0 {
                let number = prober.number();
                prober.record(now, 1_000);
                free_at = free_at.max(now) + Duration::from_nanos(8_000 * 1_000_000_000 / capacity);
                let arrived = i64::try_from(free_at.duration_since(start).as_micros()).unwrap();
                flying.push(Arrival { sent_at: now, arrived, bytes: 1_000, probe: number });
            }
            if prober.number().is_none() {
                flying.drain(..).for_each(|arrival| prober.handle(&arrival));
                found.extend(prober.poll(now, estimate));
            }
            now += Duration::from_millis(1);
        }
        found
    }

    #[test]
    fn a_wide_link_is_found_out_about_step_by_step() {
        let found = probe(Bitrate::kbps(1_000), Bitrate::kbps(6_000), 100_000_000);
        assert!((2..=4).contains(&found.len()), "{found:?}");
        assert!(found.last().unwrap() > &Bitrate::kbps(4_500), "{found:?}");
    }

    #[test]
    fn a_narrow_link_shows_what_it_takes() {
        let found = probe(Bitrate::kbps(1_000), Bitrate::kbps(9_000), 1_300_000);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((Bitrate::kbps(1_100)..Bitrate::kbps(1_400)).contains(&found[0]), "{found:?}");
    }

    #[test]
    fn nothing_is_tried_below_the_estimate_and_no_word_ends_it() {
        let mut prober = Prober::new();
        let now = Instant::now();
        prober.aim(now, Bitrate::kbps(900), Bitrate::kbps(800));
        assert_eq!((prober.number(), prober.due(now)), (None, None));
        prober.aim(now, Bitrate::kbps(900), Bitrate::kbps(1_800));
        (0..6).for_each(|_| prober.record(now + LENGTH, 1_000));
        let late = now + WORD_MAX + Duration::from_millis(2);
        assert_eq!((prober.poll(late, Bitrate::kbps(900)), prober.due(late)), (None, None));
    }
}

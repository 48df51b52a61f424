//! Times, as histograms.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest time that is told from longer ones.
const LONGEST_MICROS: u64 = 600_000_000;

/// Times in microseconds, to about a hundredth. There is nothing in memory before the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Option<Box<Histogram<u32>>>);

/// A histogram in a few numbers, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many times were recorded.
    pub count: u64,
    /// Half of them are not longer.
    pub p50_ms: f64,
    /// 95 of a hundred are not longer.
    pub p95_ms: f64,
    /// 99 of a hundred are not longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Times {
    pub(crate) fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.histogram().saturating_record(micros.clamp(1, LONGEST_MICROS));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if let Some(other) = &other.0 {
            self.histogram().add(other.as_ref()).expect("all have the same bounds");
        }
    }

    /// Returns the summary, unless nothing was recorded.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let histogram = self.0.as_ref()?;
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Some(Summary {
            count: histogram.len(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: histogram.max() as f64 / 1_000.0,
        })
    }

    fn histogram(&mut self) -> &mut Histogram<u32> {
        let new =
            || Box::new(Histogram::new_with_bounds(1, LONGEST_MICROS, 2).expect("the bounds are valid"));
        self.0.get_or_insert_with(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_how_long_most_took_and_the_longest() {
        let mut times = Times::default();
        assert_eq!(times.summary(), None);
        (1..=100).for_each(|n| times.record(Duration::from_millis(n)));
        let mut more = Times::default();
        more.record(Duration::from_secs(2));
        times.add(&more);
        let summary = times.summary().unwrap();
        assert_eq!(summary.count, 101);
        assert!((50.0..53.0).contains(&summary.p50_ms), "{summary:?}");
        assert!((99.0..102.0).contains(&summary.p99_ms), "{summary:?}");
        assert!((1_990.0..2_020.0).contains(&summary.max_ms), "{summary:?}");
    }
}

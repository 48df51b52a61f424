//! How a receiver gets on when its link becomes narrow, and wide again.

use std::time::Duration;

use serde::Serialize;

use crate::record::Second;

/// Seconds at the end of the wide time whose mean is what recovery is measured by.
const REFERENCE: usize = 5;

/// What one receiver got, second by second, while its link was wide, narrow, and wide again: a third of the time each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adaptation {
    /// Kilobits of pictures in each second.
    pub video_kbps: Vec<u64>,
    /// Packets of sound in each second; one voice that goes on makes 50.
    pub audio_packets: Vec<u64>,
    /// What came at the end of the first third.
    pub wide_kbps: u64,
    /// How many seconds after the drop what came fitted into the narrow link, and went on to.
    pub stepped_down_after_seconds: Option<usize>,
    /// How many seconds after the link was wide again 80 % of what came before came again.
    pub recovered_after_seconds: Option<usize>,
    /// Seconds without any sound.
    pub seconds_without_sound: usize,
}

impl Adaptation {
    pub(crate) fn new(seconds: &[Second], duration: Duration, narrow_kbps: u32) -> Self {
        let length = usize::try_from(duration.as_secs()).unwrap_or(usize::MAX);
        let second = |n: usize| seconds.get(n).copied().unwrap_or_default();
        let all: Vec<_> = (0..length.min(seconds.len())).map(second).collect();
        let video_kbps: Vec<u64> = all.iter().map(|second| second.video_bytes * 8 / 1_000).collect();
        let (drop, rise) = (length / 3, length * 2 / 3);
        let reference = slice(&video_kbps, drop.saturating_sub(REFERENCE), drop);
        let wide_kbps = reference.iter().sum::<u64>() / (reference.len().max(1) as u64);
        let fits = |kbps: &u64| *kbps <= u64::from(narrow_kbps);
        let narrow = slice(&video_kbps, drop, rise);
        let last_too_much = narrow.iter().rposition(|kbps| !fits(kbps));
        let stepped_down = last_too_much.map_or(0, |n| n + 1);
        let again = slice(&video_kbps, rise, length);
        Self {
            wide_kbps,
            stepped_down_after_seconds: (stepped_down < narrow.len()).then_some(stepped_down),
            recovered_after_seconds: again.iter().position(|kbps| *kbps * 10 >= wide_kbps * 8),
            seconds_without_sound: all.iter().filter(|second| second.audio_packets == 0).count(),
            audio_packets: all.iter().map(|second| second.audio_packets).collect(),
            video_kbps,
        }
    }
}

fn slice(all: &[u64], from: usize, to: usize) -> &[u64] {
    let to = to.min(all.len());
    &all[from.min(to)..to]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adaptation(kbps: &[u64]) -> Adaptation {
        let second = |kbps: &u64| Second { video_bytes: kbps * 125, audio_packets: 50 };
        let seconds: Vec<_> = kbps.iter().map(second).collect();
        Adaptation::new(&seconds, Duration::from_secs(kbps.len() as u64), 500)
    }

    #[test]
    fn a_step_down_and_a_recovery_are_found() {
        let found = adaptation(&[2_000, 2_000, 2_000, 2_000, 900, 450, 420, 400, 800, 1_500, 1_700, 2_000]);
        assert_eq!(found.wide_kbps, 2_000);
        assert_eq!(found.stepped_down_after_seconds, Some(1));
        assert_eq!(found.recovered_after_seconds, Some(2));
        assert_eq!(found.seconds_without_sound, 0);
    }

    #[test]
    fn what_never_happens_has_no_time() {
        let found = adaptation(&[2_000, 2_000, 2_000, 600, 600, 600, 600, 600, 600]);
        assert_eq!((found.stepped_down_after_seconds, found.recovered_after_seconds), (None, None));
        assert_eq!(adaptation(&[]).wide_kbps, 0);
    }
}

//! What fits into a subscriber's bandwidth.

use crate::ids::{Bitrate, LayerId};

/// What must be free to go up, in hundredths of what the higher layer needs.
///
/// Higher: bandwidth lies idle. Lower: layers flap when the estimate trembles.
const UPGRADE_PERCENT: u64 = 115;

/// One video that a subscriber would like to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VideoRequest {
    /// What each layer takes, the lowest first; `None` if it is not being sent.
    pub layers: Vec<Option<Bitrate>>,
    /// The highest layer that is of use at the size of the tile.
    pub layer_max: Option<LayerId>,
    /// The layer that was allotted before.
    pub current: Option<LayerId>,
}

/// A subscriber's bandwidth, from which audio is already taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitrateBudget {
    video: Bitrate,
    is_hopeful: bool,
}

impl BitrateBudget {
    /// Makes one from an estimate of all that gets through. Audio always goes, so that its share is not up for division.
    pub fn new(estimate: Bitrate, audio: Bitrate) -> Self {
        Self { video: estimate.minus(audio), is_hopeful: false }
    }

    /// Gives the most important video its lowest layer even if it is too large: nothing but the guess speaks against it.
    #[must_use]
    pub fn hopeful(self, is_hopeful: bool) -> Self {
        Self { is_hopeful, ..self }
    }

    /// Returns the layer that each video gets, or `None` for a video that is paused.
    ///
    /// The requests stand in the order of their importance. First each gets its lowest layer, so that what does not fit are the
    /// last tiles; then the most important go up, one layer each in turn. So when bandwidth falls the high layers go first.
    pub fn allocate(&self, requests: &[VideoRequest]) -> Vec<Option<LayerId>> {
        let mut left = self.video;
        let mut chosen: Vec<Option<LayerId>> = Vec::with_capacity(requests.len());
        let mut is_full = false;
        let mut is_hopeful = self.is_hopeful;
        for request in requests {
            let lowest = request.next_above(None);
            let layer = lowest
                .filter(|(layer, rate)| !is_full && (is_hopeful || request.price(*layer, *rate) <= left));
            is_hopeful &= lowest.is_none();
            // Nothing less important gets what was too little for this one: tiles would change places all the time.
            is_full |= lowest.is_some() && layer.is_none();
            left = left.minus(layer.map_or(Bitrate::default(), |(_, rate)| rate));
            chosen.push(layer.map(|(layer, _)| layer));
        }
        while raise_each(requests, &mut chosen, &mut left) {}
        chosen
    }
}

/// Raises each video that can be by one layer. Returns whether any was.
fn raise_each(requests: &[VideoRequest], chosen: &mut [Option<LayerId>], left: &mut Bitrate) -> bool {
    let mut is_any = false;
    for (request, chosen) in requests.iter().zip(chosen) {
        let Some(now) = *chosen else { continue };
        let Some((layer, rate)) = request.next_above(Some(now)) else { continue };
        let free = left.plus(request.rate(Some(now)));
        if request.price(layer, rate) <= free {
            (*left, *chosen) = (free.minus(rate), Some(layer));
            is_any = true;
        }
    }
    is_any
}

impl VideoRequest {
    /// Returns the next layer above that is sent and of use. There is always one if any is sent: too large beats nothing.
    fn next_above(&self, layer: Option<LayerId>) -> Option<(LayerId, Bitrate)> {
        let max = self.layer_max?;
        let sent = self.layers.iter().zip(0u8..).filter_map(|(rate, n)| Some((LayerId(n), (*rate)?)));
        let mut above = sent.filter(|(candidate, _)| layer.is_none_or(|layer| *candidate > layer));
        above.next().filter(|(candidate, _)| layer.is_none() || *candidate <= max)
    }

    /// Returns what a layer takes.
    pub(crate) fn rate(&self, layer: Option<LayerId>) -> Bitrate {
        layer.and_then(|layer| *self.layers.get(usize::from(layer.0))?).unwrap_or_default()
    }

    /// Returns how much more must be free to go up from `layer`, or `None` if there is nothing above it.
    pub(crate) fn step_above(&self, layer: Option<LayerId>) -> Option<Bitrate> {
        let (above, rate) = self.next_above(layer)?;
        Some(self.price(above, rate).minus(self.rate(layer)))
    }

    /// Returns what must be free to give `layer`. What was given before stays for its bare rate.
    fn price(&self, layer: LayerId, rate: Bitrate) -> Bitrate {
        if self.current >= Some(layer) { rate } else { rate.percent(UPGRADE_PERCENT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A video of three layers of 100, 400 and 1,500 kbit/s.
    fn video(layer_max: u8, current: Option<u8>) -> VideoRequest {
        VideoRequest {
            layers: [100, 400, 1_500].map(|rate| Some(Bitrate::kbps(rate))).to_vec(),
            layer_max: Some(LayerId(layer_max)),
            current: current.map(LayerId),
        }
    }

    fn check(kilobits: u64, requests: &[VideoRequest], expected: &[Option<u8>]) {
        let budget = BitrateBudget::new(Bitrate::kbps(kilobits + 100), Bitrate::kbps(100));
        let expected: Vec<_> = expected.iter().map(|layer| layer.map(LayerId)).collect();
        assert_eq!(budget.allocate(requests), expected, "with {kilobits} kbit/s");
    }

    #[test]
    fn high_layers_go_first_then_the_last_tiles() {
        let three = [video(2, Some(2)), video(2, Some(2)), video(2, Some(2))];
        check(4_500, &three, &[Some(2), Some(2), Some(2)]);
        check(4_499, &three, &[Some(2), Some(2), Some(1)]);
        check(1_200, &three, &[Some(1), Some(1), Some(1)]);
        check(600, &three, &[Some(1), Some(0), Some(0)]);
        check(250, &three, &[Some(0), Some(0), None]);
        check(99, &three, &[None, None, None]);
    }

    #[test]
    fn hope_gives_the_most_important_its_lowest_layer_and_no_other() {
        let hidden = VideoRequest { layer_max: None, ..video(2, None) };
        let requests = [hidden, video(2, None), video(2, None)];
        let budget = BitrateBudget::new(Bitrate::kbps(50), Bitrate::default());
        assert_eq!(budget.allocate(&requests), [None, None, None]);
        assert_eq!(budget.hopeful(true).allocate(&requests), [None, Some(LayerId(0)), None]);
    }

    #[test]
    fn a_small_tile_gets_no_more_than_it_can_show() {
        check(9_000, &[video(0, None), video(1, None)], &[Some(0), Some(1)]);
    }

    #[test]
    fn going_up_needs_more_than_staying() {
        check(1_500, &[video(2, Some(2))], &[Some(2)]);
        check(1_500, &[video(2, Some(1))], &[Some(1)]);
        check(1_725, &[video(2, Some(1))], &[Some(2)]);
    }

    #[test]
    fn a_layer_that_is_not_sent_is_skipped() {
        let mut only_high = video(0, None);
        only_high.layers[0] = None;
        only_high.layers[1] = None;
        check(9_000, &[only_high], &[Some(2)]);
        let mut middle_missing = video(2, None);
        middle_missing.layers[1] = None;
        check(9_000, &[middle_missing], &[Some(2)]);
    }

    #[test]
    fn nothing_is_given_to_who_sends_or_wants_nothing() {
        let hidden = VideoRequest { layer_max: None, ..video(2, None) };
        let silent = VideoRequest { layers: vec![None], ..video(2, None) };
        check(9_000, &[hidden, silent, video(2, None)], &[None, None, Some(2)]);
    }
}

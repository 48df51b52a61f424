//! Which packets of a track go to one subscriber.

use crate::ids::LayerId;

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is of no use to the subscriber.
    Drop,
    /// It follows what was forwarded before.
    Forward,
    /// It begins a keyframe of the wanted layer: forward it, as the first of a new source.
    Switch,
}

/// Chooses the packets of one track for one subscriber.
///
/// A decoder can begin a layer only at a keyframe. Until that of the target comes, the current layer goes on.
///
/// ```text
///              keyframe of the target
///   waiting ───────────────────────────► current = target ◄─┐
///      ▲                                      │   │  new target, then its keyframe
///      └──── paused, or the source restarts ──┘   └─────────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerSelector {
    current: Option<LayerId>,
    target: Option<LayerId>,
}

impl LayerSelector {
    /// Sets the layer to reach. `None` pauses at once.
    pub fn set_target(&mut self, target: Option<LayerId>) {
        self.target = target;
        if target.is_none() {
            self.current = None;
        }
    }

    /// Forgets what was forwarded: the source is another one, and begins with a keyframe.
    pub fn restart(&mut self) {
        self.current = None;
    }

    /// Returns the layer that is forwarded.
    pub fn current(&self) -> Option<LayerId> {
        self.current
    }

    /// Returns the layer to reach.
    pub fn target(&self) -> Option<LayerId> {
        self.target
    }

    /// Returns the layer whose keyframe is waited for.
    pub fn awaited(&self) -> Option<LayerId> {
        self.target.filter(|_| self.target != self.current)
    }

    /// Answers what to do with a packet of `layer`, and takes note of it.
    pub fn select(&mut self, layer: LayerId, begins_keyframe: bool) -> Verdict {
        if begins_keyframe && self.awaited() == Some(layer) {
            self.current = Some(layer);
            return Verdict::Switch;
        }
        if self.current == Some(layer) { Verdict::Forward } else { Verdict::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: LayerId = LayerId(0);
    const HIGH: LayerId = LayerId(2);

    fn on_low() -> LayerSelector {
        let mut selector = LayerSelector::default();
        selector.set_target(Some(LOW));
        assert_eq!(selector.select(LOW, true), Verdict::Switch);
        selector
    }

    #[test]
    fn nothing_goes_out_before_the_first_keyframe() {
        let mut selector = LayerSelector::default();
        assert_eq!(selector.select(LOW, true), Verdict::Drop, "nothing is wanted");
        selector.set_target(Some(LOW));
        assert_eq!(selector.awaited(), Some(LOW));
        assert_eq!(selector.select(LOW, false), Verdict::Drop);
        assert_eq!(selector.select(HIGH, true), Verdict::Drop);
        assert_eq!(selector.select(LOW, true), Verdict::Switch);
        assert_eq!(selector.awaited(), None);
    }

    #[test]
    fn the_current_layer_goes_on_until_the_keyframe_of_the_target() {
        let mut selector = on_low();
        selector.set_target(Some(HIGH));
        assert_eq!(selector.select(LOW, false), Verdict::Forward);
        assert_eq!(selector.select(HIGH, false), Verdict::Drop);
        assert_eq!(selector.select(HIGH, true), Verdict::Switch);
        assert_eq!(selector.select(LOW, true), Verdict::Drop);
        assert_eq!(selector.select(HIGH, false), Verdict::Forward);
    }

    #[test]
    fn a_keyframe_of_the_current_layer_is_no_switch() {
        assert_eq!(on_low().select(LOW, true), Verdict::Forward);
    }

    #[test]
    fn a_pause_is_immediate_and_ends_at_a_keyframe() {
        let mut selector = on_low();
        selector.set_target(None);
        assert_eq!(selector.select(LOW, true), Verdict::Drop);
        selector.set_target(Some(LOW));
        assert_eq!(selector.select(LOW, false), Verdict::Drop);
        assert_eq!(selector.select(LOW, true), Verdict::Switch);
    }
}

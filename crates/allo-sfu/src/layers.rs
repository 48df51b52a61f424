//! Which packets of a track go to one subscriber.

use crate::ids::LayerId;

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is of another stream than the one that is forwarded.
    Drop,
    /// It is of the stream that is forwarded, but of a higher layer than is wanted.
    LeaveOut,
    /// It follows what was forwarded before.
    Forward,
    /// It begins a keyframe of the wanted layer: forward it, as the first of a new source.
    Switch,
}

/// What has to be known of a packet to choose.
///
/// The layers of a track come in one of two ways. Each in a stream of its own (simulcast): then it is the lowest and the highest of
/// its stream. Or several in one stream, each of which builds on those below it (SVC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The layer that it is of.
    pub layer: LayerId,
    /// The lowest layer of its stream.
    pub lowest: LayerId,
    /// The highest layer of its stream, where it says so. Keyframes of several layers do.
    pub highest: Option<LayerId>,
    /// Whether it is the first packet with which a decoder can begin its stream.
    pub begins_keyframe: bool,
    /// Whether it needs no picture before it, given the layers below it.
    pub is_independent: bool,
    /// The time of its picture, which is the same in all layers of it.
    pub time: u32,
}

impl Piece {
    /// Returns whether its stream brings a layer.
    fn brings(&self, layer: LayerId) -> bool {
        (self.lowest..=self.highest.unwrap_or(self.lowest)).contains(&layer)
    }
}

/// Chooses the packets of one track for one subscriber.
///
/// A decoder can begin a stream only at a keyframe. Until that of the target comes, the current one goes on. Within a stream it goes
/// down at the next picture, and up at the next keyframe.
///
/// ```text
///              keyframe of the target
///   waiting ───────────────────────────► current = target ◄─┐
///      ▲                                      │   │  new target, then its keyframe, or a picture to go down at
///      └──── paused, or the source restarts ──┘   └─────────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerSelector {
    target: Option<LayerId>,
    stream: Option<Stream>,
}

/// The stream that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stream {
    lowest: LayerId,
    highest: LayerId,
    /// The time of its newest picture.
    newest: u32,
    ceiling: Ceiling,
    /// What held before, for packets that come late.
    before: Option<LayerId>,
}

/// Up to which layer pictures are forwarded, from this time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ceiling {
    since: u32,
    layer: LayerId,
}

impl LayerSelector {
    /// Sets the layer to reach. `None` pauses at once.
    pub fn set_target(&mut self, target: Option<LayerId>) {
        self.target = target;
        if target.is_none() {
            self.stream = None;
        }
    }

    /// Forgets what was forwarded: the source is another one, and begins with a keyframe.
    pub fn restart(&mut self) {
        self.stream = None;
    }

    /// Returns the layer that is forwarded, with those below it that it builds on.
    pub fn current(&self) -> Option<LayerId> {
        self.stream.map(|stream| stream.ceiling.layer)
    }

    /// Returns the layer to reach.
    pub fn target(&self) -> Option<LayerId> {
        self.target
    }

    /// Returns the layer whose keyframe is waited for.
    pub fn awaited(&self) -> Option<LayerId> {
        let is_reached = |stream: Stream, target| (stream.lowest..=stream.ceiling.layer).contains(&target);
        self.target.filter(|target| self.stream.is_none_or(|stream| !is_reached(stream, *target)))
    }

    /// Returns whether the stream is forwarded whose lowest layer this is.
    pub fn carries(&self, lowest: LayerId) -> bool {
        self.stream.is_some_and(|stream| stream.lowest == lowest)
    }

    /// Returns whether a packet that is forwarded is of the highest layer that is forwarded of its picture.
    pub fn is_highest(&self, piece: &Piece) -> bool {
        self.stream.is_some_and(|stream| stream.ceiling_at(piece.time) == piece.layer)
    }

    /// Answers what to do with a packet, and takes note of it.
    pub fn select(&mut self, piece: &Piece) -> Verdict {
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.lowest == piece.lowest) {
            stream.turn(piece, self.target);
            let is_wanted = piece.layer <= stream.ceiling_at(piece.time);
            return if is_wanted { Verdict::Forward } else { Verdict::LeaveOut };
        }
        let Some(target) = self.target.filter(|target| piece.begins_keyframe && piece.brings(*target)) else {
            return Verdict::Drop;
        };
        self.stream = Some(Stream {
            lowest: piece.lowest,
            highest: piece.highest.unwrap_or(piece.lowest),
            newest: piece.time,
            ceiling: Ceiling { since: piece.time, layer: target },
            before: None,
        });
        Verdict::Switch
    }
}

impl Stream {
    /// Moves to the target, if a packet begins a picture at which that is possible. When the first packet of a keyframe to go up at comes
    /// late, some of the higher layers were left out already: then the next keyframe is waited for.
    fn turn(&mut self, piece: &Piece, target: Option<LayerId>) {
        self.highest = piece.highest.unwrap_or(self.highest);
        if !is_after(piece.time, self.newest) {
            return;
        }
        self.newest = piece.time;
        let Some(target) = target.filter(|target| *target >= self.lowest) else { return };
        let (layer, now) = (target.min(self.highest), self.ceiling.layer);
        let can_rise = piece.layer == self.lowest && piece.is_independent;
        if layer < now || (layer > now && can_rise) {
            self.before = Some(now);
            self.ceiling = Ceiling { since: piece.time, layer };
        }
    }

    fn ceiling_at(&self, time: u32) -> LayerId {
        let Ceiling { since, layer } = self.ceiling;
        if is_after(since, time) { self.before.unwrap_or(layer) } else { layer }
    }
}

/// Times wrap: which one is later is seen from the shorter way between them.
fn is_after(time: u32, other: u32) -> bool {
    (1..1 << 31).contains(&time.wrapping_sub(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: LayerId = LayerId(0);
    const MIDDLE: LayerId = LayerId(1);
    const HIGH: LayerId = LayerId(2);

    /// A packet of a layer that comes in a stream of its own.
    fn alone(layer: LayerId, begins_keyframe: bool) -> Piece {
        Piece {
            layer,
            lowest: layer,
            highest: None,
            begins_keyframe,
            is_independent: begins_keyframe,
            time: 0,
        }
    }

    /// A packet of a layer of the only stream.
    fn built(layer: u8, time: u32, is_independent: bool) -> Piece {
        let begins_keyframe = is_independent && layer == 0;
        Piece {
            layer: LayerId(layer),
            lowest: LOW,
            highest: begins_keyframe.then_some(HIGH),
            begins_keyframe,
            is_independent,
            time,
        }
    }

    fn select(selector: &mut LayerSelector, layer: LayerId, begins_keyframe: bool) -> Verdict {
        selector.select(&alone(layer, begins_keyframe))
    }

    fn on_low() -> LayerSelector {
        let mut selector = LayerSelector::default();
        selector.set_target(Some(LOW));
        assert_eq!(select(&mut selector, LOW, true), Verdict::Switch);
        selector
    }

    /// Returns up to which layer a picture is forwarded.
    fn show(selector: &mut LayerSelector, time: u32, is_keyframe: bool) -> u8 {
        let verdicts = [0, 1, 2].map(|layer| selector.select(&built(layer, time, is_keyframe)));
        let forwarded = verdicts.iter().take_while(|it| **it != Verdict::LeaveOut).count();
        assert!(verdicts[forwarded..].iter().all(|it| *it == Verdict::LeaveOut), "{verdicts:?}");
        u8::try_from(forwarded).unwrap() - 1
    }

    #[test]
    fn nothing_goes_out_before_the_first_keyframe() {
        let mut selector = LayerSelector::default();
        assert_eq!(select(&mut selector, LOW, true), Verdict::Drop, "nothing is wanted");
        selector.set_target(Some(LOW));
        assert_eq!(selector.awaited(), Some(LOW));
        assert_eq!(select(&mut selector, LOW, false), Verdict::Drop);
        assert_eq!(select(&mut selector, HIGH, true), Verdict::Drop);
        assert_eq!(select(&mut selector, LOW, true), Verdict::Switch);
        assert_eq!(selector.awaited(), None);
    }

    #[test]
    fn the_current_layer_goes_on_until_the_keyframe_of_the_target() {
        let mut selector = on_low();
        selector.set_target(Some(HIGH));
        assert_eq!(select(&mut selector, LOW, false), Verdict::Forward);
        assert_eq!(select(&mut selector, HIGH, false), Verdict::Drop);
        assert_eq!(select(&mut selector, HIGH, true), Verdict::Switch);
        assert_eq!(select(&mut selector, LOW, true), Verdict::Drop);
        assert_eq!(select(&mut selector, HIGH, false), Verdict::Forward);
    }

    #[test]
    fn a_keyframe_of_the_current_layer_is_no_switch() {
        assert_eq!(select(&mut on_low(), LOW, true), Verdict::Forward);
    }

    #[test]
    fn a_pause_is_immediate_and_ends_at_a_keyframe() {
        let mut selector = on_low();
        selector.set_target(None);
        assert_eq!(select(&mut selector, LOW, true), Verdict::Drop);
        selector.set_target(Some(LOW));
        assert_eq!(select(&mut selector, LOW, false), Verdict::Drop);
        assert_eq!(select(&mut selector, LOW, true), Verdict::Switch);
    }

    #[test]
    fn within_a_stream_it_goes_down_at_a_picture_and_up_at_a_keyframe() {
        let mut selector = LayerSelector::default();
        selector.set_target(Some(HIGH));
        assert_eq!(selector.select(&built(0, 1, false)), Verdict::Drop);
        assert_eq!(show(&mut selector, 2, true), 2);
        assert_eq!(selector.select(&built(0, 3, false)), Verdict::Forward);
        selector.set_target(Some(LOW));
        assert_eq!(selector.awaited(), None, "to go down takes no keyframe");
        assert_eq!(selector.select(&built(2, 3, false)), Verdict::Forward, "the picture is finished");
        assert_eq!((show(&mut selector, 4, false), selector.current()), (0, Some(LOW)));
        assert_eq!(selector.select(&built(2, 3, false)), Verdict::Forward, "it is only late");
        selector.set_target(Some(MIDDLE));
        assert_eq!(selector.awaited(), Some(MIDDLE));
        assert_eq!(show(&mut selector, 5, false), 0);
        assert_eq!(show(&mut selector, 6, true), 1);
        assert_eq!((selector.awaited(), selector.current()), (None, Some(MIDDLE)));
        assert!(selector.is_highest(&built(1, 6, false)) && selector.is_highest(&built(0, 5, false)));
    }

    #[test]
    fn a_keyframe_whose_beginning_comes_after_its_end_is_not_gone_up_at() {
        let mut selector = LayerSelector::default();
        selector.set_target(Some(LOW));
        assert_eq!(show(&mut selector, 1, true), 0);
        selector.set_target(Some(HIGH));
        assert_eq!(selector.select(&built(2, 2, true)), Verdict::LeaveOut);
        assert_eq!(show(&mut selector, 2, true), 0);
        assert_eq!(selector.awaited(), Some(HIGH));
        assert_eq!(show(&mut selector, 3, true), 2);
    }

    #[test]
    fn a_stream_of_fewer_layers_than_wanted_is_taken_as_it_is() {
        let mut selector = LayerSelector::default();
        selector.set_target(Some(MIDDLE));
        show(&mut selector, 1, true);
        selector.set_target(Some(HIGH));
        let smaller = Piece { highest: Some(MIDDLE), ..built(0, 2, true) };
        assert_eq!(selector.select(&smaller), Verdict::Forward);
        assert_eq!(selector.current(), Some(MIDDLE));
    }
}

//! Frames of one video slot: which are complete, and which a decoder could show.

use std::collections::BTreeMap;

use crate::stamp::Stamp;
use crate::wall::Wall;

/// Frames that wait for packets, or for those before them. Beyond it the oldest are given up.
const WAITING_MAX: usize = 64;

/// Puts the frames of a slot together.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    sender: Option<u32>,
    /// By beat and layer.
    waiting: BTreeMap<(u32, u8), Waiting>,
    /// Since when some wait, without any having been shown.
    waiting_since: Option<Wall>,
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Waiting {
    has: u32,
    parts: u8,
    parts_seen: [u64; 4],
    is_keyframe: bool,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    frame: u32,
    layer: u8,
    at: Wall,
}

/// A frame that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Showing {
    pub(crate) is_keyframe: bool,
    pub(crate) layer: u8,
    /// When the frame before it was shown; `None` for the first of a sender.
    pub(crate) after: Option<Wall>,
}

impl Frames {
    /// Takes a packet that came at `at`, and gives those frames to `show` that can be shown now.
    pub(crate) fn handle(&mut self, at: Wall, stamp: &Stamp, mut show: impl FnMut(Showing)) {
        if self.sender != Some(stamp.sender) {
            *self = Self { sender: Some(stamp.sender), ..Self::default() };
        }
        // A switch to a higher layer shows two frames of one beat: the last of the lower layer, then the first of the higher one.
        let is_past = |shown: Shown| {
            stamp.frame < shown.frame || (stamp.frame, stamp.layer) == (shown.frame, shown.layer)
        };
        if self.shown.is_some_and(is_past) {
            return;
        }
        let waiting = self.waiting.entry((stamp.frame, stamp.layer)).or_insert(Waiting {
            has: 0,
            parts: stamp.parts,
            parts_seen: [0; 4],
            is_keyframe: stamp.is_keyframe,
        });
        waiting.add(stamp.part);
        self.waiting_since.get_or_insert(at);
        while let Some((frame, layer, is_keyframe)) = self.next() {
            self.waiting.retain(|key, _| key.0 > frame || (key.0 == frame && key.1 > layer));
            self.waiting_since = (!self.waiting.is_empty()).then_some(at);
            let before = self.shown.replace(Shown { frame, layer, at });
            show(Showing { is_keyframe, layer, after: before.map(|shown| shown.at) });
        }
        while self.waiting.len() > WAITING_MAX {
            self.waiting.pop_first();
        }
    }

    /// Returns since when packets wait without any frame being shown.
    pub(crate) fn waiting_since(&self) -> Option<Wall> {
        self.waiting_since
    }

    /// Returns the frame that can be shown next: the one that follows the last, or a keyframe.
    fn next(&self) -> Option<(u32, u8, bool)> {
        let follows = self.shown.and_then(|shown| {
            let key = (shown.frame.wrapping_add(1), shown.layer);
            let waiting = self.waiting.get(&key).filter(|waiting| waiting.is_complete())?;
            Some((key.0, key.1, waiting.is_keyframe))
        });
        let mut complete = self.waiting.iter().filter(|(_, waiting)| waiting.is_complete());
        follows.or_else(|| {
            let ((frame, layer), _) = complete.find(|(_, waiting)| waiting.is_keyframe)?;
            Some((*frame, *layer, true))
        })
    }
}

impl Waiting {
    fn add(&mut self, part: u8) {
        let (word, bit) = (usize::from(part / 64), 1 << (part % 64));
        self.has += u32::from(self.parts_seen[word] & bit == 0);
        self.parts_seen[word] |= bit;
    }

    fn is_complete(&self) -> bool {
        self.has == u32::from(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(frame: u32, layer: u8, part: u8, is_keyframe: bool) -> Stamp {
        Stamp {
            run: 1,
            sender: 1,
            is_video: true,
            is_keyframe,
            layer,
            part,
            parts: 2,
            frame,
            sent_at: Wall::default(),
        }
    }

    /// Returns the layers of the frames that were shown.
    fn play(frames: &mut Frames, packets: &[Stamp]) -> Vec<u8> {
        let mut shown = Vec::new();
        for stamp in packets {
            frames.handle(Wall(stamp.frame.into()), stamp, |showing| shown.push(showing.layer));
        }
        shown
    }

    fn whole(frame: u32, layer: u8, is_keyframe: bool) -> [Stamp; 2] {
        [packet(frame, layer, 0, is_keyframe), packet(frame, layer, 1, is_keyframe)]
    }

    #[test]
    fn nothing_is_shown_before_a_keyframe() {
        let mut frames = Frames::default();
        assert!(play(&mut frames, &whole(1, 0, false)).is_empty());
        assert_eq!(play(&mut frames, &whole(2, 0, true)).len(), 1);
        assert_eq!(play(&mut frames, &whole(3, 0, false)).len(), 1);
    }

    #[test]
    fn a_lost_packet_holds_up_all_that_follows_until_it_comes() {
        let mut frames = Frames::default();
        play(&mut frames, &whole(1, 0, true));
        assert!(play(&mut frames, &[packet(2, 0, 0, false)]).is_empty());
        assert!(play(&mut frames, &whole(3, 0, false)).is_empty());
        assert!(play(&mut frames, &whole(4, 0, false)).is_empty());
        assert_eq!(frames.waiting_since(), Some(Wall(2)));
        assert_eq!(play(&mut frames, &[packet(2, 0, 1, false)]).len(), 3);
        assert_eq!(frames.waiting_since(), None);
    }

    #[test]
    fn a_keyframe_ends_the_wait_and_a_packet_that_comes_twice_counts_once() {
        let mut frames = Frames::default();
        play(&mut frames, &whole(1, 0, true));
        assert!(play(&mut frames, &[packet(2, 0, 0, false), packet(2, 0, 0, false)]).is_empty());
        assert_eq!(play(&mut frames, &whole(5, 0, true)).len(), 1);
        assert!(play(&mut frames, &[packet(2, 0, 1, false)]).is_empty(), "it is past");
    }

    #[test]
    fn a_switch_within_a_beat_shows_both_frames() {
        let mut frames = Frames::default();
        let packets = [whole(1, 0, true), whole(2, 0, false), whole(2, 1, true), whole(3, 1, false)].concat();
        assert_eq!(play(&mut frames, &packets), [0, 0, 1, 1]);
        assert_eq!(frames.waiting_since(), None);
    }

    #[test]
    fn a_switch_of_layers_at_a_keyframe_leaves_no_gap() {
        let mut frames = Frames::default();
        let packets = [whole(1, 0, true), whole(2, 0, false), whole(3, 2, true), whole(4, 2, false)].concat();
        assert_eq!(play(&mut frames, &packets), [0, 0, 2, 2]);
    }
}

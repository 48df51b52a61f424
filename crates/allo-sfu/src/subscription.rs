//! What a subscriber would like to see and hear.

use crate::ids::TrackId;

/// Wishes of one subscriber that count. It has fewer slots than that.
const WISHES_MAX: usize = 64;

/// A video that a subscriber would like to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The track. It may be one that is declared and not sent yet: it is seen from its first keyframe on.
    pub track: TrackId,
    /// The height of its tile in pixels. What is hidden is not wished for.
    pub height_max: u16,
}

/// What a subscriber receives, as far as there are slots and bandwidth.
///
/// One that wishes for nothing and does not hear is sent nothing but answers to its checks of connectivity and a report a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The videos to see, the most important first. `None` stands for the first that there are, as large as they come.
    pub wishes: Option<Vec<Wish>>,
    /// Whether the loudest are heard.
    pub hears: bool,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { wishes: None, hears: true }
    }
}

impl Subscription {
    /// Leaves out what no one has slots for.
    pub(crate) fn bounded(mut self) -> Self {
        if let Some(wishes) = &mut self.wishes {
            wishes.truncate(WISHES_MAX);
        }
        self
    }

    /// Returns how high the tile of a track is: as high as any, while nothing was wished.
    pub(crate) fn tile_height(&self, track: TrackId) -> u16 {
        let Some(wishes) = &self.wishes else { return u16::MAX };
        wishes.iter().find(|wish| wish.track == track).map_or(0, |wish| wish.height_max)
    }

    /// Returns how important a track is: 0 for the most.
    pub(crate) fn rank(&self, track: TrackId) -> usize {
        let mut wishes = self.wishes.iter().flatten();
        wishes.position(|wish| wish.track == track).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LineId, ParticipantId};

    fn wish(publisher: u64, height_max: u16) -> Wish {
        Wish { track: TrackId { publisher: ParticipantId(publisher), line: LineId(1) }, height_max }
    }

    #[test]
    fn wishes_beyond_all_slots_are_left_out() {
        let wishes: Vec<_> = (0..1_000).map(|n| wish(n, 180)).collect();
        let subscription = Subscription { wishes: Some(wishes), hears: true }.bounded();
        assert_eq!(subscription.wishes.map(|wishes| wishes.len()), Some(WISHES_MAX));
    }

    #[test]
    fn what_was_not_wished_for_has_no_tile_and_comes_last() {
        let subscription = Subscription { wishes: Some(vec![wish(1, 720), wish(2, 180)]), hears: true };
        let look = |publisher| {
            let track = wish(publisher, 0).track;
            (subscription.tile_height(track), subscription.rank(track))
        };
        assert_eq!([look(1), look(2), look(3)], [(720, 0), (180, 1), (0, usize::MAX)]);
        assert_eq!(Subscription::default().tile_height(wish(3, 0).track), u16::MAX);
    }
}

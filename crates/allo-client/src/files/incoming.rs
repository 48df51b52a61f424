//! A file that is taken here.

use std::time::{Duration, Instant};

use super::message::{PART, length_at};
use super::progress::Progress;

/// Parts that came and are not written yet: four megabytes. Beyond it the disk is too slow, and the file is given up, as nothing in the protocol says
/// to the server that it should go slower.
pub(super) const WRITES_MAX: usize = 256;

/// When nothing came for so long, the word that it is over was lost. The server waits for twenty seconds for each end.
///
/// Lower: a file is given up that would have gone on. Higher: what is over is shown as if it went on.
const STALL: Duration = Duration::from_mins(1);

/// A file that is taken here, and what there is of it.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The number of where it is written to.
    pub(super) content: u32,
    pub(super) bytes: u32,
    /// Whether the server has said that it comes. The first parts may come before.
    pub(super) is_accepted: bool,
    /// Which parts came: at most 262,144, as a length has 32 bits.
    came: Vec<bool>,
    /// Parts that are not written yet.
    waiting: usize,
    written: u32,
    heard_at: Instant,
    progress: Progress,
}

/// What becomes of a part that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is to be written.
    New,
    /// It is none of this file, or came before: it is dropped.
    Dropped,
    /// Too much waits to be written.
    TooMuch,
}

impl Incoming {
    pub(super) fn new(now: Instant, content: u32, bytes: u32) -> Self {
        let parts = usize::try_from(bytes.div_ceil(PART)).unwrap_or(usize::MAX);
        Self {
            content,
            bytes,
            is_accepted: false,
            came: vec![false; parts],
            waiting: 0,
            written: 0,
            heard_at: now,
            progress: Progress::default(),
        }
    }

    /// Takes a part. They may begin anywhere, and some of an earlier turn may still come.
    pub(super) fn keep(&mut self, now: Instant, place: u32, bytes: &[u8]) -> Kept {
        let is_whole =
            length_at(place, self.bytes).is_some_and(|length| usize::try_from(length) == Ok(bytes.len()));
        let index = usize::try_from(place / PART).unwrap_or(usize::MAX);
        let Some(came) = self.came.get_mut(index).filter(|came| is_whole && !**came) else {
            return Kept::Dropped;
        };
        *came = true;
        self.heard_at = now;
        self.waiting += 1;
        if self.waiting > WRITES_MAX { Kept::TooMuch } else { Kept::New }
    }

    /// A part was written. Returns how many bytes were by now, if it is time to say so.
    pub(super) fn wrote(&mut self, now: Instant, length: u32) -> Option<u32> {
        self.waiting = self.waiting.saturating_sub(1);
        self.written = self.written.saturating_add(length);
        self.progress.is_due(now, self.is_written()).then_some(self.written)
    }

    /// Returns whether all of it is written.
    pub(super) fn is_written(&self) -> bool {
        self.written >= self.bytes
    }

    /// Returns when it is given up if nothing comes. What has come is waited for.
    pub(super) fn stalls_at(&self) -> Option<Instant> {
        self.came.contains(&false).then_some(self.heard_at + STALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_kept_once_wherever_the_first_begins() {
        let now = Instant::now();
        let mut file = Incoming::new(now, 1, 2 * PART + 3);
        let whole = vec![7; 16_384];
        assert_eq!(file.keep(now, 2 * PART, b"abc"), Kept::New);
        assert_eq!(file.keep(now, 0, &whole), Kept::New);
        for (place, bytes) in
            [(0, &whole[..]), (PART, &whole[1..]), (1, &whole), (3 * PART, b""), (u32::MAX, b"a")]
        {
            assert_eq!(file.keep(now, place, bytes), Kept::Dropped, "{place}");
        }
        assert!(file.stalls_at().is_some());
        assert_eq!(file.keep(now, PART, &whole), Kept::New);
        assert_eq!(file.stalls_at(), None, "all of it came");
        for length in [3, PART, PART] {
            assert!(!file.is_written());
            file.wrote(now, length);
        }
        assert!(file.is_written());
    }

    #[test]
    fn what_waits_to_be_written_is_bounded() {
        let now = Instant::now();
        let mut file = Incoming::new(now, 1, u32::MAX);
        let whole = vec![7; 16_384];
        for part in 0..256 {
            assert_eq!(file.keep(now, part * PART, &whole), Kept::New);
        }
        assert_eq!(file.keep(now, 256 * PART, &whole), Kept::TooMuch);
    }
}

//! Sequence numbers of one stream: what was lost, and what came twice or late.

/// Numbers that are remembered. What is still missing then is lost; 1,024 are several seconds of video.
const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// Watches the numbers of one stream.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// One more than the highest number so far; `None` before the first.
    next: Option<u64>,
    /// The lowest number that is remembered.
    floor: u64,
    seen: [u64; WORDS],
}

/// What a number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is higher than all before; so many before it were given up as lost.
    InOrder { lost: u64 },
    /// It was missing, and came after all.
    Late,
    /// It has come before, or is older than what is remembered.
    Duplicate,
}

impl Window {
    /// Takes note of a number.
    pub(crate) fn handle(&mut self, number: u64) -> Verdict {
        let next = *self.next.get_or_insert_with(|| {
            self.floor = number;
            number
        });
        if number >= next {
            let lost = self.advance(number);
            return Verdict::InOrder { lost };
        }
        if number < self.floor || self.is_seen(number) {
            return Verdict::Duplicate;
        }
        self.mark(number);
        Verdict::Late
    }

    /// Returns how many are missing still, which have not been given up.
    pub(crate) fn missing(&self) -> u64 {
        let Some(next) = self.next else { return 0 };
        (self.floor..next).filter(|number| !self.is_seen(*number)).count() as u64
    }

    /// Moves on to a number, and returns how many that fell out of the window were missing.
    fn advance(&mut self, number: u64) -> u64 {
        let mut lost = 0;
        let floor = (number + 1).saturating_sub(WINDOW).max(self.floor);
        let next = self.next.unwrap_or(number);
        for old in self.floor..floor.min(next) {
            lost += u64::from(!self.is_seen(old));
        }
        // A jump over more than the whole window: what lies between was never seen, and is lost.
        lost += floor.saturating_sub(next);
        for new in next.max(floor)..=number {
            self.clear(new);
        }
        self.floor = floor;
        self.next = Some(number + 1);
        self.mark(number);
        lost
    }

    fn is_seen(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.seen[word] & bit != 0
    }

    fn mark(&mut self, number: u64) {
        let (word, bit) = place(number);
        self.seen[word] |= bit;
    }

    fn clear(&mut self, number: u64) {
        let (word, bit) = place(number);
        self.seen[word] &= !bit;
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it is less than the size of the window")]
fn place(number: u64) -> (usize, u64) {
    let place = number % WINDOW;
    ((place / 64) as usize, 1 << (place % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbroken_stream_has_nothing_to_tell() {
        let mut window = Window::default();
        for number in 60_000..70_000 {
            assert_eq!(window.handle(number), Verdict::InOrder { lost: 0 });
        }
        assert_eq!(window.missing(), 0);
    }

    #[test]
    fn what_comes_late_is_not_lost_and_what_comes_twice_is_noticed() {
        let mut window = Window::default();
        for number in [10, 11, 14, 15] {
            assert_eq!(window.handle(number), Verdict::InOrder { lost: 0 });
        }
        assert_eq!(window.missing(), 2);
        assert_eq!(window.handle(12), Verdict::Late);
        assert_eq!(window.handle(12), Verdict::Duplicate);
        assert_eq!(window.handle(15), Verdict::Duplicate);
        assert_eq!(window.handle(9), Verdict::Duplicate, "older than the first");
        assert_eq!(window.missing(), 1);
    }

    #[test]
    fn every_number_is_counted_once_whatever_the_losses_are() {
        for seed in 0..50 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut window = Window::default();
            let (mut lost, mut dropped, mut number) = (0, 0, 1_000_u64);
            for _ in 0..5_000 {
                let skip = match random.u32(0..1_000) {
                    0 => random.u64(0..5_000),
                    1..50 => 1,
                    _ => 0,
                };
                dropped += if number == 1_000 { 0 } else { skip };
                number += if number == 1_000 { 0 } else { skip };
                let Verdict::InOrder { lost: more } = window.handle(number) else { panic!("it is higher") };
                lost += more;
                number += 1;
            }
            assert_eq!(lost + window.missing(), dropped, "seed {seed}");
        }
    }
}

//! How much a participant is sent again, so that nobody makes the server send more by asking for it.

/// What may be sent again at once, in bytes: a large keyframe.
///
/// Higher: a longer outage is repaired. Lower: who asks for everything again gets less.
const BURST: u64 = 64 * 1024;

/// What is sent again for each byte of media, in hundredths.
///
/// Lower: where packets are lost and shuffled, pictures stand still until the next keyframe, for what was only overtaken is asked
/// for, too. Higher: a link that loses because it is narrow is made narrower.
const SHARE_PERCENT: u64 = 25;

/// A budget for what is sent again. Beyond it requests go unheard.
#[derive(Debug)]
pub(crate) struct Repairs {
    /// In hundredths of a byte.
    free: u64,
}

impl Repairs {
    pub(crate) fn new() -> Self {
        Self { free: BURST * 100 }
    }

    /// Records media that was sent.
    pub(crate) fn earn(&mut self, bytes: usize) {
        let earned = (bytes as u64).saturating_mul(SHARE_PERCENT);
        self.free = self.free.saturating_add(earned).min(BURST * 100);
    }

    /// Returns whether so much may be sent again.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let left = self.free.checked_sub((bytes as u64).saturating_mul(100));
        self.free = left.unwrap_or(self.free);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_is_a_quarter_of_what_is_sent_and_what_may_come_at_once() {
        let mut repairs = Repairs::new();
        let mut again = 0;
        for _ in 0..6_000 {
            repairs.earn(1_000);
            again += (0..5).filter(|_| repairs.spend(1_000)).count();
        }
        assert_eq!(again, 6_000 / 4 + 65);
    }
}

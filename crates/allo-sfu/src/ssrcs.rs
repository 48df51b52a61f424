//! Under which SSRCs a participant sends: those under which a packet came that could be decrypted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::{LayerId, LineId};

/// SSRCs that may be new at once: six lines of three layers, each with one for retransmissions, and a few to spare.
const NEWCOMERS_BURST: u32 = 40;

/// How often one more may be new. An encoder that starts anew may take another SSRC.
///
/// Lower: many restarts in a row are seen sooner. Higher: each forged SSRC costs a stream what it knew of losses.
const NEWCOMER_INTERVAL: Duration = Duration::from_secs(1);

/// SSRCs that are remembered without proof. Beyond it the oldest is forgotten.
const STRANGERS_MAX: usize = 64;

/// For how long nothing comes through under an SSRC that claimed the place of a proven one.
///
/// Lower: forged packets cost more. Higher: who begins with padding under a new SSRC waits longer.
const SUSPICION: Duration = Duration::from_secs(1);

/// Decides which packets of media the engine may see, by the SSRC alone, before anything is decrypted.
///
/// The engine believes what an unproven packet says of the line it belongs to, and takes the line from the SSRC that had it. So
/// whoever forges one packet would silence a participant for good: browsers name the line only in their first packets. Here each
/// line keeps the SSRC that last proved itself, and the engine is put right when it was led astray ([`Self::owners`]).
#[derive(Debug)]
pub(crate) struct Ssrcs {
    owners: BTreeMap<(LineId, LayerId), Owner>,
    strangers: BTreeMap<u32, Stranger>,
    newcomers: u32,
    refilled_at: Instant,
}

/// The SSRCs of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) main: u32,
    /// That of its retransmissions, as far as it is known.
    pub(crate) repair: Option<u32>,
}

#[derive(Debug)]
struct Stranger {
    since: Instant,
    suspected_at: Option<Instant>,
}

impl Ssrcs {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            owners: BTreeMap::new(),
            strangers: BTreeMap::new(),
            newcomers: NEWCOMERS_BURST,
            refilled_at: now,
        }
    }

    /// Returns whether a layer belongs to this SSRC. Those of probes for bandwidth, which are 0, belong to no layer and do no harm.
    pub(crate) fn is_proven(&self, ssrc: u32) -> bool {
        ssrc == 0 || self.owners.values().any(|owner| owner.main == ssrc || owner.repair == Some(ssrc))
    }

    /// Returns whether the engine may see a packet.
    pub(crate) fn admit(&mut self, now: Instant, ssrc: u32) -> bool {
        if self.is_proven(ssrc) {
            return true;
        }
        if let Some(stranger) = self.strangers.get(&ssrc) {
            return stranger.suspected_at.is_none_or(|at| now.saturating_duration_since(at) > SUSPICION);
        }
        self.refill(now);
        let Some(left) = self.newcomers.checked_sub(1) else { return false };
        self.newcomers = left;
        if self.strangers.len() >= STRANGERS_MAX {
            let oldest = self.strangers.iter().min_by_key(|(_, stranger)| stranger.since);
            oldest.map(|(ssrc, _)| *ssrc).map(|ssrc| self.strangers.remove(&ssrc));
        }
        self.strangers.insert(ssrc, Stranger { since: now, suspected_at: None });
        true
    }

    /// Records that a packet of a layer was decrypted. It came under `ssrc`, which is `main` or repairs it.
    pub(crate) fn prove(&mut self, layer: (LineId, LayerId), main: u32, ssrc: u32, repair: Option<u32>) {
        self.strangers.remove(&ssrc);
        let owner = self.owners.entry(layer).or_insert(Owner { main, repair });
        if ssrc != main {
            owner.repair = Some(ssrc);
        } else if owner.main == main {
            owner.repair = owner.repair.or(repair);
        } else {
            *owner = Owner { main, repair };
        }
    }

    /// Records that an SSRC claimed a layer that belongs to another.
    pub(crate) fn suspect(&mut self, now: Instant, ssrc: u32) {
        if let Some(stranger) = self.strangers.get_mut(&ssrc) {
            stranger.suspected_at = Some(now);
        }
    }

    /// Returns what belongs to whom.
    pub(crate) fn owners(&self) -> impl Iterator<Item = ((LineId, LayerId), Owner)> {
        self.owners.iter().map(|(layer, owner)| (*layer, *owner))
    }

    fn refill(&mut self, now: Instant) {
        while self.newcomers < NEWCOMERS_BURST && self.refilled_at + NEWCOMER_INTERVAL <= now {
            self.refilled_at += NEWCOMER_INTERVAL;
            self.newcomers += 1;
        }
        if self.newcomers == NEWCOMERS_BURST {
            self.refilled_at = now;
        }
    }
}

/// Returns the SSRC of a packet of media; `None` for anything else (RFC 7983, RFC 5761 §4).
pub(crate) fn ssrc_of(datagram: &[u8]) -> Option<u32> {
    let is_media = matches!(datagram, [128..=191, kind, ..] if !(192..=223).contains(kind));
    let ssrc = datagram.get(8..)?.first_chunk::<4>()?;
    is_media.then(|| u32::from_be_bytes(*ssrc))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const MIC: (LineId, LayerId) = (LineId(0), LayerId(0));

    #[test]
    fn so_many_are_new_at_once_and_one_more_each_second() {
        let start = Instant::now();
        let mut ssrcs = Ssrcs::new(start);
        let mut admitted =
            |at: Instant, range: std::ops::Range<u32>| range.filter(|ssrc| ssrcs.admit(at, *ssrc)).count();
        assert_eq!(admitted(start, 1..10_000), 40);
        assert_eq!(admitted(start + Duration::from_secs(3), 10_000..20_000), 3);
        assert_eq!(admitted(start + Duration::from_hours(1), 20_000..30_000), 40);
        assert!(ssrcs.strangers.len() <= STRANGERS_MAX);
    }

    #[test]
    fn who_proved_itself_is_never_refused() {
        let start = Instant::now();
        let mut ssrcs = Ssrcs::new(start);
        assert!(ssrcs.admit(start, 7));
        ssrcs.prove(MIC, 7, 7, None);
        (100..1_000).for_each(|ssrc| {
            ssrcs.admit(start, ssrc);
        });
        assert!(ssrcs.admit(start, 7) && ssrcs.admit(start, 0));
        assert!(!ssrcs.admit(start, 5_000));
    }

    #[test]
    fn who_claims_the_place_of_another_waits() {
        let start = Instant::now();
        let mut ssrcs = Ssrcs::new(start);
        assert!(ssrcs.admit(start, 8));
        ssrcs.suspect(start, 8);
        assert!(!ssrcs.admit(start, 8));
        assert!(ssrcs.admit(start + 2 * SUSPICION, 8));
    }

    #[test]
    fn a_layer_belongs_to_the_last_that_proved_itself_and_to_its_repairs() {
        let mut ssrcs = Ssrcs::new(Instant::now());
        ssrcs.prove(MIC, 7, 7, None);
        ssrcs.prove(MIC, 7, 9, None);
        assert_eq!(ssrcs.owners().collect::<Vec<_>>(), [(MIC, Owner { main: 7, repair: Some(9) })]);
        ssrcs.prove(MIC, 7, 7, Some(10));
        assert!(ssrcs.is_proven(9) && !ssrcs.is_proven(10), "what was proven counts for more");
        ssrcs.prove(MIC, 11, 11, None);
        assert_eq!(ssrcs.owners().collect::<Vec<_>>(), [(MIC, Owner { main: 11, repair: None })]);
    }

    #[test]
    fn media_is_told_from_reports_and_the_rest() {
        let packet = |first: u8, second: u8| [first, second, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        assert_eq!(ssrc_of(&packet(0x80, 96)), Some(3));
        assert_eq!(ssrc_of(&packet(0x90, 0xe0)), Some(3));
        assert_eq!(ssrc_of(&packet(0x81, 201)), None);
        assert_eq!(ssrc_of(&packet(22, 96)), None);
        assert_eq!(ssrc_of(&packet(0x80, 96)[..11]), None);
    }
}

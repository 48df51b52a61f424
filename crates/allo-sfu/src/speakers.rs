//! Who speaks, by the levels that publishers say of their own packets (RFC 6464).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How quick the elections are.
#[derive(Debug, Clone)]
pub struct SpeakersConfig {
    /// How many are forwarded at a time. Who is among them hears one less: nobody hears himself.
    pub slots: usize,
    /// Louder than this is sound, in dBov.
    ///
    /// Higher: whispering goes unheard. Lower: keyboards and fans take slots.
    pub threshold: i8,
    /// How long someone who fell silent keeps a slot while nobody else wants it, and counts as speaking.
    pub hangover: Duration,
    /// By how much a newcomer must be louder than the quietest who still makes sound, in dB, to take that slot.
    ///
    /// Higher: less switching when many speak at once. Lower: the loudest are heard sooner.
    pub margin: f32,
    /// How long someone must be the loudest to become the active speaker while another one still speaks.
    pub patience: Duration,
}

impl Default for SpeakersConfig {
    fn default() -> Self {
        Self {
            slots: 4,
            threshold: -50,
            hangover: Duration::from_millis(800),
            margin: 6.0,
            patience: Duration::from_millis(600),
        }
    }
}

/// The level of silence, in dBov; RFC 6464 can say nothing lower.
const SILENCE: f32 = -127.0;

/// The share of the old loudness that a packet of 20 ms leaves: a time constant of about 100 ms.
///
/// Lower: a cough wins. Higher: who begins to speak waits.
const SMOOTHING: f32 = 0.8;

/// Elects whose sound is forwarded, and who is the active speaker.
///
/// A free slot, or one whose holder fell silent, is given at the first loud packet: no syllable is cut off. Only while more people
/// make sound than there are slots does loudness decide, with a margin. `K` names a source of sound.
#[derive(Debug)]
pub struct Speakers<K> {
    config: SpeakersConfig,
    /// Every source that may be heard; the caller removes those who are gone.
    sources: BTreeMap<K, Source>,
    /// Who holds each slot. A holder keeps the slot until another one takes it.
    slots: Vec<Option<K>>,
    active: Option<K>,
    /// Who is louder than the active speaker, and since when.
    challenger: Option<(K, Instant)>,
}

#[derive(Debug)]
struct Source {
    loudness: f32,
    heard_at: Option<Instant>,
}

impl<K: Ord + Copy> Speakers<K> {
    /// Makes one without sources.
    pub fn new(config: SpeakersConfig) -> Self {
        let slots = vec![None; config.slots];
        Self { config, sources: BTreeMap::new(), slots, active: None, challenger: None }
    }

    /// Records the level of a packet of 20 ms, in dBov from -127 to 0.
    pub fn handle_level(&mut self, now: Instant, source: K, level: i8) {
        let entry = self.sources.entry(source).or_insert(Source { loudness: SILENCE, heard_at: None });
        entry.loudness = SMOOTHING * entry.loudness + (1.0 - SMOOTHING) * f32::from(level);
        if level > self.config.threshold {
            entry.heard_at = Some(now);
            self.claim_slot(now, source);
        }
        self.elect(now);
    }

    /// Forgets a source that is gone or muted. Its slot is free.
    pub fn remove(&mut self, source: K) {
        self.sources.remove(&source);
        self.slots.iter_mut().filter(|slot| **slot == Some(source)).for_each(|slot| *slot = None);
        if self.active == Some(source) {
            self.active = None;
        }
        if self.challenger.is_some_and(|(challenger, _)| challenger == source) {
            self.challenger = None;
        }
    }

    /// Returns the slot that a source holds.
    pub fn slot(&self, source: K) -> Option<usize> {
        self.slots.iter().position(|slot| *slot == Some(source))
    }

    /// Returns the active speaker: the last one who was, when all are silent.
    pub fn active(&self) -> Option<K> {
        self.active
    }

    /// Returns whether a source makes sound, whether or not it is forwarded.
    pub fn is_speaking(&self, now: Instant, source: K) -> bool {
        let heard_at = self.sources.get(&source).and_then(|source| source.heard_at);
        heard_at.is_some_and(|at| now.saturating_duration_since(at) <= self.config.hangover)
    }

    /// Gives `source` a slot if it has none and one is free, or can be taken.
    fn claim_slot(&mut self, now: Instant, source: K) {
        if self.slot(source).is_some() {
            return;
        }
        let rank = |slot: &Option<K>| match slot {
            None => f32::NEG_INFINITY,
            Some(holder) if self.is_speaking(now, *holder) => self.loudness(*holder),
            Some(_) => SILENCE,
        };
        let ranks = self.slots.iter().map(rank).enumerate();
        let Some((slot, quietest)) = ranks.min_by(|a, b| a.1.total_cmp(&b.1)) else { return };
        if quietest <= SILENCE || self.loudness(source) > quietest + self.config.margin {
            self.slots[slot] = Some(source);
        }
    }

    /// Lets the loudest become the active speaker, at once in a silence, after a while when someone is interrupted.
    fn elect(&mut self, now: Instant) {
        let speaking = self.sources.keys().copied().filter(|source| self.is_speaking(now, *source));
        let Some(loudest) = speaking.max_by(|a, b| self.loudness(*a).total_cmp(&self.loudness(*b))) else {
            return;
        };
        let Some(active) = self.active.filter(|active| self.is_speaking(now, *active)) else {
            self.active = Some(loudest);
            self.challenger = None;
            return;
        };
        if loudest == active {
            self.challenger = None;
            return;
        }
        match self.challenger {
            Some((challenger, since)) if challenger == loudest => {
                if now.saturating_duration_since(since) >= self.config.patience {
                    self.active = Some(loudest);
                    self.challenger = None;
                }
            }
            _ => self.challenger = Some((loudest, now)),
        }
    }

    fn loudness(&self, source: K) -> f32 {
        self.sources.get(&source).map_or(SILENCE, |source| source.loudness)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    /// Lets everyone send a packet each 20 ms for a while, at their level.
    fn talk(speakers: &mut Speakers<char>, now: &mut Instant, duration: Duration, levels: &[(char, i8)]) {
        let end = *now + duration;
        while *now < end {
            for (who, level) in levels {
                speakers.handle_level(*now, *who, *level);
            }
            *now += PACKET;
        }
    }

    fn speakers() -> (Speakers<char>, Instant) {
        let config = SpeakersConfig { slots: 3, ..SpeakersConfig::default() };
        (Speakers::new(config), Instant::now())
    }

    #[test]
    fn the_first_loud_packet_gets_a_slot() {
        let (mut speakers, mut now) = speakers();
        let second = Duration::from_secs(1);
        talk(&mut speakers, &mut now, second, &[('a', -30), ('b', -30), ('c', -30), ('d', -80)]);
        assert_eq!(speakers.slot('d'), None);
        // All three slots are held by people who have just fallen silent.
        talk(&mut speakers, &mut now, second, &[('a', -80), ('b', -80), ('c', -80), ('d', -80)]);
        speakers.handle_level(now, 'd', -30);
        assert!(speakers.slot('d').is_some(), "no syllable is cut off");
    }

    #[test]
    fn a_slot_is_taken_from_who_still_speaks_only_by_someone_clearly_louder() {
        let (mut speakers, mut now) = speakers();
        let second = Duration::from_secs(1);
        let three = [('a', -30), ('b', -30), ('c', -40)];
        talk(&mut speakers, &mut now, second, &three);
        talk(&mut speakers, &mut now, second, &[three[0], three[1], three[2], ('d', -38)]);
        assert_eq!(speakers.slot('d'), None);
        talk(&mut speakers, &mut now, second, &[three[0], three[1], three[2], ('d', -20)]);
        assert!(speakers.slot('d').is_some());
        assert_eq!(speakers.slot('c'), None, "the quietest gave way");
    }

    #[test]
    fn the_active_speaker_is_not_replaced_by_a_cough() {
        let (mut speakers, mut now) = speakers();
        talk(&mut speakers, &mut now, Duration::from_secs(1), &[('a', -35), ('b', -90)]);
        talk(&mut speakers, &mut now, Duration::from_millis(200), &[('a', -35), ('b', -10)]);
        talk(&mut speakers, &mut now, Duration::from_secs(1), &[('a', -35), ('b', -90)]);
        assert_eq!(speakers.active(), Some('a'));
        talk(&mut speakers, &mut now, Duration::from_secs(1), &[('a', -35), ('b', -10)]);
        assert_eq!(speakers.active(), Some('b'));
    }

    #[test]
    fn speaking_is_known_of_those_who_are_not_forwarded() {
        let (mut speakers, mut now) = speakers();
        let all: Vec<(char, i8)> = "abcdefgh".chars().map(|who| (who, -30)).collect();
        talk(&mut speakers, &mut now, Duration::from_secs(1), &all);
        assert!(all.iter().all(|(who, _)| speakers.is_speaking(now, *who)));
        assert_eq!(all.iter().filter(|(who, _)| speakers.slot(*who).is_some()).count(), 3);
    }

    #[test]
    fn who_is_gone_holds_nothing() {
        let (mut speakers, mut now) = speakers();
        talk(&mut speakers, &mut now, Duration::from_secs(1), &[('a', -30)]);
        speakers.remove('a');
        assert_eq!((speakers.slot('a'), speakers.active()), (None, None));
    }
}

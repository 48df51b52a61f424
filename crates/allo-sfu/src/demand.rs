//! How much of a track anybody wants: what its publisher need not encode.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::event::{Outbox, SfuEvent};
use crate::ids::{ParticipantId, TrackId, TrackKind};
use crate::participant::{Link, Participant};
use crate::room::Room;
use crate::slot::Slot;

/// How long less must be wanted before the publisher is told.
///
/// Lower: encoders stop sooner, and start again at every flicker of somebody's page. Higher: more is encoded for nobody.
const FALL_DELAY: Duration = Duration::from_secs(2);

/// How many layers of a track are wanted, as its publisher knows it: at first none. It rises at once and falls after a while.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    told: u8,
    fall: Option<Fall>,
}

/// Since when less is wanted, and the most that was since.
#[derive(Debug)]
struct Fall {
    since: Instant,
    most: u8,
}

impl Demand {
    /// Takes how many layers somebody wants. Returns how many to tell the publisher, if that is news.
    pub(crate) fn raise(&mut self, wanted: u8) -> Option<u8> {
        if let Some(fall) = &mut self.fall {
            fall.most = fall.most.max(wanted);
        }
        if wanted >= self.told {
            self.fall = None;
        }
        self.tell(wanted.max(self.told))
    }

    /// Takes the most layers that anybody wants. Returns how many to tell the publisher, if that is news.
    pub(crate) fn update(&mut self, now: Instant, wanted: u8) -> Option<u8> {
        if wanted >= self.told {
            return self.raise(wanted);
        }
        let fall = self.fall.get_or_insert(Fall { since: now, most: wanted });
        fall.most = fall.most.max(wanted);
        let (since, most) = (fall.since, fall.most);
        if now.saturating_duration_since(since) < FALL_DELAY {
            return None;
        }
        self.fall = None;
        self.tell(most)
    }

    fn tell(&mut self, layers: u8) -> Option<u8> {
        let is_news = layers != self.told;
        self.told = layers;
        is_news.then_some(layers)
    }
}

impl Room {
    /// Tells publishers what one subscriber wants more than anybody did.
    pub(crate) fn raise_demand(&mut self, own: ParticipantId, outbox: &mut Outbox) {
        for (track, layers) in self.wants(own) {
            self.with_demand(track, outbox, |demand| demand.raise(layers));
        }
        if self.is_hearing(own) {
            for track in
                self.tracks(TrackKind::Audio).filter(|track| track.publisher != own).collect::<Vec<_>>()
            {
                self.with_demand(track, outbox, |demand| demand.raise(1));
            }
        }
    }

    /// Tells publishers what is wanted of their tracks, where that is news.
    pub(crate) fn review_demand(&mut self, now: Instant, outbox: &mut Outbox) {
        let mut most: BTreeMap<TrackId, u8> = BTreeMap::new();
        for (track, layers) in self.participants.keys().flat_map(|own| self.wants(*own)) {
            let entry = most.entry(track).or_default();
            *entry = layers.max(*entry);
        }
        let hearing: Vec<_> =
            self.participants.keys().copied().filter(|own| self.is_hearing(*own)).take(2).collect();
        for track in self.tracks(TrackKind::Video).collect::<Vec<_>>() {
            let wanted = most.get(&track).copied().unwrap_or(0);
            self.with_demand(track, outbox, |demand| demand.update(now, wanted));
        }
        for track in self.tracks(TrackKind::Audio).collect::<Vec<_>>() {
            let is_heard = hearing.iter().any(|own| *own != track.publisher);
            self.with_demand(track, outbox, |demand| demand.update(now, is_heard.into()));
        }
    }

    /// Returns how many layers of which videos a subscriber wants: of those it wishes for, as many as it has slots, and of those
    /// that it has now.
    fn wants(&self, own: ParticipantId) -> Vec<(TrackId, u8)> {
        let participant = self.participants.get(&own).filter(|it| it.link == Link::Connected);
        let Some(participant) = participant else { return Vec::new() };
        let mut tracks = self.wanted_videos(own);
        tracks.truncate(participant.video.len());
        tracks.extend(participant.video.iter().filter_map(Slot::track));
        let layers = |track: TrackId| {
            let height = Some(participant.subscription.tile_height(track)).filter(|height| *height > 0)?;
            let highest = self.participants.get(&track.publisher)?.tracks.get(&track.line)?.layer_for(height);
            Some((track, highest.0 + 1))
        };
        tracks.into_iter().filter_map(layers).collect()
    }

    fn is_hearing(&self, own: ParticipantId) -> bool {
        let is_hearing =
            |it: &Participant| it.link == Link::Connected && it.subscription.hears && !it.audio.is_empty();
        self.participants.get(&own).is_some_and(is_hearing)
    }

    pub(crate) fn tracks(&self, kind: TrackKind) -> impl Iterator<Item = TrackId> {
        self.participants.iter().flat_map(move |(publisher, participant)| {
            let of_kind = participant.tracks.iter().filter(move |(_, track)| track.kind == kind);
            of_kind.map(|(line, _)| TrackId { publisher: *publisher, line: *line })
        })
    }

    fn with_demand(
        &mut self,
        track: TrackId,
        outbox: &mut Outbox,
        act: impl FnOnce(&mut Demand) -> Option<u8>,
    ) {
        let Some(publisher) = self.participants.get_mut(&track.publisher) else { return };
        let Some(entry) = publisher.tracks.get_mut(&track.line) else { return };
        if let Some(layers) = act(&mut entry.demand) {
            outbox.events.push_back(SfuEvent::LayersWanted { track, layers });
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn it_rises_at_once_and_is_said_once() {
        let now = Instant::now();
        let mut demand = Demand::default();
        assert_eq!(demand.update(now, 0), None, "nothing is wanted at first");
        assert_eq!(demand.raise(1), Some(1));
        assert_eq!(demand.update(now, 3), Some(3));
        assert_eq!(demand.raise(2), None);
        assert_eq!(demand.update(now, 3), None);
    }

    #[test]
    fn it_falls_only_after_a_while() {
        let now = Instant::now();
        let mut demand = Demand::default();
        demand.raise(3);
        assert_eq!(demand.update(now, 0), None);
        assert_eq!(demand.update(now + FALL_DELAY / 2, 1), None);
        assert_eq!(demand.update(now + FALL_DELAY, 0), Some(1), "the most that was wanted meanwhile");
        assert_eq!(demand.update(now + FALL_DELAY, 0), None);
        assert_eq!(demand.update(now + 2 * FALL_DELAY, 0), Some(0));
    }

    #[test]
    fn a_flicker_is_not_told() {
        let now = Instant::now();
        let mut demand = Demand::default();
        demand.raise(3);
        assert_eq!(demand.update(now, 0), None);
        assert_eq!(demand.raise(3), None);
        assert_eq!(demand.update(now + FALL_DELAY, 2), None, "it has fallen just now");
        assert_eq!(demand.update(now + 2 * FALL_DELAY, 2), Some(2));
    }
}

//! One receiving slot of a subscriber: a stream whose source changes.

use std::time::{Duration, Instant};

use crate::continuity::{Continuity, Numbers};
use crate::ids::{LayerId, LineId, TrackId, TrackKind};
use crate::layers::{LayerSelector, Verdict};
use crate::packet::{Codec, MediaPacket};

/// The first sequence number of every slot. A receiver learns it from the first packet; encryption does not rest on it.
const FIRST_SEQUENCE: u16 = 1;

/// How long a keyframe is under way at most.
///
/// Lower: a large one is interrupted on a narrow link. Higher: pictures that are sent faster than they get through are late for longer.
const KEYFRAME_TIME: Duration = Duration::from_millis(1_500);

/// A slot, which carries one track at a time, or none.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) line: LineId,
    pub(crate) mid: String,
    pub(crate) kind: TrackKind,
    /// Whether the bandwidth does not suffice for it.
    pub(crate) is_paused: bool,
    /// How its track is encoded, if it cannot carry that.
    pub(crate) undecodable: Option<Codec>,
    track: Option<TrackId>,
    selector: LayerSelector,
    continuity: Continuity,
    /// The source that is forwarded: another SSRC or codec is another one.
    source: Option<(u32, Codec)>,
    /// The sequence number of the source's keyframe that it began at.
    began_at: Option<u64>,
    /// When a keyframe was last forwarded.
    keyframe_at: Option<Instant>,
    /// Whether the subscriber cannot decode what it gets until the next keyframe.
    is_broken: bool,
}

/// How a packet goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) numbers: Numbers,
    /// Whether it is the first of its source.
    pub(crate) is_first: bool,
    /// Whether it is the last that is forwarded of its picture.
    pub(crate) ends_picture: bool,
    /// Whether nothing of it goes out but its number, which would be missed otherwise.
    pub(crate) is_empty: bool,
}

impl Slot {
    pub(crate) fn new(line: LineId, mid: String, kind: TrackKind) -> Self {
        let clock_rate = match kind {
            TrackKind::Audio => 48_000,
            TrackKind::Video => 90_000,
        };
        let continuity = Continuity::new(clock_rate, FIRST_SEQUENCE);
        Self {
            line,
            mid,
            kind,
            is_paused: false,
            undecodable: None,
            track: None,
            selector: LayerSelector::default(),
            continuity,
            source: None,
            began_at: None,
            keyframe_at: None,
            is_broken: false,
        }
    }

    /// Returns the track that it carries.
    pub(crate) fn track(&self) -> Option<TrackId> {
        self.track
    }

    /// Carries another track, or none. Returns whether that is a change.
    pub(crate) fn assign(&mut self, track: Option<TrackId>) -> bool {
        let is_change = self.track != track;
        if is_change {
            self.track = track;
            (self.is_paused, self.is_broken, self.undecodable) = (false, false, None);
            self.selector = LayerSelector::default();
        }
        is_change
    }

    /// Sets the layer to reach; `None` pauses.
    pub(crate) fn set_target(&mut self, target: Option<LayerId>) {
        self.selector.set_target(target);
    }

    /// Returns the layer to reach.
    pub(crate) fn target(&self) -> Option<LayerId> {
        self.selector.target()
    }

    /// Returns the layer whose keyframe it waits for.
    pub(crate) fn awaited(&self) -> Option<LayerId> {
        self.selector.awaited().or(self.selector.current().filter(|_| self.is_broken))
    }

    /// The subscriber cannot decode what it gets until the next keyframe.
    pub(crate) fn mark_broken(&mut self) {
        self.is_broken = true;
    }

    /// Returns the layer that it forwards.
    pub(crate) fn current(&self) -> Option<LayerId> {
        self.selector.current()
    }

    /// Returns whether a keyframe may be under way still.
    pub(crate) fn is_keyframe_under_way(&self, now: Instant) -> bool {
        self.keyframe_at.is_some_and(|at| now.saturating_duration_since(at) < KEYFRAME_TIME)
    }

    /// Something was left out that cannot be done without: goes on at the next keyframe.
    pub(crate) fn interrupt(&mut self) {
        self.selector.restart();
    }

    /// Returns whether it can begin with a keyframe that came then, as if it had been there: nothing was forwarded in it since.
    pub(crate) fn can_begin_at(&self, then: Instant) -> bool {
        self.continuity.last_at().is_none_or(|at| at <= then)
    }

    /// Returns how a packet of its track goes out, or `None` if it does not.
    pub(crate) fn admit<D>(&mut self, now: Instant, packet: &MediaPacket<D>) -> Option<Ticket> {
        if packet.is_for_beginners_at.is_some() && packet.is_for_beginners_at != self.began_at {
            return None;
        }
        let source = Some((packet.ssrc, packet.codec));
        if self.selector.carries(packet.stream) && self.source != source {
            self.selector.restart();
        }
        if packet.is_padding() {
            if self.selector.carries(packet.stream) {
                self.continuity.skip(packet.numbers.sequence);
            }
            return None;
        }
        let piece = packet.piece();
        let is_first = match self.selector.select(&piece) {
            Verdict::Drop => return None,
            Verdict::LeaveOut => return self.leave_out(packet),
            Verdict::Forward => false,
            Verdict::Switch => true,
        };
        if is_first {
            self.source = source;
            self.began_at = Some(packet.numbers.sequence);
            self.continuity.switch(packet.received_at, packet.numbers);
        }
        let numbers = self.continuity.forward(packet.received_at, packet.numbers)?;
        if packet.begins_keyframe && self.kind == TrackKind::Video {
            (self.keyframe_at, self.is_broken) = (Some(now), false);
        }
        let ends_layer = packet.scalable.is_some_and(|it| it.ends_layer);
        let ends_picture = packet.is_last_of_frame || (ends_layer && self.selector.is_highest(&piece));
        Some(Ticket { numbers, is_first, ends_picture, is_empty: false })
    }

    /// Lets what follows a packet close up. Where that has its number already, the packet goes out without its contents, so that nobody
    /// asks for what would not come.
    fn leave_out<D>(&mut self, packet: &MediaPacket<D>) -> Option<Ticket> {
        if self.continuity.skip(packet.numbers.sequence) {
            return None;
        }
        let numbers = self.continuity.forward(packet.received_at, packet.numbers)?;
        Some(Ticket { numbers, is_first: false, ends_picture: false, is_empty: true })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::ParticipantId;

    fn packet(layer: u8, ssrc: u32, sequence: u64, begins_keyframe: bool) -> MediaPacket<()> {
        MediaPacket {
            line: LineId(0),
            layer: LayerId(layer),
            stream: LayerId(layer),
            scalable: None,
            ssrc,
            numbers: Numbers { sequence, time: 0, picture: None },
            codec: Codec::Vp8,
            is_last_of_frame: true,
            begins_keyframe,
            height: None,
            level: None,
            received_at: Instant::now(),
            is_for_beginners_at: None,
            redundancy: None,
            payload: Arc::from([1]),
            details: (),
        }
    }

    fn slot_on(layer: u8) -> Slot {
        let mut slot = Slot::new(LineId(3), "3".to_owned(), TrackKind::Video);
        slot.assign(Some(TrackId { publisher: ParticipantId(1), line: LineId(0) }));
        slot.set_target(Some(LayerId(layer)));
        slot
    }

    fn sequence(slot: &mut Slot, packet: &MediaPacket<()>) -> Option<u64> {
        slot.admit(Instant::now(), packet).map(|ticket| ticket.numbers.sequence)
    }

    #[test]
    fn numbers_go_on_over_a_change_of_layer_and_of_track() {
        let mut slot = slot_on(0);
        assert_eq!(sequence(&mut slot, &packet(0, 10, 500, true)), Some(1));
        slot.set_target(Some(LayerId(1)));
        assert_eq!(sequence(&mut slot, &packet(0, 10, 501, false)), Some(2));
        assert_eq!(sequence(&mut slot, &packet(1, 11, 90, true)), Some(3));
        slot.assign(Some(TrackId { publisher: ParticipantId(2), line: LineId(0) }));
        slot.set_target(Some(LayerId(0)));
        assert_eq!(sequence(&mut slot, &packet(0, 12, 7, false)), None);
        assert_eq!(sequence(&mut slot, &packet(0, 12, 8, true)), Some(4));
    }

    #[test]
    fn a_source_that_restarts_is_followed_from_its_keyframe() {
        let mut slot = slot_on(0);
        assert_eq!(sequence(&mut slot, &packet(0, 10, 500, true)), Some(1));
        assert_eq!(sequence(&mut slot, &packet(0, 20, 3, false)), None);
        assert_eq!(slot.awaited(), Some(LayerId(0)));
        assert_eq!(sequence(&mut slot, &packet(0, 20, 4, true)), Some(2));
    }

    #[test]
    fn what_came_before_its_keyframe_is_for_those_who_begin_there() {
        let mut beginner = slot_on(0);
        assert_eq!(sequence(&mut beginner, &packet(0, 10, 501, false)), None);
        assert_eq!(sequence(&mut beginner, &packet(0, 10, 500, true)), Some(1));
        let again = MediaPacket { is_for_beginners_at: Some(500), ..packet(0, 10, 501, false) };
        assert_eq!(sequence(&mut beginner, &again), Some(2));
        let mut other = slot_on(0);
        assert_eq!(sequence(&mut other, &packet(0, 10, 400, true)), Some(1));
        assert_eq!(sequence(&mut other, &again), None, "it had it when it came");
    }

    #[test]
    fn a_keyframe_is_awaited_until_it_comes() {
        let mut slot = slot_on(0);
        assert_eq!(slot.awaited(), Some(LayerId(0)));
        sequence(&mut slot, &packet(0, 10, 500, true));
        assert_eq!(slot.awaited(), None);
        slot.mark_broken();
        sequence(&mut slot, &packet(0, 10, 501, false));
        assert_eq!(slot.awaited(), Some(LayerId(0)));
        assert_eq!(sequence(&mut slot, &packet(0, 10, 502, true)), Some(3), "it is no switch");
        assert_eq!(slot.awaited(), None);
    }

    #[test]
    fn padding_leaves_no_gap() {
        let mut slot = slot_on(0);
        assert_eq!(sequence(&mut slot, &packet(0, 10, 500, true)), Some(1));
        assert_eq!(
            sequence(&mut slot, &MediaPacket { payload: Arc::from([]), ..packet(0, 10, 501, false) }),
            None
        );
        assert_eq!(sequence(&mut slot, &packet(0, 10, 502, false)), Some(2));
    }
}

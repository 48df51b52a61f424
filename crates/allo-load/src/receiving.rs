//! What one participant receives, and whether it is right.

use std::time::Duration;

use crate::frames::Frames;
use crate::record::{Record, Second};
use crate::red;
use crate::scenario::{Role, Speech};
use crate::sending::{since_turn, turn};
use crate::stamp::Stamp;
use crate::traffic::VOICE_INTERVAL;
use crate::transport::Slot;
use crate::wall::Wall;
use crate::window::{Verdict, Window};

/// How long pictures may wait for a lost packet before a keyframe is asked for, and for the next time. As browsers do.
const KEYFRAME_PATIENCE: Duration = Duration::from_millis(200);
/// Seconds that are told one by one; a longer run's first ones.
const SECONDS_MAX: usize = 3_600;

/// Everyone of the run, to check where packets come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origins<'a> {
    pub(crate) run: u32,
    pub(crate) own: u32,
    pub(crate) roles: &'a [Role],
}

/// What the server says of a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Naming {
    pub(crate) sender: u32,
    /// Whether it is left out because it does not fit into the bandwidth.
    pub(crate) is_paused: bool,
}

/// The slots of a participant.
#[derive(Debug, Default)]
pub(crate) struct Receiving {
    slots: Vec<SlotState>,
    pub(crate) has_seen: bool,
    pub(crate) has_heard: bool,
    /// From when on seconds and turns are counted: the beginning of the measurement.
    begun_at: Option<Wall>,
    turn_heard: Option<u64>,
    turn_told: Option<u64>,
}

#[derive(Debug)]
struct SlotState {
    is_video: bool,
    window: Window,
    frames: Frames,
    layer: Option<(u32, u8)>,
    /// What the server has said of it.
    named: Option<Naming>,
    /// Who sends without having been named, and since when.
    unnamed: Option<(u32, Wall)>,
    last_sound: Option<(u32, Wall)>,
    /// When a keyframe was asked for.
    asked_at: Wall,
}

impl Receiving {
    /// Begins anew with the slots of a new session.
    pub(crate) fn reset(&mut self, slots: &[Slot]) {
        let slot = |slot: &Slot| SlotState {
            is_video: slot.is_video,
            window: Window::default(),
            frames: Frames::default(),
            layer: None,
            named: None,
            unnamed: None,
            last_sound: None,
            asked_at: Wall::default(),
        };
        self.slots = slots.iter().map(slot).collect();
    }

    /// The measurement begins.
    pub(crate) fn begin(&mut self, at: Wall) {
        self.begun_at = Some(at);
        self.turn_heard = Some(turn(at));
        self.turn_told = Some(turn(at));
    }

    /// Takes what the server says of each slot.
    pub(crate) fn name(&mut self, at: Wall, all: Vec<Option<Naming>>, record: &mut Record) {
        let is_paused = |naming: Option<Naming>| naming.is_some_and(|naming| naming.is_paused);
        for (slot, naming) in self.slots.iter_mut().zip(all) {
            record.counts.pauses += u64::from(is_paused(naming) && !is_paused(slot.named));
            slot.named = naming;
            let sender = naming.map(|naming| naming.sender);
            if let Some((_, since)) = slot.unnamed.take_if(|(unnamed, _)| Some(*unnamed) == sender) {
                record.times.packet_to_word.record(at.since(since));
            }
        }
    }

    /// Takes the payload of a packet that came at `at`.
    pub(crate) fn handle(
        &mut self,
        at: Wall,
        slot: usize,
        (number, payload): (u64, &[u8]),
        origins: Origins,
        record: &mut Record,
    ) {
        let Some(state) = self.slots.get_mut(slot) else { return };
        let verdict = state.count(number, record);
        if payload.is_empty() || verdict == Verdict::Duplicate {
            return;
        }
        record.counts.received += 1;
        record.counts.received_bytes += payload.len() as u64;
        record.counts.received_audio += u64::from(!state.is_video);
        let Some(stamp) = Stamp::of(payload).filter(|stamp| stamp.run == origins.run) else {
            record.counts.strays += 1;
            return;
        };
        if !origins.is_right(&stamp) || stamp.is_video != state.is_video {
            record.counts.misdirected += 1;
            return;
        }
        if state.named.is_none_or(|naming| naming.sender != stamp.sender) {
            record.counts.unannounced += 1;
            if state.unnamed.is_none_or(|(unnamed, _)| unnamed != stamp.sender) {
                state.unnamed = Some((stamp.sender, at));
            }
        }
        let delay = at.since(stamp.sent_at);
        let times = &mut record.times;
        let delays = if verdict == Verdict::Late { &mut times.late_delay } else { &mut times.delay };
        delays.record(delay);
        self.count_second(at, &stamp, payload.len(), record);
        if stamp.is_video {
            self.show(at, slot, &stamp, record);
        } else {
            self.hear(at, slot, &stamp, origins, record);
        }
    }

    /// Takes the frame of sound before that of a packet out of it, in the place of a packet that is missing.
    pub(crate) fn make_up(
        &mut self,
        at: Wall,
        slot: usize,
        (number, payload): (u64, &[u8]),
        record: &mut Record,
    ) {
        let Some(state) = self.slots.get_mut(slot) else { return };
        let Ok(previous) = red::previous(payload) else {
            record.counts.strays += 1;
            return;
        };
        let Some((previous, newest)) = previous.map(|it| (Stamp::of(it), Stamp::of(payload))) else { return };
        let Some((previous, newest)) = previous.zip(newest) else {
            record.counts.strays += 1;
            return;
        };
        // Before the first packet of a source, the number is that of another one.
        let goes_on = state.last_sound.is_some_and(|(sender, _)| sender == newest.sender);
        let is_before = previous.sender == newest.sender && previous.frame.wrapping_add(1) == newest.frame;
        if !goes_on || !is_before {
            return;
        }
        let lost = match state.window.handle(number - 1) {
            Verdict::InOrder { lost } => lost,
            Verdict::Late => 0,
            Verdict::Duplicate => return,
        };
        state.count_lost(lost, record);
        record.counts.made_up_audio += 1;
        record.times.late_delay.record(at.since(previous.sent_at));
    }

    /// Takes whom the server calls the active speaker.
    pub(crate) fn handle_word(&mut self, at: Wall, active: u32, origins: Origins, record: &mut Record) {
        if self.turn_told.is_some_and(|told| told < turn(at)) && origins.has_turn(active, turn(at)) {
            self.turn_told = Some(turn(at));
            record.times.turn_to_word.record(since_turn(at));
        }
    }

    /// Returns the slots in which a keyframe has to be asked for.
    pub(crate) fn poll_keyframes(&mut self, at: Wall, record: &mut Record) -> Vec<usize> {
        let is_stuck = |slot: &mut SlotState| {
            let since = slot.frames.waiting_since().map(|since| since.max(slot.asked_at));
            let is_due = slot.is_video && since.is_some_and(|since| at.since(since) >= KEYFRAME_PATIENCE);
            if is_due {
                slot.asked_at = at;
            }
            is_due
        };
        let slots = self.slots.iter_mut().enumerate();
        let stuck: Vec<_> = slots.filter_map(|(n, slot)| is_stuck(slot).then_some(n)).collect();
        record.counts.keyframe_requests += stuck.len() as u64;
        stuck
    }

    /// What is missing still will not come any more.
    pub(crate) fn finish(&mut self, record: &mut Record) {
        for slot in &self.slots {
            slot.count_lost(slot.window.missing(), record);
        }
    }

    fn show(&mut self, at: Wall, slot: usize, stamp: &Stamp, record: &mut Record) {
        let SlotState { frames, layer, .. } = &mut self.slots[slot];
        let mut has_seen = false;
        frames.handle(at, stamp, |showing| {
            has_seen = true;
            let (counts, times) = (&mut record.counts, &mut record.times);
            counts.frames += 1;
            counts.keyframes += u64::from(showing.is_keyframe);
            let before = layer.replace((stamp.sender, showing.layer));
            counts.layer_switches +=
                u64::from(before.is_some_and(|it| it.0 == stamp.sender && it.1 != showing.layer));
            let Some(after) = showing.after else { return };
            let gap = at.since(after);
            times.frame_gap.record(gap);
            counts.freezes_over_200ms += u64::from(gap > Duration::from_millis(200));
            counts.freezes_over_400ms += u64::from(gap > Duration::from_millis(400));
        });
        self.has_seen |= has_seen;
    }

    fn hear(&mut self, at: Wall, slot: usize, stamp: &Stamp, origins: Origins, record: &mut Record) {
        self.has_heard = true;
        let before = self.slots[slot].last_sound.replace((stamp.sender, at));
        if let Some((_, last)) = before.filter(|(sender, _)| *sender == stamp.sender) {
            record.times.sound_gap.record(at.since(last));
        }
        let now = turn(stamp.sent_at);
        let Some(heard) = self.turn_heard.filter(|heard| *heard < now) else { return };
        if !origins.has_turn(stamp.sender, now) {
            return;
        }
        let missed = (heard + 1..now).filter(|turn| !origins.has_turn(origins.own, *turn)).count();
        self.turn_heard = Some(now);
        record.counts.turns_heard += 1;
        record.counts.turns_missed += missed as u64;
        let before = since_turn(stamp.sent_at).as_millis() / VOICE_INTERVAL.as_millis();
        record.counts.turn_packets_clipped += u64::try_from(before).unwrap_or(u64::MAX);
        record.times.turn_to_sound.record(since_turn(at));
    }

    fn count_second(&self, at: Wall, stamp: &Stamp, bytes: usize, record: &mut Record) {
        let Some(begun_at) = self.begun_at else { return };
        let Ok(n) = usize::try_from(at.since(begun_at).as_secs()) else { return };
        if n >= SECONDS_MAX {
            return;
        }
        if record.seconds.len() <= n {
            record.seconds.resize(n + 1, Second::default());
        }
        let second = &mut record.seconds[n];
        if stamp.is_video {
            second.video_bytes += bytes as u64;
        } else {
            second.audio_packets += 1;
        }
    }
}

impl SlotState {
    fn count(&mut self, number: u64, record: &mut Record) -> Verdict {
        let verdict = self.window.handle(number);
        match verdict {
            Verdict::InOrder { lost } => self.count_lost(lost, record),
            Verdict::Late => record.counts.late += 1,
            Verdict::Duplicate => record.counts.duplicates += 1,
        }
        verdict
    }

    fn count_lost(&self, lost: u64, record: &mut Record) {
        let counts = &mut record.counts;
        *(if self.is_video { &mut counts.lost_video } else { &mut counts.lost_audio }) += lost;
    }
}

impl Origins<'_> {
    /// Returns whether a packet comes from someone else in the same room.
    fn is_right(&self, stamp: &Stamp) -> bool {
        let room = |n: u32| self.roles.get(n as usize).map(|role| role.room);
        stamp.sender != self.own && room(stamp.sender).is_some() && room(stamp.sender) == room(self.own)
    }

    /// Returns whether it is someone's turn to speak.
    fn has_turn(&self, whose: u32, turn: u64) -> bool {
        let role = self.roles.get(whose as usize);
        role.is_some_and(
            |role| matches!(role.speech, Speech::InTurn { own, of } if turn % u64::from(of) == u64::from(own)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::wall::Wall;

    const SECOND: u64 = 1_000_000_000;

    /// Two rooms of two, who speak in turn or send pictures.
    fn roles(scenario: &Scenario) -> Vec<Role> {
        scenario.roles(Duration::from_mins(1), 1)
    }

    fn meeting() -> Vec<Role> {
        roles(&Scenario::Meeting { rooms: 2, participants: 2, tile_height: 180 })
    }

    /// Participant 0, with a slot for sound and one for pictures.
    fn receiving() -> Receiving {
        let mut receiving = Receiving::default();
        let slot = |is_video| Slot { mid: "m".into(), is_video };
        receiving.reset(&[slot(false), slot(true)]);
        receiving
    }

    fn sound(sender: u32, at: u64) -> Stamp {
        Stamp {
            run: 5,
            sender,
            is_video: false,
            is_keyframe: false,
            layer: 0,
            part: 0,
            parts: 1,
            frame: 1,
            sent_at: Wall(at),
        }
    }

    fn count(roles: &[Role], packets: &[(usize, u64, Vec<u8>)]) -> Record {
        let (mut receiving, mut record) = (receiving(), Record::default());
        let origins = Origins { run: 5, own: 0, roles };
        for (slot, number, payload) in packets {
            receiving.handle(Wall(SECOND), *slot, (*number, payload), origins, &mut record);
        }
        receiving.finish(&mut record);
        record
    }

    #[test]
    fn what_is_right_is_counted_and_timed() {
        let packets: Vec<_> = (0..10).map(|n| (0, n, sound(1, SECOND / 2).to_bytes().to_vec())).collect();
        let record = count(&meeting(), &packets);
        let counts = &record.counts;
        assert_eq!((counts.received, counts.strays, counts.misdirected, counts.lost_audio), (10, 0, 0, 0));
        assert_eq!(counts.unannounced, 10, "the server has not said whose it is");
        let delay = record.times.delay.summary().unwrap();
        assert!((495.0..505.0).contains(&delay.p50_ms), "{delay:?}");
    }

    #[test]
    fn the_word_that_comes_after_the_packet_is_timed() {
        let (roles, mut record) = (meeting(), Record::default());
        let mut receiving = receiving();
        let origins = Origins { run: 5, own: 0, roles: &roles };
        let payload = sound(1, 0).to_bytes();
        receiving.handle(Wall(SECOND), 0, (1, &payload), origins, &mut record);
        receiving.handle(Wall(2 * SECOND), 0, (2, &payload), origins, &mut record);
        let naming = Some(Naming { sender: 1, is_paused: false });
        receiving.name(Wall(3 * SECOND), vec![naming, None], &mut record);
        receiving.handle(Wall(4 * SECOND), 0, (3, &payload), origins, &mut record);
        assert_eq!(record.counts.unannounced, 2);
        let word = record.times.packet_to_word.summary().unwrap();
        assert!(word.count == 1 && (1_980.0..2_020.0).contains(&word.max_ms), "{word:?}");
    }

    #[test]
    fn what_comes_from_elsewhere_is_a_fault() {
        let other_run = Stamp { run: 6, ..sound(1, 0) };
        let picture = Stamp { is_video: true, ..sound(1, 0) };
        let stamps = [other_run, sound(2, 0), sound(0, 0), sound(99, 0), picture];
        let mut packets: Vec<_> =
            stamps.iter().zip(0..).map(|(stamp, n)| (0, n, stamp.to_bytes().to_vec())).collect();
        packets.push((0, 5, b"not a stamp at all, but long enough to be one".to_vec()));
        let counts = count(&meeting(), &packets).counts;
        assert_eq!((counts.strays, counts.misdirected), (2, 4));
    }

    #[test]
    fn what_is_missing_at_the_end_is_lost_and_padding_is_not_media() {
        let voice = |number| (0, number, sound(1, 0).to_bytes().to_vec());
        let counts = count(&meeting(), &[voice(1), voice(2), voice(5), (0, 6, Vec::new()), voice(2)]).counts;
        assert_eq!((counts.received, counts.lost_audio, counts.lost_video, counts.duplicates), (3, 2, 0, 1));
    }

    #[test]
    fn sound_that_comes_twice_is_made_up_for_once() {
        let (roles, mut record) = (meeting(), Record::default());
        let mut receiving = receiving();
        let origins = Origins { run: 5, own: 0, roles: &roles };
        let mut take = |number: u64, sender: u32, frame: u32, previous: u32, record: &mut Record| {
            let bytes = |frame| Stamp { frame, ..sound(sender, 0) }.to_bytes();
            let payload = red::wrap(111, &bytes(frame), Some((960, &bytes(previous))));
            receiving.make_up(Wall(SECOND), 0, (number, &payload), record);
            receiving.handle(Wall(SECOND), 0, (number, &payload), origins, record);
            (record.counts.made_up_audio, record.counts.duplicates)
        };
        assert_eq!(take(10, 1, 70, 69, &mut record), (0, 0), "nothing came before it");
        assert_eq!(take(12, 1, 72, 71, &mut record), (1, 0));
        assert_eq!(take(13, 1, 73, 72, &mut record), (1, 0), "it is there");
        assert_eq!(take(16, 1, 76, 75, &mut record), (2, 0));
        assert_eq!(take(18, 1, 78, 76, &mut record), (2, 0), "it is an older one");
        assert_eq!(take(20, 2, 5, 4, &mut record), (2, 0), "number 19 was another one's");
        receiving.finish(&mut record);
        assert_eq!((record.counts.strays, record.counts.lost_audio), (0, 3), "14, 17 and 19");
    }

    #[test]
    fn turns_are_heard_or_missed_and_clipped_at_their_beginning() {
        let roles = roles(&Scenario::Speaker { participants: 3 });
        let (mut receiving, mut record) = (receiving(), Record::default());
        let origins = Origins { run: 5, own: 0, roles: &roles };
        receiving.begin(Wall(3 * SECOND));
        // It is 1's turn in second 4, 2's in 5, one's own in 6, 1's in 7, which is not heard, and 2's in 8.
        let packets =
            [(1, 4 * SECOND + 65_000_000), (1, 4 * SECOND + 85_000_000), (2, 5 * SECOND), (2, 8 * SECOND)];
        for ((sender, at), number) in packets.into_iter().zip(0..) {
            let payload = sound(sender, at).to_bytes();
            receiving.handle(Wall(at + 1_000_000), 0, (number, &payload), origins, &mut record);
        }
        let counts = &record.counts;
        assert_eq!((counts.turns_heard, counts.turns_missed, counts.turn_packets_clipped), (3, 1, 3));
    }
}

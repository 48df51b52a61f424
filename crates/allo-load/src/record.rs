//! What a participant counted.

use std::collections::BTreeMap;

use allo_protocol::ErrorCode;
use serde::Serialize;

use crate::histogram::Times;

/// Counts that say whether what was received is right. They count from the beginning of the measurement.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Packets of media sent to the server.
    pub sent: u64,
    /// Packets of media received from it.
    pub received: u64,
    /// Bytes of payload in them.
    pub received_bytes: u64,
    /// Of the received, those of sound.
    pub received_audio: u64,
    /// Packets without a whole stamp of this run. Always a fault.
    pub strays: u64,
    /// Packets of another room, or of oneself, or of the wrong kind for their slot. Always a fault.
    pub misdirected: u64,
    /// Packets from someone whom the server had not named for the slot, or not any more. A few at each change are in order: the
    /// word goes another way than the packets.
    pub unannounced: u64,
    /// Packets of pictures that never came, repairs included.
    pub lost_video: u64,
    /// Packets of sound that never came, and were not in the packet after them either.
    pub lost_audio: u64,
    /// Packets of sound that did not come, and were in the packet after them. One that comes later still counts as a duplicate.
    pub made_up_audio: u64,
    /// Packets that came after later ones: repaired, or overtaken.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Frames that a decoder could show.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Changes of the layer in a slot.
    pub layer_switches: u64,
    /// Pictures that the server left out from some moment on, because they did not fit into the bandwidth.
    pub pauses: u64,
    /// Gaps of more than 200 ms between two frames of the same sender that could be shown.
    pub freezes_over_200ms: u64,
    /// The same, of more than 400 ms.
    pub freezes_over_400ms: u64,
    /// Keyframes asked for by receivers.
    pub keyframe_requests: u64,
    /// Turns of a speaker that a receiver heard.
    pub turns_heard: u64,
    /// Turns of a speaker that a receiver did not hear at all.
    pub turns_missed: u64,
    /// Packets that were missing at the beginning of the turns that were heard.
    pub turn_packets_clipped: u64,
}

/// The times that a participant took.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllTimes {
    /// From connecting to the server to a transport that is up.
    pub(crate) connect: Times,
    /// From `join` to the first keyframe that is complete.
    pub(crate) join_to_keyframe: Times,
    /// The same, from the first packet to the server on.
    pub(crate) start_to_keyframe: Times,
    /// From `join` to the first sound.
    pub(crate) join_to_sound: Times,
    /// From one participant's hand to the other's socket, of packets in order.
    pub(crate) delay: Times,
    /// The same, of packets that came late.
    pub(crate) late_delay: Times,
    /// Between two frames of a sender.
    pub(crate) frame_gap: Times,
    /// Between two packets of sound of a sender.
    pub(crate) sound_gap: Times,
    /// From the beginning of a turn to its first packet.
    pub(crate) turn_to_sound: Times,
    /// From the beginning of a turn to the word of the server.
    pub(crate) turn_to_word: Times,
    /// From the first packet of a sender in a slot to the word of the server whose it is, if the word comes later.
    pub(crate) packet_to_word: Times,
    /// How late packets were sent: the tester's own fault.
    pub(crate) lag: Times,
}

/// All that a participant counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) counts: Counts,
    pub(crate) times: AllTimes,
    /// What got through to it in each second of the measurement, in bytes of video and packets of sound.
    pub(crate) seconds: Vec<Second>,
    /// Refusals and errors of the server, and how often.
    pub(crate) errors: BTreeMap<ErrorCode, u64>,
    /// Whether its transport came up.
    pub(crate) was_connected: bool,
    /// Whether it saw or heard what it was to see or hear.
    pub(crate) had_media: bool,
    /// How often its session ended by itself.
    pub(crate) sessions_lost: u64,
    /// Whether it shall be told apart from the others in the report.
    pub(crate) is_special: bool,
}

/// What got through in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Second {
    /// Bytes of pictures.
    pub video_bytes: u64,
    /// Packets of sound.
    pub audio_packets: u64,
}

macro_rules! sum {
    ($to:expr, $from:expr, $($field:ident)+) => { $($to.$field += $from.$field;)+ };
}

macro_rules! add {
    ($to:expr, $from:expr, $($field:ident)+) => { $($to.$field.add(&$from.$field);)+ };
}

impl Counts {
    /// Returns which share of the sound is missing in the end, if there was any.
    pub(crate) fn lost_audio_percent(&self) -> Option<f64> {
        let all = self.received_audio + self.made_up_audio + self.lost_audio;
        (all > 0).then(|| self.lost_audio as f64 * 100.0 / all as f64)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        sum!(self, other, sent received received_bytes received_audio strays misdirected unannounced lost_video lost_audio made_up_audio late
            duplicates frames keyframes layer_switches pauses freezes_over_200ms freezes_over_400ms keyframe_requests
            turns_heard turns_missed turn_packets_clipped);
    }
}

impl AllTimes {
    pub(crate) fn add(&mut self, other: &Self) {
        add!(self, other, connect join_to_keyframe start_to_keyframe join_to_sound delay late_delay frame_gap sound_gap
            turn_to_sound turn_to_word packet_to_word lag);
    }
}

impl Record {
    /// Forgets what came before the measurement, but not how joining went.
    pub(crate) fn begin(&mut self) {
        self.counts = Counts::default();
        let before = std::mem::take(&mut self.times);
        self.times.connect = before.connect;
        self.times.join_to_keyframe = before.join_to_keyframe;
        self.times.start_to_keyframe = before.start_to_keyframe;
        self.times.join_to_sound = before.join_to_sound;
        self.seconds.clear();
    }
}

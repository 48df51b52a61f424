//! What one participant sends.

use std::time::{Duration, Instant};

use crate::record::Record;
use crate::scenario::{Picture, Role, Speech, TURN};
use crate::stamp::{LENGTH, Stamp};
use crate::traffic::{FRAME_INTERVAL, Frame, Layer, Loudness, Recording, VOICE_INTERVAL, Voice};
use crate::transport::{Outgoing, Transport};
use crate::wall::Wall;

/// How far sending may fall behind before it skips instead of catching up in a burst.
const BEHIND_MAX: Duration = Duration::from_millis(200);
/// Ticks of the RTP clocks in a beat.
const FRAME_TICKS: u32 = 3_000;
const VOICE_TICKS: u32 = 960;
/// How loud one is in turn, and out of turn: loud, and as a quiet room.
const LOUD: i8 = -20;
const QUIET: i8 = -80;

/// A camera and a microphone. What nobody receives is not sent.
#[derive(Debug)]
pub(crate) struct Sending {
    run: u32,
    own: u32,
    speech: Speech,
    layers: Vec<Layer>,
    voice: Voice,
    frame: u32,
    sound: u32,
    frame_due: Instant,
    sound_due: Instant,
    demanded_layers: usize,
    is_voice_demanded: bool,
}

impl Sending {
    /// Begins somewhere in the recordings and in the beat, as `random` will have it.
    pub(crate) fn new(now: Instant, run: u32, own: u32, role: &Role, random: &mut fastrand::Rng) -> Self {
        let start = random.usize(0..1_000);
        let all = Recording::layers();
        let layers = match role.picture {
            Picture::Nothing => Vec::new(),
            Picture::Simulcast => all.iter().map(|recording| Layer::new(recording, None, start)).collect(),
            Picture::Single { kbps } => vec![Layer::new(&all[2], Some(kbps), start)],
        };
        Self {
            run,
            own,
            speech: role.speech,
            layers,
            voice: Voice::new(start),
            frame: 0,
            sound: 0,
            frame_due: now + FRAME_INTERVAL.mul_f64(random.f64()),
            sound_due: now + VOICE_INTERVAL.mul_f64(random.f64()),
            demanded_layers: 0,
            is_voice_demanded: false,
        }
    }

    /// Takes how much anybody receives.
    pub(crate) fn set_demand(&mut self, now: Instant, is_voice_demanded: bool, layers: usize) {
        let layers = layers.min(self.layers.len());
        self.layers.iter_mut().take(layers).skip(self.demanded_layers).for_each(Layer::restart);
        if self.demanded_layers == 0 {
            skip(&mut self.frame_due, FRAME_INTERVAL, now);
        }
        if !self.is_voice_demanded {
            skip(&mut self.sound_due, VOICE_INTERVAL, now);
        }
        self.demanded_layers = layers;
        self.is_voice_demanded = is_voice_demanded && self.speech != Speech::Nothing;
    }

    pub(crate) fn request_keyframe(&mut self, now: Instant, layer: usize) {
        if let Some(layer) = self.layers.get_mut(layer) {
            layer.request_keyframe(now);
        }
    }

    /// Writes what is due at `now`. Returns whether anything was.
    pub(crate) fn poll(&mut self, now: Instant, transport: &mut Transport, record: &mut Record) -> bool {
        let mut has_written = false;
        while self.is_voice_demanded && self.sound_due <= now {
            record.times.lag.record(now - self.sound_due);
            step(&mut self.sound_due, VOICE_INTERVAL, now);
            self.speak(now, transport, record);
            has_written = true;
        }
        while self.demanded_layers > 0 && self.frame_due <= now {
            record.times.lag.record(now - self.frame_due);
            step(&mut self.frame_due, FRAME_INTERVAL, now);
            self.show(now, transport, record);
            has_written = true;
        }
        has_written
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let sound = self.is_voice_demanded.then_some(self.sound_due);
        let frame = (self.demanded_layers > 0).then_some(self.frame_due);
        sound.into_iter().chain(frame).min()
    }

    fn speak(&mut self, now: Instant, transport: &mut Transport, record: &mut Record) {
        let sent_at = Wall::now();
        let loudness = match self.speech {
            Speech::Nothing => return,
            Speech::Recorded => Loudness::Recorded,
            Speech::InTurn { own, of } if turn(sent_at) % u64::from(of) == u64::from(own) => {
                Loudness::Fixed(LOUD)
            }
            Speech::InTurn { .. } => Loudness::Fixed(QUIET),
        };
        let (bytes, level) = self.voice.next(loudness);
        self.sound = self.sound.wrapping_add(1);
        let stamp = self.stamp(sent_at, self.sound);
        let mut payload = vec![0x78; bytes.saturating_sub(LENGTH).max(1)];
        payload.extend(stamp.to_bytes());
        record.counts.sent += 1;
        let time = self.sound.wrapping_mul(VOICE_TICKS);
        transport.write(now, Outgoing { layer: None, time, is_last: false, level: Some(level), payload });
    }

    fn show(&mut self, now: Instant, transport: &mut Transport, record: &mut Record) {
        self.frame = self.frame.wrapping_add(1);
        for layer in 0..self.demanded_layers {
            let frame = self.layers[layer].next(now);
            let height = self.layers[layer].height();
            for part in 0..frame.parts.len() {
                let payload = self.picture(layer, height, &frame, part);
                record.counts.sent += 1;
                let time = self.frame.wrapping_mul(FRAME_TICKS);
                let is_last = part + 1 == frame.parts.len();
                transport.write(now, Outgoing { layer: Some(layer), time, is_last, level: None, payload });
            }
        }
    }

    /// Makes a payload with a VP8 descriptor that has all numbers (RFC 7741), in a keyframe the header that says the size, and a stamp.
    fn picture(&self, layer: usize, height: u16, frame: &Frame, part: usize) -> Vec<u8> {
        let begins = part == 0;
        let [high, low] = u16::try_from(self.frame & 0x7fff).unwrap_or(0).to_be_bytes();
        let tl0_pic_idx = self.frame.to_be_bytes()[3];
        let mut payload = vec![if begins { 0x90 } else { 0x80 }, 0xe0, 0x80 | high, low, tl0_pic_idx, 0x20];
        if frame.is_keyframe && begins {
            payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a]);
            payload.extend((height / 9 * 16).to_le_bytes());
            payload.extend(height.to_le_bytes());
        } else {
            payload.push(1);
        }
        let bytes = frame.parts[part].saturating_sub(LENGTH).max(payload.len());
        payload.resize(bytes, 0);
        let byte = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        let stamp = Stamp {
            is_video: true,
            is_keyframe: frame.is_keyframe,
            layer: byte(layer),
            part: byte(part),
            parts: byte(frame.parts.len()),
            ..self.stamp(Wall::now(), self.frame)
        };
        payload.extend(stamp.to_bytes());
        payload
    }

    fn stamp(&self, sent_at: Wall, frame: u32) -> Stamp {
        Stamp {
            run: self.run,
            sender: self.own,
            is_video: false,
            is_keyframe: false,
            layer: 0,
            part: 0,
            parts: 1,
            frame,
            sent_at,
        }
    }
}

/// Returns which turn it is.
pub(crate) fn turn(at: Wall) -> u64 {
    at.0 / u64::try_from(TURN.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns how long ago the turn began.
pub(crate) fn since_turn(at: Wall) -> Duration {
    Duration::from_nanos(at.0 % u64::try_from(TURN.as_nanos()).unwrap_or(u64::MAX))
}

fn step(due: &mut Instant, interval: Duration, now: Instant) {
    *due += interval;
    if now.saturating_duration_since(*due) > BEHIND_MAX {
        skip(due, interval, now);
    }
}

/// Moves on to the next beat after `now`.
fn skip(due: &mut Instant, interval: Duration, now: Instant) {
    let behind = now.saturating_duration_since(*due).as_nanos().div_ceil(interval.as_nanos());
    *due += interval * u32::try_from(behind).unwrap_or(u32::MAX);
}

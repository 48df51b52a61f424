//! A track as its publisher sends it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::demand::Demand;
use crate::gaps::Gaps;
use crate::ids::{Bitrate, LayerId, TrackKind};
use crate::keyframes::KeyframeRequests;
use crate::packet::{Codec, MediaPacket};

/// Over how long a layer's bitrate is measured. Longer: keyframes weigh less, changes are seen later.
const WINDOW: Duration = Duration::from_millis(500);

/// A layer from which nothing came for so long is not being sent.
const SILENCE: Duration = Duration::from_secs(1);

/// What a layer is taken to need until it has been measured.
const ASSUMED: [Bitrate; 3] = [Bitrate::kbps(150), Bitrate::kbps(500), Bitrate::kbps(1_500)];

/// The height of the highest layer, in pixels, until a keyframe of any layer says otherwise: that of most cameras.
const HEIGHT_ASSUMED: u16 = 720;

/// Packets of each layer that are remembered, for when the first of a keyframe comes after others of it.
const RECENT_MAX: usize = 24;

/// How old a keyframe is at most with which someone begins, and what came after it.
///
/// Higher: fewer keyframes are made for those who come, and more is sent to them at once. Lower: of many who come one after the other more
/// wait for a keyframe, of which no browser makes two within 300 ms.
const BEGINNING_AGE_MAX: Duration = Duration::from_millis(500);

/// Packets of it. With one that has more, nobody begins: the next keyframe is asked for.
const BEGINNING_MAX: usize = 256;

/// A track, of one or more layers.
#[derive(Debug)]
pub(crate) struct Track<D> {
    pub(crate) kind: TrackKind,
    pub(crate) keyframes: KeyframeRequests<LayerId>,
    pub(crate) demand: Demand,
    /// What of its sound did not come.
    pub(crate) gaps: Gaps,
    /// Whether anything has come yet.
    pub(crate) is_published: bool,
    /// Whether nothing of it is forwarded, by the word of the rooms.
    pub(crate) is_muted: bool,
    /// How the latest of it is encoded.
    codec: Option<Codec>,
    layers: Vec<Layer<D>>,
}

#[derive(Debug)]
struct Layer<D> {
    recent: VecDeque<MediaPacket<D>>,
    /// The latest keyframe and what came after it, as long as it is new.
    beginning: Vec<MediaPacket<D>>,
    /// Whether it comes in the stream of the layer below it, and builds on that.
    builds_on_lower: bool,
    height: Option<u16>,
    heard_at: Option<Instant>,
    window: Option<(Instant, u64)>,
    rate: Option<Bitrate>,
}

impl<D: Clone> Track<D> {
    pub(crate) fn new(kind: TrackKind, layers: usize) -> Self {
        let layers = (0..layers.max(1)).map(|_| Layer::default()).collect();
        Self {
            kind,
            keyframes: KeyframeRequests::new(),
            demand: Demand::default(),
            gaps: Gaps::default(),
            is_published: false,
            is_muted: false,
            codec: None,
            layers,
        }
    }

    /// Takes note of a packet. Returns those that are to follow it: if it begins a keyframe, what came too early.
    pub(crate) fn record(&mut self, now: Instant, packet: &MediaPacket<D>) -> Vec<MediaPacket<D>> {
        self.codec = Some(packet.codec);
        self.read_structure(now, packet);
        let Some(layer) = self.layers.get_mut(usize::from(packet.layer.0)) else { return Vec::new() };
        layer.height = packet.height.or(layer.height);
        layer.builds_on_lower = packet.layer > packet.stream;
        layer.measure(now, packet.payload.len());
        if packet.begins_keyframe {
            self.keyframes.handle_keyframe(packet.stream);
        }
        if self.kind == TrackKind::Audio {
            return Vec::new();
        }
        let Some(stream) = self.layers.get_mut(usize::from(packet.stream.0)) else { return Vec::new() };
        let early = if packet.begins_keyframe { stream.early(packet) } else { Vec::new() };
        stream.remember(packet);
        stream.begin(now, packet, &early);
        early
    }

    /// Takes note of which layers a stream has. They count as sent from its keyframe on, and what it had above them does not any more.
    fn read_structure(&mut self, now: Instant, packet: &MediaPacket<D>) {
        let (lowest, of) = (usize::from(packet.stream.0), usize::from(packet.layer.0));
        let Some(scalable) = packet.scalable else { return };
        let heights = scalable.structure.as_ref().map_or(&[][..], |it| it.heights());
        // A stream has at most eight layers, and the lowest of it is one of three.
        let count = self.layers.len().max(lowest + heights.len()).max(of + 1);
        self.layers.resize_with(count, Layer::default);
        for (n, height) in heights.iter().enumerate() {
            let layer = &mut self.layers[lowest + n];
            layer.height = Some(*height).filter(|height| *height > 0).or(layer.height);
            layer.builds_on_lower = n > 0;
            layer.heard_at = Some(now);
        }
        if !heights.is_empty() {
            let above = self.layers.iter_mut().skip(lowest + heights.len());
            above.take_while(|layer| layer.builds_on_lower).for_each(|layer| layer.heard_at = None);
        }
    }

    /// Returns the lowest layer of the stream that brings a layer.
    pub(crate) fn stream_of(&self, layer: LayerId) -> LayerId {
        let builds = |n: &u8| self.layers.get(usize::from(*n)).is_some_and(|layer| layer.builds_on_lower);
        LayerId((0..=layer.0).rev().find(|n| !builds(n)).unwrap_or(0))
    }

    /// Returns the latest keyframe of the stream that brings a layer, and what came after it, for those who begin there, if it is new.
    pub(crate) fn beginning(&self, now: Instant, layer: LayerId) -> Option<&[MediaPacket<D>]> {
        let layer = self.layers.get(usize::from(self.stream_of(layer).0))?;
        layer.has_beginning(now).then_some(&layer.beginning)
    }

    /// Returns what each layer takes, with those below that it builds on, the lowest first; `None` if it is not being sent.
    pub(crate) fn rates(&self, now: Instant) -> Vec<Option<Bitrate>> {
        // What comes in one layer is as large as the highest of several.
        let assumed = if self.layers.len() == 1 { &ASSUMED[2..] } else { &ASSUMED[..] };
        let mut below = Some(Bitrate::default());
        let mut rates = Vec::with_capacity(self.layers.len());
        for (n, layer) in self.layers.iter().enumerate() {
            let whole = assumed[n.min(assumed.len() - 1)];
            let base = if layer.builds_on_lower { below } else { Some(Bitrate::default()) };
            let rate = base.filter(|_| layer.is_sent(now));
            let rate = rate.map(|base| layer.rate.map_or(whole.max(base), |own| base.plus(own)));
            rates.push(rate);
            below = rate;
        }
        rates
    }

    /// Returns how it is encoded, if anything of it came.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// Returns whether a layer is being sent.
    pub(crate) fn is_sent(&self, now: Instant, layer: LayerId) -> bool {
        self.layers.get(usize::from(layer.0)).is_some_and(|layer| layer.is_sent(now))
    }

    /// Returns the lowest layer that fills a tile of this height, or nearly so: a fifth less is not seen.
    pub(crate) fn layer_for(&self, height: u16) -> LayerId {
        let is_enough = |n: &usize| self.height(*n) * 5 >= u64::from(height) * 4;
        let n = (0..self.layers.len()).find(is_enough).unwrap_or(self.layers.len() - 1);
        LayerId(u8::try_from(n).unwrap_or(u8::MAX))
    }

    /// Returns the height of a layer. As long as no keyframe of it came it is taken to be double that of the layer below it.
    fn height(&self, n: usize) -> u64 {
        let known = self.layers.iter().enumerate().filter_map(|(of, layer)| Some((of, layer.height?)));
        let (of, height) =
            known.min_by_key(|(of, _)| of.abs_diff(n)).unwrap_or((self.layers.len() - 1, HEIGHT_ASSUMED));
        if n > of { u64::from(height) << (n - of) } else { u64::from(height) >> (of - n) }
    }
}

impl<D> Default for Layer<D> {
    fn default() -> Self {
        Self {
            recent: VecDeque::new(),
            beginning: Vec::new(),
            builds_on_lower: false,
            height: None,
            heard_at: None,
            window: None,
            rate: None,
        }
    }
}

impl<D: Clone> Layer<D> {
    fn is_sent(&self, now: Instant) -> bool {
        self.heard_at.is_some_and(|at| now.saturating_duration_since(at) < SILENCE)
    }

    /// Returns the packets that come after `first` in the order of the source, and came before it.
    fn early(&self, first: &MediaPacket<D>) -> Vec<MediaPacket<D>> {
        let is_after =
            |it: &&MediaPacket<D>| it.ssrc == first.ssrc && it.numbers.sequence > first.numbers.sequence;
        self.recent.iter().filter(is_after).map(|it| it.again_for(first.numbers.sequence)).collect()
    }

    /// Keeps what one has to get who begins with the latest keyframe.
    fn begin(&mut self, now: Instant, packet: &MediaPacket<D>, early: &[MediaPacket<D>]) {
        if packet.begins_keyframe {
            self.beginning.clear();
            self.beginning.push(packet.clone());
            self.beginning.extend_from_slice(early);
        } else if self.has_beginning(now) {
            let first = &self.beginning[0];
            if packet.ssrc == first.ssrc && packet.numbers.sequence > first.numbers.sequence {
                let again = packet.again_for(first.numbers.sequence);
                self.beginning.push(again);
            }
        } else {
            self.beginning = Vec::new();
        }
    }

    fn has_beginning(&self, now: Instant) -> bool {
        let is_new =
            |first: &MediaPacket<D>| now.saturating_duration_since(first.received_at) < BEGINNING_AGE_MAX;
        self.beginning.len() < BEGINNING_MAX && self.beginning.first().is_some_and(is_new)
    }

    fn remember(&mut self, packet: &MediaPacket<D>) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(packet.clone());
    }

    fn measure(&mut self, now: Instant, bytes: usize) {
        self.heard_at = Some(now);
        let (since, before) = self.window.unwrap_or((now, 0));
        let total = before + u64::try_from(bytes).unwrap_or(u64::MAX);
        let elapsed = now.saturating_duration_since(since);
        if elapsed < WINDOW {
            self.window = Some((since, total));
            return;
        }
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let latest = Bitrate(total.saturating_mul(8_000) / millis.max(1));
        self.rate = Some(self.rate.map_or(latest, |rate| rate.plus(latest).percent(50)));
        self.window = Some((now, 0));
    }
}

/// Holds a publisher to a rate, with bursts of a second (a token bucket).
#[derive(Debug)]
pub(crate) struct Policer {
    rate: Bitrate,
    /// Bits that may come at once.
    free: u64,
    filled_at: Instant,
}

impl Policer {
    pub(crate) fn new(now: Instant, rate: Bitrate) -> Self {
        Self { rate, free: rate.0, filled_at: now }
    }

    /// Returns whether a packet may pass.
    pub(crate) fn admit(&mut self, now: Instant, bytes: usize) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at).as_micros();
        let gained = u128::from(self.rate.0) * elapsed / 1_000_000;
        self.free = u64::try_from(gained).unwrap_or(u64::MAX).saturating_add(self.free).min(self.rate.0);
        self.filled_at = self.filled_at.max(now);
        let left = u64::try_from(bytes).ok().and_then(|bytes| self.free.checked_sub(bytes.saturating_mul(8)));
        self.free = left.unwrap_or(self.free);
        left.is_some()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_is_held_to_its_rate() {
        let start = Instant::now();
        let mut policer = Policer::new(start, Bitrate::kbps(800));
        // Ten times too much for ten seconds: 1,000 bytes each millisecond.
        let passed = (0..10_000).filter(|n| policer.admit(start + Duration::from_millis(*n), 1_000)).count();
        assert!((1_080..=1_101).contains(&passed), "{passed} of 100 a second, and 100 at once");
    }

    #[test]
    fn heights_that_are_not_known_follow_from_those_that_are() {
        let mut track: Track<()> = Track::new(TrackKind::Video, 3);
        let layers =
            |track: &Track<()>| [90, 180, 225, 300, 450, 1_080].map(|height| track.layer_for(height).0);
        assert_eq!(layers(&track), [0, 0, 0, 1, 1, 2], "of 180, 360 and 720");
        track.layers[0].height = Some(120);
        assert_eq!(layers(&track), [0, 1, 1, 1, 2, 2], "of 120, 240 and 480");
        track.layers[2].height = Some(720);
        assert_eq!(layers(&track), [0, 1, 1, 1, 2, 2], "of 120, 240 and 720");
        assert_eq!(Track::<()>::new(TrackKind::Video, 1).layer_for(2_000), LayerId(0));
    }

    #[test]
    fn a_layer_is_measured_and_forgotten_when_it_stops() {
        let start = Instant::now();
        let mut layer: Layer<()> = Layer::default();
        (0..200).for_each(|n| layer.measure(start + Duration::from_millis(n * 10), 1_250));
        let rate = layer.rate.unwrap();
        assert!((Bitrate::kbps(950)..Bitrate::kbps(1_050)).contains(&rate), "{rate:?}");
        let track = Track { layers: vec![layer], ..Track::new(TrackKind::Video, 1) };
        assert_eq!(track.rates(start + Duration::from_secs(2)), [Some(rate)]);
        assert_eq!(track.rates(start + Duration::from_secs(4)), [None]);
    }
}

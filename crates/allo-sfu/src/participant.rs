//! One participant: the tracks it sends, the slots it receives in, and its transport.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::bandwidth::Bandwidth;
use crate::budget::{BitrateBudget, VideoRequest};
use crate::event::{Outbox, SfuEvent};
use crate::ids::{Bitrate, LayerId, LineId, ParticipantId, TrackId, TrackKind};
use crate::offer::Purpose;
use crate::packet::Codec;
use crate::slot::Slot;
use crate::subscription::Subscription;
use crate::track::{Policer, Track};
use crate::transport::{Details, Packet, Transport};

/// What one audio slot takes, with all headers; and if each frame comes twice.
const AUDIO_SLOT: Bitrate = Bitrate::kbps(50);
const REDUNDANT_AUDIO_SLOT: Bitrate = Bitrate::kbps(80);

/// How much of the estimate is filled up while there is a step up to be had, in hundredths.
///
/// Lower: an estimate that fell for no reason takes longer to rise again, because little is sent that could prove it wrong.
/// Higher: on a narrow link the filling costs packets of sound.
const FILL_PERCENT: u64 = 70;

/// How often it is tried whether more gets through, while more is wanted.
///
/// Lower: pictures come back sooner after a link was narrow. Higher: on a narrow link less is lost by trying.
const PROBE_INTERVAL: Duration = Duration::from_secs(4);

/// Up to where it is tried, in hundredths of what is wanted.
const DESIRED_PERCENT: u64 = 125;

/// A video in a slot, as its share of the bandwidth is decided.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) track: TrackId,
    pub(crate) request: VideoRequest,
    /// How it is encoded, if the slot cannot carry that.
    pub(crate) undecodable: Option<Codec>,
}

/// A participant of a room.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) transport: Transport,
    pub(crate) tracks: BTreeMap<LineId, Track<Details>>,
    pub(crate) audio: Vec<Slot>,
    pub(crate) video: Vec<Slot>,
    pub(crate) subscription: Subscription,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) policer: Policer,
    pub(crate) link: Link,
    /// Parts of files that were asked for and may still come, though nobody wants them any more.
    pub(crate) strays: usize,
    /// When the latest check of connectivity was answered.
    pub(crate) consent_at: Instant,
    /// Up to where it is filled up and tried.
    told: (Bitrate, Bitrate),
    probed_at: Option<Instant>,
}

/// Whether media can flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not yet, since then.
    New(Instant),
    /// It passed a check of connectivity, and its handshake goes on since then.
    Handshake(Instant),
    Connected,
    /// No more proof came that the participant wants to be sent anything (RFC 7675), since then.
    Silent(Instant),
}

impl Participant {
    pub(crate) fn new(now: Instant, transport: Transport, estimate: Bitrate, ingress_max: Bitrate) -> Self {
        let mut participant = Self {
            transport,
            tracks: BTreeMap::new(),
            audio: Vec::new(),
            video: Vec::new(),
            subscription: Subscription::default(),
            bandwidth: Bandwidth::new(estimate),
            policer: Policer::new(now, ingress_max),
            strays: 0,
            consent_at: now,
            link: Link::New(now),
            told: (Bitrate::default(), Bitrate::default()),
            probed_at: None,
        };
        participant.read_lines();
        participant
    }

    /// Makes what the lines of the offer ask for, as far as it is not there. Returns the tracks that are not sent any more.
    pub(crate) fn read_lines(&mut self) -> Vec<LineId> {
        let mut gone = Vec::new();
        for line in self.transport.lines() {
            match (&line.purpose, line.kind) {
                (Purpose::Track(layers), kind) => {
                    self.tracks.entry(line.line).or_insert_with(|| Track::new(kind, layers.len()));
                }
                (Purpose::Slot, kind) => {
                    let slots = if kind == TrackKind::Audio { &mut self.audio } else { &mut self.video };
                    if slots.iter().all(|slot| slot.line != line.line) {
                        slots.push(Slot::new(line.line, line.mid.clone(), kind));
                    }
                }
                (Purpose::Unused, _) => {
                    gone.extend(self.tracks.contains_key(&line.line).then_some(line.line));
                }
            }
        }
        gone
    }

    /// Returns whether it is sent any media.
    pub(crate) fn receives(&self) -> bool {
        self.link == Link::Connected
            && self.audio.iter().chain(&self.video).any(|slot| slot.track().is_some())
    }

    /// Returns the layers whose keyframes it waits for. While it is not connected these would be lost, and the next ones late.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = (TrackId, LayerId)> {
        let slots = self.video.iter().filter(|_| self.link == Link::Connected);
        slots.filter_map(|slot| Some((slot.track()?, slot.awaited()?)))
    }

    /// Returns whether the slot of a track can begin with a keyframe that came then.
    pub(crate) fn can_begin(&self, track: TrackId, then: Instant) -> bool {
        self.video.iter().any(|slot| slot.track() == Some(track) && slot.can_begin_at(then))
    }

    /// Returns whether its bandwidth needs no division: it is sent nothing, and nothing is tried.
    pub(crate) fn is_idle(&self) -> bool {
        !self.receives() && self.told == Default::default()
    }

    /// Gives the video slots to these tracks, of which the first are the most important. What is shown already stays where it is.
    pub(crate) fn assign_video(&mut self, own: ParticipantId, wanted: &[TrackId], outbox: &mut Outbox) {
        let wanted = &wanted[..wanted.len().min(self.video.len())];
        for slot in &mut self.video {
            if slot.track().is_some_and(|track| !wanted.contains(&track)) {
                assign(slot, own, None, outbox);
            }
        }
        for track in wanted {
            if self.video.iter().any(|slot| slot.track() == Some(*track)) {
                continue;
            }
            if let Some(slot) = self.video.iter_mut().find(|slot| slot.track().is_none()) {
                assign(slot, own, Some(*track), outbox);
            }
        }
    }

    /// Gives an audio slot to a track, or to none.
    pub(crate) fn assign_audio(
        &mut self,
        own: ParticipantId,
        n: usize,
        track: Option<TrackId>,
        outbox: &mut Outbox,
    ) {
        if let Some(slot) = self.audio.get_mut(n) {
            // Nobody hears himself.
            let track = track.filter(|track| self.subscription.hears && track.publisher != own);
            assign(slot, own, track, outbox);
            slot.set_target(slot.track().map(|_| LayerId(0)));
        }
    }

    /// Divides the bandwidth among the videos, which come in the order of their importance.
    pub(crate) fn allocate(
        &mut self,
        now: Instant,
        own: ParticipantId,
        shown: &[Shown],
        outbox: &mut Outbox,
    ) {
        let heard = self.audio.iter().filter(|slot| slot.track().is_some()).count();
        let is_redundant = self.transport.lines().any(|line| line.red.is_some());
        let slot = if is_redundant { REDUNDANT_AUDIO_SLOT } else { AUDIO_SLOT };
        let audio = Bitrate(slot.0 * u64::try_from(heard).unwrap_or(u64::MAX));
        let bare: Vec<VideoRequest> = shown.iter().map(|it| it.request.clone()).collect();
        let allotted = BitrateBudget::new(self.bandwidth.level(), audio)
            .hopeful(self.bandwidth.is_hopeful(now))
            .allocate(&bare);
        for (Shown { track, request, undecodable }, layer) in shown.iter().zip(&allotted) {
            let Some(slot) = self.video.iter_mut().find(|slot| slot.track() == Some(*track)) else {
                continue;
            };
            if slot.undecodable != *undecodable {
                slot.undecodable = *undecodable;
                let (subscriber, track, codec) = (own, *track, *undecodable);
                outbox.events.push_back(SfuEvent::VideoUndecodable { subscriber, track, codec });
            }
            let is_possible = request.layer_max.is_some() && request.layers.iter().any(Option::is_some);
            match (slot.is_paused, layer) {
                (false, None) if is_possible => {
                    slot.is_paused = true;
                    outbox.events.push_back(SfuEvent::VideoPaused { subscriber: own, track: *track });
                }
                (true, layer) if layer.is_some() || undecodable.is_some() => {
                    slot.is_paused = false;
                    outbox.events.push_back(SfuEvent::VideoResumed { subscriber: own, track: *track });
                }
                _ => {}
            }
            slot.set_target(*layer);
        }
        self.tell_bitrates(now, audio, &bare, &allotted);
    }

    /// Forwards what is for this subscriber.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        own: ParticipantId,
        packets: &[(TrackId, Packet)],
        outbox: &mut Outbox,
    ) {
        if self.link != Link::Connected {
            return;
        }
        let before = outbox.counters.forwarded;
        for slot in self.audio.iter_mut().chain(&mut self.video) {
            let Some(track) = slot.track() else { continue };
            let mut of_track =
                packets.iter().filter(|(of, _)| *of == track).map(|(_, packet)| packet).peekable();
            let is_keyframe_under_way = slot.is_keyframe_under_way(now);
            if of_track.peek().is_some() && self.transport.is_congested(now, slot.line, is_keyframe_under_way)
            {
                outbox.counters.congested += u64::try_from(of_track.count()).unwrap_or(u64::MAX);
                slot.interrupt();
                continue;
            }
            let layer_before = slot.current();
            let mut is_new = false;
            for packet in of_track {
                let Some(ticket) = slot.admit(now, packet) else { continue };
                self.transport.write(now, slot.line, packet, ticket);
                outbox.counters.forwarded += 1;
                is_new |= ticket.is_first;
            }
            let layer = slot.current().filter(|_| is_new || slot.current() != layer_before);
            if let Some(layer) = layer.filter(|_| slot.kind == TrackKind::Video) {
                outbox.events.push_back(SfuEvent::LayerSwitched { subscriber: own, track, layer });
            }
        }
        if outbox.counters.forwarded > before {
            self.transport.flush(now);
        }
    }

    /// Tells the transport what to try, when it is not what it was told before.
    fn tell_bitrates(
        &mut self,
        now: Instant,
        audio: Bitrate,
        requests: &[VideoRequest],
        allotted: &[Option<LayerId>],
    ) {
        let best = |request: &VideoRequest| {
            let max = request.layer_max?;
            let useful = request.layers.iter().take(usize::from(max.0) + 1).filter_map(|rate| *rate);
            useful.max().or_else(|| request.layers.iter().flatten().min().copied())
        };
        let steps = requests.iter().zip(allotted).filter_map(|(request, layer)| request.step_above(*layer));
        let step = steps.min();
        let is_due = self.probed_at.is_none_or(|at| now.saturating_duration_since(at) >= PROBE_INTERVAL);
        let is_probing = step.is_some() && is_due && !self.bandwidth.is_congested(now);
        if is_probing {
            self.probed_at = Some(now);
        }
        let desired = requests.iter().filter_map(best).fold(audio, Bitrate::plus);
        let desired = desired.percent(DESIRED_PERCENT);
        let spent = requests.iter().zip(allotted).map(|(request, layer)| request.rate(*layer));
        let spent = spent.fold(audio, Bitrate::plus);
        let filled = self.bandwidth.level().percent(FILL_PERCENT);
        let next = step.map_or(Bitrate::default(), |step| spent.plus(step).min(filled));
        self.bandwidth.set_load(spent, desired);
        self.transport.set_through(self.bandwidth.level());
        let is_near = |a: Bitrate, b: Bitrate| a.percent(90) <= b && b <= a.percent(110);
        let is_known = is_near(self.told.0, next) && is_near(self.told.1, desired);
        if self.link == Link::Connected && (is_probing || !is_known) {
            self.told = (next, desired);
            self.transport.set_bitrates(now, next, desired);
        }
    }
}

fn assign(slot: &mut Slot, subscriber: ParticipantId, track: Option<TrackId>, outbox: &mut Outbox) {
    if !slot.assign(track) {
        return;
    }
    let mid = slot.mid.clone();
    outbox.events.push_back(match track {
        Some(track) => SfuEvent::SlotAssigned { subscriber, mid, track },
        None => SfuEvent::SlotEmptied { subscriber, mid },
    });
}

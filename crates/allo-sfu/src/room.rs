//! One media room: who sends what, and who gets it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::budget::VideoRequest;
use crate::event::{Closed, Outbox, SfuEvent};
use crate::files::Files;
use crate::ids::{Bitrate, FileId, LayerId, ParticipantId, RoomId, TrackId, TrackKind};
use crate::participant::{Link, Participant, Shown};
use crate::speakers::{Speakers, SpeakersConfig};
use crate::subscription::Subscription;
use crate::track::Track;
use crate::transport::{Details, Packet, TransportEvent};

/// How often a room looks around: who fell silent, which layers are sent, what was asked for twice.
///
/// Lower: changes show sooner. Higher: big rooms cost less.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long a transport may take to connect, or to come back.
const DOWN_MAX: Duration = Duration::from_secs(30);

/// How long a handshake may take. One that a forged message disturbed is given up at once (`CloseReason::Contested`).
///
/// Lower: who has a slow connection gets nowhere. Higher: more is kept of those who only begin.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long a participant is sent anything without a new check of connectivity. A browser makes one every 2.5 s.
///
/// Lower: a short outage pauses the call. Higher: more is sent to who is not there; RFC 7675 allows 30 s.
const CONSENT_MAX: Duration = Duration::from_secs(15);

/// Packets that may wait to be forwarded. More come only if the shell does not ask for datagrams to send: they are dropped.
const WAITING_MAX: usize = 1_024;

/// How long the beginning of a frame waits for its end, so that all of it goes to each subscriber at once, in one train.
///
/// Higher: frames that come slowly cost less. Lower: their beginning goes out sooner, though nobody can show it before the end.
const FRAME_WAIT: Duration = Duration::from_millis(1);

/// The loudness of a sender who does not say it: that of quiet speech.
const LEVEL_ASSUMED: i8 = -40;

/// A room, which exists while somebody is in it.
#[derive(Debug)]
pub(crate) struct Room {
    own: RoomId,
    pub(crate) participants: BTreeMap<ParticipantId, Participant>,
    /// The videos that are sent, in the order in which they began.
    videos: Vec<TrackId>,
    speakers: Speakers<TrackId>,
    /// Who is heard in each audio slot.
    heard: Vec<Option<TrackId>>,
    speaking: BTreeSet<TrackId>,
    active: Option<TrackId>,
    /// Packets that came since the last round of forwarding began.
    waiting: Vec<(TrackId, Packet)>,
    /// When they are to be forwarded.
    ripe_at: Option<Instant>,
    round: Round,
    look_at: Instant,
    files: Files,
    /// When to ask for keyframes that were asked for too soon after others, or did not come.
    keyframes_at: Option<Instant>,
}

/// A round of forwarding: some packets, to one subscriber after the other, so that each one's state is fetched only once.
#[derive(Debug, Default)]
struct Round {
    packets: Vec<(TrackId, Packet)>,
    to_go: Vec<ParticipantId>,
}

impl Room {
    pub(crate) fn new(now: Instant, own: RoomId, speakers: SpeakersConfig, file_rate: Bitrate) -> Self {
        Self {
            own,
            participants: BTreeMap::new(),
            videos: Vec::new(),
            heard: vec![None; speakers.slots],
            speakers: Speakers::new(speakers),
            speaking: BTreeSet::new(),
            active: None,
            waiting: Vec::new(),
            ripe_at: None,
            round: Round::default(),
            look_at: now + LOOK_INTERVAL,
            keyframes_at: None,
            files: Files::new(file_rate),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    pub(crate) fn participant(&mut self, participant: ParticipantId) -> Option<&mut Participant> {
        self.participants.get_mut(&participant)
    }

    pub(crate) fn join(
        &mut self,
        now: Instant,
        own: ParticipantId,
        participant: Participant,
        outbox: &mut Outbox,
    ) {
        self.participants.insert(own, participant);
        self.assign(now, own, outbox);
        self.review_demand(now, outbox);
        self.service(now, own, outbox);
    }

    /// Takes a participant out, with its tracks.
    pub(crate) fn leave(&mut self, now: Instant, own: ParticipantId, outbox: &mut Outbox) {
        let Some(mut participant) = self.participants.remove(&own) else { return };
        self.files.remove(own, &mut self.participants, outbox);
        participant.transport.close(now);
        while let Some(transmit) = participant.transport.poll_transmit() {
            outbox.transmits.push_back(transmit);
        }
        for (line, track) in participant.tracks {
            if track.is_published {
                self.unpublish(TrackId { publisher: own, line }, track.kind, outbox);
            }
        }
        self.assign_all(now, outbox);
        outbox.left.push(own);
    }

    /// Takes up the lines of a further offer.
    pub(crate) fn handle_lines(&mut self, now: Instant, own: ParticipantId, outbox: &mut Outbox) {
        let Some(participant) = self.participants.get_mut(&own) else { return };
        let gone = participant.read_lines();
        let gone: Vec<_> =
            gone.into_iter().filter_map(|line| Some((line, participant.tracks.remove(&line)?))).collect();
        for (line, track) in gone.into_iter().filter(|(_, track)| track.is_published) {
            self.unpublish(TrackId { publisher: own, line }, track.kind, outbox);
        }
        self.assign_all(now, outbox);
        self.review_demand(now, outbox);
        self.service(now, own, outbox);
    }

    /// Takes what a subscriber would like to see and hear. What is not there, or its own, is not seen.
    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        own: ParticipantId,
        subscription: Subscription,
        outbox: &mut Outbox,
    ) {
        if let Some(participant) = self.participants.get_mut(&own) {
            participant.subscription = subscription;
            self.assign(now, own, outbox);
            self.raise_demand(own, outbox);
        }
    }

    /// Has a file passed on to somebody.
    pub(crate) fn send_file(
        &mut self,
        now: Instant,
        file: FileId,
        bytes: u32,
        from: ParticipantId,
        to: ParticipantId,
        outbox: &mut Outbox,
    ) {
        if !self.participants.contains_key(&from) {
            return outbox.events.push_back(SfuEvent::FileStopped { file, taker: to });
        }
        self.files.send(now, file, bytes, from, to);
        self.files.pump(now, from, &mut self.participants, outbox);
    }

    /// Has it passed on to them no more.
    pub(crate) fn stop_file(&mut self, file: FileId, to: ParticipantId) {
        self.files.stop(file, to, &mut self.participants);
    }

    /// Forwards nothing of a track, or forwards it again.
    pub(crate) fn mute(&mut self, id: TrackId, is_muted: bool, outbox: &mut Outbox) {
        let publisher = self.participants.get_mut(&id.publisher);
        let Some(track) = publisher.and_then(|publisher| publisher.tracks.get_mut(&id.line)) else { return };
        track.is_muted = is_muted;
        if is_muted && track.kind == TrackKind::Audio {
            self.hush(id, outbox);
        }
    }

    /// Takes what a participant's transport has to say, until it has nothing more.
    pub(crate) fn service(&mut self, now: Instant, own: ParticipantId, outbox: &mut Outbox) {
        outbox.touched.insert(own);
        while let Some(participant) = self.participants.get_mut(&own) {
            let is_silent = matches!(participant.link, Link::Silent(_));
            while let Some(transmit) = participant.transport.poll_transmit() {
                // The silent are sent nothing but answers to their checks.
                if !is_silent || transmit.train.contents().first().is_some_and(|first| *first < 4) {
                    outbox.transmits.push_back(transmit);
                }
            }
            let Some(event) = participant.transport.poll_event() else { break };
            self.handle_event(now, own, event, outbox);
        }
        if !self.files.is_empty() {
            self.files.pump(now, own, &mut self.participants, outbox);
        }
    }

    /// Records that a participant's check of connectivity was answered: it is there.
    pub(crate) fn handle_consent(&mut self, now: Instant, own: ParticipantId, outbox: &mut Outbox) {
        let Some(participant) = self.participants.get_mut(&own) else { return };
        participant.consent_at = now;
        if matches!(participant.link, Link::New(_)) {
            participant.link = Link::Handshake(now);
        }
        if matches!(participant.link, Link::Silent(_)) {
            self.handle_event(now, own, TransportEvent::Connected, outbox);
        }
    }

    fn end_consents(&mut self, now: Instant, outbox: &mut Outbox) {
        for (own, participant) in &mut self.participants {
            if now.saturating_duration_since(participant.consent_at) > CONSENT_MAX {
                silence(now, *own, participant, outbox);
            }
        }
    }

    /// Returns when to call [`Self::handle_timeout`], or when there will be something to forward.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Instant {
        let ripe_at = self.ripe_at.filter(|at| *at > now);
        ripe_at
            .into_iter()
            .chain(self.keyframes_at)
            .chain(self.files.poll_timeout(now))
            .fold(self.look_at, Instant::min)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) {
        if self.keyframes_at.is_some_and(|at| at <= now) {
            self.keyframes_at = None;
            self.ask_again(now, outbox);
        }
        if self.look_at <= now {
            self.look_around(now, outbox);
        }
        if !self.files.is_empty() {
            self.files.look_around(now, &mut self.participants, outbox);
        }
    }

    /// Looks around, as is done from time to time.
    fn look_around(&mut self, now: Instant, outbox: &mut Outbox) {
        self.look_at = now + LOOK_INTERVAL;
        let silent: Vec<_> =
            self.speaking.iter().copied().filter(|track| !self.speakers.is_speaking(now, *track)).collect();
        for track in silent {
            self.speaking.remove(&track);
            outbox.events.push_back(SfuEvent::SpeakingChanged { track, is_speaking: false });
        }
        self.end_consents(now, outbox);
        let is_over = |participant: &Participant| match participant.link {
            Link::Connected => false,
            Link::New(since) | Link::Silent(since) => now.saturating_duration_since(since) > DOWN_MAX,
            Link::Handshake(since) => now.saturating_duration_since(since) > HANDSHAKE_MAX,
        };
        let over: Vec<_> =
            self.participants.iter().filter(|(_, it)| is_over(it)).map(|(own, _)| *own).collect();
        for own in over {
            outbox.events.push_back(SfuEvent::TransportClosed(own, Closed::BySilence));
            self.leave(now, own, outbox);
        }
        self.allocate_all(now, outbox);
        self.review_demand(now, outbox);
    }

    /// Forwards to one more subscriber. Returns whether there was one.
    pub(crate) fn forward(&mut self, now: Instant, outbox: &mut Outbox) -> bool {
        if self.round.to_go.is_empty() {
            if !self.is_ripe(now) {
                return false;
            }
            self.ripe_at = None;
            self.round.packets.clear();
            std::mem::swap(&mut self.round.packets, &mut self.waiting);
            let receiving = self.participants.iter().rev().filter(|(_, it)| it.receives());
            self.round.to_go.extend(receiving.map(|(own, _)| *own));
        }
        let Some(own) = self.round.to_go.pop() else { return false };
        if let Some(participant) = self.participants.get_mut(&own) {
            participant.forward(now, own, &self.round.packets, outbox);
            self.service(now, own, outbox);
        }
        true
    }

    /// Returns whether something is to be forwarded now.
    pub(crate) fn is_waiting(&self, now: Instant) -> bool {
        self.is_ripe(now) || !self.round.to_go.is_empty()
    }

    fn is_ripe(&self, now: Instant) -> bool {
        self.ripe_at.is_some_and(|at| at <= now)
    }

    fn handle_event(&mut self, now: Instant, own: ParticipantId, event: TransportEvent, outbox: &mut Outbox) {
        let Some(participant) = self.participants.get_mut(&own) else { return };
        match event {
            TransportEvent::Packet(packet) => self.handle_packet(now, own, packet, outbox),
            TransportEvent::Connected if participant.link == Link::Connected => {}
            TransportEvent::Connected => {
                participant.link = Link::Connected;
                outbox.events.push_back(SfuEvent::TransportConnected(own));
                self.allocate(now, own, outbox);
                self.raise_demand(own, outbox);
            }
            TransportEvent::Silent => silence(now, own, participant, outbox),
            TransportEvent::Closed(reason) => {
                outbox.events.push_back(SfuEvent::TransportClosed(own, reason.into()));
                self.leave(now, own, outbox);
            }
            // It goes on with what it has for them, as after each event.
            TransportEvent::ChannelOpened => {}
            TransportEvent::Message(message) => {
                let handled = self.files.handle_message(now, own, message, &mut self.participants, outbox);
                if handled.is_err()
                    && let Some(participant) = self.participants.get_mut(&own)
                {
                    participant.transport.give_up(now);
                }
            }
            TransportEvent::KeyframeWanted(line) => {
                let Some(slot) = participant.video.iter_mut().find(|slot| slot.line == line) else { return };
                slot.mark_broken();
                if let Some((track, layer)) = slot.track().zip(slot.current()) {
                    self.want_keyframe(now, track, layer, outbox);
                }
            }
            TransportEvent::KeyframeMissed(line, stream) => {
                self.want_keyframe(now, TrackId { publisher: own, line }, stream, outbox);
            }
            TransportEvent::Estimate(estimate) => {
                participant.bandwidth.handle_estimate(estimate);
                self.allocate(now, own, outbox);
            }
            TransportEvent::Report(report) => {
                participant.bandwidth.handle_report(now, report);
                if !participant.is_idle() {
                    self.allocate(now, own, outbox);
                }
            }
        }
    }

    fn handle_packet(&mut self, now: Instant, own: ParticipantId, packet: Packet, outbox: &mut Outbox) {
        let Some(participant) = self.participants.get_mut(&own) else { return };
        if !participant.policer.admit(now, packet.payload.len()) {
            outbox.counters.policed += 1;
            return;
        }
        let Some(track) = participant.tracks.get_mut(&packet.line) else { return };
        if track.is_muted {
            outbox.counters.muted += 1;
            return;
        }
        let begins_layer = !track.is_sent(now, packet.layer) || track.codec() != Some(packet.codec);
        let early = track.record(now, &packet);
        let (id, kind) = (TrackId { publisher: own, line: packet.line }, track.kind);
        let level = packet.level.unwrap_or(LEVEL_ASSUMED);
        let is_end = kind == TrackKind::Audio || packet.is_last_of_frame;
        let packets = match kind {
            TrackKind::Audio => track.gaps.fill(packet),
            TrackKind::Video => [None, Some(packet)],
        };
        outbox.counters.repaired += u64::from(packets[0].is_some());
        if !track.is_published {
            track.is_published = true;
            outbox.events.push_back(SfuEvent::TrackPublished(id, kind));
            if kind == TrackKind::Video {
                self.videos.push(id);
                self.assign_all(now, outbox);
            }
        } else if begins_layer && kind == TrackKind::Video {
            self.allocate_all(now, outbox);
        }
        if kind == TrackKind::Audio {
            self.handle_level(now, id, level, outbox);
            if self.speakers.slot(id).is_none() {
                return;
            }
        }
        if self.waiting.len() >= WAITING_MAX {
            outbox.counters.overrun += 1;
            return;
        }
        let ripe_at = if is_end { now } else { now + FRAME_WAIT };
        self.ripe_at = Some(self.ripe_at.map_or(ripe_at, |at| at.min(ripe_at)));
        let packets = packets.into_iter().flatten().chain(early);
        self.waiting.extend(packets.map(|packet| (id, packet)));
    }

    fn handle_level(&mut self, now: Instant, track: TrackId, level: i8, outbox: &mut Outbox) {
        self.speakers.handle_level(now, track, level);
        if self.speakers.is_speaking(now, track) && self.speaking.insert(track) {
            outbox.events.push_back(SfuEvent::SpeakingChanged { track, is_speaking: true });
        }
        if let Some(active) = self.speakers.active().filter(|active| self.active != Some(*active)) {
            self.active = Some(active);
            outbox.events.push_back(SfuEvent::ActiveSpeakerChanged(self.own, active));
        }
        let slot = self.speakers.slot(track).filter(|slot| self.heard.get(*slot) != Some(&Some(track)));
        if let Some(n) = slot {
            self.hear(n, Some(track), outbox);
        }
    }

    fn hear(&mut self, n: usize, track: Option<TrackId>, outbox: &mut Outbox) {
        self.heard[n] = track;
        for (own, participant) in &mut self.participants {
            participant.assign_audio(*own, n, track, outbox);
        }
    }

    fn unpublish(&mut self, track: TrackId, kind: TrackKind, outbox: &mut Outbox) {
        outbox.events.push_back(SfuEvent::TrackUnpublished(track));
        match kind {
            TrackKind::Audio => self.hush(track, outbox),
            TrackKind::Video => {
                self.waiting.retain(|(of, _)| *of != track);
                self.videos.retain(|video| *video != track);
            }
        }
    }

    /// Takes a microphone out of the elections.
    fn hush(&mut self, track: TrackId, outbox: &mut Outbox) {
        self.waiting.retain(|(of, _)| *of != track);
        self.speakers.remove(track);
        self.active = self.active.filter(|active| *active != track);
        if self.speaking.remove(&track) {
            outbox.events.push_back(SfuEvent::SpeakingChanged { track, is_speaking: false });
        }
        if let Some(n) = self.heard.iter().position(|heard| *heard == Some(track)) {
            self.hear(n, None, outbox);
        }
    }

    fn assign_all(&mut self, now: Instant, outbox: &mut Outbox) {
        let everybody: Vec<_> = self.participants.keys().copied().collect();
        for own in everybody {
            self.assign(now, own, outbox);
        }
    }

    /// Returns the videos that a subscriber would like to see, the most important first. Some may be declared and not sent yet.
    pub(crate) fn wanted_videos(&self, own: ParticipantId) -> Vec<TrackId> {
        let Some(participant) = self.participants.get(&own) else { return Vec::new() };
        if let Some(wishes) = &participant.subscription.wishes {
            let is_possible = |id: &TrackId| id.publisher != own && self.video(*id).is_some();
            return wishes.iter().map(|wish| wish.track).filter(is_possible).collect();
        }
        let declared =
            self.tracks(TrackKind::Video).filter(|id| self.video(*id).is_some_and(|it| !it.is_published));
        let all = self.videos.iter().copied().chain(declared);
        all.filter(|id| id.publisher != own).take(participant.video.len()).collect()
    }

    fn video(&self, id: TrackId) -> Option<&Track<Details>> {
        let track = self.participants.get(&id.publisher)?.tracks.get(&id.line)?;
        Some(track).filter(|track| track.kind == TrackKind::Video)
    }

    /// Gives a subscriber's slots to the tracks it wishes for, or to the first that there are.
    fn assign(&mut self, now: Instant, own: ParticipantId, outbox: &mut Outbox) {
        let mut wanted = self.wanted_videos(own);
        wanted.retain(|id| self.video(*id).is_some_and(|track| track.is_published));
        let Some(participant) = self.participants.get_mut(&own) else { return };
        participant.assign_video(own, &wanted, outbox);
        for (n, track) in self.heard.iter().enumerate() {
            participant.assign_audio(own, n, *track, outbox);
        }
        self.allocate(now, own, outbox);
    }

    /// Divides the bandwidth of all who are sent something.
    fn allocate_all(&mut self, now: Instant, outbox: &mut Outbox) {
        let busy: Vec<_> =
            self.participants.iter().filter(|(_, it)| !it.is_idle()).map(|(own, _)| *own).collect();
        for own in busy {
            self.allocate(now, own, outbox);
        }
    }

    /// Divides a subscriber's bandwidth, and asks for the keyframes that this makes necessary.
    fn allocate(&mut self, now: Instant, own: ParticipantId, outbox: &mut Outbox) {
        let Some(participant) = self.participants.get(&own) else { return };
        let mut requests: Vec<_> = participant
            .video
            .iter()
            .filter_map(|slot| {
                let id = slot.track()?;
                let track = self.participants.get(&id.publisher)?.tracks.get(&id.line)?;
                let codec = track.codec().filter(|codec| !participant.transport.takes(slot.line, *codec));
                let height = participant.subscription.tile_height(id);
                let is_seen = height > 0 && codec.is_none();
                let layer_max = is_seen.then(|| track.layer_for(height));
                let request = VideoRequest { layers: track.rates(now), layer_max, current: slot.target() };
                Some(Shown { track: id, request, undecodable: codec })
            })
            .collect();
        requests.sort_by_key(|it| participant.subscription.rank(it.track));
        let Some(participant) = self.participants.get_mut(&own) else { return };
        participant.allocate(now, own, &requests, outbox);
        for (track, layer) in participant.awaited().collect::<Vec<_>>() {
            if !self.begin(now, own, track, layer, outbox) {
                self.want_keyframe(now, track, layer, outbox);
            }
        }
        outbox.talkative.insert(own);
    }

    /// Lets a subscriber begin with the latest keyframe, if that is new. Returns whether it could.
    fn begin(
        &mut self,
        now: Instant,
        own: ParticipantId,
        id: TrackId,
        layer: LayerId,
        outbox: &mut Outbox,
    ) -> bool {
        let can_begin = |first: &Packet| {
            self.participants.get(&own).is_some_and(|it| it.can_begin(id, first.received_at))
        };
        let beginning = self.video(id).and_then(|track| track.beginning(now, layer));
        let Some(beginning) = beginning.filter(|packets| packets.first().is_some_and(can_begin)) else {
            return false;
        };
        let packets: Vec<_> = beginning.iter().map(|packet| (id, packet.clone())).collect();
        if let Some(participant) = self.participants.get_mut(&own) {
            participant.forward(now, own, &packets, outbox);
        }
        true
    }

    /// Asks for the keyframes that anybody still waits for.
    fn ask_again(&mut self, now: Instant, outbox: &mut Outbox) {
        let awaited: BTreeSet<_> = self.participants.values().flat_map(Participant::awaited).collect();
        for (track, layer) in awaited {
            self.want_keyframe(now, track, layer, outbox);
        }
    }

    fn want_keyframe(&mut self, now: Instant, id: TrackId, layer: LayerId, outbox: &mut Outbox) {
        let Some(publisher) = self.participants.get_mut(&id.publisher) else { return };
        let Some(track) = publisher.tracks.get_mut(&id.line) else { return };
        track.keyframes.request(track.stream_of(layer));
        while let Some(stream) = track.keyframes.poll_request(now) {
            publisher.transport.request_keyframe(now, id.line, stream);
            outbox.talkative.insert(id.publisher);
        }
        if let Some(due) = track.keyframes.poll_timeout() {
            self.keyframes_at = Some(self.keyframes_at.map_or(due, |at| at.min(due)));
        }
    }
}

/// Sends a participant nothing more until it is heard again.
fn silence(now: Instant, own: ParticipantId, participant: &mut Participant, outbox: &mut Outbox) {
    if participant.link == Link::Connected {
        participant.link = Link::Silent(now);
        outbox.events.push_back(SfuEvent::TransportSilent(own));
    }
}

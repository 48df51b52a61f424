//! One link to one peer, without input or output.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allo_protocol::{IceCandidate, PictureLimits, SdpType, SessionDescription};
use str0m::media::{MediaData, MediaKind, Mid};
use str0m::net::{Protocol, Transmit};
use str0m::{Event, IceConnectionState, RtcError};
use tracing::{debug, warn};

use super::candidates::RemoteCandidates;
use super::link::{LinkState, PeerError, PeerEvent, PeerOptions};
use super::negotiation::{
    Negotiator, OfferOutcome, Proposal, Restart, add_host_candidates, add_reflexive_candidate,
};
use super::recovery::{Advice, Recovery};
use crate::engine::Engine;
use crate::media::VideoClip;
use crate::reception::{AudioReception, AudioReport, Numbers, VideoReception, VideoReport};
use crate::sending::{Sending, SentReport};

/// A connected peer that says nothing for so long is taken for lost. Checks alone come every two or three seconds.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// One link to one peer: ICE, DTLS and media, both ways.
///
/// Hand it what happens with `handle_*`; afterwards take what it has to send from [`Self::poll_transmit`], what it has to say
/// from [`Self::poll_event`], and call [`Self::handle_timeout`] at [`Self::poll_timeout`].
#[derive(Debug)]
pub struct PeerConnection {
    engine: Engine,
    negotiator: Negotiator,
    remote: RemoteCandidates,
    recovery: Recovery,
    sending: Sending,
    audio: AudioReception,
    video: VideoReception,
    /// One for each media line; there are no more lines than a description may have.
    numbers: BTreeMap<Mid, Numbers>,
    addresses: Vec<SocketAddr>,
    mic: bool,
    cam: bool,
    /// How high the peer wants pictures to be.
    limits: PictureLimits,
    state: LinkState,
    ice: IceConnectionState,
    heard_at: Option<Instant>,
    /// Whether the peer said goodbye.
    is_closed: bool,
    /// Emptied by the caller after each call, so it holds what one call brought about.
    events: VecDeque<PeerEvent>,
}

impl PeerConnection {
    /// Makes a link. The impolite end offers at once.
    pub fn new(now: Instant, options: PeerOptions) -> Self {
        let mut engine = Engine::new(now, options.certificate);
        add_host_candidates(&mut engine.rtc, &options.addresses);
        let mut link = Self {
            engine,
            negotiator: Negotiator::new(options.negotiation, options.is_polite, options.sends_video),
            remote: RemoteCandidates::default(),
            recovery: Recovery::new(now, options.is_polite),
            sending: Sending::new(now, &[VideoClip::built_in()]),
            audio: AudioReception::default(),
            video: VideoReception::default(),
            numbers: BTreeMap::new(),
            addresses: options.addresses,
            mic: options.mic,
            cam: options.cam && options.sends_video,
            limits: PictureLimits::default(),
            state: LinkState::Connecting,
            ice: IceConnectionState::New,
            heard_at: None,
            is_closed: false,
            events: VecDeque::new(),
        };
        if !options.is_polite {
            link.negotiate();
        }
        link.drive(now);
        link
    }

    /// The server greeted again: messages may have been lost.
    pub fn handle_greet(&mut self, now: Instant) {
        if let Some(proposal) = self.negotiator.unanswered() {
            self.propose(proposal);
        } else if self.state != LinkState::Connected && self.negotiator.was_described() {
            self.restart_ice(now);
        }
        self.drive(now);
    }

    /// Takes an offer or an answer of the peer. After an error the link asks to be renewed.
    pub fn handle_description(
        &mut self,
        now: Instant,
        description: &SessionDescription,
    ) -> Result<(), PeerError> {
        let handled = match description.sdp_type {
            SdpType::Offer => self.handle_offer(now, &description.sdp),
            SdpType::Answer => self.handle_answer(&description.sdp),
        };
        if handled.is_err() {
            self.fail();
        } else {
            self.drive(now);
            self.negotiate();
            self.update_sending(now);
        }
        self.drive(now);
        handled
    }

    /// Takes a candidate of the peer.
    pub fn handle_candidate(&mut self, now: Instant, candidate: IceCandidate) {
        self.remote.handle(&mut self.engine.rtc, candidate);
        self.drive(now);
    }

    /// Returns whether a datagram from `source` is for this link.
    pub fn accepts(
        &self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        self.engine.accepts(now, Protocol::Udp, source, destination, datagram)
    }

    /// Takes a datagram that this link accepts.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) {
        if self.engine.handle_datagram(now, Protocol::Udp, source, destination, datagram) {
            self.heard_at = Some(now);
            self.drive(now);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let result = self.engine.handle_timeout(now);
        self.check(result);
        self.drive(now);
        match self.recovery.poll(now) {
            Some(Advice::Restart) => self.restart_ice(now),
            Some(Advice::Renew) => self.renew(),
            None => {}
        }
        self.send_media(now);
        self.drive(now);
    }

    /// The addresses of this machine changed: tells the peer of new ones, and restarts ICE.
    pub fn handle_addresses(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        let new: Vec<_> =
            addresses.iter().copied().filter(|address| !self.addresses.contains(address)).collect();
        self.addresses = addresses;
        let added = add_host_candidates(&mut self.engine.rtc, &new);
        self.events.extend(added.into_iter().map(PeerEvent::Candidate));
        self.drive(now);
        self.negotiator.restart_ice(Restart::NewAddresses);
        self.negotiate();
        self.drive(now);
    }

    /// An address of this end is seen from outside as another: tells the peer.
    pub fn add_reflexive(&mut self, now: Instant, address: SocketAddr, base: SocketAddr) {
        let added = add_reflexive_candidate(&mut self.engine.rtc, address, base);
        self.events.extend(added.map(PeerEvent::Candidate));
        self.drive(now);
    }

    /// Restarts ICE, or makes the first offer if there was none.
    pub fn restart_ice(&mut self, now: Instant) {
        self.negotiator.restart_ice(Restart::SameAddresses);
        self.negotiate();
        self.drive(now);
    }

    /// Switches the microphone.
    pub fn set_mic(&mut self, now: Instant, is_on: bool) {
        self.mic = is_on;
        self.update_sending(now);
    }

    /// Switches the camera.
    pub fn set_cam(&mut self, now: Instant, is_on: bool) {
        self.cam = is_on;
        self.update_sending(now);
    }

    /// Sends no pictures while the peer wants none. There is one size of them, which is sent for all other limits.
    pub fn limit_pictures(&mut self, now: Instant, limits: PictureLimits) {
        self.limits = limits;
        self.update_sending(now);
    }

    /// Says goodbye to the peer; afterwards the link is to be dropped.
    pub fn close(&mut self, now: Instant) {
        let closed = self.engine.rtc.close();
        self.check(closed);
        self.drain(now);
    }

    /// Returns the next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.engine.poll_transmit()
    }

    /// Returns the next thing to say.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Returns when to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Instant {
        let media = if self.state == LinkState::Connecting { None } else { self.sending.poll_timeout() };
        let silence = if self.state == LinkState::Connected { self.silent_from() } else { None };
        let others = media.into_iter().chain(self.recovery.poll_timeout()).chain(silence);
        others.fold(self.engine.poll_timeout(), Instant::min)
    }

    /// Returns the state of the link.
    pub fn state(&self) -> LinkState {
        self.state
    }

    /// Returns whether no offer of this end waits for an answer (`signalingState` is `stable`).
    pub fn is_stable(&self) -> bool {
        !self.negotiator.is_offering()
    }

    /// Returns when the last datagram came, of any kind.
    pub fn heard_at(&self) -> Option<Instant> {
        self.heard_at
    }

    /// Returns what was received and sent so far.
    pub fn report(&self, now: Instant) -> (AudioReport, VideoReport, SentReport) {
        (self.audio.report(now), self.video.report(now), self.sending.report())
    }

    fn handle_offer(&mut self, now: Instant, sdp: &str) -> Result<(), PeerError> {
        let ufrag_before = self.remote.ufrag().map(str::to_owned);
        let answer = match self.negotiator.handle_offer(&mut self.engine.rtc, sdp, ufrag_before.as_deref())? {
            OfferOutcome::Ignored => return Ok(()),
            OfferOutcome::Repeated(answer) => {
                self.events.push_back(PeerEvent::Description(answer));
                // If the answer was lost, a later offer of this end was ignored, as one that crossed the repeated one.
                if let Some(proposal) = self.negotiator.unanswered() {
                    self.propose(proposal);
                }
                return Ok(());
            }
            OfferOutcome::Accepted(answer) => {
                self.remote.describe(&mut self.engine.rtc, sdp);
                if self.state != LinkState::Connected || self.remote.ufrag() != ufrag_before.as_deref() {
                    self.recovery.handle_restart(now);
                }
                answer
            }
        };
        self.events.push_back(PeerEvent::Description(answer));
        Ok(())
    }

    fn handle_answer(&mut self, sdp: &str) -> Result<(), PeerError> {
        let Self { negotiator, engine: Engine { rtc, .. }, remote, addresses, .. } = self;
        let ufrag_before = remote.ufrag().map(str::to_owned);
        if negotiator.handle_answer(rtc, sdp, ufrag_before.as_deref(), addresses)? {
            remote.describe(rtc, sdp);
        }
        Ok(())
    }

    fn negotiate(&mut self) {
        if let Some(proposal) = self.negotiator.poll_offer(&mut self.engine.rtc, &self.addresses) {
            self.propose(proposal);
        }
    }

    fn propose(&mut self, proposal: Proposal) {
        self.events.push_back(PeerEvent::Description(proposal.description));
        self.events.extend(proposal.candidates.into_iter().map(PeerEvent::Candidate));
    }

    /// The link is beyond repair: says so once, and asks for a new one.
    fn fail(&mut self) {
        if self.state != LinkState::Failed {
            self.renew();
        }
    }

    fn renew(&mut self) {
        self.set_state(LinkState::Failed);
        self.events.push_back(PeerEvent::RenewalNeeded);
    }

    /// Lets the engine come to rest, and draws the conclusions.
    fn drive(&mut self, now: Instant) {
        self.drain(now);
        if self.is_closed {
            return;
        }
        let is_silent = self.silent_from().is_some_and(|from| from <= now);
        if self.engine.rtc.is_connected() && !is_silent {
            self.recovery.handle_connected();
            if self.state != LinkState::Connected {
                self.set_state(LinkState::Connected);
                self.sending.jump_to_keyframe();
                self.update_sending(now);
            }
        } else if is_silent || self.ice.is_disconnected() {
            self.recovery.handle_lost(now);
            if self.state == LinkState::Connected {
                self.set_state(LinkState::Reconnecting);
            }
        } else {
            self.recovery.handle_checking(now);
        }
    }

    /// Returns from when on the other end is taken for silent. The engine alone would wait for a quarter of a minute.
    fn silent_from(&self) -> Option<Instant> {
        self.heard_at.map(|at| at + SILENCE_MAX)
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.engine.poll_event(now) {
                Ok(Some(event)) => self.handle_event(now, event),
                Ok(None) => return,
                Err(error) => return self.check(Err(error)),
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::IceConnectionStateChange(state) => self.ice = state,
            Event::MediaData(data) => self.handle_media(now, &data),
            Event::KeyframeRequest(_) => self.sending.handle_keyframe_request(now, 0),
            Event::Closed => self.handle_closed(now),
            _ => {}
        }
    }

    fn handle_closed(&mut self, now: Instant) {
        self.is_closed = true;
        self.recovery.handle_closed(now);
        self.set_state(LinkState::Reconnecting);
    }

    fn handle_media(&mut self, now: Instant, data: &MediaData) {
        let Some(kind) = self.negotiator.kind_of(data.mid) else { return };
        let arrival = self.numbers.entry(data.mid).or_default().handle(data);
        if kind.is_audio() {
            self.audio.handle(now, arrival, data);
        } else if self.video.handle(now, arrival, data) {
            self.engine.request_keyframe(data.mid);
        }
    }

    fn update_sending(&mut self, now: Instant) {
        let is_connected = self.state != LinkState::Connecting;
        let is_taken = |kind| is_connected && self.negotiator.sending_line(kind).is_some();
        self.sending.set_mic(now, self.mic && is_taken(MediaKind::Audio));
        self.sending.set_cam(now, self.cam && self.limits.cam != Some(0) && is_taken(MediaKind::Video));
    }

    fn send_media(&mut self, now: Instant) {
        while let Some(outgoing) = self.sending.poll(now) {
            if let Some(mid) = self.negotiator.sending_line(outgoing.kind) {
                self.engine.write(now, mid, None, outgoing);
            }
            self.drain(now);
        }
    }

    fn check(&mut self, result: Result<(), RtcError>) {
        if let Err(error) = result {
            // What the engine says may quote what came from the network.
            debug!(error = %error, "the engine failed");
            warn!("a link broke, and a new one is asked for");
            self.fail();
        }
    }

    fn set_state(&mut self, state: LinkState) {
        if self.state != state {
            self.state = state;
            self.events.push_back(PeerEvent::StateChanged(state));
        }
    }
}

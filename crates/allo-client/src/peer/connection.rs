//! One link to one peer, without input or output.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allo_protocol::{IceCandidate, SdpType, SessionDescription};
use str0m::config::DtlsCert;
use str0m::format::{Codec, PayloadParams};
use str0m::media::{KeyframeRequestKind, MediaData, Mid};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Event, IceConnectionState, Input, Output, Rtc, RtcConfig, RtcError};
use tracing::{debug, warn};

use super::candidates::RemoteCandidates;
use super::link::{LinkState, PeerError, PeerEvent, PeerOptions};
use super::negotiation::{
    Negotiator, OfferOutcome, Proposal, Restart, add_host_candidates, add_reflexive_candidate,
};
use super::recovery::{Advice, Recovery};
use crate::media::VideoClip;
use crate::reception::{AudioReception, AudioReport, Numbers, VideoReception, VideoReport};
use crate::sending::{Outgoing, Sending, SentReport};

/// Checks that may stay unanswered, a second apart at most, before a path counts as lost. Lower: a lost path is noticed
/// sooner; higher: a bad network is forgiven longer. Six are about five seconds, as in browsers.
const UNANSWERED_CHECKS_MAX: usize = 6;
const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// A connected peer that says nothing for so long is taken for lost. Checks alone come every two or three seconds.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// When to look again at an engine that reported a fault. It is about to be replaced.
const ENGINE_RETRY: Duration = Duration::from_secs(1);

/// One link to one peer: ICE, DTLS and media, both ways.
///
/// Hand it what happens with `handle_*`; afterwards take what it has to send from [`Self::poll_transmit`], what it has to say
/// from [`Self::poll_event`], and call [`Self::handle_timeout`] at [`Self::poll_timeout`].
#[derive(Debug)]
pub struct PeerConnection {
    rtc: Rtc,
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
    state: LinkState,
    ice: IceConnectionState,
    engine_due: Instant,
    heard_at: Option<Instant>,
    /// Whether the peer said goodbye.
    is_closed: bool,
    /// Emptied by the caller after each call, so it holds what one call brought about.
    transmits: VecDeque<Transmit>,
    /// As for `transmits`.
    events: VecDeque<PeerEvent>,
}

impl PeerConnection {
    /// Makes a link. The impolite end offers at once.
    pub fn new(now: Instant, options: PeerOptions) -> Self {
        let mut rtc = engine(options.certificate).build(now);
        add_host_candidates(&mut rtc, &options.addresses);
        let mut link = Self {
            rtc,
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
            state: LinkState::Connecting,
            ice: IceConnectionState::New,
            engine_due: now,
            heard_at: None,
            is_closed: false,
            transmits: VecDeque::new(),
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
        }
        self.drive(now);
        handled
    }

    /// Takes a candidate of the peer.
    pub fn handle_candidate(&mut self, now: Instant, candidate: IceCandidate) {
        self.remote.handle(&mut self.rtc, candidate);
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
        receive(source, destination, datagram)
            .is_some_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Takes a datagram that this link accepts.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) {
        let Some(receive) = receive(source, destination, datagram) else { return };
        self.heard_at = Some(now);
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, receive)) {
            // What comes from the network may be anything: it is dropped, and the link goes on.
            debug!(error = %error, "dropped a datagram");
        }
        self.drive(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.engine_due <= now {
            let result = self.rtc.handle_input(Input::Timeout(now));
            self.check(result);
        }
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
        let added = add_host_candidates(&mut self.rtc, &new);
        self.events.extend(added.into_iter().map(PeerEvent::Candidate));
        self.drive(now);
        self.negotiator.restart_ice(Restart::NewAddresses);
        self.negotiate();
        self.drive(now);
    }

    /// An address of this end is seen from outside as another: tells the peer.
    pub fn add_reflexive(&mut self, now: Instant, address: SocketAddr, base: SocketAddr) {
        let added = add_reflexive_candidate(&mut self.rtc, address, base);
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

    /// Says goodbye to the peer; afterwards the link is to be dropped.
    pub fn close(&mut self, now: Instant) {
        let closed = self.rtc.close();
        self.check(closed);
        self.drain(now);
    }

    /// Returns the next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
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
        others.fold(self.engine_due, Instant::min)
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
        let answer = match self.negotiator.handle_offer(&mut self.rtc, sdp, ufrag_before.as_deref())? {
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
                self.remote.describe(&mut self.rtc, sdp);
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
        let Self { negotiator, rtc, remote, addresses, .. } = self;
        let ufrag_before = remote.ufrag().map(str::to_owned);
        if negotiator.handle_answer(rtc, sdp, ufrag_before.as_deref(), addresses)? {
            remote.describe(rtc, sdp);
        }
        Ok(())
    }

    fn negotiate(&mut self) {
        if let Some(proposal) = self.negotiator.poll_offer(&mut self.rtc, &self.addresses) {
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
        if self.rtc.is_connected() && !is_silent {
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
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) => {
                    self.engine_due = due;
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.transmits.push_back(transmit),
                Ok(Output::Event(event)) => self.handle_event(now, event),
                Err(error) => {
                    self.check(Err(error));
                    self.engine_due = now + ENGINE_RETRY;
                    return;
                }
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
            self.request_keyframe(data.mid);
        }
    }

    fn request_keyframe(&mut self, mid: Mid) {
        let Some(mut writer) = self.rtc.writer(mid) else { return };
        if let Err(error) = writer.request_keyframe(None, KeyframeRequestKind::Pli) {
            debug!(error = %error, "could not ask for a keyframe");
        }
    }

    fn update_sending(&mut self, now: Instant) {
        let is_connected = self.state != LinkState::Connecting;
        self.sending.set_mic(now, self.mic && is_connected);
        self.sending.set_cam(now, self.cam && is_connected);
    }

    fn send_media(&mut self, now: Instant) {
        while let Some(outgoing) = self.sending.poll(now) {
            self.write(now, outgoing);
            self.drain(now);
        }
    }

    fn write(&mut self, now: Instant, outgoing: Outgoing) {
        let codec = if outgoing.kind.is_audio() { Codec::Opus } else { Codec::Vp8 };
        let Some(mid) = self.negotiator.sending_line(&self.rtc, outgoing.kind) else { return };
        let Some(mut writer) = self.rtc.writer(mid) else { return };
        let payload_type =
            writer.payload_params().find(|params| params.spec().codec == codec).map(PayloadParams::pt);
        let Some(payload_type) = payload_type else { return };
        if let Some(level) = outgoing.level {
            writer = writer.audio_level(level, level > -50);
        }
        if let Err(error) = writer.write(payload_type, now, outgoing.time, outgoing.data) {
            debug!(error = %error, "could not send media");
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

/// Prepares the engine of a peer connection.
pub(crate) fn engine(certificate: DtlsCert) -> RtcConfig {
    let mut config =
        RtcConfig::new().clear_codecs().enable_opus(true, true).enable_vp8(true).set_dtls_cert(certificate);
    config.set_max_stun_rto(CHECK_INTERVAL_MAX);
    config.set_max_stun_retransmits(UNANSWERED_CHECKS_MAX);
    config
}

/// Returns a datagram that came by UDP as the engine takes it, if it may be one for it.
fn receive(source: SocketAddr, destination: SocketAddr, datagram: &[u8]) -> Option<Receive<'_>> {
    receive_by(Protocol::Udp, source, destination, datagram)
}

/// Returns a datagram as the engine takes it, if it may be one for it.
pub(crate) fn receive_by(
    protocol: Protocol,
    source: SocketAddr,
    destination: SocketAddr,
    datagram: &[u8],
) -> Option<Receive<'_>> {
    Receive::new(protocol, source, destination, datagram).ok()
}

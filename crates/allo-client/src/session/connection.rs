//! One session, without input or output.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use allo_protocol::{Demand, MediaSession, ParticipantId, Slot, Source};
use str0m::media::MediaData;
use str0m::net::{Protocol, TcpType, Transmit};
use str0m::{Candidate, Event, IceConnectionState, Rtc, RtcError};
use tracing::{debug, warn};

use super::lines::{self, Lines};
use super::options::{SessionError, SessionEvent, SessionOptions, SessionReport};
use super::pulse::Pulse;
use super::slots::Slots;
use crate::engine::Engine;
use crate::media::VideoClip;
use crate::peer::{Advice, LinkState, Recovery, add_host_candidates};
use crate::reception::{AudioReport, VideoReport};
use crate::sending::{Outgoing, Sending};

/// The port of an end by TCP, which only connects (RFC 6544 §4.5): the system gives it a real one.
pub(crate) const TCP_PORT: u16 = 9;

/// The peer connection with the server: ICE, DTLS, tracks to send, and slots to receive in.
///
/// Hand it what happens with `handle_*`; afterwards take what it has to send from [`Self::poll_transmit`], what it has to say
/// from [`Self::poll_event`], and call [`Self::handle_timeout`] at [`Self::poll_timeout`].
///
/// ```text
/// connecting ──answer, ICE, DTLS──► connected ◄──ICE restart──► reconnecting
///     └────── restarts do not help ──────┴────────► failed ◄─────────┘   (another session is needed)
/// ```
#[derive(Debug)]
pub struct Session {
    number: MediaSession,
    engine: Engine,
    lines: Lines,
    slots: Slots,
    demand: Vec<Demand>,
    recovery: Recovery,
    sending: Sending,
    addresses: Vec<SocketAddr>,
    /// Whether the server is sought by UDP, by TCP, or by both.
    ways: Ways,
    /// Whether the addresses changed, so that the engine is to be told of them once ICE is restarted.
    has_new_addresses: bool,
    mic: bool,
    cam: bool,
    state: LinkState,
    ice: IceConnectionState,
    pulse: Pulse,
    /// By which way something came last.
    last_way: Option<Protocol>,
    /// Whether the server said goodbye: what the engine still thinks of the connection counts no more.
    is_closed: bool,
    /// Emptied by the caller after each call, so it holds what one call brought about.
    events: VecDeque<SessionEvent>,
}

impl Session {
    /// Makes a session, and offers it.
    pub fn new(now: Instant, options: SessionOptions) -> Self {
        let mut engine = Engine::new(now, options.certificate.clone());
        let ways = if options.is_by_tcp { Ways::Tcp } else { Ways::Udp };
        add_candidates(&mut engine.rtc, ways, &options.addresses);
        let lines = Lines::offer(&mut engine.rtc, &options);
        let mut session = Self {
            number: options.number,
            engine,
            lines,
            slots: Slots::default(),
            demand: Vec::new(),
            recovery: Recovery::new(now, false),
            sending: Sending::new(now, &VideoClip::layers()),
            addresses: options.addresses,
            ways,
            has_new_addresses: false,
            mic: options.mic,
            cam: options.cam && options.sends_video,
            state: LinkState::Connecting,
            ice: IceConnectionState::New,
            pulse: Pulse::default(),
            last_way: None,
            is_closed: false,
            events: VecDeque::new(),
        };
        session.say_offer();
        session.drive(now);
        session
    }

    /// Returns the number of the session.
    pub fn number(&self) -> MediaSession {
        self.number
    }

    /// The server is there again: messages may have been lost.
    pub fn handle_reopened(&mut self, now: Instant) {
        if self.lines.unanswered().is_some() {
            self.say_offer();
        } else if self.state == LinkState::Reconnecting {
            self.try_tcp();
            self.restart_ice();
        }
        self.drive(now);
    }

    /// Takes the answer of the server. After an error the session asks to be renewed.
    pub fn handle_answer(&mut self, now: Instant, sdp: &str) -> Result<(), SessionError> {
        let handled = self.lines.handle_answer(&mut self.engine.rtc, sdp);
        match &handled {
            Ok(true) if std::mem::take(&mut self.has_new_addresses) => {
                add_candidates(&mut self.engine.rtc, self.ways, &self.addresses);
            }
            Ok(_) => {}
            Err(_) => self.fail(),
        }
        self.drive(now);
        handled.map(|_| ())
    }

    /// Takes what the slots carry from now on.
    pub fn handle_slots(&mut self, slots: Vec<Slot>) {
        let is_own = |slot: &Slot| self.lines.slot_kind(&slot.mid).is_some();
        self.slots.assign(slots.into_iter().filter(is_own).collect());
    }

    /// Takes how much of the own tracks anybody receives: the rest is not sent.
    pub fn handle_demand(&mut self, now: Instant, demand: Vec<Demand>) {
        self.demand = demand.into_iter().filter(|demand| self.lines.source(&demand.mid).is_some()).collect();
        self.update_sending(now);
    }

    /// Returns whether a datagram from `source` is for this session.
    pub fn accepts(
        &self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        self.engine.accepts(now, protocol(destination), source, destination, datagram)
    }

    /// Takes a datagram that this session accepts.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) {
        let way = protocol(destination);
        if self.engine.handle_datagram(now, way, source, destination, datagram) {
            self.pulse.heard(now);
            self.last_way = Some(way);
            self.drive(now);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let result = self.engine.handle_timeout(now);
        self.check(result);
        self.drive(now);
        match self.recovery.poll(now) {
            Some(Advice::Restart) if self.lines.is_answered() => {
                self.try_tcp();
                self.restart_ice();
            }
            // The offer was said, and the server is slow: it is asked again when it comes back.
            Some(Advice::Restart) | None => {}
            Some(Advice::Renew) => self.renew(),
        }
        while let Some(outgoing) = self.sending.poll(now) {
            self.write(now, outgoing);
            self.drain(now);
        }
        self.drive(now);
    }

    /// The addresses of this machine changed: moves to them by restarting ICE.
    pub fn handle_addresses(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        self.addresses = addresses;
        self.has_new_addresses = self.lines.restart_ice(&mut self.engine.rtc, false);
        if self.has_new_addresses {
            self.say_offer();
        } else {
            add_candidates(&mut self.engine.rtc, self.ways, &self.addresses);
        }
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

    /// Asks for the data channel, if it was not yet asked for. While another offer waits for its answer nothing is done, and this is to be called again.
    pub fn open_channel(&mut self, now: Instant) {
        if self.lines.open_channel(&mut self.engine.rtc) {
            self.say_offer();
            self.drive(now);
        }
    }

    /// Sends a message by the data channel. Returns whether there was room for it: the engine holds 128 KiB, and takes more as these arrive.
    pub fn send_data(&mut self, now: Instant, message: &[u8]) -> bool {
        let channel = self.lines.channel().and_then(|id| self.engine.rtc.channel(id));
        let written = channel.map_or(Ok(false), |mut channel| channel.write(true, message));
        let is_written = matches!(written, Ok(true));
        self.check(written.map(|_| ()));
        self.drive(now);
        is_written
    }

    /// Forgets what came from everybody of whom `is_there` says that they are gone.
    pub fn retain_participants(&mut self, is_there: impl Fn(&ParticipantId) -> bool) {
        self.slots.retain(is_there);
    }

    /// Says goodbye to the server; afterwards the session is to be dropped.
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
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// Returns when to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Instant {
        let silence = if self.state == LinkState::Connected { self.pulse.lost_from() } else { None };
        let others =
            self.sending.poll_timeout().into_iter().chain(self.recovery.poll_timeout()).chain(silence);
        others.fold(self.engine.poll_timeout(), Instant::min)
    }

    /// Returns the state of the session.
    pub fn state(&self) -> LinkState {
        self.state
    }

    /// Returns the sound received from a source of a participant.
    pub fn audio(&self, now: Instant, participant: &ParticipantId, source: Source) -> AudioReport {
        self.slots.audio(now, participant, source)
    }

    /// Returns the pictures received from a source of a participant.
    pub fn video(&self, now: Instant, participant: &ParticipantId, source: Source) -> VideoReport {
        self.slots.video(now, participant, source)
    }

    /// Returns what the session carries, and has sent so far.
    pub fn report(&self) -> SessionReport {
        SessionReport {
            session: self.number,
            state: self.state,
            is_by_tcp: self.last_way == Some(Protocol::Tcp),
            sent: self.sending.report(),
            demand: self.demand.clone(),
            slots: self.slots.report(),
        }
    }

    fn say_offer(&mut self) {
        if let Some((sdp, tracks)) = self.lines.unanswered() {
            self.events.push_back(SessionEvent::Offer { sdp, tracks });
        }
    }

    /// The way by UDP is lost: it may have been blocked in mid-call, so that only TCP is left. UDP comes first all the same, if
    /// it does get through.
    fn try_tcp(&mut self) {
        if self.ways == Ways::Udp {
            self.ways = Ways::Both;
            add_tcp_candidates(&mut self.engine.rtc, &self.addresses);
        }
    }

    fn restart_ice(&mut self) {
        if self.lines.restart_ice(&mut self.engine.rtc, true) {
            self.say_offer();
        }
    }

    fn fail(&mut self) {
        if self.state != LinkState::Failed {
            self.renew();
        }
    }

    fn renew(&mut self) {
        self.set_state(LinkState::Failed);
        self.events.push_back(SessionEvent::RenewalNeeded);
    }

    /// Lets the engine come to rest, and draws the conclusions.
    fn drive(&mut self, now: Instant) {
        self.drain(now);
        if self.is_closed {
            return;
        }
        let is_silent = self.pulse.lost_from().is_some_and(|from| from <= now);
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
            Event::KeyframeRequest(request) => {
                self.sending.handle_keyframe_request(now, lines::layer(request.rid));
            }
            Event::ChannelData(data) => self.events.push_back(SessionEvent::Data(data.data)),
            Event::Closed => self.handle_closed(now),
            _ => {}
        }
    }

    /// The server tells why in a message, unless that was lost.
    fn handle_closed(&mut self, now: Instant) {
        self.is_closed = true;
        self.recovery.handle_closed(now);
        self.set_state(LinkState::Reconnecting);
    }

    fn handle_media(&mut self, now: Instant, data: &MediaData) {
        let Some(kind) = self.lines.slot_kind(&data.mid.to_string()) else { return };
        if self.slots.handle(now, kind, data) {
            self.engine.request_keyframe(data.mid);
        }
    }

    /// What nobody receives is not sent.
    fn update_sending(&mut self, now: Instant) {
        let is_connected = self.state != LinkState::Connecting;
        let demanded = |source| {
            let own = self.demand.iter().find(|demand| self.lines.source(&demand.mid) == Some(source));
            own.map_or(0, |demand| usize::from(demand.layers))
        };
        let (voice, layers) = (demanded(Source::Mic), demanded(Source::Cam));
        self.sending.set_mic(now, self.mic && is_connected && voice > 0);
        self.sending.set_layers(layers);
        self.sending.set_cam(now, self.cam && is_connected && layers > 0);
    }

    fn write(&mut self, now: Instant, outgoing: Outgoing) {
        let Some(mid) = self.lines.sending(outgoing.kind) else { return };
        let rid = outgoing.kind.is_video().then(|| lines::rid(outgoing.layer));
        self.engine.write(now, mid, rid, outgoing);
    }

    fn check(&mut self, result: Result<(), RtcError>) {
        if let Err(error) = result {
            // What the engine says may quote what came from the network.
            debug!(error = %error, "the engine failed");
            warn!("the session with the server broke, and a new one is made");
            self.fail();
        }
    }

    fn set_state(&mut self, state: LinkState) {
        if self.state != state {
            self.state = state;
            self.events.push_back(SessionEvent::StateChanged(state));
        }
    }
}

/// The protocols by which the server is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ways {
    Udp,
    Tcp,
    Both,
}

/// Returns by which protocol a datagram came to this end.
fn protocol(destination: SocketAddr) -> Protocol {
    if destination.port() == TCP_PORT { Protocol::Tcp } else { Protocol::Udp }
}

/// Tells the engine of the addresses of this end.
fn add_candidates(rtc: &mut Rtc, ways: Ways, addresses: &[SocketAddr]) {
    if ways != Ways::Tcp {
        add_host_candidates(rtc, addresses);
    }
    if ways != Ways::Udp {
        add_tcp_candidates(rtc, addresses);
    }
}

/// By TCP it is this end that connects (RFC 6544 §4.1).
fn add_tcp_candidates(rtc: &mut Rtc, addresses: &[SocketAddr]) {
    for address in addresses {
        let address = SocketAddr::new(address.ip(), TCP_PORT);
        if let Ok(candidate) = Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build() {
            rtc.add_local_candidate(candidate);
        }
    }
}

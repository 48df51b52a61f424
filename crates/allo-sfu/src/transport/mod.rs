//! One participant's transport: ICE, DTLS and SRTP. The only module that knows the engine.

mod channel;
mod descriptors;
mod engine;
mod gate;
mod keys;
mod reading;
mod streams;
mod turns;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::media::KeyframeRequestKind;
use str0m::net::Receive;
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Input, Rtc, RtcError};
use tracing::{debug, warn};

use self::channel::Channel;
use self::descriptors::Descriptors;
pub use self::engine::{Certificate, NoCertificate};
use self::engine::{add_candidates, engine, spread_candidates};
use self::streams::Line;
use self::turns::LOOK_AHEAD;
use crate::bandwidth::Report;
use crate::credentials::Credentials;
use crate::egress::{self, Egress, Notes, Outgoing};
use crate::handshake::{Handshake, Verdict};
use crate::ids::{Bitrate, LayerId, LineId, TrackKind};
use crate::losses::Losses;
use crate::offer::{Offer, OfferError, OfferedLine};
use crate::packet::{Codec, MediaPacket};
use crate::paths::{Path, Paths};
use crate::peer::{Peer, Protocol};
use crate::sfu::SfuConfig;
use crate::slot::Ticket;
use crate::ssrcs::{Ssrcs, ssrc_of};
use crate::stun::{transaction_of_request, transaction_of_success};
use crate::train::Train;

/// Larger datagrams never reach the engine: it would pass them on, and cannot send what is larger than this.
pub(crate) const DATAGRAM_MAX: usize = 1_500;

/// Payload that may be passed on, with the descriptor before it: with all that is added, it still fits the engine's buffer.
pub(crate) const PAYLOAD_MAX: usize = 1_400;

/// How long after it a packet is asked for again while it is not known how long the round trip is, and at least.
///
/// Lower: what is under way already is sent again. Higher: a request that was lost costs more time.
const ASK_PAUSE: Duration = Duration::from_millis(40);
const ASK_PAUSE_MIN: Duration = Duration::from_millis(10);

/// Failures in a row after which a transport is given up. Single ones come from the network.
const FAILURES_MAX: u32 = 16;

/// Returns datagrams to be sent by this path.
fn transmit(path: Path, train: Train) -> Transmit {
    let Path { peer: Peer { protocol, address }, own } = path;
    Transmit { protocol, source: own, destination: address, train }
}

/// Returns whether a datagram is one of reports (RFC 5761 §4).
fn is_report(datagram: &[u8]) -> bool {
    matches!(datagram, [128..192, 192..224, ..])
}

/// Datagrams to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// How it travels.
    pub protocol: Protocol,
    /// The own address to send from.
    pub source: SocketAddr,
    /// The address to send to.
    pub destination: SocketAddr,
    /// The datagrams.
    pub train: Train,
}

impl Transmit {
    /// Returns whether they are for this peer.
    pub fn is_to(&self, peer: Peer) -> bool {
        (self.protocol, self.destination) == (peer.protocol, peer.address)
    }
}

/// Why a transport is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The participant's end said so, failed to prove who it is, or has no profile of SRTP in common with this one.
    Remote,
    /// Two ends spoke in its handshake, and one of them was forged.
    Contested,
    /// The engine had a fault. Nobody else is concerned.
    Fault,
}

/// What a transport has to say.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a packet is copied in less time than it would be allocated")]
pub(crate) enum TransportEvent {
    Connected,
    /// No check of connectivity came for a while. One can still come.
    Silent,
    Closed(CloseReason),
    Packet(Packet),
    /// The data channel is there.
    ChannelOpened,
    /// A message came by the data channel.
    Message(Vec<u8>),
    /// The participant cannot decode what it gets on this line.
    KeyframeWanted(LineId),
    /// Nothing can be made of what the participant sends in this stream of a line before its next keyframe.
    KeyframeMissed(LineId, LayerId),
    /// What gets through to the participant, on the average.
    Estimate(Bitrate),
    /// What was measured on the way to the participant.
    Report(Report),
}

impl From<egress::Event> for TransportEvent {
    fn from(event: egress::Event) -> Self {
        match event {
            egress::Event::KeyframeWanted(line) => Self::KeyframeWanted(line),
            egress::Event::Estimate(estimate) => Self::Estimate(estimate),
            egress::Event::Report(report) => Self::Report(report),
        }
    }
}

/// A packet with what goes on with it.
pub(crate) type Packet = MediaPacket<Details>;

/// See [`Packet`].
#[derive(Debug, Clone)]
pub(crate) struct Details {
    notes: Notes,
}

/// A transport. It is made by an offer, and answers.
///
/// ```text
///   open: the engine runs ── the other end closed, or the engine has a fault ──► closed
/// ```
#[derive(Debug)]
pub(crate) struct Transport {
    state: State,
    lines: Vec<Line>,
    channel: Option<Channel>,
    /// What was said in the handshake, until it is over.
    handshake: Option<Handshake>,
    paths: Paths,
    ssrcs: Ssrcs,
    losses: Losses,
    descriptors: Descriptors<RtpPacket>,
    /// Under which SSRC it is asked for what is lost. The engine's own reports have another one.
    asker: u32,
    egress: Egress,
    /// By which path the engine's datagrams went last.
    chosen: Option<Path>,
    /// The SSRC of the packet that the engine looks at.
    incoming: Option<u32>,
    /// The latest time the engine was told. Look-ahead may have told it a little more than is past.
    clock: Instant,
    /// When the engine is to be told the time again.
    due: Option<Instant>,
    /// When media was last written or came.
    media_at: Option<Instant>,
    failures: u32,
    /// Emptied after each call, so bounded by what one call makes.
    transmits: VecDeque<Transmit>,
    /// As above.
    events: VecDeque<TransportEvent>,
}

#[derive(Debug)]
enum State {
    Open(Box<Rtc>),
    Closed,
}

impl Transport {
    /// Makes a transport from the first offer of a participant, and returns the answer.
    pub(crate) fn accept(
        now: Instant,
        config: &SfuConfig,
        credentials: &Credentials,
        offer: Offer,
    ) -> Result<(Self, String), OfferError> {
        let rtc = catch_unwind(AssertUnwindSafe(|| {
            let mut rtc = engine(now, &config.certificate);
            rtc.direct_api().set_local_ice_credentials(credentials.clone().into());
            add_candidates(&mut rtc, config);
            rtc
        }));
        let Ok(rtc) = rtc else { return Err(OfferError::Refused) };
        let mut transport = Self::with_engine(now, rtc, config.initial_bitrate);
        let answer = transport.negotiate(now, offer, credentials)?;
        Ok((transport, answer))
    }

    fn with_engine(now: Instant, rtc: Rtc, guess: Bitrate) -> Self {
        Self {
            state: State::Open(Box::new(rtc)),
            lines: Vec::new(),
            channel: None,
            handshake: Some(Handshake::default()),
            paths: Paths::default(),
            ssrcs: Ssrcs::new(now),
            losses: Losses::default(),
            descriptors: Descriptors::default(),
            asker: *Ssrc::new(),
            egress: Egress::new(now, guess),
            chosen: None,
            incoming: None,
            clock: now,
            due: Some(now),
            media_at: None,
            failures: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a further offer, with new lines or an ICE restart, and returns the answer. A restart takes up the new credentials.
    pub(crate) fn negotiate(
        &mut self,
        now: Instant,
        offer: Offer,
        credentials: &Credentials,
    ) -> Result<String, OfferError> {
        let before: Vec<_> = self.lines.iter().map(|line| line.offered.clone()).collect();
        offer.check_follows(&before, self.channel.as_ref().map(|channel| channel.mid.as_str()))?;
        let sdp = offer.sdp;
        self.unpark();
        let mut is_restart = false;
        let answer = self.contain(|rtc| {
            let Ok(offer) = SdpOffer::from_sdp_string(&sdp) else { return Ok(None) };
            let before = rtc.direct_api().local_ice_credentials();
            let Ok(answer) = rtc.sdp_api().accept_offer(offer) else { return Ok(None) };
            let drawn = rtc.direct_api().local_ice_credentials();
            let answer = answer.to_sdp_string();
            if drawn == before {
                return Ok(Some(answer));
            }
            // What the engine draws at a restart can be guessed, and does not say which worker it is.
            rtc.direct_api().set_local_ice_credentials(credentials.clone().into());
            is_restart = true;
            Ok(Some(
                answer.replace(&drawn.ufrag, &credentials.ufrag).replace(&drawn.pass, &credentials.password),
            ))
        });
        let answer = answer.flatten();
        if is_restart {
            self.paths.restart();
        }
        if answer.is_some() {
            self.lines = offer.lines.into_iter().map(Line::new).collect();
            self.open_channel(offer.channel);
        }
        self.park();
        let answer = answer.ok_or(OfferError::Refused)?;
        self.turn(now);
        Ok(spread_candidates(&answer))
    }

    /// Returns the lines in their order.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &OfferedLine> {
        self.lines.iter().map(|line| &line.offered)
    }

    /// Returns the own part of the user name in the checks to this transport.
    pub(crate) fn ufrag(&mut self) -> Option<String> {
        self.contain(|rtc| Ok(rtc.direct_api().local_ice_credentials().ufrag))
    }

    /// Takes a datagram. What the engine cannot make sense of has no effect. Returns whether the engine saw it: media under too
    /// many SSRCs does not get so far, nor does a check of connectivity that was said before, elsewhere.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        source: Peer,
        destination: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        if !self.is_fit_for_handshake(bytes) {
            return true;
        }
        let check = transaction_of_request(bytes);
        if check.is_some_and(|check| !self.paths.admits(source, check)) {
            return false;
        }
        self.paths.hear(now, source);
        if is_report(bytes) && self.handle_reports(now, bytes) {
            return true;
        }
        let ssrc = ssrc_of(bytes);
        if ssrc.is_some_and(|ssrc| !self.ssrcs.admit(now, ssrc)) {
            return false;
        }
        let is_new = ssrc.is_some_and(|ssrc| !self.ssrcs.is_proven(ssrc));
        self.incoming = ssrc;
        let at = self.tell(now);
        self.contain(|rtc| {
            let Peer { protocol, address } = source;
            let Ok(received) = Receive::new(protocol.into(), address, destination, bytes) else {
                return Ok(());
            };
            let input = Input::Receive(at, received);
            // The engine would take anything: whether it is for this transport is asked here.
            if rtc.accepts(&input) { rtc.handle_input(input) } else { Ok(()) }
        });
        self.drain(now);
        let is_answer =
            |it: &Transmit| it.is_to(source) && transaction_of_success(it.train.contents()) == check;
        // The engine answers only a check whose integrity it has verified.
        if let Some(check) = check
            && self.transmits.iter().any(is_answer)
        {
            self.paths.prove(now, Path { peer: source, own: destination }, check);
        }
        if let Some(ssrc) = self.incoming.take().filter(|_| is_new) {
            self.restore_owners(now, ssrc);
        }
        self.ask(now);
        true
    }

    /// Asks for what is lost, as far as that is due.
    fn ask(&mut self, now: Instant) {
        if self.losses.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        // Twice in a round trip, for a request may be lost, too.
        let pause =
            self.egress.round_trip().map_or(ASK_PAUSE, |round_trip| (round_trip / 2).max(ASK_PAUSE_MIN));
        let wanted = self.losses.poll(now, pause);
        if !wanted.is_empty() {
            self.egress.ask(self.asker, &wanted);
            self.collect(now);
        }
    }

    /// Takes a datagram of reports. Returns whether there is nothing in it for the engine.
    fn handle_reports(&mut self, now: Instant, bytes: &[u8]) -> bool {
        let is_all_ours = self.egress.handle_reports(now, bytes) == Some(false);
        self.collect(now);
        is_all_ours
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.egress.handle_timeout(now);
        self.collect(now);
        self.ask(now);
        if self.due.is_some_and(|due| due <= now + LOOK_AHEAD) {
            self.turn(now);
        }
    }

    /// Returns whether a slot's queue is so long that more would only make it longer.
    pub(crate) fn is_congested(&self, now: Instant, line: LineId, is_keyframe_under_way: bool) -> bool {
        self.egress.is_congested(now, line, is_keyframe_under_way)
    }

    /// Returns whether a slot can carry pictures or sound that are encoded so.
    pub(crate) fn takes(&self, line: LineId, codec: Codec) -> bool {
        self.lines.get(usize::from(line.0)).is_some_and(|own| own.pt_of(codec).is_some())
    }

    /// Writes a packet into a slot under new numbers. It leaves with the next [`Self::flush`].
    pub(crate) fn write(&mut self, now: Instant, line: LineId, packet: &Packet, ticket: Ticket) {
        let Some(own) = self.lines.get(usize::from(line.0)) else { return };
        // What this participant cannot decode is not sent.
        let Some(pt) = own.pt_of(packet.codec) else { return };
        let (kind, red) = (own.offered.kind, own.red.filter(|red| own.offered.red == Some(**red)));
        let notes = &packet.details.notes;
        if packet.payload.len() + notes.descriptor.as_ref().map_or(0, |it| it.len()) > PAYLOAD_MAX {
            return;
        }
        // The frames in it are named by the publisher: who calls Opus otherwise gets the newest alone.
        let is_named_alike = packet.redundancy.as_ref().is_some_and(|it| it.red.pt == *pt);
        let Ticket { numbers, is_first, ends_picture, is_empty } = ticket;
        let (pt, payload) = match red.filter(|_| is_named_alike) {
            Some(red) => (red, packet.payload.clone()),
            None if is_empty => (pt, Arc::from([])),
            None => (pt, packet.bare()),
        };
        let outgoing = Outgoing {
            sequence: numbers.sequence,
            time: numbers.time,
            pt: *pt,
            // A first packet of sound is marked as the beginning of speech (RFC 7587 §4.2).
            is_marked: ends_picture || (is_first && kind == TrackKind::Audio),
            is_padded: false,
            // What has no contents is of no frame.
            notes: if is_empty { Notes::default() } else { notes.clone() },
            picture: numbers.picture.map(|picture| (packet.codec, picture)),
            payload,
        };
        self.egress.write(now, line, packet.received_at, outgoing);
        self.media_at = Some(now);
    }

    /// Sends what was written.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.egress.flush(now);
        self.collect(now);
    }

    /// Asks the participant for a keyframe (PLI).
    pub(crate) fn request_keyframe(&mut self, now: Instant, line: LineId, layer: LayerId) {
        let Some(own) = self.lines.get(usize::from(line.0)) else { return };
        let (mid, rid) = (own.mid, own.rids.get(usize::from(layer.0)).copied());
        self.contain(|rtc| {
            if let Some(stream) = rtc.direct_api().stream_rx_by_mid(mid, rid) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
            Ok(())
        });
        self.turn(now);
    }

    /// Says what the next step up takes, and what all would take: it is filled up to the next step with
    /// retransmissions, as far as there is room, and probed beyond it.
    pub(crate) fn set_bitrates(&mut self, now: Instant, next: Bitrate, desired: Bitrate) {
        self.egress.set_bitrates(now, next, desired);
        self.collect(now);
    }

    /// Says what gets through.
    pub(crate) fn set_through(&mut self, through: Bitrate) {
        self.egress.set_through(through);
    }

    /// Puts an end to a transport whose other end does not keep to the rules.
    pub(crate) fn give_up(&mut self, now: Instant) {
        self.close(now);
        self.shut(CloseReason::Remote);
    }

    /// Says good-bye to the other end.
    pub(crate) fn close(&mut self, now: Instant) {
        self.contain(Rtc::close);
        self.turn(now);
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let is_open = matches!(self.state, State::Open(_));
        let others = [self.egress.poll_timeout(now), self.losses.poll_timeout()].into_iter().flatten();
        self.due.into_iter().chain(others.filter(|_| is_open)).min()
    }

    /// Takes what is to be sent, and what was heard.
    fn collect(&mut self, now: Instant) {
        let mut train = self.egress.poll_transmit();
        // Before there is a path there is nobody to send it to.
        let path = self.chosen.filter(|_| train.is_some()).map(|chosen| self.paths.find(now, chosen));
        while let Some(next) = train {
            self.transmits.extend(path.map(|path| transmit(path, next)));
            train = self.egress.poll_transmit();
        }
        while let Some(event) = self.egress.poll_event() {
            self.events.push_back(event.into());
        }
    }

    /// Returns whether a datagram may be shown to the engine as far as the handshake is concerned, which it may put an end to.
    fn is_fit_for_handshake(&mut self, datagram: &[u8]) -> bool {
        let is_dtls = datagram.first().is_some_and(|first| (20..64).contains(first));
        let Some(handshake) = self.handshake.as_mut().filter(|_| is_dtls) else { return true };
        let verdict = handshake.handle(datagram);
        if verdict == Verdict::Contradiction {
            self.shut(CloseReason::Contested);
        }
        verdict == Verdict::Fine
    }

    /// Calls the engine. A fault of it ends this transport, and nothing else.
    fn contain<T>(&mut self, call: impl FnOnce(&mut Rtc) -> Result<T, RtcError>) -> Option<T> {
        let State::Open(rtc) = &mut self.state else { return None };
        match catch_unwind(AssertUnwindSafe(|| call(rtc))) {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                // What the engine says may quote what came from the network.
                debug!(%error, "the engine failed");
                self.failures += 1;
                if self.failures > FAILURES_MAX {
                    self.shut(CloseReason::Remote);
                }
                None
            }
            Err(_panic) => {
                warn!("the engine had a fault, and a transport was closed");
                self.shut(CloseReason::Fault);
                None
            }
        }
    }

    fn shut(&mut self, reason: CloseReason) {
        if let State::Open(rtc) = std::mem::replace(&mut self.state, State::Closed) {
            // What is left after a fault may be unsound enough to fail once more.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(rtc)));
            self.due = None;
            self.events.push_back(TransportEvent::Closed(reason));
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    fn transport() -> Transport {
        let now = Instant::now();
        let certificate = Certificate::generate().unwrap();
        let rtc = engine(now, &certificate);
        Transport::with_engine(now, rtc, Bitrate::kbps(1_000))
    }

    #[test]
    fn a_fault_of_the_engine_ends_only_the_transport() {
        let mut transport = transport();
        let nothing: Option<()> = transport.contain(|_| panic!("this is what the test is about"));
        assert_eq!(nothing, None);
        let event = transport.poll_event();
        assert!(matches!(event, Some(TransportEvent::Closed(CloseReason::Fault))), "{event:?}");
        let later = transport.clock + Duration::from_secs(1);
        transport.handle_timeout(later);
        let peer = Peer::udp(([192, 0, 2, 1], 1).into());
        transport.handle_datagram(later, peer, ([192, 0, 2, 2], 2).into(), &[0x80; 40]);
        assert_eq!(transport.poll_timeout(later), None);
        assert!(transport.poll_event().is_none(), "it is said once");
    }

    #[test]
    fn failures_in_a_row_end_the_transport_and_single_ones_do_not() {
        let mut transport = transport();
        let fail = |transport: &mut Transport| {
            let _: Option<()> = transport.contain(|_| Err(RtcError::RemoteSdp("no".to_owned())));
        };
        let mut now = transport.clock;
        for _ in 0..100 {
            fail(&mut transport);
            now = transport.poll_timeout(now).unwrap();
            transport.handle_timeout(now);
        }
        assert!(transport.poll_event().is_none());
        (0..=FAILURES_MAX).for_each(|_| fail(&mut transport));
        assert!(matches!(transport.poll_event(), Some(TransportEvent::Closed(CloseReason::Remote))));
    }
}

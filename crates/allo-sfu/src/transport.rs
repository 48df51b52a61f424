//! One participant's transport: ICE, DTLS and SRTP. The only module that knows the engine.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate as EngineBitrate, BweKind};
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::format::{Codec, PayloadParams};
use str0m::media::{KeyframeRequestKind, Mid, Pt, Rid};
use str0m::net::{Protocol as EngineProtocol, Receive, TcpType};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, SeqNo, Ssrc, Vp8Descriptor, Vp8Patch};
use str0m::{
    Candidate, Event, IceConnectionState, IceCreds, Input, Output, Reason, Rtc, RtcConfig, RtcError,
};
use thiserror::Error;
use tracing::{debug, warn};

use crate::bandwidth::Report;
use crate::continuity::{Numbers, Vp8Numbers};
use crate::credentials::Credentials;
use crate::handshake::{Handshake, Verdict};
use crate::ids::{Bitrate, LayerId, LineId, TrackKind};
use crate::offer::{Offer, OfferError, OfferedLine, Purpose};
use crate::packet::{MediaPacket, Redundancy, vp8_height};
use crate::peer::{Peer, Protocol};
use crate::retransmissions::Retransmissions;
use crate::sfu::SfuConfig;
use crate::slot::Slot;
use crate::ssrcs::{Ssrcs, ssrc_of};

/// Larger datagrams never reach the engine: it would pass them on, and cannot send what is larger than this.
pub(crate) const DATAGRAM_MAX: usize = 1_500;

/// Payload that may be passed on: with all that is added, it still fits the engine's buffer.
pub(crate) const PAYLOAD_MAX: usize = 1_400;

/// Packets kept for retransmission, of each slot: a second at 3 Mbit/s. Beyond, the oldest are forgotten.
///
/// Higher: losses are repaired at higher bitrates. Lower: less memory per subscriber, 450 bytes a packet.
const RTX_CACHE: usize = 384;

/// How long they are kept.
///
/// Higher: losses are repaired over longer round trips. Lower: less memory, where a slot carries little.
const RTX_AGE: Duration = Duration::from_secs(1);

/// The share of retransmissions in what is sent in a slot. Beyond it none is made for a while.
///
/// Lower: where packets are lost and shuffled, pictures stand still until the next keyframe, for what was only overtaken is asked
/// for, too. Higher: a link that loses because it is narrow is made narrower.
const RTX_SHARE: f32 = 0.35;

/// Timeouts so near are served at once: the pacer asks for the next packet a microsecond later.
const LOOK_AHEAD: Duration = Duration::from_micros(200);

/// Timeouts that are served in one go. Beyond it the rest waits for the timer, so that nobody keeps the worker for himself.
const TURNS_MAX: usize = 512;

/// How far the engine's pacer wants its time to move on between two packets.
const PACER_STEP: Duration = Duration::from_micros(1);

/// A transport without media for so long goes to sleep. The engine then estimates nothing new either.
const AWAKE: Duration = Duration::from_millis(500);

/// The engine asks for a round of its bandwidth estimation once in a round trip: to somebody in the same building that is a
/// thousand times a second, or without an end. Each packet or report makes a round of its own, whatever this is.
///
/// Lower: more is spent on waiting. Higher: what else is due may be as late, because the engine tells only the first of all.
const ESTIMATION_INTERVAL: Duration = Duration::from_millis(5);

/// The same while all that is wanted gets through: nothing is probed for, and nothing waits for the pacer.
const ESTIMATION_INTERVAL_CALM: Duration = Duration::from_millis(25);

/// How long a transport sleeps at most when all that is due is a round of the bandwidth estimation, which comes every 25 ms.
///
/// Lower: those who are only connected cost more. Higher: reports go out later. A packet wakes it at once.
const SLEEP: Duration = Duration::from_secs(1);

/// Failures in a row after which a transport is given up. Single ones come from the network.
const FAILURES_MAX: u32 = 16;

/// A packet that waits longer than this for the pacer shows that the subscriber takes less than it is sent.
const QUEUE_TIME_MAX: Duration = Duration::from_millis(400);

/// The same while a keyframe is under way: it is as large as many other frames, and to interrupt it makes another one necessary.
const QUEUE_TIME_MAX_KEYFRAME: Duration = Duration::from_millis(1_200);

/// How often the engine says what it has measured.
///
/// Lower: pictures give way to sound sooner when a link becomes narrow. Higher: less is spent on each transport.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);

/// The certificate of the server's end of every transport. Making one costs more than all the rest of a transport.
#[derive(Debug, Clone)]
pub struct Certificate(DtlsCert);

/// The engine's cryptography cannot make certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no certificate could be made for DTLS")]
pub struct NoCertificate;

impl Certificate {
    /// Makes a self-signed certificate, with the system's randomness. Its key is never written anywhere.
    pub fn generate() -> Result<Self, NoCertificate> {
        let provider = str0m::crypto::from_feature_flags().dtls_provider;
        provider.generate_certificate().map(Self).ok_or(NoCertificate)
    }
}

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// How it travels.
    pub protocol: Protocol,
    /// The own address to send from.
    pub source: SocketAddr,
    /// The address to send to.
    pub destination: SocketAddr,
    /// The bytes.
    pub contents: Vec<u8>,
}

impl Transmit {
    /// Returns whether it is for this peer.
    pub fn is_to(&self, peer: Peer) -> bool {
        (self.protocol, self.destination) == (peer.protocol, peer.address)
    }
}

/// Why a transport is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The participant's end said so, or failed to prove who it is.
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
    /// The participant cannot decode what it gets on this line.
    KeyframeWanted(LineId),
    /// What gets through to the participant, on the average.
    Estimate(Bitrate),
    /// What was measured on the way to the participant.
    Report(Report),
}

/// A packet with what the engine needs to send it on.
pub(crate) type Packet = MediaPacket<Details>;

/// See [`Packet`].
#[derive(Debug, Clone)]
pub(crate) struct Details {
    extensions: ExtensionValues,
    descriptor: Option<Vp8Descriptor>,
    received_at: Instant,
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
    /// What was said in the handshake, until it is over.
    handshake: Option<Handshake>,
    ssrcs: Ssrcs,
    retransmissions: Retransmissions,
    /// The SSRC of the packet that the engine looks at.
    incoming: Option<u32>,
    /// The latest time the engine was told. Look-ahead may have told it a little more than is past.
    clock: Instant,
    due: Option<Instant>,
    /// When the engine last had nothing more to say.
    drained_at: Instant,
    /// Packets that were written and have not come out of the engine yet.
    written: usize,
    /// What gets through, and what all that is wanted takes.
    estimate: Bitrate,
    desired: Bitrate,
    /// When media was last written or came.
    media_at: Option<Instant>,
    /// Whether pictures wait for the engine's pacer, if that was decided.
    is_paced: Option<bool>,
    failures: u32,
    /// The slots whose streams the engine has. Whatever it does, it looks at all that it has, so it has those that are used.
    ///
    /// ```text
    ///   parked ── the first packet for the slot ──► open, for as long as the transport
    /// ```
    ///
    /// What was open is never parked: it would number its retransmissions anew, and encrypt two under the same number.
    open: Vec<Ssrc>,
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

/// A line, with what the engine calls things.
#[derive(Debug)]
struct Line {
    offered: OfferedLine,
    mid: Mid,
    rids: Vec<Rid>,
    /// The payload type of the one codec that its kind is sent in, if both ends have it.
    pt: Option<Pt>,
    /// The payload type of that with redundancy (RFC 2198), if the participant has it at all.
    red: Option<Pt>,
    /// What a slot is sent under: its own SSRC, and that of its retransmissions.
    ssrcs: Option<(Ssrc, Option<Ssrc>)>,
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
            let mut rtc = engine(now, &config.certificate, config.initial_bitrate);
            rtc.direct_api().set_local_ice_credentials(credentials.clone().into());
            add_candidates(&mut rtc, config);
            rtc
        }));
        let Ok(rtc) = rtc else { return Err(OfferError::Refused) };
        let mut transport = Self::with_engine(now, rtc);
        let answer = transport.negotiate(now, offer, credentials)?;
        Ok((transport, answer))
    }

    fn with_engine(now: Instant, rtc: Rtc) -> Self {
        Self {
            state: State::Open(Box::new(rtc)),
            lines: Vec::new(),
            handshake: Some(Handshake::default()),
            ssrcs: Ssrcs::new(now),
            retransmissions: Retransmissions::new(now),
            incoming: None,
            clock: now,
            due: None,
            drained_at: now,
            written: 0,
            estimate: Bitrate::default(),
            desired: Bitrate::default(),
            media_at: None,
            is_paced: None,
            failures: 0,
            open: Vec::new(),
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
        offer.check_follows(&before)?;
        let sdp = offer.sdp;
        self.unpark();
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
            Ok(Some(
                answer.replace(&drawn.ufrag, &credentials.ufrag).replace(&drawn.pass, &credentials.password),
            ))
        });
        let answer = answer.flatten();
        if answer.is_some() {
            self.lines = offer.lines.into_iter().map(Line::new).collect();
        }
        self.park();
        self.retransmissions.set_ssrcs(self.rtx_ssrcs());
        let answer = answer.ok_or(OfferError::Refused)?;
        self.turn(now);
        Ok(nameless_candidates(&answer))
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
    /// many SSRCs does not get so far.
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
        if let Some(ssrc) = self.incoming.take().filter(|_| is_new) {
            self.restore_owners(now, ssrc);
        }
        true
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.turn(now);
    }

    /// Returns whether a slot's queue is so long that more would only make it longer.
    pub(crate) fn is_congested(&mut self, line: LineId, is_keyframe_under_way: bool) -> bool {
        let Some(ssrc) = self.open(line) else { return true };
        let max = if is_keyframe_under_way { QUEUE_TIME_MAX_KEYFRAME } else { QUEUE_TIME_MAX };
        let is_long = self.contain(|rtc| {
            let mut api = rtc.direct_api();
            let info = api.stream_tx(&ssrc).and_then(|stream| {
                let info = stream.queue_info()?;
                Some(info.created_at().saturating_duration_since(info.first_unsent()?) > max)
            });
            Ok(info.unwrap_or(false))
        });
        is_long.unwrap_or(true)
    }

    /// Writes a packet into a slot under new numbers. It leaves with the next [`Self::flush`].
    pub(crate) fn write(&mut self, line: LineId, packet: &Packet, numbers: Numbers, is_first: bool) {
        let Some(ssrc) = self.open(line) else { return };
        let Some(Line { offered, pt: Some(pt), red, .. }) = self.lines.get(usize::from(line.0)) else {
            return;
        };
        let (kind, pt, red) = (offered.kind, *pt, red.filter(|red| offered.red == Some(**red)));
        if packet.payload.len() > PAYLOAD_MAX {
            return;
        }
        // A first packet of sound is marked as the beginning of speech (RFC 7587 §4.2).
        let is_marked = packet.is_last_of_frame || (is_first && kind == TrackKind::Audio);
        self.contain(|rtc| {
            // The frames in it are named by the publisher: who calls Opus otherwise gets the newest alone.
            let is_named_alike = packet.redundancy.as_ref().is_some_and(|it| it.red.pt == *pt);
            let (pt, payload) = match red.filter(|_| is_named_alike) {
                Some(red) => (red, packet.payload.clone()),
                None => (pt, packet.bare()),
            };
            let mut api = rtc.direct_api();
            let Some(stream) = api.stream_tx(&ssrc) else { return Ok(()) };
            let sequence = SeqNo::from(numbers.sequence);
            let details = &packet.details;
            let mut write = RtpWrite::new(pt, sequence, numbers.time, details.received_at, payload)
                .marker(is_marked)
                .nackable(true)
                .ext_vals(details.extensions.clone());
            if let Some(patch) = details.descriptor.zip(numbers.vp8).and_then(|(old, new)| patch(old, new)) {
                write = write.vp8_patch(patch);
            }
            stream.write_rtp(write);
            Ok(())
        });
        self.written += 1;
        self.media_at = Some(self.clock);
    }

    /// Sends what was written.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.turn(now);
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

    /// Says what the next step up takes and what all would take, so that the engine finds out whether it would get through: it
    /// fills up to the next step with retransmissions, as far as there is room, and probes beyond it.
    pub(crate) fn set_bitrates(&mut self, now: Instant, next: Bitrate, desired: Bitrate) {
        self.desired = desired;
        self.contain(|rtc| {
            rtc.bwe().set_bitrate(EngineBitrate::bps(next.0), EngineBitrate::bps(desired.0));
            Ok(())
        });
        self.turn(now);
    }

    /// Lets the pictures in these slots wait for the engine's pacer, or not.
    pub(crate) fn set_paced(&mut self, is_paced: bool, slots: &[Slot]) {
        if self.is_paced.replace(is_paced) == Some(is_paced) {
            return;
        }
        let ssrc = |slot: &Slot| Some(self.lines.get(usize::from(slot.line.0))?.ssrcs?.0);
        for ssrc in slots.iter().filter_map(ssrc).collect::<Vec<_>>() {
            self.contain(|rtc| {
                // A slot without a stream learns it when it gets one.
                if let Some(stream) = rtc.direct_api().stream_tx(&ssrc) {
                    stream.set_unpaced(!is_paced);
                }
                Ok(())
            });
        }
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

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Returns the SSRC of a slot, whose stream is open from now on.
    fn open(&mut self, line: LineId) -> Option<Ssrc> {
        let Line { mid, ssrcs, .. } = self.lines.get(usize::from(line.0))?;
        let (mid, (ssrc, rtx)) = (*mid, (*ssrcs)?);
        if !self.open.contains(&ssrc) {
            self.open.push(ssrc);
            let is_paced = self.is_paced.unwrap_or(true);
            self.contain(|rtc| {
                let mut api = rtc.direct_api();
                let stream = api.declare_stream_tx(ssrc, rtx, mid, None);
                if rtx.is_some() {
                    stream.set_rtx_cache(RTX_CACHE, RTX_AGE, Some(RTX_SHARE));
                    stream.set_unpaced(!is_paced);
                }
                Ok(())
            });
        }
        Some(ssrc)
    }

    /// Gives the engine the parked streams, so that its next answer names them as the one before did.
    fn unpark(&mut self) {
        let is_parked = |(ssrc, _): &(Ssrc, _)| !self.open.contains(ssrc);
        let of_line = |line: &Line| Some((line.mid, line.ssrcs.filter(is_parked)?));
        let parked: Vec<_> = self.lines.iter().filter_map(of_line).collect();
        self.contain(|rtc| {
            for (mid, (ssrc, rtx)) in parked {
                if rtc.media(mid).is_some() {
                    rtc.direct_api().declare_stream_tx(ssrc, rtx, mid, None);
                }
            }
            Ok(())
        });
    }

    /// Learns what the engine agreed upon, and takes the streams away that nothing was sent in.
    fn park(&mut self) {
        let (mut lines, open) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.open));
        self.contain(|rtc| {
            for line in &mut lines {
                line.pt = payload_type(rtc, line.mid, line.offered.kind);
                line.red = line.pt.and_then(|pt| redundant_type(rtc, pt));
                let mut api = rtc.direct_api();
                let stream = api.stream_tx_by_mid(line.mid, None);
                line.ssrcs = stream.map(|stream| (stream.ssrc(), stream.rtx()));
                if let Some((ssrc, _)) = line.ssrcs.filter(|(ssrc, _)| !open.contains(ssrc)) {
                    api.remove_stream_tx(ssrc);
                }
            }
            Ok(())
        });
        (self.lines, self.open) = (lines, open);
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

    /// Gives each layer back to the SSRC that proved itself, if a packet under another led the engine astray.
    fn restore_owners(&mut self, now: Instant, suspect: u32) {
        let owners: Vec<_> = self.ssrcs.owners().collect();
        for ((line, layer), owner) in owners {
            let Some(own) = self.lines.get(usize::from(line.0)) else { continue };
            let (mid, rid, kind) = (own.mid, own.rids.get(usize::from(layer.0)).copied(), own.offered.kind);
            let repair = owner.repair.map(Ssrc::from);
            let was_astray = self.contain(|rtc| {
                let mut api = rtc.direct_api();
                let mut present = 0;
                let mut is_right = true;
                // Each is removed but the right one, of which there may be none.
                while let Some(stream) = api.stream_rx_by_mid(mid, rid) {
                    let ssrc = stream.ssrc();
                    is_right &= *ssrc == owner.main && (repair.is_none() || stream.rtx() == repair);
                    present += 1;
                    if is_right && present == 1 {
                        return Ok(false);
                    }
                    api.remove_stream_rx(ssrc);
                }
                api.expect_stream_rx(owner.main.into(), repair, mid, rid)
                    .suppress_nack(kind == TrackKind::Audio);
                Ok(true)
            });
            if was_astray == Some(true) {
                self.ssrcs.suspect(now, suspect);
            }
        }
    }

    fn turn(&mut self, now: Instant) {
        let at = self.tell(now);
        self.contain(|rtc| rtc.handle_input(Input::Timeout(at)));
        self.drain(now);
    }

    /// The engine's time never goes back.
    fn tell(&mut self, now: Instant) -> Instant {
        self.clock = self.clock.max(now);
        self.clock
    }

    /// Takes all that the engine has to say, and serves timeouts that are due or nearly so.
    ///
    /// With each packet of media the engine's pacer waits to be told the time again. To ask it for that first, as for everything
    /// else, would take as long as the packet itself. So it is told at once as long as there are more packets, and left alone after
    /// the last one, unless it is to be looked at soon anyway.
    fn drain(&mut self, now: Instant) {
        let mut turns = 0;
        while let Some(output) = self.contain(Rtc::poll_output) {
            match output {
                Output::Transmit(transmit) => {
                    let contents: Vec<u8> = transmit.contents.into();
                    let is_written = self.written > 0 && self.is_of_slot(&contents);
                    if self.is_affordable(now, &contents) {
                        let (source, destination) = (transmit.source, transmit.destination);
                        let protocol = transmit.proto.into();
                        self.transmits.push_back(Transmit { protocol, source, destination, contents });
                    }
                    if !is_written {
                        continue;
                    }
                    self.written -= 1;
                    if self.written == 0 && self.can_wait(now) {
                        return;
                    }
                    if self.written > 0 && self.clock < now + LOOK_AHEAD {
                        let at = self.tell(self.clock + PACER_STEP);
                        self.contain(|rtc| rtc.handle_input(Input::Timeout(at)));
                    }
                }
                Output::Event(event) => self.handle_event(event),
                Output::Timeout(due) => {
                    let due = self.postpone(now, due);
                    if due > now + LOOK_AHEAD || turns == TURNS_MAX {
                        self.due = Some(due.max(now + LOOK_AHEAD));
                        self.drained_at = now;
                        self.failures = 0;
                        self.check_alive();
                        return;
                    }
                    turns += 1;
                    let at = self.tell(due);
                    self.contain(|rtc| rtc.handle_input(Input::Timeout(at)));
                }
            }
        }
        let is_open = matches!(self.state, State::Open(_));
        self.due = is_open.then(|| now + Duration::from_millis(100));
    }

    /// Returns whether a datagram may be sent: of media only so much may be sent again.
    fn is_affordable(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(ssrc) = ssrc_of(datagram) else { return true };
        // While less gets through than is wanted, the engine pads.
        let wanted = if self.estimate < self.desired { self.desired } else { Bitrate::default() };
        self.retransmissions.admit(now, ssrc, datagram.len(), wanted)
    }

    fn rtx_ssrcs(&self) -> BTreeSet<u32> {
        self.lines.iter().filter_map(|line| line.ssrcs?.1).map(|ssrc| *ssrc).collect()
    }

    /// Returns when the engine is to be told the time, if it asks for it then.
    fn postpone(&self, now: Instant, due: Instant) -> Instant {
        let State::Open(rtc) = &self.state else { return due };
        let is_asleep =
            rtc.is_connected() && self.media_at.is_none_or(|at| now.saturating_duration_since(at) > AWAKE);
        let pause = match rtc.last_timeout_reason() {
            Reason::BweDelayControl | Reason::Stats if is_asleep => SLEEP,
            Reason::BweDelayControl if self.is_calm() => ESTIMATION_INTERVAL_CALM,
            Reason::BweDelayControl => ESTIMATION_INTERVAL,
            _ => return due,
        };
        due.max(now + pause)
    }

    /// Returns whether the engine may be left in the middle: nothing is probed for, and what else it has to say it says when it is
    /// due. If that will be soon it is looked at now, and one look does for both.
    fn can_wait(&self, now: Instant) -> bool {
        let is_soon = self.due.is_none_or(|due| due <= now);
        self.is_calm() && !is_soon && now < self.drained_at + ESTIMATION_INTERVAL_CALM / 2
    }

    /// Returns whether all that is wanted gets through.
    fn is_calm(&self) -> bool {
        self.estimate >= self.desired
    }

    /// Returns whether a datagram is a packet of a slot that was written, and not a retransmission or padding.
    fn is_of_slot(&self, datagram: &[u8]) -> bool {
        let ssrc = datagram.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        let is_rtp = datagram.first().is_some_and(|first| (128..192).contains(first));
        is_rtp && ssrc.is_some_and(|ssrc| self.open.iter().any(|open| **open == ssrc))
    }

    fn check_alive(&mut self) {
        if matches!(&self.state, State::Open(rtc) if !rtc.is_alive()) {
            self.shut(CloseReason::Remote);
        }
    }

    fn handle_event(&mut self, event: Event) {
        let event = match event {
            Event::Connected => {
                self.handshake = None;
                TransportEvent::Connected
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => TransportEvent::Silent,
            Event::IceConnectionStateChange(state) if state.is_connected() && self.is_connected() => {
                TransportEvent::Connected
            }
            Event::RtpPacket(packet) => match self.read(packet) {
                Some(packet) => TransportEvent::Packet(packet),
                None => return,
            },
            Event::KeyframeRequest(request) => match self.lines.iter().find(|line| line.mid == request.mid) {
                Some(line) => TransportEvent::KeyframeWanted(line.offered.line),
                None => return,
            },
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                self.estimate = Bitrate(estimate.as_u64());
                TransportEvent::Estimate(self.estimate)
            }
            Event::PeerStats(stats) if self.is_connected() => TransportEvent::Report(Report {
                estimate: stats.bwe_tx.map_or(self.estimate, |estimate| Bitrate(estimate.as_u64())),
                loss: stats.egress_loss_fraction,
                round_trip: stats.rtt,
            }),
            Event::Closed => return self.shut(CloseReason::Remote),
            _ => return,
        };
        self.events.push_back(event);
    }

    fn is_connected(&mut self) -> bool {
        matches!(&self.state, State::Open(rtc) if rtc.is_connected())
    }

    /// Makes sense of a packet, or of none that belongs to no line that sends.
    fn read(&mut self, packet: RtpPacket) -> Option<Packet> {
        let pt = packet.header.payload_type;
        let ssrc = *packet.header.ssrc;
        let (mid, rid, repair) = self
            .contain(|rtc| {
                let mut api = rtc.direct_api();
                let stream = api.stream_rx(&packet.header.ssrc);
                Ok(stream.map(|stream| (stream.mid(), stream.rid(), stream.rtx())))
            })
            .flatten()?;
        let line = self.lines.iter().find(|line| line.mid == mid)?;
        let Purpose::Track(_) = &line.offered.purpose else { return None };
        let layer = match rid {
            Some(rid) => line.rids.iter().position(|known| *known == rid)?,
            None => 0,
        };
        let (line, kind, wanted, red) = (line.offered.line, line.offered.kind, line.pt, line.red);
        let layer = LayerId(u8::try_from(layer).ok()?);
        let redundancy = match wanted {
            Some(wanted) if wanted == pt => None,
            // What is malformed could not be decoded by anybody.
            Some(wanted) if red == Some(pt) => {
                Some(Redundancy::of(&packet.payload).filter(|it| it.red.pt == *wanted)?)
            }
            _ => return None,
        };
        self.ssrcs.prove((line, layer), ssrc, self.incoming.unwrap_or(ssrc), repair.map(|repair| *repair));
        self.media_at = Some(self.clock);
        let is_video = kind == TrackKind::Video;
        let descriptor = is_video.then(|| Vp8Descriptor::parse(&packet.payload).ok()).flatten();
        let begins_keyframe = descriptor.map_or(!is_video, |it| it.starts_keyframe(&packet.payload));
        let vp8 = descriptor.and_then(|it| {
            Some(Vp8Numbers { picture_id: it.picture_id()?, tl0_pic_idx: it.tl0_pic_idx().unwrap_or(0) })
        });
        let sent = &packet.header.ext_vals;
        let extensions = ExtensionValues {
            audio_level: sent.audio_level,
            voice_activity: sent.voice_activity,
            video_orientation: sent.video_orientation,
            ..ExtensionValues::default()
        };
        Some(MediaPacket {
            line,
            layer,
            ssrc,
            numbers: Numbers { sequence: *packet.seq_no, time: packet.header.timestamp, vp8 },
            is_last_of_frame: packet.header.marker,
            begins_keyframe,
            height: if is_video && begins_keyframe { vp8_height(&packet.payload) } else { None },
            level: sent.audio_level,
            is_for_beginners_at: None,
            redundancy,
            details: Details { extensions, descriptor, received_at: packet.timestamp },
            payload: packet.payload,
        })
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

impl Line {
    fn new(offered: OfferedLine) -> Self {
        let mid = Mid::from(offered.mid.as_str());
        let rids = match &offered.purpose {
            Purpose::Track(layers) => layers.iter().map(|layer| Rid::from(layer.as_str())).collect(),
            Purpose::Slot | Purpose::Unused => Vec::new(),
        };
        Self { offered, mid, rids, pt: None, red: None, ssrcs: None }
    }
}

impl From<Protocol> for EngineProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Udp => Self::Udp,
            Protocol::Tcp => Self::Tcp,
        }
    }
}

impl From<EngineProtocol> for Protocol {
    fn from(protocol: EngineProtocol) -> Self {
        match protocol {
            EngineProtocol::Udp => Self::Udp,
            // The others are TCP with something around it, and no candidate here is one.
            EngineProtocol::Tcp | EngineProtocol::SslTcp | EngineProtocol::Tls => Self::Tcp,
        }
    }
}

impl From<Credentials> for IceCreds {
    fn from(credentials: Credentials) -> Self {
        Self { ufrag: credentials.ufrag, pass: credentials.password }
    }
}

/// Takes the user names off the candidates: the engine does not rename them with the transport, and a browser drops those of others.
fn nameless_candidates(answer: &str) -> String {
    let nameless = |line: &str| match line.split_once(" ufrag ") {
        Some((candidate, _)) if line.starts_with("a=candidate:") => format!("{candidate}\r\n"),
        _ => format!("{line}\r\n"),
    };
    answer.lines().map(nameless).collect()
}

fn engine(now: Instant, certificate: &Certificate, initial: Bitrate) -> Rtc {
    RtcConfig::new()
        .clear_codecs()
        .enable_opus(true, true)
        .enable_vp8(true)
        .set_dtls_cert(certificate.0.clone())
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .enable_bwe(Some(EngineBitrate::bps(initial.0)))
        .set_stats_interval(Some(REPORT_INTERVAL))
        .build(now)
}

/// Over TCP it is the client that connects (RFC 6544 §4.1).
fn add_candidates(rtc: &mut Rtc, config: &SfuConfig) {
    let udp = config.addresses.iter().map(|address| Candidate::builder().udp().host(*address).build());
    let passive =
        |address: &SocketAddr| Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build();
    for candidate in udp.chain(config.tcp_addresses.iter().map(passive)).flatten() {
        rtc.add_local_candidate(candidate);
    }
}

/// Returns the payload type of the one codec that a kind is sent in.
fn payload_type(rtc: &Rtc, mid: Mid, kind: TrackKind) -> Option<Pt> {
    let codec = match kind {
        TrackKind::Audio => Codec::Opus,
        TrackKind::Video => Codec::Vp8,
    };
    let agreed = rtc.media(mid)?.remote_pts();
    let mut params = rtc.codec_config().params().iter();
    params.find(|it| it.spec().codec == codec && agreed.contains(&it.pt())).map(PayloadParams::pt)
}

/// Returns the payload type of a codec with redundancy (RFC 2198), if the participant has it at all.
fn redundant_type(rtc: &Rtc, pt: Pt) -> Option<Pt> {
    rtc.codec_config().params().iter().find(|it| it.pt() == pt)?.red()
}

fn patch(descriptor: Vp8Descriptor, numbers: Vp8Numbers) -> Option<Vp8Patch> {
    let build = |picture_id: u16| {
        let patch = descriptor.patch().picture_id(picture_id);
        let has_index = descriptor.tl0_pic_idx().is_some();
        if has_index { patch.tl0_pic_idx(numbers.tl0_pic_idx) } else { patch }.build()
    };
    // Some senders spend only 7 bits on the picture id.
    build(numbers.picture_id).or_else(|_| build(numbers.picture_id & 0x7f)).ok()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    fn transport() -> Transport {
        let now = Instant::now();
        let certificate = Certificate::generate().unwrap();
        let rtc = engine(now, &certificate, Bitrate::kbps(1_000));
        Transport::with_engine(now, rtc)
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
        assert_eq!(transport.poll_timeout(), None);
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
            now += Duration::from_secs(1);
            transport.handle_timeout(now);
        }
        assert!(transport.poll_event().is_none());
        (0..=FAILURES_MAX).for_each(|_| fail(&mut transport));
        assert!(matches!(transport.poll_event(), Some(TransportEvent::Closed(CloseReason::Remote))));
    }
}

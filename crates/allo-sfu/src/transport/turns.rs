//! The turns of the engine: what it is told of the time, what comes out of it, and when it is to be asked again.

use std::time::{Duration, Instant};

use str0m::bwe::BweKind;
use str0m::{Event, IceConnectionState, Input, Output, Reason, Rtc};

use super::{CloseReason, State, Transmit, Transport, TransportEvent};
use crate::bandwidth::Report;
use crate::ids::Bitrate;
use crate::paths::Path;
use crate::peer::Peer;
use crate::ssrcs::ssrc_of;
use crate::stun::is_stun;

/// What the engine sends probes under that belong to no stream.
const PROBE_SSRC: u32 = 0;

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

impl Transport {
    pub(super) fn turn(&mut self, now: Instant) {
        let at = self.tell(now);
        self.contain(|rtc| rtc.handle_input(Input::Timeout(at)));
        self.drain(now);
    }

    /// The engine's time never goes back.
    pub(super) fn tell(&mut self, now: Instant) -> Instant {
        self.clock = self.clock.max(now);
        self.clock
    }

    /// Takes all that the engine has to say, and serves timeouts that are due or nearly so.
    ///
    /// With each packet of media the engine's pacer waits to be told the time again. To ask it for that first, as for everything
    /// else, would take as long as the packet itself. So it is told at once as long as there are more packets, and left alone after
    /// the last one, unless it is to be looked at soon anyway.
    pub(super) fn drain(&mut self, now: Instant) {
        let mut turns = 0;
        while let Some(output) = self.contain(Rtc::poll_output) {
            match output {
                Output::Transmit(transmit) => {
                    let contents: Vec<u8> = transmit.contents.into();
                    let is_written = self.written > 0 && self.is_of_slot(&contents);
                    if self.is_affordable(now, &contents) {
                        let peer = Peer { protocol: transmit.proto.into(), address: transmit.destination };
                        self.post(now, Path { peer, own: transmit.source }, contents);
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

    /// Sends a datagram by this path, or by another one if the participant is there now. An answer goes back where the question came from.
    fn post(&mut self, now: Instant, chosen: Path, contents: Vec<u8>) {
        let Path { peer, own } = if is_stun(&contents) { chosen } else { self.paths.find(now, chosen) };
        let Peer { protocol, address } = peer;
        self.transmits.push_back(Transmit { protocol, source: own, destination: address, contents });
    }

    /// Returns whether a datagram may be sent: of media only so much may be sent again, and nothing under an SSRC that no answer named.
    ///
    /// Where nothing can be padded under, the engine probes under [`PROBE_SSRC`] in the first slot. A browser would take that for the
    /// beginning of the slot's stream, and play nothing of the true one.
    pub(super) fn is_affordable(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(ssrc) = ssrc_of(datagram) else { return true };
        if ssrc == PROBE_SSRC {
            return false;
        }
        // While less gets through than is wanted, the engine pads.
        let wanted = if self.estimate < self.desired { self.desired } else { Bitrate::default() };
        self.retransmissions.admit(now, ssrc, datagram.len(), wanted)
    }

    /// Returns when the engine is to be told the time, if it asks for it then.
    pub(super) fn postpone(&self, now: Instant, due: Instant) -> Instant {
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
    pub(super) fn can_wait(&self, now: Instant) -> bool {
        let is_soon = self.due.is_none_or(|due| due <= now);
        self.is_calm() && !is_soon && now < self.drained_at + ESTIMATION_INTERVAL_CALM / 2
    }

    /// Returns whether all that is wanted gets through.
    pub(super) fn is_calm(&self) -> bool {
        self.estimate >= self.desired
    }

    /// Returns whether a datagram is a packet of a slot that was written, and not a retransmission or padding.
    pub(super) fn is_of_slot(&self, datagram: &[u8]) -> bool {
        let ssrc = datagram.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        let is_rtp = datagram.first().is_some_and(|first| (128..192).contains(first));
        is_rtp && ssrc.is_some_and(|ssrc| self.open.iter().any(|open| **open == ssrc))
    }

    pub(super) fn check_alive(&mut self) {
        if matches!(&self.state, State::Open(rtc) if !rtc.is_alive()) {
            self.shut(CloseReason::Remote);
        }
    }

    pub(super) fn handle_event(&mut self, event: Event) {
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

    pub(super) fn is_connected(&mut self) -> bool {
        matches!(&self.state, State::Open(rtc) if rtc.is_connected())
    }
}

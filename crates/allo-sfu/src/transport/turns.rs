//! The turns of the engine: what it is told of the time, what comes out of it, and when it is to be asked again.

use std::time::{Duration, Instant};

use str0m::{Event, IceConnectionState, Input, Output, Reason, Rtc};

use super::{CloseReason, State, Transport, TransportEvent, keys, transmit};
use crate::paths::Path;
use crate::peer::Peer;
use crate::stun::is_stun;
use crate::train::Train;

/// Timeouts so near are served at once.
pub(super) const LOOK_AHEAD: Duration = Duration::from_micros(200);

/// Timeouts that are served in one go. Beyond it the rest waits for the timer, so that nobody keeps the worker for himself.
const TURNS_MAX: usize = 512;

/// A transport without media for so long goes to sleep.
const AWAKE: Duration = Duration::from_millis(500);

/// How long a transport sleeps at most when all that is due is word of the way that it takes.
///
/// Lower: those who are only connected cost more. Higher: who comes by another way is found there later.
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
    pub(super) fn drain(&mut self, now: Instant) {
        let mut turns = 0;
        while let Some(output) = self.contain(Rtc::poll_output) {
            if self.handshake.is_some()
                && let Some(keys) = keys::take()
            {
                self.egress.set_keys(keys);
            }
            match output {
                Output::Transmit(transmit) => {
                    let contents: Vec<u8> = transmit.contents.into();
                    let peer = Peer { protocol: transmit.proto.into(), address: transmit.destination };
                    let path = Path { peer, own: transmit.source };
                    // Answers to checks go back where these came from, all else the way that was agreed upon.
                    if !is_stun(&contents) {
                        self.chosen = Some(path);
                    }
                    self.post(now, path, contents);
                }
                Output::Event(event) => self.handle_event(event),
                Output::Timeout(due) => {
                    let due = self.postpone(now, due);
                    if due > now + LOOK_AHEAD || turns == TURNS_MAX {
                        self.due = Some(due.max(now + LOOK_AHEAD));
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
    pub(super) fn post(&mut self, now: Instant, chosen: Path, contents: Vec<u8>) {
        let path = if is_stun(&contents) { chosen } else { self.paths.find(now, chosen) };
        self.transmits.push_back(transmit(path, Train::new(contents)));
    }

    /// Returns when the engine is to be told the time, if it asks for it then.
    fn postpone(&self, now: Instant, due: Instant) -> Instant {
        let State::Open(rtc) = &self.state else { return due };
        let is_asleep =
            rtc.is_connected() && self.media_at.is_none_or(|at| now.saturating_duration_since(at) > AWAKE);
        if is_asleep && rtc.last_timeout_reason() == Reason::Stats { due.max(now + SLEEP) } else { due }
    }

    pub(super) fn check_alive(&mut self) {
        if matches!(&self.state, State::Open(rtc) if !rtc.is_alive()) {
            self.shut(CloseReason::Remote);
        }
    }

    pub(super) fn handle_event(&mut self, event: Event) {
        let event = match event {
            // Without a common profile of SRTP the engine goes on for the data channel alone (RFC 5764 §4.1).
            Event::Connected if !self.egress.has_keys() => return self.shut(CloseReason::Remote),
            Event::Connected => {
                self.handshake = None;
                TransportEvent::Connected
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => TransportEvent::Silent,
            Event::IceConnectionStateChange(state) if state.is_connected() && self.is_connected() => {
                TransportEvent::Connected
            }
            Event::RtpPacket(packet) => return self.handle_packet(packet),
            Event::ChannelOpen(id, _) => {
                let Some(channel) = self.channel.as_mut().filter(|channel| channel.id == id) else { return };
                channel.is_open = true;
                TransportEvent::ChannelOpened
            }
            Event::ChannelClose(id) => {
                let Some(channel) = self.channel.as_mut().filter(|channel| channel.id == id) else { return };
                channel.is_open = false;
                return;
            }
            Event::ChannelData(data) if data.binary => TransportEvent::Message(data.data),
            Event::PeerStats(stats) => {
                if let Some(pair) = stats.selected_candidate_pair {
                    let peer = Peer { protocol: pair.protocol.into(), address: pair.remote.addr };
                    self.chosen = Some(Path { peer, own: pair.local.addr });
                }
                return;
            }
            Event::Closed => return self.shut(CloseReason::Remote),
            _ => return,
        };
        self.events.push_back(event);
    }

    pub(super) fn is_connected(&mut self) -> bool {
        matches!(&self.state, State::Open(rtc) if rtc.is_connected())
    }
}

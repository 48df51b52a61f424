//! A participant's end of a session: ICE, DTLS and SRTP by the engine, packets by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allo_dtls::cryptography;
use allo_protocol::{MediaTrack, Source};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, SeqNo, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig, RtcError};

use crate::red;

/// The names of the simulcast layers, the lowest first.
const RIDS: [&str; 3] = ["l", "m", "h"];

/// What is kept to be sent again: as much as browsers keep.
const KEPT: usize = 600;
const KEPT_FOR: Duration = Duration::from_secs(1);

/// How many lines there are of each kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    pub(crate) mic: bool,
    /// How many layers the camera has; none if there is no camera.
    pub(crate) cam_layers: usize,
    pub(crate) audio_slots: usize,
    pub(crate) video_slots: usize,
    /// Whether each frame of sound may come and go twice.
    pub(crate) has_red: bool,
}

/// What the transport has to say.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a packet is copied in less time than it would be allocated")]
pub(crate) enum TransportEvent {
    Connected,
    /// The server wants a keyframe of this layer.
    KeyframeWanted(usize),
    /// A packet came in this slot.
    Packet {
        slot: usize,
        packet: RtpPacket,
        /// Whether the frame of sound before it is in it.
        is_redundant: bool,
    },
    /// The server said goodbye, or the engine had a fault.
    Closed,
}

/// A packet to send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Which layer, of pictures; `None` for sound.
    pub(crate) layer: Option<usize>,
    pub(crate) time: u32,
    pub(crate) is_last: bool,
    /// The loudness in dBov, of sound.
    pub(crate) level: Option<i8>,
    pub(crate) payload: Vec<u8>,
}

/// A slot: its line, and whether it is for pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) mid: Mid,
    pub(crate) is_video: bool,
}

/// A session's transport.
#[derive(Debug)]
pub(crate) struct Transport {
    rtc: Rtc,
    address: SocketAddr,
    mic: Option<Mid>,
    cam: Option<(Mid, usize)>,
    slots: Vec<Slot>,
    /// Which slot an SSRC belongs to. The engine bounds how many there are.
    by_ssrc: Vec<(Ssrc, usize)>,
    pending: Option<SdpPendingOffer>,
    offer: String,
    pts: [Pt; 2],
    /// Of sound whose frames come twice, if both ends have it.
    red: Option<Pt>,
    /// The time and the payload of the frame of sound that was sent last.
    last_sound: Option<(u32, Vec<u8>)>,
    /// The sequence numbers of the microphone and of each layer.
    sequences: [u64; 4],
    due: Instant,
    is_closed: bool,
}

impl Transport {
    /// Makes a transport, and an offer.
    pub(crate) fn new(now: Instant, certificate: DtlsCert, address: SocketAddr, lines: Lines) -> Self {
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(cryptography()))
            .clear_codecs()
            .enable_opus(true, lines.has_red)
            .enable_vp8(true)
            .set_dtls_cert(certificate)
            .set_rtp_mode(true)
            .build(now);
        if let Ok(candidate) = Candidate::host(address, "udp") {
            rtc.add_local_candidate(candidate);
        }
        let mut changes = rtc.sdp_api();
        let mut add = |kind, direction, simulcast| changes.add_media(kind, direction, None, None, simulcast);
        let mic = lines.mic.then(|| add(MediaKind::Audio, Direction::SendOnly, None));
        let simulcast = (lines.cam_layers > 1).then(|| simulcast(lines.cam_layers));
        let cam = (lines.cam_layers > 0)
            .then(|| (add(MediaKind::Video, Direction::SendOnly, simulcast), lines.cam_layers));
        let mut slot = |is_video| {
            let kind = if is_video { MediaKind::Video } else { MediaKind::Audio };
            Slot { mid: add(kind, Direction::RecvOnly, None), is_video }
        };
        let audio: Vec<_> = (0..lines.audio_slots).map(|_| slot(false)).collect();
        let video: Vec<_> = (0..lines.video_slots).map(|_| slot(true)).collect();
        let slots = [audio, video].concat();
        let (offer, pending) = changes.apply().expect("a participant sends or receives something");
        let pts = [Codec::Opus, Codec::Vp8].map(|codec| params(&rtc, codec).pt());
        Self {
            rtc,
            address,
            mic,
            cam,
            slots,
            by_ssrc: Vec::new(),
            pending: Some(pending),
            offer: offer.to_sdp_string(),
            pts,
            red: None,
            last_sound: None,
            sequences: [1_000; 4],
            due: now,
            is_closed: false,
        }
    }

    /// Returns the offer that waits for its answer, if it does.
    pub(crate) fn unanswered(&self) -> Option<(String, Vec<MediaTrack>)> {
        let track = |mid: Mid, source| MediaTrack { mid: mid.to_string(), source };
        let mic = self.mic.map(|mid| track(mid, Source::Mic));
        let cam = self.cam.map(|(mid, _)| track(mid, Source::Cam));
        self.pending.as_ref().map(|_| (self.offer.clone(), mic.into_iter().chain(cam).collect()))
    }

    /// Takes the answer; one that cannot be used ends the transport.
    pub(crate) fn handle_answer(&mut self, sdp: &str) {
        let Some(pending) = self.pending.take() else { return };
        let answer = SdpAnswer::from_sdp_string(sdp).ok();
        let accepted = answer.map(|answer| self.rtc.sdp_api().accept_answer(pending, answer));
        self.is_closed |= !matches!(accepted, Some(Ok(())));
        self.red = params(&self.rtc, Codec::Opus).red();
        self.send_again_whatever_is_asked_for();
    }

    /// As browsers do: the engine by itself forgets all that was asked for when that is more than some share of what it sends.
    fn send_again_whatever_is_asked_for(&mut self) {
        let Some((mid, layers)) = self.cam else { return };
        for name in &RIDS[..layers] {
            let mut api = self.rtc.direct_api();
            if let Some(stream) = api.stream_tx_by_mid(mid, (layers > 1).then(|| Rid::from(*name))) {
                stream.set_rtx_cache(KEPT, KEPT_FOR, None);
            }
        }
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let Ok(received) = Receive::new(Protocol::Udp, source, self.address, bytes) else { return };
        let input = Input::Receive(now, received);
        if self.rtc.accepts(&input) {
            // What cannot be used is dropped.
            let _ = self.rtc.handle_input(input);
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let handled = self.rtc.handle_input(Input::Timeout(now));
        self.check(&handled);
    }

    /// Writes a packet. It leaves with the next [`Self::handle_timeout`] and [`Self::drain`].
    pub(crate) fn write(&mut self, now: Instant, outgoing: Outgoing) {
        let (mid, rid, counter) = match (outgoing.layer, self.cam) {
            (Some(layer), Some((mid, layers))) => {
                (mid, (layers > 1).then(|| Rid::from(RIDS[layer])), layer + 1)
            }
            (None, _) => match self.mic {
                Some(mid) => (mid, None, 0),
                None => return,
            },
            (Some(_), None) => return,
        };
        self.sequences[counter] += 1;
        let sequence = SeqNo::from(self.sequences[counter]);
        let (pt, payload) = match outgoing.layer {
            Some(_) => (self.pts[1], outgoing.payload),
            None => self.wrap(outgoing.time, outgoing.payload),
        };
        let extensions = ExtensionValues {
            audio_level: outgoing.level,
            voice_activity: outgoing.level.map(|level| level > -50),
            ..ExtensionValues::default()
        };
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, rid) else { return };
        let write = RtpWrite::new(pt, sequence, outgoing.time, now, payload).nackable(true);
        stream.write_rtp(write.marker(outgoing.is_last).ext_vals(extensions));
    }

    /// Puts the frame before into a payload of sound, if both ends have that.
    fn wrap(&mut self, time: u32, payload: Vec<u8>) -> (Pt, Vec<u8>) {
        let Some(red) = self.red else { return (self.pts[0], payload) };
        let previous = self.last_sound.as_ref().map(|(at, frame)| (time.wrapping_sub(*at), &**frame));
        let whole = red::wrap(*self.pts[0], &payload, previous);
        self.last_sound = Some((time, payload));
        (red, whole)
    }

    /// Asks for a keyframe in a slot.
    pub(crate) fn request_keyframe(&mut self, slot: usize) {
        let mid = self.slots[slot].mid;
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Says goodbye to the server.
    pub(crate) fn close(&mut self) {
        let closed = self.rtc.close();
        self.check(&closed);
    }

    /// Takes all that the engine has to send and to say.
    pub(crate) fn drain(
        &mut self,
        now: Instant,
        mut send: impl FnMut(Transmit),
        events: &mut Vec<TransportEvent>,
    ) {
        while !self.is_closed {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) if due <= now => self.handle_timeout(now),
                Ok(Output::Timeout(due)) => {
                    self.due = due;
                    return;
                }
                Ok(Output::Transmit(transmit)) => send(transmit),
                Ok(Output::Event(event)) => self.handle_event(event, events),
                Err(error) => self.check(&Err(error)),
            }
        }
        events.push(TransportEvent::Closed);
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.due
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Returns the lines of the microphone and of the camera, as the server names them.
    pub(crate) fn sending_mids(&self) -> [Option<String>; 2] {
        [self.mic.map(|mid| mid.to_string()), self.cam.map(|(mid, _)| mid.to_string())]
    }

    fn handle_event(&mut self, event: Event, events: &mut Vec<TransportEvent>) {
        match event {
            Event::Connected => events.push(TransportEvent::Connected),
            Event::KeyframeRequest(request) => {
                let layer = RIDS.iter().position(|name| request.rid == Some(Rid::from(*name)));
                events.push(TransportEvent::KeyframeWanted(layer.unwrap_or(0)));
            }
            Event::RtpPacket(packet) => {
                if let Some(slot) = self.slot_of(packet.header.ssrc) {
                    let is_redundant = self.red == Some(packet.header.payload_type);
                    events.push(TransportEvent::Packet { slot, packet, is_redundant });
                }
            }
            Event::Closed => self.is_closed = true,
            _ => {}
        }
    }

    fn slot_of(&mut self, ssrc: Ssrc) -> Option<usize> {
        if let Some((_, slot)) = self.by_ssrc.iter().find(|(known, _)| *known == ssrc) {
            return Some(*slot);
        }
        let mid = self.rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid())?;
        let slot = self.slots.iter().position(|slot| slot.mid == mid)?;
        self.by_ssrc.push((ssrc, slot));
        Some(slot)
    }

    fn check(&mut self, result: &Result<(), RtcError>) {
        self.is_closed |= result.is_err();
    }
}

fn simulcast(layers: usize) -> Simulcast {
    let mut simulcast = Simulcast::new();
    for name in &RIDS[..layers] {
        simulcast.add_send_layer(SimulcastLayer::new(name));
    }
    simulcast
}

fn params(rtc: &Rtc, codec: Codec) -> &PayloadParams {
    let params = rtc.codec_config().find(|params| params.spec().codec == codec);
    params.expect("the codec was enabled")
}

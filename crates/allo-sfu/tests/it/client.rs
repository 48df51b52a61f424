//! A participant as a browser would be one: it offers, sends simulcast, and answers keyframe requests.

mod files;
mod payloads;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use allo_sfu::{DependencyDescriptor, ParticipantId, Peer, Red, Templates};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelConfig;
use str0m::config::DtlsCert;
use str0m::format::{Codec, FormatParams, PayloadParams};
use str0m::media::{
    Direction, Frequency, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer,
};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

pub(crate) use files::Files;
pub(crate) use payloads::Tag;
use payloads::{av1_payload, h264_payload, tag_of, vp8_payload, vp9_payload};

use crate::descriptors::{self, Descriptor};
use crate::forger::Forger;

/// A frame of each layer: its name, its height, and how many packets it takes.
pub(crate) const LAYERS: [(&str, u16, usize); 3] = [("l", 180, 1), ("m", 360, 2), ("h", 720, 5)];
const FRAME: Duration = Duration::from_millis(33);
const SOUND: Duration = Duration::from_millis(20);

#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) mid: String,
    pub(crate) sequence: u64,
    pub(crate) time: u32,
    pub(crate) is_picture: bool,
    /// Of VP8 and VP9; of AV1 the number that the lowest layer of the picture has.
    pub(crate) picture_id: Option<u16>,
    /// Whether it says that it is the last of its picture.
    pub(crate) is_marked: bool,
    pub(crate) tag: Tag,
    /// Of sound with redundancy, the frame before it.
    pub(crate) previous: Option<Tag>,
    pub(crate) level: Option<i8>,
}

/// What a client is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) sends_mic: bool,
    pub(crate) sends_cam: bool,
    pub(crate) layers: usize,
    pub(crate) audio_slots: usize,
    pub(crate) video_slots: usize,
    /// Packets of each frame of the lowest layer.
    pub(crate) packets: usize,
    /// How many times as large a keyframe is.
    pub(crate) keyframe_factor: usize,
    /// How it reaches the worker.
    pub(crate) protocol: Protocol,
    /// Whether it knows sound with redundancy.
    pub(crate) has_red: bool,
    /// Whether it knows H.264, which it sends then.
    pub(crate) has_h264: bool,
    /// Whether it knows VP9, which it sends then, all layers in one stream.
    pub(crate) has_vp9: bool,
    /// Whether it knows AV1, which it sends then likewise.
    pub(crate) has_av1: bool,
}

impl Habits {
    /// A camera of one layer of 1.5 Mbit/s, with keyframes as large as those of real ones.
    pub(crate) const SINGLE: Self = Self { layers: 1, packets: 6, keyframe_factor: 8, ..Self::USUAL };

    pub(crate) const USUAL: Self = Self {
        sends_mic: true,
        sends_cam: true,
        layers: 3,
        audio_slots: 4,
        video_slots: 4,
        packets: LAYERS[0].2,
        keyframe_factor: 3,
        protocol: Protocol::Udp,
        has_red: false,
        has_h264: false,
        has_vp9: false,
        has_av1: false,
    };
}

impl Default for Habits {
    fn default() -> Self {
        Self::USUAL
    }
}

pub(crate) struct Client {
    pub(crate) own: ParticipantId,
    pub(crate) rtc: Rtc,
    pub(crate) address: SocketAddr,
    pub(crate) received: Vec<Received>,
    /// Packets of pictures with nothing in them: the line, and the sequence number.
    pub(crate) fillers: BTreeSet<(String, u64)>,
    pub(crate) keyframe_requests: Vec<(Instant, u8)>,
    /// The loudness of the microphone, in dBov.
    pub(crate) level: i8,
    pub(crate) is_mic_on: bool,
    pub(crate) is_cam_on: bool,
    pub(crate) is_connected: bool,
    /// Whether it takes part in the network at all.
    pub(crate) is_deaf: bool,
    /// Encrypts what the engine would not.
    pub(crate) forger: Forger,
    /// The SSRCs under which the server sends again what was lost.
    repairs: BTreeSet<u32>,
    pub(crate) habits: Habits,
    mic: Option<Mid>,
    cam: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    due: Instant,
    next_frame: Instant,
    next_sound: Instant,
    frame: u32,
    /// How many pictures were keyframes.
    keyframes: u32,
    /// The latest numbers of the three layers of the camera, and of the microphone.
    pub(crate) sequences: [u64; 4],
    /// The frame of sound that was sent last.
    previous: Option<(u32, Vec<u8>)>,
    /// What the descriptors on each line refer to.
    templates: BTreeMap<String, Templates>,
    pub(crate) wants_keyframe: [bool; 3],
    /// What it does with files.
    pub(crate) files: Files,
}

impl Client {
    pub(crate) fn new(now: Instant, own: ParticipantId, address: SocketAddr, habits: Habits) -> Self {
        let (forger, cryptography) = Forger::new();
        let mut config = RtcConfig::new()
            .set_crypto_provider(Arc::new(cryptography))
            .clear_codecs()
            .enable_opus(true, habits.has_red)
            .enable_vp8(true)
            .set_dtls_cert(certificate())
            .set_rtp_mode(true);
        if habits.has_h264 {
            config.codec_config().add_h264(108.into(), Some(109.into()), true, 0x42_e0_1f);
        }
        if habits.has_vp9 {
            let profile = FormatParams { profile_id: Some(0), ..FormatParams::default() };
            let (pt, rtx, clock) = (44.into(), Some(45.into()), Frequency::NINETY_KHZ);
            config.codec_config().add_config(pt, rtx, Codec::Vp9, clock, None, profile);
        }
        if habits.has_av1 {
            config.codec_config().enable_av1(true);
            config = config.set_extension(9, descriptors::extension());
        }
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, habits.protocol).unwrap());
        // Numbers begin anywhere.
        let offset = own.0 * 1_000 % 50_000;
        Self {
            own,
            rtc,
            address,
            received: Vec::new(),
            fillers: BTreeSet::new(),
            keyframe_requests: Vec::new(),
            level: -30,
            is_mic_on: true,
            is_cam_on: true,
            is_connected: false,
            is_deaf: false,
            forger,
            repairs: BTreeSet::new(),
            habits,
            mic: None,
            cam: None,
            pending: None,
            due: now,
            next_frame: now,
            next_sound: now,
            frame: 0,
            keyframes: 0,
            sequences: [offset, offset + 7, offset + 77, offset + 777],
            previous: None,
            templates: BTreeMap::new(),
            wants_keyframe: [true; 3],
            files: Files::default(),
        }
    }

    /// Returns where the worker sees it.
    pub(crate) fn peer(&self) -> Peer {
        match self.habits.protocol {
            Protocol::Udp => Peer::udp(self.address),
            _ => Peer::tcp(self.address),
        }
    }

    pub(crate) fn offer(&mut self) -> String {
        let Habits { sends_mic, sends_cam, layers, audio_slots, video_slots, .. } = self.habits;
        let mut simulcast = Simulcast::new();
        LAYERS[..layers].iter().for_each(|(rid, ..)| simulcast.add_send_layer(SimulcastLayer::new(rid)));
        let simulcast = (layers > 1).then_some(simulcast);
        let mut api = self.rtc.sdp_api();
        let (audio, video) = (MediaKind::Audio, MediaKind::Video);
        if sends_mic {
            self.mic = Some(api.add_media(audio, Direction::SendOnly, None, None, None));
        }
        if sends_cam {
            self.cam = Some(api.add_media(video, Direction::SendOnly, None, None, simulcast));
        }
        for kind in [vec![audio; audio_slots], vec![video; video_slots]].concat() {
            api.add_media(kind, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Asks for a keyframe on every video slot.
    pub(crate) fn request_keyframes(&mut self, now: Instant) -> Vec<Transmit> {
        let mids: BTreeSet<_> = self.received.iter().filter(|it| it.is_picture).map(|it| &it.mid).collect();
        for mid in mids {
            if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(Mid::from(mid.as_str()), None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
        self.flush(now)
    }

    /// Encodes its pictures as somebody with these habits does, from now on.
    pub(crate) fn encode(&mut self, Habits { has_vp9, has_av1, .. }: Habits) {
        (self.habits.has_vp9, self.habits.has_av1) = (has_vp9, has_av1);
        self.wants_keyframe = [true; 3];
    }

    /// Returns whether what comes under this SSRC was sent before.
    pub(crate) fn is_repair(&self, ssrc: u32) -> bool {
        self.repairs.contains(&ssrc)
    }

    /// Sends any bytes as a packet of the camera's lowest layer.
    pub(crate) fn send_picture(&mut self, now: Instant, payload: &[u8]) -> Vec<Transmit> {
        let rid = (self.habits.layers > 1).then(|| Rid::from(LAYERS[0].0));
        let mid = self.cam.unwrap();
        self.write(now, mid, rid, 0, self.frame * 2_970, payload.to_vec(), ExtensionValues::default());
        self.flush(now)
    }

    /// Sends a packet of AV1 with too little in it to be a picture, behind any bytes as its dependency descriptor.
    pub(crate) fn send_described(&mut self, now: Instant, descriptor: &[u8]) -> Vec<Transmit> {
        let rid = (self.habits.layers > 1).then(|| Rid::from(LAYERS[0].0));
        let values = descriptors::described(descriptor.to_vec());
        self.write(now, self.cam.unwrap(), rid, 0, self.frame * 2_970, vec![0x10; 4], values);
        self.flush(now)
    }

    /// Sends any bytes as a packet of the microphone.
    pub(crate) fn send_as_sound(&mut self, now: Instant, payload: &[u8]) -> Vec<Transmit> {
        let time = u32::try_from(self.sequences[3] & 0xffff).unwrap() * 960;
        self.write(now, self.mic.unwrap(), None, 3, time, payload.to_vec(), ExtensionValues::default());
        self.flush(now)
    }

    /// Offers a data channel, and any others after it.
    pub(crate) fn offer_channel(&mut self, others: &[ChannelConfig]) -> String {
        let mut api = self.rtc.sdp_api();
        let config = ChannelConfig { negotiated: Some(0), ..ChannelConfig::default() };
        self.files.channel = Some(api.add_channel_with_config(config));
        for other in others {
            api.add_channel_with_config(other.clone());
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Sends what waits for the data channel, as far as that takes it.
    pub(crate) fn send_messages(&mut self, now: Instant) -> Vec<Transmit> {
        let mut transmits = Vec::new();
        while let Some(message) = self.files.outgoing.front() {
            let channel = self.files.channel.and_then(|id| self.rtc.channel(id));
            if !channel.is_some_and(|mut channel| channel.write(true, message).unwrap()) {
                break;
            }
            self.files.outgoing.pop_front();
            transmits.extend(self.flush(now));
        }
        transmits
    }

    /// Offers an ICE restart.
    pub(crate) fn offer_restart(&mut self) -> String {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub(crate) fn handle_answer(&mut self, now: Instant, answer: &str) -> Vec<Transmit> {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        for (rid, ..) in &LAYERS[..self.habits.layers] {
            let rid = (self.habits.layers > 1).then(|| Rid::from(*rid));
            let mut api = self.rtc.direct_api();
            if let Some(stream) = self.cam.and_then(|cam| api.stream_tx_by_mid(cam, rid)) {
                // As browsers do, and unlike the engine, it sends again whatever is asked for.
                stream.set_rtx_cache(600, Duration::from_secs(1), None);
            }
        }
        self.handle_timeout(now)
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Vec<Transmit> {
        if let Ok(received) = Receive::new(self.habits.protocol, from, self.address, bytes) {
            let input = Input::Receive(now, received);
            if self.rtc.accepts(&input) {
                self.rtc.handle_input(input).unwrap();
            }
        }
        let mut transmits = self.drain(now);
        transmits.extend(self.send_messages(now));
        transmits
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Transmit> {
        self.is_deaf |= self.rtc.handle_input(Input::Timeout(now)).is_err();
        let mut transmits = self.drain(now);
        while self.next_frame <= now {
            self.next_frame += FRAME;
            if self.is_connected && self.is_cam_on {
                self.send_frame(now, &mut transmits);
            }
        }
        while self.next_sound <= now {
            self.next_sound += SOUND;
            if self.is_connected && self.is_mic_on {
                self.send_sound(now, &mut transmits);
            }
        }
        transmits
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.due.min(self.next_frame).min(self.next_sound)
    }

    /// Returns the tags of what came on video slots since then.
    pub(crate) fn seen(&self, since: Instant) -> Vec<&Received> {
        self.received.iter().filter(|it| it.at >= since && it.is_picture).collect()
    }

    pub(crate) fn heard(&self, since: Instant) -> Vec<&Received> {
        self.received.iter().filter(|it| it.at >= since && !it.is_picture).collect()
    }

    fn send_frame(&mut self, now: Instant, transmits: &mut Vec<Transmit>) {
        let Some(mid) = self.cam else { return };
        self.frame += 1;
        if self.habits.has_vp9 || self.habits.has_av1 {
            self.send_layers_in_one(now, mid);
            return transmits.extend(self.flush(now));
        }
        for (layer, (rid, height, packets)) in LAYERS.into_iter().enumerate().take(self.habits.layers) {
            let is_keyframe = std::mem::take(&mut self.wants_keyframe[layer]);
            let packets = if layer == 0 { self.habits.packets } else { packets };
            let packets = if is_keyframe { packets * self.habits.keyframe_factor } else { packets };
            for n in 0..packets {
                let tag = Tag {
                    publisher: self.own,
                    layer: u8::try_from(layer).unwrap(),
                    frame: self.frame,
                    is_keyframe,
                    begins: n == 0,
                    ends: n + 1 == packets,
                };
                let rid = (self.habits.layers > 1).then(|| Rid::from(rid));
                let time = self.frame * 2_970;
                self.write(
                    now,
                    mid,
                    rid,
                    layer,
                    time,
                    if self.habits.has_h264 { h264_payload(tag) } else { vp8_payload(tag, height) },
                    ExtensionValues::default(),
                );
            }
        }
        transmits.extend(self.flush(now));
    }

    /// Sends all layers of a picture in VP9 or AV1 as one stream: that of the lowest layer, where there are names for several.
    fn send_layers_in_one(&mut self, now: Instant, mid: Mid) {
        let rid = (self.habits.layers > 1).then(|| Rid::from(LAYERS[0].0));
        let is_keyframe = std::mem::take(&mut self.wants_keyframe[0]);
        self.keyframes += u32::from(is_keyframe);
        for (layer, (_, _, packets)) in LAYERS.into_iter().enumerate() {
            let packets = if is_keyframe { packets * self.habits.keyframe_factor } else { packets };
            for n in 0..packets {
                let tag = Tag {
                    publisher: self.own,
                    layer: u8::try_from(layer).unwrap(),
                    frame: self.frame,
                    is_keyframe,
                    begins: n == 0,
                    ends: layer + 1 == LAYERS.len() && n + 1 == packets,
                };
                let (payload, extensions) = if self.habits.has_av1 {
                    (av1_payload(tag), descriptors::values(tag, self.keyframes, n + 1 == packets))
                } else {
                    (vp9_payload(tag, n + 1 == packets), ExtensionValues::default())
                };
                self.write(now, mid, rid, 0, self.frame * 2_970, payload, extensions);
            }
        }
    }

    fn send_sound(&mut self, now: Instant, transmits: &mut Vec<Transmit>) {
        let Some(mid) = self.mic else { return };
        let extensions = ExtensionValues {
            audio_level: Some(self.level),
            voice_activity: Some(self.level > -50),
            ..ExtensionValues::default()
        };
        let frame = u32::try_from(self.sequences[3] & 0xffff).unwrap();
        let tag = Tag { publisher: self.own, layer: 0, frame, is_keyframe: true, begins: true, ends: false };
        let time = u32::try_from((self.sequences[3] * 960) & 0xffff_ffff).unwrap();
        let bare = [vec![0x78; 60], tag.to_bytes()].concat();
        let payload = if self.habits.has_red { self.with_previous(time, &bare) } else { bare.clone() };
        self.previous = Some((time, bare));
        self.write(now, mid, None, 3, time, payload, extensions);
        transmits.extend(self.flush(now));
    }

    fn with_previous(&self, time: u32, bare: &[u8]) -> Vec<u8> {
        let pt = *self.params(Codec::Opus).pt();
        let whole = self
            .previous
            .as_ref()
            .and_then(|(before, previous)| Red::compose(pt, bare, previous, time.wrapping_sub(*before)));
        whole.unwrap_or_else(|| [&[pt], bare].concat())
    }

    fn params(&self, codec: Codec) -> &PayloadParams {
        self.rtc.codec_config().find(|it| it.spec().codec == codec).unwrap()
    }

    #[allow(clippy::too_many_arguments, reason = "a packet has that many parts")]
    fn write(
        &mut self,
        now: Instant,
        mid: Mid,
        rid: Option<Rid>,
        counter: usize,
        time: u32,
        payload: Vec<u8>,
        extensions: ExtensionValues,
    ) {
        let camera = match self.habits {
            Habits { has_h264: true, .. } => Codec::H264,
            Habits { has_vp9: true, .. } => Codec::Vp9,
            Habits { has_av1: true, .. } => Codec::Av1,
            _ => Codec::Vp8,
        };
        let params = self.params(if counter == 3 { Codec::Opus } else { camera });
        let pt = params.red().unwrap_or(params.pt());
        self.sequences[counter] += 1;
        let sequence = SeqNo::from(self.sequences[counter]);
        let is_last = tag_of(&payload).is_some_and(|tag| tag.ends);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, rid).unwrap();
        let write = RtpWrite::new(pt, sequence, time, now, payload).marker(is_last).nackable(true);
        stream.write_rtp(write.ext_vals(extensions));
    }

    fn flush(&mut self, now: Instant) -> Vec<Transmit> {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.drain(now)
    }

    fn drain(&mut self, now: Instant) -> Vec<Transmit> {
        let mut transmits = Vec::new();
        loop {
            let Ok(output) = self.rtc.poll_output() else {
                self.is_deaf = true;
                return transmits;
            };
            match output {
                Output::Timeout(due) if due <= now => {
                    self.is_deaf |= self.rtc.handle_input(Input::Timeout(now)).is_err();
                }
                Output::Timeout(due) => {
                    self.due = due;
                    return transmits;
                }
                Output::Transmit(transmit) => transmits.push(transmit),
                Output::Event(event) => self.handle_event(now, event),
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => self.is_connected = true,
            Event::KeyframeRequest(request) => {
                let layer =
                    request.rid.and_then(|rid| LAYERS.iter().position(|(name, ..)| rid == Rid::from(*name)));
                let layer = layer.unwrap_or(0);
                self.wants_keyframe[layer] = true;
                self.keyframe_requests.push((now, u8::try_from(layer).unwrap()));
            }
            Event::RtpPacket(packet) => self.handle_packet(now, &packet),
            Event::ChannelOpen(id, _) => self.files.is_open |= self.files.channel == Some(id),
            Event::ChannelData(data) => self.files.handle(now, &data.data),
            _ => {}
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: &RtpPacket) {
        let ssrc = packet.header.ssrc;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx(&ssrc);
        self.repairs.extend(stream.as_ref().and_then(|stream| stream.rtx()).map(|ssrc| *ssrc));
        let mid = stream.map(|stream| stream.mid().to_string());
        let Some(mid) = mid else { return };
        let Some(tag) = tag_of(&packet.payload) else {
            if packet.payload.is_empty() {
                self.fillers.insert((mid, *packet.seq_no));
            }
            return;
        };
        let is_of = |codec| {
            let params = self.rtc.codec_config().find(|it| it.spec().codec == codec);
            params.is_some_and(|it| it.pt() == packet.header.payload_type)
        };
        let is_vp8 = is_of(Codec::Vp8);
        let is_vp9 = is_of(Codec::Vp9);
        let is_av1 = is_of(Codec::Av1);
        let is_picture = is_vp8 || is_vp9 || is_av1 || is_of(Codec::H264);
        let is_redundant = Some(packet.header.payload_type) == self.params(Codec::Opus).red();
        let red = is_redundant.then(|| Red::parse(&packet.payload).unwrap());
        let previous = red.and_then(|red| tag_of(&packet.payload[red.previous?.block]));
        let id_at = if is_vp9 { 1 } else { 2 };
        let picture_id = (is_vp8 || is_vp9)
            .then(|| u16::from_be_bytes([packet.payload[id_at] & 0x7f, packet.payload[id_at + 1]]));
        let picture_id = if is_av1 { self.read_descriptor(&mid, packet, tag) } else { picture_id };
        self.received.push(Received {
            at: now,
            mid,
            sequence: *packet.seq_no,
            time: packet.header.timestamp,
            is_picture,
            picture_id,
            is_marked: packet.header.marker,
            tag,
            previous,
            level: packet.header.ext_vals.audio_level,
        });
    }
}

impl Client {
    /// Reads the descriptor before a packet of AV1, as its decoder would have to: it has to be there, and has to be right. Returns the number of
    /// the picture's lowest layer.
    fn read_descriptor(&mut self, mid: &str, packet: &RtpPacket, tag: Tag) -> Option<u16> {
        let Some(Descriptor(bytes)) = packet.header.ext_vals.user_values.get() else {
            panic!("{tag:?} has no descriptor");
        };
        // Where the network changes the order, templates may come later.
        let read = DependencyDescriptor::parse(bytes, self.templates.get(mid)).ok()?;
        assert_eq!((read.spatial, read.is_independent), (tag.layer, tag.is_keyframe), "{tag:?}");
        assert_eq!(read.begins_keyframe(), tag.is_keyframe && tag.begins && tag.layer == 0, "{tag:?}");
        if let Some(templates) = read.templates {
            self.templates.insert(mid.to_owned(), templates);
        }
        Some(read.frame.wrapping_sub(tag.layer.into()))
    }
}

/// Making a certificate takes longer than most tests.
fn certificate() -> DtlsCert {
    static CERTIFICATE: LazyLock<DtlsCert> = LazyLock::new(|| {
        str0m::crypto::from_feature_flags()
            .dtls_provider
            .generate_certificate()
            .expect("certificates can be made")
    });
    CERTIFICATE.clone()
}

//! A participant with a socket: the publisher sends a frame 30 times a second, a subscriber receives and sends feedback.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// The payload of each packet.
pub(crate) const PAYLOAD: usize = 1_160;
const FRAME: Duration = Duration::from_micros(33_333);
const FRAME_PACKETS: u64 = 5;

/// How many slots a subscriber has. All but one are idle, and cost the engine something with each packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) audio: usize,
    pub(crate) video: usize,
}

pub(crate) struct Client {
    /// Packets of video that came.
    pub(crate) received: u64,
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    server: SocketAddr,
    is_publisher: bool,
    is_connected: bool,
    cam: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    due: Instant,
    next_frame: Instant,
    frames: u32,
    sequence: u64,
    is_keyframe_wanted: bool,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn new(now: Instant, is_publisher: bool, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let mut rtc = RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_dtls_cert(certificate())
            .set_rtp_mode(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            received: 0,
            rtc,
            socket,
            address,
            server,
            is_publisher,
            is_connected: false,
            cam: None,
            pending: None,
            due: now,
            next_frame: now,
            frames: 0,
            sequence: 100,
            is_keyframe_wanted: true,
            buffer: vec![0; 2_000],
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn offer(&mut self, slots: Slots) -> String {
        let mut api = self.rtc.sdp_api();
        if self.is_publisher {
            self.cam = Some(api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None));
        } else {
            for kind in [vec![MediaKind::Audio; slots.audio], vec![MediaKind::Video; slots.video]].concat() {
                api.add_media(kind, Direction::RecvOnly, None, None, None);
            }
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub(crate) fn accept(&mut self, now: Instant, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        self.handle_timeout(now);
    }

    /// Takes what came, and does what is due. Returns whether anything was sent.
    pub(crate) fn turn(&mut self, now: Instant) -> bool {
        let mut sent = false;
        while let Ok(length) = self.socket.recv(&mut self.buffer) {
            let bytes = &self.buffer[..length];
            if let Ok(received) = Receive::new(Protocol::Udp, self.server, self.address, bytes) {
                let input = Input::Receive(now, received);
                if self.rtc.accepts(&input) {
                    self.rtc.handle_input(input).unwrap();
                }
            }
            sent |= self.drain(now);
        }
        if self.due <= now {
            sent |= self.handle_timeout(now);
        }
        if self.is_publisher && self.is_connected && self.next_frame <= now {
            self.next_frame = now.max(self.next_frame + FRAME);
            self.write_frame(now);
            sent |= self.handle_timeout(now);
        }
        sent
    }

    /// Throws away what came.
    pub(crate) fn discard(&mut self) {
        loop {
            match self.socket.recv(&mut self.buffer) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("a subscriber's socket failed: {error}"),
            }
        }
    }

    fn write_frame(&mut self, now: Instant) {
        let pt = self.rtc.codec_config().find(|it| it.spec().codec == Codec::Vp8).unwrap().pt();
        let is_keyframe = std::mem::take(&mut self.is_keyframe_wanted);
        self.frames += 1;
        for n in 0..FRAME_PACKETS {
            self.sequence += 1;
            let payload = payload(self.frames, is_keyframe, n == 0);
            let time = self.frames * 3_000;
            let write = RtpWrite::new(pt, SeqNo::from(self.sequence), time, now, payload);
            let write = write.marker(n + 1 == FRAME_PACKETS).nackable(true);
            let mut api = self.rtc.direct_api();
            api.stream_tx_by_mid(self.cam.unwrap(), None).unwrap().write_rtp(write);
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> bool {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.drain(now)
    }

    fn drain(&mut self, now: Instant) -> bool {
        let mut sent = false;
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(due) if due <= now => self.rtc.handle_input(Input::Timeout(now)).unwrap(),
                Output::Timeout(due) => {
                    self.due = due;
                    return sent;
                }
                Output::Transmit(transmit) => {
                    sent = true;
                    // What the system does not take is lost, as on any network.
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::KeyframeRequest(_)) => self.is_keyframe_wanted = true,
                Output::Event(Event::RtpPacket(_)) => self.received += 1,
                Output::Event(_) => {}
            }
        }
    }
}

/// Makes a payload with a VP8 descriptor that has all numbers, and in a keyframe the header that says the height.
fn payload(frame: u32, is_keyframe: bool, begins: bool) -> Vec<u8> {
    let [.., high, low] = frame.to_be_bytes();
    let start = if begins { 0x90 } else { 0x80 };
    let mut payload = vec![start, 0xe0, 0x80 | high, low, low, 0x20];
    if is_keyframe && begins {
        payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 1]);
        payload.extend(720u16.to_le_bytes());
    } else {
        payload.push(1);
    }
    payload.resize(PAYLOAD, 0);
    payload
}

/// Making a certificate takes long.
fn certificate() -> DtlsCert {
    static CERTIFICATE: LazyLock<DtlsCert> =
        LazyLock::new(|| str0m::crypto::from_feature_flags().dtls_provider.generate_certificate().unwrap());
    CERTIFICATE.clone()
}

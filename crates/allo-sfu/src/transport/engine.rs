//! How the engine is made, and what it calls things.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::config::DtlsCert;
use str0m::format::{Codec as EngineCodec, FormatParams, PayloadParams};
use str0m::media::{Frequency, Mid, Pt};
use str0m::net::{Protocol as EngineProtocol, TcpType};
use str0m::{Candidate, IceCreds, Rtc, RtcConfig};
use thiserror::Error;

use super::descriptors::extension;
use super::keys;
use crate::credentials::Credentials;
use crate::files::MESSAGE_MAX;
use crate::packet::Codec;
use crate::peer::Protocol;
use crate::sfu::SfuConfig;

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

/// Bytes that wait in a data channel, or are on their way and not acknowledged. Beyond: they are not taken.
///
/// Higher: over a fast way that is long, files come faster. Lower: less is kept for each who takes one.
const UNSENT_MAX: usize = 128 * 1024;

/// How often the engine says which way its datagrams take.
///
/// Lower: who comes by another way is found there sooner. Higher: less is spent on each transport.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);

/// The one kind of H.264 that there is: the constrained baseline up to level 3.1, whose pictures may take several packets. All browsers
/// have it (RFC 7742 §6.2). A participant has payload types of its own, which are used for it instead of these.
const H264_PROFILE: u32 = 0x42_e0_1f;
const H264_TYPES: (u8, u8) = (102, 103);

/// The one kind of VP9 that there is, that of eight bits. The same holds for its payload types.
const VP9_PROFILE: u32 = 0;
const VP9_TYPES: (u8, u8) = (98, 99);

/// The one kind of AV1 that there is, as browsers offer it. The same holds for its payload types.
const AV1_FORMAT: (u8, u8, u8) = (0, 5, 0);
const AV1_TYPES: (u8, u8) = (45, 46);

/// The number of the dependency descriptor in header extensions. A participant has one of its own, which is used instead.
const DESCRIPTOR_ID: u8 = 12;

impl From<Codec> for EngineCodec {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Opus => Self::Opus,
            Codec::Vp8 => Self::Vp8,
            Codec::H264 => Self::H264,
            Codec::Vp9 => Self::Vp9,
            Codec::Av1 => Self::Av1,
        }
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

/// Puts the candidates on each line, and says that these are all. The engine has them on the first alone; but there are clients that look at
/// the last.
///
/// Takes the user names off them: the engine does not rename them with the transport, and a browser drops those of others.
pub(super) fn spread_candidates(answer: &str) -> String {
    let (candidates, others): (Vec<&str>, Vec<&str>) =
        answer.lines().partition(|line| line.starts_with("a=candidate:"));
    let nameless =
        |line: &&str| line.split_once(" ufrag ").map_or(*line, |(candidate, _)| candidate).to_owned();
    let all: Vec<String> =
        candidates.iter().map(nameless).chain(["a=end-of-candidates".to_owned()]).collect();
    let mut spread = String::new();
    for line in others {
        spread.extend([line, "\r\n"]);
        // The address comes before all attributes of a line (RFC 8866 §5).
        if line.starts_with("c=") {
            spread.extend(all.iter().flat_map(|candidate| [candidate, "\r\n"]));
        }
    }
    spread
}

pub(super) fn engine(now: Instant, certificate: &Certificate) -> Rtc {
    let mut config = RtcConfig::new().clear_codecs().enable_opus(true, true).enable_vp8(true);
    let (media, rtx) = H264_TYPES;
    config.codec_config().add_h264(media.into(), Some(rtx.into()), true, H264_PROFILE);
    // A browser sends what stands first in an answer, unless it is told otherwise: that stays VP8.
    let (media, rtx) = VP9_TYPES;
    let profile = FormatParams { profile_id: Some(VP9_PROFILE), ..FormatParams::default() };
    let video = Frequency::NINETY_KHZ;
    config.codec_config().add_config(media.into(), Some(rtx.into()), EngineCodec::Vp9, video, None, profile);
    let (media, rtx) = AV1_TYPES;
    let (profile, level, tier) = AV1_FORMAT;
    let format = FormatParams {
        profile: Some(profile),
        level_idx: Some(level),
        tier: Some(tier),
        ..FormatParams::default()
    };
    config.codec_config().add_config(media.into(), Some(rtx.into()), EngineCodec::Av1, video, None, format);
    config
        .set_dtls_cert(certificate.0.clone())
        .set_extension(DESCRIPTOR_ID, extension())
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .set_crypto_provider(keys::provider())
        .set_sctp_max_message_size(MESSAGE_MAX)
        .set_sctp_max_buffered_amount(UNSENT_MAX)
        .set_stats_interval(Some(REPORT_INTERVAL))
        .build(now)
}

/// Over TCP it is the client that connects (RFC 6544 §4.1).
pub(super) fn add_candidates(rtc: &mut Rtc, config: &SfuConfig) {
    let udp = config.addresses.iter().map(|address| Candidate::builder().udp().host(*address).build());
    let passive =
        |address: &SocketAddr| Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build();
    for candidate in udp.chain(config.tcp_addresses.iter().map(passive)).flatten() {
        rtc.add_local_candidate(candidate);
    }
}

/// Returns the payload type of a codec on a line, if both ends have it there.
pub(super) fn payload_type(rtc: &Rtc, mid: Mid, codec: Codec) -> Option<Pt> {
    let codec = EngineCodec::from(codec);
    let agreed = rtc.media(mid)?.remote_pts();
    let mut params = rtc.codec_config().params().iter();
    params.find(|it| it.spec().codec == codec && agreed.contains(&it.pt())).map(PayloadParams::pt)
}

/// Returns the payload type of a codec with redundancy (RFC 2198), if the participant has it at all.
pub(super) fn redundant_type(rtc: &Rtc, pt: Pt) -> Option<Pt> {
    rtc.codec_config().params().iter().find(|it| it.pt() == pt)?.red()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_an_answer_has_all_candidates_without_names() {
        let [one, two] =
            ["a=candidate:1 1 udp 9 192.0.2.1 9 typ host", "a=candidate:2 1 udp 8 192.0.2.2 9 typ host"];
        let answer = format!(
            "v=0\r\nm=audio 9\r\nc=IN IP4 0.0.0.0\r\n{one} ufrag x\r\n{two}\r\na=mid:0\r\nm=video 9\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
        );
        let all = format!("c=IN IP4 0.0.0.0\r\n{one}\r\n{two}\r\na=end-of-candidates");
        let expected = format!("v=0\r\nm=audio 9\r\n{all}\r\na=mid:0\r\nm=video 9\r\n{all}\r\na=mid:1\r\n");
        assert_eq!(spread_candidates(&answer), expected);
    }
}

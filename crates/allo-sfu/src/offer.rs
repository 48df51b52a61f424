//! A strict look at an offer before the engine sees it (RFC 8829).
//!
//! The engine reads SDP too, and more of it. This is the gate: what stands here is all that a participant may ask for.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::ids::{LineId, TrackKind};

/// Offers of browsers with a dozen lines have some 40 KiB.
const LENGTH_MAX: usize = 128 * 1024;
/// Lines of text in an offer.
const TEXT_LINES_MAX: usize = 4_000;
/// Media lines in an offer: what is sent, and the receiving slots.
const LINES_MAX: usize = 32;
/// Lines that a participant sends on: microphone, camera, screen, its sound, and two to spare.
const TRACKS_MAX: usize = 6;
/// Simulcast layers of a line.
const LAYERS_MAX: usize = 3;
/// SSRCs that one line may declare: three layers, each with its RTX, and as many once more after a restart.
const SSRCS_MAX: usize = 12;

/// Why an offer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OfferError {
    /// It has too many bytes, or lines of text.
    #[error("the offer is too long")]
    TooLong,
    /// A line of text is not of the form of SDP.
    #[error("the offer is not SDP")]
    NotSdp,
    /// There is no media line, or there are too many of them.
    #[error("an offer has 1 to {LINES_MAX} media lines, of which at most {TRACKS_MAX} send")]
    Lines,
    /// It is neither audio nor video over SRTP.
    #[error("a media line carries audio or video over UDP/TLS/RTP/SAVPF")]
    Media,
    /// A line sends and receives, or its kind or direction changed into something that is refused.
    #[error("a media line is sendonly, recvonly or inactive")]
    Direction,
    /// A mid is missing, used twice, too long, or not of letters and digits.
    #[error("each media line needs a mid of its own, of 1 to 16 letters and digits")]
    Mid,
    /// Not all lines share one transport.
    #[error("all media lines must be in one BUNDLE group, with rtcp-mux")]
    Bundle,
    /// A payload type is out of range, used twice in a line, or has an impossible format.
    #[error("a payload type is not valid")]
    PayloadType,
    /// The codec that everybody shares is missing.
    #[error("audio needs opus, and video needs VP8, or H.264, VP9 or AV1 where it is sent only")]
    Codec,
    /// There are too many simulcast layers, or their names are not valid.
    #[error("a video line has at most {LAYERS_MAX} layers, whose names have 1 to 8 letters and digits")]
    Layers,
    /// A header extension has an impossible number, or one that is used twice.
    #[error("a header extension is not valid")]
    Extension,
    /// A line declares too many SSRCs.
    #[error("a media line declares at most {SSRCS_MAX} SSRCs")]
    Ssrcs,
    /// There is no SHA-256 fingerprint, or there are several that differ.
    #[error("one SHA-256 certificate fingerprint is needed")]
    Fingerprint,
    /// The role in DTLS is missing or not possible.
    #[error("the setup attribute must be actpass, active or passive")]
    Setup,
    /// The ICE user name or password is missing or has an illegal length or character.
    #[error("the ICE credentials are not valid")]
    IceCredentials,
    /// ICE-lite at both ends could never connect.
    #[error("the server is ICE-lite, so the offer must not be")]
    IceLite,
    /// What was agreed before would change.
    #[error("the media lines of an offer must begin as those of the one before")]
    Changed,
    /// The engine refused it.
    #[error("the offer cannot be accepted")]
    Refused,
}

/// What a participant offers, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The media lines in their order.
    pub lines: Vec<OfferedLine>,
    /// The mid of the line for data channels (RFC 8841), if there is one.
    pub channel: Option<String>,
    /// The text for the engine: without candidates, which an ICE-lite server learns from checks alone.
    pub(crate) sdp: String,
}

/// A media line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedLine {
    /// Its place.
    pub line: LineId,
    /// Its name in the offer.
    pub mid: String,
    /// Sound or picture.
    pub kind: TrackKind,
    /// What it is for.
    pub purpose: Purpose,
    /// The payload type of Opus with redundancy (RFC 2198), if it has that.
    pub red: Option<u8>,
}

/// What a media line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The participant sends a track, in these simulcast layers from the lowest; in one without a name if there are none.
    Track(Vec<String>),
    /// The participant receives what it is given.
    Slot,
    /// Neither, for now.
    Unused,
}

impl Offer {
    /// Reads an offer, or says why not.
    pub fn parse(sdp: &str) -> Result<Self, OfferError> {
        if sdp.len() > LENGTH_MAX || sdp.bytes().filter(|byte| *byte == b'\n').count() > TEXT_LINES_MAX {
            return Err(OfferError::TooLong);
        }
        let texts: Vec<&str> = sdp.lines().filter(|line| !line.is_empty()).collect();
        if texts.first() != Some(&"v=0") || !texts.iter().all(|text| is_sdp_line(text)) {
            return Err(OfferError::NotSdp);
        }
        let mut sections = texts.split_inclusive_before(|text| text.starts_with("m="));
        let session = sections.next().unwrap_or_default();
        let (channels, media): (Vec<&[&str]>, Vec<&[&str]>) =
            sections.partition(|section| is_channel(section));
        if media.is_empty() || media.len() > LINES_MAX {
            return Err(OfferError::Lines);
        }
        check_transport(&texts)?;
        let lines: Vec<OfferedLine> = media
            .iter()
            .zip(0u8..)
            .map(|(section, n)| read_line(section, LineId(n)))
            .collect::<Result<_, _>>()?;
        let channel = read_channel(&channels)?;
        check_names(session, lines.iter().map(|line| &line.mid).chain(&channel))?;
        let is_track = |line: &&OfferedLine| matches!(line.purpose, Purpose::Track(_));
        if lines.iter().filter(is_track).count() > TRACKS_MAX {
            return Err(OfferError::Lines);
        }
        // Nor does it see an association that would begin without a handshake.
        let is_hidden = |text: &&&str| {
            ["a=candidate:", "a=sctp-init:"].iter().any(|start| text.starts_with(start))
                || **text == "a=end-of-candidates"
                || is_other_hash(text)
        };
        let sdp = texts.iter().filter(|text| !is_hidden(text)).flat_map(|text| [*text, "\r\n"]).collect();
        Ok(Self { lines, channel, sdp })
    }

    /// Checks that what was agreed before still stands: a line keeps its name and kind, and may only be added at the end.
    /// So does the data channel.
    pub(crate) fn check_follows(
        &self,
        before: &[OfferedLine],
        channel: Option<&str>,
    ) -> Result<(), OfferError> {
        let is_same = |(new, old): (&OfferedLine, &OfferedLine)| {
            let is_turned = matches!(
                (&new.purpose, &old.purpose),
                (Purpose::Track(_), Purpose::Slot) | (Purpose::Slot, Purpose::Track(_))
            );
            new.mid == old.mid && new.kind == old.kind && !is_turned
        };
        let has_channel = channel.is_none_or(|mid| self.channel.as_deref() == Some(mid));
        let stands =
            has_channel && self.lines.len() >= before.len() && self.lines.iter().zip(before).all(is_same);
        if stands { Ok(()) } else { Err(OfferError::Changed) }
    }
}

/// Splits a slice before each element that matches.
trait SplitBefore<'a> {
    fn split_inclusive_before(
        &'a self,
        is_first: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a [&'a str]>;
}

impl<'a> SplitBefore<'a> for Vec<&'a str> {
    fn split_inclusive_before(
        &'a self,
        is_first: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a [&'a str]> {
        self.chunk_by(move |_, next| !is_first(next))
    }
}

fn is_sdp_line(text: &str) -> bool {
    let mut characters = text.chars();
    let kind = characters.next().is_some_and(|kind| kind.is_ascii_lowercase());
    kind && characters.next() == Some('=') && !characters.any(char::is_control)
}

/// Returns the values of an attribute, wherever they stand.
fn values<'a>(texts: &'a [&'a str], name: &'a str) -> impl Iterator<Item = &'a str> {
    texts.iter().filter_map(move |text| text.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
}

/// Whether a line names the certificate by a hash that the engine cannot check: it would take that one for the certificate's.
fn is_other_hash(text: &str) -> bool {
    text.strip_prefix("a=fingerprint:").is_some_and(|it| !it.starts_with("sha-256 "))
}

/// Checks what all lines share: certificate, role, credentials.
fn check_transport(texts: &[&str]) -> Result<(), OfferError> {
    // Some name the same certificate by other hashes, too (RFC 8122 §5): those are passed over.
    let fingerprints: BTreeSet<&str> =
        values(texts, "fingerprint").filter_map(|text| text.strip_prefix("sha-256 ")).collect();
    let is_digest = |digits: &&str| {
        digits.split(':').count() == 32
            && digits.split(':').all(|byte| byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok())
    };
    if fingerprints.len() != 1 || !fingerprints.iter().all(is_digest) {
        return Err(OfferError::Fingerprint);
    }
    let mut setups = values(texts, "setup").peekable();
    if setups.peek().is_none() || !setups.all(|setup| matches!(setup, "actpass" | "active" | "passive")) {
        return Err(OfferError::Setup);
    }
    let is_credential = |name: &'static str, shortest: usize| {
        let all: BTreeSet<&str> = values(texts, name).collect();
        let is_good = |value: &&str| {
            (shortest..=256).contains(&value.len())
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        };
        all.len() == 1 && all.iter().all(is_good)
    };
    if !is_credential("ice-ufrag", 4) || !is_credential("ice-pwd", 22) {
        return Err(OfferError::IceCredentials);
    }
    if texts.contains(&"a=ice-lite") {
        return Err(OfferError::IceLite);
    }
    Ok(())
}

/// Checks that the names of the lines differ and that all are bundled.
fn check_names<'a>(session: &[&str], mids: impl Iterator<Item = &'a String>) -> Result<(), OfferError> {
    let mut names = BTreeSet::new();
    for mid in mids {
        if !names.insert(mid.as_str()) {
            return Err(OfferError::Mid);
        }
    }
    let groups = values(session, "group").filter_map(|group| group.strip_prefix("BUNDLE "));
    let bundled: Vec<BTreeSet<&str>> = groups.map(|group| group.split(' ').collect()).collect();
    match bundled.as_slice() {
        [bundled] if names.is_subset(bundled) => Ok(()),
        _ => Err(OfferError::Bundle),
    }
}

fn is_channel(section: &[&str]) -> bool {
    section.first().is_some_and(|first| first.starts_with("m=application "))
}

/// Reads the line for data channels, of which there is one at most.
fn read_channel(sections: &[&[&str]]) -> Result<Option<String>, OfferError> {
    let [section] = sections else {
        return if sections.is_empty() { Ok(None) } else { Err(OfferError::Lines) };
    };
    let words: Vec<&str> = section.first().copied().unwrap_or_default().split(' ').collect();
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    match *words.as_slice() {
        ["m=application", port, "UDP/DTLS/SCTP", "webrtc-datachannel"] if is_port(port) => {}
        _ => return Err(OfferError::Media),
    }
    let ports: Vec<&str> = values(section, "sctp-port").collect();
    let sizes: Vec<&str> = values(section, "max-message-size").collect();
    let is_possible = matches!(*ports.as_slice(), [port] if is_port(port))
        && sizes.len() <= 1
        && sizes.iter().all(|size| size.parse::<u32>().is_ok());
    let mids: Vec<&str> = values(section, "mid").collect();
    match mids.as_slice() {
        _ if !is_possible => Err(OfferError::Media),
        [mid] if is_name(mid, 16) => Ok(Some((*mid).to_owned())),
        _ => Err(OfferError::Mid),
    }
}

fn read_line(section: &[&str], line: LineId) -> Result<OfferedLine, OfferError> {
    let kind = read_media(section)?;
    check_formats(section, kind)?;
    check_extensions(section)?;
    let ssrcs: BTreeSet<&str> = values(section, "ssrc").filter_map(|value| value.split(' ').next()).collect();
    let is_large = |group: &str| group.split(' ').count() > SSRCS_MAX;
    if ssrcs.len() > SSRCS_MAX || values(section, "ssrc-group").any(is_large) {
        return Err(OfferError::Ssrcs);
    }
    let mids: Vec<&str> = values(section, "mid").collect();
    let [mid] = mids.as_slice() else { return Err(OfferError::Mid) };
    if !is_name(mid, 16) {
        return Err(OfferError::Mid);
    }
    if !section.contains(&"a=rtcp-mux") {
        return Err(OfferError::Bundle);
    }
    let purpose = read_purpose(section, kind)?;
    Ok(OfferedLine { line, mid: (*mid).to_owned(), kind, purpose, red: read_red(section) })
}

fn read_media(section: &[&str]) -> Result<TrackKind, OfferError> {
    let mut words = section.first().and_then(|text| text.strip_prefix("m=")).unwrap_or_default().split(' ');
    let kind = match words.next() {
        Some("audio") => TrackKind::Audio,
        Some("video") => TrackKind::Video,
        _ => return Err(OfferError::Media),
    };
    let port = words.next().and_then(|port| port.parse::<u16>().ok());
    match (port, words.next()) {
        (Some(_), Some("UDP/TLS/RTP/SAVPF")) => Ok(kind),
        _ => Err(OfferError::Media),
    }
}

fn check_formats(section: &[&str], kind: TrackKind) -> Result<(), OfferError> {
    let first = section.first().copied().unwrap_or_default();
    let mut known = BTreeSet::new();
    for word in first.split(' ').skip(3) {
        // RTCP shares the port (RFC 5761 §4): what would look like it is out of the question.
        let pt = word.parse::<u8>().ok().filter(|pt| *pt <= 127 && !(64..=95).contains(pt));
        if !known.insert(pt.ok_or(OfferError::PayloadType)?) {
            return Err(OfferError::PayloadType);
        }
    }
    let mut has_codec = false;
    for value in values(section, "rtpmap") {
        let (pt, format) = value.split_once(' ').ok_or(OfferError::PayloadType)?;
        let mut parts = format.split('/');
        let (name, clock) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_known = pt.parse::<u8>().is_ok_and(|pt| known.contains(&pt));
        let has_clock = clock.parse::<u32>().is_ok_and(|clock| (1..=192_000).contains(&clock));
        let has_channels =
            parts.next().is_none_or(|channels| channels.parse::<u8>().is_ok_and(|n| (1..=8).contains(&n)));
        if !is_known || !has_clock || !has_channels {
            return Err(OfferError::PayloadType);
        }
        has_codec |= match kind {
            TrackKind::Audio => name.eq_ignore_ascii_case("opus") && clock == "48000",
            TrackKind::Video => {
                let is_codec = |codec: &str| name.eq_ignore_ascii_case(codec) && clock == "90000";
                let is_other = ["h264", "vp9", "av1"].into_iter().any(is_codec);
                is_codec("vp8") || (section.contains(&"a=sendonly") && is_other)
            }
        };
    }
    if has_codec { Ok(()) } else { Err(OfferError::Codec) }
}

/// Returns the payload type under which Opus comes with redundancy: `red` whose frames are all Opus.
fn read_red(section: &[&str]) -> Option<u8> {
    let pt_of = |format: &str| {
        let mut formats = values(section, "rtpmap").filter_map(|value| value.split_once(' '));
        formats.find(|(_, name)| name.eq_ignore_ascii_case(format)).map(|(pt, _)| pt)
    };
    let (red, opus) = (pt_of("red/48000/2")?, pt_of("opus/48000/2")?);
    let frames = values(section, "fmtp").find_map(|value| value.strip_prefix(red)?.strip_prefix(' '))?;
    frames.split('/').all(|pt| pt == opus).then(|| red.parse().ok()).flatten()
}

fn check_extensions(section: &[&str]) -> Result<(), OfferError> {
    let mut known = BTreeSet::new();
    for value in values(section, "extmap") {
        let number = value.split([' ', '/']).next().unwrap_or_default().parse::<u16>();
        // 15 ends the list in the one-byte form (RFC 8285 §4.2), the form that everybody speaks.
        let number = number.ok().filter(|number| (1..=14).contains(number)).ok_or(OfferError::Extension)?;
        if !known.insert(number) {
            return Err(OfferError::Extension);
        }
    }
    Ok(())
}

fn read_purpose(section: &[&str], kind: TrackKind) -> Result<Purpose, OfferError> {
    let is = |direction: &str| section.contains(&direction);
    match (is("a=sendonly"), is("a=recvonly"), is("a=inactive"), is("a=sendrecv")) {
        (true, false, false, false) => Ok(Purpose::Track(read_layers(section, kind)?)),
        (false, true, false, false) => Ok(Purpose::Slot),
        (false, false, true, false) => Ok(Purpose::Unused),
        _ => Err(OfferError::Direction),
    }
}

fn read_layers(section: &[&str], kind: TrackKind) -> Result<Vec<String>, OfferError> {
    let simulcasts: Vec<&str> = values(section, "simulcast").collect();
    let declared: BTreeSet<&str> =
        values(section, "rid").filter_map(|rid| rid.split(' ').next()).take(LAYERS_MAX + 1).collect();
    let names: Vec<&str> = match simulcasts.as_slice() {
        [] => Vec::new(),
        [one] => one.strip_prefix("send ").ok_or(OfferError::Layers)?.split(';').collect(),
        _ => return Err(OfferError::Layers),
    };
    let names: Vec<&str> = names.into_iter().map(|name| name.strip_prefix('~').unwrap_or(name)).collect();
    let is_good = |name: &&str| is_name(name, 8) && declared.contains(name);
    let differ = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let is_possible = names.is_empty() || kind == TrackKind::Video;
    if !is_possible
        || !differ
        || names.len() > LAYERS_MAX
        || declared.len() > LAYERS_MAX
        || !names.iter().all(is_good)
    {
        return Err(OfferError::Layers);
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn is_name(text: &str, length_max: usize) -> bool {
    (1..=length_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser writes, shortened where it repeats itself.
    fn browser_offer() -> String {
        let digest = vec!["AB"; 32].join(":");
        let shared = format!(
            "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:Xb+/\r\na=ice-pwd:0123456789abcdefghijkl\r\n\
             a=ice-options:trickle\r\na=fingerprint:sha-256 {digest}\r\na=setup:actpass\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
        );
        let audio = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtpmap:111 opus/48000/2\r\n\
                     a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:13 CN/8000\r\n";
        let video = "a=extmap:14/sendrecv urn:ietf:params:rtp-hdrext:toffset\r\na=rtpmap:96 VP8/90000\r\n\
                     a=rtcp-fb:96 transport-cc\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:35 AV1/90000\r\n";
        format!(
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3\r\na=extmap-allow-mixed\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111 63 13\r\n{shared}a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n\
             a=end-of-candidates\r\na=mid:0\r\na=sendonly\r\n{audio}a=ssrc:7 cname:x\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 96 97 35\r\n{shared}a=mid:1\r\na=sendonly\r\n{video}\
             a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;~h;f\r\n\
             m=audio 0 UDP/TLS/RTP/SAVPF 111 63 13\r\n{shared}a=bundle-only\r\na=mid:2\r\na=recvonly\r\n{audio}\
             m=video 0 UDP/TLS/RTP/SAVPF 96 97 35\r\n{shared}a=bundle-only\r\na=mid:3\r\na=inactive\r\n{video}"
        )
    }

    #[test]
    fn the_certificate_may_be_named_by_other_hashes_too_which_are_passed_over() {
        let offer = browser_offer();
        let others = "a=fingerprint:sha-384 AB:CD\r\na=fingerprint:sha-512 EF\r\na=setup:actpass";
        let with_others = offer.replace("a=setup:actpass", others);
        assert_eq!(Offer::parse(&with_others).unwrap(), Offer::parse(&offer).unwrap());
        let without_the_usual = with_others.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1");
        assert_eq!(Offer::parse(&without_the_usual), Err(OfferError::Fingerprint));
    }

    #[test]
    fn the_offer_of_a_browser_is_understood() {
        let offer = Offer::parse(&browser_offer()).unwrap();
        let lines: Vec<_> =
            offer.lines.into_iter().map(|line| (line.line.0, line.mid, line.kind, line.purpose)).collect();
        let layers = ["q", "h", "f"].map(str::to_owned).to_vec();
        let expected = [
            (0, "0".to_owned(), TrackKind::Audio, Purpose::Track(Vec::new())),
            (1, "1".to_owned(), TrackKind::Video, Purpose::Track(layers)),
            (2, "2".to_owned(), TrackKind::Audio, Purpose::Slot),
            (3, "3".to_owned(), TrackKind::Video, Purpose::Unused),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_has_redundancy_if_it_is_of_opus() {
        let red =
            |offer: &str| Offer::parse(offer).unwrap().lines.iter().map(|it| it.red).collect::<Vec<_>>();
        assert_eq!(red(&browser_offer()), [Some(63), None, Some(63), None]);
        let in_one_line = browser_offer().replacen("a=fmtp:63 111/111\r\n", "", 1);
        assert_eq!(red(&in_one_line), [None, None, Some(63), None]);
        let of_others = browser_offer().replace("63 111/111", "63 111/13");
        assert_eq!(red(&of_others), [None; 4]);
    }

    #[test]
    fn pictures_may_be_sent_in_h264_alone_but_who_receives_takes_vp8() {
        let parse = |sdp: String| Offer::parse(&sdp).map(|offer| offer.lines.len());
        let sent_in_h264 = browser_offer().replacen("VP8/90000", "H264/90000", 1);
        assert_eq!(parse(sent_in_h264.clone()), Ok(4));
        let received_in_h264 = sent_in_h264.replace("VP8/90000", "H264/90000");
        assert_eq!(parse(received_in_h264), Err(OfferError::Codec));
    }

    #[test]
    fn the_engine_never_sees_a_candidate() {
        let offer = Offer::parse(&browser_offer()).unwrap();
        assert!(!offer.sdp.contains("candidate"), "an address in an offer is never sent anything");
        assert!(offer.sdp.contains("a=ice-options:trickle\r\n"));
    }

    /// The offer above, with a line for data channels.
    fn offer_with_channel(line: &str) -> String {
        let offer = browser_offer().replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2 3 d");
        format!("{offer}{line}")
    }

    const CHANNEL: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\n\
        a=sctp-port:5000\r\na=max-message-size:262144\r\na=sctp-init:AQAAHg==\r\n";

    #[test]
    fn a_line_for_data_channels_is_no_media_line_and_stays() {
        let offer = Offer::parse(&offer_with_channel(CHANNEL)).unwrap();
        assert_eq!((offer.lines.len(), offer.channel.as_deref()), (4, Some("d")));
        assert!(offer.sdp.contains("webrtc-datachannel") && !offer.sdp.contains("sctp-init"));
        assert_eq!(offer.check_follows(&offer.lines, Some("d")), Ok(()));
        let without = Offer::parse(&browser_offer()).unwrap();
        assert_eq!(without.check_follows(&offer.lines, Some("d")), Err(OfferError::Changed));
    }

    #[test]
    fn a_line_for_anything_else_is_refused() {
        let parse = |line: String| Offer::parse(&offer_with_channel(&line)).map(|_| ());
        let doubled = format!("{CHANNEL}{}", CHANNEL.replace("mid:d", "mid:e"));
        assert_eq!(parse(doubled), Err(OfferError::Lines));
        for (from, to, error) in [
            ("UDP/DTLS/SCTP", "DTLS/SCTP", OfferError::Media),
            ("webrtc-datachannel", "5000", OfferError::Media),
            ("sctp-port:5000", "sctp-port:70000", OfferError::Media),
            ("a=sctp-port:5000\r\n", "", OfferError::Media),
            ("262144", "99999999999", OfferError::Media),
            ("mid:d", "mid:0", OfferError::Mid),
            ("mid:d", "mid:x", OfferError::Bundle),
        ] {
            assert_eq!(parse(CHANNEL.replace(from, to)), Err(error), "{from} {to}");
        }
    }

    #[test]
    fn a_further_offer_begins_as_the_one_before() {
        let before = Offer::parse(&browser_offer()).unwrap();
        let turned_on = browser_offer().replace("a=inactive", "a=recvonly");
        assert_eq!(Offer::parse(&turned_on).unwrap().check_follows(&before.lines, None), Ok(()));
        let turned_round = browser_offer().replacen("a=sendonly", "a=recvonly", 1);
        let turned_round = Offer::parse(&turned_round).unwrap();
        assert_eq!(turned_round.check_follows(&before.lines, None), Err(OfferError::Changed));
        let shortened = Offer { lines: before.lines[..2].to_vec(), channel: None, sdp: String::new() };
        assert_eq!(shortened.check_follows(&before.lines, None), Err(OfferError::Changed));
    }
}

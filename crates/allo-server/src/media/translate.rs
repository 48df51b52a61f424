//! Between the words of the rooms and those of the forwarding unit: numbers stay, mids become tracks.

use std::time::Instant;

use allo_protocol::{ErrorCode, VideoCodec};
use allo_room::{MediaCommand, MediaEvent, MediaKey, MediaTrackId, Picture};
use allo_sfu::{
    Closed, Codec, ConnectError, FileId, ParticipantId, RoomId, Sfu, SfuEvent, Subscription, TrackId, Wish,
};

/// Does what the rooms say. Returns the answer to an offer.
pub(super) fn obey(sfu: &mut Sfu, now: Instant, command: MediaCommand) -> Option<MediaEvent> {
    match command {
        MediaCommand::Connect { room, key, sdp } => {
            let answer = sfu.connect(now, participant(key), RoomId(room.0), &sdp);
            return Some(answered(key, answer));
        }
        MediaCommand::Subscribe { key, pictures, audio } => {
            let wishes = pictures.map(|pictures| wishes(sfu, &pictures));
            sfu.subscribe(now, participant(key), Subscription { wishes, hears: audio });
        }
        MediaCommand::Mute { track, is_muted } => {
            if let Some(track) = sfu.track(participant(track.publisher), &track.mid) {
                sfu.mute(now, track, is_muted);
            }
        }
        MediaCommand::SendFile { file, bytes, from, to } => {
            sfu.send_file(now, FileId(file.0), bytes, participant(from), participant(to));
        }
        MediaCommand::StopFile { file, to, .. } => sfu.stop_file(now, FileId(file.0), participant(to)),
        // Not for the forwarding unit.
        MediaCommand::Relay { .. } | MediaCommand::Unrelay { .. } => {}
        MediaCommand::Disconnect { key } => sfu.disconnect(now, participant(key)),
    }
    None
}

/// Returns an event in the words of the rooms; `None` for what is of no interest to them, or about somebody who is gone.
pub(super) fn tell(sfu: &Sfu, event: SfuEvent) -> Option<MediaEvent> {
    Some(match event {
        SfuEvent::TransportConnected(who) => MediaEvent::Connected(key(who)),
        SfuEvent::TransportSilent(who) => MediaEvent::Silent(key(who)),
        SfuEvent::TransportClosed(who, why) => MediaEvent::Closed { key: key(who), code: code(why) },
        SfuEvent::TrackPublished(..) | SfuEvent::TrackUnpublished(_) => return None,
        SfuEvent::LayersWanted { track, layers } => MediaEvent::Demand { track: named(sfu, track)?, layers },
        SfuEvent::SlotAssigned { subscriber, mid, track } => {
            MediaEvent::SlotAssigned { key: key(subscriber), mid, track: named(sfu, track)? }
        }
        SfuEvent::SlotEmptied { subscriber, mid } => MediaEvent::SlotEmptied { key: key(subscriber), mid },
        SfuEvent::ActiveSpeakerChanged(_, track) => MediaEvent::ActiveSpeaker(named(sfu, track)?),
        SfuEvent::SpeakingChanged { track, is_speaking } => {
            MediaEvent::Speaking { track: named(sfu, track)?, is_speaking }
        }
        SfuEvent::LayerSwitched { subscriber, track, layer } => {
            MediaEvent::LayerSwitched { key: key(subscriber), track: named(sfu, track)?, layer: layer.0 }
        }
        SfuEvent::VideoPaused { subscriber, track } => {
            MediaEvent::Paused { key: key(subscriber), track: named(sfu, track)?, is_paused: true }
        }
        SfuEvent::FileStopped { file, taker } => {
            MediaEvent::FileStopped { key: key(taker), file: allo_protocol::FileId(file.0) }
        }
        SfuEvent::VideoResumed { subscriber, track } => {
            MediaEvent::Paused { key: key(subscriber), track: named(sfu, track)?, is_paused: false }
        }
        SfuEvent::VideoUndecodable { subscriber, track, codec } => {
            let codec = codec.and_then(video_codec);
            MediaEvent::Undecodable { key: key(subscriber), track: named(sfu, track)?, codec }
        }
    })
}

fn answered(key: MediaKey, answer: Result<String, ConnectError>) -> MediaEvent {
    let error = match answer {
        Ok(sdp) => return MediaEvent::Answered { key, sdp },
        Err(ConnectError::Offer(error)) => error.to_string(),
        Err(error @ ConnectError::OtherRoom) => error.to_string(),
    };
    let text = format!("The media offer was not accepted: {error}.");
    MediaEvent::Refused { key, code: ErrorCode::BadOffer, text }
}

/// What is hidden is not wished for; neither is a track that is not declared any more.
fn wishes(sfu: &Sfu, pictures: &[Picture]) -> Vec<Wish> {
    let wish = |picture: &Picture| {
        let track = sfu.track(participant(picture.track.publisher), &picture.track.mid)?;
        Some(Wish { track, height_max: picture.height })
    };
    pictures.iter().filter(|picture| picture.height > 0).filter_map(wish).collect()
}

fn video_codec(codec: Codec) -> Option<VideoCodec> {
    match codec {
        Codec::Opus => None,
        Codec::Vp8 => Some(VideoCodec::Vp8),
        Codec::H264 => Some(VideoCodec::H264),
        Codec::Vp9 => Some(VideoCodec::Vp9),
        Codec::Av1 => Some(VideoCodec::Av1),
    }
}

fn code(why: Closed) -> ErrorCode {
    match why {
        Closed::ByParticipant | Closed::ByContest | Closed::BySilence => ErrorCode::MediaLost,
        Closed::ByFault => ErrorCode::MediaFault,
    }
}

fn named(sfu: &Sfu, track: TrackId) -> Option<MediaTrackId> {
    Some(MediaTrackId { publisher: key(track.publisher), mid: sfu.mid(track)?.to_owned() })
}

fn participant(key: MediaKey) -> ParticipantId {
    ParticipantId(key.0)
}

fn key(participant: ParticipantId) -> MediaKey {
    MediaKey(participant.0)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use allo_room::MediaRoom;
    use allo_sfu::{Certificate, CredentialSeed, SfuConfig};

    use super::*;

    const ANN: MediaKey = MediaKey(1);
    const BOB: MediaKey = MediaKey(2);
    const HALL: MediaRoom = MediaRoom(1);
    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=ice-ufrag:clie\r\n\
        a=ice-pwd:clientclientclientclient\r\na=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:\
        FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=setup:actpass\r\na=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\n";

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 8443))
    }

    fn sfu() -> Sfu {
        let seed = CredentialSeed::new([7; 32]);
        Sfu::new(Instant::now(), SfuConfig::new(Certificate::generate().unwrap(), vec![address(1)], seed))
    }

    fn connect(sfu: &mut Sfu, room: MediaRoom, key: MediaKey, sdp: &str) -> MediaEvent {
        let command = MediaCommand::Connect { room, key, sdp: sdp.to_owned() };
        obey(sfu, Instant::now(), command).expect("an offer is answered")
    }

    #[test]
    fn an_offer_is_answered_and_a_bad_one_is_refused_with_a_sentence() {
        let mut sfu = sfu();
        let answer = connect(&mut sfu, HALL, ANN, OFFER);
        assert!(matches!(&answer, MediaEvent::Answered { key: ANN, .. }), "{answer:?}");
        for (room, sdp, reason) in [
            (HALL, "nonsense", "the offer is not SDP"),
            (MediaRoom(2), OFFER, "the participant is in another room"),
        ] {
            let text = format!("The media offer was not accepted: {reason}.");
            let refused = MediaEvent::Refused { key: ANN, code: ErrorCode::BadOffer, text };
            assert_eq!(connect(&mut sfu, room, ANN, sdp), refused);
        }
    }

    #[test]
    fn an_address_that_came_up_is_in_the_next_answer() {
        let mut sfu = sfu();
        let has = |event: MediaEvent, host: u8| {
            let MediaEvent::Answered { sdp, .. } = event else { panic!("{event:?}") };
            sdp.contains(&format!("192.0.2.{host} 8443 typ host"))
        };
        assert!(has(connect(&mut sfu, HALL, ANN, OFFER), 1));
        sfu.set_addresses(vec![address(2)], Vec::new());
        assert!(has(connect(&mut sfu, HALL, BOB, OFFER), 2));
    }

    #[test]
    fn wishes_are_for_tracks_that_are_declared_and_shown() {
        let mut sfu = sfu();
        connect(&mut sfu, HALL, ANN, OFFER);
        let picture = |mid: &str, height| Picture {
            track: MediaTrackId { publisher: ANN, mid: mid.to_owned() },
            height,
        };
        let wished = wishes(&sfu, &[picture("0", 0), picture("1", 180), picture("0", 360)]);
        let track = sfu.track(participant(ANN), "0").unwrap();
        assert_eq!(wished, [Wish { track, height_max: 360 }]);
    }
}

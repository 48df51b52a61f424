//! What a call has received and sent so far.

use std::collections::BTreeMap;
use std::time::Instant;

use allo_protocol::{Participant, ParticipantId, Source};

use super::Call;
use crate::client::event::{BySession, PeerReport, Report};
use crate::session::Session;
use crate::{AudioReport, VideoReport};

impl Call {
    pub(crate) fn report(&self, now: Instant, events_dropped: u64) -> Report {
        let peers = self.roster.peers().map(|peer| self.peer_report(now, peer)).collect();
        Report {
            you: self.roster.you().cloned(),
            topology: self.routing.topology(),
            session: self.keeper.session().map(Session::report),
            peers,
            events_dropped,
        }
    }

    fn peer_report(&self, now: Instant, peer: &Participant) -> PeerReport {
        let link = self.links.get(&peer.id);
        let (audio, video, sent) = link.map(|link| link.connection.report(now)).unwrap_or_default();
        let past = self.past.get(&peer.id).copied().unwrap_or_default();
        let by_session =
            self.keeper.session().map(|session| by_session(now, session, &peer.id)).unwrap_or_default();
        PeerReport {
            participant: peer.id.clone(),
            display_name: peer.display_name.clone(),
            link: link.map(|link| link.id),
            state: link.map(|link| link.connection.state()),
            audio: past.0.plus(&audio).plus(&by_session.mic),
            video: past.1.plus(&video).plus(&by_session.cam),
            by_session,
            sent,
        }
    }
}

fn by_session(now: Instant, session: &Session, peer: &ParticipantId) -> BySession {
    BySession {
        mic: session.audio(now, peer, Source::Mic),
        cam: session.video(now, peer, Source::Cam),
        screen: session.video(now, peer, Source::Screen),
        screen_audio: session.audio(now, peer, Source::ScreenAudio),
    }
}

/// Adds what a link or a session counted before it ended.
pub(super) fn add(
    past: &mut BTreeMap<ParticipantId, (AudioReport, VideoReport)>,
    peer: &ParticipantId,
    audio: &AudioReport,
    video: &VideoReport,
) {
    let sum = past.entry(peer.clone()).or_default();
    // How long ago something came grows, and is not a count.
    let (audio, video) =
        (AudioReport { since_last_ms: None, ..*audio }, VideoReport { since_last_ms: None, ..*video });
    *sum = (sum.0.plus(&audio), sum.1.plus(&video));
}

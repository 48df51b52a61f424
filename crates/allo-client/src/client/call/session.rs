//! The session of a call, and which way media take.

use std::net::SocketAddr;
use std::time::Instant;

use allo_protocol::{ClientMessage, ErrorCode, MediaSession, Participant, Source, TopologyChoice};
use tracing::debug;

use super::report::add;
use super::{Call, CallOptions, Link, ROUTE_INTERVAL};
use crate::client::event::Event;
use crate::client::routing::{LinkProgress, PeerState, Progress, Wishes};
use crate::session::{Session, SessionEvent, SessionOptions};
use crate::{AudioReport, VideoReport};

impl Call {
    /// Makes a session in a room where media may go through the server, and mends it after a reconnection.
    pub(super) fn keep_session(&mut self, now: Instant, choice: TopologyChoice) {
        if choice == TopologyChoice::Mesh || !self.has_media_plane {
            let session = self.keeper.stop();
            return self.end_session(now, session);
        }
        if let Some(session) = self.keeper.session_mut() {
            session.handle_reopened(now);
        }
        self.keeper.start(now, session_options(&self.options, &self.addresses));
        // What to receive is said before the offer.
        self.route(now);
        self.collect(now);
    }

    /// Says what to receive through the session, and which links are not needed any more.
    pub(super) fn route(&mut self, now: Instant) {
        self.route_due = now + ROUTE_INTERVAL;
        let Some(session) = self.keeper.session() else { return };
        let states: Vec<_> = self
            .roster
            .peers()
            .map(|peer| peer_state(now, peer, self.links.get(&peer.id), session))
            .collect();
        let wishes = self.routing.decide(now, &states);
        for state in &states {
            let id = &state.participant.id;
            let Some(link) = self.links.get_mut(id).filter(|link| !link.is_dropped) else { continue };
            if self.routing.can_drop_link(now, state, &wishes) {
                link.is_dropped = true;
                self.messages.push_back(ClientMessage::DropLink { to: id.clone(), link: link.id });
            }
        }
        if self.said.as_ref() != Some(&wishes) {
            let Wishes { tiles, audio } = wishes.clone();
            self.messages.push_back(ClientMessage::Subscribe { tiles, audio });
            self.said = Some(wishes);
        }
    }

    pub(super) fn handle_closed(
        &mut self,
        now: Instant,
        number: MediaSession,
        code: ErrorCode,
        text: String,
    ) {
        if self.keeper.session().is_none_or(|session| session.number() != number) {
            return;
        }
        let session = self.keeper.handle_end(now, Some(code));
        self.end_session(now, session);
        self.events.push_back(Event::SessionClosed { session: number, code, text });
    }

    /// Says goodbye on a session that is over, and keeps what it counted.
    pub(super) fn end_session(&mut self, now: Instant, session: Option<Session>) {
        let Some(mut session) = session else { return };
        self.files.handle_session_over();
        session.close(now);
        self.transmits.extend(std::iter::from_fn(|| session.poll_transmit()));
        for peer in self.roster.peers() {
            let audio = session.audio(now, &peer.id, Source::Mic);
            add(&mut self.past, &peer.id, &audio, &session.video(now, &peer.id, Source::Cam));
        }
    }

    /// Applies `f` to the session, unless it is not about the present one.
    pub(super) fn on_session(&mut self, now: Instant, number: MediaSession, f: impl FnOnce(&mut Session)) {
        match self.keeper.session_mut() {
            Some(session) if session.number() == number => f(session),
            _ => debug!(%number, "ignored what is about another session"),
        }
        self.collect(now);
    }

    /// Takes what the session has to say and to send.
    pub(super) fn collect_session(&mut self, now: Instant) {
        let mut is_broken = false;
        let Some(session) = self.keeper.session_mut() else { return };
        if self.files.needs_channel() {
            session.open_channel(now);
        }
        while let Some(part) = self.files.part()
            && session.send_data(now, part)
        {
            self.files.handle_sent(now);
        }
        self.transmits.extend(std::iter::from_fn(|| session.poll_transmit()));
        let number = session.number();
        while let Some(event) = session.poll_event() {
            match event {
                SessionEvent::Offer { sdp, tracks } => {
                    self.messages.push_back(ClientMessage::MediaOffer { session: number, sdp, tracks });
                }
                SessionEvent::StateChanged(state) => {
                    self.events.push_back(Event::SessionState { session: number, state });
                }
                SessionEvent::Data(data) => self.files.handle_data(now, &data),
                SessionEvent::RenewalNeeded => is_broken = true,
            }
        }
        if is_broken {
            let session = self.keeper.handle_end(now, None);
            self.end_session(now, session);
        }
    }
}

/// Returns how to make a session.
pub(super) fn session_options<'a>(
    options: &'a CallOptions,
    addresses: &'a [SocketAddr],
) -> impl FnOnce(MediaSession) -> SessionOptions + use<'a> {
    move |number| SessionOptions {
        number,
        sends_video: options.sends_video,
        mic: options.mic,
        cam: options.cam,
        audio_slots: options.audio_slots,
        video_slots: options.video_slots,
        addresses: addresses.to_vec(),
        is_by_tcp: options.only_tcp,
        certificate: options.certificate.clone(),
    }
}

fn peer_state<'a>(
    now: Instant,
    participant: &'a Participant,
    link: Option<&Link>,
    session: &Session,
) -> PeerState<'a> {
    let progress = |audio: AudioReport, video: VideoReport| Progress {
        sound: audio.packets,
        pictures: video.decodable_frames,
    };
    let link = link.map(|link| {
        let (audio, video, _) = link.connection.report(now);
        LinkProgress { down_since: link.down_since, progress: progress(audio, video) }
    });
    let id = &participant.id;
    let by_session = progress(session.audio(now, id, Source::Mic), session.video(now, id, Source::Cam));
    PeerState { participant, link, by_session }
}

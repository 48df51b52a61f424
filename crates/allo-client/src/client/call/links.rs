//! The links of a call.

use std::net::SocketAddr;
use std::time::Instant;

use allo_protocol::{ClientMessage, Connection, LinkId, ParticipantId};
use tracing::debug;

use super::report::add;
use super::{Call, CallOptions, FRESH, Link};
use crate::client::event::Event;
use crate::peer::{LinkState, PeerConnection, PeerEvent, PeerOptions};

impl Call {
    pub(super) fn handle_greet(&mut self, now: Instant, peer: &ParticipantId, id: LinkId, is_polite: bool) {
        match self.links.get_mut(peer) {
            Some(link) if link.id == id => link.connection.handle_greet(now),
            _ => {
                self.drop_link(now, peer);
                let mut connection = PeerConnection::new(now, self.peer_options(is_polite));
                for mapping in self.mappings.values() {
                    connection.add_reflexive(now, mapping.address, mapping.base);
                }
                let (down_since, is_dropped) = (Some(now), false);
                let link = Link { id, connection, was_connected: false, down_since, is_dropped };
                self.links.insert(peer.clone(), link);
            }
        }
        self.collect(now);
    }

    /// Applies `f` to the link to `peer`, unless it is not about the current one.
    pub(super) fn on_link(
        &mut self,
        now: Instant,
        peer: &ParticipantId,
        id: LinkId,
        f: impl FnOnce(&mut PeerConnection),
    ) {
        match self.links.get_mut(peer) {
            Some(link) if link.id == id => f(&mut link.connection),
            _ => debug!(%id, "ignored what is about another link"),
        }
        self.collect(now);
    }

    pub(super) fn drop_link(&mut self, now: Instant, peer: &ParticipantId) {
        let Some(mut link) = self.links.remove(peer) else { return };
        link.connection.close(now);
        self.transmits.extend(std::iter::from_fn(|| link.connection.poll_transmit()));
        let (audio, video, _) = link.connection.report(now);
        add(&mut self.past, peer, &audio, &video);
        if link.was_connected {
            self.events.push_back(Event::RemoteDisconnected { participant: peer.clone() });
        }
    }

    pub(super) fn vouch(&mut self, now: Instant) {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        for peer in self.roster.peers().filter(|peer| peer.connection == Connection::Reconnecting) {
            let heard_at = self.links.get(&peer.id).and_then(|link| link.connection.heard_at());
            if heard_at.is_some_and(is_fresh) {
                self.messages.push_back(ClientMessage::Vouch { peer: peer.id.clone() });
            }
        }
    }

    /// Takes what the links and the session have to say and to send.
    pub(super) fn collect(&mut self, now: Instant) {
        for (peer, link) in &mut self.links {
            self.transmits.extend(std::iter::from_fn(|| link.connection.poll_transmit()));
            while let Some(event) = link.connection.poll_event() {
                let (to, id) = (peer.clone(), link.id);
                match event {
                    PeerEvent::Description(description) => {
                        self.messages.push_back(ClientMessage::SessionDescription {
                            to,
                            link: id,
                            description,
                        });
                    }
                    PeerEvent::Candidate(candidate) => {
                        self.messages.push_back(ClientMessage::IceCandidate { to, link: id, candidate });
                    }
                    PeerEvent::RenewalNeeded => {
                        self.messages.push_back(ClientMessage::RenewLink { to, link: id });
                    }
                    PeerEvent::StateChanged(state) => {
                        let is_up = state == LinkState::Connected;
                        link.down_since = if is_up { None } else { link.down_since.or(Some(now)) };
                        if state == LinkState::Connected && !link.was_connected {
                            link.was_connected = true;
                            self.events.push_back(Event::RemoteConnected { participant: to.clone() });
                        }
                        self.events.push_back(Event::LinkState { participant: to, link: id, state });
                    }
                }
            }
        }
        self.collect_session(now);
    }

    pub(super) fn peer_options(&self, is_polite: bool) -> PeerOptions {
        let options = &self.options;
        PeerOptions {
            negotiation: options.negotiation,
            is_polite,
            sends_video: options.sends_video,
            mic: options.mic,
            cam: options.cam,
            addresses: link_addresses(&self.options, &self.addresses),
            certificate: options.certificate.clone(),
        }
    }
}

/// Returns where links find this end: nowhere without UDP.
pub(super) fn link_addresses(options: &CallOptions, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    if options.only_tcp { Vec::new() } else { addresses.to_vec() }
}

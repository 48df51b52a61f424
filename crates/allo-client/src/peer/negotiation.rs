//! Which end offers, and what happens when offers cross.

use std::net::SocketAddr;

use allo_protocol::{IceCandidate, SdpType, SessionDescription};
use str0m::change::{SdpAnswer, SdpApi, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Candidate, Rtc};
use tracing::debug;

use super::candidates::ice_ufrag;
use super::link::PeerError;

/// Media lines that one link may have; an offer with more is refused.
const LINES_MAX: usize = 32;

/// The two ways to negotiate a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Negotiation {
    /// Either end offers when it needs to; the polite one gives way when offers cross (W3C WebRTC §10.7).
    #[default]
    Perfect,
    /// Only the impolite end offers.
    Simple,
}

/// How to restart ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Restart {
    /// The addresses of this end are the same as before.
    SameAddresses,
    /// They changed: what the engine knows of them is to be forgotten.
    NewAddresses,
}

/// What is to be told to the other end: a description, then candidates that it does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) description: SessionDescription,
    pub(crate) candidates: Vec<IceCandidate>,
}

/// One end of a negotiation.
///
/// The engine changes nothing until an offer is answered, so giving way is dropping the offer (an implicit rollback).
#[derive(Debug)]
pub(crate) struct Negotiator {
    algorithm: Negotiation,
    is_polite: bool,
    sends_video: bool,
    lines: Vec<Line>,
    /// The kinds of media that this end has offered a line for and that were answered: a refusal is not asked again.
    asked: Vec<MediaKind>,
    restart: Option<Restart>,
    pending: Option<Pending>,
    was_described: bool,
    /// The last offer that was accepted, and its answer.
    answered: Option<(String, SessionDescription)>,
    /// The last answer that came into force.
    applied: Option<String>,
    /// The last offer that was taken as a request to restart ICE.
    requested: Option<String>,
}

/// What became of an offer of the other end.
#[derive(Debug)]
pub(crate) enum OfferOutcome {
    /// It crossed one of this end that has precedence, or asks for a restart of ICE, which is this end's to offer.
    Ignored,
    /// It has been accepted before: it was sent again because its answer seemed lost.
    Repeated(SessionDescription),
    /// It came into force.
    Accepted(SessionDescription),
}

#[derive(Debug, Clone, Copy)]
struct Line {
    mid: Mid,
    kind: MediaKind,
    /// Whether the other end takes what is sent here, as its last description says.
    is_taken: bool,
}

/// An offer that was not answered yet.
#[derive(Debug)]
struct Pending {
    token: SdpPendingOffer,
    proposal: Proposal,
    lines: Vec<Line>,
    restart: Option<Restart>,
}

impl Negotiator {
    pub(crate) fn new(algorithm: Negotiation, is_polite: bool, sends_video: bool) -> Self {
        Self {
            algorithm,
            is_polite,
            sends_video,
            lines: Vec::new(),
            asked: Vec::new(),
            restart: None,
            pending: None,
            was_described: false,
            answered: None,
            applied: None,
            requested: None,
        }
    }

    /// Wants ICE to be restarted with the next offer.
    pub(crate) fn restart_ice(&mut self, how: Restart) {
        self.restart = self.restart.max(Some(how));
    }

    /// Returns whether the other end has described itself.
    pub(crate) fn was_described(&self) -> bool {
        self.was_described
    }

    /// Returns whether an offer waits for its answer.
    pub(crate) fn is_offering(&self) -> bool {
        self.pending.is_some()
    }

    /// Returns the offer that waits for its answer, to be sent again.
    pub(crate) fn unanswered(&self) -> Option<Proposal> {
        self.pending.as_ref().map(|pending| pending.proposal.clone())
    }

    /// Makes an offer if there is something to offer and this end may.
    pub(crate) fn poll_offer(&mut self, rtc: &mut Rtc, addresses: &[SocketAddr]) -> Option<Proposal> {
        let may_offer = self.algorithm == Negotiation::Perfect || !self.is_polite;
        if self.pending.is_some() || !may_offer {
            return None;
        }
        let kinds: Vec<_> =
            [MediaKind::Audio, MediaKind::Video].into_iter().filter(|&kind| self.lacks(kind)).collect();
        // There is nothing to restart before the first description.
        let restart = self.restart.take().filter(|_| self.was_described);
        let mut changes = rtc.sdp_api();
        if restart.is_some() || !kinds.is_empty() {
            self.offer_places(&mut changes);
        }
        let lines = kinds.into_iter().map(|kind| self.add_line(&mut changes, kind)).collect();
        let ufrag = restart.map(|how| changes.ice_restart(how == Restart::SameAddresses).ufrag);
        let (offer, token) = changes.apply()?;
        let description = SessionDescription { sdp_type: SdpType::Offer, sdp: offer.to_sdp_string() };
        let candidates = match (restart, ufrag) {
            (Some(Restart::NewAddresses), Some(ufrag)) => host_candidates(addresses, &ufrag),
            _ => Vec::new(),
        };
        let proposal = Proposal { description, candidates };
        self.pending = Some(Pending { token, proposal: proposal.clone(), lines, restart });
        Some(proposal)
    }

    /// Takes an offer of the other end.
    pub(crate) fn handle_offer(
        &mut self,
        rtc: &mut Rtc,
        sdp: &str,
        ufrag_before: Option<&str>,
    ) -> Result<OfferOutcome, PeerError> {
        // An own offer that came after the first answer must not give way to the same offer once more.
        if let Some((_, answer)) = self.answered.as_ref().filter(|(offer, _)| offer == sdp) {
            return Ok(OfferOutcome::Repeated(answer.clone()));
        }
        if !self.is_polite && self.was_described && ice_ufrag(sdp) != ufrag_before {
            self.handle_restart_request(sdp);
            return Ok(OfferOutcome::Ignored);
        }
        if self.pending.is_some() && !self.is_polite {
            debug!("ignored an offer that crossed our own");
            return Ok(OfferOutcome::Ignored);
        }
        if sdp.matches("\nm=").count() > LINES_MAX {
            return Err(PeerError::TooManyLines);
        }
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|_| PeerError::BadDescription)?;
        if let Some(Pending { restart: Some(how), .. }) = self.pending.take() {
            self.restart_ice(how);
        }
        let answer = rtc.sdp_api().accept_offer(offer).map_err(PeerError::Offer)?;
        // The other end's restart restarts this end as well: one is enough.
        if ice_ufrag(sdp) != ufrag_before {
            self.restart = None;
        }
        // The engine tells of new lines only once media can flow, which is too late to know what is lacking.
        let known = |line: &Line| self.lines.iter().any(|known| known.mid == line.mid);
        let new: Vec<_> =
            media_lines(sdp).filter(|line| !known(line) && rtc.media(line.mid).is_some()).collect();
        self.lines.extend(new);
        self.note_what_is_taken(rtc);
        self.was_described = true;
        let answer = SessionDescription { sdp_type: SdpType::Answer, sdp: answer.to_sdp_string() };
        self.answered = Some((sdp.to_owned(), answer.clone()));
        Ok(OfferOutcome::Accepted(answer))
    }

    /// The impolite end alone restarts ICE: if both did, browsers would not agree on who controls it.
    /// The restart is offered once nothing else waits for its answer.
    fn handle_restart_request(&mut self, sdp: &str) {
        let is_restarting = self.pending.as_ref().is_some_and(|pending| pending.restart.is_some());
        if !is_restarting && self.requested.as_deref() != Some(sdp) {
            self.requested = Some(sdp.to_owned());
            self.restart_ice(Restart::SameAddresses);
        }
    }

    /// Takes an answer. Returns whether it came into force: one to an offer that is over does not.
    pub(crate) fn handle_answer(
        &mut self,
        rtc: &mut Rtc,
        sdp: &str,
        ufrag_before: Option<&str>,
        addresses: &[SocketAddr],
    ) -> Result<bool, PeerError> {
        let is_restart = self.pending.as_ref().is_some_and(|pending| pending.restart.is_some());
        // An offer that was sent again is answered again, perhaps in other words. The second answer must not be taken for
        // one to a later offer.
        if self.applied.as_deref() == Some(sdp) || (is_restart && ice_ufrag(sdp) == ufrag_before) {
            return Ok(false);
        }
        let Some(pending) = self.pending.take() else { return Ok(false) };
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|_| PeerError::BadDescription)?;
        rtc.sdp_api().accept_answer(pending.token, answer).map_err(PeerError::Answer)?;
        self.asked.extend(pending.lines.iter().map(|line| line.kind));
        self.lines.extend(pending.lines);
        self.note_what_is_taken(rtc);
        self.was_described = true;
        self.applied = Some(sdp.to_owned());
        if pending.restart == Some(Restart::NewAddresses) {
            add_host_candidates(rtc, addresses);
        }
        Ok(true)
    }

    /// Returns the line to send media of this kind on, unless the other end takes none.
    pub(crate) fn sending_line(&self, kind: MediaKind) -> Option<Mid> {
        self.lines.iter().find(|line| line.kind == kind && line.is_taken).map(|line| line.mid)
    }

    /// Returns the kind of a line.
    pub(crate) fn kind_of(&self, mid: Mid) -> Option<MediaKind> {
        self.lines.iter().find(|line| line.mid == mid).map(|line| line.kind)
    }

    fn note_what_is_taken(&mut self, rtc: &Rtc) {
        for line in &mut self.lines {
            line.is_taken = direction(rtc, line.mid).is_sending();
        }
    }

    fn wanted(&self, kind: MediaKind) -> Direction {
        if kind.is_audio() || self.sends_video { Direction::SendRecv } else { Direction::RecvOnly }
    }

    /// A line on which the other end takes nothing is none that is lacking: it does not want any, for now.
    fn lacks(&self, kind: MediaKind) -> bool {
        self.place(kind).is_none() && !self.asked.contains(&kind)
    }

    /// Returns the line of microphone or camera, which is the first of its kind.
    fn place(&self, kind: MediaKind) -> Option<Mid> {
        self.lines.iter().find(|line| line.kind == kind).map(|line| line.mid)
    }

    /// Offers to send again what the other end did not take. The engine would go on offering what was last agreed, and the
    /// other end could not answer that it takes it now.
    fn offer_places(&self, changes: &mut SdpApi<'_>) {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            if let Some(mid) = self.place(kind) {
                changes.set_direction(mid, self.wanted(kind));
            }
        }
    }

    fn add_line(&self, changes: &mut SdpApi<'_>, kind: MediaKind) -> Line {
        // One stream for both kinds, so that the other end plays them in step.
        let stream = Some("allo".to_owned());
        let mid = changes.add_media(kind, self.wanted(kind), stream, None, None);
        Line { mid, kind, is_taken: false }
    }
}

/// Tells the engine of the addresses of this end, and returns those that it did not know.
pub(crate) fn add_host_candidates(rtc: &mut Rtc, addresses: &[SocketAddr]) -> Vec<IceCandidate> {
    let mut added = Vec::new();
    for &address in addresses {
        let Ok(candidate) = Candidate::host(address, "udp") else { continue };
        if let Some(candidate) = rtc.add_local_candidate(candidate) {
            added.push(ice_candidate(candidate, candidate.ufrag()));
        }
    }
    added
}

/// Tells the engine where an address of this end is seen from outside; returns it unless it was known.
pub(crate) fn add_reflexive_candidate(
    rtc: &mut Rtc,
    address: SocketAddr,
    base: SocketAddr,
) -> Option<IceCandidate> {
    let candidate = Candidate::server_reflexive(address, base, "udp").ok()?;
    let candidate = rtc.add_local_candidate(candidate)?;
    Some(ice_candidate(candidate, candidate.ufrag()))
}

fn host_candidates(addresses: &[SocketAddr], ufrag: &str) -> Vec<IceCandidate> {
    let candidates = addresses.iter().filter_map(|&address| Candidate::host(address, "udp").ok());
    candidates.map(|candidate| ice_candidate(&candidate, Some(ufrag))).collect()
}

fn ice_candidate(candidate: &Candidate, ufrag: Option<&str>) -> IceCandidate {
    IceCandidate {
        candidate: candidate.to_sdp_string(),
        sdp_mid: None,
        // With BUNDLE, the first line's transport is everyone's.
        sdp_m_line_index: Some(0),
        username_fragment: ufrag.map(str::to_owned),
    }
}

/// Returns the lines of audio and video that a description names.
fn media_lines(sdp: &str) -> impl Iterator<Item = Line> {
    sdp.split("\nm=").skip(1).filter_map(|section| {
        let kind = match section.split_once(' ')?.0 {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => return None,
        };
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:"))?;
        Some(Line { mid: Mid::from(mid.trim()), kind, is_taken: false })
    })
}

fn direction(rtc: &Rtc, mid: Mid) -> Direction {
    let media = rtc.media(mid).filter(|media| !media.stopped());
    media.map_or(Direction::Inactive, str0m::media::Media::direction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_description_are_found_whatever_their_order() {
        let sdp = "v=0\r\ns=-\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n\
                   m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendrecv\r\na=mid:1\r\n\
                   m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
        let lines: Vec<_> = media_lines(sdp).map(|line| (line.kind, line.mid.to_string())).collect();
        assert_eq!(lines, [(MediaKind::Video, "1".to_owned()), (MediaKind::Audio, "0".to_owned())]);
        assert_eq!(media_lines("").count(), 0);
    }
}

//! ICE candidates of the other end, kept until the description that they belong to has come.

use std::collections::VecDeque;

use allo_protocol::IceCandidate;
use str0m::{Candidate, Rtc};
use tracing::debug;

/// Candidates that wait for their description. Beyond it the oldest is forgotten: its address can still be found by the
/// other end's own checks.
const WAITING_MAX: usize = 64;

/// The candidates of the other end, and the ICE generation that counts now.
#[derive(Debug, Default)]
pub(crate) struct RemoteCandidates {
    ufrag: Option<String>,
    waiting: VecDeque<IceCandidate>,
}

impl RemoteCandidates {
    /// Returns the user name fragment of the description in force, if there is one.
    pub(crate) fn ufrag(&self) -> Option<&str> {
        self.ufrag.as_deref()
    }

    /// Takes note of a description that came into force, and gives the engine the candidates that waited for it. Those of
    /// another generation are out of date.
    pub(crate) fn describe(&mut self, rtc: &mut Rtc, sdp: &str) {
        self.ufrag = ice_ufrag(sdp).map(str::to_owned);
        for candidate in std::mem::take(&mut self.waiting) {
            if self.is_current(&candidate) {
                add(rtc, &candidate);
            }
        }
    }

    /// Gives a candidate to the engine, or keeps it until its description has come.
    pub(crate) fn handle(&mut self, rtc: &mut Rtc, candidate: IceCandidate) {
        if self.is_current(&candidate) {
            add(rtc, &candidate);
            return;
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(candidate);
    }

    fn is_current(&self, candidate: &IceCandidate) -> bool {
        let Some(ufrag) = &self.ufrag else { return false };
        candidate.username_fragment.as_ref().is_none_or(|of_candidate| of_candidate == ufrag)
    }
}

/// Adds a candidate unless it says nothing that can be used: the end of candidates, TCP, or a name ending in `.local`
/// (RFC 8828), which only the peer's own machine could look up. Such a peer is found by its checks.
fn add(rtc: &mut Rtc, candidate: &IceCandidate) {
    let text = candidate.candidate.strip_prefix("a=").unwrap_or(&candidate.candidate);
    if text.is_empty() {
        return;
    }
    match Candidate::from_sdp_string(text) {
        Ok(parsed) if parsed.tcptype().is_none() => rtc.add_remote_candidate(parsed),
        Ok(_) => debug!("skipped a TCP candidate"),
        Err(_) => debug!("skipped a candidate without an address"),
    }
}

/// Returns the first `ice-ufrag` of a description; with BUNDLE there is only one.
pub(crate) fn ice_ufrag(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn candidate(n: usize, ufrag: Option<&str>) -> IceCandidate {
        IceCandidate {
            candidate: format!("candidate:1 1 udp 2130706431 192.0.2.1 {} typ host", 1000 + n),
            sdp_mid: None,
            sdp_m_line_index: None,
            username_fragment: ufrag.map(str::to_owned),
        }
    }

    #[test]
    fn candidates_wait_for_their_description() {
        let mut rtc = Rtc::new(Instant::now());
        let mut candidates = RemoteCandidates::default();
        candidates.handle(&mut rtc, candidate(1, Some("new")));
        candidates.handle(&mut rtc, candidate(2, Some("old")));
        assert_eq!(candidates.waiting.len(), 2);
        candidates.describe(&mut rtc, "v=0\r\na=ice-ufrag:new\r\n");
        assert!(candidates.waiting.is_empty());
        candidates.handle(&mut rtc, candidate(3, None));
        assert!(
            candidates.waiting.is_empty(),
            "one without a generation belongs to the description in force"
        );
    }

    #[test]
    fn no_more_than_the_bound_wait() {
        let mut rtc = Rtc::new(Instant::now());
        let mut candidates = RemoteCandidates::default();
        for n in 0..WAITING_MAX + 5 {
            candidates.handle(&mut rtc, candidate(n, None));
        }
        assert_eq!(candidates.waiting.len(), WAITING_MAX);
        assert!(candidates.waiting[0].candidate.contains(" 1005 "), "the oldest are forgotten");
    }

    #[test]
    fn what_cannot_be_used_is_skipped() {
        let mut rtc = Rtc::new(Instant::now());
        let mut candidates = RemoteCandidates::default();
        candidates.describe(&mut rtc, "a=ice-ufrag:x\r\n");
        for text in [
            "",
            "nonsense",
            "candidate:1 1 udp 2113937151 4ab1c2d3-0000.local 50000 typ host",
            "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
        ] {
            candidates.handle(&mut rtc, IceCandidate { candidate: text.to_owned(), ..candidate(0, None) });
        }
        assert!(candidates.waiting.is_empty());
    }
}

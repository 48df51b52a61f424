//! Where a transport sends, whatever its engine would like best: to where its participant was last heard.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::peer::Peer;
use crate::stun::TransactionId;

/// How long the other end may be silent on a path before another one, by which it was heard since, is taken instead.
///
/// Lower: a router that gives somebody other ports is noticed sooner. Higher: it takes a longer pause of somebody who sends little
/// to move to a second path of theirs, and back.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// How long a path counts as proven by a check. Browsers send one every five seconds at least, and the engine waits as long.
///
/// Lower: three checks lost in a row are taken for a change of the network. Higher: who comes by an address that the participant had
/// before can pretend to be there for longer.
const PROOF_AGE_MAX: Duration = Duration::from_secs(15);

/// Paths that proved themselves: a network change or two, and some to spare. Beyond it the one that was silent for longest is
/// forgotten, and a check that is said twice from there is taken for a replay.
const PATHS_MAX: usize = 8;

/// How datagrams go to the other end, and from which own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) peer: Peer,
    pub(crate) own: SocketAddr,
}

/// The paths between a participant and its transport.
///
/// The engine keeps to the best path that was nominated until no check came by it for 15 s. A router that gives its participant
/// another port in mid-call makes that 15 s of silence. So what it sends goes another way if the participant is heard there:
///
/// ```text
///   the engine's path ── silent, and another one proven and heard since ──► that other one
///           ▲                                                                     │ (and so on)
///           └────────────────── the engine chose another path ────────────────────┘
/// ```
///
/// What proves a path is a check that the engine answered, for the first time that it was said: somebody who has seen one on its way can
/// say it again from anywhere.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// What the engine sends by.
    chosen: Option<Path>,
    /// What is sent by.
    in_use: Option<Path>,
    proven: Vec<Proven>,
    said: Said,
}

#[derive(Debug, Clone, Copy)]
struct Proven {
    path: Path,
    /// When the latest check was answered.
    checked_at: Instant,
    /// When anything last came.
    heard_at: Instant,
}

impl Proven {
    fn is_valid(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.checked_at) < PROOF_AGE_MAX
    }

    fn is_lively(&self, now: Instant) -> bool {
        self.is_valid(now) && now.saturating_duration_since(self.heard_at) < SILENCE_MAX
    }
}

impl Paths {
    /// Returns whether the engine may see a check: it was never said before, or is said again from where others came.
    pub(crate) fn admits(&self, source: Peer, id: TransactionId) -> bool {
        self.proven.iter().any(|it| it.path.peer == source) || !self.said.has(id)
    }

    /// Records that something came from there.
    pub(crate) fn hear(&mut self, now: Instant, source: Peer) {
        if let Some(it) = self.proven.iter_mut().find(|it| it.path.peer == source) {
            it.heard_at = now;
        }
    }

    /// Records that a check that came by this path was answered.
    pub(crate) fn prove(&mut self, now: Instant, path: Path, id: TransactionId) {
        if self.said.add(id) {
            self.insert(now, path);
        }
    }

    /// Returns by which path to send what the engine would send by this one.
    pub(crate) fn find(&mut self, now: Instant, chosen: Path) -> Path {
        if self.chosen != Some(chosen) {
            (self.chosen, self.in_use) = (Some(chosen), Some(chosen));
            // It was nominated by a check, now or, if another one ceased to be good, before.
            match self.proven.iter_mut().find(|it| it.path == chosen) {
                Some(it) => it.checked_at = now,
                None => self.insert(now, chosen),
            }
        }
        let in_use = self.proven.iter().find(|it| Some(it.path) == self.in_use);
        if !in_use.is_some_and(|it| it.is_lively(now)) {
            let latest = self.proven.iter().filter(|it| it.is_valid(now)).max_by_key(|it| it.heard_at);
            let is_newer = |it: &&Proven| {
                in_use.is_none_or(|in_use| it.heard_at > in_use.heard_at || !in_use.is_valid(now))
            };
            self.in_use = latest.filter(is_newer).map_or(self.in_use, |it| Some(it.path));
        }
        self.in_use.unwrap_or(chosen)
    }

    /// Forgets which checks were said: none of them is good any more, because the credentials are others now.
    pub(crate) fn restart(&mut self) {
        self.said = Said::default();
    }

    fn insert(&mut self, now: Instant, path: Path) {
        self.proven.retain(|it| it.path != path);
        self.proven.push(Proven { path, checked_at: now, heard_at: now });
        if self.proven.len() > PATHS_MAX
            && let Some(at) = (0..PATHS_MAX).min_by_key(|at| self.proven[*at].heard_at)
        {
            self.proven.remove(at);
        }
    }
}

/// Marks in [`Said`], in words of 64: 16 KiB for each transport. Fewer: new checks are taken for old ones sooner.
const WORDS: usize = 2_048;

/// Which checks were said already. It never forgets one, and takes no more room for many: the more there are, the more often it takes
/// a new one for an old one, one in fifty after 10,000 (a call of some hours), one in six after a day. Then the next check counts.
#[derive(Debug, Default)]
struct Said {
    /// A set of marks, two for each check; empty until there is one.
    marks: Vec<u64>,
}

impl Said {
    fn has(&self, id: TransactionId) -> bool {
        !self.marks.is_empty() && marks(id).iter().all(|(word, mark)| self.marks[*word] & mark != 0)
    }

    /// Returns whether it is new.
    fn add(&mut self, id: TransactionId) -> bool {
        if self.has(id) {
            return false;
        }
        self.marks.resize(WORDS, 0);
        for (word, mark) in marks(id) {
            self.marks[word] |= mark;
        }
        true
    }
}

/// Identifiers are random, so that any part of one will do.
fn marks(id: TransactionId) -> [(usize, u64); 2] {
    let mark =
        |at: usize| (usize::from(u16::from_be_bytes([id[at], id[at + 1]])) % WORDS, 1 << (id[at + 2] % 64));
    [mark(0), mark(3)]
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    fn path(port: u16) -> Path {
        Path { peer: Peer::udp(([192, 0, 2, 1], port).into()), own: ([192, 0, 2, 2], 8443).into() }
    }

    fn id(n: u32) -> TransactionId {
        let mut random = fastrand::Rng::with_seed(n.into());
        std::array::from_fn(|_| random.u8(..))
    }

    /// A participant that the engine sends to by the first path, and who was heard there just now.
    fn paths(now: Instant) -> Paths {
        let mut paths = Paths::default();
        paths.prove(now, path(1), id(1));
        assert_eq!(paths.find(now, path(1)), path(1));
        paths
    }

    #[test]
    fn a_proven_path_is_taken_when_the_one_in_use_is_silent() {
        let now = Instant::now();
        let mut paths = paths(now);
        paths.prove(now + STEP, path(2), id(2));
        assert_eq!(paths.find(now + STEP, path(1)), path(1), "it may be a second path of theirs");
        assert_eq!(paths.find(now + SILENCE_MAX, path(1)), path(2));
        assert_eq!(paths.find(now + SILENCE_MAX * 9, path(1)), path(2), "there is no other");
    }

    #[test]
    fn as_long_as_something_comes_by_the_path_in_use_it_stays_that() {
        let now = Instant::now();
        let mut paths = paths(now);
        for n in 0..700 {
            let at = now + STEP * n;
            paths.hear(at, path(1).peer);
            paths.prove(at, path(2), id(10 + n));
            assert_eq!(paths.find(at, path(1)), path(1));
        }
    }

    #[test]
    fn a_path_that_was_silent_for_longer_is_not_taken() {
        let now = Instant::now();
        let mut paths = paths(now);
        paths.prove(now + STEP, path(2), id(2));
        paths.hear(now + STEP * 2, path(1).peer);
        assert_eq!(paths.find(now + SILENCE_MAX * 2, path(1)), path(1));
        paths.hear(now + SILENCE_MAX * 2, path(2).peer);
        assert_eq!(paths.find(now + SILENCE_MAX * 2, path(1)), path(2), "it is heard again");
    }

    #[test]
    fn the_first_path_is_taken_again_when_it_is_heard_again_alone() {
        let now = Instant::now();
        let mut paths = paths(now);
        paths.prove(now + STEP, path(2), id(2));
        assert_eq!(paths.find(now + SILENCE_MAX, path(1)), path(2));
        paths.hear(now + SILENCE_MAX, path(2).peer);
        paths.hear(now + SILENCE_MAX + STEP, path(1).peer);
        assert_eq!(paths.find(now + SILENCE_MAX + STEP, path(1)), path(2));
        assert_eq!(paths.find(now + SILENCE_MAX * 2, path(1)), path(1));
    }

    #[test]
    fn who_has_an_address_of_old_cannot_pretend_to_be_there() {
        let now = Instant::now();
        let mut paths = paths(now);
        paths.prove(now + PROOF_AGE_MAX / 2, path(2), id(2));
        let later = now + PROOF_AGE_MAX;
        paths.hear(later, path(1).peer);
        assert_eq!(paths.find(later, path(1)), path(2), "it is heard, but not proven");
        paths.hear(later + SILENCE_MAX, path(1).peer);
        assert_eq!(paths.find(later + SILENCE_MAX, path(1)), path(2));
    }

    #[test]
    fn what_the_engine_chooses_anew_is_taken() {
        let now = Instant::now();
        let mut paths = paths(now);
        paths.prove(now + STEP, path(2), id(2));
        assert_eq!(paths.find(now + SILENCE_MAX, path(1)), path(2));
        assert_eq!(paths.find(now + SILENCE_MAX, path(3)), path(3));
        assert_eq!(paths.find(now + SILENCE_MAX * 9, path(3)), path(3));
    }

    #[test]
    fn what_the_engine_chooses_for_want_of_another_is_not_taken_if_it_is_silent() {
        let now = Instant::now();
        let mut paths = paths(now);
        paths.prove(now + STEP, path(2), id(2));
        let later = now + SILENCE_MAX * 3;
        paths.prove(later, path(3), id(3));
        assert_eq!(paths.find(later, path(1)), path(3));
        assert_eq!(paths.find(later, path(2)), path(3));
    }

    #[test]
    fn a_check_that_was_said_before_proves_nothing_and_is_not_shown_to_the_engine() {
        let now = Instant::now();
        let mut paths = paths(now);
        assert!(!paths.admits(path(2).peer, id(1)));
        assert!(paths.admits(path(1).peer, id(1)), "a network may double it");
        assert!(paths.admits(path(2).peer, id(2)));
        paths.prove(now + STEP, path(2), id(1));
        assert_eq!(paths.find(now + SILENCE_MAX * 2, path(1)), path(1));
        (2..10_000).for_each(|n| paths.prove(now, path(1), id(n)));
        assert!((1..10_000).all(|n| !paths.admits(path(2).peer, id(n))), "none is ever forgotten");
        paths.restart();
        assert!(paths.admits(path(2).peer, id(1)));
    }

    #[test]
    fn few_new_checks_are_taken_for_old_ones() {
        let mut said = Said::default();
        let taken = (0..10_000).filter(|n| !said.add(id(*n))).count();
        let wrong = (10_000..20_000).filter(|n| said.has(id(*n))).count();
        println!("of 10,000, {taken} were taken for old ones on the way, and of 10,000 more {wrong}");
        assert!(wrong < 300, "{wrong}");
    }

    #[test]
    fn few_paths_are_remembered() {
        let now = Instant::now();
        let mut paths = paths(now);
        (2..1_000).for_each(|n| paths.prove(now + STEP * n.into(), path(n), id(n.into())));
        assert_eq!(paths.proven.len(), PATHS_MAX);
        assert!(paths.admits(path(999).peer, id(999)) && !paths.admits(path(2).peer, id(2)));
    }
}

//! Which way the media of each peer come.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use allo_protocol::{Participant, ParticipantId, Source, Tile, Topology};

/// A link that is not up for so long is helped out by the session. Lower: a slow link costs the server a little media; higher: two
/// whose networks do not let them through to each other wait.
const LINK_PATIENCE: Duration = Duration::from_secs(3);

/// How long the sound of a peer is waited for before a link is given up. Who makes no sound is not sent to anybody, so that it may
/// never come.
const SOUND_PATIENCE: Duration = Duration::from_secs(2);

/// What to receive through the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) tiles: Vec<Tile>,
    pub(crate) audio: bool,
}

/// How things stand with one peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerState<'a> {
    pub(crate) participant: &'a Participant,
    /// `None` when there is no link.
    pub(crate) link: Option<LinkProgress>,
    /// What came through the session, ever.
    pub(crate) by_session: Progress,
}

/// The state of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkProgress {
    /// Since when it is not up.
    pub(crate) down_since: Option<Instant>,
    pub(crate) progress: Progress,
}

/// How much came: packets that can be heard, frames that can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    pub(crate) sound: u64,
    pub(crate) pictures: u64,
}

/// Decides for each peer by what arrives.
///
/// ```text
/// topology mesh:  link ──not up for 3 s──► session ──link brings all──► link
/// topology sfu:   session; the link is dropped once the session brings all
/// ```
#[derive(Debug)]
pub(crate) struct Routing {
    topology: Topology,
    video_slots: usize,
    tile_height: u16,
    /// Those who are received through the session: since when, and what had come before. No more than are in the room.
    subscribed: BTreeMap<ParticipantId, (Instant, Progress)>,
}

impl Routing {
    pub(crate) fn new(video_slots: usize, tile_height: u16) -> Self {
        Self { topology: Topology::Mesh, video_slots, tile_height, subscribed: BTreeMap::new() }
    }

    pub(crate) fn topology(&self) -> Topology {
        self.topology
    }

    pub(crate) fn set_topology(&mut self, topology: Topology) {
        self.topology = topology;
    }

    /// Decides who is received through the session, and returns what to wish for.
    pub(crate) fn decide(&mut self, now: Instant, peers: &[PeerState]) -> Wishes {
        let before = std::mem::take(&mut self.subscribed);
        for peer in peers {
            let id = &peer.participant.id;
            let known = before.get(id).copied();
            if self.needs_session(now, peer, known.is_some()) {
                self.subscribed.insert(id.clone(), known.unwrap_or((now, peer.by_session)));
            }
        }
        let is_received = |peer: &&PeerState| self.subscribed.contains_key(&peer.participant.id);
        let received = || peers.iter().filter(is_received).map(|peer| peer.participant);
        let screens = received().filter(|it| it.screen).map(|it| self.tile(it, Source::Screen));
        let cams = received().filter(|it| it.cam).map(|it| self.tile(it, Source::Cam));
        Wishes {
            tiles: screens.chain(cams).take(self.video_slots).collect(),
            audio: !self.subscribed.is_empty(),
        }
    }

    /// Returns whether the session brings all that a link brought, so that it can be dropped.
    pub(crate) fn can_drop_link(&self, now: Instant, peer: &PeerState, wishes: &Wishes) -> bool {
        let participant = peer.participant;
        let Some((since, before)) = self.subscribed.get(&participant.id) else { return false };
        let is_shown = |tile: &Tile| tile.participant == participant.id && tile.source == Source::Cam;
        let is_seen = !wishes.tiles.iter().any(is_shown) || peer.by_session.pictures != before.pictures;
        let is_heard = !participant.mic
            || peer.by_session.sound != before.sound
            || now.saturating_duration_since(*since) >= SOUND_PATIENCE;
        self.topology == Topology::Sfu && is_seen && is_heard
    }

    fn needs_session(&self, now: Instant, peer: &PeerState, has_session: bool) -> bool {
        let (Topology::Mesh, Some(link)) = (self.topology, peer.link) else {
            return self.topology == Topology::Sfu || has_session;
        };
        match link.down_since {
            Some(since) => has_session || now.saturating_duration_since(since) >= LINK_PATIENCE,
            None => has_session && !brings_all(link.progress, peer.participant),
        }
    }

    fn tile(&self, participant: &Participant, source: Source) -> Tile {
        Tile { participant: participant.id.clone(), source, height: self.tile_height }
    }
}

fn brings_all(progress: Progress, participant: &Participant) -> bool {
    (progress.sound > 0 || !participant.mic) && (progress.pictures > 0 || !participant.cam)
}

#[cfg(test)]
mod tests {
    use allo_protocol::{Connection, MayPublish, MediaCondition, Role};

    use super::*;

    fn participant(name: &str) -> Participant {
        Participant {
            id: ParticipantId::try_from(name.to_owned()).unwrap(),
            display_name: name.to_owned(),
            mic: true,
            cam: true,
            screen: false,
            connection: Connection::Online,
            role: Role::Participant,
            may_publish: MayPublish::EVERYTHING,
            hand: None,
            recording: false,
            media: MediaCondition::Fine,
        }
    }

    fn by_link(participant: &Participant, down_since: Option<Instant>, media: u64) -> PeerState<'_> {
        let progress = Progress { sound: media, pictures: media };
        PeerState {
            participant,
            link: Some(LinkProgress { down_since, progress }),
            by_session: Progress::default(),
        }
    }

    fn tiles(wishes: &Wishes) -> Vec<&str> {
        wishes.tiles.iter().map(|tile| tile.participant.as_str()).collect()
    }

    #[test]
    fn two_with_a_good_link_wish_for_nothing() {
        let (now, ada) = (Instant::now(), participant("ada"));
        let mut routing = Routing::new(9, 360);
        assert_eq!(
            routing.decide(now, &[by_link(&ada, Some(now), 0)]),
            Wishes { tiles: vec![], audio: false }
        );
        let later = now + 10 * LINK_PATIENCE;
        assert_eq!(routing.decide(later, &[by_link(&ada, None, 5)]), Wishes { tiles: vec![], audio: false });
    }

    #[test]
    fn a_link_that_does_not_come_up_is_helped_out_until_it_brings_all() {
        let (now, ada) = (Instant::now(), participant("ada"));
        let mut routing = Routing::new(9, 360);
        let late = now + LINK_PATIENCE;
        let wishes = routing.decide(late, &[by_link(&ada, Some(now), 0)]);
        assert_eq!((tiles(&wishes), wishes.audio), (vec!["ada"], true));
        assert_eq!(
            tiles(&routing.decide(late, &[by_link(&ada, None, 0)])),
            ["ada"],
            "it is up and brings nothing"
        );
        assert!(tiles(&routing.decide(late, &[by_link(&ada, None, 1)])).is_empty());
    }

    #[test]
    fn links_are_dropped_when_the_session_brings_the_same() {
        let (now, ada) = (Instant::now(), participant("ada"));
        let mut routing = Routing::new(9, 360);
        routing.set_topology(Topology::Sfu);
        let before = Progress { sound: 7, pictures: 7 };
        let state = |by_session| PeerState { by_session, ..by_link(&ada, None, 100) };
        let wishes = routing.decide(now, &[state(before)]);
        assert_eq!(tiles(&wishes), ["ada"]);
        let can =
            |at, sound, pictures| routing.can_drop_link(at, &state(Progress { sound, pictures }), &wishes);
        assert!(!can(now, 7, 7), "what came in an earlier time does not count");
        assert!(!can(now, 8, 7) && !can(now, 7, 8));
        assert!(can(now, 8, 8));
        assert!(can(now + SOUND_PATIENCE, 7, 8), "who makes no sound is not waited for");
        assert!(!can(now + SOUND_PATIENCE, 8, 7));
    }

    #[test]
    fn back_to_the_link_the_session_goes_on_until_the_link_brings_all() {
        let (now, ada) = (Instant::now(), participant("ada"));
        let mut routing = Routing::new(9, 360);
        routing.set_topology(Topology::Sfu);
        let no_link = PeerState { link: None, ..by_link(&ada, None, 0) };
        routing.decide(now, &[no_link]);
        routing.set_topology(Topology::Mesh);
        assert_eq!(tiles(&routing.decide(now, &[no_link])), ["ada"], "not greeted yet");
        assert_eq!(tiles(&routing.decide(now, &[by_link(&ada, Some(now), 0)])), ["ada"]);
        assert!(tiles(&routing.decide(now, &[by_link(&ada, None, 3)])).is_empty());
    }

    #[test]
    fn screens_come_first_and_slots_are_not_exceeded() {
        let now = Instant::now();
        let people: Vec<_> =
            (0..5).map(|n| Participant { screen: n == 3, ..participant(&format!("p{n}")) }).collect();
        let mut routing = Routing::new(3, 360);
        routing.set_topology(Topology::Sfu);
        let states: Vec<_> =
            people.iter().map(|it| PeerState { link: None, ..by_link(it, None, 0) }).collect();
        let wishes = routing.decide(now, &states);
        assert_eq!(tiles(&wishes), ["p3", "p0", "p1"]);
        assert_eq!(wishes.tiles[0].source, Source::Screen);
    }
}

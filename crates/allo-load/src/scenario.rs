//! Scenarios: who joins when, and sends and receives what.

use std::time::Duration;

use serde::Serialize;

use crate::link::Quality;
use crate::transport::Lines;

/// Who joins at most so many in a second, before the measurement. The measurement is not of them.
const RAMP_PER_SECOND: u32 = 25;
/// How long one speaks in the scenario `speaker`.
pub(crate) const TURN: Duration = Duration::from_secs(1);

/// A scenario and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Scenario {
    /// One sends a picture and a voice, and all the others receive them.
    Fanout {
        /// How many receive.
        receivers: u32,
        /// The bitrate of the picture, in kilobits a second.
        kbps: u32,
    },
    /// Everybody sends a picture in three layers and a voice, and receives those of the others in the room.
    Meeting {
        /// How many rooms.
        rooms: u32,
        /// How many participants in each.
        participants: u32,
        /// How high pictures are shown, in pixels.
        tile_height: u16,
    },
    /// Everybody sends a voice, and nobody a picture.
    Audio {
        /// How many rooms.
        rooms: u32,
        /// How many participants in each.
        participants: u32,
    },
    /// Many join within one second rooms in which two are already.
    JoinStorm {
        /// How many join.
        joins: u32,
        /// How many of them join the same room.
        room_size: u32,
    },
    /// A meeting over links that lose and delay.
    Loss {
        /// How many participants.
        participants: u32,
        /// The share of datagrams that are lost, each way.
        loss: f64,
        /// The round trip.
        round_trip: Duration,
    },
    /// A meeting in which the link of one participant becomes narrow, and wide again.
    BandwidthDrop {
        /// How many participants.
        participants: u32,
        /// What gets through to that one before and afterwards, in kilobits a second.
        wide_kbps: u32,
        /// What gets through in between.
        narrow_kbps: u32,
    },
    /// Everybody sends a voice, and each second another one speaks.
    Speaker {
        /// How many participants.
        participants: u32,
    },
    /// A meeting in many rooms, with joins and leaves all the time.
    Churn {
        /// How many rooms.
        rooms: u32,
        /// How many participants in each.
        participants: u32,
        /// How long one stays, on average.
        stay: Duration,
    },
}

/// When one comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Coming {
    /// Before the measurement: so long after the beginning of the run.
    Before(Duration),
    /// So long after the beginning of the measurement.
    During(Duration),
}

/// What one says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    Nothing,
    /// As the recorded voice.
    Recorded,
    /// Speaks when it is their turn, and is quiet otherwise.
    InTurn {
        own: u32,
        of: u32,
    },
}

/// The picture that one sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    Nothing,
    /// In three layers.
    Simulcast,
    /// In one, of this bitrate.
    Single {
        kbps: u32,
    },
}

/// What a participant does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Role {
    pub(crate) room: u32,
    pub(crate) coming: Coming,
    /// How long it stays; `None` for until the end.
    pub(crate) stays: Option<Duration>,
    pub(crate) speech: Speech,
    pub(crate) picture: Picture,
    pub(crate) audio_slots: usize,
    pub(crate) video_slots: usize,
    pub(crate) tile_height: u16,
    pub(crate) link: Option<Quality>,
    /// Whether it shall be told apart from the others in the report.
    pub(crate) is_special: bool,
}

impl Role {
    /// Returns its lines, with redundancy of sound or without.
    pub(crate) fn lines(&self, has_red: bool) -> Lines {
        Lines {
            has_red,
            mic: self.speech != Speech::Nothing,
            cam_layers: match self.picture {
                Picture::Nothing => 0,
                Picture::Simulcast => 3,
                Picture::Single { .. } => 1,
            },
            audio_slots: self.audio_slots,
            video_slots: self.video_slots,
        }
    }

    /// Returns a participant of a meeting of so many.
    fn meeting(room: u32, participants: u32, tile_height: u16) -> Self {
        Self {
            room,
            coming: Coming::Before(Duration::ZERO),
            stays: None,
            speech: Speech::Recorded,
            picture: Picture::Simulcast,
            audio_slots: 4,
            video_slots: (participants.saturating_sub(1) as usize).clamp(1, 9),
            tile_height,
            link: None,
            is_special: false,
        }
    }
}

impl Scenario {
    /// Returns everyone who takes part in a run whose measurement takes so long.
    pub(crate) fn roles(&self, duration: Duration, seed: u64) -> Vec<Role> {
        let mut roles = match *self {
            Self::Fanout { receivers, kbps } => fanout(receivers, kbps),
            Self::Meeting { rooms, participants, tile_height } => meeting(rooms, participants, tile_height),
            Self::Audio { rooms, participants } => silent_pictures(meeting(rooms, participants, 0)),
            Self::JoinStorm { joins, room_size } => join_storm(joins, room_size),
            Self::Loss { participants, loss, round_trip } => {
                let link = Quality { loss, delay: round_trip / 2, down: Vec::new() };
                let role = |role| Role { link: Some(link.clone()), ..role };
                meeting(1, participants, 360).into_iter().map(role).collect()
            }
            Self::BandwidthDrop { participants, wide_kbps, narrow_kbps } => {
                bandwidth_drop(participants, wide_kbps, narrow_kbps, duration)
            }
            Self::Speaker { participants } => {
                let speech = |n| Speech::InTurn { own: n, of: participants };
                let roles = silent_pictures(meeting(1, participants, 0)).into_iter().zip(0..);
                roles.map(|(role, n)| Role { speech: speech(n), ..role }).collect()
            }
            Self::Churn { rooms, participants, stay } => churn(rooms, participants, stay, duration, seed),
        };
        ramp(&mut roles);
        roles
    }

    /// Returns the name of the scenario on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fanout { .. } => "fanout",
            Self::Meeting { .. } => "meeting",
            Self::Audio { .. } => "audio",
            Self::JoinStorm { .. } => "join-storm",
            Self::Loss { .. } => "loss",
            Self::BandwidthDrop { .. } => "bandwidth-drop",
            Self::Speaker { .. } => "speaker",
            Self::Churn { .. } => "churn",
        }
    }
}

fn fanout(receivers: u32, kbps: u32) -> Vec<Role> {
    let role = Role { audio_slots: 1, video_slots: 1, ..Role::meeting(0, 2, 720) };
    let sender = Role { picture: Picture::Single { kbps }, ..role.clone() };
    let receiver = Role { speech: Speech::Nothing, picture: Picture::Nothing, ..role };
    std::iter::once(sender).chain((0..receivers).map(|_| receiver.clone())).collect()
}

fn meeting(rooms: u32, participants: u32, tile_height: u16) -> Vec<Role> {
    let room = |room| (0..participants).map(move |_| Role::meeting(room, participants, tile_height));
    (0..rooms).flat_map(room).collect()
}

fn silent_pictures(roles: Vec<Role>) -> Vec<Role> {
    roles.into_iter().map(|role| Role { picture: Picture::Nothing, video_slots: 0, ..role }).collect()
}

/// Two are in each room already, and send. Who joins sends, too, so that the storm is one of whole participants.
fn join_storm(joins: u32, room_size: u32) -> Vec<Role> {
    let rooms = joins.div_ceil(room_size.max(1));
    let role = |room| Role { video_slots: 2, ..Role::meeting(room, 2, 180) };
    let hosts = (0..rooms).flat_map(|room| [role(room), role(room)]);
    let late = |n: u32| Coming::During(Duration::from_secs(1) * n / joins);
    let storm = (0..joins).map(|n| Role { coming: late(n), is_special: true, ..role(n % rooms) });
    hosts.chain(storm).collect()
}

/// The first third of the measurement is wide, the second narrow, the last wide again.
fn bandwidth_drop(participants: u32, wide_kbps: u32, narrow_kbps: u32, duration: Duration) -> Vec<Role> {
    let mut roles = meeting(1, participants, 720);
    let bits = |kbps: u32| u64::from(kbps) * 1_000;
    let down = vec![
        (Duration::ZERO, bits(wide_kbps)),
        (duration / 3, bits(narrow_kbps)),
        (duration * 2 / 3, bits(wide_kbps)),
    ];
    if let Some(first) = roles.first_mut() {
        first.link = Some(Quality { loss: 0.0, delay: Duration::from_millis(10), down });
        first.is_special = true;
    }
    roles
}

/// Each place in a room is taken by one after the other.
fn churn(rooms: u32, participants: u32, stay: Duration, duration: Duration, seed: u64) -> Vec<Role> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut roles = Vec::new();
    for role in meeting(rooms, participants, 180) {
        // Nobody stays for less than a second, or all that would be measured is joining.
        let mut stays = || stay.mul_f64(random.f64() * 2.0).max(Duration::from_secs(1));
        let mut leaves_at = stays();
        roles.push(Role { stays: Some(leaves_at), ..role.clone() });
        while leaves_at < duration {
            let (coming, stays) = (Coming::During(leaves_at), stays());
            roles.push(Role { coming, stays: Some(stays), ..role.clone() });
            leaves_at += stays;
        }
    }
    roles
}

/// Those who come before the measurement come one after the other.
fn ramp(roles: &mut [Role]) {
    let before = roles.iter_mut().filter(|role| matches!(role.coming, Coming::Before(_)));
    for (role, n) in before.zip(0..) {
        role.coming = Coming::Before(Duration::from_secs(1) * n / RAMP_PER_SECOND);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn one_sends_in_a_fanout() {
        let roles = Scenario::Fanout { receivers: 10, kbps: 1_500 }.roles(MINUTE, 1);
        assert_eq!(roles.len(), 11);
        let senders: Vec<_> = roles.iter().filter(|role| role.picture != Picture::Nothing).collect();
        assert_eq!(senders.len(), 1);
        assert!(roles.iter().all(|role| role.room == 0 && role.video_slots == 1));
    }

    #[test]
    fn a_storm_comes_within_a_second_to_rooms_in_which_two_are() {
        let roles = Scenario::JoinStorm { joins: 25, room_size: 10 }.roles(MINUTE, 1);
        for room in 0..3 {
            let hosts =
                roles.iter().filter(|role| role.room == room && matches!(role.coming, Coming::Before(_)));
            assert_eq!(hosts.count(), 2);
        }
        let late: Vec<_> = roles
            .iter()
            .filter_map(|role| if let Coming::During(at) = role.coming { Some(at) } else { None })
            .collect();
        assert_eq!(late.len(), 25);
        assert!(late.iter().all(|at| *at < Duration::from_secs(1)));
    }

    #[test]
    fn a_place_is_never_free_in_a_churn_and_the_seed_repeats_it() {
        let scenario = Scenario::Churn { rooms: 2, participants: 3, stay: Duration::from_secs(10) };
        let roles = scenario.roles(MINUTE, 7);
        assert_eq!(roles, scenario.roles(MINUTE, 7));
        assert_ne!(roles, scenario.roles(MINUTE, 8));
        assert!(roles.len() > 20, "{}", roles.len());
        assert_eq!(roles.iter().filter(|role| matches!(role.coming, Coming::Before(_))).count(), 6);
    }
}

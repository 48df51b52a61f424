//! Sound over networks that lose some of it, with redundancy and without.

use std::collections::BTreeSet;

use allo_sfu::ParticipantId;

use crate::client::{Client, Habits};
use crate::lab::{Lab, Network, ROOM, SECOND};
use crate::streams::check_streams;

const RED: Habits = Habits { sends_cam: false, layers: 1, video_slots: 0, has_red: true, ..Habits::USUAL };
const PLAIN: Habits = Habits { has_red: false, ..RED };

/// Makes people join, and lets them talk for a minute.
fn talk(seed: u64, people: &[(Habits, Network)]) -> Lab {
    let mut lab = Lab::new(seed);
    for (n, (habits, network)) in (1..).zip(people) {
        lab.join_with(n, ROOM, *habits, *network);
    }
    lab.run_until_connected();
    lab.run_for(60 * SECOND);
    lab
}

/// Returns how many frames of one participant's sound another one did not get, of how many.
fn lost(listener: &Client, of: ParticipantId) -> (usize, usize) {
    let packets = || listener.received.iter().filter(|it| it.tag.publisher == of);
    let first = packets().next().expect("something is heard").tag.frame;
    let frames = packets().flat_map(|it| it.previous.into_iter().chain([it.tag])).map(|tag| tag.frame);
    let heard: BTreeSet<u32> = frames.filter(|frame| *frame >= first).collect();
    let all = heard.last().map_or(0, |last| usize::try_from(last - first + 1).unwrap());
    (all - heard.len(), all)
}

/// Returns the lost frames of everybody with everybody else, in a hundred thousand.
fn lost_of_all(lab: &Lab) -> usize {
    let everybody = || lab.clients.keys();
    let pairs = everybody().flat_map(|to| everybody().filter(move |of| *of != to).map(move |of| (to, of)));
    let counts = pairs.map(|(to, of)| lost(&lab.clients[to], *of));
    let (lost, all) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert!(all > 10_000, "{all} frames");
    lost * 100_000 / all
}

#[test]
fn redundancy_makes_up_for_what_is_lost_on_either_way() {
    let plain = lost_of_all(&talk(80, &[(PLAIN, Network::BAD); 3]));
    let lab = talk(80, &[(RED, Network::BAD); 3]);
    let red = lost_of_all(&lab);
    println!("lost of 100,000 frames at 5 % loss each way: {plain} without redundancy, {red} with it");
    println!("{} made up for by the worker", lab.sfu.counters().repaired);
    // Two ways that lose a twentieth each. With redundancy two in a row have to be lost on the same way.
    assert!((8_500..11_000).contains(&plain), "{plain}");
    assert!(red <= 800, "{red}");
}

#[test]
fn what_is_lost_on_the_way_here_is_made_up_for_to_those_who_know_no_redundancy() {
    let lab = talk(81, &[(RED, Network::BAD), (PLAIN, Network::GOOD)]);
    let (lost, all) = lost(&lab.clients[&ParticipantId(2)], ParticipantId(1));
    println!("{lost} of {all} frames lost");
    assert!(all > 2_900 && lost * 100 <= all, "{lost} of {all}");
    let packets = &lab.clients[&ParticipantId(2)].received;
    assert!(packets.iter().all(|it| it.previous.is_none()));
    assert!(lab.sfu.counters().repaired > 100, "{:?}", lab.sfu.counters());
}

#[test]
fn who_has_redundancy_and_who_has_none_hear_each_other() {
    let lab = talk(82, &[(RED, Network::GOOD), (PLAIN, Network::GOOD), (RED, Network::GOOD)]);
    for (own, client) in &lab.clients {
        check_streams(client);
        for of in lab.clients.keys().filter(|of| *of != own) {
            let (lost, all) = lost(client, *of);
            assert!(lost == 0 && all > 2_900, "{own:?} lost {lost} of {all} of {of:?}");
            let packets: Vec<_> = client.received.iter().filter(|it| it.tag.publisher == *of).collect();
            let redundant = packets.iter().filter(|it| it.previous.is_some()).count();
            let is_redundant = own.0 != 2 && of.0 != 2;
            assert_eq!(redundant > 0, is_redundant, "{own:?} of {of:?}");
            assert!(!is_redundant || redundant + 1 >= packets.len(), "{redundant} of {}", packets.len());
            assert!(packets.iter().all(|it| it.level == Some(-30)), "the level comes along");
        }
    }
    assert_eq!(lab.sfu.counters().repaired, 0);
}

#[test]
fn a_pause_is_not_taken_for_a_loss() {
    let mut lab = talk(83, &[(RED, Network::GOOD), (RED, Network::GOOD), (PLAIN, Network::GOOD)]);
    for is_mic_on in [false, true, false, true] {
        lab.clients.get_mut(&ParticipantId(1)).unwrap().is_mic_on = is_mic_on;
        lab.run_for(SECOND);
    }
    lab.clients.values().for_each(check_streams);
    assert_eq!(lab.sfu.counters().repaired, 0);
}

#[test]
fn malformed_redundancy_reaches_nobody_and_harms_nobody() {
    let mut lab = talk(84, &[(RED, Network::BAD), (RED, Network::GOOD), (PLAIN, Network::GOOD)]);
    let mut random = fastrand::Rng::with_seed(84);
    let since = lab.now;
    for _ in 0..2_000 {
        // Those who get it would panic if they could not read it.
        let mut payload: Vec<u8> = (0..random.usize(1..80)).map(|_| random.u8(..)).collect();
        payload[0] |= random.u8(0..2) << 7;
        lab.act(ParticipantId(1), |client, now| client.send_as_sound(now, &payload));
        lab.run_for(SECOND / 100);
    }
    for listener in [2, 3].map(ParticipantId) {
        let heard = lab.clients[&listener].heard(since);
        let heard = heard.iter().filter(|it| it.tag.publisher == ParticipantId(1)).count();
        assert!(heard > 900, "{heard} of a thousand good packets of the same participant");
    }
}

/// Chromium takes a packet under an SSRC that it does not know for the beginning of the slot's stream, and plays nothing of the true one.
#[test]
fn nothing_comes_under_another_name_than_that_of_the_slot() {
    let without_pictures = Habits { sends_cam: false, video_slots: 0, ..Habits::USUAL };
    let unseen = Habits { sends_cam: false, ..Habits::USUAL };
    let lab =
        talk(85, &[(unseen, Network::GOOD), (unseen, Network::GOOD), (without_pictures, Network::GOOD)]);
    for own in lab.clients.keys() {
        assert!(!lab.ssrcs_to(*own).contains(&0), "{:?}", lab.ssrcs_to(*own));
    }
}

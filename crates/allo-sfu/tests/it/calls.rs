//! Calls of a few people over a network.

use std::collections::BTreeSet;
use std::time::Duration;

use allo_sfu::{Codec, ParticipantId, Peer, RoomId, Sfu, SfuEvent, TrackId, worker_of};
use str0m::net::Protocol;

use crate::client::{Client, Habits, Received};
use crate::lab::{Lab, Network, ROOM, SECOND, WORKER, address, cam, config, mic, server};
use crate::streams::{check_streams, missing};

fn publishers<'a>(received: impl IntoIterator<Item = &'a Received>) -> BTreeSet<ParticipantId> {
    received.into_iter().map(|it| it.tag.publisher).collect()
}

fn others(all: &[ParticipantId], own: ParticipantId) -> BTreeSet<ParticipantId> {
    all.iter().copied().filter(|other| *other != own).collect()
}

#[test]
fn three_in_a_room_hear_and_see_each_other_and_nobody_themselves() {
    let (mut lab, all) = Lab::meeting(1, 3);
    let since = lab.now;
    lab.run_for(3 * SECOND);
    for own in &all {
        let client = &lab.clients[own];
        assert_eq!(publishers(client.seen(since)), others(&all, *own), "{own:?} sees");
        assert_eq!(publishers(client.heard(since)), others(&all, *own), "{own:?} hears");
        check_streams(client);
    }
    let published = lab.events.iter().filter(|(_, it)| matches!(it, SfuEvent::TrackPublished(..))).count();
    assert_eq!(published, 6);
    assert_eq!(lab.sfu.counters().congested + lab.sfu.counters().overrun, 0);
}

#[test]
fn a_late_joiner_sees_a_picture_at_once() {
    let (mut lab, all) = Lab::meeting(2, 3);
    lab.run_for(4 * SECOND);
    let late = lab.join(4);
    lab.run_until_connected();
    let since = lab.now;
    lab.run_for(Duration::from_millis(300));
    let seen = lab.clients[&late].seen(since);
    let begun = seen.iter().filter(|it| it.tag.is_keyframe && it.tag.begins).copied();
    assert_eq!(publishers(begun), others(&all, late));
}

#[test]
fn pictures_in_h264_come_to_those_who_know_it_and_cost_the_others_nothing() {
    let mut lab = Lab::new(21);
    let knows = Habits { has_h264: true, ..Habits::default() };
    let [one, two, other] = [(1, knows), (2, knows), (3, Habits::default())]
        .map(|(n, habits)| lab.join_with(n, ROOM, habits, Network::GOOD));
    lab.run_until_connected();
    let since = lab.now;
    lab.run_for(3 * SECOND);
    let seen = |lab: &Lab, own| publishers(lab.clients[&own].seen(since));
    assert_eq!(seen(&lab, one), BTreeSet::from([two, other]));
    assert_eq!(seen(&lab, two), BTreeSet::from([one, other]));
    assert_eq!(seen(&lab, other), BTreeSet::new());
    assert_eq!(publishers(lab.clients[&other].heard(since)), BTreeSet::from([one, two]));
    let undecodable = |of: TrackId| {
        let is_of = |it: &&SfuEvent| matches!(it, SfuEvent::VideoUndecodable { track, .. } if *track == of);
        lab.events.iter().map(|(_, event)| event).filter(is_of).cloned().collect::<Vec<_>>()
    };
    for track in [cam(one), cam(two)] {
        let codec = Some(Codec::H264);
        let expected = SfuEvent::VideoUndecodable { subscriber: other, track, codec };
        assert_eq!(undecodable(track), [expected], "it is said once, to who cannot see it");
    }
    assert_eq!(undecodable(cam(other)), []);
    // From layer to layer it goes at keyframes.
    for height in [180, 720, 360] {
        lab.wish(one, &[(cam(two), height)]);
        lab.run_for(3 * SECOND);
    }
    let layers: BTreeSet<_> = lab.clients[&one].seen(since).iter().map(|it| it.tag.layer).collect();
    assert_eq!(layers, BTreeSet::from([0, 1, 2]));
    for own in [one, two, other] {
        check_streams(&lab.clients[&own]);
    }
}

#[test]
fn two_rooms_do_not_mix() {
    let mut lab = Lab::new(3);
    let rooms = [RoomId(1), RoomId(2)];
    for n in 1..=4 {
        let room = rooms[usize::from(n > 2)];
        lab.join_with(n, room, Habits::default(), Network::GOOD);
    }
    lab.run_until_connected();
    // Nobody gets a track of another room by naming it, nor its own.
    let [one, two, three] = [1, 2, 3].map(ParticipantId);
    lab.wish(one, &[(cam(three), 720), (cam(one), 720), (cam(two), 720)]);
    lab.run_for(2 * SECOND);
    for (own, other) in [(1, 2), (2, 1), (3, 4), (4, 3)] {
        let received = &lab.clients[&ParticipantId(own)].received;
        assert_eq!(publishers(received), BTreeSet::from([ParticipantId(other)]), "{own} receives");
    }
}

#[test]
fn who_leaves_empties_slots_that_the_next_one_fills_without_renegotiation() {
    let (mut lab, all) = Lab::meeting(4, 3);
    lab.run_for(2 * SECOND);
    let left_at = lab.now;
    lab.leave(all[2]);
    let events = lab.events_since(left_at);
    for own in &all[..2] {
        let is_own =
            |it: &&SfuEvent| matches!(it, SfuEvent::SlotEmptied { subscriber, .. } if subscriber == own);
        assert_eq!(events.iter().filter(is_own).count(), 2, "a slot for sound and one for pictures");
    }
    assert!(events.contains(&SfuEvent::TrackUnpublished(cam(all[2]))));
    lab.run_for(SECOND);
    let fourth = lab.join(4);
    lab.run_for(3 * SECOND);
    for own in &all[..2] {
        let client = &lab.clients[own];
        assert!(publishers(client.seen(left_at + 3 * SECOND)).contains(&fourth));
        let slots: BTreeSet<_> = client.received.iter().map(|it| &it.mid).collect();
        assert_eq!(slots.len(), 4, "the new one came in the slots of the one who left");
        check_streams(client);
    }
}

#[test]
fn the_loudest_are_heard_and_who_begins_to_speak_gets_a_slot() {
    let (mut lab, all) = Lab::meeting(5, 6);
    for (own, client) in &mut lab.clients {
        client.level = if own.0 <= 3 { -30 } else { -90 };
    }
    lab.run_for(3 * SECOND);
    let since = lab.now;
    lab.run_for(SECOND);
    let listener = all[5];
    assert_eq!(publishers(lab.clients[&listener].heard(since)), all[..3].iter().copied().collect());
    for (own, level) in [(all[0], -90), (all[4], -25)] {
        lab.clients.get_mut(&own).unwrap().level = level;
    }
    let changed_at = lab.now;
    lab.run_for(3 * SECOND);
    let heard = lab.clients[&listener].heard(changed_at);
    let first = heard.iter().find(|it| it.tag.publisher == all[4]).expect("the fifth is heard");
    assert!(first.at - changed_at < Duration::from_millis(1_500), "{:?}", first.at - changed_at);
    check_streams(&lab.clients[&listener]);
    let events = lab.events_since(changed_at);
    assert!(events.contains(&SfuEvent::SpeakingChanged { track: mic(all[4]), is_speaking: true }));
    assert!(events.contains(&SfuEvent::SpeakingChanged { track: mic(all[0]), is_speaking: false }));
    assert!(events.contains(&SfuEvent::ActiveSpeakerChanged(ROOM, mic(all[4]))));
}

#[test]
fn that_somebody_speaks_is_said_of_those_who_have_no_slot_too() {
    let mut lab = Lab::new(16);
    let habits = Habits { sends_cam: false, ..Habits::default() };
    let all: Vec<_> = (1..=9).map(|n| lab.join_with(n, ROOM, habits, Network::GOOD)).collect();
    lab.run_until_connected();
    lab.clients.values_mut().for_each(|client| client.level = -90);
    lab.run_for(2 * SECOND);
    for (talkers, is_speaking) in [(&all[..7], true), (&all[2..4], false), (&all[2..3], true)] {
        let since = lab.now;
        for own in talkers {
            lab.clients.get_mut(own).unwrap().level = if is_speaking { -30 } else { -90 };
        }
        lab.run_for(2 * SECOND);
        let changes = lab.events_since(since).into_iter().filter_map(|it| match it {
            SfuEvent::SpeakingChanged { track, is_speaking } => Some((track, is_speaking)),
            _ => None,
        });
        let expected: BTreeSet<_> = talkers.iter().map(|own| (mic(*own), is_speaking)).collect();
        assert_eq!(changes.collect::<BTreeSet<_>>(), expected);
    }
    let since = lab.now;
    lab.run_for(SECOND);
    assert_eq!(publishers(lab.clients[&all[8]].heard(since)).len(), 4, "of six who speak");
}

#[test]
fn what_goes_to_one_subscriber_comes_in_a_row() {
    let mut lab = Lab::new(13);
    let publisher = lab.join(1);
    for n in 2..=9 {
        let habits = Habits { sends_mic: false, sends_cam: false, ..Habits::default() };
        lab.join_with(n, ROOM, habits, Network::GOOD);
    }
    lab.run_until_connected();
    lab.clients.get_mut(&publisher).unwrap().is_mic_on = false;
    lab.run_for(6 * SECOND);
    lab.trains.clear();
    let sent: u64 = lab.sent.values().sum();
    lab.run_for(SECOND);
    let sent = usize::try_from(lab.sent.values().sum::<u64>() - sent).unwrap();
    println!("{sent} datagrams in {} trains", lab.trains.len());
    // A frame has five packets.
    assert!(sent >= 8 * 30 * 5, "{sent}");
    assert!(lab.trains.len() * 3 < sent, "{sent} datagrams in {} trains", lab.trains.len());
}

#[test]
fn a_frame_that_comes_packet_by_packet_goes_out_in_a_row() {
    let mut lab = Lab::new(15);
    let publisher = lab.join(1);
    for n in 2..=5 {
        let habits = Habits { sends_mic: false, sends_cam: false, ..Habits::default() };
        lab.join_with(n, ROOM, habits, Network::GOOD);
    }
    lab.run_until_connected();
    lab.clients.get_mut(&publisher).unwrap().is_mic_on = false;
    lab.run_for(6 * SECOND);
    let spread = Network { jitter: Duration::from_micros(800), ..Network::GOOD };
    lab.networks.insert(publisher, spread);
    lab.run_for(SECOND);
    lab.trains.clear();
    let sent: u64 = lab.sent.values().sum();
    lab.run_for(SECOND);
    let sent = usize::try_from(lab.sent.values().sum::<u64>() - sent).unwrap();
    println!("{sent} datagrams in {} trains", lab.trains.len());
    assert!(sent >= 4 * 30 * 5, "{sent}");
    // Three layers end at three times, and out of order. One by one there would be a train for each datagram.
    assert!(lab.trains.len() * 3 < sent * 2, "{sent} datagrams in {} trains", lab.trains.len());
}

#[test]
fn who_is_very_near_keeps_nobody_busy() {
    let mut lab = Lab::new(14);
    let network = Network { delay: Duration::ZERO, ..Network::GOOD };
    lab.grain = Duration::from_millis(10);
    lab.join_with(1, ROOM, Habits { sends_mic: false, ..Habits::default() }, network);
    for n in 2..=3 {
        let habits = Habits { sends_mic: false, sends_cam: false, ..Habits::default() };
        lab.join_with(n, ROOM, habits, network);
    }
    lab.run_until_connected();
    lab.run_for(2 * SECOND);
    lab.timeouts = 0;
    lab.run_for(SECOND);
    println!("{} wakes in a second of three who are as near as can be", lab.timeouts);
    assert!(lab.timeouts <= 600, "{} wakes", lab.timeouts);
    lab.clients.values().for_each(check_streams);
}

#[test]
fn keyframe_requests_are_throttled_for_each_layer() {
    let (mut lab, all) = Lab::meeting(6, 6);
    lab.run_for(2 * SECOND);
    // Each of five asks for five pictures: a thousand requests a second for each.
    for _ in 0..400 {
        for own in &all[1..] {
            lab.act(*own, Client::request_keyframes);
        }
        lab.run_for(Duration::from_millis(5));
    }
    let requests = &lab.clients[&all[0]].keyframe_requests;
    for layer in 0..3 {
        let times: Vec<_> = requests.iter().filter(|(_, of)| *of == layer).map(|(at, _)| *at).collect();
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= Duration::from_millis(310)), "{layer}: {gaps:?}");
        assert!(times.len() <= 12, "{layer}: {} requests in four seconds", times.len());
    }
    assert!(requests.len() >= 4, "{} requests in two seconds of asking", requests.len());
}

#[test]
fn losses_and_reordering_are_repaired() {
    let mut lab = Lab::new(7);
    for n in 1..=3 {
        lab.join_with(n, ROOM, Habits::default(), Network::BAD);
    }
    lab.run_until_connected();
    lab.run_for(10 * SECOND);
    let counts: Vec<_> = lab.clients.values().map(missing).collect();
    println!("packets of video missing, of how many: {counts:?}");
    let (missing, all) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    // How much is sent to each is up to the estimate, which such a network shakes. How much of it is repaired is not.
    assert!(all > 1_500, "{all}");
    // Each packet crosses the network twice: without repair one in ten were missing.
    assert!(missing * 100 <= all * 3, "{missing} of {all}");
}

#[test]
fn a_publisher_who_begins_anew_is_seen_again() {
    let (mut lab, all) = Lab::meeting(8, 3);
    lab.run_for(2 * SECOND);
    lab.leave(all[0]);
    lab.run_for(Duration::from_millis(500));
    lab.join(1);
    let since = lab.now;
    lab.run_for(3 * SECOND);
    for own in &all[1..] {
        let client = &lab.clients[own];
        assert!(publishers(client.seen(since)).contains(&all[0]));
        assert!(publishers(client.heard(since)).contains(&all[0]));
        check_streams(client);
    }
}

#[test]
fn numbers_that_run_over_interrupt_nothing() {
    let (mut lab, all) = Lab::meeting(15, 3);
    // Each stream has 16 bits for its numbers, and gets there within these seconds.
    lab.clients.values_mut().for_each(|client| client.sequences = [65_500; 4]);
    lab.run_for(SECOND);
    let before = lab.latest_up[&(all[0], false)].clone();
    let since = lab.now;
    lab.run_for(6 * SECOND);
    (0..100).for_each(|_| lab.inject(address(1), &before));
    lab.run_for(SECOND);
    for own in &all {
        let client = &lab.clients[own];
        assert!(client.sequences.iter().all(|sequence| *sequence > 65_536), "{:?}", client.sequences);
        assert!(client.heard(since).len() >= 2 * 340, "{own:?} hears {}", client.heard(since).len());
        assert_eq!(publishers(client.seen(since + 5 * SECOND)), others(&all, *own), "{own:?} sees");
        check_streams(client);
    }
}

fn ufrags(answer: &str) -> BTreeSet<String> {
    answer.lines().filter_map(|line| Some(line.strip_prefix("a=ice-ufrag:")?.to_owned())).collect()
}

/// Returns the worker that a participant's latest check was for, and the name that it called it.
fn worker_of_checks(lab: &Lab, own: ParticipantId) -> (Option<u8>, String) {
    let check = &lab.latest_up[&(own, true)];
    let at = check.windows(2).position(|two| two == b"a7").expect("the name stands in the check");
    (worker_of(check), String::from_utf8_lossy(&check[at..at + 16]).into_owned())
}

#[test]
fn checks_say_which_worker_they_are_for_and_addresses_are_known_from_then_on() {
    let mut lab = Lab::new(12);
    let own = lab.join(1);
    assert!(!lab.sfu.knows(address(1)), "no check has come yet");
    lab.run_until_connected();
    assert!(lab.sfu.knows(address(1)) && !lab.sfu.knows(address(2)));
    assert_eq!(worker_of_checks(&lab, own).0, Some(WORKER));
    assert_eq!(worker_of(&lab.latest_up[&(own, false)]), None, "only checks say it");
    // A second worker at the same address knows neither, and takes no note.
    let mut other = Sfu::new(lab.now, config(3));
    for is_check in [true, false] {
        other.handle_datagram(lab.now, address(1), server(), &lab.latest_up[&(own, is_check)]);
    }
    assert!(!other.knows(address(1)) && other.poll_transmit().is_none());
    assert_eq!(other.counters().strangers, 2);
    lab.leave(own);
    assert!(!lab.sfu.knows(address(1)));
}

#[test]
fn by_tcp_and_by_udp_people_see_and_hear_each_other() {
    let mut lab = Lab::new(21);
    let by_tcp = Habits { protocol: Protocol::Tcp, ..Habits::default() };
    let all = [
        lab.join_with(1, ROOM, by_tcp, Network::GOOD),
        lab.join_with(2, ROOM, by_tcp, Network::GOOD),
        lab.join(3),
    ];
    lab.run_until_connected();
    assert!(lab.sfu.knows_peer(Peer::tcp(address(1))) && !lab.sfu.knows(address(1)));
    assert!(lab.sfu.knows(address(3)) && !lab.sfu.knows_peer(Peer::tcp(address(3))));
    let since = lab.now;
    lab.run_for(4 * SECOND);
    for own in &all {
        let client = &lab.clients[own];
        check_streams(client);
        assert!(client.seen(since).len() > 150 && client.heard(since).len() > 300);
    }
    assert!(lab.astray.is_empty(), "nothing goes by another way than it came");
}

#[test]
fn only_a_check_for_somebody_here_is_expected() {
    let (mut lab, all) = Lab::meeting(22, 1);
    let (check, other) = (&lab.latest_up[&(all[0], true)].clone(), &lab.latest_up[&(all[0], false)].clone());
    assert!(lab.sfu.expects(check) && !lab.sfu.expects(other));
    assert!(!lab.sfu.expects(&check[..check.len() - 1]) && !lab.sfu.expects(&[]));
    lab.leave(all[0]);
    assert!(!lab.sfu.expects(check));
}

#[test]
fn an_ice_restart_does_not_interrupt_the_call() {
    let (mut lab, all) = Lab::meeting(9, 2);
    lab.run_for(SECOND);
    let offer = lab.clients.get_mut(&all[0]).unwrap().offer_restart();
    let answer = lab.sfu.connect(lab.now, all[0], ROOM, &offer).unwrap();
    assert_ne!(
        ufrags(&answer),
        BTreeSet::from([worker_of_checks(&lab, all[0]).1]),
        "a restart is under a new name"
    );
    assert!(ufrags(&answer).iter().all(|ufrag| ufrag.starts_with("a7")), "{:?}", ufrags(&answer));
    assert!(answer.contains("a=candidate:") && !answer.contains(" ufrag "), "no candidate keeps an old name");
    lab.act(all[0], |client, now| client.handle_answer(now, &answer));
    lab.run_for(SECOND);
    let since = lab.now;
    lab.run_for(4 * SECOND);
    assert!(lab.clients.values().all(|client| client.seen(since).len() > 120));
    assert_eq!(BTreeSet::from([worker_of_checks(&lab, all[0]).1]), ufrags(&answer));
    lab.clients.values().for_each(check_streams);
}

#[test]
fn slots_keep_their_names_over_further_offers_whether_they_were_used_or_not() {
    let (mut lab, all) = Lab::meeting(16, 2);
    let mut names_after = |duration| {
        lab.run_for(duration);
        let offer = lab.clients.get_mut(&all[0]).unwrap().offer_restart();
        let answer = lab.sfu.connect(lab.now, all[0], ROOM, &offer).unwrap();
        lab.act(all[0], |client, now| client.handle_answer(now, &answer));
        let names = answer.lines().filter(|line| line.starts_with("a=ssrc"));
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let before = names_after(Duration::ZERO);
    let Habits { audio_slots, video_slots, .. } = Habits::default();
    let groups = before.iter().filter(|name| name.starts_with("a=ssrc-group:FID")).count();
    assert!(before.len() > audio_slots + video_slots && groups == video_slots, "{before:?}");
    assert_eq!(names_after(3 * SECOND), before);
    assert_eq!(names_after(3 * SECOND), before);
    let since = lab.now;
    lab.run_for(3 * SECOND);
    assert!(lab.clients.values().all(|client| client.seen(since).len() > 90));
    lab.clients.values().for_each(check_streams);
}

#[test]
fn who_does_not_read_costs_nobody_else_anything_and_is_given_up() {
    let (mut lab, all) = Lab::meeting(10, 3);
    lab.run_for(3 * SECOND);
    lab.clients.get_mut(&all[2]).unwrap().is_deaf = true;
    let since = lab.now;
    lab.run_for(35 * SECOND);
    let sent = lab.sent[&all[2]];
    lab.run_for(5 * SECOND);
    assert_eq!(lab.sent[&all[2]], sent, "nothing is sent after half a minute without a sign of life");
    for own in &all[..2] {
        check_streams(&lab.clients[own]);
        let sounds = lab.clients[own].heard(since).len();
        assert!(sounds >= 1_950, "{sounds} packets of the other one's sound in 40 seconds");
    }
    lab.run_for(30 * SECOND);
    let is_closed = |it: &SfuEvent| matches!(it, SfuEvent::TransportClosed(own, _) if *own == all[2]);
    assert!(lab.events_since(since).iter().any(is_closed));
}

#[test]
fn what_a_network_loses_of_handshakes_comes_again_within_a_fraction_of_a_second() {
    let times: Vec<Duration> = (0..200)
        .map(|seed| {
            let mut lab = Lab::new(9_000 + seed);
            let start = lab.now;
            lab.join_with(1, ROOM, Habits::default(), Network::BAD);
            lab.run_until_connected();
            lab.now - start
        })
        .collect();
    // One in five loses something.
    let late = times.iter().filter(|it| **it > SECOND / 2).count();
    assert!(late <= times.len() / 10, "{late} of {} took more than half a second", times.len());
}

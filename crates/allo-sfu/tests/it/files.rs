//! Files over a made-up network, and what comes by data channels from those who mean no good.

use std::time::{Duration, Instant};

use allo_sfu::{FileId, ParticipantId, SfuEvent};
use proptest::prelude::*;
use str0m::channel::ChannelConfig;

use crate::client::{Files, Habits};
use crate::lab::{Lab, Network, ROOM, SECOND, explore};
use crate::streams::{check_streams, missing};

const PART: usize = 16_384;

fn bytes(seed: u8, length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed.into());
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

/// Makes as many meet, all with data channels. The first has a file of this length, under the number 1.
fn meeting(seed: u64, count: u64, length: usize) -> (Lab, Vec<ParticipantId>) {
    let (mut lab, all) = Lab::meeting(seed, count);
    for own in &all {
        lab.open_channel(*own);
    }
    let until = lab.now + 5 * SECOND;
    let is_open = |lab: &Lab| lab.clients.values().all(|client| client.files.is_open);
    assert!(lab.run_until(until, is_open), "not all channels are open");
    lab.clients.get_mut(&all[0]).unwrap().files.own.insert(1, bytes(1, length));
    (lab, all)
}

fn has_all(lab: &Lab, own: ParticipantId, parts: usize) -> bool {
    lab.clients[&own].files.count >= parts
}

fn stopped(lab: &Lab) -> Vec<(Instant, ParticipantId)> {
    let stopped = |(at, event): &(Instant, SfuEvent)| match event {
        SfuEvent::FileStopped { taker, .. } => Some((*at, *taker)),
        _ => None,
    };
    lab.events.iter().filter_map(stopped).collect()
}

#[test]
fn a_file_arrives_byte_for_byte_at_all_who_take_it_whenever_they_begin() {
    let (mut lab, all) = meeting(1, 3, 60 * PART + 5);
    lab.send_file(1, all[0], all[1]);
    let until = lab.now + 30 * SECOND;
    assert!(lab.run_until(until, |lab| has_all(lab, all[1], 20)));
    lab.send_file(1, all[0], all[2]);
    assert!(lab.run_until(until, |lab| has_all(lab, all[1], 61) && has_all(lab, all[2], 61)));
    let file = &lab.clients[&all[0]].files.own[&1];
    for taker in &all[1..] {
        assert_eq!(&lab.clients[taker].files.whole(1), file);
    }
    let asked = lab.clients[&all[0]].files.asked.len();
    assert!((70..100).contains(&asked), "two who take it at a time are sent the same: {asked}");
    lab.run_for(SECOND);
    assert_eq!(lab.clients[&all[0]].files.asked.len(), asked, "then nothing more is asked for");
    assert_eq!(stopped(&lab), []);
}

#[test]
fn a_file_arrives_over_a_network_that_loses_and_reorders() {
    let mut lab = Lab::new(2);
    let all: Vec<_> = (1..=2).map(|n| lab.join_with(n, ROOM, Habits::default(), Network::BAD)).collect();
    lab.run_until_connected();
    for own in &all {
        lab.open_channel(*own);
    }
    lab.clients.get_mut(&all[0]).unwrap().files.own.insert(1, bytes(2, 20 * PART));
    lab.send_file(1, all[0], all[1]);
    let until = lab.now + 60 * SECOND;
    assert!(lab.run_until(until, |lab| has_all(lab, all[1], 20)), "before the channels are open, it waits");
    assert_eq!(lab.clients[&all[1]].files.whole(1), lab.clients[&all[0]].files.own[&1]);
}

#[test]
fn sound_goes_on_while_a_file_comes_over_a_narrow_link() {
    let (mut lab, all) = meeting(3, 2, 200 * PART);
    lab.networks.insert(all[1], Network { down_max: Some(3_000_000), ..Network::GOOD });
    lab.run_for(5 * SECOND);
    let since = lab.now;
    lab.send_file(1, all[0], all[1]);
    lab.run_for(10 * SECOND);
    let heard = lab.clients[&all[1]].heard(since);
    assert!(heard.len() > 480, "{} packets of sound in ten seconds", heard.len());
    let (lost, _) = missing(&lab.clients[&all[1]]);
    assert!(lost < 20, "{lost} packets of sound are missing");
    let count = lab.clients[&all[1]].files.count;
    assert!(count > 10, "and the file comes, too: {count} parts");
}

#[test]
fn who_takes_nothing_holds_up_little_and_is_left_out() {
    let (mut lab, all) = meeting(4, 3, 1_000 * PART);
    let start = lab.now;
    lab.send_file(1, all[0], all[1]);
    lab.send_file(1, all[0], all[2]);
    lab.run_for(SECOND);
    lab.clients.get_mut(&all[2]).unwrap().is_deaf = true;
    lab.run_for(Duration::from_millis(500));
    let (asked, came) = (lab.clients[&all[0]].files.asked.len(), lab.clients[&all[1]].files.count);
    lab.run_for(10 * SECOND);
    let held = lab.clients[&all[0]].files.asked.len() - asked;
    assert!(held <= 16, "{held} parts were asked for that nobody could be sent");
    assert!(lab.clients[&all[1]].files.count - came <= 16);
    let until = start + 60 * SECOND;
    assert!(lab.run_until(until, |lab| !stopped(lab).is_empty()));
    let [(at, who)] = stopped(&lab)[..] else { panic!("one is left out") };
    assert!(who == all[2] && at - start < 25 * SECOND, "{who:?} after {:?}", at - start);
    assert!(lab.run_until(until, |lab| has_all(lab, all[1], 1_000)), "the other gets all of it");
}

#[test]
fn a_sender_who_sends_nothing_is_waited_for_so_long() {
    let (mut lab, all) = meeting(5, 2, PART);
    lab.clients.get_mut(&all[0]).unwrap().files.own.clear();
    let start = lab.now;
    lab.sfu.send_file(lab.now, FileId(1), 100, all[0], all[1]);
    lab.run_for(30 * SECOND);
    let [(at, who)] = stopped(&lab)[..] else { panic!("it is over once") };
    assert!(who == all[1] && (20..22).contains(&(at - start).as_secs()));
}

#[test]
fn who_leaves_ends_what_they_send_and_what_they_take() {
    let (mut lab, all) = meeting(6, 3, 1_000 * PART);
    lab.send_file(1, all[0], all[1]);
    lab.send_file(1, all[0], all[2]);
    lab.run_for(SECOND);
    lab.leave(all[2]);
    lab.run_for(SECOND);
    assert_eq!(stopped(&lab), [], "the rooms know of it");
    let came = lab.clients[&all[1]].files.count;
    lab.run_for(SECOND);
    assert!(lab.clients[&all[1]].files.count > came);
    lab.leave(all[0]);
    assert_eq!(stopped(&lab).len(), 1);
    lab.run_for(SECOND);
    lab.sfu.send_file(lab.now, FileId(1), 100, all[0], all[1]);
    lab.run_for(SECOND);
    assert_eq!(stopped(&lab).len(), 2, "a sender who is not there");
}

#[test]
fn a_file_that_is_not_wanted_any_more_stops_and_can_be_taken_again() {
    let (mut lab, all) = meeting(7, 2, 300 * PART);
    for round in 0..3 {
        lab.send_file(1, all[0], all[1]);
        lab.run_for(SECOND);
        lab.sfu.stop_file(lab.now, FileId(1), all[1]);
        if round > 0 {
            lab.run_for(SECOND / 10);
        }
        let asked = lab.clients[&all[0]].files.asked.len();
        if round > 0 {
            lab.run_for(SECOND);
        }
        assert_eq!(lab.clients[&all[0]].files.asked.len(), asked);
        lab.clients.get_mut(&all[1]).unwrap().files.came.clear();
    }
    assert_eq!(stopped(&lab), []);
    assert!(lab.clients[&all[0]].is_connected);
}

#[test]
fn what_was_not_asked_for_ends_the_file_and_who_goes_on_is_put_out() {
    for (file, place, length) in
        [(1, 16_384, 16_384), (1, 0, 16_383), (1, 0, 1), (1, 7, 16_384), (1, u32::MAX, 9)]
    {
        let (mut lab, all) = meeting(8, 3, 100 * PART);
        let own = lab.clients.get_mut(&all[0]).unwrap().files.own.remove(&1).unwrap();
        lab.sfu.send_file(lab.now, FileId(1), u32::try_from(own.len()).unwrap(), all[0], all[1]);
        lab.run_for(SECOND);
        let forged = Files::part(file, place, &vec![0; length]);
        lab.act(all[0], |client, now| {
            client.files.outgoing.push_back(forged);
            client.send_messages(now)
        });
        lab.run_for(SECOND);
        assert_eq!(stopped(&lab).len(), 1, "{place} {length}");
        assert_eq!(lab.clients[&all[1]].files.count, 0);
        lab.act(all[0], |client, now| {
            client.files.outgoing.extend(std::iter::repeat_n(Files::part(1, 0, &[0; 100]), 50));
            client.send_messages(now)
        });
        lab.run_for(SECOND);
        let closed = lab
            .events
            .iter()
            .any(|(_, it)| matches!(it, SfuEvent::TransportClosed(who, _) if *who == all[0]));
        assert!(closed, "who sends what nobody asked for is put out");
        check_others_go_on(&mut lab, &all[1..]);
    }
}

/// Checks that sound and pictures go on among those who did nothing.
fn check_others_go_on(lab: &mut Lab, others: &[ParticipantId]) {
    let since = lab.now;
    lab.run_for(2 * SECOND);
    for own in others {
        assert!(lab.clients[own].heard(since).len() > 80, "{own:?} hears");
        assert!(lab.clients[own].seen(since).len() > 30, "{own:?} sees");
        check_streams(&lab.clients[own]);
    }
}

#[test]
fn channels_that_nobody_asked_for_are_not_answered() {
    let (mut lab, all) = Lab::meeting(9, 3);
    let other = ChannelConfig { label: "x".repeat(1_000), ..ChannelConfig::default() };
    lab.open_channels(all[0], &vec![other; 200]);
    lab.run_for(5 * SECOND);
    assert!(lab.clients[&all[0]].files.is_open, "but the one that is agreed upon is there");
    check_others_go_on(&mut lab, &all[1..]);
}

/// The head of a packet of SCTP, and chunks.
fn packet(tag: u32, chunks: &[u8]) -> Vec<u8> {
    let mut packet =
        [&5_000u16.to_be_bytes()[..], &5_000u16.to_be_bytes(), &tag.to_be_bytes(), &[0; 4]].concat();
    packet.extend_from_slice(chunks);
    let checksum = crc32c(&packet).to_le_bytes();
    packet[8..12].copy_from_slice(&checksum);
    packet
}

/// The checksum CRC-32C (RFC 9260, appendix A), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

fn inject_packets(lab: &mut Lab, own: ParticipantId, packets: Vec<Vec<u8>>) {
    lab.clients[&own].forger.before.lock().unwrap().extend(packets);
    lab.act(own, |client, now| {
        client.files.outgoing.push_back(Files::part(9, 0, b"this makes the engine send something"));
        client.send_messages(now)
    });
}

#[test]
fn a_flood_of_beginnings_changes_nothing() {
    let (mut lab, all) = meeting(10, 3, PART);
    lab.send_file(1, all[0], all[1]);
    for round in 0..20u32 {
        let init = |n: u32| {
            let tag = (round * 100 + n + 1).to_be_bytes();
            let rest = [0, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1];
            packet(0, &[&[1, 0, 0, 20][..], &tag, &rest].concat())
        };
        lab.clients[&all[0]].forger.before.lock().unwrap().extend((0..100).map(init));
        lab.run_for(SECOND / 10);
    }
    check_others_go_on(&mut lab, &all[1..]);
}

#[test]
fn whatever_comes_by_a_data_channel_harms_nobody_else() {
    explore(
        12,
        &prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..64)), 1..12),
        |chunks| {
            let (mut lab, all) = meeting(11, 3, 10 * PART);
            let chunk = |(kind, body): &(u8, Vec<u8>)| {
                let length = u16::try_from(body.len() + 4).unwrap();
                // Mostly those that are let through.
                let kind = if *kind < 200 { kind % 16 } else { *kind };
                let head =
                    [&[kind, body.first().copied().unwrap_or(3)][..], &length.to_be_bytes(), body].concat();
                [head.clone(), vec![0; head.len().next_multiple_of(4) - head.len()]].concat()
            };
            let packets = chunks.iter().map(|it| packet(u32::from(it.0), &chunk(it))).collect();
            inject_packets(&mut lab, all[0], packets);
            lab.run_for(SECOND);
            let faults = lab
                .events
                .iter()
                .filter(|(_, it)| matches!(it, SfuEvent::TransportClosed(who, _) if *who != all[0]));
            assert_eq!(faults.count(), 0);
            check_others_go_on(&mut lab, &all[1..]);
        },
    );
}

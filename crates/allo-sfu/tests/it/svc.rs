//! Layers that come in one stream (VP9, AV1): who gets which, and that each slot stays one stream that a decoder can follow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use allo_sfu::{Codec, ParticipantId, SfuEvent};

use crate::client::{Client, Habits, Received};
use crate::lab::{Lab, Network, ROOM, SECOND, cam, explore};
use crate::streams::{by_slot, deed, layers, perform};

/// Of those who send so in VP9, and in AV1.
const BOTH: [Habits; 2] =
    [Habits { has_vp9: true, ..Habits::USUAL }, Habits { has_av1: true, ..Habits::USUAL }];

/// Makes so many join who send all layers in one stream.
fn meeting(seed: u64, habits: Habits, count: u64) -> (Lab, Vec<ParticipantId>) {
    let mut lab = Lab::new(seed);
    let all = (1..=count).map(|n| lab.join_with(n, ROOM, habits, Network::GOOD)).collect();
    lab.run_until_connected();
    (lab, all)
}

/// Checks each slot of a client whose network loses nothing: no number is missing or given twice, each picture has all layers from the
/// lowest up to one, ends with a mark, and only there, has more layers than the one before only if it is a keyframe, and has the number that
/// follows.
fn check_pictures(client: &Client) {
    for (mid, slot) in by_slot(client).into_iter().filter(|(_, slot)| slot[0].is_picture) {
        check_numbers(client, mid, &slot);
        let pictures: Vec<_> = slot.chunk_by(|a, b| a.picture_id == b.picture_id).collect();
        // The last may be under way still.
        let (_, whole) = pictures.split_last().expect("something came");
        let mut before: Option<&Received> = None;
        for picture in whole {
            let (first, last) = (picture[0], picture[picture.len() - 1]);
            let context = || format!("{:?}, slot {mid}: {before:?} then {picture:?}", client.own);
            assert!(last.is_marked && picture.iter().filter(|it| it.is_marked).count() == 1, "{}", context());
            assert!(first.tag.layer == 0 && picture.iter().all(|it| it.time == first.time), "{}", context());
            let is_step = |pair: &[&Received]| pair[1].tag.layer - pair[0].tag.layer <= 1;
            assert!(
                picture.is_sorted_by_key(|it| it.tag.layer) && picture.windows(2).all(is_step),
                "{}",
                context()
            );
            if let Some(before) = before {
                let is_other = before.tag.publisher != first.tag.publisher;
                let is_more = last.tag.layer > before.tag.layer;
                assert!(first.tag.is_keyframe || !(is_other || is_more), "{}", context());
                let id = first.picture_id.expect("pictures have numbers");
                assert!(follows(client, before, first, id), "{}", context());
            }
            before = Some(last);
        }
    }
}

/// Returns whether a picture has the number that follows that of the picture before, of which `last` is the last packet.
fn follows(client: &Client, last: &Received, first: &Received, id: u16) -> bool {
    let before = last.picture_id.expect("pictures have numbers");
    if !client.habits.has_av1 {
        return id == (before + 1) & 0x7fff;
    }
    // Each layer of a picture has a number, if it is forwarded or not. A new source goes on where the one before was.
    let is_next = id == before.wrapping_add(3);
    is_next || (first.tag.is_keyframe && id == before.wrapping_add(u16::from(last.tag.layer) + 1))
}

fn check_numbers(client: &Client, mid: &str, slot: &[&Received]) {
    for pair in slot.windows(2) {
        let mut between = pair[0].sequence + 1..pair[1].sequence;
        let is_filled = between.all(|number| client.fillers.contains(&(mid.to_owned(), number)));
        assert!(is_filled && pair[1].sequence > pair[0].sequence, "{:?}, slot {mid}: {pair:?}", client.own);
    }
}

#[test]
fn layers_of_one_stream_follow_the_size_of_the_tile() {
    // With names for the layers, as a page has them that can send either way; and without.
    for habits in BOTH.into_iter().flat_map(|habits| [habits, Habits { layers: 1, ..habits }]) {
        let (mut lab, all) = meeting(80, habits, 2);
        lab.run_for(6 * SECOND);
        for (height, layer) in [(180, 0), (720, 2), (360, 1), (200, 0), (2_000, 2)] {
            let since = lab.now;
            lab.wish(all[0], &[(cam(all[1]), height)]);
            lab.run_for(2 * SECOND);
            assert_eq!(layers(&lab, 1, 2), (0..=layer).collect(), "for {height} pixels");
            let requests = &lab.clients[&all[1]].keyframe_requests;
            let asked = requests.iter().filter(|(at, _)| *at >= since).count();
            assert_eq!(asked, usize::from(height >= 720), "a keyframe is made to go up alone");
            let switches = lab.events_since(since);
            let is_switch = |it: &&SfuEvent| matches!(it, SfuEvent::LayerSwitched { subscriber, .. } if *subscriber == all[0]);
            assert_eq!(switches.iter().filter(is_switch).count(), 1, "for {height} pixels");
        }
        lab.clients.values().for_each(check_pictures);
    }
}

#[test]
fn who_comes_sees_all_layers_with_the_first_keyframe() {
    for habits in BOTH {
        let (mut lab, all) = meeting(81, habits, 1);
        lab.run_for(2 * SECOND);
        let late = lab.join_with(2, ROOM, habits, Network::GOOD);
        lab.run_until_connected();
        let since = lab.now;
        lab.run_for(Duration::from_millis(400));
        let seen = lab.clients[&late].seen(since);
        assert!(
            seen.iter().take_while(|it| it.tag.is_keyframe).any(|it| it.tag.layer == 2),
            "{:?}",
            seen.first()
        );
        assert_eq!(
            lab.clients[&all[0]].keyframe_requests.len(),
            1,
            "for who comes, and none for more layers"
        );
        check_pictures(&lab.clients[&late]);
    }
}

#[test]
fn layers_of_one_stream_step_down_with_the_bandwidth_and_up_again() {
    for habits in BOTH {
        let (mut lab, all) = meeting(82, habits, 3);
        lab.run_for(8 * SECOND);
        assert_eq!(layers(&lab, 1, 2), BTreeSet::from([0, 1, 2]), "all fits at first");
        lab.networks.insert(all[0], Network { down_max: Some(1_200_000), ..Network::GOOD });
        lab.run_for(10 * SECOND);
        let both = [layers(&lab, 1, 2), layers(&lab, 1, 3)];
        assert!(both.iter().any(|of| !of.contains(&2)), "two of the highest layers do not fit: {both:?}");
        assert!(both.iter().all(|of| of.contains(&0)), "the lowest ones do: {both:?}");
        assert_eq!(layers(&lab, 2, 3), BTreeSet::from([0, 1, 2]), "others are not concerned");
        lab.networks.insert(all[0], Network::GOOD);
        let whole = BTreeSet::from([0, 1, 2]);
        let is_back = |lab: &Lab| layers(lab, 1, 2) == whole && layers(lab, 1, 3) == whole;
        assert!(lab.run_until(lab.now + 60 * SECOND, is_back), "the highest layers do not come back");
    }
}

#[test]
fn what_was_left_out_and_comes_late_leaves_no_gap() {
    for habits in BOTH {
        let mut lab = Lab::new(83);
        let one = lab.join_with(1, ROOM, habits, Network::BAD);
        let two = lab.join_with(2, ROOM, habits, Network::GOOD);
        lab.run_until_connected();
        lab.wish(two, &[(cam(one), 180)]);
        lab.run_for(20 * SECOND);
        let client = &lab.clients[&two];
        let mut numbers: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for (mid, slot) in by_slot(client).into_iter().filter(|(_, slot)| slot[0].is_picture) {
            numbers.entry(mid).or_default().extend(slot.iter().map(|it| it.sequence));
        }
        for (mid, sequence) in &client.fillers {
            numbers.entry(mid).or_default().insert(*sequence);
        }
        let range =
            |of: &BTreeSet<u64>| of.last().zip(of.first()).map_or(0, |(last, first)| last - first + 1);
        let all: u64 = numbers.values().map(range).sum();
        let there: usize = numbers.values().map(BTreeSet::len).sum();
        let missing = all - u64::try_from(there).unwrap();
        println!("{missing} of {all} numbers missing, {} without contents", client.fillers.len());
        assert!(!client.fillers.is_empty() && all > 500, "{all}");
        assert!(missing * 200 < all, "{missing} of {all} numbers missing");
    }
}

#[test]
fn who_does_not_know_the_codec_is_told_and_the_others_see_it() {
    BOTH.into_iter().zip([Codec::Vp9, Codec::Av1]).for_each(|(habits, codec)| check_told(habits, codec));
}

fn check_told(habits: Habits, codec: Codec) {
    let mut lab = Lab::new(84);
    let [one, two, other] = [(1, habits), (2, habits), (3, Habits::default())]
        .map(|(n, habits)| lab.join_with(n, ROOM, habits, Network::GOOD));
    lab.run_until_connected();
    lab.run_for(3 * SECOND);
    let since = lab.now;
    lab.run_for(SECOND);
    assert!(lab.clients[&other].seen(since).is_empty());
    assert_eq!(layers(&lab, 1, 2), BTreeSet::from([0, 1, 2]));
    assert_eq!(layers(&lab, 1, 3), BTreeSet::from([2]), "in layers that stand alone");
    for track in [cam(one), cam(two)] {
        let told = SfuEvent::VideoUndecodable { subscriber: other, track, codec: Some(codec) };
        assert_eq!(lab.events.iter().filter(|(_, it)| *it == told).count(), 1);
    }
}

#[test]
fn a_publisher_may_turn_from_one_way_to_the_other() {
    BOTH.into_iter().for_each(check_turning);
}

fn check_turning(habits: Habits) {
    let (mut lab, all) = meeting(85, habits, 2);
    let mut since = lab.now;
    for is_svc in [true, false, true] {
        lab.clients.get_mut(&all[1]).unwrap().encode(if is_svc { habits } else { Habits::default() });
        lab.run_for(3 * SECOND);
        let expected: BTreeSet<u8> = if is_svc { (0..3).collect() } else { [2].into() };
        assert_eq!(layers(&lab, 1, 2), expected);
        for (height, layer) in [(180, 0), (360, 1), (720, 2)] {
            lab.wish(all[0], &[(cam(all[1]), height)]);
            lab.run_for(2 * SECOND);
            let expected: BTreeSet<u8> = if is_svc { (0..=layer).collect() } else { [layer].into() };
            assert_eq!(layers(&lab, 1, 2), expected, "{height} pixels, in one stream: {is_svc}");
        }
        let gap = lab.clients[&all[0]].seen(since).windows(2).map(|pair| pair[1].at - pair[0].at).max();
        assert!(gap.is_some_and(|gap| gap < Duration::from_millis(700)), "{gap:?} without a picture");
        since = lab.now;
    }
    for (mid, slot) in by_slot(&lab.clients[&all[0]]) {
        check_numbers(&lab.clients[&all[0]], mid, &slot);
    }
}

#[test]
fn every_slot_is_one_stream_of_whole_pictures_whatever_people_do() {
    for habits in BOTH {
        explore(24, &proptest::collection::vec(deed(), 5..25), |deeds| {
            let (mut lab, _) = meeting(86, habits, 3);
            for deed in deeds {
                perform(&mut lab, deed, habits);
                lab.run_for(Duration::from_millis(100));
            }
            lab.clients.values().for_each(check_pictures);
        });
    }
}

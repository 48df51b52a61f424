//! What a subscriber must see on every slot, whatever happens behind it; and its layers going up and down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use allo_sfu::{ParticipantId, SfuEvent};
use proptest::prelude::*;

use crate::client::{Client, Habits, Received};
use crate::lab::{Lab, Network, ROOM, SECOND, cam, explore};

/// Returns what came on each slot, in the order of the sequence numbers.
pub(crate) fn by_slot(client: &Client) -> BTreeMap<&str, Vec<&Received>> {
    let mut slots: BTreeMap<&str, Vec<&Received>> = BTreeMap::new();
    client.received.iter().for_each(|it| slots.entry(it.mid.as_str()).or_default().push(it));
    for slot in slots.values_mut() {
        slot.sort_by_key(|it| it.sequence);
    }
    slots
}

/// Checks each slot of a client whose network loses nothing: no number is missing or given twice, time goes on, picture ids count
/// the frames, and another layer begins with a keyframe.
pub(crate) fn check_streams(client: &Client) {
    for (mid, slot) in by_slot(client) {
        for pair in slot.windows(2) {
            let [a, b] = pair else { continue };
            let context = || format!("{:?}, slot {mid}: {a:?} then {b:?}", client.own);
            assert_eq!(b.sequence, a.sequence + 1, "{}", context());
            assert!(b.time.wrapping_sub(a.time) < 1 << 31, "{}", context());
            let is_switch = (a.tag.publisher, a.tag.layer) != (b.tag.publisher, b.tag.layer);
            assert!(!a.is_picture || !is_switch || (b.tag.is_keyframe && b.tag.begins), "{}", context());
            let (Some(before), Some(after)) = (a.picture_id, b.picture_id) else { continue };
            let is_same_frame = !b.tag.begins
                && (a.tag.publisher, a.tag.layer, a.tag.frame) == (b.tag.publisher, b.tag.layer, b.tag.frame);
            let expected = if is_same_frame { before } else { (before + 1) & 0x7fff };
            assert_eq!(after, expected, "{}", context());
        }
    }
}

/// Returns how many packets of video are missing of how many.
pub(crate) fn missing(client: &Client) -> (usize, usize) {
    let slots = by_slot(client);
    let of_video = slots.values().filter(|slot| slot[0].is_picture);
    of_video.fold((0, 0), |(missing, all), slot| {
        let numbers: BTreeSet<u64> = slot.iter().map(|it| it.sequence).collect();
        let range = usize::try_from(slot[slot.len() - 1].sequence - slot[0].sequence + 1).unwrap();
        (missing + range - numbers.len(), all + range)
    })
}

/// Returns the layers of a camera that came in the last half second.
pub(crate) fn layers(lab: &Lab, n: u64, of: u64) -> BTreeSet<u8> {
    let (own, of) = (ParticipantId(n), ParticipantId(of));
    let is_late = |it: &&&Received| lab.now.duration_since(it.at) <= Duration::from_millis(500);
    let received = &lab.clients[&own].received;
    let of_video = received.iter().rev().filter(|it| it.is_picture);
    of_video.filter(|it| is_late(&it)).filter(|it| it.tag.publisher == of).map(|it| it.tag.layer).collect()
}

#[test]
fn the_layer_follows_the_size_of_the_tile() {
    let (mut lab, all) = Lab::meeting(20, 2);
    lab.run_for(6 * SECOND);
    for (height, layer) in [(180, 0), (720, 2), (360, 1), (200, 0), (2_000, 2)] {
        let since = lab.now;
        lab.wish(all[0], &[(cam(all[1]), height)]);
        lab.run_for(2 * SECOND);
        assert_eq!(layers(&lab, 1, 2), BTreeSet::from([layer]), "for {height} pixels");
        let is_switch =
            |it: &SfuEvent| matches!(it, SfuEvent::LayerSwitched { subscriber, .. } if *subscriber == all[0]);
        let switches = lab.events_since(since).into_iter().filter(is_switch).count();
        // On the way up it may stop at the layer between, until the bandwidth is known to suffice.
        assert!(switches <= 2, "{switches} switches for {height} pixels");
    }
    // What is hidden is not sent at all.
    lab.wish(all[0], &[]);
    lab.run_for(SECOND);
    assert!(layers(&lab, 1, 2).is_empty());
    lab.clients.values().for_each(check_streams);
}

#[test]
fn video_steps_down_with_the_bandwidth_and_up_again_while_sound_goes_on() {
    let (mut lab, all) = Lab::meeting(21, 3);
    lab.run_for(8 * SECOND);
    assert_eq!(layers(&lab, 1, 2), BTreeSet::from([2]), "all fits at first");
    lab.networks.insert(all[0], Network { down_max: Some(900_000), ..Network::GOOD });
    lab.run_for(6 * SECOND);
    let narrow_from = lab.now;
    lab.run_for(4 * SECOND);
    let high = layers(&lab, 1, 2).contains(&2) && layers(&lab, 1, 3).contains(&2);
    assert!(!high, "two of the highest layers do not fit");
    let sounds = lab.clients[&all[0]].heard(narrow_from).len();
    assert!(sounds >= 360, "{sounds} of 400 packets of sound in four seconds");
    assert_eq!(layers(&lab, 2, 3), BTreeSet::from([2]), "others are not concerned");
    lab.networks.insert(all[0], Network::GOOD);
    let widened_at = lab.now;
    let highest = BTreeSet::from([2]);
    let is_back = |lab: &Lab| layers(lab, 1, 2) == highest && layers(lab, 1, 3) == highest;
    assert!(lab.run_until(widened_at + 60 * SECOND, is_back), "the highest layers do not come back");
    println!("the highest layers are back after {:?}", lab.now - widened_at);
}

#[test]
fn videos_are_paused_when_nothing_else_helps_and_it_is_said() {
    let (mut lab, all) = Lab::meeting(22, 4);
    lab.run_for(4 * SECOND);
    let since = lab.now;
    lab.networks.insert(all[0], Network { down_max: Some(350_000), ..Network::GOOD });
    lab.run_for(10 * SECOND);
    let is_paused =
        |it: &SfuEvent| matches!(it, SfuEvent::VideoPaused { subscriber, .. } if *subscriber == all[0]);
    assert!(lab.events_since(since).iter().any(is_paused));
    let lately = lab.now;
    lab.run_for(4 * SECOND);
    let sounds = lab.clients[&all[0]].heard(lately).len();
    assert!(sounds >= 380, "{sounds} of 400 packets of sound in four seconds");
}

/// What a participant does at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// One wishes to see the others in tiles of these heights.
    Wish(u64, [u16; 3]),
    Leave(u64),
    Join(u64),
    Mute(u64),
    Wait(u64),
}

pub(crate) fn deed() -> impl Strategy<Value = Deed> {
    let height = prop_oneof![Just(0u16), Just(180), Just(360), Just(720)];
    prop_oneof![
        4 => (1..5u64, [height.clone(), height.clone(), height]).prop_map(|(n, heights)| Deed::Wish(n, heights)),
        1 => (1..5u64).prop_map(Deed::Leave),
        2 => (1..5u64).prop_map(Deed::Join),
        1 => (1..5u64).prop_map(Deed::Mute),
        4 => (1..800u64).prop_map(Deed::Wait),
    ]
}

/// Lets people do these things one after the other, and checks what everybody sees.
fn check_deeds(deeds: &[Deed]) {
    let (mut lab, _) = Lab::meeting(23, 3);
    for deed in deeds {
        perform(&mut lab, *deed, Habits::default());
        lab.run_for(Duration::from_millis(100));
    }
    lab.clients.values().for_each(check_streams);
}

pub(crate) fn perform(lab: &mut Lab, deed: Deed, habits: Habits) {
    match deed {
        Deed::Wish(n, heights) => {
            let others = (1..5).filter(|other| *other != n).map(|other| cam(ParticipantId(other)));
            let wishes: Vec<_> = others.zip(heights).collect();
            lab.wish(ParticipantId(n), &wishes);
        }
        Deed::Leave(n) => lab.leave(ParticipantId(n)),
        Deed::Join(n) if lab.clients.contains_key(&ParticipantId(n)) => {}
        Deed::Join(n) => {
            lab.join_with(n, ROOM, habits, Network::GOOD);
        }
        Deed::Mute(n) => {
            if let Some(client) = lab.clients.get_mut(&ParticipantId(n)) {
                client.is_cam_on = !client.is_cam_on;
            }
        }
        Deed::Wait(millis) => lab.run_for(Duration::from_millis(millis)),
    }
}

#[test]
fn every_slot_is_one_unbroken_stream_whatever_people_do() {
    explore(24, &proptest::collection::vec(deed(), 5..25), |deeds| check_deeds(&deeds));
}

//! What people ask for, what they are sent, and what publishers are asked to send.

use std::time::{Duration, Instant};

use allo_sfu::{ParticipantId, SfuEvent, Subscription, TrackId};

use crate::client::Habits;
use crate::lab::{Lab, Network, ROOM, SECOND, cam, mic};
use crate::streams::check_streams;

const NOTHING: Subscription = Subscription { wishes: Some(Vec::new()), hears: false };

#[test]
fn who_wishes_for_no_video_hears_and_who_does_not_hear_sees() {
    let (mut lab, all) = Lab::meeting(60, 3);
    lab.subscribe(all[0], Subscription { wishes: Some(Vec::new()), hears: true });
    lab.subscribe(all[1], Subscription { wishes: None, hears: false });
    lab.run_for(SECOND);
    let since = lab.now;
    lab.run_for(SECOND);
    let counts = |lab: &Lab, own: ParticipantId| {
        let client = &lab.clients[&own];
        (client.seen(since).len(), client.heard(since).len())
    };
    let [(seen_0, heard_0), (seen_1, heard_1)] = [counts(&lab, all[0]), counts(&lab, all[1])];
    assert!(seen_0 == 0 && heard_0 >= 95, "{seen_0} packets of video, {heard_0} of sound");
    assert!(seen_1 >= 55 && heard_1 == 0, "{seen_1} packets of video, {heard_1} of sound");
    // What was given up comes back.
    lab.subscribe(all[0], Subscription::default());
    lab.subscribe(all[1], Subscription::default());
    lab.run_for(2 * SECOND);
    for own in &all[..2] {
        assert!(counts(&lab, *own).0 > 55 && counts(&lab, *own).1 > 95, "{:?}", counts(&lab, *own));
        check_streams(&lab.clients[own]);
    }
}

#[test]
fn who_neither_sees_nor_hears_is_sent_no_media_while_others_are() {
    let (mut lab, all) = Lab::meeting(61, 4);
    all[2..].iter().for_each(|own| lab.subscribe(*own, NOTHING));
    for own in &all[2..] {
        let client = lab.clients.get_mut(own).unwrap();
        (client.is_mic_on, client.is_cam_on) = (false, false);
    }
    lab.run_for(2 * SECOND);
    lab.answers.clear();
    let before = lab.sent.clone();
    lab.run_for(10 * SECOND);
    for own in &all[2..] {
        let answers = lab.answers[own];
        assert!(answers >= 3, "{answers} checks answered in ten seconds");
        let reports = lab.sent[own] - before[own] - answers;
        assert!(reports <= 12, "{reports} datagrams in ten seconds besides: a report a second");
    }
    assert!(lab.sent[&all[0]] - before[&all[0]] > 1_000, "others are sent what they were sent before");
}

#[test]
fn a_room_in_which_nobody_sends_or_receives_costs_next_to_nothing() {
    let (mut lab, all) = Lab::meeting(62, 2);
    for own in &all {
        lab.subscribe(*own, NOTHING);
        let client = lab.clients.get_mut(own).unwrap();
        (client.is_mic_on, client.is_cam_on) = (false, false);
    }
    lab.run_for(10 * SECOND);
    lab.timeouts = 0;
    let before = lab.sent.clone();
    lab.run_for(10 * SECOND);
    let sent: u64 = all.iter().map(|own| lab.sent[own] - before[own]).sum();
    println!("{} wakes and {sent} datagrams in ten seconds of two idle participants", lab.timeouts);
    assert!(sent <= 30, "{sent} datagrams, where each is sent a report a second and answers to its checks");
    assert!(lab.timeouts <= 120, "{} wakes, of which the room itself takes five a second", lab.timeouts);
    // It begins at once when somebody changes their mind.
    let client = lab.clients.get_mut(&all[0]).unwrap();
    client.is_cam_on = true;
    lab.wish(all[1], &[(cam(all[0]), 720)]);
    let since = lab.now;
    lab.run_for(SECOND);
    assert!(lab.clients[&all[1]].seen(since).len() > 25);
}

/// Returns what was said since then about how many layers of a track are wanted.
fn wanted(lab: &Lab, since: Instant, of: TrackId) -> Vec<u8> {
    let layers = |it: SfuEvent| match it {
        SfuEvent::LayersWanted { track, layers } if track == of => Some(layers),
        _ => None,
    };
    lab.events_since(since).into_iter().filter_map(layers).collect()
}

#[test]
fn a_publisher_knows_how_many_layers_anybody_receives_before_it_sends_any() {
    let mut lab = Lab::new(63);
    let start = lab.now;
    let all: Vec<_> = (1..=3).map(|n| lab.join(n)).collect();
    for client in lab.clients.values_mut() {
        client.is_cam_on = false;
    }
    assert!(wanted(&lab, start, cam(all[0])).is_empty(), "nobody is connected yet");
    lab.run_until_connected();
    lab.run_for(SECOND);
    assert_eq!(wanted(&lab, start, cam(all[0])), [3]);
    let since = lab.now;
    lab.wish(all[1], &[(cam(all[0]), 180)]);
    lab.wish(all[2], &[(cam(all[0]), 360)]);
    lab.run_for(SECOND);
    assert!(wanted(&lab, since, cam(all[0])).is_empty(), "an encoder does not stop at a flicker");
    lab.run_for(2 * SECOND);
    assert_eq!(wanted(&lab, since, cam(all[0])), [2]);
    let since = lab.now;
    lab.wish(all[1], &[(cam(all[0]), 720)]);
    assert_eq!(wanted(&lab, since, cam(all[0])), [3], "more is said at once");
    lab.wish(all[1], &[(cam(all[0]), 0)]);
    lab.leave(all[2]);
    lab.run_for(3 * SECOND);
    assert_eq!(wanted(&lab, since, cam(all[0])), [3, 0], "a hidden tile wants nothing");
}

#[test]
fn sound_is_wanted_while_anybody_else_hears() {
    let mut lab = Lab::new(64);
    let one = lab.join(1);
    lab.run_until_connected();
    lab.run_for(SECOND);
    assert!(wanted(&lab, lab.events[0].0, mic(one)).is_empty(), "nobody hears himself");
    let since = lab.now;
    let two = lab.join(2);
    lab.run_until_connected();
    assert_eq!(wanted(&lab, since, mic(one)), [1]);
    lab.subscribe(two, NOTHING);
    lab.run_for(3 * SECOND);
    assert_eq!(wanted(&lab, since, mic(one)), [1, 0]);
    assert_eq!(wanted(&lab, since, mic(two)), [1]);
}

#[test]
fn a_publisher_who_connects_anew_is_told_again() {
    let (mut lab, all) = Lab::meeting(65, 2);
    lab.run_for(SECOND);
    lab.leave(all[0]);
    let since = lab.now;
    lab.join(1);
    assert_eq!(wanted(&lab, since, cam(all[0])), [3]);
    assert_eq!(wanted(&lab, since, mic(all[0])), [1]);
}

#[test]
fn tracks_and_mids_name_each_other() {
    let mut lab = Lab::new(66);
    let own = lab.join_with(1, ROOM, Habits::default(), Network::GOOD);
    for track in [mic(own), cam(own)] {
        let mid = lab.sfu.mid(track).expect("it is declared").to_owned();
        assert_eq!(lab.sfu.track(own, &mid), Some(track));
    }
    let slot = TrackId { line: allo_sfu::LineId(2), ..cam(own) };
    let mid = lab.sfu.mid(slot).expect("the line is there").to_owned();
    assert_eq!(lab.sfu.track(own, &mid), None, "a slot is no track");
    assert_eq!(lab.sfu.track(own, "nothing"), None);
    assert_eq!(lab.sfu.mid(cam(ParticipantId(9))), None);
    assert_eq!(lab.sfu.track(ParticipantId(9), "0"), None);
}

#[test]
fn who_wishes_for_a_track_that_is_only_declared_sees_it_as_soon_as_it_is_sent() {
    let mut lab = Lab::new(67);
    let all: Vec<_> = (1..=3).map(|n| lab.join(n)).collect();
    lab.clients.get_mut(&all[0]).unwrap().is_cam_on = false;
    lab.run_until_connected();
    let unknown = TrackId { line: allo_sfu::LineId(30), ..cam(all[0]) };
    lab.wish(all[1], &[(unknown, 720), (mic(all[0]), 720), (cam(all[0]), 180)]);
    lab.run_for(SECOND);
    assert!(lab.clients[&all[1]].seen(lab.now).is_empty());
    // Its encoder has been running for others: what it sends first is no keyframe.
    let since = lab.now;
    let client = lab.clients.get_mut(&all[0]).unwrap();
    (client.is_cam_on, client.wants_keyframe) = (true, [false; 3]);
    lab.run_for(Duration::from_millis(150));
    assert!(lab.clients[&all[0]].keyframe_requests.iter().any(|(at, layer)| *at >= since && *layer == 0));
    let seen = lab.clients[&all[1]].seen(since);
    assert!(seen.first().is_some_and(|it| it.tag.is_keyframe && it.tag.publisher == all[0]), "{seen:?}");
}

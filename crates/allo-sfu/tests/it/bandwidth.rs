//! How soon pictures come, and whether they go on, over links of all kinds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use allo_sfu::{ParticipantId, SfuEvent};

use crate::client::{Client, Habits, Received};
use crate::lab::{Lab, Network, ROOM, SECOND};
use crate::streams::check_streams;

/// 5 % loss each way, and delays that differ by 30 ms, so that most packets of a frame overtake each other.
const SHUFFLING: Network =
    Network { jitter: Duration::from_millis(30), delay: Duration::from_millis(20), ..Network::BAD };

const RECEIVES: Habits = Habits { sends_mic: false, sends_cam: false, ..Habits::SINGLE };

/// Returns when each frame of a publisher could be shown: it is whole, and so is the one before it, or it is a keyframe.
fn shown(client: &Client, of: ParticipantId) -> Vec<Instant> {
    let mut slots: BTreeMap<&str, BTreeMap<u64, &Received>> = BTreeMap::new();
    let mut times = Vec::new();
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for packet in client.received.iter().filter(|it| it.picture_id.is_some() && it.tag.publisher == of) {
        let mid = packet.mid.as_str();
        let waiting = slots.entry(mid).or_default();
        waiting.insert(packet.sequence, packet);
        while let Some(end) = next(waiting, last.get(mid).copied()) {
            last.insert(mid, end);
            *waiting = waiting.split_off(&(end + 1));
            times.push(packet.at);
        }
    }
    times
}

/// Returns the last sequence number of the next frame that can be shown.
fn next(waiting: &BTreeMap<u64, &Received>, last: Option<u64>) -> Option<u64> {
    let mut begins = waiting.iter().filter(|(_, it)| it.tag.begins);
    begins.find_map(|(first, begin)| {
        if !begin.tag.is_keyframe && last.map(|last| last + 1) != Some(*first) {
            return None;
        }
        let whole = (*first..).map_while(|n| waiting.get(&n));
        whole.take_while(|it| it.tag.frame == begin.tag.frame).find(|it| it.tag.ends).map(|it| it.sequence)
    })
}

/// Returns the pauses between pictures that are longer than that.
fn pauses(times: &[Instant], min: Duration) -> Vec<Duration> {
    times.windows(2).map(|pair| pair[1] - pair[0]).filter(|pause| *pause > min).collect()
}

/// Checks that no pause between pictures is longer than that.
fn check_goes_on(times: &[Instant], max_ms: u64) {
    let pauses = pauses(times, Duration::from_millis(max_ms));
    assert!(pauses.is_empty(), "of {} pictures, {pauses:?} after the one before", times.len());
}

/// Lets time pass, while a participant asks for a keyframe when it has seen no picture of another for a while, as a browser does.
fn watch(lab: &mut Lab, own: ParticipantId, of: &[ParticipantId], duration: Duration) {
    let until = lab.now + duration;
    while lab.now < until {
        lab.run_for(Duration::from_millis(200));
        let client = &lab.clients[&own];
        let is_stuck = |of: &ParticipantId| {
            let is_sent = client.received.iter().rev().take(9).any(|it| it.tag.publisher == *of);
            let last = shown(client, *of).last().copied();
            is_sent && last.is_none_or(|last| lab.now - last > Duration::from_millis(300))
        };
        if of.iter().any(is_stuck) {
            lab.act(own, Client::request_keyframes);
        }
    }
}

/// Returns how often a subscriber was told that a video is paused since then.
fn paused(lab: &Lab, since: Instant, own: ParticipantId) -> usize {
    let is_pause =
        |it: &SfuEvent| matches!(it, SfuEvent::VideoPaused { subscriber, .. } if *subscriber == own);
    lab.events_since(since).iter().filter(|it| is_pause(it)).count()
}

/// Returns the longest silence of a publisher.
fn silence(client: &Client, of: ParticipantId, since: Instant) -> Duration {
    let heard = client.heard(since).into_iter().filter(|it| it.tag.publisher == of);
    let times: Vec<_> = heard.map(|it| it.at).collect();
    pauses(&times, Duration::ZERO).into_iter().max().unwrap_or(Duration::MAX)
}

/// Returns what came in since then of video, in kbit/s.
fn rate(lab: &Lab, own: ParticipantId, since: Instant) -> u128 {
    lab.clients[&own].seen(since).len() as u128 * 8_000 / (lab.now - since).as_millis()
}

#[test]
fn the_first_picture_of_a_single_layer_comes_at_once_and_goes_on() {
    let mut lab = Lab::new(80);
    let sender = lab.join_with(1, ROOM, Habits::SINGLE, Network::GOOD);
    lab.run_until_connected();
    for n in 2..8 {
        let joined_at = lab.now;
        let own = lab.join_with(n, ROOM, RECEIVES, Network::GOOD);
        lab.run_for(SECOND);
        let first = shown(&lab.clients[&own], sender)[0] - joined_at;
        // Three round trips of 10 ms to connect, one more to the sender, and 48 packets.
        assert!(first < Duration::from_millis(150), "the first picture of {n} after {first:?}");
    }
    lab.run_for(10 * SECOND);
    for n in 2..8 {
        let times = shown(&lab.clients[&ParticipantId(n)], sender);
        check_goes_on(&times, 150);
        assert_eq!(paused(&lab, lab.events[0].0, ParticipantId(n)), 0);
    }
}

#[test]
fn who_joins_right_after_another_begins_with_the_same_keyframe() {
    let mut lab = Lab::new(84);
    let sender = lab.join_with(1, ROOM, Habits::SINGLE, Network::GOOD);
    lab.run_until_connected();
    let start = lab.now;
    for n in 2..32 {
        let joined_at = lab.now;
        let own = lab.join_with(n, ROOM, RECEIVES, Network::GOOD);
        let is_seen = |lab: &Lab| !shown(&lab.clients[&own], sender).is_empty();
        assert!(lab.run_until(joined_at + Duration::from_millis(200), is_seen), "the picture of {n} is late");
    }
    let passed = lab.now - start;
    lab.run_for(SECOND);
    for n in 2..32 {
        let client = &lab.clients[&ParticipantId(n)];
        check_streams(client);
        check_goes_on(&shown(client, sender), 150);
    }
    let asked = lab.clients[&sender].keyframe_requests.len();
    println!("{asked} keyframes for thirty within {passed:?}");
    assert!(asked as u128 <= 1 + passed.as_millis() / 500, "{asked} keyframes within {passed:?}");
}

#[test]
fn what_is_lost_on_the_way_here_is_asked_for_in_time() {
    let mut lab = Lab::new(85);
    let sender = lab.join_with(1, ROOM, Habits::SINGLE, Network::BAD);
    let own = lab.join_with(2, ROOM, RECEIVES, Network::GOOD);
    lab.run_until_connected();
    watch(&mut lab, own, &[sender], 60 * SECOND);
    let times = shown(&lab.clients[&own], sender);
    let pauses = pauses(&times, Duration::from_millis(150));
    println!("{} pictures, pauses {pauses:?}", times.len());
    assert!(times.len() > 1_750, "{} pictures of 1,800", times.len());
    // A frame, the packet behind it, and five rounds of requests and answers.
    check_goes_on(&times, 300);
}

#[test]
fn pictures_come_twice_over_a_link_that_loses_and_has_room() {
    let mut lab = Lab::new(86);
    let sender = lab.join_with(1, ROOM, Habits::SINGLE, Network::GOOD);
    let [own, other] =
        [(2, Network::BAD), (3, Network::GOOD)].map(|(n, network)| lab.join_with(n, ROOM, RECEIVES, network));
    lab.run_until_connected();
    // What gets through has to be known first.
    watch(&mut lab, own, &[sender], 15 * SECOND);
    let sent = |lab: &Lab| [own, other].map(|own| lab.sent[&own]);
    let (since, before) = (lab.now, sent(&lab));
    watch(&mut lab, own, &[sender], 60 * SECOND);
    let [to_loser, to_other] = [0, 1].map(|n| sent(&lab)[n] - before[n]);
    let mut times = shown(&lab.clients[&own], sender);
    times.retain(|at| *at >= since);
    println!("{} pictures, pauses {:?}", times.len(), pauses(&times, Duration::from_millis(150)));
    println!("{to_loser} datagrams, and {to_other} over a link that loses nothing");
    assert!(times.len() > 1_790, "{} pictures of 1,800", times.len());
    check_goes_on(&times, 250);
    assert!(to_loser * 10 > to_other * 15, "{to_loser} and {to_other}");
    assert!(to_loser < to_other * 5 / 2, "{to_loser} and {to_other}");
}

#[test]
fn losses_and_reordering_do_not_pause_a_picture() {
    let mut lab = Lab::new(81);
    let sender = lab.join_with(1, ROOM, Habits::SINGLE, Network::GOOD);
    let own = lab.join_with(2, ROOM, RECEIVES, SHUFFLING);
    lab.run_until_connected();
    let start = lab.now;
    watch(&mut lab, own, &[sender], 60 * SECOND);
    let times = shown(&lab.clients[&own], sender);
    println!("{} pictures, pauses {:?}", times.len(), pauses(&times, Duration::from_millis(200)));
    assert!(times[0] - start < SECOND, "the first picture after {:?}", times[0] - start);
    assert_eq!(paused(&lab, start, own), 0);
    check_goes_on(&times, 700);
    assert!(times.len() > 1_700, "{} pictures of 1,800", times.len());
}

#[test]
fn a_meeting_over_a_link_that_loses_and_shuffles_climbs_to_the_highest_layers() {
    let mut lab = Lab::new(82);
    for n in 1..4 {
        lab.join_with(n, ROOM, Habits::default(), if n == 1 { SHUFFLING } else { Network::GOOD });
    }
    lab.run_until_connected();
    let (own, others) = (ParticipantId(1), [ParticipantId(2), ParticipantId(3)]);
    watch(&mut lab, own, &others, 5 * SECOND);
    let since = lab.now;
    watch(&mut lab, own, &others, 30 * SECOND);
    assert_eq!(paused(&lab, since, own), 0);
    let client = &lab.clients[&own];
    let late = since + 25 * SECOND;
    let highest = client.seen(late).iter().filter(|it| it.tag.layer == 2).count();
    assert!(highest > 1_400, "{highest} packets of the highest layers of 1,500 in the last five seconds");
    // A single packet that is lost three times over, or its repair, makes the longest pauses.
    assert!(client.seen(since).iter().all(|it| it.tag.layer > 0), "there is room for more than the lowest");
    for other in others {
        let times = shown(client, other);
        println!("{} pictures, pauses {:?}", times.len(), pauses(&times, Duration::from_millis(200)));
        check_goes_on(&times, 700);
        assert!(times.len() > 950, "{} pictures of 1,050", times.len());
    }
}

#[test]
fn a_link_that_is_narrow_for_a_while_carries_sound_all_the_time_and_pictures_as_far_as_they_fit() {
    let mut lab = Lab::new(83);
    let down = |bits: u64| Network { down_max: Some(bits), ..Network::GOOD };
    let own = lab.join_with(1, ROOM, Habits::default(), down(3_000_000));
    let others = [2, 3].map(|n| lab.join_with(n, ROOM, Habits::default(), Network::GOOD));
    lab.run_until_connected();
    let start = lab.now;
    lab.run_for(10 * SECOND);
    let before = lab.now;
    lab.run_for(5 * SECOND);
    let wide = rate(&lab, own, before);
    assert!(wide > 2_300, "{wide} kbit/s of two times 1,200");
    let narrow_at = lab.now;
    lab.networks.insert(own, down(500_000));
    for second in 0..30 {
        let since = lab.now;
        lab.run_for(SECOND);
        let (pictures, sounds) = (rate(&lab, own, since), lab.clients[&own].heard(since).len());
        println!("narrow, second {second}: {pictures} kbit/s and {sounds} sounds");
        assert!(second < 3 || pictures <= 500, "{pictures} kbit/s in second {second}");
        assert!(sounds >= 60, "{sounds} sounds of 100 in second {second}");
    }
    // At the beginning the queue of the link is full: what is lost there is lost for all.
    let sounds = lab.clients[&own].heard(narrow_at + 3 * SECOND).len();
    assert!(sounds >= 2_650, "{sounds} sounds of 2,700");
    let longest = others.map(|other| silence(&lab.clients[&own], other, narrow_at));
    println!("the longest silences {longest:?}");
    assert!(longest.into_iter().all(|it| it < Duration::from_millis(400)), "{longest:?}");
    assert!(rate(&lab, own, narrow_at) > 200, "one picture fits");
    let wide_at = lab.now;
    lab.networks.insert(own, down(3_000_000));
    let back_after = (1..=15).find(|_| {
        let since = lab.now;
        lab.run_for(SECOND);
        rate(&lab, own, since) * 10 >= wide * 8
    });

    println!("back at 80 % after {:?}", lab.now - wide_at);
    assert!(back_after.is_some(), "not back at 80 % within 15 s");
    for (viewer, other) in [(0, 1), (1, 0)] {
        let client = &lab.clients[&others[viewer]];
        check_goes_on(&shown(client, others[other]), 200);
        assert!(silence(client, others[other], start) < Duration::from_millis(100));
    }
}

#[test]
fn a_picture_that_does_not_fit_is_tried_ever_more_seldom_and_sound_goes_on() {
    let mut lab = Lab::new(85);
    let sender = lab.join_with(1, ROOM, Habits::SINGLE, Network::GOOD);
    let network = Network { down_max: Some(900_000), ..Network::GOOD };
    let own = lab.join_with(2, ROOM, RECEIVES, network);
    lab.run_until_connected();
    let start = lab.now;
    lab.run_for(60 * SECOND);
    let tried = paused(&lab, start, own);
    let sounds = lab.clients[&own].heard(start).len();
    println!("tried {tried} times, {sounds} sounds");
    assert!((2..=8).contains(&tried), "tried {tried} times in a minute");
    assert!(sounds >= 2_800, "{sounds} sounds of 3,000");
    assert!(silence(&lab.clients[&own], sender, start) < Duration::from_millis(500));
}

#[test]
fn a_link_that_drops_instead_of_queuing_carries_what_fits() {
    // Which packets a short queue drops is chance: one call says little.
    let calls: Vec<(u128, usize)> = (86..98).map(over_a_short_queue).collect();
    println!("{calls:?} kbit/s and sounds");
    assert!(calls.iter().all(|(pictures, _)| (200..800).contains(pictures)), "{calls:?}");
    // Nothing but losses of a tenth tells of such a link, so no call may miss more.
    assert!(calls.iter().all(|(_, sounds)| *sounds >= 1_800), "{calls:?}");
    let sounds = calls.iter().map(|(_, sounds)| sounds).sum::<usize>() / calls.len();
    assert!(sounds >= 1_850, "{sounds} sounds of 2,000 on the average");
}

/// Returns how much of pictures, in kbit/s, and how many sounds get through to one whose link holds 30 ms and drops the rest.
fn over_a_short_queue(seed: u64) -> (u128, usize) {
    let mut lab = Lab::new(seed);
    let own = lab.join_with(1, ROOM, Habits::default(), Network::GOOD);
    for n in 2..4 {
        lab.join_with(n, ROOM, Habits::default(), Network::GOOD);
    }
    lab.run_until_connected();
    lab.run_for(8 * SECOND);
    let queue_max = Duration::from_millis(30);
    lab.networks.insert(own, Network { down_max: Some(900_000), queue_max, ..Network::GOOD });
    lab.run_for(5 * SECOND);
    let since = lab.now;
    lab.run_for(20 * SECOND);
    (rate(&lab, own, since), lab.clients[&own].heard(since).len())
}

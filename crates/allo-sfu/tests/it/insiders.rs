//! What comes from participants who are in, have keys, and mean no good or are broken.

use std::time::Duration;

use allo_sfu::{Bitrate, LineId, ParticipantId, SfuEvent, TrackId};

use crate::client::{Client, Habits, Tag};
use crate::lab::{Lab, Network, ROOM, SECOND, address, cam, config, mic};
use crate::streams::check_streams;

/// How the numbers in packets are agreed upon, and what the server calls its streams to a participant.
struct Names {
    opus: u8,
    vp8: u8,
    rtx: u8,
    mid: u8,
    rid: u8,
    mic: String,
    cam: String,
}

impl Names {
    fn of(lab: &Lab, own: ParticipantId) -> Self {
        let offer = Client::new(lab.now, own, address(own.0), Habits::default()).offer();
        Self::read(&offer, lab.sfu.mid(mic(own)).unwrap(), lab.sfu.mid(cam(own)).unwrap())
    }

    fn read(offer: &str, mic: &str, cam: &str) -> Self {
        let number = |start: &str, end: &str| -> u8 {
            let line = offer.lines().find(|line| line.starts_with(start) && line.ends_with(end)).unwrap();
            line[start.len()..].split(' ').next().unwrap().parse().unwrap()
        };
        let extension = |name| number("a=extmap:", &format!("urn:ietf:params:rtp-hdrext:sdes:{name}"));
        let vp8 = number("a=rtpmap:", " VP8/90000");
        Self {
            opus: number("a=rtpmap:", " opus/48000/2"),
            vp8,
            rtx: number("a=fmtp:", &format!(" apt={vp8}")),
            mid: extension("mid"),
            rid: extension("rtp-stream-id"),
            mic: mic.to_owned(),
            cam: cam.to_owned(),
        }
    }

    /// Makes a header that names a line, and a layer if there are any.
    fn header(&self, pt: u8, sequence: u16, ssrc: u32, mid: &str, rid: &str) -> Vec<u8> {
        let mut extensions = Vec::new();
        for (id, value) in
            [(self.mid, mid), (self.rid, rid)].into_iter().filter(|(_, value)| !value.is_empty())
        {
            extensions.push(id << 4 | u8::try_from(value.len() - 1).unwrap());
            extensions.extend(value.bytes());
        }
        extensions.resize(extensions.len().next_multiple_of(4), 0);
        let words = u16::try_from(extensions.len() / 4).unwrap();
        let [high, low] = sequence.to_be_bytes();
        let fixed = [vec![0x90, pt, high, low, 0, 0, 0, 9], ssrc.to_be_bytes().to_vec(), vec![0xbe, 0xde]];
        [fixed.concat(), words.to_be_bytes().to_vec(), extensions].concat()
    }
}

fn inject_media(lab: &mut Lab, own: ParticipantId, header: &[u8], payload: &[u8]) {
    let packet = lab.clients[&own].forger.media(header, payload);
    lab.inject(address(own.0), &packet);
}

fn inject_reports(lab: &mut Lab, own: ParticipantId, reports: &[u8]) {
    let packet = lab.clients.get_mut(&own).unwrap().forger.reports(reports);
    lab.inject(address(own.0), &packet);
}

/// Checks that these go on seeing and hearing each other, that nobody was put out, and that no stream has gaps.
fn check_others_go_on(lab: &mut Lab, others: &[ParticipantId]) {
    check_others_see_and_hear(lab, others);
    for own in others {
        check_streams(&lab.clients[own]);
    }
}

fn check_others_see_and_hear(lab: &mut Lab, others: &[ParticipantId]) {
    let since = lab.now;
    lab.run_for(2 * SECOND);
    for own in others {
        let client = &lab.clients[own];
        for other in others.iter().filter(|other| *other != own) {
            let of = |it: &&&crate::client::Received| it.tag.publisher == *other;
            let (seen, heard) = (client.seen(since), client.heard(since));
            let (seen, heard) = (seen.iter().filter(of).count(), heard.iter().filter(of).count());
            assert!(seen >= 55 && heard >= 95, "{own:?} sees {seen} and hears {heard} packets of {other:?}");
        }
    }
    let is_over = |(_, it): &(_, SfuEvent)| matches!(it, SfuEvent::TransportClosed(..));
    assert!(!lab.events.iter().any(is_over), "nobody is put out");
}

#[test]
fn what_a_participant_encrypts_by_hand_arrives() {
    let mut lab = Lab::new(70);
    let habits = Habits { sends_cam: false, ..Habits::default() };
    let all = [1, 2].map(|n| lab.join_with(n, ROOM, habits, Network::GOOD));
    lab.run_until_connected();
    lab.clients.values_mut().for_each(|client| client.is_mic_on = false);
    lab.run_for(SECOND);
    let offer = Client::new(lab.now, all[0], address(1), Habits::default()).offer();
    let names = Names::read(&offer, lab.sfu.mid(mic(all[0])).unwrap(), "");
    let before = lab.sfu.counters().forwarded;
    inject_media(&mut lab, all[0], &names.header(names.opus, 7, 4_242, &names.mic, ""), &[0x78; 40]);
    assert_eq!(lab.sfu.counters().forwarded, before + 1, "or the tests below prove nothing");
}

#[test]
fn broken_media_with_the_right_proof_is_dropped() {
    let (mut lab, all) = Lab::meeting(71, 3);
    lab.run_for(2 * SECOND);
    let names = Names::of(&lab, all[0]);
    let mut sequence = 0;
    for (pt, mid, rid) in
        [(names.opus, &names.mic, ""), (names.vp8, &names.cam, "l"), (names.rtx, &names.cam, "l")]
    {
        let ssrc = 5_000 + u32::from(pt);
        let mut cases: Vec<(u8, Vec<u8>)> = vec![
            // As many sources as there can be, and none of them there; versions and flags of all kinds.
            (0x9f, Vec::new()),
            (0xbf, vec![1; 4]),
            // More padding than there is, and none of it.
            (0xb0, vec![7, 7, 200]),
            (0xb0, vec![7, 7, 0]),
            (0xb0, vec![1]),
            (0xb0, Vec::new()),
            (0x90, Vec::new()),
        ];
        cases.extend((0..40).map(|length| (0x90, vec![0xff; length])));
        cases.extend((0..40).map(|length| (0x90, vec![0x10; length])));
        for (first, payload) in cases {
            sequence += 1;
            let mut header = names.header(pt, sequence, ssrc, mid, rid);
            header[0] = first;
            inject_media(&mut lab, all[0], &header, &payload);
        }
        for extension in [[0xbe, 0xde, 0xff, 0xff], [0xbe, 0xde, 0, 0], [0x10, 0, 0, 9], [0, 0, 0, 1]] {
            sequence += 1;
            let mut header = names.header(pt, sequence, ssrc, mid, rid);
            header[12..16].copy_from_slice(&extension);
            inject_media(&mut lab, all[0], &header, &[0x10; 30]);
        }
        // Elements that overrun the extension, the one that ends it, and one of every number.
        for element in (0..=255u8).step_by(5) {
            sequence += 1;
            let mut header = names.header(pt, sequence, ssrc, mid, rid);
            header[16] = element;
            inject_media(&mut lab, all[0], &header, &[0x10; 30]);
        }
    }
    check_others_go_on(&mut lab, &all[1..]);
    check_hears_or_sees(&mut lab, all[1], all[0]);
}

/// Checks that somebody is still forwarded, whatever was sent under other SSRCs of the same lines.
fn check_hears_or_sees(lab: &mut Lab, own: ParticipantId, other: ParticipantId) {
    let since = lab.now;
    lab.run_for(3 * SECOND);
    let client = &lab.clients[&own];
    assert!(
        client.heard(since).iter().any(|it| it.tag.publisher == other),
        "{own:?} does not hear {other:?}"
    );
    assert!(client.seen(since).iter().any(|it| it.tag.publisher == other), "{own:?} does not see {other:?}");
}

#[test]
fn media_under_names_that_were_not_offered_goes_nowhere() {
    let (mut lab, all) = Lab::meeting(72, 3);
    lab.run_for(2 * SECOND);
    let names = Names::of(&lab, all[0]);
    let slot = lab.clients[&all[0]].received.first().unwrap().mid.clone();
    let before = lab.events.len();
    let (cam, mic) = (names.cam.as_str(), names.mic.as_str());
    let cases = [
        ("no line", names.opus, "zz", ""),
        ("no name at all", names.opus, "", ""),
        ("a slot", names.opus, slot.as_str(), ""),
        ("a layer that is not there", names.vp8, cam, "zz"),
        ("a layer of a line without any", names.opus, mic, "l"),
        ("no layer where there are some", names.vp8, cam, ""),
        ("a number of no codec", 35, mic, ""),
        ("pictures as sound", names.vp8, mic, ""),
        ("sound as pictures", names.opus, cam, "l"),
    ];
    for (n, (what, pt, mid, rid)) in cases.into_iter().enumerate() {
        let forwarded = |lab: &Lab| lab.sfu.counters().forwarded;
        let earlier = forwarded(&lab);
        for sequence in 0..20 {
            let ssrc = 6_000 + u32::try_from(n).unwrap();
            inject_media(&mut lab, all[0], &names.header(pt, sequence, ssrc, mid, rid), &[0x10; 60]);
        }
        assert_eq!(forwarded(&lab), earlier, "{what}");
    }
    assert_eq!(lab.events.len(), before, "nothing is announced");
    check_others_go_on(&mut lab, &all);
}

#[test]
fn an_ssrc_of_another_participant_is_just_a_number() {
    let (mut lab, all) = Lab::meeting(73, 3);
    lab.run_for(4 * SECOND);
    let victim = &lab.latest_up[&(all[1], false)];
    let ssrc = u32::from_be_bytes(*victim[8..].first_chunk().unwrap());
    let names = Names::of(&lab, all[0]);
    for sequence in 0..500 {
        let header = names.header(names.opus, sequence, ssrc, "", "");
        inject_media(&mut lab, all[0], &header, &[0x78; 40]);
        inject_reports(&mut lab, all[0], &[&[0x81, 203, 0, 1][..], &ssrc.to_be_bytes()].concat());
    }
    check_others_go_on(&mut lab, &all);
}

#[test]
fn of_ten_thousand_ssrcs_in_a_second_the_engine_sees_few() {
    let (mut lab, all) = Lab::meeting(74, 3);
    lab.run_for(2 * SECOND);
    let names = Names::of(&lab, all[0]);
    for ssrc in 0..10_000 {
        let header = names.header(names.opus, 1, 700_000 + ssrc, &names.mic, "");
        inject_media(&mut lab, all[0], &header, &[0x78; 40]);
    }
    let unproven = lab.sfu.counters().unproven;
    assert!(unproven >= 9_900, "{unproven} were not looked at");
    check_others_go_on(&mut lab, &all[1..]);
    // His own microphone comes back when the others are forgotten.
    lab.run_for(3 * SECOND);
    check_hears_or_sees(&mut lab, all[1], all[0]);
}

#[test]
fn retransmissions_of_nothing_are_dropped() {
    let (mut lab, all) = Lab::meeting(75, 3);
    lab.run_for(2 * SECOND);
    let names = Names::of(&lab, all[0]);
    for (sequence, number) in (0..2_000u16).zip((0..u16::MAX).step_by(33).cycle()) {
        let payload = if sequence % 3 == 0 { Vec::new() } else { number.to_be_bytes().to_vec() };
        let payload = if sequence % 3 == 2 { [payload, vec![0x10; 50]].concat() } else { payload };
        let header = names.header(names.rtx, sequence, 8_000, &names.cam, "");
        inject_media(&mut lab, all[0], &header, &payload);
    }
    check_others_go_on(&mut lab, &all[1..]);
}

/// A report of this kind, whose length is said to be so.
fn report(first: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let words = u16::try_from(body.len() / 4).unwrap().to_be_bytes();
    [vec![first, kind], words.to_vec(), body.to_vec()].concat()
}

#[test]
fn reports_that_make_no_sense_are_dropped() {
    let (mut lab, all) = Lab::meeting(76, 3);
    lab.run_for(4 * SECOND);
    let streams = lab.ssrcs_to(all[0]);
    for ssrc in streams {
        let own = [0, 0, 0, 1];
        let both = [own, ssrc.to_be_bytes()].concat();
        let feedback = |body: &[u8]| [both.clone(), body.to_vec()].concat();
        let mut all_kinds: Vec<Vec<u8>> = (192..=223u8)
            .flat_map(|kind| (0..32u8).map(move |count| (kind, 0x80 | count)))
            .flat_map(|(kind, first)| {
                [0, 4, 24].map(|size| report(first, kind, &[both.clone(), vec![0xff; size]].concat()))
            })
            .collect();
        all_kinds.extend([
            // Each of 65,535 packets lost, in as many words as fit.
            report(
                0x81,
                205,
                &feedback(
                    &(0..300u16)
                        .flat_map(|n| [(n * 17).to_be_bytes(), [0xff; 2]].concat())
                        .collect::<Vec<_>>(),
                ),
            ),
            // Transport feedback of 65,535 packets; of runs without length; cut off.
            report(0x8f, 205, &feedback(&[0, 0, 0xff, 0xff, 0, 0, 0, 1, 0x20, 0, 0, 0])),
            report(0x8f, 205, &feedback(&[0, 0, 0xff, 0xff, 0, 0, 0, 1, 0x3f, 0xff, 0x3f, 0xff])),
            report(0x8f, 205, &feedback(&[0xff, 0xff, 0, 9, 0xff, 0xff, 0xff, 2, 0xd5, 0x55, 0, 0])),
            // An estimate of nothing, and of more than there are numbers for.
            report(0x8f, 206, &feedback(&[b'R', b'E', b'M', b'B', 1, 0, 0, 0, 0, 0, 0, 1])),
            report(0x8f, 206, &feedback(&[b'R', b'E', b'M', b'B', 1, 0xff, 0xff, 0xff, 0, 0, 0, 1])),
            // A farewell with a reason that is longer than it is; descriptions that end nowhere.
            report(0x81, 203, &feedback(&[255, b'b', b'y', b'e'])),
            report(0x9f, 202, &feedback(&[1, 255, b'x', b'x'])),
        ]);
        for mut packet in all_kinds {
            inject_reports(&mut lab, all[0], &packet);
            // The same with lengths that are not true.
            for length in [0, 1, 0x7f, 0xff] {
                packet[3] = length;
                inject_reports(&mut lab, all[0], &packet);
            }
        }
        lab.run_for(Duration::from_millis(50));
    }
    check_others_go_on(&mut lab, &all[1..]);
}

#[test]
fn who_asks_for_everything_again_gets_a_quarter_again_and_no_more() {
    let mut lab = Lab::new(77);
    lab.join(1);
    let habits = Habits { sends_mic: false, sends_cam: false, ..Habits::default() };
    let greedy = lab.join_with(2, ROOM, habits, Network::GOOD);
    lab.run_until_connected();
    lab.run_for(10 * SECOND);
    // Media, and what is sent again, which goes under SSRCs of its own.
    let bytes = |lab: &Lab| {
        let is_again = |ssrc: u32| lab.clients[&greedy].is_repair(ssrc);
        let of = |is_wanted: bool| {
            lab.streams_to
                .iter()
                .filter(|((to, ssrc), _)| *to == greedy && is_again(*ssrc) == is_wanted)
                .map(|(_, (_, bytes))| bytes)
                .sum::<u64>()
        };
        (of(false), of(true))
    };
    let flood = |lab: &mut Lab| {
        for ssrc in lab.ssrcs_to(greedy) {
            // The 340 packets before the latest, in one word for each seventeen.
            let latest = lab.streams_to[&(greedy, ssrc)].0;
            let lost =
                (1..=20u16).flat_map(|n| [latest.wrapping_sub(17 * n).to_be_bytes(), [0xff; 2]].concat());
            let body = [vec![0, 0, 0, 1], ssrc.to_be_bytes().to_vec(), lost.collect()].concat();
            inject_reports(lab, greedy, &report(0x81, 205, &body));
        }
    };
    let before = bytes(&lab);
    lab.run_for(20 * SECOND);
    let quiet = bytes(&lab).0 - before.0;
    let before = bytes(&lab);
    for _ in 0..2_000 {
        flood(&mut lab);
        lab.run_for(Duration::from_millis(10));
    }
    let after = bytes(&lab);
    let (media, again) = (after.0 - before.0, after.1 - before.1);
    println!("{media} bytes of media in twenty seconds, and {again} again");
    assert!(again * 100 >= media * 15, "{again}: or this proves nothing");
    // What may come at once on top, and two bytes more in each packet.
    assert!(again * 100 <= media * 25 + 100 * 66_000, "{again} again of {media}");
    assert!(media * 100 >= quiet * 95, "{media}, where it was {quiet}");
}

#[test]
fn who_is_muted_is_not_heard_however_loud_and_takes_no_slot() {
    let (mut lab, all) = Lab::meeting(79, 6);
    for client in lab.clients.values_mut() {
        client.level = if client.own == all[0] { 0 } else { -30 };
    }
    lab.run_for(2 * SECOND);
    assert!(lab.events.iter().any(|(_, it)| *it == SfuEvent::ActiveSpeakerChanged(ROOM, mic(all[0]))));
    lab.sfu.mute(lab.now, mic(all[0]), true);
    let since = lab.now;
    lab.run_for(2 * SECOND);
    let lately = lab.now;
    lab.run_for(SECOND);
    let is_active = |it: &SfuEvent| *it == SfuEvent::ActiveSpeakerChanged(ROOM, mic(all[0]));
    let events = lab.events_since(since);
    assert!(events.contains(&SfuEvent::SpeakingChanged { track: mic(all[0]), is_speaking: false }));
    assert!(!events.iter().any(is_active), "the loudest that is muted");
    let heard = lab.clients[&all[5]].heard(lately);
    assert!(heard.iter().all(|it| it.tag.publisher != all[0]));
    assert!(heard.len() >= 4 * 45, "four others are heard: {} packets", heard.len());
    lab.sfu.mute(lab.now, mic(all[0]), false);
    let since = lab.now;
    lab.run_for(Duration::from_millis(300));
    let heard = lab.clients[&all[5]].heard(since);
    assert!(
        heard.iter().any(|it| it.tag.publisher == all[0]),
        "and is heard at once when he is not any more"
    );
    lab.clients.values().for_each(check_streams);
}

#[test]
fn who_sends_only_pictures_is_no_speaker() {
    let mut lab = Lab::new(80);
    let habits = Habits { sends_mic: false, ..Habits::default() };
    let silent = lab.join_with(1, ROOM, habits, Network::GOOD);
    lab.join(2);
    lab.run_until_connected();
    lab.run_for(SECOND);
    let offer = Client::new(lab.now, silent, address(1), Habits::default()).offer();
    let video = lab.sfu.mid(TrackId { line: LineId(0), publisher: silent }).unwrap().to_owned();
    let names = Names::read(&offer, &video, &video);
    for sequence in 0..200 {
        // The loudest there is, said of pictures and on the line of pictures.
        for pt in [names.opus, names.vp8] {
            let mut header = names.header(pt, sequence, 4_000 + u32::from(pt), &video, "l");
            header.extend([0x10, 0x80, 0, 0]);
            let words = u16::try_from((header.len() - 16) / 4).unwrap().to_be_bytes();
            header[14..16].copy_from_slice(&words);
            inject_media(&mut lab, silent, &header, &[0x10; 40]);
        }
        lab.run_for(Duration::from_millis(20));
    }
    let is_about = |it: &SfuEvent| match it {
        SfuEvent::ActiveSpeakerChanged(_, track) | SfuEvent::SpeakingChanged { track, .. } => {
            track.publisher == silent
        }
        _ => false,
    };
    assert!(!lab.events.iter().any(|(_, it)| is_about(it)));
}

#[test]
fn times_and_numbers_that_jump_concern_nobody_else() {
    let (mut lab, all) = Lab::meeting(81, 3);
    lab.run_for(3 * SECOND);
    let names = Names::of(&lab, all[0]);
    let mut random = fastrand::Rng::with_seed(81);
    let streams = lab.ssrcs_to(all[0]);
    for n in 0..600u32 {
        for (pt, mid, rid) in [(names.opus, &names.mic, ""), (names.vp8, &names.cam, "m")] {
            // Backwards by half a second each time, and anywhere; under numbers that go on, and any.
            let time = if n % 2 == 0 { 0u32.wrapping_sub(n * 24_000) } else { random.u32(..) };
            let sequence = if n % 3 == 0 { random.u16(..) } else { u16::try_from(n).unwrap() };
            let mut header = names.header(pt, sequence, 3_000 + u32::from(pt), mid, rid);
            header[4..8].copy_from_slice(&time.to_be_bytes());
            inject_media(&mut lab, all[0], &header, &[0x10; 80]);
        }
        // What he was sent arrived long ago, or will some day: reference times from all over (transport-cc §3.1).
        let ssrc = streams[usize::try_from(n).unwrap() % streams.len()];
        let base = lab.streams_to[&(all[0], ssrc)].0;
        let reference = random.u32(..).to_be_bytes();
        let chunk = [0x20, 8, 1, 1, 1, 0xff, 1, 0x80, 1, 1];
        let body = [
            &[0, 0, 0, 1][..],
            &ssrc.to_be_bytes(),
            &base.to_be_bytes(),
            &[0, 8],
            &reference,
            &chunk,
            &[0; 2],
        ];
        inject_reports(&mut lab, all[0], &report(0x8f, 205, &body.concat()));
        lab.run_for(Duration::from_millis(5));
    }
    check_others_see_and_hear(&mut lab, &all[1..]);
    check_hears_or_sees(&mut lab, all[0], all[1]);
}

#[test]
fn an_encoder_that_begins_anew_under_another_ssrc_is_heard_on() {
    let mut lab = Lab::new(82);
    let habits = Habits { sends_cam: false, ..Habits::default() };
    let all = [1, 2].map(|n| lab.join_with(n, ROOM, habits, Network::GOOD));
    lab.run_until_connected();
    lab.run_for(2 * SECOND);
    lab.clients.get_mut(&all[0]).unwrap().is_mic_on = false;
    let offer = Client::new(lab.now, all[0], address(1), habits).offer();
    let mut names = offer.clone();
    names.push_str("a=rtpmap:96 VP8/90000\r\na=fmtp:97 apt=96\r\n");
    names.push_str("a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n");
    let names = Names::read(&names, lab.sfu.mid(mic(all[0])).unwrap(), "");
    let since = lab.now;
    for sequence in 0..50 {
        let mut header = names.header(names.opus, sequence, 777, &names.mic, "");
        header[4..8].copy_from_slice(&(u32::from(sequence) * 960).to_be_bytes());
        let tag = Tag { publisher: all[0], layer: 0, frame: 0, is_keyframe: true, begins: true, ends: false };
        inject_media(&mut lab, all[0], &header, &[vec![0x78; 60], tag.to_bytes()].concat());
        lab.run_for(Duration::from_millis(20));
    }
    let heard = lab.clients[&all[1]].heard(since);
    assert!(heard.iter().filter(|it| it.tag.publisher == all[0]).count() >= 49, "{}", heard.len());
    check_streams(&lab.clients[&all[1]]);
}

#[test]
fn who_sends_fifty_times_too_much_is_held_to_the_bound_and_others_notice_nothing() {
    let mut lab = Lab::new(78);
    lab.sfu = allo_sfu::Sfu::new(
        lab.now,
        allo_sfu::SfuConfig { ingress_max: Bitrate::kbps(4_000), ..config(crate::lab::WORKER) },
    );
    let all: Vec<_> = (1..=3).map(|n| lab.join(n)).collect();
    lab.run_until_connected();
    lab.run_for(6 * SECOND);
    let names = Names::of(&lab, all[0]);
    let dropped = |lab: &Lab| lab.sfu.counters().policed + lab.sfu.counters().unproven;
    let (before, since) = (dropped(&lab), lab.now);
    // Twenty packets of 1,000 bytes each millisecond: 160 Mbit/s.
    let mut sequence = 0;
    for _ in 0..2_000 {
        for _ in 0..20 {
            sequence += 1;
            let header = names.header(names.vp8, sequence, 9_000, &names.cam, "h");
            inject_media(&mut lab, all[0], &header, &[0x10; 1_000]);
        }
        lab.run_for(Duration::from_millis(1));
    }
    let passed = 40_000 - (dropped(&lab) - before);
    println!("{passed} of 40,000 packets passed in two seconds");
    assert!(passed <= 1_600, "{passed}: 4 Mbit/s in two seconds, and a second's worth at once");
    for (own, other) in [(all[1], all[2]), (all[2], all[1])] {
        let client = &lab.clients[&own];
        let of = |it: &&&crate::client::Received| it.tag.publisher == other;
        let heard: Vec<_> = client.heard(since).iter().filter(of).map(|it| it.at).collect();
        let gap = heard.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(gap <= Duration::from_millis(60), "{own:?} did not hear {other:?} for {gap:?}");
        let seen = client.seen(since).iter().filter(of).count();
        assert!(seen >= 55, "{own:?} sees {seen} packets of {other:?} in two seconds");
    }
}

//! What comes from those who mean no good, or are broken.

use std::net::SocketAddr;

use allo_sfu::{Closed, ConnectError, OfferError, ParticipantId, SfuEvent};
use proptest::prelude::*;

use crate::client::{Client, Habits, Tag};
use crate::descriptors::{self, Descriptor};
use crate::lab::{Lab, Network, ROOM, SECOND, address, cam, explore, mic};
use crate::streams::check_streams;

fn stranger() -> SocketAddr {
    address(200)
}

/// Checks that a call goes on as if nothing had been.
fn check_call_goes_on(lab: &mut Lab) {
    let since = lab.now;
    lab.run_for(2 * SECOND);
    for client in lab.clients.values() {
        assert!(client.seen(since).len() >= 55, "{:?} sees {}", client.own, client.seen(since).len());
        assert!(client.heard(since).len() >= 95, "{:?} hears {}", client.own, client.heard(since).len());
        check_streams(client);
    }
    let is_over = |(_, it): &(_, SfuEvent)| matches!(it, SfuEvent::TransportClosed(..));
    assert!(!lab.events.iter().any(is_over));
}

#[test]
fn datagrams_of_every_size_and_first_byte_from_anywhere_have_no_effect() {
    let (mut lab, _) = Lab::meeting(40, 2);
    lab.run_for(SECOND);
    for source in [stranger(), address(1)] {
        for first in 0..=255u8 {
            lab.inject(source, &[vec![first], vec![0xa5; 99]].concat());
        }
        for size in (0..60).chain([1_499, 1_500, 1_501, 2_000, 65_507]) {
            for first in [0, 1, 20, 22, 63, 128, 144, 200] {
                lab.inject(source, &vec![first; size]);
            }
        }
    }
    assert!(lab.astray.is_empty(), "nobody is answered");
    let counters = lab.sfu.counters();
    assert!(counters.bad_size >= 50 && counters.bad_stun > 0 && counters.strangers > 250, "{counters:?}");
    check_call_goes_on(&mut lab);
}

#[test]
fn a_client_hello_from_an_address_that_passed_no_check_is_not_answered() {
    let mut lab = Lab::new(41);
    lab.join(1);
    lab.join(2);
    // A handshake record with a ClientHello inside, sent before the real handshakes begin.
    let mut hello =
        vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1, 0, 0, 88, 0, 0, 0, 0, 0, 0, 0, 88];
    hello.resize(113, 0);
    (0..100).for_each(|_| lab.inject(stranger(), &hello));
    assert!(lab.astray.is_empty());
    lab.run_until_connected();
    lab.run_for(4 * SECOND);
    check_call_goes_on(&mut lab);
}

#[test]
fn a_check_with_a_wrong_password_is_not_answered() {
    let (mut lab, all) = Lab::meeting(42, 2);
    lab.run_for(4 * SECOND);
    let mut check = lab.latest_up[&(all[0], true)].clone();
    let last = check.len() - 30;
    check[last] ^= 1;
    (0..100).for_each(|_| lab.inject(stranger(), &check));
    assert!(lab.astray.is_empty());
    check_call_goes_on(&mut lab);
}

#[test]
fn checks_without_proof_from_everywhere_are_not_answered_and_leave_nothing_behind() {
    let (mut lab, all) = Lab::meeting(50, 2);
    lab.run_for(4 * SECOND);
    let mut check = lab.latest_up[&(all[0], true)].clone();
    let last = check.len() - 30;
    for n in 0..10_000u16 {
        check[last] = check[last].wrapping_add(1);
        // One in 256 would be the true one.
        let is_true = check == lab.latest_up[&(all[0], true)];
        let source = SocketAddr::from(([203, 0, 113, 9], n));
        if !is_true {
            lab.inject(source, &check);
            assert!(!lab.sfu.knows(source));
        }
    }
    assert!(lab.astray.is_empty(), "nothing is reflected");
    check_call_goes_on(&mut lab);
}

/// Makes a DTLS handshake record: a part of a `ClientHello` that says it is `whole` bytes long.
fn hello_part(sequence: u8, whole: u32, offset: u32, length: usize) -> Vec<u8> {
    let three = |value: u32| value.to_be_bytes()[1..].to_vec();
    let body = vec![sequence; length];
    let length = u32::try_from(length).unwrap();
    let handshake = [vec![1], three(whole), vec![0, 0], three(offset), three(length), body].concat();
    let size = u16::try_from(handshake.len()).unwrap().to_be_bytes();
    [vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, sequence], size.to_vec(), handshake].concat()
}

/// Lets somebody who is here to stay connect while these datagrams come from his address, each time he sends something of the
/// handshake. Returns how often he needed a new transport.
fn connect_under(forged: &[Vec<u8>], is_before: bool) -> usize {
    let mut lab = Lab::new(51);
    let start = lab.now;
    let mut own = lab.join(1);
    let until = lab.now + SECOND;
    assert!(lab.run_until(until, |lab| lab.sfu.knows(address(1))), "the check is answered first");
    if !is_before {
        // His part of the handshake has begun.
        let count = |lab: &Lab| {
            lab.sent.get(&own).copied().unwrap_or(0) - lab.answers.get(&own).copied().unwrap_or(0)
        };
        assert!(lab.run_until(until, |lab| count(lab) > 0));
    }
    for datagram in forged {
        lab.inject(address(1), datagram);
    }
    let is_over = |lab: &Lab, own| {
        lab.events.iter().any(|(_, it)| matches!(it, SfuEvent::TransportClosed(closed, _) if *closed == own))
    };
    let is_done = |lab: &Lab, own| lab.clients.get(&own).is_some_and(|client| client.is_connected);
    let mut renewed = 0;
    while !is_done(&lab, own) && renewed < 3 {
        lab.run_until(start + 3 * SECOND, |lab| is_done(lab, own) || is_over(lab, own));
        if is_over(&lab, own) {
            // He comes from another port, which whoever forges does not know.
            lab.leave(own);
            renewed += 1;
            own = lab.join(1 + u64::try_from(renewed).unwrap());
        }
    }
    lab.run_until(start + 3 * SECOND, |lab| is_done(lab, own));
    assert!(is_done(&lab, own), "connected within three seconds");
    renewed
}

#[test]
fn who_forges_a_part_of_the_handshake_holds_nobody_up_for_three_seconds() {
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("out of order and overlapping", vec![hello_part(0, 200, 100, 50), hello_part(0, 200, 0, 120)]),
        ("longer than anything", vec![hello_part(0, 0x00ff_ffff, 0, 1_000)]),
        ("far into something long", vec![hello_part(0, 0x00ff_ffff, 0x00ff_f000, 1_000)]),
        ("beyond the end", vec![hello_part(0, 100, 90, 200)]),
        ("a whole one of rubbish", vec![hello_part(0, 88, 0, 88)]),
        ("fifty in a row", (0..50).map(|sequence| hello_part(sequence, 88, 0, 88)).collect()),
        ("an alert that ends it", vec![vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]]),
        ("a goodbye", vec![vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0]]),
        ("a change of ciphers too early", vec![vec![20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1]]),
        (
            "something encrypted",
            vec![[vec![22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 48], vec![7; 48]].concat()],
        ),
    ];
    for (what, forged) in cases {
        for is_before in [true, false] {
            let renewed = connect_under(&forged, is_before);
            println!("{what}, before the true one: {is_before}: {renewed} new transports");
            assert!(renewed <= 1, "{what}");
        }
    }
}

#[test]
fn what_is_forged_of_a_handshake_after_it_is_over_has_no_effect() {
    let (mut lab, _) = Lab::meeting(54, 2);
    for sequence in 0..200 {
        lab.inject(address(1), &hello_part(sequence, 88, 0, 88));
        lab.inject(address(1), &[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, sequence, 0, 2, 2, 40]);
        lab.inject(address(1), &[21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 1, sequence, 0, 2, 2, 40]);
    }
    check_call_goes_on(&mut lab);
}

#[test]
fn who_never_ends_its_handshake_is_given_up_after_ten_seconds() {
    let mut lab = Lab::new(55);
    let all: Vec<_> = (1..=100).map(|n| lab.join(n)).collect();
    let until = lab.now + SECOND;
    assert!(lab.run_until(until, |lab| (1..=100).all(|n| lab.sfu.knows(address(n)))));
    lab.clients.values_mut().for_each(|client| client.is_deaf = true);
    lab.run_for(9 * SECOND);
    let over = |lab: &Lab| {
        let is_over = |own: &&ParticipantId| {
            lab.events.iter().any(|(_, it)| *it == SfuEvent::TransportClosed(**own, Closed::BySilence))
        };
        all.iter().filter(is_over).count()
    };
    assert_eq!(over(&lab), 0, "who is slow is waited for");
    lab.run_for(2 * SECOND);
    assert_eq!(over(&lab), 100);
    assert!(lab.sfu.poll_timeout().is_none(), "nothing is kept of them");
}

#[test]
fn media_and_reports_too_short_for_their_proof_have_no_effect() {
    let (mut lab, all) = Lab::meeting(52, 2);
    lab.run_for(SECOND);
    let media = lab.latest_up[&(all[0], false)].clone();
    for length in 1..60 {
        let mut part = media[..length.min(media.len())].to_vec();
        lab.inject(address(1), &part);
        // The same as a sender report, a receiver report, feedback, and with fifteen sources and an extension that overruns.
        for (first, second) in [(0x80, 200), (0x81, 201), (0x8f, 205), (0xbf, 206), (0x9f, 96), (0xaf, 224)] {
            part[0] = first;
            if let Some(byte) = part.get_mut(1) {
                *byte = second;
            }
            lab.inject(address(1), &part);
        }
    }
    check_call_goes_on(&mut lab);
}

#[test]
fn a_replayed_check_does_not_move_the_media() {
    let (mut lab, all) = Lab::meeting(43, 2);
    lab.run_for(4 * SECOND);
    let check = lab.latest_up[&(all[0], true)].clone();
    lab.inject(stranger(), &check);
    let since = lab.now;
    lab.run_for(2 * SECOND);
    let stolen = lab.astray.iter().filter(|(_, bytes)| bytes[0] >= 4).count();
    println!("{stolen} datagrams of media went to who replayed a check");
    assert!(lab.clients[&all[0]].seen(since).len() >= 55);
    assert_eq!(stolen, 0);
}

#[test]
fn a_replayed_check_does_not_move_the_media_of_who_is_silent_either() {
    let (mut lab, all) = Lab::meeting(57, 2);
    let mut checks = Vec::new();
    for _ in 0..20 {
        lab.run_for(SECOND);
        checks.push(lab.latest_up[&(all[0], true)].clone());
    }
    lab.clients.get_mut(&all[0]).unwrap().is_deaf = true;
    // Longer than anybody is waited for.
    for n in 0..40 {
        lab.run_for(SECOND);
        lab.inject(stranger(), &checks[n % checks.len()]);
    }
    assert!(lab.astray.is_empty(), "{} datagrams went to who replayed checks", lab.astray.len());
    lab.clients.get_mut(&all[0]).unwrap().is_deaf = false;
    let since = lab.now;
    lab.run_for(5 * SECOND);
    assert!(lab.clients[&all[0]].seen(since).len() >= 55, "it finds back");
    assert!(lab.astray.is_empty());
}

#[test]
fn replayed_and_forged_media_have_no_effect() {
    let (mut lab, all) = Lab::meeting(44, 2);
    lab.run_for(2 * SECOND);
    let media = lab.latest_up[&(all[0], false)].clone();
    for n in 0..2_000 {
        let mut forged = media.clone();
        if n % 2 == 0 {
            let at = n % forged.len();
            forged[at] ^= 0x10;
        }
        lab.inject(address(1), &forged);
    }
    check_call_goes_on(&mut lab);
}

/// Returns what follows the first line of an offer that begins so and ends so.
fn number(offer: &str, start: &str, end: &str) -> u8 {
    let line = offer.lines().find(|line| line.starts_with(start) && line.ends_with(end)).unwrap();
    line[start.len()..].split(' ').next().unwrap().parse().unwrap()
}

/// Makes packets of media under SSRCs that nobody announced, which name the lines and layers of a participant. All that is in them
/// can be seen on the way, or guessed; only the proof is missing.
fn forged_media(offer: &str, mid: &str, rid: Option<&str>, ssrc: u32) -> Vec<u8> {
    let codec = if rid.is_some() { " VP8/90000" } else { " opus/48000/2" };
    let pt = number(offer, "a=rtpmap:", codec);
    let mut extensions = Vec::new();
    for (uri, value) in [("sdes:mid", Some(mid)), ("sdes:rtp-stream-id", rid)] {
        let Some(value) = value else { continue };
        let id = number(offer, "a=extmap:", &format!("urn:ietf:params:rtp-hdrext:{uri}"));
        extensions.push(id << 4 | u8::try_from(value.len() - 1).unwrap());
        extensions.extend(value.bytes());
    }
    extensions.resize(extensions.len().next_multiple_of(4), 0);
    let words = u16::try_from(extensions.len() / 4).unwrap().to_be_bytes();
    let header = [vec![0x90, pt, 0, 7, 0, 0, 0, 9], ssrc.to_be_bytes().to_vec(), vec![0xbe, 0xde]].concat();
    [header, words.to_vec(), extensions, vec![0x5a; 90]].concat()
}

#[test]
fn media_forged_under_new_names_takes_nothing_from_the_true_one() {
    let (mut lab, all) = Lab::meeting(53, 2);
    // By now the names of lines are left out wherever they can be.
    lab.run_for(8 * SECOND);
    let offer = Client::new(lab.now, all[0], address(1), Habits::default()).offer();
    let mids: Vec<_> = [mic(all[0]), cam(all[0])].map(|track| lab.sfu.mid(track).unwrap().to_owned()).into();
    for ssrc in 1..2_000 {
        lab.inject(address(1), &forged_media(&offer, &mids[0], None, ssrc));
        lab.inject(address(1), &forged_media(&offer, &mids[1], Some("h"), 100_000 + ssrc % 3));
    }
    check_call_goes_on(&mut lab);
}

#[test]
fn who_cannot_prove_the_offered_fingerprint_is_not_let_in_whoever_begins() {
    ["actpass", "active", "passive"].into_iter().for_each(check_fingerprint);
}

/// Checks that another certificate than the offered one is noticed, with this role in the handshake.
fn check_fingerprint(setup: &str) {
    let mut lab = Lab::new(45);
    let own = ParticipantId(1);
    let mut client = Client::new(lab.now, own, address(1), Habits::default());
    let offer = client.offer();
    let at = offer.find("a=fingerprint:sha-256 ").unwrap() + "a=fingerprint:sha-256 ".len();
    let other = if offer[at..].starts_with("00") { "11" } else { "00" };
    let digits = &offer[at..at + 2];
    let forged = offer.replace(&format!("sha-256 {digits}"), &format!("sha-256 {other}"));
    let forged = forged.replace("a=setup:actpass", &format!("a=setup:{setup}"));
    let answer = lab.sfu.connect(lab.now, own, ROOM, &forged).unwrap();
    lab.clients.insert(own, client);
    lab.networks.insert(own, Network::GOOD);
    lab.act(own, |client, now| client.handle_answer(now, &answer));
    lab.run_for(40 * SECOND);
    let events = lab.events_since(lab.events.first().map_or(lab.now, |(at, _)| *at));
    assert!(!events.contains(&SfuEvent::TransportConnected(own)), "{setup}: {events:?}");
    assert!(events.iter().any(|it| matches!(it, SfuEvent::TransportClosed(closed, _) if *closed == own)));
}

#[test]
fn a_video_descriptor_cut_off_anywhere_does_no_harm() {
    let vp8: &[u8] = &[0x90, 0xf0, 0x80, 0x01, 0x02, 0x20, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 1, 0, 1];
    let h264: &[u8] = &[24, 0, 4, 7, 0x42, 0xe0, 0x1f, 0xff, 0xff, 5, 0, 0, 28, 0x85];
    let vp9: &[u8] = &[
        0xaa, 0x81, 0x02, 0x00, 0x07, 0x58, 0x01, 0x40, 0, 180, 0x02, 0x80, 0x01, 0x68, 0x05, 0, 0x02, 0xd0,
        1, 0x04, 1, 9,
    ];
    let flexible: &[u8] = &[0xf4, 0x81, 0x03, 0x44, 0x03, 0x04, 9];
    let (h264_habits, vp9_habits) =
        (Habits { has_h264: true, ..Habits::default() }, Habits { has_vp9: true, ..Habits::default() });
    let all = [(Habits::default(), vp8), (h264_habits, h264), (vp9_habits, vp9), (vp9_habits, flexible)];
    for (habits, whole) in all {
        let mut lab = Lab::new(46);
        let all: Vec<_> = (1..=3).map(|n| lab.join_with(n, ROOM, habits, Network::GOOD)).collect();
        lab.run_until_connected();
        lab.run_for(2 * SECOND);
        for end in 0..=whole.len() {
            lab.act(all[0], |client, now| client.send_picture(now, &whole[..end]));
            lab.run_for(std::time::Duration::from_millis(20));
        }
        check_others_see(&mut lab, &all);
    }
}

#[test]
fn a_dependency_descriptor_cut_off_anywhere_does_no_harm() {
    let habits = Habits { has_av1: true, ..Habits::default() };
    let mut lab = Lab::new(48);
    let all: Vec<_> = (1..=3).map(|n| lab.join_with(n, ROOM, habits, Network::GOOD)).collect();
    lab.run_until_connected();
    lab.run_for(2 * SECOND);
    let first = Tag { publisher: all[0], layer: 0, frame: 1, is_keyframe: true, begins: true, ends: false };
    let whole = descriptors::values(first, 7, true);
    let Some(Descriptor(whole)) = whole.user_values.get() else { panic!("it has a descriptor") };
    for end in 0..whole.len() {
        lab.act(all[0], |client, now| client.send_described(now, &whole[..end]));
        lab.run_for(std::time::Duration::from_millis(20));
    }
    check_others_see(&mut lab, &all);
}

/// Checks that who has sent nonsense disturbs nobody.
fn check_others_see(lab: &mut Lab, all: &[ParticipantId]) {
    let since = lab.now;
    lab.run_for(2 * SECOND);
    assert!(lab.clients[&all[1]].seen(since).iter().any(|it| it.tag.publisher == all[2]));
    let is_over = |(_, it): &(_, SfuEvent)| matches!(it, SfuEvent::TransportClosed(..));
    assert!(!lab.events.iter().any(is_over));
}

#[test]
fn offers_that_ask_for_too_much_or_make_no_sense_are_refused_by_name() {
    let mut lab = Lab::new(47);
    let habits = Habits { audio_slots: 1, video_slots: 1, ..Habits::default() };
    let good = Client::new(lab.now, ParticipantId(1), address(1), habits).offer();
    let mid = good.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap().to_owned();
    let other_mid = good.lines().filter_map(|line| line.strip_prefix("a=mid:")).nth(1).unwrap().to_owned();
    let fingerprint = good.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap().to_owned();
    let ufrag = good.lines().find(|line| line.starts_with("a=ice-ufrag:")).unwrap().to_owned();
    let opus = good.lines().find(|line| line.contains("opus/48000/2")).unwrap().to_owned();
    let pt = opus["a=rtpmap:".len()..].split(' ').next().unwrap().to_owned();
    let extension = good.lines().find(|line| line.starts_with("a=extmap:")).unwrap().to_owned();
    let uri = extension.split_once(' ').unwrap().1.to_owned();
    let audio = good.lines().find(|line| line.starts_with("m=audio")).unwrap().to_owned();
    let many = |line: &str, count: usize| vec![line; count].join("\r\n");
    let cases: Vec<(&str, String, OfferError)> = vec![
        ("256 KiB", format!("{good}a=x:{}\r\n", "x".repeat(256 * 1024)), OfferError::TooLong),
        ("many attributes", format!("{good}{}\r\n", many("a=x", 10_000)), OfferError::TooLong),
        ("not SDP", "hello".to_owned(), OfferError::NotSdp),
        ("nothing", String::new(), OfferError::NotSdp),
        ("a control character", good.replace("a=rtcp-mux", "a=rtcp\u{1}-mux"), OfferError::NotSdp),
        ("no line", good.split("m=").next().unwrap().to_owned(), OfferError::Lines),
        ("1000 lines", format!("{good}{}\r\n", many(&audio, 1_000)), OfferError::Lines),
        ("data", good.replacen("m=audio", "m=application", 1), OfferError::Media),
        (
            "a mid twice",
            good.replace(&format!("a=mid:{other_mid}"), &format!("a=mid:{mid}")),
            OfferError::Mid,
        ),
        ("a long mid", good.replace(&mid, &"m".repeat(100)), OfferError::Mid),
        ("no mid", good.replace(&format!("a=mid:{mid}\r\n"), ""), OfferError::Mid),
        ("no bundle", good.replace("a=group:BUNDLE", "a=group:LS"), OfferError::Bundle),
        ("no rtcp-mux", good.replacen("a=rtcp-mux\r\n", "", 1), OfferError::Bundle),
        ("payload type 200", good.replacen(&format!("SAVPF {pt}"), "SAVPF 200", 1), OfferError::PayloadType),
        ("payload type 72", good.replacen(&format!("SAVPF {pt}"), "SAVPF 72", 1), OfferError::PayloadType),
        (
            "a payload type twice",
            good.replacen(&format!("SAVPF {pt}"), &format!("SAVPF {pt} {pt}"), 1),
            OfferError::PayloadType,
        ),
        ("no clock", good.replacen("opus/48000/2", "opus/0/2", 1), OfferError::PayloadType),
        ("no channels", good.replacen("opus/48000/2", "opus/48000/0", 1), OfferError::PayloadType),
        ("255 channels", good.replacen("opus/48000/2", "opus/48000/255", 1), OfferError::PayloadType),
        ("no codec", good.replace("opus/48000/2", "speex/48000/2"), OfferError::Codec),
        ("a direction too many", good.replacen("a=sendonly", "a=sendrecv", 1), OfferError::Direction),
        (
            "20 layers",
            good.replace(
                "a=simulcast:send ",
                &format!("a=simulcast:send {};", many("l", 20).replace("\r\n", ";")),
            ),
            OfferError::Layers,
        ),
        ("an unknown layer", good.replace("a=simulcast:send l", "a=simulcast:send z"), OfferError::Layers),
        ("extension 0", good.replacen(&extension, &format!("a=extmap:0 {uri}"), 1), OfferError::Extension),
        ("extension 15", good.replacen(&extension, &format!("a=extmap:15 {uri}"), 1), OfferError::Extension),
        (
            "extension 256",
            good.replacen(&extension, &format!("a=extmap:256 {uri}"), 1),
            OfferError::Extension,
        ),
        (
            "100 SSRCs",
            format!("{good}a=ssrc-group:SIM {}\r\n", many("7", 100).replace("\r\n", " ")),
            OfferError::Ssrcs,
        ),
        ("no fingerprint", good.replace(&format!("{fingerprint}\r\n"), ""), OfferError::Fingerprint),
        ("md5", good.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), OfferError::Fingerprint),
        (
            "two fingerprints",
            good.replacen(&fingerprint, &format!("a=fingerprint:sha-256 {}", vec!["AB"; 32].join(":")), 1),
            OfferError::Fingerprint,
        ),
        ("holdconn", good.replacen("a=setup:actpass", "a=setup:holdconn", 1), OfferError::Setup),
        ("a short ufrag", good.replace(&ufrag, "a=ice-ufrag:abc"), OfferError::IceCredentials),
        ("a strange ufrag", good.replace(&ufrag, "a=ice-ufrag:ab cd"), OfferError::IceCredentials),
        ("ICE-lite", good.replacen("m=audio", "a=ice-lite\r\nm=audio", 1), OfferError::IceLite),
    ];
    for (what, offer, expected) in cases {
        assert_ne!(offer, good, "{what}: the offer was not changed");
        let result = lab.sfu.connect(lab.now, ParticipantId(1), ROOM, &offer);
        assert_eq!(result, Err(ConnectError::Offer(expected)), "{what}");
    }
    assert!(lab.sfu.poll_timeout().is_none(), "nobody is here");
    assert!(lab.sfu.connect(lab.now, ParticipantId(1), ROOM, &good).is_ok());
}

#[test]
fn restrictions_of_layers_that_make_no_sense_are_answered_or_refused() {
    let good = Client::new(Lab::new(56).now, ParticipantId(1), address(1), Habits::default()).offer();
    let many = vec!["max-br=1"; 1_000].join(";");
    for restriction in [
        "max-width=99999999999999999999;max-height=-1",
        "max-fps=0;max-br=0;max-pps=0",
        "pt=999,-1,0;depend=l,l,l",
        ";;;=;=,=",
        "\u{fffd}",
        many.as_str(),
    ] {
        let mut lab = Lab::new(56);
        let offer = good.replace("a=rid:l send", &format!("a=rid:l send {restriction}"));
        assert_ne!(offer, good);
        if lab.sfu.connect(lab.now, ParticipantId(1), ROOM, &offer).is_ok() {
            lab.run_for(SECOND);
        }
        assert!(lab.events.is_empty(), "{restriction}: {:?}", lab.events);
    }
}

#[test]
fn garbage_never_disturbs_a_call() {
    let datagram = (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300));
    explore(24, &proptest::collection::vec(datagram, 1..200), |datagrams| {
        let (mut lab, _) = Lab::meeting(48, 2);
        lab.run_for(SECOND);
        for (is_known, datagram) in datagrams {
            lab.inject(if is_known { address(1) } else { stranger() }, &datagram);
        }
        check_call_goes_on(&mut lab);
    });
}

#[test]
fn an_offer_changed_anywhere_is_answered_or_refused() {
    let change = (any::<prop::sample::Index>(), any::<u8>(), any::<bool>());
    explore(200, &change, |(at, to, is_cut)| {
        let mut lab = Lab::new(49);
        let client = Client::new(lab.now, ParticipantId(1), address(1), Habits::default());
        let mut bytes = { client }.offer().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to;
        bytes.truncate(if is_cut { at } else { bytes.len() });
        let result = lab.sfu.connect(lab.now, ParticipantId(1), ROOM, &String::from_utf8_lossy(&bytes));
        if result.is_ok() {
            lab.run_for(SECOND);
        }
        let is_fault = |(_, it): &(_, SfuEvent)| matches!(it, SfuEvent::TransportClosed(_, Closed::ByFault));
        assert!(!lab.events.iter().any(is_fault));
    });
}

//! Negotiation between two ends, in virtual time.

use std::time::Duration;

use allo_client::peer::{LinkState, Negotiation, PeerConnection};
use allo_protocol::{PictureLimits, SdpType, SessionDescription};

use crate::pair::{Network, Pair};

const PERFECT: [Negotiation; 2] = [Negotiation::Perfect; 2];

/// Waits until both ends are connected and stable and media flows both ways for two seconds.
fn assert_settles(pair: &mut Pair, within: Duration, what: &str) {
    let deadline = pair.now + within;
    loop {
        assert!(pair.run_until(deadline, Pair::is_settled), "{what}: not settled");
        let before = pair.received();
        pair.run_for(Duration::from_secs(2));
        let after = pair.received();
        // Of 100 packets and 30 frames in two seconds; a bad network loses some.
        let flows = |n: usize| after[n].0 >= before[n].0 + 60 && after[n].1 >= before[n].1 + 8;
        if flows(0) && flows(1) && pair.is_settled() {
            return;
        }
        assert!(pair.now < deadline, "{what}: no media: {before:?} {after:?}");
    }
}

#[test]
fn every_mixture_of_algorithms_connects() {
    use Negotiation::{Perfect, Simple};
    for algorithms in [[Perfect, Perfect], [Perfect, Simple], [Simple, Perfect], [Simple, Simple]] {
        let mut pair = Pair::new(1, Network::GOOD, algorithms);
        assert_settles(&mut pair, Duration::from_secs(2), &format!("{algorithms:?}"));
    }
}

#[test]
fn a_bad_network_connects_too() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed, Network::BAD, PERFECT);
        assert_settles(&mut pair, Duration::from_secs(10), &format!("seed {seed}"));
    }
}

/// Both ends restart ICE, move, mute and switch their cameras at moments that often coincide.
#[test]
fn thousands_of_crossing_offers_end_stable_with_media_both_ways() {
    let mut crossed = 0;
    for seed in 0..24 {
        let mut pair = Pair::new(seed, Network::GOOD, PERFECT);
        for round in 0..60 {
            for n in 0..2 {
                disturb(&mut pair, n, round);
            }
            let pause = pair.random.u64(1..120);
            pair.run_for(Duration::from_millis(pause));
        }
        for n in 0..2 {
            pair.act(n, |end, now| end.set_mic(now, true));
            pair.act(n, |end, now| end.set_cam(now, true));
        }
        assert_settles(&mut pair, Duration::from_secs(12), &format!("seed {seed}"));
        assert!(pair.ends.iter().all(|end| end.renewals == 0), "seed {seed}");
        crossed += pair.crossed_offers;
    }
    assert!(crossed > 1000, "only {crossed} offers crossed");
}

fn disturb(pair: &mut Pair, n: usize, round: u16) {
    match pair.random.u32(0..10) {
        0..=4 => pair.act(n, PeerConnection::restart_ice),
        5 => pair.move_end(n, 2000 + round),
        6 => pair.act(n, |end, now| end.set_mic(now, round.is_multiple_of(2))),
        7 => pair.act(n, |end, now| end.set_cam(now, round.is_multiple_of(2))),
        8 => pair.greet(),
        _ => {}
    }
}

#[test]
fn an_offer_that_was_lost_is_sent_again_when_greeted_again() {
    let mut pair = Pair::new(3, Network::GOOD, PERFECT);
    pair.is_signaling_cut = true;
    pair.run_for(Duration::from_millis(500));
    pair.is_signaling_cut = false;
    pair.greet();
    assert_settles(&mut pair, Duration::from_secs(2), "after the cut");
}

#[test]
fn an_answer_that_was_lost_is_given_again_when_greeted_again() {
    let mut pair = Pair::new(4, Network::GOOD, PERFECT);
    // The offer is on its way; what is said from now on is lost.
    pair.run_for(Duration::ZERO);
    pair.is_signaling_cut = true;
    pair.run_for(Duration::from_millis(500));
    assert!(!pair.ends[1].connection.is_stable());
    pair.is_signaling_cut = false;
    pair.greet();
    assert_settles(&mut pair, Duration::from_secs(2), "after the cut");
}

/// An offer that was sent again must not make the other end take back an offer that it made in between.
/// A browser that is polite asks with its last description under other credentials, to which it does not listen.
#[test]
fn a_request_to_restart_ice_is_answered_with_a_restart_even_if_heard_twice() {
    let mut pair = Pair::new(1, Network::GOOD, PERFECT);
    assert_settles(&mut pair, Duration::from_secs(2), "at first");
    let offers = |pair: &Pair| pair.ends[1].said.clone();
    let before = offers(&pair);
    let polite = pair.ends[0].said.last().expect("it has answered");
    let request = SessionDescription { sdp_type: SdpType::Offer, sdp: with_other_credentials(&polite.sdp) };
    for _ in 0..2 {
        pair.act(1, |end, now| end.handle_description(now, &request).expect("a good description"));
        assert_settles(&mut pair, Duration::from_secs(4), "after the request");
    }
    let after = offers(&pair);
    let [restart] = &after[before.len()..] else { panic!("said besides one offer: {after:?}") };
    assert_eq!(restart.sdp_type, SdpType::Offer);
    assert_ne!(credentials(&restart.sdp), credentials(&before[0].sdp), "ICE was not restarted");
    assert!(pair.ends.iter().all(|end| end.renewals == 0));
}

fn credentials(sdp: &str) -> Vec<&str> {
    sdp.lines().filter(|line| line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:")).collect()
}

fn with_other_credentials(sdp: &str) -> String {
    credentials(sdp).into_iter().fold(sdp.to_owned(), |sdp, line| {
        let (name, _) = line.split_once(':').expect("an attribute with a value");
        sdp.replace(line, &format!("{name}:nobodylistenstothesecredentials"))
    })
}

/// The end that takes none says so in what it offers or answers, whichever end it is, and the other end may restart ICE meanwhile.
#[test]
fn an_end_sends_no_pictures_while_the_other_takes_none() {
    for (refusing, negotiation) in
        [(0, Negotiation::Perfect), (1, Negotiation::Perfect), (0, Negotiation::Simple)]
    {
        let what = format!("end {refusing} refuses, {negotiation:?}");
        let mut pair = Pair::new(11, Network::GOOD, [negotiation; 2]);
        let frames_sent = |pair: &Pair| pair.ends[1 - refusing].connection.report(pair.now).2.video_frames;
        assert_settles(&mut pair, Duration::from_secs(2), &what);

        for is_refusing in [true, false] {
            pair.ends[refusing].refuses_pictures = is_refusing;
            pair.act(1, PeerConnection::restart_ice);
            pair.run_for(Duration::from_secs(1));
            assert!(
                pair.run_until(pair.now + Duration::from_secs(4), Pair::is_settled),
                "{what}: not settled"
            );
            let (sent, received) = (frames_sent(&pair), pair.received());
            pair.run_for(Duration::from_secs(2));
            if is_refusing {
                assert_eq!(frames_sent(&pair), sent, "{what}: sends pictures that are not taken");
                assert!(pair.received()[refusing].0 >= received[refusing].0 + 95, "{what}: no sound");
                assert!(
                    pair.received()[1 - refusing].1 >= received[1 - refusing].1 + 25,
                    "{what}: nothing back"
                );
            }
        }
        assert_settles(&mut pair, Duration::from_secs(2), &format!("{what}: taking them again"));
        let lines = |n: usize| pair.ends[n].said.last().map(|it| it.sdp.matches("\nm=").count());
        assert_eq!([lines(0), lines(1)], [Some(2); 2], "{what}: another line was made");
    }
}

#[test]
fn an_end_that_is_offered_no_place_for_pictures_makes_none_and_sends_when_they_are_taken() {
    let mut pair = Pair::new(12, Network::GOOD, PERFECT);
    pair.ends[1].refuses_pictures = true;
    assert!(pair.run_until(pair.now + Duration::from_secs(2), Pair::is_settled));
    pair.run_for(Duration::from_secs(1));
    assert!(pair.ends[0].said.iter().all(|it| it.sdp_type == SdpType::Answer), "it offers a line of its own");
    assert_eq!(pair.ends[0].connection.report(pair.now).2.video_frames, 0);

    pair.ends[1].refuses_pictures = false;
    pair.act(1, PeerConnection::restart_ice);
    assert_settles(&mut pair, Duration::from_secs(4), "taking them");
}

#[test]
fn an_end_sends_no_pictures_while_the_other_wants_them_to_be_of_no_height() {
    let mut pair = Pair::new(13, Network::GOOD, PERFECT);
    let frames_sent = |pair: &Pair| pair.ends[0].connection.report(pair.now).2.video_frames;
    let limit = |pair: &mut Pair, cam| {
        pair.act(0, |connection, now| connection.limit_pictures(now, PictureLimits { cam, screen: None }));
    };
    limit(&mut pair, Some(0));
    assert!(pair.run_until(pair.now + Duration::from_secs(2), Pair::is_settled));
    pair.run_for(Duration::from_secs(1));
    assert_eq!(frames_sent(&pair), 0);

    limit(&mut pair, Some(180));
    assert_settles(&mut pair, Duration::from_secs(2), "small pictures");
    limit(&mut pair, Some(0));
    let (sent, received) = (frames_sent(&pair), pair.received());
    pair.run_for(Duration::from_secs(2));
    assert_eq!(frames_sent(&pair), sent);
    assert!(pair.received()[1].0 >= received[1].0 + 95, "sound goes on");
    limit(&mut pair, None);
    assert_settles(&mut pair, Duration::from_secs(2), "all pictures again");
}

#[test]
fn an_offer_that_was_sent_again_does_not_undo_a_later_one() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed, Network::GOOD, PERFECT);
        assert!(pair.run_until(pair.now + Duration::from_secs(4), Pair::is_settled), "seed {seed}");
        pair.act(1, PeerConnection::restart_ice);
        let is_answer_under_way = |pair: &Pair| pair.is_awaited(1);
        assert!(pair.run_until(pair.now + Duration::from_secs(1), is_answer_under_way), "seed {seed}");
        pair.greet();
        pair.move_end(0, 4000);
        assert_settles(&mut pair, Duration::from_secs(3), &format!("seed {seed}"));
    }
}

#[test]
fn signaling_may_be_away_while_media_goes_on() {
    let mut pair = Pair::new(5, Network::GOOD, PERFECT);
    assert_settles(&mut pair, Duration::from_secs(2), "at first");
    pair.is_signaling_cut = true;
    let before = pair.received();
    pair.run_for(Duration::from_secs(30));
    let after = pair.received();
    assert!(after[0].0 >= before[0].0 + 1490 && after[1].0 >= before[1].0 + 1490, "{before:?} {after:?}");
}

#[test]
fn a_changed_address_is_mended_by_an_ice_restart() {
    for n in 0..2 {
        let mut pair = Pair::new(6, Network::BAD, PERFECT);
        assert_settles(&mut pair, Duration::from_secs(10), "at first");
        pair.move_end(n, 4000);
        assert_settles(&mut pair, Duration::from_secs(5), &format!("after end {n} moved"));
    }
}

#[test]
fn a_network_that_was_away_is_noticed_and_mended() {
    let mut pair = Pair::new(7, Network::GOOD, PERFECT);
    assert_settles(&mut pair, Duration::from_secs(2), "at first");
    pair.network.loss_per_mille = 1000;
    let is_noticed =
        |pair: &Pair| pair.ends.iter().all(|end| end.connection.state() == LinkState::Reconnecting);
    assert!(pair.run_until(pair.now + Duration::from_secs(6), is_noticed), "nobody noticed");
    pair.run_for(Duration::from_secs(8));
    pair.network.loss_per_mille = 0;
    assert_settles(&mut pair, Duration::from_secs(10), "after the network came back");
}

#[test]
fn a_network_that_stays_away_asks_for_a_new_link() {
    let mut pair = Pair::new(8, Network::GOOD, PERFECT);
    assert_settles(&mut pair, Duration::from_secs(2), "at first");
    pair.network.loss_per_mille = 1000;
    pair.run_for(Duration::from_secs(40));
    assert!(pair.ends[1].renewals > 0);
}

#[test]
fn a_link_that_the_other_end_closed_is_not_connected_and_soon_renewed() {
    let mut pair = Pair::new(10, Network::GOOD, PERFECT);
    assert_settles(&mut pair, Duration::from_secs(2), "at first");
    pair.act(1, PeerConnection::close);
    let is_noticed = |pair: &Pair| pair.ends[0].connection.state() != LinkState::Connected;
    assert!(pair.run_until(pair.now + Duration::from_secs(1), is_noticed));
    pair.run_for(Duration::from_secs(3));
    assert_ne!(pair.ends[0].connection.state(), LinkState::Connected);
    assert_eq!(pair.ends[0].renewals, 1);
}

#[test]
fn nonsense_from_the_peer_is_refused_and_asks_for_a_new_link() {
    use allo_protocol::{SdpType, SessionDescription};
    let mut pair = Pair::new(9, Network::GOOD, PERFECT);
    let nonsense = SessionDescription { sdp_type: SdpType::Offer, sdp: "hello".to_owned() };
    let end: &mut PeerConnection = &mut pair.ends[0].connection;
    assert!(end.handle_description(pair.now, &nonsense).is_err());
    assert_eq!(end.state(), LinkState::Failed);
    let many_lines = format!("v=0\r\n{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(40));
    let offer = SessionDescription { sdp_type: SdpType::Offer, sdp: many_lines };
    assert!(end.handle_description(pair.now, &offer).is_err());
}

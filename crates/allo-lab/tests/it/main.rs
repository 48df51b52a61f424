//! Calls through bad networks, with headless participants on hosts of their own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test says what it took, or why it was skipped")]

mod doctor;
mod homes;
#[path = "../../scenarios/mod.rs"]
mod scenarios;

use std::time::Duration;

use allo_client::client::Event;
use allo_client::peer::LinkState;
use allo_lab::is_possible;

use crate::scenarios::lab::Lab;
use crate::scenarios::participant::{Participant, options};
use crate::scenarios::{ALICES_URL, BOBS_URL, Outcome, Scenario};

#[test]
fn a_call_survives_loss_delay_and_a_change_of_address() {
    if is_skipped() {
        return;
    }
    let lab = Lab::new();
    let alice = Participant::start(&lab.alice, options("Alice", ALICES_URL), "Bob");
    let bob = Participant::start(&lab.bob, options("Bob", BOBS_URL), "Alice");

    let before = [&alice, &bob].map(|one| one.wait_for_media().other);
    assert!(before.iter().all(|peer| peer.state == Some(LinkState::Connected)));

    lab.move_alice();
    alice.network_changed();
    let after = [&alice, &bob].map(|one| one.wait_for_media().other);

    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.participant, after.participant, "the same participant");
        assert_eq!(before.link, after.link, "the same link, mended by an ICE restart");
    }
    for participant in [alice, bob] {
        let events = participant.leave().events;
        let is_leave = |event: &Event| matches!(event, Event::ParticipantLeft { .. });
        let left_early = events.iter().filter(|event| is_leave(event)).count();
        // The second to leave may see the first one go.
        assert!(left_early <= 1, "{events:?}");
    }
    lab.close();
}

#[test]
fn when_udp_is_blocked_in_mid_call_it_goes_on_by_tcp() {
    let Some(outcome) = run(Scenario::UdpBlocked) else { return };
    assert!(outcome.is_by_tcp);
}

#[test]
fn a_call_survives_other_ports() {
    let Some(outcome) = run(Scenario::Rebinding) else { return };
    assert!(!outcome.is_by_tcp, "UDP is there all the time");
}

#[test]
fn a_call_through_the_server_survives_a_change_of_address() {
    run(Scenario::AddressChange);
}

#[test]
fn a_call_survives_a_blackout() {
    run(Scenario::Blackout(Duration::from_secs(5)));
}

#[test]
fn a_call_survives_a_cut_of_signaling() {
    run(Scenario::SignalingCut(Duration::from_secs(5)));
}

#[test]
fn a_call_without_faults_goes_on() {
    run(Scenario::NoFault(Duration::from_secs(1)));
}

#[test]
fn a_call_survives_a_restart_of_the_server() {
    run(Scenario::ServerRestart);
}

#[test]
fn a_call_survives_a_kill_of_the_server() {
    run(Scenario::ServerKilled);
}

#[test]
fn a_call_survives_a_sleep() {
    run(Scenario::Sleep(Duration::from_secs(8)));
}

#[test]
fn a_call_of_two_goes_on_while_a_third_one_stalls() {
    run(Scenario::Stalled(Duration::from_secs(5)));
}

/// Runs a scenario where there can be a laboratory. What it takes is printed, and no test fails for it.
fn run(scenario: Scenario) -> Option<Outcome> {
    if is_skipped() {
        return None;
    }
    let outcome = scenarios::run(scenario);
    println!("{scenario:?}: both hear each other again after {:?}", outcome.recovery);
    Some(outcome)
}

fn is_skipped() -> bool {
    let possible = is_possible();
    if let Err(why) = &possible {
        println!("skipped: {why}");
    }
    possible.is_err()
}

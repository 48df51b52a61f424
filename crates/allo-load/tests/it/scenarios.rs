//! Each scenario, small and short. What is checked is what is right or wrong, not how quick it was: other tests run beside.

use std::time::Duration;

use allo_client::signaling::Trust;
use allo_load::{Counts, Options, Report, Scenario, run};
use allo_server::Server;
use allo_server::config::Config;

/// Plays a scenario against a server of its own.
async fn play(scenario: Scenario, seconds: u64) -> Report {
    let data = tempfile::tempdir().unwrap();
    let config = Config {
        listen: vec!["127.0.0.1".parse().unwrap()],
        port: 0,
        data: Some(data.path().to_owned()),
        ..Config::default()
    };
    let server = Server::start(config).unwrap();
    let port = server.addresses()[0].port();
    let options = Options {
        url: format!("https://localhost:{port}").parse().unwrap(),
        trust: Trust::DangerAcceptAnyCertificate,
        scenario,
        duration: Duration::from_secs(seconds),
        seed: 1,
        has_red: true,
        server_pid: Some(std::process::id()),
        threads: 2,
    };
    let report = run(options, |line| println!("{line}")).await.unwrap();
    println!("{report}");
    server.stop().await;
    report
}

/// Checks what every scenario has in common.
fn assert_right(report: &Report) {
    assert_eq!(report.faults(), 0, "{report}");
    assert_eq!(report.ready, report.expected, "{report}");
    for group in &report.groups {
        assert_eq!(group.connected, group.participants, "{report}");
        assert_eq!(group.with_media, group.participants, "{report}");
        assert_eq!(group.sessions_lost, 0, "{report}");
        assert!(group.errors.is_empty(), "{report}");
        assert_eq!(group.counts.duplicates, 0, "{report}");
    }
}

fn counts(report: &Report) -> &Counts {
    &report.groups[0].counts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_sends_comes_to_all_in_a_fanout() {
    let report = play(Scenario::Fanout { receivers: 4, kbps: 400 }, 3).await;
    assert_right(&report);
    let counts = counts(&report);
    // 30 frames and 50 packets of sound a second, for each of four.
    assert!(counts.frames >= 4 * 3 * 25, "{report}");
    assert!(counts.received_audio >= 4 * 3 * 40, "{report}");
    assert_eq!((counts.lost_video, counts.lost_audio), (0, 0), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_everybody_in_a_meeting_and_rooms_do_not_mix() {
    let report = play(Scenario::Meeting { rooms: 2, participants: 3, tile_height: 180 }, 3).await;
    assert_right(&report);
    assert!(counts(&report).frames >= 6 * 2 * 3 * 25, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn voices_come_without_pictures() {
    let report = play(Scenario::Audio { rooms: 1, participants: 5 }, 3).await;
    assert_right(&report);
    assert_eq!(counts(&report).frames, 0, "{report}");
    assert_eq!(counts(&report).received, counts(&report).received_audio, "{report}");
    assert_eq!(counts(&report).lost_audio, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_a_storm_gets_media() {
    let report = play(Scenario::JoinStorm { joins: 8, room_size: 4 }, 6).await;
    assert_right(&report);
    assert_eq!(report.groups[0].participants, 8, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_repaired() {
    let round_trip = Duration::from_millis(40);
    let report = play(Scenario::Loss { participants: 3, loss: 0.03, round_trip }, 5).await;
    assert_eq!(report.faults(), 0, "{report}");
    let counts = counts(&report);
    assert!(counts.late > 0, "nothing was repaired: {report}");
    assert!(counts.made_up_audio > 0, "no sound was made up for: {report}");
    assert!(counts.frames > 3 * 2 * 5 * 15, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_link_keeps_its_sound_and_the_others_their_pictures() {
    let scenario = Scenario::BandwidthDrop { participants: 3, wide_kbps: 3_000, narrow_kbps: 500 };
    let report = play(scenario, 15).await;
    assert_right(&report);
    let others = &report.groups[1];
    assert_eq!((others.name, others.participants), ("the others", 2));
    assert!(others.counts.frames >= 2 * 2 * 15 * 25, "{report}");
    assert!(report.groups[0].counts.received_audio > 15 * 40, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_turn_is_heard_by_all() {
    let report = play(Scenario::Speaker { participants: 4 }, 6).await;
    assert_right(&report);
    let counts = counts(&report);
    // Of six turns, the first may have begun before the measurement; each is heard by all but the speaker.
    assert!(counts.turns_heard >= 4 * 3, "{report}");
    assert_eq!(counts.turns_missed, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_gets_media_while_others_go() {
    let scenario = Scenario::Churn { rooms: 1, participants: 3, stay: Duration::from_secs(3) };
    let report = play(scenario, 8).await;
    assert_eq!(report.faults(), 0, "{report}");
    let group = &report.groups[0];
    assert!(group.participants > 5, "{report}");
    assert!(group.errors.is_empty(), "{report}");
}

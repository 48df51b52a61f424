//! What floods leave behind in the memory of the program once they are over: nothing that adds up.

#![cfg(target_os = "linux")]

use std::fs;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    process::Program,
    support::{exchange, until},
};

/// People, and connections that say nothing, at once.
const CROWD: u128 = 400;
/// Rooms that one flood opens, so many at a time.
const ROOMS: u128 = 5000;
const ROOMS_AT_A_TIME: u128 = 50;
/// Messages, of almost the greatest length, that one flood has relayed.
const RELAYED: usize = 300;

/// The bounds that keep such floods out are tested elsewhere. These let them in.
const LENIENT: [&str; 13] = [
    "--connections-per-address=2000",
    "--connections-per-network=2000",
    "--rooms-per-address=10000",
    "--messages-per-second=100000",
    "--message-burst=100000",
    // What is over is to be forgotten soon, and nothing before it is over.
    "--reload-lease=50ms",
    "--lease=50ms",
    "--join-timeout=10min",
    "--request-timeout=10min",
    "--ping-interval=10min",
    "--missed-pongs=1",
    // Only there is anything relayed between three.
    "--topology=mesh",
    "--log=warn",
];

/// F8, E1, E12: floods of the same size.
///
/// The first fills caches and tears gaps; a later one that does not fit into the gaps may once take another piece of memory. What
/// adds up takes more each time, and has no bound: a kilobyte forgotten for each room would be 5 MB more after every flood.
#[tokio::test]
async fn a_flood_leaves_no_more_behind_than_the_one_before() {
    let program = Program::start(&LENIENT).await;
    let mut resident = Vec::new();
    for _ in 0..4 {
        flood(&program).await;
        until("everyone is forgotten", async || is_empty(&program).await.then_some(())).await;
        resident.push(resident_kilobytes(&program));
    }
    let has_room = resident.windows(2).skip(1).any(|pair| pair[1] < pair[0] + 1_000);
    let is_bounded = resident[3] < resident[1] + resident[1] / 4;
    assert!(has_room && is_bounded, "{resident:?} kB after each flood");
}

async fn flood(program: &Program) {
    let silent = join_all((0..CROWD).map(|_| program.connect())).await;
    crowd(program).await;
    for first in (0..ROOMS).step_by(usize::try_from(ROOMS_AT_A_TIME).unwrap()) {
        join_all((first..first + ROOMS_AT_A_TIME).map(|key| visit(program, key))).await;
    }
    relay(program).await;
    drop(silent);
}

/// Fills rooms. Then half of the people leave, and half are gone without a word.
async fn crowd(program: &Program) {
    let mut crowd = Vec::new();
    for key in 0..CROWD {
        let mut socket = program.websocket(&[]).await;
        socket.join(&format!("crowd-{}", key / 8), "Ada", key).await;
        crowd.push(socket);
    }
    for socket in crowd.iter_mut().step_by(2) {
        socket.say(json!({ "type": "leave" })).await;
        socket.closed().await;
    }
}

/// Opens a room and leaves it.
async fn visit(program: &Program, key: u128) {
    let mut socket = program.websocket(&[]).await;
    socket.join(&format!("visited-{key}"), "Ada", key).await;
    socket.say(json!({ "type": "leave" })).await;
    socket.closed().await;
}

/// Sends long messages to somebody who reads them, and as many to somebody who does not.
async fn relay(program: &Program) {
    let (mut ada, mut grace, mut deaf) =
        (program.websocket(&[]).await, program.websocket(&[]).await, program.websocket(&[]).await);
    ada.join("relay", "Ada", 1).await;
    for (socket, key) in [(&mut grace, 2), (&mut deaf, 3)] {
        let id = socket.join("relay", "Grace", key).await["you"].clone();
        let link = ada.hear_type("greet").await["link"].clone();
        let offer = json!({
            "type": "sessionDescription", "to": id, "link": link,
            "description": { "type": "offer", "sdp": "x".repeat(60_000) },
        });
        for number in 0..RELAYED {
            ada.say(offer.clone()).await;
            if key == 2 {
                socket.hear_type("sessionDescription").await;
            } else if number % 50 == 0 {
                // Ada is no such one: she reads that nobody is there any more.
                ada.say(json!({ "type": "ping" })).await;
                ada.hear_type("pong").await;
            }
        }
    }
}

/// Returns whether nobody is there any more.
pub(crate) async fn is_empty(program: &Program) -> bool {
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let health: Value = serde_json::from_str(&exchange(program.connect().await, request).await.body).unwrap();
    ["rooms", "participants", "connections"].iter().all(|what| health[what] == 0)
}

/// Returns how much memory the program has from the system at this moment.
pub(crate) fn resident_kilobytes(program: &Program) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", program.child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

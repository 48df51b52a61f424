//! The same with two real browsers: `web/scripts/lab.mjs` drives them, and says when media came again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use allo_lab::Host;
use serde::Deserialize;

use crate::scenarios::lab::Lab;
use crate::scenarios::{ALICES_URL, BOBS_URL, Outcome, Scenario};

/// What a browser has in the end.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    /// When media came again after a pause, in milliseconds since 1970.
    heard_again: Vec<u64>,
    /// When it named another address of its own.
    moved_at: Option<u64>,
    people: usize,
    is_in: bool,
}

/// The driver of the browsers, which ends them when it ends.
struct Driver {
    child: Child,
    /// `None` once there is nothing more to order: its end ends the driver.
    orders: Option<ChildStdin>,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

/// Lets two browsers call each other in a room of this topology, lets it happen, and waits until media come both ways. Returns as well how long
/// it took alice's browser to name another address of its own, if it did.
///
/// # Panics
///
/// Panics when that takes minutes, when somebody is gone, or when somebody is shown twice.
pub(crate) fn run(scenario: Scenario, topology: &str) -> (Outcome, Option<Duration>) {
    let mut lab = Lab::with(&["--topology", topology]);
    let mut driver = Driver::start([(&lab.alice, ALICES_URL), (&lab.bob, BOBS_URL)]);
    assert_eq!(driver.line(), "ready", "both hear and see each other");
    let since = now_ms();
    match scenario {
        Scenario::NoFault(duration) => sleep(duration),
        Scenario::ServerKilled => lab.kill_server(),
        Scenario::UdpBlocked => lab.alices_link.block_udp(true),
        Scenario::AddressChange => lab.move_alice(),
        other => panic!("{other:?} is for headless participants"),
    }
    writeln!(driver.orders.as_mut().unwrap(), "done").unwrap();
    let seen: [Seen; 2] = serde_json::from_str(&driver.line()).unwrap();
    drop(driver);
    lab.close();
    let noticed = seen[0].moved_at.map(|at| Duration::from_millis(at.saturating_sub(since)));
    let recovery = seen.map(|seen| {
        assert!(seen.is_in && seen.people == 2, "both are there, once");
        let last = seen.heard_again.iter().map(|at| at.saturating_sub(since)).max();
        Duration::from_millis(last.unwrap_or_default())
    });
    (Outcome { recovery, is_by_tcp: scenario == Scenario::UdpBlocked }, noticed)
}

impl Driver {
    fn start(ends: [(&Host, &str); 2]) -> Self {
        let mut command = Command::new("node");
        command.arg("scripts/lab.mjs").args(ends.into_iter().flat_map(|(host, url)| [host.name(), url]));
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, orders, said }
    }

    fn line(&mut self) -> String {
        self.said.next().expect("the driver goes on").unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.orders = None;
        let _ended = self.child.wait();
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

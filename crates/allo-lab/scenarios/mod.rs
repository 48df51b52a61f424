//! What may happen to a call through the server, and how long it takes until both hear each other again.

pub(crate) mod lab;
pub(crate) mod participant;

use std::thread::sleep;
use std::time::{Duration, Instant};

use allo_client::client::Event;
use allo_protocol::{ParticipantId, TopologyChoice};

use self::lab::Lab;
use self::participant::{Memory, Participant};

/// What happens to a call of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Nothing, for so long: what is seen then is the machine's doing.
    NoFault(Duration),
    /// Nothing passes to and from one of them for a while.
    Blackout(Duration),
    /// One of them is without signaling for a while.
    SignalingCut(Duration),
    /// The server is stopped by its operator, and another one started.
    ServerRestart,
    /// The network of one of them lets no UDP through any more.
    UdpBlocked,
    /// One of them is in another network all at once.
    AddressChange,
    /// A router gives one of them other ports.
    Rebinding,
}

/// What became of the call. Whoever did not hear the other one again has panicked.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// From the fault, or its end if it has one, until each hears the other one without pause: alice, bob.
    pub(crate) recovery: [Duration; 2],
    /// Whether alice's media come by TCP in the end.
    pub(crate) is_by_tcp: bool,
}

/// Lets a call of two begin, lets it happen, and waits until they hear and see each other.
///
/// # Panics
///
/// Panics when that takes minutes, when a participant became another one or was shown twice, or was seen to leave.
pub(crate) fn run(scenario: Scenario) -> Outcome {
    let lab = Lab::new();
    let sfu = Some(TopologyChoice::Sfu);
    let alice = Participant::start(&lab.alice, "Alice", "https://192.0.2.1:8443/lab", sfu);
    let bob = Participant::start(&lab.bob, "Bob", "https://198.51.100.1:8443/lab", sfu);
    let before = [&alice, &bob].map(|one| one.wait_for_media().1.participant);

    let since = fail(scenario, &lab, &alice);
    let after = [&alice, &bob].map(Participant::wait_for_media);
    // Longer than the silence after which a way is left: what still breaks off is seen.
    sleep(Duration::from_secs(3));
    let is_by_tcp = alice.wait_for_media().0.session.is_some_and(|session| session.is_by_tcp);
    bob.wait_for_media();

    assert_eq!(before, after.map(|(_, peer)| peer.participant), "the same participants");
    let [alices, bobs] = &before;
    let memories = [(alice.leave(), alices), (bob.leave(), bobs)];
    lab.close();
    let recovery = memories.map(|(memory, peer)| {
        assert_eq!(memory.peers_max, 1, "nobody is there twice");
        assert!(left_while(&memory, peer) <= 1, "{:?}", memory.events);
        recovery(&memory, since)
    });
    Outcome { recovery, is_by_tcp }
}

/// Lets it happen, to its end if it has one. Returns from when on recovery counts.
fn fail(scenario: Scenario, lab: &Lab, alice: &Participant) -> Instant {
    let now = Instant::now();
    match scenario {
        Scenario::NoFault(duration) => sleep(duration),
        Scenario::Blackout(duration) => {
            lab.cut_alice(true);
            sleep(duration);
            lab.cut_alice(false);
            return Instant::now();
        }
        Scenario::SignalingCut(duration) => {
            alice.cut_signaling(duration);
            // Until it is there again, and a little longer.
            sleep(duration + Duration::from_secs(2));
        }
        Scenario::ServerRestart => lab.restart_server(),
        Scenario::UdpBlocked => lab.alices_link.block_udp(true),
        Scenario::AddressChange => {
            lab.move_alice();
            alice.network_changed();
        }
        Scenario::Rebinding => lab.alices_link.rebind(),
    }
    now
}

/// Counts how often the other one was seen to leave. The second to leave may see the first one go at the end of it all.
fn left_while(memory: &Memory, peer: &ParticipantId) -> usize {
    let is_leave = |event: &&Event| matches!(event, Event::ParticipantLeft { participant, reason: Some(_) } if participant == peer);
    memory.events.iter().filter(is_leave).count()
}

/// Returns how long after `since` the last silence ended.
fn recovery(memory: &Memory, since: Instant) -> Duration {
    let ends = memory.heard_again.iter().map(|at| at.saturating_duration_since(since));
    ends.max().unwrap_or_default()
}

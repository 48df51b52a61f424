//! What may happen to a call through the server, and how long it takes until both hear each other again.

pub(crate) mod lab;
pub(crate) mod participant;
pub(crate) mod server;

use std::thread::sleep;
use std::time::{Duration, Instant};

use allo_client::client::{ClientOptions, Event, new_owner_secret};
use allo_protocol::{ClientMessage, ErrorCode, LeaveReason, ParticipantId, Role, TopologyChoice};

use self::lab::Lab;
use self::participant::{Memory, Participant, Room, options, refusal};

pub(crate) const ALICES_URL: &str = "https://192.0.2.1:8443/lab";
pub(crate) const BOBS_URL: &str = "https://198.51.100.1:8443/lab";
/// How often to look whether something was heard of. Each look takes half a second, and the word for it some milliseconds.
pub(crate) const LOOKS_MAX: usize = 20;

/// How long the server keeps somebody in the room of whom it hears nothing.
const LEASE: Duration = Duration::from_secs(18);

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
    /// The server is killed, and another one started.
    ServerKilled,
    /// The computer of one of them sleeps for a while.
    Sleep(Duration),
    /// A third one takes nothing and says nothing for a while, with everything open.
    Stalled(Duration),
    /// The network of one of them lets no UDP through any more.
    UdpBlocked,
    /// One of them is in another network all at once.
    AddressChange,
    /// A router gives one of them other ports.
    Rebinding,
}

impl Scenario {
    /// Returns whether nothing is heard of Alice for so long that she is rightly seen to go, and to come back.
    fn outlasts_lease(self) -> bool {
        matches!(self, Self::Blackout(duration) | Self::Sleep(duration) if duration > LEASE)
    }
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
/// Panics when that takes minutes, when a participant became another one or was shown twice, or was seen to leave without need.
pub(crate) fn run(scenario: Scenario) -> Outcome {
    let mut lab = Lab::new();
    let owner_secret = Some(new_owner_secret().unwrap());
    let topology = Some(TopologyChoice::Sfu);
    let alices = ClientOptions { owner_secret, topology, ..options("Alice", ALICES_URL) };
    let alice = Participant::start(&lab.alice, alices, "Bob");
    let bob = Participant::start(&lab.bob, options("Bob", BOBS_URL), "Alice");
    let is_stalled = matches!(scenario, Scenario::Stalled(_));
    let third = is_stalled.then(|| Participant::start(&lab.bob, options("Carol", BOBS_URL), "Alice"));
    if let Some(third) = &third {
        third.wait_for_media();
    }
    let before = [&alice, &bob].map(|one| one.wait_for_media().other.participant);
    let kept = settle(&alice, &bob, &before[0]);

    let since = fail(scenario, &mut lab, &alice, third.as_ref());
    let after = [&alice, &bob].map(Participant::wait_for_media);
    // Longer than the silence after which a way is left: what still breaks off is seen.
    sleep(Duration::from_secs(3));
    let is_by_tcp = alice.wait_for_media().report.session.is_some_and(|session| session.is_by_tcp);
    let room = bob.wait_for_media().room;

    assert_eq!(before, after.map(|view| view.other.participant), "the same participants");
    assert_eq!(room, kept, "the same names, rights and lock");
    assert_eq!(refusal(&lab.bob, options("Eve", BOBS_URL)), ErrorCode::RoomLocked);
    let others = if is_stalled { 2 } else { 1 };
    let [alices, bobs] = &before;
    let memories = [(alice.leave(), alices), (bob.leave(), bobs)];
    drop(third.map(Participant::leave));
    lab.close();
    let recovery = memories.map(|(memory, peer)| {
        assert_eq!(memory.peers_max, others, "nobody is there twice");
        // The second to leave may see the first one go at the end of it all.
        assert!(left(&memory, peer, LeaveReason::Left) <= 1, "{:?}", memory.events);
        let lost_max = usize::from(scenario.outlasts_lease());
        assert!(left(&memory, peer, LeaveReason::Lost) <= lost_max, "{:?}", memory.events);
        recovery(&memory, since)
    });
    Outcome { recovery, is_by_tcp }
}

/// Makes Bob a moderator and locks the room, as Alice; returns what Bob then knows of it.
fn settle(alice: &Participant, bob: &Participant, bobs_id: &ParticipantId) -> Room {
    alice.say(ClientMessage::SetRole { participant: bobs_id.clone(), role: Role::Moderator });
    alice.say(ClientMessage::SetRoom {
        lobby: None,
        locked: Some(true),
        participants_max: None,
        recorders: None,
        one_screen: None,
    });
    let looks = (0..LOOKS_MAX).map(|_| bob.wait_for_media().room);
    let is_settled =
        |room: &Room| room.is_locked && room.people.get(bobs_id).is_some_and(|it| it.1 == Role::Moderator);
    looks.into_iter().find(is_settled).expect("the room is locked, and Bob a moderator")
}

/// Lets it happen, to its end if it has one. Returns from when on recovery counts.
fn fail(scenario: Scenario, lab: &mut Lab, alice: &Participant, third: Option<&Participant>) -> Instant {
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
        Scenario::ServerKilled => lab.kill_server(),
        Scenario::Sleep(duration) => {
            alice.sleep(duration);
            sleep(duration);
            return Instant::now();
        }
        Scenario::Stalled(duration) => {
            third.expect("there is a third one").sleep(duration);
            sleep(duration);
        }
        Scenario::UdpBlocked => lab.alices_link.block_udp(true),
        Scenario::AddressChange => {
            lab.move_alice();
            alice.network_changed();
        }
        Scenario::Rebinding => lab.alices_link.rebind(),
    }
    now
}

/// Counts how often the other one was seen to leave for this reason.
fn left(memory: &Memory, peer: &ParticipantId, why: LeaveReason) -> usize {
    let is_leave = |event: &&Event| matches!(event, Event::ParticipantLeft { participant, reason } if participant == peer && *reason == Some(why));
    memory.events.iter().filter(is_leave).count()
}

/// Returns how long after `since` the last silence ended.
fn recovery(memory: &Memory, since: Instant) -> Duration {
    let ends = memory.heard_again.iter().map(|at| at.saturating_duration_since(since));
    ends.max().unwrap_or_default()
}

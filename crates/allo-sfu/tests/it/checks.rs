//! Checks of connectivity that prove themselves, and are wrong all the same (RFC 8445 §7.2, RFC 8489).

use std::time::Duration;

use allo_sfu::{Closed, ParticipantId, SfuEvent};
use aws_lc_rs::hmac;

use crate::client::{Client, Habits};
use crate::lab::{Lab, ROOM, SECOND, address};
use crate::streams::check_streams;

const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;
const USERNAME: u16 = 0x0006;
const INTEGRITY: u16 = 0x0008;
const MAPPED_ADDRESS: u16 = 0x0001;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const CONTROLLED: u16 = 0x8029;
const CONTROLLING: u16 = 0x802a;
const SOFTWARE: u16 = 0x8022;

/// Somebody whose offer was answered and who makes his checks by hand.
pub(crate) struct Handmade {
    pub(crate) own: ParticipantId,
    /// Of the server's end and his own.
    user_name: String,
    password: String,
}

impl Handmade {
    fn connect(lab: &mut Lab, n: u64) -> Self {
        Self::connect_with(lab, n, |offer| offer)
    }

    /// Connects with an offer of which something is another.
    pub(crate) fn connect_with(lab: &mut Lab, n: u64, change: impl FnOnce(String) -> String) -> Self {
        let own = ParticipantId(n);
        let offer = change(Client::new(lab.now, own, address(n), Habits::default()).offer());
        let answer = lab.sfu.connect(lab.now, own, ROOM, &offer).unwrap();
        let value = |sdp: &str, name: &str| {
            sdp.lines().find_map(|line| line.strip_prefix(name)).expect("SDP has credentials").to_owned()
        };
        let user_name = [&answer, &offer].map(|sdp| value(sdp, "a=ice-ufrag:")).join(":");
        Self { own, user_name, password: value(&answer, "a=ice-pwd:") }
    }

    /// Makes a check with these attributes between its user name and its proof.
    pub(crate) fn check(&self, attributes: &[Attribute<'_>]) -> Vec<u8> {
        self.message(0x0001, &[&[(USERNAME, self.user_name.as_bytes())], attributes].concat())
    }

    /// Makes a message of any kind with these attributes and a proof.
    fn message(&self, kind: u16, attributes: &[Attribute<'_>]) -> Vec<u8> {
        let mut message = [&kind.to_be_bytes()[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], &[7; 12]].concat();
        for (kind, value) in attributes {
            push(&mut message, *kind, value);
        }
        // The proof counts itself in the length that it covers.
        set_length(&mut message, 24);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.password.as_bytes());
        let proof = hmac::sign(&key, &message);
        push(&mut message, INTEGRITY, proof.as_ref());
        set_length(&mut message, 0);
        message
    }

    /// Sends a message from his address, and returns what is answered.
    fn ask(&self, lab: &mut Lab, message: &[u8]) -> Vec<Vec<u8>> {
        lab.astray.clear();
        lab.inject(address(self.own.0), message);
        lab.astray.drain(..).map(|(_, answer)| answer).collect()
    }
}

fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap();
    message.extend([kind.to_be_bytes(), length.to_be_bytes()].concat());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn set_length(message: &mut [u8], more: usize) {
    let length = u16::try_from(message.len() - 20 + more).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn kind(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[0], message[1]])
}

/// Checks that these go on seeing each other, and that no engine had a fault.
fn check_goes_on(lab: &mut Lab, all: &[ParticipantId]) {
    let since = lab.now;
    lab.run_for(2 * SECOND);
    for own in all {
        assert!(lab.clients[own].seen(since).len() >= 55);
        check_streams(&lab.clients[own]);
    }
    let is_fault = |(_, it): &(_, SfuEvent)| matches!(it, SfuEvent::TransportClosed(_, Closed::ByFault));
    assert!(!lab.events.iter().any(is_fault));
}

/// An attribute's kind and value.
pub(crate) type Attribute<'a> = (u16, &'a [u8]);

/// Those of a check that has the path used.
pub(crate) const GOOD: [Attribute<'static>; 3] =
    [(PRIORITY, &[0x6e, 0, 1, 0xff]), (CONTROLLING, &[7; 8]), (USE_CANDIDATE, &[])];

#[test]
fn a_check_that_is_broken_in_spite_of_its_proof_disturbs_nobody() {
    let (mut lab, all) = Lab::meeting(90, 2);
    lab.run_for(SECOND);
    let handmade = Handmade::connect(&mut lab, 9);
    let many = vec![(SOFTWARE, &b""[..]); 340];
    let cases: Vec<(&str, Vec<Attribute<'_>>)> = vec![
        ("an address of no family", vec![(XOR_MAPPED_ADDRESS, &[0, 0, 1, 1, 1, 1, 1, 1])]),
        ("an address of a third family", vec![(XOR_MAPPED_ADDRESS, &[0, 3, 1, 1, 1, 1, 1, 1])]),
        ("an address of one byte", vec![(XOR_MAPPED_ADDRESS, &[1])]),
        ("an address cut off", vec![(XOR_MAPPED_ADDRESS, &[0, 2, 1, 1, 1])]),
        ("no address", vec![(MAPPED_ADDRESS, &[])]),
        ("an error without a code", vec![(ERROR_CODE, &[])]),
        ("a priority of one byte", vec![(PRIORITY, &[1])]),
        ("a second user name, which is empty", vec![(USERNAME, &[])]),
        ("a role of two bytes", vec![(CONTROLLING, &[7, 7])]),
        ("both roles", vec![(CONTROLLING, &[7; 8]), (CONTROLLED, &[7; 8])]),
        ("something that has to be understood", vec![(0x7fff, &[1; 9])]),
        ("a proof before the proof", vec![(INTEGRITY, &[0; 20])]),
        ("a short proof before the proof", vec![(INTEGRITY, &[0; 3])]),
        ("340 attributes", many),
        ("a long one", vec![(SOFTWARE, &[b'x'; 1_300])]),
    ];
    for (what, attributes) in cases {
        for attributes in
            [attributes.clone(), [&GOOD[..], &attributes].concat(), [&attributes, &GOOD[..]].concat()]
        {
            let check = handmade.check(&attributes);
            let answers = handmade.ask(&mut lab, &check);
            let bytes: usize = answers.iter().map(Vec::len).sum();
            assert!(answers.len() <= 1 && bytes <= 120, "{what}: {} answers of {bytes} bytes", answers.len());
        }
    }
    let answers = handmade.ask(&mut lab, &handmade.check(&GOOD));
    assert_eq!(
        answers.iter().map(|answer| kind(answer)).collect::<Vec<_>>(),
        [SUCCESS],
        "a good one still is"
    );
    check_goes_on(&mut lab, &all);
}

#[test]
fn whoever_claims_the_servers_role_hurts_at_most_himself() {
    let (mut lab, all) = Lab::meeting(91, 2);
    let handmade = Handmade::connect(&mut lab, 9);
    for tie_breaker in [[0; 8], [7; 8], [0xff; 8]] {
        for role in [CONTROLLED, CONTROLLING] {
            let check = handmade.check(&[(PRIORITY, &[0x6e, 0, 1, 0xff]), (role, &tie_breaker)]);
            let answers = handmade.ask(&mut lab, &check);
            let is_right =
                |answer: &Vec<u8>| matches!(kind(answer), SUCCESS | ERROR) && answer.len() <= check.len();
            assert!(answers.len() == 1 && answers.iter().all(is_right), "{answers:?}");
        }
    }
    check_goes_on(&mut lab, &all);
}

#[test]
fn answers_that_nobody_asked_for_have_no_effect() {
    let mut lab = Lab::new(92);
    let handmade = Handmade::connect(&mut lab, 9);
    let name = handmade.user_name.clone();
    for (kind, attributes) in [
        (SUCCESS, vec![(USERNAME, name.as_bytes()), (XOR_MAPPED_ADDRESS, &[0, 1, 1, 1, 1, 1, 1, 1])]),
        (ERROR, vec![(USERNAME, name.as_bytes()), (ERROR_CODE, &[0, 0, 4, 87])]),
        (0x0011, vec![(USERNAME, name.as_bytes())]),
    ] {
        let message = handmade.message(kind, &attributes);
        assert!(handmade.ask(&mut lab, &message).is_empty(), "{kind:#x}");
        assert!(!lab.sfu.knows(address(9)), "{kind:#x}");
    }
    assert_eq!(lab.sfu.counters().bad_stun, 3);
}

#[test]
fn who_asks_for_no_more_is_sent_no_more() {
    let (mut lab, all) = Lab::meeting(93, 2);
    lab.run_for(3 * SECOND);
    lab.clients.get_mut(&all[1]).unwrap().is_deaf = true;
    // RFC 7675 allows half a minute.
    lab.run_for(20 * SECOND);
    let sent = lab.sent[&all[1]];
    lab.run_for(Duration::from_secs(5));
    assert_eq!(lab.sent[&all[1]], sent);
}

//! Whatever sources do, a subscriber sees one stream.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use allo_sfu::{Continuity, Numbers};
use proptest::prelude::*;

/// What becomes of the next packet of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Forwarded,
    /// It arrives after so many others.
    Late(usize),
    Lost,
    LeftOut,
    /// Another source takes over, whose numbers begin anywhere.
    Switch(u64, u32),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Forwarded),
        2 => (1..5usize).prop_map(Fate::Late),
        1 => Just(Fate::Lost),
        3 => Just(Fate::LeftOut),
        1 => (0..1_000_000u64, any::<u32>()).prop_map(|(sequence, time)| Fate::Switch(sequence, time)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_number_is_given_once_and_only_losses_leave_gaps(fates in proptest::collection::vec(fate(), 1..200)) {
        #[allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
        let mut now = Instant::now();
        let mut slot = Continuity::new(90_000, 1);
        let mut packet = Numbers { sequence: 0, time: 0, picture: None };
        slot.switch(now, packet);
        let mut seen = BTreeSet::new();
        let mut late: Vec<(usize, Numbers)> = Vec::new();
        let (mut missing, mut highest_time) = (0, None);
        for fate in fates {
            now += Duration::from_millis(5);
            match fate {
                Fate::Forwarded => {
                    let out = slot.forward(now, packet).unwrap();
                    prop_assert!(seen.insert(out.sequence), "{} is given twice", out.sequence);
                    let step = highest_time.map_or(1, |before: u32| out.time.wrapping_sub(before));
                    prop_assert!(step < 1 << 31, "time goes on");
                    highest_time = Some(out.time);
                }
                Fate::Late(by) => late.push((by, packet)),
                Fate::Lost => missing += 1,
                Fate::LeftOut => {
                    slot.skip(packet.sequence);
                }
                Fate::Switch(sequence, time) => {
                    // What is still under way belongs to the old source, and is not forwarded any more.
                    missing += late.len();
                    late.clear();
                    packet = Numbers { sequence, time, picture: None };
                    slot.switch(now, packet);
                    continue;
                }
            }
            packet.sequence += 1;
            packet.time = packet.time.wrapping_add(450);
            for (by, packet) in std::mem::take(&mut late) {
                if by > 0 {
                    late.push((by - 1, packet));
                } else if let Some(out) = slot.forward(now, packet) {
                    prop_assert!(seen.insert(out.sequence), "{} is given twice", out.sequence);
                } else {
                    missing += 1;
                }
            }
        }
        missing += late.len();
        let highest = seen.last().copied().unwrap_or(0);
        let gaps = usize::try_from(highest).unwrap() - seen.len();
        prop_assert!(gaps <= missing, "{gaps} gaps, but only {missing} packets are missing");
    }
}

//! Participants whose way to the worker changes in mid-call.

use std::time::{Duration, Instant};

use allo_sfu::ParticipantId;

use crate::lab::{Lab, Network, SECOND, address};

/// How long a participant hears nothing at most, from then on.
fn longest_silence(lab: &Lab, own: ParticipantId, since: Instant) -> Duration {
    let heard = lab.clients[&own].heard(since);
    let times: Vec<_> = [since].into_iter().chain(heard.iter().map(|it| it.at)).chain([lab.now]).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("there are two at least")
}

#[test]
fn whose_router_gives_other_ports_goes_on_in_a_few_seconds() {
    for (n, network) in (0..15).flat_map(|n| [(n, Network::GOOD), (n, Network::BAD)]) {
        let mut lab = Lab::new(700 + n);
        let all = [1, 2].map(|own| lab.join(own));
        lab.run_until_connected();
        lab.networks.extend(all.map(|own| (own, network)));
        lab.run_for(SECOND * 5 + SECOND / 7 * u32::try_from(n).unwrap());
        let since = lab.now;
        lab.rebind(all[0], address(100));
        lab.run_for(20 * SECOND);
        let silences = all.map(|own| longest_silence(&lab, own, since));
        println!("heard nothing for {silences:?}");
        // A check comes every three seconds; two may be lost.
        assert!(silences.iter().all(|silence| *silence < 10 * SECOND), "{silences:?}");
        let since = lab.now;
        lab.run_for(3 * SECOND);
        assert!(lab.clients.values().all(|it| it.seen(since).len() > 60));
    }
}

#[test]
fn a_router_may_change_its_mind_again_and_again() {
    let (mut lab, all) = Lab::meeting(750, 2);
    for n in 0..12 {
        lab.rebind(all[0], address(100 + n % 3));
        lab.run_for(6 * SECOND);
        let since = lab.now;
        lab.run_for(SECOND);
        let heard = lab.clients.values().map(|it| it.heard(since).len()).min().unwrap();
        assert!(heard > 30, "{heard} in the end of turn {n}");
    }
}

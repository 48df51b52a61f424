//! Sound over a link that loses some of it, in virtual time.

use std::time::Duration;

use allo_client::peer::Negotiation;

use crate::pair::{Network, Pair};

#[test]
fn sound_that_is_lost_comes_with_what_follows() {
    let mut pair = Pair::new(8, Network::BAD, [Negotiation::Perfect; 2]);
    let until = pair.now + Duration::from_secs(10);
    assert!(pair.run_until(until, Pair::is_settled));
    pair.run_for(Duration::from_mins(1));
    for end in &pair.ends {
        let (sound, ..) = end.connection.report(pair.now);
        println!("{} packets of sound came, {} did not", sound.packets, sound.lost);
        assert!(sound.packets > 2_800, "{sound:?}");
        // The network loses one in twenty.
        assert!(sound.lost * 100 <= sound.packets, "{sound:?}");
        assert!(sound.lost > 0 && sound.gap_ms_max <= 200, "what follows does not wait for long: {sound:?}");
    }
}

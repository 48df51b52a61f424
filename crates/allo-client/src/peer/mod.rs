//! Level 2: one link to one peer.
//!
//! [`PeerConnection`] does no input or output of its own: time, datagrams and messages are handed to it, and what it
//! has to send or to say is polled from it. So two of them can be tried in virtual time, over any network.

mod candidates;
mod connection;
mod link;
mod negotiation;
mod recovery;

pub use connection::PeerConnection;
pub use link::{LinkState, PeerError, PeerEvent, PeerOptions};
pub use negotiation::Negotiation;
pub(crate) use negotiation::add_host_candidates;
pub(crate) use recovery::{Advice, Recovery};

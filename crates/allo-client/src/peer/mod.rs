//! Level 2: one link to one peer.
//!
//! [`PeerConnection`] does no input or output of its own: time, datagrams and messages are handed to it, and what it
//! has to send or to say is polled from it. So two of them can be tried in virtual time, over any network.

mod candidates;
mod connection;
mod link;
mod negotiation;
mod reception;
mod recovery;
mod sending;

pub use connection::PeerConnection;
pub use link::{LinkState, PeerError, PeerEvent, PeerOptions};
pub use negotiation::Negotiation;
pub use reception::{AudioReport, VideoReport};
pub use sending::SentReport;

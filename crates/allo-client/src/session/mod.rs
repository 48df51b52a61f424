//! Level 2: the session, one peer connection with the server's media plane.
//!
//! As a link, [`Session`] does no input or output of its own. It always offers; what its slots carry, and how much of its own tracks
//! anybody receives, the server says in messages, without another offer.

mod connection;
mod lines;
mod options;
mod pulse;
mod slots;

pub use connection::Session;
pub(crate) use connection::TCP_PORT;
pub use options::{SessionError, SessionEvent, SessionOptions, SessionReport, SlotReport};

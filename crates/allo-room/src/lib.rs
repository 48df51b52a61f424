//! The control plane of Allo, without sockets, threads, clocks or files.
//!
//! [`Rooms`] knows who is in which room, for how long someone without a connection is kept, and which message goes to
//! whom. It is used as a sans-IO object: tell it what happened with `handle_*`, giving it the time; then drain
//! [`Rooms::poll_output`], and call [`Rooms::handle_timeout`] when [`Rooms::poll_timeout`] says so.

mod config;
mod connection;
mod directory;
mod name;
mod participant;
mod refusal;
mod room;
mod rooms;
mod timers;
mod token_bucket;

pub use config::RoomsConfig;
pub use connection::{ConnectionId, Fault};
pub use name::{BadDisplayName, BadRoomName, DisplayName, RoomName};
pub use rooms::{Counts, Output, Rooms};
pub use token_bucket::TokenBucket;

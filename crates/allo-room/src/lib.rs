//! The control plane of Allo, without sockets, threads, clocks or files.
//!
//! [`Rooms`] knows who is in which room, for how long someone without a connection is kept, and which message goes to
//! whom. It is used as a sans-IO object: tell it what happened with `handle_*`, giving it the time; then drain
//! [`Rooms::poll_output`], and call [`Rooms::handle_timeout`] when [`Rooms::poll_timeout`] says so.

mod attempts;
mod bans;
mod chat;
mod condition;
mod config;
mod connection;
mod directory;
mod files;
mod identity;
mod links;
mod media;
mod name;
mod output;
mod participant;
mod pass;
mod record;
mod refusal;
mod rights;
mod room;
mod rooms;
mod sessions;
mod timers;
mod token_bucket;
mod topology;
mod waiting;

pub use config::{Credential, Opening, RoomsConfig};
pub use connection::{ConnectionId, Fault};
pub use identity::IdentitySecret;
pub use media::{MediaCommand, MediaEvent, MediaKey, MediaRoom, MediaTrackId, Picture};
pub use name::{BadDisplayName, BadRoomName, DisplayName, RoomName};
pub use output::{CheckId, Output};
pub use pass::{BadPass, LoginId, Pass};
pub use record::{OwnerProof, PasswordHash, RoomRecord};
pub use rooms::{Counts, Rooms};
pub use token_bucket::TokenBucket;

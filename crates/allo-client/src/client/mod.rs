//! Level 3: a participant in a room.

mod call;
mod contents;
mod driver;
mod event;
mod keeper;
mod reflexive;
mod roster;
mod routing;
mod sockets;
mod stream;
mod webrtc_client;

pub use event::{BySession, Event, PeerReport, Report};
pub use webrtc_client::{ClientError, ClientOptions, SLOTS_MAX, WebRtcClient, new_key, new_owner_secret};

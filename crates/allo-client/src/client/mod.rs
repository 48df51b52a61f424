//! Level 3: a participant in a room.

mod call;
mod driver;
mod event;
mod roster;
mod sockets;
mod webrtc_client;

pub use event::{Event, PeerReport, Report};
pub use webrtc_client::{ClientError, ClientOptions, WebRtcClient, new_key};

//! A headless participant in an Allo call: it joins, sends recorded media, and says what it received.
//!
//! It has the three levels of the web client, and shares no code with the server but the protocol:
//!
//! 1. [`signaling::SignalingSocket`]: the WebSocket as typed messages, connected again for ever;
//! 2. [`peer::PeerConnection`]: one link to one peer, and [`session::Session`]: the peer connection with the server, both without
//!    input or output of their own;
//! 3. [`client::WebRtcClient`]: join, leave, microphone, camera, files, events, and a report of what came.

pub mod client;
mod engine;
mod files;
pub mod media;
pub mod peer;
mod reception;
mod sending;
pub mod session;
pub mod signaling;

pub use files::{FileError, NewFile};
pub use reception::{AudioReport, VideoReport};
pub use sending::SentReport;

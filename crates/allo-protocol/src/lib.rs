//! What Allo's clients and server say to each other.
//!
//! One JSON object per WebSocket text message. [`ClientMessage`] goes to the server, [`ServerMessage`] comes from
//! it. `docs/protocol.md` tells the story in prose with an example of each message; a test reads those examples.
//!
//! This crate holds shapes only: no behaviour, no clock, and no integer of more than 32 bits, because JavaScript
//! cannot hold one.

mod client;
mod code;
mod description;
mod file;
mod id;
mod media;
mod meeting;
mod server;

pub use client::{ClientMessage, MediaTrack, Tile};
pub use code::{CloseCode, ErrorCode};
pub use description::{IceCandidate, IceServer, SdpType, SessionDescription};
pub use file::{FileId, FileOffer, FileOutcome};
pub use id::{
    AccessToken, BadId, InstanceId, LinkId, MediaSession, OwnerSecret, ParticipantId, ParticipantKey,
    Password,
};
pub use media::{MediaCondition, PictureLimits, Relay, Source, Topology, TopologyChoice, VideoCodec};
pub use meeting::{ChatMessage, Device, Knocker, MayPublish, Reaction, Recorders, Role, RoomSettings};
pub use server::{Connection, Demand, Features, LeaveReason, Limits, Participant, ServerMessage, Slot};

/// The version of the protocol that these types describe.
///
/// It grows when a client written for the old version would no longer be understood. New server messages and new
/// optional fields do not change it: clients ignore what they do not know.
pub const PROTOCOL_VERSION: u32 = 1;

//! The media plane of Allo, without sockets, threads, clocks or files.
//!
//! Here are, so far, the decisions of a selective forwarding unit that need no engine: under which numbers a subscriber sees
//! the packets of changing sources ([`Continuity`]), when a publisher is asked for a keyframe ([`KeyframeRequests`]), and whose
//! sound is forwarded and who speaks ([`Speakers`]). Transports and the forwarding itself are not written yet.

mod continuity;
mod keyframes;
mod speakers;

pub use continuity::{Continuity, Numbers, Vp8Numbers};
pub use keyframes::KeyframeRequests;
pub use speakers::{Speakers, SpeakersConfig};

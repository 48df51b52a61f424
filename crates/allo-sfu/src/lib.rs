//! The media plane of Allo, without sockets, threads, clocks or files.
//!
//! [`Sfu`] is one media worker: a selective forwarding unit. A participant connects to a room of it by an SDP offer, in which its
//! sendonly lines are the tracks it sends (Opus, and VP8, H.264 or VP9 in layers) and its recvonly lines are the slots it
//! receives in. The worker decides which track each slot carries, and says so in an [`SfuEvent`]; a slot changes its track without
//! any renegotiation. There is one path through it:
//!
//! ```text
//! datagram ─► AddressMap ─► Transport ─► Track ─► Room ─► Slot ─────────► Egress ─► datagram
//!             whose is it?  decrypts     rates,   who     which layer?    encrypts, paces,
//!                                        levels   gets it under which     repeats, measures
//!                                                         numbers?        what gets through
//! ```
//!
//! The decisions are small objects that know no engine: under which numbers a subscriber sees the packets of changing sources
//! ([`Continuity`]), which layer it gets ([`LayerSelector`]), how much gets through to it ([`Bandwidth`]), what fits into that
//! ([`BitrateBudget`]), when a publisher is asked for a keyframe ([`KeyframeRequests`]), and whose sound is forwarded and who speaks
//! ([`Speakers`]).
//!
//! Only `transport/` knows the engine (str0m), which does ICE, DTLS, SDP and all that comes in, and draws its own SSRCs and DTLS keys from the
//! system's randomness; all else here is repeatable. What goes out of the slots is made by `egress/` with the keys of the engine's handshake.
//!
//! Several workers can share one address. Which of them a check of connectivity is for stands in the check ([`worker_of`]); of
//! anything else each worker says whether it is for it ([`Sfu::knows`]).
//!
//! Sound comes and goes with redundancy (RFC 2198) where a participant's end has it. What is lost on the way here is made up for
//! before it is forwarded, so that each way has a redundancy of its own, and those who have none profit from that of others.
//!
//! Files go through rooms by one data channel of each transport that asks for it, and nothing of them is kept but what is on its way.
//!
//! Not here: sockets and threads, which are the shell's, as are the frames of TCP; AV1 and its layers;
//! the temporal layers of VP8 and VP9, which are all forwarded; redundancy of sound that its publisher does not send, and more of it than one
//! frame; retransmission of sound; spreading one room over several workers. Where more than 12 % is lost all the time, that looks like
//! congestion, and the estimate from arrivals decides alone.

mod addresses;
mod bandwidth;
mod budget;
mod continuity;
mod credentials;
mod demand;
mod dependency;
mod egress;
mod event;
mod files;
mod gaps;
mod handshake;
mod ids;
mod keyframes;
mod layers;
mod losses;
mod offer;
mod packet;
mod participant;
mod paths;
mod peer;
mod red;
mod room;
mod sfu;
mod slot;
mod speakers;
mod ssrcs;
mod structure;
mod stun;
mod subscription;
mod track;
mod train;
mod transport;
mod vp9;

pub use bandwidth::{Bandwidth, Report};
pub use budget::{BitrateBudget, VideoRequest};
pub use continuity::{Continuity, Numbers, PictureNumbers};
pub use credentials::{CredentialSeed, worker_of};
pub use dependency::{DependencyDescriptor, Templates, Unread, renumber as renumber_dependency};
pub use egress::hear_reports;
pub use event::{Closed, Counters, SfuEvent};
pub use ids::{Bitrate, FileId, LayerId, LineId, ParticipantId, RoomId, TrackId, TrackKind};
pub use keyframes::KeyframeRequests;
pub use layers::{LayerSelector, Piece, Verdict};
pub use offer::{Offer, OfferError, OfferedLine, Purpose};
pub use packet::Codec;
pub use peer::{Peer, Protocol};
pub use red::{Previous, Red};
pub use sfu::{ConnectError, Sfu, SfuConfig};
pub use speakers::{Speakers, SpeakersConfig};
pub use structure::Structure;
pub use subscription::{Subscription, Wish};
pub use train::Train;
pub use transport::{Certificate, CloseReason, NoCertificate, Transmit};
pub use vp9::{Vp9Descriptor, renumber as renumber_vp9};

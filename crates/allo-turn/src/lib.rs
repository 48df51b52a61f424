//! A TURN server (RFC 8656) that leads to this server's own media, without sockets, threads or clocks.
//!
//! A participant whose network lets out nothing else reaches the media plane through it. It is no relay to anywhere: the only peers
//! of an allocation are the addresses of the media plane, and a relayed address is a name, behind which there is no socket. What a
//! client sends comes out of [`TurnServer::poll_relayed`] as a datagram from its relayed address; what the media plane sends there
//! goes into [`TurnServer::handle_relayed`].
//!
//! ```text
//!   no allocation ── Allocate, with credentials of a participant ──► allocation ──► gone: its time is up, a Refresh for no time,
//!                                                                    │      ▲      the connection or the participant is gone
//!                                                                    └──────┘ Refresh
//! ```
//!
//! Nothing is kept of anybody without credentials: a nonce proves itself. What is answered to such a one is at most a little longer
//! than what it sent, and there are few answers in a second. Among them are those to who asks how it is seen (STUN, RFC 8489), which is how two
//! participants find a way to each other.
//!
//! Not here: TCP allocations (RFC 6062), reservations of ports, mobility, and SHA-256.

mod allocation;
mod channel;
mod credentials;
mod greeter;
mod limit;
mod message;
mod route;
mod server;

pub use channel::{BadStream, Splitter};
pub use credentials::{Credentials, Subject, TurnSecret};
pub use greeter::{Greeter, Greeting};
pub use route::{is_turn, subject_of};
pub use server::{Client, REALM, Relayed, TurnConfig, TurnCounters, TurnProtocol, TurnServer, TurnTransmit};

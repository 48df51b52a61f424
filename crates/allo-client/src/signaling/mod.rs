//! Level 1: the WebSocket to the server, as typed messages, connected again for ever.

mod backoff;
mod socket;
mod tls;
mod transport;

pub use socket::{EndReason, SignalingError, SignalingEvent, SignalingOptions, SignalingSocket};
pub use tls::{TlsError, Trust};
pub use transport::ConnectError;

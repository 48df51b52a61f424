//! Which way media take, and where they come from.

use serde::{Deserialize, Serialize};

/// Which way media take in a room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Topology {
    /// Each two participants have a link.
    Mesh,
    /// Each participant has a session with the server, a selective forwarding unit (RFC 7667 §3.7).
    Sfu,
}

/// Which way media are to take in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum TopologyChoice {
    /// Directly between two, and through the server from the third participant on.
    #[default]
    Auto,
    /// Always directly.
    Mesh,
    /// Always through the server.
    Sfu,
}

/// Where a track comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A microphone.
    Mic,
    /// A camera.
    Cam,
    /// A shared screen, window or tab.
    Screen,
    /// The sound of what is shared.
    ScreenAudio,
}

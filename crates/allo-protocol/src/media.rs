//! Which way media take, and where they come from.

use std::fmt;

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

/// How high pictures are to be at most, in pixels. None are to be sent for a height of 0, and there is no limit where one is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PictureLimits {
    /// Those of a camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cam: Option<u16>,
    /// Those of a screen, window or tab that is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<u16>,
}

/// What stands in the way of a participant's media through the server, as far as others are to know. Later ones are graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum MediaCondition {
    /// Nothing that is known.
    #[default]
    Fine,
    /// They have not come about for longer than they usually take.
    Late,
    /// They were there, and nothing is heard any more.
    Silent,
    /// The server does not take them for now.
    Refused,
    /// The participant's own client finds that nothing gets through by UDP, and tries another way.
    Blocked,
}

impl MediaCondition {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_fine(&self) -> bool {
        *self == Self::Fine
    }
}

/// How pictures are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum VideoCodec {
    /// VP8 (RFC 6386).
    Vp8,
    /// H.264 (ITU-T H.264).
    H264,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}

/// The way to the server's media through its TURN server (RFC 8656), at the host that the page came from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Relay {
    /// The user name.
    pub username: String,
    /// The password.
    pub credential: String,
    /// The port for UDP.
    pub udp_port: u16,
    /// The port for TCP; absent where the server is reached through a proxy alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_port: Option<u16>,
    /// The port for TLS, under the certificate of the page; absent where the server speaks no TLS itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_port: Option<u16>,
}

// A password may not reach a log through `Debug`.
impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relay(..)")
    }
}

//! What passes between two peers by way of the server: the W3C's own dictionaries, field for field.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An `RTCSessionDescription`: an offer or an answer (RFC 9429 §3.2).
///
/// There is no `rollback` and no `pranswer`: the first never leaves the browser, the second is not used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionDescription {
    /// Whether this is an offer or the answer to one.
    #[serde(rename = "type")]
    pub sdp_type: SdpType,
    /// The SDP itself (RFC 8866). The server does not read it.
    pub sdp: String,
}

/// An `RTCSdpType`, as far as one is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SdpType {
    /// A proposal.
    Offer,
    /// The reply to an offer.
    Answer,
}

/// An `RTCIceCandidateInit`. An empty `candidate` says that there are no more of this generation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IceCandidate {
    /// The `candidate-attribute` (RFC 8839 §5.1), without `a=`.
    pub candidate: String,
    /// The media description it belongs to, by its `mid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The media description it belongs to, by its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE generation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// An `RTCIceServer` for the client to use (STUN or TURN). Allo names none unless its operator does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URLs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// The TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

// SDP and candidates carry addresses, ICE servers carry passwords: none may reach a log through `Debug`.

impl fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionDescription({:?}, {} bytes)", self.sdp_type, self.sdp.len())
    }
}

impl fmt::Debug for IceCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCandidate({} bytes)", self.candidate.len())
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceServer({} urls)", self.urls.len())
    }
}

//! Random streams through the forwarding decisions.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod continuity;

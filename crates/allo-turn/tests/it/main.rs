//! The TURN server in virtual time: what clients do, and what strangers try.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod abuse;
mod calls;
mod lab;
mod wire;

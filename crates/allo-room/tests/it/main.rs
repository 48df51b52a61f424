//! The rooms in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod conversation;
mod simulation;
mod world;

//! The rooms in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod conversation;
mod files;
mod matrix;
mod media;
mod media_simulation;
mod meeting;
mod meeting_simulation;
mod relay;
mod simulation;
mod world;

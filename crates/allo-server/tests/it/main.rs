//! The server as a whole, over real sockets on this machine: what it answers, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abuse;
mod configuration;
mod https;
mod logs;
mod media;
mod memory;
mod nginx;
mod page;
mod process;
mod proxy;
mod stun;
mod support;
mod tcp;
mod websocket;

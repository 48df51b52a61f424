//! The server as a whole, over real sockets on this machine: what it answers, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abuse;
mod acme;
mod configuration;
mod coturn;
mod https;
mod login;
mod logs;
mod media;
mod memory;
mod nginx;
mod page;
mod process;
mod proxy;
mod relay;
mod stun;
mod support;
mod tcp;
mod tokens;
mod turn_client;
#[path = "../../../allo-turn/tests/it/wire.rs"]
#[allow(dead_code, reason = "the tests of allo-turn use the rest")]
mod turn_wire;
mod turns;
mod websocket;

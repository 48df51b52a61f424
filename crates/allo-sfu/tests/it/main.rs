//! Random streams through the forwarding decisions, and calls over a made-up network.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and print its seed and what it saw"
)]

mod bandwidth;
mod bit_writer;
mod calls;
mod checks;
mod client;
mod continuity;
mod descriptors;
mod files;
mod forger;
mod hostile;
mod insiders;
mod lab;
mod openssl;
mod paths;
mod sound;
mod streams;
mod subscriptions;
mod svc;

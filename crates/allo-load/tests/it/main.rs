//! The load tester against the real server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what a test that fails had to say is shown")]

mod command;
mod scenarios;

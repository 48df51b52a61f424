//! Two links in virtual time, and whole participants against the real server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod command;
mod files;
mod glare;
mod meeting;
mod pair;
mod robots;
mod session;
mod sound;
mod through_server;

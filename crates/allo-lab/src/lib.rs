//! A network laboratory: hosts in network namespaces, joined by links with delay and loss.
//!
//! A [`Host`] is a namespace; what [`Host::spawn`] runs sees only that host's addresses. A [`Link`] joins two hosts by a TUN
//! device in each, and carries their packets in user space, so that it needs no `netem` in the kernel. Everything goes
//! away when it is dropped. It needs root, and Debian's iproute2.

#![cfg(target_os = "linux")]

mod host;
mod link;
mod middlebox;

pub use host::{Host, Ports, is_possible};
pub use link::{Link, Quality};

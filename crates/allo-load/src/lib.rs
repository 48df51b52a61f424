//! A load tester for Allo: synthetic participants over real signaling and real UDP, which check every packet that they receive.
//!
//! A [`Scenario`] says who joins when, and sends and receives what. [`run`] plays it and returns a [`Report`]. Each participant has a
//! real ICE, DTLS and SRTP end (str0m), and one UDP socket; what it sends has the sizes of recorded frames and, at the end of each
//! payload, a stamp that says where it comes from and when it was sent. Arrivals are timed by the kernel, so that a tester that is
//! late in reading does not make the server look slow; a tester that is late in sending makes no report of times at all.

#![allow(clippy::cast_precision_loss, reason = "no count here is so large that it matters in a report")]

mod adaptation;
mod events;
mod floor;
mod frames;
mod histogram;
mod link;
mod participant;
mod probe;
mod process;
mod receiving;
mod record;
mod red;
mod report;
mod roster;
mod run;
mod scenario;
mod sending;
mod socket;
mod stamp;
mod table;
mod traffic;
mod transport;
mod wall;
mod window;

pub use adaptation::Adaptation;
pub use histogram::Summary;
pub use record::{Counts, Second};
pub use report::{Figures, Group, Report, ServerFigures, Verdict};
pub use run::{Options, RunError, run};
pub use scenario::Scenario;

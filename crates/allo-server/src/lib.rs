//! The shell of Allo: every socket, clock, file and certificate. What happens in rooms is decided in `allo-room`.
//!
//! [`Config::load`](config::Config::load) reads what the operator decides; [`Server::start`] does the rest.

mod admission;
mod banner;
mod begun;
pub mod config;
pub mod doctor;
mod failures;
mod http;
mod identity;
mod listener;
mod login;
mod media;
mod outbox;
mod passwords;
mod private;
mod records;
mod rooms_task;
mod server;
mod signaling;
mod tls;
mod tokens;

pub use banner::banner;
pub use login::LoginError;
pub use media::MediaError;
pub use server::{Server, StartError};
pub use tls::TlsError;
pub use tokens::TokenKeyError;

/// Returns an error and all that caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

//! A headless participant in an Allo call.

pub mod media;
pub mod peer;
pub mod signaling;

//! The rooms in virtual time.

mod conversation;
mod simulation;
mod world;

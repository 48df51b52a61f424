//! Running other programs, and talking to the person at the terminal.

use std::path::{Path, PathBuf};

/// Prints a line for the person at the terminal.
#[allow(clippy::print_stdout, reason = "xtask is a program for a terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Returns the folder that holds the whole project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the project").to_owned()
}

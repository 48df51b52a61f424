//! Whether there is a Node.js that can build the page. `build.rs` asks, and so does xtask.

use std::{io::ErrorKind, process::Command};

use anyhow::{Context as _, Result, bail};

/// What to do about a Node.js that is too old, or not there.
pub(crate) const ADVICE: &str = "\
Building Allo's web page needs Node.js 20.19 or newer (of 22: 22.12 or newer), with npm: see https://nodejs.org, or your \
system's packages.
Or set ALLO_WEB_DIST to a folder with the page already built.";

/// Returns what to tell a person, unless `node` is a Node.js that can build the page.
pub(crate) fn check(mut node: Command) -> Result<()> {
    let output = match node.arg("--version").output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("Node.js was not found.\n{ADVICE}"),
        Err(error) => return Err(error).context("cannot run node"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    match parse_version(text.trim()) {
        Some(version) if is_new_enough(version) => Ok(()),
        Some(_) => bail!("Node.js {} is too old.\n{ADVICE}", text.trim()),
        None => bail!("`node --version` tells no version, but {:?}.\n{ADVICE}", text.trim()),
    }
}

/// Reads the major and minor number of `v20.19.0`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What Vite runs on.
fn is_new_enough(version: (u32, u32)) -> bool {
    matches!(version, (20, 19..) | (22, 12..) | (23.., _))
}

//! The programs from outside that the tests need.

use anyhow::{Result, bail};

use crate::run::{command, is_installed, output, run, say};

/// A program, and the Debian package that has it.
const NEEDED: [(&str, &str); 8] = [
    ("chromium", "chromium"),
    ("firefox-esr", "firefox-esr"),
    ("nginx", "nginx-light"),
    ("pebble", "pebble"),
    ("turnutils_uclient", "coturn"),
    ("openssl", "openssl"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
];

/// Installs what is missing where apt is there and it may; says what to install where not.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(program, _)| !is_installed(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let Some(apt) = apt() else {
        bail!(
            "The tests need programs that are not installed: {packages} (the names are Debian's packages).\n\
             Install them, or run `cargo xtask test --quick`, which does without browsers."
        );
    };
    say(&format!("Installing what the tests need from Debian's packages: {packages}"));
    run(command(".", &format!("{apt} update -q")))?;
    let mut install = command(".", &format!("{apt} install -q -y --no-install-recommends {packages}"));
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run(install)
}

/// Returns how to call apt-get without being asked anything, if that is possible.
fn apt() -> Option<&'static str> {
    if !is_installed("apt-get") {
        return None;
    }
    let is_root = output(command(".", "id -u")).is_some_and(|id| id.trim() == "0");
    if is_root { Some("apt-get") } else { output(command(".", "sudo -n true")).map(|_| "sudo -n apt-get") }
}

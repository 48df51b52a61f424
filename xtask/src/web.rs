//! The web client's own tools, run by npm.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::run::{command, is_installed, output, root, run};

/// Installs the npm packages that the lock file names, unless they are there.
pub(crate) fn install() -> Result<()> {
    check_node()?;
    // npm writes this file last; it is older than a lock file that has changed since.
    let modified = |path: &str| fs::metadata(root().join(path)).and_then(|file| file.modified());
    let installed = modified("web/node_modules/.package-lock.json").ok();
    let locked = modified("web/package-lock.json").context("web/package-lock.json is missing")?;
    if installed.is_some_and(|installed| installed >= locked) {
        return Ok(());
    }
    run(command("web", "npm ci --ignore-scripts --no-audit --no-fund"))
}

/// Builds the web client and checks its size.
pub(crate) fn build() -> Result<()> {
    install()?;
    run(command("web", "npm run build"))?;
    run(command("web", "npm run size"))
}

/// Types, lints and formatting of the web client.
pub(crate) fn lint() -> Result<()> {
    install()?;
    run(command("web", "npm run check"))
}

/// The web client's unit tests.
pub(crate) fn unit_tests() -> Result<()> {
    install()?;
    run(command("web", "npm test"))
}

/// The browser tests, against the binaries that cargo has just built.
pub(crate) fn browser_tests() -> Result<()> {
    install()?;
    run(command("web", "npm run e2e"))
}

fn check_node() -> Result<()> {
    if !is_installed("node") {
        bail!("Node.js is not installed. The web client needs version 20.19 or newer: https://nodejs.org");
    }
    let version = output(command(".", "node --version")).context("`node --version` failed")?;
    let mut numbers = version.trim().trim_start_matches('v').split('.').map_while(|n| n.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (major, minor) < (20, 19) {
        bail!("Node.js {} is too old: the web client needs version 20.19 or newer.", version.trim());
    }
    Ok(())
}

//! The web client's own tools, run by npm.

use std::fs;

use anyhow::{Context as _, Result};

use crate::node;
use crate::run::{command, root, run, say};

/// Installs the npm packages that the lock file names, unless they are there.
pub(crate) fn install() -> Result<()> {
    node::check(command(".", "node"))?;
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

/// Pictures of every screen, by the browser test that also looks for what is cut off or not accessible.
pub(crate) fn screenshots() -> Result<()> {
    let mut test = command("web", "npm run e2e -- screens.spec.ts --project chromium");
    test.env("ALLO_SCREENSHOTS", "1");
    run(test)?;
    say("\nThe pictures are in web/test-results/screens.");
    Ok(())
}

/// The browser tests, against the binaries that cargo has just built.
pub(crate) fn browser_tests() -> Result<()> {
    install()?;
    run(command("web", "npm run e2e"))
}

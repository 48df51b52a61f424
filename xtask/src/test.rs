//! The tests.

use std::time::Instant;

use anyhow::Result;

use crate::run::{command, run, say, step};
use crate::{browsers, web};

/// Random schedules in the everyday run; `.cargo/config.toml` has the number for the full one.
const QUICK_SCHEDULES: &str = "100";

/// Installs what the tests need, and runs them all.
pub(crate) fn all() -> Result<()> {
    let start = Instant::now();
    browsers::install()?;
    web::install()?;
    step("Rust tests");
    run(command(".", "cargo test --workspace"))?;
    step("Web unit tests");
    web::unit_tests()?;
    step("Browser tests");
    run(command(".", "cargo build -p allo-server -p allo-client"))?;
    web::browser_tests()?;
    say(&format!("\nAll tests passed, in {} s.", start.elapsed().as_secs()));
    Ok(())
}

/// Makes pictures of every screen, to be looked at.
pub(crate) fn screenshots() -> Result<()> {
    browsers::install()?;
    web::install()?;
    run(command(".", "cargo build -p allo-server -p allo-client"))?;
    web::screenshots()
}

/// Runs what is quick: everything but the browsers, with fewer random schedules.
pub(crate) fn quick() -> Result<()> {
    let start = Instant::now();
    web::install()?;
    step("Rust tests");
    let mut tests = command(".", "cargo test --workspace");
    tests.env("PROPTEST_CASES", QUICK_SCHEDULES);
    run(tests)?;
    step("Web unit tests");
    web::unit_tests()?;
    say(&format!(
        "\nThe quick tests passed, in {} s. `cargo xtask test` runs them all.",
        start.elapsed().as_secs()
    ));
    Ok(())
}

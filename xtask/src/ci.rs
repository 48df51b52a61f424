//! The lints: what must hold before the tests are worth running.

use anyhow::Result;

use crate::run::{command, is_installed, output, run, step};
use crate::{protocol, tidy, web};

const CARGO_DENY: &str = "0.20.2";

/// Runs every lint, the quick ones first.
pub(crate) fn lint() -> Result<()> {
    step("Formatting, words, walls and generated files");
    run(command(".", "cargo fmt --all --check"))?;
    tidy::check()?;
    protocol::check()?;
    step("Web checks");
    web::lint()?;
    web::build()?;
    step("Clippy and documentation");
    run(command(".", "cargo clippy --workspace --all-targets --all-features -- -D warnings"))?;
    let mut doc = command(".", "cargo doc --workspace --no-deps --all-features --quiet");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run(doc)?;
    step("Licences and sources");
    deny()
}

/// Checks licences, sources and duplicate or banned crates.
///
/// `cargo deny check advisories` is not part of it: it fetches a database, and a build must not depend on the day.
fn deny() -> Result<()> {
    let is_there = is_installed("cargo-deny") || output(command(".", "cargo deny --version")).is_some();
    if !is_there {
        let install =
            format!("cargo install cargo-deny --locked --no-default-features --version {CARGO_DENY}");
        run(command(".", &install))?;
    }
    // A build fetches only what this system needs; the check is about every system.
    run(command(".", "cargo fetch --locked"))?;
    run(command(".", "cargo deny --offline check bans licenses sources"))
}

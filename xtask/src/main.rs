//! The project's own automation. `cargo xtask` without arguments lists what it does.

mod browsers;
mod ci;
#[path = "../../web/node.rs"]
mod node;
mod protocol;
mod run;
mod test;
mod tidy;
mod web;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask <COMMAND>

  test            Installs what the tests need and runs them all: Rust, web, browsers
  test --quick    The everyday run: no browsers, fewer random schedules
  ci              All that must be green before a commit: the lints, then `test`
  lint            The lints alone: formatting, clippy, documentation, tidy, licences, web checks, generated files
  lab             Measures how calls recover from faults of the network: 20 runs of each, `--browsers [--direct]`, `--runs N`, `--csv FILE`
  web             Builds the web client and tells its size
  screenshots     Makes pictures of every screen, light and dark, at the sizes of a telephone, a tablet and a desk
  protocol        Writes the JSON Schema and the TypeScript of the protocol to web/src/protocol
  tidy            Checks what no compiler checks: walls between crates, words, tests that do not run";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match obey(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("\nerror: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn obey(arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => test::all(),
        ["test", "--quick"] => test::quick(),
        ["ci"] => ci::lint().and_then(|()| test::all()),
        ["lint"] => ci::lint(),
        ["lab", rest @ ..] => lab(rest),
        ["web"] => web::build(),
        ["screenshots"] => test::screenshots(),
        ["protocol"] => protocol::write(),
        ["tidy"] => tidy::check(),
        [] | ["help" | "--help" | "-h"] => {
            run::say(HELP);
            Ok(())
        }
        other => bail!("unknown command: cargo xtask {}\n\n{HELP}", other.join(" ")),
    }
}

/// Runs the scenarios of the laboratory, whose arguments are handed on.
fn lab(arguments: &[&str]) -> Result<()> {
    // The server in it is the program itself, which cargo builds beside the laboratory.
    run::run(run::command(".", "cargo build --package allo-server --package allo-client"))?;
    let mut lab = run::command(".", "cargo run --package allo-lab --example lab --");
    lab.args(arguments);
    run::run(lab)
}

//! The project's own automation. `cargo xtask` without arguments lists what it does.

mod protocol;
mod run;

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask <COMMAND>

  protocol    Writes the JSON Schema and the TypeScript of the protocol to web/src/protocol";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["protocol"] => protocol::write(),
        [] | ["help" | "--help" | "-h"] => {
            run::say(HELP);
            Ok(())
        }
        other => bail!("unknown command: cargo xtask {}\n\n{HELP}", other.join(" ")),
    }
}

//! Running other programs, and talking to the person at the terminal.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Prints a line for the person at the terminal.
#[allow(clippy::print_stdout, reason = "xtask is a program for a terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Announces a step that may take long.
pub(crate) fn step(text: &str) {
    say(&format!("\n── {text}"));
}

/// Returns the folder that holds the whole project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the project").to_owned()
}

/// Makes a command out of words separated by spaces, to be run in a folder of the project.
pub(crate) fn command(folder: &str, words: &str) -> Command {
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().expect("a command has a name"));
    command.args(words).current_dir(root().join(folder));
    command
}

/// Runs a command to its end; what it prints is seen.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = describe(&command);
    say(&format!("$ {line}"));
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs a command quietly and returns what it printed, or nothing if it failed or is not there.
pub(crate) fn output(mut command: Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Tells whether a program can be started by its name.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps nginx, ip and nft where only root looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| file.is_file())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

//! The command `allo-client`: one or more headless participants in a room.
//!
//! What happens comes out on standard output, one JSON object a line; what to do goes in on standard input, one command
//! a line (see [`commands::Command`]).

mod arguments;
mod commands;
mod file_name;
mod files;
mod participant;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use arguments::Arguments;
use commands::{Command, read_commands};

/// Commands that wait for a participant; one that lags behind misses the oldest.
const COMMANDS_MAX: usize = 64;
/// Lines that wait to be printed. Beyond it the participants wait.
const LINES_MAX: usize = 256;

#[tokio::main]
async fn main() -> ExitCode {
    log_to_standard_error();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (commands, _) = broadcast::channel(COMMANDS_MAX);
    let (lines, lines_out) = mpsc::channel(LINES_MAX);
    let printer = tokio::task::spawn_blocking(move || print(lines_out));
    let mut participants = JoinSet::new();
    arguments.file_options(0).check()?;
    for number in 0..arguments.count {
        let options = arguments.client_options(number)?;
        participants.spawn(participant::run(
            number,
            options,
            arguments.file_options(number),
            commands.subscribe(),
            lines.clone(),
            arguments.report_every(),
        ));
    }
    drop(lines);
    let read = commands.clone();
    std::thread::spawn(move || read_commands(&read));
    let leave = tokio::spawn(leave_when_told(arguments.duration, commands));
    let mut outcome = Ok(());
    while let Some(ended) = participants.join_next().await {
        outcome = outcome.and(ended.context("a participant crashed")?);
    }
    leave.abort();
    printer.await.context("standard output failed")??;
    outcome
}

/// Ends the call on SIGTERM, on Ctrl-C, or when its time is over.
async fn leave_when_told(
    duration: Option<Duration>,
    commands: broadcast::Sender<Command>,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let time = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result.context("cannot listen for Ctrl-C")?,
        () = time => {}
    }
    // No receiver means that every participant has ended already.
    let _ = commands.send(Command::Leave);
    Ok(())
}

/// Prints each line at once: whoever reads may wait for it.
fn print(mut lines: mpsc::Receiver<String>) -> std::io::Result<()> {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    while let Some(line) = lines.blocking_recv() {
        writeln!(output, "{line}")?;
        output.flush()?;
    }
    Ok(())
}

fn log_to_standard_error() {
    // The engine logs addresses at INFO and above in places; nothing of it is shown unless asked for.
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,str0m=off,is=off"));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        .init();
}

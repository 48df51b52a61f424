//! The command `allo-load`: puts a load on a server, and reports.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the report and the progress are what it is for"
)]

mod arguments;

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write as _};
use std::path::Path;
use std::process::ExitCode;

use allo_load::Report;
use anyhow::Context as _;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use arguments::Arguments;

/// The exit code when packets were not what they said, or not for whoever got them.
const FAULTY: u8 = 2;
/// The exit code when the tester was the bottleneck.
const BOTTLENECK: u8 = 3;

fn main() -> ExitCode {
    log_to_standard_error();
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let json = arguments.json.clone();
    let options = arguments.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = allo_load::run(options, |line| eprintln!("{line}")) => report.map_err(Into::into),
            result = tokio::signal::ctrl_c() => {
                result.context("cannot listen for Ctrl-C")?;
                anyhow::bail!("interrupted: nothing is reported");
            }
        }
    })?;
    println!("{report}");
    if let Some(path) = json {
        write_json(&path, &report).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(outcome(&report))
}

fn write_json(path: &Path, report: &Report) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut file, report)?;
    writeln!(file)?;
    file.flush()?;
    Ok(())
}

fn outcome(report: &Report) -> ExitCode {
    if report.faults() > 0 {
        tracing::error!("{} packets were not what they said, or not for whoever got them", report.faults());
        return ExitCode::from(FAULTY);
    }
    if report.verdict.is_tester_bottleneck { ExitCode::from(BOTTLENECK) } else { ExitCode::SUCCESS }
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

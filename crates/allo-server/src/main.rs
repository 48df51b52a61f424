//! The `allo` program.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    process::{self, ExitCode},
    time::Duration,
};

use allo_server::{
    Server, banner,
    config::{Config, LoadError, Sources, Task},
    doctor,
};
use anyhow::{Context as _, Result, bail};
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

fn main() -> ExitCode {
    let (config, task) = match load(env::args_os().collect()) {
        Ok(loaded) => loaded,
        // Help and the version go to standard output, mistakes in flags to standard error, each with its status.
        Err(LoadError::CommandLine(error)) => error.exit(),
        Err(error) => return fail(&error.into()),
    };
    if let Task::Examine { is_json } = task {
        return examine(&config, is_json);
    }
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// The time for what waits for a disk or computes a hash to end, once the server has stopped. Beyond, it ends with the process: what is
/// written is written beside what it replaces.
const REST: Duration = Duration::from_millis(200);

const _: () = assert!(
    Server::STOP_TIMEOUT.as_millis() + REST.as_millis() < 2_000,
    "the program ends within two seconds, whatever waits for what"
);

fn serve(config: Config) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let served = runtime.block_on(run(config));
    // Dropped, it would wait for a disk for as long as that takes.
    runtime.shutdown_timeout(REST);
    served
}

/// Says what went wrong and all that caused it, once.
#[expect(clippy::print_stderr, reason = "this is where errors reach a person")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("allo: {error:#}");
    ExitCode::FAILURE
}

/// Says what may keep people from getting in.
fn examine(config: &Config, is_json: bool) -> ExitCode {
    let findings = doctor::examine(config);
    let text = if is_json { doctor::json(&findings) } else { doctor::text(&findings) };
    // A reader that is gone, such as `head`, changes nothing about what was found.
    let _written = io::stdout().write_all(text.as_bytes());
    if doctor::is_bad(&findings) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn load(arguments: Vec<std::ffi::OsString>) -> Result<(Config, Task), LoadError> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    Config::load_for_task(Sources {
        arguments,
        environment: env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
        folder: env::current_dir().unwrap_or_default(),
    })
}

async fn run(config: Config) -> Result<()> {
    let lines =
        tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(config.log.targets()).with(lines).init();
    raise_open_files();
    let mut stops = Stops::listen().context("cannot listen for signals")?;
    let server = Server::start(config)?;
    // A reader that is gone, such as `head`, is no reason to stop.
    let _written = io::stdout().write_all(banner(&server, io::stdout().is_terminal()).as_bytes());
    tokio::select! {
        () = stops.next() => {}
        () = server.failed() => bail!("a part of the server ended by a fault in the program"),
    }
    tokio::select! {
        () = server.stop() => Ok(()),
        // Asked a second time: at once.
        () = stops.next() => process::exit(130),
    }
}

/// What asks the program to end: Ctrl-C, and SIGTERM where there is such a thing.
#[cfg(unix)]
struct Stops {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stops {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Stops(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Stops {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// Each connection is an open file, of which systems give few until asked for more.
#[cfg(unix)]
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays as it was");
    }
}

#[cfg(not(unix))]
fn raise_open_files() {}

//! The server: the program itself, on a host.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use allo_lab::Host;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A server that runs. It is killed when dropped.
pub(crate) struct ServerProcess {
    data: TempDir,
    flags: Vec<String>,
    child: Child,
}

impl ServerProcess {
    /// Starts it, and waits until it says that it runs.
    pub(crate) fn start(host: &Host, flags: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        let flags: Vec<_> = flags.iter().copied().map(str::to_owned).collect();
        let child = spawn(host, &data, &flags);
        Self { data, flags, child }
    }

    /// Ends it as an operator does, and waits for its end.
    pub(crate) fn stop(&mut self) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew, with the data that the one before left.
    pub(crate) fn start_again(&mut self, host: &Host) {
        self.child = spawn(host, &self.data, &self.flags);
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended before.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn spawn(host: &Host, data: &TempDir, flags: &[String]) -> Child {
    let mut command = Command::new(program());
    command.args(["--log", "warn", "--data"]).arg(data.path()).current_dir(data.path());
    command.args(flags).env_clear().env("HOME", data.path()).stdout(Stdio::piped());
    let mut child = host.spawn(move || command.spawn()).unwrap().join().unwrap().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.trim_start().starts_with("Stop")), "the server says that it runs");
    child
}

/// Returns the program. Cargo builds it beside this one, with the tests of allo-server or by itself.
fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("allo");
    assert!(program.exists(), "build the server first: cargo build -p allo-server -p allo-client");
    program
}

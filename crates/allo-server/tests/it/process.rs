//! The program itself: what it prints, and how it ends.

use std::process::{ExitStatus, Stdio};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::support::{WebSocket, open_websocket, soon};

/// The program, running.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) banner: String,
    pub(crate) data: TempDir,
}

/// Returns the program, in a folder of its own and without this process's environment.
fn command(folder: &TempDir, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_allo"));
    command.args(flags).current_dir(folder.path()).env_clear().env("HOME", folder.path()).kill_on_drop(true);
    command
}

impl Program {
    /// Starts it, and waits until it says that it runs.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let all = [&["--listen", "127.0.0.1", "--port", "0"], flags].concat();
        let mut command = command(&data, &all);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        while let Some(line) = soon("the banner", lines.next_line()).await.unwrap() {
            banner.push_str(&line);
            banner.push('\n');
            if line.trim_start().starts_with("Stop") {
                break;
            }
        }
        let port = banner.split("http://localhost:").nth(1).and_then(|rest| rest.lines().next());
        let port = port.unwrap_or_else(|| panic!("no address in {banner:?}")).parse().unwrap();
        Self { child, port, banner, data }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    pub(crate) async fn websocket(&self, fields: &[(&'static str, &str)]) -> WebSocket {
        let url = format!("ws://localhost:{}/ws", self.port);
        open_websocket(self.connect().await, &url, fields).await.unwrap()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.unwrap(), signal).unwrap();
    }

    /// Waits for its end; returns its status and what it wrote to standard error.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let mut errors = String::new();
        soon("the log", self.child.stderr.take().unwrap().read_to_string(&mut errors)).await.unwrap();
        (soon("the end", self.child.wait()).await.unwrap(), errors)
    }
}

/// Runs it to its end; returns whether it went well, and what it wrote to standard output and error.
async fn run(flags: &[&str]) -> (bool, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = soon("the program", command(&folder, flags).output()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn it_says_where_it_is_and_where_it_keeps_its_data() {
    let program = Program::start(&[]).await;
    let data = program.data.path().join(".local/share/allo");
    for part in ["Allo ", "http://localhost:", "SHA-256 ", data.to_str().unwrap(), "Ctrl-C"] {
        assert!(program.banner.contains(part), "{part} in {}", program.banner);
    }
    assert!(program.banner.lines().all(|line| line.chars().count() <= 100), "{}", program.banner);
    assert!(data.join("tls/authority.crt").exists());
}

#[tokio::test]
async fn port_in_the_environment_is_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = command(&folder, &["--listen", "127.0.0.1"]).env("PORT", port.to_string()).output();
    let output = soon("the program", output).await.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert_eq!(
        errors,
        format!("allo: port {port} is in use by another program: choose another one with --port\n")
    );
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_told_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let data = file.join("data");
    let (went_well, _, errors) = run(&["--port", "0", "--data", data.to_str().unwrap()]).await;
    assert!(!went_well);
    let start = format!("allo: cannot write {}: choose another folder with --data: ", data.display());
    assert!(errors.starts_with(&start) && errors.lines().count() == 1, "{errors}");
}

#[tokio::test]
async fn the_doctor_knows_a_server_that_runs() {
    let program = Program::start(&[]).await;
    let port = program.port.to_string();
    let (went_well, findings, errors) = run(&["doctor", "--listen", "127.0.0.1", "--port", &port]).await;
    assert!(went_well, "{findings}{errors}");
    assert!(
        findings.contains(&format!("good      TCP port: Allo answers at 127.0.0.1:{port}")),
        "{findings}"
    );
    assert!(
        findings.contains(&format!("good      UDP port: Allo answers at 127.0.0.1:{port}")),
        "{findings}"
    );
    assert!(findings.contains("good      joins: nobody who tried was kept out"), "{findings}");
}

#[tokio::test]
async fn the_doctor_hears_why_somebody_did_not_get_in() {
    let program = Program::start(&[]).await;
    let url = format!("ws://localhost:{}/ws", program.port);
    let fields = [("origin", "https://elsewhere.example")];
    assert_eq!(open_websocket(program.connect().await, &url, &fields).await.err(), Some(403));
    let port = program.port.to_string();
    let (_, findings, _) = run(&["doctor", "--listen", "127.0.0.1", "--port", &port]).await;
    let told = "doubtful  joins: of the last 1 who did not get in, 1 came from a page of another site";
    assert!(findings.contains(told), "{findings}");
}

#[tokio::test]
async fn the_doctor_asks_at_the_public_address_by_tcp_and_by_udp() {
    let program = Program::start(&[]).await;
    let port = program.port.to_string();
    let flags = ["doctor", "--listen", "127.0.0.1", "--port", &port, "--public-address", "127.0.0.1"];
    let (_, findings, _) = run(&flags).await;
    assert!(findings.contains("reached: 127.0.0.1 answers by TCP and UDP"), "{findings}");
}

#[tokio::test]
async fn the_doctor_has_a_help_of_its_own() {
    let (went_well, help, _) = run(&["doctor", "--help"]).await;
    assert!(went_well);
    for part in ["allo doctor", "--json", "--port <PORT>", "good, doubtful or bad"] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let (_, help, _) = run(&["--help"]).await;
    assert!(help.contains("Says what may keep people from getting in"), "{help}");
}

#[tokio::test]
async fn the_doctor_fails_when_something_is_bad() {
    let flags =
        ["doctor", "--json", "--listen", "127.0.0.1", "--tls-cert", "none.pem", "--tls-key", "none.key"];
    let (went_well, findings, _) = run(&flags).await;
    assert!(!went_well);
    let findings: serde_json::Value = serde_json::from_str(&findings).unwrap();
    let is_told = |it: &serde_json::Value| it["subject"] == "certificate" && it["verdict"] == "bad";
    assert!(findings["findings"].as_array().unwrap().iter().any(is_told), "{findings}");
}

#[tokio::test]
async fn mistakes_in_settings_are_told_before_anything_starts() {
    let (went_well, output, errors) = run(&["--port", "many", "--tls", "maybe"]).await;
    assert!(!went_well && output.is_empty());
    assert!(
        errors.contains("2 mistakes") && errors.contains("--port") && errors.contains("--tls"),
        "{errors}"
    );
}

#[tokio::test]
async fn help_teaches_in_groups_with_examples() {
    let (went_well, help, _) = run(&["--help"]).await;
    assert!(went_well);
    for part in [
        "Network:",
        "HTTPS:",
        "Behind a proxy:",
        "Calls:",
        "--port <PORT>",
        "8443]",
        "Examples:",
        "allo.toml",
    ] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let (went_well, version, _) = run(&["--version"]).await;
    assert!(went_well);
    assert_eq!(version, format!("allo {}\n", env!("CARGO_PKG_VERSION")));
}

/// Within two seconds, which is the sum of the bounds that `main.rs` has: on a busy machine a clock would prove nothing.
#[cfg(unix)]
#[tokio::test]
async fn it_ends_by_itself_whoever_is_connected() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::INT] {
        let program = Program::start(&[]).await;
        // One says nothing, one has half a request, one is in a room and reads, one is in a room and does not.
        let silent = program.connect().await;
        let mut half = program.connect().await;
        half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut ada = program.websocket(&[]).await;
        ada.join("family", "Ada", 1).await;
        let mut deaf = program.websocket(&[]).await;
        deaf.join("family", "Grace", 2).await;

        program.signal(signal);
        assert_eq!(ada.closed().await, (1012, Some("serverStopping".to_owned())));
        let (status, errors) = program.ended().await;
        assert!(status.success(), "{status} {errors}");
        drop((silent, half, deaf));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn asked_twice_it_ends_at_once() {
    use rustix::process::Signal;
    let program = Program::start(&[]).await;
    let mut ada = program.websocket(&[]).await;
    ada.join("family", "Ada", 1).await;
    // This one never agrees to its close: the server would wait for it a second.
    let mut deaf = program.websocket(&[]).await;
    deaf.join("family", "Grace", 2).await;
    program.signal(Signal::INT);
    assert_eq!(ada.closed().await.0, 1012);
    program.signal(Signal::INT);
    let (status, _) = program.ended().await;
    assert_eq!(status.code(), Some(130));
}

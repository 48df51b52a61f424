//! The real server, and participants in its rooms.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use allo_client::client::{ClientOptions, Event, PeerReport, Report, WebRtcClient};
use allo_client::signaling::Trust;
use allo_protocol::ParticipantId;
use allo_server::Server;
use allo_server::config::Config;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use url::Url;

/// Far longer than anything here takes: reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the counts are looked at. They grow by themselves, so there is no event to wait for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) struct TestServer {
    server: Server,
    data: TempDir,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: vec!["127.0.0.1".parse().unwrap()],
            port: 0,
            data: Some(data.path().to_owned()),
            ..Config::default()
        };
        change(&mut config);
        Self { server: Server::start(config).unwrap(), data }
    }

    /// Returns how to join, believing the server's own authority.
    pub(crate) fn options(&self, room: &str, name: &str) -> ClientOptions {
        ClientOptions {
            trust: Trust::SystemAnd(self.authority()),
            with_loopback: true,
            ..ClientOptions::new(self.url(room), name).unwrap()
        }
    }

    pub(crate) fn url(&self, room: &str) -> Url {
        let port = self.server.addresses()[0].port();
        format!("https://localhost:{port}/{room}").parse().unwrap()
    }

    /// Returns where the certificate of the server's own authority is.
    pub(crate) fn authority(&self) -> PathBuf {
        self.data.path().join("tls/authority.crt")
    }

    /// Stops it, and starts it again at the same port: a server that has forgotten everyone, with the data that it had.
    pub(crate) async fn restart(self) -> Self {
        let Self { server, data } = self;
        let config = Config { port: server.addresses()[0].port(), ..server.config().clone() };
        server.stop().await;
        Self { server: Server::start(config).unwrap(), data }
    }

    pub(crate) async fn join(&self, room: &str, name: &str) -> Robot {
        Robot::join(self.options(room, name)).await
    }
}

/// A participant and its name.
pub(crate) struct Robot {
    pub(crate) client: WebRtcClient,
    pub(crate) name: String,
}

impl Robot {
    /// Joins, and returns when in the room.
    pub(crate) async fn join(options: ClientOptions) -> Self {
        let name = options.display_name.clone();
        let mut robot = Self { client: WebRtcClient::join(options).await.unwrap(), name };
        robot.event("joining", |event| matches!(event, Event::Joined { .. })).await;
        robot
    }

    /// Waits for an event; those before it are forgotten.
    pub(crate) async fn event(&mut self, what: &str, is_wanted: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.client.event().await;
                let event = event.unwrap_or_else(|| panic!("{}: ended before {what}", self.name));
                if is_wanted(&event) {
                    return event;
                }
            }
        };
        soon(what, found).await
    }

    pub(crate) async fn report(&self) -> Report {
        self.client.report().await.unwrap_or_else(|| panic!("{}: ended", self.name))
    }

    /// Returns what was received from `peer`, who is in the room.
    pub(crate) async fn from(&self, peer: &str) -> PeerReport {
        let report = self.report().await;
        let found = report.peers.into_iter().find(|report| report.display_name == peer);
        found.unwrap_or_else(|| panic!("{}: no {peer} in the room", self.name))
    }

    /// Waits until the report says so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Report) -> bool) -> Report {
        let looked = async {
            loop {
                let report = self.report().await;
                if is_so(&report) {
                    return report;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let Ok(report) = timeout(PATIENCE, looked).await else {
            panic!("{}: {what} did not happen: {:#?}", self.name, self.report().await)
        };
        report
    }

    /// Waits until sound and pictures come from all of `peers`, and from nobody else, from now on.
    pub(crate) async fn until_media_from(&self, peers: &[&str]) {
        let before = self.report().await;
        let count = |report: &Report, peer: &str| {
            report.peers.iter().find(|report| report.display_name == peer).map(media)
        };
        let comes = |after: &Report, peer: &str| {
            let before = count(&before, peer).unwrap_or_default();
            count(after, peer).is_some_and(|after| after.0 >= before.0 + 20 && after.1 >= before.1 + 10)
        };
        let is_so =
            |after: &Report| after.peers.len() == peers.len() && peers.iter().all(|peer| comes(after, peer));
        self.until(&format!("media from {peers:?}"), is_so).await;
    }

    pub(crate) async fn id(&self) -> ParticipantId {
        self.report().await.you.expect("a robot has joined")
    }
}

/// Returns packets that can be heard and frames that can be seen.
fn media(report: &PeerReport) -> (u64, u64) {
    (report.audio.loud_packets, report.video.decodable_frames)
}

/// Waits for `future`, and fails when it takes too long.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} took longer than {PATIENCE:?}"))
}

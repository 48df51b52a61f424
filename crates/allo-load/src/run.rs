//! Plays a scenario.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use allo_client::signaling::Trust;
use str0m::config::DtlsCert;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, sleep_until, timeout};
use tracing::warn;
use url::Url;

use crate::floor;
use crate::participant;
use crate::probe::{self, Probe};
use crate::process::{MachineTime, Usage, machine_time, usage};
use crate::record::Record;
use crate::report::Report;
use crate::scenario::{Coming, Picture, Role, Scenario, Speech};
use crate::wall::Wall;

/// How long those who come before the measurement may take until they have media, after the last of them came.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
/// How long everybody has media before the measurement begins: bandwidth estimates and layers settle.
const SETTLE: Duration = Duration::from_secs(3);
/// How long what is under way at the end, and what is repaired, may take.
const DRAIN: Duration = Duration::from_millis(1_500);
/// How often to say how it goes.
const PROGRESS: Duration = Duration::from_secs(1);
/// How long participants may take to leave.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address of the server.
    pub url: Url,
    /// Which server certificates to accept.
    pub trust: Trust,
    /// Who joins, and sends what.
    pub scenario: Scenario,
    /// How long to measure.
    pub duration: Duration,
    /// Decides about all that is random.
    pub seed: u64,
    /// Whether each frame of sound is sent twice, and received so (RFC 2198).
    pub has_red: bool,
    /// The server's process, on this machine, to be measured.
    pub server_pid: Option<u32>,
    /// How many threads there are for the participants.
    pub threads: usize,
}

/// Why nothing could be measured.
#[derive(Debug, Error)]
pub enum RunError {
    /// The address names no host that answers.
    #[error("cannot reach the server")]
    Host(#[source] io::Error),
    /// The address has no host or no port.
    #[error("the address must look like https://localhost:8443")]
    Address,
    /// The process is not there, or is another user's.
    #[error("cannot read what process {pid} takes")]
    Process {
        /// Which one.
        pid: u32,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// The cryptography or the system gave nothing.
    #[error("the system gives no random bytes")]
    Random,
    /// Nobody could connect, so that there is nothing to report.
    #[error("nobody got media: {0}")]
    Nobody(String),
}

/// How a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Those who come before the measurement join.
    Joining,
    /// It is measured, since then.
    Measuring(Instant, Wall),
    /// Nothing is sent any more, and what is under way arrives.
    Draining,
    /// Everybody leaves.
    Over,
}

/// What all participants share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) url: Url,
    pub(crate) trust: Trust,
    pub(crate) run: u32,
    /// What the names of the rooms begin with.
    pub(crate) room: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) certificate: DtlsCert,
    pub(crate) local_ip: IpAddr,
    pub(crate) seed: u64,
    pub(crate) has_red: bool,
    pub(crate) started_at: Instant,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) live: Live,
    /// For each room, how many send pictures and how many voices.
    senders: Vec<(usize, usize)>,
}

/// How it goes, for whoever waits.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) connected: AtomicU64,
    pub(crate) with_media: AtomicU64,
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// What was measured, before it is made into a report.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) records: Vec<Record>,
    pub(crate) probe: Probe,
    /// How long the measurement took.
    pub(crate) elapsed: Duration,
    pub(crate) participants: usize,
    /// How many of those who came before the measurement had media when it began, of how many.
    pub(crate) ready: (u64, u64),
    pub(crate) tester: Taken,
    pub(crate) server: Option<Taken>,
    /// The share of the machine's time that anything used.
    pub(crate) machine_busy: f64,
    /// The share that others than the tester and the server used, if the server's process is measured.
    pub(crate) others_busy: Option<f64>,
    /// What a packet costs at the least, if the server's process is measured.
    pub(crate) floor: Option<Duration>,
}

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) at_start: Usage,
    pub(crate) before: Usage,
    pub(crate) after: Usage,
}

impl Taken {
    /// Returns the CPU time of the measurement.
    pub(crate) fn cpu(&self) -> Duration {
        self.after.cpu.saturating_sub(self.before.cpu)
    }
}

/// Plays a scenario to its end.
pub async fn run(options: Options, progress: impl Fn(String)) -> Result<Report, RunError> {
    let (phase, phases) = watch::channel(Phase::Joining);
    let shared = Arc::new(Shared::new(&options, phases.clone())?);
    let floor = options.server_pid.and_then(|_| floor::measure(shared.local_ip).ok());
    let at_start = Usages::read(options.server_pid)?;
    let probe = tokio::spawn(probe::run(shared.local_ip, phases));
    let mut participants = JoinSet::new();
    for own in 0..shared.roles.len() {
        participants.spawn(participant::run(shared.clone(), u32::try_from(own).unwrap_or(u32::MAX)));
    }
    let ready = wait_for_media(&shared, &progress).await;
    let began_at = Instant::now();
    let before = Usages::read(options.server_pid)?;
    let _ = phase.send(Phase::Measuring(began_at, Wall::now()));
    watch_over(&shared, began_at + options.duration, "measuring", &progress).await;
    let after = Usages::read(options.server_pid)?;
    let elapsed = began_at.elapsed();
    let _ = phase.send(Phase::Draining);
    sleep(DRAIN).await;
    let _ = phase.send(Phase::Over);
    let records = gather(participants).await;
    let probe = probe.await.ok().and_then(Result::ok).unwrap_or_default();
    let tester = Taken { at_start: at_start.tester, before: before.tester, after: after.tester };
    let all = at_start.server.zip(before.server).zip(after.server);
    let server = all.map(|((at_start, before), after)| Taken { at_start, before, after });
    let measured = Measured {
        records,
        probe,
        elapsed,
        participants: shared.roles.len(),
        ready,
        tester,
        server,
        machine_busy: after.machine.busy_since(before.machine),
        others_busy: server.map(|server| {
            let own = tester.cpu() + server.cpu();
            let share = after.machine.share_since(before.machine, own);
            (after.machine.busy_since(before.machine) - share).max(0.0)
        }),
        floor,
    };
    if measured.records.iter().all(|record| !record.had_media) {
        return Err(RunError::Nobody(Report::errors(&measured.records)));
    }
    Ok(Report::new(&options, &measured))
}

impl Shared {
    fn new(options: &Options, phase: watch::Receiver<Phase>) -> Result<Self, RunError> {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).map_err(|_| RunError::Random)?;
        let run = u32::from_be_bytes(bytes);
        let roles = options.scenario.roles(options.duration, options.seed);
        let rooms = roles.iter().map(|role| role.room as usize + 1).max().unwrap_or(0);
        let mut senders = vec![(0, 0); rooms];
        for role in &roles {
            let (pictures, voices) = &mut senders[role.room as usize];
            *pictures += usize::from(role.picture != Picture::Nothing);
            *voices += usize::from(role.speech != Speech::Nothing);
        }
        Ok(Self {
            local_ip: local_ip(&options.url)?,
            url: options.url.clone(),
            trust: options.trust.clone(),
            run,
            room: format!("load-{run:08x}"),
            roles,
            certificate: str0m::crypto::from_feature_flags()
                .dtls_provider
                .generate_certificate()
                .ok_or(RunError::Random)?,
            has_red: options.has_red,
            seed: options.seed,
            started_at: Instant::now(),
            phase,
            live: Live::default(),
            senders,
        })
    }

    /// Waits for the measurement, and returns when it began; `None` when the run is over.
    pub(crate) async fn measuring(&self) -> Option<(Instant, Wall)> {
        let mut phase = self.phase.clone();
        let phase = *phase.wait_for(|phase| *phase != Phase::Joining).await.ok()?;
        if let Phase::Measuring(began_at, at) = phase { Some((began_at, at)) } else { None }
    }

    /// Returns when the measurement began, while it lasts.
    pub(crate) fn began_at(&self) -> Option<Instant> {
        if let Phase::Measuring(began_at, _) = *self.phase.borrow() { Some(began_at) } else { None }
    }

    /// Returns whether a participant is to see and to hear anybody.
    pub(crate) fn expects(&self, own: u32) -> (bool, bool) {
        let role = &self.roles[own as usize];
        let (pictures, voices) = self.senders[role.room as usize];
        let others = |count: usize, is_own: bool| count > usize::from(is_own);
        let sees = role.video_slots > 0 && others(pictures, role.picture != Picture::Nothing);
        (sees, role.audio_slots > 0 && others(voices, role.speech != Speech::Nothing))
    }
}

/// Waits until all who come before the measurement have media. Returns how many do, of how many.
async fn wait_for_media(shared: &Shared, progress: &impl Fn(String)) -> (u64, u64) {
    let comings = shared
        .roles
        .iter()
        .filter_map(|role| if let Coming::Before(after) = role.coming { Some(after) } else { None });
    let (expected, last) = comings.fold((0, Duration::ZERO), |(count, last), at| (count + 1, last.max(at)));
    let deadline = shared.started_at + last + JOIN_PATIENCE;
    let with_media = || shared.live.with_media.load(Ordering::Relaxed);
    while with_media() < expected && Instant::now() < deadline {
        watch_over(shared, Instant::now() + PROGRESS, "joining", progress).await;
    }
    if with_media() < expected {
        warn!("only {} of {expected} have media: measuring all the same", with_media());
    }
    watch_over(shared, Instant::now() + SETTLE, "settling", progress).await;
    (with_media(), expected)
}

/// Says how it goes until then.
async fn watch_over(shared: &Shared, until: Instant, what: &str, progress: &impl Fn(String)) {
    let mut ticks = interval(PROGRESS);
    ticks.tick().await;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut before = (Instant::now(), count(&shared.live.packets), count(&shared.live.bytes));
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sleep_until(until.into()) => return,
        }
        let now = (Instant::now(), count(&shared.live.packets), count(&shared.live.bytes));
        let seconds = (now.0 - before.0).as_secs_f64();
        progress(format!(
            "{what}: {} connected, {} with media, {:.0} packets/s, {:.1} Mbit/s received",
            count(&shared.live.connected),
            count(&shared.live.with_media),
            (now.1 - before.1) as f64 / seconds,
            (now.2 - before.2) as f64 * 8.0 / 1e6 / seconds,
        ));
        before = now;
    }
}

/// Waits for everybody to leave, and returns what they counted.
async fn gather(mut participants: JoinSet<Option<Record>>) -> Vec<Record> {
    let mut records = Vec::new();
    let all = async {
        while let Some(ended) = participants.join_next().await {
            match ended {
                Ok(record) => records.extend(record),
                Err(error) => warn!(%error, "a participant crashed"),
            }
        }
    };
    if timeout(LEAVE_PATIENCE, all).await.is_err() {
        warn!("some participants did not leave in time, and are not in the report");
    }
    records
}

#[derive(Debug, Clone, Copy)]
struct Usages {
    machine: MachineTime,
    tester: Usage,
    server: Option<Usage>,
}

impl Usages {
    fn read(server_pid: Option<u32>) -> Result<Self, RunError> {
        let read = |pid| usage(pid).map_err(|error| RunError::Process { pid, error });
        Ok(Self {
            machine: machine_time().unwrap_or_default(),
            tester: read(std::process::id())?,
            server: server_pid.map(read).transpose()?,
        })
    }
}

/// Returns the address of this machine from which the server is reached.
fn local_ip(url: &Url) -> Result<IpAddr, RunError> {
    let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or(RunError::Address)?;
    let host = host.trim_matches(['[', ']']);
    let servers = (host, port).to_socket_addrs().map_err(RunError::Host)?;
    let reach = |server: SocketAddr| {
        let any: SocketAddr =
            if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.local_addr()
    };
    // The media plane is known to be where the first address is that can be reached.
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for server in servers {
        // A server that listens on IPv4 alone would not answer media on IPv6.
        match std::net::TcpStream::connect_timeout(&server, Duration::from_secs(2))
            .and_then(|_| reach(server))
        {
            Ok(address) => return Ok(address.ip()),
            Err(cause) => error = cause,
        }
    }
    Err(RunError::Host(error))
}

//! Hosts: network namespaces.

use std::fs::File;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};

/// Tells why hosts cannot be made here, if they cannot.
pub fn is_possible() -> Result<(), String> {
    match Host::new("probe") {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(format!("network namespaces cannot be made here (they need root and iproute2): {error}"))
        }
    }
}

/// Which port a router gives to a socket behind it (RFC 4787 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// The same, to whomever the socket talks: its own where that is free.
    Steady,
    /// Another for each whom the socket talks to ("symmetric"): what one of them knows is of no use to the others.
    Random,
}

/// A network namespace with its loopback up. It is deleted when dropped.
#[derive(Debug)]
pub struct Host {
    name: String,
}

impl Host {
    /// Makes a host whose namespace has a name that nobody else uses.
    pub fn new(label: &str) -> io::Result<Self> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("allo-{}-{number}-{label}", std::process::id());
        ip(&["netns", "add", &name])?;
        let host = Self { name };
        host.ip("link set lo up")?;
        Ok(host)
    }

    /// Returns the name of its namespace, for `ip netns exec`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` on this host, with words separated by spaces.
    pub fn ip(&self, words: &str) -> io::Result<()> {
        let words: Vec<&str> = ["-n", &self.name].into_iter().chain(words.split_whitespace()).collect();
        ip(&words)
    }

    /// Makes this host pass on packets that are not for it.
    pub fn forward(&self) -> io::Result<()> {
        self.on(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1"))?
    }

    /// Makes this host a home's router: what leaves by `device` has its address, and only answers come in.
    pub fn translate(&self, device: &str, ports: Ports) -> io::Result<()> {
        let how = match ports {
            Ports::Steady => "",
            Ports::Random => "fully-random",
        };
        // What comes in unasked is dropped before it is remembered: an entry for it would take the port from the socket
        // that is about to send there.
        self.nft(&format!(
            "table ip home {{
                chain out {{ type nat hook postrouting priority srcnat; oifname \"{device}\" masquerade {how}; }}
                chain here {{ type filter hook input priority filter; iifname \"{device}\" ct state new drop; }}
                chain on {{ type filter hook forward priority filter; iifname \"{device}\" ct state new drop; }}
            }}"
        ))
    }

    /// Adds rules to the packet filter of this host.
    pub fn nft(&self, rules: &str) -> io::Result<()> {
        let rules = rules.to_owned();
        self.on(move || nft(&rules))?
    }

    /// Starts a thread on this host. Sockets that it opens are this host's; so are those of threads that it starts.
    ///
    /// # Panics
    ///
    /// The thread panics when the namespace was deleted before it could enter it.
    pub fn spawn<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let namespace = File::open(format!("/run/netns/{}", self.name))?;
        let enter_and_act = move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("a namespace that exists can be entered");
            act()
        };
        std::thread::Builder::new().name(self.name.clone()).spawn(enter_and_act)
    }

    /// Does something on this host and waits for it.
    pub(crate) fn on<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        self.spawn(act)?.join().map_err(|_| io::Error::other("the thread on the host panicked"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A namespace that is left behind does no harm but to the eye.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn nft(rules: &str) -> io::Result<()> {
    let mut command = Command::new("nft");
    let mut child = command.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(rules.as_bytes()))?;
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("nft: {}", said.trim())))
}

fn ip(words: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(words).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("`ip {}`: {}", words.join(" "), said.trim())))
}

//! Hosts: network namespaces.

use std::fs::File;
use std::io;
use std::process::Command;
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

    /// Runs `ip` on this host, with words separated by spaces.
    pub fn ip(&self, words: &str) -> io::Result<()> {
        let words: Vec<&str> = ["-n", &self.name].into_iter().chain(words.split_whitespace()).collect();
        ip(&words)
    }

    /// Makes this host pass on packets that are not for it.
    pub fn forward(&self) -> io::Result<()> {
        self.on(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1"))?
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

fn ip(words: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(words).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("`ip {}`: {}", words.join(" "), said.trim())))
}

//! What a process takes of the machine, by /proc.

use std::fs;
use std::io;
use std::time::Duration;

/// The kernel's unit of CPU time in /proc, on every system that is built for today.
const TICK: Duration = Duration::from_millis(10);

/// CPU time and memory of a process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident_kib: u64,
}

/// Reads what a process has taken so far.
pub(crate) fn usage(pid: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "/proc says what is not understood");
    let ticks = cpu_ticks(&stat).ok_or_else(bad)?;
    let resident_kib = field_kib(&status, "VmRSS:").ok_or_else(bad)?;
    Ok(Usage { cpu: TICK * u32::try_from(ticks).unwrap_or(u32::MAX), resident_kib })
}

/// The ticks of all processors of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MachineTime {
    all: u64,
    idle: u64,
}

impl MachineTime {
    /// Returns the share of the time since then in which a processor had something to do.
    pub(crate) fn busy_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        1.0 - self.idle.saturating_sub(before.idle) as f64 / all as f64
    }

    /// Returns the share of the time of all processors since then that so much CPU time is.
    pub(crate) fn share_since(self, before: Self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() / (TICK.as_secs_f64() * self.all.saturating_sub(before.all).max(1) as f64)
    }
}

/// Reads the ticks of the machine.
pub(crate) fn machine_time() -> io::Result<MachineTime> {
    let stat = fs::read_to_string("/proc/stat")?;
    machine_ticks(&stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn machine_ticks(stat: &str) -> Option<MachineTime> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    // The last two are of guests, and in the first two already.
    let ticks: Vec<u64> = fields.take(8).map(|field| field.parse().ok()).collect::<Option<_>>()?;
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(MachineTime { all: ticks.iter().sum(), idle })
}

/// Returns the ticks in user and kernel mode, of all threads: fields 14 and 15.
fn cpu_ticks(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn field_kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_confuse() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 9 1 2";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn a_machine_is_busy_when_it_is_not_idle() {
        let at = |text| machine_ticks(text).unwrap();
        let (before, after) = (at("cpu  10 0 10 70 10 0 0 0 5 5\n"), at("cpu  20 0 20 130 10 10 0 10 9 9\n"));
        assert!((after.busy_since(before) - 0.4).abs() < 1e-9);
        assert!((after.share_since(before, Duration::from_millis(250)) - 0.25).abs() < 1e-9);
        assert_eq!(machine_ticks("cpu  x"), None);
    }

    #[test]
    fn this_process_has_taken_something() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.resident_kib > 500, "{usage:?}");
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(usage(u32::MAX).is_err());
    }
}

//! Runs the scenarios of the laboratory many times, and tells how long calls take to recover: `cargo xtask lab`.
#![allow(clippy::unwrap_used, reason = "a laboratory may panic: that is a run that failed")]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

#[cfg(target_os = "linux")]
#[path = "../scenarios/mod.rs"]
mod scenarios;

#[cfg(target_os = "linux")]
#[path = "../scenarios/browsers.rs"]
mod browsers;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    program::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("The laboratory needs Linux.");
}

#[cfg(target_os = "linux")]
mod program {
    use std::fmt::Write as _;
    use std::process::ExitCode;
    use std::time::Duration;

    use crate::browsers;
    use crate::scenarios::{self, Outcome, Scenario};

    /// Runs of each scenario unless told otherwise: with headless participants, and with browsers.
    const RUNS: usize = 20;
    const BROWSER_RUNS: usize = 3;

    const HELP: &str = "Usage: cargo xtask lab [--browsers [--direct]] [--runs N] [--csv FILE] [NAME..]";

    /// What is run with browsers.
    const WITH_BROWSERS: [&str; 4] = ["no-fault", "udp-blocked", "address-change", "server-killed"];

    /// What is run, in this order: without a fault first, for the rest to be believed.
    const SCENARIOS: [(&str, Scenario); 12] = [
        ("no-fault", Scenario::NoFault(Duration::from_secs(5))),
        ("udp-blocked", Scenario::UdpBlocked),
        ("address-change", Scenario::AddressChange),
        ("rebinding", Scenario::Rebinding),
        ("server-restart", Scenario::ServerRestart),
        ("server-killed", Scenario::ServerKilled),
        ("stalled-20", Scenario::Stalled(Duration::from_secs(20))),
        ("blackout-5", Scenario::Blackout(Duration::from_secs(5))),
        ("sleep-20", Scenario::Sleep(Duration::from_secs(20))),
        ("signaling-cut-30", Scenario::SignalingCut(Duration::from_secs(30))),
        ("blackout-60", Scenario::Blackout(Duration::from_mins(1))),
        ("sleep-60", Scenario::Sleep(Duration::from_mins(1))),
    ];

    /// Runs a scenario once: what came of it, and how long it took a browser to name its new address.
    type Run = fn(Scenario) -> (Outcome, Option<Duration>);

    #[derive(Default)]
    struct Arguments {
        with_browsers: bool,
        /// Browsers are connected directly.
        is_direct: bool,
        runs: Option<usize>,
        csv: Option<String>,
        /// All, if none is named.
        names: Vec<String>,
    }

    pub(crate) fn main() -> ExitCode {
        let Some(arguments) = parse(std::env::args().skip(1)) else {
            println!("{HELP}");
            return ExitCode::FAILURE;
        };
        if let Err(why) = allo_lab::is_possible() {
            println!("{why}");
            return ExitCode::FAILURE;
        }
        let mut csv = "scenario,run,participant,recovery_ms,alices_way,browser_noticed_ms\n".to_owned();
        let mut has_failed = false;
        let (run, runs): (Run, _) = match (arguments.with_browsers, arguments.is_direct) {
            (true, false) => (|scenario| browsers::run(scenario, "sfu"), BROWSER_RUNS),
            // What is the default, and direct as long as there are two.
            (true, true) => (|scenario| browsers::run(scenario, "auto"), BROWSER_RUNS),
            (false, _) => (|scenario| (scenarios::run(scenario), None), RUNS),
        };
        let runs = arguments.runs.unwrap_or(runs);
        println!(
            "Times in ms from the fault, or its end, to the end of the last silence of 300 ms or more (browsers: 500 ms of sound and pictures); 0: there was none."
        );
        println!("{:<18}{:>6}{:>8}{:>8}{:>8}{:>8}", "scenario", "runs", "failed", "p50", "p95", "max");
        for (name, scenario) in SCENARIOS {
            let is_named = arguments.names.is_empty() || arguments.names.iter().any(|wanted| wanted == name);
            if !is_named || (arguments.with_browsers && !WITH_BROWSERS.contains(&name)) {
                continue;
            }
            let Times { recovery: times, noticed, failed } = repeat(name, scenario, run, runs, &mut csv);
            let of = |times: &[u128], share| {
                percentile(times, share).map_or("-".to_owned(), |time| time.to_string())
            };
            let row = |name: &str, failed: &str, times: &[u128]| {
                let (p50, p95, max) = (of(times, 50), of(times, 95), of(times, 100));
                println!("{name:<18}{runs:>6}{failed:>8}{p50:>8}{p95:>8}{max:>8}");
            };
            row(name, &failed.to_string(), &times);
            if !noticed.is_empty() {
                row("  browser noticed", "", &noticed);
            }
            if name == "no-fault" && times.last().is_some_and(|time| *time > 0) {
                println!(
                    "The machine was too busy: there were silences without a fault. Do not believe what follows."
                );
            }
            has_failed |= failed > 0;
        }
        if let Some(Err(error)) = arguments.csv.map(|path| std::fs::write(path, csv)) {
            println!("The CSV file could not be written: {error}");
            has_failed = true;
        }
        if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn parse(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
        let mut arguments = Arguments::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--browsers" => arguments.with_browsers = true,
                "--direct" => arguments.is_direct = true,
                "--runs" => arguments.runs = Some(words.next()?.parse().ok().filter(|runs| *runs > 0)?),
                "--csv" => arguments.csv = Some(words.next()?),
                name if SCENARIOS.iter().any(|(known, _)| *known == name) => arguments.names.push(word),
                _ => return None,
            }
        }
        (arguments.with_browsers || !arguments.is_direct).then_some(arguments)
    }

    /// What came of the runs of a scenario. Times are in milliseconds, and sorted.
    struct Times {
        /// Of both participants.
        recovery: Vec<u128>,
        /// Until the browser named its new address.
        noticed: Vec<u128>,
        failed: usize,
    }

    fn repeat(name: &str, scenario: Scenario, run_one: Run, runs: usize, csv: &mut String) -> Times {
        let (mut recovery, mut noticed, mut failed) = (Vec::new(), Vec::new(), 0);
        for run in 1..=runs {
            // A run that fails panics; the others go on.
            let Ok((outcome, browser_noticed)) = std::thread::spawn(move || run_one(scenario)).join() else {
                failed += 1;
                continue;
            };
            let way = if outcome.is_by_tcp { "tcp" } else { "udp" };
            let seen_at = browser_noticed.map(|time| time.as_millis());
            let seen = seen_at.map_or(String::new(), |time| time.to_string());
            for (participant, time) in ["alice", "bob"].into_iter().zip(outcome.recovery) {
                let time = time.as_millis();
                writeln!(csv, "{name},{run},{participant},{time},{way},{seen}").expect("a string takes all");
                recovery.push(time);
            }
            noticed.extend(seen_at);
        }
        recovery.sort_unstable();
        noticed.sort_unstable();
        Times { recovery, noticed, failed }
    }

    /// Returns the smallest time that at least `percent` of all do not exceed.
    fn percentile(sorted: &[u128], percent: usize) -> Option<u128> {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

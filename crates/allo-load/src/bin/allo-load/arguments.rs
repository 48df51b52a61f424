//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use allo_client::signaling::Trust;
use allo_load::{Options, Scenario};
use anyhow::ensure;
use clap::{Parser, ValueEnum};
use url::Url;

const AFTER_HELP: &str = "\
A tester's participants all come from one address, so the server has to be started with higher bounds, for instance:

  allo --connections-per-address 4000 --connections-per-network 4000 --rooms-per-address 1000 \\
       --participants-per-room 1000 --participants 4000

Then:

  allo-load --insecure --url https://localhost:8443 --scenario fanout --receivers 200 --server-pid $(pidof allo)
  allo-load --insecure --url https://localhost:8443 --scenario meeting --rooms 5 --participants 4 --json out.json

Which flags a scenario looks at stands behind each flag. Times come as p50, p95, p99 and max. Each packet carries a stamp, so that
its origin, order, loss, duplicates and one-way delay are known; the kernel says when it arrived. A gap between two frames that a
decoder could show counts as a freeze from 200 ms on.

The exit code is 0 when all is well; 1 when the run failed; 2 when a packet was not what it said, or not for whoever got it; 3 when the
tester itself was the bottleneck: then it reports no times and no figures. Use a release build, on a machine that does nothing else.";

/// Puts a load on an Allo server with synthetic participants, checks every packet that they receive, and reports.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The address of the server
    #[arg(long)]
    url: Url,
    /// What to play
    #[arg(long, value_enum)]
    scenario: ScenarioArgument,
    /// Write the report as JSON to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// How long to measure, in seconds, after everybody is there
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// Makes a run repeatable, as far as the network does
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Send each frame of sound once only. Otherwise the frame before is in each packet, too (RED), as Chromium does it
    #[arg(long)]
    no_red: bool,
    /// The server's process on this machine: its CPU time and memory are measured
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Threads of the tester
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Also trust the certificate authorities in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Accept any certificate: for tests only
    #[arg(long)]
    insecure: bool,

    /// Who receives what one sends (fanout)
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = count(), help_heading = "Sizes")]
    receivers: u32,
    /// Kilobits a second that one sends (fanout)
    #[arg(long, value_name = "KBPS", default_value_t = 1_500, value_parser = clap::value_parser!(u32).range(50..=5_000), help_heading = "Sizes")]
    kbps: u32,
    /// Rooms (meeting, audio, churn)
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = count(), help_heading = "Sizes")]
    rooms: u32,
    /// Participants in each room (meeting, audio, loss, bandwidth-drop, speaker, churn)
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=10_000), help_heading = "Sizes")]
    participants: u32,
    /// How high pictures are shown, in pixels: decides the layer (meeting)
    #[arg(long, value_name = "PIXELS", default_value_t = 360, value_parser = clap::value_parser!(u16).range(1..=4_320), help_heading = "Sizes")]
    tile_height: u16,
    /// Participants who join within one second (join-storm)
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = count(), help_heading = "Sizes")]
    joins: u32,
    /// Those of them who join the same room, in which two are (join-storm)
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = count(), help_heading = "Sizes")]
    room_size: u32,
    /// Datagrams lost each way, in percent (loss)
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent, help_heading = "Sizes")]
    loss: f64,
    /// Round trip in milliseconds (loss)
    #[arg(long, value_name = "MS", default_value_t = 40, value_parser = clap::value_parser!(u64).range(0..=10_000), help_heading = "Sizes")]
    round_trip: u64,
    /// Kilobits a second that get through to one, in the first and the last third of the time (bandwidth-drop)
    #[arg(long, value_name = "KBPS", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(50..=1_000_000), help_heading = "Sizes")]
    wide: u32,
    /// The same in between (bandwidth-drop)
    #[arg(long, value_name = "KBPS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(50..=1_000_000), help_heading = "Sizes")]
    narrow: u32,
    /// How long one stays on average, in seconds (churn)
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Sizes")]
    stay: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScenarioArgument {
    /// One sends, many receive
    Fanout,
    /// All send pictures in three layers and voices, and receive those of their room
    Meeting,
    /// All send voices, and nobody a picture
    Audio,
    /// Many join at once
    JoinStorm,
    /// A meeting over links that lose and delay
    Loss,
    /// A meeting in which one link becomes narrow, and wide again
    BandwidthDrop,
    /// Each second another one speaks
    Speaker,
    /// Joins and leaves all the time
    Churn,
}

impl Arguments {
    /// Returns what to do.
    pub(crate) fn options(self) -> anyhow::Result<Options> {
        let scenario = self.scenario();
        let is_drop = matches!(scenario, Scenario::BandwidthDrop { .. });
        ensure!(!is_drop || self.duration >= 15, "bandwidth-drop needs a --duration of at least 15");
        let trust = match self.ca {
            Some(path) => Trust::SystemAnd(path),
            None if self.insecure => Trust::DangerAcceptAnyCertificate,
            None => Trust::System,
        };
        Ok(Options {
            url: self.url,
            trust,
            scenario,
            duration: Duration::from_secs(self.duration),
            seed: self.seed,
            has_red: !self.no_red,
            server_pid: self.server_pid,
            threads: self.threads.into(),
        })
    }

    fn scenario(&self) -> Scenario {
        let Self { rooms, participants, .. } = *self;
        match self.scenario {
            ScenarioArgument::Fanout => Scenario::Fanout { receivers: self.receivers, kbps: self.kbps },
            ScenarioArgument::Meeting => {
                Scenario::Meeting { rooms, participants, tile_height: self.tile_height }
            }
            ScenarioArgument::Audio => Scenario::Audio { rooms, participants },
            ScenarioArgument::JoinStorm => {
                Scenario::JoinStorm { joins: self.joins, room_size: self.room_size }
            }
            ScenarioArgument::Loss => Scenario::Loss {
                participants,
                loss: self.loss / 100.0,
                round_trip: Duration::from_millis(self.round_trip),
            },
            ScenarioArgument::BandwidthDrop => {
                Scenario::BandwidthDrop { participants, wide_kbps: self.wide, narrow_kbps: self.narrow }
            }
            ScenarioArgument::Speaker => Scenario::Speaker { participants },
            ScenarioArgument::Churn => {
                Scenario::Churn { rooms, participants, stay: Duration::from_secs(self.stay) }
            }
        }
    }
}

fn count() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=10_000)
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "a number from 0 to 100 is needed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_scenario_takes_the_flags_that_are_for_it() {
        let line = ["allo-load", "--url", "https://localhost", "--scenario", "loss", "--loss", "2.5"];
        let options = Arguments::parse_from(line).options().unwrap();
        let round_trip = Duration::from_millis(40);
        assert_eq!(options.scenario, Scenario::Loss { participants: 4, loss: 0.025, round_trip });
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [["--loss", "101"], ["--loss", "NaN"], ["--participants", "1"], ["--joins", "0"]] {
            let line = ["allo-load", "--url", "https://localhost", "--scenario", "loss"];
            assert!(Arguments::try_parse_from(line.into_iter().chain(wrong)).is_err(), "{wrong:?}");
        }
    }
}

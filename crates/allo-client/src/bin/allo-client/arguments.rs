//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use allo_client::client::{ClientError, ClientOptions, SLOTS_MAX};
use allo_client::peer::Negotiation;
use allo_client::signaling::Trust;
use allo_protocol::TopologyChoice;
use clap::{Parser, ValueEnum};
use url::Url;

use crate::files::FileOptions;

/// The most slots of a kind.
#[allow(clippy::cast_possible_wrap, reason = "it is a small constant")]
const SLOTS: i64 = SLOTS_MAX as i64;

/// Joins a room as one or more headless participants that send a test picture and a test sound.
///
/// While two are in a room, media go directly from one to the other; from the third on, through the server, to which pictures go in
/// three sizes, each only while somebody receives it.
///
/// Prints what happens and, once a second, what was received, as JSON lines. Reads commands from standard input: mute,
/// unmute, cam on, cam off, cut SECONDS, network-changed, report, leave; and of the meeting: chat TEXT, hand up, hand down, lobby on,
/// lobby off, lock, unlock, one-screen on, one-screen off, places NUMBER, password TEXT, password, admit all, end, and admit, deny, remove, ban,
/// mute, owner, moderator or participant with the id of somebody. Of files: send PATH, and cancel NUMBER, which takes back one's own and takes another's no more. What
/// becomes of files is also said in sentences on standard error.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// The address of the room, as in a browser: <https://localhost:8443/room>
    url: Url,
    /// The name to show; with --count, a number is added
    #[arg(long, default_value = "Robot")]
    name: String,
    /// How many participants to be
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) count: u32,
    /// Leave after this time, such as 30s or 5m; without it, stay until told to leave
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Also trust the certificate authorities in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Accept any certificate: for tests only
    #[arg(long)]
    insecure: bool,
    /// Be reachable at the loopback addresses too, by peers on this machine
    #[arg(long)]
    loopback: bool,
    /// Send and receive media by TCP alone, through the server, as where UDP is blocked
    #[arg(long)]
    tcp: bool,
    /// Send no video
    #[arg(long)]
    no_video: bool,
    /// How to negotiate with each peer
    #[arg(long, value_enum, default_value = "perfect")]
    negotiation: NegotiationArgument,
    /// Which way media are to take, if this participant opens the room; without it, the server chooses
    #[arg(long, value_enum, value_name = "WAY")]
    topology: Option<TopologyArgument>,
    /// How many voices to receive through the server at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=SLOTS))]
    audio_slots: u8,
    /// How many pictures to receive through the server at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 9, value_parser = clap::value_parser!(u8).range(0..=SLOTS))]
    video_slots: u8,
    /// How high pictures are to be in pixels: the server chooses the simulcast layer by it (120, 240 or 480)
    #[arg(long, value_name = "PIXELS", default_value_t = 360)]
    tile_height: u16,
    /// Offer this file to everyone, once somebody is there; may be given several times. With --count, the first participant does
    #[arg(long, value_name = "PATH")]
    send_file: Vec<PathBuf>,
    /// Save every file that is offered in this folder, which must exist; nothing in it is overwritten. With --count, the first
    /// participant does
    #[arg(long, value_name = "DIR")]
    save_files: Option<PathBuf>,
    /// Print a report only when asked to
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TopologyArgument {
    /// Directly between two, through the server from the third on
    Auto,
    /// Always directly
    Mesh,
    /// Always through the server
    Sfu,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NegotiationArgument {
    /// Only the impolite end offers
    Simple,
    /// Either end offers, and the polite one gives way
    Perfect,
}

impl Arguments {
    /// Returns how participant `number` joins.
    pub(crate) fn client_options(&self, number: u32) -> Result<ClientOptions, ClientError> {
        let name = if self.count == 1 { self.name.clone() } else { format!("{} {}", self.name, number + 1) };
        let trust = match &self.ca {
            Some(path) => Trust::SystemAnd(path.clone()),
            None if self.insecure => Trust::DangerAcceptAnyCertificate,
            None => Trust::System,
        };
        let negotiation = match self.negotiation {
            NegotiationArgument::Simple => Negotiation::Simple,
            NegotiationArgument::Perfect => Negotiation::Perfect,
        };
        let topology = self.topology.map(|topology| match topology {
            TopologyArgument::Auto => TopologyChoice::Auto,
            TopologyArgument::Mesh => TopologyChoice::Mesh,
            TopologyArgument::Sfu => TopologyChoice::Sfu,
        });
        Ok(ClientOptions {
            trust,
            topology,
            audio_slots: self.audio_slots.into(),
            video_slots: self.video_slots.into(),
            tile_height: self.tile_height,
            negotiation,
            sends_video: !self.no_video,
            cam: !self.no_video,
            with_loopback: self.loopback,
            only_tcp: self.tcp,
            ..ClientOptions::new(self.url.clone(), name)?
        })
    }

    /// Returns what participant `number` does with files: the first does it for all.
    pub(crate) fn file_options(&self, number: u32) -> FileOptions {
        if number > 0 {
            return FileOptions::default();
        }
        FileOptions { send: self.send_file.clone(), save: self.save_files.clone() }
    }

    /// Returns how often to print a report by itself.
    pub(crate) fn report_every(&self) -> Option<Duration> {
        (!self.quiet).then_some(Duration::from_secs(1))
    }
}

/// Reads a time: whole seconds, or a number with `ms`, `s`, `m` or `h`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let millis_per_unit = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{unit:?} is no unit of time: use ms, s, m or h")),
    };
    let number: u64 = number.parse().map_err(|_| "a time is a number and a unit, such as 30s".to_owned())?;
    number
        .checked_mul(millis_per_unit)
        .map(Duration::from_millis)
        .ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, millis) in
            [("30", 30_000), ("30s", 30_000), ("250ms", 250), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
        }
        for text in ["", "s", "-1", "1.5s", "3 days", "99999999999999999999h", "18446744073709551615h"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}

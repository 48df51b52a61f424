//! Commands on standard input.

use std::time::Duration;

use tokio::sync::broadcast;
use tracing::warn;

use crate::arguments::parse_duration;

/// What every participant is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `mute`, `unmute`
    Mic(bool),
    /// `cam on`, `cam off`
    Cam(bool),
    /// `cut SECONDS`: lose the connection to the server, and stay away from it for so long
    Cut(Duration),
    /// `network-changed`: look up the addresses of this machine again, and move to them
    NetworkChanged,
    /// `report`: print what was received
    Report,
    /// `leave`: leave the room and end
    Leave,
}

impl Command {
    fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["mute"] => Ok(Self::Mic(false)),
            ["unmute"] => Ok(Self::Mic(true)),
            ["cam", "on"] => Ok(Self::Cam(true)),
            ["cam", "off"] => Ok(Self::Cam(false)),
            ["cut", time] => parse_duration(time).map(Self::Cut),
            ["network-changed"] => Ok(Self::NetworkChanged),
            ["report"] => Ok(Self::Report),
            ["leave"] => Ok(Self::Leave),
            _ => Err("the commands are: mute, unmute, cam on, cam off, cut SECONDS, network-changed, report, leave".to_owned()),
        }
    }
}

/// Gives each command to every participant. The end of standard input is not the end of the call.
///
/// Runs in a thread of its own, which the end of the program does not wait for: a read cannot be interrupted.
pub(crate) fn read_commands(commands: &broadcast::Sender<Command>) {
    for line in std::io::stdin().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
        match Command::parse(&line) {
            // No receiver means that every participant has ended already.
            Ok(command) => drop(commands.send(command)),
            Err(problem) => warn!("not a command: {problem}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(Command::parse("mute"), Ok(Command::Mic(false)));
        assert_eq!(Command::parse(" cam  on "), Ok(Command::Cam(true)));
        assert_eq!(Command::parse("cut 20"), Ok(Command::Cut(Duration::from_secs(20))));
        for line in ["cam", "cut", "cut soon", "MUTE", "leave now"] {
            assert!(Command::parse(line).is_err(), "{line:?}");
        }
    }
}

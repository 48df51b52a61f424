//! Commands on standard input.

use std::path::PathBuf;
use std::time::Duration;

use allo_protocol::{ClientMessage, Device, FileId, ParticipantId, Password, Role};
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
    /// `chat`, `hand`, `admit` and the other words of a meeting: say this to the server
    Say(ClientMessage),
    /// `send PATH`: offer a file to everyone
    SendFile(PathBuf),
    /// `cancel NUMBER`: take a file back, or take it no more
    CancelFile(FileId),
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
            ["send", path @ ..] if !path.is_empty() => Ok(Self::SendFile(rest(line).into())),
            ["cancel", number] => number
                .parse()
                .map(|number| Self::CancelFile(FileId(number)))
                .map_err(|_| "the number of a file stands in what is printed".to_owned()),
            ["report"] => Ok(Self::Report),
            ["leave"] => Ok(Self::Leave),
            words => meeting(words).map(Self::Say).ok_or_else(|| WORDS.to_owned()),
        }
    }
}

const WORDS: &str = "the commands are: mute, unmute, cam on, cam off, cut SECONDS, network-changed, report, leave; \
    chat TEXT, hand up, hand down, lobby on, lobby off, lock, unlock, one-screen on, one-screen off, places NUMBER, password TEXT, password, \
    admit all, end, and admit, deny, remove, ban, mute, owner, moderator or participant with an ID; send PATH, cancel NUMBER";

/// Returns what is behind the first word: in a path, spaces count.
fn rest(line: &str) -> &str {
    line.trim().split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start())
}

/// Reads what is said in a meeting. The ids stand in what is printed.
fn meeting(words: &[&str]) -> Option<ClientMessage> {
    let id = |text: &&str| ParticipantId::try_from((*text).to_owned()).ok();
    let room = |lobby, locked, participants_max| ClientMessage::SetRoom {
        lobby,
        locked,
        participants_max,
        recorders: None,
        one_screen: None,
    };
    let one_screen = |is_on| ClientMessage::SetRoom {
        lobby: None,
        locked: None,
        participants_max: None,
        recorders: None,
        one_screen: Some(is_on),
    };
    let message = match words {
        ["chat", text @ ..] if !text.is_empty() => ClientMessage::Chat { to: None, text: text.join(" ") },
        ["hand", "up"] => ClientMessage::RaiseHand {},
        ["hand", "down"] => ClientMessage::LowerHand { participant: None },
        ["lobby", "on"] => room(Some(true), None, None),
        ["lobby", "off"] => room(Some(false), None, None),
        ["lock"] => room(None, Some(true), None),
        ["unlock"] => room(None, Some(false), None),
        ["one-screen", "on"] => one_screen(true),
        ["one-screen", "off"] => one_screen(false),
        ["places", number] => room(None, None, Some(number.parse().ok()?)),
        ["password"] => ClientMessage::SetPassword { password: None },
        ["password", text @ ..] => ClientMessage::SetPassword { password: Some(Password(text.join(" "))) },
        ["admit", "all"] => ClientMessage::AdmitAll {},
        ["admit", who] => ClientMessage::Admit { participant: id(who)? },
        ["deny", who] => ClientMessage::Deny { participant: id(who)? },
        ["remove", who] => ClientMessage::Remove { participant: id(who)? },
        ["ban", who] => ClientMessage::Ban { participant: id(who)? },
        ["mute", who] => ClientMessage::TurnOff { participant: Some(id(who)?), device: Device::Mic },
        ["owner", who] => ClientMessage::SetRole { participant: id(who)?, role: Role::Owner },
        ["moderator", who] => ClientMessage::SetRole { participant: id(who)?, role: Role::Moderator },
        ["participant", who] => ClientMessage::SetRole { participant: id(who)?, role: Role::Participant },
        ["end"] => ClientMessage::EndMeeting {},
        _ => return None,
    };
    Some(message)
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
        let text = "Shall we begin?".to_owned();
        let chat = ClientMessage::Chat { to: None, text };
        assert_eq!(Command::parse("chat Shall we  begin?"), Ok(Command::Say(chat)));
        assert_eq!(Command::parse(" send  my  plan.pdf\n"), Ok(Command::SendFile("my  plan.pdf".into())));
        assert_eq!(Command::parse("cancel 5"), Ok(Command::CancelFile(FileId(5))));
        let ada = ParticipantId::try_from("p2Xc9A".to_owned()).unwrap();
        let admit = ClientMessage::Admit { participant: ada };
        assert_eq!(Command::parse("admit p2Xc9A"), Ok(Command::Say(admit)));
        assert_eq!(Command::parse("admit all"), Ok(Command::Say(ClientMessage::AdmitAll {})));
        for line in ["chat", "admit", "admit a b", "ban é", "places many", "end now"] {
            assert!(Command::parse(line).is_err(), "{line:?}");
        }
        for line in ["send", "cancel", "cancel plan.pdf", "cam", "cut", "cut soon", "MUTE", "leave now"] {
            assert!(Command::parse(line).is_err(), "{line:?}");
        }
    }
}

//! Why the last who tried did not get in, by the word of a server that runs.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::Deserialize;

use super::{Finding, network};
use crate::config::Config;

/// What the server says.
#[derive(Debug, Deserialize)]
struct Told {
    /// The latest first.
    last: Vec<Failed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    why: String,
    seconds_ago: u64,
}

/// Asks the server; says nothing where none answers on the loopback.
pub(super) fn joins(config: &Config) -> Vec<Finding> {
    let sockets = config.listen.iter().map(|address| SocketAddr::new(*address, config.port));
    sockets
        .filter_map(|socket| network::ask_here(socket, "/doctor.json"))
        .find_map(|it| read(&it))
        .unwrap_or_default()
}

fn read(answer: &str) -> Option<Vec<Finding>> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let Told { last } = serde_json::from_str(body).ok()?;
    if last.is_empty() {
        return Some(vec![Finding::good("joins", "nobody who tried was kept out since the start")]);
    }
    let mut groups: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for Failed { why, seconds_ago } in &last {
        // The first of a group is its latest.
        groups.entry(why).or_insert((0, *seconds_ago)).0 += 1;
    }
    Some(groups.into_iter().map(|(why, (count, ago))| finding(why, count, last.len(), ago)).collect())
}

fn finding(why: &str, count: usize, all: usize, seconds_ago: u64) -> Finding {
    let what = match why {
        "media" => "found no way for sound and pictures",
        "certificate" => "did not trust the certificate",
        "origin" => "came from a page of another site",
        "connections" => "met a bound on connections",
        "serverBusy" | "mediaUnavailable" => "met a server that carries no more sound and pictures",
        "roomFull" => "met a full room",
        "tooManyRooms" => "met a server with no more rooms",
        "roomLocked" => "met a locked room",
        "wrongPassword" | "tooManyAttempts" => "did not know the password",
        "mayNotOpen" => "may not open rooms",
        "lobbyFull" => "met a full lobby",
        _ => "had a program that the server does not understand",
    };
    let text =
        format!("of the last {all} who did not get in, {count} {what}, the last one {}", ago(seconds_ago));
    match advice(why) {
        Some(advice) => Finding::doubtful("joins", text, advice),
        None => Finding::good("joins", text),
    }
}

/// Returns what the operator can do. What a moderator decided is not for the operator to mend.
fn advice(why: &str) -> Option<&'static str> {
    Some(match why {
        "media" => {
            "Open the port for UDP and TCP, in the firewall and on the router, and name the public address with --public-address. If \
             others get in, it was the network of those who did not."
        }
        "certificate" => {
            "Get one that browsers trust, with --domain or --tls-cert; or have each device trust /ca.crt of this server."
        }
        "origin" => {
            "If it is a page of yours, name it with --allowed-origin; if it is this server's own, the proxy must pass on Host and \
             X-Forwarded-Proto."
        }
        "connections" => {
            "If many people share an address, raise --connections-per-address; if a proxy is in front, name it with --trusted-proxy."
        }
        "serverBusy" | "mediaUnavailable" => {
            "See --participants and --media-workers, and how busy the machine is."
        }
        "roomFull" => "See --participants-per-room.",
        "tooManyRooms" => "See --rooms and --rooms-per-address.",
        _ => return None,
    })
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => "within the last minute".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn reasons_are_told_in_groups_and_only_the_operators_are_doubtful() {
        let body = r#"{"last":[{"why":"media","secondsAgo":70},{"why":"roomLocked","secondsAgo":80},
            {"why":"media","secondsAgo":90},{"why":"somethingNew","secondsAgo":200000}],"counts":{}}"#;
        let findings = read(&format!("HTTP/1.1 200 OK\r\n\r\n{body}")).unwrap();
        let verdicts: Vec<_> = findings.iter().map(|it| it.verdict).collect();
        assert_eq!(verdicts, [Verdict::Doubtful, Verdict::Good, Verdict::Good]);
        assert_eq!(
            findings[0].text,
            "of the last 4 who did not get in, 2 found no way for sound and pictures, the last one 1 min ago"
        );
        assert!(findings[2].text.ends_with("2 days ago"), "{}", findings[2].text);
    }

    #[test]
    fn what_is_no_answer_says_nothing() {
        for answer in ["", "HTTP/1.1 404 Not Found\r\n\r\nThere is nothing here.\n"] {
            assert!(read(answer).is_none());
        }
        let nobody = read("HTTP/1.1 200 OK\r\n\r\n{\"last\":[],\"counts\":{}}").unwrap();
        assert_eq!(nobody[0].verdict, Verdict::Good);
    }
}

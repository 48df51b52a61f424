//! Whether the server answers at its names and its public addresses, as far as this machine can tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use super::{Finding, network, udp};
use crate::{
    config::{Config, TlsMode},
    tls,
};

/// Addresses that are asked. More are passed over: each may take ten seconds.
const ADDRESSES_MAX: usize = 8;

/// What came back from an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answers {
    /// `None` where a proxy has the port.
    by_tcp: Option<bool>,
    /// `None` where there are no media.
    by_udp: Option<bool>,
}

/// Asks at each name and public address, while the server runs.
pub(super) fn outside(config: &Config) -> Vec<Finding> {
    let asked = asked(config);
    if asked.is_empty() || !network::is_running(config) {
        return Vec::new();
    }
    let own: BTreeSet<IpAddr> = tls::local_addresses().into_iter().collect();
    let mut findings = Vec::new();
    for (socket, shown) in asked.into_iter().take(ADDRESSES_MAX) {
        let tcp_socket = SocketAddr::new(socket.ip(), config.port);
        let answers = Answers {
            by_tcp: (config.tls != TlsMode::Off).then(|| network::is_allo(tcp_socket)),
            by_udp: (config.media.workers.count() > 0).then(|| udp::answers(socket)),
        };
        findings.extend(judge(&shown, answers, own.contains(&socket.ip())));
    }
    findings
}

/// Returns the addresses to ask, with the UDP port of each, and how to call them.
fn asked(config: &Config) -> BTreeMap<SocketAddr, String> {
    let mut asked = BTreeMap::new();
    for public in &config.media.public_addresses {
        asked.insert(
            SocketAddr::new(public.address, public.port.unwrap_or(config.port)),
            public.address.to_string(),
        );
    }
    let is_asked = |asked: &BTreeMap<SocketAddr, String>, address| asked.keys().any(|it| it.ip() == address);
    for name in network::all_names(config) {
        for address in network::resolve(name) {
            if !is_asked(&asked, address) {
                asked.insert(SocketAddr::new(address, config.port), format!("{name} ({address})"));
            }
        }
    }
    asked
}

fn judge(shown: &str, answers: Answers, is_own: bool) -> Option<Finding> {
    let subject = "reached";
    let all = [(answers.by_tcp, "TCP"), (answers.by_udp, "UDP")];
    let names = |wanted: bool| {
        let names: Vec<_> = all.iter().filter(|(it, _)| *it == Some(wanted)).map(|(_, name)| *name).collect();
        names.join(" and ")
    };
    let (good, bad) = (names(true), names(false));
    Some(match (good.is_empty(), bad.is_empty()) {
        (true, true) => return None,
        (false, true) if is_own => Finding::good(
            subject,
            format!(
                "{shown} answers by {good} on this machine; what is before it lets through, only another network can tell"
            ),
        ),
        (false, true) => Finding::good(subject, format!("{shown} answers by {good}, and leads here")),
        _ if is_own => Finding::bad(
            subject,
            format!("{shown} is this machine, and does not answer by {bad}"),
            "Look at the firewall of this machine, and at --listen and --media-listen.",
        ),
        (false, false) => Finding::bad(
            subject,
            format!("{shown} answers by {good}, but not by {bad}"),
            format!("Let the router forward the port by {bad}, too."),
        ),
        (true, false) => Finding::doubtful(
            subject,
            format!(
                "{shown} does not answer by {bad} to this machine, which may be so for this machine alone"
            ),
            "Many routers do not lead back in what comes from within (hairpin): try a telephone without Wi-Fi. If that does not get in \
             either, forward the port, TCP and UDP.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_cannot_be_told_from_here_is_not_called_bad() {
        let verdict = |by_tcp, by_udp, is_own| {
            judge("meet.example.org", Answers { by_tcp, by_udp }, is_own).map(|finding| finding.verdict)
        };
        assert_eq!(verdict(Some(true), Some(true), false), Some(Verdict::Good));
        assert_eq!(verdict(Some(true), Some(false), false), Some(Verdict::Bad));
        assert_eq!(verdict(Some(false), Some(false), false), Some(Verdict::Doubtful));
        assert_eq!(verdict(Some(false), Some(false), true), Some(Verdict::Bad));
        assert_eq!(verdict(None, Some(true), true), Some(Verdict::Good));
        assert_eq!(verdict(None, None, true), None);
    }

    #[test]
    fn each_address_is_asked_once_at_the_port_it_is_known_by() {
        let host_names = vec!["localhost".to_owned(), "192.0.2.7".to_owned()];
        let mut config = Config { host_names, ..Config::default() };
        config.media.public_addresses =
            vec!["127.0.0.1:3478".parse().unwrap(), "198.51.100.7".parse().unwrap()];
        let asked = asked(&config);
        assert_eq!(asked[&"127.0.0.1:3478".parse().unwrap()], "127.0.0.1");
        assert_eq!(asked[&"198.51.100.7:8443".parse().unwrap()], "198.51.100.7");
        assert!(asked.keys().all(|it| it.ip().is_ipv6()
            || it.port() == 3478
            || it.ip() != "127.0.0.1".parse::<IpAddr>().unwrap()));
    }
}

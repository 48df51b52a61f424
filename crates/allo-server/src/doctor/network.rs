//! Whether people find this machine, and its port.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
    time::Duration,
};

use super::{Finding, udp};
use crate::{
    config::{Config, Domain},
    server::{is_any_ipv6, is_unavailable},
    tls,
};

/// The time for a server on this machine to answer. Lower: one that is busy is taken for another program.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The most that is read of an answer. What is beyond is not looked at.
const ANSWER_BYTES: u64 = 16 * 1024;

/// What has the TCP port of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    Allo,
    Other,
}

/// Looks at the port, at each address that is listened on, for TCP and for UDP.
pub(super) fn ports(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for address in &config.listen {
        let socket = SocketAddr::new(*address, config.port);
        match holder(socket) {
            Ok(Holder::Allo) => findings.extend(own_addresses(socket)),
            Ok(holder) => findings.push(port_finding("TCP port", socket, holder)),
            Err(error) => findings.extend(bind_failure("TCP port", socket, &error)),
        }
    }
    if config.media.workers.count() > 0 {
        findings.extend(media_sockets(config).into_iter().filter_map(udp_port));
    }
    findings
}

fn media_sockets(config: &Config) -> Vec<SocketAddr> {
    let addresses = if config.media.listen.is_empty() { &config.listen } else { &config.media.listen };
    addresses.iter().map(|address| SocketAddr::new(*address, config.port)).collect()
}

fn port_finding(subject: &'static str, socket: SocketAddr, holder: Holder) -> Finding {
    match holder {
        Holder::Nobody => Finding::doubtful(
            subject,
            format!("{socket} is free: no server runs"),
            "Start `allo` and ask again.",
        ),
        Holder::Allo => Finding::good(subject, format!("Allo answers at {socket}")),
        Holder::Other => Finding::bad(
            subject,
            format!("{socket} is taken, and what has it does not answer as Allo does"),
            "Choose another port with --port, or stop the other program.",
        ),
    }
}

fn bind_failure(subject: &'static str, socket: SocketAddr, error: &io::Error) -> Option<Finding> {
    if is_any_ipv6(socket.ip()) && is_unavailable(error) {
        return None;
    }
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => {
            "Choose a port from 1024 on with --port, or give the service the right to it."
        }
        _ => "Check --listen.",
    };
    Some(Finding::bad(subject, format!("{socket} cannot be listened on: {error}"), advice))
}

fn holder(socket: SocketAddr) -> io::Result<Holder> {
    match TcpListener::bind(socket) {
        Ok(_) => Ok(Holder::Nobody),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Ok(if is_allo(reached(socket)) { Holder::Allo } else { Holder::Other })
        }
        Err(error) => Err(error),
    }
}

/// Returns how this machine itself reaches a socket.
fn reached(socket: SocketAddr) -> SocketAddr {
    let loopback = match socket.ip() {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    if socket.ip().is_unspecified() { SocketAddr::new(loopback, socket.port()) } else { socket }
}

/// Returns whether Allo answers: with its health on the loopback, and elsewhere with the word that it wants HTTPS.
pub(super) fn is_allo(socket: SocketAddr) -> bool {
    let host = if socket.ip().is_loopback() { "localhost".to_owned() } else { bracketed(socket.ip()) };
    let answer = ask(socket, &host, "/health").unwrap_or_default();
    answer.contains("\"status\":\"ok\"") || answer.contains("Server requires HTTPS.")
}

fn bracketed(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

/// Returns what a server that has this socket answers on the loopback.
pub(super) fn ask_here(socket: SocketAddr, path: &str) -> Option<String> {
    let socket = reached(socket);
    ask(socket, "localhost", path).ok().filter(|_| socket.ip().is_loopback())
}

/// Returns whether a server runs with these settings.
pub(super) fn is_running(config: &Config) -> bool {
    let mut sockets = config.listen.iter().map(|address| SocketAddr::new(*address, config.port));
    sockets.any(|socket| matches!(holder(socket), Ok(Holder::Allo)))
}

fn ask(socket: SocketAddr, host: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&socket, ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    let port = socket.port();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // What came before a failure counts.
    let _read = stream.take(ANSWER_BYTES).read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Asks a server that runs at each address of this machine, which a firewall may treat otherwise than the loopback.
fn own_addresses(socket: SocketAddr) -> Vec<Finding> {
    let mut findings = vec![port_finding("TCP port", socket, Holder::Allo)];
    if !socket.ip().is_unspecified() {
        return findings;
    }
    let own = tls::local_addresses().into_iter().filter(|it| it.is_ipv4() == socket.is_ipv4());
    for own in own.map(|address| SocketAddr::new(address, socket.port())) {
        if let Err(error) = ask(own, &bracketed(own.ip()), "/health") {
            let text = format!("{own} cannot be connected to from this machine: {error}");
            findings.push(Finding::doubtful("TCP port", text, "Look at the firewall of this machine."));
        }
    }
    findings
}

/// Says what is so of a UDP port.
fn udp_port(socket: SocketAddr) -> Option<Finding> {
    match UdpSocket::bind(socket) {
        Ok(_) => Some(Finding::doubtful(
            "UDP port",
            format!("{socket} is free: no server runs"),
            "Start `allo` and ask again.",
        )),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Some(if udp::answers(reached(socket)) {
            Finding::good("UDP port", format!("Allo answers at {socket}"))
        } else {
            Finding::bad(
                "UDP port",
                format!("{socket} is taken, and what has it does not answer as Allo does"),
                "Choose another port with --port, or stop the other program; if it is Allo, look at the firewall of this machine.",
            )
        }),
        Err(error) => bind_failure("UDP port", socket, &error),
    }
}

/// Looks where the names of this server lead.
pub(super) fn names(config: &Config) -> Vec<Finding> {
    let own = own(config);
    all_names(config).into_iter().map(|name| name_finding(name, &resolve(name), &own)).collect()
}

/// Returns the names that this server has, and those that it gets a certificate for.
pub(super) fn all_names(config: &Config) -> BTreeSet<&str> {
    let names = config.host_names.iter().map(String::as_str).filter(|name| name.parse::<IpAddr>().is_err());
    names.chain(config.acme.domains.iter().map(Domain::as_str)).collect()
}

fn own(config: &Config) -> BTreeSet<IpAddr> {
    let public = config.media.public_addresses.iter().map(|public| public.address);
    tls::local_addresses().into_iter().chain(public).collect()
}

pub(super) fn resolve(name: &str) -> BTreeSet<IpAddr> {
    (name, 0).to_socket_addrs().map(|all| all.map(|it| it.ip()).collect()).unwrap_or_default()
}

fn name_finding(name: &str, found: &BTreeSet<IpAddr>, own: &BTreeSet<IpAddr>) -> Finding {
    let elsewhere: Vec<_> = found.difference(own).map(ToString::to_string).collect();
    if found.is_empty() {
        let advice = "Make an A or AAAA record for it, and wait until it is known.";
        return Finding::bad("name", format!("{name} does not resolve"), advice);
    }
    if elsewhere.is_empty() {
        return Finding::good("name", format!("{name} leads to this machine"));
    }
    let text = format!("{name} leads to {}, which is no address of this machine", elsewhere.join(", "));
    let advice =
        "If that is your router or your proxy, say so with --public-address; else change the record.";
    Finding::doubtful("name", text, advice)
}

/// Says whether a router is in the way.
pub(super) fn router(config: &Config) -> Option<Finding> {
    let own = own(config);
    if own.is_empty() {
        let advice = "Connect it, if others are to join.";
        return Some(Finding::doubtful("router", "this machine has no address but its own loopback", advice));
    }
    own.iter().all(|address| is_private(*address)).then(|| {
        let port = config.port;
        let advice = format!(
            "For people elsewhere, forward port {port} on the router, TCP and UDP, and name its address with --public-address."
        );
        Finding::doubtful("router", "all addresses of this machine are private: it is reached from its own network", advice)
    })
}

fn is_private(address: IpAddr) -> bool {
    match address {
        // 100.64.0.0/10 is between a provider and its customers (RFC 6598).
        IpAddr::V4(it) => {
            let is_shared = it.octets()[0] == 100 && it.octets()[1] & 0xc0 == 64;
            it.is_private() || it.is_link_local() || it.is_loopback() || is_shared
        }
        IpAddr::V6(it) => it.is_unique_local() || it.is_unicast_link_local() || it.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn set(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_should_lead_here() {
        let own = set(&["192.0.2.1", "2001:db8::1"]);
        let verdict = |found: &[&str]| name_finding("meet.example.org", &set(found), &own).verdict;
        assert_eq!(verdict(&[]), Verdict::Bad);
        assert_eq!(verdict(&["192.0.2.1"]), Verdict::Good);
        assert_eq!(verdict(&["192.0.2.1", "2001:db8::2"]), Verdict::Doubtful);
    }

    #[test]
    fn private_addresses_are_known_as_such() {
        let private = ["10.0.0.1", "192.168.1.1", "100.64.0.1", "100.127.0.1", "fd00::1", "fe80::1"];
        let public = ["203.0.113.1", "100.128.0.1", "2001:db8::1"];
        assert!(set(&private).into_iter().all(is_private));
        assert!(!set(&public).into_iter().any(is_private));
    }

    #[test]
    fn a_port_that_another_program_has_is_told_from_a_free_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = listener.local_addr().unwrap();
        let other = std::thread::spawn(move || drop(listener.accept()));
        // Whoever accepts and says nothing is not Allo.
        assert!(!is_allo(socket));
        other.join().unwrap();
        assert_eq!(port_finding("TCP port", socket, Holder::Other).verdict, Verdict::Bad);
        assert_eq!(port_finding("TCP port", socket, Holder::Nobody).verdict, Verdict::Doubtful);
    }
}

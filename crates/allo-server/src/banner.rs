//! What the program says when it has started.

use std::{fmt::Write as _, net::IpAddr};

use qrcode::{EcLevel, QrCode, render::unicode};

use crate::{
    config::{Config, TlsMode},
    server::Server,
    tls::local_addresses,
};

/// Names or addresses that are told. Beyond, a machine with many is left to its operator.
const HOSTS_MAX: usize = 4;

/// Returns the lines to print. `has_terminal` brings a code for phones, which a log has no use for.
pub fn banner(server: &Server, has_terminal: bool) -> String {
    let port = server.addresses().first().map_or(0, std::net::SocketAddr::port);
    let urls: Vec<String> = hosts(server).iter().map(|host| https_url(host, port)).collect();
    let mut text = format!("Allo {} is running.\n\n", env!("CARGO_PKG_VERSION"));
    for (label, value) in lines(server, port, &urls) {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "  {label:<18}{value}");
    }
    if let Some(url) = urls.first().filter(|_| has_terminal) {
        text.push('\n');
        text.push_str(&code(url).unwrap_or_default());
    }
    text
}

fn lines(server: &Server, port: u16, urls: &[String]) -> Vec<(&'static str, String)> {
    let mut lines = vec![("On this machine", format!("http://localhost:{port}"))];
    if server.config().tls == TlsMode::Off {
        lines.push(("For others", "by HTTPS, through the proxy in front".to_owned()));
    }
    let labels = std::iter::once("For others").chain(std::iter::repeat(""));
    lines.extend(labels.zip(urls.iter().cloned()));
    if let Some(fingerprint) = server.fingerprint() {
        let (first, second) = fingerprint.split_at(fingerprint.len() / 2 + 1);
        lines.push(("Certificate", format!("SHA-256 {}", first.trim_end_matches(':'))));
        lines.push(("", format!("        {second}")));
    }
    if server.is_own_authority() {
        let hint = "This server signs it itself: browsers ask before they go on. See /ca.crt.";
        lines.push(("", hint.to_owned()));
        let folder = server.config().data_folder().unwrap_or_default();
        lines.push(("Data", folder.display().to_string()));
    }
    if server.config().has_acme() && !server.has_public_certificate() {
        let hint = "Browsers ask before they go on, until the authority has given one: the log says when.";
        lines.push(("", hint.to_owned()));
    }
    lines.push(("Stop", "Ctrl-C".to_owned()));
    lines
}

/// Returns what others call this machine: the names in certificate files, or else its addresses on the network.
fn hosts(server: &Server) -> Vec<String> {
    let config = server.config();
    if config.tls == TlsMode::Off {
        return Vec::new();
    }
    let mut hosts = server.public_names();
    if hosts.is_empty() {
        hosts =
            local_addresses().into_iter().filter(|address| is_served(*address, config)).map(host).collect();
    }
    hosts.truncate(HOSTS_MAX);
    hosts
}

fn is_served(address: IpAddr, config: &Config) -> bool {
    let is_any = |listen: &IpAddr| listen.is_unspecified() && listen.is_ipv4() == address.is_ipv4();
    config.listen.contains(&address) || config.listen.iter().any(is_any)
}

/// Writes an address as it stands in a URL.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn https_url(host: &str, port: u16) -> String {
    if port == 443 { format!("https://{host}") } else { format!("https://{host}:{port}") }
}

/// Draws a QR code with two rows of squares to a line.
fn code(url: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(url, EcLevel::L).ok()?;
    // Cameras read dark on light: in a terminal, what is drawn is the light.
    let drawing = code
        .render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build();
    Some(drawing.lines().flat_map(|line| ["  ", line, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_fits_a_narrow_terminal() {
        let code = code("https://[2001:db8:1234:5678:9abc:def0:1234:5678]:8443").unwrap();
        assert!(code.lines().all(|line| line.chars().count() <= 45), "{code}");
        assert!(code.lines().count() <= 23, "{code}");
    }

    #[test]
    fn the_usual_port_is_not_told() {
        assert_eq!(https_url(&host("192.0.2.1".parse().unwrap()), 443), "https://192.0.2.1");
        assert_eq!(https_url(&host("2001:db8::1".parse().unwrap()), 8443), "https://[2001:db8::1]:8443");
    }
}

//! What the program says when it has started.

use std::{fmt::Write as _, net::IpAddr};

use qrcode::{EcLevel, QrCode, render::unicode};

use crate::{
    config::{Config, TlsMode},
    server::Server,
    tls::local_addresses,
};

/// Addresses of the network that are told. Beyond, a machine with many is left to its operator.
const ADDRESSES_MAX: usize = 4;

/// Returns the lines to print. `has_terminal` brings a code for phones, which a log has no use for.
pub fn banner(server: &Server, has_terminal: bool) -> String {
    let port = server.addresses().first().map_or(0, std::net::SocketAddr::port);
    let addresses = network_addresses(server.config());
    text(server, port, &addresses, has_terminal)
}

fn text(server: &Server, port: u16, addresses: &[IpAddr], has_terminal: bool) -> String {
    let mut text = format!("Allo {} is running.\n\n", env!("CARGO_PKG_VERSION"));
    let mut line = |label: &str, value: &str| {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "  {label:<18}{value}");
    };
    line("On this machine", &format!("http://localhost:{port}"));
    if server.config().tls == TlsMode::Off {
        line("For others", "through the proxy in front, by HTTPS");
    }
    for (index, address) in addresses.iter().enumerate() {
        line(if index == 0 { "For others" } else { "" }, &https_url(*address, port));
    }
    if let Some(fingerprint) = server.fingerprint() {
        let (first, second) = fingerprint.split_at(fingerprint.len() / 2 + 1);
        line("Certificate", &format!("SHA-256 {}", first.trim_end_matches(':')));
        line("", &format!("        {second}"));
        if server.is_own_authority() {
            line("", "This server signs it itself: browsers ask before they go on. See /ca.crt.");
        }
    }
    if let Some(folder) = server.config().data_folder().filter(|_| server.is_own_authority()) {
        line("Data", &folder.display().to_string());
    }
    line("Stop", "Ctrl-C");
    if let Some(address) = addresses.first().filter(|_| has_terminal) {
        text.push('\n');
        text.push_str(&code(&https_url(*address, port)).unwrap_or_default());
    }
    text
}

/// Returns where others of the network reach this machine.
fn network_addresses(config: &Config) -> Vec<IpAddr> {
    if config.tls == TlsMode::Off {
        return Vec::new();
    }
    let is_served = |address: &IpAddr| {
        config.listen.contains(address)
            || config
                .listen
                .iter()
                .any(|listen| listen.is_unspecified() && listen.is_ipv4() == address.is_ipv4())
    };
    local_addresses().into_iter().filter(is_served).take(ADDRESSES_MAX).collect()
}

fn https_url(address: IpAddr, port: u16) -> String {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
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
        assert_eq!(https_url("192.0.2.1".parse().unwrap(), 443), "https://192.0.2.1");
        assert_eq!(https_url("2001:db8::1".parse().unwrap(), 8443), "https://[2001:db8::1]:8443");
    }
}

//! Values as text: how each kind is read, and written in `--help` and `allo.example.toml`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use allo_protocol::{IceServer, Password, TopologyChoice};
use hyper::Uri;
use ipnet::IpNet;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{MEDIA_WORKERS_MAX, MediaWorkers, Negotiation, TlsMode};

/// A value that can be written in a configuration.
pub(super) trait Value: Sized {
    /// Reads a value, or says what would have been right.
    fn parse(text: &str) -> Result<Self, String>;

    /// Writes it as [`Self::parse`] reads it.
    fn show(&self) -> String;
}

pub(super) fn expected(what: &str) -> String {
    format!("should be {what}")
}

impl Value for u16 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| expected("a number from 0 to 65535"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A bound of nothing would shut everyone out: it is taken for a mistake.
macro_rules! bound {
    ($number:ty) => {
        impl Value for $number {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().ok().filter(|n| *n > 0).ok_or_else(|| expected("a whole number, at least 1"))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}

bound!(u32);
bound!(usize);

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || expected(r#"a time such as "10s", "500ms" or "2min""#);
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(unit_at);
        let number: u32 = number.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
        let unit = match unit.trim_start() {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "min" => Duration::from_mins(1),
            _ => return Err(wrong()),
        };
        unit.checked_mul(number).filter(|time| *time <= LONGEST).ok_or_else(|| expected("at most 1440min"))
    }

    fn show(&self) -> String {
        let milliseconds = self.as_millis();
        if milliseconds.is_multiple_of(60_000) {
            format!("{}min", milliseconds / 60_000)
        } else if milliseconds.is_multiple_of(1000) {
            format!("{}s", milliseconds / 1000)
        } else {
            format!("{milliseconds}ms")
        }
    }
}

/// A shorter password of the operator's is guessed; a longer one no client may give.
const OPENING_PASSWORD_BYTES_MIN: usize = 8;
const OPENING_PASSWORD_BYTES_MAX: usize = 256;

/// Far beyond any use, and far below where adding times overflows.
const LONGEST: Duration = Duration::from_hours(24);

impl Value for Option<u16> {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |_| expected("a port from 1 to 65535, or nothing");
        if text.is_empty() {
            Ok(None)
        } else {
            text.parse::<NonZeroU16>().map(|port| Some(port.get())).map_err(wrong)
        }
    }

    fn show(&self) -> String {
        self.map(|port| port.to_string()).unwrap_or_default()
    }
}

impl Value for Option<PathBuf> {
    fn parse(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn show(&self) -> String {
        self.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

impl Value for IpAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| expected("an IP address, such as 192.0.2.1 or ::"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for IpNet {
    fn parse(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| expected("an IP address or a range of them, such as 10.0.0.0/8"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A name for the certificate: a host name or an IP address.
impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(is_label)) {
            Ok(text.to_ascii_lowercase())
        } else {
            Err(expected("a host name, such as allo.example.org"))
        }
    }

    fn show(&self) -> String {
        self.clone()
    }
}

/// The origin of a page (RFC 6454): scheme, host and port, compared as browsers write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Makes the origin of the pages of a host. `authority` may name the port.
    pub fn new(scheme: &str, authority: &str) -> Self {
        let usual_port = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(usual_port).unwrap_or(authority);
        Self(format!("{scheme}://{}", authority.to_ascii_lowercase()))
    }

    /// Reads the value of an `Origin` header; `None` for `null` and for what is no origin.
    pub fn parse(text: &str) -> Option<Self> {
        let uri = Uri::from_str(text).ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        let is_bare = text.len() == scheme.len() + "://".len() + authority.len();
        (is_bare && !authority.contains('@')).then(|| Self::new(scheme, authority))
    }
}

impl Value for Origin {
    fn parse(text: &str) -> Result<Self, String> {
        Origin::parse(text).ok_or_else(|| expected("an origin, such as https://meet.example.org"))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// What is logged: a level, and other levels for parts of the program.
#[derive(Clone)]
pub struct LogFilter(Targets);

/// The WebRTC engine. It repeats at WARN what comes from the network, and at DEBUG what opens a transport.
const ENGINE: [&str; 4] = ["str0m", "is::", "dimpl", "sctp_proto"];

impl LogFilter {
    /// Returns it as the logger takes it. The engine is silent unless it is named.
    pub fn targets(&self) -> Targets {
        let is_named = |part: &&str| self.0.iter().any(|(target, _)| target.starts_with(*part));
        let unnamed = ENGINE.into_iter().filter(|part| !is_named(part));
        self.0.clone().with_targets(unnamed.map(|part| (part, LevelFilter::OFF)))
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self(Targets::new().with_default(tracing::Level::INFO))
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show())
    }
}

impl Value for LogFilter {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || expected("error, warn, info, debug, trace, or such as info,allo_room=debug");
        // By itself, `Targets` takes a misspelt level for the name of a part.
        let is_level = |level: &str| !level.is_empty() && level.parse::<LevelFilter>().is_ok();
        let is_directive = |text: &str| is_level(text.rsplit('=').next().unwrap_or(text));
        if !text.split(',').all(is_directive) {
            return Err(wrong());
        }
        text.parse().map(Self).map_err(|_| wrong())
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Value for TlsMode {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "files" => Ok(Self::Files),
            "off" => Ok(Self::Off),
            _ => Err(expected("auto, files or off")),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto",
            Self::Files => "files",
            Self::Off => "off",
        }
        .to_owned()
    }
}

impl Negotiation {
    /// Returns the name that the page knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Perfect => "perfect",
            Self::Simple => "simple",
        }
    }
}

impl Value for Negotiation {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "perfect" => Ok(Self::Perfect),
            "simple" => Ok(Self::Simple),
            _ => Err(expected("perfect or simple")),
        }
    }

    fn show(&self) -> String {
        self.name().to_owned()
    }
}

impl Value for TopologyChoice {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "mesh" => Ok(Self::Mesh),
            "sfu" => Ok(Self::Sfu),
            _ => Err(expected("auto, mesh or sfu")),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto",
            Self::Mesh => "mesh",
            Self::Sfu => "sfu",
        }
        .to_owned()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "on" | "true" => Ok(true),
            "off" | "false" => Ok(false),
            _ => Err(expected("on or off")),
        }
    }

    fn show(&self) -> String {
        if *self { "on" } else { "off" }.to_owned()
    }
}

/// The operator's password for rooms that are opened; nothing where it takes none.
impl Value for Option<Password> {
    fn parse(text: &str) -> Result<Self, String> {
        match text.len() {
            0 => Ok(None),
            OPENING_PASSWORD_BYTES_MIN..=OPENING_PASSWORD_BYTES_MAX => Ok(Some(Password(text.to_owned()))),
            _ => Err(expected("8 to 256 bytes, or nothing")),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map(|password| password.0.clone()).unwrap_or_default()
    }
}

impl Value for MediaWorkers {
    fn parse(text: &str) -> Result<Self, String> {
        let number = || text.parse().ok().filter(|number| *number <= MEDIA_WORKERS_MAX).map(Self::Number);
        let workers = if text == "auto" { Some(Self::Auto) } else { number() };
        workers.ok_or_else(|| expected(&format!("auto, or a number from 0 to {MEDIA_WORKERS_MAX}")))
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto".to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// An address under which this machine is known outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicAddress {
    /// The address.
    pub address: IpAddr,
    /// The UDP port, if it is another than that of this server.
    pub port: Option<u16>,
}

impl FromStr for PublicAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let with_port = || {
            let address: SocketAddr = text.parse().ok()?;
            Some(Self { address: address.ip(), port: Some(address.port()).filter(|port| *port > 0) })
        };
        let alone = || Some(Self { address: text.parse().ok()?, port: None });
        let is_one = |it: &Self| !it.address.is_unspecified() && !it.address.is_multicast();
        let wanted = "an IP address, such as 203.0.113.7, with a port if it is another: 203.0.113.7:443";
        alone().or_else(with_port).filter(is_one).ok_or_else(|| expected(wanted))
    }
}

impl Value for PublicAddress {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).to_string(),
            None => self.address.to_string(),
        }
    }
}

impl Value for IceServer {
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace().map(str::to_owned);
        let is_known = |url: &String| {
            ["stun:", "stuns:", "turn:", "turns:"]
                .iter()
                .any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
        };
        let url = words.next().filter(is_known);
        let url = url.ok_or_else(|| expected("stun:HOST:PORT, or turn:HOST:PORT USER PASSWORD"))?;
        let server = Self { urls: vec![url], username: words.next(), credential: words.next() };
        let is_turn = server.urls[0].starts_with("turn");
        if words.next().is_some()
            || server.credential.is_some() != is_turn
            || server.username.is_some() != is_turn
        {
            return Err(expected(
                "stun:HOST:PORT alone, or turn:HOST:PORT with USER and PASSWORD, by spaces",
            ));
        }
        Ok(server)
    }

    fn show(&self) -> String {
        let words = self.urls.iter().chain(&self.username).chain(&self.credential);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_time_is_read_as_it_was_written() {
        for text in ["500ms", "10s", "2min", "1250ms"] {
            assert_eq!(Duration::parse(text).unwrap().show(), text);
        }
        assert_eq!(Duration::parse("1500 ms").unwrap(), Duration::from_millis(1500));
        for text in ["", "10", "s", "0s", "-1s", "1h", "1.5s", "99999999999s", "1441min", "é"] {
            assert!(Duration::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn origins_are_equal_when_a_browser_would_say_so() {
        let ours = Origin::new("https", "Allo.Example.org:443");
        assert_eq!(Origin::parse("https://allo.example.org"), Some(ours.clone()));
        for other in [
            "http://allo.example.org",
            "https://allo.example.org:8443",
            "https://allo.example.org.evil.example",
        ] {
            assert_ne!(Origin::parse(other), Some(ours.clone()), "{other}");
        }
        for text in
            ["null", "", "*", "allo.example.org", "https://allo.example.org/", "https://u@allo.example.org"]
        {
            assert_eq!(Origin::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_ice_server_has_credentials_exactly_when_it_relays() {
        for text in ["stun:stun.example.org:3478", "turn:turn.example.org:3478 ada secret"] {
            assert_eq!(IceServer::parse(text).unwrap().show(), text);
        }
        for text in ["", "turn:", "https://example.org", "turn:a", "turn:a b", "stun:a b c", "turn:a b c d"] {
            assert!(IceServer::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_misspelt_level_is_not_taken_for_a_part() {
        for text in ["info", "off", "info,allo_room=debug"] {
            assert_eq!(LogFilter::parse(text).unwrap().show().len(), text.len(), "{text}");
        }
        for text in ["", "verbose", "info,debgu", "allo_room=", "allo_room=loud", "allo_room", "info,"] {
            assert!(LogFilter::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_engine_logs_only_when_it_is_named() {
        let is_logged = |filter: &str, target: &str| {
            LogFilter::parse(filter).unwrap().targets().would_enable(target, &Level::WARN)
        };
        for target in ["str0m::session", "is::agent", "dimpl::dtls12", "sctp_proto::association"] {
            assert!(!is_logged("trace", target), "{target}");
        }
        assert!(is_logged("trace", "allo_server::media"));
        assert!(is_logged("info,str0m=debug", "str0m::session"));
        assert!(is_logged("info,is::agent=warn", "is::agent") && !is_logged("info,is::agent=warn", "str0m"));
    }

    #[test]
    fn a_public_address_may_have_a_port() {
        for text in ["203.0.113.7", "203.0.113.7:443", "2001:db8::1", "[2001:db8::1]:443"] {
            assert_eq!(PublicAddress::parse(text).unwrap().show(), text);
        }
        for text in ["", "example.org", "0.0.0.0", "::", "224.0.0.1", "203.0.113.7:", "203.0.113.7:99999"] {
            assert!(PublicAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn there_can_be_no_media_workers_and_not_any_number_of_them() {
        for text in ["auto", "0", "1", "128"] {
            assert_eq!(MediaWorkers::parse(text).unwrap().show(), text);
        }
        for text in ["", "-1", "129", "many"] {
            assert!(MediaWorkers::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(MediaWorkers::Number(0).count(), 0);
        assert!(MediaWorkers::Auto.count() > 0);
    }

    #[test]
    fn a_proxy_is_an_address_or_a_range() {
        assert_eq!(IpNet::parse("10.0.0.1").unwrap().show(), "10.0.0.1/32");
        for text in ["", "10.0.0.0/33", "10.0.0/8", "fe80::/129", "localhost"] {
            assert!(IpNet::parse(text).is_err(), "{text:?}");
        }
    }
}

//! Who asks, from where and how, as the client itself would say: seen through the proxies that are trusted.
//!
//! `X-Forwarded-*` wins over `Forwarded` (RFC 7239): most proxies set the former and pass the latter on as they got it.
//! A proxy that sets `Forwarded` must therefore take `X-Forwarded-*` away. `docs/operating.md` says so.

use std::net::{IpAddr, SocketAddr};

use hyper::{
    Request,
    header::{self, HeaderMap, HeaderValue},
    http::uri::Authority,
};
use ipnet::IpNet;

use crate::config::{Config, Origin, TlsMode};

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// By HTTPS to this server.
    Tls,
    /// By HTTPS to a trusted proxy.
    ProxiedTls,
    /// By plain HTTP, within this machine: browsers hold `http://localhost` for as safe as HTTPS.
    Local,
    /// By plain HTTP.
    Plain,
    /// By a trusted proxy that does not say how, though HTTPS is left to it.
    Untold,
}

/// Where a request comes from.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// How the request came.
    pub(crate) transport: Transport,
    /// The `Host` header.
    host: Authority,
    /// Whether this server has the very port that `host` names, and speaks HTTPS on it.
    is_same_port: bool,
}

impl Visitor {
    /// Reads it from the head of a request, or says what is wrong with that.
    pub(crate) fn of<B>(
        request: &Request<B>,
        peer: IpAddr,
        is_tls: bool,
        config: &Config,
    ) -> Result<Self, &'static str> {
        let host = host(request)?;
        let is_trusted = is_within(peer, &config.trusted_proxies);
        let forwarded = if is_trusted { Forwarded::read(request.headers()) } else { Forwarded::default() };
        let transport = match forwarded.proto.as_deref() {
            Some("https") => Transport::ProxiedTls,
            None if is_tls => Transport::Tls,
            None if is_local(peer, &host) && forwarded.hops.is_empty() => Transport::Local,
            None if is_trusted && config.tls == TlsMode::Off => Transport::Untold,
            Some(_) | None => Transport::Plain,
        };
        let is_same_port = forwarded.proto.is_none() && config.tls != TlsMode::Off;
        let address = forwarded.client(&config.trusted_proxies).unwrap_or(peer);
        Ok(Self { address: address.to_canonical(), transport, host, is_same_port })
    }

    /// Returns whether a page of `origin` is one of this server's own, or one that is allowed.
    pub(crate) fn is_allowed(&self, origin: &HeaderValue, allowed: &[Origin]) -> bool {
        let scheme = if self.transport == Transport::Local { "http" } else { "https" };
        let Some(origin) = origin.to_str().ok().and_then(Origin::parse) else { return false };
        origin == Origin::new(scheme, self.host.as_str()) || allowed.contains(&origin)
    }

    /// Returns the origin under which the client sees this server.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.transport == Transport::Local { "http" } else { "https" };
        format!("{scheme}://{}", self.host)
    }

    /// Returns where the same thing is served by HTTPS.
    pub(crate) fn https_url<B>(&self, request: &Request<B>) -> Option<HeaderValue> {
        let host = if self.is_same_port { self.host.as_str() } else { self.host.host() };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        HeaderValue::from_str(&format!("https://{host}{path}")).ok()
    }
}

/// Returns where what is asked for by plain HTTP is served by HTTPS, at `port` of the same host.
pub(super) fn https_url<B>(request: &Request<B>, port: u16) -> Option<HeaderValue> {
    let host = host(request).ok()?;
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    HeaderValue::from_str(&format!("https://{}{port}{path}", host.host())).ok()
}

/// Returns the one `Host` of a request (RFC 9112 §3.2).
fn host<B>(request: &Request<B>) -> Result<Authority, &'static str> {
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err("A request has one Host header.");
    };
    if request.uri().authority().is_some() {
        return Err("This server is not a proxy.");
    }
    let host = host.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
    let is_plain = |host: &Authority| {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        !host.host().is_empty() && host.as_str().bytes().all(is_allowed)
    };
    host.filter(is_plain).ok_or("The Host header is not a host.")
}

fn is_local(peer: IpAddr, host: &Authority) -> bool {
    let name = host.host();
    peer.to_canonical().is_loopback()
        && (name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "[::1]"))
}

fn is_within(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// What proxies say.
#[derive(Debug, Default)]
struct Forwarded {
    /// Who each proxy got the request from, the nearest proxy's word last; `None` for what is not an address.
    hops: Vec<Option<IpAddr>>,
    /// How the nearest proxy got it, in lower case.
    proto: Option<String>,
}

/// Proxies in a row that are looked at. What is beyond was written by the client.
const HOPS_MAX: usize = 16;

impl Forwarded {
    fn read(headers: &HeaderMap) -> Self {
        let hops = list(headers, "x-forwarded-for");
        let proto = list(headers, "x-forwarded-proto").pop();
        if hops.is_empty() && proto.is_none() {
            return Self::read_rfc7239(headers);
        }
        Self {
            hops: hops.iter().rev().take(HOPS_MAX).rev().map(|hop| address(hop)).collect(),
            proto: proto.map(|proto| proto.to_ascii_lowercase()),
        }
    }

    fn read_rfc7239(headers: &HeaderMap) -> Self {
        let elements = list(headers, "forwarded");
        let parameter = |element: &str, wanted: &str| {
            let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        };
        let hops = elements.iter().rev().take(HOPS_MAX).rev();
        Self {
            hops: hops.map(|element| parameter(element, "for").and_then(|hop| address(&hop))).collect(),
            proto: elements
                .last()
                .and_then(|element| parameter(element, "proto"))
                .map(|proto| proto.to_ascii_lowercase()),
        }
    }

    /// Returns the last hop that is not a trusted proxy: whatever stands before it could be invented.
    fn client(&self, trusted: &[IpNet]) -> Option<IpAddr> {
        let hops: Vec<IpAddr> = self.hops.iter().rev().map_while(|hop| *hop).collect();
        hops.iter().find(|hop| !is_within(**hop, trusted)).or(hops.last()).copied()
    }
}

/// Returns the values of a header that is a list.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

/// Reads an address, with or without a port behind it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "127.0.0.1";
    const STRANGER: &str = "198.51.100.7";

    fn visitor(peer: &str, tls: TlsMode, lines: &[(&str, &str)]) -> Visitor {
        let mut request = Request::builder().uri("/room?x=1").header("host", "allo.example.org");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let config = Config { tls, ..Config::default() };
        Visitor::of(&request.body(()).unwrap(), peer.parse().unwrap(), false, &config).unwrap()
    }

    fn client(peer: &str, lines: &[(&str, &str)]) -> String {
        visitor(peer, TlsMode::Off, lines).address.to_string()
    }

    #[test]
    fn a_trusted_proxy_says_who_and_how() {
        for lines in [
            &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")][..],
            &[("forwarded", "for=203.0.113.9;proto=https")],
            &[("forwarded", "For=\"203.0.113.9:4711\"; Proto=HTTPS")],
        ] {
            let visitor = visitor(PROXY, TlsMode::Off, lines);
            assert_eq!(visitor.address.to_string(), "203.0.113.9", "{lines:?}");
            assert_eq!(visitor.transport, Transport::ProxiedTls, "{lines:?}");
        }
        assert_eq!(client(PROXY, &[("forwarded", "for=\"[2001:db8::1]:4711\"")]), "2001:db8::1");
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let lines = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=203.0.113.9;proto=https"),
        ];
        let visitor = visitor(STRANGER, TlsMode::Off, &lines);
        assert_eq!(visitor.address.to_string(), STRANGER);
        assert_eq!(visitor.transport, Transport::Plain);
    }

    #[test]
    fn what_a_client_says_before_the_proxy_is_not_believed() {
        assert_eq!(client(PROXY, &[("x-forwarded-for", "192.0.2.1, 203.0.113.9")]), "203.0.113.9");
        assert_eq!(
            client(PROXY, &[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "203.0.113.9, 127.0.0.2")]),
            "203.0.113.9"
        );
        assert_eq!(client(PROXY, &[("x-forwarded-for", "192.0.2.1, unknown")]), PROXY);
        assert_eq!(
            client(PROXY, &[("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=192.0.2.1;proto=http")]),
            "203.0.113.9"
        );
        assert_eq!(client(PROXY, &[("x-forwarded-for", &"192.0.2.1,".repeat(1000))]), "192.0.2.1");
    }

    #[test]
    fn a_proxy_that_got_plain_http_is_redirected_to_the_usual_port() {
        let visitor = visitor(PROXY, TlsMode::Auto, &[("x-forwarded-proto", "http")]);
        assert_eq!(visitor.transport, Transport::Plain);
        let request = Request::builder().uri("/room?x=1").body(()).unwrap();
        assert_eq!(visitor.https_url(&request).unwrap(), "https://allo.example.org/room?x=1");
    }

    #[test]
    fn a_proxy_that_does_not_say_how_is_told_so() {
        assert_eq!(visitor(PROXY, TlsMode::Off, &[]).transport, Transport::Untold);
        assert_eq!(visitor(PROXY, TlsMode::Auto, &[]).transport, Transport::Plain);
        let request =
            Request::builder().uri("/").header("host", "localhost").header("x-forwarded-for", STRANGER);
        let config = Config { tls: TlsMode::Off, ..Config::default() };
        let visitor =
            Visitor::of(&request.body(()).unwrap(), PROXY.parse().unwrap(), false, &config).unwrap();
        assert_eq!(visitor.transport, Transport::Untold);
    }

    #[test]
    fn localhost_is_served_to_this_machine_alone() {
        let transport = |peer: &str, host: &str| {
            let request = Request::builder().uri("/").header("host", host).body(()).unwrap();
            Visitor::of(&request, peer.parse().unwrap(), false, &Config::default()).map(|v| v.transport)
        };
        for host in ["localhost", "LOCALHOST:8443", "127.0.0.1:8443", "[::1]:8443"] {
            assert_eq!(transport("127.0.0.1", host), Ok(Transport::Local), "{host}");
            assert_eq!(transport("::1", host), Ok(Transport::Local), "{host}");
            assert_eq!(transport("::ffff:127.0.0.1", host), Ok(Transport::Local), "{host}");
            assert_eq!(transport(STRANGER, host), Ok(Transport::Plain), "{host}");
        }
        for host in ["localhost.evil.example", "evil.example", "127.0.0.1.evil.example"] {
            assert_eq!(transport("127.0.0.1", host), Ok(Transport::Plain), "{host}");
        }
        for host in ["", "user@localhost", "a b", "localhost/", "exa,mple", "é"] {
            assert!(transport("127.0.0.1", host).is_err(), "{host:?}");
        }
    }

    #[test]
    fn only_our_own_pages_and_allowed_ones_may_connect() {
        let visitor = visitor(PROXY, TlsMode::Off, &[("x-forwarded-proto", "https")]);
        let allowed = [Origin::parse("https://intranet.example.org").unwrap()];
        let is_allowed =
            |origin: &'static str| visitor.is_allowed(&HeaderValue::from_static(origin), &allowed);
        for origin in
            ["https://allo.example.org", "https://ALLO.example.org:443", "https://intranet.example.org"]
        {
            assert!(is_allowed(origin), "{origin}");
        }
        let foreign = [
            "null",
            "",
            "https://evil.example",
            "http://allo.example.org",
            "https://allo.example.org:8443",
            "https://allo.example.org.evil.example",
            "https://xn--allo-example-org.org",
            "https://allo.example.org@evil.example",
        ];
        for origin in foreign {
            assert!(!is_allowed(origin), "{origin}");
        }
    }
}

//! Handshakes of OpenSSL's client, which somebody else wrote: with certificates and profiles of SRTP as no client of ours has them.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the other program is spoken to by a socket, and reads files"
)]

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use allo_sfu::SfuEvent;
use tempfile::TempDir;

use crate::checks::{GOOD, Handmade};
use crate::lab::{Lab, SECOND, address};

const CURVE: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const WEAK_RSA: [&str; 2] = ["-newkey", "rsa:1024"];
/// Strongest first, as browsers have them.
const PROFILES: Option<&str> = Some("SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80");

/// A key and its certificate, in files.
struct Identity {
    folder: TempDir,
    fingerprint: String,
}

impl Identity {
    /// Makes one with this kind of key that ends so many days from now.
    fn new(kind: &[&str], days: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [key, request, certificate] =
            ["key.pem", "request.pem", "certificate.pem"].map(|it| path(&folder, it));
        let (key, request, certificate) = (text(&key), text(&request), text(&certificate));
        let subject = ["-subj", "/CN=tester"];
        openssl(&[&["req", "-new", "-nodes", "-keyout", key, "-out", request], kind, &subject].concat());
        openssl(&["x509", "-req", "-in", request, "-signkey", key, "-days", days, "-out", certificate]);
        let told = openssl(&["x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"]);
        let fingerprint = told.trim().split_once('=').expect("a name, and the fingerprint").1.to_owned();
        Self { folder, fingerprint }
    }

    /// Lets the client send this certificate so many times more, as if it were a chain.
    fn chain(&self, length: usize) -> PathBuf {
        let chain = path(&self.folder, "chain.pem");
        let certificate = fs::read_to_string(path(&self.folder, "certificate.pem")).unwrap();
        fs::write(&chain, certificate.repeat(length)).unwrap();
        chain
    }
}

fn path(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The client, and the socket by which it is spoken to.
struct OpenSsl {
    process: Child,
    socket: UdpSocket,
}

impl OpenSsl {
    fn start(identity: &Identity, profiles: Option<&str>, chain: Option<&Path>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Virtual time passes as slowly as the true one while the client thinks.
        socket.set_read_timeout(Some(STEP)).unwrap();
        let server = socket.local_addr().unwrap().to_string();
        let [key, certificate] = ["key.pem", "certificate.pem"].map(|it| path(&identity.folder, it));
        let mut command = Command::new("openssl");
        command.args(["s_client", "-dtls1_2", "-connect", &server, "-mtu", "1200"]);
        command.args(profiles.iter().flat_map(|profiles| ["-use_srtp", profiles]));
        // The weak key is to be refused by the server and not here.
        command.args(["-cipher", "DEFAULT@SECLEVEL=0"]);
        command.args(["-key", text(&key), "-cert", text(&certificate)]);
        command.args(chain.iter().flat_map(|chain| ["-cert_chain", text(chain)]));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { process: command.spawn().expect("openssl is installed"), socket }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const STEP: Duration = Duration::from_millis(25);

/// Lets the client try, with a certificate that its offer announces. Returns whether it was let in.
fn is_let_in(identity: &Identity, profiles: Option<&str>, chain: Option<&Path>) -> bool {
    let mut lab = Lab::new(47);
    let announce = |offer: String| {
        let at = offer.find("a=fingerprint:sha-256 ").expect("offers have one");
        let end = at + offer[at..].find('\r').expect("lines end");
        offer.replace(&offer[at..end], &format!("a=fingerprint:sha-256 {}", identity.fingerprint))
    };
    let client = Handmade::connect_with(&mut lab, 1, announce);
    let source = address(1);
    lab.inject(source, &client.check(&GOOD));
    let openssl = OpenSsl::start(identity, profiles, chain);
    let mut peer = None;
    let mut datagram = [0; 2_000];
    let is_over = |lab: &Lab| {
        let is_end = |(_, it): &(_, SfuEvent)| {
            matches!(it, SfuEvent::TransportConnected(..) | SfuEvent::TransportClosed(..))
        };
        lab.events.iter().any(is_end)
    };
    // Handshakes are given up after ten seconds, and those without a check after fifteen.
    let until = lab.now + 20 * SECOND;
    while !is_over(&lab) && lab.now < until {
        while let Ok((length, from)) = openssl.socket.recv_from(&mut datagram) {
            peer = Some(from);
            lab.inject(source, &datagram[..length]);
        }
        lab.run_for(STEP);
        let handshake = lab.astray.drain(..).map(|(_, bytes)| bytes).filter(|it| matches!(it[0], 20..=63));
        for bytes in handshake.filter(|_| peer.is_some()) {
            openssl.socket.send_to(&bytes, peer.expect("it was heard")).unwrap();
        }
    }
    assert!(is_over(&lab), "neither let in nor given up");
    lab.events.iter().any(|(_, it)| matches!(it, SfuEvent::TransportConnected(own) if *own == client.own))
}

#[test]
fn its_client_is_let_in() {
    assert!(is_let_in(&Identity::new(&CURVE, "1"), PROFILES, None));
}

#[test]
fn who_offers_no_profile_of_srtp_that_is_good_enough_is_not_let_in() {
    let identity = Identity::new(&CURVE, "1");
    for profiles in [None, Some("SRTP_AES128_CM_SHA1_32")] {
        assert!(!is_let_in(&identity, profiles, None), "{profiles:?}");
    }
}

#[test]
fn who_has_a_key_of_rsa_is_not_let_in() {
    assert!(!is_let_in(&Identity::new(&WEAK_RSA, "1"), PROFILES, None));
}

#[test]
fn a_chain_of_certificates_that_is_too_long_is_not_looked_at() {
    let identity = Identity::new(&CURVE, "1");
    assert!(is_let_in(&identity, PROFILES, Some(&identity.chain(2))));
    assert!(!is_let_in(&identity, PROFILES, Some(&identity.chain(40))));
}

#[test]
fn a_certificate_that_has_expired_counts_by_its_fingerprint() {
    assert!(is_let_in(&Identity::new(&CURVE, "-1"), PROFILES, None));
}

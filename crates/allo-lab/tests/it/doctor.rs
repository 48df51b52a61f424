//! What a server says of those who did not get in, when its operator made a mistake.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use allo_client::client::ClientOptions;
use allo_lab::{Host, Link};
use allo_protocol::TopologyChoice;

use crate::is_skipped;
use crate::scenarios::lab::{PATIENCE, USUAL, runtime};
use crate::scenarios::participant::{Participant, options};
use crate::scenarios::server::ServerProcess;

#[test]
fn who_finds_no_way_for_media_is_counted() {
    if is_skipped() {
        return;
    }
    let [hub, alice] = ["hub", "alice"].map(|label| Host::new(label).unwrap());
    let _link = Link::between([&alice, &hub], "alice0", USUAL, 67).unwrap();
    hub.ip("addr add 192.0.2.1/24 dev alice0").unwrap();
    alice.ip("addr add 192.0.2.2/24 dev alice0").unwrap();
    // The page is there, and media are where nobody else comes.
    let mut server = ServerProcess::start(&hub, &["--media-listen", "127.0.0.1"]);
    let topology = Some(TopologyChoice::Sfu);
    let options = ClientOptions { topology, ..options("Alice", "https://192.0.2.1:8443/lab") };
    let alice = Participant::start(&alice, options, "Bob");
    wait_until_told(&hub, r#""why":"media""#);
    alice.leave();
    server.stop();
}

/// Asks on the server's machine what the doctor is told, until it is this. The server does not tell of itself.
fn wait_until_told(host: &Host, wanted: &'static str) {
    let ask_on = move || {
        let asked = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(200));
            while !told().contains(wanted) {
                ticks.tick().await;
            }
        };
        runtime().block_on(async { tokio::time::timeout(PATIENCE, asked).await }).expect("it is told");
    };
    host.spawn(ask_on).unwrap().join().unwrap();
}

fn told() -> String {
    let mut stream = TcpStream::connect("127.0.0.1:8443").unwrap();
    let request = b"GET /doctor.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

//! The media plane over real UDP: calls, and what strangers send.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use allo_client::{
    client::{ClientOptions, WebRtcClient},
    signaling::Trust,
};
use allo_protocol::TopologyChoice;
use allo_server::{
    Server, StartError,
    config::{Config, MediaWorkers},
};
use serde_json::{Value, json};
use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::SdpAnswer,
    media::{Direction, MediaKind},
    net::{Protocol, Receive},
};
use tokio::net::UdpSocket;

#[cfg(target_os = "linux")]
use crate::memory::{is_empty, resident_kilobytes};
use crate::{
    process::Program,
    stun::{BINDING_SUCCESS, check, kind},
    support::{TestServer, WebSocket, soon, until},
};

pub(crate) const OFFER: &str = "\
v=0\r
o=- 1 1 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
c=IN IP4 0.0.0.0\r
a=mid:0\r
a=sendonly\r
a=ice-ufrag:clie\r
a=ice-pwd:clientclientclientclient\r
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r
a=setup:actpass\r
a=rtcp-mux\r
a=rtpmap:111 opus/48000/2\r
";

/// A server on which every room goes through the media plane.
pub(crate) fn server(workers: u8, change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::with(|config| {
        config.rooms.topology = TopologyChoice::Sfu;
        config.media.workers = MediaWorkers::Number(workers);
        change(config);
    })
}

/// Offers a session that sends sound; returns what the server says to it.
async fn offer(socket: &mut WebSocket, sdp: &str) -> Value {
    offer_line(socket, sdp, "0").await
}

/// As [`offer`], with the sound on any line.
async fn offer_line(socket: &mut WebSocket, sdp: &str, mid: &str) -> Value {
    let tracks = json!([{ "mid": mid, "source": "mic" }]);
    socket.say(json!({ "type": "mediaOffer", "session": 1, "sdp": sdp, "tracks": tracks })).await;
    loop {
        let message = socket.hear().await;
        if message["type"] == "mediaAnswer" || message["type"] == "mediaClosed" {
            return message;
        }
    }
}

/// What an answer says of the server's end.
pub(crate) struct Answer {
    pub(crate) ufrag: String,
    pub(crate) password: String,
    pub(crate) candidates: Vec<SocketAddr>,
    /// Those that a client can connect to by TCP.
    pub(crate) tcp_candidates: Vec<SocketAddr>,
}

impl Answer {
    pub(crate) fn parse(message: &Value) -> Self {
        let sdp = message["sdp"].as_str().unwrap_or_else(|| panic!("no answer: {message}"));
        let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let candidate = |line: &str, protocol: &str, end: &str| {
            let words: Vec<_> = line.strip_prefix("a=candidate:")?.split(' ').collect();
            let address = SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap());
            (words[2] == protocol && line.ends_with(end)).then_some(address)
        };
        // Each line has them all.
        let line = sdp.rsplit("\r\nm=").next().unwrap();
        let all = |protocol, end| line.lines().filter_map(|line| candidate(line, protocol, end)).collect();
        Self {
            ufrag: value("a=ice-ufrag:"),
            password: value("a=ice-pwd:"),
            candidates: all("udp", " typ host"),
            tcp_candidates: all("tcp", " typ host tcptype passive"),
        }
    }

    pub(crate) fn check(&self, transaction: u8) -> Vec<u8> {
        check(&self.ufrag, &self.password, transaction)
    }
}

/// Someone in a room whose media session was answered.
pub(crate) async fn join(server: &TestServer, room: &str, key: u128) -> (WebSocket, Answer) {
    let mut socket = server.websocket().await;
    socket.join(room, "Ada", key).await;
    let answer = Answer::parse(&offer(&mut socket, OFFER).await);
    (socket, answer)
}

/// A socket of somebody who may be a client, or anyone.
pub(crate) struct Peer(UdpSocket);

impl Peer {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let own: IpAddr = if server.is_ipv4() { [127, 0, 0, 1].into() } else { "::1".parse().unwrap() };
        let socket = UdpSocket::bind((own, 0)).await.unwrap();
        // From now on it hears only what comes from exactly there.
        socket.connect(server).await.unwrap();
        Self(socket)
    }

    async fn send(&self, bytes: &[u8]) {
        self.0.send(bytes).await.unwrap();
    }

    async fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let length = soon("a datagram", self.0.recv(&mut buffer)).await.unwrap();
        buffer.truncate(length);
        buffer
    }

    /// Sends each of them, and makes sure that nothing comes back.
    async fn assert_ignored(&self, datagrams: &[Vec<u8>], answer: &Answer) {
        for (datagram, transaction) in datagrams.iter().zip((0..=u8::MAX).cycle()) {
            self.send(datagram).await;
            self.assert_answered(answer, transaction).await;
        }
    }

    /// Makes sure that nothing else came before the answer to a check.
    pub(crate) async fn assert_answered(&self, answer: &Answer, transaction: u8) {
        let request = answer.check(transaction);
        self.send(&request).await;
        let response = self.receive().await;
        assert_eq!(kind(&response), (BINDING_SUCCESS, transaction));
        assert!(response.len() <= request.len(), "{} to {}", response.len(), request.len());
    }
}

/// A media session with nothing between it and the test: it sends sound, if it were told to.
struct Session {
    rtc: Rtc,
    socket: UdpSocket,
}

impl Session {
    async fn open(signaling: &mut WebSocket) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut rtc = RtcConfig::new().build(Instant::now());
        rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), "udp").unwrap());
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let (sdp, pending) = api.apply().unwrap();
        let answer = offer_line(signaling, &sdp.to_sdp_string(), &mid.to_string()).await;
        let answer = SdpAnswer::from_sdp_string(answer["sdp"].as_str().unwrap()).unwrap();
        rtc.sdp_api().accept_answer(pending, answer).unwrap();
        Self { rtc, socket }
    }

    /// Goes on until something happens.
    async fn until(&mut self, what: &str, is_wanted: impl Fn(&Event) -> bool) {
        let mut buffer = vec![0; 2_000];
        let happened = async {
            loop {
                let due = match self.rtc.poll_output().unwrap() {
                    Output::Event(event) if is_wanted(&event) => return,
                    Output::Event(_) => continue,
                    Output::Transmit(transmit) => {
                        // After the end of the server nobody is there to hear.
                        let _sent = self.socket.send_to(&transmit.contents, transmit.destination).await;
                        continue;
                    }
                    Output::Timeout(due) => due,
                };
                tokio::select! {
                    received = self.socket.recv_from(&mut buffer) => self.receive(&buffer, received.unwrap()),
                    () = tokio::time::sleep_until(due.into()) => {
                        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                    }
                }
            }
        };
        soon(what, happened).await;
    }

    fn receive(&mut self, buffer: &[u8], (length, source): (usize, SocketAddr)) {
        let own = self.socket.local_addr().unwrap();
        let received = Receive::new(Protocol::Udp, source, own, &buffer[..length]).unwrap();
        self.rtc.handle_input(Input::Receive(Instant::now(), received)).unwrap();
    }
}

fn robot(server: &TestServer, room: &str, name: &str) -> ClientOptions {
    let url = format!("https://localhost:{}/{room}", server.port());
    ClientOptions {
        trust: Trust::SystemAnd(server.data.path().join("tls/authority.crt")),
        with_loopback: true,
        ..ClientOptions::new(url.parse().unwrap(), name).unwrap()
    }
}

/// Waits until sound and pictures of so many others came through the server.
async fn until_media(client: &WebRtcClient, others: usize) {
    until("media of everyone", async || {
        let report = client.report().await?;
        let has_media = |session: &allo_client::client::BySession| {
            session.mic.packets > 20 && session.cam.decodable_frames > 10
        };
        let count = report.peers.iter().filter(|peer| has_media(&peer.by_session)).count();
        (count == others).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_in_two_rooms_see_and_hear_each_other_through_two_workers() {
    let server = server(2, |_| {});
    let mut clients = Vec::new();
    for (room, name) in [("one", "Ada"), ("two", "Bob"), ("one", "Cleo"), ("two", "Dan"), ("one", "Eve")] {
        clients.push((room, WebRtcClient::join(robot(&server, room, name)).await.unwrap()));
    }
    for (room, client) in &clients {
        until_media(client, if *room == "one" { 2 } else { 1 }).await;
    }
}

#[tokio::test]
async fn a_check_is_answered_whichever_worker_it_comes_to() {
    let server = server(2, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    // The system chooses by the port: of sixteen, some go wrong.
    for transaction in 0..16 {
        Peer::to(server.address).await.assert_answered(&answer, transaction).await;
    }
}

/// Returns datagrams that make no sense: of every kind by the first byte, of all sizes, and checks that are nearly right.
pub(crate) fn nonsense(answer: &Answer) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for size in (1..=40).chain([1_499, 1_500, 1_501, 9_000, 65_507]) {
        for first in [0, 1, 3, 20, 22, 64, 128, 200, 255] {
            let mut datagram = vec![0xa5; size];
            datagram[0] = first;
            all.push(datagram);
        }
    }
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..2_000 {
        let size = usize::try_from(random() % 1_600).unwrap();
        all.push((0..size).map(|_| random().to_le_bytes()[0]).collect());
    }
    let good = answer.check(0);
    for (at, to) in [(0, 0x01), (1, 0x11), (2, 0xff), (3, 0), (3, good[3] + 4), (4, 0), (22, 0xff)] {
        let mut bad = good.clone();
        bad[at] = to;
        all.push(bad);
    }
    all.extend((0..good.len()).map(|length| good[..length].to_vec()));
    all
}

/// DTLS says nothing of workers: where it goes has been learnt from a check.
#[tokio::test]
async fn a_handshake_comes_about_whichever_worker_it_comes_to() {
    let server = server(2, |_| {});
    for key in 0..8 {
        let mut socket = server.websocket().await;
        socket.join("hall", "Ada", key).await;
        let mut session = Session::open(&mut socket).await;
        session.until("the connection", |event| matches!(event, Event::Connected)).await;
    }
}

/// A1, A2, A3, A5, A16: whatever a stranger sends, nothing comes back; nor to somebody known.
#[tokio::test]
async fn nothing_is_said_to_nonsense() {
    let server = server(1, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    let (stranger, known) = (Peer::to(server.address).await, Peer::to(server.address).await);
    let nonsense = nonsense(&answer);
    for datagram in &nonsense {
        // Each waits for the next answer to the other, so that no socket's buffer overflows.
        stranger.send(datagram).await;
        known.assert_answered(&answer, 0).await;
    }
    stranger.assert_answered(&answer, 1).await;
    stranger.assert_answered(&answer, 2).await;
    known.assert_ignored(&nonsense, &answer).await;
    assert_eq!(server.get("/health").await.status, 200);
}

/// Whoever sends nonsense cannot fill the log.
#[cfg(unix)]
#[tokio::test]
async fn nonsense_leaves_no_trace_in_the_log() {
    let mut logs = Vec::new();
    for has_nonsense in [false, true] {
        let program = Program::start(&["--topology", "sfu", "--media-workers", "1"]).await;
        let mut ada = program.websocket(&[]).await;
        ada.join("hall", "Ada", 1).await;
        let answer = Answer::parse(&offer(&mut ada, OFFER).await);
        let peer = Peer::to(answer.candidates[0]).await;
        peer.assert_answered(&answer, 1).await;
        if has_nonsense {
            peer.assert_ignored(&nonsense(&answer), &answer).await;
        }
        program.signal(rustix::process::Signal::TERM);
        let (status, log) = program.ended().await;
        assert!(status.success(), "{log}");
        // Without the times.
        let lines = log.lines().map(|line| line.split_once("Z ").map_or(line, |(_, line)| line).to_owned());
        logs.push(lines.collect::<Vec<_>>());
    }
    assert_eq!(logs[0], logs[1]);
}

/// What a flood of hostile media may leave behind, in kilobytes.
#[cfg(target_os = "linux")]
const GROWTH_MAX: u64 = 20_000;

/// Sessions that begin and never connect, each with nonsense from strangers and from its own address, again and again.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hostile_media_leave_next_to_nothing_behind() {
    let program = Program::start(&[
        "--topology",
        "sfu",
        "--media-workers",
        "1",
        "--log",
        "warn",
        "--message-burst=100000",
    ])
    .await;
    let mut resident = Vec::new();
    for round in 0..4 {
        for key in 0..40 {
            let mut ada = program.websocket(&[]).await;
            ada.join("hall", "Ada", round * 100 + key).await;
            let answer = Answer::parse(&offer(&mut ada, OFFER).await);
            let (known, stranger) =
                (Peer::to(answer.candidates[0]).await, Peer::to(answer.candidates[0]).await);
            known.assert_answered(&answer, 0).await;
            for datagram in nonsense(&answer).iter().skip(usize::try_from(key).unwrap()).step_by(40) {
                stranger.send(datagram).await;
                known.assert_ignored(std::slice::from_ref(datagram), &answer).await;
            }
            ada.say(json!({ "type": "leave" })).await;
            ada.closed().await;
        }
        until("everyone is forgotten", async || is_empty(&program).await.then_some(())).await;
        resident.push(resident_kilobytes(&program));
    }
    assert!(resident[3] < resident[0] + GROWTH_MAX, "{resident:?} kB after each flood");
}

/// A6, A7, A9: a check proves itself, or is not answered, or with less than itself.
#[tokio::test]
async fn a_check_without_the_right_proof_is_not_answered() {
    let server = server(1, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    let Answer { ufrag, password, .. } = &answer;
    let peer = Peer::to(server.address).await;
    peer.send(&check("00AAAAAAAAAAAAAA", password, 0)).await;
    peer.send(&check("ffAAAAAAAAAAAAAA", password, 0)).await;
    peer.send(&check(ufrag, "wrongwrongwrongwrongwrong", 0)).await;
    // Only the fingerprint is wrong.
    let mut broken = answer.check(0);
    *broken.last_mut().unwrap() ^= 1;
    peer.send(&broken).await;
    for n in 0..300_u16 {
        let stranger = Peer::to(server.address).await;
        stranger.send(&check(ufrag, &format!("wrongwrongwrongwrong{n:05}"), 0)).await;
    }
    peer.assert_answered(&answer, 1).await;
    peer.assert_answered(&answer, 2).await;
}

#[tokio::test]
async fn beyond_the_bound_a_newcomer_is_refused_at_once_and_those_inside_stay() {
    let server = server(1, |config| config.media.participants = 1);
    let (_ada, answer) = join(&server, "hall", 1).await;
    let mut bob = server.websocket().await;
    bob.join("hall", "Bob", 2).await;
    let asked = Instant::now();
    let refusal = offer(&mut bob, OFFER).await;
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(refusal["code"], "serverBusy");
    assert!(refusal["text"].as_str().unwrap().ends_with('.'), "{refusal}");
    Peer::to(server.address).await.assert_answered(&answer, 1).await;
}

/// Returns how many packets of sound came from all others.
async fn sounds(client: &WebRtcClient) -> u64 {
    let report = client.report().await.unwrap();
    report.peers.iter().map(|peer| peer.by_session.mic.packets).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_inside_go_on_hearing_each_other_while_newcomers_are_refused() {
    let server = server(1, |config| config.media.participants = 2);
    let mut inside = Vec::new();
    for name in ["Ada", "Bob"] {
        inside.push(WebRtcClient::join(robot(&server, "hall", name)).await.unwrap());
    }
    for client in &inside {
        until_media(client, 1).await;
    }
    for key in 100..120 {
        let mut late = server.websocket().await;
        late.join("hall", "Late", key).await;
        assert_eq!(offer(&mut late, OFFER).await["code"], "serverBusy");
    }
    for client in &inside {
        let before = sounds(client).await;
        until("more of the other's sound", async || (sounds(client).await > before + 50).then_some(())).await;
    }
}

#[tokio::test]
async fn a_bad_offer_is_refused_with_a_reason_and_leaves_room_for_a_good_one() {
    let server = server(1, |config| config.media.participants = 1);
    let mut ada = server.websocket().await;
    ada.join("hall", "Ada", 1).await;
    let refusal = offer(&mut ada, "v=0\r\n").await;
    assert_eq!(refusal["code"], "badOffer");
    assert!(refusal["text"].as_str().unwrap().starts_with("The media offer was not accepted: "), "{refusal}");
    join(&server, "hall", 2).await;
}

#[tokio::test]
async fn the_answer_has_the_address_that_it_is_reached_at_and_those_outside() {
    let public: SocketAddr = "203.0.113.9:4443".parse().unwrap();
    let server =
        server(1, |config| config.media.public_addresses = vec![public.to_string().parse().unwrap()]);
    let (_ada, answer) = join(&server, "hall", 1).await;
    assert_eq!(answer.candidates.len(), 2, "{:?}", answer.candidates);
    assert!(answer.candidates.contains(&public) && answer.candidates.contains(&server.address));
    Peer::to(server.address).await.assert_answered(&answer, 1).await;
}

/// The peer is connected to the other address: it hears nothing from elsewhere.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_came_by_an_address_that_is_not_in_the_answer_is_answered_from_there() {
    let server = server(2, |config| config.listen = vec!["0.0.0.0".parse().unwrap()]);
    let (_ada, answer) = join(&server, "hall", 1).await;
    let other: SocketAddr = ([127, 0, 0, 2], server.port()).into();
    assert!(!answer.candidates.contains(&other));
    for transaction in 0..8 {
        Peer::to(other).await.assert_answered(&answer, transaction).await;
    }
}

/// As behind a proxy: the page comes from the loopback, and media from elsewhere.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn media_may_have_addresses_of_its_own() {
    let server = server(2, |config| config.media.listen = vec!["127.0.0.3".parse().unwrap()]);
    let (_ada, answer) = join(&server, "hall", 1).await;
    let media = SocketAddr::from(([127, 0, 0, 3], server.port()));
    assert_eq!(answer.candidates, [media]);
    Peer::to(media).await.assert_answered(&answer, 1).await;
}

#[tokio::test]
async fn media_has_ipv6_too() {
    let server = server(1, |config| config.listen = vec!["::1".parse().unwrap()]);
    let socket = soon("connecting", tokio::net::TcpStream::connect(server.address)).await.unwrap();
    let url = format!("ws://localhost:{}/ws", server.port());
    let mut ada = crate::support::open_websocket(socket, &url, &[]).await.unwrap();
    ada.join("hall", "Ada", 1).await;
    let answer = Answer::parse(&offer(&mut ada, OFFER).await);
    assert_eq!(answer.candidates, [server.address]);
    Peer::to(server.address).await.assert_answered(&answer, 1).await;
}

#[tokio::test]
async fn without_workers_there_is_no_media_plane_and_no_udp_socket() {
    let server = TestServer::with(|config| config.media.workers = MediaWorkers::Number(0));
    UdpSocket::bind(server.address).await.unwrap();
    let mut ada = server.websocket().await;
    ada.say(json!({ "type": "hello", "protocolVersion": 1, "client": "test" })).await;
    assert_eq!(ada.hear_type("welcome").await["features"]["sfu"], false);
    ada.say(crate::support::join("hall", "Ada", 1)).await;
    ada.hear_type("snapshot").await;
    assert_eq!(offer(&mut ada, OFFER).await["code"], "mediaUnavailable");
}

#[tokio::test]
async fn a_port_that_is_taken_for_udp_is_said_at_the_start() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let data = tempfile::tempdir().unwrap();
    let listen = vec!["127.0.0.1".parse().unwrap()];
    let config = Config { listen, port, data: Some(data.path().to_owned()), ..Config::default() };
    let error = Server::start(config).unwrap_err();
    assert!(matches!(error, StartError::PortInUse(in_use) if in_use == port), "{error}");
}

#[tokio::test]
async fn whoever_has_a_session_is_told_when_the_server_stops() {
    let server = server(2, |_| {});
    let mut ada = server.websocket().await;
    ada.join("hall", "Ada", 1).await;
    let mut session = Session::open(&mut ada).await;
    session.until("the connection", |event| matches!(event, Event::Connected)).await;
    let TestServer { server, .. } = server;
    let asked = Instant::now();
    server.stop().await;
    session.until("the goodbye", |event| matches!(event, Event::Closed)).await;
    assert!(asked.elapsed() < Duration::from_secs(3), "by silence it takes longer: {:?}", asked.elapsed());
}

#[tokio::test]
async fn it_stops_in_time_and_frees_the_port() {
    let server = server(2, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    Peer::to(server.address).await.assert_answered(&answer, 1).await;
    let TestServer { server, address, .. } = server;
    let asked = Instant::now();
    server.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(2));
    UdpSocket::bind(address).await.unwrap();
}

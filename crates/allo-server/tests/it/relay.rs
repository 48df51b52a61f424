//! The TURN server within the server, over real UDP: who comes through it, where to, and until when.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::UdpSocket;

use crate::{
    media::{Answer, Peer, join, server},
    stun::{BINDING_SUCCESS, kind},
    support::{WebSocket, soon},
    turn_client::{Ask, Turns},
    turn_wire::{
        ALLOCATE, BINDING, DATA, DATA_INDICATION, ERROR, MAPPED, Message, PEER, RELAYED, SEND_INDICATION,
        SUCCESS, TRANSPORT,
    },
};

/// REQUESTED-TRANSPORT: UDP.
pub(crate) const UDP: [u8; 4] = [17, 0, 0, 0];

/// What a participant was told of the TURN server.
pub(crate) struct Pass {
    pub(crate) username: String,
    pub(crate) credential: String,
}

impl Pass {
    /// Joins a room in which sessions are, and waits for the credentials.
    pub(crate) async fn of(socket: &mut WebSocket, room: &str, key: u128) -> Self {
        socket.join(room, "Ada", key).await;
        let said = socket.hear_type("relay").await;
        let text = |name: &str| said["relay"][name].as_str().unwrap().to_owned();
        Self { username: text("username"), credential: text("credential") }
    }
}

/// A TURN client, which says what a test wants said.
struct TurnClient {
    socket: UdpSocket,
    turns: Turns,
}

impl Ask for TurnClient {
    fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    async fn exchange(&mut self, bytes: &[u8]) -> Message {
        self.socket.send(bytes).await.unwrap();
        self.receive().await
    }
}

impl TurnClient {
    /// Asks for a nonce.
    async fn to(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        let mut client = Self { socket, turns: Turns::default() };
        client.challenge().await;
        client
    }

    async fn receive(&self) -> Message {
        let mut buffer = [0; 2_000];
        let length = soon("an answer", self.socket.recv(&mut buffer)).await.unwrap();
        Message::parse(&buffer[..length])
    }
}

#[track_caller]
pub(crate) fn assert_success(answer: &Message) {
    assert_eq!((answer.kind & ERROR, answer.error()), (SUCCESS, None));
}

/// Offers a session of somebody who has joined.
pub(crate) async fn offer(socket: &mut WebSocket) -> Answer {
    let tracks = json!([{ "mid": "0", "source": "mic" }]);
    let sdp = crate::media::OFFER;
    socket.say(json!({ "type": "mediaOffer", "session": 1, "sdp": sdp, "tracks": tracks })).await;
    Answer::parse(&socket.hear_type("mediaAnswer").await)
}

/// The system spreads datagrams over the workers by the port: of ten clients, some come to the wrong one. One address gets no more
/// challenges in a second.
#[tokio::test]
async fn a_check_goes_through_an_allocation_whichever_worker_it_comes_to() {
    let server = server(2, |_| {});
    for key in 0..2 {
        let mut socket = server.websocket().await;
        let pass = Pass::of(&mut socket, "hall", key).await;
        let answer = offer(&mut socket).await;
        let media = answer.candidates[0];
        for transaction in 0..5 {
            let mut client = TurnClient::to(server.address).await;
            let allocated = client.allocate(&pass).await;
            assert_success(&allocated);
            assert_ne!(allocated.address(RELAYED), client.socket.local_addr().unwrap());
            assert_success(&client.permit(&pass, media).await);
            let check = answer.check(transaction);
            let sent = client.message(SEND_INDICATION).with_address(PEER, media).with(DATA, &check);
            let received = client.exchange(&sent.bytes()).await;
            assert_eq!((received.kind, received.address(PEER)), (DATA_INDICATION, media));
            assert_eq!(kind(received.get(DATA).unwrap()), (BINDING_SUCCESS, transaction));

            assert_success(&client.bind(&pass, media).await);
            let length = u16::try_from(check.len()).unwrap().to_be_bytes();
            client.socket.send(&[&[0x40, 0], length.as_slice(), &check].concat()).await.unwrap();
            let mut buffer = [0; 2_000];
            let length = soon("channel data", client.socket.recv(&mut buffer)).await.unwrap();
            assert_eq!(buffer[..2], [0x40, 0]);
            assert_eq!(kind(&buffer[4..length]), (BINDING_SUCCESS, transaction));
        }
    }
}

/// A client takes nothing that does not come from where it sent to. The loopback is in no answer of a server with a network.
#[tokio::test]
async fn a_client_is_answered_from_where_it_sent_to() {
    let server = server(1, |config| config.media.listen = vec!["0.0.0.0".parse().unwrap()]);
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    for host in [1, 2] {
        let mut client = TurnClient::to(SocketAddr::from(([127, 0, 0, host], server.port()))).await;
        assert_success(&client.allocate(&pass).await);
    }
}

/// D1, D2: the only peers are the candidates of the answers.
#[tokio::test]
async fn any_other_peer_is_forbidden_however_it_is_written() {
    let server = server(1, |_| {});
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    let mut client = TurnClient::to(server.address).await;
    assert_success(&client.allocate(&pass).await);
    for peer in [
        "127.0.0.2:8443",
        "0.0.0.0:8443",
        "10.0.0.1:80",
        "169.254.169.254:80",
        "192.168.1.1:443",
        "203.0.113.9:9",
        "255.255.255.255:1",
        "[::1]:8443",
        "[::]:8443",
        "[::ffff:127.0.0.1]:8443",
        "[::ffff:10.0.0.1]:80",
        "[::127.0.0.1]:8443",
        "[64:ff9b::7f00:1]:80",
        "[2002:7f00:1::]:80",
        "[fe80::1]:80",
        "[fd00::1]:80",
    ] {
        let peer: SocketAddr = peer.parse().unwrap();
        assert_eq!(client.permit(&pass, peer).await.error(), Some(403), "{peer}");
        assert_eq!(client.bind(&pass, peer).await.error(), Some(403), "{peer}");
    }
    // The right address at another port, such as that of a database on the same machine.
    let other = SocketAddr::new(server.address.ip(), server.port() ^ 1);
    assert_eq!(client.bind(&pass, other).await.error(), Some(403));
}

/// D3: without credentials, or with those of somebody who is gone, nothing opens and nothing goes on.
#[tokio::test]
async fn who_leaves_is_let_through_no_more() {
    let server = server(2, |_| {});
    let mut socket = server.websocket().await;
    let pass = Pass::of(&mut socket, "hall", 1).await;
    let mut client = TurnClient::to(server.address).await;
    let guessed = Pass {
        credential: "guess".to_owned(),
        ..Pass { username: pass.username.clone(), credential: String::new() }
    };
    assert_eq!(client.allocate(&guessed).await.error(), Some(401));
    assert_success(&client.allocate(&pass).await);
    assert_success(&client.refresh(&pass).await);
    socket.say(json!({ "type": "leave" })).await;
    socket.closed().await;
    // The order to the worker is under way: the connection is closed before it is obeyed.
    let refused = soon("the end of the allocation", async {
        loop {
            if let Some(code) = client.refresh(&pass).await.error() {
                return code;
            }
        }
    });
    assert_eq!(refused.await, 401);
    assert_eq!(client.allocate(&pass).await.error(), Some(401));
}

/// D4, A16: who proves nothing gets an answer that is hardly longer than what it sent, and few of them.
#[tokio::test]
async fn strangers_are_challenged_seldom_and_briefly() {
    let server = server(1, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.connect(server.address).await.unwrap();
    let known = Peer::to(server.address).await;
    let mut sent = 0;
    for transaction in 0..200 {
        let request = Message::new(ALLOCATE, transaction).with(TRANSPORT, &UDP).bytes();
        sent += stranger.send(&request).await.unwrap();
        // Each waits for an answer to somebody else, so that no socket's buffer overflows.
        known.assert_answered(&answer, 0).await;
    }
    let (mut received, mut buffer) = (0, [0; 2_000]);
    while let Ok(length) = stranger.try_recv(&mut buffer) {
        received += length;
    }
    assert!(received > 0 && received < sent, "{received} bytes for {sent}");
}

/// A16: anybody is told how they are seen, some times in a second.
#[tokio::test]
async fn a_stranger_may_ask_how_it_is_seen_but_not_without_end() {
    let server = server(2, |_| {});
    let (_ada, answer) = join(&server, "hall", 1).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.connect(server.address).await.unwrap();
    let known = Peer::to(server.address).await;
    let request = Message::new(BINDING, 1).bytes();
    stranger.send(&request).await.unwrap();
    let mut buffer = [0; 100];
    let length = soon("an answer", stranger.recv(&mut buffer)).await.unwrap();
    let seen = Message::parse(&buffer[..length]);
    assert_eq!((seen.kind, seen.address(MAPPED)), (BINDING | SUCCESS, stranger.local_addr().unwrap()));
    for _ in 0..200 {
        stranger.send(&request).await.unwrap();
        // Each waits for an answer to somebody else, so that no socket's buffer overflows.
        known.assert_answered(&answer, 0).await;
    }
    let mut answers = 0;
    while let Ok(length) = stranger.try_recv(&mut buffer) {
        assert!(length <= request.len() + 12);
        answers += 1;
    }
    assert!(answers < 200, "{answers}");
}

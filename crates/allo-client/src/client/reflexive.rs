//! Where this machine's sockets are seen from outside, as the server's STUN server says (RFC 8489 §7).

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// How long to wait for an answer. Lower: a lost datagram costs less time; higher: a slow network is asked once.
const RETRY: Duration = Duration::from_millis(500);
/// Questions in a row without an answer. Then it is asked again after [`REFRESH`].
const TRIES_MAX: u32 = 5;
/// How often to ask whether it is still so. A router may forget in half a minute what it gave to a socket that says nothing.
const REFRESH: Duration = Duration::from_secs(15);

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// A socket, and where it is seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) base: SocketAddr,
    pub(crate) address: SocketAddr,
}

/// A question to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) bytes: [u8; HEADER],
}

/// Asks from each socket where it is seen, and again from time to time.
#[derive(Debug)]
pub(crate) struct Reflexive {
    server: Option<SocketAddr>,
    /// No more than there are sockets.
    sockets: BTreeMap<SocketAddr, Asked>,
    /// Begins each transaction, so that nobody answers who was not asked.
    secret: [u8; 8],
    transactions: u32,
    /// Emptied by the caller after each call, as the one below.
    questions: VecDeque<Question>,
    found: VecDeque<Mapping>,
}

#[derive(Debug)]
struct Asked {
    transaction: [u8; 12],
    tries: u32,
    due: Instant,
    address: Option<SocketAddr>,
}

impl Reflexive {
    pub(crate) fn new(secret: [u8; 8]) -> Self {
        Self {
            server: None,
            sockets: BTreeMap::new(),
            secret,
            transactions: 0,
            questions: VecDeque::new(),
            found: VecDeque::new(),
        }
    }

    /// Takes whom to ask, and from which sockets. Those of another family than the server's cannot ask.
    pub(crate) fn configure(&mut self, now: Instant, server: Option<SocketAddr>, sockets: &[SocketAddr]) {
        let can_ask = |socket: &SocketAddr| server.is_some_and(|it| it.is_ipv4() == socket.is_ipv4());
        if self.server != server {
            self.sockets.clear();
            self.server = server;
        }
        self.sockets.retain(|socket, _| sockets.contains(socket));
        for socket in sockets.iter().copied().filter(can_ask) {
            let fresh = || Asked { transaction: [0; 12], tries: 0, due: now, address: None };
            self.sockets.entry(socket).or_insert_with(fresh);
        }
        self.handle_timeout(now);
    }

    /// Takes a datagram if it is an answer; returns whether it is.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        if Some(source) != self.server {
            return false;
        }
        let Some(asked) = self.sockets.get_mut(&destination).filter(|asked| asked.tries > 0) else {
            return false;
        };
        let Some(address) = mapped_address(datagram, &asked.transaction) else { return false };
        (asked.tries, asked.due) = (0, now + REFRESH);
        if asked.address.replace(address) != Some(address) && address != destination {
            self.found.push_back(Mapping { base: destination, address });
        }
        true
    }

    /// Asks what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Some(server) = self.server else { return };
        for (socket, asked) in self.sockets.iter_mut().filter(|(_, asked)| asked.due <= now) {
            if asked.tries == TRIES_MAX {
                (asked.tries, asked.due) = (0, now + REFRESH);
                continue;
            }
            if asked.tries == 0 {
                self.transactions = self.transactions.wrapping_add(1);
                asked.transaction[..8].copy_from_slice(&self.secret);
                asked.transaction[8..].copy_from_slice(&self.transactions.to_be_bytes());
            }
            asked.tries += 1;
            asked.due = now + RETRY;
            let bytes = question(&asked.transaction);
            self.questions.push_back(Question { source: *socket, destination: server, bytes });
        }
    }

    /// Returns the next question to send.
    pub(crate) fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    /// Returns the next thing that was found out.
    pub(crate) fn poll_found(&mut self) -> Option<Mapping> {
        self.found.pop_front()
    }

    /// Returns when to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.sockets.values().map(|asked| asked.due).min()
    }
}

fn question(transaction: &[u8; 12]) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..2].copy_from_slice(&BINDING_REQUEST);
    bytes[4..8].copy_from_slice(&MAGIC_COOKIE);
    bytes[8..].copy_from_slice(transaction);
    bytes
}

/// Returns what an answer to a question says, or `None` if it is none.
fn mapped_address(datagram: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let (header, mut attributes) = datagram.split_at_checked(HEADER)?;
    if header[..2] != BINDING_SUCCESS || header[4..8] != MAGIC_COOKIE || header[8..] != *transaction {
        return None;
    }
    loop {
        let (head, rest) = attributes.split_at_checked(4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        if kind == XOR_MAPPED_ADDRESS {
            return xor_address(value, header);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// Reads XOR-MAPPED-ADDRESS (RFC 8489 §14.2): what it is masked with stands in the header.
fn xor_address(value: &[u8], header: &[u8]) -> Option<SocketAddr> {
    let (head, address) = value.split_at_checked(4)?;
    let port = u16::from_be_bytes([head[2] ^ header[4], head[3] ^ header[5]]);
    let plain: Vec<u8> = address.iter().zip(&header[4..]).map(|(byte, mask)| byte ^ mask).collect();
    let ip = match head[1] {
        1 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(plain).ok()?)),
        2 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(plain).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "198.51.100.1:8443";
    const SOCKET: &str = "192.168.1.2:50000";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn asking(now: Instant) -> (Reflexive, Question) {
        let mut reflexive = Reflexive::new([7; 8]);
        reflexive.configure(now, Some(at(SERVER)), &[at(SOCKET), at("[2001:db8::2]:50000")]);
        let question = reflexive.poll_question().unwrap();
        assert_eq!(reflexive.poll_question(), None, "the other family cannot ask");
        (reflexive, question)
    }

    /// Returns the answer that a socket with this address gets.
    fn answer(question: &Question, ip: [u8; 4], port: u16) -> Vec<u8> {
        let mut bytes = question.bytes.to_vec();
        bytes[..2].copy_from_slice(&BINDING_SUCCESS);
        bytes[3] = 20;
        // An attribute of five bytes that says nothing here, and its padding.
        bytes.extend([0x80, 0x22, 0, 5, b'a', b'l', b'l', b'o', b'!', 0, 0, 0]);
        bytes.extend([0, 0x20, 0, 8, 0, 1]);
        bytes.extend((port ^ 0x2112).to_be_bytes());
        bytes.extend(ip.iter().zip(MAGIC_COOKIE).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    #[test]
    fn what_a_router_made_of_a_socket_is_found_once() {
        let now = Instant::now();
        let (mut reflexive, question) = asking(now);
        assert_eq!((question.source, question.destination), (at(SOCKET), at(SERVER)));
        let bytes = answer(&question, [203, 0, 113, 9], 61_000);
        assert!(reflexive.handle_datagram(now, at(SERVER), at(SOCKET), &bytes));
        let found = Mapping { base: at(SOCKET), address: at("203.0.113.9:61000") };
        assert_eq!(reflexive.poll_found(), Some(found));
        assert!(!reflexive.handle_datagram(now, at(SERVER), at(SOCKET), &bytes), "it was asked once");
        reflexive.handle_timeout(now + REFRESH);
        let again = reflexive.poll_question().unwrap();
        assert_ne!(again.bytes, question.bytes);
        let bytes = answer(&again, [203, 0, 113, 9], 61_000);
        assert!(reflexive.handle_datagram(now + REFRESH, at(SERVER), at(SOCKET), &bytes));
        assert_eq!(reflexive.poll_found(), None);
    }

    #[test]
    fn a_socket_that_is_seen_as_it_is_adds_nothing() {
        let now = Instant::now();
        let (mut reflexive, question) = asking(now);
        let bytes = answer(&question, [192, 168, 1, 2], 50_000);
        assert!(reflexive.handle_datagram(now, at(SERVER), at(SOCKET), &bytes));
        assert_eq!(reflexive.poll_found(), None);
    }

    #[test]
    fn what_nobody_asked_for_is_left_to_others() {
        let now = Instant::now();
        let (mut reflexive, question) = asking(now);
        let bytes = answer(&question, [203, 0, 113, 9], 61_000);
        let mut wrong = bytes.clone();
        wrong[19] ^= 1;
        assert!(!reflexive.handle_datagram(now, at(SERVER), at(SOCKET), &wrong));
        assert!(!reflexive.handle_datagram(now, at("198.51.100.2:8443"), at(SOCKET), &bytes));
        for length in 0..bytes.len() {
            assert!(!reflexive.handle_datagram(now, at(SERVER), at(SOCKET), &bytes[..length]), "{length}");
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_asked_a_few_times() {
        let mut now = Instant::now();
        let (mut reflexive, _) = asking(now);
        let mut asked = 1;
        while reflexive.poll_timeout().unwrap() < now + REFRESH {
            now = reflexive.poll_timeout().unwrap();
            reflexive.handle_timeout(now);
            asked += std::iter::from_fn(|| reflexive.poll_question()).count();
        }
        assert_eq!(asked, usize::try_from(TRIES_MAX).unwrap());
    }
}

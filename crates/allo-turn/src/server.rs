//! The server: who has which allocation, and what becomes of what they send.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use crate::{
    allocation::{ALLOCATION_LIFE, Allocation},
    channel::{self, CHANNELS, DATA_MAX},
    credentials::{Claim, Credentials, Subject, TurnSecret},
    limit::{Answers, Bucket},
    message::{Class, Message, Method, Writer, kind},
};

/// The ports of relayed addresses, which are only names. Systems give none of them to programs that ask for no port, so a client on
/// this machine hardly ever has an address that is such a name, too.
const PORTS: RangeInclusive<u16> = 1_024..=17_407;

/// What servers are called in challenges. Four characters make the shortest one.
pub const REALM: &str = "allo";

/// The number of UDP, as what is to be relayed by (RFC 8656 §18.8).
const UDP: u8 = 17;

/// The bit of EVEN-PORT that asks for the port behind it, too (RFC 8656 §18.7).
const RESERVE: u8 = 0x80;

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct TurnConfig {
    /// What credentials and nonces are made from.
    pub secret: TurnSecret,
    /// What the server is called in challenges.
    pub realm: String,
    /// The addresses of the media plane: the only peers.
    pub media: Vec<SocketAddr>,
    /// How long credentials open allocations.
    ///
    /// Lower: those that were read along are of less use. Higher: they are renewed less often.
    pub credentials_life: Duration,
    /// Participants with credentials. Beyond, no more are given.
    pub subjects_max: usize,
    /// Allocations of one participant: one for each way that a browser tries, twice while it moves. Beyond: 486.
    pub allocations_per_subject: usize,
    /// Allocations of all. Beyond: 508. There are no more than 16,384 names for them.
    pub allocations_max: usize,
    /// What one allocation may send, and be sent, in bits per second. Beyond, it is dropped.
    pub bitrate_per_allocation: u64,
    /// What all may send, and be sent. Beyond, it is dropped.
    pub bitrate_max: u64,
}

impl TurnConfig {
    /// Returns what suits most servers.
    pub fn new(secret: TurnSecret, media: Vec<SocketAddr>) -> Self {
        Self {
            secret,
            realm: REALM.to_owned(),
            media,
            credentials_life: Duration::from_mins(5),
            subjects_max: 10_000,
            allocations_per_subject: 6,
            allocations_max: 4_096,
            bitrate_per_allocation: 12_000_000,
            bitrate_max: 2_000_000_000,
        }
    }
}

/// How a client reaches the server. TLS is TCP here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnProtocol {
    /// Each message is a datagram, and its source may be forged.
    Udp,
    /// Messages follow each other; a [`crate::Splitter`] takes them apart.
    Tcp,
}

/// A client, by its way to the server (the 5-tuple of RFC 8656 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// How it comes.
    pub protocol: TurnProtocol,
    /// From where.
    pub address: SocketAddr,
    /// To where.
    pub local: SocketAddr,
}

/// Something to send to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnTransmit {
    /// To whom.
    pub client: Client,
    /// The bytes.
    pub contents: Vec<u8>,
}

/// A datagram for the media plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The relayed address of who sends it.
    pub source: SocketAddr,
    /// The address of the media plane that it is for.
    pub destination: SocketAddr,
    /// The bytes.
    pub contents: Vec<u8>,
}

/// What was counted. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TurnCounters {
    /// Neither a message nor channel data, or nothing that a server is sent.
    pub bad: u64,
    /// Requests without the right proof that were answered.
    pub challenged: u64,
    /// Those that were not, and questions how somebody is seen, because there were too many.
    pub silenced: u64,
    /// Requests for peers that are not the media plane.
    pub forbidden: u64,
    /// Data without an allocation, a permission or a channel.
    pub strays: u64,
    /// Data beyond a rate.
    pub policed: u64,
}

/// A TURN server without sockets, threads or clock.
///
/// `handle_*` take what came from outside, and the time. [`Self::issue`] and [`Self::revoke`] are the commands of the control plane.
/// After each call, the caller asks [`Self::poll_transmit`] and [`Self::poll_relayed`] until there is nothing more.
#[derive(Debug)]
pub struct TurnServer {
    config: TurnConfig,
    allocations: BTreeMap<Client, Allocation>,
    relayed: BTreeMap<SocketAddr, Client>,
    ends: BTreeSet<(Instant, Client)>,
    subjects: BTreeMap<Subject, Participant>,
    answers: Answers,
    /// The same for those who ask how they are seen, so that neither uses up what is for the others.
    bindings: Answers,
    upwards: Bucket,
    downwards: Bucket,
    next_port: u16,
    /// Emptied by the caller after each call, so bounded by what one call makes.
    transmits: VecDeque<TurnTransmit>,
    /// As above.
    datagrams: VecDeque<Relayed>,
    counters: TurnCounters,
}

/// Somebody with credentials.
#[derive(Debug)]
struct Participant {
    /// When the latest of them end.
    until: Instant,
    allocations: usize,
}

impl TurnServer {
    /// Makes a server without allocations.
    pub fn new(now: Instant, config: TurnConfig) -> Self {
        Self {
            allocations: BTreeMap::new(),
            relayed: BTreeMap::new(),
            ends: BTreeSet::new(),
            subjects: BTreeMap::new(),
            answers: Answers::new(now),
            bindings: Answers::new(now),
            upwards: Bucket::new(now, config.bitrate_max),
            downwards: Bucket::new(now, config.bitrate_max),
            next_port: *PORTS.start(),
            transmits: VecDeque::new(),
            datagrams: VecDeque::new(),
            counters: TurnCounters::default(),
            config,
        }
    }

    /// Returns new credentials for a participant; `None` when too many have some. Those before stay good for their time.
    ///
    /// They open allocations for minutes. An allocation that is there lives on until [`Self::revoke`].
    pub fn issue(&mut self, now: Instant, subject: Subject) -> Option<Credentials> {
        if self.subjects.len() >= self.config.subjects_max {
            self.subjects.retain(|_, it| it.allocations > 0 || now < it.until);
        }
        let is_full = self.subjects.len() >= self.config.subjects_max;
        if is_full && !self.subjects.contains_key(&subject) {
            return None;
        }
        let until = now + self.config.credentials_life;
        let participant = self.subjects.entry(subject).or_insert(Participant { until, allocations: 0 });
        participant.until = participant.until.max(until);
        Some(self.config.secret.credentials(now, subject, self.config.credentials_life))
    }

    /// Ends all allocations of a participant. No credentials of it are good any more, unless more are issued.
    pub fn revoke(&mut self, subject: Subject) {
        self.subjects.remove(&subject);
        let own = self.allocations.iter().filter(|(_, it)| it.subject == subject);
        for client in own.map(|(client, _)| *client).collect::<Vec<_>>() {
            self.end(client);
        }
    }

    /// Changes the addresses of the media plane. What is for one that is gone is not relayed any more.
    pub fn set_media(&mut self, media: Vec<SocketAddr>) {
        self.config.media = media;
    }

    /// Takes a message or channel data from a client.
    pub fn handle_input(&mut self, now: Instant, client: Client, bytes: &[u8]) {
        match bytes.first().map(|first| first >> 6) {
            Some(0) => match Message::parse(bytes) {
                Some(message) => self.handle_message(now, client, &message),
                None => self.counters.bad += 1,
            },
            Some(1) => self.handle_channel_data(now, client, bytes),
            _ => self.counters.bad += 1,
        }
    }

    /// Takes a datagram from the media plane for a relayed address.
    pub fn handle_relayed(&mut self, now: Instant, source: SocketAddr, relayed: SocketAddr, data: &[u8]) {
        let client = self.relayed.get(&relayed).copied();
        let allocation = client.and_then(|client| Some((client, self.allocations.get_mut(&client)?)));
        let Some((client, allocation)) = allocation.filter(|(_, it)| it.permits(now, source.ip())) else {
            self.counters.strays += 1;
            return;
        };
        if !allocation.downwards.admit(now, data.len()) || !self.downwards.admit(now, data.len()) {
            self.counters.policed += 1;
            return;
        }
        let is_padded = client.protocol == TurnProtocol::Tcp;
        let contents = match allocation.channel(now, source) {
            Some(number) => channel::write(number, data, is_padded),
            None => Some(data_indication(source, data)),
        };
        self.transmits.extend(contents.map(|contents| TurnTransmit { client, contents }));
    }

    /// Records that the connection of a client is over.
    pub fn handle_closed(&mut self, client: Client) {
        self.end(client);
    }

    /// Lets time pass: ends what is not refreshed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, client)) = self.ends.first().copied().filter(|(at, _)| *at <= now) {
            self.end(client);
        }
    }

    /// Returns when [`Self::handle_timeout`] is to be called; `None` while there is no allocation.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Returns what is to be sent to a client next.
    pub fn poll_transmit(&mut self) -> Option<TurnTransmit> {
        self.transmits.pop_front()
    }

    /// Returns what is for the media plane next.
    pub fn poll_relayed(&mut self) -> Option<Relayed> {
        self.datagrams.pop_front()
    }

    /// Returns whether an address is the relayed one of an allocation.
    pub fn is_relayed(&self, address: SocketAddr) -> bool {
        self.relayed.contains_key(&address)
    }

    /// Returns whether a client has an allocation.
    pub fn has_allocation(&self, client: Client) -> bool {
        self.allocations.contains_key(&client)
    }

    /// Returns how many allocations there are.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// Returns what was counted.
    pub fn counters(&self) -> TurnCounters {
        self.counters
    }

    fn handle_message(&mut self, now: Instant, client: Client, message: &Message<'_>) {
        match (message.class, message.method) {
            (Class::Request, Method::Binding) => self.handle_binding(now, client, message),
            (Class::Request, Method::Send | Method::Data) | (Class::Success | Class::Error, _) => {
                self.counters.bad += 1;
            }
            (Class::Request, method) => self.handle_request(now, client, method, message),
            (Class::Indication, Method::Send) => self.handle_send(now, client, message),
            (Class::Indication, _) => self.counters.bad += 1,
        }
    }

    /// Anybody may ask how they are seen (RFC 8489 §2), but who proved nothing gets few answers: they go to whoever that one says to be.
    fn handle_binding(&mut self, now: Instant, client: Client, message: &Message<'_>) {
        if !self.has_allocation(client) && !self.bindings.admit(now, client.address.ip()) {
            self.counters.silenced += 1;
            return;
        }
        let answer = answer(Class::Success, message).push_address(kind::XOR_MAPPED_ADDRESS, client.address);
        self.transmits.push_back(TurnTransmit { client, contents: answer.finish() });
    }

    fn handle_request(&mut self, now: Instant, client: Client, method: Method, message: &Message<'_>) {
        let (claim, username) = match self.authenticate(now, client, message) {
            Ok(claim) => claim,
            Err(code) => return self.challenge(now, client, message, code),
        };
        let unknown: Vec<u8> = unknown_attributes(message).flat_map(u16::to_be_bytes).collect();
        let contents = if unknown.is_empty() {
            let outcome = match method {
                Method::Allocate => self.allocate(now, client, message, &claim, username),
                Method::Refresh => self.refresh(now, client, message),
                Method::CreatePermission => self.create_permission(now, client, message),
                _ => self.bind_channel(now, client, message),
            };
            self.counters.forbidden += u64::from(outcome.as_ref().err() == Some(&FORBIDDEN));
            outcome.unwrap_or_else(|code| answer(Class::Error, message).push_error(code))
        } else {
            answer(Class::Error, message).push_error(420).push(kind::UNKNOWN_ATTRIBUTES, &unknown)
        };
        let contents = contents.finish_with(&claim.key);
        self.transmits.push_back(TurnTransmit { client, contents });
    }

    /// Returns who a request is from (RFC 8489 §9.2.4), or the error.
    fn authenticate<'a>(
        &self,
        now: Instant,
        client: Client,
        message: &Message<'a>,
    ) -> Result<(Claim, &'a str), u16> {
        if !message.has_proof() {
            return Err(401);
        }
        let texts = [kind::USERNAME, kind::REALM, kind::NONCE].map(|kind| message.text(kind));
        let [Some(username), Some(realm), Some(nonce)] = texts else { return Err(400) };
        if !self.config.secret.is_good_nonce(now, nonce, client) {
            return Err(438);
        }
        let claim = self.config.secret.read(now, username, &self.config.realm).ok_or(401_u16)?;
        let is_there = self.subjects.contains_key(&claim.subject) && realm == self.config.realm;
        if !is_there || !message.proves(&claim.key) {
            return Err(401);
        }
        let own = self.allocations.get(&client);
        if own.is_some_and(|own| own.username != username) {
            return Err(441);
        }
        // Time ends what is still to be opened, and not what is open.
        if own.is_none() && !claim.is_current {
            return Err(401);
        }
        Ok((claim, username))
    }

    /// Answers a request that proves nothing, unless there are many.
    fn challenge(&mut self, now: Instant, client: Client, message: &Message<'_>, code: u16) {
        if !self.answers.admit(now, client.address.ip()) {
            self.counters.silenced += 1;
            return;
        }
        self.counters.challenged += 1;
        let mut answer = answer(Class::Error, message).push_error(code);
        if code == 401 || code == 438 {
            let nonce = self.config.secret.nonce(now, client);
            answer =
                answer.push(kind::REALM, self.config.realm.as_bytes()).push(kind::NONCE, nonce.as_bytes());
        }
        self.transmits.push_back(TurnTransmit { client, contents: answer.finish() });
    }

    /// RFC 8656 §7.2.
    fn allocate(
        &mut self,
        now: Instant,
        client: Client,
        message: &Message<'_>,
        claim: &Claim,
        username: &str,
    ) -> Result<Writer, u16> {
        if let Some(own) = self.allocations.get(&client) {
            return if own.transaction == message.transaction {
                Ok(allocated(client, own, message))
            } else {
                Err(437)
            };
        }
        match message.get(kind::REQUESTED_TRANSPORT) {
            Some([UDP, ..]) => {}
            Some([_, ..]) => return Err(442),
            _ => return Err(400),
        }
        // A port is a name, so it can well be even; but the next one is kept for nobody.
        let is_even = match (message.get(kind::EVEN_PORT), message.get(kind::RESERVATION_TOKEN)) {
            (None, None) => false,
            (Some(_), Some(_)) => return Err(400),
            (Some([bits, ..]), None) if bits & RESERVE == 0 => true,
            _ => return Err(508),
        };
        let is_ipv4 = match message.get(kind::REQUESTED_ADDRESS_FAMILY) {
            None | Some([1, ..]) => true,
            Some([2, ..]) => false,
            Some(_) => return Err(440),
        };
        let media = self.config.media.iter().find(|it| it.is_ipv4() == is_ipv4).ok_or(440_u16)?.ip();
        let participant = self.subjects.get_mut(&claim.subject).ok_or(401_u16)?;
        if participant.allocations >= self.config.allocations_per_subject {
            return Err(486);
        }
        if self.allocations.len() >= self.config.allocations_max {
            return Err(508);
        }
        let is_taken = |name: SocketAddr| {
            self.config.media.contains(&name)
                || self.relayed.contains_key(&name)
                || (is_even && !name.port().is_multiple_of(2))
        };
        let relayed = free_name(&mut self.next_port, media, is_taken).ok_or(508_u16)?;
        participant.allocations += 1;
        let who = (claim.subject, username);
        let rate = self.config.bitrate_per_allocation;
        let allocation = Allocation::new(now, who, relayed, message.transaction, rate);
        let answer = allocated(client, &allocation, message);
        self.ends.insert((allocation.expires_at, client));
        self.relayed.insert(relayed, client);
        self.allocations.insert(client, allocation);
        Ok(answer)
    }

    /// RFC 8656 §8.2.
    fn refresh(&mut self, now: Instant, client: Client, message: &Message<'_>) -> Result<Writer, u16> {
        let own = self.allocations.get_mut(&client).ok_or(437_u16)?;
        let is_end = message.number(kind::LIFETIME) == Some(0);
        if is_end {
            self.end(client);
            return Ok(answer(Class::Success, message).push_number(kind::LIFETIME, 0));
        }
        self.ends.remove(&(own.expires_at, client));
        own.expires_at = now + ALLOCATION_LIFE;
        self.ends.insert((own.expires_at, client));
        Ok(answer(Class::Success, message).push_number(kind::LIFETIME, lifetime()))
    }

    /// RFC 8656 §10.2. The ports of peers count for nothing here, but for everything where something is sent to one.
    fn create_permission(
        &mut self,
        now: Instant,
        client: Client,
        message: &Message<'_>,
    ) -> Result<Writer, u16> {
        let own = self.allocations.get_mut(&client).ok_or(437_u16)?;
        let mut peers = Vec::new();
        for peer in message.addresses(kind::XOR_PEER_ADDRESS) {
            let peer = peer.ok_or(400_u16)?.ip();
            if !self.config.media.iter().any(|media| media.ip() == peer) {
                return Err(FORBIDDEN);
            }
            if peer.is_ipv4() != own.relayed.is_ipv4() {
                return Err(443);
            }
            peers.push(peer);
        }
        if peers.is_empty() {
            return Err(400);
        }
        for peer in peers {
            own.permit(now, peer);
        }
        Ok(answer(Class::Success, message))
    }

    /// RFC 8656 §12.2.
    fn bind_channel(&mut self, now: Instant, client: Client, message: &Message<'_>) -> Result<Writer, u16> {
        let own = self.allocations.get_mut(&client).ok_or(437_u16)?;
        let number = match message.get(kind::CHANNEL_NUMBER) {
            Some([high, low, _, _]) => u16::from_be_bytes([*high, *low]),
            _ => return Err(400),
        };
        let peer = message.addresses(kind::XOR_PEER_ADDRESS).next().flatten().ok_or(400_u16)?;
        if !self.config.media.contains(&peer) {
            return Err(FORBIDDEN);
        }
        if peer.is_ipv4() != own.relayed.is_ipv4() {
            return Err(443);
        }
        if !CHANNELS.contains(&number) || own.bind(now, number, peer).is_err() {
            return Err(400);
        }
        Ok(answer(Class::Success, message))
    }

    /// RFC 8656 §11.2. An indication has no proof: that its way belongs to somebody is what it goes by.
    fn handle_send(&mut self, now: Instant, client: Client, message: &Message<'_>) {
        let peer = message.addresses(kind::XOR_PEER_ADDRESS).next().flatten();
        let (Some(peer), Some(data)) = (peer, message.get(kind::DATA)) else {
            self.counters.bad += 1;
            return;
        };
        let own = self.allocations.get(&client);
        if own.is_some_and(|own| own.permits(now, peer.ip())) {
            self.relay(now, client, peer, data);
        } else {
            self.counters.strays += 1;
        }
    }

    /// RFC 8656 §12.6.
    fn handle_channel_data(&mut self, now: Instant, client: Client, bytes: &[u8]) {
        let Some((number, data)) = channel::read(bytes) else {
            self.counters.bad += 1;
            return;
        };
        match self.allocations.get(&client).and_then(|own| own.peer(now, number)) {
            Some(peer) => self.relay(now, client, peer, data),
            None => self.counters.strays += 1,
        }
    }

    fn relay(&mut self, now: Instant, client: Client, peer: SocketAddr, data: &[u8]) {
        let Some(own) = self.allocations.get_mut(&client).filter(|_| self.config.media.contains(&peer))
        else {
            self.counters.strays += 1;
            return;
        };
        if data.is_empty() || data.len() > DATA_MAX {
            self.counters.bad += 1;
            return;
        }
        if !own.upwards.admit(now, data.len()) || !self.upwards.admit(now, data.len()) {
            self.counters.policed += 1;
            return;
        }
        self.datagrams.push_back(Relayed { source: own.relayed, destination: peer, contents: data.to_vec() });
    }

    fn end(&mut self, client: Client) {
        let Some(own) = self.allocations.remove(&client) else { return };
        self.relayed.remove(&own.relayed);
        self.ends.remove(&(own.expires_at, client));
        if let Some(participant) = self.subjects.get_mut(&own.subject) {
            participant.allocations -= 1;
        }
    }
}

/// The error for a peer that is not the media plane.
const FORBIDDEN: u16 = 403;

fn answer(class: Class, message: &Message<'_>) -> Writer {
    Writer::new(class, message.method, message.transaction)
}

fn lifetime() -> u32 {
    u32::try_from(ALLOCATION_LIFE.as_secs()).unwrap_or(u32::MAX)
}

fn allocated(client: Client, own: &Allocation, message: &Message<'_>) -> Writer {
    answer(Class::Success, message)
        .push_address(kind::XOR_RELAYED_ADDRESS, own.relayed)
        .push_address(kind::XOR_MAPPED_ADDRESS, client.address)
        .push_number(kind::LIFETIME, lifetime())
}

/// An indication is not answered, so its name need not differ from that of others.
fn data_indication(source: SocketAddr, data: &[u8]) -> Vec<u8> {
    let writer = Writer::new(Class::Indication, Method::Data, [0; 12]);
    writer.push_address(kind::XOR_PEER_ADDRESS, source).push(kind::DATA, data).finish()
}

/// Returns a relayed address that is not taken: the next port, or one of those behind it.
fn free_name(next: &mut u16, own: IpAddr, is_taken: impl Fn(SocketAddr) -> bool) -> Option<SocketAddr> {
    for _ in PORTS {
        let name = SocketAddr::new(own, *next);
        *next = if PORTS.contains(&(*next + 1)) { *next + 1 } else { *PORTS.start() };
        if !is_taken(name) {
            return Some(name);
        }
    }
    None
}

/// Returns the attributes that must be understood, and are not.
fn unknown_attributes(message: &Message<'_>) -> impl Iterator<Item = u16> {
    const KNOWN: [u16; 11] = [
        kind::USERNAME,
        kind::CHANNEL_NUMBER,
        kind::LIFETIME,
        kind::XOR_PEER_ADDRESS,
        kind::DATA,
        kind::REALM,
        kind::NONCE,
        kind::REQUESTED_ADDRESS_FAMILY,
        kind::EVEN_PORT,
        kind::REQUESTED_TRANSPORT,
        kind::RESERVATION_TOKEN,
    ];
    message.all().map(|(kind, _)| kind).filter(|it| *it < kind::OPTIONAL && !KNOWN.contains(it))
}

//! Messages as a client writes and reads them, without a line of the server's.

use std::net::SocketAddr;

use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};

pub(crate) const BINDING: u16 = 0x001;
pub(crate) const ALLOCATE: u16 = 0x003;
pub(crate) const REFRESH: u16 = 0x004;
pub(crate) const SEND_INDICATION: u16 = 0x016;
pub(crate) const DATA_INDICATION: u16 = 0x017;
pub(crate) const CREATE_PERMISSION: u16 = 0x008;
pub(crate) const CHANNEL_BIND: u16 = 0x009;
pub(crate) const SUCCESS: u16 = 0x100;
pub(crate) const ERROR: u16 = 0x110;

pub(crate) const USERNAME: u16 = 0x06;
pub(crate) const INTEGRITY: u16 = 0x08;
pub(crate) const ERROR_CODE: u16 = 0x09;
pub(crate) const UNKNOWN: u16 = 0x0a;
pub(crate) const CHANNEL: u16 = 0x0c;
pub(crate) const LIFETIME: u16 = 0x0d;
pub(crate) const PEER: u16 = 0x12;
pub(crate) const DATA: u16 = 0x13;
pub(crate) const REALM: u16 = 0x14;
pub(crate) const NONCE: u16 = 0x15;
pub(crate) const RELAYED: u16 = 0x16;
pub(crate) const FAMILY: u16 = 0x17;
pub(crate) const EVEN_PORT: u16 = 0x18;
pub(crate) const TRANSPORT: u16 = 0x19;
pub(crate) const MAPPED: u16 = 0x20;
pub(crate) const RESERVATION: u16 = 0x22;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A message under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) transaction: [u8; 12],
    pub(crate) attributes: Vec<(u16, Vec<u8>)>,
}

impl Message {
    pub(crate) fn new(kind: u16, transaction: u8) -> Self {
        Self { kind, transaction: [transaction; 12], attributes: Vec::new() }
    }

    pub(crate) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    pub(crate) fn with_address(self, kind: u16, address: SocketAddr) -> Self {
        let value = mask(&encode(address), &self.transaction);
        self.with(kind, &value)
    }

    pub(crate) fn get(&self, kind: u16) -> Option<&[u8]> {
        self.attributes.iter().find(|(it, _)| *it == kind).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn text(&self, kind: u16) -> String {
        String::from_utf8(self.get(kind).unwrap_or_default().to_vec()).unwrap()
    }

    pub(crate) fn address(&self, kind: u16) -> SocketAddr {
        decode(&mask(self.get(kind).unwrap(), &self.transaction))
    }

    /// Returns the code of an error.
    pub(crate) fn error(&self) -> Option<u16> {
        let value = self.get(ERROR_CODE)?;
        Some(u16::from(value[2]) * 100 + u16::from(value[3]))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.kind.to_be_bytes(), [0; 2]].concat();
        bytes.extend(COOKIE);
        bytes.extend(self.transaction);
        for (kind, value) in &self.attributes {
            bytes.extend(kind.to_be_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        set_length(&mut bytes, 0);
        bytes
    }

    /// Returns the bytes with a proof by these credentials.
    pub(crate) fn proved(&self, username: &str, realm: &str, password: &str) -> Vec<u8> {
        let mut covered = self.bytes();
        set_length(&mut covered, 24);
        let key = Md5::digest(format!("{username}:{realm}:{password}"));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), &covered);
        self.clone().with(INTEGRITY, tag.as_ref()).bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!((usize::from(number(2)) + 20, &bytes[4..8]), (bytes.len(), COOKIE.as_slice()));
        let mut message =
            Self { kind: number(0), transaction: bytes[8..20].try_into().unwrap(), attributes: Vec::new() };
        let mut at = 20;
        while at < bytes.len() {
            let length = usize::from(number(at + 2));
            message.attributes.push((number(at), bytes[at + 4..at + 4 + length].to_vec()));
            at += 4 + length.next_multiple_of(4);
        }
        message
    }
}

fn set_length(bytes: &mut [u8], more: usize) {
    let length = u16::try_from(bytes.len() - 20 + more).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
}

fn encode(address: SocketAddr) -> Vec<u8> {
    let port = address.port().to_be_bytes();
    match address {
        SocketAddr::V4(it) => [&[0, 1], port.as_slice(), &it.ip().octets()].concat(),
        SocketAddr::V6(it) => [&[0, 2], port.as_slice(), &it.ip().octets()].concat(),
    }
}

fn decode(value: &[u8]) -> SocketAddr {
    let port = u16::from_be_bytes([value[2], value[3]]);
    match value[1] {
        1 => (<[u8; 4]>::try_from(&value[4..]).unwrap(), port).into(),
        _ => (<[u8; 16]>::try_from(&value[4..]).unwrap(), port).into(),
    }
}

/// Masks the port and the address, or takes the mask off.
fn mask(value: &[u8], transaction: &[u8; 12]) -> Vec<u8> {
    let mask = [&COOKIE, transaction.as_slice()].concat();
    let (head, address) = value.split_at(4);
    let port = [head[2] ^ mask[0], head[3] ^ mask[1]];
    let address = address.iter().zip(&mask).map(|(byte, mask)| byte ^ mask);
    [&head[..2], &port].concat().into_iter().chain(address).collect()
}

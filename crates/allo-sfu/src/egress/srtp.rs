//! Encryption of what goes out, and of the reports that come in (RFC 3711, RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

/// What a packet grows by at most.
pub(crate) const TAG_MAX: usize = GCM_TAG;

const GCM_TAG: usize = 16;
/// The tag of `AES_CM_128_HMAC_SHA1_80` has the first 80 bits of the HMAC.
const HMAC_TAG: usize = 10;
/// The index at the end of a report, and the bit in it that says that it is encrypted.
const INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// The header of a report and the SSRC of who sent it, which are not encrypted.
const REPORT_HEADER: usize = 8;

/// What the ends agreed upon in the handshake (RFC 5764 §4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Aes128CmSha1,
    Aes128Gcm,
    Aes256Gcm,
}

impl Profile {
    fn lengths(self) -> (usize, usize) {
        match self {
            Self::Aes128CmSha1 => (16, 14),
            Self::Aes128Gcm => (16, 12),
            Self::Aes256Gcm => (32, 12),
        }
    }
}

/// The keys of one transport, for both ways.
#[derive(Debug)]
pub(crate) struct Srtp {
    pub(crate) outgoing: Sealer,
    pub(crate) reports: ReportOpener,
}

impl Srtp {
    /// Makes the keys from what the handshake brought; `is_client` says which end of it this one was. Returns `None` if it brought
    /// too little.
    pub(crate) fn new(profile: Profile, material: &[u8], is_client: bool) -> Option<Self> {
        let (key, salt) = profile.lengths();
        let material = material.get(..2 * (key + salt))?;
        // The client's key, the server's, and their salts likewise (RFC 5764 §4.2).
        let (keys, salts) = material.split_at(2 * key);
        let master = |of_client: bool| {
            let n = usize::from(!of_client);
            Master { profile, key: &keys[n * key..][..key], salt: &salts[n * salt..][..salt] }
        };
        let (own, other) = (master(is_client), master(!is_client));
        Some(Self {
            outgoing: Sealer { media: own.derive(0)?, reports: own.derive(3)?, index: 0 },
            reports: ReportOpener { keys: other.derive(3)?, windows: Vec::new() },
        })
    }
}

/// A master key with its salt.
struct Master<'a> {
    profile: Profile,
    key: &'a [u8],
    salt: &'a [u8],
}

impl Master<'_> {
    /// Derives the keys for media, whose labels begin at 0, or for reports, at 3 (RFC 3711 §4.3.2).
    fn derive(&self, label: u8) -> Option<Keys> {
        let (key, salt) = self.profile.lengths();
        let key = self.stream(label, key)?;
        let salt = self.stream(label + 2, salt)?;
        let cipher = match self.profile {
            Profile::Aes128CmSha1 => {
                let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &key).ok()?).ok()?;
                let mac = self.stream(label + 1, 20)?;
                let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &mac);
                Cipher::CounterMode(Box::new((key, mac)))
            }
            Profile::Aes128Gcm => Cipher::Gcm(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?)),
            Profile::Aes256Gcm => Cipher::Gcm(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?)),
        };
        let mut padded = [0; 14];
        padded[..salt.len()].copy_from_slice(&salt);
        Some(Keys { cipher, salt: padded })
    }

    /// Returns the first bytes of the key stream of a label.
    fn stream(&self, label: u8, length: usize) -> Option<Vec<u8>> {
        let mut iv = [0; 16];
        iv[..self.salt.len()].copy_from_slice(self.salt);
        iv[7] ^= label;
        let algorithm = if self.key.len() == 32 { &AES_256 } else { &AES_128 };
        let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, self.key).ok()?).ok()?;
        let mut stream = vec![0; length];
        key.less_safe_encrypt(&mut stream, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
        Some(stream)
    }
}

#[derive(Debug)]
struct Keys {
    cipher: Cipher,
    /// Filled up with zeros where it has 12 bytes.
    salt: [u8; 14],
}

#[derive(Debug)]
enum Cipher {
    Gcm(LessSafeKey),
    CounterMode(Box<(EncryptingKey, hmac::Key)>),
}

impl Keys {
    /// Returns the nonce of GCM: the SSRC and six bytes of index (RFC 7714 §8.1, §9.1).
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        nonce.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte ^= salt);
        Nonce::assume_unique_for_key(nonce)
    }

    /// Returns where the counter begins (RFC 3711 §4.1.1).
    fn counter(&self, ssrc: u32, index: u64) -> EncryptionContext {
        let mut iv = [0; 16];
        iv[4..8].copy_from_slice(&ssrc.to_be_bytes());
        iv[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
        iv.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte ^= salt);
        EncryptionContext::Iv128(FixedLength::from(iv))
    }
}

/// Encrypts and signs what goes out.
#[derive(Debug)]
pub(crate) struct Sealer {
    media: Keys,
    reports: Keys,
    /// The index of the latest report. The engine's reports have an index of their own and other SSRCs.
    index: u32,
}

impl Sealer {
    /// Seals the packet of media at the end, of which it is said where it begins and where its payload does. No index may come twice under
    /// one SSRC, or all is lost.
    pub(crate) fn seal(
        &self,
        packets: &mut Vec<u8>,
        (start, payload_start): (usize, usize),
        ssrc: u32,
        index: u64,
    ) -> Option<()> {
        let packet = packets.get_mut(start..)?;
        let (head, payload) = packet.split_at_mut_checked(payload_start.checked_sub(start)?)?;
        match &self.media.cipher {
            Cipher::Gcm(key) => {
                let nonce = self.media.nonce(ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*head), payload).ok()?;
                packets.extend_from_slice(tag.as_ref());
            }
            Cipher::CounterMode(keys) => {
                let (key, mac) = &**keys;
                key.less_safe_encrypt(payload, self.media.counter(ssrc, index)).ok()?;
                // The upper 32 bits of the index are signed, and not sent (RFC 3711 §4.2).
                let mut context = hmac::Context::with_key(mac);
                context.update(packet);
                context.update(&index.to_be_bytes()[2..6]);
                packets.extend_from_slice(&context.sign().as_ref()[..HMAC_TAG]);
            }
        }
        Some(())
    }

    /// Seals a compound of reports, whose first one says the SSRC.
    pub(crate) fn seal_report(&mut self, report: &mut Vec<u8>) -> Option<()> {
        let ssrc = ssrc_of_report(report)?;
        self.index = self.index.checked_add(1).filter(|index| *index < ENCRYPTED)?;
        let index = self.index;
        let marked = (index | ENCRYPTED).to_be_bytes();
        let (head, payload) = report.split_at_mut_checked(REPORT_HEADER)?;
        match &self.reports.cipher {
            Cipher::Gcm(key) => {
                let nonce = self.reports.nonce(ssrc, index.into());
                let signed = [&*head, &marked].concat();
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(signed), payload).ok()?;
                report.extend_from_slice(tag.as_ref());
                report.extend_from_slice(&marked);
            }
            Cipher::CounterMode(keys) => {
                let (key, mac) = &**keys;
                key.less_safe_encrypt(payload, self.reports.counter(ssrc, index.into())).ok()?;
                report.extend_from_slice(&marked);
                let tag = hmac::sign(mac, report);
                report.extend_from_slice(&tag.as_ref()[..HMAC_TAG]);
            }
        }
        Some(())
    }
}

/// Checks and decrypts the reports that come in.
#[derive(Debug)]
pub(crate) struct ReportOpener {
    keys: Keys,
    /// What came of each sender. There are as many as the other end has streams; beyond [`SENDERS_MAX`], whose index is not
    /// remembered any more is not heard.
    windows: Vec<(u32, Window)>,
}

/// Senders of reports at one end. A browser has one for each stream that it sends.
const SENDERS_MAX: usize = 32;

impl ReportOpener {
    /// Returns the reports in a datagram, or `None` if it is not genuine or came before.
    pub(crate) fn open(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let ssrc = ssrc_of_report(datagram)?;
        let mut report = datagram.to_vec();
        let marked = match &self.keys.cipher {
            Cipher::Gcm(key) => {
                let marked = split_index(&mut report)?;
                let signed = [report.get(..REPORT_HEADER)?, &marked.to_be_bytes()].concat();
                let nonce = self.keys.nonce(ssrc, (marked & !ENCRYPTED).into());
                if marked & ENCRYPTED == 0 {
                    // What is signed only is allowed, and nobody does it (RFC 7714 §9.3).
                    return None;
                }
                let sealed = report.get_mut(REPORT_HEADER..)?;
                let length = key.open_in_place(nonce, Aad::from(signed), sealed).ok()?.len();
                report.truncate(REPORT_HEADER + length);
                marked
            }
            Cipher::CounterMode(keys) => {
                let (key, mac) = &**keys;
                let tag = report.len().checked_sub(HMAC_TAG).map(|at| report.split_off(at))?;
                let mut context = hmac::Context::with_key(mac);
                context.update(&report);
                let expected = context.sign();
                aws_lc_rs::constant_time::verify_slices_are_equal(&expected.as_ref()[..HMAC_TAG], &tag)
                    .ok()?;
                let marked = split_index(&mut report)?;
                if marked & ENCRYPTED != 0 {
                    let counter = self.keys.counter(ssrc, (marked & !ENCRYPTED).into());
                    key.less_safe_encrypt(report.get_mut(REPORT_HEADER..)?, counter).ok()?;
                }
                marked
            }
        };
        self.admit(ssrc, (marked & !ENCRYPTED).into()).then_some(report)
    }

    fn admit(&mut self, ssrc: u32, index: u64) -> bool {
        if let Some((_, window)) = self.windows.iter_mut().find(|(of, _)| *of == ssrc) {
            return window.admit(index);
        }
        let is_free = self.windows.len() < SENDERS_MAX;
        if is_free {
            let mut window = Window::default();
            window.admit(index);
            self.windows.push((ssrc, window));
        }
        is_free
    }
}

fn ssrc_of_report(report: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(report.get(4..8)?.try_into().ok()?))
}

fn split_index(report: &mut Vec<u8>) -> Option<u32> {
    let at = report.len().checked_sub(INDEX).filter(|at| *at >= REPORT_HEADER)?;
    let index = report.split_off(at);
    Some(u32::from_be_bytes(index.try_into().ok()?))
}

/// Which indices were seen (RFC 3711 §3.3.2): each counts once, and what is 128 behind the highest not at all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    /// One more than the highest.
    end: u64,
    /// The one before the end is the lowest bit.
    seen: u128,
}

impl Window {
    /// Takes an index, and returns whether it is new.
    pub(crate) fn admit(&mut self, index: u64) -> bool {
        if index >= self.end {
            let ahead = u32::try_from(index - self.end + 1).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.end = index + 1;
            return true;
        }
        let bit = u32::try_from(self.end - 1 - index).ok().and_then(|behind| 1u128.checked_shl(behind));
        let is_new = bit.is_some_and(|bit| self.seen & bit == 0);
        self.seen |= bit.unwrap_or(0);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [Profile; 3] = [Profile::Aes128CmSha1, Profile::Aes128Gcm, Profile::Aes256Gcm];

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// Returns both ends of a transport.
    fn ends(profile: Profile) -> [Srtp; 2] {
        let material: Vec<u8> = (0..100).collect();
        [true, false].map(|is_client| Srtp::new(profile, &material, is_client).unwrap())
    }

    #[test]
    fn keys_are_derived_as_in_the_standard() {
        // RFC 3711 appendix B.3.
        let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        let master = Master { profile: Profile::Aes128CmSha1, key: &key, salt: &salt };
        assert_eq!(master.stream(0, 16).unwrap(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(master.stream(2, 14).unwrap(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(master.stream(1, 20).unwrap(), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn media_is_sealed_with_gcm_as_in_the_standard() {
        // RFC 7714 §16.1.1.
        let key = hex("000102030405060708090a0b0c0d0e0f");
        let cipher = || Cipher::Gcm(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap()));
        let mut salt = [0; 14];
        salt[..12].copy_from_slice(&hex("51756964 2070726f 2071756f"));
        let keys = || Keys { cipher: cipher(), salt };
        let sealer = Sealer { media: keys(), reports: keys(), index: 0 };
        let mut packet = hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
                 69736120 696e2070 61727465 73207472 6573");
        sealer.seal(&mut packet, (0, 12), 0x5501_a0b2, 0xf17b).unwrap();
        let expected = hex("8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
                            0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce");
        assert_eq!(packet, expected);
    }

    #[test]
    fn what_one_end_seals_the_other_opens_once() {
        for profile in PROFILES {
            let [mut one, mut other] = ends(profile);
            let plain = [&[0x80, 200, 0, 6, 1, 2, 3, 4][..], &[7; 20]].concat();
            let mut sealed = plain.clone();
            one.outgoing.seal_report(&mut sealed).unwrap();
            assert_ne!(sealed[8..28], plain[8..28]);
            assert_eq!(other.reports.open(&sealed), Some(plain.clone()), "{profile:?}");
            assert_eq!(other.reports.open(&sealed), None, "it came before");
            let mut second = plain.clone();
            one.outgoing.seal_report(&mut second).unwrap();
            assert_eq!(other.reports.open(&second), Some(plain));
        }
    }

    #[test]
    fn what_was_changed_or_cut_off_is_not_opened() {
        for profile in PROFILES {
            let [mut one, mut other] = ends(profile);
            let mut sealed = [&[0x80, 201, 0, 1, 1, 2, 3, 4][..], &[7; 24]].concat();
            one.outgoing.seal_report(&mut sealed).unwrap();
            for n in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[n] ^= 0x10;
                assert_eq!(other.reports.open(&changed), None, "{profile:?}, byte {n}");
                assert_eq!(other.reports.open(&sealed[..n]), None, "{profile:?}, {n} bytes");
            }
            assert!(other.reports.open(&sealed).is_some());
        }
    }

    #[test]
    fn a_window_takes_each_index_once() {
        let mut window = Window::default();
        let taken: Vec<u64> = [5, 5, 7, 6, 6, 300, 299, 173, 172, 7, 300, 301]
            .into_iter()
            .filter(|n| window.admit(*n))
            .collect();
        assert_eq!(taken, [5, 7, 6, 300, 299, 173, 301]);
    }

    #[test]
    fn more_senders_than_there_can_be_are_not_heard() {
        let [mut one, mut other] = ends(Profile::Aes128Gcm);
        let mut is_heard = |ssrc: u8| {
            let mut sealed = vec![0x80, 201, 0, 1, 0, 0, 0, ssrc];
            one.outgoing.seal_report(&mut sealed).unwrap();
            other.reports.open(&sealed).is_some()
        };
        let heard = (0..100).filter(|ssrc| is_heard(*ssrc)).count();
        assert_eq!(heard, SENDERS_MAX);
        assert!(is_heard(0));
    }
}

//! A participant who has keys of his own and encrypts whatever he likes with them (RFC 3711, RFC 7714).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use allo_dtls::cryptography;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

/// What a handshake agreed on: the keying material, and whether this end began it.
type Agreed = Arc<Mutex<Option<(Vec<u8>, bool)>>>;

/// Encrypts packets as the engine of a participant does, with what its handshake agreed on.
#[derive(Debug, Clone)]
pub(crate) struct Forger {
    agreed: Agreed,
    reports: u32,
    /// Packets that are sent by the data channel before the next one of the engine.
    pub(crate) before: Before,
}

/// See [`Forger::before`].
pub(crate) type Before = Arc<Mutex<VecDeque<Vec<u8>>>>;

impl Forger {
    /// Makes one that learns the keys of the participant who has this cryptography.
    pub(crate) fn new() -> (Self, CryptoProvider) {
        let agreed = Agreed::default();
        let provider = cryptography();
        let before = Before::default();
        let (inner, agreed_by) = (provider.dtls_provider, Arc::clone(&agreed));
        let tap = Tap { inner, agreed: agreed_by, before: Arc::clone(&before) };
        let provider = CryptoProvider { dtls_provider: Box::leak(Box::new(tap)), ..provider };
        // Reports are numbered, and those of the engine begin at 1.
        (Self { agreed, reports: 1 << 20, before }, provider)
    }

    /// Encrypts a packet of media that consists of these two. The header has 12 bytes at least, and its number has not overflowed.
    pub(crate) fn media(&self, header: &[u8], payload: &[u8]) -> Vec<u8> {
        let (key, mut iv) = self.keys(0);
        xor(&mut iv[2..6], &header[8..12]);
        xor(&mut iv[10..12], &header[2..4]);
        [header.to_vec(), seal(key, &iv, header, payload)].concat()
    }

    /// Encrypts reports, of which the first has 8 bytes at least.
    pub(crate) fn reports(&mut self, reports: &[u8]) -> Vec<u8> {
        self.reports += 1;
        let (key, mut iv) = self.keys(3);
        let number = (self.reports | 1 << 31).to_be_bytes();
        xor(&mut iv[2..6], &reports[4..8]);
        xor(&mut iv[8..12], &self.reports.to_be_bytes());
        let sealed = seal(key, &iv, &[&reports[..8], &number].concat(), &reports[8..]);
        [reports[..8].to_vec(), sealed, number.to_vec()].concat()
    }

    /// Derives the key and the salt for media, or for reports (RFC 3711 §4.3).
    fn keys(&self, label: u8) -> ([u8; 32], [u8; 12]) {
        let agreed = self.agreed.lock().unwrap();
        let (material, is_first) = agreed.as_ref().expect("the handshake is over");
        let own = usize::from(!is_first);
        let key = &material[own * 32..][..32];
        let salt = &material[64 + own * 12..][..12];
        let derive = |label: u8| {
            let block = |n: u8| {
                let mut input = [0; 16];
                input[..12].copy_from_slice(salt);
                input[7] ^= label;
                input[15] = n;
                let mut output = [0; 32];
                from_feature_flags().srtp_provider.srtp_aes_256_ecb_round(key, &input, &mut output);
                output[..16].to_vec()
            };
            [block(0), block(1)].concat()
        };
        (derive(label).try_into().unwrap(), derive(label + 2)[..12].try_into().unwrap())
    }
}

fn xor(to: &mut [u8], with: &[u8]) {
    to.iter_mut().zip(with).for_each(|(to, with)| *to ^= with);
}

fn seal(key: [u8; 32], iv: &[u8; 12], shown: &[u8], hidden: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; hidden.len() + 16];
    let cipher = from_feature_flags().srtp_provider.aead_aes_256_gcm();
    cipher.create_cipher(key, true).encrypt(iv, shown, hidden, &mut sealed).unwrap();
    sealed
}

/// Makes handshakes as another one does, and takes note of what they agree on.
#[derive(Debug)]
struct Tap {
    inner: &'static dyn DtlsProvider,
    agreed: Agreed,
    before: Before,
}

impl DtlsProvider for Tap {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.inner.new_dtls(cert, now, version, mtu)?;
        let (agreed, before) = (Arc::clone(&self.agreed), Arc::clone(&self.before));
        Ok(Box::new(Tapped { inner, agreed, before }))
    }
}

#[derive(Debug)]
struct Tapped {
    inner: Box<dyn DtlsInstance>,
    agreed: Agreed,
    before: Before,
}

impl DtlsInstance for Tapped {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let is_first = self.inner.is_active();
        let output = self.inner.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            assert_eq!(*profile, SrtpProfile::AEAD_AES_256_GCM);
            *self.agreed.lock().unwrap() = Some((material.to_vec(), is_first));
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        let forged: Vec<_> = self.before.lock().unwrap().drain(..).collect();
        for packet in forged {
            self.inner.send_application_data(&packet)?;
        }
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}

//! What one packet costs on this machine at the least: one AEAD seal and one `sendto`.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use thiserror::Error;

/// Rounds, of which the best counts: what else runs on the machine makes the others longer.
const ROUNDS: u32 = 40;
const PACKETS: u32 = 500;
/// An RTP header with the extensions of a media server, and a full packet of video.
const HEADER: usize = 28;
const PAYLOAD: usize = 1_172;

/// Why the floor cannot be measured.
#[derive(Debug, Error)]
pub(crate) enum FloorError {
    #[error("cannot send over loopback")]
    Socket(#[from] io::Error),
    #[error("cannot seal")]
    Seal,
}

impl From<aws_lc_rs::error::Unspecified> for FloorError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Seal
    }
}

/// Measures the time of one packet. Nobody reads at the other end, so that it soon drops them, as a network card would be rid of them.
pub(crate) fn measure(ip: IpAddr) -> Result<Duration, FloorError> {
    let sink = UdpSocket::bind((ip, 0))?;
    let socket = UdpSocket::bind((ip, 0))?;
    let to = sink.local_addr()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32])?);
    let source = [0; HEADER + PAYLOAD];
    let mut packet = Vec::with_capacity(HEADER + PAYLOAD + 16);
    let mut best = Duration::MAX;
    for round in 0..ROUNDS {
        let began_at = Instant::now();
        for n in 0..PACKETS {
            let mut nonce = [0; NONCE_LEN];
            nonce[..4].copy_from_slice(&(round * PACKETS + n).to_be_bytes());
            packet.clear();
            packet.extend_from_slice(&source);
            let (header, payload) = packet.split_at_mut(HEADER);
            let nonce = Nonce::assume_unique_for_key(nonce);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)?;
            packet.extend_from_slice(tag.as_ref());
            socket.send_to(&packet, to)?;
        }
        best = best.min(began_at.elapsed() / PACKETS);
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_costs_something() {
        let floor = measure([127, 0, 0, 1].into()).unwrap();
        assert!((Duration::from_nanos(200)..Duration::from_millis(1)).contains(&floor), "{floor:?}");
    }
}

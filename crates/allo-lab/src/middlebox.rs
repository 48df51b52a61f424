//! What stands in a link and looks into packets: a firewall, and a router that translates ports.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

/// The protocol number of UDP.
const UDP: u8 = 17;
/// The length of an IPv4 header without options: other packets are let through as they are.
const HEADER: usize = 20;
/// How far ports are moved at each rebinding.
const STEP: u16 = 1_001;

/// From which side a packet comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Inner,
    Outer,
}

/// A firewall and translator of ports. At first it lets everything through as it is.
#[derive(Debug, Default)]
pub(crate) struct Middlebox {
    blocks_udp: AtomicBool,
    /// What is added to the ports of the inner side.
    shift: AtomicU16,
}

impl Middlebox {
    pub(crate) fn block_udp(&self, is_blocked: bool) {
        self.blocks_udp.store(is_blocked, Ordering::Relaxed);
    }

    pub(crate) fn rebind(&self) {
        self.shift.fetch_add(STEP, Ordering::Relaxed);
    }

    /// Returns whether a packet may pass, and gives it the ports that it has on the other side.
    pub(crate) fn pass(&self, side: Side, packet: &mut [u8]) -> bool {
        let is_udp = packet.len() >= HEADER + 8 && packet[0] == 0x45 && packet[9] == UDP;
        if !is_udp {
            return true;
        }
        let shift = self.shift.load(Ordering::Relaxed);
        if shift != 0 {
            let (at, shift) = match side {
                Side::Inner => (HEADER, shift),
                Side::Outer => (HEADER + 2, shift.wrapping_neg()),
            };
            let port = u16::from_be_bytes([packet[at], packet[at + 1]]).wrapping_add(shift);
            packet[at..at + 2].copy_from_slice(&port.to_be_bytes());
            // None: IPv4 allows that (RFC 768).
            packet[HEADER + 6..HEADER + 8].fill(0);
        }
        !self.blocks_udp.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(protocol: u8, ports: [u16; 2]) -> Vec<u8> {
        let mut packet = vec![0; HEADER + 8];
        packet[0] = 0x45;
        packet[9] = protocol;
        packet[HEADER..HEADER + 2].copy_from_slice(&ports[0].to_be_bytes());
        packet[HEADER + 2..HEADER + 4].copy_from_slice(&ports[1].to_be_bytes());
        packet
    }

    #[test]
    fn blocked_is_udp_alone() {
        let middlebox = Middlebox::default();
        assert!(middlebox.pass(Side::Inner, &mut packet(UDP, [1, 2])));
        middlebox.block_udp(true);
        assert!(!middlebox.pass(Side::Inner, &mut packet(UDP, [1, 2])));
        assert!(middlebox.pass(Side::Inner, &mut packet(6, [1, 2])));
    }

    #[test]
    fn after_a_rebinding_answers_reach_the_old_port_and_what_goes_to_the_former_one_does_not() {
        let middlebox = Middlebox::default();
        middlebox.rebind();
        let mut out = packet(UDP, [65_000, 8443]);
        middlebox.pass(Side::Inner, &mut out);
        assert_eq!(out, packet(UDP, [65_000_u16.wrapping_add(STEP), 8443]));
        let mut back = packet(UDP, [8443, 65_000_u16.wrapping_add(STEP)]);
        middlebox.pass(Side::Outer, &mut back);
        assert_eq!(back, packet(UDP, [8443, 65_000]));
        let mut late = packet(UDP, [8443, 65_000]);
        middlebox.pass(Side::Outer, &mut late);
        assert_ne!(late, packet(UDP, [8443, 65_000]));
    }
}

//! The packets that nearly all are: Middle packets with a stamp, over IPv4, without tags and options.
//!
//! Contract: [`Plain::of`] finds nothing in a frame of which [`Frame::parse`](super::Frame::parse) would say anything else than
//! `Plain` does. What it does not find, that reader finds.
//!
//! Left out on purpose: everything else that a frame may be.

use crate::units::Picos;
use crate::wire::stamp::{self, Magic, Stamp};
use crate::wire::{bth, ethernet, icrc, ipv4, udp};

const IP: usize = ethernet::LEN;
const UDP: usize = IP + ipv4::LEN;
const BTH: usize = UDP + udp::LEN;
const STAMP: usize = BTH + bth::LEN;

/// Bytes up to the end of the stamp.
const HEADERS: usize = STAMP + stamp::LEN;

/// Opcodes of Middle packets of RC: SEND and RDMA WRITE (IBTA Vol 1, 9.2.1).
const SEND_MIDDLE: u8 = 0x01;
const WRITE_MIDDLE: u8 = 0x07;

/// A Middle packet of SEND or RDMA WRITE with a stamp, without pad, over IPv4 without options, in a frame without tags.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a> {
    headers: &'a [u8; HEADERS],
    /// From the IP header to the ICRC, both included.
    l3: &'a [u8],
    /// What its payload begins with.
    pub stamp: Stamp,
}

impl<'a> Plain<'a> {
    /// The packet in `frame`, when it is such a one, its stamp is of the run with this `magic`, and its PSN is that of the stamp.
    #[inline(always)]
    #[must_use]
    pub fn of(frame: &'a [u8], magic: Magic) -> Option<Plain<'a>> {
        let headers: &[u8; HEADERS] = frame.first_chunk()?;
        // EtherType, version and length of the header.
        let is_ipv4 = headers[12..15] == [0x08, 0x00, 0x45];
        // Flags and offset: Don't Fragment and the reserved bit say nothing.
        let is_whole = half(headers, IP + 6) & 0x3fff == 0;
        let is_udp = headers[IP + 9] == udp::PROTOCOL;
        let is_roce = half(headers, UDP + 2) == udp::PORT_ROCEV2;
        let is_middle = matches!(headers[BTH], SEND_MIDDLE | WRITE_MIDDLE);
        // Neither a pad nor a version of the transport.
        let is_bare = headers[BTH + 1] & 0x3f == 0;
        if !(is_ipv4 & is_whole & is_udp & is_roce & is_middle & is_bare) {
            return None;
        }
        let total = usize::from(half(headers, IP + 2));
        let l3 = frame.get(IP..IP + total)?;
        let datagram = usize::from(half(headers, UDP + 4));
        if datagram + ipv4::LEN != total || !total.is_multiple_of(4) || total < HEADERS - IP + icrc::LEN {
            return None;
        }
        let stamp = Stamp::parse(&headers[STAMP..], magic)?;
        let [_, psn @ ..] = word(headers, BTH + 8);
        let [.., s2, s1, s0] = stamp.seq.to_be_bytes();
        (psn == [s2, s1, s0]).then_some(Plain { headers, l3, stamp })
    }

    /// Destination QP.
    #[inline(always)]
    #[must_use]
    pub fn dest_qp(&self) -> u32 {
        u32::from_be_bytes(word(self.headers, BTH + 4)) & 0x00ff_ffff
    }

    /// ECN field (RFC 3168 section 5): 3 is CE.
    #[inline(always)]
    #[must_use]
    pub fn ecn(&self) -> u8 {
        self.headers[IP + 1] & 3
    }

    /// Differentiated services code point.
    #[inline(always)]
    #[must_use]
    pub fn dscp(&self) -> u8 {
        self.headers[IP + 1] >> 2
    }

    /// Payload bytes.
    #[inline(always)]
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.l3.len() - (STAMP - IP) - icrc::LEN
    }

    /// From the IP header to the ICRC, both included.
    #[inline(always)]
    #[must_use]
    pub fn l3(&self) -> &'a [u8] {
        self.l3
    }

    /// Departure.
    #[inline(always)]
    #[must_use]
    pub fn departure(&self) -> Picos {
        self.stamp.departure
    }
}

#[inline(always)]
fn half(headers: &[u8; HEADERS], at: usize) -> u16 {
    u16::from_be_bytes([headers[at], headers[at + 1]])
}

#[inline(always)]
fn word(headers: &[u8; HEADERS], at: usize) -> [u8; 4] {
    [headers[at], headers[at + 1], headers[at + 2], headers[at + 3]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Frame;

    const MAGIC: Magic = Magic::new(0x1234_5678_9abc_def0);

    /// A Middle packet with so many bytes of payload, one byte of its headers changed, and something behind it.
    fn frame(payload: usize, trailer: usize, (at, change): (usize, u8)) -> Vec<u8> {
        let mut frame = vec![0x5a; STAMP + payload + icrc::LEN + trailer];
        let total = u16::try_from(STAMP - IP + payload + icrc::LEN).unwrap();
        frame[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0x6a]);
        frame[IP + 2..IP + 4].copy_from_slice(&total.to_be_bytes());
        frame[IP + 6..IP + 10].copy_from_slice(&[0x40, 0x00, 64, 17]);
        frame[UDP + 2..UDP + 4].copy_from_slice(&4791u16.to_be_bytes());
        frame[UDP + 4..UDP + 6].copy_from_slice(&(total - 20).to_be_bytes());
        frame[BTH..BTH + 12].copy_from_slice(&[7, 0x40, 0xff, 0xff, 0, 0, 1, 2, 0, 3, 4, 5]);
        if payload >= stamp::LEN {
            frame[STAMP..STAMP + 4].copy_from_slice(&MAGIC.bytes());
            frame[STAMP + 8..STAMP + 16].copy_from_slice(&[0, 0, 0, 0, 9, 3, 4, 5]);
        }
        let headers = HEADERS.min(frame.len());
        frame[at % headers] ^= change;
        frame
    }

    proptest! {
        /// Whatever byte is changed: where this reader finds a packet, the other one finds the same.
        #[test]
        fn what_is_plain_is_so_for_the_other_reader_too(
            payload in prop_oneof![Just(256usize), 0usize..80],
            trailer in 0usize..20,
            at in any::<usize>(),
            change in prop_oneof![Just(0u8), any::<u8>(), (0u32..8).prop_map(|bit| 1 << bit)],
        ) {
            let frame = frame(payload, trailer, (at, change));
            let plain = Plain::of(&frame, MAGIC);
            if payload >= stamp::LEN && payload.is_multiple_of(4) && change == 0 {
                prop_assert!(plain.is_some());
            }
            if let Some(plain) = plain {
                let Ok(Frame::Roce(packet)) = Frame::parse(&frame) else {
                    panic!("the other reader finds no packet");
                };
                let position = packet.opcode().position();
                prop_assert!(!position.is_first() && !position.is_last() && packet.opcode().value() <= 0x0b);
                prop_assert_eq!(packet.payload().len(), plain.payload_len());
                prop_assert_eq!(Stamp::parse(packet.payload(), MAGIC), Some(plain.stamp));
                prop_assert_eq!((packet.dest_qp(), packet.ecn(), packet.dscp()), (plain.dest_qp(), plain.ecn(), plain.dscp()));
                prop_assert_eq!(packet.icrc_region().len() + icrc::LEN, plain.l3().len());
                prop_assert_eq!((packet.pcp(), u64::from(packet.psn())), (None, plain.stamp.seq & 0x00ff_ffff));
            }
        }
    }
}

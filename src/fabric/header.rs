//! What the fabric reads of a frame, once, when it is sent.
//!
//! Contract: reads any bytes without a panic. What cannot be read counts as zero.
//!
//! Left out on purpose: checksums and the ICRC; a switch does not judge them.

use super::random::mix;
use crate::wire::class::Classes;
use crate::wire::{bth, ethernet, udp, vlan};

/// What decides a frame's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Traffic class.
    pub class: u8,
    /// ECN-capable: ECT(0), ECT(1) or CE.
    pub ect: bool,
    /// Congestion experienced already.
    pub ce: bool,
    /// A MAC control frame, which the next port consumes.
    pub control: bool,
    /// Hash of addresses, protocol and ports.
    pub tuple: u64,
    /// What keeps its order: hash of addresses and destination QP of RoCEv2, else `tuple`.
    pub flow: u64,
    /// First byte behind the BTH, or behind what could be read.
    pub payload: u32,
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    if let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        word[8 - N..].copy_from_slice(chunk);
    }
    u64::from_be_bytes(word)
}

impl Header {
    /// Reads a frame that begins with its Ethernet header: its destination MAC address in the low
    /// 48 bits, and the rest.
    #[inline]
    pub fn read(frame: &[u8], classes: &Classes) -> (u64, Header) {
        let destination = word::<6>(frame, 0);
        let mut at = ethernet::LEN;
        let mut kind = word::<2>(frame, 12);
        while u16::try_from(kind).is_ok_and(vlan::is_tpid) {
            kind = word::<2>(frame, at + 2);
            at += vlan::LEN;
        }
        let mut header = Header {
            class: classes.of_frame(frame),
            ect: false,
            ce: false,
            control: kind == u64::from(ethernet::TYPE_MAC_CONTROL),
            tuple: word::<6>(frame, 6),
            flow: 0,
            payload: u32::try_from(at).unwrap_or(u32::MAX),
        };
        let (codepoint, protocol, addresses, transport) = if kind == u64::from(ethernet::TYPE_IPV4) {
            let length = usize::from(frame.get(at).copied().unwrap_or(0) & 0x0f) * 4;
            (
                word::<2>(frame, at),
                word::<2>(frame, at + 8),
                word::<8>(frame, at + 12),
                at + length,
            )
        } else if kind == u64::from(ethernet::TYPE_IPV6) {
            let addresses =
                mix(mix(mix(word::<8>(frame, at + 8)) ^ word::<8>(frame, at + 16)) ^ word::<8>(frame, at + 24))
                    ^ word::<8>(frame, at + 32);
            (word::<2>(frame, at) >> 4, word::<1>(frame, at + 6), addresses, at + 40)
        } else {
            header.tuple = mix(header.tuple) ^ destination;
            header.flow = header.tuple;
            return (destination, header);
        };
        header.ect = codepoint & 3 != 0;
        header.ce = codepoint & 3 == 3;
        let protocol = protocol & 0xff;
        let ports = word::<4>(frame, transport);
        header.tuple = mix(mix(addresses) ^ (protocol << 32 | ports));
        let roce = protocol == u64::from(udp::PROTOCOL) && ports & 0xffff == u64::from(udp::PORT_ROCEV2);
        header.flow = header.tuple;
        let mut behind = transport;
        if roce {
            // Destination QP of the BTH (IBTA Vol 1, 9.2.1), whatever the source port.
            header.flow = mix(addresses ^ mix(word::<3>(frame, transport + udp::LEN + 5)));
            behind += udp::LEN + bth::LEN;
        }
        header.payload = u32::try_from(behind).unwrap_or(u32::MAX);
        (destination, header)
    }
}

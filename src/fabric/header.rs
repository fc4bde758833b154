//! What the fabric reads of a frame, once, when it is sent.
//!
//! Contract: reads any bytes without a panic. What cannot be read counts as zero.
//!
//! Left out on purpose: checksums and the ICRC; a switch does not judge them.

use super::random::mix;
use crate::wire::class::Classes;
use crate::wire::{bth, ethernet, ipv4, ipv6, udp, vlan};

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

/// What the fabric goes by of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// Its destination MAC address, in the low 48 bits.
    pub(super) destination: u64,
    pub(super) header: Header,
}

#[inline(always)]
fn word<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    if let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        word[8 - N..].copy_from_slice(chunk);
    }
    u64::from_be_bytes(word)
}

impl Read {
    /// Reads a frame that begins with its Ethernet header.
    #[inline]
    #[must_use]
    pub fn of(frame: &[u8], classes: &Classes) -> Read {
        let destination = word::<6>(frame, 0);
        let mut at = ethernet::LEN;
        let mut kind = word::<2>(frame, ethernet::ETHERTYPE_AT);
        while u16::try_from(kind).is_ok_and(vlan::is_tpid) {
            kind = word::<2>(frame, at + vlan::ETHERTYPE_AT);
            at += vlan::LEN;
        }
        let mut header = Header {
            class: classes.of_frame(frame),
            ect: false,
            ce: false,
            control: kind == u64::from(ethernet::TYPE_MAC_CONTROL),
            tuple: word::<6>(frame, ethernet::SRC_AT),
            flow: 0,
            payload: u32::try_from(at).unwrap_or(u32::MAX),
        };
        let (codepoint, protocol, addresses, transport) = if kind == u64::from(ethernet::TYPE_IPV4) {
            let length = usize::from(frame.get(at).copied().unwrap_or(0) & 0x0f) * 4;
            (
                word::<2>(frame, at),
                word::<1>(frame, at + ipv4::PROTOCOL_AT),
                word::<8>(frame, at + ipv4::SRC_AT),
                at + length,
            )
        } else if kind == u64::from(ethernet::TYPE_IPV6) {
            let half = |from: usize| word::<8>(frame, at + from);
            let (src, dst) = (ipv6::SRC_AT, ipv6::DST_AT);
            let addresses = mix(mix(mix(half(src)) ^ half(src + 8)) ^ half(dst)) ^ half(dst + 8);
            let next = word::<1>(frame, at + ipv6::NEXT_HEADER_AT);
            (word::<2>(frame, at) >> 4, next, addresses, at + ipv6::LEN)
        } else {
            header.tuple = mix(header.tuple) ^ destination;
            header.flow = header.tuple;
            return Read { destination, header };
        };
        header.ect = codepoint & 3 != 0;
        header.ce = codepoint & 3 == 3;
        let ports = word::<4>(frame, transport);
        header.tuple = mix(mix(addresses) ^ (protocol << 32 | ports));
        let roce = protocol == u64::from(udp::PROTOCOL) && ports & 0xffff == u64::from(udp::PORT_ROCEV2);
        header.flow = header.tuple;
        let mut behind = transport;
        if roce {
            // Whatever the source port.
            header.flow = mix(addresses ^ mix(word::<3>(frame, transport + udp::LEN + bth::DEST_QP_AT)));
            behind += udp::LEN + bth::LEN;
        }
        header.payload = u32::try_from(behind).unwrap_or(u32::MAX);
        Read { destination, header }
    }
}

//! The frames that neighbours exchange, whole.
//!
//! Contract: each writes to the beginning of the buffer and returns the frame's length, padded to the shortest Ethernet
//! frame. The caller's buffer has room for [`OTHER_ROOM`](crate::wire::template::OTHER_ROOM) bytes at least.

use std::net::{IpAddr, Ipv6Addr};

use crate::wire::ethernet::Address;
use crate::wire::icmp::{self, Echo};
use crate::wire::vlan::Tag;
use crate::wire::{arp, ethernet, icmpv6, ip, vlan};

/// TTL and hop limit of echo replies.
const TTL: u8 = 64;

/// Destination, source and tags of a frame.
pub type Addressed<'a> = (Address, Address, &'a [Tag]);

fn padded(len: usize, out: &mut [u8]) -> usize {
    let whole = len.max(ethernet::MIN_FRAME_LEN);
    out[len..whole].fill(0);
    whole
}

/// An ARP packet. The tags come beside the shortest frame: a bridge that takes them off leaves a whole one.
pub fn arp(dst: Address, src: Address, tags: &[Tag], packet: &arp::Repr, out: &mut [u8]) -> usize {
    let at = vlan::emit_link(dst, src, tags, ethernet::TYPE_ARP, out);
    packet.emit(&mut out[at..]);
    let (end, least) = (at + arp::LEN, ethernet::MIN_FRAME_LEN + vlan::LEN * tags.len());
    out[end..least].fill(0);
    least
}

/// An IPv6 header for an ICMPv6 message that no router may pass on; returns where the message begins.
fn icmpv6_header((dst, src, tags): Addressed<'_>, from: Ipv6Addr, to: Ipv6Addr, len: usize, out: &mut [u8]) -> usize {
    let at = vlan::emit_link(dst, src, tags, ethernet::TYPE_IPV6, out);
    let fields = ip::Fields {
        dscp: 0,
        ecn: 0,
        ttl: icmpv6::HOP_LIMIT,
        protocol: icmpv6::NEXT_HEADER,
        payload_len: u16::try_from(len).unwrap_or(0),
    };
    // Both are of version 6.
    at + fields.emit(from.into(), to.into(), &mut out[at..]).unwrap_or(0)
}

/// A neighbour advertisement from its target's own address to `to`.
pub fn advertisement(link: Addressed<'_>, message: &icmpv6::Repr, to: Ipv6Addr, out: &mut [u8]) -> usize {
    let at = icmpv6_header(link, message.target, to, icmpv6::LEN, out);
    message.emit(message.target, to, &mut out[at..]);
    padded(at + icmpv6::LEN, out)
}

/// A neighbour solicitation from `from` at `mac` for `target`, to its solicited-node group (RFC 4861 section 7.2.2).
pub fn solicitation(mac: Address, from: Ipv6Addr, target: Ipv6Addr, tags: &[Tag], out: &mut [u8]) -> usize {
    let group = icmpv6::solicited_node(target);
    let link = (icmpv6::multicast_mac(group), mac, tags);
    let at = icmpv6_header(link, from, group, icmpv6::Solicitation::LEN, out);
    icmpv6::Solicitation::emit(target, mac, from, group, &mut out[at..]);
    padded(at + icmpv6::Solicitation::LEN, out)
}

/// An echo message between two addresses of one version; `None` when it does not fit.
pub fn echo(
    (dst, src, tags): Addressed<'_>,
    (from, to): (IpAddr, IpAddr),
    traffic_class: u8,
    echo: &Echo<'_>,
    out: &mut [u8],
) -> Option<usize> {
    let len = ethernet::LEN + vlan::LEN * tags.len() + ip::len(to) + echo.len();
    if len.max(ethernet::MIN_FRAME_LEN) > out.len() {
        return None;
    }
    let (ethertype, protocol) = match to {
        IpAddr::V4(_) => (ethernet::TYPE_IPV4, icmp::PROTOCOL),
        IpAddr::V6(_) => (ethernet::TYPE_IPV6, icmpv6::NEXT_HEADER),
    };
    let fields = ip::Fields {
        dscp: traffic_class >> 2,
        ecn: traffic_class & 3,
        ttl: TTL,
        protocol,
        payload_len: u16::try_from(echo.len()).ok()?,
    };
    let l3 = vlan::emit_link(dst, src, tags, ethertype, out);
    let at = l3 + fields.emit(from, to, &mut out[l3..])?;
    echo.emit(from, to, &mut out[at..]);
    Some(padded(at + echo.len(), out))
}

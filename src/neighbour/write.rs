//! The frames that neighbours exchange, whole.
//!
//! Contract: each writes to the beginning of the buffer and returns the frame's length, padded to the shortest Ethernet
//! frame. The caller's buffer has room for [`OTHER_ROOM`](crate::wire::template::OTHER_ROOM) bytes at least.

use std::net::{IpAddr, Ipv6Addr};

use crate::wire::ethernet::Address;
use crate::wire::icmp::{self, Echo};
use crate::wire::vlan::Tag;
use crate::wire::{arp, ethernet, icmpv6, ipv4, ipv6, vlan};

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
    ipv6::Repr {
        dscp: 0,
        ecn: 0,
        flow_label: 0,
        payload_len: u16::try_from(len).unwrap_or(0),
        next_header: icmpv6::NEXT_HEADER,
        hop_limit: icmpv6::HOP_LIMIT,
        src: from,
        dst: to,
    }
    .emit(&mut out[at..]);
    at + ipv6::LEN
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
    let header_len = if to.is_ipv4() { ipv4::LEN } else { ipv6::LEN };
    let len = ethernet::LEN + vlan::LEN * tags.len() + header_len + echo.len();
    if len.max(ethernet::MIN_FRAME_LEN) > out.len() {
        return None;
    }
    let (dscp, ecn) = (traffic_class >> 2, traffic_class & 3);
    let payload = u16::try_from(echo.len()).ok()?;
    let at = match (from, to) {
        (IpAddr::V4(src4), IpAddr::V4(dst4)) => {
            let at = vlan::emit_link(dst, src, tags, ethernet::TYPE_IPV4, out);
            ipv4::Repr {
                dscp,
                ecn,
                total_len: payload.checked_add(20)?,
                id: 0,
                reserved_flag: false,
                dont_fragment: true,
                more_fragments: false,
                fragment_offset: 0,
                ttl: TTL,
                protocol: icmp::PROTOCOL,
                src: src4,
                dst: dst4,
                options: ipv4::Options::NONE,
            }
            .emit(&mut out[at..]);
            at + ipv4::LEN
        }
        (IpAddr::V6(src6), IpAddr::V6(dst6)) => {
            let at = vlan::emit_link(dst, src, tags, ethernet::TYPE_IPV6, out);
            ipv6::Repr {
                dscp,
                ecn,
                flow_label: 0,
                payload_len: payload,
                next_header: icmpv6::NEXT_HEADER,
                hop_limit: TTL,
                src: src6,
                dst: dst6,
            }
            .emit(&mut out[at..]);
            at + ipv6::LEN
        }
        _ => return None,
    };
    echo.emit(from, to, &mut out[at..]);
    Some(padded(at + echo.len(), out))
}

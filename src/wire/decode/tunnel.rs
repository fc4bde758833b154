//! Encapsulations: from an encapsulation's first byte to the frame or packet that it carries.
//!
//! Contract: pure functions of bytes. What cannot be opened says why, so that nobody takes it for
//! read. Where a header does not say what follows (MPLS, ERSPAN of some switches), it is taken for
//! Ethernet only if it looks like it.

use super::outer::Tunnel;
use crate::wire::bytes::{be16, be24, be32};
use crate::wire::{ethernet, vlan};

/// EtherTypes of encapsulations.
pub(super) const TYPE_ETHERNET: u16 = 0x6558;
pub(super) const TYPE_MPLS: u16 = 0x8847;
pub(super) const TYPE_MPLS_MULTICAST: u16 = 0x8848;
pub(super) const TYPE_PPPOE_SESSION: u16 = 0x8864;
pub(super) const TYPE_PBB: u16 = 0x88e7;
pub(super) const TYPE_NSH: u16 = 0x894f;
const TYPE_ERSPAN: u16 = 0x88be;
const TYPE_ERSPAN_3: u16 = 0x22eb;
/// With which some switches mirror plain Ethernet frames.
const TYPE_MIRROR: u16 = 0x8949;

/// UDP destination ports of encapsulations (IANA; 8472 is Linux's first one for VXLAN).
const PORT_GTP: u16 = 2152;
const PORT_GRE: u16 = 4754;
const PORT_VXLAN: u16 = 4789;
const PORT_VXLAN_GPE: u16 = 4790;
const PORT_GENEVE: u16 = 6081;
const PORT_MPLS: u16 = 6635;
const PORT_VXLAN_LINUX: u16 = 8472;

/// The greatest depth of an MPLS stack that is read; real ones have a handful.
const MAX_LABELS: usize = 32;

/// What an encapsulation carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner<'a> {
    /// A frame.
    Ethernet(&'a [u8]),
    /// What this EtherType says.
    Typed(u16, &'a [u8]),
}

/// Why an encapsulation was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end within this header.
    Short(&'static str),
    /// It may carry anything, and is not read: this.
    Unread(String),
    /// It carries no packet.
    Control,
}

pub(super) type Opened<'a> = Result<(Tunnel, Inner<'a>), Stop>;

fn unread(what: impl Into<String>) -> Stop {
    Stop::Unread(what.into())
}

fn head<'a, const N: usize>(bytes: &'a [u8], name: &'static str) -> Result<(&'a [u8; N], &'a [u8]), Stop> {
    bytes.split_first_chunk().ok_or(Stop::Short(name))
}

/// The encapsulation in a UDP datagram to this port; `None` when the port is not one's.
pub(super) fn in_udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Option<Opened<'_>> {
    Some(match dst_port {
        PORT_VXLAN | PORT_VXLAN_LINUX => vxlan(payload),
        PORT_VXLAN_GPE => vxlan_gpe(payload),
        PORT_GENEVE => geneve(payload),
        PORT_MPLS => mpls(payload),
        PORT_GRE => gre(payload),
        PORT_GTP => gtp(payload),
        _ => return sealed(src_port, dst_port, payload).map(|what| Err(unread(what))),
    })
}

/// Encapsulations in UDP that squall does not open.
fn sealed(src_port: u16, dst_port: u16, payload: &[u8]) -> Option<&'static str> {
    match (src_port, dst_port) {
        // Four zeros are IKE, one byte is a keepalive (RFC 3948).
        (4500, _) | (_, 4500) => (payload.len() > 4 && !payload.starts_with(&[0; 4])).then_some("IPsec ESP in UDP"),
        (_, 1701) => Some("L2TP"),
        (3544, _) | (_, 3544) => Some("Teredo"),
        (_, 4341) => Some("LISP"),
        (_, 6080) => Some("GUE"),
        (_, 4755 | 6636) => Some("an encapsulation in DTLS"),
        (51820, _) | (_, 51820) => Some("WireGuard"),
        _ => None,
    }
}

/// RFC 7348 section 5: flags, VNI.
fn vxlan(bytes: &[u8]) -> Opened<'_> {
    let (header, inner) = head::<8>(bytes, "VXLAN")?;
    if header[0] & 0x08 == 0 {
        return Err(unread("a VXLAN header without a VNI"));
    }
    let vni = be24(header, 4);
    Ok((Tunnel::Vxlan { vni }, Inner::Ethernet(inner)))
}

fn vxlan_gpe(bytes: &[u8]) -> Opened<'_> {
    let (header, inner) = head::<8>(bytes, "VXLAN-GPE")?;
    let tunnel = Tunnel::VxlanGpe { vni: be24(header, 4) };
    // Without the P flag it is VXLAN.
    let next = if header[0] & 0x04 == 0 { 3 } else { header[3] };
    Ok((tunnel, next_protocol(next, inner, "VXLAN-GPE")?))
}

/// The registry that VXLAN-GPE and NSH share.
fn next_protocol<'a>(number: u8, inner: &'a [u8], of: &str) -> Result<Inner<'a>, Stop> {
    Ok(match number {
        1 => Inner::Typed(ethernet::TYPE_IPV4, inner),
        2 => Inner::Typed(ethernet::TYPE_IPV6, inner),
        3 => Inner::Ethernet(inner),
        4 => Inner::Typed(TYPE_NSH, inner),
        5 => Inner::Typed(TYPE_MPLS, inner),
        _ => return Err(unread(format!("{of} with next protocol {number}"))),
    })
}

/// RFC 8926 section 3.4.
fn geneve(bytes: &[u8]) -> Opened<'_> {
    let (header, rest) = head::<8>(bytes, "Geneve")?;
    if header[0] >> 6 != 0 {
        return Err(unread(format!("Geneve of version {}", header[0] >> 6)));
    }
    let options = usize::from(header[0] & 0x3f) * 4;
    let inner = rest.get(options..).ok_or(Stop::Short("Geneve"))?;
    Ok((Tunnel::Geneve { vni: be24(header, 4) }, typed(be16(header, 2), inner)))
}

fn typed(ethertype: u16, inner: &[u8]) -> Inner<'_> {
    match ethertype {
        TYPE_ETHERNET => Inner::Ethernet(inner),
        _ => Inner::Typed(ethertype, inner),
    }
}

/// RFC 2784 with the key and sequence number of RFC 2890.
pub(super) fn gre(bytes: &[u8]) -> Opened<'_> {
    let (header, mut rest) = head::<4>(bytes, "GRE")?;
    let (flags, protocol) = (be16(header, 0), be16(header, 2));
    if flags & 7 != 0 || flags & 0x4000 != 0 {
        return Err(unread(format!("GRE of version {} with flags 0x{flags:04x}", flags & 7)));
    }
    let mut word = |flag: u16| -> Result<Option<u32>, Stop> {
        if flags & flag == 0 {
            return Ok(None);
        }
        let (word, behind) = head::<4>(rest, "GRE")?;
        rest = behind;
        Ok(Some(be32(word, 0)))
    };
    let _checksum = word(0x8000)?;
    let (key, sequence) = (word(0x2000)?, word(0x1000)?);
    match protocol {
        TYPE_ERSPAN => return erspan(rest, sequence.is_some()),
        TYPE_ERSPAN_3 => return erspan_3(rest),
        _ => {}
    }
    let tunnel = Tunnel::Gre {
        protocol,
        key,
        sequence,
    };
    let inner = match protocol {
        TYPE_MIRROR if looks_like_ethernet(rest) => Inner::Ethernet(rest),
        _ => typed(protocol, rest),
    };
    Ok((tunnel, inner))
}

/// Type II has a header, type I has none. The sequence number tells them apart; some switches send
/// type II without one.
fn erspan(bytes: &[u8], has_sequence: bool) -> Opened<'_> {
    let second = bytes.split_first_chunk::<8>().filter(|(header, _)| header[0] >> 4 == 1);
    // Too short to tell.
    if !has_sequence && !looks_like_ethernet(bytes) && second.is_some_and(|(_, inner)| inner.len() < ethernet::LEN) {
        return Err(Stop::Short("ERSPAN"));
    }
    if let Some((header, inner)) = second
        && (has_sequence || !looks_like_ethernet(bytes) && looks_like_ethernet(inner))
    {
        return Ok((
            erspan_tunnel(2, be16(header, 0), be16(header, 2)),
            Inner::Ethernet(inner),
        ));
    }
    if has_sequence {
        let (header, _) = head::<8>(bytes, "ERSPAN")?;
        return Err(unread(format!(
            "ERSPAN of version {} in type II's place",
            header[0] >> 4
        )));
    }
    let tunnel = Tunnel::Erspan {
        version: 1,
        session: None,
        vlan: None,
        truncated: false,
    };
    Ok((tunnel, Inner::Ethernet(bytes)))
}

/// The first two words of types II and III: version and VLAN; class, T flag and session.
fn erspan_tunnel(version: u8, first: u16, second: u16) -> Tunnel {
    Tunnel::Erspan {
        version,
        session: Some(second & 0x03ff),
        vlan: Some(first & 0x0fff),
        truncated: second & 0x0400 != 0,
    }
}

fn erspan_3(bytes: &[u8]) -> Opened<'_> {
    let (header, mut inner) = head::<12>(bytes, "ERSPAN")?;
    if header[0] >> 4 != 2 {
        return Err(unread(format!(
            "ERSPAN of version {} in type III's place",
            header[0] >> 4
        )));
    }
    // O: a platform's own header of eight bytes follows.
    if header[11] & 1 != 0 {
        inner = head::<8>(inner, "ERSPAN")?.1;
    }
    let tunnel = erspan_tunnel(3, be16(header, 0), be16(header, 2));
    // Frame type: Ethernet or IP.
    let inner = match (header[10] >> 2) & 0x1f {
        0 => Inner::Ethernet(inner),
        2 => by_version(inner).ok_or_else(|| unread("ERSPAN III with neither IPv4 nor IPv6"))?,
        other => return Err(unread(format!("ERSPAN III with frame type {other}"))),
    };
    Ok((tunnel, inner))
}

/// RFC 3032: labels to the bottom of the stack. What follows has no type (RFC 4385, RFC 4448).
pub(super) fn mpls(bytes: &[u8]) -> Opened<'_> {
    let (mut rest, mut labels) = (bytes, Vec::new());
    loop {
        let (entry, behind) = head::<4>(rest, "MPLS")?;
        rest = behind;
        if labels.len() == MAX_LABELS {
            return Err(unread(format!("MPLS with more than {MAX_LABELS} labels")));
        }
        labels.push(be32(entry, 0) >> 12);
        if entry[2] & 1 != 0 {
            break;
        }
    }
    let behind_control_word = rest
        .get(4..)
        .filter(|_| rest.first().is_some_and(|first| first >> 4 == 0));
    let inner = match (by_version(rest), behind_control_word) {
        (Some(packet), _) if holds_packet(rest) => packet,
        (_, Some(frame)) if looks_like_ethernet(frame) => Inner::Ethernet(frame),
        _ if looks_like_ethernet(rest) => Inner::Ethernet(rest),
        // A version's number with a length that does not fit: judged as that packet.
        (Some(packet), _) => packet,
        _ if rest.is_empty() => return Err(Stop::Short("MPLS")),
        _ => return Err(unread("MPLS with neither IP nor Ethernet")),
    };
    Ok((Tunnel::Mpls { labels }, inner))
}

/// Whether the length that an IP header says fits the bytes.
fn holds_packet(bytes: &[u8]) -> bool {
    let word = |at: usize| {
        bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk::<2>)
            .map(|word| be16(word, 0))
    };
    let len = bytes.len();
    match bytes.first() {
        Some(0x45..=0x4f) => word(2).is_some_and(|total| (20..=len).contains(&usize::from(total))),
        Some(0x60..=0x6f) => word(4).is_some_and(|payload| usize::from(payload) + 40 <= len),
        _ => false,
    }
}

fn by_version(bytes: &[u8]) -> Option<Inner<'_>> {
    match bytes.first()? >> 4 {
        4 => Some(Inner::Typed(ethernet::TYPE_IPV4, bytes)),
        6 => Some(Inner::Typed(ethernet::TYPE_IPV6, bytes)),
        _ => None,
    }
}

/// Whether an Ethernet header with an EtherType of IP or of a tag seems to begin here.
fn looks_like_ethernet(bytes: &[u8]) -> bool {
    ethernet::Repr::parse(bytes).is_ok_and(|header| {
        matches!(
            header.ethertype,
            ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6 | ethernet::TYPE_ARP
        ) || vlan::is_tpid(header.ethertype)
    })
}

/// IP, Ethernet, MPLS or GRE right behind an IP header; `None` for other protocols.
pub(super) fn in_ip(protocol: u8, bytes: &[u8]) -> Option<Opened<'_>> {
    Some(match protocol {
        4 => Ok((Tunnel::Ip, Inner::Typed(ethernet::TYPE_IPV4, bytes))),
        41 => Ok((Tunnel::Ip, Inner::Typed(ethernet::TYPE_IPV6, bytes))),
        47 => gre(bytes),
        97 => head::<2>(bytes, "EtherIP").map(|(_, inner)| (Tunnel::EthernetInIp, Inner::Ethernet(inner))),
        137 => mpls(bytes),
        143 => Ok((Tunnel::EthernetInIp, Inner::Ethernet(bytes))),
        _ => return None,
    })
}

/// RFC 2516 section 4, and the PPP protocol behind it.
pub(super) fn pppoe(bytes: &[u8]) -> Opened<'_> {
    let (header, inner) = head::<8>(bytes, "PPPoE")?;
    let tunnel = Tunnel::Pppoe {
        session: be16(header, 2),
    };
    let protocol = be16(header, 6);
    let inner = match protocol {
        0x0021 => Inner::Typed(ethernet::TYPE_IPV4, inner),
        0x0057 => Inner::Typed(ethernet::TYPE_IPV6, inner),
        0x0281 => Inner::Typed(TYPE_MPLS, inner),
        // Control protocols (RFC 1661 section 2).
        0x8000.. => return Err(Stop::Control),
        _ => return Err(unread(format!("PPP protocol 0x{protocol:04x}"))),
    };
    Ok((tunnel, inner))
}

/// RFC 8300 section 2.
pub(super) fn nsh(bytes: &[u8]) -> Opened<'_> {
    let (header, _) = head::<8>(bytes, "NSH")?;
    let len = usize::from(header[1] & 0x3f) * 4;
    let inner = bytes.get(len.max(8)..).ok_or(Stop::Short("NSH"))?;
    let tunnel = Tunnel::Nsh {
        path: be24(header, 4),
        index: header[7],
    };
    Ok((tunnel, next_protocol(header[3], inner, "NSH")?))
}

/// IEEE 802.1Q clause 9.7: flags and service instance, then the whole inner frame.
pub(super) fn pbb(bytes: &[u8]) -> Opened<'_> {
    let (header, inner) = head::<4>(bytes, "PBB")?;
    Ok((Tunnel::Pbb { isid: be24(header, 1) }, Inner::Ethernet(inner)))
}

/// 3GPP TS 29.281 clause 5: a G-PDU carries an IP packet, other messages none.
fn gtp(bytes: &[u8]) -> Opened<'_> {
    let (header, mut rest) = head::<8>(bytes, "GTP-U")?;
    if header[0] >> 5 != 1 || header[1] != 0xff {
        return Err(Stop::Control);
    }
    if header[0] & 7 != 0 {
        let (optional, behind) = head::<4>(rest, "GTP-U")?;
        (rest, _) = (behind, optional);
        let mut next = optional[3];
        while next != 0 {
            let len = usize::from(*rest.first().ok_or(Stop::Short("GTP-U"))?) * 4;
            if len == 0 {
                return Err(unread("GTP-U with an empty extension header"));
            }
            next = *rest.get(len - 1).ok_or(Stop::Short("GTP-U"))?;
            rest = rest.get(len..).ok_or(Stop::Short("GTP-U"))?;
        }
    }
    let inner = by_version(rest).ok_or_else(|| unread("GTP-U with neither IPv4 nor IPv6"))?;
    Ok((Tunnel::Gtp { teid: be32(header, 4) }, inner))
}

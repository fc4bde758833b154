//! Finding one's way through a received frame: the receive loop's reader.
//!
//! Contract: [`Frame::parse`] reads headers only, copies nothing, allocates nothing, and verifies
//! no checksum and no ICRC; a caller that wants the ICRC verified asks [`Packet::verify_icrc`].
//! Lengths are checked against each other once, so that every accessor is total. Trailing bytes
//! behind the IP packet (Ethernet padding) are allowed; the ICRC is found from the IP length.
//!
//! What cannot be shown to be RoCEv2 (too short, another protocol, a later fragment, IPv6
//! extension headers) is [`Frame::Other`], never an error: it is not squall's to judge.
//!
//! Left out on purpose: judgement of field values. [`super::decode`] has all checks.

use std::net::IpAddr;

mod plain;

pub use self::plain::Plain;
use super::bytes::{array, be16, be24};
use super::opcode::Extension;
use super::{Malformed, Opcode, aeth, bth, deth, ethernet, icrc, immdt, ipv4, ipv6, reth, udp, vlan};

/// What kind of frame it is.
#[derive(Debug, Clone, Copy)]
pub enum Frame<'a> {
    /// A RoCEv2 packet whose lengths fit and whose opcode is known.
    Roce(Packet<'a>),
    /// A MAC control frame (PFC, PAUSE): the bytes behind the EtherType, for [`super::pfc`] and
    /// [`super::pause`].
    MacControl(&'a [u8]),
    /// Anything else.
    Other,
}

/// A RoCEv2 packet within a frame.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// IP header to ICRC, both included.
    l3: &'a [u8],
    /// First 20 bytes of the IP header.
    ip: &'a [u8; ipv4::LEN],
    udp: &'a [u8; udp::LEN],
    bth: &'a [u8; bth::LEN],
    extensions: &'a [u8],
    payload: &'a [u8],
    icrc: &'a [u8; icrc::LEN],
    ip_header_len: u8,
    opcode: Opcode,
    tags: u8,
    /// Control information of the outermost tag.
    tci: u16,
}

/// The VLAN tags met on the way to the EtherType.
#[derive(Clone, Copy)]
struct Tags {
    count: u8,
    outer_tci: u16,
}

impl<'a> Frame<'a> {
    /// Tells what the frame is and, of a RoCEv2 packet, where everything is. `frame` begins with
    /// the Ethernet header and has no FCS.
    ///
    /// # Errors
    /// The first of these that a RoCEv2 packet meets: [`Malformed::IpFragment`],
    /// [`Malformed::IpLength`], [`Malformed::UdpLength`], [`Malformed::Truncated`],
    /// [`Malformed::Tver`], [`Malformed::Opcode`], [`Malformed::PadCount`].
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Frame<'a>, Malformed> {
        let Some((header, mut rest)) = frame.split_first_chunk::<{ ethernet::LEN }>() else {
            return Ok(Frame::Other);
        };
        let mut ethertype = be16(header, 12);
        let mut tags = Tags { count: 0, outer_tci: 0 };
        while vlan::is_tpid(ethertype) {
            let Some((tag, behind)) = rest.split_first_chunk::<{ vlan::LEN }>() else {
                return Ok(Frame::Other);
            };
            if tags.count == 0 {
                tags.outer_tci = be16(tag, 0);
            }
            tags.count = tags.count.saturating_add(1);
            ethertype = be16(tag, 2);
            rest = behind;
        }
        match ethertype {
            ethernet::TYPE_IPV4 => parse_ipv4(rest, tags),
            ethernet::TYPE_IPV6 => parse_ipv6(rest, tags),
            ethernet::TYPE_MAC_CONTROL => Ok(Frame::MacControl(rest)),
            _ => Ok(Frame::Other),
        }
    }
}

#[inline]
fn parse_ipv4(l3: &[u8], tags: Tags) -> Result<Frame<'_>, Malformed> {
    let Some(ip) = l3.first_chunk::<{ ipv4::LEN }>() else {
        return Ok(Frame::Other);
    };
    let fragment = be16(ip, 6);
    let header_len = (ip[0] & 0x0f) * 4;
    if ip[0] >> 4 != 4 || usize::from(header_len) < ipv4::LEN || ip[9] != udp::PROTOCOL || fragment & 0x1fff != 0 {
        return Ok(Frame::Other);
    }
    let Some(udp) = rocev2_udp(l3, header_len) else {
        return Ok(Frame::Other);
    };
    if fragment & 0x2000 != 0 {
        return Err(Malformed::IpFragment);
    }
    transport(l3, ip, header_len, usize::from(be16(ip, 2)), udp, tags)
}

#[inline]
fn parse_ipv6(l3: &[u8], tags: Tags) -> Result<Frame<'_>, Malformed> {
    const HEADER_LEN: u8 = 40;
    let Some(ip) = l3.first_chunk::<{ ipv6::LEN }>() else {
        return Ok(Frame::Other);
    };
    if ip[0] >> 4 != 6 {
        return Ok(Frame::Other);
    }
    if ip[6] != udp::PROTOCOL {
        return ipv6_fragment(l3, ip);
    }
    let Some(udp) = rocev2_udp(l3, HEADER_LEN) else {
        return Ok(Frame::Other);
    };
    let Some(first) = ip.first_chunk() else {
        return Ok(Frame::Other);
    };
    let total = ipv6::LEN + usize::from(be16(ip, 4));
    transport(l3, first, HEADER_LEN, total, udp, tags)
}

/// Of the packets with an extension header, a RoCEv2 packet's first fragment is told apart
/// (RFC 8200 section 4.5).
#[cold]
fn ipv6_fragment<'a>(l3: &'a [u8], ip: &[u8; ipv6::LEN]) -> Result<Frame<'a>, Malformed> {
    const FRAGMENT_LEN: u8 = 48;
    let inner = l3.get(ipv6::LEN).copied();
    if ip[6] == 44 && inner == Some(udp::PROTOCOL) && rocev2_udp(l3, FRAGMENT_LEN).is_some() {
        return Err(Malformed::IpFragment);
    }
    Ok(Frame::Other)
}

/// The UDP header behind an IP header of this length, if it goes to RoCEv2's port.
#[inline]
fn rocev2_udp(l3: &[u8], ip_header_len: u8) -> Option<&[u8; udp::LEN]> {
    let udp = l3.get(usize::from(ip_header_len)..)?.first_chunk()?;
    (be16(udp, 2) == udp::PORT_ROCEV2).then_some(udp)
}

#[inline]
fn transport<'a>(
    l3: &'a [u8],
    ip: &'a [u8; ipv4::LEN],
    ip_header_len: u8,
    total_len: usize,
    udp: &'a [u8; udp::LEN],
    tags: Tags,
) -> Result<Frame<'a>, Malformed> {
    let l3 = l3.get(..total_len).ok_or(Malformed::IpLength)?;
    if usize::from(ip_header_len) + usize::from(be16(udp, 4)) != total_len {
        return Err(Malformed::UdpLength);
    }
    let datagram = l3
        .get(usize::from(ip_header_len) + udp::LEN..)
        .ok_or(Malformed::Truncated)?;
    let (covered, icrc) = datagram.split_last_chunk().ok_or(Malformed::Truncated)?;
    let (bth, body) = covered
        .split_first_chunk::<{ bth::LEN }>()
        .ok_or(Malformed::Truncated)?;
    if bth[1] & 0x0f != 0 {
        return Err(Malformed::Tver);
    }
    let opcode = Opcode::from_u8(bth[0]).ok_or(Malformed::Opcode)?;
    let (extensions, padded) = body
        .split_at_checked(opcode.extensions_len())
        .ok_or(Malformed::Truncated)?;
    // IBTA Vol 1, 9.2: the pad brings BTH to pad to a multiple of four bytes.
    if !covered.len().is_multiple_of(4) {
        return Err(Malformed::PadCount);
    }
    let pad = usize::from((bth[1] >> 4) & 3);
    let payload_len = padded.len().checked_sub(pad).ok_or(Malformed::PadCount)?;
    let payload = padded.get(..payload_len).ok_or(Malformed::PadCount)?;
    Ok(Frame::Roce(Packet {
        l3,
        ip,
        udp,
        bth,
        extensions,
        payload,
        icrc,
        ip_header_len,
        opcode,
        tags: tags.count,
        tci: tags.outer_tci,
    }))
}

impl<'a> Packet<'a> {
    /// VLAN tags before the IP header.
    #[inline]
    #[must_use]
    pub fn vlan_tags(&self) -> u8 {
        self.tags
    }

    /// Priority Code Point of the outermost tag: the priority by which the link queues the frame.
    #[inline]
    #[must_use]
    pub fn pcp(&self) -> Option<u8> {
        (self.tags != 0).then_some(self.tci.to_be_bytes()[0] >> 5)
    }

    /// VLAN identifier of the outermost tag.
    #[inline]
    #[must_use]
    pub fn vid(&self) -> Option<u16> {
        (self.tags != 0).then_some(self.tci & 0x0fff)
    }

    /// Whether it travels over IPv6; over IPv4 otherwise.
    #[inline]
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        self.ip[0] >> 4 == 6
    }

    #[inline]
    fn traffic_class(&self) -> u8 {
        if self.is_ipv6() {
            (self.ip[0] << 4) | (self.ip[1] >> 4)
        } else {
            self.ip[1]
        }
    }

    /// ECN field: 0 not capable, 1 ECT(1), 2 ECT(0), 3 CE (RFC 3168 section 5).
    #[inline]
    #[must_use]
    pub fn ecn(&self) -> u8 {
        self.traffic_class() & 3
    }

    /// Differentiated services code point.
    #[inline]
    #[must_use]
    pub fn dscp(&self) -> u8 {
        self.traffic_class() >> 2
    }

    /// TTL or hop limit.
    #[inline]
    #[must_use]
    pub fn ttl(&self) -> u8 {
        if self.is_ipv6() { self.ip[7] } else { self.ip[8] }
    }

    /// Source address.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        self.address(12, 8)
    }

    /// Destination address.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        self.address(16, 24)
    }

    fn address(&self, ipv4_at: usize, ipv6_at: usize) -> IpAddr {
        if !self.is_ipv6() {
            return IpAddr::from(array::<4, _>(self.ip, ipv4_at));
        }
        let octets: Option<&[u8; 16]> = self.l3.get(ipv6_at..).and_then(<[u8]>::first_chunk);
        // `l3` is longer than an IPv6 header: `parse_ipv6` read one.
        IpAddr::from(octets.copied().unwrap_or_default())
    }

    /// UDP source port.
    #[inline]
    #[must_use]
    pub fn source_port(&self) -> u16 {
        be16(self.udp, 0)
    }

    /// Opcode.
    #[inline]
    #[must_use]
    pub fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Destination QP.
    #[inline]
    #[must_use]
    pub fn dest_qp(&self) -> u32 {
        be24(self.bth, 5)
    }

    /// Packet sequence number.
    #[inline]
    #[must_use]
    pub fn psn(&self) -> u32 {
        be24(self.bth, 9)
    }

    /// Acknowledge request.
    #[inline]
    #[must_use]
    pub fn ackreq(&self) -> bool {
        self.bth[8] & 0x80 != 0
    }

    /// Forward congestion notification.
    #[inline]
    #[must_use]
    pub fn fecn(&self) -> bool {
        self.bth[4] & 0x80 != 0
    }

    /// Backward congestion notification.
    #[inline]
    #[must_use]
    pub fn becn(&self) -> bool {
        self.bth[4] & 0x40 != 0
    }

    /// Pad bytes between payload and ICRC.
    #[inline]
    #[must_use]
    pub fn pad_count(&self) -> u8 {
        (self.bth[1] >> 4) & 3
    }

    /// The whole Base Transport Header.
    #[must_use]
    pub fn bth(&self) -> bth::Repr {
        bth::Repr::from_bytes(self.bth)
    }

    /// An extension header's bytes and all behind them, if the opcode has it.
    #[inline]
    fn extension(&self, extension: Extension) -> Option<&'a [u8]> {
        self.extensions.get(self.opcode.offset_of(extension)?..)
    }

    /// RDMA header, if the opcode has one.
    #[inline]
    #[must_use]
    pub fn reth(&self) -> Option<reth::Repr> {
        reth::Repr::parse(self.extension(Extension::Reth)?).ok()
    }

    /// Immediate data, if the opcode has it.
    #[inline]
    #[must_use]
    pub fn immdt(&self) -> Option<immdt::Repr> {
        immdt::Repr::parse(self.extension(Extension::ImmDt)?).ok()
    }

    /// ACK header, if the opcode has one.
    #[inline]
    #[must_use]
    pub fn aeth(&self) -> Option<aeth::Repr> {
        aeth::Repr::parse(self.extension(Extension::Aeth)?).ok()
    }

    /// Datagram header, if the opcode has one.
    #[inline]
    #[must_use]
    pub fn deth(&self) -> Option<deth::Repr> {
        deth::Repr::parse(self.extension(Extension::Deth)?).ok()
    }

    /// Payload, without the pad.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// What the ICRC is computed over, before masking: IP header to pad.
    #[inline]
    #[must_use]
    pub fn icrc_region(&self) -> &'a [u8] {
        self.l3
            .split_last_chunk::<{ icrc::LEN }>()
            .map_or(&[], |(region, _)| region)
    }

    /// The ICRC that the packet carries.
    #[inline]
    #[must_use]
    pub fn icrc_on_wire(&self) -> u32 {
        u32::from_le_bytes(*self.icrc)
    }

    /// From the IP header to the ICRC, both included, where the header is one of IPv4 without options or of IPv6.
    #[inline]
    #[must_use]
    pub fn l3(&self) -> Option<&'a [u8]> {
        let plain = if self.is_ipv6() { ipv6::LEN } else { ipv4::LEN };
        (usize::from(self.ip_header_len) == plain).then_some(self.l3)
    }

    /// Whether the ICRC is right. Reads the whole packet.
    #[inline]
    #[must_use]
    pub fn verify_icrc(&self) -> bool {
        icrc::of_packet(self.icrc_region(), usize::from(self.ip_header_len)) == Some(self.icrc_on_wire())
    }
}

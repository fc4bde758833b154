//! Reading all of one frame, and naming everything that is wrong with it.
//!
//! Contract: [`decode`] never fails. It reads as far as the bytes allow and lists the faults it
//! met, in the order of precedence of `check_pcap.py`: the first is the frame's `error`. A frame
//! that is not RoCEv2, PFC or PAUSE is read as far as squall knows it and never has a fault,
//! unless it ends within its own headers.
//!
//! Left out on purpose: whatever takes more than one frame to judge.

mod display;
mod fields;
mod transport;

use std::fmt;
use std::net::IpAddr;

use super::bytes::be16;
use super::{
    Malformed, aeth, arp, atomicacketh, atomiceth, bth, deth, ethernet, icmpv6, ieth, immdt, ipv4, ipv6, pause, pfc,
    ptp, reth, udp, vlan,
};

/// What a capture's frames begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet header (link type 1).
    Ethernet,
    /// The IP header (link types 12, 14, 101, 228, 229).
    RawIp,
    /// Linux "cooked" header of 16 bytes (113).
    LinuxCooked,
    /// Linux "cooked" header, version 2, of 20 bytes (276).
    LinuxCooked2,
}

impl Link {
    /// The link of this type number (the registry of tcpdump.org), if squall reads it.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Link> {
        match number {
            1 => Some(Link::Ethernet),
            12 | 14 | 101 | 228 | 229 => Some(Link::RawIp),
            113 => Some(Link::LinuxCooked),
            276 => Some(Link::LinuxCooked2),
            _ => None,
        }
    }
}

/// What is taken for wrong where the specification leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AckreqRule {
    /// The last packet of a SEND or WRITE over RC asks for an acknowledgement, as squall's own and
    /// most requesters do; the default of `check_pcap.py`.
    #[default]
    Last,
    /// The requester's choice, as the specification has it (IBTA Vol 1, 9.7.3).
    Any,
}

/// One thing wrong with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: Malformed,
    /// What was found, in words.
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

/// A network header as it stood on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ip {
    /// IPv4 with its checksum field.
    V4(ipv4::Repr, u16),
    /// IPv6.
    V6(ipv6::Repr),
}

impl Ip {
    /// Source address.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        match self {
            Ip::V4(repr, _) => repr.src.into(),
            Ip::V6(repr) => repr.src.into(),
        }
    }

    /// Destination address.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        match self {
            Ip::V4(repr, _) => repr.dst.into(),
            Ip::V6(repr) => repr.dst.into(),
        }
    }

    /// Protocol or next header.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        match self {
            Ip::V4(repr, _) => repr.protocol,
            Ip::V6(repr) => repr.next_header,
        }
    }
}

/// A MAC control frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacControl {
    /// Priority-based flow control.
    Pfc(pfc::Repr),
    /// PAUSE of the whole link.
    Pause(pause::Repr),
    /// Another opcode, or too short for its parameters.
    Other(u16),
}

/// The ICRC found and the one that should stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icrc {
    /// As on the wire.
    pub wire: u32,
    /// Computed over the packet.
    pub computed: u32,
}

/// Extension headers, each where the opcode has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is its module's")]
pub struct Extensions {
    pub deth: Option<deth::Repr>,
    pub reth: Option<reth::Repr>,
    pub aeth: Option<aeth::Repr>,
    pub atomiceth: Option<atomiceth::Repr>,
    pub atomicacketh: Option<atomicacketh::Repr>,
    pub immdt: Option<immdt::Repr>,
    pub ieth: Option<ieth::Repr>,
}

/// Everything that could be read of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Bytes at hand, from the Ethernet header on, without FCS.
    pub frame_len: usize,
    /// Ethernet header.
    pub ethernet: Option<ethernet::Repr>,
    /// VLAN tags, outermost first.
    pub vlan: Vec<vlan::Repr>,
    /// MAC control parameters.
    pub mac_control: Option<MacControl>,
    /// ARP packet.
    pub arp: Option<arp::Repr>,
    /// PTP message of version 2.
    pub ptp: Option<ptp::Repr>,
    /// Network header.
    pub ip: Option<Ip>,
    /// UDP header.
    pub udp: Option<udp::Repr>,
    /// Neighbour advertisement.
    pub neighbour: Option<icmpv6::Repr>,
    /// Base transport header.
    pub bth: Option<bth::Repr>,
    /// Extension headers.
    pub extensions: Extensions,
    /// Bytes of payload, without pad.
    pub payload_len: Option<usize>,
    /// Invariant CRC, if it is within the bytes at hand.
    pub icrc: Option<Icrc>,
    /// Bytes behind the IP packet.
    pub trailing_len: usize,
    /// What is wrong, most important first. Empty: valid.
    pub faults: Vec<Fault>,
}

impl Decoded {
    /// The first fault: the reason for which the frame is refused.
    #[must_use]
    pub fn error(&self) -> Option<Malformed> {
        self.faults.first().map(|fault| fault.kind)
    }

    /// Whether it is (or claims to be) a RoCEv2 packet.
    #[must_use]
    pub fn is_roce(&self) -> bool {
        self.udp.is_some_and(|udp| udp.dst_port == udp::PORT_ROCEV2)
    }

    /// Whether the frame has a fault of this kind, the first or a later one.
    #[must_use]
    pub fn has(&self, kind: Malformed) -> bool {
        self.faults.iter().any(|fault| fault.kind == kind)
    }

    fn fault(&mut self, kind: Malformed, detail: impl Into<String>) {
        self.faults.push(Fault {
            kind,
            detail: detail.into(),
        });
    }
}

/// Where the network header is, and what.
struct Network<'a> {
    ethertype: u16,
    /// All bytes from the network header on.
    bytes: &'a [u8],
    /// Of an Ethernet frame, the length up to which zeros may follow the packet as padding.
    padded_frame_len: Option<usize>,
}

/// Reads one frame. `bytes` are what is at hand; `original_len` is what was on the wire (more
/// than that when the capture was made with a snap length).
#[must_use]
pub fn decode(link: Link, bytes: &[u8], original_len: usize, ackreq: AckreqRule) -> Decoded {
    let mut decoded = Decoded {
        frame_len: bytes.len(),
        ..Decoded::default()
    };
    let cut = bytes.len() < original_len;
    let Some(network) = link_layer(&mut decoded, link, bytes) else {
        return decoded;
    };
    match network.ethertype {
        ethernet::TYPE_MAC_CONTROL => mac_control(&mut decoded, network.bytes, cut),
        ethernet::TYPE_ARP => decoded.arp = arp::Repr::parse(network.bytes).ok(),
        ptp::ETHERTYPE => decoded.ptp = ptp::Repr::parse(network.bytes).ok().filter(ptp::Repr::is_known),
        ethernet::TYPE_IPV4 => ipv4(&mut decoded, &network, cut, ackreq),
        ethernet::TYPE_IPV6 => ipv6(&mut decoded, &network, cut, ackreq),
        _ => {}
    }
    decoded
}

fn link_layer<'a>(decoded: &mut Decoded, link: Link, bytes: &'a [u8]) -> Option<Network<'a>> {
    let (type_at, header_len) = match link {
        Link::Ethernet => return ethernet(decoded, bytes),
        Link::RawIp => {
            let version6 = bytes.first().is_some_and(|first| first >> 4 == 6);
            return Some(Network {
                ethertype: if version6 {
                    ethernet::TYPE_IPV6
                } else {
                    ethernet::TYPE_IPV4
                },
                bytes,
                padded_frame_len: None,
            });
        }
        Link::LinuxCooked => (14, 16),
        Link::LinuxCooked2 => (0, 20),
    };
    let header = bytes.split_at_checked(header_len);
    let ethertype = bytes.get(type_at..).and_then(<[u8]>::first_chunk);
    let (Some((_, rest)), Some(ethertype)) = (header, ethertype) else {
        decoded.fault(
            Malformed::Truncated,
            format!("{} bytes, the link header needs {header_len}", bytes.len()),
        );
        return None;
    };
    Some(Network {
        ethertype: be16::<2>(ethertype, 0),
        bytes: rest,
        padded_frame_len: None,
    })
}

fn ethernet<'a>(decoded: &mut Decoded, bytes: &'a [u8]) -> Option<Network<'a>> {
    let Ok(header) = ethernet::Repr::parse(bytes) else {
        decoded.fault(
            Malformed::Truncated,
            format!("{} bytes, an Ethernet header needs {}", bytes.len(), ethernet::LEN),
        );
        return None;
    };
    decoded.ethernet = Some(header);
    let mut ethertype = header.ethertype;
    let mut at = ethernet::LEN;
    while vlan::is_tpid(ethertype)
        && let Some(Ok(tag)) = bytes.get(at..).map(|rest| vlan::Repr::parse(ethertype, rest))
    {
        decoded.vlan.push(tag);
        ethertype = tag.ethertype;
        at += vlan::LEN;
    }
    Some(Network {
        ethertype,
        bytes: bytes.get(at..)?,
        // Each tag may lengthen the shortest frame by its four bytes (IEEE 802.1Q annex G.2.3).
        padded_frame_len: Some(ethernet::MIN_FRAME_LEN + at - ethernet::LEN),
    })
}

/// PFC and PAUSE (IEEE 802.3 annex 31B, IEEE 802.1Q clause 36).
fn mac_control(decoded: &mut Decoded, body: &[u8], cut: bool) {
    let Some(opcode) = body.first_chunk::<4>().map(|bytes| be16(bytes, 0)) else {
        decoded.fault(Malformed::PfcFormat, "MAC control frame cut short");
        return;
    };
    decoded.mac_control = Some(MacControl::Other(opcode));
    if opcode == pause::OPCODE {
        decoded.mac_control = pause::Repr::parse(body).ok().map(MacControl::Pause);
        return;
    }
    if opcode != pfc::OPCODE {
        return;
    }
    if decoded.ethernet.is_some_and(|header| header.dst != pfc::DESTINATION) {
        decoded.fault(
            Malformed::PfcFormat,
            format!("destination MAC is not {}", pfc::DESTINATION),
        );
    }
    if !decoded.vlan.is_empty() {
        decoded.fault(Malformed::PfcFormat, "PFC frame is VLAN tagged");
    }
    let too_short = decoded.frame_len < ethernet::MIN_FRAME_LEN && !cut;
    let parsed = pfc::Repr::parse(body);
    if too_short || parsed.is_err() {
        let len = decoded.frame_len;
        decoded.fault(Malformed::PfcFormat, format!("PFC frame of {len} bytes is below 60"));
    }
    let Ok(repr) = parsed else {
        return;
    };
    decoded.mac_control = Some(MacControl::Pfc(repr));
    if repr.class_enable > 0xff {
        let detail = format!("class enable vector 0x{:04x} has upper bits", repr.class_enable);
        decoded.fault(Malformed::PfcFormat, detail.clone());
        decoded.fault(Malformed::PfcEnableVector, detail);
    }
}

fn ipv4(decoded: &mut Decoded, network: &Network<'_>, cut: bool, ackreq: AckreqRule) {
    let l3 = network.bytes;
    let repr = match ipv4::Repr::parse(l3) {
        Ok(repr) => repr,
        Err(Malformed::Truncated) => {
            let detail = format!("{} bytes of IPv4, its header needs more", l3.len());
            decoded.fault(cut_or(cut, Malformed::Truncated), detail);
            return;
        }
        // Version or IHL: no IPv4 packet at all.
        Err(_) => return,
    };
    let checksum = l3.first_chunk::<{ ipv4::LEN }>().map_or(0, |header| be16(header, 10));
    let ip = Ip::V4(repr, checksum);
    decoded.ip = Some(ip);
    if repr.protocol != udp::PROTOCOL || repr.fragment_offset != 0 {
        return;
    }
    let header_len = repr.header_len();
    if !udp(decoded, l3, header_len, cut) {
        return;
    }
    if repr.more_fragments {
        decoded.fault(Malformed::IpFragment, "RoCEv2 packet is fragmented");
        return;
    }
    if !l3.get(..header_len).is_some_and(ipv4::checksum_ok) {
        let detail = format!("header checksum 0x{checksum:04x} is wrong");
        decoded.fault(Malformed::Ipv4Checksum, detail);
    }
    let total_len = usize::from(repr.total_len);
    transport::read(decoded, network, ip, header_len, total_len, cut, ackreq);
}

fn ipv6(decoded: &mut Decoded, network: &Network<'_>, cut: bool, ackreq: AckreqRule) {
    const FRAGMENT_HEADER: u8 = 44;
    const FRAGMENT_HEADER_LEN: usize = 8;
    let l3 = network.bytes;
    let repr = match ipv6::Repr::parse(l3) {
        Ok(repr) => repr,
        Err(Malformed::Truncated) => {
            let detail = format!("{} bytes of IPv6, its header needs {}", l3.len(), ipv6::LEN);
            decoded.fault(cut_or(cut, Malformed::Truncated), detail);
            return;
        }
        Err(_) => return,
    };
    let ip = Ip::V6(repr);
    decoded.ip = Some(ip);
    match repr.next_header {
        udp::PROTOCOL => {}
        icmpv6::NEXT_HEADER => {
            decoded.neighbour = l3
                .get(ipv6::LEN..)
                .and_then(|message| icmpv6::Repr::parse(message).ok());
            return;
        }
        FRAGMENT_HEADER if l3.get(ipv6::LEN) == Some(&udp::PROTOCOL) => {
            if udp(decoded, l3, ipv6::LEN + FRAGMENT_HEADER_LEN, cut) {
                decoded.fault(Malformed::IpFragment, "RoCEv2 packet is fragmented");
            }
            return;
        }
        _ => return,
    }
    if udp(decoded, l3, ipv6::LEN, cut) {
        let total_len = ipv6::LEN + usize::from(repr.payload_len);
        transport::read(decoded, network, ip, ipv6::LEN, total_len, cut, ackreq);
    }
}

/// Reads the UDP header; whether it leads to a RoCEv2 packet.
fn udp(decoded: &mut Decoded, l3: &[u8], at: usize, cut: bool) -> bool {
    let bytes = l3.get(at..).unwrap_or_default();
    match udp::Repr::parse(bytes) {
        Ok(repr) => decoded.udp = Some(repr),
        Err(kind) => {
            let detail = format!("{} bytes of UDP, its header needs {}", bytes.len(), udp::LEN);
            decoded.fault(cut_or(cut, kind), detail);
        }
    }
    decoded.is_roce()
}

/// A header that the capture cut off is not the sender's fault.
fn cut_or(cut: bool, kind: Malformed) -> Malformed {
    if cut { Malformed::CaptureTruncated } else { kind }
}

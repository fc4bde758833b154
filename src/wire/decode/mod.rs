//! Reading all of one frame, and naming everything that is wrong with it.
//!
//! Contract: [`decode`] never fails. It reads as far as the bytes allow and lists the faults it
//! met, in the order of precedence of `check_pcap.py`: the first is the frame's `error`. A frame
//! that is not RoCEv2, PFC or PAUSE is read as far as squall knows it and never has a fault,
//! unless it ends within its own headers.
//!
//! An encapsulation is opened, and what it carries is decoded in the place of the frame; the headers
//! around it are [`Decoded::outer`]. What may carry a RoCEv2 packet and is not opened has the fault
//! [`Malformed::Unread`]: nothing that was not read counts as valid. The depth is bounded.
//!
//! Left out on purpose: whatever takes more than one frame to judge, fragments among them.

mod display;
mod fields;
mod link;
mod network;
mod outer;
mod transport;
mod tunnel;

use std::fmt;
use std::net::IpAddr;

pub use outer::{Outer, Tunnel};

use super::{
    Malformed, aeth, arp, atomicacketh, atomiceth, bth, deth, ethernet, fcs, feth, icmpv6, ieth, immdt, ipv4, ipv6,
    pause, pfc, ptp, rdeth, reth, udp, vlan, xrceth,
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
    /// The requester's choice, as the specification has it (IBTA Vol 1, 9.7.3); and UD to QP 1 may set the bit,
    /// as Linux's connection manager does.
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
    pub rdeth: Option<rdeth::Repr>,
    pub xrceth: Option<xrceth::Repr>,
    pub feth: Option<feth::Repr>,
}

/// A header between the IP header and what it carries: an IPv6 extension header (RFC 8200 section 4)
/// or an authentication header (RFC 4302).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionHeader {
    /// Its protocol number.
    pub protocol: u8,
    /// Of a routing header its type (4 is a segment routing header, RFC 8754) and the segments left.
    pub routing: Option<(u8, u8)>,
}

impl fmt::Display for ExtensionHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol, self.routing) {
            (0, _) => f.write_str("hop-by-hop"),
            (_, Some((4, left))) => write!(f, "srh left {left}"),
            (_, Some((kind, left))) => write!(f, "routing {kind} left {left}"),
            (44, _) => f.write_str("fragment"),
            (51, _) => f.write_str("ah"),
            (60, _) => f.write_str("destination options"),
            (protocol, _) => write!(f, "extension header {protocol}"),
        }
    }
}

/// A frame check sequence, and the one that should stand there, as [`fcs::of`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fcs {
    /// As captured.
    pub wire: u32,
    /// Computed over the frame.
    pub computed: u32,
}

/// Everything that could be read of a frame: of one that is encapsulated, of the innermost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Bytes at hand, from the Ethernet header on, without FCS.
    pub frame_len: usize,
    /// Frame check sequence, where the capture has it.
    pub fcs: Option<Fcs>,
    /// The layers around what follows, outermost first; empty for a frame without encapsulation.
    pub outer: Vec<Outer>,
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
    /// Headers between the network header and what it carries.
    pub extension_headers: Vec<ExtensionHeader>,
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

/// Reads one frame. `bytes` are what is at hand; `original_len` is what was on the wire (more
/// than that when the capture was made with a snap length). Without FCS.
#[must_use]
pub fn decode(link: Link, bytes: &[u8], original_len: usize, ackreq: AckreqRule) -> Decoded {
    decode_with_fcs(link, bytes, original_len, 0, ackreq)
}

/// The same for a frame whose last `fcs_len` bytes on the wire are its FCS, 4 of Ethernet. It is
/// verified where it is whole.
#[must_use]
pub fn decode_with_fcs(link: Link, bytes: &[u8], original_len: usize, fcs_len: usize, ackreq: AckreqRule) -> Decoded {
    let cut = bytes.len() < original_len;
    let frame_len = original_len.max(bytes.len()).saturating_sub(fcs_len);
    let (frame, fcs_bytes) = bytes.split_at(frame_len.min(bytes.len()));
    let mut walk = network::Walk::new(frame.len(), frame.len() < frame_len, ackreq);
    let mut step = walk.link_layer(link, frame);
    while let Some(next) = step {
        step = match next {
            network::Step::Ethernet(bytes) => walk.ethernet(bytes),
            network::Step::Network(network) => walk.network(&network),
        };
    }
    let mut decoded = walk.finish();
    if link != Link::Ethernet || cut {
        return decoded;
    }
    if let Ok(wire) = <[u8; fcs::LEN]>::try_from(fcs_bytes) {
        decoded.check_fcs(frame, u32::from_le_bytes(wire));
    } else if fcs_len == 0 {
        decoded.name_fcs(frame);
    }
    decoded
}

impl Decoded {
    fn check_fcs(&mut self, frame: &[u8], wire: u32) {
        let computed = fcs::of(frame);
        self.fcs = Some(Fcs { wire, computed });
        if wire != computed {
            let (wire, computed) = (wire.swap_bytes(), computed.swap_bytes());
            let detail = format!("on the wire {wire:08x}, computed {computed:08x} (byte order of the wire)");
            let kind = Malformed::Fcs;
            self.faults.insert(0, Fault { kind, detail });
        }
    }

    /// Bytes too many at the end that are the frame's FCS are called so.
    fn name_fcs(&mut self, bytes: &[u8]) {
        let of_frame = bytes
            .split_last_chunk()
            .is_some_and(|(frame, wire)| fcs::of(frame) == u32::from_le_bytes(*wire));
        let trailing = self
            .faults
            .iter_mut()
            .find(|fault| fault.kind == Malformed::TrailingBytes);
        if let Some(fault) = trailing.filter(|_| of_frame) {
            fault
                .detail
                .push_str(": the last 4 are the FCS, which the file does not declare");
        }
    }
}

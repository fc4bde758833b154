//! The part of [`super::decode`] from the network header to the transport: IP, the headers behind it,
//! fragments, and the way into encapsulations.

use super::link::carries_nothing;
use super::outer::{Outer, Tunnel};
use super::tunnel::{self, Inner, Opened, Stop};
use super::{AckreqRule, Decoded, ExtensionHeader, Fault, Ip, transport};
use crate::wire::bytes::be16;
use crate::wire::{Malformed, arp, ethernet, icmpv6, ipv4, ipv6, ptp, udp};

/// Encapsulations around a packet that are opened. Frames of real networks have one to three.
const MAX_OUTER: usize = 8;
/// Headers behind one IP header that are passed. RFC 8200 section 4.1 has each once or twice.
const MAX_EXTENSION_HEADERS: usize = 16;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// IP protocols that carry no packet that RoCEv2 could be in: control, and transports of others.
const OF_ITS_OWN: [u8; 16] = [1, 2, 6, 8, 9, 33, 46, 58, 59, 88, 89, 103, 112, 113, 132, 136];

/// One frame on its way through the layers.
pub(super) struct Walk {
    pub(super) decoded: Decoded,
    /// Whether the capture has less of the frame than the wire had.
    pub(super) cut: bool,
    ackreq: AckreqRule,
    /// What is wrong with the layers around the packet: of interest when that one is RoCEv2.
    outer_faults: Vec<Fault>,
}

/// What is to be read next.
pub(super) enum Step<'a> {
    /// An Ethernet frame.
    Ethernet(&'a [u8]),
    /// What an EtherType says.
    Network(Network<'a>),
}

/// Where the network header is, and what.
pub(super) struct Network<'a> {
    pub(super) ethertype: u16,
    /// All bytes from the network header on.
    pub(super) bytes: &'a [u8],
    /// Whether what follows the packet is an Ethernet frame's padding.
    pub(super) padded: bool,
}

impl<'a> Network<'a> {
    pub(super) fn new(ethertype: u16, bytes: &'a [u8]) -> Network<'a> {
        Network {
            ethertype,
            bytes,
            padded: false,
        }
    }
}

/// The headers between an IP header and what it carries.
struct Chain {
    /// Protocol number behind them.
    protocol: u8,
    /// Where that begins.
    at: usize,
    /// Of a fragment header: the offset, and whether more follow.
    fragment: Option<(u16, bool)>,
}

impl<'a> Walk {
    pub(super) fn new(frame_len: usize, cut: bool, ackreq: AckreqRule) -> Walk {
        Walk {
            decoded: Decoded {
                frame_len,
                ..Decoded::default()
            },
            cut,
            ackreq,
            outer_faults: Vec::new(),
        }
    }

    /// All that was read.
    pub(super) fn finish(self) -> Decoded {
        let Walk {
            mut decoded,
            outer_faults,
            ..
        } = self;
        if decoded.is_roce() {
            decoded.faults.splice(0..0, outer_faults);
        }
        decoded
    }

    /// The frame ends within a header: its own fault, or the capture's.
    pub(super) fn short(&mut self, detail: String) {
        let kind = cut_or(self.cut, Malformed::Truncated);
        self.decoded.fault(kind, detail);
    }

    fn unread(&mut self, what: impl Into<String>) {
        self.decoded.fault(Malformed::Unread, what);
    }

    pub(super) fn network(&mut self, network: &Network<'a>) -> Option<Step<'a>> {
        let bytes = network.bytes;
        match network.ethertype {
            ethernet::TYPE_IPV4 => return self.ipv4(network),
            ethernet::TYPE_IPV6 => return self.ipv6(network),
            tunnel::TYPE_MPLS | tunnel::TYPE_MPLS_MULTICAST => return self.open(tunnel::mpls(bytes)),
            tunnel::TYPE_PPPOE_SESSION => return self.open(tunnel::pppoe(bytes)),
            tunnel::TYPE_NSH => return self.open(tunnel::nsh(bytes)),
            tunnel::TYPE_PBB => return self.open(tunnel::pbb(bytes)),
            ethernet::TYPE_MAC_CONTROL if self.decoded.outer.is_empty() => self.mac_control(bytes),
            ethernet::TYPE_ARP => self.decoded.arp = arp::Repr::parse(bytes).ok(),
            ptp::ETHERTYPE => self.decoded.ptp = ptp::Repr::parse(bytes).ok().filter(ptp::Repr::is_known),
            other if carries_nothing(other) => {}
            other => self.unread(format!("EtherType 0x{other:04x}")),
        }
        None
    }

    /// Goes into an encapsulation: what was read becomes its outer layer.
    fn open(&mut self, opened: Opened<'a>) -> Option<Step<'a>> {
        let (tunnel, inner) = match opened {
            Ok(opened) => opened,
            Err(Stop::Short(name)) => {
                self.short(format!("the frame ends within {name}"));
                return None;
            }
            Err(Stop::Unread(what)) => {
                self.unread(what);
                return None;
            }
            Err(Stop::Control) => return None,
        };
        let decoded = &mut self.decoded;
        if decoded.outer.len() == MAX_OUTER {
            self.unread(format!("more than {MAX_OUTER} encapsulations"));
            return None;
        }
        // A switch that mirrors may cut the frame: that is no fault of the frame's.
        self.cut |= matches!(tunnel, Tunnel::Erspan { truncated: true, .. });
        decoded.outer.push(Outer {
            ethernet: decoded.ethernet.take(),
            vlan: std::mem::take(&mut decoded.vlan),
            ip: decoded.ip.take(),
            extension_headers: std::mem::take(&mut decoded.extension_headers),
            udp: decoded.udp.take(),
            tunnel,
        });
        Some(match inner {
            Inner::Ethernet(bytes) => Step::Ethernet(bytes),
            Inner::Typed(ethertype, bytes) => Step::Network(Network::new(ethertype, bytes)),
        })
    }

    fn ipv4(&mut self, network: &Network<'a>) -> Option<Step<'a>> {
        let l3 = network.bytes;
        let repr = match ipv4::Repr::parse(l3) {
            Ok(repr) => repr,
            Err(Malformed::Truncated) => {
                self.short(format!("{} bytes of IPv4, its header needs more", l3.len()));
                return None;
            }
            // Version or IHL: no IPv4 packet at all.
            Err(_) => {
                self.unread("no IPv4 header where one should be");
                return None;
            }
        };
        let checksum = l3.first_chunk::<{ ipv4::LEN }>().map_or(0, |header| be16(header, 10));
        self.decoded.ip = Some(Ip::V4(repr, checksum));
        let header_len = repr.header_len();
        let mut chain = Chain {
            protocol: repr.protocol,
            at: header_len,
            fragment: None,
        };
        if repr.fragment_offset == 0 && !self.pass_headers(l3, &mut chain, &[AUTHENTICATION]) {
            return None;
        }
        let checksum_fault = (!l3.get(..header_len).is_some_and(ipv4::checksum_ok)).then(|| Fault {
            kind: Malformed::Ipv4Checksum,
            detail: format!("header checksum 0x{checksum:04x} is wrong"),
        });
        chain.fragment =
            (repr.more_fragments || repr.fragment_offset != 0).then_some((repr.fragment_offset, repr.more_fragments));
        self.transport(network, &chain, usize::from(repr.total_len), checksum_fault)
    }

    fn ipv6(&mut self, network: &Network<'a>) -> Option<Step<'a>> {
        const PASSED: [u8; 7] = [HOP_BY_HOP, ROUTING, AUTHENTICATION, DESTINATION_OPTIONS, 135, 139, 140];
        let l3 = network.bytes;
        let repr = match ipv6::Repr::parse(l3) {
            Ok(repr) => repr,
            Err(Malformed::Truncated) => {
                self.short(format!("{} bytes of IPv6, its header needs {}", l3.len(), ipv6::LEN));
                return None;
            }
            Err(_) => {
                self.unread("no IPv6 header where one should be");
                return None;
            }
        };
        self.decoded.ip = Some(Ip::V6(repr));
        let mut chain = Chain {
            protocol: repr.next_header,
            at: ipv6::LEN,
            fragment: None,
        };
        if !self.pass_headers(l3, &mut chain, &PASSED) {
            return None;
        }
        if chain.protocol == FRAGMENT {
            let Some(header) = l3.get(chain.at..).and_then(<[u8]>::first_chunk::<8>) else {
                self.short("the packet ends within an IPv6 fragment header".to_owned());
                return None;
            };
            let field = be16(header, 2);
            self.decoded.extension_headers.push(ExtensionHeader {
                protocol: FRAGMENT,
                routing: None,
            });
            chain = Chain {
                protocol: header[0],
                at: chain.at + 8,
                fragment: Some((field >> 3, field & 1 != 0)),
            };
            if field >> 3 == 0 && !self.pass_headers(l3, &mut chain, &PASSED) {
                return None;
            }
        }
        if chain.protocol == icmpv6::NEXT_HEADER {
            self.decoded.neighbour = l3.get(chain.at..).and_then(|message| icmpv6::Repr::parse(message).ok());
            return None;
        }
        self.transport(network, &chain, ipv6::LEN + usize::from(repr.payload_len), None)
    }

    /// Passes headers of these protocols. Whether the chain's end was reached.
    fn pass_headers(&mut self, l3: &[u8], chain: &mut Chain, passed: &[u8]) -> bool {
        while passed.contains(&chain.protocol) {
            if self.decoded.extension_headers.len() == MAX_EXTENSION_HEADERS {
                self.unread(format!("more than {MAX_EXTENSION_HEADERS} extension headers"));
                return false;
            }
            let Some(header) = l3.get(chain.at..).and_then(<[u8]>::first_chunk::<4>) else {
                self.short("the packet ends within an extension header".to_owned());
                return false;
            };
            // RFC 4302 section 2.2 counts words of four bytes, all others of eight.
            let len = if chain.protocol == AUTHENTICATION {
                (usize::from(header[1]) + 2) * 4
            } else {
                (usize::from(header[1]) + 1) * 8
            };
            self.decoded.extension_headers.push(ExtensionHeader {
                protocol: chain.protocol,
                routing: (chain.protocol == ROUTING).then_some((header[2], header[3])),
            });
            chain.protocol = header[0];
            chain.at += len;
        }
        true
    }

    /// What the IP packet carries. `total_len` is what its header says.
    fn transport(
        &mut self,
        network: &Network<'a>,
        chain: &Chain,
        total_len: usize,
        checksum_fault: Option<Fault>,
    ) -> Option<Step<'a>> {
        let l3 = network.bytes;
        let ip = self.decoded.ip?;
        let is_udp = chain.protocol == udp::PROTOCOL;
        // Up to the packet's end: what is carried has no part in an outer frame's padding.
        let packet = l3.get(..total_len.min(l3.len())).unwrap_or_default();
        let carried = packet.get(chain.at..).unwrap_or_default();
        if let Some((offset, _)) = chain.fragment {
            if OF_ITS_OWN.contains(&chain.protocol) {
                return None;
            }
            if offset != 0 {
                self.unread(format!("a later fragment of protocol {}", chain.protocol));
                return None;
            }
        }
        if is_udp {
            if l3.len() < chain.at + udp::LEN {
                let len = l3.len().saturating_sub(chain.at);
                self.short(format!("{len} bytes of UDP, its header needs {}", udp::LEN));
                return None;
            }
            self.decoded.udp = l3.get(chain.at..).and_then(|bytes| udp::Repr::parse(bytes).ok());
        }
        if self.decoded.is_roce() {
            if chain.fragment.is_some() {
                self.decoded.fault(Malformed::IpFragment, "RoCEv2 packet is fragmented");
                return None;
            }
            self.decoded.faults.extend(checksum_fault);
            transport::read(
                &mut self.decoded,
                network,
                ip,
                chain.at,
                total_len,
                self.cut,
                self.ackreq,
            );
            return None;
        }
        let opened = match self.decoded.udp {
            Some(header) => tunnel::in_udp(
                header.src_port,
                header.dst_port,
                carried.get(udp::LEN..).unwrap_or_default(),
            ),
            None => tunnel::in_ip(chain.protocol, carried),
        };
        match opened {
            Some(_) if chain.fragment.is_some() => {
                self.unread("the first fragment of an encapsulation");
                None
            }
            Some(opened) => {
                self.outer_faults(network, total_len, checksum_fault);
                self.open(opened)
            }
            None => {
                if !is_udp && !OF_ITS_OWN.contains(&chain.protocol) {
                    self.unread(format!(
                        "IP protocol {}{}",
                        chain.protocol,
                        protocol_name(chain.protocol)
                    ));
                }
                None
            }
        }
    }

    /// What is wrong with the IP packet around an encapsulation.
    fn outer_faults(&mut self, network: &Network<'_>, total_len: usize, checksum_fault: Option<Fault>) {
        let mut fault = |kind, detail: String| {
            let detail = format!("outer layer: {detail}");
            self.outer_faults.push(Fault { kind, detail });
        };
        if let Some(found) = checksum_fault {
            fault(found.kind, found.detail);
        }
        let at_hand = network.bytes.len();
        if total_len > at_hand && !self.cut {
            let detail = format!("IP length {total_len}, only {at_hand} bytes in the frame");
            fault(Malformed::IpLength, detail);
        } else if total_len < at_hand && !network.padded {
            let detail = format!("{} bytes after the IP packet", at_hand - total_len);
            fault(Malformed::TrailingBytes, detail);
        }
    }
}

fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        50 => " (IPsec ESP)",
        94 => " (IPIP)",
        108 => " (IPComp)",
        115 => " (L2TP)",
        _ => "",
    }
}

/// A header that the capture cut off is not the sender's fault.
fn cut_or(cut: bool, kind: Malformed) -> Malformed {
    if cut { Malformed::CaptureTruncated } else { kind }
}

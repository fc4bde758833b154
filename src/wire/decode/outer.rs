//! What lies around the packet that was decoded: one layer for each encapsulation, outermost first.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::fields::{Ethernet, Udp, ip_entry};
use super::{ExtensionHeader, Ip};
use crate::wire::{ethernet, udp, vlan};

/// The headers of one layer, and the encapsulation that they carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outer {
    /// Ethernet header.
    pub ethernet: Option<ethernet::Repr>,
    /// VLAN tags, outermost first.
    pub vlan: Vec<vlan::Repr>,
    /// Network header.
    pub ip: Option<Ip>,
    /// Headers between the network header and what it carries.
    pub extension_headers: Vec<ExtensionHeader>,
    /// UDP header.
    pub udp: Option<udp::Repr>,
    /// What follows.
    pub tunnel: Tunnel,
}

/// An encapsulation's own header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tunnel {
    /// VXLAN (RFC 7348).
    Vxlan {
        /// Network identifier, 24 bits.
        vni: u32,
    },
    /// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe).
    VxlanGpe {
        /// Network identifier, 24 bits.
        vni: u32,
    },
    /// Geneve (RFC 8926).
    Geneve {
        /// Network identifier, 24 bits.
        vni: u32,
    },
    /// GRE (RFC 2784, RFC 2890), NVGRE (RFC 7637) included.
    Gre {
        /// EtherType of what it carries.
        protocol: u16,
        /// Key; NVGRE's subnet and flow.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<u32>,
        /// Sequence number.
        #[serde(skip_serializing_if = "Option::is_none")]
        sequence: Option<u32>,
    },
    /// ERSPAN in GRE: a frame that a switch has mirrored (draft-foschiano-erspan).
    Erspan {
        /// 1, 2 or 3.
        version: u8,
        /// Session; version 1 has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<u16>,
        /// VLAN of the mirrored frame; version 1 has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        vlan: Option<u16>,
        /// Whether the switch has cut the frame.
        truncated: bool,
    },
    /// MPLS (RFC 3032).
    Mpls {
        /// Labels, top of the stack first.
        labels: Vec<u32>,
    },
    /// IP behind an IP header (RFC 2003, RFC 2473, RFC 4213), SRv6 (RFC 8986) included.
    Ip,
    /// Ethernet behind an IP header: SRv6's next header 143 (RFC 8986), EtherIP (RFC 3378).
    EthernetInIp,
    /// PPPoE session (RFC 2516).
    Pppoe {
        /// Session.
        session: u16,
    },
    /// Network service header (RFC 8300).
    Nsh {
        /// Service path, 24 bits.
        path: u32,
        /// Service index.
        index: u8,
    },
    /// GTP-U (3GPP TS 29.281).
    Gtp {
        /// Tunnel endpoint.
        teid: u32,
    },
    /// Provider backbone bridging (IEEE 802.1Q clause 9.7).
    Pbb {
        /// Service instance, 24 bits.
        isid: u32,
    },
}

impl Serialize for Outer {
    /// The layer's headers, named as those of `fields`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(header) = &self.ethernet {
            // What it carries is named by `tunnel`.
            map.serialize_entry("eth", &Ethernet::new(header, &self.vlan, true))?;
        }
        if let Some(ip) = &self.ip {
            ip_entry(&mut map, ip, &self.extension_headers)?;
        }
        if let Some(repr) = &self.udp {
            map.serialize_entry("udp", &Udp::new(repr, false))?;
        }
        map.serialize_entry("tunnel", &self.tunnel)?;
        map.end()
    }
}

impl fmt::Display for Outer {
    /// Short, for the head of a line: addresses and encapsulation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for tag in &self.vlan {
            write!(f, "{tag}, ")?;
        }
        if let Some(ip) = &self.ip {
            write!(f, "{} > {} ", ip.source(), ip.destination())?;
        }
        for header in &self.extension_headers {
            write!(f, "{header} ")?;
        }
        write!(f, "{}", self.tunnel)
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tunnel::Vxlan { vni } => write!(f, "VXLAN vni {vni}"),
            Tunnel::VxlanGpe { vni } => write!(f, "VXLAN-GPE vni {vni}"),
            Tunnel::Geneve { vni } => write!(f, "Geneve vni {vni}"),
            Tunnel::Gre { protocol, key, .. } => {
                write!(f, "GRE 0x{protocol:04x}")?;
                key.map_or(Ok(()), |key| write!(f, " key 0x{key:08x}"))
            }
            Tunnel::Erspan {
                version,
                session,
                truncated,
                ..
            } => {
                write!(f, "ERSPAN {version}")?;
                session.map_or(Ok(()), |session| write!(f, " session {session}"))?;
                f.write_str(if *truncated { " truncated" } else { "" })
            }
            Tunnel::Mpls { labels } => {
                f.write_str("MPLS")?;
                labels.iter().try_for_each(|label| write!(f, " {label}"))
            }
            Tunnel::Ip => f.write_str("IP in IP"),
            Tunnel::EthernetInIp => f.write_str("Ethernet in IP"),
            Tunnel::Pppoe { session } => write!(f, "PPPoE session {session}"),
            Tunnel::Nsh { path, index } => write!(f, "NSH path {path} index {index}"),
            Tunnel::Gtp { teid } => write!(f, "GTP-U teid 0x{teid:08x}"),
            Tunnel::Pbb { isid } => write!(f, "PBB I-SID {isid}"),
        }
    }
}

//! The part of [`super::decode`] before the network header: link headers, tags, MAC control.

use super::network::{Network, Step, Walk};
use super::{Link, MacControl};
use crate::wire::bytes::be16;
use crate::wire::{Malformed, ethernet, pause, pfc, vlan};

/// EtherTypes below are lengths of 802.2 frames (IEEE 802.3 clause 3.2.6).
const FIRST_TYPE: u16 = 0x0600;

/// EtherTypes of what carries no other packet. Of the others that squall does not read, nobody can
/// say.
const OF_ITS_OWN: [u16; 22] = [
    0x0806, // ARP
    0x0842, // Wake-on-LAN
    0x22f0, // IEEE 1722
    0x8035, // RARP
    0x8808, // MAC control
    0x8809, // slow protocols: LACP, OAM, ESMC
    0x8863, // PPPoE discovery
    0x888e, // EAPOL
    0x8892, // PROFINET
    0x88a2, // ATA over Ethernet
    0x88a4, // EtherCAT
    0x88c7, // pre-authentication
    0x88cc, // LLDP
    0x88e3, // MRP
    0x88f5, // MVRP
    0x88f6, // MMRP
    0x88f7, // PTP
    0x8902, // CFM
    0x8906, // FCoE
    0x8914, // FIP
    ethernet::TYPE_ROCE_V1,
    0x9000, // loopback
];

/// Whether a frame of this EtherType is read, or known to carry nothing.
pub(super) fn carries_nothing(ethertype: u16) -> bool {
    ethertype < FIRST_TYPE || OF_ITS_OWN.contains(&ethertype)
}

impl<'a> Walk {
    pub(super) fn link_layer(&mut self, link: Link, bytes: &'a [u8]) -> Option<Step<'a>> {
        let (type_at, header_len) = match link {
            Link::Ethernet => return Some(Step::Ethernet(bytes)),
            Link::RawIp => {
                let version6 = bytes.first().is_some_and(|first| first >> 4 == 6);
                let ethertype = if version6 {
                    ethernet::TYPE_IPV6
                } else {
                    ethernet::TYPE_IPV4
                };
                return Some(Step::Network(Network::new(ethertype, bytes)));
            }
            Link::LinuxCooked => (14, 16),
            Link::LinuxCooked2 => (0, 20),
        };
        let header = bytes.split_at_checked(header_len);
        let ethertype = bytes.get(type_at..).and_then(<[u8]>::first_chunk);
        let (Some((_, rest)), Some(ethertype)) = (header, ethertype) else {
            self.short(format!("{} bytes, the link header needs {header_len}", bytes.len()));
            return None;
        };
        self.tags(be16::<2>(ethertype, 0), rest, None)
    }

    pub(super) fn ethernet(&mut self, bytes: &'a [u8]) -> Option<Step<'a>> {
        let Ok(header) = ethernet::Repr::parse(bytes) else {
            self.short(format!(
                "{} bytes, an Ethernet header needs {}",
                bytes.len(),
                ethernet::LEN
            ));
            return None;
        };
        self.decoded.ethernet = Some(header);
        self.tags(header.ethertype, bytes.get(ethernet::LEN..)?, Some(bytes.len()))
    }

    /// Reads tags up to another EtherType. `frame_len` is that of an Ethernet frame.
    fn tags(&mut self, ethertype: u16, bytes: &'a [u8], frame_len: Option<usize>) -> Option<Step<'a>> {
        let (mut ethertype, mut rest) = (ethertype, bytes);
        while vlan::is_tpid(ethertype) {
            let Some((Ok(tag), behind)) = rest
                .split_at_checked(vlan::LEN)
                .map(|(tag, behind)| (vlan::Repr::parse(ethertype, tag), behind))
            else {
                self.short(format!("{} bytes of a VLAN tag, it has {}", rest.len(), vlan::LEN));
                return None;
            };
            self.decoded.vlan.push(tag);
            ethertype = tag.ethertype;
            rest = behind;
        }
        // Each tag may lengthen the shortest frame by its four bytes (IEEE 802.1Q annex G.2.3).
        let shortest = ethernet::MIN_FRAME_LEN + bytes.len() - rest.len();
        Some(Step::Network(Network {
            ethertype,
            bytes: rest,
            padded: frame_len.is_some_and(|len| len <= shortest),
        }))
    }

    /// PFC and PAUSE (IEEE 802.3 annex 31B, IEEE 802.1Q clause 36).
    pub(super) fn mac_control(&mut self, body: &[u8]) {
        let cut = self.cut;
        let decoded = &mut self.decoded;
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
}

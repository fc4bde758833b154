//! In which class the network has a frame: the one answer for whatever asks. A class is a traffic
//! class and, by its number, a PFC priority.
//!
//! Contract: [`Maps`] is what a network is configured with: DSCP to priority (RFC 2474 section 3), PCP
//! to priority (IEEE 802.1Q 6.9.3), and which of them counts where a frame has both. [`Classes`] adds
//! rules for single QPs, which go before the maps. Reads any bytes without a panic.
//!
//! Left out on purpose: how a testbed spells its maps (`testbed::classes`).

use super::packet::{Frame, Packet};
use super::{ethernet, vlan};

/// Priorities: the classes 0 to 7.
pub const PRIORITIES: u8 = 8;

/// The priority of each DSCP.
pub type DscpMap = [u8; 64];

/// The priority of each PCP.
pub type PcpMap = [u8; 8];

/// Which field decides where a frame has a VLAN tag and a DSCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The PCP of the outermost tag.
    Pcp,
    /// The DSCP.
    Dscp,
}

/// By what a network puts frames into classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maps {
    /// Priority of each DSCP.
    pub dscp: DscpMap,
    /// Priority of each PCP.
    pub pcp: PcpMap,
    /// What decides where both are there.
    pub trust: Trust,
}

/// The class selector: a DSCP's upper three bits (RFC 2474 section 4.2.2).
pub const STANDARD_DSCP: DscpMap = {
    let mut map = [0; 64];
    let mut dscp = 0;
    while dscp < 64 {
        map[dscp as usize] = dscp >> 3;
        dscp += 1;
    }
    map
};

/// SONiC's default (`DSCP_TO_TC_MAP` of `qos_config.j2` in sonic-buildimage): DSCP 3 and 4 are the
/// lossless classes of that number.
pub const SONIC_DSCP: DscpMap = {
    let mut map = [1; 64];
    map[3] = 3;
    map[4] = 4;
    map[5] = 2;
    map[8] = 0;
    map[46] = 5;
    map[48] = 6;
    map
};

/// A PCP is a priority (IEEE 802.1Q table 6-2, priority regeneration).
pub const STANDARD_PCP: PcpMap = [0, 1, 2, 3, 4, 5, 6, 7];

/// SONiC's `DOT1P_TO_TC_MAP` of the same file: 0 and 1 change places.
pub const SONIC_PCP: PcpMap = [1, 0, 2, 3, 4, 5, 6, 7];

impl Default for Maps {
    fn default() -> Self {
        Maps {
            dscp: STANDARD_DSCP,
            pcp: STANDARD_PCP,
            trust: Trust::Pcp,
        }
    }
}

impl Maps {
    /// The class of a frame with these fields: the PCP of its outermost tag, and its DSCP. A frame
    /// that has neither is of class 0.
    #[inline]
    #[must_use]
    pub fn of(&self, pcp: Option<u8>, dscp: Option<u8>) -> u8 {
        let by_pcp = pcp.map(|pcp| self.pcp[usize::from(pcp & 7)]);
        let by_dscp = dscp.map(|dscp| self.dscp[usize::from(dscp & 63)]);
        match self.trust {
            Trust::Pcp => by_pcp.or(by_dscp),
            Trust::Dscp => by_dscp.or(by_pcp),
        }
        .unwrap_or(0)
    }

    /// The class of a frame that begins with its Ethernet header.
    #[inline]
    #[must_use]
    pub fn of_frame(&self, frame: &[u8]) -> u8 {
        let (pcp, dscp) = fields(frame);
        self.of(pcp, dscp)
    }
}

/// PCP of the outermost tag and DSCP of a frame, where it has them.
#[inline]
fn fields(frame: &[u8]) -> (Option<u8>, Option<u8>) {
    let byte = |at: usize| frame.get(at).copied();
    let mut at = ethernet::LEN;
    let mut pcp = None;
    loop {
        let (Some(high), Some(low), Some(first)) = (byte(at - 2), byte(at - 1), byte(at)) else {
            return (pcp, None);
        };
        match u16::from_be_bytes([high, low]) {
            tpid if vlan::is_tpid(tpid) => {
                pcp.get_or_insert(first >> 5);
                at += vlan::LEN;
            }
            ethernet::TYPE_IPV4 if first >> 4 == 4 => return (pcp, byte(at + 1).map(|tos| tos >> 2)),
            // The traffic class straddles the first two bytes.
            ethernet::TYPE_IPV6 if first >> 4 == 6 => {
                return (pcp, byte(at + 1).map(|second| (first & 0x0f) << 2 | second >> 6));
            }
            _ => return (pcp, None),
        }
    }
}

/// The frames to some destination QPs are of this class, whatever their PCP and DSCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// First destination QPN.
    pub first_qpn: u32,
    /// How many QPNs from there on.
    pub count: u32,
    /// The class.
    pub class: u8,
}

/// The classes of a network's frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    /// By its fields.
    pub maps: Maps,
    /// By destination QP, before the maps.
    pub rules: Vec<Rule>,
}

impl Classes {
    #[inline]
    fn ruled(&self, qpn: u32) -> Option<u8> {
        let named = |rule: &&Rule| qpn.wrapping_sub(rule.first_qpn) < rule.count;
        self.rules.iter().find(named).map(|rule| rule.class & 7)
    }

    /// The class of a RoCEv2 packet.
    #[inline]
    #[must_use]
    pub fn of_packet(&self, packet: &Packet<'_>) -> u8 {
        // What is said of an entry's frames is said of its data, not of what answers it.
        let is_data = !packet.opcode().operation().is_answer();
        self.ruled(packet.dest_qp())
            .filter(|_| is_data)
            .unwrap_or_else(|| self.maps.of(packet.pcp(), Some(packet.dscp())))
    }

    /// The class of an untagged packet that answers nothing, to this destination QP and with this DSCP.
    #[inline]
    #[must_use]
    pub fn of_data(&self, qpn: u32, dscp: u8) -> u8 {
        self.ruled(qpn).unwrap_or_else(|| self.maps.of(None, Some(dscp)))
    }

    /// The class of a frame that begins with its Ethernet header.
    #[inline]
    #[must_use]
    pub fn of_frame(&self, frame: &[u8]) -> u8 {
        if !self.rules.is_empty()
            && let Ok(Frame::Roce(packet)) = Frame::parse(frame)
        {
            return self.of_packet(&packet);
        }
        self.maps.of_frame(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(behind: &[u8]) -> Vec<u8> {
        [&[0xa5; 12][..], behind].concat()
    }

    fn standard(behind: &[u8]) -> u8 {
        Maps::default().of_frame(&frame(behind))
    }

    #[test]
    fn tag_before_dscp_before_nothing() {
        // DSCP 26 (AF31, RFC 2597): 0b011_010, class 3.
        assert_eq!(standard(&[0x08, 0x00, 0x45, 26 << 2 | 2]), 3);
        // DSCP 46 (EF, RFC 3246): 0b101_110, class 5; traffic class 0xb8 behind version 6.
        assert_eq!(standard(&[0x86, 0xdd, 0x6b, 0x80]), 5);
        // PCP 5, VID 4094 (IEEE 802.1Q figure 9-1) before IPv4 of class 3.
        assert_eq!(standard(&[0x81, 0x00, 0xbf, 0xfe, 0x08, 0x00, 0x45, 0x68]), 5);
        // PCP 0 is a class too.
        assert_eq!(standard(&[0x88, 0xa8, 0x00, 0x01, 0x08, 0x00, 0x45, 0x68]), 0);
        assert_eq!(standard(&[0x08, 0x06, 0xff, 0xff]), 0);
    }

    #[test]
    fn short_frames_are_class_0() {
        let whole = frame(&[0x08, 0x00, 0x45, 0x68]);
        for len in 0..whole.len() {
            assert_eq!(Maps::default().of_frame(&whole[..len]), 0, "{len}");
        }
        assert_eq!(Maps::default().of_frame(&whole), 3);
    }

    #[test]
    fn what_is_trusted_decides_where_both_are() {
        // PCP 5 before DSCP 3, over IPv4 and over IPv6 (traffic class 0x0c); PCP 5 before ARP.
        let over_ipv4 = frame(&[0x81, 0x00, 0xa0, 0x64, 0x08, 0x00, 0x45, 3 << 2]);
        let over_ipv6 = frame(&[0x81, 0x00, 0xa0, 0x64, 0x86, 0xdd, 0x60, 0xc0]);
        let arp = frame(&[0x81, 0x00, 0xa0, 0x64, 0x08, 0x06, 0x00, 0x01]);
        let mut maps = Maps {
            dscp: SONIC_DSCP,
            ..Maps::default()
        };
        assert_eq!([&over_ipv4, &over_ipv6, &arp].map(|frame| maps.of_frame(frame)), [5; 3]);
        maps.trust = Trust::Dscp;
        assert_eq!(
            [&over_ipv4, &over_ipv6, &arp].map(|frame| maps.of_frame(frame)),
            [3, 3, 5]
        );
        // Two tags: the outermost one's PCP, and the DSCP behind both.
        let stacked = frame(&[0x88, 0xa8, 0xc0, 1, 0x81, 0x00, 0x20, 2, 0x08, 0x00, 0x45, 4 << 2]);
        assert_eq!(maps.of_frame(&stacked), 4);
        maps.trust = Trust::Pcp;
        assert_eq!(maps.of_frame(&stacked), 6);
        maps.pcp[6] = 2;
        assert_eq!(maps.of_frame(&stacked), 2);
    }

    #[test]
    fn sonics_default_map_is_as_published() {
        // DSCP_TO_TC_MAP "AZURE" of sonic-buildimage's qos_config.j2, whole, DSCP 0 first.
        let published = [
            1, 1, 1, 3, 4, 2, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, //
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 5, 1, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        ];
        assert_eq!(SONIC_DSCP, published);
    }

    #[test]
    fn a_rule_names_some_qps_and_no_others() {
        let classes = Classes {
            maps: Maps::default(),
            rules: vec![Rule {
                first_qpn: 0x100,
                count: 2,
                class: 4,
            }],
        };
        assert_eq!(
            [0xff, 0x100, 0x101, 0x102].map(|qpn| classes.ruled(qpn)),
            [None, Some(4), Some(4), None]
        );
        // What is not RoCEv2 has no QP.
        assert_eq!(classes.of_frame(&frame(&[0x08, 0x00, 0x45, 0x68])), 3);
    }

    /// The rule that squall had before there were maps, written out.
    fn former(frame: &[u8]) -> u8 {
        if frame.len() < 15 {
            return 0;
        }
        match (frame[12], frame[13], frame[14]) {
            (0x81, 0x00, first) | (0x88, 0xa8, first) | (0x91, 0x00, first) => first / 32,
            (0x08, 0x00, first) if first / 16 == 4 && frame.len() > 15 => frame[15] / 32,
            (0x86, 0xdd, first) if first / 16 == 6 && frame.len() > 15 => first % 16 / 2,
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn standard_is_the_former_rule(
            kinds in proptest::collection::vec(
                prop_oneof![
                    Just([0x81_u8, 0x00]), Just([0x88, 0xa8]), Just([0x91, 0x00]), Just([0x08, 0x00]), Just([0x86, 0xdd]),
                    any::<[u8; 2]>()
                ], 1..4),
            firsts in any::<[u8; 4]>(),
            len in 0_usize..40,
        ) {
            let mut bytes = vec![0xa5; 12];
            for (kind, first) in kinds.iter().zip(firsts) {
                bytes.extend(kind);
                let version = match kind { [0x08, 0x00] => 0x40, [0x86, 0xdd] => 0x60, _ => first & 0xf0 };
                bytes.extend([version | first & 0x0f, first.rotate_left(3)]);
            }
            bytes.resize(40, 0x5a);
            bytes.truncate(len);
            prop_assert_eq!(Maps::default().of_frame(&bytes), former(&bytes));
            prop_assert_eq!(Classes::default().of_frame(&bytes), former(&bytes));
        }

        #[test]
        fn any_bytes_have_a_class(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let rules = vec![Rule { first_qpn: 0, count: u32::MAX, class: 7 }];
            let classes = Classes { maps: Maps::default(), rules };
            prop_assert!(classes.of_frame(&bytes) < PRIORITIES);
        }
    }
}

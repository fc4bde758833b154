//! The ECN field of a frame as a switch changes it (RFC 3168 section 5).
//!
//! Contract: bytes that are not an ECN-capable IP packet stay as they are. The ICRC masks the field,
//! so it stays right.
//!
//! Left out on purpose: deciding when to mark.

use super::bytes::be16;
use super::{ethernet, ipv4, ipv6, vlan};

/// The codepoint Congestion Experienced.
pub const CE: u8 = 0b11;

/// Sets CE in the IP header behind the Ethernet header and its tags, and updates the IPv4 checksum by
/// the difference (RFC 1624 equation 3). False, and nothing is changed, when the packet is not
/// ECN-capable (not-ECT), marked already, or no IP packet.
pub fn mark_ce(frame: &mut [u8]) -> bool {
    let Some((ethertype, at)) = network_layer(frame) else {
        return false;
    };
    match ethertype {
        ethernet::TYPE_IPV4 => frame.get_mut(at..at + ipv4::LEN).is_some_and(mark_ipv4),
        ethernet::TYPE_IPV6 => frame.get_mut(at..at + ipv6::LEN).is_some_and(mark_ipv6),
        _ => false,
    }
}

/// The EtherType behind the tags, and where the header that it names begins.
fn network_layer(frame: &[u8]) -> Option<(u16, usize)> {
    let mut at = ethernet::LEN;
    let mut ethertype = be16(frame.first_chunk::<{ ethernet::LEN }>()?, 12);
    while vlan::is_tpid(ethertype) {
        ethertype = be16(frame.get(at..)?.first_chunk::<{ vlan::LEN }>()?, 2);
        at += vlan::LEN;
    }
    Some((ethertype, at))
}

fn is_capable(codepoint: u8) -> bool {
    matches!(codepoint & CE, 0b01 | 0b10)
}

fn mark_ipv4(header: &mut [u8]) -> bool {
    if !is_capable(header[1]) {
        return false;
    }
    let old = u16::from_be_bytes([header[0], header[1]]);
    header[1] |= CE;
    let new = u16::from_be_bytes([header[0], header[1]]);
    let checksum = u16::from_be_bytes([header[10], header[11]]);
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let folded = (sum & 0xffff) + (sum >> 16);
    // Three words carry at most 2 beyond 16 bits: folded twice they fit.
    let folded = (folded & 0xffff) + (folded >> 16);
    let checksum = !u16::try_from(folded).unwrap_or(u16::MAX);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    true
}

fn mark_ipv6(header: &mut [u8]) -> bool {
    // Version, eight bits of traffic class of which the last two are ECN, flow label.
    if !is_capable(header[1] >> 4) {
        return false;
    }
    header[1] |= CE << 4;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::checksum::Sum;

    /// An IPv4 header with a right checksum, behind Ethernet and `tags` VLAN tags.
    fn ipv4_frame(tos: u8, tags: usize, id: u16) -> Vec<u8> {
        let mut frame = vec![2; 12];
        for _ in 0..tags {
            frame.extend([0x81, 0x00, 0x60, 0x05]);
        }
        frame.extend([0x08, 0x00]);
        let at = frame.len();
        frame.extend([0x45, tos, 0x10, 0x00]);
        frame.extend(id.to_be_bytes());
        frame.extend([0x40, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2]);
        let checksum = Sum::default().add_bytes(&frame[at..]).finish();
        frame[at + 10..at + 12].copy_from_slice(&checksum.to_be_bytes());
        frame.extend([0xa5; 40]);
        frame
    }

    #[test]
    fn ect_becomes_ce_and_the_checksum_holds() {
        for tags in 0..3 {
            for codepoint in [0b01, 0b10] {
                // Every identification, so that the sum passes each value with and without a carry.
                for id in 0..=u16::MAX {
                    let before = ipv4_frame(26 << 2 | codepoint, tags, id);
                    let mut after = before.clone();
                    assert!(mark_ce(&mut after));
                    let at = 14 + 4 * tags;
                    assert_eq!(after[at + 1], 26 << 2 | CE);
                    assert_eq!(Sum::default().add_bytes(&after[at..at + 20]).finish(), 0, "{id:#x}");
                    let changed = (0..before.len()).filter(|i| before[*i] != after[*i]);
                    assert!(changed.into_iter().all(|i| [at + 1, at + 10, at + 11].contains(&i)));
                    if tags > 0 {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_capable_stays_as_it_is() {
        for tos in [26 << 2, 26 << 2 | CE] {
            let before = ipv4_frame(tos, 1, 7);
            let mut after = before.clone();
            assert!(!mark_ce(&mut after));
            assert_eq!(after, before);
        }
        for len in 0..34 {
            let mut cut = ipv4_frame(26 << 2 | 0b10, 0, 7)[..len].to_vec();
            assert!(!mark_ce(&mut cut));
        }
        let mut control = vec![1; 60];
        control[12..14].copy_from_slice(&[0x88, 0x08]);
        assert!(!mark_ce(&mut control));
    }

    #[test]
    fn an_ipv6_traffic_class_is_marked() {
        let mut frame = vec![2; 12];
        frame.extend([0x86, 0xdd, 0x66, 0xa0, 0, 0]);
        frame.extend([0; 36]);
        let before = frame.clone();
        assert!(mark_ce(&mut frame));
        // Class 26 << 2 | ECT(0) = 0x6a in bits 4 to 11: 0x6b.
        assert_eq!(frame[14..16], [0x66, 0xb0]);
        assert_eq!(frame[16..], before[16..]);
        assert!(!mark_ce(&mut frame));
    }
}

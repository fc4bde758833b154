//! A frame's traffic class, which is also its PFC priority: one rule for whatever asks.
//!
//! Contract: the Priority Code Point of the outermost VLAN tag where there is one (IEEE 802.1Q
//! 6.9.3, default regeneration), else the upper three bits of the DSCP (the class selector,
//! RFC 2474 4.2.2), else 0. Reads any bytes without a panic.
//!
//! Left out on purpose: maps that an operator may configure.

use super::{ethernet, vlan};

/// The class, 0 to 7, of a frame that begins with its Ethernet header.
#[must_use]
pub fn class_of(frame: &[u8]) -> u8 {
    let byte = |at: usize| frame.get(at).copied();
    let (Some(high), Some(low), Some(first)) = (byte(12), byte(13), byte(14)) else {
        return 0;
    };
    match u16::from_be_bytes([high, low]) {
        tpid if vlan::is_tpid(tpid) => first >> 5,
        ethernet::TYPE_IPV4 if first >> 4 == 4 => byte(15).map_or(0, |tos| tos >> 5),
        // The traffic class straddles the first two bytes; its upper three bits are in the first.
        ethernet::TYPE_IPV6 if first >> 4 == 6 => (first & 0x0f) >> 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(behind: &[u8]) -> Vec<u8> {
        [&[0xa5; 12][..], behind].concat()
    }

    #[test]
    fn tag_before_dscp_before_nothing() {
        // DSCP 26 (AF31, RFC 2597): 0b011_010, class 3.
        assert_eq!(class_of(&frame(&[0x08, 0x00, 0x45, 26 << 2 | 2])), 3);
        // DSCP 46 (EF, RFC 3246): 0b101_110, class 5; traffic class 0xb8 behind version 6.
        assert_eq!(class_of(&frame(&[0x86, 0xdd, 0x6b, 0x80])), 5);
        // PCP 5, VID 4094 (IEEE 802.1Q figure 9-1) before IPv4 of class 3.
        assert_eq!(class_of(&frame(&[0x81, 0x00, 0xbf, 0xfe, 0x08, 0x00, 0x45, 0x68])), 5);
        // PCP 0 is a class too.
        assert_eq!(class_of(&frame(&[0x88, 0xa8, 0x00, 0x01, 0x08, 0x00, 0x45, 0x68])), 0);
        assert_eq!(class_of(&frame(&[0x08, 0x06, 0xff, 0xff])), 0);
    }

    #[test]
    fn short_frames_are_class_0() {
        let whole = frame(&[0x08, 0x00, 0x45, 0x68]);
        for len in 0..whole.len() {
            assert_eq!(class_of(&whole[..len]), 0, "{len}");
        }
        assert_eq!(class_of(&whole), 3);
    }
}

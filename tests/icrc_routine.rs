//! The ICRC routine of this processor against one that computes bit by bit.

use proptest::prelude::*;
use squall::dpdk::icrc_routine;
use squall::wire::icrc;

/// The ICRC bit by bit, with the masked fields written out again.
fn by_bits(covered: &[u8]) -> u32 {
    let mut l3 = covered.to_vec();
    let masked: [usize; 7] = if l3[0] >> 4 == 4 {
        [1, 8, 10, 11, 26, 27, 32]
    } else {
        l3[0] |= 0x0f;
        [1, 2, 3, 7, 46, 47, 52]
    };
    for at in masked {
        l3[at] = 0xff;
    }
    let mut register = u32::MAX;
    for byte in [0xff; 8].into_iter().chain(l3) {
        register ^= u32::from(byte);
        for _ in 0..8 {
            register = (register >> 1) ^ (0xedb8_8320 & (register & 1).wrapping_neg());
        }
    }
    !register
}

proptest! {
    /// Whatever the length: a right ICRC is right, one bit flipped anywhere makes it wrong, unless the ICRC does not cover it.
    #[test]
    fn a_packet_is_right_where_every_bit_is(
        first in prop_oneof![Just(0x45u8), 0x60u8..0x70],
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 60..400),
            prop::collection::vec(any::<u8>(), 400..4300),
        ],
        at in any::<prop::sample::Index>(),
        bit in 0u32..8,
    ) {
        let mut packet = bytes;
        packet[0] = first;
        packet.truncate(packet.len() / 4 * 4);
        let value = by_bits(&packet).to_le_bytes();
        packet.extend(value);
        let mut broken = packet.clone();
        // The version and the length of the header say how it is to be read.
        let place = 1 + at.index(packet.len() - 1);
        broken[place] ^= 1 << bit;
        let is_covered = by_bits(&broken[..packet.len() - 4]).to_le_bytes() != value || place >= packet.len() - 4;
        // Where the processor has none of the routines, the one that all have.
        let routine = icrc_routine().unwrap_or(icrc::is_right);
        for (name, is_right) in [("routine", routine), ("crate", icrc::is_right as fn(&[u8]) -> bool)] {
            prop_assert!(is_right(&packet), "{} of {} bytes", name, packet.len());
            prop_assert_eq!(is_right(&broken), !is_covered, "{} of {} bytes, byte {}", name, packet.len(), place);
        }
    }
}

#[test]
fn what_is_too_short_is_wrong() {
    for routine in [icrc_routine().unwrap_or(icrc::is_right), icrc::is_right] {
        for len in 0..44 {
            let mut packet = vec![0; len];
            if let Some(first) = packet.first_mut() {
                *first = 0x45;
            }
            assert!(!routine(&packet), "{len} bytes");
        }
    }
    // 40 bytes of zeros behind the version and their ICRC: as short as may be.
    let mut packet = vec![0; 40];
    packet[0] = 0x45;
    let value = by_bits(&packet).to_le_bytes();
    packet.extend(value);
    assert!(icrc_routine().unwrap_or(icrc::is_right)(&packet));
    assert_eq!(icrc::icrc(&packet[..40]).unwrap().to_le_bytes(), value);
}

//! The invariant CRC of RoCEv2 (IBTA Annex A17.3.3): CRC-32 of Ethernet over the packet with every
//! field masked that a router or switch may change.
//!
//! ```text
//! eight 0xff bytes (a dummy LRH) | IP header | UDP | BTH | extension headers | payload | pad
//! ```
//!
//! Set to ones before the CRC: IPv4 type of service, TTL and header checksum; IPv6 traffic class,
//! flow label and hop limit; the UDP checksum; BTH byte 4 (FECN, BECN, resv6). All else counts as
//! it is: IP lengths include the ICRC, the IPv4 identification is covered, Ethernet and VLAN are
//! not part of it. **On the wire the value is little-endian** (`value.to_le_bytes()`), alone among
//! the fields of the packet.

use super::{bth, ipv4, ipv6, udp};

/// Bytes of the ICRC.
pub const LEN: usize = 4;

/// CRC-32 of the eight 0xff bytes that stand for an LRH: where every computation starts. The
/// complement of the register value 0xDEBB20E3.
pub const SEED: u32 = 0x2144_df1c;

/// Offsets in an IPv4 header of the bytes that are masked: ToS, TTL, checksum.
pub const IPV4_MASKED: [usize; 4] = [1, 8, 10, 11];
/// Offsets in an IPv6 header of the bytes that are masked whole: traffic class, flow label, hop
/// limit. Of byte 0 the low four bits are masked ([`IPV6_FIRST_MASK`]).
pub const IPV6_MASKED: [usize; 4] = [1, 2, 3, 7];
/// The masked bits of an IPv6 header's first byte: the upper half of the traffic class.
pub const IPV6_FIRST_MASK: u8 = 0x0f;
/// Offsets from the start of the UDP header: its checksum, and the BTH's byte 4.
pub const TRANSPORT_MASKED: [usize; 3] = [6, 7, udp::LEN + 4];

const MAX_HEADERS_LEN: usize = ipv4::MAX_LEN + udp::LEN + bth::LEN;

/// Sets to ones what the ICRC masks, in bytes that begin with the IP header and reach to the end
/// of the BTH at least. `ip_header_len` is 20 to 60 for IPv4, 40 for IPv6, which the first byte
/// tells apart.
///
/// # Panics
/// When `headers` is shorter than `ip_header_len` + 20.
pub fn mask(headers: &mut [u8], ip_header_len: usize) {
    let (ip, transport) = headers.split_at_mut(ip_header_len);
    let masked = if ip[0] >> 4 == 4 {
        IPV4_MASKED
    } else {
        ip[0] |= IPV6_FIRST_MASK;
        IPV6_MASKED
    };
    for at in masked {
        ip[at] = 0xff;
    }
    for at in TRANSPORT_MASKED {
        transport[at] = 0xff;
    }
}

/// The ICRC of a packet: `l3` is everything from the IP header to the last pad byte, as on the
/// wire, without the ICRC itself. `None` when it does not begin with an IPv4 or IPv6 header, or
/// ends before a BTH does.
#[must_use]
pub fn icrc(l3: &[u8]) -> Option<u32> {
    let first = *l3.first()?;
    let ip_header_len = match first >> 4 {
        4 if first & 0x0f >= 5 => usize::from(first & 0x0f) * 4,
        6 => ipv6::LEN,
        _ => return None,
    };
    of_packet(l3, ip_header_len)
}

/// Whether the ICRC with which a packet ends is right: `l3` is everything from the IP header to the ICRC.
#[must_use]
pub fn is_right(l3: &[u8]) -> bool {
    l3.split_last_chunk::<LEN>()
        .is_some_and(|(covered, value)| icrc(covered).map(u32::to_le_bytes) == Some(*value))
}

/// [`icrc`] where the IP header's length is known already.
pub(super) fn of_packet(l3: &[u8], ip_header_len: usize) -> Option<u32> {
    let (headers, rest) = l3.split_at_checked(ip_header_len + udp::LEN + bth::LEN)?;
    let mut masked = [0; MAX_HEADERS_LEN];
    let masked = masked.get_mut(..headers.len())?;
    masked.copy_from_slice(headers);
    mask(masked, ip_header_len);
    let mut crc = crc32fast::Hasher::new_with_initial(SEED);
    crc.update(masked);
    crc.update(rest);
    Some(crc.finalize())
}

/// The ICRC of a packet with headers between the IP header and UDP, which begins at `udp_at`: they
/// count as they stand. `None` when the packet ends before a BTH does.
pub(super) fn with_extension_headers(l3: &[u8], udp_at: usize) -> Option<u32> {
    let mut masked = l3.to_vec();
    if masked.len() < udp_at + udp::LEN + bth::LEN || udp_at < ipv4::LEN {
        return None;
    }
    mask(&mut masked, udp_at);
    let mut crc = crc32fast::Hasher::new_with_initial(SEED);
    crc.update(&masked);
    Some(crc.finalize())
}

/// The ICRC of the same packet before those headers were put in.
pub(super) fn without_extension_headers(l3: &[u8], udp_at: usize) -> Option<u32> {
    let first = *l3.first()?;
    let (header_len, protocol_at, length_at, length_base) = match first >> 4 {
        4 => (usize::from(first & 0x0f) * 4, 9, 2, 0),
        _ => (ipv6::LEN, 6, 4, ipv6::LEN),
    };
    let mut packet = l3.get(..header_len)?.to_vec();
    packet.extend_from_slice(l3.get(udp_at..)?);
    *packet.get_mut(protocol_at)? = udp::PROTOCOL;
    let length = u16::try_from(packet.len() + LEN - length_base).ok()?;
    packet
        .get_mut(length_at..length_at + 2)?
        .copy_from_slice(&length.to_be_bytes());
    of_packet(&packet, header_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_is_the_crc_of_the_dummy_lrh() {
        assert_eq!(crc32fast::hash(&[0xff; 8]), SEED);
        assert_eq!(!SEED, 0xdebb_20e3);
    }

    /// An independent way to the same value: bit by bit, with the mask written out again.
    fn by_bits(l3: &[u8], ip_header_len: usize) -> u32 {
        let mut bytes = vec![0xff; 8];
        bytes.extend_from_slice(l3);
        let zeroes: &[usize] = if l3[0] >> 4 == 4 {
            &[1, 8, 10, 11]
        } else {
            &[1, 2, 3, 7]
        };
        for at in zeroes {
            bytes[8 + at] = 0xff;
        }
        if l3[0] >> 4 == 6 {
            bytes[8] = 0x6f;
        }
        for at in [6, 7, 12] {
            bytes[8 + ip_header_len + at] = 0xff;
        }
        let mut register = u32::MAX;
        for byte in bytes {
            register ^= u32::from(byte);
            for _ in 0..8 {
                register = (register >> 1) ^ (0xedb8_8320 & (register & 1).wrapping_neg());
            }
        }
        !register
    }

    // Captured on a ConnectX-4 Lx: `tests/golden/anchors.jsonl`, cnp_connectx4lx_v4.
    const CNP: [u8; 60] = *b"\x45\xc2\x00\x3c\x71\x8c\x40\x00\x40\x11\x91\x61\x0a\x00\x11\x01\x0a\x00\x12\x01\
        \x00\x00\x12\xb7\x00\x28\x00\x00\x81\x00\xff\xff\x40\x00\x01\x18\x00\x00\x00\x00\
        \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x82\xfd\x00\x2a";

    #[test]
    fn a_captured_cnp_has_this_icrc() {
        let (l3, wire) = CNP.split_at(56);
        assert_eq!(icrc(l3).map(u32::to_le_bytes).as_ref().map(|b| &b[..]), Some(wire));
        assert_eq!(icrc(l3), Some(by_bits(l3, 20)));
    }

    #[test]
    fn masked_fields_do_not_count_and_all_others_do() {
        let l3 = &CNP[..56];
        let masked = [1, 8, 10, 11, 26, 27, 32];
        for at in 0..l3.len() {
            // Bytes 0 and 9 lead to other headers, not to another value.
            if at == 0 {
                continue;
            }
            let mut changed = l3.to_vec();
            changed[at] ^= 0x55;
            assert_eq!(icrc(&changed) == icrc(l3), masked.contains(&at), "byte {at}");
        }
    }

    #[test]
    fn what_is_no_packet_has_none() {
        assert_eq!(icrc(&[]), None);
        assert_eq!(icrc(&CNP[..39]), None);
        assert_eq!(icrc(&[0x44; 56]), None);
        assert_eq!(icrc(&[0x50; 56]), None);
        assert_eq!(icrc(&[0x4f; 79]), None);
        assert_eq!(icrc(&[0x4f; 80]), Some(by_bits(&[0x4f; 80], 60)));
        assert_eq!(icrc(&[0x60; 59]), None);
        assert_eq!(icrc(&[0x6a; 60]), Some(by_bits(&[0x6a; 60], 40)));
    }
}

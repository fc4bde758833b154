//! The Ethernet header (IEEE 802.3 clause 3.1.1, type-encapsulated).
//!
//! ```text
//!  0                   6                   12     14
//! | destination address | source address    | type | …
//! ```
//!
//! Left out on purpose: length-encapsulated (802.2) frames, and the FCS, which no DPDK port and
//! no usual capture hands over.

use std::fmt;

use super::Malformed;
use super::bytes::{array, be16};

/// Bytes of the header.
pub const LEN: usize = 14;
/// Where the source address begins, behind the destination's.
pub const SRC_AT: usize = 6;
/// Where the EtherType begins.
pub const ETHERTYPE_AT: usize = 12;
/// Shortest frame without its FCS; what is shorter is padded with zeros (IEEE 802.3 clause 4.2.3.3).
pub const MIN_FRAME_LEN: usize = 60;

/// EtherType of IPv4 (RFC 894).
pub const TYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP (RFC 826).
pub const TYPE_ARP: u16 = 0x0806;
/// EtherType of IPv6 (RFC 2464).
pub const TYPE_IPV6: u16 = 0x86dd;
/// EtherType of MAC control frames: PAUSE and PFC (IEEE 802.3 clause 31.4.1.3).
pub const TYPE_MAC_CONTROL: u16 = 0x8808;
/// EtherType of RoCE v1, which squall names but does not read.
pub const TYPE_ROCE_V1: u16 = 0x8915;

/// A MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Address(pub [u8; 6]);

impl Address {
    /// All stations.
    pub const BROADCAST: Address = Address([0xff; 6]);

    /// Whether the address names a group of stations (the broadcast address included).
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl From<[u8; 6]> for Address {
    fn from(octets: [u8; 6]) -> Address {
        Address(octets)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An Ethernet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Destination address.
    pub dst: Address,
    /// Source address.
    pub src: Address,
    /// What follows: an EtherType, or a VLAN tag's TPID ([`super::vlan`]).
    pub ethertype: u16,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            dst: Address(array(bytes, 0)),
            src: Address(array(bytes, 6)),
            ethertype: be16(bytes, 12),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..6].copy_from_slice(&self.dst.0);
        buf[6..12].copy_from_slice(&self.src.0);
        buf[12..14].copy_from_slice(&self.ethertype.to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {} type 0x{:04x}", self.src, self.dst, self.ethertype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // First bytes of the ConnectX-4 Lx capture in `tests/golden/anchors.jsonl`.
    const BYTES: [u8; LEN] = *b"\xe4\x1d\x2d\xab\x2b\xc2\x7c\xfe\x90\x64\x3b\x32\x08\x00";
    const REPR: Repr = Repr {
        dst: Address([0xe4, 0x1d, 0x2d, 0xab, 0x2b, 0xc2]),
        src: Address([0x7c, 0xfe, 0x90, 0x64, 0x3b, 0x32]),
        ethertype: TYPE_IPV4,
    };

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(REPR));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf, BYTES);
    }

    #[test]
    fn short_is_truncated() {
        assert_eq!(Repr::parse(&BYTES[..13]), Err(Malformed::Truncated));
    }

    #[test]
    fn displays() {
        assert_eq!(REPR.to_string(), "7c:fe:90:64:3b:32 > e4:1d:2d:ab:2b:c2 type 0x0800");
    }
}

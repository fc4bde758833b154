//! The IPv4 header (RFC 791 section 3.1).
//!
//! ```text
//!  0       8       16      24     31
//! | 4 |IHL|DSCP|EC| total length    |
//! | identification |0DM| offset     |
//! |  TTL  |protocol|header checksum |
//! |         source address          |
//! |       destination address       |
//! | options, (IHL − 5) × 4 bytes    |
//! ```
//!
//! RoCEv2 sends IHL 5 and DF; other values are read as they are. The checksum is not part of the
//! value: `emit` computes it.

use std::fmt;
use std::net::Ipv4Addr;

use super::Malformed;
use super::bytes::{array, be16};
use super::checksum::Sum;

/// Bytes of a header without options.
pub const LEN: usize = 20;
/// Where the protocol is.
pub const PROTOCOL_AT: usize = 9;
/// Where the source address begins, and behind it the destination's.
pub const SRC_AT: usize = 12;
/// Bytes of the longest header.
pub const MAX_LEN: usize = 60;

/// Options as they stand in the header: a multiple of four bytes, 40 at most.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Options {
    len: u8,
    bytes: [u8; MAX_LEN - LEN],
}

impl Options {
    /// No options: IHL 5.
    pub const NONE: Options = Options {
        len: 0,
        bytes: [0; MAX_LEN - LEN],
    };

    /// `bytes` as options, or `None` if they are not a multiple of four or more than 40.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Options> {
        let mut options = Options::NONE;
        options.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        options.len = u8::try_from(bytes.len()).ok()?;
        bytes.len().is_multiple_of(4).then_some(options)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.as_bytes())
    }
}

/// An IPv4 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Differentiated services code point, 0 to 63 (RFC 2474).
    pub dscp: u8,
    /// ECN field, 0 to 3 (RFC 3168).
    pub ecn: u8,
    /// Bytes of the packet, this header included.
    pub total_len: u16,
    /// Identification. The ICRC covers it.
    pub id: u16,
    /// The flag that must be zero.
    pub reserved_flag: bool,
    /// DF.
    pub dont_fragment: bool,
    /// MF.
    pub more_fragments: bool,
    /// Fragment offset in units of eight bytes, 13 bits.
    pub fragment_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload; 17 is UDP.
    pub protocol: u8,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Options.
    pub options: Options,
}

impl Repr {
    /// Reads the header. The checksum and the total length are not judged.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when the bytes end before the header does;
    /// [`Malformed::IpLength`] when the version is not 4 or the IHL is below 5.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let fixed: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        let header_len = usize::from(fixed[0] & 0x0f) * 4;
        if fixed[0] >> 4 != 4 || header_len < LEN {
            return Err(Malformed::IpLength);
        }
        let options = bytes
            .get(LEN..header_len)
            .and_then(Options::new)
            .ok_or(Malformed::Truncated)?;
        let fragment = be16(fixed, 6);
        Ok(Repr {
            dscp: fixed[1] >> 2,
            ecn: fixed[1] & 3,
            total_len: be16(fixed, 2),
            id: be16(fixed, 4),
            reserved_flag: fragment & 0x8000 != 0,
            dont_fragment: fragment & 0x4000 != 0,
            more_fragments: fragment & 0x2000 != 0,
            fragment_offset: fragment & 0x1fff,
            ttl: fixed[8],
            protocol: fixed[PROTOCOL_AT],
            src: Ipv4Addr::from(array::<4, LEN>(fixed, 12)),
            dst: Ipv4Addr::from(array::<4, LEN>(fixed, 16)),
            options,
        })
    }

    /// Bytes of the header with its options.
    #[must_use]
    pub fn header_len(&self) -> usize {
        LEN + usize::from(self.options.len)
    }

    /// Writes the header, its checksum included, to the first [`Repr::header_len`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..self.header_len()];
        // IHL counts four-byte words: 5 + 10 at most.
        buf[0] = 0x45 + self.options.len / 4;
        buf[1] = (self.dscp << 2) | (self.ecn & 3);
        buf[2..4].copy_from_slice(&self.total_len.to_be_bytes());
        buf[4..6].copy_from_slice(&self.id.to_be_bytes());
        let fragment = (u16::from(self.reserved_flag) << 15)
            | (u16::from(self.dont_fragment) << 14)
            | (u16::from(self.more_fragments) << 13)
            | (self.fragment_offset & 0x1fff);
        buf[6..8].copy_from_slice(&fragment.to_be_bytes());
        buf[8] = self.ttl;
        buf[PROTOCOL_AT] = self.protocol;
        buf[10..12].fill(0);
        buf[12..16].copy_from_slice(&self.src.octets());
        buf[16..20].copy_from_slice(&self.dst.octets());
        buf[20..].copy_from_slice(self.options.as_bytes());
        let checksum = Sum::default().add_bytes(buf).finish();
        buf[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Whether the checksum of this header is right. `header` is the whole header with its options.
#[must_use]
pub fn checksum_ok(header: &[u8]) -> bool {
    Sum::default().add_bytes(header).finish() == 0
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} > {} dscp {} ecn {} ttl {} id {} len {}",
            self.src, self.dst, self.dscp, self.ecn, self.ttl, self.id, self.total_len
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Captured on a ConnectX-4 Lx: `tests/golden/anchors.jsonl`, cnp_connectx4lx_v4.
    const BYTES: [u8; LEN] = [
        0x45, 0xc2, 0x00, 0x3c, 0x71, 0x8c, 0x40, 0x00, 0x40, 0x11, 0x91, 0x61, 0x0a, 0x00, 0x11, 0x01, 0x0a, 0x00,
        0x12, 0x01,
    ];
    const REPR: Repr = Repr {
        dscp: 48,
        ecn: 2,
        total_len: 60,
        id: 0x718c,
        reserved_flag: false,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset: 0,
        ttl: 64,
        protocol: 17,
        src: Ipv4Addr::new(10, 0, 17, 1),
        dst: Ipv4Addr::new(10, 0, 18, 1),
        options: Options::NONE,
    };

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(REPR));
        assert!(checksum_ok(&BYTES));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf, BYTES);
    }

    #[test]
    fn options_are_kept_and_summed() {
        let repr = Repr {
            options: Options::new(&[0x94, 0x04, 0x00, 0x00]).expect("router alert, RFC 2113"),
            more_fragments: true,
            fragment_offset: 0x1fff,
            ..REPR
        };
        let mut buf = [0xa5; 24];
        repr.emit(&mut buf);
        assert_eq!(buf[0], 0x46);
        assert_eq!(buf[20..], [0x94, 0x04, 0x00, 0x00]);
        assert!(checksum_ok(&buf));
        assert_eq!(Repr::parse(&buf), Ok(repr));
        assert_eq!(Repr::parse(&buf[..23]), Err(Malformed::Truncated));
        assert_eq!(Options::new(&[0; 44]), None);
        assert_eq!(Options::new(&[0; 3]), None);
    }

    #[test]
    fn wrong_bytes_are_refused() {
        assert_eq!(Repr::parse(&BYTES[..19]), Err(Malformed::Truncated));
        let mut bytes = BYTES;
        bytes[0] = 0x44;
        assert_eq!(Repr::parse(&bytes), Err(Malformed::IpLength));
        bytes[0] = 0x65;
        assert_eq!(Repr::parse(&bytes), Err(Malformed::IpLength));
        bytes[0] = 0x45;
        bytes[11] ^= 1;
        assert!(!checksum_ok(&bytes));
    }

    #[test]
    fn displays() {
        assert_eq!(
            REPR.to_string(),
            "10.0.17.1 > 10.0.18.1 dscp 48 ecn 2 ttl 64 id 29068 len 60"
        );
    }
}

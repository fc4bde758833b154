//! The IPv6 header (RFC 8200 section 3).
//!
//! ```text
//!  0       8       16      24     31
//! | 6 |traffic| flow label 20       |
//! | payload length |next hdr|hop lim|
//! |      source address, 16 bytes   |
//! |   destination address, 16 bytes |
//! ```
//!
//! Left out on purpose: extension headers. RoCEv2 puts UDP right behind this header.

use std::fmt;
use std::net::Ipv6Addr;

use super::Malformed;
use super::bytes::{array, be16, be32};

/// Bytes of the header.
pub const LEN: usize = 40;
/// Where the next header is said.
pub const NEXT_HEADER_AT: usize = 6;
/// Where the source address begins.
pub const SRC_AT: usize = 8;
/// Where the destination address begins.
pub const DST_AT: usize = 24;

/// An IPv6 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Differentiated services code point, 0 to 63 (RFC 2474).
    pub dscp: u8,
    /// ECN field, 0 to 3 (RFC 3168).
    pub ecn: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Bytes behind this header.
    pub payload_len: u16,
    /// Next header; 17 is UDP.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
}

impl Repr {
    /// Reads the header. The payload length is not judged.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes; [`Malformed::IpLength`] when the version is
    /// not 6.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        if bytes[0] >> 4 != 6 {
            return Err(Malformed::IpLength);
        }
        Ok(Repr {
            dscp: ((bytes[0] & 0x0f) << 2) | (bytes[1] >> 6),
            ecn: (bytes[1] >> 4) & 3,
            flow_label: be32(bytes, 0) & 0x000f_ffff,
            payload_len: be16(bytes, 4),
            next_header: bytes[NEXT_HEADER_AT],
            hop_limit: bytes[7],
            src: Ipv6Addr::from(array::<16, LEN>(bytes, 8)),
            dst: Ipv6Addr::from(array::<16, LEN>(bytes, 24)),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        let traffic_class = (self.dscp << 2) | (self.ecn & 3);
        let first = (6 << 28) | (u32::from(traffic_class) << 20) | (self.flow_label & 0x000f_ffff);
        buf[0..4].copy_from_slice(&first.to_be_bytes());
        buf[4..6].copy_from_slice(&self.payload_len.to_be_bytes());
        buf[NEXT_HEADER_AT] = self.next_header;
        buf[7] = self.hop_limit;
        buf[SRC_AT..DST_AT].copy_from_slice(&self.src.octets());
        buf[DST_AT..LEN].copy_from_slice(&self.dst.octets());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} > {} dscp {} ecn {} hlim {} flow 0x{:05x} len {}",
            self.src, self.dst, self.dscp, self.ecn, self.hop_limit, self.flow_label, self.payload_len
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `tests/golden/anchors.jsonl`, uc_send_only_v6.
    const BYTES: [u8; LEN] = [
        0x6e, 0x21, 0xfa, 0xce, 0x00, 0x2c, 0x11, 0xff, 0x20, 0x22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x23,
        0x20, 0x23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x24,
    ];

    fn repr() -> Repr {
        Repr {
            dscp: 56,
            ecn: 2,
            flow_label: 0x1face,
            payload_len: 44,
            next_header: 17,
            hop_limit: 255,
            src: "2022::1023".parse().expect("address"),
            dst: "2023::1024".parse().expect("address"),
        }
    }

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(repr()));
        let mut buf = [0xa5; LEN];
        repr().emit(&mut buf);
        assert_eq!(buf, BYTES);
    }

    #[test]
    fn wrong_bytes_are_refused() {
        assert_eq!(Repr::parse(&BYTES[..39]), Err(Malformed::Truncated));
        let mut bytes = BYTES;
        bytes[0] = 0x4e;
        assert_eq!(Repr::parse(&bytes), Err(Malformed::IpLength));
    }

    #[test]
    fn displays() {
        assert_eq!(
            repr().to_string(),
            "2022::1023 > 2023::1024 dscp 56 ecn 2 hlim 255 flow 0x1face len 44"
        );
    }
}

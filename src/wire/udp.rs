//! The UDP header (RFC 768).
//!
//! ```text
//!  0                16             31
//! | source port     | destination port |
//! | length          | checksum         |
//! ```
//!
//! The checksum is a field of the value, as it stands on the wire: RoCEv2 sends 0 ("none"), also
//! over IPv6 (RFC 6936), and the ICRC masks it. [`checksum`] computes the real one.

use std::fmt;
use std::net::IpAddr;

use super::Malformed;
use super::bytes::be16;
use super::checksum::Sum;

/// Bytes of the header.
pub const LEN: usize = 8;
/// IP protocol number of UDP.
pub const PROTOCOL: u8 = 17;
/// Destination port of RoCEv2 (IBTA Annex A17.3.2).
pub const PORT_ROCEV2: u16 = 4791;

/// A UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Source port: entropy for ECMP.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Bytes of the datagram, this header included.
    pub length: u16,
    /// Checksum; 0 for none.
    pub checksum: u16,
}

impl Repr {
    /// Reads the header. Length and checksum are not judged.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            src_port: be16(bytes, 0),
            dst_port: be16(bytes, 2),
            length: be16(bytes, 4),
            checksum: be16(bytes, 6),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..2].copy_from_slice(&self.src_port.to_be_bytes());
        buf[2..4].copy_from_slice(&self.dst_port.to_be_bytes());
        buf[4..6].copy_from_slice(&self.length.to_be_bytes());
        buf[6..8].copy_from_slice(&self.checksum.to_be_bytes());
    }
}

/// The checksum to write into a datagram whose checksum field is 0; never 0 itself. `length` is
/// the header's length field, which the pseudo header repeats.
#[must_use]
pub fn checksum(src: IpAddr, dst: IpAddr, length: u16, datagram: &[u8]) -> u16 {
    match sum(src, dst, length, datagram) {
        0 => 0xffff,
        checksum => checksum,
    }
}

/// Whether a datagram's checksum is right. Ask only when its field is not 0.
#[must_use]
pub fn checksum_ok(src: IpAddr, dst: IpAddr, length: u16, datagram: &[u8]) -> bool {
    sum(src, dst, length, datagram) == 0
}

fn sum(src: IpAddr, dst: IpAddr, length: u16, datagram: &[u8]) -> u16 {
    Sum::default()
        .add_pseudo_header(src, dst, PROTOCOL, length)
        .add_bytes(datagram)
        .finish()
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} > {} len {} csum 0x{:04x}",
            self.src_port, self.dst_port, self.length, self.checksum
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `tests/golden/anchors.jsonl`, cnp_connectx4lx_v4: source port 0, no checksum.
    const BYTES: [u8; LEN] = [0x00, 0x00, 0x12, 0xb7, 0x00, 0x28, 0x00, 0x00];
    const REPR: Repr = Repr {
        src_port: 0,
        dst_port: PORT_ROCEV2,
        length: 40,
        checksum: 0,
    };

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(REPR));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf, BYTES);
        assert_eq!(Repr::parse(&BYTES[..7]), Err(Malformed::Truncated));
    }

    #[test]
    fn checksum_of_a_captured_datagram() {
        // A DNS query's first bytes are not needed: RFC 768 sums whatever is there. Worked by
        // hand: 0a00+0001+0a00+0002 + 0011+000a + c000+12b7+000a + ff00 = 1e5df, folded e5e0.
        let (src, dst) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut datagram = [0xc0, 0x00, 0x12, 0xb7, 0x00, 0x0a, 0x00, 0x00, 0xff, 0x00];
        let value = checksum(src, dst, 10, &datagram);
        assert_eq!(value, !0xe5e0);
        datagram[6..8].copy_from_slice(&value.to_be_bytes());
        assert!(checksum_ok(src, dst, 10, &datagram));
        datagram[9] = 1;
        assert!(!checksum_ok(src, dst, 10, &datagram));
    }

    #[test]
    fn displays() {
        assert_eq!(REPR.to_string(), "0 > 4791 len 40 csum 0x0000");
    }
}

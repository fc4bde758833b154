//! The Datagram Extended Transport Header (IBTA Vol 1, 9.3): in every UD packet.
//!
//! ```text
//! | Q_Key 32 | reserved 8 | source QP 24 |
//! ```

use std::fmt;

use super::Malformed;
use super::bytes::{be24, be32, put24};

/// Bytes of the header.
pub const LEN: usize = 8;

/// A datagram header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Queue key.
    pub qkey: u32,
    /// Reserved byte, 0.
    pub reserved: u8,
    /// Source QP, 24 bits.
    pub src_qp: u32,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            qkey: be32(bytes, 0),
            reserved: bytes[4],
            src_qp: be24(bytes, 5),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..4].copy_from_slice(&self.qkey.to_be_bytes());
        buf[4] = self.reserved;
        put24(&mut buf[5..8], self.src_qp);
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from qp 0x{:06x} qkey 0x{:08x}", self.src_qp, self.qkey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        let bytes = [0x80, 0x01, 0x00, 0x00, 0x5a, 0x12, 0x34, 0x56];
        let repr = Repr {
            qkey: 0x8001_0000,
            reserved: 0x5a,
            src_qp: 0x12_3456,
        };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..7]), Err(Malformed::Truncated));
        assert_eq!(repr.to_string(), "from qp 0x123456 qkey 0x80010000");
    }
}

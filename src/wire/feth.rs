//! The FLUSH Extended Transport Header (IBTA Annex A19): what FLUSH is to reach, and how durably.
//!
//! ```text
//! | reserved 26 | selectivity level 2 | placement type 4 |
//! ```

use std::fmt;

use super::Malformed;
use super::bytes::be32;

/// Bytes of the header.
pub const LEN: usize = 4;

/// A FLUSH header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Reserved, 26 bits, 0.
    pub reserved: u32,
    /// Selectivity level: 0 the range of the RETH, 1 the whole memory region.
    pub selectivity: u8,
    /// Placement type, a bit each: 1 global visibility, 2 persistence.
    pub placement: u8,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            reserved: be32(bytes, 0) >> 6,
            selectivity: (bytes[3] >> 4) & 3,
            placement: bytes[3] & 0xf,
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let low = (u32::from(self.selectivity & 3) << 4) | u32::from(self.placement & 0xf);
        buf[..LEN].copy_from_slice(&((self.reserved << 6) | low).to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flush sel {} plt {}", self.selectivity, self.placement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        let bytes = [0x00, 0x00, 0x01, 0x53];
        let repr = Repr {
            reserved: 5,
            selectivity: 1,
            placement: 3,
        };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        assert_eq!(repr.to_string(), "flush sel 1 plt 3");
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..3]), Err(Malformed::Truncated));
    }
}

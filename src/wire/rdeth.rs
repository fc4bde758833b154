//! The Reliable Datagram Extended Transport Header (IBTA Vol 1, 9.3): the end-to-end context.
//!
//! ```text
//! | reserved 8 | EE context 24 |
//! ```

use std::fmt;

use super::Malformed;
use super::bytes::be32;

/// Bytes of the header.
pub const LEN: usize = 4;

/// A reliable datagram header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Reserved byte, 0.
    pub reserved: u8,
    /// End-to-end context, 24 bits.
    pub ee_context: u32,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            reserved: bytes[0],
            ee_context: be32(bytes, 0) & 0x00ff_ffff,
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let reserved = u32::from(self.reserved) << 24;
        buf[..LEN].copy_from_slice(&(reserved | (self.ee_context & 0x00ff_ffff)).to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ee context 0x{:06x}", self.ee_context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        let bytes = [0x01, 0x00, 0x12, 0x6e];
        let repr = Repr {
            reserved: 1,
            ee_context: 4718,
        };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        assert_eq!(repr.to_string(), "ee context 0x00126e");
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..3]), Err(Malformed::Truncated));
    }
}

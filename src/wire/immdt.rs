//! Immediate data (IBTA Vol 1, 9.3): four bytes that the last packet of a message hands to the
//! receiver's completion. Behind the RETH or DETH where there is one.

use std::fmt;

use super::Malformed;
use super::bytes::be32;

/// Bytes of the header.
pub const LEN: usize = 4;

/// Immediate data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// The value, as a big-endian number.
    pub immediate: u32,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            immediate: be32(bytes, 0),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        buf[..LEN].copy_from_slice(&self.immediate.to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "imm 0x{:08x}", self.immediate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        let bytes = [0xca, 0xfe, 0xba, 0xbe];
        let repr = Repr {
            immediate: 3_405_691_582,
        };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..3]), Err(Malformed::Truncated));
        assert_eq!(repr.to_string(), "imm 0xcafebabe");
    }
}

//! The Invalidate Extended Transport Header (IBTA Vol 1, 9.3): the R_Key that SEND with Invalidate
//! takes away.

use std::fmt;

use super::Malformed;
use super::bytes::be32;

/// Bytes of the header.
pub const LEN: usize = 4;

/// An invalidate header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// The remote key to invalidate.
    pub rkey: u32,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr { rkey: be32(bytes, 0) })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        buf[..LEN].copy_from_slice(&self.rkey.to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalidate rkey 0x{:08x}", self.rkey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        let bytes = [0x00, 0x00, 0x12, 0x6e];
        let repr = Repr { rkey: 4718 };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..3]), Err(Malformed::Truncated));
        assert_eq!(repr.to_string(), "invalidate rkey 0x0000126e");
    }
}

//! The Atomic ACK Extended Transport Header (IBTA Vol 1, 9.5.3): behind the AETH of an Atomic
//! Acknowledge, the eight bytes as they were before the operation.

use std::fmt;

use super::Malformed;
use super::bytes::be64;

/// Bytes of the header.
pub const LEN: usize = 8;

/// An atomic operation's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Original remote data.
    pub original: u64,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            original: be64(bytes, 0),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        buf[..LEN].copy_from_slice(&self.original.to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "original 0x{:016x}", self.original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        let bytes = [0x00, 0x00, 0xca, 0xff, 0x85, 0xbc, 0xba, 0xbe];
        let repr = Repr {
            original: 0xcaff_85bc_babe,
        };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..7]), Err(Malformed::Truncated));
        assert_eq!(repr.to_string(), "original 0x0000caff85bcbabe");
    }
}

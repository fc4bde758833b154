//! The Atomic Extended Transport Header (IBTA Vol 1, 9.3): in Compare and Swap, and Fetch and Add.
//!
//! ```text
//! | virtual address 64 | R_Key 32 | swap or add 64 | compare 64 |
//! ```

use std::fmt;

use super::Malformed;
use super::bytes::{be32, be64};

/// Bytes of the header.
pub const LEN: usize = 28;

/// An atomic operation's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Address of the eight bytes operated on.
    pub va: u64,
    /// Remote key.
    pub rkey: u32,
    /// Value to swap in, or to add.
    pub swap_add: u64,
    /// Value to compare with; Fetch and Add ignores it.
    pub compare: u64,
}

impl Repr {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            va: be64(bytes, 0),
            rkey: be32(bytes, 8),
            swap_add: be64(bytes, 12),
            compare: be64(bytes, 20),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..8].copy_from_slice(&self.va.to_be_bytes());
        buf[8..12].copy_from_slice(&self.rkey.to_be_bytes());
        buf[12..20].copy_from_slice(&self.swap_add.to_be_bytes());
        buf[20..28].copy_from_slice(&self.compare.to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "va 0x{:016x} rkey 0x{:08x} swap/add 0x{:016x} compare 0x{:016x}",
            self.va, self.rkey, self.swap_add, self.compare
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        // One byte a position, so that no two fields can trade places unseen.
        let bytes: [u8; LEN] = std::array::from_fn(|i| u8::try_from(i + 1).expect("below 29"));
        let repr = Repr {
            va: 0x0102_0304_0506_0708,
            rkey: 0x090a_0b0c,
            swap_add: 0x0d0e_0f10_1112_1314,
            compare: 0x1516_1718_191a_1b1c,
        };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..27]), Err(Malformed::Truncated));
        assert_eq!(
            repr.to_string(),
            "va 0x0102030405060708 rkey 0x090a0b0c swap/add 0x0d0e0f1011121314 compare 0x15161718191a1b1c"
        );
    }
}

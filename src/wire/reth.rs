//! The RDMA Extended Transport Header (IBTA Vol 1, 9.3): in the First or Only packet of an RDMA
//! WRITE, and in an RDMA READ request.
//!
//! ```text
//! | virtual address 64 | R_Key 32 | DMA length 32 |
//! ```

use std::fmt;

use super::Malformed;
use super::bytes::{be32, be64};

/// Bytes of the header.
pub const LEN: usize = 16;
/// The longest message: 2^31 bytes (IBTA Vol 1, 9.7.7).
pub const MAX_DMA_LEN: u32 = 1 << 31;

/// An RDMA Extended Transport Header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Where the message goes or comes from.
    pub va: u64,
    /// Remote key.
    pub rkey: u32,
    /// Bytes of the whole message.
    pub dma_len: u32,
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
            dma_len: be32(bytes, 12),
        })
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..8].copy_from_slice(&self.va.to_be_bytes());
        buf[8..12].copy_from_slice(&self.rkey.to_be_bytes());
        buf[12..16].copy_from_slice(&self.dma_len.to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "va 0x{:016x} rkey 0x{:08x} dmalen {}",
            self.va, self.rkey, self.dma_len
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RoCE v1 hardware capture: `tests/golden/anchors.jsonl`, rocev1_rc_write_only.
    const BYTES: [u8; LEN] = [
        0x00, 0x00, 0x55, 0xd4, 0xc0, 0x72, 0x60, 0x00, 0x00, 0x00, 0x47, 0xb3, 0x00, 0x00, 0x00, 0x05,
    ];
    const REPR: Repr = Repr {
        va: 0x55d4_c072_6000,
        rkey: 0x47b3,
        dma_len: 5,
    };

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(REPR));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf, BYTES);
        assert_eq!(Repr::parse(&BYTES[..15]), Err(Malformed::Truncated));
    }

    #[test]
    fn displays() {
        assert_eq!(REPR.to_string(), "va 0x000055d4c0726000 rkey 0x000047b3 dmalen 5");
    }
}

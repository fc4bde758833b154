//! PAUSE of a whole link (IEEE 802.3 annex 31B).
//!
//! ```text
//! destination 01:80:c2:00:00:01 | source | 0x8808 | opcode 0x0001 | quanta 16 | zeros to 60 |
//! ```
//!
//! This file's bytes begin behind the EtherType. The destination is [`super::pfc::DESTINATION`].

use std::fmt;

use super::Malformed;
use super::bytes::be16;

/// Bytes that `emit` writes: opcode, timer, and zeros to a frame of 60 bytes.
pub const LEN: usize = 46;
/// Bytes that carry something: opcode and timer.
pub const PARAMETERS_LEN: usize = 4;
/// MAC control opcode.
pub const OPCODE: u16 = 0x0001;

/// A PAUSE frame's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Pause time in units of 512 bit times; 0 resumes.
    pub quanta: u16,
}

impl Repr {
    /// Reads the parameter.
    ///
    /// # Errors
    /// [`Malformed::PfcFormat`] below [`PARAMETERS_LEN`] bytes or with another opcode.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; PARAMETERS_LEN] = bytes.first_chunk().ok_or(Malformed::PfcFormat)?;
        if be16(bytes, 0) != OPCODE {
            return Err(Malformed::PfcFormat);
        }
        Ok(Repr { quanta: be16(bytes, 2) })
    }

    /// Writes the parameter and the padding to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..2].copy_from_slice(&OPCODE.to_be_bytes());
        buf[2..4].copy_from_slice(&self.quanta.to_be_bytes());
        buf[PARAMETERS_LEN..].fill(0);
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quanta {
            0 => f.write_str("PAUSE resume"),
            quanta => write!(f, "PAUSE {quanta}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        let bytes = [0x00, 0x01, 0xff, 0xfe];
        let repr = Repr { quanta: 0xfffe };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf[..PARAMETERS_LEN], bytes);
        assert_eq!(buf[PARAMETERS_LEN..], [0; LEN - PARAMETERS_LEN]);
        assert_eq!(Repr::parse(&bytes[..3]), Err(Malformed::PfcFormat));
        assert_eq!(Repr::parse(&[0x01, 0x01, 0, 0]), Err(Malformed::PfcFormat));
        assert_eq!(repr.to_string(), "PAUSE 65534");
        assert_eq!(Repr { quanta: 0 }.to_string(), "PAUSE resume");
    }
}

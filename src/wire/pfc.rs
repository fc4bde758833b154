//! Priority-based Flow Control (IEEE 802.1Q clause 36; frame format in IEEE 802.3 annex 31D).
//!
//! ```text
//! destination 01:80:c2:00:00:01 | source | 0x8808 |
//! | opcode 0x0101 | class enable: upper octet 0, bit n = priority n | 8 × quanta 16 | zeros to 60 |
//! ```
//!
//! This file's bytes begin behind the EtherType. Quanta are units of 512 bit times; 0 with the
//! class enabled resumes it. The frame has no VLAN tag and no ICRC.

use std::fmt;

use super::Malformed;
use super::bytes::be16;
use super::ethernet::Address;

/// Bytes that `emit` writes: opcode, vector, timers, and zeros to a frame of 60 bytes.
pub const LEN: usize = 46;
/// Bytes that carry something: opcode, vector, timers.
pub const PARAMETERS_LEN: usize = 20;
/// MAC control opcode.
pub const OPCODE: u16 = 0x0101;
/// The one destination address of PFC and PAUSE frames; no bridge forwards it.
pub const DESTINATION: Address = Address([0x01, 0x80, 0xc2, 0x00, 0x00, 0x01]);

/// A PFC frame's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Class enable vector: bit n says that `quanta[n]` counts. The upper octet must be 0.
    pub class_enable: u16,
    /// Pause times, priority 0 first.
    pub quanta: [u16; 8],
}

impl Repr {
    /// Reads the parameters. The vector is not judged.
    ///
    /// # Errors
    /// [`Malformed::PfcFormat`] below [`PARAMETERS_LEN`] bytes or with another opcode.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; PARAMETERS_LEN] = bytes.first_chunk().ok_or(Malformed::PfcFormat)?;
        if be16(bytes, 0) != OPCODE {
            return Err(Malformed::PfcFormat);
        }
        Ok(Repr {
            class_enable: be16(bytes, 2),
            quanta: std::array::from_fn(|class| be16(bytes, 4 + 2 * class)),
        })
    }

    /// Writes the parameters and the padding to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..2].copy_from_slice(&OPCODE.to_be_bytes());
        buf[2..4].copy_from_slice(&self.class_enable.to_be_bytes());
        for (class, quanta) in self.quanta.iter().enumerate() {
            buf[4 + 2 * class..][..2].copy_from_slice(&quanta.to_be_bytes());
        }
        buf[PARAMETERS_LEN..].fill(0);
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PFC")?;
        if self.class_enable.to_be_bytes()[1] == 0 {
            f.write_str(" no class")?;
        }
        for (class, quanta) in self.quanta.iter().enumerate() {
            match quanta {
                _ if self.class_enable & (1 << class) == 0 => {}
                0 => write!(f, " p{class} resume")?,
                quanta => write!(f, " p{class} pause {quanta}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `tests/golden/golden.jsonl`, pfc_p3p4: 1000 quanta for priority 3, 32768 for priority 4.
    const BYTES: [u8; PARAMETERS_LEN] = [
        0x01, 0x01, 0x00, 0x18, 0, 0, 0, 0, 0, 0, 0x03, 0xe8, 0x80, 0x00, 0, 0, 0, 0, 0, 0,
    ];
    const REPR: Repr = Repr {
        class_enable: 0x18,
        quanta: [0, 0, 0, 1000, 32768, 0, 0, 0],
    };

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(REPR));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf[..PARAMETERS_LEN], BYTES);
        assert_eq!(buf[PARAMETERS_LEN..], [0; LEN - PARAMETERS_LEN]);
    }

    #[test]
    fn wrong_bytes_are_refused() {
        assert_eq!(Repr::parse(&BYTES[..19]), Err(Malformed::PfcFormat));
        let mut bytes = BYTES;
        bytes[0] = 0;
        assert_eq!(Repr::parse(&bytes), Err(Malformed::PfcFormat));
    }

    #[test]
    fn displays() {
        assert_eq!(REPR.to_string(), "PFC p3 pause 1000 p4 pause 32768");
        let resume = Repr {
            class_enable: 1 << 7,
            quanta: [0; 8],
        };
        assert_eq!(resume.to_string(), "PFC p7 resume");
    }
}

//! The Base Transport Header (IBTA Vol 1, 9.2).
//!
//! ```text
//!  0         8                16                      31
//! | opcode  |SE|M|Pad 2|TVer 4| P_Key 16               |
//! |FECN|BECN|resv6| destination QP 24                  |
//! | AckReq 1|resv7| PSN 24                             |
//! ```
//!
//! The ICRC covers all of it but byte 4 (FECN, BECN, resv6).

use std::fmt;

use super::bytes::{be16, be24, put24};
use super::{Malformed, Opcode};

/// Bytes of the header.
pub const LEN: usize = 12;
/// Where the destination QP begins (IBTA Vol 1, 9.2.1): three bytes.
pub const DEST_QP_AT: usize = 5;
/// The default partition key, full membership (IBTA Vol 1, 10.9.1.2).
pub const DEFAULT_PKEY: u16 = 0xffff;

/// A Base Transport Header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Opcode as on the wire; [`Repr::opcode`] gives its meaning.
    pub opcode_value: u8,
    /// Solicited event.
    pub solicited: bool,
    /// MigReq.
    pub migreq: bool,
    /// Pad bytes between payload and ICRC, 0 to 3.
    pub pad_count: u8,
    /// Transport header version, 0.
    pub tver: u8,
    /// Partition key.
    pub pkey: u16,
    /// Forward congestion notification.
    pub fecn: bool,
    /// Backward congestion notification.
    pub becn: bool,
    /// Six reserved bits.
    pub resv6: u8,
    /// Destination QP, 24 bits.
    pub dest_qp: u32,
    /// Acknowledge request.
    pub ackreq: bool,
    /// Seven reserved bits.
    pub resv7: u8,
    /// Packet sequence number, 24 bits.
    pub psn: u32,
}

impl Repr {
    /// A header with this opcode, QP and PSN, the default partition key, and zeros elsewhere.
    #[must_use]
    pub const fn new(opcode: Opcode, dest_qp: u32, psn: u32) -> Repr {
        Repr {
            opcode_value: opcode.value(),
            solicited: false,
            migreq: false,
            pad_count: 0,
            tver: 0,
            pkey: DEFAULT_PKEY,
            fecn: false,
            becn: false,
            resv6: 0,
            dest_qp,
            ackreq: false,
            resv7: 0,
            psn,
        }
    }

    /// Reads the header. No field is judged.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        bytes.first_chunk().map(Repr::from_bytes).ok_or(Malformed::Truncated)
    }

    /// Reads the header from exactly its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: &[u8; LEN]) -> Repr {
        Repr {
            opcode_value: bytes[0],
            solicited: bytes[1] & 0x80 != 0,
            migreq: bytes[1] & 0x40 != 0,
            pad_count: (bytes[1] >> 4) & 3,
            tver: bytes[1] & 0x0f,
            pkey: be16(bytes, 2),
            fecn: bytes[4] & 0x80 != 0,
            becn: bytes[4] & 0x40 != 0,
            resv6: bytes[4] & 0x3f,
            dest_qp: be24(bytes, 5),
            ackreq: bytes[8] & 0x80 != 0,
            resv7: bytes[8] & 0x7f,
            psn: be24(bytes, 9),
        }
    }

    /// The opcode, or `None` if squall does not know it.
    #[must_use]
    pub const fn opcode(&self) -> Option<Opcode> {
        Opcode::from_u8(self.opcode_value)
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0] = self.opcode_value;
        buf[1] = (u8::from(self.solicited) << 7)
            | (u8::from(self.migreq) << 6)
            | ((self.pad_count & 3) << 4)
            | (self.tver & 0x0f);
        buf[2..4].copy_from_slice(&self.pkey.to_be_bytes());
        buf[4] = (u8::from(self.fecn) << 7) | (u8::from(self.becn) << 6) | (self.resv6 & 0x3f);
        put24(&mut buf[5..8], self.dest_qp);
        buf[8] = (u8::from(self.ackreq) << 7) | (self.resv7 & 0x7f);
        put24(&mut buf[9..12], self.psn);
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.opcode() {
            Some(opcode) => write!(f, "{opcode}")?,
            None => write!(f, "opcode 0x{:02x}", self.opcode_value)?,
        }
        write!(f, " qp 0x{:06x} psn {}", self.dest_qp, self.psn)?;
        for (set, name) in [
            (self.ackreq, "AckReq"),
            (self.solicited, "SE"),
            (self.migreq, "MigReq"),
            (self.fecn, "FECN"),
            (self.becn, "BECN"),
        ] {
            if set {
                write!(f, " {name}")?;
            }
        }
        if self.pad_count != 0 {
            write!(f, " pad {}", self.pad_count)?;
        }
        if self.tver != 0 {
            write!(f, " tver {}", self.tver)?;
        }
        if self.pkey != DEFAULT_PKEY {
            write!(f, " pkey 0x{:04x}", self.pkey)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Captured on a ConnectX-4 Lx: `tests/golden/anchors.jsonl`, cnp_connectx4lx_v4.
    const CNP: [u8; LEN] = [0x81, 0x00, 0xff, 0xff, 0x40, 0x00, 0x01, 0x18, 0, 0, 0, 0];
    // RoCE v1 hardware capture: anchors.jsonl, rocev1_rc_write_only.
    const WRITE: [u8; LEN] = [0x0a, 0x70, 0xff, 0xff, 0x00, 0x00, 0x01, 0x0a, 0x80, 0xa7, 0x88, 0xbc];

    #[test]
    fn parses_and_emits_captured_headers() {
        let cnp = Repr {
            becn: true,
            ..Repr::new(Opcode::Cnp, 0x118, 0)
        };
        let write = Repr {
            migreq: true,
            pad_count: 3,
            ackreq: true,
            ..Repr::new(Opcode::RcRdmaWriteOnly, 0x10a, 0xa788bc)
        };
        for (bytes, repr) in [(CNP, cnp), (WRITE, write)] {
            assert_eq!(Repr::parse(&bytes), Ok(repr));
            let mut buf = [0xa5; LEN];
            repr.emit(&mut buf);
            assert_eq!(buf, bytes);
        }
        assert_eq!(Repr::parse(&CNP[..11]), Err(Malformed::Truncated));
    }

    #[test]
    fn every_bit_has_its_place() {
        for bit in 0..LEN * 8 {
            let mut bytes = [0; LEN];
            bytes[bit / 8] = 0x80 >> (bit % 8);
            let mut buf = [0xa5; LEN];
            Repr::from_bytes(&bytes).emit(&mut buf);
            assert_eq!(buf, bytes, "bit {bit}");
        }
    }

    #[test]
    fn displays() {
        let repr = Repr::parse(&WRITE).expect("header");
        assert_eq!(
            repr.to_string(),
            "RC_RDMA_WRITE_ONLY qp 0x00010a psn 10979516 AckReq MigReq pad 3"
        );
        let odd = Repr {
            opcode_value: 0xff,
            tver: 1,
            pkey: 0x7fff,
            ..repr
        };
        assert_eq!(
            odd.to_string(),
            "opcode 0xff qp 0x00010a psn 10979516 AckReq MigReq pad 3 tver 1 pkey 0x7fff"
        );
    }
}

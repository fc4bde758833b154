//! The Congestion Notification Packet (IBTA Annex A17.9.3): a BTH and 16 reserved bytes of zero.
//!
//! ```text
//! | BTH: opcode 0x81, BECN 1; SE, Pad, TVer, FECN, AckReq, PSN 0 | 16 × 0 | ICRC
//! ```
//!
//! The destination QP is the sender's that is to slow down.

use std::fmt;

use super::{Malformed, Opcode, bth};

/// Bytes of the packet, from the BTH to the ICRC, the latter not counted.
pub const LEN: usize = bth::LEN + RESERVED_LEN;
/// Zero bytes behind the BTH.
pub const RESERVED_LEN: usize = 16;

/// A Congestion Notification Packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Destination QP, 24 bits.
    pub dest_qp: u32,
    /// Partition key.
    pub pkey: u16,
    /// MigReq. Adapters send 0.
    pub migreq: bool,
}

impl Repr {
    /// Reads the packet: exactly the bytes from the BTH to the ICRC, without the latter.
    ///
    /// # Errors
    /// [`Malformed::CnpFormat`] when it is not what the module's diagram says.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let (header, reserved) = bytes.split_first_chunk().ok_or(Malformed::CnpFormat)?;
        let bth = bth::Repr::from_bytes(header);
        let repr = Repr {
            dest_qp: bth.dest_qp,
            pkey: bth.pkey,
            migreq: bth.migreq,
        };
        // FECN and the reserved bits may change on the way and are not judged.
        let expected = bth::Repr {
            fecn: bth.fecn,
            resv6: bth.resv6,
            resv7: bth.resv7,
            ..repr.bth()
        };
        if bth != expected || reserved != [0; RESERVED_LEN] {
            return Err(Malformed::CnpFormat);
        }
        Ok(repr)
    }

    /// The packet's BTH.
    #[must_use]
    pub const fn bth(&self) -> bth::Repr {
        let mut bth = bth::Repr::new(Opcode::Cnp, self.dest_qp, 0);
        bth.becn = true;
        bth.pkey = self.pkey;
        bth.migreq = self.migreq;
        bth
    }

    /// Writes BTH and reserved bytes to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        self.bth().emit(buf);
        buf[bth::LEN..].fill(0);
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CNP qp 0x{:06x}", self.dest_qp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Captured on a ConnectX-4 Lx: `tests/golden/anchors.jsonl`, cnp_connectx4lx_v4.
    const BYTES: [u8; LEN] = *b"\x81\x00\xff\xff\x40\x00\x01\x18\x00\x00\x00\x00\
        \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    const REPR: Repr = Repr {
        dest_qp: 0x118,
        pkey: 0xffff,
        migreq: false,
    };

    #[test]
    fn parses_and_emits_a_captured_packet() {
        assert_eq!(Repr::parse(&BYTES), Ok(REPR));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf, BYTES);
        assert_eq!(REPR.to_string(), "CNP qp 0x000118");
    }

    #[test]
    fn another_format_is_refused() {
        assert_eq!(Repr::parse(&BYTES[..27]), Err(Malformed::CnpFormat));
        // Opcode, SE, pad, BECN, AckReq, PSN, reserved bytes.
        for (at, bits) in [
            (0, 0x01),
            (1, 0x80),
            (1, 0x10),
            (4, 0x40),
            (8, 0x80),
            (11, 0x01),
            (27, 0x01),
        ] {
            let mut bytes = BYTES;
            bytes[at] ^= bits;
            assert_eq!(Repr::parse(&bytes), Err(Malformed::CnpFormat), "byte {at}");
        }
    }
}

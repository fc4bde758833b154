//! The ACK Extended Transport Header (IBTA Vol 1, 9.7.5): in acknowledgements and in the First,
//! Last and Only packets of an RDMA READ response.
//!
//! ```text
//! | syndrome: 0 1, class 2, value 5 | MSN 24 |
//! ```

use std::fmt;

use super::Malformed;
use super::bytes::{be24, put24};

/// Bytes of the header.
pub const LEN: usize = 4;

/// Credits by code 0 to 30 (IBTA Vol 1, table "End-to-end flow control credit encoding"; Linux
/// rdmavt's table is the same). Code 31 means no limit.
const CREDITS: [u16; 31] = [
    0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144,
    8192, 12288, 16384, 24576, 32768,
];

/// Receiver-not-ready delays by timer code, in units of 10 µs (IBTA Vol 1, table "Encoding for
/// RNR NAK timer field"; Linux `ib_rnr_timeout`).
const RNR_DELAYS: [u16; 32] = [
    65535, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096,
    6144, 8192, 12288, 16384, 24576, 32768, 49152,
];

/// An ACK header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// Syndrome as on the wire; [`Repr::meaning`] explains it.
    pub syndrome: u8,
    /// Message sequence number, 24 bits.
    pub msn: u32,
}

/// What a syndrome says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Positive acknowledgement.
    Ack {
        /// Credit code, 0 to 31.
        credit_code: u8,
    },
    /// Receiver not ready: try again after the delay.
    RnrNak {
        /// Timer code, 0 to 31.
        timer_code: u8,
    },
    /// Negative acknowledgement.
    Nak(NakCode),
    /// A value that the specification keeps back.
    Reserved,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum NakCode {
    /// PSN sequence error.
    PsnSequence = 0,
    /// Invalid request.
    InvalidRequest = 1,
    /// Remote access error.
    RemoteAccess = 2,
    /// Remote operational error.
    RemoteOperational = 3,
    /// Invalid RD request.
    InvalidRdRequest = 4,
}

impl NakCode {
    fn phrase(self) -> &'static str {
        match self {
            NakCode::PsnSequence => "PSN sequence error",
            NakCode::InvalidRequest => "invalid request",
            NakCode::RemoteAccess => "remote access error",
            NakCode::RemoteOperational => "remote operational error",
            NakCode::InvalidRdRequest => "invalid RD request",
        }
    }
}

impl Meaning {
    /// The class's name, as in the golden vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Meaning::Ack { .. } => "ACK",
            Meaning::RnrNak { .. } => "RNR_NAK",
            Meaning::Nak(_) => "NAK",
            Meaning::Reserved => "RESERVED",
        }
    }

    /// The syndrome that says this; 0x80 for a reserved one.
    #[must_use]
    pub const fn syndrome(self) -> u8 {
        match self {
            Meaning::Ack { credit_code } => credit_code & 0x1f,
            Meaning::RnrNak { timer_code } => 0x20 | (timer_code & 0x1f),
            Meaning::Nak(code) => 0x60 | code as u8,
            Meaning::Reserved => 0x80,
        }
    }
}

/// Credits of a code; `None` for 31, no limit.
#[must_use]
pub fn credits(code: u8) -> Option<u16> {
    CREDITS.get(usize::from(code & 0x1f)).copied()
}

/// Delay of an RNR timer code in microseconds.
#[must_use]
pub fn rnr_delay_us(code: u8) -> u32 {
    // 0x1f bounds the index to the table.
    match code & 0x1f {
        // 655.36 ms; one more than the table's type holds.
        0 => 655_360,
        code => u32::from(RNR_DELAYS[usize::from(code)]) * 10,
    }
}

impl Repr {
    /// Reads the header. The syndrome is not judged.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Repr {
            syndrome: bytes[0],
            msn: be24(bytes, 1),
        })
    }

    /// What the syndrome says.
    #[must_use]
    pub const fn meaning(&self) -> Meaning {
        let value = self.syndrome & 0x1f;
        match self.syndrome >> 5 {
            0 => Meaning::Ack { credit_code: value },
            1 => Meaning::RnrNak { timer_code: value },
            3 => match value {
                0 => Meaning::Nak(NakCode::PsnSequence),
                1 => Meaning::Nak(NakCode::InvalidRequest),
                2 => Meaning::Nak(NakCode::RemoteAccess),
                3 => Meaning::Nak(NakCode::RemoteOperational),
                4 => Meaning::Nak(NakCode::InvalidRdRequest),
                _ => Meaning::Reserved,
            },
            _ => Meaning::Reserved,
        }
    }

    /// Writes the header to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0] = self.syndrome;
        put24(&mut buf[1..4], self.msn);
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            Meaning::Ack { credit_code } => match credits(credit_code) {
                Some(1) => f.write_str("ack 1 credit")?,
                Some(credits) => write!(f, "ack {credits} credits")?,
                None => f.write_str("ack credits not limited")?,
            },
            Meaning::RnrNak { timer_code } => {
                let us = rnr_delay_us(timer_code);
                write!(f, "rnr-nak wait {}.{:02} ms", us / 1000, us % 1000 / 10)?;
            }
            Meaning::Nak(code) => write!(f, "nak {}", code.phrase())?,
            Meaning::Reserved => write!(f, "reserved syndrome 0x{:02x}", self.syndrome)?,
        }
        write!(f, " msn {}", self.msn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_emits() {
        // RoCE v1 hardware capture: `tests/golden/anchors.jsonl`, rocev1_rc_ack.
        let bytes = [0x00, 0x00, 0x00, 0x05];
        let repr = Repr { syndrome: 0, msn: 5 };
        assert_eq!(Repr::parse(&bytes), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, bytes);
        assert_eq!(Repr::parse(&bytes[..3]), Err(Malformed::Truncated));
    }

    #[test]
    fn every_syndrome_has_one_meaning() {
        for syndrome in 0..=u8::MAX {
            let meaning = Repr { syndrome, msn: 0 }.meaning();
            // check_pcap.py: bit 7, class 2, or NAK code above 4.
            let reserved = syndrome & 0x80 != 0 || syndrome >> 5 == 2 || (syndrome >> 5 == 3 && syndrome & 31 > 4);
            assert_eq!(meaning == Meaning::Reserved, reserved, "{syndrome:#04x}");
            if !reserved {
                assert_eq!(meaning.syndrome(), syndrome);
            }
        }
    }

    #[test]
    fn tables_have_the_values_of_the_rules() {
        // vectors' RULES.md: code 10 is 32 credits, 31 no limit; RNR code 12 is 0.64 ms.
        assert_eq!((credits(10), credits(30), credits(31)), (Some(32), Some(32768), None));
        assert_eq!((rnr_delay_us(0), rnr_delay_us(1)), (655_360, 10));
        assert_eq!((rnr_delay_us(12), rnr_delay_us(31)), (640, 491_520));
    }

    #[test]
    fn displays() {
        let text = |syndrome| Repr { syndrome, msn: 7 }.to_string();
        assert_eq!(text(0x1f), "ack credits not limited msn 7");
        assert_eq!(text(0x0a), "ack 32 credits msn 7");
        assert_eq!(text(0x2c), "rnr-nak wait 0.64 ms msn 7");
        assert_eq!(text(0x62), "nak remote access error msn 7");
        assert_eq!(text(0x40), "reserved syndrome 0x40 msn 7");
    }
}

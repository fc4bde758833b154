//! A Precision Time Protocol event message straight on Ethernet (IEEE 1588-2019 clauses 13.3 and 13.6,
//! annex E for its transport over IEEE 802.3).
//!
//! ```text
//!  0  majorSdoId 4 | messageType 4 | minorVersionPTP 4 | versionPTP 4
//!  2  messageLength 16
//!  4  domainNumber 8 | minorSdoId 8 | flagField 16
//!  8  correctionField 64 (nanoseconds times 2^16, signed)
//! 16  messageTypeSpecific 32
//! 20  sourcePortIdentity: clockIdentity 64, portNumber 16
//! 30  sequenceId 16 | controlField 8 | logMessageInterval 8
//! 34  originTimestamp: seconds 48, nanoseconds 32 (Sync)
//! ```
//!
//! This file's bytes begin behind the EtherType. NICs that stamp PTP frames only know them by that type
//! and by `messageType`: a Sync is stamped by all of them, in both directions.
//!
//! Left out on purpose: the other messages' bodies, and PTP over UDP.

use std::fmt;

use super::bytes::{array, be16};
use super::{Malformed, ethernet, vlan};

/// EtherType of PTP (IEEE 1588-2019 annex E).
pub const ETHERTYPE: u16 = 0x88f7;
/// Bytes of the common header (clause 13.3).
pub const HEADER_LEN: usize = 34;
/// Bytes of a Sync: the header and `originTimestamp` (clause 13.6).
pub const LEN: usize = 44;
/// `messageType` of a Sync (table 36).
pub const SYNC: u8 = 0x0;
/// `versionPTP` of 1588-2008 and 1588-2019.
pub const VERSION: u8 = 2;
/// The destination of PTP messages that switches forward (annex E).
pub const FORWARDED: ethernet::Address = ethernet::Address([0x01, 0x1b, 0x19, 0x00, 0x00, 0x00]);

/// `twoStepFlag` of the flag field (table 37): the exact departure is told elsewhere.
pub const TWO_STEP: u16 = 0x0200;

/// The common header of a PTP message, and a Sync's time stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// `messageType`: [`SYNC`] or another.
    pub message_type: u8,
    /// `versionPTP`: [`VERSION`]; what follows is laid out as that one's, whatever stands here.
    pub version: u8,
    /// `messageLength`, the header included.
    pub message_len: u16,
    /// `domainNumber`.
    pub domain: u8,
    /// `flagField`.
    pub flags: u16,
    /// `correctionField`: nanoseconds times 2^16 that transparent clocks have added.
    pub correction: i64,
    /// `clockIdentity` of the sender.
    pub clock: [u8; 8],
    /// `portNumber` of the sender.
    pub port: u16,
    /// `sequenceId`.
    pub sequence: u16,
    /// `logMessageInterval`; 0x7f: none is kept.
    pub log_interval: i8,
    /// `originTimestamp` of a Sync, seconds and nanoseconds.
    pub origin: (u64, u32),
}

impl Repr {
    /// A Sync of a two-step clock that keeps no interval, with no origin time stamp.
    #[must_use]
    pub fn sync(domain: u8, clock: [u8; 8], port: u16, sequence: u16) -> Repr {
        Repr {
            message_type: SYNC,
            version: VERSION,
            message_len: 44,
            domain,
            flags: TWO_STEP,
            correction: 0,
            clock,
            port,
            sequence,
            log_interval: 0x7f,
            origin: (0, 0),
        }
    }

    /// Reads a message; the body of one that is no Sync is left alone, and its `origin` is zero.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`HEADER_LEN`] bytes, or a Sync's [`LEN`].
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        let message_type = header[0] & 0x0f;
        let origin = if message_type == SYNC {
            let sync: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
            let [a, b, c, d, e, f]: [u8; 6] = array(sync, 34);
            let seconds = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
            (seconds, u32::from_be_bytes(array(sync, 40)))
        } else {
            (0, 0)
        };
        Ok(Repr {
            message_type,
            version: header[1] & 0x0f,
            message_len: be16(header, 2),
            domain: header[4],
            flags: be16(header, 6),
            correction: i64::from_be_bytes(array(header, 8)),
            clock: array(header, 20),
            port: be16(header, 28),
            sequence: be16(header, 30),
            log_interval: i8::from_be_bytes([header[33]]),
            origin,
        })
    }

    /// Whether it is of the version that is known here, so that its fields mean what they say.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.version == VERSION
    }

    /// Writes a Sync to the first [`LEN`] bytes, or another message's header and ten bytes of zeros.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf.fill(0);
        buf[0] = self.message_type & 0x0f;
        buf[1] = self.version & 0x0f;
        buf[2..4].copy_from_slice(&self.message_len.to_be_bytes());
        buf[4] = self.domain;
        buf[6..8].copy_from_slice(&self.flags.to_be_bytes());
        buf[8..16].copy_from_slice(&self.correction.to_be_bytes());
        buf[20..28].copy_from_slice(&self.clock);
        buf[28..30].copy_from_slice(&self.port.to_be_bytes());
        buf[30..32].copy_from_slice(&self.sequence.to_be_bytes());
        // controlField: 0 is a Sync's, 5 that of all later messages (table 42).
        buf[32] = if self.message_type == SYNC { 0 } else { 5 };
        buf[33] = self.log_interval.to_be_bytes()[0];
        if self.message_type == SYNC {
            buf[34..40].copy_from_slice(&self.origin.0.to_be_bytes()[2..]);
            buf[40..44].copy_from_slice(&self.origin.1.to_be_bytes());
        }
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message_type {
            SYNC => f.write_str("PTP Sync")?,
            other => write!(f, "PTP type {other}")?,
        }
        write!(f, " domain {} clock ", self.domain)?;
        for octet in self.clock {
            write!(f, "{octet:02x}")?;
        }
        write!(f, ".{} seq {}", self.port, self.sequence)
    }
}

/// The PTP message of a whole frame, behind any VLAN tags; `None` of a frame of another type.
#[must_use]
pub fn of_frame(frame: &[u8]) -> Option<Repr> {
    let mut ethertype = ethernet::Repr::parse(frame).ok()?.ethertype;
    let mut rest = frame.get(ethernet::LEN..)?;
    while vlan::is_tpid(ethertype) {
        ethertype = vlan::Repr::parse(ethertype, rest).ok()?.ethertype;
        rest = rest.get(vlan::LEN..)?;
    }
    if ethertype != ETHERTYPE {
        return None;
    }
    Repr::parse(rest).ok().filter(Repr::is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written out field by field from clauses 13.3 and 13.6; the clock identity is that of a port with
    // the MAC address 00:1b:21:0a:0b:0c, as annex F of 1588-2008 makes it.
    const BYTES: [u8; LEN] = [
        0x00, 0x02, 0x00, 0x2c, 0x7f, 0x00, 0x02, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x1b, 0x21, 0xff, 0xfe, 0x0a, 0x0b, 0x0c, 0x00, 0x01, 0xab, 0xcd, 0x00, 0x7f, 0x00, 0x00,
        0x65, 0x53, 0xf1, 0x00, 0x3b, 0x9a, 0xc9, 0xff,
    ];
    const REPR: Repr = Repr {
        message_type: SYNC,
        version: VERSION,
        message_len: 44,
        domain: 127,
        flags: TWO_STEP,
        correction: -65536,
        clock: [0x00, 0x1b, 0x21, 0xff, 0xfe, 0x0a, 0x0b, 0x0c],
        port: 1,
        sequence: 0xabcd,
        log_interval: 0x7f,
        origin: (1_700_000_000, 999_999_999),
    };

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(REPR));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf, BYTES);
    }

    #[test]
    fn short_is_truncated() {
        for len in 0..LEN {
            assert_eq!(Repr::parse(&BYTES[..len]), Err(Malformed::Truncated), "{len} bytes");
        }
        // 1588-2019 says minor version 1 (clause 13.3.2.3).
        let mut first = BYTES;
        first[1] = 0x12;
        assert_eq!(Repr::parse(&first), Ok(REPR));
        // A Delay_Resp has another body, which is not looked at.
        first[0] = 0x09;
        let header = Repr::parse(&first[..HEADER_LEN]).unwrap();
        assert_eq!((header.message_type, header.origin), (9, (0, 0)));
    }

    #[test]
    fn is_found_behind_tags() {
        let mut frame = vec![0; 12];
        frame.extend([0x88, 0xf7]);
        frame.extend(BYTES);
        assert_eq!(of_frame(&frame), Some(REPR));
        let mut tagged = vec![0; 12];
        tagged.extend([0x81, 0x00, 0x60, 0x0a, 0x88, 0xf7]);
        tagged.extend(BYTES);
        assert_eq!(of_frame(&tagged), Some(REPR));
        tagged[19] = 1;
        assert_eq!(of_frame(&tagged), None, "PTP version 1");
        (tagged[16], tagged[17]) = (0x08, 0x00);
        assert_eq!(of_frame(&tagged), None, "IPv4");
        for len in 0..frame.len() {
            assert_eq!(of_frame(&frame[..len]), None);
        }
    }

    #[test]
    fn displays() {
        assert_eq!(
            REPR.to_string(),
            "PTP Sync domain 127 clock 001b21fffe0a0b0c.1 seq 43981"
        );
    }
}

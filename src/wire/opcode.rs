//! BTH opcodes (IBTA Vol 1, table 38 of chapter 9.2): what each one is, and which extension
//! headers stand between the BTH and the payload.
//!
//! Top three bits: transport service. Low five: operation. The CNP has a value of its own
//! (IBTA Annex A17.9.3).

use std::fmt;

/// An opcode that squall knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the specification's; `name` spells them out")]
pub enum Opcode {
    RcSendFirst = 0x00,
    RcSendMiddle = 0x01,
    RcSendLast = 0x02,
    RcSendLastWithImmediate = 0x03,
    RcSendOnly = 0x04,
    RcSendOnlyWithImmediate = 0x05,
    RcRdmaWriteFirst = 0x06,
    RcRdmaWriteMiddle = 0x07,
    RcRdmaWriteLast = 0x08,
    RcRdmaWriteLastWithImmediate = 0x09,
    RcRdmaWriteOnly = 0x0a,
    RcRdmaWriteOnlyWithImmediate = 0x0b,
    RcRdmaReadRequest = 0x0c,
    RcRdmaReadResponseFirst = 0x0d,
    RcRdmaReadResponseMiddle = 0x0e,
    RcRdmaReadResponseLast = 0x0f,
    RcRdmaReadResponseOnly = 0x10,
    RcAcknowledge = 0x11,
    RcAtomicAcknowledge = 0x12,
    RcCompareSwap = 0x13,
    RcFetchAdd = 0x14,
    RcSendLastWithInvalidate = 0x16,
    RcSendOnlyWithInvalidate = 0x17,
    UcSendFirst = 0x20,
    UcSendMiddle = 0x21,
    UcSendLast = 0x22,
    UcSendLastWithImmediate = 0x23,
    UcSendOnly = 0x24,
    UcSendOnlyWithImmediate = 0x25,
    UcRdmaWriteFirst = 0x26,
    UcRdmaWriteMiddle = 0x27,
    UcRdmaWriteLast = 0x28,
    UcRdmaWriteLastWithImmediate = 0x29,
    UcRdmaWriteOnly = 0x2a,
    UcRdmaWriteOnlyWithImmediate = 0x2b,
    UdSendOnly = 0x64,
    UdSendOnlyWithImmediate = 0x65,
    Cnp = 0x81,
}

use Opcode as O;

/// Transport service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Reliable connection.
    Rc,
    /// Unreliable connection.
    Uc,
    /// Unreliable datagram.
    Ud,
    /// Congestion notification.
    Cnp,
}

/// What a packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Part of a SEND.
    Send,
    /// Part of an RDMA WRITE.
    Write,
    /// RDMA READ request.
    ReadRequest,
    /// Part of an RDMA READ response.
    ReadResponse,
    /// Acknowledge or Atomic Acknowledge.
    Acknowledge,
    /// Compare and Swap, Fetch and Add.
    Atomic,
    /// Congestion Notification Packet.
    Cnp,
}

/// Where a packet stands in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// First of several.
    First,
    /// Neither first nor last.
    Middle,
    /// Last of several.
    Last,
    /// The whole message.
    Only,
}

/// An extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Datagram, [`super::deth`].
    Deth,
    /// RDMA, [`super::reth`].
    Reth,
    /// ACK, [`super::aeth`].
    Aeth,
    /// Atomic, [`super::atomiceth`].
    AtomicEth,
    /// Atomic ACK, [`super::atomicacketh`].
    AtomicAckEth,
    /// Immediate data, [`super::immdt`].
    ImmDt,
    /// Invalidate, [`super::ieth`].
    Ieth,
}

impl Extension {
    /// Bytes on the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(self) -> usize {
        match self {
            Extension::Deth | Extension::AtomicAckEth => 8,
            Extension::Reth => 16,
            Extension::Aeth | Extension::ImmDt | Extension::Ieth => 4,
            Extension::AtomicEth => 28,
        }
    }
}

impl Opcode {
    /// Every opcode, in the order of their values.
    pub const ALL: [Opcode; 38] = [
        O::RcSendFirst,
        O::RcSendMiddle,
        O::RcSendLast,
        O::RcSendLastWithImmediate,
        O::RcSendOnly,
        O::RcSendOnlyWithImmediate,
        O::RcRdmaWriteFirst,
        O::RcRdmaWriteMiddle,
        O::RcRdmaWriteLast,
        O::RcRdmaWriteLastWithImmediate,
        O::RcRdmaWriteOnly,
        O::RcRdmaWriteOnlyWithImmediate,
        O::RcRdmaReadRequest,
        O::RcRdmaReadResponseFirst,
        O::RcRdmaReadResponseMiddle,
        O::RcRdmaReadResponseLast,
        O::RcRdmaReadResponseOnly,
        O::RcAcknowledge,
        O::RcAtomicAcknowledge,
        O::RcCompareSwap,
        O::RcFetchAdd,
        O::RcSendLastWithInvalidate,
        O::RcSendOnlyWithInvalidate,
        O::UcSendFirst,
        O::UcSendMiddle,
        O::UcSendLast,
        O::UcSendLastWithImmediate,
        O::UcSendOnly,
        O::UcSendOnlyWithImmediate,
        O::UcRdmaWriteFirst,
        O::UcRdmaWriteMiddle,
        O::UcRdmaWriteLast,
        O::UcRdmaWriteLastWithImmediate,
        O::UcRdmaWriteOnly,
        O::UcRdmaWriteOnlyWithImmediate,
        O::UdSendOnly,
        O::UdSendOnlyWithImmediate,
        O::Cnp,
    ];

    /// The opcode of this value, or `None` if squall does not know it.
    #[inline]
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Opcode> {
        BY_VALUE[value as usize]
    }

    /// The value on the wire.
    #[inline]
    #[must_use]
    pub const fn value(self) -> u8 {
        self as u8
    }

    /// Transport service.
    #[must_use]
    pub const fn service(self) -> Service {
        match self.value() >> 5 {
            0 => Service::Rc,
            1 => Service::Uc,
            3 => Service::Ud,
            _ => Service::Cnp,
        }
    }

    /// What the packet is for.
    #[must_use]
    pub const fn operation(self) -> Operation {
        if matches!(self, O::Cnp) {
            return Operation::Cnp;
        }
        match self.value() & 0x1f {
            0x00..=0x05 | 0x16 | 0x17 => Operation::Send,
            0x06..=0x0b => Operation::Write,
            0x0c => Operation::ReadRequest,
            0x0d..=0x10 => Operation::ReadResponse,
            0x11 | 0x12 => Operation::Acknowledge,
            _ => Operation::Atomic,
        }
    }

    /// Where the packet stands in its message.
    #[must_use]
    pub const fn position(self) -> Position {
        if matches!(self, O::Cnp) {
            return Position::Only;
        }
        match self.value() & 0x1f {
            0x00 | 0x06 | 0x0d => Position::First,
            0x01 | 0x07 | 0x0e => Position::Middle,
            0x02 | 0x03 | 0x08 | 0x09 | 0x0f | 0x16 => Position::Last,
            _ => Position::Only,
        }
    }

    /// The extension headers, in their order on the wire.
    #[must_use]
    pub const fn extensions(self) -> &'static [Extension] {
        use Extension::{Aeth, AtomicAckEth, AtomicEth, Deth, Ieth, ImmDt, Reth};
        match self {
            O::RcSendLastWithImmediate
            | O::RcSendOnlyWithImmediate
            | O::RcRdmaWriteLastWithImmediate
            | O::UcSendLastWithImmediate
            | O::UcSendOnlyWithImmediate
            | O::UcRdmaWriteLastWithImmediate => &[ImmDt],
            O::RcRdmaWriteFirst
            | O::RcRdmaWriteOnly
            | O::RcRdmaReadRequest
            | O::UcRdmaWriteFirst
            | O::UcRdmaWriteOnly => &[Reth],
            O::RcRdmaWriteOnlyWithImmediate | O::UcRdmaWriteOnlyWithImmediate => &[Reth, ImmDt],
            O::RcRdmaReadResponseFirst | O::RcRdmaReadResponseLast | O::RcRdmaReadResponseOnly | O::RcAcknowledge => {
                &[Aeth]
            }
            O::RcAtomicAcknowledge => &[Aeth, AtomicAckEth],
            O::RcCompareSwap | O::RcFetchAdd => &[AtomicEth],
            O::RcSendLastWithInvalidate | O::RcSendOnlyWithInvalidate => &[Ieth],
            O::UdSendOnly => &[Deth],
            O::UdSendOnlyWithImmediate => &[Deth, ImmDt],
            _ => &[],
        }
    }

    /// Bytes of all extension headers.
    #[inline]
    #[must_use]
    pub const fn extensions_len(self) -> usize {
        EXTENSIONS_LEN[self.value() as usize] as usize
    }

    /// Where this extension header begins, counted from the end of the BTH.
    #[must_use]
    pub fn offset_of(self, extension: Extension) -> Option<usize> {
        let extensions = self.extensions();
        let index = extensions.iter().position(|other| *other == extension)?;
        Some(extensions[..index].iter().map(|other| other.len()).sum())
    }

    /// The specification's name, as in the golden vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            O::RcSendFirst => "RC_SEND_FIRST",
            O::RcSendMiddle => "RC_SEND_MIDDLE",
            O::RcSendLast => "RC_SEND_LAST",
            O::RcSendLastWithImmediate => "RC_SEND_LAST_WITH_IMMEDIATE",
            O::RcSendOnly => "RC_SEND_ONLY",
            O::RcSendOnlyWithImmediate => "RC_SEND_ONLY_WITH_IMMEDIATE",
            O::RcRdmaWriteFirst => "RC_RDMA_WRITE_FIRST",
            O::RcRdmaWriteMiddle => "RC_RDMA_WRITE_MIDDLE",
            O::RcRdmaWriteLast => "RC_RDMA_WRITE_LAST",
            O::RcRdmaWriteLastWithImmediate => "RC_RDMA_WRITE_LAST_WITH_IMMEDIATE",
            O::RcRdmaWriteOnly => "RC_RDMA_WRITE_ONLY",
            O::RcRdmaWriteOnlyWithImmediate => "RC_RDMA_WRITE_ONLY_WITH_IMMEDIATE",
            O::RcRdmaReadRequest => "RC_RDMA_READ_REQUEST",
            O::RcRdmaReadResponseFirst => "RC_RDMA_READ_RESPONSE_FIRST",
            O::RcRdmaReadResponseMiddle => "RC_RDMA_READ_RESPONSE_MIDDLE",
            O::RcRdmaReadResponseLast => "RC_RDMA_READ_RESPONSE_LAST",
            O::RcRdmaReadResponseOnly => "RC_RDMA_READ_RESPONSE_ONLY",
            O::RcAcknowledge => "RC_ACKNOWLEDGE",
            O::RcAtomicAcknowledge => "RC_ATOMIC_ACKNOWLEDGE",
            O::RcCompareSwap => "RC_COMPARE_SWAP",
            O::RcFetchAdd => "RC_FETCH_ADD",
            O::RcSendLastWithInvalidate => "RC_SEND_LAST_WITH_INVALIDATE",
            O::RcSendOnlyWithInvalidate => "RC_SEND_ONLY_WITH_INVALIDATE",
            O::UcSendFirst => "UC_SEND_FIRST",
            O::UcSendMiddle => "UC_SEND_MIDDLE",
            O::UcSendLast => "UC_SEND_LAST",
            O::UcSendLastWithImmediate => "UC_SEND_LAST_WITH_IMMEDIATE",
            O::UcSendOnly => "UC_SEND_ONLY",
            O::UcSendOnlyWithImmediate => "UC_SEND_ONLY_WITH_IMMEDIATE",
            O::UcRdmaWriteFirst => "UC_RDMA_WRITE_FIRST",
            O::UcRdmaWriteMiddle => "UC_RDMA_WRITE_MIDDLE",
            O::UcRdmaWriteLast => "UC_RDMA_WRITE_LAST",
            O::UcRdmaWriteLastWithImmediate => "UC_RDMA_WRITE_LAST_WITH_IMMEDIATE",
            O::UcRdmaWriteOnly => "UC_RDMA_WRITE_ONLY",
            O::UcRdmaWriteOnlyWithImmediate => "UC_RDMA_WRITE_ONLY_WITH_IMMEDIATE",
            O::UdSendOnly => "UD_SEND_ONLY",
            O::UdSendOnlyWithImmediate => "UD_SEND_ONLY_WITH_IMMEDIATE",
            O::Cnp => "CNP",
        }
    }
}

/// Opcode by wire value.
static BY_VALUE: [Option<Opcode>; 256] = {
    let mut table = [None; 256];
    let mut i = 0;
    while i < Opcode::ALL.len() {
        table[Opcode::ALL[i].value() as usize] = Some(Opcode::ALL[i]);
        i += 1;
    }
    table
};

/// Bytes of extension headers by wire value.
static EXTENSIONS_LEN: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < Opcode::ALL.len() {
        let extensions = Opcode::ALL[i].extensions();
        let mut len = 0;
        let mut j = 0;
        while j < extensions.len() {
            len += extensions[j].len();
            j += 1;
        }
        assert!(len <= 28);
        #[expect(clippy::cast_possible_truncation, reason = "asserted above; TryFrom is not const")]
        {
            table[Opcode::ALL[i].value() as usize] = len as u8;
        }
        i += 1;
    }
    table
};

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lead_back_to_their_opcodes() {
        for opcode in Opcode::ALL {
            assert_eq!(Opcode::from_u8(opcode.value()), Some(opcode));
        }
        let known = (0..=u8::MAX).filter(|value| Opcode::from_u8(*value).is_some()).count();
        assert_eq!(known, Opcode::ALL.len());
        // Reserved in RC, an RD opcode, and FLUSH: RULES.md, "Opcodes and extension headers".
        for value in [0x15, 0x40, 0x1c] {
            assert_eq!(Opcode::from_u8(value), None);
        }
    }

    #[test]
    fn uc_is_rc_with_another_service() {
        for value in 0x00..=0x0b {
            let rc = Opcode::from_u8(value).expect("RC");
            let uc = Opcode::from_u8(value | 0x20).expect("UC");
            assert_eq!((rc.service(), uc.service()), (Service::Rc, Service::Uc));
            assert_eq!(rc.operation(), uc.operation());
            assert_eq!(rc.position(), uc.position());
            assert_eq!(rc.extensions(), uc.extensions());
            assert_eq!(rc.name().replacen("RC", "UC", 1), uc.name());
        }
    }

    #[test]
    fn names_say_position() {
        for opcode in Opcode::ALL {
            let name = opcode.name();
            for (word, position) in [
                ("_FIRST", Position::First),
                ("_MIDDLE", Position::Middle),
                ("_LAST", Position::Last),
            ] {
                assert_eq!(name.contains(word), opcode.position() == position, "{name}");
            }
            assert_eq!(
                name.contains("IMMEDIATE"),
                opcode.offset_of(Extension::ImmDt).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn immediate_comes_after_reth() {
        let opcode = Opcode::RcRdmaWriteOnlyWithImmediate;
        assert_eq!(opcode.offset_of(Extension::Reth), Some(0));
        assert_eq!(opcode.offset_of(Extension::ImmDt), Some(16));
        assert_eq!(opcode.extensions_len(), 20);
        assert_eq!(opcode.offset_of(Extension::Aeth), None);
    }
}

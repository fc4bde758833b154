//! BTH opcodes (IBTA Vol 1, table 38 of chapter 9.2): what each one is, and which extension
//! headers stand between the BTH and the payload.
//!
//! Top three bits: transport service. Low five: operation. The CNP has a value of its own
//! (IBTA Annex A17.9.3). XRC is of Annex A14, FLUSH and ATOMIC WRITE are of Annex A19.
//!
//! Left out on purpose: ATOMIC WRITE over RD and XRC, of which nothing public says that it is sent.

use std::fmt;

macro_rules! opcodes {
    ($($variant:ident = $value:literal $name:literal,)*) => {
        /// An opcode that squall knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the names are the specification's; `name` spells them out")]
        pub enum Opcode {
            $($variant = $value,)*
        }

        impl Opcode {
            /// Every opcode, in the order of their values.
            pub const ALL: [Opcode; [$($value),*].len()] = [$(Opcode::$variant),*];

            /// The specification's name, as in the golden vectors.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Opcode::$variant => $name,)*
                }
            }
        }
    };
}

opcodes! {
    RcSendFirst = 0x00 "RC_SEND_FIRST",
    RcSendMiddle = 0x01 "RC_SEND_MIDDLE",
    RcSendLast = 0x02 "RC_SEND_LAST",
    RcSendLastWithImmediate = 0x03 "RC_SEND_LAST_WITH_IMMEDIATE",
    RcSendOnly = 0x04 "RC_SEND_ONLY",
    RcSendOnlyWithImmediate = 0x05 "RC_SEND_ONLY_WITH_IMMEDIATE",
    RcRdmaWriteFirst = 0x06 "RC_RDMA_WRITE_FIRST",
    RcRdmaWriteMiddle = 0x07 "RC_RDMA_WRITE_MIDDLE",
    RcRdmaWriteLast = 0x08 "RC_RDMA_WRITE_LAST",
    RcRdmaWriteLastWithImmediate = 0x09 "RC_RDMA_WRITE_LAST_WITH_IMMEDIATE",
    RcRdmaWriteOnly = 0x0a "RC_RDMA_WRITE_ONLY",
    RcRdmaWriteOnlyWithImmediate = 0x0b "RC_RDMA_WRITE_ONLY_WITH_IMMEDIATE",
    RcRdmaReadRequest = 0x0c "RC_RDMA_READ_REQUEST",
    RcRdmaReadResponseFirst = 0x0d "RC_RDMA_READ_RESPONSE_FIRST",
    RcRdmaReadResponseMiddle = 0x0e "RC_RDMA_READ_RESPONSE_MIDDLE",
    RcRdmaReadResponseLast = 0x0f "RC_RDMA_READ_RESPONSE_LAST",
    RcRdmaReadResponseOnly = 0x10 "RC_RDMA_READ_RESPONSE_ONLY",
    RcAcknowledge = 0x11 "RC_ACKNOWLEDGE",
    RcAtomicAcknowledge = 0x12 "RC_ATOMIC_ACKNOWLEDGE",
    RcCompareSwap = 0x13 "RC_COMPARE_SWAP",
    RcFetchAdd = 0x14 "RC_FETCH_ADD",
    RcSendLastWithInvalidate = 0x16 "RC_SEND_LAST_WITH_INVALIDATE",
    RcSendOnlyWithInvalidate = 0x17 "RC_SEND_ONLY_WITH_INVALIDATE",
    RcFlush = 0x1c "RC_FLUSH",
    RcAtomicWrite = 0x1d "RC_ATOMIC_WRITE",
    UcSendFirst = 0x20 "UC_SEND_FIRST",
    UcSendMiddle = 0x21 "UC_SEND_MIDDLE",
    UcSendLast = 0x22 "UC_SEND_LAST",
    UcSendLastWithImmediate = 0x23 "UC_SEND_LAST_WITH_IMMEDIATE",
    UcSendOnly = 0x24 "UC_SEND_ONLY",
    UcSendOnlyWithImmediate = 0x25 "UC_SEND_ONLY_WITH_IMMEDIATE",
    UcRdmaWriteFirst = 0x26 "UC_RDMA_WRITE_FIRST",
    UcRdmaWriteMiddle = 0x27 "UC_RDMA_WRITE_MIDDLE",
    UcRdmaWriteLast = 0x28 "UC_RDMA_WRITE_LAST",
    UcRdmaWriteLastWithImmediate = 0x29 "UC_RDMA_WRITE_LAST_WITH_IMMEDIATE",
    UcRdmaWriteOnly = 0x2a "UC_RDMA_WRITE_ONLY",
    UcRdmaWriteOnlyWithImmediate = 0x2b "UC_RDMA_WRITE_ONLY_WITH_IMMEDIATE",
    RdSendFirst = 0x40 "RD_SEND_FIRST",
    RdSendMiddle = 0x41 "RD_SEND_MIDDLE",
    RdSendLast = 0x42 "RD_SEND_LAST",
    RdSendLastWithImmediate = 0x43 "RD_SEND_LAST_WITH_IMMEDIATE",
    RdSendOnly = 0x44 "RD_SEND_ONLY",
    RdSendOnlyWithImmediate = 0x45 "RD_SEND_ONLY_WITH_IMMEDIATE",
    RdRdmaWriteFirst = 0x46 "RD_RDMA_WRITE_FIRST",
    RdRdmaWriteMiddle = 0x47 "RD_RDMA_WRITE_MIDDLE",
    RdRdmaWriteLast = 0x48 "RD_RDMA_WRITE_LAST",
    RdRdmaWriteLastWithImmediate = 0x49 "RD_RDMA_WRITE_LAST_WITH_IMMEDIATE",
    RdRdmaWriteOnly = 0x4a "RD_RDMA_WRITE_ONLY",
    RdRdmaWriteOnlyWithImmediate = 0x4b "RD_RDMA_WRITE_ONLY_WITH_IMMEDIATE",
    RdRdmaReadRequest = 0x4c "RD_RDMA_READ_REQUEST",
    RdRdmaReadResponseFirst = 0x4d "RD_RDMA_READ_RESPONSE_FIRST",
    RdRdmaReadResponseMiddle = 0x4e "RD_RDMA_READ_RESPONSE_MIDDLE",
    RdRdmaReadResponseLast = 0x4f "RD_RDMA_READ_RESPONSE_LAST",
    RdRdmaReadResponseOnly = 0x50 "RD_RDMA_READ_RESPONSE_ONLY",
    RdAcknowledge = 0x51 "RD_ACKNOWLEDGE",
    RdAtomicAcknowledge = 0x52 "RD_ATOMIC_ACKNOWLEDGE",
    RdCompareSwap = 0x53 "RD_COMPARE_SWAP",
    RdFetchAdd = 0x54 "RD_FETCH_ADD",
    RdResync = 0x55 "RD_RESYNC",
    RdFlush = 0x5c "RD_FLUSH",
    UdSendOnly = 0x64 "UD_SEND_ONLY",
    UdSendOnlyWithImmediate = 0x65 "UD_SEND_ONLY_WITH_IMMEDIATE",
    Cnp = 0x81 "CNP",
    XrcSendFirst = 0xa0 "XRC_SEND_FIRST",
    XrcSendMiddle = 0xa1 "XRC_SEND_MIDDLE",
    XrcSendLast = 0xa2 "XRC_SEND_LAST",
    XrcSendLastWithImmediate = 0xa3 "XRC_SEND_LAST_WITH_IMMEDIATE",
    XrcSendOnly = 0xa4 "XRC_SEND_ONLY",
    XrcSendOnlyWithImmediate = 0xa5 "XRC_SEND_ONLY_WITH_IMMEDIATE",
    XrcRdmaWriteFirst = 0xa6 "XRC_RDMA_WRITE_FIRST",
    XrcRdmaWriteMiddle = 0xa7 "XRC_RDMA_WRITE_MIDDLE",
    XrcRdmaWriteLast = 0xa8 "XRC_RDMA_WRITE_LAST",
    XrcRdmaWriteLastWithImmediate = 0xa9 "XRC_RDMA_WRITE_LAST_WITH_IMMEDIATE",
    XrcRdmaWriteOnly = 0xaa "XRC_RDMA_WRITE_ONLY",
    XrcRdmaWriteOnlyWithImmediate = 0xab "XRC_RDMA_WRITE_ONLY_WITH_IMMEDIATE",
    XrcRdmaReadRequest = 0xac "XRC_RDMA_READ_REQUEST",
    XrcRdmaReadResponseFirst = 0xad "XRC_RDMA_READ_RESPONSE_FIRST",
    XrcRdmaReadResponseMiddle = 0xae "XRC_RDMA_READ_RESPONSE_MIDDLE",
    XrcRdmaReadResponseLast = 0xaf "XRC_RDMA_READ_RESPONSE_LAST",
    XrcRdmaReadResponseOnly = 0xb0 "XRC_RDMA_READ_RESPONSE_ONLY",
    XrcAcknowledge = 0xb1 "XRC_ACKNOWLEDGE",
    XrcAtomicAcknowledge = 0xb2 "XRC_ATOMIC_ACKNOWLEDGE",
    XrcCompareSwap = 0xb3 "XRC_COMPARE_SWAP",
    XrcFetchAdd = 0xb4 "XRC_FETCH_ADD",
    XrcSendLastWithInvalidate = 0xb6 "XRC_SEND_LAST_WITH_INVALIDATE",
    XrcSendOnlyWithInvalidate = 0xb7 "XRC_SEND_ONLY_WITH_INVALIDATE",
    XrcFlush = 0xbc "XRC_FLUSH",
}

use Opcode as O;

/// The bits of a value that say the operation; the others say the service.
const OPERATION: u8 = 0x1f;

/// Transport service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Reliable connection.
    Rc,
    /// Unreliable connection.
    Uc,
    /// Reliable datagram.
    Rd,
    /// Unreliable datagram.
    Ud,
    /// Congestion notification.
    Cnp,
    /// Extended reliable connection.
    Xrc,
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
    /// RESYNC of a reliable datagram channel.
    Resync,
    /// FLUSH.
    Flush,
    /// ATOMIC WRITE.
    AtomicWrite,
    /// Congestion Notification Packet.
    Cnp,
}

impl Operation {
    /// Whether it answers data and carries none.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Operation::Acknowledge | Operation::Cnp)
    }
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
    /// Reliable datagram, [`super::rdeth`].
    Rdeth,
    /// Extended reliable connection, [`super::xrceth`].
    XrcEth,
    /// FLUSH, [`super::feth`].
    Feth,
}

impl Extension {
    /// Bytes on the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(self) -> usize {
        match self {
            Extension::Deth | Extension::AtomicAckEth => 8,
            Extension::Reth => 16,
            Extension::Aeth
            | Extension::ImmDt
            | Extension::Ieth
            | Extension::Rdeth
            | Extension::XrcEth
            | Extension::Feth => 4,
            Extension::AtomicEth => 28,
        }
    }
}

impl Opcode {
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
            2 => Service::Rd,
            3 => Service::Ud,
            5 => Service::Xrc,
            _ => Service::Cnp,
        }
    }

    /// What the packet is for.
    #[must_use]
    pub const fn operation(self) -> Operation {
        if matches!(self, O::Cnp) {
            return Operation::Cnp;
        }
        match self.value() & OPERATION {
            0x00..=0x05 | 0x16 | 0x17 => Operation::Send,
            0x06..=0x0b => Operation::Write,
            0x0c => Operation::ReadRequest,
            0x0d..=0x10 => Operation::ReadResponse,
            0x11 | 0x12 => Operation::Acknowledge,
            0x15 => Operation::Resync,
            0x1c => Operation::Flush,
            0x1d => Operation::AtomicWrite,
            _ => Operation::Atomic,
        }
    }

    /// Where the packet stands in its message.
    #[must_use]
    pub const fn position(self) -> Position {
        if matches!(self, O::Cnp) {
            return Position::Only;
        }
        match self.value() & OPERATION {
            0x00 | 0x06 | 0x0d => Position::First,
            0x01 | 0x07 | 0x0e => Position::Middle,
            0x02 | 0x03 | 0x08 | 0x09 | 0x0f | 0x16 => Position::Last,
            _ => Position::Only,
        }
    }

    /// The extension headers, in their order on the wire (IBTA Vol 1, 9.4 and Annexes A14 and A19).
    #[must_use]
    pub const fn extensions(self) -> &'static [Extension] {
        match self.service() {
            Service::Rc | Service::Uc => self.connected(),
            Service::Rd => self.reliable_datagram(),
            Service::Ud => match self {
                O::UdSendOnlyWithImmediate => &[Extension::Deth, Extension::ImmDt],
                _ => &[Extension::Deth],
            },
            Service::Xrc => self.extended(),
            Service::Cnp => &[],
        }
    }

    /// Of RC and UC.
    const fn connected(self) -> &'static [Extension] {
        use Extension::{Aeth, AtomicAckEth, AtomicEth, Feth, Ieth, ImmDt, Reth};
        match self.value() & OPERATION {
            0x03 | 0x05 | 0x09 => &[ImmDt],
            0x06 | 0x0a | 0x0c | 0x1d => &[Reth],
            0x0b => &[Reth, ImmDt],
            0x0d | 0x0f | 0x10 | 0x11 => &[Aeth],
            0x12 => &[Aeth, AtomicAckEth],
            0x13 | 0x14 => &[AtomicEth],
            0x16 | 0x17 => &[Ieth],
            0x1c => &[Feth, Reth],
            _ => &[],
        }
    }

    /// Of RD: an RDETH in every packet, a DETH in every request but FLUSH.
    const fn reliable_datagram(self) -> &'static [Extension] {
        use Extension::{Aeth, AtomicAckEth, AtomicEth, Deth, Feth, ImmDt, Rdeth, Reth};
        match self.value() & OPERATION {
            0x03 | 0x05 | 0x09 => &[Rdeth, Deth, ImmDt],
            0x06 | 0x0a | 0x0c => &[Rdeth, Deth, Reth],
            0x0b => &[Rdeth, Deth, Reth, ImmDt],
            0x0d | 0x0f | 0x10 | 0x11 => &[Rdeth, Aeth],
            0x0e => &[Rdeth],
            0x12 => &[Rdeth, Aeth, AtomicAckEth],
            0x13 | 0x14 => &[Rdeth, Deth, AtomicEth],
            0x1c => &[Rdeth, Feth, Reth],
            _ => &[Rdeth, Deth],
        }
    }

    /// Of XRC: an XRCETH before what RC has, in requests only.
    const fn extended(self) -> &'static [Extension] {
        use Extension::{AtomicEth, Feth, Ieth, ImmDt, Reth, XrcEth};
        match self.value() & OPERATION {
            0x03 | 0x05 | 0x09 => &[XrcEth, ImmDt],
            0x06 | 0x0a | 0x0c => &[XrcEth, Reth],
            0x0b => &[XrcEth, Reth, ImmDt],
            0x0d..=0x12 => self.connected(),
            0x13 | 0x14 => &[XrcEth, AtomicEth],
            0x16 | 0x17 => &[XrcEth, Ieth],
            0x1c => &[XrcEth, Feth, Reth],
            _ => &[XrcEth],
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

/// The most bytes that the extension headers of an opcode have: RDETH, DETH and AtomicETH.
pub const MAX_EXTENSIONS_LEN: usize = 40;

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
        assert!(len <= MAX_EXTENSIONS_LEN);
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
        // Reserved in every service, or not of that service.
        for value in [
            0x15, 0x18, 0x1e, 0x2c, 0x3c, 0x56, 0x60, 0x80, 0xb5, 0xb8, 0xbd, 0xc0, 0xff,
        ] {
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

    /// Values and headers as the kernel's `ib_pack.h` and soft-RoCE have them.
    #[test]
    fn services_and_operations_beyond_rocev2s_usual_ones() {
        use Extension::{Aeth, AtomicAckEth, AtomicEth, Deth, Feth, Ieth, ImmDt, Rdeth, Reth, XrcEth};
        let expected: [(u8, &str, &[Extension]); 22] = [
            (0x1c, "RC_FLUSH", &[Feth, Reth]),
            (0x1d, "RC_ATOMIC_WRITE", &[Reth]),
            (0x40, "RD_SEND_FIRST", &[Rdeth, Deth]),
            (0x43, "RD_SEND_LAST_WITH_IMMEDIATE", &[Rdeth, Deth, ImmDt]),
            (0x46, "RD_RDMA_WRITE_FIRST", &[Rdeth, Deth, Reth]),
            (0x4b, "RD_RDMA_WRITE_ONLY_WITH_IMMEDIATE", &[Rdeth, Deth, Reth, ImmDt]),
            (0x4d, "RD_RDMA_READ_RESPONSE_FIRST", &[Rdeth, Aeth]),
            (0x4e, "RD_RDMA_READ_RESPONSE_MIDDLE", &[Rdeth]),
            (0x51, "RD_ACKNOWLEDGE", &[Rdeth, Aeth]),
            (0x52, "RD_ATOMIC_ACKNOWLEDGE", &[Rdeth, Aeth, AtomicAckEth]),
            (0x54, "RD_FETCH_ADD", &[Rdeth, Deth, AtomicEth]),
            (0x55, "RD_RESYNC", &[Rdeth, Deth]),
            (0x5c, "RD_FLUSH", &[Rdeth, Feth, Reth]),
            (0xa0, "XRC_SEND_FIRST", &[XrcEth]),
            (0xa5, "XRC_SEND_ONLY_WITH_IMMEDIATE", &[XrcEth, ImmDt]),
            (0xaa, "XRC_RDMA_WRITE_ONLY", &[XrcEth, Reth]),
            (0xab, "XRC_RDMA_WRITE_ONLY_WITH_IMMEDIATE", &[XrcEth, Reth, ImmDt]),
            (0xae, "XRC_RDMA_READ_RESPONSE_MIDDLE", &[]),
            (0xb1, "XRC_ACKNOWLEDGE", &[Aeth]),
            (0xb3, "XRC_COMPARE_SWAP", &[XrcEth, AtomicEth]),
            (0xb7, "XRC_SEND_ONLY_WITH_INVALIDATE", &[XrcEth, Ieth]),
            (0xbc, "XRC_FLUSH", &[XrcEth, Feth, Reth]),
        ];
        for (value, name, extensions) in expected {
            let opcode = Opcode::from_u8(value).expect(name);
            assert_eq!((opcode.name(), opcode.extensions()), (name, extensions));
        }
        let len = |value: u8| Opcode::from_u8(value).map(Opcode::extensions_len);
        assert_eq!((len(0x53), len(0xb4), len(0x1c)), (Some(40), Some(32), Some(20)));
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

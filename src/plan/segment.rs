//! Cutting a message into packets (IBTA Vol 1, 9.4 and 9.7.2): positions, opcodes, lengths.
//!
//! Contract: pure arithmetic; `Message of L bytes = max(1, ⌈L/PMTU⌉) packets`.
//!
//! Left out on purpose: the draft's Appendix C, whose 0x0B for the last packet of a signalled
//! multi-packet WRITE is 0x09 on the wire.

use crate::pattern::{FrameOptions, Verb};

pub use crate::wire::opcode::Position;

/// Bytes of a MAC control frame without FCS (IEEE 802.3 clause 31.3: padded to the minimum).
pub const CONTROL_FRAME_LEN: u32 = 60;

impl Position {
    /// Position of the packet that begins `offset` bytes into a message of `len` bytes.
    #[must_use]
    pub const fn at(offset: u32, len: u32, pmtu: u32) -> Position {
        let rest = len - offset;
        match (offset == 0, rest <= pmtu) {
            (true, true) => Position::Only,
            (true, false) => Position::First,
            (false, true) => Position::Last,
            (false, false) => Position::Middle,
        }
    }

    /// Whether the message ends with this packet.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Position::Last | Position::Only)
    }

    /// Whether the message begins with this packet.
    #[must_use]
    pub const fn is_first(self) -> bool {
        matches!(self, Position::First | Position::Only)
    }
}

impl Verb {
    /// Whether it is an RDMA WRITE.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Verb::Put | Verb::PutWithSignal)
    }

    /// Whether it is an RDMA READ: packets are its responses.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Verb::Read)
    }

    /// Whether the last packet carries immediate data.
    #[must_use]
    pub const fn has_immediate(self) -> bool {
        matches!(self, Verb::PutWithSignal | Verb::SendWithImmediate)
    }

    /// Whether a message takes a receive work request at the responder.
    #[must_use]
    pub const fn takes_receive(self) -> bool {
        !matches!(self, Verb::Put | Verb::Read)
    }

    /// RC opcode of a packet (IBTA Vol 1, table 38).
    #[must_use]
    pub const fn opcode(self, position: Position) -> u8 {
        if self.is_read() {
            return match position {
                Position::First => 0x0d,
                Position::Middle => 0x0e,
                Position::Last => 0x0f,
                Position::Only => 0x10,
            };
        }
        let base = if self.is_write() { 0x06 } else { 0x00 };
        base + match (position, self.has_immediate()) {
            (Position::First, _) => 0,
            (Position::Middle, _) => 1,
            (Position::Last, false) => 2,
            (Position::Last, true) => 3,
            (Position::Only, false) => 4,
            (Position::Only, true) => 5,
        }
    }

    /// Whether the packet says how far the responder is: all READ responses but Middle ones do.
    #[must_use]
    pub const fn has_aeth(self, position: Position) -> bool {
        self.is_read() && !matches!(position, Position::Middle)
    }

    /// Bytes of the extension headers behind the BTH.
    #[must_use]
    pub const fn extension_len(self, position: Position) -> u32 {
        let reth = if self.is_write() && position.is_first() { 16 } else { 0 };
        let immdt = if self.has_immediate() && position.is_last() {
            4
        } else {
            0
        };
        reth + immdt + if self.has_aeth(position) { 4 } else { 0 }
    }
}

/// Packets of a message of `len` bytes.
#[must_use]
pub const fn packets(len: u64, pmtu: u32) -> u64 {
    let packets = len.div_ceil(pmtu as u64);
    if packets == 0 { 1 } else { packets }
}

impl FrameOptions {
    /// Bytes from the Ethernet header to the end of the BTH.
    #[must_use]
    pub fn header_len(&self) -> u32 {
        let tags = u32::try_from(self.vlan.len()).unwrap_or(2) * 4;
        14 + tags + if self.ipv6 { 40 } else { 20 } + 8 + 12
    }

    /// Bytes of a frame without its FCS.
    #[must_use]
    pub fn frame_len(&self, verb: Verb, position: Position, payload_len: u32) -> u32 {
        self.header_len() + verb.extension_len(position) + payload_len.next_multiple_of(4) + 4
    }

    /// Bytes of a READ request without its FCS: a RETH and no payload.
    #[must_use]
    pub fn read_request_len(&self) -> u32 {
        self.header_len() + 16 + 4
    }

    /// Bytes of the largest frame without its FCS that these options allow.
    #[must_use]
    pub fn max_frame_len(&self) -> usize {
        self.frame_len(Verb::PutWithSignal, Position::Only, self.pmtu) as usize
    }

    /// Frames' bytes, without FCS, of a whole message of `len` bytes.
    #[must_use]
    pub fn message_frame_bytes(&self, verb: Verb, len: u64) -> u64 {
        let n = packets(len, self.pmtu);
        let extensions = if n == 1 {
            verb.extension_len(Position::Only)
        } else {
            verb.extension_len(Position::First) + verb.extension_len(Position::Last)
        };
        n * u64::from(self.header_len() + 4) + u64::from(extensions) + len.next_multiple_of(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RULES.md "Sizes at PMTU 4096" and "Opcodes".
    #[test]
    fn sizes_and_opcodes_are_those_of_the_rules() {
        let v4 = FrameOptions::default();
        let put = Verb::PutWithSignal;
        assert_eq!(v4.frame_len(put, Position::First, 4096), 4170);
        assert_eq!(v4.frame_len(put, Position::Only, 4096), 4174);
        assert_eq!(v4.frame_len(put, Position::Middle, 4096), 4154);
        assert_eq!(v4.frame_len(put, Position::Last, 4096), 4158);
        assert_eq!(v4.message_frame_bytes(put, 65536), 66484);
        let v6 = FrameOptions {
            ipv6: true,
            ..FrameOptions::default()
        };
        assert_eq!(v6.frame_len(Verb::Put, Position::First, 4096), 4190);
        let opcodes =
            |verb: Verb| [Position::First, Position::Middle, Position::Last, Position::Only].map(|p| verb.opcode(p));
        assert_eq!(opcodes(Verb::Put), [0x06, 0x07, 0x08, 0x0a]);
        assert_eq!(opcodes(put), [0x06, 0x07, 0x09, 0x0b]);
        assert_eq!(opcodes(Verb::Send), [0x00, 0x01, 0x02, 0x04]);
        assert_eq!(opcodes(Verb::SendWithImmediate), [0x00, 0x01, 0x03, 0x05]);
        assert_eq!(opcodes(Verb::Read), [0x0d, 0x0e, 0x0f, 0x10]);
        assert_eq!(
            [Position::First, Position::Middle, Position::Last].map(|p| v4.frame_len(Verb::Read, p, 4096)),
            [4158, 4154, 4158]
        );
        assert_eq!(v4.read_request_len(), 74);
    }

    #[test]
    fn a_message_is_cut_into_ceil_packets() {
        for (len, pmtu, n) in [(1, 256, 1), (256, 256, 1), (257, 256, 2), (1 << 31, 4096, 1 << 19)] {
            assert_eq!(packets(len, pmtu), n);
        }
        assert_eq!(Position::at(0, 4097, 4096), Position::First);
        assert_eq!(Position::at(4096, 4097, 4096), Position::Last);
        assert_eq!(Position::at(4096, 8193, 4096), Position::Middle);
        assert_eq!(Position::at(0, 4096, 4096), Position::Only);
    }
}

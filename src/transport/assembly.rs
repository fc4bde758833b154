//! What of a peer's message has come, and whether the next packet of it is one that the specification allows.
//!
//! Contract: packets are looked at in the order of their PSNs; one that is not taken changes nothing.
//!
//! Source: IBTA Vol 1, 9.7.4.1 (validation of requests: opcode sequence, length, R_Key).
//!
//! Left out on purpose: which packet is expected (`responder`), and bounds of memory: payload of peers goes nowhere.

use crate::plan::segment::Position;
use crate::wire::aeth::NakCode;

/// What of a request packet counts for its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it stands in the message.
    pub position: Position,
    /// It is an RDMA WRITE, else a SEND.
    pub writes: bool,
    /// Payload bytes.
    pub len: u32,
    /// R_Key and DMA length, where it has them.
    pub region: Option<(u32, u32)>,
}

/// What the responder wants of a peer's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Payload bytes of a full packet.
    pub pmtu: u32,
    /// The R_Key that WRITEs must have.
    pub rkey: u32,
}

/// The message of a peer that is under way, if one is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Assembly {
    /// It is an RDMA WRITE.
    writes: bool,
    /// Bytes that a WRITE has still to bring.
    left: u32,
}

impl Assembly {
    /// What is wrong with the next packet, if anything is.
    #[must_use]
    pub fn fault(&self, wanted: &Wanted, part: &Part) -> Option<NakCode> {
        let full = part.len == wanted.pmtu;
        let length_is_right = match part.position {
            Position::First | Position::Middle => full,
            Position::Last => (1..=wanted.pmtu).contains(&part.len),
            Position::Only => part.len <= wanted.pmtu,
        };
        let begins = part.position.is_first();
        if !length_is_right || !begins && part.writes != self.writes {
            return Some(NakCode::InvalidRequest);
        }
        if !part.writes {
            return None;
        }
        let left = match (begins, part.region) {
            (false, _) => self.left,
            // A request of no bytes has no region to be looked at.
            (true, Some((rkey, dma_len))) if dma_len > 0 && rkey != wanted.rkey => {
                return Some(NakCode::RemoteAccess);
            }
            (true, Some((_, dma_len))) => dma_len,
            (true, None) => return Some(NakCode::InvalidRequest),
        };
        let is_right = if part.position.is_last() {
            left == part.len
        } else {
            left > part.len
        };
        (!is_right).then_some(NakCode::InvalidRequest)
    }

    /// The packet is taken.
    pub fn take(&mut self, part: &Part) {
        if part.position.is_first() {
            self.writes = part.writes;
            self.left = part.region.map_or(0, |(_, dma_len)| dma_len);
        }
        self.left = self.left.saturating_sub(part.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted {
        pmtu: 1024,
        rkey: 0x1234,
    };

    fn write(position: Position, len: u32, region: Option<(u32, u32)>) -> Part {
        Part {
            position,
            writes: true,
            len,
            region,
        }
    }

    fn send(position: Position, len: u32) -> Part {
        Part {
            writes: false,
            ..write(position, len, None)
        }
    }

    /// The fault of the last of these packets, those before it being taken.
    fn fault(parts: &[Part]) -> Option<NakCode> {
        let mut assembly = Assembly::default();
        let (last, before) = parts.split_last().unwrap();
        for part in before {
            assert_eq!(assembly.fault(&WANTED, part), None, "{part:?}");
            assembly.take(part);
        }
        assembly.fault(&WANTED, last)
    }

    use Position::{First, Last, Middle, Only};

    #[test]
    fn messages_that_are_right_are_taken() {
        let region = Some((0x1234, 2100));
        let first = write(First, 1024, region);
        assert_eq!(fault(&[first, write(Middle, 1024, None), write(Last, 52, None)]), None);
        assert_eq!(fault(&[write(Only, 0, Some((0, 0)))]), None);
        assert_eq!(fault(&[send(First, 1024), send(Middle, 1024), send(Last, 1)]), None);
        assert_eq!(fault(&[send(Only, 0)]), None);
    }

    #[test]
    fn lengths_that_no_message_has_are_invalid() {
        let invalid = Some(NakCode::InvalidRequest);
        let first = write(First, 1024, Some((0x1234, 2100)));
        for parts in [
            &[write(First, 1000, Some((0x1234, 2100)))][..],
            &[first, write(Last, 1024, None)],
            &[first, write(Middle, 1024, None), write(Middle, 1024, None)],
            &[first, write(Middle, 1024, None), write(Last, 53, None)],
            &[write(Only, 8, Some((0x1234, 12)))],
            &[write(Only, 1025, Some((0x1234, 1025)))],
            &[write(Only, 8, None)],
            &[send(First, 1024), send(Last, 0)],
            &[send(First, 1024), write(Last, 8, None)],
        ] {
            assert_eq!(fault(parts), invalid, "{parts:?}");
        }
    }

    #[test]
    fn another_region_may_not_be_written_to() {
        let other = write(Only, 8, Some((0x1235, 8)));
        assert_eq!(fault(&[other]), Some(NakCode::RemoteAccess));
    }
}

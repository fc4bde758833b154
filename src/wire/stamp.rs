//! The frame stamp: what squall writes at the beginning of every payload of 24 bytes or more.
//!
//! ```text
//!  0               4               8                              16                             24
//! | magic         | message number | sequence number              | departure, ps since the start |
//! ```
//!
//! All fields are big-endian. The sequence number's low 24 bits are the PSN, so that the two are
//! patched, and checked, together. The magic word is the run's own, so that frames of another run are told from
//! one's own.
//!
//! Left out on purpose: anything that a switch may change, and any secret.

use crate::units::Picos;

/// A run's own word, with which all of its stamps begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Magic(u32);

impl Magic {
    /// The word of a well-mixed number.
    #[must_use]
    pub const fn new(number: u64) -> Magic {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both halves are folded into the lower one"
        )]
        let folded = (number ^ (number >> 32)) as u32;
        Magic(folded)
    }

    /// The word with which `payload` begins, of whichever run; `None` when it is too short for a stamp.
    #[must_use]
    pub fn of(payload: &[u8]) -> Option<Magic> {
        let stamp: &[u8; LEN] = payload.first_chunk()?;
        stamp.first_chunk().map(|word| Magic(u32::from_be_bytes(*word)))
    }

    /// Its bytes on the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

/// Bytes of a stamp.
pub const LEN: usize = 24;

/// Offsets within the stamp.
pub(super) mod at {
    pub const NUMBER: usize = 4;
    pub const SEQUENCE: usize = 8;
    pub const DEPARTURE: usize = 16;
}

/// A stamp's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the message (of the dispatch, for `alltoall`).
    pub number: u32,
    /// Sequence number of the packet within its flow; the low 24 bits are the PSN.
    pub seq: u64,
    /// Departure since the start of the run.
    pub departure: Picos,
}

impl Stamp {
    /// Reads the stamp of the run with this `magic` at the beginning of `payload`, if there is one.
    #[inline]
    #[must_use]
    pub fn parse(payload: &[u8], magic: Magic) -> Option<Stamp> {
        let stamp: &[u8; LEN] = payload.first_chunk()?;
        let word = |at: usize| u32::from_be_bytes([stamp[at], stamp[at + 1], stamp[at + 2], stamp[at + 3]]);
        let long = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 4));
        (word(0) == magic.0).then(|| Stamp {
            number: word(at::NUMBER),
            seq: long(at::SEQUENCE),
            departure: Picos(long(at::DEPARTURE)),
        })
    }
}

//! What the responders of an entry have done, as sums.
//!
//! Contract: plain counters.

use crate::wire::aeth::{Meaning, NakCode};

/// What the responders of an entry have done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// Request packets that came again after they were taken.
    pub duplicates: u64,
    /// Request packets that came while others before them were missing: dropped.
    pub out_of_sequence: u64,
    /// Request packets that the receiver was not ready for: dropped.
    pub not_ready: u64,
    /// Request packets that could not follow the one before: dropped.
    pub invalid: u64,
    /// Bytes without FCS of all these, but for copies.
    pub dropped_bytes: u64,
    /// Of all that arrived, further copies of one transmission: the network made them, not the requester.
    pub copies: u64,
    /// ACKs to send.
    pub acks: u64,
    /// NAKs to send for a PSN sequence error.
    pub naks: u64,
    /// RNR NAKs to send.
    pub rnr_naks: u64,
    /// NAKs to send that end a QP.
    pub errors: u64,
    /// CNPs to send.
    pub cnps: u64,
    /// READ requests taken, those that came again included.
    pub requests: u64,
    /// READ requests that came again after they were taken.
    pub requests_again: u64,
    /// READ requests that came while others before them were missing, or that may not be: dropped.
    pub requests_refused: u64,
}

impl Answered {
    /// Transmissions that arrived and were not taken.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        (self.duplicates + self.out_of_sequence + self.not_ready + self.invalid).saturating_sub(self.copies)
    }

    /// Adds what another core has counted.
    pub fn add(&mut self, other: &Answered) {
        self.duplicates += other.duplicates;
        self.out_of_sequence += other.out_of_sequence;
        self.not_ready += other.not_ready;
        self.invalid += other.invalid;
        self.dropped_bytes += other.dropped_bytes;
        self.copies += other.copies;
        self.acks += other.acks;
        self.naks += other.naks;
        self.rnr_naks += other.rnr_naks;
        self.errors += other.errors;
        self.cnps += other.cnps;
        self.requests += other.requests;
        self.requests_again += other.requests_again;
        self.requests_refused += other.requests_refused;
    }

    /// Counts an acknowledgement to send.
    pub(super) fn count(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Ack { .. } => self.acks += 1,
            Meaning::Nak(NakCode::PsnSequence) => self.naks += 1,
            Meaning::RnrNak { .. } => self.rnr_naks += 1,
            Meaning::Nak(_) | Meaning::Reserved => self.errors += 1,
        }
    }
}

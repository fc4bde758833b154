//! Sending state of one QP.
//!
//! Contract: 64 bytes, a cache line; with `measure::flow` at most 256. A QP's messages are begun in the order of their numbers.
//!
//! Left out on purpose: whose turn it is (see `lane`).

use crate::pattern::Entropy;
use crate::plan::{EntryPlan, mix};

/// Sending state of one QP: a cache line.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub struct TxFlow {
    /// Sequence number of the next packet; its low 24 bits are the PSN.
    pub seq: u64,
    /// Virtual address of the current message.
    pub va: u64,
    /// CRC register of the flow's own header bytes (`wire::template` owns it).
    pub register: u32,
    /// ICRC of the next packet, if it is a Middle one, but for AckReq and time (ditto).
    pub middle_base: u32,
    /// Destination QPN.
    pub qpn: u32,
    /// Number of the current message.
    pub number: u32,
    /// Bytes of the current message.
    pub message_len: u32,
    /// Bytes of it that were sent.
    pub offset: u32,
    /// Messages whose last packet was taken.
    pub messages: u32,
    /// Messages released and not begun.
    pub(super) pending: u32,
    /// The lane's pair that this QP belongs to.
    pub pair: u32,
    /// Messages that the QP has completed with the current one: of READ responses, MSN.
    pub msn: u32,
    /// UDP source port of the current message.
    pub source_port: u16,
    pub(super) active: bool,
    /// `middle_base` is that packet's.
    pub has_base: bool,
}

impl TxFlow {
    /// Whether its next packet is a Middle one.
    #[inline(always)]
    #[must_use]
    pub fn is_in_the_middle(&self, pmtu: u32) -> bool {
        self.offset != 0 && self.offset + pmtu < self.message_len
    }

    /// Its next packet, a Middle one, was taken.
    #[inline(always)]
    pub fn advance(&mut self, pmtu: u32) {
        self.seq += 1;
        self.offset += pmtu;
    }
}

/// The message that QP `qp` of `pair` sends after number `after`: its number, its place in the buffer, and its length.
pub(super) fn next_message(entry: &EntryPlan, lane: u32, pair: u32, qp: u32, after: u32) -> (u32, u64, u32) {
    let mut number = after.wrapping_add(1);
    loop {
        // Dispatches in which this QP has no token carry no message for it.
        if let Some((place, len)) = entry.work.message(lane, pair, entry.deal(), qp, number) {
            return (number, place, len);
        }
        number = number.wrapping_add(1);
    }
}

/// Begins the next message of a QP, the `flow_index`-th of `lane`.
pub(super) fn start_message(flow: &mut TxFlow, entry: &EntryPlan, lane: u32, flow_index: u32, seed: u64) {
    let qp = flow_index % entry.qps;
    let (number, place, len) = next_message(entry, lane, flow.pair, qp, flow.number);
    flow.number = number;
    flow.msn = number.wrapping_add(1);
    flow.message_len = len;
    flow.offset = 0;
    flow.has_base = false;
    flow.va = entry.frame.va.wrapping_add(place);
    if entry.frame.entropy == Entropy::PerMessage {
        let first = entry.lanes[lane as usize].first_pair * entry.qps;
        let flow_number = entry.first_flow + first + flow_index;
        flow.source_port = source_port(Entropy::PerMessage, seed, flow_number, 0, u64::from(flow.number));
    }
}

/// Goes on with a message of a QP that was begun before, at an offset: `(number, offset)`.
pub(super) fn resume_message(
    flow: &mut TxFlow,
    entry: &EntryPlan,
    lane: u32,
    flow_index: u32,
    seed: u64,
    (number, offset): (u32, u32),
) {
    flow.number = number.wrapping_sub(1);
    start_message(flow, entry, lane, flow_index, seed);
    flow.offset = offset;
}

/// UDP source port (RoCEv2 annex A17.9.1: entropy): hashed ones stay within 0xC000…0xFFFF, where
/// Linux puts them.
#[expect(clippy::cast_possible_truncation, reason = "a hash is cut to 14 bits on purpose")]
#[must_use]
pub fn source_port(entropy: Entropy, seed: u64, flow: u32, index_in_entry: u32, varying: u64) -> u16 {
    match entropy {
        Entropy::PerQp | Entropy::PerMessage | Entropy::PerPacket => {
            0xc000 | (mix(mix(seed ^ u64::from(flow)) ^ varying) as u16 & 0x3fff)
        }
        Entropy::Fixed(port) => port,
        Entropy::Range(low, high) => {
            let width = u32::from(high - low) + 1;
            low + (index_in_entry % width) as u16
        }
    }
}

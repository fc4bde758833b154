//! Lanes whose messages are READs: they send requests, and what they ask for comes to their own worker.
//!
//! Contract: as of `answered`. A request takes as many sequence numbers as it has responses (IBTA Vol 1, 9.4.4); a response in
//! turn acknowledges itself, and one that comes before its turn says that those before it are lost (9.7.5.1). What is asked for
//! again begins with the first byte that is missing.
//!
//! Left out on purpose: responses (`serving`).

use super::{Due, Lane, Role};
use crate::plan::EntryPlan;
use crate::plan::feed::Sizes;
use crate::plan::segment::{Position, packets};
use crate::transport::flow::start_message;
use crate::transport::reliable::{Asking, Reliable, Reply};
use crate::transport::requester::{LARGEST_WINDOW, Step};
use crate::units::{Picos, WIRE_OVERHEAD, psn_of};
use crate::wire::aeth::{Meaning, NakCode};

impl Lane {
    /// Whether it asks for its messages.
    #[inline]
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(self.role, Role::Asks)
    }

    /// Whether it sends only what it is asked for.
    #[inline]
    #[must_use]
    pub fn serves(&self) -> bool {
        matches!(self.role, Role::Serves(_))
    }

    /// How long messages took that it asked for and that have come whole since the last call: from the departure of the first
    /// request to the arrival of the last response.
    pub fn take_read_times(&mut self) -> impl Iterator<Item = Picos> + '_ {
        let asking = self.reliable.as_mut().and_then(|reliable| reliable.asking.as_mut());
        asking.into_iter().flat_map(|asking| asking.took.drain(..))
    }

    /// What a reply means to a QP that asks.
    pub(super) fn heard_by_asker(reliable: &mut Reliable, flow_index: u32, reply: Reply, now: Picos) -> Step {
        let Some(qp) = reliable.qps.get_mut(flow_index as usize) else {
            return Step::Nothing;
        };
        let settings = &reliable.settings;
        let missing = psn_of(qp.requester.acked());
        const TAKEN: Meaning = Meaning::Ack { credit_code: 31 };
        let step = match reply {
            Reply::Response { psn, lost: false, .. } => return qp.requester.on_reply(settings, TAKEN, psn, now),
            Reply::Response { lost: true, .. } => {
                reliable.counts.gaps += 1;
                let lost = Meaning::Nak(NakCode::PsnSequence);
                return qp.requester.on_reply(settings, lost, missing, now);
            }
            // Only responses acknowledge READs.
            Reply::Acknowledge {
                meaning: Meaning::Ack { .. },
                ..
            } => Step::Nothing,
            // A refusal acknowledges no response that has not come.
            Reply::Acknowledge { meaning, .. } => qp.requester.on_reply(settings, meaning, missing, now),
            Reply::Cnp | Reply::Read(_) => return Step::Nothing,
        };
        if let Reply::Acknowledge { meaning, .. } = reply {
            reliable.heard(meaning);
        }
        step
    }

    /// Makes the next request of a QP: for a message, or for what is missing of one. Its [`Due::payload_len`] is what it asks
    /// for.
    pub(super) fn request(&mut self, entry: &EntryPlan, seed: u64, flow_index: u32) -> Due {
        let flow = &mut self.flows[flow_index as usize];
        if flow.offset == flow.message_len {
            flow.pending -= 1;
            start_message(flow, entry, self.index, flow_index, seed);
        }
        let wanted = flow.message_len - flow.offset;
        let seq = flow.seq;
        flow.seq += packets(u64::from(wanted), entry.frame.pmtu);
        flow.offset = flow.message_len;
        Due {
            flow: flow_index,
            position: Position::Only,
            payload_len: wanted,
            frame_len: entry.frame.read_request_len(),
            seq,
            ack_req: true,
        }
    }

    /// The request `due` leaves at `at`: the next is due when its responses have had their time on the wire.
    pub(super) fn asked(&mut self, entry: &EntryPlan, due: &Due, at: Picos) {
        let wanted = u64::from(due.payload_len);
        let responses = packets(wanted, entry.frame.pmtu);
        let bytes = entry.frame.message_frame_bytes(entry.verb, wanted) + (responses - 1) * WIRE_OVERHEAD;
        self.pacer.left(at, u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

/// Packets of the longest message of an entry.
pub(super) fn longest(entry: &EntryPlan) -> u64 {
    let of = |sizes: &Sizes| packets(u64::from(sizes.message.max(sizes.last)), entry.frame.pmtu);
    // What has no sizes does not ask.
    entry.work.sizes().map_or(0, of)
}

/// Whether a QP may ask for another message, if it asks for them.
pub(super) fn may_ask(reliable: &Reliable, flow_index: u32) -> bool {
    let Some(Asking { longest, .. }) = &reliable.asking else {
        return true;
    };
    let qp = &reliable.qps[flow_index as usize];
    let outstanding = qp.requester.high() - qp.requester.acked();
    // Half of the PSN space is the most, however long a message is.
    let fits = outstanding == 0 || outstanding + longest <= u64::from(LARGEST_WINDOW);
    fits && qp.begun.wrapping_sub(qp.done) < u32::from(reliable.settings.max_rd_atomic)
}

//! What both ends of READs make of what comes: of requests the worker that holds the data, of responses the one that asked.
//!
//! Contract: as of `answering`. Responses are taken in order; the first that comes before its turn says that others are lost.
//!
//! Left out on purpose: what is asked for when (`transport`), and where payload goes.

use super::{Answering, Arrived, Place};
use crate::plan::Plan;
use crate::plan::segment::packets;
use crate::transport::reads::Read;
use crate::transport::reliable::{Reply, Told};
use crate::transport::responder::{Request, Verdict};
use crate::units::psn_of;
use crate::wire::aeth::NakCode;
use crate::wire::reth;

/// What is known of a QP whose messages are READs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The sequence number of the first request.
    first: u64,
    /// The sequence number of the next request.
    next: u64,
    /// The requester knows that responses are lost.
    told: bool,
}

/// By flow; nothing where no messages are READs.
pub(super) fn ends(plan: &Plan) -> Vec<Ends> {
    if !plan.entries.iter().any(|entry| entry.verb.is_read()) {
        return Vec::new();
    }
    let mut ends = Vec::with_capacity(plan.flows() as usize);
    for entry in &plan.entries {
        let of = |index: u32| {
            let first = u64::from(entry.first_psn(index));
            Ends {
                first,
                next: first,
                told: false,
            }
        };
        ends.extend((0..entry.flows()).map(of));
    }
    ends
}

impl Answering {
    /// Whether the messages of `entry` are READs.
    #[inline]
    #[must_use]
    pub fn reads(&self, entry: usize) -> bool {
        self.places
            .get(entry)
            .is_some_and(|place| place.as_ref().is_some_and(|place| place.reads.is_some()))
    }

    /// What becomes of a response that came to its flow, `expected` being the sequence number of the next one.
    pub(super) fn on_response(&mut self, entry: usize, arrived: &Arrived<'_>, expected: u64, pair: u32) -> Verdict {
        let Some(ends) = self.ends.get_mut(arrived.flow as usize) else {
            return Verdict::Invalid;
        };
        let (counts, at) = (&mut self.counts[entry], arrived.arrival);
        let (verdict, reply) = match arrived.seq.cmp(&expected) {
            std::cmp::Ordering::Less => {
                counts.duplicates += 1;
                (Verdict::Duplicate, None)
            }
            std::cmp::Ordering::Equal => {
                ends.told = false;
                let psn = psn_of(arrived.seq);
                (Verdict::Taken, Some(Reply::Response { psn, lost: false, at }))
            }
            std::cmp::Ordering::Greater => {
                counts.out_of_sequence += 1;
                let psn = psn_of(expected);
                let first = !std::mem::replace(&mut ends.told, true);
                (
                    Verdict::OutOfSequence,
                    first.then_some(Reply::Response { psn, lost: true, at }),
                )
            }
        };
        if let (Some(reply), Some(Some(place))) = (reply, self.places.get(entry)) {
            self.replies.push(place.tells(entry, arrived.flow, reply));
        }
        if arrived.packet.ecn() & 3 == 3 {
            self.on_mark((entry, arrived.flow, pair), arrived.arrival);
        }
        verdict
    }

    /// A READ request for `flow`, whose entry and pair over all entries are known, came to `port`: whether it belongs there.
    /// `number` says the message of a sequence number.
    pub fn on_read(
        &mut self,
        (entry, flow, pair): (usize, u32, u32),
        port: usize,
        (psn, asked): (u32, reth::Repr),
        number: impl Fn(u64) -> Option<u32>,
    ) -> bool {
        let (Some(Some(place)), Some(ends)) = (self.places.get(entry), self.ends.get_mut(flow as usize)) else {
            return false;
        };
        let Some(reads) = place
            .reads
            .filter(|_| self.reply_port.get(pair as usize) == Some(&port))
        else {
            return false;
        };
        let Some(responder) = self.responders.get_mut(flow as usize) else {
            return false;
        };
        // One from before the first is none of this connection's.
        let Some(seq) = near(psn, ends.next).filter(|seq| *seq >= ends.first) else {
            return false;
        };
        let end = seq + packets(u64::from(asked.dma_len), reads.pmtu);
        let request = Request {
            seq,
            first: true,
            last: true,
            ack_req: false,
            receives: false,
            fault: reads.fault(&asked),
        };
        let (verdict, answer) = responder.on_request(&place.rc, ends.next, &request);
        let counts = &mut self.counts[entry];
        // Responses acknowledge themselves.
        let refusal = answer.filter(|_| matches!(verdict, Verdict::OutOfSequence | Verdict::Invalid));
        if let Some(answer) = refusal {
            counts.count(answer.meaning);
            let number = u16::try_from(entry).unwrap_or(u16::MAX);
            self.answers.push(place.owes(number, flow, Some(answer)));
        }
        match verdict {
            Verdict::Taken => ends.next = end,
            Verdict::Duplicate => counts.requests_again += 1,
            Verdict::OutOfSequence | Verdict::NotReady | Verdict::Invalid => {
                counts.requests_refused += 1;
                return true;
            }
        }
        counts.requests += 1;
        let msn = responder.completed();
        let read = Read {
            seq,
            end,
            number: number(seq).unwrap_or(msn.wrapping_sub(1)),
            msn,
            va: asked.va,
            len: asked.dma_len,
        };
        self.replies.push(place.tells(entry, flow, Reply::Read(read)));
        true
    }
}

/// What READs of an entry may ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub pmtu: u32,
    pub rkey: u32,
}

impl Region {
    /// What is wrong with a request, if anything is. A request of no bytes has no region to be looked at.
    fn fault(self, asked: &reth::Repr) -> Option<NakCode> {
        if asked.dma_len > reth::MAX_DMA_LEN {
            return Some(NakCode::InvalidRequest);
        }
        (asked.dma_len > 0 && asked.rkey != self.rkey).then_some(NakCode::RemoteAccess)
    }
}

impl Place {
    pub(super) fn tells(&self, entry: usize, flow: u32, reply: Reply) -> Told {
        let (pair, qp) = self.of(flow);
        Told {
            entry: u16::try_from(entry).unwrap_or(u16::MAX),
            pair,
            qp,
            reply,
        }
    }
}

/// The sequence number nearest to `next` that a PSN may stand for; none below zero.
fn near(psn: u32, next: u64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, reason = "the low 24 bits are wanted")]
    let ahead = psn.wrapping_sub(next as u32) & 0x00ff_ffff;
    let distance = i64::from(ahead) - if ahead >= 1 << 23 { 1 << 24 } else { 0 };
    next.checked_add_signed(distance)
}

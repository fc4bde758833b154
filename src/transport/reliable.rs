//! A lane whose QPs are reliable connections: which of them sends next, again or for the first time, and when.
//!
//! Contract: beside each [`TxFlow`](super::flow::TxFlow), which is the place where a QP stands in its messages, stands a
//! [`Requester`]; where its sequence number lies before [`Requester::high`], packets are sent again. Messages are found again
//! by their numbers, so nothing is stored for each of them. Rates are evaluated when a packet is due; no QP has a timer of its
//! own.
//!
//! Left out on purpose: header bytes, and the cutting of messages (`lane`).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::pattern::transport::Rc;
use crate::transport::dcqcn::{Change, Parameters, ReactionPoint};
use crate::transport::reads::Read;
use crate::transport::requester::{Failure, Requester};
use crate::units::{BitRate, Picos, WIRE_OVERHEAD};
use crate::wire::aeth::{Meaning, NakCode};

/// What a received frame says to a requester.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// An ACK, NAK or RNR NAK.
    Acknowledge {
        /// What its syndrome says.
        meaning: Meaning,
        /// Its PSN.
        psn: u32,
    },
    /// A CNP.
    Cnp,
    /// A response to a READ.
    Response {
        /// Its PSN; where some are lost, that of the first of them.
        psn: u32,
        /// It came before its turn.
        lost: bool,
        /// Its arrival.
        at: Picos,
    },
    /// A READ that is to be answered.
    Read(Read),
}

impl Reply {
    /// Whether it is for the end that sends READs' data, and not for the one that asks for them.
    #[must_use]
    pub fn is_for_holder(&self) -> bool {
        matches!(self, Reply::Cnp | Reply::Read(_))
    }
}

/// A reply and the QP that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Entry.
    pub entry: u16,
    /// Pair within the entry.
    pub pair: u32,
    /// QP within the pair.
    pub qp: u32,
    /// What it says.
    pub reply: Reply,
}

/// What the requesters of a lane, or of many, have done and heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets sent again.
    pub resent_packets: u64,
    /// Payload bytes of them.
    pub resent_bytes: u64,
    /// READ requests sent, for the first time or again.
    pub read_requests: u64,
    /// Those of them that were sent again, for a whole message or the rest of one.
    pub read_requests_again: u64,
    /// Responses that came before their turn and said that others are lost, the first of each gap.
    pub gaps: u64,
    /// ACKs heard.
    pub acks: u64,
    /// NAKs heard for a PSN sequence error.
    pub naks: u64,
    /// RNR NAKs heard.
    pub rnr_naks: u64,
    /// NAKs heard that end a QP.
    pub errors: u64,
    /// CNPs heard.
    pub cnps: u64,
    /// Local ACK timeouts.
    pub timeouts: u64,
    /// Times that a CNP lowered a rate.
    pub cuts: u64,
    /// Messages acknowledged whole.
    pub messages: u64,
    /// Payload bytes of them.
    pub bytes: u64,
    /// Messages released and not acknowledged, of QPs in the error state.
    pub flushed: u64,
    /// QPs in the error state, by [`Failure`].
    pub failed: [u64; Failure::ALL.len()],
}

impl Counts {
    /// Adds `other`.
    pub fn add(&mut self, other: &Counts) {
        self.resent_packets += other.resent_packets;
        self.resent_bytes += other.resent_bytes;
        self.read_requests += other.read_requests;
        self.read_requests_again += other.read_requests_again;
        self.gaps += other.gaps;
        self.acks += other.acks;
        self.naks += other.naks;
        self.rnr_naks += other.rnr_naks;
        self.errors += other.errors;
        self.cnps += other.cnps;
        self.timeouts += other.timeouts;
        self.cuts += other.cuts;
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.flushed += other.flushed;
        for (mine, theirs) in self.failed.iter_mut().zip(other.failed) {
            *mine += theirs;
        }
    }

    /// What came since `before`.
    #[must_use]
    pub fn since(&self, before: &Counts) -> Counts {
        let mut since = Counts {
            resent_packets: self.resent_packets.saturating_sub(before.resent_packets),
            resent_bytes: self.resent_bytes.saturating_sub(before.resent_bytes),
            read_requests: self.read_requests.saturating_sub(before.read_requests),
            read_requests_again: self.read_requests_again.saturating_sub(before.read_requests_again),
            gaps: self.gaps.saturating_sub(before.gaps),
            acks: self.acks.saturating_sub(before.acks),
            naks: self.naks.saturating_sub(before.naks),
            rnr_naks: self.rnr_naks.saturating_sub(before.rnr_naks),
            errors: self.errors.saturating_sub(before.errors),
            cnps: self.cnps.saturating_sub(before.cnps),
            timeouts: self.timeouts.saturating_sub(before.timeouts),
            cuts: self.cuts.saturating_sub(before.cuts),
            messages: self.messages.saturating_sub(before.messages),
            bytes: self.bytes.saturating_sub(before.bytes),
            flushed: self.flushed.saturating_sub(before.flushed),
            failed: self.failed,
        };
        for (mine, theirs) in since.failed.iter_mut().zip(before.failed) {
            *mine = mine.saturating_sub(theirs);
        }
        since
    }
}

/// The oldest message of a QP that is not acknowledged whole, once it is begun.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Oldest {
    /// Its number.
    pub number: u32,
    /// Bytes of it.
    pub len: u32,
    /// Sequence number of its first packet.
    pub start: u64,
    /// The sequence number after its last packet.
    pub end: u64,
}

/// One QP.
#[derive(Debug, Clone, Copy)]
pub struct Qp {
    /// What is acknowledged and what is sent again.
    pub requester: Requester,
    /// Its rate; without congestion control nothing changes it.
    pub rate: ReactionPoint,
    /// The message done last while `done == begun`.
    pub(super) oldest: Oldest,
    /// Packets sent, for the first time or again.
    pub(super) sent: u64,
    /// Messages released.
    pub(super) released: u32,
    /// Messages begun.
    pub(super) begun: u32,
    /// Messages acknowledged whole.
    pub(super) done: u32,
    /// Before this no packet leaves.
    due: Picos,
    /// The earliest time of its among the lane's timers; [`Picos::MAX`]: there is none.
    armed: Picos,
    /// It stands in the queue of those that may send.
    queued: bool,
}

/// What the QPs of a lane whose messages are READs are beside.
pub struct Asking {
    /// Packets of the longest READ.
    pub(super) longest: u64,
    /// Departures of the first requests for messages that have not come whole, the oldest first, by flow.
    pub(super) asked: Box<[VecDeque<Picos>]>,
    /// From such a departure to the arrival of the last response, of messages that have come whole and nobody has looked at.
    pub(super) took: Vec<Picos>,
}

impl Asking {
    pub(super) fn new(flows: usize, longest: u64) -> Asking {
        Asking {
            longest,
            asked: vec![VecDeque::new(); flows].into(),
            took: Vec::new(),
        }
    }

    /// A message is asked for at `at` for the first time.
    pub(super) fn begin(&mut self, flow: u32, at: Picos) {
        self.asked[flow as usize].push_back(at);
    }

    /// The oldest message came whole at `at`.
    pub(super) fn done(&mut self, flow: u32, at: Picos) {
        if let Some(asked) = self.asked[flow as usize].pop_front() {
            self.took.push(at.saturating_sub(asked));
        }
    }
}

/// Changes of rates that a lane keeps.
pub const TRACE: usize = 1 << 16;

/// What changed a QP's rate, when, and to what: for whoever traces rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateChange {
    /// The time.
    pub at: Picos,
    /// QP within the lane.
    pub flow: u32,
    /// What happened.
    pub change: Change,
    /// Current rate after it, bits a second.
    pub rate: f64,
    /// Target rate after it, bits a second.
    pub target: f64,
    /// Alpha after it.
    pub alpha: f64,
    /// Increases by time and by bytes since the last cut, after it.
    pub stages: (u32, u32),
}

/// The reliable QPs of a lane.
pub struct Reliable {
    /// As the pattern has them.
    pub settings: Rc,
    /// Those of congestion control, where there is some.
    pub parameters: Option<Parameters>,
    /// The QPs, by flow of the lane.
    pub qps: Box<[Qp]>,
    /// What they have done and heard.
    pub counts: Counts,
    /// Messages released and not acknowledged whole, of QPs that are not in error.
    pub(super) open: u64,
    /// What QPs that ask for their messages are beside.
    pub(super) asking: Option<Asking>,
    /// Seed of the entropy of source ports.
    pub(super) seed: u64,
    /// QPs that may send, by the time from which on; the number settles ties, so that QPs take turns.
    queue: BinaryHeap<Reverse<(Picos, u64, u32)>>,
    timers: BinaryHeap<Reverse<(Picos, u32)>>,
    turns: u64,
    /// The first [`TRACE`] changes of rates.
    trace: Vec<RateChange>,
}

impl Reliable {
    /// `flows` QPs whose first packets have sequence number `first`, behind a port of `line`.
    pub fn new(settings: &Rc, line: BitRate, flows: usize, first: u64, seed: u64) -> Reliable {
        let parameters = settings.dcqcn.as_ref().map(|dcqcn| Parameters::of(dcqcn, line));
        let rate = ReactionPoint::new(&parameters.unwrap_or_else(|| Parameters::paper(line.bits_per_second())));
        let qp = Qp {
            requester: Requester::new(settings, first),
            rate,
            oldest: Oldest::default(),
            sent: 0,
            released: 0,
            begun: 0,
            done: 0,
            due: Picos::ZERO,
            armed: Picos::MAX,
            queued: false,
        };
        Reliable {
            settings: settings.clone(),
            parameters,
            qps: vec![qp; flows].into(),
            counts: Counts::default(),
            open: 0,
            asking: None,
            seed,
            queue: BinaryHeap::with_capacity(flows),
            timers: BinaryHeap::with_capacity(flows),
            turns: 0,
            trace: Vec::new(),
        }
    }

    /// How its rates changed, the first [`TRACE`] times; alpha alone is no change of a rate.
    #[must_use]
    pub fn trace(&self) -> &[RateChange] {
        &self.trace
    }

    /// When the QP whose turn comes next may send; `None`: none has anything that may be sent.
    #[inline]
    pub fn next_due(&self) -> Option<Picos> {
        self.queue.peek().map(|Reverse((due, ..))| *due)
    }

    /// Takes the QP whose turn it is.
    #[inline]
    pub fn pop(&mut self) -> Option<u32> {
        let Reverse((_, _, flow)) = self.queue.pop()?;
        self.qps[flow as usize].queued = false;
        Some(flow)
    }

    /// QP `flow` has something that may be sent, as of `now`.
    #[inline]
    pub fn push(&mut self, flow: u32, now: Picos) {
        let qp = &mut self.qps[flow as usize];
        if !std::mem::replace(&mut qp.queued, true) {
            self.turns += 1;
            self.queue.push(Reverse((qp.due.max(now), self.turns, flow)));
        }
    }

    /// When a timer is to be looked at; [`Picos::MAX`]: there is none.
    #[inline]
    pub fn next_timer(&self) -> Picos {
        self.timers.peek().map_or(Picos::MAX, |Reverse((time, _))| *time)
    }

    /// A QP whose deadline has come by `now`.
    pub fn pop_timer(&mut self, now: Picos) -> Option<u32> {
        while let Some(Reverse((time, flow))) = self.timers.peek().copied()
            && time <= now
        {
            self.timers.pop();
            let qp = &mut self.qps[flow as usize];
            if qp.armed != time {
                continue;
            }
            qp.armed = Picos::MAX;
            if qp.requester.deadline() <= now {
                return Some(flow);
            }
            self.arm(flow);
        }
        None
    }

    /// Sees to it that the QP's deadline is looked at.
    #[inline]
    pub fn arm(&mut self, flow: u32) {
        let qp = &mut self.qps[flow as usize];
        let deadline = qp.requester.deadline();
        // One that was put off is found when the earlier time comes.
        if deadline < qp.armed {
            qp.armed = deadline;
            self.timers.push(Reverse((deadline, flow)));
        }
    }

    /// A request of QP `flow` that takes the sequence numbers up to `end`, a frame of `frame_len` bytes without FCS, leaves at
    /// `at`.
    #[inline]
    pub fn sent(&mut self, flow: u32, end: u64, at: Picos, frame_len: u32) {
        self.qps[flow as usize].requester.sent(&self.settings, end, at);
        self.paced(flow, at, frame_len);
        self.arm(flow);
    }

    /// A frame of QP `flow`, of `frame_len` bytes without FCS, leaves at `at`: when may the next one?
    #[inline]
    pub fn paced(&mut self, flow: u32, at: Picos, frame_len: u32) {
        let qp = &mut self.qps[flow as usize];
        qp.sent += 1;
        if let Some(parameters) = &self.parameters {
            let (trace, cuts) = (&mut self.trace, &mut self.counts.cuts);
            let mut note = |at, change, point: &ReactionPoint| note(trace, cuts, flow, at, change, point);
            qp.rate.advance(parameters, at, &mut note);
            // The rate is that of the time at which the frame begins to leave.
            let bits = (u64::from(frame_len) + WIRE_OVERHEAD) * 8;
            qp.due = at.saturating_add(time_of(bits, qp.rate.rate()));
            qp.rate.on_sent(parameters, at, u64::from(frame_len), &mut note);
        }
    }

    /// A CNP for QP `flow` came at `now`. A start that is set already does not move.
    pub fn cnp(&mut self, flow: u32, now: Picos) {
        self.counts.cnps += 1;
        let (Some(parameters), Some(qp)) = (&self.parameters, self.qps.get_mut(flow as usize)) else {
            return;
        };
        let (trace, cuts) = (&mut self.trace, &mut self.counts.cuts);
        let mut note = |at, change, point: &ReactionPoint| note(trace, cuts, flow, at, change, point);
        qp.rate.advance(parameters, now, &mut note);
        qp.rate.on_cnp(parameters, now, &mut note);
    }

    /// Counts a reply.
    pub fn heard(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Ack { .. } => self.counts.acks += 1,
            Meaning::Nak(NakCode::PsnSequence) => self.counts.naks += 1,
            Meaning::RnrNak { .. } => self.counts.rnr_naks += 1,
            Meaning::Nak(_) | Meaning::Reserved => self.counts.errors += 1,
        }
    }
}

fn note(trace: &mut Vec<RateChange>, cuts: &mut u64, flow: u32, at: Picos, change: Change, point: &ReactionPoint) {
    *cuts += u64::from(change == Change::Cut);
    if change != Change::Alpha && trace.len() < TRACE {
        trace.push(RateChange {
            at,
            flow,
            change,
            rate: point.rate(),
            target: point.target(),
            alpha: point.alpha(),
            stages: point.stages(),
        });
    }
}

/// How long so many bits take at a rate in bits a second, to the nearest picosecond.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a frame's bits; a float that is too large becomes the largest integer"
)]
fn time_of(bits: u64, rate: f64) -> Picos {
    Picos((bits as f64 * 1e12 / rate.max(1.0)).round() as u64)
}

//! One sender's frames for one entry: which flow sends next, and what.
//!
//! Contract: `now` is an argument; the same calls give the same frames. QPs of a lane take turns
//! packet by packet, as a NIC's do; packets of one QP leave in PSN order.
//!
//! Left out on purpose: the port (see `schedule`) and header bytes (see `wire::template`).

mod answered;
mod asking;
mod finish;
mod middles;
mod release;
mod sent;
mod serving;

use std::collections::VecDeque;

use crate::pattern::{AckReq, Entropy};
use crate::plan::deal::Deal;
use crate::plan::feed::{Rounds, Work};
use crate::plan::segment::Position;
use crate::plan::{EntryPlan, LanePlan, Pace};
use crate::transport::flow::{TxFlow, source_port, start_message};
use crate::transport::pace::Pacer;
use crate::transport::reads::Reads;
use crate::transport::reliable::{Asking, Counts, Reliable};
use crate::transport::whole::Whole;
use crate::units::{BitRate, Picos};

pub use middles::TURNS;
pub use sent::Sent;

/// A packet that is due. Its flow is advanced beyond it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Index of its flow within the lane.
    pub flow: u32,
    /// Position in the message.
    pub position: Position,
    /// Payload bytes.
    pub payload_len: u32,
    /// Bytes of the frame without FCS.
    pub frame_len: u32,
    /// Sequence number; the low 24 bits are the PSN.
    pub seq: u64,
    /// AckReq bit.
    pub ack_req: bool,
}

/// What a lane does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// It may send at this time.
    At(Picos),
    /// It waits for messages to be received, at most until this time.
    Blocked(Picos),
    /// It has sent everything.
    Exhausted,
    /// It has nothing to send before it is asked, and may never be.
    Asleep,
}

/// What a lane's packets are.
enum Role {
    /// Its messages.
    Sends,
    /// Requests for its messages, which are READs.
    Asks,
    /// Responses to such requests, which wait by QP.
    Serves(Box<[Reads]>),
}

/// How long a closed loop waits for a message before it gives it up.
pub const OUTSTANDING_TIMEOUT: Picos = Picos::from_micros(100_000);

struct Waiting {
    flow: u32,
    number: u32,
    deadline: Picos,
}

/// One lane's state.
pub struct Lane {
    /// Its entry's index.
    pub entry: usize,
    /// First of its pairs within the entry.
    pub first_pair: u32,
    /// Number within the entry.
    pub index: u32,
    /// What it has sent.
    pub sent: Sent,
    deal: Deal,
    flows: Box<[TxFlow]>,
    ring: VecDeque<u32>,
    pacer: Pacer,
    start: Picos,
    stop: Picos,
    /// Messages released (dispatches, for `alltoall`).
    released: u64,
    next_release: Picos,
    /// The next release waits for a message to be finished or received, whatever the time.
    held_back: bool,
    /// MAC control frames instead of messages.
    control: bool,
    /// Unpaced, and its Middle packets differ by QP and PSN only.
    plain: bool,
    /// Bytes of a frame beyond its padded payload, by position.
    overhead: [u32; 4],
    unfinished: u32,
    waiting: VecDeque<Waiting>,
    /// A closed loop waits for messages to be received.
    closed: bool,
    /// Messages of each pair that are cut over its QPs; none where they are not.
    whole: Box<[Whole]>,
    /// Pairs whose first QP has not sent its part of the last message.
    leading: u32,
    /// What its QPs are beside, where they are reliable connections.
    reliable: Option<Box<Reliable>>,
    role: Role,
}

impl Lane {
    /// The lane `index` of `entry`, asleep until [`Lane::begin`]. `line` is what [`Pace::Unlimited`]
    /// stands for, `None` being no pacing at all; `real`: a clock runs beside.
    ///
    /// Its QPs are open: nothing is answered. [`Lane::with_answers`] makes them what the entry says.
    #[must_use]
    pub fn new(
        entry_index: usize,
        entry: &EntryPlan,
        index: u32,
        line: Option<BitRate>,
        real: bool,
        seed: u64,
    ) -> Lane {
        let plan: LanePlan = entry.lanes[index as usize];
        let first = plan.first_pair * entry.qps;
        let flows = (0..plan.pairs * entry.qps)
            .map(|i| TxFlow {
                seq: u64::from(entry.frame.first_psn.value()),
                va: 0,
                register: 0,
                middle_base: 0,
                qpn: entry.request_qpn(first + i),
                number: u32::MAX,
                message_len: 0,
                offset: 0,
                messages: 0,
                pending: 0,
                pair: i / entry.qps,
                msn: 0,
                source_port: source_port(entry.frame.entropy, seed, entry.first_flow + first + i, first + i, 0),
                active: false,
                has_base: false,
            })
            .collect();
        Lane {
            entry: entry_index,
            first_pair: plan.first_pair,
            index,
            sent: Sent::default(),
            deal: entry.deal(),
            flows,
            ring: VecDeque::new(),
            pacer: Pacer::new(
                match plan.pace {
                    Pace::Unlimited => line,
                    Pace::Wire(rate) => Some(rate),
                },
                real,
            ),
            start: Picos::ZERO,
            stop: Picos::MAX,
            released: 0,
            next_release: Picos::MAX,
            held_back: false,
            control: plan.pairs == 0,
            plain: plan.pairs > 0
                && plan.pace == Pace::Unlimited
                && line.is_none()
                && entry.frame.entropy != Entropy::PerPacket
                && matches!(entry.frame.ack_req, AckReq::Last | AckReq::Never),
            overhead: [Position::First, Position::Middle, Position::Last, Position::Only]
                .map(|position| entry.frame.frame_len(entry.verb, position, 0)),
            unfinished: 0,
            waiting: VecDeque::new(),
            closed: entry.work.is_closed_loop(),
            whole: vec![Whole::default(); if entry.split { plan.pairs as usize } else { 0 }].into(),
            leading: 0,
            reliable: None,
            role: Role::Sends,
        }
    }

    /// The same where somebody answers, behind a port of `line`: QPs of a reliable connection then are such.
    #[must_use]
    pub fn with_answers(mut self, entry: &EntryPlan, line: BitRate, seed: u64) -> Lane {
        if let Some(settings) = entry.transport.rc().filter(|_| !self.control) {
            let first = u64::from(entry.frame.first_psn.value());
            let mut reliable = Reliable::new(settings, line, self.flows.len(), first, seed);
            if entry.verb.is_read() {
                self.role = Role::Asks;
                reliable.asking = Some(Asking::new(self.flows.len(), asking::longest(entry)));
            }
            self.reliable = Some(Box::new(reliable));
            self.plain = false;
        }
        self
    }

    /// The QPs of this lane.
    pub fn flows_mut(&mut self) -> &mut [TxFlow] {
        &mut self.flows
    }

    /// One QP of this lane.
    pub fn flow_mut(&mut self, index: u32) -> &mut TxFlow {
        &mut self.flows[index as usize]
    }

    /// Its pace.
    #[inline]
    #[must_use]
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// The QPs of this lane.
    #[must_use]
    pub fn flows(&self) -> &[TxFlow] {
        &self.flows
    }

    /// Messages (dispatches, for `alltoall`) released so far.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Whether it sends MAC control frames.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.control
    }

    /// When its next MAC control frame is due; [`Picos::MAX`]: never.
    #[must_use]
    pub fn control_due(&self) -> Picos {
        if self.control { self.next_release } else { Picos::MAX }
    }

    /// Whether this lane is paced at all.
    #[must_use]
    pub fn is_paced(&self) -> bool {
        self.pacer.is_paced()
    }

    /// Whether its frames have planned times: not those of a sender that waits for answers.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        self.pacer.is_paced() && self.reliable.is_none()
    }

    /// Packets of its `index`-th QP, `flow`, that were sent: each once, and with those that were sent again.
    #[must_use]
    pub fn packets_of(&self, index: usize, flow: &TxFlow, entry: &EntryPlan) -> (u64, u64) {
        let first = u64::from(entry.frame.first_psn.value());
        if let (Role::Serves(reads), Some(reliable)) = (&self.role, &self.reliable) {
            let own = u32::try_from(index).unwrap_or(u32::MAX);
            let first = u64::from(entry.first_psn(self.first_pair * entry.qps + own));
            return (reads[index].high(first) - first, reliable.qps[index].sent);
        }
        match &self.reliable {
            Some(reliable) => (reliable.qps[index].requester.high() - first, reliable.qps[index].sent),
            None => (flow.seq - first, flow.seq - first),
        }
    }

    /// Its pairs, by number within `entry`, which is its own.
    #[must_use]
    pub fn pairs(&self, entry: &EntryPlan) -> std::ops::Range<u32> {
        let planned = &entry.lanes[self.index as usize];
        planned.first_pair..planned.first_pair + planned.pairs
    }

    /// What its requesters have done and heard, where its QPs are reliable connections.
    #[must_use]
    pub fn counts(&self) -> Option<&Counts> {
        self.reliable.as_deref().map(|reliable| &reliable.counts)
    }

    /// Its QPs' state as requesters, where they are reliable connections.
    #[must_use]
    pub fn reliable(&self) -> Option<&Reliable> {
        self.reliable.as_deref()
    }

    /// Starts the lane at `time`. No message begins after the entry's duration or `plan_stop`.
    pub fn begin(&mut self, entry: &EntryPlan, time: Picos, plan_stop: Option<Picos>) {
        self.start = time;
        self.pacer.restart(time);
        let own = entry
            .duration
            .map_or(Picos::MAX, |duration| time.saturating_add(duration));
        self.stop = own.min(plan_stop.unwrap_or(Picos::MAX));
        if let Work::Rounds(Rounds {
            hold: Some(_), period, ..
        }) = &entry.work
        {
            // A queue that is held is filled and released: rounds are begun whole or not at all.
            let rounds = self.stop.saturating_sub(time).0.div_ceil(period.0.max(1));
            self.stop = time.saturating_add(Picos(period.0.saturating_mul(rounds)));
        }
        self.next_release = self.release_time(entry).unwrap_or(Picos::MAX);
        let want = self.flows.len();
        self.ring.reserve(want);
    }

    /// What the lane does next, `now` being the time until which it may look.
    #[inline]
    pub fn ready(&mut self, entry: &EntryPlan, now: Picos) -> Ready {
        if self.serves() {
            return self.ready_serving();
        }
        if self.reliable.is_some() {
            return self.ready_reliable(entry, now);
        }
        let now = now.max(self.pacer.time());
        if self.next_release <= now && !self.held_back && !self.control {
            self.release(entry, now);
        }
        if self.ring.is_empty() {
            self.when_idle()
        } else {
            Ready::At(self.pacer.next())
        }
    }

    /// What a lane does that has no message under way.
    fn when_idle(&self) -> Ready {
        if self.next_release == Picos::MAX {
            Ready::Exhausted
        } else if self.held_back {
            Ready::Blocked(match self.whole.first() {
                Some(whole) => whole.deadline(),
                None => self.waiting.front().map_or(Picos::MAX, |first| first.deadline),
            })
        } else if self.control {
            Ready::At(self.next_release)
        } else {
            Ready::At(self.next_release.max(self.pacer.next()))
        }
    }

    /// Takes the next packet, which leaves at `at`. `None` when no QP has anything to send.
    #[inline]
    pub fn take(&mut self, entry: &EntryPlan, seed: u64, at: Picos) -> Option<Due> {
        if self.serves() {
            return self.take_response(entry, seed, at);
        }
        let flow_index = loop {
            let flow_index = match &mut self.reliable {
                None => self.ring.pop_front()?,
                Some(_) => self.next_reliable()?,
            };
            let flow = &self.flows[flow_index as usize];
            if flow.offset < flow.message_len || at < self.stop || self.is_begun(flow_index) {
                break flow_index;
            }
            // Its time is over: messages begun are finished, those that wait are not begun, and no
            // other is released, however far behind its plan the lane is.
            self.next_release = Picos::MAX;
            self.held_back = false;
            self.drop_pending(flow_index);
        };
        if self.reliable.is_some() {
            return Some(self.take_reliable(entry, seed, at, flow_index));
        }
        let due = self.cut(entry, seed, flow_index);
        let flow = &mut self.flows[flow_index as usize];
        if due.position.is_last() {
            flow.messages = flow.messages.wrapping_add(1);
            flow.active = flow.pending > 0;
            self.message_sent(flow_index, at);
        }
        if self.flows[flow_index as usize].active {
            self.ring.push_back(flow_index);
        }
        self.pacer.left(at, due.frame_len);
        Some(due)
    }

    /// Cuts the next packet of a QP out of its message, the next one where that is at its end, and counts it.
    #[inline(always)]
    fn cut(&mut self, entry: &EntryPlan, seed: u64, flow_index: u32) -> Due {
        let flow = &mut self.flows[flow_index as usize];
        if flow.offset == flow.message_len {
            flow.pending -= 1;
            start_message(flow, entry, self.index, flow_index, seed);
        }
        self.packet(entry, seed, flow_index)
    }

    /// Cuts the next packet of a QP out of the message that is under way, and counts it.
    #[inline(always)]
    fn packet(&mut self, entry: &EntryPlan, seed: u64, flow_index: u32) -> Due {
        let pmtu = entry.frame.pmtu;
        let flow = &mut self.flows[flow_index as usize];
        let position = Position::at(flow.offset, flow.message_len, pmtu);
        let payload_len = pmtu.min(flow.message_len - flow.offset);
        let seq = flow.seq;
        let ack_req = match entry.frame.ack_req {
            AckReq::Last => position.is_last(),
            AckReq::Never => false,
            AckReq::All => true,
            AckReq::Every(n) => position.is_last() || (flow.offset / pmtu + 1).is_multiple_of(n),
        };
        flow.seq += 1;
        flow.offset += payload_len;
        if entry.frame.entropy == Entropy::PerPacket {
            let flow_number = entry.first_flow + self.first_pair * self.deal.qps + flow_index;
            flow.source_port = source_port(Entropy::PerPacket, seed, flow_number, 0, seq);
        }
        let frame_len = self.overhead[position as usize] + ((payload_len + 3) & !3);
        self.sent.packets += 1;
        self.sent.payload_bytes += u64::from(payload_len);
        self.sent.frame_bytes += u64::from(frame_len);
        self.sent.last_bytes = u64::from(frame_len);
        Due {
            flow: flow_index,
            position,
            payload_len,
            frame_len,
            seq,
            ack_req,
        }
    }

    /// Counts a MAC control frame of `frame_len` bytes and returns its quanta.
    pub fn take_control(&mut self, entry: &EntryPlan, frame_len: u32) -> u16 {
        let quanta = match &entry.work {
            Work::Control { quanta, .. } => {
                self.sent.packets += 1;
                self.sent.frame_bytes += u64::from(frame_len);
                self.sent.last_bytes = u64::from(frame_len);
                *quanta
            }
            Work::Rounds(Rounds { hold: Some(hold), .. }) => {
                self.sent.control += 1;
                hold.frame(self.released % hold.frames()).1
            }
            _ => 0,
        };
        self.released += 1;
        self.next_release = self.release_time(entry).unwrap_or(Picos::MAX);
        quanta
    }
}

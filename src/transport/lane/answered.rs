//! What is different in a lane whose QPs are reliable connections: whose turn it is, what is sent again, when a message is done.
//!
//! Contract: see `lane` and [`Reliable`](crate::transport::reliable). A message is done when its last packet is acknowledged.

use super::asking::may_ask;
use super::{Due, Lane, Ready, Role};
use crate::plan::EntryPlan;
use crate::plan::segment::packets;
use crate::transport::flow::{next_message, resume_message};
use crate::transport::reliable::{Oldest, Reliable, Reply};
use crate::transport::requester::{Failure, Step};
use crate::units::Picos;

impl Lane {
    /// A reply came for QP `flow_index` at `now`.
    pub fn on_reply(&mut self, entry: &EntryPlan, flow_index: u32, reply: Reply, now: Picos) {
        let Some(reliable) = &mut self.reliable else { return };
        let Some(qp) = reliable.qps.get_mut(flow_index as usize) else {
            return;
        };
        // What is received came when it arrived, whenever it is told.
        let now = match reply {
            Reply::Response { at, .. } => at,
            Reply::Acknowledge { .. } | Reply::Cnp | Reply::Read(_) => now,
        };
        let step = match (&self.role, reply) {
            (Role::Serves(_), _) => return self.on_request(flow_index, reply, now),
            (Role::Asks, _) => Lane::heard_by_asker(reliable, flow_index, reply, now),
            (Role::Sends, Reply::Cnp) => return reliable.cnp(flow_index, now),
            (Role::Sends, Reply::Acknowledge { meaning, psn }) => {
                let step = qp.requester.on_reply(&reliable.settings, meaning, psn, now);
                reliable.heard(meaning);
                step
            }
            (Role::Sends, Reply::Response { .. } | Reply::Read(_)) => return,
        };
        self.follow(entry, flow_index, step, now);
    }

    /// What the lane does next, as of [`Lane::ready`].
    pub(super) fn ready_reliable(&mut self, entry: &EntryPlan, now: Picos) -> Ready {
        self.fire_timers(entry, now);
        if self.next_release <= now && !self.held_back {
            self.release(entry, now.max(self.pacer.time()));
        }
        let Some(reliable) = &self.reliable else {
            return Ready::Exhausted;
        };
        let timer = reliable.next_timer();
        if let Some(due) = reliable.next_due() {
            return Ready::At(due.max(self.pacer.next()).min(timer));
        }
        if reliable.open == 0 && self.next_release == Picos::MAX {
            return Ready::Exhausted;
        }
        let release = if self.held_back { Picos::MAX } else { self.next_release };
        match timer.min(release) {
            Picos::MAX => Ready::Blocked(Picos::MAX),
            // Nothing is to be done before that.
            time => Ready::At(time.max(now.saturating_add(Picos(1)))),
        }
    }

    /// Whether it waits for answers without a time-out, and for nothing else.
    #[must_use]
    pub fn waits_for_ever(&self) -> bool {
        let Some(reliable) = &self.reliable else { return false };
        let idle = reliable.next_due().is_none() && reliable.next_timer() == Picos::MAX;
        reliable.open > 0 && idle && (self.held_back || self.next_release == Picos::MAX)
    }

    fn fire_timers(&mut self, entry: &EntryPlan, now: Picos) {
        while let Some(reliable) = &mut self.reliable
            && let Some(flow_index) = reliable.pop_timer(now)
        {
            let requester = &mut reliable.qps[flow_index as usize].requester;
            let waits_for_receiver = !requester.is_ready();
            let step = requester.on_deadline(now);
            reliable.counts.timeouts += u64::from(step != Step::Nothing && !waits_for_receiver);
            self.follow(entry, flow_index, step, now);
        }
    }

    /// A message of QP `flow_index` is released.
    pub(super) fn wake_reliable(&mut self, flow_index: u32) {
        let Some(reliable) = &mut self.reliable else { return };
        let qp = &mut reliable.qps[flow_index as usize];
        if qp.requester.failure().is_some() {
            // As verbs do it: what is given to a QP in the error state is flushed.
            reliable.counts.flushed += 1;
            self.unfinished -= 1;
            return;
        }
        qp.released = qp.released.wrapping_add(1);
        reliable.open += 1;
        self.flows[flow_index as usize].pending += 1;
        self.go_on(flow_index, Picos::ZERO);
    }

    /// Puts a QP into the queue of those that may send, if it may.
    fn go_on(&mut self, flow_index: u32, now: Picos) {
        if let Some(reliable) = &mut self.reliable
            && may_send(&self.flows[flow_index as usize], reliable, flow_index)
        {
            reliable.push(flow_index, now);
        }
    }

    /// The QP whose turn it is.
    pub(super) fn next_reliable(&mut self) -> Option<u32> {
        let reliable = self.reliable.as_deref_mut()?;
        loop {
            let flow_index = reliable.pop()?;
            // Its window may have closed, or it may have ended, since it was put there.
            if may_send(&self.flows[flow_index as usize], reliable, flow_index) {
                return Some(flow_index);
            }
        }
    }

    /// Takes the next packet of a QP, for the first time or again.
    pub(super) fn take_reliable(&mut self, entry: &EntryPlan, seed: u64, at: Picos, flow_index: u32) -> Due {
        let flow = &self.flows[flow_index as usize];
        let begins = flow.offset == flow.message_len;
        let mut due = if self.asks() {
            self.request(entry, seed, flow_index)
        } else {
            self.cut(entry, seed, flow_index)
        };
        let end = self.flows[flow_index as usize].seq;
        let (number, len) = {
            let flow = &self.flows[flow_index as usize];
            (flow.number, flow.message_len)
        };
        let Some(reliable) = &mut self.reliable else {
            return due;
        };
        let qp = &mut reliable.qps[flow_index as usize];
        let again = due.seq < qp.requester.high();
        let asks = matches!(self.role, Role::Asks);
        reliable.counts.read_requests += u64::from(asks);
        if again && asks {
            reliable.counts.read_requests_again += 1;
        } else if again {
            reliable.counts.resent_packets += 1;
            reliable.counts.resent_bytes += u64::from(due.payload_len);
        } else if begins {
            if qp.done == qp.begun {
                let end = due.seq + packets(u64::from(len), entry.frame.pmtu);
                let start = due.seq;
                qp.oldest = Oldest {
                    number,
                    len,
                    start,
                    end,
                };
            }
            qp.begun = qp.begun.wrapping_add(1);
            if let Some(asking) = &mut reliable.asking {
                asking.begin(flow_index, at);
            }
        }
        reliable.sent(flow_index, end, at, due.frame_len);
        // A window that closes without a question would stay closed until the timeout.
        due.ack_req |= reliable.qps[flow_index as usize].requester.room(&reliable.settings) == 0;
        // Time without anything to send is not time behind a plan.
        self.pacer.not_before(at);
        if asks {
            self.asked(entry, &due, at);
        } else {
            self.pacer.left(at, due.frame_len);
        }
        if due.position.is_last() && !again {
            let flow = &mut self.flows[flow_index as usize];
            flow.messages = flow.messages.wrapping_add(1);
            self.message_sent(flow_index, at);
        }
        self.go_on(flow_index, at);
        due
    }

    /// Carries out what follows from a reply or a deadline.
    fn follow(&mut self, entry: &EntryPlan, flow_index: u32, step: Step, now: Picos) {
        if step != Step::Nothing {
            self.acknowledged(entry, flow_index, now);
        }
        let Some(reliable) = &self.reliable else { return };
        let acked = reliable.qps[flow_index as usize].requester.acked();
        match step {
            Step::Nothing => {}
            Step::Forward => {
                if self.flows[flow_index as usize].seq < acked {
                    self.go_to(entry, flow_index, acked);
                }
            }
            Step::Again => self.go_to(entry, flow_index, acked),
            Step::Failed(failure) => self.fail(flow_index, failure),
        }
        if let Some(reliable) = &mut self.reliable {
            reliable.arm(flow_index);
        }
        self.go_on(flow_index, now);
    }

    /// Messages of a QP that are acknowledged whole are done.
    fn acknowledged(&mut self, entry: &EntryPlan, flow_index: u32, now: Picos) {
        let pair = self.flows[flow_index as usize].pair;
        let qp_of_pair = flow_index % self.deal.qps;
        while let Some(reliable) = &mut self.reliable {
            let qp = &mut reliable.qps[flow_index as usize];
            if qp.done == qp.begun || qp.requester.acked() < qp.oldest.end {
                return;
            }
            let done = qp.oldest;
            qp.done = qp.done.wrapping_add(1);
            if qp.done != qp.begun {
                qp.oldest = after(entry, self.index, pair, qp_of_pair, &done);
            }
            reliable.counts.messages += 1;
            reliable.counts.bytes += u64::from(done.len);
            reliable.open -= 1;
            if let Some(asking) = &mut reliable.asking {
                asking.done(flow_index, now);
            }
            if self.closed {
                self.complete(flow_index, done.number, now);
            } else {
                self.held_back = false;
            }
        }
    }

    /// The QP goes on with the packet `seq`, which lies between what is acknowledged and what was never sent.
    fn go_to(&mut self, entry: &EntryPlan, flow_index: u32, seq: u64) {
        let Some(reliable) = &self.reliable else { return };
        let qp = &reliable.qps[flow_index as usize];
        let flow = &mut self.flows[flow_index as usize];
        if qp.begun == 0 || seq > qp.requester.high() {
            return;
        }
        let qp_of_pair = flow_index % self.deal.qps;
        // Without one under way, the message that was done last: the place is its end.
        let mut message = qp.oldest;
        let mut begun = qp.done.wrapping_add(u32::from(qp.done != qp.begun));
        while seq > message.end {
            message = after(entry, self.index, flow.pair, qp_of_pair, &message);
            begun = begun.wrapping_add(1);
        }
        flow.seq = seq;
        if seq == message.start {
            // It is begun anew, which looks for the number that follows.
            begun = begun.wrapping_sub(1);
            (flow.number, flow.message_len, flow.offset) = (message.number.wrapping_sub(1), 0, 0);
        } else {
            let sent = u32::try_from(seq - message.start).unwrap_or(u32::MAX);
            let offset = sent.saturating_mul(entry.frame.pmtu).min(message.len);
            resume_message(
                flow,
                entry,
                self.index,
                flow_index,
                reliable.seed,
                (message.number, offset),
            );
        }
        flow.pending = qp.released.wrapping_sub(begun);
    }

    /// A QP ends in the error state: what it has not finished is flushed.
    fn fail(&mut self, flow_index: u32, failure: Failure) {
        let Some(reliable) = &mut self.reliable else { return };
        let qp = &mut reliable.qps[flow_index as usize];
        let flow = &mut self.flows[flow_index as usize];
        let left = qp.released.wrapping_sub(qp.done);
        reliable.counts.failed[failure as usize] += 1;
        reliable.counts.flushed += u64::from(left);
        reliable.open -= u64::from(left);
        // Those whose last packet was sent are not under way any more.
        self.unfinished -= qp.released.wrapping_sub(flow.messages);
        qp.done = qp.released;
        flow.pending = 0;
        self.waiting.retain(|waiting| waiting.flow != flow_index);
        self.held_back = false;
        if reliable.qps.iter().all(|qp| qp.requester.failure().is_some()) {
            self.next_release = Picos::MAX;
        }
    }
}

/// The message of a QP that follows `message`.
fn after(entry: &EntryPlan, lane: u32, pair: u32, qp: u32, message: &Oldest) -> Oldest {
    let (number, _, len) = next_message(entry, lane, pair, qp, message.number);
    Oldest {
        number,
        len,
        start: message.end,
        end: message.end + packets(u64::from(len), entry.frame.pmtu),
    }
}

/// Whether a QP has a packet that it may send.
fn may_send(flow: &crate::transport::flow::TxFlow, reliable: &Reliable, flow_index: u32) -> bool {
    let qp = &reliable.qps[flow_index as usize];
    if !qp.requester.is_ready() {
        return false;
    }
    if flow.seq < qp.requester.high() {
        return true;
    }
    if qp.requester.room(&reliable.settings) == 0 {
        return false;
    }
    if !may_ask(reliable, flow_index) {
        return false;
    }
    let under_way = flow.offset < flow.message_len;
    under_way || flow.pending > 0 && qp.begun.wrapping_sub(qp.done) < reliable.settings.window_messages
}

//! When a lane's messages are sent, received or given up.

use super::{Lane, OUTSTANDING_TIMEOUT, Waiting};
use crate::units::Picos;

impl Lane {
    /// Whether the next message of a QP is one of which another QP has begun its part: then it is finished, too.
    pub(super) fn is_begun(&self, flow_index: u32) -> bool {
        if let Some(reliable) = &self.reliable {
            return self.flows[flow_index as usize].seq < reliable.qps[flow_index as usize].requester.high();
        }
        if !self.deal.split {
            return false;
        }
        let first = &self.flows[(flow_index - flow_index % self.deal.qps) as usize];
        let begun = first.messages.wrapping_add(u32::from(first.offset < first.message_len));
        self.flows[flow_index as usize].messages != begun
    }

    /// The messages that wait on a QP are not begun any more.
    pub(super) fn drop_pending(&mut self, flow_index: u32) {
        let flow = &mut self.flows[flow_index as usize];
        let pending = std::mem::take(&mut flow.pending);
        flow.active = false;
        if let Some(reliable) = &mut self.reliable {
            reliable.qps[flow_index as usize].released -= pending;
            reliable.open -= u64::from(pending);
        }
        let Some(whole) = self.whole.get_mut(flow.pair as usize) else {
            self.unfinished -= pending;
            return;
        };
        // A message counts once, as what the first QP has of it.
        if flow_index.is_multiple_of(self.deal.qps) {
            self.unfinished -= pending;
            self.leading -= 1;
            (0..pending).for_each(|_| whole.withdraw());
        }
    }

    /// The last packet of a message of this QP, or of its part of one, leaves at `at`.
    pub(super) fn message_sent(&mut self, flow_index: u32, at: Picos) {
        self.held_back = false;
        let flow = &self.flows[flow_index as usize];
        let deadline = match self.reliable {
            None => at.saturating_add(OUTSTANDING_TIMEOUT),
            // The QP itself sees to it that the message arrives, or ends.
            Some(_) => Picos::MAX,
        };
        let Some(whole) = self.whole.get_mut(flow.pair as usize) else {
            self.unfinished -= 1;
            // What is asked for counts where it is sent.
            self.sent.messages += u64::from(!self.asks());
            if self.closed {
                self.waiting.push_back(Waiting {
                    flow: flow_index,
                    number: flow.number,
                    deadline,
                });
            }
            return;
        };
        if flow_index.is_multiple_of(self.deal.qps) && !flow.active {
            self.leading -= 1;
        }
        if whole.sent(flow.messages.wrapping_sub(1), deadline) {
            self.unfinished -= 1;
            self.sent.messages += 1;
        }
    }

    /// A message, or QP `flow`'s part of it, was received whole: a closed loop may send the next, from `now` on.
    pub fn complete(&mut self, flow: u32, number: u32, now: Picos) {
        if self.ring.is_empty() {
            self.pacer.not_before(now);
        }
        if let Some(whole) = self.whole.first_mut() {
            if whole.received(number) {
                self.held_back = false;
            }
        } else if let Some(place) = self.waiting.iter().position(|w| w.flow == flow && w.number == number) {
            self.waiting.remove(place);
            self.held_back = false;
        }
    }

    /// Gives up messages whose deadline has passed.
    pub fn expire(&mut self, now: Picos) {
        let mut given_up = self.whole.first_mut().map_or(0, |whole| whole.expire(now));
        while self.waiting.front().is_some_and(|first| first.deadline <= now) {
            self.waiting.pop_front();
            given_up += 1;
        }
        if given_up > 0 {
            self.held_back = false;
            self.sent.timeouts += given_up;
        }
    }

    /// Messages counted as sent whose last packets were not taken after all, `untaken(flow)` saying of how many messages, or
    /// parts of them, of each of the lane's QPs that is so.
    #[must_use]
    pub fn not_sent(&self, untaken: impl Fn(u32) -> u32) -> u64 {
        let of = |flow: u32| (self.flows[flow as usize].messages, untaken(flow));
        let flows = u32::try_from(self.flows.len()).unwrap_or(u32::MAX);
        if !self.deal.split {
            return (0..flows).map(|flow| u64::from(of(flow).1)).sum();
        }
        let pairs = (0..flows).step_by(self.deal.qps.max(1) as usize);
        let of_pair = |first: u32| {
            let parts = || (first..first + self.deal.qps).map(of);
            let counted = parts().map(|(made, _)| made).min().unwrap_or(0);
            let taken = parts().map(|(made, untaken)| made.saturating_sub(untaken)).min();
            u64::from(counted.saturating_sub(taken.unwrap_or(0)))
        };
        pairs.map(of_pair).sum()
    }
}

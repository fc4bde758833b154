//! Lanes that answer READs: the worker that holds the data sends what it is asked for, and nothing of its own accord.
//!
//! Contract: as of `lane`. A QP's responses leave in the order of [`Reads`], at the rate that congestion control leaves it.
//! The lane sleeps while nothing is asked for, and is no reason for a run to go on.
//!
//! Left out on purpose: whether a request is right, and NAKs (`responder`).

use super::{Due, Lane, Ready, Role};
use crate::pattern::Entropy;
use crate::plan::{EntryPlan, LanePlan};
use crate::transport::flow::source_port;
use crate::transport::reads::{Read, Reads};
use crate::transport::reliable::Reply;
use crate::units::{BitRate, Picos};

impl Lane {
    /// The lane that answers what the lane `index` of `entry`, whose messages are READs, asks for; behind a port of `line`.
    #[must_use]
    pub fn serving(entry_index: usize, entry: &EntryPlan, index: u32, line: BitRate, seed: u64) -> Lane {
        let mut lane = Lane::new(entry_index, entry, index, None, false, seed).with_answers(entry, line, seed);
        lane.pacer = crate::transport::pace::Pacer::new(None, false);
        lane.pacer.restart(Picos::ZERO);
        for (flow, own) in lane.flows.iter_mut().zip(lane.first_pair * entry.qps..) {
            flow.qpn = entry.answer_qpn(own);
        }
        let reads = vec![Reads::default(); lane.flows.len()];
        lane.role = Role::Serves(reads.into());
        lane
    }

    /// A request or a CNP came for QP `flow_index` at `now`.
    pub(super) fn on_request(&mut self, flow_index: u32, reply: Reply, now: Picos) {
        let (Some(reliable), Role::Serves(reads)) = (&mut self.reliable, &mut self.role) else {
            return;
        };
        let Some(own) = reads.get_mut(flow_index as usize) else {
            return;
        };
        match reply {
            Reply::Cnp => reliable.cnp(flow_index, now),
            Reply::Read(read) => {
                own.ask(read);
                reliable.push(flow_index, now);
            }
            Reply::Acknowledge { .. } | Reply::Response { .. } => {}
        }
    }

    /// What the lane does next, as of [`Lane::ready`].
    pub(super) fn ready_serving(&self) -> Ready {
        match self.reliable.as_ref().and_then(|reliable| reliable.next_due()) {
            Some(due) => Ready::At(due.max(self.pacer.next())),
            None => Ready::Asleep,
        }
    }

    /// Takes the next response, which leaves at `at`. `None` when nothing is asked for.
    pub(super) fn take_response(&mut self, entry: &EntryPlan, seed: u64, at: Picos) -> Option<Due> {
        let flow_index = loop {
            let flow_index = self.reliable.as_mut()?.pop()?;
            let Role::Serves(reads) = &mut self.role else {
                return None;
            };
            let own = &mut reads[flow_index as usize];
            if own.is_empty() {
                continue;
            }
            if let Some(read) = own.begin() {
                self.begin_read(entry, seed, flow_index, &read);
            }
            break flow_index;
        };
        let mut due = self.packet(entry, seed, flow_index);
        // Nobody acknowledges a response.
        due.ack_req = false;
        let (Some(reliable), Role::Serves(reads)) = (&mut self.reliable, &mut self.role) else {
            return None;
        };
        let own = &mut reads[flow_index as usize];
        let again = own.sent(due.seq, due.position.is_last());
        if again {
            reliable.counts.resent_packets += 1;
            reliable.counts.resent_bytes += u64::from(due.payload_len);
        } else if due.position.is_last() {
            self.flows[flow_index as usize].messages += 1;
            self.sent.messages += 1;
        }
        reliable.paced(flow_index, at, due.frame_len);
        if !own.is_empty() {
            reliable.push(flow_index, at);
        }
        self.pacer.left(at, due.frame_len);
        Some(due)
    }

    fn begin_read(&mut self, entry: &EntryPlan, seed: u64, flow_index: u32, read: &Read) {
        let flow = &mut self.flows[flow_index as usize];
        flow.seq = read.seq;
        flow.number = read.number;
        flow.msn = read.msn;
        flow.va = read.va;
        flow.message_len = read.len;
        flow.offset = 0;
        flow.has_base = false;
        if entry.frame.entropy == Entropy::PerMessage {
            let LanePlan { first_pair, .. } = entry.lanes[self.index as usize];
            let flow_number = entry.first_flow + first_pair * entry.qps + flow_index;
            flow.source_port = source_port(Entropy::PerMessage, seed, flow_number, 0, u64::from(read.number));
        }
    }
}

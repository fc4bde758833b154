//! What a recorder tells of what it has seen, and how those of several cores become one.
//!
//! Contract: nothing here looks at a frame.

use std::collections::BTreeMap;

use super::Recorder;
use crate::measure::answering::Answered;
use crate::measure::asked::Asked;
use crate::measure::flow::RxFlow;
use crate::measure::group::Groups;
use crate::measure::pause::PauseLog;
use crate::measure::rates::Rates;
use crate::measure::record::{EntryRecord, PairRecord, PortRecord, Times};
use crate::measure::tally::SharedGroups;
use crate::measure::trace::Trace;

impl Recorder {
    /// Packets received so far, over all entries: for the engine's end of run.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.entries.iter().map(|entry| entry.packets).sum()
    }

    /// Records of the entries.
    #[must_use]
    pub fn entries(&self) -> &[EntryRecord] {
        &self.entries
    }

    /// Records of the ports.
    #[must_use]
    pub fn ports(&self) -> &[PortRecord] {
        &self.ports
    }

    /// Payload of pairs by windows, where the pattern asks for rates.
    #[must_use]
    pub fn rates(&self) -> Option<&Rates> {
        self.rates.as_ref()
    }

    /// Records of the pairs, over all entries.
    #[must_use]
    pub fn pairs(&self) -> &[PairRecord] {
        &self.pairs
    }

    /// Records of the flows, over all entries.
    #[must_use]
    pub fn flows(&self) -> &[RxFlow] {
        &self.flows
    }

    /// One-way delay of each flow, ps, over all entries; empty when there are many flows.
    #[must_use]
    pub fn flow_latency(&self) -> &[Times] {
        &self.flow_latency
    }

    /// What was seen of single frames.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Gives the trace away, for the recorder of the next run.
    pub fn take_trace(&mut self) -> Trace {
        std::mem::replace(&mut self.trace, Trace::with_room_for(0))
    }

    /// Frames with a wrong ICRC, by flow.
    #[must_use]
    pub fn corrupted(&self) -> &BTreeMap<u32, u64> {
        &self.corrupted
    }

    /// Frames that came to a port which is not their receiver's, by the receiver's port and the other one.
    #[must_use]
    pub fn strays(&self) -> &BTreeMap<(u16, usize), u64> {
        &self.strays
    }

    /// What the responders of `entry` have done; `None` where its QPs are open.
    #[must_use]
    pub fn answered(&self, entry: usize) -> Option<&Answered> {
        let answering = self.answering.as_ref().filter(|answering| answering.has(entry))?;
        answering.counts.get(entry)
    }

    /// Requests for the link-layer addresses of our workers.
    #[must_use]
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// PFC frames that came.
    #[must_use]
    pub fn pauses(&self) -> &PauseLog {
        &self.pauses
    }

    /// It is one of several that see parts of the same groups of messages: it keeps all that it has of
    /// them until [`Recorder::merge`].
    pub fn is_one_of_several(&mut self) {
        self.one_of_several = true;
        for entry in &mut self.entries {
            entry.groups.keep_all();
        }
    }

    /// Gives away the groups of which it has seen parts, by entry, where it is one of several: none is
    /// left to grow while a long run goes on. Without others to see the rest there is nothing to give.
    #[must_use]
    pub fn hand_over_groups(&mut self) -> Vec<Groups> {
        if !self.one_of_several {
            return Vec::new();
        }
        self.entries.iter_mut().map(|entry| entry.groups.hand_over()).collect()
    }

    /// Completes what groups were under way, when all cores' records are in this one.
    pub fn finish_groups(&mut self, groups: SharedGroups) {
        groups.finish(&mut self.entries);
    }

    /// Touches the memory that the first frames of a run would: what grows from then on is a growth.
    pub fn settle(&mut self) {
        self.trace.settle();
    }

    /// Takes in what another core has recorded.
    pub fn merge(&mut self, other: Recorder) {
        for (mine, theirs) in self.entries.iter_mut().zip(other.entries) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.pairs.iter_mut().zip(&other.pairs) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.ports.iter_mut().zip(&other.ports) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.flows.iter_mut().zip(&other.flows) {
            mine.merge(theirs);
        }
        self.trace.merge(other.trace);
        self.pauses.merge(other.pauses);
        for (flow, frames) in other.corrupted {
            *self.corrupted.entry(flow).or_default() += frames;
        }
        for (ports, frames) in other.strays {
            *self.strays.entry(ports).or_default() += frames;
        }
        self.asked.merge(&other.asked);
        if let (Some(mine), Some(theirs)) = (&mut self.answering, &other.answering) {
            mine.merge(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.rates, &other.rates) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.flow_latency.iter_mut().zip(&other.flow_latency) {
            mine.merge(theirs);
        }
    }
}

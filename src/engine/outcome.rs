//! What a run has measured, whichever driver ran it.
//!
//! Contract: everything counted reaches an [`Outcome`]; nothing is summed twice.
//!
//! Left out on purpose: what follows from the counts (`report`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dpdk::{Effective, PortInfo, PortStats};
use crate::engine::batch::Batch;
use crate::engine::lab::{PacedBy, Reaction};
use crate::engine::ptp_probe::PathRecord;
use crate::engine::sample::Total;
use crate::engine::stamps::PortTimes;
use crate::engine::tx::{TxStats, TxUnit};
use crate::fabric;
use crate::measure::record::Times;
use crate::measure::{GapRecord, Recorder, SentPause, Tally};
use crate::neighbour::Answers;
use crate::plan::Plan;
use crate::transport::lane::Sent;
use crate::transport::reliable::{Counts, RateChange};
use crate::units::Picos;

/// What one port has done.
#[derive(Debug, Clone)]
pub struct PortOutcome {
    /// What it is.
    pub info: PortInfo,
    /// Who makes it obey PFC and PAUSE frames.
    pub reaction: Reaction,
    /// Who sees to it that frames leave at their time.
    pub paced_by: PacedBy,
    /// How it was configured.
    pub effective: Effective,
    /// What its queues have sent.
    pub tx: TxStats,
    /// Frames made that it never took.
    pub unsent: u64,
    /// PTP probes sent, and their bytes.
    pub probes: (u64, u64),
    /// Requests about its workers that were answered; the frames are among [`TxStats::injected`].
    pub answers: Answers,
    /// The driver's counters of this run; `None` where it has none.
    pub stats: Option<PortStats>,
    /// The driver's extended counters of this run.
    pub xstats: Vec<(String, u64)>,
    /// What its times rest on.
    pub times: PortTimes,
}

/// Everything that a run has measured.
pub struct Outcome {
    /// What was made, for each entry.
    pub made: Vec<Sent>,
    /// What of it no port took, for each entry.
    pub unsent: Vec<Sent>,
    /// Packets that a port took, for each flow, each once.
    pub flow_packets: Vec<u64>,
    /// The same with those that were sent again.
    pub flow_sent: Vec<u64>,
    /// Messages that a port took whole, for each flow.
    pub flow_messages: Vec<u64>,
    /// First and last departure of each entry; the first is [`Picos::MAX`] where there is none.
    pub departures: Vec<(Picos, Picos)>,
    /// How late frames were handed to the port, ps, for each entry.
    pub lateness: Vec<Times>,
    /// Gaps between departures, for each entry.
    pub gaps: Vec<GapRecord>,
    /// Dispatches (messages) released, for each entry: the most of any lane.
    pub released: Vec<u64>,
    /// Times that an entry's pacing slipped, and by how much.
    pub slips: Vec<(u64, Picos)>,
    /// PFC frames that left, the first of each queue.
    pub sent_pauses: Vec<SentPause>,
    /// What the requesters of reliable connections have done and heard, for each entry.
    pub requesters: Vec<Counts>,
    /// From the arrival of a packet to the departure of the acknowledgement that answers it at once, ps, for each entry.
    pub turnarounds: Vec<Times>,
    /// From the first request for a message to its last response, ps, for each entry whose messages are READs.
    pub reads: Vec<Times>,
    /// How congestion control changed rates, in the order of time.
    pub rates: Vec<RateOfFlow>,
    /// What came back; `None` when no port receives.
    pub received: Option<Recorder>,
    /// The ports.
    pub ports: Vec<PortOutcome>,
    /// PTP probes, by path; none where no ports stamp them.
    pub probes: Vec<PathRecord>,
    /// What stood in the way of probes, a sentence each.
    pub probes_missing: Vec<String>,
    /// Run clock at the end.
    pub elapsed: Picos,
    /// Why the run ended early.
    pub interrupted: Option<String>,
    /// Cores of TX and RX loops.
    pub cores: (Vec<usize>, Vec<usize>),
    /// Which clock [`Outcome::elapsed`] and all times are of.
    pub clock: Clock,
    /// Frequency of the TSC.
    pub tsc_hz: u64,
    /// Whether memory came from hugepages.
    pub hugepages: bool,
    /// The reference fabric's own account of the run, where there was one. Nothing that is measured
    /// rests on it.
    pub fabric: Option<fabric::Counters>,
}

/// Which clock a run goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The processor's time stamp counter.
    Tsc,
    /// The reference fabric's simulated time.
    Virtual,
}

/// A change of one QP's rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateOfFlow {
    /// Its entry.
    pub entry: usize,
    /// Its flow within the entry: pair · QPs + QP.
    pub flow: u32,
    /// What changed; its `flow` counts within a lane.
    pub change: RateChange,
}

/// What a caller sees of a run under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// Run clock.
    pub elapsed: Picos,
    /// Frames made and their bytes.
    pub tx: (u64, u64),
    /// Frames received and their bytes.
    pub rx: (u64, u64),
    /// Packets of entries made that are to be received.
    pub expected: u64,
    /// Packets of entries received.
    pub received: u64,
    /// Packets with CE.
    pub ce: u64,
}

/// Counters that went up since `before`, by how much.
pub(super) fn difference(now: Vec<(String, u64)>, before: &[(String, u64)]) -> Vec<(String, u64)> {
    now.into_iter()
        .map(|(name, value)| {
            let old = before
                .iter()
                .find(|(other, _)| *other == name)
                .map_or(0, |(_, old)| *old);
            (name, value.wrapping_sub(old))
        })
        .collect()
}

/// What the queues of one port have sent, and what of it the port never took.
pub type PortSent = (TxStats, u64);

impl PortOutcome {
    /// Frames that the port took, planned or not, and their bytes without FCS.
    #[must_use]
    pub fn accepted(&self) -> (u64, u64) {
        let beside = &self.tx.injected;
        (
            self.tx.frames + beside.sent() + self.probes.0,
            self.tx.bytes + beside.bytes + self.probes.1,
        )
    }
}

impl Outcome {
    /// The outcome of a run of `plan` in which nothing has happened yet.
    #[must_use]
    pub fn new(plan: &Plan, clock: Clock) -> Outcome {
        let entries = plan.entries.len();
        Outcome {
            made: vec![Sent::default(); entries],
            unsent: vec![Sent::default(); entries],
            flow_packets: vec![0; plan.flows() as usize],
            flow_sent: vec![0; plan.flows() as usize],
            flow_messages: vec![0; plan.flows() as usize],
            departures: vec![(Picos::MAX, Picos::ZERO); entries],
            lateness: vec![Times::default(); entries],
            gaps: vec![GapRecord::default(); entries],
            released: vec![0; entries],
            slips: vec![(0, Picos::ZERO); entries],
            sent_pauses: Vec::new(),
            requesters: vec![Counts::default(); entries],
            turnarounds: vec![Times::default(); entries],
            reads: vec![Times::default(); entries],
            rates: Vec::new(),
            received: None,
            ports: Vec::new(),
            probes: Vec::new(),
            probes_missing: Vec::new(),
            elapsed: Picos::ZERO,
            interrupted: None,
            cores: (Vec::new(), Vec::new()),
            clock,
            tsc_hz: 0,
            hugepages: false,
            fabric: None,
        }
    }

    /// Takes in what one queue has sent; its port's share goes to `ports`, which has one place for
    /// each port of the plan.
    pub fn add_unit<B: Batch>(&mut self, plan: &Plan, unit: &mut TxUnit<B>, ports: &mut [PortSent]) {
        let pending = unit.pending() as u64;
        let unsent = unit.give_up(plan);
        let mut untaken: BTreeMap<(usize, u32), u32> = BTreeMap::new();
        for one in &unsent {
            self.unsent[one.entry].add(&one.what);
            if let (Some(flow), true) = (one.flow, one.is_last) {
                *untaken.entry((one.entry, flow)).or_default() += 1;
            }
        }
        for (sum, one) in self.made.iter_mut().zip(unit.schedule().sent()) {
            sum.add(&one);
        }
        for (span, (first, last)) in self.departures.iter_mut().zip(unit.schedule().departures()) {
            *span = (span.0.min(*first), span.1.max(*last));
        }
        for (sum, one) in self.lateness.iter_mut().zip(&unit.lateness) {
            sum.merge(one);
        }
        for (sum, one) in self.turnarounds.iter_mut().zip(unit.turnarounds()) {
            sum.merge(one);
        }
        for (sum, one) in self.reads.iter_mut().zip(&unit.reads) {
            sum.merge(one);
        }
        for (sum, one) in self.gaps.iter_mut().zip(unit.take_gaps()) {
            sum.merge(&one);
        }
        for lane in unit.schedule().lanes() {
            if let Some(reliable) = lane.reliable() {
                self.requesters[lane.entry].add(&reliable.counts);
                let first = lane.first_pair * plan.entries[lane.entry].qps;
                let of = |change: &RateChange| RateOfFlow {
                    entry: lane.entry,
                    flow: first + change.flow,
                    change: *change,
                };
                self.rates.extend(reliable.trace().iter().map(of));
            }
            let slips = &mut self.slips[lane.entry];
            let (often, by) = lane.pacer().slips();
            slips.0 += often;
            slips.1 = slips.1.saturating_add(by);
            let entry = &plan.entries[lane.entry];
            let first = (entry.first_flow + lane.first_pair * entry.qps) as usize;
            for (flow, number) in lane.flows().iter().zip(first..).filter(|_| !lane.asks()) {
                (self.flow_packets[number], self.flow_sent[number]) = lane.packets_of(number - first, flow, entry);
                self.flow_messages[number] = u64::from(flow.messages);
            }
            let first = lane.first_pair * entry.qps;
            // What is asked for counts where it is sent.
            if lane.asks() {
                self.released[lane.entry] = self.released[lane.entry].max(lane.released());
                continue;
            }
            let of_flow = |flow: u32| untaken.get(&(lane.entry, first + flow)).copied().unwrap_or(0);
            self.unsent[lane.entry].messages += lane.not_sent(of_flow);
            self.released[lane.entry] = self.released[lane.entry].max(lane.released());
        }
        for one in &unsent {
            if let Some(flow) = one.flow {
                let number = (plan.entries[one.entry].first_flow + flow) as usize;
                self.flow_packets[number] -= one.what.packets;
                self.flow_sent[number] -= one.what.packets;
                self.flow_messages[number] -= u64::from(one.is_last);
            }
        }
        self.sent_pauses.append(&mut unit.pauses);
        let (stats, not_taken) = &mut ports[unit.port];
        stats.add(&unit.stats);
        stats.untimed += unit.untimed();
        stats.injected.add(&unit.injected());
        *not_taken += pending;
    }

    /// All of it as a [`Total`]; `buffers` were not in their pools.
    #[must_use]
    pub fn total(&self, buffers: u64) -> Total {
        Total {
            at: self.elapsed,
            sent: self
                .made
                .iter()
                .zip(&self.unsent)
                .map(|(made, unsent)| made.since(unsent))
                .collect(),
            requesters: self.requesters.clone(),
            tx: self.ports.iter().map(|port| (port.tx.frames, port.tx.bytes)).collect(),
            received: self.received.as_ref().map(|recorder| Tally::of(recorder, self.elapsed)),
            stats: self.ports.iter().map(|port| port.stats).collect(),
            buffers,
            pause: None,
        }
    }

    /// Takes in what one core has received.
    pub fn add_recorder(&mut self, recorder: Recorder) {
        match &mut self.received {
            Some(sum) => sum.merge(recorder),
            none => *none = Some(recorder),
        }
    }
}

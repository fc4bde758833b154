//! What the plan says of each flow, looked up once.
//!
//! Contract: a flow that the plan does not have is none; nothing here was seen on a wire.

use crate::pattern::Ecn;
use crate::plan::Plan;
use crate::plan::feed::{Rounds, Work};

/// One flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Its entry.
    pub entry: u16,
    /// Its lane: a probe's share of a round goes by it.
    pub lane: u32,
    /// The worker to which its frames are addressed.
    pub receiver: u32,
    /// Port behind which its sender is.
    pub sender: u16,
    /// Port at which its frames are expected.
    pub arrival: u16,
    /// Traffic class in which it is sent.
    pub class: u8,
    /// Whether its frames are sent ECN-capable, and not marked already.
    pub capable: bool,
    /// Whether it fills a queue that is held: a probe's.
    pub probe: bool,
    /// Low 32 bits of its first sequence number.
    pub first: u32,
}

/// All flows of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    flows: Vec<Flow>,
}

impl Facts {
    /// The facts of `plan`.
    #[must_use]
    pub fn of(plan: &Plan) -> Facts {
        let mut flows = Vec::with_capacity(plan.flows() as usize);
        let narrow = |port: usize| u16::try_from(port).unwrap_or(u16::MAX);
        for (index, entry) in (0u16..).zip(&plan.entries) {
            let capable = matches!(entry.frame.ecn, Ecn::Ect0 | Ecn::Ect1);
            let probe = probe(plan, index).is_some();
            for (lane, pair) in (0u32..).zip(&entry.pairs) {
                let flow = Flow {
                    entry: index,
                    lane,
                    receiver: pair.dst,
                    sender: narrow(plan.workers.get(pair.src as usize).map_or(0, |worker| worker.port)),
                    arrival: narrow(plan.arrival_port(*pair)),
                    class: entry.class,
                    capable,
                    probe,
                    first: entry.frame.first_psn.value(),
                };
                flows.extend((0..entry.qps).map(|_| flow));
            }
        }
        Facts { flows }
    }

    /// A flow by its number.
    #[must_use]
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        self.flows.get(number as usize)
    }

    /// All flows, by number.
    #[must_use]
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }
}

/// The rounds of an entry that holds its queue while it fills: an ECN probe.
#[must_use]
pub fn probe(plan: &Plan, entry: u16) -> Option<&Rounds> {
    match &plan.entries.get(usize::from(entry))?.work {
        Work::Rounds(rounds) if rounds.hold.is_some() => Some(rounds),
        _ => None,
    }
}

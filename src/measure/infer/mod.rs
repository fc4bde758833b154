//! What the switch does, read from outside: from frames' departures, arrivals and marks, and from
//! pause frames. `docs/METHOD.md` says how, and how far each figure can be trusted.
//!
//! Contract: pure functions of the [`Evidence`]; the same evidence gives the same answer. Nothing in
//! it is believed: stamps may lie, times may run backwards, counts may be zero. What cannot be told
//! is `None`, with the reason in words.
//!
//! Left out on purpose: the fabric's own counters, which are never looked at here: they are what the
//! answers are compared with.

pub mod cause;
mod cells;
pub mod convergence;
mod crowd;
pub mod curve;
pub mod dead;
pub mod drain;
pub mod ecn;
pub mod facts;
pub mod fit;
pub mod loss;
pub mod meter;
pub mod path;
pub mod pfc;
pub mod place;
pub mod probe;
pub mod queue;
pub mod reroute;
mod running;
pub mod runs;
pub mod spans;
pub mod stall;
pub mod standstill;
pub mod unmarked;
pub mod waits;

use std::collections::BTreeMap;

use crate::measure::PortRecord;
use crate::measure::pause::{PauseLog, SentPause};
use crate::measure::trace::Trace;
use crate::plan::Plan;
pub use crate::testbed::Configured;
use crate::units::Picos;
pub use ecn::{Marking, Verdict};
use facts::Facts;
use loss::Loss;
use meter::Metered;
use pfc::{Pausing, Place};
pub use probe::Probed;
use stall::{Stall, Victim};
use waits::Waits;

/// Everything that a run has seen and that its inference may use.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// What was to be sent.
    pub plan: &'a Plan,
    /// Single frames that arrived.
    pub trace: &'a Trace,
    /// PFC frames that arrived.
    pub received: &'a PauseLog,
    /// What each port received: the times that it was paused are whole there, whatever the log holds.
    pub ports: &'a [PortRecord],
    /// PFC frames that we sent, in any order.
    pub sent: &'a [SentPause],
    /// Packets that a port took, for each flow; empty when that is not known.
    pub flow_packets: &'a [u64],
    /// What the switch is said to be configured with.
    pub configured: &'a Configured,
    /// Where each port is joined to the fabric; empty when nobody tells.
    pub places: &'a [Place],
    /// The run's clock at its end.
    pub end: Picos,
}

impl Evidence<'_> {
    /// The leaf that a port is joined to; `None` where nobody tells.
    #[must_use]
    pub fn leaf(&self, port: u16) -> Option<u32> {
        self.places.get(usize::from(port)).map(|place| place.leaf)
    }

    /// Whether ports are joined to several leaves.
    #[must_use]
    pub fn has_several_leaves(&self) -> bool {
        self.places.windows(2).any(|two| two[0].leaf != two[1].leaf)
    }
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end; infinite where nothing bounds it.
    pub high: f64,
}

impl Estimate {
    /// Whether it is the greater one, and no figure but the ends is in both intervals.
    #[must_use]
    pub fn is_above(&self, other: &Estimate) -> bool {
        self.value > other.value && self.low >= other.high
    }
}

/// What was read of one queue: the frames of one class that leave the switch for one of our ports.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueInferred {
    /// The port at which it ends.
    pub port: usize,
    /// Its class.
    pub class: u8,
    /// Marking by the depth that frames saw, which rests on the clock.
    pub ecn: Option<Marking>,
    /// Marking by place in a queue that was held, which does not.
    pub probe: Option<Probed>,
    /// Whether both say the same, and what they say.
    pub agreement: Option<(bool, String)>,
    /// Marking by a token bucket, where the testbed says that the switch has one.
    pub meter: Option<Metered>,
    /// Frames that should have come through it and did not arrive.
    pub loss: Option<Loss>,
    /// Its longest silence while frames were overdue.
    pub stall: Option<Stall>,
    /// The longest time for which a `pfc` entry of ours held it.
    pub held: Option<Stall>,
}

/// Everything that was read from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inferred {
    /// The queues in which frames were seen, or should have been, by port and class.
    pub queues: Vec<QueueInferred>,
    /// PFC: received before sent, by port and class.
    pub pausing: Vec<Pausing>,
    /// Runs of frames that did not come, each with why.
    pub runs: Vec<(loss::Run, cause::Cause)>,
    /// Frames of each flow that were on their way while a path was dead.
    pub meanwhile: BTreeMap<u32, u64>,
    /// Frames of each flow that came late because it left a dead path, or came back to it.
    pub rerouted: BTreeMap<u32, u64>,
    /// How fast frames of each flow went that waited.
    pub drained: Vec<drain::Drained>,
    /// Behind several switches, when and of which paths everything stood still.
    pub standstills: Vec<standstill::Standstill>,
    /// Behind several switches, which flows were not marked in queues deeper than Kmax.
    pub unmarked: Vec<place::Path>,
    /// Over how many switches pauses came back; `None` where nobody tells which port is where.
    pub propagation: Option<u32>,
    /// What pauses of others cost each entry.
    pub victims: Vec<Option<Victim>>,
    /// Frames that found no room in the trace: nothing that arrived after [`Inferred::until`] is in
    /// what was read, except counts and pause times.
    pub beyond: u64,
    /// Until when the trace is complete; `None`: to the end.
    pub until: Option<Picos>,
}

/// Reads from `evidence` what can be read.
#[must_use]
pub fn infer(evidence: &Evidence<'_>) -> Inferred {
    let facts = Facts::of(evidence.plan);
    let waits = Waits::of(evidence, &facts);
    let ports = queue::ports(evidence, &facts, &waits);
    let loss::Losses {
        queues: mut losses,
        runs,
        dead,
    } = loss::infer(evidence, &facts, &waits, &ports);
    let mut queues = Vec::new();
    for port in &ports {
        for queue in &port.queues {
            let ecn = ecn::infer(evidence, &facts, port, queue);
            let probe = probe::infer(evidence, &facts, queue);
            let longest = queue.frames.iter().map(|frame| u64::from(frame.len)).max();
            let lost = losses.iter().position(|(key, _)| *key == (queue.port, queue.class));
            let loss = lost.map(|at| losses.swap_remove(at).1);
            queues.push(QueueInferred {
                port: port.port,
                class: queue.class,
                agreement: ecn
                    .as_ref()
                    .zip(probe.as_ref())
                    .and_then(|(overload, probed)| probe::agreement(overload, &probed.marking, longest.unwrap_or(0))),
                ecn,
                probe,
                meter: meter::infer(evidence, &facts, queue, loss.as_ref().map(|loss| loss.onset)),
                loss,
                stall: (!port.paths.is_coarse())
                    .then(|| stall::longest(evidence, &facts, &waits, port, queue))
                    .flatten(),
                held: (!port.paths.is_coarse())
                    .then(|| stall::held_by_us(evidence, &facts, port, queue))
                    .flatten(),
            });
        }
    }
    // Queues through which not one frame came.
    for ((port, class), loss) in losses {
        queues.push(QueueInferred {
            port,
            class,
            ecn: None,
            probe: None,
            agreement: None,
            meter: None,
            loss: Some(loss),
            stall: None,
            held: None,
        });
    }
    queues.sort_by_key(|queue| (queue.port, queue.class));
    let pausing = pfc::infer(evidence, &facts, &waits, &ports);
    let until = evidence.trace.complete_until();
    // What rests on how long single frames waited.
    let (drained, standstills, unmarked) = if ports.iter().any(|port| port.paths.is_coarse()) {
        (Vec::new(), Vec::new(), Vec::new())
    } else {
        let plain: Vec<loss::Run> = runs.iter().map(|(run, _)| *run).collect();
        let standstills = standstill::find(evidence, &facts, &waits);
        (
            drain::paths(evidence, &facts, &waits, &plain, &standstills),
            standstills,
            unmarked::find(evidence, &facts, &waits),
        )
    };
    Inferred {
        queues,
        propagation: pfc::propagation(evidence, &ports, &pausing),
        pausing,
        drained,
        standstills,
        unmarked,
        meanwhile: dead::given(evidence, &runs, &dead),
        rerouted: reroute::late(evidence, &facts, &runs, &dead),
        runs,
        victims: stall::victims(evidence, &facts, &ports),
        beyond: evidence.trace.beyond(),
        until: (until != Picos::MAX).then_some(until),
    }
}

#[cfg(test)]
mod tests;

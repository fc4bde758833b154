//! What the switch does, read from outside: from frames' departures, arrivals and marks, and from
//! pause frames. `docs/METHOD.md` says how, and how far each figure can be trusted.
//!
//! Contract: pure functions of the [`Evidence`]; the same evidence gives the same answer. Nothing in
//! it is believed: stamps may lie, times may run backwards, counts may be zero. What cannot be told
//! is `None`, with the reason in words.
//!
//! Left out on purpose: the fabric's own counters, which are never looked at here: they are what the
//! answers are compared with.

pub mod curve;
pub mod ecn;
pub mod fit;
mod path;
pub mod queue;

use crate::measure::pause::{PauseLog, SentPause};
use crate::measure::trace::Trace;
use crate::plan::Plan;
use crate::units::{Bytes, Picos, Share};
pub use ecn::{Marking, Verdict};

/// Everything that a run has seen and that its inference may use.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// What was to be sent.
    pub plan: &'a Plan,
    /// Single frames that arrived.
    pub trace: &'a Trace,
    /// PFC frames that arrived.
    pub received: &'a PauseLog,
    /// PFC frames that we sent, in any order.
    pub sent: &'a [SentPause],
    /// Packets that a port took, for each flow; empty when that is not known.
    pub flow_packets: &'a [u64],
    /// What the switch is said to be configured with.
    pub configured: &'a Configured,
    /// The run's clock at its end.
    pub end: Picos,
}

/// Marking thresholds of a queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EcnThresholds {
    /// Up to this depth nothing is marked.
    pub kmin: Bytes,
    /// Above this depth everything is.
    pub kmax: Bytes,
    /// Share marked at `kmax`.
    pub pmax: Share,
}

/// Pause thresholds of an ingress port and class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PfcThresholds {
    /// Above this many bytes the sender is paused.
    pub xoff: Bytes,
    /// At this many or fewer it is resumed.
    pub xon: Bytes,
}

/// What the switch is said to be configured with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Configured {
    /// ECN thresholds, where they are known.
    pub ecn: Option<EcnThresholds>,
    /// PFC thresholds, where they are known.
    pub pfc: Option<PfcThresholds>,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end; infinite where nothing bounds it.
    pub high: f64,
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
}

/// Everything that was read from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inferred {
    /// The queues in which frames were seen, by port and class.
    pub queues: Vec<QueueInferred>,
}

/// Reads from `evidence` what can be read.
#[must_use]
pub fn infer(evidence: &Evidence<'_>) -> Inferred {
    let mut queues = Vec::new();
    for port in queue::ports(evidence) {
        for queue in &port.queues {
            queues.push(QueueInferred {
                port: port.port,
                class: queue.class,
                ecn: ecn::infer(evidence, queue),
            });
        }
    }
    Inferred { queues }
}

#[cfg(test)]
mod tests;

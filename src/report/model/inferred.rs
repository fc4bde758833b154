//! What was read from outside of what the device under test does: thresholds, pauses, losses.

use serde::{Deserialize, Serialize};

use super::{MarkAt, MarkingVerdict, PauseDirection};

/// Everything that was read from outside.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Inferred {
    /// The queues through which frames came to our ports, or should have, by port and class.
    pub queues: Vec<Queue>,
    /// PFC: what was received before what was sent, by port and class.
    pub pfc: Vec<Pausing>,
    /// Switches over which pauses came back from the deepest queue to the furthest paused sender.
    pub pause_propagation_hops: Option<u32>,
    /// What the testbed says that the device under test is configured with.
    pub configured: Configured,
    /// What pauses of others cost each entry; empty when nothing was paused.
    pub victims: Vec<Victim>,
    /// Switches that our ports are joined to, where the testbed says so.
    pub leaves: Option<u32>,
    /// What was read is of frames that arrived before this time; none: of all.
    pub until_ps: Option<u64>,
    /// Frames that arrived later.
    pub frames_beyond: u64,
}

/// Thresholds as the testbed says them; nothing was read of them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Configured {
    /// ECN: up to this depth nothing is marked.
    pub kmin_bytes: Option<u64>,
    /// ECN: above this depth everything is.
    pub kmax_bytes: Option<u64>,
    /// ECN: share marked at `kmax_bytes`.
    pub pmax_percent: Option<f64>,
    /// PFC: above so many bytes the sender is paused.
    pub xoff_bytes: Option<u64>,
    /// PFC: at so many or fewer it is resumed.
    pub xon_bytes: Option<u64>,
    /// Token bucket: committed burst size.
    pub cbs_bytes: Option<u64>,
    /// Token bucket: committed information rate.
    pub cir_bps: Option<u64>,
}

/// The frames of one class on their way to one of our ports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The port.
    pub port: String,
    /// The class.
    pub class: u8,
    /// Marking by the depth that frames saw, from delays.
    pub ecn: Option<Marking>,
    /// Marking by place in a queue that was held (`ecn-probe`), from the order alone.
    pub probe: Option<Probe>,
    /// Whether both say the same.
    pub methods_agree: Option<bool>,
    /// What both say, in words.
    pub methods: Option<String>,
    /// Marking by a token bucket, where the testbed says that the device has one.
    #[serde(default)]
    pub meter: Option<Meter>,
    /// Frames that should have come and did not.
    pub loss: Option<QueueLoss>,
    /// The longest time without an arrival while frames were overdue.
    pub silence: Option<Silence>,
    /// The longest time for which a `pfc` entry of our own held it.
    #[serde(default)]
    pub held: Option<Silence>,
}

/// How a queue marks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Marking {
    /// ECN-capable frames of which a depth is known.
    pub frames: u64,
    /// Of them, marked.
    pub marked: u64,
    /// ECN-capable frames left out: they waited elsewhere, at least in part, or another switch may have
    /// marked them.
    #[serde(default)]
    pub elsewhere: u64,
    /// Greatest depth that any of them saw.
    pub deepest_bytes: u64,
    /// How far depths may be off, for paths of which no frame was ever alone; the intervals have it.
    pub uncertainty_bytes: u64,
    /// The first marked frame.
    pub onset: Option<Onset>,
    /// When the switch looks at the depth; none when both explain the marks as well.
    pub at: Option<MarkAt>,
    /// Up to this depth nothing is marked.
    pub kmin_bytes: Option<Estimate>,
    /// Beyond this depth everything is.
    pub kmax_bytes: Option<Estimate>,
    /// Share marked at Kmax; none where a step explains the marks.
    pub pmax: Option<Estimate>,
    /// Whether marking sets in all at once; none where the marks do not tell a step from a ramp below it.
    pub step: Option<bool>,
    /// Why there are no thresholds.
    pub why_not: Option<String>,
    /// Whether they are the configured ones.
    pub verdict: MarkingVerdict,
    /// In words.
    pub explanation: String,
    /// Share marked over depth; empty when nothing was marked.
    pub curve: Vec<Bin>,
}

/// A token bucket that marks (RFC 2697 without an excess burst).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// ECN-capable frames that it was read from: those before the first loss.
    pub frames: u64,
    /// Of them, marked.
    pub marked: u64,
    /// Frames left out because others had been lost before.
    pub after_loss: u64,
    /// Committed burst size: bytes of IP packets that a full bucket lets pass unmarked.
    pub cbs_bytes: Option<Estimate>,
    /// Committed information rate: bits of IP packets a second by which it fills.
    pub cir_bps: Option<Estimate>,
    /// Why there is none.
    pub why_not: Option<String>,
    /// Whether they are the configured ones.
    pub verdict: MarkingVerdict,
    /// In words.
    pub explanation: String,
}

/// Marking as a probe sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Rounds that count.
    pub rounds: u64,
    /// Rounds left out because frames left their sender after the release.
    pub late_rounds: u64,
    /// Frames left out because they came while the queue was to be held.
    pub early_frames: u64,
    /// What it says.
    pub marking: Marking,
}

/// The first marked frame of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onset {
    /// Its arrival.
    pub arrival_ps: u64,
    /// Its departure.
    pub departure_ps: Option<u64>,
    /// It was the n-th ECN-capable frame of this queue, from 1.
    pub frame: u64,
    /// Its flow.
    pub flow: u64,
    /// Depth by which it was marked.
    pub depth_bytes: Option<u64>,
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end; none where nothing bounds it.
    pub high: Option<f64>,
}

/// Frames that saw a depth from `from_bytes` to `to_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Least depth.
    pub from_bytes: u64,
    /// Greatest depth, included.
    pub to_bytes: u64,
    /// Frames.
    pub frames: u64,
    /// Of them, marked.
    pub marked: u64,
    /// Lower end of the share's 95 % interval (Wilson).
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Loss in one queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueLoss {
    /// Frames missing.
    pub frames: u64,
    /// Runs of them: consecutive frames of a flow.
    pub runs: u64,
    /// Length of the longest run.
    pub longest_run: u64,
    /// Runs of 1, 2–3, 4–7, 8–15, … frames.
    pub run_lengths: Vec<u64>,
    /// Departure of the first missing frame, by its neighbours.
    pub onset_ps: u64,
    /// Its flow.
    pub onset_flow: u64,
    /// Bytes in the queue when it would have entered: the buffer absorbed.
    pub depth_at_onset_bytes: Option<u64>,
    /// Bytes that had entered by then since the queue was last empty.
    pub entered_before_onset_bytes: Option<u64>,
    /// Depth at the beginning of the runs: the least.
    pub depth_min_bytes: Option<u64>,
    /// The median.
    pub depth_p50_bytes: Option<u64>,
    /// The greatest.
    pub depth_max_bytes: Option<u64>,
    /// Runs that chance does not make: a dead link or path.
    pub outages: u64,
    /// Frames missing in them.
    pub outage_frames: u64,
    /// From the first loss in an outage to the first arrival after the last.
    pub convergence_ps: Option<u64>,
    /// The outages, by time; at most 64.
    pub listed: Vec<Outage>,
}

/// Time in which a flow was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The flow.
    pub flow: u64,
    /// Departure of the first missing frame, by its neighbours.
    pub began_ps: u64,
    /// First arrival after it; none: there was none.
    pub restored_ps: Option<u64>,
    /// From the last arrival before to the first after.
    pub gap_ps: Option<u64>,
    /// Frames missing.
    pub frames: u64,
}

/// A time without arrivals, while frames were overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// When it began.
    pub began_ps: u64,
    /// How long it was.
    pub length_ps: u64,
    /// From its end until the queue was first empty; none: it never was, as far as is known.
    pub recovery_ps: Option<u64>,
    /// The least that it may have been.
    #[serde(default)]
    pub recovery_low_ps: Option<u64>,
    /// The most.
    #[serde(default)]
    pub recovery_high_ps: Option<u64>,
}

/// PFC of one class at one port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pausing {
    /// Our port.
    pub port: String,
    /// The class.
    pub class: u8,
    /// Who asked whom.
    pub direction: PauseDirection,
    /// Frames that paused, or kept paused.
    pub xoff_frames: u64,
    /// Frames that resumed.
    pub xon_frames: u64,
    /// Pauses: uninterrupted ones count once.
    pub pauses: u64,
    /// Pauses that ran out without a frame.
    pub expired: u64,
    /// Time paused, all together.
    pub paused_ps: u64,
    /// Longest pause.
    pub longest_ps: u64,
    /// It was kept up for ten of the longest pause times.
    pub storm: bool,
    /// Longest time paused with nothing of this port and class in the switch.
    pub unfounded_ps: Option<u64>,
    /// XOFF threshold.
    pub xoff: Option<Threshold>,
    /// XON threshold.
    pub xon: Option<Threshold>,
    /// Why there is none.
    pub why_not: Option<String>,
}

/// A pause threshold read from the bytes that were in the switch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The threshold, with the interval that all events allow.
    pub bytes: Estimate,
    /// Events: PFC frames that it was read from.
    pub events: u64,
    /// Least number of bytes in the switch at one of them.
    pub min_bytes: u64,
    /// Median.
    pub p50_bytes: u64,
    /// Greatest.
    pub max_bytes: u64,
    /// By so much more, if the switch counts frames from their arrival and not from their queueing.
    pub uncertainty_bytes: u64,
}

/// What pauses of others cost one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Victim {
    /// The entry.
    pub entry: String,
    /// Waiting of frames on their way while another class or port was paused.
    pub during: Waiting,
    /// Waiting of the others.
    pub calm: Waiting,
    /// For how long its senders themselves were paused in its class while it was sent, all together; none
    /// where single frames and pauses were not kept to the end of the last pause.
    pub held_ps: Option<u64>,
    /// How far each waiting may be off, for paths of which no frame was ever alone.
    #[serde(default)]
    pub uncertainty_ps: u64,
    /// Its frames went through the deepest queue of a class that was paused: part of the cause.
    pub congested: bool,
}

/// How long frames waited beyond their unloaded delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Frames.
    pub frames: u64,
    /// On average.
    pub mean_ps: u64,
    /// 99th percentile.
    pub p99_ps: u64,
    /// The longest.
    pub max_ps: u64,
}

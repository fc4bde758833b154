//! `samples.jsonl`, `"schema":"squall.samples/1"`: one line a sample, after a line about all of them.

use serde::{Deserialize, Serialize};

use super::Clock;

/// The schema that this version writes and reads.
pub const SAMPLES_SCHEMA: &str = "squall.samples/1";

/// The first line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleHeader {
    /// [`SAMPLES_SCHEMA`].
    pub schema: String,
    /// The pattern's name.
    pub name: String,
    /// SHA-256 of its file.
    pub pattern_sha256: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The clock that samples' times are of.
    pub clock: Clock,
    /// A sample's length.
    pub interval_ps: u64,
    /// How long sending is planned to take, where the plan knows it.
    pub planned_duration_ps: Option<u64>,
    /// The traffic entries, in the order of every sample's `traffic`.
    pub traffic: Vec<SampledName>,
    /// The ports, in the order of every sample's `ports`.
    pub ports: Vec<SampledLink>,
}

/// A traffic entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledName {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledLink {
    /// Its name.
    pub name: String,
    /// Its line rate.
    pub speed_bps: u64,
}

/// What happened in one interval of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number, from 0; goes on over segments.
    pub index: u64,
    /// Which uninterrupted part of the run it belongs to, from 0: a run on real ports that was killed goes
    /// on with another.
    pub segment: u32,
    /// It begins after this time of its segment's clock.
    pub from_ps: u64,
    /// It ends with this one.
    pub to_ps: u64,
    /// Whether it is a full interval in which messages were being sent: trends are made of these.
    pub whole: bool,
    /// Whether it is the last of its segment.
    pub last: bool,
    /// Each traffic entry.
    pub traffic: Vec<SampledTraffic>,
    /// Each port.
    pub ports: Vec<SampledPort>,
    /// Packet buffers that were not in their pools when it ended.
    pub buffers_in_use: u64,
    /// What the machine says: no two runs are alike in it.
    pub process: SampledProcess,
}

/// One traffic entry in one interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledTraffic {
    /// Its name.
    pub name: String,
    /// Frames made, and in the last sample those of them that no port took taken off.
    pub sent_frames: u64,
    /// Their payload bytes.
    pub sent_payload_bytes: u64,
    /// Messages wholly sent.
    pub sent_messages: u64,
    /// What was received; none where no port receives.
    pub received: Option<SampledReceived>,
    /// What its requesters did and heard; none where its QPs are open.
    #[serde(default)]
    pub requester: Option<SampledRequester>,
}

/// What the requesters of an entry's reliable connections did and heard in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledRequester {
    /// Frames sent again.
    pub resent_frames: u64,
    /// Messages acknowledged whole.
    pub acknowledged_messages: u64,
    /// NAKs and RNR NAKs heard, of every kind.
    pub naks: u64,
    /// Local ACK timeouts.
    pub timeouts: u64,
    /// CNPs heard.
    pub cnps: u64,
    /// Times that a CNP lowered a rate.
    pub rate_cuts: u64,
}

/// What was received of an entry in one interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledReceived {
    /// Frames, each once.
    pub frames: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// Payload received per second.
    pub goodput_bps: Option<u64>,
    /// Messages wholly received.
    pub messages: u64,
    /// Frames with CE.
    pub ce: u64,
    /// Of the frames received ECN-capable or marked, those with CE.
    pub ce_percent: Option<f64>,
    /// Further copies of frames.
    pub duplicated: u64,
    /// Frames that came after a later one of their flow.
    pub reordered: u64,
    /// Frames with a wrong ICRC.
    pub icrc_errors: u64,
    /// One-way delay of frames.
    pub packet_latency: Option<SampledTimes>,
    /// First departure to arrival of the last packet, of messages that were completed in the interval.
    pub message_latency: Option<SampledTimes>,
    /// First departure to last arrival of rounds, dispatches and transfers completed in it.
    pub round_time: Option<SampledTimes>,
}

/// A distribution in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledTimes {
    /// Values.
    pub count: u64,
    /// Median.
    pub p50_ps: u64,
    /// 99th percentile.
    pub p99_ps: u64,
    /// Greatest, to three digits.
    pub max_ps: u64,
}

/// One port in one interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledPort {
    /// Its name.
    pub name: String,
    /// Sent.
    pub tx: SampledRate,
    /// Received; none where it does not receive.
    pub rx: Option<SampledRate>,
    /// PFC frames received.
    pub pfc_frames: Option<u64>,
    /// PAUSE frames received.
    pub pause_frames: Option<u64>,
    /// For how long both asked it to pause, all classes together.
    pub paused_ps: Option<u64>,
    /// Driver's counters that a lossless run leaves at zero; none where it has none.
    pub driver: Option<SampledDriver>,
}

/// Frames in one direction of a port.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampledRate {
    /// Frames.
    pub frames: u64,
    /// Their bytes without FCS.
    pub bytes: u64,
    /// Rate on the wire, over the whole interval.
    pub wire_rate_bps: Option<u64>,
    /// The same over line rate.
    pub utilization_percent: Option<f64>,
}

/// By how much a driver's counters went up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledDriver {
    /// Frames dropped because the receive queue was full.
    pub imissed: u64,
    /// Frames received with an error.
    pub ierrors: u64,
    /// Frames that could not be sent.
    pub oerrors: u64,
    /// Receive buffers that could not be had.
    pub rx_nombuf: u64,
}

/// What the machine says when a sample is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledProcess {
    /// Wall-clock time, RFC 3339 in UTC.
    pub at: String,
    /// Resident memory of squall's process (`VmRSS`).
    pub resident_bytes: Option<u64>,
    /// The longest time for which a core's loop stood still while its counters were copied; none in
    /// simulated time, and of a run's last sample.
    pub pause_ps: Option<u64>,
}

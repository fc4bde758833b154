//! The figures that a result can have, each said once: name, unit, which way it gets better, statistics, definition,
//! and where it stands.
//!
//! Contract: whoever lists a figure (`report::kpi`, `report::figures`), holds a line of `expect` or `asks` against
//! it, compares two results or describes it in `docs/` takes all that from here.
//!
//! Left out on purpose: values.

use serde::{Deserialize, Serialize};

use super::places::{Scope, Term};
use super::unit::Dimension;
use super::unit::Dimension::{Count, Frequency, Rate, Ratio, Share, Size, Time};

/// Which way a figure gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Less is better: a latency, a loss.
    Lower,
    /// More is better: a throughput, a fairness.
    Higher,
    /// Neither: a threshold, a rate of marks: what a switch was told to do, or what we asked of it. That it changed
    /// is what matters.
    Neither,
}

impl Better {
    /// The word for it, as in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "neither",
        }
    }
}

/// Which way `figure` gets better, by its name alone or with its statistic (`KV_xfer_latency.p99`). A name that is
/// not known has no direction.
#[must_use]
pub fn better(figure: &str) -> Better {
    let name = figure.split_once('.').map_or(figure, |(name, _)| name);
    find(name).map_or(Better::Neither, |known| known.better)
}

/// A kind of place that a figure stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A traffic entry.
    Entry,
    /// A port, and all ports together.
    Port,
    /// A class of a port.
    Class,
    /// A queue, and all queues together.
    Queue,
    /// The whole run.
    Run,
    /// What the device under test tells of itself.
    Device,
}

impl At {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            At::Entry => "traffic entries",
            At::Port => "ports",
            At::Class => "classes of ports",
            At::Queue => "queues",
            At::Run => "the run",
            At::Device => "the device",
        }
    }

    /// The kind of the place that `term` names.
    fn of(term: &Term) -> At {
        match term {
            Term::Entry(_) => At::Entry,
            Term::Port(_, None) => At::Port,
            Term::Port(_, Some(_)) => At::Class,
            Term::Queue(..) => At::Queue,
            Term::Device(_) => At::Device,
            Term::Together(place) => match place.as_str() {
                "ports" => At::Port,
                "queues" => At::Queue,
                "device" => At::Device,
                _ => At::Run,
            },
        }
    }
}

/// What is not as with other figures of the same dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// It may be negative.
    Signed,
    /// It is at most one.
    Index,
    /// Its share is of something that is no whole: more than 100 % can be.
    OverWhole,
    /// What several places have of it adds up to what all have, although times do not.
    AddsUp,
    /// What several places have of it does not add up, although counts and rates do.
    Single,
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name: the draft's for the draft's KPIs.
    pub name: &'static str,
    /// Its unit in results.
    pub unit: &'static str,
    /// Which way it gets better.
    pub better: Better,
    /// Its statistics; the first is meant when a line names none, where it is "".
    pub measures: &'static [Measure],
    /// Where it stands.
    pub at: &'static [At],
    /// What is not as with others.
    pub special: &'static [Special],
    /// Its definition, in a line.
    pub doc: &'static str,
}

/// One statistic of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Its name; "" where the figure is one number.
    pub statistic: &'static str,
    /// What kind of quantity it is.
    pub dimension: Dimension,
}

const fn one(dimension: Dimension) -> Measure {
    of("", dimension)
}

const fn of(statistic: &'static str, dimension: Dimension) -> Measure {
    Measure { statistic, dimension }
}

const COUNT: &[Measure] = &[one(Count)];
const SIZE: &[Measure] = &[one(Size)];
const TIME: &[Measure] = &[one(Time)];
const SHARE: &[Measure] = &[one(Share)];
const RATIO: &[Measure] = &[one(Ratio)];
const RATE: &[Measure] = &[one(Rate)];
const TIMES: &[Measure] = &[
    of("min", Time),
    of("mean", Time),
    of("p50", Time),
    of("p95", Time),
    of("p99", Time),
    of("p99-9", Time),
    of("max", Time),
];
const SHORT: &[Measure] = &[of("mean", Time), of("p50", Time), of("p99", Time)];
const TO_THE_TAIL: &[Measure] = &[
    of("mean", Time),
    of("p50", Time),
    of("p95", Time),
    of("p99", Time),
    of("p99-9", Time),
    of("tail-spread", Time),
];

/// Declares figures: for each a static, and the list of them all.
///
/// A figure is a line `STATIC: "name" [unit], better, statistics, [places], "definition" special…;`.
macro_rules! figures {
    ($(
        $constant:ident: $name:literal [$unit:literal], $better:ident, $measures:expr, [$($at:ident)*], $doc:literal
        $($special:ident)*;
    )*) => {
        $(
            #[doc = $doc]
            pub static $constant: Known = Known {
                name: $name,
                unit: $unit,
                better: Better::$better,
                measures: $measures,
                at: &[$(At::$at),*],
                special: &[$(Special::$special),*],
                doc: $doc,
            };
        )*
        static ALL: &[&Known] = &[$(&$constant),*];
    };
}

figures! {
    SENT: "sent" ["frames"], Neither, COUNT, [Entry], "frames that the ports took";
    UNSENT: "unsent" ["frames"], Lower, COUNT, [Entry], "frames that were due and that no port took";
    RECEIVED: "received" ["frames"], Higher, COUNT, [Entry], "frames received, without further copies";
    LOST: "lost" ["frames"], Lower, COUNT, [Entry], "frames sent and not received";
    // More may have arrived than was sent.
    UNEXPLAINED: "unexplained" ["frames"], Lower, COUNT, [Entry], "frames lost without a named cause" Signed;
    DUPLICATED: "duplicated" ["frames"], Lower, COUNT, [Entry], "further copies of frames";
    REORDERED: "reordered" ["frames"], Lower, COUNT, [Entry], "frames that came after a later one of their flow";
    ICRC_ERRORS: "icrc_errors" ["frames"], Lower, COUNT, [Entry], "frames with a wrong ICRC";
    MALFORMED: "malformed" ["frames"], Lower, COUNT, [Entry], "frames that could not be decoded";
    CE: "ce" ["frames"], Neither, COUNT, [Entry], "frames received with CE";
    MESSAGES: "messages" ["messages"], Higher, COUNT, [Entry], "messages wholly received";
    INCOMPLETE: "incomplete" ["messages"], Lower, COUNT, [Entry], "messages sent and not wholly received";
    RETRANSMITTED: "retransmitted" ["frames"], Lower, COUNT, [Entry], "frames that a requester sent again";
    ACK_TIMEOUTS: "ack_timeouts" ["timeouts"], Lower, COUNT, [Entry], "local ACK timeouts of requesters";
    NAKS: "naks" ["frames"], Lower, COUNT, [Entry], "NAKs for a PSN sequence error that requesters heard";
    RNR_NAKS: "rnr_naks" ["frames"], Lower, COUNT, [Entry], "RNR NAKs that requesters heard";
    CNPS: "cnps" ["frames"], Neither, COUNT, [Entry], "CNPs that requesters heard";
    QPS_IN_ERROR: "qps_in_error" ["QPs"], Lower, COUNT, [Entry], "QPs that ended in the error state (NIC QP State)";
    TOKENS_DROPPED: "tokens_dropped" ["copies"], Lower, COUNT, [Entry],
        "token copies that an AllToAll dropped for want of capacity";
    TOKENS_OVERFLOW: "tokens_overflow" ["copies"], Lower, COUNT, [Entry],
        "token copies beyond a pair's padded number, not sent (low-latency mode)";
    TOKENS_PADDING: "tokens_padding" ["copies"], Neither, COUNT, [Entry],
        "copies sent that carry no token (low-latency mode)";
    CUT_OFF: "cut_off" ["pairs"], Lower, COUNT, [Entry],
        "pairs of workers of which nothing came any more, to the end of the run";
    ANOMALIES: "anomalies" ["1"], Lower, COUNT, [Run], "anomalies of the whole run";
    SOAK_GROWTHS: "soak_growths" ["1"], Lower, COUNT, [Run],
        "figures of a sampled run that grew from sample to sample";

    KV_XFER_LATENCY: "KV_xfer_latency" ["us"], Lower, TO_THE_TAIL, [Entry],
        "departure of a message's first bit to arrival of its last packet";
    KV_XFER_BANDWIDTH: "KV_xfer_bandwidth" ["GB/s"], Higher, &[of("per-port", Rate), of("aggregate", Rate)], [Entry],
        "message payload received per second: of all pairs together, and for each port of the side with fewer ports";
    FABRIC_FCT: "Fabric_FCT" ["us"], Lower, SHORT, [Entry],
        "departure of a flow's first bit until every byte of its transfer has arrived";
    EP_ALLTOALL_LATENCY: "EP_alltoall_latency" ["us"], Lower, SHORT, [Entry],
        "first departure to last arrival over all ranks of one dispatch";
    EP_ALLTOALL_BANDWIDTH: "EP_alltoall_bandwidth" ["GB/s"], Higher, RATE, [Entry],
        "payload of complete dispatches over the sum of their times, all ranks together";
    BUS_BW: "BusBW" ["GB/s"], Higher, &[of("per-port", Rate)], [Entry],
        "bytes that a rank hands over per second, those for its own node's ranks included, times (n-1)/n for n ranks";
    INTER_NODE_SHARE: "Inter_node_share" ["%"], Neither, SHARE, [Entry],
        "tokens sent to ranks of other nodes over those for any other rank, with `ranks_per_node`";
    FABRIC_GOODPUT: "Fabric_Goodput" ["GB/s"], Higher, RATE, [Entry],
        "message payload received per second (Fabric_Goodput of the terminology draft)";
    ECN_MARKING_RATE: "ECN_marking_rate" ["%"], Neither, SHARE, [Entry Device],
        "CE frames over frames received that were sent ECN-capable; of the device, frames marked over frames forwarded";
    PACKET_DROP_RATE: "Packet_drop_rate" ["ppm"], Lower, SHARE, [Entry Device],
        "frames lost for which the DUT is answerable, and those without a named cause, per million sent; of the device, \
         frames dropped per million forwarded or dropped";
    JFI: "JFI" ["1"], Higher, RATIO, [Entry], "Jain fairness index of goodput" Index;
    PFC_FRAME_COUNT: "PFC_frame_count" ["frames"], Lower, &[one(Count), of("per-second", Frequency)],
        [Port Class Device], "PFC frames received from the DUT, once for each class that they name";
    PFC_PAUSE_TIME: "PFC_pause_time" ["us"], Lower, TIME, [Port Class],
        "time for which PFC asked this port to pause, all classes together" AddsUp;
    PFC_XOFF: "PFC_XOFF" ["bytes"], Neither, SIZE, [Port Class],
        "bytes of this sender in the switch above which it is paused, read from outside";
    PFC_XON: "PFC_XON" ["bytes"], Neither, SIZE, [Port Class],
        "bytes of this sender in the switch at which it is resumed, read from outside";
    PFC_STORMS: "PFC_storms" ["1"], Lower, RATIO, [Run],
        "ports and classes that were paused for ten of the longest pause times without a break";
    PFC_PROPAGATION_DEPTH: "PFC_propagation_depth" ["1"], Lower, RATIO, [Run],
        "switches over which pauses came back from the deepest queue";
    HOL_BLOCKING_DELAY: "HOL_blocking_delay" ["us"], Lower, &[of("mean", Time), of("p99", Time), of("max", Time)],
        [Entry],
        "lateness of departures, and beside it the waiting beyond the unloaded delay of frames that were on their way \
         while another class or port was paused";
    HOL_HELD_TIME: "HOL_held_time" ["us"], Lower, TIME, [Entry],
        "time for which PFC held an entry's senders in its class while it was sent, all senders together" AddsUp;
    ECN_ONSET_DELAY: "ECN_onset_delay" ["us"], Neither, TIME, [Entry],
        "one-way delay of an entry's first frame with CE";
    ECN_ONSET_FRAME: "ECN_onset_frame" ["frames"], Neither, COUNT, [Entry],
        "how many of an entry's frames had arrived when the first came with CE, itself included" Single;
    ECN_ONSET_DEPTH: "ECN_onset_depth" ["bytes"], Neither, SIZE, [Queue],
        "depth that the frame saw which was marked first in time, from delays; Kmin or more";
    ECN_KMIN: "ECN_Kmin" ["bytes"], Neither, SIZE, [Queue], "depth up to which nothing is marked, from delays";
    ECN_KMAX: "ECN_Kmax" ["bytes"], Neither, SIZE, [Queue], "depth beyond which everything is marked, from delays";
    ECN_PMAX: "ECN_Pmax" ["%"], Neither, SHARE, [Queue], "share marked at Kmax, from delays; none of a step";
    ECN_PROBE_ONSET_DEPTH: "ECN_probe_onset_depth" ["bytes"], Neither, SIZE, [Queue],
        "depth that the frame saw which was marked first in time, by place in a held queue; Kmin or more";
    ECN_PROBE_KMIN: "ECN_probe_Kmin" ["bytes"], Neither, SIZE, [Queue],
        "depth up to which nothing is marked, by place in a held queue";
    ECN_PROBE_KMAX: "ECN_probe_Kmax" ["bytes"], Neither, SIZE, [Queue],
        "depth beyond which everything is marked, by place in a held queue";
    ECN_PROBE_PMAX: "ECN_probe_Pmax" ["%"], Neither, SHARE, [Queue],
        "share marked at Kmax, by place in a held queue; none of a step";
    ECN_CBS: "ECN_CBS" ["bytes"], Neither, SIZE, [Queue],
        "bytes of IP packets that a full token bucket lets pass unmarked";
    ECN_CIR: "ECN_CIR" ["GB/s"], Neither, RATE, [Queue], "rate of IP packets at which the token bucket fills" Single;
    BUFFER_ABSORBED: "Buffer_absorbed" ["bytes"], Higher, SIZE, [Queue],
        "bytes in the queue when the first frame was lost";
    ZERO_THROUGHPUT: "Zero_throughput" ["us"], Lower, TIME, [Queue],
        "longest time without an arrival while frames were overdue";
    RECOVERY_TIME: "Recovery_time" ["us"], Lower, TIME, [Queue],
        "from the end of the pause that we asked for, else of the longest silence, until the queue was first empty";
    DISRUPTION_TIME: "Disruption_time" ["us"], Lower, TIME, [Queue],
        "longest time that a flow was cut off, from arrival to arrival";
    DISRUPTION_LOSS: "Disruption_loss" ["frames"], Lower, COUNT, [Queue], "frames lost while flows were cut off";
    CONVERGENCE_TIME: "Convergence_time" ["us"], Lower, TIME, [Queue],
        "from the first loss of a flow that was cut off until all of them arrived again";
    STEADY_RATE: "Steady_rate" ["GB/s"], Higher, RATE, [Entry], "message payload received per second of the steady time";
    RATE_CONVERGENCE_TIME: "Rate_convergence_time" ["us"], Lower, TIME, [Run],
        "from the change of load until rates had settled: from then on at most 1 % of windows were outside";
    RATE_WINDOW: "Rate_window" ["us"], Lower, TIME, [Run],
        "the smallest window of which at most 1 % of the steady time were outside: by it rates had settled";
    RATES_OUTSIDE: "Rates_outside" ["%"], Lower, SHARE, [Run],
        "windows of the steady time in which a rate was outside, over all of them; of the smallest window where none settled";
    STEADY_JFI: "Steady_JFI" ["1"], Higher, RATIO, [Run], "Jain fairness index of the steady rates" Index;
    STEADY_JFI_MAX_MIN: "Steady_JFI_max_min" ["1"], Higher, RATIO, [Run],
        "Jain fairness index of the steady rates, each over its max-min share by the links of hosts" Index;
    OVERSUBSCRIPTION: "Oversubscription" ["1"], Neither, RATIO, [Run],
        "bandwidth of a leaf's hosts over that of its uplinks, by the testbed";
    LINK_UTILIZATION: "Link_utilization" ["%"], Neither, &[of("tx", Share), of("rx", Share), one(Share)],
        [Port Device],
        "mean wire rate over line rate, while frames were on the link; without a statistic, as the device tells it";
    BUFFER_UTILIZATION: "Buffer_utilization" ["%"], Neither, SHARE, [Device],
        "greatest fill of the device's buffer, by its own watermark";

    TURNAROUND: "turnaround" ["us"], Lower, TIMES, [Entry],
        "from the arrival of a packet to the departure of the acknowledgement that answers it at once";
    READ_TIME: "read_time" ["us"], Lower, TIMES, [Entry],
        "from a READ's first request to the last of what it asked for, by the requester's clock";
    PACKET_LATENCY: "packet_latency" ["us"], Lower, TIMES, [Entry], "one-way delay of a frame";
    ROUND_TIME: "round_time" ["us"], Lower, TIMES, [Entry], "a round's first departure to its last arrival";
    LONGEST_GAP: "longest_gap" ["us"], Lower, TIME, [Entry],
        "longest time without an arrival, of any pair of workers that had frames to receive";
    LONGEST_OUTAGE: "longest_outage" ["us"], Lower, TIME, [Entry],
        "longest time without an arrival of a flow at whose end frames were missing, in the whole run";
    CONTENDED_RATE: "contended_rate" ["GB/s"], Higher, RATE, [Entry],
        "wire rate at which an entry's frames came while those of other entries came to the same port";
    KV_XFER_LATENCY_VARIATION: "KV_xfer_latency_variation" ["%"], Lower, SHARE, [Entry],
        "greatest minus least P99 of a sampled run's samples, over their median" OverWhole;

    BUFFER_WATERMARK: "Buffer_watermark" ["bytes"], Neither, SIZE, [Device],
        "greatest number of bytes in the device's buffer";
    DROPPED: "dropped" ["frames"], Lower, COUNT, [Device], "frames that the device says it dropped";
    MARKED: "marked" ["frames"], Neither, COUNT, [Device], "frames that the device says it marked";
    SWITCH_CPU: "Switch_CPU" ["%"], Lower, SHARE, [Device],
        "utilisation of the control plane's processor, as the device tells it" OverWhole;
    SWITCH_MEMORY: "Switch_memory" ["%"], Lower, SHARE, [Device], "use of memory, as the device tells it";
    POST_FEC_BER: "Post_FEC_BER" ["1"], Lower, RATIO, [Device],
        "bit error rate after forward error correction, as the device tells it" Index;
    CRC_ERRORS: "CRC_errors" ["frames"], Lower, COUNT, [Device], "frames with a wrong FCS, as the device counts them";
    ROUTING_FLAPS: "Routing_flaps" ["1"], Lower, COUNT, [Device],
        "routing adjacencies that went down, as the device counts them";
}

/// All figures.
pub fn known() -> impl Iterator<Item = &'static Known> {
    ALL.iter().copied()
}

/// The figure of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Known> {
    known().find(|known| known.name == name)
}

impl Known {
    /// The statistic of this name; with none named, the figure itself where it is one number.
    #[must_use]
    pub fn measure(&self, statistic: Option<&str>) -> Option<&'static Measure> {
        let wanted = statistic.unwrap_or("");
        self.measures.iter().find(|measure| measure.statistic == wanted)
    }

    /// The unit in results of one of its statistics.
    #[must_use]
    pub fn unit_of(&self, measure: &Measure) -> &'static str {
        match (self.measures, measure.dimension) {
            ([first, ..], dimension) if first.dimension != dimension => dimension.of_reports(),
            _ => self.unit,
        }
    }

    /// Whether it differs from others of its dimension so.
    #[must_use]
    pub fn is(&self, special: Special) -> bool {
        self.special.contains(&special)
    }

    /// The places of `scope` that it never stands at.
    pub(super) fn strangers<'s>(&self, scope: &'s Scope) -> impl Iterator<Item = &'s Term> {
        scope.0.iter().filter(|term| !self.at.contains(&At::of(term)))
    }

    /// Whether what two places have of it adds up to what both have: counts do, and rates and times of a
    /// whole place; not shares, percentiles or thresholds.
    #[must_use]
    pub fn adds_up(&self, measure: &Measure) -> bool {
        match measure.dimension {
            Count | Frequency | Rate => !self.is(Special::Single) && measure.statistic != "per-port",
            Time => self.is(Special::AddsUp),
            Share | Size | Ratio => false,
        }
    }

    /// How a line names one of its statistics.
    #[must_use]
    pub fn title(&self, measure: &Measure) -> String {
        match measure.statistic {
            "" => self.name.to_owned(),
            statistic => format!("{}.{statistic}", self.name),
        }
    }

    /// How a line names each of its statistics.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.measures.iter().map(|measure| self.title(measure))
    }
}

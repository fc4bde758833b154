//! The figures that an expectation can be about: names, statistics, units. Behind the checks, the
//! suggestions and `docs/SWEEPS.md` alike.

use super::unit::Dimension;
use super::unit::Dimension::{Count, Frequency, Rate, Ratio, Share, Size, Time};

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name: the draft's for the draft's KPIs.
    pub name: &'static str,
    /// Its statistics; the first is meant when a line names none, where it is "".
    pub measures: &'static [Measure],
    /// What it is, in a line.
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
    Measure {
        statistic: "",
        dimension,
    }
}

const fn of(statistic: &'static str, dimension: Dimension) -> Measure {
    Measure { statistic, dimension }
}

const fn figure(name: &'static str, measures: &'static [Measure], doc: &'static str) -> Known {
    Known { name, measures, doc }
}

const COUNT: &[Measure] = &[one(Count)];
const SIZE: &[Measure] = &[one(Size)];
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

/// The figures, in groups, each with its heading.
pub const SECTIONS: &[(&str, &[Known])] = &[
    (
        "counts",
        &[
            figure("sent", COUNT, "frames that the ports took"),
            figure("unsent", COUNT, "frames that were due and that no port took"),
            figure("received", COUNT, "frames received, without further copies"),
            figure("lost", COUNT, "frames sent and not received"),
            figure("unexplained", COUNT, "frames lost without a named cause"),
            figure("duplicated", COUNT, "further copies of frames"),
            figure("reordered", COUNT, "frames that came after a later one of their flow"),
            figure("icrc_errors", COUNT, "frames with a wrong ICRC"),
            figure("malformed", COUNT, "frames that could not be decoded"),
            figure("ce", COUNT, "frames received with CE"),
            figure("messages", COUNT, "messages wholly received"),
            figure("incomplete", COUNT, "messages sent and not wholly received"),
            figure(
                "tokens_dropped",
                COUNT,
                "token copies that an AllToAll dropped for want of capacity",
            ),
            figure(
                "tokens_overflow",
                COUNT,
                "token copies beyond a pair's padded number, not sent (low-latency mode)",
            ),
            figure(
                "tokens_padding",
                COUNT,
                "copies sent that carry no token (low-latency mode)",
            ),
            figure(
                "cut_off",
                COUNT,
                "pairs of workers of which nothing came any more, to the end of the run",
            ),
            figure("anomalies", COUNT, "anomalies of the whole run"),
            figure(
                "soak_growths",
                COUNT,
                "figures of a sampled run that grew from sample to sample",
            ),
        ],
    ),
    (
        "kpis",
        &[
            figure(
                "KV_xfer_latency",
                &[
                    of("mean", Time),
                    of("p50", Time),
                    of("p95", Time),
                    of("p99", Time),
                    of("p99-9", Time),
                    of("tail-spread", Time),
                ],
                "departure of a message's first bit to arrival of its last packet",
            ),
            figure(
                "KV_xfer_bandwidth",
                &[of("per-port", Rate), of("aggregate", Rate)],
                "message payload received per second",
            ),
            figure("Fabric_FCT", SHORT, "the same for a flow's whole transfer"),
            figure(
                "EP_alltoall_latency",
                SHORT,
                "first departure to last arrival of one dispatch",
            ),
            figure(
                "EP_alltoall_bandwidth",
                &[one(Rate)],
                "payload of complete dispatches over the sum of their times",
            ),
            figure(
                "BusBW",
                &[of("per-port", Rate)],
                "bytes that a rank hands over per second in a dispatch, times (n-1)/n for n ranks",
            ),
            figure("Fabric_Goodput", &[one(Rate)], "message payload received per second"),
            figure(
                "ECN_marking_rate",
                &[one(Share)],
                "CE frames over frames received that were sent ECN-capable",
            ),
            figure(
                "Packet_drop_rate",
                &[one(Share)],
                "frames that the device lost, and those without a named cause",
            ),
            figure("JFI", &[one(Ratio)], "Jain fairness index"),
            figure(
                "PFC_frame_count",
                &[one(Count), of("per-second", Frequency)],
                "PFC frames received from the device, once for each class that they name",
            ),
            figure(
                "PFC_pause_time",
                &[one(Time)],
                "time for which PFC asked a port to pause, all classes together",
            ),
            figure(
                "PFC_XOFF",
                &[one(Size)],
                "bytes of a sender in the device above which it is paused, read from outside",
            ),
            figure(
                "PFC_XON",
                &[one(Size)],
                "bytes of a sender in the device at which it is resumed, read from outside",
            ),
            figure(
                "PFC_storms",
                &[one(Ratio)],
                "ports and classes that were paused without end",
            ),
            figure(
                "PFC_propagation_depth",
                &[one(Ratio)],
                "switches over which pauses came back",
            ),
            figure(
                "HOL_blocking_delay",
                &[of("mean", Time), of("p99", Time), of("max", Time)],
                "lateness of departures, and waiting on the way while another class or port was paused",
            ),
            figure(
                "HOL_held_time",
                &[one(Time)],
                "time for which PFC held an entry's senders in its class",
            ),
            figure(
                "ECN_onset_delay",
                &[one(Time)],
                "one-way delay of an entry's first frame with CE",
            ),
            figure(
                "ECN_onset_frame",
                COUNT,
                "frames that had arrived when the first came with CE",
            ),
            figure(
                "ECN_onset_depth",
                SIZE,
                "depth that the frame saw which was marked first in time, from delays",
            ),
            figure("ECN_Kmin", SIZE, "depth up to which nothing is marked, from delays"),
            figure("ECN_Kmax", SIZE, "depth beyond which everything is marked, from delays"),
            figure("ECN_Pmax", &[one(Share)], "share marked at Kmax, from delays"),
            figure("ECN_probe_onset_depth", SIZE, "the same by a probe"),
            figure("ECN_probe_Kmin", SIZE, "the same by a probe"),
            figure("ECN_probe_Kmax", SIZE, "the same by a probe"),
            figure("ECN_probe_Pmax", &[one(Share)], "the same by a probe"),
            figure(
                "ECN_CBS",
                SIZE,
                "bytes of IP packets that a full token bucket lets pass unmarked",
            ),
            figure(
                "ECN_CIR",
                &[one(Rate)],
                "rate of IP packets at which the token bucket fills",
            ),
            figure(
                "Buffer_absorbed",
                SIZE,
                "bytes in a queue when its first frame was lost",
            ),
            figure(
                "Zero_throughput",
                &[one(Time)],
                "longest time without an arrival while frames were overdue",
            ),
            figure(
                "Recovery_time",
                &[one(Time)],
                "from the end of that until the queue was empty",
            ),
            figure("Disruption_time", &[one(Time)], "longest time that a flow was cut off"),
            figure("Disruption_loss", COUNT, "frames lost while flows were cut off"),
            figure(
                "Convergence_time",
                &[one(Time)],
                "from the first loss of a flow that was cut off until all arrived again",
            ),
            figure(
                "Oversubscription",
                &[one(Ratio)],
                "bandwidth of a leaf's hosts over that of its uplinks, by the testbed",
            ),
            figure(
                "Link_utilization",
                &[of("tx", Share), of("rx", Share), one(Share)],
                "mean wire rate over line rate; without a statistic, as the device tells it",
            ),
            figure(
                "Buffer_utilization",
                &[one(Share)],
                "greatest fill of the device's buffer, as it tells itself",
            ),
        ],
    ),
    (
        "times",
        &[
            figure("packet_latency", TIMES, "one-way delay of a frame"),
            figure("round_time", TIMES, "a round's first departure to its last arrival"),
            figure(
                "longest_gap",
                &[one(Time)],
                "longest time without an arrival, of any pair of workers that had frames to receive",
            ),
            figure(
                "longest_outage",
                &[one(Time)],
                "longest time without an arrival of a flow at whose end frames were missing, in the whole run",
            ),
            figure(
                "contended_rate",
                &[one(Rate)],
                "wire rate at which an entry's frames came while those of other entries came to the same port",
            ),
            figure(
                "KV_xfer_latency_variation",
                &[one(Share)],
                "greatest minus least P99 of a sampled run's samples, over their median",
            ),
        ],
    ),
    (
        "device",
        &[
            figure(
                "Buffer_watermark",
                &[one(Size)],
                "greatest number of bytes in the device's buffer",
            ),
            figure("dropped", COUNT, "frames that the device says it dropped"),
            figure("marked", COUNT, "frames that the device says it marked"),
            figure(
                "Switch_CPU",
                &[one(Share)],
                "utilisation of the control plane's processor, as the device tells it",
            ),
            figure("Switch_memory", &[one(Share)], "use of memory, as the device tells it"),
            figure(
                "Post_FEC_BER",
                &[one(Ratio)],
                "bit error rate after forward error correction, as the device tells it",
            ),
            figure(
                "CRC_errors",
                COUNT,
                "frames with a wrong FCS, as the device counts them",
            ),
            figure(
                "Routing_flaps",
                COUNT,
                "routing adjacencies that went down, as the device counts them",
            ),
        ],
    ),
];

/// All figures.
pub fn known() -> impl Iterator<Item = &'static Known> {
    SECTIONS.iter().flat_map(|(_, figures)| figures.iter())
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

    /// Whether what two places have of it adds up to what both have: counts do, and rates and times of a
    /// whole place; not shares, percentiles or thresholds.
    #[must_use]
    pub fn adds_up(&self, measure: &Measure) -> bool {
        let single = ["ECN_onset_frame", "ECN_CIR"].contains(&self.name) || measure.statistic == "per-port";
        match measure.dimension {
            Count | Frequency | Rate => !single,
            Time => ["PFC_pause_time", "HOL_held_time"].contains(&self.name),
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

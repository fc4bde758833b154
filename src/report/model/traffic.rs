//! What became of one traffic entry.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reliable::Reliable;
use super::{Estimate, FairnessOver, FlowOrder, LossCause, TimeSources};

/// One entry of the pattern's `traffic`. "Received" counts the first copy of each frame that
/// arrived whole at its receiver; further copies are `duplicated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Its name.
    pub name: String,
    /// Its kind, as in the pattern.
    pub kind: String,
    /// Section of the draft whose test it is a shape of, as "8.1".
    pub draft: Option<String>,
    /// What was asked for, by the pattern's keys.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Ports that send it, in the testbed's order.
    pub tx_ports: Vec<String>,
    /// Ports that receive it.
    pub rx_ports: Vec<String>,
    /// Why its arrivals are not to be believed: then everything that rests on them is none.
    #[serde(default)]
    pub times_refused: Option<String>,
    /// From its first departure to its last arrival (departure, where nothing is received).
    pub active_ps: Option<u64>,
    /// Messages.
    pub messages: Messages,
    /// Frames.
    pub packets: Packets,
    /// Message payload.
    pub payload_bytes: Volume,
    /// Frames without FCS.
    pub frame_bytes: Volume,
    /// ECN codepoints.
    pub ecn: Ecn,
    /// Payload of frames received, over `active_ps`.
    pub goodput_bps: Option<u64>,
    /// Wire rate sent, over the time in which the entry sent.
    pub tx_wire_rate_bps: Option<u64>,
    /// Wire rate received, over `active_ps`.
    pub rx_wire_rate_bps: Option<u64>,
    /// One-way delay of a frame.
    pub packet_latency: Option<Distribution>,
    /// Departure of a message's first bit to arrival of its last frame: `KV_xfer_latency`.
    pub message_latency: Option<Distribution>,
    /// The same for all frames of a flow's transfer, until every byte has arrived: `Fabric_FCT`.
    pub fct: Option<Distribution>,
    /// Rounds of an incast, bursts, dispatches of an AllToAll.
    pub rounds: Option<Rounds>,
    /// How an AllToAll's tokens were routed.
    pub routing: Option<RoutedTokens>,
    /// Jain fairness index.
    pub jfi: Option<Fairness>,
    /// How fast its frames came while frames of other entries came to the same ports.
    #[serde(default)]
    pub contended: Option<Contended>,
    /// Its first frame with CE.
    #[serde(default)]
    pub first_mark: Option<FirstMark>,
    /// The longest time without an arrival, of any pair of workers.
    #[serde(default)]
    pub longest_gap: Option<Gap>,
    /// The longest time without an arrival of any flow at whose end frames were missing.
    #[serde(default)]
    pub outage: Option<FlowOutage>,
    /// Pairs of workers that were cut off to the end of the run: more of the frames that were sent last are
    /// missing than chance loses.
    #[serde(default)]
    pub cut_off_pairs: Option<u64>,
    /// What its ends answered each other; none where nothing is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rc: Option<Reliable>,
    /// How punctually it was sent.
    pub pacing: Option<Pacing>,
    /// Its flows: all of them, or the worst.
    pub flows: Flows,
}

/// Messages of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// Planned; none when the plan is bounded by time only.
    pub planned: Option<u64>,
    /// Wholly sent.
    pub sent: u64,
    /// Wholly received.
    pub completed: Option<u64>,
    /// Sent and not wholly received.
    pub incomplete: Option<u64>,
    /// Of the received ones: their round, dispatch or transfer is in no figure, because senders had
    /// drawn so far apart that more of them were under way than are kept.
    #[serde(default)]
    pub given_up: Option<u64>,
    /// Of the received ones: in no time, because their first frame has no room for a stamp.
    #[serde(default)]
    pub untimed: Option<u64>,
}

/// The first frame of an entry that arrived with CE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstMark {
    /// Its arrival.
    pub arrival_ps: u64,
    /// Its departure; none without a stamp.
    pub departure_ps: Option<u64>,
    /// It was the n-th frame of the entry to arrive, from 1.
    pub frame: u64,
    /// Its flow.
    pub flow: u64,
}

/// A time without arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How long.
    pub length_ps: u64,
    /// The arrival before it.
    pub began_ps: u64,
}

/// A time in which a flow's frames were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowOutage {
    /// From the last arrival before to the first after.
    pub length_ps: u64,
    /// The first arrival after.
    pub ended_ps: u64,
    /// The flow.
    pub flow: u64,
    /// Frames missing then; some may have come later.
    pub frames: u64,
}

/// Frames of an entry. Where they are received at all: `sent` = `received` + Σ `causes` +
/// `unexplained`, and `lost` = `sent` − `received`, not below zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packets {
    /// Planned.
    pub planned: Option<u64>,
    /// Due, but never taken by the port.
    pub unsent: u64,
    /// Taken by the port.
    pub sent: u64,
    /// Received, without duplicates; none when the entry's receivers do not listen.
    pub received: Option<u64>,
    /// Not received.
    pub lost: Option<u64>,
    /// Why, most frames first.
    pub causes: Vec<Loss>,
    /// Frames without a named cause; negative when the causes claim more than were lost.
    pub unexplained: Option<i64>,
    /// Further copies of frames that had arrived.
    pub duplicated: Option<u64>,
    /// Frames that arrived after a later one of their flow.
    pub reordered: Option<u64>,
    /// Frames whose ICRC was verified.
    pub icrc_checked: Option<u64>,
    /// Frames whose ICRC was wrong.
    pub icrc_errors: Option<u64>,
    /// Frames that reached the flow's receiver and could not be decoded.
    pub malformed: Option<u64>,
    /// Frames that came so far behind the newest of their flow that they may be late or copies.
    #[serde(default)]
    pub too_late: Option<u64>,
}

/// Frames lost for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The reason.
    pub cause: LossCause,
    /// How many.
    pub frames: u64,
}

/// What was seen of frames beside their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// See [`Packets::duplicated`].
    pub duplicated: u64,
    /// See [`Packets::reordered`].
    pub reordered: u64,
    /// See [`Packets::icrc_checked`].
    pub icrc_checked: u64,
    /// See [`Packets::icrc_errors`].
    pub icrc_errors: u64,
    /// See [`Packets::malformed`].
    pub malformed: u64,
    /// See [`Packets::too_late`].
    pub too_late: u64,
}

impl Packets {
    /// Frames of an entry that nobody listens for.
    #[must_use]
    pub fn sent_only(planned: Option<u64>, unsent: u64, sent: u64) -> Packets {
        Packets {
            planned,
            unsent,
            sent,
            received: None,
            lost: None,
            causes: Vec::new(),
            unexplained: None,
            duplicated: None,
            reordered: None,
            icrc_checked: None,
            icrc_errors: None,
            malformed: None,
            too_late: None,
        }
    }

    /// Balances `sent` against `received` and the `losses` with a cause. Causes are merged, those
    /// without frames left out; the difference goes to [`Packets::unexplained`], which
    /// [`super::Results::new`] turns into an anomaly.
    #[must_use]
    pub fn balance(
        planned: Option<u64>,
        unsent: u64,
        sent: u64,
        received: u64,
        losses: impl IntoIterator<Item = (LossCause, u64)>,
        observed: Observed,
    ) -> Packets {
        let mut by_cause: BTreeMap<LossCause, u64> = BTreeMap::new();
        for (cause, frames) in losses {
            *by_cause.entry(cause).or_default() += frames;
        }
        let mut causes: Vec<Loss> = by_cause
            .into_iter()
            .filter(|(_, frames)| *frames > 0)
            .map(|(cause, frames)| Loss { cause, frames })
            .collect();
        causes.sort_by_key(|loss| std::cmp::Reverse(loss.frames));
        let named: i128 = causes.iter().map(|loss| i128::from(loss.frames)).sum();
        let unexplained = i128::from(sent) - i128::from(received) - named;
        let saturated = if unexplained < 0 { i64::MIN } else { i64::MAX };
        Packets {
            received: Some(received),
            lost: Some(sent.saturating_sub(received)),
            causes,
            unexplained: Some(i64::try_from(unexplained).unwrap_or(saturated)),
            duplicated: Some(observed.duplicated),
            reordered: Some(observed.reordered),
            icrc_checked: Some(observed.icrc_checked),
            icrc_errors: Some(observed.icrc_errors),
            malformed: Some(observed.malformed),
            too_late: Some(observed.too_late),
            ..Packets::sent_only(planned, unsent, sent)
        }
    }
}

/// Bytes sent and received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// In frames that the port took.
    pub sent: u64,
    /// In frames received, without duplicates.
    pub received: Option<u64>,
    /// Sent − received, not below zero.
    pub lost: Option<u64>,
}

impl Volume {
    /// Sent and, where anyone listens, received.
    #[must_use]
    pub fn new(sent: u64, received: Option<u64>) -> Volume {
        Volume {
            sent,
            received,
            lost: received.map(|received| sent.saturating_sub(received)),
        }
    }
}

/// ECN codepoints (RFC 3168) sent and received.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ecn {
    /// Frames sent.
    pub sent: Codepoints,
    /// Frames received.
    pub received: Option<Codepoints>,
    /// `ECN_marking_rate`: CE frames / frames received that were sent ECN-capable, in percent.
    pub marking_rate_percent: Option<f64>,
}

impl Ecn {
    /// Counts of both sides, and the marking rate where it can be told: when every frame was sent as
    /// ECT(0) or ECT(1), so that each CE is a mark.
    #[must_use]
    pub fn new(sent: Codepoints, received: Option<Codepoints>) -> Ecn {
        let capable = sent.not_ect == 0 && sent.ce == 0;
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let marking_rate_percent = received
            .filter(|received| capable && received.total() > 0)
            .map(|received| 100.0 * received.ce as f64 / received.total() as f64);
        Ecn {
            sent,
            received,
            marking_rate_percent,
        }
    }
}

/// Frames by ECN codepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Codepoints {
    /// 00.
    pub not_ect: u64,
    /// 01.
    pub ect1: u64,
    /// 10.
    pub ect0: u64,
    /// 11.
    pub ce: u64,
}

impl Codepoints {
    /// Frames of every codepoint.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.not_ect
            .saturating_add(self.ect1)
            .saturating_add(self.ect0)
            .saturating_add(self.ce)
    }
}

/// Percentiles of a time, in `unit`. Good to three significant digits, but for `min` and `max`
/// where they were kept exactly. See `stats::of_times`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// "ps".
    pub unit: String,
    /// What the times rest on.
    pub source: TimeSources,
    /// How far a single value may be off: by the spread of the bursts, the resolution of the stamps,
    /// and what relating the clocks leaves open.
    #[serde(default)]
    pub uncertainty_ps: Option<u64>,
    /// Whether the median is less than the instrument can tell: `uncertainty_ps`, or what a
    /// calibration of the testbed says.
    #[serde(default)]
    pub below_resolution: bool,
    /// Number of values.
    pub count: u64,
    /// Least.
    pub min: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: u64,
    /// 95th percentile.
    pub p95: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p99_9: u64,
    /// Greatest.
    pub max: u64,
    /// The whole curve: the values below which 0 %, 1 %, … 100 % of all lie, 101 of them.
    #[serde(default)]
    pub percentiles: Vec<u64>,
}

/// Rounds of an incast, bursts, or dispatches of an AllToAll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    /// Planned; none when the plan is bounded by time only.
    pub planned: Option<u64>,
    /// Wholly received.
    pub completed: u64,
    /// Payload of the completed ones.
    pub payload_bytes: u64,
    /// First departure to last arrival over all workers, of the completed ones whose first departure is known.
    pub time: Option<Distribution>,
    /// Of the completed ones: not in `time`, because a frame that has no room for a stamp may have left first.
    #[serde(default)]
    pub untimed: u64,
}

/// How an AllToAll's tokens were routed, over all dispatches sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutedTokens {
    /// Token copies sent to other ranks, padding included.
    pub sent: u64,
    /// Token copies whose expert is on their own rank.
    pub local: u64,
    /// Token copies for another rank of their node, which its own links carry and not the network.
    #[serde(default)]
    pub in_node: u64,
    /// Token copies dropped for want of capacity (`top-k-drop`).
    pub dropped: u64,
    /// Low-latency mode: real token copies beyond a pair's padded number, not sent.
    pub overflow: u64,
    /// Low-latency mode: copies sent that carry no real token.
    pub padding: u64,
}

/// Jain fairness index (Σx)² / (n·Σx²) of goodput.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// What is compared.
    pub over: FairnessOver,
    /// n.
    pub count: u64,
    /// The index: 1/n to 1.
    pub index: f64,
}

/// How punctually an entry was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pacing {
    /// Wire rate asked for, all senders together; none for `rate: max`.
    pub requested_bps: Option<u64>,
    /// Wire rate sent.
    pub achieved_bps: Option<u64>,
    /// By how much the rate differs from the one planned, in percent of it: the time from each
    /// sender's first frame to its last as planned, against the time that it took without `held_ps`; none where a NIC
    /// was paused by PFC and does not tell for how long.
    #[serde(default)]
    pub rate_error_percent: Option<f64>,
    /// For how long PFC kept senders from what they were due to send, all senders together.
    #[serde(default)]
    pub held_ps: Option<u64>,
    /// Departure − planned departure; none where the NIC paces and does not tell.
    pub lateness: Option<Distribution>,
    /// From one departure of a sender to its next.
    #[serde(default)]
    pub gaps: Option<Distribution>,
    /// From one arrival to the next of the same pair of workers, by the receiving port's own stamps;
    /// none where arrivals are those of bursts.
    #[serde(default)]
    pub arrival_gaps: Option<Distribution>,
    /// Mean of the gaps as planned.
    #[serde(default)]
    pub planned_gap_ps: Option<f64>,
    /// The most frames of one sender that left at one time.
    #[serde(default)]
    pub most_together: Option<u64>,
    /// How often a sender was so late that its schedule was moved.
    pub slips: u64,
}

/// The flows of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flows {
    /// How many there are.
    pub count: u64,
    /// How many lost a frame.
    pub with_loss: u64,
    /// How many had frames reordered.
    pub with_reordering: u64,
    /// Goodput of single flows.
    pub goodput_bps: Option<Spread>,
    /// Order of `listed`.
    pub order: FlowOrder,
    /// All of them up to a limit, else the worst.
    pub listed: Vec<Flow>,
}

/// Least, mean and greatest of something.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Least.
    pub min: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Greatest.
    pub max: u64,
}

/// One flow: a QP from one worker to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Number within the run.
    pub number: u64,
    /// Sending worker.
    pub from: u32,
    /// Receiving worker.
    pub to: u32,
    /// Destination QP number.
    pub qpn: u32,
    /// Messages wholly sent.
    pub messages_sent: u64,
    /// Messages wholly received.
    pub messages_completed: Option<u64>,
    /// Frames sent.
    pub sent: u64,
    /// Frames received.
    pub received: Option<u64>,
    /// Frames lost.
    pub lost: Option<u64>,
    /// Further copies received.
    pub duplicated: Option<u64>,
    /// Frames reordered.
    pub reordered: Option<u64>,
    /// Frames received with CE.
    pub ce: Option<u64>,
    /// Payload received, over the flow's own active time.
    pub goodput_bps: Option<u64>,
    /// Median one-way delay.
    pub latency_p50_ps: Option<u64>,
    /// Greatest one-way delay.
    pub latency_max_ps: Option<u64>,
}

impl Flows {
    /// How many flows an entry lists when the caller has no other wish.
    pub const LISTED: usize = 64;

    /// Sums up `all` flows of an entry and lists at most `limit` of them.
    #[must_use]
    pub fn new(mut all: Vec<Flow>, limit: usize) -> Flows {
        all.sort_by_key(|flow| flow.number);
        let goodputs = || all.iter().filter_map(|flow| flow.goodput_bps);
        #[expect(clippy::cast_precision_loss, reason = "a mean of bit rates")]
        let mean = goodputs().map(|rate| rate as f64).sum::<f64>() / goodputs().count().max(1) as f64;
        let goodput_bps = goodputs()
            .min()
            .zip(goodputs().max())
            .map(|(min, max)| Spread { min, mean, max });
        let with = |pick: fn(&Flow) -> Option<u64>| {
            all.iter()
                .map(|flow| u64::from(pick(flow).is_some_and(|frames| frames > 0)))
                .sum()
        };
        let (with_loss, with_reordering) = (with(|flow| flow.lost), with(|flow| flow.reordered));
        let count = all.len() as u64;
        let order = if all.len() > limit {
            all.sort_by_key(|flow| {
                (
                    std::cmp::Reverse(flow.lost),
                    std::cmp::Reverse(flow.reordered),
                    flow.number,
                )
            });
            all.truncate(limit);
            FlowOrder::WorstFirst
        } else {
            FlowOrder::Number
        };
        Flows {
            count,
            with_loss,
            with_reordering,
            goodput_bps,
            order,
            listed: all,
        }
    }
}

/// What came of an entry while it contended with others for its receivers' ports.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contended {
    /// For how long: at the port where it did so longest.
    pub time_ps: u64,
    /// Spans of time, of all ports together.
    pub spans: u64,
    /// Frames that came in them.
    pub frames: u64,
    /// Bits per second on the wire, the sum over its ports; a frame more or less in each span.
    pub wire_bps: Estimate,
}

//! KPIs that follow from what was read from outside: thresholds, depths, pauses, outages.
//!
//! Contract: a queue has those that apply to it: marking where frames were marked or thresholds are
//! known, loss where something was lost.

use super::{Listing, float};
use crate::report::model::{
    Estimate, Inferred, Interval, Marking, MarkingVerdict, PauseDirection, Queue, Statistic, Threshold, Traffic, Victim,
};

/// Where a queue's KPIs and anomalies are.
pub(in crate::report) fn place_of(queue: &Queue) -> String {
    format!("queues/{}/{}", queue.port, queue.class)
}

fn micros(picos: u64) -> f64 {
    float(picos) / 1e6
}

/// A reading with its own interval.
fn read(estimate: Estimate) -> (f64, Option<Interval>) {
    scaled(estimate, 1.0)
}

/// The same in another unit.
fn scaled(estimate: Estimate, scale: f64) -> (f64, Option<Interval>) {
    (estimate.value * scale, Some(Interval::from(estimate).times(scale)))
}

/// A pause threshold: by so much more, if the switch counts frames from their arrival.
pub(in crate::report) fn of_threshold(threshold: Threshold) -> (f64, Option<Interval>) {
    let own = Interval::from(threshold.bytes);
    let high = own.high + float(threshold.uncertainty_bytes);
    (threshold.bytes.value, Some(Interval { high, ..own }))
}

/// KPIs of a traffic entry beside those that its own figures give.
pub(super) fn of_entry(list: &mut Listing<'_>, entry: &Traffic, victim: Option<&Victim>) {
    if let Some(mark) = entry.first_mark {
        let onset = mark
            .departure_ps
            .map(|departure| micros(mark.arrival_ps.saturating_sub(departure)));
        let meaning = "one-way delay of the entry's first frame with CE";
        list.add("ECN_onset_delay", "us", Statistic::Value, onset, meaning);
        let meaning = "how many of the entry's frames had arrived when the first came with CE, itself included";
        list.add(
            "ECN_onset_frame",
            "frames",
            Statistic::Value,
            Some(float(mark.frame)),
            meaning,
        );
    }
    if let Some(victim) = victim.filter(|victim| !victim.congested) {
        of_victim(list, entry, victim);
        let meaning = "time for which PFC held its senders in its class while it was sent, all senders together";
        list.add(
            "HOL_held_time",
            "us",
            Statistic::Value,
            victim.held_ps.map(micros),
            meaning,
        );
    }
}

/// What pauses cost a victim: the wait at its senders, and the one on the way. A sender that is paused
/// holds its frames before they leave, and no one-way delay knows of it; their lateness does.
fn of_victim(list: &mut Listing<'_>, entry: &Traffic, victim: &Victim) {
    let lateness = entry.pacing.as_ref().and_then(|pacing| pacing.lateness.as_ref());
    let meaning = "lateness of departures, and beside it the waiting beyond the unloaded delay of frames that were on their \
                   way while another class or port was paused";
    let during = &victim.during;
    for (statistic, late, waited) in [
        (Statistic::Mean, lateness.map(|late| late.mean), during.mean_ps),
        (Statistic::P99, lateness.map(|late| float(late.p99)), during.p99_ps),
        (Statistic::Max, lateness.map(|late| float(late.max)), during.max_ps),
    ] {
        let waited = (during.frames > 0).then(|| float(waited));
        let delay = match (late, waited) {
            (Some(late), waited) => Some(late + waited.unwrap_or(0.0)),
            // When its frames were due nobody says: what a pause cost them at the sender is not known.
            (None, waited) => waited.filter(|_| victim.held_ps == Some(0)),
        };
        // Of pauses that went on when single frames were kept no longer, the beginning says nothing.
        let delay = delay.filter(|_| victim.held_ps.is_some());
        list.add("HOL_blocking_delay", "us", statistic, delay.map(|ps| ps / 1e6), meaning);
    }
}

/// KPIs of one queue. `any_held`: a `pfc` entry of ours held some queue, so that what others recover from is
/// its doing, and only its own recovery counts.
pub(super) fn of_queue(list: &mut Listing<'_>, queue: &Queue, any_held: bool) {
    let told = |marking: &&Marking| marking.marked > 0 || marking.verdict != MarkingVerdict::CannotTell;
    if let Some(marking) = queue.ecn.as_ref().filter(told) {
        of_marking(
            list,
            marking,
            ["ECN_Kmin", "ECN_Kmax", "ECN_Pmax", "ECN_onset_depth"],
            "from delays",
        );
    }
    if let Some(probe) = &queue.probe {
        let names = [
            "ECN_probe_Kmin",
            "ECN_probe_Kmax",
            "ECN_probe_Pmax",
            "ECN_probe_onset_depth",
        ];
        of_marking(list, &probe.marking, names, "by place in a held queue");
    }
    if let Some(meter) = &queue.meter {
        let meaning = "bytes of IP packets that a full token bucket lets pass unmarked";
        list.read("ECN_CBS", "bytes", Statistic::Value, meter.cbs_bytes.map(read), meaning);
        let meaning = "rate of IP packets at which the token bucket fills";
        // An interval from 0 on is a bound, not a figure.
        let rate = meter.cir_bps.filter(|rate| rate.low > 0.0);
        let rate = rate.map(|rate| scaled(rate, 1.0 / 8e9));
        list.read("ECN_CIR", "GB/s", Statistic::Value, rate, meaning);
    }
    if let Some(loss) = &queue.loss {
        let depth = loss.depth_at_onset_bytes.map(float);
        let meaning = "bytes in the queue when the first frame was lost";
        list.add("Buffer_absorbed", "bytes", Statistic::Value, depth, meaning);
        let gaps = loss.listed.iter().filter_map(|outage| outage.gap_ps).max();
        if loss.outages > 0 {
            let meaning = "longest time that a flow was cut off, from arrival to arrival";
            list.add("Disruption_time", "us", Statistic::Value, gaps.map(micros), meaning);
            let meaning = "frames lost while flows were cut off";
            list.add(
                "Disruption_loss",
                "frames",
                Statistic::Value,
                Some(float(loss.outage_frames)),
                meaning,
            );
            let meaning = "from the first loss of a flow that was cut off until all of them arrived again";
            let time = loss.convergence_ps.map(micros);
            list.add("Convergence_time", "us", Statistic::Value, time, meaning);
        }
    }
    if let Some(silence) = queue.silence {
        let meaning = "longest time without an arrival while frames were overdue";
        list.add(
            "Zero_throughput",
            "us",
            Statistic::Value,
            Some(micros(silence.length_ps)),
            meaning,
        );
    }
    let stood = if any_held { queue.held } else { queue.silence };
    if let Some(stood) = stood {
        let meaning =
            "from the end of the pause that we asked for, else of the longest silence, until the queue was first empty";
        list.add(
            "Recovery_time",
            "us",
            Statistic::Value,
            stood.recovery_ps.map(micros),
            meaning,
        );
    }
}

fn of_marking(list: &mut Listing<'_>, marking: &Marking, names: [&str; 4], how: &str) {
    let [kmin, kmax, pmax, onset] = names;
    let meaning = format!("depth up to which nothing is marked, {how}");
    list.read(kmin, "bytes", Statistic::Value, marking.kmin_bytes.map(read), &meaning);
    let meaning = format!("depth beyond which everything is marked, {how}");
    list.read(kmax, "bytes", Statistic::Value, marking.kmax_bytes.map(read), &meaning);
    let meaning = format!("share marked at Kmax, {how}; none of a step");
    let share = marking.pmax.map(|share| scaled(share, 100.0));
    list.read(pmax, "%", Statistic::Value, share, &meaning);
    let meaning = format!("depth that the frame saw which was marked first in time, {how}; Kmin or more");
    let depth = marking.onset.and_then(|onset| onset.depth_bytes).map(float);
    let off = Some(float(marking.uncertainty_bytes)).filter(|off| *off > 0.0);
    let depth = depth.map(|depth| (depth, off.map(|off| Interval::around(depth, off))));
    list.read(onset, "bytes", Statistic::Value, depth, &meaning);
}

/// KPIs of a port beside those that its own figures give.
pub(super) fn of_port(list: &mut Listing<'_>, name: &str, inferred: &Inferred) {
    let mine = || {
        let received =
            |one: &&crate::report::model::Pausing| one.port == name && one.direction == PauseDirection::Received;
        inferred.pfc.iter().filter(received)
    };
    // Of several classes, the first that tells.
    for (kpi, threshold, meaning) in [
        (
            "PFC_XOFF",
            mine().find_map(|one| one.xoff),
            "bytes of this sender in the switch above which it is paused",
        ),
        (
            "PFC_XON",
            mine().find_map(|one| one.xon),
            "bytes of this sender in the switch at which it is resumed",
        ),
    ] {
        if let Some(threshold) = threshold {
            list.read(kpi, "bytes", Statistic::Value, Some(of_threshold(threshold)), meaning);
        }
    }
}

/// KPIs of the whole run.
pub(super) fn of_run(list: &mut Listing<'_>, inferred: &Inferred) {
    let received = || {
        inferred
            .pfc
            .iter()
            .filter(|one| one.direction == PauseDirection::Received)
    };
    if received().next().is_none() {
        return;
    }
    let storms = received().filter(|one| one.storm).count() as u64;
    let meaning = "ports and classes that were paused for ten of the longest pause times without a break";
    list.add("PFC_storms", "1", Statistic::Value, Some(float(storms)), meaning);
    if let Some(hops) = inferred.pause_propagation_hops {
        let meaning = "switches over which pauses came back from the deepest queue";
        list.add(
            "PFC_propagation_depth",
            "1",
            Statistic::Value,
            Some(f64::from(hops)),
            meaning,
        );
    }
}

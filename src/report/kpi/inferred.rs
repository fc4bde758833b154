//! KPIs that follow from what was read from outside: thresholds, depths, pauses, outages.
//!
//! Contract: a queue has those that apply to it: marking where frames were marked or thresholds are
//! known, loss where something was lost.

use super::{Listing, float};
use crate::expect::known::{self, Known};
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
        list.add(&known::ECN_ONSET_DELAY, onset);
        list.add(&known::ECN_ONSET_FRAME, Some(float(mark.frame)));
    }
    if let Some(victim) = victim.filter(|victim| !victim.congested) {
        of_victim(list, entry, victim);
        list.add(&known::HOL_HELD_TIME, victim.held_ps.map(micros));
    }
}

/// What pauses cost a victim: the wait at its senders, and the one on the way. A sender that is paused
/// holds its frames before they leave, and no one-way delay knows of it; their lateness does.
fn of_victim(list: &mut Listing<'_>, entry: &Traffic, victim: &Victim) {
    let lateness = entry.pacing.as_ref().and_then(|pacing| pacing.lateness.as_ref());
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
        list.add_of(&known::HOL_BLOCKING_DELAY, statistic, delay.map(|ps| ps / 1e6));
    }
}

/// KPIs of one queue. `any_held`: a `pfc` entry of ours held some queue, so that what others recover from is
/// its doing, and only its own recovery counts.
pub(super) fn of_queue(list: &mut Listing<'_>, queue: &Queue, any_held: bool) {
    let told = |marking: &&Marking| marking.marked > 0 || marking.verdict != MarkingVerdict::CannotTell;
    if let Some(marking) = queue.ecn.as_ref().filter(told) {
        let figures = [
            &known::ECN_KMIN,
            &known::ECN_KMAX,
            &known::ECN_PMAX,
            &known::ECN_ONSET_DEPTH,
        ];
        of_marking(list, marking, figures);
    }
    if let Some(probe) = &queue.probe {
        let figures = [
            &known::ECN_PROBE_KMIN,
            &known::ECN_PROBE_KMAX,
            &known::ECN_PROBE_PMAX,
            &known::ECN_PROBE_ONSET_DEPTH,
        ];
        of_marking(list, &probe.marking, figures);
    }
    if let Some(meter) = &queue.meter {
        list.read(&known::ECN_CBS, meter.cbs_bytes.map(read));
        // An interval from 0 on is a bound, not a figure.
        let rate = meter.cir_bps.filter(|rate| rate.low > 0.0);
        list.read(&known::ECN_CIR, rate.map(|rate| scaled(rate, 1.0 / 8e9)));
    }
    if let Some(loss) = &queue.loss {
        list.add(&known::BUFFER_ABSORBED, loss.depth_at_onset_bytes.map(float));
        let gaps = loss.listed.iter().filter_map(|outage| outage.gap_ps).max();
        if loss.outages > 0 {
            list.add(&known::DISRUPTION_TIME, gaps.map(micros));
            list.add(&known::DISRUPTION_LOSS, Some(float(loss.outage_frames)));
            list.add(&known::CONVERGENCE_TIME, loss.convergence_ps.map(micros));
        }
    }
    if let Some(silence) = queue.silence {
        list.add(&known::ZERO_THROUGHPUT, Some(micros(silence.length_ps)));
    }
    let stood = if any_held { queue.held } else { queue.silence };
    if let Some(stood) = stood {
        let ends = stood.recovery_low_ps.zip(stood.recovery_high_ps);
        let own = ends.map(|(low, high)| Interval {
            low: micros(low),
            high: micros(high),
        });
        list.read(&known::RECOVERY_TIME, stood.recovery_ps.map(|time| (micros(time), own)));
    }
}

fn of_marking(list: &mut Listing<'_>, marking: &Marking, figures: [&Known; 4]) {
    let [kmin, kmax, pmax, onset] = figures;
    list.read(kmin, marking.kmin_bytes.map(read));
    list.read(kmax, marking.kmax_bytes.map(read));
    list.read(pmax, marking.pmax.map(|share| scaled(share, 100.0)));
    let depth = marking.onset.and_then(|onset| onset.depth_bytes).map(float);
    let off = Some(float(marking.uncertainty_bytes)).filter(|off| *off > 0.0);
    let depth = depth.map(|depth| (depth, off.map(|off| Interval::around(depth, off))));
    list.read(onset, depth);
}

/// KPIs of a port beside those that its own figures give.
pub(super) fn of_port(list: &mut Listing<'_>, name: &str, inferred: &Inferred) {
    let mine = || {
        let received =
            |one: &&crate::report::model::Pausing| one.port == name && one.direction == PauseDirection::Received;
        inferred.pfc.iter().filter(received)
    };
    // Of several classes, the first that tells.
    for (figure, threshold) in [
        (&known::PFC_XOFF, mine().find_map(|one| one.xoff)),
        (&known::PFC_XON, mine().find_map(|one| one.xon)),
    ] {
        if let Some(threshold) = threshold {
            list.read(figure, Some(of_threshold(threshold)));
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
    list.add(&known::PFC_STORMS, Some(float(storms)));
    if let Some(hops) = inferred.pause_propagation_hops {
        list.add(&known::PFC_PROPAGATION_DEPTH, Some(f64::from(hops)));
    }
}

//! What was read from outside, as reported.
//!
//! Contract: see the folder's. Nothing of the fabric's own account comes near it.
//!
//! Left out on purpose: how it is read (`measure::infer`).

use crate::engine::outcome::Outcome;
use crate::measure::infer::{self, Configured, Evidence, ecn, loss, meter, pfc, probe, stall};
use crate::measure::trace::Trace;
use crate::measure::{PauseLog, Recorder};
use crate::plan::Plan;
use crate::report::model::{
    self, Bin, Estimate, Inferred, MarkAt, Marking, MarkingVerdict, Meter, Onset, Outage, PauseDirection, Pausing,
    Probe, Queue, QueueLoss, Silence, Threshold, Victim, Waiting,
};
use crate::testbed::places::leaf_of;
use crate::testbed::{Testbed, Topology};

/// Where the ports are joined to the fabric, where the testbed says so: the way that the hosts are
/// wired is no secret of the device under test.
pub(super) fn places(testbed: &Testbed, plan: &Plan) -> Vec<pfc::Place> {
    let Some(fabric) = &testbed.fabric else {
        return Vec::new();
    };
    let hosts = u32::try_from(plan.ports.len()).unwrap_or(u32::MAX);
    let uplink = match fabric.topology {
        Topology::Switch => None,
        Topology::LeafSpine { uplink_speed, .. } | Topology::Clos { uplink_speed, .. } => Some(uplink_speed),
    };
    let leaves_of_a_pod = match fabric.topology {
        Topology::Clos { leaves, .. } => leaves.max(1),
        Topology::Switch | Topology::LeafSpine { .. } => u32::MAX,
    };
    (0..hosts)
        .map(|host| {
            let leaf = leaf_of(&fabric.topology, hosts, host);
            pfc::Place {
                leaf,
                pod: leaf / leaves_of_a_pod,
                uplink,
            }
        })
        .collect()
}

/// What the testbed says, as reported.
fn said(configured: &Configured) -> model::Configured {
    let (ecn, pfc, meter) = (configured.ecn, configured.pfc, configured.meter);
    model::Configured {
        kmin_bytes: ecn.map(|ecn| ecn.kmin.0),
        kmax_bytes: ecn.map(|ecn| ecn.kmax.0),
        pmax_percent: ecn.map(|ecn| 100.0 * ecn.pmax.0),
        xoff_bytes: pfc.map(|pfc| pfc.xoff.0),
        xon_bytes: pfc.map(|pfc| pfc.xon.0),
        cbs_bytes: meter.map(|meter| meter.cbs.0),
        cir_bps: meter.map(|meter| meter.cir.0),
    }
}

/// Reads a run from outside.
pub(super) fn read(plan: &Plan, outcome: &Outcome, configured: &Configured, places: &[pfc::Place]) -> infer::Inferred {
    let (trace, log) = (Trace::with_room_for(0), PauseLog::default());
    let recorder = outcome.received.as_ref();
    let mut flow_packets = outcome.flow_packets.clone();
    for entry in plan.entries.iter().filter(|entry| entry.is_to_peer()) {
        // Nobody here knows what of them came.
        let first = entry.first_flow as usize;
        flow_packets[first..first + entry.flows() as usize].fill(0);
    }
    infer::infer(&Evidence {
        plan,
        trace: recorder.map_or(&trace, Recorder::trace),
        received: recorder.map_or(&log, Recorder::pauses),
        ports: recorder.map_or(&[], Recorder::ports),
        sent: &outcome.sent_pauses,
        flow_packets: &flow_packets,
        configured,
        places,
        end: outcome.elapsed,
    })
}

/// What was read, as reported.
pub(super) fn inferred(
    plan: &Plan,
    configured: &Configured,
    places: &[pfc::Place],
    read: &infer::Inferred,
) -> Inferred {
    let name = |port: usize| plan.ports.get(port).map_or_else(String::new, |port| port.name.clone());
    let entries = plan.entries.iter().zip(&read.victims);
    Inferred {
        queues: read.queues.iter().map(|one| queue(name(one.port), one)).collect(),
        pfc: read.pausing.iter().map(|one| pausing(name(one.port), one)).collect(),
        pause_propagation_hops: read.propagation,
        configured: said(configured),
        victims: entries
            .filter_map(|(entry, victim)| {
                victim.as_ref().map(|victim| Victim {
                    entry: entry.name.clone(),
                    during: waiting(&victim.during),
                    calm: waiting(&victim.calm),
                    held_ps: victim.held.map(|time| time.0),
                    uncertainty_ps: victim.doubt.0,
                    congested: victim.congested,
                })
            })
            .collect(),
        leaves: places.iter().map(|place| place.leaf).max().map(|last| last + 1),
        until_ps: read.until.map(|until| until.0),
        frames_beyond: read.beyond,
    }
}

fn estimate(from: infer::Estimate) -> Estimate {
    Estimate {
        value: from.value,
        low: from.low,
        high: from.high.is_finite().then_some(from.high),
    }
}

fn queue(port: String, from: &infer::QueueInferred) -> Queue {
    Queue {
        port,
        class: from.class,
        ecn: from.ecn.as_ref().map(marking),
        probe: from.probe.as_ref().map(probe),
        methods_agree: from.agreement.as_ref().map(|(agree, _)| *agree),
        methods: from.agreement.as_ref().map(|(_, text)| text.clone()),
        meter: from.meter.as_ref().map(meter),
        loss: from.loss.as_ref().map(loss),
        silence: from.stall.map(silence),
        held: from.held.map(silence),
    }
}

fn marking(from: &ecn::Marking) -> Marking {
    let bins = from.curve.iter().map(|bin| Bin {
        from_bytes: bin.from,
        to_bytes: bin.to,
        frames: bin.frames,
        marked: bin.marked,
        low: bin.low,
        high: bin.high,
    });
    Marking {
        frames: from.frames,
        marked: from.marked,
        elsewhere: from.elsewhere,
        deepest_bytes: from.deepest,
        uncertainty_bytes: from.uncertainty,
        onset: from.onset.map(|onset| Onset {
            arrival_ps: onset.arrival.0,
            departure_ps: onset.departure.map(|departure| departure.0),
            frame: onset.frame,
            flow: u64::from(onset.flow),
            depth_bytes: onset.depth,
        }),
        at: from.at.map(|at| match at {
            ecn::MarkAt::Enqueue => MarkAt::Enqueue,
            ecn::MarkAt::Dequeue => MarkAt::Dequeue,
        }),
        kmin_bytes: from.fit.map(|fit| estimate(fit.kmin)),
        kmax_bytes: from.fit.map(|fit| estimate(fit.kmax)),
        pmax: from.fit.and_then(|fit| fit.pmax).map(estimate),
        step: from.fit.and_then(|fit| fit.step),
        why_not: from.why_not.clone(),
        verdict: verdict(from.verdict),
        explanation: from.explanation.clone(),
        curve: if from.marked > 0 { bins.collect() } else { Vec::new() },
    }
}

fn verdict(from: ecn::Verdict) -> MarkingVerdict {
    match from {
        ecn::Verdict::Follows => MarkingVerdict::Follows,
        ecn::Verdict::DoesNotFollow => MarkingVerdict::DoesNotFollow,
        ecn::Verdict::MarksNothing => MarkingVerdict::MarksNothing,
        ecn::Verdict::MarksEverything => MarkingVerdict::MarksEverything,
        ecn::Verdict::CannotTell => MarkingVerdict::CannotTell,
    }
}

fn meter(from: &meter::Metered) -> Meter {
    Meter {
        frames: from.frames,
        marked: from.marked,
        after_loss: from.after_loss,
        cbs_bytes: from.cbs.map(estimate),
        cir_bps: from.cir.map(estimate),
        why_not: from.why_not.clone(),
        verdict: verdict(from.verdict),
        explanation: from.explanation.clone(),
    }
}

fn probe(from: &probe::Probed) -> Probe {
    Probe {
        rounds: from.rounds,
        late_rounds: from.late,
        early_frames: from.early,
        marking: marking(&from.marking),
    }
}

fn loss(from: &loss::Loss) -> QueueLoss {
    let outage = |one: &loss::Outage| Outage {
        flow: u64::from(one.flow),
        began_ps: one.began.0,
        restored_ps: one.restored.map(|time| time.0),
        gap_ps: one.gap.map(|time| time.0),
        frames: u64::from(one.lost),
    };
    QueueLoss {
        frames: from.lost,
        runs: from.runs,
        longest_run: from.longest,
        run_lengths: from.lengths.clone(),
        onset_ps: from.onset.0,
        onset_flow: u64::from(from.first.0),
        depth_at_onset_bytes: from.depth,
        entered_before_onset_bytes: from.absorbed,
        depth_min_bytes: from.depths.map(|[least, _, _]| least),
        depth_p50_bytes: from.depths.map(|[_, middle, _]| middle),
        depth_max_bytes: from.depths.map(|[_, _, most]| most),
        outages: from.outage_count,
        outage_frames: from.outage_lost,
        convergence_ps: from.convergence.map(|time| time.0),
        listed: from.outages.iter().map(outage).collect(),
    }
}

fn silence(from: stall::Stall) -> Silence {
    Silence {
        began_ps: from.began.0,
        length_ps: from.length.0,
        recovery_ps: from.recovery.map(|time| time.value.0),
        recovery_low_ps: from.recovery.map(|time| time.low.0),
        recovery_high_ps: from.recovery.map(|time| time.high.0),
    }
}

fn waiting(from: &stall::Waiting) -> Waiting {
    Waiting {
        frames: from.frames,
        mean_ps: from.mean.0,
        p99_ps: from.p99.0,
        max_ps: from.max.0,
    }
}

fn threshold(from: &pfc::Reading) -> Threshold {
    Threshold {
        bytes: estimate(from.threshold),
        events: from.readings.len() as u64,
        min_bytes: from.readings.first().copied().unwrap_or(0),
        p50_bytes: from.median(),
        max_bytes: from.readings.last().copied().unwrap_or(0),
        uncertainty_bytes: from.uncertainty,
    }
}

fn pausing(port: String, from: &pfc::Pausing) -> Pausing {
    Pausing {
        port,
        class: from.class,
        direction: match from.direction {
            pfc::Direction::Received => PauseDirection::Received,
            pfc::Direction::Sent => PauseDirection::Sent,
        },
        xoff_frames: from.meter.xoff,
        xon_frames: from.meter.xon,
        pauses: from.meter.pauses,
        expired: from.expired,
        paused_ps: from.total.0,
        longest_ps: from.longest.0,
        storm: from.storm,
        unfounded_ps: from.unfounded.map(|time| time.0),
        xoff: from.xoff.as_ref().map(threshold),
        xon: from.xon.as_ref().map(threshold),
        why_not: from.why_not.clone(),
    }
}

//! PTP probes, as reported.
//!
//! Contract: delays across two clocks that cannot be related are refused with the reason. All delays of a
//! path are off by the same, at most by the uncertainty: their differences are as good as the stamps.
//!
//! Left out on purpose: relating the clocks (`measure::ptp_probe`).

use crate::engine::outcome::Outcome;
use crate::engine::ptp_probe::PathRecord;
use crate::measure::ptp_probe::{Related, relate};
use crate::measure::record::Times;
use crate::plan::Plan;
use crate::report::model::{Anomaly, AnomalyKind, PtpProbe, TimeSource, TimeSources};
use crate::report::stats;

const SOURCE: TimeSource = TimeSource::PtpProbe;

/// The probes of each path.
pub(super) fn ptp_probes(plan: &Plan, outcome: &Outcome) -> Vec<PtpProbe> {
    outcome.probes.iter().map(|record| probe(plan, record)).collect()
}

fn probe(plan: &Plan, record: &PathRecord) -> PtpProbe {
    let (path, counts) = (&record.path, &record.counts);
    let tag = path.tags.first();
    let related = match record.stamped.is_empty() {
        true if counts.no_departure > 0 => Err(
            "the sending NIC stamped none: DPDK's drivers of Intel's NICs do so only when built with RTE_LIBRTE_IEEE1588"
                .to_owned(),
        ),
        true if counts.no_arrival > 0 && path.tags.is_empty() => Err("the receiving NIC stamped none".to_owned()),
        true if counts.no_arrival > 0 => {
            Err("the receiving NIC stamped none: some stamp no PTP frame that has a VLAN tag".to_owned())
        }
        true => Err("no probe has a stamp of both ends".to_owned()),
        false if path.from == path.to => Ok(Related::SAME_CLOCK),
        false => relate(&record.readings, &record.stamped).map_err(|error| error.to_string()),
    };
    let mut delays = Times::default();
    if let Ok(related) = &related {
        record
            .stamped
            .iter()
            .for_each(|stamped| delays.see(related.delay(stamped)));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "half the span of the bounds, ns to ps"
    )]
    let uncertainty = related
        .as_ref()
        .ok()
        .map(|related| (related.uncertainty * 1000.0).ceil() as u64);
    let basis = stats::Basis {
        source: TimeSources { tx: SOURCE, rx: SOURCE },
        uncertainty_ps: uncertainty,
        resolution_ps: None,
    };
    PtpProbe {
        from: plan.ports[path.from].name.clone(),
        to: plan.ports[path.to].name.clone(),
        vid: tag.map(|tag| tag.vid),
        pcp: tag.map(|tag| tag.pcp),
        source: SOURCE,
        sent: counts.sent,
        refused: counts.refused,
        lost: counts.lost,
        late: counts.late,
        no_departure: counts.no_departure,
        no_arrival: counts.no_arrival,
        disturbed: counts.disturbed,
        outside: counts.outside,
        stamped: record.stamped.len() as u64,
        delay: stats::of_times(&delays, basis),
        uncertainty_ps: uncertainty,
        drift_ppm: related.as_ref().ok().map(Related::drift_ppm),
        why_not: related.err(),
    }
}

/// What a reader of the probes must know.
pub(super) fn observations(plan: &Plan, outcome: &Outcome, found: &mut Vec<Anomaly>) {
    let mut say = |text: String, place: String| {
        found.push(Anomaly::new(AnomalyKind::Clock, place, text));
    };
    for why in &outcome.probes_missing {
        say(format!("PTP probes: {why}"), "run".to_owned());
    }
    for record in outcome.probes.iter().filter(|record| record.counts.outside > 0) {
        let text = format!(
            "{} PTP probes have a stamp that does not lie between two readings of its clock; they are not used.",
            record.counts.outside
        );
        say(text, format!("ports/{}", plan.ports[record.path.to].name));
    }
}

//! From what was measured to what is reported.
//!
//! Contract: no figure is invented: what was not measured is `None`. Losses are attributed only as
//! far as counters go; the rest of what was sent and not received was lost in the DUT, by
//! elimination, unless our own ports may have lost it too.
//!
//! Left out on purpose: measuring.

mod convergence;
mod faults;
mod inferred;
mod parameters;
mod ports;
mod ptp_probes;
mod reliable;
pub mod samples;
mod times;
mod traffic;

use std::time::{Duration, SystemTime};

use super::model::{
    About, Anomaly, AnomalyKind, Calibration, Clock, Cores, Dut, DutId, Inferred, Port, Results, Run, TimeSource,
    TimeSources, Traffic,
};
use super::provenance;
use crate::dpdk;
use crate::engine::outcome::{self, Outcome};
use crate::measure::{EntryRecord, Recorder, infer};
use crate::pattern::Pattern;
use crate::plan::summary::Summary;
use crate::plan::{EntryPlan, Plan};
use crate::testbed::{Testbed, Topology};
use crate::units::{PICOS_PER_SECOND, Picos, WIRE_OVERHEAD};

/// What a result must say of its inputs.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// The pattern, overrides applied.
    pub pattern: &'a Pattern,
    /// Its file as named, and its SHA-256.
    pub pattern_source: (&'a str, String),
    /// The question that its file asks.
    pub question: Option<&'a str>,
    /// The testbed.
    pub testbed: &'a Testbed,
    /// Its file as named, and its SHA-256; `None` for the built-in one.
    pub testbed_source: Option<(&'a str, String)>,
    /// `--set` arguments.
    pub settings: &'a [String],
    /// When the run began.
    pub started: SystemTime,
    /// How long it took, all told.
    pub took: Duration,
    /// What was measured of the instrument itself on this testbed.
    pub calibration: Option<&'a Calibration>,
}

/// `amount` over `time`, for one second.
fn per_second(amount: u64, time: Picos) -> Option<u64> {
    if time == Picos::ZERO {
        return None;
    }
    let rate = u128::from(amount) * u128::from(PICOS_PER_SECOND) / u128::from(time.0);
    u64::try_from(rate).ok()
}

/// Bits on the wire of so many frames.
fn wire_bits(frames: u64, bytes: u64) -> u64 {
    (bytes + frames * WIRE_OVERHEAD) * 8
}

/// The rate of `bits` in frames of which the first and the last left, or arrived, `span` apart, from so many senders
/// at once: each has one interval less than it has frames, so that a full link has its line rate and not a little more.
fn rate_within((frames, senders): (u64, u64), bits: u64, span: Picos) -> Option<u64> {
    let whole = u128::from(bits);
    let begun = whole * u128::from(frames.saturating_sub(senders)) / u128::from(frames.max(1));
    per_second(u64::try_from(begun).ok()?, span)
}

/// Puts a run's results together.
#[must_use]
pub fn assemble(inputs: &Inputs<'_>, plan: &Plan, outcome: &Outcome) -> Results {
    let summary = plan.summary();
    let mut traffic: Vec<Traffic> = plan
        .entries
        .iter()
        .enumerate()
        .map(|(index, entry)| traffic::traffic(inputs, plan, &summary, outcome, index, entry))
        .collect();
    traffic::contention(plan, outcome, &mut traffic);
    let ports = outcome
        .ports
        .iter()
        .enumerate()
        .map(|(index, port)| ports::port(plan, &summary, outcome, index, port));
    let mut found = Vec::new();
    let told = outcome
        .received
        .as_ref()
        .is_some_and(|recorder| recorder.trace().beyond() == 0);
    for (entry, record) in plan
        .entries
        .iter()
        .zip(outcome.received.iter().flat_map(Recorder::entries))
    {
        observations(entry, record, told, &mut found);
    }
    for (planned, port) in plan.ports.iter().zip(&outcome.ports) {
        let arrivals = port.times.refused().map(|why| (why, "arrival at"));
        let lost = arrivals.or_else(|| Some((times::lost_departures(port)?, "departure from")));
        if let Some((why, of)) = lost {
            let text = format!("{why} No time of {of} this port is reported, and nothing that rests on one.");
            let place = format!("ports/{}", planned.name);
            found.push(Anomaly::new(AnomalyKind::Clock, place, text));
        }
    }
    for port in plan.hairpins() {
        let text = "Workers behind this port send to each other: most switches do not return a frame to where it came from, and \
                    what they do not return counts as lost."
            .to_owned();
        let place = format!("ports/{}", plan.ports[port].name);
        found.push(Anomaly::new(AnomalyKind::Other, place, text));
    }
    for (entry, made) in plan.entries.iter().zip(&outcome.made) {
        if made.timeouts > 0 {
            let text = format!(
                "{} messages were not received within {} of their last frame: the closed loop went on without them.",
                made.timeouts,
                crate::transport::lane::OUTSTANDING_TIMEOUT
            );
            let place = format!("traffic/{}", entry.name);
            found.push(Anomaly::new(AnomalyKind::Other, place, text));
        }
    }
    let ports: Vec<Port> = ports.collect();
    let configured = inputs.testbed.configured();
    let places = inferred::places(inputs.testbed, plan);
    ptp_probes::observations(plan, outcome, &mut found);
    // Delays over all ports stand against one another there.
    let refused = times::any_refused(outcome);
    let read = if refused {
        infer::Inferred::default()
    } else {
        inferred::read(plan, outcome, &configured, &places)
    };
    let scene = faults::Scene {
        plan,
        outcome,
        places: &places,
        read: &read,
        traffic: &traffic,
        ports: &ports,
        lossless: configured.lossless.unwrap_or(0),
    };
    faults::find(&scene, &mut found);
    let mut results = Results::new(
        run(inputs, plan, &summary, outcome),
        environment(outcome),
        ports,
        traffic,
        if refused {
            Inferred::default()
        } else {
            inferred::inferred(plan, &configured, &places, &read)
        },
        if refused {
            None
        } else {
            convergence::of(plan, &summary, outcome)
        },
        found,
    );
    results.calibration = inputs.calibration.map(|calibration| calibration.budget.clone());
    results.ptp_probes = ptp_probes::ptp_probes(plan, outcome);
    results
}

/// What a reader must know that the model's own checks cannot see.
fn observations(entry: &EntryPlan, record: &EntryRecord, told: bool, found: &mut Vec<Anomaly>) {
    let place = format!("traffic/{}", entry.name);
    // Frame by frame it is told which were late and which were copies (`faults`), as far as they are kept.
    if record.too_old > 0 && !told {
        let window = crate::measure::flow::WINDOW;
        let text = format!(
            "{} frames came more than {window} behind the newest of their flow: late, or late copies. They are not counted as \
             received.",
            record.too_old
        );
        found.push(Anomaly::new(AnomalyKind::Other, place.clone(), text));
    }
    if record.time_travel > 0 {
        let text = format!(
            "{} frames arrived before they left, by the clocks used.",
            record.time_travel
        );
        found.push(Anomaly::new(AnomalyKind::Clock, place, text));
    }
}

fn run(inputs: &Inputs<'_>, plan: &Plan, summary: &Summary, outcome: &Outcome) -> Run {
    let first = received(outcome).map(|entry| entry.first_departure).min();
    let last = received(outcome).map(|entry| entry.last_arrival).max();
    let sources = times::of_run(plan, outcome);
    let mut nonconformities = vec![super::ONE_TRIAL.to_owned()];
    match outcome.clock {
        outcome::Clock::Tsc => nonconformities.extend(software_times(sources)),
        outcome::Clock::Virtual => {
            nonconformities
                .push("The device under test is squall's own reference fabric, in simulated time.".to_owned());
        }
    }
    if outcome.clock == outcome::Clock::Tsc && outcome.ports.iter().all(|port| port.info.is_virtual()) {
        nonconformities.push(super::SOFTWARE_PORTS.to_owned());
    }
    if plan.ports.iter().any(|port| port.loopback) {
        nonconformities.push("Ports are looped back: there is no device under test.".to_owned());
    }
    let simulated = inputs.testbed.fabric.as_ref().map(|fabric| match fabric.topology {
        Topology::Switch => DutId::Switch,
        Topology::LeafSpine { .. } | Topology::Clos { .. } => DutId::Fabric,
    });
    Run {
        name: inputs.pattern.name.clone(),
        pattern: inputs.pattern_source.0.to_owned(),
        pattern_sha256: inputs.pattern_source.1.clone(),
        testbed: inputs.testbed_source.as_ref().map(|(name, _)| (*name).to_owned()),
        testbed_sha256: inputs.testbed_source.as_ref().map(|(_, sha)| sha.clone()),
        settings: inputs.settings.to_vec(),
        question: inputs.question.map(str::to_owned),
        asks: inputs.pattern.asks.iter().map(|asked| asked.text.clone()).collect(),
        seed: plan.seed,
        clock: match outcome.clock {
            outcome::Clock::Tsc => Clock::Tsc,
            outcome::Clock::Virtual => Clock::Virtual,
        },
        timestamps: sources,
        conforming: false,
        nonconformities,
        dut: Dut::new(&inputs.testbed.dut, simulated, inputs.pattern.draft.as_deref()),
        about: About::from(&inputs.testbed.about),
        oversubscription: inputs
            .testbed
            .fabric
            .as_ref()
            .and_then(|fabric| fabric.oversubscription(plan.ports.len())),
        started_at: provenance::rfc3339(inputs.started),
        planned_duration_ps: summary.length.map(|length| length.0),
        measured_duration_ps: first
            .zip(last)
            .filter(|_| !times::any_refused(outcome))
            .and_then(|(first, last)| last.0.checked_sub(first.0)),
        wall_duration_ps: u64::try_from(inputs.took.as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_mul(1000),
        interrupted: outcome.interrupted.is_some(),
        interrupted_by: outcome.interrupted.clone(),
    }
}

/// What of a run's times is not a NIC's.
fn software_times(sources: TimeSources) -> Option<String> {
    let ends = [("Departure", sources.tx), ("Arrival", sources.rx)];
    let others: Vec<String> = ends
        .into_iter()
        .filter(|(_, source)| *source != TimeSource::Nic)
        .map(|(end, source)| format!("{end} times are not hardware time stamps ({source})."))
        .collect();
    (!others.is_empty()).then(|| others.join(" "))
}

fn received(outcome: &Outcome) -> impl Iterator<Item = &EntryRecord> {
    outcome
        .received
        .iter()
        .flat_map(Recorder::entries)
        .filter(|entry| entry.packets > 0)
}

fn environment(outcome: &Outcome) -> super::model::Environment {
    let narrow = |cores: &[usize]| cores.iter().filter_map(|core| u32::try_from(*core).ok()).collect();
    let mut environment = provenance::environment();
    environment.dpdk_version = Some(dpdk::version());
    environment.tsc_hz = Some(outcome.tsc_hz);
    environment.cores = Cores {
        tx: narrow(&outcome.cores.0),
        rx: narrow(&outcome.cores.1),
    };
    let mut drivers: Vec<String> = outcome.ports.iter().map(|port| port.info.driver.clone()).collect();
    drivers.sort();
    drivers.dedup();
    environment.drivers = drivers;
    if let Some(hugepages) = &mut environment.hugepages {
        hugepages.used = outcome.hugepages;
    }
    environment
}

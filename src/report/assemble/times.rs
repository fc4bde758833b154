//! What the times of a run rest on, how far they may be off, and when they are refused.
//!
//! Contract: a delay that crosses from one clock to another that is not known to be related to it is
//! refused, with the reason, and so is everything else that rests on that port's arrivals.
//!
//! Left out on purpose: relating clocks (`measure::clock`).

use hdrhistogram::Histogram;

use crate::dpdk::StampSource;
use crate::engine::lab::PacedBy;
use crate::engine::outcome::{self, Outcome, PortOutcome};
use crate::plan::{EntryPlan, Plan};
use crate::report::model::{BurstSpread, Calibration, PortClock, TimeSource, TimeSources};
use crate::report::stats::Basis;

/// Percentile of a burst's spread that counts as the uncertainty of one stamp.
const OF_A_BURST: f64 = 0.99;

/// What times rest on at a port.
pub(super) fn of_port(outcome: &Outcome, port: &PortOutcome) -> TimeSources {
    match outcome.clock {
        outcome::Clock::Virtual => TimeSources {
            tx: TimeSource::Fabric,
            rx: TimeSource::Fabric,
        },
        outcome::Clock::Tsc => TimeSources {
            tx: match port.paced_by {
                PacedBy::Nic if port.tx.untimed == 0 => TimeSource::Nic,
                PacedBy::Nic | PacedBy::Software | PacedBy::Fabric => TimeSource::Software,
            },
            rx: match port.times.source {
                StampSource::Nic => TimeSource::Nic,
                StampSource::Kernel => TimeSource::Kernel,
                // Probes have figures of their own.
                StampSource::PtpProbe | StampSource::Software => TimeSource::Software,
            },
        },
    }
}

/// The one that all have, or `mixed`.
fn common(mut sources: impl Iterator<Item = TimeSource>) -> TimeSource {
    let first = sources.next().unwrap_or(TimeSource::Software);
    if sources.all(|other| other == first) {
        first
    } else {
        TimeSource::Mixed
    }
}

/// What departures and arrivals rest on over all ports.
pub(super) fn of_run(plan: &Plan, outcome: &Outcome) -> TimeSources {
    let ports = || plan.ports.iter().zip(&outcome.ports);
    TimeSources {
        tx: common(ports().map(|(_, port)| of_port(outcome, port).tx)),
        rx: common(
            ports()
                .filter(|(planned, _)| planned.receive)
                .map(|(_, port)| of_port(outcome, port).rx),
        ),
    }
}

/// The ports that send an entry, and those at which it arrives.
fn ports_of(plan: &Plan, entry: &EntryPlan) -> (Vec<usize>, Vec<usize>) {
    let sorted = |mut ports: Vec<usize>| {
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    let senders = entry
        .sending_lanes()
        .map(|lane| plan.workers[lane.worker as usize].port);
    (
        sorted(senders.collect()),
        sorted(entry.pairs.iter().map(|pair| plan.arrival_port(*pair)).collect()),
    )
}

fn spread(of: &Histogram<u64>) -> Option<u64> {
    (!of.is_empty()).then(|| of.value_at_quantile(OF_A_BURST))
}

/// How far a port's departures may be off, ps.
fn of_departures(port: &PortOutcome) -> Option<u64> {
    let by_hand = spread(&port.times.tx_spread);
    if port.paced_by != PacedBy::Nic || by_hand.is_none() {
        return by_hand;
    }
    let by_clock = port.times.clock.as_ref()?.summary?.uncertainty;
    // Frames that found no time to be sent at left when they were handed over.
    let untimed = by_hand.filter(|_| port.tx.untimed > 0).unwrap_or(0);
    Some(by_clock.saturating_add(untimed))
}

/// How far a port's arrivals may be off, ps.
fn of_arrivals(port: &PortOutcome) -> Option<u64> {
    match port.times.arrivals() {
        Some(clock) => clock.summary.map(|summary| summary.uncertainty),
        None => spread(&port.times.rx_spread),
    }
}

/// What an entry's delays rest on, and how far they may be off.
pub(super) fn of_entry(plan: &Plan, outcome: &Outcome, entry: &EntryPlan, calibration: Option<&Calibration>) -> Basis {
    let (senders, receivers) = ports_of(plan, entry);
    let ports = |numbers: &[usize]| -> Vec<&PortOutcome> {
        numbers.iter().filter_map(|number| outcome.ports.get(*number)).collect()
    };
    let (senders, receivers) = (ports(&senders), ports(&receivers));
    // The worst port's; a port that sent or received nothing adds nothing.
    let worst =
        |ports: &[&PortOutcome], of: fn(&PortOutcome) -> Option<u64>| ports.iter().filter_map(|port| of(port)).max();
    let uncertainty_ps = match outcome.clock {
        outcome::Clock::Virtual => Some(0),
        outcome::Clock::Tsc => {
            let both = worst(&senders, of_departures).zip(worst(&receivers, of_arrivals));
            both.map(|(departures, arrivals)| departures.saturating_add(arrivals))
        }
    };
    Basis {
        source: TimeSources {
            tx: common(senders.iter().map(|port| of_port(outcome, port).tx)),
            rx: common(receivers.iter().map(|port| of_port(outcome, port).rx)),
        },
        uncertainty_ps,
        resolution_ps: calibration.map(|calibration| calibration.budget.resolution_ps),
    }
}

/// What an entry's lateness rests on: our own clock, at one end.
pub(super) fn of_lateness(plan: &Plan, outcome: &Outcome, entry: &EntryPlan) -> Basis {
    let delays = of_entry(plan, outcome, entry, None);
    let tx = delays.source.tx;
    let senders = ports_of(plan, entry).0;
    let ports = senders.iter().filter_map(|number| outcome.ports.get(*number));
    Basis {
        source: TimeSources { tx, rx: tx },
        uncertainty_ps: match outcome.clock {
            outcome::Clock::Virtual => Some(0),
            outcome::Clock::Tsc => ports.filter_map(of_departures).max(),
        },
        resolution_ps: None,
    }
}

/// The same for gaps between arrivals.
pub(super) fn of_arrival_gaps(plan: &Plan, outcome: &Outcome, entry: &EntryPlan) -> Basis {
    let rx = of_entry(plan, outcome, entry, None).source.rx;
    let receivers = ports_of(plan, entry).1;
    let ports = receivers.iter().filter_map(|number| outcome.ports.get(*number));
    Basis {
        source: TimeSources { tx: rx, rx },
        uncertainty_ps: match outcome.clock {
            outcome::Clock::Virtual => Some(0),
            outcome::Clock::Tsc => ports.filter_map(of_arrivals).max(),
        },
        resolution_ps: None,
    }
}

/// Why nothing that rests on the times of an entry's frames can be told.
pub(super) fn refused(plan: &Plan, outcome: &Outcome, entry: &EntryPlan) -> Option<String> {
    let (senders, receivers) = ports_of(plan, entry);
    let named = |number: usize, why: &str| format!("Port {}: {why}", plan.ports[number].name);
    let arrivals = receivers.into_iter().find_map(|number| {
        let why = outcome.ports.get(number)?.times.refused()?;
        Some(named(number, why))
    });
    // Frames that a NIC sends by a clock that was set do not leave when they say.
    let departures = || {
        senders.into_iter().find_map(|number| {
            let why = lost_departures(outcome.ports.get(number)?)?;
            Some(named(number, why))
        })
    };
    arrivals.or_else(departures)
}

/// Why a port's frames did not leave when they say. Where the NIC's clock was never related, they left when
/// they were handed over.
pub(super) fn lost_departures(port: &PortOutcome) -> Option<&str> {
    let clock = port
        .times
        .clock
        .as_ref()
        .filter(|clock| port.paced_by == PacedBy::Nic && clock.summary.is_some());
    clock?.refused.as_deref()
}

/// Whether any port's arrivals are refused.
pub(super) fn any_refused(outcome: &Outcome) -> bool {
    let mut ports = outcome.ports.iter();
    ports.any(|port| port.times.refused().is_some() || lost_departures(port).is_some())
}

/// The clock behind a port's stamps, as reported.
pub(super) fn clock(port: &PortOutcome) -> Option<PortClock> {
    let clock = port.times.clock.as_ref()?;
    Some(PortClock {
        readings: clock.summary.map_or(0, |summary| summary.readings),
        tick_ps: clock.summary.map(|summary| summary.tick_ps),
        drift_ppm: clock.summary.and_then(|summary| summary.drift_ppm),
        uncertainty_ps: clock.summary.map(|summary| summary.uncertainty),
        stamped: clock.counts.stamped,
        unstamped: clock.counts.unstamped,
        late: clock.counts.late,
        refused: clock.refused.clone(),
    })
}

/// How far a port's bursts spread the times of the frames in them.
pub(super) fn bursts(of: &Histogram<u64>) -> Option<BurstSpread> {
    (!of.is_empty()).then(|| BurstSpread {
        bursts: of.len(),
        p50_ps: of.value_at_quantile(0.5),
        p99_ps: of.value_at_quantile(0.99),
        max_ps: of.max(),
    })
}

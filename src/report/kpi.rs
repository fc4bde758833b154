//! The draft's KPIs (its Tables 3 and 4) as far as they can be told from outside the DUT, computed
//! from the result model alone.
//!
//! Contract: a KPI that applies to an entry or port is always listed; its value is none when a
//! figure under it was not measured. Units are the draft's. Definitions are design decisions where
//! the draft leaves them open; `docs/METHOD.md` gives the reasons.
//!
//! Left out on purpose: KPIs of a whole serving system (TTFT, ITL, TPS, …) and of a NIC's
//! transport. `Buffer_utilization` is the device's to tell (`of_reading`); from outside it is read only
//! as a threshold.

mod inferred;

pub(super) use inferred::{of_threshold, place_of as place_of_queue};

use super::model::{
    Convergence, Distribution, DutId, Inferred, Interval, Kpi, Port, Reading, Results, Statistic, Traffic, Victim,
};
use super::{range, stats};
use crate::expect::known::{self, Known};
use crate::pattern::{About, about};

/// The KPIs of one trial: of each traffic entry, of each port, of each queue, then of the run.
#[must_use]
pub fn of(results: &Results) -> Vec<Kpi> {
    let dut = results.run.dut.id;
    let mut kpis = Vec::new();
    for entry in &results.traffic {
        let mut list = Listing {
            kpis: &mut kpis,
            dut,
            draft: entry.draft.as_deref(),
            place: place_of(entry),
        };
        let rates = results.convergence.iter().flat_map(|convergence| &convergence.rates);
        if let Some(rate) = rates.clone().find(|rate| rate.entry == entry.name) {
            list.add(&known::STEADY_RATE, Some(rate.steady_bps / 8e9));
        }
        of_entry(
            &mut list,
            entry,
            results
                .inferred
                .victims
                .iter()
                .find(|victim| victim.entry == entry.name),
        );
    }
    // A port's figures are those of the test when all entries are of the same one.
    let mut drafts = results.traffic.iter().map(|entry| entry.draft.as_deref());
    let draft = drafts
        .next()
        .flatten()
        .filter(|first| drafts.all(|other| other == Some(*first)));
    let seconds = results.run.measured_duration_ps.map(|ps| float(ps) / 1e12);
    for port in &results.ports {
        let place = format!("ports/{}", port.name);
        of_port(
            &mut Listing {
                kpis: &mut kpis,
                dut,
                draft,
                place,
            },
            port,
            seconds,
            &results.inferred,
        );
    }
    let mut list = Listing {
        kpis: &mut kpis,
        dut,
        draft,
        place: String::new(),
    };
    let any_held = results.inferred.queues.iter().any(|queue| queue.held.is_some());
    for queue in &results.inferred.queues {
        list.place = inferred::place_of(queue);
        inferred::of_queue(&mut list, queue, any_held);
    }
    "run".clone_into(&mut list.place);
    if let Some(ratio) = results.run.oversubscription {
        list.add(&known::OVERSUBSCRIPTION, Some(ratio));
    }
    inferred::of_run(&mut list, &results.inferred);
    if let Some(convergence) = &results.convergence {
        of_rates(&mut list, convergence);
    }
    kpis
}

/// Where an entry's KPIs and anomalies are.
pub(crate) fn place_of(entry: &Traffic) -> String {
    format!("traffic/{}", entry.name)
}

struct Listing<'a> {
    kpis: &'a mut Vec<Kpi>,
    dut: DutId,
    draft: Option<&'a str>,
    place: String,
}

impl Listing<'_> {
    /// A figure that is one number.
    fn add(&mut self, known: &Known, value: Option<f64>) {
        self.read(known, value.map(|value| (value, None)));
    }

    /// One statistic of a figure.
    fn add_of(&mut self, known: &Known, statistic: Statistic, value: Option<f64>) {
        self.list(known, statistic, value.map(|value| (value, None)), "");
    }

    /// A figure with the interval of its reading, where it has one.
    fn read(&mut self, known: &Known, read: Option<(f64, Option<Interval>)>) {
        self.list(known, Statistic::Value, read, "");
    }

    /// The whole of it; `more` is added to the definition.
    fn list(&mut self, known: &Known, statistic: Statistic, read: Option<(f64, Option<Interval>)>, more: &str) {
        let measure = known.measure(Some(super::figures::statistic(known.name, statistic)));
        let unit = measure.map_or(known.unit, |measure| known.unit_of(measure));
        let read = read.filter(|(value, _)| value.is_finite());
        let own = |(value, own): (f64, Option<Interval>)| Some(own?.within(range::of_known(known, unit), value));
        self.kpis.push(Kpi {
            name: known.name.to_owned(),
            unit: unit.to_owned(),
            statistic,
            value: read.map(|(value, _)| value),
            ci95: read.and_then(own),
            trials: 1,
            dut: self.dut,
            test: self.draft.map(|section| format!("Test {section}")),
            place: self.place.clone(),
            definition: format!("{}{more}", known.doc),
        });
    }

    /// A time, as each of the figure's statistics.
    fn time(&mut self, known: &Known, from: Option<&Distribution>) {
        for measure in known.measures {
            let Some(statistic) = Statistic::ALL.iter().find(|one| one.name() == measure.statistic) else {
                continue;
            };
            let picos = from.and_then(|times| match statistic {
                Statistic::Mean => Some(times.mean),
                Statistic::P50 => Some(float(times.p50)),
                Statistic::P95 => Some(float(times.p95)),
                Statistic::P99 => Some(float(times.p99)),
                Statistic::P999 => Some(float(times.p99_9)),
                Statistic::TailSpread => Some(float(times.p99) - float(times.p50)),
                _ => None,
            });
            // Of a difference of two times both may be off.
            let times = if *statistic == Statistic::TailSpread { 2.0 } else { 1.0 };
            let off = from.and_then(|from| from.uncertainty_ps).filter(|ps| *ps > 0);
            let read = picos.map(|ps| {
                let own = off.map(|off| Interval::around(ps, times * float(off)).times(1e-6));
                (ps / 1e6, own)
            });
            self.list(known, *statistic, read, "");
        }
    }
}

fn of_entry(list: &mut Listing<'_>, entry: &Traffic, victim: Option<&Victim>) {
    let goodput = entry.goodput_bps.map(|bps| float(bps) / 8e9);
    match about(&entry.kind) {
        About::Messages => {
            list.time(&known::KV_XFER_LATENCY, entry.message_latency.as_ref());
            // The side with fewer ports is the one that all of it has to pass.
            let ports = entry.tx_ports.len().min(entry.rx_ports.len()).max(1);
            let each = goodput.map(|sum| sum / float(ports as u64));
            list.add_of(&known::KV_XFER_BANDWIDTH, Statistic::PerPort, each);
            list.add_of(&known::KV_XFER_BANDWIDTH, Statistic::Aggregate, goodput);
            list.time(&known::FABRIC_FCT, entry.fct.as_ref());
        }
        About::Dispatches => {
            let rounds = entry.rounds.as_ref();
            let times = rounds.and_then(|rounds| rounds.time.as_ref());
            list.time(&known::EP_ALLTOALL_LATENCY, times);
            let bandwidth = rounds.zip(times).map(|(rounds, times)| {
                let seconds = times.mean * float(times.count) / 1e12;
                float(rounds.payload_bytes) / 1e9 / seconds
            });
            list.add_of(&known::EP_ALLTOALL_BANDWIDTH, Statistic::Aggregate, bandwidth);
            list.add_of(&known::BUS_BW, Statistic::PerPort, bus_bandwidth(entry, bandwidth));
            if ranks_per_node(entry).is_some() {
                let between = entry.routing.filter(|routed| routed.sent + routed.in_node > 0);
                let share = between.map(|routed| 100.0 * float(routed.sent) / float(routed.sent + routed.in_node));
                list.add(&known::INTER_NODE_SHARE, share);
            }
        }
        About::Pauses => return,
        About::Probe => {
            // It measures a threshold, not a load: its rates and times are the hold's.
            list.add(&known::PACKET_DROP_RATE, drop_rate(entry));
            return;
        }
        About::Load => {}
    }
    list.add_of(&known::FABRIC_GOODPUT, Statistic::Aggregate, goodput);
    list.add(&known::ECN_MARKING_RATE, entry.ecn.marking_rate_percent);
    list.add(&known::PACKET_DROP_RATE, drop_rate(entry));
    if let Some(jfi) = entry.jfi {
        let over = format!(" over {} {}", jfi.count, jfi.over);
        list.list(&known::JFI, Statistic::Value, Some((jfi.index, None)), &over);
    }
    inferred::of_entry(list, entry, victim);
}

/// When rates had settled, and at what.
fn of_rates(list: &mut Listing<'_>, convergence: &Convergence) {
    let micros = 1e-6;
    let time = convergence
        .time_ps
        .map(|time| (time.value * micros, Some(Interval::from(time).times(micros))));
    list.read(&known::RATE_CONVERGENCE_TIME, time);
    let window = convergence.headline_window_ps;
    list.add(&known::RATE_WINDOW, window.map(|ps| float(ps) * micros));
    let told = convergence
        .windows
        .iter()
        .find(|one| window.is_none_or(|size| one.size_ps == size));
    let outside = told
        .filter(|one| one.steady > 0)
        .map(|one| float(one.steady_outside) / float(one.steady) * 100.0);
    list.add(&known::RATES_OUTSIDE, outside);
    list.add(&known::STEADY_JFI, convergence.jfi);
    list.add(&known::STEADY_JFI_MAX_MIN, convergence.jfi_max_min);
}

/// Ranks of a node, where nodes have more than one.
fn ranks_per_node(entry: &Traffic) -> Option<u64> {
    entry.parameters.get("ranks_per_node")?.as_u64()
}

/// BusBW of an AllToAll (draft 7.1 and its terminology: algo_factor (n−1)/n): what `bandwidth` carries of all
/// ranks is without the tokens that stay on their rank, which the algorithm's own bandwidth counts.
fn bus_bandwidth(entry: &Traffic, bandwidth: Option<f64>) -> Option<f64> {
    let ranks = float(entry.parameters.get("ranks")?.as_u64().filter(|ranks| *ranks > 0)?);
    let routed = entry.routing.filter(|routed| routed.sent > 0)?;
    let all = if routed.padding > 0 || routed.overflow > 0 {
        // Low-latency mode: every pair has the same number of slots, and so have ranks of one node and a rank for itself.
        ranks / (ranks - float(ranks_per_node(entry).unwrap_or(1)))
    } else {
        float(routed.sent.saturating_add(routed.local).saturating_add(routed.in_node)) / float(routed.sent)
    };
    Some(bandwidth? * all / ranks * (ranks - 1.0) / ranks)
}

/// Frames per million that the DUT lost, as far as anyone can tell: what our own ports lost is not
/// held against it, what nobody can explain is.
fn drop_rate(entry: &Traffic) -> Option<f64> {
    let unexplained = u64::try_from(entry.packets.unexplained?).unwrap_or(0);
    let by_dut: u64 = entry
        .packets
        .causes
        .iter()
        .filter(|loss| loss.cause.is_dut())
        .map(|loss| loss.frames)
        .sum();
    (entry.packets.sent > 0).then(|| 1e6 * float(by_dut.saturating_add(unexplained)) / float(entry.packets.sent))
}

fn of_port(list: &mut Listing<'_>, port: &Port, seconds: Option<f64>, inferred: &Inferred) {
    let paused = port.pfc.received_per_class.map(|classes| float(classes.iter().sum()));
    list.add(&known::PFC_FRAME_COUNT, paused);
    let rate = paused.zip(seconds).map(|(frames, seconds)| frames / seconds);
    list.add_of(&known::PFC_FRAME_COUNT, Statistic::PerSecond, rate);
    let time = port.pfc.paused_ps_per_class;
    let time = time.map(|classes| float(classes.iter().sum()) / 1e6);
    list.add(&known::PFC_PAUSE_TIME, time);
    inferred::of_port(list, &port.name, inferred);
    let share = |bps: Option<u64>| {
        bps.zip(port.speed_bps)
            .map(|(bps, speed)| 100.0 * float(bps) / float(speed))
    };
    list.add_of(&known::LINK_UTILIZATION, Statistic::Tx, share(port.tx.achieved_bps));
    list.add_of(&known::LINK_UTILIZATION, Statistic::Rx, share(port.rx.achieved_bps));
}

/// The KPIs that follow from the device's own counters, as far as it gave them.
pub(super) fn of_reading(reading: &Reading, dut: DutId, test: Option<&str>) -> Vec<Kpi> {
    let ratio = |part: Option<u64>, whole: Option<u64>, of: f64| {
        // Counters that were not read at the same instant may contradict one another.
        let whole = whole.filter(|whole| *whole > 0 && part.is_some_and(|part| part <= *whole))?;
        Some(of * float(part?) / float(whole))
    };
    let offered = reading
        .frames
        .zip(reading.dropped_frames)
        .and_then(|(frames, dropped)| frames.checked_add(dropped));
    let pauses = reading.pfc_sent_per_class.map(|classes| {
        let sum = classes.iter().fold(0, |sum: u64, frames| sum.saturating_add(*frames));
        float(sum)
    });
    let found = [
        (
            &known::BUFFER_UTILIZATION,
            ratio(reading.buffer_watermark_bytes, reading.buffer_bytes, 100.0),
        ),
        (
            &known::ECN_MARKING_RATE,
            ratio(reading.ecn_marked_frames, reading.frames, 100.0),
        ),
        (&known::PFC_FRAME_COUNT, pauses),
        (&known::PACKET_DROP_RATE, ratio(reading.dropped_frames, offered, 1e6)),
        (&known::LINK_UTILIZATION, reading.link_utilization_percent),
    ];
    let mut kpis = Vec::new();
    let mut list = Listing {
        kpis: &mut kpis,
        dut,
        draft: None,
        place: format!("device/{}", reading.place),
    };
    for (known, value) in found.into_iter().filter(|(_, value)| value.is_some()) {
        let read = value.map(|value| (value, None));
        list.list(known, Statistic::Value, read, ", by the device's own counters");
    }
    for kpi in &mut kpis {
        kpi.test = test.map(str::to_owned);
    }
    kpis
}

/// Ratios of the device's counters over all of its readings: of sums, so that a place with few frames has little
/// weight. Readings may overlap (a switch and its ports): frames that are counted twice are so in both sums.
pub(super) fn of_device(readings: &[Reading], dut: DutId, test: Option<&str>) -> Vec<Kpi> {
    // Of readings that tell both, a figure's part and its whole.
    let all = |part: fn(&Reading) -> Option<u64>| {
        let both = readings.iter().filter_map(|reading| reading.frames.zip(part(reading)));
        both.reduce(|sum, one| (sum.0.saturating_add(one.0), sum.1.saturating_add(one.1)))
            .unzip()
    };
    let (marked, dropped) = (
        all(|reading| reading.ecn_marked_frames),
        all(|reading| reading.dropped_frames),
    );
    let sums = [
        Reading {
            frames: marked.0,
            ecn_marked_frames: marked.1,
            ..Reading::default()
        },
        Reading {
            frames: dropped.0,
            dropped_frames: dropped.1,
            ..Reading::default()
        },
    ];
    let found = sums.iter().flat_map(|sum| of_reading(sum, dut, test));
    found
        .map(|kpi| Kpi {
            place: "device".to_owned(),
            definition: format!("{}, all readings together", kpi.definition),
            ..kpi
        })
        .collect()
}

/// The same KPIs over several trials: the mean of those that have a value, with its interval. KPIs are the same when name, statistic, unit and place are; order of first appearance.
#[must_use]
pub fn over_trials(trials: &[&[Kpi]]) -> Vec<Kpi> {
    let mut merged: Vec<Kpi> = Vec::new();
    let mut values: Vec<Vec<(f64, Option<Interval>)>> = Vec::new();
    for kpi in trials.iter().copied().flatten() {
        let same = |other: &Kpi| {
            (&other.name, other.statistic, &other.unit, &other.place)
                == (&kpi.name, kpi.statistic, &kpi.unit, &kpi.place)
        };
        let index = merged.iter().position(same).unwrap_or_else(|| {
            merged.push(kpi.clone());
            values.push(Vec::new());
            merged.len() - 1
        });
        values[index].extend(kpi.value.map(|value| (value, kpi.ci95)));
    }
    for (kpi, values) in merged.iter_mut().zip(values) {
        kpi.trials = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let estimate = stats::over_trials(&values, range::of(&kpi.name, &kpi.unit));
        kpi.value = estimate.map(|(mean, _)| mean);
        kpi.ci95 = estimate.and_then(|(_, interval)| interval);
    }
    merged
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and picoseconds into figures of a report"
)]
fn float(value: u64) -> f64 {
    value as f64
}

//! Every figure of a result by name, statistic and place: what expectations are held against, and what
//! the tables of a sweep are made of.
//!
//! Contract: a figure that belongs to a place is listed for it, measured or not. Names are those of
//! `expect::known`, which a test holds to.

use super::model::{Distribution, Interval, Marking, PauseDirection, Port, Queue, Results, Soak, Statistic, Traffic};
use super::range;
use crate::expect::known::{self, Known};
use crate::expect::{self, Dimension};
use crate::pattern::{About, about};

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Its statistic; empty for a figure that is one number.
    pub statistic: &'static str,
    /// Unit of `value`.
    pub unit: String,
    /// `traffic/<name>`, `ports/<name>`, `ports/<name>/<class>`, `ports`, `queues/<port>/<class>`, `run` or `device/<where>`.
    pub place: String,
    /// The value, if it was measured.
    pub value: Option<f64>,
    /// How far the reading itself may be off, where that is known.
    pub own: Option<Interval>,
}

impl Figure {
    fn new(known: &Known, statistic: &'static str, place: &str, value: Option<f64>) -> Figure {
        let measure = known.measure(Some(statistic));
        Figure {
            name: known.name.to_owned(),
            statistic,
            unit: measure.map_or(known.unit, |measure| known.unit_of(measure)).to_owned(),
            place: place.to_owned(),
            value,
            own: None,
        }
    }

    /// Name and statistic, as a line of `expect` says them.
    #[must_use]
    pub fn title(&self) -> String {
        match self.statistic {
            "" => self.name.clone(),
            statistic => format!("{}.{statistic}", self.name),
        }
    }
}

/// All figures of one result, in a fixed order.
#[must_use]
pub fn of(results: &Results) -> Vec<Figure> {
    let mut figures = Vec::new();
    for entry in &results.traffic {
        of_entry(&mut figures, entry);
    }
    for kpi in &results.kpis {
        figures.push(Figure {
            name: kpi.name.clone(),
            statistic: statistic(&kpi.name, kpi.statistic),
            unit: kpi.unit.clone(),
            place: kpi.place.clone(),
            value: kpi.value,
            own: kpi.ci95,
        });
    }
    all_ports(&mut figures, results);
    all_queues(&mut figures, results);
    for reading in results.device.iter().flat_map(|device| &device.readings) {
        let place = format!("device/{}", reading.place);
        for (known, value) in [
            (&known::BUFFER_WATERMARK, reading.buffer_watermark_bytes.map(float)),
            (&known::MARKED, reading.ecn_marked_frames.map(float)),
            (&known::DROPPED, reading.dropped_frames.map(float)),
            (&known::SWITCH_CPU, reading.cpu_percent),
            (&known::SWITCH_MEMORY, reading.memory_percent),
            (&known::POST_FEC_BER, reading.post_fec_ber),
            (&known::CRC_ERRORS, reading.crc_errors.map(float)),
            (&known::ROUTING_FLAPS, reading.routing_flaps.map(float)),
        ] {
            if value.is_some() {
                figures.push(Figure::new(known, "", &place, value));
            }
        }
    }
    if let Some(soak) = &results.soak {
        of_soak(&mut figures, soak);
    }
    let anomalies = float(results.anomalies.len() as u64);
    figures.push(Figure::new(&known::ANOMALIES, "", "run", Some(anomalies)));
    figures
}

/// Pauses of single classes of the ports, at `ports/<name>/<class>`, of those that `wanted` takes: a port
/// and a class.
#[must_use]
pub fn of_classes(results: &Results, wanted: impl Fn(&Port, u8) -> bool) -> Vec<Figure> {
    let mut figures = Vec::new();
    let seconds = results.run.measured_duration_ps.map(|ps| float(ps) / 1e12);
    for port in &results.ports {
        for class in (0..8_u8).filter(|class| wanted(port, *class)) {
            let of = |counts: Option<[u64; 8]>| counts.map(|counts| float(counts[usize::from(class)]));
            let frames = of(port.pfc.received_per_class);
            let place = format!("ports/{}/{class}", port.name);
            let mut add = |known: &Known, statistic: &'static str, value: Option<f64>| {
                figures.push(Figure::new(known, statistic, &place, value));
            };
            add(&known::PFC_FRAME_COUNT, "", frames);
            let rate = frames.zip(seconds).map(|(frames, seconds)| frames / seconds);
            add(&known::PFC_FRAME_COUNT, "per-second", rate);
            let paused = of(port.pfc.paused_ps_per_class).map(|ps| ps / 1e6);
            add(&known::PFC_PAUSE_TIME, "", paused);
            let read = results.inferred.pfc.iter().find(|one| {
                (one.port.as_str(), one.class, one.direction) == (port.name.as_str(), class, PauseDirection::Received)
            });
            for (known, threshold) in [
                (&known::PFC_XOFF, read.and_then(|one| one.xoff)),
                (&known::PFC_XON, read.and_then(|one| one.xon)),
            ] {
                if let Some(threshold) = threshold {
                    let (value, own) = super::kpi::of_threshold(threshold);
                    let own = own.map(|own| own.within(range::NOT_NEGATIVE, value));
                    figures.push(Figure {
                        own,
                        ..Figure::new(known, "", &place, Some(value))
                    });
                }
            }
        }
    }
    figures
}

/// Whether a class of a port was paused, or an entry of the run is in it and sends from there.
#[must_use]
pub fn class_is_used(results: &Results, port: &Port, class: u8) -> bool {
    let named = |counts: Option<[u64; 8]>| counts.is_some_and(|counts| counts[usize::from(class)] > 0);
    let sends = |entry: &Traffic| {
        let of_class = entry.parameters.get("class").and_then(serde_json::Value::as_u64) == Some(u64::from(class));
        of_class && entry.tx_ports.contains(&port.name)
    };
    named(port.pfc.received_per_class) || results.traffic.iter().any(sends)
}

/// Figures of a long run: how many grew, and how much each entry's KV transfers varied.
fn of_soak(figures: &mut Vec<Figure>, soak: &Soak) {
    let grown = soak.trends.iter().filter(|trend| trend.grows == Some(true)).count() as u64;
    let grown = float(grown + u64::from(soak.resident_memory_grows == Some(true)));
    figures.push(Figure::new(&known::SOAK_GROWTHS, "", "run", Some(grown)));
    for trend in soak
        .trends
        .iter()
        .filter(|trend| trend.name == known::KV_XFER_LATENCY.name)
    {
        let known = &known::KV_XFER_LATENCY_VARIATION;
        figures.push(Figure::new(known, "", &trend.place, trend.variation_percent));
    }
}

fn of_entry(figures: &mut Vec<Figure>, entry: &Traffic) {
    let place = super::kpi::place_of(entry);
    let mut add = |known: &Known, value: Option<f64>| {
        figures.push(Figure::new(known, "", &place, value));
    };
    let packets = &entry.packets;
    add(&known::SENT, Some(float(packets.sent)));
    add(&known::UNSENT, Some(float(packets.unsent)));
    // MAC control frames end at the next port: nobody could receive them.
    if about(&entry.kind) != About::Pauses {
        add(&known::RECEIVED, packets.received.map(float));
        add(&known::LOST, packets.lost.map(float));
        #[expect(clippy::cast_precision_loss, reason = "a count of frames")]
        add(&known::UNEXPLAINED, packets.unexplained.map(|frames| frames as f64));
        add(&known::DUPLICATED, packets.duplicated.map(float));
        add(&known::REORDERED, packets.reordered.map(float));
        add(&known::ICRC_ERRORS, packets.icrc_errors.map(float));
        add(&known::MALFORMED, packets.malformed.map(float));
        let ce = entry.ecn.received.as_ref().map(|received| float(received.ce));
        add(&known::CE, ce);
        add(&known::MESSAGES, entry.messages.completed.map(float));
        add(&known::INCOMPLETE, entry.messages.incomplete.map(float));
        add(&known::CUT_OFF, entry.cut_off_pairs.map(float));
        let outage = entry.outage.map_or(0.0, |outage| float(outage.length_ps) / 1e6);
        let told = packets.received.is_some() && entry.times_refused.is_none();
        add(&known::LONGEST_OUTAGE, told.then_some(outage));
        let gap = entry.longest_gap.map(|gap| float(gap.length_ps) / 1e6);
        add(&known::LONGEST_GAP, gap.filter(|_| told));
        if let Some(contended) = entry.contended {
            add(&known::CONTENDED_RATE, Some(contended.wire_bps.value / 8e9));
        }
        times(figures, &known::PACKET_LATENCY, &place, entry.packet_latency.as_ref());
    }
    if let Some(rc) = &entry.rc {
        let requester = &rc.requester;
        let failed = requester.qps_in_error.iter().map(|failed| failed.qps).sum();
        for (known, count) in [
            (&known::RETRANSMITTED, requester.resent_frames),
            (&known::ACK_TIMEOUTS, requester.timeouts),
            (&known::NAKS, requester.naks),
            (&known::RNR_NAKS, requester.rnr_naks),
            (&known::CNPS, requester.cnps),
            (&known::QPS_IN_ERROR, failed),
        ] {
            figures.push(Figure::new(known, "", &place, Some(float(count))));
        }
        times(figures, &known::TURNAROUND, &place, rc.turnaround.as_ref());
        if let Some(reads) = &rc.reads {
            times(figures, &known::READ_TIME, &place, reads.time.as_ref());
        }
    }
    if let Some(tokens) = &entry.routing {
        let mut add = |known: &Known, copies: u64| {
            figures.push(Figure::new(known, "", &place, Some(float(copies))));
        };
        add(&known::TOKENS_DROPPED, tokens.dropped);
        add(&known::TOKENS_OVERFLOW, tokens.overflow);
        add(&known::TOKENS_PADDING, tokens.padding);
    }
    if let Some(rounds) = &entry.rounds {
        times(figures, &known::ROUND_TIME, &place, rounds.time.as_ref());
    }
}

fn times(figures: &mut Vec<Figure>, known: &Known, place: &str, from: Option<&Distribution>) {
    for (statistic, value) in [
        ("min", from.map(|times| float(times.min))),
        ("mean", from.map(|times| times.mean)),
        ("p50", from.map(|times| float(times.p50))),
        ("p95", from.map(|times| float(times.p95))),
        ("p99", from.map(|times| float(times.p99))),
        ("p99-9", from.map(|times| float(times.p99_9))),
        ("max", from.map(|times| float(times.max))),
    ] {
        let off = from.and_then(|times| times.uncertainty_ps).filter(|ps| *ps > 0);
        let own = value.zip(off).map(|(ps, off)| {
            let own = Interval::around(ps, float(off)).times(1e-6);
            own.within(range::NOT_NEGATIVE, ps / 1e6)
        });
        figures.push(Figure {
            own,
            ..Figure::new(known, statistic, place, value.map(|ps| ps / 1e6))
        });
    }
}

/// What all ports together come to: sums of counts and times, the greatest size, and of a ratio that of the busiest
/// link: the one that carried most bytes. A link with two frames may have been full for as long as they took.
fn all_ports(figures: &mut Vec<Figure>, results: &Results) {
    let busiest = |bytes: &dyn Fn(&Port) -> u64| {
        // The first of equals, for the same answer every time.
        let port = results.ports.iter().rev().max_by_key(|port| bytes(port));
        port.map(|port| format!("ports/{}", port.name))
    };
    let (tx, rx) = (busiest(&|port| port.tx.bytes), busiest(&|port| port.rx.bytes));
    let mut sums: Vec<Figure> = Vec::new();
    for figure in figures.iter().filter(|figure| figure.place.starts_with("ports/")) {
        let dimension = expect::find(&figure.name)
            .and_then(|known| known.measure(Some(figure.statistic)))
            .map(|measure| measure.dimension);
        let ratio = matches!(dimension, Some(Dimension::Share | Dimension::Ratio));
        let of_busiest = Some(&figure.place) == if figure.statistic == "rx" { &rx } else { &tx }.as_ref();
        let same = |other: &&mut Figure| {
            (&other.name, other.statistic, &other.unit) == (&figure.name, figure.statistic, &figure.unit)
        };
        match sums.iter_mut().find(same) {
            None => sums.push(Figure {
                place: "ports".to_owned(),
                ..figure.clone()
            }),
            Some(sum) if ratio => {
                if of_busiest {
                    (sum.value, sum.own) = (figure.value, figure.own);
                }
            }
            // The greatest of those known is one; a sum with a part unknown is unknown.
            Some(sum) if dimension == Some(Dimension::Size) => take_greater(sum, figure),
            Some(sum) => add_up(sum, figure),
        }
    }
    figures.extend(sums);
}

/// What all queues together come to: the marking of the one with the most marks, the frames of all
/// disruptions, else the greatest.
fn all_queues(figures: &mut Vec<Figure>, results: &Results) {
    let most = busiest_queue(results).map(super::kpi::place_of_queue);
    let mut sums: Vec<Figure> = Vec::new();
    for figure in figures.iter().filter(|figure| figure.place.starts_with("queues/")) {
        let same = |other: &&mut Figure| (&other.name, other.statistic) == (&figure.name, figure.statistic);
        let of_busiest = Some(&figure.place) == most.as_ref();
        match sums.iter_mut().find(same) {
            None => sums.push(Figure {
                place: "queues".to_owned(),
                ..figure.clone()
            }),
            Some(sum) if figure.name.starts_with("ECN_") => {
                if of_busiest {
                    (sum.value, sum.own) = (figure.value, figure.own);
                }
            }
            Some(sum) if adds_up(figure) && sum.value.is_some() && figure.value.is_some() => {
                add_up(sum, figure);
            }
            Some(sum) => take_greater(sum, figure),
        }
    }
    figures.extend(sums);
}

/// Whether what several places have of it adds up.
fn adds_up(figure: &Figure) -> bool {
    let known = expect::find(&figure.name);
    known.is_some_and(|known| {
        known
            .measure(Some(figure.statistic))
            .is_some_and(|measure| known.adds_up(measure))
    })
}

/// The greater of two figures, or the one that is known.
fn take_greater(sum: &mut Figure, other: &Figure) {
    if other
        .value
        .is_some_and(|value| sum.value.is_none_or(|known| value > known))
    {
        (sum.value, sum.own) = (other.value, other.own);
    }
}

/// The sum of two figures, as far off as both together; unknown where one of them is.
fn add_up(sum: &mut Figure, other: &Figure) {
    let both = sum.value.zip(other.value);
    let exact = |of: &Figure| of.own.or_else(|| Some(Interval::around(of.value?, 0.0)));
    let own = exact(sum).zip(exact(other)).map(|(one, other)| one.plus(other));
    sum.own = own.filter(|_| both.is_some() && (sum.own.is_some() || other.own.is_some()));
    sum.value = both.map(|(one, other)| one + other);
}

/// The queue with the most marked frames.
#[must_use]
pub fn busiest_queue(results: &Results) -> Option<&Queue> {
    let marked = |queue: &&Queue| {
        let of = |marking: &Marking| marking.marked;
        let probe = queue.probe.as_ref().map_or(0, |probe| of(&probe.marking));
        let meter = queue.meter.as_ref().map_or(0, |meter| meter.marked);
        queue.ecn.as_ref().map_or(0, of).max(probe).max(meter)
    };
    // The first of equals, for the same answer every time.
    results.inferred.queues.iter().rev().max_by_key(marked)
}

/// How `expect` names a KPI's statistic: figures that are one number have none.
pub(super) fn statistic(name: &str, statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Value => "",
        Statistic::Aggregate if name != known::KV_XFER_BANDWIDTH.name => "",
        other => other.name(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and picoseconds into figures of a report"
)]
fn float(value: u64) -> f64 {
    value as f64
}

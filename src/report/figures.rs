//! Every figure of a result by name, statistic and place: what expectations are held against, and what
//! the tables of a sweep are made of.
//!
//! Contract: a figure that belongs to a place is listed for it, measured or not. Names are those of
//! `expect::known`, which a test holds to.

use super::model::{Distribution, Interval, Marking, PauseDirection, Port, Queue, Results, Soak, Statistic, Traffic};
use super::range;
use crate::expect::{self, Dimension};

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
    fn new(name: &str, statistic: &'static str, unit: &str, place: &str, value: Option<f64>) -> Figure {
        Figure {
            name: name.to_owned(),
            statistic,
            unit: unit.to_owned(),
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
        let statistic = statistic(&kpi.name, kpi.statistic);
        figures.push(Figure {
            own: kpi.ci95,
            ..Figure::new(&kpi.name, statistic, &kpi.unit, &kpi.place, kpi.value)
        });
    }
    all_ports(&mut figures, results);
    all_queues(&mut figures, results);
    for reading in results.device.iter().flat_map(|device| &device.readings) {
        let place = format!("device/{}", reading.place);
        for (name, unit, value) in [
            ("Buffer_watermark", "bytes", reading.buffer_watermark_bytes.map(float)),
            ("marked", "frames", reading.ecn_marked_frames.map(float)),
            ("dropped", "frames", reading.dropped_frames.map(float)),
            ("Switch_CPU", "%", reading.cpu_percent),
            ("Switch_memory", "%", reading.memory_percent),
            ("Post_FEC_BER", "1", reading.post_fec_ber),
            ("CRC_errors", "frames", reading.crc_errors.map(float)),
            ("Routing_flaps", "1", reading.routing_flaps.map(float)),
        ] {
            if value.is_some() {
                figures.push(Figure::new(name, "", unit, &place, value));
            }
        }
    }
    if let Some(soak) = &results.soak {
        of_soak(&mut figures, soak);
    }
    let anomalies = float(results.anomalies.len() as u64);
    figures.push(Figure::new("anomalies", "", "1", "run", Some(anomalies)));
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
            let mut add = |name: &str, statistic: &'static str, unit: &str, value: Option<f64>| {
                figures.push(Figure::new(name, statistic, unit, &place, value));
            };
            add("PFC_frame_count", "", "frames", frames);
            let rate = frames.zip(seconds).map(|(frames, seconds)| frames / seconds);
            add("PFC_frame_count", "per-second", "frames/s", rate);
            let paused = of(port.pfc.paused_ps_per_class).map(|ps| ps / 1e6);
            add("PFC_pause_time", "", "us", paused);
            let read = results.inferred.pfc.iter().find(|one| {
                (one.port.as_str(), one.class, one.direction) == (port.name.as_str(), class, PauseDirection::Received)
            });
            for (name, threshold) in [
                ("PFC_XOFF", read.and_then(|one| one.xoff)),
                ("PFC_XON", read.and_then(|one| one.xon)),
            ] {
                if let Some(threshold) = threshold {
                    let (value, own) = super::kpi::of_threshold(threshold);
                    let own = own.map(|own| own.within(range::NOT_NEGATIVE, value));
                    figures.push(Figure {
                        own,
                        ..Figure::new(name, "", "bytes", &place, Some(value))
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
    figures.push(Figure::new("soak_growths", "", "1", "run", Some(grown)));
    for trend in soak.trends.iter().filter(|trend| trend.name == "KV_xfer_latency") {
        let name = "KV_xfer_latency_variation";
        figures.push(Figure::new(name, "", "%", &trend.place, trend.variation_percent));
    }
}

fn of_entry(figures: &mut Vec<Figure>, entry: &Traffic) {
    let place = super::kpi::place_of(entry);
    let mut add = |name: &str, unit: &str, value: Option<f64>| {
        figures.push(Figure::new(name, "", unit, &place, value));
    };
    let packets = &entry.packets;
    add("sent", "frames", Some(float(packets.sent)));
    add("unsent", "frames", Some(float(packets.unsent)));
    // MAC control frames end at the next port: nobody could receive them.
    if entry.kind != "pfc" {
        add("received", "frames", packets.received.map(float));
        add("lost", "frames", packets.lost.map(float));
        #[expect(clippy::cast_precision_loss, reason = "a count of frames")]
        add("unexplained", "frames", packets.unexplained.map(|frames| frames as f64));
        add("duplicated", "frames", packets.duplicated.map(float));
        add("reordered", "frames", packets.reordered.map(float));
        add("icrc_errors", "frames", packets.icrc_errors.map(float));
        add("malformed", "frames", packets.malformed.map(float));
        let ce = entry.ecn.received.as_ref().map(|received| float(received.ce));
        add("ce", "frames", ce);
        add("messages", "messages", entry.messages.completed.map(float));
        add("incomplete", "messages", entry.messages.incomplete.map(float));
        add("cut_off", "pairs", entry.cut_off_pairs.map(float));
        let outage = entry.outage.map_or(0.0, |outage| float(outage.length_ps) / 1e6);
        let told = packets.received.is_some() && entry.times_refused.is_none();
        add("longest_outage", "us", told.then_some(outage));
        let gap = entry.longest_gap.map(|gap| float(gap.length_ps) / 1e6);
        add("longest_gap", "us", gap.filter(|_| told));
        if let Some(contended) = entry.contended {
            add("contended_rate", "GB/s", Some(contended.wire_bps.value / 8e9));
        }
        times(figures, "packet_latency", &place, entry.packet_latency.as_ref());
    }
    if let Some(tokens) = &entry.routing {
        let mut add = |name: &str, copies: u64| {
            figures.push(Figure::new(name, "", "copies", &place, Some(float(copies))));
        };
        add("tokens_dropped", tokens.dropped);
        add("tokens_overflow", tokens.overflow);
        add("tokens_padding", tokens.padding);
    }
    if let Some(rounds) = &entry.rounds {
        times(figures, "round_time", &place, rounds.time.as_ref());
    }
}

fn times(figures: &mut Vec<Figure>, name: &str, place: &str, from: Option<&Distribution>) {
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
            ..Figure::new(name, statistic, "us", place, value.map(|ps| ps / 1e6))
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
            Some(sum) if figure.name == "Disruption_loss" && sum.value.is_some() && figure.value.is_some() => {
                add_up(sum, figure);
            }
            Some(sum) => take_greater(sum, figure),
        }
    }
    figures.extend(sums);
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
fn statistic(name: &str, statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Value => "",
        Statistic::Aggregate if name != "KV_xfer_bandwidth" => "",
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

//! What is worth drawing of results: the distribution of latency, and how queues mark over their depth.
//!
//! Contract: a chart shows figures of the results and nothing else.

use super::model::{Marking, Queue, Results};
use crate::plot::{Axis, Chart, Point, Quantity, Series, Style};

/// Where a chart of latency changes to a logarithmic axis: greatest over least.
const WIDE: f64 = 20.0;

/// The distribution of message latency, a line for each of `curves`: a name, and the values below which
/// 0 %, 1 %, … 100 % lie, in picoseconds.
#[must_use]
pub fn latency(subtitle: String, legend: String, curves: &[(String, Vec<f64>)]) -> Chart {
    let all = || curves.iter().flat_map(|(_, values)| values);
    let least = all().copied().fold(f64::INFINITY, f64::min);
    let greatest = all().copied().fold(0.0, f64::max);
    let series = curves.iter().enumerate().map(|(look, (name, values))| {
        let points = (0_u32..).zip(values);
        Series {
            name: name.clone(),
            points: points
                .map(|(percent, value)| Point::new(*value, f64::from(percent)))
                .collect(),
            style: Style::Line,
            look,
            right: false,
        }
    });
    Chart {
        title: "Message latency".to_owned(),
        subtitle,
        x: Axis {
            log: least > 0.0 && greatest / least > WIDE,
            ..Axis::new(
                "departure of the first bit to arrival of the last packet",
                Quantity::Picos,
            )
        },
        y: Axis {
            within: Some((0.0, 100.0)),
            ..Axis::new("share of the messages", Quantity::Percent)
        },
        legend,
        series: series.collect(),
        ..Chart::default()
    }
}

/// A chart of marking shows depths up to so many times the greatest Kmax: beyond it all is the same.
const BEYOND: f64 = 2.5;

/// Thresholds so far apart are seen on a logarithmic axis only.
const FAR: f64 = 8.0;

/// Points of a slope on a logarithmic axis, where it is no straight line.
const SLOPE: u32 = 32;

/// Queues whose marking is drawn.
const MAX_QUEUES: usize = 8;

/// One reading of how a queue marks: its name in the legend, and what was read.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// The name.
    pub name: &'a str,
    /// What was read.
    pub marking: &'a Marking,
}

/// Share marked over queue depth: what was measured as points, what was read from it as a dashed line.
#[must_use]
pub fn marking(subtitle: String, legend: String, curves: &[Curve<'_>]) -> Chart {
    let kmax = || curves.iter().filter_map(|curve| Some(curve.marking.kmax_bytes?.value));
    let kmin = || curves.iter().filter_map(|curve| Some(curve.marking.kmin_bytes?.value));
    let deepest = curves
        .iter()
        .flat_map(|curve| &curve.marking.curve)
        .map(|bin| float(bin.to_bytes));
    let deepest = deepest.fold(0.0, f64::max);
    let greatest = kmax().fold(0.0, f64::max);
    let end = if greatest > 0.0 {
        deepest.min(BEYOND * greatest)
    } else {
        deepest
    };
    let least = kmin().fold(f64::INFINITY, f64::min);
    let log = least > 0.0 && greatest / least > FAR;
    let begin = if log { least / BEYOND } else { 0.0 };
    let mut series = Vec::new();
    for (look, curve) in curves.iter().enumerate() {
        let bins = curve.marking.curve.iter().filter(|bin| float(bin.from_bytes) <= end);
        let points = bins.filter(|bin| bin.frames > 0).map(|bin| Point {
            x: f64::midpoint(float(bin.from_bytes), float(bin.to_bytes)),
            y: 100.0 * float(bin.marked) / float(bin.frames),
            // Of none and of all there is nothing to see but the number of frames.
            error: (bin.marked > 0 && bin.marked < bin.frames).then_some((100.0 * bin.low, 100.0 * bin.high)),
        });
        series.push(Series {
            name: curve.name.to_owned(),
            points: points.filter(|point| (begin..=end).contains(&point.x)).collect(),
            style: Style::Markers,
            look,
            right: false,
        });
        if let Some((kmin, kmax)) = curve.marking.kmin_bytes.zip(curve.marking.kmax_bytes) {
            let pmax = curve.marking.pmax.map_or(100.0, |pmax| 100.0 * pmax.value);
            let slope = (0..=SLOPE).map(|step| f64::from(step) / f64::from(SLOPE));
            let slope = slope.map(|part| Point::new(kmin.value + part * (kmax.value - kmin.value), part * pmax));
            let read = format!(
                "{} to {}",
                Quantity::Bytes.say(kmin.value),
                Quantity::Bytes.say(kmax.value)
            );
            series.push(Series {
                name: format!(
                    "read: {}",
                    if (kmax.value - kmin.value).abs() < 1.0 {
                        Quantity::Bytes.say(kmin.value)
                    } else {
                        read
                    }
                ),
                points: std::iter::once(Point::new(begin, 0.0))
                    .chain(slope)
                    .chain([Point::new(kmax.value, 100.0), Point::new(end.max(kmax.value), 100.0)])
                    .collect(),
                style: Style::Dashed,
                look,
                right: false,
            });
        }
    }
    Chart {
        title: "ECN marking over queue depth".to_owned(),
        subtitle,
        x: Axis {
            log,
            ..Axis::new("bytes ahead in the queue", Quantity::Bytes)
        },
        y: Axis {
            within: Some((0.0, 100.0)),
            ..Axis::new("share of the frames marked", Quantity::Percent)
        },
        legend,
        series,
        ..Chart::default()
    }
}

/// How one queue marks, by each method that says something.
#[must_use]
pub fn readings(queue: &Queue) -> Vec<Curve<'_>> {
    let delays = queue.ecn.as_ref().map(|marking| Curve {
        name: "from delays",
        marking,
    });
    let probe = queue.probe.as_ref().map(|probe| Curve {
        name: "by the probe",
        marking: &probe.marking,
    });
    let told = |curve: &Curve<'_>| !curve.marking.curve.is_empty();
    delays.into_iter().chain(probe).filter(told).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes into a chart")]
fn float(value: u64) -> f64 {
    value as f64
}

/// The charts of one run: file name and SVG of each.
#[must_use]
pub fn of_run(results: &Results) -> Vec<(String, String)> {
    let charts = charts(results).into_iter();
    charts
        .map(|(name, chart)| (format!("{name}.svg"), crate::plot::svg(&chart)))
        .collect()
}

/// The charts of one run, each with its name.
#[must_use]
pub fn charts(results: &Results) -> Vec<(String, Chart)> {
    let mut charts = Vec::new();
    let curves: Vec<(String, Vec<f64>)> = results
        .traffic
        .iter()
        .filter_map(|entry| {
            let latency = entry.message_latency.as_ref()?;
            let values = latency.percentiles.iter().map(|value| float(*value)).collect();
            Some((entry.name.clone(), values))
        })
        .collect();
    if !curves.is_empty() {
        let chart = latency(about(results), "traffic entry".to_owned(), &curves);
        charts.push(("latency-cdf".to_owned(), chart));
    }
    let told = |queue: &&Queue| !readings(queue).is_empty();
    let queues: Vec<&Queue> = results.inferred.queues.iter().filter(told).take(MAX_QUEUES).collect();
    for queue in &queues {
        let curves = readings(queue);
        let verdict = curves.first().map_or("", |curve| curve.marking.explanation.as_str());
        let subtitle = format!(
            "{}, class {} to {}. {verdict}",
            results.run.name, queue.class, queue.port
        );
        let name = if queues.len() > 1 {
            format!("marking-curve-{}-{}", file_part(&queue.port), queue.class)
        } else {
            "marking-curve".to_owned()
        };
        charts.push((name, marking(subtitle, String::new(), &curves)));
    }
    charts
}

/// What may stand in a file's name.
#[must_use]
pub fn file_part(text: &str) -> String {
    text.replace(
        |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'),
        "-",
    )
}

/// A run in a line.
fn about(results: &Results) -> String {
    let run = &results.run;
    format!("{}, seed {}, clock {}", run.name, run.seed, run.clock)
}

//! What is worth drawing of results: the distribution of latency.
//!
//! Contract: a chart shows figures of the results and nothing else.

use super::model::Results;
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
    }
}

/// The charts of one run: file name and SVG of each.
#[must_use]
pub fn of_run(results: &Results) -> Vec<(String, String)> {
    let mut charts = Vec::new();
    let curves: Vec<(String, Vec<f64>)> = results
        .traffic
        .iter()
        .filter_map(|entry| {
            let latency = entry.message_latency.as_ref()?;
            #[expect(clippy::cast_precision_loss, reason = "picoseconds into a chart")]
            let values = latency.percentiles.iter().map(|value| *value as f64).collect();
            Some((entry.name.clone(), values))
        })
        .collect();
    if !curves.is_empty() {
        charts.push((
            "latency-cdf",
            latency(about(results), "traffic entry".to_owned(), &curves),
        ));
    }
    charts
        .into_iter()
        .map(|(name, chart)| (format!("{name}.svg"), crate::plot::svg(&chart)))
        .collect()
}

/// A run in a line.
fn about(results: &Results) -> String {
    let run = &results.run;
    format!("{}, seed {}, clock {}", run.name, run.seed, run.clock)
}

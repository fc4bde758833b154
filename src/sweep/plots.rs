//! The charts of a sweep.
//!
//! Contract: a chart shows figures of the tables and nothing else: means over the trials of a point, with
//! their 95 % confidence intervals. Without a wish of the file's, those are drawn that the results are good
//! for.

use super::gather::Gathered;
use super::hook::plain;
use super::types::{FigureName, FigurePlot, Plot, Point, Sweep};
use super::{point, value};
use crate::expect::known;
use crate::plot::{self, Chart, Quantity};
use crate::report::plots;

mod figure;

/// Lines of a chart that eyes can still tell apart; with more points there is a chart for each value of
/// the first axis.
const MAX_LINES: usize = 8;

/// Charts of one kind.
const MAX_CHARTS: usize = 24;

/// A horizontal axis becomes logarithmic where its greatest value is so many times its least.
const WIDE: f64 = 16.0;

/// What a chart calls the value of a key that a point leaves alone.
const AS_IT_IS: &str = "as it is";

/// Ticks that stand at the very values that were measured.
const MAX_TICKS: usize = 12;

/// Figures that are drawn where nothing is asked for, with their titles.
static DEFAULT: &[(&str, &str)] = &[
    (known::KV_XFER_LATENCY.name, "p99"),
    (known::EP_ALLTOALL_LATENCY.name, "p99"),
    (known::FABRIC_GOODPUT.name, ""),
];

/// The charts: file name below the sweep's folder, and SVG.
#[must_use]
pub fn draw(sweep: &Sweep, gathered: &Gathered) -> Vec<(String, String)> {
    charts(sweep, gathered)
        .into_iter()
        .map(|(name, chart)| (format!("plots/{name}.svg"), plot::svg(&chart)))
        .collect()
}

/// The charts, each with its name.
#[must_use]
pub fn charts(sweep: &Sweep, gathered: &Gathered) -> Vec<(String, Chart)> {
    let mut charts: Vec<(String, Chart)> = Vec::new();
    let wanted = sweep.plots.clone().unwrap_or_else(|| default(sweep));
    for plot in &wanted {
        match plot {
            Plot::MarkingRate => charts.extend(figure::figure(sweep, gathered, &marking_rate())),
            Plot::MarkingCurve => charts.extend(curves(sweep, gathered)),
            Plot::LatencyCdf => charts.extend(latencies(sweep, gathered)),
            Plot::Figure(of) => charts.extend(figure::figure(sweep, gathered, of)),
            Plot::Samples(of) => charts.extend(figure::sampled(sweep, gathered, of)),
        }
    }
    charts
}

fn default(sweep: &Sweep) -> Vec<Plot> {
    let mut wanted = vec![Plot::MarkingCurve, Plot::LatencyCdf];
    if !sweep.axes.is_empty() {
        wanted.push(Plot::MarkingRate);
        wanted.extend(
            DEFAULT.iter().map(|(figure, statistic)| {
                Plot::Figure(Box::new(FigurePlot::new(figure, anywhere(figure, statistic))))
            }),
        );
    }
    wanted
}

/// A figure wherever it is measured from outside.
fn anywhere(figure: &str, statistic: &str) -> FigureName {
    FigureName {
        scope: None,
        figure: figure.to_owned(),
        statistic: statistic.to_owned(),
    }
}

fn marking_rate() -> FigurePlot {
    FigurePlot::new("marking-rate", anywhere(known::ECN_MARKING_RATE.name, ""))
}

/// Values of an axis at each point, as something to put on a chart.
struct Placed {
    quantity: Quantity,
    values: Vec<Option<f64>>,
    /// Names of the places, where the values are no numbers.
    names: Option<Vec<String>>,
}

/// An axis as numbers where all its values are, else as places in the order of their first appearance.
fn placed(sweep: &Sweep, axis: usize) -> Placed {
    let texts: Vec<Option<String>> = sweep.points.iter().map(|point| text(point, axis)).collect();
    if let Some((quantity, values)) = value::numbers(&texts.iter().map(Option::as_deref).collect::<Vec<_>>()) {
        return Placed {
            quantity,
            values,
            names: None,
        };
    }
    let mut names: Vec<String> = Vec::new();
    let values = texts
        .into_iter()
        .map(|text| {
            let text = text.unwrap_or_else(|| AS_IT_IS.to_owned());
            let at = names.iter().position(|name| *name == text).unwrap_or_else(|| {
                names.push(text);
                names.len() - 1
            });
            u32::try_from(at).ok().map(f64::from)
        })
        .collect();
    Placed {
        quantity: Quantity::Number,
        values,
        names: Some(names),
    }
}

fn text(point: &Point, axis: usize) -> Option<String> {
    let value = point.values.get(axis)?.as_ref()?;
    Some(plain(&value.value))
}

/// The axis that stands below a chart where none is asked for: the first whose values are different
/// numbers, else the first.
fn first_numeric(sweep: &Sweep) -> usize {
    let numeric = |axis: &usize| {
        let placed = placed(sweep, *axis);
        let mut values = placed.values.into_iter().flatten();
        let first = values.next();
        placed.names.is_none() && values.any(|value| Some(value) != first)
    };
    let shown = |axis: &usize| sweep.axes.get(*axis).is_some_and(|axis| !axis.is_hidden());
    let first = (0..sweep.axes.len()).find(|axis| shown(axis) && numeric(axis));
    first.or_else(|| (0..sweep.axes.len()).find(shown)).unwrap_or(0)
}

/// A point without one of its axes, in words: the name of a line.
fn rest(sweep: &Sweep, point: &Point, without: &[usize]) -> String {
    let axes = sweep
        .axes
        .iter()
        .enumerate()
        .filter(|(index, axis)| !without.contains(index) && !axis.is_hidden());
    let parts =
        axes.filter_map(|(index, axis)| Some(format!("{}={}", point::shown(&sweep.axes, axis), text(point, index)?)));
    parts.collect::<Vec<_>>().join(" ")
}

/// The name of a line: of a single axis its value alone, for the legend's head says which.
fn line_name(sweep: &Sweep, point: &Point, without: &[usize]) -> String {
    let name = rest(sweep, point, without);
    match name.split_once('=') {
        Some((_, value)) if legend(sweep, without).1 => value.to_owned(),
        _ => name,
    }
}

/// What the name of a line says: the axes that tell lines apart.
fn legend(sweep: &Sweep, without: &[usize]) -> (String, bool) {
    let axes: Vec<String> = sweep
        .axes
        .iter()
        .enumerate()
        .filter(|(index, axis)| !without.contains(index) && !axis.is_hidden())
        .map(|(_, axis)| point::shown(&sweep.axes, axis))
        .collect();
    (axes.join(" "), axes.len() == 1)
}

fn subtitle(sweep: &Sweep, gathered: &Gathered, place: Option<&str>) -> String {
    let clock = gathered.about.as_ref().map_or("", |about| about.clock.as_str());
    let trials = match sweep.trials {
        1 => "one trial of each point".to_owned(),
        trials => format!("means of {trials} trials, 95 % intervals"),
    };
    let place = place.map_or(String::new(), |place| format!(", {place}"));
    format!("{}{place}: {trials}, clock {clock}", sweep.name)
}

/// The distributions of message latency: for each entry, lines for the points.
fn latencies(sweep: &Sweep, gathered: &Gathered) -> Vec<(String, Chart)> {
    let mut entries: Vec<&str> = gathered.latencies.keys().map(|(_, entry)| entry.as_str()).collect();
    entries.sort_unstable();
    entries.dedup();
    let mut charts = Vec::new();
    for entry in &entries {
        for (group, points) in groups(sweep) {
            let without: &[usize] = if group.is_some() { &[0] } else { &[] };
            let (legend, _) = legend(sweep, without);
            let curves: Vec<(String, Vec<f64>)> = points
                .iter()
                .filter_map(|number| {
                    let (sums, trials) = gathered.latencies.get(&(*number, (*entry).to_owned()))?;
                    let name = line_name(sweep, sweep.points.get(*number)?, without);
                    let means = sums.iter().map(|sum| sum / f64::from(*trials));
                    Some((name, means.collect()))
                })
                .collect();
            if curves.is_empty() {
                continue;
            }
            let trials = if sweep.trials > 1 {
                format!(": means of {} trials for each percentage", sweep.trials)
            } else {
                String::new()
            };
            let said = group.as_ref().map_or(String::new(), |group| format!(", {group}"));
            let subtitle = format!("{}, traffic/{entry}{said}{trials}", sweep.name);
            let mut name = "latency-cdf".to_owned();
            for part in [(entries.len() > 1).then_some(*entry), group.as_deref()]
                .into_iter()
                .flatten()
            {
                name = format!("{name}-{}", plots::file_part(part));
            }
            charts.push((name, plots::latency(subtitle, legend, &curves)));
        }
    }
    charts.truncate(MAX_CHARTS);
    charts
}

/// How the queue with the most marks marks over its depth: a line for each point.
fn curves(sweep: &Sweep, gathered: &Gathered) -> Vec<(String, Chart)> {
    let mut charts = Vec::new();
    for (group, points) in groups(sweep) {
        let without: &[usize] = if group.is_some() { &[0] } else { &[] };
        let (legend, _) = legend(sweep, without);
        let mut names = Vec::new();
        for number in &points {
            let Some(point) = sweep.points.get(*number) else {
                continue;
            };
            names.push((*number, line_name(sweep, point, without)));
        }
        let found = names.iter().filter_map(|(number, name)| {
            let queue = gathered.curves.get(number)?;
            // The probe, where there was one: it needs no clock.
            let best = plots::readings(queue).pop()?;
            Some(plots::Curve { name, ..best })
        });
        let found: Vec<plots::Curve<'_>> = found.collect();
        if found.is_empty() {
            continue;
        }
        let said = group.as_ref().map_or(String::new(), |group| format!(", {group}"));
        let subtitle = format!("{}{said}: the first trial of each point", sweep.name);
        let name = match &group {
            Some(group) => format!("marking-curve-{}", plots::file_part(group)),
            None => "marking-curve".to_owned(),
        };
        charts.push((name, plots::marking(subtitle, legend, &found)));
    }
    charts.truncate(MAX_CHARTS);
    charts
}

/// Points that share a chart: all, or where those are too many, those with the same value of the first
/// axis, with that value in words.
fn groups(sweep: &Sweep) -> Vec<(Option<String>, Vec<usize>)> {
    let all = sweep.points.len();
    if all <= MAX_LINES || sweep.axes.len() < 2 {
        return vec![(None, (0..all).collect())];
    }
    let mut groups: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    let axis = sweep
        .axes
        .first()
        .map_or(String::new(), |axis| point::short(&sweep.axes, axis));
    for (number, point) in sweep.points.iter().enumerate() {
        let value = text(point, 0).unwrap_or_default();
        let name = Some(format!("{axis}={value}"));
        match groups.iter_mut().find(|(group, _)| *group == name) {
            Some((_, points)) => points.push(number),
            None => groups.push((name, vec![number])),
        }
    }
    groups
}

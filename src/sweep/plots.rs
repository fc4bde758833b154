//! The charts of a sweep.
//!
//! Contract: a chart shows figures of the tables and nothing else: means over the trials of a point, with
//! their 95 % confidence intervals. Without a wish of the file's, those are drawn that the results are good
//! for.

use super::gather::{Column, Gathered};
use super::hook::plain;
use super::types::{FigurePlot, Plot, Point, Sweep};
use super::{point, value};
use crate::plot::{self, Axis, Chart, Quantity, Series, Style};
use crate::report::plots;

/// Lines of a chart that eyes can still tell apart; with more points there is a chart for each value of
/// the first axis.
const MAX_LINES: usize = 8;

/// Charts of one kind.
const MAX_CHARTS: usize = 24;

/// A horizontal axis becomes logarithmic where its greatest value is so many times its least.
const WIDE: f64 = 16.0;

/// Ticks that stand at the very values that were measured.
const MAX_TICKS: usize = 12;

/// Figures that are drawn where nothing is asked for, with their titles.
const DEFAULT: &[(&str, &str)] = &[
    ("KV_xfer_latency", "p99"),
    ("EP_alltoall_latency", "p99"),
    ("Fabric_Goodput", ""),
];

/// The charts: file name below the sweep's folder, and SVG.
#[must_use]
pub fn draw(sweep: &Sweep, gathered: &Gathered) -> Vec<(String, String)> {
    let mut charts: Vec<(String, Chart)> = Vec::new();
    let wanted = sweep.plots.clone().unwrap_or_else(|| default(sweep));
    for plot in &wanted {
        match plot {
            Plot::MarkingRate => charts.extend(figure(sweep, gathered, &marking_rate())),
            Plot::MarkingCurve => charts.extend(curves(sweep, gathered)),
            Plot::LatencyCdf => charts.extend(latencies(sweep, gathered)),
            Plot::Figure(of) => charts.extend(figure(sweep, gathered, of)),
        }
    }
    charts
        .into_iter()
        .map(|(name, chart)| (format!("plots/{name}.svg"), plot::svg(&chart)))
        .collect()
}

fn default(sweep: &Sweep) -> Vec<Plot> {
    let mut wanted = vec![Plot::MarkingCurve, Plot::LatencyCdf];
    if !sweep.axes.is_empty() {
        wanted.push(Plot::MarkingRate);
        wanted.extend(DEFAULT.iter().map(|(figure, statistic)| {
            Plot::Figure(FigurePlot {
                name: (*figure).to_owned(),
                scope: None,
                figure,
                statistic,
                over: None,
                log: None,
            })
        }));
    }
    wanted
}

fn marking_rate() -> FigurePlot {
    FigurePlot {
        name: "marking-rate".to_owned(),
        scope: None,
        figure: "ECN_marking_rate",
        statistic: "",
        over: None,
        log: None,
    }
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
            let text = text.unwrap_or_else(|| "as it is".to_owned());
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
    (0..sweep.axes.len()).find(numeric).unwrap_or(0)
}

/// A point without one of its axes, in words: the name of a line.
fn rest(sweep: &Sweep, point: &Point, without: &[usize]) -> String {
    let axes = sweep
        .axes
        .iter()
        .enumerate()
        .filter(|(index, _)| !without.contains(index));
    let parts =
        axes.filter_map(|(index, axis)| Some(format!("{}={}", point::short(&sweep.axes, axis), text(point, index)?)));
    parts.collect::<Vec<_>>().join(" ")
}

/// What the name of a line says: the axes that tell lines apart.
fn legend(sweep: &Sweep, without: &[usize]) -> (String, bool) {
    let axes: Vec<String> = sweep
        .axes
        .iter()
        .enumerate()
        .filter(|(index, _)| !without.contains(index))
        .map(|(_, axis)| point::short(&sweep.axes, axis))
        .collect();
    (axes.join(" "), axes.len() == 1)
}

/// A figure over an axis: a line for each combination of the other axes, a chart for each place.
fn figure(sweep: &Sweep, gathered: &Gathered, of: &FigurePlot) -> Vec<(String, Chart)> {
    let over = of.over.unwrap_or_else(|| first_numeric(sweep));
    let Some(axis) = sweep.axes.get(over) else {
        return Vec::new();
    };
    let columns: Vec<(usize, &Column)> = gathered
        .columns_of(of.scope.as_deref(), of.figure, of.statistic)
        .filter_map(|index| Some((index, gathered.columns.get(index)?)))
        .filter(|(index, _)| (0..sweep.points.len()).any(|point| gathered.estimate(point, *index).is_some()))
        .collect();
    // Nothing but zeros is worth a chart only where there is no other.
    let zero = |(index, _): &(usize, &Column)| {
        let mut found = (0..sweep.points.len()).filter_map(|point| gathered.estimate(point, *index));
        found.all(|estimate| estimate.max == 0.0 && estimate.min == 0.0)
    };
    let told: Vec<_> = columns.iter().copied().filter(|column| !zero(column)).collect();
    let columns = if told.is_empty() { columns } else { told };
    let x = placed(sweep, over);
    let (legend, single) = legend(sweep, &[over]);
    let several = columns.len() > 1;
    columns
        .into_iter()
        .take(MAX_CHARTS)
        .map(|(index, column)| {
            let (quantity, worth, unit) = value::of_unit(&column.unit);
            let mut series: Vec<Series> = Vec::new();
            for (number, (point, x)) in sweep.points.iter().zip(&x.values).enumerate() {
                let (Some(x), Some(found)) = (*x, gathered.estimate(number, index)) else {
                    continue;
                };
                let mut name = rest(sweep, point, &[over]);
                if single && let Some((_, value)) = name.split_once('=') {
                    name = value.to_owned();
                }
                let at = series.iter().position(|line| line.name == name).unwrap_or_else(|| {
                    series.push(Series {
                        name,
                        points: Vec::new(),
                        style: Style::Marked,
                        look: series.len(),
                        right: false,
                    });
                    series.len() - 1
                });
                if let Some(line) = series.get_mut(at) {
                    // No share is beyond the whole, whatever the interval of its mean.
                    let whole = if column.unit == "%" {
                        100.0_f64.max(found.max)
                    } else {
                        f64::INFINITY
                    };
                    let ends = |end: f64| if column.unit == "%" { end.clamp(0.0, whole) } else { end } * worth;
                    line.points.push(plot::Point {
                        x,
                        y: found.mean * worth,
                        error: found.ci95.map(|interval| (ends(interval.low), ends(interval.high))),
                    });
                }
            }
            for line in &mut series {
                line.points.sort_by(|one, other| one.x.total_cmp(&other.x));
            }
            let (log_x, log_y) = of.log.unwrap_or((wide(&x), false));
            let y = Axis {
                log: log_y,
                // A share of a whole is seen as one.
                within: (column.unit == "%" && !log_y).then_some((0.0, 100.0)),
                ..Axis::new(format!("{}{unit}", column.title()), quantity)
            };
            let chart = Chart {
                title: format!("{} over {}", column.title(), axis.short()),
                subtitle: subtitle(sweep, gathered, Some(&column.place)),
                x: axis_of(axis.short(), &x, log_x),
                y,
                legend: legend.clone(),
                series,
                ..Chart::default()
            };
            let place = column.place.rsplit('/').next().unwrap_or_default();
            let name = if several {
                format!("{}-{}", of.name, plots::file_part(place))
            } else {
                of.name.clone()
            };
            (name, chart)
        })
        .collect()
}

fn wide(x: &Placed) -> bool {
    let values = || x.values.iter().flatten().copied();
    let least = values().fold(f64::INFINITY, f64::min);
    let greatest = values().fold(0.0, f64::max);
    x.names.is_none() && least > 0.0 && greatest / least >= WIDE
}

fn axis_of(label: String, x: &Placed, log: bool) -> Axis {
    let mut ticks: Vec<f64> = x.values.iter().flatten().copied().collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    Axis {
        log,
        // Even steps, as powers of two on a logarithmic axis, leave room for each value's own tick.
        ticks: (ticks.len() <= MAX_TICKS && (log || ticks.len() <= MAX_TICKS / 2)).then_some(ticks),
        names: x.names.clone(),
        ..Axis::new(label, x.quantity)
    }
}

fn subtitle(sweep: &Sweep, gathered: &Gathered, place: Option<&str>) -> String {
    let clock = gathered.about.as_ref().map_or("", |about| about.clock.as_str());
    let trials = match sweep.trials {
        1 => "one trial of each point".to_owned(),
        trials => format!("means of {trials} trials, 95 % confidence intervals"),
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
            let (legend, single) = legend(sweep, without);
            let curves: Vec<(String, Vec<f64>)> = points
                .iter()
                .filter_map(|number| {
                    let (sums, trials) = gathered.latencies.get(&(*number, (*entry).to_owned()))?;
                    let name = rest(sweep, sweep.points.get(*number)?, without);
                    let name = name
                        .split_once('=')
                        .filter(|_| single)
                        .map_or(name.clone(), |(_, value)| value.to_owned());
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
        let (legend, single) = legend(sweep, without);
        let mut names = Vec::new();
        for number in &points {
            let Some(point) = sweep.points.get(*number) else {
                continue;
            };
            let name = rest(sweep, point, without);
            let value = name
                .split_once('=')
                .filter(|_| single)
                .map(|(_, value)| value.to_owned());
            names.push((*number, value.unwrap_or(name)));
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

//! Charts of one figure: over an axis, over two, at single places, over a run's time.
//!
//! Contract: means over the trials of a point with their 95 % confidence intervals; of samples, the first
//! trial's.
//!
//! Left out on purpose: charts that have a form of their own (`plots`).

use super::{AS_IT_IS, MAX_CHARTS, MAX_TICKS, Placed, WIDE, first_numeric, legend, line_name, placed, subtitle, text};
use crate::plot::{self, Axis, Chart, Heat, Note, Quantity, Reference, Series, Style};
use crate::report::plots;
use crate::sweep::gather::{Column, Estimate, Gathered};
use crate::sweep::types::{FigureName, FigurePlot, Form, Point, SamplesPlot, Sweep};
use crate::sweep::{point, series, value};

/// Least step of a row of powers, and how far its steps may be apart: 64 KB, 256 KB, 1 MB are one.
const LEAST_POWER: f64 = 1.9;
const ALIKE: f64 = 1.1;

/// The columns of a figure that are worth a chart: those that a point has measured, and of them those
/// that are not always zero, where there are any.
fn told(sweep: &Sweep, gathered: &Gathered, of: &FigureName) -> Vec<usize> {
    let points = || 0..sweep.points.len();
    let columns: Vec<usize> = gathered
        .columns_of(of.scope.as_deref(), &of.figure, &of.statistic)
        .filter(|index| points().any(|point| gathered.estimate(point, *index).is_some()))
        .collect();
    let zero = |index: &usize| {
        let mut found = points().filter_map(|point| gathered.estimate(point, *index));
        found.all(|estimate| estimate.max == 0.0 && estimate.min == 0.0)
    };
    let told: Vec<usize> = columns.iter().copied().filter(|column| !zero(column)).collect();
    if told.is_empty() { columns } else { told }
}

/// A figure over an axis: a line for each combination of the other axes, a chart for each place and for
/// each value of the axis that splits them.
pub(super) fn figure(sweep: &Sweep, gathered: &Gathered, of: &FigurePlot) -> Vec<(String, Chart)> {
    let columns = told(sweep, gathered, &of.figure);
    let several = columns.len() > 1;
    let mut charts = Vec::new();
    if let Form::Places(pattern) = &of.form {
        let columns: Vec<usize> = gathered.columns_at(&of.figure, pattern).collect();
        for (said, points) in split(sweep, of) {
            let chart = bars(sweep, gathered, of, &columns, &points, &said);
            charts.push((named(of, None, &said), chart));
        }
    } else {
        for index in columns.into_iter().take(MAX_CHARTS) {
            let Some(column) = gathered.columns.get(index) else {
                continue;
            };
            let place = several.then(|| column.place.rsplit('/').next().unwrap_or_default());
            for (said, points) in split(sweep, of) {
                let chart = match of.form {
                    Form::Heat(rows) => heat(sweep, gathered, of, (index, column), &points, rows, &said),
                    _ => lines(sweep, gathered, of, (index, column), &points, &said),
                };
                charts.extend(chart.map(|chart| (named(of, place, &said), chart)));
            }
        }
    }
    charts.retain(|(_, chart)| !chart.series.is_empty() || chart.heat.is_some());
    charts.truncate(MAX_CHARTS);
    charts
}

/// The file's name, with the place and the value that tell charts of one kind apart.
fn named(of: &FigurePlot, place: Option<&str>, said: &str) -> String {
    let value = said.rsplit('=').next().filter(|_| !said.is_empty());
    let parts = [place, value].into_iter().flatten().map(plots::file_part);
    std::iter::once(of.name.clone())
        .chain(parts)
        .collect::<Vec<_>>()
        .join("-")
}

/// The points of each chart, and what they have in common in words.
fn split(sweep: &Sweep, of: &FigurePlot) -> Vec<(String, Vec<usize>)> {
    let Some(axis) = of.split else {
        return vec![(String::new(), (0..sweep.points.len()).collect())];
    };
    let name = sweep
        .axes
        .get(axis)
        .map_or(String::new(), |axis| point::shown(&sweep.axes, axis));
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (number, point) in sweep.points.iter().enumerate() {
        let said = format!("{name}={}", text(point, axis).unwrap_or_else(|| AS_IT_IS.to_owned()));
        match groups.iter_mut().find(|(group, _)| *group == said) {
            Some((_, points)) => points.push(number),
            None => groups.push((said, vec![number])),
        }
    }
    groups
}

fn titled(of: &FigurePlot, axis: &str) -> String {
    of.title
        .clone()
        .unwrap_or_else(|| format!("{} over {axis}", of.figure.title()))
}

fn with(subtitle: String, said: &str) -> String {
    if said.is_empty() {
        subtitle
    } else {
        format!("{said}, {subtitle}")
    }
}

fn lines(
    sweep: &Sweep,
    gathered: &Gathered,
    of: &FigurePlot,
    (index, column): (usize, &Column),
    points: &[usize],
    said: &str,
) -> Option<Chart> {
    let over = of.over.unwrap_or_else(|| first_numeric(sweep));
    let axis = sweep.axes.get(over)?;
    let x = placed(sweep, over);
    let without: Vec<usize> = std::iter::once(over).chain(of.split).collect();
    let (legend, _) = legend(sweep, &without);
    let mut series = series_of(sweep, gathered, (index, column), points, &x, &without);
    let (log_x, log_y) = of.log.unwrap_or((wide(&x), false));
    let of_column = |column: &Column, log: bool| {
        let (quantity, _, unit) = value::of_unit(&column.unit);
        Axis {
            log,
            // A share of a whole is seen as one.
            within: (column.unit == "%" && !log).then_some((0.0, 100.0)),
            ..Axis::new(format!("{}{unit}", column.title()), quantity)
        }
    };
    let mut right = None;
    let second = of
        .right
        .as_ref()
        .and_then(|figure| told(sweep, gathered, figure).first().copied());
    if let Some((second, other)) = second.and_then(|second| Some((second, gathered.columns.get(second)?))) {
        let mut more = series_of(sweep, gathered, (second, other), points, &x, &without);
        for line in &mut series {
            line.name = named_line(&column.title(), &line.name);
        }
        for line in &mut more {
            // Bars of two axes would stand in each other's way.
            line.style = if x.names.is_some() { Style::Markers } else { line.style };
            line.name = named_line(&other.title(), &line.name);
            (line.right, line.look) = (true, line.look + series.len());
        }
        series.extend(more);
        right = Some(of_column(other, false));
    }
    let notes = of
        .note
        .as_ref()
        .map_or_else(Vec::new, |figure| notes(gathered, figure, points, &x, (index, column)));
    let line_rate = gathered
        .about
        .as_ref()
        .and_then(|about| about.speeds_bps.last().copied())
        .filter(|_| of.line_rate && column.unit == "GB/s");
    #[expect(clippy::cast_precision_loss, reason = "a rate on a chart")]
    let references = line_rate.map(|bps| Reference {
        name: "line rate".to_owned(),
        value: bps as f64,
    });
    Some(Chart {
        title: titled(of, &axis.shown()),
        subtitle: with(subtitle(sweep, gathered, Some(&column.place)), said),
        x: axis_of(axis.shown(), &x, log_x),
        y: match references.as_ref() {
            // What a line rate is worth is seen from zero only.
            Some(rate) if !log_y => Axis {
                within: Some((0.0, rate.value)),
                ..of_column(column, false)
            },
            _ => of_column(column, log_y),
        },
        legend,
        series,
        right,
        references: references.into_iter().collect(),
        notes,
        heat: None,
    })
}

fn named_line(figure: &str, rest: &str) -> String {
    if rest.is_empty() {
        figure.to_owned()
    } else {
        format!("{figure}, {rest}")
    }
}

/// The values of a figure beside the points of another.
fn notes(
    gathered: &Gathered,
    figure: &FigureName,
    points: &[usize],
    x: &Placed,
    (index, column): (usize, &Column),
) -> Vec<Note> {
    let Some(of) = gathered
        .columns_of(figure.scope.as_deref(), &figure.figure, &figure.statistic)
        .next()
    else {
        return Vec::new();
    };
    let worth = value::of_unit(&column.unit).1;
    let each = points.iter().filter_map(|point| {
        let (said, at) = (gathered.estimate(*point, of)?, gathered.estimate(*point, index)?);
        Some(Note {
            x: x.values.get(*point).copied().flatten()?,
            y: at.mean * worth,
            text: format!("{} {}", figure.figure, crate::units::shown::figure(said.mean)),
        })
    });
    each.collect()
}

/// A line for each combination of the axes that are not in `without`.
fn series_of(
    sweep: &Sweep,
    gathered: &Gathered,
    (index, column): (usize, &Column),
    points: &[usize],
    x: &Placed,
    without: &[usize],
) -> Vec<Series> {
    let (_, worth, _) = value::of_unit(&column.unit);
    let mut series: Vec<Series> = Vec::new();
    for number in points {
        let (Some(point), Some(place), Some(found)) = (
            sweep.points.get(*number),
            x.values.get(*number).copied().flatten(),
            gathered.estimate(*number, index),
        ) else {
            continue;
        };
        let name = line_name(sweep, point, without);
        let at = series.iter().position(|line| line.name == name).unwrap_or_else(|| {
            series.push(Series {
                name,
                points: Vec::new(),
                // Between categories there is nothing that a line could show.
                style: if x.names.is_some() { Style::Bars } else { Style::Marked },
                look: series.len(),
                right: false,
            });
            series.len() - 1
        });
        if let Some(line) = series.get_mut(at) {
            line.points.push(plot::Point {
                x: place,
                y: found.mean * worth,
                error: whiskers(&found, worth),
            });
        }
    }
    for line in &mut series {
        line.points.sort_by(|one, other| one.x.total_cmp(&other.x));
    }
    series
}

/// The values of an axis at some points as names, each once, in the order of the points.
fn names_of(sweep: &Sweep, axis: usize, points: &[usize]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for point in points.iter().filter_map(|number| sweep.points.get(*number)) {
        let name = text(point, axis).unwrap_or_else(|| AS_IT_IS.to_owned());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A figure over two axes.
fn heat(
    sweep: &Sweep,
    gathered: &Gathered,
    of: &FigurePlot,
    (index, column): (usize, &Column),
    points: &[usize],
    rows: usize,
    said: &str,
) -> Option<Chart> {
    let over = of.over.unwrap_or_else(|| first_numeric(sweep));
    let (across, down) = (sweep.axes.get(over)?, sweep.axes.get(rows)?);
    let (columns_named, rows_named) = (names_of(sweep, over, points), names_of(sweep, rows, points));
    let (quantity, worth, unit) = value::of_unit(&column.unit);
    let at = |row: &String, name: &String| {
        let is = |point: &Point, axis: usize, value: &String| {
            text(point, axis).unwrap_or_else(|| AS_IT_IS.to_owned()) == *value
        };
        let mut found = points.iter().filter(|number| {
            let point = sweep.points.get(**number);
            point.is_some_and(|point| is(point, rows, row) && is(point, over, name))
        });
        Some(gathered.estimate(*found.next()?, index)?.mean * worth)
    };
    let cells: Vec<Vec<Option<f64>>> = rows_named
        .iter()
        .map(|row| columns_named.iter().map(|name| at(row, name)).collect())
        .collect();
    cells.iter().flatten().any(Option::is_some).then(|| Chart {
        title: titled(of, &format!("{} and {}", across.shown(), down.shown())),
        subtitle: with(subtitle(sweep, gathered, Some(&column.place)), said),
        x: Axis {
            names: Some(columns_named),
            ..Axis::new(across.shown(), Quantity::Number)
        },
        y: Axis {
            names: Some(rows_named),
            ..Axis::new(down.shown(), Quantity::Number)
        },
        heat: Some(Heat {
            label: format!("{}{unit}", column.title()),
            quantity,
            rows: cells,
        }),
        ..Chart::default()
    })
}

/// A figure of a sampled run over its time: a line for each entry and point.
pub(super) fn sampled(sweep: &Sweep, gathered: &Gathered, of: &SamplesPlot) -> Option<(String, Chart)> {
    let (title, unit) = of.figure.shown();
    let (quantity, worth, said) = value::of_unit(unit);
    let (legend, _) = legend(sweep, &[]);
    let mut series: Vec<Series> = Vec::new();
    for (number, file) in &gathered.samples {
        // A file that is gone or damaged has no line; its results stand all the same.
        let lines = series::lines(file, of.figure).unwrap_or_default();
        let several = lines.len() > 1;
        for (entry, points) in lines {
            let name = line_name(sweep, sweep.points.get(*number)?, &[]);
            let name = match (several || name.is_empty(), name.is_empty()) {
                (true, true) => entry,
                (true, false) => format!("{entry}, {name}"),
                (false, _) => name,
            };
            series.push(Series {
                name,
                points: points
                    .into_iter()
                    .map(|(x, y)| plot::Point::new(x, y * worth))
                    .collect(),
                style: Style::Line,
                look: series.len(),
                right: false,
            });
        }
    }
    let clock = gathered.about.as_ref().map_or("", |about| about.clock.as_str());
    (!series.is_empty()).then(|| {
        let chart = Chart {
            title: of.title.clone().unwrap_or_else(|| format!("{title} over time")),
            subtitle: format!(
                "{}: the first trial of each point, sample by sample, clock {clock}",
                sweep.name
            ),
            x: Axis::new("time since the beginning", Quantity::Picos),
            y: Axis::new(format!("{title}{said}"), quantity),
            legend,
            series,
            ..Chart::default()
        };
        (of.name.clone(), chart)
    })
}

/// A figure at single places, a colour for each point.
fn bars(sweep: &Sweep, gathered: &Gathered, of: &FigurePlot, columns: &[usize], points: &[usize], said: &str) -> Chart {
    let found: Vec<&Column> = columns
        .iter()
        .filter_map(|column| gathered.columns.get(*column))
        .collect();
    let (quantity, worth, unit) = found.first().map_or((Quantity::Number, 1.0, String::new()), |column| {
        value::of_unit(&column.unit)
    });
    let names = found
        .iter()
        .map(|column| column.place.split_once('/').map_or("", |(_, place)| place).to_owned());
    let without: Vec<usize> = of.split.into_iter().collect();
    let (legend, _) = legend(sweep, &without);
    let mut series = Vec::new();
    for number in points {
        let Some(point) = sweep.points.get(*number) else {
            continue;
        };
        let name = line_name(sweep, point, &without);
        let each = (0_u32..).zip(columns).filter_map(|(place, column)| {
            let found = gathered.estimate(*number, *column)?;
            Some(plot::Point {
                x: f64::from(place),
                y: found.mean * worth,
                error: whiskers(&found, worth),
            })
        });
        series.push(Series {
            name,
            points: each.collect(),
            style: Style::Bars,
            look: series.len(),
            right: false,
        });
    }
    series.retain(|series| !series.points.is_empty());
    Chart {
        title: of.title.clone().unwrap_or_else(|| of.figure.title()),
        subtitle: with(subtitle(sweep, gathered, None), said),
        x: Axis {
            names: Some(names.collect()),
            ..Axis::new("", Quantity::Number)
        },
        y: Axis::new(format!("{}{unit}", of.figure.title()), quantity),
        legend,
        series,
        ..Chart::default()
    }
}

/// The ends of an interval in a chart; an end that nothing bounds is the figure itself.
fn whiskers(of: &Estimate, worth: f64) -> Option<(f64, f64)> {
    let interval = of.ci95?;
    let high = if interval.high.is_finite() {
        interval.high
    } else {
        of.mean
    };
    Some((interval.low * worth, high * worth))
}

/// Whether an axis is read better by its powers: its values lie far apart, or each is as many times the one before.
fn wide(x: &Placed) -> bool {
    let mut values: Vec<f64> = x.values.iter().flatten().copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let (Some(least), Some(greatest)) = (values.first().copied(), values.last().copied()) else {
        return false;
    };
    if x.names.is_some() || least <= 0.0 {
        return false;
    }
    let steps: Vec<f64> = values
        .windows(2)
        .filter_map(|pair| Some(pair.last()? / pair.first()?))
        .collect();
    let smallest = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = steps.iter().copied().fold(0.0, f64::max);
    let powers = steps.len() >= 2 && smallest >= LEAST_POWER && largest / smallest <= ALIKE;
    powers || greatest / least >= WIDE
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_and_what_lies_far_apart_stand_on_a_logarithmic_axis() {
        let of = |values: &[f64]| {
            wide(&Placed {
                quantity: Quantity::Bytes,
                values: values.iter().copied().map(Some).collect(),
                names: None,
            })
        };
        for powers in [
            &[2.0, 4.0, 8.0][..],
            &[64e3, 256e3, 1e6],
            &[1.0, 16.0],
            &[8.0, 4.0, 2.0, 2.0],
            &[1e3, 1e4, 1e5],
        ] {
            assert!(of(powers), "{powers:?}");
        }
        for even in [
            &[1.0, 2.0, 3.0][..],
            &[25.0, 50.0, 75.0],
            &[4.0, 8.0],
            &[0.0, 64.0, 128.0],
            &[5.0],
            &[],
        ] {
            assert!(!of(even), "{even:?}");
        }
        let named = Placed {
            quantity: Quantity::Number,
            values: vec![Some(1.0), Some(16.0)],
            names: Some(vec!["a".to_owned(), "b".to_owned()]),
        };
        assert!(!wide(&named));
    }
}

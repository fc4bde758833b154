//! A chart in the page, and its values as a table.
//!
//! Contract: whoever cannot see the chart reads all of it in the table. A narrow screen gets a drawing of
//! its own, so that its letters can be read; the other is not laid out there.

use maud::{Markup, PreEscaped, html};

use super::shown;
use crate::plot::{Axis, Chart, Form, Heat, Point, Quantity, Series, svg_in};
use crate::suite::model::NamedChart;

/// The chart, under its title, and its values.
pub(super) fn figure(test: &str, named: &NamedChart) -> Markup {
    let chart = &named.chart;
    html! {
        figure id={ (test) "-" (named.name) } {
            figcaption {
                strong { (shown::words(chart.title.as_str(), "Chart")) }
                @if !chart.subtitle.is_empty() { span.under { (chart.subtitle) } }
            }
            div.chart.wide { (drawn(chart, Form::Wide)) }
            div.chart.narrow { (drawn(chart, Form::Narrow)) }
            details {
                summary { "Values" }
                (values(chart))
            }
        }
    }
}

/// The drawing, with a name for those who hear it.
fn drawn(chart: &Chart, form: Form) -> Markup {
    let svg = svg_in(chart, form);
    let label = html! { (label(chart)) }.into_string();
    match svg.strip_prefix("<svg ") {
        Some(rest) => html! { (PreEscaped(format!("<svg role=\"img\" aria-label=\"{label}\" {rest}"))) },
        None => html! { p.none { "not drawn: its values are below" } },
    }
}

fn label(chart: &Chart) -> String {
    let what = match &chart.heat {
        Some(heat) => format!("{} over {} and {}", heat.label, chart.x.label, chart.y.label),
        None => format!("{} over {}", chart.y.label, chart.x.label),
    };
    format!("{}: {what}. The values are in the table below.", chart.title)
}

fn values(chart: &Chart) -> Markup {
    html! {
        @match &chart.heat {
            Some(heat) => (cells(chart, heat)),
            None => (points(chart)),
        }
        @if !chart.references.is_empty() {
            ul.sentences {
                @for reference in &chart.references {
                    li { (shown::words(reference.name.as_str(), "line")) ": " (say(&chart.y, reference.value)) }
                }
            }
        }
    }
}

fn cells(chart: &Chart, heat: &Heat) -> Markup {
    let names = |axis: &Axis| axis.names.clone().unwrap_or_default();
    let (columns, rows) = (names(&chart.x), names(&chart.y));
    let inner = html! {
        caption { (heat.label) }
        thead {
            tr {
                th scope="col" { (chart.y.label) " \\ " (chart.x.label) }
                @for column in &columns { th.n scope="col" { (shown::words(column.as_str(), "no name")) } }
            }
        }
        tbody {
            @for (index, row) in rows.iter().enumerate() {
                tr {
                    th.n scope="row" { (shown::words(row.as_str(), "no name")) }
                    @for column in 0..columns.len() {
                        @let value = heat.rows.get(index).and_then(|row| row.get(column)).copied().flatten();
                        td.n {
                            @match value.filter(|value| value.is_finite()) {
                                Some(value) => (of(heat.quantity, value)),
                                None => span.none { (shown::NOT_MEASURED) },
                            }
                        }
                    }
                }
            }
        }
    };
    shown::table(&heat.label, columns.len() + 1, &inner)
}

/// A value as an axis of the chart writes it, but with its thousands apart.
fn of(quantity: Quantity, value: f64) -> String {
    match quantity {
        _ if !value.is_finite() => shown::NOT_MEASURED.to_owned(),
        Quantity::Number => shown::figure(value),
        quantity => quantity.say(value),
    }
}

/// A value of an axis: its name where it has one.
fn say(axis: &Axis, value: f64) -> String {
    let names = (0_u32..).zip(axis.names.iter().flatten());
    let named = names
        .filter(|(at, _)| f64::from(*at) == value)
        .map(|(_, name)| name.clone())
        .next();
    named
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| of(axis.quantity, value))
}

/// A series' name, or what its axis measures.
fn named<'a>(series: &'a Series, axis: &'a Axis) -> &'a str {
    if series.name.trim().is_empty() {
        &axis.label
    } else {
        &series.name
    }
}

/// By which of its two values points of different series stand in one row.
#[derive(Clone, Copy, PartialEq)]
enum By {
    X,
    Y,
}

/// All points: a row for each place and a column for each series; where the series share no places, as
/// distributions do, a row for each value.
fn points(chart: &Chart) -> Markup {
    let longest = chart.series.iter().map(|series| series.points.len()).max().unwrap_or(0);
    let xs = distinct(chart, |point| point.x);
    let ys = distinct(chart, |point| point.y);
    let by = if xs.len() > longest + longest / 2 && ys.len() < xs.len() {
        By::Y
    } else {
        By::X
    };
    let places = if by == By::X { xs } else { ys };
    if places.is_empty() {
        return html! { p.none { (shown::NOT_MEASURED) } };
    }
    let y_axis = |series: &Series| {
        chart
            .right
            .as_ref()
            .filter(|_| series.right)
            .unwrap_or(&chart.y)
            .clone()
    };
    let row_axis = if by == By::X { &chart.x } else { &chart.y };
    let noted = by == By::X && !chart.notes.is_empty();
    let inner = html! {
        thead {
            tr {
                th scope="col" { (shown::words(row_axis.label.as_str(), "place")) }
                @for series in &chart.series {
                    th.n scope="col" {
                        (shown::words(named(series, &chart.y), "value"))
                        @if series.right { @if let Some(right) = &chart.right { " (" (right.label) ")" } }
                        @if by == By::Y { " (" (chart.x.label) ")" }
                    }
                }
                @if noted { th scope="col" { "Note" } }
            }
        }
        tbody {
            @for place in &places {
                tr {
                    th.n scope="row" { (say(row_axis, *place)) }
                    @for series in &chart.series {
                        @let axis = if by == By::X { y_axis(series) } else { chart.x.clone() };
                        td.n { (found(series, *place, by, &axis)) }
                    }
                    @if noted {
                        @let notes = chart.notes.iter().filter(|note| note.x == *place);
                        @let text = notes.map(|note| note.text.as_str()).collect::<Vec<_>>().join("; ");
                        td { (shown::words(text.as_str(), "none")) }
                    }
                }
            }
        }
    };
    shown::table(&chart.title, chart.series.len() + 1, &inner)
}

/// The values of a series at a place: as many as there are points.
fn found(series: &Series, place: f64, by: By, axis: &Axis) -> Markup {
    let is_here = |point: &&Point| (if by == By::X { point.x } else { point.y }) == place;
    let here: Vec<&Point> = series.points.iter().filter(is_here).collect();
    html! {
        @if here.is_empty() { span.none { "no point" } }
        @for (index, point) in here.iter().enumerate() {
            @if index > 0 { "; " }
            (say(axis, if by == By::X { point.y } else { point.x }))
            @if by == By::X { @if let Some((low, high)) = point.error {
                " " span.ci { "(" (say(axis, low)) " to " (say(axis, high)) ")" }
            } }
        }
    }
}

/// The different finite values, ascending.
fn distinct(chart: &Chart, of: impl Fn(&Point) -> f64) -> Vec<f64> {
    let points = chart.series.iter().flat_map(|series| &series.points);
    let mut values: Vec<f64> = points.map(of).filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

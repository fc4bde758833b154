//! A chart in the page, and its values as a table.
//!
//! Contract: whoever cannot see the chart reads all of it in the table. A narrow screen gets a drawing of
//! its own, so that its letters can be read; the other is not laid out there.

use maud::{Markup, PreEscaped, html};

use super::shown;
use crate::plot::{Axis, Chart, Form, Heat, Point, Quantity, Series, svg_in};
use crate::units::shown::counted;

/// The chart, under its title, and its values.
#[must_use]
pub fn figure(prefix: &str, name: &str, chart: &Chart) -> Markup {
    html! {
        figure id={ (prefix) "-" (name) } {
            figcaption {
                strong { (shown::words(chart.title.as_str(), "Chart")) }
                @if !chart.subtitle.is_empty() { span.under { (chart.subtitle) } }
            }
            div.chart.wide { (drawn(chart, Form::Wide)) }
            div.chart.narrow { (drawn(chart, Form::Narrow)) }
            details.values {
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

pub(super) fn label(chart: &Chart) -> String {
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
        Quantity::Number => counted(value),
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

/// All points: a row for each place and a column for each series where every series has a value at every place; else
/// a row for each point.
fn points(chart: &Chart) -> Markup {
    let places = distinct(chart, |point| point.x);
    let count = |series: &Series, place: f64| series.points.iter().filter(|point| point.x == place).count();
    let is_full = |place: &f64| chart.series.iter().all(|series| count(series, *place) == 1);
    match places.is_empty() {
        true => html! { p.none { (shown::NOT_MEASURED) } },
        false if places.iter().all(is_full) => across(chart, &places),
        false => down(chart),
    }
}

/// The axis of a series' values.
fn values_of<'a>(chart: &'a Chart, series: &Series) -> &'a Axis {
    chart.right.as_ref().filter(|_| series.right).unwrap_or(&chart.y)
}

/// A value with its interval.
fn value(axis: &Axis, point: &Point) -> Markup {
    html! {
        (say(axis, point.y))
        @if let Some((low, high)) = point.error {
            " " span.ci { "(" (say(axis, low)) " to " (say(axis, high)) ")" }
        }
    }
}

fn notes(chart: &Chart, x: f64) -> String {
    let notes = chart.notes.iter().filter(|note| note.x == x);
    notes.map(|note| note.text.as_str()).collect::<Vec<_>>().join("; ")
}

/// A row for each place, a column for each series.
fn across(chart: &Chart, places: &[f64]) -> Markup {
    let noted = !chart.notes.is_empty();
    let inner = html! {
        thead {
            tr {
                th scope="col" { (shown::words(chart.x.label.as_str(), "place")) }
                @for series in &chart.series {
                    th.n scope="col" {
                        (shown::words(named(series, values_of(chart, series)), "value"))
                        @if series.right { @if let Some(right) = &chart.right { " (" (right.label) ")" } }
                    }
                }
                @if noted { th scope="col" { "Note" } }
            }
        }
        tbody {
            @for place in places {
                tr {
                    th.n scope="row" { (say(&chart.x, *place)) }
                    @for series in &chart.series {
                        td.n {
                            @for point in series.points.iter().filter(|point| point.x == *place) {
                                (value(values_of(chart, series), point))
                            }
                        }
                    }
                    @if noted { td { (shown::words(notes(chart, *place).as_str(), "none")) } }
                }
            }
        }
    };
    shown::table(&chart.title, chart.series.len() + 1, &inner)
}

/// A row for each point, series after series.
fn down(chart: &Chart) -> Markup {
    let noted = !chart.notes.is_empty();
    let inner = html! {
        thead {
            tr {
                th scope="col" { (shown::words(chart.legend.as_str(), "series")) }
                th.n scope="col" { (shown::words(chart.x.label.as_str(), "place")) }
                th.n scope="col" {
                    (shown::words(chart.y.label.as_str(), "value"))
                    @if let Some(right) = &chart.right { " / " (right.label) }
                }
                @if noted { th scope="col" { "Note" } }
            }
        }
        @for series in &chart.series {
            @let rows: Vec<&Point> = series.points.iter().filter(|point| point.x.is_finite()).collect();
            tbody {
                @for (index, point) in rows.iter().enumerate() {
                    tr {
                        @if index == 0 {
                            th scope="rowgroup" rowspan=(rows.len()) { (shown::words(named(series, values_of(chart, series)), "value")) }
                        }
                        td.n { (say(&chart.x, point.x)) }
                        td.n { (value(values_of(chart, series), point)) }
                        @if noted { td { (shown::words(notes(chart, point.x).as_str(), "none")) } }
                    }
                }
            }
        }
    };
    shown::table(&chart.title, 3, &inner)
}

/// The different finite values, ascending.
fn distinct(chart: &Chart, of: impl Fn(&Point) -> f64) -> Vec<f64> {
    let points = chart.series.iter().flat_map(|series| &series.points);
    let mut values: Vec<f64> = points.map(of).filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

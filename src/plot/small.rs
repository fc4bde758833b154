//! A chart as a thumbnail: its lines, bars, markers or cells without words, for a row of a table.
//!
//! Contract: the same scales and colours as the chart itself. Whoever wants figures reads the chart.

use super::draw::vertical;
use super::series::{Slot, colour};
use super::{Chart, Point, Scale, Series, Style};

/// Its size, in pixels.
const WIDTH: f64 = 168.0;
const HEIGHT: f64 = 60.0;

/// Room at each edge.
const EDGE: f64 = 3.0;

/// Points of a series that eyes can tell apart at this size.
const POINTS: usize = 120;

/// Series that are drawn.
const SERIES: usize = 8;

/// The chart as a small SVG; empty when there is nothing to draw.
#[must_use]
pub fn small(chart: &Chart) -> String {
    let body = match &chart.heat {
        Some(heat) => cells(&heat.rows),
        None => series(chart),
    };
    if body.is_empty() {
        return String::new();
    }
    format!(
        "<svg class=\"thumb\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         xmlns=\"http://www.w3.org/2000/svg\">{body}</svg>"
    )
}

/// From a share of an axis to pixels.
fn place(x: f64, y: f64) -> (f64, f64) {
    let (x, y) = (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
    (
        EDGE + x * (WIDTH - 2.0 * EDGE),
        HEIGHT - EDGE - y * (HEIGHT - 2.0 * EDGE),
    )
}

fn series(chart: &Chart) -> String {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    if points().next().is_none() {
        return String::new();
    }
    let x = Scale::new(&chart.x, points().map(|point| point.x));
    let left = vertical(chart, &chart.y, false);
    let right = chart.right.as_ref().map(|axis| vertical(chart, axis, true));
    let slots = Slot::all(chart);
    let mut body = String::new();
    let level = place(0.0, 0.0).1;
    body += &format!(
        "<path d=\"M{EDGE} {level:.1}H{:.1}\" stroke=\"#6E6E6E\" stroke-width=\"1\"/>",
        WIDTH - EDGE
    );
    for reference in chart.references.iter().filter(|one| left.holds(one.value)) {
        let (_, at) = place(0.0, left.share(reference.value));
        body += &format!(
            "<path d=\"M{EDGE} {at:.1}H{:.1}\" stroke=\"#6E6E6E\" stroke-width=\"1\" stroke-dasharray=\"4 3\"/>",
            WIDTH - EDGE
        );
    }
    for (series, slot) in chart.series.iter().zip(&slots).take(SERIES) {
        let y = right.as_ref().filter(|_| series.right).unwrap_or(&left);
        one(&mut body, series, *slot, &x, y);
    }
    body
}

fn one(body: &mut String, series: &Series, slot: Slot, x: &Scale, y: &Scale) {
    let shown: Vec<&Point> = series
        .points
        .iter()
        .filter(|point| x.shows(point.x) && y.shows(point.y))
        .collect();
    let step = shown.len().div_ceil(POINTS).max(1);
    let ink = colour(series.look);
    let ink = format!("#{:02X}{:02X}{:02X}", ink.0, ink.1, ink.2);
    if series.style == Style::Bars {
        for point in &shown {
            let (from, to) = slot.sides(point.x);
            let (left, top) = place(x.share(from), y.share(point.y));
            let (right, bottom) = place(x.share(to), y.share(y.base()));
            let (top, bottom) = (top.min(bottom), top.max(bottom));
            *body += &format!(
                "<path d=\"M{left:.1} {top:.1}H{:.1}V{bottom:.1}H{left:.1}Z\" fill=\"{ink}\"/>",
                right.max(left + 1.0)
            );
        }
        return;
    }
    // The last point is the end of the line, whatever the step.
    let last = shown.last().copied();
    let picked: Vec<(f64, f64)> = (shown.iter().copied().step_by(step).chain(last))
        .map(|point| place(x.share(point.x), y.share(point.y)))
        .collect();
    if series.style == Style::Markers || shown.len() == 1 {
        for (x, y) in picked {
            *body += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.8\" fill=\"{ink}\"/>");
        }
        return;
    }
    let path: Vec<String> = picked.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    if path.is_empty() {
        return;
    }
    let dash = if series.style == Style::Dashed {
        " stroke-dasharray=\"4 3\""
    } else {
        ""
    };
    *body += &format!(
        "<path d=\"M{}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.6\"{dash}/>",
        path.join("L")
    );
}

/// Cells whose ink is their share of the greatest.
#[expect(clippy::cast_precision_loss, reason = "a few rows and columns")]
fn cells(rows: &[Vec<Option<f64>>]) -> String {
    let values = || {
        rows.iter()
            .flatten()
            .flatten()
            .copied()
            .filter(|value| value.is_finite())
    };
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let across = rows.iter().map(Vec::len).max().unwrap_or(0).max(1) as f64;
    let down = rows.len().max(1) as f64;
    let mut body = String::new();
    for (row, cells) in rows.iter().enumerate() {
        for (column, value) in cells.iter().enumerate() {
            let Some(value) = value.filter(|value| value.is_finite()) else {
                continue;
            };
            let share = if high > low { (value - low) / (high - low) } else { 1.0 };
            let (left, top) = place(column as f64 / across, (row as f64 + 1.0) / down);
            let (right, bottom) = place((column as f64 + 1.0) / across, row as f64 / down);
            let strength = 0.12 + 0.88 * share;
            body += &format!(
                "<path d=\"M{left:.1} {top:.1}H{right:.1}V{bottom:.1}H{left:.1}Z\" fill=\"#0072B2\" fill-opacity=\"{strength:.2}\"/>"
            );
        }
    }
    body
}

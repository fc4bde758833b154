//! One series in the plane: a line, its markers, its error bars, or bars from zero.
//!
//! Left out on purpose: axes, and the legend (`draw`).

use plotters::element::{Circle, Cross, DashedPathElement, EmptyElement, PathElement, Polygon, Rectangle};
use plotters::style::{Color, RGBColor, ShapeStyle};

use super::draw::{Drawn, INK, Plane};
use super::{Chart, Point, Scale, Series, Style};

/// Okabe and Ito, "Color Universal Design", without the yellow that white paper swallows.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// The share of the room of one name that its bars take together.
const BARS: f64 = 0.8;

pub(super) fn colour(look: usize) -> RGBColor {
    COLOURS.get(look % COLOURS.len()).copied().unwrap_or(INK)
}

/// Where a series' bars stand within the room of one name: which of how many.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    index: u32,
    of: u32,
}

impl Slot {
    /// The slot of each series; series without bars have the whole room, and never look at it.
    pub fn all(chart: &Chart) -> Vec<Slot> {
        let is_bars = |series: &&Series| series.style == Style::Bars;
        let of = u32::try_from(chart.series.iter().filter(is_bars).count()).unwrap_or(u32::MAX);
        let mut next = 0;
        chart
            .series
            .iter()
            .map(|series| {
                let index = next;
                next += u32::from(series.style == Style::Bars);
                Slot { index, of: of.max(1) }
            })
            .collect()
    }

    /// The two sides of the bar at `x`.
    pub(super) fn sides(self, x: f64) -> (f64, f64) {
        let width = BARS / f64::from(self.of);
        let left = x - BARS / 2.0 + width * f64::from(self.index);
        (left, left + width)
    }
}

pub(super) fn draw(plane: &mut Plane<'_, '_>, series: &Series, slot: Slot, x: &Scale, y: &Scale) -> Drawn {
    let colour = colour(series.look);
    let stroke = colour.stroke_width(2);
    let shown: Vec<Point> = series
        .points
        .iter()
        .copied()
        .filter(|point| x.shows(point.x) && y.shows(point.y))
        .collect();
    let path: Vec<(f64, f64)> = shown.iter().map(|point| (point.x, point.y)).collect();
    match series.style {
        Style::Marked | Style::Line if path.len() > 1 => {
            plane.draw_series([PathElement::new(path, stroke)])?;
        }
        Style::Dashed if path.len() > 1 => {
            plane.draw_series([DashedPathElement::new(path, 7, 5, stroke)])?;
        }
        Style::Bars => {
            let bars = shown.iter().map(|point| {
                let (left, right) = slot.sides(point.x);
                Rectangle::new([(left, point.y), (right, y.base())], colour.filled())
            });
            plane.draw_series(bars)?;
        }
        _ => {}
    }
    // Of a bar in the series' own colour only half of an error bar would be seen.
    let thin = if series.style == Style::Bars { INK } else { colour }.stroke_width(1);
    for point in &shown {
        let at = match series.style {
            Style::Bars => slot.sides(point.x).0.midpoint(slot.sides(point.x).1),
            _ => point.x,
        };
        if let Some((low, high)) = point
            .error
            .filter(|(low, high)| high > low && y.shows(*low) && y.shows(*high))
        {
            let bar = vec![(at, low), (at, high)];
            plane.draw_series([PathElement::new(bar, thin)])?;
            for end in [low, high] {
                let cap = PathElement::new(vec![(-4, 0), (4, 0)], thin);
                plane.draw_series([EmptyElement::at((at, end)) + cap])?;
            }
        }
    }
    // A line of one point would not be seen.
    let marked =
        matches!(series.style, Style::Marked | Style::Markers) || (shown.len() == 1 && series.style != Style::Bars);
    if marked {
        let places = shown.iter().map(|point| (point.x, point.y));
        let full = colour.filled();
        match marker(series.look) {
            Marker::Disc => plane.draw_series(places.map(|at| Circle::new(at, 4, full)))?,
            Marker::Square => plane.draw_series(places.map(|at| EmptyElement::at(at) + square((0, 0), full)))?,
            Marker::Triangle => plane.draw_series(places.map(|at| EmptyElement::at(at) + triangle((0, 0), full)))?,
            Marker::Cross => plane.draw_series(places.map(|at| Cross::new(at, 4, stroke)))?,
        };
    }
    Ok(())
}

/// Shapes, so that colour is not all that tells series apart.
#[derive(Clone, Copy)]
pub(super) enum Marker {
    Disc,
    Square,
    Triangle,
    Cross,
}

pub(super) fn marker(look: usize) -> Marker {
    // Neighbours differ, and so do those that have the same colour.
    match (look + look / COLOURS.len()) % 4 {
        0 => Marker::Disc,
        1 => Marker::Square,
        2 => Marker::Triangle,
        _ => Marker::Cross,
    }
}

pub(super) fn square(at: (i32, i32), style: ShapeStyle) -> Rectangle<(i32, i32)> {
    Rectangle::new([(at.0 - 4, at.1 - 4), (at.0 + 4, at.1 + 4)], style)
}

pub(super) fn triangle(at: (i32, i32), style: ShapeStyle) -> Polygon<(i32, i32)> {
    Polygon::new(
        vec![(at.0, at.1 - 5), (at.0 + 5, at.1 + 4), (at.0 - 5, at.1 + 4)],
        style,
    )
}

//! A chart drawn: the plane, the series, and a legend beside it that covers nothing.

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Cross, DashedPathElement, EmptyElement, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::{Chart, Point, Scale, Series, Style};

/// Width and height.
const SIZE: (u32, u32) = (1000, 560);

/// Room for the legend on the right.
const LEGEND: u32 = 200;

/// Room for title and subtitle.
const HEAD: u32 = 64;

/// Letters that every machine has.
const FONT: &str = "sans-serif";

/// Characters of a line of the legend.
const LEGEND_CHARS: usize = 26;

/// Series that the legend has room for.
const LEGEND_LINES: usize = 22;

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

const INK: RGBColor = RGBColor(40, 40, 40);
const FAINT: RGBColor = RGBColor(110, 110, 110);
const GRID: RGBColor = RGBColor(226, 226, 226);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The chart as SVG; empty when it could not be drawn, which no chart is known to bring about.
#[must_use]
pub fn svg(chart: &Chart) -> String {
    let mut text = String::new();
    let backend = SVGBackend::with_string(&mut text, SIZE);
    match draw(chart, backend) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

fn draw(chart: &Chart, backend: SVGBackend<'_>) -> Drawn {
    let area = backend.into_drawing_area();
    area.fill(&plotters::style::WHITE)?;
    write(&area, &chart.title, (24, 16), 22, INK)?;
    write(&area, &chart.subtitle, (24, 42), 14, FAINT)?;
    let (_, below) = area.split_vertically(HEAD);
    let (left, right) = below.split_horizontally(SIZE.0 - LEGEND);
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let bars = || points().filter_map(|point| point.error);
    let x = Scale::new(&chart.x, points().map(|point| point.x));
    let values = points().map(|point| point.y);
    let y = Scale::new(
        &chart.y,
        values.chain(bars().map(|bar| bar.0)).chain(bars().map(|bar| bar.1)),
    );
    let mut plane = ChartBuilder::on(&left)
        .margin_right(24)
        .margin_left(12)
        .margin_bottom(8)
        .x_label_area_size(52)
        .y_label_area_size(80)
        .build_cartesian_2d(x.clone(), y.clone())?;
    plane
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(FAINT)
        .x_desc(clean(&chart.x.label))
        .y_desc(clean(&chart.y.label))
        .label_style((FONT, 14).into_font().color(&INK))
        .axis_desc_style((FONT, 15).into_font().color(&INK))
        .x_label_formatter(&|value| clean(&x.say(*value)))
        .y_label_formatter(&|value| clean(&y.say(*value)))
        .draw()?;
    for series in &chart.series {
        draw_series(&mut plane, series, &x, &y)?;
    }
    legend(chart, &right)?;
    area.present()
}

/// Text without what XML 1.0 cannot hold.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            let bad = c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
            if bad { char::REPLACEMENT_CHARACTER } else { c }
        })
        .collect()
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), size: i32, colour: RGBColor) -> Drawn {
    if text.is_empty() {
        return Ok(());
    }
    let style = if size > 20 { FontStyle::Bold } else { FontStyle::Normal };
    let style = TextStyle::from((FONT, size, style).into_font())
        .color(&colour)
        .pos(Pos::new(HPos::Left, VPos::Top));
    area.draw(&Text::new(clean(text), at, style))
}

fn colour(look: usize) -> RGBColor {
    COLOURS.get(look % COLOURS.len()).copied().unwrap_or(INK)
}

fn draw_series(plane: &mut Plane<'_, '_>, series: &Series, x: &Scale, y: &Scale) -> Drawn {
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
        _ => {}
    }
    for point in &shown {
        if let Some((low, high)) = point
            .error
            .filter(|(low, high)| high > low && y.shows(*low) && y.shows(*high))
        {
            let bar = vec![(point.x, low), (point.x, high)];
            plane.draw_series([PathElement::new(bar, colour.stroke_width(1))])?;
            for end in [low, high] {
                let cap = PathElement::new(vec![(-4, 0), (4, 0)], colour.stroke_width(1));
                plane.draw_series([EmptyElement::at((point.x, end)) + cap])?;
            }
        }
    }
    // A line of one point would not be seen.
    let marked = matches!(series.style, Style::Marked | Style::Markers) || shown.len() == 1;
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
enum Marker {
    Disc,
    Square,
    Triangle,
    Cross,
}

fn marker(look: usize) -> Marker {
    // Neighbours differ, and so do those that have the same colour.
    match (look + look / COLOURS.len()) % 4 {
        0 => Marker::Disc,
        1 => Marker::Square,
        2 => Marker::Triangle,
        _ => Marker::Cross,
    }
}

fn square(at: (i32, i32), style: ShapeStyle) -> Rectangle<(i32, i32)> {
    Rectangle::new([(at.0 - 4, at.1 - 4), (at.0 + 4, at.1 + 4)], style)
}

fn triangle(at: (i32, i32), style: ShapeStyle) -> Polygon<(i32, i32)> {
    Polygon::new(
        vec![(at.0, at.1 - 5), (at.0 + 5, at.1 + 4), (at.0 - 5, at.1 + 4)],
        style,
    )
}

fn legend(chart: &Chart, area: &Area<'_>) -> Drawn {
    let named: Vec<&Series> = chart.series.iter().filter(|series| !series.name.is_empty()).collect();
    let mut y = 16;
    if !chart.legend.is_empty() && !named.is_empty() {
        write(area, &cut(&chart.legend), (6, y), 14, FAINT)?;
        y += 24;
    }
    for series in named.iter().take(LEGEND_LINES) {
        let colour = colour(series.look);
        let stroke = colour.stroke_width(2);
        let middle = y + 7;
        let line = vec![(6, middle), (30, middle)];
        match series.style {
            Style::Marked | Style::Line => area.draw(&PathElement::new(line, stroke))?,
            Style::Dashed => area.draw(&DashedPathElement::new(line, 5, 4, stroke))?,
            Style::Markers | Style::Bars => {}
        }
        if matches!(series.style, Style::Marked | Style::Markers) {
            let (at, full) = ((18, middle), colour.filled());
            match marker(series.look) {
                Marker::Disc => area.draw(&Circle::new(at, 4, full))?,
                Marker::Square => area.draw(&square(at, full))?,
                Marker::Triangle => area.draw(&triangle(at, full))?,
                Marker::Cross => area.draw(&Cross::new(at, 4, stroke))?,
            }
        }
        write(area, &cut(&series.name), (38, y), 14, INK)?;
        y += 20;
    }
    if named.len() > LEGEND_LINES {
        write(
            area,
            &format!("and {} more", named.len() - LEGEND_LINES),
            (38, y),
            14,
            FAINT,
        )?;
    }
    Ok(())
}

fn cut(text: &str) -> String {
    if text.chars().nth(LEGEND_CHARS).is_none() {
        return text.to_owned();
    }
    text.chars().take(LEGEND_CHARS - 1).chain(['…']).collect()
}

//! A chart drawn: the plane, what stands in it, and a legend beside or below it that covers nothing.

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::Ranged;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Cross, DashedPathElement, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, TextStyle};

use super::series::{Marker, Slot, colour, marker, square, triangle};
use super::{Chart, Scale, Series, Style, heat, marks, series};

/// For what a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A file of its own, with title and subtitle.
    Sheet,
    /// Part of a page that writes title and subtitle itself.
    Wide,
    /// The same for a narrow screen: fewer pixels with letters of the same size, the legend below.
    Narrow,
}

/// Sizes of a form, in pixels.
struct Layout {
    /// Width of all.
    width: u32,
    /// Height of the plane with its axes.
    height: u32,
    /// Room for title and subtitle.
    head: u32,
    /// Room for the legend on the right; none: it is below.
    legend: Option<u32>,
    /// Room for the values of a vertical axis.
    values: u32,
}

impl Form {
    const fn layout(self) -> Layout {
        match self {
            Form::Sheet => Layout {
                width: 1060,
                height: 496,
                head: 64,
                legend: Some(260),
                values: 80,
            },
            Form::Wide => Layout {
                head: 0,
                height: 440,
                ..Form::Sheet.layout()
            },
            Form::Narrow => Layout {
                width: 400,
                height: 330,
                head: 0,
                legend: None,
                values: 68,
            },
        }
    }
}

/// Letters that every machine has.
pub(super) const FONT: &str = "sans-serif";

/// Characters of a line of the legend beside the plane, and below a narrow one, in the widest of usual fonts.
const LEGEND_CHARS: usize = 26;
const LEGEND_CHARS_BELOW: usize = 42;

/// Series that the legend has room for.
const LEGEND_LINES: usize = 22;

/// What stands behind the name of a series of the right axis.
const RIGHT: &str = " (right axis)";

/// Width of a letter of an axis, about: no font is measured here.
const LETTER: u32 = 7;

/// Height of a line of an axis.
const LINE: u32 = 16;

/// Room between the words of the right axis and the edge.
const EDGE: u32 = 4;

/// What a reference or a note has above it at least, for its words, as a share of its value.
const HEADROOM: f64 = 0.06;

/// A vertical axis is at least so many times as long as the widest interval on it, and at least this share of the
/// greatest value: what is below both is noise.
const INTERVALS: f64 = 4.0;
const LEAST_SHARE: f64 = 0.1;

/// Room below or beside an axis whose names are long, at most.
const LONG: u32 = 180;

pub(super) const INK: RGBColor = RGBColor(40, 40, 40);
pub(super) const FAINT: RGBColor = RGBColor(110, 110, 110);
const GRID: RGBColor = RGBColor(226, 226, 226);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The chart as SVG; empty when it could not be drawn, which no chart is known to bring about.
#[must_use]
pub fn svg(chart: &Chart) -> String {
    svg_in(chart, Form::Sheet)
}

/// The chart as SVG in a form.
#[must_use]
pub fn svg_in(chart: &Chart, form: Form) -> String {
    let layout = form.layout();
    let below = if layout.legend.is_none() {
        legend_height(chart)
    } else {
        0
    };
    let size = (layout.width, layout.head + layout.height + below);
    let mut text = String::new();
    let backend = SVGBackend::with_string(&mut text, size);
    match draw(chart, &layout, below, backend) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

fn draw(chart: &Chart, layout: &Layout, legend_below: u32, backend: SVGBackend<'_>) -> Drawn {
    let area = backend.into_drawing_area();
    area.fill(&plotters::style::WHITE)?;
    if layout.head > 0 {
        write(&area, &chart.title, (24, 16), 22, INK)?;
        write(&area, &chart.subtitle, (24, 42), 14, FAINT)?;
    }
    let (_, body) = area.split_vertically(layout.head);
    let (left, side) = match layout.legend {
        Some(legend) => body.split_horizontally(layout.width - legend),
        None => body.split_vertically(layout.height),
    };
    plane(chart, layout, &left)?;
    match &chart.heat {
        Some(cells) => heat::legend(cells, &side, legend_below)?,
        None => legend(chart, &side)?,
    }
    area.present()
}

fn plane(chart: &Chart, layout: &Layout, left: &Area<'_>) -> Drawn {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let x = Scale::new(&chart.x, points().map(|point| point.x));
    let y = vertical(chart, &chart.y, false);
    let right = chart.right.as_ref().map(|axis| (axis, vertical(chart, axis, true)));
    let beside = beside(layout, &y);
    let margin = if right.is_some() { layout.values } else { 24 };
    // Half of the topmost letters stand above the axis; a title leaves them room.
    let above = if layout.head == 0 { 10 } else { 0 };
    let size = left.dim_in_pixel();
    let plane_width = size.0.saturating_sub(beside + 12 + margin);
    let names = Names::new(x.names(), plane_width);
    let mut plane = ChartBuilder::on(left)
        .margin_top(above)
        .margin_right(margin)
        .margin_left(12)
        .margin_bottom(8)
        .x_label_area_size(names.room)
        .y_label_area_size(beside)
        .build_cartesian_2d(x.clone(), y.clone())?;
    let bars = chart.series.iter().any(|series| series.style == Style::Bars);
    let mut mesh = plane.configure_mesh();
    if bars || chart.heat.is_some() {
        mesh.disable_x_mesh();
    }
    if chart.heat.is_some() {
        mesh.disable_y_mesh();
    }
    mesh.light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(FAINT)
        .x_desc(described(&chart.x.label, size.0))
        .y_desc(described(&chart.y.label, size.1))
        .label_style((FONT, 14).into_font().color(&INK))
        .axis_desc_style((FONT, 15).into_font().color(&INK))
        .x_label_formatter(&|value| names.level(clean(&x.say(*value))))
        .y_label_formatter(&|value| cut(&clean(&y.say(*value)), (beside / LETTER) as usize))
        .draw()?;
    names.upright(&plane, left, &x)?;
    if let Some(cells) = &chart.heat {
        return heat::draw(&mut plane, cells, x.names().len(), y.names().len());
    }
    let slots = Slot::all(chart);
    for (series, slot) in chart.series.iter().zip(&slots) {
        if !(series.right && right.is_some()) {
            series::draw(&mut plane, series, *slot, &x, &y)?;
        }
    }
    if let Some((axis, scale)) = &right {
        // The same rectangle under another vertical scale: only its axis is new.
        let mut other = ChartBuilder::on(left)
            .margin_top(above)
            .margin_left(12 + beside)
            .margin_right(EDGE)
            .margin_bottom(8 + names.room)
            .set_label_area_size(LabelAreaPosition::Right, margin - EDGE)
            .build_cartesian_2d(x.clone(), scale.clone())?;
        other
            .configure_mesh()
            .disable_mesh()
            .axis_style(FAINT)
            .y_desc(described(&axis.label, size.1))
            .label_style((FONT, 14).into_font().color(&INK))
            .axis_desc_style((FONT, 15).into_font().color(&INK))
            .y_label_formatter(&|value| clean(&scale.say(*value)))
            .draw()?;
        for (series, slot) in chart.series.iter().zip(&slots).filter(|(series, _)| series.right) {
            series::draw(&mut other, series, *slot, &x, scale)?;
        }
    }
    marks::draw(&mut plane, chart, &x, &y, right.as_ref().map(|(_, scale)| scale))
}

/// The scale of the left or of the right vertical axis: all of its series, their error bars, and what is
/// drawn across the plane must find room on it.
pub(super) fn vertical(chart: &Chart, axis: &super::Axis, right: bool) -> Scale {
    let all = chart.right.is_none();
    let own = || chart.series.iter().filter(move |series| all || series.right == right);
    let points = || own().flat_map(|series| &series.points);
    let bars = || points().filter_map(|point| point.error);
    let zero = own().any(|series| series.style == Style::Bars).then_some(0.0);
    let is_inside = |value: f64| axis.within.is_some_and(|(low, high)| value >= low && value <= high);
    let references = chart.references.iter().map(|reference| reference.value);
    let worded = references
        .chain(chart.notes.iter().map(|note| note.y))
        .filter(|_| !right);
    let worded = worded.flat_map(|value| {
        let room = if is_inside(value) { 0.0 } else { HEADROOM };
        [value, value * (1.0 + room)]
    });
    let values = points().map(|point| point.y);
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let greatest = values
        .clone()
        .filter_map(|value| finite(value.abs()))
        .fold(0.0, f64::max);
    let widest = bars().filter_map(|(low, high)| finite(high - low)).fold(0.0, f64::max);
    Scale::spanning(
        axis,
        values
            .chain(bars().map(|bar| bar.0))
            .chain(bars().map(|bar| bar.1))
            .chain(zero)
            .chain(worded),
        f64::max(INTERVALS * widest, LEAST_SHARE * greatest),
    )
}

/// Room to the left of the vertical axis: more where it has long names.
fn beside(layout: &Layout, y: &Scale) -> u32 {
    let longest = y.names().iter().map(|name| letters(name)).max().unwrap_or(0);
    (longest * LETTER + 34).clamp(layout.values, LONG.min(layout.width / 3))
}

/// What an axis measures, as far as there is room along it.
fn described(label: &str, length: u32) -> String {
    cut(&clean(label), (length / LETTER) as usize)
}

fn letters(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX / 64).min(1000)
}

/// How the names of a horizontal axis find room: side by side, else upright, else every so many of them.
struct Names {
    upright: bool,
    every: u32,
    room: u32,
}

impl Names {
    fn new(names: &[String], width: u32) -> Names {
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX).max(1);
        let longest = names.iter().map(|name| letters(name)).max().unwrap_or(0);
        if (longest + 1) * LETTER <= width / count {
            return Names {
                upright: false,
                every: 1,
                room: 52,
            };
        }
        let fit = (width / LINE).max(1);
        Names {
            upright: true,
            every: count.div_ceil(fit),
            room: (longest * LETTER + 40).min(LONG),
        }
    }

    /// A name as the axis itself writes it: not at all where names stand upright.
    fn level(&self, name: String) -> String {
        if self.upright { String::new() } else { name }
    }

    /// Names that end at the axis, read from below.
    fn upright(&self, plane: &Plane<'_, '_>, left: &Area<'_>, x: &Scale) -> Drawn {
        if !self.upright {
            return Ok(());
        }
        let (all, own) = (left.get_base_pixel(), plane.plotting_area().get_base_pixel());
        let (width, height) = plane.plotting_area().dim_in_pixel();
        let pixels = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
        let style = TextStyle::from((FONT, 14).into_font())
            .color(&INK)
            .transform(FontTransform::Rotate270)
            .pos(Pos::new(HPos::Right, VPos::Center));
        let chars = (self.room.saturating_sub(40) / LETTER) as usize;
        for (at, name) in (0_u32..).zip(x.names()).filter(|(at, _)| at % self.every == 0) {
            let along = x.map(&f64::from(at), (0, pixels(width)));
            let place = (own.0 - all.0 + along, own.1 - all.1 + pixels(height) + 10);
            left.draw(&Text::new(cut(&clean(name), chars), place, style.clone()))?;
        }
        Ok(())
    }
}

/// Text without what XML 1.0 cannot hold.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            let bad = c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
            if bad { char::REPLACEMENT_CHARACTER } else { c }
        })
        .collect()
}

pub(super) fn write(area: &Area<'_>, text: &str, at: (i32, i32), size: i32, colour: RGBColor) -> Drawn {
    if text.is_empty() {
        return Ok(());
    }
    let style = if size > 20 { FontStyle::Bold } else { FontStyle::Normal };
    let style = TextStyle::from((FONT, size, style).into_font())
        .color(&colour)
        .pos(Pos::new(HPos::Left, VPos::Top));
    area.draw(&Text::new(clean(text), at, style))
}

/// The series that have a name, and so a line in the legend.
fn named(chart: &Chart) -> Vec<&Series> {
    chart.series.iter().filter(|series| !series.name.is_empty()).collect()
}

/// Height of a legend that stands below the plane.
fn legend_height(chart: &Chart) -> u32 {
    if chart.heat.is_some() {
        return heat::LEGEND_BELOW;
    }
    let names = named(chart).len();
    let lines = names.min(LEGEND_LINES) + usize::from(names > LEGEND_LINES);
    let title = if chart.legend.is_empty() || names == 0 { 0 } else { 24 };
    if lines == 0 {
        return 0;
    }
    title + 28 + 20 * u32::try_from(lines).unwrap_or(0)
}

fn legend(chart: &Chart, area: &Area<'_>) -> Drawn {
    let named = named(chart);
    // In its place below the plane there is room for longer lines.
    let chars = if area.dim_in_pixel().0 > 300 {
        LEGEND_CHARS_BELOW
    } else {
        LEGEND_CHARS
    };
    let mut y = 16;
    if !chart.legend.is_empty() && !named.is_empty() {
        write(area, &cut(&chart.legend, chars), (6, y), 14, FAINT)?;
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
            Style::Bars => {
                let corners = [(12, middle - 6), (24, middle + 6)];
                area.draw(&Rectangle::new(corners, colour.filled()))?;
            }
            Style::Markers => {}
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
        let name = if series.right && chart.right.is_some() {
            cut(&series.name, chars - RIGHT.len()) + RIGHT
        } else {
            cut(&series.name, chars)
        };
        write(area, &name, (38, y), 14, INK)?;
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

/// The beginning of `text`, at most `chars` letters; the last one says that something is missing.
fn cut(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

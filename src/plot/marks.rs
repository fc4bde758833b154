//! What is written into the plane: values to hold the others against, and words at places.
//!
//! Contract: words lie on no marker, on no other words and within the plane, as long as one of a few places
//! near their own is free of them; else they take the first, for they must be read.

use plotters::coord::ranged1d::Ranged;
use plotters::element::{DashedPathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, TextStyle, WHITE};

use super::draw::{Drawn, FONT, INK, Plane, clean};
use super::{Chart, Scale, Style};

/// Height of a line of words.
const LINE: i32 = 15;

/// Width of a letter, about, in tenths of a pixel.
const LETTER: i32 = 65;

/// How much worse it is to lie on other words than on a line, and to leave the plane.
const ON_WORDS: usize = 50;
const OUTSIDE: usize = 1000;

/// Distances from a place to the middle of its words, in the order in which they are tried: near it first,
/// above before below. The first number counts half widths of the words.
fn tried() -> impl Iterator<Item = (i32, i32)> {
    let near = [(0, -16), (0, 17), (-1, -14), (1, 15), (1, -14), (-1, 15)];
    let far = (2..=5).flat_map(|line| {
        let (up, down) = (-1 - LINE * line, 2 + LINE * line);
        [(0, up), (0, down), (-1, up), (1, down), (-1, down), (1, up)]
    });
    near.into_iter().chain(far)
}

/// Pixels between two places of a line that words keep off.
const STEP: i32 = 6;

/// A rectangle of pixels: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame(i32, i32, i32, i32);

impl Frame {
    /// That of `text` with its middle at a place.
    fn of(text: &str, (x, y): (i32, i32)) -> Frame {
        let half = half_width(text);
        Frame(x - half, y - LINE / 2, x + half, y + LINE / 2)
    }

    fn meets(self, other: Frame) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }

    fn within(self, (width, height): (i32, i32)) -> bool {
        self.0 >= 0 && self.1 >= 0 && self.2 <= width && self.3 <= height
    }
}

fn half_width(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(1000).min(1000) * LETTER / 20
}

/// References and notes, on top of the series.
pub(super) fn draw(plane: &mut Plane<'_, '_>, chart: &Chart, x: &Scale, y: &Scale, right: Option<&Scale>) -> Drawn {
    if chart.references.is_empty() && chart.notes.is_empty() {
        return Ok(());
    }
    let size = plane.plotting_area().dim_in_pixel();
    let size = (
        i32::try_from(size.0).unwrap_or(i32::MAX),
        i32::try_from(size.1).unwrap_or(i32::MAX),
    );
    let mut taken = Taken {
        marks: marks(chart, size, x, y, right),
        words: Vec::new(),
    };
    for reference in chart.references.iter().filter(|reference| y.holds(reference.value)) {
        let ends = Ranged::range(x);
        let line = vec![(ends.start, reference.value), (ends.end, reference.value)];
        plane.draw_series([DashedPathElement::new(line, 9, 5, INK.stroke_width(1))])?;
        let text = clean(&reference.name);
        let level = y.map(&reference.value, (size.1, 0));
        taken.marks.push(Frame(0, level - 1, size.0, level + 1));
        let half = half_width(&text) + 4;
        let places = [-10, 11].into_iter().flat_map(|rise| {
            let middles = [half, size.0 - half, size.0 / 2, size.0 / 4, size.0 / 4 * 3];
            middles.map(|middle| (middle, level + rise))
        });
        place(plane, &text, places, size, &mut taken)?;
    }
    for note in chart.notes.iter().filter(|note| x.shows(note.x) && y.shows(note.y)) {
        let at = (x.map(&note.x, (0, size.0)), y.map(&note.y, (size.1, 0)));
        let text = clean(&note.text);
        let half = half_width(&text) + 4;
        let places = tried().map(|(right, down)| (at.0 + right * half, at.1 + down));
        place(plane, &text, places, size, &mut taken)?;
    }
    Ok(())
}

/// Writes `text` at the first of the places that is free, else where it covers least, on a ground.
fn place(
    plane: &mut Plane<'_, '_>,
    text: &str,
    places: impl Iterator<Item = (i32, i32)>,
    size: (i32, i32),
    taken: &mut Taken,
) -> Drawn {
    let covered = |at: &(i32, i32)| {
        let frame = Frame::of(text, *at);
        let outside = if frame.within(size) { 0 } else { OUTSIDE };
        let met = |frames: &[Frame]| frames.iter().filter(|other| frame.meets(**other)).count();
        outside + ON_WORDS * met(&taken.words) + met(&taken.marks)
    };
    let Some((covered, at)) = places.map(|at| (covered(&at), at)).min_by_key(|(covered, _)| *covered) else {
        return Ok(());
    };
    let area = plane.plotting_area().strip_coord_spec();
    let frame = Frame::of(text, at);
    if covered > 0 {
        let corners = [(frame.0, frame.1), (frame.2, frame.3)];
        area.draw(&Rectangle::new(corners, WHITE.mix(0.8).filled()))?;
    }
    taken.words.push(frame);
    let style = TextStyle::from((FONT, 14).into_font())
        .color(&INK)
        .pos(Pos::new(HPos::Center, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))
}

/// What words keep off, in pixels of the plane.
struct Taken {
    marks: Vec<Frame>,
    words: Vec<Frame>,
}

/// Where markers with their error bars, bars and lines are.
fn marks(chart: &Chart, size: (i32, i32), x: &Scale, y: &Scale, right: Option<&Scale>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for series in &chart.series {
        let y = right.filter(|_| series.right).unwrap_or(y);
        let mut before: Option<(i32, i32)> = None;
        for point in series
            .points
            .iter()
            .filter(|point| x.shows(point.x) && y.shows(point.y))
        {
            let at = (x.map(&point.x, (0, size.0)), y.map(&point.y, (size.1, 0)));
            let (low, high) = point.error.unwrap_or((point.y, point.y));
            let low = if series.style == Style::Bars { y.base() } else { low };
            let (top, bottom) = (y.map(&high, (size.1, 0)), y.map(&low, (size.1, 0)));
            if !matches!(series.style, Style::Line | Style::Dashed) {
                frames.push(Frame(at.0 - 6, top - 6, at.0 + 6, bottom + 6));
            }
            if let Some(before) = before.filter(|_| !matches!(series.style, Style::Bars | Style::Markers)) {
                frames.extend(along(before, at));
            }
            before = Some(at);
        }
    }
    frames
}

/// Small frames along a line.
fn along(from: (i32, i32), to: (i32, i32)) -> impl Iterator<Item = Frame> {
    let (right, down) = (to.0.saturating_sub(from.0), to.1.saturating_sub(from.1));
    let steps = (right.saturating_abs().max(down.saturating_abs()) / STEP).clamp(1, 500);
    (0..=steps).map(move |step| {
        let at = (from.0 + right * step / steps, from.1 + down * step / steps);
        Frame(at.0 - 2, at.1 - 2, at.0 + 2, at.1 + 2)
    })
}

//! Charts as SVG: lines and points over linear or logarithmic axes, with error bars, for people who print
//! them and people who do not see all colours.
//!
//! Contract: a function of its arguments: the same chart gives the same text. What is not finite, or not
//! positive on a logarithmic axis, is left out. Series differ by colour (the palette of Okabe and Ito), by
//! marker and by dash.
//!
//! Left out on purpose: what is worth drawing, and files.

mod draw;
mod scale;

pub use draw::svg;
pub use scale::{Quantity, Scale};

/// One chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Of what, in smaller letters; may be empty.
    pub subtitle: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What stands above the names of the series; may be empty.
    pub legend: String,
    /// The series, in the order of the legend.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// In what.
    pub quantity: Quantity,
    /// Whether its scale is logarithmic.
    pub log: bool,
    /// Values that have a tick, instead of round ones.
    pub ticks: Option<Vec<f64>>,
    /// Names of the values 0, 1, 2, … of an axis that is no quantity.
    pub names: Option<Vec<String>>,
    /// Ends that the axis has at least, whatever the data.
    pub within: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis with round ticks.
    #[must_use]
    pub fn new(label: impl Into<String>, quantity: Quantity) -> Axis {
        Axis {
            label: label.into(),
            quantity,
            log: false,
            ticks: None,
            names: None,
            within: None,
        }
    }
}

/// A line, or a cloud of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points, in the order of the line.
    pub points: Vec<Point>,
    /// How it is drawn.
    pub style: Style,
    /// Which of the colours and markers it has; series that belong together have the same.
    pub look: usize,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line with a marker at each point.
    Marked,
    /// A line alone.
    Line,
    /// A dashed line alone: a model, beside what was measured.
    Dashed,
    /// Markers alone.
    Markers,
}

/// A point, and the interval that its value lies in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// Ends of the error bar.
    pub error: Option<(f64, f64)>,
}

impl Point {
    /// A point without an error bar.
    #[must_use]
    pub const fn new(x: f64, y: f64) -> Point {
        Point { x, y, error: None }
    }
}

#[cfg(test)]
mod tests;

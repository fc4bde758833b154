//! Charts as SVG: lines, points and bars over linear or logarithmic axes, with error bars, and cells between
//! two lists of names, for people who print them and people who do not see all colours.
//!
//! Contract: a function of its arguments: the same chart gives the same text. What is not finite, or not
//! positive on a logarithmic axis, is left out. Series differ by colour (the palette of Okabe and Ito), by
//! marker and by dash; cells by colour and by the value written in them.
//!
//! Left out on purpose: what is worth drawing, and files.

mod draw;
mod heat;
mod marks;
mod scale;
mod series;
mod small;

pub use draw::{Form, svg, svg_in};
pub use scale::{Quantity, Scale};
pub use small::small;

use serde::{Deserialize, Serialize};

/// One chart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
    /// A second vertical axis, on the right, for the series that say so.
    #[serde(default)]
    pub right: Option<Axis>,
    /// Values of the left axis that have a name and a line across the plane: a line rate, a threshold.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Words at places of the plane, by the left axis.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Cells in place of series: both axes have names then.
    #[serde(default)]
    pub heat: Option<Heat>,
}

/// A value to hold the others against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// What it is.
    pub name: String,
    /// The value, on the left axis.
    pub value: f64,
}

/// A few words at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Where.
    pub x: f64,
    /// On the left axis.
    pub y: f64,
    /// The words.
    pub text: String,
}

/// A heatmap's cells: one for each name of the horizontal and of the vertical axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heat {
    /// What the colour measures.
    pub label: String,
    /// In what.
    pub quantity: Quantity,
    /// Rows from the first name of the vertical axis on, each with a cell for each name of the horizontal
    /// one; none where nothing was measured.
    pub rows: Vec<Vec<Option<f64>>>,
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points, in the order of the line.
    pub points: Vec<Point>,
    /// How it is drawn.
    pub style: Style,
    /// Which of the colours and markers it has; series that belong together have the same.
    pub look: usize,
    /// Whether its values are of the right axis.
    #[serde(default)]
    pub right: bool,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// A line with a marker at each point.
    Marked,
    /// A line alone.
    Line,
    /// A dashed line alone: a model, beside what was measured.
    Dashed,
    /// Markers alone.
    Markers,
    /// A bar from zero for each point, beside those of other series.
    Bars,
}

/// A point, and the interval that its value lies in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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

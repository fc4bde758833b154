//! What became of the `expect` lines.

use serde::{Deserialize, Serialize};

use crate::units::shown::rounded;

/// Significant digits of what was measured.
const DIGITS: i32 = 7;

/// One line at one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The line.
    pub text: String,
    /// Whether it was met. What was not measured meets nothing.
    pub met: bool,
    /// The figure, with its statistic.
    pub figure: String,
    /// Where it was measured; none when nothing in the run has this figure.
    #[serde(rename = "where")]
    pub place: Option<String>,
    /// What was measured.
    pub measured: Option<f64>,
    /// Unit of `measured`.
    pub unit: Option<String>,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected `{}`", self.text)?;
        match (&self.place, self.measured) {
            (None, _) => write!(f, ": nothing in this run has the figure `{}`", self.figure),
            (Some(place), None) => write!(f, ": {} of {place} was not measured", self.figure),
            (Some(place), Some(value)) => {
                // With more digits than elsewhere: by how little it was missed is what counts.
                let said = rounded(value, self.unit.as_deref().unwrap_or("1"), DIGITS);
                write!(f, ": {} of {place} is {said}", self.figure)
            }
        }
    }
}

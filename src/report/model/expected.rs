//! What became of the `expect` lines.

use serde::{Deserialize, Serialize};

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
                let unit = self.unit.as_deref().filter(|unit| *unit != "1").unwrap_or_default();
                write!(f, ": {} of {place} is {}", self.figure, plain(value))?;
                if unit.is_empty() { Ok(()) } else { write!(f, " {unit}") }
            }
        }
    }
}

/// A number with at most six significant digits after the point, none of them a closing zero.
fn plain(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let text = format!("{value:.6}");
    if text.trim_matches(['0', '.', '-']).is_empty() {
        return format!("{value:e}");
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

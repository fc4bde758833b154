//! How far a figure may be off: the two ends between which the truth lies.
//!
//! Contract: an end that nothing bounds is infinite here and `null` in the files. An interval holds the figure
//! that it belongs to.

use serde::{Deserialize, Deserializer, Serialize};

use super::Estimate;
use crate::units::shown::{quantity, range};

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end; infinite (`null` in a file) where nothing bounds it.
    #[serde(deserialize_with = "open_end")]
    pub high: f64,
}

fn open_end<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::INFINITY))
}

impl Interval {
    /// A figure that may be off by `by` to both sides.
    #[must_use]
    pub fn around(value: f64, by: f64) -> Interval {
        Interval {
            low: value - by,
            high: value + by,
        }
    }

    /// No further than `range`, but never without `value`, which was measured.
    #[must_use]
    pub fn within(self, range: Interval, value: f64) -> Interval {
        Interval {
            low: self.low.max(range.low).min(value),
            high: self.high.min(range.high).max(value),
        }
    }

    /// Both ends by `scale`, which is positive: another unit.
    #[must_use]
    pub fn times(self, scale: f64) -> Interval {
        Interval {
            low: self.low * scale,
            high: self.high * scale,
        }
    }

    /// The sum of two figures.
    #[must_use]
    pub fn plus(self, other: Interval) -> Interval {
        Interval {
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }

    /// Whether two figures may be the same.
    #[must_use]
    pub fn overlaps(self, other: Interval) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

impl From<Estimate> for Interval {
    fn from(estimate: Estimate) -> Interval {
        Interval {
            low: estimate.low,
            high: estimate.high.unwrap_or(f64::INFINITY),
        }
    }
}

impl Estimate {
    /// The figure in `unit` with the ends that it lies between, as people read it.
    #[must_use]
    pub fn said(&self, unit: &str) -> String {
        format!("{} ({})", quantity(self.value, unit), range(self.low, self.high, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_end_is_null_in_a_file() {
        let open = Interval {
            low: 5.0,
            high: f64::INFINITY,
        };
        let text = serde_json::to_string(&open).unwrap();
        assert_eq!(text, r#"{"low":5.0,"high":null}"#);
        assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), open);
        let closed = Interval::around(7.0, 2.0);
        let text = serde_json::to_string(&closed).unwrap();
        assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), closed);
    }

    #[test]
    fn a_range_cuts_an_interval_and_keeps_the_figure() {
        let share = Interval { low: 0.0, high: 100.0 };
        let of = |value: f64, by: f64| Interval::around(value, by).within(share, value);
        assert_eq!(of(1.0, 3.0), Interval { low: 0.0, high: 4.0 });
        assert_eq!(of(99.5, 3.0), Interval { low: 96.5, high: 100.0 });
        // A clock that is a little off may show more than there can be: what was measured stays inside.
        assert_eq!(of(100.2, 0.1).high, 100.2);
        assert!(of(1.0, 3.0).overlaps(of(5.0, 1.0)) && !of(1.0, 1.0).overlaps(of(5.0, 1.0)));
    }
}

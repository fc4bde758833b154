//! Between which values a figure can lie, whatever was measured: a size is not negative, a share is no more
//! than the whole.
//!
//! Contract: units are those of the results. A figure that `expect` does not know lies anywhere.
//!
//! Left out on purpose: figures that a sweep derives (`sweep::derived`).

use super::model::Interval;
use crate::expect::{self, Dimension, Known, Special};

/// Any value.
pub const ANY: Interval = Interval {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};

/// Any value that is not negative.
pub const NOT_NEGATIVE: Interval = Interval {
    low: 0.0,
    high: f64::INFINITY,
};

/// From nothing to all of it.
pub const SHARE: Interval = Interval { low: 0.0, high: 1.0 };

/// The values that `figure` can have, by its name and the unit of its values.
#[must_use]
pub fn of(figure: &str, unit: &str) -> Interval {
    expect::find(figure).map_or(ANY, |known| of_known(known, unit))
}

/// The same of a figure that is known.
#[must_use]
pub fn of_known(known: &Known, unit: &str) -> Interval {
    if known.is(Special::Signed) {
        return ANY;
    }
    if known.is(Special::Index) {
        return SHARE;
    }
    let is_share = known.measures.iter().any(|of| of.dimension == Dimension::Share);
    match unit {
        "%" if is_share && !known.is(Special::OverWhole) => SHARE.times(100.0),
        "ppm" if is_share => SHARE.times(1e6),
        _ => NOT_NEGATIVE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_not_negative_and_shares_are_of_a_whole() {
        for (figure, unit, low, high) in [
            ("ECN_Kmin", "bytes", 0.0, f64::INFINITY),
            ("KV_xfer_latency", "us", 0.0, f64::INFINITY),
            ("ECN_marking_rate", "%", 0.0, 100.0),
            ("Packet_drop_rate", "ppm", 0.0, 1e6),
            ("Link_utilization", "%", 0.0, 100.0),
            ("JFI", "1", 0.0, 1.0),
            ("KV_xfer_latency_variation", "%", 0.0, f64::INFINITY),
            ("unexplained", "frames", f64::NEG_INFINITY, f64::INFINITY),
            ("my_own_difference", "%", f64::NEG_INFINITY, f64::INFINITY),
        ] {
            assert_eq!(of(figure, unit), Interval { low, high }, "{figure}");
        }
    }
}

//! A figure as a person reads it: in the scale that fits it, four digits, the same everywhere.
//!
//! Contract: the text depends on the value and its unit alone. Units are those of the result model
//! (`us`, `bytes`, `GB/s`, `frames`, `%`, `ppm`, `1`); an unknown one stands as it is.

use super::terminal::text::{figure, grouped};

/// Scales of one kind of quantity, the largest first: from which value of the base unit on, and its name.
type Scales = &'static [(f64, &'static str)];

const TIMES: Scales = &[(1e12, "s"), (1e9, "ms"), (1e6, "us"), (1e3, "ns"), (1.0, "ps")];
const SIZES: Scales = &[(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1.0, "B")];
const RATES: Scales = &[
    (1e12, "Tbps"),
    (1e9, "Gbps"),
    (1e6, "Mbps"),
    (1e3, "kbps"),
    (1.0, "bps"),
];

/// The scales of `unit`, and how many of the base unit one of `unit` is.
fn scales(unit: &str) -> Option<(Scales, f64)> {
    Some(match unit {
        "ps" => (TIMES, 1.0),
        "us" => (TIMES, 1e6),
        "bytes" => (SIZES, 1.0),
        "bps" => (RATES, 1.0),
        "GB/s" => (RATES, 8e9),
        _ => return None,
    })
}

/// `value` of `unit`, as `1.303 ms`, `500.6 KB`, `391.9 Gbps`, `15,628 frames`, `2.5 %`.
#[must_use]
pub fn quantity(value: f64, unit: &str) -> String {
    let Some((scales, factor)) = scales(unit) else {
        return match unit {
            "1" | "" => counted(value),
            unit => format!("{} {unit}", counted(value)),
        };
    };
    let base = value * factor;
    let (scale, name) = scale_of(base, scales);
    format!("{} {name}", figure(base / scale))
}

/// `low` to `high` of `unit`, both in the scale of the greater: `498.5 to 502.6 KB`. What nothing bounds is said so.
#[must_use]
pub fn range(low: f64, high: Option<f64>, unit: &str) -> String {
    let Some(high) = high.filter(|high| high.is_finite()) else {
        return format!("{} or more", quantity(low, unit));
    };
    let Some((scales, factor)) = scales(unit) else {
        let unit = if unit == "1" { "" } else { unit };
        return format!("{} to {} {unit}", counted(low), counted(high))
            .trim_end()
            .to_owned();
    };
    let (scale, name) = scale_of(high * factor, scales);
    let [low, high] = [low, high].map(|value| figure(value * factor / scale));
    format!("{low} to {high} {name}")
}

fn scale_of(base: f64, scales: Scales) -> (f64, &'static str) {
    let reached = scales.iter().find(|(from, _)| base.abs() >= *from);
    reached.or(scales.last()).copied().unwrap_or((1.0, ""))
}

/// Whole numbers in groups of three, others with four digits.
fn counted(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative and below 2^53"
        )]
        return grouped(value as u64);
    }
    figure(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_the_scale_that_fits_it() {
        for (value, unit, text) in [
            (4_207_994.0, "us", "4.208 s"),
            (0.8681, "us", "868.1 ns"),
            (0.0, "us", "0 ps"),
            (1.001e-5, "GB/s", "80.08 kbps"),
            (48.99, "GB/s", "391.9 Gbps"),
            (500_557.0, "bytes", "500.6 KB"),
            (500_000.0, "bytes", "500 KB"),
            (15_628.0, "frames", "15,628 frames"),
            (98.979, "%", "98.98 %"),
            (0.998_7, "1", "0.9987"),
            (7.0, "1", "7"),
        ] {
            assert_eq!(quantity(value, unit), text);
        }
    }

    #[test]
    fn a_range_has_one_scale() {
        assert_eq!(range(498_480.0, Some(502_634.0), "bytes"), "498.5 to 502.6 KB");
        assert_eq!(range(988_480.0, Some(1_002_634.0), "bytes"), "0.9885 to 1.003 MB");
        assert_eq!(range(988_480.0, None, "bytes"), "988.5 KB or more");
        assert_eq!(range(1.0, Some(2.5), "%"), "1 to 2.5 %");
    }
}

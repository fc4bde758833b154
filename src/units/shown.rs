//! A figure as a person reads it: in the scale that fits it, four digits, the same on the terminal, in charts and on pages.
//!
//! Contract: the text depends on the value and its unit alone. Units are those of the result model
//! (`us`, `bytes`, `GB/s`, `frames`, `%`, `ppm`, `1`); an unknown one stands as it is.
//!
//! Left out on purpose: quantities that are typed and printed back exactly ([`super`]).

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
        "ns" => (TIMES, 1e3),
        "us" => (TIMES, 1e6),
        "ms" => (TIMES, 1e9),
        "s" => (TIMES, 1e12),
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

/// The same with at most `most` significant digits: a percentile has no more than its histogram.
#[must_use]
pub fn rounded(value: f64, unit: &str, most: i32) -> String {
    match scales(unit) {
        Some((scales, factor)) => {
            let (scale, name) = scale_of(value * factor, scales);
            format!("{} {name}", digits(value * factor / scale, most))
        }
        None if matches!(unit, "1" | "") => digits(value, most),
        None => format!("{} {unit}", digits(value, most)),
    }
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

/// A figure of `unit` with the interval that it lies in: `93.07 ± 0.13 us` around its middle, else
/// `500.6 KB (498.5 to 502.6 KB)`. `unicode`: whether the reader has `±`.
#[must_use]
pub fn estimate(value: f64, low: f64, high: Option<f64>, unit: &str, unicode: bool) -> String {
    let high = high.filter(|high| high.is_finite());
    let (below, above) = (value - low, high.map_or(f64::INFINITY, |high| high - value));
    let half = below.midpoint(above);
    if !half.is_finite() || (below - above).abs() > 1e-6 * half.abs().max(value.abs() * 1e-6) {
        return format!("{} ({})", quantity(value, unit), range(low, high, unit));
    }
    let (factor, scale, name) = match scales(unit) {
        Some((scales, factor)) => {
            let (scale, name) = scale_of(value.abs().max(half) * factor, scales);
            (factor, scale, name)
        }
        None if matches!(unit, "1" | "") => (1.0, 1.0, ""),
        None => (1.0, 1.0, unit),
    };
    // Of a value that is nothing beside its interval, no digit says anything.
    let is_nothing = value.abs() < NOTHING * half;
    let shown = if is_nothing {
        "0".to_owned()
    } else {
        counted(value * factor / scale)
    };
    let half = half_width(half * factor / scale);
    let sign = if unicode { "±" } else { "+-" };
    format!("{shown} {sign} {half} {name}").trim_end().to_owned()
}

/// A value so many times smaller than half its interval is nothing.
const NOTHING: f64 = 1e-3;

/// Zeros behind the point that eyes can still count.
const MOST_PLACES: usize = 6;

/// Half an interval with two significant digits, rounded up: the truth stays inside.
fn half_width(half: f64) -> String {
    if half <= 0.0 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a decimal exponent")]
    let places = (1 - half.log10().floor() as i32).max(0);
    let power = 10_f64.powi(places);
    // What floating point adds behind the last digit is no more.
    let rounded = (half * power * (1.0 - 1e-9)).ceil() / power;
    match usize::try_from(places) {
        Ok(places) if places > MOST_PLACES => format!("{half:.1e}"),
        Ok(places) if places > 0 => {
            let text = format!("{rounded:.places$}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => counted(rounded),
    }
}

/// A signed change of `unit`.
#[must_use]
pub fn change(value: f64, unit: &str) -> String {
    let text = quantity(value.abs(), unit);
    match value {
        _ if value > 0.0 => format!("+{text}"),
        _ if value < 0.0 => format!("-{text}"),
        _ => text,
    }
}

fn scale_of(base: f64, scales: Scales) -> (f64, &'static str) {
    let reached = scales.iter().find(|(from, _)| base.abs() >= *from);
    reached.or(scales.last()).copied().unwrap_or((1.0, ""))
}

/// Whole numbers in groups of three, others with four digits.
#[must_use]
pub fn counted(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative and below 2^53"
        )]
        return grouped(value as u64);
    }
    let text = figure(value);
    // A great number keeps its groups.
    match text.split_once(|c: char| !c.is_ascii_digit()) {
        None => text.parse().map_or(text, grouped),
        Some(_) => text,
    }
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure with at most four significant digits; whole ones as they are.
#[must_use]
pub fn figure(value: f64) -> String {
    if value == 0.0 || (value.fract() == 0.0 && value.abs() < 1e9) {
        return format!("{value:.0}");
    }
    digits(value, 4)
}

/// A figure with at most so many significant digits.
#[must_use]
pub fn digits(value: f64, most: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&value.abs()) {
        let decimals = usize::try_from(most - 1).unwrap_or(0);
        return format!("{value:.decimals$e}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "a decimal exponent between -4 and 9")]
    let magnitude = value.abs().log10().floor() as i32;
    // Of a great figure the digits before the point are rounded too, and halves upwards as in whole picoseconds.
    let step = 10_f64.powi(magnitude + 1 - most);
    let decimals = usize::try_from(most - 1 - magnitude).unwrap_or(0);
    let value = if most < 4 { (value / step).round() * step } else { value };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
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

    #[test]
    fn figures_have_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (12.0, "12"),
            (1234.5678, "1235"),
            (12.345_678, "12.35"),
            (0.012_345_6, "0.01235"),
            (62.5, "62.5"),
            (99.999_99, "100"),
            (-3.271_59, "-3.272"),
            (1e-7, "1.000e-7"),
            (3.5e12, "3.500e12"),
        ] {
            assert_eq!(figure(value), text);
        }
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_000), grouped(12_345_678)),
            ("0".into(), "999".into(), "1,000".into(), "12,345,678".into())
        );
    }

    #[test]
    fn a_figure_and_its_interval_have_one_scale() {
        let around = |value: f64, half: f64, unit| estimate(value, value - half, Some(value + half), unit, true);
        for (value, half, unit, text) in [
            (93.0684, 0.1234, "us", "93.07 ± 0.13 us"),
            (93.0684, 0.000_412, "us", "93.07 ± 0.00042 us"),
            (1_234_567.25, 1_234.0, "us", "1.235 ± 0.0013 s"),
            (48.0, 0.0, "1", "48 ± 0"),
            (48.0, 0.25, "frames", "48 ± 0.25 frames"),
            (12_800.0, 1_234.0, "frames", "12,800 ± 1,234 frames"),
            (0.0, 0.5, "GB/s", "0 ± 4 Gbps"),
            (0.509_4, 0.000_046, "ms", "509.4 ± 0.046 us"),
            (-8.882e-15, 0.026, "%", "0 ± 0.026 %"),
            (5e-12, 1e-13, "1", "5.000e-12 ± 1.0e-13"),
            (11.63, 0.05, "GB/s", "93.04 ± 0.4 Gbps"),
        ] {
            assert_eq!(around(value, half, unit), text);
        }
        assert_eq!(
            estimate(500_600.0, 498_500.0, Some(502_600.5), "bytes", true),
            "500.6 KB (498.5 to 502.6 KB)"
        );
        assert_eq!(estimate(5.0, 5.0, None, "bytes", false), "5 B (5 B or more)");
        assert_eq!(estimate(5.0, 4.0, Some(6.0), "bytes", false), "5 +- 1 B");
        assert_eq!(rounded(4_198.399, "us", 3), "4.2 ms");
        assert_eq!(
            (change(1.5, "us"), change(-1.5, "us")),
            ("+1.5 us".into(), "-1.5 us".into())
        );
    }

    #[test]
    fn digits_are_no_more_than_asked_for() {
        for (value, text) in [
            (4.198_399, "4.2"),
            (12.345, "12.3"),
            (1234.567, "1230"),
            (0.0, "0"),
            (250.0, "250"),
        ] {
            assert_eq!(digits(value, 3), text);
        }
    }
}

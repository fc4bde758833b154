//! Numbers, bars and lines as a person reads them on a terminal of some width.
//!
//! Contract: whatever the text holds, no control character reaches the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::View;
use crate::report::model::Interval;

/// `text` without anything that a terminal would obey.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Columns that `text` takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The beginning of `text`, at most `columns` wide; the last column says that something is missing.
pub(super) fn cut(text: &str, columns: usize, view: View) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    kept.push(if view.unicode { '…' } else { '~' });
    kept
}

/// `text` in lines of at most the view's width: `first` before the first line, as much space
/// before the others. A word longer than a line stays whole.
pub(crate) fn wrap(first: &str, text: &str, view: View) -> String {
    let indent = width(first);
    let mut lines = first.to_owned();
    let mut used = indent;
    for word in text.split_whitespace() {
        if used > indent && used + 1 + width(word) > view.width {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if used > indent {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += width(word);
    }
    lines
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
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
pub(crate) fn figure(value: f64) -> String {
    if value == 0.0 || (value.fract() == 0.0 && value.abs() < 1e9) {
        return format!("{value:.0}");
    }
    digits(value, 4)
}

/// A figure with at most so many significant digits.
pub(crate) fn digits(value: f64, most: i32) -> String {
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

/// A time in picoseconds to three significant digits.
pub(crate) fn three_digits(picos: u64) -> u64 {
    let step = 10_u64.pow(picos.max(1).ilog10().saturating_sub(2));
    picos.saturating_add(step / 2) / step * step
}

/// The interval of a figure: half its width where the figure is in its middle, else its ends.
pub(crate) fn interval(value: f64, of: Interval, unicode: bool) -> String {
    let (below, above) = (value - of.low, of.high - value);
    if !of.high.is_finite() {
        return format!("({} or more)", figure(of.low));
    }
    let half = below.midpoint(above);
    if (below - above).abs() > 1e-6 * half.abs().max(value.abs() * 1e-6) {
        return format!("({} to {})", figure(of.low), figure(of.high));
    }
    format!("{} {}", if unicode { "±" } else { "+-" }, figure(half))
}

/// A bar of `cells` columns, `share` of it (0 to 1) full.
pub(super) fn bar(share: f64, cells: usize, view: View) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let parts = if view.unicode { 8 } else { 1 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few dozen columns"
    )]
    let filled = (share.clamp(0.0, 1.0) * (cells * parts) as f64).round() as usize;
    let (whole, rest) = (filled / parts, filled % parts);
    let mut text: String = std::iter::repeat_n(if view.unicode { '█' } else { '#' }, whole).collect();
    if rest > 0 {
        text.push(EIGHTHS[rest]);
    }
    while text.chars().count() < cells {
        text.push(if view.unicode { ' ' } else { '.' });
    }
    text
}

/// One column for each value, its height the value's share of the greatest.
pub(super) fn sparkline(values: &[u64], view: View) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const ASCII: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];
    let greatest = values.iter().copied().max().unwrap_or(0).max(1);
    let levels = if view.unicode { LEVELS } else { ASCII };
    values
        .iter()
        .map(|value| {
            let level = u128::from(*value) * 8 / (u128::from(greatest) + 1);
            levels[usize::try_from(level).unwrap_or(0).min(7)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: View = View {
        width: 20,
        colour: false,
        unicode: true,
    };
    const PLAIN: View = View {
        width: 20,
        colour: false,
        unicode: false,
    };

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
    fn a_percentile_has_no_more_digits_than_its_histogram() {
        for (picos, shown) in [(0, 0), (7, 7), (999, 999), (328_640, 329_000), (4_198_399, 4_200_000)] {
            assert_eq!(three_digits(picos), shown);
        }
        assert_eq!(three_digits(u64::MAX), 18_400_000_000_000_000_000);
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

    #[test]
    fn an_interval_is_shown_as_it_lies() {
        let of = |low: f64, high: f64| interval(97_995.0, Interval { low, high }, true);
        assert_eq!(of(97_000.0, 98_990.0), "± 995");
        assert_eq!(of(97_995.0, 102_091.0), "(97995 to 102091)");
        assert_eq!(of(5.0, f64::INFINITY), "(5 or more)");
        assert_eq!(of(97_995.0, 97_995.0), "± 0");
    }

    #[test]
    fn bars_and_sparklines() {
        assert_eq!(bar(0.5, 4, WIDE), "██  ");
        assert_eq!(bar(0.53, 4, WIDE), "██▏ ");
        assert_eq!(bar(7.0, 3, WIDE), "███");
        assert_eq!(bar(f64::NAN, 3, PLAIN), "...");
        assert_eq!(bar(0.5, 4, PLAIN), "##..");
        assert_eq!(sparkline(&[0, 50, 100], WIDE), "▁▄█");
        assert_eq!(sparkline(&[0, u64::MAX], PLAIN), "_#");
    }

    #[test]
    fn text_is_cut_wrapped_and_disarmed() {
        assert_eq!(cut("abcdef", 4, WIDE), "abc…");
        assert_eq!(cut("日本語", 4, WIDE), "日…");
        assert_eq!(
            wrap("! ", "one two three four five six", WIDE),
            "! one two three four\n  five six"
        );
        assert_eq!(harmless("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}

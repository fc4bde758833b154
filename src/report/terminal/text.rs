//! Numbers, bars and lines as a person reads them on a terminal of some width.
//!
//! Contract: whatever the text holds, no control character reaches the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::View;

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

/// A time in picoseconds to three significant digits.
pub(crate) fn three_digits(picos: u64) -> u64 {
    let step = 10_u64.pow(picos.max(1).ilog10().saturating_sub(2));
    picos.saturating_add(step / 2) / step * step
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
    fn a_percentile_has_no_more_digits_than_its_histogram() {
        for (picos, shown) in [(0, 0), (7, 7), (999, 999), (328_640, 329_000), (4_198_399, 4_200_000)] {
            assert_eq!(three_digits(picos), shown);
        }
        assert_eq!(three_digits(u64::MAX), 18_400_000_000_000_000_000);
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

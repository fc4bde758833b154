//! The values that a search chooses from.

use crate::plot::Quantity;
use crate::sweep::value;
use crate::units::{BitRate, Bytes, Picos};

/// Most values of a search.
pub const MAX_VALUES: usize = 1000;

/// The values from `from` to `to`: at most a `resolution` apart where `log` is not set, else each at most by that share
/// above the one before. As numbers, and as texts that read back as them; `to` is the last one.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn values(from: &str, to: &str, resolution: &str, log: bool) -> Result<(Quantity, Vec<(f64, String)>), String> {
    let wrong = |texts: &str| {
        format!("{texts} are no numbers of one kind (as `10%` and `1%`, `64KiB` and `4KiB`, `2` and `1`)")
    };
    let (quantity, ends) =
        value::numbers(&[Some(from), Some(to)]).ok_or_else(|| wrong(&format!("`from` {from} and `to` {to}")))?;
    let &[Some(low), Some(high)] = ends.as_slice() else {
        return Err(wrong("`from` and `to`"));
    };
    let (unit, steps) = value::numbers(&[Some(resolution)]).ok_or_else(|| wrong("`to` and `resolution`"))?;
    let step = steps.first().copied().flatten().unwrap_or(0.0);
    let wanted = if log { Quantity::Percent } else { quantity };
    if unit != wanted {
        return Err(if log {
            format!("`resolution` is {resolution}; with `spacing: log` it is a share, as `5%`")
        } else {
            wrong(&format!("`to` {to} and `resolution` {resolution}"))
        });
    }
    if low >= high {
        return Err(format!("`from` {from} is not below `to` {to}"));
    }
    if step <= 0.0 || log && low <= 0.0 {
        return Err("`resolution`, and with `spacing: log` also `from`, must be above 0".to_owned());
    }
    let mut texts: Vec<(f64, String)> = Vec::new();
    let mut at = low;
    for number in 1_u32.. {
        let (value, text) = said(quantity, at, log);
        if value >= high {
            break;
        }
        // Values that are whole numbers may be less than one apart before they are rounded.
        if texts.last().is_none_or(|(before, _)| value > *before) {
            texts.push((value, text));
        }
        if texts.len() >= MAX_VALUES || number > 100 * u32::try_from(MAX_VALUES).unwrap_or(u32::MAX) {
            return Err(format!(
                "from {from} to {to} there are more than {MAX_VALUES} values {resolution} apart; a coarser `resolution`, or \
                 `spacing: log`, has fewer"
            ));
        }
        at = if log {
            low * (1.0 + step / 100.0).powi(i32::try_from(number).unwrap_or(i32::MAX))
        } else {
            low + f64::from(number) * step
        };
    }
    texts.push(said(quantity, high, false));
    Ok((quantity, texts))
}

/// Four digits of a value: ratios have no round numbers, and nobody reads more.
fn short(value: f64) -> f64 {
    let digits = value.log10().floor() - 3.0;
    if digits <= 0.0 {
        return value;
    }
    let step = 10_f64.powf(digits);
    (value / step).round() * step
}

/// A value as it can be given, and its text. `short`: one that has no short text may be rounded to one.
fn said(quantity: Quantity, value: f64, short: bool) -> (f64, String) {
    let read = |text: &str| value::numbers(&[Some(text)]).and_then(|(_, read)| read.first().copied().flatten());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a size, a time or a rate as a whole number of its least unit, below 2^53 or as exact as its text"
    )]
    let whole = |show: &dyn Fn(u64) -> String, unit: &str| {
        let exact = |number: u64| {
            let text = show(number);
            (read(&text) == Some(number as f64)).then(|| (number as f64, text.replace(' ', "")))
        };
        let number = value.max(0.0).round() as u64;
        let rounded = || exact(self::short(value).max(0.0).round() as u64).filter(|_| short);
        exact(number)
            .or_else(rounded)
            .unwrap_or_else(|| (number as f64, format!("{number}{unit}")))
    };
    match quantity {
        Quantity::Bytes => whole(&|number| Bytes(number).to_string(), "B"),
        Quantity::Picos => whole(&|number| Picos(number).to_string(), "ps"),
        Quantity::Rate => whole(&|number| BitRate(number).to_string(), "bps"),
        Quantity::Number | Quantity::Percent => {
            let value = if short { self::short(value) } else { value };
            let text = format!("{value:.6}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            let unit = if quantity == Quantity::Percent { "%" } else { "" };
            let text = format!("{text}{unit}");
            (read(&text).unwrap_or(value), text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(from: &str, to: &str, resolution: &str, log: bool) -> Vec<String> {
        let (_, values) = values(from, to, resolution, log).unwrap();
        values.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn values_are_a_resolution_apart_and_the_last_one_is_the_end() {
        assert_eq!(texts("2", "6", "2", false), ["2", "4", "6"]);
        assert_eq!(texts("98%", "100%", "0.75%", false), ["98%", "98.75%", "99.5%", "100%"]);
        assert_eq!(
            texts("64KiB", "1MiB", "100%", true),
            ["64KiB", "128KiB", "256KiB", "512KiB", "1MiB"]
        );
        assert_eq!(texts("1us", "4us", "1500ns", false), ["1us", "2.5us", "4us"]);
        assert_eq!(
            texts("100Gbps", "400Gbps", "150Gbps", false),
            ["100Gbps", "250Gbps", "400Gbps"]
        );
        // Shares of a byte are none.
        assert_eq!(texts("1B", "6B", "30%", true), ["1B", "2B", "3B", "4B", "5B", "6B"]);
    }

    #[test]
    fn every_text_reads_back_as_its_value() {
        for (from, to, resolution, log) in [
            ("1B", "3TB", "3%", true),
            ("1ps", "90s", "7%", true),
            ("7bps", "800Gbps", "5%", true),
            ("0.1", "31.7", "0.037", false),
            ("0.01%", "100%", "0.11%", false),
        ] {
            let (quantity, values) = values(from, to, resolution, log).unwrap();
            for (value, text) in &values {
                let read = value::numbers(&[Some(text)]).unwrap();
                assert_eq!(read, (quantity, vec![Some(*value)]), "{text}");
            }
            assert!(values.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }

    #[test]
    fn what_is_no_grid_is_refused_with_its_reason() {
        for (from, to, resolution, log, why) in [
            ("1", "10%", "1", false, "no numbers of one kind"),
            ("max", "3", "1", false, "no numbers of one kind"),
            ("1KB", "3KB", "1us", false, "no numbers of one kind"),
            ("3", "3", "1", false, "is not below"),
            ("0", "3", "0", false, "must be above 0"),
            ("0", "3", "5%", true, "must be above 0"),
            ("1", "3", "1", true, "is a share"),
            ("0", "3000", "1", false, "more than 1000 values"),
            ("0B", "3TB", "1B", false, "more than 1000 values"),
        ] {
            let error = values(from, to, resolution, log).unwrap_err();
            assert!(error.contains(why), "{from} {to} {resolution}: {error}");
        }
    }
}

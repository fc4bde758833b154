//! Values of axes as numbers, for charts.

use std::str::FromStr;

use crate::plot::Quantity;
use crate::units::{BitRate, Bytes, Picos, Share};

/// Reads a number of one quantity.
type Parse<'p> = &'p dyn Fn(&str) -> Option<f64>;

/// The values as numbers of one quantity; `None` when one is no number, or they are not of one kind. A value
/// that is not there stays so.
#[must_use]
pub fn numbers(texts: &[Option<&str>]) -> Option<(Quantity, Vec<Option<f64>>)> {
    let number = |text: &str| {
        text.replace('_', "")
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
    };
    #[expect(clippy::cast_precision_loss, reason = "a place on a chart")]
    let kinds: [(Quantity, Parse<'_>); 5] = [
        (Quantity::Number, &number),
        (Quantity::Picos, &|text| read::<Picos>(text).map(|time| time.0 as f64)),
        (Quantity::Rate, &|text| read::<BitRate>(text).map(|rate| rate.0 as f64)),
        // 5 is a number of bytes too, and a share: those come after what has to have a unit.
        (Quantity::Percent, &|text| {
            let share = text.ends_with('%').then(|| read::<Share>(text)).flatten();
            share.map(|share| share.0 * 100.0)
        }),
        (Quantity::Bytes, &|text| read::<Bytes>(text).map(|bytes| bytes.0 as f64)),
    ];
    kinds.into_iter().find_map(|(quantity, parse)| {
        let values: Option<Vec<Option<f64>>> = texts
            .iter()
            .map(|text| match text {
                None => Some(None),
                Some(text) => parse(text.trim()).map(Some),
            })
            .collect();
        values
            .filter(|values| values.iter().any(Option::is_some))
            .map(|values| (quantity, values))
    })
}

fn read<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The quantity of a result's unit, its worth in the chart's own unit, and what the axis says of it.
#[must_use]
pub fn of_unit(unit: &str) -> (Quantity, f64, String) {
    let (quantity, worth) = Quantity::of_unit(unit);
    let said = match quantity {
        Quantity::Number if unit != "1" => format!(" [{unit}]"),
        _ => String::new(),
    };
    (quantity, worth, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_of_one_kind_or_none() {
        let of = |texts: &[&str]| numbers(&texts.iter().map(|text| Some(*text)).collect::<Vec<_>>());
        assert_eq!(
            of(&["2", "4_000"]),
            Some((Quantity::Number, vec![Some(2.0), Some(4000.0)]))
        );
        assert_eq!(
            of(&["100us", "1ms"]),
            Some((Quantity::Picos, vec![Some(1e8), Some(1e9)]))
        );
        assert_eq!(
            of(&["10%", "50 %"]),
            Some((Quantity::Percent, vec![Some(10.0), Some(50.0)]))
        );
        assert_eq!(
            of(&["1KB", "1MiB"]),
            Some((Quantity::Bytes, vec![Some(1e3), Some(1_048_576.0)]))
        );
        assert_eq!(
            of(&["1Gbps", "400Gbps"]),
            Some((Quantity::Rate, vec![Some(1e9), Some(4e11)]))
        );
        for mixed in [&["max", "50%"][..], &["1KB", "1ms"], &["0-7"], &["inf"], &[]] {
            assert_eq!(of(mixed), None, "{mixed:?}");
        }
        let gaps = numbers(&[None, Some("3")]);
        assert_eq!(gaps, Some((Quantity::Number, vec![None, Some(3.0)])));
    }
}

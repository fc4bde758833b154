//! Sets of small numbers: `3`, `0-7`, `[0, 2, 4-6]`. Workers, cores and priorities are written so.

use super::key::Form;
use super::read::{At, parse_int};
use super::shown;
use super::tree::Node;

/// Numbers up to a largest one and ranges of them, each number once, in the order written; and what they count.
pub struct Numbers(pub u32, pub &'static str);

impl Form<Vec<u32>> for Numbers {
    fn allowed(&self) -> String {
        format!("{} 0 to {}, each once: `3`, `0-7` or `[0, 2, 4-6]`", self.1, self.0)
    }
    fn read(&self, at: At<'_, '_>) -> Option<Vec<u32>> {
        numbers(at, self.0)
    }
}

/// A set of classes or priorities, as bits.
pub struct Classes;

/// The highest priority (IEEE 802.1Q clause 6.9.3).
const HIGHEST: u32 = 7;

impl Form<u8> for Classes {
    fn allowed(&self) -> String {
        Numbers(HIGHEST, "classes").allowed()
    }
    fn read(&self, at: At<'_, '_>) -> Option<u8> {
        let classes = numbers(at, HIGHEST)?;
        Some(classes.into_iter().fold(0, |mask, class| mask | 1 << class))
    }
    fn show(&self, classes: &u8) -> String {
        if *classes == u8::MAX {
            return format!("0-{HIGHEST}");
        }
        let set = (0..=HIGHEST).filter(|class| classes & 1 << class != 0);
        set.map(|class| class.to_string()).collect::<Vec<_>>().join(", ")
    }
}

fn numbers(at: At<'_, '_>, max: u32) -> Option<Vec<u32>> {
    let (fields, key) = (at.fields, at.key);
    let items = fields.list(key)?;
    let mut numbers: Vec<u32> = Vec::new();
    let mut seen = vec![false; usize::try_from(max).unwrap_or(usize::MAX).saturating_add(1)];
    let mut good = true;
    if items.is_empty() {
        fields.bad(key, fields.place_of(key), "an empty list", None);
        return None;
    }
    for item in items {
        let Some(range) = item.text().and_then(|text| number_range(text, max)) else {
            let found = item
                .text()
                .map_or_else(|| item.is_a().to_owned(), |text| format!("`{}`", shown(text, 60)));
            fields.bad(key, item.place, &found, reversed(item));
            good = false;
            continue;
        };
        for number in range {
            let place = usize::try_from(number).ok().and_then(|at| seen.get_mut(at));
            if place.is_some_and(|seen| std::mem::replace(seen, true)) {
                fields.bad(key, item.place, &format!("a list with {number} in it twice"), None);
                good = false;
                break;
            }
            numbers.push(number);
        }
    }
    good.then_some(numbers)
}

fn number_range(text: &str, max: u32) -> Option<std::ops::RangeInclusive<u32>> {
    let number = |text: &str| u32::try_from(parse_int(text)?).ok().filter(|number| *number <= max);
    match text.split_once('-') {
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(first..=last)
        }
        None => number(text).map(|number| number..=number),
    }
}

/// `7-0` was meant as `0-7`.
fn reversed(item: &Node) -> Option<String> {
    let (first, last) = item.text()?.split_once('-')?;
    let (first, last) = (parse_int(first)?, parse_int(last)?);
    (first > last).then(|| format!("{last}-{first}"))
}

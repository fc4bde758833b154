//! Forms: what is allowed as a key's value, in words, and how it becomes a value.
//!
//! Contract: the words follow from what is checked, so that one cannot be changed without the other. Forms of one
//! part only (workers, rates, MAC addresses) stand with it.

use std::fmt;
use std::str::FromStr;

use super::key::{Form, Section};
use super::near;
use super::read::{At, parse_int, printable};
use crate::units::{BitRate, Bytes, PICOS_PER_SECOND, Picos, Share};

/// A quantity whose text has a unit.
pub trait Unit: FromStr + fmt::Display + Copy + PartialOrd + Sync {
    /// The units, for suggestions.
    const UNITS: &'static [&'static str];
    /// What it is, with an example.
    const WHAT: &'static str;
    /// The smallest one above zero.
    const LEAST: Self;
    /// The largest one.
    const MOST: Self;

    /// As a person writes it.
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Unit for Picos {
    const UNITS: &'static [&'static str] = &["ps", "ns", "us", "ms", "s", "min", "h"];
    const WHAT: &'static str = "a time in ps, ns, us, ms, s, min or h (`100us`)";
    const LEAST: Picos = Picos(1);
    const MOST: Picos = Picos::MAX;

    fn shown(&self) -> String {
        let hour = 3600 * PICOS_PER_SECOND;
        match self.0 {
            0 => "0".to_owned(),
            time if time.is_multiple_of(hour) => format!("{} h", time / hour),
            _ => self.to_string(),
        }
    }
}

impl Unit for Bytes {
    const UNITS: &'static [&'static str] = &["B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"];
    const WHAT: &'static str = "a number of bytes (`64KiB`, `16MB`)";
    const LEAST: Bytes = Bytes(1);
    const MOST: Bytes = Bytes(u64::MAX);
}

impl Unit for BitRate {
    const UNITS: &'static [&'static str] = &["bps", "kbps", "Mbps", "Gbps", "Tbps"];
    const WHAT: &'static str = "a bit rate (`400Gbps`)";
    const LEAST: BitRate = BitRate(1);
    const MOST: BitRate = BitRate(u64::MAX);
}

impl Unit for Share {
    const UNITS: &'static [&'static str] = &["%"];
    const WHAT: &'static str = "a share (`10%`)";
    const LEAST: Share = Share(f64::MIN_POSITIVE);
    const MOST: Share = Share(f64::INFINITY);
}

/// A whole number from the first to the second.
pub struct Int(pub u64, pub u64);

impl<T: TryFrom<u64> + fmt::Display> Form<T> for Int {
    fn allowed(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        at.parse(|text| int(text, self.0, self.1), |_| None)
    }
    fn show(&self, value: &T) -> String {
        value.to_string()
    }
}

/// As [`Int`], with a default in base 16.
pub struct Hex(pub u64, pub u64);

impl<T: TryFrom<u64> + fmt::UpperHex> Form<T> for Hex {
    fn allowed(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        at.parse(|text| int(text, self.0, self.1), |_| None)
    }
    fn show(&self, value: &T) -> String {
        format!("0x{value:04X}")
    }
}

/// A whole number of a list.
pub struct OneOf(pub &'static [u64]);

impl<T: TryFrom<u64> + fmt::UpperHex> Form<T> for OneOf {
    fn allowed(&self) -> String {
        or(self.0.iter().map(|number| format!("0x{number:04X}")))
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        at.parse(
            |text| {
                int(text, 0, u64::MAX)
                    .filter(|number| self.0.contains(number))?
                    .try_into()
                    .ok()
            },
            |_| None,
        )
    }
    fn show(&self, value: &T) -> String {
        format!("0x{value:04X}")
    }
}

fn int<T: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Option<T> {
    let value = parse_int(text).filter(|value| (least..=most).contains(value))?;
    T::try_from(value).ok()
}

/// A number from the first to the second.
pub struct Number(pub f64, pub f64);

impl Form<f64> for Number {
    fn allowed(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }
    fn read(&self, at: At<'_, '_>) -> Option<f64> {
        let parse = |text: &str| {
            let value: f64 = text.replace('_', "").parse().ok()?;
            (self.0..=self.1).contains(&value).then_some(value)
        };
        at.parse(parse, |_| None)
    }
    fn show(&self, value: &f64) -> String {
        value.to_string()
    }
}

/// A word, or what the form of the second reads: the word is `None`.
pub struct WordOr<F>(pub &'static str, pub F);

impl<T, F: Form<T>> Form<Option<T>> for WordOr<F> {
    fn allowed(&self) -> String {
        format!("{}, or {}", self.1.allowed(), self.0)
    }
    fn read(&self, at: At<'_, '_>) -> Option<Option<T>> {
        if at.node.text().is_some_and(|text| text.trim() == self.0) {
            return Some(None);
        }
        let near = at.node.text().and_then(|text| near::nearest(text, [self.0]));
        self.1.read(At { near, ..at }).map(Some)
    }
    fn show(&self, value: &Option<T>) -> String {
        value
            .as_ref()
            .map_or_else(|| self.0.to_owned(), |value| self.1.show(value))
    }
}

/// One of some words.
pub struct Words<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Copy + PartialEq + Sync> Form<T> for Words<T> {
    fn allowed(&self) -> String {
        or(self.0.iter().map(|(word, _)| (*word).to_owned()))
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        at.word(self.0)
    }
    fn show(&self, value: &T) -> String {
        let found = self.0.iter().find(|(_, known)| known == value);
        found.map_or_else(String::new, |(word, _)| (*word).to_owned())
    }
}

/// `true` or `false`.
pub struct Flag;

impl Form<bool> for Flag {
    fn allowed(&self) -> String {
        "true or false".to_owned()
    }
    fn read(&self, at: At<'_, '_>) -> Option<bool> {
        let parse = |text: &str| match text {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        };
        let suggest = |text: &str| match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "1" | "y" => Some("true".to_owned()),
            "no" | "off" | "0" | "n" => Some("false".to_owned()),
            other => near::nearest(other, ["true", "false"]).map(str::to_owned),
        };
        at.parse(parse, suggest)
    }
    fn show(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// A quantity with its unit.
pub struct Quantity<T> {
    /// Whether zero is allowed beside what stands between the bounds.
    pub zero: bool,
    /// The least.
    pub least: T,
    /// The most.
    pub most: T,
}

impl<T: Unit> Quantity<T> {
    /// Any one, zero included.
    pub const ANY: Quantity<T> = Quantity::up_to(T::MOST);

    /// At most `most`, zero included.
    #[must_use]
    pub const fn up_to(most: T) -> Quantity<T> {
        Quantity {
            zero: true,
            least: T::LEAST,
            most,
        }
    }

    /// Above zero, at most `most`.
    #[must_use]
    pub const fn above_zero(most: T) -> Quantity<T> {
        Quantity::within(T::LEAST, most)
    }

    /// From `least` to `most`.
    #[must_use]
    pub const fn within(least: T, most: T) -> Quantity<T> {
        Quantity {
            zero: false,
            least,
            most,
        }
    }

    /// Whether `value` is one of them.
    pub fn contains(&self, value: &T) -> bool {
        (self.least..=self.most).contains(value) || self.zero && *value < T::LEAST
    }
}

impl<T: Unit> Form<T> for Quantity<T> {
    fn allowed(&self) -> String {
        let (low, high) = (self.least > T::LEAST, self.most < T::MOST);
        let zero = if self.zero && low { "0, or " } else { "" };
        match (low, high) {
            (true, true) => format!("{zero}{} to {}", self.least.shown(), self.most.shown()),
            (true, false) => format!("{zero}{}, at least {}", T::WHAT, self.least.shown()),
            (false, high) => {
                let above = if self.zero { "" } else { ", above 0" };
                let most = if high {
                    format!(", at most {}", self.most.shown())
                } else {
                    String::new()
                };
                format!("{}{above}{most}", T::WHAT)
            }
        }
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        at.parse(
            |text| text.parse().ok().filter(|value| self.contains(value)),
            |text| near::unit(text, T::UNITS),
        )
    }
    fn show(&self, value: &T) -> String {
        value.shown()
    }
}

/// One line of text of at most so many characters: no control characters.
pub struct Line(pub usize, pub &'static str);

impl Line {
    /// Any text.
    #[must_use]
    pub const fn text(limit: usize) -> Line {
        Line(limit, "one line of text")
    }
}

impl<T: From<String> + AsRef<str>> Form<T> for Line {
    fn allowed(&self) -> String {
        format!("{}, up to {} characters", self.1, self.0)
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        let good = |text: &str| {
            let long = text.chars().nth(self.0).is_some();
            (!text.is_empty() && !long && !text.contains(char::is_control)).then(|| text.to_owned().into())
        };
        at.parse(good, |_| None)
    }
    fn show(&self, value: &T) -> String {
        format!("`{}`", value.as_ref())
    }
}

/// What must hold of a name, in words and in fact.
pub type Rule = (&'static str, fn(&str) -> bool);

/// A name: letters, digits and some other characters.
pub struct Plain {
    /// Most characters.
    pub limit: usize,
    /// The other characters.
    pub others: &'static str,
    /// What else must hold, in words and in fact.
    pub rule: Option<Rule>,
}

/// A name of digits would be taken for an index in `--set`.
pub fn not_only_digits(text: &str) -> bool {
    !text.chars().all(|c| c.is_ascii_digit())
}

impl Form<String> for Plain {
    fn allowed(&self) -> String {
        let mut parts = vec!["letters".to_owned(), "digits".to_owned()];
        parts.extend(self.others.chars().map(|other| format!("`{other}`")));
        let last = parts.pop().unwrap_or_default();
        let rule = self.rule.map_or(String::new(), |(words, _)| format!(", {words}"));
        format!("{} and {last}, up to {}{rule}", parts.join(", "), self.limit)
    }
    fn read(&self, at: At<'_, '_>) -> Option<String> {
        let good = |text: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || self.others.contains(c);
            let ruled = self.rule.is_none_or(|(_, rule)| rule(text));
            ((1..=self.limit).contains(&text.len()) && text.chars().all(plain) && ruled).then(|| text.to_owned())
        };
        at.parse(good, |_| None)
    }
}

/// Text of any number of lines, as a terminal may print it.
pub struct Prose;

impl Form<String> for Prose {
    fn allowed(&self) -> String {
        "text without control characters".to_owned()
    }
    fn read(&self, at: At<'_, '_>) -> Option<String> {
        at.parse(|text| printable(text).then(|| text.to_owned()), |_| None)
    }
}

/// Text that a function of its own takes apart.
pub struct Parsed<T> {
    /// What is allowed.
    pub allowed: &'static str,
    /// The value of a text.
    pub parse: fn(&str) -> Option<T>,
    /// What a wrong text was probably meant to be.
    pub near: fn(&str) -> Option<String>,
    /// A value as it may be written.
    pub show: fn(&T) -> String,
}

impl<T> Form<T> for Parsed<T> {
    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        at.parse(self.parse, self.near)
    }
    fn show(&self, value: &T) -> String {
        (self.show)(value)
    }
}

/// A value that its reader takes apart: lists, and maps of names that are the user's. Maps with keys of ours in it
/// have those of the sections.
pub struct Tree(pub &'static str, pub &'static [&'static dyn Section]);

impl Form<()> for Tree {
    fn allowed(&self) -> String {
        self.0.to_owned()
    }
    fn read(&self, _at: At<'_, '_>) -> Option<()> {
        Some(())
    }
    fn maps(&self) -> &'static [&'static dyn Section] {
        self.1
    }
}

/// A map with the keys of these sections.
pub struct Map(pub &'static [&'static dyn Section]);

/// The same, or one of some words.
pub struct WordOrMap<T: 'static>(pub &'static [(&'static str, T)], pub &'static [&'static dyn Section]);

fn map_of(sections: &'static [&'static dyn Section]) -> String {
    let keys: Vec<_> = sections.iter().flat_map(|section| section.keys()).collect();
    match (keys.len(), sections) {
        (0..=6, _) => format!("a map of {}", and(keys.iter().map(|key| key.name().to_owned()))),
        (_, [section, ..]) => format!("a map of {} keys", section.name()),
        _ => String::new(),
    }
}

impl Form<()> for Map {
    fn allowed(&self) -> String {
        map_of(self.0)
    }
    fn read(&self, _at: At<'_, '_>) -> Option<()> {
        Some(())
    }
    fn maps(&self) -> &'static [&'static dyn Section] {
        self.0
    }
}

impl<T: Copy + PartialEq + Sync> Form<T> for WordOrMap<T> {
    fn allowed(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|(word, _)| *word).collect();
        format!("{}, or {}", words.join(", "), map_of(self.1))
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        at.word(self.0)
    }
    fn show(&self, value: &T) -> String {
        Words(self.0).show(value)
    }
    fn maps(&self) -> &'static [&'static dyn Section] {
        self.1
    }
}

/// `a, b or c`.
pub fn or(parts: impl Iterator<Item = String>) -> String {
    joined(parts, "or")
}

/// `a, b and c`.
pub fn and(parts: impl Iterator<Item = String>) -> String {
    joined(parts, "and")
}

fn joined(parts: impl Iterator<Item = String>, word: &str) -> String {
    let mut parts: Vec<String> = parts.collect();
    match parts.pop() {
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} {word} {last}", parts.join(", ")),
        None => String::new(),
    }
}

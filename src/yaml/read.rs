//! Typed getters over a tree that record a mistake and go on.
//!
//! Contract: a getter returns `None` for a key that is absent or whose value is wrong; the latter
//! is recorded, once, with what the key's table entry allows. So a reader fills placeholders, goes
//! on to the end, and its result counts only when nothing was recorded.
//!
//! The tables ([`Section`], [`Key`]) are at the same time the source of the documentation's tables
//! and of the suggestions.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::tree::{Name, Node, Value};
use super::{Finding, MAX_FINDINGS, Place, near, shown};
use crate::units::{BitRate, Bytes, Picos};

/// A key of a map: what the documentation says of it, and what mistakes are answered with.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What is allowed as its value.
    pub allowed: &'static str,
    /// The default in words, or `required`.
    pub default: &'static str,
    /// What it means, in a line.
    pub doc: &'static str,
}

/// A table entry, in the order name, allowed, default, meaning.
#[must_use]
pub const fn key(name: &'static str, allowed: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        allowed,
        default,
        doc,
    }
}

/// The keys of one kind of map.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Name in the documentation's markers.
    pub name: &'static str,
    /// The keys.
    pub keys: &'static [Key],
    /// Maps inside this one, to find a key that was written one level too high.
    pub inside: &'static [(&'static str, &'static Section)],
}

impl Section {
    fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The table as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut table = String::from("| key | allowed | default | meaning |\n|---|---|---|---|\n");
        for key in self.keys {
            let cell = |text: &str| text.replace('|', "\\|");
            table += &format!(
                "| `{}` | {} | {} | {} |\n",
                key.name,
                cell(key.allowed),
                cell(key.default),
                cell(key.doc)
            );
        }
        table
    }
}

/// A quantity whose text has a unit.
pub trait Unit: FromStr {
    /// The units, for suggestions.
    const UNITS: &'static [&'static str];
}

impl Unit for Picos {
    const UNITS: &'static [&'static str] = &["ps", "ns", "us", "ms", "s", "min", "h"];
}

impl Unit for Bytes {
    const UNITS: &'static [&'static str] = &["B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"];
}

impl Unit for BitRate {
    const UNITS: &'static [&'static str] = &["bps", "kbps", "Mbps", "Gbps", "Tbps"];
}

/// A whole number: decimal, `0x…` or `0o…`, underscores allowed.
#[must_use]
pub fn parse_int(text: &str) -> Option<u64> {
    let digits = text.trim().replace('_', "");
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (digits.get(2..)?, 16),
        Some("0o") => (digits.get(2..)?, 8),
        _ => (digits.as_str(), 10),
    };
    // `from_str_radix` takes a sign, which none of our numbers has.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// Whether text has no control characters but line ends and is not absurdly long. YAML's escapes
/// (`"\e[2J"`) bring in what the text itself may not hold.
#[must_use]
pub fn printable(text: &str) -> bool {
    text.len() <= 10_000 && !text.contains(|c: char| c.is_control() && c != '\n')
}

/// Where mistakes are collected.
#[derive(Debug, Default)]
pub struct Reader {
    findings: RefCell<Vec<Finding>>,
}

impl Reader {
    /// A reader that goes on from `findings`.
    #[must_use]
    pub fn new(findings: Vec<Finding>) -> Reader {
        Reader {
            findings: RefCell::new(findings),
        }
    }

    /// Records a mistake.
    pub fn report(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    /// All that was recorded.
    #[must_use]
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }

    /// Whether nothing was recorded so far.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.findings.borrow().is_empty()
    }

    /// Looking for near misses is the one costly thing; nobody reads the thousandth.
    fn suggests(&self) -> bool {
        self.findings.borrow().len() < MAX_FINDINGS
    }

    /// `node` as a map with the keys of `sections`; `what` names it in messages. Unknown keys and
    /// keys without a value are recorded here.
    pub fn fields<'r>(&'r self, node: &'r Node, what: impl Into<String>, sections: &[&'static Section]) -> Fields<'r> {
        let what = what.into();
        let (entries, broken) = match &node.value {
            Value::Map(entries) => (entries.as_slice(), false),
            _ => {
                let finding = Finding::new(node.place, format!("{what} is {}", node.is_a()));
                let keys: Vec<_> = sections
                    .iter()
                    .flat_map(|section| section.keys)
                    .map(|key| key.name)
                    .collect();
                self.report(finding.allowed(format!("a map of {}", keys.join(", "))));
                (&[][..], true)
            }
        };
        let fields = Fields {
            reader: self,
            place: node.place,
            what,
            entries,
            sections: sections.to_vec(),
            broken,
        };
        for (name, value) in entries {
            match fields.key(&name.text) {
                None => fields.report_unknown(name),
                Some(key) if value.value == Value::Null => {
                    let finding = Finding::new(name.place, format!("`{}` has no value", key.name));
                    self.report(finding.allowed(key.allowed));
                }
                Some(_) => {}
            }
        }
        fields
    }
}

/// A map's values, by key.
#[derive(Debug)]
pub struct Fields<'r> {
    reader: &'r Reader,
    place: Place,
    what: String,
    entries: &'r [(Name, Node)],
    sections: Vec<&'static Section>,
    broken: bool,
}

impl<'r> Fields<'r> {
    /// Where the map begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// The reader that this map belongs to.
    #[must_use]
    pub fn reader(&self) -> &'r Reader {
        self.reader
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.sections.iter().find_map(|section| section.find(name))
    }

    fn entry(&self, key: &str) -> Option<&'r (Name, Node)> {
        debug_assert!(self.key(key).is_some(), "`{key}` is in no table of {}", self.what);
        self.entries.iter().find(|(name, _)| name.text == key)
    }

    fn report_unknown(&self, name: &Name) {
        let mut finding = Finding::new(
            name.place,
            format!("unknown key `{}` in {}", shown(&name.text, 60), self.what),
        );
        if self.reader.suggests() {
            let here = || self.sections.iter().flat_map(|section| section.keys);
            let inside = || self.sections.iter().flat_map(|section| section.inside);
            let exact = inside().find_map(|(outer, section)| {
                let key = section.find(&name.text)?;
                Some(format!("{outer}: {{{}: …}}", key.name))
            });
            let near = || near::nearest(&name.text, here().map(|key| key.name)).map(str::to_owned);
            finding = finding.suggest(exact.or_else(near));
            if name.text == "<<" {
                finding.what += " (merge keys are not part of YAML 1.2)";
            }
            let names: Vec<_> = here().map(|key| key.name).collect();
            finding = finding.allowed(names.join(", "));
        }
        self.reader.report(finding);
    }

    /// Whether the key is there, rightly or wrongly.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The place of the key's value, or of the map where the key is absent.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Place {
        self.entry(key).map_or(self.place, |(_, node)| node.place)
    }

    /// The key's value, of any type.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'r Node> {
        let (_, node) = self.entry(key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Records that the value of `key` is wrong, at `place`, with what the table allows.
    pub fn bad(&self, key: &str, place: Place, found: &str, suggestion: Option<String>) {
        let allowed = self.key(key).map_or("", |key| key.allowed);
        let finding = Finding::new(place, format!("`{key}` is {found}")).allowed(allowed);
        self.reader.report(finding.suggest(suggestion));
    }

    /// Records a mistake at the value of `key`.
    pub fn wrong(&self, key: &str, what: impl Into<String>) {
        self.reader.report(Finding::new(self.place_of(key), what));
    }

    /// Records that the map lacks something, unless it is no map at all.
    pub fn missing(&self, what: &str) {
        if !self.broken {
            self.reader
                .report(Finding::new(self.place, format!("{} needs {what}", self.what)));
        }
    }

    /// Records when `key` is absent.
    pub fn require(&self, key: &str) {
        if !self.has(key) && !self.broken {
            let finding = Finding::new(self.place, format!("{} needs `{key}`", self.what));
            self.reader
                .report(finding.allowed(self.key(key).map_or("", |key| key.allowed)));
        }
    }

    /// Records when `key` is there although it means nothing here.
    pub fn refuse(&self, key: &str, why: &str) {
        if let Some((name, _)) = self.entry(key) {
            self.reader.report(Finding::new(name.place, format!("`{key}` {why}")));
        }
    }

    /// Records when both keys are there, at the one that comes later.
    pub fn exclude(&self, one: &str, other: &str) {
        if let (Some((a, _)), Some((b, _))) = (self.entry(one), self.entry(other)) {
            let later = if a.place > b.place { a } else { b };
            let what = format!("`{one}` and `{other}` exclude each other; leave one out");
            self.reader.report(Finding::new(later.place, what));
        }
    }

    /// The key's text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&'r str> {
        let node = self.get(key)?;
        if node.text().is_none() {
            self.bad(key, node.place, node.is_a(), None);
        }
        node.text()
    }

    /// The key's text as something else; `suggest` is asked when it is not that.
    pub fn parse<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        suggest: impl FnOnce(&str) -> Option<String>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let value = parse(text.trim());
        if value.is_none() {
            let suggestion = if self.reader.suggests() { suggest(text) } else { None };
            self.bad(key, self.place_of(key), &format!("`{}`", shown(text, 60)), suggestion);
        }
        value
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&'static str, T)]) -> Option<T> {
        debug_assert!(
            words
                .iter()
                .all(|(word, _)| self.key(key).is_some_and(|key| key.allowed.contains(word))),
            "the table of `{key}` names every word"
        );
        let find = |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let suggest = |text: &str| near::nearest(text, words.iter().map(|(word, _)| *word)).map(str::to_owned);
        self.parse(key, find, suggest)
    }

    /// A whole number within `range`.
    pub fn int<T: TryFrom<u64>>(&self, key: &str, range: RangeInclusive<u64>) -> Option<T> {
        debug_assert!(
            *range.end() > u64::from(u32::MAX)
                || self
                    .key(key)
                    .is_some_and(|key| key.allowed.contains(&range.end().to_string())),
            "the table of `{key}` names the largest value {}",
            range.end()
        );
        let parse = |text: &str| {
            let value = parse_int(text).filter(|value| range.contains(value))?;
            T::try_from(value).ok()
        };
        self.parse(key, parse, |_| None)
    }

    /// A number within `range`.
    pub fn number(&self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let parse = |text: &str| {
            let value: f64 = text.replace('_', "").parse().ok()?;
            range.contains(&value).then_some(value)
        };
        self.parse(key, parse, |_| None)
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str) -> Option<bool> {
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
        self.parse(key, parse, suggest)
    }

    /// A quantity with its unit, that `check` accepts.
    pub fn unit<T: Unit>(&self, key: &str, check: impl FnOnce(&T) -> bool) -> Option<T> {
        let parse = |text: &str| text.parse().ok().filter(check);
        self.parse(key, parse, |text| near::unit(text, T::UNITS))
    }

    /// One line of free text: no control characters, at most `limit` characters.
    pub fn line(&self, key: &str, limit: usize) -> Option<String> {
        let good = |text: &str| {
            let long = text.chars().nth(limit).is_some();
            (!text.is_empty() && !long && !text.contains(char::is_control)).then(|| text.to_owned())
        };
        self.parse(key, good, |_| None)
    }

    /// Free text of any number of lines, as a terminal may print it.
    pub fn prose(&self, key: &str) -> Option<String> {
        self.parse(key, |text| printable(text).then(|| text.to_owned()), |_| None)
    }

    /// The key's list, with each element's node; a single value counts as a list of one.
    #[must_use]
    pub fn list(&self, key: &str) -> Option<&'r [Node]> {
        let node = self.get(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => Some(std::slice::from_ref(node)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    const INNER: Section = Section {
        name: "inner",
        keys: &[key("depth", "1 to 9", "1", "how deep")],
        inside: &[],
    };
    const OUTER: Section = Section {
        name: "outer",
        keys: &[
            key("size", "bytes", "required", "how big"),
            key("count", "1 to 10", "1", "how many"),
            key("mode", "fast or slow", "fast", "which"),
            key("on", "true or false", "false", "whether"),
            key("inner", "a map", "none", "more"),
        ],
        inside: &[("inner", &INNER)],
    };

    fn read<T>(text: &str, read: impl FnOnce(&Fields<'_>) -> T) -> (T, Vec<String>) {
        let mut findings = Vec::new();
        let place = |mark: &saphyr_parser::Marker| Place::Text {
            line: mark.line(),
            column: mark.col() + 1,
        };
        let node = tree::parse(text, place, &mut findings).expect("the tests' texts are YAML");
        let reader = Reader::new(findings);
        let value = read(&reader.fields(&node, "the outer map", &[&OUTER]));
        let found = reader.into_findings();
        (value, found.into_iter().map(|finding| format!("{finding:?}")).collect())
    }

    #[test]
    fn good_values_are_typed() {
        let ((size, count, mode, on), found) = read("{size: 1KiB, count: 0xA, mode: slow, on: true}", |fields| {
            (
                fields.unit::<Bytes>("size", |_| true),
                fields.int::<u8>("count", 1..=10),
                fields.word("mode", &[("fast", 1), ("slow", 2)]),
                fields.flag("on"),
            )
        });
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(
            (size, count, mode, on),
            (Some(Bytes(1024)), Some(10), Some(2), Some(true))
        );
    }

    #[test]
    fn every_wrong_value_is_recorded_once_with_what_is_allowed() {
        let (_, found) = read(
            "{size: 1kib, count: 11, mode: fsat, on: yes, depth: 3, sice: 1}",
            |fields| {
                fields.unit::<Bytes>("size", |_| true);
                fields.int::<u8>("count", 1..=10);
                fields.word("mode", &[("fast", 1), ("slow", 2)]);
                fields.flag("on");
            },
        );
        assert_eq!(found.len(), 6, "{found:#?}");
        for (index, parts) in [
            (0, ["unknown key `depth`", "inner: {depth: …}"]),
            (1, ["unknown key `sice`", "size"]),
            (2, ["`size` is `1kib`", "1KiB"]),
            (3, ["`count` is `11`", "1 to 10"]),
            (4, ["`mode` is `fsat`", "fast"]),
            (5, ["`on` is `yes`", "true"]),
        ] {
            assert!(parts.iter().all(|part| found[index].contains(part)), "{}", found[index]);
        }
    }

    #[test]
    fn missing_empty_and_misshapen_values_are_recorded() {
        let (_, found) = read("count:\nmode: [fast]\n", |fields| {
            fields.require("size");
            assert_eq!(fields.int::<u8>("count", 1..=10), None);
            assert_eq!(fields.word("mode", &[("fast", 1)]), None);
        });
        assert_eq!(found.len(), 3, "{found:#?}");
        let (_, found) = read("[1]", |fields| fields.require("size"));
        assert_eq!(found.len(), 1, "a list needs no keys: {found:#?}");
    }

    #[test]
    fn whole_numbers_have_no_sign_no_point_and_no_unit() {
        for (text, value) in [
            ("0", Some(0)),
            ("1_000", Some(1000)),
            ("0xFFff", Some(0xffff)),
            ("0o17", Some(15)),
            ("010", Some(10)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("+1", None),
            ("0x+1", None),
            ("1.0", None),
            ("1e3", None),
            ("", None),
            ("0x", None),
            ("µµ", None),
        ] {
            assert_eq!(parse_int(text), value, "{text}");
        }
    }
}

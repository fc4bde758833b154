//! Typed getters over a tree that record a mistake and go on.
//!
//! Contract: a getter returns `None` for a key that is absent or whose value is wrong; the latter
//! is recorded, once, with what the key's table entry allows. So a reader fills placeholders, goes
//! on to the end, and its result counts only when nothing was recorded.
//!
//! What a key is (its form, range and default) stands in its declaration: see [`super::key`].

use std::cell::RefCell;

use super::key::{Declared, Section, Typed};
use super::tree::{Name, Node, Value};
use super::{Finding, MAX_FINDINGS, Place, near, shown};

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
        let mut findings = self.findings.borrow_mut();
        // Who looks at a value twice has seen one mistake.
        if !findings.iter().rev().take(MAX_FINDINGS).any(|known| *known == finding) {
            findings.push(finding);
        }
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

    /// `node` as a map with the keys of `sections`; `what` names it in messages. Unknown keys, keys without a
    /// value and required ones that are absent are recorded here.
    pub fn fields<'r>(
        &'r self,
        node: &'r Node,
        what: impl Into<String>,
        sections: &[&'static dyn Section],
    ) -> Fields<'r> {
        self.fields_among(node, what, sections, &[])
    }

    /// The same where it is not known yet which of `others` has the map's further keys: they pass unread, and only
    /// a key that none of them has is unknown.
    pub fn fields_among<'r>(
        &'r self,
        node: &'r Node,
        what: impl Into<String>,
        sections: &[&'static dyn Section],
        others: &[&'static dyn Section],
    ) -> Fields<'r> {
        let what = what.into();
        let keys: Vec<_> = sections.iter().flat_map(|section| section.keys()).collect();
        let (entries, broken) = match &node.value {
            Value::Map(entries) => (entries.as_slice(), false),
            _ => {
                let finding = Finding::new(node.place, format!("{what} is {}", node.is_a()));
                let names: Vec<_> = keys.iter().map(|key| key.name()).collect();
                self.report(finding.allowed(format!("a map of {}", names.join(", "))));
                (&[][..], true)
            }
        };
        let fields = Fields {
            reader: self,
            place: node.place,
            what,
            entries,
            keys,
            broken,
        };
        let others: Vec<_> = others.iter().flat_map(|section| section.keys()).collect();
        for (name, value) in entries {
            match fields.keys.iter().find(|key| key.name() == name.text) {
                None if others.iter().any(|key| key.name() == name.text) => {}
                None => fields.report_unknown(name, &others),
                Some(key) if value.value == Value::Null => {
                    let finding = Finding::new(name.place, format!("`{}` has no value", key.name()));
                    self.report(finding.allowed(key.allowed()));
                }
                Some(_) => {}
            }
        }
        for key in fields.keys.iter().filter(|key| key.required()) {
            fields.require(*key);
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
    keys: Vec<&'static dyn Declared>,
    broken: bool,
}

/// The value of a key, as it stands there.
#[derive(Clone, Copy)]
pub struct At<'a, 'r> {
    /// The map.
    pub fields: &'a Fields<'r>,
    /// The key.
    pub key: &'a dyn Declared,
    /// The value.
    pub node: &'r Node,
    /// What a wrong value was probably meant to be, where its form does not know better.
    pub near: Option<&'static str>,
}

impl<'r> At<'_, 'r> {
    /// The text as something else; `suggest` is asked when it is not that.
    pub fn parse<T>(
        self,
        parse: impl FnOnce(&str) -> Option<T>,
        suggest: impl FnOnce(&str) -> Option<String>,
    ) -> Option<T> {
        let Some(text) = self.node.text() else {
            self.bad(self.node.is_a(), None);
            return None;
        };
        let value = parse(text.trim());
        if value.is_none() {
            let suggests = self.fields.reader.suggests();
            let suggestion = if suggests { suggest(text) } else { None };
            self.bad(
                &format!("`{}`", shown(text, 60)),
                suggestion.or(self.near.map(str::to_owned)),
            );
        }
        value
    }

    /// One of some words.
    pub fn word<T: Copy>(self, words: &[(&'static str, T)]) -> Option<T> {
        let find = |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let suggest = |text: &str| near::nearest(text, words.iter().map(|(word, _)| *word)).map(str::to_owned);
        self.parse(find, suggest)
    }

    /// Records that the value is wrong, with what is allowed.
    pub fn bad(self, found: &str, suggestion: Option<String>) {
        self.fields.bad(self.key, self.node.place, found, suggestion);
    }
}

/// The value of a key that is a map or something shorter.
#[derive(Debug)]
pub enum MapOr<'r, T> {
    /// The map.
    Map(Fields<'r>),
    /// What stands for one.
    Value(T),
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

    fn entry(&self, key: &dyn Declared) -> Option<&'r (Name, Node)> {
        let name = key.name();
        debug_assert!(
            self.keys.iter().any(|known| known.name() == name),
            "`{name}` is no key of {}",
            self.what
        );
        self.entries.iter().find(|(entry, _)| entry.text == name)
    }

    fn report_unknown(&self, name: &Name, others: &[&'static dyn Declared]) {
        let mut finding = Finding::new(
            name.place,
            format!("unknown key `{}` in {}", shown(&name.text, 60), self.what),
        );
        if self.reader.suggests() {
            let here = || self.keys.iter().chain(others);
            let maps = || here().flat_map(|outer| outer.maps().iter().map(move |section| (outer, section)));
            let exact = maps().find_map(|(outer, section)| {
                let key = section.keys().into_iter().find(|key| key.name() == name.text)?;
                Some(format!("{}: {{{}: …}}", outer.name(), key.name()))
            });
            let near = || near::nearest(&name.text, here().map(|key| key.name())).map(str::to_owned);
            finding = finding.suggest(exact.or_else(near));
            if name.text == "<<" {
                finding.what += " (merge keys are not part of YAML 1.2)";
            }
            // The keys of maps that this one may not be would be a long list of little use.
            if others.is_empty() {
                let names: Vec<_> = self.keys.iter().map(|key| key.name()).collect();
                finding = finding.allowed(names.join(", "));
            }
        }
        self.reader.report(finding);
    }

    /// What the key's declaration makes of its value, or of its absence.
    #[must_use]
    pub fn get<K: Typed>(&self, key: &K) -> K::Value {
        key.value(self.given(key))
    }

    /// The key's value where it is there and right, whatever the default.
    #[must_use]
    pub fn given<K: Typed>(&self, key: &K) -> Option<K::Given> {
        key.form().read(self.at(key, self.node(key)?))
    }

    /// The key's value, or a part of it, for a [`super::key::Form`].
    #[must_use]
    pub fn at<'a>(&'a self, key: &'a dyn Declared, node: &'r Node) -> At<'a, 'r> {
        let (fields, near) = (self, None);
        At {
            fields,
            key,
            node,
            near,
        }
    }

    /// Sets `place` to the key's value, where that is there and right.
    pub fn set<K: Typed>(&self, key: &K, place: &mut K::Given) {
        if let Some(value) = self.given(key) {
            *place = value;
        }
    }

    /// The key's value, of any type.
    #[must_use]
    pub fn node(&self, key: &dyn Declared) -> Option<&'r Node> {
        let (_, node) = self.entry(key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// The map that the key's value is.
    #[must_use]
    pub fn map(&self, key: &dyn Declared) -> Option<Fields<'r>> {
        Some(
            self.reader
                .fields(self.node(key)?, format!("`{}`", key.name()), key.maps()),
        )
    }

    /// The map that the key's value is, or an empty one of its keys.
    #[must_use]
    pub fn map_or_empty(&self, key: &dyn Declared) -> Fields<'r> {
        self.map(key).unwrap_or_else(|| self.without(key))
    }

    /// An empty map of the key's keys: all that it says is its defaults.
    #[must_use]
    pub fn without(&self, key: &dyn Declared) -> Fields<'r> {
        Fields {
            reader: self.reader,
            place: self.place,
            what: format!("`{}`", key.name()),
            entries: &[],
            keys: key.maps().iter().flat_map(|section| section.keys()).collect(),
            broken: false,
        }
    }

    /// The map that the key's value is, or what stands for one.
    #[must_use]
    pub fn map_or<K: Typed>(&self, key: &K) -> Option<MapOr<'r, K::Given>> {
        match self.node(key)?.value {
            Value::Map(_) => self.map(key).map(MapOr::Map),
            _ => self.given(key).map(MapOr::Value),
        }
    }

    /// The key's list of `least` to `most` values; empty where it is none, which is recorded.
    #[must_use]
    pub fn items(&self, key: &dyn Declared, sizes: std::ops::RangeInclusive<usize>) -> &'r [Node] {
        let Some(node) = self.node(key) else { return &[] };
        match &node.value {
            Value::List(items) if sizes.contains(&items.len()) => items,
            Value::List(items) => {
                self.bad(key, node.place, &format!("a list of {}", items.len()), None);
                &[]
            }
            _ => {
                self.bad(key, node.place, node.is_a(), None);
                &[]
            }
        }
    }

    /// Whether the key is there, rightly or wrongly.
    #[must_use]
    pub fn has(&self, key: &dyn Declared) -> bool {
        self.entry(key).is_some()
    }

    /// The place of the key's value, or of the map where the key is absent.
    #[must_use]
    pub fn place_of(&self, key: &dyn Declared) -> Place {
        self.entry(key).map_or(self.place, |(_, node)| node.place)
    }

    /// Records that the value of `key` is wrong, at `place`, with what is allowed.
    pub fn bad(&self, key: &dyn Declared, place: Place, found: &str, suggestion: Option<String>) {
        let finding = Finding::new(place, format!("`{}` is {found}", key.name())).allowed(key.allowed());
        self.reader.report(finding.suggest(suggestion));
    }

    /// Records a mistake at the value of `key`.
    pub fn wrong(&self, key: &dyn Declared, what: impl Into<String>) {
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
    pub fn require(&self, key: &dyn Declared) {
        if !self.has(key) && !self.broken {
            let finding = Finding::new(self.place, format!("{} needs `{}`", self.what, key.name()));
            self.reader.report(finding.allowed(key.allowed()));
        }
    }

    /// Records when `key` is there although it means nothing here.
    pub fn refuse(&self, key: &dyn Declared, why: &str) {
        if let Some((name, _)) = self.entry(key) {
            self.reader
                .report(Finding::new(name.place, format!("`{}` {why}", key.name())));
        }
    }

    /// Records when both keys are there, at the one that comes later.
    pub fn exclude(&self, one: &dyn Declared, other: &dyn Declared) {
        if let (Some((a, _)), Some((b, _))) = (self.entry(one), self.entry(other)) {
            let later = if a.place > b.place { a } else { b };
            let what = format!(
                "`{}` and `{}` exclude each other; leave one out",
                one.name(),
                other.name()
            );
            self.reader.report(Finding::new(later.place, what));
        }
    }

    /// The key's text.
    #[must_use]
    pub fn text(&self, key: &dyn Declared) -> Option<&'r str> {
        let node = self.node(key)?;
        if node.text().is_none() {
            self.bad(key, node.place, node.is_a(), None);
        }
        node.text()
    }

    /// The key's list, with each element's node; a single value counts as a list of one.
    #[must_use]
    pub fn list(&self, key: &dyn Declared) -> Option<&'r [Node]> {
        let node = self.node(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => Some(std::slice::from_ref(node)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::{Flag, Int, Map, Quantity, Words};
    use super::super::key::keys;
    use super::super::tree;
    use super::*;
    use crate::units::Bytes;

    keys! {
        /// A map inside.
        pub INNER: Inner = "inner" {
            depth: u8, Int(1, 9), or 1, "how deep";
        }

        /// A map.
        pub OUTER: Outer = "outer" {
            size: Bytes, Quantity::<Bytes>::ANY, required, "how big";
            count: u8, Int(1, 10), or 1, "how many";
            mode: u8, Words(&[("fast", 1), ("slow", 2)]), or 1, "which";
            on: bool, Flag, or false, "whether";
            inner: (), Map(&[&INNER]), none, "more";
        }
    }

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
                fields.get(&OUTER.size),
                fields.get(&OUTER.count),
                fields.get(&OUTER.mode),
                fields.get(&OUTER.on),
            )
        });
        assert_eq!(found, Vec::<String>::new());
        assert_eq!((size, count, mode, on), (Some(Bytes(1024)), 10, 2, true));
    }

    #[test]
    fn every_wrong_value_is_recorded_once_with_what_is_allowed() {
        let (_, found) = read(
            "{size: 1kib, count: 11, mode: fsat, on: yes, depth: 3, sice: 1}",
            |fields| {
                assert_eq!(fields.get(&OUTER.size), None);
                assert_eq!(
                    (fields.get(&OUTER.count), fields.given(&OUTER.count)),
                    (1, None),
                    "the default"
                );
                assert_eq!(fields.given(&OUTER.mode), None);
                assert!(!fields.get(&OUTER.on), "the default");
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
            assert_eq!(fields.given(&OUTER.count), None);
            assert_eq!(fields.given(&OUTER.mode), None);
        });
        assert_eq!(found.len(), 3, "{found:#?}");
        let (_, found) = read("[1]", |_| ());
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

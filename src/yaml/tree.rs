//! A text as a tree whose every key and value knows its place.
//!
//! Contract: the tree is at most [`MAX_DEPTH`] deep and has at most [`MAX_NODES`] values, aliases
//! expanded, so that walking, cloning and dropping it is bounded; a key stands once in a map.
//!
//! Left out on purpose: types. Every scalar is text; what it should be is the reader's knowledge,
//! so `0x1234`, `"8"` and `50%` need no rules here. Only an empty value, `~` and `null` are special.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{Finding, MAX_DEPTH, MAX_NODES, Place};

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// A scalar's text.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the text.
    Map(Vec<(Name, Node)>),
}

/// A key of a map and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Where it begins.
    pub place: Place,
    /// The key.
    pub text: String,
}

impl Node {
    /// What kind of value this is, for messages.
    #[must_use]
    pub fn is_a(&self) -> &'static str {
        match &self.value {
            Value::Null => "empty",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The value of `key`, when this is a map that has it.
    #[must_use]
    pub fn child(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, when this is a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

impl Node {
    /// This map with what `other` says instead: a key of both has the other's value, or both their keys
    /// where both values are maps and the key is one of `deep`; `null` takes a key out.
    #[must_use]
    pub fn with(&self, other: &Node, deep: &[&str]) -> Node {
        let (Value::Map(own), Value::Map(others)) = (&self.value, &other.value) else {
            return other.clone();
        };
        let mut entries = own.clone();
        for (name, node) in others {
            let at = entries.iter().position(|(known, _)| known.text == name.text);
            match (at.and_then(|at| entries.get_mut(at)), &node.value) {
                (Some(_), Value::Null) => entries.retain(|(known, _)| known.text != name.text),
                (Some((_, known)), _) if deep.contains(&name.text.as_str()) => *known = known.with(node, &[]),
                (Some(known), _) => *known = (name.clone(), node.clone()),
                (None, Value::Null) => {}
                (None, _) => entries.push((name.clone(), node.clone())),
            }
        }
        Node {
            place: other.place,
            value: Value::Map(entries),
        }
    }
}

impl std::fmt::Display for Node {
    /// The value as YAML on one line, which reads back as the same value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Value::Null => f.write_str("null"),
            Value::Scalar(text) => scalar(f, text),
            Value::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => {
                f.write_str("{")?;
                for (index, (name, item)) in entries.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    scalar(f, &name.text)?;
                    f.write_str(": ")?;
                    item.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A scalar bare where it can be, else in double quotes.
fn scalar(f: &mut std::fmt::Formatter<'_>, text: &str) -> std::fmt::Result {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._%+-/ ".contains(c);
    let bare = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '%')
        && text.chars().all(inner)
        && !text.eq_ignore_ascii_case("null");
    if bare {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') => {
                write!(f, "\\u{:04x}", u32::from(c))?;
            }
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// Parses one YAML document. `place` says where a mark of the parser is for the user.
///
/// Mistakes go to `findings`; `None` when the text cannot be understood from some place on.
pub fn parse(text: &str, place: impl Fn(&Marker) -> Place, findings: &mut Vec<Finding>) -> Option<Node> {
    // YAML 1.2.2 section 5.1; the scanner takes NUL for the end of the text and would drop the rest.
    if let Some(finding) = forbidden_character(text, &place) {
        findings.push(finding);
        return None;
    }
    let mut builder = Builder {
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
        findings,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let outcome = match event {
            Ok((Event::DocumentStart(_), span)) => {
                documents += 1;
                if documents > 1 {
                    let what = "a second document begins here; a file holds one";
                    Err(Finding::new(place(&span.start), what))
                } else {
                    Ok(())
                }
            }
            Ok((event, span)) => builder.take(event, place(&span.start)),
            Err(error) => Err(syntax_error(text, error.marker(), error.info(), &place)),
        };
        if let Err(finding) = outcome {
            builder.findings.push(finding);
            return None;
        }
    }
    Some(builder.root.unwrap_or(Node {
        place: place(&Marker::new(0, 1, 0)),
        value: Value::Null,
    }))
}

/// The parser's complaint, or the tab that is behind it: it names the scalar before the tab.
fn syntax_error(text: &str, mark: &Marker, info: &str, place: impl Fn(&Marker) -> Place) -> Finding {
    let lines = text.lines().enumerate().skip(mark.line().saturating_sub(1)).take(2);
    for (index, line) in lines {
        let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        if let Some(column) = indent.find('\t') {
            let place = place(&Marker::new(0, index + 1, column));
            return Finding::new(place, "a tab in the indentation").allowed("spaces");
        }
    }
    Finding::new(place(mark), format!("this is not YAML: {info}"))
}

fn forbidden_character(text: &str, place: impl Fn(&Marker) -> Place) -> Option<Finding> {
    let bad = |c: char| (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')) || c == '\u{fffe}';
    let (at, found) = text.char_indices().find(|&(_, c)| bad(c))?;
    let before = text.get(..at)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count());
    let what = format!("the control character U+{:04X} is not text", u32::from(found));
    Some(Finding::new(place(&Marker::new(at, line, column)), what))
}

/// A list or map whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    /// Values in it so far, itself included.
    nodes: usize,
    /// Levels below it so far.
    below: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<(Name, Node)>,
        seen: HashMap<String, Place>,
        key: Option<Name>,
    },
}

/// A finished value with an anchor, and what expanding it costs.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder<'a> {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    root: Option<Node>,
    findings: &'a mut Vec<Finding>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Finding> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null {
                    Value::Null
                } else {
                    Value::Scalar(text.into_owned())
                };
                self.add(Node { place, value }, anchor, 1, 0)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                self.begin(place, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                let content = Content::Map {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                };
                self.begin(place, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let value = match open.content {
                        Content::List(items) => Value::List(items),
                        Content::Map { entries, .. } => Value::Map(entries),
                    };
                    let node = Node {
                        place: open.place,
                        value,
                    };
                    self.add(node, open.anchor, open.nodes, open.below)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(anchored) => {
                    let (nodes, depth) = (anchored.nodes, anchored.depth);
                    // Before the clone: this is what stops an alias bomb.
                    self.nodes += nodes;
                    if self.nodes > MAX_NODES {
                        return Err(too_many(place));
                    }
                    if self.open.len() + depth > MAX_DEPTH {
                        return Err(too_deep(place));
                    }
                    let node = Node {
                        place,
                        value: anchored.node.value.clone(),
                    };
                    self.attach(node, nodes, depth)
                }
                None => Err(Finding::new(place, "an alias stands inside the value that it names")),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), Finding> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(place));
        }
        self.open.push(Open {
            place,
            anchor,
            nodes: 1,
            below: 0,
            content,
        });
        Ok(())
    }

    /// A value is finished: count it, remember it under its anchor, attach it.
    fn add(&mut self, node: Node, anchor: usize, nodes: usize, depth: usize) -> Result<(), Finding> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many(node.place));
        }
        if anchor != 0 {
            self.nodes += nodes;
            if self.nodes > MAX_NODES {
                return Err(too_many(node.place));
            }
            let node = node.clone();
            self.anchors.insert(anchor, Anchored { node, nodes, depth });
        }
        self.attach(node, nodes, depth)
    }

    fn attach(&mut self, node: Node, nodes: usize, depth: usize) -> Result<(), Finding> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.nodes += nodes;
        parent.below = parent.below.max(depth + 1);
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, seen, key } => match key.take() {
                None => *key = Some(name_of(node)?),
                Some(name) => match seen.get(&name.text) {
                    Some(first) => {
                        let mut what = format!("the key `{}` stands twice in one map", super::shown(&name.text, 60));
                        if let Place::Text { line, column } = first {
                            what += &format!(", first at {line}:{column}");
                        }
                        self.findings.push(Finding::new(name.place, what));
                    }
                    None => {
                        seen.insert(name.text.clone(), name.place);
                        entries.push((name, node));
                    }
                },
            },
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tagged: bool, place: Place) {
        if tagged {
            self.findings.push(Finding::new(
                place,
                "YAML tags (`!…`) have no meaning here; leave it out",
            ));
        }
    }
}

fn name_of(node: Node) -> Result<Name, Finding> {
    let text = match node.value {
        Value::Scalar(text) => text,
        Value::Null => "null".to_owned(),
        Value::List(_) | Value::Map(_) => {
            return Err(Finding::new(
                node.place,
                "a key must be a single word, not a list or a map",
            ));
        }
    };
    Ok(Name {
        place: node.place,
        text,
    })
}

fn too_deep(place: Place) -> Finding {
    Finding::new(
        place,
        format!("lists and maps are nested deeper than {MAX_DEPTH} levels"),
    )
}

fn too_many(place: Place) -> Finding {
    Finding::new(place, format!("more than {MAX_NODES} values, aliases expanded"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn at(mark: &Marker) -> Place {
        Place::Text {
            line: mark.line(),
            column: mark.col() + 1,
        }
    }

    fn tree(text: &str) -> (Option<Node>, Vec<(Place, String)>) {
        let mut findings = Vec::new();
        let node = parse(text, at, &mut findings);
        (
            node,
            findings
                .into_iter()
                .map(|finding| (finding.place, finding.what))
                .collect(),
        )
    }

    fn fails(text: &str, line: usize, column: usize, what: &str) {
        let (_, found) = tree(text);
        let hit = found
            .iter()
            .any(|(place, text)| *place == (Place::Text { line, column }) && text.contains(what));
        let start: String = text.chars().take(40).collect();
        assert!(hit, "{start:?}: {found:?}");
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let (node, found) = tree("a: 1\nb:\n  - x: [p, \"q\"]\n    y:\n");
        assert_eq!(found, []);
        let node = node.expect("good YAML");
        let Value::List(items) = &node.child("b").expect("b").value else {
            panic!("b is a list")
        };
        let Value::Map(entries) = &items[0].value else {
            panic!("a map")
        };
        let places: Vec<_> = entries.iter().map(|(name, node)| (name.place, node.place)).collect();
        let p = |line, column| Place::Text { line, column };
        assert_eq!(places[0], (p(3, 5), p(3, 8)));
        assert_eq!(places[1].0, p(4, 5));
        assert_eq!(entries[1].1.value, Value::Null);
        assert_eq!(node.child("a").and_then(Node::text), Some("1"));
    }

    #[test]
    fn an_empty_text_is_an_empty_value() {
        for text in ["", "# only a comment\n", "---\n", "\u{feff}"] {
            assert_eq!(tree(text).0.expect("no mistake").value, Value::Null, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_one_plain_document_is_refused_where_it_stands() {
        fails("a: 1\n\tb: 2\n", 2, 1, "a tab");
        fails("a:\n  b: 1\n \tc: 2\n", 3, 2, "a tab");
        fails("a: [1, 2\n", 2, 1, "not YAML");
        fails("a: 1\n---\nb: 2\n", 2, 1, "second document");
        fails("a: 1\nb: 2\na: 3\n", 3, 1, "first at 1:1");
        fails("a: !int 1\n", 1, 4, "tags");
        fails("? [a]\n: 1\n", 1, 3, "single word");
        fails("a: &x [*x]\n", 1, 8, "inside the value");
        fails("a: *x\n", 1, 4, "not YAML");
        fails("a: 1\nb: \0\nc: 2\n", 2, 4, "U+0000");
        fails("a: \u{1b}[2J\n", 1, 4, "U+001B");
    }

    #[test]
    fn bombs_are_refused_within_their_limits() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(tree(&nested(MAX_DEPTH)).1, []);
        fails(&nested(MAX_DEPTH + 1), 1, MAX_DEPTH + 1, "nested deeper");
        // The parser reads ahead and has a limit of its own.
        fails(&nested(100_000), 1, 256, "recursion limit");
        fails(&"- ".repeat(100_000), 1, 2 * MAX_DEPTH + 1, "nested deeper");

        let mut bomb = String::from("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
        for i in 1..20 {
            let alias = format!("*a{}", i - 1);
            bomb += &format!("a{i}: &a{i} [{}]\n", vec![alias; 10].join(", "));
        }
        let (node, found) = tree(&bomb);
        assert!(
            node.is_none() && found.iter().any(|(_, what)| what.contains("aliases expanded")),
            "{found:?}"
        );

        let mut ladder = String::from("a0: &a0 [1]\n");
        for i in 1..1000 {
            ladder += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
        }
        let (node, found) = tree(&ladder);
        assert!(
            node.is_none() && found.iter().any(|(_, what)| what.contains("deeper")),
            "{found:?}"
        );
    }

    #[test]
    fn aliases_stand_for_their_value() {
        let (node, found) = tree("a: &x {b: 1}\nc: *x\n");
        assert_eq!(found, []);
        let node = node.expect("good YAML");
        assert_eq!(
            node.child("c").and_then(|c| c.child("b")).and_then(Node::text),
            Some("1")
        );
    }

    /// What a value is, without its places.
    fn shape(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::Scalar(text) => format!("{text:?}"),
            Value::List(items) => format!("{:?}", items.iter().map(shape).collect::<Vec<_>>()),
            Value::Map(entries) => {
                let parts = entries.iter().map(|(name, item)| (&name.text, shape(item)));
                format!("{{{:?}}}", parts.collect::<Vec<_>>())
            }
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            any::<String>().prop_map(Value::Scalar),
            "[ a-z0-9:#,\\[\\]{}\"'%~-]{0,12}".prop_map(Value::Scalar),
            Just(Value::Null),
        ];
        let node = |value| Node {
            place: Place::START,
            value,
        };
        scalar.prop_recursive(3, 12, 4, move |inner| {
            let list = proptest::collection::vec(inner.clone().prop_map(node), 0..4).prop_map(Value::List);
            let map = proptest::collection::btree_map("[a-z: #]{1,6}", inner.prop_map(node), 0..4);
            let map = map.prop_map(|entries| {
                let named = entries.into_iter().map(|(text, node)| {
                    let name = Name {
                        place: Place::START,
                        text,
                    };
                    (name, node)
                });
                Value::Map(named.collect())
            });
            prop_oneof![list, map]
        })
    }

    proptest! {
        #[test]
        fn a_value_reads_back_as_it_was_written(value in any_value()) {
            let node = Node { place: Place::START, value };
            let text = node.to_string();
            prop_assert!(!text.contains('\n'));
            let (read, found) = tree(&text);
            let read = read.map(|read| shape(&read));
            prop_assert_eq!(read, Some(shape(&node)), "{} {:?}", text, found);
        }
    }

    #[test]
    fn plain_values_are_written_plainly() {
        for text in [
            "1MiB",
            "[0, 2-4]",
            "{config: CFG-B, context: 32768}",
            "100%",
            "null",
            "\"~\"",
            "\"- a\"",
        ] {
            assert_eq!(tree(text).0.map(|node| node.to_string()).as_deref(), Some(text));
        }
    }
}

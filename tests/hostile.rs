//! Texts that no one of good will writes: loading them must end soon, with an answer, and never
//! with a panic. The fuzz target does the same without end.

use proptest::prelude::*;
use squall::yaml::{MAX_FINDINGS, MAX_TEXT};
use squall::{pattern, sweep, testbed};

/// What the fuzz target calls too: both readers over the same text, overrides included.
fn load(text: &str, overrides: &[String]) {
    for outcome in [
        pattern::parse("hostile.yaml", text, overrides).map(|pattern| pattern.workers_needed()),
        testbed::parse("hostile.yaml", text, overrides).map(|_| 0),
        sweep::parse("hostile.yaml", text).map(|_| 0),
    ] {
        if let Err(errors) = outcome {
            assert!(!errors.items.is_empty() && errors.items.len() <= MAX_FINDINGS);
            let printed = errors.to_string();
            let obeyed = printed.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(obeyed, None, "control characters must not reach the terminal");
        }
    }
}

/// As much of `unit`, over and over, as a text may be long.
fn full(head: &str, unit: &str, tail: &str) -> String {
    let times = (MAX_TEXT - head.len() - tail.len()) / unit.len();
    format!("{head}{}{tail}", unit.repeat(times))
}

#[test]
fn the_longest_texts_are_answered() {
    let texts = [
        full("", "[", ""),
        full("", "{", ""),
        full("", "- ", ""),
        full("", "a: ", ""),
        full("", "? ", ""),
        full("", "&a ", ""),
        full("", "!!x ", ""),
        full("", "---\n", ""),
        full("", "#", ""),
        full("", "\n", ""),
        full("", "\t", ""),
        full("", "a\n", ""),
        full("", "é", ""),
        full("a: \"", "\\u0041", "\""),
        full("a: |\n", " x\n", ""),
        full("[", "x: y, ", "]"),
        full("traffic: [", "1, ", "]"),
        full("traffic: [", "{kind: incast}, ", "]"),
        full("traffic: [&a {kind: incast, message: 1, senders: 1}, ", "*a, ", "]"),
        full(
            "traffic: [{kind: pfc, from: 0, count: 1, interval: 1s, classes: [",
            "0-7, ",
            "]}]",
        ),
        full("traffic: [{kind: transfer, from: [", "0-65535, ", "]}]"),
        full(
            "traffic: [{kind: transfer, count: 1, message: 1, from: 0-65534, to: 65535, name: \"",
            "x",
            "\"}]",
        ),
        format!(
            "traffic: [&a {{kind: transfer, count: 1, message: 1, from: 0-65534, to: 65535}}, {}]",
            "*a, ".repeat(255)
        ),
        full("ports: [", "{device: net_ring0}, ", "]"),
        (0..60_000).map(|i| format!("key{i}: {i}\n")).collect(),
        (0..60_000).map(|i| format!("a: {i}\n")).collect(),
    ];
    for text in &texts {
        load(text, &[]);
    }
}

/// A change to a text; places are shares of its length.
#[derive(Debug, Clone)]
enum Edit {
    Insert(f64, String),
    Delete(f64, usize),
    /// Copies the lines around one place to another.
    Copy(f64, f64, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let words = prop_oneof![
        // What YAML and the readers find special.
        prop::sample::select(vec![
            ":",
            "-",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!str ",
            "? ",
            "|",
            ">",
            "\"",
            "'",
            "#",
            "---",
            "...",
            "<<: ",
            "~",
            "null",
            "0",
            "-1",
            "99999999999999999999",
            "1e309",
            "0x",
            "%",
            "/s",
            "Gbps",
            "GiB",
            "us",
            "max",
            "unlimited",
            "\t",
            "\n",
            "\r\n",
            "\u{0}",
            "\u{feff}",
            "\u{1b}[31m",
            "0-65535",
            "kind: pfc",
            "frame: ",
            "traffic:",
            "M1",
            "CFG-A",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ];
    prop_oneof![
        (0.0..1.0, words).prop_map(|(at, text)| Edit::Insert(at, text)),
        (0.0..1.0, 1..40usize).prop_map(|(at, length)| Edit::Delete(at, length)),
        (0.0..1.0, 0.0..1.0, 1..4usize).prop_map(|(from, to, lines)| Edit::Copy(from, to, lines)),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place within a short text"
)]
fn place(share: f64, length: usize) -> usize {
    (share * length as f64) as usize
}

fn apply(text: &str, edit: &Edit) -> String {
    let chars: Vec<char> = text.chars().collect();
    match edit {
        Edit::Insert(at, word) => {
            let (before, after) = chars.split_at(place(*at, chars.len()));
            before
                .iter()
                .chain(&word.chars().collect::<Vec<_>>())
                .chain(after)
                .collect()
        }
        Edit::Delete(at, length) => {
            let (before, after) = chars.split_at(place(*at, chars.len()));
            before.iter().chain(after.iter().skip(*length)).collect()
        }
        Edit::Copy(from, to, count) => {
            let lines: Vec<&str> = text.lines().collect();
            let from = place(*from, lines.len());
            let copied = lines.iter().skip(from).take(*count).copied();
            let to = place(*to, lines.len());
            let all = lines
                .iter()
                .take(to)
                .copied()
                .chain(copied)
                .chain(lines.iter().skip(to).copied());
            all.map(|line| format!("{line}\n")).collect()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_mutated_text_is_answered(
        which in 0..1000usize,
        edits in prop::collection::vec(edit(), 1..6),
    ) {
        let shipped = pattern::SHIPPED.iter().chain(testbed::SHIPPED).chain(sweep::SHIPPED);
        let shipped: Vec<&str> = shipped.map(|(_, text)| *text).collect();
        let text = shipped[which % shipped.len()];
        let text = edits.iter().fold(text.to_owned(), |text, edit| apply(&text, edit));
        load(&text, &[]);
    }

    #[test]
    fn any_text_and_any_override_are_answered(text in "\\PC{0,200}", overrides in prop::collection::vec("\\PC{0,40}", 0..4)) {
        load(&text, &overrides);
    }

    #[test]
    fn an_override_of_anything_is_answered(
        which in 0..1000usize,
        path in "(traffic|ports|eal|seed|frame|kv)(\\.(0|1|kv|incast|frame|vlan|from|kv_cache|message)){0,4}",
        value in prop_oneof!["[0-9a-z{}\\[\\]:, ]{0,20}", "\\PC{0,20}"],
    ) {
        let (_, text) = pattern::SHIPPED[which % pattern::SHIPPED.len()];
        load(text, &[format!("{path}={value}")]);
    }
}

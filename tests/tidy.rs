//! The rules of docs/ARCHITECTURE.md that a program can see: which part may know which, where
//! `unsafe` stands, how long a file may be, and that documents name files that are there.
//!
//! Contract: every rule is a function of a file's path and text, and is itself tested on a planted
//! violation. Left out on purpose: what rustc, clippy and rustfmt watch already.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// The parts of `src/`, each with what it may know beside itself.
const KNOWS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("files", &[]),
    ("wire", &["units"]),
    ("dpdk", &["units"]),
    ("devargs", &[]),
    ("yaml", &["units", "files"]),
    // Who starts a program keeps DPDK's descriptors from it.
    ("child", &["dpdk", "yaml"]),
    ("plot", &["units"]),
    ("capture", &["units"]),
    ("host", &["units", "wire", "dpdk", "devargs", "child"]),
    ("expect", &["yaml"]),
    // Of a frame's fields, and of nothing that is done with one.
    ("pattern", &["units", "yaml", "wire", "expect"]),
    // Files that a testbed names: what a peer has printed.
    ("testbed", &["units", "files", "yaml", "wire", "devargs"]),
    ("fabric", &["units", "wire", "testbed"]),
    ("plan", &["units", "wire", "pattern", "testbed"]),
    ("transport", &["units", "wire", "pattern", "plan"]),
    ("neighbour", &["units", "wire", "pattern", "testbed", "plan"]),
    (
        "measure",
        &["units", "wire", "pattern", "testbed", "plan", "transport", "neighbour"],
    ),
    (
        "engine",
        &[
            "units",
            "wire",
            "dpdk",
            "pattern",
            "testbed",
            "fabric",
            "plan",
            "transport",
            "neighbour",
            "measure",
        ],
    ),
    // Not the fabric: nothing that is reported rests on what the device under test says of itself.
    (
        "report",
        &[
            "units",
            "files",
            "dpdk",
            "expect",
            "plot",
            "pattern",
            "testbed",
            "plan",
            "transport",
            "measure",
            "engine",
            "host",
        ],
    ),
    (
        "trial",
        &[
            "units", "wire", "dpdk", "devargs", "host", "pattern", "testbed", "fabric", "plan", "measure", "engine",
            "report",
        ],
    ),
    // Of a trial under way, for who watches from outside.
    ("metrics", &["units", "engine", "report", "trial"]),
    (
        "calibrate",
        &["units", "files", "yaml", "pattern", "testbed", "report", "trial"],
    ),
    (
        "sweep",
        &[
            "units",
            "files",
            "child",
            "yaml",
            "expect",
            "plot",
            "pattern",
            "testbed",
            "fabric",
            "report",
            "trial",
            "calibrate",
        ],
    ),
    (
        "suite",
        &[
            "units",
            "files",
            "yaml",
            "expect",
            "plot",
            "pattern",
            "testbed",
            "fabric",
            "report",
            "trial",
            "calibrate",
            "sweep",
        ],
    ),
    // A sweep and a suite as calls; without flags and terminals.
    (
        "lab",
        &[
            "units", "child", "yaml", "pattern", "testbed", "fabric", "plan", "engine", "report", "trial", "sweep",
            "suite",
        ],
    ),
    // Of two results, whichever stage made them.
    (
        "compare",
        &["units", "files", "expect", "plot", "report", "sweep", "suite"],
    ),
    (
        "cli",
        &[
            "units",
            "files",
            "child",
            "wire",
            "dpdk",
            "yaml",
            "capture",
            "host",
            "expect",
            "pattern",
            "testbed",
            "fabric",
            "plan",
            "measure",
            "engine",
            "report",
            "trial",
            "calibrate",
            "sweep",
            "suite",
            "lab",
            "compare",
            "metrics",
        ],
    ),
];

/// Parts that are functions of their arguments: no clock, file, thread or output of their own.
const PURE: &[&str] = &[
    "units",
    "devargs",
    "wire",
    "fabric",
    "plan",
    "transport",
    "neighbour",
    "measure",
];

/// What such a part must not name.
const IMPURE: &[&str] = &[
    "std::time::Instant",
    "SystemTime",
    "std::fs",
    "std::thread",
    "std::env",
    "std::io",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
];

/// Lines of a file of `src/` without its tests: beyond it there is a second responsibility.
const LONGEST: usize = 700;

/// Folders whose files documents and comments name by path.
const FOLDERS: &[&str] = &[
    "src/",
    "docs/",
    "tests/",
    "scripts/",
    "patterns/",
    "testbeds/",
    "sweeps/",
    "suites/",
    "hooks/",
    "benches/",
    "fuzz/",
    "dpdk-sys/",
    ".ci/",
];

/// Where tests are skipped, and what looks for programs there.
const SKIP: &str = "tests/skip/mod.rs";

/// A file's code: comments and the contents of strings and characters are spaces, lines stay.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let blank = |out: &mut String, part: &str| out.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
    while let Some(first) = rest.chars().next() {
        let raw = rest.strip_prefix('r').and_then(|after| {
            let hashes = after.len() - after.trim_start_matches('#').len();
            let is_word = out.chars().last().is_some_and(|c| c.is_alphanumeric() || c == '_');
            (after[hashes..].starts_with('"') && !is_word).then_some(hashes)
        });
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw {
            let open = 2 + hashes;
            let close = format!("\"{}", "#".repeat(hashes));
            rest[open..]
                .find(&close)
                .map_or(rest.len(), |end| open + end + close.len())
        } else if first == '"' {
            string_end(rest)
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            let inner = if rest[1..].starts_with('\\') { 3 } else { 2 };
            rest.char_indices()
                .skip(inner)
                .find(|(_, c)| *c == '\'')
                .map_or(rest.len(), |(at, _)| at + 1)
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        blank(&mut out, &rest[..len]);
        rest = &rest[len..];
    }
    out
}

/// Length of the string literal that `text` begins with.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Words of `text` with their line numbers, separated by whatever no name contains.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .map(move |word| (index + 1, word))
    })
}

/// The part of `src/` that a file belongs to: `src/plan/lane.rs` and `src/plan.rs` to `plan`.
fn part_of(path: &str) -> Option<&str> {
    let part = path.strip_prefix("src/")?.split('/').next()?;
    let part = part.strip_suffix(".rs").unwrap_or(part);
    (!matches!(part, "lib" | "main")).then_some(part)
}

/// Names at the start of the paths in `tree`, which follows a `::`: one, or several in braces.
fn heads(tree: &str) -> Vec<&str> {
    let name = |text: &'_ str| text.len() - text.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
    let Some(inside) = tree.strip_prefix('{') else {
        return vec![&tree[..name(tree)]];
    };
    let (mut depth, mut start, mut found) = (0, true, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && !c.is_whitespace() => {
                start = false;
                found.push(&inside[at..at + name(&inside[at..])]);
            }
            _ => {}
        }
    }
    found
}

/// Parts that a file names, with line numbers: `crate::part`, `crate::{part, …}`, and as many
/// `super::` as lead to the root.
fn named_parts<'a>(path: &str, code: &'a str) -> Vec<(usize, &'a str)> {
    let folders = path.matches('/').count();
    let depth = if path.ends_with("/mod.rs") {
        folders - 1
    } else {
        folders
    };
    let supers = "super::".repeat(depth);
    let mut found = Vec::new();
    for (root, inner) in [("crate::", false), (supers.as_str(), true)] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().last().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || inner && code[..at].ends_with("super::") {
                continue;
            }
            let line = code[..at].lines().count().max(1);
            let tree = code[at + root.len()..].trim_start_matches("super::");
            let known = |part: &&str| KNOWS.iter().any(|(name, _)| name == part);
            let parts = heads(tree).into_iter().filter(|part| !inner || known(part));
            found.extend(parts.map(|part| (line, part)));
        }
    }
    found
}

fn imports(path: &str, text: &str) -> Vec<String> {
    let Some(part) = part_of(path) else { return Vec::new() };
    let Some((_, allowed)) = KNOWS.iter().find(|(name, _)| *name == part) else {
        return vec![format!(
            "{path}: `{part}` is new: say in tests/tidy.rs what it may know"
        )];
    };
    named_parts(path, &code(text))
        .into_iter()
        .filter(|(_, named)| *named != part && !allowed.contains(named))
        .map(|(line, named)| format!("{path}:{line}: `{part}` must not know `{named}`; it may know {allowed:?}"))
        .collect()
}

fn purity(path: &str, text: &str) -> Vec<String> {
    if !part_of(path).is_some_and(|part| PURE.contains(&part)) {
        return Vec::new();
    }
    let code = code(text);
    let lines = code.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            let named = IMPURE.iter().filter(move |word| line.contains(**word));
            named.map(move |word| format!("{path}:{}: `{word}` in a part that has only its arguments", index + 1))
        })
        .collect()
}

fn safety(path: &str, text: &str) -> Vec<String> {
    if path.starts_with("src/dpdk/") || path.starts_with("dpdk-sys/") {
        return Vec::new();
    }
    words(&code(text))
        .filter(|(_, word)| matches!(*word, "unsafe" | "unsafe_code"))
        .map(|(line, word)| format!("{path}:{line}: `{word}` outside src/dpdk/"))
        .collect()
}

fn length(path: &str, text: &str) -> Vec<String> {
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    if !path.starts_with("src/") || is_test {
        return Vec::new();
    }
    let body = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = body.lines().count();
    if lines <= LONGEST {
        return Vec::new();
    }
    vec![format!(
        "{path}: {lines} lines without tests; split it (at most {LONGEST})"
    )]
}

/// Skips of tests that do not go through [`SKIP`], which fails where CI has said that none is allowed: a line
/// that says so or a search for a program in a test, an ignored test, a step of scripts/test.sh that is taken
/// only where its program is.
fn skips(path: &str, text: &str) -> Vec<String> {
    let is_test = path.starts_with("tests/") && path.ends_with(".rs") && path != SKIP;
    let is_steps = path == "scripts/test.sh" || path.starts_with(".ci/");
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        let printed = ["println!(", "print!("].iter().any(|call| line.contains(call));
        // What is printed may stand in the next line.
        let said = format!("{line} {}", lines.get(index + 1).unwrap_or(&"")).to_lowercase();
        let leaves = |at: usize| {
            let next = lines.get(at).map_or("", |line| line.trim());
            next.starts_with("return;") || next.starts_with("return None;")
        };
        // The statement that prints ends some lines on.
        let end = (index..lines.len()).find(|at| lines[*at].trim_end().ends_with(';'));
        let complaint = if path.ends_with(".rs") && line.starts_with("#[ignore") {
            "an ignored test"
        } else if is_test && printed && said.contains("\"skip") {
            "a skip of its own"
        } else if is_test && printed && end.is_some_and(|end| leaves(end + 1)) {
            "a test that says something and leaves"
        } else if (is_test || is_steps) && !line.starts_with(['/', '#']) && line.contains("command -v") {
            "a search for a program"
        } else {
            continue;
        };
        found.push(format!(
            "{path}:{}: {complaint}: ask {SKIP} for what is needed, and let scripts/setup.sh install it",
            index + 1
        ));
    }
    found
}

/// Where a figure, or what a key allows or is by default, is said a second time.
fn twice(path: &str, text: &str) -> Vec<String> {
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    if !path.starts_with("src/") || is_test || path.starts_with("src/yaml/") || path == "src/expect/known.rs" {
        return Vec::new();
    }
    let body = text.split("#[cfg(test)]").next().unwrap_or(text);
    let mut found = Vec::new();
    // Names that are words of English too stand for much else.
    let distinct = |name: &str| name.contains(|c: char| c.is_ascii_uppercase() || c == '_');
    for known in squall::expect::known().filter(|known| distinct(known.name)) {
        let quoted = format!("\"{}\"", known.name);
        for (at, _) in body.match_indices(&quoted) {
            let before = body[..at].rsplit('\n').next().unwrap_or_default();
            if !before.trim_start().starts_with("//") {
                let line = body[..at].lines().count().max(1);
                found.push(format!(
                    "{path}:{line}: names {quoted} itself: take it from src/expect/known.rs"
                ));
            }
        }
    }
    if !body.contains("given(") {
        return found;
    }
    // Over the ends of lines: `fields.get(&KEY.x)` has the default already, and `given` is for who wants to know.
    let flat: String = code(body).split_whitespace().collect();
    for (at, _) in flat.match_indices(".given(&") {
        let call = &flat[at..];
        if call
            .split_once(')')
            .is_some_and(|(_, rest)| rest.starts_with(".unwrap_or("))
        {
            found.push(format!(
                "{path}: a default beside a key's own: {}",
                &call[..call.len().min(60)]
            ));
        }
    }
    found
}

/// Paths of this repository that a text names, with line numbers.
fn named_paths<'a>(path: &str, text: &'a str) -> Vec<(usize, PathBuf, &'a str)> {
    let mut found = Vec::new();
    let here = Path::new(path).parent().unwrap();
    for (index, line) in text.lines().enumerate() {
        if path.ends_with(".md") {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = link.split('#').next().unwrap_or_default();
                if !target.is_empty() && !link.contains("://") {
                    found.push((index + 1, here.join(target), target));
                }
            }
        }
        // In a program, only what its comments say: its strings may name what is yet to be made.
        let line = if path.ends_with(".rs") {
            &line[line.find("//").unwrap_or(line.len())..]
        } else {
            line
        };
        // By its path from the top; `/` before it is part of another path.
        for token in line.split(|c: char| !c.is_alphanumeric() && !"_./-".contains(c)) {
            let token = token.trim_end_matches('.');
            let has_extension = Path::new(token).extension().is_some();
            if has_extension && FOLDERS.iter().any(|folder| token.starts_with(folder)) {
                found.push((index + 1, PathBuf::from(token), token));
            }
        }
    }
    found
}

fn paths(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    named_paths(path, text)
        .into_iter()
        .filter(|(_, target, _)| !exists(target))
        .map(|(line, _, named)| format!("{path}:{line}: there is no {named}"))
        .collect()
}

/// Text files of the repository: path from the top, and text. `target` and what runs leave behind
/// are not of it.
fn files() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).unwrap() {
            let path = item.unwrap().path();
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                let skipped = [
                    "target",
                    "out",
                    "fuzz/target",
                    "fuzz/corpus",
                    "fuzz/artifacts",
                    ".git",
                    "tests/golden",
                ];
                if !skipped.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if ["rs", "md", "yaml", "toml", "sh", "c", "h"]
                .iter()
                .any(|ending| path.extension().is_some_and(|e| e == *ending))
            {
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 150, "{} files", found.len());
    found
}

fn assert_tidy(rule: impl Fn(&str, &str) -> Vec<String>, ending: &str) {
    let complaints: Vec<String> = files()
        .iter()
        // This file is full of planted violations.
        .filter(|(path, _)| path.ends_with(ending) && path != "tests/tidy.rs")
        .flat_map(|(path, text)| rule(path, text))
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn no_import_runs_backwards() {
    assert_tidy(imports, ".rs");
}

#[test]
fn parts_without_a_world_of_their_own_have_none() {
    assert_tidy(purity, ".rs");
}

#[test]
fn unsafe_stands_in_one_folder() {
    assert_tidy(safety, ".rs");
}

#[test]
fn files_have_one_responsibility() {
    assert_tidy(length, ".rs");
}

#[test]
fn documents_and_comments_name_files_that_are_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_tidy(|path, text| paths(path, text, |target| top.join(target).exists()), "");
}

#[test]
fn no_test_is_skipped_but_by_the_one_helper() {
    assert_tidy(skips, "");
    // `.ci/run` has no ending by which it would be found, and CI is where no test may be skipped.
    let ci = include_str!("../.ci/run");
    assert_eq!(skips(".ci/run", ci), [""; 0]);
    assert!(ci.contains("export SQUALL_NO_SKIP=1"), "{ci}");
}

#[test]
fn a_key_and_a_figure_are_said_once() {
    assert_tidy(twice, ".rs");
    // Each key that is declared is read, and by its declaration: there is no other way, but to forget it.
    let readers: Vec<(String, String)> = files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src/") && path.ends_with(".rs") && !path.contains("/keys"))
        .collect();
    let sections = [
        squall::pattern::keys::SECTIONS,
        squall::testbed::keys::SECTIONS,
        squall::sweep::keys::SECTIONS,
        squall::suite::keys::SECTIONS,
    ];
    let keys = sections.into_iter().flatten().flat_map(|section| section.keys());
    let mut seen = 0;
    for key in keys {
        let name = key.name();
        let field = [format!(".{name}"), format!(".r#{name}")];
        // A shared key is a constant of its name.
        let constant = name.to_uppercase();
        let is_read = readers.iter().any(|(_, text)| {
            let of_field = field.iter().any(|field| {
                text.match_indices(field.as_str()).any(|(at, _)| {
                    let before = text[..at].chars().last().unwrap_or(' ');
                    let after = text[at + field.len()..].chars().next().unwrap_or(' ');
                    (before.is_ascii_uppercase() || text[..at].ends_with("keys"))
                        && !(after.is_alphanumeric() || after == '_')
                })
            });
            of_field || text.contains(&constant) && words(text).any(|(_, word)| word == constant)
        });
        let of_the_draft = squall::testbed::about::ASKED.iter().flat_map(|table| table.iter());
        assert!(
            is_read || of_the_draft.into_iter().any(|asked| asked.key == name),
            "no reader reads `{name}`"
        );
        seen += 1;
    }
    assert!(seen > 150, "{seen} keys");
}

#[test]
fn a_planted_second_place_is_found() {
    for text in [
        "let name = \"KV_xfer_latency\";",
        "fn f() { match name { \"ECN_Kmin\" => 1, _ => 2 } }",
        "let ttl = fields.given(&FRAME.ttl).unwrap_or(64);",
        "let ttl = fields\n    .given(&FRAME.ttl)\n    .unwrap_or(64);",
    ] {
        assert_eq!(twice("src/report/kpi.rs", text).len(), 1, "{text}");
        assert_eq!(twice("src/report/tests/kpi.rs", text), [""; 0], "{text}");
    }
    for text in [
        "// \"KV_xfer_latency\"",
        "let name = known::KV_XFER_LATENCY.name;",
        "let lost = \"lost\";",
        "let ttl = fields.get(&FRAME.ttl);",
        "let sends = fields.given(&FRAME.ttl).is_some();",
    ] {
        assert_eq!(twice("src/report/kpi.rs", text), [""; 0], "{text}");
    }
}

#[test]
fn every_part_of_the_library_has_its_rule() {
    let lib = include_str!("../src/lib.rs");
    let parts: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    assert!(parts.len() > 8, "{parts:?}");
    for part in parts {
        assert!(KNOWS.iter().any(|(name, _)| *name == part), "`{part}` has no rule");
    }
    // What a part may know stands above it: no circles.
    for (index, (part, known)) in KNOWS.iter().enumerate() {
        for name in *known {
            let place = KNOWS.iter().position(|(other, _)| other == name).unwrap();
            assert!(place < index, "`{part}` may know `{name}`, which stands below it");
        }
    }
}

#[test]
fn planted_imports_are_found() {
    for (path, text) in [
        ("src/plan/lane.rs", "use crate::engine::tx::TxUnit;"),
        (
            "src/plan/lane.rs",
            "\nuse crate::{\n    pattern::Kind,\n    report::{model, json},\n};",
        ),
        ("src/plan/mod.rs", "fn f() { crate::dpdk::version(); }"),
        ("src/wire/bth.rs", "use crate::plan::Plan;"),
        ("src/wire/decode/mod.rs", "use super::super::measure::Recorder;"),
        ("src/dpdk/port.rs", "use super::super::plan;"),
        (
            "src/measure/flow.rs",
            "mod tests { use super::super::super::engine::Lab; }",
        ),
        ("src/units.rs", "use crate::wire::bth;"),
        ("src/units.rs", "use super::plan;"),
        ("src/report/json.rs", "use crate::cli::Failure;"),
        ("src/novelty/mod.rs", ""),
    ] {
        assert_eq!(
            imports(path, text).len(),
            1,
            "{path}: {text}: {:?}",
            imports(path, text)
        );
    }
    for (path, text) in [
        ("src/plan/lane.rs", "use crate::plan::{engine, Plan}; // crate::engine"),
        (
            "src/plan/lane.rs",
            "/// [`crate::engine::tx`]\nlet s = \"crate::cli::x\";",
        ),
        (
            "src/report/assemble.rs",
            "use crate::{engine::realtime::Outcome, plan};",
        ),
        ("src/report/model/mod.rs", "use super::stats::engine;"),
        ("src/lib.rs", "pub mod cli;"),
    ] {
        assert_eq!(imports(path, text), [""; 0], "{path}: {text}");
    }
    assert!(imports("src/plan/lane.rs", "//\n\nuse crate::cli::X;")[0].starts_with("src/plan/lane.rs:3:"));
}

#[test]
fn planted_clocks_are_found() {
    assert_eq!(purity("src/plan/lane.rs", "use std::time::Instant;").len(), 1);
    assert_eq!(purity("src/wire/bth.rs", "fn f() { println!(\"x\"); }").len(), 1);
    assert_eq!(purity("src/cli/run.rs", "use std::time::Instant;"), [""; 0]);
    assert_eq!(purity("src/plan/lane.rs", "// never std::fs"), [""; 0]);
}

#[test]
fn planted_unsafe_is_found() {
    for text in [
        "fn f() { unsafe { g() } }",
        "#![allow(unsafe_code)]",
        "/* a */ unsafe impl Send for X {}",
        "let q = '\"'; unsafe { g() } // \"",
        "let s = r#\"a\"b\"#; unsafe { g() }",
        "let s = \"\\\"\"; unsafe { g() }",
        "fn f<'a>(x: &'a u8) { unsafe { g('\\'') } }",
    ] {
        assert_eq!(safety("src/engine/tx.rs", text).len(), 1, "{text}");
        assert_eq!(safety("src/dpdk/port.rs", text), [""; 0], "{text}");
    }
    for text in [
        "// unsafe",
        "let s = \"unsafe\";",
        "/// unsafe { }\nfn f() {}",
        "let unsafely = 1;",
        "r#\"unsafe\"#",
    ] {
        assert_eq!(safety("src/engine/tx.rs", text), [""; 0], "{text}");
    }
}

#[test]
fn planted_length_is_found() {
    let long = "fn f() {}\n".repeat(LONGEST + 1);
    assert_eq!(length("src/plan/lane.rs", &long).len(), 1);
    assert_eq!(length("src/plan/tests.rs", &long), [""; 0]);
    let tested = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert_eq!(length("src/plan/lane.rs", &tested), [""; 0]);
}

#[test]
fn planted_skips_are_found() {
    for text in [
        "    eprintln!(\"skipped: no tshark\");",
        "    eprintln!(\n        \"Skipping {name}\"\n    );",
        "    println!(\"no tshark\");\n    return;",
        "    eprintln!(\n        \"no tshark\"\n    );\n    return None;",
        "#[ignore = \"needs root\"]",
        "#[ignore]",
        "    .args([\"-c\", \"command -v tshark\"])",
    ] {
        assert_eq!(skips("tests/netns.rs", text).len(), 1, "{text}");
        assert_eq!(skips("scripts/demo.sh", text), [""; 0], "{text}");
    }
    for text in [
        "    skip(\"there is none\");\n    return;",
        "    for line in lines.skip(1) {",
        "    eprintln!(\"{seen}\");\n    let x = 1;\n    return;",
        "#[cfg_attr(miri, ignore = \"slow\")]",
        "// found with `command -v`",
    ] {
        assert_eq!(skips("tests/netns.rs", text), [""; 0], "{text}");
    }
    assert_eq!(
        skips("scripts/test.sh", "if command -v shellcheck >/dev/null; then").len(),
        1
    );
    assert_eq!(skips("src/wire/bth.rs", "#[ignore]").len(), 1);
}

#[test]
fn planted_paths_are_found() {
    let exists = |path: &Path| path == Path::new("docs/METHOD.md") || path == Path::new("docs/../README.md");
    let none = |path: &str, text: &str| paths(path, text, exists).len();
    assert_eq!(
        none("README.md", "see [how](docs/METHOD.md#loss) and `docs/METHOD.md`."),
        0
    );
    assert_eq!(none("README.md", "see [how](docs/WRONG.md)"), 2);
    assert_eq!(
        none(
            "docs/RESULTS.md",
            "[up](../README.md), [web](https://example.org/a.md), [here](#x)"
        ),
        0
    );
    assert_eq!(none("docs/RESULTS.md", "[up](METHODS.md)"), 1);
    assert_eq!(none("src/lib.rs", "//! `docs/GONE.md` is the map."), 1);
    assert_eq!(
        none("src/lib.rs", "let path = \"docs/made.md\"; // in /opt/docs/gone.md"),
        0
    );
    assert_eq!(none("scripts/x.sh", "sh scripts/gone.sh"), 1);
}

//! The documentation of patterns, testbeds and sweeps says what the code does: its tables are the code's
//! own, its examples load, its lists name what is shipped.
//!
//! `SQUALL_WRITE_DOCS=1 cargo test --test docs` writes the tables anew.

use std::path::Path;

use squall::yaml::key::Section;
use squall::{expect, pattern, suite, sweep, testbed};

/// The text of `docs/<name>` and, below it, the text with its generated parts made anew.
fn check(name: &str, sections: &[&'static dyn Section], shipped: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let mut made = String::new();
    let mut seen = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        made += &format!("{line}\n");
        let marker = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let table = match marker.map(|marker| marker.split_once(": ").unwrap_or((marker, ""))) {
            Some(("table", section)) => {
                seen.push(section);
                let section = sections.iter().find(|known| known.name() == section);
                section
                    .unwrap_or_else(|| panic!("{name}: no table of `{marker:?}`"))
                    .markdown()
            }
            Some(("shipped", _)) => list(shipped),
            Some(("figures", _)) => figures(),
            _ => continue,
        };
        made += &table;
        let end = lines
            .by_ref()
            .find(|line| *line == "<!-- end -->")
            .expect("a table ends");
        made += &format!("{end}\n");
    }
    let missing: Vec<_> = sections
        .iter()
        .map(|section| section.name())
        .filter(|name| !seen.contains(name))
        .collect();
    assert!(missing.is_empty(), "{name} has no table of {missing:?}");
    if std::env::var_os("SQUALL_WRITE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("the document can be written");
    } else {
        assert!(
            made == text,
            "{name} is out of date: SQUALL_WRITE_DOCS=1 cargo test --test docs"
        );
    }
}

/// The figures of results, which `expect` and `asks` can be about and `compare` compares.
fn figures() -> String {
    let rows = expect::known().map(|known| {
        let names: Vec<String> = known.names().map(|name| format!("`{name}`")).collect();
        let mut allowed: Vec<&str> = known
            .measures
            .iter()
            .map(|measure| measure.dimension.allowed())
            .collect();
        allowed.dedup();
        let at: Vec<&str> = known.at.iter().map(|at| at.words()).collect();
        format!(
            "| {} | {} | {} | {} | {} |\n",
            names.join(", "),
            at.join(", "),
            known.better.word(),
            allowed.join("; "),
            known.doc
        )
    });
    format!(
        "| figure | where | better | bound | |\n|---|---|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

/// What is shipped, with each file's first comment.
fn list(shipped: &[(&str, &str)]) -> String {
    let question = |text: &str| {
        text.lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ")
            .to_owned()
    };
    let rows = shipped
        .iter()
        .map(|(name, text)| format!("| `{name}` | {} |\n", question(text)));
    format!("| name | |\n|---|---|\n{}", rows.collect::<String>())
}

#[test]
fn the_tables_are_the_codes_own() {
    check("PATTERNS.md", pattern::keys::SECTIONS, pattern::SHIPPED);
    check("TESTBEDS.md", testbed::keys::SECTIONS, testbed::SHIPPED);
    check("SWEEPS.md", sweep::keys::SECTIONS, sweep::SHIPPED);
    check("SUITE.md", suite::keys::SECTIONS, &[]);
}

/// The YAML examples of a document.
fn examples(text: &str) -> Vec<&str> {
    let blocks = text.split("```yaml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn the_examples_load() {
    let patterns = examples(include_str!("../docs/PATTERNS.md"));
    assert!(patterns.len() >= 8);
    for text in patterns {
        if let Err(errors) = pattern::parse("docs/PATTERNS.md", text, &[]) {
            panic!("{errors}");
        }
    }
    let sweeps = examples(include_str!("../docs/SWEEPS.md"));
    assert!(sweeps.len() >= 4);
    for text in sweeps {
        // Those without a pattern are one.
        let is_sweep = text.lines().any(|line| line.starts_with("pattern:"));
        let read = if is_sweep {
            sweep::parse("docs/SWEEPS.md", text).err()
        } else {
            pattern::parse("docs/SWEEPS.md", text, &[]).err()
        };
        if let Some(errors) = read {
            panic!("{errors}");
        }
    }
    for text in examples(include_str!("../docs/TESTBEDS.md")) {
        if let Err(errors) = testbed::parse("docs/TESTBEDS.md", text, &[]) {
            panic!("{errors}");
        }
    }
}

#[test]
fn the_book_has_every_document_and_the_readme_is_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |path: &str| std::fs::read_to_string(root.join(path)).expect("the document is there");
    let summary = text("docs/SUMMARY.md");
    for file in std::fs::read_dir(root.join("docs")).expect("docs is there") {
        let name = file.expect("readable").file_name().into_string().expect("ASCII");
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(summary.contains(&format!("]({name})")), "docs/SUMMARY.md lacks {name}");
        }
    }
    let lines = text("README.md").lines().count();
    assert!(lines <= 150, "README.md has {lines} lines: long tables belong to docs/");
}

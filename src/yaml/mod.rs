//! YAML with positions, and the collector of mistakes: what the pattern's and the testbed's
//! readers have in common.
//!
//! Contract: every mistake of a text is reported, each with its place, what is wrong, what is
//! allowed, and a suggestion for a near miss. Only where the text is no YAML at all does reading
//! stop at the first mistake. Input is hostile: no text makes this module panic, and its memory is
//! bounded by the limits below, aliases included.
//!
//! The way of a text: [`Source`] (bytes to characters) → [`tree`] (a positioned tree) → [`set`]
//! (`--set` applied to the tree) → [`read`] (typed getters that record mistakes and go on).
//!
//! Left out on purpose: serde, which stops at the first mistake; YAML tags, merge keys and several
//! documents in one file, which a pattern has no use for.

pub mod form;
pub mod key;
pub mod near;
mod numbers;
pub mod read;
mod report;
pub mod set;
pub mod tree;

pub use numbers::{Classes, Numbers};
pub use report::{Diagnostic, Diagnostics, Excerpt, Finding, Place, Source, shown};

/// Largest text that is read.
pub const MAX_TEXT: usize = 1 << 20;

/// Deepest nesting of lists and maps, aliases expanded.
pub const MAX_DEPTH: usize = 32;

/// Largest number of values in a text, aliases expanded.
pub const MAX_NODES: usize = 100_000;

/// Mistakes that are kept and printed; more are only counted.
pub const MAX_FINDINGS: usize = 100;

use std::path::Path;

/// The question that a text asks: its first line, where that is a comment.
#[must_use]
pub fn question(text: &str) -> Option<&str> {
    let comment = text.lines().next()?.strip_prefix('#')?.trim();
    (!comment.is_empty()).then_some(comment)
}

/// The file `typed`, or the shipped text of that name when there is no such file. `what` is
/// "pattern" or "testbed".
///
/// # Errors
/// One diagnostic when there is neither, or the file cannot be read.
pub fn find(typed: &str, what: &str, shipped: &[(&str, &str)], overrides: &[String]) -> Result<Source, Diagnostics> {
    let path = Path::new(typed);
    if typed.is_empty() {
        return Err(Diagnostics::unplaced(
            "\"\"",
            format!("the name of a {what} is missing here"),
        ));
    }
    // A folder, such as one of results, hides no shipped text of its name.
    if path.exists() && !path.is_dir() {
        return Source::read(path, overrides);
    }
    if let Some(source) = find_shipped(typed, what, shipped, overrides) {
        return Ok(source);
    }
    if path.is_dir() {
        let found = format!("this is a folder, not a {what}; name a file in it");
        return Err(Diagnostics::unplaced(typed, found));
    }
    let names: Vec<&str> = shipped.iter().map(|(name, _)| *name).collect();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let mut error = Diagnostics::unplaced(
        typed,
        format!("there is no such file and no shipped {what} of this name"),
    );
    for item in &mut error.items {
        item.allowed = Some(format!("a path, or one of {}", names.join(", ")));
        item.suggestion = near::nearest(&stem, names.iter().copied()).map(str::to_owned);
    }
    Err(error)
}

/// What a text that came with squall names: the shipped text of that name, whatever files there are; else as
/// [`find`].
///
/// # Errors
/// As [`find`].
pub fn find_named_by_us(
    name: &str,
    what: &str,
    shipped: &[(&str, &str)],
    overrides: &[String],
) -> Result<Source, Diagnostics> {
    find_shipped(name, what, shipped, overrides).map_or_else(|| find(name, what, shipped, overrides), Ok)
}

fn find_shipped(name: &str, what: &str, shipped: &[(&str, &str)], overrides: &[String]) -> Option<Source> {
    let (name, text) = shipped.iter().find(|(known, _)| *known == name)?;
    Some(Source {
        name: format!("{what}s/{name}.yaml"),
        text: (*text).to_owned(),
        overrides: overrides.to_vec(),
        shipped: true,
    })
}

//! What the user asked to be sent: the pattern YAML as types.
//!
//! Contract: a [`Pattern`] that exists is complete and consistent in itself; whether a testbed can
//! carry it is `plan`'s question. Loading reports every mistake of a file at once, each with file,
//! line, column, what is wrong and what is allowed.
//!
//! Left out on purpose: defaults that depend on a port or on the testbed (those stay `None`).

pub mod convergence;
pub mod draft;
mod frame;
pub mod keys;
mod kinds;
mod read;
mod shipped;
pub mod split;
pub mod transport;
mod types;
mod values;
mod workers;

use crate::yaml::read::Reader;
use crate::yaml::{self, Diagnostics, Source};

pub use kinds::{About, about};
pub use read::MAX_SAMPLES;
pub use shipped::SHIPPED;
pub use types::*;
pub use workers::Role;

/// A pattern with what a report says of its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The pattern, overrides applied.
    pub pattern: Pattern,
    /// Where it came from: name, text, overrides, and [`Source::sha256`] of the text.
    pub source: Source,
}

impl Loaded {
    /// The question that the pattern asks: the first line of its text, a comment, else its `description`.
    #[must_use]
    pub fn question(&self) -> Option<&str> {
        yaml::question(&self.source.text).or(self.pattern.description.as_deref())
    }
}

/// Loads the file `pattern`, or the shipped pattern of that name when there is no such file;
/// `overrides` are `--set` values as typed (`traffic.kv.message=1MiB`).
///
/// # Errors
/// Every mistake of the text and of the overrides.
pub fn load(pattern: &str, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    of(yaml::find(pattern, "pattern", SHIPPED, overrides)?)
}

/// A pattern from a text that was read already.
///
/// # Errors
/// Every mistake of the text and of the overrides.
pub fn of(source: Source) -> Result<Loaded, Diagnostics> {
    let pattern = parse_source(&source)?;
    Ok(Loaded { pattern, source })
}

/// Parses the text of a pattern; `name` stands for the file in messages.
///
/// # Errors
/// Every mistake of the text and of the overrides.
pub fn parse(name: &str, text: &str, overrides: &[String]) -> Result<Pattern, Diagnostics> {
    parse_source(&Source {
        name: name.to_owned(),
        text: text.to_owned(),
        overrides: overrides.to_vec(),
        shipped: false,
    })
}

fn parse_source(source: &Source) -> Result<Pattern, Diagnostics> {
    let mut findings = Vec::new();
    let Some(root) = source.tree(read::label, &mut findings) else {
        return Err(source.diagnostics(findings));
    };
    let reader = Reader::new(findings);
    let pattern = read::pattern(&reader, &root, &source.stem());
    if reader.clean() {
        Ok(pattern)
    } else {
        Err(source.diagnostics(reader.into_findings()))
    }
}

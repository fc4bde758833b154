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

pub mod near;
pub mod read;
mod report;
pub mod set;
pub mod tree;

pub use report::{Diagnostic, Diagnostics, Excerpt, Finding, Place, Source, shown};

/// Largest text that is read.
pub const MAX_TEXT: usize = 1 << 20;

/// Deepest nesting of lists and maps, aliases expanded.
pub const MAX_DEPTH: usize = 32;

/// Largest number of values in a text, aliases expanded.
pub const MAX_NODES: usize = 100_000;

/// Mistakes that are kept and printed; more are only counted.
pub const MAX_FINDINGS: usize = 100;

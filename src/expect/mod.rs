//! What a run is to hold to: the `expect` lines of patterns and sweeps.
//!
//! Contract: an [`Expectation`] that exists names a figure that squall knows, one of its statistics,
//! and a bound whose unit fits it. Reading reports every wrong line with its place and, for a near
//! miss, what was probably meant.
//!
//! A line is `[where:] FIGURE[.STATISTIC] COMPARISON NUMBER [UNIT]`, as `lost == 0`,
//! `ECN_marking_rate < 2 %`, `victim: KV_xfer_latency.p99 < 300 us` or `ports/host0/3: PFC_frame_count > 0`.
//!
//! Left out on purpose: figures' values (`report` measures up), arithmetic, and/or: each line stands
//! for itself.

mod asked;
pub mod known;
mod places;
mod read;
mod unit;

pub use asked::{Asked, FIGURES, asked};
pub use known::{Better, Known, Measure, Special, better, find, known};
pub use places::{Scope, Term};
pub use read::{LINES, RESERVED, Subject, expectations, parse, subject};
pub use unit::{Dimension, base};

/// One line, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The line as it stands in the file.
    pub text: String,
    /// Where it is to hold; `None`: wherever the figure is measured from outside.
    pub scope: Option<Scope>,
    /// Name of the figure.
    pub figure: &'static str,
    /// Its statistic; empty for a figure that is one number.
    pub statistic: &'static str,
    /// How it compares.
    pub comparison: Comparison,
    /// With what, in the base unit of the figure's [`Dimension`].
    pub bound: f64,
}

/// How a figure is to compare with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Every comparison and how it is written, longer ones first.
    pub const ALL: &'static [(&'static str, Comparison)] = &[
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::More),
    ];

    /// Whether `value` stands so to `bound`, both in the same unit. What is no number stands in no
    /// way to anything.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "who writes == means it: counts are whole numbers")]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Comparison::Equal => value == bound,
            Comparison::NotEqual => value != bound && !value.is_nan(),
            Comparison::Less => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::More => value > bound,
            Comparison::AtLeast => value >= bound,
        }
    }
}

#[cfg(test)]
mod tests;

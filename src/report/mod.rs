//! What a run found: the versioned result model, its file, and its summary for people.
//!
//! Contract: the figures that come in are the ones that go out; this stage computes only what
//! follows from them (KPIs, percentiles, fairness, contradictions), each in one place. The same
//! inputs give the same bytes. A value that nobody measured is `null`, never 0. Frames add up: sent
//! = received + named losses + `unexplained`, and what is unexplained becomes an anomaly.
//!
//! Left out on purpose: measuring, clocks (the caller says when the run began), and, everywhere but
//! in [`assemble`], the plan and the engine: the rest is a function of the model alone.
//! `docs/RESULTS.md` describes every field; a test holds the two together.

mod anomaly;
pub mod answer;
pub mod assemble;
pub mod checks;
pub mod csv;
pub mod figures;
pub mod format;
pub mod grid;
mod json;
pub mod kpi;
pub mod measured;
pub mod model;
pub mod page;
pub mod plots;
pub mod provenance;
pub mod range;
pub mod rates;
pub mod samples;
pub mod soak;
pub mod stats;
pub mod terminal;
mod verdict;

pub use json::{
    FILE_NAME, ReadError, UNFINISHED, WriteError, from_json, read, to_json, write, write_file, write_or_print,
};
pub use model::Results;
pub use verdict::in_scope;

/// What a result says of itself when it stands alone.
pub const ONE_TRIAL: &str = "One trial: the draft asks for 20 or more of every configuration.";

/// What every run through software devices alone says of itself.
pub const SOFTWARE_PORTS: &str = "The ports are software devices: there is no hardware traffic generator.";

#[cfg(test)]
pub(crate) mod tests;

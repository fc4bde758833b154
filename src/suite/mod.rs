//! The draft's tests by their numbers: what each is, its trials, and the report of all of them.
//!
//! Contract: a test is data (`suites/`): the sweep that it is, in a profile, and what its report shows. A
//! suite's report is a function of its trials.
//!
//! Left out on purpose: flags, signals, the terminal (`cli`); how a trial is run (`trial`, `sweep`).

pub mod csv;
pub mod html;
pub mod model;

// The example that the browser's test opens.
#[cfg(test)]
#[path = "../../tests/suite_kit/mod.rs"]
mod kit;

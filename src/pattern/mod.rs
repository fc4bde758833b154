//! What the user asked to be sent: the pattern YAML as types.
//!
//! Contract: a [`Pattern`] that exists is complete and consistent in itself; whether a testbed can
//! carry it is `plan`'s question. Loading reports every mistake of a file at once, each with file,
//! line, column, what is wrong and what is allowed.
//!
//! Left out on purpose: defaults that depend on a port or on the testbed (those stay `None`).

mod types;
mod workers;

pub use types::*;

//! Two results of the same test, and what differs between them beyond chance.
//!
//! Contract: a function of the two results' files. A figure counts as changed when the difference is beyond what
//! chance makes of that many trials, beyond the least relative change, and beyond the least amount that means
//! anything in its unit; `docs/COMPARE.md` states the rules. What only one of the two has is told, never
//! taken for a difference.
//!
//! Left out on purpose: running anything, files and exit status (`cli`), and which way is better
//! (`expect::better`).

mod checks;
mod conditions;
pub mod html;
mod judge;
pub mod load;
pub mod model;
pub mod shown;
pub mod stats;

pub use judge::{NothingInCommon, Rules, compare};

#[cfg(test)]
mod tests;

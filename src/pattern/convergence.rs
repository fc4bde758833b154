//! `convergence`: how long rates take to settle after the load has changed (draft, section 8.3).
//!
//! Contract: what a pattern says, checked: the change, the steady time and the end come in this order, and there is
//! room for windows between them.

use super::keys::{CONVERGENCE, CONVERGENCE_MAP};
use crate::units::{Picos, Share};
use crate::yaml::read::Fields;

/// The windows over which rates are looked at, in units of the smallest one.
pub const WINDOWS: [u64; 4] = [1, 5, 10, 50];

/// Most windows of the smallest size in a run.
const MAX_WINDOWS: u64 = 100_000;

/// Whose rates settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatesOf {
    /// Those of entries.
    Entries,
    /// Those of pairs of workers.
    Pairs,
}

/// What a rate settles at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Its own mean over the steady time.
    Steady,
    /// An equal share of the sum of all in the steady time.
    Fair,
}

/// What is asked of rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convergence {
    /// When the load changes.
    pub at: Picos,
    /// From when on rates are steady.
    pub steady: Picos,
    /// Until when they are looked at.
    pub until: Picos,
    /// Whose.
    pub of: RatesOf,
    /// What they settle at.
    pub target: Target,
    /// How far from it they may be, as a share of it.
    pub within: Share,
    /// The smallest window.
    pub window: Picos,
}

/// Reads it; `duration` is the pattern's.
pub(super) fn read(fields: &Fields<'_>, duration: Option<Picos>) -> Option<Convergence> {
    let map = fields.map(&CONVERGENCE_MAP)?;
    let (at, steady, window) = (
        map.get(&CONVERGENCE.at),
        map.get(&CONVERGENCE.steady),
        map.get(&CONVERGENCE.window),
    );
    let read = |at: Picos, until: Picos| Convergence {
        at,
        steady: steady.unwrap_or(Picos(at.0 + until.saturating_sub(at).0 / 2)),
        until,
        of: map.get(&CONVERGENCE.of),
        target: map.get(&CONVERGENCE.target),
        within: map.get(&CONVERGENCE.within),
        window,
    };
    let Some(until) = duration else {
        fields.wrong(
            &CONVERGENCE_MAP,
            "it needs a `duration` of the pattern: rates are looked at until its end",
        );
        return None;
    };
    let convergence = read(at?, until);
    let wrong = if convergence.steady <= convergence.at || convergence.steady >= until {
        Some("`steady` must come after `at` and before the end of the pattern's `duration`".to_owned())
    } else if until.saturating_sub(convergence.steady) < window {
        Some("the steady time is shorter than `window`".to_owned())
    } else if until.0 / window.0 > MAX_WINDOWS {
        Some(format!(
            "the pattern's `duration` has more than {MAX_WINDOWS} of these windows: make `window` longer"
        ))
    } else {
        None
    };
    if let Some(what) = wrong {
        map.wrong(&CONVERGENCE.window, what);
        return None;
    }
    Some(convergence)
}

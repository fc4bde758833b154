//! When rates have settled after the load had changed.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// What became of rates; times count from the change of load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// When the load changed, from the start of the run.
    pub at_ps: u64,
    /// From when on rates counted as steady, from the start of the run.
    pub steady_ps: u64,
    /// Until when they were looked at, from the start of the run.
    pub until_ps: u64,
    /// `entries` or `pairs`: whose rates.
    pub of: String,
    /// `steady` or `fair`: what they settle at.
    pub target: String,
    /// How far from it they may be.
    pub within_percent: f64,
    /// By size of window.
    pub windows: Vec<SettlingWindow>,
    /// The smallest size of which at most one window in a hundred of the steady time was outside.
    pub headline_window_ps: Option<u64>,
    /// When rates had settled, by windows of this size.
    pub time_ps: Option<Estimate>,
    /// Why there is no time.
    pub why_not: Option<String>,
    /// The rates of the steady time; of pairs, those of an entry together.
    pub rates: Vec<SteadyRate>,
    /// Jain's index of the steady rates.
    pub jfi: Option<f64>,
    /// The same of each over its max-min share.
    pub jfi_max_min: Option<f64>,
}

/// Windows of one size; one begins with each of the smallest size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettlingWindow {
    /// The size.
    pub size_ps: u64,
    /// Begin of the first one that was inside.
    pub first_inside_ps: Option<u64>,
    /// Begin of the last one that was outside; none where none was.
    pub last_outside_ps: Option<u64>,
    /// Windows of the steady time.
    pub steady: u64,
    /// How many of them were outside.
    pub steady_outside: u64,
    /// The first from which on at most one in a hundred was outside.
    pub settled_ps: Option<Estimate>,
}

/// One entry's rate over the steady time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteadyRate {
    /// The entry.
    pub entry: String,
    /// Payload that came, bits a second.
    pub steady_bps: f64,
    /// Its max-min share by what the plan offers and the links of hosts.
    pub max_min_bps: f64,
    /// Its share of all.
    pub share_percent: Option<f64>,
}

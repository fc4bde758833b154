//! Payload that came of each pair of workers, by windows of time.
//!
//! Contract: memory is asked for once, for the time that is looked at; what comes before or after it is not kept.

use crate::plan::Plan;
use crate::units::Picos;

/// Bytes by pair and window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    at: Picos,
    window: Picos,
    windows: usize,
    /// The windows of the first pair, then of the next.
    bytes: Vec<u64>,
}

impl Rates {
    /// Room for all pairs of `plan`, where it asks for rates: from the change of load to the end.
    #[must_use]
    pub fn new(plan: &Plan) -> Option<Rates> {
        let asked = plan.convergence?;
        let pairs: usize = plan.entries.iter().map(|entry| entry.pairs.len()).sum();
        let windows = asked.until.saturating_sub(asked.at).0 / asked.window.0;
        let windows = usize::try_from(windows).unwrap_or(usize::MAX);
        Some(Rates {
            at: asked.at,
            window: asked.window,
            windows,
            bytes: vec![0; pairs * windows],
        })
    }

    /// So much payload of a pair came, for the first time.
    #[inline]
    pub fn see(&mut self, pair: u32, arrival: Picos, bytes: u64) {
        let Some(since) = arrival.0.checked_sub(self.at.0) else {
            return;
        };
        let window = usize::try_from(since / self.window.0).unwrap_or(usize::MAX);
        if window < self.windows
            && let Some(sum) = self.bytes.get_mut(pair as usize * self.windows + window)
        {
            *sum += bytes;
        }
    }

    /// The windows of each pair, in the plan's order.
    pub fn pairs(&self) -> impl Iterator<Item = &[u64]> {
        self.bytes.chunks_exact(self.windows.max(1))
    }

    /// Adds what another core has seen.
    pub fn merge(&mut self, other: &Rates) {
        for (mine, theirs) in self.bytes.iter_mut().zip(&other.bytes) {
            *mine += theirs;
        }
    }
}

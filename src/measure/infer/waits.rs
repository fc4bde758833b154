//! How long each frame waited on its way, beyond the least that its path takes.
//!
//! Contract: the least delay of frames of one length from one port to another stands for the unloaded one. Where no
//! frame of a path was ever alone, waits read short by what the luckiest one waited.
//!
//! Left out on purpose: in which queue (`queue`).

use std::collections::HashMap;

use super::queue::departure;
use super::{Evidence, Facts};
use crate::measure::trace::{Kind, Observation};

/// What is known of one frame's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When it left, ps.
    pub left: i64,
    /// How long it waited, ps.
    pub waited: i64,
}

/// The waits of all frames of a trace.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    of: Vec<Option<Wait>>,
    least: HashMap<(u16, u16), i64>,
}

impl Waits {
    /// The waits of the frames that were seen.
    #[must_use]
    pub fn of(evidence: &Evidence<'_>, facts: &Facts) -> Waits {
        let seen = evidence.trace.observations();
        let known = |one: &Observation| {
            let flow = facts.flow(one.flow).filter(|_| one.kind == Kind::First)?;
            let left = departure(one)?;
            Some((
                (flow.sender, flow.arrival, one.len),
                left,
                one.arrival.0.cast_signed() - left,
            ))
        };
        let mut least: HashMap<(u16, u16, u16), i64> = HashMap::new();
        for (way, _, delay) in seen.iter().filter_map(known) {
            let place = least.entry(way).or_insert(delay);
            *place = delay.min(*place);
        }
        let of = seen.iter().map(|one| {
            let (way, left, delay) = known(one)?;
            let base = least.get(&way).copied().unwrap_or(delay);
            Some(Wait {
                left,
                waited: delay - base,
            })
        });
        let of = of.collect();
        let mut ways: HashMap<(u16, u16), i64> = HashMap::new();
        for ((from, to, _), delay) in least {
            let place = ways.entry((from, to)).or_insert(delay);
            *place = delay.max(*place);
        }
        Waits { of, least: ways }
    }

    /// The wait of a frame by its place in the trace.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Wait> {
        self.of.get(index).copied().flatten()
    }

    /// Each frame with its wait.
    pub fn iter<'a>(&'a self, evidence: &Evidence<'a>) -> impl Iterator<Item = (&'a Observation, Wait)> + 'a {
        let seen = evidence.trace.observations().iter();
        seen.zip(&self.of).filter_map(|(one, wait)| Some((one, (*wait)?)))
    }

    /// The longest of the unloaded delays from a port, ps: that of its longest frame on its longest way.
    #[must_use]
    pub fn reach(&self, from: u16) -> i64 {
        let ways = self.least.iter().filter(|((sender, _), _)| *sender == from);
        ways.map(|(_, delay)| *delay).max().unwrap_or(0)
    }
}

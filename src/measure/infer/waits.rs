//! How long each frame waited on its way, beyond the least that its path takes.
//!
//! Contract: the least delay of frames of one length from one port to another stands for the unloaded one. Where no
//! frame of a path was ever alone, waits read short by what the luckiest one waited. A queue gives a flow's frames in their order:
//! one that came after a later one of its flow was kept by something else, and is a *stray*. No later one is there to overtake a flow's last
//! frames: of those that is told by a wait that leaps.
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
    /// No queue kept it for all that time: later frames of its flow came before it, or would have.
    pub stray: bool,
}

/// So many frames at the end of a flow may be strays that none overtook.
const LAST: usize = 3;

/// Such a frame waited longer than the one before it by more than so many times what lay between their departures: so fast no
/// queue grows.
const LEAP: i64 = 64;

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
                stray: false,
            })
        });
        let mut of: Vec<Option<Wait>> = of.collect();
        mark_strays(seen, &mut of);
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

    /// Each frame with its wait, strays too.
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

/// Finds the strays among the waits of the frames `seen`.
fn mark_strays(seen: &[Observation], of: &mut [Option<Wait>]) {
    let mut order: Vec<usize> = (0..of.len()).filter(|at| of[*at].is_some()).collect();
    order.sort_unstable_by_key(|at| (seen[*at].flow, seen[*at].arrival, *at));
    for flow in order.chunk_by(|one, other| seen[*one].flow == seen[*other].flow) {
        let mut newest = i64::MIN;
        let mut rest: Vec<Wait> = Vec::new();
        let mut kept = Vec::new();
        for at in flow {
            let Some(wait) = of[*at].as_mut() else { continue };
            wait.stray = wait.left < newest;
            newest = newest.max(wait.left);
            if !wait.stray {
                rest.push(*wait);
                kept.push(*at);
            }
        }
        let leaps = |at: &usize| {
            let (before, one) = (rest[at - 1], rest[*at]);
            one.waited - before.waited > LEAP.saturating_mul(one.left - before.left)
        };
        let first = rest.len().saturating_sub(LAST).max(1);
        if let Some(first) = (first..rest.len()).find(leaps) {
            for at in &kept[first..] {
                if let Some(wait) = of[*at].as_mut() {
                    wait.stray = true;
                }
            }
        }
    }
}

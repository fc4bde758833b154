//! Frames that came late because their flow changed its way: it left a dead path for another, or came back to it.
//!
//! Contract: at one moment all flows of a path change their way, so of all of them what left before came after what left then, where it had to wait
//! longer. That moment lies between the departures of each late frame and of the first that overtook it. Where more late frames
//! have one moment in common than chance puts there (by a factor of e to the power of 6), they are late by this, and not by what keeps single frames. A late
//! frame on one side of what its flow lost and overtaken by one of the other is, too.
//!
//! Left out on purpose: where a path was dead (`dead`); flows whose frames are sprayed on purpose (`report`).

use std::collections::BTreeMap;

use super::cause::Cause;
use super::dead::Dead;
use super::loss::Judged;
use super::place::{Part, Path};
use super::queue::departure;
use super::{Evidence, Facts};
use crate::measure::trace::Kind;

/// Chance may put so many late frames at one moment at most so likely, as a logarithm.
const UNLIKELY: f64 = -6.0;

/// Moments that are looked for: each link goes down and comes up.
const MOMENTS: usize = 16;

/// A frame that came after one that left later.
struct Late {
    flow: u32,
    /// Its departure, and that of the first of those that overtook it.
    left: (i64, i64),
}

/// How many frames of each flow were late because it changed its way.
#[must_use]
pub fn late(evidence: &Evidence<'_>, facts: &Facts, runs: &[Judged], dead: &[Dead]) -> BTreeMap<u32, u64> {
    let mut found: BTreeMap<u32, u64> = BTreeMap::new();
    let mut flows: BTreeMap<u32, Vec<(i64, i64)>> = BTreeMap::new();
    if dead.is_empty() {
        return found;
    }
    let may_turn = |number: u32| {
        facts.flow(number).is_some_and(|flow| {
            let path = Path {
                sender: flow.sender,
                arrival: flow.arrival,
                sent: 0,
                struck: 0,
            };
            let parts = path.parts(evidence.places);
            let above = |one: &Dead| matches!(one.part, Part::Uplinks(_) | Part::Above | Part::Leaf(_));
            evidence.leaf(flow.sender) != evidence.leaf(flow.arrival)
                && dead.iter().any(|one| above(one) && parts.contains(&one.part))
        })
    };
    for one in evidence.trace.observations() {
        if let Some(left) = departure(one).filter(|_| one.kind == Kind::First) {
            flows
                .entry(one.flow)
                .or_default()
                .push((one.arrival.0.cast_signed(), left));
        }
    }
    flows.retain(|number, _| may_turn(*number));
    let mut open: Vec<Late> = Vec::new();
    let (mut from, mut to) = (i64::MAX, i64::MIN);
    for (flow, mut frames) in flows {
        frames.sort_unstable();
        let mut before: Vec<i64> = Vec::with_capacity(frames.len());
        for (_, left) in frames {
            let at = before.partition_point(|one| *one <= left);
            if let Some(first) = before.get(at) {
                open.push(Late {
                    flow,
                    left: (left, *first),
                });
            }
            before.insert(at, left);
            (from, to) = (from.min(left), to.max(left));
        }
    }
    let gaps = runs.iter().filter(|(_, cause)| *cause == Cause::DeadPath);
    let gaps: Vec<(u32, (i64, i64))> = gaps.map(|(run, _)| (run.flow, run.between())).collect();
    let is_across = |one: &Late| {
        let mine = gaps.iter().filter(|(flow, _)| *flow == one.flow);
        mine.into_iter()
            .any(|(_, (before, after))| one.left.0 <= *before && *after <= one.left.1)
    };
    let mut take = |one: &Late| *found.entry(one.flow).or_default() += 1;
    open.retain(|one| {
        let across = is_across(one);
        if across {
            take(one);
        }
        !across
    });
    for _ in 0..MOMENTS {
        let Some((moment, many)) = most_in_common(&open) else {
            break;
        };
        if is_by_chance(&open, moment, many, to - from) {
            break;
        }
        open.retain(|one| {
            let is_then = one.left.0 < moment && moment <= one.left.1;
            if is_then {
                take(one);
            }
            !is_then
        });
    }
    found
}

/// The moment that most of `late` have in common, and how many.
fn most_in_common(late: &[Late]) -> Option<(i64, u64)> {
    let mut ends: Vec<(i64, bool)> = Vec::with_capacity(2 * late.len());
    for one in late {
        ends.push((one.left.0, true));
        ends.push((one.left.1, false));
    }
    // At one time what ends comes first: a moment is after the late frame's departure.
    ends.sort_unstable();
    let mut now = 0u64;
    let mut best: Option<(i64, u64)> = None;
    for (time, begins) in ends {
        if begins {
            now += 1;
        } else {
            if best.is_none_or(|(_, most)| now > most) {
                best = Some((time, now));
            }
            now = now.saturating_sub(1);
        }
    }
    best
}

/// Whether chance puts `many` of `late` at one `moment` of `time`, as the others lie.
#[expect(clippy::cast_precision_loss, reason = "numbers of frames, and times")]
fn is_by_chance(late: &[Late], moment: i64, many: u64, time: i64) -> bool {
    let others = late.iter().filter(|one| moment <= one.left.0 || one.left.1 < moment);
    let length: i64 = others.map(|one| one.left.1 - one.left.0).sum();
    let mean = (length as f64 / time.max(1) as f64).max(0.05);
    let seen = many as f64;
    // A bound of the Poisson distribution's tail (Chernoff), for any of as many moments as there are late frames.
    let likely = if seen <= mean {
        0.0
    } else {
        seen - mean + seen * (mean / seen).ln()
    };
    likely + (late.len().max(1) as f64).ln() > UNLIKELY
}

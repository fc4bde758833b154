//! Which losses a dead path accounts for, once some of them have shown that there was one.
//!
//! Contract: while a link is dead nothing comes through it: of every flow that takes it, all is lost in one stretch, the same for all of
//! them. So what the clear losses have in common, in place and in time, says which of the others are its as well: those of flows that pass
//! that place and of which nothing went through it meanwhile. Another flow's single loss at that time has another cause. A frame that something held
//! when its link died is lost a little before the others of its flow.
//!
//! When a place was dead is taken from the times nearest to it: departures where flows come to it first, arrivals where it is last. Of a single
//! flow either may say so: it may have waited before the place or behind it.
//!
//! Left out on purpose: how a dead path is recognised (`loss`, `cause`), and how it is told (`report`).

use std::collections::BTreeMap;

use super::cause::{Cause, chance};
use super::facts::Flow;
use super::loss::{Judged, Run};
use super::place::{Part, Path, Whereabouts, locate};
use super::queue::departure;
use super::{Evidence, Facts};
use crate::measure::trace::Kind;

/// Fewer frames than this are no dead path by themselves.
const LEAST: u64 = 5;

/// Of the time that a place was dead, this part at either end may be another flow's: links are passed at different times.
const EDGE: i64 = 8;

/// What was lost no more than so many of its flow's frames before a dead path may be due to it.
const BEFORE: u64 = 4;

/// Chance may make such losses fall there at most so likely, as a logarithm: where nothing was lost at other times, and where something was.
const UNLIKELY: (f64, f64) = (-3.0, -6.0);

/// A place through which nothing came for a time, ps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dead {
    /// Where.
    pub part: Part,
    /// Since when, for certain.
    pub from: i64,
    /// Until when, for certain.
    pub to: i64,
}

impl Dead {
    /// Whether all of what the flow of `run` sent there in that time is in `run`.
    fn accounts_for(&self, evidence: &Evidence<'_>, flow: &Flow, run: &Run) -> bool {
        let edge = self.to.saturating_sub(self.from) / EDGE;
        let holds =
            |(from, to): (i64, i64)| from <= self.from.saturating_add(edge) && to >= self.to.saturating_sub(edge);
        // It may have waited before the place or behind it.
        passes(evidence, flow, self.part) && (holds(run.between()) || holds(came(run)))
    }
}

fn passes(evidence: &Evidence<'_>, flow: &Flow, part: Part) -> bool {
    let path = Path {
        sender: flow.sender,
        arrival: flow.arrival,
        sent: 0,
        struck: 0,
    };
    path.parts(evidence.places).contains(&part)
}

/// The times of the neighbours of `run`, as near to `part` as they are known.
fn near(evidence: &Evidence<'_>, part: Part, flow: &Flow, run: &Run) -> (i64, i64) {
    let is_last = match part {
        Part::Port(port) => port == flow.arrival && port != flow.sender,
        Part::Leaf(of) | Part::Uplinks(of) => {
            evidence.leaf(flow.arrival) == Some(of) && evidence.leaf(flow.sender) != Some(of)
        }
        Part::Above | Part::Device => false,
    };
    if is_last { came(run) } else { run.between() }
}

/// The times between which its frames would have come, for ever where none came before or after.
fn came(run: &Run) -> (i64, i64) {
    let (before, after) = run.neighbours();
    (before.unwrap_or(i64::MIN), after.unwrap_or(i64::MAX))
}

/// The value below which this share of `all` is, in percent.
fn quantile(mut all: Vec<i64>, percent: usize) -> Option<i64> {
    all.sort_unstable();
    all.get((all.len() * percent / 100).min(all.len().saturating_sub(1)))
        .copied()
}

/// Departures of what came, by flow, in order.
fn departures(evidence: &Evidence<'_>) -> BTreeMap<u32, Vec<i64>> {
    let mut of: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    // A copy is no further frame.
    let first = evidence
        .trace
        .observations()
        .iter()
        .filter(|one| one.kind == Kind::First);
    for one in first {
        if let Some(left) = departure(one) {
            of.entry(one.flow).or_default().push(left);
        }
    }
    of.values_mut().for_each(|times| times.sort_unstable());
    of
}

fn between(times: Option<&Vec<i64>>, from: i64, to: i64) -> u64 {
    times.map_or(0, |times| {
        let end = times.partition_point(|time| *time < to);
        end.saturating_sub(times.partition_point(|time| *time <= from)) as u64
    })
}

/// Frames of each flow that were lost or came while any of these places was dead: what could be struck. Empty without any.
#[must_use]
pub fn given(evidence: &Evidence<'_>, runs: &[Judged], dead: &[Dead]) -> BTreeMap<u32, u64> {
    let mut given = BTreeMap::new();
    if dead.is_empty() {
        return given;
    }
    for (flow, times) in departures(evidence) {
        let of = |one: &Dead| between(Some(&times), one.from, one.to);
        *given.entry(flow).or_default() += dead.iter().map(of).max().unwrap_or(0);
    }
    for (run, _) in runs.iter().filter(|(_, cause)| *cause == Cause::DeadPath) {
        *given.entry(run.flow).or_default() += u64::from(run.frames);
    }
    given
}

/// Gives each of `runs` to a dead path or takes it from one, by what those that are said to be one's have in common.
#[must_use]
pub fn settle(evidence: &Evidence<'_>, facts: &Facts, runs: &mut [Judged]) -> Vec<Dead> {
    let mut first: Vec<usize> = (0..runs.len()).filter(|at| runs[*at].1 == Cause::DeadPath).collect();
    if first.is_empty() {
        return Vec::new();
    }
    first.sort_by_key(|at| runs[*at].0.between());
    let came = departures(evidence);
    let mut all = Vec::new();
    // Those that overlap in time are looked at together.
    let mut rest = first.as_slice();
    while !rest.is_empty() {
        let (mut until, mut count) = (i64::MIN, 0);
        for at in rest {
            let run = &runs[*at].0;
            if count > 0 && run.between().0 >= until {
                break;
            }
            let (_, left) = run.between();
            until = until.max(run.restored().unwrap_or(left)).max(left);
            count += 1;
        }
        let (now, later) = rest.split_at(count);
        rest = later;
        let dead = places(evidence, facts, runs, now, &came);
        if dead.is_empty() {
            continue;
        }
        for at in now {
            let (run, cause) = &mut runs[*at];
            let mine = |one: &Dead| {
                facts
                    .flow(run.flow)
                    .is_some_and(|flow| one.accounts_for(evidence, flow, run))
            };
            if u64::from(run.frames) < LEAST && !dead.iter().any(mine) {
                *cause = Cause::Unexplained;
            }
        }
        all.extend(dead);
    }
    for (run, cause) in runs.iter_mut().filter(|(_, cause)| *cause == Cause::Unexplained) {
        let mine = |one: &Dead| {
            facts
                .flow(run.flow)
                .is_some_and(|flow| one.accounts_for(evidence, flow, run))
        };
        if all.iter().any(mine) {
            *cause = Cause::DeadPath;
        }
    }
    just_before(runs, &came);
    all
}

/// The places that the `now`-th of `runs` show to have been dead.
fn places(
    evidence: &Evidence<'_>,
    facts: &Facts,
    runs: &[Judged],
    now: &[usize],
    came: &BTreeMap<u32, Vec<i64>>,
) -> Vec<Dead> {
    let sides = |of: fn((i64, i64)) -> i64| now.iter().map(|at| of(runs[*at].0.between())).collect();
    let (Some(from), Some(to)) = (quantile(sides(|two| two.0), 50), quantile(sides(|two| two.1), 50)) else {
        return Vec::new();
    };
    let mut lost: BTreeMap<u32, u64> = BTreeMap::new();
    for at in now {
        *lost.entry(runs[*at].0.flow).or_default() += u64::from(runs[*at].0.frames);
    }
    let numbered = (0u32..).zip(facts.flows());
    let (paths, flows): (Vec<Path>, Vec<u32>) = numbered
        .filter_map(|(number, flow)| {
            let struck = lost.get(&number).copied().unwrap_or(0);
            let sent = struck + between(came.get(&number), from, to);
            let path = Path {
                sender: flow.sender,
                arrival: flow.arrival,
                sent,
                struck,
            };
            (sent > 0).then_some((path, number))
        })
        .unzip();
    let found = locate(&paths, evidence.places);
    let dead = found.into_iter().filter_map(|place| {
        let here: Vec<u32> = place.paths.iter().filter_map(|at| flows.get(*at)).copied().collect();
        let mine = now.iter().map(|at| &runs[*at].0).filter(|run| here.contains(&run.flow));
        let times: Vec<(i64, i64)> = mine
            .filter_map(|run| Some(near(evidence, place.part, facts.flow(run.flow)?, run)))
            .collect();
        let first = times.iter().map(|two| two.0).min()?;
        let last = times.iter().map(|two| two.1).max()?;
        let from = quantile(times.iter().map(|two| two.0).collect(), 75)?;
        let to = quantile(times.iter().map(|two| two.1).collect(), 25)?;
        let is_usual = is_usual(evidence, facts, runs, &place, last.saturating_sub(first));
        (place.struck >= LEAST && from < to && !is_usual).then_some(Dead {
            part: place.part,
            from,
            to,
        })
    });
    dead.collect()
}

/// Whether what was lost at `place` in so much `time` is no more than what is lost there at other times, for no such reason.
#[expect(clippy::cast_precision_loss, reason = "numbers of frames, and times")]
fn is_usual(evidence: &Evidence<'_>, facts: &Facts, runs: &[Judged], place: &Whereabouts, time: i64) -> bool {
    let others = runs.iter().filter(|(run, cause)| {
        let flow = facts.flow(run.flow);
        *cause == Cause::Unexplained && flow.is_some_and(|flow| passes(evidence, flow, place.part))
    });
    let lost: u64 = others.map(|(run, _)| u64::from(run.frames)).sum();
    let all = evidence.end.0.max(1) as f64;
    let due = lost as f64 * time as f64 / (all - time as f64).max(1.0);
    place.struck as f64 <= due + 4.0 * due.sqrt()
}

/// What was lost shortly before the rest of its flow, where hardly anything was at other times.
fn just_before(runs: &mut [Judged], came: &BTreeMap<u32, Vec<i64>>) {
    let mut dead: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for (run, _) in runs.iter().filter(|(_, cause)| *cause == Cause::DeadPath) {
        dead.entry(run.flow).or_default().push(run.between().0);
    }
    // Of each flow, the stretches before it lost all.
    let is_before = |run: &Run| {
        let mut begins = dead.get(&run.flow).into_iter().flatten();
        let times = came.get(&run.flow);
        begins.any(|begin| run.between().1 <= *begin && between(times, run.between().1, *begin) < BEFORE)
    };
    let open = || (0..runs.len()).filter(|at| runs[*at].1 == Cause::Unexplained);
    let (inside, outside): (Vec<usize>, Vec<usize>) = open().partition(|at| is_before(&runs[*at].0));
    // Where others are lost at other times, flows that were cut off are compared with themselves.
    let clean = outside.is_empty();
    let counts = |flow: u32| clean || dead.contains_key(&flow);
    let sum = |of: &[usize]| -> u64 {
        let mine = of.iter().map(|at| &runs[*at].0).filter(|run| counts(run.flow));
        mine.map(|run| u64::from(run.frames)).sum()
    };
    let came = came.iter().filter(|(flow, _)| counts(**flow));
    let all: u64 = came.map(|(_, times)| times.len() as u64).sum();
    let there = dead
        .values()
        .map(|begins| BEFORE * begins.len() as u64)
        .sum::<u64>()
        .min(all);
    let limit = if clean { UNLIKELY.0 } else { UNLIKELY.1 };
    if !inside.is_empty() && chance(sum(&inside), there, sum(&outside), all - there) < limit {
        for at in inside {
            runs[at].1 = Cause::DeadPath;
        }
    }
}

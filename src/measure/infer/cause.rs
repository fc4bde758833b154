//! Why frames were lost: what their queue was like, and who was paused, when they were.
//!
//! Contract: a frame that is lost for want of room is lost where there is none: at the depth at which its queue
//! turns frames away, or while its class is being paused. So losses are *concentrated* there, against what was
//! sent at other times, or they have nothing to do with it; chance has to make it less likely than
//! e to the power of minus 4 that they fell there by themselves. Depth is taken from the waiting of the frames before and after.
//!
//! Left out on purpose: dead paths (`loss`), places (`place`).

use std::collections::BTreeMap;

use super::loss::Run;
use super::path::held;
use super::pfc::paused_spans;
use super::spans::Spans;
use super::waits::Waits;
use super::{Evidence, Facts};

/// Why a run of frames was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// No full queue, no pause and no dead path accounts for it.
    Unexplained,
    /// The queue was as full as it ever came to be.
    FullQueue,
    /// The queue was full because we, behind it, had paused its class.
    BehindPause,
    /// The sender's class was about to be paused: the headroom was full.
    Headroom,
    /// Nothing of the flow came through while nothing was in its way.
    DeadPath,
}

/// Chance may make a concentration at most so likely, as a logarithm.
const UNLIKELY: f64 = -4.0;

/// The same, of a class that is paused somewhere behind several switches, or is said to be lossless: its queues should turn nothing
/// away.
const UNLIKELY_FAR: f64 = -10.0;

/// The depth at which a queue turns frames away is looked for among so many frames before and after.
const NEIGHBOURS: usize = 64;

/// A queue of fewer frames than this is not full.
const FEW: i64 = 3;

/// Of a queue that we held, and behind several switches, where queues are seen only from the paths through them.
const FEW_FAR: i64 = 16;

/// So many frames at once, against what is lost at other times, are a dead path's; as a logarithm.
const BURST: (u64, f64) = (5, -20.0);

/// Pauses are on their way for no longer than this many unloaded delays of the path, and so many frames.
const REACH: (i64, i64) = (2, 8);

/// The frames of one class that wait together: those for one port; behind several switches, those of one path.
type Key = (Option<u16>, u16, u8);

/// Frames that arrived, by departure, and for how long each waited.
#[derive(Debug, Default)]
struct Group {
    times: Vec<(i64, i64)>,
    /// Greatest waiting among the neighbours of each.
    limit: Vec<i64>,
    /// Longest time of a frame on the last link.
    frame: i64,
}

impl Group {
    fn settle(&mut self) {
        self.times.sort_unstable();
        let mut window: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
        let (mut next, count) = (0, self.times.len());
        self.limit = (0..count)
            .map(|at| {
                while next < count && next <= at + NEIGHBOURS {
                    while window
                        .back()
                        .is_some_and(|last| self.times[*last].1 <= self.times[next].1)
                    {
                        window.pop_back();
                    }
                    window.push_back(next);
                    next += 1;
                }
                while window.front().is_some_and(|first| first + NEIGHBOURS < at) {
                    window.pop_front();
                }
                window.front().map_or(0, |first| self.times[*first].1)
            })
            .collect();
    }

    /// Whether a frame that waits for so long stands at the top of a queue whose top is `limit`.
    fn is_top(&self, waited: i64, limit: i64, few: i64) -> bool {
        waited >= few * self.frame && waited >= limit - limit / 16 - 4 * self.frame
    }

    /// The shorter waiting of those that left just before and after `time`, and the limit there.
    fn near(&self, time: i64) -> Option<(i64, i64)> {
        let after = self.times.partition_point(|(left, _)| *left <= time);
        self.between(after.checked_sub(1), after)
    }

    fn between(&self, before: Option<usize>, after: usize) -> Option<(i64, i64)> {
        let of = |at: usize| Some((self.times.get(at)?.1, *self.limit.get(at)?));
        match (before.and_then(of), of(after)) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        }
    }

    /// Frames that arrived and whose neighbours stood at the top: the same is asked of what was lost.
    fn at_the_top(&self, few: i64) -> u64 {
        let neighbours = (0..self.times.len()).filter_map(|at| self.between(at.checked_sub(1), at + 1));
        neighbours
            .filter(|(waited, limit)| self.is_top(*waited, *limit, few))
            .count() as u64
    }
}

/// The logarithm of how likely chance makes `inside` of all losses fall among the `there` frames there,
/// when `outside` were lost of `elsewhere` others; an upper bound (Chernoff).
#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
fn chance(inside: u64, there: u64, outside: u64, elsewhere: u64) -> f64 {
    let mean = (outside as f64 + 0.3) / (elsewhere + 1) as f64 * (there + inside) as f64;
    let seen = inside as f64;
    if seen <= mean {
        0.0
    } else {
        seen - mean + seen * (mean / seen).ln()
    }
}

/// What a run was lost to, as far as want of room goes; of each of `runs`, in their order.
#[must_use]
pub fn of_room(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits, runs: &[Run]) -> Vec<Cause> {
    let mut causes = vec![Cause::Unexplained; runs.len()];
    if runs.is_empty() {
        return causes;
    }
    let room = Room::new(evidence, facts, waits);
    room.pauses(facts, runs, &mut causes);
    room.held_queues(evidence, facts, runs, &mut causes);
    room.full_queues(evidence, facts, runs, &mut causes);
    room.bursts(evidence, facts, runs, &mut causes);
    causes
}

struct Room<'a> {
    groups: BTreeMap<Key, Group>,
    waits: &'a Waits,
    /// When each class of each port was paused.
    paused: Vec<[Spans; 8]>,
    /// Departures of what arrived, by sender and class.
    left: BTreeMap<(u16, u8), Vec<i64>>,
}

impl<'a> Room<'a> {
    fn new(evidence: &Evidence<'_>, facts: &Facts, waits: &'a Waits) -> Room<'a> {
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        let mut left: BTreeMap<(u16, u8), Vec<i64>> = BTreeMap::new();
        for (one, wait) in waits.iter(evidence) {
            let Some(flow) = facts.flow(one.flow) else { continue };
            let group = groups.entry(key(evidence, flow)).or_default();
            group.times.push((wait.left, wait.waited));
            let speed = evidence
                .plan
                .ports
                .get(usize::from(flow.arrival))
                .map(|port| port.speed);
            let own = speed.map_or(0, |speed| speed.wire_time(u64::from(one.len)).0.cast_signed());
            group.frame = group.frame.max(own);
            left.entry((flow.sender, flow.class)).or_default().push(wait.left);
        }
        groups.values_mut().for_each(Group::settle);
        left.values_mut().for_each(|times| times.sort_unstable());
        Room {
            groups,
            waits,
            paused: paused_spans(evidence),
            left,
        }
    }

    /// Whether any port was asked to pause `class`.
    fn is_paused(&self, class: u8) -> bool {
        self.paused
            .iter()
            .any(|classes| !classes[usize::from(class & 7)].is_empty())
    }

    /// Losses just before a sender's class was paused, or went on being paused.
    fn pauses(&self, facts: &Facts, runs: &[Run], causes: &mut [Cause]) {
        for class in (0..8).filter(|class| self.is_paused(*class)) {
            // Of each sender, the stretches of its departures that a pause came too late for.
            let mut windows: BTreeMap<u16, Vec<(i64, i64)>> = BTreeMap::new();
            for (port, classes) in (0u16..).zip(&self.paused) {
                let frame = self.groups.values().map(|group| group.frame).max().unwrap_or(0);
                let reach = REACH.0 * self.waits.reach(port) + REACH.1 * frame;
                let spans = classes[usize::from(class)].iter();
                windows.insert(port, spans.map(|(from, _)| (from - reach, from + frame)).collect());
            }
            let within = |sender: u16, time: i64| {
                windows.get(&sender).is_some_and(|windows| {
                    let at = windows.partition_point(|(_, to)| *to < time);
                    windows.get(at).is_some_and(|(from, _)| *from <= time)
                })
            };
            let (mut there, mut elsewhere) = (0u64, 0u64);
            for ((sender, of), times) in &self.left {
                if *of == class {
                    let inside = times.iter().filter(|time| within(*sender, **time)).count() as u64;
                    there += inside;
                    elsewhere += times.len() as u64 - inside;
                }
            }
            let mine: Vec<(usize, bool)> = runs
                .iter()
                .enumerate()
                .filter_map(|(at, run)| {
                    let flow = facts.flow(run.flow).filter(|flow| flow.class == class)?;
                    Some((at, within(flow.sender, run.began())))
                })
                .collect();
            let inside = mine.iter().filter(|(_, inside)| *inside).count() as u64;
            if chance(inside, there, mine.len() as u64 - inside, elsewhere) < UNLIKELY {
                for (at, _) in mine.into_iter().filter(|(_, inside)| *inside) {
                    causes[at] = Cause::Headroom;
                }
            }
        }
    }

    /// Losses in a queue that we held, behind a frame that waited there until we let it go.
    fn held_queues(&self, evidence: &Evidence<'_>, facts: &Facts, runs: &[Run], causes: &mut [Cause]) {
        for (at, run) in runs.iter().enumerate() {
            if causes[at] != Cause::Unexplained {
                continue;
            }
            let Some(flow) = facts.flow(run.flow).filter(|flow| !self.is_paused(flow.class)) else {
                continue;
            };
            let Some(group) = self.groups.get(&key(evidence, flow)) else {
                continue;
            };
            let began = run.began();
            let before = group.times.partition_point(|(left, _)| *left <= began).checked_sub(1);
            let waited = before
                .and_then(|at| group.times.get(at))
                .map_or(0, |(_, waited)| *waited);
            let ours = &held(evidence, usize::from(flow.arrival))[usize::from(flow.class & 7)];
            if waited >= FEW_FAR * group.frame && ours.overlap(began, began.saturating_add(waited)) {
                causes[at] = Cause::BehindPause;
            }
        }
    }

    /// Whether the flow of a run that has no end was shut out of a queue that stayed full: others may have all the room.
    fn is_shut_out(&self, evidence: &Evidence<'_>, facts: &Facts, run: &Run) -> bool {
        let Some(flow) = facts.flow(run.flow).filter(|flow| !self.is_paused(flow.class)) else {
            return false;
        };
        let key = key(evidence, flow);
        let Some(group) = self
            .groups
            .get(&key)
            .filter(|_| key.0.is_none() && run.restored().is_none())
        else {
            return false;
        };
        let first = group.times.partition_point(|(left, _)| *left <= run.began());
        let mut rest = group.times.iter().zip(&group.limit).skip(first).peekable();
        rest.peek().is_some() && rest.all(|((_, waited), limit)| group.is_top(*waited, *limit, FEW))
    }

    /// What was lost at one time and hardly at another, by flows of which few or none of the others came meanwhile: each may
    /// have lost too few to be told by itself.
    fn bursts(&self, evidence: &Evidence<'_>, facts: &Facts, runs: &[Run], causes: &mut [Cause]) {
        let mut left: Vec<i64> = self.left.values().flatten().copied().collect();
        left.sort_unstable();
        let open = (0..runs.len())
            .filter(|at| causes[*at] == Cause::Unexplained && !self.is_shut_out(evidence, facts, &runs[*at]));
        let mut order: Vec<(i64, u64, usize)> = open
            .map(|at| (runs[at].began(), u64::from(runs[at].frames), at))
            .collect();
        order.sort_unstable();
        let mut sums = vec![0u64];
        for (_, frames, _) in &order {
            sums.push(sums.last().copied().unwrap_or(0) + frames);
        }
        let all = sums.last().copied().unwrap_or(0);
        for (_, _, at) in &order {
            let (from, to) = runs[*at].left();
            let lost = |time: i64, closed: bool| {
                sums[order.partition_point(|(began, _, _)| *began < time || closed && *began == time)]
            };
            let came = |time: i64| left.partition_point(|one| *one <= time) as u64;
            let inside = lost(to, true).saturating_sub(lost(from, false));
            let there = came(to).saturating_sub(came(from));
            let elsewhere = left.len() as u64 - there;
            if inside >= BURST.0 && chance(inside, there, all - inside, elsewhere) < BURST.1 {
                causes[*at] = Cause::DeadPath;
            }
        }
    }

    /// Losses at the depth at which a queue turns frames away.
    fn full_queues(&self, evidence: &Evidence<'_>, facts: &Facts, runs: &[Run], causes: &mut [Cause]) {
        let mut of_group: BTreeMap<Key, Vec<(usize, bool)>> = BTreeMap::new();
        for (at, run) in runs
            .iter()
            .enumerate()
            .filter(|(at, _)| causes[*at] == Cause::Unexplained)
        {
            let Some(flow) = facts.flow(run.flow) else { continue };
            let key = key(evidence, flow);
            let Some(group) = self.groups.get(&key) else { continue };
            let few = if key.0.is_some() { FEW_FAR } else { FEW };
            let top = group
                .near(run.began())
                .is_some_and(|(waited, limit)| group.is_top(waited, limit, few));
            of_group.entry(key).or_default().push((at, top));
        }
        // Paths behind several switches share queues that nobody sees: they are judged together.
        let mut pooled: BTreeMap<(bool, u16, u8), Vec<Key>> = BTreeMap::new();
        for key in of_group.keys() {
            let far = key.0.is_some();
            pooled
                .entry((far, if far { 0 } else { key.1 }, key.2))
                .or_default()
                .push(*key);
        }
        for ((far, _, class), keys) in pooled {
            let paused = self.is_paused(class);
            if paused && !far {
                continue;
            }
            let (mut inside, mut there, mut outside, mut elsewhere) = (0, 0, 0, 0);
            for key in &keys {
                let (group, runs) = (&self.groups[key], &of_group[key]);
                let top = group.at_the_top(if far { FEW_FAR } else { FEW });
                let lost = runs.iter().filter(|(_, top)| *top).count() as u64;
                inside += lost;
                outside += runs.len() as u64 - lost;
                there += top;
                elsewhere += group.times.len() as u64 - top;
            }
            let said = evidence
                .configured
                .lossless
                .is_some_and(|classes| classes >> (class & 7) & 1 == 1);
            let limit = if paused || said { UNLIKELY_FAR } else { UNLIKELY };
            if chance(inside, there, outside, elsewhere) >= limit {
                continue;
            }
            for key in keys {
                for (at, _) in of_group[&key].iter().filter(|(_, top)| *top) {
                    causes[*at] = if paused { Cause::Headroom } else { Cause::FullQueue };
                }
            }
        }
    }
}

fn key(evidence: &Evidence<'_>, flow: &super::facts::Flow) -> Key {
    let leaf = |port: u16| evidence.places.get(usize::from(port)).map(|place| place.leaf);
    let far = leaf(flow.sender) != leaf(flow.arrival);
    (far.then_some(flow.sender), flow.arrival, flow.class)
}

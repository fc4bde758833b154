//! Why frames were lost: what their queue was like, and who was paused, when they were.
//!
//! Contract: a frame that is lost for want of room is lost where there is none: at the depth at which its queue
//! turns frames away, or while its class is being paused. So losses are *concentrated* there, against what was
//! sent at other times, or they have nothing to do with it; chance has to make it less likely than
//! e to the power of minus 4 that they fell there by themselves. Depth is taken from the waiting of the frames before and after.
//! Where a queue was full all the time, nothing was sent at other times: then being deep is enough.
//!
//! The rules are asked in this order, each of what those before it left: just before a pause; in a queue that we held; at the top of a
//! queue; behind several switches, beside frames that waited long; in queues that others stood in; while the same switch turned others away; all at once.
//!
//! Left out on purpose: dead paths (`loss`), places (`place`).

use std::collections::BTreeMap;

use super::crowd::{Crowd, switches};
use super::facts::Flow;
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

/// Of a queue that we held.
const FEW_HELD: i64 = 16;

/// A queue of so many frames is deep, and that alone accounts for losses in it where it was always so.
const DEEP: i64 = 32;

/// Waits beside which losses are looked for behind several switches, in frames: from this one on, each twice as long.
const LEAST_WAIT: i64 = 4;

/// Who is turned away by one switch is so within this many frames' time of others.
const TOGETHER: i64 = 64;

/// So many frames at once, against what is lost at other times, are a dead path's; as a logarithm.
const BURST: (u64, f64) = (5, -20.0);

/// Pauses are on their way for no longer than this many unloaded delays of the path, and so many frames.
const REACH: (i64, i64) = (2, 8);

/// The frames of one class that wait together: those for one port; behind several switches, those of one flow, since flows of one
/// path may go different ways, or of the path, where nothing came of the flow.
type Key = (Option<(u16, Option<u32>)>, u16, u8);

/// Frames that arrived, by departure, and for how long each waited.
#[derive(Debug, Default)]
struct Group {
    times: Vec<(i64, i64)>,
    /// Greatest waiting among the neighbours of each.
    limit: Vec<i64>,
    /// The shorter waiting of those before and after each, sorted.
    beside: Vec<i64>,
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
        self.beside = (0..count)
            .filter_map(|at| self.between(at.checked_sub(1), at + 1))
            .map(|(waited, _)| waited)
            .collect();
        self.beside.sort_unstable();
    }

    /// Of the frames that arrived, the share whose neighbours waited so long, and less than `below`.
    #[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
    fn share_beside(&self, wait: i64, below: i64) -> f64 {
        let until = |wait: i64| self.beside.partition_point(|one| *one < wait);
        let all = until(below);
        (all.saturating_sub(until(wait)) + 1) as f64 / (all + 1) as f64
    }

    /// Whether a frame that waits for so long stands at the top of a queue whose top is `limit`.
    fn is_top(&self, waited: i64, limit: i64) -> bool {
        waited >= FEW * self.frame && waited >= limit - limit / 16 - 4 * self.frame
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
    fn at_the_top(&self) -> u64 {
        let neighbours = (0..self.times.len()).filter_map(|at| self.between(at.checked_sub(1), at + 1));
        neighbours
            .filter(|(waited, limit)| self.is_top(*waited, *limit))
            .count() as u64
    }
}

/// Losses and arrivals, where there was no room and where there was.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    inside: u64,
    there: u64,
    outside: u64,
    elsewhere: u64,
}

impl Tally {
    fn lost(&mut self, inside: bool) {
        *(if inside { &mut self.inside } else { &mut self.outside }) += 1;
    }

    fn came(&mut self, inside: bool, frames: u64) {
        *(if inside { &mut self.there } else { &mut self.elsewhere }) += frames;
    }

    fn is_concentrated(&self, limit: f64) -> bool {
        chance(self.inside, self.there, self.outside, self.elsewhere) < limit
    }

    /// Whether hardly a frame tells how it was elsewhere.
    fn is_everywhere(&self) -> bool {
        self.inside > 0 && self.outside * 20 <= self.inside && self.elsewhere * 10 <= self.there
    }
}

/// The logarithm of how likely chance puts `inside` of `all` independent events into places that have `mean` of them on average
/// together; an upper bound (Hoeffding).
#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
fn divergence(inside: u64, all: u64, mean: f64) -> f64 {
    let (seen, due) = (inside as f64 / all.max(1) as f64, mean / all.max(1) as f64);
    if seen <= due {
        return 0.0;
    }
    let term = |seen: f64, due: f64| {
        if seen > 0.0 {
            seen * (seen / due.max(1e-12)).ln()
        } else {
            0.0
        }
    };
    -(all as f64) * (term(seen, due) + term(1.0 - seen, 1.0 - due))
}

/// The logarithm of how likely chance makes `inside` of all losses fall among the `there` frames there,
/// when `outside` were lost of `elsewhere` others; an upper bound (Chernoff).
#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
pub(super) fn chance(inside: u64, there: u64, outside: u64, elsewhere: u64) -> f64 {
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
    room.long_waits(evidence, facts, runs, &mut causes);
    let crowd = Crowd::of(evidence, facts, waits);
    room.crowded(evidence, facts, runs, &mut causes, |flow, left| {
        crowd.meets(evidence, flow, left)
    });
    room.crowded(evidence, facts, runs, &mut causes, |flow, left| {
        crowd.meets_full(evidence, flow, left)
    });
    room.beside_others(evidence, facts, runs, &mut causes);
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
            left.entry((flow.sender, flow.class)).or_default().push(wait.left);
            if wait.stray {
                continue;
            }
            let whole = key(evidence, flow);
            let single = whole
                .0
                .map(|(sender, _)| (Some((sender, Some(one.flow))), whole.1, whole.2));
            let speed = evidence
                .plan
                .ports
                .get(usize::from(flow.arrival))
                .map(|port| port.speed);
            let own = speed.map_or(0, |speed| speed.wire_time(u64::from(one.len)).0.cast_signed());
            for key in single.into_iter().chain([whole]) {
                let group = groups.entry(key).or_default();
                group.times.push((wait.left, wait.waited));
                group.frame = group.frame.max(own);
            }
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

    /// The frames with which those of `run` wait.
    fn group(&self, evidence: &Evidence<'_>, flow: &Flow, run: &Run) -> Option<(Key, &Group)> {
        let whole = key(evidence, flow);
        let single = whole
            .0
            .map(|(sender, _)| (Some((sender, Some(run.flow))), whole.1, whole.2));
        let mut keys = single.into_iter().chain([whole]);
        keys.find_map(|key| Some((key, self.groups.get(&key)?)))
    }

    /// Whether queues of `class` are to turn nothing away.
    fn is_lossless(&self, evidence: &Evidence<'_>, class: u8) -> bool {
        let said = evidence.configured.lossless;
        self.is_paused(class) || said.is_some_and(|classes| classes >> (class & 7) & 1 == 1)
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
            if waited >= FEW_HELD * group.frame && ours.overlap(began, began.saturating_add(waited)) {
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
        rest.peek().is_some() && rest.all(|((_, waited), limit)| group.is_top(*waited, *limit))
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
        let mut of_group: BTreeMap<Key, Vec<(usize, Option<i64>)>> = BTreeMap::new();
        for (at, run, flow) in open(facts, runs, causes).filter(|(_, _, flow)| !self.is_paused(flow.class)) {
            let Some((key, group)) = self.group(evidence, flow, run).filter(|(key, _)| key.0.is_none()) else {
                continue;
            };
            let near = group.near(run.began());
            let top = near.filter(|(waited, limit)| group.is_top(*waited, *limit));
            of_group
                .entry(key)
                .or_default()
                .push((at, top.map(|(waited, _)| waited)));
        }
        for (key, runs) in of_group {
            let group = &self.groups[&key];
            let top = group.at_the_top();
            let mut tally = Tally::default();
            tally.came(true, top);
            tally.came(false, group.times.len() as u64 - top);
            runs.iter().for_each(|(_, top)| tally.lost(top.is_some()));
            let lossless = self.is_lossless(evidence, key.2);
            let limit = if lossless { UNLIKELY_FAR } else { UNLIKELY };
            let deep = runs
                .iter()
                .filter_map(|(_, top)| *top)
                .all(|waited| waited >= DEEP * group.frame);
            if tally.is_concentrated(limit) || !lossless && deep && tally.is_everywhere() {
                for (at, _) in runs.iter().filter(|(_, top)| top.is_some()) {
                    causes[*at] = Cause::FullQueue;
                }
            }
        }
    }

    /// Behind several switches, losses beside frames that waited long: in which queue nobody sees. They are
    /// compared with the arrivals of their own flow, since a bad link and a full queue may be of the same way.
    fn long_waits(&self, evidence: &Evidence<'_>, facts: &Facts, runs: &[Run], causes: &mut [Cause]) {
        let mut of_class: BTreeMap<u8, Vec<(usize, &Group, i64)>> = BTreeMap::new();
        for (at, run, flow) in open(facts, runs, causes) {
            let Some((_, group)) = self.group(evidence, flow, run).filter(|(key, _)| key.0.is_some()) else {
                continue;
            };
            if let Some((waited, _)) = group.near(run.began()) {
                of_class.entry(flow.class).or_default().push((at, group, waited));
            }
        }
        for (class, mut mine) in of_class {
            let cause = if self.is_paused(class) {
                Cause::Headroom
            } else {
                Cause::FullQueue
            };
            let mut below = i64::MAX;
            // Limits move with the use of the buffer: what is left is looked at again, at shorter waits.
            while let Some((wait, likely)) = concentrated(&mine, below) {
                if likely >= UNLIKELY_FAR {
                    break;
                }
                for (at, group, waited) in &mine {
                    if *waited >= wait * group.frame {
                        causes[*at] = cause;
                    }
                }
                mine.retain(|(_, group, waited)| *waited < wait * group.frame);
                below = wait;
            }
            if self.is_lossless(evidence, class) {
                continue;
            }
            for (at, group, waited) in mine {
                let wait = DEEP * group.frame;
                if waited >= wait && group.share_beside(wait, i64::MAX) >= 0.9 {
                    causes[at] = cause;
                }
            }
        }
    }

    /// Losses where others stood in a deep queue, or filled a switch, as `meets` says: of a flow that was shut out its own frames say nothing.
    fn crowded(
        &self,
        evidence: &Evidence<'_>,
        facts: &Facts,
        runs: &[Run],
        causes: &mut [Cause],
        meets: impl Fn(&Flow, (i64, i64)) -> bool,
    ) {
        let may = |flow: &Flow| !self.is_lossless(evidence, flow.class);
        let mut tally = Tally::default();
        let (mut inside, mut long) = (Vec::new(), Vec::new());
        for (at, run, flow) in open(facts, runs, causes).filter(|(_, _, flow)| may(flow)) {
            let is_inside = meets(flow, run.inner());
            if is_inside && u64::from(run.frames) >= BURST.0 {
                // No chance makes so long a run: a queue that was deep from its beginning to its end does.
                long.push(at);
                continue;
            }
            tally.lost(is_inside);
            if is_inside {
                inside.push(at);
            }
        }
        long.into_iter().for_each(|at| causes[at] = Cause::FullQueue);
        if inside.is_empty() {
            return;
        }
        for (one, wait) in self.waits.iter(evidence) {
            if let Some(flow) = facts.flow(one.flow).filter(|flow| may(flow)) {
                tally.came(meets(flow, (wait.left, wait.left)), 1);
            }
        }
        // Where it was so most of the time, and nothing was lost at other times, that accounts for it.
        let mostly = tally.outside == 0 && tally.elsewhere <= tally.there;
        if tally.is_concentrated(UNLIKELY) || tally.is_everywhere() || mostly {
            for at in inside {
                causes[at] = Cause::FullQueue;
            }
        }
    }

    /// Losses while the same switch turned others away: they share its buffer, and one's own queue may be short.
    fn beside_others(&self, evidence: &Evidence<'_>, facts: &Facts, runs: &[Run], causes: &mut [Cause]) {
        let frame = self.groups.values().map(|group| group.frame).max().unwrap_or(0);
        let reach = TOGETHER * frame;
        let mut full: BTreeMap<Option<u32>, Vec<(i64, i64)>> = BTreeMap::new();
        for (run, _) in runs
            .iter()
            .zip(causes.iter())
            .filter(|(_, cause)| **cause == Cause::FullQueue)
        {
            let Some(flow) = facts.flow(run.flow) else { continue };
            for switch in switches(evidence, flow) {
                let began = run.began();
                full.entry(switch).or_default().push((began - reach, began + reach));
            }
        }
        if full.is_empty() {
            return;
        }
        let full: BTreeMap<Option<u32>, Spans> = full
            .into_iter()
            .map(|(switch, all)| (switch, Spans::joined(all.into_iter())))
            .collect();
        let within = |flow: &Flow, time: i64| {
            let mut passed = switches(evidence, flow)
                .into_iter()
                .filter_map(|switch| full.get(&switch));
            passed.any(|spans| spans.overlap(time, time))
        };
        let mut tally = Tally::default();
        let mut inside = Vec::new();
        for (at, run, flow) in open(facts, runs, causes).filter(|(_, _, flow)| !self.is_lossless(evidence, flow.class))
        {
            let is_inside = within(flow, run.began());
            tally.lost(is_inside);
            if is_inside {
                inside.push(at);
            }
        }
        if inside.is_empty() {
            return;
        }
        for (one, wait) in self.waits.iter(evidence) {
            let flow = facts
                .flow(one.flow)
                .filter(|flow| !self.is_lossless(evidence, flow.class));
            if let Some(flow) = flow {
                tally.came(within(flow, wait.left), 1);
            }
        }
        // Where others were turned away most of the time, and nothing was lost at other times, that accounts for the few that are left.
        let mostly = tally.outside == 0 && tally.elsewhere <= tally.there;
        if tally.is_concentrated(UNLIKELY) || tally.is_everywhere() || mostly {
            for at in inside {
                causes[at] = Cause::FullQueue;
            }
        }
    }
}

/// Runs that nothing accounts for yet, with their flows.
fn open<'a>(
    facts: &'a Facts,
    runs: &'a [Run],
    causes: &'a [Cause],
) -> impl Iterator<Item = (usize, &'a Run, &'a Flow)> + 'a {
    let all = runs.iter().zip(causes).enumerate();
    all.filter(|(_, (_, cause))| **cause == Cause::Unexplained)
        .filter_map(|(at, (run, _))| Some((at, run, facts.flow(run.flow)?)))
}

/// The wait, in frames and less than `below`, at and above which losses are least likely to be by chance; and how likely, as a logarithm.
fn concentrated(runs: &[(usize, &Group, i64)], below: i64) -> Option<(i64, f64)> {
    let waits = std::iter::successors(Some(LEAST_WAIT), |wait| wait.checked_mul(2));
    let waits = waits.take_while(|wait| *wait < below.min(1 << 24));
    let likely = waits.map(|wait| {
        let (mut inside, mut mean) = (0, 0.0);
        for (_, group, waited) in runs {
            let frame = group.frame.max(1);
            inside += u64::from(*waited >= wait * frame);
            mean += group.share_beside(wait * frame, below.saturating_mul(frame));
        }
        (wait, divergence(inside, runs.len() as u64, mean))
    });
    likely.min_by(|a, b| a.1.total_cmp(&b.1))
}

fn key(evidence: &Evidence<'_>, flow: &Flow) -> Key {
    let far = evidence.leaf(flow.sender) != evidence.leaf(flow.arrival);
    (far.then_some((flow.sender, None)), flow.arrival, flow.class)
}

//! Frames that did not arrive: in which runs, at which depth, and for how long a flow was cut off.
//!
//! Contract: runs that are longer than chance makes them, at the loss that the others in the queue had at the time, are *outages*:
//! a link or a path that was dead.
//!
//! Left out on purpose: where a frame was lost, which nobody can tell from outside.

use super::cause::{self, Cause};
use super::dead::{self, Dead};
use super::queue::{Port, Queue, departure};
use super::runs;
pub use super::runs::Run;
use super::waits::Waits;
use super::{Evidence, Facts};
use crate::units::Picos;

/// Runs whose chance is below e to the power of minus this are outages.
const IMPROBABLE: f64 = 20.0;

/// A loss ratio is taken for no less than this, and for no more than one less this.
const LEAST_RATIO: f64 = 0.01;

/// Runs that are looked at for being outages: the longest.
const LOOKED_AT: usize = 256;

/// Outages that are listed.
pub const LISTED: usize = 64;

/// Time in which a flow was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The flow.
    pub flow: u32,
    /// When its first missing frame left, by its neighbours.
    pub began: Picos,
    /// When its first frame arrived again; `None`: none did.
    pub restored: Option<Picos>,
    /// From the last arrival before to the first after.
    pub gap: Option<Picos>,
    /// Frames missing.
    pub lost: u32,
}

impl Outage {
    fn of(run: &Run) -> Outage {
        Outage {
            flow: run.flow,
            began: picos(run.began()),
            restored: run.restored().map(picos),
            gap: run.gap().map(picos),
            lost: run.frames,
        }
    }
}

/// Loss in one queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Frames missing.
    pub lost: u64,
    /// Runs of them.
    pub runs: u64,
    /// The longest run.
    pub longest: u64,
    /// Runs by length: 1, 2–3, 4–7, 8–15, ….
    pub lengths: Vec<u64>,
    /// When the first missing frame left its sender.
    pub onset: Picos,
    /// Its flow and the low 32 bits of its sequence number.
    pub first: (u32, u32),
    /// Bytes in the queue when it would have entered.
    pub depth: Option<u64>,
    /// Bytes that had entered by then since the queue was last empty.
    pub absorbed: Option<u64>,
    /// Depth at the beginning of each run: least, median and greatest.
    pub depths: Option<[u64; 3]>,
    /// Flows that were cut off; the first [`LISTED`] by time.
    pub outages: Vec<Outage>,
    /// How many there were.
    pub outage_count: u64,
    /// Frames lost in them.
    pub outage_lost: u64,
    /// From the first loss in an outage to the last restoration; `None` while one was not restored.
    pub convergence: Option<Picos>,
}

fn picos(time: i64) -> Picos {
    Picos(time.max(0).unsigned_abs())
}

/// A queue: its port and class.
pub type Key = (usize, u8);

/// Frames that are missing one after another, and why.
pub type Judged = (Run, Cause);

/// What was lost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Losses {
    /// Loss of each queue, by port and class, without those that lost nothing.
    pub queues: Vec<(Key, Loss)>,
    /// All runs, each with its cause.
    pub runs: Vec<Judged>,
    /// Where paths were dead, and when.
    pub dead: Vec<Dead>,
}

/// What was lost in which queue, and why.
#[must_use]
pub fn infer(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits, ports: &[Port]) -> Losses {
    let mut of_queue: Vec<(Key, Vec<Judged>)> = Vec::new();
    let runs = runs::of(evidence, facts);
    let causes = cause::of_room(evidence, facts, waits, &runs);
    for run in runs.into_iter().zip(causes) {
        let Some(flow) = facts.flow(run.0.flow) else { continue };
        let key = (usize::from(flow.arrival), flow.class);
        match of_queue.iter_mut().find(|(known, _)| *known == key) {
            Some((_, runs)) => runs.push(run),
            None => of_queue.push((key, vec![run])),
        }
    }
    of_queue.sort_by_key(|(key, _)| *key);
    let place = |key: Key| {
        let queues = ports
            .iter()
            .flat_map(|port| port.queues.iter().map(move |queue| (port, queue)));
        queues.into_iter().find(|(_, queue)| (queue.port, queue.class) == key)
    };
    let mut judged = Vec::new();
    let mut keys = Vec::new();
    for (key, mut runs) in of_queue {
        runs.sort_by_key(|(run, _)| (run.began(), run.flow, run.seq));
        mark_outages(evidence, facts, place(key), &mut runs);
        keys.push((key, runs.len()));
        judged.extend(runs);
    }
    // A dead path is that of many queues.
    let dead = dead::settle(evidence, facts, &mut judged);
    let mut rest = judged.as_slice();
    let queues = keys.into_iter().filter_map(|(key, count)| {
        let (mine, others) = rest.split_at(count.min(rest.len()));
        rest = others;
        Some((key, of_runs(facts, place(key), mine)?))
    });
    let queues = queues.collect();
    Losses {
        queues,
        runs: judged,
        dead,
    }
}

/// How deep a queue was when the first frame of a run would have entered it.
fn depth_before(facts: &Facts, place: Option<(&Port, &Queue)>, run: &Run) -> Option<u64> {
    enter(facts, place, run).map(|(queue, time)| queue.depth_at(time))
}

/// When a frame of the run would have entered the queue.
fn enter<'a>(facts: &Facts, place: Option<(&Port, &'a Queue)>, run: &Run) -> Option<(&'a Queue, i64)> {
    let (port, queue) = place?;
    let len = queue.frames.iter().map(|frame| frame.len).max()?;
    let unloaded = port.paths.unloaded(facts, run.flow, len)?;
    Some((queue, run.began() + unloaded - port.paths.on_link(len)))
}

/// The loss of one queue, of its `judged` runs in order.
fn of_runs(facts: &Facts, place: Option<(&Port, &Queue)>, judged: &[Judged]) -> Option<Loss> {
    let runs: Vec<Run> = judged.iter().map(|(run, _)| *run).collect();
    let first = *runs.first()?;
    let mut depths: Vec<u64> = runs.iter().filter_map(|run| depth_before(facts, place, run)).collect();
    let depth = depths.first().copied();
    depths.sort_unstable();
    let mut lengths = Vec::new();
    for run in &runs {
        let bin = run.frames.max(1).ilog2() as usize;
        lengths.resize(lengths.len().max(bin + 1), 0u64);
        lengths[bin] += 1;
    }
    let dead = judged.iter().filter(|(_, cause)| *cause == Cause::DeadPath);
    let mut outages: Vec<Outage> = dead.map(|(run, _)| Outage::of(run)).collect();
    outages.sort_by_key(|outage| (outage.began, outage.flow));
    let restored = outages.iter().map(|outage| outage.restored).collect::<Option<Vec<_>>>();
    let began = outages.iter().map(|outage| outage.began).min();
    let convergence = restored
        .and_then(|restored| restored.into_iter().max())
        .zip(began)
        .map(|(restored, began)| restored.saturating_sub(began));
    let (outage_count, outage_lost) = (
        outages.len() as u64,
        outages.iter().map(|outage| u64::from(outage.lost)).sum(),
    );
    outages.truncate(LISTED);
    Some(Loss {
        lost: runs.iter().map(|run| u64::from(run.frames)).sum(),
        runs: runs.len() as u64,
        longest: runs.iter().map(|run| u64::from(run.frames)).max().unwrap_or(0),
        lengths,
        onset: picos(first.began()),
        first: (first.flow, first.seq),
        depth,
        absorbed: enter(facts, place, &first).map(|(queue, time)| queue.absorbed_until(time)),
        depths: depths
            .first()
            .zip(depths.get(depths.len() / 2))
            .zip(depths.last())
            .map(|((least, middle), most)| [*least, *middle, *most]),
        outages,
        outage_count,
        outage_lost,
        convergence,
    })
}

/// How the others in the queue fared while a flow's frames were missing.
struct Meanwhile<'a> {
    queue: Option<&'a Queue>,
    /// Departures of what arrived, sorted.
    left: Vec<i64>,
    /// Greatest depth of the queue.
    deepest: u64,
    /// Longest time of a frame on the last link, ps.
    frame: i64,
    end: i64,
    /// Whether a flow comes over several switches: what was lost in a queue was perhaps not lost in this one.
    far: Box<dyn Fn(u32) -> bool + 'a>,
}

/// Frames between two arrivals that are looked through for a silence.
const LOOKED_THROUGH: usize = 100_000;

/// A queue that is as deep as this many frames may have dropped for want of room.
const DEEP: u64 = 16;

impl<'a> Meanwhile<'a> {
    fn new(evidence: &'a Evidence<'_>, facts: &'a Facts, place: Option<(&Port, &'a Queue)>) -> Meanwhile<'a> {
        let far = move |flow: u32| {
            facts
                .flow(flow)
                .is_some_and(|flow| evidence.leaf(flow.sender) != evidence.leaf(flow.arrival))
        };
        let seen = evidence.trace.observations();
        let frames = || place.into_iter().flat_map(|(_, queue)| &queue.frames);
        let mut left: Vec<i64> = frames()
            .filter_map(|frame| departure(seen.get(frame.index as usize)?))
            .collect();
        left.sort_unstable();
        let longest = frames().map(|frame| frame.len).max().unwrap_or(0);
        Meanwhile {
            queue: place.map(|(_, queue)| queue),
            left,
            deepest: frames().filter_map(super::queue::Frame::found).max().unwrap_or(0),
            frame: place.map_or(0, |(port, _)| port.paths.on_link(longest)),
            end: i64::try_from(evidence.end.0).unwrap_or(i64::MAX),
            far: Box::new(far),
        }
    }

    /// Frames that left between two times and arrived.
    fn arrived(&self, from: i64, to: i64) -> u64 {
        let until = self.left.partition_point(|time| *time < to);
        let since = self.left.partition_point(|time| *time <= from);
        until.saturating_sub(since) as u64
    }

    /// Whether most of the time between a run's neighbours nothing at all arrived: no full queue is so.
    fn was_silent(&self, run: &Run) -> bool {
        let (Some(queue), (Some(before), after)) = (self.queue, run.came()) else {
            return false;
        };
        let Some(after) = after else {
            // Nobody says when it would have ended.
            return self.arrived(run.left().0, i64::MAX) * 10 < u64::from(run.frames);
        };
        let from = queue.frames.partition_point(|frame| frame.arrival < before);
        let to = queue.frames.partition_point(|frame| frame.arrival <= after);
        let Some(between) = queue
            .frames
            .get(from..to)
            .filter(|between| between.len() <= LOOKED_THROUGH)
        else {
            return false;
        };
        let gaps = between.windows(2).map(|two| two[1].arrival - two[0].arrival);
        let longest = gaps.max().unwrap_or(0);
        longest >= (after - before) / 2 && longest >= 8 * self.frame
    }

    /// Whether chance does not make such a run, of all the queue's `runs`; `depth` is what was in the
    /// queue when it began.
    fn is_outage(&self, run: &Run, cause: Cause, runs: &[Run], depth: Option<u64>) -> bool {
        if matches!(cause, Cause::Headroom | Cause::BehindPause)
            || cause == Cause::FullQueue && (self.far)(run.flow)
            || f64::from(run.frames) * LEAST_RATIO.ln() > -IMPROBABLE
        {
            return false;
        }
        let (from, to) = run.left();
        let to = if run.restored().is_some() { to } else { self.end };
        let to = to.max(from.saturating_add(1));
        // What was lost with it, of the other flows.
        let with = |other: &&Run| other.flow != run.flow && other.left().0 < to && other.left().1 >= from;
        let lost: u64 = runs.iter().filter(with).map(|other| u64::from(other.frames)).sum();
        let room = DEEP
            * self
                .queue
                .and_then(|queue| queue.frames.first())
                .map_or(0, |frame| u64::from(frame.len));
        let deep = depth.is_some_and(|depth| depth >= room && depth >= self.deepest / 2);
        let full = cause == Cause::FullQueue;
        if full && !deep {
            // Others had the room.
            return false;
        }
        if self.was_silent(run) && (run.restored().is_some() || !deep) {
            return true;
        }
        let came = self.arrived(from, to);
        if full || deep && lost > 0 {
            // Want of room: it may lock some flows out for long.
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio of numbers of frames")]
        let ratio = lost as f64 / (lost + came).max(1) as f64;
        f64::from(run.frames) * ratio.clamp(LEAST_RATIO, 1.0 - LEAST_RATIO).ln() < -IMPROBABLE
    }
}

/// Says of which of the `judged` runs of a queue that they are outages: chance does not make them.
fn mark_outages(evidence: &Evidence<'_>, facts: &Facts, place: Option<(&Port, &Queue)>, judged: &mut [Judged]) {
    let meanwhile = Meanwhile::new(evidence, facts, place);
    let runs: Vec<Run> = judged.iter().map(|(run, _)| *run).collect();
    let mut longest: Vec<usize> = (0..runs.len()).collect();
    longest.sort_by_key(|at| (std::cmp::Reverse(runs[*at].frames), runs[*at].began()));
    longest.truncate(LOOKED_AT);
    for at in longest {
        let depth = depth_before(facts, place, &runs[at]);
        if meanwhile.is_outage(&runs[at], judged[at].1, &runs, depth) {
            judged[at].1 = Cause::DeadPath;
        }
    }
}

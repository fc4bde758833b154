//! Frames that did not arrive: in which runs, at which depth, and for how long a flow was cut off.
//!
//! Contract: a run is a stretch of a flow's sequence numbers of which none arrived; one at the end of a
//! flow is known only where the number of frames sent is. When a frame was lost is taken from the
//! departures of its neighbours. Runs that are longer than chance makes them, at the loss that the
//! others in the queue had at the time, are *outages*: a link or a path that was dead.
//!
//! Left out on purpose: where a frame was lost, which nobody can tell from outside.

use super::queue::{Port, Queue, departure};
use super::{Evidence, Facts};
use crate::measure::trace::Kind;
use crate::units::Picos;

/// Runs whose chance is below e to the power of minus this are outages.
const IMPROBABLE: f64 = 20.0;

/// A loss ratio is taken for no less than this, and for no more than one less this.
const LEAST_RATIO: f64 = 0.01;

/// Runs that are looked at for being outages: the longest.
const LOOKED_AT: usize = 256;

/// Outages that are listed.
pub const LISTED: usize = 64;

/// A run of missing frames of one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The flow.
    pub flow: u32,
    /// Low 32 bits of the first missing sequence number.
    pub seq: u32,
    /// How many are missing.
    pub frames: u32,
    /// Departure of the last frame before, ps; of none, the departure after.
    left_before: i64,
    /// Departure of the first frame after; of none, the departure before.
    left_after: i64,
    /// Arrival of the last frame before; `None`: there is none.
    came_before: Option<i64>,
    /// Arrival of the first frame after.
    came_after: Option<i64>,
}

impl Run {
    /// When its first frame left, as far as its neighbours tell.
    fn began(&self) -> i64 {
        let gap = self.left_after - self.left_before;
        self.left_before + gap / (i64::from(self.frames) + 1)
    }
}

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

/// The runs of every flow.
fn runs(evidence: &Evidence<'_>, facts: &Facts) -> Vec<Run> {
    let seen = evidence.trace.observations();
    let firsts = || (0usize..).zip(seen).filter(|(_, one)| one.kind == Kind::First);
    // Frames by flow: how many, where each flow's begin, and then which.
    let mut ends = vec![0usize; facts.flows().len() + 1];
    for (_, one) in firsts() {
        if let Some(count) = ends.get_mut(one.flow as usize + 1) {
            *count += 1;
        }
    }
    for flow in 1..ends.len() {
        ends[flow] += ends[flow - 1];
    }
    let mut order = vec![0usize; ends.last().copied().unwrap_or(0)];
    let mut next = ends.clone();
    for (index, one) in firsts() {
        if let Some(place) = next
            .get_mut(one.flow as usize)
            .filter(|_| (one.flow as usize) < facts.flows().len())
        {
            order[*place] = index;
            *place += 1;
        }
    }
    let whole = evidence.trace.beyond() == 0;
    let earliest = seen.iter().filter_map(departure).min().unwrap_or(0);
    let mut found = Vec::new();
    for (flow, fact) in (0u32..).zip(facts.flows()) {
        let (from, to) = (ends[flow as usize], ends[flow as usize + 1]);
        let mine = &mut order[from..to];
        mine.sort_unstable_by_key(|index| seen[*index].seq);
        let mut expected = fact.first;
        let mut last: Option<usize> = None;
        let mut miss = |expected: u32, frames: u32, last: Option<usize>, next: Option<usize>| {
            let time = |index: Option<usize>| index.and_then(|index| departure(&seen[index]));
            let (before, after) = (time(last), time(next));
            // A flow of which nothing came was lost from the beginning, as far as anyone can tell.
            let some = before.or(after).unwrap_or(earliest);
            found.push(Run {
                flow,
                seq: expected,
                frames,
                left_before: before.unwrap_or(some),
                left_after: after.unwrap_or(some),
                came_before: last.map(|index| seen[index].arrival.0.cast_signed()),
                came_after: next.map(|index| seen[index].arrival.0.cast_signed()),
            });
        };
        for index in mine.iter() {
            let seq = seen[*index].seq;
            if seq > expected {
                miss(expected, seq - expected, last, Some(*index));
            }
            expected = expected.max(seq.saturating_add(1));
            last = Some(*index);
        }
        let sent = evidence.flow_packets.get(flow as usize).filter(|_| whole);
        let end = sent.map(|sent| u64::from(fact.first) + *sent);
        if let Some(rest) = end.and_then(|end| u32::try_from(end.checked_sub(u64::from(expected))?).ok())
            && rest > 0
        {
            miss(expected, rest, last, None);
        }
    }
    found
}

/// Loss of each queue, by port and class; queues without loss are left out.
#[must_use]
pub fn infer(evidence: &Evidence<'_>, facts: &Facts, ports: &[Port]) -> Vec<((usize, u8), Loss)> {
    let mut of_queue: Vec<((usize, u8), Vec<Run>)> = Vec::new();
    for run in runs(evidence, facts) {
        let Some(flow) = facts.flow(run.flow) else { continue };
        let key = (usize::from(flow.arrival), flow.class);
        match of_queue.iter_mut().find(|(known, _)| *known == key) {
            Some((_, runs)) => runs.push(run),
            None => of_queue.push((key, vec![run])),
        }
    }
    of_queue.sort_by_key(|(key, _)| *key);
    let queues = || {
        ports
            .iter()
            .flat_map(|port| port.queues.iter().map(move |queue| (port, queue)))
    };
    of_queue
        .into_iter()
        .filter_map(|(key, runs)| {
            let place = queues().find(|(_, queue)| (queue.port, queue.class) == key);
            Some((key, of_runs(evidence, facts, place, runs)?))
        })
        .collect()
}

fn of_runs(evidence: &Evidence<'_>, facts: &Facts, place: Option<(&Port, &Queue)>, mut runs: Vec<Run>) -> Option<Loss> {
    runs.sort_by_key(|run| (run.began(), run.flow, run.seq));
    let first = *runs.first()?;
    // When a frame of the run would have entered the queue.
    let enter = |run: &Run| {
        let (port, queue) = place?;
        let len = queue.frames.iter().map(|frame| frame.len).max()?;
        let unloaded = port.paths.unloaded(facts, run.flow, len)?;
        Some((queue, run.began() + unloaded - port.paths.on_link(len)))
    };
    let mut depths: Vec<u64> = runs
        .iter()
        .filter_map(|run| enter(run).map(|(queue, time)| queue.depth_at(time)))
        .collect();
    let depth = depths.first().copied();
    depths.sort_unstable();
    let mut lengths = Vec::new();
    for run in &runs {
        let bin = run.frames.max(1).ilog2() as usize;
        lengths.resize(lengths.len().max(bin + 1), 0u64);
        lengths[bin] += 1;
    }
    let mut outages = outages(evidence, place.map(|(_, queue)| queue), &runs);
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
        absorbed: enter(&first).map(|(queue, time)| queue.absorbed_until(time)),
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

/// The runs that chance does not make.
fn outages(evidence: &Evidence<'_>, queue: Option<&Queue>, runs: &[Run]) -> Vec<Outage> {
    let seen = evidence.trace.observations();
    let mut longest: Vec<&Run> = runs.iter().collect();
    longest.sort_by_key(|run| (std::cmp::Reverse(run.frames), run.began()));
    longest.truncate(LOOKED_AT);
    // Departures of what arrived, to tell how the others fared meanwhile.
    let mut left: Vec<i64> = queue
        .into_iter()
        .flat_map(|queue| &queue.frames)
        .filter_map(|frame| departure(seen.get(frame.index as usize)?))
        .collect();
    left.sort_unstable();
    let arrived = |from: i64, to: i64| {
        let count =
            left.partition_point(|time| *time < to) - left.partition_point(|time| *time <= from).min(left.len());
        count as u64
    };
    let found = longest.into_iter().filter(|run| {
        let (from, to) = (run.left_before, run.left_after.max(run.left_before + 1));
        // What was lost with it, of all flows.
        let with = |other: &&Run| other.left_before < to && other.left_after > from;
        let others = runs.iter().filter(with).filter(|other| other.flow != run.flow);
        let lost: u64 = others.map(|other| u64::from(other.frames)).sum();
        let came = if to > from { arrived(from, to) } else { 0 };
        // A full queue drains at line rate: when nothing at all came, it was not that.
        let silent = came == 0 && run.came_before.is_some();
        #[expect(clippy::cast_precision_loss, reason = "a ratio of numbers of frames")]
        let ratio = lost as f64 / (lost + came).max(1) as f64;
        let ratio = ratio.clamp(LEAST_RATIO, 1.0 - LEAST_RATIO);
        let chance = f64::from(run.frames) * ratio.ln();
        run.frames > 1 && (chance < -IMPROBABLE || silent && f64::from(run.frames) * LEAST_RATIO.ln() < -IMPROBABLE)
    });
    found
        .map(|run| Outage {
            flow: run.flow,
            began: picos(run.began()),
            restored: run.came_after.map(picos),
            gap: run
                .came_before
                .zip(run.came_after)
                .map(|(before, after)| picos(after - before)),
            lost: run.frames,
        })
        .collect()
}

//! Stretches in which a queue gave nothing, though frames were overdue; and what others' pauses cost
//! a victim.
//!
//! Contract: a frame is overdue from when it would have arrived unloaded. Silence of a queue counts
//! from then, or from the arrival before where that is later, to the next arrival. A queue that we
//! hold ourselves is not silent by its own doing, nor is one that waits while other classes have the link, and a frame that others overtook shows no
//! silence. A frame's waiting is its delay less the unloaded
//! delay of its path.
//!
//! Left out on purpose: silence at whose end nothing came any more, which is loss.

use std::collections::BTreeMap;

use super::path::held;
use super::pfc::paused_spans;
use super::queue::{Port, Queue, departure};
use super::running::{BUSY, Running, bits, rate, speed};
use super::spans::Spans;
use super::waits::Waits;
use super::{Evidence, Facts};
use crate::measure::trace::Kind;
use crate::plan::feed::Work;
use crate::units::Picos;

/// A silence of fewer than so many times of a frame on the link is none: others may have the link.
const FRAMES: i64 = 4;

/// Times are alike when they differ by less than this part of a frame's time on the link: clocks round.
const ROUNDING: i64 = 64;

/// Time until a queue was first empty again, ps: what lies between is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The likeliest.
    pub value: Picos,
    /// At the least.
    pub low: Picos,
    /// At the most.
    pub high: Picos,
}

/// A stretch of time in which a queue stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// How long; zero: never for long.
    pub length: Picos,
    /// From when.
    pub began: Picos,
    /// From its end until the queue was first empty; `None`: it never was, as far as is known.
    pub recovery: Option<Recovery>,
}

/// The longest silence of `queue` that is not our own doing; `None` when not one frame's delay tells.
#[must_use]
pub fn longest(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits, port: &Port, queue: &Queue) -> Option<Stall> {
    let held = &held(evidence, queue.port)[usize::from(queue.class & 7)];
    let mut last = i64::MIN;
    let mut newest = i64::MIN;
    let mut worst: Option<(i64, usize)> = None;
    let mut told = false;
    // A last frame of its flow that came alone was late on its way, too: no later one is there to overtake it.
    let flow_of = |frame: &super::queue::Frame| {
        let one = evidence.trace.observations().get(frame.index as usize);
        one.map_or(u32::MAX, |one| one.flow)
    };
    let last_of: BTreeMap<u32, usize> = (0..)
        .zip(&queue.frames)
        .map(|(at, frame)| (flow_of(frame), at))
        .collect();
    let was_alone = |at: usize, frame: &super::queue::Frame| {
        let next = queue.frames.get(at + 1).and_then(super::queue::Frame::enter);
        last_of.get(&flow_of(frame)) == Some(&at) && next.is_none_or(|enter| enter >= frame.arrival)
    };
    // One class is served before another: then the queue waits for the link, which is busy.
    let others = others(port, queue);
    let is_served_after = |from: i64, to: i64| {
        let link = speed(evidence, u16::try_from(queue.port).unwrap_or(u16::MAX));
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let nominal = link.0 as f64;
        // One more frame may have been on the link at either end.
        let (all, _, _) = others.0.between(from, to);
        rate(all + others.1, to - from) >= BUSY * nominal
    };
    // What something else kept is no sign of what this queue gives.
    let is_stray = |frame: &super::queue::Frame| waits.get(frame.index as usize).is_some_and(|wait| wait.stray);
    for (at, frame) in queue.frames.iter().enumerate() {
        if is_stray(frame) {
            continue;
        }
        if let Some(enter) = frame.enter() {
            let due = enter + port.paths.on_link(frame.len);
            let since = due.max(last);
            let silence = frame.arrival - since;
            told = true;
            let few = FRAMES * port.paths.on_link(frame.len);
            // A frame that was overtaken was late on its way, and no queue kept it.
            let overtaken = enter < newest.saturating_sub(few);
            newest = newest.max(enter);
            let long = silence > few && !overtaken && !was_alone(at, frame);
            if long
                && worst.is_none_or(|(longest, _)| silence > longest)
                && !held.overlap(since, frame.arrival)
                && !is_served_after(since, frame.arrival)
            {
                worst = Some((silence, at));
            }
        }
        last = frame.arrival;
    }
    if !told {
        return None;
    }
    let Some((length, at)) = worst else {
        return Some(Stall {
            length: Picos::ZERO,
            began: Picos::ZERO,
            recovery: None,
        });
    };
    let first = queue.frames.get(at)?;
    // It is over when the first frame begins to leave.
    let over = first.arrival - port.paths.on_link(first.len);
    Some(Stall {
        length: picos(length),
        began: picos(first.arrival - length),
        recovery: recovery(evidence, facts, port, queue, at, over),
    })
}

/// What came of the other queues of a port, and the wire bits of the longest frame of it.
fn others(port: &Port, queue: &Queue) -> (Running, u64) {
    let others = port.queues.iter().filter(|other| other.class != queue.class);
    let frames = others.flat_map(|other| &other.frames);
    let events: Vec<(i64, u64)> = frames
        .map(|frame| (frame.arrival, bits(u16::try_from(frame.len).unwrap_or(u16::MAX))))
        .collect();
    let longest = events.iter().map(|(_, bits)| *bits).max().unwrap_or(0);
    (Running::of(events), longest)
}

/// The longest time for which a `pfc` entry of ours held `queue` while frames came to it; `None` when
/// none did, or not one frame's delay tells.
#[must_use]
pub fn held_by_us(evidence: &Evidence<'_>, facts: &Facts, port: &Port, queue: &Queue) -> Option<Stall> {
    let class = queue.class & 7;
    let plan = evidence.plan;
    let holds = |entry: &crate::plan::EntryPlan| {
        matches!(&entry.work, Work::Control { classes, pause, .. } if *pause || *classes >> class & 1 == 1)
            && entry.lanes.iter().any(|lane| {
                let worker = plan.workers.get(lane.worker as usize);
                worker.is_some_and(|worker| worker.port == queue.port)
            })
    };
    if !plan.entries.iter().any(holds) {
        return None;
    }
    queue.frames.iter().find_map(super::queue::Frame::enter)?;
    let spans = &held(evidence, queue.port)[usize::from(class)];
    let (from, to) = spans.iter().max_by_key(|(from, to)| to - from)?;
    let at = queue.frames.partition_point(|frame| frame.arrival <= to);
    Some(Stall {
        length: picos(to - from),
        began: picos(from),
        recovery: recovery(evidence, facts, port, queue, at, to),
    })
}

fn picos(time: i64) -> Picos {
    Picos(time.max(0).unsigned_abs())
}

/// From `over` until `queue` was first empty, where its `at`-th frame was the first to leave after it: until
/// a frame had left and the next one had not come yet, or none came any more.
fn recovery(
    evidence: &Evidence<'_>,
    facts: &Facts,
    port: &Port,
    queue: &Queue,
    at: usize,
    over: i64,
) -> Option<Recovery> {
    let doubt = port.paths.doubt();
    // When the frames before the n-th had left, and whether that one had come by then, at the earliest and
    // at the latest.
    let gone = |n: usize| match n.checked_sub(1).and_then(|before| queue.frames.get(before)) {
        Some(before) if n > at => before.arrival,
        _ => over,
    };
    let empty = |doubt: i64| {
        let found = (at..queue.frames.len()).find(|n| {
            let frame = &queue.frames[*n];
            let rounding = port.paths.on_link(frame.len) / ROUNDING;
            frame
                .enter()
                .is_some_and(|enter| enter.saturating_add(doubt) >= gone(*n) - rounding)
        });
        let all = queue.frames.len();
        let at = found.or_else(|| (at <= all && all_came(evidence, facts, queue)).then_some(all))?;
        Some(picos(gone(at) - over))
    };
    // Its end and its beginning are each known to a frame.
    let frame = queue.frames.get(at).map_or(0, |frame| port.paths.on_link(frame.len));
    let frame = Picos(frame.max(0).unsigned_abs());
    Some(Recovery {
        value: empty(0)?,
        low: empty(doubt)?.saturating_sub(frame),
        high: empty(-doubt)?.saturating_add(frame),
    })
}

/// Whether nothing of this queue is still on its way at the end: the last frame of every flow has come.
fn all_came(evidence: &Evidence<'_>, facts: &Facts, queue: &Queue) -> bool {
    if evidence.trace.beyond() > 0 || evidence.flow_packets.is_empty() {
        return false;
    }
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    for frame in &queue.frames {
        if let Some(one) = evidence.trace.observations().get(frame.index as usize)
            && let Some(flow) = facts.flow(one.flow)
        {
            let ordinal = one.seq.wrapping_sub(flow.first);
            let place = last.entry(one.flow).or_insert(ordinal);
            *place = (*place).max(ordinal);
        }
    }
    let mine = (0u32..).zip(facts.flows()).zip(evidence.flow_packets);
    mine.filter(|((_, flow), sent)| usize::from(flow.arrival) == queue.port && flow.class == queue.class && **sent > 0)
        .all(|((number, _), sent)| {
            last.get(&number)
                .is_some_and(|ordinal| u64::from(*ordinal) + 1 >= *sent)
        })
}

/// How long frames waited beyond their unloaded delay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Frames.
    pub frames: u64,
    /// On average.
    pub mean: Picos,
    /// 99th percentile: so long or less waited 99 of 100.
    pub p99: Picos,
    /// The longest.
    pub max: Picos,
}

impl Waiting {
    fn of(mut times: Vec<u64>) -> Waiting {
        times.sort_unstable();
        let sum: u128 = times.iter().map(|time| u128::from(*time)).sum();
        let count = times.len() as u64;
        let rank = (count * 99).div_ceil(100).saturating_sub(1);
        let at = |rank: u64| {
            usize::try_from(rank)
                .ok()
                .and_then(|rank| times.get(rank))
                .copied()
                .unwrap_or(0)
        };
        Waiting {
            frames: count,
            mean: Picos(u64::try_from(sum / u128::from(count.max(1))).unwrap_or(u64::MAX)),
            p99: Picos(at(rank)),
            max: Picos(at(count.saturating_sub(1))),
        }
    }
}

/// What pauses of others cost one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Victim {
    /// Waiting of its frames that were on their way while another class, or another port in the same
    /// class, was paused.
    pub during: Waiting,
    /// Waiting of the others.
    pub calm: Waiting,
    /// For how long its own senders were paused in its class while it was sent, all together: its
    /// frames were held before they left, which no delay shows. `None` where frames or pauses are not all
    /// known to the end of the last pause.
    pub held: Option<Picos>,
    /// How far each waiting may be off, for paths of which no frame was ever alone.
    pub doubt: Picos,
    /// Its frames went through the deepest queue of those that were paused: it is not a victim but
    /// part of the cause.
    pub congested: bool,
}

/// Port and class of the deepest queue of a class that was paused anywhere.
fn deepest(ports: &[Port], spans: &[[Spans; 8]]) -> Option<(usize, u8)> {
    let paused = |class: u8| spans.iter().any(|classes| !classes[usize::from(class & 7)].is_empty());
    let queues = ports
        .iter()
        .flat_map(|port| &port.queues)
        .filter(|queue| paused(queue.class));
    let depth = |queue: &Queue| queue.frames.iter().filter_map(super::queue::Frame::found).max();
    queues
        .filter_map(|queue| Some((depth(queue)?, queue)))
        .max_by_key(|(depth, _)| *depth)
        .map(|(_, queue)| (queue.port, queue.class))
}

/// What pauses cost each entry; `None` of those of which no frame was seen, and of all when nothing
/// was paused.
#[must_use]
pub fn victims(evidence: &Evidence<'_>, facts: &Facts, ports: &[Port]) -> Vec<Option<Victim>> {
    let entries = evidence.plan.entries.len();
    let spans = paused_spans(evidence);
    if spans.iter().flatten().all(Spans::is_empty) {
        return vec![None; entries];
    }
    // What is foreign differs for each port and class of a sender.
    let mut foreign: Vec<[Option<Spans>; 8]> = vec![const { [const { None }; 8] }; spans.len()];
    let complete = i64::try_from(evidence.trace.complete_until().0).unwrap_or(i64::MAX);
    let whole = evidence.received.beyond() == 0
        && (evidence.trace.beyond() == 0
            || spans
                .iter()
                .flatten()
                .flat_map(Spans::iter)
                .all(|(_, end)| end <= complete));
    let seen = evidence.trace.observations();
    let mut during: Vec<Vec<u64>> = vec![Vec::new(); entries];
    let mut calm = during.clone();
    let mut active = vec![(i64::MAX, i64::MIN); entries];
    let mut congested = vec![false; entries];
    let mut doubt = vec![0i64; entries];
    let deepest = deepest(ports, &spans);
    for port in ports {
        for queue in &port.queues {
            for frame in &queue.frames {
                let Some(one) = seen.get(frame.index as usize).filter(|one| one.kind == Kind::First) else {
                    continue;
                };
                let (Some(flow), Some(left)) = (facts.flow(one.flow), departure(one)) else {
                    continue;
                };
                let Some(unloaded) = port.paths.unloaded(facts, one.flow, frame.len) else {
                    continue;
                };
                let (sender, class) = (usize::from(flow.sender), usize::from(queue.class & 7));
                let Some(place) = foreign.get_mut(sender) else { continue };
                let others = place[class].get_or_insert_with(|| {
                    let all = spans.iter().enumerate();
                    Spans::union(all.flat_map(|(at, classes)| {
                        let pick = move |of: usize| at != sender || of != class;
                        classes
                            .iter()
                            .enumerate()
                            .filter(move |(of, _)| pick(*of))
                            .map(|(_, one)| one)
                    }))
                });
                if let Some(doubt) = doubt.get_mut(usize::from(flow.entry)) {
                    *doubt = (*doubt).max(port.paths.doubt());
                }
                if let Some((from, to)) = active.get_mut(usize::from(flow.entry)) {
                    (*from, *to) = ((*from).min(left), (*to).max(frame.arrival));
                }
                if deepest == Some((queue.port, queue.class))
                    && let Some(congested) = congested.get_mut(usize::from(flow.entry))
                {
                    *congested = true;
                }
                let waited = (frame.arrival - left - unloaded).max(0).unsigned_abs();
                let list = if others.overlap(left, frame.arrival) {
                    &mut during
                } else {
                    &mut calm
                };
                if let Some(list) = list.get_mut(usize::from(flow.entry)) {
                    list.push(waited);
                }
            }
        }
    }
    let held = |entry: usize, (from, to): (i64, i64)| {
        let mut senders: Vec<(u16, u8)> = facts
            .flows()
            .iter()
            .filter(|flow| usize::from(flow.entry) == entry)
            .map(|flow| (flow.sender, flow.class))
            .collect();
        senders.sort_unstable();
        senders.dedup();
        let times = senders.iter().filter_map(|(port, class)| {
            Some(
                spans.get(usize::from(*port))?[usize::from(class & 7)]
                    .within(from, to)
                    .0,
            )
        });
        Picos(times.sum())
    };
    during
        .into_iter()
        .zip(calm)
        .enumerate()
        .map(|(entry, (during, calm))| {
            (during.len() + calm.len() > 0).then(|| Victim {
                during: Waiting::of(during),
                calm: Waiting::of(calm),
                held: whole.then(|| held(entry, active.get(entry).copied().unwrap_or((0, 0)))),
                doubt: picos(doubt.get(entry).copied().unwrap_or(0)),
                congested: congested.get(entry).copied().unwrap_or(false),
            })
        })
        .collect()
}

//! How fast queues really drained: links that carry less than their nominal rate.
//!
//! Contract: a queue that serves whenever it can sends at the rate of its link as long as a frame waits in it.
//! So while a frame waits, some link on its way carries its whole rate; that is no more than what comes of all that
//! waits and may have to pass it, in its direction. Where that is less than the nominal rate of every link on the way, whenever
//! a flow's frames waited, one of the links is slower than it should be. Times in which we held a port by PFC ourselves do not
//! count, nor those of a standstill, nor, behind several switches, those in which a link elsewhere was busy: pauses may have come from there.
//!
//! Left out on purpose: single standstills (`stall`, `standstill`), where it is (`place`).

use std::collections::{BTreeMap, HashMap};

use super::facts::Flow;
use super::loss::Run;
use super::path::held;
use super::place::{Part, Path};
use super::queue::departure;
use super::running::{BUSY, Running, bits, rate, speed};
use super::spans::Spans;
use super::standstill::Standstill;
use super::waits::{Wait, Waits};
use super::{Evidence, Facts};
use crate::measure::trace::Trace;
use crate::plan::feed::Work;
use crate::plan::{LanePlan, Pace, Plan};
use crate::units::{BitRate, WIRE_OVERHEAD};

/// Frames of which each waited, from which a rate is taken.
const FRAMES: usize = 32;

/// A frame waited when it did so for more than this many frames' time.
const WAITED: i64 = 4;

/// Stretches, or waiting frames, by which a link is judged, at least.
const LEAST_STRETCHES: usize = 4;

/// A frame that waited for so many frames' time says how fast its way was.
const TELLING: i64 = 16;

/// Telling frames that are looked at, of each flow at most and of all.
const LOOKED_AT: (usize, usize) = (32, 8192);

/// Of more flows than this, those between the same two ports are looked at together.
const FLOWS_TOLD_APART: usize = 4096;

/// A link that carries less than this share of its nominal rate is slow.
const SLOW: f64 = 0.95;

/// Rates of one link, told by stretches, do not differ by more than this share.
const STEADY: f64 = 0.97;

/// A link, in one direction: to a port, from a leaf up, from above down to a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    ToPort(u16),
    Up(u32),
    Down(u32),
}

impl Link {
    const fn part(self) -> Part {
        match self {
            Link::ToPort(port) => Part::Port(port),
            Link::Up(leaf) | Link::Down(leaf) => Part::Uplinks(leaf),
        }
    }
}

/// Frames of a flow that waited, and how fast they went.
#[derive(Debug, Clone, PartialEq)]
pub struct Drained {
    /// Its path; struck are frames that waited for a link that was too slow.
    pub path: Path,
    /// The rates on the wire that links on its way showed while a frame waited longest, bit/s, each with its place.
    pub rates: Vec<(Part, f64)>,
    /// How long that was, ps.
    pub waited: i64,
}

/// A frame's own time on the link to a port.
fn own(evidence: &Evidence<'_>, port: u16, len: u16) -> i64 {
    speed(evidence, port).wire_time(u64::from(len)).0.cast_signed()
}

/// The greatest rate of all `stretches`, each with the rate that was due in it, where that is a link's and not what it was asked for: those
/// stretches in which more was due show it steadily.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates above 0"
)]
fn steady(stretches: impl Iterator<Item = (f64, u64)>) -> Option<BitRate> {
    let stretches: Vec<(f64, u64)> = stretches.collect();
    let most = stretches.iter().map(|(rate, _)| *rate).max_by(f64::total_cmp)?;
    let telling = stretches.iter().filter(|(_, due)| most < SLOW * *due as f64);
    let mut rates: Vec<f64> = telling.map(|(rate, _)| *rate).collect();
    rates.sort_by(f64::total_cmp);
    let middle = *rates.get(rates.len() / 2)?;
    (rates.len() >= LEAST_STRETCHES && middle >= STEADY * most).then_some(BitRate(most.round() as u64))
}

/// The rate at which what waited came to `port`, where that is steady and less than the port's: its link's, in
/// truth. Behind several switches only frames from the port's own leaf show that its queue was not empty. `None` where it is not told.
#[must_use]
pub fn of_port(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits, port: usize) -> Option<BitRate> {
    let number = u16::try_from(port).ok()?;
    let several = evidence.has_several_leaves();
    let seen = evidence.trace.observations();
    let mine = || seen.iter().enumerate().filter(|(_, one)| one.port == number);
    let mut arrivals: Vec<(i64, u64)> = mine()
        .map(|(_, one)| (one.arrival.0.cast_signed(), bits(one.len)))
        .collect();
    arrivals.sort_unstable();
    // When a frame stood in this port's queue.
    let waiting = mine().filter_map(|(index, one)| {
        let waited = waits.get(index).filter(|wait| !wait.stray)?.waited;
        let near = !several || evidence.leaf(facts.flow(one.flow)?.sender) == evidence.leaf(number);
        let arrival = one.arrival.0.cast_signed();
        (near && waited > WAITED * own(evidence, number, one.len)).then_some((arrival - waited, arrival))
    });
    let busy = Spans::joined(waiting);
    let kept = held(evidence, port);
    let stretches = arrivals.chunks_exact(FRAMES).filter_map(|chunk| {
        let (from, to) = (chunk.first()?.0, chunk.last()?.0);
        let sum: u64 = chunk.iter().skip(1).map(|(_, bits)| *bits).sum();
        let free = kept.iter().all(|spans| !spans.overlap(from, to));
        let due = speed(evidence, number).0;
        (free && to > from && busy.covers(from, to)).then(|| (rate(sum, to - from), due))
    });
    steady(stretches)
}

/// The rate at which `port` sends, where that is steady whenever it sends without a break and less than it has to: its
/// link's, in truth. Stretches in which it was `paused` say nothing of its link, nor do those of lanes that have no pace to keep.
#[must_use]
pub fn of_sender(plan: &Plan, trace: &Trace, facts: &Facts, port: u16, paused: &[Spans; 8]) -> Option<BitRate> {
    let mut paces: HashMap<u32, Option<Paced>> = HashMap::new();
    let mut left: Vec<(i64, u64, u32)> = Vec::new();
    for one in trace.observations() {
        let mine = facts.flow(one.flow).filter(|flow| flow.sender == port);
        if let (Some(flow), Some(time)) = (mine, departure(one)) {
            left.push((time, bits(one.len), one.flow));
            paces.entry(one.flow).or_insert_with(|| pace(plan, flow));
        }
    }
    left.sort_unstable();
    left.dedup_by_key(|one| (one.0, one.1));
    let nominal = plan.ports.get(usize::from(port))?.speed;
    steady(left.chunks_exact(FRAMES).filter_map(|chunk| {
        let (from, to) = (chunk.first()?.0, chunk.last()?.0);
        // From one departure to the next a link carries the former.
        let sum: u64 = chunk[..FRAMES - 1].iter().map(|(_, bits, _)| *bits).sum();
        let lanes: BTreeMap<(u16, u32), u64> = chunk.iter().filter_map(|one| *paces.get(&one.2)?).collect();
        let due = lanes.values().sum::<u64>().min(nominal.0);
        let free = paused.iter().all(|spans| !spans.overlap(from, to));
        (free && to > from && due > 0).then(|| (rate(sum, to - from), due))
    }))
}

/// A lane, by its entry and its first pair, and the rate on the wire that it has to keep, bit/s.
type Paced = ((u16, u32), u64);

/// The lane of a flow, where it has a pace that it keeps without a rest: not so one that sends in rounds, releases one message
/// after another in time, or waits for its own messages.
fn pace(plan: &Plan, flow: &Flow) -> Option<Paced> {
    let entry = plan.entries.get(usize::from(flow.entry))?;
    let Work::Continuous {
        outstanding: None,
        period: None,
        ..
    } = entry.work
    else {
        return None;
    };
    let mine = |lane: &&LanePlan| (lane.first_pair..lane.first_pair + lane.pairs).contains(&flow.lane);
    let lane = entry.lanes.iter().find(mine)?;
    match lane.pace {
        Pace::Wire(rate) => Some(((flow.entry, lane.first_pair), rate.0)),
        Pace::Unlimited => None,
    }
}

/// What every link carried, as far as what came tells; of links between switches, of what waited.
struct Carried<'a> {
    evidence: &'a Evidence<'a>,
    links: BTreeMap<Link, Running>,
    /// What links may have carried while frames of a class waited: with those that waited least, and those of other classes, which may have been
    /// served before.
    most: BTreeMap<(Link, u8), Running>,
    /// When we held each port, for each class.
    held: Vec<[Spans; 8]>,
    /// Wire bits of the longest frame.
    frame: u64,
    /// The least time of a frame of that length on the last link, ps.
    shortest: i64,
}

impl<'a> Carried<'a> {
    fn new(evidence: &'a Evidence<'a>, facts: &Facts, waits: &Waits, runs: &[Run]) -> Carried<'a> {
        let mut events: BTreeMap<Link, Vec<(i64, u64)>> = BTreeMap::new();
        let mut most: BTreeMap<(Link, u8), Vec<(i64, u64)>> = BTreeMap::new();
        let mut frame = 0;
        let mut classes: Vec<u8> = facts.flows().iter().map(|flow| flow.class).collect();
        classes.sort_unstable();
        classes.dedup();
        for (index, one) in evidence.trace.observations().iter().enumerate() {
            let event = (one.arrival.0.cast_signed(), bits(one.len));
            frame = frame.max(event.1);
            // Whatever comes takes its time on the last link.
            events.entry(Link::ToPort(one.port)).or_default().push(event);
            let Some((flow, wait)) = facts.flow(one.flow).zip(waits.get(index)) else {
                continue;
            };
            let own = own(evidence, flow.arrival, one.len);
            for link in above(evidence, flow.sender, flow.arrival) {
                if !wait.stray && wait.waited > WAITED * own {
                    events.entry(link).or_default().push(event);
                }
                let least = !wait.stray && wait.waited > own;
                for class in classes.iter().filter(|class| least || flow.class != **class) {
                    most.entry((link, *class)).or_default().push(event);
                }
            }
        }
        // What was lost may have passed any of them.
        for run in runs {
            let Some((flow, time)) = facts.flow(run.flow).zip(run.restored()) else {
                continue;
            };
            let event = (time, frame.saturating_mul(u64::from(run.frames)));
            for link in above(evidence, flow.sender, flow.arrival) {
                events.entry(link).or_default().push(event);
                classes
                    .iter()
                    .for_each(|class| most.entry((link, *class)).or_default().push(event));
            }
            events.entry(Link::ToPort(flow.arrival)).or_default().push(event);
        }
        let fastest = evidence.plan.ports.iter().map(|port| port.speed).max();
        let longest = frame / 8 - WIRE_OVERHEAD.min(frame / 8);
        Carried {
            evidence,
            shortest: fastest.map_or(0, |speed| speed.wire_time(longest).0.cast_signed()),
            links: events.into_iter().map(|(link, all)| (link, Running::of(all))).collect(),
            most: most.into_iter().map(|(link, all)| (link, Running::of(all))).collect(),
            held: (0..evidence.plan.ports.len())
                .map(|port| held(evidence, port))
                .collect(),
            frame,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn nominal(&self, link: Link) -> f64 {
        let uplink = self.evidence.places.iter().find_map(|place| place.uplink);
        match link {
            Link::ToPort(port) => speed(self.evidence, port).0 as f64,
            Link::Up(_) | Link::Down(_) => uplink.map_or(1.0, |rate| rate.0 as f64),
        }
    }

    /// Rate of `link` while a frame waited.
    fn rate(&self, link: Link, from: i64, to: i64) -> f64 {
        let Some(running) = self.links.get(&link) else {
            return 0.0;
        };
        let (all, rest, time) = running.between(from, to);
        if time >= (to - from) / 5 * 4 {
            rate(rest, time)
        } else {
            rate(all, to - from)
        }
    }

    /// The same at most, while a frame of `class` waited.
    fn most(&self, link: Link, class: u8, from: i64, to: i64) -> f64 {
        let running = self.most.get(&(link, class)).or_else(|| self.links.get(&link));
        let all = running.map_or(0, |running| running.between(from, to).0);
        rate(all + self.frame, to - from)
    }

    /// Whether something else may have kept frames of this way waiting.
    fn is_disturbed(&self, way: &[Link], arrival: u16, from: i64, to: i64) -> bool {
        let kept = |classes: &[Spans; 8]| classes.iter().any(|spans| spans.overlap(from, to));
        if way.len() == 1 {
            return self.held.get(usize::from(arrival)).is_some_and(kept);
        }
        let mut others = self.links.keys().filter(|link| !way.contains(link));
        self.held.iter().any(kept) || others.any(|link| self.rate(*link, from, to) >= BUSY * self.nominal(*link))
    }
}

/// The links between switches on a way.
fn above(evidence: &Evidence<'_>, sender: u16, arrival: u16) -> Vec<Link> {
    match evidence.leaf(sender).zip(evidence.leaf(arrival)) {
        Some((from, to)) if from != to => vec![Link::Up(from), Link::Down(to)],
        _ => Vec::new(),
    }
}

/// Frames of a flow, and of those that waited long, since when and until when.
type Waited = (u64, Vec<(i64, i64)>);

/// How fast frames went, of each flow of which enough waited; the others of the same traffic are paths that nothing struck.
#[must_use]
pub fn paths(
    evidence: &Evidence<'_>,
    facts: &Facts,
    waits: &Waits,
    runs: &[Run],
    standstills: &[Standstill],
) -> Vec<Drained> {
    let stood = Spans::joined(standstills.iter().map(|one| (one.from, one.to)));
    let apart = facts.flows().len() <= FLOWS_TOLD_APART;
    // A short one may have waited for a single long one.
    let longest = evidence
        .trace
        .observations()
        .iter()
        .map(|one| one.len)
        .max()
        .unwrap_or(0);
    let mut flows: BTreeMap<(u16, u16, u8, u32), Waited> = BTreeMap::new();
    for (index, one) in evidence.trace.observations().iter().enumerate() {
        let Some((flow, Wait { waited, stray, .. })) = facts.flow(one.flow).zip(waits.get(index)) else {
            continue;
        };
        let number = if apart { one.flow } else { 0 };
        let (frames, waiting) = flows
            .entry((flow.sender, flow.arrival, flow.class, number))
            .or_default();
        *frames += 1;
        let arrival = one.arrival.0.cast_signed();
        // What stood still says nothing of how fast it goes.
        let told = !stray && !stood.overlap(arrival - waited, arrival);
        if told && waited > TELLING * own(evidence, flow.arrival, longest) {
            waiting.push((arrival - waited, arrival));
        }
    }
    let telling = flows
        .values()
        .filter(|(_, waiting)| waiting.len() >= LEAST_STRETCHES)
        .count();
    if telling == 0 {
        return Vec::new();
    }
    let carried = Carried::new(evidence, facts, waits, runs);
    let most = (LOOKED_AT.1 / telling).clamp(LEAST_STRETCHES, LOOKED_AT.0);
    let judged = flows
        .into_iter()
        .filter_map(|((sender, arrival, class, _), (frames, waiting))| {
            let mut path = Path {
                sender,
                arrival,
                sent: frames,
                struck: 0,
            };
            let mut way = above(evidence, sender, arrival);
            way.push(Link::ToPort(arrival));
            let mut rates: Vec<(Part, f64)> = way.iter().map(|link| (link.part(), 0.0)).collect();
            if waiting.len() < LEAST_STRETCHES {
                // It met no slow link, unless it was too short to tell.
                return (frames >= TELLING.unsigned_abs()).then_some(Drained { path, rates, waited: 0 });
            }
            let (mut told, mut waited) = (0, 0);
            for (from, to) in waiting.iter().step_by(waiting.len().div_ceil(most)) {
                // All of the time it waited, and the last quarter: what stood still may have been fast again then.
                let late = to - ((to - from) / 4).max(TELLING * carried.shortest).min(to - from);
                let is_full = |link: &Link| {
                    let most = |from: i64| carried.most(*link, class, from, *to);
                    most(*from).max(most(late)) >= SLOW * carried.nominal(*link)
                };
                if way.iter().any(is_full) {
                    return Some(Drained { path, rates, waited: 0 });
                }
                if !carried.is_disturbed(&way, arrival, *from, *to) {
                    told += 1;
                    if to - from > waited {
                        waited = to - from;
                        for ((_, rate), link) in rates.iter_mut().zip(&way) {
                            *rate = carried.rate(*link, *from, *to);
                        }
                    }
                }
            }
            path.struck = if told >= LEAST_STRETCHES {
                waiting.len() as u64
            } else {
                0
            };
            (path.struck > 0).then_some(Drained { path, rates, waited })
        });
    judged.collect()
}

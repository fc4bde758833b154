//! Where and when queues were deep on the ways of others, by how long their frames waited.
//!
//! Contract: a frame that waited stood in some queue of its way from when it left until it had waited. A queue that turns frames away is deep,
//! gives what it holds, and goes on giving for as long as that takes: so at the moment at which a frame is lost for want of room, another one stands
//! in the same queue, which comes, and tells by its wait. That holds for flows, too, of which nothing came for a time: others had all the room.
//! Which link between switches a flow takes nobody sees: any that leaves the same switch, or leads to it, may be the one.
//!
//! Left out on purpose: what is concluded of it (`cause`).

use std::collections::BTreeMap;

use super::facts::Flow;
use super::spans::Spans;
use super::waits::Waits;
use super::{Evidence, Facts};

/// A queue of so many frames is deep.
const DEEP: i64 = 16;

/// Of the time in which a run was lost, so many of a hundred parts have to be in a deep queue's.
const MOST: u64 = 90;

/// One of the queues that a flow may stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Before a port of ours.
    Port(u16),
    /// Before a link from this leaf to those above it.
    Up(u32),
    /// Before a link from those above it to this leaf.
    Down(u32),
}

/// A switch: a leaf by its number, those above as none.
type Switch = Option<u32>;

/// A switch that holds at least one such part of the most that it ever held is full.
const FULL: u64 = 2;

/// When queues were deep, by place and class.
#[derive(Debug)]
pub struct Crowd {
    deep: BTreeMap<(Place, u8), Spans>,
    /// When each switch held much, of whatever class.
    full: BTreeMap<Switch, Spans>,
    /// The longest unloaded delay from each port: so long a frame may be on its way to a queue.
    reach: Vec<i64>,
}

fn places(evidence: &Evidence<'_>, flow: &Flow) -> Vec<Place> {
    let mut places = vec![Place::Port(flow.arrival)];
    if let Some((from, to)) = evidence
        .leaf(flow.sender)
        .zip(evidence.leaf(flow.arrival))
        .filter(|(from, to)| from != to)
    {
        places.extend([Place::Up(from), Place::Down(to)]);
    }
    places
}

/// The switches that a flow passes.
pub(super) fn switches(evidence: &Evidence<'_>, flow: &Flow) -> Vec<Switch> {
    match evidence.leaf(flow.sender).zip(evidence.leaf(flow.arrival)) {
        Some((from, to)) if from != to => vec![Some(from), Some(to), None],
        Some((one, _)) => vec![Some(one)],
        None => vec![None],
    }
}

/// When as much was held as makes a switch full, by what came to it and left it again: times and bytes.
fn full(mut events: Vec<(i64, i64)>) -> Spans {
    events.sort_unstable();
    let mut sum = 0;
    let held: Vec<(i64, i64)> = events
        .into_iter()
        .map(|(time, bytes)| {
            sum += bytes;
            (time, sum)
        })
        .collect();
    let most = held.iter().map(|(_, held)| *held).max().unwrap_or(0).unsigned_abs();
    let times = held
        .windows(2)
        .filter(|two| two[0].1.unsigned_abs() * FULL >= most && most > 0);
    Spans::joined(times.map(|two| (two[0].0, two[1].0)))
}

impl Crowd {
    /// The deep queues of a run.
    #[must_use]
    pub fn of(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits) -> Crowd {
        let mut deep: BTreeMap<(Place, u8), Vec<(i64, i64)>> = BTreeMap::new();
        let mut held: BTreeMap<Switch, Vec<(i64, i64)>> = BTreeMap::new();
        for (one, wait) in waits.iter(evidence).filter(|(_, wait)| !wait.stray) {
            let Some(flow) = facts.flow(one.flow) else { continue };
            for switch in switches(evidence, flow) {
                let events = held.entry(switch).or_default();
                let bytes = i64::from(one.len);
                events.extend([(wait.left, bytes), (wait.left.saturating_add(wait.waited), -bytes)]);
            }
            let port = evidence.plan.ports.get(usize::from(flow.arrival));
            let own = port.map_or(0, |port| port.speed.wire_time(u64::from(one.len)).0.cast_signed());
            if wait.waited >= DEEP * own {
                for place in places(evidence, flow) {
                    let spans = deep.entry((place, flow.class)).or_default();
                    spans.push((wait.left, wait.left.saturating_add(wait.waited)));
                }
            }
        }
        let ports = 0..u16::try_from(evidence.plan.ports.len()).unwrap_or(u16::MAX);
        Crowd {
            deep: deep
                .into_iter()
                .map(|(key, all)| (key, Spans::joined(all.into_iter())))
                .collect(),
            full: held
                .into_iter()
                .map(|(switch, events)| (switch, full(events)))
                .collect(),
            reach: ports.map(|port| waits.reach(port)).collect(),
        }
    }

    /// Whether a frame of `flow` that left at one time after another from `from` to `to` met a deep queue most of that time.
    #[must_use]
    pub fn meets(&self, evidence: &Evidence<'_>, flow: &Flow, left: (i64, i64)) -> bool {
        let mut passed = places(evidence, flow).into_iter();
        passed.any(|place| {
            self.deep
                .get(&(place, flow.class))
                .is_some_and(|spans| self.covers(spans, flow, left))
        })
    }

    /// Whether a frame of `flow` that left at one time after another from `from` to `to` met a full switch most of that time.
    #[must_use]
    pub fn meets_full(&self, evidence: &Evidence<'_>, flow: &Flow, left: (i64, i64)) -> bool {
        let mut passed = switches(evidence, flow).into_iter();
        passed.any(|switch| {
            self.full
                .get(&switch)
                .is_some_and(|spans| self.covers(spans, flow, left))
        })
    }

    fn covers(&self, spans: &Spans, flow: &Flow, (from, to): (i64, i64)) -> bool {
        let reach = self.reach.get(usize::from(flow.sender)).copied().unwrap_or(0);
        if to - from <= reach {
            return spans.overlap(from, to.saturating_add(reach));
        }
        let met = spans.within(from, to).0.saturating_add(reach.unsigned_abs());
        met >= (to - from).unsigned_abs() / 100 * MOST
    }
}

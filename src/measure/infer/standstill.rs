//! Stretches in which everything on some ways behind several switches stood still.
//!
//! Contract: a flow *stood* when frames of it were overdue and none came, and then they did. A queue that moves does so to single flows,
//! too: it then gives frames of others, which waited as long and took a link of the same way; or other classes, served before, have all of
//! a link. Where nothing of the kind came, and no port was busy, from which pauses may have spread, what these flows have in common stood still. Flows that went on meanwhile say
//! where it was not.
//!
//! Left out on purpose: silences of one switch's queues (`stall`); where it is (`place`).

use std::collections::BTreeMap;

use super::facts::Flow;
use super::path::held;
use super::place::Path;
use super::running::{BUSY, Running, bits, rate, speed};
use super::spans::Spans;
use super::waits::Waits;
use super::{Evidence, Facts};

/// A standstill of less is not told from a queue, ps: 10 us.
const LEAST: i64 = 10_000_000;

/// Silences of single flows that are looked at: the longest.
const LOOKED_AT: usize = 64;

/// Standstills that are told.
const MOST: usize = 8;

/// A flow of which fewer frames were kept says nothing: one may be late by itself.
const FEW: u64 = 2;

/// Everything stood still on some ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standstill {
    /// The class that stood.
    pub class: u8,
    /// From when, ps.
    pub from: i64,
    /// To when, ps.
    pub to: i64,
    /// The flows of that class that told: struck are frames that were kept.
    pub paths: Vec<Path>,
}

/// What came of one flow.
struct Came {
    sender: u16,
    arrival: u16,
    class: u8,
    /// Each frame's arrival, and when it was due; by arrival.
    frames: Vec<(i64, i64)>,
}

/// A silence of one flow.
#[derive(Clone, Copy)]
struct Silence {
    flow: usize,
    from: i64,
    to: i64,
}

impl Silence {
    /// The middle of it, which nothing may have come in.
    const fn inner(&self) -> (i64, i64) {
        let edge = (self.to - self.from) / 8;
        (self.from + edge, self.to - edge)
    }
}

impl Came {
    /// Frames that came after `from` and before `to`.
    fn within(&self, from: i64, to: i64) -> &[(i64, i64)] {
        let first = self.frames.partition_point(|(arrival, _)| *arrival <= from);
        let end = self.frames.partition_point(|(arrival, _)| *arrival < to);
        self.frames.get(first..end).unwrap_or(&[])
    }

    /// Frames that were due in `silence` and came when it was over.
    fn kept(&self, silence: &Silence) -> u64 {
        let (from, to) = silence.inner();
        let first = self.frames.partition_point(|(arrival, _)| *arrival < to);
        let later = self.frames.get(first..).unwrap_or(&[]);
        let mine = later.iter().take_while(|(arrival, _)| *arrival <= to + 2 * (to - from));
        mine.filter(|(_, due)| *due < to).count() as u64
    }
}

/// The standstills of a run behind several switches, the longest first; none of one switch.
#[must_use]
pub fn find(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits) -> Vec<Standstill> {
    if !evidence.has_several_leaves() {
        return Vec::new();
    }
    let flows = came(evidence, facts, waits);
    let ours: Vec<[Spans; 8]> = (0..evidence.plan.ports.len())
        .map(|port| held(evidence, port))
        .collect();
    let ours = Spans::union(ours.iter().flatten());
    let mut silences: Vec<Silence> = Vec::new();
    for (number, flow) in flows.iter().enumerate() {
        let mut last = i64::MIN;
        for (arrival, due) in &flow.frames {
            let from = last.max(*due);
            if arrival - from >= LEAST && !ours.overlap(from, *arrival) {
                silences.push(Silence {
                    flow: number,
                    from,
                    to: *arrival,
                });
            }
            last = *arrival;
        }
    }
    silences.sort_by_key(|one| (one.from - one.to, one.flow, one.from));
    let busy = Busy::of(evidence);
    let mut found: Vec<Standstill> = Vec::new();
    for silence in silences.iter().take(LOOKED_AT) {
        let told =
            |one: &Standstill| one.class == flows[silence.flow].class && one.from < silence.to && silence.from < one.to;
        if found.len() >= MOST || found.iter().any(told) || busy.any(evidence, silence.inner()) {
            continue;
        }
        // A link of the same way, which gave frames that had waited as long.
        let mine = &flows[silence.flow];
        let far = |sender: u16, arrival: u16| evidence.leaf(sender) != evidence.leaf(arrival);
        let shares = |sender: u16, arrival: u16| {
            let (up, down) = (
                evidence.leaf(sender) == evidence.leaf(mine.sender),
                evidence.leaf(arrival) == evidence.leaf(mine.arrival),
            );
            arrival == mine.arrival || far(sender, arrival) && far(mine.sender, mine.arrival) && (up || down)
        };
        let (from, to) = silence.inner();
        let long = (silence.to - silence.from) / 4;
        let moved = flows
            .iter()
            .filter(|other| other.class == mine.class && shares(other.sender, other.arrival))
            .any(|other| {
                let came = other.within(from, to).iter();
                came.into_iter().any(|(arrival, due)| arrival - due >= long)
            });
        if moved
            || busy.others(evidence, facts, silence.inner(), |other| {
                mine.class != other.class && shares(other.sender, other.arrival)
            })
        {
            continue;
        }
        let paths: Vec<Path> = flows
            .iter()
            .filter(|flow| flow.class == mine.class)
            .filter_map(|flow| {
                let went = flow.within(from, to).len() as u64;
                let kept = if went > 0 { 0 } else { flow.kept(silence) };
                let path = Path {
                    sender: flow.sender,
                    arrival: flow.arrival,
                    sent: went.max(kept),
                    struck: kept,
                };
                (went > 0 || kept >= FEW).then_some(path)
            })
            .collect();
        if paths.iter().any(|path| path.struck > 0) {
            found.push(Standstill {
                class: mine.class,
                from: silence.from,
                to: silence.to,
                paths,
            });
        }
    }
    found
}

fn came(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits) -> Vec<Came> {
    let mut flows: BTreeMap<u32, Came> = BTreeMap::new();
    for (index, one) in evidence.trace.observations().iter().enumerate() {
        let Some((flow, wait)) = facts.flow(one.flow).zip(waits.get(index).filter(|wait| !wait.stray)) else {
            continue;
        };
        let arrival = one.arrival.0.cast_signed();
        let place = flows.entry(one.flow).or_insert_with(|| Came {
            sender: flow.sender,
            arrival: flow.arrival,
            class: flow.class,
            frames: Vec::new(),
        });
        place.frames.push((arrival, arrival - wait.waited));
    }
    let mut flows: Vec<Came> = flows.into_values().collect();
    for flow in &mut flows {
        flow.frames.sort_unstable();
    }
    flows
}

/// What came to each port.
struct Busy(Vec<Running>);

impl Busy {
    fn of(evidence: &Evidence<'_>) -> Busy {
        let mut ports: Vec<Vec<(i64, u64)>> = vec![Vec::new(); evidence.plan.ports.len()];
        for one in evidence.trace.observations() {
            if let Some(port) = ports.get_mut(usize::from(one.port)) {
                port.push((one.arrival.0.cast_signed(), bits(one.len)));
            }
        }
        Busy(ports.into_iter().map(Running::of).collect())
    }

    /// Whether flows that `count` kept a link between switches busy all the time: where one class is served before another, they may have
    /// had all of it.
    fn others(
        &self,
        evidence: &Evidence<'_>,
        facts: &Facts,
        (from, to): (i64, i64),
        count: impl Fn(&Flow) -> bool,
    ) -> bool {
        let Some(uplink) = evidence.places.iter().find_map(|place| place.uplink) else {
            return false;
        };
        let seen = evidence.trace.observations().iter();
        let mine = seen.filter(|one| {
            let arrival = one.arrival.0.cast_signed();
            arrival > from && arrival <= to && facts.flow(one.flow).is_some_and(&count)
        });
        // One more may have been on the link at either end.
        let (sum, longest) = mine.fold((0, 0), |(sum, longest), one| {
            (sum + bits(one.len), bits(one.len).max(longest))
        });
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let nominal = uplink.0 as f64;
        rate(sum + longest, to - from) >= BUSY * nominal
    }

    /// Whether any port was busy all the time.
    fn any(&self, evidence: &Evidence<'_>, (from, to): (i64, i64)) -> bool {
        (0_u16..).zip(&self.0).any(|(port, came)| {
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            let nominal = speed(evidence, port).0 as f64;
            rate(came.between(from, to).0, to - from) >= BUSY * nominal
        })
    }
}

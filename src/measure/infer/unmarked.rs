//! Frames that met a deep queue behind several switches and came without a mark.
//!
//! Contract: frames of one flow keep their order, so those that left before a frame, and had not come when it was long due itself,
//! stood before it in queues of its way; those that were long due when it came stood behind it. Of so many queues as there are one held its
//! share. Where that is more than Kmax before the frame and behind it, some switch should have marked it, at enqueue or at dequeue.
//!
//! Left out on purpose: queues that are seen whole (`ecn`); which switch it was (`place`).

use std::collections::BTreeMap;

use super::place::Path;
use super::waits::Waits;
use super::{Evidence, Facts};
use crate::measure::trace::Kind;

/// Queues on the way over one spine, and over a core.
const QUEUES: (u64, u64) = (3, 5);

/// Fewer frames than this may be anything.
const FEW: u64 = 16;

/// One frame of a flow.
#[derive(Clone, Copy)]
struct Sent {
    left: i64,
    arrival: i64,
    /// Its delay, had it been alone.
    alone: i64,
    len: u64,
    marked: bool,
}

/// The ECN-capable flows of which frames met a queue deeper than the configured Kmax: given are those, struck are those that came unmarked.
/// None where enough of nothing came unmarked.
#[must_use]
pub fn find(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits) -> Vec<Path> {
    let Some(said) = evidence.configured.ecn else {
        return Vec::new();
    };
    let mut flows: BTreeMap<u32, Vec<Sent>> = BTreeMap::new();
    for (index, one) in evidence.trace.observations().iter().enumerate() {
        let Some((flow, wait)) = facts.flow(one.flow).zip(waits.get(index).filter(|wait| !wait.stray)) else {
            continue;
        };
        let place = |port: u16| evidence.places.get(usize::from(port));
        let far = place(flow.sender)
            .zip(place(flow.arrival))
            .is_some_and(|(a, b)| a.leaf != b.leaf);
        if one.kind == Kind::First && flow.capable && !flow.probe && far {
            let arrival = one.arrival.0.cast_signed();
            flows.entry(one.flow).or_default().push(Sent {
                left: wait.left,
                arrival,
                alone: arrival - wait.left - wait.waited,
                len: u64::from(one.len),
                marked: one.is_marked(),
            });
        }
    }
    let paths = flows.into_iter().filter_map(|(number, mut frames)| {
        let flow = facts.flow(number)?;
        let pod = |port: u16| evidence.places.get(usize::from(port)).map(|place| place.pod);
        let queues = if pod(flow.sender) == pod(flow.arrival) {
            QUEUES.0
        } else {
            QUEUES.1
        };
        frames.sort_unstable_by_key(|one| one.left);
        if frames.windows(2).any(|two| two[1].arrival < two[0].arrival) {
            return None;
        }
        let longest = frames.iter().map(|one| one.len).max()?;
        let deep = queues * (said.kmax.0 + longest);
        let mut sums = vec![0u64];
        for one in &frames {
            sums.push(sums.last().copied().unwrap_or(0) + one.len);
        }
        let (mut due, mut unmarked) = (0, 0);
        for (at, one) in frames.iter().enumerate() {
            let came = frames.partition_point(|other| other.arrival <= one.left + 2 * one.alone);
            let joined = frames.partition_point(|other| other.left + 2 * one.alone < one.arrival - one.alone);
            let before = sums[at].saturating_sub(sums[came.min(at)]);
            let behind = sums[joined.max(at + 1)] - sums[at + 1];
            if before.min(behind) > deep {
                due += 1;
                unmarked += u64::from(!one.marked);
            }
        }
        (due > 0).then_some(Path {
            sender: flow.sender,
            arrival: flow.arrival,
            sent: due,
            struck: if unmarked * 2 > due { unmarked } else { 0 },
        })
    });
    let paths: Vec<Path> = paths.collect();
    let struck: u64 = paths.iter().map(|path| path.struck).sum();
    if struck >= FEW { paths } else { Vec::new() }
}

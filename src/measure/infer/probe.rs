//! The ECN probe: depth by place in the order in which a held queue drains. No clock is needed.
//!
//! Contract: nothing leaves a queue while it is held, so a frame that came out as the n-th after the
//! release had found the n − 1 before it, whatever the delays. Frames that came out while the queue
//! was to be held, and rounds of which frames left their sender after the release, do not fit that
//! and are left out; the answer says how many.
//!
//! Left out on purpose: delays. Whether a round was held and filled in time is judged by our own
//! pause frames' times and the frames' departures, of which microseconds suffice.

use std::collections::BTreeMap;

use super::curve::samples;
use super::ecn::{Marking, Onset, Reading, judge};
use super::facts::probe;
use super::path::held;
use super::queue::{Queue, departure};
use super::{Evidence, Facts};
use crate::measure::trace::Kind;

/// What was read by a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Marking by place in the queue.
    pub marking: Marking,
    /// Rounds that count.
    pub rounds: u64,
    /// Rounds left out: frames left their sender after the release.
    pub late: u64,
    /// Frames left out: they came while the queue was to be held.
    pub early: u64,
}

/// The frames of one round, by their places in the queue.
#[derive(Default)]
struct Round {
    places: Vec<usize>,
    early: u64,
    late: bool,
}

/// Reads `queue` by the probes that were sent through it; `None` when there were none.
#[must_use]
pub fn infer(evidence: &Evidence<'_>, facts: &Facts, queue: &Queue) -> Option<Probed> {
    let seen = evidence.trace.observations();
    let held = &held(evidence, queue.port)[usize::from(queue.class & 7)];
    let mut rounds: BTreeMap<(u16, u64), Round> = BTreeMap::new();
    // The release before a frame's arrival: the end of the last hold that began before it.
    let releases: Vec<i64> = held.iter().map(|(_, end)| end).collect();
    let release_before = |arrival: i64| {
        let at = releases.partition_point(|release| *release <= arrival);
        at.checked_sub(1).and_then(|at| releases.get(at)).copied()
    };
    for (place, frame) in queue.frames.iter().enumerate() {
        let Some(one) = seen.get(frame.index as usize).filter(|one| one.kind == Kind::First) else {
            continue;
        };
        let Some(flow) = facts.flow(one.flow).filter(|flow| flow.probe) else {
            continue;
        };
        let Some(plan) = probe(evidence.plan, flow.entry) else {
            continue;
        };
        let ordinal = u64::from(one.seq.wrapping_sub(flow.first));
        let round = rounds
            .entry((flow.entry, plan.round_of(flow.lane, ordinal)))
            .or_default();
        let (arrival, release) = (frame.arrival, release_before(frame.arrival));
        if held.iter().any(|(from, to)| from < arrival && arrival < to) {
            round.early += 1;
            continue;
        }
        round.late |= release
            .zip(departure(one))
            .is_some_and(|(release, left)| left > release);
        round.places.push(place);
    }
    if rounds.is_empty() {
        return None;
    }
    let early = rounds.values().map(|round| round.early).sum();
    let late = rounds.values().filter(|round| round.late).count() as u64;
    let (mut found, mut left) = (Vec::new(), Vec::new());
    let mut onset = None;
    let mut number = 0u64;
    let mut used = 0;
    let mut longest = 0;
    for round in rounds.values().filter(|round| !round.late) {
        let (Some(first), Some(last)) = (round.places.first(), round.places.last()) else {
            continue;
        };
        used += 1;
        // Whatever else came out after the release, before the round's first, was in the queue too.
        let release = release_before(queue.frames[*first].arrival);
        let start = release.map_or(*first, |release| {
            let after = queue.frames.partition_point(|frame| frame.arrival <= release);
            after.min(*first)
        });
        for place in &round.places {
            let frame = &queue.frames[*place];
            let Some(one) = seen.get(frame.index as usize) else {
                continue;
            };
            if !facts.flow(one.flow).is_some_and(|flow| flow.capable) {
                continue;
            }
            number += 1;
            longest = longest.max(u64::from(frame.len));
            let depth = queue.bytes_between(start, *place);
            found.push((depth, one.is_marked()));
            left.push((queue.bytes_between(place + 1, last + 1), one.is_marked()));
            if one.is_marked() && onset.is_none() {
                onset = Some(Onset {
                    arrival: one.arrival,
                    departure: departure(one).map(|_| one.departure),
                    frame: number,
                    flow: one.flow,
                    depth: Some(depth),
                });
            }
        }
    }
    let (found, left) = (samples(found.into_iter()), samples(left.into_iter()));
    let reading = Reading::choose(&found, [&left, &left], 0);
    let mut marking = reading.marking(false);
    marking.onset = onset.map(|onset| Onset {
        depth: onset.depth.filter(|_| reading.at != Some(super::ecn::MarkAt::Dequeue)),
        ..onset
    });
    if marking.frames == 0 {
        marking.why_not = Some(if late > 0 {
            format!(
                "Of all {late} rounds some frames left their sender after the release: hold longer, or let senders be paused less."
            )
        } else if early > 0 {
            format!(
                "All {early} frames came while the queue was to be held: the switch does not obey PFC in this class."
            )
        } else {
            "The probe's frames were not sent ECN-capable.".to_owned()
        });
    }
    let (verdict, explanation) = judge(&marking, &reading, evidence.configured.ecn, longest);
    (marking.verdict, marking.explanation) = (verdict, explanation);
    Some(Probed {
        marking,
        rounds: used,
        late,
        early,
    })
}

/// Whether two readings of one queue say the same, in words; `None` when one of them says nothing.
#[must_use]
pub fn agreement(overload: &Marking, probed: &Marking, frame: u64) -> Option<(bool, String)> {
    let (clock, place) = (overload.fit?, probed.fit?);
    #[expect(clippy::cast_precision_loss, reason = "lengths of frames")]
    // How far depths may be off is in the intervals.
    let slack = frame as f64;
    let apart = |a: super::Estimate, b: super::Estimate, slack: f64| {
        (a.low - b.high).max(b.low - a.high) > slack && (a.value - b.value).abs() > 0.03 * b.value.abs()
    };
    let pmax_apart = clock.pmax.zip(place.pmax).is_some_and(|(a, b)| apart(a, b, 0.0));
    let agree = !apart(clock.kmin, place.kmin, slack) && !apart(clock.kmax, place.kmax, slack) && !pmax_apart;
    let share = |fit: super::fit::Fit| {
        fit.pmax.map_or_else(
            || {
                if fit.step.is_some() {
                    "a step"
                } else {
                    "a step, or a ramp below it"
                }
                .to_owned()
            },
            |pmax| format!("Pmax {:.1} %", 100.0 * pmax.value),
        )
    };
    let text = format!(
        "Overload: Kmin {:.0}, Kmax {:.0} bytes, {}; probe: {:.0}, {:.0}, {}.",
        clock.kmin.value,
        clock.kmax.value,
        share(clock),
        place.kmin.value,
        place.kmax.value,
        share(place)
    );
    Some((agree, text))
}

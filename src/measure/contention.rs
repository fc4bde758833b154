//! How fast an entry's frames came while frames of others came to the same port.
//!
//! Contract: a pure function of the plan and of the frames that were kept. Of an entry that met no other at a
//! port there is nothing. Times may lie: nothing here panics or divides by zero.
//!
//! An entry is *under way* at a port from one arrival to the next when the next frame had left, or was two of
//! its frame times from leaving, when the first arrived. It *contends* while another entry is under way at the
//! same port, too. Rates count preamble, FCS and gap.
//!
//! Left out on purpose: contention within an entry (an incast's senders), and that at other places than the
//! last link.

use super::infer::facts::Facts;
use super::trace::{Kind, Trace};
use crate::plan::{EntryPlan, Pace, Plan};
use crate::units::{PICOS_PER_SECOND, Picos, WIRE_OVERHEAD};

/// What came of an entry while it contended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contended {
    /// For how long it contended: at the port where it did so longest.
    pub time: Picos,
    /// Spans of time at all ports.
    pub spans: u64,
    /// Frames in them.
    pub frames: u64,
    /// Bits per second on the wire, the sum over its ports.
    pub rate: f64,
    /// Least and greatest: a frame more or less in each span.
    pub bounds: (f64, f64),
}

/// From and to, the latter included.
type Span = (u64, u64);

/// A frame that came: arrival, departure, bits on the wire.
type Came = (u64, u64, u64);

/// The answer for each entry of `plan`.
#[must_use]
pub fn contended(plan: &Plan, trace: &Trace) -> Vec<Option<Contended>> {
    let mut answers = vec![None; plan.entries.len()];
    if plan.entries.len() < 2 {
        return answers;
    }
    let facts = Facts::of(plan);
    let mut came = vec![vec![Vec::<Came>::new(); plan.entries.len()]; plan.ports.len()];
    for one in trace.observations() {
        let Some(flow) = facts.flow(one.flow).filter(|_| one.kind != Kind::Ballast) else {
            continue;
        };
        if one.arrival >= trace.complete_until() {
            continue;
        }
        let bits = (u64::from(one.len) + WIRE_OVERHEAD) * 8;
        // A frame without a stamp left when it came, as far as anyone knows.
        let departure = one.departure.0.min(one.arrival.0);
        let at = came
            .get_mut(usize::from(one.port))
            .and_then(|port| port.get_mut(usize::from(flow.entry)));
        if let Some(frames) = at {
            frames.push((one.arrival.0, departure, bits));
        }
    }
    for (port, frames) in came.iter_mut().enumerate() {
        if frames.iter().filter(|frames| !frames.is_empty()).count() < 2 {
            continue;
        }
        frames.iter_mut().for_each(|frames| frames.sort_unstable());
        let runs: Vec<Vec<Span>> = (plan.entries.iter().zip(&*frames))
            .map(|(entry, frames)| under_way(frames, 2 * frame_time(plan, entry, port)))
            .collect();
        for (index, answer) in answers.iter_mut().enumerate() {
            let others = runs.iter().enumerate().filter(|(other, _)| *other != index);
            let others = union(others.flat_map(|(_, runs)| runs.iter().copied()).collect());
            add(answer, &frames[index], &overlaps(&runs[index], &others));
        }
    }
    answers
}

/// The longest time from one frame of a sender to its next, at the pace that was asked for.
fn frame_time(plan: &Plan, entry: &EntryPlan, port: usize) -> u64 {
    let bits = (entry.frame.max_frame_len() as u64 + WIRE_OVERHEAD) * 8;
    let line = plan.ports[port].speed;
    let each = entry.lanes.iter().map(|lane| match lane.pace {
        Pace::Wire(rate) => rate.time_of(bits).0,
        Pace::Unlimited => line.time_of(bits).0,
    });
    each.max().unwrap_or(0)
}

/// When an entry is under way, from its frames by arrival.
fn under_way(frames: &[Came], slack: u64) -> Vec<Span> {
    let mut runs: Vec<Span> = Vec::new();
    for (arrival, departure, _) in frames {
        match runs.last_mut() {
            Some((_, last)) if *departure <= last.saturating_add(slack) => *last = *arrival,
            _ => runs.push((*arrival, *arrival)),
        }
    }
    runs.retain(|(from, to)| to > from);
    runs
}

/// The same spans without overlaps, in order.
fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some((_, last)) if from <= *last => *last = to.max(*last),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// What two lists of spans, each in order and without overlaps, have in common.
fn overlaps(one: &[Span], other: &[Span]) -> Vec<Span> {
    let (mut i, mut j) = (0, 0);
    let mut common = Vec::new();
    while let (Some((from, to)), Some((other_from, other_to))) = (one.get(i), other.get(j)) {
        let (begin, end) = (*from.max(other_from), *to.min(other_to));
        if begin < end {
            common.push((begin, end));
        }
        if to < other_to {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}

#[expect(clippy::cast_precision_loss, reason = "bits and picoseconds into a rate")]
fn add(answer: &mut Option<Contended>, frames: &[Came], spans: &[Span]) {
    let time: u64 = spans.iter().map(|(from, to)| to - from).sum();
    if time == 0 {
        return;
    }
    let (mut count, mut bits) = (0u64, 0u64);
    for (from, to) in spans {
        // The frame with which a span begins came before it.
        let first = frames.partition_point(|(arrival, ..)| arrival <= from);
        let end = frames.partition_point(|(arrival, ..)| arrival <= to);
        count += (end - first) as u64;
        bits += frames[first..end].iter().map(|(_, _, bits)| bits).sum::<u64>();
    }
    let longest = frames.iter().map(|(_, _, bits)| *bits).max().unwrap_or(0);
    let per_second = |bits: f64| bits * PICOS_PER_SECOND as f64 / time as f64;
    let slack = (longest * spans.len() as u64) as f64;
    let of_port = Contended {
        time: Picos(time),
        spans: spans.len() as u64,
        frames: count,
        rate: per_second(bits as f64),
        bounds: (
            per_second((bits as f64 - slack).max(0.0)),
            per_second(bits as f64 + slack),
        ),
    };
    *answer = Some(match answer.take() {
        None => of_port,
        Some(so_far) => Contended {
            time: so_far.time.max(of_port.time),
            spans: so_far.spans + of_port.spans,
            frames: so_far.frames + of_port.frames,
            rate: so_far.rate + of_port.rate,
            bounds: (so_far.bounds.0 + of_port.bounds.0, so_far.bounds.1 + of_port.bounds.1),
        },
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_break_where_nothing_is_on_its_way() {
        // Arrival, departure: the third left when the second had long come, the fourth was on its way.
        let frames = [(10, 5, 8), (20, 12, 8), (60, 50, 8), (80, 58, 8), (200, 190, 8)];
        assert_eq!(under_way(&frames, 5), [(10, 20), (60, 80)]);
        assert_eq!(under_way(&frames, 30), [(10, 80)]);
        assert_eq!(under_way(&frames, 110), [(10, 200)]);
        assert_eq!(under_way(&[], 5), []);
    }

    #[test]
    fn spans_have_in_common_what_is_in_both() {
        let merged = union(vec![(5, 9), (1, 3), (2, 4), (9, 12)]);
        assert_eq!(merged, [(1, 4), (5, 12)]);
        assert_eq!(
            overlaps(&[(0, 2), (3, 6), (11, 20)], &merged),
            [(1, 2), (3, 4), (5, 6), (11, 12)]
        );
        assert_eq!(overlaps(&[(4, 5)], &merged), []);
    }

    #[test]
    fn a_rate_counts_the_frames_behind_the_first_of_a_span() {
        let mut answer = None;
        let frames: Vec<Came> = (0..=10).map(|n| (1000 * n, 0, 100)).collect();
        add(&mut answer, &frames, &[(2000, 6000), (8500, 9500)]);
        let found = answer.expect("it contended");
        assert_eq!((found.time, found.spans, found.frames), (Picos(5000), 2, 5));
        // 500 bits in 5 ns, and at most a frame more or less in each of two spans.
        assert!((found.rate - 1e11).abs() < 1.0, "{}", found.rate);
        assert!((found.bounds.0 - 0.6e11).abs() < 1.0 && (found.bounds.1 - 1.4e11).abs() < 1.0);
        add(&mut answer, &frames, &[]);
        assert_eq!(answer, Some(found));
    }
}

//! The queues of the switch, put together again from outside.
//!
//! Contract: a queue holds the frames of one class on their way to one of our ports, first in, first
//! out. A frame *entered* it when it would have begun to leave had it been alone: its departure, plus
//! the unloaded delay of its path, less its own time on the last link. It *began to leave* its own
//! time on that link before its arrival. Both times are those of the receiving port: the propagation
//! of the last link is in both and cancels.
//!
//! The bytes of earlier frames that arrived after it had entered are the depth that it found (at
//! enqueue); the bytes of later frames that entered before it began to leave are the depth that it
//! left behind (at dequeue). So no drain rate is assumed: it is whatever it really was. What enters at the very moment at which
//! a frame begins to leave, as of senders that began together, comes before or after that in the switch, and nobody outside sees
//! which: both depths are told.
//!
//! A frame waited *elsewhere* when this link was idle in the meantime, though nobody held it, or when
//! frames that entered after it were served before it: then its delay says nothing of this queue.
//!
//! Left out on purpose: queues before the last one. A frame that waited both there and here counts as
//! one that waited here when nothing shows the difference.

use super::drain;
use super::path::{Paths, held};
use super::spans::Spans;
use super::waits::Waits;
use super::{Evidence, Facts};
use crate::measure::trace::Observation;

/// Times of the run's clock are used up to here, ps; later ones are damage. 2^60 ps are 13 days.
const LATEST: u64 = 1 << 60;

/// Delays beyond this are damage, ps: 100 s.
const LONGEST_DELAY: i64 = 100_000_000_000_000;

/// Times that differ by less than this part of a frame's time on the link are one: clocks round.
const TIE: i64 = 128;

/// When more frames than this enter as one begins to leave, as of senders that began at one instant, they
/// all come after it, whatever rounding says.
const TIED: usize = 2;

/// Stands for a time that is not known.
const NEVER: i64 = i64::MIN;

/// Stands for a depth that is not known.
const NO_DEPTH: u64 = u64::MAX;

/// One frame in its queue. Times are picoseconds at the receiving port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Its observation in the trace.
    pub index: u32,
    /// Its length in bytes.
    pub len: u32,
    /// When it arrived.
    pub arrival: i64,
    enter: i64,
    found: u64,
    left: u64,
    left_with_ties: u64,
    /// It waited in another queue, at least in part.
    pub elsewhere: bool,
}

impl Frame {
    /// When it entered the queue.
    #[must_use]
    pub fn enter(&self) -> Option<i64> {
        (self.enter != NEVER).then_some(self.enter)
    }

    /// Bytes that it found in the queue.
    #[must_use]
    pub fn found(&self) -> Option<u64> {
        (self.found != NO_DEPTH).then_some(self.found)
    }

    /// Bytes that it left behind, if what entered at that very moment came after it.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        (self.left != NO_DEPTH).then_some(self.left)
    }

    /// The same, if that came before it.
    #[must_use]
    pub fn left_with_ties(&self) -> Option<u64> {
        (self.left_with_ties != NO_DEPTH).then_some(self.left_with_ties)
    }
}

/// The frames of one class that came to one port.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Arrival port.
    pub port: usize,
    /// Class.
    pub class: u8,
    /// Frames in the order of their arrival.
    pub frames: Vec<Frame>,
    /// How far depths may be off for want of a frame of some path that was alone, bytes; `None`: no
    /// depth could be told.
    pub uncertainty: Option<u64>,
    /// Bytes of all frames before the n-th.
    before: Vec<u64>,
    /// Latest entry of any frame up to the n-th.
    entered: Vec<i64>,
}

impl Queue {
    /// Bytes in the queue at a time.
    #[must_use]
    pub fn depth_at(&self, time: i64) -> u64 {
        let entered = self.entered.partition_point(|enter| *enter <= time);
        let gone = self.frames.partition_point(|frame| frame.arrival <= time);
        let bytes = |at: usize| self.before.get(at).copied().unwrap_or(0);
        bytes(entered).saturating_sub(bytes(gone))
    }

    /// Bytes of the frames from the `from`-th to the one before the `to`-th.
    #[must_use]
    pub fn bytes_between(&self, from: usize, to: usize) -> u64 {
        let bytes = |at: usize| self.before.get(at).copied().unwrap_or(0);
        bytes(to).saturating_sub(bytes(from))
    }

    /// Bytes that entered from when the queue was last empty up to a time.
    #[must_use]
    pub fn absorbed_until(&self, time: i64) -> u64 {
        let entered = self.entered.partition_point(|enter| *enter <= time);
        let bytes = |at: usize| self.before.get(at).copied().unwrap_or(0);
        let first = (0..entered).rev().find(|at| {
            // It was empty when this one entered: all before it had arrived.
            *at == 0
                || self
                    .frames
                    .get(at - 1)
                    .is_none_or(|last| last.arrival <= self.entered[*at])
        });
        first.map_or(0, |first| bytes(entered) - bytes(first))
    }

    /// Finds the frames whose delay is not of this queue's making.
    fn find_elsewhere(&mut self, paths: &Paths, link: &Link, held: &Spans) {
        let leeway = paths.leeway();
        let mut hint = (0, 0);
        let mut latest = NEVER;
        for frame in &mut self.frames {
            if frame.enter == NEVER {
                continue;
            }
            let own = paths.on_link(frame.len);
            let due = frame.enter + own;
            let waited = frame.arrival - due;
            // Frames of MAC control are on the link, too, and nobody lists them.
            let slack = own / 4 + waited / 32;
            let idle = link.idle(frame.enter, frame.arrival, &mut hint);
            let idled = idle > slack && !held.overlap(due, frame.arrival);
            frame.elsewhere = idled || latest > frame.enter.saturating_add(own.saturating_add(leeway));
            if !frame.elsewhere {
                latest = latest.max(frame.enter);
            }
        }
    }

    /// Fills in what each frame found and left behind; `whole`: no frame is missing at the end.
    fn measure(&mut self, paths: &Paths, whole: bool) {
        let mut bytes = 0u64;
        let mut latest = NEVER;
        self.before.push(0);
        for frame in &self.frames {
            bytes += u64::from(frame.len);
            self.before.push(bytes);
            // First in, first out: none entered before one that it follows.
            latest = latest.max(frame.enter);
            self.entered.push(latest);
        }
        // Boundaries mostly move by a frame: they are looked for from where the last one was.
        let (mut gone, mut behind) = (0, 0);
        for at in 0..self.frames.len() {
            let frame = self.frames[at];
            if frame.enter == NEVER {
                continue;
            }
            gone = boundary(&self.frames, gone, |other| other.arrival <= frame.enter).min(at);
            let own = paths.on_link(frame.len);
            let begin = frame.arrival - own;
            // What enters at the very moment at which one begins to leave comes after it.
            behind = boundary(&self.entered, behind, |enter| *enter < begin).max(at + 1);
            let near = |slack: i64| boundary(&self.entered, behind, |enter| *enter < begin + slack).max(at + 1);
            let (surely, perhaps) = (near(-own / TIE), near(own / TIE));
            if perhaps - surely > TIED {
                behind = surely;
            }
            let found = self.before[at] - self.before[gone];
            // Of a trace that was full, nobody knows what else stood behind its last frames.
            let left = |behind: usize| {
                if whole || behind < self.frames.len() {
                    self.before[behind] - self.before[at + 1]
                } else {
                    NO_DEPTH
                }
            };
            let (left, left_with_ties) = (left(behind), left(perhaps.max(behind)));
            let frame = &mut self.frames[at];
            (frame.found, frame.left, frame.left_with_ties) = (found, left, left_with_ties);
        }
    }
}

/// When the last link was idle.
struct Link {
    /// When each frame had arrived.
    arrivals: Vec<i64>,
    /// When each frame's first bit was on the link.
    begins: Vec<i64>,
    /// Idle time before the n-th frame, and before all that came before it.
    idle: Vec<i64>,
}

impl Link {
    fn new<'a>(frames: impl Iterator<Item = &'a Observation>, paths: &Paths) -> Link {
        let (mut arrivals, mut begins, mut idle) = (Vec::new(), Vec::new(), Vec::new());
        let mut sum = 0i64;
        for one in frames {
            let arrival = one.arrival.0.cast_signed();
            let begin = arrival - paths.on_link(u32::from(one.len));
            sum += arrivals.last().map_or(0, |last| (begin - last).max(0));
            arrivals.push(arrival);
            begins.push(begin);
            idle.push(sum);
        }
        Link { arrivals, begins, idle }
    }

    /// Idle time from `from` to the beginning of the frame that arrived at `arrival`; `hint` is where
    /// to look first.
    fn idle(&self, from: i64, arrival: i64, hint: &mut (usize, usize)) -> i64 {
        hint.0 = boundary(&self.arrivals, hint.0, |time| *time <= from);
        hint.1 = boundary(&self.arrivals, hint.1, |time| *time < arrival);
        let sum = |at: usize| self.idle.get(at).copied().unwrap_or(0);
        if hint.1 < hint.0 {
            return 0;
        }
        // Of the gap in which it began to wait, the part from then on.
        let first = self.begins.get(hint.0).map_or(0, |begin| (begin - from).max(0));
        let before = hint.0.checked_sub(1).map_or(0, sum);
        sum(hint.1) - sum(hint.0) + first.min(sum(hint.0) - before)
    }
}

/// The first of `sorted` for which `is_below` no longer holds, near `hint`: in a time that grows with
/// the logarithm of the way there, whatever the values.
fn boundary<T>(sorted: &[T], hint: usize, is_below: impl Fn(&T) -> bool) -> usize {
    let hint = hint.min(sorted.len());
    let mut stride = 1;
    if sorted.get(hint).is_some_and(&is_below) {
        let mut low = hint + 1;
        while sorted.get(low + stride).is_some_and(&is_below) {
            low += stride + 1;
            stride *= 2;
        }
        let high = (low + stride).min(sorted.len());
        low.min(high) + sorted.get(low..high).map_or(0, |part| part.partition_point(is_below))
    } else {
        let mut high = hint;
        while high > 0 && !is_below(&sorted[high - 1]) {
            high = (high - 1).saturating_sub(stride);
            stride *= 2;
        }
        // Between where it no longer holds and where it last held.
        let low = high;
        low + sorted[low..hint].partition_point(is_below)
    }
}

/// All frames that came to one port.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Which.
    pub port: usize,
    /// Its queues, by class.
    pub queues: Vec<Queue>,
    /// The paths to it.
    pub paths: Paths,
}

/// The departure of a frame whose times can be believed.
pub(super) fn departure(seen: &Observation) -> Option<i64> {
    if !seen.kind.is_sound() || seen.departure.0 > LATEST || seen.arrival.0 > LATEST {
        return None;
    }
    let (departure, arrival) = (seen.departure.0.cast_signed(), seen.arrival.0.cast_signed());
    (departure <= arrival && arrival - departure <= LONGEST_DELAY).then_some(departure)
}

/// The ports of the plan to which frames came, each with its queues.
#[must_use]
pub fn ports(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits) -> Vec<Port> {
    let seen = evidence.trace.observations();
    let mut of_port: Vec<Vec<u32>> = vec![Vec::new(); evidence.plan.ports.len()];
    for (index, one) in (0u32..).zip(seen) {
        if let Some(list) = of_port.get_mut(usize::from(one.port))
            && one.arrival.0 <= LATEST
        {
            list.push(index);
        }
    }
    let filled = of_port
        .into_iter()
        .enumerate()
        .filter(|(_, indices)| !indices.is_empty());
    filled
        .map(|(port, mut indices)| {
            // Stable: of frames with one arrival time the order is that in which they were taken.
            indices.sort_by_key(|index| seen[*index as usize].arrival);
            build(evidence, facts, waits, port, &indices)
        })
        .collect()
}

fn build(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits, port: usize, indices: &[u32]) -> Port {
    let seen = evidence.trace.observations();
    let ordered = || indices.iter().map(|index| (*index, &seen[*index as usize]));
    let paths = Paths::learn(
        evidence,
        facts,
        drain::of_port(evidence, facts, waits, port),
        port,
        &ordered,
    );
    let mut queues: Vec<Option<Queue>> = (0..8).map(|_| None).collect();
    for (index, one) in ordered() {
        let len = u32::from(one.len);
        let arrival = one.arrival.0.cast_signed();
        let unloaded = paths.unloaded(facts, one.flow, len);
        let enter = departure(one).zip(unloaded).map_or(NEVER, |(departure, unloaded)| {
            // Nothing arrives before it could: a stamp that says so is only rounded.
            (departure + unloaded).min(arrival) - paths.on_link(len)
        });
        let class = one.class & 7;
        let queue = queues[usize::from(class)].get_or_insert_with(|| Queue {
            port,
            class,
            frames: Vec::new(),
            uncertainty: paths.uncertainty(),
            before: Vec::new(),
            entered: Vec::new(),
        });
        queue.frames.push(Frame {
            index,
            len,
            arrival,
            enter,
            found: NO_DEPTH,
            left: NO_DEPTH,
            left_with_ties: NO_DEPTH,
            elsewhere: false,
        });
    }
    let mut queues: Vec<Queue> = queues.into_iter().flatten().collect();
    let link = Link::new(ordered().map(|(_, one)| one), &paths);
    let held = held(evidence, port);
    for queue in &mut queues {
        queue.measure(&paths, evidence.trace.beyond() == 0);
        queue.find_elsewhere(&paths, &link, &held[usize::from(queue.class & 7)]);
    }
    Port { port, queues, paths }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_found_from_anywhere() {
        for size in 0..40usize {
            let sorted: Vec<usize> = (0..size).map(|n| n / 2 * 3).collect();
            for hint in 0..=size + 2 {
                for limit in 0..=size * 2 {
                    let plain = sorted.iter().filter(|value| **value < limit).count();
                    assert_eq!(
                        boundary(&sorted, hint, |value| *value < limit),
                        plain,
                        "{size} {hint} {limit}"
                    );
                }
            }
        }
    }
}

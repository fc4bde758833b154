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
//! left behind (at dequeue). So no drain rate is assumed: it is whatever it really was.
//!
//! Left out on purpose: queues before the last one. What a frame waited there is in its delay and so
//! in its depth.

use super::Evidence;
use super::path::Paths;
use crate::measure::trace::{Kind, Observation};

/// Times of the run's clock are used up to here, ps; later ones are damage. 2^60 ps are 13 days.
const LATEST: u64 = 1 << 60;

/// Delays beyond this are damage, ps: 100 s.
const LONGEST_DELAY: i64 = 100_000_000_000_000;

/// One frame in its queue. Times are picoseconds at the receiving port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Its observation in the trace.
    pub index: u32,
    /// Its length in bytes.
    pub len: u32,
    /// When it arrived.
    pub arrival: i64,
    /// When it left its sender; `None`: it carries no stamp that can be believed.
    pub departure: Option<i64>,
    /// When it entered the queue.
    pub enter: Option<i64>,
    /// Bytes that it found in the queue.
    pub found: Option<u64>,
    /// Bytes that it left behind.
    pub left: Option<u64>,
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
}

/// All frames that came to one port.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Which.
    pub port: usize,
    /// Its queues, by class.
    pub queues: Vec<Queue>,
}

/// The departure and arrival of a frame whose times can be believed.
fn times(seen: &Observation) -> Option<(i64, i64)> {
    if seen.kind == Kind::Ballast || seen.departure.0 > LATEST || seen.arrival.0 > LATEST {
        return None;
    }
    let (departure, arrival) = (seen.departure.0.cast_signed(), seen.arrival.0.cast_signed());
    (departure <= arrival && arrival - departure <= LONGEST_DELAY).then_some((departure, arrival))
}

/// The ports of the plan to which frames came, each with its queues.
pub fn ports<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = Port> + 'a {
    let seen = evidence.trace.observations();
    let mut of_port: Vec<Vec<u32>> = vec![Vec::new(); evidence.plan.ports.len()];
    for (index, one) in (0u32..).zip(seen) {
        if let Some(list) = of_port.get_mut(usize::from(one.port))
            && one.arrival.0 <= LATEST
        {
            list.push(index);
        }
    }
    of_port.into_iter().enumerate().filter_map(|(port, mut indices)| {
        if indices.is_empty() {
            return None;
        }
        // Stable: of frames with one arrival time the order is that in which they were taken.
        indices.sort_by_key(|index| seen[*index as usize].arrival);
        Some(build(evidence, port, &indices))
    })
}

fn build(evidence: &Evidence<'_>, port: usize, indices: &[u32]) -> Port {
    let seen = evidence.trace.observations();
    let frames = |index: &u32| {
        let one = &seen[*index as usize];
        let times = times(one);
        Frame {
            index: *index,
            len: u32::from(one.len),
            arrival: one.arrival.0.cast_signed(),
            departure: times.map(|(departure, _)| departure),
            enter: None,
            found: None,
            left: None,
        }
    };
    let mut all: Vec<(u8, Frame)> = indices
        .iter()
        .map(|index| (seen[*index as usize].class & 7, frames(index)))
        .collect();
    let paths = Paths::learn(evidence, port, &all);
    for (_, frame) in &mut all {
        let one = &seen[frame.index as usize];
        frame.enter = frame
            .departure
            .zip(paths.unloaded(one.flow, frame.len))
            // Nothing leaves sooner than at once: a stamp that says so is only rounded.
            .map(|(departure, unloaded)| (departure + unloaded).min(frame.arrival) - paths.on_link(frame.len));
    }
    let mut queues = Vec::new();
    for class in 0..8 {
        let mut frames: Vec<Frame> = all
            .iter()
            .filter(|(of, _)| *of == class)
            .map(|(_, frame)| *frame)
            .collect();
        if frames.is_empty() {
            continue;
        }
        depths(&mut frames, &paths);
        queues.push(Queue {
            port,
            class,
            frames,
            uncertainty: paths.uncertainty(),
        });
    }
    Port { port, queues }
}

/// Fills in what each frame found and left behind.
fn depths(frames: &mut [Frame], paths: &Paths) {
    // Bytes of all frames before the n-th.
    let mut before = Vec::with_capacity(frames.len() + 1);
    before.push(0u64);
    // First in, first out: none entered before one that it follows.
    let mut entered = Vec::with_capacity(frames.len());
    let (mut bytes, mut latest) = (0u64, i64::MIN);
    for frame in frames.iter() {
        bytes += u64::from(frame.len);
        before.push(bytes);
        latest = latest.max(frame.enter.unwrap_or(i64::MIN));
        entered.push(latest);
    }
    let arrivals: Vec<i64> = frames.iter().map(|frame| frame.arrival).collect();
    for (at, frame) in frames.iter_mut().enumerate() {
        let Some(enter) = frame.enter else { continue };
        let gone = arrivals[..at].partition_point(|arrival| *arrival <= enter);
        frame.found = Some(before[at] - before[gone]);
        let begin = frame.arrival - paths.on_link(frame.len);
        let behind = at + 1 + entered[at + 1..].partition_point(|enter| *enter <= begin);
        frame.left = Some(before[behind] - before[at + 1]);
    }
}

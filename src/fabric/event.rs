//! The event queue, in the order of time.
//!
//! Contract: of one moment, pauses come first, then frames that have left, then frames that
//! arrive, then the rest; within these, in the order in which they were asked for. So a frame that
//! leaves as another arrives is not in the depth which that one finds, nor in its waiting time.
//!
//! Nearly all events are less than a frame and a switch's latency ahead. They go into a wheel of
//! short spans of time, each a list without order; the list of the span that has come is put in
//! order once. What lies further ahead (pauses that expire, hosts that sleep) goes into a heap.
//! Both take their turns by the same key, so the wheel's size changes nothing but the speed.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Port has sent its frame.
    Sent,
    /// Frame (the argument) has arrived at the port.
    Arrives,
    /// The rest of a frame (the argument) whose head arrived earlier is there too.
    Joins,
    /// The same as `Arrives` for a MAC control frame that a host sent.
    Control,
    /// A PFC frame that a port sent has arrived: class enable in bits 8 to 15 of the argument, the
    /// paused among them in bits 0 to 7.
    Pause,
    /// A pause of the class (the argument) may end.
    Expires,
    /// A pause sent for the class may need to be said again.
    Refresh,
    /// The host has asked to be called.
    Wake,
    /// Switching of a planted fault.
    Fault,
    /// A frame held by a fault (the argument) is let go at the latest.
    Release,
}

impl What {
    /// Its place among events of one moment.
    const fn rank(self) -> u64 {
        match self {
            What::Control | What::Pause | What::Expires | What::Refresh | What::Fault => 0,
            What::Sent => 1 << 62,
            What::Arrives | What::Joins | What::Release => 2 << 62,
            What::Wake => 3 << 62,
        }
    }
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub time: u64,
    order: u64,
    pub what: What,
    pub port: u32,
    pub argument: u32,
}

impl Event {
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.order)
    }
}

impl Ord for Event {
    // The heap gives the greatest first.
    #[inline]
    fn cmp(&self, other: &Event) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Event {
    #[inline]
    fn partial_cmp(&self, other: &Event) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A port's, fault's or class's number as it stands in an event. A fabric has at most 512 hosts and
/// some 70 000 links.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
#[inline]
pub const fn small(number: usize) -> u32 {
    number as u32
}

/// Spans of the wheel.
const SPANS: usize = 4096;
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    event: Event,
    next: u32,
}

/// The queue.
#[derive(Debug)]
pub struct Events {
    /// Length of a span is 2^shift picoseconds.
    shift: u32,
    /// The span that `current` is of: all before it are past.
    span: u64,
    /// Events of this span and of earlier ones, the next one last.
    current: Vec<Event>,
    /// First node of each of the next spans, by its low bits.
    heads: Box<[u32; SPANS]>,
    /// Which of them have one.
    filled: [u64; SPANS / 64],
    nodes: Vec<Node>,
    free: u32,
    in_wheel: usize,
    far: BinaryHeap<Event>,
    asked: u64,
}

impl Events {
    /// A queue for which most events lie less than `ahead` picoseconds ahead.
    pub fn new(ahead: u64) -> Events {
        let span = (ahead / SPANS as u64).max(1).next_power_of_two();
        Events {
            shift: span.trailing_zeros(),
            span: 0,
            current: Vec::new(),
            heads: Box::new([NONE; SPANS]),
            filled: [0; SPANS / 64],
            nodes: Vec::new(),
            free: NONE,
            in_wheel: 0,
            far: BinaryHeap::new(),
            asked: 0,
        }
    }

    #[inline]
    pub fn push(&mut self, time: u64, what: What, port: usize, argument: u32) {
        self.asked += 1;
        let event = Event {
            time,
            order: what.rank() | self.asked,
            what,
            port: small(port),
            argument,
        };
        let span = time >> self.shift;
        if span <= self.span {
            let at = self.current.partition_point(|other| other.key() > event.key());
            self.current.insert(at, event);
        } else if span - self.span < SPANS as u64 {
            self.put_into_wheel(span, event);
        } else {
            self.far.push(event);
        }
    }

    #[inline]
    fn put_into_wheel(&mut self, span: u64, event: Event) {
        let at = slot(span);
        let node = Node {
            event,
            next: self.heads[at],
        };
        let number = self.free;
        if let Some(place) = self.nodes.get_mut(number as usize) {
            self.free = place.next;
            *place = node;
            self.heads[at] = number;
        } else {
            self.heads[at] = small(self.nodes.len());
            self.nodes.push(node);
        }
        self.filled[at / 64] |= 1 << (at % 64);
        self.in_wheel += 1;
    }

    /// The next event, if its time is not after `until`.
    #[inline]
    pub fn pop(&mut self, until: u64) -> Option<Event> {
        if self.current.is_empty() && self.in_wheel > 0 {
            self.advance();
        }
        let near = self.current.last();
        if let Some(far) = self.far.peek()
            && near.is_none_or(|near| far.key() < near.key())
        {
            if far.time > until {
                return None;
            }
            if self.current.is_empty() {
                // The wheel is empty too: it begins anew here.
                self.span = far.time >> self.shift;
            }
            return self.far.pop();
        }
        if near?.time > until {
            return None;
        }
        self.current.pop()
    }

    /// Goes on to the next span that has events.
    fn advance(&mut self) {
        let from = slot(self.span + 1);
        let mut word = from / 64;
        let mut bits = self.filled[word] & (!0 << (from % 64));
        while bits == 0 {
            word = (word + 1) % self.filled.len();
            bits = self.filled[word];
        }
        let at = word * 64 + bits.trailing_zeros() as usize;
        self.filled[word] &= !(1 << (at % 64));
        let mut number = std::mem::replace(&mut self.heads[at], NONE);
        if let Some(node) = self.nodes.get(number as usize) {
            self.span = node.event.time >> self.shift;
        }
        while let Some(node) = self.nodes.get_mut(number as usize) {
            self.current.push(node.event);
            self.in_wheel -= 1;
            let next = std::mem::replace(&mut node.next, self.free);
            self.free = number;
            number = next;
        }
        if self.current.len() > 1 {
            self.current.sort_unstable();
        }
    }

    pub fn len(&self) -> usize {
        self.current.len() + self.in_wheel + self.far.len()
    }
}

/// A span's place in the wheel.
#[expect(clippy::cast_possible_truncation, reason = "a remainder")]
#[inline]
const fn slot(span: u64) -> usize {
    (span % SPANS as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The witness is a sorted list of the same keys.
        #[test]
        fn events_come_by_time_then_rank_then_turn(
            ahead in prop::sample::select(vec![1_u64, 5_000, 1_000_000, 1 << 40]),
            steps in prop::collection::vec((0_u64..20, 0_u64..30_000_000, 0..3_usize, 0..4_usize), 1..300),
        ) {
            let mut events = Events::new(ahead);
            let mut expected: Vec<(u64, usize, u64, u32)> = Vec::new();
            let mut now = 0;
            for (turn, (scale, far, takes, kind)) in (0_u32..).zip(steps) {
                // Times of every size, many of them equal.
                let time = now + (far >> scale) / 1000 * 1000;
                let what = [What::Pause, What::Sent, What::Arrives, What::Wake][kind];
                events.push(time, what, 1, turn);
                expected.push((time, kind, u64::from(turn), turn));
                expected.sort_unstable();
                for _ in 0..takes {
                    let next = events.pop(u64::MAX);
                    let wanted = if expected.is_empty() { None } else { Some(expected.remove(0)) };
                    prop_assert_eq!(next.map(|next| (next.time, next.argument)), wanted.map(|w| (w.0, w.3)));
                    now = next.map_or(now, |next| next.time);
                    prop_assert_eq!(events.len(), expected.len());
                }
                if let Some(first) = expected.first() && first.0 > 0 {
                    prop_assert_eq!(events.pop(first.0 - 1), None);
                }
            }
        }
    }
}

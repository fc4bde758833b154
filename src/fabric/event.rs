//! The event queue: a binary heap of small events in the order of time.
//!
//! Contract: of one moment, pauses come first, then frames that have left, then frames that
//! arrive, then the rest; within these, in the order in which they were asked for. So a frame that
//! leaves as another arrives is not in the depth which that one finds, nor in its waiting time.

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
    /// Switching of a planted fault (the argument).
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

impl Ord for Event {
    // The heap gives the greatest first.
    #[inline]
    fn cmp(&self, other: &Event) -> Ordering {
        (other.time, other.order).cmp(&(self.time, self.order))
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

/// The queue.
#[derive(Debug, Default)]
pub struct Events {
    heap: BinaryHeap<Event>,
    asked: u64,
}

impl Events {
    #[inline]
    pub fn push(&mut self, time: u64, what: What, port: usize, argument: u32) {
        self.asked += 1;
        let port = small(port);
        self.heap.push(Event {
            time,
            order: what.rank() | self.asked,
            what,
            port,
            argument,
        });
    }

    /// The next event, if its time is not after `until`.
    #[inline]
    pub fn pop(&mut self, until: u64) -> Option<Event> {
        if self.heap.peek()?.time > until {
            return None;
        }
        self.heap.pop()
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }
}

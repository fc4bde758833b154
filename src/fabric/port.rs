//! One end of a link: what waits to be sent there, who may send, and what was counted.
//!
//! Contract: a port belongs to a host (its NIC) or to a switch, and sends one frame at a time. Its
//! eight queues grow to what they must hold, and then nothing here allocates for a frame.
//!
//! Left out on purpose: admission, marking and pause thresholds, which are the switch's.

use std::collections::VecDeque;

use super::flows::Flows;
use super::frames::NONE;
use super::series::Series;
use crate::testbed::Scheduler;
use crate::units::{BitRate, PICOS_PER_SECOND, WIRE_OVERHEAD};
use crate::wire::ethernet;

/// Traffic classes.
pub const CLASSES: usize = 8;

/// Pause time of a refreshed XOFF, in quanta of 512 bit times (IEEE 802.3 annex 31B.2).
pub const QUANTA: u16 = 0xffff;

/// Whose port it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Host(u32),
    Switch(u32),
}

/// A frame that waits.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub frame: u32,
    pub len: u32,
}

/// Frames of one class that wait at a port.
#[derive(Debug)]
pub struct Queue {
    /// What waits.
    pub waiting: VecDeque<Waiting>,
    /// Bytes of frames that wait or are being sent.
    pub depth: u64,
    /// Bytes that may still be sent in this turn of the deficit round robin.
    deficit: u64,
    pub series: Series,
}

/// What is being sent.
#[derive(Debug, Clone, Copy)]
pub struct Sending {
    pub len: u32,
    pub class: u8,
    /// Port through which the frame entered this switch.
    pub ingress: u32,
}

/// Frames from one port in one class that a switch holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ingress {
    /// Bytes in the shared buffer.
    pub shared: u64,
    /// Bytes in this port's and class's headroom.
    pub headroom: u64,
}

/// Counted for a port and class.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub received_frames: u64,
    pub received_bytes: u64,
    pub sent_frames: u64,
    pub sent_bytes: u64,
    pub marked: u64,
    pub dropped: [u64; super::counters::CAUSES],
    pub dropped_bytes: u64,
    pub max_depth: u64,
    pub max_ingress: u64,
    pub xoff_sent: u64,
    pub xon_sent: u64,
    pub xoff_received: u64,
    pub xon_received: u64,
    /// Time for which this port's transmitter was held.
    pub held: u64,
    /// Time from an XOFF's leaving here to the XON's.
    pub holding: u64,
}

/// A port.
#[derive(Debug)]
pub struct Port {
    pub owner: Owner,
    pub peer: u32,
    rate: BitRate,
    /// Picoseconds for each byte, where that is a whole number; else 0.
    byte_time: u64,
    /// From a frame's leaving to its arrival: propagation.
    pub propagation: u64,
    /// What the receiving end adds: a switch's latency.
    pub latency: u64,
    /// Whether the latency counts from a frame's first bit.
    pub cut_through: bool,
    pub busy: bool,
    pub sending: Option<Sending>,
    /// Classes with a frame that waits.
    ready: u8,
    /// Classes that the other end has paused.
    pub held: u8,
    pub held_until: [u64; CLASSES],
    pub held_since: [u64; CLASSES],
    /// Classes in which too much has come in from the other end.
    pub xoff: u8,
    /// Classes that a fault pauses.
    pub stuck: u8,
    /// Classes that the other end has been told to pause.
    pub announced: u8,
    /// Classes whose pause is to be said again.
    pub refresh: u8,
    pub refresh_at: [u64; CLASSES],
    pub announced_since: [u64; CLASSES],
    pub queues: [Queue; CLASSES],
    pub ingress: [Ingress; CLASSES],
    pub tally: [Tally; CLASSES],
    /// The class whose turn it is, for the deficit round robin.
    turn: u8,
    /// MAC control frames of a host that wait for the frame before them.
    pub urgent: VecDeque<u32>,
    /// Whether that class has had its quantum in this turn.
    granted: bool,
    /// Faults of this direction of the link: an index, or [`NONE`].
    pub faults: u32,
    /// Of a link between switches: what it carried.
    pub flows: Option<Box<Flows>>,
    /// Whether the link is planned to be down at some time.
    pub may_fail: bool,
    /// Other MAC control frames that came in.
    pub control_ignored: u64,
    /// When this port is to wake its host; `u64::MAX`: it is not.
    pub wake_at: u64,
    /// An event far ahead that is in the queue for it; past: none.
    pub far_wake: u64,
}

impl Port {
    pub fn new(owner: Owner, peer: u32, rate: BitRate, propagation: u64) -> Port {
        let mut port = Port {
            owner,
            peer,
            rate,
            byte_time: 0,
            propagation,
            latency: 0,
            cut_through: false,
            busy: false,
            sending: None,
            ready: 0,
            held: 0,
            held_until: [0; CLASSES],
            held_since: [0; CLASSES],
            xoff: 0,
            stuck: 0,
            announced: 0,
            refresh: 0,
            refresh_at: [0; CLASSES],
            announced_since: [0; CLASSES],
            queues: std::array::from_fn(|_| Queue {
                waiting: VecDeque::new(),
                depth: 0,
                deficit: 0,
                series: Series::default(),
            }),
            ingress: [Ingress::default(); CLASSES],
            tally: [Tally::default(); CLASSES],
            turn: 0,
            urgent: VecDeque::new(),
            granted: false,
            faults: NONE,
            flows: None,
            may_fail: false,
            control_ignored: 0,
            wake_at: u64::MAX,
            far_wake: 0,
        };
        port.set_rate(rate);
        port
    }

    /// Sends at another rate from now on.
    pub fn set_rate(&mut self, rate: BitRate) {
        let bits = 8 * PICOS_PER_SECOND;
        self.rate = rate;
        self.byte_time = if bits.is_multiple_of(rate.0) { bits / rate.0 } else { 0 };
    }

    /// Bits per second.
    pub fn rate(&self) -> BitRate {
        self.rate
    }

    /// Time that a frame occupies the link.
    #[inline]
    pub fn wire_time(&self, len: u32) -> u64 {
        if self.byte_time != 0 {
            (u64::from(len) + WIRE_OVERHEAD) * self.byte_time
        } else {
            self.rate.wire_time(u64::from(len)).0
        }
    }

    /// Time that a PFC frame occupies it.
    pub fn pause_wire_time(&self) -> u64 {
        self.rate.wire_time(ethernet::MIN_FRAME_LEN as u64).0
    }

    /// Pause time of so many quanta.
    pub fn pause_time(&self, quanta: u16) -> u64 {
        self.rate.time_of(512 * u64::from(quanta)).0
    }

    /// Puts a frame at the end of its class's queue. Its bytes count already.
    #[inline]
    pub fn push(&mut self, frame: u32, len: u32, class: u8) {
        self.queues[usize::from(class & 7)]
            .waiting
            .push_back(Waiting { frame, len });
        self.ready |= 1 << (class & 7);
    }

    /// Whether a frame of this class that comes now is the next one to leave, at once: the port is idle, and nothing waits.
    /// Not by a scheduler that counts what has left.
    #[inline]
    pub fn passes(&self, class: u8, scheduler: &Scheduler) -> bool {
        let says = (self.announced ^ (self.xoff | self.stuck)) | self.refresh;
        let is_held = self.held & (1 << (class & 7)) != 0;
        let waits = self.ready != 0 || !self.urgent.is_empty();
        !self.busy && !waits && says == 0 && !is_held && matches!(scheduler, Scheduler::Strict)
    }

    /// Whether a frame waits that may be sent.
    #[inline]
    pub fn can_send(&self) -> bool {
        self.ready & !self.held != 0
    }

    /// Takes the frame that is to be sent next, if there is one, with its class.
    #[inline]
    pub fn pop(&mut self, scheduler: &Scheduler) -> Option<(Waiting, u8)> {
        let eligible = self.ready & !self.held;
        if eligible == 0 {
            return None;
        }
        let class = match scheduler {
            Scheduler::Strict => eligible.ilog2(),
            Scheduler::Dwrr(weights) => self.dwrr(weights, eligible),
        };
        let queue = &mut self.queues[class as usize & 7];
        let first = queue.waiting.pop_front();
        if queue.waiting.is_empty() {
            self.ready &= !(1 << class);
            // Shreedhar and Varghese: a queue that runs empty keeps nothing.
            queue.deficit = 0;
        }
        #[expect(clippy::cast_possible_truncation, reason = "0 to 7")]
        first.map(|first| (first, class as u8 & 7))
    }

    /// Deficit round robin (Shreedhar and Varghese, SIGCOMM 1995): a class whose turn comes gets its
    /// quantum and sends while its deficit covers the frame at its head.
    fn dwrr(&mut self, weights: &[u8; CLASSES], eligible: u8) -> u32 {
        loop {
            let class = self.turn & 7;
            if eligible & (1 << class) != 0 {
                let queue = &mut self.queues[usize::from(class)];
                if !self.granted {
                    queue.deficit += u64::from(weights[usize::from(class)].max(1)) * QUANTUM;
                    self.granted = true;
                }
                let len = queue.waiting.front().map_or(0, |first| u64::from(first.len));
                if queue.deficit >= len {
                    queue.deficit -= len;
                    return u32::from(class);
                }
            } else {
                self.queues[usize::from(class)].deficit = 0;
            }
            self.turn = (class + 1) & 7;
            self.granted = false;
        }
    }
}

/// Bytes for each unit of weight in a turn of the deficit round robin: a full frame.
const QUANTUM: u64 = 4500;

//! A shared-buffer, output-queued switch: where a frame goes, whether there is room for it, and
//! whether it is marked.
//!
//! Left out on purpose: when pauses are sent, which is `pause`.

use super::Fabric;
use super::event::small;
use super::frames::NONE;
use super::port::Sending;
use super::random::Dice;
use crate::testbed::EcnThresholds;

/// Why a frame was lost; the order is that of the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The queue was at its dynamic threshold.
    Threshold,
    /// The shared buffer was full.
    Buffer,
    /// A lossless class had used up its headroom.
    Headroom,
    /// Nobody has the destination address, or no way leads there.
    NoRoute,
    /// The link was down.
    LinkDown,
    /// A planted fault dropped it.
    Planted,
    /// There was no memory to corrupt it in.
    NoMemory,
}

/// Marking by depth, as whole numbers.
#[derive(Debug, Clone, Copy)]
pub struct Marking {
    kmin: u64,
    kmax: u64,
    /// Of 2^32.
    pmax: u64,
}

impl Marking {
    pub fn new(thresholds: &EcnThresholds) -> Marking {
        Marking {
            kmin: thresholds.kmin.0,
            kmax: thresholds.kmax.0,
            pmax: super::random::of_two_to_the_32(thresholds.pmax.0),
        }
    }

    /// RED on the instantaneous depth: nothing up to Kmin, all above Kmax, a line to Pmax between.
    #[inline]
    pub fn marks(&self, depth: u64, dice: &mut Dice) -> bool {
        if depth <= self.kmin {
            return false;
        }
        if depth > self.kmax {
            return true;
        }
        // Depths are below 2^41 (`yaml` allows 1 TiB), so this is below 2^105.
        let drawn = u128::from(dice.throw() >> 32) * u128::from(self.kmax - self.kmin);
        drawn < u128::from(self.pmax) * u128::from(depth - self.kmin)
    }
}

/// A switch.
#[derive(Debug)]
pub struct Switch {
    pub name: String,
    pub tier: u32,
    /// First of its ports, which follow each other.
    pub first_port: u32,
    pub ports: u32,
    /// Bytes that are not reserved as headroom.
    pub shared: u64,
    /// Bytes of those in use.
    pub used: u64,
    pub max_used: u64,
    /// Bytes of headroom in use.
    pub headroom: u64,
    pub max_headroom: u64,
    /// Dynamic threshold in 2^-16.
    pub alpha: u64,
    pub marking: Option<Marking>,
    pub marked_classes: u8,
    /// Classes that are not lossless here, whatever the fabric's `pfc` says.
    pub lossy: u8,
    pub dice: Dice,
    /// The first fault planted here, or [`NONE`].
    pub faults: u32,
    /// For the hash of ECMP.
    pub salt: u64,
}

impl Switch {
    /// Whether a lossy queue of `depth` may take `len` bytes more (Choudhury and Hahne, dynamic
    /// queue length thresholds).
    #[inline]
    fn within_threshold(&self, depth: u64, len: u64) -> bool {
        let free = self.shared.saturating_sub(self.used);
        u128::from(depth + len) << 16 <= u128::from(self.alpha) * u128::from(free)
    }
}

impl<F: super::Frame> Fabric<F> {
    /// A frame that came in through `ingress` joins its egress queue, or is lost.
    #[inline]
    pub(super) fn join(&mut self, switch: usize, ingress: usize, frame: u32) {
        let meta = *self.frames.meta(frame);
        let class = usize::from(meta.header.class & 7);
        let len = u64::from(meta.len);
        let Some(egress) = self.route(switch, ingress, &meta) else {
            self.lose(ingress, frame, Cause::NoRoute);
            return;
        };
        let depth = self.ports[egress].queues[class].depth;
        let place = &mut self.switches[switch];
        let lossless = self.lossless & !place.lossy & (1 << class) != 0;
        let held = &mut self.ports[ingress].ingress[class];
        if lossless {
            let room = self.pfc.xoff.saturating_sub(held.shared);
            let shared = len.min(room).min(place.shared.saturating_sub(place.used));
            if held.headroom + (len - shared) > self.pfc.headroom {
                self.lose(ingress, frame, Cause::Headroom);
                return;
            }
            held.shared += shared;
            held.headroom += len - shared;
            place.used += shared;
            place.headroom += len - shared;
            place.max_headroom = place.max_headroom.max(place.headroom);
        } else {
            let cause = if len > place.shared.saturating_sub(place.used) {
                Some(Cause::Buffer)
            } else if !place.within_threshold(depth, len) {
                Some(Cause::Threshold)
            } else {
                None
            };
            if let Some(cause) = cause {
                self.lose(egress, frame, cause);
                return;
            }
            held.shared += len;
            place.used += len;
        }
        place.max_used = place.max_used.max(place.used);
        let over = held.headroom > 0;
        let total = held.shared + held.headroom;
        let tally = &mut self.ports[ingress].tally[class];
        tally.max_ingress = tally.max_ingress.max(total);
        self.frames.meta_mut(frame).ingress = small(ingress);

        if self.mark_at == crate::testbed::MarkAt::Enqueue {
            self.mark(egress, frame, depth);
        }
        let state = &mut self.ports[egress];
        let queue = &mut state.queues[class];
        queue.depth += len;
        queue.series.set(self.now, queue.depth);
        let tally = &mut state.tally[class];
        tally.max_depth = tally.max_depth.max(depth + len);
        if over && self.ports[ingress].xoff & (1 << class) == 0 {
            self.ports[ingress].xoff |= 1 << class;
            self.start(ingress);
        }
        self.enqueue(egress, frame, meta.len, meta.header.class);
    }

    /// Marks a frame at egress port `port` by `depth`, when it is ECN-capable.
    #[inline]
    pub(super) fn mark(&mut self, port: usize, frame: u32, depth: u64) {
        let super::port::Owner::Switch(switch) = self.ports[port].owner else {
            return;
        };
        let switch = &mut self.switches[switch as usize];
        let Some(marking) = &switch.marking else { return };
        let header = self.frames.meta(frame).header;
        let class = header.class & 7;
        if !header.ect || switch.marked_classes & (1 << class) == 0 {
            return;
        }
        if marking.marks(depth, &mut switch.dice) && !header.ce {
            self.frames.meta_mut(frame).header.ce = true;
            self.ports[port].tally[usize::from(class)].marked += 1;
            if let Some(frame) = self.frames.frame_mut(frame) {
                frame.mark_ce();
            }
        }
    }

    /// A frame has left the switch: its bytes are free again.
    #[inline]
    pub(super) fn leave(&mut self, switch: usize, sent: Sending) {
        if sent.ingress == NONE {
            return;
        }
        let ingress = sent.ingress as usize;
        let class = usize::from(sent.class);
        let len = u64::from(sent.len);
        let place = &mut self.switches[switch];
        let state = &mut self.ports[ingress];
        let held = &mut state.ingress[class];
        // Headroom empties first, so that it is there again before the sender may go on.
        let headroom = held.headroom.min(len);
        held.headroom -= headroom;
        held.shared -= len - headroom;
        place.headroom -= headroom;
        place.used -= len - headroom;
        let below = held.headroom == 0 && held.shared <= self.pfc.xon;
        if below && state.xoff & (1 << class) != 0 {
            state.xoff &= !(1 << class);
            self.start(ingress);
        }
    }
}

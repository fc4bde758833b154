//! Where a port queue's frames are written, and the way by which they leave.
//!
//! Contract: what [`TxBatch`] promises. A unit works the same over buffers of a port and over descriptors of the reference
//! fabric ([`Desk`](crate::engine::carried::Desk)): both are bytes to be written, with a mark.
//!
//! Left out on purpose: what is written.

use crate::dpdk::{TxBatch, TxFrame, TxQueue};

/// Frames on their way out: those at the front are written and wait, the others can be written in order.
pub trait Batch {
    /// What takes them.
    type Queue;

    /// Takes room until there is some for `count` frames, those that wait included. Returns how many can be written now.
    fn refill(&mut self, count: usize) -> usize;
    /// Frames that can be written, or are written and wait.
    fn held(&self) -> usize;
    /// Frames that wait.
    fn pending(&self) -> usize;
    /// Frame `index`, to be written.
    fn frame(&mut self, index: usize) -> TxFrame<'_>;
    /// Frame `index` is written and `len` bytes long without FCS, and so are those before it.
    fn set_len(&mut self, index: usize, len: u16);
    /// Frame `index` leaves then, where the queue is told.
    fn set_departure(&mut self, index: usize, time: u64);
    /// Hands over the frames that wait. Returns how many were taken.
    fn send(&mut self, queue: &mut Self::Queue) -> usize;
    /// Gives up the frames that wait, and says how many there were.
    fn discard_pending(&mut self) -> usize;
    /// The next frame will be written soon.
    fn prefetch(&self);
}

impl Batch for TxBatch {
    type Queue = TxQueue;

    #[inline(always)]
    fn refill(&mut self, count: usize) -> usize {
        TxBatch::refill(self, count)
    }

    #[inline(always)]
    fn held(&self) -> usize {
        TxBatch::held(self)
    }

    #[inline(always)]
    fn pending(&self) -> usize {
        TxBatch::pending(self)
    }

    #[inline(always)]
    fn frame(&mut self, index: usize) -> TxFrame<'_> {
        TxBatch::frame(self, index)
    }

    #[inline(always)]
    fn set_len(&mut self, index: usize, len: u16) {
        TxBatch::set_len(self, index, len);
    }

    #[inline(always)]
    fn set_departure(&mut self, index: usize, time: u64) {
        TxBatch::set_departure(self, index, time);
    }

    #[inline(always)]
    fn send(&mut self, queue: &mut TxQueue) -> usize {
        TxBatch::send(self, queue)
    }

    fn discard_pending(&mut self) -> usize {
        TxBatch::discard_pending(self)
    }

    #[inline(always)]
    fn prefetch(&self) {
        TxBatch::prefetch(self);
    }
}

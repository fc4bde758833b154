//! Bursts of frames: what the packet path works with.
//!
//! Contract: a batch owns its mbufs. [`TxBatch`]: `refill`, write frames from the front, `send`;
//! what the port did not take stays at the front, in order. [`RxBatch`]: `receive`, read; the next
//! `receive` gives the buffers back. No call here allocates memory, locks, logs or asks the kernel.
//!
//! ```no_run
//! # use squall::dpdk::*;
//! # fn loop_once(batch: &mut TxBatch, queue: &mut TxQueue, header: &[u8]) {
//! batch.refill(BATCH);
//! for index in batch.pending()..batch.held() {
//!     let frame = batch.frame(index);
//!     frame.bytes[..header.len()].copy_from_slice(header);
//!     batch.set_len(index, 64);
//! }
//! let sent = batch.send(queue);
//! # }
//! ```

use std::ptr;

use dpdk_sys as sys;

use super::eal::Eal;
use super::ledger::Holder;
use super::pool::{DATA_OFFSET, MARK_OFFSET, TxPool};
use super::queue::{RxQueue, TxQueue};

/// Frames that a batch holds at most.
pub const BATCH: usize = 64;

/// Frames on their way to a port.
///
/// Of the frames that it holds, the first [`pending`](TxBatch::pending) are written and wait for
/// [`send`](TxBatch::send); the others are free to be written, in order.
pub struct TxBatch {
    mbufs: [*mut sys::rte_mbuf; BATCH],
    lens: [u16; BATCH],
    departures: [u64; BATCH],
    /// mbufs `first..end` are ours; `first <= written <= end <= BATCH`. Sending moves `first` on, and
    /// `refill` closes the gap only when it needs the room: sending a few frames of many is cheap.
    first: usize,
    written: usize,
    end: usize,
    data_room: usize,
    pool: TxPool,
    _holder: Holder,
}

// SAFETY: mbufs may be used by any thread, one at a time, and given back by any.
unsafe impl Send for TxBatch {}

/// One frame of a [`TxBatch`] that can be written.
pub struct TxFrame<'a> {
    /// The whole buffer, from the frame's first byte on: what the last sender left, or the prefill.
    pub bytes: &'a mut [u8],
    /// The buffer's private word, which stays with the buffer: 0 at first, then whatever a sender
    /// has noted in it.
    pub mark: &'a mut u64,
}

impl TxBatch {
    /// An empty batch that takes its buffers from `pool`.
    #[must_use]
    pub fn new(pool: &TxPool) -> TxBatch {
        TxBatch {
            mbufs: [ptr::null_mut(); BATCH],
            lens: [0; BATCH],
            departures: [0; BATCH],
            first: 0,
            written: 0,
            end: 0,
            data_room: usize::from(pool.0.data_room()),
            _holder: Holder::new(pool.0.eal()),
            pool: pool.clone(),
        }
    }

    /// Frames that are written and not sent: those at the front.
    #[inline(always)]
    #[must_use]
    pub fn pending(&self) -> usize {
        self.written - self.first
    }

    /// Frames in the batch, written or not.
    #[inline(always)]
    #[must_use]
    pub fn held(&self) -> usize {
        self.end - self.first
    }

    /// Takes buffers until the batch holds `count` frames, at most [`BATCH`]. Returns how many can
    /// be written now: fewer than asked for when the pool has run dry.
    #[inline]
    pub fn refill(&mut self, count: usize) -> usize {
        let count = count.min(BATCH);
        if count > self.held() {
            let missing = count - self.held();
            if missing > BATCH - self.end {
                self.close_up();
            }
            if !self.take(missing) {
                self.take_what_there_is(missing);
            }
        }
        self.end - self.written
    }

    /// Takes `count` buffers or none; `end + count <= BATCH`.
    #[inline(always)]
    fn take(&mut self, count: usize) -> bool {
        let Some(free) = self.mbufs.get_mut(self.end..self.end + count) else {
            return false;
        };
        // SAFETY: the pool lives, since the batch holds it, and `free` has room for the pointers.
        let taken = unsafe { sys::squall_tx_take(self.pool.0.raw(), free.as_mut_ptr(), small(free.len())) } == 0;
        if taken {
            self.end += count;
        }
        taken
    }

    #[cold]
    fn take_what_there_is(&mut self, mut count: usize) {
        while count > 1 {
            count = count.div_ceil(2);
            if self.take(count) {
                return;
            }
        }
    }

    /// Moves the frames to the front of the arrays.
    #[cold]
    fn close_up(&mut self) {
        self.mbufs.copy_within(self.first..self.end, 0);
        self.lens.copy_within(self.first..self.end, 0);
        self.departures.copy_within(self.first..self.end, 0);
        self.end -= self.first;
        self.written -= self.first;
        self.first = 0;
    }

    /// Frame `index` to be written, `index` below [`held`](TxBatch::held).
    ///
    /// # Panics
    /// On any other index.
    #[inline(always)]
    pub fn frame(&mut self, index: usize) -> TxFrame<'_> {
        let slot = self.slot(index);
        let base = self.mbufs[slot].cast::<u8>();
        // SAFETY: every mbuf of a TX pool has its data at this distance (squall_tx_take).
        let data = unsafe { base.add(DATA_OFFSET) };
        // SAFETY: `data_room` initialised bytes follow; the batch alone owns the mbuf, and is
        // borrowed as long as the slice lives.
        let bytes = unsafe { std::slice::from_raw_parts_mut(data, self.data_room) };
        // SAFETY: the private area is in the same object.
        let mark = unsafe { base.add(MARK_OFFSET) }.cast::<u64>();
        // SAFETY: 8 initialised bytes at the start of a cache line, not among `bytes`; owned and
        // borrowed as above.
        let mark = unsafe { &mut *mark };
        TxFrame { bytes, mark }
    }

    /// The frames from `index` on, to be written in order; none when there are no more than `index`.
    #[inline(always)]
    pub fn frames(&mut self, index: usize) -> impl ExactSizeIterator<Item = TxFrame<'_>> {
        let from = self.first.saturating_add(index).min(self.end);
        let data_room = self.data_room;
        self.mbufs[from..self.end].iter_mut().map(move |mbuf| {
            let base = mbuf.cast::<u8>();
            // SAFETY: as in `frame`; no two of these mbufs are the same.
            let data = unsafe { base.add(DATA_OFFSET) };
            // SAFETY: as in `frame`.
            let bytes = unsafe { std::slice::from_raw_parts_mut(data, data_room) };
            // SAFETY: as in `frame`.
            let mark = unsafe { base.add(MARK_OFFSET) }.cast::<u64>();
            // SAFETY: as in `frame`.
            let mark = unsafe { &mut *mark };
            TxFrame { bytes, mark }
        })
    }

    /// Fetches what [`TxBatch::frame`] gives of frame 0 ahead of its use, when there is one.
    #[inline(always)]
    pub fn prefetch(&self) {
        if self.first < self.end {
            let mbuf = self.mbufs[self.first];
            // SAFETY: as in `frame`.
            let data = unsafe { mbuf.cast::<u8>().add(DATA_OFFSET) };
            // SAFETY: a prefetch reads nothing that the program sees; all addresses lie in the buffer.
            unsafe { sys::squall_tx_prefetch(mbuf, data) };
        }
    }

    #[inline(always)]
    fn slot(&self, index: usize) -> usize {
        let slot = self.first.wrapping_add(index);
        assert!(
            slot < self.end && slot < BATCH && index < BATCH,
            "frame {index} of {}",
            self.held()
        );
        slot
    }

    /// Says that frame `index` is written and `len` bytes long, FCS not counted. Frames before it
    /// must have been written: they become pending too.
    ///
    /// # Panics
    /// On an index that is not held, or a length beyond the buffer.
    #[inline(always)]
    pub fn set_len(&mut self, index: usize, len: u16) {
        let slot = self.slot(index);
        assert!(
            usize::from(len) <= self.data_room,
            "{len} bytes in a buffer of {}",
            self.data_room
        );
        self.lens[slot] = len;
        self.written = self.written.max(slot + 1);
    }

    /// [`TxBatch::set_len`] for `count` frames from `index` on, all of one length.
    ///
    /// # Panics
    /// As there.
    #[inline(always)]
    pub fn set_lens(&mut self, index: usize, count: usize, len: u16) {
        if count == 0 {
            return;
        }
        self.set_len(index + count - 1, len);
        let from = self.slot(index);
        self.lens[from..from + count].fill(len);
    }

    /// Sets the time at which frame `index` departs. It is written into the buffer when the port was
    /// started with [`super::Departures`] other than `Off`.
    ///
    /// # Panics
    /// On an index that is not held.
    #[inline(always)]
    pub fn set_departure(&mut self, index: usize, time: u64) {
        let slot = self.slot(index);
        self.departures[slot] = time;
    }

    /// Hands the pending frames to the port. Returns how many it took; the others stay pending, at
    /// the front and in order.
    #[inline]
    pub fn send(&mut self, queue: &mut TxQueue) -> usize {
        let pending = self.first..self.written;
        let count = small(pending.len());
        let mbufs = self.mbufs[pending.clone()].as_mut_ptr();
        let lens = self.lens[pending.clone()].as_ptr();
        let sent = if queue.timed {
            let times = self.departures[pending].as_ptr();
            // SAFETY: `count` mbufs that are ours, each with room for its length; the port runs as
            // long as the queue lives, and `&mut` keeps other threads off the queue.
            unsafe { sys::squall_tx_burst_timed(queue.port, queue.queue, mbufs, lens, times, count) }
        } else {
            // SAFETY: as above.
            unsafe { sys::squall_tx_burst(queue.port, queue.queue, mbufs, lens, count) }
        };
        self.advance(usize::from(sent));
        usize::from(sent)
    }

    /// The same for PTP frames whose departure the NIC is to stamp ([`super::Timesync::tx_stamp`]).
    #[inline]
    pub fn send_stamped(&mut self, queue: &mut TxQueue) -> usize {
        let pending = self.first..self.written;
        let count = small(pending.len());
        let mbufs = self.mbufs[pending.clone()].as_mut_ptr();
        let lens = self.lens[pending].as_ptr();
        // SAFETY: `count` mbufs that are ours, each with room for its length; the port runs as long as
        // the queue lives, and `&mut` keeps other threads off the queue.
        let sent = unsafe { sys::squall_tx_burst_ptp(queue.port, queue.queue, mbufs, lens, count) };
        self.advance(usize::from(sent));
        usize::from(sent)
    }

    /// Forgets the first `count` frames.
    #[inline(always)]
    fn advance(&mut self, count: usize) {
        self.first += count;
        if self.first == self.end {
            (self.first, self.written, self.end) = (0, 0, 0);
        }
    }

    /// Gives up the pending frames, and says how many there were. Their buffers go back to the pool.
    pub fn discard_pending(&mut self) -> usize {
        let count = self.pending();
        let mbufs = self.mbufs[self.first..self.written].as_mut_ptr();
        // SAFETY: these mbufs are ours, and are forgotten right after.
        unsafe { sys::rte_pktmbuf_free_bulk(mbufs, small(count)) };
        self.advance(count);
        count
    }
}

impl Drop for TxBatch {
    fn drop(&mut self) {
        self.written = self.end;
        self.discard_pending();
    }
}

/// A number of frames of one batch, for DPDK's differing types.
#[inline(always)]
fn small<T: From<u8>>(count: usize) -> T {
    const { assert!(BATCH <= u8::MAX as usize) };
    #[expect(clippy::cast_possible_truncation, reason = "at most BATCH, which fits")]
    T::from(count as u8)
}

/// Frames that came from a port.
pub struct RxBatch {
    mbufs: [*mut sys::rte_mbuf; BATCH],
    views: [sys::squall_rx_view; BATCH],
    /// mbufs `0..held` are ours, and their views are filled in.
    held: usize,
    _holder: Holder,
}

// SAFETY: mbufs may be used by any thread, one at a time, and given back by any.
unsafe impl Send for RxBatch {}

/// One received frame.
#[derive(Clone, Copy)]
pub struct RxFrame<'a> {
    view: &'a sys::squall_rx_view,
    mbuf: &'a *mut sys::rte_mbuf,
}

impl RxBatch {
    /// An empty batch.
    #[must_use]
    pub fn new(eal: &Eal) -> RxBatch {
        RxBatch {
            mbufs: [ptr::null_mut(); BATCH],
            views: [sys::squall_rx_view::default(); BATCH],
            held: 0,
            _holder: Holder::new(eal),
        }
    }

    /// Gives back the frames it holds and takes what has arrived, at most [`BATCH`] frames. Returns
    /// how many. The contents of each are on their way into the cache.
    #[inline]
    pub fn receive(&mut self, queue: &mut RxQueue) -> usize {
        self.release();
        let (mbufs, views) = (self.mbufs.as_mut_ptr(), self.views.as_mut_ptr());
        // SAFETY: both arrays have BATCH places and hold nothing that is ours; the port runs as long
        // as the queue lives, and `&mut` keeps other threads off the queue.
        let got = unsafe { sys::squall_rx_burst(queue.port, queue.queue, mbufs, views, small(BATCH)) };
        self.held = usize::from(got).min(BATCH);
        self.held
    }

    /// Gives back the frames it holds.
    #[inline]
    pub fn release(&mut self) {
        if self.held > 0 {
            // SAFETY: the first `held` mbufs are ours, and are forgotten right after.
            unsafe { sys::rte_pktmbuf_free_bulk(self.mbufs.as_mut_ptr(), small(self.held)) };
            self.held = 0;
        }
    }

    /// The frames, in the order of arrival.
    #[inline(always)]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RxFrame<'_>> {
        let held = self.held.min(BATCH);
        self.views[..held]
            .iter()
            .zip(&self.mbufs[..held])
            .map(|(view, mbuf)| RxFrame { view, mbuf })
    }

    /// Number of frames.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether there is no frame.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }
}

impl Drop for RxBatch {
    fn drop(&mut self) {
        self.release();
    }
}

impl<'a> RxFrame<'a> {
    /// The frame's first segment: all of it, unless [`is_whole`](RxFrame::is_whole) says otherwise.
    #[inline(always)]
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        // SAFETY: DPDK says that the segment has `data_len` bytes at `data`; the batch owns the mbuf
        // and is borrowed for 'a.
        unsafe { std::slice::from_raw_parts(self.view.data, self.view.data_len as usize) }
    }

    /// Bytes of the whole frame.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.pkt_len as usize
    }

    /// Whether the frame has no byte at all.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view.pkt_len == 0
    }

    /// Whether [`bytes`](RxFrame::bytes) is all of the frame.
    #[inline(always)]
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.view.data_len == self.view.pkt_len
    }

    /// The time stamp that the port wrote; [`super::Effective::rx_timestamps`] says in what unit.
    #[inline(always)]
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        (self.view.has_timestamp != 0).then_some(self.view.timestamp)
    }

    /// Where the driver keeps the time stamp of this PTP frame, for [`super::Timesync::rx_stamp`].
    #[inline(always)]
    #[must_use]
    pub fn ptp_flags(&self) -> u16 {
        self.view.ptp
    }

    /// The whole frame: in place if it is one segment, else copied to `scratch`, which grows to the
    /// longest frame once and then no more.
    #[inline]
    pub fn whole<'b>(&self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if self.is_whole() {
            self.bytes()
        } else {
            self.joined(scratch)
        }
    }

    #[cold]
    fn joined<'b>(&self, scratch: &'b mut Vec<u8>) -> &'b [u8] {
        let len = self.len();
        scratch.resize(len, 0);
        // SAFETY: the batch owns the mbuf and is borrowed; `scratch` has `pkt_len` bytes.
        let code = unsafe { sys::squall_mbuf_copy(*self.mbuf, scratch.as_mut_ptr(), self.view.pkt_len) };
        // Shorter segments than the frame's length are a driver's fault: what is there is the first.
        if code == 0 { scratch } else { &[] }
    }
}

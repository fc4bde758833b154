//! The far end of a ring port, one frame at a time.
//!
//! Contract: [`FarEnd::take`] answers what a transmit queue has sent, [`FarEnd::give`] hands a frame to
//! the receive queue of the same number, with its time of arrival. A [`RingFrame`] is the sender's own
//! buffer: nothing is copied. Whatever becomes of it, the buffer goes back to its pool once.
//!
//! Each call on a ring is one call of the shim; what is read of a frame is read in place.
//!
//! Left out on purpose: what a buffer's mark means. Who changes a header has to see to the mark
//! ([`RingFrame::mark_mut`]); who changes payload spoils the sender's prefill, and takes a
//! [`copy`](RingFrame::copy) instead.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use dpdk_sys as sys;

use super::Result;
use super::eal::Eal;
use super::ledger;
use super::pool::{DATA_OFFSET, MARK_OFFSET, TxPool};
use super::ring_port::Rings;

impl Eal {
    /// Makes a port of rings, each with room for `depth` frames: `queues` transmit and as many receive
    /// queues. `name` begins with `net_ring_`; [`super::Port::open`] opens it under that name. The
    /// answer has the far end of each queue, in the order of their numbers.
    ///
    /// The port is there until its last far end and its [`super::Port`] are dropped. What a far end
    /// gives to a stopped port waits for its start; what it gives to a closed one is lost.
    ///
    /// # Errors
    /// [`super::Error::Unsupported`] for a name, a number of queues or a depth that cannot be,
    /// [`super::Error::PortInUse`] while there is a port of that name, [`super::Error::Port`] when the
    /// memory or DPDK's table of ports is full.
    pub fn ring_port(&self, name: &str, queues: u16, depth: u32) -> Result<Vec<FarEnd>> {
        let rings = Arc::new(Rings::new(self, name, queues, depth)?);
        self.plug_rings(name, &rings)?;
        Ok((0_u16..)
            .zip(rings.pairs())
            .map(|(queue, pair)| FarEnd {
                sent: pair.sent.raw(),
                arriving: pair.arriving.raw(),
                out: 0,
                queue,
                _rings: Arc::clone(&rings),
            })
            .collect())
    }
}

/// The other end of one transmit and one receive queue of a ring port.
pub struct FarEnd {
    sent: NonNull<sys::rte_ring>,
    arriving: NonNull<sys::rte_ring>,
    /// Frames taken less frames given.
    out: i64,
    queue: u16,
    _rings: Arc<Rings>,
}

// SAFETY: a ring may be used by any thread, at each end by one at a time: `take` and `give` have
// `&mut self`, and there is one far end of a queue.
unsafe impl Send for FarEnd {}

impl FarEnd {
    /// The queue's number.
    #[must_use]
    pub fn queue(&self) -> u16 {
        self.queue
    }

    /// The oldest frame that the port has sent on this queue and that was not taken yet.
    #[inline(always)]
    pub fn take(&mut self) -> Option<RingFrame> {
        // SAFETY: the ring lives as long as `_rings`; this is its only consumer, see `Send`.
        let mbuf = NonNull::new(unsafe { sys::squall_ring_take(self.sent.as_ptr()) })?;
        self.out += 1;
        Some(RingFrame(mbuf))
    }

    /// Hands a frame to the port's receive queue, where [`super::RxFrame::timestamp`] will answer
    /// `arrival`. Any far end may give any frame, whoever sent it.
    ///
    /// # Errors
    /// The frame, unchanged, when the ring is full.
    #[inline(always)]
    pub fn give(&mut self, frame: RingFrame, arrival: u64) -> std::result::Result<(), RingFrame> {
        // SAFETY: the ring lives as long as `_rings`, and this is its only producer; the mbuf is ours,
        // and is forgotten below when the ring has it.
        let code = unsafe { sys::squall_ring_give(self.arriving.as_ptr(), frame.0.as_ptr(), arrival) };
        if code != 0 {
            return Err(frame);
        }
        self.out -= 1;
        std::mem::forget(frame);
        Ok(())
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        // Before `_rings`, which is a holder, goes.
        ledger::count_loose(self.out);
    }
}

impl fmt::Debug for FarEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FarEnd")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// One frame that was taken from a ring port, in its sender's buffer. Dropped, the buffer goes back
/// to its pool.
///
/// Frames keep the memory of their pools: a pool is not freed, and EAL not ended, before they are gone.
#[repr(transparent)]
pub struct RingFrame(NonNull<sys::rte_mbuf>);

const _: () = assert!(size_of::<Option<RingFrame>>() == 8);

// SAFETY: an mbuf may be used by any thread, one at a time, and given back by any.
unsafe impl Send for RingFrame {}

impl RingFrame {
    /// Every frame comes out of a [`super::TxBatch`] or [`RingFrame::copy`]: one segment, in a buffer
    /// of a TX pool, with its data where `squall_tx_take` says.
    #[inline(always)]
    fn at(&self, offset: usize) -> NonNull<u8> {
        // SAFETY: the offsets used below lie in the mbuf or in its buffer, which are one object.
        unsafe { self.0.cast::<u8>().add(offset) }
    }

    /// Bytes of the frame, FCS not counted.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a frame without a byte is none")]
    pub fn len(&self) -> usize {
        // SAFETY: the field's place, from the header that the shim is compiled against.
        usize::from(unsafe { self.at(sys::squall_mbuf_data_len as usize).cast::<u16>().read() })
    }

    /// The frame, from the Ethernet header on, without FCS.
    #[inline(always)]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes of the buffer; the frame owns it and is borrowed.
        unsafe { std::slice::from_raw_parts(self.at(DATA_OFFSET).as_ptr(), self.len()) }
    }

    /// The first `count` bytes of the frame, or all of a shorter one, to be changed. The buffer goes
    /// back to its sender with the change: see to [`mark_mut`](RingFrame::mark_mut), and leave payload
    /// alone but in a [`copy`](RingFrame::copy).
    #[inline(always)]
    #[must_use]
    pub fn header_mut(&mut self, count: usize) -> &mut [u8] {
        // SAFETY: at most `len` initialised bytes of the buffer; the frame owns it and is borrowed
        // mutably.
        unsafe { std::slice::from_raw_parts_mut(self.at(DATA_OFFSET).as_ptr(), self.len().min(count)) }
    }

    /// Fetches what the receiver will look at ahead of its use.
    #[inline(always)]
    pub fn prefetch(&self) {
        // SAFETY: a prefetch reads nothing that the program sees; both addresses lie in the buffer.
        unsafe { sys::squall_mbuf_prefetch(self.0.as_ptr(), self.at(DATA_OFFSET).as_ptr()) };
    }

    /// The buffer's private word, the same as [`super::TxFrame::mark`].
    #[inline(always)]
    #[must_use]
    pub fn mark_mut(&mut self) -> &mut u64 {
        // SAFETY: every buffer of a TX pool has 8 initialised bytes there, aligned to a cache line;
        // owned and borrowed mutably.
        unsafe { self.at(MARK_OFFSET).cast::<u64>().as_mut() }
    }

    /// The departure time that the sender has set ([`super::TxBatch::set_departure`]), when its port
    /// was started with [`super::Departures::Written`].
    #[inline(always)]
    #[must_use]
    pub fn departure(&self) -> Option<u64> {
        // SAFETY: written once, while EAL started.
        let flag = unsafe { sys::squall_tx_timestamp_flag };
        // SAFETY: the field's place, from the header that the shim is compiled against.
        let flags = unsafe { self.at(sys::squall_mbuf_ol_flags as usize).cast::<u64>().read() };
        if flags & flag == 0 {
            return None;
        }
        // SAFETY: written once, while EAL started.
        let offset = usize::try_from(unsafe { sys::squall_timestamp_offset }).ok()?;
        // SAFETY: DPDK has given this place in every mbuf to a time stamp of 8 bytes.
        Some(unsafe { self.at(offset).cast::<u64>().read() })
    }

    /// The same frame, departure time included, in a buffer of `pool`. No sender may use that pool:
    /// its buffers' contents become whatever was copied, and the mark of a buffer means nothing.
    ///
    /// `None` when the pool is empty or its buffers are too small.
    #[must_use]
    pub fn copy(&self, pool: &TxPool) -> Option<RingFrame> {
        if self.len() > usize::from(pool.data_room()) {
            return None;
        }
        // SAFETY: the pool lives and is a TX pool with room for the frame; the frame owns its mbuf, of
        // one segment.
        let copy = NonNull::new(unsafe { sys::squall_mbuf_clone(pool.0.raw(), self.0.as_ptr()) })?;
        ledger::count_loose(1);
        Some(RingFrame(copy))
    }
}

impl RingFrame {
    /// A frame of these bytes in a buffer of `pool`, which no sender may use, as for
    /// [`copy`](RingFrame::copy). `None` when the pool is empty or its buffers are too small.
    #[must_use]
    pub fn of(pool: &TxPool, bytes: &[u8]) -> Option<RingFrame> {
        let len = u16::try_from(bytes.len()).ok()?;
        if len > pool.data_room() {
            return None;
        }
        // SAFETY: the pool lives and is a TX pool with room for `len` bytes, which `bytes` has.
        let mbuf = NonNull::new(unsafe { sys::squall_mbuf_of(pool.0.raw(), bytes.as_ptr(), len) })?;
        ledger::count_loose(1);
        Some(RingFrame(mbuf))
    }
}

impl Drop for RingFrame {
    fn drop(&mut self) {
        // SAFETY: the mbuf is ours and is forgotten right after; its pool lives, because the ledger
        // counts this frame.
        unsafe { sys::squall_mbuf_free(self.0.as_ptr()) };
        ledger::count_loose(-1);
    }
}

impl fmt::Debug for RingFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingFrame").field("len", &self.len()).finish()
    }
}

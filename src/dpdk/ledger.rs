//! When a packet buffer pool may be freed.
//!
//! A pool must outlive its mbufs, and those travel: a net_ring port hands the sender's mbufs to the
//! receiver, a NIC keeps them until it has sent. So a dropped pool is only *retired*, and freed when
//! nobody is left who can hold any mbuf: no batch, no rings, no port between its first start and its
//! close, and no loose frame ([`super::RingFrame`]).
//!
//! Loose frames are counted without a cost to those that pass through: a far end counts what it takes
//! and gives by itself, and adds the difference when it goes. So the count is exact whenever there is
//! no holder, and nobody asks for it before.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dpdk_sys as sys;

use super::eal::Eal;

/// Frames outside of batches, rings and ports, as far as their far ends have told.
static LOOSE: AtomicI64 = AtomicI64::new(0);

/// Counts frames that have become loose, or with a negative number are no more. Called after a frame
/// was given back and before its far end goes as a holder.
pub(super) fn count_loose(frames: i64) {
    LOOSE.fetch_add(frames, Ordering::Release);
}

/// Whether there is a loose frame. Exact while there is no holder.
pub(super) fn any_loose() -> bool {
    // Acquire: what others did to their frames' memory before they counted is over.
    LOOSE.load(Ordering::Acquire) != 0
}

#[derive(Default)]
pub(super) struct Ledger(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    holders: usize,
    retired: Vec<Retired>,
}

struct Retired(*mut sys::rte_mempool);

// SAFETY: a mempool may be freed by any thread.
unsafe impl Send for Retired {}

impl Ledger {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frees `pool` now, or as soon as the last holder is gone. With loose frames left then, at the next
    /// call or the next holder's end.
    ///
    /// # Safety
    /// `pool` came from `rte_pktmbuf_pool_create`, and the caller never uses it again.
    pub(super) unsafe fn retire(&self, pool: *mut sys::rte_mempool) {
        let mut counts = self.counts();
        counts.retired.push(Retired(pool));
        counts.free_if_unheld();
    }
}

impl Counts {
    fn free_if_unheld(&mut self) {
        if self.holders > 0 || any_loose() {
            return;
        }
        for Retired(pool) in self.retired.drain(..) {
            // SAFETY: by `retire`'s contract nobody takes mbufs from the pool any more, and with no
            // holder and no loose frame left nobody can give one back.
            unsafe { sys::rte_mempool_free(pool) };
        }
    }
}

/// Somebody who can hold mbufs. Dropped after the last of them has been given back.
pub(super) struct Holder(Eal);

impl Holder {
    pub(super) fn new(eal: &Eal) -> Holder {
        eal.ledger().counts().holders += 1;
        Holder(eal.clone())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let mut counts = self.0.ledger().counts();
        counts.holders -= 1;
        counts.free_if_unheld();
    }
}

//! When a packet buffer pool may be freed.
//!
//! A pool must outlive its mbufs, and those travel: a net_ring port hands the sender's mbufs to the
//! receiver, a NIC keeps them until it has sent. So a dropped pool is only *retired*, and freed when
//! nobody is left who can hold any mbuf: no batch, and no port between its first start and its close.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dpdk_sys as sys;

use super::eal::Eal;

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

    /// Frees `pool` now, or as soon as the last holder is gone.
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
        if self.holders > 0 {
            return;
        }
        for Retired(pool) in self.retired.drain(..) {
            // SAFETY: by `retire`'s contract nobody takes mbufs from the pool any more, and with no
            // holder left nobody can give one back.
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

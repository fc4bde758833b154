//! Ring ports: ethdevs whose queues are rings of our own, so that something in this process can stand
//! at the far end of them ([`super::FarEnd`]).
//!
//! Contract: a ring port is a port like any other: [`super::Port`] opens, starts and closes it, again
//! and again. It is there as long as a far end of it or its [`super::Port`] lives; with the last of
//! them the device goes, and the frames that are left in its rings go back to their pools.
//!
//! Left out on purpose: moving frames (`ring`), and any idea of what the far end is.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dpdk_sys as sys;

use super::eal::Eal;
use super::error::last_errno_text;
use super::ledger::Holder;
use super::{Error, Result, log};

/// What net_ring puts before the name that it is given.
pub(super) const PREFIX: &str = "net_ring_";

/// Bytes of a device's name at most: net_ring keeps it where it would keep a ring's (RTE_RING_NAMESIZE),
/// and does not always say that it cut it.
const LONGEST_NAME: usize = 28;

/// Frames in a ring at most. DPDK's own limit is 2^31, and near it its sums run over.
const DEEPEST: u32 = 1 << 20;

/// A ring for one producer and one consumer, with the mbufs that are in it.
pub(super) struct Ring(NonNull<sys::rte_ring>);

impl Ring {
    fn new(depth: u32) -> std::result::Result<Ring, String> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // A name of its own: rings of a port that was dropped may outlive it in a far end.
        let name = format!("sq{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let name = CString::new(name).unwrap_or_default();
        // SAFETY: EAL runs, since the caller has a handle; the name is NUL-terminated and copied.
        let raw = unsafe { sys::squall_ring_create(name.as_ptr(), depth) };
        NonNull::new(raw).map(Ring).ok_or_else(last_errno_text)
    }

    pub(super) fn raw(&self) -> NonNull<sys::rte_ring> {
        self.0
    }

    /// Gives the frames in the ring back to their pools.
    ///
    /// # Safety
    /// Nobody else takes from the ring meanwhile.
    unsafe fn drain(&self) {
        // SAFETY: the ring lives as long as `self`; by the contract this is its only consumer.
        while let Some(mbuf) = NonNull::new(unsafe { sys::squall_ring_take(self.0.as_ptr()) }) {
            // SAFETY: it came out of the ring, so it is ours, and is forgotten right after.
            unsafe { sys::squall_mbuf_free(mbuf.as_ptr()) };
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: this is the ring's owner, and the ring is going: nobody else has it.
        unsafe { self.drain() };
        // SAFETY: made by rte_ring_create, and never used again.
        unsafe { sys::rte_ring_free(self.0.as_ptr()) };
    }
}

/// The two rings of one queue number.
pub(super) struct Pair {
    /// From the port's transmit queue to the far end.
    pub(super) sent: Ring,
    /// From the far end to the port's receive queue.
    pub(super) arriving: Ring,
}

/// The rings of one port, and the device on them. Shared by the far ends and the open port.
pub(super) struct Rings {
    eal: Eal,
    name: String,
    pairs: Vec<Pair>,
    /// Whether there is a device of this name on these rings.
    plugged: AtomicBool,
    /// Frames may lie in the rings. The last field: it keeps EAL running until the rings are gone.
    _holder: Holder,
}

// SAFETY: each ring has one producer and one consumer: a queue of the port, which one thread at a
// time uses, and a far end, of which the same is true. Nothing else touches them but `drop`.
unsafe impl Send for Rings {}
// SAFETY: as above.
unsafe impl Sync for Rings {}

impl Rings {
    /// Rings for a port that is to be called `name`; no device yet.
    pub(super) fn new(eal: &Eal, name: &str, queues: u16, depth: u32) -> Result<Rings> {
        let refused = |what: String| Error::Unsupported {
            port: name.to_owned(),
            what,
        };
        let rest = name.strip_prefix(PREFIX).unwrap_or_default();
        if rest.is_empty() || name.len() > LONGEST_NAME || !rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return Err(refused(format!(
                "a ring port's name is {PREFIX} and letters, digits or _, {LONGEST_NAME} bytes at most"
            )));
        }
        let most = sys::RTE_PMD_RING_MAX_RX_RINGS.min(sys::RTE_PMD_RING_MAX_TX_RINGS);
        if queues == 0 || u32::from(queues) > most {
            return Err(refused(format!(
                "{queues} queues asked for; a ring port has 1 to {most}"
            )));
        }
        if depth == 0 || depth > DEEPEST {
            return Err(refused(format!(
                "rings for {depth} frames asked for; they have room for 1 to {DEEPEST}"
            )));
        }
        let holder = Holder::new(eal);
        let (pairs, log) = log::capture(|| {
            let pair = |_| {
                Ok(Pair {
                    sent: Ring::new(depth)?,
                    arriving: Ring::new(depth)?,
                })
            };
            (0..queues)
                .map(pair)
                .collect::<std::result::Result<Vec<Pair>, String>>()
        });
        let pairs = pairs.map_err(|reason| Error::Port {
            port: name.to_owned(),
            action: "make its rings",
            reason,
            log,
        })?;
        Ok(Rings {
            eal: eal.clone(),
            name: name.to_owned(),
            pairs,
            plugged: AtomicBool::new(false),
            _holder: holder,
        })
    }

    pub(super) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Makes the device. For [`Eal`], which sees to it that there is none of that name.
    pub(super) fn plug(&self) -> Result<()> {
        let refused = |reason, log| Error::Port {
            port: self.name.clone(),
            action: "make a port of rings",
            reason,
            log,
        };
        let name = self.name.strip_prefix(PREFIX).unwrap_or_default();
        let name = CString::new(name).unwrap_or_default();
        let sent: Vec<*mut sys::rte_ring> = self.pairs.iter().map(|pair| pair.sent.raw().as_ptr()).collect();
        let arriving: Vec<*mut sys::rte_ring> = self.pairs.iter().map(|pair| pair.arriving.raw().as_ptr()).collect();
        let count = u32::try_from(self.pairs.len()).unwrap_or(0);
        let any_node = u32::MAX;
        let ((code, reason), log) = log::capture(|| {
            // SAFETY: EAL runs; the name is NUL-terminated and copied, the arrays have `count` rings
            // each and are copied. The rings outlive the device: `drop` takes it out first.
            let code = unsafe {
                sys::rte_eth_from_rings(name.as_ptr(), arriving.as_ptr(), count, sent.as_ptr(), count, any_node)
            };
            (code, last_errno_text())
        });
        if code < 0 {
            return Err(refused(reason, log));
        }
        self.plugged.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The port has no receive queue any more: what it did not receive goes back.
    ///
    /// # Safety
    /// The port is stopped and cannot be started meanwhile.
    pub(super) unsafe fn drain_arriving(&self) {
        for pair in &self.pairs {
            // SAFETY: the port's queue is the only consumer, and there is none (caller's promise).
            unsafe { pair.arriving.drain() };
        }
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        if self.plugged.load(Ordering::Relaxed) && !self.eal.unplug_rings(&self.name) {
            // The device is still there, and has the rings' addresses.
            std::mem::forget(std::mem::take(&mut self.pairs));
        }
    }
}

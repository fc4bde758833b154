//! Packet buffer pools.
//!
//! Contract: only TX uses a [`TxPool`]. Its buffers come prefilled, and stay so but for what a
//! sender writes: a freed buffer keeps its bytes. Each has a private word, 0 at first, in which a
//! sender notes what it has overwritten. An [`RxPool`] feeds receive queues.
//!
//! Per-thread caches are on; threads without [`super::ThreadRegistration`] go past them.

use std::ffi::{CString, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dpdk_sys as sys;

use super::eal::Eal;
use super::error::{Hint, last_errno_text};
use super::{Error, Result, log};

/// Shape of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// For DPDK's own tools (`dpdk-telemetry.py`); made distinct and cut to fit.
    pub name: String,
    /// Buffers. One less than a power of two wastes the least memory.
    pub frames: u32,
    /// Bytes of frame that one buffer holds.
    pub data_room: u16,
    /// NUMA node; `None`: any.
    pub numa_node: Option<u32>,
}

/// Private area of a TX buffer: one cache line, so that the data behind it is aligned to one. The
/// mark is at its start.
const PRIVATE_BYTES: u16 = 64;

/// Bytes from an mbuf of a TX pool to its mark: the private area follows the mbuf.
pub(super) const MARK_OFFSET: usize = sys::squall_mbuf_bytes as usize;

/// Bytes from an mbuf of a TX pool to its frame.
pub(super) const DATA_OFFSET: usize = MARK_OFFSET + PRIVATE_BYTES as usize + sys::squall_mbuf_headroom as usize;

/// Largest per-thread cache that DPDK was compiled for in every release (RTE_MEMPOOL_CACHE_MAX_SIZE).
const CACHE: u32 = 512;

/// Buffers whose contents are prepared once, for sending.
#[derive(Clone)]
pub struct TxPool(pub(super) Arc<Pool>);

/// Buffers for receiving.
#[derive(Clone)]
pub struct RxPool(pub(super) Arc<Pool>);

pub(super) struct Pool {
    eal: Eal,
    raw: *mut sys::rte_mempool,
    frames: u32,
    data_room: u16,
}

// SAFETY: a mempool made without RTE_MEMPOOL_F_SP_PUT/SC_GET may be used by several threads at once;
// the other fields never change.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Pool {
    fn new(eal: &Eal, config: &PoolConfig, private: u16) -> Result<Pool> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let refused = |reason: String, log, hint| Error::Pool {
            frames: config.frames,
            data_room: config.data_room,
            reason,
            log,
            hint,
        };
        let headroom = sys::squall_mbuf_headroom as usize;
        let Ok(room) = u16::try_from(usize::from(config.data_room) + headroom) else {
            let reason = format!("a buffer holds at most {} bytes", usize::from(u16::MAX) - headroom);
            return Err(refused(reason, super::error::Log::default(), Hint::default()));
        };
        // A cache may hold up to 1.5 times its size, and a pool must be larger than one cache.
        let cache = (config.frames / 2).min(CACHE);
        let name = format!("sq{}-{}", NUMBER.fetch_add(1, Ordering::Relaxed), config.name);
        let name: String = name.chars().filter(char::is_ascii_graphic).take(24).collect();
        let c_name = CString::new(name).unwrap_or_default();
        let node = config.numa_node.and_then(|node| i32::try_from(node).ok()).unwrap_or(-1);
        let ((raw, reason), log) = log::capture(|| {
            // SAFETY: EAL runs; the name is NUL-terminated and copied by DPDK.
            let raw =
                unsafe { sys::rte_pktmbuf_pool_create(c_name.as_ptr(), config.frames, cache, private, room, node) };
            (
                raw,
                if raw.is_null() {
                    last_errno_text()
                } else {
                    String::new()
                },
            )
        });
        if raw.is_null() {
            let mib = (u64::from(config.frames) * u64::from(room)).div_ceil(1 << 20);
            let hint = format!("this pool needs {mib} MiB: raise eal.memory, or the number of hugepages");
            return Err(refused(reason, log, Hint::new(hint)));
        }
        Ok(Pool {
            eal: eal.clone(),
            raw,
            frames: config.frames,
            data_room: config.data_room,
        })
    }

    fn available(&self) -> u32 {
        // SAFETY: the pool lives as long as `self`.
        unsafe { sys::rte_mempool_avail_count(self.raw) }
    }

    pub(super) fn raw(&self) -> *mut sys::rte_mempool {
        self.raw
    }

    pub(super) fn eal(&self) -> &Eal {
        &self.eal
    }

    /// Bytes of frame in one buffer.
    pub(super) fn data_room(&self) -> u16 {
        self.data_room
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: made by rte_pktmbuf_pool_create; this is its only owner, and it is going.
        unsafe { self.eal.ledger().retire(self.raw) };
    }
}

impl TxPool {
    /// Makes a pool and copies `prefill` into each buffer, from the frame's first byte on. The rest
    /// is zero.
    ///
    /// # Errors
    /// [`Error::Pool`] when the memory is not there, or `prefill` is longer than a buffer.
    pub fn new(eal: &Eal, config: &PoolConfig, prefill: &[u8]) -> Result<TxPool> {
        if prefill.len() > usize::from(config.data_room) {
            return Err(Error::Pool {
                frames: config.frames,
                data_room: config.data_room,
                reason: format!("{} bytes are to be filled in", prefill.len()),
                log: super::error::Log::default(),
                hint: Hint::default(),
            });
        }
        let pool = Pool::new(eal, config, PRIVATE_BYTES)?;
        // SAFETY: the pool was made just now and no buffer is in use; each holds `data_room` bytes,
        // at least `prefill.len()`.
        unsafe { sys::squall_pool_prefill(pool.raw, prefill.as_ptr(), prefill.len()) };
        Ok(TxPool(Arc::new(pool)))
    }

    /// Buffers in the pool, those in use included.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.0.frames
    }

    /// Buffers not in use. Exact while nobody uses the pool.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.0.available()
    }

    /// Bytes of frame that a buffer holds.
    #[must_use]
    pub fn data_room(&self) -> u16 {
        self.0.data_room
    }

    /// Calls `change` with the mark of each buffer, so that the pool can serve another sender that has
    /// marks of its own. For a pool at rest: this is its only handle, and every buffer is home.
    ///
    /// # Errors
    /// [`Error::PoolInUse`] when the pool is not at rest; nothing was changed then.
    pub fn for_each_mark(&mut self, mut change: impl FnMut(&mut u64)) -> Result<()> {
        let frames = self.frames();
        // No other handle, so nobody takes a buffer until this returns.
        let Some(pool) = Arc::get_mut(&mut self.0) else {
            return Err(Error::PoolInUse { frames, out: None });
        };
        let out = frames.saturating_sub(pool.available());
        if out > 0 {
            return Err(Error::PoolInUse { frames, out: Some(out) });
        }
        let mut change: &mut dyn FnMut(&mut u64) = &mut change;
        // SAFETY: the pool lives; `change_mark` has the type that the header asks for, and is called
        // with the closure's address and each buffer, all at home.
        unsafe { sys::squall_pool_visit(pool.raw, Some(change_mark), (&raw mut change).cast()) };
        Ok(())
    }
}

/// Called for each mbuf of a TX pool at rest. A closure that panics ends the process: it must not
/// unwind into C.
unsafe extern "C" fn change_mark(change: *mut c_void, mbuf: *mut sys::rte_mbuf) {
    // SAFETY: `for_each_mark` has passed the address of its own variable of this type.
    let change = unsafe { &mut *change.cast::<&mut dyn FnMut(&mut u64)>() };
    // SAFETY: the private area of a TX pool's mbuf is in the same object.
    let mark = unsafe { mbuf.cast::<u8>().add(MARK_OFFSET) }.cast::<u64>();
    // SAFETY: 8 initialised bytes, aligned to a cache line; nobody has the buffer.
    change(unsafe { &mut *mark });
}

impl RxPool {
    /// Makes a pool.
    ///
    /// # Errors
    /// [`Error::Pool`] when the memory is not there.
    pub fn new(eal: &Eal, config: &PoolConfig) -> Result<RxPool> {
        Ok(RxPool(Arc::new(Pool::new(eal, config, 0)?)))
    }

    /// Buffers in the pool, those in use included.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.0.frames
    }

    /// Buffers not in use. Exact while nobody uses the pool.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.0.available()
    }

    /// Bytes of frame that a buffer holds.
    #[must_use]
    pub fn data_room(&self) -> u16 {
        self.0.data_room
    }
}

//! The folder that EAL makes for each process (`/var/run/dpdk/PREFIX` for root) and leaves behind.
//!
//! Contract: it goes when the process exits, if it is this process's own and empty. DPDK's telemetry
//! takes its socket out of it only in an exit handler, so that is what this is, and runs after it.
//!
//! Left out on purpose: folders of processes that were killed, and those whose prefix the user chose,
//! which other processes may share.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU32, Ordering};

use dpdk_sys as sys;

/// The process whose folder it is; 0: nobody's that this may remove. A forked child has its parent's
/// handlers.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// To be called once, before EAL starts: exit handlers run last come, first served.
pub(super) fn remove_at_exit() {
    OWNER.store(std::process::id(), Ordering::SeqCst);
    // SAFETY: `remove` is a static function that neither unwinds nor calls `exit`. Without a place for
    // it an empty folder stays.
    unsafe { libc::atexit(remove) };
}

extern "C" fn remove() {
    if OWNER.load(Ordering::SeqCst) != std::process::id() {
        return;
    }
    // SAFETY: returns the address of a static buffer, which EAL writes while it starts.
    let path = unsafe { sys::rte_eal_get_runtime_dir() };
    if path.is_null() {
        return;
    }
    // SAFETY: a NUL-terminated string, empty when EAL did not get that far.
    let path = unsafe { CStr::from_ptr(path) };
    if !path.is_empty() {
        // Not empty, or not there: somebody else's business.
        let _ = std::fs::remove_dir(OsStr::from_bytes(path.to_bytes()));
    }
}

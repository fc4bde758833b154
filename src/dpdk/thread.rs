//! Threads and EAL: registration of ours, and the CPU affinity that EAL changes.
//!
//! Contract: a registered thread has an lcore number, and with it its own cache in every memory
//! pool. An unregistered thread works too, slower.
//!
//! Left out on purpose: pinning. That is the engine's, with `core_affinity`.

use std::marker::PhantomData;

use dpdk_sys as sys;

use super::eal::Eal;
use super::error::last_errno_text;
use super::{Error, Result};

/// This thread as one that EAL knows, until dropped. It cannot leave its thread.
pub struct ThreadRegistration {
    _eal: Eal,
    _not_send: PhantomData<*const ()>,
}

impl ThreadRegistration {
    /// Registers the calling thread.
    ///
    /// # Errors
    /// [`Error::Thread`] when EAL has no lcore number left (it has 128 in most builds).
    pub fn register(eal: &Eal) -> Result<ThreadRegistration> {
        // SAFETY: EAL runs. A thread that is registered already is refused with an error.
        let code = unsafe { sys::rte_thread_register() };
        if code != 0 {
            return Err(Error::Thread {
                reason: last_errno_text(),
            });
        }
        Ok(ThreadRegistration {
            _eal: eal.clone(),
            _not_send: PhantomData,
        })
    }
}

impl Drop for ThreadRegistration {
    fn drop(&mut self) {
        // SAFETY: this thread was registered, and is the same one: the type is not Send. EAL runs,
        // because of the handle.
        unsafe { sys::rte_thread_unregister() };
    }
}

/// The CPUs that a thread may run on.
pub(super) struct Affinity(Option<libc::cpu_set_t>);

impl Affinity {
    pub(super) fn of_this_thread() -> Affinity {
        // SAFETY: all bits zero is an empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: 0 is the calling thread; the set is ours and of the size given.
        let code = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
        Affinity((code == 0).then_some(set))
    }

    pub(super) fn first_core(&self) -> Option<usize> {
        let set = self.0.as_ref()?;
        let limit = usize::try_from(libc::CPU_SETSIZE).ok()?;
        // SAFETY: `core` is below CPU_SETSIZE, the number of bits in the set.
        (0..limit).find(|&core| unsafe { libc::CPU_ISSET(core, set) })
    }

    /// Gives the calling thread this affinity again.
    pub(super) fn restore(&self) {
        if let Some(set) = &self.0 {
            // SAFETY: 0 is the calling thread; the set came from the kernel. A failure leaves the
            // thread on EAL's core, which costs speed only.
            unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set) };
        }
    }
}

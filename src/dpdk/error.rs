//! What can go wrong between squall and DPDK, in words that a person can act on.
//!
//! Contract: one place turns DPDK's return codes into text. Where DPDK wrote to its log on the way,
//! those lines are part of the error, since the code alone ("Invalid argument") says little.

use std::ffi::CStr;
use std::fmt;

use dpdk_sys as sys;

/// Why DPDK did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// EAL starts once per process, whatever became of the first time.
    #[error("DPDK was started before in this process; it starts only once per process")]
    AlreadyStarted,
    /// `rte_eal_init` refused.
    #[error("DPDK does not start: {reason}{log}{hint}")]
    Start {
        /// What failed.
        reason: String,
        /// What EAL logged, without its usual chatter.
        log: Log,
        /// How to fix it, where known.
        hint: Hint,
    },
    /// A device was asked for and DPDK has no port for it.
    #[error("DPDK has no port for device \"{device}\" (ports: {available}){log}{hint}")]
    NoPort {
        /// As it was asked for.
        device: String,
        /// Names of the ports that there are.
        available: String,
        /// What EAL logged about it.
        log: Log,
        /// How to fix it, where known.
        hint: Hint,
    },
    /// A port is in use already.
    #[error("port {port} is open already")]
    PortInUse {
        /// The port's name.
        port: String,
    },
    /// A port cannot do what its configuration asks.
    #[error("port {port}: {what}")]
    Unsupported {
        /// The port's name.
        port: String,
        /// What, and what would be possible.
        what: String,
    },
    /// A call about a port failed.
    #[error("port {port}: cannot {action}: {reason}{log}")]
    Port {
        /// The port's name.
        port: String,
        /// What was tried, as "start".
        action: &'static str,
        /// DPDK's reason.
        reason: String,
        /// What DPDK logged.
        log: Log,
    },
    /// A packet buffer pool cannot be made.
    #[error("cannot make a pool of {frames} buffers of {data_room} bytes: {reason}{log}{hint}")]
    Pool {
        /// Buffers asked for.
        frames: u32,
        /// Bytes of each.
        data_room: u16,
        /// DPDK's reason.
        reason: String,
        /// What DPDK logged.
        log: Log,
        /// How to fix it, where known.
        hint: Hint,
    },
    /// Something was asked of a pool at rest, and the pool is in use.
    #[error("a pool of {frames} buffers is in use: {}", match .out {
        Some(out) => format!("{out} of them are not back"),
        None => "it has another handle or a batch".to_owned(),
    })]
    PoolInUse {
        /// Buffers of the pool.
        frames: u32,
        /// How many are not in it; `None`: somebody else may take some.
        out: Option<u32>,
    },
    /// A thread cannot be registered with EAL.
    #[error("cannot register a thread with DPDK: {reason}")]
    Thread {
        /// DPDK's reason.
        reason: String,
    },
}

/// Lines that DPDK logged, each printed on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log(pub Vec<String>);

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// How to fix something, printed on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hint(pub Option<String>);

impl Hint {
    pub(super) fn new(text: impl Into<String>) -> Hint {
        Hint(Some(text.into()))
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|text| write!(f, "\n  hint: {text}"))
    }
}

/// The text of an errno value, of either sign, DPDK's own codes included.
pub(super) fn errno_text(errno: i32) -> String {
    // SAFETY: rte_strerror takes any number and returns a NUL-terminated string in a buffer of the
    // calling thread, which is copied before this thread can call it again.
    let text = unsafe { sys::rte_strerror(errno.saturating_abs()) };
    if text.is_null() {
        return format!("error {errno}");
    }
    // SAFETY: not null, NUL-terminated, see above.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// `rte_errno` of this thread as text: for the calls that return -1 or null.
pub(super) fn last_errno_text() -> String {
    // SAFETY: reads a thread-local variable.
    errno_text(unsafe { sys::squall_errno() })
}

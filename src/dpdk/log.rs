//! DPDK's log: taken aside while a call is under way whose failure it explains, else on stderr.
//!
//! Contract: [`capture`] is for control calls; the packet path logs nothing. One capture at a time:
//! a second one waits.

use std::ffi::{c_char, c_int};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dpdk_sys as sys;

use super::error::{Error, Hint, Log};

/// A driver that logs in a loop must not fill the memory.
const LIMIT: usize = 256 * 1024;

static CAPTURED: Mutex<Option<Vec<u8>>> = Mutex::new(None);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn captured() -> MutexGuard<'static, Option<Vec<u8>>> {
    CAPTURED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Called by DPDK's log stream, from any thread.
unsafe extern "C" fn sink(text: *const c_char, len: usize) {
    // SAFETY: stdio hands its write function a buffer of `len` readable bytes.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len) };
    match captured().as_mut() {
        Some(buffer) => {
            let room = LIMIT.saturating_sub(buffer.len()).min(len);
            buffer.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
        // Nothing can be done about a closed stderr.
        None => drop(std::io::stderr().write_all(bytes)),
    }
}

/// Routes DPDK's log here. Once, before EAL starts.
pub(super) fn install() {
    // SAFETY: `sink` has the type that the header asks for, is a static function, and does not
    // log. A failure leaves DPDK's own log stream in place, which is stderr.
    let _: c_int = unsafe { sys::squall_log_to(Some(sink)) };
}

/// Runs `call` and returns with its result what DPDK logged meanwhile, without the usual chatter.
pub(super) fn capture<T>(call: impl FnOnce() -> T) -> (T, Log) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    *captured() = Some(Vec::new());
    let result = call();
    let bytes = captured().take().unwrap_or_default();
    (result, telling(&bytes))
}

/// Standard output turned to nowhere, until dropped. EAL prints a hundred lines of usage there when
/// it does not like an argument; its log says which, and a command's own output stays clean.
pub(super) struct StdoutOff(Option<OwnedFd>);

impl StdoutOff {
    pub(super) fn new() -> StdoutOff {
        let _ = std::io::stdout().flush();
        let turn = || {
            let nowhere = File::options().write(true).open("/dev/null").ok()?;
            let saved = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
            // SAFETY: both descriptors are open.
            let code = unsafe { libc::dup2(nowhere.as_raw_fd(), libc::STDOUT_FILENO) };
            (code >= 0).then_some(saved)
        };
        StdoutOff(turn())
    }
}

impl Drop for StdoutOff {
    fn drop(&mut self) {
        if let Some(saved) = &self.0 {
            // SAFETY: null means every stream: what C code has printed goes where it was meant to.
            unsafe { libc::fflush(std::ptr::null_mut()) };
            // SAFETY: both descriptors are open.
            unsafe { libc::dup2(saved.as_raw_fd(), libc::STDOUT_FILENO) };
        }
    }
}

/// Exit status of a process that DPDK ends by itself while it starts: a wrong environment, as the
/// command line has it.
const EXIT_STATUS: c_int = 3;

static STARTING: AtomicBool = AtomicBool::new(false);

/// While this lives, EAL starts. From 25.11 on it calls `exit` when it does not like an argument: the
/// process then ends with what EAL logged, and with squall's exit status instead of EAL's.
pub(super) struct ExitGuard(());

impl ExitGuard {
    /// Once per process.
    pub(super) fn new() -> ExitGuard {
        STARTING.store(true, Ordering::SeqCst);
        // SAFETY: `explain_exit` is a static function that neither unwinds nor calls `exit`. Without
        // a place for it the process ends unexplained, as it would without the attempt.
        unsafe { libc::atexit(explain_exit) };
        ExitGuard(())
    }
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        STARTING.store(false, Ordering::SeqCst);
    }
}

/// Run by `exit`, in the thread that called it.
extern "C" fn explain_exit() {
    if !STARTING.load(Ordering::SeqCst) {
        return;
    }
    let bytes = captured().take().unwrap_or_default();
    let error = Error::Start {
        reason: "it refuses its arguments".to_owned(),
        log: telling(&bytes),
        hint: Hint::default(),
    };
    let _ = writeln!(std::io::stderr(), "squall: {error}");
    // SAFETY: ends the process. What other exit handlers would do, EAL's among them, is for a
    // process that had started.
    unsafe { libc::_exit(EXIT_STATUS) };
}

/// The lines that tell something.
fn telling(bytes: &[u8]) -> Log {
    let text = String::from_utf8_lossy(bytes);
    let telling = |line: &&str| !line.is_empty() && !CHATTER.iter().any(|start| line.starts_with(start));
    Log(text
        .lines()
        .map(str::trim_end)
        .filter(telling)
        .map(str::to_owned)
        .collect())
}

/// What EAL says at every start, good or bad.
const CHATTER: &[&str] = &[
    "EAL: Detected CPU lcores",
    "EAL: Detected NUMA nodes",
    "EAL: Detected shared linkage",
    "EAL: Detected static linkage",
    "EAL: Multi-process socket",
    "EAL: Selected IOVA mode",
    "EAL: VFIO support initialized",
    "EAL: Static memory layout is selected",
    "EAL: No free 1048576 kB hugepages reported",
    "TELEMETRY: No legacy callbacks",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &str) {
        // SAFETY: pointer and length are of one string.
        unsafe { sink(text.as_ptr().cast(), text.len()) };
    }

    #[test]
    fn keeps_what_tells_something() {
        let ((), log) = capture(|| {
            write("EAL: Detected CPU lcores: 2\nEAL: Driver cannot att");
            write("ach the device (net_x)\n\n");
        });
        assert_eq!(log.0, ["EAL: Driver cannot attach the device (net_x)"]);
    }

    #[test]
    fn is_bounded() {
        let ((), log) = capture(|| (0..2 * LIMIT / 8).for_each(|_| write("0123456\n")));
        assert_eq!(log.0.len(), LIMIT / 8);
    }
}

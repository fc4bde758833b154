//! Signals that ask a command to end: Ctrl-C, SIGTERM, and SIGHUP where it is not ignored (nohup).
//!
//! Contract: the first one raises a flag, and the command ends in order: what was measured is reported, what is
//! finished is kept. Asked again, the process ends at once, and with it everything that hooks started. While
//! nothing is measured yet and what runs cannot look at the flag (the start of DPDK), the first one is enough.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::exit;

use super::{Failure, say};
use crate::child;

/// Signals that come so soon after the first are the same wish: wrappers signal a process and then
/// its group.
const SAME_WISH: Duration = Duration::from_millis(500);

/// What starts has so long to look at the flag by itself.
const START_GRACE: Duration = Duration::from_secs(2);

/// Exit status of a process that was asked to end twice.
const TWICE: i32 = 130;

/// A flag that signals raise.
pub(super) struct Interrupt {
    flag: Arc<AtomicBool>,
    /// Whether something starts that may not look at the flag for long.
    starting: Arc<AtomicBool>,
}

impl Interrupt {
    /// Catches the signals from here on. The first time, `promise` is said.
    pub(super) fn catch(promise: &'static str) -> Result<Interrupt, Failure> {
        let mut wanted = vec![SIGINT, SIGTERM];
        if !ignores_hangup() {
            wanted.push(SIGHUP);
        }
        let mut signals = signal_hook::iterator::Signals::new(wanted)
            .map_err(|error| Failure::Environment(format!("cannot catch signals: {error}")))?;
        let interrupt = Interrupt {
            flag: Arc::new(AtomicBool::new(false)),
            starting: Arc::new(AtomicBool::new(false)),
        };
        let (raised, starting) = (Arc::clone(&interrupt.flag), Arc::clone(&interrupt.starting));
        std::thread::spawn(move || {
            let mut first: Option<Instant> = None;
            for _ in signals.forever() {
                match first {
                    None => {
                        first = Some(Instant::now());
                        raised.store(true, Ordering::Relaxed);
                        say(promise);
                        let starting = Arc::clone(&starting);
                        std::thread::spawn(move || end_start(&starting));
                    }
                    Some(since) if since.elapsed() < SAME_WISH => {}
                    Some(_) => {
                        child::end_all();
                        exit(TWICE);
                    }
                }
            }
        });
        Ok(interrupt)
    }

    /// Something starts that may not look at the flag for long, until [`Interrupt::started`].
    pub(super) fn starts(&self) {
        self.starting.store(true, Ordering::Relaxed);
    }

    /// From here on the flag is looked at, and there may be something to report.
    pub(super) fn started(&self) {
        self.starting.store(false, Ordering::Relaxed);
    }
}

impl Deref for Interrupt {
    type Target = AtomicBool;

    fn deref(&self) -> &AtomicBool {
        &self.flag
    }
}

/// Ends the process when a start goes on and on although the flag is raised.
fn end_start(starting: &AtomicBool) {
    let until = Instant::now() + START_GRACE;
    while Instant::now() < until {
        if !starting.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    if starting.load(Ordering::Relaxed) {
        child::end_all();
        let failure = Failure::from(crate::trial::TrialError::Stopped);
        say(&format!("squall: {failure}"));
        exit(i32::from(failure.status()));
    }
}

/// Whether SIGHUP was ignored when this process was started, as nohup does: then it stays so.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|mask| mask & 1 << (SIGHUP - 1) != 0)
}

/// The ignored signals in `/proc/PID/status`: bit n - 1 for signal n.
fn ignored(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tsquall\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000004002\n";
        assert_eq!(ignored(status), Some(0x1001));
        assert_eq!(ignored("Name:\tsquall\n"), None);
    }
}

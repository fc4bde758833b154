//! Who lives because of the programs that this process started: they, what they started, and so on, also
//! what left its group, its session or its parent.
//!
//! Contract: this process is their subreaper (prctl(2), `PR_SET_CHILD_SUBREAPER`), so whoever loses its
//! parent becomes a child of this process and is found. Children that it had before are nobody of these,
//! and neither are those that others start in its own process group.
//!
//! Left out on purpose: processes that a service outside starts on request (a container, an `at` job).

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpgrp, getpid};

/// How long a killed process has to be gone. One that waits for a dead disk may not be.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// One process, by `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its name, as the kernel has it.
    pub name: String,
    parent: i32,
    group: i32,
    /// With its number, what makes it the one that it is.
    started: u64,
    /// It has ended, and its parent was not told.
    ended: bool,
}

impl Process {
    fn read(pid: i32) -> Option<Process> {
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let mut process = Process::parse(&String::from_utf8_lossy(&text))?;
        // Where only its first thread has ended, it goes on.
        let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        process.ended = process.ended && threads() <= 1;
        Some(process)
    }

    #[cfg(test)]
    pub(super) fn of_this_process() -> Process {
        Process::read(getpid().as_raw()).unwrap()
    }

    /// proc_pid_stat(5): the name stands in parentheses, and may hold some.
    fn parse(text: &str) -> Option<Process> {
        let (pid, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Process {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            ended: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    fn id(&self) -> (i32, u64) {
        (self.pid, self.started)
    }
}

fn everybody() -> Vec<Process> {
    let items = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = items.filter_map(|item| item.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).collect()
}

/// What is known of this process's children.
#[derive(Default)]
struct Known {
    /// Whether this process is a subreaper.
    ready: bool,
    /// Children that were there before.
    strangers: HashSet<(i32, u64)>,
    /// Programs that are waited for by who started them.
    started: Vec<i32>,
}

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

fn known() -> MutexGuard<'static, Option<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// To be called before a program is started.
pub(super) fn prepare() {
    let mut guard = known();
    let known = guard.get_or_insert_with(Known::default);
    if known.ready {
        return;
    }
    let me = getpid().as_raw();
    let children = everybody().into_iter().filter(|process| process.parent == me);
    known.strangers = children.map(|process| process.id()).collect();
    // Kernels since 3.4 have it; without it orphans are init's, and are not found.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    known.ready = true;
}

/// A program was started, and will be waited for by the caller.
pub(super) fn started(pid: u32) {
    if let (Some(known), Ok(pid)) = (known().as_mut(), i32::try_from(pid)) {
        known.started.push(pid);
    }
}

/// It was waited for: its number may be somebody else's now.
pub(super) fn waited_for(pid: u32) {
    if let (Some(known), Ok(pid)) = (known().as_mut(), i32::try_from(pid)) {
        known.started.retain(|one| *one != pid);
    }
    alive();
}

/// Everybody who lives because of a program that this process started. Whoever has ended and is waited for by
/// nobody is waited for here.
fn alive() -> Vec<Process> {
    let guard = known();
    let Some(known) = guard.as_ref() else { return Vec::new() };
    let (me, own_group) = (getpid().as_raw(), getpgrp().as_raw());
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for process in everybody() {
        if process.parent != me {
            rest.push(process);
            continue;
        }
        let is_started = known.started.contains(&process.pid);
        if !is_started && (known.strangers.contains(&process.id()) || process.group == own_group) {
            continue;
        }
        if process.ended && !is_started {
            // Adopted: nobody else knows of it.
            let _ = waitpid(Pid::from_raw(process.pid), Some(WaitPidFlag::WNOHANG));
        }
        found.push(process);
    }
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        let (children, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|process| process.parent == parent);
        found.extend(children);
        rest = others;
        next += 1;
    }
    found.retain(|process| !process.ended);
    found
}

/// Kills everybody who lives because of a program that this process started, and returns who lives on:
/// nobody, but for processes of other users and those that the kernel does not let go.
pub fn end_all() -> Vec<Process> {
    let until = Instant::now() + GONE_WITHIN;
    let mut pause = Duration::from_millis(1);
    loop {
        // Whoever was born meanwhile is in the next list.
        let found = alive();
        if found.is_empty() || Instant::now() >= until {
            return found;
        }
        for process in &found {
            // Gone already is as good; who may not be killed is in the list at the end.
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Processes in words: `process 12 (sudo), process 13 (tc)`.
#[must_use]
pub fn named(processes: &[Process]) -> String {
    const MOST: usize = 10;
    let named = |process: &Process| format!("process {} ({})", process.pid, crate::yaml::shown(&process.name, 40));
    let mut words: Vec<String> = processes.iter().take(MOST).map(named).collect();
    if processes.len() > MOST {
        words.push(format!("and {} more", processes.len() - MOST));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "42 (a) b (c) S 7 40 39 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 1 2";
        let process = Process::parse(text).unwrap();
        assert_eq!(
            (
                process.pid,
                process.name.as_str(),
                process.parent,
                process.group,
                process.started,
                process.ended
            ),
            (42, "a) b (c", 7, 40, 123_456, false)
        );
        assert!(Process::parse("42 (a) Z 7").is_none());
        let me = Process::of_this_process();
        assert_eq!(
            (me.pid, me.group, me.ended),
            (getpid().as_raw(), getpgrp().as_raw(), false)
        );
    }
}

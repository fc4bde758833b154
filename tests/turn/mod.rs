//! Tests that want the machine for themselves, one at a time: those of real time, whose loops spin on cores.
//!
//! Contract: the turn is a lock on a file (flock(2)), so it holds between threads, between test programs that run
//! side by side and between processes of one runner, and ends with its process. Left out on purpose: tests that only
//! compute; scripts/test.sh keeps them away from these.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;

use nix::fcntl::{Flock, FlockArg};

/// A turn, until it is dropped.
pub struct Turn(#[allow(dead_code, reason = "held, not read")] Flock<File>);

/// Waits until no other test has its turn.
#[must_use]
pub fn turn() -> Turn {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/real-time.lock");
    let mut file = File::create(path).unwrap();
    loop {
        match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(lock) => return Turn(lock),
            // A signal came in between.
            Err((again, nix::errno::Errno::EINTR)) => file = again,
            Err((_, error)) => panic!("{path}: {error}"),
        }
    }
}

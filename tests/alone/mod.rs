//! EAL starts once per process, so each case that starts it runs in a process of its own: the test
//! binary, started again for that one case. Cases that need a network namespace make one, with a user
//! namespace where the tests do not run as root.

#![allow(dead_code, reason = "each test program uses a part of it")]

#[path = "../skip/mod.rs"]
mod skip;

use std::process::{Command, Output};

/// Set in the process that runs one case.
const CASE: &str = "SQUALL_TEST_CASE";

/// What a case frees goes back to the kernel at once (mallopt(3)): what is resident is what is in use, and
/// not what the allocator keeps of earlier work, which differs from one build to the next by megabytes.
const GIVEN_BACK: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

/// The network namespace in which a case runs.
#[derive(Clone, Copy)]
pub enum Namespace {
    /// This process's.
    Ours,
    /// A new one; the case is skipped where that cannot be had.
    Own,
}

/// Runs `case` in a process of its own, or in this one if it is that process.
pub fn alone(namespace: Namespace, case: impl FnOnce()) {
    if let Some((output, text)) = alone_to_the_end(namespace, case) {
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{}\n{text}",
            output.status
        );
    }
}

/// The same, for a case that may end its process. Returns, in the process that is not the case's,
/// how that one ended and all that it printed; `None` in the other, and for a case that is skipped.
pub fn alone_to_the_end(namespace: Namespace, case: impl FnOnce()) -> Option<(Output, String)> {
    let thread = std::thread::current();
    let name = thread.name().unwrap();
    if std::env::var(CASE).is_ok_and(|running| running == name) {
        case();
        return None;
    }
    let mut command = match namespace {
        Namespace::Ours => Command::new(std::env::current_exe().unwrap()),
        Namespace::Own => {
            let flags = skip::needs_namespace("n", "ip link show lo")?;
            let mut command = Command::new("unshare");
            command.arg(flags).arg(std::env::current_exe().unwrap());
            command
        }
    };
    let output = command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CASE, name)
        .envs(GIVEN_BACK)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        !stdout.contains("EAL"),
        "{name}: standard output is the command's own\n{stdout}"
    );
    let text = format!("{stdout}\n{stderr}");
    Some((output, text))
}

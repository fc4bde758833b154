//! What a test needs of the machine: programs, root, network namespaces, hugepages, files beside the
//! repository. A test that lacks one of them is skipped here, and nowhere else (tests/tidy.rs).
//!
//! Contract: where the environment has `SQUALL_NO_SKIP` (`.ci/run` sets it), nothing is skipped: what is
//! missing fails the test. Elsewhere the test says on standard error what it lacks, and ends.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(
    clippy::duplicate_mod,
    reason = "kits that know nothing of each other need it, and a test may use several"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set to anything but nothing and `0`, this makes a missing means a failure.
const SWITCH: &str = "SQUALL_NO_SKIP";

/// Ends a test that cannot be made here, for the reason `why`: the caller returns next.
///
/// # Panics
///
/// Where skipping is a failure.
#[track_caller]
pub fn skip(why: &str) {
    let strict = std::env::var_os(SWITCH).is_some_and(|value| !value.is_empty() && value != "0");
    assert!(!strict, "{SWITCH} is set, and this test cannot be made: {why}");
    let thread = std::thread::current();
    eprintln!("skipped {}: {why}", thread.name().unwrap_or_default());
}

/// Whether all of `programs` are on PATH; says which is not.
#[must_use]
#[track_caller]
pub fn needs(programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs.iter().copied().filter(|program| !on_path(program)).collect();
    if !missing.is_empty() {
        skip(&format!(
            "there is no {} here (scripts/setup.sh installs it)",
            missing.join(", no ")
        ));
    }
    missing.is_empty()
}

/// The first of `programs` on PATH, each of which would do.
#[track_caller]
pub fn needs_one_of<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let found = programs.iter().copied().find(|program| on_path(program));
    if found.is_none() {
        skip(&format!(
            "there is no {} here (scripts/setup.sh installs it)",
            programs.join(" or ")
        ));
    }
    found
}

fn on_path(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether this is root, without complaint.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether this is root, which `what` takes.
#[must_use]
#[track_caller]
pub fn needs_root(what: &str) -> bool {
    if !is_root() {
        skip(&format!("{what} takes root"));
    }
    is_root()
}

/// The flags of `unshare` that give a namespace of each kind in `kinds` (`n`, `nm`), in which `tools` runs;
/// as root, or as anybody where the kernel lets users have namespaces.
#[track_caller]
pub fn needs_namespace(kinds: &str, tools: &str) -> Option<String> {
    let flags = format!("-{}{kinds}", if is_root() { "" } else { "r" });
    let tried = Command::new("unshare").args([&flags, "sh", "-c", tools]).output();
    if tried.as_ref().is_ok_and(|output| output.status.success()) {
        return Some(flags);
    }
    skip(&format!(
        "no namespace to be had here (unshare {flags} sh -c '{tools}'; a container without CAP_SYS_ADMIN?): {tried:?}"
    ));
    None
}

/// Hugepages, and hugetlbfs mounted. What was taken for this is given back when it is dropped.
pub struct Hugepages {
    before: String,
    mounted: bool,
    taken: bool,
}

/// Free pages of 2 MiB in which `mib` fit. Root takes them from the kernel where there are none.
#[track_caller]
pub fn needs_hugepages(mib: u64) -> Option<Hugepages> {
    let number = |name: &str| -> u64 {
        let text = std::fs::read_to_string(Path::new(PAGES).join(name)).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    };
    let is_mounted = || std::fs::read_to_string("/proc/mounts").is_ok_and(|text| text.contains(" hugetlbfs "));
    let free = || number("free_hugepages").saturating_sub(number("resv_hugepages"));
    let pages = mib.div_ceil(2);
    let (before, mounted) = (number("nr_hugepages"), is_mounted());
    let taken = is_root() && (free() < pages || !mounted);
    let held = Hugepages {
        before: before.to_string(),
        mounted,
        taken,
    };
    if taken {
        let wanted = before + pages.saturating_sub(free());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/hugepages.sh");
        // Whether it did is seen below.
        let _ = Command::new(script).arg((wanted * 2).to_string()).output();
    }
    if free() >= pages && is_mounted() {
        return Some(held);
    }
    skip(&format!(
        "there are no {mib} MiB of free hugepages (scripts/hugepages.sh)"
    ));
    None
}

const PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";

impl Drop for Hugepages {
    fn drop(&mut self) {
        if self.taken {
            let _ = std::fs::write(Path::new(PAGES).join("nr_hugepages"), &self.before);
        }
        if self.taken && !self.mounted {
            let _ = Command::new("umount").arg("/dev/hugepages").output();
        }
    }
}

/// A file or folder of `../shared`, which CI has beside the repository: inputs too large to keep here.
#[track_caller]
pub fn needs_shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if found.exists() {
        return Some(found);
    }
    skip(&format!("there is no {}", found.display()));
    None
}

//! Where a result comes from: versions, machine, and digests of the inputs.
//!
//! Contract: what the machine does not tell is `None`. Nothing that names the host, its users or
//! its paths is read.
//!
//! Left out on purpose: DPDK (the caller knows its version and drivers).

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::model::{Cores, Environment, Hugepages};

/// SHA-256 of `bytes`, in hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A wall-clock time as RFC 3339 in UTC, to the second.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    // Outside the years 1970 to 9999 there is no such text, and no such clock.
    let latest = humantime::parse_rfc3339("9999-12-31T23:59:59Z").unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time.clamp(SystemTime::UNIX_EPOCH, latest)).to_string()
}

/// A wall-clock time as RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn rfc3339_millis(time: SystemTime) -> String {
    let latest = humantime::parse_rfc3339("9999-12-31T23:59:59Z").unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_millis(time.clamp(SystemTime::UNIX_EPOCH, latest)).to_string()
}

/// Resident memory of this process (`VmRSS` in proc(5)).
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 = colon_value(&status, "VmRSS")?.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The machine and this build. The caller adds what it alone knows: `dpdk_version`, `tsc_hz`, `cores`,
/// `drivers` and whether hugepages are used.
#[must_use]
pub fn environment() -> Environment {
    environment_of(Path::new("/proc"))
}

fn environment_of(proc: &Path) -> Environment {
    let text = |name: &str| fs::read_to_string(proc.join(name)).ok();
    let cpuinfo = text("cpuinfo");
    let field = |name: &str| {
        cpuinfo
            .as_deref()
            .and_then(|text| colon_value(text, name))
            .map(str::to_owned)
    };
    Environment {
        squall_version: env!("CARGO_PKG_VERSION").to_owned(),
        squall_revision: known(option_env!("SQUALL_GIT_REVISION")),
        rustc: known(option_env!("SQUALL_RUSTC_VERSION")),
        dpdk_version: None,
        kernel: text("sys/kernel/osrelease").map(|text| text.trim().to_owned()),
        // "model name" on x86; "CPU part" with "CPU implementer" is all that arm64 has.
        cpu_model: field("model name")
            .or_else(|| Some(format!("{} {}", field("CPU implementer")?, field("CPU part")?))),
        cpus: std::thread::available_parallelism()
            .ok()
            .and_then(|count| u32::try_from(count.get()).ok()),
        tsc_hz: None,
        cores: Cores {
            tx: Vec::new(),
            rx: Vec::new(),
        },
        hugepages: text("meminfo").as_deref().and_then(hugepages),
        drivers: Vec::new(),
        resident_memory: None,
    }
}

/// What the build script found out, if it did.
fn known(found: Option<&str>) -> Option<String> {
    found
        .filter(|text| !text.is_empty() && *text != "unknown")
        .map(str::to_owned)
}

/// The value of the first `name: value` line.
fn colon_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

fn hugepages(meminfo: &str) -> Option<Hugepages> {
    let number = |name| {
        colon_value(meminfo, name)?
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    };
    Some(Hugepages {
        size_bytes: number("Hugepagesize")?.checked_mul(1024)?,
        total: number("HugePages_Total")?,
        free: number("HugePages_Free")?,
        used: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_the_standard_example() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn times_print_in_utc() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_772_000_000_999);
        assert_eq!(rfc3339(time), "2026-02-25T06:13:20Z");
        assert_eq!(
            rfc3339(SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1)),
            "1970-01-01T00:00:00Z"
        );
    }

    #[test]
    fn reads_what_the_kernel_tells_and_leaves_out_what_it_does_not() {
        let proc = tempfile::tempdir().unwrap();
        fs::create_dir_all(proc.path().join("sys/kernel")).unwrap();
        fs::write(proc.path().join("sys/kernel/osrelease"), "6.18.5\n").unwrap();
        fs::write(
            proc.path().join("cpuinfo"),
            "processor\t: 0\nmodel name\t: Example CPU @ 2.10GHz\n",
        )
        .unwrap();
        let meminfo =
            "MemTotal: 8 kB\nHugePages_Total:     512\nHugePages_Free:      500\nHugepagesize:       2048 kB\n";
        fs::write(proc.path().join("meminfo"), meminfo).unwrap();
        let found = environment_of(proc.path());
        assert_eq!(found.kernel.as_deref(), Some("6.18.5"));
        assert_eq!(found.cpu_model.as_deref(), Some("Example CPU @ 2.10GHz"));
        assert_eq!(
            found.hugepages,
            Some(Hugepages {
                size_bytes: 2 << 20,
                total: 512,
                free: 500,
                used: false
            })
        );

        let nothing = environment_of(&proc.path().join("none"));
        assert_eq!(
            (nothing.kernel, nothing.cpu_model, nothing.hugepages),
            (None, None, None)
        );
        assert_eq!(nothing.squall_version, env!("CARGO_PKG_VERSION"));
        assert!(
            nothing.rustc.is_some_and(|name| name.starts_with("rustc ")),
            "the build script tells"
        );
    }
}

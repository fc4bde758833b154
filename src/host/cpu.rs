//! Cores to run on, and a time stamp counter to measure with.

use std::path::Path;

use super::{Finding, read};

const CHECK: &str = "cpu";

/// `cores`: those that loops are to run on, when they are named.
pub(super) fn examine(root: &Path, cores: &[usize]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let allowed = read(root, "proc/self/status")
        .and_then(|status| {
            let list = status
                .lines()
                .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
            core_list(list.trim())
        })
        .unwrap_or_default();
    let missing: Vec<String> = cores
        .iter()
        .filter(|core| !allowed.contains(core))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        findings.push(Finding::error(
            CHECK,
            format!(
                "cores are named that this process may not run on: {}",
                missing.join(", ")
            ),
            format!(
                "name others (allowed: {}), or change taskset or the container's cpuset",
                join(&allowed)
            ),
        ));
    }
    findings.push(match allowed.len() {
        0 => Finding::warning(
            CHECK,
            "cannot read the allowed cores from /proc/self/status",
            "mount -t proc proc /proc",
        ),
        1 => Finding::warning(
            CHECK,
            "there is one core: sending and receiving take turns on it",
            "give squall two cores or more (taskset, the container's cpuset)",
        ),
        count => Finding::good(CHECK, format!("{count} cores: {}", join(&allowed))),
    });
    if let Some(flags) = read(root, "proc/cpuinfo").and_then(|text| {
        // x86 only; elsewhere the line is missing and the counter is architected to be constant.
        let line = text.lines().find(|line| line.starts_with("flags"))?;
        Some(
            line.split_ascii_whitespace()
                .map(str::to_owned)
                .collect::<Vec<String>>(),
        )
    }) {
        findings.push(counter(root, &flags));
        if !flags.iter().any(|flag| flag == "sse4_2") {
            findings.push(Finding::error(
                CHECK,
                "the CPU lacks SSE4.2, which DPDK needs",
                "use a CPU of 2009 or later",
            ));
        }
    }
    // Those that loops run on; not named, they may be any.
    let used = if cores.is_empty() { &allowed } else { cores };
    findings.extend(governor(root, used));
    findings.extend(isolation(root, cores));
    findings.extend(siblings(root, cores));
    findings
}

fn governor(root: &Path, cores: &[usize]) -> Option<Finding> {
    let slow: Vec<(usize, String)> = cores
        .iter()
        .filter_map(|core| {
            let path = format!("sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
            Some((*core, read(root, &path)?)).filter(|(_, governor)| governor != "performance")
        })
        .collect();
    let (_, name) = slow.first()?;
    let cores: Vec<usize> = slow.iter().map(|(core, _)| *core).collect();
    Some(Finding::warning(
        CHECK,
        format!(
            "the frequency governor of cores {} is \"{name}\": speed varies",
            join(&cores)
        ),
        "cpupower frequency-set -g performance",
    ))
}

/// Whether the scheduler leaves the loops alone.
fn isolation(root: &Path, cores: &[usize]) -> Option<Finding> {
    // The file ends in a newline, or is empty.
    let list = read(root, "sys/devices/system/cpu/isolated")?;
    let isolated = core_list(&list).unwrap_or_default();
    if cores.is_empty() {
        let what = match isolated.as_slice() {
            [] => "no core is isolated: the scheduler's milliseconds will be in software time stamps".to_owned(),
            some => format!("cores {} are isolated, and the testbed names none", join(some)),
        };
        let fix =
            "boot with isolcpus=LIST nohz_full=LIST rcu_nocbs=LIST, and name those cores in the testbed's `cores`";
        return Some(Finding::warning(CHECK, what, fix));
    }
    let shared: Vec<usize> = cores.iter().copied().filter(|core| !isolated.contains(core)).collect();
    if shared.is_empty() {
        return Some(Finding::good(CHECK, format!("cores {} are isolated", join(cores))));
    }
    let list = ranges(cores);
    Some(Finding::warning(
        CHECK,
        format!(
            "cores {} are not isolated: the scheduler may stop a loop for milliseconds",
            join(&shared)
        ),
        format!("boot with isolcpus={list} nohz_full={list} rcu_nocbs={list}"),
    ))
}

/// Whether two loops are to share one core's execution units.
fn siblings(root: &Path, cores: &[usize]) -> Option<Finding> {
    let pair = cores.iter().enumerate().find_map(|(at, core)| {
        let path = format!("sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
        let threads = core_list(&read(root, &path)?)?;
        let other = cores
            .get(at + 1..)?
            .iter()
            .find(|other| *other != core && threads.contains(other))?;
        Some((*core, *other))
    });
    let (one, other) = pair?;
    Some(Finding::warning(
        CHECK,
        format!("cores {one} and {other} are threads of one core: each slows the other down"),
        "name one thread of each core (lscpu -e shows which belong together)",
    ))
}

/// Whether the time stamp counter can be a clock.
fn counter(root: &Path, flags: &[String]) -> Finding {
    const MEND: &str = "use a host with an invariant TSC (in a virtual machine: pass the host's CPU through); \
                        latencies and pacing are uncertain here";
    let has = |name: &str| flags.iter().any(|flag| flag == name);
    if !has("constant_tsc") || !has("nonstop_tsc") {
        return Finding::warning(CHECK, "the time stamp counter is not invariant", MEND);
    }
    let sources = "sys/devices/system/clocksource/clocksource0/available_clocksource";
    match read(root, sources) {
        Some(list) if !list.split_ascii_whitespace().any(|source| source == "tsc") => Finding::warning(
            CHECK,
            format!("the kernel does not trust the time stamp counter (it has {list})"),
            MEND,
        ),
        _ => Finding::good(CHECK, "the time stamp counter is invariant"),
    }
}

/// `0-3,8` as numbers (cpuset(7), list format).
pub(super) fn core_list(text: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // More cores than any kernel has: not a list.
        if last.checked_sub(first)? > 1 << 16 {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

/// `2-5,8`, as the kernel's command line has it.
fn ranges(cores: &[usize]) -> String {
    let mut sorted = cores.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let parts = sorted.chunk_by(|one, next| next - one == 1).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        one => join(one),
    });
    parts.collect::<Vec<_>>().join(",")
}

pub(super) fn join(cores: &[usize]) -> String {
    cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{tree, verdict};
    use super::*;

    const SOURCES: &str = "sys/devices/system/clocksource/clocksource0/available_clocksource";

    fn on(cores: &str, flags: &str, sources: &str, named: &[usize]) -> (Level, String) {
        let root = tree(&[
            ("proc/self/status", &format!("Cpus_allowed_list:\t{cores}\n")),
            ("proc/cpuinfo", &format!("processor\t: 0\nflags\t\t: {flags}\n")),
            (SOURCES, sources),
        ]);
        verdict(&examine(root.path(), named))
    }

    const GOOD: &str = "fpu sse4_2 constant_tsc nonstop_tsc";

    #[test]
    fn two_cores_and_an_invariant_counter_are_good() {
        assert_eq!(on("0-1", GOOD, "tsc hpet\n", &[0, 1]).0, Level::Good);
    }

    #[test]
    fn one_core_is_worth_a_warning() {
        assert_eq!(on("5", GOOD, "tsc\n", &[]).0, Level::Warning);
    }

    #[test]
    fn a_core_out_of_reach_is_an_error() {
        let (level, text) = on("0-1,4", GOOD, "tsc\n", &[1, 2, 4]);
        assert_eq!(level, Level::Error);
        assert!(text.contains("may not run on: 2") && text.contains("0, 1, 4"), "{text}");
    }

    #[test]
    fn a_counter_that_cannot_be_trusted_is_told() {
        assert_eq!(on("0-1", "sse4_2 constant_tsc", "tsc\n", &[]).0, Level::Warning);
        assert_eq!(on("0-1", GOOD, "hpet acpi_pm\n", &[]).0, Level::Warning);
    }

    #[test]
    fn cores_that_are_not_left_alone_are_told() {
        let on = |isolated: &str, cores: &[usize]| {
            let root = tree(&[
                ("proc/self/status", "Cpus_allowed_list:\t0-7\n"),
                ("sys/devices/system/cpu/isolated", isolated),
                ("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2,6\n"),
                ("sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "3,7\n"),
                ("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance\n"),
                ("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave\n"),
            ]);
            verdict(&examine(root.path(), cores))
        };
        assert_eq!(on("2,4-7\n", &[2, 4]).0, Level::Good);
        let (level, text) = on("2\n", &[2, 4]);
        assert_eq!(level, Level::Warning);
        assert!(
            text.contains("cores 4 are not isolated") && text.contains("isolcpus=2,4 "),
            "{text}"
        );
        let (_, text) = on("2-7\n", &[2, 3, 6]);
        assert!(
            text.contains("cores 2 and 6 are threads") && text.contains("cores 3 is \"powersave\""),
            "{text}"
        );
        let (level, text) = on("\n", &[]);
        assert_eq!(level, Level::Warning);
        assert!(text.contains("no core is isolated"), "{text}");
    }

    #[test]
    fn lists_of_cores_are_written() {
        assert_eq!(ranges(&[4, 2, 3, 9, 3]), "2-4,9");
    }

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(core_list("0-2,7"), Some(vec![0, 1, 2, 7]));
        assert_eq!(core_list("3-1"), None);
        assert_eq!(core_list("0-99999999999"), None);
        assert_eq!(core_list(""), None);
    }
}

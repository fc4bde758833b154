//! Memory for packet buffers: hugepages, or ordinary pages where those will do.

use std::path::Path;

use super::{Finding, Needs, read};
use crate::dpdk::{DeviceArg, Hugepages, hugepages};
use crate::units::Bytes;

const CHECK: &str = "memory";

pub(super) fn examine(root: &Path, needs: &Needs) -> Vec<Finding> {
    let state = hugepages(root);
    let free = Bytes(state.free_bytes());
    if needs.hugepages != Hugepages::None && state.can_give(needs.memory.0) {
        let mounts: Vec<&str> = state.mounts.iter().map(|mount| mount.path.as_str()).collect();
        return vec![Finding::good(
            CHECK,
            format!("{free} of hugepages are free, mounted at {}", mounts.join(", ")),
        )];
    }
    let mut findings = Vec::new();
    if needs.hugepages != Hugepages::None {
        let nic = needs.devices.iter().any(|device| matches!(device, DeviceArg::Pci(_)));
        let finding = if needs.hugepages == Hugepages::Required || nic {
            Finding::error
        } else {
            Finding::warning
        };
        let why = if nic {
            "a NIC needs them"
        } else {
            "squall does without them, slower"
        };
        // Pages of 2 MiB, which every x86-64 kernel has.
        let pages = needs.memory.0.div_ceil(2 << 20);
        if free.0 < needs.memory.0 {
            let total = state
                .sizes
                .iter()
                .fold(0, |sum, size| sum + size.total * size.page_bytes);
            let in_use = total.saturating_sub(free.0).div_ceil(2 << 20);
            findings.push(finding(
                CHECK,
                format!("{free} of hugepages are free, {} are wanted; {why}", needs.memory),
                format!("echo {} > /proc/sys/vm/nr_hugepages", pages + in_use),
            ));
        }
        if state.mounts.is_empty() {
            findings.push(finding(
                CHECK,
                format!("hugetlbfs is not mounted; {why}"),
                "mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages".to_owned(),
            ));
        }
    }
    let available = read(root, "proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
        kib.checked_mul(1024).map(Bytes)
    });
    match available {
        Some(available) if available < needs.memory => findings.push(Finding::error(
            CHECK,
            format!("{available} of memory are free, {} are wanted", needs.memory),
            "free some, or lower eal.memory in the testbed (--memory here)",
        )),
        Some(available) => findings.push(Finding::good(CHECK, format!("{available} of ordinary memory are free"))),
        None => findings.push(Finding::warning(
            CHECK,
            "cannot tell how much memory is free (/proc/meminfo)",
            "mount -t proc proc /proc",
        )),
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    const MOUNTED: (&str, &str) = ("proc/mounts", "nodev /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n");
    const TOTAL: (&str, &str) = ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
    const FREE: (&str, &str) = ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n");
    const FEW: (&str, &str) = ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n");
    const MEMORY: (&str, &str) = ("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    1048576 kB\n");
    const LITTLE: (&str, &str) = ("proc/meminfo", "MemAvailable:    1024 kB\n");

    #[test]
    fn enough_hugepages_are_good() {
        let (level, text) = verdict(&examine(tree(&[MOUNTED, TOTAL, FREE]).path(), &needs(&["net_null0"])));
        assert_eq!(level, Level::Good);
        assert!(text.contains("1 GiB") && text.contains("/dev/hugepages"), "{text}");
    }

    #[test]
    fn without_hugepages_software_devices_run_and_nics_do_not() {
        let root = tree(&[TOTAL, FREE, MEMORY]);
        let (level, text) = verdict(&examine(root.path(), &needs(&["net_null0"])));
        assert_eq!(level, Level::Warning);
        assert!(text.contains("mount -t hugetlbfs"), "{text}");
        assert_eq!(
            verdict(&examine(root.path(), &needs(&["0000:3b:00.0"]))).0,
            Level::Error
        );
        let required = Needs {
            hugepages: Hugepages::Required,
            ..needs(&["net_null0"])
        };
        assert_eq!(verdict(&examine(root.path(), &required)).0, Level::Error);
        let none = Needs {
            hugepages: Hugepages::None,
            ..needs(&["net_null0"])
        };
        assert_eq!(verdict(&examine(root.path(), &none)).0, Level::Good);
    }

    #[test]
    fn the_number_of_pages_counts_those_in_use() {
        let (_, text) = verdict(&examine(
            tree(&[MOUNTED, TOTAL, FEW, MEMORY]).path(),
            &needs(&["net_null0"]),
        ));
        // 32 pages wanted, 509 of 512 in use by somebody else.
        assert!(text.contains("echo 541 >"), "{text}");
    }

    #[test]
    fn too_little_memory_is_an_error() {
        let none = Needs {
            hugepages: Hugepages::None,
            ..needs(&["net_null0"])
        };
        assert_eq!(verdict(&examine(tree(&[LITTLE]).path(), &none)).0, Level::Error);
    }
}

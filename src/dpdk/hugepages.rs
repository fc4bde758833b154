//! How many hugepages this host has, and whether EAL can use them.
//!
//! Contract: pure functions over a root folder, so that recorded `/proc` and `/sys` trees can be
//! read as well as the running system's (`root` is `/` then).
//!
//! Left out on purpose: changing anything. `squall doctor` says which command does.

use std::fs;
use std::path::Path;

/// Hugepages of the default size, and where hugetlbfs is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HugepageState {
    /// Of each page size, smallest first.
    pub sizes: Vec<HugepageSize>,
    /// Mount points of hugetlbfs.
    pub mounts: Vec<HugetlbMount>,
}

/// Pages of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HugepageSize {
    /// Bytes of one page.
    pub page_bytes: u64,
    /// Pages that exist.
    pub total: u64,
    /// Pages that nobody uses or has reserved.
    pub free: u64,
}

/// One hugetlbfs mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HugetlbMount {
    /// Where.
    pub path: String,
    /// Bytes of its pages, when the mount options say; `None` is the kernel's default size.
    pub page_bytes: Option<u64>,
}

impl HugepageState {
    /// Free bytes over all page sizes.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.sizes.iter().fold(0, |sum, size| {
            sum.saturating_add(size.free.saturating_mul(size.page_bytes))
        })
    }

    /// Whether EAL can take `bytes` from hugepages: enough are free, and hugetlbfs is mounted.
    #[must_use]
    pub fn can_give(&self, bytes: u64) -> bool {
        !self.mounts.is_empty() && self.free_bytes() >= bytes
    }
}

/// Reads `root/sys/kernel/mm/hugepages` and `root/proc/mounts`. What cannot be read is not there.
#[must_use]
pub fn hugepages(root: &Path) -> HugepageState {
    let mut sizes: Vec<HugepageSize> = fs::read_dir(root.join("sys/kernel/mm/hugepages"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let kib: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
            let number =
                |file: &str| -> Option<u64> { fs::read_to_string(entry.path().join(file)).ok()?.trim().parse().ok() };
            let reserved = number("resv_hugepages").unwrap_or(0);
            Some(HugepageSize {
                page_bytes: kib.checked_mul(1024)?,
                total: number("nr_hugepages")?,
                free: number("free_hugepages")?.saturating_sub(reserved),
            })
        })
        .collect();
    sizes.sort_unstable_by_key(|size| size.page_bytes);
    let mounts = fs::read_to_string(root.join("proc/mounts"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (_device, path, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            (kind == "hugetlbfs").then(|| HugetlbMount {
                path: path.to_owned(),
                page_bytes: options
                    .split(',')
                    .find_map(|option| page_size(option.strip_prefix("pagesize=")?)),
            })
        })
        .collect();
    HugepageState { sizes, mounts }
}

/// Bytes of memory of this machine, `MemTotal` in `root/proc/meminfo`.
pub(super) fn memory_total(root: &Path) -> Option<u64> {
    let table = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim_end()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// `2M`, `1024M`, `1G`, `2048K` as bytes.
fn page_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..)? {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(free: u64, mounts: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let pages = root.path().join("sys/kernel/mm/hugepages");
        for (folder, count) in [("hugepages-1048576kB", 0), ("hugepages-2048kB", free)] {
            fs::create_dir_all(pages.join(folder)).unwrap();
            for file in ["nr_hugepages", "free_hugepages"] {
                fs::write(pages.join(folder).join(file), format!("{count}\n")).unwrap();
            }
            fs::write(pages.join(folder).join("resv_hugepages"), "0\n").unwrap();
        }
        fs::create_dir_all(root.path().join("proc")).unwrap();
        fs::write(root.path().join("proc/mounts"), mounts).unwrap();
        root
    }

    #[test]
    fn counts_free_pages_and_mounts() {
        let root = recorded(
            512,
            "proc /proc proc rw 0 0\nnodev /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n",
        );
        let state = hugepages(root.path());
        assert_eq!(state.free_bytes(), 1 << 30);
        assert_eq!(
            state.mounts,
            [HugetlbMount {
                path: "/dev/hugepages".to_owned(),
                page_bytes: Some(2 << 20)
            }]
        );
        assert!(state.can_give(1 << 30));
        assert!(!state.can_give((1 << 30) + 1));
    }

    #[test]
    fn pages_without_a_mount_are_of_no_use() {
        assert!(!hugepages(recorded(512, "proc /proc proc rw 0 0\n").path()).can_give(1));
    }

    #[test]
    fn reserved_pages_are_not_free() {
        let root = recorded(10, "nodev /h hugetlbfs rw 0 0\n");
        fs::write(
            root.path()
                .join("sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages"),
            "4\n",
        )
        .unwrap();
        assert_eq!(hugepages(root.path()).free_bytes(), 6 * (2 << 20));
    }

    #[test]
    fn a_missing_tree_is_a_host_without_hugepages() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(hugepages(root.path()), HugepageState::default());
    }
}

//! DPDK and its drivers: which version, and whether EAL will load drivers from where they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Finding;
use crate::dpdk::{self, DeviceArg};

const CHECK: &str = "dpdk";

/// `pmd_path` is the folder that DPDK was built to load its drivers from.
pub(super) fn examine(root: &Path, pmd_path: &str, devices: &[DeviceArg]) -> Vec<Finding> {
    let mut findings = vec![Finding::good(
        CHECK,
        format!("{} (built against {})", dpdk::version(), dpdk::build_version()),
    )];
    if pmd_path.is_empty() {
        findings.push(Finding::good(CHECK, "its drivers are linked into it"));
        return findings;
    }
    let folder = root.join(pmd_path.trim_start_matches('/'));
    let drivers: Vec<String> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(name.strip_prefix("librte_net_")?.split_once(".so")?.0.to_owned())
        })
        .collect();
    if drivers.is_empty() {
        findings.push(Finding::error(
            CHECK,
            format!("there are no network drivers in {pmd_path}"),
            "apt-get install dpdk libdpdk-dev (or scripts/setup.sh)",
        ));
        return findings;
    }
    // EAL walks up to the root and refuses the drivers if any folder on the way is world-writable.
    let open = folder
        .ancestors()
        .take_while(|path| *path != root)
        .find(|path| fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o002 != 0));
    if let Some(path) = open {
        let path = path.strip_prefix(root).unwrap_or(path).display();
        findings.push(Finding::error(
            CHECK,
            format!("/{path} is world-writable, so DPDK loads no drivers from {pmd_path}"),
            format!("chmod o-w /{path}"),
        ));
    }
    for device in devices {
        let DeviceArg::Vdev(_) = device else { continue };
        let name = device.name();
        let driver = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let wanted = driver.strip_prefix("net_").unwrap_or(driver);
        if !drivers.iter().any(|have| have == wanted) {
            findings.push(Finding::error(
                CHECK,
                format!("there is no driver for device \"{name}\" in {pmd_path}"),
                "write the device as <driver><number>, with a driver such as net_null, net_ring, net_af_packet, \
                 net_pcap or net_memif",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    const PMDS: &str = "/usr/lib/dpdk/pmds-23.0";
    const NULL: (&str, &str) = ("usr/lib/dpdk/pmds-23.0/librte_net_null.so.23", "");

    #[test]
    fn drivers_that_are_there_are_good() {
        let (level, _) = verdict(&examine(
            tree(&[NULL]).path(),
            PMDS,
            &needs(&["net_null0,no-rx=1"]).devices,
        ));
        assert_eq!(level, Level::Good);
    }

    #[test]
    fn a_world_writable_folder_is_named() {
        let root = tree(&[NULL]);
        fs::set_permissions(root.path().join("usr/lib"), fs::Permissions::from_mode(0o777)).unwrap();
        let (level, text) = verdict(&examine(root.path(), PMDS, &[]));
        assert_eq!(level, Level::Error);
        assert!(text.contains("chmod o-w /usr/lib\""), "{text}");
    }

    #[test]
    fn a_missing_driver_is_named() {
        let (level, text) = verdict(&examine(tree(&[NULL]).path(), PMDS, &needs(&["net_ring0"]).devices));
        assert_eq!(level, Level::Error);
        assert!(text.contains("net_ring0"), "{text}");
        assert_eq!(verdict(&examine(tree(&[]).path(), PMDS, &[])).0, Level::Error);
    }
}

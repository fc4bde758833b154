//! NICs: whether DPDK can have them.
//!
//! A NIC is DPDK's when it is bound to vfio-pci (or an older equivalent), or when its driver shares
//! it with DPDK (mlx4, mlx5, mana): those stay with the kernel.

use std::fs;
use std::path::Path;

use super::interface::refused;
use super::{Finding, Interfaces, Needs, read};
use crate::dpdk::DeviceArg;

const CHECK: &str = "nic";

const FOR_DPDK: &[&str] = &["vfio-pci", "uio_pci_generic", "igb_uio"];
const SHARING: &[&str] = &["mlx4_core", "mlx5_core", "mana"];

/// One PCI network device.
struct Nic {
    address: String,
    driver: Option<String>,
    interfaces: Vec<String>,
    iommu: bool,
}

impl Nic {
    fn read(root: &Path, address: &str) -> Option<Nic> {
        let folder = root.join("sys/bus/pci/devices").join(address);
        if !folder.is_dir() {
            return None;
        }
        let driver = fs::read_link(folder.join("driver")).ok();
        let names = fs::read_dir(folder.join("net")).into_iter().flatten().flatten();
        Some(Nic {
            address: address.to_owned(),
            driver: driver.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
            interfaces: names.filter_map(|entry| entry.file_name().into_string().ok()).collect(),
            iommu: folder.join("iommu_group").exists(),
        })
    }

    fn driver(&self) -> &str {
        self.driver.as_deref().unwrap_or("none")
    }

    /// Whether DPDK can open it as it is.
    fn is_ready(&self) -> bool {
        FOR_DPDK.contains(&self.driver()) || SHARING.contains(&self.driver())
    }
}

pub(super) fn examine(root: &Path, needs: &Needs, interfaces: &Interfaces) -> Vec<Finding> {
    let named: Vec<String> = needs
        .devices
        .iter()
        .filter(|device| matches!(device, DeviceArg::Pci(_)))
        .map(DeviceArg::name)
        .collect();
    if named.is_empty() {
        return vec![survey(root)];
    }
    named
        .iter()
        .flat_map(|address| one(root, address, needs, interfaces))
        .collect()
}

/// What there is, when no NIC is asked for.
fn survey(root: &Path) -> Finding {
    let mut nics: Vec<Nic> = fs::read_dir(root.join("sys/bus/pci/devices"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let address = entry.file_name().into_string().ok()?;
            // PCI class 02: network controllers.
            let class = read(root, &format!("sys/bus/pci/devices/{address}/class"))?;
            class.starts_with("0x02").then(|| Nic::read(root, &address))?
        })
        .collect();
    nics.sort_by(|a, b| a.address.cmp(&b.address));
    if nics.is_empty() {
        return Finding::good(CHECK, "there is no PCI network device; software devices work without");
    }
    let list = nics
        .iter()
        .map(|nic| format!("{} (driver {})", nic.address, nic.driver()));
    Finding::good(
        CHECK,
        format!("PCI network devices: {}", list.collect::<Vec<_>>().join(", ")),
    )
}

fn one(root: &Path, address: &str, needs: &Needs, interfaces: &Interfaces) -> Vec<Finding> {
    let Some(nic) = Nic::read(root, address) else {
        return vec![Finding::error(
            CHECK,
            format!("there is no PCI device {address}"),
            "dpdk-devbind.py --status-dev net lists them",
        )];
    };
    let refusals: Vec<Finding> = nic
        .interfaces
        .iter()
        .filter_map(|name| refused(root, name, needs, interfaces))
        .collect();
    if !refusals.is_empty() {
        return refusals;
    }
    if nic.is_ready() {
        return vec![Finding::good(CHECK, format!("{address} is bound to {}", nic.driver()))];
    }
    let noiommu = read(root, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode").is_some_and(|text| text == "Y");
    let mut findings = vec![Finding::error(
        CHECK,
        format!("{address} is bound to {}, so DPDK cannot have it", nic.driver()),
        format!("modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci {address}"),
    )];
    if !nic.iommu && !noiommu {
        findings.push(Finding::error(
            CHECK,
            format!("there is no IOMMU for {address}, which vfio-pci needs"),
            "switch the IOMMU on in the firmware and boot with intel_iommu=on or amd_iommu=on; or do without its \
             protection: echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    const CLASS: (&str, &str) = ("sys/bus/pci/devices/0000:3b:00.0/class", "0x020000\n");
    const DISK: (&str, &str) = ("sys/bus/pci/devices/0000:01:00.0/class", "0x010802\n");

    fn bound(driver: &str, iommu: bool) -> tempfile::TempDir {
        let root = tree(&[CLASS, DISK]);
        let folder = root.path().join("sys/bus/pci/devices/0000:3b:00.0");
        std::os::unix::fs::symlink(format!("../../../../bus/pci/drivers/{driver}"), folder.join("driver")).unwrap();
        if iommu {
            fs::create_dir(folder.join("iommu_group")).unwrap();
        }
        root
    }

    fn asked(root: &tempfile::TempDir) -> (Level, String) {
        verdict(&examine(
            root.path(),
            &needs(&["3b:00.0,rx_vec_en=0"]),
            &Interfaces::default(),
        ))
    }

    #[test]
    fn bound_and_shared_nics_are_good() {
        assert_eq!(asked(&bound("vfio-pci", true)).0, Level::Good);
        assert_eq!(asked(&bound("mlx5_core", false)).0, Level::Good);
    }

    #[test]
    fn a_kernel_driver_and_a_missing_iommu_are_told() {
        let (level, text) = asked(&bound("ixgbe", true));
        assert_eq!(level, Level::Error);
        assert!(
            text.contains("--bind=vfio-pci 0000:3b:00.0") && !text.contains("IOMMU"),
            "{text}"
        );
        assert!(asked(&bound("ixgbe", false)).1.contains("IOMMU"));
        assert!(asked(&tree(&[DISK])).1.contains("there is no PCI device 0000:3b:00.0"));
    }

    #[test]
    fn a_shared_nic_with_a_route_is_refused() {
        let root = bound("mlx5_core", false);
        fs::create_dir_all(root.path().join("sys/bus/pci/devices/0000:3b:00.0/net/ens1")).unwrap();
        fs::create_dir_all(root.path().join("proc/net")).unwrap();
        fs::write(root.path().join("proc/net/route"), "Iface\nens1\t0000000A\t00000000\n").unwrap();
        let (level, text) = asked(&root);
        assert_eq!(level, Level::Error);
        assert!(text.contains("--i-own-this-interface ens1"), "{text}");
    }

    #[test]
    fn the_survey_lists_network_devices_only() {
        let (level, text) = verdict(&examine(
            bound("ixgbe", true).path(),
            &needs(&[]),
            &Interfaces::default(),
        ));
        assert_eq!(level, Level::Good);
        assert!(
            text.contains("0000:3b:00.0 (driver ixgbe)") && !text.contains("0000:01:00.0"),
            "{text}"
        );
    }
}

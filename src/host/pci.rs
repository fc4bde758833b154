//! NICs: whether DPDK can have them.
//!
//! A NIC is DPDK's when it is bound to vfio-pci (or an older equivalent), or when its driver shares
//! it with DPDK (mlx4, mlx5, mana): those stay with the kernel.

use std::fs;
use std::path::Path;

use super::reach::refused;
use super::{Finding, Interfaces, Needs, read};
use crate::dpdk::DeviceArg;

const CHECK: &str = "nic";

const FOR_DPDK: &[&str] = &["vfio-pci", "uio_pci_generic", "igb_uio"];
const SHARING: &[&str] = &["mlx4_core", "mlx5_core", "mana"];

/// One PCI network device.
pub(super) struct Nic {
    /// Its address.
    pub(super) address: String,
    /// What it is bound to.
    pub(super) driver: Option<String>,
    /// The kernel's interfaces of it.
    pub(super) interfaces: Vec<String>,
    iommu: bool,
}

impl Nic {
    pub(super) fn read(root: &Path, address: &str) -> Option<Nic> {
        let folder = root.join("sys/bus/pci/devices").join(address);
        if !folder.is_dir() {
            return None;
        }
        let driver = fs::read_link(folder.join("driver")).ok();
        // A virtio NIC's interface is that of the device below: "virtio2/net/eth0".
        let below = fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = below.filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with("virtio"))
        });
        let names = below
            .map(|entry| entry.path().join("net"))
            .chain([folder.join("net")])
            .flat_map(|net| fs::read_dir(net).into_iter().flatten().flatten());
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
        FOR_DPDK.contains(&self.driver()) || self.is_shared()
    }

    /// Whether it stays with its kernel driver.
    pub(super) fn is_shared(&self) -> bool {
        SHARING.contains(&self.driver())
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
        return vec![survey(root), iommu(root)];
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

/// Whether there is an IOMMU, when no NIC is asked for.
fn iommu(root: &Path) -> Finding {
    let groups = fs::read_dir(root.join("sys/kernel/iommu_groups")).map_or(0, |groups| groups.flatten().count());
    let vfio = if root.join("sys/bus/pci/drivers/vfio-pci").exists() {
        "vfio-pci is loaded"
    } else {
        "vfio-pci is not loaded"
    };
    let what = match groups {
        0 => format!("there is no IOMMU, or it is off; {vfio}; only NICs that vfio-pci is to hand over need them"),
        groups => format!("the IOMMU is on, with {groups} groups; {vfio}"),
    };
    Finding::good(CHECK, what)
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
        .filter_map(|name| refused(root, name, interfaces, &needs.owned_interfaces))
        .collect();
    if !refusals.is_empty() {
        return refusals;
    }
    if nic.is_ready() {
        let mut findings = vec![Finding::good(CHECK, format!("{address} is bound to {}", nic.driver()))];
        if nic.driver() == "vfio-pci" {
            findings.extend(vfio(root, &nic));
        }
        return findings;
    }
    let noiommu = read(root, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode").is_some_and(|text| text == "Y");
    let mut findings = vec![Finding::error(
        CHECK,
        format!("{address} is bound to {}, so DPDK cannot have it", nic.driver()),
        format!("scripts/bind-nic.sh {address} (or: modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci {address})"),
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

/// What keeps a NIC that is bound to vfio-pci from being opened.
fn vfio(root: &Path, nic: &Nic) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !root.join("dev/vfio/vfio").exists() {
        findings.push(Finding::error(
            CHECK,
            "there is no /dev/vfio/vfio",
            "modprobe vfio-pci; into a container: --device /dev/vfio",
        ));
    }
    // A group is given away as a whole; bridges may stay with their driver (vfio.rst).
    let group = root
        .join("sys/bus/pci/devices")
        .join(&nic.address)
        .join("iommu_group/devices");
    let others = fs::read_dir(group).into_iter().flatten().flatten();
    let mut held: Vec<(String, String)> = others
        .filter_map(|entry| {
            let address = entry
                .file_name()
                .into_string()
                .ok()
                .filter(|address| *address != nic.address)?;
            let driver = Nic::read(root, &address)?.driver?;
            (!["vfio-pci", "pci-stub", "pcieport"].contains(&driver.as_str())).then_some((address, driver))
        })
        .collect();
    held.sort();
    for (address, driver) in held {
        findings.push(Finding::error(
            CHECK,
            format!(
                "{address} is in the same IOMMU group as {} and bound to {driver}: the group cannot be opened",
                nic.address
            ),
            format!("if nothing on this host needs it: dpdk-devbind.py --bind=vfio-pci {address}"),
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
        let root = bound("vfio-pci", true);
        let (level, text) = asked(&root);
        assert_eq!(level, Level::Error);
        assert!(text.contains("/dev/vfio/vfio"), "{text}");
        fs::create_dir_all(root.path().join("dev/vfio")).unwrap();
        fs::write(root.path().join("dev/vfio/vfio"), "").unwrap();
        assert_eq!(asked(&root).0, Level::Good);
        assert_eq!(asked(&bound("mlx5_core", false)).0, Level::Good);
    }

    /// Both ports of a card without access control services, and the bridge above them.
    #[test]
    fn a_group_that_is_not_whole_is_told() {
        let root = bound("vfio-pci", true);
        fs::create_dir_all(root.path().join("dev/vfio")).unwrap();
        fs::write(root.path().join("dev/vfio/vfio"), "").unwrap();
        let devices = root.path().join("sys/bus/pci/devices");
        let group = devices.join("0000:3b:00.0/iommu_group/devices");
        for (address, driver) in [
            ("0000:3b:00.0", None),
            ("0000:3a:00.0", Some("pcieport")),
            ("0000:3b:00.1", Some("ixgbe")),
        ] {
            fs::create_dir_all(group.join(address)).unwrap();
            fs::create_dir_all(devices.join(address)).unwrap();
            if let Some(driver) = driver {
                let target = format!("../../../../bus/pci/drivers/{driver}");
                std::os::unix::fs::symlink(target, devices.join(address).join("driver")).unwrap();
            }
        }
        let (level, text) = asked(&root);
        assert_eq!(level, Level::Error);
        assert!(
            text.contains("0000:3b:00.1 is in the same IOMMU group") && !text.contains("3a:00"),
            "{text}"
        );
    }

    #[test]
    fn a_virtio_nics_interface_is_found() {
        let root = tree(&[("sys/bus/pci/devices/0000:00:03.0/class", "0x020000\n")]);
        fs::create_dir_all(root.path().join("sys/bus/pci/devices/0000:00:03.0/virtio2/net/eth0")).unwrap();
        let nic = Nic::read(root.path(), "0000:00:03.0").unwrap();
        assert_eq!(nic.interfaces, ["eth0"]);
    }

    #[test]
    fn a_kernel_driver_and_a_missing_iommu_are_told() {
        let (level, text) = asked(&bound("ixgbe", true));
        assert_eq!(level, Level::Error);
        assert!(
            text.contains("scripts/bind-nic.sh 0000:3b:00.0") && !text.contains("IOMMU"),
            "{text}"
        );
        assert!(asked(&bound("ixgbe", false)).1.contains("IOMMU"));
        assert!(asked(&tree(&[DISK])).1.contains("there is no PCI device 0000:3b:00.0"));
    }

    #[test]
    fn a_shared_nic_with_a_route_is_refused() {
        let root = bound("mlx5_core", false);
        fs::create_dir_all(root.path().join("sys/bus/pci/devices/0000:3b:00.0/net/ens1")).unwrap();
        let host = super::super::testing::host(&[("ens1", &|it| it.route = Some("10.0.0.0".parse().unwrap()))]);
        let (level, text) = verdict(&examine(root.path(), &needs(&["0000:3b:00.0"]), &host));
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

//! What this host offers to a packet generator, and what stands in its way.
//!
//! Contract: each file looks at one thing and returns [`Finding`]s, each with the command that fixes
//! it. Whatever is read from `/proc` and `/sys` is read below a root folder, so that recorded trees
//! can be looked at too; what only the kernel can be asked is an argument.
//!
//! Left out on purpose: changing anything on the host, and DPDK itself (`squall ports` starts it).

mod cpu;
mod driver;
mod interface;
mod link;
mod memory;
mod netlink;
mod numa;
mod offers;
mod pci;
mod reach;
mod rights;
mod roce;

use std::fmt;
use std::path::Path;

pub use interface::{Interface, Interfaces};
pub use offers::{Offer, examine as examine_offers};
pub use reach::{Refusal, interfaces_of, keys, leads_out, link_speed, reaches_hardware, refusals};
pub use roce::Devlink;

use crate::devargs;
use crate::dpdk::DeviceArg;
use crate::units::{BitRate, Bytes};
use crate::wire::ethernet;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// squall runs, but slower or with figures that are less certain.
    Warning,
    /// squall does not run as asked.
    Error,
}

impl Level {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Good => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, as "hugepages".
    pub check: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// The command or the change that fixes it.
    pub fix: Option<String>,
}

impl Finding {
    fn good(check: &'static str, what: impl Into<String>) -> Finding {
        Finding {
            check,
            level: Level::Good,
            what: what.into(),
            fix: None,
        }
    }

    fn warning(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            check,
            level: Level::Warning,
            what: what.into(),
            fix: Some(fix.into()),
        }
    }

    fn error(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            check,
            level: Level::Error,
            what: what.into(),
            fix: Some(fix.into()),
        }
    }
}

/// What squall is to use of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Devices to be opened.
    pub devices: Vec<DeviceArg>,
    /// Memory for packet buffers.
    pub memory: Bytes,
    /// Whether that must come from hugepages.
    pub hugepages: crate::dpdk::Hugepages,
    /// Cores that loops are to run on, when named.
    pub cores: Vec<usize>,
    /// Longest frame to be sent, in bytes.
    pub frame_len: u32,
    /// Kernel interfaces that may be used although the kernel uses them.
    pub owned_interfaces: Vec<String>,
    /// What is wanted of single devices, where a testbed says.
    pub ports: Vec<PortNeed>,
}

impl Needs {
    /// The MTU of an interface that lets the longest of them pass.
    #[must_use]
    pub fn mtu(&self) -> u32 {
        let packet = (self.frame_len as usize).saturating_sub(ethernet::LEN);
        u32::try_from(packet).unwrap_or(u32::MAX)
    }
}

/// What is wanted of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortNeed {
    /// The device.
    pub device: DeviceArg,
    /// The testbed's line rate.
    pub speed: Option<BitRate>,
    /// The most that the pattern sends through it or to it at any one time, on the wire.
    pub load: Option<BitRate>,
}

/// Looks at everything below `root`, `/` for this host.
#[must_use]
pub fn examine(root: &Path, needs: &Needs, interfaces: &Interfaces, devlink: &Devlink) -> Vec<Finding> {
    let mut findings = driver::examine(root, &crate::dpdk::pmd_path(), &needs.devices);
    findings.extend(memory::examine(root, needs));
    findings.extend(rights::examine(root, needs));
    findings.extend(cpu::examine(root, &needs.cores));
    findings.extend(pci::examine(root, needs, interfaces));
    findings.extend(roce::examine(root, needs, devlink));
    findings.extend(interface::examine(root, needs, interfaces));
    findings.extend(link::examine(root, needs));
    findings.extend(numa::examine(root, needs));
    findings
}

/// A file below `root`, without the blanks at its end; `None` when it cannot be read.
fn read(root: &Path, path: &str) -> Option<String> {
    let text = std::fs::read_to_string(root.join(path)).ok()?;
    Some(text.trim_end().to_owned())
}

/// The NIC that a device is, or whose interface it stands on; `None` where there is no hardware behind it.
fn nic_of(root: &Path, device: &DeviceArg) -> Option<pci::Nic> {
    if let DeviceArg::Pci(_) = device {
        return pci::Nic::read(root, &device.name());
    }
    let interface = devargs::reach(device.text()).interfaces.into_iter().next()?.name;
    // Of some drivers it is a device of its own that lies below the PCI one (virtio).
    let device = std::fs::canonicalize(root.join("sys/class/net").join(interface).join("device")).ok()?;
    device
        .ancestors()
        .filter_map(|folder| folder.file_name()?.to_str())
        .find_map(|name| pci::Nic::read(root, name))
}

#[cfg(test)]
mod testing {
    use super::*;

    /// A tree with these files, and what an ordinary run needs.
    pub(super) fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    /// An interface by its name, and what makes it special.
    type Made<'a> = (&'a str, &'a dyn Fn(&mut Interface));

    /// A host with these interfaces, numbered from 1.
    pub(super) fn host(list: &[Made<'_>]) -> Interfaces {
        let mut host = Interfaces::default();
        for (index, (name, set)) in (1..).zip(list) {
            let mut interface = Interface {
                index,
                ..Interface::default()
            };
            set(&mut interface);
            host.by_name.insert((*name).to_owned(), interface);
        }
        host
    }

    pub(super) fn needs(devices: &[&str]) -> Needs {
        Needs {
            devices: devices
                .iter()
                .map(|&device| match device.split_once(':') {
                    Some(_) => DeviceArg::Pci(device.to_owned()),
                    None => DeviceArg::Vdev(device.to_owned()),
                })
                .collect(),
            memory: Bytes(64 << 20),
            hugepages: crate::dpdk::Hugepages::Auto,
            cores: Vec::new(),
            frame_len: 4186,
            owned_interfaces: Vec::new(),
            ports: Vec::new(),
        }
    }

    /// The worst level, and all that was said, for assertions.
    pub(super) fn verdict(findings: &[Finding]) -> (Level, String) {
        let level = findings
            .iter()
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Good);
        let text = findings
            .iter()
            .map(|finding| format!("{}: {:?}\n", finding.what, finding.fix));
        (level, text.collect())
    }
}

//! Whether this process may do what its devices need.

use std::path::Path;

use super::{Finding, Needs, read};
use crate::devargs;
use crate::dpdk::DeviceArg;

const CHECK: &str = "rights";

/// Capabilities by their bit (linux/capability.h).
const NET_ADMIN: (u32, &str) = (12, "cap_net_admin");
const NET_RAW: (u32, &str) = (13, "cap_net_raw");
const IPC_LOCK: (u32, &str) = (14, "cap_ipc_lock");
const SYS_RAWIO: (u32, &str) = (17, "cap_sys_rawio");
const SYS_ADMIN: (u32, &str) = (21, "cap_sys_admin");

pub(super) fn examine(root: &Path, needs: &Needs) -> Vec<Finding> {
    let field = |name: &str| {
        let status = read(root, "proc/self/status")?;
        status
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let Some(effective) = field("CapEff:").and_then(|text| u64::from_str_radix(&text, 16).ok()) else {
        return vec![Finding::warning(
            CHECK,
            "cannot read /proc/self/status",
            "mount -t proc proc /proc",
        )];
    };
    let mut wanted = Vec::new();
    let stands_on_interface = |device: &DeviceArg| !devargs::reach(device.text()).interfaces.is_empty();
    if needs.devices.iter().any(stands_on_interface) {
        // Packet sockets; promiscuous mode and the interface's flags.
        wanted.extend([NET_RAW, NET_ADMIN]);
    }
    if needs.devices.iter().any(|device| matches!(device, DeviceArg::Pci(_))) {
        // Locked memory; device registers; physical addresses from /proc/self/pagemap.
        wanted.extend([IPC_LOCK, SYS_RAWIO, SYS_ADMIN, NET_RAW, NET_ADMIN]);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(bit, _)| effective >> bit & 1 == 0)
        .map(|&(_, name)| name)
        .collect();
    if missing.is_empty() {
        return vec![Finding::good(CHECK, "this process may use its devices")];
    }
    vec![Finding::error(
        CHECK,
        format!("this process lacks {}, which its devices need", missing.join(", ")),
        format!(
            "run it as root, or: setcap {}+ep \"$(command -v squall)\"",
            missing.join(",")
        ),
    )]
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    fn with(capabilities: &str, devices: &[&str]) -> (Level, String) {
        let status = format!("Name:\tsquall\nCapEff:\t{capabilities}\n");
        verdict(&examine(tree(&[("proc/self/status", &status)]).path(), &needs(devices)))
    }

    #[test]
    fn root_may_do_everything() {
        assert_eq!(
            with("000001ffffffffff", &["net_af_packet0,iface=a", "0000:3b:00.0"]).0,
            Level::Good
        );
    }

    #[test]
    fn software_devices_need_nothing() {
        assert_eq!(with("0000000000000000", &["net_null0", "net_ring0"]).0, Level::Good);
    }

    #[test]
    fn packet_sockets_need_two() {
        let (level, text) = with("0000000000000000", &["net_af_packet0,iface=a"]);
        assert_eq!(level, Level::Error);
        assert!(text.contains("setcap cap_net_admin,cap_net_raw+ep"), "{text}");
        // Bits 12 and 13.
        assert_eq!(with("0000000000003000", &["net_af_packet0,iface=a"]).0, Level::Good);
    }
}

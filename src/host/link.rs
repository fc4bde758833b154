//! Links of NICs that the kernel can see: up, as fast as wanted, wide enough towards the processor.
//!
//! Contract: only interfaces with hardware behind them: what a virtual one says of its speed is
//! invented. A NIC on vfio-pci has no interface to ask; `squall ports --start` asks its driver.

use std::path::Path;

use super::pci::Nic;
use super::{Finding, Needs, PortNeed, read};
use crate::dpdk::DeviceArg;
use crate::units::BitRate;

const CHECK: &str = "link";

pub(super) fn examine(root: &Path, needs: &Needs) -> Vec<Finding> {
    let mut findings = Vec::new();
    for port in &needs.ports {
        let Some(nic) = super::nic_of(root, &port.device) else {
            continue;
        };
        // What the pattern asks for; without one, what the testbed says that the link can do.
        let wanted = port.load.or(port.speed);
        // What stands on an interface has been asked whether that is up and lets its frames pass; a NIC
        // that vfio-pci is to hand over has neither any more.
        let is_shared = matches!(port.device, DeviceArg::Pci(_)) && nic.is_shared();
        let mtu = is_shared.then(|| needs.mtu());
        for name in &nic.interfaces {
            findings.extend(interface(root, name, port, mtu));
        }
        findings.extend(bus(root, &nic, wanted));
    }
    findings
}

fn interface(root: &Path, name: &str, port: &PortNeed, mtu: Option<u32>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let number = |what: &str| -> Option<i64> { read(root, &format!("sys/class/net/{name}/{what}"))?.parse().ok() };
    // Of an interface that is down the kernel does not tell.
    match number("carrier") {
        Some(1) => (),
        Some(_) => findings.push(Finding::error(
            CHECK,
            format!("{name} has no carrier"),
            format!("plug the cable in, bring the other end up; ethtool {name} says more"),
        )),
        None if mtu.is_some() => findings.push(Finding::warning(
            CHECK,
            format!("{name} is down"),
            format!("ip link set {name} up"),
        )),
        None => (),
    }
    // Mb/s; -1 where nobody knows.
    let speed = number("speed")
        .and_then(|megabits| u64::try_from(megabits).ok())
        .filter(|megabits| *megabits > 0)
        .and_then(|megabits| megabits.checked_mul(1_000_000))
        .map(BitRate);
    if let Some((speed, said)) = speed.zip(port.speed).filter(|(speed, said)| said > speed) {
        findings.push(Finding::warning(
            CHECK,
            format!("{name} has a link of {speed}, and the testbed says {said}: frames are planned faster than it carries them"),
            format!(
                "say `speed: {speed}` in the testbed, or: ethtool -s {name} speed {} autoneg on",
                said.0 / 1_000_000
            ),
        ));
    }
    if let Some((speed, load)) = speed.zip(port.load).filter(|(speed, load)| load > speed) {
        findings.push(Finding::warning(
            CHECK,
            format!("the pattern sends up to {load} through {name}, whose link carries {speed}"),
            "lower its `rate`, or spread its workers over more ports",
        ));
    }
    let small = number("mtu").zip(mtu).filter(|(mtu, wanted)| *mtu < i64::from(*wanted));
    if let Some((mtu, wanted)) = small {
        findings.push(Finding::warning(
            CHECK,
            format!("{name} has an MTU of {mtu}: the longest frames need {wanted}"),
            format!("ip link set {name} mtu 4200"),
        ));
    }
    if findings.is_empty() {
        let speed = speed.map_or_else(String::new, |speed| format!(" at {speed}"));
        findings.push(Finding::good(CHECK, format!("{name} is up{speed}")));
    }
    findings
}

/// What the slot carries, against what is wanted of the port.
fn bus(root: &Path, nic: &Nic, wanted: Option<BitRate>) -> Option<Finding> {
    let told = |what: &str| read(root, &format!("sys/bus/pci/devices/{}/{what}", nic.address));
    let lanes: u64 = told("current_link_width")?.parse().ok().filter(|lanes| *lanes > 0)?;
    // "16.0 GT/s PCIe"
    let speed = told("current_link_speed")?;
    let transfers: f64 = speed.split(' ').next()?.parse().ok()?;
    // What the line code leaves: 8b/10b of the first two generations, 128b/130b, flits of 242 in 256
    // (PCI Express Base Specification 6.0, 4.2).
    let code = match transfers {
        ..=5.0 => 0.8,
        ..=32.0 => 128.0 / 130.0,
        _ => 242.0 / 256.0,
    };
    #[expect(clippy::cast_precision_loss, reason = "up to 32 lanes")]
    let bits = transfers * 1e9 * code * lanes as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and saturating"
    )]
    let carries = BitRate((bits / 1e8).round() as u64 * 100_000_000);
    if wanted.is_none_or(|wanted| carries >= wanted) {
        return None;
    }
    let possible = told("max_link_width").map_or_else(String::new, |most| format!(" (the card has {most})"));
    Some(Finding::warning(
        CHECK,
        format!(
            "{} is joined to the processor by {lanes} lanes{possible} of {speed}, at most {carries}, and {} is wanted of it",
            nic.address,
            wanted.unwrap_or(BitRate(0))
        ),
        "put the card into a slot with more lanes, or ask less of the port",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    const PCI: &str = "sys/bus/pci/devices/0000:3b:00.0";

    /// A shared NIC as sysfs shows it, with these attributes of interface and slot.
    fn nic(attributes: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tree(&[(&format!("{PCI}/class"), "0x020000\n")]);
        let driver = root.path().join(PCI).join("driver");
        std::os::unix::fs::symlink("../../../../bus/pci/drivers/mlx5_core", driver).unwrap();
        std::fs::create_dir_all(root.path().join(PCI).join("net/ens1np0")).unwrap();
        for (name, text) in attributes {
            let path = if name.contains("link_") {
                root.path().join(PCI).join(name)
            } else {
                root.path().join("sys/class/net/ens1np0").join(name)
            };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{text}\n")).unwrap();
        }
        root
    }

    fn asked(attributes: &[(&str, &str)], speed: u64, load: Option<u64>) -> (Level, String) {
        let mut needs = needs(&["0000:3b:00.0"]);
        needs.ports = vec![PortNeed {
            device: needs.devices[0].clone(),
            speed: Some(BitRate(speed * 1_000_000_000)),
            load: load.map(|load| BitRate(load * 1_000_000_000)),
        }];
        verdict(&examine(nic(attributes).path(), &needs))
    }

    /// Recorded of a ConnectX-7 in a slot of eight lanes.
    const GOOD: [(&str, &str); 6] = [
        ("carrier", "1"),
        ("speed", "200000"),
        ("mtu", "9000"),
        ("current_link_speed", "32.0 GT/s PCIe"),
        ("current_link_width", "8"),
        ("max_link_width", "16"),
    ];

    fn but(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        let change = |(have, old): (&'static str, &'static str)| (have, if have == name { value } else { old });
        GOOD.into_iter().map(change).collect()
    }

    #[test]
    fn a_link_as_the_testbed_says_is_good() {
        let (level, text) = asked(&GOOD, 200, Some(150));
        assert_eq!(level, Level::Good, "{text}");
        assert!(text.contains("ens1np0 is up at 200 Gbps"), "{text}");
    }

    #[test]
    fn a_slower_link_and_a_greater_load_are_told() {
        let (level, text) = asked(&but("speed", "100000"), 200, Some(150));
        assert_eq!(level, Level::Warning);
        assert!(
            text.contains("speed: 100 Gbps") && text.contains("ethtool -s ens1np0 speed 200000"),
            "{text}"
        );
        assert!(text.contains("sends up to 150 Gbps"), "{text}");
        // Unknown speeds are no ground.
        assert_eq!(asked(&but("speed", "-1"), 200, Some(150)).0, Level::Good);
    }

    #[test]
    fn no_carrier_a_small_mtu_and_a_narrow_slot_are_told() {
        let (level, text) = asked(&but("carrier", "0"), 200, None);
        assert_eq!(level, Level::Error);
        assert!(text.contains("no carrier"), "{text}");
        let (level, text) = asked(&but("mtu", "1500"), 200, None);
        assert_eq!(level, Level::Warning);
        assert!(
            text.contains("need 4172") && text.contains("ip link set ens1np0 mtu"),
            "{text}"
        );
        // Four lanes of 16 GT/s: 63 Gb/s.
        let narrow: Vec<_> = but("current_link_width", "4")
            .into_iter()
            .map(|(name, value)| {
                (
                    name,
                    if name == "current_link_speed" {
                        "16.0 GT/s PCIe"
                    } else {
                        value
                    },
                )
            })
            .collect();
        let (level, text) = asked(&narrow, 200, Some(100));
        assert_eq!(level, Level::Warning);
        assert!(
            text.contains("4 lanes (the card has 16)") && text.contains("63 Gbps"),
            "{text}"
        );
        assert_eq!(asked(&narrow, 200, Some(50)).0, Level::Good);
        let down: Vec<_> = GOOD.into_iter().filter(|(name, _)| *name != "carrier").collect();
        let (level, text) = asked(&down, 200, None);
        assert_eq!(level, Level::Warning);
        assert!(text.contains("ip link set ens1np0 up"), "{text}");
    }
}

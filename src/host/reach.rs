//! What a device leads to on this host, and whether squall may send there.
//!
//! Contract: [`refusals`] is the safety rule for everybody who opens devices: whatever a device string reaches must be
//! free, or the user's word that it is theirs; what cannot be told is refused too. [`keys`] names what two runs
//! cannot have at once.

use std::path::Path;

use super::pci::Nic;
use super::{Finding, Interface, Interfaces, read};
use crate::devargs;
use crate::dpdk::DeviceArg;

const CHECK: &str = "interface";

/// Why a device is not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the device reaches, and why that is refused.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// The interface, where it is one.
    pub interface: Option<String>,
    /// Whether it is only that nothing of this name is here: no harm until ports are opened.
    pub absent: bool,
}

impl Refusal {
    pub(super) fn finding(&self) -> Finding {
        Finding::error(CHECK, self.why.clone(), self.fix.clone())
    }

    fn unclear(device: &str, why: &str) -> Refusal {
        Refusal {
            why: format!("{why}, so squall cannot tell what it would flood"),
            fix: format!(
                "name the interfaces so that squall can read them (iface=), or say that all that {device} leads to is \
                 yours to flood: --i-own-this-interface {device}"
            ),
            interface: None,
            absent: false,
        }
    }

    fn used(name: &str, by: &str, why: &str) -> Refusal {
        Refusal {
            why: format!("the kernel uses interface {name}{by} ({why}); squall would flood it"),
            fix: format!(
                "use another interface, or say that this one is yours to flood: --i-own-this-interface {name}"
            ),
            interface: Some(name.to_owned()),
            absent: false,
        }
    }
}

/// The safety rule for one interface of a NIC, as a finding.
pub(super) fn refused(root: &Path, name: &str, interfaces: &Interfaces, owned: &[String]) -> Option<Finding> {
    of_interface(root, name, "", interfaces, owned).map(|refusal| refusal.finding())
}

fn is_owned(name: &str, interfaces: &Interfaces, owned: &[String]) -> bool {
    let meant = interfaces.find(name).map(|(name, _)| name);
    owned
        .iter()
        .any(|own| own == name || meant.is_some() && interfaces.find(own).map(|(name, _)| name) == meant)
}

fn of_interface(root: &Path, name: &str, by: &str, interfaces: &Interfaces, owned: &[String]) -> Option<Refusal> {
    if is_owned(name, interfaces, owned) {
        return None;
    }
    let why = interfaces.in_use(name).or_else(|| relation(root, name, interfaces));
    why.map(|why| Refusal::used(name, by, &why))
}

/// An interface above or below this one, as `/sys` links them where it is of this network namespace.
fn relation(root: &Path, name: &str, interfaces: &Interfaces) -> Option<String> {
    let (name, interface) = interfaces.find(name)?;
    if !is_in_sys(root, name, interface) {
        return None;
    }
    let folder = std::fs::read_dir(root.join("sys/class/net").join(name)).ok()?;
    let links = folder.filter_map(|entry| {
        let file = entry.ok()?.file_name().into_string().ok()?;
        let above = file
            .strip_prefix("upper_")
            .map(|upper| format!("{upper} is on top of it"));
        above.or_else(|| Some(format!("it stands on {}", file.strip_prefix("lower_")?)))
    });
    // The first by name, so that one is told that can be looked for.
    links.min()
}

fn is_in_sys(root: &Path, name: &str, interface: &Interface) -> bool {
    let index = read(root, &format!("sys/class/net/{name}/ifindex"));
    // Of another network namespace's /sys it would be another interface.
    index.is_some_and(|index| index.parse() == Ok(interface.index))
}

/// Why `device`, one of `all` that are opened together, is refused; nothing when it may be opened.
#[must_use]
pub fn refusals(
    root: &Path,
    device: &DeviceArg,
    all: &[DeviceArg],
    interfaces: &Interfaces,
    owned: &[String],
) -> Vec<Refusal> {
    let name = device.name();
    if owned.contains(&name) {
        return Vec::new();
    }
    let reach = devargs::reach(device.text());
    let mut refused: Vec<Refusal> = reach.unclear.iter().map(|why| Refusal::unclear(&name, why)).collect();
    for named in &reach.interfaces {
        let by = format!(", {} of the device {name}", named.key);
        if interfaces.find(&named.name).is_some() || named.is_made {
            refused.extend(of_interface(root, &named.name, &by, interfaces, owned));
        } else if !owned.contains(&named.name) {
            let there: Vec<&str> = interfaces.by_name.keys().map(String::as_str).collect();
            refused.push(Refusal {
                why: format!(
                    "{}: there is no interface {} in this network namespace (there are {})",
                    named.key,
                    named.name,
                    there.join(", ")
                ),
                fix: "write another name, or run squall in the network namespace that has it".to_owned(),
                interface: None,
                absent: true,
            });
        }
    }
    for mac in &reach.macs {
        let of_mac = of_mac(mac, interfaces);
        if of_mac.is_empty() {
            let why = format!("no interface of this network namespace has the MAC address {mac} of the device {name}");
            refused.push(Refusal::unclear(&name, &why));
        }
        let by = format!(", which has the MAC address {mac} of the device {name}");
        refused.extend(
            of_mac
                .iter()
                .filter_map(|name| of_interface(root, name, &by, interfaces, owned)),
        );
    }
    for address in &reach.pci {
        refused.extend(of_nic(root, address, interfaces, owned));
    }
    for member in &reach.members {
        let is_there =
            member.bytes().all(|byte| byte.is_ascii_digit()) || all.iter().any(|other| other.name() == *member);
        if !is_there {
            let why = format!("no port of this testbed is the device {member} that {name} names");
            refused.push(Refusal::unclear(&name, &why));
        }
    }
    refused
}

/// Interfaces of a NIC that DPDK shares with the kernel, or would have to take from it.
fn of_nic(root: &Path, address: &str, interfaces: &Interfaces, owned: &[String]) -> Vec<Refusal> {
    let address = devargs::canonical_pci(address).unwrap_or_else(|| address.to_owned());
    if owned.contains(&address) {
        return Vec::new();
    }
    let by = format!(" of {address}");
    let mut names = nic_interfaces(root, &address, interfaces);
    names.sort();
    names.dedup();
    let is_shared = Nic::read(root, &address).is_some_and(|nic| nic.is_shared());
    let of_name = |name: &String| match interfaces.find(name) {
        Some(_) => of_interface(root, name, &by, interfaces, owned),
        None if is_shared && !owned.contains(name) => {
            let why = "/sys shows it and this network namespace does not have it";
            Some(Refusal::used(name, &by, why))
        }
        None => None,
    };
    names.iter().filter_map(of_name).collect()
}

/// Names of a NIC's interfaces: what `/sys` shows, and what this network namespace has.
fn nic_interfaces(root: &Path, address: &str, interfaces: &Interfaces) -> Vec<String> {
    let of_sys = Nic::read(root, address).map(|nic| nic.interfaces).unwrap_or_default();
    let own = interfaces
        .by_name
        .iter()
        .filter(|(_, own)| own.device.as_deref() == Some(address));
    of_sys.into_iter().chain(own.map(|(name, _)| name.clone())).collect()
}

fn of_mac(mac: &str, interfaces: &Interfaces) -> Vec<String> {
    let text = |mac: &[u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
    let all = interfaces.by_name.iter();
    all.filter(|(_, own)| own.mac.as_ref().is_some_and(|own| text(own) == *mac))
        .map(|(name, _)| name.clone())
        .collect()
}

/// The kernel interfaces that a device stands on and that are there.
#[must_use]
pub fn interfaces_of(device: &DeviceArg, interfaces: &Interfaces) -> Vec<String> {
    let reach = devargs::reach(device.text());
    let named = reach.interfaces.iter().filter_map(|named| interfaces.find(&named.name));
    let mut names: Vec<String> = named.map(|(name, _)| name.to_owned()).collect();
    names.extend(reach.macs.iter().flat_map(|mac| of_mac(mac, interfaces)));
    names.sort();
    names.dedup();
    names
}

/// Whether anything that the device sends can leave this process.
#[must_use]
pub fn leads_out(device: &DeviceArg) -> bool {
    matches!(device, DeviceArg::Pci(_)) || devargs::reach(device.text()).leads_out
}

/// Whether what `device`, one of `all`, sends can reach hardware: a NIC of its own, or one behind an interface.
#[must_use]
pub fn reaches_hardware(device: &DeviceArg, all: &[DeviceArg], interfaces: &Interfaces) -> bool {
    let reach = devargs::reach(device.text());
    if matches!(device, DeviceArg::Pci(_)) || reach.hardware || !reach.pci.is_empty() || !reach.unclear.is_empty() {
        return true;
    }
    let member = |name: &String| match all.iter().find(|other| other.name() == *name) {
        Some(other) if other != device => reaches_hardware(other, &[], interfaces),
        // By number, or of devices of their own: which, only DPDK knows.
        _ => true,
    };
    reach.members.iter().any(member)
        || interfaces_of(device, interfaces)
            .iter()
            .any(|name| interfaces.reaches_hardware(name))
}

/// The link rate that the kernel tells of an interface, bit/s.
#[must_use]
pub fn link_speed(root: &Path, name: &str, interfaces: &Interfaces) -> Option<u64> {
    let (name, interface) = interfaces.find(name)?;
    let told = |what: &str| read(root, &format!("sys/class/net/{name}/{what}"));
    // Of another network namespace's /sys it would be another interface.

    let megabits = told("speed")
        .filter(|_| is_in_sys(root, name, interface))?
        .parse::<u64>()
        .ok()
        .filter(|speed| *speed > 0)?;
    megabits.checked_mul(1_000_000)
}

/// What no two runs can have at once: a name for each interface, made interface, NIC and written file of a device.
/// Interfaces are told apart by network namespace and number, so that all names of one come to the same.
#[must_use]
pub fn keys(root: &Path, device: &DeviceArg, interfaces: &Interfaces) -> Vec<(String, String)> {
    let space = namespace(root);
    let of_interface = |name: &str| match interfaces.find(name) {
        Some((own, interface)) => (format!("net-{space}-{}", interface.index), format!("interface {own}")),
        None => (format!("net-{space}-new-{}", plain(name)), format!("interface {name}")),
    };
    let reach = devargs::reach(device.text());
    let mut keys: Vec<(String, String)> = reach.interfaces.iter().map(|named| of_interface(&named.name)).collect();
    keys.extend(interfaces_of(device, interfaces).iter().map(|name| of_interface(name)));
    for address in &reach.pci {
        let address = devargs::canonical_pci(address).unwrap_or_else(|| address.clone());
        keys.extend(
            nic_interfaces(root, &address, interfaces)
                .iter()
                .map(|name| of_interface(name)),
        );
        keys.push((format!("pci-{}", plain(&address)), format!("NIC {address}")));
    }
    keys.sort();
    keys.dedup();
    keys
}

/// The number of this process's network namespace.
fn namespace(root: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(root.join("proc/self/ns/net")).map_or(0, |it| it.ino())
}

/// As part of a file's name.
fn plain(text: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':') {
            c
        } else {
            '_'
        }
    };
    text.chars().take(64).map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{host, tree};
    use super::*;

    fn vdev(text: &str) -> DeviceArg {
        DeviceArg::Vdev(text.to_owned())
    }

    fn addressed() -> Interfaces {
        host(&[
            ("eth0", &|it| {
                it.addresses = vec!["192.0.2.1".parse().unwrap()];
                it.other_names = vec!["uplink".to_owned()];
                it.device = Some("0000:3b:00.0".to_owned());
                it.mac = Some([0, 0x15, 0x5d, 1, 2, 3]);
            }),
            ("veth0", &|it| (it.kind, it.is_pair) = (Some("veth".to_owned()), true)),
        ])
    }

    fn said(device: &DeviceArg, owned: &[&str]) -> String {
        let owned: Vec<String> = owned.iter().map(|&name| name.to_owned()).collect();
        let root = tree(&[]);
        let all = [vdev("net_ring0")];
        let refused = refusals(root.path(), device, &all, &addressed(), &owned);
        refused
            .iter()
            .map(|refusal| format!("{}; {}\n", refusal.why, refusal.fix))
            .collect()
    }

    #[test]
    fn every_way_to_an_interface_in_use_is_refused() {
        for text in [
            "net_af_packet0,iface=eth0",
            "net_af_packet0,iface=veth0,iface=eth0",
            "net_af_packet0,iface=uplink",
            "net_af_packet0,iface=eth0:1",
            "net_af_xdp0,iface=eth0",
            "net_pcap0,iface=eth0",
            "net_pcap0,rx_iface=eth0,tx_iface=veth0",
            "net_pcap0,rx_iface=veth0,tx_iface=eth0",
            "net_pcap0,rx_iface_in=eth0",
            "net_tap0,iface=new0,remote=eth0",
            "net_tap0,iface=eth0",
            "net_virtio_user0,path=/dev/vhost-net,iface=eth0",
            "net_vdev_netvsc0,iface=eth0",
            "net_vdev_netvsc0,mac=00:15:5D:01:02:03",
            "net_failsafe0,dev(net_af_packet0,iface=eth0)",
            "net_failsafe0,dev(net_failsafe1,dev(net_pcap0,rx_iface=veth0,tx_iface=eth0))",
            "net_failsafe0,dev(0000:3b:00.0)",
            "net_bonding0,mode=0,slave=0000:3b:00.0",
            "net_bonding0,mode=0,slave=net_af_packet0,iface=eth0",
            "net_vendor0,iface=eth0",
        ] {
            let text_said = said(&vdev(text), &[]);
            assert!(text_said.contains("the kernel uses interface"), "{text}: {text_said}");
            assert!(text_said.contains("--i-own-this-interface "), "{text}: {text_said}");
            if !text.contains("slave=net_af_packet0") {
                assert_eq!(said(&vdev(text), &["eth0"]), "", "{text}");
            }
        }
        let nic = DeviceArg::Pci("3b:00.0".to_owned());
        assert!(
            said(&nic, &[]).contains("the kernel uses interface eth0 of 0000:3b:00.0"),
            "{}",
            said(&nic, &[])
        );
        assert_eq!(said(&nic, &["eth0"]), "");
    }

    #[test]
    fn what_is_free_is_not_and_what_cannot_be_told_is() {
        for text in [
            "net_null0",
            "net_ring0",
            "net_af_packet0,iface=veth0",
            "net_pcap0,rx_iface=veth0,tx_iface=veth0",
            "net_pcap0,rx_pcap=a.pcap,tx_pcap=b.pcap",
            "net_tap0,iface=new0",
            "net_tap0",
            "net_memif0,role=client",
            "net_vhost0,iface=/tmp/x",
            "net_failsafe0,dev(net_ring1)",
            "net_bonding0,mode=0,slave=net_ring0",
        ] {
            assert_eq!(said(&vdev(text), &[]), "", "{text}");
        }
        for (text, name) in [
            ("net_failsafe0,exec(echo net_null0)", "net_failsafe0"),
            ("net_failsafe0,fd(3)", "net_failsafe0"),
            ("net_failsafe0,dev(net_null0", "net_failsafe0"),
            ("net_softnic0,firmware=a", "net_softnic0"),
            ("net_vdev_netvsc0", "net_vdev_netvsc0"),
            ("net_bonding0,slave=net_ring7", "net_bonding0"),
            ("net_vendor0,port=abc", "net_vendor0"),
        ] {
            let text_said = said(&vdev(text), &[]);
            assert!(
                text_said.contains(&format!("--i-own-this-interface {name}")),
                "{text}: {text_said}"
            );
            assert_eq!(said(&vdev(text), &[name]), "", "{text}");
        }
        assert!(said(&vdev("net_pcap0,iface=any"), &[]).contains("there is no interface any"));
    }

    #[test]
    fn hardware_is_told_from_software() {
        let host = addressed();
        let of = |text: &str| reaches_hardware(&vdev(text), &[vdev("net_af_packet1,iface=eth0")], &host);
        for text in [
            "net_af_packet0,iface=eth0",
            "net_pcap0,rx_iface=veth0,tx_iface=uplink",
            "net_af_xdp0,iface=eth0",
            "net_failsafe0,dev(net_af_packet0,iface=eth0)",
            "net_failsafe0,dev(3b:00.0)",
            "net_failsafe0,exec(x)",
            "net_bonding0,slave=net_af_packet1",
            "net_bonding0,slave=0",
            "net_vendor0",
        ] {
            assert!(of(text), "{text}");
        }
        for text in [
            "net_af_packet0,iface=veth0",
            "net_null0",
            "net_memif0",
            "net_failsafe0,dev(net_null0)",
            "net_tap0",
        ] {
            assert!(!of(text), "{text}");
        }
        assert!(reaches_hardware(&DeviceArg::Pci("3b:00.0".to_owned()), &[], &host));
    }

    #[test]
    fn all_names_of_one_interface_have_one_key() {
        let (host, root) = (addressed(), tree(&[]));
        let of = |text: &str| -> Vec<String> {
            keys(root.path(), &vdev(text), &host)
                .into_iter()
                .map(|(key, _)| key)
                .collect()
        };
        assert_eq!(of("net_af_packet0,iface=eth0"), ["net-0-1"]);
        assert_eq!(of("net_pcap7,rx_iface=uplink,tx_iface=eth0"), ["net-0-1"]);
        assert_eq!(of("net_failsafe0,dev(net_af_packet0,iface=veth0)"), ["net-0-2"]);
        assert_eq!(of("net_tap0,iface=new/0"), ["net-0-new-new_0"]);
        // The NIC behind eth0: whoever has that has this.
        assert_eq!(of("net_failsafe0,dev(3b:00.0)"), ["net-0-1", "pci-0000:3b:00.0"]);
        assert!(of("net_null0").is_empty());
    }
}

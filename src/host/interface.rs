//! Kernel interfaces that a port stands on: whether they can carry the frames, and whether the
//! kernel uses them itself.
//!
//! Contract: [`in_use`] is the safety rule "a kernel-owned interface that has an address, carries a route
//! or is below another interface (a VLAN, macvlan, bridge, bond) is refused", for everybody who opens one.
//! Link-local and multicast addresses and routes do not count: every interface that is up has them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use super::{Finding, Needs, kernel_interface, read};

const CHECK: &str = "interface";

/// The interfaces of this network namespace: what only the kernel can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interfaces(pub BTreeMap<String, Interface>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Whether it is up.
    pub up: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl Interfaces {
    /// Those of this process's network namespace.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn of_this_host() -> std::io::Result<Interfaces> {
        let mut interfaces: BTreeMap<String, Interface> = BTreeMap::new();
        for entry in nix::ifaddrs::getifaddrs()? {
            let interface = interfaces.entry(entry.interface_name).or_default();
            interface.up |= entry.flags.contains(nix::net::if_::InterfaceFlags::IFF_UP);
            if let Some(address) = entry.address {
                let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
                let v6 = address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
                interface.addresses.extend(v4.or(v6));
            }
        }
        Ok(Interfaces(interfaces))
    }
}

/// Why interface `name` is the kernel's: an address, a route, or an interface on top of it; `None` when it
/// is free. Routes and interfaces on top are read below `root`.
#[must_use]
pub fn in_use(root: &Path, name: &str, interfaces: &Interfaces) -> Option<String> {
    let address = interfaces
        .0
        .get(name)
        .and_then(|interface| interface.addresses.iter().find(|address| !is_link_local(address)));
    if let Some(address) = address {
        return Some(format!("it has the address {address}"));
    }
    if let Some(route) = route_v4(root, name).or_else(|| route_v6(root, name)) {
        return Some(format!("it carries a route to {route}"));
    }
    upper(root, name).map(|upper| format!("{upper} is on top of it"))
}

/// An interface that sends and receives by this one: the kernel has a link `upper_NAME` for each. The first
/// by name, so that one is told that can be looked for.
fn upper(root: &Path, name: &str) -> Option<String> {
    let folder = std::fs::read_dir(root.join("sys/class/net").join(name)).ok()?;
    folder
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_prefix("upper_")?.to_owned()))
        .min()
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_multicast(),
    }
}

/// `/proc/net/route`: name, destination as a hexadecimal number in host byte order, …
fn route_v4(root: &Path, name: &str) -> Option<IpAddr> {
    let table = read(root, "proc/net/route")?;
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (interface, destination) = (fields.next()?, fields.next()?);
        let destination = u32::from_str_radix(destination, 16).ok()?;
        let address = IpAddr::from(destination.to_ne_bytes());
        (interface == name && !is_link_local(&address)).then_some(address)
    })
}

/// `/proc/net/ipv6_route`: destination in hexadecimal first, name last, flags before it.
fn route_v6(root: &Path, name: &str) -> Option<IpAddr> {
    /// RTF_LOCAL (linux/ipv6_route.h): the interface's own addresses, judged above.
    const LOCAL: u32 = 0x8000_0000;
    let table = read(root, "proc/net/ipv6_route")?;
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, .., flags, interface] = fields.as_slice() else {
            return None;
        };
        let address = Ipv6Addr::from(u128::from_str_radix(destination, 16).ok()?);
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let route = *interface == name && flags & LOCAL == 0 && !is_link_local(&IpAddr::V6(address));
        route.then_some(IpAddr::V6(address))
    })
}

pub(super) fn examine(root: &Path, needs: &Needs, interfaces: &Interfaces) -> Vec<Finding> {
    needs
        .devices
        .iter()
        .filter_map(kernel_interface)
        .flat_map(|name| one(root, name, needs, interfaces))
        .collect()
}

fn one(root: &Path, name: &str, needs: &Needs, interfaces: &Interfaces) -> Vec<Finding> {
    let Some(interface) = interfaces.0.get(name) else {
        let there: Vec<&str> = interfaces.0.keys().map(String::as_str).collect();
        return vec![Finding::error(
            CHECK,
            format!("there is no interface {name} (there are {})", there.join(", ")),
            "write another name after iface=, or run squall in the network namespace that has it",
        )];
    };
    let mut findings = Vec::new();
    if let Some(why) = refused(root, name, needs, interfaces) {
        findings.push(why);
    }
    if !interface.up {
        findings.push(Finding::error(
            CHECK,
            format!("{name} is down"),
            format!("ip link set {name} up"),
        ));
    }
    let mtu: Option<u32> = read(root, &format!("sys/class/net/{name}/mtu")).and_then(|text| text.parse().ok());
    // The MTU does not count the Ethernet header.
    let wanted = needs.frame_len.saturating_sub(14);
    if let Some(mtu) = mtu.filter(|&mtu| mtu < wanted) {
        findings.push(Finding::warning(
            CHECK,
            format!("{name} has an MTU of {mtu}: frames with a payload of 4096 bytes need {wanted}"),
            format!("ip link set {name} mtu 9000"),
        ));
    }
    if findings.is_empty() {
        let mtu = mtu.map_or_else(String::new, |mtu| format!(", its MTU {mtu}"));
        findings.push(Finding::good(CHECK, format!("{name} is up{mtu}")));
    }
    findings
}

/// The safety rule as a finding, unless the user has claimed the interface.
pub(super) fn refused(root: &Path, name: &str, needs: &Needs, interfaces: &Interfaces) -> Option<Finding> {
    if needs.owned_interfaces.iter().any(|owned| owned == name) {
        return None;
    }
    let why = in_use(root, name, interfaces)?;
    Some(Finding::error(
        CHECK,
        format!("{name} is in use by the kernel: {why}; squall would flood it"),
        format!("use another interface, or say that this one is yours to flood: --i-own-this-interface {name}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    /// Recorded on a container host: a default route and a network on eth0, nothing on veth1.
    const ROUTE: (&str, &str) = (
        "proc/net/route",
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
         eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
         eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
    );
    const ROUTE6: (&str, &str) = (
        "proc/net/ipv6_route",
        "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1\n\
         fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001    veth1\n\
         fe80000000000000000000fffe000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001    veth1\n\
         ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00000001    veth1\n",
    );

    fn interfaces(list: &[(&str, bool, &[&str])]) -> Interfaces {
        let entry = |&(name, up, addresses): &(&str, bool, &[&str])| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            (name.to_owned(), Interface { up, addresses })
        };
        Interfaces(list.iter().map(entry).collect())
    }

    #[test]
    fn addresses_and_routes_make_it_the_kernels() {
        // A file stands for the link, whose name says it all.
        let root = tree(&[
            ROUTE,
            ROUTE6,
            ("sys/class/net/eth3/upper_eth3.100", ""),
            ("sys/class/net/eth3/lower_eth9", ""),
            ("sys/class/net/veth1/lower_eth9", ""),
        ]);
        let host = interfaces(&[
            ("eth0", true, &[]),
            ("eth1", true, &["fe80::1"]),
            ("eth2", true, &["169.254.1.1", "192.0.2.9"]),
            ("eth3", true, &[]),
            ("veth1", true, &["fe80::ff:fe00:1"]),
        ]);
        let why = |name| in_use(root.path(), name, &host);
        assert_eq!(why("eth0").unwrap(), "it carries a route to 0.0.0.0");
        assert_eq!(why("eth1").unwrap(), "it carries a route to 2001:db8::");
        assert_eq!(why("eth2").unwrap(), "it has the address 192.0.2.9");
        assert_eq!(why("eth3").unwrap(), "eth3.100 is on top of it");
        assert_eq!(why("veth1"), None);
    }

    #[test]
    fn a_claimed_interface_is_not_refused() {
        let root = tree(&[ROUTE, ("sys/class/net/eth0/mtu", "9000\n")]);
        let host = interfaces(&[("eth0", true, &[])]);
        let mut needs = needs(&["net_af_packet0,iface=eth0"]);
        assert_eq!(verdict(&examine(root.path(), &needs, &host)).0, Level::Error);
        needs.owned_interfaces.push("eth0".to_owned());
        assert_eq!(verdict(&examine(root.path(), &needs, &host)).0, Level::Good);
    }

    #[test]
    fn what_keeps_frames_from_passing_is_told() {
        let root = tree(&[("sys/class/net/a/mtu", "1500\n"), ("sys/class/net/b/mtu", "9000\n")]);
        let host = interfaces(&[("a", true, &[]), ("b", false, &[])]);
        let of = |name: &str| {
            verdict(&examine(
                root.path(),
                &needs(&[&format!("net_af_packet0,iface={name}")]),
                &host,
            ))
        };
        let (level, text) = of("a");
        assert_eq!(level, Level::Warning);
        assert!(
            text.contains("4172") && text.contains("ip link set a mtu 9000"),
            "{text}"
        );
        let (level, text) = of("b");
        assert_eq!(level, Level::Error);
        assert!(text.contains("ip link set b up"), "{text}");
        let (level, text) = of("c");
        assert_eq!(level, Level::Error);
        assert!(text.contains("a, b"), "{text}");
    }
}

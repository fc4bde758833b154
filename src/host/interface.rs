//! Kernel interfaces that a port stands on: whether they can carry the frames, and whether the
//! kernel uses them itself.
//!
//! Contract: [`Interfaces::in_use`] is the safety rule "an interface that has an address, carries a route, is a
//! port of a bridge or bond, or is above or below another interface is the host's own", for everybody who opens
//! one. Link-local and multicast addresses and routes do not count: every interface that is up has them. All
//! facts are of this process's network namespace, which `/sys` need not be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use super::reach::Refusal;
use super::{Finding, Needs, reach};

const CHECK: &str = "interface";

/// The interfaces of this network namespace: what only the kernel can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interfaces {
    /// By name.
    pub by_name: BTreeMap<String, Interface>,
    /// Interfaces, addresses and routes that the kernel told of in a way that could not be read.
    pub unread: u32,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is the loopback.
    pub is_loopback: bool,
    /// Longest IP packet, in bytes.
    pub mtu: Option<u32>,
    /// Its MAC address.
    pub mac: Option<[u8; 6]>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Destination of a route through it.
    pub route: Option<IpAddr>,
    /// Number of the bridge, bond, VRF or team that it is a port of.
    pub master: Option<u32>,
    /// Number of the interface that it stands on, or of its other end.
    pub link: Option<u32>,
    /// That one is in another network namespace.
    pub link_is_elsewhere: bool,
    /// It is one end of a pair (veth).
    pub is_pair: bool,
    /// What makes it, as "vlan"; `None` of hardware.
    pub kind: Option<String>,
    /// The device behind it, as "0000:3b:00.0".
    pub device: Option<String>,
    /// Further names.
    pub other_names: Vec<String>,
}

impl Interfaces {
    /// Those of this process's network namespace.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn of_this_host() -> std::io::Result<Interfaces> {
        super::netlink::interfaces()
    }

    pub(super) fn of_index(&mut self, index: u32) -> Option<&mut Interface> {
        self.by_name.values_mut().find(|interface| interface.index == index)
    }

    /// The interface that the kernel would open by `name`: it takes further names, and leaves out what follows a
    /// colon.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&str, &Interface)> {
        let is = |(own, interface): &(&String, &Interface), name: &str| {
            *own == name || interface.other_names.iter().any(|other| other == name)
        };
        let whole = self.by_name.iter().find(|entry| is(entry, name));
        let label = || {
            self.by_name
                .iter()
                .find(|entry| is(entry, name.split(':').next().unwrap_or(name)))
        };
        whole.or_else(label).map(|(own, interface)| (own.as_str(), interface))
    }

    fn name_of(&self, index: u32) -> Option<&str> {
        let mut all = self.by_name.iter();
        all.find(|(_, interface)| interface.index == index)
            .map(|(name, _)| name.as_str())
    }

    /// Why interface `name` is the host's own; `None` when it is free.
    #[must_use]
    pub fn in_use(&self, name: &str) -> Option<String> {
        let (_, own) = self.find(name)?;
        if let Some(address) = own.addresses.iter().find(|address| !is_link_local(address)) {
            return Some(format!("it has the address {address}"));
        }
        if let Some(route) = own.route {
            return Some(format!("it carries a route to {route}"));
        }
        if let Some(master) = own.master {
            let name = self
                .name_of(master)
                .map_or_else(|| format!("interface {master}"), str::to_owned);
            return Some(format!("it is a port of {name}"));
        }
        let others = || self.by_name.iter().filter(|(_, other)| other.index != own.index);
        if let Some((port, _)) = others().find(|(_, other)| other.master == Some(own.index)) {
            return Some(format!("{port} is a port of it"));
        }
        let stands_on = |other: &Interface| other.link.filter(|_| !other.is_pair && !other.link_is_elsewhere);
        if let Some((upper, _)) = others().find(|(_, other)| stands_on(other) == Some(own.index)) {
            return Some(format!("{upper} is on top of it"));
        }
        if let Some(lower) = own.link.filter(|lower| !own.is_pair && *lower != own.index) {
            let name = self.name_of(lower).filter(|_| !own.link_is_elsewhere);
            return Some(name.map_or_else(
                || "it stands on an interface of another network namespace".to_owned(),
                |name| format!("it stands on {name}"),
            ));
        }
        (self.unread > 0).then(|| {
            format!(
                "it may be: of {} interfaces, addresses or routes squall cannot read what the kernel says",
                self.unread
            )
        })
    }

    /// Whether frames sent into interface `name` can reach hardware: its own, or that of an interface behind it in
    /// this network namespace (below it, in the same bridge, at the other end of a pair).
    #[must_use]
    pub fn reaches_hardware(&self, name: &str) -> bool {
        let Some((_, first)) = self.find(name) else {
            return false;
        };
        let (mut open, mut seen) = (vec![first], BTreeSet::new());
        while let Some(interface) = open.pop() {
            if !seen.insert(interface.index) {
                continue;
            }
            if interface.device.is_some() || interface.kind.is_none() && !interface.is_loopback {
                return true;
            }
            let near = |other: &&Interface| {
                let below = interface.link == Some(other.index) && !interface.link_is_elsewhere;
                // From the other end of a pair into the bridge that it is a port of, and out of its ports.
                let bridge = interface.master == Some(other.index);
                below || bridge || other.master == Some(interface.index)
            };
            open.extend(self.by_name.values().filter(near));
        }
        false
    }
}

pub(super) fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_multicast(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_multicast(),
    }
}

pub(super) fn examine(root: &Path, needs: &Needs, interfaces: &Interfaces) -> Vec<Finding> {
    let mut findings = Vec::new();
    for device in &needs.devices {
        let refused = reach::refusals(root, device, &needs.devices, interfaces, &needs.owned_interfaces);
        findings.extend(refused.iter().map(Refusal::finding));
        let named = reach::interfaces_of(device, interfaces);
        let is_refused = |name: &str| refused.iter().any(|refusal| refusal.interface.as_deref() == Some(name));
        findings.extend(
            named
                .iter()
                .flat_map(|name| one(name, needs, interfaces, is_refused(name))),
        );
    }
    findings
}

fn one(name: &str, needs: &Needs, interfaces: &Interfaces, is_refused: bool) -> Vec<Finding> {
    let Some((_, interface)) = interfaces.find(name) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if !interface.up {
        findings.push(Finding::error(
            CHECK,
            format!("{name} is down"),
            format!("ip link set {name} up"),
        ));
    }
    let needed = needs.mtu();
    if let Some(mtu) = interface.mtu.filter(|mtu| *mtu < needed) {
        findings.push(Finding::warning(
            CHECK,
            format!("{name} has an MTU of {mtu}: frames with a payload of 4096 bytes need {needed}"),
            format!("ip link set {name} mtu 9000"),
        ));
    }
    if findings.is_empty() && !is_refused {
        let mtu = interface.mtu.map_or_else(String::new, |mtu| format!(", its MTU {mtu}"));
        findings.push(Finding::good(CHECK, format!("{name} is up{mtu}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{host, needs, tree, verdict};
    use super::*;

    #[test]
    fn addresses_routes_and_relations_make_it_the_hosts() {
        let host = host(&[
            ("eth0", &|it| it.route = Some("0.0.0.0".parse().unwrap())),
            ("eth1", &|it| {
                it.addresses = vec!["fe80::1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
            }),
            ("eth2", &|it| {
                it.addresses = vec!["169.254.1.1".parse().unwrap(), "192.0.2.9".parse().unwrap()];
            }),
            ("eth3", &|_| ()),
            ("eth3.100", &|it| {
                (it.link, it.kind) = (Some(4), Some("vlan".to_owned()));
            }),
            ("br0", &|it| it.kind = Some("bridge".to_owned())),
            ("eth4", &|it| it.master = Some(6)),
            ("veth1", &|it| {
                (it.link, it.is_pair, it.kind) = (Some(9), true, Some("veth".to_owned()));
            }),
            ("veth2", &|it| {
                (it.link, it.is_pair, it.kind) = (Some(8), true, Some("veth".to_owned()));
                it.addresses = vec!["fe80::ff:fe00:1".parse().unwrap()];
            }),
            ("mv0", &|it| (it.link, it.link_is_elsewhere) = (Some(4), true)),
        ]);
        let why = |name: &str| host.in_use(name);
        assert_eq!(why("eth0").unwrap(), "it carries a route to 0.0.0.0");
        assert_eq!(why("eth1").unwrap(), "it has the address 2001:db8::1");
        assert_eq!(why("eth2").unwrap(), "it has the address 192.0.2.9");
        assert_eq!(why("eth3").unwrap(), "eth3.100 is on top of it");
        assert_eq!(why("eth3.100").unwrap(), "it stands on eth3");
        assert_eq!(why("br0").unwrap(), "eth4 is a port of it");
        assert_eq!(why("eth4").unwrap(), "it is a port of br0");
        assert_eq!(
            why("mv0").unwrap(),
            "it stands on an interface of another network namespace"
        );
        assert_eq!(why("veth1"), None);
        assert_eq!(why("veth2"), None);
    }

    #[test]
    fn further_names_and_labels_are_the_same_interface() {
        let host = host(&[("eth0", &|it| {
            it.other_names = vec!["uplink".to_owned(), "enp0s3".to_owned()];
        })]);
        for name in ["eth0", "uplink", "enp0s3", "eth0:1", "uplink:x"] {
            assert_eq!(host.find(name).map(|(name, _)| name), Some("eth0"), "{name}");
        }
        assert_eq!(host.find("eth"), None);
    }

    #[test]
    fn hardware_is_found_behind_what_is_virtual() {
        let kind = |it: &mut Interface, kind: &str| it.kind = Some(kind.to_owned());
        let host = host(&[
            ("lo", &|it| it.is_loopback = true),
            ("eth0", &|it| {
                (it.device, it.master) = (Some("0000:3b:00.0".to_owned()), Some(3));
            }),
            ("br0", &|it| kind(it, "bridge")),
            // A pair whose other end is in the bridge with the NIC.
            ("veth1", &|it| {
                kind(it, "veth");
                (it.link, it.is_pair) = (Some(5), true);
            }),
            ("veth2", &|it| {
                kind(it, "veth");
                (it.link, it.is_pair, it.master) = (Some(4), true, Some(3));
            }),
            ("eth0.7", &|it| {
                kind(it, "vlan");
                it.link = Some(2);
            }),
            ("dummy0", &|it| kind(it, "dummy")),
            ("veth3", &|it| {
                kind(it, "veth");
                (it.link, it.is_pair, it.link_is_elsewhere) = (Some(2), true, true);
            }),
            // Of an older kernel, which does not tell the device.
            ("eth9", &|_| ()),
        ]);
        for (name, wanted) in [
            ("lo", false),
            ("eth0", true),
            ("br0", true),
            ("veth1", true),
            ("eth0.7", true),
            ("dummy0", false),
            ("veth3", false),
            ("eth9", true),
            ("nowhere", false),
        ] {
            assert_eq!(host.reaches_hardware(name), wanted, "{name}");
        }
    }

    #[test]
    fn this_hosts_own_interfaces_are_read() {
        let host = Interfaces::of_this_host().unwrap();
        let (_, loopback) = host.find("lo").unwrap();
        assert!(loopback.is_loopback && loopback.index == 1);
        assert_eq!(host.unread, 0);
    }

    #[test]
    fn a_claimed_interface_is_not_refused() {
        let root = tree(&[]);
        let host = host(&[("eth0", &|it| {
            (it.up, it.mtu) = (true, Some(9000));
            it.route = Some("0.0.0.0".parse().unwrap());
        })]);
        let mut needs = needs(&["net_af_packet0,iface=eth0"]);
        let (level, text) = verdict(&examine(root.path(), &needs, &host));
        assert_eq!(level, Level::Error);
        assert!(text.contains("--i-own-this-interface eth0"), "{text}");
        needs.owned_interfaces.push("eth0".to_owned());
        assert_eq!(verdict(&examine(root.path(), &needs, &host)).0, Level::Good);
    }

    #[test]
    fn what_keeps_frames_from_passing_is_told() {
        let root = tree(&[]);
        let host = host(&[
            ("a", &|it| (it.up, it.mtu) = (true, Some(1500))),
            ("b", &|it| (it.up, it.mtu) = (false, Some(9000))),
        ]);
        let of = |name: &str| {
            let device = format!("net_af_packet0,iface={name}");
            verdict(&examine(root.path(), &needs(&[&device]), &host))
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

//! `address`, `gateway` and `vlan` of a port.
//!
//! Contract: as of `read`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::keys::PORT;
use super::{Network, Port};
use crate::yaml::Place;
use crate::yaml::key::Declared;
use crate::yaml::read::{Fields, Reader, parse_int};
use crate::yaml::{Finding, shown};

/// Whether an address can be a host's: 240/4 is reserved (RFC 1112 section 4).
pub(super) fn unicast4(address: &Ipv4Addr) -> bool {
    !address.is_loopback() && (1..224).contains(&address.octets()[0])
}

/// The same for IPv6.
pub(super) fn unicast6(address: &Ipv6Addr) -> bool {
    !(address.is_multicast() || address.is_unspecified() || address.is_loopback())
}

pub(super) fn unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => unicast4(&address),
        IpAddr::V6(address) => unicast6(&address),
    }
}

/// A port's networks.
pub(super) type Networks = (Option<Network<Ipv4Addr>>, Option<Network<Ipv6Addr>>);

/// What `address` and `gateway` say; what is wrong is recorded.
pub(super) fn networks(fields: &Fields<'_>, receives: bool) -> Networks {
    let addresses = each(fields, &PORT.address, address, |text| {
        let bare: IpAddr = text.parse().ok()?;
        Some(format!("{bare}/{}", if bare.is_ipv4() { 24 } else { 64 }))
    });
    let gateways = each(fields, &PORT.gateway, gateway, |text| {
        let (bare, _) = text.split_once('/')?;
        Some(bare.parse::<IpAddr>().ok()?.to_string())
    });
    let mut networks: Networks = (None, None);
    for (address, prefix) in addresses {
        let (there, version) = match address {
            IpAddr::V4(first) => (put(&mut networks.0, first, prefix), 4),
            IpAddr::V6(first) => (put(&mut networks.1, first, prefix), 6),
        };
        if there {
            fields.wrong(&PORT.address, format!("`address` has two IPv{version} addresses"));
        }
    }
    for gateway in gateways {
        let (set, version) = match gateway {
            IpAddr::V4(router) => (lead(networks.0.as_mut(), router), 4),
            IpAddr::V6(router) => (lead(networks.1.as_mut(), router), 6),
        };
        if let Err(why) = set {
            let why = why.replace("{}", &format!("IPv{version}"));
            fields.wrong(&PORT.gateway, format!("`gateway` is {gateway}, {why}"));
        }
    }
    if fields.has(&PORT.gateway) && !receives && !fields.has(&PORT.gateway_mac) {
        let what = "a port with `receive: false` cannot hear where its gateway is; give it `gateway_mac`, too";
        fields.wrong(&PORT.gateway, what);
    }
    networks
}

/// Takes the first network of a version; whether there is one already.
fn put<A>(network: &mut Option<Network<A>>, first: A, prefix: u8) -> bool {
    let there = network.is_some();
    network.get_or_insert(Network {
        first,
        prefix,
        gateway: None,
    });
    there
}

/// Takes a network's gateway, or says why not.
fn lead<A: PartialEq>(network: Option<&mut Network<A>>, router: A) -> Result<(), &'static str> {
    match network {
        None => Err("and the port has no {} `address`"),
        Some(network) if network.gateway.is_some() => Err("the second {} one"),
        Some(network) if network.first == router => Err("which is the address of the port's first worker"),
        Some(network) => {
            network.gateway = Some(router);
            Ok(())
        }
    }
}

/// The values of a key that is one text or a list of some.
fn each<T>(
    fields: &Fields<'_>,
    key: &dyn Declared,
    parse: impl Fn(&str) -> Option<T>,
    near: impl Fn(&str) -> Option<String>,
) -> Vec<T> {
    let mut values = Vec::new();
    for node in fields.list(key).unwrap_or_default() {
        let Some(text) = node.text().map(str::trim) else {
            fields.bad(key, node.place, node.is_a(), None);
            continue;
        };
        match parse(text) {
            Some(value) => values.push(value),
            None => fields.bad(key, node.place, &format!("`{}`", shown(text, 60)), near(text)),
        }
    }
    values
}

fn address(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address = address.parse().ok().filter(|address| unicast(*address))?;
    let length = u8::try_from(parse_int(length)?).ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (1..=longest).contains(&length).then_some((address, length))
}

fn gateway(text: &str) -> Option<IpAddr> {
    text.parse().ok().filter(|address| unicast(*address))
}

/// Frames of an entry are of one length: each port adds a tag, or none does.
pub(super) fn vlans(reader: &Reader, ports: &[(Place, Port)]) {
    let Some((_, tagged)) = ports.iter().find(|(_, port)| port.vlan.is_some()) else {
        return;
    };
    for (place, port) in ports.iter().filter(|(_, port)| port.vlan.is_none()) {
        let what = format!(
            "port `{}` has no `vlan` while port `{}` has one; give every port its own, or the patterns a `frame.vlan`",
            port.name, tagged.name
        );
        reader.report(Finding::new(*place, what));
    }
}

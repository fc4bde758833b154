//! From a tree to a [`Testbed`].
//!
//! Contract: as in `pattern::read`: the result counts only when nothing was recorded.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use super::keys::{ADDRESSES, CORE_LISTS, EAL, PORT, TESTBED};
use super::{
    Addresses, Cores, Device, EalOptions, PfcReaction, Port, Testbed, WorkerCount, about, classes, device, eal_args,
    peers, read_fabric, read_network,
};
use crate::yaml::form::Words;
use crate::yaml::key::{Form, Key};
use crate::yaml::read::{At, Fields, MapOr, Reader, parse_int, printable};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{Finding, Place, near, shown};

const MAX_PORTS: usize = 256;

/// Reads a testbed; it counts only when `reader` recorded nothing. `stem` names it by default; paths in it begin in `folder`.
pub fn testbed(reader: &Reader, root: &Node, stem: &str, folder: &Path) -> Testbed {
    let fields = reader.fields(root, "the testbed", &[&TESTBED]);
    let ports = ports(&fields);
    Testbed {
        name: fields.get(&TESTBED.name).unwrap_or_else(|| stem.to_owned()),
        description: fields.get(&TESTBED.description),
        isolated: fields.get(&TESTBED.isolated),
        eal: eal(&fields),
        cores: cores(&fields),
        addresses: addresses(&fields),
        announce_interval: fields.get(&TESTBED.announce_interval),
        resolve_timeout: fields.get(&TESTBED.resolve_timeout),
        peers: peers::read(&fields, &ports, folder),
        ports,
        fabric: read_fabric::fabric(&fields),
        classes: classes::read(&fields),
        said: read_fabric::configured(&fields),
        calibration: fields.get(&TESTBED.calibration),
        dut: dut(&fields),
        about: about::read(&fields),
    }
}

/// The name by which a port or a peer can be called in `--set`; see `yaml::set`.
pub fn label(list: &str, index: usize, node: &Node) -> Option<String> {
    let named = node.child("name").and_then(Node::text);
    let kind = match list {
        "ports" => "port",
        "peers" => "peer",
        _ => return None,
    };
    Some(named.map_or_else(|| format!("{kind}{index}"), str::to_owned))
}

fn eal(outer: &Fields<'_>) -> EalOptions {
    let fields = outer.map_or_empty(&TESTBED.eal);
    EalOptions {
        hugepages: fields.get(&EAL.hugepages),
        memory: EAL.memory.get(&fields, outer.node(&TESTBED.fabric).is_some()),
        file_prefix: fields.get(&EAL.file_prefix),
        telemetry: fields.get(&EAL.telemetry),
        extra_args: fields.get(&EAL.extra_args).unwrap_or_default(),
    }
}

/// A file that a listing shows.
pub(super) fn not_hidden(name: &str) -> bool {
    !name.starts_with('.')
}

/// What of EAL's command line a testbed may add; see `eal_args`.
pub(super) struct ExtraArgs;

impl Form<Vec<String>> for ExtraArgs {
    fn allowed(&self) -> String {
        "a list of arguments that neither open devices nor place threads".to_owned()
    }
    fn read(&self, at: At<'_, '_>) -> Option<Vec<String>> {
        Some(eal_args::read(at))
    }
}

fn cores(outer: &Fields<'_>) -> Cores {
    let Some(MapOr::Map(fields)) = outer.map_or(&TESTBED.cores) else {
        return Cores::Auto;
    };
    let list = |key: &Key<Vec<u32>>| {
        let cores = fields.get(key).unwrap_or_default().into_iter();
        cores.filter_map(|core| usize::try_from(core).ok()).collect()
    };
    Cores::Lists {
        tx: list(&CORE_LISTS.tx),
        rx: list(&CORE_LISTS.rx),
    }
}

fn addresses(outer: &Fields<'_>) -> Addresses {
    let fields = outer.map_or_empty(&TESTBED.addresses);
    Addresses {
        ipv4: fields.get(&ADDRESSES.ipv4),
        ipv6: fields.get(&ADDRESSES.ipv6),
    }
}

/// A unicast address with its prefix length.
pub(super) struct Prefixed<A> {
    /// The longest prefix.
    pub longest: u8,
    /// Whether an address is a host's.
    pub unicast: fn(&A) -> bool,
}

impl<A: FromStr + Display> Form<(A, u8)> for Prefixed<A> {
    fn allowed(&self) -> String {
        format!("a unicast address with its prefix length, 1 to {}", self.longest)
    }
    fn read(&self, at: At<'_, '_>) -> Option<(A, u8)> {
        let parse = |text: &str| {
            let (address, length) = text.split_once('/')?;
            let address = address.parse().ok().filter(self.unicast)?;
            let length = u8::try_from(parse_int(length)?).ok()?;
            (1..=self.longest).contains(&length).then_some((address, length))
        };
        at.parse(parse, |_| None)
    }
    fn show(&self, (address, length): &(A, u8)) -> String {
        format!("{address}/{length}")
    }
}

fn dut(outer: &Fields<'_>) -> BTreeMap<String, String> {
    let mut dut = BTreeMap::new();
    let Some(node) = outer.node(&TESTBED.dut) else {
        return dut;
    };
    let Value::Map(entries) = &node.value else {
        outer.bad(&TESTBED.dut, node.place, node.is_a(), None);
        return dut;
    };
    for (name, value) in entries {
        match value.text() {
            Some(text) if !(printable(text) && printable(&name.text)) => {
                outer.bad(&TESTBED.dut, name.place, "a map with control characters in it", None);
            }
            Some(text) => {
                dut.insert(name.text.clone(), text.trim().to_owned());
            }
            None => outer.bad(
                &TESTBED.dut,
                value.place,
                &format!("a map with {} in it", value.is_a()),
                None,
            ),
        }
    }
    dut
}

fn ports(outer: &Fields<'_>) -> Vec<Port> {
    if outer.has(&TESTBED.fabric) {
        outer.exclude(&TESTBED.ports, &TESTBED.fabric);
    } else {
        outer.require(&TESTBED.ports);
    }
    let items = outer.items(&TESTBED.ports, 1..=MAX_PORTS);
    let mut placed: Vec<(Place, Port)> = Vec::new();
    for (index, node) in items.iter().enumerate() {
        if let Some(port) = port(outer.reader(), node, index, &placed) {
            placed.push((node.place, port));
        }
    }
    roles(outer.reader(), &placed);
    read_network::vlans(outer.reader(), &placed);
    placed.into_iter().map(|(_, port)| port).collect()
}

/// Where one port takes workers by their role, every worker is placed by its role.
fn roles(reader: &Reader, ports: &[(Place, Port)]) {
    let Some((place, named)) = ports.iter().find(|(_, port)| port.workers.is_role()) else {
        return;
    };
    let mut mixed = false;
    for (place, port) in ports {
        if let WorkerCount::Exactly(number) = port.workers {
            mixed = true;
            let what = format!(
                "port `{}` has `workers: {number}` while port `{}` takes its workers by their role; say senders, \
                 receivers or auto at every port, or numbers",
                port.name, named.name
            );
            reader.report(Finding::new(*place, what));
        }
    }
    if mixed {
        // Whoever sends and receives is known when all ports say it.
        return;
    }
    for (role, word) in [(WorkerCount::Senders, "senders"), (WorkerCount::Receivers, "receivers")] {
        if !(ports.iter()).any(|(_, port)| port.workers == role || port.workers == WorkerCount::Auto) {
            let what = format!("no port takes {word}; say `workers: {word}` or `workers: auto` at one of them");
            reader.report(Finding::new(*place, what));
        }
    }
}

fn port(reader: &Reader, node: &Node, index: usize, earlier: &[(Place, Port)]) -> Option<Port> {
    let typed = node.child("name").and_then(Node::text);
    let what = typed.map_or_else(|| format!("port {index}"), |name| format!("port `{}`", shown(name, 64)));
    let fields = reader.fields(node, what, &[&PORT]);
    let device = device(&fields, earlier);
    let driver = match &device {
        Some(Device::Vdev { driver, .. }) => driver.as_str(),
        _ => "",
    };
    let (null, ring) = (driver == "net_null", driver == "net_ring");
    let name = name(&fields, index, earlier);
    let receive = fields.get(&PORT.receive).unwrap_or(!null);
    let pfc = fields.get(&PORT.pfc);
    if pfc == PfcReaction::Software && !receive {
        let what = "the loop cannot obey what a port with `receive: false` does not receive";
        fields.wrong(&PORT.pfc, what);
    }
    let loopback = fields.get(&PORT.loopback).unwrap_or(ring);
    let (ipv4, ipv6) = read_network::networks(&fields, receive);
    let port = Port {
        name,
        device: device.clone().unwrap_or(Device::Fabric),
        speed: fields.get(&PORT.speed),
        workers: fields.get(&PORT.workers),
        mac: fields.get(&PORT.mac),
        gateway_mac: fields.get(&PORT.gateway_mac),
        ipv4,
        ipv6,
        vlan: fields.get(&PORT.vlan),
        loopback,
        receive,
        announce: fields.get(&PORT.announce).unwrap_or(!(null || ring)),
        answer: fields.get(&PORT.answer).unwrap_or(!(null || ring || loopback)) && receive,
        tx_queues: fields.get(&PORT.tx_queues),
        rx_queues: fields.get(&PORT.rx_queues),
        descriptors: fields.get(&PORT.descriptors),
        promiscuous: fields.get(&PORT.promiscuous),
        pacing: fields.get(&PORT.pacing),
        pfc,
        timestamps: fields.get(&PORT.timestamps),
    };
    device.map(|_| port)
}

/// How many workers are behind a port, or which.
pub(super) struct WorkersBehind;

impl Form<WorkerCount> for WorkersBehind {
    fn allowed(&self) -> String {
        format!("{}, or 1 to 65536", WorkerCount::WORDS.map(|(word, _)| word).join(", "))
    }
    fn read(&self, at: At<'_, '_>) -> Option<WorkerCount> {
        let workers = |text: &str| {
            let word = WorkerCount::WORDS.iter().find(|(word, _)| *word == text);
            word.map(|(_, workers)| *workers).or_else(|| {
                let count = parse_int(text).filter(|count| (1..=65_536).contains(count))?;
                u32::try_from(count).ok().map(WorkerCount::Exactly)
            })
        };
        let near = |text: &str| near::nearest(text, WorkerCount::WORDS.map(|(word, _)| word)).map(str::to_owned);
        at.parse(workers, near)
    }
    fn show(&self, workers: &WorkerCount) -> String {
        Words(&WorkerCount::WORDS).show(workers)
    }
}

fn device(fields: &Fields<'_>, earlier: &[(Place, Port)]) -> Option<Device> {
    let text = fields.text(&PORT.device)?;
    let device = match device::parse(text.trim()) {
        Ok(device) => device,
        Err(suggestion) => {
            let found = format!("`{}`", shown(text, 60));
            fields.bad(&PORT.device, fields.place_of(&PORT.device), &found, suggestion);
            return None;
        }
    };
    let same = |what: &str, name: &str, first: &Port| {
        format!(
            "{what} `{}` is opened by port `{}` already",
            shown(name, 64),
            first.name
        )
    };
    if let Some((_, first)) = earlier
        .iter()
        .find(|(_, port)| port.device.eal_name() == device.eal_name())
    {
        fields.wrong(&PORT.device, same("the device", device.eal_name(), first));
        return Some(device);
    }
    for interface in device.interfaces() {
        let first = earlier
            .iter()
            .find(|(_, port)| port.device.interfaces().contains(&interface));
        if let Some((_, first)) = first {
            fields.wrong(&PORT.device, same("the interface", &interface, first));
            break;
        }
    }
    Some(device)
}

fn name(fields: &Fields<'_>, index: usize, earlier: &[(Place, Port)]) -> String {
    let name = fields.get(&PORT.name).unwrap_or_else(|| format!("port{index}"));
    if let Some((place, _)) = earlier.iter().find(|(_, port)| port.name == name) {
        let at = |line: &dyn Display, column: &dyn Display| format!(", the first at {line}:{column}");
        let first = match place {
            Place::Text { line, column } => at(line, column),
            Place::Override(_) => String::new(),
        };
        fields.wrong(&PORT.name, format!("two ports are named `{name}`{first}"));
    }
    name
}

/// A unicast address: the group bit (IEEE 802 clause 8.2) is clear and not all is zero.
pub(super) struct Mac;

impl Form<[u8; 6]> for Mac {
    fn allowed(&self) -> String {
        "a unicast MAC address (`02:00:00:00:00:01`)".to_owned()
    }
    fn read(&self, at: At<'_, '_>) -> Option<[u8; 6]> {
        at.parse(mac, |_| None)
    }
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let separator = if text.contains('-') { '-' } else { ':' };
    let mut mac = [0; 6];
    let mut parts = text.split(separator);
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2 && !part.starts_with('+'))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    let unicast = mac[0] & 1 == 0 && mac != [0; 6];
    (parts.next().is_none() && unicast).then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_unicast() {
        assert_eq!(mac("02:00:00:00:00:ff"), Some([2, 0, 0, 0, 0, 255]));
        assert_eq!(mac("02-00-00-00-00-FF"), Some([2, 0, 0, 0, 0, 255]));
        for text in [
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "02:00:00:00:00",
            "02:00:00:00:00:01:02",
            "2:0:0:0:0:1",
            "+2:00:00:00:00:01",
            "",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}

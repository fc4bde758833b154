//! From a tree to a [`Testbed`].
//!
//! Contract: as in `pattern::read`: the result counts only when nothing was recorded.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{
    Addresses, Cores, Device, EalOptions, Hugepages, Pacing, PfcReaction, Port, Testbed, Timestamps, WorkerCount,
    about, classes, device, eal_args, keys, read_fabric,
};
use crate::units::{BitRate, Bytes, Picos};
use crate::yaml::read::{Fields, Reader, parse_int, printable};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{Finding, Place, near, numbers, shown};

const MAX_PORTS: usize = 256;

/// Reads a testbed; it counts only when `reader` recorded nothing. `stem` names it by default.
pub fn testbed(reader: &Reader, root: &Node, stem: &str) -> Testbed {
    let fields = reader.fields(root, "the testbed", &[&keys::TESTBED]);
    Testbed {
        name: fields.line("name", 200).unwrap_or_else(|| stem.to_owned()),
        description: fields.prose("description"),
        isolated: fields.flag("isolated").unwrap_or(false),
        eal: eal(&fields),
        cores: cores(&fields),
        addresses: addresses(&fields),
        announce_interval: fields.unit("announce_interval", announces).unwrap_or(ANNOUNCE_INTERVAL),
        ports: ports(&fields),
        fabric: read_fabric::fabric(&fields),
        classes: classes::read(&fields),
        said: read_fabric::configured(&fields),
        calibration: fields.line("calibration", 4096),
        dut: dut(&fields),
        about: about::read(&fields),
    }
}

/// Shorter than any bridge forgets: Linux and most switches after 300 s, some are set to 20 or 30.
const ANNOUNCE_INTERVAL: Picos = Picos::from_micros(15_000_000);

/// Often enough to need it, seldom enough to be no load.
fn announces(every: &Picos) -> bool {
    every.0 == 0 || (Picos::from_micros(10_000)..=Picos::from_micros(86_400_000_000)).contains(every)
}

/// The name by which a port can be called in `--set`; see `yaml::set`.
pub fn label(list: &str, index: usize, node: &Node) -> Option<String> {
    let named = node.child("name").and_then(Node::text);
    (list == "ports").then(|| named.map_or_else(|| format!("port{index}"), str::to_owned))
}

fn eal(outer: &Fields<'_>) -> EalOptions {
    let mut eal = EalOptions {
        hugepages: Hugepages::Auto,
        // A fabric's switches hold frames by the hundred megabytes; what is not used is not taken.
        memory: Bytes(if outer.get("fabric").is_some() {
            2 << 30
        } else {
            512 << 20
        }),
        file_prefix: None,
        telemetry: true,
        extra_args: Vec::new(),
    };
    let Some(node) = outer.get("eal") else {
        return eal;
    };
    let fields = outer.reader().fields(node, "`eal`", &[&keys::EAL]);
    let words = [
        ("auto", Hugepages::Auto),
        ("required", Hugepages::Required),
        ("none", Hugepages::None),
    ];
    eal.hugepages = fields.word("hugepages", &words).unwrap_or(eal.hugepages);
    let enough = |memory: &Bytes| (64 << 20..=1 << 40).contains(&memory.0);
    eal.memory = fields.unit("memory", enough).unwrap_or(eal.memory);
    // It becomes a file's name: no separators, and not hidden.
    let good = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        ((1..=32).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('.')).then(|| text.to_owned())
    };
    eal.file_prefix = fields.parse("file_prefix", good, |_| None);
    eal.telemetry = fields.flag("telemetry").unwrap_or(true);
    eal.extra_args = eal_args::read(&fields);
    eal
}

fn cores(outer: &Fields<'_>) -> Cores {
    let Some(node) = outer.get("cores") else {
        return Cores::Auto;
    };
    if !matches!(node.value, Value::Map(_)) {
        outer.word("cores", &[("auto", ())]);
        return Cores::Auto;
    }
    let fields = outer.reader().fields(node, "`cores`", &[&keys::CORE_LISTS]);
    let list = |key: &str| {
        fields.require(key);
        let cores = numbers(&fields, key, 1023).unwrap_or_default();
        cores
            .into_iter()
            .filter_map(|core| usize::try_from(core).ok())
            .collect()
    };
    Cores::Lists {
        tx: list("tx"),
        rx: list("rx"),
    }
}

fn addresses(outer: &Fields<'_>) -> Addresses {
    let mut addresses = Addresses {
        ipv4: (Ipv4Addr::new(198, 18, 0, 1), 15),
        ipv6: (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1), 48),
    };
    let Some(node) = outer.get("addresses") else {
        return addresses;
    };
    let fields = outer.reader().fields(node, "`addresses`", &[&keys::ADDRESSES]);
    let unicast = |address: &Ipv4Addr| {
        let first = address.octets()[0];
        // 240/4 is reserved (RFC 1112 section 4).
        first != 0 && first < 224 && !address.is_loopback()
    };
    if let Some(ipv4) = fields.parse("ipv4", |text| prefixed(text, 1..=30, unicast), |_| None) {
        addresses.ipv4 = ipv4;
    }
    let unicast = |address: &Ipv6Addr| !address.is_multicast() && !address.is_unspecified() && !address.is_loopback();
    if let Some(ipv6) = fields.parse("ipv6", |text| prefixed(text, 1..=126, unicast), |_| None) {
        addresses.ipv6 = ipv6;
    }
    addresses
}

fn prefixed<A: FromStr>(text: &str, lengths: RangeInclusive<u8>, good: impl Fn(&A) -> bool) -> Option<(A, u8)> {
    let (address, length) = text.split_once('/')?;
    let address = address.parse().ok().filter(good)?;
    let length = u8::try_from(parse_int(length)?)
        .ok()
        .filter(|length| lengths.contains(length))?;
    Some((address, length))
}

fn dut(outer: &Fields<'_>) -> BTreeMap<String, String> {
    let mut dut = BTreeMap::new();
    let Some(node) = outer.get("dut") else {
        return dut;
    };
    let Value::Map(entries) = &node.value else {
        outer.bad("dut", node.place, node.is_a(), None);
        return dut;
    };
    for (name, value) in entries {
        match value.text() {
            Some(text) if !(printable(text) && printable(&name.text)) => {
                outer.bad("dut", name.place, "a map with control characters in it", None);
            }
            Some(text) => {
                dut.insert(name.text.clone(), text.trim().to_owned());
            }
            None => outer.bad("dut", value.place, &format!("a map with {} in it", value.is_a()), None),
        }
    }
    dut
}

fn ports(outer: &Fields<'_>) -> Vec<Port> {
    if outer.has("fabric") {
        outer.exclude("ports", "fabric");
    } else {
        outer.require("ports");
    }
    let Some(node) = outer.get("ports") else {
        return Vec::new();
    };
    let Value::List(items) = &node.value else {
        outer.bad("ports", node.place, node.is_a(), None);
        return Vec::new();
    };
    if items.is_empty() || items.len() > MAX_PORTS {
        outer.bad("ports", node.place, &format!("a list of {}", items.len()), None);
        return Vec::new();
    }
    let mut placed: Vec<(Place, Port)> = Vec::new();
    for (index, node) in items.iter().enumerate() {
        if let Some(port) = port(outer.reader(), node, index, &placed) {
            placed.push((node.place, port));
        }
    }
    roles(outer.reader(), &placed);
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
    let fields = reader.fields(node, what, &[&keys::PORT]);
    fields.require("device");
    let device = device(&fields, earlier);
    let driver = match &device {
        Some(Device::Vdev { driver, .. }) => driver.as_str(),
        _ => "",
    };
    let (null, ring) = (driver == "net_null", driver == "net_ring");
    let workers = |text: &str| {
        let word = WorkerCount::WORDS.iter().find(|(word, _)| *word == text);
        word.map(|(_, workers)| *workers).or_else(|| {
            let count = parse_int(text).filter(|count| (1..=65_536).contains(count))?;
            u32::try_from(count).ok().map(WorkerCount::Exactly)
        })
    };
    let near_word = |text: &str| near::nearest(text, WorkerCount::WORDS.map(|(word, _)| word)).map(str::to_owned);
    let name = name(&fields, index, earlier);
    let speed = fields.unit("speed", |_: &BitRate| true);
    let workers = fields.parse("workers", workers, near_word).unwrap_or(WorkerCount::Auto);
    let mac = fields.parse("mac", mac, |_| None);
    let gateway_mac = fields.parse("gateway_mac", self::mac, |_| None);
    let loopback = fields.flag("loopback").unwrap_or(ring);
    let receive = fields.flag("receive").unwrap_or(!null);
    let announce = fields.flag("announce").unwrap_or(!(null || ring));
    let tx_queues = fields.int("tx_queues", 1..=1024).unwrap_or(1);
    let rx_queues = fields.int("rx_queues", 1..=1024).unwrap_or(1);
    let descriptors = fields.int("descriptors", 64..=32_768).unwrap_or(1024);
    let promiscuous = fields.flag("promiscuous").unwrap_or(true);
    let pacing = [
        ("auto", Pacing::Auto),
        ("software", Pacing::Software),
        ("nic", Pacing::Nic),
    ];
    let pacing = fields.word("pacing", &pacing).unwrap_or(Pacing::Auto);
    let pfc = pfc(&fields, receive);
    let timestamps = fields.word("timestamps", &Timestamps::WORDS).unwrap_or_default();
    Some(Port {
        name,
        device: device?,
        speed,
        workers,
        mac,
        gateway_mac,
        loopback,
        receive,
        announce,
        tx_queues,
        rx_queues,
        descriptors,
        promiscuous,
        pacing,
        pfc,
        timestamps,
    })
}

fn pfc(fields: &Fields<'_>, receive: bool) -> PfcReaction {
    let words = [
        ("auto", PfcReaction::Auto),
        ("nic", PfcReaction::Nic),
        ("software", PfcReaction::Software),
        ("ignore", PfcReaction::Ignore),
    ];
    let pfc = fields.word("pfc", &words).unwrap_or(PfcReaction::Auto);
    if pfc == PfcReaction::Software && !receive {
        fields.wrong(
            "pfc",
            "the loop cannot obey what a port with `receive: false` does not receive".to_owned(),
        );
    }
    pfc
}

fn device(fields: &Fields<'_>, earlier: &[(Place, Port)]) -> Option<Device> {
    let text = fields.text("device")?;
    let device = match device::parse(text.trim()) {
        Ok(device) => device,
        Err(suggestion) => {
            fields.bad(
                "device",
                fields.place_of("device"),
                &format!("`{}`", shown(text, 60)),
                suggestion,
            );
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
        fields.wrong("device", same("the device", device.eal_name(), first));
        return Some(device);
    }
    for interface in device.interfaces() {
        let first = earlier
            .iter()
            .find(|(_, port)| port.device.interfaces().contains(&interface));
        if let Some((_, first)) = first {
            fields.wrong("device", same("the interface", &interface, first));
            break;
        }
    }
    Some(device)
}

fn name(fields: &Fields<'_>, index: usize, earlier: &[(Place, Port)]) -> String {
    let good = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let fits = (1..=64).contains(&text.len()) && text.chars().all(plain);
        (fits && !text.chars().all(|c| c.is_ascii_digit())).then(|| text.to_owned())
    };
    let name = fields
        .parse("name", good, |_| None)
        .unwrap_or_else(|| format!("port{index}"));
    if let Some((place, _)) = earlier.iter().find(|(_, port)| port.name == name) {
        let at = |line: &dyn Display, column: &dyn Display| format!(", the first at {line}:{column}");
        let first = match place {
            Place::Text { line, column } => at(line, column),
            Place::Override(_) => String::new(),
        };
        fields.wrong("name", format!("two ports are named `{name}`{first}"));
    }
    name
}

/// A unicast address: the group bit (IEEE 802 clause 8.2) is clear and not all is zero.
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

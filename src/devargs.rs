//! What a DPDK device string leads to: kernel interfaces, NICs, other devices.
//!
//! Contract: [`reach`] finds everything that the string names, through nested devices too, and says of what
//! it cannot read that it cannot. Keys are those of the drivers of DPDK 22.11 to 25.11 (`dpdk-pmdinfo` lists
//! them). Where two ways to read a string differ, both count.
//!
//! Left out on purpose: whether what is named exists, and who uses it (`host`).

/// What a device string leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Kernel interfaces that it names.
    pub interfaces: Vec<Interface>,
    /// Kernel interfaces that it means by a MAC address.
    pub macs: Vec<String>,
    /// PCI functions, as written.
    pub pci: Vec<String>,
    /// Other devices of the same process, by name or port number.
    pub members: Vec<String>,
    /// What cannot be told, each as the end of a sentence that begins with the device.
    pub unclear: Vec<String>,
    /// It leads out of this process.
    pub leads_out: bool,
    /// It is, or may be, hardware that is neither a PCI function nor a kernel interface named here.
    pub hardware: bool,
}

/// A kernel interface in a device string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The key with the device that it belongs to, as "rx_iface of net_pcap0".
    pub key: String,
    /// Its name.
    pub name: String,
    /// The driver makes an interface of that name where there is none.
    pub is_made: bool,
}

/// What a driver does with its arguments.
struct Driver {
    name: &'static str,
    /// Keys that name kernel interfaces.
    interfaces: &'static [&'static str],
    /// Keys that name one that is made where there is none.
    made: &'static [&'static str],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Everything stays in this process.
    Inside,
    /// All that it leads to stands in its arguments: interfaces, sockets, files.
    Plain,
    /// Its devices are nested: `dev(…)`.
    Failsafe,
    /// Its devices are named: `slave=`, `member=`.
    Bonding,
    /// Microsoft's synthetic NICs, by name or by MAC.
    Netvsc,
    /// A socket, or a device file of the kernel.
    VirtioUser,
    /// Its arguments name a script.
    Script,
    /// A NIC that is part of the processor.
    Hardware,
}

const fn driver(
    name: &'static str,
    kind: Kind,
    interfaces: &'static [&'static str],
    made: &'static [&'static str],
) -> Driver {
    Driver {
        name,
        interfaces,
        made,
        kind,
    }
}

/// The virtual drivers. EAL takes the one whose name the device's name begins with.
const DRIVERS: &[Driver] = &[
    driver("net_af_packet", Kind::Plain, &["iface"], &[]),
    driver("net_af_xdp", Kind::Plain, &["iface"], &[]),
    driver("net_bonding", Kind::Bonding, &[], &[]),
    driver("net_enetfec", Kind::Hardware, &[], &[]),
    driver("net_failsafe", Kind::Failsafe, &[], &[]),
    driver("net_kni", Kind::Plain, &[], &[]),
    driver("net_memif", Kind::Plain, &[], &[]),
    driver("net_mvneta", Kind::Hardware, &["iface"], &[]),
    driver("net_mvpp2", Kind::Hardware, &["iface"], &[]),
    driver("net_null", Kind::Inside, &[], &[]),
    driver("net_octeontx", Kind::Hardware, &[], &[]),
    driver(
        "net_pcap",
        Kind::Plain,
        &["iface", "rx_iface", "rx_iface_in", "tx_iface"],
        &[],
    ),
    driver("net_pfe", Kind::Hardware, &[], &[]),
    driver("net_ring", Kind::Inside, &[], &[]),
    driver("net_softnic", Kind::Script, &[], &[]),
    driver("net_tap", Kind::Plain, &["remote"], &["iface"]),
    driver("net_tun", Kind::Plain, &[], &["iface"]),
    driver("net_vdev_netvsc", Kind::Netvsc, &["iface"], &[]),
    // Its `iface` is the path of a socket.
    driver("net_vhost", Kind::Plain, &[], &[]),
    driver("net_virtio_user", Kind::VirtioUser, &[], &["iface"]),
];

/// Names of the virtual drivers.
pub fn drivers() -> impl Iterator<Item = &'static str> + Clone {
    DRIVERS.iter().map(|driver| driver.name)
}

/// Devices nested deeper than this are not read.
const DEEPEST: u32 = 8;

/// Everything that the device string `text` leads to.
#[must_use]
pub fn reach(text: &str) -> Reach {
    let mut found = Reach::default();
    device(text, 0, &mut found);
    found
}

fn device(text: &str, depth: u32, found: &mut Reach) {
    let Some(mut parts) = split(text) else {
        found.leads_out = true;
        found.unclear.push(format!("parentheses of `{text}` do not match"));
        return;
    };
    let name = if parts.is_empty() { "" } else { parts.remove(0) };
    if depth > DEEPEST {
        found.leads_out = true;
        return found.unclear.push(format!("`{name}` is nested too deep"));
    }
    // EAL also reads devices as layers: `bus=vdev,name=…/class=eth`.
    if ["bus=", "class=", "driver="]
        .iter()
        .any(|layer| name.starts_with(layer) || text.contains(&format!("/{layer}")))
    {
        found.leads_out = true;
        return found.unclear.push(format!("`{text}` names its device in layers"));
    }
    if is_pci(name) {
        found.leads_out = true;
        found.pci.push(name.to_owned());
        return;
    }
    let known = DRIVERS.iter().find(|driver| name.starts_with(driver.name));
    found.leads_out |= known.is_none_or(|driver| driver.kind != Kind::Inside);
    let arguments: Vec<(&str, Option<&str>)> = parts.iter().map(|part| argument(part)).collect();
    // Of `dev(…)` the device inside is asked.
    let is_nested = |key: &str| key.contains('(');
    let is_path = |key: &str| key == "iface" && known.is_some_and(|driver| driver.name == "net_vhost");
    for (key, value) in &arguments {
        let is_made = known.is_some_and(|driver| driver.made.contains(key));
        let names = is_made
            || known.is_some_and(|driver| driver.interfaces.contains(key))
            || key.ends_with("iface") && !is_path(key) && !is_nested(key);
        if let (true, Some(value)) = (names, value) {
            found.interfaces.push(Interface {
                key: format!("{key} of {name}"),
                name: (*value).to_owned(),
                is_made,
            });
        }
    }
    match known.map(|driver| driver.kind) {
        Some(Kind::Inside | Kind::Plain) => {}
        Some(Kind::Hardware) => found.hardware = true,
        Some(Kind::Script) => found
            .unclear
            .push(format!("the script of {name} may name any interface")),
        Some(Kind::Failsafe) => failsafe(name, &parts, depth, found),
        Some(Kind::Bonding) => bonding(name, &arguments, found),
        Some(Kind::Netvsc) => netvsc(name, &arguments, found),
        Some(Kind::VirtioUser) => {
            let path = arguments
                .iter()
                .find(|(key, _)| *key == "path")
                .and_then(|(_, value)| *value);
            // vDPA: the queues of a NIC.
            found.hardware |= path.is_some_and(|path| path.contains("vdpa"));
        }
        None => unknown(name, &arguments, found),
    }
}

fn failsafe(name: &str, parts: &[&str], depth: u32, found: &mut Reach) {
    for part in parts {
        let Some((word, rest)) = part.split_once('(') else {
            continue;
        };
        match rest.strip_suffix(')') {
            Some(inner) if word == "dev" => device(inner, depth + 1, found),
            // The driver takes every beginning of its words for the word.
            _ => found.unclear.push(format!(
                "`{word}(…)` of {name} may come to any device; name it in dev(…)"
            )),
        }
    }
}

fn bonding(name: &str, arguments: &[(&str, Option<&str>)], found: &mut Reach) {
    for (key, value) in arguments {
        let (true, Some(value)) = (matches!(*key, "slave" | "member" | "primary"), value) else {
            continue;
        };
        if is_pci(value) {
            found.pci.push((*value).to_owned());
        } else if value.contains(['(', '[']) {
            found.unclear.push(format!("{key} of {name} is no device's name"));
        } else {
            found.members.push((*value).to_owned());
        }
    }
}

fn netvsc(name: &str, arguments: &[(&str, Option<&str>)], found: &mut Reach) {
    let macs = arguments
        .iter()
        .filter(|(key, _)| *key == "mac")
        .filter_map(|(_, value)| *value);
    found.macs.extend(macs.map(str::to_ascii_lowercase));
    let is_named = arguments
        .iter()
        .any(|(key, value)| matches!(*key, "iface" | "mac") && value.is_some());
    if !is_named {
        let what = format!("{name} without iface= or mac= takes every synthetic NIC of this machine");
        found.unclear.push(what);
    }
}

/// Of a driver that is not known, a word may be an interface.
fn unknown(name: &str, arguments: &[(&str, Option<&str>)], found: &mut Reach) {
    found.hardware = true;
    let is_number = |value: &str| {
        let digits = value.strip_prefix("0x").unwrap_or(value);
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && (value.starts_with("0x") || value.bytes().all(|byte| byte.is_ascii_digit()))
    };
    for (key, value) in arguments {
        if key.ends_with("iface") {
            continue;
        }
        if value.is_none_or(|value| !is_number(value)) {
            let what = format!("the driver of {name} is not known to squall, and its `{key}` may name an interface");
            found.unclear.push(what);
        }
    }
}

fn argument(part: &str) -> (&str, Option<&str>) {
    part.split_once('=')
        .map_or((part, None), |(key, value)| (key, Some(value)))
}

/// Splits at commas outside of parentheses; `None` where those do not match.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(text.get(begin..at)?);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..)?);
    (depth == 0).then_some(parts)
}

/// `3b:00.0` or `0000:3b:00.0`.
#[must_use]
pub fn is_pci(text: &str) -> bool {
    canonical_pci(text).is_some()
}

/// A PCI address in its canonical form, `0000:3b:00.0`.
#[must_use]
pub fn canonical_pci(text: &str) -> Option<String> {
    let hex = |text: &str, max: usize| {
        let fits = (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
    };
    let (rest, function) = text.rsplit_once('.')?;
    let function = hex(function, 1).filter(|function| *function < 8)?;
    let (rest, device) = rest.rsplit_once(':')?;
    let device = hex(device, 2).filter(|device| *device < 32)?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
    let (domain, bus) = (hex(domain, 8)?, hex(bus, 2)?);
    Some(format!("{domain:04x}:{bus:02x}:{device:02x}.{function}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        reach(text)
            .interfaces
            .into_iter()
            .map(|interface| interface.name)
            .collect()
    }

    #[test]
    fn every_interface_is_found_in_every_form() {
        let cases: &[(&str, &[&str])] = &[
            ("net_af_packet0,iface=eth0", &["eth0"]),
            ("net_af_packet0,qpairs=1,iface=veth0,iface=eth0", &["veth0", "eth0"]),
            ("net_pcap0,iface=eth0", &["eth0"]),
            ("net_pcap0,rx_iface=eth0,tx_iface=eth1", &["eth0", "eth1"]),
            ("net_pcap0,rx_iface_in=eth0,tx_pcap=out.pcap", &["eth0"]),
            ("net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap", &[]),
            ("net_af_xdp0,iface=eth0,start_queue=1", &["eth0"]),
            ("net_tap0,iface=tap7,remote=eth0", &["tap7", "eth0"]),
            ("net_tun0,iface=tun7", &["tun7"]),
            ("net_virtio_user0,path=/dev/vhost-net,iface=tap3", &["tap3"]),
            ("net_vhost0,iface=/tmp/socket", &[]),
            ("net_vdev_netvsc0,iface=eth1,force=1", &["eth1"]),
            ("net_mvpp2,iface=eth0,iface=eth1", &["eth0", "eth1"]),
            ("net_failsafe0,dev(net_af_packet0,iface=eth0)", &["eth0"]),
            (
                "net_failsafe0,mac=02:00:00:00:00:01,dev(net_failsafe1,dev(net_pcap0,rx_iface=a,tx_iface=b)),dev(net_tap0,remote=c)",
                &["a", "b", "c"],
            ),
            ("net_bonding0,mode=1,slave=net_af_packet0,iface=eth0", &["eth0"]),
            ("net_null0,no-rx=1", &[]),
            ("net_ring0,nodeaction=a:0:CREATE", &[]),
            ("net_vendor0,iface=eth0", &["eth0"]),
        ];
        for (text, wanted) in cases {
            assert_eq!(names(text), *wanted, "{text}");
            assert!(reach(text).unclear.is_empty(), "{text}: {:?}", reach(text).unclear);
        }
        assert!(!reach("net_null0,copy=1").leads_out && !reach("net_ring0").leads_out);
        assert!(reach("net_memif0,role=client").leads_out && reach("net_failsafe0,dev(net_null0)").leads_out);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for text in [
            "net_failsafe0,exec(echo net_af_packet0)",
            "net_failsafe0,fd(3)",
            "net_failsafe0,d(net_af_packet0,iface=eth0)",
            "net_failsafe0,(net_af_packet0,iface=eth0)",
            "net_failsafe0,dev(net_af_packet0,iface=eth0",
            "net_failsafe0,dev(net_af_packet0)),iface=eth0",
            "net_failsafe0,dev(net_af_packet0,iface=eth0)x",
            "net_failsafe0,dev(net_failsafe1,exec(date))",
            "net_vdev_netvsc0",
            "net_vdev_netvsc0,force=1",
            "net_softnic0,firmware=x.cli",
            "net_bonding0,slave=(net_pcap0,iface=eth0)",
            "net_vendor0,port=eth0",
            "net_vendor0,eth0",
            "net_null0,x=1/bus=vdev,name=net_af_packet0,iface=eth0/class=eth",
        ] {
            assert!(!reach(text).unclear.is_empty(), "{text}: {:?}", reach(text));
        }
        let deep = format!("{}net_null0{}", "net_failsafe0,dev(".repeat(40), ")".repeat(40));
        assert!(!reach(&deep).unclear.is_empty());
    }

    #[test]
    fn nics_and_other_devices_are_found() {
        assert_eq!(reach("0000:3b:00.0,a=1").pci, ["0000:3b:00.0"]);
        assert_eq!(reach("net_failsafe0,dev(3b:00.1,x=1),dev(net_null0)").pci, ["3b:00.1"]);
        let bond = reach("net_bonding0,mode=1,slave=0000:3b:00.0,slave=net_ring0,member=net_af_packet1,primary=2");
        assert_eq!(bond.pci, ["0000:3b:00.0"]);
        assert_eq!(bond.members, ["net_ring0", "net_af_packet1", "2"]);
        assert_eq!(
            reach("net_vdev_netvsc0,mac=00:15:5D:01:02:03").macs,
            ["00:15:5d:01:02:03"]
        );
        assert!(reach("net_virtio_user0,path=/dev/vhost-vdpa-0").hardware);
        assert!(!reach("net_virtio_user0,path=/tmp/socket").hardware);
        assert!(reach("net_vendor0,queues=4").hardware);
    }
}

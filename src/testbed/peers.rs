//! `peers`: endpoints that are not squall's, such as an RNIC or soft-RoCE behind a verbs program.
//!
//! Contract: as of `read`. Each peer stands for one worker of the pattern, is reached by one port and has an address. What its
//! program has printed may be any text with JSON objects in it, on lines of their own or as one document: those that have a
//! `qpn` count.
//!
//! Left out on purpose: which entry takes which QP (`plan`).

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use serde_json::Value;

use super::Port;
use super::keys::{PEER, PEER_QP, TESTBED};
use super::read_network::unicast;
use crate::files;
use crate::units::{Psn, Qpn};
use crate::yaml::key::Form;
use crate::yaml::read::{At, Fields};
use crate::yaml::shown;
use crate::yaml::tree::Node;

/// An endpoint that is not squall's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `name`: distinct.
    pub name: String,
    /// `worker`: the worker of the pattern that it stands for.
    pub worker: u32,
    /// `port`: index of the one by which it is reached.
    pub port: usize,
    /// `address`.
    pub address: IpAddr,
    /// `mac`; `None`: it is asked for.
    pub mac: Option<[u8; 6]>,
    /// `pmtu`; `None`: the pattern's.
    pub pmtu: Option<u32>,
    /// `qps`: at least one.
    pub qps: Vec<PeerQp>,
}

/// A QP of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerQp {
    /// Its number.
    pub qpn: u32,
    /// PSN of the first packet that the peer sends.
    pub psn: u32,
    /// Virtual address where its region begins.
    pub va: u64,
    /// R_Key of the region.
    pub rkey: u32,
}

const MAX_PEERS: usize = 256;
const MAX_QPS: usize = 65_536;

/// What a program prints of its QPs is not longer: 256 bytes for each.
const MAX_TEXT: u64 = 16 << 20;

/// An address that a host can have.
pub(super) struct Unicast;

impl Form<IpAddr> for Unicast {
    fn allowed(&self) -> String {
        "a unicast IPv4 or IPv6 address".to_owned()
    }
    fn read(&self, at: At<'_, '_>) -> Option<IpAddr> {
        let parse = |text: &str| text.parse().ok().filter(|address| unicast(*address));
        at.parse(parse, |text| {
            text.split_once('/').map(|(address, _)| address.to_owned())
        })
    }
}

/// `outer`'s `peers`, reached by `ports`; `folder` is the testbed's.
pub(super) fn read(outer: &Fields<'_>, ports: &[Port], folder: &Path) -> Vec<Peer> {
    if outer.has(&TESTBED.fabric) {
        outer.exclude(&TESTBED.peers, &TESTBED.fabric);
        return Vec::new();
    }
    let mut peers: Vec<Peer> = Vec::new();
    for (index, node) in outer.items(&TESTBED.peers, 1..=MAX_PEERS).iter().enumerate() {
        if let Some(peer) = peer(outer, node, (index, &peers), ports, folder) {
            peers.push(peer);
        }
    }
    peers
}

fn peer(
    outer: &Fields<'_>,
    node: &Node,
    (index, earlier): (usize, &[Peer]),
    ports: &[Port],
    folder: &Path,
) -> Option<Peer> {
    let typed = node.child("name").and_then(Node::text);
    let what = typed.map_or_else(|| format!("peer {index}"), |name| format!("peer `{}`", shown(name, 64)));
    let fields = outer.reader().fields(node, what, &[&PEER]);
    let name = fields.get(&PEER.name).unwrap_or_else(|| format!("peer{index}"));
    let worker = fields.get(&PEER.worker);
    let port = port(&fields, ports);
    let said = qps(&fields, folder);
    let address = fields
        .get(&PEER.address)
        .or(said.as_ref().and_then(|said| said.address));
    if said.is_some() && address.is_none() && !fields.has(&PEER.address) {
        fields.missing("`address`, and no `gid` in its `json` says it");
    }
    for other in earlier {
        if other.name == name {
            fields.wrong(&PEER.name, format!("two peers are named `{name}`"));
        }
        if Some(other.worker) == worker {
            fields.wrong(&PEER.worker, format!("peer `{}` stands for that worker", other.name));
        }
        if Some(other.address) == address {
            fields.wrong(&PEER.address, format!("peer `{}` has that address", other.name));
        }
    }
    let said = said?;
    Some(Peer {
        name,
        worker: worker?,
        port: port?,
        address: address?,
        mac: fields.get(&PEER.mac),
        pmtu: fields.get(&PEER.pmtu).or(said.pmtu),
        qps: said.qps,
    })
}

fn port(fields: &Fields<'_>, ports: &[Port]) -> Option<usize> {
    let only = ports.first().filter(|_| ports.len() == 1).map(|port| port.name.clone());
    let Some(name) = fields.get(&PEER.port).or(only) else {
        fields.require(&PEER.port);
        return None;
    };
    let found = ports.iter().position(|port| port.name == name);
    match found.map(|index| &ports[index]) {
        None => fields.wrong(&PEER.port, format!("there is no port `{}`", shown(&name, 64))),
        Some(port) if !port.receive || port.loopback => {
            let what = format!("port `{name}`, by which it is to be reached, does not receive what others send");
            fields.wrong(&PEER.port, what);
        }
        Some(_) => {}
    }
    found
}

/// What is known of a peer's QPs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    address: Option<IpAddr>,
    pmtu: Option<u32>,
    qps: Vec<PeerQp>,
}

fn qps(fields: &Fields<'_>, folder: &Path) -> Option<Said> {
    if fields.has(&PEER.json) && fields.has(&PEER.qps) {
        fields.exclude(&PEER.json, &PEER.qps);
        return None;
    }
    if let Some(path) = fields.get(&PEER.json) {
        let path = folder.join(path);
        let text = files::read_text(&path, MAX_TEXT).map_err(|error| error.to_string());
        return match text.and_then(|text| of_json(&text)) {
            Ok(said) => Some(said),
            Err(why) => {
                fields.wrong(&PEER.json, format!("{}: {why}", path.display()));
                None
            }
        };
    }
    if !fields.has(&PEER.json) {
        fields.require(&PEER.qps);
    }
    let mut said = Said::default();
    for node in fields.items(&PEER.qps, 1..=MAX_QPS) {
        let qp = fields.reader().fields(node, "a QP", &[&PEER_QP]);
        said.qps.push(PeerQp {
            qpn: qp.get(&PEER_QP.qpn)?,
            psn: qp.get(&PEER_QP.psn),
            va: qp.get(&PEER_QP.va),
            rkey: qp.get(&PEER_QP.rkey),
        });
    }
    (!said.qps.is_empty()).then_some(said)
}

/// What a program has printed of its QPs: `qpn`, and `psn`, `va` (or `vaddr`), `rkey`, `gid` and `pmtu` (or `mtu`) where it says
/// them, as numbers or as text of digits (`0x` before hexadecimal ones).
fn of_json(text: &str) -> Result<Said, String> {
    let mut objects = Vec::new();
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        match document {
            Value::Array(all) => objects.extend(all),
            one => objects.push(one),
        }
    } else {
        objects.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
    }
    let mut said = Said::default();
    for object in objects.iter().filter(|object| object.get("qpn").is_some()) {
        let number = |names: &[&str], most: u64| match names.iter().find_map(|name| Some((name, object.get(name)?))) {
            None => Ok(None),
            Some((name, value)) => match integer(value).filter(|number| *number <= most) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("`{name}` is {value}, and not a number of at most {most}")),
            },
        };
        let narrow = |number: Option<u64>| u32::try_from(number.unwrap_or(0)).unwrap_or(u32::MAX);
        let qpn = narrow(number(&["qpn"], u64::from(Qpn::MAX))?);
        if qpn < 2 {
            return Err(format!("`qpn` is {qpn}: 0 and 1 are reserved"));
        }
        said.qps.push(PeerQp {
            qpn,
            psn: narrow(number(&["psn"], u64::from(Psn::MODULUS) - 1)?),
            va: number(&["va", "vaddr"], u64::MAX)?.unwrap_or(0),
            rkey: narrow(number(&["rkey"], u64::from(u32::MAX))?),
        });
        let pmtu = number(&["pmtu", "mtu"], 4096)?.map(|pmtu| narrow(Some(pmtu)));
        if let Some(odd) = pmtu.filter(|pmtu| !(256..=4096).contains(pmtu) || !pmtu.is_power_of_two()) {
            return Err(format!("`pmtu` is {odd}, and not 256, 512, 1024, 2048 or 4096"));
        }
        let address = object.get("gid").map(of_gid).transpose()?;
        for differs in [
            said.pmtu.is_some() && pmtu.is_some() && said.pmtu != pmtu,
            said.address.is_some() && address.is_some() && said.address != address,
        ] {
            if differs {
                return Err("its QPs differ in `gid` or `pmtu`: make two peers of them".to_owned());
            }
        }
        (said.pmtu, said.address) = (said.pmtu.or(pmtu), said.address.or(address));
    }
    match said.qps.len() {
        0 => Err("no JSON object in it has a `qpn`".to_owned()),
        1..=MAX_QPS => Ok(said),
        more => Err(format!("it has {more} QPs, more than {MAX_QPS}")),
    }
}

fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
        number => number.as_u64(),
    }
}

/// The address that a GID of RoCEv2 is: an IPv6 one, or an IPv4 one mapped into it (IBTA Annex A17.4.5.2).
fn of_gid(value: &Value) -> Result<IpAddr, String> {
    let gid = value.as_str().and_then(|text| text.parse::<Ipv6Addr>().ok());
    let address = gid.map(|gid| gid.to_canonical());
    address
        .filter(|address| unicast(*address))
        .ok_or_else(|| format!("`gid` is {value}, and no GID that is a unicast address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_with_a_qpn_count_among_whatever_a_program_prints() {
        let text = "ready\n{\"event\":\"local\",\"qpn\":17,\"psn\":1000,\"rkey\":4660,\"vaddr\":139637976727552,\"gid\":\"::ffff:10.99.0.1\"}\n\
                    {\"event\":\"rts\",\"dest_qpn\":5}\n{\"qpn\":\"0x12\",\"psn\":\"7\",\"rkey\":\"0xffffffff\",\"mtu\":1024}\n";
        let said = of_json(text).unwrap();
        assert_eq!(said.address, Some("10.99.0.1".parse().unwrap()));
        assert_eq!(said.pmtu, Some(1024));
        let qp = PeerQp {
            qpn: 17,
            psn: 1000,
            va: 0x7f00_0000_0000,
            rkey: 0x1234,
        };
        let other = PeerQp {
            qpn: 18,
            psn: 7,
            va: 0,
            rkey: u32::MAX,
        };
        assert_eq!(said.qps, [qp, other]);
    }

    #[test]
    fn what_no_qp_can_be_is_refused() {
        for (text, why) in [
            ("{}", "no JSON object in it has a `qpn`"),
            ("[{\"qpn\":16777216}]", "`qpn` is 16777216"),
            ("{\"qpn\":1}", "`qpn` is 1: 0 and 1 are reserved"),
            ("{\"qpn\":17,\"psn\":-1}", "`psn` is -1"),
            ("{\"qpn\":17,\"mtu\":1000}", "`pmtu` is 1000"),
            ("{\"qpn\":17,\"gid\":\"ff02::1\"}", "no GID that is a unicast address"),
            (
                "{\"qpn\":17,\"mtu\":256}\n{\"qpn\":18,\"mtu\":512}",
                "make two peers of them",
            ),
        ] {
            let error = of_json(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

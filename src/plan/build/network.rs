//! What ports with networks and VLANs of their own mean for a plan.
//!
//! Contract: each way in which an entry does not fit them is reported once an entry and port.
//!
//! Left out on purpose: next hops (`plan::hop`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{PlanError, error};
use crate::pattern::{Entry, VlanTag};
use crate::plan::Plan;
use crate::plan::hop::Hop;
use crate::wire::vlan::TPID_CUSTOMER;

/// The entry with a tag for the sending port's VLAN, where ports have one and the entry has none. The tag's priority is
/// that of the entry's class without it, as far as the network's map has one.
pub(super) fn tagged(plan: &Plan, entry: &Entry) -> Option<Entry> {
    if plan.ports.iter().all(|port| port.vlan.is_none()) || !entry.frame.vlan.is_empty() {
        return None;
    }
    let maps = &plan.classes.maps;
    let class = maps.of(None, Some(entry.frame.dscp));
    let pcp = (0u8..8).find(|pcp| maps.pcp[usize::from(*pcp)] == class).unwrap_or(0);
    let mut tagged = entry.clone();
    tagged.frame.vlan = vec![VlanTag {
        tpid: TPID_CUSTOMER,
        vid: 0,
        pcp,
        dei: false,
    }];
    Some(tagged)
}

/// Addresses that two workers have, and receivers that no frame can reach.
pub(super) fn check(plan: &Plan, errors: &mut Vec<PlanError>) {
    let mut owners: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (number, worker) in plan.workers.iter().enumerate() {
        let addresses = [IpAddr::from(worker.ipv4), worker.ipv6.into()];
        for address in addresses.into_iter().filter(|address| !address.is_unspecified()) {
            if let Some(first) = owners.insert(address, number) {
                errors.push(error(
                    &plan.ports[worker.port].name,
                    format!("workers {first} and {number} both have the address {address}"),
                    "give the ports networks that do not overlap (`address`)",
                ));
                return;
            }
        }
    }
    for entry in &plan.entries {
        let mut told = BTreeSet::new();
        // What a receiver answers has to find its way, too.
        let answers = entry
            .pairs
            .iter()
            .filter(|_| entry.transport.rc().is_some())
            .map(|pair| pair.back());
        for pair in entry.pairs.iter().copied().chain(answers) {
            let (src, dst) = (&plan.workers[pair.src as usize], &plan.workers[pair.dst as usize]);
            let port = &plan.ports[src.port];
            let (own, other, version) = if entry.frame.ipv6 {
                (port.ipv6.is_some(), port.ipv4.is_some(), 6)
            } else {
                (port.ipv4.is_some(), port.ipv6.is_some(), 4)
            };
            let to = dst.address(entry.frame.ipv6);
            let hop = plan.hop(entry, pair);
            let (what, remedy) = if !own && other && hop == Hop::Receiver && !port.loopback {
                (
                    format!(
                        "its frames are IPv{version}, and port {} has no IPv{version} `address`",
                        port.name
                    ),
                    "give the port an `address` of that version, too",
                )
            } else if hop == Hop::Nobody {
                (
                    format!(
                        "worker {} ({to}) is not on the network of port {}, which has no `gateway`",
                        pair.dst, port.name
                    ),
                    "give the port a `gateway`, or a `gateway_mac`",
                )
            } else {
                continue;
            };
            if told.insert(src.port) {
                errors.push(error(&entry.name, what, remedy));
            }
        }
    }
}

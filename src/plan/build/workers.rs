//! Which worker stands behind which port, and its addresses.
//!
//! Contract: worker w of the plan is worker w of the pattern. Every port has one worker at least: where
//! the pattern needs none there, one that does nothing.
//!
//! Left out on purpose: what the workers do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{PlanError, error};
use crate::pattern::{Pattern, Role};
use crate::plan::Worker;
use crate::plan::hop::UNKNOWN_MAC;
use crate::testbed::{Addresses, Network, Peer, Port, Testbed, WorkerCount};

/// Places the workers that `pattern` needs behind the ports of `testbed`.
pub(super) fn place(pattern: &Pattern, testbed: &Testbed, errors: &mut Vec<PlanError>) -> Vec<Worker> {
    let needed = pattern.workers_needed();
    let peer_of = |number: u32| {
        testbed
            .peers
            .iter()
            .find(|peer| peer.worker == number && number < needed)
    };
    let ports = if testbed.ports.iter().any(|port| port.workers.is_role()) {
        let roles = (0..)
            .zip(pattern.roles())
            .filter(|(number, _)| peer_of(*number).is_none());
        let roles: Vec<Role> = roles.map(|(_, role)| role).collect();
        by_role(&roles, &testbed.ports)
    } else {
        let peers = (0..needed).filter(|number| peer_of(*number).is_some()).count();
        in_order(needed - u32::try_from(peers).unwrap_or(needed), &testbed.ports)
    };
    let mut ports = ports.into_iter();
    let mut behind = vec![0u32; testbed.ports.len()];
    let mut workers = Vec::with_capacity(ports.len());
    for number in 0.. {
        if let Some(peer) = peer_of(number) {
            workers.push(of_peer(peer));
            continue;
        }
        let Some(index) = ports.next() else { break };
        let port = &testbed.ports[index];
        let (ipv4, ipv6) = match of_worker(&testbed.addresses, port, behind[index], number) {
            Ok(addresses) => addresses,
            Err((what, remedy)) => {
                errors.push(error(&port.name, what, remedy));
                return workers;
            }
        };
        workers.push(Worker {
            port: index,
            mac: worker_mac(port.mac, behind[index], number),
            ipv4,
            ipv6,
            peer: false,
        });
        behind[index] += 1;
    }
    workers
}

/// A worker that is a peer.
fn of_peer(peer: &Peer) -> Worker {
    Worker {
        port: peer.port,
        mac: peer.mac.unwrap_or(UNKNOWN_MAC),
        ipv4: match peer.address {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        },
        ipv6: match peer.address {
            IpAddr::V6(address) => address,
            IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
        },
        peer: true,
    }
}

/// The port of each worker, numbered over the ports in order: so many as each says, and those that it
/// leaves to the pattern in even, contiguous blocks.
fn in_order(needed: u32, ports: &[Port]) -> Vec<usize> {
    let fixed = ports
        .iter()
        .map(|port| port.workers.number())
        .fold(0, u32::saturating_add);
    let autos = u32::try_from(ports.iter().filter(|port| port.workers == WorkerCount::Auto).count()).unwrap_or(1);
    let shared = needed.saturating_sub(fixed).max(autos);
    let mut auto_index = 0;
    let mut placed = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let count = if port.workers == WorkerCount::Auto {
            auto_index += 1;
            block(shared, autos, auto_index)
        } else {
            port.workers.number()
        };
        placed.extend((0..count).map(|_| index));
    }
    placed
}

/// The port of each worker by what it does: those of one role, in the order of their numbers, in even,
/// contiguous blocks over the ports that take the role.
fn by_role(roles: &[Role], ports: &[Port]) -> Vec<usize> {
    let mut placed = vec![0; roles.len()];
    for role in [Role::Sends, Role::Receives, Role::Both] {
        let takes = |(index, port): (usize, &Port)| takes(port.workers, role).then_some(index);
        let takers: Vec<usize> = ports.iter().enumerate().filter_map(takes).collect();
        let workers: Vec<usize> = (0..roles.len()).filter(|worker| roles[*worker] == role).collect();
        let (count, among) = (len(&workers), len(&takers));
        let mut next = workers.into_iter();
        for (taker, nth) in takers.into_iter().zip(1..) {
            let here = next.by_ref().take(block(count, among, nth) as usize);
            here.for_each(|worker| placed[worker] = taker);
        }
    }
    let idle = (0..ports.len()).filter(|port| !placed.contains(port));
    let idle: Vec<usize> = idle.collect();
    placed.extend(idle);
    placed
}

/// Whether workers of this role may stand behind a port; what both sends and receives may stand anywhere.
fn takes(workers: WorkerCount, role: Role) -> bool {
    match workers {
        WorkerCount::Auto => true,
        WorkerCount::Exactly(_) => false,
        WorkerCount::Senders => role != Role::Receives,
        WorkerCount::Receivers => role != Role::Sends,
    }
}

fn len(list: &[usize]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// How many of `count` are in the `nth` of `blocks`, from 1.
fn block(count: u32, blocks: u32, nth: u32) -> u32 {
    let until = |nth: u32| u64::from(count) * u64::from(nth) / u64::from(blocks);
    u32::try_from(until(nth) - until(nth - 1)).unwrap_or(u32::MAX)
}

fn worker_mac(port_mac: Option<[u8; 6]>, index: u32, number: u32) -> [u8; 6] {
    let (mut mac, add) = match port_mac {
        Some(mac) => (mac, index),
        None => ([2, 0, 0, 0, 0, 0], number + 1),
    };
    let low = u32::from_be_bytes([0, mac[3], mac[4], mac[5]]).wrapping_add(add);
    mac[3..].copy_from_slice(&low.to_be_bytes()[1..]);
    mac
}

/// The addresses of worker `number`, the port's `index`-th: of the port's networks, and of `addresses` where it has none.
/// What is wrong and its remedy where there are none left.
fn of_worker(
    addresses: &Addresses,
    port: &Port,
    index: u32,
    number: u32,
) -> Result<(Ipv4Addr, Ipv6Addr), (String, &'static str)> {
    let everywhere4 = Network {
        first: addresses.ipv4.0,
        prefix: addresses.ipv4.1,
        gateway: None,
    };
    let everywhere6 = Network {
        first: addresses.ipv6.0,
        prefix: addresses.ipv6.1,
        gateway: None,
    };
    let ipv4 = port
        .ipv4
        .map_or_else(|| everywhere4.address(number), |own| own.address(index));
    let ipv6 = port
        .ipv6
        .map_or_else(|| everywhere6.address(number), |own| own.address(index));
    let none = |first: IpAddr, prefix: u8, own: bool| {
        let remedy = if own {
            "give the port's `address` a larger network, or the port fewer `workers`"
        } else {
            "give `addresses` a larger prefix"
        };
        (
            format!("worker {number} has no address left in {first}/{prefix}"),
            remedy,
        )
    };
    let (four, six) = (port.ipv4.unwrap_or(everywhere4), port.ipv6.unwrap_or(everywhere6));
    let ipv4 = ipv4.ok_or_else(|| none(four.first.into(), four.prefix, port.ipv4.is_some()))?;
    let ipv6 = ipv6.ok_or_else(|| none(six.first.into(), six.prefix, port.ipv6.is_some()))?;
    Ok((ipv4, ipv6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{self, SHIPPED};
    use crate::plan::tests::testbed;

    /// The ports of a pattern's workers, with ports that say `workers`.
    fn placed(pattern: &Pattern, says: &[WorkerCount]) -> Vec<usize> {
        let mut lab = testbed(says.len());
        for (port, workers) in lab.ports.iter_mut().zip(says) {
            port.workers = *workers;
        }
        let mut errors = Vec::new();
        let workers = place(pattern, &lab, &mut errors);
        assert_eq!(errors, []);
        workers.iter().map(|worker| worker.port).collect()
    }

    fn parse(traffic: &str) -> Pattern {
        pattern::parse("t.yaml", &format!("traffic: {traffic}"), &[]).unwrap_or_else(|errors| panic!("{errors}"))
    }

    use WorkerCount::{Auto, Exactly, Receivers, Senders};

    #[test]
    fn numbers_go_over_the_ports_in_order() {
        let incast = parse("[{kind: incast, senders: 4, message: 4KiB}]");
        assert_eq!(placed(&incast, &[Auto, Auto]), [0, 0, 1, 1, 1]);
        assert_eq!(placed(&incast, &[Exactly(4), Auto]), [0, 0, 0, 0, 1]);
        assert_eq!(placed(&incast, &[Exactly(1), Auto, Auto]), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn roles_part_who_sends_from_who_receives() {
        let incast = parse("[{kind: incast, senders: 4, message: 4KiB}]");
        assert_eq!(placed(&incast, &[Senders, Receivers]), [0, 0, 0, 0, 1]);
        assert_eq!(placed(&incast, &[Receivers, Senders, Senders]), [1, 1, 2, 2, 0]);
        // The receiver has a low number; worker 1 does both, worker 4 neither.
        let mixed = parse(
            "[{kind: incast, senders: [1, 2, 5], receiver: 0, message: 4KiB}, {kind: transfer, from: 3, to: 1, message: 4KiB, count: 1}]",
        );
        assert_eq!(placed(&mixed, &[Senders, Receivers]), [1, 0, 0, 0, 1, 0]);
        // Whoever does both is shared out over all ports; one that has no worker gets one.
        let alltoall = parse("[{kind: alltoall, ranks: 4, model: M3, batch: 8}]");
        assert_eq!(placed(&alltoall, &[Senders, Receivers]), [0, 0, 1, 1]);
        let one = parse("[{kind: transfer, message: 4KiB, count: 1}]");
        assert_eq!(placed(&one, &[Senders, Senders, Receivers]), [1, 2, 0]);
    }

    #[test]
    fn every_shipped_pattern_is_parted() {
        for (name, text) in SHIPPED {
            let pattern = pattern::parse(name, text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
            let ports = placed(&pattern, &[Senders, Senders, Receivers, Receivers]);
            for (worker, role) in pattern.roles().into_iter().enumerate() {
                match role {
                    Role::Sends => assert!(ports[worker] < 2, "{name}: {worker} sends"),
                    Role::Receives => assert!(ports[worker] >= 2, "{name}: {worker} receives"),
                    Role::Both => {}
                }
            }
            assert!((0..4).all(|port| ports.contains(&port)), "{name}: {ports:?}");
        }
    }
}

//! The next hop of each pair: whose MAC address its frames bear, and in which VLAN.
//!
//! Contract: a function of the plan. What only the network can tell, the MAC address of a gateway, is asked before a run
//! (`neighbour`) and put into [`PortPlan::neighbours`](super::PortPlan::neighbours).
//!
//! Left out on purpose: asking.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{EntryPlan, Pair, Plan, PortPlan};
use crate::testbed::Network;
use crate::wire::ethernet::Address;
use crate::wire::vlan::Stack;

/// Who gets the frames of a pair first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// The receiver itself: it is on the sender's network, or nothing is said of networks.
    Receiver,
    /// A router whose MAC address the testbed says.
    Router([u8; 6]),
    /// A router by its address, which is to be asked for its MAC address.
    Gateway(IpAddr),
    /// The receiver itself, a peer by its address, which is to be asked for its MAC address.
    Peer(IpAddr),
    /// Nobody: the receiver is on another network, and the sender's port has no gateway.
    Nobody,
}

/// Where a neighbour was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// In which VLAN.
    pub tags: Stack,
    /// Its MAC address.
    pub mac: Address,
}

/// In the place of a MAC address that has not been asked for: of a plan without ports.
pub const UNKNOWN_MAC: [u8; 6] = [0; 6];

impl PortPlan {
    /// The MAC address of a neighbour in a VLAN, where it is known.
    #[must_use]
    pub fn neighbour(&self, address: IpAddr, tags: &Stack) -> Option<[u8; 6]> {
        let is_it = |known: &&Neighbour| known.address == address && known.tags == *tags;
        self.neighbours.iter().find(is_it).map(|known| known.mac.0)
    }

    /// Its gateway of one version.
    #[must_use]
    pub fn gateway(&self, ipv6: bool) -> Option<IpAddr> {
        if ipv6 {
            Some(self.ipv6?.gateway?.into())
        } else {
            Some(self.ipv4?.gateway?.into())
        }
    }

    fn hop<A: Copy + Into<IpAddr>>(network: Option<&Network<A>>, to: IpAddr) -> Hop {
        match network {
            Some(network) if !network.contains(to) => network
                .gateway
                .map_or(Hop::Nobody, |gateway| Hop::Gateway(gateway.into())),
            _ => Hop::Receiver,
        }
    }
}

impl Plan {
    /// Who gets the frames of a pair of `entry` first.
    #[must_use]
    pub fn hop(&self, entry: &EntryPlan, pair: Pair) -> Hop {
        let (src, dst) = (&self.workers[pair.src as usize], &self.workers[pair.dst as usize]);
        let port = &self.ports[src.port];
        let hop = match port.gateway_mac {
            Some(mac) => Hop::Router(mac),
            // What comes back by itself needs nobody.
            None if port.loopback => Hop::Receiver,
            None if entry.frame.ipv6 => PortPlan::hop(port.ipv6.as_ref(), dst.ipv6.into()),
            None => PortPlan::hop(port.ipv4.as_ref(), dst.ipv4.into()),
        };
        match hop {
            Hop::Receiver if dst.peer && dst.mac == UNKNOWN_MAC => Hop::Peer(dst.address(entry.frame.ipv6)),
            hop => hop,
        }
    }

    /// The destination MAC address of the frames of a pair of `entry`; [`UNKNOWN_MAC`] of a gateway that has not been asked.
    #[must_use]
    pub fn destination_mac(&self, entry: &EntryPlan, pair: Pair) -> [u8; 6] {
        let from = self.workers[pair.src as usize].port;
        match self.hop(entry, pair) {
            Hop::Receiver => self.workers[pair.dst as usize].mac,
            Hop::Router(mac) => mac,
            Hop::Gateway(address) | Hop::Peer(address) => {
                let known = self.ports[from].neighbour(address, &self.tags(entry, from));
                known.unwrap_or(UNKNOWN_MAC)
            }
            Hop::Nobody => UNKNOWN_MAC,
        }
    }

    /// The VLAN tags of frames of `entry` that leave `port`, outermost first.
    #[must_use]
    pub fn tags(&self, entry: &EntryPlan, port: usize) -> Stack {
        // A pattern has no more of them.
        let mut tags = Stack::new(&entry.frame.vlan).unwrap_or_default();
        if let (true, Some(vid), Some(tag)) = (entry.port_vlan, self.ports[port].vlan, tags.first_mut()) {
            tag.vid = vid;
        }
        tags
    }

    /// Gateways and peers whose MAC address is not known yet, with the port whose frames go by or to them.
    #[must_use]
    pub fn unknown_hops(&self) -> BTreeSet<(usize, IpAddr)> {
        let mut unknown = BTreeSet::new();
        for entry in &self.entries {
            for pair in &entry.pairs {
                if let Hop::Gateway(address) | Hop::Peer(address) = self.hop(entry, *pair)
                    && self.destination_mac(entry, *pair) == UNKNOWN_MAC
                {
                    unknown.insert((self.workers[pair.src as usize].port, address));
                }
            }
        }
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BitRate;

    fn plan(ports: &str, traffic: &str) -> Plan {
        let pattern = crate::pattern::parse("t", traffic, &[]).unwrap();
        let testbed = crate::testbed::parse("t", ports, &[]).unwrap_or_else(|error| panic!("{error}"));
        let speeds = vec![BitRate(10_000_000_000); testbed.ports.len()];
        crate::plan::build(&pattern, &testbed, &speeds).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    const INCAST: &str = "traffic: [{kind: incast, senders: 5, message: 4KiB}, \
                          {kind: incast, senders: 5, message: 4KiB, frame: {ip: 6, dscp: 46}}]\n";

    #[test]
    fn a_receiver_on_the_same_network_is_reached_itself_and_another_by_the_gateway() {
        let plan = plan(
            "ports:
  - {name: a, device: 'net_af_packet0,iface=x0', workers: 4, address: [20.1.1.2/24, '2001:db8:1::2/64'], gateway: [20.1.1.4, '2001:db8:1::1']}
  - {name: b, device: 'net_af_packet1,iface=x1', workers: 2, address: [20.1.2.2/24, '2001:db8:2::2/64'], gateway: [20.1.2.1, '2001:db8:2::1']}
",
            INCAST,
        );
        let addresses: Vec<String> = plan.workers.iter().map(|worker| worker.ipv4.to_string()).collect();
        // The gateway's own address is left out.
        assert_eq!(
            addresses,
            ["20.1.1.2", "20.1.1.3", "20.1.1.5", "20.1.1.6", "20.1.2.2", "20.1.2.3"]
        );
        assert_eq!(
            plan.workers[5].ipv6,
            "2001:db8:2::3".parse::<std::net::Ipv6Addr>().unwrap()
        );
        let (v4, v6) = (&plan.entries[0], &plan.entries[1]);
        let hop = |entry, src, dst| plan.hop(entry, Pair { src, dst });
        assert_eq!(hop(v4, 0, 5), Hop::Gateway([20, 1, 1, 4].into()));
        assert_eq!(hop(v6, 0, 5), Hop::Gateway("2001:db8:1::1".parse().unwrap()));
        assert_eq!(hop(v4, 4, 5), Hop::Receiver);
        assert_eq!(plan.destination_mac(v4, Pair { src: 4, dst: 5 }), plan.workers[5].mac);
        assert_eq!(plan.destination_mac(v4, Pair { src: 0, dst: 5 }), UNKNOWN_MAC);
        let mut known = plan.clone();
        known.ports[0].neighbours.push(Neighbour {
            address: [20, 1, 1, 4].into(),
            tags: Stack::default(),
            mac: Address([2, 9, 9, 9, 9, 9]),
        });
        assert_eq!(known.destination_mac(v4, Pair { src: 0, dst: 5 }), [2, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn a_port_has_a_vlan_of_its_own_and_a_class_stays() {
        let plan = plan(
            "ports:
  - {name: a, device: 'net_af_packet0,iface=x0', workers: 5, address: 20.1.1.2/24, gateway: 20.1.1.1, vlan: 11}
  - {name: b, device: 'net_af_packet1,iface=x1', workers: 1, address: 20.1.2.2/24, gateway: 20.1.2.1, vlan: 12}
",
            "traffic: [{kind: incast, senders: 5, message: 4KiB}, \
             {kind: incast, senders: 5, message: 4KiB, frame: {vlan: [{vid: 7, pcp: 2}]}}]\nframe: {dscp: 46}\n",
        );
        let vids = |entry: usize| [0, 1].map(|port| plan.tags(&plan.entries[entry], port)[0].vid);
        assert_eq!((vids(0), vids(1)), ([11, 12], [7, 7]));
        // DSCP 46 is class 5; the tag says the same.
        assert_eq!((plan.entries[0].class, plan.entries[0].frame.vlan[0].pcp), (5, 5));
        assert_eq!(plan.entries[1].class, 2);
    }
}

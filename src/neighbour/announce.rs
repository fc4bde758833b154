//! What the workers of a port say of themselves, before any traffic and again and again while it runs.
//!
//! A bridge floods what it has not learnt or has forgotten (IEEE 802.1Q, 8.8.3: 300 s by default, and people set
//! less), and a flood is not what is to be measured: each worker sends a gratuitous ARP request (RFC 5227 section 2.3)
//! and, where IPv6 is used, an unsolicited neighbour advertisement (RFC 4861 section 7.2.6).
//!
//! Contract: the frames of one port, in the order of its workers.
//!
//! Left out on purpose: when they are sent (`engine::announce`).

use crate::plan::{Plan, Worker};
use crate::wire::ethernet::Address;
use crate::wire::vlan::Stack;
use crate::wire::{arp, icmpv6};

use super::write;

/// The announcements of the workers of `port`, in every VLAN that the traffic has there.
#[must_use]
pub fn announcements(plan: &Plan, port: usize) -> Vec<Vec<u8>> {
    let ipv4 = plan.entries.iter().any(|entry| !entry.frame.ipv6);
    let ipv6 = plan.entries.iter().any(|entry| entry.frame.ipv6);
    let mut stacks: Vec<Stack> = Vec::new();
    for entry in &plan.entries {
        let tags = plan.tags(entry, port);
        if !stacks.contains(&tags) {
            stacks.push(tags);
        }
    }
    let mut frames = Vec::new();
    let mut out = [0; 192];
    let own = |worker: &&Worker| worker.port == port && !worker.peer;
    for worker in plan.workers.iter().filter(own) {
        let mac = Address(worker.mac);
        for tags in &stacks {
            if ipv4 {
                let packet = arp::Repr::announcement(mac, worker.ipv4);
                let len = write::arp(Address::BROADCAST, mac, tags, &packet, &mut out);
                frames.push(out[..len].to_vec());
            }
            if ipv6 {
                let message = icmpv6::Repr::announcement(mac, worker.ipv6);
                let link = (icmpv6::ALL_NODES_MAC, mac, &tags[..]);
                let len = write::advertisement(link, &message, icmpv6::ALL_NODES, &mut out);
                frames.push(out[..len].to_vec());
            }
        }
    }
    frames
}

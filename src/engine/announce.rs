//! Telling the network where the workers are, before any traffic.
//!
//! A bridge floods what it has not learnt, and a flood is not what is to be measured: each worker
//! sends a gratuitous ARP request (RFC 5227 section 2.3) and, where IPv6 is used, an unsolicited
//! neighbour advertisement (RFC 4861 section 7.2.6).
//!
//! Left out on purpose: answering requests. A routed DUT needs static neighbours.

use crate::dpdk::{TxBatch, TxPool, TxQueue};
use crate::engine::craft::emit_link;
use crate::pattern::VlanTag;
use crate::plan::{Plan, Worker};
use crate::wire::ethernet::Address;
use crate::wire::{arp, ethernet, icmpv6, ipv6};

/// Sends them for every worker of `port`; returns frames and bytes sent.
pub fn announce(plan: &Plan, port: usize, pool: &TxPool, queue: &mut TxQueue) -> (u64, u64) {
    let ipv4 = plan.entries.iter().any(|entry| !entry.frame.ipv6);
    let ipv6 = plan.entries.iter().any(|entry| entry.frame.ipv6);
    let mut stacks: Vec<&[VlanTag]> = Vec::new();
    for entry in &plan.entries {
        if !stacks.contains(&&entry.frame.vlan[..]) {
            stacks.push(&entry.frame.vlan);
        }
    }
    let mut batch = TxBatch::new(pool);
    let (mut frames, mut bytes) = (0, 0);
    let mut send = |frame: &[u8]| {
        if batch.refill(1) == 0 {
            return;
        }
        let room = batch.frame(0);
        room.bytes[..frame.len()].copy_from_slice(frame);
        batch.set_len(0, u16::try_from(frame.len()).unwrap_or(0));
        if batch.send(queue) == 1 {
            frames += 1;
            bytes += frame.len() as u64;
        }
        batch.discard_pending();
    };
    for worker in plan.workers.iter().filter(|worker| worker.port == port) {
        for vlan in &stacks {
            if ipv4 {
                send(&arp_frame(worker, vlan));
            }
            if ipv6 {
                send(&neighbour_frame(worker, vlan));
            }
        }
    }
    (frames, bytes)
}

/// Bytes of the shortest Ethernet frame without its FCS.
const SHORTEST: usize = 60;

fn arp_frame(worker: &Worker, tags: &[VlanTag]) -> Vec<u8> {
    let mut frame = vec![0; SHORTEST + 4 * tags.len()];
    let at = emit_link([0xff; 6], worker.mac, tags, ethernet::TYPE_ARP, &mut frame);
    arp::Repr::announcement(Address(worker.mac), worker.ipv4).emit(&mut frame[at..]);
    frame
}

fn neighbour_frame(worker: &Worker, tags: &[VlanTag]) -> Vec<u8> {
    let mut frame = vec![0; ethernet::LEN + 4 * tags.len() + ipv6::LEN + icmpv6::LEN];
    let at = emit_link(
        icmpv6::ALL_NODES_MAC.0,
        worker.mac,
        tags,
        ethernet::TYPE_IPV6,
        &mut frame,
    );
    ipv6::Repr {
        dscp: 0,
        ecn: 0,
        flow_label: 0,
        payload_len: u16::try_from(icmpv6::LEN).unwrap_or(0),
        next_header: icmpv6::NEXT_HEADER,
        hop_limit: icmpv6::HOP_LIMIT,
        src: worker.ipv6,
        dst: icmpv6::ALL_NODES,
    }
    .emit(&mut frame[at..]);
    let message = icmpv6::Repr::announcement(Address(worker.mac), worker.ipv6);
    message.emit(worker.ipv6, icmpv6::ALL_NODES, &mut frame[at + ipv6::LEN..]);
    frame
}

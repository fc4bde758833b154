//! Telling the network where the workers are, before any traffic and again and again while it runs.
//!
//! A bridge floods what it has not learnt or has forgotten (IEEE 802.1Q, 8.8.3: 300 s by default, and people set
//! less), and a flood is not what is to be measured: each worker sends a gratuitous ARP request (RFC 5227 section 2.3)
//! and, where IPv6 is used, an unsolicited neighbour advertisement (RFC 4861 section 7.2.6).
//!
//! Contract: [`Announcer::step`] is called between bursts, now and then; it queues a few frames at a time, and none
//! while the way out has no room.
//!
//! Left out on purpose: answering requests. A routed DUT needs static neighbours.

use crate::dpdk::TxQueue;
use crate::engine::craft::emit_link;
use crate::engine::inject::{Injector, Origin, SmallFrame};
use crate::pattern::VlanTag;
use crate::plan::{Plan, Worker};
use crate::units::Picos;
use crate::wire::ethernet::Address;
use crate::wire::{arp, ethernet, icmpv6, ipv6};

/// Frames that one call sends at most.
const AT_A_TIME: usize = 8;

/// The announcements of one port's workers.
pub struct Announcer {
    frames: Vec<SmallFrame>,
    /// Which frame is next.
    next: usize,
    /// When the next round begins, once the last one is over.
    due: Picos,
    /// From one round's end to the next one's begin; zero: there is one round.
    every: Picos,
}

impl Announcer {
    /// For the workers of `port`; a first round is due at once, others `every` so often.
    #[must_use]
    pub fn new(plan: &Plan, port: usize, every: Picos) -> Announcer {
        let ipv4 = plan.entries.iter().any(|entry| !entry.frame.ipv6);
        let ipv6 = plan.entries.iter().any(|entry| entry.frame.ipv6);
        let mut stacks: Vec<&[VlanTag]> = Vec::new();
        for entry in &plan.entries {
            if !stacks.contains(&&entry.frame.vlan[..]) {
                stacks.push(&entry.frame.vlan);
            }
        }
        let mut frames = Vec::new();
        for worker in plan.workers.iter().filter(|worker| worker.port == port) {
            for vlan in &stacks {
                let own = [
                    ipv4.then(|| arp_frame(worker, vlan)),
                    ipv6.then(|| neighbour_frame(worker, vlan)),
                ];
                let small =
                    |frame: Vec<u8>| SmallFrame::new(&frame, plan.classes.of_frame(&frame), Origin::Announcement);
                // All are shorter than a small frame may be.
                frames.extend(own.into_iter().flatten().filter_map(small));
            }
        }
        Announcer {
            frames,
            next: 0,
            due: Picos::ZERO,
            every,
        }
    }

    /// The whole first round, before the run's clock begins.
    pub fn begin(&mut self, way_out: &mut Injector, queue: &mut TxQueue) {
        for frame in &self.frames {
            if way_out.room() == 0 && way_out.serve(queue, 0, usize::MAX, 0) == 0 {
                // The port takes nothing: another round comes.
                break;
            }
            way_out.push(*frame);
        }
        while way_out.waiting() > 0 && way_out.serve(queue, 0, usize::MAX, 0) > 0 {}
        self.end_round(Picos::ZERO);
    }

    /// Queues what is due at `now`, or as much of it as has room.
    pub fn step(&mut self, way_out: &mut Injector, now: Picos) {
        if now < self.due {
            return;
        }
        for _ in 0..AT_A_TIME.min(way_out.room()) {
            let Some(frame) = self.frames.get(self.next) else {
                return self.end_round(now);
            };
            way_out.push(*frame);
            self.next += 1;
        }
    }

    fn end_round(&mut self, now: Picos) {
        self.next = 0;
        self.due = if self.every == Picos::ZERO {
            Picos::MAX
        } else {
            now.saturating_add(self.every)
        };
    }
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

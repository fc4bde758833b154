//! What peers of the testbed mean for an entry.
//!
//! Contract: a peer is at one side of all pairs of an entry, and its QPs are taken in the order of the entries' flows.
//!
//! Left out on purpose: where a peer stands among the workers (`workers`).

use super::{PlanError, error};
use crate::pattern::{Entry, Kind, Start, Verb};
use crate::plan::EntryPlan;
use crate::plan::feed::Work;
use crate::plan::peer::PeerEnd;
use crate::testbed::{Peer, PeerQp, Testbed};
use crate::wire::class::{Classes, Rule};

/// The QPs of a testbed's peers, as far as entries have taken them.
pub(super) struct Peers<'a> {
    peers: &'a [Peer],
    taken: Vec<usize>,
}

/// A peer at one side of an entry.
pub(super) struct Side {
    peer: usize,
    /// It sends the requests.
    requests: bool,
}

impl<'a> Peers<'a> {
    pub fn new(testbed: &'a Testbed) -> Peers<'a> {
        Peers {
            peers: &testbed.peers,
            taken: vec![0; testbed.peers.len()],
        }
    }

    fn of(&self, worker: u32) -> Option<usize> {
        self.peers.iter().position(|peer| peer.worker == worker)
    }

    /// The peer of an entry, if it has one; `duration`: the pattern has one. What such an entry cannot be is an error.
    pub fn side(&self, entry: &Entry, duration: bool, errors: &mut Vec<PlanError>) -> Option<Side> {
        let mut workers = entry.kind.workers().filter_map(|worker| self.of(worker));
        let peer = workers.next()?;
        let name = &self.peers[peer].name;
        let is_it =
            |workers: &[u32]| !workers.is_empty() && workers.iter().all(|worker| self.of(*worker) == Some(peer));
        let is_none = |workers: &[u32]| workers.iter().all(|worker| self.of(*worker).is_none());
        let (senders, receivers) = (entry.kind.senders(), entry.kind.receivers());
        let sends = is_it(senders) && is_none(receivers);
        let mut wrong = |what: String, remedy: &str| errors.push(error(&entry.name, what, remedy));
        let receives = is_it(receivers) && is_none(senders);
        if !(sends || receives) {
            wrong(
                format!("peer `{name}` is at both of its sides, or not at all of one"),
                "give the peer an entry of its own, with workers of squall's at the other side",
            );
            return None;
        }
        if entry.transport.rc().is_none() {
            wrong(
                format!("peer `{name}` answers, and `transport: open` has no answers"),
                "say `transport: rc`",
            );
        }
        let ipv6 = self.peers[peer].address.is_ipv6();
        if ipv6 != entry.frame.ipv6 {
            let version = if ipv6 { 6 } else { 4 };
            wrong(
                format!("peer `{name}` has an IPv{version} address"),
                "say `frame.ip` accordingly",
            );
        }
        // A READ's requests go against its data.
        let requests = sends != (entry.kind.verb() == Some(Verb::Read));
        let does = if sends == requests { "sends" } else { "asks" };
        if requests && !matches!(entry.kind, Kind::Transfer(_)) {
            wrong(
                format!("when peer `{name}` {does} is not squall's to say"),
                "describe what it does with `kind: transfer`",
            );
        }
        if requests && !duration && entry.duration.is_none() {
            wrong(
                format!("for how long peer `{name}` is listened to at most is not said"),
                "give the entry or the pattern a `duration`",
            );
        }
        if sends && requests && entry.transport.rc().is_some_and(|rc| rc.out_of_order) {
            wrong(
                format!("packets of peer `{name}` are taken in order"),
                "leave `rc.out_of_order` out",
            );
        }
        if requests && matches!(entry.start, Start::After { .. }) {
            wrong(
                format!("when peer `{name}` {does} is not squall's to say"),
                "leave `after` out",
            );
        }
        Some(Side { peer, requests })
    }

    /// The next `count` QPs of a side's peer, which are taken from now on.
    pub fn take(&mut self, side: &Side, entry: &Entry, count: u32, errors: &mut Vec<PlanError>) -> Box<[PeerQp]> {
        let (peer, taken) = (&self.peers[side.peer], &mut self.taken[side.peer]);
        let from = *taken;
        *taken = from.saturating_add(count as usize);
        let qps = peer.qps.get(from..*taken).unwrap_or_default();
        if qps.is_empty() && count > 0 {
            let what = format!(
                "it takes {count} QPs of peer `{}`, which has {} and {} left",
                peer.name,
                peer.qps.len(),
                peer.qps.len().saturating_sub(from)
            );
            errors.push(error(
                &entry.name,
                what,
                "give the peer more `qps`, or the entries fewer",
            ));
        }
        let same = |other: &PeerQp| {
            qps.first()
                .is_some_and(|first| (first.va, first.rkey) == (other.va, other.rkey))
        };
        if !side.requests && !qps.iter().all(same) {
            let what = format!("QPs of peer `{}` that it takes have different regions", peer.name);
            errors.push(error(&entry.name, what, "give each region an entry of its own"));
        }
        qps.into()
    }

    /// The entry as it is with its peer's PMTU and region.
    pub fn adapt(&self, side: &Side, entry: &mut Entry) {
        let peer = &self.peers[side.peer];
        entry.frame.pmtu = peer.pmtu.unwrap_or(entry.frame.pmtu);
        if let (false, Some(next)) = (side.requests, peer.qps.get(self.taken[side.peer])) {
            (entry.frame.va, entry.frame.rkey) = (next.va, next.rkey);
        }
    }
}

/// Puts a side's QPs into the placed entry.
pub(super) fn put(side: &Side, qps: Box<[PeerQp]>, placed: &mut EntryPlan, classes: &mut Classes, class: Option<u8>) {
    let messages = match &placed.work {
        Work::Continuous {
            sizes,
            count: Some(count),
            ..
        } => Some(
            count
                .saturating_mul(sizes.per_transfer)
                .saturating_mul(placed.pairs.len() as u64),
        ),
        _ => None,
    };
    if side.requests && !placed.verb.is_read() {
        // Nothing of it leaves squall's ports.
        placed.lanes.clear();
    }
    if let Some(class) = class {
        classes.rules.extend(qps.iter().map(|qp| Rule {
            first_qpn: qp.qpn,
            count: 1,
            class,
        }));
    }
    placed.peer = Some(PeerEnd {
        requests: side.requests,
        qps,
        messages,
    });
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;
    use crate::units::BitRate;

    const TESTBED: &str = "ports: [{name: a, device: 'net_af_packet0,iface=x0', address: 10.99.0.100/24, mac: '02:00:00:00:09:01'}]
peers:
  - {name: rnic, worker: 1, address: 10.99.0.1, pmtu: 1024, qps: [{qpn: 40, va: 0x1000, rkey: 7}, {qpn: 44, va: 0x1000, rkey: 7, psn: 9},
     {qpn: 50, va: 0x2000, rkey: 8}]}
";

    fn build(traffic: &str) -> Result<Plan, String> {
        let text = format!("transport: rc\ntraffic: {traffic}\n");
        let pattern = crate::pattern::parse("t", &text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        let testbed = crate::testbed::parse("t", TESTBED, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        crate::plan::build(&pattern, &testbed, &[BitRate(1_000_000_000)]).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("\n")
        })
    }

    #[test]
    fn entries_take_the_peers_qps_in_order_and_have_its_region() {
        let plan = build(
            "[{kind: transfer, from: 0, to: 1, message: 3000, count: 2, qps: 2}, \
             {kind: transfer, from: 1, to: 0, message: 3000, count: 5, duration: 1s}]",
        )
        .unwrap();
        let (out, back) = (&plan.entries[0], &plan.entries[1]);
        assert_eq!((out.frame.pmtu, out.frame.va, out.frame.rkey), (1024, 0x1000, 7));
        assert_eq!([0, 1].map(|flow| out.request_qpn(flow)), [40, 44]);
        assert_eq!([0, 1].map(|flow| out.answer_qpn(flow)), [0x100, 0x101]);
        assert_eq!((back.request_qpn(0), back.answer_qpn(0)), (0x102, 50));
        // What the peer sends is nothing of a plan's.
        assert!(back.lanes.is_empty() && back.is_from_peer() && out.is_to_peer());
        assert_eq!(back.peer.as_ref().unwrap().messages, Some(5));
        assert_eq!((back.frame.pmtu, back.frame.rkey), (1024, 0x1234));
        let worker = &plan.workers[1];
        assert!(worker.peer && worker.ipv4.octets() == [10, 99, 0, 1] && worker.ipv6.is_unspecified());
        assert_eq!(plan.unknown_hops().len(), 1);
        assert!(plan.hairpins().is_empty());
    }

    #[test]
    fn reads_are_requested_by_whoever_receives() {
        let plan = build(
            "[{kind: transfer, from: 1, to: 0, message: 3000, count: 2, verb: read}, \
             {kind: transfer, from: 0, to: 1, message: 3000, count: 5, verb: read, duration: 1s}]",
        )
        .unwrap();
        let (asked, serving) = (&plan.entries[0], &plan.entries[1]);
        // squall asks the peer for what stands in its region.
        assert!(asked.is_from_peer() && !asked.is_requested_by_peer());
        assert_eq!((asked.frame.va, asked.frame.rkey), (0x1000, 7));
        assert_eq!(
            (asked.request_qpn(0), asked.answer_qpn(0), asked.first_psn(0)),
            (40, 0x100, 0)
        );
        // The peer asks squall.
        assert!(serving.is_to_peer() && serving.is_requested_by_peer());
        assert_eq!(
            (serving.request_qpn(0), serving.answer_qpn(0), serving.first_psn(0)),
            (0x101, 44, 9)
        );
        assert_eq!(serving.peer.as_ref().unwrap().messages, Some(5));
    }

    #[test]
    fn what_a_peer_cannot_be_part_of_is_said() {
        for (traffic, why) in [
            (
                "[{kind: alltoall, ranks: 2, experts: 2, hidden: 64, top_k: 1, batch: 4}]",
                "at both of its sides",
            ),
            (
                "[{kind: incast, senders: [0, 1], receiver: 2, message: 64}]",
                "at both of its sides, or not at all of one",
            ),
            (
                "[{kind: transfer, from: 1, to: 0, message: 64, count: 1}]",
                "give the entry or the pattern a `duration`",
            ),
            (
                "[{kind: background, from: 1, to: 0, message: 64, load: 1%, duration: 1s}]",
                "describe what it does with `kind: transfer`",
            ),
            (
                "[{kind: transfer, from: 0, to: 1, message: 64, count: 1, transport: open}]",
                "say `transport: rc`",
            ),
            (
                "[{kind: transfer, from: 0, to: 1, message: 64, count: 1, frame: {ip: 6}}]",
                "peer `rnic` has an IPv4 address",
            ),
            (
                "[{kind: transfer, from: 0, to: 1, message: 64, count: 1, qps: 3}]",
                "have different regions",
            ),
            (
                "[{kind: transfer, from: 0, to: 1, message: 64, count: 1, qps: 4}]",
                "it takes 4 QPs of peer `rnic`, which has 3 and 3 left",
            ),
        ] {
            let errors = build(traffic).expect_err(traffic);
            assert!(errors.contains(why), "{traffic}: {errors}");
        }
    }
}

//! Requests for the link-layer addresses of our workers: whoever sends them cannot deliver until somebody answers
//! (`neighbour::answer`, where the port is to).
//!
//! Contract: ARP requests (RFC 826) and neighbour solicitations (RFC 4861 section 4.3) for a worker's address count,
//! its own announcement (a request for the sender's own address) and address probes of others (no sender's
//! address, RFC 5227) do not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::neighbour::Heard;
use crate::plan::Plan;

/// Requests that came for each worker's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    workers: BTreeMap<IpAddr, u32>,
    requests: BTreeMap<u32, u64>,
}

impl Asked {
    /// For the workers of `plan`.
    #[must_use]
    pub fn new(plan: &Plan) -> Asked {
        let workers = (0u32..).zip(&plan.workers).filter(|(_, worker)| !worker.peer);
        Asked {
            workers: workers
                .flat_map(|(number, worker)| [(worker.ipv4.into(), number), (worker.ipv6.into(), number)])
                .collect(),
            requests: BTreeMap::new(),
        }
    }

    /// Counts a request.
    pub fn see(&mut self, heard: &Heard<'_>) {
        if let Some(worker) = heard.asks_for().and_then(|address| self.workers.get(&address)) {
            *self.requests.entry(*worker).or_default() += 1;
        }
    }

    /// Requests by the number of the worker that they are for; none without requests.
    #[must_use]
    pub fn requests(&self) -> &BTreeMap<u32, u64> {
        &self.requests
    }

    /// Takes in what another core has seen.
    pub fn merge(&mut self, other: &Asked) {
        for (worker, requests) in &other.requests {
            *self.requests.entry(*worker).or_default() += requests;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BitRate;
    use crate::wire::vlan::emit_link;
    use crate::wire::{arp, ethernet};

    fn request(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0; 60];
        let mac = ethernet::Address([2, 0, 0, 0, 0, 9]);
        let at = emit_link(ethernet::Address::BROADCAST, mac, &[], ethernet::TYPE_ARP, &mut frame);
        let packet = arp::Repr {
            operation: arp::REQUEST,
            sender_mac: mac,
            sender_ip: from.into(),
            target_mac: ethernet::Address([0; 6]),
            target_ip: to.into(),
        };
        packet.emit(&mut frame[at..]);
        frame
    }

    #[test]
    fn requests_are_counted_by_whom_they_are_for() {
        let pattern =
            crate::pattern::parse("t", "traffic: [{kind: incast, senders: 3, message: 4KiB}]\n", &[]).unwrap();
        let plan = crate::plan::build(&pattern, &crate::plan::tests::testbed(2), &[BitRate(1_000_000_000); 2]).unwrap();
        let mut asked = Asked::new(&plan);
        let us = plan.workers[2].ipv4.octets();
        // A stranger's address, our own announcement, and twice a worker's.
        for (from, to) in [([9; 4], [9, 9, 9, 8]), (us, us), ([9; 4], us), ([8; 4], us)] {
            asked.see(&Heard::parse(&request(from, to)).unwrap());
        }
        assert_eq!(asked.requests(), &BTreeMap::from([(2, 2)]));
        let mut other = Asked::new(&plan);
        other.see(&Heard::parse(&request([9; 4], us)).unwrap());
        asked.merge(&other);
        assert_eq!(asked.requests(), &BTreeMap::from([(2, 3)]));
    }
}

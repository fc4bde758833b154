//! Requests for the link-layer addresses of our workers: whoever sends them cannot deliver until somebody answers, and squall
//! does not (`engine::announce`).
//!
//! Contract: ARP requests (RFC 826) and neighbour solicitations (RFC 4861 section 4.3) for a worker's address count,
//! its own announcement (a request for the sender's own address) and address probes of others (no sender's
//! address, RFC 5227) do not. Frames may be anything.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::plan::Plan;
use crate::wire::{arp, ethernet, icmpv6, ipv6, vlan};

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
        let workers = (0u32..).zip(&plan.workers);
        Asked {
            workers: workers
                .flat_map(|(number, worker)| [(worker.ipv4.into(), number), (worker.ipv6.into(), number)])
                .collect(),
            requests: BTreeMap::new(),
        }
    }

    /// Looks at a frame that is not RoCEv2.
    pub fn see(&mut self, frame: &[u8]) {
        if let Some(worker) = target(frame).and_then(|address| self.workers.get(&address)) {
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

/// Whose link-layer address `frame` asks for.
fn target(frame: &[u8]) -> Option<IpAddr> {
    let (header, mut rest) = frame.split_first_chunk::<{ ethernet::LEN }>()?;
    let word = |bytes: &[u8], at: usize| bytes.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word));
    let mut ethertype = word(header, ethernet::ETHERTYPE_AT)?;
    while vlan::is_tpid(ethertype) {
        let (tag, behind) = rest.split_first_chunk::<{ vlan::LEN }>()?;
        ethertype = word(tag, vlan::ETHERTYPE_AT)?;
        rest = behind;
    }
    match ethertype {
        ethernet::TYPE_ARP => {
            let packet = arp::Repr::parse(rest).ok()?;
            let asks = packet.operation == arp::REQUEST
                && packet.sender_ip != packet.target_ip
                && packet.sender_ip != Ipv4Addr::UNSPECIFIED;
            asks.then_some(packet.target_ip.into())
        }
        ethernet::TYPE_IPV6 => {
            let (header, message) = rest.split_first_chunk::<{ ipv6::LEN }>()?;
            let asks =
                header[ipv6::NEXT_HEADER_AT] == icmpv6::NEXT_HEADER && header[ipv6::SRC_AT..ipv6::DST_AT] != [0; 16];
            asks.then(|| icmpv6::solicited(message)).flatten().map(IpAddr::from)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ethernet::Address;

    fn request(from: [u8; 4], to: [u8; 4], tags: usize, operation: u16) -> Vec<u8> {
        let mut frame = vec![0xff; 12];
        for tag in 0..tags {
            frame.extend([0x81, 0x00, 0x00, 10 + u8::try_from(tag).unwrap()]);
        }
        frame.extend([0x08, 0x06]);
        let at = frame.len();
        frame.resize(at + 46, 0);
        let packet = arp::Repr {
            operation,
            sender_mac: Address([2, 0, 0, 0, 0, 9]),
            sender_ip: from.into(),
            target_mac: Address([0; 6]),
            target_ip: to.into(),
        };
        packet.emit(&mut frame[at..]);
        frame
    }

    // RFC 4861 section 4.3 in an IPv6 packet (RFC 8200), by hand.
    fn solicitation(from: [u8; 16], to: [u8; 16]) -> Vec<u8> {
        let mut frame = vec![0x33, 0x33, 0xff, 0, 0, 2, 2, 0, 0, 0, 0, 9, 0x86, 0xdd];
        frame.extend([0x60, 0, 0, 0, 0, 24, 58, 255]);
        frame.extend(from);
        frame.extend([0xff; 16]);
        frame.extend([135, 0, 0, 0, 0, 0, 0, 0]);
        frame.extend(to);
        frame
    }

    #[test]
    fn requests_say_whom_they_are_for_and_announcements_nothing() {
        let (them, us) = ([198, 18, 0, 9], [198, 18, 0, 2]);
        for tags in 0..3 {
            assert_eq!(target(&request(them, us, tags, arp::REQUEST)), Some(IpAddr::from(us)));
        }
        assert_eq!(target(&request(us, us, 0, arp::REQUEST)), None);
        assert_eq!(target(&request([0; 4], us, 0, arp::REQUEST)), None);
        assert_eq!(target(&request(them, us, 0, arp::REPLY)), None);
        let (them, us) = ([1; 16], [2; 16]);
        assert_eq!(target(&solicitation(them, us)), Some(IpAddr::from(us)));
        assert_eq!(target(&solicitation([0; 16], us)), None);
        let mut advertisement = solicitation(them, us);
        advertisement[54] = 136;
        assert_eq!(target(&advertisement), None);
        for whole in [request([1; 4], [2; 4], 1, arp::REQUEST), solicitation(them, us)] {
            for len in 0..whole.len() {
                // Padding is not needed, everything else is.
                let needed = if whole[12] == 0x81 { 18 + arp::LEN } else { whole.len() };
                assert_eq!(target(&whole[..len]).is_some(), len >= needed);
            }
        }
    }
}

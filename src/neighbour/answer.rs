//! Answers for the workers' addresses: ARP (RFC 826), neighbour discovery (RFC 4861 section 7.2.4) and echo (RFC 1122
//! section 3.2.2.6, RFC 4443 section 4.2).
//!
//! Contract: one receiving core's answers. Each port answers for its own workers, in the VLAN in which it was asked, and no
//! more often than [`EVERY`] with [`BURST`] at once: more is withheld and counted. Nothing is allocated for a request.
//!
//! Left out on purpose: echo replies that are longer than a small frame.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::heard::{Heard, Says};
use super::write;
use crate::plan::Plan;
use crate::units::Picos;
use crate::wire::ethernet::Address;
use crate::wire::icmp::Echo;
use crate::wire::{arp, icmpv6};

/// In the long run a port answers so often.
pub const EVERY: Picos = Picos::from_micros(50);

/// And so many times at once: a router asks for all workers of a port when it has forgotten them.
pub const BURST: u64 = 2048;

/// What one port has answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answers {
    /// ARP replies.
    pub arp: u64,
    /// Neighbour advertisements.
    pub discovery: u64,
    /// Echo replies.
    pub echo: u64,
    /// Requests that were not answered because there were too many of them.
    pub withheld: u64,
    /// Echo requests that were too long to be answered.
    pub too_long: u64,
}

impl Answers {
    /// Adds what another core has answered.
    pub fn add(&mut self, other: &Answers) {
        self.arp += other.arp;
        self.discovery += other.discovery;
        self.echo += other.echo;
        self.withheld += other.withheld;
        self.too_long += other.too_long;
    }
}

/// How much of the allowance of a port is left, as time.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    left: u64,
    at: Picos,
}

impl Allowance {
    /// Whether one more answer may leave at `now`.
    fn take(&mut self, now: Picos) -> bool {
        let passed = now.saturating_sub(self.at).0;
        self.left = self.left.saturating_add(passed).min(BURST * EVERY.0);
        self.at = self.at.max(now);
        let may = self.left >= EVERY.0;
        self.left -= if may { EVERY.0 } else { 0 };
        may
    }
}

/// One core's answers.
pub struct Responder {
    /// Port and MAC address of whoever has an address.
    owners: HashMap<IpAddr, (usize, Address)>,
    /// VLAN of each port, where it has one of its own.
    vlans: Vec<Option<u16>>,
    allowances: Vec<Allowance>,
    /// What each port has answered.
    pub counts: Vec<Answers>,
}

/// What is to be said to whoever asked.
enum Reply<'a> {
    Arp(arp::Repr),
    Advertisement(icmpv6::Repr, std::net::Ipv6Addr),
    Echo((IpAddr, IpAddr), u8, Echo<'a>),
}

impl Responder {
    /// For the workers of `plan` behind ports that answer; `None` where no port does.
    #[must_use]
    pub fn new(plan: &Plan) -> Option<Responder> {
        let behind = plan
            .workers
            .iter()
            .filter(|worker| plan.ports[worker.port].answer && !worker.peer);
        let owners: HashMap<_, _> = behind
            .flat_map(|worker| {
                let owner = (worker.port, Address(worker.mac));
                [(worker.ipv4.into(), owner), (worker.ipv6.into(), owner)]
            })
            .collect();
        let full = Allowance {
            left: BURST * EVERY.0,
            at: Picos::ZERO,
        };
        (!owners.is_empty()).then(|| Responder {
            owners,
            vlans: plan.ports.iter().map(|port| port.vlan).collect(),
            allowances: vec![full; plan.ports.len()],
            counts: vec![Answers::default(); plan.ports.len()],
        })
    }

    /// Writes the answer to what came to `port` at `now` to the beginning of `out`, and returns its length; `None` when
    /// nothing is to be said.
    pub fn answer(&mut self, port: usize, heard: &Heard<'_>, now: Picos, out: &mut [u8]) -> Option<usize> {
        let (address, reply) = Responder::reply(heard)?;
        let (_, mac) = *self.owners.get(&address).filter(|(behind, _)| *behind == port)?;
        let vlan = self.vlans[port];
        if vlan.is_some() && vlan != heard.link.tags.vid() {
            return None;
        }
        // What was flooded is not for us, and a group is not to be pinged.
        if matches!(reply, Reply::Echo(..)) && heard.link.dst != mac {
            return None;
        }
        let counts = &mut self.counts[port];
        if !self.allowances[port].take(now) {
            counts.withheld += 1;
            return None;
        }
        let link = &heard.link;
        match reply {
            Reply::Arp(request) => {
                counts.arp += 1;
                let packet = arp::Repr::reply_to(&request, mac);
                Some(write::arp(request.sender_mac, mac, &link.tags, &packet, out))
            }
            Reply::Advertisement(mut message, to) => {
                counts.discovery += 1;
                let dst = if to == icmpv6::ALL_NODES {
                    icmpv6::ALL_NODES_MAC
                } else {
                    message.mac
                };
                message.mac = mac;
                Some(write::advertisement((dst, mac, &link.tags), &message, to, out))
            }
            Reply::Echo(addresses, traffic_class, echo) => {
                let len = write::echo((link.src, mac, &link.tags), addresses, traffic_class, &echo, out);
                let count = if len.is_some() {
                    &mut counts.echo
                } else {
                    &mut counts.too_long
                };
                *count += 1;
                len
            }
        }
    }

    /// Who is asked, and what there is to say.
    fn reply<'a>(heard: &Heard<'a>) -> Option<(IpAddr, Reply<'a>)> {
        match heard.says {
            Says::Arp(request) => {
                // An announcement asks nothing. A probe (RFC 5227 section 2.1.1) is answered: the address is taken.
                let asks = request.operation == arp::REQUEST && request.sender_ip != request.target_ip;
                let is_host = !request.sender_mac.is_multicast() && !is_group(request.sender_ip);
                (asks && is_host).then_some((request.target_ip.into(), Reply::Arp(request)))
            }
            Says::Solicitation { src, solicitation } => {
                // Whoever wants the address itself has none to be answered at: all nodes hear that it is taken
                // (RFC 4861 section 7.2.4).
                let is_probe = src.is_unspecified();
                let message = icmpv6::Repr {
                    router: false,
                    solicited: !is_probe,
                    overrides: true,
                    target: solicitation.target,
                    // Where the answer goes, until it is written.
                    mac: solicitation.source_mac.unwrap_or(heard.link.src),
                };
                let to = if is_probe { icmpv6::ALL_NODES } else { src };
                let is_host = !message.mac.is_multicast();
                is_host.then_some((solicitation.target.into(), Reply::Advertisement(message, to)))
            }
            Says::Echo {
                src,
                dst,
                traffic_class,
                echo,
            } => {
                let is_host = match src {
                    IpAddr::V4(src) => !is_group(src) && src != Ipv4Addr::UNSPECIFIED,
                    IpAddr::V6(src) => !src.is_multicast() && !src.is_unspecified(),
                };
                let echo = Echo { reply: true, ..echo };
                is_host.then_some((dst, Reply::Echo((dst, src), traffic_class, echo)))
            }
            Says::Advertisement(_) => None,
        }
    }
}

fn is_group(address: Ipv4Addr) -> bool {
    address.is_multicast() || address.is_broadcast()
}

#[cfg(test)]
mod tests {
    use super::super::heard::tests::{ROUTER, arp_request, ping, solicitation, tag};
    use super::*;
    use crate::units::BitRate;
    use crate::wire::ethernet;

    fn plan(vlans: bool) -> Plan {
        let pattern =
            crate::pattern::parse("t", "traffic: [{kind: incast, senders: 9, message: 4KiB}]\n", &[]).unwrap();
        let vlan = |vid: u16| if vlans { format!(", vlan: {vid}") } else { String::new() };
        let text = format!(
            "ports:
  - {{name: a, device: 'net_af_packet0,iface=x0', workers: 5, address: [20.1.1.2/24, '2001:db8:1::2/64'], gateway: 20.1.1.1{}}}
  - {{name: b, device: 'net_af_packet1,iface=x1', workers: 5, address: [20.1.2.2/24, '2001:db8:2::2/64'], gateway: 20.1.2.1{}}}
",
            vlan(11),
            vlan(12)
        );
        let testbed = crate::testbed::parse("t", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
        crate::plan::build(&pattern, &testbed, &[BitRate(10_000_000_000); 2]).unwrap()
    }

    fn answer(responder: &mut Responder, port: usize, frame: &[u8], now: u64) -> Option<Vec<u8>> {
        let mut out = [0xa5; 192];
        let heard = Heard::parse(frame)?;
        let len = responder.answer(port, &heard, Picos(now), &mut out)?;
        Some(out[..len].to_vec())
    }

    #[test]
    fn each_port_answers_for_its_own_workers() {
        let plan = plan(false);
        let mut responder = Responder::new(&plan).unwrap();
        let request = arp_request([20, 1, 1, 1], [20, 1, 1, 4], &[tag(7)]);
        assert_eq!(answer(&mut responder, 1, &request, 0), None, "another port's");
        let reply = answer(&mut responder, 0, &request, 0).unwrap();
        // To the asker alone, in its VLAN, RFC 826's layout by hand.
        assert_eq!(reply[..6], ROUTER.0);
        assert_eq!(reply[6..12], plan.workers[2].mac);
        assert_eq!(reply[12..18], [0x81, 0, 0x60, 7, 8, 6]);
        assert_eq!(reply[18..28], [0, 1, 8, 0, 6, 4, 0, 2, 2, 0]);
        let Says::Arp(packet) = Heard::parse(&reply).unwrap().says else {
            panic!()
        };
        assert_eq!(
            (packet.sender_ip, packet.sender_mac.0),
            ([20, 1, 1, 4].into(), plan.workers[2].mac)
        );
        assert_eq!((packet.target_ip, packet.target_mac), ([20, 1, 1, 1].into(), ROUTER));
        // A probe is answered, an announcement and a request for the router are not.
        assert!(answer(&mut responder, 0, &arp_request([0; 4], [20, 1, 1, 4], &[]), 0).is_some());
        assert!(answer(&mut responder, 0, &arp_request([20, 1, 1, 4], [20, 1, 1, 4], &[]), 0).is_none());
        assert!(answer(&mut responder, 0, &arp_request([20, 1, 1, 4], [20, 1, 1, 1], &[]), 0).is_none());
        assert_eq!(responder.counts[0].arp, 2);
    }

    #[test]
    fn solicitations_are_answered_as_rfc_4861_has_it() {
        let plan = plan(false);
        let mut responder = Responder::new(&plan).unwrap();
        let (router, worker) = ("2001:db8:1::1".parse().unwrap(), plan.workers[3].ipv6);
        let reply = answer(&mut responder, 0, &solicitation(router, worker, &[]), 0).unwrap();
        let Says::Advertisement(said) = Heard::parse(&reply).unwrap().says else {
            panic!()
        };
        assert_eq!((said.target, said.mac.0), (worker, plan.workers[3].mac));
        assert!(said.solicited && said.overrides && !said.router);
        assert_eq!((&reply[..6], reply[14 + 7]), (&ROUTER.0[..], 255));
        assert_eq!(reply[14 + 24..14 + 40], router.octets());
        // Duplicate address detection (RFC 4862 section 5.4.3): all nodes hear it, and nobody is named as the asker.
        let mut out = [0; 192];
        let len = write::solicitation(ROUTER, "::".parse().unwrap(), worker, &[], &mut out);
        let mut probe = out[..len].to_vec();
        assert_eq!(Heard::parse(&probe), None, "a probe has no link-layer option");
        probe.truncate(14 + 40 + 24);
        probe[14 + 5] = 24;
        probe[14 + 42..14 + 44].fill(0);
        let group = icmpv6::solicited_node(worker);
        let sum = crate::wire::checksum::Sum::default();
        let message = &probe[14 + 40..];
        let sum = sum
            .add_pseudo_header("::".parse().unwrap(), group.into(), 58, 24)
            .add_bytes(message)
            .finish();
        probe[14 + 42..14 + 44].copy_from_slice(&sum.to_be_bytes());
        let reply = answer(&mut responder, 0, &probe, 0).unwrap();
        let Says::Advertisement(said) = Heard::parse(&reply).unwrap().says else {
            panic!()
        };
        assert!(!said.solicited && said.overrides);
        assert_eq!(
            (&reply[..6], &reply[14 + 24..14 + 40]),
            (&icmpv6::ALL_NODES_MAC.0[..], &icmpv6::ALL_NODES.octets()[..])
        );
    }

    #[test]
    fn pings_to_a_worker_come_back() {
        let plan = plan(false);
        let mut responder = Responder::new(&plan).unwrap();
        let worker = &plan.workers[1];
        let mac = Address(worker.mac);
        for (from, to) in [
            (IpAddr::from([20, 9, 9, 9]), IpAddr::from(worker.ipv4)),
            ("2001:db8:9::9".parse().unwrap(), worker.ipv6.into()),
        ] {
            let request = ping(mac, from, to, &[0x5a; 56]);
            let reply = answer(&mut responder, 0, &request, 0).unwrap();
            assert_eq!(
                (&reply[..6], &reply[6..12], reply.len()),
                (&ROUTER.0[..], &mac.0[..], request.len())
            );
            let at = if to.is_ipv4() { 14 + 20 } else { 14 + 40 };
            let echo = Echo::parse(to, from, &reply[at..]).unwrap();
            assert!(echo.reply && echo.data == [0x5a; 56] && (echo.identifier, echo.sequence) == (9, 1));
            // To another station, or too long for a small frame.
            assert_eq!(answer(&mut responder, 0, &ping(ROUTER, from, to, b"x"), 0), None);
            assert_eq!(answer(&mut responder, 0, &ping(mac, from, to, &[0; 600]), 0), None);
        }
        assert_eq!((responder.counts[0].echo, responder.counts[0].too_long), (2, 2));
        let broadcast = ping(mac, [255; 4].into(), worker.ipv4.into(), b"x");
        assert_eq!(answer(&mut responder, 0, &broadcast, 0), None);
    }

    #[test]
    fn a_port_with_a_vlan_answers_in_it_alone() {
        let plan = plan(true);
        let mut responder = Responder::new(&plan).unwrap();
        let request = |tags: &[crate::wire::vlan::Tag]| arp_request([20, 1, 1, 1], [20, 1, 1, 2], tags);
        assert!(answer(&mut responder, 0, &request(&[tag(11)]), 0).is_some());
        assert!(answer(&mut responder, 0, &request(&[tag(12)]), 0).is_none());
        assert!(answer(&mut responder, 0, &request(&[]), 0).is_none());
    }

    #[test]
    fn answers_are_bounded() {
        let plan = plan(false);
        let mut responder = Responder::new(&plan).unwrap();
        let request = arp_request([20, 1, 1, 1], [20, 1, 1, 2], &[]);
        let mut answered = 0;
        // A million requests in a second.
        for number in 0..1_000_000u64 {
            answered += u64::from(answer(&mut responder, 0, &request, number * 1_000_000).is_some());
        }
        let most = BURST + 1_000_000_000_000 / EVERY.0;
        assert!((most - 2..=most).contains(&answered), "{answered} of at most {most}");
        assert_eq!(responder.counts[0].withheld, 1_000_000 - answered);
        // The other port has an allowance of its own.
        let other = arp_request([20, 1, 2, 1], [20, 1, 2, 2], &[]);
        assert!(answer(&mut responder, 1, &other, 999_999_000_000).is_some());
        assert!(ethernet::MIN_FRAME_LEN <= request.len());
    }
}
